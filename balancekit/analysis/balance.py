"""How unequal the class counts are: the headline measures.

n_c are the counts of the K classes, N their sum, p_c = n_c / N. Empty classes are counted
apart. They enter no ratio of counts, so that one of them does not make every number
infinite; normalised entropy and Gini, which stay finite, do count them among the K.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from balancekit.stats import Balance, shot_groups

__all__ = [
    "effective_classes",
    "gini",
    "imbalance_ratio",
    "measure_balance",
    "normalised_entropy",
]


def _filled(class_counts: ArrayLike) -> NDArray[np.float64]:
    counts = np.asarray(class_counts, np.float64)
    return counts[counts > 0]


def imbalance_ratio(class_counts: ArrayLike) -> float | None:
    """Largest count over smallest, classes without samples left out; None without samples.

    Source: Buda et al., Neural Networks 106 (2018).

    >>> imbalance_ratio([100, 10, 0])
    10.0
    """
    counts = _filled(class_counts)
    return float(counts.max() / counts.min()) if counts.size else None


def entropy(class_counts: ArrayLike) -> float:
    """Shannon entropy -Σ p·ln p of the classes, in nats."""
    counts = _filled(class_counts)
    shares = counts / max(1.0, counts.sum())
    return max(0.0, float(-(shares * np.log(shares)).sum()))


def normalised_entropy(class_counts: ArrayLike) -> float | None:
    """Entropy over its maximum ln K, K all classes, empty ones included: 1 is balanced.

    None for fewer than two classes, where the maximum is 0. Source: Pielou's evenness,
    Journal of Theoretical Biology 13 (1966).

    >>> normalised_entropy([5, 5])
    1.0
    """
    counts = np.asarray(class_counts)
    if counts.size < 2 or not counts.sum():
        return None
    return entropy(counts) / float(np.log(counts.size))


def effective_classes(class_counts: ArrayLike) -> tuple[float, float] | None:
    """How many equal classes would be as diverse: (e^H, 1 / Σp²); None without samples.

    Source: Hill numbers of order 1 and 2, Ecology 54 (1973).

    >>> effective_classes([5, 5, 0])
    (2.0, 2.0)
    """
    counts = _filled(class_counts)
    if not counts.size:
        return None
    shares = counts / counts.sum()
    return round(float(np.exp(entropy(counts))), 12), float(1 / (shares**2).sum())


def gini(class_counts: ArrayLike) -> float | None:
    """Gini coefficient of the counts, all K classes: 0 balanced, (K - 1) / K at most.

    Σ_i (2i - K - 1)·n_(i) / (K·N) over the counts in rising order. None without samples.
    Source: Yang et al. 2022 (arXiv 2205.13775), for long-tailed sets.

    >>> gini([1, 3])
    0.25
    """
    counts = np.sort(np.asarray(class_counts, np.float64))
    if not counts.size or not counts.sum():
        return None
    ranks = 2 * np.arange(1, counts.size + 1) - counts.size - 1
    return float((ranks * counts).sum() / (counts.size * counts.sum()))


def measure_balance(class_counts: ArrayLike) -> Balance:
    """All headline measures of the counts [n_classes]."""
    counts = np.asarray(class_counts, np.int64)
    shots = shot_groups(counts[counts > 0])
    effective = effective_classes(counts)
    return Balance(
        n_classes=counts.size,
        n_empty_classes=int((counts == 0).sum()),
        n_many=int((shots == "many").sum()),
        n_medium=int((shots == "medium").sum()),
        n_few=int((shots == "few").sum()),
        imbalance_ratio=imbalance_ratio(counts),
        entropy_normalised=normalised_entropy(counts),
        effective_classes_entropy=None if effective is None else effective[0],
        effective_classes_simpson=None if effective is None else effective[1],
        gini=gini(counts),
    )
