"""Targets counted by the size of their gradient, as GHM keeps them: a moving average of counts.

A loss that harmonises gradients registers the counts as buffers of its own and moves them with
every batch in training. What it weighs by them is its own matter.
"""

from typing import Protocol

import torch
from torch import Tensor, nn

from balancekit.errors import OptionError
from balancekit.losses.ranks import Sync, sum_over_ranks

__all__ = ["CountsBins", "bins_of", "count_bins", "move_bin_counts", "register_bin_counts"]


class CountsBins(Protocol):
    """A loss with buffers of counts, and how they move.

    Attributes:
        n_bins: M, bins of [0, 1].
        momentum: share of the old average in the new.
        calls_per_step: calls in training that make one batch of the average.
        sync: processes that share the counts.
        counts: the average over steps, [M].
        n_steps: how many make it, 1 + m + m² + …, [].
        open_counts: targets of the step in the making, [M].
        n_open: its calls so far, [].
    """

    n_bins: int
    momentum: float
    calls_per_step: int
    sync: Sync
    counts: Tensor
    n_steps: Tensor
    open_counts: Tensor
    n_open: Tensor


def register_bin_counts(loss: nn.Module, n_bins: int) -> None:
    """Give a loss the buffers of `CountsBins`."""
    for name in ("counts", "open_counts"):
        loss.register_buffer(name, torch.zeros(n_bins, dtype=torch.float32))
    for name in ("n_steps", "n_open"):
        loss.register_buffer(name, torch.zeros([], dtype=torch.float32))


def bins_of(norms: Tensor, n_bins: int) -> Tensor:
    """The bin of each gradient norm in [0, 1]: int64 in [0, M), of their shape."""
    # NaN has no bin, and any index must exist.
    return (norms * n_bins).long().clamp(0, n_bins - 1)


def count_bins(bins: Tensor, valid: Tensor, n_bins: int) -> Tensor:
    """Targets in each bin: int64 [M].

    Args:
        bins: int64 in [0, M).
        valid: bool of the shape of `bins`, False where a target does not count.
        n_bins: M.
    """
    # Integers: a float32 sum of ones stops at 2**24. No bincount, which makes a GPU wait.
    empty = torch.zeros(n_bins, dtype=torch.int64, device=bins.device)
    return empty.scatter_add(0, bins.flatten(), valid.long().flatten())


@torch.no_grad()
def move_bin_counts(loss: CountsBins, bins: Tensor, valid: Tensor) -> Tensor:
    """The average with this batch in it, as far as its step is known: float [M].

    Args:
        loss: whose buffers move.
        bins: int64 in [0, M).
        valid: bool of the shape of `bins`.

    Raises:
        OptionError: the counts are of 16 bits.
    """
    _check_precision(loss.counts)
    batch = sum_over_ranks(count_bins(bins, valid, loss.n_bins), loss.sync)
    n_open = loss.n_open + 1
    open_counts = loss.open_counts + batch
    n_steps = 1 + loss.momentum * loss.n_steps
    step = open_counts * (loss.calls_per_step / n_open)
    counts = loss.counts + (step - loss.counts) / n_steps
    is_whole = n_open == loss.calls_per_step
    moves = is_whole & (open_counts.sum() > 0)
    loss.counts.copy_(torch.where(moves, counts, loss.counts))
    loss.n_steps.copy_(torch.where(moves, n_steps, loss.n_steps))
    loss.open_counts.copy_(torch.where(is_whole, 0.0, open_counts))
    loss.n_open.copy_(torch.where(is_whole, 0.0, n_open))
    return counts


def _check_precision(counts: Tensor) -> None:
    if counts.dtype not in (torch.float32, torch.float64):
        raise OptionError(
            f"counts: expected float32, got {str(counts.dtype).removeprefix('torch.')}, which "
            "cannot count a batch. Keep the loss in float32: criterion.float()."
        )
