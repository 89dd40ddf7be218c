"""The random numbers of a batch: drawn on the CPU, the same whatever was drawn before."""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from balancekit.errors import OptionError
from balancekit.labels import SampleKey
from balancekit.plan.tagged import is_whole

__all__ = ["generator_of_keys", "generator_of_step", "to_device"]

# Keep these streams apart from each other and from those of other uses of the seed.
_STEP = int.from_bytes(b"mix-step", "little")
_KEYS = int.from_bytes(b"mix-keys", "little")


def generator_of_step(seed: int, epoch: int, step: int) -> np.random.Generator:
    """The stream of one step of training.

    Args:
        seed: in [0, 2**63).
        epoch: from 0.
        step: from 0; step · world_size + rank where several ranks train together.

    Raises:
        OptionError: epoch or step are no integers in [0, 2**63).

    >>> generator_of_step(1, 0, 7).random() == generator_of_step(1, 0, 7).random()
    True
    """
    return _generator(_STEP, seed, _index("epoch", epoch), _index("step", step))


def generator_of_keys(seed: int, keys: Sequence[SampleKey]) -> np.random.Generator:
    """The stream of a batch of these draws, in this order.

    Args:
        seed: in [0, 2**63).
        keys: epoch, index and repeat of each sample.

    Raises:
        OptionError: they are no keys.
    """
    for key in keys:
        if not isinstance(key, SampleKey):
            raise OptionError(
                f"keys: expected a SampleKey a sample, got {key!r}. Samplers give them with "
                'yields="keys".'
            )
    numbers = [[_index("keys", number) for number in key] for key in keys]
    digest = blake2b(np.array(numbers, "<u8").tobytes(), digest_size=16).digest()
    return _generator(_KEYS, seed, *np.frombuffer(digest, "<u8").tolist())


def to_device(array: NDArray[Any], device: torch.device) -> Tensor:
    """A tensor of these numbers; the CPU does not wait for a GPU that they are sent to."""
    tensor = torch.from_numpy(array)
    if device.type == "cpu":
        return tensor
    if device.type == "cuda":
        tensor = tensor.pin_memory()  # copies of other memory wait for the stream
    return tensor.to(device, non_blocking=True)


def _generator(*words: int) -> np.random.Generator:
    # 64 bits for each number, so that no two lists of them give the same words.
    key = np.array(words, "<u8").view("<u4")
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(key)))


def _index(where: str, number: object) -> int:
    if is_whole(number) and 0 <= number < 2**63:
        return int(number)
    raise OptionError(f"{where}: expected integers in [0, 2**63), got {number!r}.")
