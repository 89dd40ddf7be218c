"""The posterior that a model trained with focal loss stands for.

Focal loss is not proper: what minimises it is less sure than the posterior wherever a class has
more than ½. The minimiser v for a posterior η solves η_c ∝ h(v_c), with

    h(v) = v / ((1 - v)^γ - γ (1 - v)^(γ-1) v log v)

so h gives the posterior back. Class weights w make it η_c·w_c ∝ h(v_c), which is the posterior
under the prior that the model believes in; the order of classes never changes.

Here h is computed from the log odds d against a class, v = σ(-d):

    log h = log v - (γ - 1) log(1 - v) - log((1 - v) + γ v (-log v))

where all three terms keep their digits at any d.

Source: Charoenphakdee et al. 2021 (arXiv 2011.09172), their closed-form transformation; the
form for a sigmoid follows in the same way: α η / h(v) = (1 - α) (1 - η) / h(1 - v) where the
risk is least.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from balancekit.errors import OptionError

__all__ = ["focal_log_odds", "focal_log_posterior"]

Floats = NDArray[np.float64]

SURE = -37.0
"""Log odds below which log(1 + x) and x = exp(d) are the same float64."""

MOST = 1e30
"""Log odds that stand for infinite ones."""


def focal_log_posterior(logits: ArrayLike, gamma: float) -> Floats:
    """Log posterior that the logits of a softmax focal loss stand for: float64 [..., C].

    Args:
        logits: [..., C], before softmax; -inf for a class that cannot be.
        gamma: of the loss, at least 0; 0 gives the log softmax.

    Raises:
        OptionError: gamma is out of range, or a row of logits has no class that can be.

    Source: Charoenphakdee et al. 2021 (arXiv 2011.09172).

    >>> v = np.array([0.8, 0.2])  # what focal loss gives where the posterior is 0.976
    >>> np.exp(focal_log_posterior(np.log(v), gamma=2.0)).round(3).tolist()
    [0.976, 0.024]
    """
    z = _checked(logits, gamma)
    if not z.ndim or not np.all(np.isfinite(z.max(-1, initial=-np.inf))):
        raise OptionError("logits: expected [..., C] with a finite highest of each row, no NaN")
    log_h = _log_h(_margins(z), gamma)
    return log_h - _log_sum_exp(log_h)


def focal_log_odds(logits: ArrayLike, gamma: float, alpha: ArrayLike | None = None) -> Floats:
    """Log odds of label 1 that logits of a sigmoid focal loss stand for: float64, same shape.

    Args:
        logits: before sigmoid, any shape, [..., n_labels] if α is one a label.
        gamma: of the loss, at least 0; 0 gives the logits.
        alpha: weight in (0, 1) of label 1 in the loss, against 1 - α of label 0. If given, its
            shift of the odds by α / (1 - α) is taken back too.

    Raises:
        OptionError: gamma or alpha is out of range.

    >>> focal_log_odds([0.0, 2.0], gamma=2.0).round(3).tolist()
    [0.0, 5.398]
    """
    z = _checked(logits, gamma)
    log_odds: Floats = _log_h(-z, gamma) - _log_h(z, gamma)
    if alpha is None:
        return log_odds
    weight = np.asarray(alpha, np.float64)
    if not np.all((weight > 0) & (weight < 1)):
        raise OptionError(f"alpha: expected weights of label 1 in (0, 1), got {weight.tolist()}")
    return np.asarray(log_odds - (np.log(weight) - np.log1p(-weight)))


def _checked(logits: ArrayLike, gamma: float) -> Floats:
    if not 0 <= gamma < np.inf:
        raise OptionError(f"gamma: expected a finite number ≥ 0, got {gamma}. 2 is usual")
    return np.asarray(logits, np.float64)


def _margins(z: Floats) -> Floats:
    """Log odds against each class, log Σ_{j≠c} exp(z_j) - z_c: [..., C]."""
    likeliest = np.expand_dims(z.argmax(-1), -1)  # [..., 1]
    others = z.copy()
    np.put_along_axis(others, likeliest, -np.inf, -1)
    log_p = z - _log_sum_exp(z)
    p = np.exp(log_p)
    np.put_along_axis(p, likeliest, 0.0, -1)  # all others are at most ½, where log1p is exact
    margins = np.log1p(-p) - log_p
    top = _log_sum_exp(others) - np.take_along_axis(z, likeliest, -1)
    np.put_along_axis(margins, likeliest, top, -1)
    return margins


def _log_h(margins: Floats, gamma: float) -> Floats:
    d = np.clip(margins, -MOST, MOST)
    log_v, log_not_v = -np.logaddexp(0, d), -np.logaddexp(0, -d)
    # log(-log v): next to v = 1 the odds themselves, which underflow before their logarithm.
    doubt = np.where(d < SURE, d, np.log(np.logaddexp(0, np.maximum(d, SURE))))
    bracket = log_not_v
    if gamma > 0:
        bracket = np.logaddexp(log_not_v, np.log(gamma) + log_v + doubt)
    return log_v - (gamma - 1) * log_not_v - bracket


def _log_sum_exp(z: Floats) -> Floats:
    """Log of Σ exp(z) over the last axis, kept: [..., 1]; -inf where all are."""
    highest = z.max(-1, keepdims=True)
    base = np.where(np.isfinite(highest), highest, 0.0)
    with np.errstate(divide="ignore"):  # log 0 is meant to be -inf
        return np.asarray(np.log(np.exp(z - base).sum(-1, keepdims=True)) + base)
