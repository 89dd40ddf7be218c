"""Sorting samples by class in little memory: chunk by chunk, each by counting."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

__all__ = ["count_classes", "find_stretches", "sort_by_class", "sort_sets_by_class"]

CHUNK = 1 << 20
"""Samples sorted at once: some 40 MB of work, and long runs for most numbers of classes."""

KEY_BITS = 16
"""Stable sorting of 16-bit keys is a radix sort: ten times faster than of wider ones."""


def count_classes(class_ids: NDArray[np.integer], n_classes: int) -> NDArray[np.int64]:
    """Samples of each class: int64 [n_classes]; ids below 0 count nowhere."""
    counts = np.zeros(n_classes, np.int64)
    for _, chunk in _chunks(class_ids):
        labelled = chunk[chunk >= 0] if chunk.min() < 0 else chunk
        counts += np.bincount(labelled, minlength=n_classes)
    return counts


def find_stretches(class_ids: NDArray[np.integer], n_classes: int) -> NDArray[np.int64] | None:
    """First sample of each class, if each is one stretch of the data: int64 [n_classes].

    Returns:
        None if some class is in several pieces. 0 for classes without samples.
    """
    firsts = np.full(n_classes, -1, np.int64)
    before = -1
    for begin, chunk in _chunks(class_ids):
        changes = np.flatnonzero(chunk[1:] != chunk[:-1]) + 1
        if len(changes) > 2 * n_classes:
            return None
        starts = changes if chunk[0] == before else np.concatenate([[0], changes])
        before = chunk[-1]
        starts = starts[chunk[starts] >= 0]
        classes = chunk[starts]
        if np.any(firsts[classes] >= 0) or len(np.unique(classes)) < len(classes):
            return None
        firsts[classes] = begin + starts
    return np.maximum(firsts, 0)


def sort_by_class(class_ids: NDArray[np.integer], counts: NDArray[np.int64]) -> NDArray[np.integer]:
    """The samples of class 0 in their order, then of class 1, …: uint32 or int64 [sum of counts].

    A chunk's samples of a class are copied to where the class has got to.

    Args:
        class_ids: integer [n]; samples with ids below 0 are left out.
        counts: int64 [n_classes], of `count_classes`.
    """
    samples = np.empty(int(counts.sum()), _word_for(len(class_ids)))
    cursors = np.cumsum(counts) - counts
    for begin, chunk in _chunks(class_ids):
        order = _stable_order(chunk, len(counts))
        order = order[np.searchsorted(chunk[order], 0) :] if chunk.min() < 0 else order
        _append(samples, cursors, chunk[order], order + begin)
    return samples


def sort_sets_by_class(
    class_ids: NDArray[np.integer], offsets: NDArray[np.int64], n_classes: int
) -> tuple[NDArray[np.integer], NDArray[np.integer]]:
    """The same of samples with several classes each: counts [n_classes], and samples.

    A sample that carries a class more than once is there once.

    Args:
        class_ids: integer [m].
        offsets: int64 [n + 1]; sample i carries class_ids[offsets[i]:offsets[i + 1]].
        n_classes: classes in all.
    """
    n_samples = len(offsets) - 1
    carriers: NDArray[np.integer] = np.arange(n_samples, dtype=_word_for(n_samples))
    carriers = np.repeat(carriers, np.diff(offsets))
    order = _stable_order(class_ids, n_classes)
    classes, carriers = class_ids[order], carriers[order]
    again = np.zeros(len(classes), np.bool_)
    again[1:] = (classes[1:] == classes[:-1]) & (carriers[1:] == carriers[:-1])
    kept = ~again & (classes >= 0)
    return np.bincount(classes[kept], minlength=n_classes), carriers[kept]


def _append(
    samples: NDArray[np.integer],
    cursors: NDArray[np.int64],
    classes: NDArray[np.integer],
    found: NDArray[np.int64],
) -> None:
    """Copy found samples, sorted by class, to the cursors of their classes, and move these."""
    starts = np.flatnonzero(np.concatenate([[len(classes) > 0], classes[1:] != classes[:-1]]))
    lengths = np.diff(starts, append=len(classes))
    present = classes[starts]
    places = np.repeat(cursors[present] - starts, lengths)
    places += np.arange(len(classes))
    samples[places] = found
    cursors[present] += lengths


def _stable_order(class_ids: NDArray[np.integer], n_classes: int) -> NDArray[np.int64]:
    """The order that sorts class ids from -1 on, equal ones as they come: int64 [n]."""
    keys = class_ids.astype(np.int32) + 1
    order = np.argsort(keys.astype(np.uint16), kind="stable")  # by the lowest 16 bits
    if n_classes < 1 << KEY_BITS:
        return order
    high = (keys >> KEY_BITS).astype(np.uint16)
    return order[np.argsort(high[order], kind="stable")]


def _chunks(class_ids: NDArray[np.integer]) -> Iterator[tuple[int, NDArray[np.integer]]]:
    for begin in range(0, len(class_ids), CHUNK):
        yield begin, class_ids[begin : begin + CHUNK]


def _word_for(n_samples: int) -> type[np.uint32] | type[np.int64]:
    return np.uint32 if n_samples <= 1 << 32 else np.int64
