"""The modules: their weights, where these live, and what becomes of wrong options."""

import copy
import pickle
from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import balancekit.losses
from balancekit.errors import OptionError
from balancekit.losses import (
    BalancedSoftmaxLoss,
    ClassBalancedLoss,
    FocalLoss,
    LogitAdjustedLoss,
    SigmoidFocalLoss,
    WeightedBCELoss,
    WeightedCrossEntropyLoss,
    sigmoid_focal_loss,
)
from balancekit.losses.criterion import Criterion
from balancekit.weights import effective_number_weights, power_weights

COUNTS = [900, 90, 9, 1]
CLASS_LOSSES: dict[str, Callable[..., Criterion]] = {
    "cross-entropy": WeightedCrossEntropyLoss,
    "focal": FocalLoss,
    "class-balanced": ClassBalancedLoss,
    "adjusted": LogitAdjustedLoss,
}
MODULES: dict[str, Criterion] = {
    "cross-entropy": WeightedCrossEntropyLoss.from_counts(COUNTS),
    "cross-entropy-unweighted": WeightedCrossEntropyLoss(label_smoothing=0.1),
    "focal": FocalLoss.from_counts(COUNTS),
    "class-balanced": ClassBalancedLoss.from_counts(COUNTS, base="softmax"),
    "class-balanced-focal": ClassBalancedLoss.from_counts(COUNTS, base="focal"),
    "class-balanced-sigmoid": ClassBalancedLoss.from_counts(COUNTS, base="sigmoid"),
    "adjusted": LogitAdjustedLoss.from_counts(COUNTS, tau=0.7),
    "balanced-softmax": BalancedSoftmaxLoss.from_counts(COUNTS),
    "sigmoid-focal": SigmoidFocalLoss(),
    "sigmoid-focal-per-label": SigmoidFocalLoss.from_counts(COUNTS, n_samples=1000),
    "bce": WeightedBCELoss.from_counts(COUNTS, n_samples=1000, cap=20.0),
    "bce-unweighted": WeightedBCELoss(),
}
modules = pytest.mark.parametrize("module", MODULES.values(), ids=MODULES)


def batch(module: Criterion) -> tuple[torch.Tensor, torch.Tensor]:
    logits = torch.randn(8, 4, generator=torch.Generator().manual_seed(0))
    classes = torch.arange(8) % 4
    per_label = isinstance(module, SigmoidFocalLoss | WeightedBCELoss)
    return logits.requires_grad_(), F.one_hot(classes, 4) if per_label else classes


def same(got: object, expected: object) -> None:
    torch.testing.assert_close(got, expected, rtol=0, atol=0)  # the same operations


def test_the_public_names_are_those_that_exist():
    for name in balancekit.losses.__all__:
        assert getattr(balancekit.losses, name).__module__.startswith("balancekit.losses.")
    classes = {name for name in balancekit.losses.__all__ if name[0].isupper()}
    assert classes == {type(module).__name__ for module in MODULES.values()}


# --- weights from counts -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("module", "name", "expected"),
    [
        (MODULES["cross-entropy"], "class_weights", power_weights(COUNTS, 0.5)),
        (MODULES["focal"], "class_weights", power_weights(COUNTS, 0.5)),
        (
            FocalLoss.from_counts(COUNTS, exponent=1.0),
            "class_weights",
            1000 / np.array(COUNTS) / 4,
        ),
        (MODULES["class-balanced"], "class_weights", effective_number_weights(COUNTS, 0.999)),
        (MODULES["adjusted"], "log_prior", np.log(np.array(COUNTS) / 1000)),
        (SigmoidFocalLoss(), "alpha", 0.25),
        (
            SigmoidFocalLoss.from_counts(COUNTS, 1000, power=1.0),
            "alpha",
            1 - np.array(COUNTS) / 1000,
        ),
        (MODULES["bce"], "pos_weight", [1 / 9, 91 / 9, 20, 20]),
        (WeightedBCELoss.from_counts([10], 1000, power=0.5), "pos_weight", [99**0.5]),
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
    ],
)
def test_weights_follow_from_counts(module, name, expected):
    expected = torch.tensor(expected, dtype=torch.float32)
    same(module.state_dict(), {name: expected})


@pytest.mark.parametrize(
    "counts",
    [tuple(COUNTS), np.array(COUNTS), torch.tensor(COUNTS), torch.tensor(COUNTS).bfloat16()],
    ids=["tuple", "array", "tensor", "bfloat16"],
)
def test_counts_come_as_any_sequence(counts):
    weights = FocalLoss.from_counts(counts).class_weights
    torch.testing.assert_close(
        weights, torch.tensor(power_weights(COUNTS, 0.5)).float(), rtol=0.01, atol=0
    )  # bfloat16 keeps 900 as 900 but 3 digits only in general


@pytest.mark.parametrize("kind", CLASS_LOSSES)
def test_an_empty_class_is_weighted_as_one_sample(kind):
    from_counts = CLASS_LOSSES[kind].from_counts
    (empty,) = from_counts([90, 9, 0]).buffers()
    (single,) = from_counts([90, 9, 1]).buffers()
    ratio = (torch.sub if kind == "adjusted" else torch.div)(empty[2], empty[0])
    torch.testing.assert_close(
        ratio, (torch.sub if kind == "adjusted" else torch.div)(single[2], single[0])
    )


@pytest.mark.parametrize(
    "module",
    [
        WeightedCrossEntropyLoss.from_counts([5, 5, 5, 5]),
        FocalLoss.from_counts([5, 5, 5, 5], gamma=0.0),
        ClassBalancedLoss.from_counts([5, 5, 5, 5]),
        ClassBalancedLoss.from_counts(COUNTS, beta=0.0),
        LogitAdjustedLoss.from_counts([5, 5, 5, 5]),
        LogitAdjustedLoss.from_counts(COUNTS, tau=0.0),
    ],
    ids=["cross-entropy", "focal", "class-balanced", "beta-0", "adjusted", "tau-0"],
)
def test_equal_counts_or_no_strength_leave_cross_entropy(module):
    logits, targets = batch(module)
    torch.testing.assert_close(module(logits, targets), F.cross_entropy(logits, targets))


@pytest.mark.parametrize(("base", "gamma"), [("sigmoid", 0.0), ("focal", 2.0)])
def test_sigmoid_bases_sum_weighted_binary_losses(base, gamma):
    module = ClassBalancedLoss.from_counts(COUNTS, base=base)
    logits, targets = batch(module)
    rows = F.one_hot(targets, 4)
    losses = sigmoid_focal_loss(logits, rows, gamma=gamma, alpha=None, reduction="none").sum(1)
    torch.testing.assert_close(
        module(logits, targets), (losses * module.class_weights[targets]).mean()
    )


def test_weights_leave_the_mean_loss_of_an_untrained_model_as_it_was():
    # Σ π_c·w_c = 1 and division by the count: logits 0 cost log C whatever the weights.
    targets = torch.arange(4).repeat_interleave(torch.tensor(COUNTS))
    for name in ("cross-entropy", "class-balanced"):
        loss = MODULES[name](torch.zeros(1000, 4), targets)
        torch.testing.assert_close(loss, torch.tensor(4.0).log())


# --- where weights live ---------------------------------------------------------------------------


@modules
def test_state_follows_a_module_to_a_copy_and_a_pickle(module):
    logits, targets = batch(module)
    expected = module(logits, targets)
    for twin in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        same(twin(logits, targets), expected)
        assert repr(twin) == repr(module)
    restored = copy.deepcopy(module)
    for buffer in restored.buffers():
        buffer.zero_()
    restored.load_state_dict(module.state_dict())
    same(restored(logits, targets), expected)


@modules
def test_buffers_move_with_the_module_and_do_not_train(module):
    moved = copy.deepcopy(module).to("meta")
    assert all(buffer.is_meta for buffer in moved.buffers())
    assert not list(module.parameters())
    assert all(buffer.dtype == torch.float32 for buffer in module.buffers())


@modules
def test_weights_take_the_precision_of_the_logits(module):
    logits, targets = batch(module)
    expected = module(logits, targets)
    loss = module(logits.double(), targets)
    assert loss.dtype == torch.float64
    # The buffers and the expected loss are float32, a few roundings of 6e-8 each.
    torch.testing.assert_close(loss.float(), expected, rtol=1e-5, atol=0)


def test_a_module_does_not_share_memory_with_the_weights_it_was_given():
    weights = torch.ones(3)
    module = FocalLoss(class_weights=weights)
    weights.zero_()
    assert module.class_weights.tolist() == [1, 1, 1]


@modules
def test_a_module_compiles_into_one_graph(module):
    # aot_eager traces forward and backward as inductor does, without its compiler.
    torch.compiler.reset()
    logits, targets = batch(module)
    targets[-1] = -100
    weight = torch.rand(8)
    compiled = torch.compile(module, fullgraph=True, backend="aot_eager")
    results = [run(logits, targets, sample_weight=weight) for run in (compiled, module)]
    got, expected = [(loss, torch.autograd.grad(loss, logits)[0]) for loss in results]
    # Decomposed operations may sum in another order: a few roundings of 6e-8.
    torch.testing.assert_close(got, expected, rtol=1e-5, atol=1e-7)


@modules
def test_options_of_a_module_reach_its_function(module):
    logits, targets = batch(module)
    each = copy.deepcopy(module)
    each.reduction = "none"
    losses = each(logits, targets, sample_weight=torch.arange(8.0))
    torch.testing.assert_close(
        module(logits, targets, sample_weight=torch.arange(8.0)), losses.mean()
    )
    each.ignore_index = 1
    valid = targets != 1
    assert not each(logits, targets)[~valid].any()
    same(each(logits, targets)[valid], _with_reduction(module, "none")(logits, targets)[valid])


def _with_reduction(module: Criterion, reduction: str) -> Criterion:
    twin = copy.deepcopy(module)
    twin.reduction = reduction
    return twin


@pytest.mark.parametrize("n_steps", [30])
def test_a_weighted_loss_teaches_the_rare_class(n_steps):
    x = torch.randn(1000, 2, generator=torch.Generator().manual_seed(0))
    y = torch.tensor([0] * 950 + [1] * 50)
    x[950:] += 1.5
    recalls = []
    for loss in (WeightedCrossEntropyLoss(), LogitAdjustedLoss.from_counts([950, 50])):
        model = torch.nn.Linear(2, 2)
        torch.nn.init.zeros_(model.weight)
        torch.nn.init.zeros_(model.bias)
        optimizer = torch.optim.LBFGS(model.parameters(), max_iter=n_steps)
        optimizer.step(lambda m=model, o=optimizer, c=loss: _backward(m, o, c, x, y))
        recalls.append((model(x[950:]).argmax(1) == 1).float().mean().item())
    # Two Gaussians 2.1σ apart: at shares .95/.05 plain recall is near .27, balanced near .86.
    assert recalls[0] < 0.5 < 0.75 < recalls[1]


def _backward(model, optimizer, loss, x, y):
    optimizer.zero_grad()
    value = loss(model(x), y)
    value.backward()
    return value


# --- what users may get wrong ---------------------------------------------------------------------

MISTAKES = {
    "scalar-alpha": (lambda: FocalLoss(2.0, 0.25), r"class_weights: .*\[C\], got shape \[\]"),
    "negative-weight": (lambda: FocalLoss(2.0, [1, -1]), r"class_weights: .*at least 0, got -1"),
    "nan-weight": (
        lambda: ClassBalancedLoss([1, float("nan")]),
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
    "balanced-gamma": (lambda: ClassBalancedLoss([1, 1], gamma=-1.0), r"gamma: .*got -1"),
    "smoothing": (lambda: WeightedCrossEntropyLoss(label_smoothing=-0.1), r"label_smoothing: "),
    "base": (lambda: ClassBalancedLoss([1, 1], base="ldam"), r"base: .*'sigmoid', got 'ldam'"),
    "nan-tau": (
        lambda: LogitAdjustedLoss([0.0, 0.0], tau=float("nan")),
        r"tau: expected a finite number, got nan. 1 is the balanced softmax",
    ),
    "infinite-tau": (
        lambda: LogitAdjustedLoss.from_counts([5, 3], tau=float("inf")),
        r"tau: .*got inf",
    ),
    "reduction": (lambda: FocalLoss(reduction="avg"), r"reduction: .*'none', got 'avg'"),
    "normalizer": (
        lambda: FocalLoss(normalizer="sum"),
        r"normalizer: .*'weight', 'positives' or a tensor, got 'sum'",
    ),
    "beta": (lambda: ClassBalancedLoss.from_counts([1, 2], beta=1.0), r"beta: .*got 1"),
    "counts": (lambda: LogitAdjustedLoss.from_counts([0, 0]), r"class_counts: .*one above 0"),
    "n-samples": (lambda: WeightedBCELoss.from_counts([5], 3), r"n_samples: .*got 3"),
    "weights-of-other-classes": (
        lambda: FocalLoss.from_counts([5, 3])(torch.zeros(1, 3), torch.tensor([0])),
        r"class_weights: expected one value a class, \[3\].*got \[2\]",
    ),
}


@pytest.mark.parametrize(("mistake", "message"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_told_with_what_was_expected(mistake, message):
    with pytest.raises(OptionError, match=message):
        mistake()
