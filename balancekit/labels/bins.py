"""Bins of a regression target: they stand as its classes."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from balancekit.errors import DataError

__all__ = ["Bins"]

MOST_UNIT_BINS = 1000
"""Whole numbers that span less than this have a bin each, as ages and ratings do."""

WANTED_BINS = 100
STEPS = (1.0, 2.0, 5.0, 10.0)


@dataclass(frozen=True)
class Bins:
    """Bins of one width, from a multiple of it on.

    Attributes:
        start: number of the first bin: bin i holds [(start + i)·width, (start + i + 1)·width).
        n_bins: how many there are.
        width: in the target's own unit, 1, 2 or 5 times a power of ten.

    >>> Bins.over(18, 20, whole=True).names
    ('18', '19', '20')
    >>> Bins.over(0.5, 3.0, whole=False).width
    0.05
    """

    start: int
    n_bins: int
    width: float

    @classmethod
    def over(cls, low: float, high: float, *, whole: bool) -> "Bins":
        """Bins that hold low to high: one a number where all are whole, else about 100.

        Raises:
            DataError: the range is not finite.
        """
        if not (math.isfinite(low) and math.isfinite(high) and math.isfinite(high - low)):
            raise DataError(f"values: expected finite numbers, got a range from {low} to {high}")
        if whole and high - low < MOST_UNIT_BINS:
            return cls(int(low), int(high) - int(low) + 1, 1.0)
        least = max((high - low) / WANTED_BINS, abs(high) * 1e-12, abs(low) * 1e-12, 1e-300)
        power = 10.0 ** math.floor(math.log10(least))
        width = next(step * power for step in STEPS if step * power >= least * (1 - 1e-9))
        start = math.floor(low / width)
        return cls(start, math.floor(high / width) - start + 1, float(f"{width:.6g}"))

    @property
    def names(self) -> tuple[str, ...]:
        """The number of a bin that holds one, else its range."""
        numbers = range(self.start, self.start + self.n_bins)
        if self.width == 1.0:
            return tuple(map(str, numbers))
        return tuple(f"[{i * self.width:.10g}, {(i + 1) * self.width:.10g})" for i in numbers)

    def ids(self, values: ArrayLike) -> NDArray[np.int32]:
        """The bin of each value: int32 [n], -1 for NaN."""
        given = np.asarray(values, np.float64)
        known = ~np.isnan(given)
        bins = np.full(given.shape, -1, np.int32)
        numbers = np.floor(given[known] / self.width).astype(np.int64) - self.start
        bins[known] = np.clip(numbers, 0, self.n_bins - 1)
        return bins
