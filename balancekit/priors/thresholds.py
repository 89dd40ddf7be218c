"""Scores of held-out samples → the threshold of each label."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from balancekit.errors import OptionError

__all__ = [
    "F1",
    "BalancedAccuracy",
    "Objective",
    "RecallAtPrecision",
    "Thresholds",
    "choose_thresholds",
]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class F1:
    """The greatest harmonic mean of precision and recall."""


@dataclass(frozen=True)
class BalancedAccuracy:
    """The greatest mean of the recall of label 1 and that of label 0: Youden's J is 2b - 1."""


@dataclass(frozen=True)
class RecallAtPrecision:
    """The greatest recall whose precision is at least so high.

    Args:
        precision: in (0, 1].
    """

    precision: float

    def __post_init__(self) -> None:
        if not 0 < self.precision <= 1:
            raise OptionError(f"precision: expected a share in (0, 1], got {self.precision}")


Objective = F1 | BalancedAccuracy | RecallAtPrecision


@dataclass(frozen=True, eq=False)
class Thresholds:
    """Where to cut the scores of each label, and what that reaches on the samples given.

    Attributes:
        thresholds: label 1 is predicted where score ≥ threshold, float64 [n_labels]; inf where
            it never is, -inf where it always is.
        reached: the objective at the threshold, float64 [n_labels]; NaN where a label lacks the
            samples that it is made of.
    """

    thresholds: Floats
    reached: Floats


def choose_thresholds(
    scores: ArrayLike, targets: ArrayLike, objective: Objective | None = None
) -> Thresholds:
    """The threshold of each label that serves the objective best, among all that there are.

    Each threshold is a score that occurs: samples of equal scores fall on one side. Of equally
    good ones it is the highest. A label without positives is never predicted (inf), one without
    negatives always (-inf). Where no threshold reaches the precision asked for, the label is
    never predicted, and the recall reached is 0.

    Choose on held-out samples that have the prior of deployment: F1 and precision change with it.

    Args:
        scores: probabilities or logits, [n] or [n, n_labels], no NaN.
        targets: 0 and 1, of the same shape.
        objective: `F1()` if not given, `BalancedAccuracy()` or `RecallAtPrecision(0.9)`.

    Raises:
        OptionError: scores and targets that do not fit, or no samples.

    >>> found = choose_thresholds([0.9, 0.8, 0.4, 0.2], [1, 0, 1, 0])
    >>> found.thresholds.tolist(), found.reached.tolist()
    ([0.4], [0.8])
    """
    wanted = F1() if objective is None else objective
    if not isinstance(wanted, Objective):
        raise OptionError(
            "objective: expected F1(), BalancedAccuracy() or RecallAtPrecision(…), "
            f"got {objective!r}"
        )
    by_label, positive = _checked(scores, targets)
    pairs = zip(by_label.T, positive.T, strict=True)
    found = np.array([_best_cut(*pair, wanted) for pair in pairs]).reshape(-1, 2)
    return Thresholds(found[:, 0], found[:, 1])


def _checked(scores: ArrayLike, targets: ArrayLike) -> tuple[Floats, NDArray[np.bool_]]:
    s, y = np.asarray(scores, np.float64), np.asarray(targets)
    if s.ndim not in (1, 2) or y.shape != s.shape or not len(s):
        raise OptionError(
            f"scores, targets: expected both [n] or [n, n_labels] with n ≥ 1, got {list(s.shape)} "
            f"and {list(y.shape)}. Give one-hot rows for class indices"
        )
    if np.isnan(s).any():
        raise OptionError(f"scores: expected numbers, got {int(np.isnan(s).sum())} times NaN")
    if not np.all((y == 0) | (y == 1)):
        raise OptionError("targets: expected 0 and 1 only. Leave out what is to be ignored")
    return s.reshape(len(s), -1), y.reshape(len(y), -1) == 1


def _best_cut(
    scores: Floats, positive: NDArray[np.bool_], objective: Objective
) -> tuple[float, float]:
    """Threshold of one label and what it reaches."""
    n, n_positive = len(scores), int(positive.sum())
    if n_positive == 0:
        return np.inf, np.nan
    if n_positive == n:
        return -np.inf, np.nan if isinstance(objective, BalancedAccuracy) else 1.0
    falling = np.argsort(-scores, kind="stable")
    ordered = scores[falling]
    cuts = np.append(np.flatnonzero(ordered[1:] != ordered[:-1]), n - 1)  # the last of each tie
    true_positives = np.cumsum(positive[falling])[cuts]
    predicted = cuts + 1
    recall = true_positives / n_positive
    match objective:
        case F1():
            worth = 2 * true_positives / (predicted + n_positive)
        case BalancedAccuracy():
            n_negative = n - n_positive
            kept = n_negative - (predicted - true_positives)  # label 0 that is not predicted 1
            # One quotient of whole numbers: a sum of two is rounded, and ties would be none.
            right = true_positives * n_negative + kept * n_positive
            worth = right / (2 * n_positive * n_negative)
        case RecallAtPrecision(precision=precision):
            # A quotient, not a product: 0.7 · 10 is above 7, and 7 / 10 is the float 0.7.
            worth = np.where(true_positives / predicted >= precision, recall, 0.0)
    best = int(worth.argmax())  # the first, so the highest threshold
    if worth[best] == 0:
        return np.inf, 0.0
    return float(ordered[cuts[best]]), float(worth[best])
