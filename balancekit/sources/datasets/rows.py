"""What rows hold: numbers, which can be mixed with each other, or text."""

from balancekit.errors import DataError
from balancekit.sources.arff import ArffPart
from balancekit.sources.datasets.columns import Columns
from balancekit.sources.datasets.file_columns import arff_columns
from balancekit.sources.datasets.table_columns import table_columns
from balancekit.sources.datasets.texts import prose_of
from balancekit.sources.fetched import FetchedSource
from balancekit.sources.of_task import SourceOfTask
from balancekit.sources.parts import PartsSource
from balancekit.sources.source import Source
from balancekit.sources.tables import TableSource
from balancekit.sources.text_folder import TextSource
from balancekit.stats import Rows

__all__ = ["rows_of_source"]

MOST_ROWS = 2000
"""Rows that are looked at: counting a table takes a second, and reading all its cells many."""

MANY_COLUMNS = 100
"""Columns from which on a table holds no texts alone; to read some thousand takes long."""


def rows_of_source(source: Source) -> Rows | None:
    """What the first rows of a source hold, as `open_dataset` tells it of all; None if unknown.

    Args:
        source: whose samples are rows.
    """
    while isinstance(source, SourceOfTask | FetchedSource):
        source = source.source
    if isinstance(source, TextSource):
        return "text"
    if _n_columns(source) > MANY_COLUMNS:
        return "numbers"
    try:
        columns = _columns(source)
    except DataError:  # labels without anything to learn from, or what counting tells
        return None
    if not columns.columns or not len(columns.columns[0]):
        return None
    return "numbers" if prose_of(columns) is None else "text"


def _n_columns(source: Source) -> int:
    """Columns of a table, as far as they are known before it is read."""
    if isinstance(source, TableSource):
        first = source.scans[0]
        return len(first.columns if first.dialect is None else first.dialect.columns)
    if isinstance(source, PartsSource) and isinstance(source.parts[0], ArffPart):
        return len(source.parts[0].header.attributes)
    return 0


def _columns(source: Source) -> Columns:
    """The columns beside the labels; none of what is no table."""
    if isinstance(source, TableSource):
        return table_columns(source, MOST_ROWS)
    if isinstance(source, PartsSource) and isinstance(source.parts[0], ArffPart):
        return arff_columns(source.parts[0], MOST_ROWS)
    return Columns(())
