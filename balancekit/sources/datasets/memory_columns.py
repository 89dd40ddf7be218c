"""Columns of DataFrames of pandas and polars, and of data sets of Hugging Face in memory."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from balancekit.labels.tables import LABEL_COLUMNS, is_huggingface, label_column
from balancekit.sources.datasets.columns import (
    Column,
    Columns,
    Kind,
    column_of_cells,
    finite,
    number_of,
)
from balancekit.sources.datasets.known_columns import column_of_kind, refuse_lacking

__all__ = ["frame_columns", "frame_columns_of_kinds", "is_frame"]


def is_frame(data: Any) -> bool:
    """Whether an object is a DataFrame, or a data set of Hugging Face with a length."""
    library = type(data).__module__.partition(".")[0]
    is_hub = library == "datasets" and hasattr(data, "column_names") and hasattr(data, "__len__")
    return is_hub or (library in ("pandas", "polars") and hasattr(data, "columns"))


def frame_columns(data: Any, label: str | tuple[str, ...] | None) -> Columns:
    """The columns beside the labels.

    Args:
        data: as `is_frame` takes it.
        label: names of the label columns, as for `read`.
    """
    library = type(data).__module__.partition(".")[0]
    names = list(data.column_names if library == "datasets" else data.columns)
    labels = _label_columns(data, names, label)
    columns, left_out = [], {}
    for i, name in enumerate(names):
        if name in labels:
            continue
        # By position, as a DataFrame may hold a name twice.
        column = _column(library, data, i, str(name))
        if column is None:
            left_out[str(name)] = "its cells are neither numbers nor text"
        else:
            columns.append(column)
    return Columns(tuple(columns), left_out)


def frame_columns_of_kinds(data: Any, kinds: Mapping[str, Kind]) -> Columns:
    """The columns of a training part, in its order, whatever else a DataFrame holds.

    Args:
        data: as `is_frame` takes it.
        kinds: of the columns, by name.

    Raises:
        DataError: a column is missing, or its cells are of another kind.
    """
    library = type(data).__module__.partition(".")[0]
    names = [str(n) for n in (data.column_names if library == "datasets" else data.columns)]
    refuse_lacking(kinds, names)
    columns = (_column(library, data, names.index(name), name, kinds[name]) for name in kinds)
    return Columns(tuple(column for column in columns if column is not None))


def _label_columns(
    data: Any, names: list[Any], label: str | tuple[str, ...] | None
) -> tuple[Any, ...]:
    """The columns that `read` takes the labels from."""
    if label is not None:
        return label if isinstance(label, tuple) else (label,)  # pandas takes numbers as names
    if is_huggingface(data):
        return (label_column(names, data.features, None),)
    return tuple(name for name in names if str(name).lower() in LABEL_COLUMNS)


def _column(
    library: str, data: Any, position: int, name: str, kind: Kind | None = None
) -> Column | None:
    """A column; of the kind that is given, or that its cells tell; None if they are of none."""
    if library == "pandas":
        series = data.iloc[:, position]
        of_array = getattr(series.dtype, "kind", "O")
        if of_array in "biuf" and kind in (None, "number") and not series.isna().any():
            return Column(name, numbers=finite(series.to_numpy(np.float64)))
        if of_array == "M" and kind in (None, "day"):
            plain = series if series.dt.tz is None else series.dt.tz_convert(None)
            days = plain.astype("datetime64[s]").to_numpy().astype(np.int64) / 86_400
            return Column(name, numbers=np.where(series.isna(), np.nan, days), are_days=True)
        cells = [None if gone else c for c, gone in zip(series, series.isna(), strict=True)]
    elif library == "polars":
        cells = data.to_series(position).to_list()
    else:
        cells = list(data[data.column_names[position]])
    if kind is not None:
        return column_of_kind(name, cells, kind)
    known = [cell for cell in cells if cell is not None]
    if all(isinstance(cell, str | int | float | np.generic) for cell in known):
        return column_of_cells(name, cells)
    are_days = all(not isinstance(c, str) and number_of(c, "day") is not None for c in known)
    return column_of_cells(name, cells, "day") if are_days else None
