"""Sums over the processes that train together."""

from typing import TYPE_CHECKING, Literal, Union

import torch.distributed as dist
from torch import Tensor

from balancekit.errors import OptionError

if TYPE_CHECKING:
    from torch.distributed import ProcessGroup

__all__ = ["Sync", "check_sync", "n_ranks", "sum_over_ranks"]

# Not `|`: a build of torch without distributed training has no ProcessGroup.
Sync = Union[Literal["none", "auto"], "ProcessGroup"]
"""Which processes share a sum: this one, all that torch.distributed knows, or those of a group."""


def check_sync(sync: Sync) -> None:
    """Refuse what names no processes.

    Raises:
        OptionError: `sync` is another word, or a group where torch cannot train on many.
    """
    if isinstance(sync, str):
        if sync not in ("none", "auto"):
            raise OptionError(
                f"sync: expected 'none', 'auto' or a process group, got {sync!r}. 'auto' takes "
                "all processes where torch.distributed runs, and is 'none' where it does not."
            )
    elif not dist.is_available() or not isinstance(sync, dist.ProcessGroup):
        raise OptionError(
            f"sync: expected 'none', 'auto' or a process group, got {type(sync).__name__}. "
            "torch.distributed.new_group makes a group."
        )


def n_ranks(sync: Sync) -> int:
    """How many processes share a sum; 1 where torch.distributed does not run."""
    if isinstance(sync, str):
        return dist.get_world_size() if _is_everyone(sync) else 1
    return dist.get_world_size(sync)


def sum_over_ranks(values: Tensor, sync: Sync) -> Tensor:
    """The sum of `values` over processes, without gradient: of the shape of `values`.

    Every process must call it as often as the others, with tensors of one shape.
    """
    values = values.detach()
    if n_ranks(sync) == 1:
        return values
    total = values.clone()
    dist.all_reduce(total, group=None if isinstance(sync, str) else sync)
    return total


def _is_everyone(sync: str) -> bool:
    return sync == "auto" and dist.is_available() and dist.is_initialized()
