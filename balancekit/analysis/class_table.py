"""What is known of each class: counts, groups, weights, and how well its recall can be told."""

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from balancekit.stats import ClassTable, Counts, shot_groups, wilson_interval

__all__ = [
    "SET_TASKS",
    "class_column",
    "effective_numbers",
    "label_imbalance_ratios",
    "measure_classes",
    "median_frequency_weights",
    "recall_half_widths",
    "repeat_factors",
]

SET_TASKS = frozenset({"multilabel", "detection", "segmentation", "keypoints"})
"""Tasks in which a sample carries a set of classes."""

REPEAT_THRESHOLD = 0.001
"""Share of samples below which repeat-factor sampling repeats a class: that of LVIS."""


def class_column(by_name: Mapping[str, int], class_names: tuple[str, ...]) -> NDArray[np.int64]:
    """Numbers by class name in the order of the class ids, 0 where there is none: [n_classes]."""
    return np.fromiter((by_name.get(name, 0) for name in class_names), np.int64, len(class_names))


def effective_numbers(class_counts: ArrayLike) -> NDArray[np.float64]:
    """Effective number of samples of each class, (1 - β^n) / (1 - β), β = 1 - 1/N: [n_classes].

    How much of what N samples could show at most is shown by n: n for a rare class, and ever
    less than n for a common one. Source: Cui et al. 2019 (arXiv 1901.05555), section 3.

    >>> effective_numbers([100, 1]).round(2).tolist()
    [63.66, 1.0]
    """
    counts = np.asarray(class_counts, np.float64)
    total = float(counts.sum())
    if total <= 1:
        return np.minimum(counts, 1.0)
    # 1 - β^n loses all its digits for β near 1 when it is computed as written.
    effective: NDArray[np.float64] = -total * np.expm1(counts * np.log1p(-1 / total))
    return effective


def repeat_factors(
    samples_per_class: ArrayLike, n_samples: int, threshold: float = REPEAT_THRESHOLD
) -> NDArray[np.float64]:
    """Repeats of each class under repeat-factor sampling, max(1, √(t/f)): [n_classes].

    Args:
        samples_per_class: samples that carry each class.
        n_samples: all samples, so that f is the share of them that carry the class.
        threshold: t.

    NaN for a class without samples. Source: Gupta et al., LVIS (arXiv 1908.03195), section 6.

    >>> repeat_factors([5000, 1], 10_000).round(2).tolist()
    [1.0, 3.16]
    """
    samples = np.asarray(samples_per_class, np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        factors = np.sqrt(threshold * n_samples / samples)
    return np.where(samples > 0, np.maximum(1.0, factors), np.nan)


def median_frequency_weights(
    pixels_per_class: ArrayLike, pixels_where_present: ArrayLike
) -> NDArray[np.float64]:
    """Median frequency over that of each class: [n_classes], NaN for a class without pixels.

    The frequency of a class is its pixels over all pixels of the masks that show it; the
    median is over classes that have pixels. Void pixels count nowhere.
    Source: Eigen & Fergus 2015 (arXiv 1411.4734), section 6.3.2.

    >>> median_frequency_weights([50, 10, 0], [100, 40, 0]).tolist()
    [0.75, 1.5, nan]
    """
    pixels = np.asarray(pixels_per_class, np.float64)
    around = np.asarray(pixels_where_present, np.float64)
    shown = (pixels > 0) & (around > 0)
    weights = np.full(pixels.shape, np.nan)
    if shown.any():
        frequency = pixels[shown] / around[shown]
        weights[shown] = np.median(frequency) / frequency
    return weights


def label_imbalance_ratios(samples_per_class: ArrayLike) -> NDArray[np.float64]:
    """IRLbl, the largest label count over that of each label: [n_classes], NaN without samples.

    Source: Charte et al., Neurocomputing 163 (2015), equation 5.

    >>> label_imbalance_ratios([10, 5]).tolist()
    [1.0, 2.0]
    """
    samples = np.asarray(samples_per_class, np.float64)
    filled = np.where(samples > 0, samples, np.nan)
    ratios: NDArray[np.float64] = filled.max(initial=0, where=samples > 0) / filled
    return ratios


def recall_half_widths(held_out: ArrayLike, recall: float = 0.8) -> NDArray[np.float64]:
    """Half the 95 % interval of a recall measured on so many samples: [n_classes], 0.5 for none.

    Source: Wilson, JASA 22 (1927).

    >>> recall_half_widths([10, 400]).round(3).tolist()
    [0.227, 0.039]
    """
    n = np.asarray(held_out, np.float64)
    low, high = wilson_interval(recall * n, n)
    return (high - low) / 2


def measure_classes(
    counts: Counts, class_names: tuple[str, ...], held_out: Mapping[str, int] | None
) -> ClassTable:
    """All columns that are defined for the task.

    Args:
        counts: of the measured split.
        class_names: in the order of the class ids.
        held_out: samples of each class in the split that validates; None if there is none.
    """
    samples = class_column(counts.samples_per_class, class_names)
    shot = np.where(samples > 0, shot_groups(samples), "none")
    table = ClassTable(
        samples=_whole(samples),
        shot=tuple(shot.tolist()),
        effective_number=tuple(effective_numbers(samples).tolist()),
    )
    columns = _columns_of_task(counts, class_names, samples)
    if held_out is not None and counts.task != "regression":
        held = class_column(held_out, class_names)
        columns["held_out"] = _whole(held)
        if counts.task != "segmentation":  # the overlap of two areas is no share of trials
            columns["recall_half_width"] = tuple(recall_half_widths(held).tolist())
    return msgspec.structs.replace(table, **columns)


def _columns_of_task(
    counts: Counts, class_names: tuple[str, ...], samples: NDArray[np.int64]
) -> dict[str, Any]:
    """Columns that only some tasks have."""
    columns: dict[str, Any] = {}
    if counts.task in SET_TASKS:
        columns["repeat_factor"] = _known(repeat_factors(samples, counts.n_samples))
        columns["irlbl"] = _known(label_imbalance_ratios(samples))
    if counts.instances_per_class and counts.task in SET_TASKS - {"multilabel"}:
        columns["instances"] = _whole(class_column(counts.instances_per_class, class_names))
    if counts.sizes_per_class and counts.task in ("detection", "keypoints"):
        sizes = [counts.sizes_per_class.get(name, (0, 0, 0)) for name in class_names]
        columns |= zip(("small", "medium", "large"), zip(*sizes, strict=True), strict=False)
    if counts.task == "segmentation":
        pixels = class_column(counts.pixels_per_class, class_names)
        columns["pixels"] = _whole(pixels)
        if counts.pixels_where_present:
            around = class_column(counts.pixels_where_present, class_names)
            columns["median_frequency_weight"] = _known(median_frequency_weights(pixels, around))
    return columns


def _whole(column: NDArray[np.int64]) -> tuple[int, ...]:
    return tuple(column.tolist())


def _known(column: NDArray[np.float64]) -> tuple[float | None, ...]:
    """The column with None for NaN, which JSON has no word for."""
    return tuple(None if value != value else value for value in column.tolist())
