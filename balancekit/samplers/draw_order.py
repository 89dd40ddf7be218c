"""Draw order: which sample is drawn at any position of any epoch.

An epoch of N draws, dealt to batches:

1. Each class c gets N_c draws, N·q_c rounded down or up: the points s, s + 1, … of a comb
   whose start s moves from epoch to epoch are counted in the class's stretch of [0, N).
2. The draws are laid out in a row, class after class, the classes in an order of the epoch.
3. The row is dealt like cards: with n batches, batch b takes the places k ≡ σ(b) mod n.
   So each batch holds N_c / n draws of class c, rounded down or up, and a rank that takes
   every W-th card of a batch holds its share of that, rounded likewise.
4. The draws of a class are numbered over the whole training, in the order of time; number d
   is place d mod n_c of pass d // n_c through the class, and each pass has its own shuffle.
   So the uses of two samples of a class never differ by more than 1.

Nothing is stored but one number a class. Every step is arithmetic on (seed, epoch, batch).
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from balancekit.plan import Natural, Targets, target_shares
from balancekit.samplers.class_index import ClassIndex
from balancekit.samplers.permutation import hash_keys, permute, unpermute

__all__ = ["DrawOrder", "Draws", "floor_sum"]

# What a key is for, so that no two uses of the seed share one.
_BLOCKS, _CLASS_ORDER, _DEAL = -1, -2, -3

GOLDEN = 0.6180339887498949

COMB = 1 << 24
"""Positions that the start of the comb can take between two whole numbers."""

COMB_STEP = 10368889
"""COMB over the golden ratio, odd: successive epochs start the comb far apart."""


@dataclass(frozen=True)
class Draws:
    """Draws of some batches, batch after batch.

    Attributes:
        indices: int64 [n], position of each drawn sample in the data set.
        class_ids: int64 [n].
        numbers: int64 [n], how often the class was drawn before, in all epochs.
        batch_sizes: int64 [n_batches], sum n.
    """

    indices: NDArray[np.int64]
    class_ids: NDArray[np.int64]
    numbers: NDArray[np.int64]
    batch_sizes: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class DrawOrder:
    """The order of draws of a whole training.

    Args:
        index: samples of each class.
        shares: share of each class among the draws, float64 [n_classes], sum 1; 0 for
            classes without samples.
        n_draws: draws an epoch, of all ranks together.
        n_batches: batches an epoch; they differ in size by one draw at most.
        seed: of everything that is drawn.
        world_size: ranks that share each batch; what a batch holds does not depend on it.
    """

    index: ClassIndex
    shares: NDArray[np.float64]
    n_draws: int
    n_batches: int
    seed: int
    world_size: int = 1

    @classmethod
    def for_batches(
        cls,
        index: ClassIndex,
        targets: Targets,
        *,
        batch_size: int,
        world_size: int = 1,
        batches_per_epoch: int | None = None,
        seed: int = 0,
    ) -> "DrawOrder":
        """The order of batches of `batch_size` on each of `world_size` ranks.

        An epoch has as many batches as the samples fill, if `batches_per_epoch` is not
        given. With natural targets it then draws every sample once, and batches may have
        one draw less; else all batches are full.
        """
        together = batch_size * world_size
        n_batches = batches_per_epoch or -(-index.n_samples // together)
        once_each = isinstance(targets, Natural) and batches_per_epoch is None
        return cls(
            index,
            target_shares(targets, index.class_counts()),
            n_draws=index.n_samples if once_each else n_batches * together,
            n_batches=n_batches,
            seed=seed,
            world_size=world_size,
        )

    @cached_property
    def _class_counts(self) -> NDArray[np.int64]:
        return self.index.class_counts()

    @cached_property
    def _comb_bounds(self) -> NDArray[np.int64]:
        """Ends of the classes' stretches of [0, N), in units of 1 / COMB: int64 [n_classes]."""
        ends = np.cumsum(self.shares) * (self.n_draws / self.shares.sum())
        # Where shares give whole numbers of draws, rounding errors must not move one. They
        # grow with the draws and with the classes summed.
        error = 1e-6 + self.n_draws * len(ends) * np.finfo(np.float64).eps
        whole = np.round(ends)
        ends = np.where(np.abs(ends - whole) < error, whole, ends)
        bounds: NDArray[np.int64] = np.floor(ends * COMB).astype(np.int64)
        # To the last class that is drawn, all is given out; empty ones behind it get nothing.
        bounds[np.flatnonzero(self.shares)[-1] :] = self.n_draws * COMB
        return bounds

    @cached_property
    def _block_lengths(self) -> NDArray[np.int64]:
        """Length of the blocks of places that each class is shuffled in: int64 [n_classes].

        Which samples share a block is the same in every pass, and blocks keep their order.
        So any m draws of a class in a row, m the most that one batch holds, are different
        samples, across the end of a pass too, as long as the class has m.
        """
        counts = self._class_counts
        most_an_epoch = np.ceil(self.shares * self.n_draws - 1e-6).astype(np.int64)
        most = -(-most_an_epoch // self.n_batches)
        lengths = np.minimum((counts + 1) // 2, counts - most + 1)
        return np.maximum(np.where(most > counts, counts, lengths), 1)

    @cached_property
    def _spread(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Factor and shift that lead from slot to sample of each class: two of int64 [n_classes].

        The factor is prime to the size of the class, so that slot · factor + shift meets each.
        """
        counts = np.maximum(self._class_counts, 1)
        factors = np.maximum(np.round(counts * GOLDEN), 1).astype(np.int64)
        while np.any(shared := np.gcd(factors, counts) != 1):
            factors[shared] += 1
        keys = hash_keys(self.seed, np.arange(len(counts)), _BLOCKS)
        return factors, (keys % counts.astype(np.uint64)).astype(np.int64)

    def draws_per_class(self, epoch: int) -> NDArray[np.int64]:
        """Draws of each class in an epoch: int64 [n_classes], sum n_draws."""
        start = epoch * COMB_STEP % COMB
        return np.diff((self._comb_bounds + start) // COMB, prepend=0).astype(np.int64)

    def draws_before_epoch(self, epoch: int) -> NDArray[np.int64]:
        """Draws of each class in all epochs before this one: int64 [n_classes]."""
        bounds = self._comb_bounds
        whole, part = np.divmod(bounds, COMB)
        # Σ_e floor((x + (e·h mod M)) / M) = Σ_e floor((x + e·h) / M) - Σ_e floor(e·h / M)
        carries = floor_sum(epoch, COMB, COMB_STEP, part)
        carries -= floor_sum(epoch, COMB, COMB_STEP, np.zeros(1, np.int64))
        return np.diff(whole * epoch + carries, prepend=0)

    def draws_per_batch_bounds(self, epochs: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Fewest and most draws of each class in one batch of these epochs: int64 [n_classes].

        They hold for the batches of all ranks together.
        """
        per_epoch = np.stack([self.draws_per_class(epoch) for epoch in range(epochs)])
        return (per_epoch // self.n_batches).min(0), (-(-per_epoch // self.n_batches)).max(0)

    def draws(self, epoch: int, first_batch: int, last_batch: int) -> Draws:
        """The draws of the batches [first_batch, last_batch) of an epoch, all ranks'."""
        layout = _EpochLayout.of(self, epoch)
        places, batch_sizes = layout.places(first_batch, last_batch)
        ranks = np.searchsorted(layout.ends, places, side="right")
        class_ids = layout.class_order[ranks]
        numbers = self.draws_before_epoch(epoch)[class_ids]
        numbers += layout.draws_before_batch(first_batch)[ranks]
        numbers += _count_so_far(ranks, len(layout.ends))
        slots = self._slots(class_ids, numbers)
        # Which samples share a block must not follow the order of the data.
        factors, shifts = self._spread
        positions = (slots * factors[class_ids] + shifts[class_ids]) % self._class_counts[class_ids]
        return Draws(self.index.take(class_ids, positions), class_ids, numbers, batch_sizes)

    def repeats(self, epoch: int, draws: Draws) -> NDArray[np.int64]:
        """How often the epoch had drawn the sample of each of its draws before: int64 [n]."""
        class_ids, counts = draws.class_ids, self._class_counts[draws.class_ids]
        before_epoch = self.draws_before_epoch(epoch)[class_ids]
        first_passes, first_places = np.divmod(before_epoch, counts)
        repeats = draws.numbers // counts - first_passes
        # The epoch may begin within a pass: a sample whose turn in it was before has one use less.
        again = np.flatnonzero(repeats)
        classes, passes = class_ids[again], first_passes[again]
        slots = self._slots(classes, draws.numbers[again])
        blocks, within, sizes = self._in_blocks(classes, slots)
        keys = hash_keys(self.seed, classes, passes, blocks)
        turns = slots - within + unpermute(within, sizes, keys)
        repeats[again] -= turns < first_places[again]
        return repeats

    def _slots(self, class_ids: NDArray[np.int64], numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """Slot of its class that each draw takes: the draw's place, shuffled in its block."""
        passes, places = np.divmod(numbers, self._class_counts[class_ids])
        blocks, within, sizes = self._in_blocks(class_ids, places)
        keys = hash_keys(self.seed, class_ids, passes, blocks)
        return places - within + permute(within, sizes, keys)

    def _in_blocks(
        self, class_ids: NDArray[np.int64], places: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Block of each place, the place within it, and the size of the block: int64 [n]."""
        lengths = self._block_lengths[class_ids]
        blocks, within = np.divmod(places, lengths)
        return blocks, within, np.minimum(lengths, self._class_counts[class_ids] - places + within)


@dataclass(frozen=True)
class _EpochLayout:
    """One epoch's draws in a row, class after class, and how they are dealt."""

    class_order: NDArray[np.int64]
    ends: NDArray[np.int64]
    n_draws: int
    n_batches: int
    world_size: int
    step: int
    start: int
    turn: NDArray[np.uint64]

    @classmethod
    def of(cls, order: DrawOrder, epoch: int) -> "_EpochLayout":
        n_classes = len(order.shares)
        key = hash_keys(order.seed, epoch, _CLASS_ORDER)
        class_order = permute(np.arange(n_classes), n_classes, key)
        ends = np.cumsum(order.draws_per_class(epoch)[class_order])
        step = _golden_step(order.n_batches)
        turn = hash_keys(order.seed, epoch, _DEAL)
        start = int(turn) % order.n_batches
        return cls(
            class_order, ends, order.n_draws, order.n_batches, order.world_size, step, start, turn
        )

    def places(self, first: int, last: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Places that the batches take, batch after batch, and the size of each batch.

        Rank r of W gets the draws r, r + W, … of a batch: every W-th place of its row, from
        the r-th on. Its places come in golden steps from a random start, so that any stretch
        of a batch holds the classes in nearly their shares.
        """
        batches = np.arange(first, last, dtype=np.int64)
        offsets = (batches * self.step + self.start) % self.n_batches
        sizes = (self.n_draws - offsets + self.n_batches - 1) // self.n_batches
        card, rank = np.divmod(np.arange(int(sizes.max(initial=0))), self.world_size)
        ranks = np.arange(self.world_size)
        parts = (sizes[:, None] - ranks + self.world_size - 1) // self.world_size
        parts = np.maximum(parts, 1)  # [n_batches, world_size]; where it is less, none is dealt
        least = int(parts.min(initial=1))
        steps = [_golden_step(size) for size in range(least, int(parts.max(initial=1)) + 1)]
        keys = hash_keys(self.turn, batches[:, None], ranks)
        turns = (keys >> np.uint64(2)).astype(np.int64) % parts
        dealt = card * np.array(steps)[parts - least][:, rank] + turns[:, rank]
        dealt = dealt % parts[:, rank] * self.world_size + rank
        grid = offsets[:, None] + dealt * self.n_batches  # [n_batches, most]
        return grid[np.arange(grid.shape[1]) < sizes[:, None]], sizes

    def draws_before_batch(self, batch: int) -> NDArray[np.int64]:
        """Draws of each class, in `class_order`, in the batches before this one."""
        n = self.n_batches
        # Batch b holds ceil((end - σ(b)) / n) places below `end`. With σ(b) = g·b + h - n·k,
        # k the same for all classes, and b counted down, that is a sum of floors.
        base = self.ends + n - 1 - self.start - self.step * (batch - 1)
        lift = max(0, -(-(self.start + self.step * batch) // n))
        below = floor_sum(batch, n, self.step, base + lift * n) - lift * batch
        wraps = floor_sum(batch, n, self.step, np.array([self.start]))
        return np.diff(below + wraps, prepend=0)


def _golden_step(n: int) -> int:
    """A step near n over the golden ratio that visits all of range(n)."""
    step = max(1, round(n * GOLDEN))
    while np.gcd(step, n) != 1:
        step += 1
    return step


def _count_so_far(groups: NDArray[np.int64], n_groups: int) -> NDArray[np.int64]:
    """How many entries before each one are of its group: int64 [n]."""
    narrow = groups.astype(np.uint16) if n_groups < 1 << 16 else groups
    order = np.argsort(narrow, kind="stable")
    sizes = np.bincount(groups, minlength=n_groups)
    so_far = np.empty(len(groups), np.int64)
    so_far[order] = np.arange(len(groups)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return so_far


def floor_sum(n: int, modulus: int, step: int, start: NDArray[np.int64]) -> NDArray[np.int64]:
    """Σ_{i=0}^{n-1} floor((step·i + start) / modulus), exactly, in O(log modulus).

    Args:
        n: number of terms, ≥ 0.
        modulus: > 0.
        step: ≥ 0.
        start: int64 [k], each ≥ 0.

    Source: the Euclidean algorithm on the lattice points under a line; Graham, Knuth,
    Patashnik, Concrete Mathematics, section 3.5.

    >>> floor_sum(4, 10, 6, np.array([3])).tolist()  # 0 + 0 + 1 + 2
    [3]
    """
    total = np.zeros(len(start), np.int64)
    terms, offset = np.full(len(start), n, np.int64), start.astype(np.int64)
    while True:
        total += terms * (terms - 1) // 2 * (step // modulus) + terms * (offset // modulus)
        step, offset = step % modulus, offset % modulus
        top = step * terms + offset
        if not np.any(top >= modulus):
            return total
        # Count the same points by rows instead of columns.
        terms, offset = top // modulus, top % modulus
        step, modulus = modulus, step
