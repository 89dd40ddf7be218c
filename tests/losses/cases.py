"""All losses of classes and labels, a row each: what the tests of laws run through.

A new loss enters every test with one row. Those of regression and of overlap, whose arguments
differ, have tables of their own.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from balancekit import losses as bl
from balancekit.losses.asymmetric import AsymmetricLoss, asymmetric_loss
from balancekit.losses.distribution_balanced import (
    DistributionBalancedLoss,
    distribution_balanced_loss,
)
from balancekit.losses.equalization import EQLv2Loss

Array = NDArray[np.float64]
Gradient = Callable[[Array, NDArray[np.int64]], Array]

N_CLASSES = 4
COUNTS = [900, 90, 9, 1]
BIN_COUNTS = torch.tensor([7.0, 1.0, 2.5, 0.0, 3.0])

# Numbers that float32 holds exactly: modules, which keep them so, then equal functions.
WEIGHTS = torch.tensor([0.5, 1.0, 2.5, 1.5], dtype=torch.float64)
SHARES = torch.tensor([0.125, 0.25, 0.75, 0.5], dtype=torch.float64)
LOG_PRIOR = torch.tensor([-0.5, -1.25, -2.25, -3.0], dtype=torch.float64)
POSITIVE_SUMS = torch.tensor([9.5, 1.0, 0.0, 5.0], dtype=torch.float64)
NEGATIVE_SUMS = torch.tensor([10.0, 4.0, 4.0, 0.0], dtype=torch.float64)
EQL_SHARES = [1 / (1 + np.exp(-12 * (r - 0.8))) for r in (0.95, 0.25, 0.0)] + [1.0]
ONES, ZEROS = torch.ones_like(WEIGHTS), torch.zeros_like(WEIGHTS)


@dataclass(frozen=True, kw_only=True)
class Case:
    """A loss with all that the laws need to know of it."""

    function: Callable[..., Tensor]
    module: Callable[..., nn.Module]
    """Makes what computes the same in evaluation, from the options that all modules take."""
    gradient: Gradient
    """The paper's, of the sum of losses, from logits [N, C] and classes [N] or labels [N, C]."""
    constants: Mapping[str, Tensor] = field(default_factory=dict)
    """One value a class or label, [C]."""
    options: Mapping[str, Any] = field(default_factory=dict)
    neutral: Mapping[str, Any] | None = None
    """What makes it cross-entropy, if something does."""
    of_sigmoids: bool = False
    forgets_shifts: bool = True
    """Whether the same number added to all logits changes nothing."""
    holds_weights: bool = False
    """Whether it weighs targets by their logits, without a gradient of the weight."""
    mixes: bool = True
    """Whether soft targets cost the mixture of the hard ones."""
    takes_classes: bool = False
    """Whether a loss of sigmoids takes class indices too."""
    knows_batch: bool = False
    """Whether the loss of a target depends on the others in the batch."""

    def __call__(self, logits: Tensor, targets: Tensor, **options: Any) -> Tensor:
        """The loss, its constants on the device of the logits."""
        given = {**self.constants, **self.options, **options}
        for name, value in given.items():
            if isinstance(value, Tensor):
                given[name] = value.to(logits.device)
        return self.function(logits, targets, **given)


# --- gradients as the papers have them ----------------------------------------------------------


def softmax(z: Array) -> Array:
    shares = np.exp(z - z.max(1, keepdims=True))
    return shares / shares.sum(1, keepdims=True)


def one_hot(y: NDArray[np.int64]) -> Array:
    return np.eye(N_CLASSES)[y]


def of_softmax(
    slope: Callable[[Array], Any] = np.ones_like,
    weights: Tensor = ONES,
    scale: Tensor = ONES,
    bias: Tensor = ZEROS,
    margin: Tensor = ZEROS,
) -> Gradient:
    """w_y·h(p_y)·(p - onehot)·scale of shifted logits."""

    def gradient(z: Array, y: NDArray[np.int64]) -> Array:
        hot = one_hot(y)
        p = softmax(scale.numpy() * z + bias.numpy() - margin.numpy() * hot)
        factor = weights.numpy()[y] * slope((p * hot).sum(1))
        return factor[:, None] * (p - hot) * scale.numpy()

    return gradient


def focal_slope(gamma: float) -> Callable[[Array], Array]:
    return lambda p: (1 - p) ** gamma - gamma * p * (1 - p) ** (gamma - 1) * np.log(p)


def gaussian_weight(sigma: float) -> Callable[[Array], Array]:
    return lambda p: np.exp(-((p - 0.5) ** 2) / (2 * sigma**2)) - 0.1 * p


def bin_weight(counts: Array) -> Callable[[Array], Array]:
    """GHM's N / (n·R) of the bin of g; an empty bin weighs as if it held one target."""
    total, n = counts.sum(), np.minimum(counts, 1).sum()

    def weight(g: Array) -> Array:
        bins = np.minimum((g * len(counts)).astype(int), len(counts) - 1)
        return total / (n * np.maximum(counts[bins], 1))

    return weight


def of_batch_bins(n_bins: int) -> Gradient:
    def gradient(z: Array, y: NDArray[np.int64]) -> Array:
        missed = 1 - (softmax(z) * one_hot(y)).sum(1)
        counts, _ = np.histogram(missed, n_bins, (0, 1))
        return of_softmax(lambda p: bin_weight(counts.astype(float))(1 - p), WEIGHTS)(z, y)

    return gradient


def of_smoothed(z: Array, y: NDArray[np.int64]) -> Array:
    smoothing = SHARES.numpy()[y][:, None]
    hot = one_hot(y)
    return softmax(z) - hot * (1 - smoothing) - (1 - hot) * smoothing / (N_CLASSES - 1)


def of_seesaw(z: Array, y: NDArray[np.int64]) -> Array:
    counts, p, hot = np.array(COUNTS, float), softmax(z), one_hot(y)
    own = (p * hot).sum(1, keepdims=True)
    spared = np.minimum(1, counts / counts[y][:, None]) ** 0.8
    mistaken = np.maximum(1, p / own) ** 2
    factor = np.where(hot == 1, 1, spared * mistaken)
    return WEIGHTS.numpy()[y][:, None] * (softmax(z + np.log(factor)) - hot)


def of_sigmoids(
    gamma_positive: float = 0.0,
    gamma_negative: float = 0.0,
    margin: float = 0.0,
    positive: Any = 1.0,
    negative: Any = 1.0,
) -> Gradient:
    """Slopes of P·(1 - p)^γ⁺·(-log p) and N·s^γ⁻·(-log(1 - s)), s = max(p - m, 0)."""

    def gradient(z: Array, t: NDArray[np.int64]) -> Array:
        p, q = 1 / (1 + np.exp(-z)), 1 / (1 + np.exp(z))
        label_1 = -(q**gamma_positive) * (q - gamma_positive * p * np.log(p))
        s, rest = np.maximum(p - margin, 0), np.minimum(q + margin, 1)
        with np.errstate(divide="ignore", invalid="ignore"):
            along_s = s**gamma_negative / rest
            along_s = along_s - gamma_negative * s ** (gamma_negative - 1) * np.log(rest)
        label_0 = np.where(s > 0, along_s, 0) * p * q
        return np.where(t == 1, np.asarray(positive) * label_1, np.asarray(negative) * label_0)

    return gradient


def of_one_vs_rest(z: Array, y: NDArray[np.int64]) -> Array:
    return WEIGHTS.numpy()[y][:, None] * of_sigmoids(1.5, 1.5)(z, one_hot(y).astype(int))


def of_distribution_balance(z: Array, t: NDArray[np.int64]) -> Array:
    """Wu et al. 2020 with α = .1, β = 10, μ = .3, λ = 5, κ = .05, γ = 2."""
    log_odds = LOG_PRIOR.numpy()
    rarity = 1 + np.exp(-log_odds)
    with np.errstate(divide="ignore"):
        r = rarity / (t * rarity).sum(1, keepdims=True)
    u = z + 0.05 * log_odds
    slope_1, slope_0 = (of_sigmoids(2.0, 2.0)(part, t) for part in (u, 5 * u))
    return (0.1 + 1 / (1 + np.exp(-10 * (r - 0.3)))) * np.where(t == 1, slope_1, slope_0)


# --- the losses -------------------------------------------------------------------------------


def counted_ghm(base: str = "softmax", **options: Any) -> nn.Module:
    loss = bl.GHMCLoss(WEIGHTS, base=base, n_bins=5, **options)
    loss.counts.copy_(BIN_COUNTS)
    return loss


def eql_v2(
    logits: Tensor,
    targets: Tensor,
    positive_gradients: Tensor,
    negative_gradients: Tensor,
    *,
    sample_weight: Tensor | None = None,
    normalizer: str | Tensor = "count",
    **options: Any,
) -> Tensor:
    """EQL v2, which has no function of its own, in evaluation with these sums."""
    given = normalizer if isinstance(normalizer, Tensor) else None
    name = "count" if given is not None else normalizer
    loss = EQLv2Loss(len(positive_gradients), normalizer=name, **options).eval()
    sums = {"positive_gradients": positive_gradients, "negative_gradients": negative_gradients}
    call = {"sample_weight": sample_weight, "normalizer": given}
    return torch.func.functional_call(loss, sums, (logits, targets), call)


def summed_eql(**options: Any) -> nn.Module:
    loss = EQLv2Loss(N_CLASSES, **options)
    loss.positive_gradients.copy_(POSITIVE_SUMS)
    loss.negative_gradients.copy_(NEGATIVE_SUMS)
    return loss


SOFTMAX: dict[str, Case] = {
    "cross-entropy": Case(
        function=bl.cross_entropy,
        module=bl.WeightedCrossEntropyLoss,
        gradient=of_softmax(),
        neutral={},
    ),
    "cross-entropy-weighted": Case(
        function=bl.cross_entropy,
        constants={"class_weights": WEIGHTS},
        module=partial(bl.WeightedCrossEntropyLoss, WEIGHTS),
        gradient=of_softmax(weights=WEIGHTS),
        neutral={"class_weights": ONES},
    ),
    "cross-entropy-smoothed": Case(
        function=bl.cross_entropy,
        options={"label_smoothing": 0.125},
        module=partial(bl.WeightedCrossEntropyLoss, label_smoothing=0.125),
        gradient=lambda z, y: softmax(z) - 0.875 * one_hot(y) - 0.125 / N_CLASSES,
        neutral={"label_smoothing": 0.0},
    ),
    "logit-adjusted": Case(
        function=bl.logit_adjusted_cross_entropy,
        constants={"log_prior": LOG_PRIOR},
        options={"tau": 0.75},
        module=partial(bl.LogitAdjustedLoss, LOG_PRIOR, 0.75),
        gradient=of_softmax(bias=0.75 * LOG_PRIOR),
        neutral={"tau": 0.0},
    ),
    "balanced-softmax": Case(
        function=bl.balanced_softmax_loss,
        constants={"class_counts": torch.tensor(COUNTS)},
        module=partial(bl.BalancedSoftmaxLoss, COUNTS),
        gradient=of_softmax(bias=torch.tensor(COUNTS).double().log()),
        neutral={"class_counts": 50 * ONES},
    ),
    "vs": Case(
        function=bl.vs_loss,
        constants={"scale": SHARES, "bias": LOG_PRIOR, "class_weights": WEIGHTS},
        module=partial(bl.VSLoss, SHARES, LOG_PRIOR, WEIGHTS),
        gradient=of_softmax(scale=SHARES, bias=LOG_PRIOR, weights=WEIGHTS),
        neutral={"scale": ONES, "bias": ZEROS, "class_weights": ONES},
        forgets_shifts=False,  # each class scales the number by a factor of its own
    ),
    "ldam": Case(
        function=bl.ldam_loss,
        constants={"margins": SHARES, "class_weights": WEIGHTS},
        options={"scale": 3.0},
        module=partial(bl.LDAMLoss, SHARES, 3.0, WEIGHTS),
        gradient=of_softmax(weights=WEIGHTS, scale=3 * ONES, margin=3 * SHARES),
        neutral={"margins": ZEROS, "class_weights": None, "scale": 1.0},
    ),
    "focal": Case(
        function=bl.focal_loss,
        module=bl.FocalLoss,
        gradient=of_softmax(focal_slope(2.0)),
        neutral={"gamma": 0.0},
    ),
    "focal-quarter": Case(
        function=bl.focal_loss,
        constants={"class_weights": WEIGHTS},
        options={"gamma": 0.25},
        module=partial(bl.FocalLoss, 0.25, WEIGHTS),
        gradient=of_softmax(focal_slope(0.25), WEIGHTS),
        neutral={"gamma": 0.0, "class_weights": ONES},
    ),
    "poly": Case(
        function=bl.poly_loss,
        constants={"class_weights": WEIGHTS},
        module=partial(bl.PolyLoss, 2.0, WEIGHTS),
        gradient=of_softmax(lambda p: 1 + 2 * p, WEIGHTS),
        neutral={"epsilon": 0.0, "class_weights": None},
    ),
    "poly-below-0": Case(
        function=bl.poly_loss,
        options={"epsilon": -0.875},
        module=partial(bl.PolyLoss, -0.875),
        gradient=of_softmax(lambda p: 1 - 0.875 * p),
        neutral={"epsilon": 0.0},
    ),
    "label-aware-smoothing": Case(
        function=bl.label_aware_smoothing_loss,
        constants={"smoothing": SHARES},
        module=partial(bl.LabelAwareSmoothingLoss, SHARES),
        gradient=of_smoothed,
        neutral={"smoothing": ZEROS},
    ),
    "gw": Case(
        function=bl.gw_loss,
        constants={"class_weights": WEIGHTS},
        options={"sigma": 0.3},
        module=partial(bl.GWLoss, 0.3, WEIGHTS),
        gradient=of_softmax(gaussian_weight(0.3), WEIGHTS),
        holds_weights=True,
    ),
    "ghm": Case(
        function=bl.ghm_c_loss,
        constants={"class_weights": WEIGHTS},
        options={"counts": BIN_COUNTS},
        module=counted_ghm,
        gradient=of_softmax(lambda p: bin_weight(BIN_COUNTS.double().numpy())(1 - p), WEIGHTS),
        neutral={"class_weights": None, "counts": torch.full((5,), 3.0)},
        mixes=False,  # a soft target has a gradient norm of its own
    ),
    "ghm-of-batch": Case(
        function=bl.ghm_c_loss,
        constants={"class_weights": WEIGHTS},
        options={"n_bins": 5},
        module=partial(bl.GHMCLoss, WEIGHTS, n_bins=5, momentum=0.0),
        gradient=of_batch_bins(5),
        neutral={"class_weights": None, "n_bins": 1},
        mixes=False,
        knows_batch=True,
    ),
    "seesaw": Case(
        function=bl.seesaw_loss,
        constants={"class_counts": torch.tensor(COUNTS), "class_weights": WEIGHTS},
        module=partial(bl.SeesawLoss.from_counts, COUNTS, class_weights=WEIGHTS),
        gradient=of_seesaw,
        neutral={"p": 0.0, "q": 0.0, "class_weights": None},
        holds_weights=True,
    ),
    "one-vs-rest": Case(
        function=bl.one_vs_rest_focal_loss,
        constants={"class_weights": WEIGHTS},
        options={"gamma": 1.5},
        module=partial(bl.ClassBalancedLoss, class_weights=WEIGHTS, base="focal", gamma=1.5),
        gradient=of_one_vs_rest,
        forgets_shifts=False,  # sigmoids, which know what 0 is
    ),
}

SIGMOID: dict[str, Case] = {
    "bce": Case(
        function=bl.weighted_bce_with_logits,
        module=bl.WeightedBCELoss,
        gradient=of_sigmoids(),
        neutral={},
        of_sigmoids=True,
    ),
    "bce-weighted": Case(
        function=bl.weighted_bce_with_logits,
        constants={"pos_weight": WEIGHTS},
        module=partial(bl.WeightedBCELoss, WEIGHTS),
        gradient=of_sigmoids(positive=WEIGHTS.numpy()),
        neutral={"pos_weight": None},
        of_sigmoids=True,
    ),
    "sigmoid-focal": Case(
        function=bl.sigmoid_focal_loss,
        module=bl.SigmoidFocalLoss,
        gradient=of_sigmoids(2.0, 2.0, positive=0.25, negative=0.75),
        neutral={"gamma": 0.0, "alpha": None},
        of_sigmoids=True,
    ),
    "sigmoid-focal-quarter": Case(
        function=bl.sigmoid_focal_loss,
        constants={"alpha": SHARES},
        options={"gamma": 0.25},
        module=partial(bl.SigmoidFocalLoss, 0.25, SHARES),
        gradient=of_sigmoids(0.25, 0.25, positive=SHARES.numpy(), negative=1 - SHARES.numpy()),
        neutral={"gamma": 0.0, "alpha": None},
        of_sigmoids=True,
    ),
    "asymmetric": Case(
        function=asymmetric_loss,
        module=AsymmetricLoss,
        gradient=of_sigmoids(0.0, 4.0, 0.05),
        neutral={"gamma_negative": 0.0, "margin": 0.0},
        of_sigmoids=True,
    ),
    "asymmetric-weighted": Case(
        function=asymmetric_loss,
        constants={"pos_weight": WEIGHTS},
        options={"gamma_positive": 0.5, "gamma_negative": 1.5, "margin": 0.25},
        module=partial(AsymmetricLoss, 0.5, 1.5, 0.25, pos_weight=WEIGHTS),
        gradient=of_sigmoids(0.5, 1.5, 0.25, positive=WEIGHTS.numpy()),
        neutral={"pos_weight": None, "gamma_positive": 0, "gamma_negative": 0, "margin": 0},
        of_sigmoids=True,
    ),
    "distribution-balanced": Case(
        function=distribution_balanced_loss,
        constants={"log_odds": LOG_PRIOR},
        module=partial(DistributionBalancedLoss, LOG_PRIOR),
        gradient=of_distribution_balance,
        of_sigmoids=True,
        mixes=False,  # a label weighs by the other labels of its sample
    ),
    "eql-v2": Case(
        function=eql_v2,
        constants={"positive_gradients": POSITIVE_SUMS, "negative_gradients": NEGATIVE_SUMS},
        module=summed_eql,
        gradient=of_sigmoids(
            positive=1 + 4 * (1 - np.array(EQL_SHARES)), negative=np.array(EQL_SHARES)
        ),
        neutral={"negative_gradients": ZEROS},
        of_sigmoids=True,
        takes_classes=True,
    ),
    "ghm-of-sigmoids": Case(
        function=bl.ghm_c_loss,
        constants={"class_weights": WEIGHTS},
        options={"counts": BIN_COUNTS, "base": "sigmoid"},
        module=partial(counted_ghm, "sigmoid"),
        gradient=lambda z, t: (
            WEIGHTS.numpy()
            * bin_weight(BIN_COUNTS.double().numpy())(np.abs(1 / (1 + np.exp(-z)) - t))
            * of_sigmoids()(z, t)
        ),
        neutral={"class_weights": None, "counts": torch.full((5,), 3.0)},
        mixes=False,  # a soft target has a gradient norm of its own
        of_sigmoids=True,
    ),
}

LOSSES = SOFTMAX | SIGMOID


# --- what goes into them ------------------------------------------------------------------------


def random_logits(*shape: int, seed: int = 0) -> Tensor:
    """Float64, most within ±6."""
    generator = torch.Generator().manual_seed(seed)
    return 3 * torch.randn(shape, dtype=torch.float64, generator=generator)


def random_targets(case: Case, *shape: int, soft: bool = False, seed: int = 1) -> Tensor:
    """Of logits of this shape: classes, shares of classes, labels, or shares of labels."""
    logits = random_logits(*shape, seed=seed)
    if case.of_sigmoids:
        return logits.sigmoid() if soft else (logits > 0).long()
    return logits.softmax(1) if soft else logits.argmax(1)


def rows_of(classes: Tensor) -> Tensor:
    """One-hot rows of classes, along axis 1: float64 [N, C, …]."""
    return F.one_hot(classes, N_CLASSES).movedim(-1, 1).double()


def loss_and_gradient(
    loss: Callable[..., Tensor], logits: Tensor, *args: Any, **options: Any
) -> tuple[Tensor, Tensor]:
    """The loss, and the gradient of its sum, both without a graph."""
    logits = logits.detach().clone().requires_grad_()
    value = loss(logits, *args, **options)
    (gradient,) = torch.autograd.grad(value.sum(), logits)
    return value.detach(), gradient


def each(**cases: Case) -> pytest.MarkDecorator:
    """A test that runs once for each of these losses."""
    return pytest.mark.parametrize("case", cases.values(), ids=list(cases))


def those(cases: Mapping[str, Case], condition: Callable[[Case], object]) -> dict[str, Case]:
    """The losses for which something holds."""
    return {name: case for name, case in cases.items() if condition(case)}


each_loss = each(**LOSSES)
each_softmax = each(**SOFTMAX)
each_sigmoid = each(**SIGMOID)
soft_or_hard = pytest.mark.parametrize("soft", [False, True], ids=["hard", "soft"])
dtypes = pytest.mark.parametrize(
    "dtype",
    [torch.float64, torch.float32, torch.float16, torch.bfloat16],
    ids=["fp64", "fp32", "fp16", "bf16"],
)
# float64 throughout: the two sides do the same few dozen operations in another order, each
# within 2e-16 of its result; 1e-10 leaves room and is far below any wrong formula.
close = partial(torch.testing.assert_close, rtol=1e-10, atol=1e-10)
