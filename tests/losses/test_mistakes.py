"""What users may get wrong in an option of one loss; those of all are in the tests of laws."""

import numpy as np
import pytest
import torch

from balancekit.errors import OptionError
from balancekit.losses import (
    ClassBalancedLoss,
    FocalLoss,
    LogitAdjustedLoss,
    SigmoidFocalLoss,
    WeightedBCELoss,
    WeightedCrossEntropyLoss,
    cross_entropy,
    focal_loss,
    logit_adjusted_cross_entropy,
    sigmoid_focal_loss,
    weighted_bce_with_logits,
)

Z, Y = torch.zeros(2, 3), torch.tensor([0, 2])
OF_FUNCTIONS = {
    "scalar-weight": (lambda: focal_loss(Z, Y, torch.tensor(0.25)), r"class_weights.*\[3\]"),
    "pos-weights-of-no-labels": (
        lambda: weighted_bce_with_logits(Z[0], Z[0], torch.ones(3)),
        r"pos_weight.*\[N, L\]",
    ),
    "tau": (
        lambda: logit_adjusted_cross_entropy(Z, Y, torch.zeros(3), tau=float("-inf")),
        r"tau: expected a finite number, got -inf",
    ),
    "gamma": (lambda: focal_loss(Z, Y, gamma=-1.0), r"gamma: expected .* at least 0, got -1"),
    "gamma-nan": (lambda: sigmoid_focal_loss(Z, Z, gamma=float("nan")), r"gamma: .* got nan"),
    "alpha": (lambda: sigmoid_focal_loss(Z, Z, alpha=1.5), r"alpha: .*\[0, 1\], got 1.5"),
    "smoothing": (lambda: cross_entropy(Z, Y, label_smoothing=2.0), r"label_smoothing: .*got 2"),
}
OF_MODULES = {
    "scalar-alpha": (lambda: FocalLoss(2.0, 0.25), r"class_weights: .*\[C\], got shape \[\]"),
    "negative-weight": (lambda: FocalLoss(2.0, [1, -1]), r"class_weights: .*at least 0, got -1"),
    "nan-weight": (
        lambda: ClassBalancedLoss([1, float("nan")]),
        r"class_weights: .*got \[1.0, nan\]",
    ),
    "infinite-prior": (
        lambda: LogitAdjustedLoss(np.array([0.0, -np.inf])),
        r"log_prior: expected finite .*from_counts",
    ),
    "no-weights": (lambda: WeightedCrossEntropyLoss([]), r"class_weights: expected finite"),
    "matrix-pos-weight": (
        lambda: WeightedBCELoss(torch.ones(2, 2)),
        r"pos_weight: .*shape \[2, 2\]",
    ),
    "alpha": (lambda: SigmoidFocalLoss(alpha=2.0), r"alpha: .*\[0, 1\], got 2"),
    "gamma": (lambda: FocalLoss(-1.0), r"gamma: .*at least 0, got -1"),
    "sigmoid-gamma": (lambda: SigmoidFocalLoss(-1.0), r"gamma: .*at least 0, got -1"),
    "balanced-gamma": (lambda: ClassBalancedLoss([1, 1], gamma=-1.0), r"gamma: .*got -1"),
    "smoothing": (lambda: WeightedCrossEntropyLoss(label_smoothing=-0.1), r"label_smoothing: "),
    "base": (lambda: ClassBalancedLoss([1, 1], base="ldam"), r"base: .*'sigmoid', got 'ldam'"),
    "nan-tau": (
        lambda: LogitAdjustedLoss([0.0, 0.0], tau=float("nan")),
        r"tau: expected a finite number, got nan. 1 is the balanced softmax",
    ),
    "infinite-tau": (
        lambda: LogitAdjustedLoss.from_counts([5, 3], tau=float("inf")),
        r"tau: .*got inf",
    ),
    "beta": (lambda: ClassBalancedLoss.from_counts([1, 2], beta=1.0), r"beta: .*got 1"),
    "counts": (lambda: LogitAdjustedLoss.from_counts([0, 0]), r"class_counts: .*one above 0"),
    "n-samples": (lambda: WeightedBCELoss.from_counts([5], 3), r"n_samples: .*got 3"),
    "weights-of-other-classes": (
        lambda: FocalLoss.from_counts([5, 3])(torch.zeros(1, 3), torch.tensor([0])),
        r"class_weights: expected one value a class, \[3\].*got \[2\]",
    ),
}


@pytest.mark.parametrize(("mistake", "message"), OF_FUNCTIONS.values(), ids=OF_FUNCTIONS)
def test_a_mistake_in_a_call_is_told_with_what_was_expected(mistake, message):
    with pytest.raises(OptionError, match=message):
        mistake()


@pytest.mark.parametrize(("mistake", "message"), OF_MODULES.values(), ids=OF_MODULES)
def test_a_mistake_in_making_a_loss_is_told_with_what_was_expected(mistake, message):
    with pytest.raises(OptionError, match=message):
        mistake()
