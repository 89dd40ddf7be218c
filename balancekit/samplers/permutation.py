"""Keyed permutations: any position of any shuffle, without storing the shuffle.

Everything here is a pure function on whole arrays, of its keys alone.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["hash_keys", "hash_onto", "permute", "permute_runs", "unit_of", "unpermute"]

N_ROUNDS = 6
MORE_ROUNDS = ((128, 6, 10), (16, 10, 14), (9, 14, 22))
"""Feistel rounds of all ranges, and of those below a size: that size, from which round to which.

With fewer, pairs of positions, and whole orders of few, fail a chi-square test of uniformity
over keys: 6 do in ranges up to 65, 10 in one of 8, 18 in whole orders of 8."""

NARROW = 1 << 31
"""Ranges up to here are permuted in words of 32 bits, several times faster than in 64."""

_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_STEP = np.uint64(0x9E3779B97F4A7C15)


def _mix(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The finaliser of SplitMix64 (Steele et al., OOPSLA 2014): a bijection of 64 bits."""
    values = (values ^ (values >> np.uint64(30))) * _MIX_1
    values = (values ^ (values >> np.uint64(27))) * _MIX_2
    return values ^ (values >> np.uint64(31))


def hash_keys(*keys: ArrayLike) -> NDArray[np.uint64]:
    """64 well mixed bits for each tuple of integer keys, broadcast: uint64.

    Each key is mixed in before the next, so that (0, 1) and (1, 0) differ.

    >>> bool(hash_keys(0, 1) == hash_keys(1, 0))
    False
    """
    state: NDArray[np.uint64] = np.zeros((), np.uint64)
    for key in keys:
        state = hash_onto(state, key)
    return state


def hash_onto(state: NDArray[np.uint64], key: ArrayLike) -> NDArray[np.uint64]:
    """What `hash_keys` gives for one more key, from what it gave for those before: uint64."""
    words = np.asarray(key).astype(np.int64, copy=False).view(np.uint64)
    with np.errstate(over="ignore"):
        return _mix((state ^ words) + _STEP)


def unit_of(hashes: NDArray[np.uint64]) -> NDArray[np.float64]:
    """Hashes as numbers in [0, 1), of 53 bits: float64, shaped as they are."""
    return (hashes >> np.uint64(11)).astype(np.float64) * 2.0**-53


def permute(positions: ArrayLike, sizes: ArrayLike, keys: ArrayLike) -> NDArray[np.int64]:
    """Where each position lands in the permutation of `range(size)` that its key names.

    A Feistel network over a·b ≥ size, with a ≈ b, walked until it lands inside the range.

    Args:
        positions: integers, [n], each in [0, size).
        sizes: length of the range of each position, broadcast to [n].
        keys: uint64 key of the permutation of each position, broadcast to [n].

    Source: Black and Rogaway, Ciphers with arbitrary finite domains, CT-RSA 2002.

    >>> sorted(permute([0, 1, 2, 3, 4], 5, keys=7).tolist())
    [0, 1, 2, 3, 4]
    """
    return _each(positions, sizes, keys, _Network.forth)


def unpermute(landed: ArrayLike, sizes: ArrayLike, keys: ArrayLike) -> NDArray[np.int64]:
    """The position that `permute` sends to each place: its inverse, with the same arguments.

    >>> unpermute(permute([0, 1, 2], 3, keys=7), 3, keys=7).tolist()
    [0, 1, 2]
    """
    return _each(landed, sizes, keys, _Network.back)


def permute_runs(
    firsts: NDArray[np.int64],
    lengths: NDArray[np.int64],
    sizes: NDArray[np.int64],
    keys: NDArray[np.uint64],
) -> NDArray[np.int64] | NDArray[np.uint32]:
    """`permute` of runs of positions, run after run: int64 or uint32 [sum of lengths].

    The same as permuting each position by itself, but what is common to a run is worked
    out once.

    Args:
        firsts: int64 [n_runs], the first position of each run.
        lengths: int64 [n_runs], its length.
        sizes: int64 [n_runs], the size of its range.
        keys: uint64 [n_runs].
    """
    if not len(firsts) or int(sizes.max()) > NARROW:
        lifts = firsts - (np.cumsum(lengths) - lengths)
        positions = np.arange(int(lengths.sum())) + np.repeat(lifts, lengths)
        return permute(positions, np.repeat(sizes, lengths), np.repeat(keys, lengths))
    network = _Network.of(sizes, keys, np.uint32).repeat(lengths)
    lifts = (firsts - (np.cumsum(lengths) - lengths)).astype(np.uint32)  # wraps, and back
    positions = np.arange(len(network.sizes), dtype=np.uint32) + np.repeat(lifts, lengths)
    return network.forth(positions)


_Words = NDArray[np.unsignedinteger]


def _each(
    positions: ArrayLike,
    sizes: ArrayLike,
    keys: ArrayLike,
    walk: Callable[["_Network", _Words], _Words],
) -> NDArray[np.int64]:
    at, within, key = np.broadcast_arrays(
        np.asarray(positions, np.int64), np.asarray(sizes, np.int64), np.asarray(keys, np.uint64)
    )
    landed = np.empty(at.shape, np.int64)
    narrow = within <= NARROW
    for chosen, word in ((narrow, np.uint32), (~narrow, np.uint64)):
        if np.any(chosen):
            network = _Network.of(within[chosen], key[chosen], word)
            landed[chosen] = walk(network, at[chosen].astype(word))
    return landed


@dataclass(frozen=True, eq=False)
class _Network:
    """An unbalanced Feistel network for each of n positions; all arrays are [n] of one word.

    Attributes:
        sizes: of the range.
        rows: of a table that holds the range.
        columns: of that table.
        key: what the noise starts from.
        step: what is added to it in each round.
    """

    sizes: _Words
    rows: _Words
    columns: _Words
    key: _Words
    step: _Words

    @classmethod
    def of(
        cls, sizes: NDArray[np.int64], keys: NDArray[np.uint64], word: type[np.unsignedinteger]
    ) -> "_Network":
        # An even number of rows, as turning an odd one makes even permutations only.
        rows = np.ceil(np.sqrt(sizes)).astype(np.int64)
        rows = np.maximum(rows + rows % 2, 2)
        columns = -(-sizes // rows)
        step = (keys >> np.uint64(32)) | np.uint64(1)
        if word is np.uint64:
            keys, step = _mix(keys), _mix(step) | np.uint64(1)
        return cls(*(part.astype(word) for part in (sizes, rows, columns, keys, step)))

    def take(self, chosen: NDArray[np.integer]) -> "_Network":
        return _Network(
            self.sizes[chosen],
            self.rows[chosen],
            self.columns[chosen],
            self.key[chosen],
            self.step[chosen],
        )

    def repeat(self, lengths: NDArray[np.int64]) -> "_Network":
        return _Network(
            np.repeat(self.sizes, lengths),
            np.repeat(self.rows, lengths),
            np.repeat(self.columns, lengths),
            np.repeat(self.key, lengths),
            np.repeat(self.step, lengths),
        )

    def forth(self, positions: _Words) -> _Words:
        """Where each position lands."""
        landed = self._once(positions)
        outside = np.flatnonzero(landed >= self.sizes)
        if len(outside):
            landed[outside] = self.take(outside).forth(landed[outside])
        return landed

    def back(self, landed: _Words) -> _Words:
        """The position that lands at each place."""
        positions = self._once_back(landed)
        outside = np.flatnonzero(positions >= self.sizes)
        if len(outside):
            positions[outside] = self.take(outside).back(positions[outside])
        return positions

    def _once(self, positions: _Words) -> _Words:
        landed = self._rounds(positions, 0, N_ROUNDS)
        for limit, first, last in MORE_ROUNDS:
            small = np.flatnonzero(self.sizes < limit)
            if len(small) == len(landed):
                landed = self._rounds(landed, first, last)
            elif len(small):
                landed[small] = self.take(small)._rounds(landed[small], first, last)
        return landed

    def _once_back(self, landed: _Words) -> _Words:
        landed = landed.copy()
        for limit, first, last in reversed(MORE_ROUNDS):
            small = np.flatnonzero(self.sizes < limit)
            if len(small):
                landed[small] = self.take(small)._rounds_back(landed[small], first, last)
        return self._rounds_back(landed, 0, N_ROUNDS)

    def _rounds(self, positions: _Words, first: int, last: int) -> _Words:
        left = positions // self.columns
        right = positions - left * self.columns
        key = self.key + self.step * self.step.dtype.type(first)
        noise, spare = np.empty_like(left), np.empty_like(left)
        for _ in range(first, last, 2):
            _add_noise(left, _noise(right, key, self.rows, noise, spare), self.rows, spare)
            key += self.step
            _add_noise(right, _noise(left, key, self.columns, noise, spare), self.columns, spare)
            key += self.step
        left *= self.columns
        left += right
        return left

    def _rounds_back(self, landed: _Words, first: int, last: int) -> _Words:
        left = landed // self.columns
        right = landed - left * self.columns
        key = self.key + self.step * self.step.dtype.type(last)
        noise, spare = np.empty_like(left), np.empty_like(left)
        for _ in range(first, last, 2):
            key -= self.step
            right -= _noise(left, key, self.columns, noise, spare)
            right = np.minimum(right, right + self.columns)  # unsigned: below 0 is above all
            key -= self.step
            left -= _noise(right, key, self.rows, noise, spare)
            left = np.minimum(left, left + self.rows)
        return left * self.columns + right


def _add_noise(half: _Words, noise: _Words, bound: _Words, spare: _Words) -> None:
    """Add noise to half of the position in place, modulo its bound."""
    half += noise
    np.subtract(half, bound, out=spare)
    np.minimum(half, spare, out=half)  # unsigned: below 0 is above all


def _noise(half: _Words, key: _Words, bound: _Words, out: _Words, spare: _Words) -> _Words:
    """A hash of half of the position in [0, bound), by multiplying and shifting, in `out`.

    The bound must fit half a word. Nothing is allocated, which would cost as much again.
    """
    word = half.dtype.type
    wide = half.dtype.itemsize == 8
    np.multiply(half, word(0xD6E8FEB86659FD93 if wide else 0x7FEB352D), out=out)
    out += key
    np.right_shift(out, word(32 if wide else 15), out=spare)
    out ^= spare
    out *= word(0xCAF649A9D3F3D58F if wide else 0x846CA68B)
    out >>= word(32 if wide else 16)
    out *= bound
    out >>= word(32 if wide else 16)
    return out
