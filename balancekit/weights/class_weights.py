"""Class counts → class weights."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from balancekit.errors import OptionError

__all__ = [
    "as_class_counts",
    "effective_number_weights",
    "effective_sample_size",
    "pos_weight",
    "power_weights",
    "repeat_factors",
]


def as_class_counts(class_counts: ArrayLike) -> NDArray[np.float64]:
    """Counts as float64 [n_classes].

    Raises:
        OptionError: not one non-negative finite number a class, or all of them 0.
    """
    counts = np.asarray(class_counts, np.float64)
    if counts.ndim != 1 or not counts.size:
        raise OptionError(f"class_counts: expected shape [n_classes], got {counts.shape}")
    if not np.all(np.isfinite(counts)) or counts.min() < 0 or counts.max() == 0:
        raise OptionError(
            "class_counts: expected finite numbers ≥ 0, one above 0, "
            f"got {counts.min()} to {counts.max()}"
        )
    return counts


def _normalise(weights: NDArray[np.float64], counts: NDArray[np.float64]) -> NDArray[np.float64]:
    return weights * float(counts.sum() / (counts * weights).sum())


def power_weights(class_counts: ArrayLike, exponent: float = 1.0) -> NDArray[np.float64]:
    """Weights w_c ∝ n_c^-exponent: float64 [n_classes] with Σ π_c·w_c = 1.

    Args:
        class_counts: samples of each class, [n_classes].
        exponent: 1 inverse frequency, ½ its square root, 0 no weighting.

    >>> power_weights([75, 25]).round(4).tolist()
    [0.6667, 2.0]
    """
    counts = as_class_counts(class_counts)
    return _normalise(np.maximum(counts, 1.0) ** -exponent, counts)


def effective_number_weights(class_counts: ArrayLike, beta: float = 0.999) -> NDArray[np.float64]:
    """Weights w_c ∝ (1 - β) / (1 - β^n_c): float64 [n_classes] with Σ π_c·w_c = 1.

    Args:
        class_counts: samples of each class, [n_classes].
        beta: in [0, 1); 0 no weighting, towards 1 inverse frequency.

    Source: Cui et al. 2019 (arXiv 1901.05555), section 4; normalised by shares, where the
    paper makes the weights sum to the number of classes.

    >>> effective_number_weights([75, 25], beta=0.9).round(3).tolist()
    [0.981, 1.057]
    """
    if not 0 <= beta < 1:
        raise OptionError(f"beta: expected a number in [0, 1), got {beta}")
    counts = as_class_counts(class_counts)
    if beta == 0:
        return np.ones_like(counts)
    # 1 - β^n loses all its digits for β near 1 when it is computed as written.
    effective = -np.expm1(np.maximum(counts, 1.0) * np.log(beta)) / (1 - beta)
    return _normalise(1 / effective, counts)


def pos_weight(
    class_counts: ArrayLike, n_samples: int, *, power: float = 1.0, cap: float | None = None
) -> NDArray[np.float64]:
    """Weight of the positive term of each label's own BCE: float64 [n_labels].

    ((N - n_c) / n_c)^power, at most `cap`. It weighs independent sigmoids; for one
    softmax over all classes use `power_weights` or `effective_number_weights`.

    Args:
        class_counts: positives of each label, [n_labels].
        n_samples: N, all samples.
        power: 1 balances fully, ½ gives the square root.
        cap: largest weight allowed.

    Source: torch.nn.BCEWithLogitsLoss, pos_weight.

    >>> pos_weight([100, 10], 110, power=0.5).round(3).tolist()
    [0.316, 3.162]
    """
    positives = as_class_counts(class_counts)
    if n_samples < positives.max():
        raise OptionError(
            f"n_samples: expected at least the {int(positives.max())} samples of the largest "
            f"label, got {n_samples}"
        )
    ratio = ((n_samples - positives) / np.maximum(positives, 1.0)) ** power
    return ratio if cap is None else np.minimum(ratio, cap)


def repeat_factors(shares: ArrayLike, threshold: float) -> NDArray[np.float64]:
    """Repeats r_c = max(1, √(threshold / f_c)): float64 [n_classes], 1 where f_c is 0.

    Args:
        shares: f_c, share of the samples that have class c, [n_classes], in [0, 1]. Samples
            may have several classes. Counting objects too, it is the geometric mean of the
            class's shares of samples and of objects.
        threshold: share in (0, 1] below which a class is repeated.

    Raises:
        OptionError: threshold or a share is out of range.

    Source: Gupta et al. 2019 (arXiv 1908.03195), appendix B; objects: Yaman et al. 2023
    (arXiv 2305.08069).

    >>> repeat_factors([0.96, 0.04, 0.0], threshold=0.16).round(6).tolist()
    [1.0, 2.0, 1.0]
    """
    if not 0 < threshold <= 1:
        raise OptionError(f"threshold: expected a share of samples in (0, 1], got {threshold}")
    frequencies = np.asarray(shares, np.float64)
    if frequencies.ndim != 1 or not np.all((frequencies >= 0) & (frequencies <= 1)):
        raise OptionError("shares: expected shares in [0, 1] of shape [n_classes]")
    # What does not occur cannot be repeated; and a root of each, as the ratio may overflow.
    roots = np.sqrt(np.where(frequencies > 0, frequencies, 1.0))
    factors: NDArray[np.float64] = np.maximum(np.sqrt(threshold) / roots, 1.0)
    return factors


def effective_sample_size(class_counts: ArrayLike, weights: ArrayLike) -> float:
    """Samples of equal weight that estimate a mean as well: (Σ n_c w_c)² / Σ n_c w_c².

    Source: Kish, Survey Sampling (1965).

    >>> round(effective_sample_size([90, 10], [1 / 1.8, 5.0]))
    36
    """
    counts = as_class_counts(class_counts)
    weighted = counts * np.asarray(weights, np.float64)
    return float(weighted.sum() ** 2 / (weighted * np.asarray(weights, np.float64)).sum())
