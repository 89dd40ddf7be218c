"""What a classifier gets right, class by class, from one confusion matrix."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from balancekit.errors import OptionError
from balancekit.stats import wilson_interval

__all__ = ["accuracy", "balanced_accuracy", "confusion_matrix", "macro_f1", "recall_per_class"]


def confusion_matrix(
    targets: ArrayLike, predictions: ArrayLike, n_classes: int
) -> NDArray[np.int64]:
    """How many samples of class i were taken for class j: int64 [n_classes, n_classes].

    Args:
        targets: integer [n], each in [0, n_classes).
        predictions: integer [n], each in [0, n_classes).
        n_classes: classes.

    >>> confusion_matrix([0, 0, 1], [0, 1, 1], 2).tolist()
    [[1, 1], [0, 1]]
    """
    true, taken = np.asarray(targets, np.int64), np.asarray(predictions, np.int64)
    if true.shape != taken.shape or true.ndim != 1:
        raise OptionError(
            f"confusion_matrix: expected targets and predictions of the same shape [n], got "
            f"{true.shape} and {taken.shape}"
        )
    both = np.concatenate([true, taken])
    if both.size and not 0 <= both.min() <= both.max() < n_classes:
        raise OptionError(
            f"confusion_matrix: expected classes in [0, {n_classes}), got {both.min()} to "
            f"{both.max()}"
        )
    flat = np.bincount(true * n_classes + taken, minlength=n_classes**2)
    return flat.reshape(n_classes, n_classes)


def accuracy(confusion: ArrayLike) -> float:
    """Share of samples that are right.

    >>> accuracy([[1, 1], [0, 2]])
    0.75
    """
    matrix = np.asarray(confusion, np.float64)
    return float(np.trace(matrix) / max(1.0, matrix.sum()))


def recall_per_class(
    confusion: ArrayLike, confidence: float = 0.95
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Recall of each class, and the ends of its Wilson interval: three of float64 [n_classes].

    NaN and the interval [0, 1] for a class without samples.

    Args:
        confusion: [n_classes, n_classes], rows the true classes.
        confidence: of the interval, in (0, 1).
    """
    matrix = np.asarray(confusion, np.float64)
    hits, totals = np.diagonal(matrix), matrix.sum(1)
    recall = np.divide(hits, totals, out=np.full(len(matrix), np.nan), where=totals > 0)
    low, high = wilson_interval(hits, totals, confidence)
    return recall, low, high


def balanced_accuracy(confusion: ArrayLike) -> float:
    """Mean recall of the classes that have samples.

    Source: Brodersen et al., ICPR 2010; equal to scikit-learn's balanced_accuracy_score.

    >>> balanced_accuracy([[3, 1], [0, 1]])
    0.875
    """
    return float(np.nanmean(recall_per_class(confusion)[0]))


def macro_f1(confusion: ArrayLike) -> float:
    """Mean F1 of the classes that occur among targets or predictions; 0 where F1 is 0 / 0."""
    matrix = np.asarray(confusion, np.float64)
    hits, both = np.diagonal(matrix), matrix.sum(0) + matrix.sum(1)
    return float((2 * hits[both > 0] / both[both > 0]).mean())
