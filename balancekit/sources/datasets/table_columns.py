"""Columns of CSV, JSON lines, Parquet and Arrow tables, read by DuckDB in the order of labels."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from balancekit.errors import DataError
from balancekit.sources.datasets.columns import (
    MISSING_TEXTS,
    NUMBER_SHARE,
    Broken,
    Column,
    Columns,
    Kind,
    coded,
    column_of_cells,
    finite,
)
from balancekit.sources.datasets.known_columns import column_of_kind, refuse_lacking, tell_broken
from balancekit.sources.tables import TableSource
from balancekit.sources.tables.column_roles import SPLIT_COLUMNS, SPLIT_FLAGS
from balancekit.sources.tables.head import head_of_json
from balancekit.sources.tables.scan import Scan, literal
from balancekit.sources.tables.shards import read_rows
from balancekit.sources.tables.target import text_of_cell

__all__ = ["columns_of_kinds", "picture_bytes", "table_columns"]

MANY_COLUMNS = 100
"""DuckDB plans some expressions for each of a thousand columns longer than it reads them."""

NOT_CELLS = ("BLOB", "[]", "STRUCT", "MAP", "UNION", "VARIANT", "BIT")
MISSING_SQL = literal("|".join(re.escape(text) for text in sorted(MISSING_TEXTS)))


def table_columns(
    source: TableSource, most_rows: int | None = None, kinds: Mapping[str, Kind] | None = None
) -> Columns:
    """The columns beside the labels, with as many rows as `source.read_labels()` has.

    Args:
        source: of the table.
        most_rows: first rows of the first files that are read; all of all if not given.
        kinds: of the columns to read, by name; all columns, as their cells tell it, if None.

    Raises:
        DataError: no file can be read, or one of the columns is missing or of another kind.
    """
    scans = [scan for scan in source.scans if most_rows or _gives_labels(scan, source)]
    scans = scans[:1] if most_rows else scans
    rows_of = {scan: _where(scan, source, most_rows) for scan in scans}
    if kinds is not None:
        return columns_of_kinds(rows_of, kinds)
    left_out: dict[str, str] = {}
    names = _names(scans, source, left_out)
    if len(names) > MANY_COLUMNS:
        return Columns(tuple(_wide(rows_of, names)), left_out)
    if not names:
        return Columns((), left_out)
    counts = _counts(rows_of, names)
    found = dict(zip(names, _kinds(counts), strict=True))
    columns = zip(_narrow(rows_of, found), counts.tolist(), strict=True)
    return Columns(tuple(_with_broken(one, row, rows_of) for one, row in columns), left_out)


def _with_broken(column: Column, counts: Sequence[int], rows_of: Mapping[Scan, str]) -> Column:
    """A column that knows which of its cells are not of its kind."""
    n_known, n_numbers, n_days = counts
    n_broken = n_known - {"text": n_known, "number": n_numbers, "day": n_days}[column.kind]
    if not n_broken:
        return column
    row, cell = _first_broken(rows_of, column.name, column.kind)
    return replace(column, broken=Broken(n_broken, row, str(cell)))


def columns_of_kinds(rows_of: Mapping[Scan, str], kinds: Mapping[str, Kind]) -> Columns:
    """The columns of a training part, in its order; a warning tells of cells that do not fit.

    Args:
        rows_of: SQL of the rows of each scan.
        kinds: of the columns, by name.

    Raises:
        DataError: a column is missing, or its cells are of another kind.
    """
    for scan in rows_of:
        refuse_lacking(kinds, [*_columns_of(scan), *(n for n in kinds if _is_field(scan, n))])
    if len(kinds) > MANY_COLUMNS:
        return Columns(tuple(_wide(rows_of, list(kinds), kinds)))
    counts = _counts(rows_of, list(kinds))
    at = {"text": 0, "number": 1, "day": 2}
    read_as = dict(kinds)
    for (name, kind), row in zip(kinds.items(), counts.tolist(), strict=True):
        if kind == "number" and not row[1]:
            read_as[name] = "text"  # truth values, perhaps
        elif row[at[kind]] < row[0]:
            first = _first_broken(rows_of, name, kind)
            tell_broken(name, kind, (row[0] - row[at[kind]], row[0]), first)
    columns = _narrow(rows_of, read_as)
    return Columns(
        tuple(
            one if one.kind == kind else column_of_kind(one.name, one.cells(), kind)
            for one, kind in zip(columns, kinds.values(), strict=True)
        )
    )


def _columns_of(scan: Scan) -> Mapping[str, str]:
    """Columns of a scan, and their types where they have some."""
    if scan.kind == "jsonl":
        return dict.fromkeys(head_of_json(scan).columns, "")
    return dict(scan.columns if scan.dialect is None else dict.fromkeys(scan.dialect.columns, ""))


def _is_field(scan: Scan, name: str) -> bool:
    """Whether a name is that of a field within a column: a.b."""
    names = _columns_of(scan)
    return scan.is_typed and name not in names and name.partition(".")[0] in names


def _first_broken(rows_of: Mapping[Scan, str], name: str, kind: Kind) -> tuple[int, object]:
    """Row and text of the first cell that is not of the kind of its column."""
    for scan, rows in rows_of.items():
        cells = f"{_text(scan, name)} AS found, {_SQL_OF[kind](scan, name)} AS number"
        numbered = f"SELECT {cells}, row_number() OVER () AS place {rows}"
        broken = "found IS NOT NULL AND number IS NULL ORDER BY place LIMIT 1"
        found = scan.query(f"FROM ({numbered}) SELECT place, found WHERE {broken}").fetchall()
        if found:
            return int(found[0][0]), found[0][1]
    raise AssertionError(f"{name}: no cell is broken")


def _narrow(rows_of: Mapping[Scan, str], kinds: Mapping[str, Kind]) -> Iterator[Column]:
    """Columns whose cells DuckDB makes numbers or texts of."""
    read = [_read(scan, rows, kinds) for scan, rows in rows_of.items()] if kinds else []
    for i, (name, kind) in enumerate(kinds.items()):
        yield _joined(name, kind, [cells[i] for cells in read])


def _wide(
    rows_of: Mapping[Scan, str], names: Sequence[str], kinds: Mapping[str, Kind] | None = None
) -> Iterator[Column]:
    """Columns of a table that has many, their cells read as they are and told by Python."""
    read: list[list[Any]] = []
    for scan, rows in rows_of.items():
        cells = (
            f"{scan.cell(n) if scan.is_typed else text_of_cell(scan, n)} AS c{i}"
            if scan.has(n)
            else f"NULL AS c{i}"
            for i, n in enumerate(names)
        )
        found = scan.query(f"SELECT {', '.join(cells)} {rows}").fetchnumpy()
        read.append(list(found.values()))
    for i, name in enumerate(names):
        parts = [cells[i] for cells in read]
        are_numbers = all(isinstance(p, np.ndarray) and p.dtype.kind in "biuf" for p in parts)
        if are_numbers and (kinds is None or kinds[name] == "number"):
            filled = [np.ma.filled(np.ma.asarray(p).astype(np.float64), np.nan) for p in parts]
            yield Column(name, numbers=finite(np.concatenate(filled)))
        else:
            flat: list[Any] = [c for p in parts for c in np.ma.asarray(p).tolist()]
            if kinds is None:
                yield column_of_cells(name, flat)
            else:
                yield column_of_kind(name, flat, kinds[name])


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
        for name, kind in _columns_of(scan).items():
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
    # A pattern: DuckDB makes a join of a long IN, and a join gives rows in any order.
    return f"CASE WHEN NOT regexp_full_match(lower({text}), {MISSING_SQL}) THEN {text} END"


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


def _where(scan: Scan, source: TableSource, most_rows: int | None = None) -> str:
    """SQL of the rows that have labels, or of the first of them."""
    split = f" AND {source.rows.sql(scan)}" if source.rows else ""
    rows = f"FROM rows WHERE NOT ({scan.broken}){split}"
    return rows if most_rows is None else f"FROM ({rows} LIMIT {most_rows})"


def _counts(rows_of: Mapping[Scan, str], names: Sequence[str]) -> NDArray[np.int64]:
    """Cells of each column that are known, that are numbers, and days: [n_columns, 3]."""
    counts = np.zeros((len(names), 3), np.int64)
    for scan, rows in rows_of.items():
        cells = (sql(scan, name) for name in names for sql in (_text, _number, _day))
        asked = ", ".join(f"count({cell}) AS c{i}" for i, cell in enumerate(cells))
        (found,) = scan.query(f"SELECT {asked} {rows}").fetchall()
        counts += np.array(found, np.int64).reshape(-1, 3)
    return counts


def _kinds(counts: NDArray[np.int64]) -> list[Kind]:
    """What nearly all cells of each column are."""
    return [
        "number" if n >= NUMBER_SHARE * known else "day" if d >= NUMBER_SHARE * known else "text"
        for known, n, d in counts.tolist()
    ]


_SQL_OF = {"number": _number, "day": _day, "text": _text}


def _read(scan: Scan, rows: str, kinds: Mapping[str, Kind]) -> list[NDArray[Any]]:
    """The cells of a scan, column by column: float64, or objects with None."""
    asked = ", ".join(
        f"{_SQL_OF[kind](scan, name)} AS c{i}" for i, (name, kind) in enumerate(kinds.items())
    )
    found = scan.query(f"SELECT {asked} {rows}").fetchnumpy()
    return [np.ma.asarray(cells) for cells in found.values()]


def _joined(name: str, kind: Kind, parts: Sequence[Any]) -> Column:
    cells: Any = np.ma.concatenate(parts) if len(parts) > 1 else parts[0]  # type: ignore[no-untyped-call]
    if kind == "text":
        is_missing = np.ma.getmaskarray(cells).tolist()
        texts = np.ma.getdata(cells).tolist()
        given = zip(texts, is_missing, strict=True)
        return coded(name, (None if missing else text for text, missing in given))
    numbers = finite(np.ma.filled(cells.astype(np.float64), np.nan))
    return Column(name, numbers=numbers, are_days=kind == "day")
