"""The kernel of sigmoids on the CPU where its shortcuts could lose digits."""

import re

import pytest
import torch
import torch.nn.functional as F

from balancekit.errors import OptionError
from balancekit.losses import asymmetric_loss, one_vs_rest_focal_loss, weighted_bce_with_logits
from balancekit.losses.kernels.choice import reference_only


def test_one_small_share_among_many_hard_labels_keeps_its_loss():
    logits, targets = torch.zeros(64, 1000), torch.ones(64, 1000)
    logits[3, 5], targets[3, 5] = -20.0, 1e-4  # lost in a float32 sum of 64000 ones
    got = weighted_bce_with_logits(logits, targets, reduction="none")[3, 5]
    expected = F.binary_cross_entropy_with_logits(logits, targets, reduction="none")[3, 5]
    # torch takes t·20 off 20, which costs a digit of float32.
    torch.testing.assert_close(got, expected, rtol=1e-3, atol=0)


@pytest.mark.parametrize("margin", [0.05, 1e-4, 1e-6, 1e-8])
@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.5, 4.0])
def test_a_small_margin_keeps_the_digits_of_float64(margin, gamma):
    def loss_and_slope(dtype):
        z = torch.tensor([-30.0, 0.0, 3.0, 20.0, 100.0], dtype=dtype, requires_grad=True)
        options = {"gamma_negative": gamma, "margin": margin, "reduction": "none"}
        losses = asymmetric_loss(z, torch.zeros(5), **options)
        (slope,) = torch.autograd.grad(losses.sum(), z)
        return losses.double().detach(), slope.double()

    got = loss_and_slope(torch.float32)
    with reference_only():
        expected = loss_and_slope(torch.float64)
    # A dozen float32 operations, one of them an exponential of up to 20; a slope of 1e-42
    # has no digits.
    torch.testing.assert_close(got, expected, rtol=1e-5, atol=1e-30)


@pytest.mark.parametrize("wrong", [-1, 3])
def test_a_target_that_is_no_class_is_named(wrong):
    message = f"targets: expected classes 0 to 2, or -100 to be ignored, got {wrong}"
    with pytest.raises(OptionError, match=re.escape(message)):
        one_vs_rest_focal_loss(torch.zeros(2, 3), torch.tensor([0, wrong]))


def test_the_cost_of_soft_classes_is_linear_in_their_shares():
    # A part of the mass may be left out: half the shares cost half.
    logits, shares = torch.tensor([[1.0, -2.0, 0.5]]), torch.tensor([[0.5, 0.25, 0.25]])
    whole = one_vs_rest_focal_loss(logits, shares)
    torch.testing.assert_close(one_vs_rest_focal_loss(logits, shares / 2), whole / 2)


@pytest.mark.parametrize("reduction", ["sum", "none"])
@pytest.mark.parametrize("high", [90.0, 1e4])
def test_one_logit_that_exp_cannot_hold_among_many_costs_no_digits(high, reduction):
    logits, targets = torch.randn(64, 40), (torch.rand(64, 40) < 0.1).float()
    logits[5, 7], targets[5, 7] = -high, 0.0
    logits[9, 3], targets[9, 3] = high, 1.0
    logits.requires_grad_()

    def loss_and_gradient():
        losses = asymmetric_loss(logits, targets, reduction=reduction)
        return losses.detach(), torch.autograd.grad(losses.sum(), logits)[0]

    got = loss_and_gradient()
    with reference_only():
        expected = loss_and_gradient()
    torch.testing.assert_close(got, expected, rtol=1e-5, atol=1e-6)
