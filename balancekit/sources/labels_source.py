"""Labels in memory as a source."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from balancekit.errors import DataError, OptionError
from balancekit.labels import (
    UNLABELLED,
    Labels,
    Task,
    find_labels,
    labels_of,
    loaded_labels,
    sort_class_names,
)
from balancekit.labels.class_ids import class_name_of
from balancekit.labels.tables import label_cells
from balancekit.sources.of_task import labels_of_task
from balancekit.sources.pictures import picture_check_shards
from balancekit.sources.source import Checks, ReadOptions, Source
from balancekit.sources.tables.columns import task_of_sets, warn_unless_within
from balancekit.sources.tables.source import warn_of_lost_labels
from balancekit.sources.tables.target import Cell, SetTarget, is_missing_cell
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
        """The labels; a warning tells of those that could not be used."""
        warn_of_lost_labels(self.description, self._problems)
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
    if options.label_delimiter is not None and options.task != "regression":
        return _delimited(data, options, options.label_delimiter)
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


def _delimited(data: object, options: ReadOptions, delimiter: str) -> LabelsSource:
    """The labels of a table in memory whose cells hold several, as they are in files."""
    kind = type(data).__name__
    column, cells = label_cells(data, options.label)
    target = SetTarget(column, delimiter, task=task_of_sets(options))
    known = [cell for cell in cells if not is_missing_cell(cell)]
    warn_unless_within(known, delimiter, column)
    # Texts come again and again, and are read once.
    of_text = {cell: target.of_value(cell) for cell in set(filter(_is_text, cells))}
    found = [of_text[cell] if _is_text(cell) else target.of_value(_plain(cell)) for cell in cells]
    labels = _labels_of_cells(found, target.task)
    if not labels.class_names:
        raise DataError(f"{kind}: column {column!r} holds no label. Name another with label=.")
    met: dict[ProblemKind, list[str]] = {}
    for cell in found:
        if cell.problem is not None:
            met.setdefault(cell.problem, []).append(cell.example)
    problems = {problem: Problem.of(examples) for problem, examples in met.items()}
    words = f"labels of a {kind}, column {column!r} split at {delimiter!r}"
    return LabelsSource(labels_of_task(labels, options.task), words, problems)


def _labels_of_cells(cells: Sequence[Cell], task: Task) -> Labels:
    """Labels of cells, one a sample: sets of classes, or one each and none where there is none."""
    names = sort_class_names({name for cell in cells for name in cell.classes})
    id_of = {name: i for i, name in enumerate(names)}
    ids = np.array([id_of[name] for cell in cells for name in cell.classes], np.int32)
    lengths = np.array([len(cell.classes) for cell in cells], np.int64)
    if task == "multilabel":
        return Labels(class_ids=ids, class_names=names, offsets=np.cumsum([0, *lengths]))
    one = np.full(len(cells), UNLABELLED, np.int32)
    one[lengths == 1] = ids
    return Labels(class_ids=one, class_names=names)


def _is_text(cell: Any) -> bool:
    return isinstance(cell, str)


def _plain(cell: Any) -> Any:
    """A cell as files have it: text, not bytes; lists, not arrays, tuples or sets."""
    if isinstance(cell, bytes):
        return class_name_of(cell)
    if isinstance(cell, set | frozenset):
        return sorted(cell, key=str)
    return list(cell) if isinstance(cell, tuple | np.ndarray) else cell


def _can_be_iterated(data: object) -> bool:
    if isinstance(data, str | bytes | set | frozenset):
        return False
    by_index = hasattr(data, "__getitem__") and hasattr(data, "__len__")
    return by_index or hasattr(data, "__iter__")
