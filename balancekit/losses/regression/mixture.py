"""A mixture of Gaussians over the targets of a regression, for GAI."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from balancekit.errors import OptionError
from balancekit.weights.density import as_values

__all__ = ["GaussianMixture", "fit_gaussian_mixture"]

Floats = NDArray[np.float64]

LEAST_VARIANCE = 1e-6
"""Of a component, as a share of the variance of all values."""


@dataclass(frozen=True)
class GaussianMixture:
    """Σ_k φ_k·N(y; μ_k, v_k) over one-dimensional targets.

    Attributes:
        weights: φ, float64 [K], above 0, with sum 1.
        means: μ, float64 [K], in the unit of the targets.
        variances: v, float64 [K], in its square, at least 0.

    Raises:
        OptionError: of different lengths, not finite, or out of their ranges.
    """

    weights: ArrayLike
    means: ArrayLike
    variances: ArrayLike

    def __post_init__(self) -> None:
        for name in ("weights", "means", "variances"):
            array = np.asarray(getattr(self, name), np.float64)
            if array.ndim != 1 or not array.size or not np.isfinite(array).all():
                raise OptionError(
                    f"{name}: expected finite numbers, one a component, [K], got shape "
                    f"{list(array.shape)}. Flatten what scikit-learn gives."
                )
            object.__setattr__(self, name, array)
        weights, means, variances = self.arrays
        if not len(weights) == len(means) == len(variances):
            raise OptionError(
                f"means: expected as many as weights and variances, got {len(means)}, "
                f"{len(weights)} and {len(variances)}"
            )
        if weights.min() <= 0 or abs(weights.sum() - 1) > 1e-3 or variances.min() < 0:
            raise OptionError(
                f"weights: expected numbers above 0 with sum 1, and variances of at least 0, got "
                f"{weights.tolist()} and {variances.tolist()}. Leave empty components out."
            )

    @property
    def arrays(self) -> tuple[Floats, Floats, Floats]:
        """Weights, means and variances: float64 [K] each."""
        return (np.asarray(self.weights), np.asarray(self.means), np.asarray(self.variances))


def fit_gaussian_mixture(
    values: ArrayLike, n_components: int = 8, *, tolerance: float = 1e-6, max_rounds: int = 1000
) -> GaussianMixture:
    """The mixture of Gaussians that fits the targets, by expectation maximisation.

    It starts from parts of equal size of the sorted targets: the same mixture each time.

    Args:
        values: targets of the training data, [n].
        n_components: K, at most the number of different values.
        tolerance: gain of the mean log-likelihood below which it ends.
        max_rounds: most rounds.

    Raises:
        OptionError: a value is NaN or infinite, or there are too few for `n_components`.

    Source: Dempster, Laird and Rubin 1977; K = 8 as for ages in Ren et al. 2022
    (arXiv 2203.16427).

    >>> fit_gaussian_mixture([0.0, 0.0, 1.0, 1.0, 9.0, 9.0], 2).means.round(3).tolist()
    [0.5, 9.0]
    """
    given = as_values(values)
    # Ages, ratings and the like repeat: each value counts once, with its share.
    points, counts = np.unique(given, return_counts=True)
    if not 1 <= n_components <= len(points):
        raise OptionError(
            f"n_components: expected 1 to {len(points)}, the number of different values, "
            f"got {n_components}."
        )
    center, scale = float(given.mean()), float(given.std()) or 1.0
    points, shares = (points - center) / scale, counts / len(given)
    weights, means, variances = _start((np.sort(given) - center) / scale, n_components)
    reached = -np.inf
    for _ in range(max_rounds):
        joint = (
            np.log(weights) - ((points[:, None] - means) ** 2 / variances + np.log(variances)) / 2
        )
        evidence = np.logaddexp.reduce(joint, axis=1)  # [n_points]
        before, reached = reached, float(shares @ evidence)
        if reached - before < tolerance:
            break
        owned = shares[:, None] * np.exp(joint - evidence[:, None])  # [n_points, K]
        # A component that nothing belongs to any more stays finite.
        weights = owned.sum(0) + 1e-15
        means = (points @ owned) / weights
        spread = (owned * (points[:, None] - means) ** 2).sum(0) / weights
        weights, variances = weights / weights.sum(), spread + LEAST_VARIANCE
    return GaussianMixture(weights, center + scale * means, scale**2 * variances)


def _start(values: Floats, n_components: int) -> tuple[Floats, Floats, Floats]:
    parts = np.array_split(values, n_components)
    means = np.array([part.mean() for part in parts])
    variances = np.array([part.var() for part in parts])
    # Parts of ties have none; too narrow a start would keep every other value out.
    return np.full(n_components, 1 / n_components), means, variances + 1 / n_components**2
