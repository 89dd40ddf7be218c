"""The operations carried out by albumentations 2.0.x, with its known faults kept out.

The library changes the picture; what lies on it is moved by balancekit, from the numbers
that each transform has drawn. So neither the half pixel between its keypoints and its boxes
nor its wrong keypoints under deformation come through.
"""

import random
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np

from balancekit.augment.adapters import load_albumentations
from balancekit.augment.backends.own_transforms import own_transform
from balancekit.augment.moving import (
    Motion,
    Pairs,
    flip_motion,
    move,
    move_mask_by_maps,
    turn_motion,
    warp_motion,
)
from balancekit.augment.scene import Scene
from balancekit.plan.operations import (
    Blur,
    BothFlips,
    Brightness,
    Contrast,
    Cutout,
    Elastic,
    GaussianNoise,
    HorizontalFlip,
    Hue,
    Operation,
    QuarterTurn,
    RandomCrop,
    RandomResize,
    Saturation,
    SmallRotation,
    VerticalFlip,
)

__all__ = ["AlbumentationsSteps", "transform_of"]


class AlbumentationsSteps:
    """Operations one after the other, reseeded for every sample; each throws its own coin.

    The pictures are those of a Compose of the same transforms whose `set_random_state` is
    called for every sample. Compose itself would check shapes and annotations on top, and
    with `Compose(seed=…)` all transforms would draw the same numbers.

    Args:
        operations: in the order in which they are carried out.
        pairs: what changes places in mirror images.

    Raises:
        MissingLibraryError: albumentations is not installed.
    """

    def __init__(self, operations: Sequence[Operation], pairs: Pairs) -> None:
        self.transforms = [transform_of(operation) for operation in operations]
        self.pairs = pairs
        self.python_rng = random.Random(0)  # noqa: S311  # nothing secret; seeded at each call
        self._lock = threading.Lock()  # a transform keeps what it has drawn

    def __call__(self, scene: Scene, rng: np.random.Generator) -> Scene:
        """The scene after all operations whose coin says so."""
        with self._lock:
            self.python_rng.seed(rng.bit_generator.random_raw())
            data = {"image": scene.image}
            for transform in self.transforms:
                transform.set_random_state(rng, self.python_rng)
                data = transform(**data)
            image = data["image"]
            if scene.mask is None and scene.instances is None:
                return scene.with_image(image)
            for transform in self.transforms:
                if transform.params:  # it has fired
                    scene = _followed(scene, transform, self.pairs)
            return scene.with_image(image)


def _followed(scene: Scene, transform: Any, pairs: Pairs) -> Scene:
    """The scene whose annotations have followed what a transform has just done."""
    if "map_x" in transform.params:
        maps = transform.params["map_x"], transform.params["map_y"]
        mask = None if scene.mask is None else move_mask_by_maps(scene.mask, maps)
        return scene.with_parts(mask=mask)
    motion = _motion_of(transform, scene.image.shape)
    return scene if motion is None else move(scene, scene.image, motion, pairs)


def _motion_of(transform: Any, shape: tuple[int, ...]) -> Motion | None:
    params = transform.params
    if "matrix" in params:
        matrix = np.asarray(params["matrix"], np.float64)[:2].copy()
        matrix[:, 2] -= matrix[:, :2] @ (0.5, 0.5) - 0.5  # its first pixel is at (0, 0)
        return warp_motion(matrix)
    if "factor" in params:
        return turn_motion(shape, params["factor"])
    match transform.operation:
        case HorizontalFlip():
            return flip_motion(shape, horizontally=True)
        case VerticalFlip():
            return flip_motion(shape, vertically=True)
    return None


def transform_of(operation: Operation) -> Any:
    """The transform of albumentations that carries an operation out, which it names.

    >>> type(transform_of(HorizontalFlip(probability=0.25))).__name__
    'HorizontalFlip'
    """
    transform = _transform_of(operation)
    transform.operation = operation
    return transform


def _transform_of(operation: Operation) -> Any:
    library = load_albumentations()
    p = operation.probability
    match operation:
        case HorizontalFlip():
            return library.HorizontalFlip(p=p)
        case VerticalFlip():
            return library.VerticalFlip(p=p)
        case BothFlips() | QuarterTurn():
            return own_transform("Turn", operation)
        case RandomCrop() | RandomResize() | SmallRotation():
            return own_transform("Warp", operation)
        case Elastic():
            return own_transform("Deform", operation)
        case Brightness(max_change_share=most):
            return _jitter(p, brightness=(1 - most, 1 + most))
        case Contrast(max_change_share=most):
            return _jitter(p, contrast=(1 - most, 1 + most))
        case Saturation(max_change_share=most):
            return _jitter(p, saturation=(1 - most, 1 + most))
        case Hue(max_shift_degrees=most):
            return own_transform("TurnHue", operation, **_NO_JITTER, hue=(-most / 360, most / 360))
        case Blur(max_sigma_px=most):
            return library.GaussianBlur(blur_limit=0, sigma_limit=(min(0.01, most), most), p=p)
        case GaussianNoise(max_std_share=most):
            return library.GaussNoise(std_range=(0, most), p=p)
        case Cutout():
            return own_transform("Erase", operation)
    raise AssertionError(operation)


_NO_JITTER = {"brightness": (1, 1), "contrast": (1, 1), "saturation": (1, 1)}


def _jitter(p: float, **ranges: tuple[float, float]) -> Any:
    return load_albumentations().ColorJitter(p=p, **{**_NO_JITTER, "hue": (0, 0), **ranges})
