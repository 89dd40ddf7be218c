"""Keyed permutations: any position of any shuffle, without storing the shuffle.

Everything here is a pure function on whole arrays, of its keys alone.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import permutations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["hash_keys", "hash_onto", "permute", "permute_runs", "unit_of", "unpermute"]

N_ROUNDS = 6
MORE_ROUNDS = ((300, 6, 10), (16, 10, 14))
"""Feistel rounds of all ranges, and of those below a size: that size, from which round to which.

With fewer, pairs of positions fail a chi-square test of uniformity over keys: 6 do in ranges
of up to 230, 10 in one of 12."""

MOST_LISTED = 8
"""Ranges up to here take one of a list of all their orders, 40,320 of 8: faster than rounds,
and each order is as likely as any other."""

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
    return _each(positions, sizes, keys, _orders()[0], _Network.forth)


def unpermute(landed: ArrayLike, sizes: ArrayLike, keys: ArrayLike) -> NDArray[np.int64]:
    """The position that `permute` sends to each place: its inverse, with the same arguments.

    >>> unpermute(permute([0, 1, 2], 3, keys=7), 3, keys=7).tolist()
    [0, 1, 2]
    """
    return _each(landed, sizes, keys, _orders()[1], _Network.back)


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
    lifts = firsts - (np.cumsum(lengths) - lengths)
    if not len(firsts) or int(sizes.max()) > NARROW:
        positions = np.arange(int(lengths.sum())) + np.repeat(lifts, lengths)
        return permute(positions, np.repeat(sizes, lengths), np.repeat(keys, lengths))
    listed = sizes <= MOST_LISTED
    if np.all(listed):
        lifts += _starts_of_orders(sizes, keys)
        places = np.arange(int(lengths.sum())) + np.repeat(lifts, lengths)
        found: NDArray[np.uint32] = _orders()[0].take(places)
        return found
    if np.any(listed):
        landed = np.empty(int(lengths.sum()), np.uint32)
        for chosen in (listed, ~listed):
            part = permute_runs(firsts[chosen], lengths[chosen], sizes[chosen], keys[chosen])
            landed[np.repeat(chosen, lengths)] = part
        return landed
    network = _Network.of(sizes, keys, np.uint32).repeat(lengths)
    positions = np.arange(len(network.sizes), dtype=np.uint32)
    positions += np.repeat(lifts.astype(np.uint32), lengths)  # wraps, and back
    return network.forth(positions)


_Words = NDArray[np.unsignedinteger]


def _each(
    positions: ArrayLike,
    sizes: ArrayLike,
    keys: ArrayLike,
    orders: NDArray[np.uint32],
    walk: Callable[["_Network", _Words], _Words],
) -> NDArray[np.int64]:
    at, within, key = np.broadcast_arrays(
        np.asarray(positions, np.int64), np.asarray(sizes, np.int64), np.asarray(keys, np.uint64)
    )
    listed, wide = within <= MOST_LISTED, within > NARROW
    if np.all(listed):
        found: NDArray[np.uint32] = orders[_starts_of_orders(within, key) + at]
        return found.astype(np.int64)
    landed = np.empty(at.shape, np.int64)
    if np.any(listed):
        starts = _starts_of_orders(within[listed], key[listed])
        landed[listed] = orders[starts + at[listed]]
    for chosen, word in ((~(listed | wide), np.uint32), (wide, np.uint64)):
        if np.any(chosen):
            network = _Network.of(within[chosen], key[chosen], word)
            landed[chosen] = walk(network, at[chosen].astype(word))
    return landed


@cache
def _orders() -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """All orders of 0 items, then all of 1, … of MOST_LISTED, end to end; and their inverses."""
    tables = [np.array([*permutations(range(n))], np.uint32) for n in range(MOST_LISTED + 1)]
    inverses = [np.argsort(table, axis=1).astype(np.uint32) for table in tables]
    forth, back = (np.concatenate([t.ravel() for t in each]) for each in (tables, inverses))
    return forth, back


_N_ORDERS = np.array([math.factorial(n) for n in range(MOST_LISTED + 1)])
_LENGTHS = _N_ORDERS * np.arange(MOST_LISTED + 1)
_FIRST_ORDERS = np.cumsum(_LENGTHS) - _LENGTHS


def _starts_of_orders(sizes: NDArray[np.int64], keys: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Where the order that each key names begins among `_orders`: int64 [n]."""
    # 32 bits of the key times the number of orders, over 2**32: any order is as likely.
    which = (_mix(keys) >> np.uint64(32)).view(np.int64) * _N_ORDERS[sizes] >> 32
    starts: NDArray[np.int64] = _FIRST_ORDERS[sizes] + which * sizes
    return starts


@dataclass(frozen=True, eq=False)
class _Network:
    """An unbalanced Feistel network for each of n positions; all arrays are [n] of one word.

    A position is a cell of a table that holds the range: its row and its column.

    Attributes:
        sizes: of the range.
        bits: of the number of rows, a power of 2.
        columns: of the table.
        key: what the noise starts from.
        step: what is added to it in each round.
    """

    sizes: _Words
    bits: _Words
    columns: _Words
    key: _Words
    step: _Words

    @classmethod
    def of(
        cls, sizes: NDArray[np.int64], keys: NDArray[np.uint64], word: type[np.unsignedinteger]
    ) -> "_Network":
        # As many rows as columns, or half as many; at least two, so that odd permutations come.
        bits = np.maximum(np.frexp((sizes - 1).astype(np.float64))[1] // 2, 1)
        columns = ((sizes - 1) >> bits) + 1
        step = (keys >> np.uint64(32)) | np.uint64(1)
        if word is np.uint64:
            keys, step = _mix(keys), _mix(step) | np.uint64(1)
        return cls(*(part.astype(word) for part in (sizes, bits, columns, keys, step)))

    def take(self, chosen: NDArray[np.integer] | slice) -> "_Network":
        return _Network(
            self.sizes[chosen],
            self.bits[chosen],
            self.columns[chosen],
            self.key[chosen],
            self.step[chosen],
        )

    def repeat(self, lengths: NDArray[np.int64]) -> "_Network":
        return _Network(
            np.repeat(self.sizes, lengths),
            np.repeat(self.bits, lengths),
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
        least = self.sizes.min()
        for limit, first, last in MORE_ROUNDS:
            if least >= limit:
                break
            small = np.flatnonzero(self.sizes < limit)
            if len(small) and small[-1] == len(small) - 1:  # they come first
                begin = slice(len(small))
                landed[begin] = self.take(begin)._rounds(landed[begin], first, last)
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
        word = self.key.dtype.type
        mask = (word(1) << self.bits) - word(1)
        shifts = word(8 * self.key.dtype.itemsize) - self.bits
        row, column = positions & mask, positions >> self.bits
        key = self.key + self.step * word(first)
        noise, spare = np.empty_like(row), np.empty_like(row)
        for _ in range(first, last, 2):
            _hash(column, key, noise, spare)
            noise >>= shifts
            row += noise
            row &= mask
            key += self.step
            _hash(row, key, noise, spare)
            _scale(noise, self.columns)
            column += noise
            np.subtract(column, self.columns, out=spare)
            np.minimum(column, spare, out=column)  # unsigned: below 0 is above all
            key += self.step
        column <<= self.bits
        column |= row
        return column

    def _rounds_back(self, landed: _Words, first: int, last: int) -> _Words:
        word = self.key.dtype.type
        mask = (word(1) << self.bits) - word(1)
        shifts = word(8 * self.key.dtype.itemsize) - self.bits
        row, column = landed & mask, landed >> self.bits
        key = self.key + self.step * word(last)
        noise, spare = np.empty_like(row), np.empty_like(row)
        for _ in range(first, last, 2):
            key -= self.step
            _hash(row, key, noise, spare)
            _scale(noise, self.columns)
            column -= noise
            np.add(column, self.columns, out=spare)
            np.minimum(column, spare, out=column)
            key -= self.step
            _hash(column, key, noise, spare)
            noise >>= shifts
            row -= noise
            row &= mask
        return (column << self.bits) | row


def _hash(half: _Words, key: _Words, out: _Words, spare: _Words) -> None:
    """A hash of one half of the position, whose upper bits are mixed best, in `out`.

    Nothing is allocated, which would cost as much again.
    """
    word = half.dtype.type
    wide = half.dtype.itemsize == 8
    np.multiply(half, word(0xD6E8FEB86659FD93 if wide else 0x7FEB352D), out=out)
    out += key
    np.right_shift(out, word(32 if wide else 15), out=spare)
    out ^= spare
    out *= word(0xCAF649A9D3F3D58F if wide else 0x846CA68B)


def _scale(hashes: _Words, bounds: _Words) -> None:
    """Bring hashes into [0, bound) in place, bounds of up to half a word."""
    half_a_word = hashes.dtype.type(4 * hashes.dtype.itemsize)
    hashes >>= half_a_word
    hashes *= bounds
    hashes >>= half_a_word
