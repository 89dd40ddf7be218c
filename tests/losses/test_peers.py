"""Equal to other libraries where these are right; where they are not, what they give.

torchvision and timm cannot be imported beside the CPU build of torch: what they compute is
written out here.
"""

from collections.abc import Callable
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from balancekit.losses import FocalLoss, SigmoidFocalLoss, focal_loss, sigmoid_focal_loss
from balancekit.losses.asymmetric import asymmetric_loss
from tests.losses.cases import WEIGHTS, close, loss_and_gradient, random_logits, rows_of

GAMMAS = pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0, 5.0])
SHAPES = pytest.mark.parametrize("shape", [(7, 4), (2, 4, 3, 5)], ids=["flat", "image"])
# MONAI makes its logits float32, and 1 - exp(log p) has their digits: 6e-8 of 1, to a power.
close_in_float32 = partial(torch.testing.assert_close, rtol=1e-4, atol=2e-6)


@pytest.fixture(scope="module")
def monai():
    return pytest.importorskip("monai.losses")


@pytest.fixture(scope="module")
def imbalanced():
    return pytest.importorskip("imbalanced_losses")


def classes_of(*shape: int) -> Tensor:
    return random_logits(*shape, seed=1).argmax(1)


def labels_of(*shape: int) -> Tensor:
    return (random_logits(*shape, seed=1) > 0).double()


# --- MONAI 1.4 to 1.6 ---------------------------------------------------------------------------


@SHAPES
@GAMMAS
def test_the_softmax_focal_loss_of_monai(monai, shape, gamma):
    logits, targets = random_logits(*shape).float(), classes_of(*shape)
    theirs = monai.FocalLoss(
        gamma=gamma, weight=WEIGHTS.float(), use_softmax=True, reduction="none"
    )
    # Theirs keeps the classes apart: the loss of a target is their sum.
    close_in_float32(
        loss_and_gradient(focal_loss, logits, targets, WEIGHTS, gamma=gamma, reduction="none"),
        loss_and_gradient(lambda z: theirs(z, rows_of(targets)).sum(1), logits),
    )


@SHAPES
@GAMMAS
@pytest.mark.parametrize("alpha", [None, 0.25])
def test_the_sigmoid_focal_loss_of_monai(monai, shape, gamma, alpha):
    logits, targets = random_logits(*shape).float(), labels_of(*shape)
    theirs = monai.FocalLoss(gamma=gamma, alpha=alpha)
    close_in_float32(
        loss_and_gradient(sigmoid_focal_loss, logits, targets, gamma=gamma, alpha=alpha),
        loss_and_gradient(theirs, logits, targets),
    )


def test_monai_divides_by_classes_and_pixels_where_we_divide_by_targets(monai):
    logits, targets = random_logits(2, 4, 3).float(), classes_of(2, 4, 3)
    mean = monai.FocalLoss(use_softmax=True)(logits, rows_of(targets))
    close_in_float32(4 * mean, focal_loss(logits, targets))
    # Their "sum" is of means over pixels.
    total = monai.FocalLoss(use_softmax=True, reduction="sum")(logits, rows_of(targets))
    close_in_float32(3 * total, focal_loss(logits, targets, reduction="sum"))


# --- imbalanced-losses 0.6 ----------------------------------------------------------------------


@SHAPES
@GAMMAS
def test_the_softmax_focal_loss_of_imbalanced_losses(imbalanced, shape, gamma):
    logits, targets = random_logits(*shape), classes_of(*shape)
    targets[1] = -100
    for reduction in ("none", "sum", "mean"):
        theirs = imbalanced.SoftmaxFocalLoss(WEIGHTS, gamma, reduction)
        close(
            loss_and_gradient(
                focal_loss, logits, targets, WEIGHTS, gamma=gamma, reduction=reduction
            ),
            loss_and_gradient(theirs, logits, targets),
            rtol=1e-8,  # 1 - p at the surest target, 1e-6, is right to 1e-10
        )


def test_options_of_imbalanced_losses_have_their_names_here(imbalanced):
    logits, targets = random_logits(9, 4), classes_of(9, 4)
    weight = random_logits(9, seed=2).exp()
    by_weight = imbalanced.SoftmaxFocalLoss()(logits, targets, sample_weight=weight)
    close(focal_loss(logits, targets, sample_weight=weight, normalizer="weight"), by_weight)
    by_positives = imbalanced.SoftmaxFocalLoss(reduction="mean_positive")(logits, targets)
    close(focal_loss(logits, targets, normalizer=(targets != 0).sum()), by_positives)


@SHAPES
@GAMMAS
@pytest.mark.parametrize("alpha", [None, 0.25])
def test_the_sigmoid_focal_loss_of_imbalanced_losses(imbalanced, shape, gamma, alpha):
    logits, targets = random_logits(*shape), labels_of(*shape)
    theirs = imbalanced.SigmoidFocalLoss(-1 if alpha is None else alpha, gamma)
    close(
        loss_and_gradient(sigmoid_focal_loss, logits, targets, gamma=gamma, alpha=alpha),
        loss_and_gradient(theirs, logits, targets),
        rtol=1e-8,  # as above
    )


# --- formulas of torchvision and timm -----------------------------------------------------------


def torchvision_focal(logits: Tensor, targets: Tensor, alpha: float, gamma: float) -> Tensor:
    """torchvision.ops.sigmoid_focal_loss (0.16 to 0.22), reduction "none"."""
    p = torch.sigmoid(logits)
    likely = p * targets + (1 - p) * (1 - targets)
    losses = F.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    losses = losses * (1 - likely) ** gamma
    return (alpha * targets + (1 - alpha) * (1 - targets)) * losses


def timm_asymmetric(
    logits: Tensor, targets: Tensor, negative: float = 4.0, positive: float = 1.0
) -> Tensor:
    """timm.loss.AsymmetricLossMultiLabel (1.0), as its authors have it, before its sum."""
    p = torch.sigmoid(logits)
    not_p = (1 - p + 0.05).clamp(max=1)
    losses = targets * p.clamp(min=1e-8).log() + (1 - targets) * not_p.clamp(min=1e-8).log()
    likely = p * targets + not_p * (1 - targets)
    return -losses * (1 - likely) ** (positive * targets + negative * (1 - targets))


@GAMMAS
@pytest.mark.parametrize("alpha", [0.25, 0.75])
def test_the_focal_loss_of_torchvision(gamma, alpha):
    logits, targets = random_logits(9, 4), labels_of(9, 4)
    options = {"gamma": gamma, "alpha": alpha}
    close(
        loss_and_gradient(sigmoid_focal_loss, logits, targets, reduction="none", **options),
        loss_and_gradient(torchvision_focal, logits, targets, **options),
        rtol=1e-8,  # as above
    )


@pytest.mark.parametrize(("positive", "negative"), [(1.0, 4.0), (0.0, 4.0), (2.0, 2.0)])
def test_the_asymmetric_loss_of_timm(positive, negative):
    logits, targets = random_logits(9, 4), labels_of(9, 4)
    ours = partial(asymmetric_loss, gamma_positive=positive, gamma_negative=negative)
    close(
        loss_and_gradient(ours, logits, targets, reduction="none"),
        loss_and_gradient(timm_asymmetric, logits, targets, negative, positive),
        rtol=1e-8,  # as above
    )


# --- where peers are wrong -----------------------------------------------------------------------

SURE, FIRST = torch.tensor([[1e4, 0.0]]), torch.tensor([0])
SURE_LABEL, ONE = torch.tensor([[1e4]]), torch.ones(1, 1)


def check_nan_of_theirs(theirs: Callable[..., Tensor], ours: Callable[..., Tensor], *args: Tensor):
    """A gradient that is NaN there and finite here."""
    assert loss_and_gradient(theirs, *args)[1].isnan().any()
    assert loss_and_gradient(ours, *args)[1].isfinite().all()


def test_below_gamma_1_sure_targets_break_the_softmax_loss_of_monai(monai):
    theirs = monai.FocalLoss(gamma=0.5, use_softmax=True)
    _, gradient = loss_and_gradient(theirs, SURE, F.one_hot(FIRST, 2))
    assert gradient.isnan().any()
    assert loss_and_gradient(FocalLoss(gamma=0.5), SURE, FIRST)[1].isfinite().all()


def test_below_gamma_1_sure_targets_break_imbalanced_losses(imbalanced):
    check_nan_of_theirs(imbalanced.SoftmaxFocalLoss(gamma=0.5), FocalLoss(gamma=0.5), SURE, FIRST)
    theirs, ours = imbalanced.SigmoidFocalLoss(gamma=0.5), SigmoidFocalLoss(gamma=0.5)
    check_nan_of_theirs(theirs, ours, SURE_LABEL, ONE)


def test_below_gamma_1_sure_labels_break_torchvision_and_timm():
    theirs = partial(torchvision_focal, alpha=0.25, gamma=0.5)
    check_nan_of_theirs(theirs, SigmoidFocalLoss(gamma=0.5), SURE_LABEL, ONE)
    theirs = partial(timm_asymmetric, negative=0.5)
    ours = partial(asymmetric_loss, gamma_negative=0.5)
    check_nan_of_theirs(theirs, ours, -SURE_LABEL, 1 - ONE)


def test_positives_below_a_logit_of_18_have_no_gradient_in_timm():
    logits = torch.tensor([[-20.0]])
    assert loss_and_gradient(timm_asymmetric, logits, ONE, positive=0.0)[1] == 0
    assert loss_and_gradient(asymmetric_loss, logits, ONE)[1] < -0.99


def test_float32_has_no_digits_of_easy_targets_in_imbalanced_losses(imbalanced):
    logits = torch.tensor([[17.0, 0.0]])
    right = (1 + torch.tensor(-17.0).double().exp()).log() * torch.tensor(-17.0).sigmoid().double()
    assert imbalanced.SoftmaxFocalLoss(gamma=1.0)(logits, FIRST) == 0
    ours = focal_loss(logits, FIRST, gamma=1.0).double()
    torch.testing.assert_close(ours, right, rtol=1e-5, atol=0)


def test_ignored_logits_reach_the_gradient_in_imbalanced_losses(imbalanced):
    logits = torch.tensor([[0.0, 1.0], [float("inf"), 0.0]])
    targets = torch.tensor([0, -100])
    assert loss_and_gradient(imbalanced.SoftmaxFocalLoss(), logits, targets)[0].isnan()
    assert loss_and_gradient(FocalLoss(), logits, targets)[1].isfinite().all()
