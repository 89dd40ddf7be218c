"""Whether sampling, loss, stages and what follows training correct the class prior just once."""

from typing import TYPE_CHECKING

import numpy as np

from balancekit.plan.arithmetic import (
    TOLERANCE,
    CorrectionStep,
    log_odds_apart,
    steps_in_words,
    unknown_because,
)
from balancekit.plan.stages import DeferredReweighting

if TYPE_CHECKING:
    from balancekit.plan.plan import Plan

__all__ = ["correction_problems"]

SLACK = 0.05
"""How far from 0 or from 1 a sum of steps still counts as that."""

WHERE_1 = "where 1 is full and 0 is none"
REMEDY = (
    'Take one of them: sampling kind = "natural" with loss kind = "logit-adjusted" and tau = 1, '
    'or sampling kind = "uniform" with loss kind = "cross-entropy" without weights; or set '
    "allow_double_correction = true"
)
REMEDY_OF_STAGES = (
    'Take stages kind = "one"; or natural sampling first, uniform in a second stage at most, and a '
    "loss without weights or shift; or set allow_double_correction = true"
)
REMEDY_OF_NONE = (
    'Take sampling kind = "natural" with a loss that moves none, such as kind = "cross-entropy" '
    'without weights; or wanted_prior = "uniform"; or set allow_double_correction = true'
)
REMEDY_OF_LABELS = (
    "Take smaller pos_weight, such as their square roots, or sampling "
    'kind = "natural" with them; or set allow_double_correction = true'
)
REMEDY_OF_NUMBERS = (
    'Take one of them: sampling kind = "natural", or loss kind = "l1" or "mse"; or set '
    "allow_double_correction = true"
)


def correction_problems(plan: "Plan") -> list[str]:
    """What of a plan corrects more or less than once, with the arithmetic.

    A schedule is judged by the shares that it ends with, and two stages by the second: they are
    what the model believes in when training is over.
    """
    return (
        _problems_of_kind(plan)
        or _problems_of_size(plan)
        or ([] if plan.allow_double_correction else _problems_of_sum(plan))
    )


def _problems_of_kind(plan: "Plan") -> list[str]:
    because = unknown_because(plan)
    if not plan.is_corrected_after or because is None:
        return []
    return [
        'correction: expected kind = "in-training", got after-training, which needs a model whose '
        f"prior is known: {because}"
    ]


def _problems_of_size(plan: "Plan") -> list[str]:
    """Weights or shifts so large that a class is left with no prior that a float64 holds."""
    if plan.prior_of != "classes":
        return []
    with np.errstate(all="ignore"):
        least = plan.believed_prior().min()
    if least > 0:  # NaN is not
        return []
    return [
        "loss: expected weights and shifts that leave each class a prior, got such that one has "
        "less than 1e-300 of it. Take smaller ones, such as tau = 1"
    ]


def _problems_of_sum(plan: "Plan") -> list[str]:
    steps = plan.correction_steps()
    match plan.prior_of:
        case "labels":
            return _problems_of_labels(steps)
        case "none":
            return _problems_of_numbers(steps)
    # Of LWS the draws are about known, and the rest exactly: checked as where all is.
    if steps[0].strength is None or not all(step.is_exact for step in steps[1:]):
        return _problems_of_rough(plan, steps)
    return _problems_of_exact(plan, steps)


def _problems_of_exact(plan: "Plan", steps: tuple[CorrectionStep, ...]) -> list[str]:
    """Of classes whose believed prior is known, in log odds of the classes seen."""
    seen = plan.classes_drawn()  # a class that is never drawn has no prior
    start, believed = plan.training_prior()[seen], plan.believed_prior()[seen]
    wanted, uniform = plan.wanted()[seen], np.full(len(start), 1 / len(start))
    after = plan.is_corrected_after
    # After training the rest is made exactly; but nothing may go beyond equal classes first.
    goal = uniform if after else wanted
    if log_odds_apart(believed, goal) <= TOLERANCE:
        return []
    if log_odds_apart(start, goal) <= TOLERANCE:
        moved = believed / start
        return [
            f"{_place(plan, steps)}: sampling and loss move the class prior, though none was "
            f"wanted to move: by factors of {moved.min():.2g} to {moved.max():.2g}. "
            f"{REMEDY_OF_NONE}"
        ]
    strength = _sum(steps)
    if after and -SLACK <= strength <= 1 + SLACK:
        return []
    if -SLACK <= strength < 1 - SLACK:
        return [
            f"correction: sampling and loss go {max(0.0, strength):.2f} of the way to the wanted "
            'prior, where 1 is all of it. Set kind = "after-training" to have the rest made '
            "afterwards"
        ]
    if 1 - SLACK <= strength <= 1 + SLACK:
        factor, place = np.exp(log_odds_apart(believed, goal)), _place(plan, steps)
        return [
            f"{place}: together with the sampling it leads to another prior than the wanted one: "
            f"some class counts {factor:.1f} times too much. {_remedy(place)}"
        ]
    return [_too_much(plan, steps)]


def _problems_of_rough(plan: "Plan", steps: tuple[CorrectionStep, ...]) -> list[str]:
    """Of classes whose believed prior is not known: too much can be told, too little cannot."""
    strength = _sum(steps)
    if plan.wanted_prior == "training" and abs(strength) > SLACK:
        return [
            f"{_place(plan, steps)}: sampling and loss move the class prior, though none was "
            f"wanted to move: {steps_in_words(steps)}, {WHERE_1}. {REMEDY_OF_NONE}"
        ]
    return [] if -SLACK <= strength <= 1 + SLACK else [_too_much(plan, steps)]


def _too_much(plan: "Plan", steps: tuple[CorrectionStep, ...]) -> str:
    about = "" if all(step.is_exact for step in steps) else "about "
    place = _place(plan, steps)
    return (
        f"{place}: the plan corrects the class prior {about}{_sum(steps):.2f} "
        f"times: {steps_in_words(steps)}, {WHERE_1}. {_remedy(place)}"
    )


def _problems_of_labels(steps: tuple[CorrectionStep, ...]) -> list[str]:
    """Of labels: weights beyond even odds, or up to there where the draws favour them too."""
    sampling, weights = steps[0], _sum(steps[1:])
    if weights > 1 + SLACK:
        return [
            f"loss.pos_weight: the plan corrects the odds of the labels {_sum(steps):.2f} times: "
            f"{steps_in_words(steps)}, where 1 makes yes and no equal. {REMEDY_OF_LABELS}"
        ]
    if sampling.strength is None and weights >= 1 - SLACK:
        return [
            "loss.pos_weight: sampling and weights both favour rare labels: "
            f"{' + '.join(map(str, steps))}, where 1 makes yes and no equal. {REMEDY_OF_LABELS}"
        ]
    return []


def _problems_of_numbers(steps: tuple[CorrectionStep, ...]) -> list[str]:
    if not steps or _sum(steps) <= 1 + SLACK:
        return []
    by_loss = steps[1:]
    if not by_loss or by_loss[0].strength == 0:
        return [
            f"sampling: it goes beyond equal bins: {steps_in_words(steps)}, {WHERE_1}. "
            f"{REMEDY_OF_NUMBERS}"
        ]
    return [
        f"loss: sampling and {by_loss[0].name} both make up for rare targets: "
        f"{steps_in_words(steps)}, {WHERE_1}. {REMEDY_OF_NUMBERS}"
    ]


def _place(plan: "Plan", steps: tuple[CorrectionStep, ...]) -> str:
    """The field to change: the one that comes on top of the sampling, if there is one."""
    moving = [step.name for step in steps[1:] if step.strength]
    if not moving:
        return "sampling" if plan.second_stage() is None else "stages.sampling"
    is_late = isinstance(plan.stages, DeferredReweighting) or "tau-norm" in moving
    return "stages" if is_late else "loss"


def _remedy(place: str) -> str:
    return REMEDY_OF_STAGES if place.startswith("stages") else REMEDY


def _sum(steps: tuple[CorrectionStep, ...]) -> float:
    return sum(step.strength or 0.0 for step in steps)
