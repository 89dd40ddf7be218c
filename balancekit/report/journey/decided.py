"""What a trained model decides for one class prior and for another, and words for it."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from balancekit.stats import wilson_interval

__all__ = ["Decided", "Decision", "gain_text"]

Floats = NDArray[np.float64]

NORMAL_95 = 1.959964


@dataclass(frozen=True, kw_only=True, eq=False)
class Decision:
    """How many of each class a model finds when its logits are for one prior.

    Attributes:
        name: of the prior, such as "as in training": how often classes come.
        prior: that the logits were moved to: [n_classes], of sum 1.
        is_right: whether each held-out sample is decided rightly: bool [n].
    """

    name: str
    prior: Floats
    is_right: NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, eq=False)
class Decided:
    """One trained model on held-out samples, its logits moved to several priors.

    Attributes:
        class_names: of the classes.
        train_counts: samples of each that were trained on.
        targets: classes of the held-out samples: int [n].
        decisions: one a prior, the first as the model was trained.
        how: how it was trained, in words.
    """

    class_names: tuple[str, ...]
    train_counts: tuple[int, ...]
    targets: NDArray[np.int64]
    decisions: tuple[Decision, ...]
    how: str

    @cached_property
    def totals(self) -> Floats:
        """Held-out samples of each class: float64 [n_classes]."""
        return np.bincount(self.targets, minlength=len(self.class_names)).astype(np.float64)

    def recall(self, decision: Decision) -> tuple[Floats, Floats, Floats]:
        """Recall of each class and its 95 % interval: three of float64 [n_classes]."""
        hits = np.bincount(self.targets, decision.is_right, len(self.class_names))
        share = np.divide(hits, self.totals, out=np.full(len(hits), np.nan), where=self.totals > 0)
        return share, *wilson_interval(hits, self.totals)

    def accuracy(self, decision: Decision, prior: Floats) -> float:
        """Share decided rightly where the classes are as frequent as a prior says."""
        held = self.totals > 0
        recall = self.recall(decision)[0][held]
        return float(recall @ prior[held] / prior[held].sum())

    def gain(self, decision: Decision) -> tuple[float, float]:
        """What a decision brings against the first where its prior holds: mean and half width.

        Half of the 95 % interval, samples paired and classes weighed by the prior. A class adds
        1 / (n + 2)² at least, as where no pair of few samples differs the next one still may.
        """
        first, weights = self.decisions[0], decision.prior * (self.totals > 0)
        weights = weights / weights.sum()
        apart = decision.is_right.astype(np.float64) - first.is_right
        n = np.maximum(self.totals, 1)
        mean = np.bincount(self.targets, apart, len(n)) / n
        variance = np.bincount(self.targets, apart**2, len(n)) / n - mean**2
        error = weights**2 @ (variance / n + 1 / (n + 2) ** 2)
        return float(weights @ mean), NORMAL_95 * float(np.sqrt(error))


def gain_text(decided: Decided, decision: Decision) -> str:
    """What moving the logits to a prior brings where that prior holds, in a sentence."""
    mean, half = decided.gain(decision)
    points = f"{100 * mean:+.1f} ± {100 * half:.1f} points"
    noise = ": not larger than the noise" if abs(mean) <= half else ""
    return f"Where classes come {decision.name}, logits moved to that prior bring {points}{noise}."
