"""How a data set makes its inputs, for rows, texts and pictures that come later."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, Self, TypeGuard

import msgspec
import numpy as np
from numpy.typing import NDArray

from balancekit.errors import DataError
from balancekit.files import write_whole
from balancekit.sources.datasets.codes import Code
from balancekit.sources.datasets.columns import Columns, Kind
from balancekit.sources.datasets.given_rows import columns_of_rows
from balancekit.sources.datasets.ngrams import N_BUCKETS, Bags, bags_of_texts
from balancekit.sources.datasets.stores import Mode
from balancekit.sources.datasets.texts import joined_texts
from balancekit.sources.pictures import load_picture

__all__ = ["EncodedColumn", "PictureEncoder", "RowEncoder", "TextEncoder", "padded"]


class _Saved(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """State that is kept as JSON: it runs no code when it is loaded."""

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write what `load` reads, complete or not at all.

        Raises:
            OptionError: the folder of the file is missing, or the file is itself a folder.
        """
        write_whole(msgspec.json.encode(self), path)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read what `save` wrote.

        Raises:
            DataError: the file is missing, or is no such encoder.
        """
        expected = f"{path}: expected a {cls.__name__} written by its `save`"
        try:
            return msgspec.json.decode(Path(path).read_bytes(), type=cls)
        except OSError as error:
            raise DataError(f"{expected}, cannot read it: {error.strerror}") from None
        except ValueError as error:
            raise DataError(f"{expected}: {error}") from None


class EncodedColumn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How one column becomes features.

    Attributes:
        name: of the column.
        kind: of its cells.
        code: how they become features.
    """

    name: str
    kind: Kind
    code: Code


class RowEncoder(_Saved, frozen=True, kw_only=True, tag="row encoder 1"):
    """Rows as features, as a training part has told it; none of its rows is in it.

    Call it with rows: a path of CSV, JSON lines, Parquet or ARFF, a DataFrame, a dictionary of
    columns, or a list of dictionaries. It gives float32 [n, n_features]. Columns are found by
    name, others and the labels are not looked at. A category that training has not seen goes
    where the rare ones go; a cell that is no number where one is expected counts as missing,
    with a warning, and is an error where no cell of its column is one.

    Attributes:
        columns: that become features, in the order of these.

    Raises:
        DataError: a column is missing, or its cells are of another kind.

    >>> from balancekit.labels import Labels
    >>> from balancekit.sources.datasets.columns import Columns, column_of_cells
    >>> from balancekit.sources.datasets.table import TableDataset
    >>> columns = Columns((column_of_cells("x", [1.0, 5.0, 2.0]),))
    >>> data = TableDataset.of_columns(columns, Labels.from_names(["a", "b", "a"]))
    >>> data.encoder([{"x": 2.0}, {"x": None}]).tolist()
    [[0.0], [0.0]]
    """

    columns: tuple[EncodedColumn, ...]
    kind: ClassVar[Literal["table"]] = "table"

    def __post_init__(self) -> None:
        if not self.columns:
            raise ValueError("columns: expected one at least")

    def __call__(self, rows: object) -> NDArray[np.float32]:
        """Features of the rows: float32 [n, n_features]."""
        return self.of_columns(columns_of_rows(rows, self.kinds))

    @property
    def kinds(self) -> dict[str, Kind]:
        """What the cells of each column are."""
        return {column.name: column.kind for column in self.columns}

    @property
    def input_shape(self) -> tuple[int, ...]:
        """(n_features,)."""
        return (sum(column.code.n_features for column in self.columns),)

    def __repr__(self) -> str:
        """A line, not all codes."""
        n_features = self.input_shape[0]
        return f"RowEncoder({len(self.columns):,} columns, {n_features:,} features)"

    def of_columns(self, columns: Columns) -> NDArray[np.float32]:
        """Features of columns that are in the order of these."""
        given = zip(self.columns, columns.columns, strict=True)
        parts = [known.code.of(column) for known, column in given]
        return np.ascontiguousarray(np.concatenate(parts, axis=1))


class TextEncoder(_Saved, frozen=True, kw_only=True, tag="text encoder 1"):
    """Texts as ids of n-grams, as a training part has told it; none of its texts is in it.

    Call it with a list of texts; or, where the texts of training came from columns, with rows
    as `RowEncoder` takes them. It gives int64 [n, n_tokens], padded with 0.

    Attributes:
        letters: lengths of the n-grams of letters.
        buckets: hash of the n-grams that are known, in the order of their ids from 1; of all
            if None.
        n_tokens: tokens a text.
        columns: that the texts stand in.

    Raises:
        DataError: what is given are no texts.
    """

    letters: tuple[int, ...]
    buckets: tuple[int, ...] | None
    n_tokens: int
    columns: tuple[str, ...] = ()
    kind: ClassVar[Literal["text"]] = "text"

    def __post_init__(self) -> None:
        if self.n_tokens < 1 or not all(1 <= n <= 16 for n in self.letters):
            raise ValueError("n_tokens, letters: expected numbers from 1")
        if not all(1 <= bucket <= N_BUCKETS for bucket in self.buckets or ()):
            raise ValueError(f"buckets: expected numbers from 1 to {N_BUCKETS}")

    def __call__(self, texts: object) -> NDArray[np.int64]:
        """Ids of the n-grams of each text: int64 [n, n_tokens]."""
        return padded(self.bags_of(self.texts_of(texts)), self.n_tokens)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """(n_known,): what a model of tokens has to know."""
        return (1 + (N_BUCKETS if self.buckets is None else len(self.buckets)),)

    def __repr__(self) -> str:
        """A line, not all n-grams."""
        n_known = self.input_shape[0] - 1
        return f"TextEncoder({n_known:,} n-grams, {self.n_tokens:,} tokens a text)"

    @property
    def kinds(self) -> dict[str, Kind]:
        """What the cells of each column are."""
        return dict.fromkeys(self.columns, "text")

    def texts_of(self, given: object) -> list[str]:
        """The texts themselves, of a list or of the columns that they stand in."""
        if isinstance(given, str):
            raise DataError(
                f"texts: expected a list of them, got one, {given[:40]!r}. Put it into a list; "
                "give a file as pathlib.Path."
            )
        if not isinstance(given, os.PathLike) and _are_texts(given):
            return list(given)
        if not self.columns:
            raise DataError(f"texts: expected a list of str, got {type(given).__name__}")
        return joined_texts(columns_of_rows(given, self.kinds).columns)

    def bags_of(self, texts: Sequence[str]) -> Bags:
        """Bags of the ids of each text."""
        hashed = bags_of_texts(texts, self.letters)
        bags = Bags(hashed.tokens + 1, hashed.offsets)  # 0 is padding
        if self.buckets is None:
            return bags
        ids = np.zeros(N_BUCKETS + 1, np.int32)
        ids[list(self.buckets)] = np.arange(1, len(self.buckets) + 1)
        return bags.renamed(ids)


class PictureEncoder(_Saved, frozen=True, kw_only=True, tag="picture encoder 1"):
    """Picture files as a data set of `open_dataset` reads them: of one size and colour.

    Call it with a list of paths. It gives uint8 [n, height, width, 3], red first, or
    [n, height, width] in mode "L". `balancekit.pipeline.picture_to_tensor` makes of one what
    `build` gives a model.

    Attributes:
        size_px: (height, width).
        mode: colour or grey.

    Raises:
        DataError: a file is missing or cannot be decoded.
    """

    size_px: tuple[int, int]
    mode: Mode
    kind: ClassVar[Literal["pictures"]] = "pictures"

    def __post_init__(self) -> None:
        if min(self.size_px) < 1:
            raise ValueError("size_px: expected (height, width) from 1")

    def __call__(self, paths: Sequence[str | os.PathLike[str]]) -> NDArray[np.uint8]:
        """Pictures: uint8 [n, height, width(, 3)]."""
        if isinstance(paths, str | os.PathLike):
            raise DataError(f"paths: expected a list of them, got one, {str(paths)[:80]!r}")
        read = [load_picture(path, mode=self.mode, size_px=self.size_px) for path in paths]
        shape = (*self.size_px, 3) if self.mode == "RGB" else self.size_px
        return np.stack(read) if read else np.zeros((0, *shape), np.uint8)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """(channels, height, width)."""
        return (3 if self.mode == "RGB" else 1, *self.size_px)


def padded(bags: Bags, n_tokens: int) -> NDArray[np.int64]:
    """The first tokens of each bag, and 0 behind them: int64 [n, n_tokens]."""
    lengths = np.diff(bags.offsets)
    places = np.arange(len(bags.tokens)) - np.repeat(bags.offsets[:-1], lengths)
    rows = np.repeat(np.arange(len(bags)), lengths)
    tokens = np.zeros((len(bags), n_tokens), np.int64)
    kept = places < n_tokens
    tokens[rows[kept], places[kept]] = bags.tokens[kept]
    return tokens


def _are_texts(given: Any) -> TypeGuard[Sequence[str]]:
    is_listed = isinstance(given, Sequence) or hasattr(given, "tolist")  # of NumPy and pandas
    return is_listed and all(isinstance(text, str) for text in given)
