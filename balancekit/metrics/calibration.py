"""Whether probabilities are true: of what is given 80 %, 80 % should come about."""

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from balancekit.errors import OptionError
from balancekit.metrics.arguments import as_probabilities, as_targets

__all__ = [
    "brier",
    "classwise_calibration_error",
    "expected_calibration_error",
    "negative_log_likelihood",
]

BinsBy = Literal["width", "mass"]

LEAST_PROBABILITY = float(np.finfo(np.float32).tiny)
"""The log of 0 would hide all other samples; softmax in float32 gives 0 below this."""


def expected_calibration_error(
    probabilities: ArrayLike, targets: ArrayLike, *, n_bins: int = 15, bins_by: BinsBy = "width"
) -> float:
    """Mean gap between how sure a model is of the class it takes and how often it is right.

    Low is not good by itself: a model that always gives the shares of the classes has no gap.
    Brier score and log likelihood see that too.

    Args:
        probabilities: [n, n_classes].
        targets: class indices, integer [n].
        n_bins: over [0, 1].
        bins_by: "width" for bins of equal width; "mass" for bins of as many samples each,
            which leaves no bin with a handful.

    Raises:
        OptionError: these are no probabilities, or shapes do not fit.

    Source: Naeini et al., AAAI 2015; Guo et al. 2017 (arXiv 1706.04599), section 2, bins open
    below. Equal mass: Nguyen and O'Connor, EMNLP 2015.

    >>> round(expected_calibration_error([[0.8, 0.2], [0.8, 0.2]], [0, 1]), 3)
    0.3
    """
    given = _of_one_class(probabilities, targets)
    confidence, is_right = given.max(1), given.argmax(1) == np.asarray(targets)
    return _gap(confidence, is_right, n_bins, bins_by)


def classwise_calibration_error(
    probabilities: ArrayLike, targets: ArrayLike, *, n_bins: int = 15, bins_by: BinsBy = "width"
) -> float:
    """Mean over the classes of the gap between their probabilities and how often they occur.

    It sees rare classes, which are seldom the one that is taken; and it has a meaning for
    several labels a sample.

    Args:
        probabilities: [n, n_classes].
        targets: class indices, integer [n]; or 0 and 1, [n, n_classes], for several labels.
        n_bins: over [0, 1].
        bins_by: "width" or "mass", as for `expected_calibration_error`.

    Source: Kull et al. 2019 (arXiv 1910.12656); Nixon et al. 2019 (arXiv 1904.01685).
    """
    given = as_probabilities(probabilities, one_class=np.ndim(targets) == 1)
    is_of = as_targets(targets, given)
    gaps = [_gap(p, y, n_bins, bins_by) for p, y in zip(given.T, is_of.T, strict=True)]
    return float(np.mean(gaps))


def brier(probabilities: ArrayLike, targets: ArrayLike) -> float:
    """Mean squared distance between probabilities and what came about, in [0, 2].

    Args:
        probabilities: [n, n_classes].
        targets: class indices, integer [n].

    Source: Brier, Monthly Weather Review 78 (1950). scikit-learn gives half of it for two
    classes.

    >>> round(brier([[0.8, 0.2], [0.8, 0.2]], [0, 1]), 3)
    0.68
    """
    given = _of_one_class(probabilities, targets)
    return float(((given - as_targets(targets, given)) ** 2).sum(1).mean())


def negative_log_likelihood(probabilities: ArrayLike, targets: ArrayLike) -> float:
    """Mean of -log of the probability given to the true class, in nats.

    A probability below 1.2e-38, where float32 ends, counts as that.

    Args:
        probabilities: [n, n_classes].
        targets: class indices, integer [n].

    >>> round(negative_log_likelihood([[0.8, 0.2], [0.8, 0.2]], [0, 1]), 3)
    0.916
    """
    given = _of_one_class(probabilities, targets)
    true = given[np.arange(len(given)), np.asarray(targets)]
    return float(-np.log(np.maximum(true, LEAST_PROBABILITY)).mean())


def _of_one_class(probabilities: ArrayLike, targets: ArrayLike) -> NDArray[np.float64]:
    given = as_probabilities(probabilities)
    if np.ndim(targets) != 1:
        raise OptionError(
            f"targets: expected class indices [n], got shape {np.shape(targets)}. For several "
            "labels a sample take classwise_calibration_error."
        )
    as_targets(targets, given)
    return given


def _gap(
    probability: NDArray[np.float64], came_about: NDArray[np.bool_], n_bins: int, bins_by: BinsBy
) -> float:
    """Mean over samples of |mean probability - share that came about| of their bin."""
    if n_bins < 1:
        raise OptionError(f"n_bins: expected an integer ≥ 1, got {n_bins}")
    if bins_by == "width":
        bins = np.clip(np.ceil(probability * n_bins).astype(np.int64) - 1, 0, n_bins - 1)
    elif bins_by == "mass":
        bins = np.empty(len(probability), np.int64)
        bins[np.argsort(probability, kind="stable")] = (
            np.arange(len(probability)) * n_bins // len(probability)
        )
    else:
        raise OptionError(f"bins_by: expected 'width' or 'mass', got {bins_by!r}")
    gaps = np.bincount(bins, probability - came_about, minlength=n_bins)
    return float(np.abs(gaps).sum() / len(probability))
