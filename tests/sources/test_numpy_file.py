"""Arrays in files: which are labels, of which split, and what is refused unread."""

import io
import zipfile
from functools import reduce
from operator import add

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from balancekit import analyze, read
from balancekit.errors import BalancekitError, DataError, OptionError
from balancekit.sources import ReadOptions, open_source
from balancekit.sources.numpy_file import recognise
from balancekit.stats import Counts

COUNTED = ("samples_per_class", "label_sets", "n_samples", "n_unlabelled", "task")


def saved(folder, **arrays):
    path = folder / "x.npz"
    np.savez_compressed(path, **arrays)
    return path


def counted(labels):
    return dict(zip(labels.class_names, labels.class_counts().tolist(), strict=True))


def assert_same_however_read(path, **options):
    source = open_source(path, ReadOptions(**options), format="npz")
    merged = reduce(add, [shard.count() for shard in source.shards()], Counts())
    whole = Counts.from_labels(source.read_labels())
    assert [getattr(merged, n) for n in COUNTED] == [getattr(whole, n) for n in COUNTED]


PICTURES = np.zeros((3, 4, 4), np.uint8)
COLUMN = np.array([[0], [2], [2]], np.uint8)
MEDMNIST = {
    "train_images": PICTURES,
    "train_labels": COLUMN,
    "val_images": PICTURES[:1],
    "val_labels": COLUMN[:1],
    "test_images": PICTURES[:2],
    "test_labels": COLUMN[:2],
}
GAP = {"0": 1, "1": 0, "2": 2}

ARRAYS = {
    "MedMNIST's keys": (MEDMNIST, {}, GAP),
    "MedMNIST's test split": (MEDMNIST, {"split": "test"}, {"0": 1, "1": 0, "2": 1}),
    "MedMNIST's validation by another name": (MEDMNIST, {"split": "validation"}, {"0": 1}),
    "y_train": ({"x_train": PICTURES, "y_train": COLUMN[:, 0]}, {}, GAP),
    "Y_TRAIN": ({"Y_TRAIN": COLUMN[:, 0]}, {}, GAP),
    "y": ({"X": PICTURES, "y": COLUMN[:, 0]}, {}, GAP),
    "one array without a name": ({"arr_0": COLUMN[:, 0]}, {}, GAP),
    "one that you name": ({"z": COLUMN, "y": PICTURES}, {"label": "z"}, GAP),
    "names": ({"labels": np.array(["b", "a", "b"])}, {}, {"a": 1, "b": 2}),
    "true and false": ({"target": np.array([True, False, True])}, {}, {"False": 1, "True": 2}),
    "names stored beside": (
        {"y_train": COLUMN[:, 0], "classes": np.array(["cat", "dog", "eel", "fox"])},
        {},
        {"cat": 1, "dog": 0, "eel": 2, "fox": 0},
    ),
    "too few names stored beside": (
        {"y": COLUMN[:, 0], "class_names": np.array(["cat", "dog"])},
        {},
        GAP,
    ),
    "names stored twice": ({"y": COLUMN[:, 0], "names": np.array(["a", "a", "b"])}, {}, GAP),
    "one-hot": ({"labels": np.eye(3)[[0, 2, 2]]}, {}, GAP),
    "several a sample": (
        {"labels": np.array([[1, 0, 1], [0, 0, 0], [0, 1, 1]])},
        {},
        {"0": 1, "1": 1, "2": 2},
    ),
    "folds are one set": (
        {
            "fold0-x_train": PICTURES,
            "fold0-y_train": [0, 1],
            "fold0-y_test": [1],
            "fold1-y_train": [1, 1],
            "fold1-y_test": [0],
        },
        {},
        {"0": 1, "1": 2},
    ),
}


@pytest.mark.parametrize(("arrays", "options", "expected"), ARRAYS.values(), ids=ARRAYS.keys())
def test_labels_are_found(tmp_path, arrays, options, expected):
    path = saved(tmp_path, **arrays)
    assert counted(read(path, **options)) == expected
    assert_same_however_read(path, **options)


def test_splits_are_told_and_compared(tmp_path):
    stats = analyze(saved(tmp_path, **MEDMNIST))
    assert stats.source == f"arrays {tmp_path}/x.npz, labels 'train_labels'"
    source = open_source(tmp_path / "x.npz", ReadOptions())
    assert (source.split, sorted(source.other_splits())) == ("train", ["test", "val"])
    with pytest.raises(OptionError, match=r"\(train, val, test\), got 'extra'"):
        read(tmp_path / "x.npz", split="extra")


def test_floats_are_targets_unless_they_are_whole(tmp_path):
    path = saved(tmp_path, y=np.array([1.0, 3.0, np.nan]))
    assert read(path).class_ids.tolist() == [1, 3, -1]
    assert read(path, task="regression").values[:2].tolist() == [1, 3]
    assert analyze(path, task="regression").class_names == ("1", "2", "3")
    path = saved(tmp_path, y=np.array([0.5, -2.25]))
    assert read(path).values.tolist() == [0.5, -2.25]
    assert_same_however_read(path)


def test_a_npy_file_is_one_array_that_stays_on_disk(tmp_path, monkeypatch):
    np.save(tmp_path / "y.npy", np.repeat([0, 1], [1, 9]))
    assert read(tmp_path / "y.npy").class_counts().tolist() == [1, 9]
    with pytest.raises(OptionError, match="which is one array"):
        read(tmp_path / "y.npy", label="y")
    asked = []
    load = np.load
    monkeypatch.setattr(np, "load", lambda *a, **k: asked.append(k) or load(*a, **k))
    read(tmp_path / "y.npy")
    assert asked == [{"mmap_mode": "r", "allow_pickle": False}]


def test_arrays_of_pictures_are_never_read(tmp_path):
    path = saved(tmp_path, **MEDMNIST)
    with zipfile.ZipFile(path) as archive:
        kept = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in kept.items():
            archive.writestr(name, b"broken" if "images" in name else content)
    assert counted(read(path)) == GAP


# --- what is refused ----------------------------------------------------------------------------


def header_of(shape, dtype="<i8"):
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        file, {"descr": dtype, "fortran_order": False, "shape": shape}
    )
    return file.getvalue()


def test_an_array_that_claims_more_than_is_there_is_refused_before_it_is_made(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("y.npy", header_of((1 << 45,)) + b"\0" * 64)
    with pytest.raises(DataError, match="its header claims 281474976710656 bytes, of 192 that"):
        read(tmp_path / "x.npz")


def test_a_packed_array_of_gigabytes_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("balancekit.sources.numpy_file.MOST_LABEL_BYTES", 1 << 20)
    path = saved(tmp_path, y=np.zeros(1 << 20))
    assert path.stat().st_size < 1 << 14
    with pytest.raises(DataError, match="and 1048576 at most"):
        read(path)


REFUSED = {
    "pickled objects": ({"y": np.array([{}, 1], object)}, {}, "Python objects, which are pickled"),
    "pictures called labels": ({"labels": PICTURES}, {}, r"shape \[n\] or .* got \(3, 4, 4\)"),
    "no samples": ({"y": np.array([], int)}, {}, r"got \(0,\)"),
    "a table": ({"y": np.zeros(2, [("a", "i4"), ("b", "f4")])}, {}, r"a table \('a', 'b'\)"),
    "no labels": ({"x": PICTURES}, {"format": "npz"}, r"got \['x'\]. Name it with --label"),
    "a label that is not there": ({"y": COLUMN}, {"label": "z"}, r"expected an array 'z', got"),
    "a split that is not there": ({"y": COLUMN}, {"split": "val"}, r"\(none\), got 'val'"),
    "only missing ones": ({"y": np.array([-1, -1])}, {}, "at least one sample, got none"),
    "floats as classes": (
        {"y": np.array([0.5, 1.0])},
        {"task": "classification"},
        "at least one sample, got none",
    ),
}


@pytest.mark.parametrize(("arrays", "options", "words"), REFUSED.values(), ids=REFUSED.keys())
@pytest.mark.filterwarnings("ignore::balancekit.errors.BalancekitWarning")
def test_what_holds_no_labels_is_refused_in_words(tmp_path, arrays, options, words):
    np.savez(tmp_path / "x.npz", allow_pickle=True, **arrays)
    with pytest.raises(BalancekitError, match=words):
        read(tmp_path / "x.npz", **options)


def test_an_array_that_cannot_be_labels_is_an_issue(tmp_path):
    stats = analyze(saved(tmp_path, train_labels=np.array([-1, -1]), test_labels=[0, 1]))
    issue = next(issue for issue in stats.issues if issue.code == "BK213")
    assert "only missing ones" in issue.examples[0]


def test_files_are_recognised_by_their_suffix_and_refused_by_what_is_in_them(tmp_path):
    assert recognise(saved(tmp_path, **MEDMNIST)) == "a file of NumPy arrays"
    with pytest.raises(DataError, match=r"expected an array of labels .* got \['x'\]\. Name it"):
        read(saved(tmp_path, x=PICTURES))
    (tmp_path / "x.npz").write_bytes(b"PK\3\4 broken")
    with pytest.raises(DataError, match=r"cannot be read as \.npz: File is not a zip file"):
        read(tmp_path / "x.npz")
    assert recognise(tmp_path) is None
    assert recognise(tmp_path / "y.npy") is None
    np.save(tmp_path / "y.npy", COLUMN)
    assert recognise(tmp_path / "y.npy") == "a NumPy array"


@pytest.mark.parametrize("name", ["Y", "Label", "targets"])
def test_names_of_arrays_may_be_in_any_case(tmp_path, name):
    path = saved(tmp_path, **{"X": PICTURES, name: [0, 1, 1]})

    assert read(path).class_counts().tolist() == [1, 2]


# --- any bytes ----------------------------------------------------------------------------------


def whole_file(suffix):
    file = io.BytesIO()
    if suffix == ".npy":
        np.save(file, COLUMN)
    else:
        np.savez(file, y=COLUMN, x=PICTURES)
    return file.getvalue()


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_any_bytes_give_labels_or_an_error_of_ours(tmp_path, suffix, data):
    content = bytearray(whole_file(suffix))
    for _ in range(data.draw(st.integers(0, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    content = content[: data.draw(st.integers(0, len(content)) | st.none())]
    path = tmp_path / f"x{suffix}"
    path.write_bytes(content)
    assert isinstance(recognise(path), str | None)
    try:
        labels = read(path, format="npz")
    except BalancekitError:
        return
    assert labels.n_samples > 0
