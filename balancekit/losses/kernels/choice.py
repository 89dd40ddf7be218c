"""Which way a loss is computed."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Literal

import torch
from torch import Tensor
from torch.autograd import forward_ad

from balancekit.errors import OptionError

__all__ = ["Way", "check_classes", "count_valid", "has_value", "reference_only", "way_for"]

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


def count_valid(targets: Tensor, ignore_index: int) -> Tensor:
    """How many targets count: int64 []."""
    if way_for(targets) == "cpu" and not has_value(targets, ignore_index):
        return torch.tensor(targets.numel(), device=targets.device)
    return (targets != ignore_index).sum()


def has_value(tensor: Tensor, value: int) -> bool:
    """Whether a tensor on the CPU may have this value anywhere; a look at its range is cheap."""
    if tensor.dtype == torch.bool:
        return value in (0, 1)
    if tensor.is_floating_point():
        # Two looks, the second seldom needed, cost half of aminmax.
        return not (tensor.amin().item() > value or tensor.amax().item() < value)
    low, high = tensor.aminmax()
    return not (low.item() > value or high.item() < value)  # so that NaN counts as may be


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


@cache
def _has_triton() -> bool:
    try:
        import triton  # noqa: F401 whether it can be
    except ImportError:
        return False
    return True
