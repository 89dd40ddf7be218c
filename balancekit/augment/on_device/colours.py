"""Colours, sharpness and noise of batches of pictures, each picture by parameters of its own.

Pictures are float32 [N, C, H, W] in [0, 1], parameters float32 [N].
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from balancekit.augment.on_device.hashing import normals_of

__all__ = [
    "add_noise",
    "blur",
    "change_brightness",
    "change_contrast",
    "change_hue",
    "change_saturation",
    "cover",
]

LUMA = (0.299, 0.587, 0.114)
"""ITU-R BT.601, as on the host."""


def _each(parameter: Tensor) -> Tensor:
    """[N] as [N, 1, 1, 1], to be multiplied with pictures."""
    return parameter[:, None, None, None]


def change_brightness(images: Tensor, factor: Tensor) -> Tensor:
    """Pictures with all values multiplied by `factor`, kept within their range."""
    return (images * _each(factor)).clamp_(0, 1)


def change_contrast(images: Tensor, factor: Tensor) -> Tensor:
    """Pictures with their distances from their mean multiplied by `factor`."""
    # float64: sums of float32 depend on how a batch is cut up for them.
    mean = images.mean(dim=(1, 2, 3), keepdim=True, dtype=torch.float64).to(images.dtype)
    return torch.lerp(mean, images, _each(factor)).clamp_(0, 1)


def change_saturation(images: Tensor, factor: Tensor) -> Tensor:
    """RGB pictures with their distances from grey multiplied by `factor`.

    Source: ITU-R BT.601 luma, as in torchvision and Pillow.
    """
    red, green, blue = images.unbind(1)
    grey = (LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue)[:, None]  # [N, 1, H, W]
    return torch.lerp(grey, images, _each(factor)).clamp_(0, 1)


def change_hue(images: Tensor, degrees: Tensor) -> Tensor:
    """RGB pictures with their hue moved by degrees; saturation and value of HSV stay.

    Source: Smith, Color gamut transform pairs, SIGGRAPH 1978.
    """
    value, least = images.amax(1), images.amin(1)  # [N, H, W]
    chroma = value - least
    red, green, blue = images.unbind(1)
    span = chroma.clamp(min=1e-12)  # greys have no hue, and no chroma to show it
    sector = torch.where(
        value == red,
        (green - blue) / span,
        torch.where(value == green, (blue - red) / span + 2, (red - green) / span + 4),
    )
    sector = sector + degrees[:, None, None] / 60
    channels = []
    for start in (5.0, 3.0, 1.0):
        place = torch.remainder(sector + start, 6)
        channels.append(value - chroma * torch.minimum(place, 4 - place).clamp_(0, 1))
    return torch.stack(channels, 1)


def blur(images: Tensor, sigma_px: Tensor, *, max_sigma_px: float) -> Tensor:
    """Pictures after a Gaussian blur; borders are mirrored.

    Args:
        images: float32 [N, C, H, W].
        sigma_px: float32 [N], each standard deviation.
        max_sigma_px: none is larger, which the host must know to choose the window.
    """
    radius = math.ceil(4 * max_sigma_px)
    steps = torch.arange(-radius, radius + 1, device=images.device, dtype=torch.float32)
    # Far below a pixel the window is a single 1; 0 itself would divide by 0.
    weights = torch.exp(-0.5 * (steps / sigma_px.clamp(min=1e-3)[:, None]) ** 2)
    weights = weights / weights.sum(1, keepdim=True)  # [N, window]
    for axis in (2, 3):
        length = images.shape[axis]
        wide = _widened(images, axis, radius)
        # Shifted sums, not a convolution: those may round to TF32 on a GPU, and choose
        # their way of summing by the size of the batch.
        blurred = torch.zeros_like(images)
        for step, weight in enumerate(weights.unbind(1)):
            blurred.addcmul_(wide.narrow(axis, step, length), _each(weight))
        images = blurred
    return images


def _widened(images: Tensor, axis: int, radius: int) -> Tensor:
    """Pictures with `radius` pixels more at both ends of an axis (2 or 3), mirrored."""
    length = images.shape[axis]
    if radius < length:
        return F.pad(
            images, (radius, radius, 0, 0) if axis == 3 else (0, 0, radius, radius), "reflect"
        )
    # Mirrored more than once, which pad does not do.
    places = torch.arange(-radius, length + radius, device=images.device)
    period = max(2 * (length - 1), 1)
    places = places.remainder(period)
    return images.index_select(axis, torch.minimum(places, period - places) % length)


def add_noise(images: Tensor, std_share: Tensor, state: Tensor) -> Tensor:
    """Pictures with normal noise of standard deviation std_share added.

    Args:
        images: float32 [N, C, H, W].
        std_share: float32 [N].
        state: int64 [N], which names the noise of each picture.
    """
    noise = normals_of(state, images[0].numel()).view(images.shape)
    return torch.addcmul(images, noise, _each(std_share)).clamp_(0, 1)


def cover(images: Tensor, start: Tensor, end: Tensor, colour: Tensor) -> Tensor:
    """Pictures with a rectangle of one colour on them.

    Args:
        images: float32 [N, C, H, W].
        start: float32 [N, 2], x and y of its left upper corner, in pixels.
        end: float32 [N, 2], its right lower corner.
        colour: float32 [N, C].
    """
    height, width = images.shape[2:]
    inside = []
    for axis, length in ((0, width), (1, height)):
        centres = torch.arange(length, device=images.device) + 0.5
        inside.append((centres > start[:, axis, None]) & (centres < end[:, axis, None]))
    covered = inside[1][:, None, :, None] & inside[0][:, None, None, :]
    return torch.where(covered, colour[:, :, None, None], images)
