"""Labels of objects in memory: lists, arrays, tensors, tables, and data sets by shape.

Data sets are recognised by the attributes that they have, never by import, and none of
their samples is loaded.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from balancekit.errors import DataError
from balancekit.labels.arrays import labels_of_array, labels_of_sequence, labels_of_tensor
from balancekit.labels.concatenate import concatenate_labels
from balancekit.labels.labels import Labels, Task
from balancekit.labels.tables import (
    is_huggingface,
    labels_of_huggingface,
    labels_of_lists,
    labels_of_pandas,
    labels_of_polars,
)

__all__ = ["find_labels", "labels_of", "named_as_in"]

LABEL_ATTRIBUTES = ("targets", "_labels", "labels", "y", "attr")
PAIR_ATTRIBUTES = ("samples", "_samples", "imgs")
Wanted = str | tuple[str, ...] | None


def labels_of(data: object, label: Wanted = None, *, task: Task | None = None) -> Labels:
    """Labels of a list, array, tensor, Series, DataFrame, `Labels` or data set.

    Integers are class ids as they are: 0, 2, 2 has three classes, one of them empty, so
    that weights line up with logits. Whole floats are integers; numbers that are not whole
    are the targets of a regression. Anything else is a name.

    Args:
        data: the object.
        label: column of a table, or several of 0 and 1.
        task: "regression" takes whole numbers as values, "classification" refuses others.

    Raises:
        DataError: no labels can be told from it without loading samples, or they are not
            what the task needs.
    """
    if isinstance(data, str | os.PathLike):
        raise DataError(
            f"{data}: expected labels, got a path or name. For the labels of files write "
            f"balancekit.read({os.fspath(data)!r})."
        )
    found = find_labels(data, label, task=task)
    if found is None:
        raise DataError(
            f"{type(data).__name__}: expected labels that can be read without loading samples "
            f"(an attribute {', '.join(LABEL_ATTRIBUTES + PAIR_ATTRIBUTES)}, or tensors), got "
            "none. Pass the labels themselves: a list, array or tensor, one a sample."
        )
    return found


def find_labels(data: object, label: Wanted = None, *, task: Task | None = None) -> Labels | None:
    """What `labels_of` gives; None where only loading samples could tell.

    Raises:
        DataError: there are labels that cannot be used.
    """
    if isinstance(data, Labels):
        return data
    if isinstance(own := getattr(data, "labels", None), Labels):  # a data set of ours
        return own
    library = type(data).__module__.partition(".")[0]
    if library == "pandas":
        return labels_of_pandas(data, label, task)
    if library == "polars" and hasattr(data, "clone"):
        return labels_of_polars(data, label, task)
    if isinstance(data, np.ndarray):
        return labels_of_array(data, task)
    if callable(getattr(data, "detach", None)):  # a tensor, wherever it lives
        return labels_of_tensor(data, task)
    if isinstance(data, list | tuple) and _are_label_lists(data):
        return labels_of_lists(list(map(_in_order, data)), None, task)
    if isinstance(data, list | tuple | range):
        return labels_of_sequence(data, task)
    if isinstance(data, Mapping):
        splits = ", ".join(f"data[{key!r}]" for key in list(data)[:4])
        raise DataError(
            f"{type(data).__name__}: expected one data set, got several by name. Give one of "
            f"them{f', such as {splits}' if splits else ''}."
        )
    if is_huggingface(data):
        is_stream = not hasattr(data, "__len__")
        return None if is_stream else labels_of_huggingface(data, label, task)
    return _labels_of_dataset(data, task)


def _in_order(row: Any) -> list[Any]:
    """The classes of a sample; a set has none of its own."""
    return sorted(row, key=str) if isinstance(row, set | frozenset) else row


def _are_label_lists(data: Sequence[Any]) -> bool:
    """Whether each item lists the classes of a sample; a tuple may be a sample with its label."""
    if not data or not all(isinstance(row, list | set | frozenset) for row in data):
        return False
    cells = [cell for row in data for cell in row]
    # Not both, as in pairs of a path and a class.
    return bool(cells) and any(
        all(isinstance(cell, kind) for cell in cells) for kind in (str, (int, np.integer))
    )


def _labels_of_dataset(data: Any, task: Task | None) -> Labels | None:
    """Labels of a data set by its shape: wrappers first, then its own attributes."""
    if hasattr(data, "dataset") and hasattr(data, "collate_fn"):  # DataLoader
        raise DataError(
            f"{type(data).__name__}: expected a data set, got a loader of batches. Give its own: "
            "loader.dataset."
        )
    if hasattr(data, "dataset") and hasattr(data, "indices"):  # Subset
        whole = find_labels(data.dataset, task=task)
        return None if whole is None else whole.take(data.indices)
    if hasattr(data, "datasets") and hasattr(data, "cumulative_sizes"):  # ConcatDataset
        parts = [find_labels(part, task=task) for part in data.datasets]
        known = [part for part in parts if part is not None]
        return _concatenated(known) if len(known) == len(parts) and known else None
    if hasattr(data, "tensors"):  # TensorDataset
        return _labels_of_tensors(data.tensors, type(data).__name__, task)
    for attribute in LABEL_ATTRIBUTES:
        found = _attribute(data, attribute)
        if found is not None and not callable(found) and _fits(found, data):
            return named_as_in(labels_of(found, task=task), data)
    for attribute in PAIR_ATTRIBUTES:
        found = _attribute(data, attribute)
        if isinstance(found, list) and found and isinstance(found[0], tuple):
            return named_as_in(labels_of([pair[1] for pair in found], task=task), data)
    return None


def _attribute(data: Any, name: str) -> Any:
    """An attribute; None if it is not there, or fails: then it tells nothing."""
    try:
        return getattr(data, name, None)
    except Exception:  # whatever the code of a data set raises
        return None


def _labels_of_tensors(tensors: Sequence[Any], name: str, task: Task | None) -> Labels:
    if len(tensors) < 2:  # features alone, even where they are 0 and 1
        raise DataError(
            f"{name}: expected labels as the last of at least 2 tensors, got {len(tensors)} "
            "tensor. Pass the labels themselves: a list, array or tensor, one a sample."
        )
    return labels_of(tensors[-1], task=task)


def _fits(found: Any, data: Any) -> bool:
    """Whether there is one label a sample: `labels` may also be the names of the classes."""
    return not (hasattr(data, "__len__") and hasattr(found, "__len__")) or len(found) == len(data)


def named_as_in(labels: Labels, data: Any) -> Labels:
    """The labels with the class names that the data set knows, where they fit."""
    names = _class_names(data)
    numbered = labels.class_names == tuple(map(str, range(labels.n_classes)))
    if labels.values is not None or not numbered or len(names) < labels.n_classes:
        return labels
    return labels if len(set(names)) != len(names) else replace(labels, class_names=names)


def _class_names(data: Any) -> tuple[str, ...]:
    """Names of the classes that a data set knows, in the order of their ids."""
    classes = getattr(data, "classes", None)
    if isinstance(classes, list | tuple):
        return tuple(map(str, classes))
    ids = getattr(data, "class_to_idx", None)
    if isinstance(ids, Mapping) and sorted(map(str, ids.values())) == sorted(
        map(str, range(len(ids)))
    ):
        return tuple(str(name) for name, _ in sorted(ids.items(), key=lambda item: item[1]))
    columns = getattr(data, "attr_names", None)
    if isinstance(columns, list | tuple):  # CelebA's list ends with an empty name
        return tuple(str(name) for name in columns if name)
    return ()


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
