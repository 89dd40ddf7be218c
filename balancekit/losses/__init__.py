"""Losses for data whose classes are unequal: modules, and the functions under them.

Weights are normalised so that a sample weighs 1 on average, "mean" divides by the number
of targets, and a model under a loss of this room keeps the learning rate that it had.
"""

from balancekit.losses.functional import (
    cross_entropy,
    focal_loss,
    logit_adjusted_cross_entropy,
    sigmoid_focal_loss,
    weighted_bce_with_logits,
)
from balancekit.losses.label_modules import SigmoidFocalLoss, WeightedBCELoss
from balancekit.losses.modules import (
    ClassBalancedLoss,
    FocalLoss,
    LogitAdjustedLoss,
    WeightedCrossEntropyLoss,
)

__all__ = [
    "ClassBalancedLoss",
    "FocalLoss",
    "LogitAdjustedLoss",
    "SigmoidFocalLoss",
    "WeightedBCELoss",
    "WeightedCrossEntropyLoss",
    "cross_entropy",
    "focal_loss",
    "logit_adjusted_cross_entropy",
    "sigmoid_focal_loss",
    "weighted_bce_with_logits",
]
