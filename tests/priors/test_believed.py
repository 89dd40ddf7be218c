"""The prior that a model believes in, and the one net correction of it."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import arrays

from balancekit.errors import OptionError
from balancekit.priors import (
    believed_label_prior,
    believed_prior,
    class_shares,
    correction_strength,
    label_prior_shift,
    prior_shift,
)
from balancekit.weights import power_weights

PI = np.array([0.9, 0.09, 0.01])  # the three classes of the project's facts
EVEN = np.full(3, 1 / 3)
REVERSED = (1 / PI) / (1 / PI).sum()

shares = arrays(np.float64, 4, elements=st.floats(0.01, 1)).map(lambda a: a / a.sum())


# sampling q, weights w, adjusted by a: what the model believes, and how often it is corrected.
TRAININGS = {
    "plain": ((PI,), PI, 0),
    "balanced sampler": ((EVEN,), EVEN, 1),
    "inverse weights": ((PI, 1 / PI), EVEN, 1),
    "adjusted by the data": ((PI, None, PI), EVEN, 1),
    "balanced and adjusted by the data": ((EVEN, None, PI), REVERSED, 2),
    "balanced and weighted": ((EVEN, 1 / PI), REVERSED, 2),
    "weighted and adjusted by the data": ((PI, 1 / PI, PI), REVERSED, 2),
    "balanced and adjusted by the draws": ((EVEN, None, EVEN), EVEN, 1),
    "weighted and adjusted by both": ((PI, 1 / PI, EVEN), EVEN, 1),
    "square root of both": ((np.sqrt(PI) / np.sqrt(PI).sum(), 1 / np.sqrt(PI)), EVEN, 1),
    "half way": ((np.sqrt(PI) / np.sqrt(PI).sum(),), np.sqrt(PI) / np.sqrt(PI).sum(), 0.5),
    "all three": ((EVEN, 1 / PI, PI), (1 / PI**2) / (1 / PI**2).sum(), 3),
    "adjusted twice as strongly": ((PI, None, PI, 2.0), REVERSED, 2),
}


@pytest.mark.parametrize(
    ("training", "believed", "strength"), TRAININGS.values(), ids=TRAININGS.keys()
)
def test_a_model_believes_in_draws_times_weights_over_adjustment(training, believed, strength):
    found = believed_prior(*training)
    np.testing.assert_allclose(found, believed, rtol=1e-12)  # three logarithms and an exponential
    assert correction_strength(PI, found, EVEN) == pytest.approx(strength, abs=1e-9)


@given(draws=shares, weights=shares, scale=st.floats(1e-3, 1e3))
def test_a_believed_prior_sums_to_1_whatever_the_scale_of_weights(draws, weights, scale):
    found = believed_prior(draws, weights)
    assert found.sum() == pytest.approx(1)
    np.testing.assert_allclose(believed_prior(draws, weights * scale), found, rtol=1e-9)


@given(draws=shares)
def test_inverse_weights_always_lead_to_a_uniform_prior(draws):
    counts = np.round(draws * 1e6)
    found = believed_prior(counts / counts.sum(), power_weights(counts))
    np.testing.assert_allclose(found, 1 / 4, rtol=1e-9)


def test_extreme_weights_do_not_overflow():
    found = believed_prior([0.5, 0.5], [1e300, 1e-300])
    np.testing.assert_array_equal(found, [1, 0])


def test_shares_count_an_empty_class_as_one_sample():
    np.testing.assert_allclose(class_shares([3, 0]), [0.75, 0.25])
    assert np.all(np.isfinite(np.log(class_shares([0, 0]))))


# --- moving logits ------------------------------------------------------------------------------


def log_density(x, mean):
    return -0.5 * (x[:, None] - mean) ** 2


def softmax(logits):
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


@given(believed=shares, wanted=shares)
def test_logits_move_from_one_known_posterior_exactly_to_another(believed, wanted):
    # Gaussians of unit variance: log p(x | c) + log prior_c is the exact posterior.
    x = np.linspace(-8, 8, 41)
    likelihood = log_density(x, np.array([-3.0, -1.0, 0.5, 4.0]))
    moved = likelihood + np.log(believed) + prior_shift(believed, wanted)
    exact = softmax(likelihood + np.log(wanted))
    np.testing.assert_allclose(softmax(moved), exact, rtol=1e-9)  # logits up to 100


def test_the_border_between_two_gaussians_moves_to_where_theory_puts_it():
    # Means ±1: x = ln(p / q) / 2 is where both are as likely; 90:10 to even is 0.
    x = np.linspace(-5, 5, 100_001)
    logits = log_density(x, np.array([-1.0, 1.0])) + np.log([0.9, 0.1])
    border = x[np.argmax(logits[:, 1] > logits[:, 0])]
    assert border == pytest.approx(np.log(9) / 2, abs=1e-4)  # the grid
    moved = logits + prior_shift([0.9, 0.1], [0.5, 0.5])
    assert x[np.argmax(moved[:, 1] > moved[:, 0])] == pytest.approx(0, abs=2e-4)  # the grid


def test_a_prior_that_is_believed_and_wanted_moves_nothing():
    logits = np.random.default_rng(0).normal(size=(2, 5, 3))
    np.testing.assert_array_equal(logits + prior_shift(PI, PI), logits)


@given(one=shares, other=shares)
def test_the_way_back_leads_back(one, other):
    logits = np.linspace(-5, 5, 12).reshape(3, 4)
    there = logits + prior_shift(one, other)
    np.testing.assert_allclose(there + prior_shift(other, one), logits, atol=1e-12)


# --- strength -----------------------------------------------------------------------------------


@given(start=shares, wanted=shares, times=st.floats(-3, 3))
def test_the_strength_is_how_often_the_way_is_gone(start, wanted, times):
    way = np.log(wanted) - np.log(start)
    if np.ptp(way) < 0.01:
        return
    believed = softmax(np.log(start) + times * way)
    assert correction_strength(start, believed, wanted) == pytest.approx(times, abs=1e-6)


def test_where_no_way_is_to_go_every_step_is_too_much():
    assert correction_strength(PI, PI, PI) == 1
    assert correction_strength(PI, EVEN, PI) > 1.05


NO_PRIORS = {
    "strength, too short": (
        correction_strength,
        (PI, EVEN, EVEN[:2]),
        r"wanted: expected 3 .* \[2\]",
    ),
    "strength, one": (correction_strength, (PI, EVEN[:1], PI), r"believed: expected 3"),
    "strength, an empty class": (correction_strength, ([1, 0], EVEN[:2], EVEN[:2]), "trained_on: "),
    "shift, too short": (prior_shift, (PI, EVEN[:2]), "wanted: expected 3"),
    "shift, an empty class": (prior_shift, ([1.0, 0.0], [0.5, 0.5]), "believed: .* above 0"),
    "shift, NaN": (prior_shift, ([0.5, 0.5], [np.nan, 0.5]), "wanted: .* above 0"),
    "believed, no classes": (believed_prior, ([],), "draw_shares: expected finite numbers"),
    "believed, one weight": (believed_prior, (PI, 2.0), r"class_weights: expected 3 .* shape \[\]"),
    "believed, weight below 0": (believed_prior, (PI, [1, 1, -1]), "class_weights: "),
    "believed, adjusted by 0": (believed_prior, (PI, None, [1, 0, 0]), "adjusted_by: "),
    "shares, NaN": (class_shares, ([np.nan, 3],), "class_counts: expected finite numbers ≥ 0"),
    "shares, below 0": (class_shares, ([-4, 3],), "class_counts: expected finite numbers ≥ 0"),
    "labels, above 1": (
        believed_label_prior,
        ([2.0],),
        r"label_shares: expected shares in \[0, 1\]",
    ),
    "labels, no weight": (believed_label_prior, ([0.5], [np.inf]), "pos_weight: expected finite"),
    "labels, α of 1": (believed_label_prior, ([0.5], None, 1.0), r"alpha: .* in \(0, 1\), got 1.0"),
    "labels, NaN": (label_prior_shift, ([0.5], [np.nan]), r"wanted: expected shares in \[0, 1\]"),
}


@pytest.mark.parametrize(
    ("function", "arguments", "words"), NO_PRIORS.values(), ids=NO_PRIORS.keys()
)
def test_what_is_no_prior_is_refused(function, arguments, words):
    with pytest.raises(OptionError, match=words):
        function(*arguments)
