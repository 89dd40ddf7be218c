"""The columns of training in rows that came later: of a file, a DataFrame, or plain Python."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from balancekit.errors import DataError
from balancekit.sources.arff import recognise
from balancekit.sources.datasets.columns import Columns, Kind
from balancekit.sources.datasets.file_columns import arff_columns_of_kinds
from balancekit.sources.datasets.known_columns import column_of_kind, refuse_lacking
from balancekit.sources.datasets.memory_columns import frame_columns_of_kinds, is_frame
from balancekit.sources.datasets.table_columns import columns_of_kinds
from balancekit.sources.source import ReadOptions
from balancekit.sources.tables import recognise_csv, recognise_jsonl, recognise_parquet
from balancekit.sources.tables.head import head_of_json
from balancekit.sources.tables.open_table import look_at_file
from balancekit.sources.tables.scan import Scan
from balancekit.sources.tables.source import warn_of_lost_labels
from balancekit.stats import Problem

__all__ = ["columns_of_rows"]


def columns_of_rows(rows: object, kinds: Mapping[str, Kind]) -> Columns:
    """The columns that training knows, in its order; others are not looked at.

    Args:
        rows: a path of CSV, JSON lines, Parquet or ARFF; a DataFrame; an array [n, n_columns],
            for a training part of arrays; columns by name; or rows, each cells by name.
        kinds: of the columns, by name.

    Raises:
        DataError: a column is missing, its cells are of another kind, or rows cannot be read.
    """
    if isinstance(rows, str | os.PathLike):
        try:
            return _columns_of_file(Path(rows), kinds)
        except DataError as error:
            told = str(error)
            raise DataError(told if str(rows) in told else f"{rows}: {told}") from None
    if is_frame(rows):
        return frame_columns_of_kinds(rows, kinds)
    if isinstance(rows, np.ndarray) and rows.ndim == 2:
        rows = {f"feature {i}": rows[:, i].tolist() for i in range(rows.shape[1])}
    elif isinstance(rows, Sequence) and all(isinstance(row, Mapping) for row in rows):
        named = dict.fromkeys(name for row in rows for name in row) if rows else kinds
        rows = {name: [row.get(name) for row in rows] for name in named}
    if not isinstance(rows, Mapping):
        raise DataError(
            "rows: expected a path, a DataFrame, columns by name, or a list of rows with cells by "
            f"name, got {type(rows).__name__}"
        )
    return _columns_of_mapping(rows, kinds)


def _columns_of_mapping(rows: Mapping[Any, Any], kinds: Mapping[str, Kind]) -> Columns:
    refuse_lacking(kinds, list(map(str, rows)))
    cells = {str(name): given for name, given in rows.items() if str(name) in kinds}
    for name, given in cells.items():
        if isinstance(given, str | bytes) or not hasattr(given, "__len__"):
            raise DataError(
                f"rows: column {name!r}: expected a list of cells, got {str(given)[:60]!r}. Put "
                "a single row into a list: [row]."
            )
    lengths = {name: len(given) for name, given in cells.items()}
    if len(set(lengths.values())) > 1:
        raise DataError(f"rows: expected columns of one length, got {lengths}")
    return Columns(tuple(column_of_kind(n, _plain(cells[n]), kind) for n, kind in kinds.items()))


def _plain(cells: Any) -> Sequence[Any]:
    """Values of Python, of whatever holds them."""
    return cells.tolist() if hasattr(cells, "tolist") else list(cells)


def _columns_of_file(path: Path, kinds: Mapping[str, Kind]) -> Columns:
    """The columns of all rows of a file; a warning tells of rows that do not fit."""
    if not path.is_file():
        got = "a folder" if path.is_dir() else "nothing there"
        raise DataError(f"{path}: expected a file of rows, got {got}. Check the path.")
    if recognise(path) is not None:
        columns, lines = arff_columns_of_kinds(path, kinds)
        broken = Problem(count=len(lines), examples=(f"line {lines[0]}",)) if lines else None
    else:
        scan = _scan(path, kinds)
        columns = columns_of_kinds({scan: f"FROM rows WHERE NOT ({scan.broken})"}, kinds)
        # A cell is asked for, too: DuckDB takes no look at rows of which it needs none.
        cells = ", ".join(f"count({scan.cell(name)})" for name in list(kinds)[:1])
        read = scan.query(f"FROM rows SELECT count(*) FILTER (WHERE {scan.broken}), {cells}")
        ((n_broken, *_),) = read.fetchall()
        broken = scan.broken_rows(read, n_broken)
    if broken is not None:
        warn_of_lost_labels(str(path), {"row-malformed": broken})
    return columns


def _scan(path: Path, kinds: Mapping[str, Kind]) -> Scan:
    options = ReadOptions(label=tuple(kinds))  # a first line that holds one is a header
    if recognise_parquet(path):
        return look_at_file(path, "parquet", options)[0]
    if recognise_jsonl(path):
        scan = look_at_file(path, "jsonl", options)[0]
        names = head_of_json(scan).columns
        flat = [n for n in kinds if "." in n and n.partition(".")[0] not in names]
        return replace(scan, columns=tuple((name, "JSON") for name in flat))
    if recognise_csv(path):
        return look_at_file(path, "csv", options)[0]
    raise DataError(
        f"{path}: expected CSV, JSON lines, Parquet or ARFF, got a {path.suffix or 'nameless'} "
        "file. Give its rows as a DataFrame."
    )
