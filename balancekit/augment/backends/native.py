"""The article's operations, carried out with NumPy and OpenCV."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypedDict

import numpy as np

from balancekit.augment.backends.steps import Step
from balancekit.augment.moving import (
    Motion,
    Pairs,
    flip_motion,
    move,
    part_motion,
    shrink_motion,
    turn_motion,
)
from balancekit.augment.native import (
    Picture,
    add_noise,
    blur,
    change_brightness,
    change_contrast,
    change_saturation,
    crop_and_enlarge,
    flip,
    shrink_and_fill,
    turn,
)
from balancekit.augment.scene import Scene
from balancekit.plan.operations import (
    Blur,
    BothFlips,
    Brightness,
    Contrast,
    GaussianNoise,
    HorizontalFlip,
    Operation,
    QuarterTurn,
    RandomCrop,
    RandomResize,
    Saturation,
    VerticalFlip,
)

__all__ = ["NATIVE_OPERATIONS", "Box", "hole_size", "native_step", "random_box"]

NATIVE_OPERATIONS: tuple[type[Operation], ...] = (
    RandomCrop,
    RandomResize,
    HorizontalFlip,
    VerticalFlip,
    BothFlips,
    QuarterTurn,
    Brightness,
    Contrast,
    Saturation,
    Blur,
    GaussianNoise,
)


class Box(TypedDict):
    """A part of a picture, in pixels."""

    top: int
    left: int
    height: int
    width: int


def native_step(operation: Operation, pairs: Pairs) -> Step:
    """What carries one operation out; its coin is thrown elsewhere."""
    if operation.moves_pixels:
        return lambda scene, rng: _moved(scene, operation, rng, pairs)
    return lambda scene, rng: scene.with_image(_changed(scene.image, operation, rng))


def _changed(image: Picture, operation: Operation, rng: np.random.Generator) -> Picture:
    match operation:
        case Brightness(max_change_share=most):
            return change_brightness(image, 1 + rng.uniform(-most, most))
        case Contrast(max_change_share=most):
            return change_contrast(image, 1 + rng.uniform(-most, most))
        case Saturation(max_change_share=most):
            return change_saturation(image, 1 + rng.uniform(-most, most))
        case Blur(max_sigma_px=most):
            return blur(image, rng.uniform(0, most))
        case GaussianNoise(max_std_share=most):
            return add_noise(image, rng.uniform(0, most), rng)
    raise AssertionError(operation)


def _moved(scene: Scene, operation: Operation, rng: np.random.Generator, pairs: Pairs) -> Scene:
    image, motion_of = _image_and_motion(scene.image, operation, rng)
    if scene.mask is None and scene.instances is None:
        return scene.with_image(image)
    return move(scene, image, motion_of(scene.image.shape), pairs)


MotionOf = Callable[[Sequence[int]], Motion]
"""Shape of the picture to its motion, which is only worked out if something has to follow."""


def _image_and_motion(
    image: Picture, operation: Operation, rng: np.random.Generator
) -> tuple[Picture, MotionOf]:
    match operation:
        case HorizontalFlip():
            return flip(image, horizontally=True), partial(flip_motion, horizontally=True)
        case VerticalFlip():
            return flip(image, vertically=True), partial(flip_motion, vertically=True)
        case BothFlips():
            return turn(image, 2), partial(turn_motion, n_quarters=2)
        case QuarterTurn():
            is_square = image.shape[0] == image.shape[1]
            n_quarters = int(rng.integers(1, 4)) if is_square else 2
            return turn(image, n_quarters), partial(turn_motion, n_quarters=n_quarters)
        case RandomCrop(min_area_share=least):
            return _part(image, float(rng.uniform(least, 1)) ** 0.5, rng)
        case RandomResize(min_scale=low, max_scale=high):
            # Uniform in the logarithm: half and double are equally far from 1.
            scale = float(np.exp(rng.uniform(np.log(low), np.log(high))))
            return _part(image, 1 / scale, rng) if scale >= 1 else _shrunk(image, scale, rng)
    raise AssertionError(operation)


def _part(image: Picture, side_share: float, rng: np.random.Generator) -> tuple[Picture, MotionOf]:
    box = random_box(image.shape, side_share, rng)
    return crop_and_enlarge(image, **box), lambda shape: part_motion(shape, **box)


def _shrunk(image: Picture, scale: float, rng: np.random.Generator) -> tuple[Picture, MotionOf]:
    box = random_box(image.shape, scale, rng)
    return shrink_and_fill(image, **box), lambda shape: shrink_motion(shape, **box)


def random_box(shape: tuple[int, ...], side_share: float, rng: np.random.Generator) -> Box:
    """A random part of a picture with a share of its sides: top, left, height and width."""
    height, width = (max(1, round(side * side_share)) for side in shape[:2])
    top = int(rng.random() * (shape[0] - height + 1))
    left = int(rng.random() * (shape[1] - width + 1))
    return {"top": top, "left": left, "height": height, "width": width}


def hole_size(
    height: int, width: int, area_share: float, rng: np.random.Generator
) -> tuple[int, int]:
    """Rows and columns of a rectangle with a share of the area, up to twice as tall or wide."""
    tallness = 2 ** float(rng.uniform(-1, 1))
    y_share = min(1.0, max(area_share, (area_share * tallness) ** 0.5))
    return int(y_share * height), int(area_share / max(y_share, 1e-9) * width)
