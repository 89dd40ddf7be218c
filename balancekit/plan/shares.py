"""Targets and class counts → the share of each class among the draws."""

import math
from collections.abc import Sequence
from typing import get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from balancekit.errors import OptionError, PlanError
from balancekit.plan.fixed import fixed_problems, ids_as_names
from balancekit.plan.tagged import got_choice, is_whole
from balancekit.plan.targets import (
    Capped,
    EffectiveNumber,
    Fixed,
    Natural,
    PlainTargets,
    Power,
    RepeatFactor,
    Schedule,
    SteadyTargets,
    Targets,
    Uniform,
)
from balancekit.plan.water_filling import fill_up
from balancekit.weights import effective_number_weights, repeat_factors

__all__ = ["is_steady", "steady_from", "target_problems", "target_shares"]


def target_shares(
    targets: Targets,
    class_counts: ArrayLike,
    *,
    class_names: Sequence[str] | None = None,
    n_draws: int | None = None,
    epoch: int | None = None,
) -> NDArray[np.float64]:
    """Share of each class among the draws: float64 [n_classes], sum 1, 0 for empty classes.

    Args:
        targets: what the shares should be.
        class_counts: samples of each class, [n_classes].
        class_names: of the classes in the order of their ids; `Fixed` shares by name need them,
            unless the classes are called by their ids.
        n_draws: draws an epoch, which `Capped` targets depend on; the number of samples if
            not given.
        epoch: of the training, which a `Schedule` depends on; if not given, the shares that
            the training ends with.

    Raises:
        PlanError: there are no targets, or no counts with a sample in them.
        OptionError: the targets do not fit the classes or the draws; all problems together.

    >>> target_shares(Power(alpha=0.5), [16, 4, 0]).round(3).tolist()
    [0.667, 0.333, 0.0]
    """
    counts = _as_counts(class_counts)
    _check_arguments(len(counts), class_names, n_draws, epoch)
    problems = target_problems(targets, counts, class_names=class_names, n_draws=n_draws)
    if problems:
        raise OptionError("\n".join(f"targets.{problem}" for problem in problems))
    if not isinstance(targets, Schedule):
        return _steady_shares(targets, counts, class_names, n_draws)
    progress = 1.0 if epoch is None else targets.progress(epoch)
    start = _steady_shares(targets.start, counts, class_names, n_draws)
    end = _steady_shares(targets.end, counts, class_names, n_draws)
    return (1 - progress) * start + progress * end


def is_steady(targets: Targets) -> bool:
    """Whether the shares are the same in every epoch."""
    return not isinstance(targets, Schedule)


def steady_from(targets: Targets) -> int:
    """The first epoch from which on the shares no longer change.

    >>> steady_from(Schedule(start=Natural(), end=Uniform(), epochs=90))
    90
    """
    return targets.epochs if isinstance(targets, Schedule) else 0


def target_problems(
    targets: Targets,
    class_counts: ArrayLike,
    *,
    class_names: Sequence[str] | None = None,
    n_draws: int | None = None,
) -> list[str]:
    """What keeps targets from these classes and draws, each problem with its field.

    Args:
        targets: see `target_shares`, as the others.
        class_counts: samples of each class, [n_classes].
        class_names: of the classes.
        n_draws: draws an epoch.

    Raises:
        PlanError: there are no targets, or no counts with a sample in them.
    """
    counts = _as_counts(class_counts)
    match targets:
        case Fixed():
            return fixed_problems(targets, counts, class_names)
        case Capped():
            of = target_problems(targets.of, counts, class_names=class_names, n_draws=n_draws)
            if of:
                return [f"of.{problem}" for problem in of]
            return _cap_problems(targets, counts, class_names, n_draws)
        case Schedule():
            return [
                f"{field}.{problem}"
                for field, part in (("start", targets.start), ("end", targets.end))
                for problem in target_problems(
                    part, counts, class_names=class_names, n_draws=n_draws
                )
            ]
    if not isinstance(targets, PlainTargets):
        raise PlanError(
            "targets: expected Natural(), Uniform(), Power(alpha=…) or another of the targets of "
            f"balancekit.plan, got {got_choice(targets, get_args(Targets))}"
        )
    return []


def _check_arguments(
    n_classes: int, class_names: Sequence[str] | None, n_draws: int | None, epoch: int | None
) -> None:
    problems = []
    if class_names is not None and len(class_names) != n_classes:
        problems.append(
            f"class_names: expected {n_classes} names, one a class, got {len(class_names)}"
        )
    for name, value, least in (("n_draws", n_draws, 1), ("epoch", epoch, 0)):
        if value is not None and not (is_whole(value) and value >= least):
            problems.append(f"{name}: expected a whole number ≥ {least}, got {value}")
    if problems:
        raise OptionError("\n".join(problems))


def _as_counts(class_counts: ArrayLike) -> NDArray[np.float64]:
    counts = np.asarray(class_counts, np.float64)
    # As "not all right": every comparison with NaN is false.
    right = counts.ndim == 1 and counts.size and np.all((counts >= 0) & (counts < np.inf))
    if not right or counts.max() == 0:
        raise PlanError("targets: expected counts of shape [n_classes] with a sample in them")
    return counts


# --- the shares of targets that fit ---------------------------------------------------------


def _steady_shares(
    targets: SteadyTargets,
    counts: NDArray[np.float64],
    class_names: Sequence[str] | None,
    n_draws: int | None,
) -> NDArray[np.float64]:
    if not isinstance(targets, Capped):
        return _plain_shares(targets, counts, class_names)
    shares = _plain_shares(targets.of, counts, class_names)
    caps = targets.max_repeats * counts / (n_draws or counts.sum())
    if np.all(shares <= caps):
        return shares
    filled, _ = fill_up(shares, caps, 1.0)
    return filled / float(filled.sum())


def _plain_shares(
    targets: PlainTargets, counts: NDArray[np.float64], class_names: Sequence[str] | None
) -> NDArray[np.float64]:
    match targets:
        case Natural():
            shares = counts
        case Uniform():
            shares = np.where(counts > 0, 1.0, 0.0)
        case Power(alpha=alpha):
            shares = np.where(counts > 0, np.maximum(counts, 1.0) ** alpha, 0.0)
        case Fixed(shares=dict() as given):
            names = ids_as_names(len(counts)) if class_names is None else class_names
            shares = np.array([given.get(name, 0.0) for name in names])
        case Fixed(shares=given):
            shares = np.array(given)
        case EffectiveNumber(beta=beta):
            shares = counts * effective_number_weights(counts, beta)
        case RepeatFactor(threshold=threshold):
            shares = counts * repeat_factors(counts / float(counts.sum()), threshold)
    return shares / float(shares.sum())


# --- what does not fit ------------------------------------------------------------------------


def _cap_problems(
    targets: Capped,
    counts: NDArray[np.float64],
    class_names: Sequence[str] | None,
    n_draws: int | None,
) -> list[str]:
    n_draws = n_draws or round(counts.sum())
    n_drawn = float(counts[_plain_shares(targets.of, counts, class_names) > 0].sum())
    most = targets.max_repeats * n_drawn
    if most >= n_draws * (1 - 1e-12):  # a product of float64 may fall a digit short
        return []
    enough = math.ceil(1000 * n_draws / n_drawn) / 1000
    remedy = f"Raise it, or draw at most {math.floor(most):,} an epoch" if most >= 1 else "Raise it"
    return [
        f"max_repeats: expected at least {enough:.10g} for {n_draws:,} draws an epoch of "
        f"{n_drawn:,.0f} samples, got {targets.max_repeats:g}. {remedy}"
    ]
