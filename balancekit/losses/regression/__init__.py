"""Losses for regressions whose targets are unequally common, and the smoothing of features.

Every loss is called as `loss(predictions, targets, sample_weight=None)` with two tensors of
one shape, [N], [N, D] or [N, d1, …], and shares the options of `RegressionOptions`. Weights
are 1 on average over the training data, so that a model keeps the learning rate that it had.
"""

from balancekit.losses.regression.balanced_mse import BMCLoss, GAILoss, bmc_loss, gai_loss
from balancekit.losses.regression.density import DenseWeightLoss, LDSLoss
from balancekit.losses.regression.fds import FDS
from balancekit.losses.regression.focal_r import FocalRLoss, focal_r_loss
from balancekit.losses.regression.ghm_r import GHMRLoss
from balancekit.losses.regression.mixture import GaussianMixture, fit_gaussian_mixture
from balancekit.losses.regression.weighted import (
    weighted_huber_loss,
    weighted_l1_loss,
    weighted_mse_loss,
)

__all__ = [
    "FDS",
    "BMCLoss",
    "DenseWeightLoss",
    "FocalRLoss",
    "GAILoss",
    "GHMRLoss",
    "GaussianMixture",
    "LDSLoss",
    "bmc_loss",
    "fit_gaussian_mixture",
    "focal_r_loss",
    "gai_loss",
    "weighted_huber_loss",
    "weighted_l1_loss",
    "weighted_mse_loss",
]
