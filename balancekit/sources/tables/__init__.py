"""Tables: CSV, JSON lines and Parquet, read by DuckDB; the label column is named or found."""

from balancekit.sources.tables.files import TableFiles, find_tables
from balancekit.sources.tables.formats import (
    open_csv,
    open_jsonl,
    open_parquet,
    recognise_csv,
    recognise_jsonl,
    recognise_parquet,
)
from balancekit.sources.tables.head import class_labels
from balancekit.sources.tables.open_table import open_tables
from balancekit.sources.tables.source import TableSource

__all__ = [
    "TableFiles",
    "TableSource",
    "class_labels",
    "find_tables",
    "open_csv",
    "open_jsonl",
    "open_parquet",
    "open_tables",
    "recognise_csv",
    "recognise_jsonl",
    "recognise_parquet",
]
