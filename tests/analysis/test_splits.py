"""Other splits are compared with the measured one, and what is amiss is told."""

import numpy as np
import pytest

from balancekit import Labels
from balancekit.analysis import stats_from_counts
from balancekit.stats import Counts, SplitStats


def counts_of(by_class, **fields):
    return Counts(samples_per_class=by_class, n_samples=sum(by_class.values()), **fields)


def stats_of(measured, split="train", **others):
    counts = {name: counts_of(other) for name, other in others.items()}
    names = tuple(sorted(measured))
    return stats_from_counts(counts_of(measured), "a test", names, split=split, other_splits=counts)


def issues_of(stats):
    return {issue.code: issue for issue in stats.issues}


def test_counts_of_another_split_stand_in_the_order_of_the_classes():
    stats = stats_of({"a": 500, "b": 100}, val={"b": 20, "a": 100, "d": 3, "c": 0})
    (split,) = stats.splits
    assert (split.name, split.n_samples, split.n_unlabelled) == ("val", 123, 0)
    assert split.class_counts == (100, 20, 0, 3)  # c and d are only there
    assert split.extra_classes == ("d",)
    assert split.missing_classes == ()
    assert 0 < split.jensen_shannon < 1
    assert split.psi > 0


def test_splits_stand_in_the_order_of_their_names():
    stats = stats_of({"a": 3}, val={"a": 1}, test={"a": 1}, extra={"a": 2})
    assert [split.name for split in stats.splits] == ["extra", "test", "val"]


def test_a_split_like_the_measured_one_has_no_issue():
    assert issues_of(stats_of({"a": 5000, "b": 1000}, val={"a": 500, "b": 100})) == {}


def test_a_shift_beyond_chance_is_told():
    issue = issues_of(stats_of({"a": 5000, "b": 1000}, val={"a": 300, "b": 300}))["BK401"]
    assert (issue.severity, issue.count) == ("warning", 1)
    assert issue.examples[0].startswith("val (Jensen-Shannon 0.093, chance up to 0.00")


def test_a_shift_too_small_to_matter_is_not_told():
    stats = stats_of({"a": 500_000, "b": 500_000}, val={"a": 52_000, "b": 48_000})
    assert stats.splits[0].p_value < 0.01
    assert issues_of(stats) == {}


def test_classes_of_one_side_are_told_with_the_largest_first():
    stats = stats_of(
        {"a": 5000, "b": 900, "c": 30, "d": 40},
        val={"a": 500, "b": 90, "e": 30},
        test={"a": 500, "b": 90, "c": 30, "d": 40},
    )
    missing, extra = issues_of(stats)["BK402"], issues_of(stats)["BK403"]
    assert (missing.severity, missing.count) == ("warning", 2)
    assert missing.examples == ("d (val, 40 here)", "c (val, 30 here)")
    assert (extra.severity, extra.count, extra.examples) == ("error", 1, ("e (val)",))


def test_a_class_of_few_held_out_samples_is_told_with_its_interval():
    issue = issues_of(stats_of({"a": 5000, "emu": 70}, val={"a": 500, "emu": 7}))["BK408"]
    assert (issue.severity, issue.count) == ("warning", 1)
    assert issue.examples == ("emu: 7 held-out samples, recall known to ± 26 points",)
    assert "a recall of 80 %, measured on 7, is known only to ± 26 points" in issue.what_to_do


@pytest.mark.parametrize(("n", "told"), [(24, True), (25, False)])
def test_25_held_out_samples_are_enough(n, told):
    assert ("BK408" in issues_of(stats_of({"a": 99, "b": 99}, val={"a": 30, "b": n}))) == told


def test_a_split_without_labels_is_compared_with_nothing():
    others = {"unsupervised": Counts(n_samples=50, n_unlabelled=50)}
    stats = stats_from_counts(
        counts_of({"a": 50, "b": 50}), "x", ("a", "b"), split="train", other_splits=others
    )
    (split,) = stats.splits
    assert (split.jensen_shannon, split.psi, split.p_value) == (None, None, None)
    assert (split.missing_classes, split.extra_classes) == ((), ())
    assert stats.issues == ()


def test_masks_are_held_out_by_pictures_and_shifted_by_pictures():
    def of(pixels, n):
        labels = Labels(
            class_ids=[0, 1] * n,
            class_names=("road", "car"),
            offsets=np.arange(0, 2 * n + 1, 2),
            sizes=pixels * n,
            task="segmentation",
        )
        return Counts.from_labels(labels)

    stats = stats_from_counts(
        of([900, 100], 40),
        "x",
        ("road", "car"),
        split="train",
        other_splits={"val": of([100, 900], 10)},
    )
    (split,) = stats.splits
    assert split.class_counts == (1000, 9000)  # in the unit of the whole
    assert (split.jensen_shannon, split.p_value) == (0, 1)  # each picture shows both
    assert stats.per_class.held_out == (10, 10)
    assert stats.per_class.recall_half_width is None
    assert issues_of(stats) == {}


def test_targets_are_compared_over_common_bins_and_no_bin_is_missing():
    rng = np.random.default_rng(0)
    train, val = rng.normal(0, 5, 5000), rng.normal(0, 1, 300)
    counts = [Counts.from_labels(Labels.from_values(part)) for part in (train, val, train[:400])]
    names = Labels.from_values(train).class_names
    stats = stats_from_counts(
        counts[0],
        "x",
        names,
        split="train",
        other_splits={"val": counts[1], "fair": counts[2]},
    )
    fair, shifted = stats.splits
    assert fair.p_value > 0.05
    assert shifted.p_value < 0.01
    assert shifted.jensen_shannon < 0.9  # bins of other names would have nothing in common
    codes = set(issues_of(stats))
    assert codes & {"BK102", "BK103", "BK104", "BK402", "BK403", "BK408"} == set()
    assert "BK401" in codes


def test_a_shift_of_very_many_classes_is_told_too():
    names = tuple(f"class {i:05}" for i in range(30_000))
    train = Counts(samples_per_class=dict.fromkeys(names, 2), n_samples=60_000)
    half = {name: 4 * (i % 2) for i, name in enumerate(names)}
    val = Counts(samples_per_class=half, n_samples=60_000)
    stats = stats_from_counts(train, "a test", names, other_splits={"val": val})
    assert stats.splits[0].is_shifted()
    assert [issue.count for issue in stats.issues if issue.code == "BK401"] == [1]


SHIFTS = {
    "more than chance": ((0.05, 0.01, 0.001), True),
    "within chance": ((0.009, 0.01, 0.2), False),
    "clear, and too little to matter": ((0.0015, 0.0005, 0.001), False),
    "once in fifty": ((0.05, 0.01, 0.02), False),
    "not known": ((None, None, None), False),
}


@pytest.mark.parametrize(("known", "expected"), SHIFTS.values(), ids=SHIFTS.keys())
def test_a_split_is_shifted_if_it_is_clear_and_matters(known, expected):
    shift, chance, p_value = known
    split = SplitStats(
        name="val",
        n_samples=9,
        n_unlabelled=0,
        class_counts=(9,),
        jensen_shannon=shift,
        jensen_shannon_null=chance,
        psi=None,
        psi_null=None,
        p_value=p_value,
    )
    assert split.is_shifted() is expected
