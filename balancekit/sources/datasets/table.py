"""A data set of the rows of a table."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from balancekit.errors import DataError
from balancekit.labels import Labels
from balancekit.sources.datasets.columns import Columns
from balancekit.sources.datasets.encoders import EncodedColumn, RowEncoder
from balancekit.sources.datasets.features import Features, fit_features
from balancekit.sources.datasets.targets import n_outputs_of, target_of, targets_of

__all__ = ["TableDataset"]


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class TableDataset:
    """A map-style data set of rows: `(features, target)` each, float32 [n_features].

    How cells become features is learnt from the training part: see `prepared`. Where that was
    not called, it is learnt from all rows that were read, those held out too.

    Attributes:
        labels: of the samples.
        columns: of all rows that were read.
        rows: which of them the samples are: int64 [n].
        targets: of all that were read.
        encoded: how columns become features, and those of all rows, once learnt.
        notes: what was left out, in words.
        read_by: options of `open_dataset` that they were read by, for data that are like these.
    """

    labels: Labels
    columns: Columns
    rows: NDArray[np.int64]
    targets: NDArray[np.generic]
    encoded: tuple[Features, NDArray[np.float32]] | None = None
    notes: tuple[str, ...] = ()
    kind: Literal["table"] = "table"
    read_by: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of_columns(
        cls, columns: Columns, labels: Labels, notes: tuple[str, ...] = ()
    ) -> "TableDataset":
        """The data set of columns whose rows are in the order of their labels.

        Raises:
            DataError: there are more rows or fewer than labels.
        """
        wrong = [column.name for column in columns.columns if len(column) != len(labels)]
        if wrong:
            raise DataError(
                f"columns: expected {len(labels)} cells a column, one a label, got others in "
                f"{wrong[:3]}"
            )
        rows = np.arange(len(labels))
        targets = targets_of(labels)
        return cls(labels=labels, columns=columns, rows=rows, targets=targets, notes=notes)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> tuple[NDArray[np.float32], object]:
        row = int(self.rows[index])
        return self._encoded[1][row], target_of(self.targets, row)

    @cached_property
    def _encoded(self) -> tuple[Features, NDArray[np.float32]]:
        if self.encoded is not None:
            return self.encoded
        # From all rows that were read, not those of this part: parts would differ.
        features = fit_features(self.columns, np.arange(len(self.targets)))
        return features, features.of(self.columns)

    @cached_property
    def encoder(self) -> RowEncoder:
        """What makes features of other rows, as they are made of these.

        Raises:
            DataError: two columns have one name, by which other rows are told.
        """
        columns = self.columns.columns
        encoded = tuple(
            EncodedColumn(name=columns[at].name, kind=columns[at].kind, code=code)
            for at, code in self._encoded[0].codes.items()
        )
        times = Counter(column.name for column in encoded)
        if twice := [name for name, n in times.items() if n > 1]:
            raise DataError(
                f"columns: expected different names, by which other rows are told, got {twice[:3]} "
                "more than once. Rename them."
            )
        return RowEncoder(columns=encoded)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """(n_features,)."""
        return (self._encoded[1].shape[1],)

    @cached_property
    def n_outputs(self) -> int:
        """Numbers that a model gives."""
        return n_outputs_of(self.labels)

    def take(self, indices: Sequence[int] | NDArray[np.integer]) -> "TableDataset":
        """The data set of chosen samples, their features learnt as in this one."""
        chosen = np.asarray(indices, np.int64)
        return replace(self, labels=self.labels.take(chosen), rows=self.rows[chosen])

    def prepared(self, train_indices: Sequence[int] | NDArray[np.integer]) -> "TableDataset":
        """The data set with features as the training part tells them: nothing of the others.

        Raises:
            DataError: no column is left that could tell anything.
        """
        features = fit_features(self.columns, self.rows[np.asarray(train_indices, np.int64)])
        return replace(self, encoded=(features, features.of(self.columns)))

    def with_rows(self, columns: Columns, labels: Labels) -> "TableDataset":
        """The data set of other rows, their features made as those of these.

        Args:
            columns: those of the encoder, in its order.
            labels: of the other rows.
        """
        other = TableDataset.of_columns(columns, labels)
        features = Features(dict(enumerate(column.code for column in self.encoder.columns)))
        return replace(other, encoded=(features, features.of(columns)))

    def __repr__(self) -> str:
        """A line, not all samples."""
        return f"{type(self).__name__}({self.describe()})"

    def describe(self) -> str:
        """What it is, and which columns were left out, in words."""
        features = self._encoded[0]
        n_features = self.input_shape[0]
        told = f"{len(self):,} rows, {n_features:,} features of {features.n_columns:,} columns"
        left_out = {**self.columns.left_out, **features.left_out}
        shown = [f"{name!r} left out: {why}" for name, why in list(left_out.items())[:10]]
        if len(left_out) > len(shown):
            shown.append(f"{len(left_out) - len(shown):,} more left out")
        return "; ".join([told, *shown, *self.notes])
