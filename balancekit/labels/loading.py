"""Labels of data sets whose samples must be loaded for it: the last resort."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np

from balancekit.errors import BalancekitWarning, DataError
from balancekit.labels.arrays import labels_of_array, labels_of_sequence, tensor_as_array
from balancekit.labels.labels import Labels, Task
from balancekit.labels.objects import named_as_in
from balancekit.labels.tables import (
    LABEL_COLUMNS,
    is_huggingface,
    label_column,
    labels_of_feature,
)

__all__ = ["loaded_labels"]

MOST_STREAMED = 1_000_000
"""Samples after which a stream without a length is given up: it may have no end."""


def loaded_labels(
    data: Any, label: str | tuple[str, ...] | None = None, task: Task | None = None
) -> Labels:
    """Labels of a data set, every sample of which is loaded once, with a warning.

    The label of a sample is its last element, or what stands under `label`, `target` or
    the like; a target with boxes and labels is that of a detection.

    Args:
        data: anything with a length and samples by index, or that can be iterated. A stream
            without a length is given up after a million samples.
        label: key of the label in samples that are dicts.
        task: "regression" takes numbers as values.

    Raises:
        DataError: samples cannot be loaded, carry no label, or never end.
    """
    name = type(data).__name__
    length = _length(data)
    if length is not None:
        _warn(f"{name}: no attribute gives its labels, so all {length} samples are loaded for them")
    feature = None
    if is_huggingface(data):
        data, label = _only_labels(data, label)
        feature = (data.features or {}).get(label)
    found = [_label_of(sample, name, label) for sample in _samples(data, name, length)]
    if length is None:
        _warn(f"{name}: no attribute gives its labels, so {len(found)} samples were loaded")
    if feature is not None:
        return labels_of_feature(found, feature, task)
    return named_as_in(_labels_of_found(found, task), data)


def _warn(what: str) -> None:
    warnings.warn(
        f"{what}. Give it an attribute such as targets, or pass the labels themselves.",
        BalancekitWarning,
        stacklevel=5,
    )


def _length(data: Any) -> int | None:
    try:
        return len(data)
    except (TypeError, NotImplementedError):
        return None


def _samples(data: Any, name: str, length: int | None) -> Iterator[Any]:
    """Each sample once; errors of the data set tell which sample they are of."""
    by_index = length is not None and hasattr(data, "__getitem__")
    position = 0
    try:
        if by_index:
            assert length is not None
            for position in range(length):
                yield data[position]
            return
        for position, sample in enumerate(islice(iter(data), MOST_STREAMED + 1)):
            if position == MOST_STREAMED:
                raise DataError(
                    f"{name}: expected a data set that ends, got a stream of more than "
                    f"{MOST_STREAMED} samples. Pass the labels themselves."
                )
            yield sample
    except (DataError, MemoryError):
        raise
    except Exception as error:  # whatever the code of a data set raises
        raise DataError(f"{name}: sample {position} cannot be loaded: {error!r}") from None


def _only_labels(data: Any, label: str | tuple[str, ...] | None) -> tuple[Any, str | None]:
    """A stream of Hugging Face without the columns that are costly to decode."""
    columns = data.column_names or list(data.features or ())
    if not columns:  # known only once a sample is seen
        return data, label if isinstance(label, str) else None
    column = label_column(columns, data.features, label)
    return data.select_columns([column]), column


def _label_of(sample: Any, name: str, label: str | tuple[str, ...] | None) -> Any:
    if isinstance(sample, Mapping):
        if label is None and "boxes" in sample and "labels" in sample:
            return sample  # a target of a detection, which carries its picture or none
        wanted = (label,) if isinstance(label, str) else LABEL_COLUMNS
        for key in wanted:
            if key in sample:
                return sample[key]
        raise DataError(
            f"{name}: expected a label under one of {', '.join(wanted)} in each sample, got the "
            f"keys {list(map(str, sample))[:12]}. Name it with label='KEY'."
        )
    if isinstance(sample, tuple | list) and len(sample) > 1:
        return sample[-1]
    for key in ("y", "label"):
        if (found := getattr(sample, key, None)) is not None:
            return found
    raise DataError(
        f"{name}: expected samples (…, label) or with a key such as label, got "
        f"{type(sample).__name__}. Pass the labels themselves."
    )


def _labels_of_found(found: Sequence[Any], task: Task | None) -> Labels:
    if found and all(isinstance(item, Mapping) and "labels" in item for item in found):
        try:
            return _labels_of_detections(found)
        except (ValueError, TypeError) as error:
            raise DataError(
                "labels: expected targets with whole numbers under labels [k] and boxes [k, 4], "
                f"got others: {error}"
            ) from None
    arrays = [_as_array(item) for item in found]
    vectors = [array for array in arrays if array is not None and array.size > 1]
    if vectors and len(vectors) == len(found) and len({array.shape for array in vectors}) == 1:
        return labels_of_array(np.stack(vectors), task)
    return labels_of_sequence(found, task)


def _as_array(item: Any) -> Any:
    if callable(getattr(item, "detach", None)):
        return tensor_as_array(item)
    if isinstance(item, np.ndarray):
        return item
    return np.asarray(item) if isinstance(item, list) and item else None


def _labels_of_detections(targets: Sequence[Mapping[str, Any]]) -> Labels:
    """Labels of targets with `labels` [k] and, if there are any, `boxes` [k, 4] as corners."""
    ids = [np.asarray(_numbers(target["labels"]), np.int64).ravel() for target in targets]
    boxes = [_numbers(target["boxes"]) for target in targets if "boxes" in target]
    entries = labels_of_array(np.concatenate([*ids, [0]]))  # one more, as there may be none
    sizes = None
    if len(boxes) == len(targets):
        corners = [np.asarray(box, np.float64).reshape(-1, 4) for box in boxes]
        flat = np.concatenate(corners)
        if list(map(len, corners)) == list(map(len, ids)):
            sizes = (flat[:, 2] - flat[:, 0]) * (flat[:, 3] - flat[:, 1])
    return Labels(
        class_ids=entries.class_ids[:-1],
        class_names=entries.class_names,
        offsets=np.array([0, *np.cumsum(list(map(len, ids)))], np.int64),
        sizes=sizes,
        task="detection",
    )


def _numbers(values: Any) -> Any:
    if callable(getattr(values, "detach", None)):
        return tensor_as_array(values)
    return values
