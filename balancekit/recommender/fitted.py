"""A choice of the rules, fitted to the data: weights of the loss, and the one net correction."""

import msgspec
import numpy as np

from balancekit.plan import (
    CorrectAfterTraining,
    CorrectInTraining,
    CrossEntropy,
    DataRef,
    DiceCrossEntropy,
    Focal,
    HeatmapMse,
    Loss,
    Objective,
    Plan,
    WeightedBce,
)
from balancekit.plan.arithmetic import unknown_because
from balancekit.priors import prior_shift
from balancekit.recommender.objectives import Prior
from balancekit.recommender.rules import Choice, Weights
from balancekit.stats import Stats
from balancekit.weights import pos_weight, power_weights

__all__ = ["plan_of"]

SAME = 0.1
"""Log odds between two classes up to which two priors are the same: plans are checked to it."""


def plan_of(stats: Stats, choice: Choice, objective: Objective, wanted: Prior, seed: int) -> Plan:
    """The plan of a choice, without reasons; what is left of the way is corrected after training.

    Args:
        stats: of the data.
        choice: what to take of each part.
        objective: what the plan is meant to be good at.
        wanted: class prior that decisions should assume.
        seed: of everything drawn under the plan.
    """
    plan = Plan(
        data=DataRef.from_stats(stats),
        objective=objective,
        wanted_prior=wanted,
        seed=seed,
        bias_init=choice.bias_init,
        sampling=choice.sampling,
        loss=fitted_loss(choice.loss, choice.weights, stats),
        stages=choice.stages,
        correction=CorrectInTraining(),
    )
    if plan.prior_of != "classes" or unknown_because(plan) is not None:
        return plan
    drawn = plan.classes_drawn()  # a class that is never drawn has no prior
    left = prior_shift(plan.believed_prior()[drawn], plan.wanted()[drawn])
    # A prior of the user's own is met exactly; with equal classes near equality is enough.
    if np.ptp(left) <= (1e-9 if isinstance(wanted, tuple) else SAME):
        return plan
    return msgspec.structs.replace(plan, correction=CorrectAfterTraining())


def fitted_loss(loss: Loss, weights: Weights | None, stats: Stats) -> Loss:
    """The loss with the weights of these data, if it is to have any."""
    if weights is None:
        return loss
    if isinstance(loss, WeightedBce):
        of_labels = pos_weight(
            stats.class_counts, stats.n_samples, power=weights.power, cap=weights.cap
        )
        return WeightedBce(pos_weight=_rounded(of_labels))
    assert isinstance(loss, CrossEntropy | Focal | DiceCrossEntropy | HeatmapMse)
    of_classes = power_weights(stats.class_counts, weights.power)
    capped = of_classes if weights.cap is None else np.minimum(of_classes, weights.cap)
    return msgspec.structs.replace(loss, class_weights=_rounded(capped))


def _rounded(weights: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]") -> tuple[float, ...]:
    # Six digits after the point, as files are read by people; a label of all samples has odds of 0.
    rounded: list[float] = np.maximum(weights, 1e-3).round(6).tolist()
    return tuple(rounded)
