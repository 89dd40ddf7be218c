"""`read` finds the format, takes what is in memory, and refuses what it cannot read."""

import subprocess
import sys
from importlib import import_module
from typing import get_args

import numpy as np
import pytest

from balancekit import Labels, analyze, read
from balancekit.errors import DataError
from balancekit.sources import FORMATS, Format, open_source


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
    with pytest.raises(DataError, match=r"expected a data set in a known format"):
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
