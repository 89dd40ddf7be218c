"""Generalized Dice loss: one ratio for all classes, each weighed by its volume."""

from typing import Unpack

from torch import Tensor

from balancekit.losses.overlap_options import (
    Activation,
    Over,
    OverlapReduction,
    RatioLoss,
    RatioOptions,
    check_choices,
    check_tversky,
)
from balancekit.losses.overlap_sums import (
    OverlapSums,
    overlap_sums,
    reduce_ratios,
    tversky_errors,
)
from balancekit.losses.ranks import Sync

__all__ = ["GeneralizedDiceLoss", "generalized_dice_loss"]


def generalized_dice_loss(
    logits: Tensor,
    targets: Tensor,
    *,
    activation: Activation = "softmax",
    over: Over = "sample",
    smooth: float = 1e-5,
    reduction: OverlapReduction = "mean",
    ignore_index: int = -100,
    sample_weight: Tensor | None = None,
    sync: Sync = "none",
) -> Tensor:
    """Generalized Dice loss 1 - 2·Σ w·TP / Σ w·(2·TP + FP + FN), w = 1 / volume²: float [].

    One ratio for all classes, [N], or [] over the batch, without reduction. The weights are
    scaled so that the rarest class has 1: `smooth` is in pixels of that class. An absent
    class has the weight of one pixel. Arguments as in
    `balancekit.losses.overlap`.

    Raises:
        OptionError: shapes, dtypes or options that do not fit.

    Source: Sudre et al. 2017 (arXiv 1707.03237), eq. 3.

    >>> import torch
    >>> logits = torch.tensor([[[9.0, 9.0, 0.0], [0.0, 0.0, 0.0]]])  # two right, one undecided
    >>> targets = torch.tensor([[0, 0, 1]])
    >>> generalized_dice_loss(logits, targets)
    tensor(0.2382)
    """
    check_choices(activation=activation, over=over, reduction=reduction)
    check_tversky(0.5, 0.5, smooth)
    sums = overlap_sums(
        logits,
        targets,
        activation=activation,
        over=over,
        ignore_index=ignore_index,
        sample_weight=sample_weight,
        sync=sync,
    )
    volumes = (sums.true_positives + sums.false_negatives).detach().clamp(min=1)  # […, C]
    weights = (volumes.amin(-1, keepdim=True) / volumes).square()
    pooled = OverlapSums(*((part * weights).sum(-1, keepdim=True) for part in sums))
    result = reduce_ratios(
        tversky_errors(pooled, 0.5, 0.5, smooth),  # [N, 1] or [1]
        (pooled.n_valid > 0).to(weights.dtype),
        n_valid=sums.n_valid,
        over=over,
        reduction=reduction,
        sample_weight=sample_weight,
        sync=sync,
    )
    return result.squeeze(-1) if reduction == "none" else result


class GeneralizedDiceLoss(RatioLoss):
    """Generalized Dice loss, one ratio for all classes.

    Args:
        **options: see `balancekit.losses.overlap`.

    Raises:
        OptionError: an option has a value that it cannot have.

    Source: Sudre et al. 2017 (arXiv 1707.03237); see `balancekit.losses.generalized_dice_loss`.

    >>> import torch
    >>> GeneralizedDiceLoss()(torch.zeros(1, 2, 4), torch.tensor([[0, 0, 0, 1]]))
    tensor(0.6250)
    """

    def __init__(self, **options: Unpack[RatioOptions]) -> None:
        super().__init__(options, RatioOptions)

    def forward(
        self, logits: Tensor, targets: Tensor, *, sample_weight: Tensor | None = None
    ) -> Tensor:
        """The loss of [N, C, …] logits: float [], or [N] over samples without reduction."""
        return generalized_dice_loss(logits, targets, sample_weight=sample_weight, **self.options)
