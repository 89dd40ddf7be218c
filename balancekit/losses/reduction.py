"""Losses of single targets → the loss of a batch."""

from typing import Literal, get_args

import torch
from torch import Tensor

from balancekit.errors import OptionError

__all__ = ["Normalizer", "Reduction", "check_reduction", "reduce_losses"]

Reduction = Literal["mean", "sum", "none"]
Normalizer = Literal["count", "weight"]

# Not where they are needed: torch 2.4 cannot compile a call of get_args.
REDUCTIONS, NORMALIZERS = get_args(Reduction), get_args(Normalizer)


def check_reduction(reduction: str, normalizer: str) -> None:
    """Refuse a way to reduce that does not exist.

    Raises:
        OptionError: `reduction` or `normalizer` is not one of the names of its type.
    """
    _check_name("reduction", reduction, REDUCTIONS)
    _check_name("normalizer", normalizer, NORMALIZERS)


def reduce_losses(
    losses: Tensor,
    valid: Tensor,
    *,
    target_weights: Tensor | None,
    sample_weight: Tensor | None,
    reduction: Reduction,
    normalizer: Normalizer,
) -> Tensor:
    """The loss of a batch: float [], or float [N, …] without reduction.

    Args:
        losses: float [N, …], finite where ignored, class weights already in them.
        valid: bool [N, …], False where the target is ignored.
        target_weights: float [N, …], the class weights in `losses`; 1 if not given.
        sample_weight: float [N], [N, d1] and so on, with 1 for any size.
        reduction: what to hand back.
        normalizer: what "mean" divides by: targets, or the sum of their weights.

    Raises:
        OptionError: `sample_weight` does not fit `losses`.
    """
    shares = valid.to(losses.dtype)  # [N, …], 0 where ignored
    if sample_weight is not None:
        # where, not a product: an ignored target may carry any weight, even NaN.
        shares = torch.where(valid, _expand_right(sample_weight, losses), 0.0)
    losses = losses * shares
    if reduction == "none":
        return losses
    if reduction == "sum":
        return losses.sum()
    if normalizer == "count":
        return losses.sum() / valid.sum().clamp(min=1)
    total = (shares if target_weights is None else shares * target_weights).sum()
    # Nothing weighs anything: 0 / 1, so that the gradient is 0 and not NaN.
    return losses.sum() / total.masked_fill(total == 0, 1.0)


def _expand_right(sample_weight: Tensor, losses: Tensor) -> Tensor:
    shape = (*sample_weight.shape, *[1] * (losses.ndim - sample_weight.ndim))
    if len(shape) != losses.ndim or any(
        size not in (1, wanted) for size, wanted in zip(shape, losses.shape, strict=True)
    ):
        raise OptionError(
            f"sample_weight: expected one weight a sample [{losses.shape[0]}] or a target "
            f"{list(losses.shape)}, got {list(sample_weight.shape)}. "
            "Reshape it; 1 stands for any size."
        )
    return sample_weight.to(losses.dtype).reshape(shape)


def _check_name(where: str, name: str, names: tuple[str, ...]) -> None:
    if name not in names:
        raise OptionError(f"{where}: expected one of {', '.join(map(repr, names))}, got {name!r}")
