"""Folders of Hugging Face data sets: of the hub, and of `save_to_disk`."""

import builtins
import json

import pandas as pd
import pytest

from balancekit import analyze, read
from balancekit.errors import DataError, MissingLibraryError
from balancekit.sources import open_source
from balancekit.sources.huggingface import recognise


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def counts_of(stats):
    return dict(zip(stats.class_names, stats.class_counts, strict=True))


CARD = """---
license: mit
dataset_info:
  features:
  - name: text
    dtype: string
  - name: intent
    dtype:
      class_label:
        names:
          '0': no
          '1': yes
          '2': rare
configs:
- config_name: default
  data_files:
  - split: train
    path: data/a*
  - split: test
    path: [data/b*]
---
# A set
"""


# --- the hub ------------------------------------------------------------------------------------


def test_a_data_card_names_the_files_of_each_split_and_the_classes(tmp_path):
    write(tmp_path / "README.md", CARD)
    write(tmp_path / "data/a.csv", "text,intent\nx,0\ny,1\nz,0\n")
    write(tmp_path / "data/b.csv", "text,intent\nx,1\n")
    assert recognise(tmp_path) == "its data card describes it"
    stats = analyze(tmp_path)
    assert (stats.format, stats.split) == ("huggingface", "train")
    assert counts_of(stats) == {"no": 2, "yes": 1, "rare": 0}
    assert counts_of(analyze(tmp_path, split="test")) == {"no": 0, "yes": 1, "rare": 0}
    assert [split.name for split in stats.splits] == ["test"]


def test_files_named_as_on_the_hub_need_no_card(tmp_path):
    (tmp_path / "data").mkdir()
    for split, label in (("train", "a"), ("validation", "b")):
        for part in range(2):
            name = f"{split}-{part:05}-of-00002.parquet"
            pd.DataFrame({"label": [label]}).to_parquet(tmp_path / "data" / name)
    stats = analyze(tmp_path)
    assert (stats.format, stats.split, counts_of(stats)) == ("huggingface", "train", {"a": 2})
    assert counts_of(analyze(tmp_path, split="validation")) == {"b": 2}


def test_the_configuration_marked_as_default_is_taken(tmp_path):
    card = (
        "---\nconfigs:\n- config_name: one\n  data_files: one/*.csv\n"
        "- config_name: two\n  default: true\n  data_files: two/*.csv\n---\n"
    )
    write(tmp_path / "README.md", card)
    write(tmp_path / "one/x.csv", "x,label\n1,a\n")
    write(tmp_path / "two/x.csv", "x,label\n1,b\n")
    assert counts_of(analyze(tmp_path)) == {"b": 1}


BAD_CARDS = {
    "no front matter": "# words\n",
    "front matter that is no YAML": "---\na: [\n---\n",
    "a list": "---\n- a\n---\n",
    "other types": "---\nconfigs: 3\ndataset_info: [x, {features: {a: b}}]\n---\n",
    "a tag that would run code": "---\nconfigs: !!python/object/apply:os.system [x]\n---\n",
    "a path that leaves the folder": "---\nconfigs:\n- data_files: ../other/*.csv\n---\n",
    "an absolute path": "---\nconfigs:\n- data_files: /etc/*.csv\n---\n",
}


@pytest.mark.parametrize("card", BAD_CARDS.values(), ids=BAD_CARDS.keys())
def test_a_card_that_says_nothing_of_use_is_no_hindrance(tmp_path, card):
    write(tmp_path / "other/secret.csv", "x,label\n1,stolen\n")
    write(tmp_path / "set/README.md", card)
    write(tmp_path / "set/train.csv", "x,label\n1,a\n")
    assert counts_of(analyze(tmp_path / "set")) == {"a": 1}


def test_a_folder_of_pictures_with_a_card_is_no_table(tmp_path):
    write(tmp_path / "README.md", CARD)
    write(tmp_path / "train/cat/1.jpg", "")
    assert recognise(tmp_path) is None


# --- save_to_disk -------------------------------------------------------------------------------


@pytest.fixture
def dataset():
    datasets = pytest.importorskip("datasets")
    features = datasets.Features(
        {
            "text": datasets.Value("string"),
            "intent": datasets.ClassLabel(names=["no", "yes", "rare"]),
        }
    )
    columns = {"text": ["a", "b", "c", "a"], "intent": [0, 1, 1, 0]}
    return datasets.Dataset.from_dict(columns, features=features)


def test_a_saved_set_is_read_with_its_class_names(tmp_path, dataset):
    dataset.save_to_disk(tmp_path / "set")
    stats = analyze(tmp_path / "set", duplicates=True)
    assert (stats.format, counts_of(stats)) == ("huggingface", {"no": 2, "yes": 2, "rare": 0})
    assert stats.duplicates.n_exact == 1
    assert read(tmp_path / "set").class_ids.tolist() == [0, 1, 1, 0]


def test_a_set_saved_after_a_choice_of_rows_holds_those(tmp_path, dataset):
    dataset.select([3, 1]).save_to_disk(tmp_path / "set")
    assert read(tmp_path / "set").class_ids.tolist() == [0, 1]


def test_a_saved_set_of_splits_has_them(tmp_path, dataset):
    import datasets

    splits = datasets.DatasetDict(train=dataset, test=dataset.select([0]))
    splits.save_to_disk(tmp_path / "set")
    source = open_source(tmp_path / "set")
    assert (source.split, set(source.other_splits())) == ("train", {"test"})
    assert counts_of(analyze(tmp_path / "set", split="test")) == {"no": 1, "yes": 0, "rare": 0}


def test_lists_of_classes_are_multi_label(tmp_path):
    datasets = pytest.importorskip("datasets")
    features = datasets.Features({"tags": datasets.Sequence(datasets.ClassLabel(names=["p", "q"]))})
    several = datasets.Dataset.from_dict({"tags": [[0, 1], [1], []]}, features=features)
    several.save_to_disk(tmp_path / "set")
    several.to_parquet(tmp_path / "set.parquet")
    for name in ("set", "set.parquet"):
        stats = analyze(tmp_path / name)
        assert (stats.task, counts_of(stats)) == ("multilabel", {"p": 1, "q": 2})
        assert stats.n_unlabelled == 1


def test_pictures_within_a_table_are_pictures(tmp_path):
    datasets = pytest.importorskip("datasets")
    features = datasets.Features({"image": datasets.Image(), "label": datasets.Value("string")})
    rows = {"image": [{"bytes": b"x", "path": None}], "label": ["cat"]}
    datasets.Dataset.from_dict(rows, features=features).to_parquet(tmp_path / "d.parquet")
    stats = analyze(tmp_path / "d.parquet")
    assert (stats.media, counts_of(stats)) == ("pictures", {"cat": 1})


def test_without_pyarrow_the_extra_is_named(tmp_path, monkeypatch):
    write(tmp_path / "state.json", json.dumps({"_data_files": [{"filename": "d.arrow"}]}))
    write(tmp_path / "d.arrow", "")
    real = builtins.__import__

    def without(name, *rest, **options):
        if name == "pyarrow":
            raise ImportError(name)
        return real(name, *rest, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingLibraryError, match=r"pip install '\.\[huggingface\]'"):
        read(tmp_path)


BROKEN = {
    "no JSON": ("{", "cannot be read"),
    "no files": ("{}", "expected the files that state.json names"),
    "a file that is missing": ('{"_data_files":[{"filename":"x.arrow"}]}', "got none of x.arrow"),
    "a file outside": ('{"_data_files":[{"filename":"../../x"}]}', "got none of x"),
    "rows by index": ('{"_indices_files":[{"filename":"i"}]}', "rows in their own order"),
    "a file that is no Arrow": ('{"_data_files":[{"filename":"bad.arrow"}]}', "read as Arrow"),
}


@pytest.mark.parametrize(("state", "words"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_folder_is_refused(tmp_path, state, words):
    pytest.importorskip("pyarrow")
    write(tmp_path / "state.json", state)
    write(tmp_path / "bad.arrow", "no arrow at all")
    with pytest.raises(DataError, match=words):
        read(tmp_path)


def test_a_file_that_holds_no_data_is_refused_when_the_format_is_named(tmp_path):
    (tmp_path / "list.txt").write_text("a\nb\n")
    with pytest.raises(DataError, match=r"list\.txt: expected a folder .* got a \.txt file"):
        read(tmp_path / "list.txt", format="huggingface")
