"""Operations that leave places as they are, carried out as was drawn."""

from functools import partial

import torch
from torch import Tensor

from balancekit.augment.on_device.colours import (
    add_noise,
    blur,
    change_brightness,
    change_contrast,
    change_hue,
    change_saturation,
    cover,
)
from balancekit.augment.on_device.draws import Draw, change_rows
from balancekit.augment.on_device.edges import edge_colours
from balancekit.augment.on_device.places import whole_of
from balancekit.plan.operations import (
    Blur,
    Brightness,
    Contrast,
    Cutout,
    GaussianNoise,
    Hue,
    Operation,
    Saturation,
)

__all__ = ["recoloured"]


def recoloured(images: Tensor, operation: Operation, draw: Draw) -> Tensor:
    """Pictures after an operation that leaves places.

    Args:
        images: float32 [N, C, H, W] in [0, 1]; they may be changed in place.
        operation: which, and its largest strength.
        draw: what was drawn for it.
    """
    to_both_sides = 2 * draw.strength - 1
    change = partial(change_rows, images, draw.chosen)
    is_rgb = images.shape[1] == 3
    match operation:
        case Brightness(max_change_share=most):
            return change(change_brightness, 1 + most * to_both_sides)
        case Contrast(max_change_share=most):
            return change(change_contrast, 1 + most * to_both_sides)
        case Saturation(max_change_share=most):
            return change(change_saturation, 1 + most * to_both_sides) if is_rgb else images
        case Hue(max_shift_degrees=most):
            return change(change_hue, most * to_both_sides) if is_rgb else images
        case Blur(max_sigma_px=most):
            return change(partial(blur, max_sigma_px=most), most * draw.strength)
        case GaussianNoise(max_std_share=most):
            return change(add_noise, most * draw.strength, draw.state)
        case Cutout(max_area_share=most):
            height, width = images.shape[2:]
            start, part = _rectangle(draw, most, whole_of(draw.strength, (width, height)))
            return change(_covered, start, start + part)
        case _:
            raise NotImplementedError(operation)


def _rectangle(draw: Draw, max_area_share: float, whole: Tensor) -> tuple[Tensor, Tensor]:
    """Start and size of a rectangle, for the picture's shape up to twice as tall or as wide."""
    share = max_area_share * draw.strength
    tallness = 2 ** (2 * draw.shape - 1)
    y_share = torch.maximum(share, (share * tallness).sqrt()).clamp(1e-9, 1)
    part = (torch.stack([share / y_share, y_share], -1) * whole).floor()
    return (draw.place * (whole - part + 1)).floor().minimum(whole - part), part


def _covered(images: Tensor, start: Tensor, end: Tensor) -> Tensor:
    return cover(images, start, end, edge_colours(images))
