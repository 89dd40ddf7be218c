"""Losses for data whose classes are unequal: modules, and the functions under them.

Weights are normalised so that a sample weighs 1 on average, "mean" divides by the number
of targets, and a model under a loss of this room keeps the learning rate that it had.
"""

from balancekit.losses.class_balanced import ClassBalancedLoss, one_vs_rest_focal_loss
from balancekit.losses.cross_entropy import (
    WeightedBCELoss,
    WeightedCrossEntropyLoss,
    cross_entropy,
    weighted_bce_with_logits,
)
from balancekit.losses.focal import (
    FocalLoss,
    SigmoidFocalLoss,
    focal_loss,
    sigmoid_focal_loss,
)
from balancekit.losses.logit_adjusted import (
    BalancedSoftmaxLoss,
    LogitAdjustedLoss,
    balanced_softmax_loss,
    logit_adjusted_cross_entropy,
)

__all__ = [
    "BalancedSoftmaxLoss",
    "ClassBalancedLoss",
    "FocalLoss",
    "LogitAdjustedLoss",
    "SigmoidFocalLoss",
    "WeightedBCELoss",
    "WeightedCrossEntropyLoss",
    "balanced_softmax_loss",
    "cross_entropy",
    "focal_loss",
    "logit_adjusted_cross_entropy",
    "one_vs_rest_focal_loss",
    "sigmoid_focal_loss",
    "weighted_bce_with_logits",
]
