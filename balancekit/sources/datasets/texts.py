"""The texts of a folder of text, and of the columns of a table, in the order of their labels."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from balancekit.sources.annotated_pictures import Notes
from balancekit.sources.datasets.columns import Column, Columns
from balancekit.sources.datasets.features import is_prose
from balancekit.sources.text_folder import Texts

__all__ = ["Prose", "joined_texts", "prose_of", "texts_of_parts"]

FEW_KINDS = 10
FEW_OTHERS = 3
"""Columns beside a text up to which the text is what a sample is."""


class Prose(NamedTuple):
    """The texts of a table.

    Attributes:
        texts: one a row.
        columns: names of those that they stand in.
        notes: what was left out, in words.
    """

    texts: list[str]
    columns: tuple[str, ...]
    notes: tuple[str, ...]


def texts_of_parts(parts: Sequence[object]) -> list[str]:
    """The texts of all classes; bytes that are no UTF-8 are read as Latin-1."""
    notes = Notes()  # reading the labels has told them
    texts = (text for part in parts if isinstance(part, Texts) for _, text in part.texts(notes))
    return [_decoded(text) for text in texts]


def _decoded(text: bytes) -> str:
    if text[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return text.decode("utf-16", "replace")
    try:
        return text.decode("utf-8-sig")
    except UnicodeDecodeError:
        return text.decode("latin-1")


def prose_of(columns: Columns) -> Prose | None:
    """The texts of a table whose samples are texts; None if they are rows.

    They are texts if a column of sentences has few others beside it, or if there is no other.
    """
    prose = [column for column in columns.columns if _is_text(column)]
    if not prose:  # words alone, such as names
        texts = [column for column in columns.columns if column.codes is not None]
        if len(columns.columns) != 1 or len(texts) != 1 or not _differ(texts[0]):
            return None
        prose = texts
    others = [column.name for column in columns.columns if column not in prose]
    if len(others) > FEW_OTHERS:
        return None
    notes = (f"columns left out beside the text: {', '.join(others)}",) if others else ()
    return Prose(joined_texts(prose), tuple(column.name for column in prose), notes)


def joined_texts(columns: Sequence[Column]) -> list[str]:
    """The texts of each row, behind one another."""
    rows = zip(*map(Column.cells, columns), strict=True)
    return [" \n ".join(filter(None, cells)) for cells in rows]


def _is_text(column: Column) -> bool:
    if column.codes is None:
        return False
    return is_prose(column.texts, int(np.count_nonzero(column.codes >= 0)))


def _differ(column: Column) -> bool:
    """Whether most texts differ, as names do and kinds do not."""
    assert column.codes is not None
    n_known = int(np.count_nonzero(column.codes >= 0))
    return len(column.texts) > max(FEW_KINDS, 0.3 * n_known)
