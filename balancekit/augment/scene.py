"""Scene: a picture and what lies on it, which moves along with its pixels."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from balancekit.augment.native import Picture
from balancekit.augment.pictures import as_picture
from balancekit.errors import OptionError

__all__ = ["Polygons", "Scene"]

Polygons = tuple[tuple[NDArray[np.float64], ...], ...]
"""For each instance its parts, each float64 [n_corners, 2] of x and y."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Scene:
    """A picture and its annotations.

    Places are x and y in pixels, float64: the left upper corner of the picture is (0, 0), its
    right lower corner (width, height), the centre of its first pixel (0.5, 0.5).

    Args:
        image: uint8, uint16, or float32 or float64 in [0, 1], [H, W] or [H, W, C]; or a
            picture of Pillow.
        mask: integers [H, W], or [H, W, M] for several masks; class indices, instance ids or
            0 and 1.
        boxes: float [n, 4] of x1, y1, x2, y2.
        polygons: for each of n instances its parts, each float [n_corners, 2].
        keypoints: float [n, K, 2]; NaN where a point is not labelled.
        instances: int64 [n]: which instance of the picture as it was read each row of boxes,
            polygons and keypoints is; counted from 0 if not given. A crop leaves rows out.

    Attributes:
        cut: instances of which operations have moved a pixel or more out of the picture.

    Raises:
        OptionError: the shapes do not belong together, or places are not finite or boxes
            turned inside out.

    >>> scene = Scene(image=np.zeros((4, 6), np.uint8), boxes=[[0, 0, 2, 2]])
    >>> scene.boxes.tolist(), scene.instances.tolist()
    ([[0.0, 0.0, 2.0, 2.0]], [0])
    """

    image: Picture
    mask: NDArray[Any] | None = None
    boxes: NDArray[np.float64] | None = None
    polygons: Polygons | None = None
    keypoints: NDArray[np.float64] | None = None
    instances: NDArray[np.int64] | None = None
    cut: frozenset[int] = frozenset()

    def __init__(
        self,
        *,
        image: object,
        mask: ArrayLike | None = None,
        boxes: ArrayLike | None = None,
        polygons: Any = None,
        keypoints: ArrayLike | None = None,
        instances: ArrayLike | None = None,
    ) -> None:
        picture = as_picture(image)
        self.__dict__.update(_NOTHING, image=picture)
        if mask is None and boxes is None and polygons is None and keypoints is None:
            return
        _set(self, "mask", None if mask is None else _checked_mask(mask, picture))
        _set(self, "boxes", _checked_boxes(_rows("boxes", boxes, (4,))))
        _set(self, "keypoints", _checked_keypoints(_rows("keypoints", keypoints, (None, 2))))
        _set(self, "polygons", None if polygons is None else _checked_polygons(polygons))
        n_rows = {len(rows) for rows in self._rows() if rows is not None}
        if len(n_rows) > 1:
            raise OptionError(
                "scene: expected boxes, polygons and keypoints of the same instances, got "
                f"{' and '.join(map(str, sorted(n_rows)))} of them."
            )
        if n_rows:
            (n,) = n_rows
            rows = np.arange(n) if instances is None else np.asarray(instances, np.int64)
            if rows.shape != (n,):
                raise OptionError(
                    f"instances: expected one number an instance, [{n}], got {list(rows.shape)}"
                )
            _set(self, "instances", rows)
        else:
            _set(self, "instances", None)

    @property
    def targets(self) -> frozenset[str]:
        """What lies on the picture: of mask, boxes, polygons and keypoints those that are there."""
        names = ("mask", "boxes", "polygons", "keypoints")
        return frozenset(name for name in names if getattr(self, name) is not None)

    def with_parts(self, **parts: Any) -> "Scene":
        """A scene with other parts, which are trusted to fit."""
        changed = object.__new__(Scene)
        changed.__dict__.update(self.__dict__, **parts)
        return changed

    def with_image(self, image: Picture) -> "Scene":
        """The scene with another picture of the same size, and all else as it is."""
        changed = object.__new__(Scene)
        changed.__dict__.update(self.__dict__, image=image)
        return changed

    @staticmethod
    def of_picture(image: Picture) -> "Scene":
        """A scene of a picture alone, which is trusted to be one that `as_picture` gives."""
        scene = object.__new__(Scene)
        scene.__dict__.update(_NOTHING, image=image)
        return scene

    def _rows(self) -> tuple[Any, ...]:
        return self.boxes, self.polygons, self.keypoints


# What lies on a picture that comes alone.
_NOTHING: dict[str, Any] = {
    **dict.fromkeys(("image", "mask", "boxes", "polygons", "keypoints", "instances")),
    "cut": frozenset(),
}


def _set(scene: Scene, name: str, value: Any) -> None:
    object.__setattr__(scene, name, value)


def _checked_mask(mask: ArrayLike, image: Picture) -> NDArray[Any]:
    array = np.asarray(mask)
    if array.dtype == bool:
        array = array.astype(np.uint8)
    if (
        array.ndim not in (2, 3)
        or array.shape[:2] != image.shape[:2]
        or array.dtype.kind not in "iu"
    ):
        raise OptionError(
            f"mask: expected integers [{image.shape[0]}, {image.shape[1]}] like the picture, or "
            f"several along a third axis, got {array.dtype} {list(array.shape)}"
        )
    return np.ascontiguousarray(array)


def _rows(
    where: str, values: ArrayLike | None, shape: tuple[int | None, ...]
) -> NDArray[np.float64] | None:
    if values is None:
        return None
    array = np.asarray(values, np.float64)
    if array.size == 0 and array.ndim == 1:
        array = array.reshape(0, *(size or 0 for size in shape))
    fits = array.ndim == 1 + len(shape) and all(
        wanted in (None, size) for wanted, size in zip(shape, array.shape[1:], strict=True)
    )
    if not fits:
        wanted = ", ".join("K" if size is None else str(size) for size in shape)
        raise OptionError(f"{where}: expected float [n, {wanted}], got {list(array.shape)}")
    return array


def _checked_boxes(boxes: NDArray[np.float64] | None) -> NDArray[np.float64] | None:
    if boxes is not None:
        is_finite = np.isfinite(boxes).all(axis=1)
        is_wrong = np.asarray(~is_finite | (boxes[:, 2:] < boxes[:, :2]).any(axis=1))
        if is_wrong.any():
            row = int(is_wrong.argmax())
            raise OptionError(
                f"boxes[{row}]: expected finite x1 ≤ x2 and y1 ≤ y2, got {boxes[row].tolist()}"
                f"{_and_others(is_wrong)}. Leave such rows out, or put them right."
            )
    return boxes


def _checked_keypoints(keypoints: NDArray[np.float64] | None) -> NDArray[np.float64] | None:
    if keypoints is not None and np.isinf(keypoints).any():
        raise OptionError("keypoints: expected places, or NaN where there is none, got infinity.")
    return keypoints


def _and_others(is_wrong: NDArray[np.bool_]) -> str:
    n_others = int(is_wrong.sum()) - 1
    return f", and {n_others} other such rows" if n_others else ""


def _checked_polygons(polygons: Any) -> Polygons:
    return tuple(
        tuple(_polygon(part, f"polygons[{row}][{place}]") for place, part in enumerate(parts))
        for row, parts in enumerate(polygons)
    )


def _polygon(part: Any, where: str) -> NDArray[np.float64]:
    corners = np.asarray(part, np.float64)
    if corners.ndim != 2 or corners.shape[1] != 2 or len(corners) < 3:
        raise OptionError(
            f"{where}: expected three corners or more, float [n, 2], got {list(corners.shape)}"
        )
    if not np.isfinite(corners).all():
        raise OptionError(f"{where}: expected finite corners, got {corners.tolist()}")
    return corners
