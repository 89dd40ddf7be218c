"""How precisely a metric will be known from so many held-out samples, before any is predicted."""

from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from balancekit.errors import OptionError
from balancekit.stats.stats import wilson_interval

__all__ = ["MeasuredBySamples", "expected_half_width"]

MeasuredBySamples = Literal[
    "accuracy", "balanced_accuracy", "macro_f1", "recall", "auprc", "map", "recall@precision"
]
"""Metrics that are shares of samples, or means of such, so that counts tell their precision."""


def expected_half_width(
    metric: MeasuredBySamples,
    held_out: ArrayLike,
    *,
    recall: float = 0.8,
    confidence: float = 0.95,
) -> float:
    """Half the interval to expect of a metric on a held-out part; NaN where it has no samples.

    Of a class with n samples, a recall is a share of n, and h is half its Wilson interval. The
    mean of C recalls that are measured on different samples has √(Σ h²)/C, and accuracy is a
    share of all samples. An average precision is about as sure as a share of its positives.
    Macro F1 is taken to be as sure as balanced accuracy, which it is where classes are equally
    large; where some are much larger it is surer. Recall at a precision is less sure than this,
    as its threshold is chosen on the same samples.

    Args:
        metric: "recall" for that of one class, or the mean of those of some classes.
        held_out: samples of each class, [C]; positives of each label for several labels, or of
            the one class that is looked for. Classes without samples are left out.
        recall: to expect; .5 gives the widest interval.
        confidence: of the interval, in (0, 1).

    Raises:
        OptionError: counts alone do not tell the precision of this metric, or an argument
            cannot be.

    Source: Wilson, JASA 22 (1927); the square root after Zou and Donner, Statistics in Medicine
    27 (2008); average precision after Boyd, Eng and Page, ECML PKDD 2013.

    >>> round(expected_half_width("recall", [10]), 3)
    0.227
    >>> round(expected_half_width("balanced_accuracy", [10, 1000]), 3)
    0.114
    """
    counts = np.asarray(held_out, np.float64)
    if metric not in get_args(MeasuredBySamples):
        raise OptionError(
            f"metric: expected one of {get_args(MeasuredBySamples)}, whose precision follows "
            f"from counts, got {metric!r}"
        )
    if counts.ndim != 1 or not np.all(np.isfinite(counts)) or np.any(counts < 0):
        raise OptionError(f"held_out: expected counts ≥ 0, [n_classes], got {held_out!r}")
    for name, value in (("recall", recall), ("confidence", confidence)):
        if not 0 < value < 1:
            raise OptionError(f"{name}: expected a number in (0, 1), got {value!r}")
    trials = counts[counts > 0]
    if not trials.size:
        return float("nan")
    if metric == "accuracy":
        trials = trials.sum(keepdims=True)
    low, high = wilson_interval(recall * trials, trials, confidence)
    return float(np.sqrt(np.sum(((high - low) / 2) ** 2)) / len(trials))
