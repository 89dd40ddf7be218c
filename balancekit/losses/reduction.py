"""Losses of single targets → the loss of a batch."""

from typing import Literal, get_args

import torch
from torch import Tensor

from balancekit.errors import OptionError
from balancekit.losses.arguments import check_tensor
from balancekit.losses.ranks import Sync, check_sync, n_ranks, sum_over_ranks

__all__ = ["Normalizer", "Reduction", "check_reduction", "divide", "reduce_losses", "weigh_samples"]

Reduction = Literal["mean", "sum", "none"]
Normalizer = Literal["count", "weight", "positives"]

# Not where they are needed: torch 2.4 cannot compile a call of get_args.
REDUCTIONS, NORMALIZERS = get_args(Reduction), get_args(Normalizer)


def check_reduction(reduction: str, normalizer: str | Tensor, sync: Sync = "none") -> None:
    """Refuse a way to reduce that does not exist.

    Raises:
        OptionError: `reduction` or `normalizer` is not one of the names of its type, a
            tensor for `normalizer` holds more than one number, or `sync` names no processes.
    """
    _check_name("reduction", reduction, REDUCTIONS)
    if isinstance(normalizer, Tensor):
        if normalizer.numel() != 1:
            raise OptionError(
                f"normalizer: expected one number, got a tensor {list(normalizer.shape)}. "
                "Weights of samples go into sample_weight."
            )
    elif normalizer not in NORMALIZERS:
        names = ", ".join(map(repr, NORMALIZERS))
        raise OptionError(f"normalizer: expected one of {names} or a tensor, got {normalizer!r}")
    check_sync(sync)


def reduce_losses(
    losses: Tensor,
    valid: Tensor,
    *,
    target_weights: Tensor | None,
    sample_weight: Tensor | None,
    reduction: Reduction,
    normalizer: Normalizer | Tensor,
    sync: Sync = "none",
    positives: Tensor | None = None,
) -> Tensor:
    """The loss of a batch: float [], or float [N, …] without reduction.

    Args:
        losses: float [N, …], 0 where ignored, class weights already in them.
        valid: bool [N, …], False where the target is ignored.
        target_weights: float [N, …], the class weights in `losses`; 1 if not given.
        sample_weight: float [N], [N, d1] and so on, with 1 for any size.
        reduction: what to hand back.
        normalizer: what "mean" divides by: targets, the sum of their weights, of labels
            that are 1, or a number.
        sync: processes over which to sum what "mean" divides by.
        positives: float [N, …], label 1 as far as it goes; None for a softmax.

    Raises:
        OptionError: `sample_weight` does not fit `losses`, or no label can be positive.
    """
    if sample_weight is not None:
        losses = weigh_samples(losses, valid, sample_weight)
    if reduction == "none":
        return losses
    total = losses.sum()
    if reduction == "sum":
        return total
    if isinstance(normalizer, Tensor):
        amount = normalizer
    elif normalizer == "count":
        amount = valid.sum()
    elif normalizer == "positives":
        amount = _positives(positives, valid).sum()
    else:
        weights = valid.to(losses.dtype)
        if target_weights is not None:
            weights = torch.where(valid, target_weights, 0.0)
        if sample_weight is not None:
            weights = weigh_samples(weights, valid, sample_weight)
        amount = weights.sum()
    return divide(total, amount, sync)


def divide(total: Tensor, amount: Tensor, sync: Sync) -> Tensor:
    """A sum of losses by what it is a sum of; 0 of nothing is 0.

    Args:
        total: float [], of this process.
        amount: one number, of this process.
        sync: processes over which `amount` is summed. Frameworks average gradients over
            processes, so `total` is divided by the mean of their amounts. On one alone `amount`
        keeps its gradient, of weights that are learned.
    """
    amount, n = amount.reshape([]), n_ranks(sync)
    if n > 1:
        amount = sum_over_ranks(amount, sync) / n
    amount = amount.to(total.dtype)
    # Nothing weighs anything: 0 / 1, so that the gradient is 0 and not NaN.
    return total / amount.masked_fill(amount == 0, 1.0)


def weigh_samples(losses: Tensor, valid: Tensor, sample_weight: Tensor) -> Tensor:
    """Losses times the weights of their samples, 0 where ignored: float [N, …].

    Args:
        losses: float [N, …].
        valid: bool [N, …].
        sample_weight: float [N], [N, d1] and so on, with 1 for any size.

    Raises:
        OptionError: `sample_weight` does not fit `losses`.
    """
    # where, not a product: an ignored target may carry any weight, even NaN.
    return losses * torch.where(valid, _expand_right(sample_weight, losses), 0.0)


def _positives(positives: Tensor | None, valid: Tensor) -> Tensor:
    if positives is None:
        raise OptionError(
            "normalizer: expected 'count', 'weight' or a tensor, got 'positives': a target over "
            "a softmax is a class, neither positive nor negative. Give the number as a tensor."
        )
    return torch.where(valid, positives, 0.0)


def _expand_right(sample_weight: Tensor, losses: Tensor) -> Tensor:
    check_tensor("sample_weight", sample_weight)
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
