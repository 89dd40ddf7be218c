"""Labels of tables in memory: pandas, polars, and data sets of Hugging Face."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from balancekit.errors import DataError
from balancekit.labels.arrays import (
    labels_of_array,
    labels_of_indicators,
    labels_of_names,
    labels_of_sequence,
)
from balancekit.labels.class_ids import UNLABELLED, class_name_of, is_missing, sort_class_names
from balancekit.labels.labels import Labels, Task

__all__ = [
    "LABEL_COLUMNS",
    "is_huggingface",
    "is_table",
    "label_cells",
    "label_column",
    "labels_of_feature",
    "labels_of_huggingface",
    "labels_of_lists",
    "labels_of_pandas",
    "labels_of_polars",
]

Wanted = str | tuple[str, ...] | None

LABEL_COLUMNS = ("label", "labels", "target", "targets", "class", "y")


def is_table(data: object) -> bool:
    """Whether an object is a table of pandas, polars or Hugging Face, or a column of one."""
    library = type(data).__module__.partition(".")[0]
    if library == "polars":
        return hasattr(data, "clone") and not hasattr(data, "collect")
    return library == "pandas" or (is_huggingface(data) and hasattr(data, "__len__"))


def label_cells(data: Any, label: Wanted) -> tuple[str, list[Any]]:
    """Name and cells of the one label column of a table, None where a cell is missing.

    Args:
        data: as `is_table` takes it.
        label: name of the column; found by its name if not given.

    Raises:
        DataError: there is no such column.
    """
    if is_huggingface(data):
        column = label_column(data.column_names, data.features, label)
        cells = data.select_columns([column]).with_format("arrow")[:].column(column).to_pylist()
        names = getattr(data.features[column], "names", None)
        return column, cells if names is None else [_name_of(cell, names) for cell in cells]
    if hasattr(data, "columns"):
        columns = list(data.columns)
        wanted = label[0] if isinstance(label, tuple) and len(label) == 1 else label
        wanted = _column_by_name(columns) if wanted is None else wanted
        if columns.count(wanted) != 1:
            raise DataError(_no_column_message("DataFrame", label, columns))
        data = data[wanted]
    name = str(getattr(data, "name", None) or "label")
    if not hasattr(data, "isna"):  # polars
        return name, data.to_list()
    with_na = zip(data.tolist(), data.isna().tolist(), strict=True)
    return name, [None if missing else cell for cell, missing in with_na]


def _name_of(class_id: int | None, names: Sequence[str]) -> str | None:
    """The name of a declared class; -1 and null are missing ones."""
    return None if class_id is None or class_id < 0 else names[class_id]


def labels_of_pandas(data: Any, label: Wanted, task: Task | None) -> Labels:
    """Labels of a Series, or of one or several columns of a DataFrame.

    Raises:
        DataError: there is no such column, or it holds no labels.
    """
    if data.ndim == 2:
        columns = list(data.columns)
        if isinstance(label, tuple) and label not in columns:
            lacking = [name for name in label if columns.count(name) != 1]
            if lacking or not label:
                raise DataError(_no_column_message("DataFrame", label, columns))
            return labels_of_indicators(
                np.column_stack([data[name].to_numpy() for name in label]), list(map(str, label))
            )
        if label is None:
            label = _column_by_name(columns)
        if columns.count(label) != 1:
            raise DataError(_no_column_message("DataFrame", label, columns))
        data = data[label]
    categorical = getattr(data, "cat", data)
    if hasattr(categorical, "categories") and task != "regression":
        names = tuple(map(str, categorical.categories))
        return Labels(class_ids=np.asarray(categorical.codes), class_names=names)
    if data.dtype.kind in "iu" and not data.isna().any():
        values = data.to_numpy(np.uint64 if data.dtype.kind == "u" else np.int64)
        return labels_of_array(values, task)
    if data.dtype == object and any(isinstance(item, LISTS) for item in data):
        return labels_of_lists([_as_list(item) for item in data], None, task)
    with_na = zip(data.tolist(), data.isna().tolist(), strict=True)
    return labels_of_names((None if missing else item for item, missing in with_na), task)


def labels_of_polars(data: Any, label: Wanted, task: Task | None) -> Labels:
    """Labels of a Series, or of one or several columns of a DataFrame, of polars.

    Raises:
        DataError: there is no such column, or it holds no labels.
    """
    if hasattr(data, "collect"):
        raise DataError("LazyFrame: expected a table, got the plan of one. Give data.collect().")
    if not hasattr(data, "columns"):
        return _of_polars_column(data, task)
    columns = list(data.columns)
    wanted = label if isinstance(label, tuple) else (label,)
    if label is None and (found := _column_by_name(columns)) is not None:
        wanted = (found,)
    if not wanted or any(name not in columns for name in wanted):
        raise DataError(_no_column_message("DataFrame", label, columns))
    if len(wanted) > 1:
        return labels_of_indicators(
            np.column_stack([data[name].to_numpy() for name in wanted]), list(map(str, wanted))
        )
    return _of_polars_column(data[wanted[0]], task)


def _of_polars_column(column: Any, task: Task | None) -> Labels:
    cells = column.to_list()
    if any(isinstance(cell, list) for cell in cells):
        return labels_of_lists(cells, None, task)
    kind: Any = getattr(column, "dtype", None)
    if type(kind).__name__ == "Enum" and task != "regression":  # which declares its classes
        names = tuple(map(str, kind.categories))
        id_of = {name: i for i, name in enumerate(names)}
        ids = np.array([id_of.get(cell, UNLABELLED) for cell in cells], np.int32)
        return Labels(class_ids=ids, class_names=names)
    return labels_of_sequence(cells, task)


LISTS = (list, tuple, set, frozenset, np.ndarray)


def _as_list(item: Any) -> list[Any] | None:
    """The classes of a sample; one alone is a list of it."""
    if isinstance(item, LISTS):
        return sorted(item, key=str) if isinstance(item, set | frozenset) else list(item)
    return None if is_missing(item) else [item]


def _column_by_name(columns: Sequence[Any]) -> Any:
    """The one column, or the only one that is named as labels are; None if it is not plain."""
    if len(columns) == 1:
        return columns[0]
    found = [name for name in columns if isinstance(name, str) and name.lower() in LABEL_COLUMNS]
    # A lone y may stand beside x, and be no label.
    return found[0] if len(found) == 1 and found[0].lower() != "y" else None


def _no_column_message(where: str, label: object, columns: Sequence[object]) -> str:
    return (
        f"{where}: expected one label column{f' {label!r}' if label else ''}, got "
        f"{list(columns)}. Name it with label='COLUMN'."
    )


# --- Hugging Face -------------------------------------------------------------------------------


def is_huggingface(data: object) -> bool:
    """Whether an object has the shape of a `datasets.Dataset`, or of a stream of one."""
    return hasattr(data, "features") and hasattr(data, "select_columns")


def label_column(columns: Sequence[str], features: Any, label: Wanted) -> str:
    """The column of a data set that carries the labels: named, or found.

    Raises:
        DataError: there is none, or several are named.
    """
    if isinstance(label, tuple) and len(label) == 1:
        label = label[0]
    if label is None:
        lowered = {name.lower(): name for name in reversed(columns)}
        classes = [n for n in columns if getattr(_inner(dict(features or {}).get(n)), "names", 0)]
        found = [lowered[name] for name in LABEL_COLUMNS if name in lowered]
        # A column of declared classes before one that is only called so.
        label = next((name for name in [*found, *classes] if name in classes), None)
        label = label or next(iter(found), None)
    if not isinstance(label, str) or label not in columns:
        raise DataError(_no_column_message("Dataset", label, columns))
    return label


def labels_of_huggingface(data: Any, label: Wanted, task: Task | None) -> Labels:
    """Labels of a `datasets.Dataset`, as it is shuffled and selected; no picture is decoded.

    Raises:
        DataError: there is no such column, or it holds no labels.
    """
    if isinstance(label, tuple) and len(label) > 1:
        lacking = [name for name in label if name not in data.column_names]
        if lacking:
            raise DataError(_no_column_message("Dataset", label, data.column_names))
        table = data.select_columns(list(label)).with_format("arrow")[:]
        columns = [table.column(name).to_numpy() for name in label]
        return labels_of_indicators(np.column_stack(columns), label)
    column = label_column(data.column_names, data.features, label)
    feature = data.features[column]
    # With the format, as the table beneath knows nothing of shuffle and select.
    values = data.select_columns([column]).with_format("arrow")[:].column(column)
    if getattr(feature, "names", None) is not None:
        return _of_ids(values.to_numpy(), feature.names)
    return labels_of_feature(values.to_pylist(), feature, task)


def labels_of_feature(values: Sequence[Any], feature: Any, task: Task | None) -> Labels:
    """Labels of the values of a column, by its feature."""
    if getattr(feature, "names", None) is not None:
        return _of_ids(values, feature.names)
    if _inner(feature) is not feature:
        return labels_of_lists(values, getattr(_inner(feature), "names", None), task)
    return labels_of_names(values, task)


def _inner(feature: Any) -> Any:
    """What a list of a feature holds; the feature itself if it is no list."""
    if isinstance(feature, list) and len(feature) == 1:
        return feature[0]
    return getattr(feature, "feature", feature)


def _of_ids(values: Any, names: Sequence[str]) -> Labels:
    """Labels of declared classes; -1 and null are missing ones."""
    numbers = np.nan_to_num(np.asarray(values, np.float64), nan=UNLABELLED).astype(np.int64)
    return Labels(class_ids=np.where(numbers < 0, UNLABELLED, numbers), class_names=tuple(names))


def labels_of_lists(
    rows: Sequence[Sequence[Any] | None], names: Sequence[str] | None, task: Task | None
) -> Labels:
    """Labels of a list a sample: of its classes, or of 0 and 1 for each class.

    Args:
        rows: the lists; None is an empty one.
        names: of the classes by number, where they are declared.
        task: "regression" takes lists of one number as values.

    Raises:
        DataError: they hold numbers that are not whole.
    """
    lengths = np.array([0 if row is None else len(row) for row in rows], np.int64)
    cells = [cell for row in rows if row for cell in row]
    if names is None and set(lengths.tolist()) == {1}:
        return labels_of_names(cells, task)
    if names is None and len(set(lengths.tolist())) == 1 and set(cells) <= {0, 1}:
        return labels_of_indicators(np.array(cells, np.int64).reshape(len(rows), -1))
    ids: Sequence[Any] = cells
    if any(isinstance(cell, float) and not cell.is_integer() for cell in cells):
        raise DataError(
            "labels: expected classes in lists, got numbers that are not whole. Soft labels and "
            "vectors have no counts."
        )
    if names is None:
        texts = [class_name_of(cell) for cell in cells]
        names = sort_class_names(set(texts))
        id_of = {name: i for i, name in enumerate(names)}
        ids = [id_of[text] for text in texts]
    return Labels(
        class_ids=np.array(ids, np.int64),
        class_names=tuple(names),
        offsets=np.concatenate([[0], np.cumsum(lengths)]),
    )
