"""The modules: one signature, weights from counts, where state lives, wrong options."""

import copy
import inspect
import pickle
from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import balancekit
import balancekit.losses
from balancekit import Labels
from balancekit import losses as bl
from balancekit.errors import OptionError
from balancekit.losses.asymmetric import AsymmetricLoss
from balancekit.losses.distribution_balanced import DistributionBalancedLoss
from balancekit.losses.equalization import EQLv2Loss
from balancekit.weights import effective_number_weights, power_weights
from tests.losses.cases import (
    COUNTS,
    LOSSES,
    close,
    each,
    each_loss,
    loss_and_gradient,
    random_logits,
    random_targets,
    those,
)

OF_CLASSES: dict[str, type[nn.Module]] = {
    "cross-entropy": bl.WeightedCrossEntropyLoss,
    "focal": bl.FocalLoss,
    "class-balanced": bl.ClassBalancedLoss,
    "logit-adjusted": bl.LogitAdjustedLoss,
    "balanced-softmax": bl.BalancedSoftmaxLoss,
    "vs": bl.VSLoss,
    "ldam": bl.LDAMLoss,
    "poly": bl.PolyLoss,
    "label-aware-smoothing": bl.LabelAwareSmoothingLoss,
    "gw": bl.GWLoss,
    "ghm": bl.GHMCLoss,
    "seesaw": bl.SeesawLoss,
    "eql-v2": EQLv2Loss,
}
OF_LABELS: dict[str, type[nn.Module]] = {
    "bce": bl.WeightedBCELoss,
    "sigmoid-focal": bl.SigmoidFocalLoss,
    "asymmetric": AsymmetricLoss,
    "distribution-balanced": DistributionBalancedLoss,
}
# Their options differ, but for those that all losses have.
OF_OVERLAP: dict[str, type[nn.Module]] = {
    "dice": bl.DiceLoss,
    "tversky": bl.TverskyLoss,
    "focal-tversky": bl.FocalTverskyLoss,
    "generalized-dice": bl.GeneralizedDiceLoss,
    "unified-focal": bl.UnifiedFocalLoss,
}
KINDS = OF_CLASSES | OF_LABELS
each_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)


def from_counts(kind: type[nn.Module], counts: list[int] = COUNTS, **options: object) -> nn.Module:
    if kind in OF_LABELS.values():
        return kind.from_counts(counts, 1000, **options)
    return kind.from_counts(counts, **options)


def same(got: object, expected: object) -> None:
    torch.testing.assert_close(got, expected, rtol=0, atol=0)  # the same operations


# --- one signature ---------------------------------------------------------------------------

LAST_OF_FUNCTIONS = ["reduction", "ignore_index", "sample_weight", "normalizer", "sync"]
OF_CASES = [case.function for case in LOSSES.values() if case.function.__module__[:5] != "tests"]
FUNCTIONS = {
    function.__name__: function
    for function in (
        *OF_CASES,
        bl.dice_loss,
        bl.tversky_loss,
        bl.focal_tversky_loss,
        bl.generalized_dice_loss,
        bl.unified_focal_loss,
    )
}


def names_of(function: Callable[..., object]) -> list[str]:
    return list(inspect.signature(function).parameters)


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
def test_functions_have_one_signature(function):
    parameters = inspect.signature(function).parameters
    assert list(parameters)[:2] == ["logits", "targets"]
    assert list(parameters)[-5:] == LAST_OF_FUNCTIONS
    shared = [parameters[name] for name in LAST_OF_FUNCTIONS]
    assert [p.default for p in shared] == ["mean", -100, None, "count", "none"]
    assert all(p.kind is p.KEYWORD_ONLY for p in shared)
    names = [name for name in parameters if name in ("class_weights", "label_smoothing")]
    assert names == sorted(names)


@pytest.mark.parametrize("kind", (KINDS | OF_OVERLAP).values(), ids=KINDS | OF_OVERLAP)
def test_modules_have_one_signature(kind):
    called = inspect.signature(kind.forward).parameters
    wanted = ["self", "logits", "targets", "sample_weight", "normalizer"]
    assert list(called) == wanted
    assert all(called[name].kind is inspect.Parameter.KEYWORD_ONLY for name in wanted[3:])
    assert names_of(kind.__init__)[-1] == "options"
    counted = names_of(kind.from_counts)
    assert counted[0] == "class_counts"
    assert counted[-1] == "options"
    assert ("n_samples" in counted) == (kind in OF_LABELS.values())
    assert names_of(kind.from_stats) == ["stats", "options"]


@each_loss
def test_modules_are_their_functions(case):
    logits, targets = random_logits(6, 4, 3), random_targets(case, 6, 4, 3)
    targets[2, ..., 1] = 255
    weight = random_logits(6, seed=2).exp()
    for options in (
        {},
        {"reduction": "sum"},
        {"reduction": "none", "ignore_index": 1},
        {"normalizer": "weight", "ignore_index": 255},
    ):
        given = targets if "ignore_index" in options else targets.masked_fill(targets == 255, -100)
        if options.get("ignore_index") == 1:
            given = targets.masked_fill(targets == 255, 1)
        module = case.module(**options).double()
        module.train(case.knows_batch)
        close(
            loss_and_gradient(module, logits, given, sample_weight=weight),
            loss_and_gradient(case, logits, given, sample_weight=weight, **options),
        )


@each(**those(LOSSES, lambda case: not case.knows_batch))
def test_a_call_may_give_its_own_normalizer(case):
    logits, targets = random_logits(6, 4), random_targets(case, 6, 4)
    module = case.module().double().eval()
    count = torch.tensor(7)
    close(module(logits, targets, normalizer=count), case(logits, targets, normalizer=count))


@each_loss
def test_options_are_shown_and_known(case):
    module = case.module(reduction="sum", ignore_index=255, normalizer="weight", sync="auto")
    text = repr(module)
    for words in ("reduction='sum'", "ignore_index=255", "normalizer='weight'", "sync='auto'"):
        assert words in text
    with pytest.raises(OptionError, match=r"reduction: .*'none', got 'avg'"):
        case.module(reduction="avg")
    with pytest.raises(OptionError, match="normalizer: expected a name when a module is made"):
        case.module(normalizer=torch.ones([]))
    with pytest.raises(OptionError, match=r"normalizer: .*got 'sum'"):
        case.module(normalizer="sum")
    with pytest.raises(OptionError, match=r"got reductoin. Did you mean 'reduction'"):
        case.module(reductoin="sum")


# --- weights from counts and stats -------------------------------------------------------------


@pytest.mark.parametrize("kind", (OF_CLASSES | OF_OVERLAP).values(), ids=OF_CLASSES | OF_OVERLAP)
def test_stats_of_classes_are_their_counts(kind):
    stats = balancekit.analyze([0] * 90 + [1] * 9 + [2])
    same(kind.from_stats(stats).state_dict(), kind.from_counts([90, 9, 1]).state_dict())


@pytest.mark.parametrize("kind", OF_LABELS.values(), ids=OF_LABELS)
def test_stats_of_labels_are_their_counts_and_the_samples(kind):
    ids, ends = [0] * 9 + [0, 1], [0, *range(1, 10), 11, 11]  # 11 samples, the last without any
    stats = balancekit.analyze(
        Labels(class_ids=np.array(ids), class_names=("a", "b"), offsets=ends)
    )
    same(kind.from_stats(stats).state_dict(), kind.from_counts([10, 1], 11).state_dict())


@pytest.mark.parametrize(
    ("module", "name", "expected"),
    [
        (
            bl.WeightedCrossEntropyLoss.from_counts(COUNTS),
            "class_weights",
            power_weights(COUNTS, 0.5),
        ),
        (bl.FocalLoss.from_counts(COUNTS), "class_weights", power_weights(COUNTS, 0.5)),
        (
            bl.FocalLoss.from_counts(COUNTS, exponent=1.0),
            "class_weights",
            1000 / np.array(COUNTS) / 4,
        ),
        (
            bl.ClassBalancedLoss.from_counts(COUNTS, base="softmax"),
            "class_weights",
            effective_number_weights(COUNTS, 0.999),
        ),
        (
            bl.LogitAdjustedLoss.from_counts(COUNTS, tau=0.7),
            "log_prior",
            np.log(np.array(COUNTS) / 1000),
        ),
        (bl.SigmoidFocalLoss(), "alpha", 0.25),
        (
            bl.SigmoidFocalLoss.from_counts(COUNTS, 1000, power=1.0),
            "alpha",
            1 - np.array(COUNTS) / 1000,
        ),
        (
            bl.WeightedBCELoss.from_counts(COUNTS, n_samples=1000, cap=20.0),
            "pos_weight",
            [1 / 9, 91 / 9, 20, 20],
        ),
        (bl.WeightedBCELoss.from_counts([10], 1000, power=0.5), "pos_weight", [99**0.5]),
        (AsymmetricLoss.from_counts([10], 1000, power=0.5), "pos_weight", [99**0.5]),
        (bl.PolyLoss.from_counts(COUNTS), "class_weights", power_weights(COUNTS, 0.5)),
        (bl.GWLoss.from_counts(COUNTS), "class_weights", power_weights(COUNTS, 0.5)),
        (bl.DiceLoss.from_counts(COUNTS), "class_weights", np.ones(4)),
        (bl.GeneralizedDiceLoss.from_counts(COUNTS), "class_weights", power_weights(COUNTS, 2.0)),
        (
            bl.UnifiedFocalLoss.from_counts(COUNTS, exponent=0.5, delta=0.7),
            "class_weights",
            power_weights(COUNTS, 0.5),
        ),
    ],
    ids=[
        "cross-entropy",
        "focal",
        "focal-inverse",
        "class-balanced",
        "adjusted",
        "alpha",
        "alpha-inverse",
        "pos-weight-capped",
        "pos-weight-root",
        "asymmetric-root",
        "poly",
        "gw",
        "dice",
        "generalized-dice",
        "unified-focal",
    ],
)
def test_weights_follow_from_counts(module, name, expected):
    same(module.state_dict(), {name: torch.tensor(expected, dtype=torch.float32)})


@pytest.mark.parametrize(
    "counts",
    [tuple(COUNTS), np.array(COUNTS), torch.tensor(COUNTS), torch.tensor(COUNTS).bfloat16()],
    ids=["tuple", "array", "tensor", "bfloat16"],
)
@each_kind
def test_counts_come_as_any_sequence(kind, counts):
    expected = from_counts(kind).state_dict()
    # bfloat16 keeps 900 as 900, but 3 digits only in general.
    torch.testing.assert_close(
        from_counts(kind, counts).state_dict(), expected, rtol=0.01, atol=1e-6
    )


# Losses whose constants follow from the counts: the stated policy for a class without samples.
@pytest.mark.parametrize("counts", [[90, 9, 0], [90, 0, 0]], ids=str)
@each_kind
def test_an_empty_class_is_one_sample(kind, counts):
    empty, single = (
        from_counts(kind, given).eval() for given in (counts, [max(n, 1) for n in counts])
    )
    assert all(value.isfinite().all() for value in empty.state_dict().values())
    logits = random_logits(6, 3).float()
    case = LOSSES["bce" if kind in OF_LABELS.values() else "focal"]
    targets = random_targets(case, 6, 3)
    got, gradient = loss_and_gradient(empty, logits, targets)
    expected, slope = loss_and_gradient(single, logits, targets)
    # Up to the factor that makes weights 1 on average, and the one sample of N = 1000 that an
    # empty label has more at label 0.
    torch.testing.assert_close(gradient / got, slope / expected, rtol=2e-3, atol=1e-4)


@pytest.mark.parametrize("kind", [bl.WeightedCrossEntropyLoss, bl.FocalLoss, bl.ClassBalancedLoss])
def test_an_empty_class_is_weighted_as_one_sample(kind):
    empty, single = (kind.from_counts(counts).class_weights for counts in ([90, 9, 0], [90, 9, 1]))
    torch.testing.assert_close(empty[2] / empty[0], single[2] / single[0])


@pytest.mark.parametrize("kind", (KINDS | OF_OVERLAP).values(), ids=KINDS | OF_OVERLAP)
def test_no_counts_are_refused(kind):
    for counts in ([0, 0], [5, -1], [], [[1, 2]], [1, float("nan")]):
        with pytest.raises(OptionError, match="class_counts: "):
            from_counts(kind, counts)


@pytest.mark.parametrize(
    "module",
    [
        bl.WeightedCrossEntropyLoss.from_counts([5, 5, 5, 5]),
        bl.FocalLoss.from_counts([5, 5, 5, 5], gamma=0.0),
        bl.ClassBalancedLoss.from_counts([5, 5, 5, 5]),
        bl.ClassBalancedLoss.from_counts(COUNTS, beta=0.0),
        bl.LogitAdjustedLoss.from_counts([5, 5, 5, 5]),
        bl.LogitAdjustedLoss.from_counts(COUNTS, tau=0.0),
        bl.BalancedSoftmaxLoss.from_counts([5, 5, 5, 5]),
        bl.VSLoss.from_counts([5, 5, 5, 5]),
        bl.VSLoss.from_counts(COUNTS, gamma=0.0, tau=0.0),
        bl.LDAMLoss.from_counts(COUNTS, max_margin=0.0, scale=1.0),
        bl.PolyLoss.from_counts([5, 5, 5, 5], epsilon=0.0),
        bl.LabelAwareSmoothingLoss.from_counts([5, 5, 5, 5]),
        bl.GHMCLoss.from_counts(COUNTS).eval(),
        bl.SeesawLoss.from_counts([5, 5, 5, 5], q=0.0).eval(),
    ],
    ids=repr,
)
def test_equal_counts_or_no_strength_leave_cross_entropy(module):
    logits, targets = random_logits(8, 4).float(), torch.arange(8) % 4
    torch.testing.assert_close(module(logits, targets), F.cross_entropy(logits, targets))


@pytest.mark.parametrize(("base", "gamma"), [("sigmoid", 0.0), ("focal", 2.0)])
def test_sigmoid_bases_sum_weighted_binary_losses(base, gamma):
    module = bl.ClassBalancedLoss.from_counts(COUNTS, base=base)
    logits, targets = random_logits(8, 4).float(), torch.arange(8) % 4
    rows = F.one_hot(targets, 4)
    losses = bl.sigmoid_focal_loss(logits, rows, gamma=gamma, alpha=None, reduction="none").sum(1)
    torch.testing.assert_close(
        module(logits, targets), (losses * module.class_weights[targets]).mean()
    )


@pytest.mark.parametrize("kind", [bl.WeightedCrossEntropyLoss, bl.ClassBalancedLoss])
def test_weights_leave_the_mean_loss_of_an_untrained_model_as_it_was(kind):
    # Σ π_c·w_c = 1 and division by the count: logits 0 cost log C whatever the weights.
    targets = torch.arange(4).repeat_interleave(torch.tensor(COUNTS))
    loss = kind.from_counts(COUNTS)(torch.zeros(1000, 4), targets)
    torch.testing.assert_close(loss, torch.tensor(4.0).log())


def test_the_first_step_of_ghm_has_a_mean_weight_of_1():
    logits, targets = random_logits(50, 4), random_logits(50, 4, seed=1).argmax(1)
    losses = bl.GHMCLoss(reduction="none")(logits, targets)
    close((losses / F.cross_entropy(logits, targets, reduction="none")).mean().item(), 1.0)


# --- where state lives --------------------------------------------------------------------------


@each_loss
def test_state_follows_a_module_to_a_copy_a_pickle_and_another_module(case):
    logits, targets = random_logits(6, 4).float(), random_targets(case, 6, 4)
    module = case.module().eval()
    expected = module(logits, targets)
    for twin in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        same(twin(logits, targets), expected)
        assert repr(twin) == repr(module)
    restored = copy.deepcopy(module)
    for buffer in restored.buffers():
        buffer.zero_()
    restored.load_state_dict(module.state_dict())
    same(restored(logits, targets), expected)


@each_kind
def test_a_run_goes_on_from_its_state(kind):
    case = LOSSES["bce" if kind in OF_LABELS.values() else "focal"]
    batches = [
        (random_logits(6, 4, seed=s), random_targets(case, 6, 4, seed=s + 9)) for s in range(4)
    ]
    module = from_counts(kind)
    for batch in batches[:2]:
        module(*batch)
    resumed = from_counts(kind)
    resumed.load_state_dict(module.state_dict())
    for batch in batches[2:]:
        same(resumed(*batch), module(*batch))
    same(resumed.state_dict(), module.state_dict())


@each_loss
def test_buffers_move_with_the_module_and_do_not_train(case):
    module = case.module()
    moved = copy.deepcopy(module).to("meta")
    assert all(buffer.is_meta for buffer in moved.buffers())
    assert not list(module.parameters())
    floats = [buffer for buffer in module.buffers() if buffer.is_floating_point()]
    assert all(buffer.dtype == torch.float32 for buffer in floats)
    names = {name for name, value in vars(module).items() if isinstance(value, torch.Tensor)}
    assert not names  # all tensors are buffers


@each_loss
def test_evaluation_changes_no_state(case):
    logits, targets = random_logits(6, 4), random_targets(case, 6, 4)
    module = case.module().eval()
    before = copy.deepcopy(module.state_dict())
    module(logits, targets)
    same(module.state_dict(), before)


@each_loss
def test_weights_take_the_precision_of_the_logits(case):
    logits, targets = random_logits(6, 4), random_targets(case, 6, 4)
    module = case.module().eval()
    loss = module(logits, targets)
    assert loss.dtype == torch.float64
    # In float32 a few roundings of 6e-8 each.
    torch.testing.assert_close(loss.float(), module(logits.float(), targets), rtol=1e-5, atol=0)


def test_a_module_does_not_share_memory_with_the_weights_it_was_given():
    weights = torch.ones(3)
    module = bl.FocalLoss(class_weights=weights)
    weights.zero_()
    assert module.class_weights.tolist() == [1, 1, 1]


# --- what they are for ------------------------------------------------------------------------


def test_a_weighted_loss_teaches_the_rare_class():
    x = torch.randn(1000, 2, generator=torch.Generator().manual_seed(0))
    y = torch.tensor([0] * 950 + [1] * 50)
    x[950:] += 1.5
    recalls = []
    for loss in (bl.WeightedCrossEntropyLoss(), bl.LogitAdjustedLoss.from_counts([950, 50])):
        model = nn.Linear(2, 2)
        nn.init.zeros_(model.weight)
        nn.init.zeros_(model.bias)
        optimizer = torch.optim.LBFGS(model.parameters(), max_iter=30)
        optimizer.step(lambda m=model, o=optimizer, c=loss: _backward(m, o, c, x, y))
        recalls.append((model(x[950:]).argmax(1) == 1).float().mean().item())
    # Two Gaussians 2.1σ apart: at shares .95/.05 plain recall is near .27, balanced near .86.
    assert recalls[0] < 0.5 < 0.75 < recalls[1]


def _backward(model, optimizer, loss, x, y):
    optimizer.zero_grad()
    value = loss(model(x), y)
    value.backward()
    return value


def test_the_public_names_are_those_that_exist():
    for name in balancekit.losses.__all__:
        member = getattr(balancekit.losses, name)
        assert getattr(member, "__module__", "typing").startswith(("balancekit.losses.", "typing"))
    public = {name for name in balancekit.losses.__all__ if name.endswith("Loss")}
    regression = set(balancekit.losses.regression.__all__)
    tested = KINDS | OF_OVERLAP
    assert public - regression <= {kind.__name__ for kind in tested.values()}
