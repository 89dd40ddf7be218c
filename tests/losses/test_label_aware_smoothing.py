"""Label-aware smoothing: equal to the paper, and cross-entropy where nothing is smoothed."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from balancekit.errors import OptionError
from balancekit.losses.label_aware_smoothing import (
    LabelAwareSmoothingLoss,
    label_aware_smoothing,
    label_aware_smoothing_loss,
)

counts_lists = st.lists(st.integers(0, 10**6), min_size=2, max_size=8).filter(any)


def smoothed_rows(y, epsilon):
    """1 - ε_y at the class y and ε_y / (C - 1) elsewhere: the targets of the paper."""
    n, n_classes = len(y), len(epsilon)
    rows = np.repeat(epsilon[y][:, None] / (n_classes - 1), n_classes, 1)
    rows[np.arange(n), y] = 1 - epsilon[y]
    return rows


@settings(max_examples=40)
@given(st.integers(0, 10**6), st.integers(2, 6))
def test_the_loss_is_cross_entropy_with_the_targets_of_zhong_2021(seed, n_classes):
    rng = np.random.default_rng(seed)
    z, y = 3 * rng.normal(size=(7, n_classes)), rng.integers(n_classes, size=7)
    epsilon = rng.random(n_classes)
    log_p = z - np.log(np.exp(z).sum(1, keepdims=True))
    got = label_aware_smoothing_loss(
        torch.tensor(z), torch.tensor(y), torch.tensor(epsilon), reduction="none"
    )
    expected = -(smoothed_rows(y, epsilon) * log_p).sum(1)
    np.testing.assert_allclose(got, expected, rtol=1e-10, atol=1e-12)  # float64


def test_soft_targets_are_smoothed_class_by_class():
    rng = np.random.default_rng(0)
    z, t = rng.normal(size=(6, 3)), rng.dirichlet(np.ones(3), 6)
    epsilon = np.array([0.4, 0.0, 1.0])
    targets = t @ smoothed_rows(np.arange(3), epsilon)
    expected = F.cross_entropy(torch.tensor(z), torch.tensor(targets), reduction="none")
    got = label_aware_smoothing_loss(
        torch.tensor(z), torch.tensor(t), torch.tensor(epsilon), reduction="none"
    )
    torch.testing.assert_close(got, expected)


@pytest.mark.parametrize("soft", [False, True], ids=["hard", "soft"])
def test_no_smoothing_is_cross_entropy(soft):
    logits = torch.randn(5, 3, 2, dtype=torch.float64)
    targets = logits.flip(0).softmax(1) if soft else logits.flip(0).argmax(1)
    torch.testing.assert_close(
        label_aware_smoothing_loss(logits, targets, torch.zeros(3)),
        F.cross_entropy(logits, targets),
    )


def test_one_smoothing_for_all_is_label_smoothing_over_the_other_classes():
    # torch spreads over all C classes, y too, as the authors' code does.
    logits, targets = torch.randn(8, 5, dtype=torch.float64), torch.arange(8) % 5
    torch.testing.assert_close(
        label_aware_smoothing_loss(logits, targets, torch.full((5,), 0.2).double()),
        F.cross_entropy(logits, targets, label_smoothing=0.25),
    )


# --- smoothing from counts ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "half"),
    [("concave", np.sqrt(0.5)), ("linear", 0.5), ("convex", 1 - np.sqrt(0.5))],
)
def test_half_way_between_rarest_and_commonest(shape, half):
    got = label_aware_smoothing([101, 51, 1], 0.4, 0.1, shape=shape)
    np.testing.assert_allclose(got, [0.4, 0.1 + 0.3 * half, 0.1], atol=1e-15)


@given(counts_lists)
def test_the_shapes_are_those_of_zhong_2021(counts):
    n = np.maximum(counts, 1)
    assume(n.max() > n.min())
    head, tail = 0.3, 0.05
    angle = np.pi * (n - n.min()) / (2 * (n.max() - n.min()))
    expected = {
        "concave": tail + (head - tail) * np.sin(angle),
        "linear": tail + (head - tail) * angle * 2 / np.pi,
        "convex": head + (head - tail) * np.sin(1.5 * np.pi + angle),
    }
    for shape, values in expected.items():
        np.testing.assert_allclose(
            label_aware_smoothing(counts, head, tail, shape=shape), values, atol=1e-12
        )


@given(counts_lists, st.sampled_from(["concave", "linear", "convex"]))
def test_more_frequent_classes_are_smoothed_no_less(counts, shape):
    smoothing = label_aware_smoothing(counts, shape=shape)
    order = np.argsort(counts, kind="stable")
    assert (np.diff(smoothing[order]) >= 0).all()
    assert smoothing.min() == 0
    assert smoothing.max() <= 0.3


def test_an_empty_class_counts_as_one_sample():
    empty, single = label_aware_smoothing([90, 9, 0]), label_aware_smoothing([90, 9, 1])
    assert empty.tolist() == single.tolist()


def test_equal_counts_leave_cross_entropy():
    module = LabelAwareSmoothingLoss.from_counts([5, 5, 5])
    logits, targets = torch.randn(4, 3), torch.tensor([0, 1, 2, -100])
    torch.testing.assert_close(module(logits, targets), F.cross_entropy(logits, targets))


def test_the_module_is_the_function_with_the_smoothing_of_the_counts():
    module = LabelAwareSmoothingLoss.from_counts(
        torch.tensor([90, 9, 1]), smooth_head=0.4, smooth_tail=0.1, shape="convex", reduction="sum"
    )
    smoothing = torch.tensor(label_aware_smoothing([90, 9, 1], 0.4, 0.1, shape="convex")).float()
    torch.testing.assert_close(module.state_dict(), {"smoothing": smoothing})
    logits, targets = torch.randn(4, 3), torch.tensor([0, 1, 2, -100])
    expected = label_aware_smoothing_loss(logits, targets, smoothing, reduction="sum")
    torch.testing.assert_close(module(logits, targets), expected)


MISTAKES = {
    "share": (lambda: LabelAwareSmoothingLoss([0.1, 1.2]), r"smoothing: .*\[0, 1\], got 1.2"),
    "nan": (lambda: LabelAwareSmoothingLoss([0.1, np.nan]), r"smoothing: .*got nan"),
    "scalar": (lambda: LabelAwareSmoothingLoss(0.1), r"smoothing: .*\[C\], got shape \[\]"),
    "head": (
        lambda: label_aware_smoothing([2, 1], smooth_head=-0.1),
        r"smooth_head: .*got -0.1. Use a share",
    ),
    "tail": (lambda: label_aware_smoothing([2, 1], smooth_tail=2.0), r"smooth_tail: .*got 2"),
    "shape": (
        lambda: LabelAwareSmoothingLoss.from_counts([2, 1], shape="exp"),
        r"shape: expected one of 'concave', 'linear', 'convex', got 'exp'",
    ),
    "counts": (lambda: label_aware_smoothing([0, 0]), r"class_counts: .*one above 0"),
    "other-classes": (
        lambda: LabelAwareSmoothingLoss([0.1, 0.2])(torch.zeros(1, 3), torch.tensor([0])),
        r"smoothing: expected one value a class, \[3\].*got \[2\]",
    ),
}


@pytest.mark.parametrize(("mistake", "message"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_told_with_what_was_expected(mistake, message):
    with pytest.raises(OptionError, match=message):
        mistake()
