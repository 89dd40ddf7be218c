"""What holds for every loss however it is asked: shapes, layouts, orders, what is ignored."""

import itertools
from contextlib import nullcontext
from dataclasses import replace
from functools import partial

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings

from balancekit.errors import OptionError
from balancekit.losses.kernels.choice import reference_only
from tests.losses.cases import (
    LOSSES,
    SIGMOID,
    SOFTMAX,
    WEIGHTS,
    close,
    each,
    each_loss,
    each_sigmoid,
    each_softmax,
    loss_and_gradient,
    random_logits,
    random_targets,
    rows_of,
    soft_or_hard,
    those,
)

hypothesis_settings = settings(max_examples=40)
some_loss = st.sampled_from(sorted(LOSSES))
seeds = st.integers(0, 999)
names_of_normalizers = pytest.mark.parametrize("normalizer", ["count", "weight"])


# --- the same however it is asked ---------------------------------------------------------


@names_of_normalizers
@each_softmax
def test_one_hot_rows_equal_class_indices(case, normalizer):
    logits, targets = random_logits(6, 4, 3), random_targets(case, 6, 4, 3)
    close(
        loss_and_gradient(case, logits, rows_of(targets), normalizer=normalizer),
        loss_and_gradient(case, logits, targets, normalizer=normalizer),
    )


@each(**those(LOSSES, lambda case: case.mixes))
def test_soft_targets_cost_the_mixture_of_the_hard_ones(case):
    # So that mixup may mix targets or losses.
    logits, targets, others = (
        random_logits(6, 4, 3),
        *(random_targets(case, 6, 4, 3, seed=seed) for seed in (1, 2)),
    )
    both = [part.double() if case.of_sigmoids else rows_of(part) for part in (targets, others)]
    mixed = loss_and_gradient(case, logits, 0.3 * both[0] + 0.7 * both[1])
    parts = [loss_and_gradient(case, logits, part) for part in (targets, others)]
    close(mixed, tuple(0.3 * a + 0.7 * b for a, b in zip(*parts, strict=True)))


@soft_or_hard
@each_loss
def test_more_dimensions_equal_the_flat_batch(case, soft):
    logits, targets = random_logits(2, 4, 3, 5), random_targets(case, 2, 4, 3, 5, soft=soft)
    flat = logits.movedim(1, -1).reshape(-1, 4)
    by_class = targets.ndim == 4
    flat_targets = targets.movedim(1, -1).reshape(-1, 4) if by_class else targets.flatten()
    close(case(logits, targets), case(flat, flat_targets))
    losses = case(flat, flat_targets, reduction="none")
    back = losses.reshape(2, 3, 5, *losses.shape[1:])
    close(
        case(logits, targets, reduction="none"),
        back.movedim(-1, 1) if case.of_sigmoids else back,
    )


@pytest.mark.parametrize("shape", [(), (7,)], ids=["one", "row"])
@each(**those(SIGMOID, lambda case: not case.constants))
def test_labels_alike_may_have_any_shape(case, shape):
    logits, targets = random_logits(*shape), random_targets(case, *shape)
    column = logits.reshape(-1, 1), targets.reshape(-1, 1)
    close(case(logits, targets), case(*column))
    assert case(logits, targets, reduction="none").shape == shape


@soft_or_hard
@each_loss
def test_memory_layout_does_not_matter(case, soft):
    logits = random_logits(4, 3, 6).transpose(1, 2)[:, 1:5]
    targets = random_targets(case, 4, 4, 3, soft=soft)
    strided = targets.transpose(0, 1).contiguous().transpose(0, 1)
    assert not logits.is_contiguous()
    assert not strided.is_contiguous()
    close(
        loss_and_gradient(case, logits, strided),
        loss_and_gradient(case, logits.contiguous(), targets),
    )


@hypothesis_settings
@given(
    st.sampled_from(sorted(those(SOFTMAX, lambda case: case.forgets_shifts))),
    st.floats(-1e3, 1e3),
    st.booleans(),
    seeds,
)
def test_a_shift_of_all_logits_changes_nothing(name, shift, soft, seed):
    case, logits = SOFTMAX[name], random_logits(6, 4, seed=seed)
    targets = random_targets(case, 6, 4, soft=soft, seed=seed + 1)
    got = loss_and_gradient(case, logits + shift, targets)
    # Adding 1e3 rounds the logits themselves by 1e-13, times the slope of the loss.
    close(got, loss_and_gradient(case, logits, targets), rtol=1e-9, atol=1e-10)


@hypothesis_settings
@given(some_loss, st.permutations(range(4)), st.booleans(), seeds)
def test_the_order_of_classes_does_not_matter(name, order, soft, seed):
    case, order = LOSSES[name], torch.tensor(order)
    logits = random_logits(6, 4, seed=seed)
    targets = random_targets(case, 6, 4, soft=soft, seed=seed + 1)
    turned = replace(case, constants={k: values[order] for k, values in case.constants.items()})
    turned_targets = targets[:, order] if targets.ndim == 2 else order.argsort()[targets]
    got, gradient = loss_and_gradient(turned, logits[:, order], turned_targets)
    close((got, gradient[:, order.argsort()]), loss_and_gradient(case, logits, targets))


@hypothesis_settings
@given(some_loss, st.permutations(range(6)), seeds)
def test_the_order_of_samples_does_not_matter(name, order, seed):
    case, logits = LOSSES[name], random_logits(6, 4, seed=seed)
    targets = random_targets(case, 6, 4, seed=seed + 1)
    losses = case(logits, targets, reduction="none")
    close(case(logits[order], targets[order], reduction="none"), losses[order])
    close(case(logits[order], targets[order]), case(logits, targets))


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int16, torch.int32], ids=str)
@each_loss
def test_targets_may_be_integers_of_any_width(case, dtype):
    logits, targets = random_logits(6, 4), random_targets(case, 6, 4)
    close(
        loss_and_gradient(case, logits, targets.to(dtype)), loss_and_gradient(case, logits, targets)
    )


# --- reduction and weights of samples -----------------------------------------------------------


@soft_or_hard
@each_loss
def test_mean_and_sum_are_those_of_the_single_losses(case, soft):
    logits, targets = random_logits(5, 4, 3), random_targets(case, 5, 4, 3, soft=soft)
    losses, gradient = loss_and_gradient(case, logits, targets, reduction="none")
    n = losses.numel()
    close(loss_and_gradient(case, logits, targets), (losses.mean(), gradient / n))
    close(loss_and_gradient(case, logits, targets, reduction="sum"), (losses.sum(), gradient))


@pytest.mark.parametrize("spread", [(5,), (5, 1), (1, 3), (5, 3)], ids=str)
@each_softmax
def test_sample_weights_multiply_the_losses_of_classes(case, spread):
    check_sample_weights(case, spread, spread)


@pytest.mark.parametrize(
    ("shape", "spread"),
    [((5,), (5, 1, 1)), ((1, 4), (1, 4, 1)), ((5, 4, 3), (5, 4, 3))],
    ids=["sample", "label", "target"],
)
@each_sigmoid
def test_sample_weights_multiply_the_losses_of_labels(case, shape, spread):
    check_sample_weights(case, shape, spread)


def check_sample_weights(case, shape, spread):
    logits, targets = random_logits(5, 4, 3), random_targets(case, 5, 4, 3)
    weight = random_logits(*shape, seed=3).exp()
    if len(shape) == 1 and not case.of_sigmoids:
        spread = (*shape, 1)
    losses = case(logits, targets, reduction="none")
    weighted = losses * weight.reshape(spread)
    close(case(logits, targets, reduction="none", sample_weight=weight), weighted)
    close(case(logits, targets, sample_weight=weight), weighted.sum() / losses.numel())
    # What the sum of weights is without them, "weight" divides by n times as much with n.
    once = case(logits, targets, normalizer="weight", sample_weight=weight)
    twice = case(logits, targets, normalizer="weight", sample_weight=2 * weight)
    close(once, twice)


@names_of_normalizers
@each_loss
def test_equal_sample_weights_count_by_the_normalizer(case, normalizer):
    logits, targets = random_logits(6, 4), random_targets(case, 6, 4)
    weighted = case(logits, targets, sample_weight=torch.full((6,), 3.0), normalizer=normalizer)
    factor = 3 if normalizer == "count" else 1
    close(weighted, factor * case(logits, targets, normalizer=normalizer))


@each(**those(LOSSES, lambda case: "class_weights" in case.constants))
def test_the_weight_normalizer_divides_by_the_weights_of_the_targets(case):
    # Of one class alone nothing but the weight of the sample is left of its weight.
    logits = random_logits(6, 4)
    targets = torch.full((6,), 2)
    if case.of_sigmoids:
        logits, targets = logits[:, :1].expand(6, 4), random_targets(case, 6, 1).expand(6, 4)
    unweighted = replace(case, constants={**case.constants, "class_weights": None})
    close(
        case(logits, targets, normalizer="weight"),
        unweighted(logits, targets, normalizer="weight"),
    )
    assert abs(case(logits, targets) / unweighted(logits, targets) - 1) > 0.1


@each_sigmoid
def test_the_positives_normalizer_divides_by_the_labels_that_are_1(case):
    logits, targets = random_logits(6, 4), random_targets(case, 6, 4)
    targets[0] = -100
    total = case(logits, targets, reduction="sum")
    close(case(logits, targets, normalizer="positives"), total / (targets == 1).sum())
    assert case(logits, torch.zeros_like(targets), normalizer="positives").isfinite()


@each_softmax
def test_a_class_is_neither_positive_nor_negative(case):
    logits, targets = random_logits(6, 4), random_targets(case, 6, 4)
    with pytest.raises(OptionError, match="a target over a softmax is a class"):
        case(logits, targets, normalizer="positives")


@pytest.mark.parametrize("cut", [1, 4])
@each(**those(LOSSES, lambda case: not case.knows_batch))
def test_parts_of_a_batch_with_its_normalizer_add_up_to_it(case, cut):
    logits, targets = random_logits(6, 4), random_targets(case, 6, 4)
    targets[1] = -100
    weight = random_logits(6, seed=5).exp()
    count = torch.tensor(5 * 4 if case.of_sigmoids else 5)
    loss, gradient = loss_and_gradient(case, logits, targets, sample_weight=weight)
    parts = [
        loss_and_gradient(
            case, logits[part], targets[part], sample_weight=weight[part], normalizer=count
        )
        for part in (slice(cut), slice(cut, None))
    ]
    values, gradients = zip(*parts, strict=True)
    close((sum(values), torch.cat(gradients)), (loss, gradient))


# Where no kernel reads the classes first, torch refuses them in words of its own.
NO_SUCH_CLASS = (OptionError, IndexError, RuntimeError)
NO_SUCH_CLASS_MESSAGE = "expected classes 0 to 3, or -100 to be ignored, got "


# --- ignored targets -------------------------------------------------------------------------


@pytest.mark.parametrize("junk", [1e30, float("inf"), -float("inf"), float("nan")])
@each_loss
def test_ignored_logits_and_weights_do_not_matter(case, junk):
    logits, targets = random_logits(5, 4, 2), random_targets(case, 5, 4, 2)
    weight = random_logits(5, seed=3).exp()
    kept = torch.tensor([0, 1, 3])
    for normalizer, only in itertools.product(("count", "weight"), (nullcontext, reference_only)):
        loss = partial(case, normalizer=normalizer)
        expected, gradient = loss_and_gradient(
            loss, logits[kept], targets[kept], sample_weight=weight[kept]
        )
        logits[[2, 4]], targets[[2, 4]], weight[[2, 4]] = junk, 255, junk
        with only():
            got, whole = loss_and_gradient(
                loss, logits, targets, ignore_index=255, sample_weight=weight
            )
        close((got, whole[kept]), (expected, gradient))
        assert not whole[[2, 4]].any()


@each(**those(SIGMOID, lambda case: case.mixes))
def test_labels_of_one_sample_may_be_ignored_singly(case):
    logits, targets = random_logits(5, 4), random_targets(case, 5, 4)
    losses, gradient = loss_and_gradient(case, logits, targets, reduction="none")
    ignored = random_logits(5, 4, seed=7) > 1
    some = logits.masked_fill(ignored, float("nan")), targets.masked_fill(ignored, -100)
    got, whole = loss_and_gradient(case, *some, reduction="none")
    close((got, whole), (losses.masked_fill(ignored, 0), gradient.masked_fill(ignored, 0)))
    close(case(*some), losses[~ignored].mean())


@pytest.mark.parametrize("n_samples", [0, 3], ids=["empty-batch", "all-ignored"])
@each_loss
def test_nothing_to_learn_from_is_a_loss_of_0_with_gradient_0(case, n_samples):
    logits = torch.full((n_samples, 4), float("nan"))
    targets = torch.full((n_samples, 4) if case.of_sigmoids else (n_samples,), -100)
    names = ["count", "weight"] + ["positives"] * case.of_sigmoids
    for normalizer, only in itertools.product(names, (nullcontext, reference_only)):
        with only():
            value, gradient = loss_and_gradient(case, logits, targets, normalizer=normalizer)
        assert value == 0
        assert not gradient.any()


@each_loss
def test_bytes_are_not_taken_for_the_ignored_target(case):
    # torch compares uint8 with -100 as if it were 156.
    logits = random_logits(3, 4)
    targets = random_targets(case, 3, 4).to(torch.uint8)
    kept, targets[1] = targets[[0, 2]], 156
    close(case(logits, targets, ignore_index=156), case(logits[[0, 2]], kept))
    if not case.of_sigmoids:
        with pytest.raises(NO_SUCH_CLASS, match=NO_SUCH_CLASS_MESSAGE + "156|bounds"):
            case(logits, targets)


# --- shapes that do not belong together ------------------------------------------------------

Z, Y = random_logits(6, 4), torch.zeros(6, dtype=torch.long)
WRONG_CLASSES = {
    "column": (Z, Y[:, None], r"targets: expected class indices.*int64 \[6, 1\].*squeeze"),
    "float-indices": (Z, Y.float(), r"targets: .*float32 \[6\].*\.long\(\)"),
    "int-one-hot": (Z, rows_of(Y).long(), r"targets: .*int64 \[6, 4\].*\.float\(\)"),
    "bool": (Z, Y > 0, r"targets: .*bool \[6\]"),
    "fewer": (Z, Y[:5], r"targets: .*int64 \[5\]"),
    "flat-logits": (Z[0], Y[0], r"logits: expected \[N, C\]"),
    "one-class": (Z[:, :1], Y, r"logits: .*C of at least 2.*sigmoid"),
    "int-logits": (Y, Z, "logits: expected a float tensor.*order of arguments"),
}
WRONG_LABELS = {
    "row": (Z, Z.round()[:1], r"targets: expected one a logit, \[6, 4\], got float64 \[1, 4\]"),
    "indices": (Z, Y.double(), r"targets: expected one a logit, \[6, 4\], got float64 \[6\]"),
    "int-logits": (rows_of(Y).long(), Z, "logits: expected a float tensor.*order of arguments"),
}
WRONG_OPTIONS = {
    "reduction": ({"reduction": "avg"}, "reduction: expected one of 'mean', 'sum', 'none'.*'avg'"),
    "normalizer": ({"normalizer": "n"}, "normalizer: .*'positives' or a tensor, got 'n'"),
    "two-normalizers": (
        {"normalizer": torch.ones(2)},
        r"normalizer: expected one number, got a tensor \[2\]",
    ),
    "sample-weight": (
        {"sample_weight": torch.ones(3)},
        r"sample_weight: expected one weight a sample \[6\].*got \[3\]",
    ),
    "sample-weight-dims": ({"sample_weight": torch.ones(6, 1, 1)}, r"got \[6, 1, 1\]"),
    "sync": ({"sync": "all"}, "sync: expected 'none', 'auto' or a process group, got 'all'"),
}


@each_loss
def test_targets_that_do_not_belong_to_the_logits_are_refused(case):
    wrong = WRONG_LABELS if case.of_sigmoids else WRONG_CLASSES
    for logits, targets, message in wrong.values():
        with pytest.raises(OptionError, match=message):
            case(logits, targets)


@each_loss
def test_options_that_do_not_exist_are_refused(case):
    logits, targets = random_logits(6, 4), random_targets(case, 6, 4)
    for options, message in WRONG_OPTIONS.values():
        with pytest.raises(OptionError, match=message):
            case(logits, targets, **options)


@each(**those(LOSSES, lambda case: case.constants and not case.takes_classes))
def test_constants_of_another_number_of_classes_are_refused(case):
    logits, targets = random_logits(6, 4), random_targets(case, 6, 4)
    for name, values in case.constants.items():
        with pytest.raises(OptionError, match=rf"{name}: expected one value .*\[4\].*got \[3\]"):
            case(logits, targets, **{name: values[:3]})


@each_softmax
def test_a_class_that_does_not_exist_is_refused(case):
    logits, targets = random_logits(6, 4), random_targets(case, 6, 4)
    for wrong in (4, -1, -101):
        targets[2] = wrong
        with pytest.raises(NO_SUCH_CLASS, match=f"{NO_SUCH_CLASS_MESSAGE}{wrong}|out of bounds"):
            case(logits, targets)


def test_dividing_by_positives_is_what_detection_does():
    logits, targets = torch.zeros(2, 4), torch.tensor([[1, 0, 0, 0], [1, 0, 0, 0]])
    loss = SIGMOID["bce"](logits, targets, normalizer="positives")
    torch.testing.assert_close(loss, 4 * torch.tensor(2.0).log())


def test_the_weight_normalizer_of_labels_sums_what_multiplies_each():
    logits, targets = torch.zeros(5, 4, dtype=torch.float64), random_logits(5, 4, seed=3).sigmoid()
    # At logits 0 every label costs log 2 times its weight, so the weighted mean is log 2.
    for name in ("bce-weighted", "sigmoid-focal"):
        case = SIGMOID[name]
        options = {"gamma": 0.0} if "focal" in name else {}
        got = case(logits, targets, normalizer="weight", **options)
        close(got, torch.tensor(2.0, dtype=torch.float64).log())


def test_the_weight_normalizer_of_classes_is_the_weighted_mean():
    logits, targets = random_logits(3, 4, 5), random_logits(3, 4, 5, seed=1).argmax(1)
    weight = random_logits(3, 5, seed=2).exp()
    case = SOFTMAX["focal-quarter"]
    losses = case(logits, targets, reduction="none") * weight
    got = case(logits, targets, sample_weight=weight, normalizer="weight")
    close(got, losses.sum() / (WEIGHTS[targets] * weight).sum())
