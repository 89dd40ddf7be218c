"""What a classifier gets right, class by class, from one confusion matrix."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from balancekit.errors import OptionError
from balancekit.metrics.arguments import known_mean
from balancekit.stats import wilson_interval

__all__ = [
    "accuracy",
    "balanced_accuracy",
    "confusion_matrix",
    "f1_per_class",
    "g_mean",
    "macro_f1",
    "mcc",
    "precision_per_class",
    "recall_per_class",
]


def confusion_matrix(
    targets: ArrayLike, predictions: ArrayLike, n_classes: int
) -> NDArray[np.int64]:
    """How many samples of class i were taken for class j: int64 [n_classes, n_classes].

    Args:
        targets: integer [n], each in [0, n_classes).
        predictions: integer [n], each in [0, n_classes).
        n_classes: classes.

    Raises:
        OptionError: lengths differ, or there are other classes, such as -1 for a missing one.

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
            f"{both.max()}. Leave out samples without a label."
        )
    flat = np.bincount(true * n_classes + taken, minlength=n_classes**2)
    return flat.reshape(n_classes, n_classes)


def accuracy(confusion: ArrayLike) -> float:
    """Share of samples that are right.

    >>> accuracy([[1, 1], [0, 2]])
    0.75
    """
    matrix = _matrix(confusion)
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
    matrix = _matrix(confusion)
    hits, totals = np.diagonal(matrix), matrix.sum(1)
    low, high = wilson_interval(hits, totals, confidence)
    return _shares(hits, totals), low, high


def precision_per_class(confusion: ArrayLike) -> NDArray[np.float64]:
    """Share of what was taken for a class that is of it: float64 [n_classes], NaN for nothing.

    >>> precision_per_class([[3, 1], [0, 1]]).tolist()
    [1.0, 0.5]
    """
    matrix = _matrix(confusion)
    return _shares(np.diagonal(matrix), matrix.sum(0))


def f1_per_class(confusion: ArrayLike) -> NDArray[np.float64]:
    """Harmonic mean of precision and recall: float64 [n_classes].

    NaN for a class that occurs neither among targets nor among predictions.

    >>> f1_per_class([[3, 1], [0, 1]]).round(3).tolist()
    [0.857, 0.667]
    """
    matrix = _matrix(confusion)
    return _shares(2 * np.diagonal(matrix), matrix.sum(0) + matrix.sum(1))


def balanced_accuracy(confusion: ArrayLike) -> float:
    """Mean recall of the classes that have samples; NaN if none has.

    Source: Brodersen et al., ICPR 2010; equal to scikit-learn's balanced_accuracy_score.

    >>> balanced_accuracy([[3, 1], [0, 1]])
    0.875
    """
    return known_mean(recall_per_class(confusion)[0])


def macro_f1(confusion: ArrayLike) -> float:
    """Mean F1 of the classes that occur among targets or predictions; NaN if none does."""
    return known_mean(f1_per_class(confusion))


def g_mean(confusion: ArrayLike) -> float:
    """Geometric mean of the recalls of the classes that have samples; NaN if none has.

    0 as soon as one class is never recognised: on a long tail with few test samples, a number
    about the worst class alone.

    Source: Kubat and Matwin, ICML 1997, for two classes; Sun, Kamel and Wang, ICDM 2006.

    >>> round(g_mean([[4, 0], [3, 1]]), 3)
    0.5
    """
    recall = recall_per_class(confusion)[0]
    known = recall[~np.isnan(recall)]
    if not known.size or known.min() == 0:
        return 0.0 if known.size else float("nan")
    return float(np.exp(np.log(known).mean()))


def mcc(confusion: ArrayLike) -> float:
    """Correlation of targets and predictions, in [-1, 1]; 0 where either is one class alone.

    Matthews' coefficient, for any number of classes. It depends on how frequent the classes
    are among the test samples, unlike balanced accuracy.

    Source: Gorodkin, Computational Biology and Chemistry 28 (2004), R_K; equal to
    scikit-learn's matthews_corrcoef.

    >>> round(mcc([[3, 1], [0, 1]]), 3)
    0.612
    """
    matrix = _matrix(confusion)
    n, true, taken = matrix.sum(), matrix.sum(1), matrix.sum(0)
    spread = (n**2 - true @ true) * (n**2 - taken @ taken)
    return float((np.trace(matrix) * n - true @ taken) / np.sqrt(spread)) if spread > 0 else 0.0


def _matrix(confusion: ArrayLike) -> NDArray[np.float64]:
    matrix = np.asarray(confusion, np.float64)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not matrix.size:
        raise OptionError(
            f"confusion: expected a matrix [n_classes, n_classes], got shape {matrix.shape}. "
            "confusion_matrix(targets, predictions, n_classes) makes one."
        )
    return matrix


def _shares(parts: NDArray[np.float64], totals: NDArray[np.float64]) -> NDArray[np.float64]:
    """The parts over their totals, NaN where there is nothing."""
    nothing = np.full(len(totals), np.nan)
    shares: NDArray[np.float64] = np.divide(parts, totals, out=nothing, where=totals > 0)
    return shares
