"""Order: which sample stands at which place of each batch of each epoch."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from balancekit.samplers.orders.lengths import EpochLength

__all__ = ["Block", "Draws", "Order"]

Block = tuple[int, int]
"""First of some batches, and the end of them."""


@dataclass(frozen=True, eq=False)
class Draws:
    """Draws of some batches, or of one rank's part of them; batch after batch.

    Attributes:
        indices: integer [n_batches, width], position of each drawn sample in the data set.
        filled: bool [n_batches, width], where a draw stands; None if at every place.
        describe: gives class ids and numbers, for those who ask.
    """

    indices: NDArray[np.integer]
    filled: NDArray[np.bool_] | None
    describe: Callable[[], tuple[NDArray[np.integer], NDArray[np.int64]]] = field(repr=False)

    @classmethod
    def known(
        cls,
        indices: NDArray[np.integer],
        class_ids: NDArray[np.integer],
        numbers: NDArray[np.int64],
    ) -> "Draws":
        """Draws at every place, whose classes and numbers are known already."""
        return cls(indices, None, lambda: (class_ids, numbers))

    @cached_property
    def _described(self) -> tuple[NDArray[np.integer], NDArray[np.int64]]:
        return self.describe()

    @property
    def class_ids(self) -> NDArray[np.integer]:
        """The class that each was drawn for: integer [n_batches, width]."""
        return self._described[0]

    @property
    def numbers(self) -> NDArray[np.int64]:
        """What tells the draws of a class apart: int64 [n_batches, width].

        How often the class was drawn before, in all epochs, where the order knows that.
        """
        return self._described[1]

    def flat(self, values: NDArray[np.integer]) -> NDArray[np.integer]:
        """One of the arrays, [n], without the places where no draw stands."""
        return values.ravel() if self.filled is None else values[self.filled]


class Order(ABC):
    """A pure function from (seed, epoch, batch, place) to a sample.

    What stands at a place does not depend on the number of ranks.
    """

    @property
    @abstractmethod
    def length(self) -> EpochLength:
        """The length of epochs, from its first one on."""

    @abstractmethod
    def draws_of_blocks(
        self, epoch: int, blocks: Sequence[Block], *, rank: int = 0, world_size: int = 1
    ) -> Iterator[Draws]:
        """Draws of blocks of batches that follow one another, one after the other.

        Args:
            epoch: ≥ 0.
            blocks: first batch and end of each; each begins where the one before ends.
            rank: takes the places ≡ rank mod world_size of each batch.
            world_size: divides the width of the batches.
        """

    @abstractmethod
    def repeats(self, epoch: int, draws: Draws) -> NDArray[np.int64]:
        """What tells apart the draws of one sample in an epoch: int64, shaped as the draws."""

    def draws(
        self, epoch: int, first_batch: int, last_batch: int, *, rank: int = 0, world_size: int = 1
    ) -> Draws:
        """Draws of the batches [first_batch, last_batch), of the places ≡ rank mod world_size."""
        blocks = [(first_batch, last_batch)]
        return next(self.draws_of_blocks(epoch, blocks, rank=rank, world_size=world_size))
