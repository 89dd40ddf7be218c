"""Flips and quarter turns of batches: exact, in any dtype."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from balancekit.augment.on_device.draws import Draw, change_rows
from balancekit.plan.operations import (
    BothFlips,
    HorizontalFlip,
    Operation,
    QuarterTurn,
    VerticalFlip,
)

__all__ = ["Orientation", "orientation_of"]


@dataclass(frozen=True, eq=False)
class Orientation:
    """What flips and quarter turns come to: rows and columns exchanged, then two mirrors.

    Attributes:
        exchanged: bool [N]: the picture is transposed, first.
        mirrored_x: bool [N]: left and right change places.
        mirrored_y: bool [N]: top and bottom do.
    """

    exchanged: Tensor
    mirrored_x: Tensor
    mirrored_y: Tensor

    @property
    def is_mirror(self) -> Tensor:
        """Whether left and right hands change: bool [N]."""
        return self.exchanged ^ self.mirrored_x ^ self.mirrored_y

    def of_classes(self, masks: Tensor, pairs: Sequence[tuple[int, int]]) -> Tensor:
        """Masks with the values of each pair exchanged in mirror images; changed in place."""

        def exchanged(part: Tensor) -> Tensor:
            result = part
            for one, other in pairs:
                result = torch.where(part == one, other, result)
                result = torch.where(part == other, one, result)
            return result

        return change_rows(masks, self.is_mirror, exchanged) if pairs else masks

    def of_pictures(self, pictures: Tensor, *, is_square: bool) -> Tensor:
        """Pictures or masks as they lie then, [N, …, H, W]; they may be changed in place."""
        if is_square:
            pictures = change_rows(pictures, self.exchanged, lambda part: part.mT)
        pictures = change_rows(pictures, self.mirrored_x, lambda part: part.flip(-1))
        return change_rows(pictures, self.mirrored_y, lambda part: part.flip(-2))

    def of_boxes(self, boxes: Tensor, size: tuple[int, int]) -> Tensor:
        """Boxes as they lie then: [N, M, 4]; they may be changed in place.

        Args:
            boxes: x1, y1, x2, y2 in pixels.
            size: width and height of the pictures.
        """
        width, height = size

        def exchange(part: Tensor) -> Tensor:
            x1, y1, x2, y2 = part.unbind(-1)
            return torch.stack([y1, x1, y2, x2], -1)

        def mirror_x(part: Tensor) -> Tensor:
            x1, y1, x2, y2 = part.unbind(-1)
            return torch.stack([width - x2, y1, width - x1, y2], -1)

        def mirror_y(part: Tensor) -> Tensor:
            x1, y1, x2, y2 = part.unbind(-1)
            return torch.stack([x1, height - y2, x2, height - y1], -1)

        boxes = change_rows(boxes, self.exchanged, exchange)
        boxes = change_rows(boxes, self.mirrored_x, mirror_x)
        return change_rows(boxes, self.mirrored_y, mirror_y)


def orientation_of(
    draws: Iterable[tuple[Operation, Draw]], keys: Tensor, *, is_square: bool
) -> Orientation:
    """What the flips and quarter turns among the operations come to.

    Args:
        draws: each operation, with what was drawn for it.
        keys: int64 [N, 3], for their number and device.
        is_square: pictures are turned by quarters, others by half only.
    """
    exchanged, x, y = torch.zeros(3, len(keys), dtype=torch.bool, device=keys.device)
    for operation, draw in draws:
        match operation:
            case HorizontalFlip():
                x = x ^ draw.chosen
            case VerticalFlip():
                y = y ^ draw.chosen
            case BothFlips():
                x, y = x ^ draw.chosen, y ^ draw.chosen
            case QuarterTurn():
                n_quarters = (draw.strength * 3).long() + 1 if is_square else 2
                turned = draw.chosen * n_quarters
                odd = turned % 2 == 1
                # What was mirrored in x is mirrored in y once rows and columns are exchanged.
                x, y = torch.where(odd, y, x), torch.where(odd, x, y)
                x, y = x ^ (turned >= 2), y ^ ((turned == 1) | (turned == 2))
                exchanged = exchanged ^ odd
    return Orientation(exchanged, x, y)
