"""What callers hand to a loss of a regression → what its formula needs.

Checks read shapes and dtypes only: a look at values would make the device wait.
"""

import torch
from torch import Tensor

from balancekit.errors import OptionError
from balancekit.losses.ranks import Sync
from balancekit.losses.reduction import Normalizer, Reduction, check_reduction, reduce_losses

__all__ = ["check_options", "full_precision", "reduce_errors", "regression_arguments"]


def regression_arguments(predictions: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Predictions and targets in one precision: float32 or float64 [N, …].

    Args:
        predictions: float [N], [N, D] or [N, d1, …].
        targets: real, of the shape of `predictions`.

    Raises:
        OptionError: shapes or dtypes do not belong together.
    """
    if not predictions.is_floating_point():
        raise OptionError(
            f"predictions: expected a float tensor, got {_describe(predictions)}. "
            "Pass what the model gives; check the order of arguments."
        )
    if predictions.ndim < 1 or targets.shape != predictions.shape or targets.is_complex():
        raise OptionError(
            f"targets: expected one number a prediction, {list(predictions.shape)}, got "
            f"{_describe(targets)}. Use .unsqueeze(1) or .squeeze(1) where only an axis of 1 is "
            "in the way: [N] with [N, 1] would compare all with all."
        )
    full = full_precision(predictions)
    return full, targets.to(full.dtype)


def reduce_errors(
    losses: Tensor,
    target_weights: Tensor | None = None,
    *,
    sample_weight: Tensor | None,
    reduction: Reduction,
    normalizer: Normalizer | Tensor,
    sync: Sync,
) -> Tensor:
    """The loss of a batch, all of whose targets count: float [], or [N, …] without reduction.

    Args:
        losses: float [N, …] before any weight.
        target_weights: float [N, …], or 1 if not given.
        sample_weight: see `reduce_losses`.
        reduction: see `reduce_losses`.
        normalizer: see `reduce_losses`.
        sync: see `reduce_losses`.

    Raises:
        OptionError: `target_weights` is of another shape than `losses`, or there is no such option.
    """
    check_options(reduction, normalizer, sync)
    if target_weights is not None:
        if target_weights.shape != losses.shape:
            raise OptionError(
                f"target_weights: expected one weight a target, {list(losses.shape)}, got "
                f"{list(target_weights.shape)}. One weight a sample is sample_weight."
            )
        target_weights = target_weights.to(losses.dtype)
    return reduce_losses(
        losses if target_weights is None else losses * target_weights,
        torch.ones_like(losses, dtype=torch.bool),
        target_weights=target_weights,
        sample_weight=sample_weight,
        reduction=reduction,
        normalizer=normalizer,
        sync=sync,
    )


def check_options(reduction: Reduction, normalizer: Normalizer | Tensor, sync: Sync) -> None:
    """Refuse a way to reduce that a regression does not have.

    Raises:
        OptionError: see `check_reduction`; or `normalizer` is "positives".
    """
    check_reduction(reduction, normalizer, sync)
    if isinstance(normalizer, str) and normalizer == "positives":
        raise OptionError(
            "normalizer: expected 'count', 'weight' or a tensor, got 'positives': the targets of "
            "a regression are no labels. Give the number as a tensor."
        )


def full_precision(values: Tensor) -> Tensor:
    """The values in float32, or in float64 where they are."""
    return values if values.dtype == torch.float64 else values.float()


def _describe(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} {list(tensor.shape)}"
