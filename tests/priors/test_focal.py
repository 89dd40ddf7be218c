"""What minimises focal loss is bent; the closed form makes it the posterior again."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import arrays

from balancekit.errors import OptionError
from balancekit.priors import focal_log_odds, focal_log_posterior

GAMMAS = [0.0, 0.25, 0.5, 1.0, 2.0, 5.0]
gammas = pytest.mark.parametrize("gamma", GAMMAS, ids=str)


def softmax(z):
    powers = np.exp(z - z.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def as_printed(v, gamma):
    """The transformation of Charoenphakdee et al., as the paper writes it."""
    phi = (1 - v) ** gamma - gamma * (1 - v) ** (gamma - 1) * v * np.log(v)
    h = v / phi
    return h / h.sum(-1, keepdims=True)


def golden_section(risk, low=-40.0, high=40.0):
    """Where a function with one valley is least."""
    ratio = (np.sqrt(5) - 1) / 2
    for _ in range(80):
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        low, high = (low, right) if risk(left) < risk(right) else (left, high)
    return (low + high) / 2


def focal_minimiser(posterior, gamma):
    """Logits of least focal risk for a posterior, by descent along each logit in turn."""
    z = np.log(posterior)

    def risk(logits):
        log_v = logits - np.log(np.exp(logits - logits.max()).sum()) - logits.max()
        return -float((posterior * (-np.expm1(log_v)) ** gamma * log_v).sum())

    for _ in range(25):
        for c in range(1, len(z)):

            def along(value, c=c):
                return risk(np.where(np.arange(len(z)) == c, value, z))

            z[c] = golden_section(along)
    return z


POSTERIORS = {
    "three classes": [0.7, 0.2, 0.1],
    "all alike": [0.25] * 4,
    "one rare": [0.9, 0.09, 0.01],
    "two": [0.6, 0.4],
}


@gammas
@pytest.mark.parametrize("posterior", POSTERIORS.values(), ids=POSTERIORS.keys())
def test_the_least_focal_risk_gives_back_the_posterior(posterior, gamma):
    bent = focal_minimiser(np.array(posterior), gamma)
    found = np.exp(focal_log_posterior(bent, gamma))
    # A minimum is flat: it is found to the root of float64's precision.
    np.testing.assert_allclose(found, posterior, atol=1e-6)
    if gamma >= 1 and len(set(posterior)) > 1:
        assert np.abs(softmax(bent) - posterior).max() > 0.01  # the bend is real


@gammas
@pytest.mark.parametrize("alpha", [None, 0.25, 0.9], ids=str)
@pytest.mark.parametrize("eta", [0.02, 0.5, 0.8])
def test_the_least_binary_focal_risk_gives_back_the_probability(eta, gamma, alpha):
    one, zero = (1.0, 1.0) if alpha is None else (alpha, 1 - alpha)

    def risk(z):
        log_p, log_not = -np.logaddexp(0, -z), -np.logaddexp(0, z)
        return -(
            eta * one * np.exp(gamma * log_not) * log_p
            + (1 - eta) * zero * np.exp(gamma * log_p) * log_not
        )

    found = focal_log_odds(golden_section(risk), gamma, alpha)
    assert 1 / (1 + np.exp(-found)) == pytest.approx(eta, abs=1e-6)  # a flat minimum


@given(z=arrays(np.float64, (3, 4), elements=st.floats(-8, 8)), gamma=st.floats(0.1, 5))
def test_the_transformation_is_the_one_that_the_paper_prints(z, gamma):
    # Powers of 1 - v lose digits as v comes near 1: e^-16 of 1e-16 at most here.
    found = np.exp(focal_log_posterior(z, gamma))
    np.testing.assert_allclose(found, as_printed(softmax(z), gamma), rtol=1e-6)


@given(z=arrays(np.float64, 2, elements=st.floats(-30, 30)), gamma=st.floats(0, 5))
def test_two_classes_are_a_sigmoid(z, gamma):
    log_posterior = focal_log_posterior(z, gamma)
    found = focal_log_odds(z[1] - z[0], gamma)
    assert log_posterior[1] - log_posterior[0] == pytest.approx(found, rel=1e-9, abs=1e-9)


@given(z=arrays(np.float64, (2, 5), elements=st.floats(-50, 50)), gamma=st.floats(0, 5))
def test_the_order_of_classes_stays_and_what_is_above_a_half_becomes_likelier(z, gamma):
    found = focal_log_posterior(z, gamma)
    for before, after in zip(z, found, strict=True):
        rising = np.argsort(before, kind="stable")
        assert np.all(np.diff(after[rising]) >= -1e-9)  # rounding at equal logits
    top = np.take_along_axis(found, z.argmax(-1)[:, None], -1)
    before = softmax(z).max(-1)
    assert np.all(np.exp(top[:, 0])[before > 0.5] >= before[before > 0.5] - 1e-9)


@given(z=arrays(np.float64, (2, 3), elements=st.floats(-50, 50)))
def test_without_focus_logits_keep_their_probabilities(z):
    np.testing.assert_allclose(np.exp(focal_log_posterior(z, 0.0)), softmax(z), atol=1e-12)
    np.testing.assert_allclose(focal_log_odds(z, 0.0), z, rtol=1e-12, atol=1e-12)


@gammas
def test_logits_without_measure_stay_finite(gamma):
    z = np.array([[1e4, -1e4, 0.0], [-1e4, -1e4, -1e4], [1e4, 1e4, -1e4], [0.0, -40.0, -80.0]])
    found = focal_log_posterior(z, gamma)
    assert np.all(np.isfinite(found))
    np.testing.assert_allclose(np.exp(found).sum(-1), 1)
    # far from the border h(v) is v on the one side and e^(γ+1)d / (1 + γ) on the other
    assert found[0, 1] == pytest.approx(-1e4 * (2 + gamma) + np.log1p(gamma), rel=1e-12)
    odds = focal_log_odds(np.array([1e4, -1e4, 0.0]), gamma)
    expected = 1e4 * (1 + gamma) - np.log1p(gamma)
    np.testing.assert_allclose(odds, [expected, -expected, 0], rtol=1e-12)


def test_a_class_that_cannot_be_keeps_no_probability():
    found = np.exp(focal_log_posterior([[0.0, -np.inf, 0.0], [3.0, -np.inf, -np.inf]], 2.0))
    np.testing.assert_allclose(found, [[0.5, 0, 0.5], [1, 0, 0]])


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: focal_log_posterior([0.0, 1.0], -1.0), "gamma: expected a finite number ≥ 0"),
        (lambda: focal_log_odds([0.0], float("nan")), "gamma: "),
        (lambda: focal_log_posterior([[np.nan, 0.0]], 1.0), "logits: expected .* no NaN"),
        (lambda: focal_log_posterior([[-np.inf, -np.inf]], 1.0), "finite highest of each row"),
        (lambda: focal_log_posterior(3.0, 1.0), r"logits: expected \[..., C\]"),
        (lambda: focal_log_odds([0.0], 1.0, alpha=1.0), r"alpha: expected .* in \(0, 1\), got 1.0"),
    ],
    ids=["negative", "NaN", "NaN logits", "nothing can be", "a number", "alpha"],
)
def test_what_has_no_posterior_is_refused(call, words):
    with pytest.raises(OptionError, match=words):
        call()
