"""Fixed shares, held against the classes of the data."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from balancekit.plan.tagged import did_you_mean
from balancekit.plan.targets import Fixed

__all__ = ["fixed_problems", "ids_as_names"]

MOST_SHOWN = 5


def fixed_problems(
    targets: Fixed, counts: NDArray[np.float64], class_names: Sequence[str] | None
) -> list[str]:
    """What keeps fixed shares from the classes of the data, each problem with its field.

    Args:
        targets: the shares.
        counts: samples of each class, [n_classes].
        class_names: of the classes; their ids if not given.
    """
    names = ids_as_names(len(counts)) if class_names is None else class_names
    if isinstance(targets.shares, dict):
        return _named_problems(targets.shares, counts, names)
    if len(targets.shares) != len(counts):
        return [f"shares: expected {len(counts)} shares, one a class, got {len(targets.shares)}"]
    return _nothing_to_draw(targets.shares, counts, names)


def ids_as_names(n_classes: int) -> tuple[str, ...]:
    """Names of classes that have none: their ids."""
    return tuple(map(str, range(n_classes)))


def _named_problems(
    by_name: dict[str, float], counts: NDArray[np.float64], class_names: Sequence[str]
) -> list[str]:
    known = set(class_names)
    unknown = [name for name in by_name if name not in known]
    problems = [
        f"shares: expected names of classes, got {name!r}.{did_you_mean(name, class_names)}"
        for name in unknown[:MOST_SHOWN]
    ]
    if problems and not problems[-1].endswith("?"):  # nothing is near: tell all that there are
        problems[-1] += f" Classes are {_few(class_names)}"
    if len(unknown) > MOST_SHOWN:
        problems.append(f"shares: {len(unknown) - MOST_SHOWN:,} more names are no classes")
    seen = zip(class_names, counts, strict=True)
    unnamed = [name for name, count in seen if count and name not in by_name]
    if unnamed:
        problems.append(
            "shares: expected a share of each class that has samples, got none of "
            f"{_few(unnamed)}. Give 0 to classes that should never be drawn"
        )
    shares = [by_name.get(name, 0.0) for name in class_names]
    return problems + _nothing_to_draw(shares, counts, class_names)


def _nothing_to_draw(
    shares: Sequence[float], counts: NDArray[np.float64], class_names: Sequence[str]
) -> list[str]:
    given = zip(class_names, shares, counts, strict=True)
    empty = [name for name, share, count in given if share and not count]
    if not empty:
        return []
    return [f"shares: expected 0 for classes without samples, got more for {_few(empty)}"]


def _few(names: Sequence[str]) -> str:
    shown = ", ".join(map(repr, names[:MOST_SHOWN]))
    more = len(names) - MOST_SHOWN
    return f"{shown} and {more:,} more" if more > 0 else shown
