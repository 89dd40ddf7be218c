"""Plots as inline SVG: no script, no network, colours from the page's CSS variables.

Each colour has a fallback, so that a plot is also a file of its own.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from html import escape

import numpy as np
from numpy.typing import ArrayLike, NDArray

from balancekit.report.words import percent, shortened

__all__ = [
    "COLOURS",
    "FAINT",
    "INK",
    "SOFT",
    "WIDTH",
    "bar_chart",
    "confusion_plot",
    "draw_line",
    "draw_name",
    "draw_rect",
    "draw_text",
    "fitted",
    "frame",
    "interval_plot",
    "name_width",
]

COLOURS = ("var(--one, #b45309)", "var(--two, #2563eb)", "var(--three, #059669)")
INK, SOFT, FAINT = "var(--ink, #1f2937)", "var(--soft, #5b6472)", "var(--faint, #d1d5db)"
WIDTH, ROW, NUMBER = 760, 22, 80
"""Sizes in px: of a plot, of a row, of the numbers on its right."""

LETTER, LONGEST_NAME = 7, 26
"""Width of a letter in px, and letters of a name beyond which it is cut; wide ones count twice."""


def bar_chart(
    names: Sequence[str],
    series: Mapping[str, Sequence[float]],
    title: str,
    unit: str = "",
    *,
    digits: int = 0,
) -> str:
    """Horizontal bars, one group a name and one bar a series.

    Args:
        names: n names, from top to bottom.
        series: n numbers ≥ 0 by the name of the series, at most three.
        title: what is shown, for screen readers and as a caption.
        unit: put behind each number.
        digits: behind the point of each number.
    """
    thick = 14 if len(series) == 1 else 11
    step = max(ROW, thick * len(series) + 8)
    top = 24 if len(series) > 1 else 4
    left = name_width(names)
    plot = WIDTH - left - NUMBER
    largest = max((max(values, default=0) for values in series.values()), default=0) or 1
    parts = [_legend(left, list(series))] if len(series) > 1 else []
    for row, name in enumerate(names):
        y = top + row * step
        parts.append(draw_name(left - 8, y + step / 2, name, anchor="end"))
        for number, values in enumerate(series.values()):
            bar_y = y + (step - thick * len(series)) / 2 + number * thick
            # One px at least, so that a rare class is seen and an empty one is not.
            width = max(1.0, plot * values[row] / largest) if values[row] else 0.0
            parts.append(
                f'<rect x="{left}" y="{bar_y:.1f}" width="{width:.1f}" height="{thick - 1}" '
                f'rx="2" fill="{COLOURS[number]}"/>'
            )
            label = f"{values[row]:,.{digits}f}{unit}"
            parts.append(draw_text(left + width + 5, bar_y + thick / 2, label, size=10))
    return frame(WIDTH, top + step * len(names) + 4, title, parts)


def interval_plot(
    names: Sequence[str],
    series: Mapping[str, tuple[ArrayLike, ArrayLike, ArrayLike]],
    title: str,
    *,
    notes: Sequence[str] | None = None,
    desc: str = "",
) -> str:
    """Shares with their intervals: a dot and a line for each name and series.

    Args:
        names: n names, from top to bottom.
        series: (value, low, high) by the name of the series, each [n] in [0, 1] or NaN.
        title: what is shown, for screen readers and as a caption.
        notes: what stands at the right of each name; the values themselves if not given.
        desc: the same in words, for screen readers.
    """
    step, top = 13 * len(series) + 10, 44
    height = top + step * len(names) + 6
    left = name_width(names)
    plot = WIDTH - left - NUMBER
    parts = [_legend(left, list(series))]
    for tick in range(0, 101, 25):
        x = left + plot * tick / 100
        parts.append(draw_line(x, top - 4, x, height - 4))
        parts.append(draw_text(x, top - 12, f"{tick} %", anchor="middle", size=10))
    for row, name in enumerate(names):
        y = top + row * step
        parts.append(draw_name(left - 8, y + step / 2, name, anchor="end"))
        for number, values in enumerate(series.values()):
            value, low, high = (float(np.asarray(array)[row]) for array in values)
            if np.isnan(value):
                continue
            at = y + 11 + 13 * number
            colour = COLOURS[number]
            parts.append(
                f'<line x1="{left + plot * low:.1f}" x2="{left + plot * high:.1f}" '
                f'y1="{at}" y2="{at}" stroke="{colour}" stroke-width="2" stroke-opacity=".55"/>'
            )
            parts.append(
                f'<circle cx="{left + plot * value:.1f}" cy="{at}" r="4" fill="{colour}"/>'
            )
            note = f"{100 * value:.0f} %" if notes is None else notes[row]
            parts.append(draw_text(left + plot + 12, at, note, size=10))
    return frame(WIDTH, height, title, parts, desc)


def confusion_plot(confusion: ArrayLike, names: Sequence[str], title: str) -> str:
    """A confusion matrix as a heat map: each row, a true class, in shares of itself.

    Args:
        confusion: [n, n] counts, rows the true classes, columns the predicted ones.
        names: n class names.
        title: what is shown, for screen readers and as a caption.
    """
    matrix: NDArray[np.float64] = np.asarray(confusion, np.float64)
    shares = matrix / np.maximum(matrix.sum(1, keepdims=True), 1)
    n = len(names)
    cell = max(14, min(34, 480 // max(1, n)))
    left = name_width(names)
    top = 36 + int(0.87 * (left - 20))  # the names above stand at 60 degrees
    parts = [draw_text(left + cell * n / 2, 14, title, anchor="middle", size=13)]
    for i, name in enumerate(names):
        centre = cell * (i + 0.5)
        parts.append(draw_name(left - 6, top + centre, name, anchor="end"))
        parts.append(
            f'<g transform="translate({left + centre:.1f},{top - 6}) rotate(-60)">'
            f"{draw_name(0, 0, name)}</g>"
        )
        for j in range(n):
            hint = f"{name} taken for {names[j]}: {percent(shares[i, j], 0)}"
            colour = "var(--two, #2563eb)" if i == j else "var(--bad, #dc2626)"
            parts.append(_cell(left + cell * j, top + cell * i, cell, shares[i, j], colour, hint))
    caption = "rows: true class · columns: predicted · numbers: % of the row"
    parts.append(draw_text(left, top + cell * n + 16, caption, size=11))
    lean = max(40, (left - 20) // 2)  # of the last name above, to the right of its cell
    return frame(left + max(cell * n + lean, 370), top + cell * n + 26, title, parts)


def _cell(x: int, y: int, size: int, share: float, colour: str, hint: str) -> str:
    """A square as dark as its share, with the share in it where there is room."""
    square = (
        f'<rect x="{x}" y="{y}" width="{size - 1}" height="{size - 1}" fill="{colour}" '
        f'fill-opacity="{0.04 + 0.96 * share:.3f}">'
        f"<title>{escape(shortened(hint, 200))}</title></rect>"
    )
    if size < 22 or share < 0.005:
        return square
    ink = "var(--on, #ffffff)" if share > 0.75 else INK
    middle = size / 2
    label = f"{100 * share:.0f}"
    return square + draw_text(x + middle, y + middle, label, anchor="middle", size=10, ink=ink)


def _legend(left: float, names: Sequence[str]) -> str:
    parts, x = [], left
    for number, name in enumerate(names):
        parts.append(f'<rect x="{x}" y="4" width="10" height="10" fill="{COLOURS[number]}"/>')
        parts.append(draw_text(x + 15, 9, shortened(name, LONGEST_NAME), size=11))
        x += 40 + LETTER * min(len(name), LONGEST_NAME)
    return "".join(parts)


def name_width(names: Sequence[str]) -> int:
    """Room in px for the longest of some names, at the left of a plot."""
    longest = max((_cells(fitted(name)) for name in names), default=0)
    return max(36, 20 + LETTER * longest)


def fitted(name: str, cells: int = LONGEST_NAME) -> str:
    """A name cut to the room that it has, where letters of the Far East take twice as much."""
    cut = shortened(name, cells)
    for length in range(len(cut), 1, -1):
        if _cells(cut) <= cells:
            break
        cut = shortened(name, length - 1)
    return cut


def _cells(text: str) -> int:
    return len(text) + sum(unicodedata.east_asian_width(letter) in "WF" for letter in text)


def draw_name(x: float, y: float, name: str, *, anchor: str = "start", size: int = 12) -> str:
    """A class name, in full where the pointer rests on it."""
    cut = fitted(name)
    text = draw_text(x, y, cut, anchor=anchor, size=size)
    if cut == name:
        return text
    return f"<g><title>{escape(shortened(name, 200))}</title>{text}</g>"


def draw_text(
    x: float, y: float, content: str, *, anchor: str = "start", size: int = 12, ink: str = INK
) -> str:
    """Text whose middle lies at height y."""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" '
        f'dominant-baseline="central" fill="{ink}">{escape(content)}</text>'
    )


def draw_line(
    x1: float, y1: float, x2: float, y2: float, *, ink: str = FAINT, width: float = 1
) -> str:
    """A straight line, of the colour of grids."""
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" '
        f'stroke="{ink}" stroke-width="{width:g}"/>'
    )


def draw_rect(
    x: float,
    y: float,
    width: float,
    height: float,
    *,
    fill: str,
    opacity: float = 1,
    hint: str = "",
) -> str:
    """A filled rectangle, which says `hint` where the pointer rests on it."""
    box = f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{fill}"'
    box += f' fill-opacity="{opacity:.3g}"' if opacity < 1 else ""
    return f"{box}><title>{escape(shortened(hint, 200))}</title></rect>" if hint else f"{box}/>"


def frame(width: float, height: float, title: str, parts: Sequence[str], desc: str = "") -> str:
    """The drawing around its parts, named and described for screen readers."""
    said = f"<title>{escape(title)}</title>" + (f"<desc>{escape(desc)}</desc>" if desc else "")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{escape(title)}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" height="{height:.0f}" '
        f'font-family="system-ui, sans-serif">{said}{"".join(parts)}</svg>'
    )
