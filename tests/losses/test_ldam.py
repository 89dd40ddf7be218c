"""LDAM: its margins, its formula, and what every loss over classes must hold."""

from functools import partial

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings

from balancekit.errors import OptionError
from balancekit.losses.heads import CosineLinear
from balancekit.losses.kernels.choice import reference_only
from balancekit.losses.ldam import LDAMLoss, ldam_loss, ldam_margins
from balancekit.losses.schedules import DeferredReweighting

COUNTS = np.array([500, 60, 7, 1])
MARGINS = torch.from_numpy(ldam_margins(COUNTS))
WEIGHTS = torch.tensor([0.5, 1.0, 2.5, 1.5], dtype=torch.float64)
DTYPES = [torch.float64, torch.float32, torch.float16, torch.bfloat16]
# float64 throughout: the two sides do the same few dozen operations in another order.
close = partial(torch.testing.assert_close, rtol=1e-10, atol=1e-10)
loss = partial(ldam_loss, margins=MARGINS, class_weights=WEIGHTS)


def cosines(*shape: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return 2 * torch.rand(*shape, dtype=torch.float64, generator=generator) - 1


def classes(*shape: int) -> torch.Tensor:
    return torch.randint(4, shape, generator=torch.Generator().manual_seed(1))


def loss_and_gradient(function, logits, *args, **options):
    logits = logits.detach().clone().requires_grad_()
    value = function(logits, *args, **options)
    return value.detach(), torch.autograd.grad(value.sum(), logits)[0]


# --- margins ----------------------------------------------------------------------------------


@settings(max_examples=40)
@given(st.lists(st.integers(1, 10**6), min_size=2, max_size=8), st.floats(0.01, 1))
def test_margins_fall_with_the_fourth_root_and_end_at_the_widest(counts, max_margin):
    margins = ldam_margins(counts, max_margin)
    roots = np.array(counts) ** 0.25
    np.testing.assert_allclose(margins * roots, max_margin * roots.min())  # one C for all
    np.testing.assert_allclose(margins.max(), max_margin)


def test_an_empty_class_has_the_margin_of_one_sample():
    assert ldam_margins([16, 0]).tolist() == ldam_margins([16, 1]).tolist() == [0.25, 0.5]


# --- formula ----------------------------------------------------------------------------------


def numpy_ldam(z, y, margins, scale, weights):
    """The formula of section 3.2, with the s of the authors' code."""
    losses = []
    for row, target in zip(z, y, strict=True):
        own = np.exp(scale * (row[target] - margins[target]))
        others = sum(np.exp(scale * value) for j, value in enumerate(row) if j != target)
        losses.append(-weights[target] * np.log(own / (own + others)))
    return np.array(losses)


@pytest.mark.parametrize("scale", [1.0, 10.0, 30.0])
def test_the_loss_is_the_formula_of_cao_2019(scale):
    z, y = cosines(20, 4), classes(20)
    expected = numpy_ldam(z.numpy(), y.numpy(), MARGINS.numpy(), scale, WEIGHTS.numpy())
    got = loss(z, y, scale=scale, reduction="none").numpy()
    # Cosines times 30: p is at least exp(-75), and NumPy's log(p) near 1 is right to 2e-16.
    np.testing.assert_allclose(got, expected, rtol=1e-10, atol=1e-14)


def test_the_mean_by_weight_is_what_the_code_of_the_authors_gives():
    z, y = cosines(20, 4), classes(20)

    def official(z):
        return F.cross_entropy(30 * (z - MARGINS * F.one_hot(y, 4)), y, WEIGHTS)

    close(loss_and_gradient(loss, z, y, normalizer="weight"), loss_and_gradient(official, z))


def test_no_margin_and_no_scale_leave_cross_entropy():
    z, y = cosines(9, 4), classes(9)
    module = LDAMLoss.from_counts(COUNTS, max_margin=0.0, scale=1.0).double()
    close(loss_and_gradient(module, z, y), loss_and_gradient(F.cross_entropy, z, y))


def test_a_wider_margin_costs_more():
    z = torch.tensor([[0.9, 0.1], [0.1, 0.9]])
    losses = ldam_loss(z, torch.tensor([0, 1]), torch.tensor([0.1, 0.5]), reduction="none")
    assert losses[1] > losses[0] > F.cross_entropy(30 * z[:1], torch.tensor([0]))


@pytest.mark.parametrize("soft", [False, True], ids=["hard", "soft"])
def test_gradients_match_differences(soft):
    z = cosines(3, 4, 2).requires_grad_()
    y = cosines(3, 4, 2).softmax(1).detach() if soft else classes(3, 2)
    assert torch.autograd.gradcheck(lambda z: loss(z, y, scale=3.0), z)
    assert torch.autograd.gradgradcheck(lambda z: loss(z, y, scale=3.0), z)


def test_the_gradient_is_that_of_the_scaled_logits():
    z, y = cosines(9, 4), classes(9)
    _, gradient = loss_and_gradient(loss, z, y, reduction="sum")
    one_hot = F.one_hot(y, 4)
    p = (30 * (z - MARGINS * one_hot)).softmax(1)
    close(gradient, 30 * WEIGHTS[y][:, None] * (p - one_hot))


# --- the same however it is asked -------------------------------------------------------------


def test_shape_rows_and_order_of_classes_do_not_matter():
    z, y, order = cosines(2, 4, 3), classes(2, 3), torch.tensor([2, 0, 3, 1])
    flat, expected = z.movedim(1, -1).reshape(-1, 4), loss(z, y)
    close(loss(flat, y.flatten()), expected)
    close(loss(z, F.one_hot(y, 4).movedim(-1, 1).double()), expected)
    shuffled = ldam_loss(z[:, order], order.argsort()[y], MARGINS[order], WEIGHTS[order])
    close(shuffled, expected)
    close(loss(z + 0.25, y), expected)


def test_soft_targets_cost_the_sum_over_the_classes():
    z, shares = cosines(6, 4), cosines(6, 4).softmax(1)
    each = [loss(z, torch.full((6,), c), reduction="none") for c in range(4)]
    close(loss(z, shares, reduction="none"), (shares * torch.stack(each, 1)).sum(1))


@pytest.mark.parametrize("junk", [float("inf"), -float("inf"), float("nan")])
def test_ignored_logits_do_not_matter(junk):
    z, y = cosines(5, 4), classes(5)
    expected, gradient = loss_and_gradient(loss, z[1:], y[1:])
    z[0], y[0] = junk, -100
    got, whole = loss_and_gradient(loss, z, y)
    close((got, whole[1:]), (expected, gradient))
    assert not whole[0].any()


def test_all_ignored_is_0_with_gradient_0():
    z = torch.full((3, 4), float("nan"), dtype=torch.float64)
    value, gradient = loss_and_gradient(loss, z, torch.full((3,), -100))
    assert value == 0
    assert not gradient.any()


def test_it_compiles_and_vectorises():
    z, y = cosines(5, 6, 4), classes(5, 6)
    rows = torch.stack([loss(*pair) for pair in zip(z, y, strict=True)])
    close(torch.vmap(loss)(z, y), rows)
    compiled = torch.compile(loss, fullgraph=True, backend="eager")
    close(loss_and_gradient(compiled, z[0], y[0]), loss_and_gradient(loss, z[0], y[0]))


# --- numerics ---------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES, ids=["fp64", "fp32", "fp16", "bf16"])
@pytest.mark.parametrize("soft", [False, True], ids=["hard", "soft"])
def test_loss_and_gradient_are_finite_at_1e4(dtype, soft):
    values = torch.tensor([-1e4, -1, 0, 1e4], dtype=dtype)
    z = torch.cartesian_prod(values, values, values, values)
    y = torch.full_like(z, 0.25) if soft else torch.arange(len(z)) % 4
    value, gradient = loss_and_gradient(loss, z, y)
    assert value.isfinite()
    assert gradient.isfinite().all()
    assert gradient.dtype == dtype
    _, gradient = loss_and_gradient(loss, values[None, [0, 3, 0, 0]], torch.tensor([0]))
    # The hardest target keeps its gradient, s·w_y = 15.
    assert gradient.tolist() == [[-15, 15, 0, 0]]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["fp32", "fp64"])
def test_logits_so_far_apart_that_shares_underflow_keep_their_digits(dtype):
    far = 1000 if dtype == torch.float64 else 140  # log of the least normal number: -708, -87
    z = far / 30 * cosines(50, 40)
    y = torch.arange(50) % 40
    margins = torch.full((40,), 0.5, dtype=torch.float64)
    z[:25].scatter_(1, y[:25, None], 1.05 * far / 30)  # easy targets too
    got = loss_and_gradient(ldam_loss, z.to(dtype), y, margins)
    with reference_only():
        expected = loss_and_gradient(ldam_loss, z.to(dtype).double(), y, margins)
    # Exponents of up to 280 (2000) are right to 6e-8 (1e-16) of themselves; what lies below
    # the least normal number may be 0.
    tolerance = {"rtol": 4e-5 if dtype == torch.float32 else 1e-12}
    for value, wanted in zip(got, expected, strict=True):
        torch.testing.assert_close(
            value.double(), wanted, **tolerance, atol=30 * torch.finfo(dtype).tiny
        )


def test_nan_logits_are_not_hidden():
    z = cosines(2, 4)
    z[0, 2] = float("nan")
    assert loss(z, torch.tensor([0, 1]), reduction="none").isnan().tolist() == [True, False]


# --- module -----------------------------------------------------------------------------------


def test_class_weights_come_late_when_deferred():
    z, y = cosines(8, 4).float(), classes(8)
    module = LDAMLoss.from_counts(COUNTS, class_weights=WEIGHTS)
    deferred = DeferredReweighting.from_weighted(module, start_epoch=160)
    before = deferred(z, y)
    torch.testing.assert_close(before, LDAMLoss.from_counts(COUNTS)(z, y))
    deferred.set_epoch(160)
    torch.testing.assert_close(deferred(z, y), module(z, y))
    assert deferred(z, y) != before


def test_state_is_complete():
    z, y = cosines(8, 4).float(), classes(8)
    module = LDAMLoss.from_counts(COUNTS, class_weights=WEIGHTS)
    other = LDAMLoss(torch.zeros(4), class_weights=torch.ones(4))
    other.load_state_dict(module.state_dict())
    assert torch.equal(other(z, y), module(z, y))


def rare_margin_after_training(max_margin):
    """Mean cosine of the rare class above that of the other, over its samples."""
    y = torch.tensor([0] * 190 + [1] * 10)
    centres = torch.tensor([[2.0, 0.0], [0.0, 2.0]])
    x = torch.randn(200, 2, generator=torch.Generator().manual_seed(0)) + centres[y]
    head = CosineLinear(2, 2)
    head.weight.data = torch.eye(2)
    criterion = LDAMLoss.from_counts([190, 10], max_margin=max_margin)
    optimizer = torch.optim.SGD(head.parameters(), lr=0.1)
    for _ in range(60):
        optimizer.zero_grad()
        criterion(head(x), y).backward()
        optimizer.step()
    return (head(x).detach()[y == 1] @ torch.tensor([-1.0, 1.0])).mean()


def test_the_margin_moves_a_cosine_head_towards_the_rare_class():
    assert rare_margin_after_training(0.5) > rare_margin_after_training(0.0) + 0.05


NAN = float("nan")
MISTAKES = {
    "margin": (lambda: ldam_margins([1, 2], -0.1), r"max_margin: .*at least 0, got -0.1"),
    "margin-nan": (lambda: ldam_margins([1, 2], NAN), r"max_margin: .*got nan"),
    "scale": (lambda: LDAMLoss([0.1, 0.2], 0.0), r"scale: expected a number above 0, got 0"),
    "scale-call": (
        lambda: ldam_loss(torch.zeros(1, 2), torch.tensor([1]), torch.zeros(2), scale=NAN),
        r"scale: .*got nan",
    ),
    "three-margins": (
        lambda: ldam_loss(torch.zeros(1, 2), torch.tensor([1]), torch.zeros(3)),
        r"margins: expected one value a class, \[2\].*got \[3\]",
    ),
    "no-counts": (lambda: LDAMLoss.from_counts([0, 0]), r"class_counts: .*one above 0"),
}


@pytest.mark.parametrize(("mistake", "message"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_told_with_what_was_expected(mistake, message):
    with pytest.raises(OptionError, match=message):
        mistake()
