"""Plots of an analysis with two axes: rank and frequency, histogram, co-occurrence."""

from collections.abc import Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

from balancekit.report.axes import Axis, draw_x_axis, draw_y_axis, short_number
from balancekit.report.svg import (
    COLOURS,
    INK,
    SOFT,
    draw_line,
    draw_name,
    draw_rect,
    draw_text,
    fitted,
    frame,
    name_width,
)
from balancekit.report.words import n_of, percent
from balancekit.stats import ClassPair, Regression

__all__ = ["heat_map", "histogram", "pair_classes", "rank_plot"]

WIDTH, HEIGHT = 560, 330
LEFT, TOP, BOTTOM = 58, 26, 46
"""Sizes in px: of a plot, and of the room for its axes."""

BAND_ROOM = 96
"""Room at the right, in px, for the names of the groups many, medium and few."""

BANDS = (("many", "over 100", 100.0, float("inf")), ("medium", "20 to 100", 20.0, 100.0))
MOST_DOTS = 120
"""Classes up to which each is a dot; more are a line."""

MOST_POINTS = 1000
"""Points of a curve: more would be lost in its thickness."""

MOST_BARS = 240
"""Bars of a histogram; bins of more are put together."""

MOST_PAIR_CLASSES = 25


def rank_plot(
    counts: Sequence[int], names: Sequence[str], title: str, *, unit: str, in_groups: bool
) -> str:
    """Count of each class by its rank, both on log axes.

    Args:
        counts: of n classes; those without any are left out.
        names: of the classes.
        title: what is shown.
        unit: what is counted.
        in_groups: whether the groups many, medium and few, which are of samples, are drawn.
    """
    given = np.asarray(counts, np.int64)
    order = np.argsort(-given, kind="stable")
    order = order[given[order] > 0]
    values = given[order]  # [n_filled], falling
    right = WIDTH - (BAND_ROOM if in_groups else 16)
    floor = HEIGHT - BOTTOM
    low, high = _decades(int(values[-1]), int(values[0]))
    x = Axis(low=1, high=max(2, len(values)), start=LEFT + 10, end=right - 12, log=True)
    y = Axis(low=low, high=high, start=floor - 28, end=TOP + 14, log=True)
    points = [(x.at(r + 1), y.at(float(values[r]))) for r in _thinned_ranks(len(values))]
    parts = _bands(y, values, right, floor) if in_groups else []
    parts.append(draw_y_axis(y, LEFT, f"{unit}, log scale", right=right))
    parts.append(draw_line(LEFT, floor, right, floor, ink=SOFT))
    parts.append(draw_x_axis(x, floor, "rank of the class, log scale"))
    path = "M" + "L".join(f"{px:.1f},{py:.1f}" for px, py in points)
    dots = len(values) <= MOST_DOTS
    parts.append(
        f'<path d="{path}" fill="none" stroke="{COLOURS[0]}" stroke-linejoin="round" '
        f'stroke-width="{1 if dots else 2.5}" stroke-opacity="{0.45 if dots else 1}"/>'
    )
    if dots:
        for (px, py), class_id in zip(points, order.tolist(), strict=True):
            hint = escape(f"{fitted(names[class_id], 80)}: {given[class_id]:,}")
            parts.append(
                f'<circle cx="{px:.1f}" cy="{py:.1f}" r="4" fill="{COLOURS[0]}">'
                f"<title>{hint}</title></circle>"
            )
    parts += _ends(points, [names[order[0]], names[order[-1]]], [int(values[0]), int(values[-1])])
    return frame(WIDTH, HEIGHT, title, parts, _rank_words(values, unit))


def _decades(smallest: int, largest: int) -> tuple[float, float]:
    """Powers of ten around the counts."""
    low = 10.0 ** np.floor(np.log10(smallest))
    high = 10.0 ** np.ceil(np.log10(largest))
    return float(low), float(max(high, 10 * low))


def _thinned_ranks(n: int) -> list[int]:
    """Ranks from 0 that are drawn: all of a few, and at equal steps of the log of many."""
    if n <= MOST_POINTS:
        return list(range(n))
    ranks = np.round(np.geomspace(1, n, MOST_POINTS)).astype(np.int64)
    return [rank - 1 for rank in sorted(set(ranks.tolist()))]


def _bands(y: Axis, values: NDArray[np.int64], right: float, floor: float) -> list[str]:
    """The groups of class sizes as stripes, each named at its right."""
    parts = []
    edges = (*BANDS, ("few", "under 20", 0.0, 20.0))
    sizes = ((values > 100).sum(), ((values >= 20) & (values <= 100)).sum(), (values < 20).sum())
    for number, ((group, meaning, low, high), n) in enumerate(zip(edges, sizes, strict=True)):
        if low >= y.high or high <= y.low:
            continue
        top = TOP if high > y.high else y.at(high)
        bottom = floor if low < y.low else y.at(low)
        shade = 0.015 + 0.03 * number
        parts.append(draw_rect(LEFT, top, right - LEFT, bottom - top, fill=INK, opacity=shade))
        middle = (top + bottom) / 2
        parts.append(draw_text(right + 8, middle - 7, f"{group}: {n:,}", size=12))
        parts.append(draw_text(right + 8, middle + 8, meaning, size=11, ink=SOFT))
    return parts


def _ends(
    points: Sequence[tuple[float, float]], names: Sequence[str], counts: Sequence[int]
) -> list[str]:
    """The names of the first and the last class of a curve."""
    (x1, y1), (x2, y2) = points[0], points[-1]
    parts = [draw_text(x1 + 8, y1 - 9, f"{fitted(names[0])} · {counts[0]:,}")]
    if len(points) > 1:
        label = f"{fitted(names[1])} · {counts[1]:,}"
        parts.append(draw_text(x2 + 2, y2 + 14, label, anchor="end"))
    return parts


def _rank_words(values: NDArray[np.int64], unit: str) -> str:
    middle = int(values[len(values) // 2])
    return (
        f"{n_of(len(values), 'class', 'classes')} in falling order, from {int(values[0]):,} to "
        f"{int(values[-1]):,} {unit}; the class in the middle has {middle:,}."
    )


def histogram(counts: Sequence[int], regression: Regression, title: str) -> str:
    """Samples of each bin of a regression target; bins with few have another colour."""
    values = np.asarray(counts, np.float64)
    together = -(-len(values) // MOST_BARS)
    padded = np.pad(values, (0, -len(values) % together))
    bars = padded.reshape(-1, together).sum(1)  # [n_bars]
    floor, right = HEIGHT - BOTTOM, WIDTH - 16
    ends = regression.low, max(regression.high, regression.low + regression.bin_width)
    x = Axis(low=ends[0], high=ends[1], start=LEFT, end=right)
    y = Axis(low=0, high=float(bars.max(initial=1)), start=floor, end=TOP + 6)
    wide = (right - LEFT) / max(1, len(bars))
    parts = [draw_y_axis(y, LEFT, "samples", right=right)]
    gap = 1 if wide > 4 else 0
    for number, n in enumerate(bars.tolist()):
        if not n:
            continue
        height = max(1.0, floor - y.at(n))
        colour = COLOURS[0] if n < 20 * together else COLOURS[1]
        start = regression.low + regression.bin_width * together * number
        box = LEFT + wide * number, floor - height, max(0.8, wide - gap), height
        parts.append(draw_rect(*box, fill=colour, hint=f"from {start:g}: {n:,.0f}"))
    parts.append(draw_line(LEFT, floor, right, floor, ink=SOFT))
    parts.append(draw_x_axis(x, floor, "value of the target"))
    words = (
        f"{n_of(regression.n_bins, 'bin')} from {regression.low:g} to {regression.high:g}, "
        f"{regression.n_empty_bins:,} of them empty; the median is {regression.median:g}."
    )
    return frame(WIDTH, HEIGHT, title, parts, words)


def pair_classes(pairs: Sequence[ClassPair], most: int = MOST_PAIR_CLASSES) -> list[str]:
    """Classes of the most frequent pairs, at most so many, by how often they take part."""
    shares: dict[str, int] = {}
    for pair in pairs:
        if len({*shares, pair.first, pair.second}) > most:
            break
        for name in (pair.first, pair.second):
            shares[name] = shares.get(name, 0) + pair.n_samples
    return sorted(shares, key=lambda name: (-shares[name], name))


def heat_map(pairs: Sequence[ClassPair], title: str) -> str:
    """Samples that two classes share, as a triangle whose squares are darker for more.

    Args:
        pairs: the most frequent pairs; those that are not among them stay blank.
        title: what is shown.
    """
    names = pair_classes(pairs)
    place = {name: i for i, name in enumerate(names)}
    known = [pair for pair in pairs if pair.first in place and pair.second in place]
    most = max((pair.n_samples for pair in known), default=1)
    cell = max(20, min(38, 560 // max(1, len(names))))
    left = name_width(names)
    top = 8
    parts = []
    for i in range(1, len(names)):
        middle = top + cell * (i - 0.5)
        parts.append(draw_name(left - 8, middle, names[i], anchor="end"))
        for j in range(i):
            at = left + cell * j, top + cell * (i - 1)
            parts.append(draw_rect(*at, cell - 1, cell - 1, fill=INK, opacity=0.035))
    for pair in known:
        i, j = sorted((place[pair.first], place[pair.second]), reverse=True)
        at = left + cell * j, top + cell * (i - 1)
        # Half as dark at most: the number on it is read in both colour schemes.
        shade = 0.06 + 0.44 * float(np.sqrt(pair.n_samples / most))
        hint = (
            f"{fitted(pair.first, 60)} and {fitted(pair.second, 60)}: "
            f"{n_of(pair.n_samples, 'sample')}, Jaccard {percent(pair.jaccard)}"
        )
        parts.append(draw_rect(*at, cell - 1, cell - 1, fill=COLOURS[1], opacity=shade, hint=hint))
        label = short_number(pair.n_samples)
        if len(label) * 6 < cell:
            centre = at[0] + cell / 2 - 0.5, at[1] + cell / 2 - 0.5
            parts.append(draw_text(*centre, label, anchor="middle", size=10))
    for j, name in enumerate(names[:-1]):
        x, y = left + cell * (j + 0.5), top + cell * (len(names) - 1) + 10
        turned = draw_name(0, 0, name, anchor="end")
        parts.append(f'<g transform="translate({x:.1f},{y:.1f}) rotate(-55)">{turned}</g>')
    width = max(WIDTH, left + cell * max(1, len(names) - 1) + 12)
    height = top + cell * (len(names) - 1) + 16 + int(0.82 * left)
    words = "; ".join(
        f"{fitted(pair.first)} with {fitted(pair.second)} {pair.n_samples:,}" for pair in known[:5]
    )
    return frame(width, height, title, parts, f"The most frequent pairs: {words}.")
