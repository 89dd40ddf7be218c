"""Draw order: which sample is drawn at any place of any epoch.

An epoch of N draws, dealt to batches:

1. Each class c gets N_c draws, N·q_c rounded down or up (quotas.py).
2. The draws are laid out in a row, class after class, the classes in an order of the epoch.
3. The row is dealt like cards, so each batch, and each rank's part of it, holds its share of
   each class, rounded down or up (deal.py).
4. The draws of a class are numbered over the whole training, in the order of its batches, and
   take turns through the samples of the class (turns.py).

Nothing is stored but one number a class. Every step is arithmetic on (seed, epoch, batch).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from balancekit.plan import Targets
from balancekit.samplers.class_index import ClassIndex
from balancekit.samplers.orders.deal import Deal, Hand
from balancekit.samplers.orders.lengths import EpochLength
from balancekit.samplers.orders.order import Block, Draws, Order
from balancekit.samplers.orders.quotas import Quotas
from balancekit.samplers.orders.turns import Turns
from balancekit.samplers.permutation import hash_keys, permute

__all__ = ["DrawOrder"]

_T = TypeVar("_T", bound=np.generic)

_CLASS_ORDER = -2
"""What a key is for, so that no two uses of the seed share one."""


@dataclass(frozen=True, eq=False)
class DrawOrder(Order):
    """The order of draws of a whole training, each class with its exact share.

    Args:
        index: samples of each class.
        targets: shares of the classes among the draws.
        lengths: of the epochs: the first holds from epoch 0, later ones from where the
            training went on with another number of draws a batch.
        seed: of everything that is drawn.
        row: order of the classes in the row. "shuffled" in each epoch, or as "given", turned to
            a start of the epoch: neighbours, if alike, then share few batches.
    """

    index: ClassIndex
    targets: Targets
    lengths: tuple[EpochLength, ...]
    seed: int
    row: Literal["shuffled", "given"] = "shuffled"

    def __post_init__(self) -> None:
        self.quotas.check()

    @property
    def length(self) -> EpochLength:
        """The length that holds now."""
        return self.lengths[-1]

    @property
    def n_classes(self) -> int:
        """Classes, those without samples included."""
        return self.index.n_classes

    @cached_property
    def quotas(self) -> Quotas:
        """How many draws each class gets in each epoch."""
        counts = self.index.class_counts()
        return Quotas(counts, self.targets, self.lengths, self.index.class_names)

    @cached_property
    def _turns(self) -> Turns:
        return Turns(self.index, self.quotas.most_per_batch(), self.seed)

    def draws_of_blocks(
        self, epoch: int, blocks: Sequence[Block], *, rank: int = 0, world_size: int = 1
    ) -> Iterator[Draws]:
        """Draws of blocks of batches that follow one another; see `Order`."""
        if not blocks:
            return
        class_order = self._class_order(epoch)
        ends = np.cumsum(self.quotas.draws_per_class(epoch)[class_order])
        sizes = self.index.class_counts()[class_order]
        deal = Deal(ends, sizes, self.length, self.seed, epoch)
        before = self.quotas.before(epoch)[class_order] + deal.draws_before_batch(blocks[0][0])
        for first, last in blocks:
            hand = deal.hand(first, last)
            classes = class_order[hand.classes]
            firsts = before[hand.classes]
            before[hand.classes] += hand.counts
            yield self._draws_of_hand(hand, classes, firsts, rank, world_size)

    def repeats(self, epoch: int, draws: Draws) -> NDArray[np.int64]:
        """How often the epoch had drawn the sample of each of its draws before: int64."""
        before = self.quotas.before(epoch)
        class_ids = draws.class_ids.ravel().astype(np.int64)
        found = self._turns.repeats(class_ids, draws.numbers.ravel(), before)
        return found.reshape(draws.indices.shape)

    def _class_order(self, epoch: int) -> NDArray[np.int64]:
        """The classes as they lie in the row of an epoch: int64 [n_classes]."""
        n_classes = self.index.n_classes
        key = hash_keys(self.seed, epoch, _CLASS_ORDER)
        if self.row == "given":
            return np.roll(np.arange(n_classes), int(key % np.uint64(n_classes)))
        return permute(np.arange(n_classes), n_classes, key)

    def _draws_of_hand(
        self,
        hand: Hand,
        classes: NDArray[np.int64],
        firsts: NDArray[np.int64],
        rank: int,
        world_size: int,
    ) -> Draws:
        """The draws of a hand, given its classes and how often each was drawn before."""
        n_batches, width = hand.codes.shape
        # Sorted by class, the draws of one lie in the order of batches, and so are numbered.
        places = np.argsort(hand.codes.ravel(), kind="stable")[: hand.counts.sum()]
        if world_size == 1:
            mine = None
            found = self._turns.samples_of_runs(classes, firsts, hand.counts)
        else:
            mine = np.flatnonzero(places % world_size == rank)
            places = places[mine] // world_size
            found = self._turns.samples(*_numbered(classes, firsts, hand.counts, mine))
        shape = (n_batches, width // world_size)

        def lay(values: NDArray[_T]) -> NDArray[_T]:
            laid = np.zeros(shape, values.dtype)
            laid.ravel()[places] = values
            return laid

        def describe() -> tuple[NDArray[np.integer], NDArray[np.int64]]:
            class_ids, numbers = _numbered(classes, firsts, hand.counts, mine)
            return lay(class_ids), lay(numbers)

        whole = len(places) == shape[0] * shape[1]
        filled = None if whole else lay(np.ones(len(places), np.bool_))
        return Draws(lay(found), filled, describe)


def _numbered(
    classes: NDArray[np.int64],
    firsts: NDArray[np.int64],
    counts: NDArray[np.int64],
    chosen: NDArray[np.int64] | None,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Class and number of draws that lie class after class; of the chosen ones, if not all."""
    numbers = np.arange(int(counts.sum())) + np.repeat(firsts - np.cumsum(counts) + counts, counts)
    class_ids = np.repeat(classes, counts)
    return (class_ids, numbers) if chosen is None else (class_ids[chosen], numbers[chosen])
