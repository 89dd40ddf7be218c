"""Axes of plots: where a value lies in px, and which values are written beside the axis."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from balancekit.report.svg import SOFT, draw_line, draw_text

__all__ = ["Axis", "draw_x_axis", "draw_y_axis", "short_number"]

UNITS = ((1e9, "G"), (1e6, "M"), (1e4, "k"))
"""Letters for large numbers; thousands are written out up to 9,999."""

NICE = (1, 2, 2.5, 5, 10)
"""Steps between ticks, times a power of ten."""


@dataclass(frozen=True, kw_only=True)
class Axis:
    """A scale from values to px.

    Args:
        low: value at `start`; high: value at `end`, both in px.
        log: whether equal distances are equal ratios; low must then be positive.
    """

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def at(self, value: float) -> float:
        """Where a value lies, in px; values beyond the ends lie at the ends."""
        value = min(max(value, self.low), self.high)
        if self.log:
            span = math.log(self.high / self.low) or 1.0
            share = math.log(value / self.low) / span
        else:
            share = (value - self.low) / ((self.high - self.low) or 1.0)
        return self.start + share * (self.end - self.start)

    def ticks(self, most: int = 6) -> list[float]:
        """Round values between the ends, about `most` of them."""
        return self._log_ticks(most) if self.log else self._linear_ticks(most)

    def _log_ticks(self, most: int) -> list[float]:
        first, last = math.floor(math.log10(self.low)), math.ceil(math.log10(self.high))
        factors = (1, 2, 5) if last - first <= 2 else (1,)
        every = max(1, math.ceil((last - first) / most))
        values = [f * 10.0**e for e in range(first, last + 1, every) for f in factors]
        return [v for v in values if self.low <= v * (1 + 1e-9) and v <= self.high * (1 + 1e-9)]

    def _linear_ticks(self, most: int) -> list[float]:
        span = self.high - self.low
        if span <= 0:
            return [self.low]
        power = 10.0 ** math.floor(math.log10(span / most))
        step = next(n * power for n in NICE if n * power * most >= span)
        first = math.ceil(self.low / step - 1e-9)
        values = [i * step for i in range(first, first + most + 2)]
        return [round(v, 12) for v in values if v <= self.high + step * 1e-9]


def short_number(value: float) -> str:
    """A number for an axis, in a few letters.

    >>> short_number(0.25), short_number(2000), short_number(250000), short_number(1e9)
    ('0.25', '2,000', '250k', '1G')
    """
    for size, letter in UNITS:
        if abs(value) >= size:
            return f"{value / (1e3 if letter == 'k' else size):.3g}{letter}"
    return f"{value:,.0f}" if value == round(value) else f"{value:.3g}"


def draw_x_axis(
    axis: Axis, y: float, title: str, *, top: float | None = None, labels: Sequence[str] = ()
) -> str:
    """Ticks, numbers and the title of a horizontal axis at height y; grid lines up to `top`."""
    ticks = axis.ticks()
    parts = [] if top is None else [draw_line(axis.at(v), top, axis.at(v), y) for v in ticks]
    shown = labels or [short_number(v) for v in ticks]
    parts += [
        draw_text(axis.at(v), y + 13, label, anchor="middle", size=11, ink=SOFT)
        for v, label in zip(ticks, shown, strict=True)
    ]
    middle = (axis.start + axis.end) / 2
    parts.append(draw_text(middle, y + 33, title, anchor="middle", size=12, ink=SOFT))
    return "".join(parts)


def draw_y_axis(axis: Axis, x: float, title: str, *, right: float) -> str:
    """Grid lines from x to `right`, numbers and, on top, the title of a vertical axis."""
    parts = []
    for value in axis.ticks():
        y = axis.at(value)
        parts.append(draw_line(x, y, right, y))
        parts.append(draw_text(x - 8, y, short_number(value), anchor="end", size=11, ink=SOFT))
    parts.append(draw_text(4, 10, title, size=12, ink=SOFT))
    return "".join(parts)
