"""The distribution over label sets with wanted marginals that is closest to the data.

Among distributions P over label sets with P_s ≤ R·π_s, π the shares of the sets in the data,
and marginals Σ_s P_s·y_sc as wanted, this finds the one with the least KL(P ‖ π). It is
P_s = π_s·min(R, exp(λ·y_s + ν)), with λ at the minimum of a convex function of C variables,
the dual; ν, which makes P sum to 1, follows from λ by sorting.

Where no such distribution exists the dual has no minimum. So it is minimised in stages, in
each together with Σ_c slack_c·(λ_c - center_c)² / 2, the center being where the stage before
ended, by Newton's method. The marginals then miss by slack·(λ - center) what is wanted: where
they can be reached, next to nothing in the end, and elsewhere P comes close to the least
Σ_c miss_c² / scale_c.

Source: the proximal point method, Rockafellar 1976, Monotone operators and the proximal point
algorithm; the slack as in Dudík, Phillips and Schapire 2007, Maximum entropy density
estimation with generalized regularization, Journal of Machine Learning Research 8.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from balancekit.samplers.multilabel.strata import LabelSets

__all__ = ["MarginalProblem"]

SLACKS = (1.0, 1e-1, 1e-2, 1e-3, 1e-4, 1e-4)
"""Of each stage, in units of the scale. From far off, Newton's method would not find the last."""

TOLERANCE = 1e-2
"""Greatest gradient, in units of the slack, that counts as none."""

MOST_STEPS, MOST_HALVINGS = 100, 40

STEP_TOLERANCE = 1e-3
"""Part of a step's residual at which it is good enough."""

MOST_PRODUCTS = 1000
"""Of the Hessian with a vector, a step."""


@dataclass(frozen=True)
class _Point:
    """A stage at some λ: its value and gradient, and the distribution that belongs to λ."""

    multipliers: NDArray[np.float64]
    value: float
    gradient: NDArray[np.float64]
    shares: NDArray[np.float64]
    is_free: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class MarginalProblem:
    """Which share of the draws should carry each class, and how far draws may depart from even.

    Args:
        sets: the label sets that occur.
        wanted: m, float64 [n_classes].
        scale: what a miss of each class is measured by, float64 [n_classes], > 0.
        max_repeats: R, ≥ 1; may be infinite.
    """

    sets: LabelSets
    wanted: NDArray[np.float64]
    scale: NDArray[np.float64]
    max_repeats: float

    @cached_property
    def natural(self) -> NDArray[np.float64]:
        """Share of each set in the data: float64 [n_sets]."""
        return self.sets.natural_shares()

    @cached_property
    def _set_ids(self) -> NDArray[np.int64]:
        return self.sets.set_ids()

    @cached_property
    def _log_cap(self) -> float:
        # No set can have more than all draws, so that an infinite cap is a finite one.
        return float(np.log(min(self.max_repeats, 1 / self.natural.min())))

    def _marginals(self, shares: NDArray[np.float64]) -> NDArray[np.float64]:
        """As `LabelSets.marginals`: float64 [n_classes]."""
        weights = shares[self._set_ids]
        sums = np.bincount(self.sets.class_ids, weights, self.sets.n_classes)
        return sums.astype(np.float64, copy=False)

    def _scores(self, per_class: NDArray[np.float64]) -> NDArray[np.float64]:
        """Sum over the classes of each set: float64 [n_sets]."""
        weights = per_class[self.sets.class_ids]
        sums = np.bincount(self._set_ids, weights, len(self.sets.n_samples))
        return sums.astype(np.float64, copy=False)

    def solve(self) -> NDArray[np.float64]:
        """Share of each set among the draws: float64 [n_sets], sum 1."""
        multipliers = np.zeros(self.sets.n_classes)
        for slack in SLACKS:
            at = self._descend(multipliers, slack)
            multipliers = at.multipliers
        return at.shares

    def _descend(self, center: NDArray[np.float64], part: float) -> _Point:
        """The end of a stage, whose slack is a part of the scale."""
        slack = part * self.scale
        at = self._at(center, center, slack)
        for _ in range(MOST_STEPS):
            if np.max(np.abs(at.gradient) / self.scale) < TOLERANCE * part:
                break
            lower = self._step(at, self._direction(at, slack), center, slack)
            if lower is None:
                break
            at = lower
        return at

    def _step(
        self,
        at: _Point,
        direction: NDArray[np.float64],
        center: NDArray[np.float64],
        slack: NDArray[np.float64],
    ) -> _Point | None:
        """The first point along halved steps that lies low enough; None if none does."""
        slope = float(at.gradient @ direction)
        length = 1.0
        for _ in range(MOST_HALVINGS):
            point = self._at(at.multipliers + length * direction, center, slack)
            if point.value <= at.value + 1e-4 * length * slope:
                return point
            length /= 2
        return None

    def _at(
        self,
        multipliers: NDArray[np.float64],
        center: NDArray[np.float64],
        slack: NDArray[np.float64],
    ) -> _Point:
        scores = self._scores(multipliers)
        level = self._level(scores)
        logs = scores + level
        shares = self.natural * np.exp(np.minimum(logs, self._log_cap))
        is_free = logs < self._log_cap
        over = float(shares[~is_free] @ (logs[~is_free] - self._log_cap))
        value = 1 + over - level - float(multipliers @ self.wanted)
        value += float(slack @ (multipliers - center) ** 2) / 2
        gradient = self._marginals(shares) - self.wanted + slack * (multipliers - center)
        return _Point(multipliers, value, gradient, shares, is_free)

    def _level(self, scores: NDArray[np.float64]) -> float:
        """ν, with which the shares sum to 1.

        With the k highest sets at the cap the others share what is left; k is the least for
        which none of them then comes above the cap.
        """
        order = np.argsort(-scores)
        mass, ordered = self.natural[order], scores[order]
        rest = np.logaddexp.accumulate((ordered + np.log(mass))[::-1])[::-1]
        left = 1 - np.exp(self._log_cap) * (np.cumsum(mass) - mass)
        levels = np.log(np.maximum(left, np.finfo(np.float64).tiny)) - rest
        fits = (left > 0) & (ordered + levels <= self._log_cap)
        # At a cap of 1 rounding may leave none.
        return float(levels[np.argmax(fits)] if fits.any() else self._log_cap - ordered[-1])

    def _direction(self, at: _Point, slack: NDArray[np.float64]) -> NDArray[np.float64]:
        """Newton's step, by conjugate gradients scaled by the diagonal of the Hessian.

        The Hessian, the covariance of the labels over the sets below the cap, is never
        written down: a product with it costs no more than the labels of the sets.
        """
        free = np.where(at.is_free, at.shares, 0.0)
        sums, total = self._marginals(free), max(float(free.sum()), np.finfo(np.float64).tiny)
        diagonal = np.maximum(sums * (1 - sums / total), 0.0) + slack
        step = np.zeros_like(at.gradient)
        residual = -at.gradient
        goal = STEP_TOLERANCE * np.sqrt(residual @ (residual / diagonal))
        scaled = residual / diagonal
        towards, size = scaled, float(residual @ scaled)
        for _ in range(MOST_PRODUCTS):
            if np.sqrt(size) <= goal:
                break
            product = self._marginals(free * self._scores(towards))
            product += slack * towards - sums * float(sums @ towards) / total
            length = size / float(towards @ product)
            step = step + length * towards
            residual = residual - length * product
            scaled = residual / diagonal
            before, size = size, float(residual @ scaled)
            towards = scaled + size / before * towards
        return step
