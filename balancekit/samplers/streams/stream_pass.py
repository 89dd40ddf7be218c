"""One pass over a stream: reads samples, holds some of each class, gives out balanced ones.

Samples are given out in blocks:

1. What was read so far tells the class frequencies p; p and the targets tell the shares
   wanted, q, and those that the bounds allow, s (see `reachable_shares`).
2. Per sample given out A samples are read: as few as s needs, between 1 and
   max_read_amplification. An arriving sample of class c gets s_c / (A p_c) uses on average,
   by error diffusion, at most max_repeats; with none it is dropped at once.
3. A block of B gives each class λ·B·q_c of them, with what it missed in earlier blocks, but
   no more than it has in stock and expects; λ makes them B. Rounding is carried on.
4. The classes are spread evenly over the block. A class that has nothing when its turn
   comes misses it, and is owed it in the next blocks, at up to twice its share.
5. When the stream ends, what is held is rationed: no class keeps more than a tenth more
   than its share s_c of what is left to give out. The rest goes, and what is left is spread
   evenly to the end.

Every draw is a function of (seed, epoch, part, number of the draw).
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from balancekit.errors import DataError
from balancekit.labels.class_ids import class_name_of
from balancekit.plan.water_filling import fill_up
from balancekit.samplers.permutation import hash_keys
from balancekit.samplers.streams.class_queue import ClassQueue
from balancekit.samplers.streams.frequencies import ClassFrequencies
from balancekit.samplers.streams.label_reader import LabelReader
from balancekit.samplers.streams.noise import Noise, noise_at
from balancekit.samplers.streams.options import StreamOptions
from balancekit.samplers.streams.report import ClassTally, StreamReport
from balancekit.samplers.streams.shares import reachable_shares, reads_needed, wanted_shares
from balancekit.samplers.streams.turns import rounded, spread

__all__ = ["StreamPass"]

FIRST_BLOCK, BLOCK, LARGEST_BLOCK = 32, 512, 1 << 16
"""Samples of a block: few at first, while the frequencies are hardly known."""

RESERVE, MOST_BOOST = 32, 0.5
"""While fewer samples of a class than RESERVE are held, each that arrives gets more uses, and more
is read: by the part MOST_BOOST where none is held. So a class seldom runs out by chance."""

NEARLY_FULL, LESS = 0.75, 0.8
"""From this part of its buffer on a class gets fewer uses a sample, so that it loses none."""

MOST_OWED = 8
"""A class is owed the uses of at most this many samples: what it missed before is forgiven."""

MOST_AT_END, SPARE_AT_END = 1.1, 2
"""Once the stream has ended a class is given out at most MOST_AT_END times its share, and SPARE
samples, which rounding takes."""

MOST_UNWANTED = 10_000
"""Samples at the start of a stream after which it is given up, if no class had a share."""


class StreamPass:
    """One pass over one part of a stream: iterate over it once.

    At most `buffer_per_class` samples of a class and `buffer_total` in all are held, besides
    the one in hand. At every moment the samples read are at most `warm_up` and
    `max_read_amplification` times those given out, not counting samples without a label or
    of a class whose share is 0.

    Args:
        iterable: the samples.
        label_fn: sample → label, any hashable value; None and -1 are no label.
        options: what is asked for.
        epoch: of the pass, ≥ 0.
        part: which of the parts that are read side by side, ≥ 0.
        start: samples given out before this pass, where it goes on with an earlier one.

    Attributes:
        n_given: samples given out.
        n_read: samples read that count.
    """

    def __init__(
        self,
        iterable: Iterable[Any],
        label_fn: Callable[[Any], object],
        options: StreamOptions,
        *,
        epoch: int = 0,
        part: int = 0,
        start: int = 0,
    ) -> None:
        self.options, self.epoch = options, epoch
        self.n_given, self.n_read, self.n_held, self.stock = 0, 0, 0, 0
        self._source, self._labels, self._ended = iter(iterable), LabelReader(label_fn), False
        self._key = int(hash_keys(options.seed, epoch, part, start).view(np.int64))
        self._noise, self._n_blocks = Noise(self._key, 0), 0
        self._room_per_class, self._is_one_full = options.buffer_per_class, False
        self._queues: list[ClassQueue] = []
        self._queue_of_label: dict[object, ClassQueue] = {}
        self._queue_of_name: dict[str, ClassQueue] = {}
        given = options.class_counts or {}
        self._known = {class_name_of(name): count for name, count in given.items() if count}
        for name in self._known:
            self._add_class(name)
        known = np.array(list(self._known.values()), np.float64)
        self._frequencies = ClassFrequencies(options.half_life, known)
        self._wanted, self._owed, self._lacked = np.zeros(0), np.zeros(0), np.zeros(0)
        self._reads_per_given, self._reads_due, self._usual_stock = 1.0, 0.0, 0
        self._is_rationed = False

    def __iter__(self) -> Iterator[Any]:
        """The samples, until the stream ends and what is held is given out."""
        while self.n_read < self.options.warm_up and self._read():
            if self._is_one_full:
                break  # what came next of its class would be lost
        while self._goes_on:
            yield from self._block()
        self._labels.check_end()
        self._check_wanted(1)

    # --- reading ---------------------------------------------------------------------------

    def _read(self) -> bool:
        """Read on until a sample comes that counts; False where the stream ends."""
        for sample in self._source:
            label = self._labels.raw(sample)
            try:
                queue = self._queue_of_label.get(label)
            except TypeError:  # not hashable, as an array of no dimensions
                queue = None
            if queue is None:
                queue = self._learn_class(label)
                if queue is None:
                    continue
            queue.n_read += 1
            if not queue.is_wanted:
                queue.n_dropped += 1
                self._check_wanted(MOST_UNWANTED)
                continue
            self.n_read += 1
            uses = queue.uses_of_next(self._noise())
            if self.stock <= self._usual_stock >> 2:
                uses = uses or 1  # so that there is always one to give out
            if uses:
                self._hold(queue, sample, uses)
            else:
                queue.n_dropped += 1
            return True
        self._ended = True
        return False

    def _check_wanted(self, most: int) -> None:
        """Refuse a stream of which so many samples were read, and none of a class with a share."""
        n_unwanted = 0 if self.n_read else sum(queue.n_read for queue in self._queues)
        if n_unwanted >= most:
            raise DataError(
                f"targets: expected shares of classes of the stream, got {self.options.targets}, "
                f"but none of the first {n_unwanted:,} samples has a class with a share: "
                f"{', '.join(repr(queue.name) for queue in self._queues[:5])}"
            )

    def _hold(self, queue: ClassQueue, sample: object, uses: int) -> None:
        if queue.n_held >= self._room_per_class:
            self._cut(queue)
        elif self.n_held >= self.options.buffer_total:  # more classes than places
            queue.n_dropped += 1
            queue.n_cut += uses
            return
        queue.hold(sample, uses)
        self._is_one_full = self._is_one_full or queue.n_held == self._room_per_class
        self.n_held += 1
        self.stock += uses

    def _cut(self, queue: ClassQueue) -> None:
        before = queue.stock
        queue.cut_oldest()
        self.n_held -= 1
        self.stock -= before - queue.stock

    def _learn_class(self, label: object) -> ClassQueue | None:
        """The queue of a label that was not seen in this form; None if it is no label."""
        name = self._labels.class_name(label)
        if name is None:
            return None
        queue = self._queue_of_name.get(name) or self._add_class(name)
        if isinstance(label, str | bytes | int | float | np.generic):  # equal ones hash equally
            self._queue_of_label[label] = queue
        return queue

    def _add_class(self, name: str) -> ClassQueue:
        share = wanted_shares(self.options.targets, np.ones(1), [name], self.epoch)
        queue = ClassQueue(name, is_wanted=bool(share[0] > 0))
        self._queues.append(queue)
        self._queue_of_name[name] = queue
        room = max(1, self.options.buffer_total // len(self._queues))
        if room < self._room_per_class:
            self._room_per_class = room
            for other in self._queues:
                while other.n_held > room:
                    self._cut(other)
        return queue

    # --- giving out ---------------------------------------------------------------------------

    @property
    def _goes_on(self) -> bool:
        return bool(self.stock) and not (self._ended and self.options.at_end == "stop")

    def _block(self) -> Iterator[Any]:
        """Give out one block, and read what it makes room for."""
        entitled, order = self._plan()
        given_before = np.array([queue.n_given for queue in self._queues], np.int64)
        n_before = self.n_given
        for queue in order:
            if queue.stock:
                yield self._give(queue)
                self._read_due()
                if not self._goes_on or (self._ended and not self._is_rationed):
                    break
        if self.n_given == n_before and self.stock:  # all that was expected failed to come
            yield self._give(max(self._queues, key=lambda queue: queue.stock))
            self._read_due()
        given = [queue.n_given for queue in self._queues[: len(entitled)]] - given_before
        most = MOST_OWED * self.options.max_repeats
        self._owed = np.clip(self._owed + entitled - given, -most, most)
        # Beyond 1, which rounding takes.
        lacked = np.maximum(self._wanted * (self.n_given - n_before) - given - 1, 0)
        self._lacked = np.pad(self._lacked, (0, len(lacked) - len(self._lacked))) + lacked

    def _give(self, queue: ClassQueue) -> Any:
        held = queue.n_held
        sample = queue.take(self._noise())
        self.n_held -= held - queue.n_held
        self.stock -= 1
        self.n_given += 1
        return sample

    def _read_due(self) -> None:
        self._reads_due += self._reads_per_given
        while self._reads_due >= 1 and not self._ended:
            self._reads_due -= 1
            self._read()

    # --- planning -------------------------------------------------------------------------

    def _plan(self) -> tuple[NDArray[np.float64], list[ClassQueue]]:
        """What each class should get of the next block, [n_classes], and whose turn is when."""
        wanted, p = self._learn_shares()
        self._wanted = wanted
        self._owed = np.pad(self._owed, (0, len(wanted) - len(self._owed)))
        rates = self._set_rates(wanted, p)
        if self._ended:
            return self._plan_end(self._reachable(wanted, p))
        size = max(min(BLOCK, FIRST_BLOCK << self._n_blocks), min(len(wanted), LARGEST_BLOCK))
        expected = size * self._reads_per_given * p * rates
        caps = np.array([queue.stock for queue in self._queues]) + expected
        catch_up = np.minimum(self._owed, size * wanted)
        shares, level = fill_up(wanted, caps, size, offsets=catch_up)
        entitled = caps if level == np.inf else level * wanted
        return entitled, self._order(shares)

    def _order(self, shares: NDArray[np.float64]) -> list[ClassQueue]:
        """Whose turn is when in the next block, of which each class gets so many, [n_classes]."""
        n_per_class = rounded(shares, float(noise_at(self._key, 1, self._n_blocks)))
        turns = np.arange(int(n_per_class.sum()))
        order = spread(n_per_class, noise_at(self._key, 2, self._n_blocks, turns))
        self._n_blocks += 1
        return [self._queues[number] for number in order.tolist()]

    def _plan_end(
        self, reachable: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], list[ClassQueue]]:
        """As `_plan`, of a stream that has ended: what is held in equal parts to the end."""
        if not self._is_rationed:
            self._is_rationed = True
            self._ration(reachable)
        stock = np.array([queue.stock for queue in self._queues], np.float64)
        shares = stock * min(1.0, BLOCK / max(1, self.stock))
        return shares, self._order(shares)

    def _ration(self, reachable: NDArray[np.float64]) -> None:
        """Let go of what no class can have without far more than its share of what is left."""
        most = np.array([queue.stock for queue in self._queues], np.float64)
        n_left, n_before = float(most.sum()), np.inf
        while n_left < n_before - 0.5:
            most = np.minimum(most, MOST_AT_END * reachable * n_left + SPARE_AT_END)
            n_left, n_before = float(most.sum()), n_left
        for queue, n_uses in zip(self._queues, np.ceil(most).astype(int).tolist(), strict=True):
            queue.ration(n_uses)
        self.stock = sum(queue.stock for queue in self._queues)
        self.n_held = sum(queue.n_held for queue in self._queues)

    def _learn_shares(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Shares wanted of the classes, and their shares in the stream: two of [n_classes]."""
        queues = self._queues
        read = np.array([queue.n_read for queue in queues], np.float64)
        self._recent = self._frequencies.learn(read)
        counts = self._frequencies.counts()
        n_known = max(float(read.sum()), float(sum(self._known.values())))
        names = [queue.name for queue in queues]
        scaled = counts * (n_known / float(counts.sum()))
        wanted = wanted_shares(self.options.targets, scaled, names, self.epoch)
        is_wanted = np.array([queue.is_wanted for queue in queues])
        p = np.where(is_wanted, counts, 0.0)
        shares: NDArray[np.float64] = wanted / float(wanted.sum())
        return shares, p / float(p.sum())

    def _set_rates(
        self, wanted: NDArray[np.float64], p: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Uses that arriving samples of each class get from now on: float64 [n_classes]."""
        options = self.options
        reachable = self._reachable(wanted, p)
        held = np.array([queue.n_held for queue in self._queues])
        stock = np.array([queue.stock for queue in self._queues])
        reserve = min(RESERVE, max(1, self._room_per_class // 2))
        boosts = 1 + MOST_BOOST * np.clip(1 - held / reserve, 0, 1)
        if self._ended or np.allclose(wanted, p):  # reading more gains nothing
            boosts = np.ones(len(held))
        most_needed = float((boosts * reads_needed(wanted, p, options.max_repeats)).max())
        self._reads_per_given = min(max(1.0, most_needed), float(options.max_read_amplification))
        rates = reachable / np.maximum(self._reads_per_given * p, np.finfo(np.float64).tiny)
        rates = rates * np.where(held > NEARLY_FULL * self._room_per_class, LESS, boosts)
        # What is owed and not in stock is spread over as many samples as came of late.
        rates = rates + np.maximum(self._owed - stock - 1, 0) / np.maximum(self._recent, 1)
        # Rounded, so that a rate of 1 is no rate of 0.9999999.
        uses: NDArray[np.float64] = np.minimum(np.round(rates, 9), options.max_repeats)
        for queue, rate in zip(self._queues, uses.tolist(), strict=True):
            queue.set_rate(rate)
            if queue.is_new:
                self._count_in(queue)
        if not self._n_blocks:
            self._usual_stock = self.stock
        return uses

    def _reachable(
        self, wanted: NDArray[np.float64], p: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        return reachable_shares(
            wanted,
            p,
            max_repeats=self.options.max_repeats,
            max_read_amplification=self.options.max_read_amplification,
        )

    def _count_in(self, queue: ClassQueue) -> None:
        """Give the samples held of a new class the uses that its first plan allows."""
        held, stock = queue.n_held, queue.stock
        # While there is more to read, what is here already is kept: another would cost a read.
        least = 0 if self._ended else 1
        queue.allot_again([self._noise() for _ in range(held)], least)
        queue.is_new = False
        self.n_held += queue.n_held - held
        self.stock += queue.stock - stock

    # --- what was done ----------------------------------------------------------------------

    def report(self) -> StreamReport:
        """What was given out so far."""
        options, labels = self.options, self._labels
        lacked = np.pad(self._lacked, (0, len(self._queues) - len(self._lacked))).tolist()
        return StreamReport(
            targets=options.targets,
            epoch=self.epoch,
            max_repeats=options.max_repeats,
            max_read_amplification=options.max_read_amplification,
            tallies={
                queue.name: ClassTally(
                    n_read=queue.n_read,
                    n_used=queue.n_used,
                    n_dropped=queue.n_dropped,
                    n_given=queue.n_given,
                    n_cut=queue.n_cut,
                    n_lacked=round(lack, 3),
                    n_known=float(self._known.get(queue.name, 0.0)),
                )
                for queue, lack in zip(self._queues, lacked, strict=True)
            },
            n_unlabelled=labels.n_unlabelled,
            n_failed=labels.n_failed,
            first_failure=labels.first_failure,
        )
