"""Measures of imbalance equal published values and obey their bounds."""

import math

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from balancekit.analysis import measure_balance
from balancekit.analysis.balance import (
    effective_classes,
    entropy,
    gini,
    imbalance_degree,
    imbalance_ratio,
    likelihood_ratio_imbalance,
    normalised_entropy,
)

CIFAR_100_LT = [int(500 * 0.01 ** (i / 99)) for i in range(100)]

some_counts = st.lists(st.integers(0, 10**6), min_size=1, max_size=30)
filled_counts = st.lists(st.integers(1, 10**6), min_size=2, max_size=30)


def test_cifar_100_lt_has_its_published_measures():
    balance = measure_balance(CIFAR_100_LT)
    assert sum(CIFAR_100_LT) == 10847
    assert balance.imbalance_ratio == 100
    # Half of the last digit that is published.
    assert balance.entropy_normalised == pytest.approx(0.8702, abs=5e-5)
    assert balance.effective_classes_entropy == pytest.approx(55.01, abs=5e-3)
    assert balance.effective_classes_simpson == pytest.approx(41.96, abs=5e-3)
    assert balance.gini == pytest.approx(0.5919, abs=5e-5)
    assert (balance.n_many, balance.n_medium, balance.n_few) == (35, 35, 30)
    assert (balance.n_classes, balance.n_empty_classes) == (100, 0)


def test_the_imbalance_degree_of_the_paper_is_found():
    assert imbalance_degree([3, 2, 1]) == 0.5  # one class below a third, half as far as can be
    assert imbalance_degree([2, 2, 2]) == 0
    # By total variation, m classes without a sample are as far as m minority classes can be.
    assert imbalance_degree([6, 0, 0]) == 2
    assert imbalance_degree([3, 3, 0]) == 1


def total_variation(one, other):
    return np.abs(np.asarray(one) - other).sum() / 2


@given(counts=some_counts)
def test_the_imbalance_degree_is_its_definition(counts):
    found, k, total = imbalance_degree(counts), len(counts), sum(counts)
    if k < 2 or not total:
        assert found is None
        return
    even = np.full(k, 1 / k)
    m = sum(n * k < total for n in counts)
    if not m:
        assert found == 0
        return
    farthest = np.array([0.0] * m + [1 / k] * (k - m - 1) + [(m + 1) / k])
    expected = total_variation(np.array(counts) / total, even)
    expected = expected / total_variation(farthest, even) + m - 1
    assert found == pytest.approx(expected)
    assert m - 1 <= found <= m + 1e-9


@given(counts=filled_counts)
def test_the_likelihood_ratio_degree_is_the_g_statistic_of_scipy(counts):
    stats = pytest.importorskip("scipy.stats", reason="SciPy is the reference")
    expected = stats.power_divergence(counts, lambda_="log-likelihood").statistic
    # Both lose digits where the counts are nearly even: 1e-9 of N.
    found = likelihood_ratio_imbalance(counts)
    assert found == pytest.approx(expected, abs=1e-9 * sum(counts))
    n, k = sum(counts), len(counts)
    assert found == pytest.approx(2 * n * (np.log(k) - entropy(counts)), abs=1e-9 * n)


def test_groups_are_by_samples_where_counts_are_of_pixels():
    balance = measure_balance([10**6, 10**5, 0], [150, 7, 0])
    assert (balance.n_many, balance.n_medium, balance.n_few) == (1, 0, 1)
    assert (balance.imbalance_ratio, balance.n_empty_classes) == (10, 1)


@given(counts=filled_counts)
def test_entropy_equals_scipy(counts):
    stats = pytest.importorskip("scipy.stats", reason="SciPy is the reference")
    # 1e-12: sums of at most 30 float64.
    assert entropy(counts) == pytest.approx(stats.entropy(counts), abs=1e-12)


@given(counts=filled_counts)
def test_gini_equals_the_mean_difference_of_all_pairs(counts):
    array = np.array(counts, float)
    pairs = np.abs(array[:, None] - array).sum()
    expected = pairs / (2 * len(counts) ** 2 * array.mean())
    # 1e-12: sums of at most 900 float64 of one size.
    assert gini(counts) == pytest.approx(expected, abs=1e-12)


@given(counts=some_counts)
def test_measures_keep_their_bounds(counts):
    balance = measure_balance(counts)
    filled = [n for n in counts if n]
    groups = (balance.n_many, balance.n_medium, balance.n_few)
    assert sum(groups) == len(filled) == balance.n_classes - balance.n_empty_classes
    if not filled:
        assert balance.imbalance_ratio is None
        assert balance.gini is None
        assert balance.effective_classes_entropy is None
        assert balance.effective_classes_simpson is None
        assert balance.entropy_normalised is None
        return
    assert balance.imbalance_ratio == max(filled) / min(filled) >= 1
    slack = 1 + 1e-9  # rounding of sums of 30 float64
    assert 0 <= balance.gini <= (len(counts) - 1) / len(counts) * slack
    assert 1 / slack <= balance.effective_classes_simpson
    # Hill numbers fall with their order: 1/Σp² ≤ e^H ≤ the number of classes.
    assert balance.effective_classes_simpson <= balance.effective_classes_entropy * slack
    assert balance.effective_classes_entropy <= len(filled) * slack
    assert (balance.entropy_normalised is None) == (len(counts) == 1)
    if len(counts) > 1:
        assert 0 <= balance.entropy_normalised <= slack


@given(counts=some_counts, data=st.data())
def test_the_order_of_classes_does_not_matter(counts, data):
    one, other = measure_balance(counts), measure_balance(data.draw(st.permutations(counts)))
    for name in one.__struct_fields__:
        first, second = getattr(one, name), getattr(other, name)
        # 1e-9: sums in another order round differently.
        assert first == (None if second is None else pytest.approx(second, rel=1e-9)), name


@given(counts=filled_counts, n_empty=st.integers(1, 5))
def test_empty_classes_are_counted_apart(counts, n_empty):
    with_empty = counts + [0] * n_empty
    one, other = measure_balance(counts), measure_balance(with_empty)
    assert other.n_empty_classes == n_empty
    assert other.imbalance_ratio == one.imbalance_ratio
    assert other.effective_classes_entropy == pytest.approx(one.effective_classes_entropy)
    assert other.effective_classes_simpson == pytest.approx(one.effective_classes_simpson)
    assert (other.n_many, other.n_medium, other.n_few) == (one.n_many, one.n_medium, one.n_few)
    assert other.entropy_normalised < one.entropy_normalised
    assert other.gini > one.gini


@given(n=st.integers(1, 10**9), n_classes=st.integers(2, 50))
def test_equal_classes_are_balanced(n, n_classes):
    balance = measure_balance([n] * n_classes)
    assert (balance.imbalance_ratio, balance.gini) == (1, 0)
    assert balance.entropy_normalised == pytest.approx(1)
    assert balance.effective_classes_entropy == pytest.approx(n_classes)
    assert balance.effective_classes_simpson == pytest.approx(n_classes)


@given(counts=filled_counts, factor=st.integers(2, 1000))
def test_measures_of_shares_do_not_depend_on_the_size(counts, factor):
    scaled = [n * factor for n in counts]
    assert imbalance_ratio(scaled) == pytest.approx(imbalance_ratio(counts))
    assert normalised_entropy(scaled) == pytest.approx(normalised_entropy(counts))
    assert effective_classes(scaled) == pytest.approx(effective_classes(counts))
    assert gini(scaled) == pytest.approx(gini(counts), abs=1e-12)  # near 0 by subtraction


def test_one_class_has_no_evenness_and_is_one_effective_class():
    balance = measure_balance([7])
    assert balance.entropy_normalised is None
    assert (balance.effective_classes_entropy, balance.effective_classes_simpson) == (1, 1)
    assert (balance.imbalance_ratio, balance.gini) == (1, 0)


def test_nothing_has_no_measures_at_all():
    balance = measure_balance([])
    assert (balance.n_classes, balance.n_empty_classes, balance.gini) == (0, 0, None)


def test_counts_beyond_32_bits_do_not_overflow():
    balance = measure_balance([2**40, 2**30])
    assert balance.imbalance_ratio == 1024
    p = 1024 / 1025
    expected = -(p * math.log(p) + (1 - p) * math.log(1 - p)) / math.log(2)
    assert balance.entropy_normalised == pytest.approx(expected)
