"""What metrics are given, checked once: scores, probabilities and targets as arrays."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from balancekit.errors import OptionError

__all__ = ["as_floats", "as_probabilities", "as_scores", "as_targets", "known_mean"]

Floats = NDArray[np.float64]

ROW_SUM_TOLERANCE = 1e-2
"""Probabilities in half precision sum to 1 no better than this."""


def as_floats(values: ArrayLike) -> Floats:
    """Numbers as float64 of their shape; of a tensor too that has a gradient or is on a device."""
    if hasattr(values, "detach"):
        values = values.detach().cpu().double()
    return np.asarray(values, np.float64)


def as_scores(scores: ArrayLike, name: str = "scores") -> Floats:
    """Finite numbers, one a sample and class: float64 [n, n_classes].

    Raises:
        OptionError: another shape, no sample, or numbers that are not finite.
    """
    given = as_floats(scores)
    if given.ndim != 2 or not given.size:
        raise OptionError(
            f"{name}: expected shape [n, n_classes] with at least one sample, got {given.shape}"
        )
    broken = np.flatnonzero(~np.isfinite(given).all(1))
    if broken.size:
        raise OptionError(
            f"{name}: expected finite numbers, got NaN or infinity in {broken.size} of "
            f"{len(given)} samples, the first at index {broken[0]}. The model has diverged, or "
            "an input held such a number."
        )
    return given


def as_probabilities(probabilities: ArrayLike, *, one_class: bool = True) -> Floats:
    """Probabilities of each class: float64 [n, n_classes].

    Args:
        probabilities: [n, n_classes].
        one_class: whether each sample has one class, so that they sum to 1.

    Raises:
        OptionError: these are no probabilities.
    """
    given = as_scores(probabilities, "probabilities")
    made_by = "softmax" if one_class else "the sigmoid"
    if given.min() < 0 or given.max() > 1 + 1e-6:
        raise OptionError(
            f"probabilities: expected numbers in [0, 1], got {given.min():.4g} to "
            f"{given.max():.4g}. Of logits, take {made_by} first."
        )
    off = np.abs(given.sum(1) - 1)
    if one_class and off.max() > ROW_SUM_TOLERANCE:
        worst = int(off.argmax())
        raise OptionError(
            f"probabilities: expected rows that sum to 1, got {given[worst].sum():.4g} at index "
            f"{worst}. For several labels a sample, give targets of 0 and 1, [n, n_classes]."
        )
    return given


def as_targets(targets: ArrayLike, scores: Floats) -> NDArray[np.bool_]:
    """Whether each sample is of each class: bool [n, n_classes].

    Args:
        targets: class indices, integer [n]; or 0 and 1, [n, n_classes], for several labels.
        scores: whose shape they are to fit.

    Raises:
        OptionError: they do not, or there are other classes or labels.
    """
    given, (n, n_classes) = np.asarray(targets), scores.shape
    if given.shape == (n, n_classes):
        if not np.isin(given, (0, 1)).all():
            raise OptionError("targets: expected labels 0 and 1, got others. Leave out the rest.")
        return given.astype(np.bool_)
    if given.shape != (n,) or given.dtype.kind not in "iu":
        raise OptionError(
            f"targets: expected class indices [{n}], or 0 and 1 [{n}, {n_classes}], got "
            f"{given.dtype} {given.shape}"
        )
    if not 0 <= given.min() <= given.max() < n_classes:
        raise OptionError(
            f"targets: expected classes in [0, {n_classes}), got {given.min()} to {given.max()}. "
            "Leave out samples without a label."
        )
    is_of: NDArray[np.bool_] = given[:, None] == np.arange(n_classes)
    return is_of


def known_mean(values: Floats) -> float:
    """Mean of the values that are not NaN; NaN if all are."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else float("nan")
