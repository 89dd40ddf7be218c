"""What in a plan contradicts the rest."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from balancekit.plan.choices import CorrectAfterTraining, NoAugmentation, WeightedBce
from balancekit.plan.mixes import CopyPaste
from balancekit.plan.repeats import strength_problems
from balancekit.plan.shares import target_problems
from balancekit.plan.tagged import is_seed
from balancekit.plan.targets import Natural
from balancekit.priors import correction_strength, prior_shift

if TYPE_CHECKING:
    from balancekit.plan.plan import Plan

__all__ = ["plan_notes", "plan_problems"]

TOLERANCE = 0.1
"""Log odds that a prior may be off: a factor of 1.1 between two classes."""

WITHOUT_OBJECTS = ("classification", "multilabel", "regression")
"""Kinds of labels that lie nowhere on a picture."""

REMEDY = (
    'Take one of them: sampling kind = "natural" with loss kind = "logit-adjusted" and tau = 1, '
    'or sampling kind = "uniform" with loss kind = "cross-entropy" without weights; or set '
    "allow_double_correction = true"
)


def plan_problems(plan: "Plan") -> list[str]:
    """Every contradiction in a plan, each with its place."""
    n_classes = len(plan.data.class_names)
    problems = []
    if len(plan.data.class_counts) != n_classes:
        problems.append(
            f"data.class_counts: expected {n_classes} counts, one a class name, "
            f"got {len(plan.data.class_counts)}"
        )
    elif min(plan.data.class_counts, default=-1) < 0 or not sum(plan.data.class_counts):
        problems.append("data.class_counts: expected counts ≥ 0, one above 0")
    counts_fit = not problems
    for name in ("class_weights", "pos_weight"):
        given = getattr(plan.loss, name, None)
        if given is not None and (
            len(given) != n_classes or not all(0 < weight < np.inf for weight in given)
        ):
            problems.append(
                f"loss.{name}: expected {n_classes} numbers above 0, one a class, got {given[:5]}"
            )
    if isinstance(plan.wanted_prior, tuple):
        wanted = np.array(plan.wanted_prior)
        # As "not all right": every comparison with NaN is false.
        if wanted.shape != (n_classes,) or not (all(wanted > 0) and abs(wanted.sum() - 1) < 1e-6):
            problems.append(
                f"wanted_prior: expected {n_classes} shares above 0 that sum to 1, "
                f"got {plan.wanted_prior[:5]}"
            )
    if isinstance(plan.loss, WeightedBce) != (plan.data.task == "multilabel"):
        problems.append(
            f"loss: expected {'weighted-bce' if plan.data.task == 'multilabel' else 'a loss'} "
            f"for a {plan.data.task} task, got {plan.loss.__struct_config__.tag}"
        )
    if not is_seed(plan.seed):
        problems.append(f"seed: expected an integer from 0 to 2**63 - 1, got {plan.seed}")
    if plan.data.task == "multilabel" and not isinstance(plan.sampling, Natural):
        problems.append(
            'sampling: expected kind = "natural" for multi-label data, got '
            f"{plan.sampling.__struct_config__.tag}. A draw for one label draws its others too"
        )
    elif counts_fit:
        problems += [f"sampling.{problem}" for problem in _sampling_problems(plan)]
    problems += [f"augmentation.{problem}" for problem in _augmentation_problems(plan)]
    if not problems and plan.data.task == "classification":
        problems += _correction_problems(plan)
    return problems


def plan_notes(plan: "Plan") -> list[str]:
    """What in a plan is no contradiction and does nothing."""
    choice = plan.augmentation
    if (
        isinstance(choice, NoAugmentation)
        or choice.repeats is None
        or not isinstance(plan.sampling, Natural)
    ):
        return []
    return [
        "augmentation.repeats: with natural sampling no sample repeats within an epoch, so this "
        'augments nothing. Take sampling such as kind = "uniform", or leave it out'
    ]


def _sampling_problems(plan: "Plan") -> list[str]:
    """What keeps the targets from the classes of the data; an epoch draws as many as there are."""
    return target_problems(plan.sampling, plan.data.class_counts, class_names=plan.data.class_names)


def _augmentation_problems(plan: "Plan") -> list[str]:
    """What of the augmentation the data have not: classes by that name, objects to paste."""
    choice = plan.augmentation
    if isinstance(choice, NoAugmentation):
        return []
    problems = []
    if choice.repeats is not None:
        found = strength_problems(choice.repeats.strength, plan.data.class_names)
        problems += [f"repeats.strength.{problem}" for problem in found]
    if isinstance(choice.mix, CopyPaste) and plan.data.task in WITHOUT_OBJECTS:
        problems.append(
            'mix: expected a way to mix whole pictures, such as kind = "cutmix", got copy-paste, '
            f"which needs masks or boxes, for {plan.data.task} data"
        )
    return problems


def _correction_problems(plan: "Plan") -> list[str]:
    """Whether sampling and loss lead where the plan says, in log odds of the classes seen.

    A schedule is judged by the shares that it ends with: they are what the model believes in
    when training is over, as deferred and progressive balancing want.
    """
    if plan.allow_double_correction:
        return []
    seen = plan.classes_drawn()  # a class that is never drawn has no prior
    start, believed = plan.training_prior()[seen], plan.believed_prior()[seen]
    draws, wanted = plan.draw_prior()[seen], plan.wanted()[seen]
    uniform = np.full(len(start), 1 / len(start))
    after = isinstance(plan.correction, CorrectAfterTraining)
    # After training the rest is made exactly; but nothing may go beyond equal classes first.
    goal = uniform if after else wanted
    if _log_odds_apart(believed, goal) <= TOLERANCE:
        return []
    if _log_odds_apart(start, goal) <= TOLERANCE:
        moved = believed / start
        return [
            "loss: sampling and loss move the class prior, though none was wanted to move: by "
            f"factors of {moved.min():.2g} to {moved.max():.2g}. {REMEDY}"
        ]
    strength = correction_strength(start, believed, goal)
    by_sampling = correction_strength(start, draws, goal)
    if after and -0.05 <= strength <= 1.05:
        return []
    if -0.05 <= strength < 0.95:
        return [
            f"correction: sampling and loss go {max(0.0, strength):.2f} of the way to the wanted "
            'prior, where 1 is all of it. Set kind = "after-training" to have the rest made '
            "afterwards"
        ]
    if 0.95 <= strength <= 1.05:
        factor = np.exp(_log_odds_apart(believed, goal))
        return [
            "loss: together with the sampling it leads to another prior than the wanted one: "
            f"some class counts {factor:.1f} times too much. {REMEDY}"
        ]
    return [
        "loss: together with the sampling it corrects the class prior "
        f"{strength:.2f} times: sampling {by_sampling:.2f} + loss {strength - by_sampling:.2f}, "
        f"where 1 is full and 0 is none. {REMEDY}"
    ]


def _log_odds_apart(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """How far two priors are apart: the largest difference of log odds between two classes."""
    return float(np.ptp(prior_shift(one, other)))
