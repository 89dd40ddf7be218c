"""One picture with objects pasted on, and what is left of those below."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from balancekit.augment.mixing.objects import Objects, bounds_of, pixel_windows

__all__ = ["Cutting", "cut_out", "paste"]


class Cutting(NamedTuple):
    """An object cut out of its picture.

    Attributes:
        image: the part of the picture about it, [channels, h, w].
        region: its pixels in that part, bool [h, w].
        rows: its row of each part of the target, [1, …].
        left: where it was in its picture.
        top: where it was in its picture.
    """

    image: Tensor
    region: Tensor
    rows: dict[str, Tensor]
    left: int
    top: int


class Piece(NamedTuple):
    """An object in a picture: its pixels, and how many objects had been pasted by then.

    Attributes:
        layer: 0 for the objects of the picture, 1 for the first that was pasted.
        left: where its region begins.
        top: where its region begins.
        region: its pixels, bool [h, w].
    """

    layer: int
    left: int
    top: int
    region: Tensor

    @property
    def window(self) -> tuple[slice, slice]:
        """Its part of the picture."""
        tall, wide = self.region.shape
        return slice(self.top, self.top + tall), slice(self.left, self.left + wide)


def cut_out(donor: Objects, row: int) -> Cutting:
    """An object that has pixels, along its mask or else along its box."""
    rows = {name: values[row : row + 1] for name, values in donor.rows.items()}
    if donor.masks is None:
        windows = pixel_windows(rows["boxes"], *donor.image.shape[1:])
    else:
        windows = bounds_of(donor.masks[row : row + 1] > 0)
    left, top, right, bottom = windows[0].tolist()
    image = donor.image[:, top:bottom, left:right]
    region = torch.ones(image.shape[1:], dtype=torch.bool, device=image.device)
    if donor.masks is not None:
        region = donor.masks[row, top:bottom, left:right] > 0
    return Cutting(image, region, rows, left, top)


def paste(
    picture: Objects,
    cuttings: Sequence[Cutting],
    min_visible_share: float,
    rng: np.random.Generator,
) -> Objects:
    """A picture with objects pasted anywhere, one on the other; too large ones are not.

    Args:
        picture: is left as it was.
        cuttings: at most 255.
        min_visible_share: objects of which less stays visible are left out.
        rng: for the places.
    """
    image = picture.image.clone()
    height, width = image.shape[1:]
    layers = torch.zeros((height, width), dtype=torch.uint8, device=image.device)
    pieces: list[Piece] = []
    moved = []
    for cutting in cuttings:
        tall, wide = cutting.region.shape
        if tall > height or wide > width:
            continue
        top = int(rng.integers(height - tall + 1))
        left = int(rng.integers(width - wide + 1))
        piece = Piece(len(pieces) + 1, left, top, cutting.region)
        part = image[(..., *piece.window)]
        part.copy_(torch.where(cutting.region, cutting.image, part))
        layers[piece.window].masked_fill_(cutting.region, piece.layer)
        pieces.append(piece)
        moved.append(_moved(cutting, left - cutting.left, top - cutting.top, width, height))
    return _uncovered(picture, image, layers, pieces, moved, min_visible_share)


def _moved(cutting: Cutting, right: int, down: int, width: int, height: int) -> dict[str, Tensor]:
    boxes = cutting.rows["boxes"]
    size = boxes.new_tensor([width, height, width, height])
    moved = boxes + boxes.new_tensor([right, down, right, down])
    # A box that reached beyond its own picture does not reach beyond this one.
    return {**cutting.rows, "boxes": torch.minimum(moved.clamp(min=0), size)}


def _uncovered(
    picture: Objects,
    image: Tensor,
    layers: Tensor,
    pieces: Sequence[Piece],
    moved: Sequence[dict[str, Tensor]],
    min_visible_share: float,
) -> Objects:
    """The picture with its objects cut to what is visible, without those that are hidden.

    Objects that nothing was pasted on keep their boxes to the last digit.
    """
    rows = {
        name: torch.cat([values, *(new[name].to(values) for new in moved)])
        for name, values in picture.rows.items()
        if name != "masks"
    }
    stays = [True] * len(rows["labels"])
    for row, piece in (*_covered_objects(picture, layers), *enumerate(pieces, len(picture))):
        seen = piece.region & (layers[piece.window] <= piece.layer)
        n_pixels, n_seen = int(piece.region.sum()), int(seen.sum())
        if n_seen == n_pixels:
            continue
        stays[row] = n_seen > 0 and n_seen / n_pixels >= min_visible_share
        bounds = bounds_of(seen[None])[0] + seen.new_tensor(
            [piece.left, piece.top] * 2, dtype=torch.int64
        )
        rows["boxes"][row] = _cut_box(rows["boxes"][row], bounds, picture.masks is not None)
        if "area" in rows:
            # Not in place: whole areas stay of their dtype.
            rows["area"][row] = rows["area"][row] * (n_seen / n_pixels)
    if picture.masks is not None:
        rows["masks"] = _masks(picture.masks, layers, pieces)
    kept = torch.tensor(stays, dtype=torch.bool, device=image.device)
    return Objects(image, {**picture.target, **{k: values[kept] for k, values in rows.items()}})


def _covered_objects(picture: Objects, layers: Tensor) -> Iterator[tuple[int, Piece]]:
    """The objects of the picture that something was pasted on, at least in part."""
    if picture.masks is not None:
        left, top, right, bottom = bounds_of(layers[None] > 0)[0].tolist()
        masks = picture.masks[:, top:bottom, left:right] > 0
        is_covered = (masks & (layers[top:bottom, left:right] > 0)).flatten(1).any(1)
        for row in is_covered.nonzero().flatten().tolist():
            yield row, Piece(0, 0, 0, picture.masks[row] > 0)
        return
    windows = pixel_windows(picture.target["boxes"], *layers.shape)
    for row, (left, top, right, bottom) in enumerate(windows.tolist()):
        part = layers[top:bottom, left:right]
        if part.numel() and bool(part.any()):
            yield row, Piece(0, left, top, torch.ones_like(part, dtype=torch.bool))


def _cut_box(box: Tensor, bounds: Tensor, has_mask: bool) -> Tensor:
    bounds = bounds.to(box.dtype)
    if has_mask:
        return bounds
    low, high = torch.maximum(bounds[:2], box[:2]), torch.minimum(bounds[2:], box[2:])
    return torch.cat([low, high])


def _masks(masks: Tensor, layers: Tensor, pieces: Sequence[Piece]) -> Tensor:
    """Masks of what is visible, those of pasted objects last: [n + n_pasted, H, W]."""
    result = masks.new_zeros((len(masks) + len(pieces), *masks.shape[1:]))
    torch.mul(masks, layers == 0, out=result[: len(masks)])
    for mask, piece in zip(result[len(masks) :], pieces, strict=True):
        mask[piece.window] = piece.region & (layers[piece.window] <= piece.layer)
    return result
