"""Uses: how often samples are drawn, by groups that are drawn alike."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from balancekit.exposure.exposure import DrawsPerSample

__all__ = ["Uses"]

BIN_STARTS = (0, 1, 2, 3, 6, 11)
"""Fewest draws of each of `DRAW_BINS`."""


@dataclass(frozen=True, eq=False)
class Uses:
    """Draws of samples in all epochs, group by group.

    Attributes:
        draws: int64 [n_groups], of each sample of a group.
        n_samples: int64 [n_groups], of the group.
    """

    draws: NDArray[np.int64]
    n_samples: NDArray[np.int64]

    @classmethod
    def dealt(cls, draws: NDArray[np.int64], n_samples: NDArray[np.int64]) -> "Uses":
        """Draws of each class dealt to its samples, to within one.

        Args:
            draws: of each class, int64 [n_classes].
            n_samples: of each class, int64 [n_classes].
        """
        each, rest = np.divmod(draws, np.maximum(n_samples, 1))
        rest = np.where(n_samples > 0, rest, 0)
        return cls(np.concatenate([each, each + 1]), np.concatenate([n_samples - rest, rest]))

    @classmethod
    def counted(cls, draws_per_sample: NDArray[np.integer]) -> "Uses":
        """Draws of each sample, [n_samples], as they were counted."""
        n_samples = np.bincount(draws_per_sample)
        return cls(np.arange(len(n_samples)), n_samples)

    def summary(self) -> DrawsPerSample:
        """Fewest, median, mean and most draws of a sample, and samples by their draws."""
        filled = np.flatnonzero(self.n_samples)
        order = filled[np.argsort(self.draws[filled], kind="stable")]
        draws, ends = self.draws[order], np.cumsum(self.n_samples[order])
        n_samples = int(ends[-1])
        middle = np.searchsorted(ends, [(n_samples - 1) // 2, n_samples // 2], side="right")
        bins = np.searchsorted(BIN_STARTS, draws, side="right") - 1
        per_bin = np.zeros(len(BIN_STARTS), np.int64)
        np.add.at(per_bin, bins, self.n_samples[order])
        return DrawsPerSample(
            fewest=int(draws[0]),
            median=float(draws[middle].mean()),
            mean=float(draws @ self.n_samples[order]) / n_samples,
            most=int(draws[-1]),
            samples_per_bin=tuple(per_bin.tolist()),
        )
