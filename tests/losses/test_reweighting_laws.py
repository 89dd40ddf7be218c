"""What holds of GHM, Gaussian weighting, poly-1 and label-aware smoothing alike."""

from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from typing import Any

import hypothesis.strategies as st
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from torch import Tensor

from balancekit.losses.ghm import ghm_c_loss
from balancekit.losses.gw import gw_loss
from balancekit.losses.kernels.choice import reference_only
from balancekit.losses.label_aware_smoothing import label_aware_smoothing_loss
from balancekit.losses.poly import poly_loss

VALUES = torch.tensor([0.9, 0.1, 0.3, 0.5], dtype=torch.float64)
"""Weights of the classes, or their smoothing."""

COUNTS = torch.tensor([7.0, 1.0, 2.5, 0.0, 3.0], dtype=torch.float64)
"""Targets in each of five bins."""

LOSSES: dict[str, Callable[..., Tensor]] = {
    "gw": gw_loss,
    "poly": poly_loss,
    "poly-below-0": partial(poly_loss, epsilon=-0.9),
    "smoothing": label_aware_smoothing_loss,
    "ghm": ghm_c_loss,
    "ghm-given-counts": partial(ghm_c_loss, counts=COUNTS),
}
losses = pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
soft_or_hard = pytest.mark.parametrize("soft", [False, True], ids=["hard", "soft"])
dtypes = pytest.mark.parametrize(
    "dtype",
    [torch.float64, torch.float32, torch.float16, torch.bfloat16],
    ids=["fp64", "fp32", "fp16", "bf16"],
)
# float64: the two sides do the same few dozen operations in another order.
close = partial(torch.testing.assert_close, rtol=1e-10, atol=1e-10)


def random_logits(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 3 * torch.randn(*shape, dtype=torch.float64, generator=generator)


def random_targets(*shape: int, soft: bool = False) -> Tensor:
    """Of logits of this shape."""
    if soft:
        return random_logits(*shape, seed=2).softmax(1)
    return random_logits(*shape, seed=1).argmax(1)


def loss_and_gradient(loss: Callable[..., Tensor], logits: Tensor, *args: Tensor, **options: Any):
    logits = logits.detach().clone().requires_grad_()
    value = loss(logits, *args, **options)
    return value.detach(), torch.autograd.grad(value.sum(), logits)[0]


# --- gradients ---------------------------------------------------------------------------------


@soft_or_hard
@pytest.mark.parametrize("name", [name for name in LOSSES if name != "gw"])
def test_gradients_match_differences(name, soft):
    # GW, whose weight changes with the logits but has no gradient, is not in it; a bin of
    # GHM does not change within a step of 1e-6.
    logits, targets = random_logits(3, 4, 2).requires_grad_(), random_targets(3, 4, 2, soft=soft)
    weight = torch.tensor([0.5, 1.0, 2.0], dtype=torch.float64)
    assert torch.autograd.gradcheck(
        lambda z: LOSSES[name](z, targets, VALUES, sample_weight=weight), logits
    )


@soft_or_hard
@losses
def test_the_kernels_give_what_the_plain_formulas_give(loss, soft):
    logits, targets = random_logits(5, 4, 3), random_targets(5, 4, 3, soft=soft)
    with reference_only():
        expected = loss_and_gradient(loss, logits, targets, VALUES)
    close(loss_and_gradient(loss, logits, targets, VALUES), expected)


# --- the same however it is asked ---------------------------------------------------------


@pytest.mark.parametrize("normalizer", ["count", "weight"])
@losses
def test_one_hot_rows_equal_class_indices(loss, normalizer):
    logits, targets = random_logits(6, 4, 3), random_targets(6, 4, 3)
    rows = F.one_hot(targets, 4).movedim(-1, 1).double()
    close(
        loss_and_gradient(loss, logits, rows, VALUES, normalizer=normalizer),
        loss_and_gradient(loss, logits, targets, VALUES, normalizer=normalizer),
    )


@soft_or_hard
@losses
def test_more_dimensions_equal_the_flat_batch(loss, soft):
    logits, targets = random_logits(2, 4, 3, 5), random_targets(2, 4, 3, 5, soft=soft)
    flat = logits.movedim(1, -1).reshape(-1, 4)
    flat_targets = targets.movedim(1, -1).reshape(-1, 4) if soft else targets.flatten()
    close(loss(logits, targets, VALUES), loss(flat, flat_targets, VALUES))
    close(
        loss(logits, targets, VALUES, reduction="none"),
        loss(flat, flat_targets, VALUES, reduction="none").reshape(2, 3, 5),
    )


@losses
def test_memory_layout_does_not_matter(loss):
    logits = random_logits(4, 3, 6).transpose(1, 2)[:, 1:5]
    targets = random_targets(4, 4, 3).T.contiguous().T
    assert not logits.is_contiguous()
    assert not targets.is_contiguous()
    close(loss(logits, targets, VALUES), loss(logits.contiguous(), targets.contiguous(), VALUES))


@settings(max_examples=20, deadline=None)  # other jobs share the machine
@given(st.sampled_from(sorted(LOSSES)), st.permutations(range(4)), st.integers(0, 99))
def test_the_order_of_classes_does_not_matter(name, order, seed):
    logits, targets = random_logits(7, 4, seed=seed), random_targets(7, 4)
    order = torch.tensor(order)
    close(
        LOSSES[name](logits[:, order], order.argsort()[targets], VALUES[order]),
        LOSSES[name](logits, targets, VALUES),
    )


@pytest.mark.parametrize("junk", [1e30, float("inf"), -float("inf"), float("nan")])
@losses
def test_ignored_logits_do_not_matter(loss, junk):
    logits, targets = random_logits(5, 4), random_targets(5, 4)
    kept = torch.tensor([0, 1, 3])
    expected, gradient = loss_and_gradient(loss, logits[kept], targets[kept], VALUES)
    logits[[2, 4]], targets[[2, 4]] = junk, 255
    for only in (False, True):
        with reference_only() if only else nullcontext():
            got, whole = loss_and_gradient(loss, logits, targets, VALUES, ignore_index=255)
        close((got, whole[kept]), (expected, gradient))
        assert not whole[[2, 4]].any()


@pytest.mark.parametrize("normalizer", ["count", "weight"])
@pytest.mark.parametrize("n_samples", [0, 3], ids=["empty-batch", "all-ignored"])
@losses
def test_nothing_to_learn_from_is_a_loss_of_0_with_gradient_0(loss, n_samples, normalizer):
    logits, targets = torch.full((n_samples, 4), float("nan")), torch.full((n_samples,), -100)
    value, gradient = loss_and_gradient(loss, logits, targets, VALUES, normalizer=normalizer)
    assert value == 0
    assert not gradient.any()


@losses
def test_bytes_are_class_indices(loss):
    logits, targets = random_logits(3, 4), torch.tensor([0, 255, 3], dtype=torch.uint8)
    close(
        loss(logits, targets, VALUES, ignore_index=255),
        loss(logits[[0, 2]], torch.tensor([0, 3]), VALUES),
    )


@losses
def test_a_class_that_is_ruled_out_costs_nothing(loss):
    logits, targets = random_logits(5, 4), torch.tensor([0, 1, 3, 0, 1])
    logits[:, 2] = -float("inf")
    # Only smoothing gives such a class a share of the target, at an infinite cost.
    values = torch.zeros(4) if loss is label_aware_smoothing_loss else VALUES
    for asked in (targets, F.one_hot(targets, 4).double()):
        value, gradient = loss_and_gradient(loss, logits, asked, values)
        assert value.isfinite()
        assert gradient.isfinite().all()
        assert not gradient[:, 2].any()


# --- precision --------------------------------------------------------------------------------


@soft_or_hard
@dtypes
@losses
def test_losses_and_gradients_are_finite_at_1e4(loss, dtype, soft):
    steps = torch.tensor([-1e4, -1, 0, 1, 1e4], dtype=dtype)
    logits = torch.cartesian_prod(steps, steps, steps, steps[::2]).requires_grad_()
    n = len(logits)
    targets = torch.tensor([[0.5, 0.3, 0.2, 0]], dtype=dtype).expand(n, 4)
    value = loss(logits, targets if soft else torch.arange(n) % 4, VALUES)
    (gradient,) = torch.autograd.grad(value, logits)
    assert value.isfinite()
    assert value > 0
    assert gradient.isfinite().all()
    assert value.dtype == torch.promote_types(dtype, torch.float32)
    assert gradient.dtype == dtype


@losses
def test_autocast_does_not_change_the_loss(loss):
    logits = random_logits(6, 4).float()
    for soft in (False, True):
        targets = random_targets(6, 4, soft=soft)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            cast = loss(logits, targets, VALUES)
        torch.testing.assert_close(cast, loss(logits, targets, VALUES), rtol=0, atol=0)


# --- with torch's own tools ----------------------------------------------------------------------


@soft_or_hard
@losses
def test_a_loss_maps_over_batches_and_has_gradients_in_each(loss, soft):
    logits, targets = random_logits(3, 5, 4), random_targets(15, 4, soft=soft)
    targets = targets.reshape(3, 5, *targets.shape[1:])
    over = torch.func.vmap(torch.func.grad_and_value(lambda z, y: loss(z, y, VALUES)))
    gradients, values = over(logits, targets)
    expected = [loss_and_gradient(loss, *row, VALUES) for row in zip(logits, targets, strict=True)]
    close(list(zip(values, gradients, strict=True)), expected)


@soft_or_hard
@losses
def test_a_loss_compiles_into_one_graph(loss, soft):
    torch.compiler.reset()
    logits, targets = random_logits(5, 4), random_targets(5, 4, soft=soft)
    compiled = torch.compile(loss, fullgraph=True, backend="eager")
    close(
        loss_and_gradient(compiled, logits, targets, VALUES),
        loss_and_gradient(loss, logits, targets, VALUES),
    )


@pytest.mark.parametrize("reduction", ["mean", "none"])
@pytest.mark.parametrize("normalizer", ["count", "weight"])
@losses
def test_no_value_is_looked_at(loss, normalizer, reduction):
    # Tensors on the meta device have no values: reading one raises.
    logits = torch.ones(2, 4, device="meta", requires_grad=True)
    options = {"reduction": reduction, "normalizer": normalizer}
    if "counts" in getattr(loss, "keywords", {}):
        options["counts"] = COUNTS.to("meta")
    for targets in (torch.ones(2, dtype=torch.long, device="meta"), logits.detach()):
        value = loss(logits, targets, VALUES.to("meta"), **options)
        value.sum().backward()
        assert value.shape == ((2,) if reduction == "none" else ())
