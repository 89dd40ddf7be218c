"""Weights of a regression's targets: equal to their papers, for targets of any kind."""

from functools import partial

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from balancekit.errors import OptionError
from balancekit.weights.density import (
    MOST_BINS,
    dense_value_weights,
    dense_weights,
    label_bin_edges,
    lds_bin_weights,
    lds_weights,
    smoothing_kernel,
)

# Both sides are sums of the same few numbers in float64.
close = partial(np.testing.assert_allclose, rtol=1e-10)
hypothesis_settings = settings(max_examples=40)

AGES = [18, 20, 20, 20, 21, 22, 22, 60]
WEIGHTS = {"lds": lds_weights, "dense": dense_weights}
each_weighting = pytest.mark.parametrize("weigh", WEIGHTS.values(), ids=WEIGHTS)

# The laws of the kernels as Yang et al. write them, up to a factor.
KERNELS = {
    "gaussian": lambda d: np.exp(-(d**2) / (2 * 2.0**2)),
    "triangular": lambda d: max(0.0, 1 - abs(d) / 3),
    "laplace": lambda d: np.exp(-abs(d) / 2.0),
}


# --- label distribution smoothing -------------------------------------------------------------


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("exponent", [0.5, 1.0])
def test_lds_weights_are_the_inverse_of_the_smoothed_histogram(kernel, exponent):
    law = KERNELS[kernel]
    density = [sum(law(b - a) for b in AGES if abs(b - a) <= 2) for a in AGES]
    expected = np.array(density) ** -exponent
    close(lds_weights(AGES, exponent=exponent, kernel=kernel), expected / expected.mean())


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_kernel_is_the_law_at_whole_distances(kernel):
    close(smoothing_kernel(kernel, 5, 2.0), [KERNELS[kernel](d) for d in (-2, -1, 0, 1, 2)])


def test_without_smoothing_lds_weights_are_inverse_frequency():
    weights = lds_weights(AGES, exponent=1.0, kernel_size=1)
    counts = np.array([AGES.count(age) for age in AGES])
    close(weights, len(AGES) / counts / len(set(AGES)))


def test_the_paper_smooths_before_the_root_not_after():
    # One age with 100 samples beside one with 4, under a kernel [0.5, 1, 0.5].
    values = [30] * 100 + [31] * 4
    weights = lds_weights(values, kernel="triangular", kernel_size=3)
    close(weights[-1] / weights[0], np.sqrt((100 + 2) / (4 + 50)))


def test_more_bins_in_the_kernel_than_in_the_data_are_fine():
    close(lds_weights([3.0, 3.0, 3.0], kernel_size=9), 1.0)
    assert lds_bin_weights([0, 1], kernel_size=9).weights.shape == (2,)


def test_values_of_other_bins_have_the_weight_of_a_lone_sample():
    table = lds_bin_weights([0, 0, 0, 0, 20], exponent=1.0)
    assert table.of([10])[0] == table.of([20])[0] == table.weights.max()
    assert table.of([-100])[0] == table.weights[0]
    assert table.of([100])[0] == table.weights[-1]


@hypothesis_settings
@given(
    st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=60),
    st.floats(0, 2),
    st.sampled_from(sorted(KERNELS)),
)
def test_lds_weights_are_positive_and_1_on_average(values, exponent, kernel):
    weights = lds_weights(values, exponent=exponent, kernel=kernel)
    assert (weights > 0).all()
    close(weights.mean(), 1.0)


# --- bins ---------------------------------------------------------------------------------------


def test_whole_numbers_have_a_bin_each():
    assert label_bin_edges([18, 20, 20]).tolist() == [18, 19, 20, 21]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_levels_of_a_twentieth_never_share_a_bin(dtype):
    levels = (np.arange(101) / 20).astype(dtype)
    edges = label_bin_edges(levels)
    bins = np.searchsorted(edges, levels.astype(np.float64), side="right")
    assert len(set(bins)) == len(levels)


@pytest.mark.parametrize("outlier", [1e6, -1e6])
def test_an_outlier_does_not_make_the_bins_wide(outlier):
    values = np.append(np.random.default_rng(0).normal(50, 10, 5000), outlier)
    edges = label_bin_edges(values)
    assert np.diff(edges).max() < 2
    assert len(edges) <= MOST_BINS + 3  # an end may take part of a bin more
    weights = lds_weights(values)
    assert weights[-1] == weights.max()
    without = lds_weights(values[:-1])
    # One sample of 5001 less; the bins may shift a little.
    assert np.corrcoef(weights[:-1], without)[0, 1] > 0.9


def test_mostly_one_value_leaves_the_rest_apart():
    values = np.append(np.zeros(1000), [1.5, 3.0])
    weights = lds_weights(values, exponent=1.0)
    assert weights[-1] == weights[-2] > 400 * weights[0]


@pytest.mark.parametrize(
    ("bins", "edges"),
    [(2, [0, 4, 8]), ([0, 1, 8], [0, 1, 8]), (np.array([2.0, 3.0]), [2, 3])],
    ids=["how many", "edges", "edges within"],
)
def test_bins_are_as_given(bins, edges):
    assert label_bin_edges([0, 1, 8], bins).tolist() == edges


def test_given_edges_count_what_lies_beyond_in_the_last_bins():
    weights = lds_weights([-5, 1, 2, 7], exponent=1.0, kernel_size=1, bins=[0, 1.5, 3, 4])
    close(weights, [2 / 3, 2 / 3, 4 / 3, 4 / 3])


@pytest.mark.parametrize("values", [[7], [0, 0], [1e300, -1e300], [-3, -1], [5e-324, 0]], ids=str)
def test_odd_ranges_have_bins(values):
    assert np.isfinite(lds_weights(values)).all()
    assert np.isfinite(lds_weights(values, bins=3)).all()


# --- DenseWeight ----------------------------------------------------------------------------------


def dense_by_the_paper(values, alpha, epsilon, bandwidth):
    """Steininger et al., by a sum over all pairs."""
    values = np.asarray(values, np.float64)
    apart = (values[:, None] - values) / bandwidth
    p = np.exp(-(apart**2) / 2).mean(1) / (bandwidth * np.sqrt(2 * np.pi))
    scaled = (p - p.min()) / (p.max() - p.min())
    weights = np.maximum(1 - alpha * scaled, epsilon)
    return weights / weights.mean()


@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("draw", ["normal", "lognormal", "uniform"])
def test_dense_weights_are_the_formula_of_steininger_2021(alpha, draw):
    values = getattr(np.random.default_rng(1), draw)(size=400)
    bandwidth = 1.06 * values.std() * 400**-0.2
    expected = dense_by_the_paper(values, alpha, 1e-6, bandwidth)
    # A grid of 32 points a bandwidth is off by 1/10,000 of p' or less; α of 2 doubles it, and
    # the mean weight that divides it is above 0.06 here.
    np.testing.assert_allclose(dense_weights(values, alpha=alpha), expected, atol=3e-3)


def test_the_bandwidth_is_the_standard_deviation_of_the_kernel():
    values = np.random.default_rng(3).normal(size=100)
    expected = dense_by_the_paper(values, 0.5, 1e-6, 0.1)
    # As above, with mean weights above 0.5.
    np.testing.assert_allclose(dense_weights(values, alpha=0.5, bandwidth=0.1), expected, atol=1e-3)


def test_dense_weights_at_alpha_0_are_1():
    close(dense_weights(AGES, alpha=0.0), 1.0)


@pytest.mark.parametrize("values", [[4.0], [4.0] * 9, [0.0, 1.0], [-12.8, -7.1] * 3], ids=str)
def test_targets_of_one_density_weigh_1(values):
    close(dense_weights(values), 1.0)


def test_beyond_the_targets_the_weight_is_that_of_the_end():
    table = dense_value_weights(AGES)
    close(table.of([-1e9, 1e9]), table.of([18, 60]))


@hypothesis_settings
@given(st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=60), st.floats(0, 3))
def test_dense_weights_are_positive_and_1_on_average(values, alpha):
    weights = dense_weights(values, alpha=alpha)
    assert (weights > 0).all()
    close(weights.mean(), 1.0)


def test_scale_and_place_of_the_targets_do_not_change_dense_weights():
    values = np.random.default_rng(2).gamma(2.0, size=200)
    # 1e5 + x keeps 11 digits of x.
    np.testing.assert_allclose(dense_weights(1e5 + 1e3 * values), dense_weights(values), rtol=1e-6)


# --- refused ------------------------------------------------------------------------------------


@each_weighting
@pytest.mark.parametrize(
    ("values", "text"),
    [
        ([1.0, np.nan, np.inf], "got 2 NaN or infinite of 3"),
        ([[1.0]], r"got shape \[1, 1\]"),
        ([], r"got shape \[0\]"),
        ([1.7e308, -1.7e308], "expected a finite range"),
    ],
    ids=["NaN", "2-D", "empty", "range"],
)
def test_values_without_a_density_are_refused(weigh, values, text):
    with pytest.raises(OptionError, match=text):
        weigh(values)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (partial(lds_weights, kernel="box"), "kernel: expected one of 'gaussian'"),
        (partial(lds_weights, kernel_size=4), "kernel_size: expected an odd number"),
        (partial(lds_weights, sigma=0.0), "sigma: expected a number of bins above 0"),
        (partial(lds_weights, exponent=-1), "exponent: expected a number of at least 0"),
        (partial(lds_weights, exponent=np.nan), "exponent: expected a number of at least 0"),
        (partial(lds_weights, bins=0), "bins: expected how many"),
        (partial(lds_weights, bins=2.5), "bins: expected how many"),
        (partial(lds_weights, bins=np.inf), "bins: expected how many"),
        (partial(lds_weights, bins=[1, 1]), "bins: expected how many, or increasing edges"),
        (partial(lds_weights, bins=[0, np.nan]), "bins: expected how many, or increasing edges"),
        (partial(dense_weights, alpha=-1), "alpha: expected a number of at least 0"),
        (partial(dense_weights, epsilon=0), "epsilon: expected a number above 0"),
        (partial(dense_weights, bandwidth=0), "bandwidth: expected a finite number above"),
        (partial(dense_weights, bandwidth=-1), "bandwidth: expected a finite number above"),
        (partial(dense_weights, bandwidth=np.nan), "bandwidth: expected a finite number above"),
        (partial(dense_weights, bandwidth=np.inf), "bandwidth: expected a finite number above"),
        (partial(dense_weights, bandwidth=1e-9), "bandwidth: expected a finite number above"),
    ],
)
def test_options_out_of_range_are_refused(call, text):
    with pytest.raises(OptionError, match=text):
        call(AGES)
