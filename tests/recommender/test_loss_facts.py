"""The table of losses says what the losses do: names, defaults, needs, priors, probabilities."""

import inspect
from typing import get_args

import msgspec
import numpy as np
import pytest
import torch
from scipy.optimize import root
from torch import nn

import balancekit as bk
import balancekit.losses
from balancekit.losses import equalization_weights
from balancekit.pipeline import criterion_of
from balancekit.plan import Loss
from balancekit.priors import focal_log_odds, focal_log_posterior
from balancekit.recommender import baseline
from balancekit.recommender.loss_facts import LOSS_FACTS

COUNTS = (700, 200, 100)
N_SAMPLES = 1000
VALUES = (0.0, 0.0, 0.1, 0.1, 0.2, 0.2, 0.3, 0.4, 0.5, 1.0, 4.0)
POSTERIOR = np.array([0.6, 0.3, 0.1])
"""Of classes given some input, or of three labels."""

ROWS = [pytest.param(facts, id=name) for name, facts in LOSS_FACTS.items()]
OF_LABELS = {
    name for name, facts in LOSS_FACTS.items() if "labels" in facts.tasks and name != "GHMCLoss"
}
OF_OVERLAP = {name for name, facts in LOSS_FACTS.items() if facts.tasks == ("segmentation",)}
OF_CLASSES = {name for name, facts in LOSS_FACTS.items() if "classes" in facts.tasks} | OF_OVERLAP


def loss_class(name):
    return getattr(balancekit.losses, name)


def makers(name):
    """The constructor and what else makes the loss."""
    names = ("__init__", "from_counts", "from_values")
    return [getattr(loss_class(name), maker) for maker in names if hasattr(loss_class(name), maker)]


def made(name, counts=COUNTS, n_samples=N_SAMPLES):
    """The loss as `from_counts` or `from_values` makes it of data, else as it is."""
    loss = loss_class(name)
    if hasattr(loss, "from_values"):
        return loss.from_values(VALUES)
    if not hasattr(loss, "from_counts"):
        return loss()
    takes_samples = "n_samples" in inspect.signature(loss.from_counts).parameters
    return loss.from_counts(counts, n_samples) if takes_samples else loss.from_counts(counts)


def arguments_of(name):
    """Predictions and targets that the loss takes."""
    if "regression" in LOSS_FACTS[name].tasks:
        return torch.zeros(4, requires_grad=True), torch.tensor([0.0, 0.1, 0.2, 4.0])
    if name in OF_LABELS:
        return torch.zeros(4, 3, requires_grad=True), torch.eye(4, 3)
    return torch.zeros(4, 3, requires_grad=True), torch.tensor([0, 1, 2, 0])


def test_every_loss_has_one_row():
    modules = {
        name
        for name in balancekit.losses.__all__
        if inspect.isclass(thing := getattr(balancekit.losses, name))
        and issubclass(thing, nn.Module)
        and name.endswith("Loss")
    }
    assert set(LOSS_FACTS) == modules


@pytest.mark.parametrize("facts", ROWS)
def test_functions_are_public(facts):
    assert [name for name in facts.functions if name not in balancekit.losses.__all__] == []


@pytest.mark.parametrize("facts", ROWS)
def test_defaults_are_those_of_the_signatures(facts):
    found = {}
    for maker in makers(facts.loss):
        for parameter in inspect.signature(maker).parameters.values():
            if parameter.default not in (parameter.empty, None):
                found.setdefault(parameter.name, set()).add(parameter.default)
    assert found == {name: {value} for name, value in facts.defaults.items()}


def differ(one, other):
    """Whether two states do."""
    return any(not torch.equal(one[key], other[key]) for key in one)


@pytest.mark.parametrize("facts", ROWS)
def test_what_a_loss_needs_changes_it(facts):
    needs = set(facts.needs) - {"cosine head"}  # which nothing but the docstring asks for
    found = set()
    if hasattr(loss_class(facts.loss), "from_values"):
        found.add("training values")
    state = made(facts.loss).state_dict()
    if differ(state, made(facts.loss, COUNTS[::-1]).state_dict()):
        found.add("class counts")
    if differ(state, made(facts.loss, n_samples=2 * N_SAMPLES).state_dict()):
        found.add("sample count")
    loss = made(facts.loss).train()
    if list(loss.parameters()):
        found.add("own parameter")
    before = {key: value.clone() for key, value in loss.state_dict().items()}
    loss(*arguments_of(facts.loss)).backward()
    if differ(before, loss.state_dict()):
        found.add("step")
    assert found == needs


@pytest.mark.parametrize("facts", ROWS)
def test_counts_are_optional_where_the_constructor_does_without(facts):
    parameters = inspect.signature(loss_class(facts.loss)).parameters.values()
    asked = {
        parameter.name
        for parameter in parameters
        if parameter.default is parameter.empty and parameter.kind != parameter.VAR_KEYWORD
    }
    takes_counts = "class counts" in facts.needs
    assert facts.counts_optional == (takes_counts and asked <= {"n_classes"})


OF_PARTS = ("dice-cross-entropy", "heatmap-mse", "mse", "l1")
"""Losses of a plan that are made of others, or are plain errors: they have no row of their own."""

KINDS = {str(kind.__struct_config__.tag): kind for kind in get_args(Loss)}


@pytest.mark.parametrize("name", sorted(KINDS.keys() - set(OF_PARTS)))
def test_the_loss_of_a_plan_has_a_row_that_says_so(name):
    plan = baseline(bk.analyze(bk.Labels.from_names(["a"] * 60 + ["b"] * 20)))
    labels = bk.Labels.from_values([1.0] * 60 + [2.0] * 20)  # which only some losses look at
    made_of_plan = criterion_of(msgspec.structs.replace(plan, loss=KINDS[name]()), labels)
    assert LOSS_FACTS[type(made_of_plan).__name__].plan == name


def test_no_row_names_a_loss_that_plans_do_not_have():
    named = {facts.plan for facts in LOSS_FACTS.values()}
    assert named == (KINDS.keys() - set(OF_PARTS)) | {""}


def users_of(leaf, loss):
    """The operations on a leaf, of a loss's graph."""
    found, seen, nodes = [], set(), [loss.grad_fn]
    while nodes:
        node = nodes.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        ahead = [following for following, _ in node.next_functions if following is not None]
        found += [node for other in ahead if getattr(other, "variable", None) is leaf]
        nodes += ahead
    return found


@pytest.mark.parametrize("facts", ROWS)
def test_one_kernel_alone_reads_the_logits(facts):
    logits, targets = arguments_of(facts.loss)
    users = users_of(logits, made(facts.loss)(logits, targets))
    fused = [isinstance(user, torch.autograd.function.BackwardCFunction) for user in users]
    # EQL v2 computes its gradients a second time, to sum them.
    is_one = fused == [True] and facts.loss != "EQLv2Loss"
    assert is_one == (facts.cost == "one kernel")


@pytest.mark.parametrize("facts", ROWS)
def test_the_square_of_the_batch_is_kept_where_the_row_says_so(facts):
    if "regression" not in facts.tasks:
        assert facts.cost != "batch squared"
        return
    predictions, targets = torch.zeros(1000, requires_grad=True), torch.rand(1000)
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t) or t, lambda t: t):
        made(facts.loss)(predictions, targets)
    squared = any(tensor.numel() >= 1000**2 for tensor in kept)
    assert squared == (facts.cost == "batch squared")


def expected_gradient(loss, logits, posterior=POSTERIOR):
    """Gradient of the expected loss of one input whose posterior is known: float64 [3]."""
    z = torch.tensor(logits, dtype=torch.float64, requires_grad=True)
    if type(loss).__name__ in OF_LABELS:
        # Two samples, with all labels 1 and with all 0, each label as likely as it is.
        targets = torch.tensor([[1.0] * 3, [0.0] * 3], dtype=torch.float64)
        chances = torch.tensor(np.stack([posterior, 1 - posterior]))
    else:
        targets, chances = torch.arange(3), torch.tensor(posterior)
    total = loss(z.expand(len(targets), 3), targets, sample_weight=chances)
    return torch.autograd.grad(total, z)[0].numpy()


def prepared(name):
    """The loss in float64 that sums."""
    loss = made(name).double()
    if name in OF_OVERLAP:
        loss.options["reduction"] = "sum"
    else:
        loss.reduction = "sum"
    if name == "GHMCLoss":
        # As training might have left it: hard targets are few.
        loss.counts += torch.linspace(30, 1, loss.n_bins)
    if name == "LDAMLoss":
        loss.scale = 1.0  # the logits are then those of its softmax
    if name == "EQLv2Loss":
        loss.positive_gradients += torch.tensor([9.0, 8.0, 7.0])
        loss.negative_gradients += 10
    return loss.eval()


def shift_of(facts, loss):
    """What the row says that the loss multiplies the prior, or the odds of labels, by."""
    if facts.prior == "weights":
        return loss.class_weights.numpy()
    if facts.prior == "log prior":
        return N_SAMPLES / np.array(COUNTS)
    if facts.prior == "odds of labels":
        if hasattr(loss, "positive_gradients"):
            weights = equalization_weights(loss.positive_gradients, loss.negative_gradients)
            return (weights.positive / weights.negative).numpy()
        if hasattr(loss, "pos_weight"):
            return loss.pos_weight.numpy()
        return (loss.alpha / (1 - loss.alpha)).numpy()
    return np.ones(3)


def scaled(values):
    return values / values.sum()


def softmax(z):
    return scaled(np.exp(z - z.max()))


def unsmoothed(loss, z):
    smoothing = loss.smoothing.numpy()
    mixing = np.tile(smoothing / 2, (3, 1))
    np.fill_diagonal(mixing, 1 - smoothing)
    return np.linalg.solve(mixing, softmax(z))


def gaussian(loss, p):
    return np.exp(-((p - 0.5) ** 2) / (2 * loss.sigma**2)) - p / 10


def with_margins(loss, q):
    return q * (1 - (1 - np.exp(-loss.scale * loss.margins.numpy())) * q)


def asymmetric_log_odds(loss, z):
    p = 1 / (1 + np.exp(-z))
    s, gamma = np.maximum(p - loss.margin, 0), loss.gamma_negative
    at_zero = gamma * s ** (gamma - 1) * -np.log(1 - s) + s**gamma / (1 - s)
    return np.log(at_zero * p * (1 - p) / (1 - p))  # γ⁺ = 0


CLASS_FORMS = {
    "FocalLoss": lambda loss, z: np.exp(focal_log_posterior(z, loss.gamma)),
    "GWLoss": lambda loss, z: scaled(softmax(z) / gaussian(loss, softmax(z))),
    "LabelAwareSmoothingLoss": unsmoothed,
    "LDAMLoss": lambda loss, z: scaled(with_margins(loss, softmax(loss.scale * z))),
    "PolyLoss": lambda loss, z: scaled(softmax(z) / (1 + loss.epsilon * softmax(z))),
    "VSLoss": lambda loss, z: softmax(loss.scale.numpy() * z + loss.bias.numpy()),
}
LABEL_FORMS = {
    "AsymmetricLoss": asymmetric_log_odds,
    "SigmoidFocalLoss": lambda loss, z: focal_log_odds(z, loss.gamma),
}
"""The closed forms that the rows name, from the logits: posteriors, and log odds of labels."""

KNOWN = [pytest.param(facts, id=n) for n, facts in LOSS_FACTS.items() if facts.properness != "no"]


def test_closed_forms_are_those_of_the_rows():
    assert set(CLASS_FORMS) | set(LABEL_FORMS) == {
        name for name, facts in LOSS_FACTS.items() if facts.properness == "closed form"
    }
    assert all(
        bool(facts.posterior) == (facts.properness == "closed form")
        for facts in LOSS_FACTS.values()
    )


@pytest.mark.parametrize("facts", [facts for facts in KNOWN if facts.values[0].loss in OF_CLASSES])
def test_the_best_logits_of_classes_give_the_posterior_under_the_believed_prior(facts):
    loss = prepared(facts.loss)
    # Two free logits: a shift of all three changes nothing, or under VS the solution alone.
    best = root(lambda z: expected_gradient(loss, np.append(z, 0.0))[:2], np.zeros(2), tol=1e-12)
    logits = np.append(best.x, 0.0)
    assert np.abs(expected_gradient(loss, logits)).max() < 1e-9
    read = CLASS_FORMS[facts.loss](loss, logits) if facts.posterior else softmax(logits)
    shift = np.ones(3) if facts.prior == "not a prior" else shift_of(facts, loss)
    # Buffers such as the log prior are float32.
    np.testing.assert_allclose(read, scaled(POSTERIOR * shift), rtol=1e-6)


@pytest.mark.parametrize("facts", [facts for facts in KNOWN if facts.values[0].loss in OF_LABELS])
def test_the_best_logits_of_labels_give_the_odds_under_the_believed_prior(facts):
    loss = prepared(facts.loss)
    best = root(lambda z: expected_gradient(loss, z), np.zeros(3), tol=1e-12)
    assert np.abs(expected_gradient(loss, best.x)).max() < 1e-9
    log_odds = LABEL_FORMS[facts.loss](loss, best.x) if facts.posterior else best.x
    wanted = np.log(POSTERIOR / (1 - POSTERIOR) * shift_of(facts, loss))
    np.testing.assert_allclose(log_odds, wanted, rtol=1e-6, atol=1e-7)  # weights are float32


@pytest.mark.parametrize(
    "facts",
    [
        row
        for row in ROWS
        if "regression" not in row.values[0].tasks and row.values[0].properness != "closed form"
    ],
)
def test_what_has_no_prior_has_no_shift_that_fits_every_posterior(facts):
    """Where a shift makes the logits of one posterior best, it does so for another, or not."""
    loss, other = prepared(facts.loss), np.array([0.2, 0.3, 0.5])
    odds = (lambda p: np.log(p / (1 - p))) if facts.loss in OF_LABELS else np.log
    best = root(lambda z: expected_gradient(loss, z), np.log(POSTERIOR), options={"maxfev": 60})
    # Overlap has no best logits but infinite ones, where the gradient is 0 too.
    is_found = best.success and np.abs(best.x).max() < 20
    pull = np.abs(expected_gradient(loss, odds(other) + best.x - odds(POSTERIOR), other)).max()
    fits = is_found and pull < 1e-6
    assert fits == (facts.properness == "proper")
    assert fits == (facts.prior != "not a prior")


@pytest.mark.parametrize("name", ["LDSLoss", "DenseWeightLoss"])
def test_weighted_regressions_learn_the_mean_of_weighted_targets(name):
    assert (LOSS_FACTS[name].prior, LOSS_FACTS[name].properness) == ("weights", "proper")
    values = torch.tensor(VALUES, dtype=torch.float64)
    loss = loss_class(name).from_values(VALUES, base="mse", reduction="none").double()
    weights = loss(values + 1, values)  # of an error of 1
    assert weights.max() > 1.5 * weights.min()
    mean = (weights * values).sum() / weights.sum()
    guess = mean.clone().requires_grad_()
    (slope,) = torch.autograd.grad(loss(guess.expand(len(values)), values).sum(), guess)
    assert abs(slope) < 1e-6  # weights are float32


@pytest.mark.parametrize(
    ("name", "settings"), [("BMCLoss", {}), ("GAILoss", {"n_components": 2})], ids=["BMC", "GAI"]
)
def test_balanced_mse_learns_what_equally_common_targets_would_teach(name, settings):
    """Targets 0 and 1 come 9 to 1, whatever the input: equally common, their middle is best."""
    assert (LOSS_FACTS[name].prior, LOSS_FACTS[name].properness) == ("log prior", "proper")
    values = torch.cat([torch.zeros(900), torch.ones(100)]).double()
    maker = loss_class(name) if name == "BMCLoss" else loss_class(name).from_values
    arguments = () if name == "BMCLoss" else (values,)
    loss = maker(*arguments, noise_sigma=0.5, learnable=False, **settings).double()
    guess = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(loss(guess.expand(1000), values), guess)
    # The squared error has a slope of 0.8 there. The mixture's variances are above 0.
    assert abs(slope) < 1e-6


@pytest.mark.parametrize(
    ("name", "options"), [("FocalRLoss", {}), ("GHMRLoss", {"mu": 1.0})], ids=["focal", "GHM"]
)
def test_other_regressions_learn_neither_the_mean_nor_the_median(name, options):
    assert (LOSS_FACTS[name].prior, LOSS_FACTS[name].properness) == ("not a prior", "no")
    values = torch.tensor([0.0, 0.0, 1.0, 2.0, 9.0, 30.0], dtype=torch.float64)
    loss = loss_class(name)(**options).double()
    loss(torch.full_like(values, 1.5), values)
    for guess in (values.mean(), torch.tensor(1.5).double()):
        at = guess.clone().requires_grad_()
        (slope,) = torch.autograd.grad(loss.eval()(at.expand(len(values)), values), at)
        # The squared error has 0 at the mean and the absolute error at the median.
        assert abs(slope) > 0.01
