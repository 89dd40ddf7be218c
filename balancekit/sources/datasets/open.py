"""Which kind of data set samples make, and `open_dataset`."""

import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from balancekit.errors import BalancekitWarning, DataError, OptionError
from balancekit.labels import Labels, Task
from balancekit.sources.arff import ArffPart
from balancekit.sources.catalogue import open_source
from balancekit.sources.datasets.alike import dataset_alike, labels_alike
from balancekit.sources.datasets.columns import Columns
from balancekit.sources.datasets.file_columns import arff_columns, features_of_arrays
from balancekit.sources.datasets.memory_columns import frame_columns, is_frame
from balancekit.sources.datasets.pictures import DecodedPictures, pictures_of_store
from balancekit.sources.datasets.stores import PictureArrays, PictureBytes, PictureFiles
from balancekit.sources.datasets.table import TableDataset
from balancekit.sources.datasets.table_columns import picture_bytes, table_columns
from balancekit.sources.datasets.targets import targets_of
from balancekit.sources.datasets.text import TextDataset
from balancekit.sources.datasets.texts import prose_of, texts_of_parts
from balancekit.sources.fetched import FetchedSource
from balancekit.sources.numpy_file import ArrayPart
from balancekit.sources.of_task import SourceOfTask, warn_of_targets
from balancekit.sources.parts import PartsSource
from balancekit.sources.source import Format, ReadOptions, Source
from balancekit.sources.tables import TableSource
from balancekit.sources.text_folder import TextSource

__all__ = ["OpenedDataset", "open_dataset"]

OpenedDataset = DecodedPictures | TableDataset | TextDataset

MOST_LOOKED_FOR = 100
"""Ids that are looked for before they are taken for no paths."""

MOST_TOLD = 5
"""Columns with broken cells that a warning names."""


def open_dataset(
    data: object,
    *,
    task: Task | Literal["auto"] = "auto",
    format: Format | Literal["auto"] = "auto",  # noqa: A002 - the field's word
    label: str | tuple[str, ...] | None = None,
    label_delimiter: str | None = None,
    split: str | None = None,
    header: bool | None = None,
    size_px: int | tuple[int, int] | None = None,
    like: OpenedDataset | None = None,
) -> OpenedDataset:
    """A map-style data set of what `read` reads: `(input, target)` each, and its `labels`.

    Pictures come in one size, rows of a table as numbers, texts as bags of n-grams: `kind`
    says which. Call `prepared(train_indices)` before training, so that what is learnt from
    the inputs is learnt from the training part alone, and `take(indices)` for its parts.

    Args:
        data: a path or URL in a format of `balancekit formats`, or a DataFrame.
        task: as for `read`; one answer a sample is needed.
        format: as for `read`.
        label: as for `read`.
        label_delimiter: as for `read`.
        split: as for `read`.
        header: as for `read`.
        size_px: (height, width) of the pictures, or the side of a square; their own if not
            given, and 64 at most.
        like: a data set, prepared, whose features, tokens or size of pictures these get, and
            whose classes: so a test file is opened. Columns are found by name. It is read as
            that one was (label, label_delimiter; header and format of a path that ends alike),
            where nothing else is given.

    Raises:
        DataError: the data cannot be read so, have no inputs beside their labels, or carry
            boxes, masks or key points; the message says what to do.
        OptionError: an option cannot be with these data.

    >>> import pandas
    >>> data = open_dataset(pandas.DataFrame({"x": [1.0, 5.0, 2.0], "label": ["a", "b", "a"]}))
    >>> data.kind, len(data), data[1][1]
    ('table', 3, 1)
    """
    _check_like(like, size_px)
    given = {"label": label, "label_delimiter": label_delimiter, "header": header}
    read_by = _read_by(data, {**given, "format": None if format == "auto" else format}, like)
    words: dict[str, Any] = {name: read_by.get(name) for name in given}
    options = ReadOptions(task=_task(task, like), split=split, **words)
    source = open_source(data, options, format=read_by.get("format", "auto"))
    inner, place = _opened(source)
    labels = source.read_labels()
    if options.task is None:
        warn_of_targets(labels, source.description)
    targets_of(labels.take([]))  # refuses other tasks before anything is loaded
    if like is not None:
        return replace(_alike(data, source, labels, like), read_by=read_by)
    if is_frame(data):
        return replace(_of_columns(frame_columns(data, label), labels), read_by=read_by)
    return replace(_of_source(source, inner, place, labels, size_px), read_by=read_by)


def _read_by(data: object, given: Mapping[str, Any], like: OpenedDataset | None) -> dict[str, Any]:
    """The options that data are read by, of those given and those of what they are like.

    Its suffix is kept with them: how a file is laid out tells nothing of one of another kind.
    """
    suffix = Path(data).suffix.lower() if isinstance(data, str | os.PathLike) else None
    read_by = {name: value for name, value in given.items() if value is not None}
    known = {} if like is None else dict(like.read_by)
    if known.pop("suffix", None) != suffix:
        kept = () if suffix == "" else ("label", "label_delimiter")  # a folder may hold no table
        known = {name: known[name] for name in kept if name in known}
    if "label" in read_by:
        known.pop("label_delimiter", None)
    return {**known, **read_by, "suffix": suffix}


def _check_like(like: object, size_px: object) -> None:
    if like is not None and not isinstance(like, OpenedDataset):
        raise OptionError(
            f"like: expected a data set of open_dataset, got {type(like).__name__}. Open the "
            "training data first."
        )
    if like is not None and size_px is not None:
        raise OptionError(
            f"size_px: expected none with like, whose size pictures get, got {size_px!r}. Leave "
            "one of them out."
        )


def _task(task: Task | Literal["auto"], like: OpenedDataset | None) -> Task | None:
    if task != "auto":
        return task
    return None if like is None else like.labels.task


def _alike(data: object, source: Source, labels: Labels, like: OpenedDataset) -> OpenedDataset:
    """The data set with the classes and the kind of inputs of another."""
    inner, place = _opened(source)
    labels = labels_alike(labels, like.labels, source.description)
    if not isinstance(like, DecodedPictures):
        return dataset_alike(data, inner, labels, like)
    opened = _of_source(source, inner, place, labels, like.size_px)
    if isinstance(opened, DecodedPictures) and opened.input_shape == like.input_shape:
        return opened
    raise DataError(
        f"expected pictures as those of the data set that it should be like ({like.describe()}), "
        f"got {opened.describe()}"
    )


def _of_source(
    source: Source,
    inner: Source,
    place: FetchedSource | None,
    labels: Labels,
    size_px: int | tuple[int, int] | None,
) -> OpenedDataset:
    """The data set of what a format keeps beside its labels."""
    if isinstance(inner, TableSource):
        return _of_table(inner, labels, place, size_px)
    if isinstance(inner, TextSource):
        return TextDataset.of_texts(texts_of_parts(inner.parts), labels)
    if isinstance(inner, PartsSource) and isinstance(inner.parts[0], ArffPart):
        return _of_columns(arff_columns(inner.parts[0]), labels)
    if isinstance(inner, PartsSource) and isinstance(inner.parts[0], ArrayPart):
        found = features_of_arrays(inner.parts[0])
        if isinstance(found, Columns):
            return _of_columns(found, labels)
        return pictures_of_store(PictureArrays(found), labels, size_px)
    return _of_files(labels, source.description, place, size_px)


def _opened(source: Source) -> tuple[Source, "FetchedSource | None"]:
    """The source of the format itself, and the copy over which it stands, if there is one."""
    fetched = None
    while isinstance(source, SourceOfTask | FetchedSource):
        fetched = source if isinstance(source, FetchedSource) else fetched
        source = source.source
    return source, fetched


def _of_columns(columns: Columns, labels: Labels) -> TableDataset | TextDataset:
    """Texts, if the columns are sentences; else rows."""
    found = prose_of(columns)
    if found is None:
        notes = _broken_cells(columns)
        if notes:
            warnings.warn("; ".join(notes), BalancekitWarning, stacklevel=4)
        return TableDataset.of_columns(columns, labels, notes)
    return TextDataset.of_texts(found.texts, labels, found.notes, found.columns)


def _broken_cells(columns: Columns) -> tuple[str, ...]:
    """What a user is told of cells that hold no number among numbers, column by column."""
    told = [
        column.broken.told(column.name, column.kind, len(column))
        for column in columns.columns
        if column.broken is not None
    ]
    more = len(told) - MOST_TOLD
    return (*told[:MOST_TOLD], *([f"{more:,} more columns with such cells"] if more > 0 else []))


def _of_table(
    source: TableSource,
    labels: Labels,
    fetched: FetchedSource | None,
    size_px: int | tuple[int, int] | None,
) -> OpenedDataset:
    if source.picture_column is None and source.media == "pictures":
        return pictures_of_store(PictureBytes(picture_bytes(source)), labels, size_px)
    if source.picture_column is not None and _are_files(labels):
        return _of_files(labels, source.description, fetched, size_px)
    columns = table_columns(source)
    if not columns.columns and source.picture_column is not None:
        raise DataError(
            f"{source.path}: expected the pictures that column {source.picture_column!r} names, "
            f"got none where it says, such as {_first(labels)!r}. Put them there, or give the "
            "table where its paths lead to them."
        )
    if not columns.columns:
        raise DataError(
            f"{source.path}: expected columns beside the labels "
            f"({', '.join(source.target.columns[:3])}), got none: nothing to learn from."
        )
    return _of_columns(columns, labels)


def _of_files(
    labels: Labels,
    description: str,
    fetched: FetchedSource | None,
    size_px: int | tuple[int, int] | None,
) -> DecodedPictures:
    """Pictures in the files that the labels name."""
    paths = labels.sample_ids
    if fetched is not None and paths is not None:  # they tell URLs in place of the copy
        here, there = fetched.kept.place.path, fetched.kept.place.told(fetched.kept.place.path)
        paths = [path.replace(there, here, 1) for path in paths]
    if paths is None or not _are_files(labels, paths):
        raise DataError(
            f"{description}: expected inputs that balancekit can load (files of pictures, "
            "tables, texts), got none beside the labels. Give a data set of your own, which "
            "gives (input, target), and a model."
        )
    return pictures_of_store(PictureFiles(paths, fetched), labels, size_px)


def _are_files(labels: Labels, paths: Sequence[str] | None = None) -> bool:
    """Whether the first ids of pictures, or of what may be some, are files that are there."""
    ids = labels.sample_ids if paths is None else paths
    if ids is None or labels.media == "rows":
        return False
    first = filter(None, islice(ids, MOST_LOOKED_FOR))
    return any(os.path.isfile(name) for name in first)  # noqa: PTH113 - NUL bytes


def _first(labels: Labels) -> str:
    return next(filter(None, labels.sample_ids or ()), "")
