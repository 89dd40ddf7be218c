"""CSV, JSON lines and Parquet: which paths are such, and their sources."""

from pathlib import Path

from balancekit.errors import DataError
from balancekit.sources.pictures import PICTURE_SUFFIXES
from balancekit.sources.source import ReadOptions
from balancekit.sources.tables.dialect import Look, bytes_of_head, is_number, look_at
from balancekit.sources.tables.files import find_tables, holds_tables, split_of_name, suffix_of
from balancekit.sources.tables.open_table import open_tables
from balancekit.sources.tables.source import TableSource

__all__ = [
    "open_csv",
    "open_jsonl",
    "open_parquet",
    "recognise_csv",
    "recognise_jsonl",
    "recognise_parquet",
]

CSV_SUFFIXES = (".csv", ".tsv", ".psv")
LIKELY_TEXT = (".txt", ".tab", ".data", ".dat", ".lst", ".list")
"""Files that may hold a table as well as a text: taken for one if they plainly are."""

JSON_SUFFIXES = (".jsonl", ".ndjson")
PARQUET_SUFFIXES = (".parquet", ".pq", ".parq")
SURE_ROWS = 5


def recognise_csv(path: Path) -> str | None:
    """Why a path is taken for this format, in words; None if it is not."""
    if path.is_dir():
        if holds_tables(path, _is_csv):
            return "a folder of tables"
        named = holds_tables(path, lambda file: suffix_of(file) in LIKELY_TEXT)
        return "a folder of plain tables" if named and _are_split_tables(path) else None
    if _is_csv(path):
        return "by its suffix"
    if suffix_of(path) in LIKELY_TEXT and _is_plainly_table(path):
        return "its lines hold as many cells each"
    return None


def open_csv(path: Path, options: ReadOptions) -> TableSource:
    """The source of CSV or TSV: a file, or a folder of them."""
    is_table = _is_csv
    if path.is_dir() and not holds_tables(path, _is_csv):
        is_table = _is_text
    return open_tables(path, find_tables(path, is_table), "csv", options, format="csv")


def recognise_jsonl(path: Path) -> str | None:
    """Why a path is taken for this format, in words; None if it is not."""
    if path.is_dir():
        return "a folder of JSON lines" if holds_tables(path, _is_jsonl) else None
    if _is_jsonl(path):
        return "by its suffix"
    if suffix_of(path) == ".json" and _holds_records(path):
        return "it holds records"
    return None


def open_jsonl(path: Path, options: ReadOptions) -> TableSource:
    """The source of JSON lines: a file, or a folder of them."""
    return open_tables(path, find_tables(path, _is_jsonl), "jsonl", options, format="jsonl")


def recognise_parquet(path: Path) -> str | None:
    """Why a path is taken for this format, in words; None if it is not."""
    if path.is_dir():
        return "a folder of Parquet" if holds_tables(path, _is_parquet) else None
    return "by its suffix" if _is_parquet(path) else None


def open_parquet(path: Path, options: ReadOptions) -> TableSource:
    """The source of Parquet: a file, or a folder of it."""
    return open_tables(path, find_tables(path, _is_parquet), "parquet", options, format="parquet")


def _is_csv(path: Path) -> bool:
    return suffix_of(path) in CSV_SUFFIXES


def _is_text(path: Path) -> bool:
    return suffix_of(path) in LIKELY_TEXT


def _is_jsonl(path: Path) -> bool:
    return suffix_of(path) in JSON_SUFFIXES


def _is_parquet(path: Path) -> bool:
    return suffix_of(path) in PARQUET_SUFFIXES


def _are_split_tables(path: Path) -> bool:
    """Whether the texts of a folder are tables, a file a split."""
    try:
        texts = [f for part in find_tables(path, _is_text).by_split.values() for f in part]
    except DataError:
        return False
    return all(split_of_name(file.name) and _is_plainly_table(file) for file in texts[:20])


def _is_plainly_table(path: Path) -> bool:
    """Whether a text is a table for sure: every line of the head has as many cells.

    Commas and spaces stand in every text; they count only between numbers and paths.
    """
    try:
        look = look_at(path)
    except DataError:
        return False
    rows, width = look.rows, len(look.dialect.columns)
    if width < 2 or len(rows) < SURE_ROWS or not _is_steady(path, look):
        return False
    if look.dialect.delimiter in "\t|;":
        return True
    ends = [row[i].strip() for row in rows for i in (0, -1)]
    has_number = any(is_number(cell) for row in rows for cell in row)
    return has_number and all(
        is_number(cell)
        or cell.lower().endswith(PICTURE_SUFFIXES)
        or (len(cell) < 40 and " " not in cell)
        for cell in ends
    )


def _is_steady(path: Path, look: Look) -> bool:
    """Whether no line of the head has more cells or fewer."""
    n_lines = bytes_of_head(path, 1 << 16).count(b"\n")
    return len(look.rows) + look.dialect.header + look.dialect.n_blank_lines >= n_lines


def _holds_records(path: Path) -> bool:
    """Whether a .json file starts like records: an array of objects, or objects a line."""
    try:
        start = bytes_of_head(path, 1 << 16).removeprefix(b"\xef\xbb\xbf").lstrip()
    except DataError:
        return False
    if start.startswith(b"["):
        return start[1:].lstrip().startswith(b"{")
    first, _, second = start.partition(b"\n")
    return first.rstrip().endswith(b"}") and second.lstrip().startswith(b"{")
