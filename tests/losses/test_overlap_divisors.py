"""What the mean of losses of overlap divides by: ratios, their weights, those present, a number."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor

from balancekit import losses as bl
from balancekit.errors import OptionError
from tests.losses.cases import close, loss_and_gradient, random_logits

WEIGHTS = torch.tensor([0.5, 1.0, 2.5, 1.5], dtype=torch.float64)
SAMPLE_WEIGHTS = torch.tensor([1.0, 0.5, 2.0, 3.0], dtype=torch.float64)

# A ratio for each class, and one ratio for all of them.
OF_CLASSES: dict[str, Callable[..., Tensor]] = {
    "dice": bl.dice_loss,
    "dice-weighted": partial(bl.dice_loss, class_weights=WEIGHTS),
    "tversky-of-foreground": partial(bl.tversky_loss, include_background=False),
    "focal-tversky-skipping": partial(bl.focal_tversky_loss, class_weights=WEIGHTS, absent="skip"),
}
OF_ALL: dict[str, Callable[..., Tensor]] = {
    "generalized-dice": bl.generalized_dice_loss,
    "generalized-dice-weighted": partial(bl.generalized_dice_loss, class_weights=WEIGHTS),
    "unified": bl.unified_focal_loss,
    "unified-weighted": partial(bl.unified_focal_loss, class_weights=WEIGHTS),
}
LOSSES = OF_CLASSES | OF_ALL
each_loss = pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
each_of_all = pytest.mark.parametrize("loss", OF_ALL.values(), ids=OF_ALL)
overs = pytest.mark.parametrize("over", ["sample", "batch"])

MODULES = {
    "dice": bl.DiceLoss,
    "tversky": bl.TverskyLoss,
    "focal-tversky": bl.FocalTverskyLoss,
    "generalized-dice": bl.GeneralizedDiceLoss,
    "unified": bl.UnifiedFocalLoss,
}
each_module = pytest.mark.parametrize("kind", MODULES.values(), ids=MODULES)


def pictures() -> tuple[Tensor, Tensor]:
    """Four of four classes, of which each lacks some; the second has void pixels alone."""
    targets = torch.tensor(
        [[0, 0, 0, 1, 1, 2], [-100] * 6, [0, 0, 0, 0, 0, -100], [0, 3, 3, 2, 2, -100]]
    )
    return random_logits(4, 4, 6), targets


PRESENT = torch.tensor([[1, 1, 1, 0], [0, 0, 0, 0], [1, 0, 0, 0], [1, 0, 1, 1]]).double()
VALID = torch.tensor([1.0, 0, 1, 1], dtype=torch.float64).unsqueeze(1)


def amounts(name: str) -> dict[str, Tensor]:
    """What each normalizer divides by over samples, by hand."""
    shares = VALID
    if name in OF_CLASSES:
        shares = VALID.expand(4, 4) if "skipping" not in name else PRESENT
        shares = shares * WEIGHTS if name in ("dice-weighted", "focal-tversky-skipping") else shares
    kept = slice(1, None) if "foreground" in name else slice(None)
    shares, present = shares[:, kept], PRESENT[:, kept]
    found = {"count": shares.sum(), "weight": (shares * SAMPLE_WEIGHTS.unsqueeze(1)).sum()}
    return found | ({"positives": (shares * present).sum()} if name in OF_CLASSES else {})


AMOUNTS = [
    pytest.param(LOSSES[name], normalizer, amount, id=f"{name}-{normalizer}")
    for name in LOSSES
    for normalizer, amount in amounts(name).items()
]


@pytest.mark.parametrize(("loss", "normalizer", "amount"), AMOUNTS)
def test_the_mean_is_the_sum_over_what_its_normalizer_names(loss, normalizer, amount):
    loss = partial(loss, sample_weight=SAMPLE_WEIGHTS)
    total, gradient = loss_and_gradient(loss, *pictures(), reduction="sum")
    got = loss_and_gradient(loss, *pictures(), normalizer=normalizer)
    close(got, (total / amount, gradient / amount))


@each_loss
@overs
def test_a_number_is_what_the_sum_is_divided_by(loss, over):
    total = loss(*pictures(), over=over, reduction="sum")
    close(loss(*pictures(), over=over, normalizer=torch.tensor(7)), total / 7)


@each_loss
def test_equal_sample_weights_cancel_in_the_sum_of_weights_alone(loss):
    weight = torch.full((4,), 3.0)
    once = loss(*pictures())
    close(loss(*pictures(), sample_weight=weight, normalizer="weight"), once)
    close(loss(*pictures(), sample_weight=weight, normalizer="count"), 3 * once)


@each_loss
def test_over_the_batch_sample_weights_are_in_the_ratios_and_in_no_divisor(loss):
    options = {"over": "batch", "sample_weight": SAMPLE_WEIGHTS}
    close(
        loss(*pictures(), normalizer="weight", **options),
        loss(*pictures(), normalizer="count", **options),
    )


def test_what_is_predicted_of_absent_classes_divides_nothing_of_the_positives():
    # One picture of class 0, half of which is said to be class 1: errors of ½ and of all.
    logits = torch.tensor([[[9.0, 9.0, -9.0, -9.0], [-9.0, -9.0, 9.0, 9.0]]]).double()
    targets = torch.zeros(1, 4, dtype=torch.long)
    options = {"alpha": 0.5, "beta": 0.5, "smooth": 0.0}
    mean = bl.tversky_loss(logits, targets, **options)
    positives = bl.tversky_loss(logits, targets, normalizer="positives", **options)
    # Sure to e^-18.
    torch.testing.assert_close(mean.item(), (1 / 3 + 1) / 2, rtol=1e-6, atol=0)
    torch.testing.assert_close(positives.item(), 1 / 3 + 1, rtol=1e-6, atol=0)


def test_labels_of_sigmoids_are_positive_where_a_picture_has_them():
    logits, labels = random_logits(3, 2, 5), torch.zeros(3, 2, 5)
    labels[0, 0, :2], labels[1, 0, 3], labels[1, 1] = 1, 0.25, -100
    loss = partial(bl.dice_loss, logits, labels, activation="sigmoid")
    total = loss(reduction="sum")
    close(loss(), total / 5)
    close(loss(normalizer="positives"), total / 2)
    close(loss(normalizer="positives", over="batch"), loss(over="batch", reduction="sum") / 1)


@each_of_all
@overs
def test_one_ratio_of_all_classes_has_no_positives(loss, over):
    with pytest.raises(OptionError, match="'positives': one ratio is of all classes"):
        loss(*pictures(), over=over, normalizer="positives")


@each_loss
@overs
def test_nothing_that_counts_is_0_by_every_normalizer(loss, over):
    logits, targets = torch.full((2, 4, 3), float("nan")), torch.full((2, 3), -100)
    names = ("count", "weight") if loss in OF_ALL.values() else ("count", "weight", "positives")
    for normalizer in (*names, torch.tensor(0), torch.tensor(3)):
        value, gradient = loss_and_gradient(loss, logits, targets, over=over, normalizer=normalizer)
        assert value == 0
        assert not gradient.any()


@pytest.mark.parametrize("cut", [1, 3])
@each_loss
def test_micro_batches_with_the_number_of_ratios_add_up_to_the_batch(loss, cut):
    logits, targets = pictures()
    count = next(a for one, by, a in (p.values for p in AMOUNTS) if (one, by) == (loss, "count"))
    loss = partial(loss, normalizer=count)
    whole = loss_and_gradient(loss, logits, targets, sample_weight=SAMPLE_WEIGHTS)
    parts = [
        loss_and_gradient(loss, logits[part], targets[part], sample_weight=SAMPLE_WEIGHTS[part])
        for part in (slice(cut), slice(cut, None))
    ]
    values, gradients = zip(*parts, strict=True)
    close((sum(values), torch.cat(gradients)), whole)


@each_loss
def test_ratios_over_micro_batches_are_not_those_over_the_batch(loss):
    # As the docstring says: a ratio of sums is no sum.
    logits, targets = pictures()
    whole = loss(logits, targets, over="batch")
    parts = [loss(logits[p], targets[p], over="batch") / 2 for p in (slice(2), slice(2, None))]
    assert abs(sum(parts) / whole - 1) > 1e-4  # rounding is 1e-15


@pytest.mark.parametrize("normalizer", ["count", "weight"])
@pytest.mark.parametrize(
    "loss",
    [
        bl.dice_loss,
        partial(bl.focal_tversky_loss, absent="skip"),
        bl.generalized_dice_loss,
        bl.unified_focal_loss,
    ],
    ids=["dice", "focal-tversky", "generalized-dice", "unified"],
)
@overs
def test_weights_that_are_learned_get_the_gradient_of_the_divisor_too(loss, over, normalizer):
    options = {"over": over, "normalizer": normalizer}

    def of_weights(class_weights, sample_weight):
        given = {"class_weights": class_weights, "sample_weight": sample_weight}
        return loss(*pictures(), **given, **options)

    weights = (WEIGHTS.clone().requires_grad_(), SAMPLE_WEIGHTS.clone().requires_grad_())
    assert torch.autograd.gradcheck(of_weights, weights)


# --- as modules ------------------------------------------------------------------------------


@each_module
def test_modules_take_a_name_when_made_and_a_number_when_called(kind):
    logits, targets = pictures()
    total = kind(reduction="sum")(logits, targets)
    module = kind(normalizer="weight")
    assert "normalizer='weight'" in repr(module)
    close(
        module(logits, targets, sample_weight=SAMPLE_WEIGHTS),
        module(logits, targets, sample_weight=2 * SAMPLE_WEIGHTS),
    )
    close(module(logits, targets, normalizer=torch.tensor(7)), total / 7)
    compiled = torch.compile(module, fullgraph=True, backend="aot_eager")
    close(compiled(logits, targets, normalizer=torch.tensor(7.0)), total / 7)
    torch._dynamo.reset()


@each_module
def test_modules_refuse_numbers_and_other_names(kind):
    with pytest.raises(OptionError, match="normalizer: expected a name when a module is made"):
        kind(normalizer=torch.tensor(3))
    with pytest.raises(OptionError, match=r"normalizer: expected one of 'count', .* got 'sum'"):
        kind(normalizer="sum")
    with pytest.raises(OptionError, match=r"normalizer: expected one number, got a tensor \[4\]"):
        kind()(*pictures(), normalizer=torch.ones(4))


# --- two processes ---------------------------------------------------------------------------


def names_of(name: str) -> list[str]:
    return ["count", "weight", "number", *["positives"] * (name in OF_CLASSES)]


ASKED = [(n, over, by) for n in LOSSES for over in ("sample", "batch") for by in names_of(n)]


def run(name: str, over: str, by: str, part: slice, **options: Any) -> tuple[Tensor, Tensor]:
    """Loss and gradient of one process that is given these pictures."""
    logits, targets = pictures()
    # Its own number of pictures; over the batch each process has the ratios of all.
    n_mine = torch.tensor(3.0) if over == "batch" else VALID[part].sum()
    return loss_and_gradient(
        partial(LOSSES[name], over=over, normalizer=n_mine if by == "number" else by, **options),
        logits[part],
        targets[part],
        sample_weight=SAMPLE_WEIGHTS[part],
    )


def on_a_rank(rank: int) -> dict[tuple[str, str, str], tuple[Tensor, Tensor]]:
    part = (slice(0, 1), slice(1, None))[rank]
    return {asked: run(*asked, part, sync="auto") for asked in ASKED}


@pytest.fixture(scope="module")
def both(two_ranks) -> list[dict[tuple[str, str, str], tuple[Tensor, Tensor]]]:
    return two_ranks(on_a_rank)


@pytest.mark.parametrize("asked", ASKED, ids="-".join)
def test_two_processes_equal_one_large_batch(both, asked):
    losses, gradients = zip(*(found[asked] for found in both), strict=True)
    # Frameworks average gradients over processes, and so losses.
    close((sum(losses) / 2, torch.cat(gradients) / 2), run(*asked, slice(None)))
