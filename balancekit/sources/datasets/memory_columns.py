"""Columns of DataFrames of pandas and polars, and of data sets of Hugging Face in memory."""

from typing import Any

import numpy as np

from balancekit.labels.tables import LABEL_COLUMNS, is_huggingface, label_column
from balancekit.sources.datasets.columns import Column, Columns, column_of_cells, finite

__all__ = ["frame_columns", "is_frame"]


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


def _label_columns(
    data: Any, names: list[Any], label: str | tuple[str, ...] | None
) -> tuple[Any, ...]:
    """The columns that `read` takes the labels from."""
    if label is not None:
        return (label,) if isinstance(label, str) else label
    if is_huggingface(data):
        return (label_column(names, data.features, None),)
    return tuple(name for name in names if str(name).lower() in LABEL_COLUMNS)


def _column(library: str, data: Any, position: int, name: str) -> Column | None:
    if library == "pandas":
        series = data.iloc[:, position]
        kind = getattr(series.dtype, "kind", "O")
        if kind in "biuf" and not series.isna().any():
            return Column(name, numbers=finite(series.to_numpy(np.float64)))
        if kind == "M":
            days = series.astype("datetime64[s]").to_numpy().astype(np.int64) / 86_400
            return Column(name, numbers=np.where(series.isna(), np.nan, days))
        cells = [None if gone else c for c, gone in zip(series, series.isna(), strict=True)]
    elif library == "polars":
        cells = data.to_series(position).to_list()
    else:
        cells = list(data[data.column_names[position]])
    known = [cell for cell in cells if cell is not None]
    if not all(isinstance(cell, str | int | float | np.generic) for cell in known):
        dates = [getattr(cell, "toordinal", None) for cell in known]
        if not known or not all(dates):
            return None
        cells = [None if cell is None else cell.toordinal() for cell in cells]
    return column_of_cells(name, cells)
