"""What a step of a loss costs beside its time: passes over the logits, and memory."""

import os
from collections.abc import Callable
from typing import Any

from torch import Tensor
from torch.profiler import ProfilerActivity, profile
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

__all__ = ["n_bytes", "passes", "peak_bytes"]

Step = Callable[[], object]

ONLY_MAKE = ("empty", "empty_like", "empty_strided", "new_empty", "new_empty_strided")
ONLY_WRITE = ("fill_", "zero_", "zeros", "ones", "full", "new_zeros", "new_ones", "new_full")
ONLY_WRITE += ("zeros_like", "ones_like", "full_like", "scalar_tensor")

# Kineto tells of each start and stop on stderr.
os.environ.setdefault("KINETO_LOG_LEVEL", "99")


def n_bytes(tensor: Tensor) -> int:
    """Bytes of the values of a tensor; what is expanded is there once."""
    n = tensor.element_size()
    for size, stride in zip(tensor.shape, tensor.stride(), strict=True):
        n *= size if stride else 1
    return n


def passes(step: Step, logits: Tensor) -> float:
    """Bytes that torch's operations read and write, over those of the logits.

    An operation reads each tensor that it is given, in full, and writes each that it hands
    back; views are free. What an operation does within, and what a cache saves, is not seen.
    """
    with _Traffic() as traffic:
        step()
    return traffic.n_bytes / n_bytes(logits)


def peak_bytes(step: Step) -> int:
    """Peak of memory that torch allocates on the CPU during a step, beyond what was there."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiled:
        step()
    events = profiled.profiler.kineto_results.events()
    changes = sorted(
        (event.start_ns(), event.nbytes()) for event in events if event.name() == "[memory]"
    )
    live = peak = 0
    for _, change in changes:
        live += change
        peak = max(peak, live)
    return peak


class _Traffic(TorchDispatchMode):
    n_bytes = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        name = func._schema.name.removeprefix("aten::")
        if name not in (*ONLY_MAKE, "_unsafe_view") and not _is_view(func):
            inputs = {key: value for key, value in kwargs.items() if key != "out"}
            # copy_ overwrites its first argument without a look at it.
            read = () if name in ONLY_WRITE else (args[name == "copy_" :], inputs)
            self.n_bytes += sum(n_bytes(tensor) for tensor in _tensors((read, result)))
        return result


def _is_view(func: Any) -> bool:
    aliases = [value.alias_info for value in func._schema.returns]
    return any(alias is not None and not alias.is_write for alias in aliases)


def _tensors(tree: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)]
