"""Paired changes of recall over a few runs: their means, errors, and what they show."""

import functools
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["PairedChanges", "SafetyVerdict", "student_quantile"]

SafetyVerdict = Literal["harmful", "harmless", "not shown"]

RISK = 0.05
"""Chance, at most, to call an operation harmful that changes nothing."""


@dataclass(frozen=True, eq=False)
class PairedChanges:
    """Changes of the recall of each class, of runs that differ in one thing alone.

    Args:
        before: float64 [n_runs, n_classes], recalls without that thing, of at least two runs;
            NaN for a class that is not tested.
        after: float64 [n_runs, n_classes], recalls with it.
        n_tested: int64 [n_classes], samples that each run tests of each class.
    """

    before: NDArray[np.float64]
    after: NDArray[np.float64]
    n_tested: NDArray[np.int64]

    @property
    def changes(self) -> NDArray[np.float64]:
        """Recall with it less recall without: float64 [n_runs, n_classes]."""
        return self.after - self.before

    def mean(self) -> NDArray[np.float64]:
        """Mean change of each class: float64 [n_classes]."""
        mean: NDArray[np.float64] = self.changes.mean(0)
        return mean

    def error(self) -> NDArray[np.float64]:
        """Standard error of each class over the runs: float64 [n_classes]."""
        error: NDArray[np.float64] = self.changes.std(0, ddof=1) / np.sqrt(len(self.changes))
        return error

    def balanced(self) -> tuple[float, float]:
        """Mean change of the balanced accuracy, and its standard error over the runs."""
        per_run = np.nanmean(self.changes, 1)
        return float(per_run.mean()), float(per_run.std(ddof=1) / np.sqrt(len(per_run)))

    def bounds(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Between which each class's change lies, and the balanced accuracy's, behind them.

        Two of float64 [n_classes + 1]; all upper ends are right at once with a chance of 95 %
        or more, and all lower ends: half of the risk is the balanced accuracy's, the classes
        share the other half (Bonferroni). A few runs say little of one class's error, so it
        is taken no smaller than what all classes together say of it. That of the balanced
        accuracy is its own: classes take samples from each other, which it does not feel.
        """
        tested = self.n_tested > 0
        n_runs, n_classes = len(self.changes), int(tested.sum())
        # No error is smaller than if in each run one tested sample of a class had changed.
        least = 1 / (np.maximum(self.n_tested, 1) * np.sqrt(n_runs))
        errors = np.maximum.reduce([self.error(), self._pooled_error(), least])  # NaN: not tested
        mean, own_error = self.balanced()
        own_error = max(own_error, float(np.sqrt(np.sum(least[tested] ** 2))) / n_classes)
        reach = np.append(
            student_quantile(1 - RISK / 2 / n_classes, n_classes * (n_runs - 1)) * errors,
            student_quantile(1 - RISK / 2, n_runs - 1) * own_error,
        )
        centres = np.append(self.mean(), mean)
        return centres - reach, centres + reach

    def _pooled_error(self) -> NDArray[np.float64]:
        """Standard errors if each recall varies as many times more than a share p as the others.

        A share of n samples varies by p·(1 - p)/n; p is moved towards a half, by two samples.
        """
        n_tested, n_runs = np.maximum(self.n_tested, 1), len(self.changes)
        recall = (self.before + self.after).mean(0) / 2
        share = (recall * n_tested + 1) / (n_tested + 2)
        of_shares = share * (1 - share) / n_tested
        times = np.nanmean(self.changes.var(0, ddof=1) / of_shares)
        error: NDArray[np.float64] = np.sqrt(times * of_shares / n_runs)
        return error

    def verdict(self, tolerance: float) -> SafetyVerdict:
        """What the runs show.

        Harmful: a class, or the balanced accuracy, surely falls. Harmless: none surely does,
        and none falls by more than the tolerance. Else neither is shown.
        """
        low, high = self.bounds()
        if np.nanmin(high) < 0:
            return "harmful"
        return "harmless" if np.nanmin(low) > -tolerance else "not shown"


@functools.cache
def student_quantile(level: float, degrees: int) -> float:
    """The quantile of Student's t distribution, by summing up its density.

    With t = √degrees · tan θ the density becomes cos(θ)^(degrees - 1), on a finite range.

    >>> round(student_quantile(0.975, 2), 2), round(student_quantile(0.975, 20), 3)
    (4.3, 2.086)
    """
    angles = np.linspace(-np.pi / 2, np.pi / 2, 200_001)
    density = np.maximum(np.cos(angles), 0.0) ** (degrees - 1)
    summed = np.cumsum((density[1:] + density[:-1]) / 2)
    angle = np.interp(level * summed[-1], summed, angles[1:])
    return float(np.sqrt(degrees) * np.tan(angle))
