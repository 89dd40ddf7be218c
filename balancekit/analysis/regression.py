"""Regression targets: their range, its empty and rare bins, and the label density."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from balancekit.stats import Counts, Regression

__all__ = ["BinTable", "label_density", "measure_regression", "on_common_bins"]

FEW_SAMPLES = 20
"""Under this a bin is rare, as a class is."""

MOST_BINS = 1_000_000
"""Names of bins that span more are no bins of ours, which are a thousand at most."""

RANGE = re.compile(r"\[(?P<low>[^,\[\]]+), (?P<high>[^,\[\]]+)\)")
WIDTHS = (1.0, 2.0, 5.0)


@dataclass(frozen=True, eq=False)
class BinTable:
    """Bins of one width with their counts, without gaps, from the lowest to the highest.

    Attributes:
        start: number of the first bin: bin i holds [(start + i)·width, (start + i + 1)·width).
        width: in the target's own unit.
        counts: int64 [n_bins].
        is_number: whether a bin stands for one whole number, not for a range.
    """

    start: int
    width: float
    counts: NDArray[np.int64]
    is_number: bool

    @classmethod
    def of(cls, counts_by_bin: Mapping[str, int]) -> "BinTable | None":
        """From counts by the names that `labels.Bins` gives; None if there are none such."""
        bounds = {name: _bounds(name) for name in counts_by_bin}
        known = [bound for bound in bounds.values() if bound is not None]
        if not known or len(known) < len(bounds):
            return None
        # A name has ten digits, so bounds of a narrow bin far from 0 are known but roughly.
        width = float(f"{np.median([high - low for low, high in known]):.1g}")
        if not width > 0:
            return None
        number_of = {name: round(low / width) for name, (low, _) in _pairs(bounds)}
        start, n_bins = min(number_of.values()), max(number_of.values()) + 1
        n_bins -= start
        if n_bins > MOST_BINS:
            return None
        counts = np.zeros(n_bins, np.int64)
        for name, count in counts_by_bin.items():
            counts[number_of[name] - start] += count
        return cls(start, width, counts, all("," not in name for name in counts_by_bin))

    def trimmed(self) -> "BinTable":
        """Without the empty bins at both ends."""
        filled = np.flatnonzero(self.counts)
        if not filled.size:
            return BinTable(self.start, self.width, self.counts[:0], self.is_number)
        first, last = int(filled[0]), int(filled[-1])
        counts = self.counts[first : last + 1]
        return BinTable(self.start + first, self.width, counts, self.is_number)

    def value(self, position: int) -> float:
        """The value that a bin stands for: its number, or its middle."""
        return (self.start + position + (0.0 if self.is_number else 0.5)) * self.width

    def widened(self, times: int) -> dict[int, int]:
        """Counts of bins that many times as wide, by the number of the bin."""
        numbers = (self.start + np.arange(len(self.counts))) // times
        sums = np.bincount(numbers - numbers[0], self.counts).astype(np.int64)
        return dict(zip(range(int(numbers[0]), int(numbers[-1]) + 1), sums.tolist(), strict=True))


def _bounds(name: str) -> tuple[float, float] | None:
    found = RANGE.fullmatch(name)
    try:
        if found is None:
            return float(int(name)), int(name) + 1.0
        low, high = float(found["low"]), float(found["high"])
    except (ValueError, OverflowError):
        return None
    return (low, high) if np.isfinite([low, high]).all() and low < high else None


def _pairs(
    bounds: Mapping[str, tuple[float, float] | None],
) -> list[tuple[str, tuple[float, float]]]:
    return [(name, bound) for name, bound in bounds.items() if bound is not None]


def label_density(class_counts: ArrayLike, bandwidth_bins: float = 2.0) -> NDArray[np.float64]:
    """Samples of each bin, smoothed over its neighbours by a Gaussian kernel: [n_bins].

    Close values of a target look alike, so a rare bin among common ones is learnt from them:
    the smoothed density tells the imbalance of a regression better than the counts. Weights
    of 1 over it are label distribution smoothing. Beyond the ends there is nothing.
    Source: Yang et al. 2021 (arXiv 2102.09554), section 3.1; the kernel is cut off at three
    bandwidths and sums to 1.

    Args:
        class_counts: of the bins, in rising order, [n_bins].
        bandwidth_bins: standard deviation of the kernel, in bins.

    >>> label_density([0, 10, 0], bandwidth_bins=0.5).round(2).tolist()
    [1.06, 7.87, 1.06]
    """
    counts = np.asarray(class_counts, np.float64)
    reach = max(1, int(3 * bandwidth_bins + 0.5))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / bandwidth_bins) ** 2)
    if not counts.size:
        return counts
    return np.convolve(counts, kernel / kernel.sum())[reach : reach + counts.size]


def measure_regression(counts: Counts) -> Regression | None:
    """Range, rare bins and median of the target; None without a sample or known bins.

    The shares are of the bins between the lowest and the highest value, 0 to 1. The median
    is the value of the bin in which the middle sample lies, the lower of two.
    """
    table = BinTable.of(counts.samples_per_class)
    low, high = counts.value_low, counts.value_high
    if low is not None and low == high:
        return _of_one_value(low, sum(counts.samples_per_class.values()))
    if table is None or not table.counts.sum():
        return None
    table = table.trimmed()
    n_bins, total = len(table.counts), int(table.counts.sum())
    n_empty = int((table.counts == 0).sum())
    middle = int(np.searchsorted(np.cumsum(table.counts), (total + 1) // 2))
    end = 0 if table.is_number else 1
    return Regression(
        low=table.start * table.width if low is None else low,
        high=(table.start + n_bins - 1 + end) * table.width if high is None else high,
        bin_width=table.width,
        n_bins=n_bins,
        n_empty_bins=n_empty,
        share_empty_bins=n_empty / n_bins,
        median=table.value(middle),
        share_few=int((table.counts < FEW_SAMPLES).sum()) / n_bins,
    )


def _of_one_value(value: float, n_samples: int) -> Regression:
    # A bin of no width has no name that can be read.
    return Regression(
        low=value,
        high=value,
        bin_width=0.0,
        n_bins=1,
        n_empty_bins=0,
        share_empty_bins=0.0,
        median=value,
        share_few=float(n_samples < FEW_SAMPLES),
    )


def on_common_bins(
    one: Mapping[str, int], other: Mapping[str, int]
) -> tuple[dict[str, int], dict[str, int]]:
    """Both counts over bins of the same width: the least one that holds whole bins of both.

    Splits are binned each by its own range, and a narrow range has narrower bins.
    """
    tables = BinTable.of(one), BinTable.of(other)
    if tables[0] is None or tables[1] is None or tables[0].width == tables[1].width:
        return dict(one), dict(other)
    width = max(table.width for table in tables if table)
    # 2 and 5 share no multiple but 10; all other neighbours of the series do.
    while any(abs(width / t.width - round(width / t.width)) > 1e-6 for t in tables if t):
        power = 10.0 ** np.floor(np.log10(width) + 1e-9)
        steps = [step * power for step in (*WIDTHS, 10.0)]
        width = next(step for step in steps if step > width * (1 + 1e-9))
    first, second = (
        {str(number): count for number, count in t.widened(round(width / t.width)).items()}
        for t in tables
        if t
    )
    return first, second
