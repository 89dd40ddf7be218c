"""Generalized Dice loss: one ratio for all classes, each weighed by its volume."""

from typing import Self, Unpack

from numpy.typing import ArrayLike
from torch import Tensor

from balancekit.losses.arguments import check_class_values
from balancekit.losses.criterion import as_array
from balancekit.losses.overlap_options import (
    Activation,
    Over,
    OverlapLoss,
    RatioOptions,
)
from balancekit.losses.overlap_sums import (
    OverlapSums,
    overlap_sums,
    reduce_ratios,
    tversky_errors,
    volumes,
)
from balancekit.losses.ranks import Sync
from balancekit.losses.reduction import Normalizer, Reduction
from balancekit.weights import power_weights

__all__ = ["GeneralizedDiceLoss", "generalized_dice_loss"]


def generalized_dice_loss(
    logits: Tensor,
    targets: Tensor,
    class_weights: Tensor | None = None,
    *,
    activation: Activation = "softmax",
    over: Over = "sample",
    smooth: float = 1e-5,
    reduction: Reduction = "mean",
    ignore_index: int = -100,
    sample_weight: Tensor | None = None,
    normalizer: Normalizer | Tensor = "count",
    sync: Sync = "none",
) -> Tensor:
    """Generalized Dice loss 1 - 2·Σ w·TP / Σ w·(2·TP + FP + FN), w = 1 / volume²: float [].

    One ratio for all classes, [N], or [] over the batch, without reduction. Volumes are those
    of the targets in the sample or batch, where an absent class has one pixel;
    `class_weights` takes the place of 1 / volume². The weights are scaled so that the largest
    is 1: `smooth` is in pixels of that class. Other arguments as in
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
    sums = overlap_sums(
        logits,
        targets,
        activation=activation,
        over=over,
        ignore_index=ignore_index,
        sample_weight=sample_weight,
        sync=sync,
    )
    check_class_values("class_weights", class_weights, logits)
    weights = _scaled_weights(sums, class_weights)
    pooled = OverlapSums(*((part * weights).sum(-1, keepdim=True) for part in sums))
    result = reduce_ratios(
        tversky_errors(pooled, 0.5, 0.5, smooth),  # [N, 1] or [1]
        (pooled.n_valid > 0).to(weights.dtype),
        n_valid=sums.n_valid,
        over=over,
        reduction=reduction,
        sample_weight=sample_weight,
        normalizer=normalizer,
        sync=sync,
    )
    return result.squeeze(-1) if reduction == "none" else result


def _scaled_weights(sums: OverlapSums, class_weights: Tensor | None) -> Tensor:
    """Weights of the classes, the largest 1: float […, C], or [C] where they are given."""
    if class_weights is None:
        volume = volumes(sums).clamp(min=1)
        return (volume.amin(-1, keepdim=True) / volume).square()
    weights = class_weights.to(sums.n_valid.dtype)
    largest = weights.amax()
    return weights / largest.masked_fill(largest == 0, 1.0)


class GeneralizedDiceLoss(OverlapLoss):
    """Generalized Dice loss, one ratio for all classes.

    Args:
        class_weights: [C]; 1 / volume² of the targets in the sample or batch if not given.
        **options: see `balancekit.losses.overlap`.

    Raises:
        OptionError: an option has a value that it cannot have.

    Source: Sudre et al. 2017 (arXiv 1707.03237); see `balancekit.losses.generalized_dice_loss`.

    >>> import torch
    >>> GeneralizedDiceLoss()(torch.zeros(1, 2, 4), torch.tensor([[0, 0, 0, 1]]))
    tensor(0.6250)
    """

    def __init__(
        self,
        class_weights: Tensor | ArrayLike | None = None,
        **options: Unpack[RatioOptions],
    ) -> None:
        super().__init__(class_weights, options, RatioOptions)

    @classmethod
    def from_counts(
        cls,
        class_counts: Tensor | ArrayLike,
        *,
        exponent: float = 2.0,
        **options: Unpack[RatioOptions],
    ) -> Self:
        """A loss with fixed weights ∝ n_c^-exponent, the same in every batch.

        A rare class rules the ratio where targets lack it too: take `over="batch"` or a
        smaller exponent.

        Args:
            class_counts: pixels of each class in all the data, [C].
            exponent: 2 as in the paper, which has it of the volumes in a batch; 1 is gentler.
            **options: see `balancekit.losses.overlap`.

        Raises:
            OptionError: counts or options that do not fit.
        """
        return cls(power_weights(as_array(class_counts), exponent), **options)

    def forward(
        self,
        logits: Tensor,
        targets: Tensor,
        *,
        sample_weight: Tensor | None = None,
        normalizer: Tensor | None = None,
    ) -> Tensor:
        """The loss of [N, C, …] logits: float [], or [N] over samples without reduction."""
        options = self.call_options(sample_weight, normalizer)
        return generalized_dice_loss(logits, targets, self.class_weights, **options)
