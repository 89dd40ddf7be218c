"""Poly-1: equal to the paper, and cross-entropy without its term."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from balancekit.errors import OptionError
from balancekit.losses.poly import PolyLoss, poly_loss
from balancekit.weights import power_weights


@settings(max_examples=40)
@given(st.integers(0, 10**6), st.floats(-1, 8))
def test_the_loss_is_that_of_leng_2022(seed, epsilon):
    rng = np.random.default_rng(seed)
    z, y, w = 3 * rng.normal(size=(5, 4)), rng.integers(4, size=5), rng.random(4)
    p = (np.exp(z) / np.exp(z).sum(1, keepdims=True))[np.arange(5), y]
    expected = w[y] * (-np.log(p) + epsilon * (1 - p))
    got = poly_loss(
        torch.tensor(z), torch.tensor(y), torch.tensor(w), epsilon=epsilon, reduction="none"
    )
    np.testing.assert_allclose(got, expected, rtol=1e-10, atol=1e-12)  # float64


@pytest.mark.parametrize("p", [0.3, 0.8])
def test_epsilon_adds_to_the_first_coefficient_of_the_series(p):
    # -log p = Σ_j (1 - p)^j / j; the paper's eq. 5 changes 1 to 1 + ε in the first term.
    epsilon, powers = 1.5, np.arange(1, 300)
    coefficients = 1 / powers
    coefficients[0] += epsilon
    logits = torch.tensor([[np.log(p), np.log1p(-p)]])
    got = poly_loss(logits, torch.tensor([0]), epsilon=epsilon)
    # 0.7^300 / 300 is far below a rounding.
    assert got.item() == pytest.approx((coefficients * (1 - p) ** powers).sum(), rel=1e-12)


@pytest.mark.parametrize("soft", [False, True], ids=["hard", "soft"])
def test_epsilon_0_is_cross_entropy(soft):
    logits = torch.randn(5, 3, 2, dtype=torch.float64)
    targets = logits.flip(0).softmax(1) if soft else logits.flip(0).argmax(1)
    torch.testing.assert_close(
        poly_loss(logits, targets, epsilon=0.0), F.cross_entropy(logits, targets)
    )


def test_soft_targets_lose_what_they_miss():
    # The paper's code has 1 - Σ_c t_c·p_c for soft targets, which is the sum over the classes.
    logits = torch.randn(6, 4, dtype=torch.float64)
    shares = logits.flip(0).softmax(1)
    missed = 1 - (shares * logits.softmax(1)).sum(1)
    expected = F.cross_entropy(logits, shares, reduction="none") + 3.0 * missed
    torch.testing.assert_close(poly_loss(logits, shares, epsilon=3.0, reduction="none"), expected)


@pytest.mark.parametrize("epsilon", [-1.0, -0.5, 2.0])
def test_the_loss_falls_as_p_rises(epsilon):
    p = torch.linspace(0.001, 0.999, 200, dtype=torch.float64)
    logits = torch.stack([p.log(), (1 - p).log()], 1)
    losses = poly_loss(logits, torch.zeros(200).long(), epsilon=epsilon, reduction="none")
    assert (losses.diff() < 0).all()


def test_the_module_is_the_function_with_weights_of_the_counts():
    module = PolyLoss.from_counts([90, 9, 1], epsilon=1.0, exponent=1.0, reduction="sum")
    weights = torch.tensor(power_weights([90, 9, 1], 1.0)).float()
    torch.testing.assert_close(module.class_weights, weights)
    logits, targets = torch.randn(4, 3), torch.tensor([0, 1, 2, -100])
    expected = poly_loss(logits, targets, weights, epsilon=1.0, reduction="sum")
    torch.testing.assert_close(module(logits, targets), expected)
    assert PolyLoss().class_weights is None
    assert PolyLoss().epsilon == 2
    assert "epsilon=1.0" in repr(module)


@pytest.mark.parametrize("epsilon", [-1.01, float("nan"), float("inf"), -float("inf")])
def test_an_epsilon_that_rewards_mistakes_is_refused(epsilon):
    with pytest.raises(OptionError, match=f"epsilon: expected a .*got {epsilon}. "):
        PolyLoss(epsilon)
    with pytest.raises(OptionError, match=f"epsilon: expected a .*got {epsilon}. "):
        poly_loss(torch.zeros(1, 2), torch.tensor([0]), epsilon=epsilon)
