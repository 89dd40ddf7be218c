"""Metrics equal scikit-learn's, and say how sure they are."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn import metrics as reference

from balancekit.errors import OptionError
from balancekit.metrics import (
    accuracy,
    balanced_accuracy,
    confusion_matrix,
    macro_f1,
    recall_per_class,
)

PAIRS = st.integers(1, 60).flatmap(
    lambda n: st.tuples(*(arrays(np.int64, n, elements=st.integers(0, 4)) for _ in range(2)))
)


@given(PAIRS)
def test_metrics_equal_scikit_learn(pair):
    targets, predictions = pair
    confusion = confusion_matrix(targets, predictions, 5)
    assert (
        confusion.tolist()
        == reference.confusion_matrix(targets, predictions, labels=range(5)).tolist()
    )
    assert accuracy(confusion) == pytest.approx(reference.accuracy_score(targets, predictions))
    present = np.unique(targets)
    recall = reference.recall_score(
        targets, predictions, labels=present, average=None, zero_division=0
    )
    assert balanced_accuracy(confusion) == pytest.approx(recall.mean())
    assert macro_f1(confusion) == pytest.approx(
        reference.f1_score(targets, predictions, average="macro", zero_division=0)
    )


def test_a_class_without_samples_has_no_recall_and_enters_no_mean():
    recall, low, high = recall_per_class([[3, 1, 0], [0, 0, 0], [0, 0, 4]])
    assert np.isnan(recall[1])
    assert (low[1], high[1]) == (0, 1)
    assert balanced_accuracy([[3, 1, 0], [0, 0, 0], [0, 0, 4]]) == 0.875


def test_intervals_are_wide_where_samples_are_few():
    # Widths at recall .8 from the literature on Wilson's interval: .45 at 10, .16 at 100.
    for n, width in ((10, 0.45), (50, 0.22), (100, 0.16), (400, 0.08)):
        _, low, high = recall_per_class([[0.8 * n, 0.2 * n], [0, 1]])
        assert high[0] - low[0] == pytest.approx(width, abs=0.006)


@pytest.mark.parametrize(
    ("targets", "predictions", "message"),
    [
        ([0, 1], [0], "same shape"),
        ([0, 2], [0, 1], r"classes in \[0, 2\)"),
        ([0, -1], [0, 1], r"classes in \[0, 2\)"),
    ],
    ids=["lengths", "class too high", "class below 0"],
)
def test_predictions_that_do_not_fit_are_refused(targets, predictions, message):
    with pytest.raises(OptionError, match=message):
        confusion_matrix(targets, predictions, 2)
