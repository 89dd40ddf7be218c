"""`read` finds the format, takes what is in memory, and refuses what it cannot read."""

import subprocess
import sys
from importlib import import_module
from typing import get_args

import numpy as np
import pytest
from PIL import Image

from balancekit import Labels, analyze, read
from balancekit.errors import DataError, OptionError
from balancekit.sources import FORMATS, Format, ReadOptions, open_source
from balancekit.stats import Counts


def test_what_is_in_memory_is_taken_and_told():
    assert read(["a", "b"]).class_names == ("a", "b")
    assert open_source(np.array([0, 1])).description == "labels of a ndarray"


def test_labels_that_were_saved_are_read_again(tmp_path):
    labels = Labels(class_ids=[1, 0], class_names=("a", "b"), sample_ids=["x", "y"])
    labels.save(tmp_path / "labels.npz")
    again = read(tmp_path / "labels.npz")
    assert (again.class_names, list(again.sample_ids)) == (("a", "b"), ["x", "y"])
    assert again.class_ids.tolist() == [1, 0]
    assert analyze(tmp_path / "labels.npz").source == f"labels {tmp_path}/labels.npz"


def test_a_file_of_arrays_that_are_no_labels_is_refused(tmp_path):
    np.savez(tmp_path / "x.npz", x=np.arange(3))
    with pytest.raises(DataError, match=r"expected an array of labels .* got \['x'\]"):
        read(tmp_path / "x.npz")


def test_a_task_is_held_to():
    assert read(["a"], task="classification").task == "classification"
    several = np.ones((2, 3), int)
    assert read(several, task="multilabel").task == "multilabel"
    with pytest.raises(DataError, match="task: expected classification data, got multilabel data"):
        read(several, task="classification")


def test_one_class_a_sample_may_be_taken_as_a_set_of_one():
    assert read(np.eye(2)).task == "classification"
    sets = read([0, None, 1], task="multilabel")
    assert sets.offsets.tolist() == [0, 1, 1, 2]
    assert sets.class_ids.tolist() == [0, 1]


@pytest.mark.parametrize("name", ["data.xyz", "nameless"])
def test_a_file_of_unknown_format_is_refused(tmp_path, name):
    (tmp_path / name).touch()
    with pytest.raises(DataError, match=r"expected a data set in a known format"):
        read(tmp_path / name)


def test_paths_may_be_text_or_path_objects(tmp_path):
    (tmp_path / "x.csv").write_text("x,label\n1,a\n")
    assert read(str(tmp_path / "x.csv")).class_names == read(tmp_path / "x.csv").class_names


@pytest.mark.parametrize("entry", FORMATS, ids=[entry.name for entry in FORMATS])
def test_every_format_says_whether_it_recognises_a_path(tmp_path, entry):
    (tmp_path / "x.unknown").touch()
    assert entry.recognise(tmp_path / "x.unknown") is None
    module, _, function = entry.opened_by.partition(".")
    assert callable(getattr(import_module(f"balancekit.sources.{module}"), function))


def test_the_formats_are_those_that_may_be_named():
    assert sorted(entry.name for entry in FORMATS) == sorted(get_args(Format))


def test_a_plain_image_folder_is_told_without_loading_other_formats(tmp_path):
    make(tmp_path, [f"{name}/1.jpg" for name in ("cat", "dog", "emu")])
    script = f"""
import sys
from balancekit import analyze
assert analyze({str(tmp_path)!r}, verify="none").n_samples == 3
names = ("PIL", "duckdb", "fsspec", "balancekit.sources.coco", "balancekit.sources.remote")
print([name for name in names if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("[]\n", "")


# --- an image folder is an image folder ----------------------------------------------------------

CLASSES = [f"{name}/{i}.jpg" for name in ("cat", "dog") for i in range(3)]

BESIDE = {
    "a table": ["labels.csv"],
    "tables and lists": ["train.csv", "classes.txt", "README.md", "LICENSE", "meta.json"],
    "a text file in each class": ["cat/notes.txt", "dog/notes.txt"],
    "captions beside pictures": [f"{name}/{i}.txt" for name in ("cat", "dog") for i in range(3)],
    "masks beside pictures": [f"{name}/{i}.png" for name in ("cat", "dog") for i in range(3)],
    "hidden files": [".DS_Store", "__MACOSX/cat/._0.jpg", ".ipynb_checkpoints/x.csv"],
    "an empty class": ["emu/.keep"],
    "a class called images": ["images/0.jpg"],
    "a class called labels": ["labels/0.jpg"],
    "a class called train": ["train/0.jpg"],
    "a script": ["prepare.py", "Makefile"],
    "an archive of it": ["data.zip"],
}


def make(root, names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("name,label\n1,a\n" if name.endswith(".csv") else "")


@pytest.mark.parametrize("names", BESIDE.values(), ids=BESIDE.keys())
@pytest.mark.parametrize("split", ["", "train/"], ids=["whole", "split"])
def test_class_folders_of_pictures_are_an_image_folder_whatever_lies_beside(tmp_path, names, split):
    make(tmp_path, [f"{split}{name}" for name in [*CLASSES, *names]])
    source = open_source(tmp_path)
    assert source.format == "image-folder"
    counts = dict(
        zip(source.read_labels().class_names, source.read_labels().class_counts(), strict=True)
    )
    assert (counts["cat"], counts["dog"]) == (3, 3)


NO_IMAGE_FOLDER = {
    "texts by class": (["a/1.txt", "a/2.txt", "b/1.txt"], "text"),
    "texts by class with a picture": (
        ["a/1.txt", "a/2.txt", "b/1.txt", "b/2.txt", "b/x.png"],
        "text",
    ),
}


@pytest.mark.parametrize(("names", "format"), NO_IMAGE_FOLDER.values(), ids=NO_IMAGE_FOLDER.keys())
def test_a_folder_with_pictures_is_not_always_an_image_folder(tmp_path, names, format):  # noqa: A002
    make(tmp_path, names)
    assert open_source(tmp_path).format == format


# --- options that are of other formats -----------------------------------------------------------

FOREIGN = {
    "a delimiter with pictures": ("pictures", {"label_delimiter": "|"}, "only with a table"),
    "a label with pictures": ("pictures", {"label": "kind"}, "only with a table"),
    "a void index with a table": ("d.csv", {"void_index": 255}, "only with a folder of masks"),
    "a header with JSON lines": (
        "d.jsonl",
        {"header": False},
        r"only with a table of text \(CSV\)",
    ),
    "a header with saved labels": ("d.npz", {"header": True}, "got True with labels that were"),
    "a label with saved labels": ("d.npz", {"label": "kind"}, "got 'kind' with labels that were"),
}


@pytest.mark.parametrize(("name", "options", "words"), FOREIGN.values(), ids=FOREIGN.keys())
def test_an_option_that_would_not_be_looked_at_is_refused(tmp_path, name, options, words):
    make(tmp_path, [f"pictures/{file}" for file in CLASSES])
    (tmp_path / "d.csv").write_text("x,label\n1,a\n")
    (tmp_path / "d.jsonl").write_text('{"label": "a"}\n')
    Labels.from_names(["a", "b"]).save(tmp_path / "d.npz")
    (option,) = options
    with pytest.raises(OptionError, match=f"^{option}: expected .*{words}.* Leave it out"):
        read(tmp_path / name, **options)


@pytest.mark.parametrize("option", ["label_delimiter", "void_index", "header"])
def test_what_is_in_memory_takes_no_option_of_files(option):
    with pytest.raises(OptionError, match=f"^{option}: expected only with .* with a list"):
        read(
            ["a", "b"],
            **{option: {"label_delimiter": "|", "void_index": 1, "header": True}[option]},
        )


@pytest.mark.parametrize("entry", FORMATS, ids=[entry.name for entry in FORMATS])
def test_every_format_refuses_the_options_that_it_does_not_list(tmp_path, entry):
    given = {"label": "x", "label_delimiter": "|", "header": True, "void_index": 3}
    assert set(entry.options) <= set(given)
    for option in given.keys() - set(entry.options):
        with pytest.raises(OptionError, match=rf"^{option}: .* \({entry.name}\)\. Leave it out"):
            entry.open(tmp_path, ReadOptions(**{option: given[option]}))


NO_CLASSES = {
    "pictures alone": ("images/1.jpg",),
    "KITTI's": ("training/image_2/1.png", "training/label_2/1.txt"),
    "annotations that are not known": ("images/1.jpg", "annotations/1.json"),
    "ImageNet's as it is packed": (
        "Data/train/cat/1.jpg",
        "Annotations/train/1.txt",
        "ImageSets/1",
    ),
}


@pytest.mark.parametrize("names", NO_CLASSES.values(), ids=NO_CLASSES)
def test_the_folders_of_another_format_are_not_taken_for_classes(tmp_path, names):
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")

    with pytest.raises(
        DataError, match=r"expected class folders .* --format image-folder if these"
    ):
        read(tmp_path)
    assert read(tmp_path, format="image-folder").n_samples == 1


def test_class_folders_may_be_called_labels_or_masks(tmp_path):
    for name in ("label_1/1.jpg", "label_2/1.jpg"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(b"x")

    assert read(tmp_path).class_names == ("label_1", "label_2")


def test_what_a_task_cannot_be_read_from_is_told(tmp_path):
    (tmp_path / "a.csv").write_text("label\na\nb\n")
    source = open_source(tmp_path / "a.csv", ReadOptions(task="detection"))
    told = r"table .*a\.csv.*: task: expected detection data, got classification data"

    with pytest.raises(DataError, match=told):
        source.read_labels()
    with pytest.raises(DataError, match=told):
        [shard.count() for shard in source.shards()]


def test_sets_of_the_classes_of_masks_count_as_sets_that_were_read(tmp_path):
    for name, values in {"images/1": [[9, 9]], "masks/1": [[0, 2]]}.items():
        (tmp_path / name).parent.mkdir()
        Image.fromarray(np.array(values, np.uint8)).save(tmp_path / f"{name}.png")

    source = open_source(tmp_path, ReadOptions(task="multilabel"))
    counts = sum((shard.count() for shard in source.shards()), Counts())

    assert counts == Counts.from_labels(source.read_labels())
    assert counts.samples_per_class == {"0": 1, "2": 1}


def test_the_label_column_of_open_images_is_known(tmp_path):
    rows = "".join(f"{i},x,/m/0{i % 2},1,0,1,0\n" for i in range(20))
    head = "ImageID,Source,LabelName,Confidence,IsOccluded,IsTruncated,IsGroupOf\n"
    (tmp_path / "a.csv").write_text(head + rows)

    assert read(tmp_path / "a.csv").class_counts().tolist() == [10, 10]


def test_an_empty_path_is_not_this_folder(tmp_path, monkeypatch):
    (tmp_path / "cat").mkdir()
    (tmp_path / "cat" / "1.jpg").touch()
    monkeypatch.chdir(tmp_path)
    assert open_source(".").read_labels().n_samples == 1
    with pytest.raises(DataError, match="expected a path, got an empty one"):
        open_source("")
