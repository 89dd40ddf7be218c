"""Cells that hold numbers, in whatever way they are written."""

import math
import re
from collections.abc import Sequence
from typing import Any

from balancekit.sources.tables.dialect import is_number
from balancekit.sources.tables.target import is_missing_cell

__all__ = ["are_numbers", "has_decimal_comma", "number_of_cell"]

DECIMAL_COMMA = re.compile(r"[-+]?(\d+|\d{1,3}(\.\d{3})+),\d+")
SURE_VALUES = 10
"""Different numbers with a comma, below which they may be names as well."""


def are_numbers(cells: Sequence[Any], share: float = 0.5) -> bool:
    """Whether more than a share of the cells are numbers: a few may be broken."""
    known = [cell for cell in cells if not is_missing_cell(cell)]
    return sum(number_of_cell(cell) is not None for cell in known) > share * len(known)


def number_of_cell(cell: Any) -> float | None:
    """The finite number that a cell holds; None if it holds none."""
    if isinstance(cell, bool) or cell is None:
        return None
    if isinstance(cell, str):
        cell = cell if is_number(cell) else None
    try:
        number = float(cell)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def has_decimal_comma(cells: Sequence[Any]) -> bool:
    """Whether numbers are written 1,5 or 1.234,5: nearly all, and many differ."""
    known = [cell for cell in cells if not is_missing_cell(cell)]
    found = [c for c in known if isinstance(c, str) and DECIMAL_COMMA.fullmatch(c.strip())]
    return len(found) > 0.9 * len(known) and len(set(found)) > SURE_VALUES
