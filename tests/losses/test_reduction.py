"""What "mean" divides by: counted in full precision, and part of the gradient."""

import pytest
import torch
import torch.nn.functional as F

from balancekit.losses import (
    SeesawLoss,
    cross_entropy,
    focal_loss,
    ghm_c_loss,
    one_vs_rest_focal_loss,
    sigmoid_focal_loss,
    weighted_bce_with_logits,
)

N = 70_000
"""More than float16 can count."""
ZEROS, CLASSES = torch.zeros(N, 2), torch.zeros(N, dtype=torch.long)
ROWS = F.one_hot(CLASSES, 2)
HALF = torch.tensor([1.0, 2.0]).half()

SUMS = {
    "positives": lambda: weighted_bce_with_logits(
        ZEROS, torch.ones(N, 2).half(), normalizer="positives"
    ),
    "positives-bfloat16": lambda: weighted_bce_with_logits(
        ZEROS[:1003], torch.ones(1003, 2).bfloat16(), normalizer="positives"
    ),
    "weight-of-soft-targets": lambda: cross_entropy(
        ZEROS, ROWS.half(), HALF.float(), normalizer="weight"
    ),
    "weight-in-half": lambda: cross_entropy(ZEROS, CLASSES, HALF, normalizer="weight"),
    "weight-of-both-in-half": lambda: focal_loss(
        ZEROS, ROWS.half(), HALF, gamma=0.0, normalizer="weight"
    ),
    "seesaw-in-half": lambda: (
        SeesawLoss.from_counts([1, 1], class_weights=[1.0, 2.0], normalizer="weight")
        .half()
        .eval()(ZEROS, CLASSES)
    ),
}


@pytest.mark.parametrize("loss", SUMS.values(), ids=list(SUMS))
def test_sums_of_16_bit_numbers_are_counted_in_float32(loss):
    # log 2 of every target; the float32 sum of 140000 of them is right to 6 digits.
    torch.testing.assert_close(loss(), torch.tensor(0.6931472), rtol=2e-6, atol=0)


LOGITS = torch.tensor([[2.0, -1.0, 0.5], [0.0, 3.0, -2.0], [1.0, 1.0, 0.0]], dtype=torch.float64)
TARGETS = torch.tensor([2, 1, 1])
LABELS = F.one_hot(TARGETS, 3)
WEIGHTED = {
    "cross-entropy": (cross_entropy, TARGETS),
    "focal": (focal_loss, TARGETS),
    "one-vs-rest": (one_vs_rest_focal_loss, TARGETS),
    "ghm": (ghm_c_loss, TARGETS),
    "sigmoid": (sigmoid_focal_loss, LABELS),
}


@pytest.mark.parametrize("normalizer", ["count", "weight"])
@pytest.mark.parametrize(("loss", "targets"), WEIGHTED.values(), ids=list(WEIGHTED))
def test_weights_that_are_learned_get_the_gradient_of_the_divisor_too(loss, targets, normalizer):
    weight = torch.tensor([0.5, 2.0, 1.0], dtype=torch.float64, requires_grad=True)

    def of_weight(weight):
        return loss(LOGITS, targets, sample_weight=weight, normalizer=normalizer)

    assert torch.autograd.gradcheck(of_weight, weight)


def test_a_divisor_that_is_given_gets_its_gradient():
    divisor = torch.tensor(3.0, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda divisor: cross_entropy(LOGITS, TARGETS, normalizer=divisor), divisor
    )
