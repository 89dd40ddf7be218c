"""A target's bins tell its range, its rare values and its density."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from balancekit import Labels, analyze
from balancekit.analysis.regression import BinTable, label_density, on_common_bins
from balancekit.labels import Bins


def issue_of(stats, code):
    (issue,) = [issue for issue in stats.issues if issue.code == code]
    return issue


def test_ages_are_measured_by_the_year():
    target = analyze(Labels.from_values([20] * 30 + [21] * 5 + [24])).regression
    assert (target.low, target.high, target.bin_width) == (20, 24, 1)
    assert (target.n_bins, target.n_empty_bins, target.share_empty_bins) == (5, 2, 0.4)
    assert target.median == 20  # the number itself, as all values of the bin are the same
    assert target.share_few == 0.8


def test_fractions_are_measured_by_bins():
    values = np.concatenate([np.linspace(0, 1, 1000), [5.0]])
    target = analyze(Labels.from_values(values)).regression
    assert (target.low, target.high, target.bin_width) == (0, 5, 0.05)
    assert target.median == pytest.approx(0.525)  # the middle of [0.5, 0.55)
    assert target.n_bins == 101
    assert target.n_empty_bins == 101 - 21 - 1


@given(
    values=st.lists(st.floats(-1e6, 1e6) | st.just(float("nan")), min_size=1, max_size=40).filter(
        lambda values: not all(np.isnan(values))
    )
)
def test_the_measures_are_of_the_values(values):
    known = np.array(values)[~np.isnan(values)]
    stats = analyze(Labels.from_values(values))
    target = stats.regression
    assert (target.low, target.high) == (known.min(), known.max())
    assert 0 <= target.share_empty_bins <= target.share_few <= 1
    middle = np.sort(known)[(len(known) - 1) // 2]
    assert abs(target.median - middle) <= target.bin_width * 1.001
    assert stats.n_unlabelled == len(values) - len(known)


def test_names_that_are_no_bins_have_no_measures():
    assert BinTable.of({"cat": 3, "1": 2}) is None
    assert BinTable.of({"[a, b)": 3}) is None
    assert BinTable.of({"[2, 1)": 3}) is None
    assert BinTable.of({"0": 1, "1000000000000": 1}) is None
    assert BinTable.of({}) is None


def test_density_equals_scipy():
    filters = pytest.importorskip("scipy.ndimage", reason="SciPy is the reference")
    counts = np.random.default_rng(0).poisson(5, 60).astype(float)
    for bandwidth in (0.5, 1, 2, 3.3):
        expected = filters.gaussian_filter1d(counts, bandwidth, mode="constant", truncate=3.0)
        assert label_density(counts, bandwidth) == pytest.approx(expected)


@pytest.mark.parametrize("n_bins", [0, 1, 3])
def test_density_has_as_many_bins_as_the_counts(n_bins):
    assert label_density(np.ones(n_bins)).shape == (n_bins,)


COMMON = {
    "the same": ((0, 3.7), (0, 3.9)),
    "one nests in the other": ((0, 3.7), (0, 9.3)),
    "only a third width holds both": ((0, 1.7), (0, 4.9)),
    "far apart in width": ((0, 0.011), (0, 87.0)),
    "negative": ((-3.3, 1.2), (-90.0, 4.0)),
}


@pytest.mark.parametrize(("one", "other"), COMMON.values(), ids=COMMON.keys())
def test_splits_of_other_widths_are_put_on_common_bins(one, other):
    rng = np.random.default_rng(0)
    values = [rng.uniform(*ends, 500) for ends in (one, other)]
    counted = []
    for split in values:
        bins = Bins.over(split.min(), split.max(), whole=False)
        table = np.bincount(bins.ids(split), minlength=bins.n_bins)
        counted.append(dict(zip(bins.names, table.tolist(), strict=True)))
    widths = [BinTable.of(split).width for split in counted]
    first, second = on_common_bins(*counted)
    assert sum(first.values()) == sum(second.values()) == 500
    if widths[0] == widths[1]:
        assert (first, second) == tuple(counted)
        return
    # Bins of the common width, counted from the values, are the same.
    least = max(widths)
    width = next(
        step * 10.0**power
        for power in range(-4, 4)
        for step in (1, 2, 5)
        if step * 10.0**power >= least * 0.999
        and all(abs(step * 10.0**power / w - round(step * 10.0**power / w)) < 1e-6 for w in widths)
    )
    for found, split in zip((first, second), values, strict=True):
        numbers, sums = np.unique(np.floor(split / width).astype(int), return_counts=True)
        expected = dict(zip(map(str, numbers.tolist()), sums.tolist(), strict=True))
        assert {name: n for name, n in found.items() if n} == expected


def test_rare_values_are_one_issue():
    stats = analyze(Labels.from_values([20] * 30 + [21] * 5 + [24]))
    issue = issue_of(stats, "BK109")
    assert (issue.severity, issue.count) == ("warning", 4)
    assert issue.examples == ("24 (1)", "21 (5)")
    assert "Empty bins: 2 of 5." in issue.what_to_do
    assert {i.code for i in stats.issues} == {"BK109"}


def test_one_value_is_nothing_to_learn():
    stats = analyze(Labels.from_values([7.5] * 50))
    assert [issue.code for issue in stats.issues] == ["BK101"]
    target = stats.regression
    assert (target.low, target.high, target.median, target.bin_width) == (7.5, 7.5, 7.5, 0)
    assert (target.n_bins, target.share_few) == (1, 0)
