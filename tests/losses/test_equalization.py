"""Equalization loss v2: its weights, the gradients it sums, and ranks in step."""

import copy
from functools import partial

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from balancekit.errors import OptionError
from balancekit.losses.equalization import EQLv2Loss, equalization_weights

DTYPES = [torch.float64, torch.float32, torch.float16, torch.bfloat16]
# float64 losses; the sums of gradients are float32 buffers, 6e-8 of each sum a step.
close = partial(torch.testing.assert_close, rtol=1e-6, atol=1e-6)


def random_logits(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 3 * torch.randn(*shape, dtype=torch.float64, generator=generator)


def labels(*shape: int, seed: int = 100, soft: bool = False) -> Tensor:
    shares = (random_logits(*shape, seed=seed) - 3).sigmoid()
    return shares if soft else shares.round()


def loss_and_gradient(loss, logits, *args, **options):
    logits = logits.detach().clone().requires_grad_()
    value = loss(logits, *args, **options)
    return value.detach(), torch.autograd.grad(value.sum(), logits)[0]


# --- formula ----------------------------------------------------------------------------------


def paper_steps(n_steps: int, n_samples: int = 9):
    """Losses of the labels and weights of Tan et al. 2021, step by step, in NumPy."""
    positive, negative = np.zeros(4), np.zeros(4)
    for step in range(n_steps):
        z = random_logits(n_samples, 4, seed=step).numpy()
        t = labels(n_samples, 4, seed=100 + step).numpy()
        p = 1 / (1 + np.exp(-z))
        if step == 0:  # nothing is known
            weight_0 = np.ones(4)
        else:
            weight_0 = 1 / (1 + np.exp(-12 * (positive / (negative + 1e-10) - 0.8)))
        weight_1 = 1 + 4 * (1 - weight_0)
        weights = t * weight_1 + (1 - t) * weight_0
        positive += (np.abs(p - t) * weights * t).sum(0)
        negative += (np.abs(p - t) * weights * (1 - t)).sum(0)
        yield -weights * np.log(np.where(t == 1, p, 1 - p)), weights * (p - t), positive, negative


def test_every_step_is_that_of_tan_2021():
    module = EQLv2Loss(4, reduction="none")
    for step, (losses, slopes, positive, negative) in enumerate(paper_steps(5)):
        z, t = random_logits(9, 4, seed=step), labels(9, 4, seed=100 + step)
        # Weights have no gradient of their own: the slope is that of weighted BCE.
        expected = torch.from_numpy(losses), torch.from_numpy(slopes)
        close(loss_and_gradient(module, z, t), expected)
        close(module.positive_gradients, torch.from_numpy(positive).float())
        close(module.negative_gradients, torch.from_numpy(negative).float())


@pytest.mark.parametrize("soft", [False, True], ids=["hard", "soft"])
def test_the_first_step_is_bce(soft):
    z, t = random_logits(9, 4, 3), labels(9, 4, 3, soft=soft)
    reference = F.binary_cross_entropy_with_logits
    close(loss_and_gradient(EQLv2Loss(4), z, t), loss_and_gradient(reference, z, t))


def test_gradients_match_differences_where_sums_stand_still():
    module = EQLv2Loss(4).eval()
    module.positive_gradients += torch.tensor([8.0, 1.0, 0.0, 30.0])
    module.negative_gradients += torch.tensor([10.0, 9.0, 3.0, 0.0])
    z, t = random_logits(3, 4, 2).requires_grad_(), labels(3, 4, 2, soft=True)
    assert torch.autograd.gradcheck(lambda z: module(z, t), z)


@pytest.mark.parametrize(
    ("positive", "negative", "expected"),
    [
        (0.0, 0.0, (1.0, 1.0)),
        (3.0, 0.0, (1.0, 1.0)),
        (0.0, 3.0, (5 - 4 / (1 + np.exp(9.6)), 1 / (1 + np.exp(9.6)))),
        (4.0, 5.0, (3.0, 0.5)),
        (1e30, 1e-30, (1.0, 1.0)),
    ],
    ids=["nothing-known", "no-negatives", "no-positives", "at-mu", "overflow"],
)
def test_weights_follow_the_ratio_of_gradients(positive, negative, expected):
    got = equalization_weights(torch.tensor([positive]), torch.tensor([negative]))
    np.testing.assert_allclose(torch.cat(got), expected, rtol=1e-5, atol=0)  # float32
    flat = equalization_weights(torch.tensor([positive]), torch.tensor([negative]), gamma=0.0)
    assert torch.cat(flat).isfinite().all()


def test_a_starved_class_is_pushed_up_more_and_down_less():
    module, rare = EQLv2Loss(2), torch.tensor([[0.0, 1.0]])
    z = torch.zeros(1, 2, dtype=torch.float64)
    for _ in range(9):
        module(z, torch.tensor([[1.0, 0.0]]))
    _, gradient = loss_and_gradient(partial(module), z, rare)
    assert gradient[0, 1] < -4 * 0.5 / 2  # half of it is the mean over two labels


# --- targets ----------------------------------------------------------------------------------


@pytest.mark.parametrize("ignore_index", [-100, 255, 0, 2])
def test_class_indices_are_one_hot_rows_and_n_classes_is_background(ignore_index):
    z, y = random_logits(7, 4, 2), torch.arange(14).reshape(7, 2) % 5
    y[2] = ignore_index
    rows = F.one_hot(y.clamp(0, 4), 5)[..., :4].movedim(-1, 1).double()
    rows = rows.masked_fill((y == ignore_index).unsqueeze(1), -7)
    by_index, by_row = EQLv2Loss(4, ignore_index=ignore_index), EQLv2Loss(4, ignore_index=-7)
    for dtype in (torch.int64, torch.int32):
        close(
            loss_and_gradient(by_index, z, y.to(dtype)),
            loss_and_gradient(by_row, z, rows),
        )
        close(by_index.state_dict(), by_row.state_dict())


def test_bytes_are_class_indices():
    z, y = random_logits(3, 4), torch.tensor([0, 255, 4], dtype=torch.uint8)
    got = EQLv2Loss(4, ignore_index=255)(z, y)
    close(got, EQLv2Loss(4)(z[[0, 2]], torch.tensor([0, 4])))


@pytest.mark.parametrize("junk", [1e30, float("inf"), -float("inf"), float("nan")])
def test_ignored_logits_do_not_matter(junk):
    z, t = random_logits(5, 4), labels(5, 4)
    module, without = EQLv2Loss(4), EQLv2Loss(4)
    filled, ignored = z.clone(), t.clone()
    filled[0], ignored[0] = junk, -100
    for _ in range(3):
        got, whole = loss_and_gradient(module, filled, ignored)
        expected, gradient = loss_and_gradient(without, z[1:], t[1:])
        close((got, whole[1:]), (expected, gradient))
        assert not whole[0].any()
        close(module.state_dict(), without.state_dict())


@pytest.mark.parametrize("n_samples", [0, 3], ids=["empty-batch", "all-ignored"])
def test_nothing_to_learn_from_is_0_with_gradient_0(n_samples):
    module = EQLv2Loss(4)
    z = torch.full((n_samples, 4), float("nan"))
    for t in (torch.full((n_samples, 4), -100), torch.full((n_samples,), -100)):
        value, gradient = loss_and_gradient(module, z, t)
        assert value == 0
        assert not gradient.any()
    assert not module.positive_gradients.any()
    assert not module.negative_gradients.any()


def test_samples_that_weigh_nothing_leave_no_gradient():
    z, t = random_logits(5, 4), labels(5, 4)
    weight = torch.tensor([0.0, 1.0, 1.0, 1.0, 1.0])
    weighted, without = EQLv2Loss(4, reduction="sum"), EQLv2Loss(4, reduction="sum")
    for _ in range(2):
        close(weighted(z, t, sample_weight=weight), without(z[1:], t[1:]))
    close(weighted.state_dict(), without.state_dict())


def test_axes_and_the_order_of_classes_do_not_matter():
    order = torch.tensor([2, 0, 3, 1])
    plain, flat, shuffled = EQLv2Loss(4), EQLv2Loss(4), EQLv2Loss(4)
    for step in range(3):
        z, t = random_logits(2, 4, 3, seed=step), labels(2, 4, 3, seed=50 + step)
        expected = plain(z, t)
        close(flat(*(part.movedim(1, -1).reshape(-1, 4) for part in (z, t))), expected)
        close(shuffled(z[:, order], t[:, order]), expected)


# --- precision and torch's tools --------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES, ids=["fp64", "fp32", "fp16", "bf16"])
def test_losses_and_gradients_are_finite_at_1e4(dtype):
    steps = torch.tensor([-1e4, -1, 0, 1, 1e4], dtype=dtype)
    z, module = torch.cartesian_prod(steps, steps, steps), EQLv2Loss(3)
    for t in (torch.arange(125) % 4, torch.full((125, 3), 0.3, dtype=dtype)):
        value, gradient = loss_and_gradient(module, z, t)
        assert value.isfinite()
        assert gradient.isfinite().all()
        assert value.dtype == torch.promote_types(dtype, torch.float32)
        assert gradient.dtype == dtype
    assert module.positive_gradients.isfinite().all()


def test_a_step_with_nan_does_not_stay():
    module = EQLv2Loss(4)
    module(torch.full((3, 4), float("nan")), labels(3, 4))
    assert module(random_logits(3, 4), labels(3, 4)).isfinite()


def test_a_module_in_half_precision_sums_and_weighs_as_in_float32():
    # The sums pass the 65504 at which float16 ends; long before, it could add no step to them.
    z, t = torch.zeros(40_000, 4).half(), labels(40_000, 4)
    whole, half = EQLv2Loss(4), EQLv2Loss(4).half()
    for _ in range(8):
        assert half(z, t) == whole(z, t)
    assert whole.negative_gradients.max() > 65504
    assert torch.equal(half.negative_gradients, whole.negative_gradients)


def test_the_sums_do_not_follow_the_default_dtype():
    torch.set_default_dtype(torch.bfloat16)
    try:
        assert EQLv2Loss(4).negative_gradients.dtype == torch.float32
    finally:
        torch.set_default_dtype(torch.float32)


def test_it_compiles_into_one_graph():
    torch.compiler.reset()
    plain, twin = EQLv2Loss(4), EQLv2Loss(4)
    compiled = torch.compile(twin, fullgraph=True, backend="eager")
    for step in range(3):
        z, t = random_logits(9, 4, seed=step), labels(9, 4, seed=100 + step)
        for targets in (t, t.argmax(1)):
            close(loss_and_gradient(compiled, z, targets), loss_and_gradient(plain, z, targets))
    close(twin.state_dict(), plain.state_dict())


def test_no_value_is_looked_at():
    # Tensors on the meta device have no values: reading one raises.
    module = EQLv2Loss(4).to("meta")
    z = torch.ones(2, 4, device="meta", requires_grad=True)
    for targets in (torch.ones(2, 4, device="meta"), torch.ones(2, device="meta").long()):
        module(z, targets, sample_weight=torch.ones(2, device="meta")).backward()


# --- state ------------------------------------------------------------------------------------


def test_evaluation_holds_the_sums_still_and_keeps_the_weights():
    module = EQLv2Loss(4)
    z, t = random_logits(9, 4), labels(9, 4)
    module(z, t)
    held, next_loss = copy.deepcopy(module.state_dict()), copy.deepcopy(module)(z, t)
    assert next_loss != EQLv2Loss(4)(z, t)
    close(module.eval()(z, t), next_loss)
    close(module.state_dict(), held)


def test_a_refused_call_leaves_no_gradient():
    module = EQLv2Loss(4)
    with pytest.raises(OptionError, match="sample_weight"):
        module(random_logits(9, 4), labels(9, 4), sample_weight=torch.ones(8))
    assert not module.negative_gradients.any()


def test_a_restored_module_goes_on_as_if_it_had_not_stopped():
    module = EQLv2Loss(4)
    for step in range(3):
        module(random_logits(9, 4, seed=step), labels(9, 4, seed=100 + step))
    twin = EQLv2Loss(4)
    twin.load_state_dict(module.state_dict())
    z, t = random_logits(9, 4, seed=5), labels(9, 4, seed=105)
    for _ in range(2):
        assert twin(z, t) == module(z, t)


def steps_on_a_rank(rank: int) -> dict[str, Tensor]:
    # Parts of unequal size, as the last batch of an epoch may be.
    return three_steps(slice(0, 7) if rank == 0 else slice(7, 10), sync="auto")


def three_steps(part: slice, sync: str) -> dict[str, Tensor]:
    module = EQLv2Loss(4, sync=sync)
    losses, gradients = [], []
    for step in range(3):
        z, t = random_logits(10, 4, seed=step), labels(10, 4, seed=100 + step)
        t[step] = -100
        value, gradient = loss_and_gradient(module, z[part], t[part])
        losses.append(value)
        gradients.append(gradient)
    return {
        "losses": torch.stack(losses),
        "gradients": torch.stack(gradients),
        **module.state_dict(),
    }


def test_two_processes_equal_one_large_batch(two_ranks):
    found, expected = two_ranks(steps_on_a_rank), three_steps(slice(None), "none")
    for each in found:
        for name in ("positive_gradients", "negative_gradients"):
            close(each[name], expected[name])
            assert torch.equal(each[name], found[0][name])  # ranks stay in step
    # Frameworks average gradients over processes, and so losses.
    close((found[0]["losses"] + found[1]["losses"]) / 2, expected["losses"])
    gradients = torch.cat([each["gradients"] for each in found], 1) / 2
    close(gradients, expected["gradients"])


# --- what users may get wrong -----------------------------------------------------------------

Z = torch.zeros(1, 2)
MISTAKES = {
    "classes": (lambda: EQLv2Loss([5, 3]), r"n_classes: .*whole number of at least 1"),
    "gamma": (lambda: EQLv2Loss(2, gamma=-1), r"gamma: .*at least 0, got -1.*12"),
    "mu": (lambda: EQLv2Loss(2, mu=np.inf), r"mu: .*finite number, got inf.*0.8"),
    "alpha": (lambda: EQLv2Loss(2, alpha=np.nan), r"alpha: .*finite number, got nan"),
    "logits": (lambda: EQLv2Loss(3)(Z, Z), r"logits: expected \[N, 3\].*got \[1, 2\]"),
    "flat": (lambda: EQLv2Loss(2)(Z[0], Z[0]), r"logits: expected \[N, 2\].*got \[2\]"),
    "targets": (lambda: EQLv2Loss(2)(Z, Z[:, 0]), r"targets: expected one a logit, \[1, 2\]"),
    "counts": (lambda: EQLv2Loss.from_counts([-1, 2]), r"class_counts: expected finite"),
}


@pytest.mark.parametrize(("mistake", "message"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_told_with_what_was_expected(mistake, message):
    with pytest.raises(OptionError, match=message):
        mistake()


def test_counts_say_how_many_classes_there_are():
    module = EQLv2Loss.from_counts([90, 9, 0], alpha=2.0)
    assert len(module.positive_gradients) == 3
    assert not module.positive_gradients.any()
    assert module.alpha == 2
