"""What lies on a picture, handed to the augmenters of other libraries and taken back."""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from balancekit.augment.adapters.steps import rule_of, step_name, steps_of
from balancekit.augment.moving import NO_PAIRS, Pairs, cut_to
from balancekit.augment.pictures import as_picture
from balancekit.augment.scene import Polygons, Scene
from balancekit.errors import BalancekitWarning, OptionError

__all__ = [
    "all_points",
    "contiguous",
    "mask_for_opencv",
    "misplaced_keypoints",
    "refuse_annotations",
    "scene_after",
    "warn_of_misplaced_keypoints",
]

Points = NDArray[np.float64]

# float32 holds every integer up to here; OpenCV takes no 32-bit integers.
LARGEST_IN_FLOAT32 = 2**24


def contiguous(result: Any) -> Any:
    """An array without gaps, also for a picture of Pillow; tensors as they are.

    Raises:
        OptionError: it is none of these.
    """
    if isinstance(result, np.ndarray):
        # Libraries give flipped views, which torch.from_numpy refuses.
        return np.ascontiguousarray(result)
    modules = {kind.__module__.partition(".")[0] for kind in type(result).__mro__}
    if "torch" in modules:
        return result
    if "PIL" in modules:
        return as_picture(result)
    raise OptionError(
        f"augmenter: expected it to return a picture, got {type(result).__name__}. Return an "
        "array, a Pillow picture or a tensor."
    )


def all_points(scene: Scene, pairs: Pairs = NO_PAIRS) -> Points | None:
    """The keypoints that are labelled, then the corners of the polygons, float64 [n, 2].

    Where something changes places in a mirror image, three corners of the picture come last,
    which tell whether it has been mirrored.

    >>> scene = Scene(image=np.zeros((4, 4), np.uint8), keypoints=[[[1, 2], [np.nan, np.nan]]])
    >>> all_points(scene).tolist()
    [[1.0, 2.0]]
    """
    if scene.keypoints is None and scene.polygons is None and pairs == NO_PAIRS:
        return None
    points = [] if scene.keypoints is None else [scene.keypoints[_is_labelled(scene.keypoints)]]
    points += [part for parts in scene.polygons or () for part in parts]
    if pairs != NO_PAIRS:
        height, width = scene.image.shape[:2]
        points.append(np.array([(0, 0), (width, 0), (0, height)], np.float64))
    return np.concatenate([np.empty((0, 2)), *points])


def mask_for_opencv(mask: NDArray[Any]) -> NDArray[Any]:
    """The mask in a type that OpenCV takes, with the same values.

    Raises:
        OptionError: it has values that none of these types holds.
    """
    if mask.dtype in (np.uint8, np.int16, np.uint16):
        return mask
    low, high = int(mask.min()), int(mask.max())
    for dtype in (np.uint8, np.int16, np.uint16):
        if np.iinfo(dtype).min <= low and high <= np.iinfo(dtype).max:
            return mask.astype(dtype)
    if max(-low, high) > LARGEST_IN_FLOAT32:
        raise OptionError(
            f"mask: expected values up to {LARGEST_IN_FLOAT32} for an augmenter of another "
            f"library, got {low} to {high}. Number the instances from 1."
        )
    return mask.astype(np.float32)


def scene_after(
    scene: Scene,
    image: Any,
    *,
    mask: Any,
    boxes: Points | None,
    rows: NDArray[np.int64] | None,
    points: Points | None,
    pairs: Pairs = NO_PAIRS,
) -> Scene:
    """The scene with what has come back; what has left the picture is cut off or dropped.

    Args:
        scene: before the augmenter.
        image: after it.
        mask: after it, of any dtype.
        boxes: float64 [m, 4], those that are left.
        rows: int64 [m], which rows of the scene they were.
        points: as given by `all_points`, moved.
        pairs: what changes places in a mirror image, as given to `all_points`.
    """
    parts: dict[str, Any] = {}
    if scene.mask is not None:
        parts["mask"] = np.ascontiguousarray(np.asarray(mask)).astype(scene.mask.dtype)
    if points is not None:
        parts |= _taken_apart(scene, points)
    moved = scene.with_parts(**parts)
    if points is not None and pairs != NO_PAIRS and _is_mirrored(points[-3:]):
        moved = _swapped(moved, pairs)
    if rows is not None:
        moved = _with_rows(moved, rows).with_parts(boxes=boxes)
    # A tensor has its channels first; what is dropped depends on height and width alone.
    size = image.shape[:2] if isinstance(image, np.ndarray) else image.shape[-2:]
    return cut_to(moved, np.empty(size, np.uint8)).with_parts(image=image)


def misplaced_keypoints(augmenter: Any) -> str:
    """The steps known to put keypoints beside their places, and how far; nothing if none is."""
    rules = {step_name(step): rule_of(step) for step in steps_of(augmenter)}
    wrong = (f"{name}: {rule.keypoints}" for name, rule in rules.items() if rule and rule.keypoints)
    return "; ".join(wrong)


def warn_of_misplaced_keypoints(misplaced: str, scene: Scene) -> None:
    """Warn where keypoints or corners of polygons meet the steps of `misplaced_keypoints`."""
    if misplaced and scene.targets & {"keypoints", "polygons"}:
        warnings.warn(
            f"keypoints do not move with the picture in {misplaced}. Leave these steps out.",
            BalancekitWarning,
            stacklevel=2,
        )


def refuse_annotations(scene: Scene, augmenter: object) -> None:
    """Refuse a scene whose annotations would stay where they are.

    Raises:
        OptionError: there is a mask, a box, a polygon or a keypoint.
    """
    if scene.targets:
        raise OptionError(
            f"scene: expected a picture alone for {augmenter!r}, got one with "
            f"{', '.join(sorted(scene.targets))}, which would not move with it. Use an augmenter "
            "of albumentations or imgaug, or AugmentationPolicy.for_task."
        )


def _is_labelled(keypoints: Points) -> NDArray[np.bool_]:
    return np.asarray(np.isfinite(keypoints).all(axis=-1))


def _is_mirrored(corners: Points) -> bool:
    (a, b), (c, d) = corners[1] - corners[0], corners[2] - corners[0]
    return bool(a * d < b * c)


def _swapped(scene: Scene, pairs: Pairs) -> Scene:
    """The scene with the keypoints and the classes of each pair exchanged."""
    keypoints, mask = scene.keypoints, scene.mask
    if keypoints is not None:
        order = np.arange(keypoints.shape[1])
        for one, other in pairs.keypoints:
            order[[one, other]] = other, one
        keypoints = keypoints[:, order]
    if mask is not None:
        before, mask = mask, mask.copy()
        for one, other in pairs.classes:
            mask[before == one] = other
            mask[before == other] = one
    return scene.with_parts(keypoints=keypoints, mask=mask)


def _taken_apart(scene: Scene, points: Points) -> dict[str, Any]:
    parts: dict[str, Any] = {}
    start = 0
    if scene.keypoints is not None:
        labelled = _is_labelled(scene.keypoints)
        keypoints = np.full_like(scene.keypoints, np.nan)
        start = int(labelled.sum())
        keypoints[labelled] = points[:start]
        parts["keypoints"] = keypoints
    if scene.polygons is not None:
        parts["polygons"] = _polygons_of(scene.polygons, points[start:])
    return parts


def _polygons_of(before: Polygons, corners: Points) -> Polygons:
    ends = np.cumsum([len(part) for parts in before for part in parts])
    pieces = iter(np.split(corners, ends))
    return tuple(tuple(next(pieces) for _ in parts) for parts in before)


def _with_rows(scene: Scene, rows: Sequence[int] | NDArray[np.int64]) -> Scene:
    polygons, keypoints, instances = scene.polygons, scene.keypoints, scene.instances
    return scene.with_parts(
        polygons=None if polygons is None else tuple(polygons[row] for row in rows),
        keypoints=None if keypoints is None else keypoints[rows],
        instances=None if instances is None else instances[rows],
    )
