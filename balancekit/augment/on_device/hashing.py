"""Random numbers as tensor arithmetic: each is a hash of what it is for, on any device."""

import math

import torch
from torch import Tensor

__all__ = ["hash_onto", "normals_of", "uniforms_of"]

# int64 holds the same 64 bits as the unsigned words for which the constants were found.
_MIX_1 = 0xBF58476D1CE4E5B9 - 2**64
_MIX_2 = 0x94D049BB133111EB - 2**64
_STEP = 0x9E3779B97F4A7C15 - 2**64
_24_BITS = 2**24 - 1


def _mix_(words: Tensor) -> Tensor:
    """The finaliser of SplitMix64 (Steele et al., OOPSLA 2014), in place."""
    for shift, factor in ((30, _MIX_1), (27, _MIX_2)):
        words ^= _shifted(words, shift)
        words *= factor
    words ^= _shifted(words, 31)
    return words


def _shifted(words: Tensor, n_bits: int) -> Tensor:
    """Words shifted to the right with zeros coming in, where `>>` repeats the sign."""
    shifted = words >> n_bits
    shifted &= 2 ** (64 - n_bits) - 1
    return shifted


def hash_onto(state: Tensor, key: Tensor | int) -> Tensor:
    """64 well mixed bits from a state and one more key, broadcast: int64.

    Each key is mixed in before the next, so that (0, 1) and (1, 0) differ.

    >>> state = torch.zeros(1, dtype=torch.int64)
    >>> bool(hash_onto(hash_onto(state, 0), 1) == hash_onto(hash_onto(state, 1), 0))
    False
    """
    return _mix_((state ^ key) + _STEP)


def uniforms_of(words: Tensor) -> Tensor:
    """Hashes as numbers in [0, 1), of 24 bits: float32, shaped as they are."""
    # float32 holds 24 bits exactly, so no number is rounded up to 1.
    return _shifted(words, 40).to(torch.float32) * 2.0**-24


def normals_of(state: Tensor, count: int) -> Tensor:
    """Standard normal numbers: float32 [N, count], a stream for each of N states.

    Args:
        state: int64 [N].
        count: how many for each.

    Source: Box and Muller, Annals of Mathematical Statistics 1958.

    >>> normals_of(torch.arange(2), 3).shape
    torch.Size([2, 3])
    """
    half = (count + 1) // 2
    counters = torch.arange(1, half + 1, device=state.device) * _STEP
    words = _mix_(state[:, None] + counters)  # [N, half]
    angle = (words & _24_BITS).to(torch.float32).mul_(2 * math.pi * 2.0**-24)
    # One more than 0 to 2**24 - 1, because there is no logarithm of 0.
    radius = (_shifted(words, 40) + 1).to(torch.float32).mul_(2.0**-24)
    radius = radius.log_().mul_(-2).sqrt_()
    return torch.cat([angle.cos().mul_(radius), angle.sin_().mul_(radius)], 1)[:, :count]
