"""Transforms of albumentations that draw their numbers, or fill new places, as operations say.

They are classes of classes that are only there once the library is loaded, so they are made
in a function.
"""

import functools
import math
from typing import Any

import numpy as np

from balancekit.augment.adapters import load_albumentations
from balancekit.augment.backends.native import hole_size
from balancekit.augment.native import (
    Picture,
    as_dtype,
    change_hue,
    edge_colour,
    full_range,
    remap,
    warp_from_centre,
)
from balancekit.augment.opencv import load_cv2
from balancekit.plan.operations import Operation, QuarterTurn, RandomCrop, RandomResize

__all__ = ["own_transform"]

Params = dict[str, Any]

COARSENESS = 6
"""Bumps along the shorter side of an elastic deformation. Source: Simard 2003, 4 px of 28."""


def own_transform(name: str, operation: Operation, **options: Any) -> Any:
    """A transform made for an operation, with its probability.

    Args:
        name: Turn, Warp, Deform, TurnHue or Erase.
        operation: what the transform reads its limits from.
        options: for the class of albumentations that it is derived from.
    """
    transform = _classes()[name](p=operation.probability, **options)
    transform.operation = operation
    return transform


@functools.cache
def _classes() -> dict[str, Any]:
    return {kind.__name__: kind for kind in (*_motions(), *_changes())}


def _motions() -> tuple[Any, ...]:
    """Classes of what moves pixels."""
    library = load_albumentations()

    class Turn(library.RandomRotate90):  # type: ignore[misc,name-defined]  # no types
        """Half a turn; quarter turns of square pictures."""

        def get_params(self) -> Params:
            return {}

        def get_params_dependent_on_data(self, params: Params, data: Params) -> Params:
            height, width = params["shape"][:2]
            is_free = isinstance(self.operation, QuarterTurn) and height == width
            return {"factor": self.py_random.randint(1, 3) if is_free else 2}

    class Warp(library.Affine):  # type: ignore[misc,name-defined]
        """Crops, other scales and small rotations, on the median colour of the edge."""

        def get_params_dependent_on_data(self, params: Params, data: Params) -> Params:
            matrix = _drawn_matrix(self.operation, params["shape"], self.py_random)
            return {"matrix": matrix, "output_shape": params["shape"][:2]}

        def apply(self, img: Picture, **params: Any) -> Picture:
            # Not by the method of the library, which takes a third longer for the same pixels.
            matrix = params["matrix"]
            fill = edge_colour(img)
            return warp_from_centre(img, matrix[:2], fill, repeats_edge=_is_part(matrix))

    class Deform(library.ElasticTransform):  # type: ignore[misc,name-defined]
        """Smooth shifts whose size follows that of the picture."""

        def get_params_dependent_on_data(self, params: Params, data: Params) -> Params:
            shape = params["shape"][:2]
            side_px = min(shape)
            std_px = self.py_random.uniform(0, self.operation.max_shift_share) * side_px
            return {"places": _shifted_places(shape, std_px, self.random_generator)}

        def apply(self, img: Picture, **params: Any) -> Picture:
            return remap(img, params["places"])

    return Turn, Warp, Deform


def _changes() -> tuple[Any, ...]:
    """Classes of what changes pixels where they are."""
    library = load_albumentations()

    class TurnHue(library.ColorJitter):  # type: ignore[misc,name-defined]  # no types
        """Another hue in RGB pictures of any type; others stay as they are."""

        def apply(self, img: Picture, **params: Any) -> Picture:
            if img.ndim == 2 or img.shape[2] != 3:
                return img
            if img.dtype == np.uint8:
                # Not by the method of the library, which takes longer for the same pixels. To
                # HSV and back, a picture whose hue stays would lose a little.
                return change_hue(img, params["hue"]) if params["hue"] else img
            full = full_range(img.dtype)
            # float32 gives every 16-bit value back exactly.
            changed: Picture = super().apply((img / full).astype(np.float32), **params)
            return as_dtype(changed * full, img.dtype)

    class Erase(library.CoarseDropout):  # type: ignore[misc,name-defined]
        """One rectangle, filled with the median colour of the edge."""

        def get_params_dependent_on_data(self, params: Params, data: Params) -> Params:
            height, width = params["shape"][:2]
            share = self.py_random.uniform(0, self.operation.max_area_share)
            rows, columns = hole_size(height, width, share, self.random_generator)
            top = self.py_random.randint(0, height - rows)
            left = self.py_random.randint(0, width - columns)
            return {"hole": (slice(top, top + rows), slice(left, left + columns))}

        def apply(self, img: Picture, **params: Any) -> Picture:
            result = img.copy()
            result[params["hole"]] = edge_colour(img)
            return result

    return TurnHue, Erase


def _drawn_matrix(operation: Any, shape: tuple[int, ...], rng: Any) -> Picture:
    """Places of the old picture to those of the new one, the first pixel at (0, 0), [3, 3]."""
    height, width = shape[:2]
    if isinstance(operation, RandomCrop | RandomResize):
        if isinstance(operation, RandomCrop):
            scale = rng.uniform(operation.min_area_share, 1) ** -0.5
        else:
            scale = math.exp(
                rng.uniform(math.log(operation.min_scale), math.log(operation.max_scale))
            )
        x, y = rng.uniform(0, 1) * width * (1 - scale), rng.uniform(0, 1) * height * (1 - scale)
        matrix = np.array([[scale, 0, x], [0, scale, y], [0, 0, 1]])
    else:
        degrees = rng.uniform(-operation.max_degrees, operation.max_degrees)
        cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
        matrix = np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1]])
        centre = np.array([width / 2, height / 2])
        matrix[:2, 2] = centre - matrix[:2, :2] @ centre
    matrix[:2, 2] += matrix[:2, :2] @ (0.5, 0.5) - 0.5
    return matrix


def _is_part(matrix: Picture) -> bool:
    """Whether the new picture is a part of the old one, so that nothing has to be filled in."""
    return bool(matrix[0, 1] == 0 and matrix[0, 0] >= 1)


def _shifted_places(shape: tuple[int, int], std_px: float, rng: np.random.Generator) -> Picture:
    """Places x and y of the pixels, float32 [H, W, 2], after smooth shifts of this deviation."""
    cv2 = load_cv2()
    height, width = shape
    cell_px = min(shape) / COARSENESS
    rows, columns = (math.ceil(side / cell_px) for side in shape)
    coarse = rng.standard_normal((2, rows, columns), dtype=np.float32).transpose(1, 2, 0)
    # Both at once, for which OpenCV takes a sixth of the time that it takes for one.
    places: Picture = cv2.resize(
        np.ascontiguousarray(coarse), (width, height), interpolation=cv2.INTER_CUBIC
    )
    stds = cv2.meanStdDev(places)[1].ravel()
    # x and y in turn along a row: NumPy is slow over short last axes.
    in_rows = places.reshape(height, 2 * width)
    in_rows *= np.tile((std_px / np.maximum(stds, 1e-6)).astype(np.float32), width)
    in_rows[:, ::2] += np.arange(width, dtype=np.float32)
    in_rows[:, 1::2] += np.arange(height, dtype=np.float32)[:, None]
    return places
