"""Crops, resizes, small rotations and elastic shifts of batches, in one resampling.

Places are x and y in pixels: the left upper corner of a picture is (0, 0), the centre of its
first pixel (0.5, 0.5). Tensors named for places end in [2], x first.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from balancekit.augment.moving import LEAST_AREA_SHARE, LEAST_SIDE_PX
from balancekit.augment.on_device.draws import change_rows
from balancekit.augment.on_device.edges import edge_colours, edge_values
from balancekit.augment.on_device.hashing import normals_of

__all__ = ["Sampling"]

COARSENESS = 6
"""Bumps along the shorter side of an elastic deformation, as on the host. Source: Simard 2003."""

Places = tuple[Tensor, Tensor]
"""x and y of each pixel: float32, each broadcastable to [N, H, W]."""

_OF_SAMPLES = ("offset", "scale", "low", "high", "radians", "shift_px", "shift_state", "whole")


@dataclass(frozen=True, eq=False)
class Sampling:
    """Where each pixel of N new pictures comes from: turned back, then scaled and moved.

    Attributes:
        offset: float32 [N, 2].
        scale: float32 [N, 2], pixels of the old picture a pixel of the new one.
        low: float32 [N, 2], least place that is shown of the old picture.
        high: float32 [N, 2], largest.
        radians: float32 [N], counterclockwise, of the rotation.
        shift_px: float32 [N], standard deviation of the elastic shifts.
        shift_state: int64 [N], which names them.
        whole: float32 [N, 2], width and height, which are on the device already.
        size: width and height.
        is_turned: whether there is a rotation among the operations.
        is_elastic: whether there are shifts.
    """

    offset: Tensor
    scale: Tensor
    low: Tensor
    high: Tensor
    radians: Tensor
    shift_px: Tensor
    shift_state: Tensor
    whole: Tensor
    size: tuple[int, int]
    is_turned: bool = False
    is_elastic: bool = False

    def change(
        self,
        values: Tensor,
        chosen: Tensor,
        change: Callable[["Sampling", Tensor], Tensor],
    ) -> Tensor:
        """Values with `change(sampling of the rows, rows)` in the place of the chosen rows."""
        parts = {name: getattr(self, name) for name in _OF_SAMPLES}

        def changed(rows: Tensor, *own: Tensor) -> Tensor:
            of_rows: dict[str, Any] = dict(zip(parts, own, strict=True))
            return change(replace(self, **of_rows), rows)

        return change_rows(values, chosen, changed, *parts.values())

    def scaled(self, offset: Tensor, scale: Tensor) -> "Sampling":
        """With one more step after those before: a new place q shows old place offset + scale·q."""
        start = self.offset + self.scale * offset
        scale = self.scale * scale
        end = start + scale * self.whole
        low, high = torch.maximum(self.low, start), torch.minimum(self.high, end)
        return replace(self, offset=start, scale=scale, low=low, high=high)

    def of_pictures(self, pictures: Tensor, *, n_steps: int) -> Tensor:
        """Pictures resampled: float32 [N, C, H, W], filled with the colour of their edge.

        Args:
            pictures: float32 [N, C, H, W].
            n_steps: in how many places along each side a pixel that shows several is sampled.
        """
        places = self._places(pictures.device)
        # One pixel of bilinear sampling is as wide as one pixel of the old picture.
        spread = (self.scale - 1).clamp(min=0)  # [N, 2]
        steps = torch.linspace(-0.5, 0.5, n_steps).tolist() if n_steps > 1 else [0.0]
        sampled = torch.zeros_like(pictures)
        for down in steps:
            for across in steps:
                step = _of_axis(spread, 0) * across, _of_axis(spread, 1) * down
                sampled += self._bilinear(pictures, (places[0] + step[0], places[1] + step[1]))
        sampled /= len(steps) ** 2
        colours = edge_colours(pictures)[:, :, None, None]
        return torch.where(self._is_inside(places), sampled, colours)

    def of_masks(self, masks: Tensor) -> Tensor:
        """Masks resampled by the nearest pixel, filled with the value of their edge."""
        places = self._places(masks.device)
        columns, rows = (part.long() for part in self._kept_inside(places))
        indices = (rows * self.size[0] + columns).flatten(1)[:, None]  # [N, 1, H·W]
        taken = masks.flatten(2).gather(2, indices.expand(-1, masks.shape[1], -1))
        values = edge_values(masks)[:, :, None, None]
        return torch.where(self._is_inside(places), taken.view(masks.shape), values)

    def of_boxes(self, boxes: Tensor) -> Tensor:
        """The smallest boxes around what is still shown of boxes: [N, M, 4].

        Those of which too little is shown become zeros, by the limits of `moving.py`.
        """
        each = (slice(None), None)
        whole = self._moved(boxes)
        shown = self._moved(
            torch.clamp(boxes, self.low[each].repeat(1, 1, 2), self.high[each].repeat(1, 1, 2))
        )
        shown = shown.clamp(min=0).minimum(self.whole[each].repeat(1, 1, 2))
        side_before, side = _sides(boxes).amin(-1), _sides(shown).amin(-1)
        is_kept = _sides(shown).prod(-1) >= LEAST_AREA_SHARE * _sides(whole).prod(-1)
        is_kept &= (side >= LEAST_SIDE_PX) | (side >= side_before)
        return shown * is_kept[..., None]

    def _moved(self, boxes: Tensor) -> Tensor:
        """Boxes around the moved corners of boxes, which may lie outside: [N, M, 4]."""
        x1, y1, x2, y2 = boxes.unbind(-1)
        corners = torch.stack([x1, y1, x2, y1, x2, y2, x1, y2], -1)
        corners = corners.view(*boxes.shape[:2], 4, 2)
        each = (slice(None), None, None)
        centre = self.whole[each] / 2
        x, y = ((corners - self.offset[each]) / self.scale[each] - centre).unbind(-1)
        cosine, sine = (part[each] for part in (self.radians.cos(), self.radians.sin()))
        moved = torch.stack([cosine * x + sine * y, cosine * y - sine * x], -1) + centre
        return torch.cat([moved.amin(2), moved.amax(2)], -1)

    def _places(self, device: torch.device) -> Places:
        """Where each pixel comes from."""
        width, height = self.size
        x = (torch.arange(width, device=device) + (0.5 - width / 2))[None, None]
        y = (torch.arange(height, device=device) + (0.5 - height / 2))[None, :, None]
        if self.is_elastic:
            # Beyond the edge the picture is mirrored.
            shift_x, shift_y = self._shifts().unbind(1)
            x, y = _mirrored(x + shift_x, width / 2), _mirrored(y + shift_y, height / 2)
        if self.is_turned:
            cosine, sine = self.radians.cos()[:, None, None], self.radians.sin()[:, None, None]
            x, y = cosine * x - sine * y, cosine * y + sine * x
        corner = self.offset + self.scale * self.whole / 2
        return (
            _of_axis(corner, 0) + _of_axis(self.scale, 0) * x,
            _of_axis(corner, 1) + _of_axis(self.scale, 1) * y,
        )

    def _shifts(self) -> Tensor:
        """Smooth random shifts of the pixels in x and y: [N, 2, H, W]."""
        width, height = self.size
        cell_px = min(self.size) / COARSENESS
        cells = [math.ceil(side / cell_px) for side in (height, width)]
        coarse = normals_of(self.shift_state, 2 * cells[0] * cells[1]).view(-1, 2, *cells)
        smooth = F.interpolate(coarse, (height, width), mode="bicubic")
        # float64: sums of float32 depend on how a batch is cut up for them.
        std = smooth.to(torch.float64).std((2, 3), keepdim=True, correction=0).clamp(min=1e-6)
        return smooth * (self.shift_px[:, None, None, None] / std).to(smooth.dtype)

    def _is_inside(self, places: Places) -> Tensor:
        """Whether anything is shown there: bool, broadcastable to [N, 1, H, W]."""
        x, y = (
            (place >= _of_axis(self.low, axis)) & (place <= _of_axis(self.high, axis))
            for axis, place in enumerate(places)
        )
        return (x & y)[:, None]

    def _kept_inside(self, places: Places) -> Places:
        """Places no nearer to the border than the centres of its pixels."""
        x, y = (
            place.clamp(_of_axis(self.low, axis) + 0.5, _of_axis(self.high, axis) - 0.5)
            for axis, place in enumerate(places)
        )
        return x, y

    def _bilinear(self, pictures: Tensor, places: Places) -> Tensor:
        x, y = self._kept_inside(places)
        width, height = self.size
        shape = len(pictures), height, width
        grid = (x * (2 / width) - 1).expand(shape), (y * (2 / height) - 1).expand(shape)
        return F.grid_sample(
            pictures, torch.stack(grid, -1), padding_mode="border", align_corners=False
        )


def _of_axis(values: Tensor, axis: int) -> Tensor:
    """[N, 2] as [N, 1, 1] of one axis."""
    return values[:, axis, None, None]


def _sides(boxes: Tensor) -> Tensor:
    """Width and height: [N, M, 2]."""
    return boxes[..., 2:] - boxes[..., :2]


def _mirrored(distance: Tensor, limit: float) -> Tensor:
    """Distances from the centre, those beyond ± limit brought back by as much."""
    return distance - 2 * (distance - distance.clamp(-limit, limit))
