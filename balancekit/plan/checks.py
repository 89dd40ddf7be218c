"""What in a plan contradicts the rest."""

from typing import TYPE_CHECKING

import numpy as np

from balancekit.plan.choices import CorrectInTraining, WeightedBce
from balancekit.priors import correction_strength

if TYPE_CHECKING:
    from balancekit.plan.plan import Plan

__all__ = ["plan_problems"]


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
    if not problems and plan.data.task == "classification":
        problems += _correction_problems(plan)
    return problems


def _correction_problems(plan: "Plan") -> list[str]:
    # A class without samples has no prior to correct.
    seen = np.array(plan.data.class_counts) > 0
    start, wanted = plan.training_prior()[seen], plan.wanted()[seen]
    strength = correction_strength(start, plan.believed_prior()[seen], wanted)
    if plan.allow_double_correction:
        return []
    if isinstance(plan.correction, CorrectInTraining) and strength < 0.95:
        return [
            f"correction: sampling and loss go {strength:.2f} of the way to the wanted prior, "
            'where 1 is all of it. Set kind = "after-training" to have the rest made afterwards'
        ]
    if strength <= 1.05:
        return []
    by_sampling = correction_strength(start, plan.draw_prior()[seen], wanted)
    return [
        "loss: together with the sampling it corrects the class prior "
        f"{strength:.2f} times: sampling {by_sampling:.2f} + loss {strength - by_sampling:.2f}, "
        "where 1 is full. A model trained so is biased to the rare classes. Take sampling "
        'kind = "natural", or loss kind = "cross-entropy" without weights, or set '
        "allow_double_correction = true"
    ]
