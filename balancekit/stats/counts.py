"""Counts of a labelled set, which merge: the partial result of every shard."""

import itertools
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, NamedTuple, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from balancekit.labels import UNLABELLED, Labels, Media, Task

__all__ = ["SIZE_BINS_PX", "Counts", "Problem", "ProblemKind", "Shard", "Sighting", "Unit"]

N_EXAMPLES = 5
"""Examples kept for each kind of problem; their number is always counted in full."""

SIZE_BINS_PX = (32**2, 96**2)
"""Areas in px² below which a box is small, and medium: those of COCO's evaluation."""

Severity = Literal["error", "warning", "info"]

Unit = Literal["samples", "labels", "instances", "keypoints", "pixels"]
"""What the count of a class counts: see `Counts.unit`."""

ProblemKind = Literal[
    "annotation-malformed",
    "annotation-repeated",
    "annotation-without-class",
    "annotation-without-sample",
    "class-out-of-range",
    "crowd-annotation",
    "duplicate-id",
    "encoding-guessed",
    "file-not-picture",
    "file-unreadable",
    "folder-below-class",
    "folder-unreadable",
    "header-looks-like-data",
    "hidden-file",
    "label-not-a-number",
    "label-set-not-one",
    "link-loop",
    "mask-beside-picture",
    "mask-unreadable",
    "mask-value-unknown",
    "path-outside",
    "picture-missing",
    "picture-outside-class",
    "picture-unreadable",
    "picture-without-annotation",
    "row-malformed",
    "samples-iterated",
]
"""What a source can meet; `analysis/issue_kinds.py` says what each means to the user."""


class Problem(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How often one kind of thing was wrong in a shard, with a few examples."""

    count: int
    examples: tuple[str, ...] = ()

    def __add__(self, other: "Problem") -> "Problem":
        """Both together; the examples kept do not depend on the order of merging."""
        return Problem(
            count=self.count + other.count,
            examples=tuple(sorted({*self.examples, *other.examples})[:N_EXAMPLES]),
        )

    @classmethod
    def of(cls, examples: Iterable[str]) -> "Problem":
        """One occurrence an example, the first few of which are kept."""
        listed = sorted(examples)
        return cls(count=len(listed), examples=tuple(listed[:N_EXAMPLES]))


class Sighting(NamedTuple):
    """Where a content was seen: split, class and name of the sample."""

    split: str
    class_name: str
    sample: str


class Counts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The partial count of a shard: `a + b` merges, in any order, with the same total.

    All that is summed is whole numbers, as sums of floats would differ with the order of
    merging; the ends of a regression's range merge by minimum and maximum.

    Attributes:
        samples_per_class: samples that carry each class, by name; 0 for a declared class.
        instances_per_class: boxes, segments or key points of each class; none for tasks in
            which a sample carries a class or does not.
        pixels_per_class: pixels of each class, in segmentation.
        pixels_where_present: pixels, of any class, of the masks that show a class, by name of
            the class; without void pixels.
        sizes_per_class: boxes of each class that are small, medium and large by
            `SIZE_BINS_PX`; without those whose area is not known.
        label_sets: samples by the classes that they carry, sorted; none where a sample
            carries one class. All measures of multi-label data follow from it.
        n_samples: samples, those without a label included.
        n_unlabelled: samples without any label: unlabelled, or background.
        n_checked: samples whose content was looked at, not only their label.
        n_void_pixels: pixels of masks that belong to no class, by the void index.
        value_low: smallest target of a regression; value_high: largest. None elsewhere, and
            where no sample has one; never NaN or infinite.
        task: the task that the labels are for.
        media: what a sample is.
        problems: what was wrong or left out, by its kind.
        quality: how many pictures of a class (first key) fall into each bin (third) of a
            measure of quality (second); `analysis/quality.py` says what the bins are.
        sightings: where each content was seen, by the name of a fingerprint of it: one
            sighting a sample, its class names joined by ", " where it carries several.
        seen_once: samples whose content no other has, by class names as sightings have them,
            where there are too many samples for a sighting each.
    """

    samples_per_class: dict[str, int] = {}
    instances_per_class: dict[str, int] = {}
    pixels_per_class: dict[str, int] = {}
    pixels_where_present: dict[str, int] = {}
    sizes_per_class: dict[str, tuple[int, int, int]] = {}
    label_sets: dict[tuple[str, ...], int] = {}
    n_samples: int = 0
    n_unlabelled: int = 0
    n_checked: int = 0
    n_void_pixels: int = 0
    value_low: float | None = None
    value_high: float | None = None
    task: Task = "classification"
    media: Media = "unknown"
    problems: dict[ProblemKind, Problem] = {}
    quality: dict[str, dict[str, dict[int, int]]] = {}
    sightings: dict[str, tuple[Sighting, ...]] = {}
    seen_once: dict[str, int] = {}

    def __add__(self, other: "Counts") -> "Counts":
        """The count of both shards together."""
        return Counts(
            samples_per_class=_merge(self.samples_per_class, other.samples_per_class),
            instances_per_class=_merge(self.instances_per_class, other.instances_per_class),
            pixels_per_class=_merge(self.pixels_per_class, other.pixels_per_class),
            pixels_where_present=_merge(self.pixels_where_present, other.pixels_where_present),
            sizes_per_class=_merge(self.sizes_per_class, other.sizes_per_class),
            label_sets=_merge(self.label_sets, other.label_sets),
            n_samples=self.n_samples + other.n_samples,
            n_unlabelled=self.n_unlabelled + other.n_unlabelled,
            n_checked=self.n_checked + other.n_checked,
            n_void_pixels=self.n_void_pixels + other.n_void_pixels,
            value_low=_outermost(min, self.value_low, other.value_low),
            value_high=_outermost(max, self.value_high, other.value_high),
            task=max(self.task, other.task, key=TASK_ORDER.index),
            media=max(self.media, other.media, key=("unknown", "rows", "pictures").index),
            problems=_merge(self.problems, other.problems),
            quality=_merge(self.quality, other.quality),
            sightings=_merge(self.sightings, other.sightings),
            seen_once=_merge(self.seen_once, other.seen_once),
        )

    @property
    def unit(self) -> Unit:
        """What `per_class` counts: what there is to learn from in this task."""
        return UNIT_OF[self.task]

    def per_class(self) -> dict[str, int]:
        """The count of each class in the task's own unit, by name."""
        if self.task == "segmentation":
            return self.pixels_per_class
        if self.task in ("detection", "keypoints"):
            return self.instances_per_class
        return self.samples_per_class

    @classmethod
    def from_labels(cls, labels: Labels) -> "Counts":
        """The count of a set whose labels are in memory."""
        per_entry = labels.class_counts()
        if labels.offsets is None:
            n_unlabelled = int(np.count_nonzero(labels.class_ids == UNLABELLED))
            return cls(
                samples_per_class=_by_name(labels, per_entry),
                n_samples=labels.n_samples,
                n_unlabelled=n_unlabelled,
                task=labels.task,
                media=labels.media,
                **_value_range(labels),
            )
        samples, classes = _distinct_pairs(labels)
        counted: dict[str, Any] = {}
        if labels.task != "multilabel":
            counted["instances_per_class"] = _by_name(labels, per_entry)
            counted["sizes_per_class"] = _by_size(labels)
        if labels.task == "segmentation" and labels.sizes is not None:
            pixels = np.bincount(labels.class_ids, _whole_pixels(labels), labels.n_classes)
            counted["pixels_per_class"] = _by_name(labels, pixels.astype(np.int64))
            counted["pixels_where_present"] = _pixels_where_present(labels, samples, classes)
        return cls(
            samples_per_class=_by_name(labels, np.bincount(classes, minlength=labels.n_classes)),
            label_sets=_label_sets(labels, samples, classes),
            n_samples=labels.n_samples,
            n_unlabelled=int(np.count_nonzero(np.diff(labels.offsets) == 0)),
            task=labels.task,
            media=labels.media,
            **counted,
        )


TASK_ORDER: tuple[Task, ...] = (
    "classification",
    "regression",
    "multilabel",
    "segmentation",
    "keypoints",
    "detection",
)
"""Of parts that differ the later task is the whole's; the first is that of no part at all."""

UNIT_OF: Mapping[Task, Unit] = {
    "classification": "samples",
    "regression": "samples",
    "multilabel": "labels",
    "segmentation": "pixels",
    "keypoints": "keypoints",
    "detection": "instances",
}


def _merge(one: dict[Any, Any], other: dict[Any, Any]) -> dict[Any, Any]:
    """Both together, values of a key added up: numbers, problems, and what nests them."""
    if not other:
        return one
    if not one:
        return other
    merged = dict(one)
    for key, value in other.items():
        merged[key] = _added(merged[key], value) if key in merged else value
    return merged


def _added(one: Any, other: Any) -> Any:
    if isinstance(one, dict):
        return _merge(one, other)
    if isinstance(one, tuple):
        if one and isinstance(one[0], int):  # sizes: as many numbers in each
            return tuple(a + b for a, b in zip(one, other, strict=True))
        return tuple(sorted(one + other))
    return one + other


def _outermost(
    choose: Callable[[list[float]], float], one: float | None, other: float | None
) -> float | None:
    known = [value for value in (one, other) if value is not None]
    return choose(known) if known else None


def _value_range(labels: Labels) -> dict[str, Any]:
    """Lowest and highest value of a regression; nothing without values."""
    if labels.values is None:
        return {}
    known = labels.values[~np.isnan(labels.values)]
    if not known.size:
        return {}
    # + 0.0: which of -0.0 and 0.0 is the smaller would depend on the order of merging.
    return {"value_low": float(known.min()) + 0.0, "value_high": float(known.max()) + 0.0}


def _whole_pixels(labels: Labels) -> NDArray[np.float64]:
    """Sizes in whole pixels; polygons have fractions, whose sums would differ with the cut."""
    assert labels.sizes is not None
    return np.rint(np.nan_to_num(labels.sizes))


def _pixels_where_present(
    labels: Labels, samples: NDArray[np.int64], classes: NDArray[np.int64]
) -> dict[str, int]:
    """Pixels of the samples that show each class, from its distinct pairs with samples."""
    assert labels.offsets is not None
    sample_of = np.repeat(np.arange(labels.n_samples), np.diff(labels.offsets))
    pixels = np.bincount(sample_of, _whole_pixels(labels), labels.n_samples)  # [n_samples]
    totals = np.bincount(classes, pixels[samples], labels.n_classes)
    return _by_name(labels, totals.astype(np.int64))


def _by_name(labels: Labels, counts: NDArray[np.int64]) -> dict[str, int]:
    return dict(zip(labels.class_names, counts.tolist(), strict=True))


def _by_size(labels: Labels) -> dict[str, tuple[int, int, int]]:
    """Boxes of each class by size; none of masks, whose sizes are pixels."""
    if labels.sizes is None or labels.task == "segmentation":
        return {}
    known = ~np.isnan(labels.sizes)
    bins = np.searchsorted(SIZE_BINS_PX, labels.sizes[known], side="right")
    table = np.bincount(labels.class_ids[known] * 3 + bins, minlength=3 * labels.n_classes)
    rows = table.reshape(-1, 3).tolist()
    return {
        name: (row[0], row[1], row[2]) for name, row in zip(labels.class_names, rows, strict=True)
    }


def _distinct_pairs(labels: Labels) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Sample and class of every entry, once where a sample carries a class several times."""
    assert labels.offsets is not None
    sample_of = np.repeat(np.arange(labels.n_samples), np.diff(labels.offsets))
    keys = sample_of * max(1, labels.n_classes) + labels.class_ids
    # Sorted but for the order within a sample, which a stable sort makes use of; np.unique
    # hashes integers, and took ten times as long.
    keys.sort(kind="stable")
    keys = keys[np.diff(keys, prepend=-1) != 0]
    samples, classes = np.divmod(keys, max(1, labels.n_classes))
    return samples, classes


def _label_sets(
    labels: Labels, samples: NDArray[np.int64], classes: NDArray[np.int64]
) -> dict[tuple[str, ...], int]:
    """Samples by their set of classes, given the distinct pairs of sample and class."""
    by_name = np.argsort(np.array(labels.class_names, object))
    rank = np.empty(len(by_name), np.int64)
    rank[by_name] = np.arange(len(by_name))
    n_classes = max(1, labels.n_classes)
    entries = np.sort(samples * n_classes + rank[classes], kind="stable") % n_classes
    ends = np.searchsorted(samples, np.arange(labels.n_samples), side="right")
    starts = np.searchsorted(samples, np.arange(labels.n_samples), side="left")
    examples, n_alike = _distinct_sets(entries, starts, ends)
    names = [labels.class_names[i] for i in by_name]
    listed = entries.tolist()
    slices = zip(starts[examples].tolist(), ends[examples].tolist(), strict=True)
    return {
        tuple([names[i] for i in listed[start:end]]): n_samples
        for (start, end), n_samples in zip(slices, n_alike.tolist(), strict=True)
    }


def _distinct_sets(
    entries: NDArray[np.int64], starts: NDArray[np.int64], ends: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """One sample of each different set, and how many have it.

    Sets are told apart by the sum of random words of their entries, and each is then
    compared with the one that it was taken for, so that the result is exact.
    """
    lengths = ends - starts
    for salt in itertools.count():
        words = np.random.default_rng(salt).integers(
            0, 2**64, int(entries.max(initial=0)) + 1, dtype=np.uint64
        )
        sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(words[entries])])
        _, examples, kind, n_alike = np.unique(
            sums[ends] - sums[starts], return_index=True, return_inverse=True, return_counts=True
        )
        likeness = examples[kind]
        if not np.array_equal(lengths, lengths[likeness]):
            continue
        places = np.arange(len(entries)) + np.repeat(starts[likeness] - starts, lengths)
        if np.array_equal(entries, entries[places]):
            return examples, n_alike
    raise AssertionError("unreachable")


class Shard(Protocol):
    """A part of a data set that can be counted alone; it must survive pickling."""

    def count(self) -> Counts:
        """The partial count of this part."""
