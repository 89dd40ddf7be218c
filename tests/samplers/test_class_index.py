"""The class index finds every sample of every class."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from balancekit.errors import DataError
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
    ("ids", "first"), [([0, 0, 1, 2], 0), ([-1, -1, 0, 1], 2)], ids=["all labelled", "some not"]
)
def test_nothing_is_stored_for_data_sorted_by_class(ids, first):
    index = ClassIndex.from_labels(labels_of_ids(ids, 3))
    assert index.samples is None
    assert index.first == first


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
