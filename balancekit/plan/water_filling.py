"""Amounts in given proportions below given caps: what one cap cuts off fills the others."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["fill_up"]


def fill_up(
    rates: NDArray[np.float64],
    caps: NDArray[np.float64],
    total: float,
    *,
    offsets: NDArray[np.float64] | None = None,
) -> tuple[NDArray[np.float64], float]:
    """min(λ·rates + offsets, caps), λ so that they sum to the total, and λ.

    Args:
        rates: float64 [n_classes], ≥ 0; a class without a rate gets nothing.
        caps: float64 [n_classes], ≥ 0.
        total: > 0.
        offsets: what each class gets besides, float64 [n_classes]; nothing if not given.

    Returns:
        Amounts, float64 [n_classes], and the level λ ≥ 0; the caps and inf, if the caps are no
        more than the total. Negative offsets may leave a class nothing, but never less.

    >>> fill_up(np.array([0.5, 0.5]), np.array([0.1, 9.0]), 1.0)
    (array([0.1, 0.9]), 1.8)
    """
    besides = np.zeros(len(rates)) if offsets is None else offsets
    filled = np.where(rates > 0, caps, 0.0)
    open_ids = np.flatnonzero((rates > 0) & (caps > 0))
    with np.errstate(over="ignore"):  # of a rate near 0: its cap is never met
        levels = (caps - besides)[open_ids] / rates[open_ids]  # λ at which each meets its cap
        by_level = np.argsort(levels, kind="stable")
        order = open_ids[by_level]
        full = np.concatenate([[0.0], np.cumsum(caps[order])])[:-1]  # of the classes before each
        rest = np.cumsum(rates[order][::-1])[::-1]  # rates of the classes from each on
        left = total - full - np.cumsum(besides[order][::-1])[::-1]
        first_below = int(np.argmax(levels[by_level] * rest >= left)) if len(order) else 0
        if not len(order) or levels[by_level[first_below]] * rest[first_below] < left[first_below]:
            return filled, np.inf
        below, amount = order[first_below:], max(float(left[first_below]), 0.0)
        # Of the rates as shares: the level itself may be more than a float64 holds.
        amounts = amount * (rates[below] / rest[first_below]) + besides[below]
        filled[below] = np.clip(amounts, 0.0, caps[below])
        return filled, float(amount / rest[first_below])
