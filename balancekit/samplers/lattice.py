"""Sums of floors: how many points of a lattice lie under a line."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["GOLDEN", "coprime_near", "floor_sum"]

GOLDEN = 0.6180339887498949
"""Steps of this share of a range visit it most evenly (the golden ratio, less one)."""


def coprime_near(n: int, near: float) -> int:
    """The first step from `near` on that visits all of range(n)."""
    step = max(1, round(near))
    while np.gcd(step, n) != 1:
        step += 1
    return step


def floor_sum(n: int, modulus: int, step: int, start: NDArray[np.int64]) -> NDArray[np.int64]:
    """Σ_{i=0}^{n-1} floor((step·i + start) / modulus), exactly, in O(log modulus).

    Args:
        n: number of terms, ≥ 0.
        modulus: > 0.
        step: ≥ 0.
        start: int64 [k], each ≥ 0.

    Source: the Euclidean algorithm on the lattice points under a line; Graham, Knuth,
    Patashnik, Concrete Mathematics, section 3.5.

    >>> floor_sum(4, 10, 6, np.array([3])).tolist()  # 0 + 0 + 1 + 2
    [3]
    """
    total = np.zeros(len(start), np.int64)
    terms, offset = np.full(len(start), n, np.int64), start.astype(np.int64)
    while True:
        total += terms * (terms - 1) // 2 * (step // modulus) + terms * (offset // modulus)
        step, offset = step % modulus, offset % modulus
        top = step * terms + offset
        if not np.any(top >= modulus):
            return total
        # Count the same points by rows instead of columns.
        terms, offset = top // modulus, top % modulus
        step, modulus = modulus, step
