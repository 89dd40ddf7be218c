"""SceneBatch: pictures in a batch and what lies on them, which moves along with their pixels."""

from dataclasses import dataclass

import torch
from torch import Tensor

from balancekit.errors import OptionError

__all__ = ["SceneBatch", "as_batch"]

DTYPES = (torch.uint8, torch.float16, torch.bfloat16, torch.float32)
MASK_DTYPES = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)


@dataclass(frozen=True, eq=False, kw_only=True)
class SceneBatch:
    """Pictures of one size in a batch, and their annotations.

    Args:
        images: [N, C, H, W], uint8, or float16, bfloat16 or float32 in [0, 1].
        masks: integers [N, H, W] or [N, M, H, W], class indices or instance ids.
        boxes: float32 [N, M, 4] of x1, y1, x2, y2 in pixels, as `Scene` has them; pictures
            with fewer than M are filled up with rows of zeros. Such a row is also what is
            left of a box that has gone from its picture.

    Raises:
        OptionError: shapes or dtypes are others.

    >>> SceneBatch(images=torch.zeros(2, 3, 8, 8), masks=torch.zeros(2, 8, 8).long()).boxes
    """

    images: Tensor
    masks: Tensor | None = None
    boxes: Tensor | None = None

    def __post_init__(self) -> None:
        problems = [_image_problem(self.images)]
        if not problems[0]:
            problems += [_mask_problem(self.masks, self.images)]
            problems += [_box_problem(self.boxes, self.images)]
        found = "; ".join(problem for problem in problems if problem)
        if found:
            raise OptionError(f"batch: expected {found}.")

    def with_parts(self, **parts: Tensor | None) -> "SceneBatch":
        """A batch with other parts, which are trusted to fit."""
        changed = object.__new__(SceneBatch)
        for name in self.__dataclass_fields__:
            object.__setattr__(changed, name, parts.get(name, getattr(self, name)))
        return changed


def as_batch(batch: object) -> SceneBatch:
    """A SceneBatch as it is, or one of pictures alone."""
    return batch if isinstance(batch, SceneBatch) else SceneBatch(images=batch)  # type: ignore[arg-type]  # is checked


def _image_problem(images: object) -> str:
    wanted = "images [N, C, H, W] of uint8, float16, bfloat16 or float32, not empty, got "
    if not isinstance(images, Tensor):
        return wanted + f"{type(images).__name__}. Call the policy itself for single pictures"
    if images.ndim != 4 or 0 in images.shape[1:] or images.dtype not in DTYPES:
        return wanted + _told(images)
    # Only where it makes nobody wait: a device that is asked for a value must finish first.
    if images.device.type == "cpu" and images.is_floating_point() and len(images):
        least, most = (float(value) for value in images.detach().aminmax())
        if not (least >= 0 and most <= 1):
            return (
                f"images of floats in [0, 1], got {least:g} to {most:g}. Divide by the full "
                "range, and normalise after augmentation"
            )
    return ""


def _mask_problem(masks: object, images: Tensor) -> str:
    if masks is None:
        return ""
    size = (len(images), *images.shape[2:])
    if isinstance(masks, Tensor) and masks.dtype in MASK_DTYPES:
        fits = masks.ndim in (3, 4) and (len(masks), *masks.shape[-2:]) == size
    else:
        fits = False
    if fits:
        return ""
    return f"masks of integers {list(size)}, or several along a second axis, got {_told(masks)}"


def _box_problem(boxes: object, images: Tensor) -> str:
    if boxes is None:
        return ""
    if isinstance(boxes, Tensor) and boxes.dtype == torch.float32:
        fits = boxes.ndim == 3 and (len(boxes), boxes.shape[2]) == (len(images), 4)
    else:
        fits = False
    if fits:
        return ""
    return (
        f"boxes float32 [{len(images)}, M, 4], got {_told(boxes)}. "
        "torch.nn.utils.rnn.pad_sequence makes one of a list"
    )


def _told(tensor: object) -> str:
    if not isinstance(tensor, Tensor):
        return type(tensor).__name__
    return f"{tensor.dtype} {list(tensor.shape)}"
