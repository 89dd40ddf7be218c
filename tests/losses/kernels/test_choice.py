"""The way a loss is computed: the plain formula wherever a kernel could not serve."""

import pytest
import torch
import torch.autograd.forward_ad as forward_ad
from torch._subclasses.fake_tensor import FakeTensorMode

from balancekit.losses import (
    asymmetric_loss,
    focal_loss,
    ghm_c_loss,
    one_vs_rest_focal_loss,
    weighted_bce_with_logits,
)

LOGITS = torch.tensor([[2.0, -1.0, 0.5], [0.0, 3.0, -2.0]], dtype=torch.float64)
CLASSES = torch.tensor([2, 1])
LABELS = torch.tensor([[1, 0, 0], [0, 1, 1]])

KERNELS = {
    "softmax": (focal_loss, CLASSES),
    "held-weight": (ghm_c_loss, CLASSES),
    "one-vs-rest": (one_vs_rest_focal_loss, CLASSES),
    "sigmoid": (weighted_bce_with_logits, LABELS),
    "asymmetric": (asymmetric_loss, LABELS),
}
each_kernel = pytest.mark.parametrize(("loss", "targets"), KERNELS.values(), ids=list(KERNELS))


# torch 2.13 scripts its own rules of forward differentiation.
@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")
@each_kernel
def test_forward_differentiation_gives_the_slope_along_a_direction(loss, targets):
    direction = torch.tensor([[1.0, -2.0, 0.5], [0.25, 1.0, 3.0]], dtype=torch.float64)
    with forward_ad.dual_level():
        slope = forward_ad.unpack_dual(loss(forward_ad.make_dual(LOGITS, direction), targets))
    logits = LOGITS.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(loss(logits, targets), logits)
    # Two orders of a dozen operations in float64.
    torch.testing.assert_close(slope.tangent, (gradient * direction).sum(), rtol=1e-12, atol=1e-12)


@each_kernel
def test_tensors_without_values_have_a_loss_and_a_gradient(loss, targets):
    with FakeTensorMode() as mode:
        logits = mode.from_tensor(LOGITS).requires_grad_()
        value = loss(logits, mode.from_tensor(targets))
        value.backward()
    assert value.shape == ()
    assert logits.grad.shape == LOGITS.shape


@each_kernel
def test_the_default_device_is_not_asked(loss, targets):
    expected = loss(LOGITS, targets)
    with torch.device("meta"):
        got = loss(LOGITS, targets)
    assert got == expected
