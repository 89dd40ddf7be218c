"""The formulas: equal to their papers and to torch, and the same however they are asked."""

from collections.abc import Callable
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
from balancekit.losses import (
    cross_entropy,
    focal_loss,
    logit_adjusted_cross_entropy,
    sigmoid_focal_loss,
    weighted_bce_with_logits,
)
from balancekit.losses import one_vs_rest_focal_loss

Loss = Callable[..., Tensor]

WEIGHTS = torch.tensor([0.5, 1.0, 2.5, 1.5], dtype=torch.float64)
LOG_PRIOR = torch.tensor([0.6, 0.25, 0.1, 0.05], dtype=torch.float64).log()
# float64 throughout: the two sides do the same few dozen operations in another order,
# each within 2e-16 of its result; 1e-10 leaves room and is far below any wrong formula.
close = partial(torch.testing.assert_close, rtol=1e-10, atol=1e-10)
hypothesis_settings = settings(max_examples=40, deadline=None)  # other jobs share the machine

SOFTMAX_LOSSES: dict[str, Loss] = {
    "cross-entropy": cross_entropy,
    "weighted": partial(cross_entropy, class_weights=WEIGHTS),
    "smoothed": partial(cross_entropy, class_weights=WEIGHTS, label_smoothing=0.1),
    "logit-adjusted": partial(logit_adjusted_cross_entropy, log_prior=LOG_PRIOR, tau=0.7),
    "focal-quarter": partial(focal_loss, gamma=0.25),
    "focal": partial(focal_loss, gamma=2.0),
    "focal-weighted": partial(focal_loss, class_weights=WEIGHTS, gamma=1.5),
    "one-vs-rest": partial(one_vs_rest_focal_loss, class_weights=WEIGHTS, gamma=2.0),
}
SIGMOID_LOSSES: dict[str, Loss] = {
    "focal": sigmoid_focal_loss,
    "focal-quarter": partial(sigmoid_focal_loss, gamma=0.25, alpha=None),
    "focal-alpha-per-label": partial(sigmoid_focal_loss, alpha=WEIGHTS / 3),
    "bce": weighted_bce_with_logits,
    "bce-weighted": partial(weighted_bce_with_logits, pos_weight=WEIGHTS),
}
softmax_losses = pytest.mark.parametrize("loss", SOFTMAX_LOSSES.values(), ids=SOFTMAX_LOSSES)
sigmoid_losses = pytest.mark.parametrize("loss", SIGMOID_LOSSES.values(), ids=SIGMOID_LOSSES)


def random_logits(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 3 * torch.randn(*shape, dtype=torch.float64, generator=generator)


def random_classes(*shape: int, seed: int = 1) -> Tensor:
    return torch.randint(4, shape, generator=torch.Generator().manual_seed(seed))


def random_shares(*shape: int, seed: int = 2) -> Tensor:
    return random_logits(*shape, seed=seed).softmax(1)


def loss_and_gradient(loss: Loss, logits: Tensor, *args: object, **options: object):
    logits = logits.detach().clone().requires_grad_()
    value = loss(logits, *args, **options)
    return value.detach(), torch.autograd.grad(value.sum(), logits)[0]


# --- equal to an independent evaluation of each paper ------------------------------------

logits_arrays = hnp.arrays(np.float64, (5, 4), elements=st.floats(-8, 8))
class_arrays = hnp.arrays(np.int64, 5, elements=st.integers(0, 3))
label_arrays = hnp.arrays(np.int64, (5, 4), elements=st.integers(0, 1))
gammas = st.floats(0, 5)


def numpy_softmax(z: np.ndarray) -> np.ndarray:
    return np.exp(z) / np.exp(z).sum(1, keepdims=True)


@hypothesis_settings
@given(logits_arrays, class_arrays, gammas)
def test_focal_loss_is_the_formula_of_lin_2017(z, y, gamma):
    p = numpy_softmax(z)[np.arange(5), y]
    expected = -WEIGHTS.numpy()[y] * (1 - p) ** gamma * np.log(p)
    got = focal_loss(
        torch.tensor(z), torch.tensor(y), WEIGHTS, gamma=gamma, reduction="none"
    ).numpy()
    # With logits in ±8 the least 1 - p is 1e-7, so that NumPy's 1 - p, off by 2e-16, is
    # right to 2e-9, its power of at most 5 to 1e-8.
    np.testing.assert_allclose(got, expected, rtol=1e-8, atol=1e-8)


@hypothesis_settings
@given(logits_arrays, label_arrays, gammas, st.floats(0, 1))
def test_sigmoid_focal_loss_is_the_formula_of_lin_2017(z, y, gamma, alpha):
    p = 1 / (1 + np.exp(-z))
    p_t, alpha_t = np.where(y == 1, p, 1 - p), np.where(y == 1, alpha, 1 - alpha)
    got = sigmoid_focal_loss(
        torch.tensor(z), torch.tensor(y), gamma=gamma, alpha=alpha, reduction="none"
    ).numpy()
    expected = -alpha_t * (1 - p_t) ** gamma * np.log(p_t)
    np.testing.assert_allclose(got, expected, rtol=1e-8, atol=1e-8)  # as above


@hypothesis_settings
@given(logits_arrays, class_arrays, st.floats(0, 2))
def test_logit_adjusted_loss_is_equation_10_of_menon_2021(z, y, tau):
    prior = LOG_PRIOR.exp().numpy()
    ratio = (prior / prior[y][:, None]) ** tau * np.exp(z - z[np.arange(5), y][:, None])
    expected = np.log(ratio.sum(1))  # the paper's 1 is the ratio of y to itself
    got = logit_adjusted_cross_entropy(
        torch.tensor(z), torch.tensor(y), LOG_PRIOR, tau=tau, reduction="none"
    ).numpy()
    np.testing.assert_allclose(got, expected, rtol=1e-8, atol=1e-12)  # as above


@hypothesis_settings
@given(logits_arrays, class_arrays, st.sampled_from([0.0, 0.5, 2.0]))
def test_one_vs_rest_loss_is_equation_13_of_cui_2019(z, y, gamma):
    signed = np.where(np.arange(4) == y[:, None], z, -z)
    p_t = 1 / (1 + np.exp(-signed))
    expected = -WEIGHTS.numpy()[y] * ((1 - p_t) ** gamma * np.log(p_t)).sum(1)
    got = one_vs_rest_focal_loss(
        torch.tensor(z), torch.tensor(y), WEIGHTS, gamma=gamma, reduction="none"
    ).numpy()
    np.testing.assert_allclose(got, expected, rtol=1e-8, atol=1e-8)  # as for the focal loss


def test_soft_focal_loss_is_the_sum_over_the_classes():
    logits, shares = random_logits(6, 4), random_shares(6, 4)
    p = logits.softmax(1)
    close(
        focal_loss(logits, shares, WEIGHTS, gamma=2.0, reduction="none"),
        (shares * WEIGHTS * (1 - p) ** 2 * -p.log()).sum(1),
    )


# --- equal to torch where torch has the same loss ------------------------------------------


@pytest.mark.parametrize("soft", [False, True], ids=["hard", "soft"])
@pytest.mark.parametrize("shape", [(7,), (3, 5), (2, 3, 2)], ids=["flat", "line", "image"])
@pytest.mark.parametrize(
    "loss",
    [
        cross_entropy,
        partial(focal_loss, gamma=0.0),
        partial(logit_adjusted_cross_entropy, log_prior=LOG_PRIOR, tau=0.0),
        partial(logit_adjusted_cross_entropy, log_prior=torch.zeros(4)),
    ],
    ids=["cross-entropy", "focal-gamma-0", "adjusted-tau-0", "adjusted-uniform"],
)
def test_a_neutral_loss_is_cross_entropy(loss, shape, soft):
    logits = random_logits(shape[0], 4, *shape[1:])
    targets = random_shares(*logits.shape) if soft else random_classes(*shape)
    for reduction in ("none", "sum"):
        close(
            loss_and_gradient(loss, logits, targets, reduction=reduction),
            loss_and_gradient(F.cross_entropy, logits, targets, reduction=reduction),
        )


@pytest.mark.parametrize("smoothing", [0.0, 0.1], ids=["plain", "smoothed"])
@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
def test_the_weight_normalizer_is_that_of_torch(reduction, smoothing):
    logits, targets = random_logits(9, 4), random_classes(9)
    targets[3] = -100
    options = {"reduction": reduction, "label_smoothing": smoothing}
    close(
        loss_and_gradient(cross_entropy, logits, targets, WEIGHTS, normalizer="weight", **options),
        loss_and_gradient(F.cross_entropy, logits, targets, WEIGHTS, **options),
    )


@pytest.mark.parametrize("shape", [(6, 4), (3, 4, 2)], ids=["flat", "line"])
def test_binary_losses_without_focus_are_those_of_torch(shape):
    logits = random_logits(*shape)
    targets = (random_logits(*shape, seed=3) > 0).double()
    weight = WEIGHTS.reshape(-1, *[1] * (len(shape) - 2))
    reference = F.binary_cross_entropy_with_logits
    close(
        loss_and_gradient(weighted_bce_with_logits, logits, targets, WEIGHTS),
        loss_and_gradient(reference, logits, targets, pos_weight=weight),
    )
    close(
        loss_and_gradient(sigmoid_focal_loss, logits, targets, gamma=0.0, alpha=0.5),
        loss_and_gradient(reference, logits, targets, weight=torch.full_like(targets, 0.5)),
    )


def test_alpha_belongs_to_label_1():
    logits, targets = torch.zeros(2), torch.tensor([1, 0])
    losses = sigmoid_focal_loss(logits, targets, gamma=0.0, alpha=0.25, reduction="none")
    torch.testing.assert_close(losses, torch.tensor([0.25, 0.75]) * np.log(2))


# --- gradients ---------------------------------------------------------------------------------


@pytest.mark.parametrize("soft", [False, True], ids=["hard", "soft"])
@softmax_losses
def test_gradients_of_softmax_losses_match_differences(loss, soft):
    logits = random_logits(3, 4, 2).requires_grad_()
    targets = random_shares(3, 4, 2) if soft else random_classes(3, 2)
    weight = torch.tensor([0.5, 1.0, 2.0], dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda z: loss(z, targets, sample_weight=weight), logits)


@pytest.mark.parametrize("soft", [False, True], ids=["hard", "soft"])
@sigmoid_losses
def test_gradients_of_sigmoid_losses_match_differences(loss, soft):
    logits = random_logits(3, 4, 2).requires_grad_()
    shares = random_logits(3, 4, 2, seed=3).sigmoid()
    targets = shares if soft else shares.round().long()
    assert torch.autograd.gradcheck(lambda z: loss(z, targets), logits)


@pytest.mark.parametrize("gamma", [0.5, 2.0])
def test_the_focal_loss_has_second_derivatives(gamma):
    logits, targets = random_logits(3, 4).requires_grad_(), random_classes(3)
    assert torch.autograd.gradgradcheck(lambda z: focal_loss(z, targets, gamma=gamma), logits)


# --- the same however it is asked ---------------------------------------------------------


@softmax_losses
def test_one_hot_rows_equal_class_indices(loss):
    logits, targets = random_logits(6, 4, 3), random_classes(6, 3)
    rows = F.one_hot(targets, 4).movedim(-1, 1).double()
    for normalizer in ("count", "weight"):
        close(
            loss_and_gradient(loss, logits, rows, normalizer=normalizer),
            loss_and_gradient(loss, logits, targets, normalizer=normalizer),
        )


@softmax_losses
def test_more_dimensions_equal_the_flat_batch(loss):
    logits, targets = random_logits(2, 4, 3, 5), random_classes(2, 3, 5)
    flat = logits.movedim(1, -1).reshape(-1, 4)
    close(loss(logits, targets), loss(flat, targets.flatten()))
    close(
        loss(logits, targets, reduction="none"),
        loss(flat, targets.flatten(), reduction="none").reshape(2, 3, 5),
    )


@softmax_losses
def test_memory_layout_does_not_matter(loss):
    logits, targets = random_logits(4, 3, 6).transpose(1, 2)[:, 1:5], random_classes(3, 4).T
    assert not logits.is_contiguous()
    assert not targets.is_contiguous()
    close(loss(logits, targets), loss(logits.contiguous(), targets.contiguous()))


@hypothesis_settings
@given(logits_arrays, class_arrays, st.floats(-1e3, 1e3), gammas)
def test_a_shift_of_all_logits_changes_nothing(z, y, shift, gamma):
    logits, targets = torch.tensor(z), torch.tensor(y)
    for loss in (cross_entropy, partial(focal_loss, gamma=gamma)):
        got = loss_and_gradient(loss, logits + shift, targets)
        # Adding 1e3 rounds the logits themselves by 1e-13, times a slope of at most 1 + γ.
        close(got, loss_and_gradient(loss, logits, targets), rtol=1e-9, atol=1e-10)


@hypothesis_settings
@given(logits_arrays, class_arrays, st.permutations(range(4)), gammas)
def test_the_order_of_classes_does_not_matter(z, y, order, gamma):
    logits, targets, order = torch.tensor(z), torch.tensor(y), torch.tensor(order)
    for loss in (cross_entropy, partial(focal_loss, gamma=gamma)):
        close(
            loss(logits[:, order], order.argsort()[targets], WEIGHTS[order]),
            loss(logits, targets, WEIGHTS),
        )


@hypothesis_settings
@given(logits_arrays, st.integers(1, 4))
def test_a_mean_by_count_may_be_accumulated_in_parts(z, cut):
    logits, targets = torch.tensor(z), random_classes(5)
    parts = [
        focal_loss(logits[part], targets[part], WEIGHTS) * logits[part].shape[0] / 5
        for part in (slice(cut), slice(cut, None))
    ]
    close(sum(parts), focal_loss(logits, targets, WEIGHTS))


# --- ignored targets -------------------------------------------------------------------------

JUNK = pytest.mark.parametrize("junk", [0.0, 1e30, float("inf"), -float("inf"), float("nan")])


@JUNK
@softmax_losses
def test_ignored_logits_of_softmax_losses_do_not_matter(loss, junk):
    logits, targets = random_logits(5, 4), random_classes(5)
    kept = torch.tensor([0, 1, 3])
    expected, gradient = loss_and_gradient(loss, logits[kept], targets[kept])
    logits[[2, 4]], targets[[2, 4]] = junk, 255
    got, whole = loss_and_gradient(loss, logits, targets, ignore_index=255)
    close((got, whole[kept]), (expected, gradient))
    assert not whole[[2, 4]].any()


@JUNK
@sigmoid_losses
def test_ignored_logits_of_sigmoid_losses_do_not_matter(loss, junk):
    logits = random_logits(5, 4)
    targets = (random_logits(5, 4, seed=3) > 0).long()
    expected, gradient = loss_and_gradient(loss, logits[1:], targets[1:])
    logits[0], targets[0] = junk, -100
    got, whole = loss_and_gradient(loss, logits, targets)
    close((got, whole[1:]), (expected, gradient))
    assert not whole[0].any()


@pytest.mark.parametrize("normalizer", ["count", "weight"])
@pytest.mark.parametrize("n_samples", [0, 3], ids=["empty-batch", "all-ignored"])
def test_nothing_to_learn_from_is_a_loss_of_0_with_gradient_0(n_samples, normalizer):
    logits = torch.full((n_samples, 4), float("nan"))
    for losses, shape in ((SOFTMAX_LOSSES, (n_samples,)), (SIGMOID_LOSSES, (n_samples, 4))):
        targets = torch.full(shape, -100)
        for loss in losses.values():
            value, gradient = loss_and_gradient(loss, logits, targets, normalizer=normalizer)
            assert value == 0
            assert not gradient.any()


def test_masks_of_bytes_are_class_indices():
    logits = random_logits(3, 4)
    targets = torch.tensor([0, 156, 3], dtype=torch.uint8)  # 156 = -100 in a byte
    with pytest.raises(OptionError, match="expected classes 0 to 3, or -100 .*, got 156"):
        cross_entropy(logits, targets)
    close(
        cross_entropy(logits, targets, ignore_index=156),
        cross_entropy(logits[[0, 2]], torch.tensor([0, 3])),
    )


# --- weights of samples ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "shape", [(3,), (3, 1), (1, 5), (3, 5)], ids=["sample", "column", "row", "target"]
)
@pytest.mark.parametrize("normalizer", ["count", "weight"])
def test_sample_weights_multiply_and_count_by_the_normalizer(shape, normalizer):
    logits, targets = random_logits(3, 4, 5), random_classes(3, 5)
    weight = random_logits(*shape).exp()
    spread = weight.reshape(*shape, *[1] * (2 - len(shape))).expand(3, 5)
    weighted = focal_loss(logits, targets, WEIGHTS, reduction="none") * spread
    total = (spread * WEIGHTS[targets]).sum() if normalizer == "weight" else 15
    got = focal_loss(logits, targets, WEIGHTS, sample_weight=weight, normalizer=normalizer)
    close(got, weighted.sum() / total)


def test_the_weight_normalizer_of_sigmoid_losses_sums_what_multiplies_each_label():
    logits, targets = random_logits(5, 4), random_logits(5, 4, seed=3).sigmoid()
    ones = torch.zeros_like(logits)
    # At logits 0 every label costs log 2 times its weight, so the weighted mean is log 2.
    bce = weighted_bce_with_logits(ones, targets, WEIGHTS, normalizer="weight")
    focal = sigmoid_focal_loss(ones, targets, gamma=0.0, normalizer="weight")
    close(torch.stack([bce, focal]), torch.full((2,), np.log(2), dtype=torch.float64))


# --- what users may get wrong ------------------------------------------------------------------

Z, Y = torch.zeros(2, 3), torch.tensor([0, 2])
MISTAKES = {
    "column-targets": (lambda: focal_loss(Z, Y[:, None]), r"int64 \[2, 1\].*squeeze"),
    "float-indices": (lambda: focal_loss(Z, Y.float()), r"float32 \[2\].*\.long\(\)"),
    "int-one-hot": (lambda: cross_entropy(Z, F.one_hot(Y, 3)), r"int64 \[2, 3\].*\.float\(\)"),
    "bool-targets": (lambda: cross_entropy(Z, Y > 0), r"bool \[2\]"),
    "one-class": (lambda: cross_entropy(Z[:, :1], Y), r"C of at least 2.*sigmoid"),
    "flat-logits": (lambda: cross_entropy(Z[0], Y), r"\[N, C\]"),
    "int-logits": (lambda: cross_entropy(Y, Z), r"logits: expected a float.*order"),
    "int-sigmoid-logits": (lambda: sigmoid_focal_loss(Y, Y), r"logits: expected a float"),
    "sigmoid-column": (
        lambda: sigmoid_focal_loss(Z[:, 0], Y[:, None]),
        r"expected one a logit, \[2\], got int64 \[2, 1\].*squeeze",
    ),
    "bce-indices": (lambda: weighted_bce_with_logits(Z, Y), r"expected one a logit, \[2, 3\]"),
    "two-weights": (lambda: focal_loss(Z, Y, torch.ones(2)), r"class_weights.*\[3\].*\[2\]"),
    "scalar-weight": (lambda: focal_loss(Z, Y, torch.tensor(0.25)), r"class_weights.*\[3\]"),
    "two-priors": (lambda: logit_adjusted_cross_entropy(Z, Y, torch.ones(2)), r"log_prior"),
    "two-pos-weights": (
        lambda: weighted_bce_with_logits(Z, Z, torch.ones(2)),
        r"pos_weight: expected one value a class, \[3\]",
    ),
    "pos-weights-of-no-labels": (
        lambda: weighted_bce_with_logits(Z[0], Z[0], torch.ones(3)),
        r"pos_weight.*\[N, L\]",
    ),
    "tau": (
        lambda: logit_adjusted_cross_entropy(Z, Y, torch.zeros(3), tau=float("-inf")),
        r"tau: expected a finite number, got -inf",
    ),
    "gamma": (lambda: focal_loss(Z, Y, gamma=-1.0), r"gamma: expected .* at least 0, got -1"),
    "gamma-nan": (lambda: sigmoid_focal_loss(Z, Z, gamma=float("nan")), r"gamma: .* got nan"),
    "alpha": (lambda: sigmoid_focal_loss(Z, Z, alpha=1.5), r"alpha: .*\[0, 1\], got 1.5"),
    "smoothing": (lambda: cross_entropy(Z, Y, label_smoothing=2.0), r"label_smoothing: .*got 2"),
    "reduction": (lambda: cross_entropy(Z, Y, reduction="avg"), r"'mean', 'sum', 'none'.*'avg'"),
    "normalizer": (
        lambda: cross_entropy(Z, Y, normalizer="n"),
        r"'count', 'weight', 'positives' or a tensor, got 'n'",
    ),
    "sample-weight": (
        lambda: cross_entropy(Z, Y, sample_weight=torch.ones(3)),
        r"sample_weight: expected one weight a sample \[2\].*got \[3\]",
    ),
    "sample-weight-dims": (
        lambda: cross_entropy(Z, Y, sample_weight=torch.ones(2, 1)),
        r"sample_weight: .*got \[2, 1\]",
    ),
}


@pytest.mark.parametrize(("mistake", "message"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_told_with_what_was_expected(mistake, message):
    with pytest.raises(OptionError, match=message):
        mistake()
