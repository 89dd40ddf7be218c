"""GHM-C: equal to the paper, and a state that is the same however its targets come."""

import copy
import io

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from balancekit.errors import OptionError
from balancekit.losses.ghm import GHMCLoss, ghm_bin_weights, ghm_c_loss
from balancekit.weights import power_weights

bases = pytest.mark.parametrize("base", ["softmax", "sigmoid"])


def batch_of(seed: int, n: int = 24, *, base: str = "softmax") -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(n, 4, dtype=torch.float64, generator=generator)
    classes = torch.randint(4, (n,), generator=generator)
    return logits, F.one_hot(classes, 4) if base == "sigmoid" else classes


def same(got: object, expected: object) -> None:
    torch.testing.assert_close(got, expected, rtol=0, atol=0)  # the same operations


def logits_of(norms: list[float]) -> Tensor:
    """Rows of two classes, the first of which is missed with these probabilities."""
    q = torch.tensor(norms, dtype=torch.float64)
    return torch.stack([(1 - q).log(), q.log()], 1)


def weights_of(loss: GHMCLoss, norms: list[float]) -> Tensor:
    """The weight that a loss gives to targets with these gradient norms."""
    logits, targets = logits_of(norms), torch.zeros(len(norms), dtype=torch.long)
    return loss(logits, targets) / F.cross_entropy(logits, targets, reduction="none")


# --- equal to the paper ----------------------------------------------------------------------


def numpy_weights(norms: np.ndarray, n_bins: int) -> np.ndarray:
    """N / (n·R) of li 2019, eq. 5 and 9, by counting the neighbours of each target."""
    bins = np.floor(norms * n_bins).clip(0, n_bins - 1)
    neighbours = (bins[:, None] == bins[None]).sum(1)
    return len(norms) / (len(set(bins)) * neighbours)


@pytest.mark.parametrize("n_bins", [1, 10, 30])
@pytest.mark.parametrize("seed", range(4))
def test_the_softmax_loss_is_cross_entropy_by_density(seed, n_bins):
    logits, targets = batch_of(seed, 40)
    z, y = logits.numpy(), targets.numpy()
    p = (np.exp(z) / np.exp(z).sum(1, keepdims=True))[np.arange(40), y]
    class_weights = np.array([0.5, 1, 2, 4])
    expected = numpy_weights(1 - p, n_bins) * class_weights[y] * -np.log(p)
    got = ghm_c_loss(logits, targets, torch.tensor(class_weights), n_bins=n_bins, reduction="none")
    np.testing.assert_allclose(got, expected, rtol=1e-10)  # float64


@pytest.mark.parametrize("seed", range(4))
def test_the_sigmoid_loss_is_equation_10_of_li_2019(seed):
    logits, targets = batch_of(seed, 20, base="sigmoid")
    z, t = logits.numpy(), targets.numpy()
    p = 1 / (1 + np.exp(-z))
    losses = -(t * np.log(p) + (1 - t) * np.log(1 - p))
    weights = numpy_weights(np.abs(p - t).ravel(), 30).reshape(20, 4)
    got = ghm_c_loss(logits, targets, base="sigmoid")
    assert got.item() == pytest.approx((weights * losses).mean(), rel=1e-10)  # float64
    per_label = np.array([0.5, 1, 2, 4])
    got = ghm_c_loss(logits, targets, torch.tensor(per_label), base="sigmoid", reduction="none")
    np.testing.assert_allclose(got, weights * per_label * losses, rtol=1e-10)


def test_soft_labels_of_sigmoids_have_their_distance_as_norm():
    logits = torch.tensor([[0.0, 2.0, -2.0]], dtype=torch.float64)
    targets = torch.tensor([[0.45, 0.9, 0.9]], dtype=torch.float64)
    # Norms .05, .02 and .78: two in the first of ten bins, and one in the eighth.
    expected = F.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    got = ghm_c_loss(logits, targets, base="sigmoid", n_bins=10, reduction="none")
    weights = torch.tensor([[0.75, 0.75, 1.5]], dtype=torch.float64)
    torch.testing.assert_close(got, weights * expected)


def test_soft_classes_have_half_their_distance_as_norm():
    logits = torch.tensor([[0.5, 0.3, 0.2]] * 3, dtype=torch.float64).log()
    targets = torch.tensor([[0.5, 0.3, 0.2], [0.4, 0.35, 0.25], [0.0, 0.0, 1.0]]).double()
    # Norms 0, .1 and .8 in five bins: two in the first, one in the last.
    weights = torch.tensor([0.75, 0.75, 1.5], dtype=torch.float64)
    expected = F.cross_entropy(logits, targets, reduction="none")
    got = ghm_c_loss(logits, targets, n_bins=5, reduction="none")
    torch.testing.assert_close(got, weights * expected)


@bases
def test_one_bin_is_cross_entropy(base):
    logits, targets = batch_of(0, base=base)
    loss = GHMCLoss(base=base, n_bins=1)
    expected = (
        F.cross_entropy(logits, targets)
        if base == "softmax"
        else F.binary_cross_entropy_with_logits(logits, targets.double())
    )
    for _ in range(2):
        torch.testing.assert_close(loss(logits, targets), expected)


@bases
def test_the_weight_has_no_gradient(base):
    logits, targets = batch_of(0, base=base)
    logits.requires_grad_()
    losses = GHMCLoss(base=base, reduction="none")(logits, targets)
    plain = GHMCLoss(base=base, n_bins=1, reduction="none")(logits, targets)
    weights = (losses / plain).detach()
    assert weights.min() < 0.5 < 2 < weights.max()
    got, expected = (
        torch.autograd.grad(part.sum(), logits)[0] for part in (losses, weights * plain)
    )
    torch.testing.assert_close(got, expected)


# --- the moving average ----------------------------------------------------------------------


@bases
@pytest.mark.parametrize("momentum", [0.0, 0.75, 0.9])
def test_the_first_batch_has_a_mean_weight_of_1(momentum, base):
    logits, targets = batch_of(1, 50, base=base)
    targets[0] = -100
    loss = GHMCLoss(base=base, momentum=momentum, reduction="none")
    plain = ghm_c_loss(logits, targets, base=base, n_bins=1, reduction="none")
    weights = (loss(logits, targets) / plain)[1:]
    # float64: a quotient and a mean of a few dozen terms
    assert weights.mean().item() == pytest.approx(1, rel=1e-12)
    assert loss.counts.sum() == 49 * plain[0].numel()


def test_two_steps_by_hand():
    loss = GHMCLoss(n_bins=2, momentum=0.75, reduction="none")
    # Three targets in the first bin and one in the second: 4/(2·3) and 4/(2·1).
    expected = torch.tensor([2 / 3, 2 / 3, 2 / 3, 2], dtype=torch.float64)
    torch.testing.assert_close(weights_of(loss, [0.1, 0.2, 0.3, 0.9]), expected)
    assert loss.counts.tolist() == [3, 1]
    # Then one and three: (.75·3 + 1)/1.75 = 13/7 and (.75·1 + 3)/1.75 = 15/7 of 28/7 targets.
    expected = torch.tensor([14 / 13, 14 / 15, 14 / 15, 14 / 15], dtype=torch.float64)
    # The average is float32.
    torch.testing.assert_close(weights_of(loss, [0.4, 0.6, 0.7, 0.8]), expected, rtol=1e-6, atol=0)
    torch.testing.assert_close(loss.counts, torch.tensor([13 / 7, 15 / 7]))
    assert loss.n_steps == 1.75


def test_without_momentum_the_weights_are_those_of_the_batch_as_in_the_authors_code():
    loss = GHMCLoss(momentum=0.0)
    for seed in range(3):
        logits, targets = batch_of(seed)
        same(loss(logits, targets), ghm_c_loss(logits, targets))


def test_a_small_last_batch_weighs_as_much_a_target_as_others():
    loss = GHMCLoss(n_bins=2, reduction="none")
    for _ in range(20):
        weights_of(loss, [0.1, 0.2, 0.3, 0.9] * 100)
    # N and n of the batch, as in the authors' code, would make it about 2/400.
    assert 0.5 < weights_of(loss, [0.1, 0.9]).mean() < 2


def test_a_bin_of_less_than_one_target_weighs_as_one():
    counts = torch.tensor([7.0, 0.25, 0.0, 1.75])
    weights = ghm_bin_weights(counts)
    n = 1 + 0.25 + 0 + 1
    torch.testing.assert_close(weights, 9 / n / torch.tensor([7.0, 1.0, 1.0, 1.75]))
    torch.testing.assert_close((weights * counts).sum(), torch.tensor(9.0))  # mean weight 1


def test_no_counts_give_weights_of_1():
    assert ghm_bin_weights(torch.zeros(3)).tolist() == [1, 1, 1]


@pytest.mark.parametrize("nothing", ["empty", "ignored"])
@bases
def test_a_batch_of_nothing_leaves_the_average_as_it_was(base, nothing):
    loss = GHMCLoss(base=base)
    logits, targets = batch_of(0, base=base)
    none = (logits[:0], targets[:0])
    if nothing == "ignored":
        none = (torch.full_like(logits, float("nan")), torch.full_like(targets, -100))
    for asked in (none, (logits, targets), none):
        before = copy.deepcopy(loss.state_dict())
        value = loss(*asked)
        if asked is none:
            assert value == 0
            same(loss.state_dict(), before)
    assert loss.counts.sum() == targets.numel()


def test_evaluation_uses_the_average_and_leaves_it():
    loss = GHMCLoss()
    logits, targets = batch_of(0)
    torch.testing.assert_close(loss.eval()(logits, targets), F.cross_entropy(logits, targets))
    loss.train()(*batch_of(1))
    before = copy.deepcopy(loss.state_dict())
    loss.eval()
    loss.reduction = "none"
    together = loss(logits, targets)
    alone = torch.cat([loss(logits[i : i + 1], targets[i : i + 1]) for i in range(24)])
    torch.testing.assert_close(together, alone)
    torch.testing.assert_close(
        together, ghm_c_loss(logits, targets, counts=loss.counts, reduction="none")
    )
    same(loss.state_dict(), before)


def test_a_bin_not_seen_for_long_has_a_bounded_weight():
    loss = GHMCLoss(n_bins=3, reduction="none")
    weights_of(loss, [0.1, 0.5, 0.9])
    for _ in range(400):
        weights_of(loss, [0.1, 0.1, 0.5])
    weights = weights_of(loss.eval(), [0.1, 0.5, 0.9])
    torch.testing.assert_close(weights, torch.tensor([0.75, 1.5, 1.5]).double())


# --- the same state however the targets come -------------------------------------------------


@bases
def test_accumulated_calls_leave_the_state_of_one_large_batch(base):
    large, small = GHMCLoss(base=base), GHMCLoss(base=base, calls_per_step=3)
    for step in range(3):
        logits, targets = batch_of(step, base=base)
        large(logits, targets)
        for part in (slice(0, 4), slice(4, 13), slice(13, 24)):
            small(logits[part], targets[part])
        same(small.state_dict(), large.state_dict())


@bases
def test_counted_parts_have_the_losses_and_gradients_of_the_large_batch(base):
    options = {"base": base, "reduction": "sum"}
    large, small = GHMCLoss(**options), GHMCLoss(**options, calls_per_step=3)
    for step in range(3):
        logits, targets = batch_of(step, base=base)
        logits.requires_grad_()
        expected = large(logits, targets)
        small.train()
        parts = list(zip(logits.split(8), targets.split(8), strict=True))
        for part in parts:
            small.count(*part)
        small.eval()
        got = sum(small(*part) for part in parts)
        # float64, summed in another order
        torch.testing.assert_close(got, expected, rtol=1e-12, atol=0)
        gradients = [torch.autograd.grad(loss, logits)[0] for loss in (got, expected)]
        torch.testing.assert_close(*gradients, rtol=1e-12, atol=1e-14)
        same(small.state_dict(), large.state_dict())


def test_until_a_step_is_whole_its_calls_stand_for_all():
    loss = GHMCLoss(n_bins=2, calls_per_step=2, reduction="none")
    expected = torch.tensor([0.75, 0.75, 1.5], dtype=torch.float64)
    torch.testing.assert_close(weights_of(loss, [0.1, 0.2, 0.9]), expected)
    assert loss.counts.tolist() == [0, 0]
    # Three and three in all, as in one large batch.
    torch.testing.assert_close(
        weights_of(loss, [0.1, 0.8, 0.9]), torch.ones(3, dtype=torch.float64)
    )
    assert loss.counts.tolist() == [3, 3]
    assert loss.open_counts.tolist() == [0, 0]
    # One and three stand for two and six: (.75·3 + 2)/1.75 = 17/7 and (.75·3 + 6)/1.75 = 33/7.
    expected = torch.tensor([25 / 17, 25 / 33, 25 / 33, 25 / 33], dtype=torch.float64)
    # The average is float32.
    torch.testing.assert_close(weights_of(loss, [0.4, 0.6, 0.7, 0.8]), expected, rtol=1e-6, atol=0)


WEIGHT = torch.arange(10.0) / 4


def losses_and_state(parts: slice, sync: str, base: str) -> tuple[Tensor, dict[str, Tensor]]:
    """What one process gets that is given these samples of three batches."""
    loss = GHMCLoss(base=base, normalizer="weight", sync=sync)
    losses = []
    for step in range(3):
        logits, targets = (tensor[parts] for tensor in batch_of(step, 10, base=base))
        losses.append(loss(logits, targets, sample_weight=WEIGHT[parts]))
        losses.append(ghm_c_loss(logits, targets, base=base, sync=sync))
    # Evaluation talks to nobody: one process alone may do it.
    loss.eval()
    if parts.start == 0:
        loss.sync = "none"
        loss(*batch_of(3, base=base))
    return torch.stack(losses), loss.state_dict()


def on_rank(rank: int) -> list[tuple[Tensor, dict[str, Tensor]]]:
    # Parts of unequal size, as the last batch of an epoch may be.
    parts = slice(0, 7) if rank == 0 else slice(7, 10)
    return [losses_and_state(parts, "auto", base) for base in ("softmax", "sigmoid")]


def test_two_processes_equal_one_large_batch(two_ranks):
    for base, first, second in zip(("softmax", "sigmoid"), *two_ranks(on_rank), strict=True):
        losses, state = losses_and_state(slice(0, 10), "none", base)
        same(first[1], state)
        same(second[1], state)
        # Frameworks average gradients over processes, and so losses. Float64.
        torch.testing.assert_close((first[0] + second[0]) / 2, losses)


def test_alone_auto_is_none():
    same(
        losses_and_state(slice(0, 10), "auto", "softmax"),
        losses_and_state(slice(0, 10), "none", "softmax"),
    )


# --- where the state lives -------------------------------------------------------------------


def test_a_restored_loss_goes_on_bit_by_bit():
    loss = GHMCLoss.from_counts([5, 3, 1, 1], exponent=1.0, calls_per_step=2)
    for step in range(5):
        loss(*batch_of(step))
    file = io.BytesIO()
    torch.save(loss.state_dict(), file)
    file.seek(0)
    twin = GHMCLoss(torch.ones(4), calls_per_step=2)
    twin.load_state_dict(torch.load(file))
    for step in range(5, 9):
        same(twin(*batch_of(step)), loss(*batch_of(step)))
    same(twin.state_dict(), loss.state_dict())


def test_the_state_follows_the_module_and_does_not_train():
    loss = GHMCLoss(torch.ones(4))
    loss(*batch_of(0))
    assert set(loss.state_dict()) == {
        "class_weights",
        "counts",
        "n_steps",
        "open_counts",
        "n_open",
    }
    assert all(buffer.is_meta for buffer in copy.deepcopy(loss).to("meta").buffers())
    assert not list(loss.parameters())
    assert not any(buffer.requires_grad for buffer in loss.buffers())


@bases
def test_no_value_is_looked_at_in_training(base):
    # Tensors on the meta device have no values: reading one raises.
    loss = GHMCLoss(torch.ones(4), base=base, normalizer="weight").to("meta")
    logits, targets = (tensor.to("meta") for tensor in batch_of(0, base=base))
    logits.requires_grad_()
    loss(logits, targets).backward()
    assert logits.grad.shape == (24, 4)


@bases
def test_training_compiles_into_one_graph(base):
    torch.compiler.reset()
    loss, twin = GHMCLoss(base=base), GHMCLoss(base=base)
    # aot_eager traces forward and backward as inductor does, without its compiler.
    compiled = torch.compile(twin, fullgraph=True, backend="aot_eager")
    for step in range(3):
        logits, targets = batch_of(step, base=base)
        targets[0] = -100
        logits.requires_grad_()
        results = [run(logits, targets) for run in (compiled, loss)]
        torch.testing.assert_close(*results)
        torch.testing.assert_close(*[torch.autograd.grad(r, logits)[0] for r in results])
    same(twin.state_dict(), loss.state_dict())


def test_autocast_does_not_change_loss_or_state():
    plain, cast = GHMCLoss(), GHMCLoss()
    logits, targets = batch_of(0)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        got = cast(logits.float(), targets)
    same(got, plain(logits.float(), targets))
    same(cast.state_dict(), plain.state_dict())


def test_torch_func_takes_the_loss_in_evaluation_and_refuses_to_count():
    loss = GHMCLoss()
    logits, targets = batch_of(0)
    loss(logits, targets)
    with pytest.raises(RuntimeError, match="mutate a captured Tensor"):
        torch.func.grad(loss)(logits, targets)
    batches = (logits.reshape(3, 8, 4), targets.reshape(3, 8))
    with pytest.raises(RuntimeError, match="inplace"):
        torch.func.vmap(loss)(*batches)
    loss.eval()
    got = torch.func.vmap(loss)(*batches)
    torch.testing.assert_close(got, torch.stack([loss(*b) for b in zip(*batches, strict=True)]))


def test_more_than_2_to_the_24_targets_are_counted():
    # A sum of ones in float32 stops there.
    loss = GHMCLoss(base="sigmoid", n_bins=2)
    loss.count(torch.zeros(1).expand(2**24 + 8), torch.zeros(1).expand(2**24 + 8))
    assert loss.counts.tolist() == [0, 2**24 + 8]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
@bases
def test_the_hardest_target_keeps_its_gradient(base, dtype):
    logits = torch.tensor([[-1e4, 1e4]], dtype=dtype, requires_grad=True)
    targets = torch.tensor([[1, 0]]) if base == "sigmoid" else torch.tensor([0])
    loss = GHMCLoss(base=base, reduction="sum")(logits, targets)
    assert loss.isfinite()
    assert torch.autograd.grad(loss, logits)[0].tolist() == [[-1, 1]]


# --- options ---------------------------------------------------------------------------------


def test_class_weights_come_from_counts_only_if_asked():
    assert GHMCLoss.from_counts([90, 9, 1]).class_weights is None
    weights = GHMCLoss.from_counts([90, 9, 1], exponent=1.0).class_weights
    torch.testing.assert_close(weights, torch.tensor(power_weights([90, 9, 1], 1.0)).float())


@bases
def test_the_weight_normalizer_divides_by_all_that_multiplies_a_target(base):
    logits, targets = torch.zeros(6, 4, dtype=torch.float64), batch_of(0, 6, base=base)[1]
    class_weights, weight = torch.tensor([0.5, 1.0, 2.0, 4.0]), torch.arange(6.0)
    loss = GHMCLoss(class_weights, base=base, normalizer="weight")
    # All cost the same, so that the mean is that cost whatever the weights.
    expected = np.log(4 if base == "softmax" else 2)
    assert loss(logits, targets, sample_weight=weight).item() == pytest.approx(expected, rel=1e-9)


def test_detection_divides_by_the_positives():
    logits, targets = batch_of(0, base="sigmoid")
    total = ghm_c_loss(logits, targets, base="sigmoid", reduction="sum")
    got = GHMCLoss(base="sigmoid", normalizer="positives")(logits, targets)
    torch.testing.assert_close(got, total / targets.sum())


def test_the_counts_do_not_follow_the_default_dtype():
    torch.set_default_dtype(torch.bfloat16)
    try:
        assert {buffer.dtype for buffer in GHMCLoss().buffers()} == {torch.float32}
    finally:
        torch.set_default_dtype(torch.float32)


Z, Y = torch.zeros(2, 3), torch.tensor([0, 2])
MISTAKES = {
    "base": (lambda: GHMCLoss(base="focal"), r"base: .*'sigmoid', got 'focal'"),
    "function-base": (lambda: ghm_c_loss(Z, Y, base=None), r"base: .*'sigmoid', got None"),
    "bins": (lambda: GHMCLoss(n_bins=0), r"n_bins: expected an integer of at least 1, got 0"),
    "half-bins": (lambda: ghm_c_loss(Z, Y, n_bins=2.5), r"n_bins: .*got 2.5"),
    "momentum": (lambda: GHMCLoss(momentum=1.0), r"momentum: .*got 1.0. 0.75 is usual"),
    "calls": (lambda: GHMCLoss(calls_per_step=0), r"calls_per_step: .*got 0"),
    "class-weights": (
        lambda: GHMCLoss([1.0, 2.0])(Z, Y),
        r"class_weights: expected one value a class, \[3\].*got \[2\]",
    ),
    "label-weights": (
        lambda: GHMCLoss([1.0, 2.0], base="sigmoid")(Z, Z),
        r"class_weights: expected one value a class, \[3\].*got \[2\]",
    ),
    "indices-for-sigmoids": (
        lambda: GHMCLoss(base="sigmoid")(Z, Y),
        r"targets: expected one a logit, \[2, 3\], got int64 \[2\].*one-hot",
    ),
    "counts": (lambda: ghm_c_loss(Z, Y, counts=Z), r"counts: expected .*\[M\], got \[2, 3\]"),
    "half": (
        lambda: GHMCLoss().half()(Z, Y),
        r"counts: expected float32, got float16.*criterion.float\(\)",
    ),
}


@pytest.mark.parametrize(("mistake", "message"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_told_with_what_was_expected(mistake, message):
    with pytest.raises(OptionError, match=message):
        mistake()
