"""Asymmetric loss: its formula, every digit of it, and what other codes make of it."""

from contextlib import nullcontext
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
from balancekit.losses import sigmoid_focal_loss
from balancekit.losses.asymmetric import AsymmetricLoss, asymmetric_loss
from balancekit.losses.kernels.choice import reference_only

WEIGHTS = torch.tensor([0.5, 1.0, 2.5, 1.5], dtype=torch.float64)
DTYPES = [torch.float64, torch.float32, torch.float16, torch.bfloat16]
OPTIONS = {
    "paper": {},
    "no-margin": {"gamma_positive": 1.0, "margin": 0.0},
    "both-focus": {"gamma_positive": 1.0, "gamma_negative": 2.0, "margin": 0.2},
    "fractions": {"gamma_positive": 0.25, "gamma_negative": 2.5},
    "steep": {"gamma_positive": 5.0, "gamma_negative": 5.0},
    "below-1": {"gamma_negative": 0.5},
    "one": {"gamma_negative": 1.0},
    "margin-only": {"gamma_negative": 0.0},
}
options = pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
soft_or_hard = pytest.mark.parametrize("soft", [False, True], ids=["hard", "soft"])
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


@settings(max_examples=40)
@given(
    hnp.arrays(np.float64, (5, 4), elements=st.floats(-8, 8)),
    hnp.arrays(np.float64, (5, 4), elements=st.sampled_from([0.0, 0.3, 1.0])),
    st.floats(0, 5),
    st.floats(0, 5),
    st.floats(0, 0.9),
)
def test_the_loss_is_equation_7_of_ridnik_2021(z, t, gamma_positive, gamma_negative, margin):
    p = 1 / (1 + np.exp(-z))
    shifted = np.maximum(p - margin, 0)
    positive = -WEIGHTS.numpy() * (1 - p) ** gamma_positive * np.log(p)
    # NumPy's 0**0 is 1, times log 1.
    negative = -(shifted**gamma_negative) * np.log(1 - shifted)
    arguments = (torch.tensor(z), torch.tensor(t), WEIGHTS)
    settings = {"gamma_positive": gamma_positive, "gamma_negative": gamma_negative}
    for way in (nullcontext, reference_only):
        with way():
            got = asymmetric_loss(*arguments, **settings, margin=margin, reduction="none")
        # With logits in ±8 the least 1 - p is 3e-4, right to 1e-12 in NumPy; a power of s
        # below 1 makes of its 1e-16 at s = 0 at most the logarithm's own error.
        np.testing.assert_allclose(got, t * positive + (1 - t) * negative, rtol=1e-9, atol=1e-12)


@options
@soft_or_hard
def test_gradients_match_differences(options, soft):
    z, t = random_logits(3, 4, 2).requires_grad_(), labels(3, 4, 2, soft=soft)
    weight = torch.tensor([0.5, 1.0, 2.0], dtype=torch.float64)

    def loss(z):
        return asymmetric_loss(z, t, WEIGHTS, **options, sample_weight=weight)

    assert torch.autograd.gradcheck(loss, z)


@options
@soft_or_hard
def test_the_kernel_gives_what_the_plain_formula_gives(options, soft):
    z, t = random_logits(40, 4, 3), labels(40, 4, 3, soft=soft)
    for reduction in ("mean", "none"):
        call = partial(asymmetric_loss, **options, reduction=reduction)
        with reference_only():
            expected = loss_and_gradient(call, z, t, WEIGHTS)
        close(loss_and_gradient(call, z, t, WEIGHTS), expected)


@soft_or_hard
def test_no_focus_and_no_margin_are_bce(soft):
    z, t = random_logits(6, 4), labels(6, 4, soft=soft)
    neutral = partial(asymmetric_loss, gamma_positive=0.0, gamma_negative=0.0, margin=0.0)
    reference = F.binary_cross_entropy_with_logits
    close(loss_and_gradient(neutral, z, t), loss_and_gradient(reference, z, t))
    close(
        loss_and_gradient(neutral, z, t, WEIGHTS),
        loss_and_gradient(partial(reference, pos_weight=WEIGHTS), z, t),
    )


def test_equal_focus_without_margin_is_the_focal_loss():
    z, t = random_logits(6, 4), labels(6, 4)
    focal = partial(sigmoid_focal_loss, gamma=2.0, alpha=None)
    same = partial(asymmetric_loss, gamma_positive=2.0, gamma_negative=2.0, margin=0.0)
    close(loss_and_gradient(same, z, t), loss_and_gradient(focal, z, t))


def test_label_0_below_the_margin_costs_nothing_and_has_no_gradient():
    z = torch.tensor([-9.0, -2.945, -2.943, 3.0], dtype=torch.float64)  # the margin is at -2.944
    value, gradient = loss_and_gradient(asymmetric_loss, z, torch.zeros(4), reduction="none")
    assert (value > 0).tolist() == (gradient > 0).tolist() == [False, False, True, True]


def peers_loss(z: Tensor, t: Tensor, *, holds_power: bool) -> Tensor:
    """Sum over labels as timm and the authors' code have it, γ 4 and 0, margin .05."""
    p = z.sigmoid()
    below = (1 - p + 0.05).clamp(max=1)
    log_likelihood = t * p.clamp(min=1e-8).log() + (1 - t) * below.clamp(min=1e-8).log()
    with torch.set_grad_enabled(not holds_power):
        weight = (1 - p * t - below * (1 - t)) ** (4 * (1 - t))
    return -(log_likelihood * weight).sum()


def test_timm_and_the_authors_code_agree_on_moderate_logits():
    z, t = random_logits(50, 4).clamp(-8, 8), labels(50, 4)
    ours = partial(asymmetric_loss, reduction="sum")
    expected, gradient = loss_and_gradient(partial(peers_loss, holds_power=False), z, t)
    close(loss_and_gradient(ours, z, t), (expected, gradient))
    # disable_torch_grad_focal_loss: the same value, not the gradient of it.
    held, _ = loss_and_gradient(partial(peers_loss, holds_power=True), z, t)
    close(held, expected)
    even = torch.zeros(1, dtype=torch.float64), torch.zeros(1)
    _, short = loss_and_gradient(partial(peers_loss, holds_power=True), *even)
    _, full = loss_and_gradient(ours, *even)
    # s = .45 at p = .5: (4·(-log .55) + .45 / .55) over .45 / .55.
    close(full / short, 1 + 4 * -torch.tensor([0.55]).double().log() * 0.55 / 0.45, rtol=1e-6)


def test_hard_positives_keep_the_gradient_that_peers_clamp_away():
    z, t = torch.tensor([-19.0, -1e4]), torch.ones(2)
    assert not loss_and_gradient(partial(peers_loss, holds_power=False), z, t)[1].any()
    _, gradient = loss_and_gradient(partial(asymmetric_loss, reduction="sum"), z, t)
    assert gradient.tolist() == [-1, -1]


# --- every digit ------------------------------------------------------------------------------


@options
@pytest.mark.parametrize("dtype", DTYPES, ids=["fp64", "fp32", "fp16", "bf16"])
def test_losses_and_gradients_are_finite_at_1e4(options, dtype):
    steps = torch.tensor([-1e4, -50, -3, -1, 0, 1, 50, 1e4], dtype=dtype)
    for t in (0.0, 0.3, 1.0):
        value, gradient = loss_and_gradient(
            partial(asymmetric_loss, **options, reduction="none"), steps, torch.full((8,), t)
        )
        assert value.isfinite().all()
        assert gradient.isfinite().all()
        assert value.dtype == torch.promote_types(dtype, torch.float32)
        assert gradient.dtype == dtype
    assert gradient[0] == -1  # the hardest positive


@options
@soft_or_hard
def test_float32_keeps_its_digits(options, soft):
    z, t = random_logits(200, 4).float() * 4, labels(200, 4, soft=soft).float()
    loss = partial(asymmetric_loss, **options, reduction="none")
    exact = loss_and_gradient(loss, z.double(), t.double())
    for got, expected in zip(loss_and_gradient(loss, z, t), exact, strict=True):
        # s = max(p - m, 0) is right to 6e-8, which is all that is left of it near p = m; a
        # power .5 makes 3e-4 of it. Exponents γ·log q, at most 200, are right to 6e-8 of them.
        atol = 1e-3 if options.get("gamma_negative", 4) < 1 else 1e-6
        torch.testing.assert_close(got.double(), expected, rtol=2e-5, atol=atol)


def test_float32_keeps_the_digits_of_easy_positives():
    z = torch.tensor([5.0, 15.0, 17.0, 30.0, 80.0])
    value, gradient = loss_and_gradient(asymmetric_loss, z, torch.ones(5), reduction="none")
    expected = (-z.double()).exp().log1p()
    torch.testing.assert_close(value.double(), expected, rtol=1e-6, atol=0)  # a few roundings
    torch.testing.assert_close(
        gradient.double(), -(-z.double()).sigmoid(), rtol=1e-6, atol=0
    )  # likewise


# --- the same however it is asked -------------------------------------------------------------


@options
@pytest.mark.parametrize("junk", [1e30, float("inf"), -float("inf"), float("nan")])
def test_ignored_logits_do_not_matter(options, junk):
    z, t = random_logits(5, 4), labels(5, 4)
    call = partial(asymmetric_loss, **options)
    expected, gradient = loss_and_gradient(call, z[1:], t[1:], WEIGHTS)
    z[0], t[0] = junk, -100
    got, whole = loss_and_gradient(call, z, t, WEIGHTS)
    close((got, whole[1:]), (expected, gradient))
    assert not whole[0].any()


@pytest.mark.parametrize("n_samples", [0, 3], ids=["empty-batch", "all-ignored"])
@pytest.mark.parametrize("normalizer", ["count", "weight", "positives"])
def test_nothing_to_learn_from_is_0_with_gradient_0(n_samples, normalizer):
    z, t = torch.full((n_samples, 4), float("nan")), torch.full((n_samples, 4), -100)
    value, gradient = loss_and_gradient(asymmetric_loss, z, t, normalizer=normalizer)
    assert value == 0
    assert not gradient.any()


@options
def test_axes_and_the_order_of_labels_do_not_matter(options):
    z, t, order = random_logits(2, 4, 3), labels(2, 4, 3), torch.tensor([2, 0, 3, 1])
    call = partial(asymmetric_loss, **options)
    expected = call(z, t, WEIGHTS)
    flat, flat_labels = (part.movedim(1, -1).reshape(-1, 4) for part in (z, t))
    close(call(flat, flat_labels, WEIGHTS), expected)
    close(call(z[:, order], t[:, order], WEIGHTS[order]), expected)
    close(call(flat.T.contiguous().T, flat_labels, WEIGHTS), expected)
    close(call(z, t.bool(), WEIGHTS), expected)


@options
def test_it_compiles_into_one_graph_and_vectorises(options):
    torch.compiler.reset()
    z, t = random_logits(5, 6, 4), labels(5, 6, 4)
    call = partial(asymmetric_loss, **options)
    compiled = torch.compile(call, fullgraph=True, backend="eager")
    close(loss_and_gradient(compiled, z[0], t[0]), loss_and_gradient(call, z[0], t[0]))
    gradients, values = torch.func.vmap(torch.func.grad_and_value(call))(z, t)
    expected = [loss_and_gradient(call, *pair) for pair in zip(z, t, strict=True)]
    close(list(zip(values, gradients, strict=True)), expected)


def test_no_value_is_looked_at():
    # Tensors on the meta device have no values: reading one raises.
    z, t = torch.ones(2, 4, device="meta", requires_grad=True), torch.ones(2, 4, device="meta")
    asymmetric_loss(z, t, WEIGHTS.to("meta"), sample_weight=t).backward()


# --- module -----------------------------------------------------------------------------------


def test_counts_choose_nothing_unless_asked():
    z, t = random_logits(6, 4), labels(6, 4)
    plain = AsymmetricLoss.from_counts([10, 20, 30, 0], n_samples=40)
    assert plain.pos_weight is None
    close(plain(z, t), asymmetric_loss(z, t))
    weighted = AsymmetricLoss.from_counts([10, 20, 30, 0], 40, power=1.0, cap=9.0)
    # A label without positives counts as having one: 40 to 1, above the cap.
    torch.testing.assert_close(weighted.pos_weight, torch.tensor([3.0, 1.0, 1 / 3, 9.0]))


def test_the_module_is_the_function_with_its_options():
    z, t = random_logits(6, 4), labels(6, 4)
    module = AsymmetricLoss(1.0, 3.0, 0.1, pos_weight=WEIGHTS, reduction="sum")
    close(
        module(z, t),
        asymmetric_loss(
            z, t, WEIGHTS, gamma_positive=1.0, gamma_negative=3.0, margin=0.1, reduction="sum"
        ),
    )


Z = torch.zeros(1, 2)
MISTAKES = {
    "positive": (
        lambda: AsymmetricLoss(-1.0),
        r"gamma_positive: .*at least 0, got -1.*paper has 0",
    ),
    "negative": (
        lambda: asymmetric_loss(Z, Z, gamma_negative=np.inf),
        r"gamma_negative: .*finite number, got inf",
    ),
    "margin": (lambda: AsymmetricLoss(margin=1.0), r"margin: .*\[0, 1\), got 1.0.*0.05"),
    "not-a-number": (lambda: AsymmetricLoss(margin=np.nan), r"margin: .*got nan"),
    "weights": (
        lambda: asymmetric_loss(Z, Z, torch.ones(3)),
        r"pos_weight: .*\[2\].*got \[3\]",
    ),
    "targets": (lambda: AsymmetricLoss()(Z, Z[0]), r"targets: expected one a logit, \[1, 2\]"),
    "counts": (
        lambda: AsymmetricLoss.from_counts([50], n_samples=40),
        r"n_samples: expected at least the 50",
    ),
}


@pytest.mark.parametrize(("mistake", "message"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_told_with_what_was_expected(mistake, message):
    with pytest.raises(OptionError, match=message):
        mistake()
