"""Columns of CSV, JSON lines, Parquet and Arrow tables, read by DuckDB in the order of labels."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from balancekit.errors import DataError
from balancekit.sources.datasets.columns import (
    MISSING_TEXTS,
    NUMBER_SHARE,
    Column,
    Columns,
    coded,
    column_of_cells,
    finite,
)
from balancekit.sources.tables import TableSource
from balancekit.sources.tables.column_roles import SPLIT_COLUMNS, SPLIT_FLAGS
from balancekit.sources.tables.head import head_of_json
from balancekit.sources.tables.scan import Scan, literal
from balancekit.sources.tables.shards import read_rows
from balancekit.sources.tables.target import text_of_cell

__all__ = ["picture_bytes", "table_columns"]

MANY_COLUMNS = 100
"""DuckDB plans some expressions for each of a thousand columns longer than it reads them."""

NOT_CELLS = ("BLOB", "[]", "STRUCT", "MAP", "UNION", "VARIANT", "BIT")
MISSING_SQL = ", ".join(literal(text) for text in sorted(MISSING_TEXTS))


def table_columns(source: TableSource) -> Columns:
    """The columns beside the labels, with as many rows as `source.read_labels()` has.

    Raises:
        DataError: no file can be read.
    """
    scans = [scan for scan in source.scans if _gives_labels(scan, source)]
    left_out: dict[str, str] = {}
    names = _names(scans, source, left_out)
    if len(names) > MANY_COLUMNS:
        return Columns(tuple(_wide(scans, source, names)), left_out)
    kinds = _kinds(scans, source, names) if names else []
    read = [_read(scan, source, names, kinds) for scan in scans] if names else []
    columns = (
        _joined(name, kinds[i], [cells[i] for cells in read]) for i, name in enumerate(names)
    )
    return Columns(tuple(columns), left_out)


def _wide(scans: Sequence[Scan], source: TableSource, names: Sequence[str]) -> Iterator[Column]:
    """Columns of a table that has many, their cells read as they are and told by Python."""
    read: list[list[Any]] = []
    for scan in scans:
        cells = (
            f"{scan.cell(n) if scan.is_typed else text_of_cell(scan, n)} AS c{i}"
            if scan.has(n)
            else f"NULL AS c{i}"
            for i, n in enumerate(names)
        )
        found = scan.query(f"SELECT {', '.join(cells)} {_where(scan, source)}").fetchnumpy()
        read.append(list(found.values()))
    for i, name in enumerate(names):
        parts = [cells[i] for cells in read]
        if all(isinstance(part, np.ndarray) and part.dtype.kind in "biuf" for part in parts):
            filled = [np.ma.filled(np.ma.asarray(p).astype(np.float64), np.nan) for p in parts]
            yield Column(name, numbers=finite(np.concatenate(filled)))
        else:
            yield column_of_cells(name, [c for p in parts for c in np.ma.asarray(p).tolist()])


def picture_bytes(source: TableSource) -> list[bytes | None]:
    """The files of the pictures that stand in the cells of a table.

    Raises:
        DataError: no file can be read.
    """
    found: list[bytes | None] = []
    for scan in source.scans:
        if not _gives_labels(scan, source):
            continue
        kinds = dict(scan.columns)
        name = next(n for n, kind in kinds.items() if "BLOB" in kind and "bytes" in kind)
        sql = f"SELECT {scan.cell(name)}.bytes AS c0 {_where(scan, source)}"
        found += [row[0] for row in scan.query(sql).fetchall()]
    return found


def _gives_labels(scan: Scan, source: TableSource) -> bool:
    """Whether the labels of a scan can be read: those of others are left out of the labels."""
    if len(source.scans) == 1:
        return True
    try:
        read_rows(scan, source.target, source.rows, None)
    except DataError:
        return False
    return True


def _names(scans: Iterable[Scan], source: TableSource, left_out: dict[str, str]) -> list[str]:
    """Columns that may hold features, in the order of the data."""
    found: dict[str, str] = {}
    for scan in scans:
        if scan.kind == "jsonl":
            names = dict.fromkeys(head_of_json(scan).columns, "")
        elif scan.dialect is not None:
            names = dict.fromkeys(scan.dialect.columns, "")
        else:
            names = dict(scan.columns)
        for name, kind in names.items():
            found.setdefault(name, kind)
    split = {source.rows.column} if source.rows else set()
    kept = []
    for name, kind in found.items():
        if name in source.target.columns or name.partition(".")[0] in source.target.columns:
            continue
        if name in split or name.lower() in (*SPLIT_COLUMNS, *SPLIT_FLAGS):
            left_out[name] = "it names the split"
        elif name == source.picture_column:
            left_out[name] = "it names the picture"
        elif any(part in kind for part in NOT_CELLS):
            left_out[name] = f"its cells are {kind.lower()[:40]}"
        else:
            kept.append(name)
    return kept


def _text(scan: Scan, name: str) -> str:
    """The text of a cell as SQL, NULL where it is missing."""
    if not scan.has(name):
        return "CAST(NULL AS VARCHAR)"
    text = f"trim({text_of_cell(scan, name)})"
    return f"CASE WHEN lower({text}) NOT IN ({MISSING_SQL}) THEN {text} END"


def _number(scan: Scan, name: str) -> str:
    """The number of a cell as SQL, NULL where it is none; 1,5 is one where commas part no cells."""
    text = _text(scan, name)
    kind = dict(scan.columns).get(name, "")
    if scan.is_typed and scan.has(name) and kind != "VARCHAR" and not kind.startswith("ENUM"):
        if kind.startswith(("DATE", "TIME")):
            return "NULL::DOUBLE"
        return f"TRY_CAST({scan.cell(name)} AS DOUBLE)"
    number = f"TRY_CAST({text} AS DOUBLE)"
    if scan.dialect is not None and scan.dialect.delimiter != ",":
        is_decimal = f"regexp_full_match({text}, '[-+]?[0-9]+,[0-9]+')"
        comma = f"TRY_CAST(replace({text}, ',', '.') AS DOUBLE)"
        return f"coalesce({number}, CASE WHEN {is_decimal} THEN {comma} END)"
    return number


def _day(scan: Scan, name: str) -> str:
    """The day of a date as SQL, counted from 1970, NULL where it is none."""
    return f"epoch(TRY_CAST({_text(scan, name)} AS TIMESTAMP)) / 86400"


def _where(scan: Scan, source: TableSource) -> str:
    rows = f" AND {source.rows.sql(scan)}" if source.rows else ""
    return f"FROM rows WHERE NOT ({scan.broken}){rows}"


def _kinds(scans: Sequence[Scan], source: TableSource, names: Sequence[str]) -> list[str]:
    """What nearly all cells of each column are: "number", "day" or "text"."""
    counts = np.zeros((len(names), 3), np.int64)
    for scan in scans:
        cells = (sql(scan, name) for name in names for sql in (_text, _number, _day))
        asked = ", ".join(f"count({cell}) AS c{i}" for i, cell in enumerate(cells))
        (found,) = scan.query(f"SELECT {asked} {_where(scan, source)}").fetchall()
        counts += np.array(found, np.int64).reshape(-1, 3)
    known, numbers, days = counts.T
    are_numbers, are_days = (n >= NUMBER_SHARE * known for n in (numbers, days))
    kinds = np.where(are_numbers, "number", np.where(are_days, "day", "text"))
    return [str(kind) for kind in kinds]


def _read(
    scan: Scan, source: TableSource, names: Sequence[str], kinds: Sequence[str]
) -> list[NDArray[Any]]:
    """The cells of a scan, column by column: float64, or objects with None."""
    sql_of = {"number": _number, "day": _day, "text": _text}
    asked = ", ".join(
        f"{sql_of[kind](scan, name)} AS c{i}"
        for i, (name, kind) in enumerate(zip(names, kinds, strict=True))
    )
    found = scan.query(f"SELECT {asked} {_where(scan, source)}").fetchnumpy()
    return [np.ma.asarray(cells) for cells in found.values()]


def _joined(name: str, kind: str, parts: Sequence[Any]) -> Column:
    cells: Any = np.ma.concatenate(parts) if len(parts) > 1 else parts[0]  # type: ignore[no-untyped-call]
    if kind == "text":
        is_missing = np.ma.getmaskarray(cells).tolist()
        texts = np.ma.getdata(cells).tolist()
        given = zip(texts, is_missing, strict=True)
        return coded(name, (None if missing else text for text, missing in given))
    return Column(name, numbers=finite(np.ma.filled(cells.astype(np.float64), np.nan)))
