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
    choose_beta,
    effective_number_weights,
    effective_sample_size,
    median_frequency_weights,
    normalize_weights,
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
    "effective, beta by the counts": lambda counts: effective_number_weights(counts, "auto"),
    "median frequency": median_frequency_weights,
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


# what it sums to, for the counts 6, 3 and 0
NORMALIZED = {
    "inverse, by samples": (power_weights, {}, [0.75, 1.5, 4.5]),
    "inverse, by classes": (power_weights, {"normalize": "classes"}, [2 / 3, 4 / 3, 4.0]),
    "inverse, as it is": (power_weights, {"normalize": "none"}, [1 / 6, 1 / 3, 1.0]),
    "effective ½, as it is": (
        effective_number_weights,
        {"beta": 0.5, "normalize": "none"},
        [32 / 63, 4 / 7, 1.0],
    ),
    "effective ½, by classes": (
        effective_number_weights,
        {"beta": 0.5, "normalize": "classes"},
        [16 / 17, 18 / 17, 63 / 34],
    ),
    "effective 0, as it is": (
        effective_number_weights,
        {"beta": 0.0, "normalize": "none"},
        [1.0, 1.0, 1.0],
    ),
    # frequencies 2/3 and 1/3, their median ½; one pixel of nine for the empty class
    "median frequency, as it is": (
        median_frequency_weights,
        {"normalize": "none"},
        [0.75, 1.5, 4.5],
    ),
    # frequencies 6/8 and 3/4: as frequent where they are seen at all
    "median frequency where seen": (
        median_frequency_weights,
        {"present_totals": [8, 4, 0], "normalize": "none"},
        [1.0, 1.0, 6.75],
    ),
}


@pytest.mark.parametrize(
    ("weigh", "options", "expected"), NORMALIZED.values(), ids=NORMALIZED.keys()
)
def test_weights_sum_to_what_is_asked_and_empty_classes_count_in_no_sum(weigh, options, expected):
    np.testing.assert_allclose(weigh([6, 3, 0], **options), expected, rtol=1e-12)


@pytest.mark.parametrize("weigh", [power_weights, effective_number_weights], ids=["power", "beta"])
def test_an_unknown_normalisation_is_refused(weigh):
    with pytest.raises(OptionError, match="normalize: expected one of 'samples', 'classes', 'none"):
        weigh([1, 2], normalize="mean")


@given(counts=some_counts.filter(all), scale=st.floats(1e-6, 1e6))
def test_only_the_ratios_of_weights_survive_a_normalisation(counts, scale):
    n, raw = np.array(counts, float), np.array(counts, float) ** -0.3
    for normalize in ("samples", "classes"):
        one, other = (normalize_weights(w, n, normalize) for w in (raw, raw * scale))
        np.testing.assert_allclose(one, other, rtol=1e-9)
    assert normalize_weights(raw, n, "classes").sum() == pytest.approx(len(counts))


def test_shares_are_weighted_as_counts_are():
    np.testing.assert_allclose(power_weights([0.75, 0.25]), power_weights([75, 25]), rtol=1e-12)
    with pytest.raises(OptionError, match=r"0 or at least 1, got 0\.25\. Shares have no"):
        effective_number_weights([0.75, 0.25])
    with pytest.raises(OptionError, match="Shares have no effective number"):
        choose_beta([0.75, 0.25])


@pytest.mark.parametrize("exponent", [float("nan"), float("inf")], ids=str)
def test_an_exponent_without_end_is_refused(exponent):
    with pytest.raises(OptionError, match="exponent: expected a finite number"):
        power_weights([1, 2], exponent)


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


def their_code(counts, beta):
    """The lines of Cui et al.'s repository, in the plain float64 that they use."""
    effective_num = 1.0 - np.power(beta, counts)
    weights = (1.0 - beta) / np.array(effective_num)
    return weights / np.sum(weights) * len(counts)


@pytest.mark.parametrize("beta", [0.9, 0.99, 0.999, 0.9999], ids=str)
def test_weights_by_classes_are_those_of_the_released_code(beta):
    counts = [5000, 2997, 1796, 1077, 645, 387, 232, 139, 83, 50]  # CIFAR-10-LT, 100 : 1
    found = effective_number_weights(counts, beta, normalize="classes")
    np.testing.assert_allclose(found, their_code(counts, beta), rtol=1e-9)  # their 1 - β^50


def test_eight_nines_and_a_billion_samples_keep_their_digits():
    counts, beta = [10**9, 10**6, 1], 0.99999999
    found = effective_number_weights(counts, beta, normalize="none")
    # 1 - e^-10, and 1e6·(1 - ½·1e-2 + 1e-4/6 …) effective samples of 1e8 at most
    np.testing.assert_allclose(1 / found[0], 1e8 * -np.expm1(-10), rtol=1e-6)  # β^n ≈ e^-n/N
    np.testing.assert_allclose(1 / found[1], 1e8 * -np.expm1(-0.01), rtol=1e-6)
    np.testing.assert_allclose(found[2], 1.0, rtol=1e-12)


# --- the β that the counts choose ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("counts", "beta"),
    [
        ([10, 10], 0.9),
        ([199, 1], 0.99),
        ([199, 1, 0, 0], 0.99),
        ([1, 1, 1], 0.0),
        ([10**9, 10**9], 1 - 1e-9),
    ],
    ids=["even", "uneven", "empty classes", "one each", "billions"],
)
def test_the_limit_of_effective_samples_is_the_mean_class(counts, beta):
    assert choose_beta(counts) == pytest.approx(beta, abs=1e-15)


@given(counts=st.lists(st.integers(100, 10**6), min_size=2, max_size=9), times=st.integers(2, 50))
def test_chosen_weights_depend_on_shares_and_not_on_the_size_of_the_data(counts, times):
    few = effective_number_weights(counts, "auto")
    many = effective_number_weights(np.array(counts) * times, "auto")
    # (1 - 1/N)^n against exp(-n/N): n / 2N² apart in the exponent, N of at least 100
    np.testing.assert_allclose(few, many, rtol=2e-2)


@given(counts=some_counts.filter(all))
def test_chosen_weights_lift_rare_classes_and_leave_common_ones_alike(counts):
    raw = effective_number_weights(counts, "auto", normalize="none")
    mean = np.mean(counts)
    effective = 1 / raw
    assert np.all(effective <= np.minimum(counts, mean) * (1 + 1e-9))  # neither more than n nor N
    assert np.all(effective >= np.minimum(counts, mean) * (1 - np.exp(-1)) * (1 - 1e-9))


def test_chosen_weights_cost_fewer_samples_than_inverse_frequencies():
    counts = [5000, 2997, 1796, 1077, 645, 387, 232, 139, 83, 50]
    chosen = effective_sample_size(counts, effective_number_weights(counts, "auto"))
    inverse = effective_sample_size(counts, power_weights(counts))
    assert inverse == pytest.approx(100 / sum(1 / n for n in counts))  # C times the harmonic mean
    assert chosen > 1.1 * inverse


@pytest.mark.parametrize("beta", [-0.1, 1, 1.5, float("nan"), "best"], ids=str)
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
    "shares, one of them 0": ([0.9, 0.1, 0.0], "numbers of samples where a class has none"),
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


@pytest.mark.parametrize("n_samples", [10, float("nan"), float("inf")], ids=str)
def test_what_cannot_be_the_number_of_samples_is_refused(n_samples):
    words = f"at least the 11 samples of the largest label, got {n_samples}"
    with pytest.raises(OptionError, match=words):
        pos_weight([3, 11], n_samples)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"power": -1.0}, "power: expected a number ≥ 0, got -1.0"),
        ({"power": float("nan")}, "power: "),
        ({"cap": 0.0}, "cap: expected a number above 0"),
        ({"cap": float("nan")}, "cap: "),
    ],
    ids=["negative power", "no power", "cap of 0", "no cap"],
)
def test_options_of_pos_weight_that_cannot_be_are_refused(options, words):
    with pytest.raises(OptionError, match=words):
        pos_weight([3, 11], 100, **options)


# --- median frequency ----------------------------------------------------------------------------


@given(counts=some_counts.filter(all))
def test_without_totals_median_frequencies_are_inverse_frequencies(counts):
    np.testing.assert_allclose(median_frequency_weights(counts), power_weights(counts), rtol=1e-9)
    raw = median_frequency_weights(counts, normalize="none")
    assert np.median(1 / raw) == pytest.approx(1)


def test_median_frequencies_of_pictures_are_those_of_the_paper():
    # Three pictures of 10 pixels: road in all, car in two, a sign in one.
    road, car, sign = [6, 7, 10], [4, 2, 0], [0, 1, 0]
    counts = [sum(c) for c in (road, car, sign)]
    totals = [10 * sum(n > 0 for n in c) for c in (road, car, sign)]
    frequencies = np.array([23 / 30, 6 / 20, 1 / 10])
    found = median_frequency_weights(counts, totals, normalize="none")
    np.testing.assert_allclose(found, 0.3 / frequencies, rtol=1e-12)


@pytest.mark.parametrize(
    "totals", [[5, 3], [6, 2, 1], [9, 9, float("nan")], 9], ids=["two", "less", "NaN", "one"]
)
def test_totals_that_do_not_fit_are_refused(totals):
    with pytest.raises(OptionError, match="present_totals: expected 3 numbers, one a class"):
        median_frequency_weights([6, 3, 1], totals)


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


def test_huge_weights_and_those_of_empty_classes_do_not_overflow():
    assert effective_sample_size([4, 4, 0], [1e200, 1e200, 1e-300]) == pytest.approx(8)
    assert effective_sample_size([4, 4, 0], [1e-200, 1e-200, 1e300]) == pytest.approx(8)


@pytest.mark.parametrize(
    "given_weights",
    [[1.0], [1.0, -1.0], [0.0, 0.0], [1.0, float("nan")], [1.0, float("inf")]],
    ids=["too few", "negative", "zeros", "NaN", "infinite"],
)
def test_weights_that_are_none_have_no_sample_size(given_weights):
    with pytest.raises(OptionError, match="weights: expected 2 finite numbers ≥ 0"):
        effective_sample_size([3, 4], given_weights)


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
