"""Which fingerprints of pictures differ in few bits, found without comparing all pairs."""

from itertools import combinations

import numpy as np
from numpy.typing import NDArray

__all__ = ["MOST_BITS", "near_groups", "near_pairs", "stands_out"]

MOST_BITS = 4
"""Bits of 64 in which the fingerprints of nearly the same pictures may differ."""

BANDS = tuple(
    ((1 << width) - 1) << start
    for start, width in zip((0, 11, 22, 33, 44, 54), (11, 11, 11, 11, 10, 10), strict=True)
)
"""Six bands of bits: whatever four bits differ, two of the bands are the same in both."""

MOST_COMPARED = 1_000_000_000
"""Pairs of fingerprints looked at to tell whether groups stand out."""

MOST_NEIGHBOURS = 500
"""Fingerprints of one bucket that each is compared with; more are met in artificial data."""


def near_pairs(fingerprints: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Pairs of positions whose fingerprints differ in 1 to 4 bits: [n_pairs, 2], sorted.

    Fingerprints are put into buckets by each two of six bands, 15 times, and compared within
    a bucket alone: n·log n, not n². Those with less than 5 bits set, or unset, are left out:
    they are within 4 bits of a flat picture, as a flat grey wall is of any other.
    Source: Manku et al., Detecting near-duplicates for web crawling, WWW 2007, section 3.

    Args:
        fingerprints: all different, uint64 [n].
    """
    n_set = np.bitwise_count(fingerprints)
    rich = np.flatnonzero((n_set > MOST_BITS) & (n_set < 64 - MOST_BITS))
    found = [np.empty((0, 2), np.int64)]
    for bands in combinations(BANDS, 2):
        keys = fingerprints[rich] & np.uint64(bands[0] | bands[1])
        order = rich[np.lexsort((fingerprints[rich], keys))]
        found.append(_pairs_in_buckets(fingerprints, order, np.uint64(bands[0] | bands[1])))
    pairs = np.sort(np.concatenate(found), axis=1)
    return np.unique(pairs, axis=0)


def _pairs_in_buckets(
    fingerprints: NDArray[np.uint64], order: NDArray[np.int64], mask: np.uint64
) -> NDArray[np.int64]:
    """Near pairs among neighbours in an order that puts each bucket in one piece."""
    given = fingerprints[order]
    left = np.arange(len(order))
    found = [np.empty((0, 2), np.int64)]
    for apart in range(1, MOST_NEIGHBOURS + 1):
        left = left[left + apart < len(order)]
        differ = given[left] ^ given[left + apart]
        same_bucket = (differ & mask) == 0
        left, differ = left[same_bucket], differ[same_bucket]
        if not left.size:
            break
        near = left[np.bitwise_count(differ) <= MOST_BITS]
        found.append(np.stack([order[near], order[near + apart]], axis=1))
    return np.concatenate(found)


def near_groups(fingerprints: NDArray[np.uint64], n_samples: NDArray[np.int64]) -> list[list[int]]:
    """Groups of positions, each within 4 bits of the first of its group, of two samples at least.

    The fingerprint with most neighbours takes them all, then the next with what is left. A
    chain of small differences so never joins what is far apart. Groups that do not stand out
    are left out: see `stands_out`.

    Args:
        fingerprints: all different, in rising order, uint64 [n].
        n_samples: that have each, [n].
    """
    neighbours: dict[int, list[int]] = {}
    for one, other in near_pairs(fingerprints).tolist():
        neighbours.setdefault(one, []).append(other)
        neighbours.setdefault(other, []).append(one)
    n_set = np.bitwise_count(fingerprints)
    rich = (n_set > MOST_BITS) & (n_set < 64 - MOST_BITS)
    for same in np.flatnonzero(rich & (n_samples > 1)).tolist():
        neighbours.setdefault(same, [])
    taken: set[int] = set()
    groups = []
    for centre in sorted(neighbours, key=lambda i: (-len(neighbours[i]), i)):
        members = [i for i in neighbours[centre] if i not in taken]
        if centre not in taken and (members or n_samples[centre] > 1):
            groups.append([centre, *sorted(members)])
            taken.update(groups[-1])
    centres = np.array([group[0] for group in groups], np.int64)
    clear = stands_out(fingerprints, n_samples, centres)
    return [group for group, is_clear in zip(groups, clear.tolist(), strict=True) if is_clear]


def stands_out(
    fingerprints: NDArray[np.uint64], n_samples: NDArray[np.int64], centres: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Whether what is within 4 bits of each centre is more than the edge of a crowd: [n_centres].

    Copies of a picture lie close to it, and then nothing does for long. Pictures of one rig
    and one light all have much the same fingerprint, so that the few bits that are near go
    over into the many that are not: there being near says nothing. A centre stands out if the
    samples at 5 to 8 bits are at most twice those within 4, which holds for the frames of a
    film too. Of very many fingerprints, each so-many-th is looked at.
    """
    stride = max(1, len(fingerprints) * len(centres) // MOST_COMPARED)
    some, weights = fingerprints[::stride], n_samples[::stride]
    clear = np.zeros(len(centres), np.bool_)
    for place, centre in enumerate(centres.tolist()):
        bits = np.bitwise_count(some ^ fingerprints[centre])
        beyond = int(weights[(bits > MOST_BITS) & (bits <= 2 * MOST_BITS)].sum()) * stride
        if not beyond:
            clear[place] = True
            continue
        bits = np.bitwise_count(fingerprints ^ fingerprints[centre])
        clear[place] = beyond <= 2 * (int(n_samples[bits <= MOST_BITS].sum()) - 1)
    return clear
