"""How what lies on a picture moves along with it: masks, boxes, polygons, keypoints.

Every motion that a backend gives a picture is told as a matrix over places, so that the
annotations of all backends are moved by the same few functions.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from balancekit.augment.native import Picture, remap, turn, warp
from balancekit.augment.scene import Polygons, Scene
from balancekit.errors import OptionError

__all__ = [
    "LEAST_AREA_SHARE",
    "NO_PAIRS",
    "Motion",
    "Pairs",
    "cut_to",
    "flip_motion",
    "move",
    "move_mask_by_places",
    "part_motion",
    "shrink_motion",
    "turn_motion",
    "warp_motion",
    "within_picture",
]

LEAST_AREA_SHARE = 0.3
"""Share of its area that a box must keep in one operation; with less, its row is dropped.

Source: judgement; below a third of an object people no longer agree on what it is.
"""

LEAST_SIDE_PX = 1.0

Matrix = NDArray[np.float64]
Mask = NDArray[Any]
Points = NDArray[np.float64]


@dataclass(frozen=True)
class Pairs:
    """What changes places in a mirror image: keypoints by their columns, classes by their ids."""

    keypoints: tuple[tuple[int, int], ...] = ()
    classes: tuple[tuple[int, int], ...] = ()


NO_PAIRS = Pairs()


@dataclass(frozen=True)
class Motion:
    """Where places go, and how a mask follows.

    Args:
        matrix: [2, 3]: (x, y, 1) of the old picture to x, y of the new one, as in `Scene`.
        move_mask: mask to mask, without new values.
    """

    matrix: Matrix
    move_mask: Callable[[Mask], Mask]

    @property
    def is_mirror(self) -> bool:
        """Whether left and right hands change."""
        (a, b), (c, d) = self.matrix[:, :2]
        return bool(a * d < b * c)

    @property
    def is_upright(self) -> bool:
        """Whether upright boxes stay upright."""
        (a, b), (c, d) = self.matrix[:, :2]
        return bool(b == c == 0 or a == d == 0)


STAY = Motion(np.eye(2, 3), lambda mask: mask)


# --- motions ---------------------------------------------------------------------------------


def flip_motion(
    shape: Sequence[int], *, horizontally: bool = False, vertically: bool = False
) -> Motion:
    """The motion of a flip of a picture of this shape."""
    height, width = shape[:2]
    x = (-1, 0, width) if horizontally else (1, 0, 0)
    y = (0, -1, height) if vertically else (0, 1, 0)
    rows = slice(None, None, -1 if vertically else 1)
    columns = slice(None, None, -1 if horizontally else 1)
    return Motion(_matrix(x, y), lambda mask: mask[rows, columns])


def turn_motion(shape: Sequence[int], n_quarters: int) -> Motion:
    """The motion of a turn counterclockwise by n_quarters · 90 degrees."""
    height, width = shape[:2]
    rows = {
        0: ((1, 0, 0), (0, 1, 0)),
        1: ((0, 1, 0), (-1, 0, width)),
        2: ((-1, 0, width), (0, -1, height)),
        3: ((0, -1, height), (1, 0, 0)),
    }
    return Motion(_matrix(*rows[n_quarters % 4]), lambda mask: turn(mask, n_quarters))


def part_motion(shape: Sequence[int], *, top: int, left: int, height: int, width: int) -> Motion:
    """The motion of a part of the picture, in pixels, that is enlarged to the whole."""
    x_scale, y_scale = shape[1] / width, shape[0] / height
    rows = top + _nearest(height, shape[0])
    columns = left + _nearest(width, shape[1])
    matrix = _matrix((x_scale, 0, -left * x_scale), (0, y_scale, -top * y_scale))
    return Motion(matrix, lambda mask: mask[rows[:, None], columns])


def shrink_motion(shape: Sequence[int], *, top: int, left: int, height: int, width: int) -> Motion:
    """The motion of the whole picture made to fit a part of it, in pixels."""

    def shrink(mask: Mask) -> Mask:
        result = np.empty_like(mask)
        result[:] = edge_value(mask)
        rows, columns = _nearest(shape[0], height), _nearest(shape[1], width)
        result[top : top + height, left : left + width] = mask[rows[:, None], columns]
        return result

    matrix = _matrix((width / shape[1], 0, left), (0, height / shape[0], top))
    return Motion(matrix, shrink)


def warp_motion(matrix: Matrix) -> Motion:
    """Any affine motion; what comes from outside the mask has the commonest value of its edge."""
    return Motion(
        matrix,
        lambda mask: _by_bytes(mask, lambda image, fill: warp(image, matrix, fill, nearest=True)),
    )


def move_mask_by_places(mask: Mask, places: Picture) -> Mask:
    """A mask whose pixels come from other places, x and y of each in float32 [H, W, 2]."""
    return _by_bytes(mask, lambda image, _: remap(image, places, nearest=True))


def edge_value(mask: Mask) -> Mask:
    """The commonest value on the edge of a mask, of each mask of several: what fills new places.

    >>> int(edge_value(np.array([[7, 7, 0], [7, 0, 0], [7, 7, 7]])))
    7
    """
    edge = np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]])
    columns = edge.reshape(len(edge), -1).T
    found = []
    for column in columns:
        values, counts = np.unique(column, return_counts=True)
        found.append(values[counts.argmax()])
    return np.array(found, mask.dtype).reshape(mask.shape[2:])


def _matrix(x: Sequence[float], y: Sequence[float]) -> Matrix:
    return np.array([x, y], np.float64)


def _nearest(n_old: int, n_new: int) -> NDArray[np.int64]:
    """For each of n_new pixels the one of n_old whose place is nearest to its centre."""
    return ((np.arange(n_new) + 0.5) * (n_old / n_new)).astype(np.int64)


def _by_bytes(mask: Mask, change: Callable[[Picture, Picture], Picture]) -> Mask:
    # OpenCV takes few types of integers; where no values are mixed, their bytes will do.
    mask = np.ascontiguousarray(mask)
    fill = np.ascontiguousarray(edge_value(mask)).reshape(-1).view(np.uint8)
    changed = change(mask.reshape(*mask.shape[:2], -1).view(np.uint8), fill)
    return np.ascontiguousarray(changed).view(mask.dtype).reshape(mask.shape)


# --- annotations -------------------------------------------------------------------------------


def move(scene: Scene, image: Picture, motion: Motion, pairs: Pairs = NO_PAIRS) -> Scene:
    """The scene whose picture has become `image` by a motion, with all else moved along.

    Boxes and polygons are clipped to the picture; rows whose box keeps less than
    LEAST_AREA_SHARE of its area or becomes narrower than a pixel are dropped, as are rows of
    which no polygon is left. Keypoints that leave the picture become NaN. Where a box is not
    upright any more it becomes the one around its polygons, or around its own corners where
    there are none; the latter is larger than its object (Kalra 2021). What lay outside the
    picture from the start does not come in: no pixels of it do.

    Args:
        scene: before the motion.
        image: the picture after it.
        motion: where places go.
        pairs: what changes places in a mirror image.
    """
    mask = scene.mask
    if mask is not None:
        mask = np.ascontiguousarray(motion.move_mask(mask))
        if motion.is_mirror and pairs.classes:
            mask = _with_classes_swapped(mask, pairs.classes)
    if scene.instances is None:
        return scene.with_parts(image=image, mask=mask)
    scene = within_picture(scene)
    return _rows_moved(scene, image, motion, pairs, LEAST_AREA_SHARE).with_parts(mask=mask)


def within_picture(scene: Scene) -> Scene:
    """The scene with what lies outside its picture cut off; rows wholly outside are dropped.

    >>> boxes = [[-2, 0, 2, 4], [6, 0, 9, 4]]
    >>> within_picture(Scene(image=np.zeros((4, 6), np.uint8), boxes=boxes)).boxes.tolist()
    [[0.0, 0.0, 2.0, 4.0]]
    """
    if not _reaches_out(scene):
        return scene
    within = _rows_moved(scene, scene.image, STAY, NO_PAIRS, least_area_share=0.0)
    return within.with_parts(cut=scene.cut)  # what lay outside from the start no operation cut


def cut_to(scene: Scene, image: Picture) -> Scene:
    """The scene of another picture on which all lies already, cut to it as by `move`."""
    return _rows_moved(scene, image, STAY, NO_PAIRS, LEAST_AREA_SHARE)


def _reaches_out(scene: Scene) -> bool:
    parts = [part for parts in scene.polygons or () for part in parts]
    rows = (scene.boxes, scene.keypoints, np.concatenate(parts) if parts else None)
    size = _size_of(scene.image)
    with np.errstate(invalid="ignore"):
        return any(
            bool(((points < 0) | (points > size)).any())
            for points in (row.reshape(-1, 2) for row in rows if row is not None)
        )


def _size_of(image: Picture) -> Points:
    return np.array([image.shape[1], image.shape[0]], np.float64)


def _rows_moved(
    scene: Scene, image: Picture, motion: Motion, pairs: Pairs, least_area_share: float
) -> Scene:
    """The scene with the new picture; boxes, polygons and keypoints moved and cut to it."""
    if scene.instances is None:
        return scene.with_parts(image=image)
    size = _size_of(image)
    polygons = boxes = keypoints = None
    kept = np.ones(len(scene.instances), bool)
    cut = scene.cut
    if scene.polygons is not None:
        polygons = tuple(_moved_parts(parts, motion.matrix, size) for parts in scene.polygons)
        # A row without parts had none to lose; what becomes of it, its box decides.
        pairs_of_parts = zip(polygons, scene.polygons, strict=True)
        kept &= np.array([bool(now) or not old for now, old in pairs_of_parts], bool)
    if scene.boxes is not None:
        boxes, still_there, is_cut = _moved_boxes(scene, polygons, motion, size, least_area_share)
        kept &= still_there
        if is_cut.any():
            cut = cut.union(scene.instances[is_cut].tolist())
    if scene.keypoints is not None:
        keypoints = _moved_keypoints(scene.keypoints, motion, size, pairs)
    return scene.with_parts(
        image=image,
        boxes=None if boxes is None else boxes[kept],
        polygons=None if polygons is None else tuple(polygons[row] for row in np.flatnonzero(kept)),
        keypoints=None if keypoints is None else keypoints[kept],
        instances=scene.instances[kept],
        cut=cut,
    )


def _moved(points: Points, matrix: Matrix) -> Points:
    moved: Points = points @ matrix[:, :2].T + matrix[:, 2]
    return moved


def _moved_keypoints(keypoints: Points, motion: Motion, size: Points, pairs: Pairs) -> Points:
    moved = _moved(keypoints, motion.matrix)
    with np.errstate(invalid="ignore"):
        is_outside = ~((moved >= 0) & (moved <= size)).all(axis=-1)
    moved[is_outside] = np.nan
    if motion.is_mirror and pairs.keypoints and len(moved):
        n_keypoints = moved.shape[1]
        if max(map(max, pairs.keypoints)) >= n_keypoints:
            raise OptionError(
                f"keypoint_pairs: expected columns of {n_keypoints} keypoints, below that "
                f"number, got {pairs.keypoints}"
            )
        order = np.arange(n_keypoints)
        for one, other in pairs.keypoints:
            order[[one, other]] = order[[other, one]]
        moved = moved[:, order]
    return moved


def _moved_boxes(
    scene: Scene,
    polygons: Polygons | None,
    motion: Motion,
    size: Points,
    least_area_share: float,
) -> tuple[Points, NDArray[np.bool_], NDArray[np.bool_]]:
    """Boxes after the motion, [n, 4]; which are still worth keeping, which were cut, [n]."""
    assert scene.boxes is not None
    corners = scene.boxes[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 4, 2)
    moved = _moved(corners, motion.matrix)
    whole = np.concatenate([moved.min(axis=1), moved.max(axis=1)], axis=1)
    boxes = np.clip(whole, 0, np.tile(size, 2))
    is_cut = (np.abs(whole - boxes) >= LEAST_SIDE_PX).any(axis=1)
    area_before, area = _areas(whole), _areas(boxes)
    if polygons is not None and scene.polygons is not None and not motion.is_upright:
        growth = abs(np.linalg.det(motion.matrix[:, :2]))
        for row, (parts, old) in enumerate(zip(polygons, scene.polygons, strict=True)):
            if parts:
                points = np.concatenate(parts)
                boxes[row] = [*points.min(axis=0), *points.max(axis=0)]
                area[row] = sum(map(_polygon_area, parts))
                area_before[row] = growth * sum(map(_polygon_area, old))
    side_before = (scene.boxes[:, 2:] - scene.boxes[:, :2]).min(axis=1)
    side = (boxes[:, 2:] - boxes[:, :2]).min(axis=1)
    # What was as narrow before, such as a drawn line, is the data's own affair.
    is_too_narrow = (side < LEAST_SIDE_PX) & (side < side_before)
    return boxes, (area >= least_area_share * area_before) & ~is_too_narrow, is_cut


def _areas(boxes: Points) -> Points:
    areas: Points = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    return areas


def _moved_parts(
    parts: Sequence[Points], matrix: Matrix, size: Points
) -> tuple[NDArray[np.float64], ...]:
    clipped = (_clipped(_moved(part, matrix), size) for part in parts)
    return tuple(part for part in clipped if len(part) >= 3 and _polygon_area(part) > 0)


def _clipped(polygon: Points, size: Points) -> Points:
    """The part of a polygon within the picture. Source: Sutherland and Hodgman 1974."""
    for axis in (0, 1):
        for sign, bound in ((1.0, 0.0), (-1.0, -float(size[axis]))):
            depth = sign * polygon[:, axis] - bound  # of each corner, inside the bound
            if (depth >= 0).all():
                continue
            polygon = _cut(polygon, depth)
            if len(polygon) == 0:
                return polygon
    # The cut places are exact but for rounding.
    clipped: Points = np.clip(polygon, 0, size)
    return clipped


def _cut(polygon: Points, depth: NDArray[np.float64]) -> Points:
    corners = []
    for i in range(len(polygon)):
        if (depth[i - 1] >= 0) != (depth[i] >= 0):
            share = depth[i - 1] / (depth[i - 1] - depth[i])
            corners.append(polygon[i - 1] + share * (polygon[i] - polygon[i - 1]))
        if depth[i] >= 0:
            corners.append(polygon[i])
    return np.array(corners, np.float64).reshape(-1, 2)


def _polygon_area(polygon: Points) -> float:
    x, y = polygon.T
    return abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1))) / 2


def _with_classes_swapped(mask: Mask, pairs: tuple[tuple[int, int], ...]) -> Mask:
    result = mask.copy()
    for one, other in pairs:
        result[mask == one] = other
        result[mask == other] = one
    return result
