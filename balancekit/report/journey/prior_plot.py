"""The prior of the data, the one believed in and the one wanted: a line a class."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from balancekit.plan import Plan
from balancekit.report.axes import Axis
from balancekit.report.svg import (
    COLOURS,
    FAINT,
    SOFT,
    draw_line,
    draw_name,
    draw_text,
    frame,
    name_width,
)
from balancekit.report.words import percent, shortened

__all__ = ["prior_plot"]

MOST_LINES = 12
"""Classes drawn: half of them the largest, half the smallest."""

WIDTH, TOP, PLOT, BOTTOM = 760, 44, 220, 12
APART, NUMBER, ABOVE = 15, 66, 9
"""Sizes in px: between two names, of the numbers beside them, and of numbers above a line."""

LEAST = 1e-6
"""Share below which a line is not drawn lower: an axis of ratios has no 0."""


def prior_plot(plan: Plan) -> str:
    """Shares of the classes at three stations; "" where the data have no prior of classes."""
    if plan.prior_of == "none":
        return ""
    counts = plan.data.class_counts
    order = sorted((c for c in range(len(counts)) if counts[c]), key=lambda c: (-counts[c], c))
    if len(order) > MOST_LINES:
        order = order[: MOST_LINES // 2] + order[-MOST_LINES // 2 :]
    stations = (plan.training_prior(), plan.believed_prior(), plan.wanted())
    shares = np.maximum(np.stack(stations)[:, order], LEAST)  # [3, n]
    return _drawn(plan, [plan.data.class_names[c] for c in order], shares)


def _drawn(plan: Plan, names: Sequence[str], shares: NDArray[np.float64]) -> str:
    left = name_width(names) + NUMBER
    xs = (left, (left + WIDTH - NUMBER) / 2, WIDTH - NUMBER)
    low, high = float(shares.min()), float(shares.max())
    if high < 1.5 * low:  # equal classes, in the middle
        low, high = low / 2, high * 2
    up = Axis(low=low, high=high, start=TOP + PLOT, end=TOP + 10, log=True)
    after = "what pipeline.correct moves" if plan.is_corrected_after else "nothing moves it"
    heads = ("in the data", "believed after training", "wanted")
    parts = [draw_line(x, TOP, x, TOP + PLOT + 4, ink=FAINT) for x in xs]
    anchors = ("middle", "middle", "end")
    ends = (xs[0], xs[1], WIDTH)
    parts += [
        draw_text(x, 12, head, anchor=anchor)
        for x, head, anchor in zip(ends, heads, anchors, strict=True)
    ]
    said = ("what training moves", after)
    parts += [
        draw_text((xs[i] + xs[i + 1]) / 2, 32, f"{said[i]} →", anchor="middle", size=10, ink=SOFT)
        for i in range(2)
    ]
    for place, points in enumerate(shares.T):
        ink = COLOURS[0] if place >= shares.shape[1] / 2 else COLOURS[1]
        path = "M" + "L".join(f"{x:.1f},{up.at(y):.1f}" for x, y in zip(xs, points, strict=True))
        parts.append(f'<path d="{path}" fill="none" stroke="{ink}" stroke-width="2"/>')
    parts += _labels(names, shares, up, xs)
    words = "; ".join(
        f"{shortened(name)}: {', '.join(percent(float(share)) for share in points)}"
        for name, points in zip(names, shares.T, strict=True)
    )
    title = "Class prior of the data, believed after training, and wanted"
    return frame(WIDTH, TOP + PLOT + BOTTOM, title, parts, words)


def _labels(
    names: Sequence[str], shares: NDArray[np.float64], up: Axis, xs: Sequence[float]
) -> list[str]:
    """Names and shares at the left end; the largest and least share at the other stations."""
    places = spread([up.at(share) for share in shares[0]], TOP + 6, TOP + PLOT)
    parts = []
    for name, share, y in zip(names, shares[0], places, strict=True):
        parts.append(draw_text(xs[0] - 8, y, percent(float(share)), anchor="end", size=10))
        parts.append(draw_name(xs[0] - NUMBER, y, name, anchor="end"))
    for station in (1, 2):
        ends = sorted({float(shares[station].max()), float(shares[station].min())}, reverse=True)
        heights = spread([up.at(share) for share in ends], TOP + 6, TOP + PLOT)
        told = dict(zip(map(percent, ends), heights, strict=True))  # what looks alike once
        above = ABOVE if station == 1 else 0  # lines go on behind it
        parts += [draw_text(xs[station] + 8, y - above, text, size=10) for text, y in told.items()]
    return parts


def spread(heights: Sequence[float], top: float, bottom: float) -> list[float]:
    """Heights, the highest first, moved so far that no two names lie over one another.

    >>> spread([10, 12, 60], 0, 100)
    [10, 25, 60]
    """
    placed = list(heights)
    for i in range(1, len(placed)):
        placed[i] = max(placed[i], placed[i - 1] + APART)
    if placed and placed[-1] > bottom:
        placed[-1] = bottom
    for i in range(len(placed) - 2, -1, -1):
        placed[i] = min(placed[i], placed[i + 1] - APART)
    return [max(place, top) for place in placed]
