"""Hard examples: samples drawn by their losses, while classes keep their shares.

A draw is made in two steps, so that one of them is a pure function, whatever the losses:

1. Which class stands where, and at which point of [0, 1) its sample is sought: `PointOrder`.
2. Which sample of the class lies at that point, its samples laid out in a row, each as long as
   its share by the losses that are known just then: `LossSums`.

The N_c points of a class in an epoch are those of a comb, (k + shift) / N_c, so that while
losses stay as they are a sample of share p is drawn N_c · p times, rounded down or up. The
draws of one batch take theirs from different, equally long stretches of [0, 1).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from balancekit.errors import DataError, OptionError
from balancekit.samplers.class_index import ClassIndex
from balancekit.samplers.lattice import GOLDEN
from balancekit.samplers.orders.draw_order import DrawOrder
from balancekit.samplers.orders.lengths import EpochLength
from balancekit.samplers.orders.loss_sums import LossSums
from balancekit.samplers.orders.order import Block, Draws, Order
from balancekit.samplers.orders.quotas import Quotas
from balancekit.samplers.permutation import hash_keys, permute, unit_of

__all__ = ["HardExampleOrder", "HardExamples", "PointOrder"]

# What a key is for, so that no two uses of the seed share one.
_SHIFT, _SLOT = -7, -8

SHOWN = 3
"""Wrong losses that an error names."""


@dataclass(frozen=True, eq=False)
class PointOrder(Order):
    """The order of the points at which samples are sought; each stands for class and point.

    Args:
        classes: which class stands where.
    """

    classes: DrawOrder

    @property
    def length(self) -> EpochLength:
        """The length that holds now."""
        return self.classes.length

    def draws_of_blocks(
        self, epoch: int, blocks: Sequence[Block], *, rank: int = 0, world_size: int = 1
    ) -> Iterator[Draws]:
        """Draws of blocks of batches that follow one another, whose indices are points."""
        before = self.classes.quotas.before(epoch)
        n_draws = self.classes.quotas.draws_per_class(epoch)
        for draws in self.classes.draws_of_blocks(epoch, blocks, rank=rank, world_size=world_size):
            class_ids = draws.class_ids.astype(np.int64)
            numbers = draws.numbers - before[class_ids]
            if draws.filled is not None:
                numbers = np.where(draws.filled, numbers, 0)
            yield replace(draws, indices=self._points(epoch, class_ids, numbers, n_draws))

    def repeats(self, epoch: int, draws: Draws) -> NDArray[np.int64]:
        """The number of each draw among those of its class in the epoch: int64."""
        numbers: NDArray[np.int64] = (
            draws.numbers - self.classes.quotas.before(epoch)[draws.class_ids]
        )
        return numbers

    def _points(
        self,
        epoch: int,
        class_ids: NDArray[np.int64],
        numbers: NDArray[np.int64],
        n_draws: NDArray[np.int64],
    ) -> NDArray[np.int64]:
        seed = self.classes.seed
        counts = np.maximum(n_draws[class_ids], 1)
        # Draws of a class that follow each other take turns through as many stretches of
        # slots as a batch has draws of it at the most; each stretch is shuffled by itself.
        stretches = -(-counts // self.length.n_batches)
        rounds, stretch = np.divmod(numbers, stretches)
        sizes, longer = np.divmod(counts, stretches)
        starts = stretch * sizes + np.minimum(stretch, longer)
        sizes += stretch < longer
        slots = starts + permute(rounds, sizes, hash_keys(seed, epoch, _SLOT, class_ids, stretch))
        # Golden steps from epoch to epoch, so that what one rounds up others round down.
        shifts = (unit_of(hash_keys(seed, _SHIFT, class_ids)) + epoch * GOLDEN) % 1.0
        bits = _bits_below_class(self.classes.n_classes)
        units = ((slots + shifts) / counts * 2.0**bits).astype(np.int64)
        return (class_ids << bits) + np.minimum(units, (1 << bits) - 1)


class HardExamples:
    """The losses of the samples of a data set, and which sample of its class lies at a point.

    Args:
        index: samples of each class; each sample in one.
        gamma: power of the losses.
        uniform_share: share of a class's draws that goes evenly to its samples.

    Raises:
        DataError: a sample is in several classes.
    """

    def __init__(self, index: ClassIndex, *, gamma: float, uniform_share: float) -> None:
        self.index = index
        self.sums = LossSums(index.class_counts(), gamma, uniform_share)
        self._places = _places_of_samples(index)

    @property
    def n_samples(self) -> int:
        """Labelled samples."""
        return self.index.n_samples

    def samples(self, points: NDArray[np.integer]) -> NDArray[np.int64]:
        """The sample at each point of a `PointOrder`, by the losses as they are: int64 [n]."""
        bits = _bits_below_class(self.index.n_classes)
        class_ids = points >> bits
        units = (points & ((1 << bits) - 1)).astype(np.float64) * 2.0**-bits
        return self.index.take(class_ids, self.sums.find(class_ids, units))

    def losses(self, indices: NDArray[np.int64]) -> NDArray[np.float32]:
        """The loss of each sample, NaN where it is not known: float32 [n].

        Raises:
            OptionError: there is no such labelled sample.
        """
        places = self._find_places(indices)
        problems = _unknown_samples(indices, places)
        if problems:
            raise OptionError("; ".join(problems))
        return self.sums.losses[places]

    def update(self, indices: NDArray[np.int64], losses: NDArray[np.floating]) -> None:
        """Set the losses of samples; one that is named several times gets the mean.

        Args:
            indices: int64 [n], positions of samples in the data set.
            losses: float [n], ≥ 0.

        Raises:
            OptionError: there is no such labelled sample, or a loss is negative, infinite or
                not a number; nothing is set then.
        """
        places = self._checked_places(indices, losses)
        if not len(places):
            return
        found, back = np.unique(places, return_inverse=True)
        means = np.bincount(back, losses) / np.bincount(back)
        class_ids = np.searchsorted(self.index.starts, found, side="right") - 1
        self.sums.set(class_ids, found - self.index.starts[class_ids], means.astype(np.float32))

    def _checked_places(
        self, indices: NDArray[np.int64], losses: NDArray[np.floating]
    ) -> NDArray[np.int64]:
        """Place of each sample in the index: int64 [n]."""
        if indices.shape != losses.shape or indices.ndim != 1:
            raise OptionError(
                "update: expected one loss a sample, indices and losses both [n], got "
                f"{list(indices.shape)} and {list(losses.shape)}"
            )
        places = self._find_places(indices)
        problems = _unknown_samples(indices, places)
        with np.errstate(over="ignore"):  # beyond float32: infinite, and so refused
            wrong = ~((losses >= 0) & np.isfinite(losses.astype(np.float32)))
        if np.any(wrong):
            problems.append(
                f"losses: expected finite numbers ≥ 0, got {_few(losses[wrong])} for samples "
                f"{_few(indices[wrong])}. Give the loss of each sample (reduction='none'), "
                "without those of batches that overflowed"
            )
        if problems:
            raise OptionError("update: " + "; ".join(problems))
        return places

    def _find_places(self, indices: NDArray[np.int64]) -> NDArray[np.int64]:
        """Place of each sample in the index, -1 where it is in no class: int64 [n]."""
        if self._places is not None:
            inside = (indices >= 0) & (indices < len(self._places))
            places = self._places[np.where(inside, indices, 0)].astype(np.int64)
            return np.where(inside & (places < self.index.n_samples), places, -1)
        firsts, counts = self.index.firsts, self.index.class_counts()
        assert firsts is not None
        filled = np.flatnonzero(counts)
        filled = filled[np.argsort(firsts[filled])]
        at = np.searchsorted(firsts[filled], indices, side="right") - 1
        class_ids = filled[np.maximum(at, 0)]
        within = indices - firsts[class_ids]
        inside = (within >= 0) & (within < counts[class_ids])
        return np.where(inside, self.index.starts[class_ids] + within, -1)


@dataclass(frozen=True, eq=False)
class HardExampleOrder(Order):
    """The order of draws as it would be if the losses stayed as they are.

    Args:
        points: at which samples are sought.
        examples: losses of the samples.
    """

    points: PointOrder
    examples: HardExamples

    @property
    def index(self) -> ClassIndex:
        """Samples of each class."""
        return self.examples.index

    @property
    def quotas(self) -> Quotas:
        """How many draws each class gets in each epoch."""
        return self.points.classes.quotas

    @property
    def length(self) -> EpochLength:
        """The length that holds now."""
        return self.points.length

    def draws_of_blocks(
        self, epoch: int, blocks: Sequence[Block], *, rank: int = 0, world_size: int = 1
    ) -> Iterator[Draws]:
        """Draws of blocks of batches that follow one another; see `Order`."""
        of_points = self.points.draws_of_blocks(epoch, blocks, rank=rank, world_size=world_size)
        for draws in of_points:
            samples = self.examples.samples(draws.indices.ravel())
            yield replace(draws, indices=samples.reshape(draws.indices.shape))

    def repeats(self, epoch: int, draws: Draws) -> NDArray[np.int64]:
        """The number of each draw among those of its class in the epoch: int64."""
        return self.points.repeats(epoch, draws)

    def shares_in_class(self) -> NDArray[np.float64]:
        """Share of each sample among the draws of its class, class after class: float64."""
        return self.examples.sums.shares(np.arange(self.index.n_classes))


def _places_of_samples(index: ClassIndex) -> NDArray[np.uint32] | NDArray[np.int64] | None:
    """Place of each sample in the index, n_samples where it is in none; None if computed."""
    if index.samples is None:
        return None
    n = index.n_samples
    word = np.uint32 if n < 1 << 32 else np.int64
    places: NDArray[Any] = np.full(int(index.samples.max()) + 1, n, word)
    places[index.samples] = np.arange(n, dtype=places.dtype)
    if np.count_nonzero(places < n) < n:
        raise DataError(
            "labels: expected one class a sample, got samples in several classes. Which of its "
            "classes a sample's loss is of cannot be told"
        )
    return places


def _bits_below_class(n_classes: int) -> int:
    """Bits of a point below those of its class; a float64 holds no more than 52."""
    return min(52, 62 - n_classes.bit_length())


def _unknown_samples(indices: NDArray[np.int64], places: NDArray[np.int64]) -> list[str]:
    unknown = indices[places < 0]
    if not len(unknown):
        return []
    return [f"indices: expected labelled samples of the data, got {_few(unknown)}"]


def _few(values: NDArray[np.generic]) -> str:
    shown = ", ".join(
        f"{value:g}" if value.dtype.kind == "f" else str(value) for value in values[:SHOWN]
    )
    more = len(values) - SHOWN
    return f"{shown} and {more:,} more" if more > 0 else shown
