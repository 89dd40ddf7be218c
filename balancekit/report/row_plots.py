"""Plots of an analysis with a row for each class, split or measure."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from balancekit.report.axes import Axis, draw_x_axis
from balancekit.report.svg import (
    COLOURS,
    FAINT,
    INK,
    SOFT,
    WIDTH,
    draw_line,
    draw_name,
    draw_rect,
    draw_text,
    fitted,
    frame,
    name_width,
)
from balancekit.report.words import decimal, n_of, percent, without_zeros
from balancekit.stats import QualityMeasure, SplitStats

__all__ = ["null_plot", "share_plot", "size_plot", "strip_plot"]

ROW, NUMBER, STRIP = 26, 84, 480
"""Sizes in px: of a row, of the numbers on its right, and of a strip, two of which lie side by
side."""

SIZES = ("small", "medium", "large")
SHADES = (0.95, 0.5, 0.2)
"""How dark the bars of small, medium and large boxes are."""

LEAST_LABELLED = 0.07
"""Share of a bar from which it has room for its own number."""

MOST_DOTS = 300
"""Dots in a strip: of more classes, the quantiles."""


def size_plot(
    names: Sequence[str], sizes: Sequence[tuple[int, int, int]], title: str, *, unit: str
) -> str:
    """Shares of small, medium and large boxes of each class, as bars of equal length."""
    left, top = name_width(names), 34
    right = WIDTH - NUMBER
    parts, x = [], float(left)
    for name, meaning, shade in zip(
        SIZES, ("under 32² px²", "32² to 96²", "over 96²"), SHADES, strict=True
    ):
        parts.append(draw_rect(x, 5, 12, 12, fill=COLOURS[1], opacity=shade))
        parts.append(draw_text(x + 18, 11, f"{name}, {meaning}"))
        x += 46 + 6.2 * len(f"{name}, {meaning}")
    for row, (name, counts) in enumerate(zip(names, sizes, strict=True)):
        y, total = top + ROW * row, sum(counts)
        parts.append(draw_name(left - 8, y + ROW / 2, name, anchor="end"))
        parts.append(draw_text(right + 8, y + ROW / 2, f"{total:,}", size=11, ink=SOFT))
        at = float(left)
        for size, n, shade in zip(SIZES, counts, SHADES, strict=True):
            wide = (right - left) * n / max(1, total)
            if not n:
                continue
            hint = f"{name}: {n:,} {size}"
            bar = max(0.5, wide - 1)
            parts.append(
                draw_rect(at, y + 4, bar, ROW - 8, fill=COLOURS[1], opacity=shade, hint=hint)
            )
            if n / total >= LEAST_LABELLED:
                ink = "var(--on, #ffffff)" if shade > 0.9 else INK
                label = percent(n / total, 0)
                middle = at + wide / 2, y + ROW / 2
                parts.append(draw_text(*middle, label, anchor="middle", size=11, ink=ink))
            at += wide
    words = f"{n_of(len(names), 'class', 'classes')}; the number at the right counts {unit}."
    return frame(WIDTH, top + ROW * len(names) + 6, title, parts, words)


def share_plot(
    names: Sequence[str],
    first: tuple[str, Sequence[float]],
    second: tuple[str, Sequence[float]],
    title: str,
    *,
    notes: Sequence[str] | None = None,
) -> str:
    """Two shares of each class, a dot and a diamond, with a line between them.

    Args:
        names: n names, from top to bottom.
        first: what the dots are, and n shares.
        second: what the diamonds are, and n shares.
        title: what is shown.
        notes: what stands at the right of each name; the difference if not given.
    """
    left, top = name_width(names), 34
    right, floor = WIDTH - NUMBER, top + ROW * len(names) + 4
    highest = max((*first[1], *second[1]), default=0) or 1.0
    axis = Axis(low=0, high=100 * highest, start=left + 6, end=right)
    parts = [draw_x_axis(axis, floor, "share, %", top=top)]
    parts.append(_dot(left + 6, 12) + draw_text(left + 18, 12, first[0]))
    behind = left + 48 + 7 * len(first[0])
    parts.append(_diamond(behind, 12) + draw_text(behind + 12, 12, second[0]))
    for row, (name, one, other) in enumerate(zip(names, first[1], second[1], strict=True)):
        y = top + ROW * (row + 0.5)
        x1, x2 = axis.at(100 * one), axis.at(100 * other)
        parts.append(draw_name(left - 8, y, name, anchor="end"))
        parts.append(draw_line(x1, y, x2, y, ink=SOFT, width=2))
        parts.append(_dot(x1, y) + _diamond(x2, y))
        label = _points(other - one) if notes is None else notes[row]
        parts.append(draw_text(right + 12, y, label, size=11, ink=SOFT))
    furthest = max(range(len(names)), key=lambda i: abs(second[1][i] - first[1][i]), default=None)
    words = ""
    if furthest is not None:
        words = (
            f"The largest difference is that of {fitted(names[furthest])}: "
            f"{percent(first[1][furthest])} of {first[0]}, "
            f"{percent(second[1][furthest])} of {second[0]}."
        )
    return frame(WIDTH, floor + 44, title, parts, words)


def _points(change: float) -> str:
    """A difference of shares in percentage points."""
    return f"{100 * change:+.1f} pp".replace("-", "−") if abs(change) >= 0.0005 else "± 0 pp"


def null_plot(splits: Sequence[SplitStats], title: str) -> str:
    """Divergence of each split beside what chance alone would give."""
    shown = [split for split in splits if split.jensen_shannon is not None]
    left, top = name_width([split.name for split in shown]), 34
    right, floor = WIDTH - 150, top + 34 * len(shown) + 2
    values = [value for s in shown for value in (s.jensen_shannon or 0, s.jensen_shannon_null or 0)]
    axis = Axis(low=0, high=max(values, default=0) * 1.08 or 1.0, start=left, end=right)
    parts = [draw_x_axis(axis, floor, "Jensen–Shannon divergence, bits", top=top)]
    parts.append(draw_rect(left, 6, 22, 12, fill=SOFT, opacity=0.3))
    parts.append(draw_text(left + 30, 12, "95 % of splits without any shift"))
    parts.append(_diamond(left + 262, 12) + draw_text(left + 276, 12, "this split"))
    words = []
    for row, split in enumerate(shown):
        assert split.jensen_shannon is not None
        y = top + 34 * (row + 0.5)
        null = split.jensen_shannon_null
        parts.append(draw_name(left - 8, y, split.name, anchor="end"))
        if null is not None:
            wide = axis.at(null) - left
            parts.append(draw_rect(left, y - 10, wide, 20, fill=SOFT, opacity=0.3))
        said = ""
        if null is not None:
            beyond = "shifted" if split.is_shifted() else "unclear"
            said = ", within chance" if split.jensen_shannon <= null else f", {beyond}"
        label = f"{decimal(split.jensen_shannon, 4)}{said}"
        parts.append(_diamond(axis.at(split.jensen_shannon), y))
        parts.append(draw_text(right + 14, y, label))
        words.append(f"{fitted(split.name)} {label}, chance up to {decimal(null, 4)}")
    return frame(WIDTH, floor + 44, title, parts, "; ".join(words) + ".")


def strip_plot(measure: QualityMeasure, names: Sequence[str], title: str) -> str:
    """The medians of all classes in one measure, as dots on a line."""
    known = [(m, i) for i, m in enumerate(measure.median_per_class) if m is not None]
    values, left, right = np.array([m for m, _ in known]), 20, STRIP - 20
    low, high = min(measure.median, *values), max(measure.median, *values)
    # Sizes of files and pictures span powers of ten.
    axis = Axis(low=low, high=high, start=left, end=right, log=low > 0 and high > 10 * low)
    middle = axis.at(measure.median) if high > low else (left + right) / 2
    parts = [draw_line(left, 30, right, 30, ink=FAINT, width=2)]
    parts.append(draw_line(middle, 16, middle, 44, ink=INK, width=2))
    label = f"median of all {without_zeros(measure.median)}"
    end = "start" if middle < left + 90 else "end" if middle > right - 90 else "middle"
    parts.append(draw_text(middle, 8, label, anchor=end, size=11, ink=SOFT))
    for value in _spread(values).tolist():
        at = axis.at(value) if high > low else middle
        parts.append(f'<circle cx="{at:.1f}" cy="30" r="5" fill="{COLOURS[1]}" fill-opacity=".6"/>')
    lowest, highest = min(known), max(known)
    if high > low:
        for (value, i), x, anchor in ((lowest, left, "start"), (highest, right, "end")):
            text = f"{fitted(names[i])} {without_zeros(value)}"
            parts.append(draw_text(x, 52, text, anchor=anchor, size=11))
    words = (
        f"From {without_zeros(lowest[0])} for {fitted(names[lowest[1]])} to "
        f"{without_zeros(highest[0])} for {fitted(names[highest[1]])}."
    )
    return frame(STRIP, 62, title, parts, words)


def _spread(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """All of a few values, or as many quantiles of more."""
    if len(values) <= MOST_DOTS:
        return values
    return np.quantile(values, np.linspace(0, 1, MOST_DOTS))


def _dot(x: float, y: float) -> str:
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="6.5" fill="{COLOURS[1]}"/>'


def _diamond(x: float, y: float) -> str:
    path = f"M{x:.1f},{y - 5:.1f}l5,5l-5,5l-5,-5z"
    return f'<path d="{path}" fill="{COLOURS[0]}" stroke="var(--paper, #ffffff)"/>'
