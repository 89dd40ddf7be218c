"""Data that come split: all of it as one data set, and which samples are of which split."""

from dataclasses import dataclass, replace
from functools import reduce
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from balancekit.analysis.splits import TEST, VALIDATION
from balancekit.labels import Labels, concatenate_labels
from balancekit.sources.catalogue import open_source
from balancekit.sources.datasets import (
    DecodedPictures,
    OpenedDataset,
    TableDataset,
    TextDataset,
    open_dataset,
)
from balancekit.sources.datasets.columns import Column, Columns, coded
from balancekit.sources.datasets.ngrams import Bags
from balancekit.sources.datasets.targets import target_of, targets_of
from balancekit.sources.source import ReadOptions

__all__ = ["OwnSplit", "open_compared"]

Indices = NDArray[np.int64]


@dataclass(frozen=True, eq=False, kw_only=True)
class OwnSplit:
    """Which samples of a data set are of which split.

    Attributes:
        labels: of the training split.
        train: its samples.
        inner: samples for choices; None where the training split has to give them.
        test: samples that the final figures come from.
        how: in words.
        labels_read: of the training split before broken pictures were left out, if some were.
    """

    labels: Labels
    train: Indices
    inner: Indices | None
    test: Indices
    how: str
    labels_read: Labels | None = None

    def __len__(self) -> int:
        return len(self.test)


def open_compared(data: object, **reading: Any) -> tuple[OpenedDataset, OwnSplit | None]:
    """A data set to compare plans on, and its own split where the data come with one.

    The split named test is tested on, and the one for validation serves choices; where there
    is one of them alone, it is tested on. A split that was asked for by name stands alone.

    Args:
        data: as for `open_dataset`.
        **reading: likewise.

    Raises:
        DataError: as `open_dataset` does.
    """
    train = open_dataset(data, **reading)
    if reading.get("split") is not None:
        return train, None
    found = {}
    for kind, names in (("test", TEST), ("inner", VALIDATION)):
        name = next((n for n in _other_splits(data, reading) if n.casefold() in names), None)
        if name is not None:
            found[kind] = name
    if not found:
        return train, None
    if "test" not in found:
        found = {"test": found["inner"]}
    # Pictures of all splits come in the size of the training split's.
    size = {"size_px": train.size_px} if isinstance(train, DecodedPictures) else {}
    others = {
        kind: _other(data, train, **reading | size | {"split": n}) for kind, n in found.items()
    }
    others = {kind: _known_classes(other, train) for kind, other in others.items()}
    if any(type(other) is not type(train) or not len(other) for other in others.values()):
        return train, None
    whole, places = _joined(train, list(others.values()))
    by_kind = dict(zip(others, places[1:], strict=True))
    how = f"tested on the data's own split {found['test']!r}"
    if "inner" in found:
        how += f", choices by {found['inner']!r}"
    split = OwnSplit(
        labels=train.labels,
        train=places[0],
        inner=by_kind.get("inner"),
        test=by_kind["test"],
        how=how,
        labels_read=train.labels_read if isinstance(train, DecodedPictures) else None,
    )
    return whole, split


def _other_splits(data: object, reading: dict[str, Any]) -> list[str]:
    options: dict[str, Any] = {
        name: reading.get(name) for name in ("label", "label_delimiter", "header")
    }
    task = None if reading.get("task", "auto") == "auto" else reading["task"]
    source = open_source(
        data, ReadOptions(task=task, **options), format=reading.get("format", "auto")
    )
    return list(source.other_splits())


def _other(data: object, train: OpenedDataset, **reading: Any) -> OpenedDataset:
    """Another split, its texts made of the same n-grams as those of the training split."""
    other = open_dataset(data, **reading)
    if not isinstance(train, TextDataset) or not isinstance(other, TextDataset):
        return other
    if other.encoder.letters == train.encoder.letters:
        return other
    names = dict.fromkeys((*train.labels.class_names, *other.labels.class_names))
    labels = train.labels
    if labels.values is None:  # else they are bins, which need not agree
        labels = replace(labels, class_names=tuple(names))
    return open_dataset(data, **reading, like=replace(train, labels=labels))


def _known_classes(other: OpenedDataset, train: OpenedDataset) -> OpenedDataset:
    """A split without the samples of classes that the training split does not know."""
    labels, known = other.labels, set(train.labels.class_names)
    if labels.task != "classification" or known >= set(labels.class_names):
        return other
    is_known = np.array([name in known for name in labels.class_names])
    return other.take(np.flatnonzero((labels.class_ids >= 0) & is_known[labels.class_ids]))


def _joined(
    train: OpenedDataset, others: list[OpenedDataset]
) -> tuple[OpenedDataset, list[Indices]]:
    """All splits as one data set, in its order, and the samples of each."""
    splits = [train, *others]
    ends = np.cumsum([0, *map(len, splits)])
    places = [np.arange(a, b) for a, b in pairwise(ends)]
    labels = _joined_labels([split.labels for split in splits])
    if isinstance(train, TextDataset):
        bags = reduce(_joined_bags, (_bags_of(split) for split in splits))
        joined = TextDataset.of_texts([""] * len(labels), labels)
        return replace(joined, bags=bags, encoder=train.encoder), places
    if isinstance(train, TableDataset):
        columns = _joined_columns([_columns_of(split) for split in splits])
        return TableDataset.of_columns(columns, labels, train.notes), places
    return _joined_pictures(splits, labels), places


def _joined_labels(parts: list[Labels]) -> Labels:
    names = parts[0].class_names
    kept = [_in_names(part, names) for part in parts]
    if parts[0].values is not None:
        return concatenate_labels(kept)
    return concatenate_labels(kept, names)


def _in_names(labels: Labels, names: tuple[str, ...]) -> Labels:
    """Labels with the class names of the training split, classes that it lacks left out."""
    if labels.values is not None or set(labels.class_names) <= set(names):
        return labels
    id_of = {name: i for i, name in enumerate(names)}
    ids = np.array([id_of.get(name, -1) for name in labels.class_names], np.int32)
    class_ids = np.where(labels.class_ids < 0, -1, ids[labels.class_ids])
    if labels.offsets is None:
        return replace(labels, class_ids=class_ids, class_names=names)
    kept = class_ids >= 0
    owner = np.repeat(np.arange(labels.n_samples), np.diff(labels.offsets))
    counts = np.bincount(owner[kept], minlength=labels.n_samples)
    offsets = np.concatenate([[0], np.cumsum(counts)])
    return replace(
        labels, class_ids=class_ids[kept], class_names=names, offsets=offsets, sizes=None
    )


def _bags_of(split: OpenedDataset) -> Bags:
    assert isinstance(split, TextDataset)
    return split.bags.take(split.rows)


def _joined_bags(one: Bags, other: Bags) -> Bags:
    offsets = np.concatenate([one.offsets, one.offsets[-1] + other.offsets[1:]])
    return Bags(np.concatenate([one.tokens, other.tokens]), offsets)


def _columns_of(split: OpenedDataset) -> list[Column]:
    assert isinstance(split, TableDataset)
    rows = split.rows
    return [
        replace(
            column,
            numbers=None if column.numbers is None else column.numbers[rows],
            codes=None if column.codes is None else column.codes[rows],
        )
        for column in split.columns.columns
    ]


def _joined_columns(splits: list[list[Column]]) -> Columns:
    """Columns that all splits have, by name; of numbers where they are that in all."""
    by_name = [{column.name: column for column in split} for split in splits]
    columns, left_out = [], {}
    for first in splits[0]:
        found = [split[first.name] for split in by_name if first.name in split]
        if len(found) < len(splits):
            left_out[first.name] = "not every split has it"
        elif all(column.numbers is not None for column in found):
            numbers = [column.numbers for column in found if column.numbers is not None]
            columns.append(replace(first, numbers=np.concatenate(numbers)))
        elif all(column.codes is not None for column in found):
            cells = [cell or None for column in found for cell in column.cells()]
            columns.append(coded(first.name, cells))
        else:
            left_out[first.name] = "numbers in one split, texts in another"
    return Columns(tuple(columns), left_out)


def _joined_pictures(splits: list[OpenedDataset], labels: Labels) -> Any:
    """Pictures of all splits, which are decoded to one size."""
    return _JoinedPictures(
        splits=tuple(splits),
        labels=labels,
        rows=np.arange(len(labels)),
        targets=targets_of(labels),
    )


@dataclass(frozen=True, eq=False, kw_only=True)
class _JoinedPictures:
    """Pictures of several data sets behind one another, with the targets of their joint labels.

    Attributes:
        splits: the data sets.
        labels: of the samples.
        rows: which of all pictures the samples are.
        targets: of all.
    """

    splits: tuple[OpenedDataset, ...]
    labels: Labels
    rows: Indices
    targets: NDArray[np.generic]
    kind: Literal["pictures"] = "pictures"

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> tuple[Any, object]:
        row = int(self.rows[index])
        ends = np.cumsum([len(split) for split in self.splits])
        at = int(np.searchsorted(ends, row, side="right"))
        start = int(ends[at - 1]) if at else 0
        return self.splits[at][row - start][0], target_of(self.targets, row)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """(channels, height, width)."""
        return self.splits[0].input_shape

    def take(self, indices: Indices) -> "_JoinedPictures":
        """The chosen samples."""
        return replace(self, labels=self.labels.take(indices), rows=self.rows[indices])

    def prepared(self, train_indices: Indices) -> "_JoinedPictures":
        """The data set itself: nothing of it is learnt."""
        return self
