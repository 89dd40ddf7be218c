"""What users may get wrong in an option of one loss; those of all are in the tests of laws."""

from collections import Counter
from functools import partial

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.checkpoint import checkpoint

import balancekit
from balancekit.errors import OptionError
from balancekit.losses import (
    ClassBalancedLoss,
    DeferredReweighting,
    DiceLoss,
    EQLv2Loss,
    FocalLoss,
    GHMCLoss,
    GHMRLoss,
    LDAMLoss,
    LogitAdjustedLoss,
    SeesawLoss,
    SigmoidFocalLoss,
    UnifiedFocalLoss,
    WeightedBCELoss,
    WeightedCrossEntropyLoss,
    asymmetric_loss,
    balanced_softmax_loss,
    cross_entropy,
    dice_loss,
    distribution_balanced_loss,
    focal_loss,
    ghm_c_loss,
    init_bias_,
    label_aware_smoothing_loss,
    ldam_loss,
    logit_adjusted_cross_entropy,
    one_vs_rest_focal_loss,
    sigmoid_focal_loss,
    weighted_bce_with_logits,
)

Z, Y = torch.zeros(2, 3), torch.tensor([0, 2])
OF_FUNCTIONS = {
    "scalar-weight": (lambda: focal_loss(Z, Y, torch.tensor(0.25)), r"class_weights.*\[3\]"),
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
}
LABELS = Z.clone()
OF_TARGETS = {
    "mask-of-255": (
        lambda: weighted_bce_with_logits(Z, LABELS + 255),
        "targets: expected 0 to 1, .* got 255. Give ignore_index=255 .* 0 and 255 by 255",
    ),
    "uint8-mask": (
        lambda: sigmoid_focal_loss(Z, torch.full((2, 3), 255, dtype=torch.uint8)),
        "targets: expected 0 to 1, .* got 255",
    ),
    "below-0": (lambda: asymmetric_loss(Z, LABELS - 1), "targets: .* got -1"),
    "between-ignored-and-0": (
        lambda: weighted_bce_with_logits(Z, torch.tensor([[0, 1, -100], [1, -1, 0]])),
        "targets: expected 0 to 1, or -100 .* got -1",
    ),
    "above-1-and-255-ignored": (
        lambda: dice_loss(
            Z, torch.tensor([[0, 1, 255], [1, 7, 0]]), activation="sigmoid", ignore_index=255
        ),
        "targets: expected 0 to 1, or 255 .* got 7",
    ),
    "logits-as-labels": (
        lambda: distribution_balanced_loss(Z, LABELS + 1.5, torch.zeros(3)),
        "targets: .* got 1.5. Pass the logits first",
    ),
    "nan": (
        lambda: ghm_c_loss(Z, LABELS * float("nan"), base="sigmoid"),
        "targets: .* got nan",
    ),
    "infinite": (lambda: EQLv2Loss(3)(Z, LABELS + float("inf")), "targets: .* got inf. Pass"),
    "several-labels": (
        lambda: focal_loss(Z, LABELS + 1),
        "targets: .* sum to 1, got a row that sums to 3. .* WeightedBCELoss",
    ),
    "rows-in-16-bits": (lambda: cross_entropy(Z, LABELS.bfloat16() + 1), "got a row .* to 3"),
    "negative-shares": (lambda: one_vs_rest_focal_loss(Z, LABELS - 1), "shares .*0, got -1"),
    "nan-shares": (lambda: dice_loss(Z, LABELS * float("nan")), "shares .* got nan"),
    "class-of-overlap": (lambda: dice_loss(Z, Y + 1), "targets: expected classes 0 to 2, .*got 3"),
    "class-of-eql": (lambda: EQLv2Loss(3)(Z, Y + 2), "targets: expected classes 0 to 3, .*got 4"),
    "below-classes-of-eql": (lambda: EQLv2Loss(3)(Z, Y - 1), "targets: .*got -1"),
    "classes-on-the-last-axis": (
        lambda: focal_loss(torch.zeros(2, 5, 4, 3), torch.zeros(2, 5, 4, dtype=torch.long)),
        r"targets: .*Classes lie on axis 1: pass logits.movedim\(-1, 1\)",
    ),
}
NO_TENSORS = {
    "logits": lambda: cross_entropy(Z.tolist(), Y),
    "targets": lambda: cross_entropy(Z, Y.numpy()),
    "class_weights": lambda: cross_entropy(Z, Y, [1.0, 2.0, 3.0]),
    "sample_weight": lambda: cross_entropy(Z, Y, sample_weight=[1.0, 2.0]),
    "class_counts": lambda: balanced_softmax_loss(Z, Y, [1, 2, 3]),
    "log_prior": lambda: logit_adjusted_cross_entropy(Z, Y, np.zeros(3)),
    "margins": lambda: ldam_loss(Z, Y, [0.1, 0.2, 0.3]),
    "smoothing": lambda: label_aware_smoothing_loss(Z, Y, [0.1, 0.2, 0.3]),
    "counts": lambda: ghm_c_loss(Z, Y, counts=[1, 2]),
    "log_odds": lambda: distribution_balanced_loss(Z, Z, [0.1, 0.2, 0.3]),
    "pos_weight": lambda: weighted_bce_with_logits(Z, Z, 3.0),
    "logits-of-labels": lambda: weighted_bce_with_logits(Z.tolist(), Z),
    "targets-of-labels": lambda: asymmetric_loss(Z, Z.tolist()),
    "logits-of-overlap": lambda: dice_loss(Z.tolist(), Z, activation="sigmoid"),
    "class_weights-of-overlap": lambda: dice_loss(Z, Y, [1, 2, 3]),
    "sample_weight-of-overlap": lambda: dice_loss(Z, Y, sample_weight=[1, 2]),
}
OF_OPTIONS = {
    "from-counts": (
        lambda: LogitAdjustedLoss.from_counts([5, 3], taw=2.0),
        "LogitAdjustedLoss: expected .*tau, .*reduction, .*got taw. Did you mean 'tau'",
    ),
    "module": (lambda: GHMCLoss(bins=10), "GHMCLoss: .*got bins. Did you mean 'n_bins'"),
    "weight-of-torch": (
        lambda: WeightedCrossEntropyLoss(weight=[1, 2]),
        "got weight. Did you mean 'class_weights'",
    ),
    "alpha-of-focal": (lambda: FocalLoss(alpha=0.25), "got alpha. Did you mean 'class_weights'"),
    "weight-of-labels": (
        lambda: WeightedBCELoss(weight=2.0),
        "got weight. Did you mean 'pos_weight'",
    ),
    "overlap": (lambda: DiceLoss(weight=[1, 2]), "got weight. Did you mean 'class_weights'"),
    "like-nothing": (lambda: UnifiedFocalLoss(xyz=0.5), r"UnifiedFocalLoss: .*got xyz\.$"),
}
OF_COUNTS = {
    "dict": (lambda: FocalLoss.from_counts({0: 5, 1: 3}), "got a dict. Give its values in the ord"),
    "counter": (lambda: DiceLoss.from_counts(Counter([0, 1])), "got a Counter. Give its values"),
    "string": (lambda: FocalLoss.from_counts("abc"), "class_counts: .* a class, got a str"),
    "none": (lambda: FocalLoss.from_counts(None), "class_counts: .* got None"),
    "values": (lambda: FocalLoss.from_counts({0: 5}.values()), "got a dict_values. Give a list"),
    "ragged": (lambda: FocalLoss.from_counts([[5], [1, 2]]), "got a list"),
    "stats": (lambda: FocalLoss.from_counts(balancekit.analyze([0, 1, 1])), "Use from_stats"),
    "weights": (lambda: FocalLoss(2.0, {0: 5}), "class_weights: .*got a dict"),
    "no-stats": (lambda: FocalLoss.from_stats([5, 3]), "stats: .*analyze gives, got list"),
    "no-stats-of-labels": (lambda: WeightedBCELoss.from_stats({}), "stats: .*got dict"),
    "no-stats-of-overlap": (lambda: DiceLoss.from_stats([5, 3]), "stats: .*from_counts"),
}
DEFERRED = partial(DeferredReweighting.from_counts, [5, 3], 100)
OF_PARTS = {
    "made-loss": (
        lambda: DEFERRED(criterion=FocalLoss()),
        "criterion: .*made loss .*from_weighted",
    ),
    "name-of-a-loss": (lambda: DEFERRED(criterion="focal"), r"criterion: .*partial\(LDAMLoss, mar"),
    "loss-without-margins": (
        lambda: DEFERRED(criterion=LDAMLoss),
        "criterion: .*missing .*'margins'. Give",
    ),
    "prior-of-sigmoids": (
        lambda: init_bias_(nn.Linear(2, 3), 0.01),
        'prior: .*got 0.01. .*activation="sigmoid"',
    ),
    "prior-of-labels": (
        lambda: init_bias_(nn.Linear(2, 3), [0.1, 0.1, 0.1]),
        "prior: .*sum to 1, got .*which sum to 0.3",
    ),
    "counts-as-log-prior": (
        lambda: LogitAdjustedLoss([900.0, 100.0]),
        r"log_prior: .*at most 0, got 900. Use LogitAdjustedLoss.from_counts\(class_counts\)",
    ),
    "counts-as-margins": (
        lambda: LDAMLoss([900.0, 100.0]),
        r"margins: expected at most 2.*got 900. Use LDAMLoss.from_counts\(class_counts\)",
    ),
}
OF_MODULES = {
    "scalar-alpha": (lambda: FocalLoss(2.0, 0.25), r"class_weights: .*\[C\], got shape \[\]"),
    "negative-weight": (lambda: FocalLoss(2.0, [1, -1]), r"class_weights: .*at least 0, got -1"),
    "nan-weight": (
        lambda: ClassBalancedLoss(class_weights=[1, float("nan")]),
        r"class_weights: .*got \[1.0, nan\]",
    ),
    "infinite-prior": (
        lambda: LogitAdjustedLoss(np.array([0.0, -np.inf])),
        r"log_prior: expected finite .*from_counts",
    ),
    "no-weights": (lambda: WeightedCrossEntropyLoss([]), r"class_weights: expected finite"),
    "matrix-pos-weight": (
        lambda: WeightedBCELoss(torch.ones(2, 2)),
        r"pos_weight: .*shape \[2, 2\]",
    ),
    "alpha": (lambda: SigmoidFocalLoss(alpha=2.0), r"alpha: .*\[0, 1\], got 2"),
    "gamma": (lambda: FocalLoss(-1.0), r"gamma: .*at least 0, got -1"),
    "sigmoid-gamma": (lambda: SigmoidFocalLoss(-1.0), r"gamma: .*at least 0, got -1"),
    "balanced-gamma": (
        lambda: ClassBalancedLoss(class_weights=[1, 1], gamma=-1.0),
        r"gamma: .*got -1",
    ),
    "smoothing": (lambda: WeightedCrossEntropyLoss(label_smoothing=-0.1), r"label_smoothing: "),
    "base": (
        lambda: ClassBalancedLoss(class_weights=[1, 1], base="ldam"),
        r"base: .*'sigmoid', got 'ldam'",
    ),
    "nan-tau": (
        lambda: LogitAdjustedLoss([0.0, 0.0], tau=float("nan")),
        r"tau: expected a finite number, got nan. 1 is the balanced softmax",
    ),
    "infinite-tau": (
        lambda: LogitAdjustedLoss.from_counts([5, 3], tau=float("inf")),
        r"tau: .*got inf",
    ),
    "beta": (lambda: ClassBalancedLoss.from_counts([1, 2], beta=1.0), r"beta: .*got 1"),
    "counts": (lambda: LogitAdjustedLoss.from_counts([0, 0]), r"class_counts: .*one above 0"),
    "n-samples": (lambda: WeightedBCELoss.from_counts([5], 3), r"n_samples: .*got 3"),
    "weights-of-other-classes": (
        lambda: FocalLoss.from_counts([5, 3])(torch.zeros(1, 3), torch.tensor([0])),
        r"class_weights: expected one value a class, \[3\].*got \[2\]",
    ),
}


@pytest.mark.parametrize(("mistake", "message"), OF_FUNCTIONS.values(), ids=OF_FUNCTIONS)
def test_a_mistake_in_a_call_is_told_with_what_was_expected(mistake, message):
    with pytest.raises(OptionError, match=message):
        mistake()


@pytest.mark.parametrize(("mistake", "message"), OF_MODULES.values(), ids=OF_MODULES)
def test_a_mistake_in_making_a_loss_is_told_with_what_was_expected(mistake, message):
    with pytest.raises(OptionError, match=message):
        mistake()


@pytest.mark.parametrize(
    ("mistake", "message"),
    [*OF_TARGETS.values(), *OF_OPTIONS.values(), *OF_COUNTS.values(), *OF_PARTS.values()],
    ids=[*OF_TARGETS, *OF_OPTIONS, *OF_COUNTS, *OF_PARTS],
)
def test_a_value_that_cannot_be_meant_is_told_with_what_to_do(mistake, message):
    with pytest.raises(OptionError, match=message):
        mistake()


@pytest.mark.parametrize(("name", "mistake"), NO_TENSORS.items(), ids=NO_TENSORS)
def test_lists_and_arrays_are_told_from_tensors(name, mistake):
    where = name.split("-of-")[0]
    with pytest.raises(OptionError, match=rf"{where}: expected a tensor, got .*torch.as_tensor"):
        mistake()


def test_counts_in_the_place_of_class_balanced_weights_are_no_argument():
    with pytest.raises(TypeError, match="positional"):
        ClassBalancedLoss([900, 100])


@pytest.mark.parametrize(
    "dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.int8, torch.long]
)
def test_labels_beside_ignored_ones_are_labels(dtype):
    targets = torch.tensor([[0, 1, -100], [1, 1, 0]], dtype=dtype)
    expected = F.softplus(torch.zeros([]))  # of each label that counts
    torch.testing.assert_close(weighted_bce_with_logits(Z, targets), expected)
    targets = targets.clamp(min=-1).to(torch.float32)
    with_255 = targets.masked_fill(targets < 0, 255)
    loss = weighted_bce_with_logits(Z, with_255, ignore_index=255)
    torch.testing.assert_close(loss, expected)


def test_rows_of_zeros_and_rows_that_rounding_has_moved_are_shares():
    assert cross_entropy(Z, torch.zeros(2, 3)) == 0
    for dtype in (torch.float16, torch.bfloat16, torch.float32):
        shares = torch.rand(64, 50, generator=torch.Generator().manual_seed(0)).softmax(1)
        assert cross_entropy(torch.zeros(64, 50), shares.to(dtype)).isfinite()


STATEFUL = {
    "ghm": lambda: GHMCLoss(n_bins=5),
    "seesaw": lambda: SeesawLoss(3),
    "eql": lambda: EQLv2Loss(3),
    "ghm-r": lambda: GHMRLoss(),
}
each_stateful = pytest.mark.parametrize("make", STATEFUL.values(), ids=STATEFUL)


def inputs_of(loss: nn.Module) -> tuple[torch.Tensor, torch.Tensor]:
    logits = torch.randn(8, 3, generator=torch.Generator().manual_seed(0))
    if isinstance(loss, GHMRLoss):
        return logits[:, 0].requires_grad_(), torch.zeros(8)
    return logits.requires_grad_(), torch.arange(8) % 3


@each_stateful
@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_a_validation_without_eval_moves_no_state(make, mode):
    loss = make()
    logits, targets = inputs_of(loss)
    loss(logits, targets).backward()
    before = {name: buffer.clone() for name, buffer in loss.state_dict().items()}
    with mode():
        in_training = loss(logits, targets)
    torch.testing.assert_close(loss.state_dict(), before)
    assert in_training == loss.eval()(logits, targets)
    loss.train()(logits, targets)
    assert any((loss.state_dict()[name] != before[name]).any() for name in before)


def test_ghm_counts_without_gradients_where_it_is_told_to():
    loss = GHMCLoss(n_bins=5)
    with torch.no_grad():
        loss.count(*inputs_of(loss))
    assert loss.counts.sum() == 8


@each_stateful
def test_a_loss_with_state_compiles_whole_with_and_without_gradients(make):
    loss, plain = make(), make()
    compiled = torch.compile(loss, fullgraph=True, backend="aot_eager")
    logits, targets = inputs_of(loss)
    for enabled in (True, False, True):
        with torch.set_grad_enabled(enabled):
            torch.testing.assert_close(compiled(logits, targets), plain(logits, targets))
    torch.testing.assert_close(loss.state_dict(), plain.state_dict())


@each_stateful
def test_a_reentrant_checkpoint_counts_a_batch_once(make):
    loss, plain = make(), make()
    logits, targets = inputs_of(loss)
    checkpoint(loss, logits, targets, use_reentrant=True).backward()
    plain(logits, targets).backward()
    torch.testing.assert_close(loss.state_dict(), plain.state_dict())


def test_what_a_loss_was_given_is_shown():
    loss = FocalLoss.from_counts([90, 10], exponent=1.0)
    assert "n_classes=2, class_weights 0.556 to 5, " in repr(loss)
    assert "n_classes=2, log_prior -2.3 to -0.105" in repr(LogitAdjustedLoss.from_counts([90, 10]))
    assert "n_classes=2, class_weights 1, " in repr(DiceLoss([1, 1], over="batch"))
    assert "n_classes" not in repr(FocalLoss())
    assert "n_classes" not in repr(FocalLoss(2.0, [1, 2]).to("meta"))


@pytest.mark.parametrize("make", [LogitAdjustedLoss, LDAMLoss])
def test_a_loss_is_made_where_there_is_no_memory(make):
    with torch.device("meta"):
        assert "n_classes" not in repr(make.from_counts([5, 3]))
