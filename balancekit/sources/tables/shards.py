"""Parts of a table that are counted alone: files that are written alike, or rows of one."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from balancekit.errors import DataError
from balancekit.labels import Media
from balancekit.sources.tables.scan import Scan, literal
from balancekit.sources.tables.target import NumberTarget, Target, text_of_cell
from balancekit.stats import Counts, Problem, ProblemKind

if TYPE_CHECKING:
    import duckdb

__all__ = ["RowFilter", "RowsRead", "TableShard", "read_rows", "split_sql", "unreadable_file"]


@dataclass(frozen=True)
class RowFilter:
    """The rows of one split, by the text of a column."""

    column: str
    text: str

    def sql(self, scan: Scan) -> str:
        """True of the rows of the split."""
        return f"{split_sql(scan, self.column)} = {literal(self.text)}"


def split_sql(scan: Scan, column: str) -> str:
    """The name of a row's split, as SQL; "unassigned" where it has none."""
    text = f"trim({text_of_cell(scan, column)})"
    return f"coalesce(nullif({text}, ''), 'unassigned')"


@dataclass(frozen=True, kw_only=True)
class TableShard:
    """A part of a table.

    Attributes:
        scan: its rows.
        target: what their label cells mean.
        rows: those that belong to the split; None for all.
        media: what a row is.
        is_all: nothing else is there to count, so that a file that cannot be read is an error.
    """

    scan: Scan
    target: Target
    rows: RowFilter | None
    media: Media
    is_all: bool

    def count(self) -> Counts:
        """Rows of each class, rows without a label, and what was wrong with others."""
        try:
            return self._count_of(self.scan)
        except DataError as error:
            if self.is_all:
                raise
            if len(self.scan.paths) == 1:
                return Counts(task=self.target.task, problems=unreadable_file(str(error)))
        total = Counts()
        for path in self.scan.paths:
            total += replace(self, scan=replace(self.scan, paths=(path,))).count()
        return total

    def _count_of(self, scan: Scan) -> Counts:
        cells = [*self.target.sql(scan), *(["json IS NULL"] if scan.kind == "jsonl" else [])]
        ends = "NULL, NULL"
        if isinstance(self.target, NumberTarget):
            ends = self.target.ends_sql(scan)
        where = f" WHERE {scan.broken} OR {self.rows.sql(scan)}" if self.rows else ""
        # By position, as a name might be that of another column; and by the cells as they
        # are, as DuckDB counts a single column of numbers fastest.
        places = ", ".join(str(4 + i) for i in range(len(cells)))
        connection = scan.query(
            f"SELECT count(*), {ends}, {', '.join(cells)} FROM rows{where} GROUP BY {places}"
        )
        tally = _Tally(self.target, self.media)
        while found := connection.fetchmany(10_000):
            for n_rows, low, high, *values in found:
                tally.widen(low, high)
                if scan.kind == "jsonl" and values.pop():
                    tally.n_broken += n_rows
                else:
                    tally.add(scan, values, n_rows)
        counts = tally.counts()
        problems = dialect_problems(scan)
        if lost := scan.broken_rows(connection, tally.n_broken):
            problems["row-malformed"] = lost
        return counts + Counts(problems=problems)


class _Tally:
    """The count of groups of rows."""

    def __init__(self, target: Target, media: Media) -> None:
        self.target, self.media = target, media
        self.sets: dict[tuple[str, ...], int] = {}
        self.problems: dict[ProblemKind, Problem] = {}
        self.n_broken = 0
        self.low: float | None = None
        self.high: float | None = None

    def widen(self, low: float | None, high: float | None) -> None:
        """Take the ends of a group of numbers in."""
        if low is not None and high is not None:
            self.low = low if self.low is None else min(self.low, low)
            self.high = high if self.high is None else max(self.high, high)

    def add(self, scan: Scan, values: Sequence[Any], n_rows: int) -> None:
        classes, kind, example = self.target.read(scan, values)
        key = tuple(sorted(classes))
        self.sets[key] = self.sets.get(key, 0) + n_rows
        if kind is not None:
            problem = Problem(count=n_rows, examples=(example,))
            known = self.problems.get(kind)
            self.problems[kind] = problem if known is None else known + problem

    def counts(self) -> Counts:
        per_class: dict[str, int] = {}
        for names, n_rows in self.sets.items():
            for name in names:
                per_class[name] = per_class.get(name, 0) + n_rows
        return Counts(
            samples_per_class=per_class,
            label_sets=self.sets if self.target.task == "multilabel" else {},
            n_samples=sum(self.sets.values()),
            n_unlabelled=self.sets.get((), 0),
            value_low=None if self.low is None else self.low + 0.0,
            value_high=None if self.high is None else self.high + 0.0,
            task=self.target.task,
            media=self.media,
            problems=self.problems,
        )


def dialect_problems(scan: Scan) -> dict[ProblemKind, Problem]:
    """What is doubtful in how files are written, a count a file."""
    problems: dict[ProblemKind, Problem] = {}
    dialect = scan.dialect
    if dialect is None:
        return problems
    if dialect.looks_like_data:
        first = ", ".join(dialect.columns[:6])
        problems["header-looks-like-data"] = Problem(count=len(scan.paths), examples=(first,))
    if dialect.encoding != "utf-8":
        told = Problem(count=len(scan.paths), examples=(dialect.encoding,))
        problems["encoding-guessed"] = told
    return problems


def unreadable_file(why: str) -> dict[ProblemKind, Problem]:
    """The problem of one file that cannot be read."""
    return {"file-unreadable": Problem(count=1, examples=(why.partition("\n")[0][:300],))}


@dataclass(frozen=True)
class RowsRead:
    """The labels of all rows of a scan, in their order.

    Attributes:
        classes: the sets of classes that rows carry.
        codes: int64 [n], which of them each row carries.
        values: float64 [n], the numbers of a regression, NaN where there is none.
        ids: cells of the picture column.
        problems: what was met.
    """

    classes: tuple[tuple[str, ...], ...]
    codes: np.ndarray[Any, np.dtype[np.int64]]
    values: np.ndarray[Any, np.dtype[np.float64]] | None
    ids: list[str] | None
    problems: dict[ProblemKind, Problem]


def read_rows(
    scan: Scan, target: Target, rows: RowFilter | None, picture_column: str | None
) -> RowsRead:
    """The labels of the rows of a scan.

    Raises:
        DataError: it cannot be read.
    """
    cells = list(target.sql(scan))
    if isinstance(target, NumberTarget):
        cells.append(target.value_sql(scan))
    if picture_column is not None:
        cells.append(text_of_cell(scan, picture_column))
    listed = ", ".join(f"{sql} AS c{i}" for i, sql in enumerate(cells))
    where = f" AND {rows.sql(scan)}" if rows else ""
    connection = scan.query(f"SELECT {listed} FROM rows WHERE NOT ({scan.broken}){where}")
    found = [_as_list(column) for column in connection.fetchnumpy().values()]
    ids = found.pop() if picture_column is not None else None
    values = None
    if isinstance(target, NumberTarget):
        numbers = (np.nan if number is None else number for number in found.pop())
        values = np.fromiter(numbers, np.float64)
    code_of: dict[Any, int] = {}
    keys = found[0] if len(found) == 1 else zip(*found, strict=True)
    codes = np.fromiter((code_of.setdefault(key, len(code_of)) for key in keys), np.int64)
    read = [target.read(scan, [key] if len(found) == 1 else key) for key in code_of]
    times = np.bincount(codes, minlength=len(read))
    problems = _problems_of(connection, scan, zip(read, times.tolist(), strict=True))
    return RowsRead(
        tuple(cell.classes for cell in read),
        codes,
        values,
        None if ids is None else [name or "" for name in ids],
        problems,
    )


def _as_list(column: Any) -> list[Any]:
    # Not filled(None), which fills in "?". NaN is made None: it is no key of a dictionary.
    values = np.ma.asarray(column)
    if values.dtype.kind == "f":
        values = np.ma.masked_invalid(values) if np.isnan(values.data).any() else values
    return values.tolist()  # type: ignore[no-any-return]


def _problems_of(
    connection: "duckdb.DuckDBPyConnection", scan: Scan, cells: Iterable[tuple[Any, int]]
) -> dict[ProblemKind, Problem]:
    problems: dict[ProblemKind, Problem] = {}
    for cell, n_rows in cells:
        if cell.problem is not None:
            problem = Problem(count=n_rows, examples=(cell.example,))
            known = problems.get(cell.problem)
            problems[cell.problem] = problem if known is None else known + problem
    n_broken = 0
    if scan.kind == "jsonl":
        n_broken = connection.execute(f"SELECT count(*) FROM rows WHERE {scan.broken}").fetchall()[
            0
        ][0]
    if lost := scan.broken_rows(connection, n_broken):
        known = problems.get("row-malformed")
        problems["row-malformed"] = lost if known is None else known + lost
    return problems
