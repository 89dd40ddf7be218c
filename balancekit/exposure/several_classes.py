"""What draws of samples with several classes each hold: drawn and counted, or expected."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from balancekit.exposure.seen import Alike, Seen
from balancekit.exposure.uses import Uses
from balancekit.labels import Labels
from balancekit.plan import Natural, Plan
from balancekit.samplers.audit.tally import Carried, Composition
from balancekit.samplers.orders.order import Draws, Order
from balancekit.samplers.planned_order import expected_draws_per_sample, planned_order

__all__ = ["MOST_COUNTED", "seen_of_several_classes"]

MOST_COUNTED = 20_000_000
"""Labels drawn one by one to count them; a few seconds."""

DRAWS_AT_ONCE = 1 << 17
"""Draws whose labels are counted at once."""

MOST_CELLS = 1 << 24
"""Cells of a table of batches by classes."""


def seen_of_several_classes(
    plan: Plan, labels: Labels, strengths: NDArray[np.float64], *, batch_size: int, epochs: int
) -> Seen:
    """What some epochs hold: every draw counted, or expected values where they are too many.

    Args:
        plan: its sampling is followed.
        labels: several classes a sample.
        strengths: with which repeats of each class are augmented, float64 [n_classes].
        batch_size: draws a batch, of all ranks together.
        epochs: how many to count.
    """
    order = planned_order(labels, plan.sampling, width=batch_size, seed=plan.seed)
    assert labels.offsets is not None
    a_sample = len(labels.class_ids) / max(1, labels.n_samples)
    if order.length.n_draws * max(1.0, a_sample) * epochs <= MOST_COUNTED:
        return _counted(order, labels, strengths, epochs)
    natural = isinstance(plan.sampling, Natural)
    uses = np.ones(labels.n_samples) if natural else expected_draws_per_sample(order, len(labels))
    return _expected(order, labels, strengths, uses, epochs)


def _counted(order: Order, labels: Labels, strengths: NDArray[np.float64], epochs: int) -> Seen:
    count = _Count(labels)
    n_batches = order.length.n_batches
    most = MOST_CELLS // max(1, labels.n_classes)
    step = max(1, min(DRAWS_AT_ONCE // order.length.width, most))
    blocks = [(first, min(first + step, n_batches)) for first in range(0, n_batches, step)]
    for epoch in range(epochs):
        for draws in order.draws_of_blocks(epoch, blocks):
            count.add(draws)
        count.end_epoch()
    n_draws = int(count.uses.sum())
    samples = _Samples.of(labels, count.uses, strengths)
    return Seen(
        length=order.length,
        draws=count.composition.totals,
        coverage=samples.coverage,
        sample_low=samples.lowest,
        sample_high=samples.highest,
        batch_low=count.composition.fewest,
        batch_high=count.composition.most,
        batch_without=1 - count.batches_with / (n_batches * epochs),
        uses=Uses.counted(count.uses),
        repeat_share=count.n_repeats / max(1, n_draws),
        per_sample=samples.alike(epochs),
    )


class _Count:
    """What the draws counted so far hold."""

    def __init__(self, labels: Labels) -> None:
        assert labels.offsets is not None
        self._carried = Carried(labels.offsets, labels.class_ids)
        self.composition = Composition(labels.n_classes)
        self.batches_with = np.zeros(labels.n_classes, np.int64)
        self.uses = np.zeros(labels.n_samples, np.int64)
        self._in_epoch = np.zeros(labels.n_samples, np.int64)
        self.n_repeats = 0

    def add(self, draws: Draws) -> None:
        """Count some more batches."""
        samples, n_batches = draws.flat(draws.indices), len(draws.indices)
        batches = np.broadcast_to(np.arange(n_batches)[:, None], draws.indices.shape)
        class_ids, of_batch = self._carried.of(samples, draws.flat(batches))
        self.composition.count(class_ids, of_batch, n_batches)
        is_in = np.zeros((n_batches, len(self.batches_with)), np.bool_)
        is_in[of_batch, class_ids] = True
        self.batches_with += is_in.sum(0)
        self._in_epoch += np.bincount(samples, minlength=len(self._in_epoch))

    def end_epoch(self) -> None:
        """All draws of an epoch are counted."""
        self.n_repeats += int(np.maximum(self._in_epoch - 1, 0).sum())
        self.uses += self._in_epoch
        self._in_epoch[:] = 0


def _expected(
    order: Order,
    labels: Labels,
    strengths: NDArray[np.float64],
    uses: NDArray[np.float64],
    epochs: int,
) -> Seen:
    """What is expected, given the draws of each sample in an epoch: float64 [n_samples]."""
    assert labels.offsets is not None
    counts, width = labels.class_counts(), order.length.width
    in_all = np.rint(uses * epochs).astype(np.int64)
    samples = _Samples.of(labels, in_all, strengths)
    drawn = np.bincount(labels.class_ids, samples.of_labels(uses), labels.n_classes) * epochs
    repeats = np.maximum(uses - 1, 0).sum()  # each sample is drawn its share, to within one
    is_natural = bool(np.all(uses == 1))
    known = () if is_natural else ("draws_per_class", "coverage_per_class", "repeat_share")
    of_samples = ("draws_per_sample", "sample_low_per_class", "sample_high_per_class")
    of_batches = ("batch_low_per_class", "batch_high_per_class", "batch_without_per_class")
    return Seen(
        length=order.length,
        draws=np.rint(drawn).astype(np.int64),
        coverage=samples.coverage,
        sample_low=samples.lowest,
        sample_high=samples.highest,
        batch_low=np.zeros_like(counts),
        batch_high=np.maximum(counts, np.rint(drawn / epochs).astype(np.int64)),
        batch_without=(1 - samples.share_with(uses)) ** width,
        uses=Uses.counted(in_all),
        repeat_share=float(repeats / uses.sum()),
        per_sample=samples.alike(epochs),
        expected=(*known, *(() if is_natural else of_samples), *of_batches),
    )


@dataclass(frozen=True, eq=False)
class _Samples:
    """Samples, the classes that they carry, and how often they are drawn.

    Attributes:
        labels: of the samples.
        uses: draws of each in all epochs, int64 [n_samples].
        strengths: with which repeats are augmented, rising, and the place among them of the
            strongest of each sample's classes, int64 [n_samples].
        lowest: fewest draws of a sample with each class, int64 [n_classes].
        highest: most draws of a sample with each class, int64 [n_classes].
        coverage: share of the labels of each class that are drawn, float64 [n_classes].
    """

    labels: Labels
    uses: NDArray[np.int64]
    strengths: tuple[NDArray[np.float64], NDArray[np.int64]]
    lowest: NDArray[np.int64]
    highest: NDArray[np.int64]
    coverage: NDArray[np.float64]

    @classmethod
    def of(
        cls, labels: Labels, uses: NDArray[np.int64], strengths: NDArray[np.float64]
    ) -> "_Samples":
        assert labels.offsets is not None
        lengths, counts = np.diff(labels.offsets), labels.class_counts()
        of_labels = np.repeat(uses, lengths)
        highest = np.zeros(labels.n_classes, np.int64)
        np.maximum.at(highest, labels.class_ids, of_labels)
        lowest = highest.copy()
        np.minimum.at(lowest, labels.class_ids, of_labels)
        drawn = np.bincount(labels.class_ids[of_labels > 0], minlength=labels.n_classes)
        known, of_class = np.unique(strengths, return_inverse=True)
        strongest = np.zeros(labels.n_samples, np.int64)
        if len(known) > 1:
            owners = np.repeat(np.arange(labels.n_samples), lengths)
            np.maximum.at(strongest, owners, of_class[labels.class_ids])
        coverage = drawn / np.maximum(counts, 1)
        return cls(labels, uses, (known, strongest), lowest, highest, coverage)

    def of_labels(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """The value of each label's sample: float64 [n_labels]."""
        assert self.labels.offsets is not None
        return np.repeat(values, np.diff(self.labels.offsets))

    def share_with(self, uses: NDArray[np.float64]) -> NDArray[np.float64]:
        """Share of the draws that carry each class, at the most: float64 [n_classes].

        Exact where no sample carries a class twice.
        """
        drawn = np.bincount(self.labels.class_ids, self.of_labels(uses), self.labels.n_classes)
        return np.asarray(np.minimum(1.0, drawn / uses.sum()), np.float64)

    def alike(self, epochs: int) -> Alike:
        """Samples in groups of as many draws and as strong repeats."""
        known, strongest = self.strengths
        n_samples = np.bincount(self.uses * len(known) + strongest)
        groups = np.flatnonzero(n_samples)
        uses, places = np.divmod(groups, len(known))
        return Alike(uses / epochs, n_samples[groups], known[places])
