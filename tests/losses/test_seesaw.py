"""Seesaw: its formula, its counts, and what every loss over classes must hold."""

import copy
from functools import partial

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import balancekit.losses.seesaw
from balancekit.errors import OptionError
from balancekit.losses.kernels.choice import reference_only
from balancekit.losses.seesaw import SeesawLoss, seesaw_loss

COUNTS = torch.tensor([500, 60, 0, 7])
WEIGHTS = torch.tensor([0.5, 1.0, 2.5, 1.5], dtype=torch.float64)
DTYPES = [torch.float64, torch.float32, torch.float16, torch.bfloat16]
# float64 throughout: the two sides do the same few dozen operations in another order.
close = partial(torch.testing.assert_close, rtol=1e-10, atol=1e-10)
loss = partial(seesaw_loss, class_counts=COUNTS, class_weights=WEIGHTS)


def random_logits(*shape: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 2 * torch.randn(*shape, dtype=torch.float64, generator=generator)


def classes(*shape: int, seed: int = 1) -> torch.Tensor:
    return torch.randint(4, shape, generator=torch.Generator().manual_seed(seed))


def loss_and_gradient(function, logits, *args, **options):
    logits = logits.detach().clone().requires_grad_()
    value = function(logits, *args, **options)
    return value.detach(), torch.autograd.grad(value.sum(), logits)[0]


# --- formula ----------------------------------------------------------------------------------


def numpy_factors(row, target, p, q, min_probability):
    """M·C of the paper for one sample, 1 at the target."""
    counts = np.maximum(COUNTS.numpy(), 1)
    mitigation = np.minimum(1, (counts / counts[target]) ** p)
    sigma = np.exp(row) / np.exp(row).sum()
    compensation = np.maximum(1, (sigma / max(sigma[target], min_probability)) ** q)
    return np.where(np.arange(4) == target, 1, mitigation * compensation)


OPTIONS = {
    "paper": (0.8, 2.0, 0.0),
    "authors-code": (0.8, 2.0, 0.01),
    "floor-in-reach": (0.8, 2.0, 0.2),
    "mitigation-only": (0.5, 0.0, 0.0),
    "compensation-only": (0.0, 1.5, 0.0),
}
options = pytest.mark.parametrize(("p", "q", "floor"), OPTIONS.values(), ids=OPTIONS)


@options
def test_the_loss_is_the_formula_of_wang_2021(p, q, floor):
    z, y = random_logits(30, 4), classes(30)
    expected = []
    for row, target in zip(z.numpy(), y.numpy(), strict=True):
        shares = numpy_factors(row, target, p, q, floor) * np.exp(row)
        expected.append(-WEIGHTS[target] * np.log(shares[target] / shares.sum()))
    got = loss(z, y, p=p, q=q, min_probability=floor, reduction="none").numpy()
    np.testing.assert_allclose(got, np.array(expected), rtol=1e-9, atol=1e-12)  # NumPy near p = 1


@options
def test_the_gradient_leaves_the_factors_alone(p, q, floor):
    z, y = random_logits(30, 4), classes(30)
    factors = [numpy_factors(*pair, p, q, floor) for pair in zip(z.numpy(), y.numpy(), strict=True)]
    shift = torch.from_numpy(np.log(factors))

    def held(z):
        return WEIGHTS[y] @ F.cross_entropy(z + shift, y, reduction="none")

    settings = {"p": p, "q": q, "min_probability": floor, "reduction": "sum"}
    close(loss_and_gradient(loss, z, y, **settings), loss_and_gradient(held, z))
    with reference_only():
        close(loss_and_gradient(loss, z, y, **settings), loss_and_gradient(held, z))


def test_without_compensation_gradients_match_differences():
    # The factor of q has no gradient of its own, so differences see another function.
    z, y = random_logits(3, 4, 2).requires_grad_(), classes(3, 2)
    assert torch.autograd.gradcheck(lambda z: loss(z, y, q=0.0), z)
    assert torch.autograd.gradgradcheck(lambda z: loss(z, y, q=0.0), z)


def test_no_strength_leaves_cross_entropy():
    z = random_logits(9, 4, 3)
    for y in (classes(9, 3), random_logits(9, 4, 3, seed=2).softmax(1)):
        got = loss_and_gradient(seesaw_loss, z, y, COUNTS, p=0.0, q=0.0)
        close(got, loss_and_gradient(F.cross_entropy, z, y))


def test_equal_counts_and_right_answers_leave_cross_entropy():
    y = classes(9)
    z = random_logits(9, 4) + 20 * F.one_hot(y, 4)
    got = loss_and_gradient(seesaw_loss, z, y, torch.full((4,), 3))
    close(got, loss_and_gradient(F.cross_entropy, z, y))


def test_a_rare_class_is_spared_unless_it_is_mistaken_for_the_target():
    counts, y = torch.tensor([100, 1]), torch.tensor([0])
    _, right = loss_and_gradient(seesaw_loss, torch.tensor([[1.0, 0.0]]), y, counts)
    _, wrong = loss_and_gradient(seesaw_loss, torch.tensor([[0.0, 9.0]]), y, counts)
    plain = torch.tensor([1.0, 0.0]).softmax(0)[1]
    assert right[0, 1] < 0.1 * plain
    assert wrong[0, 1] > 0.99


# --- soft targets -----------------------------------------------------------------------------


@pytest.mark.parametrize("piece", [1, 2**22], ids=["row-by-row", "at-once"])
def test_soft_targets_cost_the_sum_over_the_classes(piece, monkeypatch):
    monkeypatch.setattr(balancekit.losses.seesaw, "PIECE", piece)
    z, shares = random_logits(6, 4, 2), random_logits(6, 4, 2, seed=2).softmax(1)

    def sums(z):
        each = [loss(z, torch.full((6, 2), c), reduction="none") for c in range(4)]
        return (shares * torch.stack(each, 1)).sum(1)

    close(loss_and_gradient(loss, z, shares, reduction="none"), loss_and_gradient(sums, z))


def test_mixup_is_the_loss_of_both_classes():
    z, first, second = random_logits(8, 4), classes(8), classes(8, seed=5)
    share = torch.linspace(0, 1, 8, dtype=torch.float64)
    rows = share[:, None] * F.one_hot(first, 4) + (1 - share)[:, None] * F.one_hot(second, 4)
    parts = loss(z, first, sample_weight=share) + loss(z, second, sample_weight=1 - share)
    close(loss(z, rows), parts)


# --- the same however it is asked -------------------------------------------------------------


def test_shape_rows_and_order_of_classes_do_not_matter():
    z, y, order = random_logits(2, 4, 3), classes(2, 3), torch.tensor([2, 0, 3, 1])
    flat, expected = z.movedim(1, -1).reshape(-1, 4), loss(z, y)
    rows = F.one_hot(y, 4).movedim(-1, 1).double()
    close(loss(flat, y.flatten()), expected)
    for normalizer in ("count", "weight"):
        close(loss(z, rows, normalizer=normalizer), loss(z, y, normalizer=normalizer))
    shuffled = seesaw_loss(z[:, order], order.argsort()[y], COUNTS[order], WEIGHTS[order])
    close(shuffled, expected)
    close(loss(z + 0.25, y), expected)


@pytest.mark.parametrize("junk", [float("inf"), -float("inf"), float("nan")])
def test_ignored_logits_do_not_matter(junk):
    z, y = random_logits(5, 4), classes(5)
    expected, gradient = loss_and_gradient(loss, z[1:], y[1:], min_probability=0.01)
    z[0], y[0] = junk, -100
    got, whole = loss_and_gradient(loss, z, y, min_probability=0.01)
    close((got, whole[1:]), (expected, gradient))
    assert not whole[0].any()


@pytest.mark.parametrize("n_samples", [0, 3], ids=["empty-batch", "all-ignored"])
def test_nothing_to_learn_from_is_0_with_gradient_0(n_samples):
    z = torch.full((n_samples, 4), float("nan"), dtype=torch.float64)
    value, gradient = loss_and_gradient(loss, z, torch.full((n_samples,), -100))
    assert value == 0
    assert not gradient.any()


@pytest.mark.parametrize("soft", [False, True], ids=["hard", "soft"])
def test_a_class_ruled_out_by_minus_infinity_is_left_out(soft):
    z = random_logits(4, 4)
    z[:, 2] = -float("inf")
    y = torch.tensor([0, 1, 3, 0])
    kept = [0, 1, 3]
    rows = F.one_hot(y, 4).double() * 0.75 + 0.25 * F.one_hot(y.flip(0), 4)
    targets, fewer = (rows, rows[:, kept]) if soft else (y, torch.tensor([0, 1, 2, 0]))
    got, gradient = loss_and_gradient(loss, z, targets)
    without = partial(seesaw_loss, class_counts=COUNTS[kept], class_weights=WEIGHTS[kept])
    close((got, gradient[:, kept]), loss_and_gradient(without, z[:, kept], fewer))
    assert not gradient[:, 2].any()


@pytest.mark.parametrize("soft", [False, True], ids=["hard", "soft"])
@pytest.mark.parametrize("piece", [1, 2**22], ids=["row-by-row", "at-once"])
def test_it_compiles_into_one_graph(soft, piece, monkeypatch):
    monkeypatch.setattr(balancekit.losses.seesaw, "PIECE", piece)
    torch.compiler.reset()
    z = random_logits(3, 4)
    y = random_logits(3, 4, seed=2).softmax(1) if soft else classes(3)
    compiled = torch.compile(loss, fullgraph=True, backend="eager")
    close(loss_and_gradient(compiled, z, y), loss_and_gradient(loss, z, y))


def test_it_vectorises():
    z, y = random_logits(5, 6, 4), classes(5, 6)
    rows = torch.stack([loss(*pair) for pair in zip(z, y, strict=True)])
    close(torch.vmap(loss)(z, y), rows)
    close(torch.func.grad(loss)(z[0], y[0]), loss_and_gradient(loss, z[0], y[0])[1])


# --- numerics ---------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES, ids=["fp64", "fp32", "fp16", "bf16"])
@pytest.mark.parametrize("soft", [False, True], ids=["hard", "soft"])
@pytest.mark.parametrize("floor", [0.0, 0.01], ids=["paper", "authors-code"])
def test_loss_and_gradient_are_finite_at_1e4(dtype, soft, floor):
    values = torch.tensor([-1e4, -1, 0, 1e4], dtype=dtype)
    z = torch.cartesian_prod(values, values, values, values)
    y = torch.full_like(z, 0.25) if soft else torch.arange(len(z)) % 4
    value, gradient = loss_and_gradient(loss, z, y, min_probability=floor)
    assert value.isfinite()
    assert gradient.isfinite().all()
    assert gradient.dtype == dtype
    _, gradient = loss_and_gradient(loss, values[None, [0, 3, 0, 0]], torch.tensor([0]))
    # The hardest target keeps its gradient, w_y.
    assert gradient.tolist() == [[-0.5, 0.5, 0, 0]]


def test_many_classes_are_not_paired():
    # Pairs of the 8000 classes alone would take 256 MB, one tensor of logits takes 1 MB.
    n_classes = 8000
    z, y = random_logits(32, n_classes).float().requires_grad_(), torch.arange(32)
    counts = torch.arange(n_classes)
    largest = 0

    class Sizes(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            nonlocal largest
            result = function(*args, **(kwargs or {}))
            if isinstance(result, torch.Tensor):
                largest = max(largest, result.numel())
            return result

    with Sizes():
        seesaw_loss(z, y, counts).backward()
    assert largest == z.numel()


# --- counts -----------------------------------------------------------------------------------


def test_a_batch_counts_before_its_loss_is_computed():
    z, y = random_logits(8, 4).float(), classes(8)
    y[0] = -100
    module = SeesawLoss(4)
    seen = torch.zeros(4, dtype=torch.int64)
    for step in range(3):
        targets = y.roll(step)
        seen += torch.bincount(targets[targets >= 0], minlength=4)
        torch.testing.assert_close(module(z, targets), seesaw_loss(z, targets, seen))
        assert torch.equal(module.class_counts, seen)


def test_soft_targets_count_for_their_likeliest_class():
    module = SeesawLoss(3)
    module(torch.zeros(2, 3), torch.tensor([[0.6, 0.3, 0.1], [0.2, 0.2, 0.6]]))
    assert module.class_counts.tolist() == [1, 0, 1]


def test_evaluation_does_not_count():
    module = SeesawLoss.from_counts(COUNTS).eval()
    value = module(random_logits(8, 4), classes(8))
    close(value, seesaw_loss(random_logits(8, 4), classes(8), COUNTS))
    assert torch.equal(module.class_counts, COUNTS)


def test_in_evaluation_a_mean_may_be_accumulated_in_parts():
    z, y = random_logits(8, 4), classes(8)
    module = SeesawLoss.from_counts(COUNTS).eval()
    parts = [module(z[part], y[part]) * len(z[part]) / 8 for part in (slice(3), slice(3, 8))]
    close(sum(parts), module(z, y))


def test_a_resumed_run_goes_on_as_if_it_had_not_stopped():
    z, y = random_logits(8, 4).float(), classes(8)
    through = SeesawLoss(4, class_weights=WEIGHTS)
    through(z, y)
    resumed = SeesawLoss(4, class_weights=torch.ones(4))
    resumed.load_state_dict(copy.deepcopy(through.state_dict()))
    for step in range(3):
        assert torch.equal(resumed(z, y.roll(step)), through(z, y.roll(step)))
    assert torch.equal(resumed.class_counts, through.class_counts)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=["fp16", "bf16"])
def test_counts_keep_every_digit_in_a_module_of_half_precision(dtype):
    module = SeesawLoss.from_counts([10**9 + 1, 7]).to(dtype)
    module(torch.zeros(1, 2), torch.tensor([0]))
    assert module.class_counts.tolist() == [10**9 + 2, 7]


@pytest.mark.parametrize(
    "targets", [torch.tensor([0, 9]), torch.tensor([[0], [1]])], ids=["class", "shape"]
)
def test_what_is_refused_does_not_count(targets):
    module = SeesawLoss(4)
    with pytest.raises(OptionError, match="targets: expected"):
        module(torch.zeros(2, 4), targets)
    assert not module.class_counts.any()


def test_a_compiled_module_counts_too():
    torch.compiler.reset()
    z, y = random_logits(8, 4), classes(8)
    module, twin = SeesawLoss(4), SeesawLoss(4)
    compiled = torch.compile(module, fullgraph=True, backend="eager")
    for step in range(2):
        close(compiled(z, y.roll(step)), twin(z, y.roll(step)))
    assert torch.equal(module.class_counts, twin.class_counts)


def steps_on_a_rank(rank: int) -> dict[str, torch.Tensor]:
    # Parts of unequal size, as the last batch of an epoch may be.
    return three_steps(slice(0, 7) if rank == 0 else slice(7, 10), sync="auto")


def three_steps(part: slice, sync: str) -> dict[str, torch.Tensor]:
    module = SeesawLoss(4, sync=sync)
    losses, gradients = [], []
    for step in range(3):
        z, y = random_logits(10, 4, seed=step), classes(10, seed=10 + step)
        y[step] = -100
        value, gradient = loss_and_gradient(module, z[part], y[part])
        losses.append(value)
        gradients.append(gradient)
    return {
        "losses": torch.stack(losses),
        "gradients": torch.stack(gradients),
        "counts": module.class_counts,
    }


def test_two_processes_equal_one_large_batch(two_ranks):
    found, expected = two_ranks(steps_on_a_rank), three_steps(slice(None), "none")
    for each in found:
        assert torch.equal(each["counts"], expected["counts"])
    # Frameworks average gradients over processes, and so losses.
    close((found[0]["losses"] + found[1]["losses"]) / 2, expected["losses"])
    gradients = torch.cat([each["gradients"] for each in found], 1) / 2
    close(gradients, expected["gradients"])


# --- what users may get wrong -----------------------------------------------------------------

Z, Y = torch.zeros(1, 2), torch.tensor([1])
MISTAKES = {
    "p": (lambda: SeesawLoss(2, -0.1), r"p: .*at least 0, got -0.1"),
    "q": (lambda: seesaw_loss(Z, Y, torch.ones(2), q=np.inf), r"q: .*finite number, got inf"),
    "floor": (lambda: SeesawLoss(2, min_probability=1.0), r"min_probability: .*\[0, 1\), got 1"),
    "classes": (lambda: SeesawLoss([5, 3]), r"n_classes: .*whole number.*from_counts"),
    "one-class": (lambda: SeesawLoss(1), r"n_classes: .*at least 2, got 1"),
    "shares": (lambda: SeesawLoss.from_counts([0.7, 0.3]), r"class_counts: .*whole.*0.7, 0.3"),
    "three-counts": (
        lambda: seesaw_loss(Z, Y, torch.ones(3)),
        r"class_counts: expected one value a class, \[2\].*got \[3\]",
    ),
    "other-classes": (lambda: SeesawLoss(3)(Z, Y), r"class_counts: .*\[2\].*got \[3\]"),
    "three-weights": (
        lambda: seesaw_loss(Z, Y, torch.ones(2), torch.ones(3)),
        r"class_weights: .*\[2\].*got \[3\]",
    ),
    "reduction": (lambda: SeesawLoss(2, reduction="avg"), r"reduction: .*'avg'"),
}


@pytest.mark.parametrize(("mistake", "message"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_told_with_what_was_expected(mistake, message):
    with pytest.raises(OptionError, match=message):
        mistake()
