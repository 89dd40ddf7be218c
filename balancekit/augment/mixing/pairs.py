"""Which two pictures are mixed: a batch, what it is mixed with, and who goes with whom."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from balancekit.augment.mixing.draws import to_device
from balancekit.augment.mixing.targets import Masks, Shares, as_targets
from balancekit.errors import OptionError

__all__ = ["Batch", "Pairs", "as_batch", "pairs_by_class", "pairs_in_order", "shuffled_pairs"]


@dataclass(frozen=True, eq=False)
class Batch:
    """Pictures and what they are of.

    Attributes:
        images: [N, channels, H, W].
        targets: of the N pictures.
    """

    images: Tensor
    targets: Shares | Masks

    def __len__(self) -> int:
        return len(self.images)


@dataclass(frozen=True, eq=False)
class Pairs:
    """Sample i of the first batch goes with sample rows[i] of the second.

    Attributes:
        first: N samples.
        second: samples that they are mixed with.
        rows: int64 [N] on the device of the batches; None pairs them in order.
    """

    first: Batch
    second: Batch
    rows: Tensor | None

    def of_second(self, values: Tensor) -> Tensor:
        """Rows of something that the second batch has, in the order of the first."""
        return values if self.rows is None else values[self.rows]

    def second_shares(self) -> Shares:
        """Targets of the second pictures, in the order of the first."""
        shares = self.second.targets
        assert isinstance(shares, Shares)
        return replace(
            shares, values=self.of_second(shares.values), ignored=self.of_second(shares.ignored)
        )


def as_batch(images: Any, targets: Any, n_classes: int, ignore_index: int) -> Batch:
    """A batch whose shapes have been checked.

    Raises:
        OptionError: shapes, dtypes or devices do not belong together.
    """
    if not isinstance(images, Tensor) or images.ndim != 4:
        got = list(images.shape) if isinstance(images, Tensor) else type(images).__name__
        raise OptionError(f"images: expected a tensor [N, channels, H, W], got {got}.")
    if images.shape[3] <= 4 < min(images.shape[1:3]):
        raise OptionError(
            f"images: expected [N, channels, H, W], got {list(images.shape)}, channels last. "
            "Call images.permute(0, 3, 1, 2)."
        )
    checked = as_targets(targets, n_classes, ignore_index)
    shape = [len(images), *images.shape[2:]][: 1 if isinstance(checked, Shares) else 3]
    if list(targets.shape[: len(shape)]) != shape or targets.device != images.device:
        raise OptionError(
            f"targets: expected {shape} on {images.device} for images {list(images.shape)}, "
            f"got {list(targets.shape)} on {targets.device}."
        )
    return Batch(images, checked)


def pairs_in_order(first: Batch, second: Batch) -> Pairs:
    """Each sample with the one in the same row of a second batch.

    Raises:
        OptionError: the batches are not alike.
    """
    problems = []
    a, b = first.images, second.images
    if (a.shape, a.dtype, a.device) != (b.shape, b.dtype, b.device):
        problems.append(
            f"images {a.dtype} {list(a.shape)} on {a.device}, got {b.dtype} {list(b.shape)} "
            f"on {b.device}"
        )
    if type(first.targets) is not type(second.targets) or (
        isinstance(first.targets, Shares)
        and isinstance(second.targets, Shares)
        and first.targets.fill != second.targets.fill
    ):
        problems.append("targets of the same kind")
    if problems:
        raise OptionError(f"second: expected a batch like the first: {'; '.join(problems)}.")
    return Pairs(first, second, None)


def shuffled_pairs(batch: Batch, rng: np.random.Generator) -> Pairs:
    """Each sample with another of the batch, which may be itself; none with an ignored one."""
    rows = to_device(rng.permutation(len(batch)), batch.images.device)
    return Pairs(batch, batch, _itself_if_ignored(batch, rows))


def pairs_by_class(
    batch: Batch, class_weights: NDArray[np.float64], rng: np.random.Generator
) -> Pairs:
    """Each sample with one of the batch that is drawn by the weight of its class.

    Where no sample has a weight, all are drawn alike.

    Args:
        batch: N samples.
        class_weights: weight of a sample of each class, [C]; one of several classes has
            the mean of theirs.
        rng: for N numbers.
    """
    device = batch.images.device
    weights = batch.targets.presence().float() @ to_device(class_weights.astype("f4"), device)
    weights = torch.where(weights.sum() > 0, weights, 1.0)
    until = weights.cumsum(0)  # [N]
    points = to_device(rng.random(len(batch), np.float32), device) * until[-1:]
    rows = torch.searchsorted(until, points, right=True).clamp(max=len(batch) - 1)
    return Pairs(batch, batch, _itself_if_ignored(batch, rows))


def _itself_if_ignored(batch: Batch, rows: Tensor) -> Tensor:
    """The same rows, each sample with itself whose partner has no target."""
    if isinstance(batch.targets, Masks) or batch.targets.ignored.shape[1] > 1:
        return rows
    unknown = batch.targets.ignored[rows, 0]
    return torch.where(unknown, torch.arange(len(rows), device=rows.device), rows)
