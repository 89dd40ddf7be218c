"""Batch size, metrics, warnings and what is done to rows of a plan."""

import msgspec
import numpy as np
import pytest

from balancekit import Labels, analyze, recommend
from balancekit.errors import OptionError
from balancekit.plan import NoAugmentation, RowAugmentation, Uniform
from balancekit.recommender import baseline
from balancekit.recommender.batch_size import chosen_batch_size, with_batch_size
from balancekit.stats import expected_half_width
from balancekit.stats.stats import Issue


def stats_of(counts, media="unknown"):
    ids = np.repeat(np.arange(len(counts)), counts)
    names = tuple(f"class {c}" for c in range(len(counts)))
    return analyze(Labels(class_ids=ids, class_names=names, media=media))


SIZES = {
    "few samples": ([40, 20], "rows", 8, "60 samples are few"),
    "steps enough": ([400, 300], "rows", 64, "at least 10 steps an epoch in batches of 64"),
    "many rows": ([9000, 9000], "rows", 128, "a usual size"),
    "many pictures": ([9000, 9000], "pictures", 64, "a usual size"),
    "a rare class": ([20000, 30], "rows", 256, "larger than usual, for the rarest class"),
    "a very rare class": ([200000, 30], "rows", 512, "larger than usual"),
    "a rare class drawn more often": ([200000, 30], "pictures", 64, "a usual size"),
}


@pytest.mark.parametrize(("counts", "media", "size", "because"), SIZES.values(), ids=SIZES.keys())
def test_a_batch_is_small_for_few_samples_and_large_for_a_rare_class(counts, media, size, because):
    plan = recommend(stats_of(counts, media))
    (reason,) = (reason for reason in plan.reasons if reason.part == "batch_size")
    assert plan.batch_size == size
    assert because in reason.because


def test_a_balanced_batch_holds_every_class():
    plan = msgspec.structs.replace(baseline(stats_of([30] + [2] * 20)), sampling=Uniform())
    size, reason = chosen_batch_size(plan, None)
    assert size == 32
    assert reason.because.endswith("the rarest class comes 1.5 times a batch")


@pytest.mark.parametrize(
    ("counts", "size", "often"),
    [
        ([50, 50], 8, "4.0 times a batch"),
        ([90, 10], 8, "about once a batch"),
        ([99, 1], 10, "about once in 10 batches"),
        ([50, 50], 64, "32 times a batch"),
    ],
)
def test_it_is_told_how_often_the_rarest_class_comes(counts, size, often):
    plan = recommend(stats_of(counts), batch_size=size)
    (reason,) = (reason for reason in plan.reasons if reason.part == "batch_size")
    assert plan.batch_size == size
    assert reason.because == f"you say so; the rarest class comes {often}"


def test_metrics_are_as_sure_as_the_share_held_out_makes_them():
    stats = stats_of([900, 100])
    plan = recommend(stats, validation_share=0.5)
    first, recall, f1 = plan.metrics
    assert (first.name, recall.name, f1.name) == (
        "balanced_accuracy",
        "recall_per_class",
        "macro_f1",
    )
    assert first.half_width == pytest.approx(
        expected_half_width("balanced_accuracy", [450, 50]), abs=1e-4
    )
    assert recall.half_width == pytest.approx(expected_half_width("recall", [50]), abs=1e-4)
    assert recall.because == "of the smallest class, 50 samples: 50 % of the samples held out"
    less = recommend(stats, validation_share=0.1).metrics
    assert all(a.half_width > b.half_width for a, b in zip(less, plan.metrics, strict=True))


@pytest.mark.parametrize("objective", ["balanced_accuracy", "macro_f1", "auprc"])
def test_classes_without_a_held_out_sample_are_counted_and_nothing_is_sure(objective):
    metrics = recommend(stats_of([9000, 800, 2, 1]), objective=objective).metrics
    (said,) = {metric.because for metric in metrics if metric.name != "calibration"}
    assert "2 of 4 classes have no sample at all in 20 % of the samples held out" in said
    assert (metrics[0].half_width, metrics[0].confidence) == (None, "low")


def test_accuracy_does_not_need_every_class():
    first, recall = recommend(stats_of([9000, 800, 1]), objective="accuracy").metrics
    assert (first.confidence, first.because) == (
        "high",
        "1,960 samples: 20 % of the samples held out",
    )
    assert (recall.half_width, recall.confidence) == (None, "low")
    assert recall.because.startswith("1 of 3 classes has no sample at all")


def test_classes_that_are_only_declared_need_no_held_out_sample():
    first = recommend(stats_of([9000, 8000, 0])).metrics[0]
    assert (first.confidence, first.because) == (
        "high",
        "3,400 samples: 20 % of the samples held out",
    )


def test_several_labels_a_sample_are_counted_as_labels():
    tags = [["a"], ["a", "b"], []] * 300
    first, *others = recommend(analyze(tags), objective="map").metrics
    assert first.because == "180 labels in 20 % of the samples held out"
    (recall,) = [metric for metric in others if metric.name == "recall_per_class"]
    assert recall.because == "of the smallest class, 60 samples: 20 % of the samples held out"


@pytest.mark.parametrize(
    ("counts", "confidence"), [([90, 30], "low"), ([900, 600], "medium"), ([9000] * 2, "high")]
)
def test_confidence_follows_the_width_of_the_interval(counts, confidence):
    assert recommend(stats_of(counts)).metrics[0].confidence == confidence


def test_average_precision_of_two_classes_is_that_of_the_rarer():
    plan = recommend(stats_of([900, 100]), objective="auprc")
    assert plan.metrics[0].half_width == pytest.approx(expected_half_width("auprc", [20]), abs=1e-4)


def test_what_counts_do_not_tell_has_no_interval():
    plan = recommend(stats_of([900, 100]), objective="calibration")
    assert plan.metrics[0].half_width is None
    assert "no interval" in plan.metrics[0].because


@pytest.mark.parametrize(
    ("data", "has_intervals"),
    [(["a"] * 90 + ["b"] * 30, True), ([18.5, 20.25, 20.5, 71.0] * 30, False)],
    ids=["classes", "numbers"],
)
def test_the_reason_speaks_of_intervals_where_there_are_some(data, has_intervals):
    plan = recommend(analyze(data))
    (reason,) = [reason for reason in plan.reasons if reason.part == "metrics"]
    assert any(metric.half_width is not None for metric in plan.metrics) is has_intervals
    assert ("at a recall of 0.8" in reason.because) is has_intervals
    assert ("Wilson" in reason.source) is has_intervals


def test_the_split_for_validation_is_what_is_measured_on(tmp_path):
    rows = "".join(
        f"{n},{name},{split}\n"
        for split, counts in TABLE.items()
        for name, count in counts.items()
        for n in range(count)
    )
    (tmp_path / "t.csv").write_text(f"x,label,split\n{rows}")
    plan = recommend(analyze(str(tmp_path / "t.csv"), split="train"))
    assert plan.metrics[0].half_width == pytest.approx(
        expected_half_width("balanced_accuracy", [40, 4]), abs=1e-4
    )
    assert plan.metrics[0].because == "44 samples: the split held out"
    assert not [one for one in plan.warnings if one.startswith("Too few")], "BK408 says it"
    assert any(one.startswith("BK408") for one in plan.warnings)


TABLE = {"train": {"a": 400, "b": 40}, "val": {"a": 40, "b": 4}}


def test_classes_too_small_to_measure_are_named():
    warnings = recommend(stats_of([900, 45, 40, 35, 30])).warnings
    (said,) = (one for one in warnings if one.startswith("Too few"))
    assert "4 of 5 classes have under 10 (class 4, class 3, class 2 and 1 more)" in said
    assert "The recall of class 4 is known to ± 28 points at best" in said
    assert not recommend(stats_of([900, 50])).warnings


def test_errors_and_warnings_of_the_data_are_warnings_of_the_plan():
    stats = stats_of([900, 100])
    issues = tuple(
        Issue(code=code, severity=severity, title=title, what_to_do="Do.", count=3)
        for code, severity, title in (
            ("BK404", "error", "samples that lie in several splits"),
            ("BK406", "error", "samples of the same content under different classes"),
            ("BK302", "info", "hidden files"),
        )
    )
    plan = recommend(msgspec.structs.replace(stats, issues=issues))
    assert plan.warnings == (
        "BK404: samples that lie in several splits (3). Do.",
        "BK406: samples of the same content under different classes (3). Do.",
    )


@pytest.mark.parametrize(
    ("rows", "objective", "kind", "because"),
    [
        pytest.param("numbers", "balanced_accuracy", RowAugmentation, "by heart", id="numbers"),
        pytest.param("numbers", "auprc", RowAugmentation, "by heart", id="rankings-too"),
        pytest.param("numbers", "calibration", NoAugmentation, "less sure", id="calibration"),
        pytest.param("text", "balanced_accuracy", NoAugmentation, "two tokens", id="text"),
        pytest.param(
            None, "balanced_accuracy", NoAugmentation, "nor rows of numbers", id="unknown"
        ),
    ],
)
def test_rows_of_numbers_are_mixed_where_that_helps(rows, objective, kind, because):
    plan = recommend(analyze(["cat"] * 60 + ["dog"] * 6), objective=objective, rows=rows)
    assert type(plan.augmentation) is kind
    (reason,) = [reason for reason in plan.reasons if reason.part == "augmentation"]
    assert because in reason.because


def test_rows_of_nearly_equal_classes_are_not_mixed():
    plan = recommend(analyze(["cat"] * 59 + ["dog"] * 6), rows="numbers")
    assert plan.augmentation == NoAugmentation()
    (reason,) = [reason for reason in plan.reasons if reason.part == "augmentation"]
    assert "imbalance ratio 9.8 is below 10" in reason.because


@pytest.mark.parametrize(
    ("objective", "kind"),
    [("map", RowAugmentation), ("macro_f1", RowAugmentation), ("calibration", NoAugmentation)],
)
def test_rows_of_several_labels_are_mixed_at_any_imbalance(objective, kind):
    labels = np.tile([[1, 0], [0, 1], [1, 1]], (20, 1))
    plan = recommend(analyze(labels), objective=objective, rows="numbers")
    assert plan.data.task == "multilabel"
    assert type(plan.augmentation) is kind


def test_numbers_that_are_predicted_are_not_mixed():
    plan = recommend(analyze(np.linspace(0, 1, 60)), rows="numbers")
    assert plan.augmentation == NoAugmentation()


def test_what_rows_cannot_hold_is_refused():
    with pytest.raises(OptionError, match=r"rows: expected one of \('numbers', 'text'\), got 'a'"):
        recommend(analyze(["cat"] * 6 + ["dog"] * 2), rows="a")


def test_a_plan_carried_to_more_data_has_the_batch_advised_for_those():
    small, large = stats_of([400, 300]), stats_of([4000, 3000])
    carried = with_batch_size(recommend(small).for_data(large))
    whole = recommend(large)
    reasons = {reason.part: reason for reason in carried.reasons}
    assert carried.batch_size == whole.batch_size != recommend(small).batch_size
    assert reasons["batch_size"] == {one.part: one for one in whole.reasons}["batch_size"]
    given = recommend(small, batch_size=24).for_data(large)
    assert with_batch_size(given) == given
    by_hand = msgspec.structs.replace(recommend(small), batch_size=48).for_data(large)
    assert with_batch_size(by_hand) == by_hand
