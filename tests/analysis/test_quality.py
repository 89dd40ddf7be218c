"""Quality as a shortcut equals scikit-learn's AUC and SciPy's test, and is not called by chance."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from balancekit.analysis import stats_from_counts
from balancekit.analysis.quality import Histogram, areas_under_curve, mann_whitney_p
from balancekit.stats import Counts
from balancekit.stats.quality_bins import QUALITY_MEASURES, log_bin


def quality_of(values_per_class, measure="brightness"):
    quality = {}
    for name, values in values_per_class.items():
        bins, counts = np.unique(values, return_counts=True)
        quality[name] = {measure: dict(zip(bins.tolist(), counts.tolist(), strict=True))}
    return quality


def stats_of(values_per_class, measure="brightness"):
    sizes = {name: len(values) for name, values in values_per_class.items()}
    counts = Counts(
        samples_per_class=sizes,
        n_samples=sum(sizes.values()),
        n_checked=sum(sizes.values()),
        media="pictures",
        quality=quality_of(values_per_class, measure),
    )
    return stats_from_counts(counts, "a test", tuple(sizes))


values = st.lists(st.integers(-5, 5), min_size=1, max_size=15)


@given(classes=st.lists(values, min_size=2, max_size=4))
def test_auc_and_p_equal_the_references(classes):
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is the reference")
    stats = pytest.importorskip("scipy.stats", reason="SciPy is the reference")
    by_class = {str(i): np.array(given) for i, given in enumerate(classes)}
    histogram = Histogram.of(quality_of(by_class), "brightness", tuple(by_class))
    areas = areas_under_curve(histogram)
    p_values = mann_whitney_p(histogram, areas)
    everything = np.concatenate(list(by_class.values()))
    class_of = np.repeat(np.arange(len(classes)), [len(given) for given in classes])
    for i in range(len(classes)):
        own = class_of == i
        assert areas[i] == pytest.approx(metrics.roc_auc_score(own, everything))
        if len(set(everything)) > 1:
            expected = stats.mannwhitneyu(
                everything[own], everything[~own], use_continuity=False, method="asymptotic"
            )
            assert p_values[i] == pytest.approx(expected.pvalue)
        else:
            assert p_values[i] == 1


def test_a_class_of_darker_pictures_is_a_shortcut():
    rng = np.random.default_rng(0)
    stats = stats_of(
        {
            "cat": rng.integers(100, 140, 300),
            "dog": rng.integers(100, 140, 300),
            "owl": rng.integers(20, 60, 40),
        }
    )
    (shortcut,) = stats.quality.shortcuts
    assert (shortcut.class_name, shortcut.measure, shortcut.auc) == ("owl", "brightness", 0)
    assert shortcut.median < 60 < 100 <= shortcut.median_of_others
    (issue,) = [issue for issue in stats.issues if issue.code == "BK407"]
    assert (issue.severity, issue.count) == ("warning", 1)
    assert issue.examples[0].startswith("owl: brightness ")
    assert "grey levels (AUC 1.00)" in issue.examples[0]


def test_small_classes_are_no_shortcuts_by_chance():
    # 200 classes of 3 pictures: among so many some lie wholly apart.
    rng = np.random.default_rng(0)
    classes = {f"c{i}": rng.integers(0, 256, 3) for i in range(200)}
    histogram = Histogram.of(quality_of(classes), "brightness", tuple(classes))
    areas = areas_under_curve(histogram)
    assert (np.abs(areas - 0.5) > 0.4).sum() > 2
    assert stats_of(classes).quality.shortcuts == ()


def test_a_class_that_differs_somewhat_is_no_shortcut():
    rng = np.random.default_rng(0)
    stats = stats_of({"a": rng.normal(100, 20, 500).astype(int), "b": rng.normal(120, 20, 500)})
    assert stats.quality.shortcuts == ()


def test_medians_are_in_the_unit_of_the_measure():
    stats = stats_of({"a": [log_bin(100)] * 3, "b": [log_bin(1000)] * 4, "c": []}, "blur")
    (measure,) = stats.quality.measures
    assert (measure.name, measure.unit) == ("blur", "grey levels²")
    assert measure.median_per_class[0] == pytest.approx(100, rel=0.05)  # half a bin of 9 %
    assert measure.median_per_class[1] == pytest.approx(1000, rel=0.05)
    assert measure.median_per_class[2] is None
    assert measure.median == measure.median_per_class[1]  # 4 of 7
    assert stats.quality.n_pictures == 7


def test_measures_come_in_one_order_and_unknown_ones_are_left_out():
    quality = {"a": {"noise": {0: 1}, "brightness": {5: 1}, "smell": {1: 1}}}
    counts = Counts(samples_per_class={"a": 1}, n_samples=1, quality=quality)
    stats = stats_from_counts(counts, "x", ("a",))
    assert [measure.name for measure in stats.quality.measures] == ["brightness", "noise"]
    assert set(QUALITY_MEASURES) >= {"blur", "noise", "brightness", "aspect"}


def test_quality_that_was_not_measured_is_none():
    assert stats_from_counts(Counts(samples_per_class={"a": 1}), "x", ("a",)).quality is None
