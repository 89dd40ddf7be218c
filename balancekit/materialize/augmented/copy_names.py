"""Names of new samples: the same for the same parent, copy number, policy and seed."""

import dataclasses
import functools
import hashlib
import re
from pathlib import PurePosixPath
from typing import Any

import msgspec

from balancekit.augment import AugmentationPolicy

__all__ = ["MARK", "canonical", "copy_name", "policy_digest", "policy_parts"]

MARK = "__aug-"
"""Stands between the stem of the parent and the digest."""

N_DIGITS = 12
"""Hexadecimal digits of the digest: 2**48 names for each stem."""

MAX_STEM_BYTES = 200
"""Of names that hold 255 bytes in most file systems, to leave room for ours and for suffixes."""

NOT_DECIDING = ("decisions", "steps", "seed")
"""Parts of a policy that are its reasons, or are told beside it."""

ADDRESS = re.compile(r" at 0x[0-9a-f]+")


def policy_digest(policy: AugmentationPolicy) -> str:
    """A digest of what a policy does, in hexadecimal; its seed is not part of it.

    >>> digest = policy_digest(AugmentationPolicy.for_task("natural", seed=1))
    >>> digest == policy_digest(AugmentationPolicy.for_task("natural", seed=2))
    True
    """
    return hashlib.sha256(canonical(policy_parts(policy))).hexdigest()


def policy_parts(policy: AugmentationPolicy) -> dict[str, Any]:
    """What decides what a policy does, but for its seed, by name, as JSON holds it."""
    parts = {
        field.name: getattr(policy, field.name)
        for field in dataclasses.fields(policy)
        if field.name not in NOT_DECIDING
    }
    plain: dict[str, Any] = msgspec.json.decode(canonical(parts))
    return plain


def canonical(value: Any) -> bytes:
    """A value as JSON with sorted names; what JSON cannot hold as its own description."""
    return msgspec.json.encode(value, enc_hook=_described, order="sorted")


def _described(value: object) -> str:
    return ADDRESS.sub("", repr(value))  # where it lies in memory changes from run to run


def copy_name(parent: str, copy: int, digest: str, seed: int) -> str:
    """The name of a copy, without folder and suffix.

    Args:
        parent: the picture that it is made from, relative to the data.
        copy: its number among the copies of this parent, from 1.
        digest: of the policy.
        seed: of the policy.

    >>> copy_name("cat/a.jpg", 1, "5e1f", seed=0)
    'a__aug-ed041c8d9561'
    """
    key = "\0".join((parent, str(copy), digest, str(seed)))
    name = hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()[:N_DIGITS]
    return f"{_short_stem(parent)}{MARK}{name}"


@functools.lru_cache(maxsize=1)  # copies of one parent come one after the other
def _short_stem(parent: str) -> str:
    stem = PurePosixPath(parent).stem
    while len(stem.encode("utf-8", "surrogateescape")) > MAX_STEM_BYTES:
        stem = stem[:-1]
    return stem
