"""How many copies of which sample: targets reached, samples used evenly, good ones first."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from balancekit.errors import OptionError
from balancekit.labels import Labels
from balancekit.materialize.augmented.plan_copies import (
    Carried,
    deal_copies,
    refuse_absurd_growth,
)
from balancekit.materialize.augmented.targets import checked_target, wanted_counts


def labels_of(class_sets, n_classes):
    """Labels of detections: a list of class ids a sample."""
    offsets = np.cumsum([0, *map(len, class_sets)])
    return Labels(
        task="detection",
        class_names=tuple(f"c{c}" for c in range(n_classes)),
        class_ids=np.array([c for s in class_sets for c in s], np.int64),
        offsets=offsets,
    )


def dealt(carried, wanted, *, most=10_000, seed=0, copies=None, now=None):
    n = len(carried.offsets) - 1
    return deal_copies(
        carried,
        np.asarray(wanted),
        carried.class_counts() if now is None else now,
        np.zeros(n, np.int64) if copies is None else copies,
        most=np.full(n, most),
        seed=seed,
    )


TARGETS = {
    "the largest class": ("max", [9, 9, 9, 0]),
    "the median of the classes that have any": ("median", [9, 4, 4, 0]),
    "a number": (5, [9, 5, 5, 0]),
    "a number in words": ("5", [9, 5, 5, 0]),
    "less than any has": (1, [9, 4, 1, 0]),
}


@pytest.mark.parametrize(("target", "wanted"), TARGETS.values(), ids=TARGETS.keys())
def test_a_target_says_what_each_class_comes_to(target, wanted):
    assert wanted_counts(np.array([9, 4, 1, 0]), target).tolist() == wanted


@pytest.mark.parametrize("target", ["mean", 0, -3, 2.5, True, None, "1e3", "²"])
def test_what_is_no_target_is_refused(target):
    with pytest.raises(OptionError, match="expected max, median or a number of samples"):
        checked_target(target)


def test_a_median_between_two_counts_is_rounded_down():
    assert wanted_counts(np.array([1, 4]), "median").tolist() == [2, 4]


@given(
    st.lists(st.integers(0, 3), min_size=4, max_size=60),
    st.integers(1, 80),
    st.integers(0, 2**32),
)
def test_single_classes_reach_their_target_exactly_and_use_their_samples_evenly(ids, target, seed):
    labels = Labels.from_names([f"c{c}" for c in ids])
    carried = Carried.from_labels(labels)
    wanted = wanted_counts(carried.class_counts(), target)
    copies = dealt(carried, wanted, seed=seed)
    assert (carried.class_counts() + carried.class_counts(copies)).tolist() == wanted.tolist()
    for samples in carried.samples_by_class():
        assert np.ptp(copies[samples]) <= 1


sets_of_classes = st.lists(
    st.lists(st.integers(0, 4), min_size=0, max_size=6), min_size=1, max_size=25
)


@given(sets_of_classes, st.integers(1, 60))
def test_every_class_that_has_objects_reaches_its_target(class_sets, target):
    carried = Carried.from_labels(labels_of(class_sets, 5))
    wanted = wanted_counts(carried.class_counts(), target)
    copies = dealt(carried, wanted)
    assert (carried.class_counts() + carried.class_counts(copies) >= wanted).all()


@given(sets_of_classes, st.integers(1, 60), st.integers(0, 3))
def test_no_sample_gets_more_copies_than_it_can(class_sets, target, most):
    carried = Carried.from_labels(labels_of(class_sets, 5))
    wanted = wanted_counts(carried.class_counts(), target)
    copies = dealt(carried, wanted, most=most)
    assert copies.max(initial=0) <= most


def test_no_copy_is_made_of_samples_whose_classes_all_have_enough():
    carried = Carried.from_labels(labels_of([[0], [0], [0, 1], [1], [0]], 2))
    copies = dealt(carried, wanted_counts(carried.class_counts(), "max"))
    assert copies[[0, 1, 4]].tolist() == [0, 0, 0]


def test_a_picture_of_mostly_frequent_classes_is_not_copied_while_a_better_one_is_there():
    crowd = [0] * 20 + [1]
    carried = Carried.from_labels(labels_of([crowd, [1], [1], [0] * 20], 2))
    copies = dealt(carried, [40, 30])
    assert copies.tolist()[0] == 0
    assert sorted(copies.tolist()[1:3]) == [13, 14]


def test_a_picture_of_mostly_frequent_classes_is_copied_where_there_is_no_other():
    carried = Carried.from_labels(labels_of([[0] * 20 + [1], [0] * 20], 2))
    assert dealt(carried, [40, 5]).tolist() == [4, 0]


def test_a_picture_with_two_rare_classes_serves_both():
    carried = Carried.from_labels(labels_of([[1, 2], [0] * 10], 3))
    assert dealt(carried, [10, 10, 10]).tolist() == [9, 0]


def test_the_seed_decides_which_samples_come_first():
    carried = Carried.from_labels(Labels.from_names(["a"] * 30 + ["b"] * 40))
    plans = {tuple(dealt(carried, [40, 40], seed=seed)) for seed in range(5)}
    assert len(plans) == 5
    assert dealt(carried, [40, 40], seed=3).tolist() == dealt(carried, [40, 40], seed=3).tolist()


def test_what_was_made_already_is_kept_and_counted():
    carried = Carried.from_labels(Labels.from_names(["a", "a", "b", "b", "b", "b"]))
    made = np.array([1, 0, 0, 0, 0, 0])
    now = np.array([2, 4])  # the copy that was made turned out without its object
    assert dealt(carried, [4, 4], copies=made, now=now).tolist() == [1, 2, 0, 0, 0, 0]


def test_unlabelled_samples_are_never_copied():
    labels = Labels(
        task="classification",
        class_names=("a", "b"),
        class_ids=np.array([-1, 0, 1, 1, 1]),
    )
    assert dealt(Carried.from_labels(labels), [3, 3]).tolist() == [0, 2, 0, 0, 0]


def test_growth_beyond_reason_is_refused_with_the_class_that_asks_for_it():
    carried = Carried.from_labels(Labels.from_names(["a"] * 300 + ["b"] * 2))
    copies = dealt(carried, wanted_counts(carried.class_counts(), "max"))
    with pytest.raises(OptionError, match=r"one of the 2 of 'b' would be copied 149 times"):
        refuse_absurd_growth(copies, carried, ("a", "b"), "max")


def test_a_hundred_copies_of_a_picture_are_not_refused():
    carried = Carried.from_labels(Labels.from_names(["a"] * 101 + ["b"]))
    copies = dealt(carried, [101, 101])
    refuse_absurd_growth(copies, carried, ("a", "b"), "max")
    assert copies.max() == 100
