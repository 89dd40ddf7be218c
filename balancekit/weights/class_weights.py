"""Class counts → class weights."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from balancekit.errors import OptionError
from balancekit.weights.normalize import Normalize, normalize_weights

__all__ = [
    "as_class_counts",
    "effective_sample_size",
    "median_frequency_weights",
    "pos_weight",
    "power_weights",
    "repeat_factors",
]


def as_class_counts(class_counts: ArrayLike) -> NDArray[np.float64]:
    """Counts, or shares of classes that all have samples, as float64 [n_classes].

    Raises:
        OptionError: not one non-negative finite number a class, or all of them 0, or shares
            of which one is 0.
    """
    counts = np.asarray(class_counts, np.float64)
    if counts.ndim != 1 or not counts.size:
        raise OptionError(f"class_counts: expected shape [n_classes], got {counts.shape}")
    if not np.all(np.isfinite(counts)) or counts.min() < 0 or counts.max() == 0:
        raise OptionError(
            "class_counts: expected finite numbers ≥ 0, one above 0, "
            f"got {counts.min()} to {counts.max()}"
        )
    if counts.min() == 0 and counts[counts > 0].min() < 1:
        raise OptionError(
            "class_counts: expected numbers of samples where a class has none, got shares "
            f"{counts[:5].tolist()}. An empty class counts as one sample, and shares do not tell "
            "how much that is"
        )
    return counts


def power_weights(
    class_counts: ArrayLike, exponent: float = 1.0, *, normalize: Normalize = "samples"
) -> NDArray[np.float64]:
    """Weights w_c ∝ n_c^-exponent: float64 [n_classes].

    Args:
        class_counts: samples of each class, or their shares, [n_classes].
        exponent: 1 inverse frequency, ½ its square root, 0 no weighting.
        normalize: what the weights sum to; "samples" Σ π_c·w_c = 1, "classes" Σ w_c = C,
            "none" n_c^-exponent itself.

    Raises:
        OptionError: the exponent is not finite, or counts are none.

    >>> power_weights([75, 25]).round(4).tolist()
    [0.6667, 2.0]
    """
    if not np.isfinite(exponent):
        raise OptionError(f"exponent: expected a finite number, got {exponent}. 1 is inverse")
    counts = as_class_counts(class_counts)
    return normalize_weights(_one_if_empty(counts) ** -exponent, counts, normalize)


def median_frequency_weights(
    class_counts: ArrayLike,
    present_totals: ArrayLike | None = None,
    *,
    normalize: Normalize = "samples",
) -> NDArray[np.float64]:
    """Weights w_c ∝ median(f) / f_c of class frequencies f: float64 [n_classes].

    An empty class is taken for one pixel among all. The median is that of the others.

    Args:
        class_counts: pixels of each class, [n_classes].
        present_totals: pixels of the images that show the class, [n_classes], so that
            f_c = class_counts / present_totals as in the paper. If not given, f_c is the
            share of all pixels, and the weights are those of inverse frequency.
        normalize: what the weights sum to; "samples" Σ π_c·w_c = 1, "classes" Σ w_c = C,
            "none" median(f) / f_c itself, 1 for the median class.

    Raises:
        OptionError: totals that do not fit the counts.

    Source: Eigen and Fergus 2015 (arXiv 1411.4734), on semantic labels.

    >>> median_frequency_weights([60, 30, 10], [100, 100, 20], normalize="none").tolist()
    [0.8333333333333334, 1.6666666666666667, 1.0]
    """
    counts = as_class_counts(class_counts)
    seen = counts > 0
    everything = np.full_like(counts, counts.sum())
    totals = everything if present_totals is None else np.asarray(present_totals, np.float64)
    # As "not all right": every comparison with NaN is false.
    if totals.shape != counts.shape or not np.all((totals >= counts) & (totals < np.inf)):
        raise OptionError(
            f"present_totals: expected {len(counts)} numbers, one a class, at least its count "
            "each. Sum the pixels of the images that show the class, all classes included"
        )
    frequencies = _one_if_empty(counts) / np.where(seen, totals, everything)
    median = float(np.median(frequencies[seen]))
    return normalize_weights(median / frequencies, counts, normalize)


def _one_if_empty(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(counts > 0, counts, 1.0)


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

    Raises:
        OptionError: a label has more positives than samples, or an option is out of range.

    Source: torch.nn.BCEWithLogitsLoss, pos_weight.

    >>> pos_weight([100, 10], 110, power=0.5).round(3).tolist()
    [0.316, 3.162]
    """
    positives = as_class_counts(class_counts)
    if not 0 <= power < np.inf:
        raise OptionError(f"power: expected a number ≥ 0, got {power}. 1 balances fully")
    if cap is not None and not cap > 0:
        raise OptionError(f"cap: expected a number above 0, or None, got {cap}")
    # As "not right": every comparison with NaN is false.
    if not positives.max() <= n_samples < np.inf:
        raise OptionError(
            f"n_samples: expected at least the {positives.max():g} samples of the largest "
            f"label, got {n_samples}"
        )
    ratio = ((n_samples - positives) / _one_if_empty(positives)) ** power
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

    Args:
        class_counts: samples of each class, [n_classes].
        weights: ≥ 0, [n_classes], one above 0 for a class that has samples.

    Raises:
        OptionError: weights that do not fit the counts.

    Source: Kish, Survey Sampling (1965).

    >>> round(effective_sample_size([90, 10], [1 / 1.8, 5.0]))
    36
    """
    counts, each = as_class_counts(class_counts), np.asarray(weights, np.float64)
    right = each.shape == counts.shape and np.all((each >= 0) & (each < np.inf))
    if not right or not np.any(each[counts > 0]):
        raise OptionError(
            f"weights: expected {len(counts)} finite numbers ≥ 0, one a class, and one above 0 "
            f"for a class that has samples, got shape {each.shape}"
        )
    # Relative to the largest that counts: the squares of large weights overflow.
    each = np.where(counts > 0, each, 0.0) / float(each[counts > 0].max())
    weighted = counts * each
    return float(weighted.sum() ** 2 / (weighted * each).sum())
