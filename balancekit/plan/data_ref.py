"""The data that a plan is for, and how other data differ from them."""

from collections.abc import Sequence

import msgspec

from balancekit.labels import Labels, Media, Task
from balancekit.stats import Counts, Stats, fingerprint_of

__all__ = ["DataRef", "are_comparable", "data_differences"]

MOST_SHOWN = 5

LABELS = "the data set an attribute `labels`, a balancekit.Labels"
"""Which every verb takes that is given a data set."""

FEW_APART = 0.05
"""Share of the pictures that broken files may explain: more were held out, or added."""


class DataRef(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """The data that a plan is for.

    Attributes:
        fingerprint: of task, class names and counts.
        class_names: in the order of the class ids.
        class_counts: of each class in the task's own unit: samples, objects, or pixels.
        read_by: options that the data were read by, such as the label column and the split,
            for commands that read them again.
    """

    fingerprint: str
    task: Task
    media: Media
    n_samples: int
    class_names: tuple[str, ...]
    class_counts: tuple[int, ...]
    read_by: dict[str, str] = {}

    def __hash__(self) -> int:
        return hash((self.fingerprint, self.class_names, self.class_counts))

    @classmethod
    def from_stats(cls, stats: Stats) -> "DataRef":
        """What a plan keeps of an analysis."""
        return cls(
            fingerprint=stats.fingerprint,
            task=stats.task,
            media=stats.media,
            n_samples=stats.n_samples,
            class_names=stats.class_names,
            class_counts=stats.class_counts,
        )

    @classmethod
    def from_labels(cls, labels: Labels) -> "DataRef":
        """The same, of labels in memory."""
        by_class = Counts.from_labels(labels).per_class()
        return cls(
            fingerprint=fingerprint_of(labels.task, by_class, labels.n_samples),
            task=labels.task,
            media=labels.media,
            n_samples=labels.n_samples,
            class_names=labels.class_names,
            class_counts=tuple(by_class.values()),
        )


def are_comparable(ours: DataRef, theirs: DataRef) -> bool:
    """Whether a plan for one data set can be taken to another: same task, classes and order."""
    return ours.task == theirs.task and ours.class_names == theirs.class_names


def data_differences(ours: DataRef, theirs: DataRef) -> list[str]:
    """How other data differ from those of a plan, each difference with what to do about it.

    Nothing, if task, class names, their order and all counts are the same.

    >>> from balancekit import Labels
    >>> plan, data = (DataRef.from_labels(Labels.from_names(text)) for text in ("aab", "aac"))
    >>> data_differences(plan, data)[0]
    "expected the classes [a, b], got [a, c]: 'b' is missing, 'c' is new"
    """
    if ours.task != theirs.task:
        return [
            f"expected {ours.task} data, got {theirs.task} data",
            "The plan is for other data, or these are the same, read otherwise: then give "
            f"--task {ours.task}",
        ]
    if ours.class_names != theirs.class_names:
        return _name_differences(ours.class_names, theirs.class_names)
    if ours.class_counts != theirs.class_counts:
        told = (
            f"expected {ours.n_samples:,} samples with class counts {_few(ours.class_counts)}, got "
            f"{theirs.n_samples:,} with {_few(theirs.class_counts)}: {_moved_most(ours, theirs)}"
        )
        return [told, *_of_broken_pictures(ours, theirs)]
    if ours.n_samples != theirs.n_samples:
        return [
            f"expected {ours.n_samples:,} samples, got {theirs.n_samples:,}, with the same class "
            "counts: samples without a label were added or left out"
        ]
    return []


def _name_differences(ours: Sequence[str], theirs: Sequence[str]) -> list[str]:
    shown = f"expected the classes {_few(ours)}, got {_few(theirs)}"
    if sorted(ours) == sorted(theirs):
        first = next(
            i for i, names in enumerate(zip(ours, theirs, strict=True)) if len({*names}) > 1
        )
        return [
            "expected the classes in the plan's order, got the same classes in another: class id "
            f"{first} is {ours[first]!r} in the plan and {theirs[first]!r} in the data",
            "Under the plan every class would get the share and the weight of another. Give "
            f"{LABELS} whose class_names stand in the plan's order",
        ]
    known, given = set(ours), set(theirs)
    missing = [name for name in ours if name not in given]
    new = [name for name in theirs if name not in known]
    parts = [f"{_named(names)} new" for names in [new] if names]
    parts = [f"{_named(names)} missing" for names in [missing] if names] + parts
    told = f": {', '.join(parts)}" if parts else f", {len(ours)} and {len(theirs)} of them"
    return [
        shown + told,
        "Read them with the same label column and split (--label, --split), or give "
        f"{LABELS} with these class names",
    ]


def _named(names: Sequence[str]) -> str:
    shown = ", ".join(map(repr, names[:MOST_SHOWN]))
    if len(names) > MOST_SHOWN:
        return f"{shown} and {len(names) - MOST_SHOWN:,} more are"
    return f"{shown} {'is' if len(names) == 1 else 'are'}"


def _moved_most(ours: DataRef, theirs: DataRef) -> str:
    """The classes whose counts differ most, as a share of what they were."""
    rows = [
        (name, before, after)
        for name, before, after in zip(
            ours.class_names, ours.class_counts, theirs.class_counts, strict=True
        )
        if before != after
    ]
    rows.sort(key=lambda row: -abs(row[2] - row[1]) / max(1, row[1]))
    told = ", ".join(f"{name!r} {before:,} → {after:,}" for name, before, after in rows[:3])
    more = len(rows) - 3
    return f"{told} and {more:,} more" if more > 0 else told


def _of_broken_pictures(ours: DataRef, theirs: DataRef) -> list[str]:
    """What explains that a few pictures are in one of the two alone."""
    gone = ours.n_samples - theirs.n_samples
    pairs = list(zip(ours.class_counts, theirs.class_counts, strict=True))
    one_way = all(a >= b for a, b in pairs) if gone > 0 else all(a <= b for a, b in pairs)
    few = 0 < abs(gone) <= max(1, FEW_APART * max(ours.n_samples, theirs.n_samples))
    if "pictures" not in (ours.media, theirs.media) or not (few and one_way):
        return []
    return [
        "Pictures that cannot be decoded are left out by open_dataset: `balancekit analyze "
        "--verify decode` names them; delete them, or take plan.for_data(labels) with the labels "
        "of the data set"
    ]


def _few(values: Sequence[object]) -> str:
    shown = ", ".join(map(str, values[:6]))
    return f"[{shown}, … {len(values)} in all]" if len(values) > 6 else f"[{shown}]"
