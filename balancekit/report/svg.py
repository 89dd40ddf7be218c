"""Plots as inline SVG: no script, no network, colours from the page's CSS variables.

Each colour has a fallback, so that a plot is also a file of its own.
"""

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["bar_chart", "confusion_plot", "interval_plot"]

COLOURS = ("var(--one, #b45309)", "var(--two, #2563eb)", "var(--three, #059669)")
INK, FAINT = "var(--ink, #1f2937)", "var(--faint, #d1d5db)"
ROW, LABEL, PLOT, NUMBER = 22, 150, 420, 90
"""Sizes in px: of a row, of the names on its left, of the plot, of the numbers on its right."""


def bar_chart(
    names: Sequence[str], series: Mapping[str, Sequence[float]], title: str, unit: str = ""
) -> str:
    """Horizontal bars, one group a name and one bar a series.

    Args:
        names: n names, from top to bottom.
        series: n numbers ≥ 0 by the name of the series, at most three.
        title: what is shown, for screen readers and as a caption.
        unit: put behind each number.
    """
    thick = 14 if len(series) == 1 else 9
    step = max(ROW, thick * len(series) + 8)
    top = 24 if len(series) > 1 else 4
    largest = max((max(values) for values in series.values()), default=0) or 1
    parts = [_legend(list(series))] if len(series) > 1 else []
    for row, name in enumerate(names):
        y = top + row * step
        parts.append(_text(LABEL - 8, y + step / 2, _short(name), anchor="end"))
        for number, values in enumerate(series.values()):
            bar_y = y + (step - thick * len(series)) / 2 + number * thick
            width = PLOT * values[row] / largest
            parts.append(
                f'<rect x="{LABEL}" y="{bar_y:.1f}" width="{width:.1f}" height="{thick - 1}" '
                f'rx="2" fill="{COLOURS[number]}"/>'
            )
            label = f"{values[row]:,.0f}{unit}"
            parts.append(_text(LABEL + width + 5, bar_y + thick / 2, label, size=10))
    return _svg(LABEL + PLOT + NUMBER, top + step * len(names) + 4, title, parts)


def interval_plot(
    names: Sequence[str],
    series: Mapping[str, tuple[ArrayLike, ArrayLike, ArrayLike]],
    title: str,
) -> str:
    """Shares with their intervals: a dot and a line for each name and series.

    Args:
        names: n names, from top to bottom.
        series: (value, low, high) by the name of the series, each [n] in [0, 1] or NaN.
        title: what is shown, for screen readers and as a caption.
    """
    step, top = 13 * len(series) + 10, 40
    height = top + step * len(names) + 6
    parts = [_legend(list(series))]
    for tick in range(0, 101, 25):
        x = LABEL + PLOT * tick / 100
        parts.append(
            f'<line x1="{x:.0f}" x2="{x:.0f}" y1="{top - 4}" y2="{height - 4}" stroke="{FAINT}"/>'
        )
        parts.append(_text(x, top - 12, f"{tick} %", anchor="middle", size=10))
    for row, name in enumerate(names):
        y = top + row * step
        parts.append(_text(LABEL - 8, y + step / 2, _short(name), anchor="end"))
        for number, values in enumerate(series.values()):
            value, low, high = (float(np.asarray(array)[row]) for array in values)
            if np.isnan(value):
                continue
            at = y + 10 + 13 * number
            colour = COLOURS[number]
            parts.append(
                f'<line x1="{LABEL + PLOT * low:.1f}" x2="{LABEL + PLOT * high:.1f}" '
                f'y1="{at}" y2="{at}" stroke="{colour}" stroke-width="2" stroke-opacity=".55"/>'
            )
            parts.append(f'<circle cx="{LABEL + PLOT * value:.1f}" cy="{at}" r="4" fill="{colour}"/>')
            parts.append(_text(LABEL + PLOT + 10, at, f"{100 * value:.0f} %", size=10))
    return _svg(LABEL + PLOT + NUMBER, height, title, parts)


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
    left, top = 130, 120
    parts = [_text(left + cell * n / 2, 14, title, anchor="middle", size=13)]
    for i, name in enumerate(names):
        centre = cell * (i + 0.5)
        parts.append(_text(left - 6, top + centre, _short(name), anchor="end", size=11))
        parts.append(
            f'<g transform="translate({left + centre:.1f},{top - 6}) rotate(-60)">'
            f"{_text(0, 0, _short(name), size=11)}</g>"
        )
        for j in range(n):
            share = shares[i, j]
            x, y = left + cell * j, top + cell * i
            right = "var(--two, #2563eb)" if i == j else "var(--bad, #dc2626)"
            parts.append(
                f'<rect x="{x}" y="{y}" width="{cell - 1}" height="{cell - 1}" fill="{right}" '
                f'fill-opacity="{0.04 + 0.96 * share:.3f}"><title>{escape(name)} taken for '
                f"{escape(names[j])}: {share:.0%}</title></rect>"
            )
            if cell >= 22 and share >= 0.005:
                ink = "#ffffff" if share > 0.55 else INK
                label = f"{100 * share:.0f}"
                parts.append(
                    _text(x + cell / 2, y + cell / 2, label, anchor="middle", size=10, ink=ink)
                )
    caption = "rows: true class · columns: predicted · numbers: % of the row"
    parts.append(_text(left, top + cell * n + 16, caption, size=11))
    return _svg(left + max(cell * n, 330) + 40, top + cell * n + 26, title, parts)


def _legend(names: Sequence[str]) -> str:
    parts = []
    for number, name in enumerate(names):
        x = LABEL + 150 * number
        parts.append(f'<rect x="{x}" y="4" width="10" height="10" fill="{COLOURS[number]}"/>')
        parts.append(_text(x + 15, 9, name, size=11))
    return "".join(parts)


def _text(
    x: float, y: float, content: str, *, anchor: str = "start", size: int = 12, ink: str = INK
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" '
        f'dominant-baseline="central" fill="{ink}">{escape(content)}</text>'
    )


def _short(name: str, longest: int = 18) -> str:
    return name if len(name) <= longest else name[: longest - 1] + "…"


def _svg(width: float, height: float, title: str, parts: Sequence[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{escape(title)}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" height="{height:.0f}" '
        f'font-family="system-ui, sans-serif"><title>{escape(title)}</title>{"".join(parts)}</svg>'
    )
