"""What follows from a confusion matrix equals scikit-learn's, and says how sure it is."""

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
    f1_per_class,
    g_mean,
    macro_f1,
    mcc,
    precision_per_class,
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
    if len(np.unique(pair)) > 1:  # of one class, scikit-learn warns
        assert mcc(confusion) == pytest.approx(reference.matthews_corrcoef(targets, predictions))


@given(PAIRS)
def test_values_of_each_class_equal_scikit_learn(pair):
    targets, predictions = pair
    confusion = confusion_matrix(targets, predictions, 5)
    # NaN is 0 / 0 in both.
    precision, recall, f1, _ = reference.precision_recall_fscore_support(
        targets, predictions, labels=range(5), zero_division=np.nan
    )
    np.testing.assert_allclose(precision_per_class(confusion), precision)
    np.testing.assert_allclose(recall_per_class(confusion)[0], recall)
    np.testing.assert_allclose(f1_per_class(confusion), f1)


@given(PAIRS)
def test_the_geometric_mean_lies_between_the_worst_recall_and_the_mean(pair):
    confusion = confusion_matrix(*pair, 5)
    recall = recall_per_class(confusion)[0]
    # A rounding may put the mean of equal numbers beside them.
    assert np.nanmin(recall) - 1e-12 <= g_mean(confusion) <= balanced_accuracy(confusion) + 1e-12


def test_the_geometric_mean_is_that_of_the_recalls():
    assert g_mean([[9, 1], [60, 40]]) == pytest.approx(0.6)
    assert g_mean([[9, 1], [10, 0]]) == 0
    assert g_mean([[9, 1, 0], [0, 0, 0], [0, 0, 4]]) == pytest.approx(0.9**0.5)


def test_nothing_to_measure_gives_nan_and_no_correlation():
    empty = np.zeros((3, 3))
    assert [np.isnan(metric(empty)) for metric in (balanced_accuracy, macro_f1, g_mean)] == [
        True
    ] * 3
    assert mcc(empty) == 0
    assert mcc([[5]]) == 0
    assert [metric([[5]]) for metric in (accuracy, balanced_accuracy, macro_f1, g_mean)] == [1] * 4


@pytest.mark.parametrize("matrix", [[], [[1, 2]], [1, 2]], ids=["none", "not square", "a row"])
def test_what_is_no_confusion_matrix_is_refused(matrix):
    with pytest.raises(OptionError, match=r"expected a matrix \[n_classes, n_classes\]"):
        macro_f1(matrix)


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
