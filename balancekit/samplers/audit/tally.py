"""Tallies: what batches hold, counted block by block of them in bounded memory."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Carried", "Composition", "Duplicates"]

DENSE = 4
"""Entries of a table of batches by classes, a label counted, up to which one is made."""

NO_BATCH = np.iinfo(np.int64).max
"""Fewest labels of a class in a batch while there was no batch."""


@dataclass(frozen=True, eq=False)
class Carried:
    """Which classes samples carry: sample i has class_ids[offsets[i]:offsets[i + 1]].

    Attributes:
        offsets: int64 [n_samples + 1].
        class_ids: integer [m].
    """

    offsets: NDArray[np.int64]
    class_ids: NDArray[np.integer]

    def of(
        self, samples: NDArray[np.integer], batches: NDArray[np.integer]
    ) -> tuple[NDArray[np.integer], NDArray[np.integer]]:
        """The classes of samples, and the batch that each is in: [number of labels] both.

        Args:
            samples: [n].
            batches: which each is in, [n].
        """
        firsts = self.offsets[samples]
        lengths = self.offsets[samples + 1] - firsts
        lifts = np.repeat(firsts - (np.cumsum(lengths) - lengths), lengths)
        return self.class_ids[np.arange(len(lifts)) + lifts], np.repeat(batches, lengths)


class Composition:
    """Fewest and most of each class in a batch, over the batches that were counted.

    Attributes:
        fewest: int64 [n_classes].
        most: int64 [n_classes].
        totals: in all batches, int64 [n_classes].
    """

    def __init__(self, n_classes: int) -> None:
        self.fewest = np.full(n_classes, NO_BATCH)
        self.most = np.zeros(n_classes, np.int64)
        self.totals = np.zeros(n_classes, np.int64)

    def count(
        self, class_ids: NDArray[np.integer], batches: NDArray[np.integer], n_batches: int
    ) -> None:
        """Count some more batches.

        Args:
            class_ids: of what they hold, [n].
            batches: in which each is, in [0, n_batches), [n].
            n_batches: how many they are, those that hold nothing included.
        """
        n_classes = len(self.most)
        self.totals += np.bincount(class_ids, minlength=n_classes)
        keys = batches * n_classes + class_ids
        if n_batches * n_classes <= DENSE * (len(keys) + n_classes):
            table = np.bincount(keys, minlength=n_batches * n_classes).reshape(n_batches, -1)
            np.minimum(self.fewest, table.min(0), out=self.fewest)
            np.maximum(self.most, table.max(0), out=self.most)
            return
        found, counts = np.unique(keys, return_counts=True)
        classes = found % n_classes
        np.minimum.at(self.fewest, classes, counts)
        np.maximum.at(self.most, classes, counts)
        self.fewest[np.bincount(classes, minlength=n_classes) < n_batches] = 0


class Duplicates:
    """Batches that hold a sample more than once, and the most copies of one in a batch."""

    def __init__(self) -> None:
        self.n_batches, self.most_copies = 0, 1

    def count(self, indices: NDArray[np.integer], filled: NDArray[np.bool_] | None) -> None:
        """Count some more batches.

        Args:
            indices: samples, [n_batches, width].
            filled: where one stands, likewise; None if everywhere.
        """
        if filled is not None:
            # A different number below 0 at each place that is none, so that no two are alike.
            indices = np.where(filled, indices, -1 - np.arange(indices.shape[1]))
        rows = np.sort(indices, axis=1)
        self.n_batches += int(np.any(rows[:, 1:] == rows[:, :-1], axis=1).sum())
        width = rows.shape[1]
        while self.most_copies < width and np.any(
            rows[:, self.most_copies :] == rows[:, : width - self.most_copies]
        ):
            self.most_copies += 1
