"""Numbers in [0, 1) that a key decides."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from balancekit.samplers.permutation import hash_keys

__all__ = ["Noise", "noise_at"]

BLOCK = 4096
"""Numbers made at a time."""


def noise_at(*keys: ArrayLike) -> NDArray[np.float64]:
    """Uniform numbers in [0, 1), one for each key: float64, of the shape of the keys."""
    words = hash_keys(*keys) >> np.uint64(11)
    return np.asarray(words * 2.0**-53)


class Noise:
    """Uniform numbers in [0, 1), one after another.

    Args:
        *keys: that decide them.
    """

    def __init__(self, *keys: int) -> None:
        self._keys = keys
        self._left: list[float] = []
        self._n_blocks = 0

    def __call__(self) -> float:
        """The next number."""
        if not self._left:
            self._left = noise_at(*self._keys, self._n_blocks, np.arange(BLOCK)).tolist()
            self._n_blocks += 1
        return self._left.pop()
