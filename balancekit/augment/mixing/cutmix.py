"""CutMix: a rectangle of another picture pasted in."""

import math
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from balancekit.augment.mixing.pairs import Pairs
from balancekit.augment.mixing.targets import Shares, blend

__all__ = ["Rectangle", "cutmix", "draw_rectangle"]


@dataclass(frozen=True)
class Rectangle:
    """Rows top to bottom and columns left to right of a picture, the last ones left out."""

    top: int
    bottom: int
    left: int
    right: int

    @property
    def window(self) -> tuple[slice, slice]:
        """Rows and columns as slices."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    @property
    def area_px(self) -> int:
        """Pixels in it."""
        return (self.bottom - self.top) * (self.right - self.left)


def draw_rectangle(height: int, width: int, share: float, rng: np.random.Generator) -> Rectangle:
    """A rectangle of the shape of the picture about a place anywhere, cut at the border.

    Args:
        height: of the picture.
        width: of the picture.
        share: area of the rectangle before it is cut, as a share of the picture.
        rng: for the place.

    >>> draw_rectangle(10, 20, 1.0, np.random.default_rng(0)).area_px <= 200
    True
    """
    tall, wide = round(height * math.sqrt(share)), round(width * math.sqrt(share))
    top = int(rng.integers(height)) - tall // 2
    left = int(rng.integers(width)) - wide // 2
    return Rectangle(max(top, 0), min(top + tall, height), max(left, 0), min(left + wide, width))


def cutmix(pairs: Pairs, rectangle: Rectangle) -> tuple[Tensor, Tensor]:
    """The first images with a rectangle of the second ones, and targets by area.

    Args:
        pairs: images of any dtype, which stays. Masks are pasted like the images.
        rectangle: the part that is pasted, the same in all images.

    Source: Yun et al. 2019 (arXiv 1905.04899); λ from the rectangle that is left.
    """
    targets = pairs.first.targets
    images = _pasted(pairs, pairs.first.images, pairs.second.images, rectangle)
    if isinstance(targets, Shares):
        height, width = images.shape[2:]
        first_share = 1 - rectangle.area_px / (height * width)
        return images, blend(targets, pairs.second_shares(), first_share)
    return images, _pasted(pairs, targets.values, pairs.second.targets.values, rectangle)


def _pasted(pairs: Pairs, first: Tensor, second: Tensor, rectangle: Rectangle) -> Tensor:
    window = (..., *rectangle.window)
    result = first.clone()
    result[window] = pairs.of_second(second[window])  # copies the rectangle, not the picture
    return result
