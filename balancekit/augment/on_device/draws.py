"""What is drawn for each sample of a batch: whether, how strongly, where."""

import reprlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import get_args

import torch
from torch import Tensor

from balancekit.augment.on_device.hashing import hash_onto, uniforms_of
from balancekit.errors import OptionError
from balancekit.labels import SampleKey
from balancekit.plan.operations import Operation

__all__ = ["Draw", "Keys", "as_keys", "change_rows", "draw_of"]

# Keeps these numbers apart from others that are hashed of the same seed and epoch.
_DOMAIN = int.from_bytes(b"ondevice", "little")

Keys = Sequence[SampleKey] | SampleKey | Tensor
"""Keys of N samples: SampleKeys; one of tensors int64 [N], as torch's default_collate makes of
these; or int64 [N, 3]."""

ROWS_AT_ONCE = 4

N_NUMBERS = 5
"""Numbers an operation: its coin, its strength, two for a place, and one for a shape."""


@dataclass(frozen=True, eq=False)
class Draw:
    """One operation on N samples.

    Attributes:
        chosen: bool [N]: which samples it changes.
        strength: float32 [N] in [0, 1), from no change or the lowest value to the highest.
        place: float32 [N, 2] in [0, 1).
        shape: float32 [N] in [0, 1).
        state: int64 [N], for streams of more numbers.
    """

    chosen: Tensor
    strength: Tensor
    place: Tensor
    shape: Tensor
    state: Tensor


def as_keys(keys: Keys, n_samples: int) -> Tensor:
    """Keys as a tensor: int64 [N, 3] of epoch, index and repeat.

    Raises:
        OptionError: these are no keys of so many samples.

    >>> as_keys([SampleKey(0, 7, 0), SampleKey(0, 8, 0)], 2).tolist()
    [[0, 7, 0], [0, 8, 0]]
    """
    tensor = _tensor_of(keys)
    if tensor.numel() == 0 and n_samples == 0:
        return torch.empty(0, 3, dtype=torch.int64, device=tensor.device)
    fits = tensor.dtype == torch.int64 and tensor.shape == (n_samples, 3)
    # Only where it makes nobody wait: a device that is asked for a value must finish first.
    if not fits or (tensor.device.type == "cpu" and bool((tensor < 0).any())):
        shape = f" {list(keys.shape)}" if isinstance(keys, Tensor) else ""
        raise OptionError(
            f"keys: expected epoch, index and repeat of {n_samples} samples, integers from 0, "
            f"as SampleKeys or int64 [{n_samples}, 3], got {reprlib.repr(keys)}{shape}."
        )
    return tensor


def _tensor_of(keys: Keys) -> Tensor:
    """What is a table of integers as a tensor; what is not as an empty one."""
    try:
        if isinstance(keys, Tensor):
            return keys
        if isinstance(keys, SampleKey):  # of tensors
            return torch.stack(list(keys), 1)  # type: ignore[arg-type]  # or refused below
        return torch.tensor(keys, dtype=torch.int64)
    except (IndexError, OverflowError, RuntimeError, TypeError, ValueError):
        return torch.empty(0)


def draw_of(operation: Operation, seed: int, keys: Tensor) -> Draw:
    """What is drawn for an operation: a function of its kind, the seed and each key alone.

    Args:
        operation: its kind and its probability are looked at.
        seed: of the policy.
        keys: int64 [N, 3].

    >>> from balancekit.plan.operations import Blur
    >>> keys = torch.tensor([[0, 7, 0], [0, 8, 0]])
    >>> draw_of(Blur(probability=1.0), 1, keys).chosen.tolist()
    [True, True]
    """
    kind = get_args(Operation).index(type(operation))
    own: tuple[Tensor | int, ...] = (seed, *keys.unbind(1), kind)
    state = torch.full_like(keys[:, 0], _DOMAIN)
    for key in own:
        state = hash_onto(state, key)  # [N]
    which = torch.arange(N_NUMBERS + 1, device=keys.device)
    hashes = hash_onto(state[:, None], which)  # [N, N_NUMBERS + 1]
    numbers = uniforms_of(hashes[:, :N_NUMBERS])
    return Draw(
        chosen=numbers[:, 0] < operation.probability,
        strength=numbers[:, 1],
        place=numbers[:, 2:4],
        shape=numbers[:, 4],
        state=hashes[:, N_NUMBERS],
    )


def change_rows(
    values: Tensor, chosen: Tensor, change: Callable[..., Tensor], *parameters: Tensor
) -> Tensor:
    """Values with `change(rows, *parameters of the rows)` in the place of the chosen rows.

    Where the host knows which rows these are, only they are worked on, in place; where only
    a device knows, it works on all and keeps the chosen, so that nobody waits for it.

    Args:
        values: [N, …]; they may be changed in place.
        chosen: bool [N].
        change: a function of each row by itself.
        parameters: each [N, …], on the device of `chosen`.
    """
    if chosen.device.type != "cpu":
        flags = chosen.reshape(-1, *[1] * (values.ndim - 1))
        return torch.where(flags, change(values, *parameters), values)
    rows = chosen.nonzero()[:, 0]
    if not len(rows):
        return values
    # A few at a time stay in the caches of a CPU; a GPU is given all there are.
    at_once = ROWS_AT_ONCE if values.device.type == "cpu" else len(rows)
    for start in range(0, len(rows), at_once):
        few = rows[start : start + at_once]
        own = [parameter[few].to(values.device, non_blocking=True) for parameter in parameters]
        place = few.to(values.device, non_blocking=True)
        values.index_copy_(0, place, change(values[place], *own))
    return values
