"""Class-aware order: a shuffled list of the classes, again and again, a sample of each."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from balancekit.plan import Uniform
from balancekit.samplers.class_index import ClassIndex
from balancekit.samplers.lattice import GOLDEN, coprime_near
from balancekit.samplers.orders.cycles import Cycles
from balancekit.samplers.orders.lengths import EpochLength, draws_before
from balancekit.samplers.orders.order import Block, Draws, Order
from balancekit.samplers.orders.quotas import Quotas
from balancekit.samplers.permutation import hash_keys

__all__ = ["ClassAwareOrder"]

# What a key is for, so that no two uses of the seed share one.
_CLASSES, _SAMPLES, _ROW = -22, -23, -24


@dataclass(frozen=True, eq=False)
class ClassAwareOrder(Order):
    """The order of a whole training that takes class after class, each once a cycle.

    A batch of all ranks together takes the next `width` classes of the list. Inside it they
    are sorted by a key and dealt like cards, so that the places ≡ r mod W, the part of rank
    r, hold their share of each class, whatever W is.

    Args:
        index: samples of each class; a sample of several classes stands in each.
        lengths: of the epochs.
        seed: of everything that is drawn.
    """

    index: ClassIndex
    lengths: tuple[EpochLength, ...]
    seed: int

    @property
    def length(self) -> EpochLength:
        """The length that holds now."""
        return self.lengths[-1]

    @cached_property
    def quotas(self) -> Quotas:
        """The shares of the classes: all with samples are drawn equally often."""
        counts = self.index.class_counts()
        return Quotas(counts, Uniform(), self.lengths, self.index.class_names)

    @cached_property
    def _class_ids(self) -> NDArray[np.int64]:
        return np.flatnonzero(self.index.class_counts())

    @cached_property
    def _classes(self) -> Cycles:
        sizes = np.array([len(self._class_ids)])
        return Cycles.for_runs(sizes, self.lengths[0].width, _seed(self.seed, _CLASSES))

    @cached_property
    def _samples(self) -> Cycles:
        sizes = np.maximum(self.index.class_counts(), 1)
        most = -(-self.lengths[0].width // len(self._class_ids))  # of a class in a batch
        return Cycles.for_runs(sizes, most, _seed(self.seed, _SAMPLES), aligned=False)

    def draws_of_blocks(
        self, epoch: int, blocks: Sequence[Block], *, rank: int = 0, world_size: int = 1
    ) -> Iterator[Draws]:
        """Draws of blocks of batches that follow one another; see `Order`."""
        width, before = self.length.width, draws_before(self.lengths, epoch)
        cards = np.arange(width) * coprime_near(width, width * GOLDEN) % width
        for first, end in blocks:
            slots = before + np.arange(first * width, end * width)
            turns = self._classes.items(np.zeros_like(slots), slots)
            numbers = slots // len(self._class_ids)  # each cycle takes each class once
            batches = np.repeat(np.arange(first, end), width)
            keys = hash_keys(self.seed, _ROW, epoch, batches, turns).reshape(-1, width)
            row = np.argsort(keys, axis=1, kind="stable")  # the draws of a class side by side
            dealt = row[:, cards[rank::world_size]] + np.arange(end - first)[:, None] * width
            class_ids, numbers = self._class_ids[turns[dealt]], numbers[dealt]
            positions = self._samples.items(class_ids.ravel(), numbers.ravel())
            indices = self.index.take(class_ids, positions.reshape(class_ids.shape))
            yield Draws.known(indices, class_ids, numbers)

    def repeats(self, epoch: int, draws: Draws) -> NDArray[np.int64]:
        """Which draw of its epoch each is, counted by class: int64.

        A sample of several classes may be drawn for each; no two draws share this.
        """
        first = draws_before(self.lengths, epoch) // len(self._class_ids)
        return (draws.numbers - first) * self.index.n_classes + draws.class_ids


def _seed(seed: int, use: int) -> int:
    return int(hash_keys(seed, use) >> np.uint64(1))
