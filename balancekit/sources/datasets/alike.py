"""A data set of other data, such as a test file, encoded as one that is there."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from balancekit.errors import DataError
from balancekit.labels import UNLABELLED, Labels
from balancekit.sources.arff import ArffPart
from balancekit.sources.datasets.columns import Columns, Kind
from balancekit.sources.datasets.file_columns import arff_columns_of_kinds, features_of_arrays
from balancekit.sources.datasets.known_columns import refuse_lacking
from balancekit.sources.datasets.memory_columns import frame_columns_of_kinds, is_frame
from balancekit.sources.datasets.table import TableDataset
from balancekit.sources.datasets.table_columns import table_columns
from balancekit.sources.datasets.text import TextDataset
from balancekit.sources.datasets.texts import joined_texts, texts_of_parts
from balancekit.sources.numpy_file import ArrayPart
from balancekit.sources.parts import PartsSource
from balancekit.sources.source import Source
from balancekit.sources.tables import TableSource
from balancekit.sources.text_folder import TextSource

__all__ = ["dataset_alike", "labels_alike"]


def labels_alike(labels: Labels, like: Labels, where: str) -> Labels:
    """Labels with the classes of others, in their order.

    Args:
        labels: of a test file, say.
        like: of the data set that a model is trained on.
        where: the labels were read, in words.

    Raises:
        DataError: the task is another, or samples are of a class that the others lack.

    >>> labels_alike(Labels.from_names(["b"]), Labels.from_names(["a", "b"]), "t.csv").class_ids
    array([1], dtype=int32)
    """
    if labels.task != like.task:
        raise DataError(f"{where}: expected labels of {like.task}, got {labels.task} labels")
    if labels.values is not None or labels.class_names == like.class_names:
        return labels
    id_of = {name: i for i, name in enumerate(like.class_names)}
    counts = zip(labels.class_names, labels.class_counts().tolist(), strict=True)
    unknown = {name: count for name, count in counts if count and name not in id_of}
    if unknown:
        raise DataError(
            f"{where}: expected the classes {list(id_of)[:8]} of the data set that it should be "
            f"like, got others: {dict(list(unknown.items())[:8])} (samples of each). No model of "
            "that data set can tell them: leave these samples out, or train with some of them."
        )
    # One more at the end, where -1 finds "unlabelled".
    ids = [id_of.get(name, UNLABELLED) for name in labels.class_names]
    table = np.array([*ids, UNLABELLED], np.int32)
    return replace(labels, class_ids=table[labels.class_ids], class_names=like.class_names)


def dataset_alike(
    data: object, source: Source, labels: Labels, like: TableDataset | TextDataset
) -> TableDataset | TextDataset:
    """The data set of rows or texts, encoded as those of another.

    Args:
        data: as for `open_dataset`.
        source: of its format.
        labels: of its samples.
        like: the data set whose encoder is taken.

    Raises:
        DataError: it has other columns, or is of another kind.
    """
    if isinstance(like, TextDataset) and isinstance(source, TextSource):
        return like.with_texts(texts_of_parts(source.parts), labels)
    kinds = like.encoder.kinds
    if not kinds:
        raise DataError(
            f"{source.description}: expected texts in files of their own or a text a line, as "
            "those of the data set that it should be like"
        )
    columns = _columns(data, source, kinds)
    if isinstance(like, TextDataset):
        return like.with_texts(joined_texts(columns.columns), labels)
    return like.with_rows(columns, labels)


def _columns(data: Any, source: Any, kinds: Mapping[str, Kind]) -> Columns:
    """The columns of these names, in step with the labels."""
    if is_frame(data):
        return frame_columns_of_kinds(data, kinds)
    if isinstance(source, TableSource):
        return table_columns(source, kinds=kinds)
    part = source.parts[0] if isinstance(source, PartsSource) else None
    if isinstance(part, ArffPart):
        return arff_columns_of_kinds(part.path, kinds)[0]
    found = features_of_arrays(part) if isinstance(part, ArrayPart) else None
    if not isinstance(found, Columns):
        raise DataError(
            f"{source.description}: expected rows of a table, as those of the data set that it "
            "should be like"
        )
    column_of = {column.name: column for column in found.columns}
    refuse_lacking(kinds, list(column_of))
    return Columns(tuple(column_of[name] for name in kinds))
