"""What is recommended when, and that every plan corrects the prior exactly once."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from balancekit import AugmentationPolicy, Labels, Plan, analyze, recommend
from balancekit.errors import DataError, OptionError, PlanError
from balancekit.plan import (
    CorrectAfterTraining,
    CorrectInTraining,
    CrossEntropy,
    LogitAdjusted,
    Natural,
    NoAugmentation,
    TaskAugmentation,
    Uniform,
    WeightedBce,
)
from balancekit.plan.choices import Finding
from balancekit.priors import correction_strength
from balancekit.recommender import RULES, baseline


def stats_of(counts, media="unknown", names=None):
    ids = np.repeat(np.arange(len(counts)), counts)
    names = names or [f"class {c}" for c in range(len(counts))]
    return analyze(Labels(class_ids=ids, class_names=tuple(names), media=media))


@pytest.mark.parametrize(
    ("counts", "media", "options", "expected"),
    [
        ([50, 40], "rows", {}, (Natural(), CrossEntropy(), CorrectAfterTraining(), "log-prior")),
        ([50, 50], "pictures", {}, (Natural(), CrossEntropy(), CorrectInTraining(), "zeros")),
        (
            [900, *[9] * 99],
            "pictures",
            {},
            (Natural(), LogitAdjusted(), CorrectInTraining(), "zeros"),
        ),
        (
            [900, 100],
            "rows",
            {"deployed_prior": [0.9, 0.1]},
            (Natural(), CrossEntropy(), CorrectInTraining(), "log-prior"),
        ),
        ([900, 30], "rows", {}, (Natural(), LogitAdjusted(), CorrectInTraining(), "zeros")),
        ([900, 30], "pictures", {}, (Natural(), LogitAdjusted(), CorrectInTraining(), "zeros")),
        ([900, 9], "pictures", {}, (Uniform(), CrossEntropy(), CorrectInTraining(), "zeros")),
        ([900, 9], "rows", {}, (Natural(), LogitAdjusted(), CorrectInTraining(), "zeros")),
        (
            [900, 9],
            "pictures",
            {"objective": "accuracy"},
            (Natural(), CrossEntropy(), CorrectInTraining(), "log-prior"),
        ),
        (
            [900, 9],
            "pictures",
            {"deployed_prior": [0.6, 0.4]},
            (Natural(), CrossEntropy(), CorrectAfterTraining(), "log-prior"),
        ),
    ],
    ids=[
        "mild",
        "equal",
        "more classes than a batch holds",
        "for the prior of training",
        "long tail of rows",
        "long tail of pictures",
        "few-shot pictures",
        "few-shot rows",
        "for accuracy",
        "for a prior of one's own",
    ],
)
def test_the_rule_fits_the_data(counts, media, options, expected):
    plan = recommend(stats_of(counts, media), **options)
    assert (plan.sampling, plan.loss, plan.correction, plan.bias_init) == expected


@given(
    counts=st.lists(st.integers(1, 2000), min_size=2, max_size=9),
    media=st.sampled_from(["pictures", "rows", "unknown"]),
    objective=st.sampled_from(["balanced_accuracy", "accuracy"]),
)
def test_every_plan_corrects_the_prior_once_and_says_why(counts, media, objective):
    plan = recommend(stats_of(counts, media), objective=objective)
    strength = correction_strength(plan.training_prior(), plan.believed_prior(), plan.wanted())
    equal = max(counts) <= 1.1 * min(counts)
    if isinstance(plan.correction, CorrectAfterTraining):
        assert strength == pytest.approx(0, abs=1e-6)
        corrected = np.log(plan.believed_prior()) + plan.correction_shift()
        assert np.ptp(corrected - np.log(plan.wanted())) < 1e-9
    elif not equal:
        assert strength == pytest.approx(1, abs=1e-6)
        assert not plan.correction_shift().any()
    parts = [reason.part for reason in plan.reasons]
    assert parts == ["sampling", "loss", "correction", "bias_init", "augmentation"]
    assert all(r.because and r.source and r.instead for r in plan.reasons)
    assert not any("{" in r.because for r in plan.reasons)


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


@pytest.mark.parametrize(
    ("names", "media", "options", "expected"),
    [
        (list("0123456789"), "pictures", {}, TaskAugmentation(task="digits")),
        (["cat", "dog"], "pictures", {}, TaskAugmentation(task="unknown")),
        (["cat", "dog"], "rows", {}, NoAugmentation()),
        (["cat", "dog"], "pictures", {"picture_task": "natural"}, TaskAugmentation(task="natural")),
        (["cat", "dog"], "unknown", {"picture_task": "natural"}, TaskAugmentation(task="natural")),
    ],
    ids=["digits by name", "unknown pictures", "rows", "named by the user", "arrays of pictures"],
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
        ({"objective": "speed"}, "objective: expected one of"),
        ({"deployed_prior": "mine"}, "deployed_prior: expected 'training', 'uniform'"),
        ({"deployed_prior": [0.5, 0.6]}, "deployed_prior: expected 2 shares"),
        ({"deployed_prior": [1.0]}, "deployed_prior: expected 2 shares"),
        ({"picture_task": "animal"}, "task: expected one of"),
    ],
    ids=["objective", "word", "sum", "length", "picture task"],
)
def test_wrong_options_are_refused(options, message):
    with pytest.raises(OptionError, match=message):
        recommend(stats_of([90, 10]), **options)


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


def test_the_last_rule_fits_everything():
    assert RULES[-1].when(None)


@pytest.mark.parametrize("task", ["detection", "segmentation", "keypoints", "regression"])
def test_a_task_without_plans_is_refused_and_says_what_can_be_done(task):
    if task == "regression":
        labels = Labels.from_values([0.5, 1.5, 1.5])
    else:
        labels = Labels(
            class_ids=[0, 1, 1], class_names=("car", "bus"), offsets=[0, 2, 3], task=task
        )
    stats = analyze(labels)
    assert stats.task == task
    with pytest.raises(DataError, match=f"got {task}, for which no plan .* --task multilabel"):
        recommend(stats)


def test_boxes_read_as_the_classes_that_a_picture_shows_are_planned_for():
    boxes = Labels(
        class_ids=[0, 0, 1], class_names=("car", "bus"), offsets=[0, 2, 3], task="detection"
    )
    stats = analyze(boxes, task="multilabel")
    assert stats.class_counts == (1, 1)
    assert isinstance(recommend(stats).loss, WeightedBce)
