"""Operations carried out: strength and place are drawn here, the rest is in native.py."""

import numpy as np

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
from balancekit.augment.operations import (
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

__all__ = ["apply_operation"]


def apply_operation(image: Picture, operation: Operation, rng: np.random.Generator) -> Picture:
    """The picture after one operation, whose coin `rng` has already thrown.

    Args:
        image: [H, W] or [H, W, C], as native.py takes it.
        operation: what to do; its probability is not looked at.
        rng: gives the strength and the place.

    >>> rng = np.random.default_rng(0)
    >>> apply_operation(np.array([[1, 2]], np.uint8), HorizontalFlip(), rng).tolist()
    [[2, 1]]
    """
    match operation:
        case HorizontalFlip():
            return flip(image, horizontally=True)
        case VerticalFlip():
            return flip(image, vertically=True)
        case BothFlips():
            return flip(image, horizontally=True, vertically=True)
        case QuarterTurn():
            is_square = image.shape[0] == image.shape[1]
            return turn(image, int(rng.integers(1, 4)) if is_square else 2)
        case RandomCrop(min_area_share=least):
            return _random_part(image, float(rng.uniform(least, 1)) ** 0.5, rng)
        case RandomResize(min_scale=low, max_scale=high):
            # Uniform in the logarithm: half and double are equally far from 1.
            return _rescale(image, float(np.exp(rng.uniform(np.log(low), np.log(high)))), rng)
        case Brightness(max_change_share=most):
            return change_brightness(image, 1 + float(rng.uniform(-most, most)))
        case Contrast(max_change_share=most):
            return change_contrast(image, 1 + float(rng.uniform(-most, most)))
        case Saturation(max_change_share=most):
            return change_saturation(image, 1 + float(rng.uniform(-most, most)))
        case Blur(max_sigma_px=most):
            return blur(image, float(rng.uniform(0, most)))
        case GaussianNoise(max_std_share=most):
            return add_noise(image, float(rng.uniform(0, most)), rng)


def _random_part(image: Picture, side_share: float, rng: np.random.Generator) -> Picture:
    top, left, height, width = _random_box(image, side_share, rng)
    return crop_and_enlarge(image, top=top, left=left, height=height, width=width)


def _rescale(image: Picture, scale: float, rng: np.random.Generator) -> Picture:
    if scale >= 1:
        return _random_part(image, 1 / scale, rng)
    top, left, height, width = _random_box(image, scale, rng)
    return shrink_and_fill(image, top=top, left=left, height=height, width=width)


def _random_box(
    image: Picture, side_share: float, rng: np.random.Generator
) -> tuple[int, int, int, int]:
    height, width = (max(1, round(side * side_share)) for side in image.shape[:2])
    top = int(rng.integers(image.shape[0] - height + 1))
    left = int(rng.integers(image.shape[1] - width + 1))
    return top, left, height, width
