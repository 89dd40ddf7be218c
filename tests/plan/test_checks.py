"""What in a plan contradicts the rest is told, all of it, each in its place."""

from typing import get_args

import msgspec
import pytest

from balancekit import Labels, Plan, PlanError, metrics
from balancekit.augment import task_names
from balancekit.errors import OptionError
from balancekit.plan import (
    METRIC_NAMES,
    PICTURE_TASKS,
    Asymmetric,
    BalancedMse,
    ClassBalanced,
    CorrectAfterTraining,
    CrossEntropy,
    DataRef,
    DeferredReweighting,
    DiceCrossEntropy,
    Focal,
    GaussianWeighted,
    Ghm,
    Ldam,
    Lds,
    LogitAdjusted,
    Metric,
    Objective,
    Power,
    TaskAugmentation,
    TwoStage,
    VectorScaling,
    WeightedBce,
)
from balancekit.plan.operations import Blur, HorizontalFlip

LABELS = Labels.from_names(["a"] * 90 + ["b"] * 9 + ["c"])
DATA = DataRef.from_labels(LABELS)
SEVERAL = Labels(class_ids=[0, 1, 0], class_names=("x", "y"), offsets=[0, 2, 3, 3, 3])


def plan(**fields):
    after = CorrectAfterTraining()
    return Plan(**{"data": DATA, "objective": "balanced_accuracy", "correction": after} | fields)


INF, NAN = float("inf"), float("nan")
CONTRADICTIONS = {
    "too few weights": (
        {"loss": CrossEntropy(class_weights=(1.0, 2.0))},
        "loss.class_weights: expected 3 numbers above 0, one a class, got (1.0, 2.0)",
    ),
    "a weight of 0": ({"loss": Focal(class_weights=(1.0, 2.0, 0.0))}, "loss.class_weights: "),
    "a weight that is no number": (
        {"loss": CrossEntropy(class_weights=(1.0, 1.0, NAN))},
        "loss.class_weights: ",
    ),
    "an infinite weight": ({"loss": CrossEntropy(class_weights=(1, INF, 1))}, "loss.class_weights"),
    "a prior of other classes": (
        {"wanted_prior": (0.5, 0.5)},
        "wanted_prior: expected 3 shares above 0 that sum to 1, got (0.5, 0.5)",
    ),
    "a prior that sums to 2": ({"wanted_prior": (1.0, 0.5, 0.5)}, "wanted_prior: "),
    "a prior with a 0": ({"wanted_prior": (0.5, 0.5, 0.0)}, "wanted_prior: "),
    "a prior that is no number": ({"wanted_prior": (NAN, NAN, NAN)}, "wanted_prior: "),
    "a loss of labels for classes": (
        {"loss": WeightedBce()},
        "loss: expected one for a classification task (cross-entropy, focal, ghm, "
        "gaussian-weighted, class-balanced, logit-adjusted, ldam, vector-scaling, seesaw), got "
        "weighted-bce",
    ),
    "a loss of classes for labels": (
        {"data": DataRef.from_labels(SEVERAL)},
        "loss: expected one for a multilabel task (weighted-bce, asymmetric, "
        "distribution-balanced, sigmoid-focal), got cross-entropy",
    ),
    "a share of a label that is 1": (
        {
            "data": DataRef.from_labels(SEVERAL),
            "loss": WeightedBce(),
            "wanted_prior": (1.0, 0.5),
        },
        "wanted_prior: expected 2 shares in (0, 1), one a label, got (1.0, 0.5)",
    ),
    "a class twice": (
        {"data": msgspec.structs.replace(DATA, class_names=("a", "b", "a"))},
        "data.class_names: expected each name once, got more than once: 'a'",
    ),
    "a label of more samples than there are": (
        {
            "data": msgspec.structs.replace(DataRef.from_labels(SEVERAL), class_counts=(5, 1)),
            "loss": WeightedBce(),
        },
        "data.class_counts: expected at most as many as there are samples, 4, got 5",
    ),
    "a count that no computer holds": (
        {"data": msgspec.structs.replace(DATA, class_counts=(1, 2, 2**63))},
        "data.class_counts: expected counts ≥ 0",
    ),
    "a batch of nothing": (
        {"batch_size": 0},
        "batch_size: expected a whole number ≥ 1, got 0. Leave it out, if any will do",
    ),
    "a metric that is none": (
        {"metrics": (Metric(name="macro_f1"), Metric(name="macro-f1"))},
        "metrics[1].name: expected one of balanced_accuracy, macro_f1, accuracy, ",
    ),
    "half an interval below 0": (
        {"metrics": (Metric(name="macro_f1", half_width=-0.1),)},
        "metrics[0].half_width: expected a finite number ≥ 0, got -0.1",
    ),
    "half an interval that is no number": (
        {"metrics": (Metric(name="macro_f1", half_width=NAN),)},
        "metrics[0].half_width: ",
    ),
    "too few counts": (
        {"data": msgspec.structs.replace(DATA, class_counts=(1, 2))},
        "data.class_counts: expected 3 counts, one a class name, got 2",
    ),
    "a negative count": (
        {"data": msgspec.structs.replace(DATA, class_counts=(1, 2, -1))},
        "data.class_counts: expected counts ≥ 0",
    ),
    "no samples": (
        {"data": msgspec.structs.replace(DATA, class_counts=(0, 0, 0))},
        "data.class_counts: expected counts ≥ 0, one above 0",
    ),
    "no classes": (
        {
            "data": msgspec.structs.replace(DATA, class_names=(), class_counts=()),
            "wanted_prior": (),
            "loss": CrossEntropy(class_weights=()),
        },
        "data.class_counts: expected counts ≥ 0, one above 0",
    ),
}


@pytest.mark.parametrize(("fields", "words"), CONTRADICTIONS.values(), ids=CONTRADICTIONS.keys())
def test_contradictions_are_refused_in_their_place(fields, words):
    with pytest.raises(PlanError) as caught:
        plan(**fields).check()
    assert f"\n  - {words}" in str(caught.value)


def test_all_contradictions_are_told_at_once():
    with pytest.raises(PlanError) as caught:
        plan(wanted_prior=(1.0,), loss=WeightedBce(pos_weight=(1.0,)), batch_size=0).check()
    places = [line.split(":")[0] for line in str(caught.value).splitlines()[1:]]
    assert places == ["  - batch_size", "  - wanted_prior", "  - loss.pos_weight", "  - loss"]


def test_a_metric_that_is_misspelt_is_told_what_is_near():
    with pytest.raises(PlanError, match=r"Did you mean 'macro_f1'\?"):
        plan(metrics=(Metric(name="macro-f1"),)).check()


def test_objectives_and_metrics_of_the_package_are_names_that_a_plan_may_watch():
    assert set(get_args(Objective)) <= set(METRIC_NAMES)
    measured = {name for name in METRIC_NAMES if hasattr(metrics, name)}
    assert {"recall_per_class", "brier", "mcc", "g_mean", "mae_by_shot"} <= measured


IMPOSSIBLE = {
    "alpha": lambda: Power(alpha=4.1),
    "alpha is no number": lambda: Power(alpha=NAN),
    "gamma": lambda: Focal(gamma=-0.1),
    "no bins": lambda: Ghm(n_bins=0),
    "half a bin": lambda: Ghm(n_bins=2.5),
    "a momentum of 1": lambda: Ghm(momentum=1.0),
    "a weight below 0": lambda: GaussianWeighted(sigma=0.2),
    "beta": lambda: ClassBalanced(beta=1.0),
    "beta is no number": lambda: ClassBalanced(beta=NAN),
    "tau": lambda: LogitAdjusted(tau=NAN),
    "no margin": lambda: Ldam(max_margin=0.0),
    "a negative power": lambda: VectorScaling(gamma=-1.0),
    "a margin of all": lambda: Asymmetric(margin=1.0),
    "all of Dice and more": lambda: DiceCrossEntropy(dice_share=1.1),
    "another base": lambda: Lds(base="l3"),
    "no noise": lambda: BalancedMse(noise_sigma=0.0),
    "weights from the start": lambda: DeferredReweighting(start_share=0.0),
    "another head": lambda: TwoStage(head="cRT"),
    "no second stage": lambda: TwoStage(epochs=0),
    "norms turned round": lambda: TwoStage(tau=2.5),
}


@pytest.mark.parametrize("make", IMPOSSIBLE.values(), ids=IMPOSSIBLE.keys())
def test_an_impossible_choice_is_not_made(make):
    with pytest.raises(
        ValueError,
        match=r"^(alpha|base|beta|dice_share|epochs|gamma|head|margin|max_margin|momentum|n_bins"
        r"|noise_sigma|sigma|start_share|tau): expected",
    ):
        make()


@pytest.mark.parametrize("seed", [-1, 2**63], ids=["negative", "too large"])
def test_a_seed_that_nothing_can_draw_with_is_refused(seed):
    with pytest.raises(PlanError, match="seed: expected"):
        plan(seed=seed).check()


def test_names_of_tasks_are_those_of_augmentation():
    assert tuple(task_names()) == PICTURE_TASKS


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"task": "natual"}, "task: expected one of .* Did you mean 'natural'"),
        ({"task": "natural", "allow": ("vertical-flpi",)}, "allow: .*'vertical-flip'"),
        ({"task": "natural", "allow": ("blur",), "forbid": ("blur",)}, "in both"),
        ({"task": "natural", "backend": "cv2"}, "backend: expected one of auto, native"),
        ({"task": "natural", "operations": "blur"}, "operations: expected a tuple of operations"),
        (
            {"task": "natural", "operations": (Blur,)},
            r"operations\[0\]: expected an operation such as Blur",
        ),
        (
            {"task": "natural", "operations": (HorizontalFlip(),), "forbid": ("horizontal-flip",)},
            "operations, forbid: expected each operation in one",
        ),
    ],
    ids=["task", "operation", "both", "backend", "a word", "a class", "forbidden"],
)
def test_misspelt_augmentation_is_refused(options, message):
    with pytest.raises(OptionError, match=message):
        TaskAugmentation(**options)
