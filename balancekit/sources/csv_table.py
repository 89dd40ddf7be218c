"""CSV and TSV files: a label column, named or found; read by DuckDB as text."""

import csv
import difflib
import io
import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from balancekit.errors import BalancekitWarning, DataError, OptionError
from balancekit.labels import UNLABELLED, Labels, Media, SampleIds, sort_class_names
from balancekit.sources.pictures import (
    PICTURE_SUFFIXES,
    picture_check_shards,
    readable,
)
from balancekit.sources.source import Checks, ReadOptions, Source
from balancekit.stats import Counts, Problem, ProblemKind, Shard

if TYPE_CHECKING:
    import duckdb

__all__ = [
    "SUFFIXES",
    "CsvTable",
    "open_csv",
    "open_jsonl",
    "open_parquet",
    "recognise_csv",
    "recognise_jsonl",
    "recognise_parquet",
]

SUFFIXES = (".csv", ".tsv")
LABEL_NAMES = (
    "label",
    "labels",
    "class",
    "target",
    "class_name",
    "classname",
    "label_name",
    "category",
    "species",
    "class_id",
    "y",
)
"""Column names taken for the label, the likeliest first; case does not matter."""

HEAD_BYTES = 1 << 20
NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
MISSING = "lower(trim({column})) IN ('', 'nan')"


def recognise_csv(path: Path) -> str | None:
    """Why a path is taken for this format, in words; None if it is not."""
    return "by its suffix" if path.suffix.lower() in SUFFIXES else None


def open_csv(path: Path, options: ReadOptions) -> "CsvTable":
    """The source of a CSV or TSV file."""
    if options.split is not None:
        raise OptionError(f"split: expected only with a folder, got {options.split!r} with {path}")
    assert options.label is None or isinstance(options.label, str)
    return CsvTable(path, options.label)


def recognise_jsonl(path: Path) -> str | None:
    """Why a path is taken for this format, in words; None if it is not."""
    return None


def open_jsonl(path: Path, options: ReadOptions) -> Source:
    """The source of JSON lines."""
    raise DataError(f"{path}: this format cannot be read yet")


def recognise_parquet(path: Path) -> str | None:
    """Why a path is taken for this format, in words; None if it is not."""
    return None


def open_parquet(path: Path, options: ReadOptions) -> Source:
    """The source of Parquet."""
    raise DataError(f"{path}: this format cannot be read yet")


class CsvTable:
    """A table with a label column.

    Args:
        path: of the file.
        label: name of the column; None finds one by its name.

    Raises:
        DataError: the file is empty or has no such column.
    """

    format = "csv"
    split: str | None = None

    def __init__(self, path: Path, label: str | None) -> None:
        self.path = path
        self.dialect = _sniff(path)
        self.label, self._how = _label_column(path, self.dialect, label)

    @property
    def description(self) -> str:
        """What was taken and why, in words."""
        return f"table {readable(self.path)}, label column {self.label!r} ({self._how})"

    def other_splits(self) -> Mapping[str, Source]:
        """None."""
        return {}

    @cached_property
    def picture_column(self) -> str | None:
        """The column that holds paths of pictures, if there is one."""
        rows = self.query("SELECT * FROM rows LIMIT 20").fetchall()
        for column, cells in zip(self.dialect.columns, zip(*rows, strict=True), strict=False):
            names = [name.lower() for name in cells if name and column != self.label]
            if names and all(name.endswith(PICTURE_SUFFIXES) for name in names):
                return column
        return None

    @property
    def media(self) -> Media:
        """Pictures if a column names them, else rows."""
        return "rows" if self.picture_column is None else "pictures"

    def query(self, sql: str) -> "duckdb.DuckDBPyConnection":
        """Run SQL over the view `rows`; broken rows are set aside in `reject_errors`."""
        try:
            return run_sql(self.path, self.dialect, sql)
        except _import_duckdb().Error as error:
            raise DataError(f"{self.path}: cannot be read as a table: {error}") from None

    def read_labels(self) -> Labels:
        """Labels in the order of the rows; ids are the picture paths, where there are any."""
        label = quoted(self.label)
        ids = f", {quoted(self.picture_column)}" if self.picture_column else ""
        missing = MISSING.format(column=label)
        connection = self.query(
            f"SELECT CASE WHEN {missing} THEN NULL ELSE {label} END{ids} FROM rows"
        )
        names, *paths = connection.fetchnumpy().values()
        if broken := broken_rows(connection):
            warnings.warn(
                f"{readable(self.path)}: {broken.count} rows do not fit the header and are left "
                f"out, so indices differ from row numbers after {broken.examples[0]}",
                BalancekitWarning,
                stacklevel=3,
            )
        texts = np.ma.asarray(names).tolist()  # not filled(None), which fills in "?"
        class_names = sort_class_names({name for name in texts if name is not None})
        id_of = {name: i for i, name in enumerate(class_names)} | {None: UNLABELLED}
        if not class_names:
            raise DataError(f"{self.path}: column {self.label!r} holds no label")
        return Labels(
            class_ids=np.fromiter(map(id_of.__getitem__, texts), np.int32, len(texts)),
            class_names=class_names,
            sample_ids=self._picture_ids(np.ma.filled(paths[0], "")) if paths else None,
            media=self.media,
        )

    def _picture_ids(self, cells: NDArray[np.object_]) -> SampleIds:
        """Paths of the pictures; relative to the table's folder if the first lies there."""
        names = [name or "" for name in cells]
        beside = self.path.parent / next(filter(None, names))
        return SampleIds.from_names(names, f"{self.path.parent}/" if beside.is_file() else "")

    def order_classes(self, names: set[str]) -> tuple[str, ...]:
        """By number if all are integers, else by name."""
        return sort_class_names(names)

    def shards(self) -> Iterable[Shard]:
        """One shard: DuckDB counts a file on all cores by itself."""
        return [CsvShard(self)]

    def check_shards(self, checks: Checks) -> Iterable[Shard]:
        """Chunks of the pictures that a column names, where they are found."""
        if self.media != "pictures":
            return []
        with warnings.catch_warnings():  # of rows left out, which counting has told
            warnings.simplefilter("ignore", BalancekitWarning)
            return picture_check_shards(self.read_labels(), checks)


@dataclass(frozen=True)
class CsvShard:
    """One whole table."""

    table: CsvTable

    def count(self) -> Counts:
        """Rows of each class, rows without a label, and rows that are broken."""
        table, label = self.table, quoted(self.table.label)
        missing = MISSING.format(column=label)
        connection = table.query(
            f"SELECT CASE WHEN {missing} THEN NULL ELSE {label} END AS name, count(*) "
            "FROM rows GROUP BY 1"
        )
        counts: dict[str | None, int] = dict(connection.fetchall())
        n_unlabelled = counts.pop(None, 0)
        problems: dict[ProblemKind, Problem] = {}
        if broken := broken_rows(connection):
            problems["row-malformed"] = broken
        if table.dialect.looks_like_data:
            first = ", ".join(table.dialect.columns[:6])
            problems["header-looks-like-data"] = Problem(count=1, examples=(first,))
        if table.dialect.encoding != "utf-8":
            problems["encoding-guessed"] = Problem(count=1, examples=(table.dialect.encoding,))
        return Counts(
            samples_per_class={str(name): n for name, n in counts.items()},
            n_samples=sum(counts.values()) + n_unlabelled,
            n_unlabelled=n_unlabelled,
            media=table.media,
            problems=problems,
        )


@dataclass(frozen=True)
class Dialect:
    """How a table is written."""

    columns: tuple[str, ...]
    delimiter: str
    encoding: str
    n_blank_lines: int
    looks_like_data: bool


def _sniff(path: Path) -> Dialect:
    """Delimiter, encoding and column names, from the head of the file.

    Not by DuckDB's sniffer, which skips rows that it does not like.
    """
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from None
    encoding = "utf-8"
    try:
        text = head[: head.rfind(b"\n") + 1 or None].decode("utf-8-sig")
    except UnicodeDecodeError:
        encoding, text = "latin-1", head.decode("latin-1")
    if not text.strip():
        raise DataError(f"{path}: expected a table with a header, got an empty file")
    # Not all white space: a tab may stand for an empty first name.
    table = text.lstrip("\r\n")
    n_blank_lines = len(text[: len(text) - len(table)].splitlines())
    first_line = re.sub('"[^"]*"', "", table.splitlines()[0])
    delimiter = "\t" if path.suffix.lower() == ".tsv" else max(",;\t|", key=first_line.count)
    if delimiter not in first_line:
        delimiter = ","
    try:
        names = next(csv.reader(io.StringIO(table, newline=""), delimiter=delimiter))
    except csv.Error as error:
        raise DataError(f"{path}: cannot be read as a table: {error}") from None
    columns = _distinct([name.strip() for name in names])
    return Dialect(columns, delimiter, encoding, n_blank_lines, _looks_like_data(names))


def _looks_like_data(cells: Sequence[str]) -> bool:
    """Whether a header holds numbers for the most part, as a first row of data would."""
    return 2 * sum(bool(NUMBER.fullmatch(cell.strip())) for cell in cells) > len(cells)


def _distinct(names: Sequence[str]) -> tuple[str, ...]:
    """Names of columns, empty and repeated ones told apart by their position."""
    seen: set[str] = set()
    result = []
    for position, name in enumerate(names):
        own = name if name and name.lower() not in seen else f"{name}_{position}".lstrip("_")
        seen.add(own.lower())
        result.append(own)
    return tuple(result)


def _label_column(path: Path, dialect: Dialect, wanted: str | None) -> tuple[str, str]:
    """The label column, and how it was chosen."""
    columns = dialect.columns
    if wanted is not None:
        if wanted in columns:
            return wanted, "named by you"
        near = difflib.get_close_matches(wanted, columns, n=1, cutoff=0.5)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise DataError(
            f"{path}: expected a column {wanted!r}, got the columns {list(columns)}."
            f"{hint or ' Name one of them.'}"
        )
    by_name = {column.lower(): column for column in reversed(columns)}
    fitting = [by_name[name] for name in LABEL_NAMES if name in by_name]
    if fitting:
        others = f"; {', '.join(fitting[1:])} would fit too" if fitting[1:] else ""
        return fitting[0], f"found by its name{others}"
    if dialect.looks_like_data:
        raise DataError(
            f"{path}: expected a header with the names of the columns, got a first line that "
            f"looks like data: {list(columns[:6])}. Put a line of names on top."
        )
    raise DataError(
        f"{path}: expected a label column (one of {', '.join(LABEL_NAMES)}), got the columns "
        f"{list(columns)}. Name it with --label COLUMN (label='COLUMN')."
    )


def broken_rows(connection: "duckdb.DuckDBPyConnection") -> Problem | None:
    """The rows that the last query over `rows` had to leave out, if any."""
    broken = connection.execute(
        "SELECT line, error_message FROM reject_errors ORDER BY line"
    ).fetchall()
    if not broken:
        return None
    examples = tuple(f"line {line}: {why}" for line, why in broken[:5])
    return Problem(count=len(broken), examples=examples)


def quoted(name: str) -> str:
    """A column name or text as SQL takes it.

    >>> quoted('a"b')
    '"a""b"'
    """
    return '"' + name.replace('"', '""') + '"'


def run_sql(path: Path, dialect: Dialect, sql: str) -> "duckdb.DuckDBPyConnection":
    """Run SQL over the view `rows` of a table, every column as text."""
    duckdb = _import_duckdb()
    options = {"parallel": True, "strict_mode": True}
    while True:
        try:
            return _run(path, dialect, sql, options)
        except duckdb.Error as error:
            # Padding short rows and line breaks in quotes together exclude the parallel
            # reader; line breaks of several kinds exclude the strict one.
            mended = {name: False for name in options if options[name] and name in str(error)}
            if not mended:
                raise
            options |= mended


def _run(
    path: Path, dialect: Dialect, sql: str, how: dict[str, bool]
) -> "duckdb.DuckDBPyConnection":
    columns = dict.fromkeys(dialect.columns, "VARCHAR")
    options = {
        "auto_detect": False,
        "columns": columns,
        "delim": dialect.delimiter,
        "quote": '"',
        "escape": '"',
        "header": True,
        "skip": dialect.n_blank_lines,
        "encoding": dialect.encoding,
        "null_padding": True,
        "ignore_errors": True,
        "store_rejects": True,
        **how,
    }
    arguments = ", ".join(f"{name} = {_literal(value)}" for name, value in options.items())
    connection: duckdb.DuckDBPyConnection = _import_duckdb().connect()
    # The path is a literal too: a view cannot hold a parameter.
    connection.execute(
        f"CREATE VIEW rows AS SELECT * FROM read_csv({_literal(_as_glob(path))}, {arguments})"
    )
    # Held whole, or an error late in the file would come when the rows are fetched.
    connection.execute(f"CREATE TABLE result AS {sql}")
    return connection.execute("FROM result")


def _as_glob(path: Path) -> str:
    """A path that DuckDB takes for this one file, whatever brackets or stars it holds."""
    return "".join(f"[{c}]" if c in "*?[" else c for c in str(path))


def _literal(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_literal(k)}: {_literal(v)}" for k, v in value.items()) + "}"
    return "'" + str(value).replace("'", "''") + "'"


def _import_duckdb() -> Any:
    import duckdb

    return duckdb
