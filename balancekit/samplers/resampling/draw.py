"""Index lists that are drawn once, before training."""

from typing import get_args

import numpy as np
from numpy.typing import NDArray

from balancekit.errors import DataError, OptionError
from balancekit.labels import Labels
from balancekit.plan.tagged import check_seed, got_choice
from balancekit.samplers.class_index import ClassIndex
from balancekit.samplers.permutation import hash_keys, permute
from balancekit.samplers.resampling.draws import draws_per_class
from balancekit.samplers.resampling.label_sets import kept_samples, repeated_samples
from balancekit.samplers.resampling.strategies import (
    MLROS,
    MLRUS,
    SingleLabelStrategy,
    Strategy,
)

__all__ = ["resampled_indices"]

BLOCK = 1 << 16
"""Indices drawn at a time, so that what permuting takes stays in the cache."""

ORDER = -1
"""Key of the order of all draws, beside the ids of the classes."""


def resampled_indices(labels: Labels, strategy: Strategy, *, seed: int = 0) -> NDArray[np.int64]:
    """Indices of the samples of the resampled set, shuffled: int64 [n_drawn].

    Of one class a sample, those of a class are used floor or ceil of (its draws / its size)
    times. Classes without samples, and samples without a label, do not occur.

    Raises:
        DataError: no sample is labelled, or samples carry several classes and the strategy is
            for one, or the other way round.
        OptionError: the strategy is none, or asks for samples that are not there; or the seed is
            none.
    """
    _refuse_unless_strategy(strategy)
    check_seed(seed)
    match strategy:
        case MLROS():
            return _shuffled(repeated_samples(labels, strategy, seed), seed)
        case MLRUS():
            return _shuffled(kept_samples(labels, strategy, seed), seed)
    _refuse_several_classes(labels)
    return _drawn(labels, strategy, seed)


def _shuffled(indices: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    order = permute(np.arange(len(indices)), len(indices), hash_keys(seed, ORDER))
    return indices[order]


def _drawn(labels: Labels, strategy: SingleLabelStrategy, seed: int) -> NDArray[np.int64]:
    """Draws of the classes, made a block at a time: beside the result little is held."""
    index = ClassIndex.from_labels(labels)
    counts = index.class_counts()
    drawn = draws_per_class(counts, strategy)
    ends = np.cumsum(drawn)
    starts = ends - drawn
    keys = hash_keys(seed, np.arange(len(counts)))
    n_drawn = int(ends[-1])
    try:
        indices = np.empty(n_drawn, np.int64)
    except MemoryError:
        raise OptionError(
            f"strategy: expected draws that fit in memory, got {n_drawn:,}. Ask for fewer"
        ) from None
    for start in range(0, n_drawn, BLOCK):
        places = np.arange(start, min(start + BLOCK, n_drawn))
        numbers = permute(places, n_drawn, hash_keys(seed, ORDER))  # of draws sorted by class
        class_ids = np.searchsorted(ends, numbers, side="right")
        sizes = counts[class_ids]
        within = (numbers - starts[class_ids]) % sizes
        positions = permute(within, sizes, keys[class_ids])
        indices[start : start + BLOCK] = index.take(class_ids, positions)
    return indices


def _refuse_unless_strategy(strategy: object) -> None:
    if not isinstance(strategy, Strategy):
        raise OptionError(
            "strategy: expected Oversample(), Undersample(), Combine(), Regroup(), "
            "MakeImbalanced(ratio=…), MLROS() or MLRUS(), got "
            f"{got_choice(strategy, get_args(Strategy))}."
        )


def _refuse_several_classes(labels: Labels) -> None:
    if labels.offsets is not None:
        raise DataError(
            f"labels: expected one class a sample, got {labels.task} labels: a sample that is "
            "repeated or left out for one of its classes is so for all of them. Use MLROS() or "
            "MLRUS() (--strategy ml-ros or ml-rus), draw by RepeatFactor targets while training, "
            "or give the one class that should decide."
        )
