"""Labels that are numbers: class ids as they are, names where they are no ids, or neither."""

import math
import re
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from balancekit.errors import DataError
from balancekit.labels.class_ids import UNLABELLED, as_class_ids

__all__ = [
    "are_targets",
    "classes_of_numbers",
    "look_like_targets",
    "whole_floats",
    "whole_numbers",
]

IGNORED_IDS = (-1, -100)
"""Integers that stand for no label: the second is torch's default ignore_index."""

CHUNK = 1 << 20
MAX_GAP_CLASSES = 1_000_000
"""Integer labels up to here are class ids as they are; above, they are names."""

NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?(e[-+]?\d+)?")
"""A number as a name; 007 is a code."""

MANY_DIFFERENT = 20
"""Numbers below which classes may be numbered in any way."""

FEW_SAMPLES = 10
"""Samples of a class in the mean, under which classes of one sample are a sign of numbers."""

NEARLY_ALL, MOST = 0.95, 0.8
"""Of the numbers from 0 or 1 on, that classes have which were numbered one by one; and that they
may have where they are small, and some without a sample."""

ALIKE = 0.6
"""Autocorrelation of the logarithms of counts; of 20 classes in any order, 0 ± 0.22."""


def classes_of_numbers(
    numbers: NDArray[np.generic], missing: NDArray[np.bool_]
) -> tuple[NDArray[np.int32], tuple[str, ...]]:
    """Class ids and class names of whole numbers, gaps included.

    Args:
        numbers: integers [n]; of Python, as objects, where they do not fit 64 bits.
        missing: [n], where there is none and `numbers` holds anything.

    Raises:
        DataError: negative numbers other than those that stand for no label.

    >>> classes_of_numbers(np.array([1, 2, -100]), np.zeros(3, bool))
    (array([ 1,  2, -1], dtype=int32), ('0', '1', '2'))
    """
    found = _distinct(numbers[~missing] if missing.any() else numbers)
    is_sign = found == {-1, 1}
    if not is_sign:
        for ignored in found & set(IGNORED_IDS):
            missing = missing | (numbers == ignored)
        found -= set(IGNORED_IDS)
    if found and min(found) >= 0 and max(found) < MAX_GAP_CLASSES and not missing.any():
        return as_class_ids(numbers), _numbered(max(found))
    ids = np.full(len(numbers), UNLABELLED, np.int64)
    if not found:
        return as_class_ids(ids), ()
    if is_sign or max(found) >= MAX_GAP_CLASSES:
        names, ids[~missing] = np.unique(numbers[~missing], return_inverse=True)
        return as_class_ids(ids), tuple(map(str, names.tolist()))
    if min(found) < 0:
        raise DataError(
            f"labels: expected class ids from 0, with {IGNORED_IDS} for a missing one, got "
            f"{min(found)}. Give names (text) if negative numbers are classes."
        )
    ids[~missing] = numbers[~missing]
    return as_class_ids(ids), _numbered(max(found))


def _numbered(last: int) -> tuple[str, ...]:
    return tuple(map(str, range(last + 1)))


def _distinct(numbers: NDArray[np.generic]) -> set[int]:
    """The different numbers, by counting where they lie close together: sorting takes longer."""
    if not numbers.size or numbers.dtype == object:
        return set(numbers.tolist())
    low, high = int(numbers.min()), int(numbers.max())
    if high - low > MAX_GAP_CLASSES or high >= 2**63:
        return set(np.unique(numbers).tolist())
    is_there = np.zeros(high - low + 1, np.bool_)
    for start in range(0, len(numbers), CHUNK):  # each copied as it is shifted
        part = numbers[start : start + CHUNK]
        is_there[part.astype(np.int64, copy=False) - low if low else part] = True
    return set((np.flatnonzero(is_there) + low).tolist())


def whole_numbers(
    values: Sequence[object],
) -> tuple[NDArray[np.generic], NDArray[np.bool_]] | None:
    """The arguments of `classes_of_numbers`, or None where a value is no number.

    Args:
        values: labels; None where one is missing. True and False are names, no numbers.

    Raises:
        DataError: all are numbers, and one is not whole.
    """
    for value in values:
        is_number = isinstance(value, int | float | np.integer | np.floating)
        if value is not None and (not is_number or isinstance(value, bool)):
            return None
    missing = np.array([value is None for value in values], np.bool_)
    given = [value for value in values if isinstance(value, float | np.floating)]
    _check_whole(np.array(given, np.float64))
    return _as_integers([0 if value is None else int(value) for value in values]), missing  # type: ignore[call-overload]


def are_targets(values: Sequence[object]) -> bool:
    """Whether all labels are numbers, and one is not whole: the targets of a regression.

    >>> are_targets([1, 2.5, None]), are_targets([1.0, 2]), are_targets([0.5, "a"])
    (True, False, False)
    """
    is_broken = False
    for value in values:
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
            return False
        is_broken = is_broken or (math.isfinite(value) and value != math.floor(value))
    return is_broken


def look_like_targets(samples_by_class: Mapping[str, int]) -> bool:
    """Whether names of classes are rather numbers to predict: many, and no class ids.

    Numbers that are not whole are no ids. Whole ones look like targets if neighbours have about
    as many samples as each other, as ages do, or if classes have few samples and some a single
    one. Where most from 0 or 1 on are there, as where classes were numbered, the second tells
    nothing, and where nearly all are, neither does the first.

    Args:
        samples_by_class: samples of each class by its name; empty classes do not count.

    >>> look_like_targets({str(age): 300 - 3 * abs(age - 40) for age in range(18, 91)})
    True
    >>> look_like_targets({str(class_id): 1 + class_id % 7 for class_id in range(100)})
    False
    """
    filled = {name: count for name, count in samples_by_class.items() if count}
    if len(filled) < MANY_DIFFERENT or not all(map(NUMBER.fullmatch, filled)):
        return False
    values = np.array([*map(float, filled)])
    if (values != np.floor(values)).any():
        return True
    low, high = values.min(), values.max()
    share_as_ids = len(values) / (high - low + 1) if low in (0, 1) else 0.0
    if share_as_ids >= NEARLY_ALL:
        return False
    counts = np.array([*filled.values()])[np.argsort(values)]
    if counts.min() == 1 and counts.mean() < FEW_SAMPLES and share_as_ids < MOST:
        return True
    if counts.min() == counts.max():  # nothing but rounding is left to correlate
        return False
    logs = np.log(counts) - np.log(counts).mean()
    return bool((logs[:-1] * logs[1:]).sum() > ALIKE * (logs**2).sum())


def whole_floats(
    values: NDArray[np.floating],
) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
    """The arguments of `classes_of_numbers` for an array of floats; NaN is missing.

    Raises:
        DataError: a number is not whole.
    """
    missing = np.isnan(values)
    _check_whole(values[~missing])
    filled = np.where(missing, 0, values)
    if np.abs(filled).max(initial=0) < 2**53:
        return filled.astype(np.int64), missing
    return _as_integers([int(value) for value in filled.tolist()]), missing


def _as_integers(values: list[int]) -> NDArray[np.generic]:
    # As objects beyond 63 bits: numpy makes floats of a mixture with negative numbers.
    fits = max(map(abs, values), default=0) < 2**63
    return np.array(values, np.int64 if fits else object)


def _check_whole(values: NDArray[np.floating]) -> None:
    infinite = values[~np.isfinite(values)]
    if infinite.size:
        raise DataError(
            f"labels: expected class ids, got {infinite[0]}. Give None or NaN for a missing label."
        )
    broken = values[values != np.floor(values)]
    if broken.size:
        raise DataError(
            f"labels: expected classes, got {broken[0]:g}: numbers like this look like "
            "the targets of a regression. Read them with task='regression', or give classes: "
            "integers or names (text), such as the bin in which each number falls."
        )
