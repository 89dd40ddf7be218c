"""Which pictures are nearly the same, by their prints, found without comparing all pairs."""

from itertools import combinations

import numpy as np
from numpy.typing import NDArray

__all__ = ["MOST_BITS", "alike", "near_groups", "near_pairs"]

MOST_BITS = 6
"""Bits of 64 in which the hashes of nearly the same pictures may differ."""

BANDS = tuple(0xFF << start for start in range(0, 64, 8))
"""Eight bands of bits: whatever six bits differ, two of the bands are the same in both."""

LEAST_CORRELATION = 0.97
"""Of the cells of nearly the same pictures. Copies that are stored anew or scaled to a third
keep above it, 94 and 98 of 100 if made so bright that white is cut off or cropped by 2 %.
Different pieces in one rig and one light, whose hashes are near, are mostly below it."""

MOST_NEIGHBOURS = 500
"""Hashes of one bucket that each is compared with; more are met in artificial data."""

PAIRS_AT_A_TIME = 100_000


def near_pairs(hashes: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Pairs of positions whose hashes differ in 6 bits at most: [n_pairs, 2], sorted.

    Hashes are put into buckets by each two of eight bands, 28 times, and compared within a
    bucket alone: n·log n, not n². Those with less than 7 bits set, or unset, are left out:
    they are within 6 bits of a flat picture, as a flat grey wall is of any other.
    Source: Manku et al., Detecting near-duplicates for web crawling, WWW 2007, section 3.

    Args:
        hashes: uint64 [n].
    """
    rich = np.flatnonzero(_is_rich(hashes))
    found = [np.empty((0, 2), np.int64)]
    for bands in combinations(BANDS, 2):
        mask = np.uint64(bands[0] | bands[1])
        order = rich[np.lexsort((hashes[rich], hashes[rich] & mask))]
        found.append(_pairs_in_buckets(hashes, order, mask))
    pairs = np.sort(np.concatenate(found), axis=1)
    return np.unique(pairs, axis=0)


def _is_rich(hashes: NDArray[np.uint64]) -> NDArray[np.bool_]:
    n_set = np.bitwise_count(hashes)
    return (n_set > MOST_BITS) & (n_set < 64 - MOST_BITS)


def _pairs_in_buckets(
    hashes: NDArray[np.uint64], order: NDArray[np.int64], mask: np.uint64
) -> NDArray[np.int64]:
    """Near pairs among neighbours in an order that puts each bucket in one piece."""
    given = hashes[order]
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


def alike(cells: NDArray[np.uint8], pairs: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether the cells of each pair correlate as those of nearly the same pictures: [n_pairs].

    A hash of 64 bits tells how pictures are lit, and those of one rig are all lit alike; their
    cells tell what is in them. The correlation of Pearson knows neither brightness nor
    contrast, which are what copies differ in.

    Args:
        cells: grey levels of each picture's cells, on its own scale, [n, n_cells].
        pairs: of positions, [n_pairs, 2].
    """
    same = np.zeros(len(pairs), np.bool_)
    for start in range(0, len(pairs), PAIRS_AT_A_TIME):
        part = slice(start, start + PAIRS_AT_A_TIME)
        one, other = (cells[pairs[part, side]].astype(np.int64) for side in (0, 1))
        # Whole numbers, so that no machine rounds otherwise than another.
        n = cells.shape[1]
        shared = n * (one * other).sum(1) - one.sum(1) * other.sum(1)
        spread = [n * (side * side).sum(1) - side.sum(1) ** 2 for side in (one, other)]
        least = LEAST_CORRELATION * np.sqrt(spread[0]) * np.sqrt(spread[1])
        same[part] = (shared > 0) & (shared >= least)
    return same


def near_groups(
    hashes: NDArray[np.uint64], cells: NDArray[np.uint8], n_samples: NDArray[np.int64]
) -> list[list[int]]:
    """Groups of positions, each near the first of its group, of two samples at least.

    The print with most neighbours takes them all, then the next with what is left. A chain
    of small differences so never joins what is far apart.

    Args:
        hashes: uint64 [n].
        cells: of the same pictures, [n, n_cells]; no two have the same hash and cells.
        n_samples: that have each, [n].
    """
    pairs = near_pairs(hashes)
    neighbours: dict[int, list[int]] = {}
    for one, other in pairs[alike(cells, pairs)].tolist():
        neighbours.setdefault(one, []).append(other)
        neighbours.setdefault(other, []).append(one)
    for same in np.flatnonzero(_is_rich(hashes) & (n_samples > 1)).tolist():
        neighbours.setdefault(same, [])
    taken: set[int] = set()
    groups = []
    for centre in sorted(neighbours, key=lambda i: (-len(neighbours[i]), i)):
        members = [i for i in neighbours[centre] if i not in taken]
        if centre not in taken and (members or n_samples[centre] > 1):
            groups.append([centre, *sorted(members)])
            taken.update(groups[-1])
    return groups
