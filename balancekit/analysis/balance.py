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
    "entropy",
    "gini",
    "imbalance_degree",
    "imbalance_ratio",
    "likelihood_ratio_imbalance",
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


def imbalance_degree(class_counts: ArrayLike) -> float | None:
    """Imbalance degree: its whole part tells the number of minority classes, 0 is balanced.

    TV(p, e) / TV(ι_m, e) + m - 1, where TV is the total variation distance, e has 1/K for
    each of all K classes, m classes have less than that, and ι_m is the distribution with m
    such classes that is farthest from e: m classes of 0, one of (m + 1)/K, 1/K for the rest.
    So TV(ι_m, e) = m/K. None for fewer than two classes, or without samples.
    Source: Ortigosa-Hernández et al., Pattern Recognition Letters 98 (2017), with the total
    variation distance, one of the two that they advise.

    >>> imbalance_degree([3, 2, 1]), imbalance_degree([2, 2])
    (0.5, 0.0)
    """
    counts = np.asarray(class_counts, np.int64)
    total = int(counts.sum())
    if counts.size < 2 or not total:
        return None
    # n·K < N in whole numbers, without the product, which may not fit 64 bits.
    n_minority = int((counts < -(-total // counts.size)).sum())
    if not n_minority:
        return 0.0
    distance = 0.5 * float(np.abs(counts / total - 1 / counts.size).sum())
    return round(distance * counts.size / n_minority, 12) + n_minority - 1


def likelihood_ratio_imbalance(class_counts: ArrayLike) -> float | None:
    """Likelihood-ratio imbalance degree 2 Σ n_c ln(K·n_c / N), in nats: 0 is balanced.

    It equals 2N(ln K - H), so it is N times what the entropy H says, and no independent
    evidence: twice the data double it. None for fewer than two classes, or without samples.
    Source: Zhu et al., Pattern Recognition Letters 116 (2018).

    >>> likelihood_ratio_imbalance([5, 5])
    0.0
    """
    counts = np.asarray(class_counts, np.int64)
    filled = _filled(counts)
    if counts.size < 2 or not filled.size:
        return None
    return max(0.0, float(2 * (filled * np.log(filled * (counts.size / filled.sum()))).sum()))


def measure_balance(class_counts: ArrayLike, samples_per_class: ArrayLike | None = None) -> Balance:
    """All headline measures.

    Args:
        class_counts: in the task's unit, [n_classes].
        samples_per_class: by which classes are many, medium or few; `class_counts` if not
            given. A single picture has a hundred thousand pixels, and is no more than one.
    """
    counts = np.asarray(class_counts, np.int64)
    samples = counts if samples_per_class is None else np.asarray(samples_per_class, np.int64)
    shots = shot_groups(samples[samples > 0])
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
        imbalance_degree=imbalance_degree(counts),
        lrid=likelihood_ratio_imbalance(counts),
    )
