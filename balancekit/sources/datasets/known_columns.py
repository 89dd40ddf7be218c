"""Columns that are known from training, in rows that came later: found by name, read by kind."""

import warnings
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import numpy as np

from balancekit.errors import BalancekitWarning, DataError
from balancekit.sources.datasets.columns import Column, Kind, column_of_cells, is_missing, number_of

__all__ = ["column_of_kind", "refuse_lacking", "tell_broken"]

SHOWN = 8

TRUTH = {"true": 1.0, "false": 0.0}
"""What a table of text says where a DataFrame holds truth values, which are numbers there."""


def refuse_lacking(wanted: Iterable[str], given: Sequence[str]) -> None:
    """Refuse rows that lack a column, or hold two of a name that is wanted.

    Args:
        wanted: names of the columns of training.
        given: names of those that are there.

    Raises:
        DataError: one is missing, or there twice.
    """
    times = dict.fromkeys(wanted, 0)
    for name in given:
        if name in times:
            times[name] += 1
    lacking = [name for name, n in times.items() if not n]
    if lacking:
        raise DataError(
            f"rows: expected the columns of the training rows, got none named {_shown(lacking)}; "
            f"there are {_shown(given) or 'none'}. Give it, with empty cells if nothing is known."
        )
    twice = [name for name, n in times.items() if n > 1]
    if twice:
        raise DataError(f"rows: expected one column of a name, got several named {_shown(twice)}")


def column_of_kind(name: str, cells: Sequence[Any], kind: Kind) -> Column:
    """A column whose kind is known; a warning tells of cells that are not of it.

    Raises:
        DataError: cells hold something, and none is of that kind.

    >>> column_of_kind("x", ["1", 2.0, None], "text").texts
    ('1', '2')
    """
    if kind == "number" and all(is_missing(cell) or _is_truth(cell) for cell in cells):
        cells = [TRUTH.get(str(cell).strip().lower()) for cell in cells]
    column = column_of_cells(name, cells, kind)
    if column.numbers is None or not np.isnan(column.numbers).any():
        return column
    known = [i for i, cell in enumerate(cells) if not is_missing(cell)]
    broken = [i for i in known if number_of(cells[i], kind) is None]
    if broken:
        counts = len(broken), len(known)
        tell_broken(name, kind, counts, (broken[0] + 1, cells[broken[0]]))
    return column


def _is_truth(cell: Any) -> bool:
    return isinstance(cell, str) and cell.strip().lower() in TRUTH


def tell_broken(name: str, kind: Kind, counts: tuple[int, int], first: tuple[int, object]) -> None:
    """Warn of cells that are not what a column holds: they count as missing, as in training.

    Args:
        name: of the column.
        kind: of the column.
        counts: cells that are not of it, and cells that hold anything.
        first: row, from 1, and what stands in it.

    Raises:
        DataError: no cell is of the kind.
    """
    n_broken, n_known = counts
    told = f"row {first[0]}, column {name!r}: expected a {kind}, got {str(first[1])[:60]!r}"
    if n_broken == n_known:
        raise DataError(
            f"{told}, and no {kind} in any other row. Leave a cell empty if nothing is known; "
            "else look whether it is the column of the training rows."
        )
    warnings.warn(
        f"{told}; {n_broken} of {n_known} cells count as missing for it, as in training",
        BalancekitWarning,
        stacklevel=2,
    )


def _shown(names: Collection[str]) -> str:
    listed = [repr(name) for name in list(names)[:SHOWN]]
    return ", ".join([*listed, "…"] if len(names) > SHOWN else listed)
