"""Metrics to watch, and how far to trust them, given how many samples they are measured on."""

import math
from dataclasses import dataclass
from typing import cast, get_args

import numpy as np
from numpy.typing import NDArray

from balancekit.errors import OptionError
from balancekit.plan import Confidence, Metric, Objective, Plan, Reason
from balancekit.plan.metric_names import objective_text
from balancekit.plan.tagged import is_number
from balancekit.stats import MeasuredBySamples, Stats, expected_half_width

__all__ = ["HeldOut", "held_out_of", "metrics_to_watch"]

ALSO: dict[Objective, tuple[str, ...]] = {
    "balanced_accuracy": ("recall_per_class", "macro_f1"),
    "macro_f1": ("recall_per_class", "balanced_accuracy"),
    "accuracy": ("recall_per_class",),
    "auprc": ("calibration", "recall@precision"),
    "recall@precision": ("auprc", "calibration"),
    "calibration": ("accuracy", "recall_per_class"),
    "map": ("recall_per_class", "macro_f1"),
    "mae_by_shot": ("mae", "geometric_mean_error_by_shot"),
}
"""What else tells how good a model is, beside the objective itself."""

OF_PLACES = {
    "detection": ("map_per_class", "map_by_shot"),
    "segmentation": ("dice_per_class", "mean_iou"),
    "keypoints": ("pck",),
}
"""The same where other metrics are usual."""

PIXELS_ARE_NO_SAMPLES = ("detection", "segmentation", "keypoints")
"""Tasks whose pictures hold many pixels or boxes that err together: no interval follows from
their number, and pictures are too few to say."""

SURE, UNSURE = 0.03, 0.1
"""Half an interval up to which a metric is trusted much, and beyond which little."""


@dataclass(frozen=True)
class HeldOut:
    """What a plan's metrics will be measured on.

    Attributes:
        counts: samples of each class, float64 [n_classes].
        what: which samples those are, in words.
    """

    counts: NDArray[np.float64]
    what: str


def held_out_of(stats: Stats, validation_share: float) -> HeldOut:
    """The split for validation or for test, or else a share of the samples.

    Args:
        stats: of the data.
        validation_share: to hold out, in (0, 1).

    Raises:
        OptionError: the share is out of range.
    """
    if not (is_number(validation_share) and 0 < validation_share < 1):
        raise OptionError(
            f"validation_share: expected a share in (0, 1), got {validation_share!r}. Use 0.2"
        )
    if stats.per_class.held_out is not None:
        return HeldOut(np.array(stats.per_class.held_out, np.float64), "the split held out")
    carried = stats.per_class.samples or stats.class_counts
    counts = np.array(carried, np.float64) * validation_share
    return HeldOut(counts, f"{100 * validation_share:g} % of the samples held out")


def metrics_to_watch(plan: Plan, held_out: HeldOut) -> tuple[tuple[Metric, ...], Reason]:
    """The metrics, the objective first, with their 95 % intervals, and the reason.

    Args:
        plan: with its objective.
        held_out: what they are measured on.
    """
    also = OF_PLACES.get(plan.data.task, ALSO[plan.objective])
    metrics = tuple(_metric(name, plan, held_out) for name in (plan.objective, *also))
    because = f"{objective_text(plan.objective)} is what the model should be good at"
    source = "none needed"
    if any(metric.half_width is not None for metric in metrics):
        because += f"; the intervals are those to expect on {held_out.what}, at a recall of 0.8"
        source = "Wilson, JASA 22 (1927)"
    reason = Reason(
        part="metrics",
        because=because,
        source=source,
        instead="more samples held out, or cross-validation, where an interval is too wide",
    )
    return metrics, reason


def _metric(name: str, plan: Plan, held_out: HeldOut) -> Metric:
    measured = "recall" if name == "recall_per_class" else name
    if plan.data.task in PIXELS_ARE_NO_SAMPLES:
        because = f"on {held_out.what}; pixels and boxes of one picture err together, so that "
        return Metric(name=name, confidence="low", because=f"{because}no interval follows")
    if measured not in get_args(MeasuredBySamples):
        return Metric(name=name, because=f"on {held_out.what}; counts alone give no interval")
    without = _without_samples(plan, held_out) if name != "accuracy" else ""
    counts = held_out.counts[held_out.counts > 0]
    if without or not counts.size:
        return Metric(name=name, confidence="low", because=without or f"no sample: {held_out.what}")
    if measured == "recall":
        counts = counts[[np.argmin(counts)]]
    if plan.data.task == "classification" and len(counts) == 2 and name != "accuracy":
        counts = counts if name in ("balanced_accuracy", "macro_f1") else counts[[counts.argmin()]]
    half = expected_half_width(cast(MeasuredBySamples, measured), counts)
    of = "of the smallest class, " if measured == "recall" else ""
    n = round(float(counts.sum()))
    # Samples with several labels are counted once for each.
    are_labels = plan.data.task == "multilabel" and measured != "recall"
    noun, within = ("label", " in") if are_labels else ("sample", ":")
    because = f"{of}{n:,} {noun}{'s' * (n != 1)}{within} {held_out.what}"
    return Metric(name=name, half_width=_rounded(half), confidence=_trust(half), because=because)


def _without_samples(plan: Plan, held_out: HeldOut) -> str:
    """How many classes to be learned have no held-out sample, in words; empty if all have."""
    trained = np.array(plan.data.class_counts) > 0
    n_without = int(np.sum(trained & (np.round(held_out.counts) == 0)))
    if not n_without:
        return ""
    have = "has" if n_without == 1 else "have"
    return (
        f"{n_without:,} of {int(trained.sum()):,} classes {have} no sample at all in "
        f"{held_out.what}; no interval follows"
    )


def _trust(half_width: float) -> Confidence:
    if half_width <= SURE:
        return "high"
    return "medium" if half_width <= UNSURE else "low"


def _rounded(half_width: float) -> float | None:
    return None if math.isnan(half_width) else round(half_width, 4)
