"""Which columns of a table hold the labels, what they hold, and for which task."""

import difflib
import re
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from balancekit.errors import BalancekitWarning, DataError
from balancekit.labels import Task
from balancekit.sources.source import ReadOptions
from balancekit.sources.tables.cell_numbers import (
    are_numbers,
    has_decimal_comma,
    number_of_cell,
)
from balancekit.sources.tables.cell_sets import (
    are_lists,
    are_vectors,
    delimiter_within,
    list_of_text,
)
from balancekit.sources.tables.column_roles import features_beside, picture_column
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

__all__ = ["choose_target", "task_of_sets", "warn_unless_within"]

LABEL_NAMES = (
    "label",
    "labels",
    "class",
    "target",
    "class_name",
    "classname",
    "label_name",
    "labelname",
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
    "tags",
    "dx",
    "survived",
    "churn",
)
"""Column names taken for the label, the likeliest first; case does not matter."""

LABEL_WORDS = ("label", "labels", "class", "target", "category", "species")
"""A name that ends in one of these words, as "Finding Labels", is taken if no other does."""

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

NAMES_OF_ANY_LABEL = ("target", "label", "labels", "y", "outcome", "value", "class")
"""Names that say that a column is the label, whatever it tells of: "age" may be a feature."""

NAMES_IN_REGRESSION = tuple(dict.fromkeys((*NAMES_OF_ANY_LABEL, *NUMBER_NAMES, *LABEL_NAMES)))

OPEN_NAMES = ("target", "y", *NUMBER_NAMES)
"""Names that may mean a number: whole numbers under them are classes only if they are few."""

FEW_VALUES = 10
SURE_CELLS = 20
"""Cells that a guess needs before a sign is taken for a habit of the whole column."""


def choose_target(path: Path, head: Head, options: ReadOptions) -> tuple[Target, str]:
    """The label columns and what they hold, and how they were chosen, in words.

    Raises:
        DataError: there is no such column, or none can be told.
    """
    try:
        return _chosen(path, head, options)
    except DataError as error:
        where = "" if str(error).startswith(str(path)) else f"{path}: "
        raise DataError(f"{where}{error}") from None


def _chosen(path: Path, head: Head, options: ReadOptions) -> tuple[Target, str]:
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
        _refuse_features(path, head, block)
        how = f"{len(block)} columns of 0 and 1 from {block[0]!r} to {block[-1]!r}"
        return IndicatorTarget(block, task_of_sets(options)), how
    raise DataError(_no_label_message(path, head))


def _find_label(head: Head, task: Task | None) -> tuple[str | None, str]:
    """The one label column, and how it was found."""
    by_name = {column.lower(): column for column in reversed(head.columns)}
    names = NAMES_IN_REGRESSION if task == "regression" else LABEL_NAMES
    fitting = [by_name[name] for name in names if name in by_name]
    if task == "regression":
        fitting = [name for name in fitting if _may_be_numbers(head.cells[name])] or fitting
        _warn_of_topics(fitting)
    if fitting:
        others = f"; {', '.join(fitting[1:])} would fit too" if fitting[1:] else ""
        return fitting[0], f"found by its name{others}"
    if len(head.declared) == 1:
        return next(iter(head.declared)), "the only one that declares classes"
    if head.headless:
        return _find_by_looks(head)
    worded = [name for name in head.columns if _words_of(name)[-1:] in LAST_WORDS]
    if len(worded) == 1 and task != "regression":
        return worded[0], "found by its name"
    if task in (None, "regression") and not _indicator_block(head):
        for column in _ends(head):
            if column.lower() in NUMBER_NAMES and _may_be_numbers(head.cells[column]):
                return column, "found by its name"
    return None, ""


def _warn_of_topics(fitting: Sequence[str]) -> None:
    """Warn where the number to predict may be a feature, as age beside income."""
    if len(fitting) < 2 or fitting[0].lower() in NAMES_OF_ANY_LABEL:
        return
    taken, others = fitting[0], fitting[1:]
    warnings.warn(
        f"label: {taken!r} is taken for the number to predict, by its name alone; "
        f"{' and '.join(map(repr, others))} would fit as well. Say which with --label {taken} or "
        f"--label {others[0]} (label={others[0]!r}).",
        BalancekitWarning,
        stacklevel=2,
    )


LAST_WORDS = tuple([word] for word in LABEL_WORDS)


def _may_be_numbers(cells: Sequence[Any]) -> bool:
    return are_numbers(cells) or has_decimal_comma(cells)


def _words_of(name: str) -> list[str]:
    return re.findall("[^\\W_]+", name.lower())


def _ends(head: Head) -> list[str]:
    """The columns in which a number to predict may stand.

    In the midst of others, or first of many features, such a column is rather one itself.
    """
    if not head.columns:
        return []
    first, last = head.columns[0], head.columns[-1]
    return [last] if features_beside(head, (first,)) else [last, first]


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


def warn_unless_within(cells: Sequence[Any], delimiter: str, column: str) -> None:
    """Warn of a delimiter that stands in none of the first cells of a column."""
    texts = [cell for cell in cells if isinstance(cell, str)]
    if texts and len(texts) == len(cells) and not any(delimiter in text for text in texts):
        warnings.warn(
            f"label_delimiter: {delimiter!r} stands in none of the first {len(texts)} cells of "
            f"column {column!r}, such as {texts[0][:40]!r}: each is taken for one class.",
            BalancekitWarning,
            stacklevel=2,
        )


def _target_of(head: Head, column: str, options: ReadOptions, how: str) -> tuple[Target, str]:
    """What a label column holds."""
    cells = [cell for cell in head.cells.get(column, ()) if not is_missing_cell(cell)]
    if options.task == "regression":
        return NumberTarget(column, decimal_comma=has_decimal_comma(cells)), how
    declared = head.declared.get(column)
    sets = SetTarget(column, options.label_delimiter, declared, task=task_of_sets(options))
    if options.label_delimiter is not None:
        warn_unless_within(cells, options.label_delimiter, column)
        return sets, f"{how}; split at {options.label_delimiter!r}"
    if any(isinstance(cell, list) for cell in cells):
        return _target_of_lists(sets, [c for c in cells if isinstance(c, list)], how)
    if options.task is None and declared is None:
        told = f"{how}; its numbers are for regression: --task classification takes them as classes"
        if _is_number_target(head, column):
            return NumberTarget(column), told
        if has_decimal_comma(cells):
            return NumberTarget(column, decimal_comma=True), told
    if are_lists(cells):
        listed = [found for cell in cells if (found := list_of_text(cell)) is not None]
        return _target_of_lists(replace(sets, is_text=True), listed, how)
    delimiter = None if options.task == "classification" else delimiter_within(cells)
    if delimiter is not None:
        why = "whose parts come again in other cells: --task classification keeps cells whole"
        return replace(sets, delimiter=delimiter), f"{how}; split at {delimiter!r}, {why}"
    stripped = "".join(
        letter for letter, is_around in (("'", _is_quoted(cells)), (" ", head.spaced)) if is_around
    )
    note = "; ' around every name left out" if "'" in stripped else ""
    return ClassTarget(column, declared, stripped), how + note


def _target_of_lists(
    sets: SetTarget, lists: Sequence[Sequence[Any]], how: str
) -> tuple[Target, str]:
    """What a column of lists holds: classes, or 0 and 1 for each class.

    Raises:
        DataError: it holds numbers that are not whole, and so no classes.
    """
    numbers = [
        number for cells in lists for cell in cells if (number := number_of_cell(cell)) is not None
    ]
    if any(not number.is_integer() for number in numbers):
        raise DataError(
            f"column {sets.column!r}: expected classes in its lists, got numbers such as "
            f"{next(n for n in numbers if not n.is_integer())}. Name another with --label."
        )
    if not are_vectors(lists):
        return sets, f"{how}; its cells are lists"
    names = sets.declared
    if names is None or len(names) != len(lists[0]):
        names = tuple(map(str, range(len(lists[0]))))
    told = f"{how}; its cells are lists of 0 and 1 for {len(names)} classes"
    return replace(sets, is_vector=True, declared=names), told


def _is_quoted(cells: Sequence[Any]) -> bool:
    """Whether every name stands between single quotes."""
    texts = [cell.strip() for cell in cells if isinstance(cell, str)]
    return bool(texts) and all(len(text) > 2 and text[0] == text[-1] == "'" for text in texts)


def _is_number_target(head: Head, column: str) -> bool:
    """Whether a column holds numbers to predict, and no classes that are numbered."""
    if not are_numbers(head.cells[column], 0.9):
        return False
    numbers = [number_of_cell(cell) for cell in head.cells[column] if not is_missing_cell(cell)]
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


def _refuse_features(path: Path, head: Head, block: tuple[str, ...]) -> None:
    """Refuse columns of 0 and 1 of which some may be features, as other columns are.

    Raises:
        DataError: other columns hold numbers or kinds, and none the paths of pictures.
    """
    beside = features_beside(head, block)
    if not beside or picture_column(head, block) is not None or head.pictures:
        return
    listed = ",".join(name.replace(",", "\\,") for name in block[:5])
    listed += ",…" if len(block) > 5 else ""
    raise DataError(
        f"{path}: expected labels that can be told from features, got {len(block)} columns of 0 "
        f"and 1 from {block[0]!r} to {block[-1]!r} behind {beside[0]!r}. Name the label, such as "
        f"--label {block[-1]} (label={block[-1]!r}), or each of them: --label {listed}."
    )


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
    return IndicatorTarget(wanted, task_of_sets(options)), how


def task_of_sets(options: ReadOptions) -> Task:
    """The task of rows that may carry several classes: one each if the user says so."""
    return "classification" if options.task == "classification" else "multilabel"


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
    few = [name for name in head.columns if _is_plainly_class(head.cells[name])]
    hint = "".join(f" {name!r} ({_examples(head, name)})," for name in few[-1:-6:-1])
    hint = f" Columns of few different values:{hint[:-1]}." if few else ""
    return (
        f"{path}: expected a label column ({', '.join(LABEL_NAMES[:6])} …), got the columns "
        f"{list(head.columns[:50])}. Name it with --label COLUMN (label='COLUMN').{hint}"
    )


def _examples(head: Head, name: str) -> str:
    values = dict.fromkeys(str(cell) for cell in head.cells[name] if not is_missing_cell(cell))
    return ", ".join(value if len(value) <= 30 else value[:29] + "…" for value in [*values][:3])
