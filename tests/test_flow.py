"""Analysis by shards is the analysis of the whole; content is checked as closely as asked."""

import itertools

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given
from PIL import Image

from balancekit import Labels, Oversample, Regroup, Undersample, analyze, read, resample
from balancekit.engines import SerialEngine, ThreadEngine
from balancekit.errors import BalancekitWarning, DataError, OptionError


class Backwards:
    """An engine that hands back the results of its shards last first."""

    def map_shards(self, function, shards):
        return iter([function(shard) for shard in shards][::-1])


ENGINES = {"serial": SerialEngine(), "threads": ThreadEngine(3), "backwards": Backwards()}
engines = pytest.mark.parametrize("engine", ENGINES.values(), ids=ENGINES.keys())


def save_pictures(root, **n_of_class):
    rng = np.random.default_rng(0)  # noise: what is cut off must matter
    for name, n in n_of_class.items():
        (root / name).mkdir(parents=True)
        for i in range(n):
            Image.frombytes("L", (8, 8), rng.bytes(64)).save(root / name / f"{i:03}.png")
    return root


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = save_pictures(tmp_path_factory.mktemp("data"), b=150, a=20, c=2)
    for name in ("b/000.png", "b/149.png", "c/001.png"):
        (root / name).write_bytes((root / name).read_bytes()[:-50])
    (root / "a" / "notes.txt").touch()
    return root


@pytest.fixture
def table(tmp_path):
    (tmp_path / "table.csv").write_text("x,label\n" + "1,b\n" * 30 + "2,a\n" * 20 + "3,\n4,c,d\n")
    return tmp_path / "table.csv"


# --- analyze ------------------------------------------------------------------------------------


def assert_same_but_for_problems(by_shards, whole):
    for name in ("task", "media", "n_samples", "n_unlabelled", "class_names", "class_counts"):
        assert getattr(by_shards, name) == getattr(whole, name), name
    assert by_shards.fingerprint == whole.fingerprint
    assert by_shards.balance == whole.balance


@engines
def test_a_folder_analysed_by_shards_is_as_its_labels(folder, engine):
    stats = analyze(folder, engine=engine, verify="none")
    assert_same_but_for_problems(stats, analyze(read(folder)))
    assert stats.class_counts == (20, 150, 2)


@engines
def test_a_table_analysed_by_shards_is_as_its_labels(table, engine):
    stats = analyze(table, engine=engine)
    with pytest.warns(BalancekitWarning, match="1 row does not fit"):
        labels = read(table)
    assert_same_but_for_problems(stats, analyze(labels))
    assert (stats.class_counts, stats.n_unlabelled) == ((20, 30), 1)


@given(names=st.lists(st.sampled_from(["b", "a", "10", None]), min_size=1).filter(any))
def test_labels_in_memory_are_analysed_as_they_are(names):
    labels = read(names)
    stats = analyze(names)
    assert stats.class_names == labels.class_names
    assert stats.counts_array().tolist() == labels.class_counts().tolist()
    assert (stats.n_samples, stats.n_unlabelled) == (len(names), names.count(None))


def test_the_engine_does_not_change_a_byte(folder):
    texts = {analyze(folder, engine=engine).to_json() for engine in ENGINES.values()}
    assert len(texts) == 1


def test_classes_that_no_sample_carries_are_kept():
    stats = analyze(Labels(class_ids=[2, 2], class_names=("z", "a", "m")))
    assert (stats.class_names, stats.class_counts) == (("z", "a", "m"), (0, 0, 2))


# --- verify -------------------------------------------------------------------------------------

LEVELS = {"none": (0, 0), "header": (172, 0), "decode": (172, 3), "auto": (172, 3)}


@pytest.mark.parametrize(("verify", "found"), LEVELS.items(), ids=LEVELS.keys())
def test_content_is_checked_as_closely_as_asked(folder, verify, found):
    stats = analyze(folder, verify=verify)
    n_bad = sum(issue.count for issue in stats.issues if issue.code == "BK201")
    assert (stats.n_checked, n_bad) == found
    assert stats.n_samples == 172


def test_many_pictures_are_not_decoded_unless_asked(folder, monkeypatch):
    monkeypatch.setattr("balancekit.flow.AUTO_VERIFY_SAMPLES", 171)
    assert analyze(folder).n_checked == 0
    assert analyze(folder, verify="decode").n_checked == 172


def test_progress_is_told_and_adds_up(folder):
    told = []
    analyze(folder, on_progress=told.append)
    assert sum(told) == 172
    assert sorted(told) == [44, 128]


@pytest.mark.parametrize("of", [str, read], ids=["path", "labels"])
def test_truncated_pictures_are_found_by_path_and_by_labels(tmp_path, of):
    folder = save_pictures(tmp_path, a=3, b=2)
    broken = folder / "a" / "001.png"
    broken.write_bytes(broken.read_bytes()[:-50])
    (issue,) = [issue for issue in analyze(of(folder)).issues if issue.code == "BK201"]
    assert issue.count == 1
    assert str(broken) in issue.examples[0]


def test_pictures_named_by_a_table_are_opened_where_they_are_found(tmp_path):
    table = tmp_path / "labels.csv"
    table.write_text("file,label\na.png,x\nb.png,y\n")
    with pytest.warns(BalancekitWarning, match="no picture could be opened"):
        assert analyze(table, verify="decode").n_checked == 0
    Image.new("L", (4, 4)).save(tmp_path / "a.png")
    stats = analyze(table, verify="decode")
    assert stats.n_checked == 1
    assert "b.png" in next(i for i in stats.issues if i.code == "BK219").examples[0]


UNSEEN = {
    "rows have no quality": ({"quality": True}, "quality was not measured"),
    "labels have no content": (
        {"duplicates": True, "quality": True},
        "duplicates were not looked for.*; quality was not measured",
    ),
}


@pytest.mark.parametrize(("checks", "words"), UNSEEN.values(), ids=UNSEEN.keys())
def test_what_was_asked_for_and_cannot_be_looked_at_is_told(checks, words):
    with pytest.warns(BalancekitWarning, match=words):
        stats = analyze(["cat", "dog"], **checks)
    assert (stats.duplicates, stats.quality) == (None, None)


def test_a_table_of_ids_and_labels_alone_has_no_content_to_compare(tmp_path):
    table = tmp_path / "labels.csv"
    table.write_text("id,label\n" + "".join(f"{i},{i % 3}\n" for i in range(30)))
    with pytest.warns(BalancekitWarning, match="no column with content is left beside the labels"):
        assert analyze(table, duplicates=True).duplicates is None


def test_a_table_has_no_content_to_check(table):
    assert analyze(table, verify="decode").n_checked == 0


def test_a_level_that_does_not_exist_is_refused(folder):
    with pytest.raises(OptionError, match=r"verify: expected one of .*'decode'.*, got 'all'"):
        analyze(folder, verify="all")


def test_data_without_labels_are_refused():
    for data in ([], [None], object()):
        with pytest.raises(DataError):
            analyze(data)


# --- resample -----------------------------------------------------------------------------------

NAMES = ["a"] * 30 + ["b"] * 10 + [None] * 5 + ["c"] * 4
STRATEGIES = {
    "oversample": (Oversample(), [30, 30, 30]),
    "half oversample": (Oversample(ratio=0.5), [30, 15, 15]),
    "undersample": (Undersample(), [4, 4, 4]),
    "twice the smallest": (Undersample(multiple=2), [8, 8, 4]),
    "regroup": (Regroup(max_num=12), [12, 12, 12]),
}


@pytest.mark.parametrize(("strategy", "expected"), STRATEGIES.values(), ids=STRATEGIES.keys())
def test_resampled_indices_have_the_counts_asked_for(strategy, expected):
    labels = read(NAMES)
    indices = resample(labels, strategy)
    part = labels.take(indices)
    assert part.class_counts().tolist() == expected
    assert part.class_ids.min() >= 0  # samples without a label are never drawn
    for class_id, n in enumerate(labels.class_counts()):
        times = np.bincount(indices, minlength=len(NAMES))[labels.class_ids == class_id]
        assert times.max() - times.min() <= 1
        assert len(times) == n


def test_the_seed_alone_decides():
    draws = [resample(NAMES, Undersample(), seed=seed).tolist() for seed in (0, 0, 1, 2)]
    assert draws[0] == draws[1]
    assert all(one != other for one, other in itertools.combinations(draws[1:], 2))


def test_paths_are_resampled_too(folder):
    paths = read(folder).sample_ids
    kept = [paths[int(i)].split("/")[-2] for i in resample(folder, Undersample())]
    assert sorted(kept) == ["a", "a", "b", "b", "c", "c"]


def test_several_classes_a_sample_are_not_resampled():
    with pytest.raises(DataError, match="one class a sample"):
        resample(np.ones((3, 2), int), Oversample())
