"""Deferred reweighting: which criterion is in force, where that is kept, and what it costs."""

import copy
import io
import math
from functools import partial

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch._dynamo.testing import CompileCounter

from balancekit.errors import OptionError
from balancekit.losses.class_balanced import ClassBalancedLoss
from balancekit.losses.cross_entropy import WeightedCrossEntropyLoss
from balancekit.losses.focal import FocalLoss
from balancekit.losses.ldam import LDAMLoss
from balancekit.losses.overlap import DiceLoss
from balancekit.losses.schedules import DeferredReweighting
from balancekit.weights import effective_number_weights

COUNTS = [5000, 500, 50]
LOGITS = torch.randn(6, 3, generator=torch.Generator().manual_seed(0))
CLASSES = torch.arange(6) % 3


def of_epoch(loss: DeferredReweighting, epoch: int) -> torch.Tensor:
    loss.set_epoch(epoch)
    return loss(LOGITS, CLASSES)


def test_cross_entropy_is_plain_until_epoch_160_of_200_and_weighted_from_then_on():
    loss = DeferredReweighting.from_counts(COUNTS, n_epochs=200)
    each = F.cross_entropy(LOGITS, CLASSES, reduction="none")
    torch.testing.assert_close(loss(LOGITS, CLASSES), each.mean())
    for epoch in (0, 100, 159):
        torch.testing.assert_close(of_epoch(loss, epoch), each.mean())
    counts = np.array(COUNTS)
    weights = (1 - 0.9999) / (1 - 0.9999**counts)
    weights = torch.tensor(weights / (counts * weights).sum() * counts.sum()).float()
    for epoch in (160, 199, 500):
        torch.testing.assert_close(of_epoch(loss, epoch), (weights[CLASSES] * each).mean())
    torch.testing.assert_close(of_epoch(loss, 0), each.mean())


@pytest.mark.parametrize(
    ("n_epochs", "share", "start"),
    [(200, 0.8, 160), (1, 0.8, 1), (10, 0.0, 0), (10, 1.0, 10), (90, 0.7, 63), (3, 0.8, 2)],
)
def test_the_share_of_epochs_without_weights_is_rounded(n_epochs, share, start):
    loss = DeferredReweighting.from_counts(COUNTS, n_epochs, start_share=share)
    assert loss.start_epoch == start
    assert loss.takes_after == (start == 0)
    assert f"start_epoch={start}" in repr(loss)


@pytest.mark.parametrize(
    "criterion",
    [
        partial(WeightedCrossEntropyLoss, label_smoothing=0.1),
        partial(FocalLoss, 0.5),
        partial(ClassBalancedLoss, base="focal"),
        partial(LDAMLoss.from_counts, COUNTS),
    ],
    ids=["cross-entropy", "focal", "class-balanced", "ldam"],
)
def test_any_criterion_with_class_weights_defers_them(criterion):
    loss = DeferredReweighting.from_counts(COUNTS, 10, criterion=criterion, reduction="sum")
    weights = effective_number_weights(COUNTS, 0.9999)
    for epoch, of_class in ((0, np.ones(3)), (9, weights)):
        expected = criterion(class_weights=of_class, reduction="sum")
        torch.testing.assert_close(of_epoch(loss, epoch), expected(LOGITS, CLASSES))


def test_a_criterion_that_exists_defers_its_weights():
    weighted = DiceLoss([1.0, 2.0, 0.0])
    loss = DeferredReweighting.from_weighted(weighted, 3)
    pixels, targets = LOGITS.T.unsqueeze(0), CLASSES.unsqueeze(0)
    torch.testing.assert_close(loss(pixels, targets), DiceLoss()(pixels, targets))
    loss.set_epoch(3)
    torch.testing.assert_close(loss(pixels, targets), weighted(pixels, targets))


def test_a_pair_of_criteria_takes_turns_with_their_options():
    loss = DeferredReweighting(WeightedCrossEntropyLoss(), FocalLoss(), 2)
    sample_weight = torch.rand(6)
    for epoch, criterion in ((0, loss.before), (1, loss.before), (2, loss.after)):
        loss.set_epoch(epoch)
        expected = criterion(LOGITS, CLASSES, sample_weight=sample_weight)
        assert torch.equal(loss(LOGITS, CLASSES, sample_weight=sample_weight), expected)


def test_the_state_resumes_in_the_epoch_where_it_was_saved():
    loss = DeferredReweighting.from_counts(COUNTS, 10)
    loss.set_epoch(8)
    buffer = io.BytesIO()
    torch.save(loss.state_dict(), buffer)
    buffer.seek(0)
    other = DeferredReweighting.from_counts([1, 1, 1], 10)
    other.load_state_dict(torch.load(buffer))
    assert other.epoch == 8
    assert torch.equal(other(LOGITS, CLASSES), loss(LOGITS, CLASSES))
    assert torch.equal(copy.deepcopy(other)(LOGITS, CLASSES), loss(LOGITS, CLASSES))
    assert set(nn.ModuleDict({"loss": loss}).state_dict()) == {
        "loss.before.class_weights",
        "loss.after.class_weights",
        "loss._extra_state",
    }


def test_compiled_it_is_compiled_anew_when_the_criterion_changes_and_not_each_epoch():
    torch._dynamo.reset()
    loss = DeferredReweighting.from_counts(COUNTS, 10)
    counter = CompileCounter()
    compiled = torch.compile(loss, fullgraph=True, backend=counter)
    for epoch in range(10):
        loss.set_epoch(epoch)
        torch.testing.assert_close(compiled(LOGITS, CLASSES), loss(LOGITS, CLASSES))
        assert counter.frame_count == (1 if epoch < 8 else 2)
    torch._dynamo.reset()


def test_the_loss_not_in_force_is_not_computed():
    class Never(nn.Module):
        def forward(self, *_):
            raise AssertionError

    loss = DeferredReweighting(nn.CrossEntropyLoss(), Never(), 5)
    assert of_epoch(loss, 4).isfinite()
    with pytest.raises(AssertionError):
        of_epoch(loss, 5)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: DeferredReweighting.from_weighted(nn.MSELoss(), 1),
            r"criterion: expected a loss with class_weights, got MSELoss\(\)",
        ),
        (
            lambda: DeferredReweighting.from_weighted(WeightedCrossEntropyLoss(), 1),
            "Give it weights",
        ),
        (
            lambda: DeferredReweighting(nn.MSELoss(), nn.MSELoss(), -1),
            "start_epoch: expected a number of at least 0, got -1",
        ),
        (lambda: DeferredReweighting.from_counts(COUNTS, 0), "n_epochs: .* at least 1, got 0"),
        (
            lambda: DeferredReweighting.from_counts(COUNTS, 9, start_share=math.nan),
            r"start_share: expected a number in \[0, 1\], got nan",
        ),
        (lambda: DeferredReweighting.from_counts(COUNTS, 9, beta=1.0), "beta: expected"),
        (lambda: DeferredReweighting.from_counts([0, 0], 9), "class_counts: expected finite"),
    ],
)
def test_what_does_not_fit_is_refused(call, message):
    with pytest.raises(OptionError, match=message):
        call()
