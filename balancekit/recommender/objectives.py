"""What a model can be meant to be good at, task by task, and the class prior that goes with it."""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from balancekit.errors import OptionError
from balancekit.labels import Task
from balancekit.plan import Objective
from balancekit.priors import class_shares
from balancekit.recommender.conditions import Wanted
from balancekit.recommender.deployed_shares import deployed_shares
from balancekit.stats import Stats

__all__ = ["OBJECTIVES", "Prior", "objective_of", "wanted_prior"]

Prior = Literal["training", "uniform"] | tuple[float, ...]

_OF_CLASSES: tuple[Objective, ...] = (
    "accuracy",
    "auprc",
    "recall@precision",
    "calibration",
)

OBJECTIVES: dict[Task, tuple[Objective, ...]] = {
    "classification": ("balanced_accuracy", "macro_f1", *_OF_CLASSES),
    "multilabel": ("map", "macro_f1", "balanced_accuracy", *_OF_CLASSES),
    "detection": ("map",),
    "segmentation": ("macro_f1", "balanced_accuracy", *_OF_CLASSES),
    "keypoints": ("map",),
    "regression": ("mae_by_shot",),
}
"""Objectives that fit each task, that which is taken if none is given first.

The macro-F1 of pixels is the mean Dice coefficient of the classes.
"""

BETWEEN_FROM = 10
"""Imbalance ratio from which macro-F1 gains by decisions between training and equal classes."""

OF_ALL_NUMBERS = (
    "For the error over all values as they come, such as the plain MAE, give "
    'deployed_prior="training" (--deployed-prior training).'
)

WITH_CLASS_PRIOR = ("classification", "segmentation")
"""Tasks whose classes exclude each other, so that a shift of logits moves their prior."""


def objective_of(task: Task, objective: Objective | None) -> Objective:
    """The objective, or the task's own if none is given.

    Raises:
        OptionError: it does not fit the task.
    """
    fitting = OBJECTIVES[task]
    if objective is None:
        return fitting[0]
    if objective not in fitting:
        plain = " " + OF_ALL_NUMBERS if task == "regression" else ""
        raise OptionError(
            f"objective: expected one of {', '.join(fitting)} for {task} data, got {objective!r}."
            f"{plain}"
        )
    return objective


def wanted_prior(
    stats: Stats, objective: Objective, deployed: str | Sequence[float] | Mapping[str, float] | None
) -> tuple[Prior, Wanted]:
    """The class prior that decisions should assume, and what it is in a word.

    Args:
        stats: of the data.
        objective: which has a prior of its own, if none is given.
        deployed: "training" or "train", "uniform", or shares of the classes in use.

    Raises:
        OptionError: the prior cannot be, or the task has none.
    """
    if isinstance(deployed, str):
        deployed = "training" if deployed == "train" else deployed
        if deployed not in ("training", "uniform"):
            raise OptionError(
                "deployed_prior: expected 'training', 'uniform' or one share a class, "
                f"got {deployed!r}"
            )
    if stats.task not in WITH_CLASS_PRIOR:
        return _without_classes(stats.task, deployed)
    if deployed is None and objective == "macro_f1" and stats.task == "classification":
        return _between(stats)
    if deployed is None:
        deployed = "uniform" if objective == "balanced_accuracy" else "training"
    if isinstance(deployed, str):
        return ("uniform", "uniform") if deployed == "uniform" else ("training", "training")
    shares = deployed_shares(deployed, stats.class_names)
    if np.allclose(shares, class_shares(stats.class_counts), rtol=1e-3):
        return "training", "training"
    return tuple(shares), "given"


def _between(stats: Stats) -> tuple[Prior, Wanted]:
    """Half of the way to equal classes, in log odds: ∝ the square root of the shares."""
    filled = [count for count in stats.class_counts if count]
    if max(filled) < BETWEEN_FROM * min(filled):
        return "training", "training"
    training = class_shares(stats.class_counts)
    roots = np.sqrt(training)
    return tuple((roots / roots.sum()).tolist()), "between"


def _without_classes(
    task: Task, deployed: str | Sequence[float] | Mapping[str, float] | None
) -> tuple[Prior, Wanted]:
    word = deployed if deployed is None or isinstance(deployed, str) else "shares"
    if task == "regression" and word in (None, "uniform"):
        return "uniform", "uniform"
    if word == "training" or (word is None and task != "regression"):
        return "training", "training"
    if task == "regression":
        raise OptionError(
            "deployed_prior: expected 'training' or 'uniform' for regression data, got shares. "
            "What they would be shares of are bins, which only the analysis knows"
        )
    what = (
        "each label has a prior of its own, which Pipeline.correct(logits, prior) moves after "
        "training"
        if task == "multilabel"
        else "there is no prior of classes that a shift of logits could move"
    )
    raise OptionError(f"deployed_prior: expected none for {task} data: {what}")
