"""Every loss of a plan is built as the plan says, for every task."""

import math
import re

import numpy as np
import pytest
import torch
from torch import nn

import balancekit as bk
from balancekit import losses
from balancekit.errors import OptionError
from balancekit.losses.schedules import DeferredReweighting as DeferredLoss
from balancekit.pipeline import build, criterion_of
from balancekit.pipeline.task_losses import (
    DiceCrossEntropyLoss,
    HeatmapMSELoss,
    PlainErrorLoss,
)
from balancekit.plan import (
    AbsoluteError,
    Asymmetric,
    BalancedMse,
    ClassBalanced,
    CrossEntropy,
    DataRef,
    DeferredReweighting,
    DiceCrossEntropy,
    DistributionBalanced,
    EqlV2,
    Focal,
    GaussianWeighted,
    Ghm,
    HeatmapMse,
    Ldam,
    Lds,
    LogitAdjusted,
    Loss,
    Natural,
    Plan,
    Schedule,
    Seesaw,
    SigmoidFocal,
    SquaredError,
    Tversky,
    TwoStage,
    Uniform,
    VectorScaling,
    WeightedBce,
)

COUNTS = (60, 20, 4)
NAMES = ("a", "b", "c")
CLASSES = bk.Labels(class_ids=np.repeat([0, 1, 2], COUNTS), class_names=NAMES)
VALUES = bk.Labels.from_values(np.random.default_rng(0).gamma(2.0, 3.0, 84))
SEVERAL = bk.Labels(
    class_ids=[0] * 60 + [1] * 20 + [2] * 4,
    class_names=NAMES,
    offsets=[*range(81), 82, 82, 83, 84],
)


def plan_of(labels, **choices):
    return Plan(data=DataRef.from_labels(labels), objective="balanced_accuracy", **choices)


torch.manual_seed(0)
ONE_HOT = torch.eye(3)[torch.arange(6) % 3]
BATCHES = {
    "classification": (torch.randn(6, 3), torch.arange(6) % 3),
    "segmentation": (torch.randn(2, 3, 4, 4), torch.arange(32).reshape(2, 4, 4) % 3),
    "labels": (torch.randn(6, 3), ONE_HOT),
    "keypoints": (torch.randn(2, 3, 4, 4), torch.rand(2, 3, 4, 4)),
    "numbers": (torch.randn(6, 1), torch.rand(6, 1)),
}
CASES = [
    (
        CrossEntropy(class_weights=(0.5, 1.0, 4.0)),
        "classification",
        losses.WeightedCrossEntropyLoss,
    ),
    (CrossEntropy(), "segmentation", losses.WeightedCrossEntropyLoss),
    (Focal(gamma=1.5), "segmentation", losses.FocalLoss),
    (Ghm(n_bins=10), "classification", losses.GHMCLoss),
    (GaussianWeighted(sigma=0.3), "classification", losses.GWLoss),
    (ClassBalanced(beta=0.9), "classification", losses.ClassBalancedLoss),
    (LogitAdjusted(tau=0.7), "segmentation", losses.LogitAdjustedLoss),
    (Ldam(max_margin=0.3, scale=20.0), "classification", losses.LDAMLoss),
    (VectorScaling(gamma=0.2, tau=0.5), "classification", losses.VSLoss),
    (Seesaw(p=0.7, q=1.0), "classification", losses.SeesawLoss),
    (DiceCrossEntropy(dice_share=0.3), "segmentation", DiceCrossEntropyLoss),
    (Tversky(alpha=0.2, beta=0.8), "segmentation", losses.TverskyLoss),
    (WeightedBce(pos_weight=(1.0, 2.0, 3.0)), "labels", losses.WeightedBCELoss),
    (Asymmetric(gamma_negative=3.0), "labels", losses.AsymmetricLoss),
    (DistributionBalanced(), "labels", losses.DistributionBalancedLoss),
    (SigmoidFocal(alpha=0.3), "labels", losses.SigmoidFocalLoss),
    (EqlV2(), "labels", losses.EQLv2Loss),
    (HeatmapMse(class_weights=(1.0, 2.0, 3.0)), "keypoints", HeatmapMSELoss),
    (SquaredError(), "numbers", PlainErrorLoss),
    (AbsoluteError(), "numbers", PlainErrorLoss),
    (Lds(base="mse", sigma=1.0), "numbers", losses.LDSLoss),
    (BalancedMse(noise_sigma=2.0), "numbers", losses.BMCLoss),
]


@pytest.mark.parametrize(("loss", "batch", "kind"), CASES, ids=lambda case: str(case)[:40])
def test_each_loss_is_built_and_gives_a_gradient(loss, batch, kind):
    labels = VALUES if batch == "numbers" else CLASSES
    if batch == "labels":
        labels = SEVERAL
    criterion = criterion_of(plan_of(labels, loss=loss), labels)
    assert isinstance(criterion, kind)
    logits, targets = BATCHES[batch]
    logits = logits.clone().requires_grad_()
    criterion(logits, targets).backward()
    assert logits.grad.isfinite().all()
    assert logits.grad.abs().sum() > 0


def test_every_loss_of_the_union_has_a_case():
    assert {type(case[0]) for case in CASES} == set(Loss.__args__)


OPTIONS = {
    "LDAM's margins": (
        Ldam(max_margin=0.3),
        lambda made: made.margins,
        0.3 * (np.array(COUNTS) / 4) ** -0.25,
    ),
    "the scale of VS follows the data": (
        VectorScaling(gamma=0.2),
        lambda made: made.scale,
        (np.array(COUNTS) / 60) ** 0.2,
    ),
    "the bias of VS follows the draws": (
        VectorScaling(tau=0.5),
        lambda made: made.bias,
        np.full(3, 0.5 * np.log(1 / 3)),
    ),
    "seesaw's exponents": (
        Seesaw(p=0.7, q=1.0),
        lambda made: torch.tensor([made.p, made.q]),
        [0.7, 1.0],
    ),
    "Tversky's shares": (
        Tversky(alpha=0.2, beta=0.8),
        lambda made: torch.tensor([made.alpha, made.beta]),
        [0.2, 0.8],
    ),
    "focal's alpha": (SigmoidFocal(alpha=0.3), lambda made: made.alpha, 0.3),
    "the noise": (BalancedMse(noise_sigma=2.0), lambda made: made.noise_sigma, 2.0),
}


@pytest.mark.parametrize(("loss", "of", "expected"), OPTIONS.values(), ids=OPTIONS.keys())
def test_options_reach_the_loss(loss, of, expected):
    made = criterion_of(plan_of(CLASSES, loss=loss, sampling=Uniform()))
    np.testing.assert_allclose(of(made).detach(), expected, rtol=1e-6)  # float32


def test_pixels_that_belong_to_no_class_do_not_count():
    logits, targets = BATCHES["segmentation"]
    for loss in (CrossEntropy(), DiceCrossEntropy(), Tversky(), Focal(), LogitAdjusted()):
        criterion = criterion_of(plan_of(CLASSES, loss=loss), ignore_index=255)
        changed = logits.clone().requires_grad_()
        marked = targets.clone()
        marked[:, 0] = 255
        criterion(changed, marked).backward()
        assert changed.grad[:, :, 0].abs().sum() == 0
        assert changed.grad[:, :, 1:].abs().sum() > 0


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_dice_and_cross_entropy_are_added_by_the_share(share):
    weights = (0.5, 1.0, 4.0)
    both = criterion_of(
        plan_of(CLASSES, loss=DiceCrossEntropy(dice_share=share, class_weights=weights))
    )
    batch = BATCHES["segmentation"]
    parts = losses.WeightedCrossEntropyLoss(weights)(*batch), losses.DiceLoss()(*batch)
    expected = (1 - share) * parts[0] + share * parts[1]
    assert both(*batch).item() == pytest.approx(expected.item(), rel=1e-6)  # float32


def test_keypoints_that_are_not_seen_do_not_count():
    predictions, targets = torch.zeros(2, 3, 2, requires_grad=True), torch.ones(2, 3, 2)
    targets[0, 1] = torch.nan
    seen = torch.tensor([[1.0, 1.0, 0.0], [1.0, 1.0, 1.0]])
    loss = HeatmapMSELoss([1.0, 2.0, 3.0])(predictions, targets, sample_weight=seen)
    assert loss.item() == pytest.approx((1 + 1 + 2 + 3) / 4)  # of 4 keypoints that count
    loss.backward()
    assert predictions.grad[0, 1:].abs().sum() == 0
    assert predictions.grad.isfinite().all()
    nothing = HeatmapMSELoss()(predictions, torch.full((2, 3, 2), math.nan))
    assert nothing.item() == 0


@pytest.mark.parametrize(
    ("weights", "seen", "match"),
    [([1.0, 2.0], None, "class_weights: expected the shape"), (None, (2, 4), "sample_weight: exp")],
    ids=["two weights of three keypoints", "visibility of four"],
)
def test_weights_of_other_keypoints_are_refused(weights, seen, match):
    targets = torch.zeros(2, 3, 2)
    options = {} if seen is None else {"sample_weight": torch.ones(seen)}
    with pytest.raises(OptionError, match=match):
        HeatmapMSELoss(weights)(targets, targets, **options)


@pytest.mark.parametrize("base", ["l1", "mse"])
def test_numbers_are_compared_one_by_one(base):
    predictions, targets = torch.randn(5), torch.randn(5)
    peer = nn.L1Loss() if base == "l1" else nn.MSELoss()
    ours = PlainErrorLoss(base)
    assert ours(predictions, targets).item() == pytest.approx(peer(predictions, targets).item())
    with pytest.raises(OptionError, match=r"\[N\] with \[N, 1\] would compare all with all"):
        ours(predictions.unsqueeze(1), targets)


def test_weights_by_values_need_the_values():
    plan = plan_of(VALUES, loss=Lds())
    with pytest.raises(OptionError, match="labels: expected those of the training data with their"):
        criterion_of(plan)


DEFERRABLE = [
    CrossEntropy(class_weights=(9.0, 1.0, 1.0)),
    Focal(),
    Ghm(),
    GaussianWeighted(),
    ClassBalanced(),
    Ldam(),
    VectorScaling(),
    Seesaw(),
]


@pytest.mark.parametrize("loss", DEFERRABLE, ids=repr)
def test_deferred_weights_come_late(loss):
    stages = DeferredReweighting(start_share=0.8, beta=0.99)
    plan = plan_of(CLASSES, loss=loss, stages=stages)
    deferred = criterion_of(plan, n_epochs=10)
    assert isinstance(deferred, DeferredLoss)
    assert deferred.start_epoch == 8
    logits, targets = BATCHES["classification"]
    weighs = isinstance(loss, CrossEntropy | ClassBalanced)
    before = criterion_of(plan_of(CLASSES, loss=CrossEntropy() if weighs else loss))
    assert deferred(logits, targets).item() == pytest.approx(before(logits, targets).item())
    deferred.set_epoch(8)
    assert deferred.after.class_weights.tolist() == pytest.approx(plan.class_weights().tolist())


def test_a_pipeline_tells_deferred_weights_the_epoch():
    plan = plan_of(CLASSES, loss=CrossEntropy(), stages=DeferredReweighting(start_share=0.5))
    dataset = [(torch.zeros(2), int(c)) for c in CLASSES.class_ids]
    pipeline = build(plan, dataset, CLASSES, batch_size=12, n_epochs=4)
    seen = [pipeline.criterion.takes_after for _ in range(4) for _ in pipeline.loader]
    assert seen == [False] * 14 + [True] * 14


def test_deferred_weights_of_a_single_epoch_are_there_as_the_prior_says():
    plan = plan_of(CLASSES, loss=CrossEntropy(), stages=DeferredReweighting(start_share=0.8))
    assert criterion_of(plan, n_epochs=1).takes_after
    assert not criterion_of(plan, n_epochs=2).takes_after


def test_deferred_weights_need_the_length_of_the_training():
    plan = plan_of(CLASSES, stages=DeferredReweighting())
    with pytest.raises(OptionError, match=r"n_epochs: .*start after 80 % of it.*build\(…, n_epoch"):
        criterion_of(plan)


@pytest.mark.parametrize("loss", [LogitAdjusted(), WeightedBce(), SquaredError()], ids=repr)
def test_losses_without_class_weights_cannot_defer_them(loss):
    plan = plan_of(CLASSES, loss=loss, stages=DeferredReweighting())
    with pytest.raises(OptionError, match="stages: expected a loss that takes class weights"):
        criterion_of(plan, n_epochs=10)


def test_vector_scaling_follows_the_epochs_of_a_schedule():
    plan = plan_of(
        CLASSES,
        loss=VectorScaling(tau=2.0),
        sampling=Schedule(start=Natural(), end=Uniform(), epochs=2),
        allow_double_correction=True,
    )
    dataset = [(torch.zeros(2), int(c)) for c in CLASSES.class_ids]
    pipeline = build(plan, dataset, CLASSES, batch_size=12)
    natural = np.array(COUNTS) / sum(COUNTS)
    for expected in (natural, (natural + 1 / 3) / 2, np.full(3, 1 / 3)):
        next(iter(pipeline.loader))
        np.testing.assert_allclose(pipeline.criterion.bias, 2 * np.log(expected), rtol=1e-5)
        pipeline.set_epoch(pipeline.sampler.epoch + 1)


def test_the_first_of_two_stages_adjusts_by_its_own_draws():
    plan = plan_of(CLASSES, loss=LogitAdjusted(), stages=TwoStage())
    made = criterion_of(plan)
    np.testing.assert_allclose(made.log_prior.exp(), np.array(COUNTS) / 84, rtol=1e-6)


NOTES = {
    "LDAM asks for cosines": (Ldam(), r"balancekit\.losses\.CosineLinear\(n_features, 3\)"),
    "noise is learnt": (BalancedMse(), r"learns noise_sigma\. Give the optimizer"),
}


@pytest.mark.parametrize(("loss", "note"), NOTES.values(), ids=NOTES.keys())
def test_a_pipeline_notes_what_a_loss_asks_for(loss, note):
    labels = VALUES if isinstance(loss, BalancedMse) else CLASSES
    plan = plan_of(labels, loss=loss, allow_double_correction=True)
    dataset = [(torch.zeros(2), 0)] * 84
    pipeline = build(plan, dataset, labels, batch_size=12)
    assert len(pipeline.notes) == 1
    assert re.search(note, pipeline.notes[0])


def test_plain_losses_ask_for_nothing():
    assert (
        build(
            plan_of(CLASSES, wanted_prior="training"), [(0, 0)] * 84, CLASSES, batch_size=12
        ).notes
        == ()
    )
