"""The batch loss of every loss over a softmax: arguments → kernel → reduction."""

import torch
import torch.nn.functional as F
from torch import Tensor

from balancekit.losses.arguments import (
    along_classes,
    check_class_values,
    check_range,
    check_softmax,
    full_precision,
)
from balancekit.losses.kernels.modulations import Modulation
from balancekit.losses.kernels.softmax import (
    SoftmaxShift,
    shift_logits,
    soft_target_losses,
    softmax_losses,
)
from balancekit.losses.ranks import Sync
from balancekit.losses.reduction import Normalizer, Reduction, check_reduction, reduce_losses

__all__ = ["softmax_loss", "target_class_weights"]


def softmax_loss(
    logits: Tensor,
    targets: Tensor,
    modulation: Modulation,
    class_weights: Tensor | None = None,
    shift: SoftmaxShift | None = None,
    *,
    label_smoothing: float = 0.0,
    reduction: Reduction,
    ignore_index: int,
    sample_weight: Tensor | None,
    normalizer: Normalizer | Tensor,
    sync: Sync,
) -> Tensor:
    """The loss of a modulation and a shift: float [], or [N, d1, …] without reduction.

    Args:
        logits: float [N, C] or [N, C, d1, …], before softmax.
        targets: int [N, d1, …], or float of the shape of `logits`.
        modulation: how a target is weighed by its probability.
        class_weights: float [C].
        shift: of the logits.
        label_smoothing: share in [0, 1] of each target that is spread over all classes;
            above 0 only for plain cross-entropy without margins.
        reduction: "mean", "sum" or "none".
        ignore_index: hard target that does not count.
        sample_weight: float [N], [N, d1] and so on.
        normalizer: what "mean" divides by.
        sync: processes over which to sum what "mean" divides by.

    Raises:
        OptionError: shapes, dtypes or options that do not fit.
    """
    check_reduction(reduction, normalizer, sync)
    check_range("label_smoothing", label_smoothing, 0, 1, advice="Use a share such as 0.1.")
    shift = shift or SoftmaxShift()
    is_soft = check_softmax(logits, targets)
    _check_constants(logits, class_weights, shift)
    if is_soft:
        valid = torch.ones_like(targets.select(1, 0), dtype=torch.bool)
    else:
        # long first: torch compares uint8 with -100 as if it were 156.
        targets = targets.long()
        valid = targets != ignore_index
    if label_smoothing:
        losses = _smoothed(logits, targets, valid, label_smoothing, class_weights, shift)
    elif is_soft:
        losses = soft_target_losses(logits, targets, modulation, class_weights, shift)
    else:
        losses, _ = softmax_losses(logits, targets, ignore_index, modulation, class_weights, shift)
    return reduce_losses(
        losses,
        valid,
        target_weights=_weights(normalizer, targets, valid, class_weights),
        sample_weight=sample_weight,
        reduction=reduction,
        normalizer=normalizer,
        sync=sync,
    )


def target_class_weights(targets: Tensor, valid: Tensor, class_weights: Tensor) -> Tensor:
    """Weight of each target, 0 where ignored: [N, …]; of a soft one the mean over classes.

    Args:
        targets: int64 [N, d1, …], or float [N, C, d1, …].
        valid: bool [N, d1, …].
        class_weights: float [C].
    """
    # Not in 16 bits: what sums them up could not count a batch.
    class_weights = full_precision(class_weights)
    if targets.is_floating_point():
        targets = full_precision(targets)
        return (targets * along_classes(class_weights, targets)).sum(1)
    return torch.where(valid, class_weights[torch.where(valid, targets, 0)], 0.0)


def _weights(
    normalizer: Normalizer | Tensor, targets: Tensor, valid: Tensor, class_weights: Tensor | None
) -> Tensor | None:
    """Weights of the targets, where "mean" divides by them."""
    if class_weights is None or isinstance(normalizer, Tensor) or normalizer != "weight":
        return None
    return target_class_weights(targets, valid, class_weights)


def _smoothed(
    logits: Tensor,
    targets: Tensor,
    valid: Tensor,
    label_smoothing: float,
    class_weights: Tensor | None,
    shift: SoftmaxShift,
) -> Tensor:
    """Cross-entropy of smoothed targets, as torch defines it with class weights: [N, d1, …]."""
    assert shift.margin is None
    logits = shift_logits(torch.where(valid.unsqueeze(1), logits, 0.0), shift)
    if targets.is_floating_point():
        targets = targets.to(logits.dtype)
    else:
        targets = torch.where(valid, targets, 0)
    losses = F.cross_entropy(
        logits,
        targets,
        None if class_weights is None else class_weights.to(logits.dtype),
        reduction="none",
        label_smoothing=label_smoothing,
    )
    return torch.where(valid, losses, 0.0)


def _check_constants(logits: Tensor, class_weights: Tensor | None, shift: SoftmaxShift) -> None:
    check_class_values("class_weights", class_weights, logits)
    check_class_values("scale", shift.scale, logits)
    check_class_values("log_prior", shift.bias, logits)
    check_class_values("margins", shift.margin, logits)
