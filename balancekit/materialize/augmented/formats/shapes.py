"""Boxes and polygons within a picture: cut at its edge, measured, joined."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["Box", "Polygon", "area_of", "box_within", "joined", "parts_within", "surrounding_box"]

Box = tuple[float, float, float, float]
"""x1, y1, x2, y2 in px."""

Polygon = NDArray[np.float64]
"""float [n_corners, 2] of x and y in px."""

LEAST_PX = 1e-6
"""Below this a width, height or area is the rounding of nothing."""


def box_within(box: NDArray[np.float64] | Box, size_px: tuple[int, int]) -> Box | None:
    """The part of a box that lies in a picture of (width, height); None if none does.

    >>> box_within((-2, 1, 3, 9), (8, 4)), box_within((9, 1, 12, 2), (8, 4))
    ((0.0, 1.0, 3.0, 4.0), None)
    """
    width, height = size_px
    x1, x2 = (min(max(float(box[i]), 0.0), float(width)) for i in (0, 2))
    y1, y2 = (min(max(float(box[i]), 0.0), float(height)) for i in (1, 3))
    if not (x2 - x1 > LEAST_PX and y2 - y1 > LEAST_PX):  # nor is NaN
        return None
    return x1, y1, x2, y2


def surrounding_box(parts: Sequence[Polygon]) -> Box:
    """The least box around polygons."""
    corners = np.concatenate(list(parts))
    (x1, y1), (x2, y2) = corners.min(axis=0).tolist(), corners.max(axis=0).tolist()
    return x1, y1, x2, y2


def area_of(polygon: Polygon) -> float:
    """Area in px², by the shoelace formula.

    >>> area_of(np.array([[0.0, 0], [4, 0], [4, 3]]))
    6.0
    """
    x, y = polygon.T
    return float(abs(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2)


def parts_within(parts: Sequence[Polygon], size_px: tuple[int, int]) -> list[Polygon]:
    """Polygons cut at the edge of a picture of (width, height); those outside of it are gone.

    A polygon that lies inside comes back as it is. One that leaves the picture and comes back
    stays one, joined along the edge.

    Source: Sutherland and Hodgman, Reentrant Polygon Clipping, 1974.
    """
    width, height = size_px
    found = []
    for part in parts:
        inside = part
        for axis, bound, sign in ((0, 0, 1), (0, width, -1), (1, 0, 1), (1, height, -1)):
            inside = _cut(inside, axis, bound, sign)
        if len(inside) >= 3 and area_of(inside) > LEAST_PX:
            found.append(inside)
    return found


def joined(parts: Sequence[Polygon]) -> Polygon:
    """One polygon of several, joined by lines without width from each to the nearest corner.

    For formats that know one polygon an object. Its area is that of all parts.
    """
    result = parts[0]
    for part in parts[1:]:
        gaps = np.square(result[:, None] - part[None]).sum(axis=2)  # [n_corners, n_of_part]
        i, j = np.unravel_index(int(gaps.argmin()), gaps.shape)
        if _is_clockwise(result) != _is_clockwise(part):  # else the areas would be subtracted
            part, j = part[::-1], len(part) - 1 - j
        around = np.concatenate([part[j:], part[: j + 1]])
        result = np.concatenate([result[: i + 1], around, result[i:]])
    return result


def _is_clockwise(polygon: Polygon) -> bool:
    """Whether the corners go clockwise, as y points down."""
    x, y = polygon.T
    return bool(x @ np.roll(y, -1) - y @ np.roll(x, -1) > 0)


def _cut(polygon: Polygon, axis: int, bound: float, sign: int) -> Polygon:
    """The part of a polygon on the inner side of a line: where sign · (value - bound) ≥ 0."""
    if not len(polygon):
        return polygon
    distance = sign * (polygon[:, axis] - bound)  # [n_corners]
    if (distance >= 0).all():
        return polygon
    corners = []
    for i in range(len(polygon)):
        before, here = distance[i - 1], distance[i]
        if (before >= 0) != (here >= 0):
            crossing = polygon[i - 1] + (polygon[i] - polygon[i - 1]) * (before / (before - here))
            crossing[axis] = bound
            corners.append(crossing)
        if here >= 0:
            corners.append(polygon[i])
    return np.array(corners, np.float64).reshape(-1, 2)
