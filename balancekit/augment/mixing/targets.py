"""Targets of a batch in the form in which they mix: shares of the classes, or masks."""

from dataclasses import dataclass

import torch
from torch import Tensor

from balancekit.errors import OptionError

__all__ = ["Masks", "Shares", "as_targets", "blend"]


@dataclass(frozen=True, eq=False)
class Shares:
    """What a sample is of: shares of the classes, or labels.

    Attributes:
        values: float [N, C], 0 where ignored.
        ignored: bool [N, 1] of class indices, [N, C] of shares and labels.
        fill: what stands in mixed targets where they are ignored: 0 for rows of class
            indices, which losses of soft targets leave out; ignore_index for labels.
    """

    values: Tensor
    ignored: Tensor
    fill: float

    def presence(self) -> Tensor:
        """Share of each class in each sample, float [N, C], sum 1 or 0."""
        return self.values / self.values.sum(1, keepdim=True).clamp(min=1e-12)

    def unmixed(self) -> Tensor:
        """The targets as they are, in the form of mixed ones: float [N, C]."""
        return self.values.masked_fill(self.ignored, self.fill)


@dataclass(frozen=True, eq=False)
class Masks:
    """A class for every pixel.

    Attributes:
        values: int [N, H, W].
        n_classes: C.
        ignore_index: pixel that does not count.
    """

    values: Tensor
    n_classes: int
    ignore_index: int

    def shows(self) -> Tensor:
        """Whether each picture shows each class: bool [N, C]."""
        classes = self.values.flatten(1)
        places = torch.where(_are(classes, self.ignore_index), self.n_classes, classes.long())
        shows = places.new_zeros((len(places), self.n_classes + 1), dtype=torch.bool)
        return shows.scatter_(1, places, True)[:, :-1]

    def presence(self) -> Tensor:
        """Each class that a picture shows alike, float [N, C], sum 1 or 0."""
        shows = self.shows().float()
        return shows / shows.sum(1, keepdim=True).clamp(min=1)

    def unmixed(self) -> Tensor:
        """The masks as they are."""
        return self.values


def as_targets(targets: Tensor, n_classes: int, ignore_index: int) -> Shares | Masks:
    """Targets in the form in which they mix.

    Args:
        targets: class indices int [N]; shares of classes float [N, C]; labels [N, L], 0, 1 or
            between, of any dtype; masks int [N, H, W].
        n_classes: C, or L.
        ignore_index: class index, label or pixel that does not count.

    Raises:
        OptionError: another shape or dtype; on the CPU, values out of range too.
    """
    if not isinstance(targets, Tensor):
        raise OptionError(
            f"targets: expected a tensor, got {type(targets).__name__}. "
            "torch.as_tensor(…) makes one; lists of boxes are for CopyPaste."
        )
    is_whole = not targets.is_floating_point()
    if targets.ndim == 2 and targets.shape[1] == n_classes:
        shares = targets.float() if is_whole else targets
        ignored = shares == ignore_index
        shares = shares.masked_fill(ignored, 0)
        _check_range(shares, ignored, 1, "shares or labels in [0, 1]", ignore_index)
        return Shares(shares, ignored, float(ignore_index))
    if is_whole and targets.ndim in (1, 3):
        ignored = _are(targets, ignore_index)
        wanted = f"classes 0 to {n_classes - 1}"
        _check_range(targets, ignored, n_classes - 1, wanted, ignore_index)
        if targets.ndim == 3:
            return Masks(targets, n_classes, ignore_index)
        classes = torch.arange(n_classes, device=targets.device)
        one_hot = (targets[:, None] == classes) & ~ignored[:, None]
        return Shares(one_hot.float(), ignored[:, None], 0.0)
    raise OptionError(
        "targets: expected class indices int [N], shares of classes or labels "
        f"[N, {n_classes}], or masks int [N, H, W], got "
        f"{str(targets.dtype).removeprefix('torch.')} {list(targets.shape)}."
    )


def blend(first: Shares, second: Shares, first_share: float | Tensor) -> Tensor:
    """Mixed targets first_share · first + (1 - first_share) · second: float [N, C].

    What is ignored in one of the two is ignored in the mixture, whose class nobody knows.

    Args:
        first: of N samples.
        second: of the N samples that they are mixed with.
        first_share: in [0, 1], one number or [N, 1].
    """
    # 16 bits would round twice.
    wide = torch.promote_types(first.values.dtype, torch.float32)
    a, b = first.values.to(wide), second.values.to(wide)
    mixed = (first_share * a + (1 - first_share) * b).to(first.values.dtype)
    return mixed.masked_fill(first.ignored | second.ignored, first.fill)


def _are(values: Tensor, number: int) -> Tensor:
    """Where integers are a number."""
    if values.dtype != torch.bool:
        bounds = torch.iinfo(values.dtype)
        if not bounds.min <= number <= bounds.max:
            # torch would wrap it round: -100 is 156 among bytes.
            return torch.zeros_like(values, dtype=torch.bool)
    return values == number


def _check_range(
    values: Tensor, ignored: Tensor, high: int, wanted: str, ignore_index: int
) -> None:
    """Refuse values on the CPU that are outside [0, high] and not ignored."""
    # Of tensors on a GPU the CPU would have to wait for the answer.
    if values.device.type != "cpu" or not values.numel() or _range_fits(values, high):
        return
    values = values.masked_fill(ignored, 0)
    if not _range_fits(values, high):
        least, most = (bound.item() for bound in values.aminmax())
        raise OptionError(
            f"targets: expected {wanted}, or {ignore_index} to be ignored, got "
            f"{most if least >= 0 else least:g}. Check n_classes and ignore_index."
        )


def _range_fits(values: Tensor, high: int) -> bool:
    least, most = (bound.item() for bound in values.aminmax())
    return bool(0 <= least <= most <= high)  # false of NaN
