"""What holds for every loss of a regression."""

import math
from functools import partial

import pytest
import torch
from torch import Tensor, nn

from balancekit.errors import OptionError
from balancekit.losses.regression import (
    BMCLoss,
    DenseWeightLoss,
    FocalRLoss,
    GAILoss,
    GaussianMixture,
    GHMRLoss,
    LDSLoss,
    bmc_loss,
    focal_r_loss,
    weighted_huber_loss,
    weighted_l1_loss,
    weighted_mse_loss,
)

TRAINING_TARGETS = [0.0, 0.1, 0.2, 0.2, 0.3, 0.3, 0.4, 1.0, 2.5]
MIXTURE = GaussianMixture([0.7, 0.3], [0.2, 2.0], [0.1, 0.5])

# Each target has a loss of its own, whatever else is in the batch.
SINGLE = {
    "lds": partial(LDSLoss.from_values, TRAINING_TARGETS),
    "lds-mse": partial(LDSLoss.from_values, TRAINING_TARGETS, base="mse", exponent=1.0),
    "lds-huber": partial(LDSLoss.from_values, TRAINING_TARGETS, base="huber", delta=0.5),
    "dense": partial(DenseWeightLoss.from_values, TRAINING_TARGETS),
    "dense-l1": partial(DenseWeightLoss.from_values, TRAINING_TARGETS, base="l1", alpha=0.5),
    "gai": partial(GAILoss, MIXTURE, 0.5),
    "gai-fixed": partial(GAILoss, MIXTURE, 0.5, learnable=False),
    "focal-r": FocalRLoss,
    "focal-r-quarter": partial(FocalRLoss, gamma=0.25, activation="tanh"),
    "focal-r-mse": partial(FocalRLoss, "mse", beta=2.0, gamma=2.0, activation="tanh"),
}
LOSSES = SINGLE | {
    "bmc": partial(BMCLoss, 0.5),
    "bmc-fixed": partial(BMCLoss, 0.5, learnable=False),
    "ghm-r": partial(GHMRLoss, 0.3),
}
each_loss = pytest.mark.parametrize("make", LOSSES.values(), ids=LOSSES)
each_single_loss = pytest.mark.parametrize("make", SINGLE.values(), ids=SINGLE)
# float64 throughout: the two sides do the same few dozen operations in another order.
close = partial(torch.testing.assert_close, rtol=1e-10, atol=1e-10)


def batch(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    predictions = torch.randn(*shape, generator=generator, dtype=torch.float64)
    targets = torch.rand(*shape, generator=generator, dtype=torch.float64) * 3
    return predictions.to(dtype), targets.to(dtype)


def ready(make, **options) -> nn.Module:
    """A loss in evaluation, where no state changes, in float64; GHM-R has seen a batch."""
    loss = make(**options)
    loss(*batch(50, seed=9))
    return loss.double().eval()


def gradient(loss, predictions: Tensor, targets: Tensor, **options) -> Tensor:
    predictions = predictions.detach().clone().requires_grad_()
    return torch.autograd.grad(loss(predictions, targets, **options).sum(), predictions)[0]


# --- shapes -------------------------------------------------------------------------------------


@each_loss
@pytest.mark.parametrize(
    ("predictions", "targets"),
    [((4,), (4, 1)), ((4, 1), (4,)), ((4, 2), (4,)), ((4,), (1,)), ((), ())],
    ids=str,
)
def test_shapes_that_torch_would_broadcast_are_refused(make, predictions, targets):
    with pytest.raises(OptionError, match="targets: expected one number a prediction"):
        make()(torch.zeros(predictions), torch.zeros(targets))


@each_loss
def test_predictions_must_be_floats(make):
    with pytest.raises(OptionError, match=r"predictions: expected a float tensor, got int64 \[3\]"):
        make()(torch.arange(3), torch.zeros(3))


@each_loss
def test_whole_targets_are_taken(make):
    predictions, _ = batch(5)
    whole = torch.tensor([0, 1, 2, 1, 0])
    close(ready(make)(predictions, whole), ready(make)(predictions, whole.double()))


@each_loss
def test_a_column_is_the_same_as_a_vector(make):
    predictions, targets = batch(6)
    loss = ready(make)
    close(loss(predictions[:, None], targets[:, None]), loss(predictions, targets))


@each_single_loss
def test_a_grid_of_targets_is_the_same_as_all_in_one_row(make):
    predictions, targets = batch(2, 3, 4)
    loss = ready(make)
    close(loss(predictions, targets), loss(predictions.reshape(-1), targets.reshape(-1)))
    swapped = loss(predictions.transpose(0, 2), targets.transpose(0, 2))  # not contiguous
    close(swapped, loss(predictions, targets))


@each_loss
def test_an_empty_batch_has_loss_0(make):
    predictions = torch.zeros(0, requires_grad=True)
    loss = make()(predictions, torch.zeros(0))
    assert loss == 0
    loss.backward()
    assert predictions.grad.shape == (0,)


# --- reduction --------------------------------------------------------------------------------


@each_loss
def test_mean_and_sum_are_those_of_the_single_losses(make):
    predictions, targets = batch(6, 1)
    singles = ready(make, reduction="none")(predictions, targets)
    close(ready(make)(predictions, targets), singles.mean())
    close(ready(make, reduction="sum")(predictions, targets), singles.sum())


@each_loss
def test_sample_weight_multiplies_the_loss_of_its_sample(make):
    predictions, targets = batch(4)
    weights = torch.tensor([0.0, 1.0, 2.0, 0.5], dtype=torch.float64)
    singles = ready(make, reduction="none")(predictions, targets)
    close(ready(make)(predictions, targets, sample_weight=weights), (singles * weights).sum() / 4)


@each_loss
def test_dividing_by_the_weights_makes_equal_weights_no_weights(make):
    predictions, targets = batch(4)
    weights = torch.full((4,), 7.0)
    loss = ready(make, normalizer="weight")
    close(loss(predictions, targets, sample_weight=weights), loss(predictions, targets))


@each_loss
def test_a_sample_weight_of_another_shape_is_refused(make):
    with pytest.raises(OptionError, match="sample_weight: expected one weight a sample"):
        make()(*batch(4), sample_weight=torch.ones(3))


@each_single_loss
def test_accumulated_batches_with_their_common_count_equal_one_large_batch(make):
    predictions, targets = batch(8)
    loss, count = ready(make), torch.tensor(8)
    parts = zip(predictions.split(3), targets.split(3), strict=True)
    close(sum(loss(*part, normalizer=count) for part in parts), loss(predictions, targets))


@each_loss
@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"reduction": "average"}, "reduction: expected one of 'mean', 'sum', 'none'"),
        ({"normalizer": "positives"}, "targets of a regression are no labels"),
        ({"normalizer": torch.ones(1)}, "normalizer: expected a name when a module is made"),
        ({"sync": "all"}, "sync: expected 'none', 'auto' or a process group"),
    ],
    ids=["reduction", "positives", "tensor", "sync"],
)
def test_options_that_do_not_exist_are_refused(make, options, text):
    with pytest.raises(OptionError, match=text):
        make(**options)


@each_loss
def test_a_misspelt_option_is_refused(make):
    with pytest.raises(OptionError, match=r"reductoin\. Did you mean 'reduction'\?"):
        make(reductoin="sum")


@each_loss
def test_a_normalizer_of_many_numbers_is_refused(make):
    with pytest.raises(OptionError, match=r"normalizer: expected one number, got a tensor \[2\]"):
        make()(*batch(2), normalizer=torch.ones(2))


# --- numbers ----------------------------------------------------------------------------------


@each_loss
def test_the_gradient_is_that_of_the_formula(make):
    predictions, targets = batch(5)
    weights = torch.rand(5, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    loss = partial(ready(make), targets=targets, sample_weight=weights)
    assert torch.autograd.gradcheck(loss, predictions.requires_grad_())


@each_loss
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_halves_are_computed_in_float32(make, dtype):
    predictions, targets = batch(6, dtype=dtype)
    loss = ready(make).float()
    value = loss(predictions, targets)
    assert value.dtype == torch.float32
    assert value == loss(predictions.float(), targets.float())
    assert gradient(loss, predictions, targets).dtype == dtype


@each_loss
@pytest.mark.parametrize(
    "dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64], ids=str
)
def test_predictions_far_off_and_exactly_right_have_a_finite_loss_and_gradient(make, dtype):
    predictions = torch.tensor([1e4, -1e4, 0.25, 1e-7, 2.5], dtype=dtype)
    targets = torch.tensor([0.0, 2.5, 0.25, 0.0, 2.5], dtype=dtype)
    loss = make(reduction="none")
    assert loss(predictions, targets).isfinite().all()
    # Sums of halves overflow; single gradients need not.
    assert (
        gradient(loss, predictions, targets, sample_weight=torch.full((5,), 1e-3)).isfinite().all()
    )


@each_single_loss
def test_a_prediction_far_off_is_pulled_towards_its_target(make):
    predictions, targets = torch.tensor([1e4, -1e4]), torch.tensor([2.0, 2.0])
    assert (gradient(make(), predictions, targets).sign() == torch.tensor([1.0, -1.0])).all()


@each_loss
def test_targets_that_are_nan_reach_the_loss_and_break_nothing(make):
    predictions, targets = batch(4)
    targets[1] = math.nan
    assert make()(predictions, targets).isnan()


# --- modules ----------------------------------------------------------------------------------


@each_loss
@pytest.mark.parametrize("train", [True, False], ids=["train", "eval"])
def test_a_loss_compiles_as_one_graph(make, train):
    predictions, targets = batch(6, dtype=torch.float32)
    loss, compiled = make().train(train), make().train(train)
    for _ in range(2):
        got = torch.compile(compiled, fullgraph=True, backend="eager")(predictions, targets)
        close(got, loss(predictions, targets))


@each_loss
def test_a_loss_goes_through_torch_func(make):
    predictions, targets = batch(4)
    loss = ready(make)
    close(torch.func.grad(loss)(predictions, targets), gradient(loss, predictions, targets))


@each_loss
def test_the_state_dict_holds_all_that_a_loss_knows(make):
    loss, other = make(), make()
    for name, value in loss.state_dict().items():
        if value.is_floating_point() and name not in ("edges", "low", "step"):
            value.mul_(1.5)
    loss(*batch(50, seed=9))
    other.load_state_dict(loss.state_dict())
    predictions, targets = batch(5)
    close(other.eval()(predictions, targets), loss.eval()(predictions, targets))


@each_loss
def test_a_loss_says_what_it_is(make):
    text = repr(make(reduction="sum"))
    assert "reduction='sum'" in text
    assert "normalizer='count'" in text


FUNCTIONS = {
    "l1": (weighted_l1_loss, lambda d: abs(d)),
    "mse": (weighted_mse_loss, lambda d: d * d),
    "huber": (weighted_huber_loss, lambda d: d * d / 2 if abs(d) < 1 else abs(d) - 0.5),
}


@pytest.mark.parametrize(("loss", "law"), FUNCTIONS.values(), ids=FUNCTIONS)
def test_a_weighted_loss_is_its_law_times_the_weight(loss, law):
    predictions, targets = batch(7)
    predictions *= 3
    weights = torch.rand(7, dtype=torch.float64, generator=torch.Generator().manual_seed(4))
    laws = torch.tensor([law(d) for d in (predictions - targets).tolist()], dtype=torch.float64)
    close(loss(predictions, targets, weights, reduction="none"), weights * laws)
    close(loss(predictions, targets, weights), (weights * laws).mean())
    close(
        loss(predictions, targets, weights, normalizer="weight"),
        (weights * laws).sum() / weights.sum(),
    )


@pytest.mark.parametrize(("loss", "_"), FUNCTIONS.values(), ids=FUNCTIONS)
def test_weights_do_not_change_the_precision(loss, _):
    assert (
        loss(*batch(3, dtype=torch.float16), torch.ones(3, dtype=torch.float64)).dtype
        == torch.float32
    )


@pytest.mark.parametrize(("loss", "_"), FUNCTIONS.values(), ids=FUNCTIONS)
def test_target_weights_of_another_shape_are_refused(loss, _):
    with pytest.raises(
        OptionError, match=r"target_weights: expected one weight a target, \[4, 1\]"
    ):
        loss(*batch(4, 1), torch.ones(4))


CALLS = {
    "delta": (partial(weighted_huber_loss, *batch(3), delta=0.0), "delta: expected"),
    "lds-delta": (partial(LDSLoss.from_values, [1, 2], delta=-1.0), "delta: expected"),
    "base": (partial(LDSLoss.from_values, [1, 2], base="l2"), "base: expected one of 'l1', 'mse'"),
    "edges": (partial(LDSLoss, [0.0, 1.0], [1.0, 1.0]), "expected one more than the 2 weights"),
    "heights": (partial(DenseWeightLoss, 0.0, 1.0, [1.0], 0.1), "heights: expected at least 2"),
    "NaN": (partial(LDSLoss.from_values, [math.nan]), "got 1 NaN or infinite of 1"),
    "dense-NaN": (partial(DenseWeightLoss.from_values, [math.nan]), "got 1 NaN or infinite of 1"),
    "noise": (partial(BMCLoss, 0.0), "noise_sigma: expected a finite number above 0, got 0"),
    "noise-NaN": (partial(GAILoss, MIXTURE, math.nan), "noise_sigma: expected a finite number"),
    "noise-of-function": (
        partial(bmc_loss, *batch(3), noise_sigma=-1.0),
        "noise_sigma: expected a finite number",
    ),
    "focal-base": (partial(FocalRLoss, "huber"), "base: expected one of 'l1', 'mse', got 'huber'"),
    "beta": (partial(focal_r_loss, *batch(3), beta=-1.0), "beta: expected a number of at least 0"),
    "gamma": (partial(FocalRLoss, gamma=-1.0), "gamma: expected a number of at least 0"),
    "activation": (partial(FocalRLoss, activation="relu"), "activation: expected one of 'sigmoid'"),
    "mu": (partial(GHMRLoss, 0.0), "mu: expected a number of at least"),
    "bins": (partial(GHMRLoss, n_bins=0), "n_bins: expected an integer of at least 1, got 0"),
    "half bins": (partial(GHMRLoss, n_bins=2.5), "n_bins: expected an integer of at least 1"),
    "momentum": (partial(GHMRLoss, momentum=1.0), "momentum: expected a number in"),
    "grid": (
        partial(bmc_loss, *batch(2, 2, 2), noise_sigma=1.0),
        r"expected \[N\] or \[N, D\], got \[2, 2, 2\]",
    ),
}


@pytest.mark.parametrize(("call", "text"), CALLS.values(), ids=CALLS)
def test_arguments_out_of_range_are_refused(call, text):
    with pytest.raises(OptionError, match=text):
        call()
