"""Shift between splits equals SciPy's, and is told from chance as often as it should be."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import assume, given

from balancekit.analysis.shift import jensen_shannon, measure_shift, population_stability
from balancekit.analysis.splits import shift_between
from balancekit.stats import Counts

pairs = st.lists(st.tuples(st.integers(0, 500), st.integers(0, 500)), min_size=1, max_size=12)


@given(table=pairs)
def test_the_divergence_equals_scipy(table):
    distance = pytest.importorskip("scipy.spatial.distance", reason="SciPy is the reference")
    first, second = np.array(table).T
    assume(first.any() and second.any())
    expected = distance.jensenshannon(first, second, base=2) ** 2
    # 1e-9: near 0 both lose digits by subtraction, SciPy before it takes the root.
    assert float(jensen_shannon(first, second)) == pytest.approx(np.nan_to_num(expected), abs=1e-9)
    assert jensen_shannon(first, second) == pytest.approx(jensen_shannon(second, first), abs=1e-12)


@given(table=pairs)
def test_stability_is_finite_symmetric_and_zero_for_the_same(table):
    first, second = np.array(table).T
    assume(first.any() and second.any())
    found = float(population_stability(first, second))
    assert np.isfinite(found)
    assert found >= -1e-12
    assert found == pytest.approx(float(population_stability(second, first)))
    assert population_stability(first, first) == pytest.approx(0)


def test_stability_equals_its_formula_with_half_a_sample():
    p, q = np.array([90.5, 10.5, 0.5]) / 101.5, np.array([40.5, 0.5, 9.5]) / 50.5
    expected = ((p - q) * np.log(p / q)).sum()
    found = population_stability([90, 10, 0, 0], [40, 0, 9, 0])
    assert float(found) == pytest.approx(expected)  # the class of neither side adds nothing


EMPTY = {"one side": ([3, 4], [0, 0]), "both": ([0], [0]), "no class": ([], [])}


@pytest.mark.parametrize(("first", "second"), EMPTY.values(), ids=EMPTY.keys())
def test_nothing_cannot_shift(first, second):
    assert measure_shift(first, second) is None


def drawn(rng, shares, n, size):
    return rng.multinomial(n, shares, size)


SIZES = {
    "two classes": (2, 60, 20, 10**6),
    "a small split": (10, 500, 60, 10**6),
    "equal splits": (40, 1000, 1000, 10**6),
    "many classes, each sample dealt for itself": (400, 3000, 300, 40_000),
}


@pytest.mark.parametrize(
    ("n_classes", "n_first", "n_second", "most_values"), SIZES.values(), ids=SIZES.keys()
)
def test_splits_without_shift_are_told_as_shifted_in_5_percent(
    monkeypatch, n_classes, n_first, n_second, most_values
):
    monkeypatch.setattr("balancekit.analysis.shift.MOST_VALUES", most_values)
    rng = np.random.default_rng(0)
    shares = 1 / np.arange(1, n_classes + 1)
    shares /= shares.sum()
    n_trials = 200
    both = zip(
        drawn(rng, shares, n_first, n_trials), drawn(rng, shares, n_second, n_trials), strict=True
    )
    p_values = np.array([measure_shift(*pair).p_value for pair in both])
    # 4 standard deviations of a share of 5 % above it; below, few classes make ties.
    assert (p_values < 0.05).mean() <= 0.05 + 4 * np.sqrt(0.05 * 0.95 / n_trials)
    assert p_values.mean() > 0.4


def test_a_true_shift_is_found_and_a_larger_one_oftener():
    rng = np.random.default_rng(0)
    shares = np.array([0.4, 0.3, 0.2, 0.1])
    power = []
    for moved in (0.05, 0.15):
        other = shares + moved * np.array([-1, 0, 0, 1])
        both = zip(drawn(rng, shares, 800, 60), drawn(rng, other, 150, 60), strict=True)
        power.append(np.mean([measure_shift(*pair).p_value < 0.05 for pair in both]))
    assert 0.1 < power[0] < power[1]
    assert power[1] > 0.9


def test_samples_are_dealt_not_their_labels():
    # Ten labels that always come together tell no more than one: 5 % stay 5 %.
    rng = np.random.default_rng(0)
    together, names = tuple("abcdefghij"), ("z",)
    p_values = []
    for _ in range(150):
        counts = []
        for n in (300, 60):
            with_all = int(rng.binomial(n, 0.3))
            sets = {together: with_all, names: n - with_all}
            classes = {**dict.fromkeys(together, with_all), "z": n - with_all}
            counts.append(
                Counts(task="multilabel", label_sets=sets, samples_per_class=classes, n_samples=n)
            )
        p_values.append(shift_between(*counts).p_value)
    assert np.mean(np.array(p_values) < 0.05) <= 0.05 + 4 * np.sqrt(0.05 * 0.95 / 150)


def test_the_same_counts_give_the_same_draws_and_others_other_ones():
    one = measure_shift([30, 20, 10], [3, 3, 3])
    assert one == measure_shift([30, 20, 10], [3, 3, 3])
    assert one.jensen_shannon_null != measure_shift([31, 20, 10], [3, 3, 3]).jensen_shannon_null
    assert one.jensen_shannon_null > 0
    assert one.psi_null > 0


def test_opposite_splits_are_as_far_as_can_be():
    found = measure_shift([50, 0], [0, 50])
    assert (found.jensen_shannon, found.p_value) == (1, pytest.approx(1 / 1001))
    assert found.jensen_shannon_null < 0.1


def test_a_billion_samples_are_dealt_too():
    found = measure_shift([10**9, 2 * 10**9], [10**8, 3 * 10**8])
    assert found.p_value == pytest.approx(1 / 1001)
    assert 0 < found.jensen_shannon_null < 1e-6
