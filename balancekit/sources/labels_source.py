"""Labels in memory as a source."""

from collections.abc import Iterable, Mapping

import numpy as np

from balancekit.errors import OptionError
from balancekit.labels import Labels, find_labels, labels_of, loaded_labels
from balancekit.sources.of_task import labels_of_task
from balancekit.sources.pictures import picture_check_shards
from balancekit.sources.source import Checks, ReadOptions, Source
from balancekit.stats import Counts, Problem, ProblemKind, Shard

__all__ = ["LabelsSource", "labels_source_of"]


class LabelsSource:
    """Labels that are in memory already."""

    format = "memory"
    split: str | None = None

    def __init__(
        self,
        labels: Labels,
        description: str,
        problems: Mapping[ProblemKind, Problem] | None = None,
    ) -> None:
        self._labels, self.description = labels, description
        self._problems = dict(problems or {})

    def other_splits(self) -> Mapping[str, Source]:
        """None."""
        return {}

    def read_labels(self) -> Labels:
        """The labels."""
        return self._labels

    def order_classes(self, names: set[str]) -> tuple[str, ...]:
        """The order of the labels."""
        return self._labels.class_names

    def shards(self) -> Iterable[Shard]:
        """One shard: the whole."""
        return [_LabelsShard(self._labels, self._problems)]

    def check_shards(self, checks: Checks) -> Iterable[Shard]:
        """Chunks of the pictures that the ids name, where they are found."""
        return picture_check_shards(self._labels, checks)


class _LabelsShard:
    def __init__(self, labels: Labels, problems: dict[ProblemKind, Problem]) -> None:
        self._labels, self._problems = labels, problems

    def count(self) -> Counts:
        return Counts.from_labels(self._labels) + Counts(problems=self._problems)


def labels_source_of(data: object, options: ReadOptions) -> LabelsSource:
    """The source of an object in memory; its samples are loaded if nothing else is left.

    Raises:
        DataError: no labels can be told from it.
        OptionError: a split is asked for, or a label of something without names.
    """
    kind = type(data).__name__
    if options.split is not None:
        raise OptionError(f"split: expected with a path, got it with a {kind}. Leave it out.")
    if options.label is not None and isinstance(data, Labels | np.ndarray | list | tuple | range):
        raise OptionError(
            f"label: expected with a path, a table or samples with keys, got it with a {kind}. "
            "Leave it out."
        )
    in_words = "labels in memory" if isinstance(data, Labels) else f"labels of a {kind}"
    found = find_labels(data, options.label, task=options.task)
    problems: dict[ProblemKind, Problem] = {}
    if found is None and options.iterate and _can_be_iterated(data):
        found = loaded_labels(data, options.label, options.task)
        in_words += ", whose samples were loaded for it"
        problems["samples-iterated"] = Problem(count=found.n_samples, examples=(kind,))
    elif found is None:
        found = labels_of(data)  # which says what is lacking
    return LabelsSource(labels_of_task(found, options.task), in_words, problems)


def _can_be_iterated(data: object) -> bool:
    if isinstance(data, str | bytes | set | frozenset):
        return False
    by_index = hasattr(data, "__getitem__") and hasattr(data, "__len__")
    return by_index or hasattr(data, "__iter__")
