"""Distribution-balanced loss: its formula, its weights, and how it is asked."""

from functools import partial

import hypothesis.extra.numpy as hnp
import hypothesis.strategies as st
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from torch import Tensor

from balancekit.errors import OptionError
from balancekit.losses.distribution_balanced import (
    DistributionBalancedLoss,
    distribution_balanced_loss,
    rebalanced_weights,
)

COUNTS, N = np.array([500.0, 60.0, 200.0, 7.0]), 1000
LOG_ODDS = torch.from_numpy(np.log(COUNTS / (N - COUNTS)))
DTYPES = [torch.float64, torch.float32, torch.float16, torch.bfloat16]
OPTIONS = {
    "voc": {},
    "coco": {"mu": 0.2, "negative_scale": 2.0},
    "without-focus": {"gamma": 0.0},
    "half": {"gamma": 0.5, "beta": 0.0, "kappa": 0.0},
}
options = pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
soft_or_hard = pytest.mark.parametrize("soft", [False, True], ids=["hard", "soft"])
loss = partial(distribution_balanced_loss, log_odds=LOG_ODDS)
# float64: the two sides do the same few dozen operations in another order.
close = partial(torch.testing.assert_close, rtol=1e-10, atol=1e-10)


def random_logits(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 3 * torch.randn(*shape, dtype=torch.float64, generator=generator)


def labels(*shape: int, soft: bool = False) -> Tensor:
    shares = random_logits(*shape, seed=1).sigmoid()
    return shares if soft else shares.round()


def loss_and_gradient(loss, logits, *args, **options):
    logits = logits.detach().clone().requires_grad_()
    value = loss(logits, *args, **options)
    return value.detach(), torch.autograd.grad(value.sum(), logits)[0]


# --- formula ----------------------------------------------------------------------------------


def numpy_weights(t, alpha, beta, mu):
    with np.errstate(divide="ignore"):
        ratio = (1 / COUNTS) / (t / COUNTS).sum(1, keepdims=True)
    return alpha + 1 / (1 + np.exp(-beta * (ratio - mu)))


def numpy_loss(z, t, alpha, beta, mu, negative_scale, kappa, gamma):
    """Paper: z - ν with ν = -κ·b̂, b̂ = -log(N/n - 1), then the two labels apart."""
    nu = kappa * np.log(N / COUNTS - 1)
    p_1 = 1 / (1 + np.exp(-(z - nu)))
    p_0 = 1 / (1 + np.exp(negative_scale * (z - nu)))
    positive = -((1 - p_1) ** gamma) * np.log(p_1)
    negative = -((1 - p_0) ** gamma) * np.log(p_0) / negative_scale
    return numpy_weights(t, alpha, beta, mu) * (t * positive + (1 - t) * negative)


@settings(max_examples=40)
@given(
    hnp.arrays(np.float64, (5, 4), elements=st.floats(-4, 4)),
    hnp.arrays(np.float64, (5, 4), elements=st.sampled_from([0.0, 0.3, 1.0])),
    st.tuples(
        st.floats(0, 1), st.floats(0.1, 20), st.floats(-1, 1), st.floats(0.5, 5), st.floats(0, 0.2)
    ),
    st.floats(0, 5),
)
def test_the_loss_is_the_formula_of_wu_2020(z, t, five, gamma):
    names = ("alpha", "beta", "mu", "negative_scale", "kappa", "gamma")
    options = dict(zip(names, (*five, gamma), strict=True))
    expected = numpy_loss(z, t, **options)
    got = loss(torch.tensor(z), torch.tensor(t), **options, reduction="none")
    # λ·z is in ±25, so that NumPy's 1 - p, at least 1e-11, is right to 2e-5 of itself; such
    # an easy label costs 1e-11.
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-11)


def authors_loss(z: Tensor, t: Tensor) -> Tensor:
    """The authors' code, from its formulas, with their settings for VOC."""
    counts = torch.from_numpy(COUNTS)
    ratio = (1 / counts) / (t / counts).sum(1, keepdim=True)
    weight = torch.sigmoid(10 * (ratio - 0.3)) + 0.1
    z = z - torch.log(N / counts - 1) * 0.05 / 5
    z = z * (1 - t) * 5 + z * t
    weight = weight / 5 * (1 - t) + weight * t
    right = torch.exp(-F.binary_cross_entropy_with_logits(z, t, reduction="none"))
    plain = F.binary_cross_entropy_with_logits(z, t, weight=weight, reduction="none")
    return 2 * ((1 - right) ** 2 * plain).mean()


def test_the_authors_code_has_a_smaller_kappa_and_twice_the_loss():
    z, t = random_logits(20, 4), labels(20, 4)
    t[3] = 0  # infinite ratio, weight 1.1
    value, gradient = loss_and_gradient(partial(loss, kappa=0.05 / 5), z, t)
    close((2 * value, 2 * gradient), loss_and_gradient(authors_loss, z, t))


@soft_or_hard
def test_neutral_options_leave_bce(soft):
    z, t = random_logits(6, 4, 3), labels(6, 4, 3, soft=soft)
    # beta 0 makes every weight alpha + ½, but that of a sample without labels.
    t[:, 0] = t[:, 0].clamp(min=0.5)
    neutral = partial(loss, alpha=0.5, beta=0.0, negative_scale=1.0, kappa=0.0, gamma=0.0)
    close(
        loss_and_gradient(neutral, z, t),
        loss_and_gradient(F.binary_cross_entropy_with_logits, z, t),
    )


@options
@soft_or_hard
def test_gradients_match_differences(options, soft):
    z, t = random_logits(3, 4, 2).requires_grad_(), labels(3, 4, 2, soft=soft)
    weight = torch.tensor([0.5, 1.0, 2.0], dtype=torch.float64)
    call = partial(loss, **options, sample_weight=weight)
    assert torch.autograd.gradcheck(lambda z: call(z, t), z)
    assert torch.autograd.gradgradcheck(lambda z: call(z, t), z)


# --- weights ----------------------------------------------------------------------------------


def test_a_rare_label_weighs_more_than_the_frequent_one_beside_it():
    t = torch.tensor([[1.0, 0, 0, 1], [1, 0, 0, 0], [0, 0, 0, 0]])
    frequent, *_, rare = rebalanced_weights(t, LOG_ODDS.float())[0].tolist()
    assert frequent < 0.2 < 1 < rare
    # Alone in its sample it has r = 1; without any label 1 every weight is at its greatest.
    weights = rebalanced_weights(t, LOG_ODDS.float(), alpha=0.1, beta=10.0, mu=0.3)
    torch.testing.assert_close(weights[1, 0], 0.1 + torch.tensor(7.0).sigmoid())
    assert weights[2].tolist() == pytest.approx([1.1] * 4)


def test_the_weight_normalizer_divides_by_the_weights():
    z, t = random_logits(6, 4), labels(6, 4)
    weights = rebalanced_weights(t, LOG_ODDS)
    close(loss(z, t, normalizer="weight"), loss(z, t, reduction="sum") / weights.sum())
    close(loss(z, t, normalizer="positives"), loss(z, t, reduction="sum") / t.sum())


def test_counts_give_log_odds_and_none_is_infinite():
    module = DistributionBalancedLoss.from_counts([0, 1, 40, 39, 20], n_samples=40)
    expected = np.log([1 / 39, 1 / 39, 39, 39, 1])
    np.testing.assert_allclose(module.log_odds, expected, rtol=1e-6, atol=0)  # float32
    z, t = random_logits(8, 5), labels(8, 5)
    assert module(z, t).isfinite()


# --- every digit ------------------------------------------------------------------------------


@options
@pytest.mark.parametrize("dtype", DTYPES, ids=["fp64", "fp32", "fp16", "bf16"])
def test_losses_and_gradients_are_finite_at_1e4(options, dtype):
    steps = torch.tensor([-1e4, -1, 0, 1, 1e4], dtype=dtype)
    z = torch.cartesian_prod(steps, steps, steps[::2], steps[::2])
    for t in (torch.zeros_like(z), torch.full_like(z, 0.3), torch.ones_like(z)):
        value, gradient = loss_and_gradient(loss, z, t, **options)
        assert value.isfinite()
        assert gradient.isfinite().all()
        assert value.dtype == torch.promote_types(dtype, torch.float32)
        assert gradient.dtype == dtype
    hardest, slopes = z[0] == -1e4, loss_and_gradient(loss, z, t, **options, reduction="sum")[1]
    assert hardest.all()
    assert (slopes[0] < -0.1).all()  # a positive of weight r keeps -r, at least alpha


@soft_or_hard
def test_float32_keeps_its_digits(soft):
    z, t = random_logits(200, 4).float() * 4, labels(200, 4, soft=soft).float()
    call = partial(loss, reduction="none")
    exact = loss_and_gradient(call, z.double(), t.double())
    for got, expected in zip(loss_and_gradient(call, z, t), exact, strict=True):
        # An exponent γ·λ·u, at most 500, is right to 6e-8 of itself, and β·(r - μ), at most
        # 100, too; below 1e-38 float32 has no full digits.
        torch.testing.assert_close(got.double(), expected, rtol=1e-4, atol=1e-37)


# --- the same however it is asked -------------------------------------------------------------


@pytest.mark.parametrize("junk", [1e30, float("inf"), -float("inf"), float("nan")])
def test_ignored_labels_do_not_matter(junk):
    z, t = random_logits(5, 4), labels(5, 4)
    expected, gradient = loss_and_gradient(loss, z[1:], t[1:])
    z[0], t[0] = junk, -100
    got, whole = loss_and_gradient(loss, z, t)
    close((got, whole[1:]), (expected, gradient))
    assert not whole[0].any()


def test_an_ignored_label_is_as_if_its_sample_did_not_have_it():
    z, t = random_logits(5, 4), torch.ones(5, 4)
    t[:, 3] = -100
    fewer = partial(distribution_balanced_loss, log_odds=LOG_ODDS[:3])
    close(loss(z, t), fewer(z[:, :3], t[:, :3]))


@pytest.mark.parametrize("n_samples", [0, 3], ids=["empty-batch", "all-ignored"])
@pytest.mark.parametrize("normalizer", ["count", "weight", "positives"])
def test_nothing_to_learn_from_is_0_with_gradient_0(n_samples, normalizer):
    z, t = torch.full((n_samples, 4), float("nan")), torch.full((n_samples, 4), -100)
    value, gradient = loss_and_gradient(loss, z, t, normalizer=normalizer)
    assert value == 0
    assert not gradient.any()


def test_axes_and_the_order_of_labels_do_not_matter():
    z, t, order = random_logits(2, 4, 3), labels(2, 4, 3), torch.tensor([2, 0, 3, 1])
    expected = loss(z, t)
    flat, flat_labels = (part.movedim(1, -1).reshape(-1, 4) for part in (z, t))
    close(loss(flat, flat_labels), expected)
    close(distribution_balanced_loss(z[:, order], t[:, order], LOG_ODDS[order]), expected)
    close(loss(flat.T.contiguous().T, flat_labels.bool()), expected)


@options
def test_it_compiles_into_one_graph_and_vectorises(options):
    torch.compiler.reset()
    z, t = random_logits(5, 6, 4), labels(5, 6, 4)
    call = partial(loss, **options)
    compiled = torch.compile(call, fullgraph=True, backend="eager")
    close(loss_and_gradient(compiled, z[0], t[0]), loss_and_gradient(call, z[0], t[0]))
    gradients, values = torch.func.vmap(torch.func.grad_and_value(call))(z, t)
    expected = [loss_and_gradient(call, *pair) for pair in zip(z, t, strict=True)]
    close(list(zip(values, gradients, strict=True)), expected)


def test_no_value_is_looked_at():
    # Tensors on the meta device have no values: reading one raises.
    z, t = torch.ones(2, 4, device="meta", requires_grad=True), torch.ones(2, 4, device="meta")
    distribution_balanced_loss(z, t, LOG_ODDS.to("meta"), normalizer="weight").backward()


def test_the_module_is_the_function_with_its_options():
    z, t = random_logits(6, 4), labels(6, 4)
    options = {"alpha": 0.2, "beta": 5.0, "mu": 0.2, "negative_scale": 2.0}
    options |= {"kappa": 0.1, "gamma": 1.0, "reduction": "sum"}
    module = DistributionBalancedLoss(LOG_ODDS, **options)
    held = LOG_ODDS.float()  # as a buffer
    close(module(z, t), distribution_balanced_loss(z, t, held, **options))
    counted = DistributionBalancedLoss.from_counts(COUNTS, N, **options)
    torch.testing.assert_close(counted.log_odds, held)


Z = torch.zeros(1, 2)
ODDS = torch.zeros(2)
MISTAKES = {
    "alpha": (lambda: DistributionBalancedLoss(ODDS, alpha=-1), r"alpha: .*at least 0, got -1"),
    "gamma": (
        lambda: distribution_balanced_loss(Z, Z, ODDS, gamma=np.inf),
        r"gamma: .*finite number, got inf",
    ),
    "scale": (
        lambda: DistributionBalancedLoss(ODDS, negative_scale=0.0),
        r"negative_scale: .*above 0, got 0.0.*1 leaves it out",
    ),
    "mu": (lambda: DistributionBalancedLoss(ODDS, mu=np.nan), r"mu: .*finite number, got nan"),
    "flat": (
        lambda: distribution_balanced_loss(Z[0], Z[0], ODDS),
        r"logits: expected \[N, L\].*got \[2\]",
    ),
    "odds": (
        lambda: distribution_balanced_loss(Z, Z, torch.zeros(3)),
        r"log_odds: .*\[2\].*got \[3\]",
    ),
    "infinite": (
        lambda: DistributionBalancedLoss([0.0, -np.inf]),
        r"log_odds: expected finite numbers.*from_counts",
    ),
    "counts": (
        lambda: DistributionBalancedLoss.from_counts([50], n_samples=40),
        r"n_samples: .*the 50 samples of the largest label, got 40",
    ),
    "one": (
        lambda: DistributionBalancedLoss.from_counts([1], n_samples=1),
        r"n_samples: expected at least 2",
    ),
}


@pytest.mark.parametrize(("mistake", "message"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_told_with_what_was_expected(mistake, message):
    with pytest.raises(OptionError, match=message):
        mistake()
