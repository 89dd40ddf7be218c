"""Class counts → weights by the effective number of samples, and the β that they take."""

from numbers import Real
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from balancekit.errors import OptionError
from balancekit.weights.class_weights import as_class_counts
from balancekit.weights.normalize import Normalize, normalize_weights

__all__ = ["choose_beta", "effective_number_weights"]


def effective_number_weights(
    class_counts: ArrayLike,
    beta: float | Literal["auto"] = 0.999,
    *,
    normalize: Normalize = "samples",
) -> NDArray[np.float64]:
    """Weights w_c ∝ (1 - β) / (1 - β^n_c): float64 [n_classes].

    Args:
        class_counts: samples of each class, [n_classes]; no shares, which have no effective
            number.
        beta: in [0, 1); 0 no weighting, towards 1 inverse frequency; "auto" asks
            `choose_beta`.
        normalize: what the weights sum to; "samples" Σ π_c·w_c = 1, "classes" Σ w_c = C as in
            the paper, "none" the formula.

    Raises:
        OptionError: beta is out of range, or counts are none.

    Source: Cui et al. 2019 (arXiv 1901.05555), section 4; the paper makes the weights sum to
    the number of classes.

    >>> effective_number_weights([75, 25], beta=0.9).round(3).tolist()
    [0.981, 1.057]
    """
    if beta == "auto":
        beta = choose_beta(class_counts)
    if not _is_beta(beta):
        raise OptionError(f"beta: expected a number in [0, 1), got {beta!r}. 'auto' chooses one")
    counts = _as_samples(class_counts)
    if beta == 0:
        return np.ones_like(counts)
    # 1 - β^n loses all its digits for β near 1 when it is computed as written.
    effective = -np.expm1(np.maximum(counts, 1.0) * np.log(beta)) / (1 - beta)
    return normalize_weights(1 / effective, counts, normalize)


def choose_beta(class_counts: ArrayLike) -> float:
    """The β whose limit of effective samples is the mean class: 1 - 1 / mean(n_c).

    A class of n samples has E(n) = (1 - β^n) / (1 - β) effective ones, which is about n while
    n is far below N = 1 / (1 - β), and never more than N: classes below N are weighted by
    inverse frequency, those above alike. The paper searches β in {.9, .99, .999, .9999}, so
    N in {10, 100, 1,000, 10,000}, whatever the size of the data set, and finds the largest
    best for the ten classes of CIFAR, smaller ones for its hundred.

    Our judgement is to take for N the samples that every class would have if all had equally
    many. Classes with more than that then weigh alike to within a factor of e / (e - 1) = 1.6,
    and the others are lifted. But for small counts w_c ∝ 1 / (1 - exp(-C·π_c)): the weights
    depend on the shares of the classes, not on the size of the data. Take β from validation
    where you can.

    Args:
        class_counts: samples of each class, [n_classes]; empty ones do not count.

    Raises:
        OptionError: counts are none.

    Source: the limit N, Cui et al. 2019 (arXiv 1901.05555), section 3.2; its choice is ours.

    >>> choose_beta([900, 90, 10])
    0.997
    """
    counts = _as_samples(class_counts)
    mean = float(counts[counts > 0].mean())
    return (mean - 1) / mean


def _as_samples(class_counts: ArrayLike) -> NDArray[np.float64]:
    counts = as_class_counts(class_counts)
    if np.any((counts > 0) & (counts < 1)):
        raise OptionError(
            "class_counts: expected numbers of samples, 0 or at least 1, got "
            f"{counts[counts > 0].min():g}. Shares have no effective number of samples"
        )
    return counts


def _is_beta(value: object) -> bool:
    return isinstance(value, Real) and 0 <= float(value) < 1
