"""Which part of each picture is shown, at which scale and angle, by what was drawn."""

import math
from collections.abc import Iterable
from dataclasses import replace

import torch
from torch import Tensor

from balancekit.augment.on_device.draws import Draw
from balancekit.augment.on_device.sampling import Sampling
from balancekit.plan.operations import (
    Elastic,
    Operation,
    RandomCrop,
    RandomResize,
    SmallRotation,
)

__all__ = ["random_part", "sampling_of", "whole_of"]


def sampling_of(
    draws: Iterable[tuple[Operation, Draw]], keys: Tensor, size: tuple[int, int]
) -> tuple[Tensor, Sampling]:
    """Which samples are resampled, bool [N], and how.

    Args:
        draws: each operation, with what was drawn for it.
        keys: int64 [N, 3], for their number and device.
        size: width and height of the pictures.
    """
    chosen = torch.zeros_like(keys[:, 0], dtype=torch.bool)
    none = torch.zeros(len(keys), device=keys.device)
    nothing, whole = whole_of(none, (0, 0)), whole_of(none, size)
    sampling = Sampling(nothing, nothing + 1, nothing, whole, none, none, keys[:, 0], whole, size)
    for operation, draw in draws:
        match operation:
            case RandomCrop(min_area_share=least):
                share = (least + (1 - least) * draw.strength).sqrt()
                step = random_part(torch.where(draw.chosen, share, 1.0), draw.place, whole)
                sampling = sampling.scaled(step[0], step[1] / whole)
            case RandomResize(min_scale=low, max_scale=high):
                sampling = _resized(sampling, _scale(draw, low, high), draw.place, whole)
            case SmallRotation(max_degrees=most):
                radians = (draw.strength * 2 - 1) * math.radians(most) * draw.chosen
                sampling = replace(sampling, radians=radians, is_turned=True)
            case Elastic(max_shift_share=most):
                shift_px = draw.strength * (most * min(size)) * draw.chosen
                sampling = replace(
                    sampling, shift_px=shift_px, shift_state=draw.state, is_elastic=True
                )
            case _:
                continue
        chosen = chosen | draw.chosen
    return chosen, sampling


def _scale(draw: Draw, low: float, high: float) -> Tensor:
    # Uniform in the logarithm: half and double are equally far from 1.
    scale = torch.exp(math.log(low) + (math.log(high) - math.log(low)) * draw.strength)
    return torch.where(draw.chosen, scale, 1.0)


def _resized(sampling: Sampling, scale: Tensor, place: Tensor, whole: Tensor) -> Sampling:
    start, part = random_part(torch.minimum(scale, 1 / scale), place, whole)
    enlarged = (scale >= 1)[:, None]
    share = part / whole
    # Larger: a part fills the whole. Smaller: the whole is fitted into a part.
    return sampling.scaled(
        torch.where(enlarged, start, -start / share), torch.where(enlarged, share, 1 / share)
    )


def random_part(side_share: Tensor, place: Tensor, whole: Tensor) -> tuple[Tensor, Tensor]:
    """Start and size of a random part, in whole pixels: float32 [N, 2] each.

    Args:
        side_share: float32 [N], its sides as shares of those of the whole.
        place: float32 [N, 2] in [0, 1).
        whole: float32 [N, 2], width and height.
    """
    part = (whole * side_share[:, None]).round().clamp(min=1)
    spare = whole - part
    return torch.minimum((place * (spare + 1)).floor(), spare), part


def whole_of(like: Tensor, size: tuple[int, int]) -> Tensor:
    """Width and height for each of N samples: float32 [N, 2], on the device of `like`, [N]."""
    # Not a tensor of a list: a device waits for those.
    return torch.stack([torch.full_like(like, side) for side in size], -1)
