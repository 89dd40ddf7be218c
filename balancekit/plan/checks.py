"""What in a plan contradicts the rest."""

from collections import Counter
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any

import numpy as np

from balancekit.plan.choices import NoAugmentation, RowAugmentation, TaskAugmentation
from balancekit.plan.correction_checks import correction_problems
from balancekit.plan.loss_choices import (
    LOSSES_OF_TASK,
    ClassBalanced,
    CrossEntropy,
    Focal,
    GaussianWeighted,
    Ghm,
    Ldam,
    LogitAdjusted,
    Seesaw,
    VectorScaling,
)
from balancekit.plan.metric_names import METRIC_NAMES
from balancekit.plan.mixes import CopyPaste
from balancekit.plan.repeats import strength_problems
from balancekit.plan.shares import target_problems
from balancekit.plan.stages import OneStage, TwoStage
from balancekit.plan.tagged import is_seed, is_whole, name_problems
from balancekit.plan.targets import Natural, RepeatFactor, Targets, Uniform

if TYPE_CHECKING:
    from balancekit.plan.plan import Plan

__all__ = ["plan_notes", "plan_problems"]

WITHOUT_OBJECTS = ("classification", "multilabel", "regression")
"""Kinds of labels that lie nowhere on a picture."""

ONE_CLASS = ("classification", "regression")
"""Tasks whose samples have one class, or one bin, each."""

OF_SEVERAL = (Natural, RepeatFactor, Uniform)
"""Targets that samples with several classes can be drawn to."""

REWEIGHTED = (CrossEntropy, Focal, Ghm, GaussianWeighted, Ldam)
"""Losses that may get class weights late: those that take any, and move no prior otherwise."""

MOST_SHOWN = 5


def plan_problems(plan: "Plan", *, unread: Collection[str] = ()) -> list[str]:
    """Every contradiction in a plan, each with its place.

    Args:
        plan: as far as it could be read.
        unread: fields that could not: what needs them is not checked.
    """
    problems: list[str] = []
    failed = set(unread)
    for needed, check in CHECKS:
        if failed.isdisjoint(needed):
            found = check(plan)
            problems += found
            # What does not fit the classes by itself can be held against nothing else.
            failed |= {needed[0]} if found else set()
    return problems


def plan_notes(plan: "Plan") -> list[str]:
    """What in a plan is no contradiction and does nothing."""
    choice = plan.augmentation
    if (
        not isinstance(choice, TaskAugmentation)
        or choice.repeats is None
        or not isinstance(plan.sampling, Natural)
    ):
        return []
    return [
        "augmentation.repeats: with natural sampling no sample repeats within an epoch, so this "
        'augments nothing. Take sampling such as kind = "uniform", or leave it out'
    ]


# --- one field at a time ------------------------------------------------------------------------


def _data_problems(plan: "Plan") -> list[str]:
    data = plan.data
    names, counts = data.class_names, data.class_counts
    problems = []
    if twice := [name for name, times in Counter(names).items() if times > 1]:
        problems.append(
            "data.class_names: expected each name once, got more than once: "
            f"{', '.join(map(repr, twice[:MOST_SHOWN]))}"
        )
    if len(counts) != len(names):
        problems.append(
            f"data.class_counts: expected {len(names)} counts, one a class name, got {len(counts)}"
        )
    elif not all(0 <= count < 2**63 for count in counts) or not sum(counts):
        problems.append("data.class_counts: expected counts ≥ 0, one above 0")
    elif data.task == "multilabel" and max(counts) > data.n_samples:
        problems.append(
            f"data.class_counts: expected at most as many as there are samples, {data.n_samples}, "
            f"got {max(counts)}: each count is of the samples that carry a label"
        )
    return problems


def _seed_problems(plan: "Plan") -> list[str]:
    if is_seed(plan.seed):
        return []
    return [f"seed: expected an integer from 0 to 2**63 - 1, got {plan.seed}"]


def _batch_size_problems(plan: "Plan") -> list[str]:
    if plan.batch_size is None or (is_whole(plan.batch_size) and plan.batch_size >= 1):
        return []
    return [
        f"batch_size: expected a whole number ≥ 1, got {plan.batch_size!r}. Leave it out, if "
        "any will do"
    ]


def _metric_problems(plan: "Plan") -> list[str]:
    problems = []
    for number, metric in enumerate(plan.metrics):
        place = f"metrics[{number}]"
        problems += [f"{place}.{one}" for one in name_problems("name", metric.name, METRIC_NAMES)]
        if metric.half_width is not None and not 0 <= metric.half_width < np.inf:
            problems.append(
                f"{place}.half_width: expected a finite number ≥ 0, got {metric.half_width}"
            )
    return problems


# --- fields held against the data ---------------------------------------------------------------


def _wanted_problems(plan: "Plan") -> list[str]:
    if not isinstance(plan.wanted_prior, tuple):
        return []
    n_classes, wanted = len(plan.data.class_names), np.array(plan.wanted_prior)
    # As "not all right": every comparison with NaN is false.
    is_right = wanted.shape == (n_classes,) and all(wanted > 0)
    if plan.data.task == "multilabel":
        is_right, expected = is_right and all(wanted < 1), "in (0, 1), one a label"
    else:
        is_right, expected = is_right and abs(wanted.sum() - 1) < 1e-6, "above 0 that sum to 1"
    if is_right:
        return []
    got = f"{plan.wanted_prior[:MOST_SHOWN]}"
    return [f"wanted_prior: expected {n_classes} shares {expected}, got {got}"]


def _loss_problems(plan: "Plan") -> list[str]:
    n_classes, problems = len(plan.data.class_names), []
    for name in ("class_weights", "pos_weight"):
        given = getattr(plan.loss, name, None)
        if given is not None and (
            len(given) != n_classes or not all(0 < weight < np.inf for weight in given)
        ):
            problems.append(
                f"loss.{name}: expected {n_classes} numbers above 0, one a class, "
                f"got {given[:MOST_SHOWN]}"
            )
    fitting = LOSSES_OF_TASK[plan.data.task]
    if not isinstance(plan.loss, fitting):
        known = ", ".join(map(_kind, fitting))
        problems.append(
            f"loss: expected one for a {plan.data.task} task ({known}), got {_kind(plan.loss)}"
        )
    return problems


def _sampling_problems(plan: "Plan") -> list[str]:
    """What keeps the targets from the classes of the data; an epoch draws as many as there are."""
    return _problems_of_targets(plan, "sampling", plan.sampling)


def _problems_of_targets(plan: "Plan", place: str, targets: Targets) -> list[str]:
    if plan.data.task not in ONE_CLASS and not isinstance(targets, OF_SEVERAL):
        return [
            f'{place}: expected kind = "natural", "repeat-factor", or "uniform" for class-aware '
            f"draws, of {plan.data.task} data, got {_kind(targets)}. A draw "
            "for one class draws the sample's others too"
        ]
    names, counts = plan.data.class_names, plan.data.class_counts
    return [f"{place}.{problem}" for problem in target_problems(targets, counts, class_names=names)]


def _stage_problems(plan: "Plan") -> list[str]:
    stages, loss = plan.stages, plan.loss
    if isinstance(stages, OneStage):
        return []
    if isinstance(stages, TwoStage):
        if plan.data.task not in ("classification", "multilabel"):
            return [
                f'stages: expected kind = "one" of {plan.data.task} data, got two-stage, which '
                "mends the last layer of a model that gives one logit a class"
            ]
        return _problems_of_targets(plan, "stages.sampling", stages.sampling)
    if plan.prior_of != "classes" or not isinstance(loss, REWEIGHTED):
        known = ", ".join(map(_kind, REWEIGHTED))
        return [
            f'stages: expected kind = "one" with {_kind(loss)} of {plan.data.task} data, got '
            f"deferred-reweighting, which gives class weights late to one of {known}. "
            f"{_why_not_late(plan)}".rstrip()
        ]
    if getattr(loss, "class_weights", None) is not None:
        return [
            "loss.class_weights: expected none, as deferred-reweighting trains without weights "
            'first and has its own at the end. Leave them out, or take stages kind = "one"'
        ]
    return []


def _why_not_late(plan: "Plan") -> str:
    match plan.loss:
        case ClassBalanced():
            return 'class-balanced has weights from the start: take loss kind = "cross-entropy"'
        case LogitAdjusted() | VectorScaling() | Seesaw():
            return f"{_kind(plan.loss)} corrects by itself: with weights it would twice"
    return ""


def _augmentation_problems(plan: "Plan") -> list[str]:
    """What of the augmentation the data have not: classes by that name, objects to paste."""
    choice = plan.augmentation
    if isinstance(choice, RowAugmentation):
        return _row_problems(plan)
    if isinstance(choice, NoAugmentation):
        return []
    problems = []
    if choice.repeats is not None:
        found = strength_problems(choice.repeats.strength, plan.data.class_names)
        problems += [f"augmentation.repeats.strength.{problem}" for problem in found]
    if isinstance(choice.mix, CopyPaste) and plan.data.task in WITHOUT_OBJECTS:
        problems.append(
            'augmentation.mix: expected a way to mix whole pictures, such as kind = "cutmix", got '
            f"copy-paste, which needs masks or boxes, for {plan.data.task} data"
        )
    return problems


def _row_problems(plan: "Plan") -> list[str]:
    """What keeps rows from being mixed: targets of which there is no share."""
    if plan.data.task in ("classification", "multilabel"):
        return []
    return [
        'augmentation: expected kind = "none" or "task", got rows, whose targets are mixed as '
        f"shares of classes, for {plan.data.task} data"
    ]


def _kind(choice: Any) -> str:
    return str(choice.__struct_config__.tag)


CHECKS: tuple[tuple[tuple[str, ...], Callable[["Plan"], list[str]]], ...] = (
    (("data",), _data_problems),
    (("seed",), _seed_problems),
    (("batch_size",), _batch_size_problems),
    (("metrics",), _metric_problems),
    (("wanted_prior", "data"), _wanted_problems),
    (("loss", "data"), _loss_problems),
    (("sampling", "data"), _sampling_problems),
    (("stages", "data", "loss"), _stage_problems),
    (("augmentation", "data"), _augmentation_problems),
    (
        ("correction", "data", "wanted_prior", "loss", "sampling", "stages"),
        correction_problems,
    ),
)
"""Fields that each check needs, its own first, and the check."""
