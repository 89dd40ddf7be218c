"""Paired order: two orders side by side, one after the other in each batch."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from balancekit.samplers.orders.lengths import EpochLength
from balancekit.samplers.orders.order import Block, Draws, Order

__all__ = ["PairedOrder"]


@dataclass(frozen=True, eq=False)
class PairedOrder(Order):
    """Batches whose first half is a batch of one order, the second half that of another.

    Args:
        first: order all of whose batches are full.
        second: likewise, of as many batches as wide.
    """

    first: Order
    second: Order

    @property
    def length(self) -> EpochLength:
        """The length that holds now."""
        half = self.first.length
        return half._replace(n_draws=2 * half.n_draws, width=2 * half.width)

    def draws_of_blocks(
        self, epoch: int, blocks: Sequence[Block], *, rank: int = 0, world_size: int = 1
    ) -> Iterator[Draws]:
        """Draws of blocks of batches that follow one another; see `Order`."""
        # The ranks share a half's places equally, so that halves of parts are parts of halves.
        halves = (
            half.draws_of_blocks(epoch, blocks, rank=rank, world_size=world_size)
            for half in (self.first, self.second)
        )
        for first, second in zip(*halves, strict=True):
            yield Draws(
                np.concatenate([first.indices, second.indices], axis=1),
                None,
                partial(_described, first, second),
            )

    def repeats(self, epoch: int, draws: Draws) -> NDArray[np.int64]:
        """Those of the first order, doubled, and those of the second, doubled and one more."""
        size = draws.indices.shape[1] // 2
        first = self.first.repeats(epoch, _columns(draws, slice(None, size)))
        second = self.second.repeats(epoch, _columns(draws, slice(size, None)))
        return np.concatenate([2 * first, 2 * second + 1], axis=1)


def _described(first: Draws, second: Draws) -> tuple[NDArray[np.integer], NDArray[np.int64]]:
    """Class ids and numbers of two halves, side by side."""
    return (
        np.concatenate([first.class_ids, second.class_ids], axis=1),
        np.concatenate([first.numbers, second.numbers], axis=1),
    )


def _columns(draws: Draws, chosen: slice) -> Draws:
    described = draws.class_ids[:, chosen], draws.numbers[:, chosen]
    return Draws(draws.indices[:, chosen], None, lambda: described)
