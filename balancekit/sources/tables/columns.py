"""Which columns of a table hold the labels, the split and the pictures, and for which task."""

import difflib
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from balancekit.errors import DataError
from balancekit.labels import Task
from balancekit.sources.pictures import PICTURE_SUFFIXES
from balancekit.sources.source import ReadOptions
from balancekit.sources.tables.dialect import is_number
from balancekit.sources.tables.head import Head
from balancekit.sources.tables.target import (
    ABSENT,
    PRESENT,
    ClassTarget,
    IndicatorTarget,
    NumberTarget,
    SetTarget,
    Target,
    is_missing_cell,
)

__all__ = ["choose_target", "content_columns", "picture_column", "split_column"]

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
    "intent",
    "sentiment",
    "emotion",
    "topic",
    "diagnosis",
    "outcome",
    "fine_label",
)
"""Column names taken for the label, the likeliest first; case does not matter."""

NUMBER_NAMES = (
    "age",
    "price",
    "value",
    "score",
    "rating",
    "salary",
    "income",
    "cost",
    "amount",
    "saleprice",
    "sale_price",
    "mos",
)
"""Column names taken for a number to predict, where nothing is named like a class."""

OPEN_NAMES = ("target", "y", *NUMBER_NAMES)
"""Names that may mean a number: whole numbers under them are classes only if they are few."""

SPLIT_COLUMNS = ("split", "subset", "partition", "set", "fold", "data_split")
ID_NAMES = ("id", "index", "idx", "_id", "row", "row_id", "uid", "unnamed: 0", "")
FEW_VALUES = 10
SURE_CELLS = 20
"""Cells that a guess needs before a sign is taken for a habit of the whole column."""


def choose_target(path: Path, head: Head, options: ReadOptions) -> tuple[Target, str]:
    """The label columns and what they hold, and how they were chosen, in words.

    Raises:
        DataError: there is no such column, or none can be told.
    """
    wanted = (options.label,) if isinstance(options.label, str) else options.label
    if wanted is not None and len(wanted) > 1:
        return _indicators_named(path, head, wanted, options)
    if wanted:
        _check_is_there(path, head, wanted[0])
        return _target_of(head, wanted[0], options, "named by you")
    column, how = _find_label(head, options.task)
    if column is not None:
        return _target_of(head, column, options, how)
    block = _indicator_block(head)
    if block and options.task != "regression":
        how = f"{len(block)} columns of 0 and 1 from {block[0]!r} to {block[-1]!r}"
        return IndicatorTarget(block, _task_of_sets(options)), how
    raise DataError(_no_label_message(path, head))


def _find_label(head: Head, task: Task | None) -> tuple[str | None, str]:
    """The one label column, and how it was found."""
    by_name = {column.lower(): column for column in reversed(head.columns)}
    names = (*NUMBER_NAMES, *LABEL_NAMES) if task == "regression" else LABEL_NAMES
    fitting = [by_name[name] for name in names if name in by_name]
    if task == "regression":
        fitting = [name for name in fitting if _are_numbers(head, name)] or fitting
    if fitting:
        others = f"; {', '.join(fitting[1:])} would fit too" if fitting[1:] else ""
        return fitting[0], f"found by its name{others}"
    if len(head.declared) == 1:
        return next(iter(head.declared)), "the only one that declares classes"
    if head.headless:
        return _find_by_looks(head)
    if task in (None, "regression") and not _indicator_block(head):
        # In the midst of others such a column is rather a feature.
        ends = [head.columns[0], head.columns[-1]] if head.columns else []
        for column in ends:
            if column.lower() in NUMBER_NAMES and _are_numbers(head, column):
                return column, "found by its name"
    return None, ""


def _find_by_looks(head: Head) -> tuple[str | None, str]:
    """The column of a table without names that is plainly a class: the last, or the first."""
    columns = head.columns
    if len(columns) == 1:
        return columns[0], "the only column"
    pictures = picture_column(head, ())
    if pictures is not None and len(columns) == 2:
        return next(name for name in columns if name != pictures), "beside paths of pictures"
    order = [columns[-1], columns[0], *columns[1:-1]]
    plain = [name for name in dict.fromkeys(order) if _is_plainly_class(head.cells[name])]
    where = {columns[-1]: "the last", columns[0]: "the first"}
    if plain and (plain[0] in where or len(plain) == 1):
        return plain[0], f"{where.get(plain[0], 'the only')} column with few different values"
    return None, ""


def _is_plainly_class(cells: Sequence[Any]) -> bool:
    known = [str(cell).strip() for cell in cells if not is_missing_cell(cell)]
    values = set(known)
    if len(values) < 2 or len(values) > max(2, len(known) // 2):
        return False
    if all(map(is_number, values)):
        whole = all(value.lstrip("-+").isdecimal() for value in values)
        return whole and len(values) <= max(2, min(1000, len(known) // 5))
    return not any(map(is_number, values)) and all(len(value) <= 60 for value in values)


def _target_of(head: Head, column: str, options: ReadOptions, how: str) -> tuple[Target, str]:
    """What a label column holds."""
    cells = [cell for cell in head.cells.get(column, ()) if not is_missing_cell(cell)]
    if options.task == "regression":
        return NumberTarget(column), how
    declared = head.declared.get(column)
    sets = SetTarget(column, options.label_delimiter, declared, task=_task_of_sets(options))
    if options.label_delimiter is not None:
        return sets, f"{how}; split at {options.label_delimiter!r}"
    if any(isinstance(cell, list) for cell in cells):
        return sets, f"{how}; its cells are lists"
    if options.task is None and declared is None and _is_number_target(head, column):
        return NumberTarget(column), f"{how}; its numbers are for regression"
    delimiter = None if options.task == "classification" else _delimiter_within(cells)
    if delimiter is not None:
        return replace(sets, delimiter=delimiter), f"{how}; split at {delimiter!r}, as most cells"
    stripped = "".join(
        letter for letter, is_around in (("'", _is_quoted(cells)), (" ", head.spaced)) if is_around
    )
    note = "; ' around every name left out" if "'" in stripped else ""
    return ClassTarget(column, declared, stripped), how + note


def _is_quoted(cells: Sequence[Any]) -> bool:
    """Whether every name stands between single quotes."""
    texts = [cell.strip() for cell in cells if isinstance(cell, str)]
    return bool(texts) and all(len(text) > 2 and text[0] == text[-1] == "'" for text in texts)


def _delimiter_within(cells: Sequence[Any]) -> str | None:
    """What plainly separates several classes in most cells: parts come again in others."""
    texts = [cell for cell in cells if isinstance(cell, str)]
    for delimiter in "|;":
        split = [text.split(delimiter) for text in texts]
        if 2 * sum(len(parts) > 1 for parts in split) <= len(texts):
            continue
        parts = Counter(part.strip() for row in split for part in row)
        if len(texts) >= 4 and 2 * len(parts) <= parts.total() and len(parts) < len(set(texts)) * 2:
            return delimiter
    return None


def _are_numbers(head: Head, column: str, share: float = 0.5) -> bool:
    """Whether more than a share of the cells are numbers: a few may be broken."""
    cells = [cell for cell in head.cells[column] if not is_missing_cell(cell)]
    return sum(_number(cell) is not None for cell in cells) > share * len(cells)


def _number(cell: Any) -> float | None:
    if isinstance(cell, bool) or cell is None:
        return None
    if isinstance(cell, str):
        cell = cell if is_number(cell) else None
    try:
        number = float(cell)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _is_number_target(head: Head, column: str) -> bool:
    """Whether a column holds numbers to predict, and no classes that are numbered."""
    if not _are_numbers(head, column, 0.9):
        return False
    numbers = [_number(cell) for cell in head.cells[column] if not is_missing_cell(cell)]
    known = [number for number in numbers if number is not None]
    values = set(known)
    if any(not number.is_integer() for number in values):
        return len(values) > 2 or column.lower() in NUMBER_NAMES
    if column.lower() not in OPEN_NAMES or len(values) <= 2:
        return False
    if column.lower() in NUMBER_NAMES:
        return True
    # Numbers of classes fill their range; prices and counts leave most of it out.
    span = max(values) - min(values)
    return len(values) >= SURE_CELLS and span > FEW_VALUES * len(values)


# --- columns of 0 and 1 -------------------------------------------------------------------------


def _indicator_block(head: Head) -> tuple[str, ...]:
    """At least two columns of only 0 and 1 that end the table, if there are such."""
    block: list[str] = []
    if head.headless:
        return ()
    for name in reversed(head.columns):
        if not _is_indicator(head.cells[name]):
            break
        block.insert(0, name)
    return tuple(block) if len(block) > 1 else ()


def _is_indicator(cells: Sequence[Any], share: float = 1.0) -> bool:
    """Whether at least a share of the cells are 0 or 1, and there are any."""
    known = [str(cell).strip().lower() for cell in cells if not is_missing_cell(cell)]
    return bool(known) and sum(c in PRESENT | ABSENT for c in known) >= share * len(known)


def _indicators_named(
    path: Path, head: Head, wanted: tuple[str, ...], options: ReadOptions
) -> tuple[Target, str]:
    for name in wanted:
        _check_is_there(path, head, name)
        cells = head.cells[name]
        if not _is_indicator(cells, 0.5) and any(not is_missing_cell(cell) for cell in cells):
            shown = _examples(head, name)
            raise DataError(
                f"{path}: expected 0 and 1 in each of several label columns, got {name!r} with "
                f"{shown}. Name one column, or --label-delimiter if its cells hold several."
            )
    how = f"{len(wanted)} columns of 0 and 1, named by you"
    return IndicatorTarget(wanted, _task_of_sets(options)), how


def _task_of_sets(options: ReadOptions) -> Task:
    """The task of rows that may carry several classes: one each if the user says so."""
    return "classification" if options.task == "classification" else "multilabel"


# --- other columns ------------------------------------------------------------------------------


def split_column(head: Head, labels: Sequence[str]) -> str | None:
    """The column that says to which split a row belongs, by its name."""
    for name in head.columns:
        if name.lower() in SPLIT_COLUMNS and name not in labels:
            return name
    return None


def picture_column(head: Head, labels: Sequence[str]) -> str | None:
    """The column that holds paths of pictures, if there is one."""
    for name, cells in head.cells.items():
        known = [cell.lower() for cell in cells[:20] if isinstance(cell, str) and cell]
        if known and name not in labels and all(c.endswith(PICTURE_SUFFIXES) for c in known):
            return name
    return None


def content_columns(head: Head, labels: Sequence[str], split: str | None) -> tuple[str, ...]:
    """The columns whose cells make a row the same as another: no labels, ids or splits."""
    return tuple(
        name
        for name in head.columns
        if name not in labels and name != split and name.lower() not in ID_NAMES
    )


# --- words --------------------------------------------------------------------------------------


def _check_is_there(path: Path, head: Head, wanted: str) -> None:
    if wanted in head.columns:
        return
    near = difflib.get_close_matches(wanted, head.columns, n=1, cutoff=0.5)
    hint = f" Did you mean {near[0]!r}?" if near else " Name one of them."
    raise DataError(
        f"{path}: expected a column {wanted!r}, got the columns {list(head.columns[:50])}.{hint}"
    )


def _no_label_message(path: Path, head: Head) -> str:
    if head.headless:
        shown = "; ".join(f"{name}: {_examples(head, name)}" for name in head.columns[:12])
        return (
            f"{path}: expected one column that is plainly the class, as the first line names "
            f"none, got {shown}. Name it with --label column_N (label='column_N'), or put a "
            "line of names on top."
        )
    return (
        f"{path}: expected a label column (one of {', '.join(LABEL_NAMES)}), got the columns "
        f"{list(head.columns[:50])}. Name it with --label COLUMN (label='COLUMN')."
    )


def _examples(head: Head, name: str) -> str:
    values = dict.fromkeys(str(cell) for cell in head.cells[name] if not is_missing_cell(cell))
    return ", ".join(value if len(value) <= 30 else value[:29] + "…" for value in [*values][:3])
