"""The steps of the journey in one figure each: the strip on top of the page."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from balancekit.exposure import Exposure
from balancekit.plan import Plan
from balancekit.plan.arithmetic import TOLERANCE, log_odds_apart, steps_in_words
from balancekit.plan.metric_names import objective_text as in_words
from balancekit.report.comparison_words import (
    baseline_of,
    difference_text,
    is_number,
    share_a_seed,
    trained_as,
)
from balancekit.report.target_words import draws_text
from balancekit.report.words import decimal, n_of, shortened
from balancekit.stats import Stats

if TYPE_CHECKING:
    from balancekit.comparison import Arm, Comparison

__all__ = ["Step", "arm_of", "correction_step", "journey_steps"]

ONCE = (0.95, 1.05)
"""How much of the way is all of it, as plans are checked."""


class Step(NamedTuple):
    """One step: where it is told, what it is, its figure, and what the figure means."""

    anchor: str
    title: str
    figure: str
    meaning: str


def journey_steps(
    stats: Stats, plan: Plan, exposure: Exposure, comparison: "Comparison | None"
) -> list[Step]:
    """The steps, in their order."""
    ratio = decimal(stats.balance.imbalance_ratio, 1)
    nouns = ("bin", "bins") if stats.task == "regression" else ("class", "classes")
    classes = n_of(len(stats.class_names), *nouns)
    loss = str(plan.loss.__struct_config__.tag)
    compared = [] if comparison is None or not comparison.tested() else [_proof(comparison, plan)]
    return [
        Step("data", "data", f"IR {ratio}", f"{n_of(stats.n_samples, 'sample')} in {classes}"),
        Step(
            "plan",
            "plan",
            f"{draws_text(plan.sampling)}, {loss}",
            f"for {in_words(plan.objective)}",
        ),
        Step(
            "seen",
            "training",
            f"{n_of(exposure.batches_per_epoch, 'batch', 'batches')} an epoch",
            f"of up to {n_of(exposure.batch_size, 'draw')}",
        ),
        *compared,
        correction_step(plan),
    ]


def _proof(comparison: "Comparison", plan: Plan) -> Step:
    """How much better the plan was than the baseline, and whether that may be noise."""
    arm, baseline = arm_of(comparison, plan), baseline_of(comparison)
    what = in_words(comparison.objective)
    if share_a_seed(arm, baseline) and trained_as(arm) != trained_as(baseline):
        found = comparison.difference(arm.name, baseline.name)
        unit = "" if is_number(comparison.objective) else " points"
        outcome = {"noise": "not larger than the noise", "one seed": "of one seed"}
        told = outcome.get(found.outcome, found.outcome)
        return Step(
            "results",
            "compared",
            f"{difference_text(comparison, found)}{unit}",
            f"{told}: {what} against {shortened(baseline.name)}",
        )
    winner = comparison.winner() if comparison.takeable() else arm
    name = shortened(winner.name)
    if winner.name != baseline.name and trained_as(winner) == trained_as(baseline):
        name += f", the same as {shortened(baseline.name)}"
    return Step("results", "compared", name, f"the plan to take, for {what}")


def arm_of(comparison: "Comparison", plan: Plan) -> "Arm":
    """The tested arm that was trained as the plan says, else the winner, else the first."""
    parts = ("sampling", "loss", "stages", "correction", "augmentation", "bias_init")
    for arm in comparison.tested():
        if arm.plan and all(getattr(arm.plan, part) == getattr(plan, part) for part in parts):
            return arm
    return comparison.winner() if comparison.takeable() else comparison.tested()[0]


def correction_step(plan: Plan) -> Step:
    """How often the plan corrects the class prior, with the sum."""
    figure, meaning = _corrected(plan)
    return Step("use", "prior", figure, meaning)


def _corrected(plan: Plan) -> tuple[str, str]:
    steps = plan.correction_steps()
    if plan.prior_of == "none" and all(step.strength == 0 for step in steps):
        return "nothing to correct", f"{plan.data.task} has no class prior"
    words = steps_in_words(steps).replace("-0.00", "0.00")
    if not plan.is_correctable and plan.prior_of != "none":
        return "corrected in training", f"{words}; how far, no formula tells"
    if plan.is_corrected_after:
        return "corrected once", f"the rest after training; in training {words}"
    gone = float(np.sum([step.strength or 0.0 for step in steps]))
    if plan.prior_of != "classes":  # even odds of each label, or equal bins, are no prior to want
        goal = "even odds" if plan.prior_of == "labels" else "equal bins"
        return f"moved {gone:.2f} of the way", f"to {goal}, in training: {words}"
    if not gone and log_odds_apart(plan.training_prior(), plan.wanted()) <= TOLERANCE:
        return "nothing to correct", "the wanted prior is that of training"
    if ONCE[0] <= gone <= ONCE[1]:
        return "corrected once", f"in training: {words}"
    if gone > ONCE[1]:
        return f"corrected {gone:.2f} times", f"too far: {words}"
    return f"{gone:.2f} of a correction", f"in training: {words}"
