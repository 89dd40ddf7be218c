"""Resamplers: index lists that are drawn once, before training."""

import math
import numbers

import msgspec
import numpy as np
from numpy.typing import NDArray

from balancekit.errors import OptionError
from balancekit.labels import Labels
from balancekit.samplers.class_index import ClassIndex
from balancekit.samplers.permutation import hash_keys, permute

__all__ = [
    "MakeImbalanced",
    "Oversample",
    "Regroup",
    "Strategy",
    "Undersample",
    "resampled_indices",
    "stratified_split",
]


class _Strategy(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"
):
    pass


class Oversample(_Strategy, frozen=True, kw_only=True, tag="oversample"):
    """Every class up to `ratio` of the largest, by repeating its samples evenly.

    No sample is left out: a class that is above stays as it is.

    Args:
        ratio: in (0, 1].

    Raises:
        OptionError: the ratio is not in (0, 1].
    """

    ratio: float = 1.0

    def __post_init__(self) -> None:
        if not (_is_finite(self.ratio) and 0 < self.ratio <= 1):
            _refuse(self, ratio="a number in (0, 1], such as 0.5")


class Undersample(_Strategy, frozen=True, kw_only=True, tag="undersample"):
    """Every class down to `multiple` times the smallest, by leaving samples out.

    Args:
        multiple: ≥ 1.

    Raises:
        OptionError: the multiple is not a finite number ≥ 1.
    """

    multiple: float = 1.0

    def __post_init__(self) -> None:
        if not (_is_finite(self.multiple) and self.multiple >= 1):
            _refuse(self, multiple="a finite number ≥ 1, such as 2")


class Regroup(_Strategy, frozen=True, kw_only=True, tag="regroup"):
    """Class regrouping: `max_num` draws of every class, modulo its size.

    The class is shuffled first, so that the extra copies, and the samples left out where
    `max_num` is below the size of a class, are random ones and others for each seed.

    Args:
        max_num: draws of each class; the size of the largest class if not given.

    Raises:
        OptionError: max_num is no integer ≥ 1.

    Source: the label shuffling of Hikvision's entry to ILSVRC 2016.
    """

    max_num: int | None = None

    def __post_init__(self) -> None:
        if not _is_count_or_none(self.max_num):
            _refuse(self, max_num="an integer ≥ 1, such as 100, or None for the largest class")


class MakeImbalanced(_Strategy, frozen=True, kw_only=True, tag="make-imbalanced"):
    """A long tail: class c of C keeps `largest` · ratio^(-c / (C - 1)) samples, rounded down.

    Args:
        ratio: imbalance ratio of the result, ≥ 1.
        largest: samples of class 0; as many as every class can follow if not given.

    Raises:
        OptionError: the ratio is not a finite number ≥ 1, or largest no integer ≥ 1.

    Source: the exponential profile of CIFAR-LT, Cui et al. 2019 (arXiv 1901.05555).
    """

    ratio: float
    largest: int | None = None

    def __post_init__(self) -> None:
        wanted = {}
        if not (_is_finite(self.ratio) and self.ratio >= 1):
            wanted["ratio"] = "a finite number ≥ 1, such as 50"
        if not _is_count_or_none(self.largest):
            wanted["largest"] = "an integer ≥ 1, such as 100, or None for all that fit"
        _refuse(self, **wanted)


def _is_finite(value: object) -> bool:
    is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    return is_number and math.isfinite(value)  # type: ignore[arg-type]


def _is_count_or_none(value: object) -> bool:
    is_integer = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    return value is None or (is_integer and value >= 1)  # type: ignore[operator]


def _refuse(strategy: _Strategy, **wanted: str) -> None:
    """Raise an OptionError of the fields that are not what is wanted, if there are any."""
    name = type(strategy).__name__
    problems = [
        f"{name}.{field}: expected {words}, got {getattr(strategy, field)!r}"
        for field, words in wanted.items()
    ]
    if problems:
        raise OptionError("; ".join(problems))


Strategy = Oversample | Undersample | Regroup | MakeImbalanced


def resampled_indices(labels: Labels, strategy: Strategy, *, seed: int = 0) -> NDArray[np.int64]:
    """Indices of the samples of the resampled set, shuffled: int64 [n_drawn].

    Samples of a class are used floor or ceil of (its draws / its size) times. Classes
    without samples, and samples without a label, do not occur.

    Raises:
        DataError: no sample is labelled, or samples carry several classes.
        OptionError: the strategy is none.
    """
    if not isinstance(strategy, Strategy):
        raise OptionError(
            "strategy: expected Oversample(), Undersample(), Regroup(max_num=…) or "
            f"MakeImbalanced(ratio=…), got {strategy!r}. Give one of these objects."
        )
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
        case MakeImbalanced(ratio=ratio, largest=largest):
            ranks = np.arange(len(counts)) / max(1, len(counts) - 1)
            head = largest or int((counts * ratio**ranks).min())
            # The 1e-9 keeps 100 * 50 ** -1 at 2, where floats fall below.
            wanted = np.minimum(counts, np.floor(head * ratio**-ranks + 1e-9).astype(np.int64))
    return np.where(filled, wanted, 0)


def stratified_split(
    labels: Labels, share: float, *, seed: int = 0
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Indices of two parts, the second with `share` of each class: two of int64, sorted.

    The second part gets the share rounded to the nearest sample, at least one of every
    class that has two; a class of one sample stays in the first. Samples without a label
    are in neither.

    Args:
        labels: one class a sample.
        share: in (0, 1).
        seed: of the choice.

    Raises:
        OptionError: share is not between 0 and 1.

    >>> kept, held_out = stratified_split(Labels.from_names("aaaabb"), 0.25)
    >>> len(kept), len(held_out)
    (4, 2)
    """
    if not (_is_finite(share) and 0 < share < 1):
        raise OptionError(
            f"share: expected a number in (0, 1), got {share!r}. "
            "Use a share such as 0.2 to hold out a fifth of each class."
        )
    index = ClassIndex.from_labels(labels)
    counts = index.class_counts()
    wanted = np.clip(np.round(share * counts).astype(np.int64), 1, np.maximum(counts - 1, 0))
    class_ids = np.repeat(np.arange(len(counts)), counts)
    places = np.arange(counts.sum()) - index.starts[class_ids]
    keys = hash_keys(seed, class_ids, -2)
    second = permute(places, counts[class_ids], keys) < wanted[class_ids]
    samples = index.take(class_ids, places)
    return np.sort(samples[~second]), np.sort(samples[second])
