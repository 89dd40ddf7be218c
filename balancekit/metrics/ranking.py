"""How well scores rank positives above negatives, whatever threshold is taken later."""

from types import ModuleType

import numpy as np
from numpy.typing import ArrayLike, NDArray

from balancekit.errors import MissingLibraryError, OptionError
from balancekit.metrics.arguments import as_scores, as_targets, known_mean

__all__ = [
    "auprc",
    "average_precision_per_class",
    "mean_average_precision",
    "recall_at_precision",
]


def average_precision_per_class(scores: ArrayLike, targets: ArrayLike) -> NDArray[np.float64]:
    """Area under the precision-recall curve of each class against the rest: [n_classes].

    The step-wise area, without interpolation. NaN for a class without positives. A ranking
    by chance has the share of the positives, not .5.

    Args:
        scores: [n, n_classes], higher where a class is likelier.
        targets: class indices, integer [n]; or 0 and 1, [n, n_classes], for several labels.

    Raises:
        OptionError: shapes do not fit, or scores are not finite.
        MissingLibraryError: scikit-learn is not installed.

    >>> average_precision_per_class([[0.9, 0.1], [0.4, 0.6], [0.7, 0.3]], [0, 0, 1]).round(3)
    array([0.833, 0.5  ])
    """
    ranks = as_scores(scores)
    area = _scikit_learn().average_precision_score
    per_class = zip(as_targets(targets, ranks).T, ranks.T, strict=True)
    return np.array([area(is_of, by) if is_of.any() else np.nan for is_of, by in per_class])


def auprc(scores: ArrayLike, targets: ArrayLike, *, positive: int | None = None) -> float:
    """Area under the precision-recall curve: of one class, or the mean of all with positives.

    Args:
        scores: [n, n_classes], higher where a class is likelier.
        targets: class indices, integer [n]; or 0 and 1, [n, n_classes], for several labels.
        positive: the class that is looked for, where there is one.

    Raises:
        OptionError: shapes do not fit, scores are not finite, or there is no such class.
        MissingLibraryError: scikit-learn is not installed.

    Source: Davis and Goadrich, ICML 2006; equal to scikit-learn's average_precision_score.
    """
    per_class = average_precision_per_class(scores, targets)
    if positive is None:
        return known_mean(per_class)
    if positive not in range(len(per_class)):
        raise OptionError(f"positive: expected a class in [0, {len(per_class)}), got {positive!r}")
    return float(per_class[positive])


def mean_average_precision(scores: ArrayLike, targets: ArrayLike) -> float:
    """Mean average precision of the labels that have positives: mAP of several labels a sample.

    Args:
        scores: [n, n_labels], higher where a label is likelier.
        targets: 0 and 1, [n, n_labels].

    Raises:
        OptionError: shapes do not fit, or scores are not finite.
        MissingLibraryError: scikit-learn is not installed.

    >>> mean_average_precision([[0.9, 0.1], [0.4, 0.6]], [[1, 0], [1, 1]])
    1.0
    """
    if np.ndim(targets) != 2:
        raise OptionError(
            f"targets: expected 0 and 1, [n, n_labels], got shape {np.shape(targets)}. For one "
            "class a sample take auprc."
        )
    return auprc(scores, targets)


def recall_at_precision(
    scores: ArrayLike, targets: ArrayLike, precision: float = 0.9
) -> tuple[float, float]:
    """The best recall whose precision is high enough, and the threshold that gives it.

    Positive is what scores at least the threshold. Recall 0 and the threshold infinity where
    no threshold is precise enough, NaN and infinity where there are no positives.

    Args:
        scores: [n], higher where the class that is looked for is likelier.
        targets: 0 and 1, [n].
        precision: that is asked for, in (0, 1].

    Raises:
        OptionError: shapes do not fit, scores are not finite, or there is no such precision.
        MissingLibraryError: scikit-learn is not installed.

    >>> recall_at_precision([0.9, 0.8, 0.6, 0.4], [1, 1, 0, 1], precision=0.9)
    (0.6666666666666666, 0.8)
    """
    if not 0 < precision <= 1:
        raise OptionError(f"precision: expected a share in (0, 1], got {precision!r}")
    if np.ndim(scores) != 1 or np.shape(scores) != np.shape(targets):
        raise OptionError(
            f"recall_at_precision: expected scores and targets of one shape [n], got "
            f"{np.shape(scores)} and {np.shape(targets)}. Give the column of one class."
        )
    ranks = as_scores(np.asarray(scores, np.float64)[:, None])
    positives = as_targets(np.asarray(targets)[:, None], ranks)[:, 0]
    if not positives.any():
        return float("nan"), float("inf")
    precisions, recalls, thresholds = _scikit_learn().precision_recall_curve(positives, ranks[:, 0])
    # The last point of the curve, recall 0, belongs to no threshold.
    enough = np.flatnonzero(precisions[:-1] >= precision)
    if not enough.size:
        return 0.0, float("inf")
    best = enough[recalls[enough] == recalls[enough].max()][-1]  # of equal recall, most precise
    return float(recalls[best]), float(thresholds[best])


def _scikit_learn() -> ModuleType:
    try:
        from sklearn import metrics
    except ImportError as error:
        raise MissingLibraryError(
            f"balancekit.metrics needs scikit-learn for precision-recall curves: {error}. "
            "From a clone: pip install '.[train]'"
        ) from None
    found: ModuleType = metrics
    return found
