"""Cells that hold several classes: what stands between them, and lists that are written as text."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from balancekit.sources.tables.dialect import is_number

__all__ = ["are_lists", "are_vectors", "delimiter_within", "list_of_text"]

DELIMITERS = "|;, "
"""What may stand between the classes of a cell, the likeliest first."""

RARE_IN_NAMES = "|;"
"""Those that names of classes hardly hold."""

SURE_CELLS = 4
"""Cells that a guess needs, before what they have in common is taken for a habit."""

ITEM = re.compile(r"""'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"|([^,'"\[\]{}]+)""")
"""One item of a list that is written as text: quoted in one way or the other, or bare."""


def delimiter_within(cells: Sequence[Any]) -> str | None:
    """What plainly separates several classes in a cell; None if that is not plain.

    The sign of sets is that few parts make many different cells: a name that merely holds a
    comma comes as a whole each time, and so do its parts. A comma and a space stand in names
    too, and are taken only if most parts come in several places, as no part of "Paris,
    France" or of "red car" does.
    """
    texts = [cell for cell in cells if isinstance(cell, str)]
    for delimiter in DELIMITERS:
        rows = [[part.strip() for part in text.split(delimiter)] for text in texts]
        if len(texts) < SURE_CELLS or not _are_sets(rows):
            continue
        if delimiter in RARE_IN_NAMES or _come_in_several_places(rows, delimiter):
            return delimiter
    return None


def _are_sets(rows: Sequence[Sequence[str]]) -> bool:
    """Whether few parts, each of which comes again, make more different cells."""
    different = set(map(tuple, rows))
    parts = Counter(part for row in rows for part in row)
    return (
        sum(len(row) > 1 for row in different) > 1
        and 2 * len(parts) <= parts.total()
        and len(parts) < min(2 * len(different), sum(map(len, different)))
    )


def _come_in_several_places(rows: Sequence[Sequence[str]], delimiter: str) -> bool:
    """Whether most parts of sets stand first in one cell and later in another, or alone."""
    places: dict[str, set[int]] = {}
    for row in {tuple(row) for row in rows}:
        if not all(row):
            return False
        for place, part in enumerate(row):
            places.setdefault(part, set()).add(-1 if len(row) == 1 else min(place, 1))
    n_different = len(set(map(tuple, rows)))
    enough = len(places) < n_different
    if delimiter == " " and not all(map(is_number, places)):
        enough = 2 * len(places) <= n_different
    return enough and 2 * sum(len(found) > 1 for found in places.values()) > len(places)


def are_lists(cells: Sequence[Any]) -> bool:
    """Whether texts are lists as Python, JSON or NumPy write them."""
    texts = [cell for cell in cells if isinstance(cell, str)]
    found = sum(list_of_text(text) is not None for text in texts)
    return bool(texts) and len(texts) == len(cells) and found >= 0.9 * len(texts)


def list_of_text(text: str) -> list[str] | None:
    """The items of a list that is written as text; None if it is none.

    >>> list_of_text("['a', 'b, c']"), list_of_text("[1 20]"), list_of_text("[]")
    (['a', 'b, c'], ['1', '20'], [])
    >>> list_of_text("[0, 5)") is None
    True
    """
    bare = text.strip()
    if len(bare) < 2 or bare[0] + bare[-1] not in ("[]", "{}", "()"):
        return None
    inner = bare[1:-1]
    if bare[0] == "(" and "," not in inner:
        return None  # a name in brackets
    if ITEM.sub("", inner).strip(", \t\r\n"):
        return None
    items: list[str] = []
    for found in ITEM.finditer(inner):
        if found.group(3) is None:
            items.append(re.sub(r"\\(.)", r"\1", found.group(1) or found.group(2) or ""))
        else:
            items += _bare_items(found.group(3))
    return items


def _bare_items(text: str) -> list[str]:
    """Items without quotes; NumPy puts nothing but spaces between numbers."""
    words = text.split()
    return words if all(map(is_number, words)) else [text.strip()] if words else []


def are_vectors(rows: Sequence[Sequence[Any]]) -> bool:
    """Whether lists are 0 or 1 for each class, and not the classes themselves.

    They are as long each, and hold a 0 or 1 twice, as no list of classes does.
    """
    lengths = {len(row) for row in rows}
    if len(lengths) != 1 or lengths <= {0, 1}:
        return False
    digits = {"0", "1", "0.0", "1.0", "True", "False"}
    return all(str(item) in digits for row in rows for item in row) and any(
        len(set(map(str, row))) < len(row) for row in rows
    )
