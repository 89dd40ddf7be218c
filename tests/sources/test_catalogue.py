"""`read` finds the format, takes what is in memory, and refuses what it cannot read."""

import numpy as np
import pytest

from balancekit import Labels, analyze, read
from balancekit.errors import DataError
from balancekit.sources import open_source


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
