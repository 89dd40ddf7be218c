"""Choice of whole groups, such as patients, that holds out a share of every class."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from balancekit.errors import DataError
from balancekit.labels.class_ids import is_missing
from balancekit.samplers.permutation import hash_keys

__all__ = ["choose_groups", "group_ids"]

MAX_PASSES = 10
"""Rounds of improvement; most choices stand after two or three."""

MAX_SWAP_WORK = 1 << 27
"""Counts looked at in a round of exchanges: a second's work. Where groups are more, they are
so small beside the classes that single moves have settled it."""

GROUPS = -3
"""Key of the order of the groups, beside those of other draws under the same seed."""


def group_ids(groups: Sequence[object] | NDArray[np.generic]) -> NDArray[np.int64]:
    """Ids from 0 of the groups, in the order of their first sample: int64 [n].

    Raises:
        DataError: a sample has no group, or groups are no list.

    >>> group_ids(["p7", "p7", "p2"]).tolist()
    [0, 0, 1]
    """
    if isinstance(groups, np.ndarray) and groups.ndim != 1:
        raise DataError(f"groups: expected one of each sample, got shape {groups.shape}")
    names = groups.tolist() if isinstance(groups, np.ndarray) else list(groups)
    missing = [place for place, name in enumerate(names) if is_missing(name)]
    if missing:
        raise DataError(
            f"groups: expected one of every sample, got none of {len(missing):,}, the first at "
            f"{missing[0]}. Give such a sample a group of its own."
        )
    id_of: dict[object, int] = {}
    try:
        ids = [id_of.setdefault(name, len(id_of)) for name in names]
    except TypeError:  # lists and such, which cannot be keys
        raise DataError(
            f"groups: expected names or numbers, got such as {names[0]!r}. Give one of each sample."
        ) from None
    return np.array(ids, np.int64)


@dataclass(frozen=True)
class _Members:
    """How many samples of each class the groups have.

    Attributes:
        parts: of each group, its (class id, samples) pairs.
        counts: samples of each class: [n_classes].
        wanted: of these in the held-out part: [n_classes].
        several: whether the class lies in more than one group: [n_classes].
    """

    parts: list[list[tuple[int, int]]]
    counts: list[int]
    wanted: list[int]
    several: list[bool]

    def loss(self, class_id: int, held_out: int) -> float:
        """How far the held-out samples of a class are from those wanted, as a share of it.

        Missing from one of the two parts is worse than any share, where it can be helped.
        """
        count = self.counts[class_id]
        error = (held_out - self.wanted[class_id]) / count
        return error * error + (self.several[class_id] and held_out in (0, count))


def choose_groups(
    group_of: NDArray[np.int64], class_ids: NDArray[np.integer], share: float, seed: int
) -> NDArray[np.bool_]:
    """Which groups to hold out, so that they have `share` of each class: bool [n_groups].

    Args:
        group_of: integer [n], the group of each sample.
        class_ids: integer [n], its class.
        share: in (0, 1).
        seed: of the order in which groups of like weight are looked at.

    Raises:
        DataError: all samples are of one group.
    """
    members, ids = _members(group_of, class_ids, share)
    if len(ids) < 2:
        raise DataError("groups: expected two groups at least to split between, got one")
    order = _heaviest_first(members, ids, seed)
    chosen = _greedy(members, order, share)
    held_out = _held_out(members, chosen)
    for _ in range(MAX_PASSES):
        moved = _move(members, order, chosen, held_out)
        if not (_swap(members, chosen, held_out) or moved):
            break
    if len(set(chosen)) == 1:  # the largest group is most of the data, say
        lightest = order[-1]
        chosen[lightest] = not chosen[lightest]
    result = np.zeros(int(group_of.max()) + 1, bool)
    result[ids] = chosen
    return result


def _members(
    group_of: NDArray[np.int64], class_ids: NDArray[np.integer], share: float
) -> tuple[_Members, NDArray[np.int64]]:
    """The classes of the groups that have samples, and the ids of these groups."""
    n_classes = int(class_ids.max()) + 1
    cells, sizes = np.unique(group_of * n_classes + class_ids, return_counts=True)
    groups, classes = np.divmod(cells, n_classes)
    counts = np.bincount(class_ids, minlength=n_classes)
    n_groups_of = np.bincount(classes, minlength=n_classes)
    wanted = np.clip(np.round(share * counts).astype(np.int64), 1, np.maximum(counts - 1, 0))
    wanted[n_groups_of < 2] = 0  # all of it stays together, in the first part
    ids, starts = np.unique(groups, return_index=True)
    pairs = list(zip(classes.tolist(), sizes.tolist(), strict=True))
    parts = [pairs[start:end] for start, end in pairwise([*starts.tolist(), len(pairs)])]
    several = (n_groups_of > 1).tolist()
    return _Members(parts, counts.tolist(), wanted.tolist(), several), ids


def _heaviest_first(members: _Members, ids: NDArray[np.int64], seed: int) -> list[int]:
    """Groups by the largest share that they have of a class, mixed where it is much the same."""
    counts = members.counts
    shares = [max(size / counts[c] for c, size in part) for part in members.parts]
    levels = np.floor(-np.log2(shares))  # within a factor of two
    order: list[int] = np.lexsort((hash_keys(seed, GROUPS, ids), levels)).tolist()
    return order


def _greedy(members: _Members, order: list[int], share: float) -> list[bool]:
    """Each group in the part where the shares of the classes, of groups so far, stay nearest."""
    chosen = [False] * len(order)
    seen, held_out = [0] * len(members.counts), [0] * len(members.counts)
    for group in order:
        change = 0.0
        for c, size in members.parts[group]:
            seen[c] += size
            error = held_out[c] - share * seen[c]
            change += size * (2 * error + size) / members.counts[c] ** 2
        if change < 0:
            chosen[group] = True
            for c, size in members.parts[group]:
                held_out[c] += size
    return chosen


def _held_out(members: _Members, chosen: list[bool]) -> list[int]:
    """Samples of each class in the chosen groups."""
    held_out = [0] * len(members.counts)
    for group, is_chosen in enumerate(chosen):
        for c, size in members.parts[group] if is_chosen else ():
            held_out[c] += size
    return held_out


def _move(members: _Members, order: list[int], chosen: list[bool], held_out: list[int]) -> bool:
    """Move each group to the other part where that is better; whether one was moved."""
    moved = False
    for group in order:
        sign = -1 if chosen[group] else 1
        change = 0.0
        for c, size in members.parts[group]:
            change += members.loss(c, held_out[c] + sign * size) - members.loss(c, held_out[c])
        if change < -1e-12:  # rounding must not move it back and forth
            moved = True
            chosen[group] = not chosen[group]
            for c, size in members.parts[group]:
                held_out[c] += sign * size
    return moved


def _swap(members: _Members, chosen: list[bool], held_out: list[int]) -> bool:
    """Exchange each chosen group for the other that betters it most; whether one was."""
    n_groups, n_classes = len(chosen), len(members.counts)
    if sum(chosen) * n_groups * n_classes > MAX_SWAP_WORK:
        return False
    sizes = np.zeros((n_groups, n_classes), np.int64)
    for group, part in enumerate(members.parts):
        for c, size in part:
            sizes[group, c] = size
    counts, wanted = np.maximum(members.counts, 1), np.asarray(members.wanted)
    several, now = np.asarray(members.several), np.asarray(held_out)

    def losses(held: NDArray[np.int64]) -> NDArray[np.float64]:
        gone = several & ((held == 0) | (held == counts))
        return np.sum(((held - wanted) / counts) ** 2 + gone, axis=-1)  # type: ignore[no-any-return]

    swapped = False
    for group in np.flatnonzero(chosen).tolist():
        others = np.flatnonzero(~np.asarray(chosen))
        if not others.size:
            break
        after = losses(now - sizes[group] + sizes[others])
        best = int(np.argmin(after))
        if after[best] < losses(now) - 1e-12:
            swapped = True
            other = int(others[best])
            now += sizes[other] - sizes[group]
            chosen[group], chosen[other] = False, True
    held_out[:] = now.tolist()
    return swapped
