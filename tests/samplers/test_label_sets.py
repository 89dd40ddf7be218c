"""ML-ROS and ML-RUS: rare classes grow, common ones shrink, by the rules of the paper."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from balancekit import MLROS, MLRUS, Labels, resample
from balancekit.errors import DataError

A, B, C = range(3)
SETS = [[A]] * 60 + [[A, B]] * 20 + [[B]] * 10 + [[A, C]] * 3 + [[C]] * 1 + [[]] * 6
"""83 carry A, 30 B, 4 C: imbalance ratios 1, 2.8 and 20.8, on average 8.2; C alone is rare."""


def labels_of(sets, n_classes=3):
    return Labels(
        class_ids=np.array([c for carried in sets for c in carried], int),
        class_names=tuple(map(str, range(n_classes))),
        offsets=np.cumsum([0, *map(len, sets)]),
    )


def counts_of(indices):
    return labels_of(SETS).take(indices).class_counts()


def test_ml_ros_repeats_samples_of_rare_classes_alone_and_keeps_all():
    uses = np.bincount(resample(labels_of(SETS), MLROS(share=0.05)), minlength=100)
    assert uses.sum() == 105
    carries_rare = np.array([C in carried for carried in SETS])
    assert uses[~carries_rare].tolist() == [1] * 96
    assert sorted(uses[carries_rare].tolist()) == [2, 2, 2, 3], "all once before any twice"


def test_ml_ros_stops_once_no_class_is_rare():
    counts = counts_of(resample(labels_of(SETS), MLROS(share=5)))
    mean_ratio = np.mean(83 / np.array([83, 30, 4]))
    assert counts[A] / counts[C] <= mean_ratio < counts[A] / (counts[C] - 1)


def test_ml_rus_leaves_out_samples_without_a_rare_class_alone():
    indices = resample(labels_of(SETS), MLRUS(share=0.4))
    assert len(set(indices.tolist())) == len(indices) == 60
    assert counts_of(indices)[C] == 4


def test_ml_rus_leaves_every_class_a_sample():
    sets = [[A]] * 5 + [[B]] * 5
    indices = resample(labels_of(sets, 2), MLRUS(share=0.99))
    assert sorted(indices // 5) == [A, B]


@pytest.mark.parametrize("strategy", [MLROS(), MLRUS()], ids=repr)
def test_the_seed_decides(strategy):
    first, again, other = (
        resample(labels_of(SETS), strategy, seed=seed).tolist() for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


@pytest.mark.parametrize("strategy", [MLROS(), MLRUS()], ids=repr)
def test_classes_of_equal_counts_have_no_rare_one(strategy):
    indices = resample(labels_of([[A], [B], [C]] * 4), strategy)
    assert len(indices) == (12 if isinstance(strategy, MLROS) else 9)


def test_a_class_that_a_sample_carries_twice_counts_once():
    boxes = labels_of([[A, A, A, B]] * 3 + [[B, B]] * 3 + [[C, C, C, C, C, C]])
    uses = np.bincount(resample(boxes, MLROS(share=0.2)), minlength=7)
    assert uses.tolist() == [1, 1, 1, 1, 1, 1, 2]


@pytest.mark.parametrize("strategy", [MLROS(), MLRUS()], ids=repr)
def test_labels_that_do_not_fit_are_refused(strategy):
    with pytest.raises(DataError, match=r"several classes a sample for ML.*Use Oversample\(\)"):
        resample(Labels.from_names("aab"), strategy)
    with pytest.raises(DataError, match="at least one labelled sample"):
        resample(labels_of([[], []]), strategy)


@given(
    sets=st.lists(st.sets(st.integers(0, 4)), min_size=1, max_size=40).filter(any),
    share=st.floats(0.01, 0.99),
    seed=st.integers(0, 99),
)
def test_no_class_is_lost_and_sizes_are_bounded(sets, share, seed):
    labels = labels_of([sorted(carried) for carried in sets], 5)
    had = set(np.flatnonzero(labels.class_counts()))
    grown = resample(labels, MLROS(share=share), seed=seed)
    assert set(grown.tolist()) == set(range(len(sets)))
    assert len(grown) <= (1 + share) * len(sets)
    shrunk = resample(labels, MLRUS(share=share), seed=seed)
    assert set(np.flatnonzero(labels.take(shrunk).class_counts())) == had
    assert len(shrunk) >= (1 - share) * len(sets)
