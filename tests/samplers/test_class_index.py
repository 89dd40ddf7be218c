"""The class index finds every sample of every class."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from balancekit.errors import DataError, OptionError
from balancekit.labels import Labels
from balancekit.samplers import ClassIndex


def labels_of_ids(ids: list[int], n_classes: int) -> Labels:
    return Labels(class_ids=np.array(ids), class_names=tuple(map(str, range(n_classes))))


@given(ids=st.lists(st.integers(-1, 5), min_size=1).filter(lambda ids: max(ids) >= 0))
def test_samples_of_each_class_are_found_in_order(ids):
    index = ClassIndex.from_labels(labels_of_ids(ids, 6))
    for c in range(6):
        count = int(index.class_counts()[c])
        found = index.take(np.full(count, c), np.arange(count))
        assert found.tolist() == [i for i, class_id in enumerate(ids) if class_id == c]


@pytest.mark.parametrize(
    ("ids", "firsts"),
    [
        ([0, 0, 1, 2], [0, 2, 3]),
        ([-1, -1, 0, 1], [2, 3, 0]),
        ([2, 2, 0, 0, -1, 1], [2, 5, 0]),
    ],
    ids=["sorted", "some unlabelled", "in another order"],
)
def test_nothing_is_stored_a_sample_where_each_class_is_one_stretch(ids, firsts):
    index = ClassIndex.from_labels(labels_of_ids(ids, 3))
    assert index.samples is None
    assert index.firsts.tolist() == firsts


def test_four_bytes_a_sample_are_enough_otherwise():
    index = ClassIndex.from_labels(labels_of_ids([2, 0, 1, 0], 3))
    assert index.samples.dtype == np.uint32


def test_more_classes_than_16_bits_are_sorted_right():
    ids = np.random.default_rng(0).permutation(70_000)
    index = ClassIndex.from_labels(labels_of_ids(ids.tolist(), 70_000))
    assert np.array_equal(ids[index.take(np.arange(70_000), np.zeros(70_000, int))], range(70_000))


@pytest.mark.parametrize("ids", [[-1, -1], []], ids=["all unlabelled", "none"])
def test_no_label_at_all_is_refused(ids):
    with pytest.raises(DataError, match="at least one labelled sample"):
        ClassIndex.from_labels(labels_of_ids(ids, 2))


@pytest.mark.parametrize(
    "make",
    [np.asarray, lambda ids: np.asarray(ids, np.uint8), lambda ids: np.asarray(ids, np.int64)],
    ids=["platform", "uint8", "int64"],
)
def test_an_array_of_ids_is_indexed_where_it_is(make):
    ids = np.random.default_rng(0).integers(0, 256, 5000)
    index = ClassIndex.from_labels(make(ids))
    assert index.class_counts().tolist() == np.bincount(ids, minlength=256).tolist()
    for c in (0, 255):
        count = int(index.class_counts()[c])
        found = index.take(np.full(count, c), np.arange(count))
        assert found.tolist() == np.flatnonzero(ids == c).tolist()


def test_chunks_are_joined_in_order(monkeypatch):
    monkeypatch.setattr("balancekit.samplers.sort_by_class.CHUNK", 7)
    ids = np.random.default_rng(1).integers(-1, 5, 200)
    index = ClassIndex.from_labels(labels_of_ids(ids, 5))
    flat = index.take(np.repeat(np.arange(5), index.class_counts()), _places(index))
    assert flat.tolist() == np.concatenate([np.flatnonzero(ids == c) for c in range(5)]).tolist()
    stretches = ClassIndex.from_labels(labels_of_ids(np.sort(ids), 5))
    assert stretches.samples is None
    assert np.array_equal(stretches.class_counts(), index.class_counts())


def _places(index):
    return np.concatenate([np.arange(count) for count in index.class_counts()])


def test_samples_of_several_classes_stand_once_in_each():
    labels = Labels(
        class_ids=np.array([0, 1, 1, 2, 0, 0]),
        class_names=("a", "b", "c"),
        offsets=np.array([0, 3, 3, 4, 6]),
    )
    index = ClassIndex.from_labels(labels)
    assert index.class_counts().tolist() == [2, 1, 1]
    found = index.take(np.array([0, 0, 1, 2]), np.array([0, 1, 0, 0]))
    assert found.tolist() == [0, 3, 0, 2]


@pytest.mark.parametrize("ignored", [1, "b"], ids=["id", "name"])
def test_an_ignored_class_is_emptied(ignored):
    labels = ["a", "b", "a", "c"] if ignored == "b" else [0, 1, 0, 2]
    index = ClassIndex.from_labels(labels, ignore_index=ignored)
    assert index.class_counts().tolist() == [2, 0, 1]
    assert index.take(np.array([0, 0, 2]), np.array([0, 1, 0])).tolist() == [0, 2, 3]
    with pytest.raises(OptionError, match="ignore_index: expected the id or name of a class"):
        ClassIndex.from_labels(labels, ignore_index=7)
    with pytest.raises(DataError, match="expected samples beside those of class"):
        ClassIndex.from_labels([0, 0], ignore_index=0)


@pytest.mark.parametrize("ids", [[1, 0, 1], [0, 1, 1]], ids=["mixed", "one stretch a class"])
def test_an_index_is_saved_mapped_and_sent_by_its_path(ids, tmp_path):
    index = ClassIndex.from_labels([("cat", "dög")[i] for i in ids])
    index.save(tmp_path / "classes.index")
    opened = ClassIndex.open(tmp_path / "classes.index")
    assert opened.class_names == ("cat", "dög")
    sent = pickle.loads(pickle.dumps(opened))
    for other in (opened, sent):
        assert (
            other.take(np.array([1, 0, 1]), np.array([0, 0, 1])).tolist()
            == index.take(np.array([1, 0, 1]), np.array([0, 0, 1])).tolist()
        )
    if index.samples is not None:
        assert isinstance(sent.samples, np.memmap)


@pytest.mark.parametrize("content", [b"", b"nothing", None], ids=["empty", "other", "missing"])
def test_a_file_that_is_no_index_is_refused(content, tmp_path):
    path = tmp_path / "classes.index"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match="expected a class index as"):
        ClassIndex.open(path)


def test_an_index_of_no_sample_is_refused():
    with pytest.raises(DataError, match="expected at least one labelled sample, got none"):
        ClassIndex(np.array([0, 0]), samples=np.empty(0, np.uint32))
