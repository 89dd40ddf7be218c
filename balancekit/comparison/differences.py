"""Paired differences between two arms, with intervals that know two sources of noise.

The test part is a sample, and training starts at random. For each of S seeds the difference d is
known, and the same difference on B resampled test parts: the same samples for both arms and for
all seeds. The mean of d over seeds has

    variance = (variance of d over seeds) / S + (variance of the resampled mean) + floor²

The first term holds what seeds do, and, where each seed has a split of its own, what samples do
too: the interval is then rather too wide than too narrow. The t quantile has the degrees of
freedom of Satterthwaite: those of S seeds where seeds decide, many where samples do. `floor` is
what Agresti and Min's half a sample in every cell of a table of two arms leaves of a class with n
samples, 1 / (n + 2): where all of a handful of samples agree, resampling sees no noise at all,
which is not so.

The interval is for other seeds and other samples of the same kind, with the training data as
they are; that other training data would give another model is not in it.

Source: Satterthwaite, Biometrics Bulletin 2 (1946); Agresti and Min, Statistics in Medicine 24
(2005), for a pair of shares, which is here carried over to the mean of several.
"""

from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from balancekit.errors import OptionError

__all__ = ["Difference", "Gain", "Outcome", "difference_of", "paired_interval", "t_quantile"]

Outcome = Literal["better", "worse", "noise", "one seed"]
Floats = NDArray[np.float64]

MANY = 200.0
"""Degrees of freedom from which a t quantile is that of a normal distribution."""


@dataclass(frozen=True)
class Difference:
    """How much better one arm is than another, in the unit of the objective.

    Attributes:
        mean: over seeds; above 0 where the first arm is better, whichever way is up.
        half_width: of the interval around it.
        n_seeds: that both arms share.
    """

    mean: float
    half_width: float
    n_seeds: int

    @property
    def low(self) -> float:
        """The lower end of the interval."""
        return self.mean - self.half_width

    @property
    def high(self) -> float:
        """The upper end of the interval."""
        return self.mean + self.half_width

    @property
    def outcome(self) -> Outcome:
        """Better or worse beyond the noise, or neither; one seed cannot tell better or worse."""
        if self.low <= 0 <= self.high:
            return "noise"
        if self.n_seeds < 2:
            return "one seed"
        return "better" if self.mean > 0 else "worse"

    def is_clear(self, outcome: Outcome) -> bool:
        """Whether the outcome is this one."""
        return self.outcome == outcome


@dataclass(frozen=True, eq=False)
class Gain:
    """The objective of one arm by seed, signed so that more is better.

    Attributes:
        values: by seed.
        resampled: on resampled test parts, [B], by seed.
        floor: standard error that the test part leaves at least.
    """

    values: dict[int, float]
    resampled: dict[int, Floats]
    floor: float = 0.0


def difference_of(one: Gain, other: Gain, confidence: float = 0.95) -> Difference:
    """How much better one arm is than another.

    Args:
        one: the arm.
        other: that it is held against.
        confidence: of the interval, in (0, 1).

    Raises:
        OptionError: they share no seed.
    """
    seeds = sorted(set(one.values) & set(other.values))
    if not seeds:
        raise OptionError("difference: expected two arms that share a seed, got none in common")
    apart = np.array([one.values[seed] - other.values[seed] for seed in seeds])
    drawn = np.array([one.resampled[seed] - other.resampled[seed] for seed in seeds])
    half_width = paired_interval(apart, drawn, max(one.floor, other.floor), confidence)
    return Difference(float(apart.mean()), half_width, len(seeds))


def paired_interval(
    values: Floats, resampled: Floats, floor: float = 0.0, confidence: float = 0.95
) -> float:
    """Half the width of the interval of a mean over seeds.

    Args:
        values: one a seed, [S].
        resampled: the same on resampled test parts, [S, B].
        floor: standard error that the test part leaves at least.
        confidence: of the interval, in (0, 1).

    >>> round(paired_interval(np.array([0.1, 0.2, 0.3]), np.zeros((3, 2))), 3)  # 4.30 · .1 / √3
    0.248
    """
    n, several = len(values), resampled.shape[1] > 1
    of_samples = float(resampled.mean(0).var(ddof=1)) if several else 0.0
    of_samples += floor**2
    if n < 2:
        return NormalDist().inv_cdf((1 + confidence) / 2) * float(np.sqrt(of_samples))
    of_seeds = float(values.var(ddof=1)) / n
    variance = of_seeds + of_samples
    if variance == 0:
        return 0.0
    freedom = min(MANY, (n - 1) / max((of_seeds / variance) ** 2, 1e-9))
    return t_quantile((1 + confidence) / 2, freedom) * float(np.sqrt(variance))


def t_quantile(probability: float, freedom: float) -> float:
    """Quantile of Student's t distribution, for any degrees of freedom ≥ 1.

    With x = √ν·tan θ the density is ∝ cosᵛ⁻¹ θ, which is summed on a fine grid.

    >>> round(t_quantile(0.975, 2), 3), round(t_quantile(0.975, 30), 3)
    (4.303, 2.042)
    """
    if freedom >= MANY:
        return NormalDist().inv_cdf(probability)
    angles = np.linspace(0, np.pi / 2, 20_001)
    density = np.cos(angles) ** (freedom - 1)
    steps = (density[1:] + density[:-1]) / 2
    reached = 0.5 + 0.5 * np.concatenate([[0], np.cumsum(steps)]) / steps.sum()
    angle = float(np.interp(probability, reached, angles))
    return float(np.sqrt(freedom) * np.tan(angle))
