"""How many samples each class should come to."""

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from balancekit.errors import OptionError

__all__ = ["Target", "checked_target", "wanted_counts"]

Level = Literal["max", "median"]
Target = Level | int
"""The count of the largest class, the median of the classes, or a number."""


def checked_target(target: object) -> Target:
    """The target, also where it is a number in words, as the command line gives it.

    Raises:
        OptionError: it is none.

    >>> checked_target("median"), checked_target("300")
    ('median', 300)
    """
    if isinstance(target, str) and target.isascii() and target.isdecimal():
        target = int(target)
    if target in get_args(Level) or (
        isinstance(target, int) and not isinstance(target, bool) and target > 0
    ):
        return target  # type: ignore[return-value]  # as it was just checked
    raise OptionError(
        f"target: expected {', '.join(get_args(Level))} or a number of samples such as 500, got "
        f"{target!r}"
    )


def wanted_counts(class_counts: NDArray[np.int64], target: Target) -> NDArray[np.int64]:
    """What each class should come to: the target, or what it has where that is more.

    Args:
        class_counts: int64 [n_classes], samples or objects of each class. Classes without any
            stay so, as there is nothing to make new ones from, and do not enter the median.
        target: "max" and "median" are those of the classes that have samples; a median
            between two numbers is rounded down.

    Raises:
        OptionError: the target is none.

    >>> wanted_counts(np.array([9, 4, 1, 0]), "median").tolist()
    [9, 4, 4, 0]
    """
    target = checked_target(target)
    filled = class_counts[class_counts > 0]
    if isinstance(target, str):
        level = (
            filled.max(initial=0) if target == "max" else np.median(filled) if filled.size else 0
        )
    else:
        level = target
    return np.where(class_counts > 0, np.maximum(class_counts, int(level)), 0)
