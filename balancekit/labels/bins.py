"""Bins of a regression target: they stand as its classes."""

import math
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from balancekit.errors import DataError

__all__ = ["Bins"]

WANTED_BINS = 100
"""Bins that are wanted at most; where the ends lie within them there may be one or two more."""

MOST_BINS_OF_FEW = 1000
"""Few whole numbers have a bin each though there are empty ones between: up to so many."""

STEPS = (1.0, 2.0, 5.0, 10.0)


@dataclass(frozen=True)
class Bins:
    """Bins of one width, from a multiple of it on.

    Attributes:
        start: number of the first bin: bin i holds [(start + i)·width, (start + i + 1)·width).
        n_bins: how many there are.
        width: in the target's own unit, 1, 2 or 5 times a power of ten.
        is_whole: each bin holds one whole number, and is named by it.

    >>> Bins.of([18, 20, 20]).names
    ('18', '19', '20')
    >>> Bins.of(range(25, 347)).names[:2]
    ('[25, 30)', '[30, 35)')
    >>> Bins.of([0.5, 3.0]).width
    0.05
    """

    start: int
    n_bins: int
    width: float
    is_whole: bool = False

    @classmethod
    def of(cls, values: ArrayLike) -> "Bins":
        """Bins of known values [n]; see `over`.

        Raises:
            DataError: one is not finite.
        """
        known = np.asarray(values, np.float64)
        whole = bool(np.isfinite(known).all() and (known == np.floor(known)).all())
        return cls.over(float(known.min()), float(known.max()), whole=whole, values=known)

    @classmethod
    def over(
        cls, low: float, high: float, *, whole: bool, values: ArrayLike | None = None
    ) -> "Bins":
        """Bins that hold low to high, about 100 at most.

        Whole numbers have a bin each where the range has not more of them; else neighbours
        share one, whose ends are whole. Where no more than 100 values differ, none shares its
        bin with another, up to 1000 bins.

        Args:
            low: the least value.
            high: the greatest.
            whole: whether all are whole numbers.
            values: all of them, or those that differ, if they are known.

        Raises:
            DataError: the range is not finite.
        """
        if not (math.isfinite(low) and math.isfinite(high) and math.isfinite(high - low)):
            raise DataError(f"values: expected finite numbers, got a range from {low} to {high}")
        width = _width_of_few(low, high, values) if whole else None
        width = width or _width_over(low, high)
        if whole and width <= 1:
            return cls(int(low), int(high) - int(low) + 1, 1.0, is_whole=True)
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
        numbers = np.floor(given[known] / self.width) - self.start  # may not fit 64 bits before
        bins[known] = np.clip(numbers, 0, self.n_bins - 1)
        return bins


def _width_over(low: float, high: float) -> float:
    """The width of about 100 bins, or of fewer."""
    # Where all values are one, its own size says how fine a bin should be.
    span = high - low or abs(high)
    least = max(span / WANTED_BINS, abs(high) * 1e-12, abs(low) * 1e-12, 1e-300)
    power = 10.0 ** math.floor(math.log10(least))
    return next(step * power for step in STEPS if step * power >= least * (1 - 1e-9))


def _width_of_few(low: float, high: float, values: ArrayLike | None) -> float | None:
    """The largest width at which each of a few whole numbers has a bin of its own.

    None where they are many, or not known.
    """
    if high - low < WANTED_BINS:
        return 1.0
    if values is None or high - low >= MOST_BINS_OF_FEW:
        return None
    # By counting, which a hundred million ages are not sorted for.
    above_low = (np.asarray(values, np.float64) - low).astype(np.int64)
    different = low + np.flatnonzero(np.bincount(above_low))
    if len(different) > WANTED_BINS:
        return None
    widths = (step * power for power in (100.0, 10.0, 1.0) for step in STEPS[2::-1])
    return next(w for w in widths if len(np.unique(different // w)) == len(different))


def _in_short(number: Decimal) -> str:
    """A number without needless zeros: 100, 0.05, 2e-9."""
    short = number.normalize() or Decimal(0)  # no -0
    return f"{short:f}" if -6 <= short.adjusted() < 16 else f"{short:e}".replace("e+", "e")
