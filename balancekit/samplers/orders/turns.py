"""Turns: which sample of its class each draw takes."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from balancekit.samplers.class_index import ClassIndex
from balancekit.samplers.permutation import (
    hash_keys,
    hash_onto,
    permute,
    permute_runs,
    unpermute,
)

__all__ = ["Turns", "block_lengths"]

SHORT_RUNS = 2
"""Runs of up to as many draws are worked out by draw."""

ENDLESS = 1 << 30
"""Length of the one block of a class whose order is fixed: more than any run of draws."""


@dataclass(frozen=True, eq=False)
class Turns:
    """Draw number d of a class takes place d mod n of pass d // n through its n samples.

    Each pass has its own shuffle, so the uses of two samples of a class never differ by more
    than 1. A pass goes block by block, and is shuffled within each: of k blocks, block b has
    the samples b, b + k, b + 2·k, … of the class, in every pass. So any m draws of a class in
    a row are different samples, across the end of a pass too, as long as the class has m.

    Args:
        index: samples of each class.
        most_in_a_row: int64 [n_classes], m of each class.
        seed: of the shuffles.
    """

    index: ClassIndex
    most_in_a_row: NDArray[np.int64]
    seed: int

    def samples(
        self, class_ids: NDArray[np.integer], numbers: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """The sample of each draw: int64 [n].

        Args:
            class_ids: of the draws, [n].
            numbers: int64 [n], how many draws the class had before.
        """
        at = self._blocks_at(class_ids, numbers)
        positions = permute(at.within, at.sizes, self._keys(class_ids, at.units))
        rest = np.maximum(positions - self._last_sizes[class_ids], 0)
        positions *= self._per_pass[class_ids]
        positions += at.blocks
        positions -= rest
        return self.index.take(class_ids, positions)

    def samples_of_runs(
        self, class_ids: NDArray[np.int64], firsts: NDArray[np.int64], lengths: NDArray[np.int64]
    ) -> NDArray[np.integer]:
        """The samples of runs of draws, run after run: [sum of lengths].

        The same as those of each draw by itself, but worked out by block, not by draw.

        Args:
            class_ids: int64 [n_runs].
            firsts: int64 [n_runs], draws that the class had before the run.
            lengths: int64 [n_runs], each ≥ 1.
        """
        if int(lengths.sum()) <= SHORT_RUNS * len(lengths):
            return self.samples(np.repeat(class_ids, lengths), _numbers(firsts, lengths))
        fixed = self._lengths[class_ids] == 1  # each block one place: nothing to shuffle
        begins = np.where(fixed, 0, firsts)
        shapes = _Shapes(
            np.where(fixed, ENDLESS, self._counts[class_ids]),
            np.where(fixed, ENDLESS, self._lengths[class_ids]),
            np.where(fixed, 1, self._per_pass[class_ids]),
        )
        pieces = _pieces(shapes, begins, lengths)
        of_class = class_ids[pieces.runs]
        keys = self._keys(of_class, pieces.units)
        within = permute_runs(pieces.firsts, pieces.lengths, pieces.sizes, keys)
        lifts = self._bases[of_class] + pieces.blocks
        word = np.uint32 if within.dtype == np.uint32 and self._fits_32_bits else np.int64
        places: NDArray[Any] = within.astype(word, copy=False)
        if int(shapes.per_pass.max()) > 2:  # of two blocks, the last is one short at most
            last = np.repeat(self._last_sizes[of_class].astype(word), pieces.lengths)
            rest = np.maximum(places, last) - last
            places *= np.repeat(shapes.per_pass[pieces.runs].astype(word), pieces.lengths)
            places -= rest
        else:
            places *= np.repeat(shapes.per_pass[pieces.runs].astype(word), pieces.lengths)
        places += np.repeat(lifts.astype(word), pieces.lengths)
        if np.any(fixed):
            chosen = np.flatnonzero(np.repeat(fixed, lengths))
            classes, n_draws = class_ids[fixed], lengths[fixed]
            turns = _numbers(firsts[fixed], n_draws) % np.repeat(self._counts[classes], n_draws)
            places[chosen] = turns + np.repeat(self._bases[classes], n_draws)
        return places if self.index.samples is None else self.index.samples.take(places)

    def repeats(
        self,
        class_ids: NDArray[np.int64],
        numbers: NDArray[np.int64],
        before_epoch: NDArray[np.int64],
    ) -> NDArray[np.int64]:
        """How often an epoch had drawn the sample of each of its draws before: int64 [n].

        Args:
            class_ids: int64 [n].
            numbers: int64 [n], as for `samples`.
            before_epoch: int64 [n_classes], draws of the classes before the epoch.
        """
        counts = self._counts[class_ids]
        first_passes, first_places = np.divmod(before_epoch[class_ids], counts)
        repeats: NDArray[np.int64] = numbers // counts - first_passes
        # The epoch may begin within a pass: a sample whose turn in it was before has one use less.
        again = np.flatnonzero(repeats)
        classes = class_ids[again]
        at = self._blocks_at(classes, numbers[again])
        landed = permute(at.within, at.sizes, self._keys(classes, at.units))
        units = first_passes[again] * self._per_pass[classes] + at.blocks
        turns = unpermute(landed, at.sizes, self._keys(classes, units))
        turns += at.blocks * self._lengths[classes]
        repeats[again] -= turns < first_places[again]
        return repeats

    @cached_property
    def _counts(self) -> NDArray[np.int64]:
        return np.maximum(self.index.class_counts(), 1)

    @cached_property
    def _lengths(self) -> NDArray[np.int64]:
        return block_lengths(self._counts, self.most_in_a_row)

    @cached_property
    def _per_pass(self) -> NDArray[np.int64]:
        """Blocks of a pass through each class: int64 [n_classes]."""
        per_pass: NDArray[np.int64] = -(-self._counts // self._lengths)
        return per_pass

    @cached_property
    def _last_sizes(self) -> NDArray[np.int64]:
        """Places of the last block of each class: int64 [n_classes]."""
        return self._counts - (self._per_pass - 1) * self._lengths

    @cached_property
    def _class_keys(self) -> NDArray[np.uint64]:
        return hash_keys(self.seed, np.arange(len(self._counts)))

    @cached_property
    def _bases(self) -> NDArray[np.int64]:
        """Where the places of each class begin, among all samples or all of the index."""
        if self.index.samples is not None:
            return self.index.starts[:-1]
        assert self.index.firsts is not None
        return self.index.firsts

    @cached_property
    def _fits_32_bits(self) -> bool:
        return int((self._bases + self._counts).max()) <= 1 << 32

    def _keys(self, class_ids: NDArray[np.integer], units: NDArray[np.int64]) -> NDArray[np.uint64]:
        """The key of the shuffle of each block of each pass: uint64 [n]."""
        return hash_onto(self._class_keys[class_ids], units)

    def _blocks_at(self, class_ids: NDArray[np.integer], numbers: NDArray[np.int64]) -> "_InBlock":
        """Where in its block each draw stands."""
        counts, lengths = self._counts[class_ids], self._lengths[class_ids]
        passes = numbers // counts
        places = numbers - passes * counts
        blocks = places // lengths
        starts = blocks * lengths
        sizes = np.minimum(lengths, counts - starts)
        return _InBlock(passes * self._per_pass[class_ids] + blocks, blocks, places - starts, sizes)


def block_lengths(counts: NDArray[np.int64], most_in_a_row: NDArray[np.int64]) -> NDArray[np.int64]:
    """Places of each block of each class, but the last: int64 [n_classes].

    Args:
        counts: samples of each class, [n_classes].
        most_in_a_row: draws of each class that are to be different samples, [n_classes].
    """
    lengths = np.minimum((counts + 1) // 2, counts - most_in_a_row + 1)
    return np.maximum(np.where(most_in_a_row > counts, counts, lengths), 1)


class _InBlock(NamedTuple):
    """Where draws stand: int64 [n] each.

    Attributes:
        units: blocks of the class before this one, of all passes.
        blocks: which block of its pass it is.
        within: place in the block.
        sizes: of the block.
    """

    units: NDArray[np.int64]
    blocks: NDArray[np.int64]
    within: NDArray[np.int64]
    sizes: NDArray[np.int64]


class _Shapes(NamedTuple):
    """Samples of the class of each run, places of its blocks, blocks of a pass: int64 [n_runs]."""

    counts: NDArray[np.int64]
    lengths: NDArray[np.int64]
    per_pass: NDArray[np.int64]


class _Pieces(NamedTuple):
    """Runs of draws in pieces, each within one block: int64 [n_pieces] each.

    Attributes:
        runs: the run of each piece.
        units: blocks of the class before its block, of all passes.
        blocks: which block of its pass it lies in.
        firsts: the first place in that block.
        lengths: draws of the piece.
        sizes: places of that block.
    """

    runs: NDArray[np.int64]
    units: NDArray[np.int64]
    blocks: NDArray[np.int64]
    firsts: NDArray[np.int64]
    lengths: NDArray[np.int64]
    sizes: NDArray[np.int64]


def _pieces(shapes: _Shapes, firsts: NDArray[np.int64], lengths: NDArray[np.int64]) -> _Pieces:
    ends = firsts + lengths
    first_units = _units_at(shapes, firsts)
    n_units = _units_at(shapes, ends - 1) - first_units + 1
    runs = np.repeat(np.arange(len(firsts)), n_units)
    units = np.arange(len(runs)) + (first_units - np.cumsum(n_units) + n_units)[runs]
    passes = units // shapes.per_pass[runs]
    blocks = units - passes * shapes.per_pass[runs]
    starts = blocks * shapes.lengths[runs]
    sizes = np.minimum(shapes.lengths[runs], shapes.counts[runs] - starts)
    begins = passes * shapes.counts[runs] + starts
    low = np.maximum(firsts[runs] - begins, 0)
    return _Pieces(runs, units, blocks, low, np.minimum(ends[runs] - begins, sizes) - low, sizes)


def _units_at(shapes: _Shapes, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many blocks, of all passes, lie before the one of each draw: int64 [n]."""
    passes = numbers // shapes.counts
    units: NDArray[np.int64] = (numbers - passes * shapes.counts) // shapes.lengths
    return passes * shapes.per_pass + units


def _numbers(firsts: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """The numbers of runs of draws, run after run: int64 [sum of lengths]."""
    numbers = np.repeat(firsts - np.cumsum(lengths) + lengths, lengths)
    numbers += np.arange(len(numbers))
    return numbers
