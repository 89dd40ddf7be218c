"""The stream of random numbers that belongs to one draw of one sample."""

import struct

import numpy as np

from balancekit.errors import OptionError
from balancekit.labels import SampleKey

__all__ = ["check_seed", "generator_of"]

# Keeps this stream apart from others that are seeded with the same seed and epoch.
_DOMAIN = int.from_bytes(b"augment!", "little")

# 64 bits for each number: a plain list of them, where 2**32 takes up two places and zeros at
# the end none, would give several keys the same stream.
_bytes_of = struct.Struct("<5Q").pack
_WORDS = np.dtype("<u4")


def generator_of(seed: int, key: SampleKey) -> np.random.Generator:
    """The stream of one draw: the same for the same seed and key, whatever was drawn before.

    Args:
        seed: in [0, 2**63).
        key: epoch, index and repeat, integers in [0, 2**63).

    Raises:
        OptionError: the key has other values.

    >>> key = SampleKey(epoch=0, index=7, repeat=0)
    >>> generator_of(1, key).random() == generator_of(1, key).random()
    True
    """
    try:
        words = np.frombuffer(_bytes_of(_DOMAIN, seed, *key), _WORDS)
    except (struct.error, TypeError):
        is_index = isinstance(key, int | np.integer)
        advice = ' Samplers of balancekit give keys with yields="keys".' if is_index else ""
        raise OptionError(
            f"key: expected epoch, index and repeat as integers from 0, got {key!r}.{advice}"
        ) from None
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(words)))


def check_seed(seed: object) -> None:
    """Refuse what is no seed."""
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**63:
        raise OptionError(f"seed: expected an integer in [0, 2**63), got {seed!r}.")
