"""The batch loss of every loss of labels with a sigmoid each: arguments → kernel → reduction."""

import torch
from torch import Tensor

from balancekit.losses.arguments import (
    along_classes,
    check_sigmoid,
    full_precision,
)
from balancekit.losses.kernels.modulations import Asymmetric
from balancekit.losses.kernels.sigmoid import sigmoid_losses, sigmoid_row_losses
from balancekit.losses.ranks import Sync
from balancekit.losses.reduction import (
    Normalizer,
    Reduction,
    check_reduction,
    divide,
    reduce_losses,
)

__all__ = ["sigmoid_loss"]


def sigmoid_loss(
    logits: Tensor,
    targets: Tensor,
    modulation: Asymmetric,
    positive_weight: Tensor | None = None,
    negative_weight: Tensor | None = None,
    *,
    reduction: Reduction,
    ignore_index: int,
    sample_weight: Tensor | None,
    normalizer: Normalizer | Tensor,
    sync: Sync,
) -> Tensor:
    """The loss of a modulation: float [], or that of each label without reduction.

    Args:
        logits: float [N, L] or any shape, before sigmoid.
        targets: 0, 1 or between, any dtype, of the shape of `logits`.
        modulation: powers of the two labels.
        positive_weight: of label 1, float [] or [L], as `label_values` gives it.
        negative_weight: of label 0, likewise.
        reduction: "mean", "sum" or "none".
        ignore_index: target that does not count.
        sample_weight: float [N], [N, L], [1, L] and so on.
        normalizer: what "mean" divides by.
        sync: processes over which to sum what "mean" divides by.

    Raises:
        OptionError: shapes, dtypes or options that do not fit.
    """
    check_reduction(reduction, normalizer, sync)
    may_be_ignored = check_sigmoid(logits, targets, ignore_index)
    arguments = (logits, targets, ignore_index, modulation, positive_weight, negative_weight)
    by_row = reduction != "none" and sample_weight is None and normalizer != "weight"
    if by_row and logits.ndim > 1:
        total = sigmoid_row_losses(*arguments, may_be_ignored=may_be_ignored).sum()
        if reduction == "sum":
            return total
        return divide(total, _amount(targets, ignore_index, normalizer, may_be_ignored), sync)
    valid = targets != ignore_index
    shares = torch.where(valid, targets, 0).to(torch.promote_types(logits.dtype, torch.float32))
    return reduce_losses(
        sigmoid_losses(*arguments, may_be_ignored=may_be_ignored),
        valid,
        target_weights=_label_weights(shares, positive_weight, negative_weight),
        sample_weight=sample_weight,
        reduction=reduction,
        normalizer=normalizer,
        sync=sync,
        positives=shares,
    )


def _amount(
    targets: Tensor, ignore_index: int, normalizer: Normalizer | Tensor, may_be_ignored: bool
) -> Tensor:
    if isinstance(normalizer, Tensor):
        return normalizer
    if normalizer == "count":
        if may_be_ignored:
            return (targets != ignore_index).sum()
        return torch.tensor(targets.numel(), device=targets.device)
    # Not in 16 bits, which cannot count a batch.
    return full_precision(torch.where(targets == ignore_index, 0, targets)).sum()


def _label_weights(
    shares: Tensor, positive_weight: Tensor | None, negative_weight: Tensor | None
) -> Tensor | None:
    if positive_weight is None and negative_weight is None:
        return None
    positive = (
        shares if positive_weight is None else shares * along_classes(positive_weight, shares)
    )
    negative = 1 - shares
    if negative_weight is not None:
        negative = negative * along_classes(negative_weight, shares)
    return positive + negative
