"""What the label columns of a table hold, and which classes a cell of them names.

Rows are grouped by their raw cells first, and the few different cells are read after, so
that a billion rows cost no more than a count.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import msgspec

from balancekit.labels import Bins, Task
from balancekit.labels.class_ids import class_name_of
from balancekit.sources.tables.cell_sets import list_of_text
from balancekit.sources.tables.scan import Scan
from balancekit.stats import ProblemKind

__all__ = [
    "ABSENT",
    "PRESENT",
    "Cell",
    "ClassTarget",
    "IndicatorTarget",
    "NumberTarget",
    "SetTarget",
    "Target",
    "is_missing_cell",
    "read_cell",
    "text_of_cell",
    "value_of_json",
]

NUMERIC = ("TINYINT", "SMALLINT", "INT", "BIGINT", "HUGEINT", "U", "FLOAT", "DOUBLE", "DECIMAL")
NESTED = ("[", "STRUCT", "MAP", "UNION", "JSON", "VARIANT")
AS_STORED = re.compile(r"U?(TINYINT|SMALLINT|INTEGER|BIGINT)|FLOAT|DOUBLE|BOOLEAN|VARCHAR|ENUM.*")
"""Types whose values are the same by whatever way they leave DuckDB."""

WHOLE = re.compile(r"-?[0-9]{1,18}")


class Cell(NamedTuple):
    """What a row's label cells say: classes, or a problem that leaves it unlabelled."""

    classes: tuple[str, ...]
    problem: ProblemKind | None = None
    example: str = ""


@dataclass(frozen=True)
class ClassTarget:
    """A column of one class a row.

    Attributes:
        column: its name.
        declared: names of the classes, by number, where the data declare them.
        stripped: letters around every name, to take off.
    """

    column: str
    declared: tuple[str, ...] | None = None
    stripped: str = ""
    task: Task = "classification"

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are read."""
        return (self.column,)

    def sql(self, scan: Scan) -> tuple[str, ...]:
        """The cells by which rows are grouped."""
        return (_raw(scan, self.column),)

    def read(self, scan: Scan, cells: Sequence[Any]) -> Cell:
        """The class of a row."""
        value = read_cell(scan, self.column, cells[0])
        if isinstance(value, list):
            names = [item for item in value if not is_missing_cell(item)]
            if len(names) > 1:
                return Cell((), "label-set-not-one", f"{self.column}: {_short(value)}")
            value = names[0] if names else None
        return _cell_of(value, self)


@dataclass(frozen=True)
class SetTarget:
    """A column of several classes a row.

    Attributes:
        column: its name.
        delimiter: between classes within a text; None where cells are lists.
        declared: names of the classes, by number, where the data declare them.
        task: classification if every row must carry one.
        is_text: lists are written as text.
        is_vector: lists hold 0 or 1 for each declared class, and not the classes.
    """

    column: str
    delimiter: str | None = None
    declared: tuple[str, ...] | None = None
    stripped: str = ""
    task: Task = "multilabel"
    is_text: bool = False
    is_vector: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are read."""
        return (self.column,)

    def sql(self, scan: Scan) -> tuple[str, ...]:
        """The cells by which rows are grouped."""
        return (_raw(scan, self.column),)

    def read(self, scan: Scan, cells: Sequence[Any]) -> Cell:
        """The classes of a row."""
        return self.of_value(read_cell(scan, self.column, cells[0]))

    def of_value(self, value: Any) -> Cell:
        """The classes that a value of the column names."""
        if isinstance(value, str) and self.delimiter is not None:
            value = [part.strip() for part in value.split(self.delimiter)]
        if isinstance(value, str) and self.is_text:
            listed = list_of_text(value)
            value = value if listed is None else listed
        items = value if isinstance(value, list) else [value]
        if self.is_vector and not (value is None or is_missing_cell(value)):
            return self._of_vector(items)
        found = [_cell_of(item, self) for item in items]
        bad = next((cell for cell in found if cell.problem), None)
        if bad is not None:
            return bad
        classes = tuple(dict.fromkeys(name for cell in found for name in cell.classes))
        if self.task == "classification" and len(classes) > 1:
            return Cell((), "label-set-not-one", f"{self.column}: {_short(value)}")
        return Cell(classes)

    def _of_vector(self, items: Sequence[Any]) -> Cell:
        """The classes that a list of 0 and 1 says."""
        assert self.declared is not None
        marks = [str(item).strip().lower() for item in items]
        if len(marks) != len(self.declared) or not all(m in PRESENT | ABSENT for m in marks):
            what = f"{self.column}: expected {len(self.declared)} times 0 or 1, got {_short(items)}"
            return Cell((), "row-malformed", what)
        found = (n for n, mark in zip(self.declared, marks, strict=True) if mark in PRESENT)
        return _set_of(tuple(found), self.task)


@dataclass(frozen=True)
class IndicatorTarget:
    """A column a class, of 0 and 1.

    Attributes:
        columns: the classes.
        task: classification if every row must have a single 1.
    """

    columns: tuple[str, ...]
    task: Task = "multilabel"

    @property
    def declared(self) -> tuple[str, ...]:
        """The classes, those that no row carries included."""
        return self.columns

    def sql(self, scan: Scan) -> tuple[str, ...]:
        """The cells by which rows are grouped."""
        return tuple(_raw(scan, column) for column in self.columns)

    def read(self, scan: Scan, cells: Sequence[Any]) -> Cell:
        """The classes of a row; -1 and empty stand for 0."""
        classes = []
        for column, raw in zip(self.columns, cells, strict=True):
            value = str(read_cell(scan, column, raw)).strip().lower()
            if value in PRESENT:
                classes.append(column)
            elif value not in ABSENT:
                example = f"{column}: expected 0 or 1, got {_short(value)}"
                return Cell((), "row-malformed", example)
        return _set_of(tuple(classes), self.task)


def _set_of(classes: tuple[str, ...], task: Task) -> Cell:
    """The classes that 0 and 1 say; one alone in a classification."""
    if task == "classification" and len(classes) != 1:
        return Cell((), "label-set-not-one", " + ".join(classes[:5]) or "no class")
    return Cell(classes)


PRESENT = frozenset({"1", "1.0", "true"})
ABSENT = frozenset({"0", "0.0", "false", "-1", "-1.0", "", "none", "nan"})


@dataclass(frozen=True)
class NumberTarget:
    """A column of numbers to predict.

    Attributes:
        column: its name.
        bins: that stand as classes; None where no row has a number.
        decimal_comma: numbers are written 1.234,5.
    """

    column: str
    bins: Bins | None = None
    task: Task = "regression"
    declared: tuple[str, ...] | None = None
    decimal_comma: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are read."""
        return (self.column,)

    def value_sql(self, scan: Scan) -> str:
        """The finite number of a row, else NULL."""
        kind = dict(scan.columns).get(self.column, "")
        is_stored = scan.is_typed and kind.startswith(NUMERIC)
        number = scan.cell(self.column) if is_stored else text_of_cell(scan, self.column)
        if self.decimal_comma:
            bare = (
                f"CASE WHEN {_has_points(number)} THEN replace({number}, '.', '') ELSE {number} END"
            )
            number = f"replace({bare}, ',', '.')"
        return (
            f"CASE WHEN isfinite(TRY_CAST({number} AS DOUBLE)) "
            f"THEN TRY_CAST({number} AS DOUBLE) END"
        )

    def bad_sql(self, scan: Scan) -> str:
        """The text of a cell that should be a number and is none, else NULL."""
        text = text_of_cell(scan, self.column)
        return (
            f"CASE WHEN {self.value_sql(scan)} IS NULL AND "
            f"lower(trim({text})) NOT IN ('', 'nan') THEN left({text}, 40) END"
        )

    def sql(self, scan: Scan) -> tuple[str, ...]:
        """The bin of a row, and what is there instead of a number."""
        if self.bins is None:
            return "NULL", self.bad_sql(scan)
        last = self.bins.start + self.bins.n_bins - 1
        number = f"floor({self.value_sql(scan)} / {self.bins.width!r}::DOUBLE)"
        # With an arm for NULL, which least and greatest leave out of what they compare.
        within = f"least(greatest({number}, {self.bins.start}), {last})"
        return f"CASE WHEN {number} IS NOT NULL THEN {within} END", self.bad_sql(scan)

    def ends_sql(self, scan: Scan) -> str:
        """The least and the greatest number of rows that are grouped, as SQL."""
        return f"min({self.value_sql(scan)}), max({self.value_sql(scan)})"

    def read(self, scan: Scan, cells: Sequence[Any]) -> Cell:
        """The bin of a row."""
        number, bad = cells
        if bad is not None:
            return Cell((), "label-not-a-number", f"{self.column}: {_short(bad)}")
        if number is None or self.bins is None:
            return Cell(())
        return Cell((self._names[int(number) - self.bins.start],))

    @cached_property
    def _names(self) -> tuple[str, ...]:
        return () if self.bins is None else self.bins.names


def _has_points(number: str) -> str:
    """SQL that is true of a number whose points part thousands: 1.234 or 1.234,5."""
    return f"regexp_full_match(trim({number}), '[-+]?\\d{{1,3}}(\\.\\d{{3}})+(,\\d+)?')"


Target = ClassTarget | SetTarget | IndicatorTarget | NumberTarget


def _raw(scan: Scan, column: str) -> str:
    """A cell as it is grouped: as stored where that is simple, else as JSON."""
    cell = scan.cell(column)
    if _is_nested(scan, column):
        return f"CAST(to_json({cell}) AS VARCHAR)"
    kind = dict(scan.columns).get(column, "") if scan.is_typed else ""
    if kind == "BLOB":
        return f"coalesce(TRY(decode({cell})), CAST({cell} AS VARCHAR))"
    if kind.startswith("DECIMAL"):
        return f"CAST({cell} AS DOUBLE)"
    # Dates and the like would be told differently row by row and as an array.
    return cell if not kind or AS_STORED.fullmatch(kind) else f"CAST({cell} AS VARCHAR)"


def _is_nested(scan: Scan, column: str) -> bool:
    """Whether the cells of a typed column are lists or objects."""
    kind = dict(scan.columns).get(column, "") if scan.is_typed else ""
    return any(mark in kind for mark in NESTED)


def text_of_cell(scan: Scan, column: str) -> str:
    """A cell as text, as SQL."""
    cell = scan.cell(column)
    if scan.kind == "jsonl":
        return f"json_extract_string({cell}, '$')"
    return cell if scan.kind == "csv" else f"CAST({cell} AS VARCHAR)"


def read_cell(scan: Scan, column: str, raw: Any) -> Any:
    """The value of a raw cell: of JSON, and of lists in typed columns, what its text means."""
    is_json = scan.kind == "jsonl" or _is_nested(scan, column)
    return value_of_json(raw) if is_json and isinstance(raw, str) else raw


def value_of_json(raw: str) -> Any:
    """The value of a JSON text; the text itself where it is none."""
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError):
        # Python writes these, though they are no JSON.
        return None if raw == "NaN" else raw


def is_missing_cell(value: Any) -> bool:
    """Whether a cell stands for no label: empty, NaN, or text that says so.

    >>> [is_missing_cell(value) for value in (None, " ", "NaN", float("nan"), 0, "None")]
    [True, True, True, True, False, False]
    """
    if isinstance(value, str):
        return value.strip().lower() in ("", "nan")
    return value is None or (isinstance(value, float) and math.isnan(value))


def _cell_of(value: Any, target: ClassTarget | SetTarget) -> Cell:
    """The class that a value names."""
    if is_missing_cell(value):
        return Cell(())
    if isinstance(value, dict | list):
        return Cell((), "row-malformed", f"{target.column}: {_short(value)}")
    if target.declared is not None and not isinstance(value, bool):
        number = _number_of_class(value, target.declared)
        if number == -1:  # how ClassLabel writes an unknown class
            return Cell(())
        if number is not None and 0 <= number < len(target.declared):
            return Cell((target.declared[number],))
        if number is not None:
            return Cell((), "class-out-of-range", f"{target.column}: {_short(value)}")
    name = class_name_of(value)
    return Cell((name.strip(target.stripped) if target.stripped else name,))


def _number_of_class(value: Any, declared: tuple[str, ...]) -> int | None:
    """The number by which a cell names a declared class; None if it names it itself."""
    if isinstance(value, str):
        if value in declared or any(name.isdecimal() for name in declared):
            return None
        text = value.strip()
        return int(text) if WHOLE.fullmatch(text) else None
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    return value if isinstance(value, int) else None


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 60 else text[:59] + "…"
