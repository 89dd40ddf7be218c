"""Columns beside the labels, as they were read: numbers, or texts by code."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Column", "Columns", "coded", "column_of_cells", "matrix_columns"]

MISSING_TEXTS = frozenset(("", "?", "nan", "na", "n/a", "#n/a", "null", "<na>", "<null>", "none"))
"""Cells that stand for nothing, in lower case."""

MOST_NUMBER = float(np.finfo(np.float32).max)

NUMBER_SHARE = 0.9
"""Of the known cells that are numbers, from which on the others are broken ones."""


@dataclass(frozen=True)
class Column:
    """The cells of one column.

    Attributes:
        name: of the column.
        numbers: float64 [n], NaN where missing; None for texts.
        codes: int32 [n], which of `texts` each cell is, -1 where missing; None for numbers.
        texts: the different texts, in the order in which they came.
    """

    name: str
    numbers: NDArray[np.float64] | None = None
    codes: NDArray[np.int32] | None = None
    texts: tuple[str, ...] = ()

    def __len__(self) -> int:
        given = self.codes if self.numbers is None else self.numbers
        return 0 if given is None else len(given)

    def cells(self) -> list[str]:
        """The texts of all cells, "" where missing."""
        assert self.codes is not None
        texts = (*self.texts, "")  # -1 is the last
        return [texts[code] for code in self.codes.tolist()]


@dataclass(frozen=True)
class Columns:
    """Columns of the same rows.

    Attributes:
        columns: in the order of the data.
        left_out: columns that were not read, and why.
    """

    columns: tuple[Column, ...]
    left_out: dict[str, str] = field(default_factory=dict)


def column_of_cells(name: str, cells: Sequence[Any]) -> Column:
    """A column of values of Python: of numbers if nearly all are.

    >>> column_of_cells("x", ["1", "2.5", "?"]).numbers.tolist()
    [1.0, 2.5, nan]
    >>> column_of_cells("x", ["red", None, "red"]).codes.tolist()
    [0, -1, 0]
    """
    known = [cell for cell in cells if not _is_missing(cell)]
    n_numbers = sum(_number(cell) is not None for cell in known)
    if known and n_numbers >= NUMBER_SHARE * len(known):
        numbers = (_number(cell) for cell in cells)
        values = (np.nan if number is None else number for number in numbers)
        return Column(name, numbers=finite(np.fromiter(values, np.float64, len(cells))))
    return coded(name, (None if _is_missing(cell) else str(cell) for cell in cells))


def coded(name: str, texts: Iterable[str | None]) -> Column:
    """A column of texts, None where missing; blanks around a text do not tell it apart."""
    code_of: dict[str | None, int] = {}
    given = (None if text is None or _is_missing(text) else text.strip() for text in texts)
    codes = np.fromiter(
        (-1 if text is None else code_of.setdefault(text, len(code_of)) for text in given), np.int32
    )
    return Column(name, codes=codes, texts=tuple(text for text in code_of if text is not None))


def matrix_columns(array: NDArray[Any], names: Sequence[str] | None = None) -> Columns:
    """Columns of an array [n, d] of numbers or text."""
    named = names or [f"feature {i}" for i in range(array.shape[1])]
    if array.dtype.kind in "biuf":
        numbers = finite(array.astype(np.float64))
        return Columns(tuple(Column(n, numbers[:, i]) for i, n in enumerate(named)))
    cells = array.tolist()
    found = (column_of_cells(n, [row[i] for row in cells]) for i, n in enumerate(named))
    return Columns(tuple(found))


def finite(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    """The numbers, NaN where infinite or beyond what float32 holds."""
    with np.errstate(invalid="ignore"):
        return np.where(np.abs(numbers) <= MOST_NUMBER, numbers, np.nan)


def _is_missing(cell: Any) -> bool:
    if isinstance(cell, str):
        return cell.strip().lower() in MISSING_TEXTS
    return cell is None or cell != cell  # NaN, NaT and the like differ from themselves


def _number(cell: Any) -> float | None:
    if isinstance(cell, str) and "_" in cell:  # which Python takes between digits
        return None
    try:
        return float(cell)
    except (TypeError, ValueError):
        return None
    except OverflowError:  # a whole number beyond what a float holds
        return np.inf if cell > 0 else -np.inf
