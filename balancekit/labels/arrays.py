"""Labels of lists, arrays and tensors of labels."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from balancekit.errors import DataError
from balancekit.labels.class_ids import as_class_ids, is_missing
from balancekit.labels.labels import Labels, Task
from balancekit.labels.numbers import are_targets, classes_of_numbers, whole_floats

__all__ = [
    "NO_LABELS",
    "labels_of_array",
    "labels_of_indicators",
    "labels_of_names",
    "labels_of_sequence",
    "labels_of_tensor",
    "tensor_as_array",
]

CONTAINERS = (list, tuple, set, frozenset, dict)
NO_SAMPLES = "labels: expected at least one sample, got none"
NO_LABELS = "labels: expected at least one label, got only missing ones"


def labels_of_sequence(data: Sequence[Any], task: Task | None = None) -> Labels:
    """Labels of a list of labels, one a sample.

    Raises:
        DataError: it is empty, or holds several labels a sample.
    """
    if not len(data):
        raise DataError(NO_SAMPLES)
    return labels_of_names((_plain(item) for item in data), task)


def _plain(item: Any) -> Any:
    """One label of a list as a value of Python: arrays and tensors may hold one number."""
    holds_one = math.prod(getattr(item, "shape", ())) == 1
    if isinstance(item, CONTAINERS) or not holds_one:
        raise DataError(_not_one_message(item))
    return item.item() if hasattr(item, "item") else item


def _not_one_message(item: object) -> str:
    hint = (
        " Of a list of samples (input, label), give the labels as well: labels=[…]."
        if isinstance(item, tuple)
        else ""
    )
    return (
        f"labels: expected one class a sample, got a list of {type(item).__name__}. For several "
        f"classes a sample, give an array of 0 and 1, [n_samples, n_classes].{hint}"
    )


def labels_of_names(names: Iterable[object], task: Task | None = None) -> Labels:
    """Labels of one value a sample: classes, or the targets of a regression.

    Raises:
        DataError: all are missing, or they are not what the task needs.
    """
    listed = list(names)
    several = next((item for item in listed if isinstance(item, (*CONTAINERS, np.ndarray))), None)
    if several is not None:
        raise DataError(_not_one_message(several))
    if task == "regression" or (task is None and are_targets(listed)):
        return _labels_of_values(listed)
    labels = Labels.from_names(listed)
    if not labels.class_names:
        raise DataError(NO_LABELS)
    return labels


def _labels_of_values(values: Sequence[object]) -> Labels:
    try:
        # What is no number raises, which is told below.
        numbers = [math.nan if is_missing(value) else float(value) for value in values]  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError) as error:
        raise DataError(f"labels: expected numbers for a regression: {error}") from None
    if all(map(math.isnan, numbers)):
        raise DataError(NO_LABELS)
    return Labels.from_values(numbers)


def tensor_as_array(data: Any) -> NDArray[Any]:
    """The values of a tensor, wherever it lives."""
    values = data.detach().cpu()
    if str(values.dtype).startswith(("torch.bfloat16", "torch.float8")):
        values = values.float()  # numpy has no such dtype
    return np.asarray(values)


def labels_of_tensor(data: Any, task: Task | None = None) -> Labels:
    """Labels of a tensor of labels."""
    return labels_of_array(tensor_as_array(data), task)


def labels_of_array(array: NDArray[Any], task: Task | None = None) -> Labels:
    """Labels of an array: [n] or [n, 1] classes or targets, [n, n_classes] 0 and 1.

    Raises:
        DataError: the shape is another, or the values are not what the task needs.
    """
    if array.ndim and not array.size:
        raise DataError(NO_SAMPLES)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim == 2:
        return labels_of_indicators(array)
    if array.ndim != 1:
        raise DataError(f"labels: expected shape [n] or [n, n_classes], got {array.shape}")
    if array.dtype.kind not in "biuf" or isinstance(array, np.ma.MaskedArray):
        return labels_of_names(array.tolist(), task)
    if task == "regression" or (task is None and _are_targets(array)):
        values = array.astype(np.float64)
        if np.isnan(values).all():
            raise DataError(NO_LABELS)
        return Labels.from_values(values)
    if array.dtype == np.bool_:
        return Labels.from_names([str(bool(item)) for item in array])
    whole = whole_floats(array) if array.dtype.kind == "f" else (array, np.zeros(len(array), bool))
    class_ids, class_names = classes_of_numbers(*whole)
    if not class_names:
        raise DataError(NO_LABELS)
    return Labels(class_ids=class_ids, class_names=class_names)


def _are_targets(array: NDArray[Any]) -> bool:
    """Whether an array holds numbers that are not whole; infinity alone makes no target."""
    return array.dtype.kind == "f" and bool(np.any(np.isfinite(array) & (array != np.floor(array))))


def labels_of_indicators(array: NDArray[Any], names: Sequence[str] | None = None) -> Labels:
    """Labels of an array [n, n_classes] of 0 and 1: one class a sample if each row has one.

    Raises:
        DataError: other values are in it.
    """
    if array.dtype.kind not in "biuf" or not np.isin(array, (0, 1)).all():
        got = f"values from {array.min()} to {array.max()}" if array.dtype.kind in "iuf" else "text"
        raise DataError(
            f"labels: expected 0 and 1 in an array of shape {array.shape}, got {got}. "
            "Soft labels have no counts."
        )
    rows, class_ids = np.nonzero(array)
    one_hot = np.array_equal(rows, np.arange(len(array)))
    return Labels(
        class_ids=as_class_ids(class_ids),
        class_names=tuple(names or map(str, range(array.shape[1]))),
        offsets=None if one_hot else np.searchsorted(rows, np.arange(len(array) + 1)),
    )
