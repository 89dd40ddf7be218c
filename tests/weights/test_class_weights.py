"""Weights keep the mean weight of a sample at 1, and their digits."""

from decimal import Decimal, localcontext
from fractions import Fraction

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from balancekit.errors import OptionError
from balancekit.weights import (
    as_class_counts,
    effective_number_weights,
    effective_sample_size,
    pos_weight,
    power_weights,
    repeat_factors,
)

WEIGHTS = {
    "inverse": power_weights,
    "square root": lambda counts: power_weights(counts, 0.5),
    "none": lambda counts: power_weights(counts, 0.0),
    "effective .9": lambda counts: effective_number_weights(counts, 0.9),
    "effective .9999": lambda counts: effective_number_weights(counts, 0.9999),
}
weights = pytest.mark.parametrize("weigh", WEIGHTS.values(), ids=WEIGHTS.keys())
some_counts = st.lists(st.integers(0, 10**7), min_size=1, max_size=20).filter(any)


@weights
@given(counts=some_counts)
def test_the_mean_weight_of_a_sample_is_1(weigh, counts):
    found = weigh(counts)
    assert found.shape == (len(counts),)
    assert found.dtype == np.float64
    assert np.all(found > 0)
    shares = np.array(counts) / sum(counts)
    assert float(shares @ found) == pytest.approx(1, rel=1e-12)  # 20 float64 terms


@weights
@given(counts=some_counts)
def test_a_rarer_class_never_weighs_less(weigh, counts):
    order = np.argsort(counts)
    falling = weigh(counts)[order]
    assert np.all(np.diff(falling) <= 1e-12 * falling.max())  # equal up to rounding


@weights
@given(counts=some_counts.filter(all), n_empty=st.integers(1, 3))
def test_empty_classes_weigh_as_one_sample_and_change_no_other(weigh, counts, n_empty):
    with_empty = weigh([*counts, *[0] * n_empty])
    np.testing.assert_allclose(with_empty[:-n_empty], weigh(counts), rtol=1e-12)
    if 1 in counts:
        alone = weigh(counts)[counts.index(1)]
        np.testing.assert_allclose(with_empty[-n_empty:], alone, rtol=1e-12)


@given(counts=some_counts.filter(all))
def test_inverse_frequencies_equal_those_of_scikit_learn(counts):
    # sklearn.utils.class_weight: "balanced" is n_samples / (n_classes * n_c).
    expected = [sum(counts) / (len(counts) * n) for n in counts]
    np.testing.assert_allclose(power_weights(counts), expected, rtol=1e-12)


def exact_effective_number_weights(counts, beta):
    """The same by 60 digits: (1 - β) / (1 - β^n), normalised by shares."""
    with localcontext() as context:
        context.prec = 60
        b = Decimal(beta)  # exactly the number that the float holds
        raw = [(1 - b) / (1 - b ** max(n, 1)) for n in counts]
        scale = sum(counts) / sum(n * weight for n, weight in zip(counts, raw, strict=True))
        return [float(scale * weight) for weight in raw]


BETAS = [0.0, 0.5, 0.9, 0.999, 0.9999, 1 - 1e-9, 1 - 1e-12, 1 - 2**-53]


@pytest.mark.parametrize("beta", BETAS, ids=str)
@pytest.mark.parametrize("counts", [[5000, 50], [10**7, 1], [3, 2, 1, 0], [10**9, 10**3]], ids=str)
def test_effective_numbers_keep_their_digits_for_beta_near_1(counts, beta):
    found = effective_number_weights(counts, beta)
    # 1e-9, where the formula as written is wrong from the first digit at 1 - 2**-53.
    np.testing.assert_allclose(found, exact_effective_number_weights(counts, beta), rtol=1e-9)


def test_effective_numbers_go_from_no_weights_to_inverse_frequencies():
    counts = [900, 90, 9]
    np.testing.assert_array_equal(effective_number_weights(counts, 0), [1, 1, 1])
    near = effective_number_weights(counts, 1 - 2**-53)
    np.testing.assert_allclose(near, power_weights(counts), rtol=1e-9)  # n·2⁻⁵³ apart


def test_the_effective_numbers_of_cui_et_al_come_back():
    # Their released code: weights / sum · n_classes, here for counts 2 and 1 and β = ½.
    raw = [Fraction(1, 2) / (1 - Fraction(1, 2) ** n) for n in (2, 1)]
    found = effective_number_weights([2, 1], 0.5)
    assert found[0] / found[1] == pytest.approx(float(raw[0] / raw[1]), rel=1e-12)


@pytest.mark.parametrize("beta", [-0.1, 1, 1.5, float("nan")], ids=str)
def test_a_beta_outside_of_0_to_1_is_refused(beta):
    with pytest.raises(OptionError, match=r"beta: expected a number in \[0, 1\), got"):
        effective_number_weights([1, 2], beta)


WRONG_COUNTS = {
    "none": ([], r"shape \[n_classes\], got \(0,\)"),
    "two axes": ([[1, 2]], r"shape \[n_classes\], got \(1, 2\)"),
    "a number": (3, r"shape \[n_classes\], got \(\)"),
    "zeros": ([0, 0], "one above 0, got 0.0 to 0.0"),
    "negative": ([-1, 2], "finite numbers ≥ 0.*got -1.0 to 2.0"),
    "NaN": ([float("nan"), 2], "finite numbers"),
    "infinite": ([float("inf"), 2], "finite numbers"),
}


@pytest.mark.parametrize(("counts", "words"), WRONG_COUNTS.values(), ids=WRONG_COUNTS.keys())
def test_what_are_no_counts_is_refused(counts, words):
    for verb in (as_class_counts, power_weights, effective_number_weights):
        with pytest.raises(OptionError, match=f"class_counts: expected {words}|{words}"):
            verb(counts)


# --- pos_weight ---------------------------------------------------------------------------------

POS_WEIGHTS = {
    "balanced": ([50], 100, {}, [1.0]),
    "rare": ([10], 110, {}, [10.0]),
    "square root": ([10], 1010, {"power": 0.5}, [10.0]),
    "no weighting": ([10, 90], 100, {"power": 0.0}, [1.0, 1.0]),
    "capped": ([1, 50], 100, {"cap": 20.0}, [20.0, 1.0]),
    "empty counts as one": ([0, 50], 100, {}, [100.0, 1.0]),
    "in every sample": ([100], 100, {}, [0.0]),
}


@pytest.mark.parametrize(
    ("counts", "n", "options", "expected"), POS_WEIGHTS.values(), ids=POS_WEIGHTS.keys()
)
def test_positives_are_weighted_by_negatives_over_positives(counts, n, options, expected):
    np.testing.assert_allclose(pos_weight(counts, n, **options), expected, rtol=1e-12)


def test_more_positives_than_samples_are_refused():
    with pytest.raises(OptionError, match="at least the 11 samples of the largest label, got 10"):
        pos_weight([3, 11], 10)


# --- effective sample size ----------------------------------------------------------------------


@given(counts=some_counts, scale=st.floats(0.01, 100))
def test_equal_weights_keep_all_samples(counts, scale):
    size = effective_sample_size(counts, np.full(len(counts), scale))
    assert size == pytest.approx(sum(counts), rel=1e-9)


@weights
@given(counts=some_counts)
def test_weights_never_add_samples(weigh, counts):
    size = effective_sample_size(counts, weigh(counts))
    assert size <= sum(counts) * (1 + 1e-9)  # rounding
    # Cauchy and Schwarz give the other end: one sample at least.
    assert size >= 1 - 1e-9


def test_the_effective_sample_size_is_that_of_kish():
    samples = np.repeat([1 / 1.8, 5.0], [90, 10])
    expected = samples.sum() ** 2 / (samples**2).sum()
    assert effective_sample_size([90, 10], [1 / 1.8, 5.0]) == pytest.approx(expected, rel=1e-12)


# --- repeat factors -----------------------------------------------------------------------------


def test_repeat_factors_are_those_of_the_paper():
    # Gupta et al. 2019 with t = 0.001: a class in one of 100,000 pictures comes ten times.
    found = repeat_factors([0.5, 0.001, 0.00025, 0.00001, 0.0], 0.001)
    np.testing.assert_allclose(found, [1, 1, 2, 10, 1], rtol=1e-12)
    assert found.dtype == np.float64


def test_repeat_factors_of_objects_take_the_geometric_mean():
    # Yaman et al. 2023: in 4 % of pictures and 1 % of objects is as in 2 % of both.
    by_both = repeat_factors(np.sqrt(np.multiply([0.04], [0.01])), 0.32)
    np.testing.assert_allclose(by_both, [4], rtol=1e-12)


@given(
    shares=st.lists(st.floats(0, 1), min_size=1, max_size=9),
    threshold=st.floats(0, 1, exclude_min=True),
)
def test_only_classes_below_the_threshold_are_repeated_and_rarer_ones_not_less(shares, threshold):
    found, shares = repeat_factors(shares, threshold), np.array(shares)
    assert np.all(np.isfinite(found))
    assert np.all(found[(shares >= threshold) | (shares == 0)] == 1)
    # 1e-9: the root of a ratio next to 1 may be 1.
    assert np.all(found[(shares > 0) & (shares < threshold * (1 - 1e-9))] > 1)
    rising = np.argsort(shares[shares > 0])
    assert np.all(np.diff(found[shares > 0][rising]) <= 0)


@pytest.mark.parametrize(
    ("shares", "threshold", "words"),
    [
        ([0.5], 0.0, r"threshold: expected a share of samples in \(0, 1\], got 0\.0"),
        ([0.5], 1.5, "threshold: .* got 1.5"),
        ([0.5], float("nan"), "threshold: .* got nan"),
        ([90, 10], 0.1, "shares: expected shares in"),
        ([float("nan")], 0.1, "shares: expected shares in"),
        ([-0.1], 0.1, "shares: expected shares in"),
        (0.5, 0.1, "of shape"),
    ],
    ids=["zero", "above 1", "no number", "counts", "nan", "negative", "one number"],
)
def test_repeat_factors_of_nonsense_are_refused(shares, threshold, words):
    with pytest.raises(OptionError, match=words):
        repeat_factors(shares, threshold)
