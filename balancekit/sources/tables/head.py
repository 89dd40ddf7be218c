"""The first rows of a table, as values, and the classes that it declares."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from balancekit.errors import DataError
from balancekit.sources.tables.dialect import Look
from balancekit.sources.tables.scan import (
    Scan,
    ask,
    literal,
    noted_in_arrow,
    path_literal,
    quoted,
)
from balancekit.sources.tables.target import value_of_json

__all__ = ["Head", "class_labels", "head_of_json", "head_of_look", "head_of_typed"]

HEAD_ROWS = 2000
"""Rows looked at of files that are read by DuckDB."""

LOOK_ROWS = 10_000
"""Rows looked at of a CSV file, from all over its head: short rows make 250,000 of it."""


@dataclass(frozen=True, kw_only=True)
class Head:
    """What is known of a table before it is counted.

    Attributes:
        cells: the first values of each column, by its name.
        headless: the columns have no names of their own.
        declared: names of the classes of a column, by number.
        is_text: every value is text, as in CSV, and numbers are told by their looks.
        pictures: columns that hold pictures themselves, not their paths.
        spaced: a space follows every delimiter.
    """

    cells: Mapping[str, Sequence[Any]]
    headless: bool = False
    declared: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    is_text: bool = False
    pictures: tuple[str, ...] = ()
    spaced: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """Their names."""
        return tuple(self.cells)


def head_of_look(look: Look) -> Head:
    """The head of a CSV file."""
    columns = look.dialect.columns
    rows = look.rows[:: -(-len(look.rows) // LOOK_ROWS) or 1]
    return Head(
        cells={name: [row[i] for row in rows] for i, name in enumerate(columns)},
        headless=not look.dialect.header,
        is_text=True,
        spaced=look.dialect.spaced,
    )


def head_of_json(scan: Scan) -> Head:
    """The head of a file of JSON lines; keys of nested objects are named a.b."""
    connection = scan.query(f"SELECT json FROM rows WHERE json IS NOT NULL LIMIT {HEAD_ROWS}")
    rows = []
    for (text,) in connection.fetchall():
        value = value_of_json(text)
        if isinstance(value, dict):
            rows.append(value)
    names = dict.fromkeys(name for row in rows for name in row)
    return Head(cells=_with_fields({name: [row.get(name) for row in rows] for name in names}))


def _with_fields(cells: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Columns, and the fields of those that hold objects, as a.b."""
    for name in list(cells):
        nested = [value if isinstance(value, dict) else {} for value in cells[name]]
        for key in dict.fromkeys(key for value in nested for key in value):
            cells.setdefault(f"{name}.{key}", [value.get(key) for value in nested])
    return cells


def head_of_typed(scan: Scan) -> Head:
    """The head of a file of typed columns; those of bytes are not loaded."""
    kinds = dict(scan.columns)
    shown = {name: kind for name, kind in kinds.items() if "BLOB" not in kind}
    exprs = [
        f"to_json({quoted(name)})::VARCHAR" if _is_nested(kind) else quoted(name)
        for name, kind in shown.items()
    ]
    rows: list[Any] = []
    if exprs:
        listed = ", ".join(f"{sql} AS c{i}" for i, sql in enumerate(exprs))
        rows = scan.query(f"SELECT {listed} FROM rows LIMIT {HEAD_ROWS}").fetchall()
    cells: dict[str, list[Any]] = {name: [] for name in kinds}
    for i, (name, kind) in enumerate(shown.items()):
        found = [row[i] for row in rows]
        cells[name] = (
            [value_of_json(v) if v else None for v in found] if _is_nested(kind) else found
        )
    features = _features(scan)
    declared = class_labels(features)
    pictures = [
        name
        for name, kind in kinds.items()
        if "BLOB" in kind and _type_of(features.get(name)) in ("Image", "")
    ]
    return Head(
        cells=_with_fields(cells),
        declared=declared or _categories(scan),
        pictures=tuple(name for name in pictures if "bytes" in kinds[name]),
    )


def class_labels(features: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Names of the classes of each ClassLabel among the features of a Hugging Face set."""
    found = {}
    for name, feature in features.items():
        inner = feature
        while isinstance(inner, dict) and isinstance(inner.get("feature"), dict):
            inner = inner["feature"]  # a Sequence of them
        if isinstance(inner, list) and len(inner) == 1:
            inner = inner[0]
        if not isinstance(inner, dict) or inner.get("_type") != "ClassLabel":
            continue
        names = inner.get("names")
        if isinstance(names, list) and len(set(map(str, names))) == len(names):
            found[name] = tuple(map(str, names))
    return found


def _is_nested(kind: str) -> bool:
    return kind.endswith("]") or kind.startswith(("STRUCT", "MAP", "UNION", "VARIANT"))


def _type_of(feature: Any) -> str:
    return str(feature.get("_type", "")) if isinstance(feature, dict) else ""


def _features(scan: Scan) -> Mapping[str, Any]:
    """The features that Hugging Face datasets notes in the files that it writes."""
    info = _noted(scan, "huggingface")
    features = info.get("info", {}) if isinstance(info, dict) else {}
    features = features.get("features") if isinstance(features, dict) else None
    return features if isinstance(features, dict) else {}


def _noted(scan: Scan, key: str) -> Any:
    """What a file notes under a key, as JSON; None if it does not."""
    if scan.kind == "arrow":
        return noted_in_arrow(scan.paths[0], key)
    notes = f"parquet_kv_metadata({path_literal(scan.paths[0])})"
    try:
        found = ask(f"SELECT value FROM {notes} WHERE key = {literal(key)}::BLOB")
        return msgspec.json.decode(found[0][0]) if found else None
    except (DataError, ValueError, RecursionError, TypeError):
        return None  # a note is no data


def _categories(scan: Scan) -> dict[str, tuple[str, ...]]:
    """Categories of pandas, those without a row included, where pyarrow can be had.

    DuckDB shows the values of rows alone.
    """
    noted = _noted(scan, "pandas") if scan.kind == "parquet" else None
    listed = noted.get("columns") if isinstance(noted, dict) else None
    names = [
        str(column.get("name"))
        for column in (listed if isinstance(listed, list) else ())
        if isinstance(column, dict) and column.get("pandas_type") == "categorical"
    ]
    if not names:
        return {}
    try:
        from pyarrow import ArrowException, parquet  # type: ignore[import-untyped]
    except ImportError:
        return {}
    found = {}
    for name in names:
        try:
            with parquet.ParquetFile(scan.paths[0], read_dictionary=[name]) as file:
                chunk = next(file.iter_batches(1, columns=[name])).column(0)
                values = chunk.dictionary.to_pylist()
        except (ArrowException, OSError, StopIteration, AttributeError, LookupError, ValueError):
            continue
        if values and all(isinstance(value, str) for value in values):
            found[name] = tuple(values)
    return found
