"""Picture quality by class, and the classes that quality alone tells from the others.

Counts hold histograms over fixed bins (`stats/quality_bins.py`), so a value is known to its
bin, and two values of one bin are ties.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from balancekit.stats import Counts, Quality, QualityMeasure, Shortcut
from balancekit.stats.quality_bins import QUALITY_MEASURES

__all__ = ["Histogram", "areas_under_curve", "mann_whitney_p", "measure_quality"]

SHORTCUT_AUC = 0.9
SHORTCUT_P = 0.001
"""A class is told by quality if its AUC is beyond 0.9, or below 0.1, and if chance gives that
in one data set of a thousand at most, over all classes and measures (Bonferroni)."""


@dataclass(frozen=True, eq=False)
class Histogram:
    """How many pictures of each class fall into each bin of one measure, sparsely.

    Attributes:
        class_ids: of each entry, in rising order, [n_entries].
        bins: of each entry, rising within a class.
        n_pictures: of each entry, above 0.
        n_classes: of the whole.
    """

    class_ids: NDArray[np.int64]
    bins: NDArray[np.int64]
    n_pictures: NDArray[np.int64]
    n_classes: int

    @classmethod
    def of(
        cls,
        quality: Mapping[str, Mapping[str, Mapping[int, int]]],
        measure: str,
        class_names: tuple[str, ...],
    ) -> "Histogram":
        """Of one measure, from counts by class, measure and bin."""
        entries = sorted(
            (class_id, number, count)
            for class_id, name in enumerate(class_names)
            for number, count in quality.get(name, {}).get(measure, {}).items()
            if count
        )
        table = np.array(entries, np.int64).reshape(-1, 3)
        return cls(table[:, 0], table[:, 1], table[:, 2], len(class_names))

    def totals(self) -> NDArray[np.int64]:
        """Pictures of each class: [n_classes]."""
        return np.bincount(self.class_ids, self.n_pictures, self.n_classes).astype(np.int64)


def areas_under_curve(histogram: Histogram) -> NDArray[np.float64]:
    """How often a picture of a class lies above one of the others, ties half: [n_classes].

    It is the area under the ROC curve of the measure as a score for the class, and the
    Mann-Whitney U over the product of both sizes. NaN where the class, or the rest, is empty.
    Source: Hanley & McNeil, Radiology 143 (1982).
    """
    own = histogram.n_pictures
    totals = histogram.totals().astype(np.float64)
    bins, place = np.unique(histogram.bins, return_inverse=True)
    of_all = np.bincount(place, own, len(bins))
    below_all = np.cumsum(of_all) - of_all
    before = np.cumsum(own) - own  # entries of a class stand in one piece
    start = np.searchsorted(histogram.class_ids, histogram.class_ids)
    below_own = before - before[start] if own.size else before
    # Of the rest: all below, and half of those in the same bin.
    wins = own * (below_all[place] - below_own + (of_all[place] - own) / 2)
    pairs = totals * (totals.sum() - totals)
    won = np.bincount(histogram.class_ids, wins, histogram.n_classes)
    areas = np.full(len(totals), np.nan)
    np.divide(won, pairs, out=areas, where=pairs > 0)
    return areas


def mann_whitney_p(histogram: Histogram, areas: ArrayLike) -> NDArray[np.float64]:
    """Two-sided p-value of each class's AUC, by the normal approximation: [n_classes].

    Var U = n1·n2/12 · (N + 1 - Σ(t³ - t) / (N(N - 1))), t pictures in a bin of all. Its tail
    is above the exact one where the classes part wholly, so a few pictures never suffice. 1
    where the AUC is NaN. Source: Mann & Whitney 1947, with Lehmann's (1975) term for ties.
    """
    given = np.asarray(areas, np.float64)
    first = histogram.totals().astype(np.float64)
    n = first.sum()
    if n < 2:
        return np.ones(len(first))
    _, place = np.unique(histogram.bins, return_inverse=True)
    tied = np.bincount(place, histogram.n_pictures)
    pairs = first * (n - first)
    variance = pairs / 12 * (n + 1 - float((tied**3 - tied).sum()) / (n * (n - 1)))
    usable = ~np.isnan(given) & (variance > 0)
    z = np.zeros(len(first))
    z[usable] = np.abs(given[usable] - 0.5) * pairs[usable] / np.sqrt(variance[usable])
    from statistics import NormalDist

    normal = NormalDist()
    return np.array([min(1.0, 2 * normal.cdf(-value)) for value in z.tolist()])


def measure_quality(counts: Counts, class_names: tuple[str, ...]) -> Quality | None:
    """Medians of every measure, and the classes that one alone tells; None if not measured.

    A median is the value of the bin in which the middle picture lies, the lower of two. A
    picture of several classes counts for each of them.
    """
    measured = sorted({name for by_measure in counts.quality.values() for name in by_measure})
    histograms = {
        name: Histogram.of(counts.quality, name, class_names)
        for name in QUALITY_MEASURES
        if name in measured
    }
    histograms = {name: h for name, h in histograms.items() if h.n_pictures.size}
    if not histograms:
        return None
    n_tests = sum(int((h.totals() > 0).sum()) for h in histograms.values())
    shortcuts = [
        shortcut
        for name, histogram in histograms.items()
        for shortcut in _shortcuts(name, histogram, class_names, n_tests)
    ]
    shortcuts.sort(key=lambda found: (-abs(found.auc - 0.5), found.class_name, found.measure))
    most = max(int(h.totals().sum()) for h in histograms.values())
    return Quality(
        n_pictures=min(most, counts.n_checked) if counts.n_checked else most,
        measures=tuple(_of_measure(name, histogram) for name, histogram in histograms.items()),
        shortcuts=tuple(shortcuts),
    )


def _of_measure(name: str, histogram: Histogram) -> QualityMeasure:
    scale = QUALITY_MEASURES[name]
    medians = _medians(histogram)
    order = np.argsort(histogram.bins, kind="stable")
    overall = _middle(histogram.bins[order], histogram.n_pictures[order])
    return QualityMeasure(
        name=name,
        unit=scale.unit,
        median=scale.value_of_bin(overall),
        median_per_class=tuple(
            None if number is None else scale.value_of_bin(number) for number in medians
        ),
    )


def _middle(bins: NDArray[np.int64], n_pictures: NDArray[np.int64]) -> int:
    """The bin of the middle picture, from bins in rising order."""
    reached = np.cumsum(n_pictures)
    return int(bins[np.searchsorted(reached, (reached[-1] + 1) // 2)])


def _medians(histogram: Histogram) -> list[int | None]:
    """The bin of the middle picture of each class."""
    edges = np.searchsorted(histogram.class_ids, np.arange(histogram.n_classes + 1)).tolist()
    return [
        _middle(histogram.bins[start:end], histogram.n_pictures[start:end]) if end > start else None
        for start, end in pairwise(edges)
    ]


def _shortcuts(
    name: str, histogram: Histogram, class_names: tuple[str, ...], n_tests: int
) -> list[Shortcut]:
    areas = areas_under_curve(histogram)
    p_values = mann_whitney_p(histogram, areas) * n_tests
    with np.errstate(invalid="ignore"):
        clear = (np.abs(areas - 0.5) > SHORTCUT_AUC - 0.5) & (p_values < SHORTCUT_P)
    value = QUALITY_MEASURES[name].value_of_bin
    found = []
    for class_id in np.flatnonzero(clear).tolist():
        own = histogram.class_ids == class_id
        order = np.argsort(histogram.bins[~own], kind="stable")
        others = histogram.bins[~own][order], histogram.n_pictures[~own][order]
        found.append(
            Shortcut(
                class_name=class_names[class_id],
                measure=name,
                auc=float(areas[class_id]),
                median=value(_middle(histogram.bins[own], histogram.n_pictures[own])),
                median_of_others=value(_middle(*others)),
            )
        )
    return found
