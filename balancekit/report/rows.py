"""Which classes, or bins of a regression, have a row where not all can have one."""

from collections.abc import Sequence
from itertools import pairwise

__all__ = ["MOST_ROWS", "groups_of_bins", "left_out_text", "rows_of"]

MOST_ROWS = 40
"""Rows of a plot: of more, the middle is left out."""

MOST_GROUPS = 16
"""Rows of a histogram in a terminal."""


def rows_of(counts: Sequence[int], *, by_value: bool = False) -> list[int]:
    """Classes to plot, the largest first; of too many, both ends.

    Args:
        counts: of each.
        by_value: True for bins, in their own order; of too many the empty ones go first.

    >>> rows_of([1, 5, 3]), rows_of([1, 5, 3], by_value=True)
    ([1, 2, 0], [0, 1, 2])
    """
    order = sorted(range(len(counts)), key=lambda c: (-counts[c], c))
    if by_value and len(order) > MOST_ROWS:
        order = [c for c in order if counts[c]]
    if len(order) > MOST_ROWS:
        order = order[: MOST_ROWS // 2] + order[-MOST_ROWS // 2 :]
    return sorted(order) if by_value else order


def left_out_text(n_left_out: int, *, are_bins: bool = False) -> str:
    """What a plot says of those without a row; "" where there are none."""
    if not n_left_out:
        return ""
    if are_bins:
        return f"{n_left_out:,} bins are left out: empty ones first, then those of middling counts."
    return f"The {n_left_out:,} classes between are left out."


def groups_of_bins(names: Sequence[str]) -> list[tuple[int, int]]:
    """First and end of groups of 1, 2, 5, 10 … bins, at most 16, from round values on.

    Args:
        names: of the bins of a regression, such as "18" or "[0.5, 0.6)".

    >>> groups_of_bins([str(age) for age in range(18, 50)])
    [(0, 2), (2, 7), (7, 12), (12, 17), (17, 22), (22, 27), (27, 32)]
    """
    n_bins = len(names)
    sizes = (step * 10**power for power in range(20) for step in (1, 2, 5))
    size = next(size for size in sizes if n_bins <= size * (MOST_GROUPS - 1))
    lows = [float(name.strip("[)").split(", ")[0]) for name in names[:2]]
    start = round(lows[0] / (lows[1] - lows[0])) if n_bins > 1 else 0
    ends = [end for end in range(size - start % size, n_bins, size) if end > 0]
    return list(pairwise([0, *ends, n_bins]))
