"""Whatever training did to the prior, one correction brings the posterior that is wanted."""

import copy
import io

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis.extra.numpy import arrays

from balancekit.errors import OptionError
from balancekit.losses import (
    cross_entropy,
    focal_loss,
    logit_adjusted_cross_entropy,
    sigmoid_focal_loss,
    weighted_bce_with_logits,
)
from balancekit.losses.prior_correction import (
    LabelPriorCorrection,
    PriorCorrection,
    correct_label_prior,
    correct_prior,
)
from balancekit.plan import EffectivePrior, Power, Uniform
from balancekit.priors import (
    believed_label_prior,
    correct_logits,
    focal_log_odds,
    focal_log_posterior,
    label_prior_shift,
    prior_shift,
)

COUNTS = (90, 9, 1)
PI = torch.tensor([0.9, 0.09, 0.01], dtype=torch.float64)
EVEN = torch.full((3,), 1 / 3, dtype=torch.float64)
BELIEVED, WANTED = (0.7, 0.2, 0.1), (0.1, 0.3, 0.6)

# --- the identity: three Gaussians whose posterior is known -------------------------------------

MEANS = torch.tensor([[2.0, 0.0], [-1.0, 3**0.5], [-1.0, -(3**0.5)]], dtype=torch.float64)
AXIS = torch.linspace(-4, 4, 13, dtype=torch.float64)
GRID = torch.cartesian_prod(AXIS, AXIS)  # [169, 2]
DENSITY = torch.exp(-0.5 * (GRID[:, None] - MEANS).square().sum(-1))  # p(x | c), [169, 3]


def posterior(prior):
    joint = DENSITY * torch.as_tensor(prior, dtype=torch.float64)
    return joint / joint.sum(1, keepdim=True)


def least(loss, shape):
    """Parameters of least loss, by L-BFGS on the whole grid from 0, in float64."""
    parameters = torch.zeros(shape, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS(
        [parameters],
        max_iter=2000,
        history_size=50,
        tolerance_grad=1e-12,
        tolerance_change=0,
        line_search_fn="strong_wolfe",
    )

    def step():
        optimizer.zero_grad()
        value = loss(parameters)
        value.backward()
        return value

    optimizer.step(step)
    return parameters.detach()


def linear_logits(parameters):
    return GRID @ parameters[:2] + parameters[2]


def train_linear(draws, loss):
    """A linear model on the population: every grid point in every class, as often as drawn.

    The posterior of Gaussians with one covariance is linear, whatever their prior, and on each
    point it is that of the class densities: so the minimiser is known, and no noise is in it.
    """
    classes = torch.arange(3).repeat(len(GRID))  # [507]
    often = (DENSITY * torch.as_tensor(draws)).flatten()

    def risk(parameters):
        logits = linear_logits(parameters).repeat_interleave(3, 0)
        return loss(logits, classes, often / often.mean())

    return linear_logits(least(risk, (3, 3)))


INVERSE = 1 / (3 * PI)
ROOT = PI.sqrt() / PI.sqrt().sum()
# what the sampler draws, the weights, what the logits are adjusted by; and how often that corrects
WAYS = {
    "plain": ({}, 0),
    "reweighted": ({"class_weights": INVERSE}, 1),
    "resampled": ({"targets": Uniform()}, 1),
    "adjusted": ({"adjusted_by": PI}, 1),
    "half resampled": ({"targets": Power(0.5)}, 0.5),
    "half resampled, adjusted by the draws": ({"targets": Power(0.5), "adjusted_by": ROOT}, 1),
    "half adjusted": ({"adjusted_by": PI, "tau": 0.5}, 0.5),
    "resampled, adjusted by the draws": ({"targets": Uniform(), "adjusted_by": EVEN}, 1),
    "resampled and reweighted": ({"targets": Uniform(), "class_weights": INVERSE}, 2),
    "resampled, adjusted by the data": ({"targets": Uniform(), "adjusted_by": PI}, 2),
    "reweighted and adjusted": ({"class_weights": INVERSE, "adjusted_by": PI}, 2),
    "all three": ({"targets": Uniform(), "class_weights": INVERSE, "adjusted_by": PI}, 3),
}
TOLERANCE = 1e-6  # of probabilities: buffers are float32, and the search ends a little earlier


def loss_of(prior):
    """The loss of balancekit that a way of training uses, of weighted samples."""
    weights = None if prior.class_weights is None else torch.tensor(prior.class_weights)

    def loss(logits, targets, often):
        if prior.adjusted_by is None:
            return cross_entropy(logits, targets, weights, sample_weight=often)
        if weights is not None:
            often = often * weights[targets]
        log_prior = torch.tensor(prior.adjusted_by).log()
        return logit_adjusted_cross_entropy(
            logits, targets, log_prior, tau=prior.tau, sample_weight=often
        )

    return loss


@pytest.mark.parametrize(("training", "strength"), WAYS.values(), ids=WAYS.keys())
def test_every_way_of_training_comes_to_the_same_posterior_once_corrected(training, strength):
    prior = EffectivePrior(COUNTS, **training)
    assert prior.strength("uniform") == pytest.approx(strength, abs=1e-6)
    logits = train_linear(prior.draw_shares, loss_of(prior))
    # The model believes what the arithmetic says …
    torch.testing.assert_close(logits.softmax(1), posterior(prior.shares), atol=TOLERANCE, rtol=0)
    # … and is brought to any prior by one correction, to that of the data too.
    correction = PriorCorrection(prior.shares)
    for wanted in (EVEN, PI, torch.tensor(WANTED)):
        corrected = correction.to_prior(wanted)(logits).softmax(1)
        torch.testing.assert_close(corrected, posterior(wanted), atol=TOLERANCE, rtol=0)
    if strength != 1:
        assert (logits.softmax(1) - posterior(EVEN)).abs().max() > 0.1  # it was needed


@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0, 5.0])
@pytest.mark.parametrize("weights", [None, INVERSE], ids=["plain", "reweighted"])
def test_focal_loss_comes_to_the_same_posterior_by_its_closed_form(gamma, weights):
    # Focal logits are not linear: a logit for each class on some points, not too far out.
    inner = torch.nonzero(GRID.norm(dim=1) < 2.5).flatten()[::5]
    often = posterior(PI)[inner].flatten()
    classes = torch.arange(3).repeat(len(inner))

    def risk(parameters):
        logits = parameters.repeat_interleave(3, 0)
        return focal_loss(
            logits, classes, weights, gamma=gamma, sample_weight=often, reduction="sum"
        )

    logits = least(risk, (len(inner), 3))
    believed = EffectivePrior(COUNTS, class_weights=weights).shares
    assert (logits.softmax(1) - posterior(believed)[inner]).abs().max() > 0.02  # it is bent
    corrected = PriorCorrection(believed, PI, gamma=gamma)(logits).softmax(1)
    # 1e-4: rare classes weigh little in the risk, and the search ends before they are exact
    torch.testing.assert_close(corrected, posterior(PI)[inner], atol=1e-4, rtol=0)


SIGMOIDS = {
    "plain": ({}, {}),
    "positives weighted": ({"pos_weight": 9.0}, {}),
    "focal": ({}, {"gamma": 2.0, "alpha": None}),
    "focal with alpha": ({"alpha": 0.25}, {"gamma": 2.0, "alpha": 0.25}),
    "focal, little": ({"alpha": 0.9}, {"gamma": 0.5, "alpha": 0.9}),
}


@pytest.mark.parametrize(("weighting", "focal"), SIGMOIDS.values(), ids=SIGMOIDS.keys())
def test_sigmoids_come_to_the_same_posterior_too(weighting, focal):
    share, chances = 0.1, torch.linspace(0.02, 0.9, 23, dtype=torch.float64)
    often = torch.stack([1 - chances, chances], 1)  # of label 0 and 1 at each point
    labels = torch.tensor([0.0, 1.0], dtype=torch.float64).expand(23, 2)

    def risk(parameters):
        logits = parameters.expand(23, 2)
        if focal:
            return sigmoid_focal_loss(logits, labels, sample_weight=often, **focal)
        weight = torch.tensor([weighting.get("pos_weight", 1.0)])
        return weighted_bce_with_logits(logits, labels, weight, sample_weight=often)

    logits = least(risk, (23, 1))
    believed = believed_label_prior([share], **weighting)
    correction = LabelPriorCorrection(believed, [share], gamma=focal.get("gamma"))
    # 1e-4: the search ends where the risk is flat
    torch.testing.assert_close(correction(logits).sigmoid()[:, 0], chances, atol=1e-4, rtol=0)


# --- the same as on arrays ----------------------------------------------------------------------


@pytest.mark.parametrize("gamma", [None, 0.0, 0.5, 2.0, 5.0], ids=str)
@pytest.mark.parametrize("shape", [(4, 3), (2, 3, 5), (2, 3, 2, 2)], ids=str)
def test_it_is_what_numpy_says_with_classes_on_axis_1(shape, gamma):
    logits = torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    shift = torch.as_tensor(prior_shift(BELIEVED, WANTED))
    found = correct_prior(logits, shift, gamma=gamma)
    expected = correct_logits(logits.movedim(1, -1), BELIEVED, WANTED, gamma=gamma)
    assert found.shape == logits.shape
    difference = found.movedim(1, -1) - torch.as_tensor(expected)
    # a constant a row is free, and the arrays' focal form is normalised
    constant = difference - difference[..., :1]
    torch.testing.assert_close(constant, torch.zeros_like(constant), atol=1e-12, rtol=0)


@given(z=arrays(np.float64, (3, 4), elements=st.floats(-60, 60)), gamma=st.floats(0, 5))
def test_focal_posteriors_are_those_of_numpy(z, gamma):
    found = correct_prior(torch.as_tensor(z), torch.zeros(4), gamma=gamma).log_softmax(1)
    np.testing.assert_allclose(found, focal_log_posterior(z, gamma), rtol=1e-9, atol=1e-9)
    found = correct_label_prior(torch.as_tensor(z), torch.zeros(4), gamma=gamma)
    np.testing.assert_allclose(found, focal_log_odds(z, gamma), rtol=1e-9, atol=1e-9)


def test_labels_shift_each_by_their_own_log_odds():
    logits = torch.randn(5, 2, 3, dtype=torch.float64)
    correction = LabelPriorCorrection([0.1, 0.4], [0.3, 0.5])
    shift = torch.as_tensor(label_prior_shift([0.1, 0.4], [0.3, 0.5]))
    torch.testing.assert_close(correction(logits), logits + shift[:, None])
    one = LabelPriorCorrection([0.1])
    torch.testing.assert_close(one(logits), logits + np.log(9))
    torch.testing.assert_close(one(logits[:, 0, 0]), logits[:, 0, 0] + np.log(9))
    last = LabelPriorCorrection([0.1, 0.4, 0.5], class_dim=-1)
    assert last(logits).shape == (5, 2, 3)


def test_one_correction_after_another_is_the_last():
    logits = torch.randn(6, 3, dtype=torch.float64)
    there = PriorCorrection(BELIEVED, WANTED, gamma=2.0)
    onwards = PriorCorrection(WANTED, EVEN)
    straight = there.to_prior(EVEN)
    torch.testing.assert_close(
        onwards(there(logits)).softmax(1), straight(logits).softmax(1), atol=1e-6, rtol=0
    )  # float32 buffers
    labels = LabelPriorCorrection([0.2, 0.3, 0.4], [0.5, 0.5, 0.5], gamma=1.0).to_prior([0.7])
    expected = LabelPriorCorrection([0.2, 0.3, 0.4], [0.7], gamma=1.0)
    torch.testing.assert_close(labels(logits), expected(logits), atol=1e-6, rtol=0)


# --- numerics -----------------------------------------------------------------------------------

DTYPES = [torch.float64, torch.float32, torch.float16, torch.bfloat16]
gammas = pytest.mark.parametrize("gamma", [None, 0.0, 0.25, 0.5, 1.0, 2.0, 5.0], ids=str)


@gammas
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_logits_without_measure_give_finite_probabilities_and_gradients(dtype, gamma):
    rows = [[1e4, -1e4, 0.0], [-1e4, -1e4, -1e4], [1e4, 1e4, -1e4], [0.0, -40.0, 17.0]]
    for make in (PriorCorrection, LabelPriorCorrection):
        logits = torch.tensor(rows, dtype=dtype, requires_grad=True)
        found = make(BELIEVED, WANTED, gamma=gamma)(logits)
        assert found.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
        assert found.isfinite().all()
        found.log_softmax(1).sum().backward()
        assert logits.grad.dtype == dtype
        assert logits.grad.isfinite().all()


def test_half_precision_loses_no_shift():
    logits = torch.full((1, 2), 300.0, dtype=torch.bfloat16)  # whose next number is 302
    found = PriorCorrection([0.6, 0.4])(logits).softmax(1)
    torch.testing.assert_close(found, torch.tensor([[0.4, 0.6]]), atol=1e-4, rtol=0)


@gammas
def test_float32_keeps_the_digits_of_float64(gamma):
    z = torch.randn(200, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 8
    correction = PriorCorrection([5, 4, 3, 2, 1], gamma=gamma)
    fine, coarse = correction(z), correction(z.float()).double()
    fine, coarse = fine.log_softmax(1), coarse.log_softmax(1)
    torch.testing.assert_close(coarse, fine, rtol=1e-5, atol=1e-5)  # float32 logits up to 30


@gammas
def test_gradients_are_those_of_the_formula(gamma):
    logits = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)
    shift = torch.randn(4, dtype=torch.float64, requires_grad=True)
    for correct in (correct_prior, correct_label_prior):
        assert torch.autograd.gradcheck(
            lambda z, s, correct=correct: correct(z, s, gamma=gamma), (logits, shift)
        )


def test_a_class_that_cannot_be_stays_impossible():
    logits = torch.tensor([[0.0, -torch.inf, 1.0], [2.0, -torch.inf, -torch.inf]])
    for gamma in (None, 2.0):
        p = PriorCorrection(BELIEVED, WANTED, gamma=gamma)(logits).softmax(1)
        assert p.isfinite().all()
        assert p[0, 1] == 0
        assert p[1].tolist() == [1, 0, 0]


# --- a module like the others -------------------------------------------------------------------

MODULES = {
    "shift": PriorCorrection(BELIEVED, WANTED),
    "focal": PriorCorrection(BELIEVED, WANTED, gamma=2.0),
    "labels": LabelPriorCorrection(BELIEVED, WANTED),
    "focal labels": LabelPriorCorrection(BELIEVED, WANTED, gamma=2.0),
}
modules = pytest.mark.parametrize("module", MODULES.values(), ids=MODULES.keys())


@modules
def test_it_compiles_whole(module):
    logits = torch.randn(4, 3)
    compiled = torch.compile(module, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(logits), module(logits))


@modules
def test_it_goes_through_functional_transforms(module):
    logits = torch.randn(4, 3)
    each = torch.func.vmap(lambda row: module(row[None])[0])(logits)
    torch.testing.assert_close(each, module(logits))
    slopes = torch.func.vmap(torch.func.grad(lambda row: module(row[None]).sum()))(logits)
    assert slopes.isfinite().all()


@modules
def test_it_is_exported_and_saved_with_the_model(module):
    model = torch.nn.Sequential(torch.nn.Linear(2, 3), copy.deepcopy(module)).eval()
    inputs = torch.randn(4, 2)
    program = torch.export.export(model, (inputs,))
    torch.testing.assert_close(program.module()(inputs), model(inputs))
    file = io.BytesIO()
    torch.save(model.state_dict(), file)
    gamma = None if module.gamma is None else 0.0
    other = torch.nn.Sequential(
        torch.nn.Linear(2, 3), type(module)([0.5, 0.3, 0.2], [0.5, 0.3, 0.2], gamma=gamma)
    )
    other.load_state_dict(torch.load(io.BytesIO(file.getvalue())))
    torch.testing.assert_close(other(inputs), model(inputs))


@modules
def test_every_number_moves_with_the_module(module):
    moved = copy.deepcopy(module).to("meta")
    assert all(buffer.is_meta for buffer in moved.buffers())
    assert not list(module.parameters())
    assert "class_dim=1" in repr(module)


@modules
def test_no_value_is_looked_at(module):
    found = copy.deepcopy(module).to("meta")(torch.empty(4, 3, device="meta"))
    assert found.shape == (4, 3)


WRONG = {
    "a zero": (lambda: PriorCorrection([0.5, 0.0]), r"believed: expected one share above 0 each"),
    "NaN": (lambda: PriorCorrection([0.5, float("nan")]), "believed: "),
    "two axes": (lambda: PriorCorrection([[0.5, 0.5]]), r"got shape \[1, 2\]"),
    "lengths": (lambda: PriorCorrection([0.5, 0.5], [1.0]), "wanted: expected 2 shares"),
    "certain label": (lambda: LabelPriorCorrection([1.0]), "above 0 and below 1"),
    "a word": (
        lambda: PriorCorrection([1, 1], "uniform"),
        r"wanted: expected numbers.*got 'uniform'\. Of a plan.* plan\.wanted\(\)",
    ),
    "a word of labels": (lambda: LabelPriorCorrection([0.5], "training"), r"plan\.wanted\(\)"),
    "shares by name": (lambda: PriorCorrection([1, 1], {"a": 1, "b": 2}), "expected numbers"),
    "a word for a shift": (
        lambda: correct_prior(torch.zeros(1, 2), "uniform"),
        r"log_shift: expected a tensor.*got 'uniform'.*plan\.wanted\(\)",
    ),
    "a word for a shift of labels": (
        lambda: correct_label_prior(torch.zeros(1, 2), "uniform"),
        "log_shift: expected a tensor",
    ),
    "labels": (lambda: LabelPriorCorrection([0.5] * 3, [0.5] * 2), "wanted: expected 3 shares"),
    "gamma": (lambda: PriorCorrection([1, 1], gamma=-1.0), "gamma: expected a finite number ≥ 0"),
    "no gamma": (lambda: correct_prior(torch.zeros(1, 2), torch.zeros(2), gamma=np.nan), "gamma: "),
    "classes": (
        lambda: PriorCorrection([1, 1])(torch.zeros(2, 3)),
        r"log_shift: expected one value for each entry on axis 1 of logits \[2, 3\], got \[2\]",
    ),
    "no axis": (lambda: PriorCorrection([1, 1])(torch.zeros(2)), "Set class_dim to the axis"),
    "integers": (
        lambda: PriorCorrection([1, 1])(torch.zeros(2, 2, dtype=torch.int64)),
        "logits: expected a float tensor, got torch.int64",
    ),
}


@pytest.mark.parametrize(("make", "words"), WRONG.values(), ids=WRONG.keys())
def test_what_cannot_be_corrected_is_refused(make, words):
    with pytest.raises(OptionError, match=words):
        make()
