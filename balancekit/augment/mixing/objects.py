"""Pictures with objects in boxes or masks, as torchvision's detectors take them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from balancekit.errors import OptionError

__all__ = ["Objects", "as_objects", "bounds_of", "check_alike", "pixel_windows"]

ROWS = ("boxes", "labels", "masks", "area", "iscrowd")
"""What has one row an object."""
PICTURE = ("image_id", "size", "orig_size")
"""What belongs to the picture."""


@dataclass(frozen=True, eq=False)
class Objects:
    """A picture and its n objects.

    Attributes:
        image: [channels, H, W].
        target: boxes float [n, 4] of x1, y1, x2, y2, labels int [n], and masks [n, H, W],
            area [n] and iscrowd [n] if there are any.
    """

    image: Tensor
    target: dict[str, Any]

    def __len__(self) -> int:
        return len(self.target["labels"])

    @property
    def rows(self) -> dict[str, Tensor]:
        """The parts of the target that have one row an object."""
        return {name: self.target[name] for name in ROWS if name in self.target}

    @property
    def masks(self) -> Tensor | None:
        """The masks [n, H, W], if there are any."""
        masks: Tensor | None = self.target.get("masks")
        return masks

    def whole_rows(self) -> list[int]:
        """The rows of the objects that have pixels, and are no crowds."""
        if self.masks is not None:
            fits = (self.masks > 0).flatten(1).any(1)
        else:
            left, top, right, bottom = pixel_windows(
                self.target["boxes"], *self.image.shape[1:]
            ).unbind(1)
            fits = (left < right) & (top < bottom)
        if "iscrowd" in self.target:
            fits = fits & (self.target["iscrowd"] == 0)
        return [int(row) for row in fits.nonzero()]


def as_objects(images: Any, targets: Any, n_classes: int) -> list[Objects]:
    """Pictures with their objects, checked.

    Args:
        images: [N, channels, H, W], or a list of [channels, H, W] of any sizes.
        targets: a dict for each.
        n_classes: labels are below it.

    Raises:
        OptionError: shapes or labels do not fit; all problems together.
    """
    if not isinstance(targets, Sequence) or not all(isinstance(t, Mapping) for t in targets):
        raise OptionError(
            "targets: expected a list of dicts with boxes and labels, one a picture, or masks "
            f"int [N, H, W], got {type(targets).__name__}."
        )
    if len(images) != len(targets):
        raise OptionError(f"targets: expected {len(images)}, one a picture, got {len(targets)}.")
    problems = [
        f"targets[{place}]: {problem}"
        for place, (image, target) in enumerate(zip(images, targets, strict=True))
        for problem in _problems(image, target, n_classes)
    ]
    if problems:
        shown = problems[:5] + [f"and {len(problems) - 5} more"] * (len(problems) > 5)
        raise OptionError("; ".join(shown))
    pictures = [Objects(image, dict(t)) for image, t in zip(images, targets, strict=True)]
    check_alike(pictures, ())
    return pictures


def check_alike(pictures: Sequence[Objects], donors: Sequence[Objects]) -> None:
    """Refuse pictures between which objects cannot be moved.

    Raises:
        OptionError: they differ in what is known of their objects, or in dtype or channels.
    """
    together = [*pictures, *donors]
    if len(keys := {tuple(picture.rows) for picture in together}) > 1:
        raise OptionError(
            "targets: expected the same keys in all of them, got "
            f"{' and '.join(', '.join(names) for names in sorted(keys))}."
        )
    kinds = {
        f"{len(picture.image)} channels of {picture.image.dtype} on {picture.image.device}"
        for picture in together
    }
    if len(kinds) > 1:
        raise OptionError(f"images: expected all alike, got {' and '.join(sorted(kinds))}.")


def pixel_windows(boxes: Tensor, height: int, width: int) -> Tensor:
    """The pixels of the picture that each box touches: int64 [n, 4] of x1, y1, x2, y2.

    >>> pixel_windows(torch.tensor([[0.5, 1.0, 2.5, 9.0]]), height=4, width=6).tolist()
    [[0, 1, 3, 4]]
    """
    size = torch.tensor([width, height], device=boxes.device)
    # float64: half floats do not count to a thousand and one.
    low, high = boxes.double()[:, :2].floor(), boxes.double()[:, 2:].ceil()
    windows = [torch.minimum(torch.clamp(edge.long(), min=0), size) for edge in (low, high)]
    return torch.cat(windows, 1)


def bounds_of(regions: Tensor) -> Tensor:
    """The box round each region, int64 [n, 4] of x1, y1, x2, y2; empty ones are 0."""
    if not regions.numel():
        return torch.zeros((len(regions), 4), dtype=torch.int64, device=regions.device)
    sides = []
    for along in (regions.any(1), regions.any(2)):  # over columns, over rows
        size = along.shape[1]
        first = along.int().argmax(1)
        last = size - along.flip(1).int().argmax(1)
        sides.append(torch.stack([first, last]) * along.any(1))
    (left, right), (top, bottom) = sides
    return torch.stack([left, top, right, bottom], 1)


def _problems(image: Any, target: Mapping[str, Any], n_classes: int) -> list[str]:
    if not isinstance(image, Tensor) or image.ndim != 3:
        return [f"expected a picture [channels, H, W], got {_shape(image)}"]
    if missing := [name for name in ("boxes", "labels") if name not in target]:
        return [f"expected boxes and labels, got no {' and no '.join(missing)}"]
    problems = []
    if others := sorted(target.keys() - set(ROWS) - set(PICTURE)):
        problems.append(
            f"expected {', '.join((*ROWS, *PICTURE))}, got {', '.join(others)} too, which "
            "would not be pasted with the objects"
        )
    labels = target["labels"]
    if not isinstance(labels, Tensor) or labels.ndim != 1 or labels.is_floating_point():
        return [*problems, f"labels: expected int [n], got {_shape(labels)}"]
    n = len(labels)
    shapes = {"boxes": [n, 4], "masks": [n, *image.shape[1:]], "area": [n], "iscrowd": [n]}
    problems += [
        f"{name}: expected {shape}, got {_shape(target[name])}"
        for name, shape in shapes.items()
        if name in target and _shape(target[name]) != shape
    ]
    if not problems and not bool(target["boxes"].isfinite().all()):
        problems.append("boxes: expected finite numbers")
    if n and not (0 <= int(labels.min()) <= int(labels.max()) < n_classes):
        problems.append(
            f"labels: expected classes 0 to {n_classes - 1}, got {int(labels.min())} to "
            f"{int(labels.max())}"
        )
    return problems


def _shape(values: Any) -> list[int] | str:
    return list(values.shape) if isinstance(values, Tensor) else type(values).__name__
