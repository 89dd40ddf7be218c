"""Gaussian weighting: what the article describes, and not what its code does."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from balancekit.errors import OptionError
from balancekit.losses.gw import GWLoss, gw_loss
from balancekit.weights import power_weights

SIGMA = np.e / 10


def logits_of(p: float) -> torch.Tensor:
    return torch.tensor([[np.log(p), np.log1p(-p)]], requires_grad=True)


def gaussian_weights(p, sigma):
    return np.exp(-((p - 0.5) ** 2) / (2 * sigma**2)) - 0.1 * p


@settings(max_examples=40)
@given(st.integers(0, 10**6), st.floats(0.233, 5))
def test_the_loss_and_its_gradient_are_the_formula_with_the_weight_held(seed, sigma):
    rng = np.random.default_rng(seed)
    z, y, w = 3 * rng.normal(size=(5, 4)), rng.integers(4, size=5), rng.random(4)
    p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
    own = p[np.arange(5), y]
    weights = w[y] * gaussian_weights(own, sigma)
    logits = torch.tensor(z, requires_grad=True)
    losses = gw_loss(logits, torch.tensor(y), torch.tensor(w), sigma=sigma, reduction="none")
    # float64, a dozen operations a side
    np.testing.assert_allclose(losses.detach(), weights * -np.log(own), rtol=1e-10, atol=1e-12)
    (gradient,) = torch.autograd.grad(losses.sum(), logits)
    expected = weights[:, None] * (p - np.eye(4)[y])
    np.testing.assert_allclose(gradient, expected, rtol=1e-10, atol=1e-12)


def test_a_tenth_of_p_and_not_of_the_gaussian_is_taken_off():
    # The article's code overwrites p: its weight at p = 0.9 is 0.9·G(p) = 0.305.
    weight = gw_loss(logits_of(0.9), torch.tensor([0])) / -np.log(0.9)
    assert weight.item() == pytest.approx(0.249, abs=5e-4)


def test_the_loss_falls_as_p_rises_because_its_weight_has_no_gradient():
    # Differentiated, the product would rise with p on [.064, .293].
    for p in (0.001, 0.07, 0.15, 0.29, 0.7, 0.999):
        logits = logits_of(p)
        (gradient,) = torch.autograd.grad(gw_loss(logits, torch.tensor([0])), logits)
        assert gradient[0, 0] < 0 < gradient[0, 1]


def test_soft_targets_are_the_sum_over_the_classes():
    rng = np.random.default_rng(0)
    z, t = rng.normal(size=(6, 3)), rng.dirichlet(np.ones(3), 6)
    p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
    expected = (t * gaussian_weights(p, SIGMA) * -np.log(p)).sum(1)
    got = gw_loss(torch.tensor(z), torch.tensor(t), reduction="none")
    np.testing.assert_allclose(got, expected, rtol=1e-10)  # float64, as above


def test_a_wide_gaussian_leaves_cross_entropy_less_a_tenth_of_p():
    logits, targets = torch.randn(6, 3, dtype=torch.float64), torch.tensor([0, 1, 2, 0, 1, 2])
    losses = F.cross_entropy(logits, targets, reduction="none")
    got = gw_loss(logits, targets, sigma=1e6, reduction="none")
    # 1 - G(p) is at most (½)²/2σ² = 1.3e-13.
    torch.testing.assert_close(got, (1 - 0.1 * (-losses).exp()) * losses, rtol=1e-12, atol=0)


@given(st.floats(0, 1), st.floats(0.233, 10))
def test_no_sigma_that_is_allowed_has_a_weight_below_0(p, sigma):
    assert gaussian_weights(p, sigma) >= 0


def test_the_module_is_the_function_with_weights_of_the_counts():
    module = GWLoss.from_counts([90, 9, 1], sigma=0.4, exponent=1.0, reduction="sum")
    weights = torch.tensor(power_weights([90, 9, 1], 1.0)).float()
    torch.testing.assert_close(module.class_weights, weights)
    logits, targets = torch.randn(4, 3), torch.tensor([0, 1, 2, -100])
    expected = gw_loss(logits, targets, weights, sigma=0.4, reduction="sum")
    torch.testing.assert_close(module(logits, targets), expected)
    assert GWLoss().class_weights is None
    assert GWLoss().sigma == pytest.approx(SIGMA)
    assert "sigma=0.4" in repr(module)


@pytest.mark.parametrize("sigma", [0.2329, 0.0, -1.0, float("nan"), float("inf")])
def test_a_sigma_with_negative_weights_is_refused(sigma):
    with pytest.raises(OptionError, match=f"sigma: expected a .*got {sigma}. "):
        GWLoss(sigma)
    with pytest.raises(OptionError, match=f"sigma: expected a .*got {sigma}. "):
        gw_loss(torch.zeros(1, 2), torch.tensor([0]), sigma=sigma)
