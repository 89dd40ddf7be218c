"""Focal loss for regression: small errors count less."""

from typing import Literal, Unpack, get_args

import torch
from torch import Tensor

from balancekit.errors import OptionError
from balancekit.losses.arguments import check_range
from balancekit.losses.criterion import checked_gamma
from balancekit.losses.ranks import Sync
from balancekit.losses.reduction import Normalizer, Reduction
from balancekit.losses.regression.arguments import reduce_errors, regression_arguments
from balancekit.losses.regression.criterion import RegressionCriterion, RegressionOptions
from balancekit.losses.regression.weighted import base_errors, checked_base

__all__ = ["FocalRLoss", "focal_r_loss"]

FocalBase = Literal["l1", "mse"]
Activation = Literal["sigmoid", "tanh"]
# Not where they are needed: torch 2.4 cannot compile a call of get_args.
BASES, ACTIVATIONS = get_args(FocalBase), get_args(Activation)


def focal_r_loss(
    predictions: Tensor,
    targets: Tensor,
    *,
    base: FocalBase = "l1",
    beta: float = 0.2,
    gamma: float = 1.0,
    activation: Activation = "sigmoid",
    sample_weight: Tensor | None = None,
    reduction: Reduction = "mean",
    normalizer: Normalizer | Tensor = "count",
    sync: Sync = "none",
) -> Tensor:
    """The loss σ(β·|e|)^γ·|e|, or ·e²: float [], or [N, …] without reduction.

    Args:
        predictions: float [N], [N, D] or [N, d1, …].
        targets: of the shape of `predictions`.
        base: "l1" for |e|, "mse" for e².
        beta: how soon an error counts in full, at least 0, per unit of the targets.
        gamma: focus on large errors, at least 0; 0 leaves the base.
        activation: "sigmoid" rises from ½ to 1, "tanh" from 0 to 1.
        sample_weight: one weight a sample, [N], or of any shape that fits from the left.
        reduction: "mean", "sum" or "none".
        normalizer: see `weighted_l1_loss`.
        sync: see `weighted_l1_loss`.

    Raises:
        OptionError: shapes, dtypes or options do not belong together.

    Source: Yang et al. 2021 (arXiv 2102.09554), section 4, Focal-R. Their code has
    2σ(β·|e|) - 1 instead of σ, which is "tanh" at half the β.

    >>> focal_r_loss(torch.tensor([0.0, 10.0]), torch.tensor([1.0, 0.0]), reduction="none")
    tensor([0.5498, 8.8080])
    """
    _check_focal(base, beta, gamma, activation)
    predictions, targets = regression_arguments(predictions, targets)
    scaled = beta * (predictions - targets).abs()
    rise = scaled.sigmoid() if activation == "sigmoid" else scaled.tanh()
    # Not 0: the gradient of 0^γ is infinite below γ = 1, and 0 · inf is NaN.
    factor = rise.clamp(min=torch.finfo(rise.dtype).tiny).pow(gamma)
    return reduce_errors(
        factor * base_errors(predictions, targets, base),
        sample_weight=sample_weight,
        reduction=reduction,
        normalizer=normalizer,
        sync=sync,
    )


class FocalRLoss(RegressionCriterion):
    """Focal-R: σ(β·|e|)^γ·|e|, or ·e².

    Args:
        base: "l1" for |e|, "mse" for e².
        beta: how soon an error counts in full, at least 0, per unit of the targets.
        gamma: focus on large errors, at least 0; 0 leaves the base.
        activation: "sigmoid" rises from ½ to 1, "tanh" from 0 to 1.
        **options: see `RegressionOptions`.

    Raises:
        OptionError: an option has a value that it cannot have.

    Source: see `focal_r_loss`.

    >>> FocalRLoss(gamma=0.0)(torch.tensor([1.0]), torch.tensor([3.0]))
    tensor(2.)
    """

    def __init__(
        self,
        base: FocalBase = "l1",
        *,
        beta: float = 0.2,
        gamma: float = 1.0,
        activation: Activation = "sigmoid",
        **options: Unpack[RegressionOptions],
    ) -> None:
        super().__init__(**options)
        _check_focal(base, beta, gamma, activation)
        self.base, self.beta, self.gamma, self.activation = base, beta, gamma, activation

    def forward(
        self,
        predictions: Tensor,
        targets: Tensor,
        *,
        sample_weight: Tensor | None = None,
        normalizer: Tensor | None = None,
    ) -> Tensor:
        """The loss of [N, …] predictions: float [], or [N, …] without reduction."""
        return focal_r_loss(
            predictions,
            targets,
            base=self.base,
            beta=self.beta,
            gamma=self.gamma,
            activation=self.activation,
            **self.options(sample_weight, normalizer),
        )


def _check_focal(base: FocalBase, beta: float, gamma: float, activation: Activation) -> None:
    checked_base(base, BASES)
    check_range("beta", beta, 0, advice="0.2 is usual for errors of some 10 units.")
    checked_gamma(gamma)
    if activation not in ACTIVATIONS:
        names = ", ".join(map(repr, ACTIVATIONS))
        raise OptionError(f"activation: expected one of {names}, got {activation!r}")
