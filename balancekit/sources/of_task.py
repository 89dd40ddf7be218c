"""A source read for the task that the user names, where its labels allow it."""

import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

import msgspec
import numpy as np

from balancekit.engines import merge_results
from balancekit.errors import BalancekitWarning, DataError
from balancekit.labels import Labels, Task, look_like_targets, sort_class_names
from balancekit.labels.numbers import MANY_DIFFERENT
from balancekit.sources.source import Checks, Source
from balancekit.stats import Counts, Shard

__all__ = ["SourceOfTask", "labels_of_task", "warn_of_targets"]


@dataclass(frozen=True)
class SourceOfTask:
    """A source whose labels are those of a task.

    What is counted in instances can be read as multi-label data: which classes each sample
    shows. One class a sample can be read as a set of one. All else must be so already.
    """

    source: Source
    task: Task

    @property
    def format(self) -> str:
        """That of the data."""
        return self.source.format

    @property
    def description(self) -> str:
        """What was taken and why, in words."""
        return self.source.description

    @property
    def split(self) -> str | None:
        """The split that this is, if the data have splits."""
        return self.source.split

    def other_splits(self) -> Mapping[str, Source]:
        """The other splits, for the same task."""
        return {
            name: SourceOfTask(source, self.task)
            for name, source in self.source.other_splits().items()
        }

    def read_labels(self) -> Labels:
        """Labels in the order of the samples."""
        labels = self.source.read_labels()
        with _told_of(self.description):
            return labels_of_task(labels, self.task)

    def order_classes(self, names: set[str]) -> tuple[str, ...]:
        """The classes that were counted, in the order of their ids."""
        if self.task == "regression" and all(map(is_bin, names)):
            return sort_class_names(names)  # empty bins too, which the source has not met
        return self.source.order_classes(names)

    def shards(self) -> Iterable[Shard]:
        """The shards of the source, counted for the task."""
        if self.task == "regression":  # the bins hang on the whole range, which no shard knows
            return [_WholeOfTask(self)]
        shards = self.source.shards()
        return (_ShardOfTask(shard, self.task, self.description) for shard in shards)

    def check_shards(self, checks: Checks) -> Iterable[Shard]:
        """The check shards of the source."""
        return self.source.check_shards(checks)


@dataclass(frozen=True)
class _WholeOfTask:
    source: SourceOfTask

    def count(self) -> Counts:
        counts: Counts = merge_results(
            (shard.count() for shard in self.source.source.shards()), Counts()
        )
        if counts.task == "regression" or not counts.n_samples:
            return msgspec.structs.replace(counts, task="regression")
        with warnings.catch_warnings():  # of problems that counting has told already
            warnings.simplefilter("ignore", BalancekitWarning)
            values = Counts.from_labels(self.source.read_labels())
        return values + Counts(problems=counts.problems)


@dataclass(frozen=True)
class _ShardOfTask:
    shard: Shard
    task: Task
    description: str

    def count(self) -> Counts:
        counts = self.shard.count()
        if counts.task == self.task or not counts.n_samples:
            return msgspec.structs.replace(counts, task=self.task)
        with _told_of(self.description):
            _refuse_unless_sets(counts.task, self.task)
        sets = counts.label_sets
        if counts.task == "classification":
            sets = {(name,): n for name, n in counts.samples_per_class.items() if n}
            if counts.n_unlabelled:
                sets[()] = counts.n_unlabelled
        return msgspec.structs.replace(
            counts,
            task=self.task,
            label_sets=sets,
            instances_per_class={},
            pixels_per_class={},
            pixels_where_present={},
            sizes_per_class={},
        )


@contextmanager
def _told_of(description: str) -> Iterator[None]:
    """Put what the data are before what cannot be with them."""
    try:
        yield
    except DataError as error:
        raise DataError(f"{description}: {error}") from None


def labels_of_task(labels: Labels, task: Task | None) -> Labels:
    """Labels for a task; None keeps their own.

    Raises:
        DataError: the labels are for another task.
    """
    if task in (None, labels.task):
        return labels
    assert task is not None
    if task == "regression" and labels.task == "classification":
        return _as_values(labels)
    _refuse_unless_sets(labels.task, task)
    if labels.offsets is None:
        return labels.as_multilabel()
    sample_of = np.repeat(np.arange(labels.n_samples), np.diff(labels.offsets))
    _, first = np.unique(sample_of * max(1, labels.n_classes) + labels.class_ids, return_index=True)
    return replace(
        labels,
        class_ids=labels.class_ids[first],
        offsets=np.searchsorted(sample_of[first], np.arange(labels.n_samples + 1)),
        sizes=None,
        task="multilabel",
    )


def warn_of_targets(labels: Labels, description: str) -> None:
    """Warn of classes that look like numbers to predict, which nobody said are classes.

    Args:
        labels: that were read without a task.
        description: of the data, in words.
    """
    if labels.task != "classification" or labels.n_classes < MANY_DIFFERENT:
        return
    counts = dict(zip(labels.class_names, labels.class_counts().tolist(), strict=True))
    if look_like_targets(counts):
        n_filled = sum(count > 0 for count in counts.values())
        warnings.warn(
            f"{description}: {n_filled:,} numbers are taken for classes, and look like numbers to "
            "predict. Say task='regression' (--task regression) if they are, "
            "task='classification' (--task classification) if they name classes.",
            BalancekitWarning,
            stacklevel=3,
        )


def is_bin(name: str) -> bool:
    """Whether the name of a class is that of a bin: a whole number, or a range."""
    return name.removeprefix("-").isdecimal() or (name[:1], name[-1:]) == ("[", ")")


def _refuse_unless_sets(found: Task, wanted: Task) -> None:
    if found == "regression":
        raise DataError(
            f"task: expected {wanted} data, got numbers that are not whole: the targets of a "
            "regression. Give classes, such as the bin in which each number falls."
        )
    if wanted != "multilabel":
        raise DataError(f"task: expected {wanted} data, got {found} data")


def _as_values(labels: Labels) -> Labels:
    """Numbers that were taken for class ids, as values."""
    try:
        numbers = np.array([*map(float, labels.class_names), np.nan])
    except ValueError:
        raise DataError(
            f"task: expected numbers for a regression, got labels such as {labels.class_names[:3]}"
        ) from None
    return Labels.from_values(
        numbers[labels.class_ids], sample_ids=labels.sample_ids, media=labels.media
    )
