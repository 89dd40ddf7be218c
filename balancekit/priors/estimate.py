"""The prior of unlabelled data, from what a model says of them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from balancekit.errors import OptionError

__all__ = ["PriorEstimate", "estimate_prior"]

Floats = NDArray[np.float64]

SUM_TOLERANCE = 0.02
"""How far from 1 a row may sum: float16 and bfloat16 probabilities do not reach it."""


@dataclass(frozen=True, eq=False)
class PriorEstimate:
    """A prior estimated by EM, and how the search for it ended.

    Attributes:
        shares: the prior, float64 [n_classes], sum 1.
        converged: whether the last step moved no share by more than the tolerance.
        n_iterations: steps taken.
        log_likelihoods: log likelihood of the rows after each step, above that of the trained
            prior; it never falls. Twice the last one is about χ² of n_classes - 1 degrees of
            freedom where the prior has not changed.
    """

    shares: Floats
    converged: bool
    n_iterations: int
    log_likelihoods: tuple[float, ...]


def estimate_prior(
    probabilities: ArrayLike,
    trained_prior: ArrayLike,
    *,
    max_iterations: int = 1000,
    tolerance: float = 1e-8,
) -> PriorEstimate:
    """The class prior of unlabelled data that makes a model's probabilities most likely.

    It assumes that only the prior has changed since training, not how the classes look, and
    that the probabilities are calibrated for the trained prior: hold them out, fit a
    temperature and undo a focal loss first.

    Args:
        probabilities: p(c | x) under the trained prior, [n, n_classes], rows that sum to 1.
        trained_prior: prior that the model believes in, above 0, [n_classes].
        max_iterations: of EM.
        tolerance: largest change of a share that ends the search.

    Raises:
        OptionError: no rows, rows that are no probabilities, a prior that does not fit them, or
            an option out of range.

    Source: Saerens et al., Neural Computation 14 (2002), eqs. 2.9 and 2.10; the likelihood
    ratio of section 4.

    >>> rows = [[0.9, 0.1]] * 5 + [[0.1, 0.9]] * 5
    >>> estimate_prior(rows, [0.8, 0.2]).shares.round(3).tolist()
    [0.114, 0.886]
    """
    if max_iterations < 1 or not tolerance >= 0:
        raise OptionError(
            "max_iterations, tolerance: expected at least 1 step and a change ≥ 0, got "
            f"{max_iterations} and {tolerance}"
        )
    rows, trained = _checked(probabilities, trained_prior)
    likelihoods = rows / rows.sum(1, keepdims=True) / trained  # p(x | c) / p(x), [n, C]
    shares, gains = trained, []
    step, moved = 0, np.inf
    while step < max_iterations and moved > tolerance:
        step += 1
        evidence = likelihoods @ shares  # [n]
        if step > 1:
            gains.append(float(np.log(evidence).sum()))
        before, shares = shares, shares * (likelihoods.T @ (1 / evidence)) / len(rows)
        shares = shares / float(shares.sum())
        moved = float(np.abs(shares - before).max())
    gains.append(float(np.log(likelihoods @ shares).sum()))
    return PriorEstimate(shares, moved <= tolerance, step, tuple(gains))


def _checked(probabilities: ArrayLike, trained_prior: ArrayLike) -> tuple[Floats, Floats]:
    rows = np.asarray(probabilities, np.float64)
    if rows.ndim != 2 or not rows.size:
        raise OptionError(
            f"probabilities: expected [n, n_classes] with at least one row, got {list(rows.shape)}"
        )
    sums = rows.sum(1)
    # As "not all right": every comparison with NaN is false.
    right = (rows >= 0).all(1) & (np.abs(sums - 1) <= SUM_TOLERANCE)
    if not right.all():
        first = int(np.argmin(right))
        raise OptionError(
            "probabilities: expected rows of numbers ≥ 0 that sum to 1, got "
            f"{rows[first, :5].tolist()} in row {first}, and {int((~right).sum())} such rows. "
            "Give what follows softmax, not logits"
        )
    trained = np.asarray(trained_prior, np.float64)
    if trained.shape != rows.shape[1:] or not np.all((trained > 0) & (trained < np.inf)):
        raise OptionError(
            f"trained_prior: expected {rows.shape[1]} shares above 0, one a class, got "
            f"{trained.tolist()}. A class that was never seen cannot be estimated: leave it out"
        )
    return rows, trained / float(trained.sum())
