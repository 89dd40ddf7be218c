"""Bins of a regression target: they stand as its classes."""

import math
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import pairwise

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
        is_whole: each bin holds one whole number, and is named by it.

    >>> Bins.over(18, 20, whole=True).names
    ('18', '19', '20')
    >>> Bins.over(0.5, 3.0, whole=False).width
    0.05
    """

    start: int
    n_bins: int
    width: float
    is_whole: bool = False

    @classmethod
    def over(cls, low: float, high: float, *, whole: bool) -> "Bins":
        """Bins that hold low to high: one a number where all are whole, else about 100.

        Raises:
            DataError: the range is not finite.
        """
        if not (math.isfinite(low) and math.isfinite(high) and math.isfinite(high - low)):
            raise DataError(f"values: expected finite numbers, got a range from {low} to {high}")
        if whole and high - low < MOST_UNIT_BINS:
            return cls(int(low), int(high) - int(low) + 1, 1.0, is_whole=True)
        # Where all values are one, its own size says how fine a bin should be.
        span = high - low or abs(high)
        least = max(span / WANTED_BINS, abs(high) * 1e-12, abs(low) * 1e-12, 1e-300)
        power = 10.0 ** math.floor(math.log10(least))
        width = next(step * power for step in STEPS if step * power >= least * (1 - 1e-9))
        start = math.floor(low / width)
        return cls(start, math.floor(high / width) - start + 1, float(f"{width:.6g}"))

    def extended(self, low: float, high: float) -> "Bins":
        """Bins of the same width over another range, so that the names of both compare."""
        first, last = math.floor(low / self.width), math.floor(high / self.width)
        return replace(self, start=first, n_bins=last - first + 1)

    @property
    def names(self) -> tuple[str, ...]:
        """The number of a bin that holds one, else its range."""
        numbers = range(self.start, self.start + self.n_bins)
        if self.is_whole:
            return tuple(map(str, numbers))
        # By decimals, or bins far from 0 would be given the same name.
        width = Decimal(repr(self.width))
        ends = [_in_short(width * number) for number in (*numbers, numbers.stop)]
        return tuple(f"[{low}, {high})" for low, high in pairwise(ends))

    def ids(self, values: ArrayLike) -> NDArray[np.int32]:
        """The bin of each value: int32 [n], -1 for NaN."""
        given = np.asarray(values, np.float64)
        known = ~np.isnan(given)
        bins = np.full(given.shape, -1, np.int32)
        numbers = np.floor(given[known] / self.width).astype(np.int64) - self.start
        bins[known] = np.clip(numbers, 0, self.n_bins - 1)
        return bins


def _in_short(number: Decimal) -> str:
    """A number without needless zeros: 100, 0.05, 2e-9."""
    short = number.normalize() or Decimal(0)  # no -0
    return f"{short:f}" if -6 <= short.adjusted() < 16 else f"{short:e}".replace("e+", "e")
