"""Counting every draw of an order: `audit_order`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from balancekit.errors import OptionError
from balancekit.labels import labels_of
from balancekit.samplers.audit.audit import Audit
from balancekit.samplers.audit.tally import Carried, Composition, Duplicates
from balancekit.samplers.class_index import ClassIndex
from balancekit.samplers.multilabel.strata import carried_classes
from balancekit.samplers.orders.order import Draws, Order
from balancekit.samplers.orders.paired_order import PairedOrder
from balancekit.samplers.orders.quotas import Quotas

__all__ = ["OrderByClass", "OrderWithinClass", "audit_order"]

DRAWS_AT_ONCE = 1 << 18
"""Draws counted at once."""

SAMPLES_AT_ONCE = 1 << 20
"""Samples whose uses are counted at once."""


@runtime_checkable
class OrderByClass(Protocol):
    """An order that draws for classes, in shares that it tells."""

    @property
    def index(self) -> ClassIndex:
        """Samples of each class."""

    @property
    def quotas(self) -> Quotas:
        """Shares of the classes."""


@runtime_checkable
class OrderWithinClass(Protocol):
    """An order that does not draw all samples of a class alike."""

    def shares_in_class(self) -> NDArray[np.float64]:
        """Share of each sample among the draws of its class, class after class: float64."""


def audit_order(
    order: Order,
    *,
    epochs: int = 1,
    first_epoch: int = 0,
    world_size: int = 1,
    labels: object = None,
    progress: Callable[[int, int], None] | None = None,
) -> Audit:
    """What some epochs of an order hold, every draw of them counted.

    It takes about as long as to draw them, and about 10 bytes a sample.

    Args:
        order: any; one that tells no classes needs `labels`.
        epochs: how many to count, ≥ 1.
        first_epoch: from which on.
        world_size: ranks that share a batch.
        labels: what to count classes by, of one class a sample or several; the classes that
            the order draws for if not given.
        progress: called with the batches counted so far, and those in all.

    Raises:
        OptionError: epochs is below 1, or there are no classes to count.
        DataError: labels cannot be told.

    >>> from balancekit.plan import Uniform
    >>> from balancekit.samplers import DrawOrder
    >>> from balancekit.samplers.orders.lengths import epoch_length
    >>> index, targets = ClassIndex.from_labels([0, 0, 0, 1]), Uniform()
    >>> lengths = (epoch_length(index, targets, width=2),)
    >>> audit_order(DrawOrder(index, targets, lengths, seed=0)).most_uses_per_class.tolist()
    [1, 2]
    """
    if isinstance(epochs, bool) or not isinstance(epochs, int | np.integer) or epochs < 1:
        raise OptionError(f"epochs: expected an integer ≥ 1, got {epochs!r}")
    classes = _Classes.of(order, labels)
    count = _Count(classes, world_size)
    length = order.length
    step = max(1, DRAWS_AT_ONCE // length.width)
    blocks = [
        (first, min(first + step, length.n_batches)) for first in range(0, length.n_batches, step)
    ]
    for epoch in range(first_epoch, first_epoch + epochs):
        before = (epoch - first_epoch) * length.n_batches
        for (_, end), draws in zip(blocks, order.draws_of_blocks(epoch, blocks), strict=True):
            count.add(draws)
            if progress is not None:
                progress(before + end, epochs * length.n_batches)
    return count.audit(order, range(first_epoch, first_epoch + int(epochs)))


@dataclass(frozen=True, eq=False)
class _Classes:
    """What is counted: the samples of each class, and how the classes of a draw are found.

    Attributes:
        index: samples of each class.
        drawn_from: samples that may be drawn.
        n_samples: of the data, up to the last that may be drawn.
        carried: classes of each sample; None to take those that the draws are for.
    """

    index: ClassIndex
    drawn_from: ClassIndex
    n_samples: int
    carried: Carried | None

    @classmethod
    def of(cls, order: Order, labels: object) -> "_Classes":
        by_class = _orders_by_class(order)
        drawn_from = by_class[0].index if by_class else None
        n_drawn_from = 0 if drawn_from is None else _end_of(drawn_from)
        if labels is None:
            if drawn_from is None:
                raise OptionError("labels: expected what to count classes by, got none")
            return cls(drawn_from, drawn_from, n_drawn_from, None)
        known = labels_of(labels)
        if known.n_samples < n_drawn_from:
            raise OptionError(
                f"labels: expected those of the sampler's {n_drawn_from:,} samples, got "
                f"{known.n_samples:,}"
            )
        samples, class_ids = carried_classes(known)
        per_sample = np.bincount(samples, minlength=known.n_samples)
        carried = Carried(np.concatenate([[0], np.cumsum(per_sample)]), class_ids)
        index = ClassIndex.from_labels(known)
        return cls(index, drawn_from or index, known.n_samples, carried)


class _Count:
    """What the draws counted so far hold."""

    def __init__(self, classes: _Classes, world_size: int) -> None:
        self._classes, self._world_size = classes, world_size
        self._uses = np.zeros(classes.n_samples, np.uint32)
        self._batches = Composition(classes.index.n_classes)
        self._parts = Composition(classes.index.n_classes) if world_size > 1 else self._batches
        self._duplicates = Duplicates()

    def add(self, draws: Draws) -> None:
        """Count some more batches."""
        samples = draws.flat(draws.indices)
        found, counts = np.unique(samples, return_counts=True)
        self._uses[found] += counts.astype(np.uint32)
        self._duplicates.count(draws.indices, draws.filled)
        n_batches, n_ranks = len(draws.indices), self._world_size
        places = np.broadcast_to(np.arange(draws.indices.shape[1]), draws.indices.shape)
        batches = np.broadcast_to(np.arange(n_batches)[:, None], draws.indices.shape)
        self._compose(self._batches, draws, samples, batches, n_batches)
        if n_ranks > 1:
            parts = batches * n_ranks + places % n_ranks
            self._compose(self._parts, draws, samples, parts, n_batches * n_ranks)

    def _compose(
        self,
        composition: Composition,
        draws: Draws,
        samples: NDArray[np.integer],
        batches: NDArray[np.int64],
        n_batches: int,
    ) -> None:
        of_draws = draws.flat(batches)
        if self._classes.carried is None:
            composition.count(draws.flat(draws.class_ids), of_draws, n_batches)
        else:
            composition.count(*self._classes.carried.of(samples, of_draws), n_batches)

    def audit(self, order: Order, epochs: range) -> Audit:
        """All that was counted, and what was to be expected."""
        index, uses = self._classes.index, self._uses
        expected_uses = _expected_uses(order, epochs, len(uses))
        fewest, mean, most, coverage = _uses_per_class(index, uses)
        length = order.length
        return Audit(
            class_names=index.class_names,
            first_epoch=epochs.start,
            epochs=len(epochs),
            n_batches=len(epochs) * length.n_batches,
            batch_size=length.width,
            world_size=self._world_size,
            n_draws=int(uses.sum(dtype=np.int64)),
            samples_per_class=index.class_counts(),
            draws_per_class=self._batches.totals,
            expected_draws_per_class=self._expected_per_class(order, epochs, expected_uses),
            fewest_uses_per_class=fewest,
            mean_uses_per_class=mean,
            most_uses_per_class=most,
            coverage_per_class=coverage,
            batch_low_per_class=self._batches.fewest,
            batch_high_per_class=self._batches.most,
            rank_low_per_class=self._parts.fewest,
            rank_high_per_class=self._parts.most,
            samples_per_use=_samples_per_use(self._classes.drawn_from, uses),
            n_batches_with_duplicates=self._duplicates.n_batches,
            most_copies_in_a_batch=self._duplicates.most_copies,
            _uses=uses,
            _expected_uses=expected_uses,
        )

    def _expected_per_class(
        self,
        order: Order,
        epochs: range,
        expected_uses: Callable[[], NDArray[np.float64]] | None,
    ) -> NDArray[np.float64] | None:
        carried = self._classes.carried
        if expected_uses is None:
            return None
        if carried is None:
            return _expected_draws(_orders_by_class(order), epochs)
        of_labels = np.repeat(expected_uses(), np.diff(carried.offsets))
        n_classes = self._classes.index.n_classes
        return np.asarray(np.bincount(carried.class_ids, of_labels, n_classes), np.float64)


def _end_of(index: ClassIndex) -> int:
    """One more than the last sample that is in a class."""
    if index.samples is not None:
        return int(index.samples.max()) + 1
    assert index.firsts is not None
    return int((index.firsts + index.class_counts())[index.class_counts() > 0].max())


def _orders_by_class(order: Order) -> list[OrderByClass]:
    """The order itself, or those that stand side by side in it; none if they tell no shares."""
    if isinstance(order, PairedOrder):
        pair = [_orders_by_class(half) for half in (order.first, order.second)]
        return [*pair[0], *pair[1]] if all(pair) else []
    return [order] if isinstance(order, OrderByClass) else []


def _expected_draws(orders: Sequence[OrderByClass], epochs: range) -> NDArray[np.float64]:
    """Draws times share of each class that the orders draw for: float64 [n_classes]."""
    per_epoch = [
        order.quotas.length(epoch).n_draws * order.quotas.shares(epoch)
        for order in orders
        for epoch in epochs
    ]
    total: NDArray[np.float64] = np.sum(per_epoch, axis=0)
    return total


def _expected_uses(
    order: Order, epochs: range, n_samples: int
) -> Callable[[], NDArray[np.float64]] | None:
    """What computes the same of each sample, [n_samples]; None if the order tells no shares."""
    by_class = _orders_by_class(order)
    if not by_class:
        return None
    draws, index = _expected_draws(by_class, epochs), by_class[0].index
    # Taken now: the losses that they may follow go on changing.
    in_class = order.shares_in_class() if isinstance(order, OrderWithinClass) else None

    def compute() -> NDArray[np.float64]:
        counts = index.class_counts()
        shares = np.repeat(1 / np.maximum(counts, 1), counts) if in_class is None else in_class
        class_ids = np.repeat(np.arange(index.n_classes), counts)
        within = np.arange(index.n_samples) - index.starts[class_ids]
        samples = index.take(class_ids, within)
        uses = np.bincount(samples, draws[class_ids] * shares, n_samples)
        return np.asarray(uses, np.float64)

    return compute


def _uses_per_class(
    index: ClassIndex, uses: NDArray[np.uint32]
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64], NDArray[np.float64]]:
    """Fewest, mean and most uses of a sample, and share of them used: [n_classes] each."""
    filled = np.flatnonzero(index.class_counts())
    fewest, most = np.zeros((2, index.n_classes), np.int64)
    mean, coverage = np.zeros((2, index.n_classes))
    by_class, starts = _by_class(index, uses), index.starts[filled]
    fewest[filled] = np.minimum.reduceat(by_class, starts)
    most[filled] = np.maximum.reduceat(by_class, starts)
    used = np.add.reduceat(by_class > 0, starts, dtype=np.int64)
    coverage[filled] = used / index.class_counts()[filled]
    total = np.add.reduceat(by_class, starts, dtype=np.int64)
    mean[filled] = total / index.class_counts()[filled]
    return fewest, mean, most, coverage


def _by_class(index: ClassIndex, uses: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Uses of samples, class after class."""
    if index.samples is not None:
        by_class: NDArray[np.uint32] = uses[index.samples]
        return by_class
    assert index.firsts is not None
    stretches = zip(index.firsts.tolist(), index.class_counts().tolist(), strict=True)
    return np.concatenate([uses[first : first + count] for first, count in stretches])


def _samples_per_use(index: ClassIndex, uses: NDArray[np.uint32]) -> NDArray[np.int64]:
    """Samples of the index that were used 0, 1, 2, … times: int64 [most uses + 1]."""
    in_class = np.zeros(len(uses), np.bool_)
    if index.samples is not None:
        in_class[index.samples] = True
    else:
        assert index.firsts is not None
        for first, count in zip(index.firsts.tolist(), index.class_counts().tolist(), strict=True):
            in_class[first : first + count] = True
    samples = np.zeros(int(uses.max()) + 1, np.int64)
    for first in range(0, len(uses), SAMPLES_AT_ONCE):
        some = slice(first, first + SAMPLES_AT_ONCE)
        samples += np.bincount(uses[some][in_class[some]], minlength=len(samples))
    return samples
