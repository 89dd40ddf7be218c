"""Every digit and every gradient, at any logit and in any precision; no look at values."""

from functools import partial

import hypothesis.extra.numpy as hnp
import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given, settings

from balancekit.losses import (
    cross_entropy,
    focal_loss,
    logit_adjusted_cross_entropy,
    sigmoid_focal_loss,
    weighted_bce_with_logits,
)
from balancekit.losses import one_vs_rest_focal_loss

GAMMAS = [0.25, 0.5, 1.0, 2.0, 5.0]
DTYPES = [torch.float64, torch.float32, torch.float16, torch.bfloat16]
gammas = pytest.mark.parametrize("gamma", GAMMAS)
dtypes = pytest.mark.parametrize("dtype", DTYPES, ids=["fp64", "fp32", "fp16", "bf16"])
HUGE = 1e4

SOFTMAX_LOSSES = {
    "cross-entropy": cross_entropy,
    "focal": focal_loss,
    "focal-half": partial(focal_loss, gamma=0.5),
    "adjusted": partial(logit_adjusted_cross_entropy, log_prior=torch.zeros(3)),
    "one-vs-rest": one_vs_rest_focal_loss,
}
SIGMOID_LOSSES = {
    "focal": sigmoid_focal_loss,
    "focal-per-label": partial(sigmoid_focal_loss, alpha=torch.tensor([0.2, 0.3, 0.4])),
    "bce": partial(weighted_bce_with_logits, pos_weight=torch.ones(3)),
}


def extreme_logits(dtype):
    """Every triple of -1e4, -1, 0, 1 and 1e4: [125, 3]."""
    values = torch.tensor([-HUGE, -1, 0, 1, HUGE], dtype=dtype)
    return torch.cartesian_prod(values, values, values).requires_grad_()


# --- extreme logits ---------------------------------------------------------------------------


@gammas
@dtypes
@pytest.mark.parametrize("loss", [focal_loss, one_vs_rest_focal_loss], ids=["focal", "one-vs-rest"])
def test_losses_over_classes_and_gradients_are_finite_at_1e4(loss, dtype, gamma):
    logits = extreme_logits(dtype)
    shares = torch.tensor([0.5, 0.3, 0.2], dtype=dtype).expand(125, 3)
    for targets in (torch.arange(125) % 3, shares):
        value = loss(logits, targets, gamma=gamma)
        (gradient,) = torch.autograd.grad(value, logits)
        assert value.isfinite()
        assert gradient.isfinite().all()


@gammas
@dtypes
def test_sigmoid_focal_losses_and_gradients_are_finite_at_1e4(dtype, gamma):
    logits = extreme_logits(dtype)
    for targets in (torch.arange(375).reshape(125, 3) % 2, torch.full((125, 3), 0.3)):
        value = sigmoid_focal_loss(logits, targets, gamma=gamma)
        (gradient,) = torch.autograd.grad(value, logits)
        assert value.isfinite()
        assert gradient.isfinite().all()


@settings(max_examples=60, deadline=None)  # other jobs share the machine
@given(
    hnp.arrays(np.float32, (4, 5), elements=st.floats(-HUGE, HUGE, width=32)),
    st.floats(0, 5),
)
def test_no_logit_or_gamma_makes_a_gradient_larger_than_its_bound(z, gamma):
    logits = torch.tensor(z, requires_grad=True)
    losses = focal_loss(logits, torch.tensor([0, 1, 2, 4]), gamma=gamma, reduction="none")
    (gradient,) = torch.autograd.grad(losses.sum(), logits)
    # |dL/dd| = (1-p)^γ·((1-p) + γ·p·(-log p)) ≤ 1 + γ/e, and |dd/dz_j| ≤ 1.
    assert losses.isfinite().all()
    assert gradient.abs().max() <= (1 + gamma / np.e) * (1 + 1e-5)  # float32 rounding


@gammas
@dtypes
def test_the_hardest_positive_keeps_its_gradient(dtype, gamma):
    logits = torch.tensor([[-HUGE, HUGE]], dtype=dtype, requires_grad=True)
    loss = focal_loss(logits, torch.tensor([0]), gamma=gamma)
    (gradient,) = torch.autograd.grad(loss, logits)
    assert gradient.tolist() == [[-1, 1]]
    loss = sigmoid_focal_loss(logits, torch.tensor([[1, 0]]), gamma=gamma, reduction="sum")
    (gradient,) = torch.autograd.grad(loss, logits)
    assert gradient.tolist() == [[-0.25, 0.75]]


@gammas
@pytest.mark.parametrize("gap", [0.5, 5.0, 15.0, 17.0, 30.0, 60.0])
def test_float32_keeps_the_digits_of_easy_targets(gap, gamma):
    results = []
    for dtype in (torch.float32, torch.float64):
        logits = torch.tensor([[gap, 0.0, -1.0]], dtype=dtype, requires_grad=True)
        for targets in (torch.tensor([0]), torch.tensor([[1.0, 0.0, 0.0]])):
            loss = focal_loss(logits, targets, gamma=gamma)
            results += [loss.detach(), torch.autograd.grad(loss, logits)[0]]
    # The exponent γ·d, at most 300, is right to 6e-8 of itself: 2e-5 of the loss. Below
    # 1e-38 float32 has no full digits.
    for got, expected in zip(results[:4], results[4:], strict=True):
        torch.testing.assert_close(got.double(), expected, rtol=4e-5, atol=1e-38)


def test_classes_ruled_out_by_minus_infinity_are_left_out():
    ruled_out = float("-inf")
    logits = torch.tensor([[1.0, 2.0, ruled_out], [ruled_out, 0.5, ruled_out]])
    logits.requires_grad_()
    losses = focal_loss(logits, torch.tensor([0, 1]), gamma=5.0, reduction="none")
    (gradient,) = torch.autograd.grad(losses.sum(), logits)
    two = focal_loss(logits.detach()[:1, :2], torch.tensor([0]), gamma=5.0)
    torch.testing.assert_close(losses.detach(), torch.stack([two, torch.tensor(0.0)]))
    assert not gradient[1].any()
    assert gradient.isfinite().all()


# --- precision --------------------------------------------------------------------------------


@dtypes
def test_the_loss_comes_in_float32_or_above_and_the_gradient_as_the_logits(dtype):
    expected = torch.float64 if dtype == torch.float64 else torch.float32
    for losses, targets in (
        (SOFTMAX_LOSSES, torch.tensor([1])),
        (SIGMOID_LOSSES, torch.ones(1, 3)),
    ):
        for loss in losses.values():
            logits = torch.zeros(1, 3, dtype=dtype, requires_grad=True)
            value = loss(logits, targets)
            assert value.dtype == expected
            assert torch.autograd.grad(value, logits)[0].dtype == dtype


def test_autocast_does_not_change_the_loss():
    logits = torch.randn(6, 3, generator=torch.Generator().manual_seed(0))
    hard, soft = torch.arange(6) % 3, logits.flip(0).softmax(1)
    calls = [(loss, hard) for loss in SOFTMAX_LOSSES.values()]
    calls += [(loss, soft) for loss in (*SOFTMAX_LOSSES.values(), *SIGMOID_LOSSES.values())]
    calls += [(partial(focal_loss, class_weights=torch.rand(3), normalizer="weight"), soft)]
    for loss, targets in calls:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            cast = loss(logits, targets)
        torch.testing.assert_close(cast, loss(logits, targets), rtol=0, atol=0)


# --- no look at values ------------------------------------------------------------------------


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("normalizer", ["count", "weight"])
def test_no_value_is_looked_at(reduction, normalizer):
    # Tensors on the meta device have no values: reading one raises.
    options = {"reduction": reduction, "normalizer": normalizer}
    options["sample_weight"] = torch.ones(2, device="meta")
    ones = torch.ones(3, device="meta")
    logits = torch.ones(2, 3, device="meta", requires_grad=True)
    hard = torch.ones(2, dtype=torch.long, device="meta")
    soft = torch.ones(2, 3, device="meta")
    results = [
        loss(logits, targets, ones, **options)
        for loss in (cross_entropy, focal_loss, logit_adjusted_cross_entropy)
        for targets in (hard, soft)
    ]
    results.append(one_vs_rest_focal_loss(logits, hard, ones, **options))
    results.append(weighted_bce_with_logits(logits, soft, ones, **options))
    results.append(sigmoid_focal_loss(logits, soft, alpha=ones, **options))
    for result in results:
        result.sum().backward()
        assert result.shape == ((2, 3) if reduction == "none" else ())[: result.ndim]
