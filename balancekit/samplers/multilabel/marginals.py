"""Marginals: how often to draw each sample so that every class comes in a wanted share."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from balancekit.errors import OptionError
from balancekit.labels import Labels
from balancekit.plan import Targets, is_steady, target_shares
from balancekit.plan.tagged import is_number
from balancekit.samplers.multilabel.maximum_entropy import MarginalProblem
from balancekit.samplers.multilabel.strata import LabelSets, Strata

__all__ = ["Bound", "MarginalSolution", "solve_marginals"]

Bound = Literal["", "no samples", "repeats", "other classes"]

REACHED = 0.01
"""A class is reached if it comes within this part of what is wanted."""

ROUNDING = 1e-3
"""All samples of a class are at the fewest or most repeats if they are within this part."""


@dataclass(frozen=True, eq=False)
class MarginalSolution:
    """How often to draw each label set, and which share of the draws then carries each class.

    Attributes:
        class_names: of the data.
        natural: share of the samples that carries each class, float64 [n_classes].
        wanted: share of the draws that should, float64 [n_classes].
        reached: share of the draws that will, float64 [n_classes].
        bounds: what keeps each class from what is wanted, "" where it is reached: it has
            "no samples"; all its samples are at the fewest or most "repeats" allowed; or
            "other classes" would be missed by more, as its samples carry them too or leave
            no draws for theirs.
        strata: samples of one label set each, and their shares among the draws.
        effective_samples: 1 / Σ p², the number of samples that drawn evenly repeat as often.
    """

    class_names: tuple[str, ...]
    natural: NDArray[np.float64]
    wanted: NDArray[np.float64]
    reached: NDArray[np.float64]
    bounds: tuple[Bound, ...]
    strata: Strata
    effective_samples: float

    def problems(self) -> list[str]:
        """A sentence for each class that misses its share, those that fall short first.

        Of them, and of those that are drawn too often, the farthest come first.
        A class without samples is wanted in none of the draws, and so misses nothing.
        """
        missed = np.flatnonzero([bound not in ("", "no samples") for bound in self.bounds])
        above = (self.reached - self.wanted)[missed]
        order = np.lexsort([-np.abs(above), above > 0])
        return [
            f"{self.class_names[c]}: wanted in {self.wanted[c]:.3g} of the draws, "
            f"reached {self.reached[c]:.3g}, bounded by {self.bounds[c]}"
            for c in missed[order].tolist()
        ]


def solve_marginals(
    labels: Labels, targets: Targets, *, min_repeats: float = 0.1, max_repeats: float = 10.0
) -> MarginalSolution:
    """How often to draw each sample so that classes come in the shares of the targets.

    The targets share out the labels of the draws, of which a draw has as many as a sample of
    the data has on average: with κ labels a sample, class c is wanted in κ·q_c of the draws,
    and never in more than all. So `Natural()` wants the data as they are.

    Each sample gets `min_repeats` / n of the draws. The rest is drawn from the distribution
    with the wanted shares that is closest to even draws, p_i ∝ exp(Σ_c λ_c·y_ic), such that
    no sample gets more than `max_repeats` / n in all. Where none has the wanted shares, the
    one with the least Σ_c (reached - wanted)² / wanted is taken, and the classes that it
    misses are told. Samples that carry no class are drawn as often as the others leave room;
    samples whose one label is missing are not drawn.

    Args:
        labels: any; a class that a sample carries several times counts once.
        targets: shares of the classes, by the number of samples that carry them.
        min_repeats: how often a sample is drawn in n draws at the least, in [0, 1].
        max_repeats: and at the most, ≥ 1; may be infinite.

    Raises:
        DataError: no sample is labelled.
        OptionError: targets or repeats cannot be.

    Source: Jaynes 1957, Information theory and statistical mechanics, for the distribution;
    how it is found: `maximum_entropy.py`.

    >>> from balancekit.plan import Uniform
    >>> labels = Labels.from_names(["a"] * 90 + ["b"] * 10)
    >>> solve_marginals(labels, Uniform(), max_repeats=4).reached.round(2).tolist()
    [0.6, 0.4]
    """
    _check_options(targets, min_repeats, max_repeats)
    sets = LabelSets.of(labels)
    counts = sets.marginals(sets.n_samples.astype(np.float64))
    natural = sets.marginals(sets.natural_shares())
    class_shares = target_shares(targets, counts, class_names=labels.class_names)
    wanted = np.minimum(1.0, natural.sum() * class_shares)
    shares = _solved(sets, natural, wanted, min_repeats, max_repeats)
    reached = sets.marginals(shares)
    return MarginalSolution(
        class_names=labels.class_names,
        natural=natural,
        wanted=wanted,
        reached=reached,
        bounds=_bounds(natural, wanted, reached, min_repeats, max_repeats),
        strata=Strata.of(sets.set_per_sample, shares, int(sets.n_samples.sum())),
        effective_samples=float(1 / np.sum(shares**2 / sets.n_samples)),
    )


def _check_options(targets: Targets, min_repeats: float, max_repeats: float) -> None:
    problems = []
    if not is_steady(targets):
        problems.append(
            f"targets: expected targets without a schedule, got {targets!r}. "
            "Solve its start and its end"
        )
    if not (is_number(min_repeats) and 0 <= min_repeats <= 1):
        problems.append(f"min_repeats: expected a number in [0, 1], got {min_repeats!r}")
    if not (is_number(max_repeats) and max_repeats >= 1):
        problems.append(f"max_repeats: expected a number ≥ 1, got {max_repeats!r}")
    if problems:
        raise OptionError("; ".join(problems))


def _solved(
    sets: LabelSets,
    natural: NDArray[np.float64],
    wanted: NDArray[np.float64],
    min_repeats: float,
    max_repeats: float,
) -> NDArray[np.float64]:
    """Share of each set among the draws: float64 [n_sets], sum 1."""
    evenly = sets.natural_shares()
    rest = 1 - min_repeats
    if not rest:
        return evenly
    # A class that is not wanted at all is measured by what it is in the data.
    scale = np.where(wanted > 0, wanted, np.where(natural > 0, natural, 1.0))
    problem = MarginalProblem(
        sets, (wanted - min_repeats * natural) / rest, scale, (max_repeats - min_repeats) / rest
    )
    shares = min_repeats * evenly + rest * problem.solve()
    return shares / float(shares.sum())


def _bounds(
    natural: NDArray[np.float64],
    wanted: NDArray[np.float64],
    reached: NDArray[np.float64],
    min_repeats: float,
    max_repeats: float,
) -> tuple[Bound, ...]:
    """What keeps each class from what is wanted."""
    # A class that is not wanted at all is measured by what it is in the data.
    missed = np.abs(reached - wanted) > REACHED * np.where(wanted > 0, wanted, natural)
    repeats = reached / np.where(natural > 0, natural, 1.0)  # on average over its samples
    at_most = (reached < wanted) & (repeats > max_repeats * (1 - ROUNDING))
    at_least = (reached > wanted) & (repeats * (1 - ROUNDING) < min_repeats)
    found = np.select(
        [natural == 0, ~missed, at_least | at_most], ["no samples", "", "repeats"], "other classes"
    )
    return tuple(found.tolist())
