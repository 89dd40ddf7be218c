"""Draws of each class that a strategy asks for, from the class counts alone."""

import math

import numpy as np
from numpy.typing import NDArray

from balancekit.errors import OptionError
from balancekit.samplers.resampling.strategies import (
    Combine,
    ExponentialProfile,
    Level,
    LinearProfile,
    MakeImbalanced,
    Oversample,
    ParetoProfile,
    Profile,
    Regroup,
    SingleLabelStrategy,
    StepProfile,
    Undersample,
)

__all__ = ["draws_per_class", "profile_shares"]

ROUNDING = 1e-9
"""Keeps 100 · 50 ** -1 at 2, where floats fall below."""

TOO_MANY = 1 << 44
"""Draws of a class that no address space holds; the sum over classes still is an int64."""


def draws_per_class(counts: NDArray[np.int64], strategy: SingleLabelStrategy) -> NDArray[np.int64]:
    """Draws of each class: int64 [n_classes], 0 for classes without samples alone.

    Args:
        counts: integer [n_classes], at least one above 0.
        strategy: by which to draw.

    Raises:
        OptionError: a class has fewer samples than the profile of `MakeImbalanced` leaves it.

    >>> draws_per_class(np.array([60, 20, 0]), Oversample(ratio=0.5)).tolist()
    [60, 30, 0]
    """
    filled = counts > 0
    drawn = np.zeros_like(counts)
    drawn[filled] = _draws_of_filled(counts[filled], strategy)
    return drawn


def _draws_of_filled(counts: NDArray[np.int64], strategy: SingleLabelStrategy) -> NDArray[np.int64]:
    match strategy:
        case Oversample(ratio=ratio):
            return np.maximum(counts, round(ratio * int(counts.max())))
        case Undersample(multiple=multiple):
            # Cut off first: a multiple of 1e300 is more than an int64 holds.
            return np.minimum(counts, int(min(multiple * int(counts.min()), int(counts.max()))))
        case Combine(level=level):
            return np.full_like(counts, min(_samples_at(level, counts), TOO_MANY))
        case Regroup(max_num=max_num):
            return np.full_like(counts, min(max_num or int(counts.max()), TOO_MANY))
        case MakeImbalanced():
            return _imbalanced(counts, strategy)


def _samples_at(level: Level | int, counts: NDArray[np.int64]) -> int:
    match level:
        case "mean":
            samples = float(np.mean(counts))
        case "median":
            samples = float(np.median(counts))
        case "geometric-mean":
            samples = math.exp(float(np.mean(np.log(counts))))
        case _:
            return int(level)
    return max(1, math.floor(samples + 0.5))


def _imbalanced(counts: NDArray[np.int64], strategy: MakeImbalanced) -> NDArray[np.int64]:
    shares = np.empty(len(counts))
    order = _largest_first(counts, strategy)
    shares[order] = profile_shares(strategy.profile, len(counts), strategy.ratio)
    fitting = int((counts / shares + ROUNDING).min())
    head = strategy.largest or fitting
    drawn = np.maximum(np.floor(head * shares + ROUNDING).astype(np.int64), 1)
    lacking = np.flatnonzero(drawn > counts)
    if lacking.size:
        one = lacking[0]
        raise OptionError(
            f"MakeImbalanced.largest: expected at most {fitting:,}, which every class can follow, "
            f"got {head:,}: {len(lacking):,} of {len(counts):,} classes have too few samples, one "
            f"{counts[one]:,} of {drawn[one]:,}. Leave `largest` out for all that fit."
        )
    return drawn


def _largest_first(counts: NDArray[np.int64], strategy: MakeImbalanced) -> NDArray[np.int64]:
    ids = np.arange(len(counts))
    if strategy.order == "size":
        return np.argsort(-counts, kind="stable")
    return ids[::-1] if strategy.order == "reversed-id" else ids


def profile_shares(profile: Profile, n_classes: int, ratio: float) -> NDArray[np.float64]:
    """Size of each class as a share of the largest, falling from 1 to 1 / ratio.

    Returns:
        float [n_classes]; a single class is the largest.

    >>> profile_shares(StepProfile(), 4, ratio=10).tolist()
    [1.0, 1.0, 0.1, 0.1]
    """
    if n_classes == 1:
        return np.ones(1)
    steps = np.arange(n_classes) / (n_classes - 1)
    match profile:
        case ExponentialProfile():
            return np.power(ratio, -steps)
        case LinearProfile():
            return 1 - steps * (1 - 1 / ratio)
        case StepProfile(minority_share=share):
            n_small = min(max(1, math.floor(share * n_classes + 0.5)), n_classes - 1)
            return np.where(np.arange(n_classes) < n_classes - n_small, 1.0, 1 / ratio)
        case ParetoProfile(alpha=alpha):
            # Logarithms, scaled to the first: a small alpha leaves the range of floats.
            logs = -np.log((np.arange(n_classes) + 0.7) / (n_classes + 0.4)) / alpha
            sizes = np.exp(logs - logs[0])
            falls: NDArray[np.float64] = (sizes - sizes[-1]) / (1 - sizes[-1])
            return 1 / ratio + (1 - 1 / ratio) * falls
