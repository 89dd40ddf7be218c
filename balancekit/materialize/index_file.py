"""Lists of indices in files: NumPy, CSV or Parquet."""

import csv
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from balancekit.errors import OptionError
from balancekit.files import open_whole
from balancekit.labels import Labels
from balancekit.materialize.checks import refuse_wrong_indices

__all__ = ["COLUMNS", "INDEX_SUFFIXES", "write_indices"]

INDEX_SUFFIXES = (".npy", ".csv", ".parquet")
"""What the names of such files end in."""

COLUMNS = ("index", "sample_id", "class")
"""Columns of the tables: place in the data from 0, id such as a path, name of the class."""

BETWEEN_CLASSES = "|"

CHUNK = 1 << 16
"""Rows made at a time."""


def write_indices(
    labels: Labels, indices: NDArray[np.integer], target: str | os.PathLike[str]
) -> None:
    """Write indices in their order, complete or not at all.

    NumPy's .npy holds them alone: int64 [n_drawn]. CSV and Parquet have a row a draw, of its
    index, sample id and class, or classes, each once, with | between; the id is left empty
    where samples have none.

    Args:
        labels: of the data that the indices are of.
        indices: integer [n_drawn].
        target: a file whose name ends in .npy, .csv or .parquet.

    Raises:
        OptionError: the name ends otherwise, the file's folder is missing, or indices are not
            of labelled samples.
    """
    suffix = Path(target).suffix.lower()
    if suffix not in INDEX_SUFFIXES:
        raise OptionError(
            f"{target}: expected a name that ends in {', '.join(INDEX_SUFFIXES)}, got "
            f"{suffix or 'no suffix'}"
        )
    refuse_wrong_indices(labels, indices)
    with open_whole(target) as file:
        if suffix == ".npy":
            np.save(file, np.asarray(indices, np.int64))
        elif suffix == ".csv":
            _write_csv(labels, indices, file)
        else:
            _write_parquet(labels, indices, file)


_Chunk = tuple[list[int], list[str | None], list[str]]


def _columns(labels: Labels, indices: NDArray[np.integer]) -> Iterator[_Chunk]:
    """The columns of the table, a chunk of rows at a time."""
    ids = labels.sample_ids
    for start in range(0, len(indices), CHUNK):
        chosen = indices[start : start + CHUNK].tolist()
        names = [None if ids is None else _as_utf8(ids[index]) for index in chosen]
        yield chosen, names, [_classes_of(labels, index) for index in chosen]


def _classes_of(labels: Labels, index: int) -> str:
    if labels.offsets is None:
        return labels.class_names[int(labels.class_ids[index])]
    carried = labels.class_ids[labels.offsets[index] : labels.offsets[index + 1]]
    # A picture with three boxes of a class carries the class once.
    return BETWEEN_CLASSES.join(labels.class_names[c] for c in dict.fromkeys(carried.tolist()))


def _as_utf8(name: str) -> str:
    """A name with the bytes spelt out that are no UTF-8, which tables cannot hold."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _write_csv(labels: Labels, indices: NDArray[np.integer], file: BinaryIO) -> None:
    text = io.TextIOWrapper(file, encoding="utf-8", newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for chunk in _columns(labels, indices):
        writer.writerows(zip(*chunk, strict=True))
    text.flush()
    text.detach()  # the file is closed by who opened it


def _write_parquet(labels: Labels, indices: NDArray[np.integer], file: BinaryIO) -> None:
    import duckdb
    import pandas as pd

    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE drawn (index BIGINT, sample_id VARCHAR, class VARCHAR)")
        for chunk in _columns(labels, indices):
            # Of objects, as a column without any id would be taken for numbers.
            rows = pd.DataFrame(dict(zip(COLUMNS, chunk, strict=True)), dtype=object)
            connection.register("rows", rows)
            connection.execute("INSERT INTO drawn SELECT * FROM rows")
        connection.table("drawn").write_parquet(file.name)
