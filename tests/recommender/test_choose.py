"""What is recommended when, and that every plan corrects the prior exactly once."""

import time

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from balancekit import AugmentationPolicy, Labels, Plan, analyze, recommend
from balancekit.errors import DataError, OptionError, PlanError
from balancekit.plan import (
    LOSSES_OF_TASK,
    AbsoluteError,
    CorrectAfterTraining,
    CorrectInTraining,
    CrossEntropy,
    DiceCrossEntropy,
    DistributionBalanced,
    HeatmapMse,
    Lds,
    LogitAdjusted,
    Natural,
    NoAugmentation,
    Power,
    RepeatFactor,
    Seesaw,
    SigmoidFocal,
    TaskAugmentation,
    Uniform,
    WeightedBce,
)
from balancekit.plan.choices import Finding
from balancekit.priors import correction_strength
from balancekit.recommender import OBJECTIVES, baseline

PARTS = [
    "sampling",
    "loss",
    "stages",
    "bias_init",
    "correction",
    "batch_size",
    "augmentation",
    "metrics",
]


def stats_of(counts, media="unknown", names=None):
    ids = np.repeat(np.arange(len(counts)), counts)
    names = names or [f"class {c}" for c in range(len(counts))]
    return analyze(Labels(class_ids=ids, class_names=tuple(names), media=media))


def objects_of(per_sample, n_classes, task, sizes=None, media="unknown"):
    """Stats of samples with the classes given, each a list of class ids."""
    offsets = np.cumsum([0, *map(len, per_sample)])
    ids = np.concatenate([np.array(one, int) for one in per_sample])
    names = tuple(f"class {c}" for c in range(n_classes))
    return analyze(
        Labels(
            class_ids=ids,
            class_names=names,
            offsets=offsets,
            task=task,
            sizes=sizes,
            media=media,
        )
    )


LONG_TAIL_OF_LABELS = [[0], *[[0, 1 + n % 9] for n in range(90)], *[[0]] * 400, [10]]
NUMBERS = np.random.default_rng(0).normal(size=800)


def some_stats(task):
    """Small data of each task."""
    if task == "classification":
        return stats_of([90, 10])
    if task == "regression":
        return analyze(Labels.from_values(NUMBERS))
    sizes = [900, 100, 900] if task == "segmentation" else None
    return objects_of([[0, 1], [0]], 2, task, sizes)


@pytest.mark.parametrize(
    ("counts", "media", "options", "expected"),
    [
        ([50, 40], "rows", {}, (Natural(), CrossEntropy(), CorrectAfterTraining(), "log-prior")),
        ([50, 50], "pictures", {}, (Natural(), CrossEntropy(), CorrectInTraining(), "zeros")),
        (
            [900, 100],
            "rows",
            {"deployed_prior": [0.9, 0.1]},
            (Natural(), CrossEntropy(), CorrectInTraining(), "log-prior"),
        ),
        (
            [900, 100],
            "rows",
            {"deployed_prior": "train"},
            (Natural(), CrossEntropy(), CorrectInTraining(), "log-prior"),
        ),
        ([900, 30], "rows", {}, (Natural(), LogitAdjusted(), CorrectInTraining(), "zeros")),
        ([900, 30], "pictures", {}, (Power(0.5), LogitAdjusted(), CorrectInTraining(), "zeros")),
        ([900, 9], "pictures", {}, (Power(0.5), LogitAdjusted(), CorrectInTraining(), "zeros")),
        ([900, 9], "rows", {}, (Natural(), LogitAdjusted(), CorrectInTraining(), "zeros")),
        (
            [900, 9],
            "rows",
            {"rows": "text"},
            (Natural(), LogitAdjusted(), CorrectInTraining(), "zeros"),
        ),
        (
            [900, 9],
            "pictures",
            {"objective": "accuracy"},
            (Natural(), CrossEntropy(), CorrectInTraining(), "log-prior"),
        ),
        (
            [900, 30],
            "rows",
            {"objective": "macro_f1"},
            (Natural(), CrossEntropy(), CorrectAfterTraining(), "log-prior"),
        ),
        (
            [900, 100],
            "rows",
            {"objective": "macro_f1"},
            (Natural(), CrossEntropy(), CorrectInTraining(), "log-prior"),
        ),
        (
            [900, 9],
            "rows",
            {"objective": "accuracy", "deployed_prior": "uniform"},
            (Natural(), LogitAdjusted(), CorrectInTraining(), "zeros"),
        ),
        (
            [900, 9],
            "pictures",
            {"deployed_prior": [0.6, 0.4]},
            (Natural(), CrossEntropy(), CorrectAfterTraining(), "log-prior"),
        ),
        (
            [900, 9],
            "pictures",
            {"deployed_prior": {"class 1": 40, "class 0": 60}},
            (Natural(), CrossEntropy(), CorrectAfterTraining(), "log-prior"),
        ),
    ],
    ids=[
        "mild",
        "equal",
        "for the prior of training",
        "for the prior of training in a word",
        "long tail of rows",
        "long tail of pictures",
        "few-shot pictures",
        "few-shot rows",
        "few-shot texts",
        "for accuracy",
        "for macro-F1",
        "for macro-F1 of mild imbalance",
        "for accuracy among equal classes",
        "for a prior of one's own",
        "for counts by name",
    ],
)
def test_the_rule_fits_the_data(counts, media, options, expected):
    plan = recommend(stats_of(counts, media), **options)
    assert (plan.sampling, plan.loss, plan.correction, plan.bias_init) == expected


OF_OTHER_TASKS = {
    "long tail of labels": (
        objects_of(LONG_TAIL_OF_LABELS, 11, "multilabel", media="pictures"),
        {},
        (Uniform(), DistributionBalanced()),
    ),
    "probabilities of labels": (
        objects_of(LONG_TAIL_OF_LABELS, 11, "multilabel"),
        {"objective": "calibration"},
        (Natural(), WeightedBce()),
    ),
    "boxes": (
        objects_of([[0, 1], [0]], 2, "detection"),
        {},
        (Natural(), SigmoidFocal()),
    ),
    "long tail of boxes": (
        objects_of([*[[0]] * 200, list(range(120))], 120, "detection"),
        {},
        (RepeatFactor(threshold=0.001), Seesaw()),
    ),
    "tiny foreground": (
        objects_of([[0, 1], [0]], 2, "segmentation", [9000, 10, 9000]),
        {},
        (RepeatFactor(threshold=0.1), DiceCrossEntropy()),
    ),
    "large foreground": (
        objects_of([[0, 1], [0]], 2, "segmentation", [9000, 4000, 9000]),
        {},
        (Natural(), CrossEntropy()),
    ),
    "numbers": (analyze(Labels.from_values(NUMBERS)), {}, (Natural(), AbsoluteError())),
    "ages of faces": (
        msgspec.structs.replace(analyze(Labels.from_values(NUMBERS)), media="pictures"),
        {},
        (Natural(), Lds()),
    ),
}


@pytest.mark.parametrize(
    ("stats", "options", "expected"), OF_OTHER_TASKS.values(), ids=OF_OTHER_TASKS.keys()
)
def test_the_rule_fits_data_of_other_tasks(stats, options, expected):
    plan = recommend(stats, **options)
    assert (plan.sampling, plan.loss) == expected


@given(
    counts=st.lists(st.integers(0, 2000), min_size=2, max_size=9).filter(
        lambda counts: sum(count > 0 for count in counts) > 1
    ),
    media=st.sampled_from(["pictures", "rows", "unknown"]),
    objective=st.sampled_from([None, *OBJECTIVES["classification"]]),
    deployed=st.sampled_from([None, "train", "uniform", "given"]),
)
def test_every_plan_corrects_the_prior_once_and_says_why(counts, media, objective, deployed):
    if deployed == "given":
        deployed = (np.arange(len(counts)) + 1.0) / (np.arange(len(counts)) + 1).sum()
    plan = recommend(stats_of(counts, media), objective=objective, deployed_prior=deployed).check()
    drawn = plan.classes_drawn()
    start, believed, wanted = (
        prior[drawn] for prior in (plan.training_prior(), plan.believed_prior(), plan.wanted())
    )
    if isinstance(plan.correction, CorrectAfterTraining):
        assert correction_strength(start, believed, wanted) == pytest.approx(0, abs=1e-6)
        corrected = np.log(believed) + plan.correction_shift()[drawn]
        assert np.ptp(corrected - np.log(wanted)) < 1e-9
    else:
        # Up to a factor of 1.1 two priors are the same: nothing is corrected.
        assert np.ptp(np.log(believed) - np.log(wanted)) < 0.1 + 1e-9
        assert not plan.correction_shift().any()
    assert [reason.part for reason in plan.reasons] == PARTS
    assert all(r.because and r.source and r.instead for r in plan.reasons)
    assert not any("{" in r.because for r in plan.reasons)


@pytest.mark.parametrize(
    ("task", "objective"), [(task, one) for task, few in OBJECTIVES.items() for one in few]
)
def test_every_task_and_objective_has_a_plan_that_holds(task, objective, tmp_path):
    plan = recommend(some_stats(task), objective=objective)
    assert plan.objective == plan.metrics[0].name == objective
    assert isinstance(plan.loss, LOSSES_OF_TASK[task])
    assert [reason.part for reason in plan.reasons] == PARTS
    assert plan.batch_size >= 1
    plan.save(tmp_path / "plan.toml")
    assert Plan.load(tmp_path / "plan.toml") == plan


@pytest.mark.parametrize("counts", [[90, 4, 0], [900, 9, 0], [5, 0, 4]], ids=str)
@pytest.mark.parametrize("media", ["pictures", "rows"])
def test_a_class_without_samples_does_not_stand_in_the_way(counts, media):
    plan = recommend(stats_of(counts, media))
    shift = plan.correction_shift()
    assert np.all(np.isfinite(shift))
    assert shift[np.array(counts) == 0] == shift.min()


def test_multi_label_data_get_a_weight_for_each_label():
    indicators = np.zeros((100, 3), int)
    indicators[:50, 0], indicators[:10, 1], indicators[0, 2] = 1, 1, 1
    plan = recommend(analyze(indicators))
    assert isinstance(plan.loss, WeightedBce)
    assert plan.loss.pos_weight == pytest.approx((1.0, 3.0, 99**0.5), abs=1e-5)
    fully = recommend(analyze(indicators), objective="balanced_accuracy").loss
    assert fully.pos_weight == pytest.approx((1.0, 9.0, 99.0), abs=1e-5)


def test_keypoints_that_are_seldom_seen_weigh_more():
    stats = objects_of([[0, 1], [0], [0], [0]], 2, "keypoints")
    weights = recommend(stats).loss.class_weights
    assert weights[1] / weights[0] == pytest.approx(2, rel=1e-5), "the root of 4 to 1"
    assert HeatmapMse(class_weights=weights) == recommend(stats).loss


@pytest.mark.parametrize(
    ("names", "media", "options", "expected"),
    [
        (list("0123456789"), "pictures", {}, TaskAugmentation(task="digits")),
        ([str(n) for n in range(12)], "pictures", {}, TaskAugmentation(task="unknown")),
        (["cat", "dog"], "pictures", {}, TaskAugmentation(task="unknown")),
        (["cat", "dog"], "rows", {}, NoAugmentation()),
        (["cat", "dog"], "pictures", {"picture_task": "natural"}, TaskAugmentation(task="natural")),
        (["cat", "dog"], "unknown", {"picture_task": "natural"}, TaskAugmentation(task="natural")),
    ],
    ids=[
        "digits by name",
        "numbers are no digits",
        "unknown pictures",
        "rows",
        "named by the user",
        "arrays of pictures",
    ],
)
def test_augmentation_follows_what_is_known_of_the_pictures(names, media, options, expected):
    stats = stats_of([30] * len(names), media, names)
    assert recommend(stats, **options).augmentation == expected


FOUND = Finding(
    operation="blur", verdict="forbidden", reason="80 % are blurred.", source="pictures"
)


def test_what_was_found_in_the_pictures_stays_with_the_plan_and_is_obeyed(tmp_path):
    stats = stats_of([30, 30], "pictures", ["cat", "dog"])
    plan = recommend(stats, picture_task="natural", findings=[FOUND])
    assert plan.augmentation == TaskAugmentation(task="natural", findings=(FOUND,))
    (reason,) = (reason for reason in plan.reasons if reason.part == "augmentation")
    assert reason.because.endswith("; blur forbidden: 80 % are blurred")
    plan.save(tmp_path / "plan.toml")
    read = Plan.load(tmp_path / "plan.toml")
    policy = AugmentationPolicy.from_plan(read.augmentation, read.data.class_names)
    (blur,) = (decision for decision in policy.explain() if decision.operation == "blur")
    assert (blur.used, blur.decided_by, blur.reason) == (False, "data", "80 % are blurred.")


def test_findings_of_what_is_no_picture_are_refused():
    with pytest.raises(OptionError, match="findings: expected none of samples"):
        recommend(stats_of([30, 30], "rows"), findings=[FOUND])


@pytest.mark.parametrize("counts", [[5], [5, 0]], ids=["one class", "one class with samples"])
def test_one_class_cannot_be_balanced(counts):
    with pytest.raises(DataError, match="expected two classes with samples"):
        recommend(stats_of(counts))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"objective": "speed"}, "objective: expected one of balanced_accuracy, macro_f1, "),
        ({"objective": "map"}, "calibration for classification data, got 'map'"),
        ({"deployed_prior": "mine"}, "deployed_prior: expected 'training', 'uniform'"),
        ({"deployed_prior": [0.5, 0.6]}, "deployed_prior: expected 2 shares"),
        ({"deployed_prior": [1.0]}, "deployed_prior: expected 2 shares"),
        ({"deployed_prior": [0.5, float("nan")]}, "deployed_prior: expected 2 shares"),
        ({"deployed_prior": ["a", "b"]}, "deployed_prior: expected 2 shares"),
        ({"deployed_prior": [[0.5], [0.5]]}, "deployed_prior: expected 2 shares"),
        ({"deployed_prior": {0.5}}, "one share a class in a list, or a dict .* got set"),
        ({"deployed_prior": 0.5}, "one share a class in a list, or a dict .* got float"),
        ({"picture_task": "animal"}, "task: expected one of"),
        ({"batch_size": 0}, "batch_size: expected a whole number ≥ 1, got 0"),
        ({"batch_size": True}, "batch_size: expected a whole number ≥ 1, got True"),
        ({"budget_s": 0}, "budget_s: expected seconds above 0, got 0"),
        ({"budget_s": float("nan")}, "budget_s: expected seconds above 0, got nan"),
        ({"budget_s": "10m"}, "budget_s: expected seconds above 0, got '10m'"),
        ({"validation_share": "x"}, r"validation_share: expected a share in \(0, 1\), got 'x'"),
        ({"validation_share": 1}, r"validation_share: expected a share in \(0, 1\), got 1"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_wrong_options_are_refused(options, message):
    with pytest.raises(OptionError, match=message):
        recommend(stats_of([90, 10]), **options)


def test_everything_wrong_with_named_shares_is_told_at_once():
    given = {"class 0": 0.5, "cat": float("nan"), "dog": -1}
    with pytest.raises(OptionError) as caught:
        recommend(stats_of([90, 10, 5]), deployed_prior=given)
    assert str(caught.value) == (
        "deployed_prior: expected every class of the data, got none for 'class 1', 'class 2'; "
        "expected classes of the data alone, got 'cat', 'dog'; expected numbers above 0, got nan "
        "for 'cat', -1 for 'dog'. A class that hardly ever occurs gets a small share"
    )


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"class 1": 1, "class 0": 3}, (0.75, 0.25)),
        ({"class 0": 0.333, "class 1": 0.667}, (0.333, 0.667)),
        ({"class 0": 0.33, "class 1": 0.665}, (0.33 / 0.995, 0.665 / 0.995)),
    ],
    ids=["counts", "shares", "rounded shares"],
)
def test_named_shares_and_counts_become_shares_in_the_order_of_the_classes(given, expected):
    assert recommend(stats_of([90, 10]), deployed_prior=given).wanted_prior == pytest.approx(
        expected, abs=1e-9
    )


def test_named_shares_that_sum_to_something_else_are_refused():
    with pytest.raises(OptionError, match=r"sum to 1, or whole counts, got a sum of 0\.7"):
        recommend(stats_of([90, 10]), deployed_prior={"class 0": 0.5, "class 1": 0.2})


@pytest.mark.parametrize("task", ["multilabel", "detection", "keypoints", "regression"])
@pytest.mark.parametrize("deployed", ["uniform", [0.5, 0.5]], ids=["word", "shares"])
def test_a_prior_of_classes_is_refused_where_there_is_none(task, deployed):
    if task == "regression" and deployed == "uniform":
        assert recommend(some_stats(task), deployed_prior=deployed).wanted_prior == "uniform"
        return
    with pytest.raises(OptionError, match=f"deployed_prior: expected .* for {task} data"):
        recommend(some_stats(task), deployed_prior=deployed)


def test_numbers_as_frequent_in_use_as_in_training_are_not_weighted():
    plan = recommend(some_stats("regression"), deployed_prior="training")
    assert str(plan.loss.__struct_config__.tag) == "l1"


def test_anything_but_stats_is_refused():
    with pytest.raises(OptionError, match=r"recommend\(analyze\(data\)\)"):
        recommend("data/")


def test_a_seed_that_nothing_can_draw_with_is_refused():
    with pytest.raises(PlanError, match="seed: expected"):
        recommend(stats_of([90, 10]), seed=-3)


def test_issues_of_the_data_become_warnings_of_the_plan():
    plan = recommend(stats_of([90, 1]))
    assert any(warning.startswith("BK103") for warning in plan.warnings)


def test_the_baseline_is_what_most_people_start_with():
    plan = baseline(stats_of([90, 10], "pictures")).check()
    assert (plan.sampling, plan.loss) == (Natural(), CrossEntropy())
    assert plan.augmentation == NoAugmentation()


@pytest.mark.parametrize("task", OBJECTIVES)
def test_the_baseline_of_every_task_holds(task):
    plan = baseline(some_stats(task)).check()
    assert type(plan.loss) is LOSSES_OF_TASK[task][0]
    assert plan.objective in OBJECTIVES[task]


def test_two_samples_are_enough_for_a_plan():
    plan = recommend(stats_of([1, 1]))
    assert plan.batch_size == 8
    assert "2 samples are few" in next(r.because for r in plan.reasons if r.part == "batch_size")


def test_hundred_thousand_classes_are_planned_for_at_once():
    stats = stats_of([3] * 50_000 + [1] * 50_000)
    began = time.perf_counter()
    plan = recommend(stats, deployed_prior=dict.fromkeys(stats.class_names, 1.0))
    assert time.perf_counter() - began < 5, "under 1 s on two cores"
    assert len(plan.wanted_prior) == 100_000


def test_boxes_read_as_the_classes_that_a_picture_shows_are_planned_for():
    boxes = Labels(
        class_ids=[0, 0, 1], class_names=("car", "bus"), offsets=[0, 2, 3], task="detection"
    )
    stats = analyze(boxes, task="multilabel")
    assert stats.class_counts == (1, 1)
    assert isinstance(recommend(stats).loss, WeightedBce)


def test_the_plain_error_of_a_regression_is_told_where_its_name_is_given():
    with pytest.raises(
        OptionError, match=r"regression data, got 'mae'\. .*plain MAE.*=\"training\""
    ):
        recommend(some_stats("regression"), objective="mae")
