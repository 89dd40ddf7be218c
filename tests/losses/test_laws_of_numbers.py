"""What holds for every loss in numbers: the right gradient, at any logit, in any precision."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import hypothesis.extra.numpy as hnp
import hypothesis.strategies as st
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from torch import Tensor

from balancekit.losses import focal_loss, one_vs_rest_focal_loss, sigmoid_focal_loss
from balancekit.losses.kernels.choice import reference_only
from tests.losses.cases import (
    LOSSES,
    SOFTMAX,
    Case,
    close,
    dtypes,
    each,
    each_loss,
    loss_and_gradient,
    random_logits,
    random_targets,
    soft_or_hard,
    those,
)

GAMMAS = [0.25, 0.5, 1.0, 2.0, 5.0]
HUGE = 1e4
ONE_VS_REST = SOFTMAX["one-vs-rest"]
gammas = pytest.mark.parametrize("gamma", GAMMAS)

OF_GAMMA: dict[str, Callable[..., Tensor]] = {
    "softmax": focal_loss,
    "one-vs-rest": one_vs_rest_focal_loss,
    "sigmoid": sigmoid_focal_loss,
}
each_of_gamma = pytest.mark.parametrize("name", OF_GAMMA)


# --- gradients ---------------------------------------------------------------------------------


@each_loss
def test_the_gradient_is_that_of_the_paper(case):
    logits = random_logits(40, 4)
    targets = random_targets(case, 40, 4)
    _, gradient = loss_and_gradient(case, logits, targets, reduction="sum")
    expected = case.gradient(logits.numpy(), targets.numpy())
    # NumPy's 1 - p of the surest targets here, at 1e-6, is right to 1e-10.
    np.testing.assert_allclose(gradient.numpy(), expected, rtol=1e-8, atol=1e-9)


@soft_or_hard
@each(**those(LOSSES, lambda case: not case.holds_weights))
def test_the_gradient_matches_differences(case, soft):
    # A bin of GHM does not change within a step of 1e-6.
    logits = random_logits(3, 4, 2).requires_grad_()
    targets = random_targets(case, 3, 4, 2, soft=soft)
    weight = torch.tensor([0.5, 1.0, 2.0], dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda z: case(z, targets, sample_weight=weight), logits)


@soft_or_hard
@each(**those(LOSSES, lambda case: not case.holds_weights))
def test_the_gradient_has_a_gradient(case, soft):
    logits, targets = random_logits(3, 4).requires_grad_(), random_targets(case, 3, 4, soft=soft)
    assert torch.autograd.gradgradcheck(lambda z: case(z, targets), logits)


@each(**those(LOSSES, lambda case: case.holds_weights))
def test_a_weight_that_is_held_has_no_gradient(case):
    # Cross-entropy falls as the logit of the target rises; with the weight of GW in the
    # gradient it would rise where p is in [.064, .293], the compensation of seesaw falls faster.
    logits = random_logits(40, 4).requires_grad_()
    targets = random_targets(case, 40, 4)
    numeric = torch.autograd.functional.vjp(lambda z: case(z, targets), logits)[1]
    step = 1e-6 * torch.eye(4, dtype=torch.float64)[0]
    along = (case(logits + step, targets) - case(logits - step, targets)) / 2e-6
    assert (along - numeric[:, 0].sum()).abs() > 1e-3


@dtypes
@soft_or_hard
@each_loss
def test_kernels_give_what_the_formulas_give(case, soft, dtype):
    logits = random_logits(50, 4, 3).to(dtype)
    targets = random_targets(case, 50, 4, 3, soft=soft)
    if not soft:
        targets[7] = -100
    targets = targets.to(dtype) if soft else targets
    got = loss_and_gradient(case, logits, targets, reduction="none")
    with reference_only():
        expected = loss_and_gradient(case, logits, targets, reduction="none")
    if dtype == torch.float64:
        close(got, expected)
        return
    # Losses of up to 100 in float32, where single operations differ by 6e-8 of them.
    torch.testing.assert_close(got[0], expected[0], rtol=1e-5, atol=1e-6)
    # Gradients of 16 bits may be rounded to neighbours.
    eps = torch.finfo(dtype).eps
    torch.testing.assert_close(got[1], expected[1], rtol=max(2 * eps, 1e-5), atol=eps)


# --- equal to torch where torch has the same loss ------------------------------------------


@soft_or_hard
@pytest.mark.parametrize("shape", [(7, 4), (3, 4, 5), (2, 4, 3, 2)], ids=["flat", "line", "image"])
@each(**those(LOSSES, lambda case: case.neutral is not None))
def test_a_neutral_loss_is_that_of_torch(case, shape, soft):
    logits, targets = random_logits(*shape), random_targets(case, *shape, soft=soft)
    loss = partial(case, **case.neutral)
    theirs = F.binary_cross_entropy_with_logits if case.of_sigmoids else F.cross_entropy
    shares = targets.double() if case.of_sigmoids else targets
    for reduction in ("none", "sum"):
        close(
            loss_and_gradient(loss, logits, targets, reduction=reduction),
            loss_and_gradient(theirs, logits, shares, reduction=reduction),
        )


def test_one_vs_rest_without_focus_is_the_sum_of_binary_losses():
    logits, targets = random_logits(6, 4), random_logits(6, 4, seed=1).argmax(1)
    close(
        loss_and_gradient(one_vs_rest_focal_loss, logits, targets, gamma=0.0, reduction="sum"),
        loss_and_gradient(
            F.binary_cross_entropy_with_logits,
            logits,
            F.one_hot(targets, 4).double(),
            reduction="sum",
        ),
    )


@pytest.mark.parametrize("smoothing", [0.0, 0.125], ids=["plain", "smoothed"])
@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
def test_the_weight_normalizer_is_that_of_torch(reduction, smoothing):
    logits, targets = random_logits(9, 4), random_logits(9, 4, seed=1).argmax(1)
    targets[3] = -100
    case = SOFTMAX["cross-entropy-weighted"]
    options = {"reduction": reduction, "label_smoothing": smoothing}
    theirs = partial(F.cross_entropy, weight=case.constants["class_weights"])
    close(
        loss_and_gradient(case, logits, targets, normalizer="weight", **options),
        loss_and_gradient(theirs, logits, targets, **options),
    )


def test_pos_weight_is_that_of_torch_with_labels_on_axis_1():
    case = LOSSES["bce-weighted"]
    logits, targets = random_logits(3, 4, 2), random_targets(case, 3, 4, 2)
    weight = case.constants["pos_weight"].unsqueeze(1)
    theirs = partial(F.binary_cross_entropy_with_logits, pos_weight=weight)
    close(
        loss_and_gradient(case, logits, targets),
        loss_and_gradient(theirs, logits, targets.double()),
    )


# --- extreme logits ---------------------------------------------------------------------------


def extreme_logits(dtype: torch.dtype) -> Tensor:
    """All rows of -1e4, -1, 0, 1 and 1e4, the last class of three of them: [375, 4]."""
    values = torch.tensor([-HUGE, -1, 0, 1, HUGE], dtype=dtype)
    return torch.cartesian_prod(values, values, values, values[::2])


def extreme_targets(case: Case, soft: bool, dtype: torch.dtype) -> Tensor:
    shares = torch.tensor([0.5, 0.3, 0.2, 0.0], dtype=dtype).expand(375, 4)
    if soft:
        return shares
    classes = torch.arange(375) % 4
    return F.one_hot(classes, 4) if case.of_sigmoids else classes


@dtypes
@soft_or_hard
@each_loss
def test_losses_and_gradients_are_finite_at_1e4(case, soft, dtype):
    logits = extreme_logits(dtype)
    value, gradient = loss_and_gradient(case, logits, extreme_targets(case, soft, dtype))
    assert value.isfinite()
    assert value > 0
    assert gradient.isfinite().all()
    # float16 ends at 65504, so that a mean of losses of 1e4 must not be summed in it.
    assert value.dtype == torch.promote_types(dtype, torch.float32)
    assert gradient.dtype == dtype


@gammas
@dtypes
@soft_or_hard
@each_of_gamma
def test_no_gamma_breaks_a_loss_at_1e4(name, soft, dtype, gamma):
    logits = extreme_logits(dtype)
    targets = extreme_targets(
        LOSSES["sigmoid-focal" if name == "sigmoid" else "focal"], soft, dtype
    )
    for only_plain in (False, True):
        loss = partial(OF_GAMMA[name], gamma=gamma)
        if only_plain:
            with reference_only():
                value, gradient = loss_and_gradient(loss, logits, targets)
        else:
            value, gradient = loss_and_gradient(loss, logits, targets)
        assert value.isfinite()
        assert gradient.isfinite().all()


@dtypes
@each_loss
def test_the_hardest_target_keeps_its_gradient(case, dtype):
    logits = torch.tensor([[-HUGE, HUGE, 0, 0]], dtype=dtype)
    targets = torch.tensor([[1, 0, 0, 0]]) if case.of_sigmoids else torch.tensor([0])
    _, gradient = loss_and_gradient(case, logits, targets, reduction="sum")
    _, normal = loss_and_gradient(case, logits.double(), targets, reduction="sum")
    # The weight of a target has at most 8 bits in bfloat16.
    torch.testing.assert_close(gradient.double(), normal, rtol=1e-2, atol=0)
    assert gradient[0, 0] < -0.05


@gammas
@dtypes
def test_the_hardest_target_keeps_its_gradient_at_any_gamma(dtype, gamma):
    logits = torch.tensor([[-HUGE, HUGE]], dtype=dtype)
    _, gradient = loss_and_gradient(focal_loss, logits, torch.tensor([0]), gamma=gamma)
    assert gradient.tolist() == [[-1, 1]]
    binary = partial(sigmoid_focal_loss, gamma=gamma, reduction="sum")
    _, gradient = loss_and_gradient(binary, logits, torch.tensor([[1, 0]]))
    assert gradient.tolist() == [[-0.25, 0.75]]


@settings(max_examples=60)
@given(hnp.arrays(np.float32, (4, 5), elements=st.floats(-HUGE, HUGE, width=32)), st.floats(0, 5))
def test_no_logit_or_gamma_makes_a_gradient_larger_than_its_bound(z, gamma):
    targets = torch.tensor([0, 1, 2, 4])
    loss = partial(focal_loss, gamma=gamma, reduction="none")
    losses, gradient = loss_and_gradient(loss, torch.tensor(z), targets)
    # |dL/dd| = (1-p)^γ·((1-p) + γ·p·(-log p)) ≤ 1 + γ/e, and |dd/dz_j| ≤ 1.
    assert losses.isfinite().all()
    assert gradient.abs().max() <= (1 + gamma / np.e) * (1 + 1e-5)  # float32 rounding


@gammas
@pytest.mark.parametrize("gap", [0.5, 5.0, 15.0, 17.0, 30.0, 60.0])
def test_float32_keeps_the_digits_of_easy_targets(gap, gamma):
    for targets in (torch.tensor([0]), torch.tensor([[1.0, 0.0, 0.0]])):
        logits = torch.tensor([[gap, 0.0, -1.0]], dtype=torch.float64)
        loss = partial(focal_loss, gamma=gamma)
        expected = loss_and_gradient(
            loss, logits, targets.double() if targets.ndim > 1 else targets
        )
        got = loss_and_gradient(loss, logits.float(), targets)
        # The exponent γ·d, at most 300, is right to 6e-8 of itself: 2e-5 of the loss. Below
        # 1e-38 float32 has no full digits.
        close = partial(torch.testing.assert_close, rtol=4e-5, atol=1e-38)
        close([part.double() for part in got], list(expected))


@pytest.mark.parametrize("gap", [0.5, 5.0, 15.0, 17.0, 30.0])
@each_loss
def test_float32_keeps_the_digits_of_every_loss_of_an_easy_target(case, gap):
    logits = torch.tensor([[gap, -gap, -gap - 1, -gap]], dtype=torch.float64)
    targets = torch.tensor([[1, 0, 0, 0]]) if case.of_sigmoids else torch.tensor([0])
    expected = loss_and_gradient(case, logits, targets)
    got = loss_and_gradient(case, logits.float(), targets)
    # The exponents, up to 200, are right to 6e-8 of themselves; smoothed targets and margins
    # of logits are differences of numbers of this size.
    torch.testing.assert_close(
        [part.double() for part in got], list(expected), rtol=4e-5, atol=1e-38
    )


@each(**those(SOFTMAX, lambda case: case is not ONE_VS_REST))
def test_classes_ruled_out_by_minus_infinity_are_left_out(case):
    # Smoothed targets have a share of every class; one-vs-rest rules no class out.
    if "smooth" in str(case):
        case = replace(case, constants={}, options=case.neutral)
    logits = random_logits(6, 4)
    targets = torch.tensor([0, 1, 3, 0, 1, 3])
    logits[:, 2] = -float("inf")
    for asked in (targets, F.one_hot(targets, 4).double()):
        value, gradient = loss_and_gradient(case, logits, asked)
        assert value.isfinite()
        assert value > 0
        assert gradient.isfinite().all()
        assert not gradient[:, 2].any()


def test_a_ruled_out_class_changes_nothing_for_the_others():
    ruled_out = float("-inf")
    logits = torch.tensor([[1.0, 2.0, ruled_out], [ruled_out, 0.5, ruled_out]])
    loss = partial(focal_loss, gamma=5.0, reduction="none")
    losses, gradient = loss_and_gradient(loss, logits, torch.tensor([0, 1]))
    two = focal_loss(logits[:1, :2], torch.tensor([0]), gamma=5.0)
    torch.testing.assert_close(losses, torch.stack([two, torch.tensor(0.0)]))
    assert not gradient[1].any()
    assert gradient.isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16], ids=["fp32", "fp16"])
@each_loss
def test_a_broken_logit_that_counts_is_not_hidden(case, dtype):
    logits, targets = random_logits(6, 4).to(dtype), random_targets(case, 6, 4)
    logits[2, 1] = float("nan")
    losses, _ = loss_and_gradient(case, logits, targets, reduction="none")
    assert losses[2].isnan().any()
    if not case.knows_batch:
        assert losses[[0, 1, 3, 4, 5]].isfinite().all()


# --- precision --------------------------------------------------------------------------------


@dtypes
@soft_or_hard
@each_loss
def test_losses_of_16_bits_are_those_of_float32(case, soft, dtype):
    logits, targets = random_logits(6, 4).to(dtype), random_targets(case, 6, 4, soft=soft)
    full = logits if dtype == torch.float64 else logits.float()
    loss, gradient = loss_and_gradient(case, logits, targets)
    expected, full_gradient = loss_and_gradient(case, full, targets)
    assert loss.dtype == full.dtype
    torch.testing.assert_close((loss, gradient), (expected, full_gradient.to(dtype)))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=["bf16", "fp16"])
@soft_or_hard
@each_loss
def test_autocast_does_not_change_the_loss(case, soft, dtype):
    logits, targets = random_logits(6, 4).float(), random_targets(case, 6, 4, soft=soft)
    expected = loss_and_gradient(case, logits, targets)
    with torch.autocast("cpu", dtype=dtype):
        got = loss_and_gradient(case, logits, targets)
        with reference_only():
            plain = loss_and_gradient(case, logits, targets)
    torch.testing.assert_close(got, expected, rtol=0, atol=0)
    torch.testing.assert_close(plain, expected, rtol=1e-5, atol=1e-6)  # in another order
