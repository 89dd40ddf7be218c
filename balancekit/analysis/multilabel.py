"""Sets of labels: how many a sample carries, how unequal they are, and which occur together.

All of it follows from how many samples carry each set. Sums are of whole numbers or exact
(math.fsum), so that no order of merging shows in the last digit.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from balancekit.analysis.class_table import label_imbalance_ratios
from balancekit.stats import ClassPair, MultiLabel

__all__ = ["LabelSets", "measure_multilabel", "scumble", "shared_samples", "top_pairs"]

N_PAIRS = 50
"""Pairs of classes listed."""

DENSE_CELLS = 20_000_000
"""Up to here the shared samples of all pairs of classes stand in one square table."""


@dataclass(frozen=True, eq=False)
class LabelSets:
    """Distinct sets of labels as arrays.

    Attributes:
        n_samples: samples of each set, int64 [n_sets].
        lengths: labels of each set, int64 [n_sets].
        class_ids: labels of all sets, one set after another, int64 [lengths.sum()].
        n_classes: of the whole.
    """

    n_samples: NDArray[np.int64]
    lengths: NDArray[np.int64]
    class_ids: NDArray[np.int64]
    n_classes: int

    @classmethod
    def of(
        cls, label_sets: Mapping[tuple[str, ...], int], class_names: tuple[str, ...]
    ) -> "LabelSets":
        """From samples by their set of class names."""
        id_of = {name: i for i, name in enumerate(class_names)}
        lengths = np.fromiter(map(len, label_sets), np.int64, len(label_sets))
        flat = map(id_of.__getitem__, chain.from_iterable(label_sets))
        return cls(
            n_samples=np.fromiter(label_sets.values(), np.int64, len(label_sets)),
            lengths=lengths,
            class_ids=np.fromiter(flat, np.int64, int(lengths.sum())),
            n_classes=len(class_names),
        )

    def samples_per_class(self) -> NDArray[np.int64]:
        """Samples that carry each class: int64 [n_classes]."""
        weights = np.repeat(self.n_samples, self.lengths)
        return np.bincount(self.class_ids, weights, self.n_classes).astype(np.int64)


def scumble(sets: LabelSets) -> float | None:
    """How far rare and common labels share samples, 0 to 1; None without a labelled sample.

    Mean over labelled samples of 1 - GM/AM, the geometric and the arithmetic mean of IRLbl
    over the labels that the sample carries. Above about 0.1, drawing the samples of a rare
    label more often brings common labels along. Source: Charte et al., Concurrence among
    imbalanced labels and its influence on multilabel resampling algorithms, HAIS 2014;
    samples without a label are left out here.
    """
    labelled = sets.lengths > 0
    total = int(sets.n_samples[labelled].sum())
    if not total:
        return None
    ratios = label_imbalance_ratios(sets.samples_per_class())[sets.class_ids]
    set_of = np.repeat(np.arange(len(sets.lengths)), sets.lengths)
    lengths = sets.lengths[labelled]
    # bincount adds one after another, so that a set's own sum does not depend on its place.
    arithmetic = np.bincount(set_of, ratios, len(sets.lengths))[labelled] / lengths
    logs = np.bincount(set_of, np.log(ratios), len(sets.lengths))[labelled] / lengths
    spread = np.where(lengths > 1, np.maximum(0.0, 1 - np.exp(logs) / arithmetic), 0.0)
    return math.fsum((spread * sets.n_samples[labelled]).tolist()) / total


def shared_samples(sets: LabelSets) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs of classes that share samples, as first·K + second, and how many they share.

    Both int64 [n_pairs], pairs in rising order, first < second.
    """
    n = sets.n_classes
    n_pairs = int((sets.lengths * (sets.lengths - 1) // 2).sum())
    # One multiplication a set and square of classes, against some fifty for a pair's place.
    if n * n <= DENSE_CELLS and len(sets.lengths) * n * n < 50 * n_pairs:
        table = _shared_by_product(sets)
    else:
        keys, weights = _pairs_of_sets(sets, n_pairs)
        if n * n > DENSE_CELLS:
            found, place = np.unique(keys, return_inverse=True)
            return found, np.bincount(place, weights, len(found)).astype(np.int64)
        table = np.bincount(keys, weights, n * n).astype(np.float64)
    found = np.flatnonzero(table)
    return found, table[found].astype(np.int64)


def _shared_by_product(sets: LabelSets) -> NDArray[np.float64]:
    """Shared samples of each pair, upper triangle, flat: float64 [n_classes²], whole numbers."""
    n, rows = sets.n_classes, 4096
    ends = np.concatenate([[0], np.cumsum(sets.lengths)])
    table = np.zeros((n, n))
    for start in range(0, len(sets.lengths), rows):
        stop = min(len(sets.lengths), start + rows)
        carried = np.zeros((stop - start, n))
        set_of = np.repeat(np.arange(stop - start), sets.lengths[start:stop])
        carried[set_of, sets.class_ids[ends[start] : ends[stop]]] = 1
        table += carried.T @ (carried * sets.n_samples[start:stop, None])
    return np.triu(table, 1).ravel()


def _pairs_of_sets(sets: LabelSets, n_pairs: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Every pair of labels in every set, and the samples of the set: int64 [n_pairs] both."""
    set_of = np.repeat(np.arange(len(sets.lengths)), sets.lengths)
    keys, weights = np.empty(n_pairs, np.int64), np.empty(n_pairs, np.int64)
    filled = 0
    for apart in range(1, int(sets.lengths.max(initial=0))):
        left = np.flatnonzero(set_of[apart:] == set_of[:-apart])
        one, other = sets.class_ids[left], sets.class_ids[left + apart]
        part = slice(filled, filled + len(left))
        keys[part] = np.minimum(one, other) * sets.n_classes + np.maximum(one, other)
        weights[part] = sets.n_samples[set_of[left]]
        filled += len(left)
    return keys, weights


def top_pairs(
    sets: LabelSets, class_names: tuple[str, ...], n_samples: int
) -> tuple[ClassPair, ...]:
    """The pairs of classes that share most samples, at most 50, with Jaccard index and lift.

    Jaccard is the shared samples over those that carry either; lift is their share over the
    product of both classes' shares, 1 if the classes are independent.

    Args:
        sets: of the samples.
        class_names: in the order of the class ids.
        n_samples: all samples, those without a label included.
    """
    pairs, shared = shared_samples(sets)
    if len(pairs) > N_PAIRS:
        least = np.partition(shared, -N_PAIRS)[-N_PAIRS]
        pairs, shared = pairs[shared >= least], shared[shared >= least]
    order = np.lexsort((pairs, -shared))[:N_PAIRS]
    carried = sets.samples_per_class().tolist()
    listed = []
    for pair, both in zip(pairs[order].tolist(), shared[order].tolist(), strict=True):
        one, other = divmod(pair, sets.n_classes)
        listed.append(
            ClassPair(
                first=class_names[one],
                second=class_names[other],
                n_samples=both,
                jaccard=both / (carried[one] + carried[other] - both),
                lift=both * n_samples / (carried[one] * carried[other]),
            )
        )
    return tuple(listed)


def measure_multilabel(
    label_sets: Mapping[tuple[str, ...], int], class_names: tuple[str, ...]
) -> MultiLabel | None:
    """All measures of sets of labels; None without samples.

    Cardinality is labels over samples, density that over the number of classes; samples
    without a label count in both. MeanIR and CVIR are the mean of IRLbl over labels that
    occur, and its standard deviation (over n - 1) by that mean.
    Source: Charte et al., Neurocomputing 163 (2015), equations 5 to 7; Tsoumakas & Katakis,
    IJDWM 3 (2007), for cardinality and density.
    """
    sets = LabelSets.of(label_sets, class_names)
    n_samples = int(sets.n_samples.sum())
    if not n_samples or not class_names:
        return None
    n_labels = int((sets.n_samples * sets.lengths).sum())
    ratios = label_imbalance_ratios(sets.samples_per_class())
    ratios = ratios[~np.isnan(ratios)]
    mean_ir = float(ratios.mean()) if ratios.size else None
    return MultiLabel(
        cardinality=n_labels / n_samples,
        density=n_labels / n_samples / len(class_names),
        n_label_sets=len(label_sets),
        n_single_sets=int((sets.n_samples == 1).sum()),
        mean_ir=mean_ir,
        cv_ir=None if mean_ir is None or ratios.size < 2 else float(ratios.std(ddof=1)) / mean_ir,
        scumble=scumble(sets),
        pairs=top_pairs(sets, class_names, n_samples),
    )
