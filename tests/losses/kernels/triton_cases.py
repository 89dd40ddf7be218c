"""What the Triton kernels must give: the plain formulas, evaluated in float64.

test_triton.py runs this file: on a GPU, or through Triton's interpreter, which has to be chosen
before triton is imported and so has a process of its own.
"""

import pytest
import torch

from balancekit.losses.kernels.modulations import Asymmetric, Focal, Gaussian, Plain, Poly
from balancekit.losses.kernels.sigmoid import reference_sigmoid_losses
from balancekit.losses.kernels.softmax import SoftmaxShift, reference_softmax_losses

# NumPy, in which the interpreter computes, warns where an infinite or NaN logit is ignored.
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
GAMMAS = [0.25, 0.5, 1.0, 2.0, 5.0]
MODULATIONS = [Plain(), *map(Focal, GAMMAS), Gaussian(0.3), Poly(2.0)]
ASYMMETRIC = [
    Asymmetric(),
    Asymmetric(2.0, 2.0),
    Asymmetric(0.5, 0.25),
    Asymmetric(1.0, 3.0, 0.3),
    Asymmetric(0.0, 4.0, 0.05),
    Asymmetric(0.0, 0.5, 0.05),
    Asymmetric(0.0, 0.0, 0.05),
]
DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
IGNORED = -100


def draw(*shape):
    return torch.randn(shape, device=DEVICE) * 3


# Small: the interpreter takes milliseconds for a program, and runs one after the other.
LAYOUTS = {
    "last": lambda: draw(6, 7),
    "transposed": lambda: draw(7, 6).T,
    "segmentation": lambda: draw(2, 5, 3, 4),
    "channels-last": lambda: draw(2, 3, 2, 4).to(memory_format=torch.channels_last),
    "crop": lambda: draw(2, 3, 3, 8)[:, :, 1:, 2:6],
    "crop-of-a-volume": lambda: draw(2, 2, 3, 3, 3)[:, :, 1:, 1:, 1:],
    "every-second": lambda: draw(6, 14)[:, ::2],
}
BLOCKS = {
    "rows-in-blocks": lambda: draw(1, 7, 600),
    "classes-in-blocks": lambda: draw(2, 4100),
}
layouts = pytest.mark.parametrize("layout", LAYOUTS)
blocks = pytest.mark.parametrize("block", BLOCKS)
dtypes = pytest.mark.parametrize("dtype", DTYPES.values(), ids=DTYPES)
modulations = pytest.mark.parametrize("modulation", MODULATIONS, ids=str)
one_of_each = pytest.mark.parametrize(
    "modulation", [Plain(), Focal(0.5), Gaussian(0.3), Poly(2.0)], ids=str
)
asymmetric = pytest.mark.parametrize("modulation", ASYMMETRIC, ids=str)


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def softmax_losses(logits, targets, ignore_index, modulation, class_weights=None, *shift):
    from balancekit.losses.kernels.softmax_triton import softmax_losses_triton

    arguments = (targets, ignore_index, modulation, class_weights, SoftmaxShift(*shift))
    return softmax_losses_triton(logits, *arguments)


def exact_softmax_losses(logits, targets, ignore_index, modulation, class_weights=None, *shift):
    arguments = (targets, ignore_index, modulation, class_weights, SoftmaxShift(*shift))
    return reference_softmax_losses(logits, *arguments)


def sigmoid_losses(*arguments):
    from balancekit.losses.kernels.sigmoid_triton import sigmoid_losses_triton

    return sigmoid_losses_triton(*arguments)


def sigmoid_row_losses(*arguments):
    from balancekit.losses.kernels.sigmoid_triton import sigmoid_row_losses_triton

    return sigmoid_row_losses_triton(*arguments)


def hard_targets(logits):
    """Classes of [N, C, …] logits, about a sixth of them ignored."""
    targets = torch.randint(0, logits.shape[1], (len(logits), *logits.shape[2:]), device=DEVICE)
    return targets.masked_fill(torch.rand(targets.shape, device=DEVICE) < 1 / 6, IGNORED)


def class_constants(logits):
    """Class weights, scale, bias and margin."""
    return [torch.rand(logits.shape[1], device=DEVICE) + 0.5 for _ in range(4)]


def assert_softmax_equals_formula(logits, targets, *arguments):
    logits = logits.detach().requires_grad_()
    exact = logits.detach().double().requires_grad_()
    losses, missed = softmax_losses(logits, targets, *arguments)
    exact_losses, exact_missed = exact_softmax_losses(exact, targets, *arguments)
    assert not missed.requires_grad
    # A dozen roundings of float32, and one of an exponent up to 30 before it is raised.
    torch.testing.assert_close(losses.double(), exact_losses, rtol=4e-6, atol=1e-9)
    torch.testing.assert_close(missed.double(), exact_missed, rtol=4e-6, atol=1e-9)
    assert_gradients_close(losses, logits, exact_losses, exact)


def assert_gradients_close(losses, logits, exact_losses, exact):
    """Of a gradient that is different for each loss."""
    factors = torch.rand(losses.shape, device=DEVICE)
    (gradient,) = torch.autograd.grad(losses, logits, factors)
    (exact_gradient,) = torch.autograd.grad(exact_losses, exact, factors.double())
    assert gradient.dtype == logits.dtype
    # As above, or one rounding to half precision, whose smallest step is 6e-8 in float16.
    half = logits.dtype != torch.float32
    rtol = torch.finfo(logits.dtype).eps if half else 1e-5
    close = {"rtol": rtol, "atol": 6e-8 if half else 1e-7}
    torch.testing.assert_close(gradient.double(), exact_gradient, **close)


# --- softmax ----------------------------------------------------------------------------------


@layouts
@one_of_each
def test_softmax_losses_equal_the_formula(modulation, layout):
    logits = LAYOUTS[layout]()
    assert_softmax_equals_formula(logits, hard_targets(logits), IGNORED, modulation)


@layouts
@dtypes
def test_softmax_losses_of_any_precision_equal_the_formula(dtype, layout):
    logits = LAYOUTS[layout]().to(dtype)
    assert_softmax_equals_formula(logits, hard_targets(logits), IGNORED, Focal(2.0))


@blocks
@dtypes
def test_blocks_of_softmax_losses_equal_the_formula(dtype, block):
    logits = BLOCKS[block]().to(dtype)
    targets, constants = hard_targets(logits), class_constants(logits)
    assert_softmax_equals_formula(logits, targets, IGNORED, Focal(2.0), *constants)


@layouts
@one_of_each
def test_softmax_losses_with_class_constants_equal_the_formula(modulation, layout):
    logits = LAYOUTS[layout]()
    constants = class_constants(logits)
    assert_softmax_equals_formula(logits, hard_targets(logits), IGNORED, modulation, *constants)


@pytest.mark.parametrize("left_out", range(4))
def test_each_class_constant_can_be_left_out(left_out):
    logits = draw(6, 7)
    constants = class_constants(logits)
    constants[left_out] = None
    assert_softmax_equals_formula(logits, hard_targets(logits), IGNORED, Focal(2.0), *constants)


@pytest.mark.parametrize("n_classes", [2, 3, 8, 17, 100, 1203, 9000])
def test_any_number_of_classes_is_read_whole(n_classes):
    logits = draw(5, n_classes)
    assert_softmax_equals_formula(logits, hard_targets(logits), IGNORED, Focal(2.0))


@pytest.mark.parametrize("shape", [(0, 3), (2, 3, 0), (0, 3, 4)], ids=str)
def test_no_targets_give_no_losses(shape):
    logits = draw(*shape).requires_grad_()
    losses, missed = softmax_losses(logits, hard_targets(logits), IGNORED, Plain())
    assert losses.shape == missed.shape == (shape[0], *shape[2:])
    assert torch.autograd.grad(losses.sum(), logits)[0].shape == shape


@pytest.mark.parametrize("ignored", [-100, 0, 1, 255])
def test_any_number_can_be_the_ignored_target(ignored):
    logits = draw(9, 3)
    targets = torch.tensor([0, 1, 2] * 3, device=DEVICE)
    targets[4] = ignored
    assert_softmax_equals_formula(logits, targets, ignored, Plain())


@pytest.mark.parametrize(
    ("modulation", "dtype"),
    [*((modulation, torch.float32) for modulation in MODULATIONS),
     (Focal(0.25), torch.float16), (Focal(0.25), torch.bfloat16)],
    ids=str,
)  # fmt: skip
def test_softmax_losses_are_right_at_1e4(modulation, dtype):
    values = torch.tensor([-1e4, -1.0, 0.0, 1.0, 1e4], device=DEVICE)
    logits = torch.cartesian_prod(values, values, values).to(dtype)  # [125, 3]
    logits, targets = logits.repeat(3, 1), torch.arange(3, device=DEVICE).repeat_interleave(125)
    assert_softmax_equals_formula(logits, targets, IGNORED, modulation)


@modulations
def test_small_losses_keep_their_digits(modulation):
    gaps = torch.arange(0, 80, 2.5, device=DEVICE)
    logits = torch.stack([gaps, torch.zeros_like(gaps)], dim=1)
    targets = torch.zeros(len(gaps), dtype=torch.int64, device=DEVICE)
    arguments = (targets, IGNORED, modulation)
    losses, missed = softmax_losses(logits, *arguments)
    exact_losses, exact_missed = exact_softmax_losses(logits.double(), *arguments)
    # An exponent of 80·γ, rounded to float32 before it is raised, is wrong by 2e-5.
    close = {"rtol": 3e-5, "atol": 1e-37}  # below, float32 has no more digits
    torch.testing.assert_close(losses.double(), exact_losses, **close)
    torch.testing.assert_close(missed.double(), exact_missed, **close)


@pytest.mark.parametrize("layout", ["last", "segmentation", "classes-in-blocks", "rows-in-blocks"])
@pytest.mark.parametrize("modulation", [Focal(0.5), Gaussian(0.3), Poly(2.0)], ids=str)
def test_ignored_logits_may_be_infinite_or_nan(modulation, layout):
    logits = (LAYOUTS | BLOCKS)[layout]()
    targets = hard_targets(logits)
    targets.flatten()[0] = IGNORED
    ignored = (targets == IGNORED).unsqueeze(1).expand_as(logits)
    bad = torch.tensor([torch.inf, -torch.inf, torch.nan], device=DEVICE)
    bad = bad.repeat(logits.numel())[: logits.numel()].view(logits.shape)
    spoilt = torch.where(ignored, bad, logits).requires_grad_()
    losses, missed = softmax_losses(spoilt, targets, IGNORED, modulation)
    expected, _ = softmax_losses(logits, targets, IGNORED, modulation)
    (gradient,) = torch.autograd.grad(losses.sum(), spoilt)
    assert torch.equal(losses, expected)
    assert (losses[targets == IGNORED] == 0).all()
    assert (missed[targets == IGNORED] == 0).all()
    assert (gradient[ignored] == 0).all()
    assert gradient.isfinite().all()


def test_all_ignored_is_zero_with_zero_gradient():
    logits = torch.full((4, 3), torch.nan, device=DEVICE, requires_grad=True)
    targets = torch.full((4,), IGNORED, device=DEVICE)
    losses, missed = softmax_losses(logits, targets, IGNORED, Focal(0.5))
    (gradient,) = torch.autograd.grad(losses.sum(), logits)
    assert not losses.any()
    assert not missed.any()
    assert not gradient.any()


@pytest.mark.parametrize("shape", [(3, 5), (3, 5000), (3, 5, 7)], ids=str)
def test_classes_may_be_ruled_out_by_minus_infinity(shape):
    logits = draw(*shape)
    logits[:, 1:-1] = -torch.inf
    targets = torch.zeros((3, *shape[2:]), dtype=torch.int64, device=DEVICE)
    # The formula has no gradient there: of logits that are merely very low it has.
    low = logits.clamp(min=-1e4).double().requires_grad_()
    logits.requires_grad_()
    losses, _ = softmax_losses(logits, targets, IGNORED, Focal(2.0))
    expected, _ = exact_softmax_losses(low, targets, IGNORED, Focal(2.0))
    torch.testing.assert_close(losses.double(), expected, rtol=4e-6, atol=1e-9)
    assert_gradients_close(losses, logits, expected, low)


@pytest.mark.parametrize("value", [torch.nan, torch.inf], ids=str)
@pytest.mark.parametrize("n_classes", [5, 5000])
def test_a_broken_logit_that_counts_gives_nan(n_classes, value):
    logits = draw(3, n_classes)
    logits[1, 3] = value
    targets = torch.zeros(3, dtype=torch.int64, device=DEVICE)
    losses, _ = softmax_losses(logits, targets, IGNORED, Plain())
    assert losses.isnan().tolist() == [False, True, False]


@pytest.mark.parametrize("wrong", [-1, 5, 2**40])
@pytest.mark.parametrize("constants", [False, True])
def test_a_target_that_is_no_class_gives_nan_to_itself_alone(wrong, constants):
    logits = draw(3, 5).requires_grad_()
    targets = torch.tensor([0, wrong, 4], device=DEVICE)
    extra = class_constants(logits) if constants else []
    losses, _ = softmax_losses(logits, targets, IGNORED, Focal(2.0), *extra)
    (gradient,) = torch.autograd.grad(losses.sum(), logits)
    assert losses.isnan().tolist() == [False, True, False]
    assert gradient.isnan().all(1).tolist() == [False, True, False]


def strides_of_one(shape):
    """Ones of a shape as autograd hands them over: of a sum, of a product, of a slice."""
    one = torch.ones((), device=DEVICE)
    return [one.expand(shape), one.repeat(shape), one.repeat(*shape, 2)[..., 0]]


@pytest.mark.parametrize("layout", ["last", "segmentation"])
def test_softmax_gradients_do_not_depend_on_the_strides_of_their_factors(layout):
    logits = LAYOUTS[layout]().requires_grad_()
    targets = hard_targets(logits)
    losses, _ = softmax_losses(logits, targets, IGNORED, Focal(2.0))
    first, *others = (
        torch.autograd.grad(losses, logits, ones, retain_graph=True)[0]
        for ones in strides_of_one(losses.shape)
    )
    assert first.any()
    assert all(torch.equal(first, other) for other in others)


def test_targets_may_be_strided():
    logits = draw(2, 5, 3, 4)
    targets = hard_targets(logits.transpose(2, 3)).transpose(1, 2)
    assert_softmax_equals_formula(logits, targets, IGNORED, Plain())


@pytest.mark.parametrize("layout", ["last", "segmentation", "crop-of-a-volume"])
def test_softmax_gradients_have_gradients(layout):
    logits = LAYOUTS[layout]().requires_grad_()
    exact = logits.detach().double().requires_grad_()
    targets = hard_targets(logits)

    def second(of, losses):
        (first,) = torch.autograd.grad(losses.sum(), of, create_graph=True)
        return torch.autograd.grad(first.square().sum(), of)[0]

    found = second(logits, softmax_losses(logits, targets, IGNORED, Focal(2.0))[0])
    expected = second(exact, exact_softmax_losses(exact, targets, IGNORED, Focal(2.0))[0])
    torch.testing.assert_close(
        found.double(), expected, rtol=1e-4, atol=1e-5
    )  # by float32 autograd of the formula, whose terms are about 1 and cancel


@pytest.mark.skipif(DEVICE == "cpu", reason="6 GiB, too slow to interpret")
def test_offsets_may_pass_2_to_the_31():
    logits = torch.zeros(70_000, 32_768, dtype=torch.bfloat16, device=DEVICE)
    logits[-1, -1] = 3.0
    logits.requires_grad_()
    targets = torch.full((70_000,), 32_767, device=DEVICE)
    losses, _ = softmax_losses(logits, targets, IGNORED, Plain())
    (gradient,) = torch.autograd.grad(losses.sum(), logits)
    expected = torch.tensor([32767.0 + torch.e**3]).log() - 3
    torch.testing.assert_close(losses[-1:].cpu(), expected)
    assert gradient[-1, -1] < -0.99
    assert (gradient[:, -1] < -0.99).all()


@pytest.mark.parametrize("axis", [0, 1], ids=["scale", "bias"])
def test_a_shift_that_changes_before_the_backward_is_refused(axis):
    logits = draw(4, 3).requires_grad_()
    shift = [torch.ones(3, device=DEVICE), torch.zeros(3, device=DEVICE)]
    losses, _ = softmax_losses(logits, hard_targets(logits), IGNORED, Plain(), None, *shift)
    shift[axis].add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        losses.sum().backward()


# --- sigmoid ----------------------------------------------------------------------------------

TARGETS = {
    "float": lambda shape: torch.randint(0, 2, shape, device=DEVICE).float(),
    "soft": lambda shape: torch.rand(shape, device=DEVICE),
    "double": lambda shape: torch.rand(shape, device=DEVICE).double(),
    "half": lambda shape: torch.randint(0, 2, shape, device=DEVICE).half(),
    "int64": lambda shape: torch.randint(0, 2, shape, device=DEVICE),
    "int8": lambda shape: torch.randint(0, 2, shape, device=DEVICE).to(torch.int8),
    "uint8": lambda shape: torch.randint(0, 2, shape, device=DEVICE).to(torch.uint8),
    "bool": lambda shape: torch.randint(0, 2, shape, device=DEVICE).bool(),
}
WEIGHTS = {
    "plain": lambda n_labels: (),
    "scalar": lambda n_labels: [torch.tensor(w, device=DEVICE) for w in (0.25, 0.75)],
    "per-label": lambda n_labels: [torch.rand(n_labels, device=DEVICE) + 0.5 for _ in range(2)],
    "positive-alone": lambda n_labels: (torch.rand(n_labels, device=DEVICE) + 0.5, None),
}
targets_of_each_kind = pytest.mark.parametrize("kind", TARGETS)
weights = pytest.mark.parametrize("weight", WEIGHTS)


def some_ignored(targets):
    """Targets of which about a sixth are ignored, where their dtype holds -100."""
    if targets.dtype in (torch.bool, torch.uint8):
        return targets
    return targets.masked_fill(torch.rand(targets.shape, device=DEVICE) < 1 / 6, IGNORED)


def assert_sigmoid_equals_formula(logits, targets, *arguments):
    """Losses of labels and of rows, and their gradients."""
    exact = logits.detach().double().requires_grad_()
    expected = reference_sigmoid_losses(exact, targets, *arguments)
    logits = logits.detach().requires_grad_()
    losses = sigmoid_losses(logits, targets, *arguments)
    # Above a margin m, s = p - m is wrong by a rounding of m: by more of s, and of its power.
    close = {"rtol": 4e-6, "atol": 2e-7 if arguments[1].margin else 1e-9}
    torch.testing.assert_close(losses.double(), expected, **close)
    assert_gradients_close(losses, logits, expected, exact)
    if logits.ndim > 1:
        expected = reference_sigmoid_losses(exact, targets, *arguments).sum(1)
        losses = sigmoid_row_losses(logits, targets, *arguments)
        torch.testing.assert_close(losses.double(), expected, **close)
        assert_gradients_close(losses, logits, expected, exact)


@dtypes
@asymmetric
def test_sigmoid_losses_equal_the_formula(modulation, dtype):
    logits = draw(6, 7).to(dtype)
    targets = some_ignored(TARGETS["float"](logits.shape))
    assert_sigmoid_equals_formula(logits, targets, IGNORED, modulation)


@blocks
@dtypes
def test_blocks_of_sigmoid_losses_equal_the_formula(dtype, block):
    logits = BLOCKS[block]().to(dtype)
    targets = some_ignored(TARGETS["soft"](logits.shape))
    arguments = (IGNORED, Asymmetric(1.0, 4.0, 0.05), *WEIGHTS["per-label"](logits.shape[1]))
    assert_sigmoid_equals_formula(logits, targets, *arguments)


@pytest.mark.parametrize(
    ("layout", "weight"),
    [*((layout, weight) for layout in LAYOUTS for weight in ("plain", "per-label")),
     ("last", "scalar"), ("segmentation", "scalar"), ("last", "positive-alone")],
)  # fmt: skip
def test_weighted_sigmoid_losses_equal_the_formula(layout, weight):
    logits = LAYOUTS[layout]()
    targets = some_ignored(TARGETS["soft"](logits.shape))
    arguments = (IGNORED, Asymmetric(1.0, 4.0, 0.05), *WEIGHTS[weight](logits.shape[1]))
    assert_sigmoid_equals_formula(logits, targets, *arguments)


@targets_of_each_kind
def test_targets_may_have_any_dtype(kind):
    logits = draw(6, 7)
    targets = some_ignored(TARGETS[kind](logits.shape))
    assert_sigmoid_equals_formula(logits, targets, IGNORED, Asymmetric(2.0, 2.0))


@pytest.mark.parametrize("shape", [(), (5,), (3, 1), (2, 3, 2, 3)], ids=str)
def test_logits_may_have_any_shape(shape):
    targets = TARGETS["soft"](shape)
    assert_sigmoid_equals_formula(draw(*shape), targets, IGNORED, Asymmetric(2.0, 2.0))


@pytest.mark.parametrize("shape", [(0,), (0, 3), (2, 3, 0)], ids=str)
def test_no_labels_give_no_losses(shape):
    logits = draw(*shape).requires_grad_()
    losses = sigmoid_losses(logits, torch.zeros(shape, device=DEVICE), IGNORED, Asymmetric())
    assert losses.shape == shape
    assert torch.autograd.grad(losses.sum(), logits)[0].shape == shape


def test_rows_without_labels_cost_nothing():
    logits = draw(3, 0)
    losses = sigmoid_row_losses(logits, torch.zeros_like(logits), IGNORED, Asymmetric())
    assert losses.tolist() == [0, 0, 0]


@pytest.mark.parametrize("layout", ["transposed", "channels-last", "crop"])
def test_logits_and_targets_may_lie_differently(layout):
    logits = LAYOUTS[layout]()
    targets = some_ignored(TARGETS["float"](logits.shape))
    assert targets.stride() != logits.stride()
    for weight in ("plain", "per-label"):
        arguments = (IGNORED, Asymmetric(2.0, 2.0), *WEIGHTS[weight](logits.shape[1]))
        assert_sigmoid_equals_formula(logits, targets, *arguments)


@asymmetric
@dtypes
def test_sigmoid_losses_are_right_at_1e4(dtype, modulation):
    logits = torch.tensor([-1e4, -80.0, -16.0, 0.0, 16.0, 80.0, 1e4], device=DEVICE).to(dtype)
    targets = torch.tensor([0.0, 0.3, 1.0], device=DEVICE)
    logits, targets = logits.repeat_interleave(3), targets.repeat(7)
    assert_sigmoid_equals_formula(logits, targets, IGNORED, modulation)


def test_cross_entropy_is_right_to_the_last_digits():
    logits = torch.linspace(0, 4, 41, device=DEVICE)
    expected = torch.nn.functional.softplus(-logits.double())
    ones = torch.ones_like(logits)
    losses = sigmoid_losses(logits, ones, IGNORED, Asymmetric())
    pairs = torch.stack([logits, torch.zeros_like(logits)], 1)
    softmax, _ = softmax_losses(pairs, torch.zeros_like(ones).long(), IGNORED, Plain())
    # Six roundings of 2**-24 and an exponential that is right to two units in the last place.
    torch.testing.assert_close(losses.double(), expected, rtol=7e-7, atol=0)
    torch.testing.assert_close(softmax.double(), expected, rtol=7e-7, atol=0)


@pytest.mark.parametrize("gamma", GAMMAS)
def test_small_sigmoid_losses_keep_their_digits(gamma):
    logits = torch.arange(-80, 0, 2.5, device=DEVICE)
    targets = torch.zeros_like(logits)
    arguments = (targets, IGNORED, Asymmetric(gamma, gamma))
    expected = reference_sigmoid_losses(logits.double(), *arguments)
    # As of softmax losses.
    close = {"rtol": 3e-5, "atol": 1e-37}
    torch.testing.assert_close(sigmoid_losses(logits, *arguments).double(), expected, **close)
    mirrored = (1 - targets, IGNORED, Asymmetric(gamma, gamma))
    torch.testing.assert_close(sigmoid_losses(-logits, *mirrored).double(), expected, **close)


@pytest.mark.parametrize("modulation", [ASYMMETRIC[2], ASYMMETRIC[5]], ids=str)
@pytest.mark.parametrize("bad", [torch.inf, -torch.inf, torch.nan])
def test_ignored_logits_of_labels_may_be_infinite_or_nan(bad, modulation):
    logits = draw(6, 7)
    targets = some_ignored(TARGETS["float"](logits.shape))
    ignored = targets == IGNORED
    spoilt = logits.masked_fill(ignored, bad).requires_grad_()
    for losses_of in (sigmoid_losses, sigmoid_row_losses):
        losses = losses_of(spoilt, targets, IGNORED, modulation)
        (gradient,) = torch.autograd.grad(losses.sum(), spoilt)
        assert torch.equal(losses, losses_of(logits, targets, IGNORED, modulation))
        assert (gradient[ignored] == 0).all()
        assert gradient.isfinite().all()


@pytest.mark.parametrize(
    ("dtype", "ignored"),
    [(torch.uint8, 255), (torch.int8, -100), (torch.int64, 1), (torch.bfloat16, -100)],
    ids=str,
)
def test_the_ignored_label_is_told_apart_in_any_dtype(dtype, ignored):
    targets = torch.tensor([[0, ignored, 0]], device=DEVICE).to(dtype)
    losses = sigmoid_losses(torch.zeros(1, 3, device=DEVICE), targets, ignored, Asymmetric())
    assert (losses == 0).tolist() == [[False, True, False]]


def test_no_byte_is_taken_for_a_negative_ignored_label():
    targets = torch.tensor([[156]], dtype=torch.uint8, device=DEVICE)  # -100 in eight bits
    assert sigmoid_losses(torch.zeros(1, 1, device=DEVICE), targets, IGNORED, Asymmetric()).any()


@weights
def test_sigmoid_gradients_do_not_depend_on_the_strides_of_their_factors(weight):
    logits = draw(6, 7).requires_grad_()
    targets = some_ignored(TARGETS["soft"](logits.shape))
    for losses_of in (sigmoid_losses, sigmoid_row_losses):
        losses = losses_of(logits, targets, IGNORED, Asymmetric(2.0, 2.0), *WEIGHTS[weight](7))
        first, *others = (
            torch.autograd.grad(losses, logits, ones, retain_graph=True)[0]
            for ones in strides_of_one(losses.shape)
        )
        assert first.any()
        assert all(torch.equal(first, other) for other in others)


@pytest.mark.parametrize("layout", ["last", "crop-of-a-volume"])
def test_sigmoid_gradients_have_gradients(layout):
    logits = LAYOUTS[layout]().requires_grad_()
    exact = logits.detach().double().requires_grad_()
    arguments = (TARGETS["soft"](logits.shape), IGNORED, Asymmetric(2.0, 2.0))

    def second(of, losses):
        (first,) = torch.autograd.grad(losses.sum(), of, create_graph=True)
        return torch.autograd.grad(first.square().sum(), of)[0]

    expected = second(exact, reference_sigmoid_losses(exact, *arguments))
    for losses_of in (sigmoid_losses, sigmoid_row_losses):
        found = second(logits, losses_of(logits, *arguments))
        # By float32 autograd of the formula, whose terms are about 1 and cancel.
        torch.testing.assert_close(found.double(), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("label", [0, 1], ids=["negative", "positive"])
def test_a_weight_that_changes_before_the_backward_is_refused(label):
    logits = draw(4, 3).requires_grad_()
    weights = [torch.ones(3, device=DEVICE), torch.ones(3, device=DEVICE)]
    losses = sigmoid_losses(logits, torch.ones_like(logits), IGNORED, Asymmetric(), *weights)
    weights[1 - label].add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        losses.sum().backward()
