"""Resamplers: index lists that are drawn once, before training."""

import msgspec
import numpy as np
from numpy.typing import NDArray

from balancekit.labels import Labels
from balancekit.samplers.class_index import ClassIndex
from balancekit.samplers.permutation import hash_keys, permute

__all__ = ["Oversample", "Regroup", "Strategy", "Undersample", "resampled_indices"]


class _Strategy(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"
):
    pass


class Oversample(_Strategy, frozen=True, kw_only=True, tag="oversample"):
    """Every class up to `ratio` of the largest, by repeating its samples evenly.

    No sample is left out: a class that is above stays as it is.

    Args:
        ratio: in (0, 1].
    """

    ratio: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.ratio <= 1:
            raise ValueError(f"ratio: expected a number in (0, 1], got {self.ratio}")


class Undersample(_Strategy, frozen=True, kw_only=True, tag="undersample"):
    """Every class down to `multiple` times the smallest, by leaving samples out.

    Args:
        multiple: ≥ 1.
    """

    multiple: float = 1.0

    def __post_init__(self) -> None:
        if not self.multiple >= 1:
            raise ValueError(f"multiple: expected a number ≥ 1, got {self.multiple}")


class Regroup(_Strategy, frozen=True, kw_only=True, tag="regroup"):
    """Class regrouping: `max_num` draws of every class, modulo its size.

    The class is shuffled first, so that the extra copies, and the samples left out where
    `max_num` is below the size of a class, are random ones and others for each seed.

    Args:
        max_num: draws of each class; the size of the largest class if not given.

    Source: the label shuffling of Hikvision's entry to ILSVRC 2016.
    """

    max_num: int | None = None

    def __post_init__(self) -> None:
        if self.max_num is not None and self.max_num < 1:
            raise ValueError(f"max_num: expected an integer ≥ 1, got {self.max_num}")


Strategy = Oversample | Undersample | Regroup


def resampled_indices(labels: Labels, strategy: Strategy, *, seed: int = 0) -> NDArray[np.int64]:
    """Indices of the samples of the resampled set, shuffled: int64 [n_drawn].

    Samples of a class are used floor or ceil of (its draws / its size) times. Classes
    without samples, and samples without a label, do not occur.

    Raises:
        DataError: no sample is labelled, or samples carry several classes.
    """
    index = ClassIndex.from_labels(labels)
    counts = index.class_counts()
    wanted = _draws_per_class(counts, strategy)
    class_ids = np.repeat(np.arange(len(counts)), wanted)
    numbers = np.arange(wanted.sum()) - np.repeat(np.cumsum(wanted) - wanted, wanted)
    sizes = counts[class_ids]
    positions = permute(numbers % sizes, sizes, hash_keys(seed, class_ids))
    order = permute(np.arange(len(class_ids)), len(class_ids), hash_keys(seed, -1))
    return index.take(class_ids, positions)[order]


def _draws_per_class(counts: NDArray[np.int64], strategy: Strategy) -> NDArray[np.int64]:
    filled = counts > 0
    match strategy:
        case Oversample(ratio=ratio):
            wanted = np.maximum(counts, round(ratio * int(counts.max())))
        case Undersample(multiple=multiple):
            wanted = np.minimum(counts, int(multiple * int(counts[filled].min())))
        case Regroup(max_num=max_num):
            wanted = np.full_like(counts, max_num or int(counts.max()))
    return np.where(filled, wanted, 0)
