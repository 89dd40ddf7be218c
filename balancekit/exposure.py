"""Exposure: what training will see under a plan, before it starts."""

import warnings
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from balancekit.augment.planned import augmentation_of
from balancekit.errors import BalancekitWarning, OptionError
from balancekit.labels import Labels
from balancekit.plan import Plan
from balancekit.plan.checks import plan_notes
from balancekit.samplers import ClassIndex, DrawOrder
from balancekit.samplers.audit.tally import Carried, Composition
from balancekit.samplers.orders.lengths import epoch_length

__all__ = ["Exposure", "preview"]

MOST_COUNTED = 20_000_000
"""Labels drawn one by one to count them; a second or two."""

DRAWS_AT_ONCE = 1 << 17
"""Draws whose labels are counted at once."""


class Exposure(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What training will see under a plan, per class in the order of the class ids.

    Attributes:
        samples_per_class: labelled samples.
        draws_per_class: exact number of draws in all epochs.
        natural_draws_per_class: the same under one draw of each sample an epoch.
        repeats_per_class: draws an epoch of one sample, on average.
        coverage_per_class: share of the class's samples drawn at least once.
        batch_low_per_class: fewest draws in one batch; of labels, where samples carry several,
            and 0 where they are too many to count.
        batch_high_per_class: most draws in one batch; likewise, and all labels of the class
            where they are too many to count.
        training_prior: shares of the classes in the data.
        believed_prior: prior that a model trained so will believe in; under a `Schedule`, once
            it has ended, however few epochs are counted.
        wanted_prior: prior that decisions should assume.
        corrected_after_training: whether `Pipeline.correct` has to close a gap between them.
    """

    schema: Literal["balancekit.exposure/1"] = "balancekit.exposure/1"
    class_names: tuple[str, ...]
    epochs: int
    batch_size: int
    batches_per_epoch: int
    draws_per_epoch: int
    samples_per_class: tuple[int, ...]
    draws_per_class: tuple[int, ...]
    natural_draws_per_class: tuple[int, ...]
    repeats_per_class: tuple[float, ...]
    coverage_per_class: tuple[float, ...]
    batch_low_per_class: tuple[int, ...]
    batch_high_per_class: tuple[int, ...]
    training_prior: tuple[float, ...]
    believed_prior: tuple[float, ...]
    wanted_prior: tuple[float, ...]
    corrected_after_training: bool


def preview(
    plan: Plan,
    labels: Labels,
    *,
    batch_size: int,
    epochs: int = 1,
    allow_other_data: bool = False,
) -> Exposure:
    """What training on `labels` under `plan` will see, counted exactly.

    Only the labels of multi-label batches take drawing to be counted: all, up to 20 million.
    `audit` of a sampler counts every draw of every sample.

    Args:
        plan: of `recommend`, or from a file.
        labels: of the data that the plan is for.
        batch_size: draws a batch, of all ranks together.
        epochs: how many to count.
        allow_other_data: True accepts labels that the plan was not made for.

    Raises:
        PlanError: the plan is for other data.
        OptionError: batch_size or epochs is below 1, or the rules forbid an operation or a mix
            of the plan.
    """
    if batch_size < 1 or epochs < 1:
        raise OptionError(
            f"preview: expected batch_size and epochs ≥ 1, got {batch_size} and {epochs}"
        )
    if not allow_other_data:
        plan.check_data(labels)
    _check_augmentation(plan)
    index = ClassIndex.for_targets(labels, plan.sampling)
    length = epoch_length(index, plan.sampling, width=batch_size)
    order = DrawOrder(index, plan.sampling, (length,), plan.seed)
    counts = labels.class_counts()
    if labels.offsets is None:
        draws = order.quotas.before(epochs)
        lowest, highest = order.draws_per_batch_bounds(epochs)
    else:  # natural draws: each sample once an epoch, its labels fall into batches by chance
        draws = counts * epochs
        lowest, highest = _labels_per_batch(order, labels, epochs)
    return Exposure(
        class_names=labels.class_names,
        epochs=epochs,
        batch_size=batch_size,
        batches_per_epoch=length.n_batches,
        draws_per_epoch=length.n_draws,
        samples_per_class=tuple(counts.tolist()),
        draws_per_class=tuple(draws.tolist()),
        natural_draws_per_class=tuple((counts * epochs).tolist()),
        repeats_per_class=tuple((draws / np.maximum(counts, 1) / epochs).tolist()),
        coverage_per_class=tuple(np.minimum(1.0, draws / np.maximum(counts, 1)).tolist()),
        batch_low_per_class=tuple(lowest.tolist()),
        batch_high_per_class=tuple(highest.tolist()),
        training_prior=tuple(plan.training_prior().tolist()),
        believed_prior=tuple(plan.believed_prior().tolist()),
        wanted_prior=tuple(plan.wanted().tolist()),
        corrected_after_training=bool(np.ptp(plan.correction_shift()) > 1e-6),
    )


def _check_augmentation(plan: Plan) -> None:
    """Refuse what `build` would, and sooner; and tell of what does nothing."""
    augmentation_of(plan.augmentation, plan.data.class_names, plan.data.class_counts)
    for note in plan_notes(plan):
        warnings.warn(f"plan: {note}.", BalancekitWarning, stacklevel=3)


def _labels_per_batch(
    order: DrawOrder, labels: Labels, epochs: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Fewest and most labels of each class in a batch of these epochs: int64 [n_classes] both."""
    assert labels.offsets is not None
    counts = labels.class_counts()
    if len(labels.class_ids) * epochs > MOST_COUNTED:
        return np.zeros_like(counts), counts
    carried = Carried(labels.offsets, labels.class_ids)
    composition = Composition(labels.n_classes)
    n_batches, width = order.length.n_batches, order.length.width
    step = max(1, DRAWS_AT_ONCE // width)
    blocks = [(first, min(first + step, n_batches)) for first in range(0, n_batches, step)]
    for epoch in range(epochs):
        for draws in order.draws_of_blocks(epoch, blocks):
            batches = np.broadcast_to(np.arange(len(draws.indices))[:, None], draws.indices.shape)
            of_labels = carried.of(draws.flat(draws.indices), draws.flat(batches))
            composition.count(*of_labels, len(draws.indices))
    return composition.fewest, composition.most
