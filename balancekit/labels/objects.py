"""Labels of objects in memory: lists, arrays, tensors, tables, and data sets by shape.

Data sets are recognised by the attributes that they have, never by import, and none of
their samples is loaded.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from balancekit.errors import DataError
from balancekit.labels.class_ids import as_class_ids
from balancekit.labels.concatenate import concatenate_labels
from balancekit.labels.labels import Labels
from balancekit.labels.numbers import classes_of_numbers, whole_floats

__all__ = ["labels_of"]

LABEL_ATTRIBUTES = ("targets", "_labels", "labels", "y")
PAIR_ATTRIBUTES = ("samples", "_samples", "imgs")
CONTAINERS = (list, tuple, set, frozenset, dict)
NO_SAMPLES = "labels: expected at least one sample, got none"
NO_LABELS = "labels: expected at least one label, got only missing ones"


def labels_of(data: object, label: str | tuple[str, ...] | None = None) -> Labels:
    """Labels of a list, array, tensor, Series, DataFrame, `Labels` or data set.

    Integers are class ids as they are: 0, 2, 2 has three classes, one of them empty, so
    that weights line up with logits. Whole floats are integers. Anything else is a name.

    Args:
        data: the object.
        label: column of a DataFrame.

    Raises:
        DataError: no labels can be told from it without loading samples, or they are the
            targets of a regression.
    """
    if isinstance(data, Labels):
        return data
    if type(data).__module__.partition(".")[0] == "pandas":
        return _labels_of_pandas(data, label)
    if isinstance(data, np.ndarray):
        return _labels_of_array(data)
    if callable(getattr(data, "detach", None)):  # a tensor, wherever it lives
        return _labels_of_tensor(data)
    if isinstance(data, list | tuple | range):
        return _labels_of_sequence(data)
    return _labels_of_dataset(data)


def _labels_of_sequence(data: Sequence[Any]) -> Labels:
    if not data:
        raise DataError(NO_SAMPLES)
    return _labels_of_names(_plain(item) for item in data)


def _plain(item: Any) -> Any:
    """One label of a list as a value of Python: arrays and tensors may hold one number."""
    holds_one = math.prod(getattr(item, "shape", ())) == 1
    if isinstance(item, CONTAINERS) or not holds_one:
        raise DataError(
            f"labels: expected one class a sample, got a list of {type(item).__name__}. "
            "For several classes a sample, give an array of 0 and 1, [n_samples, n_classes]."
        )
    return item.item() if hasattr(item, "item") else item


def _labels_of_names(names: Iterable[object]) -> Labels:
    labels = Labels.from_names(list(names))
    if not labels.class_names:
        raise DataError(NO_LABELS)
    return labels


def _labels_of_tensor(data: Any) -> Labels:
    values = data.detach().cpu()
    if str(values.dtype).startswith(("torch.bfloat16", "torch.float8")):
        values = values.float()  # numpy has no such dtype
    return _labels_of_array(np.asarray(values))


def _labels_of_array(array: NDArray[Any]) -> Labels:
    if array.ndim and not array.size:
        raise DataError(NO_SAMPLES)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim == 2:
        return _labels_of_indicators(array)
    if array.ndim != 1:
        raise DataError(f"labels: expected shape [n] or [n, n_classes], got {array.shape}")
    if array.dtype == np.bool_:
        return Labels.from_names([str(bool(item)) for item in array])
    if array.dtype.kind not in "iuf" or isinstance(array, np.ma.MaskedArray):
        return _labels_of_names(array.tolist())
    whole = whole_floats(array) if array.dtype.kind == "f" else (array, np.zeros(len(array), bool))
    class_ids, class_names = classes_of_numbers(*whole)
    if not class_names:
        raise DataError(NO_LABELS)
    return Labels(class_ids=class_ids, class_names=class_names)


def _labels_of_indicators(array: NDArray[Any]) -> Labels:
    if not np.isin(array, (0, 1)).all():
        raise DataError(
            f"labels: expected 0 and 1 in an array of shape {array.shape}, got values from "
            f"{array.min()} to {array.max()}. Soft labels have no counts."
        )
    rows, class_ids = np.nonzero(array)
    one_hot = np.array_equal(rows, np.arange(len(array)))
    return Labels(
        class_ids=as_class_ids(class_ids),
        class_names=tuple(map(str, range(array.shape[1]))),
        offsets=None if one_hot else np.searchsorted(rows, np.arange(len(array) + 1)),
    )


def _labels_of_pandas(data: Any, label: str | tuple[str, ...] | None) -> Labels:
    if data.ndim == 2:
        columns = list(data.columns)
        if label is None and len(columns) == 1:
            label = columns[0]
        if columns.count(label) != 1:
            raise DataError(
                f"DataFrame: expected one label column{f' {label!r}' if label else ''}, got "
                f"{columns}. Name it with label='COLUMN'."
            )
        data = data[label]
    categorical = getattr(data, "cat", data)
    if hasattr(categorical, "categories"):
        names = tuple(map(str, categorical.categories))
        return Labels(class_ids=np.asarray(categorical.codes), class_names=names)
    if data.dtype.kind in "iu" and not data.isna().any():
        return _labels_of_array(data.to_numpy(np.uint64 if data.dtype.kind == "u" else np.int64))
    return _labels_of_names(None if missing else item for item, missing in _with_na(data))


def _with_na(series: Any) -> Any:
    return zip(series.tolist(), series.isna().tolist(), strict=True)


def _labels_of_dataset(data: Any) -> Labels:
    """Labels of a data set by its shape: wrappers first, then its own attributes."""
    name = type(data).__name__
    if hasattr(data, "dataset") and hasattr(data, "indices"):  # Subset
        return labels_of(data.dataset).take(data.indices)
    if hasattr(data, "datasets") and hasattr(data, "cumulative_sizes"):  # ConcatDataset
        return _concatenated([labels_of(part) for part in data.datasets])
    if hasattr(data, "tensors"):  # TensorDataset
        return _labels_of_tensors(data.tensors, name)
    for attribute in LABEL_ATTRIBUTES:
        found = getattr(data, attribute, None)
        if found is not None and not callable(found) and _fits(found, data):
            return _named(labels_of(found), data)
    for attribute in PAIR_ATTRIBUTES:
        found = getattr(data, attribute, None)
        if isinstance(found, list) and found and isinstance(found[0], tuple):
            return _named(labels_of([pair[1] for pair in found]), data)
    raise DataError(
        f"{name}: expected labels that can be read without loading samples (an attribute "
        f"{', '.join(LABEL_ATTRIBUTES + PAIR_ATTRIBUTES)}, or tensors), got none. "
        "Pass the labels themselves: a list, array or tensor, one a sample."
    )


def _labels_of_tensors(tensors: Sequence[Any], name: str) -> Labels:
    if len(tensors) < 2:  # features alone, even where they are 0 and 1
        raise DataError(
            f"{name}: expected labels as the last of at least 2 tensors, got {len(tensors)} "
            "tensor. Pass the labels themselves: a list, array or tensor, one a sample."
        )
    return labels_of(tensors[-1])


def _fits(found: Any, data: Any) -> bool:
    """Whether there is one label a sample: `labels` may also be the names of the classes."""
    return not (hasattr(data, "__len__") and hasattr(found, "__len__")) or len(found) == len(data)


def _named(labels: Labels, data: Any) -> Labels:
    """The labels with the class names that the data set knows, where they fit."""
    classes = getattr(data, "classes", None)
    numbered = labels.class_names == tuple(map(str, range(labels.n_classes)))
    if not isinstance(classes, list | tuple) or not numbered or len(classes) < labels.n_classes:
        return labels
    if len(set(map(str, classes))) != len(classes):
        return labels
    return Labels(
        class_ids=labels.class_ids,
        class_names=tuple(map(str, classes)),
        offsets=labels.offsets,
        sample_ids=labels.sample_ids,
        media=labels.media,
    )


def _concatenated(parts: Sequence[Labels]) -> Labels:
    """Parts of a ConcatDataset, whose targets count the same classes."""
    longest = max(parts, key=lambda part: part.n_classes)
    for part in parts:
        if part.values is None and part.class_names != longest.class_names[: part.n_classes]:
            raise DataError(
                "ConcatDataset: expected parts with the same classes, got "
                f"{longest.class_names[:5]} and {part.class_names[:5]}"
            )
    return concatenate_labels(parts, longest.class_names)
