"""Each loss of a regression is the formula of its paper, in NumPy and float64."""

from functools import partial

import numpy as np
import pytest
import torch

from balancekit.errors import OptionError
from balancekit.losses.regression import (
    BMCLoss,
    DenseWeightLoss,
    GAILoss,
    GaussianMixture,
    GHMRLoss,
    LDSLoss,
    bmc_loss,
    fit_gaussian_mixture,
    focal_r_loss,
)
from balancekit.weights.density import dense_weights, lds_weights

RNG = np.random.default_rng(0)
PREDICTIONS, TARGETS = RNG.normal(size=12), RNG.gamma(1.0, size=12)
VALUES = RNG.gamma(2.0, size=300)
MIXTURE = GaussianMixture([0.6, 0.3, 0.1], [0.1, 1.5, 4.0], [0.2, 0.0, 1.3])
# Two orders of the same few dozen operations in float64.
close = partial(np.testing.assert_allclose, rtol=1e-9, atol=1e-12)


def tensors(*arrays: np.ndarray) -> list[torch.Tensor]:
    return [torch.tensor(array) for array in arrays]


# --- weights of the targets -------------------------------------------------------------------


@pytest.mark.parametrize("base", ["l1", "mse"])
def test_lds_loss_weighs_each_error_by_the_weight_of_its_target(base):
    errors = 0.5 + np.abs(RNG.normal(size=300))
    expected = lds_weights(VALUES) * (errors if base == "l1" else errors**2)
    loss = LDSLoss.from_values(VALUES, base=base, reduction="none")
    got = loss(*tensors(VALUES + errors, VALUES)).numpy()
    # Weights are kept in float32, and the edges, by which no value here changes its bin.
    np.testing.assert_allclose(got, expected, rtol=1e-6)


@pytest.mark.parametrize("alpha", [0.5, 2.0])
@pytest.mark.parametrize("base", ["l1", "mse"])
def test_dense_weight_loss_weighs_each_error_by_the_weight_of_its_target(base, alpha):
    errors = 0.5 + np.abs(RNG.normal(size=300))
    expected = dense_weights(VALUES, alpha=alpha) * (errors if base == "l1" else errors**2)
    loss = DenseWeightLoss.from_values(VALUES, alpha=alpha, base=base, reduction="none")
    got = loss(*tensors(VALUES + errors, VALUES)).numpy()
    # The table is kept in float32: 6e-8 of weights of up to 10, times squares of up to 20.
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("make", [LDSLoss, DenseWeightLoss], ids=["lds", "dense"])
def test_targets_that_training_never_saw_weigh_as_the_nearest(make):
    loss = make.from_values(VALUES, base="l1", reduction="none")
    beyond = torch.tensor([-1e6, 1e6])
    ends = torch.tensor([VALUES.min(), VALUES.max()])
    # One unit off: the loss is the weight; float32 holds 1e6 + 1 and 0.01 + 1 well enough.
    torch.testing.assert_close(loss(beyond + 1, beyond), loss(ends + 1, ends).float())


# --- Focal-R ------------------------------------------------------------------------------------


@pytest.mark.parametrize("base", ["l1", "mse"])
@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0])
def test_focal_r_is_section_4_of_yang_2021(base, gamma):
    errors = np.abs(PREDICTIONS - TARGETS)
    expected = (1 / (1 + np.exp(-0.7 * errors))) ** gamma * errors ** (1 if base == "l1" else 2)
    options = {"base": base, "beta": 0.7, "gamma": gamma, "reduction": "none"}
    close(focal_r_loss(*tensors(PREDICTIONS, TARGETS), **options).numpy(), expected)


def test_focal_r_of_the_official_code_is_tanh_at_half_the_beta():
    errors = np.abs(PREDICTIONS - TARGETS)
    expected = (2 / (1 + np.exp(-0.2 * errors)) - 1) ** 1.5 * errors
    options = {"beta": 0.1, "gamma": 1.5, "activation": "tanh", "reduction": "none"}
    close(focal_r_loss(*tensors(PREDICTIONS, TARGETS), **options).numpy(), expected)


# --- GHM-R ------------------------------------------------------------------------------------


def ghm_r_by_the_paper(batches, mu, n_bins, momentum):
    """The weights of each batch: counts as a moving average from 0, corrected for its start.

    A bin of an average below 1 weighs as one target does, and adds its part to the bins.
    """
    average, weights = np.zeros(n_bins), []
    for step, errors in enumerate(batches, 1):
        g = np.abs(errors) / np.sqrt(errors**2 + mu**2)
        bins = np.minimum((g * n_bins).astype(int), n_bins - 1)
        average = momentum * average + (1 - momentum) * np.bincount(bins, minlength=n_bins)
        counts = average / (1 - momentum**step)
        density = np.maximum(counts, 1) * np.minimum(counts, 1).sum()
        weights.append(counts.sum() / density[bins])
    return weights


@pytest.mark.parametrize("momentum", [0.0, 0.75])
def test_ghm_r_is_section_3_4_of_li_2019(momentum):
    batches = [RNG.standard_cauchy(size) for size in (30, 40, 7, 40)]
    expected = ghm_r_by_the_paper(batches, 0.3, 10, momentum)
    loss = GHMRLoss(0.3, momentum=momentum, reduction="none")
    for errors, weights in zip(batches, expected, strict=True):
        got = loss(torch.tensor(errors), torch.zeros(len(errors), dtype=torch.float64)).numpy()
        # Counts and weights are kept in float32.
        np.testing.assert_allclose(
            got, weights * (np.sqrt(errors**2 + 0.3**2) - 0.3), rtol=1e-5, atol=1e-12
        )


@pytest.mark.parametrize("momentum", [0.0, 0.75])
def test_the_first_batch_of_ghm_r_has_a_mean_weight_of_1(momentum):
    errors = torch.tensor([0.001, 0.001, 0.001, 0.02, 5.0, 9.0])
    weighted = GHMRLoss(momentum=momentum, reduction="none")(errors, torch.zeros(6))
    plain = torch.hypot(errors, torch.tensor(0.02)) - 0.02
    # The difference of plain loses 3 of its 7 digits at errors of 0.001.
    torch.testing.assert_close((weighted / plain).mean(), torch.tensor(1.0), rtol=1e-2, atol=0)


def test_ghm_r_keeps_its_counts_in_evaluation():
    errors, zeros = torch.tensor([0.01, 0.01, 5.0]), torch.zeros(3)
    loss = GHMRLoss().eval()
    plain = (torch.hypot(errors, torch.tensor(0.02)) - 0.02).mean()
    torch.testing.assert_close(loss(errors, zeros), plain)  # nothing is known yet
    assert loss.n_steps == 0
    trained = loss.train()(errors, zeros)
    state = {name: value.clone() for name, value in loss.state_dict().items()}
    again = loss.eval()(errors.repeat(4), zeros.repeat(4))
    torch.testing.assert_close(again, trained)  # a batch of another size has the same mean
    # What a target weighs does not depend on the batch that it is evaluated in.
    alone = torch.stack([loss(error[None], zeros[:1]) for error in errors])
    torch.testing.assert_close(alone.mean(), trained)
    assert all(torch.equal(state[name], value) for name, value in loss.state_dict().items())


def test_accumulated_calls_of_ghm_r_count_as_one_large_batch():
    batches = [torch.tensor(RNG.standard_cauchy(12)) for _ in range(3)]
    whole, parts = GHMRLoss(0.3), GHMRLoss(0.3, calls_per_step=3)
    for batch in batches:
        whole(batch, torch.zeros_like(batch))
        for part in batch.split(4):
            parts(part, torch.zeros_like(part))
    torch.testing.assert_close(parts.state_dict(), whole.state_dict())


def test_ghm_r_survives_small_and_large_errors():
    errors = torch.tensor([1e-12, 1e-3, 1e30], requires_grad=True)
    loss = GHMRLoss(1.0, n_bins=1, reduction="none")(errors, torch.zeros(3))
    # d² / 2μ for small d, |d| for large, to the precision of float32.
    expected = torch.tensor([5e-25, 5e-7, 1e30])
    torch.testing.assert_close(loss.detach(), expected, rtol=1e-6, atol=0)
    (gradient,) = torch.autograd.grad(loss, errors, torch.ones(3))
    torch.testing.assert_close(gradient, torch.tensor([1e-12, 1e-3, 1.0]), rtol=1e-6, atol=0)


# --- Balanced MSE -----------------------------------------------------------------------------


@pytest.mark.parametrize("n_dimensions", [1, 3])
def test_bmc_is_the_softmax_over_the_batch_of_ren_2022(n_dimensions):
    predictions = RNG.normal(size=(9, n_dimensions))
    targets = RNG.normal(size=(9, n_dimensions))
    sigma = 0.8
    squares = ((predictions[:, None] - targets) ** 2).sum(-1)
    similar = np.exp(-squares / (2 * sigma**2))
    expected = -np.log(np.diag(similar) / similar.sum(1)) * 2 * sigma**2
    got = bmc_loss(*tensors(predictions, targets), sigma, reduction="none").numpy()
    close(got, expected)


def test_bmc_of_one_sample_is_0_with_gradient_0():
    prediction = torch.tensor([7.0], requires_grad=True)
    loss = BMCLoss()(prediction, torch.tensor([1.0]))
    loss.backward()
    assert loss == 0
    assert prediction.grad == 0


def test_bmc_keeps_its_digits_where_targets_are_large():
    predictions, targets = torch.tensor([4000.25, 4002.5]), torch.tensor([4000.0, 4002.0])
    exact = bmc_loss(predictions.double(), targets.double(), 1.0, reduction="none")
    got = bmc_loss(predictions, targets, 1.0, reduction="none")
    torch.testing.assert_close(got, exact.float(), rtol=1e-6, atol=0)  # float32


def test_gai_is_the_integral_over_the_mixture_of_ren_2022():
    sigma = 0.7
    y = np.linspace(-15, 20, 200_001)
    # A mixture without variance 0, which no sum over a grid can hold.
    mixture = GaussianMixture([0.6, 0.3, 0.1], [0.1, 1.5, 4.0], [0.2, 0.05, 1.3])

    def normal(at, mean, variance):
        return np.exp(-((at - mean) ** 2) / (2 * variance)) / np.sqrt(2 * np.pi * variance)

    prior = sum(w * normal(y, m, v) for w, m, v in zip(*mixture.arrays, strict=True))
    step = y[1] - y[0]
    expected = [
        -np.log(
            normal(target, prediction, sigma**2) / (normal(y, prediction, sigma**2) @ prior * step)
        )
        for prediction, target in zip(PREDICTIONS, TARGETS, strict=True)
    ]
    got = GAILoss(mixture, sigma, reduction="none").double()(*tensors(PREDICTIONS, TARGETS))
    # The module is made in float32, 6e-8, and logarithms are of the size of 1.
    np.testing.assert_allclose(got.detach().numpy(), 2 * sigma**2 * np.array(expected), atol=1e-6)


def test_the_noise_has_the_gradient_of_the_likelihood_times_its_constant_factor():
    sigma = torch.tensor(0.6, dtype=torch.float64, requires_grad=True)
    predictions, targets = tensors(PREDICTIONS, TARGETS)
    loss = bmc_loss(predictions, targets, sigma)
    (got,) = torch.autograd.grad(loss, sigma)

    def likelihood(s):
        squares = (PREDICTIONS[:, None] - TARGETS) ** 2
        similar = np.exp(-squares / (2 * s**2))
        return -np.log(np.diag(similar) / similar.sum(1)).mean()

    slope = (likelihood(0.6 + 1e-5) - likelihood(0.6 - 1e-5)) / 2e-5
    np.testing.assert_allclose(got.item(), slope * 2 * 0.6**2, rtol=1e-7)  # central difference


@pytest.mark.parametrize("loss", [BMCLoss(), GAILoss(MIXTURE)], ids=["bmc", "gai"])
def test_the_noise_is_a_parameter_unless_it_is_fixed(loss):
    assert [name for name, _ in loss.named_parameters()] == ["noise_sigma"]
    fixed = type(loss)(*([MIXTURE] if isinstance(loss, GAILoss) else []), learnable=False)
    assert list(fixed.parameters()) == []
    assert fixed.state_dict()["noise_sigma"] == 1


def slope_under(criterion) -> float:
    """Slope that a line learns for targets of N(0, 1) seen under noise of N(0, ½²)."""
    generator = torch.Generator().manual_seed(0)
    targets = torch.randn(500, generator=generator)
    inputs = targets + 0.5 * torch.randn(500, generator=generator)
    slope = torch.tensor(0.0, requires_grad=True)
    optimizer = torch.optim.Adam([slope, *criterion.parameters()], lr=0.05)
    for _ in range(150):
        optimizer.zero_grad()
        criterion(slope * inputs, targets).backward()
        optimizer.step()
    return slope.item()


def test_balanced_mse_learns_what_equally_likely_targets_would_teach():
    # MSE learns 1 / (1 + ½²) = 0.8: it pulls to where targets are common. Were all targets
    # equally likely, the best guess would be the input itself. 500 pairs decide ±0.03.
    assert slope_under(torch.nn.MSELoss()) == pytest.approx(0.8, abs=0.06)
    assert slope_under(BMCLoss(1.0)) == pytest.approx(1.0, abs=0.06)
    assert slope_under(GAILoss(GaussianMixture([1.0], [0.0], [1.0]), 1.0)) == pytest.approx(
        1.0, abs=0.06
    )


# --- the mixture ------------------------------------------------------------------------------


def log_likelihood(mixture, values):
    weights, means, variances = mixture.arrays
    apart = (values[:, None] - means) ** 2 / variances
    return np.log((weights * np.exp(-apart / 2) / np.sqrt(2 * np.pi * variances)).sum(1)).mean()


def test_a_mixture_is_found_again():
    values = np.concatenate([RNG.normal(-3, 0.5, 6000), RNG.normal(2, 1.0, 4000)])
    weights, means, variances = fit_gaussian_mixture(values, 2).arrays
    order = np.argsort(means)
    # Standard errors of 10,000 draws: .005, .02 and .03 at most; four of them.
    np.testing.assert_allclose(weights[order], [0.6, 0.4], atol=0.02)
    np.testing.assert_allclose(means[order], [-3, 2], atol=0.08)
    np.testing.assert_allclose(variances[order], [0.25, 1.0], atol=0.12)


def test_a_mixture_is_as_likely_as_that_of_scikit_learn():
    sklearn_mixture = pytest.importorskip("sklearn.mixture")
    values = np.concatenate([RNG.gamma(2.0, size=1500), RNG.normal(9, 1, 500)])
    ours = log_likelihood(fit_gaussian_mixture(values, 4), values)
    peer = sklearn_mixture.GaussianMixture(4, random_state=0, n_init=3).fit(values[:, None])
    # Either may end in another hill; they are within a hundredth of a unit here.
    assert ours > peer.score(values[:, None]) - 0.01


def test_a_mixture_of_scikit_learn_is_taken():
    sklearn_mixture = pytest.importorskip("sklearn.mixture")
    peer = sklearn_mixture.GaussianMixture(2, random_state=0).fit(VALUES[:, None])
    mixture = GaussianMixture(peer.weights_, peer.means_.ravel(), peer.covariances_.ravel())
    assert GAILoss(mixture)(torch.zeros(2), torch.ones(2)).isfinite()


@pytest.mark.parametrize(
    ("values", "n_components"),
    [([5.0] * 9, 1), ([0.0, 1e9], 2), ([0, 0, 0, 0, 0, 1], 2), (np.arange(100) * 1e-9 + 1e3, 8)],
    ids=["constant", "far apart", "ties", "close"],
)
def test_odd_targets_have_a_mixture(values, n_components):
    mixture = fit_gaussian_mixture(values, n_components)
    weights, means, variances = mixture.arrays
    assert weights.sum() == pytest.approx(1)
    assert weights @ means == pytest.approx(np.mean(values))
    assert (variances > 0).all()


REFUSED = {
    "too many": (partial(fit_gaussian_mixture, [1.0, 1.0], 2), "n_components: expected 1 to 1"),
    "none": (partial(fit_gaussian_mixture, [1.0], 0), "n_components: expected 1 to 1"),
    "NaN": (partial(fit_gaussian_mixture, [np.nan], 1), "got 1 NaN or infinite of 1"),
    "sum": (
        partial(GaussianMixture, [0.5, 0.4], [0, 1], [1, 1]),
        "weights: expected numbers above",
    ),
    "variance": (partial(GaussianMixture, [1.0], [0], [-1]), "variances of at least 0"),
    "lengths": (partial(GaussianMixture, [1.0], [0, 1], [1]), "means: expected as many as weights"),
    "shape": (partial(GaussianMixture, [1.0], [[0.0]], [1]), r"means: expected .* \[1, 1\]"),
}


@pytest.mark.parametrize(("call", "text"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_mixture_is_refused(call, text):
    with pytest.raises(OptionError, match=text):
        call()
