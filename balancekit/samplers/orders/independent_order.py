"""Independent order: each draw by itself, with the probabilities that the targets give."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from balancekit.plan import Targets
from balancekit.samplers.class_index import ClassIndex
from balancekit.samplers.orders.lengths import EpochLength
from balancekit.samplers.orders.order import Block, Draws, Order
from balancekit.samplers.orders.quotas import Quotas
from balancekit.samplers.permutation import hash_keys, unit_of

__all__ = ["IndependentOrder"]

# What a key is for, so that no two uses of the seed share one.
_CLASS, _SAMPLE = -5, -6


@dataclass(frozen=True, eq=False)
class IndependentOrder(Order):
    """Draws with replacement: a class by its share, then any of its samples alike.

    Args:
        index: samples of each class.
        targets: shares of the classes among the draws.
        lengths: of the epochs, as those of `DrawOrder`.
        seed: of everything that is drawn.
    """

    index: ClassIndex
    targets: Targets
    lengths: tuple[EpochLength, ...]
    seed: int

    def __post_init__(self) -> None:
        self.quotas.check()

    @property
    def length(self) -> EpochLength:
        """The length that holds now."""
        return self.lengths[-1]

    @cached_property
    def quotas(self) -> Quotas:
        """The shares of the classes in each epoch."""
        counts = self.index.class_counts()
        return Quotas(counts, self.targets, self.lengths, self.index.class_names)

    def draws_of_blocks(
        self, epoch: int, blocks: Sequence[Block], *, rank: int = 0, world_size: int = 1
    ) -> Iterator[Draws]:
        """Draws of blocks of batches that follow one another; see `Order`."""
        bounds = np.cumsum(self.quotas.shares(epoch))
        last = int(np.flatnonzero(np.diff(bounds, prepend=0))[-1])
        counts, width = self.index.class_counts(), self.length.width
        for first, end in blocks:
            places = np.arange(first, end)[:, None] * width + np.arange(rank, width, world_size)
            units = unit_of(hash_keys(self.seed, epoch, _CLASS, places)) * bounds[-1]
            class_ids = np.minimum(np.searchsorted(bounds, units, side="right"), last)
            units = unit_of(hash_keys(self.seed, epoch, _SAMPLE, places))
            positions = (units * counts[class_ids]).astype(np.int64)
            indices = self.index.take(class_ids, positions)
            yield Draws.known(indices, class_ids, places)

    def repeats(self, epoch: int, draws: Draws) -> NDArray[np.int64]:
        """The place of each draw in its epoch, which no other has: int64."""
        return draws.numbers
