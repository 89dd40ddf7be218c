"""Where a training runs: its device, its precision, and the processes that it shares."""

import os
from typing import Literal, get_args

import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

from balancekit.errors import OptionError

__all__ = ["Amp", "averaged", "best_device", "half_precision", "is_together", "rank_and_world_size"]

Amp = Literal["auto", "bf16", "fp16", "none"]

FAST_BF16 = (8, 0)
"""Compute capability from which a GPU multiplies in bfloat16: Ampere."""


def best_device() -> torch.device:
    """The GPU if there is one, of several that of this process; else the CPU."""
    if not torch.cuda.is_available():
        return torch.device("cpu")
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))


def half_precision(amp: Amp, device: torch.device) -> torch.dtype | None:
    """The dtype of autocast: None for none.

    Args:
        amp: "auto" is half precision on a GPU: bfloat16 where it is fast, else float16.
        device: to compute on.

    Raises:
        OptionError: there is no such choice.

    >>> half_precision("auto", torch.device("cpu")), half_precision("bf16", torch.device("cpu"))
    (None, torch.bfloat16)
    """
    if amp not in get_args(Amp):
        raise OptionError(f"amp: expected one of {get_args(Amp)}, got {amp!r}")
    if amp == "auto" and device.type == "cuda":
        is_fast = torch.cuda.get_device_capability(device) >= FAST_BF16
        return torch.bfloat16 if is_fast else torch.float16
    return {"bf16": torch.bfloat16, "fp16": torch.float16}.get(amp)


def is_together() -> bool:
    """Whether torch.distributed is running, so that processes train together."""
    return distributed.is_available() and distributed.is_initialized()


def rank_and_world_size() -> tuple[int, int]:
    """The number of this process, and how many there are: (0, 1) where it trains alone."""
    if not is_together():
        return 0, 1
    return distributed.get_rank(), distributed.get_world_size()


def averaged(module: nn.Module) -> nn.Module:
    """A module whose gradients are averaged over the processes that train together."""
    learns = any(parameter.requires_grad for parameter in module.parameters())
    return DistributedDataParallel(module) if learns and is_together() else module
