"""Dice, Tversky and their kin: equal to the papers, steady where nothing is there, one batch."""

import gc
import math
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

import balancekit
from balancekit.errors import OptionError
from balancekit.losses.generalized_dice import GeneralizedDiceLoss, generalized_dice_loss
from balancekit.losses.overlap import (
    DiceLoss,
    FocalTverskyLoss,
    TverskyLoss,
    dice_loss,
    focal_tversky_loss,
    tversky_loss,
)
from balancekit.losses.unified_focal import UnifiedFocalLoss, unified_focal_loss

Loss = Callable[..., Tensor]

# float64: a few dozen operations in another order, each within 2e-16 of its result.
close = partial(torch.testing.assert_close, rtol=1e-10, atol=1e-12)

LOSSES: dict[str, Loss] = {
    "dice": dice_loss,
    "tversky": tversky_loss,
    "focal-tversky": focal_tversky_loss,
    "generalized-dice": generalized_dice_loss,
    "unified": unified_focal_loss,
    "unified-symmetric": partial(unified_focal_loss, symmetry="symmetric", gamma=0.3),
}
losses = pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
overs = pytest.mark.parametrize("over", ["sample", "batch"])
activations = pytest.mark.parametrize("activation", ["softmax", "sigmoid"])


def logits_of(*shape: int, seed: int = 0, scale: float = 2.0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return scale * torch.randn(*shape, dtype=torch.float64, generator=generator)


def targets_of(activation: str, shape: tuple[int, ...], seed: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    if activation == "sigmoid":
        return torch.randint(2, shape, generator=generator)
    return torch.randint(shape[1], (shape[0], *shape[2:]), generator=generator)


def gradient_of(loss: Loss, logits: Tensor, *args: object, **options: object) -> Tensor:
    logits = logits.detach().clone().requires_grad_()
    return torch.autograd.grad(loss(logits, *args, **options).sum(), logits)[0]


# --- equal to an independent evaluation of the papers ---------------------------------------


def numpy_sums(z: np.ndarray, t: np.ndarray, activation: str, over: str, ignored: np.ndarray):
    """TP, FP and FN as the papers write them, by loops over classes: [N, C] or [1, C]."""
    p = (
        np.exp(z) / np.exp(z).sum(1, keepdims=True)
        if activation == "softmax"
        else 1 / (1 + np.exp(-z))
    )
    p, t, kept = (a.reshape(*z.shape[:2], -1) for a in (p, t, np.broadcast_to(~ignored, z.shape)))
    rows = [[n] for n in range(len(z))] if over == "sample" else [list(range(len(z)))]
    tp, fp, fn = (np.zeros((len(rows), z.shape[1])) for _ in range(3))
    for r, samples in enumerate(rows):
        for c in range(z.shape[1]):
            for n in samples:
                pc, tc = p[n, c][kept[n, c]], t[n, c][kept[n, c]]
                tp[r, c] += (pc * tc).sum()
                fp[r, c] += (pc * (1 - tc)).sum()
                fn[r, c] += ((1 - pc) * tc).sum()
    return tp, fp, fn


def numpy_problem(activation: str, n_dims: int, seed: int = 0):
    """Logits, targets with a few ignored, the same one-hot, and which are ignored [N, C, …]."""
    shape = (3, 4, 6, 5)[: 2 + n_dims]
    logits = logits_of(*shape, seed=seed)
    targets = targets_of(activation, shape, seed + 1)
    out = torch.rand(targets.shape, generator=torch.Generator().manual_seed(seed + 2)) < 0.2
    ignored = out if activation == "sigmoid" else out.unsqueeze(1).expand(shape)
    onehot = targets if activation == "sigmoid" else F.one_hot(targets, 4).movedim(-1, 1)
    return logits, targets.masked_fill(out, 255), onehot.numpy(), ignored.numpy()


@activations
@overs
@pytest.mark.parametrize("n_dims", [0, 1, 2])
@pytest.mark.parametrize(
    ("loss", "alpha", "beta", "gamma"),
    [
        (dice_loss, 0.5, 0.5, 1.0),
        (tversky_loss, 0.3, 0.7, 1.0),
        (partial(tversky_loss, alpha=1.0, beta=1.0), 1.0, 1.0, 1.0),
        (focal_tversky_loss, 0.3, 0.7, 0.75),
        (partial(focal_tversky_loss, alpha=0.2, gamma=2.0), 0.2, 0.7, 2.0),
    ],
    ids=["dice", "tversky", "jaccard", "focal", "focal-flat"],
)
def test_each_class_has_the_ratio_of_the_paper(loss, alpha, beta, gamma, activation, over, n_dims):
    logits, targets, onehot, ignored = numpy_problem(activation, n_dims)
    tp, fp, fn = numpy_sums(logits.numpy(), onehot, activation, over, ignored)
    index = (tp + 0.1) / (tp + alpha * fp + beta * fn + 0.1)
    expected = (1 - index) ** gamma
    options = {"activation": activation, "over": over, "smooth": 0.1, "ignore_index": 255}
    counted = (tp + fp + fn) > 0
    close(loss(logits, targets, **options).item(), expected[counted].mean())
    each = loss(logits, targets, **options, reduction="none")
    close(each, torch.tensor(expected).squeeze(0) if over == "batch" else torch.tensor(expected))


@activations
@overs
def test_generalized_dice_is_the_formula_of_sudre_2017(activation, over):
    logits, targets, onehot, ignored = numpy_problem(activation, 2)
    tp, fp, fn = numpy_sums(logits.numpy(), onehot, activation, over, ignored)
    w = 1 / (tp + fn) ** 2
    expected = 1 - 2 * (w * tp).sum(1) / (w * (2 * tp + fp + fn)).sum(1)
    options = {"activation": activation, "over": over, "smooth": 0.0, "ignore_index": 255}
    close(generalized_dice_loss(logits, targets, **options).item(), expected.mean())


@activations
@overs
def test_weights_that_are_given_take_the_place_of_volumes(activation, over):
    logits, targets, onehot, ignored = numpy_problem(activation, 2)
    tp, fp, fn = numpy_sums(logits.numpy(), onehot, activation, over, ignored)
    w = np.array([0.25, 1.0, 0.0, 0.5])
    expected = 1 - (w * (2 * tp + 0.6)).sum(1) / (w * (2 * tp + fp + fn + 0.6)).sum(1)
    options = {"activation": activation, "over": over, "ignore_index": 255}
    # Pixels of the class with the largest weight: Σ w is 1.75 of it.
    loss = partial(generalized_dice_loss, logits, targets, **options, smooth=0.3 * w.sum())
    close(loss(torch.tensor(w)).item(), expected.mean())
    close(loss(torch.tensor(9 * w)).item(), expected.mean())
    assert loss(torch.zeros(4)) == 0


def test_volumes_of_one_picture_are_the_weights_of_it_by_default():
    logits, targets = logits_of(1, 4, 30), targets_of("softmax", (1, 4, 30))
    loss = GeneralizedDiceLoss.from_counts(targets.unique(return_counts=True)[1]).double()
    # The weights are kept in float32.
    torch.testing.assert_close(
        loss(logits, targets), generalized_dice_loss(logits, targets), rtol=1e-6, atol=0
    )


def numpy_unified(z, y, onehot, ignored, over, *, symmetric, share, delta, gamma, weights):
    """Yeung et al. 2022: asymmetric as printed (log p_c for their slip log p_r in eq. 20)."""
    w = np.array(weights)
    tp, fp, fn = numpy_sums(z, onehot, "softmax", over, ignored)
    index = tp / (tp + delta * fn + (1 - delta) * fp)
    region = (1 - index) ** (1 - gamma)
    if not symmetric:
        region[:, 0] = 1 - index[:, 0]
    p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
    pixels = np.zeros((len(z), 2))  # sum and count of each sample
    for n in range(len(z)):
        for place in np.ndindex(*z.shape[2:]):
            if ignored[(n, 0, *place)]:
                continue
            c = y[(n, *place)]
            pc = p[(n, c, *place)]
            focus = (1 - pc) ** gamma if symmetric or c == 0 else 1.0
            pixels[n] += [w[c] * (1 - delta if c == 0 else delta) * focus * -np.log(pc), w[c]]
    pixels = pixels.sum(0, keepdims=True) if over == "batch" else pixels
    region = (w * region).sum(1) / w.sum()
    return (share * pixels[:, 0] / pixels[:, 1] + (1 - share) * region).mean()


@overs
@pytest.mark.parametrize("weights", [None, [0.5, 1, 4, 0]], ids=["plain", "weighted"])
@pytest.mark.parametrize("symmetric", [True, False], ids=["symmetric", "asymmetric"])
@pytest.mark.parametrize(
    ("share", "delta", "gamma"), [(0.5, 0.6, 0.5), (0.2, 0.7, 0.3), (1, 0.5, 0)]
)
def test_unified_focal_is_the_formula_of_yeung_2022(over, symmetric, share, delta, gamma, weights):
    logits, targets, onehot, ignored = numpy_problem("softmax", 2)
    parameters = {"delta": delta, "gamma": gamma}
    expected = numpy_unified(
        logits.numpy(),
        targets.numpy(),
        onehot,
        ignored,
        over,
        symmetric=symmetric,
        share=share,
        weights=weights or [1, 1, 1, 1],
        **parameters,
    )
    got = unified_focal_loss(
        logits,
        targets,
        None if weights is None else torch.tensor(weights),
        symmetry="symmetric" if symmetric else "asymmetric",
        cross_entropy_share=share,
        smooth=0.0,
        over=over,
        ignore_index=255,
        **parameters,
    )
    close(got.item(), expected)


@overs
@pytest.mark.parametrize("symmetry", ["symmetric", "asymmetric"])
def test_unified_focal_of_one_sigmoid_is_that_of_a_softmax_over_two(over, symmetry):
    logits = logits_of(3, 1, 7)
    labels = targets_of("sigmoid", (3, 1, 7))
    both = torch.cat([torch.zeros_like(logits), logits], 1)
    options = {"symmetry": symmetry, "over": over, "gamma": 0.3}
    one = unified_focal_loss(logits, labels, activation="sigmoid", **options)
    close(one, unified_focal_loss(both, labels.squeeze(1), **options))


@overs
def test_weights_of_unified_focal_are_of_soft_targets_and_labels_too(over):
    logits, targets = logits_of(3, 4, 6), targets_of("softmax", (3, 4, 6))
    loss = partial(unified_focal_loss, logits, over=over)
    weights = torch.tensor([0.5, 1.0, 4.0, 0.0])
    close(loss(F.one_hot(targets, 4).movedim(-1, 1).double(), weights), loss(targets, weights))
    close(loss(targets, 3 * weights), loss(targets, weights))
    labels, options = targets_of("sigmoid", (3, 2, 6)), {"over": over, "activation": "sigmoid"}
    both = unified_focal_loss(logits[:, :2], labels, torch.tensor([0.0, 3.0]), **options)
    close(both, unified_focal_loss(logits[:, 1:2], labels[:, 1:], **options))


@losses
@overs
@activations
def test_gradients_are_right(loss, over, activation):
    logits, targets, _, _ = numpy_problem(activation, 1)
    options = {"over": over, "activation": activation, "ignore_index": 255}
    soft = torch.rand(3, 4, 6, generator=torch.Generator().manual_seed(5)).double()
    soft = soft / soft.sum(1, keepdim=True) if activation == "softmax" else soft
    for aim in (targets, soft):
        torch.autograd.gradcheck(
            partial(loss, targets=aim, **options), logits.clone().requires_grad_()
        )


# --- by hand ---------------------------------------------------------------------------------


def sure(probability: float) -> float:
    return math.log(probability / (1 - probability))


def test_a_case_by_hand():
    # One label, p = .8 .6 .1 against 1 0 1: TP .9, FP .6, FN 1.1.
    logits = torch.tensor([[[sure(0.8), sure(0.6), sure(0.1)]]], dtype=torch.float64)
    labels = torch.tensor([[[1, 0, 1]]])
    options = {"activation": "sigmoid", "smooth": 0.0}
    close(dice_loss(logits, labels, **options).item(), 1 - 1.8 / 3.5)
    close(tversky_loss(logits, labels, **options).item(), 1 - 0.9 / (0.9 + 0.18 + 0.77))
    close(
        focal_tversky_loss(logits, labels, **options, gamma=0.5).item(),
        (1 - 0.9 / (0.9 + 0.18 + 0.77)) ** 0.5,
    )


def test_alpha_weighs_false_positives_and_beta_false_negatives():
    too_much = torch.tensor([[[9.0, 9.0, -9.0]]])
    too_little = torch.tensor([[[9.0, -9.0, -9.0]]])
    loss = partial(tversky_loss, activation="sigmoid")
    assert loss(too_much, torch.tensor([[[1, 0, 0]]])) < 0.24
    assert loss(too_little, torch.tensor([[[1, 1, 0]]])) > 0.4


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [1, 1, 0]),
        ({"absent": "skip"}, [0, 1, 0]),
        ({"smooth": 4.0}, [0.2, 0.2, 0]),  # ½·2 errors, no hits, 4 pixels of smoothing
        ({"smooth": 0.0}, [1, 1, 0]),
    ],
    ids=["counted", "skipped", "smooth", "not-smooth"],
)
def test_a_class_without_targets_costs_what_is_predicted_of_it(options, expected):
    # Two pixels said to be of class 0, which no target has; two of class 1; none of class 2.
    logits = torch.full((1, 3, 2), -1e4)
    logits[:, 0] = 1e4
    targets = torch.tensor([[1, 1]])
    each = dice_loss(logits, targets, reduction="none", **options)
    torch.testing.assert_close(each, torch.tensor([expected]).float(), rtol=1e-5, atol=1e-7)
    n = 1 if "absent" in options else 3
    mean = dice_loss(logits, targets, **options)
    torch.testing.assert_close(mean, each.sum() / n)


def test_what_has_no_pixels_is_left_out_of_the_mean():
    logits = logits_of(2, 3, 4)
    targets = torch.tensor([[0, 1, 2, 1], [-100] * 4])
    close(dice_loss(logits, targets), dice_loss(logits[:1], targets[:1]))
    close(unified_focal_loss(logits, targets), unified_focal_loss(logits[:1], targets[:1]))
    close(generalized_dice_loss(logits, targets), generalized_dice_loss(logits[:1], targets[:1]))


def test_class_weights_make_a_weighted_mean_and_zero_leaves_a_class_out():
    logits, targets = logits_of(3, 4, 6), targets_of("softmax", (3, 4, 6))
    each = dice_loss(logits, targets, reduction="none")
    weights = torch.tensor([0.0, 1.0, 2.0, 5.0], dtype=torch.float64)
    weighted = (each * weights).sum(1).mean() / 8
    close(dice_loss(logits, targets, weights), weighted)
    close(dice_loss(logits, targets, 3 * weights), weighted)
    without = dice_loss(logits, targets, include_background=False)
    close(without, dice_loss(logits, targets, torch.tensor([0, 1, 1, 1])))
    close(without, each[:, 1:].mean())
    assert dice_loss(logits, targets, include_background=False, reduction="none").shape == (3, 3)


@losses
def test_sample_weights_multiply_losses_and_over_the_batch_what_samples_add(loss):
    logits, targets = logits_of(3, 4, 6), targets_of("softmax", (3, 4, 6))
    weights = torch.tensor([1.0, 0.0, 2.0])
    apart = torch.stack([loss(logits[n : n + 1], targets[n : n + 1]) for n in range(3)])
    close(loss(logits, targets, sample_weight=weights), (apart[0] + 2 * apart[2]) / 3)
    twice = [0, 2, 2]
    close(
        loss(logits, targets, sample_weight=weights, over="batch"),
        loss(logits[twice], targets[twice], over="batch"),
    )


# --- equal to MONAI where it is right --------------------------------------------------------


@pytest.fixture(scope="module")
def monai():
    # Here, not above: it is slow to import, and the processes below import this file.
    return pytest.importorskip("monai.losses")


@activations
@pytest.mark.parametrize("batch", [False, True])
@pytest.mark.parametrize("include_background", [False, True])
def test_equal_to_monai(monai, activation, batch, include_background):
    logits, targets = logits_of(3, 4, 6, 5), targets_of(activation, (3, 4, 6, 5))
    theirs = targets if activation == "sigmoid" else F.one_hot(targets, 4).movedim(-1, 1)
    shared = {activation: True, "batch": batch, "include_background": include_background}
    ours = {
        "activation": activation,
        "over": "batch" if batch else "sample",
        "include_background": include_background,
    }
    dice = monai.DiceLoss(**shared, smooth_nr=0.2, smooth_dr=0.2)
    # Theirs has 2·TP + smooth above: twice our smoothing.
    close(dice_loss(logits, targets, **ours, smooth=0.1), dice(logits, theirs))
    tversky = monai.TverskyLoss(**shared, alpha=0.3, beta=0.7, smooth_nr=0.2, smooth_dr=0.2)
    close(tversky_loss(logits, targets, **ours, smooth=0.2), tversky(logits, theirs))


@pytest.mark.parametrize("batch", [False, True])
def test_generalized_dice_equals_monai(monai, batch):
    logits, targets = logits_of(3, 4, 6, 5), targets_of("softmax", (3, 4, 6, 5))
    theirs = monai.GeneralizedDiceLoss(softmax=True, batch=batch, smooth_nr=0, smooth_dr=0)
    expected = theirs(logits, F.one_hot(targets, 4).movedim(-1, 1))
    over = "batch" if batch else "sample"
    got = generalized_dice_loss(logits, targets, over=over, smooth=0.0)
    torch.testing.assert_close(got, expected, rtol=1e-6, atol=0)  # its weights are float32


@pytest.mark.parametrize("loss", ["Dice", "Tversky"])
def test_soft_targets_equal_the_semimetric_of_monai_and_not_its_default(monai, loss):
    # Products of soft targets and predictions are smallest at 0 or 1: Wang et al. 2023.
    logits = logits_of(3, 4, 6, 5)
    soft = logits_of(3, 4, 6, 5, seed=9).softmax(1)
    ours = {"Dice": dice_loss, "Tversky": partial(tversky_loss, alpha=0.5, beta=0.5)}[loss]
    kind = getattr(monai, f"{loss}Loss")
    none = {"smooth_nr": 0, "smooth_dr": 0, "softmax": True}
    got = ours(logits, soft, smooth=0.0)
    close(got, kind(soft_label=True, **none)(logits, soft))
    assert (got - kind(soft_label=False, **none)(logits, soft)).abs() > 0.01
    assert ours(soft.log(), soft, smooth=0.0) < 1e-12


def test_unified_focal_equals_monai_but_for_the_sum_over_classes(monai):
    logits, targets = logits_of(3, 2, 6, 5), targets_of("softmax", (3, 2, 6, 5))
    theirs = monai.AsymmetricUnifiedFocalLoss(gamma=0.3, delta=0.7, weight=0.5)
    onehot = F.one_hot(targets, 2).movedim(-1, 1)
    p = logits.softmax(1)
    # MONAI means the cross-entropy over two channels, of which one is 0 at each pixel: half.
    expected = theirs(p, onehot) + 0.5 * theirs.asy_focal_loss(p, onehot)
    got = unified_focal_loss(logits, targets, gamma=0.3, delta=0.7, smooth=1e-7)
    torch.testing.assert_close(got, expected, rtol=1e-6, atol=0)  # it clamps p at 1e-7


# --- what does not matter --------------------------------------------------------------------


@losses
@overs
def test_one_hot_equals_index_and_shape_and_shift_do_not_matter(loss, over):
    loss = partial(loss, over=over)
    logits, targets = logits_of(3, 4, 6, 5), targets_of("softmax", (3, 4, 6, 5))
    expected = loss(logits, targets)
    close(loss(logits, F.one_hot(targets, 4).movedim(-1, 1).double()), expected)
    close(loss(logits.flatten(2), targets.flatten(1)), expected)
    close(loss(logits + logits_of(3, 1, 6, 5, seed=3), targets), expected)
    strided = logits.movedim(1, -1).contiguous().movedim(-1, 1)
    close(loss(strided, targets), expected)
    close(loss(logits, targets.to(torch.uint8)), expected)


@pytest.mark.parametrize("loss", list(LOSSES.values())[:4], ids=list(LOSSES)[:4])
@overs
def test_the_order_of_classes_does_not_matter(loss, over):
    logits, targets = logits_of(3, 4, 6), targets_of("softmax", (3, 4, 6))
    order = torch.tensor([2, 0, 3, 1])
    close(
        loss(logits[:, order], order.argsort()[targets], over=over),
        loss(logits, targets, over=over),
    )


@losses
@overs
@activations
@pytest.mark.parametrize("garbage", [math.inf, -math.inf, math.nan, 1e30])
def test_ignored_logits_do_not_count_whatever_they_are(loss, over, activation, garbage):
    logits, targets, _, ignored = numpy_problem(activation, 2)
    options = {"over": over, "activation": activation, "ignore_index": 255}
    spoilt = torch.where(torch.tensor(ignored), garbage, logits)
    close(loss(spoilt, targets, **options), loss(logits, targets, **options))
    gradient = gradient_of(loss, spoilt, targets, **options)
    close(gradient, gradient_of(loss, logits, targets, **options))
    assert not gradient[torch.tensor(ignored)].any()


@losses
@overs
@activations
def test_all_ignored_gives_zero_and_zero_gradient(loss, over, activation):
    logits = torch.full((2, 3, 4), math.nan)
    targets = torch.full((2, 3, 4) if activation == "sigmoid" else (2, 4), -100)
    for smooth in (1e-5, 0.0):
        options = {"over": over, "activation": activation, "smooth": smooth}
        options["sample_weight"] = torch.tensor([math.nan, 1.0])
        assert loss(logits, targets, **options) == 0
        assert not gradient_of(loss, logits, targets, **options).any()


@losses
@overs
def test_an_empty_batch_costs_nothing(loss, over):
    logits, targets = torch.zeros(0, 3, 4), torch.zeros(0, 4, dtype=torch.long)
    assert loss(logits, targets, over=over) == 0


# --- numbers ---------------------------------------------------------------------------------


@losses
@overs
@activations
@pytest.mark.parametrize(
    "dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16], ids=str
)
@pytest.mark.parametrize("smooth", [0.0, 1e-5, 1.0])
def test_losses_and_gradients_are_finite_at_any_logits(loss, over, activation, dtype, smooth):
    values = torch.tensor([-1e4, -60, 0, 60, 1e4], dtype=dtype)
    logits = torch.cartesian_prod(values, values, values).T.unsqueeze(0)  # [1, 3, 125]
    logits = torch.cat([logits, torch.full_like(logits, 1e4), logits * 0])
    options = {"over": over, "activation": activation, "smooth": smooth}
    for seed in range(3):
        targets = targets_of(activation, tuple(logits.shape), seed)
        value = loss(logits, targets, **options)
        assert value.isfinite()
        assert value.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
        gradient = gradient_of(loss, logits, targets, **options)
        assert gradient.isfinite().all()
        assert gradient.dtype == dtype


@pytest.mark.parametrize("gamma", [0.25, 0.75, 2.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("gap", [0.0, 5.0, 20.0, 60.0, 200.0, 1e3, 1e4])
def test_the_gradient_is_finite_and_small_where_all_is_right(gamma, dtype, gap):
    logits = gap * torch.tensor([[[1.0, 1.0, -1.0], [-1.0, -1.0, 1.0]]], dtype=dtype)
    targets = torch.tensor([[0, 0, 1]])
    gradient = gradient_of(focal_tversky_loss, logits, targets, gamma=gamma)
    assert gradient.isfinite().all()
    assert gradient.abs().max() <= 1
    # Downhill is onwards, as long as the error is above the least number.
    error = math.exp(-2 * gap * max(gamma, 1))
    if gap > 0 and error > torch.finfo(dtype).tiny * 1e3:
        assert (gradient * logits).max() < 0


def test_float32_keeps_the_digits_of_a_class_that_is_nearly_right():
    logits = 20 * torch.tensor([[[1.0, 1.0, -1.0], [-1.0, -1.0, 1.0]]])
    targets = torch.tensor([[0, 0, 1]])
    for activation in ("softmax", "sigmoid"):
        aim = targets if activation == "softmax" else F.one_hot(targets, 2).movedim(-1, 1)
        options = {"gamma": 0.75, "smooth": 0.0, "activation": activation}
        wide = focal_tversky_loss(logits.double(), aim, **options)
        narrow = focal_tversky_loss(logits, aim, **options)
        # 1 - p is 4e-18: the error of its exponent, 40·6e-8, and a few roundings.
        torch.testing.assert_close(narrow.double(), wide, rtol=1e-5, atol=0)


def test_sums_over_many_pixels_do_not_overflow_half_precision():
    logits = torch.zeros(1, 2, 1 << 18, dtype=torch.float16)
    targets = torch.zeros(1, 1 << 18, dtype=torch.long)
    loss = dice_loss(logits, targets, reduction="none")
    torch.testing.assert_close(loss, torch.tensor([[1 / 3, 1.0]]))


@settings(max_examples=60)
@given(
    st.lists(st.lists(st.floats(-1e4, 1e4, width=32), min_size=6, max_size=6), min_size=1),
    st.floats(0, 3),
    st.floats(0.01, 3),
    st.floats(0, 10),
)
def test_every_loss_lies_between_0_and_1(z, alpha, beta, smooth):
    logits = torch.tensor(z).reshape(len(z), 3, 2)
    targets = torch.tensor([[0, 1]]).expand(len(z), 2)
    options = {"alpha": alpha, "beta": beta, "smooth": smooth, "reduction": "none"}
    each = focal_tversky_loss(logits, targets, **options, gamma=0.5)
    assert ((each >= 0) & (each <= 1)).all()


@losses
def test_no_value_is_looked_at(loss):
    # Tensors on the meta device have no values: reading one raises.
    logits = torch.ones(2, 3, 4, device="meta", requires_grad=True)
    weight = torch.ones(2, device="meta")
    hard = torch.ones(2, 4, dtype=torch.long, device="meta")
    for over in ("sample", "batch"):
        loss(logits, hard, over=over, sample_weight=weight).backward()
        loss(logits, hard.unsqueeze(1).expand(2, 3, 4), over=over, activation="sigmoid").backward()


@losses
def test_losses_compile_into_one_graph(loss):
    logits, targets = logits_of(3, 4, 6), targets_of("softmax", (3, 4, 6))
    compiled = torch.compile(partial(loss, over="batch"), fullgraph=True, backend="aot_eager")
    close(compiled(logits, targets), loss(logits, targets, over="batch"))
    torch._dynamo.reset()


@losses
def test_losses_can_be_mapped_and_differentiated_by_torch_func(loss):
    logits, targets = logits_of(3, 2, 4, 6), targets_of("softmax", (3, 4, 2, 6))
    mapped = torch.func.vmap(torch.func.grad(loss))(logits, targets)
    apart = [gradient_of(loss, a, b) for a, b in zip(logits, targets, strict=True)]
    close(mapped, torch.stack(apart))


def test_autocast_does_not_change_the_loss():
    logits, targets = logits_of(3, 4, 6).float(), targets_of("softmax", (3, 4, 6))
    for loss in LOSSES.values():
        with torch.autocast("cpu", dtype=torch.bfloat16):
            cast = loss(logits, targets)
        torch.testing.assert_close(cast, loss(logits, targets), rtol=0, atol=0)


# --- two processes ---------------------------------------------------------------------------


def ddp_gradients(rank: int) -> dict[tuple[str, str], tuple[Tensor, Tensor]]:
    """Each rank has its part of the batch, of another size and with other ignored pixels."""
    logits, targets, _, _ = numpy_problem("softmax", 2)
    weights = torch.tensor([1.0, 0.5, 2.0], dtype=torch.float64)
    mine = slice(0, 1) if rank == 0 else slice(1, 3)
    found = {}
    for name in LOSSES:
        for over in ("batch", "sample"):
            model = nn.parallel.DistributedDataParallel(one_by_one())
            value = LOSSES[name](
                model(logits[mine]),
                targets[mine],
                over=over,
                ignore_index=255,
                sample_weight=weights[mine],
                sync="auto",
            )
            value.backward()
            total = value.detach().clone()
            torch.distributed.all_reduce(total)
            found[name, over] = (total / 2, model.module.weight.grad.clone())
    # Nothing of the group may be left to threads when it is taken down.
    del model, value
    gc.collect()
    torch.distributed.barrier()
    return found


def one_by_one() -> nn.Conv2d:
    torch.manual_seed(0)
    return nn.Conv2d(4, 4, 1, bias=False).double()


def test_two_processes_equal_one_large_batch(two_ranks):
    logits, targets, _, _ = numpy_problem("softmax", 2)
    weights = torch.tensor([1.0, 0.5, 2.0], dtype=torch.float64)
    for found in two_ranks(ddp_gradients):
        for (name, over), (value, gradient) in found.items():
            model = one_by_one()
            options = {"over": over, "ignore_index": 255, "sample_weight": weights}
            expected = LOSSES[name](model(logits), targets, **options)
            expected.backward()
            close(value, expected.detach(), msg=f"{name} over {over}")
            close(gradient, model.weight.grad, msg=f"{name} over {over}")


# --- as modules ------------------------------------------------------------------------------

MODULES: dict[str, tuple[nn.Module, Loss]] = {
    "dice": (DiceLoss(over="batch", smooth=0.5), partial(dice_loss, over="batch", smooth=0.5)),
    "dice-weighted": (
        DiceLoss([1, 2, 3, 4.0], include_background=False),
        partial(dice_loss, class_weights=torch.tensor([1, 2, 3, 4.0]), include_background=False),
    ),
    "tversky": (TverskyLoss(alpha=0.2, beta=0.9), partial(tversky_loss, alpha=0.2, beta=0.9)),
    "focal-tversky": (
        FocalTverskyLoss(gamma=0.5, absent="skip"),
        partial(focal_tversky_loss, gamma=0.5, absent="skip"),
    ),
    "generalized-dice": (
        GeneralizedDiceLoss(reduction="sum"),
        partial(generalized_dice_loss, reduction="sum"),
    ),
    "generalized-dice-weighted": (
        GeneralizedDiceLoss([1, 2, 3, 4.0], over="batch"),
        partial(generalized_dice_loss, class_weights=torch.tensor([1, 2, 3, 4.0]), over="batch"),
    ),
    "unified-weighted": (
        UnifiedFocalLoss([1, 2, 3, 4.0], absent="skip"),
        partial(unified_focal_loss, class_weights=torch.tensor([1, 2, 3, 4.0]), absent="skip"),
    ),
    "unified": (
        UnifiedFocalLoss(symmetry="symmetric", cross_entropy_share=0.3, delta=0.7, gamma=0.2),
        partial(
            unified_focal_loss, symmetry="symmetric", cross_entropy_share=0.3, delta=0.7, gamma=0.2
        ),
    ),
}
modules = pytest.mark.parametrize(("module", "loss"), MODULES.values(), ids=MODULES)


@modules
def test_modules_are_their_functions(module, loss):
    logits, targets = logits_of(3, 4, 6), targets_of("softmax", (3, 4, 6))
    weights = torch.tensor([1.0, 2.0, 0.5])
    close(module(logits, targets), loss(logits, targets))
    close(
        module(logits, targets, sample_weight=weights), loss(logits, targets, sample_weight=weights)
    )


@modules
def test_modules_compile_and_say_what_they_are(module, loss):
    logits, targets = logits_of(3, 4, 6), targets_of("softmax", (3, 4, 6))
    compiled = torch.compile(module, fullgraph=True, backend="aot_eager")
    close(compiled(logits, targets), loss(logits, targets))
    torch._dynamo.reset()
    for name, value in module.options.items():
        assert f"{name}={value!r}" in repr(module)


@pytest.mark.parametrize("kind", [DiceLoss, TverskyLoss, FocalTverskyLoss, UnifiedFocalLoss])
def test_weights_from_counts_are_none_unless_asked_for(kind):
    logits, targets = logits_of(3, 4, 6), targets_of("softmax", (3, 4, 6))
    counts = [1000, 100, 10, 0]
    close(kind.from_counts(counts)(logits, targets), kind()(logits, targets))
    loss = kind.from_counts(counts, exponent=1.0, over="batch")
    assert list(loss.state_dict()) == ["class_weights"]
    ratio = loss.class_weights / loss.class_weights[0]
    torch.testing.assert_close(ratio, torch.tensor([1.0, 10.0, 100.0, 1000.0]))
    assert loss.to(torch.float64).class_weights.dtype == torch.float64
    from_stats = kind.from_stats(balancekit.analyze([0] * 8 + [1] * 2), exponent=1.0)
    torch.testing.assert_close(from_stats.class_weights, torch.tensor([0.625, 2.5]))


def test_generalized_dice_from_counts_has_the_weights_of_all_the_data():
    loss = GeneralizedDiceLoss.from_counts([1000, 100, 0], over="batch")
    assert GeneralizedDiceLoss().class_weights is None
    ratio = loss.class_weights / loss.class_weights[2]
    torch.testing.assert_close(ratio, torch.tensor([1e-6, 1e-4, 1.0]))
    gentle = GeneralizedDiceLoss.from_counts([1000, 100], exponent=1.0).class_weights
    torch.testing.assert_close(gentle[1] / gentle[0], torch.tensor(10.0))


LOGITS, CLASSES = torch.zeros(2, 3, 4), torch.zeros(2, 4, dtype=torch.long)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: dice_loss(LOGITS, CLASSES, over="pixel"), "over: expected 'sample' or 'batch'"),
        (lambda: DiceLoss(over="pixel"), "over: expected 'sample' or 'batch', got 'pixel'"),
        (lambda: DiceLoss(smoth=1), "options .*activation.*got smoth. Did you mean 'smooth'"),
        (lambda: DiceLoss(reduction="avg"), "reduction: expected one of .* got 'avg'"),
        (lambda: GeneralizedDiceLoss(absent="skip"), "got absent"),
        (lambda: DiceLoss(sync="all"), "sync: expected 'none', 'auto' or a process group"),
        (lambda: dice_loss(LOGITS, CLASSES, sync="all"), "sync: expected 'none', 'auto'"),
        (lambda: dice_loss(LOGITS, CLASSES, smooth=-1), "smooth: expected a number of at least 0"),
        (lambda: tversky_loss(LOGITS, CLASSES, alpha=-1), "alpha: expected .* got -1"),
        (lambda: TverskyLoss(alpha=0, beta=0), "alpha, beta: expected one above 0"),
        (lambda: FocalTverskyLoss(gamma=0), "gamma: expected .* at least 0.01, got 0"),
        (lambda: UnifiedFocalLoss(gamma=1), r"gamma: expected a number in \[0, 1\), got 1"),
        (lambda: UnifiedFocalLoss(delta=2), r"delta: expected a number in \[0, 1\], got 2"),
        (lambda: UnifiedFocalLoss(symmetry="both"), "symmetry: expected 'asymmetric' or"),
        (lambda: dice_loss(LOGITS, CLASSES, torch.ones(2)), r"class_weights: .*\[3\] for logits"),
        (lambda: dice_loss([[1, 2]], CLASSES, torch.ones(2)), "logits: expected a tensor"),
        (lambda: GeneralizedDiceLoss([1, 1])(LOGITS, CLASSES), r"class_weights: .*, got \[2\]"),
        (lambda: UnifiedFocalLoss([1, 1])(LOGITS, CLASSES), r"class_weights: .*, got \[2\]"),
        (lambda: DiceLoss([1, -1]), "class_weights: expected a number of at least 0, got -1"),
        (
            lambda: dice_loss(LOGITS, CLASSES, sample_weight=torch.ones(2, 4)),
            r"sample_weight: expected one weight a sample, \[2\], got \[2, 4\]",
        ),
        (
            lambda: dice_loss(LOGITS[:, 0, 0], CLASSES[:, 0], activation="sigmoid"),
            r"logits: expected \[N, L\] .*unsqueeze\(1\)",
        ),
        (
            lambda: dice_loss(
                LOGITS[:, :1], CLASSES[:, None], activation="sigmoid", include_background=False
            ),
            "include_background: expected True for one label",
        ),
        (lambda: dice_loss(LOGITS[:, :1], CLASSES), "take a sigmoid loss"),
        (lambda: dice_loss(LOGITS, CLASSES[:1]), "targets: expected class indices"),
    ],
)
def test_what_does_not_fit_is_refused(call, message):
    with pytest.raises(OptionError, match=message):
        call()
