"""Vector scaling and CDT: their formulas, and what every loss over classes must hold."""

from functools import partial

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from balancekit.errors import OptionError
from balancekit.losses.logit_adjusted import LogitAdjustedLoss
from balancekit.losses.vs import VSLoss, vs_loss, vs_scale_and_bias

COUNTS = np.array([500, 60, 7, 1])
SCALE, BIAS = map(torch.from_numpy, vs_scale_and_bias(COUNTS))
WEIGHTS = torch.tensor([0.5, 1.0, 2.5, 1.5], dtype=torch.float64)
DTYPES = [torch.float64, torch.float32, torch.float16, torch.bfloat16]
# float64 throughout: the two sides do the same few dozen operations in another order.
close = partial(torch.testing.assert_close, rtol=1e-10, atol=1e-10)
loss = partial(vs_loss, scale=SCALE, bias=BIAS, class_weights=WEIGHTS)


def random_logits(*shape: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 3 * torch.randn(*shape, dtype=torch.float64, generator=generator)


def classes(*shape: int) -> torch.Tensor:
    return torch.randint(4, shape, generator=torch.Generator().manual_seed(1))


def loss_and_gradient(function, logits, *args, **options):
    logits = logits.detach().clone().requires_grad_()
    value = function(logits, *args, **options)
    return value.detach(), torch.autograd.grad(value.sum(), logits)[0]


# --- formula ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("gamma", "tau"), [(0.3, 1.0), (0.15, 1.25), (0.0, 0.5), (1.0, -1.0)])
def test_the_loss_is_the_formula_of_kini_2021(gamma, tau):
    z, y = random_logits(20, 4), classes(20)
    scale, bias = vs_scale_and_bias(COUNTS, gamma, tau)
    delta, iota = (COUNTS / COUNTS.max()) ** gamma, tau * np.log(COUNTS / COUNTS.sum())
    omega = WEIGHTS.numpy()
    expected = [
        # ω_y·log(1 + Σ_{c≠y} exp(ι_c - ι_y)·exp(Δ_c·z_c - Δ_y·z_y)): c = y gives the 1.
        omega[t] * np.log((np.exp(iota - iota[t]) * np.exp(delta * row - delta[t] * row[t])).sum())
        for row, t in zip(z.numpy(), y.numpy(), strict=True)
    ]
    got = vs_loss(z, y, *map(torch.from_numpy, (scale, bias)), WEIGHTS, reduction="none").numpy()
    np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-12)  # NumPy's log near 1


def test_the_code_of_the_authors_gives_the_same():
    z, y = random_logits(20, 4), classes(20)
    inverse = (1 / COUNTS) ** 0.3
    inverse = torch.from_numpy(inverse / inverse.min())
    iota = torch.from_numpy(np.log(COUNTS / COUNTS.sum()))

    def official(z):
        return F.cross_entropy(z / inverse + iota, y, WEIGHTS)

    close(loss_and_gradient(loss, z, y, normalizer="weight"), loss_and_gradient(official, z))


def test_without_bias_it_is_cdt():
    z, y = random_logits(20, 4).float(), classes(20)
    temperatures = (COUNTS.max() / torch.from_numpy(COUNTS)) ** 0.2
    got = VSLoss.from_counts(COUNTS, gamma=0.2, tau=0.0)(z, y)
    torch.testing.assert_close(got, F.cross_entropy(z / temperatures.float(), y))


def test_without_scale_it_is_logit_adjustment():
    z, y = random_logits(20, 4).float(), classes(20)
    got = VSLoss.from_counts(COUNTS, gamma=0.0, tau=0.7)(z, y)
    torch.testing.assert_close(got, LogitAdjustedLoss.from_counts(COUNTS, tau=0.7)(z, y))


@pytest.mark.parametrize("counts", [COUNTS, [5, 5, 5, 5]], ids=["no-strength", "equal-counts"])
@pytest.mark.parametrize("smoothing", [0.0, 0.1], ids=["plain", "smoothed"])
@pytest.mark.parametrize("soft", [False, True], ids=["hard", "soft"])
def test_a_neutral_loss_is_cross_entropy(counts, smoothing, soft):
    z = random_logits(9, 4)
    y = random_logits(9, 4, seed=2).softmax(1) if soft else classes(9)
    strength = {"gamma": 0.0, "tau": 0.0} if counts is COUNTS else {}
    module = VSLoss.from_counts(counts, **strength, label_smoothing=smoothing).double()
    close(
        loss_and_gradient(module, z, y),
        loss_and_gradient(F.cross_entropy, z, y, label_smoothing=smoothing),
    )


def test_an_empty_class_counts_as_one_sample():
    for empty, single in zip(vs_scale_and_bias([9, 0]), vs_scale_and_bias([9, 1]), strict=True):
        np.testing.assert_array_equal(empty, single)


@pytest.mark.parametrize("smoothing", [0.0, 0.1], ids=["plain", "smoothed"])
@pytest.mark.parametrize("soft", [False, True], ids=["hard", "soft"])
def test_gradients_match_differences(soft, smoothing):
    z = random_logits(3, 4, 2).requires_grad_()
    y = random_logits(3, 4, 2, seed=2).softmax(1) if soft else classes(3, 2)
    assert torch.autograd.gradcheck(lambda z: loss(z, y, label_smoothing=smoothing), z)
    assert torch.autograd.gradgradcheck(lambda z: loss(z, y, label_smoothing=smoothing), z)


def test_the_gradient_is_scaled_by_class():
    z, y = random_logits(9, 4), classes(9)
    _, gradient = loss_and_gradient(loss, z, y, reduction="sum")
    p = (SCALE * z + BIAS).softmax(1)
    close(gradient, WEIGHTS[y][:, None] * SCALE * (p - F.one_hot(y, 4)))


# --- the same however it is asked -------------------------------------------------------------


@pytest.mark.parametrize("smoothing", [0.0, 0.1], ids=["plain", "smoothed"])
def test_shape_rows_and_order_of_classes_do_not_matter(smoothing):
    z, y, order = random_logits(2, 4, 3), classes(2, 3), torch.tensor([2, 0, 3, 1])
    options = {"label_smoothing": smoothing}
    flat, expected = z.movedim(1, -1).reshape(-1, 4), loss(z, y, **options)
    close(loss(flat, y.flatten(), **options), expected)
    close(loss(z, F.one_hot(y, 4).movedim(-1, 1).double(), **options), expected)
    constants = (values[order] for values in (SCALE, BIAS, WEIGHTS))
    close(vs_loss(z[:, order], order.argsort()[y], *constants, **options), expected)


def test_soft_targets_cost_the_sum_over_the_classes():
    z, shares = random_logits(6, 4), random_logits(6, 4, seed=2).softmax(1)
    each = [loss(z, torch.full((6,), c), reduction="none") for c in range(4)]
    close(loss(z, shares, reduction="none"), (shares * torch.stack(each, 1)).sum(1))


@pytest.mark.parametrize("smoothing", [0.0, 0.1], ids=["plain", "smoothed"])
@pytest.mark.parametrize("junk", [float("inf"), -float("inf"), float("nan")])
def test_ignored_logits_do_not_matter(junk, smoothing):
    z, y = random_logits(5, 4), classes(5)
    options = {"label_smoothing": smoothing}
    expected, gradient = loss_and_gradient(loss, z[1:], y[1:], **options)
    z[0], y[0] = junk, -100
    got, whole = loss_and_gradient(loss, z, y, **options)
    close((got, whole[1:]), (expected, gradient))
    assert not whole[0].any()


def test_all_ignored_is_0_with_gradient_0():
    z = torch.full((3, 4), float("nan"), dtype=torch.float64)
    value, gradient = loss_and_gradient(loss, z, torch.full((3,), -100))
    assert value == 0
    assert not gradient.any()


def test_it_compiles_and_vectorises():
    z, y = random_logits(5, 6, 4), classes(5, 6)
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
    # The hardest target keeps its gradient, Δ·w_y with w_y = ½.
    expected = torch.tensor([[-0.5, 0.5 * SCALE[1], 0, 0]]).to(dtype)
    torch.testing.assert_close(gradient, expected)


# --- module -----------------------------------------------------------------------------------


def test_state_is_complete():
    z, y = random_logits(8, 4).float(), classes(8)
    module = VSLoss.from_counts(COUNTS, class_weights=WEIGHTS)
    other = VSLoss(torch.zeros(4), torch.zeros(4), torch.ones(4))
    other.load_state_dict(module.state_dict())
    assert torch.equal(other(z, y), module(z, y))


NAN = float("nan")
MISTAKES = {
    "gamma": (lambda: vs_scale_and_bias([1, 2], -0.1), r"gamma: .*at least 0, got -0.1"),
    "gamma-inf": (lambda: vs_scale_and_bias([1, 2], np.inf), r"gamma: .*finite.*got inf"),
    "tau": (lambda: VSLoss.from_counts([1, 2], tau=NAN), r"tau: .*finite number, got nan"),
    "three-scales": (
        lambda: vs_loss(torch.zeros(1, 2), torch.tensor([1]), torch.ones(3), torch.zeros(2)),
        r"scale: expected one value a class, \[2\].*got \[3\]",
    ),
    "three-biases": (
        lambda: vs_loss(torch.zeros(1, 2), torch.tensor([1]), torch.ones(2), torch.zeros(3)),
        r"bias: expected one value a class, \[2\].*got \[3\]",
    ),
    "smoothing": (
        lambda: VSLoss([1, 1], [0, 0], label_smoothing=2.0),
        r"label_smoothing: .*got 2",
    ),
    "no-counts": (lambda: VSLoss.from_counts([0, 0]), r"class_counts: .*one above 0"),
}


@pytest.mark.parametrize(("mistake", "message"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_told_with_what_was_expected(mistake, message):
    with pytest.raises(OptionError, match=message):
        mistake()
