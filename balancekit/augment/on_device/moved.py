"""What moves in a batch: pictures, masks and boxes by the same draws."""

from collections.abc import Sequence

import torch
from torch import Tensor

from balancekit.augment.moving import LEAST_SIDE_PX
from balancekit.augment.on_device.batch import SceneBatch
from balancekit.augment.on_device.draws import Draw, change_rows
from balancekit.augment.on_device.orientation import orientation_of
from balancekit.augment.on_device.places import sampling_of
from balancekit.plan.operations import Operation, RandomResize

__all__ = ["moved"]


def moved(
    batch: SceneBatch,
    draws: Sequence[tuple[Operation, Draw]],
    keys: Tensor,
    class_pairs: Sequence[tuple[int, int]],
) -> SceneBatch:
    """The batch after all operations that move pixels: its images as float32 in [0, 1], a copy.

    Args:
        batch: is not changed.
        draws: operations that move pixels, each with what was drawn for it.
        keys: int64 [N, 3], for their number and device.
        class_pairs: values of masks that change places in a mirror image.
    """
    height, width = batch.images.shape[2:]
    size, is_square = (width, height), height == width
    # Flips and turns come first, where policies have crops first: as places are drawn evenly
    # and angles to both sides alike, the order makes no difference to what is likely.
    orientation = orientation_of(draws, keys, is_square=is_square)
    chosen, sampling = sampling_of(draws, keys, size)
    n_steps = max([1, *(_n_steps(operation) for operation, _ in draws)])
    images = orientation.of_pictures(batch.images.clone(), is_square=is_square)
    images = sampling.change(
        _as_shares(images), chosen, lambda own, part: own.of_pictures(part, n_steps=n_steps)
    )
    masks, boxes = batch.masks, batch.boxes
    if masks is not None:
        masks = orientation.of_pictures(masks.clone(), is_square=is_square)
        masks = orientation.of_classes(masks, class_pairs)
        layers = masks.reshape(len(masks), -1, height, width)
        layers = sampling.change(layers, chosen, lambda own, part: own.of_masks(part))
        masks = layers.reshape(masks.shape)
    if boxes is not None:
        any_chosen = torch.stack([draw.chosen for _, draw in draws]).any(0) if draws else chosen
        boxes = change_rows(boxes.clone(), any_chosen, lambda part: _within(part, size))
        is_filling = ~boxes.any(-1, keepdim=True)
        boxes = orientation.of_boxes(boxes, size)
        boxes = sampling.change(boxes, chosen, lambda own, part: own.of_boxes(part))
        boxes = boxes.masked_fill(is_filling, 0)
    return batch.with_parts(images=images, masks=masks, boxes=boxes)


def _n_steps(operation: Operation) -> int:
    """In how many places along a side a pixel is sampled, for shrunken pictures."""
    return round(1 / operation.min_scale) if isinstance(operation, RandomResize) else 1


def _within(boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """Boxes cut to their pictures, as on the host; those wholly outside become zeros."""
    cut = torch.stack([boxes[..., i].clamp(0, size[i % 2]) for i in range(4)], -1)
    side, side_before = ((part[..., 2:] - part[..., :2]).amin(-1) for part in (cut, boxes))
    return cut * ((side >= LEAST_SIDE_PX) | (side >= side_before))[..., None]


def _as_shares(images: Tensor) -> Tensor:
    return images / 255 if images.dtype == torch.uint8 else images.to(torch.float32)
