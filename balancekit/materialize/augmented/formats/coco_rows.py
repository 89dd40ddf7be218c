"""Annotations of COCO as rows of a scene, and rows as annotations again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from balancekit.augment.native import Picture
from balancekit.augment.scene import Scene
from balancekit.errors import DataError
from balancekit.materialize.augmented.formats.run_lengths import mask_of_runs, runs_of_mask
from balancekit.materialize.augmented.formats.shapes import (
    Box,
    Polygon,
    area_of,
    box_within,
    parts_within,
    surrounding_box,
)
from balancekit.sources.coco_json import annotation_of_fields

__all__ = ["Carried", "CocoRow", "annotation_of_row", "row_of_annotation", "scene_of_rows"]

DIGITS = 2
"""Behind the point, as in COCO's own files: a hundredth of a pixel."""

HALF_PIXEL = 0.5
"""COCO's key points are numbers of pixels, whose middle lies half a pixel further; its boxes
and polygons lie between pixels. Source: detectron2, data/detection_utils.py, 2019."""

GEOMETRY = ("id", "image_id", "category_id", "bbox", "area", "segmentation", "keypoints")
OPPOSITE = {"left": "right", "right": "left"}


class Carried(NamedTuple):
    """What an annotation keeps when it moves.

    Attributes:
        fields: iscrowd, attributes, and what else the file says that is no geometry.
        shape: what tells its box: that alone, polygons, or a mask.
        layer: which layer of the scene's mask it is; -1 if none.
        as_text: whether the counts of the mask are text.
        visibility: v of each key point; None if it has none.
    """

    fields: Mapping[str, Any]
    shape: Literal["box", "polygons", "mask"]
    layer: int = -1
    as_text: bool = False
    visibility: tuple[int, ...] | None = None


@dataclass(frozen=True)
class CocoRow:
    """An annotation that can be counted.

    Attributes:
        key: tells it from others of its picture; those with the same are the same. Empty if
            it has no box by which the reader would tell.
    """

    class_id: int
    box: Box
    carried: Carried
    parts: tuple[Polygon, ...] = ()
    mask: NDArray[np.uint8] | None = None
    points: NDArray[np.float64] | None = None
    key: str = ""


def row_of_annotation(
    fields: Mapping[str, Any], class_id: int | None, shape: tuple[int, ...]
) -> CocoRow | str:
    """The row of an annotation, or in words why the reader leaves it out.

    Args:
        fields: as the file has them.
        class_id: of its category; None if there is none such.
        shape: height and width of the picture.
    """
    known = annotation_of_fields(dict(fields))
    if known.fault or class_id is None:
        return known.fault or f"category {known.category_id} is not declared"
    try:
        parts, mask = _segmentation(fields.get("segmentation"), shape)
        points, visibility = _points(fields.get("keypoints"))
    except DataError as error:
        return str(error)
    if known.bbox is not None:
        x, y, width, height = known.bbox.x, known.bbox.y, known.bbox.width, known.bbox.height
        box: Box | None = (x, y, x + width, y + height)
        if not (width > 0 and height > 0 and x + width > 0 and y + height > 0):
            return f"box {list(fields['bbox'])} shows nothing of the picture"
    else:
        box = surrounding_box(parts) if parts else _box_of_mask(mask)
    if box is None or box[0] >= shape[1] or box[1] >= shape[0]:
        return "it shows nothing of the picture"
    counts = fields["segmentation"]["counts"] if mask is not None else None
    carried = Carried(
        fields={name: value for name, value in fields.items() if name not in GEOMETRY},
        shape="mask" if mask is not None else "polygons" if parts else "box",
        as_text=isinstance(counts, str),
        visibility=visibility,
    )
    told = [class_id, box, known.area, bool(known.iscrowd)]
    key = "" if known.bbox is None else msgspec.json.encode(told).decode()
    return CocoRow(class_id, box, carried, tuple(parts), mask, points, key)


def scene_of_rows(image: Picture, rows: Sequence[CocoRow]) -> tuple[Scene, tuple[Carried, ...]]:
    """The scene of a picture: boxes, and whatever else any of the rows has; and what they carry."""
    layers: list[NDArray[np.uint8]] = []
    carried = []
    for row in rows:
        carried.append(row.carried._replace(layer=-1 if row.mask is None else len(layers)))
        if row.mask is not None:
            layers.append(row.mask)
    n_points = max((len(row.points) for row in rows if row.points is not None), default=0)
    points = np.full((len(rows), n_points, 2), np.nan)
    for i, row in enumerate(rows):
        if row.points is not None:
            points[i, : len(row.points)] = row.points
    scene = Scene(
        image=image,
        mask=np.stack(layers, axis=2) if layers else None,
        boxes=np.array([row.box for row in rows], np.float64).reshape(-1, 4),
        polygons=[row.parts for row in rows] if any(row.parts for row in rows) else None,
        keypoints=points if n_points else None,
    )
    return scene, tuple(carried)


def annotation_of_row(
    scene: Scene, row: int, carried: Carried, point_names: Sequence[str]
) -> dict[str, Any] | None:
    """The fields of an annotation, but for its ids; None if nothing of it is in the picture."""
    height, width = scene.image.shape[:2]
    told: dict[str, Any] = dict(carried.fields)
    assert scene.boxes is not None
    if carried.shape == "mask":
        assert scene.mask is not None
        mask = scene.mask[..., carried.layer]
        box = _box_of_mask(mask)
        area = float(np.count_nonzero(mask))
        told["segmentation"] = runs_of_mask(mask, as_text=carried.as_text)
    elif carried.shape == "polygons":
        assert scene.polygons is not None
        parts = parts_within(scene.polygons[row], (width, height))
        box = surrounding_box(parts) if parts else None
        area = sum(map(area_of, parts))
        told["segmentation"] = [_rounded(part.ravel()) for part in parts]
    else:
        box = box_within(scene.boxes[row], (width, height))
        area = 0.0 if box is None else (box[2] - box[0]) * (box[3] - box[1])
    if box is None:
        return None
    x1, y1, x2, y2 = box
    told["bbox"] = _rounded([x1, y1, x2 - x1, y2 - y1])
    told["area"] = round(area, DIGITS)
    if carried.visibility is not None:
        assert scene.keypoints is not None
        numbers = _numbers_of_points(
            scene.keypoints[row], carried.visibility, point_names, (width, height)
        )
        told["keypoints"] = numbers
        told["num_keypoints"] = sum(v > 0 for v in numbers[2::3])
    return told


def _segmentation(
    stored: Any, shape: tuple[int, ...]
) -> tuple[list[Polygon], NDArray[np.uint8] | None]:
    """Polygons or the mask of an annotation; neither if only its box is told.

    Raises:
        DataError: its mask is malformed, or of another size than the picture.
    """
    if isinstance(stored, dict):
        mask = mask_of_runs(stored)
        if mask.shape != shape[:2]:
            size = f"{mask.shape[1]} × {mask.shape[0]}"
            raise DataError(f"its mask is {size} px, the picture {shape[1]} × {shape[0]}")
        return [], mask
    parts = stored if isinstance(stored, list) else []
    if parts and all(isinstance(one, int | float) for one in parts):  # not put in a list
        parts = [parts]
    polygons = []
    for part in parts:
        try:
            corners = np.array(part, np.float64)
        except (TypeError, ValueError):
            continue
        is_even = corners.ndim == 1 and len(corners) >= 6 and not len(corners) % 2
        if is_even and np.isfinite(corners).all():
            polygons.append(corners.reshape(-1, 2))
    return polygons, None


def _points(stored: Any) -> tuple[NDArray[np.float64] | None, tuple[int, ...] | None]:
    """Places of key points, NaN where one is not labelled, and v of each.

    Raises:
        DataError: they are not x, y, v of each.
    """
    if not isinstance(stored, list):
        return None, None
    try:
        numbers = np.array(stored, np.float64).reshape(-1, 3)
    except (TypeError, ValueError):
        raise DataError("key points are not x, y, v") from None
    places = numbers[:, :2] + HALF_PIXEL
    places[~(numbers[:, 2] > 0)] = np.nan
    return places, tuple(int(v) if v > 0 else 0 for v in numbers[:, 2].tolist())


def _numbers_of_points(
    places: NDArray[np.float64],
    visibility: Sequence[int],
    names: Sequence[str],
    size_px: tuple[int, int],
) -> list[float]:
    """x, y, v of each key point; three times 0 for one that is not in the picture."""
    numbers: list[float] = []
    for i, v in enumerate(visibility):
        place = places[i]
        if not ((place >= 0) & (place <= size_px)).all():  # nor is NaN
            numbers += [0, 0, 0]
            continue
        # After a swap of left and right, what stands here is the other point.
        told = v or visibility[_opposite(i, names)] or 2
        numbers += [*_rounded(place - HALF_PIXEL), told]
    return numbers


def _opposite(i: int, names: Sequence[str]) -> int:
    """The key point on the other side, by its name; the same if there is none."""
    name = names[i].lower() if i < len(names) else ""
    for side, other in OPPOSITE.items():
        for j, candidate in enumerate(names):
            if side in name and name.replace(side, other) == candidate.lower():
                return j
    return i


def _box_of_mask(mask: NDArray[Any] | None) -> Box | None:
    if mask is None or not mask.any():
        return None
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)


def _rounded(values: Any) -> list[float]:
    """Numbers as JSON has them, whole ones without a point."""
    rounded = [round(float(value), DIGITS) for value in values]
    return [int(value) if value.is_integer() else value for value in rounded]
