"""PK order: batches of P classes with K samples of each, for losses that compare samples."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from balancekit.plan import Uniform
from balancekit.samplers.class_index import ClassIndex
from balancekit.samplers.orders.cycles import Cycles
from balancekit.samplers.orders.lengths import EpochLength, draws_before
from balancekit.samplers.orders.order import Block, Draws, Order
from balancekit.samplers.orders.quotas import Quotas
from balancekit.samplers.permutation import hash_keys

__all__ = ["PKOrder"]

# What a key is for, so that no two uses of the seed share one.
_CLASSES, _SAMPLES = -20, -21


@dataclass(frozen=True, eq=False)
class PKOrder(Order):
    """The order of a whole training, in batches of P classes with K samples each.

    The batches of ranks are the unit: they are numbered over the whole training, and number
    n is the same for any number of ranks. A batch of all ranks together holds as many of them
    as there are ranks, one after the other dealt to ranks 0, 1, …

    Args:
        index: samples of each class.
        class_ids: int64 [n_drawn], classes that take part, each with a sample.
        classes_per_batch: P, at most n_drawn.
        samples_per_class: K.
        lengths: of the epochs; widths are multiples of P · K.
        seed: of everything that is drawn.
    """

    index: ClassIndex
    class_ids: NDArray[np.int64]
    classes_per_batch: int
    samples_per_class: int
    lengths: tuple[EpochLength, ...]
    seed: int

    @property
    def length(self) -> EpochLength:
        """The length that holds now."""
        return self.lengths[-1]

    @cached_property
    def quotas(self) -> Quotas:
        """The shares of the classes: all that take part are drawn equally often."""
        counts = np.zeros(self.index.n_classes, np.int64)
        counts[self.class_ids] = self.index.class_counts()[self.class_ids]
        return Quotas(counts, Uniform(), self.lengths, self.index.class_names)

    @cached_property
    def _classes(self) -> Cycles:
        sizes = np.array([len(self.class_ids)])
        return Cycles.for_runs(sizes, self.classes_per_batch, _seed(self.seed, _CLASSES))

    @cached_property
    def _samples(self) -> Cycles:
        sizes = np.maximum(self.index.class_counts(), 1)
        return Cycles.for_runs(sizes, self.samples_per_class, _seed(self.seed, _SAMPLES))

    def draws_of_blocks(
        self, epoch: int, blocks: Sequence[Block], *, rank: int = 0, world_size: int = 1
    ) -> Iterator[Draws]:
        """Draws of blocks of batches that follow one another; see `Order`."""
        p, k = self.classes_per_batch, self.samples_per_class
        n_ranks = self.length.width // (p * k)
        before = draws_before(self.lengths, epoch) // (p * k)
        for first, end in blocks:
            batches = np.arange(first, end)[:, None] * n_ranks + np.arange(
                rank, n_ranks, world_size
            )
            slots = (before + batches)[..., None] * p + np.arange(p)
            class_ids, numbers = self._draws_of_slots(slots.ravel())
            positions = self._samples.items(class_ids, numbers)
            grids = [
                # Place i · n_ranks + r is the i-th of rank r.
                values.reshape(*batches.shape, p * k).transpose(0, 2, 1).reshape(end - first, -1)
                for values in (self.index.take(class_ids, positions), class_ids, numbers)
            ]
            yield Draws.known(*grids)

    def repeats(self, epoch: int, draws: Draws) -> NDArray[np.int64]:
        """In which cycle of the epoch each draw's class is, which draws each sample once: int64."""
        sizes = np.maximum(self.index.class_counts(), 1)[draws.class_ids]
        slots = draws_before(self.lengths, epoch) // self.samples_per_class
        first_number = slots // len(self.class_ids) * self.samples_per_class
        repeats: NDArray[np.int64] = draws.numbers // sizes - first_number // sizes
        return repeats

    def _draws_of_slots(
        self, slots: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Class and number of the K draws of each turn of a class: two of int64 [n · K]."""
        k = self.samples_per_class
        turns = self._classes.items(np.zeros_like(slots), slots)
        numbers = slots // len(self.class_ids) * k  # each cycle of classes takes each once
        class_ids = np.repeat(self.class_ids[turns], k)
        return class_ids, (numbers[:, None] + np.arange(k)).ravel()


def _seed(seed: int, use: int) -> int:
    return int(hash_keys(seed, use) >> np.uint64(1))
