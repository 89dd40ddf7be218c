"""L1, MSE and Huber loss under weights."""

from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor

from balancekit.errors import OptionError
from balancekit.losses.arguments import check_range
from balancekit.losses.ranks import Sync
from balancekit.losses.reduction import Normalizer, Reduction
from balancekit.losses.regression.arguments import reduce_errors, regression_arguments

__all__ = [
    "Base",
    "base_errors",
    "checked_base",
    "weighted_huber_loss",
    "weighted_l1_loss",
    "weighted_mse_loss",
]

Base = Literal["l1", "mse", "huber"]
BASES = get_args(Base)


def checked_base(base: Base, names: tuple[str, ...] = BASES) -> Base:
    """`base`, if it is one of the names.

    Raises:
        OptionError: it is not.
    """
    if base not in names:
        raise OptionError(f"base: expected one of {', '.join(map(repr, names))}, got {base!r}")
    return base


def base_errors(predictions: Tensor, targets: Tensor, base: Base, delta: float = 1.0) -> Tensor:
    """|d|, d², or Huber's ½d² up to δ and δ·(|d| - ½δ) beyond: float [N, …]."""
    if base == "l1":
        return (predictions - targets).abs()
    if base == "mse":
        return (predictions - targets).square()
    return F.huber_loss(predictions, targets, reduction="none", delta=delta)


def weighted_l1_loss(
    predictions: Tensor,
    targets: Tensor,
    target_weights: Tensor | None = None,
    *,
    sample_weight: Tensor | None = None,
    reduction: Reduction = "mean",
    normalizer: Normalizer | Tensor = "count",
    sync: Sync = "none",
) -> Tensor:
    """The loss w·|ŷ - y|: float [], or [N, …] without reduction.

    Args:
        predictions: float [N], [N, D] or [N, d1, …].
        targets: of the shape of `predictions`.
        target_weights: one weight a target, of the shape of `predictions`.
        sample_weight: one weight a sample, [N], or of any shape that fits from the left.
        reduction: "mean", "sum" or "none".
        normalizer: "mean" divides by the "count" of targets, the sum of their "weight", or a
            number of your own, [].
        sync: processes over which "mean" takes its divisor.

    Raises:
        OptionError: shapes, dtypes or options do not belong together.

    >>> weighted_l1_loss(torch.tensor([1.0, 4.0]), torch.tensor([0.0, 0.0]))
    tensor(2.5000)
    """
    predictions, targets = regression_arguments(predictions, targets)
    return reduce_errors(
        base_errors(predictions, targets, "l1"),
        target_weights,
        sample_weight=sample_weight,
        reduction=reduction,
        normalizer=normalizer,
        sync=sync,
    )


def weighted_mse_loss(
    predictions: Tensor,
    targets: Tensor,
    target_weights: Tensor | None = None,
    *,
    sample_weight: Tensor | None = None,
    reduction: Reduction = "mean",
    normalizer: Normalizer | Tensor = "count",
    sync: Sync = "none",
) -> Tensor:
    """The loss w·(ŷ - y)²: float [], or [N, …] without reduction.

    Arguments and errors are those of `weighted_l1_loss`.

    >>> weighted_mse_loss(torch.tensor([1.0, 4.0]), torch.tensor([0.0, 0.0]))
    tensor(8.5000)
    """
    predictions, targets = regression_arguments(predictions, targets)
    return reduce_errors(
        base_errors(predictions, targets, "mse"),
        target_weights,
        sample_weight=sample_weight,
        reduction=reduction,
        normalizer=normalizer,
        sync=sync,
    )


def weighted_huber_loss(
    predictions: Tensor,
    targets: Tensor,
    target_weights: Tensor | None = None,
    *,
    delta: float = 1.0,
    sample_weight: Tensor | None = None,
    reduction: Reduction = "mean",
    normalizer: Normalizer | Tensor = "count",
    sync: Sync = "none",
) -> Tensor:
    """The loss w·Huber(ŷ - y): float [], or [N, …] without reduction.

    Arguments and errors are those of `weighted_l1_loss`, and:

    Args:
        predictions: see there.
        targets: see there.
        target_weights: see there.
        delta: error above which it grows as δ·|d|, in the unit of the targets.
        sample_weight: see there.
        reduction: see there.
        normalizer: see there.
        sync: see there.

    >>> weighted_huber_loss(torch.tensor([1.0, 4.0]), torch.tensor([0.0, 0.0]))
    tensor(2.)
    """
    check_range("delta", delta, torch.finfo(torch.float32).tiny, advice="Use 1.")
    predictions, targets = regression_arguments(predictions, targets)
    return reduce_errors(
        base_errors(predictions, targets, "huber", delta),
        target_weights,
        sample_weight=sample_weight,
        reduction=reduction,
        normalizer=normalizer,
        sync=sync,
    )
