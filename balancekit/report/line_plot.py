"""Curves over one axis, each named at its right end."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from balancekit.report.axes import Axis, draw_x_axis, draw_y_axis
from balancekit.report.svg import COLOURS, SOFT, draw_line, draw_text, frame

__all__ = ["Scale", "line_plot"]

WIDTH, HEIGHT = 640, 320
LEFT, TOP, BOTTOM = 58, 30, 46
"""Sizes in px: of a plot, and of the room for its axes."""

LETTER, GAP, APART = 6.6, 14, 16
"""Width of a letter of a curve's name, its distance from the curve and from the next name."""

INKS = (*COLOURS, SOFT)
DASHES = ("", "8 4", "2 4", "10 3 2 3")
"""Of the curves, in their order: colours alone would be lost in print, and on some eyes."""


@dataclass(frozen=True, kw_only=True)
class Scale:
    """What an axis shows.

    Args:
        title: written beside it.
        log: whether equal distances are equal ratios.
        low: least value; that of the curves if not given, for a linear axis at most 0.
        high: largest value; that of the curves if not given.
    """

    title: str
    log: bool = False
    low: float | None = None
    high: float | None = None

    def ends(self, values: NDArray[np.float64]) -> tuple[float, float]:
        """The least and the largest value of the axis."""
        low, high = float(values.min()), float(values.max())
        low = low if self.log else min(0.0, low)
        low = low if self.low is None else self.low
        high = high if self.high is None else self.high
        return low, high if high > low else low + 1


def line_plot(
    curves: Mapping[str, tuple[ArrayLike, ArrayLike]],
    title: str,
    *,
    x: Scale,
    y: Scale,
) -> str:
    """Up to four curves, each with a line of its own kind and its name at its end.

    Points beyond the ends of the axes, and such as are not finite, are left out.

    Args:
        curves: x and y of n points by the name of the curve.
        title: what is shown, for screen readers and as a caption.
        x: the horizontal axis.
        y: the vertical axis.
    """
    points = {name: _finite(*pair) for name, pair in curves.items()}  # [n, 2] each
    everything = np.concatenate(list(points.values()))
    room = GAP + LETTER * max(map(len, points)) + 8
    right, floor = WIDTH - room, HEIGHT - BOTTOM
    x_low, x_high = x.ends(everything[:, 0])
    y_low, y_high = y.ends(everything[:, 1])
    across = Axis(low=x_low, high=x_high, start=LEFT, end=right, log=x.log)
    up = Axis(low=y_low, high=y_high, start=floor, end=TOP, log=y.log)
    parts = [
        draw_y_axis(up, LEFT, y.title, right=right),
        draw_line(LEFT, floor, right, floor, ink=SOFT),
        draw_x_axis(across, floor, x.title),
    ]
    ends = []
    for number, pairs in enumerate(points.values()):
        shown = pairs[(pairs >= (x_low, y_low)).all(1) & (pairs <= (x_high, y_high)).all(1)]
        places = [(across.at(px), up.at(py)) for px, py in shown.tolist()]
        parts.append(_curve(places, number))
        ends.append(places[-1])
    for number, (name, at) in enumerate(zip(points, _apart([y for _, y in ends]), strict=True)):
        parts.append(_label(name, ends[number], at, right, number))
    return frame(WIDTH, HEIGHT, title, parts, _words(points, x, y))


def _finite(xs: ArrayLike, ys: ArrayLike) -> NDArray[np.float64]:
    pairs = np.stack([np.asarray(xs, np.float64), np.asarray(ys, np.float64)], 1)
    return pairs[np.isfinite(pairs).all(1)]


def _words(points: Mapping[str, NDArray[np.float64]], x: Scale, y: Scale) -> str:
    """The ends of the curves, for screen readers."""
    said = [
        f"{name}: from {pairs[0, 1]:.3g} at {pairs[0, 0]:.3g} "
        f"to {pairs[-1, 1]:.3g} at {pairs[-1, 0]:.3g}"
        for name, pairs in points.items()
    ]
    return f"{y.title}, over {x.title}. {'; '.join(said)}."


def _curve(places: Sequence[tuple[float, float]], number: int) -> str:
    path = "M" + "L".join(f"{px:.1f},{py:.1f}" for px, py in places)
    dash = f' stroke-dasharray="{DASHES[number]}"' if DASHES[number] else ""
    return (
        f'<path d="{path}" fill="none" stroke="{INKS[number]}" stroke-width="2.5" '
        f'stroke-linejoin="round"{dash}/>'
    )


def _apart(heights: Sequence[float]) -> list[float]:
    """Heights of the names: as the curves end, but none over another, all within the plot."""
    order = np.argsort(heights, kind="stable")
    placed = np.asarray(heights, np.float64)[order]
    for i in range(1, len(placed)):
        placed[i] = max(placed[i], placed[i - 1] + APART)
    placed[-1] = min(placed[-1], HEIGHT - BOTTOM)
    for i in range(len(placed) - 2, -1, -1):
        placed[i] = min(placed[i], placed[i + 1] - APART)
    result = np.empty_like(placed)
    result[order] = placed
    return [float(height) for height in result]


def _label(name: str, end: tuple[float, float], at: float, right: float, number: int) -> str:
    """The name of a curve, and a thin line to it from the curve's end."""
    thread = draw_line(*end, right + GAP - 4, at, ink=INKS[number])
    return thread + draw_text(right + GAP, at, name, size=12, ink=INKS[number])
