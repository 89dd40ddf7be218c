"""Losses whose logits stand for the posterior by a formula: one correction finds it exactly."""

import numpy as np
import pytest
import torch

import balancekit as bk
from balancekit.comparison.candidates import train_alike
from balancekit.pipeline import build
from balancekit.pipeline.posterior import posterior_logits
from balancekit.plan import (
    CorrectAfterTraining,
    CrossEntropy,
    DataRef,
    DeferredReweighting,
    Ldam,
    Plan,
    Power,
    VectorScaling,
)
from balancekit.report.journey.use_section import use_section

COUNTS = (90, 9, 1)
LABELS = bk.Labels.from_names(np.repeat(["a", "b", "c"], COUNTS).tolist())
SAMPLES = [(torch.zeros(2), int(c)) for c in LABELS.class_ids]
AFTER = CorrectAfterTraining()
RANDOM = torch.randn(200, 3, generator=torch.manual_seed(0), dtype=torch.float64)


def plan_of(**choices):
    plain = {"data": DataRef.from_labels(LABELS), "objective": "balanced_accuracy"}
    return Plan(**plain | choices)


def pipeline_of(**choices):
    return build(plan_of(**choices), SAMPLES, LABELS, batch_size=10, n_epochs=10)


def expected_loss(pipeline, logits, posterior):
    """The loss that training ends with, of inputs whose classes come as their posterior says."""
    pipeline.set_epoch(9)
    criterion = pipeline.criterion.double()
    classes = torch.arange(3).repeat(len(logits))
    often = posterior.flatten()
    return criterion(logits.repeat_interleave(3, 0), classes, sample_weight=often)


WAYS = {
    "scales and shift": {"loss": VectorScaling()},
    "scales alone, strong": {"loss": VectorScaling(gamma=1.0, tau=0.0)},
    "scales, and draws by the root": {
        "loss": VectorScaling(gamma=0.5, tau=0.5),
        "sampling": Power(alpha=0.5),
    },
    "margins": {"loss": Ldam()},
    "wide margins": {"loss": Ldam(max_margin=1.0, scale=3.0)},
    "margins, then weights": {"loss": Ldam(), "stages": DeferredReweighting()},
}


@pytest.mark.parametrize("choices", WAYS.values(), ids=WAYS.keys())
def test_logits_are_best_where_classes_come_as_the_correction_says(choices):
    """Both losses are convex in the logits: where the slope is 0, they are least."""
    pipeline = pipeline_of(**choices, correction=AFTER)
    logits = 0.1 * RANDOM.clone().requires_grad_()  # on the scale of cosines
    drawn = pipeline.plan.draw_prior()
    posterior = pipeline.correct(logits, drawn).softmax(1).detach()
    (slope,) = torch.autograd.grad(expected_loss(pipeline, logits, posterior), logits)
    (steep,) = torch.autograd.grad(expected_loss(pipeline, logits, logits.softmax(1)), logits)
    # Scales, margins and weights are float32.
    assert slope.abs().max() < 1e-5 * steep.abs().max()
    # From there a shift leads to any prior: the posterior is that of the draws, moved.
    wanted = np.array([0.1, 0.3, 0.6])
    moved = posterior * torch.as_tensor(wanted / drawn)
    expected = moved / moved.sum(1, keepdim=True)
    torch.testing.assert_close(pipeline.correct(logits, wanted).softmax(1).detach(), expected)
    even = pipeline.correct(logits, "uniform")
    torch.testing.assert_close(pipeline.correct(logits), even)


def test_what_scales_leave_free_changes_the_order_of_plain_logits_and_nothing_else():
    pipeline = pipeline_of(loss=VectorScaling(gamma=1.0))
    other = RANDOM + 0.1 / pipeline.criterion.scale  # a constant of each input, over Δ
    targets = torch.arange(200) % 3
    losses = [pipeline.criterion(logits, targets) for logits in (RANDOM, other)]
    torch.testing.assert_close(*losses)
    corrected = [pipeline.correct(logits, "training").softmax(1) for logits in (RANDOM, other)]
    torch.testing.assert_close(*corrected, atol=1e-6, rtol=0)  # the criterion's Δ is float32
    assert (RANDOM.argmax(1) != other.argmax(1)).double().mean() > 0.5


@pytest.mark.parametrize("loss", [VectorScaling(), Ldam()], ids=["scales", "margins"])
def test_under_correction_in_training_plain_logits_decide_unless_a_prior_is_given(loss):
    plain, after = pipeline_of(loss=loss), pipeline_of(loss=loss, correction=AFTER)
    assert torch.equal(plain.correct(RANDOM), RANDOM)
    torch.testing.assert_close(plain.correct(RANDOM, "uniform"), after.correct(RANDOM))


@pytest.mark.parametrize("n_common", [1, 100, 10_000, 10**12])
@pytest.mark.parametrize("loss", [Ldam(), Ldam(max_margin=0.1), Ldam(scale=1e3)], ids=str)
def test_margins_move_the_odds_of_two_classes_by_less_than_twice(n_common, loss):
    data = DataRef(
        fingerprint="",
        task="classification",
        media="unknown",
        n_samples=n_common + 1,
        class_names=("common", "rare"),
        class_counts=(n_common, 1),
    )
    level = torch.zeros(1, 2, dtype=torch.float64)
    found = posterior_logits(Plan(data=data, objective="accuracy", loss=loss), level, 1)
    assert -np.log(2) < found.diff().item() <= 1e-12


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
@pytest.mark.parametrize("loss", [VectorScaling(), Ldam()], ids=["scales", "margins"])
def test_extreme_logits_stay_finite_on_any_axis(loss, dtype):
    logits = torch.tensor([[-1e3, 0.0, 1e3], [1e3, 1e3, 1e3]], dtype=dtype)
    plan = plan_of(loss=loss)
    found = posterior_logits(plan, logits, 1)
    assert found.dtype == (torch.float32 if dtype == torch.float16 else dtype)
    assert found.isfinite().all()
    assert found[0].argmax() == 2
    maps = logits[:, :, None].expand(2, 3, 4)
    torch.testing.assert_close(posterior_logits(plan, maps, 1), found[:, :, None].expand(2, 3, 4))


def test_other_losses_keep_their_logits():
    assert posterior_logits(plan_of(loss=CrossEntropy()), RANDOM, 1) is RANDOM


def test_plans_that_decide_by_scaled_and_by_plain_logits_are_not_alike():
    plain, after = plan_of(loss=VectorScaling()), plan_of(loss=VectorScaling(), correction=AFTER)
    np.testing.assert_allclose(after.correction_shift(), 0, atol=1e-12)
    assert not train_alike(plain, after)
    unscaled = VectorScaling(gamma=0.0)
    assert train_alike(plan_of(loss=unscaled), plan_of(loss=unscaled, correction=AFTER))


def test_exposure_and_page_say_that_the_posterior_is_taken():
    plain, after = plan_of(loss=VectorScaling()), plan_of(loss=VectorScaling(), correction=AFTER)
    seen = [bk.preview(one, LABELS, batch_size=10) for one in (plain, after)]
    assert [one.prior_known for one in seen] == ["about", "exactly"]
    assert [one.corrected_after_training for one in seen] == [False, True]
    told = [use_section(one, (), None)["correct"] for one in (plain, after)]
    assert ["by the formula of the loss" in text for text in told] == [False, True]
