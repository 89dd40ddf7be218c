"""Index lists of data with several classes a sample: ML-ROS and ML-RUS."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from balancekit.errors import DataError
from balancekit.labels import Labels
from balancekit.samplers.permutation import hash_keys, permute
from balancekit.samplers.resampling.strategies import MLROS, MLRUS

__all__ = ["kept_samples", "repeated_samples"]

REPEATED, LEFT_OUT = -4, -5
"""Keys of the choices, beside those of other draws under the same seed."""


@dataclass(frozen=True)
class _Sets:
    """Label sets, each class once a sample.

    Attributes:
        offsets: sample i carries `class_ids[offsets[i]:offsets[i + 1]]`.
        class_ids: of all samples.
        counts: samples that carry each class: int64 [n_classes].
        rare: ids of the classes that are rarer than the mean imbalance ratio.
        mean_ratio: mean over the classes of largest count / count.
    """

    offsets: NDArray[np.int64]
    class_ids: NDArray[np.int64]
    counts: NDArray[np.int64]
    rare: NDArray[np.int64]
    mean_ratio: float

    def of(self, sample: int) -> NDArray[np.int64]:
        return self.class_ids[self.offsets[sample] : self.offsets[sample + 1]]


def _sets_of(labels: Labels, strategy: MLROS | MLRUS) -> _Sets:
    if labels.offsets is None:
        raise DataError(
            f"labels: expected several classes a sample for {type(strategy).__name__}, got one. "
            "Use Oversample(), Undersample() or Combine() (--strategy oversample, …)."
        )
    samples = np.repeat(np.arange(labels.n_samples), np.diff(labels.offsets))
    cells = np.unique(samples * labels.n_classes + labels.class_ids)  # a picture has many boxes
    samples, class_ids = np.divmod(cells, labels.n_classes)
    counts = np.bincount(class_ids, minlength=labels.n_classes)
    if not counts.any():
        raise DataError("labels: expected at least one labelled sample, got none")
    filled = counts > 0
    ratios = counts.max() / np.maximum(counts, 1)
    mean_ratio = float(ratios[filled].mean())
    rare = np.flatnonzero(filled & (ratios > mean_ratio))
    offsets = np.searchsorted(samples, np.arange(labels.n_samples + 1))
    return _Sets(offsets, class_ids, counts, rare, mean_ratio)


def repeated_samples(labels: Labels, strategy: MLROS, seed: int) -> NDArray[np.int64]:
    """All samples once, and those that ML-ROS repeats: int64 [n_drawn]."""
    sets = _sets_of(labels, strategy)
    samples = np.repeat(np.arange(labels.n_samples), np.diff(sets.offsets))
    bags = {c: samples[sets.class_ids == c] for c in sets.rare.tolist()}
    counts = sets.counts.copy()
    largest = int(counts.max())
    repeated: list[int] = []
    wanted = int(strategy.share * labels.n_samples)
    turn = 0
    while bags and len(repeated) < wanted:
        for c, bag in list(bags.items())[: wanted - len(repeated)]:
            if turn % len(bag) == 0:  # mixed anew, once each sample had its turn
                key = hash_keys(seed, REPEATED, c, turn // len(bag))
                bag[:] = bag[permute(np.arange(len(bag)), len(bag), key)]
            sample = int(bag[turn % len(bag)])
            repeated.append(sample)
            carried = sets.of(sample)
            counts[carried] += 1
            largest = max(largest, int(counts[carried].max()))
            if largest / counts[c] <= sets.mean_ratio:
                del bags[c]
        turn += 1
    return np.concatenate([np.arange(labels.n_samples), np.array(repeated, np.int64)])


def kept_samples(labels: Labels, strategy: MLRUS, seed: int) -> NDArray[np.int64]:
    """The samples that ML-RUS keeps: int64 [n_drawn]; of every class one at least."""
    sets = _sets_of(labels, strategy)
    samples = np.repeat(np.arange(labels.n_samples), np.diff(sets.offsets))
    is_kept = np.ones(labels.n_samples, bool)
    carries_rare = np.zeros(labels.n_samples, bool)
    carries_rare[samples[np.isin(sets.class_ids, sets.rare)]] = True
    free = np.flatnonzero(~carries_rare)
    counts = sets.counts.copy()
    left = int(strategy.share * labels.n_samples)
    for sample in free[permute(np.arange(len(free)), len(free), hash_keys(seed, LEFT_OUT))]:
        if not left:
            break
        carried = sets.of(sample)
        if (counts[carried] > 1).all():  # of no carried class the last
            is_kept[sample] = False
            counts[carried] -= 1
            left -= 1
    return np.flatnonzero(is_kept)
