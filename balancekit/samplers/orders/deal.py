"""Deal: which class stands at which place of each batch of one epoch.

The epoch's draws lie in a row, class after class. With n batches, batch b takes the places
k ≡ σ(b) mod n, as cards are dealt, where σ(b) = (step·b + start) mod n. So each batch holds
its share of each class, rounded down or up. The cards of a batch lie at its places in steps
that visit all; those at the places ≡ r mod W, the part of rank r of W, are again evenly
spread over the row, whatever W is, as long as it divides the width.
"""

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from balancekit.samplers.lattice import GOLDEN, coprime_near, floor_sum
from balancekit.samplers.orders.lengths import EpochLength
from balancekit.samplers.permutation import hash_keys

__all__ = ["Deal", "Hand"]

MOST_SORTED = 1 << 10
"""Classes of some batches that are sorted by size; more would take longer than they save."""

# What a key is for, so that no two uses of the seed share one.
_START, _TURN = -3, -4


@dataclass(frozen=True, eq=False)
class Hand:
    """Which class stands where in some batches.

    Attributes:
        classes: int64 [n_present], classes that occur, by their place in the row; the small
            first, so that what is worked out alike lies together, if they are not many.
        counts: int64 [n_present], draws of each.
        codes: [n_batches, width], index into `classes`; n_present where no draw stands.
    """

    classes: NDArray[np.int64]
    counts: NDArray[np.int64]
    codes: NDArray[np.unsignedinteger]


@dataclass(frozen=True, eq=False)
class Deal:
    """How the row of one epoch is dealt to its batches.

    Args:
        ends: int64 [n_classes], end of each class's stretch of the row.
        sizes: int64 [n_classes], samples of each class, as they lie in the row.
        length: of the epoch.
        seed: of the deal.
        epoch: likewise.
    """

    ends: NDArray[np.int64]
    sizes: NDArray[np.int64]
    length: EpochLength
    seed: int
    epoch: int

    def offsets(self, batches: NDArray[np.int64]) -> NDArray[np.int64]:
        """First place in the row of each batch: int64, σ(b)."""
        step, start = self._step_and_start()
        return (batches * step + start) % self.length.n_batches

    def draws_before_batch(self, batch: int) -> NDArray[np.int64]:
        """Draws of each class in the batches before this one: int64 [n_classes], in the row."""
        n = self.length.n_batches
        step, start = self._step_and_start()
        # Batch b holds ceil((end - σ(b)) / n) places below `end`. With σ(b) = g·b + h - n·k,
        # k the same for all classes, and b counted down, that is a sum of floors.
        base = self.ends + n - 1 - start - step * (batch - 1)
        lift = max(0, -(-(start + step * batch) // n))
        below = floor_sum(batch, n, step, base + lift * n) - lift * batch
        wraps = floor_sum(batch, n, step, np.array([start]))
        return np.diff(below + wraps, prepend=0)

    def hand(self, first: int, last: int) -> Hand:
        """What the batches [first, last) hold."""
        width = self.length.width
        batches = np.arange(first, last, dtype=np.int64)
        offsets = self.offsets(batches)
        by_offset = np.argsort(offsets)
        classes, counts = self._sorted_by_class(offsets[by_offset])
        # Card j of the batch with the k-th offset is the (j · n_batches + k)-th of the sorted.
        in_row = np.full(width * len(batches), len(classes), _code_word(len(classes)))
        codes = np.arange(len(classes), dtype=in_row.dtype)
        if len(classes) <= MOST_SORTED:
            by_size = np.argsort(self.sizes[classes])
            codes[by_size] = codes.copy()
            in_row[: counts.sum()] = np.repeat(codes, counts)
            classes, counts = classes[by_size], counts[by_size]
        else:
            in_row[: counts.sum()] = np.repeat(codes, counts)
        ranks = np.empty(len(batches), np.int32)
        ranks[by_offset] = np.arange(len(batches), dtype=np.int32)
        places = self._cards(batches)
        places *= np.int32(len(batches))
        places += ranks[:, None]
        return Hand(classes, counts, in_row.take(places))

    def _step_and_start(self) -> tuple[int, int]:
        n = self.length.n_batches
        start = int(hash_keys(self.seed, self.epoch, _START) % np.uint64(n))
        return coprime_near(n, n * GOLDEN), start

    def _cards(self, batches: NDArray[np.int64]) -> NDArray[np.int32]:
        """Which card of its batch lies at each place: int32 [n_batches, width]."""
        width = self.length.width
        step = coprime_near(width, width * GOLDEN)
        visits = (np.arange(2 * width) * step % width).astype(np.int32)
        turns = hash_keys(self.seed, self.epoch, _TURN, batches) % np.uint64(width)
        return sliding_window_view(visits, width)[turns.astype(np.int64)]

    def _sorted_by_class(
        self, offsets: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Classes at the places of batches with these sorted offsets, and draws of each."""
        n, width = self.length.n_batches, self.length.width
        if len(self.ends) <= len(offsets) * width:
            rows, within = np.divmod(self.ends, n)
            below = rows * len(offsets) + np.searchsorted(offsets, within)
            counts = np.diff(below, prepend=0)
            present = np.flatnonzero(counts)
            return present, counts[present]
        places = (np.arange(width)[:, None] * n + offsets).ravel()
        places = places[: np.searchsorted(places, self.ends[-1])]
        found = np.searchsorted(self.ends, places, side="right")
        starts = np.flatnonzero(np.diff(found, prepend=-1))
        return found[starts], np.diff(starts, append=len(found))


def _code_word(n_present: int) -> type[np.unsignedinteger]:
    # Sorting keys of 16 bits is a radix sort, and takes half the time for 8.
    if n_present < 1 << 8:
        return np.uint8
    return np.uint16 if n_present < 1 << 16 else np.uint32
