"""Columns beside the labels, as they were read: numbers, or texts by code."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Broken",
    "Column",
    "Columns",
    "Kind",
    "coded",
    "column_of_cells",
    "is_missing",
    "matrix_columns",
    "number_of",
]

Kind = Literal["number", "day", "text"]
"""What the cells of a column are; days are counted from 1970."""

MISSING_TEXTS = frozenset(
    ("", "?", "nan", "na", "n/a", "#n/a", "null", "<na>", "<null>", "none", "-")
)
"""Cells that stand for nothing, in lower case."""

MOST_NUMBER = float(np.finfo(np.float32).max)

NUMBER_SHARE = 0.9
"""Of the known cells that are numbers, from which on the others are broken ones."""


DAY_0 = date(1970, 1, 1).toordinal()


@dataclass(frozen=True)
class Broken:
    """Cells of a column that hold something else than its others: they count as missing.

    Attributes:
        n: how many.
        row: of the first, from 1.
        cell: what stands in it.
    """

    n: int
    row: int
    cell: str

    def told(self, name: str, kind: Kind, n_rows: int) -> str:
        """What a user is told of them."""
        return (
            f"column {name!r}: expected a {kind} in each cell, got others in {self.n:,} of "
            f"{n_rows:,}, which count as missing; the first in row {self.row:,}: "
            f"{self.cell[:60]!r}"
        )


@dataclass(frozen=True)
class Column:
    """The cells of one column.

    Attributes:
        name: of the column.
        numbers: float64 [n], NaN where missing; None for texts.
        codes: int32 [n], which of `texts` each cell is, -1 where missing; None for numbers.
        texts: the different texts, in the order in which they came.
        are_days: the numbers are days from 1970.
        broken: cells that are no numbers, where nearly all others are; None if all are.
    """

    name: str
    numbers: NDArray[np.float64] | None = None
    codes: NDArray[np.int32] | None = None
    texts: tuple[str, ...] = ()
    are_days: bool = False
    broken: Broken | None = None

    def __len__(self) -> int:
        given = self.codes if self.numbers is None else self.numbers
        return 0 if given is None else len(given)

    @property
    def kind(self) -> Kind:
        """What its cells are."""
        if self.codes is not None:
            return "text"
        return "day" if self.are_days else "number"

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


def column_of_cells(name: str, cells: Sequence[Any], kind: Kind | None = None) -> Column:
    """A column of values of Python: of numbers if nearly all are, and no kind is given.

    >>> column_of_cells("x", ["1", "2.5", "?"]).numbers.tolist()
    [1.0, 2.5, nan]
    >>> column_of_cells("x", ["red", None, "red"]).codes.tolist()
    [0, -1, 0]
    """
    if kind is None:
        known = [cell for cell in cells if not is_missing(cell)]
        n_numbers = sum(_number(cell) is not None for cell in known)
        kind = "number" if known and n_numbers >= NUMBER_SHARE * len(known) else "text"
    if kind == "text":
        return coded(name, (None if is_missing(cell) else _text(cell) for cell in cells))
    numbers = [number_of(cell, kind) for cell in cells]
    values = (np.nan if number is None else number for number in numbers)
    found = finite(np.fromiter(values, np.float64, len(cells)))
    none = [i for i, number in enumerate(numbers) if number is None and not is_missing(cells[i])]
    broken = Broken(len(none), none[0] + 1, str(cells[none[0]])) if none else None
    return Column(name, numbers=found, are_days=kind == "day", broken=broken)


def coded(name: str, texts: Iterable[str | None]) -> Column:
    """A column of texts, None where missing; blanks around a text do not tell it apart."""
    code_of: dict[str | None, int] = {}
    given = (None if text is None or is_missing(text) else text.strip() for text in texts)
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


def is_missing(cell: Any) -> bool:
    """Whether a cell stands for nothing."""
    if isinstance(cell, str):
        return cell.strip().lower() in MISSING_TEXTS
    if cell is None:
        return True
    differs = cell != cell  # as NaN and NaT do from themselves
    if isinstance(differs, bool | np.bool_):
        return bool(differs)
    return type(differs).__name__ == "NAType"  # of pandas; an array gives an array


def number_of(cell: Any, kind: Kind) -> float | None:
    """The number that a cell of numbers or days holds; None if it holds none."""
    return _day(cell) if kind == "day" else _number(cell)


def _text(cell: Any) -> str:
    # A table gives 7 where pandas gives 7.0, as soon as a cell is missing.
    is_whole = isinstance(cell, float) and cell.is_integer()
    return str(int(cell)) if is_whole else str(cell)


def _day(cell: Any) -> float | None:
    if isinstance(cell, np.datetime64):
        cell = cell.astype("datetime64[s]").item()
    try:
        found = datetime.fromisoformat(cell.strip()) if isinstance(cell, str) else cell
    except ValueError:
        return None
    if not isinstance(found, date) or found != found:  # NaT is a date of its own
        return None
    seconds = 0
    if isinstance(found, datetime):
        found = found if found.tzinfo is None else found.astimezone(UTC)
        seconds = 3600 * found.hour + 60 * found.minute + found.second
    return float(found.toordinal() - DAY_0) + seconds / 86_400


def _number(cell: Any) -> float | None:
    if isinstance(cell, str) and "_" in cell:  # which Python takes between digits
        return None
    try:
        return float(cell)
    except (TypeError, ValueError):
        return None
    except OverflowError:  # a whole number beyond what a float holds
        return np.inf if cell > 0 else -np.inf
