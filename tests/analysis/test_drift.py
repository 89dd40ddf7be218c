"""Drift between two analyses: what changed, and whether by more than chance."""

import msgspec
import numpy as np
import pytest

from balancekit import DataError, Labels, analyze
from balancekit.analysis import compare_stats, stats_from_counts
from balancekit.analysis.shift import jensen_shannon
from balancekit.report.words import drift_verdict
from balancekit.stats import Counts, Drift


def stats_of(**by_class):
    return analyze([name for name, n in by_class.items() for _ in range(n)])


def test_the_same_data_have_not_changed():
    stats = stats_of(a=500, b=100)
    drift = compare_stats(stats, stats)
    assert drift.verdict == "unchanged"
    assert (drift.changes, drift.added, drift.removed) == ((), (), ())
    assert (drift.jensen_shannon, drift.psi, drift.p_value) == (0, 0, 1)


def test_more_data_of_the_same_shares_are_within_chance():
    drift = compare_stats(stats_of(a=500, b=100), stats_of(a=1020, b=195))
    assert drift.verdict == "within-chance"
    assert [(c.class_name, c.before, c.after) for c in drift.changes] == [
        ("a", 500, 1020),
        ("b", 100, 195),
    ]
    assert drift.p_value > 0.05


def test_a_shift_is_told_with_both_ratios():
    drift = compare_stats(stats_of(a=500, b=100), stats_of(a=500, b=10))
    assert drift.verdict == "shifted"
    assert (drift.imbalance_ratio_before, drift.imbalance_ratio_after) == (5, 50)
    assert drift.jensen_shannon > drift.jensen_shannon_null
    (change,) = drift.changes
    assert (change.class_name, change.before, change.after) == ("b", 100, 10)
    assert change.share_before == pytest.approx(1 / 6)
    assert [issue.code for issue in drift.issues_appeared] == ["BK104"]
    assert drift.issues_gone == ()


def test_classes_that_come_and_go_are_the_verdict():
    drift = compare_stats(stats_of(a=500, b=100), stats_of(a=500, c=100))
    assert (drift.verdict, drift.added, drift.removed) == ("classes-changed", ("c",), ("b",))
    by_name = {change.class_name: change for change in drift.changes}
    assert (by_name["b"].after, by_name["c"].before) == (None, None)


def test_a_class_that_is_declared_and_empty_has_not_come():
    before = analyze(Labels(class_ids=[0] * 50 + [1] * 50, class_names=("a", "b")))
    after = analyze(Labels(class_ids=[0] * 50 + [1] * 50, class_names=("a", "b", "c")))
    drift = compare_stats(before, after)
    assert drift.added == ()
    assert [(c.class_name, c.before, c.after) for c in drift.changes] == [("c", None, 0)]
    assert [issue.code for issue in drift.issues_appeared] == ["BK102"]


def test_an_empty_analysis_has_no_shift():
    drift = compare_stats(analyze(Labels(class_ids=[], class_names=("a",))), stats_of(a=3))
    assert (drift.jensen_shannon, drift.p_value, drift.added) == (None, None, ("a",))


def test_the_order_of_classes_is_no_change():
    one = Labels(class_ids=np.repeat([0, 1], [5, 3]), class_names=("a", "b"))
    other = Labels(class_ids=np.repeat([1, 0], [5, 3]), class_names=("b", "a"))
    before, after = analyze(one), analyze(other)
    assert before.class_names != after.class_names
    assert compare_stats(before, after).verdict == "unchanged"


def test_analyses_of_two_tasks_are_refused():
    sets = analyze(Labels(class_ids=[0], class_names=("a",), offsets=[0, 1]))
    with pytest.raises(DataError, match=r"same task, got classification .* and multilabel"):
        compare_stats(stats_of(a=2), sets)


def test_sets_of_labels_without_a_shift_are_rarely_told():
    rng = np.random.default_rng(0)
    shares = np.repeat([0.5, 0.2, 0.05], 5)

    def drawn(n):  # five labels that come together, three times
        carried = np.repeat(rng.random((n, 3)) < shares[::5], 5, axis=1)
        ends = np.concatenate([[0], np.cumsum(carried.sum(1))])
        names = tuple(f"l{i}" for i in range(15))
        return analyze(Labels(class_ids=np.nonzero(carried)[1], class_names=names, offsets=ends))

    verdicts = [compare_stats(drawn(400), drawn(150)).verdict for _ in range(40)]
    assert verdicts.count("shifted") <= 6  # 5 %, and four standard deviations


def test_the_shift_of_sets_is_that_of_the_samples_and_a_large_one_is_told():
    def of(n_both, n_one):
        sets = [[0, 1]] * n_both + [[0]] * n_one + [[1]] * 20
        ends = np.concatenate([[0], np.cumsum([len(given) for given in sets])])
        flat = [label for given in sets for label in given]
        return analyze(Labels(class_ids=flat, class_names=("a", "b"), offsets=ends))

    drift = compare_stats(of(100, 100), of(200, 10))
    expected = jensen_shannon([200, 120], [210, 220])
    assert drift.jensen_shannon == pytest.approx(float(expected))
    assert drift.jensen_shannon_null < drift.jensen_shannon
    assert drift.verdict == "shifted"


def test_targets_are_compared_whatever_their_bins():
    rng = np.random.default_rng(0)
    before, after = rng.normal(0, 5, 3000), rng.normal(0, 5, 100)
    drift = compare_stats(*(analyze(Labels.from_values(part)) for part in (before, after)))
    assert drift.p_value > 0.05


def test_drift_is_written_and_read_back():
    drift = compare_stats(stats_of(a=500, b=100), stats_of(a=500, c=10))
    assert msgspec.json.decode(drift.to_json(), type=Drift) == drift
    assert drift.to_json() == compare_stats(stats_of(a=500, b=100), stats_of(a=500, c=10)).to_json()
    assert msgspec.json.schema(Drift)["$defs"]


def test_a_shift_too_small_to_matter_is_told_neither_of_splits_nor_of_a_drift():
    before, after = {"a": 500_000, "b": 500_000}, {"a": 52_000, "b": 48_000}
    drift = compare_stats(
        *(stats_from_counts(counts_of(c), "x", ("a", "b")) for c in (before, after))
    )
    assert drift.p_value < 0.01
    assert drift.verdict == "within-chance"
    assert "Too small a shift to matter" in drift_verdict(drift)
    split = stats_from_counts(
        counts_of(before), "x", ("a", "b"), split="train", other_splits={"val": counts_of(after)}
    ).splits[0]
    assert not split.is_shifted()


def counts_of(by_class):
    return Counts(samples_per_class=by_class, n_samples=sum(by_class.values()))
