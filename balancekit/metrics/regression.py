"""Errors of a regression where values have many, a medium number of and few training samples."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from balancekit.errors import OptionError
from balancekit.labels import Bins
from balancekit.metrics.arguments import as_floats, known_mean
from balancekit.metrics.shots import SHOTS, Shot
from balancekit.stats import shot_groups

__all__ = ["geometric_mean_error_by_shot", "mae_by_shot", "training_counts"]

Floats = NDArray[np.float64]


def mae_by_shot(
    predictions: ArrayLike, targets: ArrayLike, train_values: ArrayLike
) -> dict[Shot, float]:
    """Mean absolute error of targets with many, a medium number of and few training samples.

    NaN for a group without test samples. Groups go by the training samples in the bin of a
    target: over 100, 20 to 100, under 20.

    Args:
        predictions: [n].
        targets: [n].
        train_values: targets of the training samples.

    Raises:
        OptionError: shapes do not fit, or numbers are not finite.

    Source: Yang et al. 2021 (arXiv 2102.09554), section 4, who have a bin a year of age.

    >>> mae_by_shot([30, 30, 30], [30, 32, 70], [30] * 200 + [32] * 50)
    {'many': 0.0, 'medium': 2.0, 'few': 40.0}
    """
    errors, groups = _errors(predictions, targets, train_values)
    return {shot: known_mean(errors[groups == shot]) for shot in SHOTS}


def geometric_mean_error_by_shot(
    predictions: ArrayLike, targets: ArrayLike, train_values: ArrayLike
) -> dict[Shot, float]:
    """Geometric mean of the absolute errors by the same groups; 0 where one error is 0.

    Args:
        predictions: [n].
        targets: [n].
        train_values: targets of the training samples.

    Raises:
        OptionError: shapes do not fit, or numbers are not finite.

    Source: Yang et al. 2021 (arXiv 2102.09554), section 4: GM.
    """
    errors, groups = _errors(predictions, targets, train_values)
    return {shot: _geometric_mean(errors[groups == shot]) for shot in SHOTS}


def training_counts(values: ArrayLike, train_values: ArrayLike) -> NDArray[np.int64]:
    """How many training samples lie in the bin of each value: int64 [n].

    Bins are those of `Labels`: about 100 over the range of the training values, or one a number
    where these are whole and few.

    Args:
        values: [n].
        train_values: targets of the training samples.

    >>> training_counts([30, 31, 99], [30, 30, 31]).tolist()
    [2, 1, 0]
    """
    asked, known = _finite("values", values), _finite("train_values", train_values)
    width = Bins.of(known).width
    bins, counts = np.unique(np.floor(known / width), return_counts=True)
    wanted = np.floor(asked / width)
    at = np.minimum(np.searchsorted(bins, wanted), len(bins) - 1)
    return np.where(bins[at] == wanted, counts[at], 0)


def _errors(
    predictions: ArrayLike, targets: ArrayLike, train_values: ArrayLike
) -> tuple[Floats, NDArray[np.str_]]:
    """The absolute error of each sample, and the group that its target is in."""
    given, true = _finite("predictions", predictions), _finite("targets", targets)
    if given.shape != true.shape:
        raise OptionError(
            f"predictions: expected one a target, shape {true.shape}, got {given.shape}"
        )
    return np.abs(given - true), shot_groups(training_counts(true, train_values))


def _finite(name: str, values: ArrayLike) -> Floats:
    given = as_floats(values)
    if given.ndim != 1 or not given.size:
        raise OptionError(f"{name}: expected shape [n] with at least one sample, got {given.shape}")
    if broken := np.count_nonzero(~np.isfinite(given)):
        raise OptionError(
            f"{name}: expected finite numbers, got NaN or infinity in {broken} of {given.size}"
        )
    return given


def _geometric_mean(errors: Floats) -> float:
    if not errors.size or errors.min() == 0:
        return 0.0 if errors.size else float("nan")
    return float(np.exp(np.log(errors).mean()))
