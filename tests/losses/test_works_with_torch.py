"""Every loss with what torch offers around it: compiler, transforms, exports, devices."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from balancekit import losses as bl
from balancekit.losses.equalization import EQLv2Loss
from balancekit.losses.kernels.choice import reference_only
from tests.losses.cases import (
    COUNTS,
    LOSSES,
    WEIGHTS,
    Case,
    close,
    each,
    each_loss,
    loss_and_gradient,
    random_logits,
    random_targets,
    soft_or_hard,
    those,
)

# Losses that learn from batches, as they are in training; those of overlap, whose laws have
# tests of their own.
IN_TRAINING: dict[str, Callable[..., nn.Module]] = {
    "ghm": bl.GHMCLoss,
    "ghm-of-sigmoids": partial(bl.GHMCLoss, base="sigmoid", calls_per_step=2),
    "seesaw": partial(bl.SeesawLoss.from_counts, COUNTS),
    "eql-v2-of-sigmoids": partial(EQLv2Loss, 4),
    "eql-v2": partial(EQLv2Loss, 4),
}
OF_OVERLAP: dict[str, Callable[..., nn.Module]] = {
    "dice": partial(bl.DiceLoss, WEIGHTS),
    "focal-tversky": bl.FocalTverskyLoss,
    "generalized-dice": bl.GeneralizedDiceLoss,
    "unified-focal": bl.UnifiedFocalLoss,
}
# Compiling takes half a second: one row a function, the one with the most options.
LAST_OF_FUNCTION = {
    name: LOSSES[name] for name in {case.function: name for name, case in LOSSES.items()}.values()
}
TORCHS_OWN = pytest.mark.filterwarnings("ignore:.torch.jit.script:DeprecationWarning")
in_training = pytest.mark.parametrize("name", IN_TRAINING)


def batch(case: Case | str, soft: bool = False) -> tuple[Tensor, Tensor]:
    """Logits in float32 and targets, some ignored."""
    if isinstance(case, str):
        case = LOSSES["bce" if "sigmoid" in case else "focal"]
    logits, targets = random_logits(8, 4).float(), random_targets(case, 8, 4, soft=soft)
    if not soft:
        targets[-1] = -100
    return logits, targets


# --- no look at values ------------------------------------------------------------------------


@soft_or_hard
@each_loss
def test_no_value_is_looked_at(case, soft):
    # Tensors on the meta device have no values: reading one raises, as it makes a GPU wait.
    logits, targets = (part.to("meta") for part in batch(case, soft))
    ones = torch.ones(8, device="meta")
    for options in (
        {},
        {"sample_weight": ones},
        {"normalizer": "weight"},
        {"normalizer": "weight", "sample_weight": ones},
        {"normalizer": ones[0]},
        {"reduction": "sum"},
        {"reduction": "none", "sample_weight": ones},
    ):
        value, gradient = loss_and_gradient(case, logits, targets, **options)
        assert gradient.shape == logits.shape
        shape = logits.shape if case.of_sigmoids else (8,)
        assert value.shape == (shape if "none" in options.values() else ())


@in_training
def test_state_follows_batches_without_a_look_at_them(name):
    module = IN_TRAINING[name]().to("meta")
    logits, targets = (part.to("meta") for part in batch(name))
    for _ in range(2):
        value, _ = loss_and_gradient(module, logits, targets)
        assert value.shape == ()


@pytest.mark.parametrize("over", ["sample", "batch"])
@pytest.mark.parametrize("name", OF_OVERLAP)
def test_no_value_is_looked_at_by_losses_of_overlap(name, over):
    module = OF_OVERLAP[name](over=over).to("meta")
    value, _ = loss_and_gradient(module, *(part.to("meta") for part in batch("dice")))
    assert value.shape == ()


class NoLook(TorchDispatchMode):
    """Refuses operations that hand a value of a tensor to Python, or of a size that values set."""

    LOOKS = ("_local_scalar_dense", "is_nonzero", "equal", "nonzero", "masked_select", "unique")

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.overloadpacket.__name__
        assert name not in self.LOOKS, name
        if name.startswith("index"):
            indices = [part for part in args[1:2] if isinstance(part, list | tuple)]
            masks = [i for part in indices for i in part if i is not None and i.dtype == torch.bool]
            assert not masks, f"{name} of a mask"
        return func(*args, **(kwargs or {}))


def test_a_look_is_seen():
    for look in (bool, int, lambda x: x.item(), lambda x: x[x > 0], lambda x: x.nonzero()):
        with pytest.raises(AssertionError), NoLook():
            look(torch.ones([1]))


@soft_or_hard
@each_loss
def test_formulas_take_no_value_to_python(case, soft):
    # What runs on a GPU beside the kernels, forward and backward, on real values.
    logits, targets = batch(case, soft)
    with reference_only(), NoLook():
        loss_and_gradient(case, logits, targets, sample_weight=torch.ones(8), normalizer="weight")


@in_training
def test_modules_in_training_take_no_value_to_python(name):
    module = IN_TRAINING[name]()
    with reference_only(), NoLook():
        loss_and_gradient(module, *batch(name))


# --- compiler -------------------------------------------------------------------------------


@each(**LAST_OF_FUNCTION)
def test_a_loss_compiles_into_one_graph(case):
    # aot_eager traces forward and backward as inductor does, without its compiler.
    torch.compiler.reset()
    module = case.module().eval()
    logits, targets = batch(case)
    weight = random_logits(8, seed=3).exp().float()
    compiled = torch.compile(module, fullgraph=True, backend="aot_eager")
    got = loss_and_gradient(compiled, logits, targets, sample_weight=weight)
    expected = loss_and_gradient(module, logits, targets, sample_weight=weight)
    # Decomposed operations may sum in another order: a few roundings of 6e-8.
    torch.testing.assert_close(got, expected, rtol=1e-5, atol=1e-6)


@TORCHS_OWN
@in_training
def test_a_loss_in_training_compiles_with_its_state(name):
    torch.compiler.reset()
    module, twin = IN_TRAINING[name](), IN_TRAINING[name]()
    # Divides forward from backward as inductor does, which may compute anew in the backward.
    compiled = torch.compile(twin, fullgraph=True, backend="aot_eager_decomp_partition")
    logits, targets = batch(name)
    for step in range(3):
        got = loss_and_gradient(compiled, logits + step, targets)
        expected = loss_and_gradient(module, logits + step, targets)
        torch.testing.assert_close(got, expected, rtol=1e-5, atol=1e-6)  # as above
    torch.testing.assert_close(twin.state_dict(), module.state_dict())
    assert any(value.any() for value in twin.state_dict().values())


@TORCHS_OWN
def test_inductor_compiles_losses_to_what_they_are():
    # One graph of three: softmax, labels, and what has state; the compiler takes seconds.
    torch.compiler.reset()
    focal, labels, ghm = bl.FocalLoss.from_counts(COUNTS), bl.SigmoidFocalLoss(), bl.GHMCLoss()

    def all_three(logits: Tensor, targets: Tensor, rows: Tensor) -> Tensor:
        return focal(logits, targets) + labels(logits, rows) + ghm(logits, targets)

    logits, targets = batch("focal")
    rows = F.one_hot(targets.clamp(min=0), 4).float()
    got = loss_and_gradient(torch.compile(all_three, fullgraph=True), logits, targets, rows)
    ghm.load_state_dict(bl.GHMCLoss().state_dict())
    expected = loss_and_gradient(all_three, logits, targets, rows)
    torch.testing.assert_close(got, expected, rtol=1e-5, atol=1e-6)  # as above


# --- gradients more than once -------------------------------------------------------------------


@soft_or_hard
@each_loss
def test_a_second_backward_gives_the_same_bits(case, soft):
    logits, targets = batch(case, soft)
    logits.requires_grad_()
    loss = case(logits, targets)
    first, second = (torch.autograd.grad(loss, logits, retain_graph=True)[0] for _ in range(2))
    assert first.any()
    assert torch.equal(first, second)


@each(**those(LOSSES, lambda case: not case.knows_batch))
def test_gradients_of_several_outputs_come_in_one_batch(case):
    logits, targets = random_logits(5, 4), random_targets(case, 5, 4)
    logits.requires_grad_()
    losses = case(logits, targets, reduction="none")
    wanted = torch.stack([torch.ones_like(losses), torch.rand_like(losses)])
    together = torch.autograd.grad(
        losses, logits, wanted, retain_graph=True, is_grads_batched=True
    )[0]
    for grad, got in zip(wanted, together, strict=True):
        close(got, torch.autograd.grad(losses, logits, grad, retain_graph=True)[0])


# --- transforms --------------------------------------------------------------------------------


@soft_or_hard
@each_loss
def test_a_loss_maps_over_batches_and_has_gradients_in_each(case, soft):
    logits = random_logits(3, 5, 4)
    targets = torch.stack([random_targets(case, 5, 4, soft=soft, seed=seed) for seed in (1, 2, 3)])
    gradients, values = torch.func.vmap(torch.func.grad_and_value(case))(logits, targets)
    for row in range(3):
        close((values[row], gradients[row]), loss_and_gradient(case, logits[row], targets[row]))


@TORCHS_OWN
@each_loss
def test_a_loss_has_derivatives_along_a_direction(case):
    logits, targets = random_logits(5, 4), random_targets(case, 5, 4)
    direction = random_logits(5, 4, seed=9)
    value, along = torch.func.jvp(lambda z: case(z, targets), (logits,), (direction,))
    expected, gradient = loss_and_gradient(case, logits, targets)
    close((value, along), (expected, (gradient * direction).sum()))


@TORCHS_OWN
@each(**those(LOSSES, lambda case: not case.holds_weights and not case.knows_batch))
def test_hessians_are_symmetric(case):
    logits, targets = random_logits(2, 4), random_targets(case, 2, 4)
    hessian = torch.func.hessian(lambda z: case(z, targets))(logits).reshape(8, 8)
    close(hessian, hessian.T)
    assert hessian.any()


@each(**those(LOSSES, lambda case: case.constants))
def test_a_weight_or_margin_may_learn(case):
    logits, targets = random_logits(6, 4), random_targets(case, 6, 4)
    for name, values in case.constants.items():
        if not values.is_floating_point() or not values.all():
            continue  # a count, or a sum of 0, at which EQL v2 has a leap
        learning = values.clone().requires_grad_()
        assert torch.autograd.gradcheck(
            lambda v, name=name: case(logits, targets, **{name: v}), learning
        )


# --- export ------------------------------------------------------------------------------------


@each_loss
def test_a_loss_is_exported_whole(case):
    module, arguments = case.module().eval(), batch(case)
    exported = torch.export.export(module, arguments).module()
    torch.testing.assert_close(exported(*arguments), module(*arguments), rtol=1e-5, atol=1e-6)


class Together(nn.Module):
    """Several losses of the same arguments, so that they are exported once."""

    def __init__(self, modules: dict[str, nn.Module]) -> None:
        super().__init__()
        self.all = nn.ModuleList(modules.values())

    def forward(self, logits: Tensor, targets: Tensor) -> tuple[Tensor, ...]:
        return tuple(module(logits, targets) for module in self.all)


IN_ONNX = {
    "softmax": {
        name: LOSSES[name].module().eval()
        for name in ("focal-quarter", "ldam", "gw", "ghm", "one-vs-rest", "label-aware-smoothing")
    },
    "sigmoid": {name: LOSSES[name].module() for name in ("sigmoid-focal", "distribution-balanced")},
    "overlap": {"unified-focal": bl.UnifiedFocalLoss()},
}


@pytest.mark.filterwarnings("ignore")  # of the exporter itself
@pytest.mark.parametrize("kind", IN_ONNX)
def test_onnx_runtime_computes_what_torch_does(kind):
    pytest.importorskip("onnxscript")
    onnxruntime = pytest.importorskip("onnxruntime")
    module = Together(IN_ONNX[kind])
    logits, targets = batch(kind)
    if kind == "softmax":
        targets[-1] = 3  # nothing ignored, as torch's own cross-entropy exports
    program = torch.onnx.export(module, (logits, targets), dynamo=True, verbose=False)
    session = onnxruntime.InferenceSession(program.model_proto.SerializeToString())
    for scale in (1.0, 100.0):
        feeds = [scale * logits, targets]
        named = {i.name: feed.numpy() for i, feed in zip(session.get_inputs(), feeds, strict=True)}
        got = [torch.from_numpy(value) for value in session.run(None, named)]
        expected = list(module(*feeds))
        # ONNX has no log1p: losses near 0 are differences of numbers near 1.
        torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-5)
