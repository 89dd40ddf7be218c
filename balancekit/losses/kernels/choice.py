"""Which way a loss is computed."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd import forward_ad

from balancekit.errors import OptionError

__all__ = [
    "Way",
    "check_classes",
    "check_labels",
    "check_shares",
    "has_value",
    "multiplied_out",
    "reference_only",
    "way_for",
]

Way = Literal["reference", "cpu", "triton"]

_REFERENCE_ONLY = ContextVar("reference_only", default=False)


@contextmanager
def reference_only() -> Iterator[None]:
    """Inside, losses are computed by their plain formulas alone, for tests and timings."""
    token = _REFERENCE_ONLY.set(True)
    try:
        yield
    finally:
        _REFERENCE_ONLY.reset(token)


def way_for(logits: Tensor, *constants: Tensor | None) -> Way:
    """The fastest way that gives what is asked for.

    Args:
        logits: float, of any shape.
        *constants: weights and shifts, which only the plain formula differentiates.
    """
    # First, and alone: a compiler sees its plain formula and nothing of what follows.
    if torch.compiler.is_compiling() or torch._C._get_tracing_state():
        return "reference"
    if _REFERENCE_ONLY.get() or not logits.ndim or not logits.numel():
        return "reference"
    if torch._C._are_functorch_transforms_active():
        return "reference"  # jvp and nested vmap have no rule for an autograd node
    if forward_ad._current_level >= 0:
        return "reference"  # nor has forward differentiation
    if type(logits).__torch_dispatch__ is not Tensor.__torch_dispatch__:
        return "reference"  # no plain memory: a DTensor, or a FakeTensor without values
    if any(constant is not None and constant.requires_grad for constant in constants):
        return "reference"
    if logits.device.type == "cpu":
        return "cpu"
    if logits.device.type == "cuda" and logits.dtype != torch.float64 and _has_triton():
        return "triton"
    return "reference"


def has_value(tensor: Tensor, value: int) -> bool:
    """Whether a tensor on the CPU may have this value anywhere; a look at its range is cheap."""
    if tensor.dtype == torch.bool:
        return value in (0, 1)
    if tensor.is_floating_point():
        # Two looks, the second seldom needed, cost half of aminmax.
        return not (tensor.amin().item() > value or tensor.amax().item() < value)
    low, high = tensor.aminmax()
    return not (low.item() > value or high.item() < value)  # so that NaN counts as may be


def multiplied_out(ctx: Any, factors: Tensor) -> Tensor:
    """The gradient that a node holds up to factors, multiplied out in place, once.

    Args:
        ctx: of a node that keeps `slopes`, float of the shape of the logits.
        factors: float of a shape that broadcasts with them.
    """
    slopes: Tensor = ctx.slopes
    is_batched = torch._C._functorch.is_legacy_batchedtensor(factors)  # is_grads_batched=True
    if is_batched or torch._C._functorch.is_batchedtensor(factors):
        return slopes * factors
    ctx.slopes = None
    return slopes.mul_(factors)


def check_labels(targets: Tensor, ignore_index: int) -> bool:
    """Refuse targets on the CPU that are no labels; whether one may have to be ignored.

    Args:
        targets: labels 0, 1 or between, of any shape.
        ignore_index: what may stand there besides.

    Raises:
        OptionError: one is NaN or outside [0, 1].
    """
    if way_for(targets) != "cpu":
        return True
    if targets.dtype == torch.bool:
        return ignore_index in (0, 1)
    if _are_shares(targets):
        return 0 <= ignore_index <= 1
    low, high = _range_of(targets)
    may_be_ignored = not (low > ignore_index or high < ignore_index)
    if low == ignore_index < 0:
        # In pieces that stay in the cache, and without a mask: a third of the time.
        pieces = torch.split(targets.flatten(), 2**16)
        low = min(F.threshold(piece, low, 0).amin().item() for piece in pieces)
        high = max(low, high)
    if high == ignore_index > 1:
        high = targets.masked_fill(targets == ignore_index, 0).amax().item()
        low = min(low, high)
    if not 0 <= low <= high <= 1:
        wrong = high if low >= 0 else low
        advice = "Pass the logits first, then labels or shares of them."
        if float(wrong).is_integer():
            advice = f"Give ignore_index={wrong:g} to leave it out, or divide a mask "
            advice += "of 0 and 255 by 255."
        raise OptionError(
            f"targets: expected 0 to 1, or {ignore_index} to be ignored, got {wrong:g}. {advice}"
        )
    return may_be_ignored


def check_shares(targets: Tensor) -> None:
    """Refuse soft targets on the CPU that are no shares of classes; rows of 0 are.

    Args:
        targets: float [N, C, d1, …].

    Raises:
        OptionError: one is NaN or below 0, or a row sums to more than 1.
    """
    if way_for(targets) != "cpu":
        return
    low = targets.amin().item()
    if not low >= 0:
        raise OptionError(
            f"targets: expected shares of the classes of at least 0, got {low:g}. Pass class "
            "indices as integers where a target is to be ignored; logits go first."
        )
    is_narrow = targets.dtype in (torch.float16, torch.bfloat16)
    high = targets.sum(1, dtype=torch.float32 if is_narrow else None).amax().item()
    # Shares that are rounded to 16 bits are off by their third digit.
    if not high <= 1 + (1e-2 if is_narrow else 1e-3):
        raise OptionError(
            "targets: expected shares of the classes that sum to 1, got a row that sums to "
            f"{high:g}. For several labels a sample take WeightedBCELoss."
        )


def check_classes(index: Tensor, n_classes: int, ignore_index: int) -> None:
    """Refuse targets on the CPU that are no classes; those to be ignored are some class here.

    Raises:
        OptionError: one is below 0 or not below `n_classes`.
    """
    low, high = map(int, index.aminmax())
    if low < 0 or high >= n_classes:
        raise OptionError(
            f"targets: expected classes 0 to {n_classes - 1}, or {ignore_index} to be ignored, "
            f"got {low if low < 0 else high}. Check ignore_index and the number of logits."
        )


def _are_shares(tensor: Tensor) -> bool:
    """Whether all numbers are seen, in one look, to lie in [0, 1]; False may mean not seen."""
    if tensor.dtype != torch.float32:
        return False
    # As bits, floats from +0 up to NaN stand in order, and all that are negative above them.
    bits = tensor.detach().numpy().view(np.uint32)
    return int(bits.max()) <= int(np.float32(1).view(np.uint32))


def _range_of(tensor: Tensor) -> tuple[float, float]:
    if tensor.is_floating_point():
        # Two looks cost half of aminmax.
        return tensor.amin().item(), tensor.amax().item()
    low, high = tensor.aminmax()
    return low.item(), high.item()


@cache
def _has_triton() -> bool:
    try:
        import triton  # noqa: F401 whether it can be
    except ImportError:
        return False
    return True
