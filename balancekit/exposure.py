"""Exposure: what training will see under a plan, before it starts."""

from typing import Literal

import msgspec
import numpy as np

from balancekit.errors import OptionError
from balancekit.labels import Labels
from balancekit.plan import Plan
from balancekit.samplers import ClassIndex, DrawOrder

__all__ = ["Exposure", "preview"]


class Exposure(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What training will see under a plan, per class in the order of the class ids.

    Attributes:
        samples_per_class: labelled samples.
        draws_per_class: exact number of draws in all epochs.
        natural_draws_per_class: the same under one draw of each sample an epoch.
        repeats_per_class: draws an epoch of one sample, on average.
        coverage_per_class: share of the class's samples drawn at least once.
        batch_low_per_class: fewest draws in one batch; a bound for multi-label data.
        batch_high_per_class: most draws in one batch; a bound for multi-label data.
        training_prior: shares of the classes in the data.
        believed_prior: prior that a model trained so will believe in.
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
    """What training on `labels` under `plan` will see, counted exactly without drawing.

    Args:
        plan: of `recommend`, or from a file.
        labels: of the data that the plan is for.
        batch_size: draws a batch, of all ranks together.
        epochs: how many to count.
        allow_other_data: True accepts labels that the plan was not made for.

    Raises:
        PlanError: the plan is for other data.
        OptionError: batch_size or epochs is below 1.
    """
    if batch_size < 1 or epochs < 1:
        raise OptionError(
            f"preview: expected batch_size and epochs ≥ 1, got {batch_size} and {epochs}"
        )
    if not allow_other_data:
        plan.check_data(labels)
    index = ClassIndex.for_targets(labels, plan.sampling)
    order = DrawOrder.for_batches(index, plan.sampling, batch_size=batch_size, seed=plan.seed)
    counts = labels.class_counts()
    if labels.offsets is None:
        draws = order.draws_before_epoch(epochs)
        lowest, highest = order.draws_per_batch_bounds(epochs)
    else:  # natural draws: each sample once an epoch, its labels fall into batches by chance
        draws = counts * epochs
        lowest, highest = np.zeros_like(counts), np.minimum(counts, batch_size)
    return Exposure(
        class_names=labels.class_names,
        epochs=epochs,
        batch_size=batch_size,
        batches_per_epoch=order.n_batches,
        draws_per_epoch=order.n_draws,
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
