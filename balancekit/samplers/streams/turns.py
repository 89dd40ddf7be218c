"""Whose turn is when in a block of samples."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["rounded", "spread"]


def rounded(shares: NDArray[np.float64], start: float) -> NDArray[np.int64]:
    """Whole numbers within 1 of the shares, and their sum within 1 of the sum: [n_classes].

    Args:
        shares: ≥ 0, float64 [n_classes].
        start: in [0, 1), which decides what is rounded up.

    >>> rounded(np.array([1.5, 1.5, 0.5]), start=0.5).tolist()
    [2, 1, 1]
    """
    ends = np.floor(np.cumsum(shares) + start).astype(np.int64)
    return np.diff(ends, prepend=0)


def spread(n_per_class: NDArray[np.int64], noise: NDArray[np.float64]) -> NDArray[np.int64]:
    """Class ids, as many of each as told and spread evenly: the k-th of n in [k, k + 1) / n.

    Args:
        n_per_class: int64 [n_classes].
        noise: place of each turn in its stretch, in [0, 1), float64 [n_per_class.sum()].

    >>> spread(np.array([4, 2]), np.full(6, 0.5)).tolist()
    [0, 1, 0, 0, 1, 0]
    """
    class_ids = np.repeat(np.arange(len(n_per_class)), n_per_class)
    first = np.cumsum(n_per_class) - n_per_class
    times = (np.arange(len(class_ids)) - first[class_ids] + noise) / n_per_class[class_ids]
    return class_ids[np.argsort(times, kind="stable")]
