"""How far the classes of two splits differ, and how far they would by chance alone.

Small splits always look shifted, so each measure comes with its distribution over splits of
the same sizes drawn from both together: there is no shift between those.
"""

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from balancekit.analysis.multilabel import LabelSets

__all__ = ["Shift", "jensen_shannon", "measure_shift", "population_stability"]

N_DRAWS, LEAST_DRAWS = 1000, 100
MOST_VALUES = 2_000_000
"""Draws times kinds of samples: beyond 2,000 kinds there are fewer draws, 100 at least, whose
smallest p-value is just under 0.01, and each sample is dealt for itself, so that sizes vary a
little."""

CHUNK_VALUES = 1_000_000
MOST_EXACT = 10**9
"""Samples from which on NumPy cannot deal exact sizes."""


@dataclass(frozen=True, kw_only=True)
class Shift:
    """Two measures of shift, with the 95th percentile of each where there is none.

    Attributes:
        jensen_shannon: in bits, 0 to 1.
        psi: population stability index, ≥ 0.
        p_value: how often chance gives as large a Jensen-Shannon divergence.
    """

    jensen_shannon: float
    jensen_shannon_null: float
    psi: float
    psi_null: float
    p_value: float


def jensen_shannon(first: ArrayLike, second: ArrayLike) -> NDArray[np.float64]:
    """Jensen-Shannon divergence in bits, 0 the same shares, 1 no class in common: [...].

    H(m) - ½ H(p) - ½ H(q) with m = (p + q)/2, H the entropy of the shares p and q. It is the
    square of SciPy's `jensenshannon(p, q, base=2)`. Each side needs a count above 0.
    Source: Lin, IEEE Transactions on Information Theory 37 (1991).

    Args:
        first: counts [..., n_classes].
        second: counts of the same shape, or one that broadcasts.

    >>> jensen_shannon([1, 1], [1, 1]).item(), jensen_shannon([1, 0], [0, 1]).item()
    (0.0, 1.0)
    """
    p, q = _shares(first), _shares(second)
    mean = (p + q) / 2
    divergence = _entropy(mean) - (_entropy(p) + _entropy(q)) / 2
    clipped: NDArray[np.float64] = np.clip(divergence / np.log(2), 0, 1)
    return clipped


def population_stability(first: ArrayLike, second: ArrayLike) -> NDArray[np.float64]:
    """Population stability index Σ (p - q) ln(p/q), in nats, 0 the same shares: [...].

    Half a sample is added to every class that either side has, so that a class missing on
    one side does not make it infinite (Jeffreys' prior). Below 0.1 is commonly read as no
    shift and above 0.25 as a large one, but both depend on the sizes: see the null.
    Source: Siddiqi, Credit Risk Scorecards (2006); Jeffreys' divergence (1946).

    Args:
        first: counts [..., n_classes].
        second: counts of the same shape, or one that broadcasts.

    >>> round(population_stability([900, 100], [800, 200]).item(), 3)
    0.081
    """
    counted = np.asarray(first, np.float64), np.asarray(second, np.float64)
    half = 0.5 * (counted[0] + counted[1] > 0)
    p, q = _shares(counted[0] + half), _shares(counted[1] + half)
    # The logarithm of the least positive number stands in for that of 0, times 0.
    logs = np.log(np.maximum(p, 1e-300)) - np.log(np.maximum(q, 1e-300))
    index: NDArray[np.float64] = ((p - q) * logs).sum(-1)
    return index


def _entropy(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    # The logarithm of the least positive number stands in for that of 0, times 0.
    entropy: NDArray[np.float64] = -(shares * np.log(np.maximum(shares, 1e-300))).sum(-1)
    return entropy


def _shares(counts: ArrayLike) -> NDArray[np.float64]:
    given = np.asarray(counts, np.float64)
    shares: NDArray[np.float64] = given / given.sum(-1, keepdims=True)
    return shares


def measure_shift(
    first: ArrayLike,
    second: ArrayLike,
    sets: LabelSets | None = None,
    *,
    shares_kept: tuple[float, float] = (1.0, 1.0),
) -> Shift | None:
    """The shift between two splits; None where one of them has no labelled sample.

    The null: all samples of both splits are dealt anew to splits of their sizes, 1,000 times
    for up to 2,000 kinds of samples and down to 100 times for more. p = (1 + n) / (1 + draws),
    n the draws that shift as much; so at most 5 % of unshifted splits have p < 0.05. The
    draws are the same for the same counts.
    Source: Davison & Hinkley, Bootstrap Methods (1997), section 4.3.

    Args:
        first: samples of each kind in one split, [n_kinds]; a kind is a class.
        second: of the other split.
        sets: where samples carry sets of labels, kinds are these sets, and the shares that
            are compared are those of the labels. Samples are dealt, not labels, as the
            labels of one sample come together.
        shares_kept: of what is dealt to each side. Where samples carry several labels, and
            their sets are not known, one over the labels a sample makes each sample one draw,
            as if all its labels told the same: the null is wider than the true one.
    """
    kinds = np.stack([np.asarray(first, np.int64), np.asarray(second, np.int64)])
    kept = kinds.sum(0) > 0
    observed = _per_class(kinds, sets)
    if not observed.sum(1).all():
        return None
    measured = float(jensen_shannon(*observed)), float(population_stability(*observed))
    null = _null(kinds if sets is not None else kinds[:, kept], sets, shares_kept)
    # 1e-12: the same table in another order of addition is as far, not less far.
    reached = int((null[0] >= measured[0] - 1e-12).sum())
    return Shift(
        jensen_shannon=measured[0],
        jensen_shannon_null=float(np.quantile(null[0], 0.95)),
        psi=measured[1],
        psi_null=float(np.quantile(null[1], 0.95)),
        p_value=(1 + reached) / (1 + null.shape[1]),
    )


def _null(
    kinds: NDArray[np.int64], sets: LabelSets | None, shares_kept: tuple[float, float]
) -> NDArray[np.float64]:
    """Both measures of splits without shift: [2, n_draws]."""
    pooled, size = kinds.sum(0), int(kinds[1].sum())
    n_draws = min(N_DRAWS, max(LEAST_DRAWS, MOST_VALUES // max(1, len(pooled))))
    digest = hashlib.blake2b(kinds.tobytes(), digest_size=16).digest()
    rng = np.random.Generator(np.random.PCG64(int.from_bytes(digest, "big")))
    rows = max(1, CHUNK_VALUES // max(1, len(pooled)))
    null = np.zeros((2, n_draws))
    for start in range(0, n_draws, rows):
        part = slice(start, min(n_draws, start + rows))
        n = part.stop - part.start
        if n_draws == N_DRAWS and pooled.sum() < MOST_EXACT:
            second = rng.multivariate_hypergeometric(pooled, size, n, method="marginals")
        else:
            second = rng.binomial(pooled, size / pooled.sum(), (n, len(pooled)))
        dealt = [
            side if share >= 1 else rng.binomial(side, share)
            for side, share in zip((pooled - second, second), shares_kept, strict=True)
        ]
        both = _per_class(dealt[0], sets), _per_class(dealt[1], sets)
        # Without any label on one side, such as all samples of one empty: not a shift.
        known = (both[0].sum(-1) > 0) & (both[1].sum(-1) > 0)
        drawn = [counts[known] for counts in both]
        null[0, part][known] = jensen_shannon(*drawn)
        null[1, part][known] = population_stability(*drawn)
    return null


def _per_class(kinds: NDArray[np.int64], sets: LabelSets | None) -> NDArray[np.int64]:
    """Samples of each class from those of each kind: [n, n_kinds] → [n, n_classes]."""
    if sets is None:
        return kinds
    order = np.argsort(sets.class_ids, kind="stable")
    set_of = np.repeat(np.arange(len(sets.lengths)), sets.lengths)[order]
    found, starts = np.unique(sets.class_ids[order], return_index=True)
    table = np.zeros((len(kinds), max(1, sets.n_classes)), np.int64)
    if found.size:
        table[:, found] = np.add.reduceat(kinds[:, set_of], starts, axis=1)
    return table
