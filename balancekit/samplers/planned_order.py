"""The order of draws that a plan's sampling stands for, and what it draws on average."""

import msgspec
import numpy as np
from numpy.typing import NDArray

from balancekit.errors import DataError, OptionError
from balancekit.labels import Labels
from balancekit.plan import Fixed, Natural, Plan, RepeatFactor, Targets, Uniform
from balancekit.samplers.class_index import ClassIndex
from balancekit.samplers.multilabel.strata import carried_classes, repeat_factor_strata
from balancekit.samplers.orders.class_aware_order import ClassAwareOrder
from balancekit.samplers.orders.draw_order import DrawOrder
from balancekit.samplers.orders.lengths import EpochLength, epoch_length, full_epoch
from balancekit.samplers.permutation import hash_keys

__all__ = [
    "check_counts_repeats",
    "expected_draws_per_sample",
    "label_shares",
    "planned_order",
    "second_stage_of",
]

SECOND_STAGE = -41
"""What a key is for, so that no two uses of the seed share one."""


def planned_order(
    labels: Labels, targets: Targets, *, width: int, seed: int
) -> DrawOrder | ClassAwareOrder:
    """The order in which samples are drawn under a plan, as `build` has it.

    Samples of several classes are drawn as they come, by their repeat factors, or class after
    class under `Uniform`: a draw for one class draws the sample's others too.

    Args:
        labels: of any task.
        targets: the plan's sampling.
        width: draws a batch, of all ranks together.
        seed: of everything that is drawn.

    Raises:
        DataError: no sample is labelled.
        OptionError: the targets are for one class a sample, and samples have several.

    >>> order = planned_order(Labels.from_names(["a", "a", "b"]), Uniform(), width=2, seed=0)
    >>> order.length.n_draws
    4
    """
    if labels.offsets is None or isinstance(targets, Natural):
        index = ClassIndex.for_targets(labels, targets)
        return DrawOrder(index, targets, (epoch_length(index, targets, width=width),), seed)
    if isinstance(targets, RepeatFactor):
        strata = repeat_factor_strata(labels, targets)
        n_batches = -(-strata.n_draws // width)
        length = EpochLength(0, n_batches * width, n_batches, width)
        fixed = Fixed(shares=tuple(strata.shares.tolist()))
        return DrawOrder(strata.index, fixed, (length,), seed, row="given")
    if isinstance(targets, Uniform):
        index = ClassIndex.from_labels(labels)
        return ClassAwareOrder(index, (full_epoch(index.n_samples, None, width, 1),), seed)
    raise OptionError(
        "sampling: expected natural, repeat-factor or uniform draws of samples with several "
        f"classes, got {type(targets).__name__}"
    )


def expected_draws_per_sample(
    order: DrawOrder | ClassAwareOrder, n_samples: int
) -> NDArray[np.float64]:
    """Draws of each sample in an epoch on average, as training ends: float64 [n_samples]."""
    index, shares = order.index, order.quotas.shares(None)
    counts = index.class_counts()
    per_draw = np.repeat(shares / np.maximum(counts, 1), counts)
    if index.samples is None:
        class_ids = np.repeat(np.arange(index.n_classes), counts)
        samples = index.take(class_ids, np.arange(index.n_samples) - index.starts[class_ids])
    else:
        samples = np.asarray(index.samples)
    found = np.bincount(samples, per_draw, n_samples)
    return np.asarray(found * order.length.n_draws, np.float64)


def label_shares(labels: Labels, targets: Targets) -> NDArray[np.float64]:
    """Share of the draws that carry each label, as training ends: float64 [n_classes].

    They do not sum to 1 where samples carry several.

    Raises:
        DataError: no sample is labelled.

    >>> labels = Labels(class_ids=[0, 0, 0, 1], class_names=("a", "b"), offsets=[0, 1, 2, 4])
    >>> label_shares(labels, Uniform()).round(3).tolist()
    [1.0, 0.667]
    """
    if not labels.n_samples:
        raise DataError("labels: expected at least one sample, got none")
    order = planned_order(labels, targets, width=1, seed=0)
    draws = expected_draws_per_sample(order, labels.n_samples)
    samples, classes = carried_classes(labels)
    carried = np.bincount(classes, draws[samples], labels.n_classes)
    return np.asarray(carried / draws.sum(), np.float64)


def check_counts_repeats(labels: Labels, targets: Targets) -> None:
    """Refuse to augment repeats where no sampler can tell them from first draws.

    Raises:
        OptionError: samples of several classes are drawn class after class.
    """
    if labels.offsets is not None and isinstance(targets, Uniform):
        raise OptionError(
            "plan: augmentation.repeats: expected draws that count how often a sample came, got "
            'class-aware ones of samples with several classes. Take sampling kind = "repeat-factor"'
            " or leave repeats out"
        )


def second_stage_of(plan: Plan) -> Plan | None:
    """`plan.second_stage()` with a seed of its own, so that it draws in another order."""
    second = plan.second_stage()
    if second is None:
        return None
    seed = int(hash_keys(plan.seed, SECOND_STAGE) >> np.uint64(1))
    return msgspec.structs.replace(second, seed=seed)
