"""How columns become features: learnt from the rows of the training part, then frozen."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from balancekit.errors import DataError
from balancekit.sources.datasets.codes import Categories, Code, Numbers, Words, fit_numbers
from balancekit.sources.datasets.columns import Column, Columns
from balancekit.sources.datasets.ngrams import letters_for
from balancekit.sources.tables.column_roles import ID_NAMES

__all__ = ["Features", "fit_features", "is_prose"]

MOST_CATEGORIES = 32
"""Texts of a column that get a feature each; the rarer ones share those of `OTHERS`."""

N_OTHERS = 8
"""Features that texts share which are too many to have their own, by hash."""

N_PROSE_WORDS = 2.5
"""Words a cell in the mean, from which on texts that differ are prose and no names of kinds."""

N_SURE = 20
"""Rows that a column of ids needs to be told by its values."""


@dataclass(frozen=True)
class Features:
    """How each column becomes features.

    Attributes:
        codes: of the columns that are used, by their position.
        left_out: columns that are not used, and why.
    """

    codes: dict[int, Code]
    left_out: dict[str, str] = field(default_factory=dict)

    @property
    def n_columns(self) -> int:
        """Columns that are used."""
        return len(self.codes)

    def of(self, columns: Columns) -> NDArray[np.float32]:
        """Features of all rows: float32 [n, n_features]."""
        parts = [code.of(columns.columns[at]) for at, code in self.codes.items()]
        return np.ascontiguousarray(np.concatenate(parts, axis=1))


def fit_features(columns: Columns, rows: NDArray[np.int64]) -> Features:
    """How columns become features, as some of their rows tell it.

    Numbers are brought to the quantiles of a normal distribution, so that neither units nor
    skew nor a few huge values matter; where one is missing the median stands, and a feature
    says so. Texts that are few get a feature each, others share hashed ones. What cannot help
    is left out: ids, and columns that hold one value alone.

    Args:
        columns: of all rows.
        rows: of the training part.

    Raises:
        DataError: no column is left.
    """
    codes: dict[int, Code] = {}
    left_out: dict[str, str] = {}
    for at, column in enumerate(columns.columns):
        code = _number_code(column, rows) if column.codes is None else _text_code(column, rows)
        if isinstance(code, str):
            left_out[column.name] = code
        else:
            codes[at] = code
    if not codes:
        told = {**columns.left_out, **left_out}
        shown = "; ".join(f"{name!r}: {why}" for name, why in list(told.items())[:8])
        raise DataError(
            "table: expected a column beside the labels that can tell classes apart, got none"
            f"{f' ({shown})' if shown else ''}. Name the label column with --label if another "
            "was taken."
        )
    return Features(codes, left_out)


def _number_code(column: Column, rows: NDArray[np.int64]) -> Code | str:
    """How a column of numbers becomes features; why it does not, in words."""
    assert column.numbers is not None
    given = column.numbers[rows]
    known = given[~np.isnan(given)]
    if not known.size:
        return "no cell holds a number"
    if known.min() == known.max():
        if known.size == given.size:
            return "all cells are the same"
        return Numbers.of_presence(float(known[0]))
    if _are_row_numbers(column.name, known):
        return "its numbers count the rows"
    return fit_numbers(known, has_missing=known.size < given.size)


def _are_row_numbers(name: str, known: NDArray[np.float64]) -> bool:
    """Whether whole numbers are all different, and named as ids or as dense as row numbers."""
    if len(known) < N_SURE or (known != np.floor(known)).any():
        return False
    if len(np.unique(known)) < len(known):
        return False
    lowered = name.lower()
    named = lowered in ID_NAMES or lowered.endswith(("_id", " id", ".id", "-id"))
    # Of a training part of half the rows, every other one in the mean.
    is_dense = known.max() - known.min() < 4 * len(known)
    return named or (is_dense and _rises(known))


def _rises(known: NDArray[np.float64]) -> bool:
    steps = np.diff(known)
    return bool((steps > 0).all() or (steps < 0).all())


def _text_code(column: Column, rows: NDArray[np.int64]) -> Code | str:
    """How a column of texts becomes features; why it does not, in words."""
    assert column.codes is not None
    given = column.codes[rows]
    counts = Counter(given[given >= 0].tolist())
    n_known = counts.total()
    if not counts:
        return "no cell holds anything"
    if len(counts) == 1 and n_known == len(given):
        return "all cells are the same"
    if is_prose([column.texts[code] for code in counts], n_known):
        texts = (*column.texts, "")
        return Words(letters_for([texts[code] for code in given.tolist()]))
    if len(counts) == n_known and n_known >= N_SURE:
        return "every cell differs"
    # The most frequent first, of those as frequent the one that comes first in the alphabet.
    by_count = sorted(counts, key=lambda code: (-counts[code], column.texts[code]))
    own = tuple(column.texts[code] for code in by_count[:MOST_CATEGORIES])
    return Categories(own, n_others=1 if len(own) == len(counts) else N_OTHERS)


def is_prose(different: Sequence[str], n_known: int) -> bool:
    """Whether texts are sentences rather than names of kinds: most differ, of several words.

    Args:
        different: the different texts.
        n_known: cells that hold one.
    """
    if not different or len(different) < 0.3 * n_known:
        return False
    looked_at = different[:2000]
    n_words = sum(len(text.split()) for text in looked_at) / len(looked_at)
    n_letters = sum(map(len, looked_at)) / len(looked_at)
    # Scripts without blanks between words are told by their length.
    is_unspaced = n_letters >= 12 and not all(text.isascii() for text in looked_at)
    return n_words >= N_PROSE_WORDS or is_unspaced
