"""The methods of the CIFAR-10-LT benchmark, with the constants of their published runs."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import NDArray
from torch import nn

import balancekit as bk
from balancekit.losses import (
    BalancedSoftmaxLoss,
    ClassBalancedLoss,
    CosineLinear,
    DeferredReweighting,
    LDAMLoss,
    LogitAdjustedLoss,
    WeightedCrossEntropyLoss,
)
from balancekit.weights import effective_number_weights

__all__ = ["FIRST_STAGE", "HEAD_STAGE", "METHODS", "PLAN", "Method", "Stage"]

PLAN = "plan"
"""The name of what is recommended, which is no fixed method."""

WARM_UP = 5
"""Epochs in which the learning rate rises."""


@dataclass(frozen=True)
class Stage:
    """How long one stage of a training is, and how fast it learns.

    Attributes:
        epochs: of the stage.
        drops: epochs, counted from 0, at which the learning rate falls.
        by: what it is multiplied by there.
        weight_decay: of all that learns.
        targets: what is drawn; None follows the method.
    """

    epochs: int
    drops: tuple[int, int]
    by: float
    weight_decay: float
    targets: object = None

    def factor(self, epoch: int) -> float:
        """Of the learning rate in an epoch, counted from 0."""
        return min(1.0, (epoch + 1) / WARM_UP) * self.by ** sum(epoch >= at for at in self.drops)

    def of_length(self, epochs: int) -> "Stage":
        """The stage in fewer epochs, its drops at the same shares."""
        first, second = (round(at * epochs / self.epochs) for at in self.drops)
        return Stage(epochs, (first, second), self.by, self.weight_decay, self.targets)


FIRST_STAGE = Stage(200, (160, 180), 0.01, 2e-4)
HEAD_STAGE = Stage(30, (10, 20), 0.1, 5e-4, bk.Uniform())


@dataclass(frozen=True)
class Method:
    """One way to train.

    Attributes:
        criterion: makes the loss of class counts and epochs.
        published: error in % at imbalance ratio 100.
        targets: what is drawn.
        head: makes the last layer of features and classes.
        is_mended: whether the head is learnt anew, balanced, after the training.
    """

    criterion: Callable[[NDArray[np.int64], int], nn.Module]
    published: float | None
    targets: object = field(default_factory=bk.Natural)
    head: Callable[[int, int], nn.Module] = nn.Linear
    is_mended: bool = False


def plain(counts: NDArray[np.int64], epochs: int) -> nn.Module:
    return WeightedCrossEntropyLoss()


def class_balanced_focal(counts: NDArray[np.int64], epochs: int) -> nn.Module:
    # Weights that sum to the number of classes: the rate .1 was chosen for these small ones.
    weights = effective_number_weights(counts, 0.9999, normalize="classes")
    return ClassBalancedLoss(class_weights=weights, base="focal", gamma=1.0)


def ldam(counts: NDArray[np.int64], epochs: int) -> nn.Module:
    weighted = partial(
        LDAMLoss.from_counts, counts, max_margin=0.5, scale=30.0, normalizer="weight"
    )
    return DeferredReweighting.from_counts(
        counts, epochs, criterion=weighted, start_share=0.8, beta=0.9999
    )


METHODS = {
    "cross-entropy": Method(plain, 29.64),
    "CB-focal": Method(class_balanced_focal, 24.80),
    "LDAM-DRW": Method(ldam, 22.27, head=CosineLinear),
    "balanced softmax": Method(lambda n, _: BalancedSoftmaxLoss.from_counts(n), 22.46),
    "balanced sampler": Method(plain, 27.55, targets=bk.Uniform()),
    "cRT": Method(plain, 25.01, is_mended=True),
    # Published for 1,241 epochs; in these it is balanced softmax, but for a constant.
    "logit-adjusted": Method(lambda n, _: LogitAdjustedLoss.from_counts(n, tau=1.0), 22.11),
}
