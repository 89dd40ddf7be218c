"""Lengths of epochs: draws, batches, and places in a batch."""

from collections.abc import Sequence
from typing import NamedTuple

from balancekit.plan import Natural, Targets
from balancekit.samplers.class_index import ClassIndex

__all__ = ["EpochLength", "draws_before", "epoch_length", "full_epoch"]


class EpochLength(NamedTuple):
    """How long epochs are, from one on.

    Attributes:
        first_epoch: from which it holds.
        n_draws: draws an epoch, of all ranks together.
        n_batches: batches an epoch; they differ in size by one draw at most.
        width: places for draws in a batch, of all ranks together.
    """

    first_epoch: int
    n_draws: int
    n_batches: int
    width: int


def draws_before(lengths: Sequence[EpochLength], epoch: int) -> int:
    """Draws in all epochs before one, where the length may have changed on the way."""
    ends = [length.first_epoch for length in lengths[1:]] + [epoch]
    return sum(
        max(0, min(end, epoch) - length.first_epoch) * length.n_draws
        for length, end in zip(lengths, ends, strict=True)
    )


def epoch_length(
    index: ClassIndex,
    targets: Targets,
    *,
    width: int,
    batches_per_epoch: int | None = None,
) -> EpochLength:
    """The length of epochs of batches of `width` draws, of all ranks together.

    An epoch has as many batches as the samples fill, if `batches_per_epoch` is not given.
    With natural targets it then draws every sample once, and batches are as large as each
    other, to within one draw; else all are full, and some samples are drawn once more.
    """
    n_batches = int(batches_per_epoch or -(-index.n_samples // width))
    once_each = isinstance(targets, Natural) and batches_per_epoch is None
    return EpochLength(0, index.n_samples if once_each else n_batches * width, n_batches, width)


def full_epoch(
    n_draws: int, batches_per_epoch: int | None, width: int, world_size: int
) -> EpochLength:
    """The length of epochs of so many draws, filled up to whole batches of all ranks.

    Args:
        n_draws: ≥ 1.
        batches_per_epoch: another length, if given.
        width: draws of a batch of all ranks together.
        world_size: of the ranks; what they share is full for any number of them.

    >>> full_epoch(10, None, width=4, world_size=1).n_draws
    12
    """
    n_batches = int(batches_per_epoch or -(-n_draws // width))
    return EpochLength(0, n_batches * width, n_batches, width)
