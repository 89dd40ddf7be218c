"""Files of one shape as rows that DuckDB can be asked about."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from balancekit.engines import available_cpus
from balancekit.errors import DataError, MissingLibraryError
from balancekit.sources.pictures import readable
from balancekit.sources.tables.dialect import Dialect
from balancekit.stats import Problem

if TYPE_CHECKING:
    import duckdb

__all__ = [
    "Kind",
    "Scan",
    "arrow_table",
    "ask",
    "import_duckdb",
    "literal",
    "noted_in_arrow",
    "path_literal",
    "quoted",
]

Kind = Literal["arrow", "csv", "jsonl", "parquet"]


@dataclass(frozen=True, kw_only=True)
class Scan:
    """Files of one kind that are written alike, read as one.

    Attributes:
        kind: of the files.
        paths: of the files, in the order of their rows.
        dialect: of CSV files.
        columns: name and DuckDB type of each column; of CSV files the dialect has them.
        n_rows: of Parquet files together.
        rows: first row, and the one behind the last, of a part of one Parquet file.
        is_array: the JSON file is an array of objects, not one a line.
    """

    kind: Kind
    paths: tuple[Path, ...]
    dialect: Dialect | None = None
    columns: tuple[tuple[str, str], ...] = ()
    n_rows: int = 0
    rows: tuple[int, int] | None = None
    is_array: bool = False

    def query(self, sql: str) -> "duckdb.DuckDBPyConnection":
        """Run SQL over the view `rows`; broken lines of CSV are set aside.

        Raises:
            DataError: the files cannot be read.
        """
        duckdb = import_duckdb()
        options = {"parallel": True, "strict_mode": True}
        while True:
            try:
                return self._run(sql, options)
            except (duckdb.Error, UnicodeError, RuntimeError) as error:
                # Padding short rows and line breaks in quotes together exclude the parallel
                # reader; line breaks of several kinds exclude the strict one.
                mended = {name: False for name in options if options[name] and name in str(error)}
                if not mended or self.kind != "csv":
                    where = ", ".join(readable(path) for path in self.paths[:3])
                    raise DataError(
                        f"{where}: cannot be read as {_NAMES[self.kind]}: {error}. "
                        "Look whether the file is whole, or write it anew."
                    ) from None
                options |= mended

    def _run(self, sql: str, how: dict[str, bool]) -> "duckdb.DuckDBPyConnection":
        connection = connect()
        if self.kind == "arrow":
            connection.register("arrow_rows", arrow_table(self.paths))
        # The path is a literal too: a view cannot hold a parameter.
        connection.execute(f"CREATE TEMP VIEW rows AS {self._select(how)}")
        # Held whole, or an error late in the file would come when the rows are fetched.
        connection.execute(f"CREATE TEMP TABLE result AS {sql}")
        return connection.execute("FROM result")

    def _select(self, how: dict[str, bool]) -> str:
        files = "[" + ", ".join(map(path_literal, self.paths)) + "]"
        if self.kind == "arrow":
            return "SELECT * FROM arrow_rows"
        if self.kind == "parquet":
            first, end = self.rows or (0, 0)
            part = f" WHERE file_row_number >= {first} AND file_row_number < {end}"
            return f"SELECT * FROM read_parquet({files}){part if self.rows else ''}"
        if self.kind == "jsonl":
            shape = "array" if self.is_array else "newline_delimited"
            forgiving = literal(not self.is_array)
            return (
                f"SELECT CASE WHEN json_type(json) = 'OBJECT' THEN json END AS json FROM "
                f"read_json_objects({files}, format = '{shape}', ignore_errors = {forgiving})"
            )
        assert self.dialect is not None
        return f"SELECT * FROM read_csv({files}, {_csv_options(self.dialect, how)})"

    def cell(self, column: str) -> str:
        """The SQL of a column, or of a field within one: a.b."""
        is_own = self.kind == "csv" or column in dict(self.columns)
        parts = [column] if is_own else column.split(".")
        if self.kind == "jsonl":
            # A pointer, as a JSON path cannot name every key.
            keys = (part.replace("~", "~0").replace("/", "~1") for part in parts)
            return f"json_extract(json, {literal(''.join(f'/{key}' for key in keys))})"
        return ".".join(map(quoted, parts))

    @property
    def is_typed(self) -> bool:
        """Whether columns have types of their own, and no text stands for them."""
        return self.kind in ("arrow", "parquet")

    def has(self, column: str) -> bool:
        """Whether there is a column of a name, or a field within one, as far as is known."""
        if self.dialect is not None:
            return column in self.dialect.columns
        if self.kind == "jsonl":
            return True  # a key may come late
        names = dict(self.columns)
        return column in names or column.partition(".")[0] in names

    @property
    def broken(self) -> str:
        """SQL that is true of a row that could not be read."""
        return "json IS NULL" if self.kind == "jsonl" else "FALSE"

    def broken_rows(self, connection: "duckdb.DuckDBPyConnection", n_broken: int) -> Problem | None:
        """What the last query could not read, if anything.

        Args:
            connection: of the query.
            n_broken: rows that `broken` told.
        """
        if self.kind == "csv":
            return self._rejected_lines(connection)
        if not n_broken:
            return None
        found = connection.execute(
            f"SELECT place FROM (SELECT *, row_number() OVER () AS place FROM rows) "
            f"WHERE {self.broken} ORDER BY place LIMIT 5"
        ).fetchall()
        name = readable(self.paths[0].name) + (" …" if len(self.paths) > 1 else "")
        examples = tuple(f"{name} row {place}: no JSON object" for (place,) in found)
        return Problem(count=n_broken, examples=examples)

    def _rejected_lines(self, connection: "duckdb.DuckDBPyConnection") -> Problem | None:
        broken = connection.execute(
            "SELECT file_path, line, min(error_message) FROM reject_errors "
            "JOIN reject_scans USING (scan_id, file_id) GROUP BY ALL ORDER BY ALL"
        ).fetchall()
        several = len(self.paths) > 1
        examples = tuple(
            f"{readable(Path(path).name) + ' ' if several else ''}line {line}: {why}"
            for path, line, why in broken[:5]
        )
        return Problem(count=len(broken), examples=examples) if broken else None


_NAMES = {"arrow": "Arrow", "csv": "a table", "jsonl": "JSON lines", "parquet": "Parquet"}


def _csv_options(dialect: Dialect, how: dict[str, bool]) -> str:
    options = {
        "auto_detect": False,
        "columns": dict.fromkeys(dialect.columns, "VARCHAR"),
        "delim": dialect.delimiter,
        "quote": dialect.quote,
        "escape": dialect.quote,
        "header": dialect.header,
        "skip": dialect.n_blank_lines,
        "encoding": dialect.encoding,
        "null_padding": True,
        "ignore_errors": True,
        "store_rejects": True,
        "compression": "gzip" if dialect.gzipped else "none",
        **how,
    }
    return ", ".join(f"{name} = {literal(value)}" for name, value in options.items())


def quoted(name: str) -> str:
    """A column name as SQL takes it.

    >>> quoted('a"b')
    '"a""b"'
    """
    return '"' + name.replace('"', '""') + '"'


def literal(value: object) -> str:
    """A value as SQL takes it.

    >>> literal("it's"), literal(True), literal({"a": "b"})
    ("'it''s'", 'true', "{'a': 'b'}")
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{literal(k)}: {literal(v)}" for k, v in value.items()) + "}"
    return "'" + str(value).replace("'", "''") + "'"


def path_literal(path: Path) -> str:
    """A path that DuckDB takes for this one file, whatever brackets or stars it holds."""
    return literal("".join(f"[{c}]" if c in "*?[" else c for c in str(path)))


def ask(sql: str) -> list[Any]:
    """The rows that a query gives which needs no scan.

    Raises:
        DataError: it cannot be answered, as a file is broken.
    """
    try:
        return connect().execute(sql).fetchall()
    except (import_duckdb().Error, UnicodeError, RuntimeError) as error:
        raise DataError(f"cannot be read: {error}") from None


def connect() -> "duckdb.DuckDBPyConnection":
    """A connection of its own to the one database of this process, which all share.

    Views and tables of a connection are its own; threads and memory are the database's, so
    that shards in parallel do not take more than the machine has.
    """
    with _LOCK:
        connection = _database().cursor()
    # It would be drawn between the lines that the caller prints.
    return connection.execute("SET enable_progress_bar = false")


_LOCK = Lock()


@cache
def _database() -> "duckdb.DuckDBPyConnection":
    # Without the cache of files: a table is read once, and may be written anew in between.
    options = {"enable_external_file_cache": "false", "threads": str(available_cpus())}
    connection: duckdb.DuckDBPyConnection = import_duckdb().connect(config=options)
    return connection


def import_duckdb() -> Any:
    """DuckDB, loaded when it is first needed."""
    import duckdb

    return duckdb


def arrow_table(paths: tuple[Path, ...]) -> Any:
    """The files of a data set that Hugging Face datasets has saved, mapped into memory.

    Raises:
        MissingLibraryError: pyarrow is not installed.
        DataError: a file cannot be read.
    """
    arrow = _import_arrow()
    tables = []
    for path in paths:
        try:
            tables.append(arrow.ipc.open_stream(arrow.memory_map(str(path))).read_all())
        except (OSError, arrow.ArrowException) as error:
            raise DataError(
                f"{path}: cannot be read as Arrow: {error}. Save the data set anew."
            ) from None
    table = arrow.concat_tables(tables)
    # DuckDB refuses types that only datasets knows, such as arrays of fixed shape.
    plain = [f.name for f in table.schema if not isinstance(f.type, arrow.BaseExtensionType)]
    return table.select(plain)


def noted_in_arrow(path: Path, key: str) -> Any:
    """What the schema of a file notes under a key, as JSON; None if it does not."""
    arrow = _import_arrow()
    try:
        with arrow.memory_map(str(path)) as file:
            notes = arrow.ipc.open_stream(file).schema.metadata or {}
        return msgspec.json.decode(notes.get(key.encode(), b"null"))
    except (OSError, arrow.ArrowException, ValueError, RecursionError):
        return None  # a note is no data


def _import_arrow() -> Any:
    try:
        import pyarrow  # type: ignore[import-untyped]
    except ImportError:
        raise MissingLibraryError(
            "pyarrow is needed to read data sets that Hugging Face datasets has saved. "
            "From a clone: pip install '.[huggingface]'"
        ) from None
    return pyarrow
