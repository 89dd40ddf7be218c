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
    move_mask_by_places,
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

__all__ = ["AlbumentationsSteps", "DrawsOfNumPy", "transform_of"]


class DrawsOfNumPy(random.Random):
    """A generator of Python's kind that draws its numbers from one of NumPy.

    To seed one of its own for every sample would take as long as a flip of the picture.

    >>> draws = DrawsOfNumPy()
    >>> draws.draw_from(np.random.default_rng(1))
    >>> draws.random() == np.random.default_rng(1).random()
    True
    """

    def __init__(self) -> None:
        super().__init__(0)  # of a state that is never drawn from

    def draw_from(self, rng: np.random.Generator) -> None:
        """Draw from this generator from now on."""
        self._rng = rng
        self.random = rng.random  # type: ignore[method-assign]  # as fast as it can be

    def getrandbits(self, k: int, /) -> int:
        """An integer of k random bits."""
        return int.from_bytes(self._rng.bytes(-(-k // 8)), "little") >> (-k % 8)


class AlbumentationsSteps:
    """Operations one after the other, reseeded for every sample; each throws its own coin.

    The pictures are those of a Compose of the same transforms whose `set_random_state` is
    called for every sample, with `DrawsOfNumPy` for Python's generator. Compose itself would
    check shapes and annotations on top, and with `Compose(seed=…)` all transforms would draw
    the same numbers.

    Args:
        operations: in the order in which they are carried out.
        pairs: what changes places in mirror images.

    Raises:
        MissingLibraryError: albumentations is not installed.
    """

    def __init__(self, operations: Sequence[Operation], pairs: Pairs) -> None:
        self.transforms = [transform_of(operation) for operation in operations]
        self.pairs = pairs
        self.python_rng = DrawsOfNumPy()
        self._with_coins = [(transform, transform.p) for transform in self.transforms]
        self._lock = threading.Lock()  # a transform keeps what it has drawn

    def __call__(self, scene: Scene, rng: np.random.Generator) -> Scene:
        """The scene after all operations whose coin says so."""
        with self._lock:
            self.python_rng.draw_from(rng)
            coin = rng.random
            image = scene.image
            has_targets = scene.mask is not None or scene.instances is not None
            for transform, probability in self._with_coins:
                # A coin is thrown as the library throws it, which is asked only if it falls due.
                if probability <= 0 or (probability < 1 and coin() >= probability):
                    continue
                transform.set_random_state(rng, self.python_rng)
                image = transform(image=image, force_apply=True)["image"]
                if has_targets:
                    scene = _followed(scene, transform, self.pairs)
            return scene.with_image(image)


def _followed(scene: Scene, transform: Any, pairs: Pairs) -> Scene:
    """The scene whose annotations have followed what a transform has just done."""
    if "places" in transform.params:
        places = transform.params["places"]
        mask = None if scene.mask is None else move_mask_by_places(scene.mask, places)
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
