"""Labels as the targets that a loss takes."""

import numpy as np
from numpy.typing import NDArray

from balancekit.errors import DataError
from balancekit.labels import Labels

__all__ = ["n_outputs_of", "target_of", "targets_of"]

TRAINED = ("classification", "multilabel", "regression")
"""Tasks whose answer is about a whole sample."""


def targets_of(labels: Labels) -> NDArray[np.generic]:
    """Targets of all samples, as compact as they can be.

    int64 [n] class ids, -1 where the label is missing; uint8 [n, n_classes] of 0 and 1 for
    several classes a sample; float32 [n] values, NaN where missing.

    Raises:
        DataError: the labels are those of boxes, masks or key points.

    >>> targets_of(Labels.from_names(["b", "a", None])).tolist()
    [1, 0, -1]
    """
    if labels.task not in TRAINED:
        raise DataError(
            f"labels: expected one answer a sample ({', '.join(TRAINED)}), got {labels.task} "
            "data. Read which classes each sample shows with task='multilabel' (--task "
            "multilabel), or give a data set and a model of your own."
        )
    if labels.values is not None:
        return labels.values.astype(np.float32)
    if labels.offsets is None:
        return labels.class_ids.astype(np.int64)
    targets = np.zeros((labels.n_samples, labels.n_classes), np.uint8)
    targets[np.repeat(np.arange(labels.n_samples), np.diff(labels.offsets)), labels.class_ids] = 1
    return targets


def target_of(targets: NDArray[np.generic], index: int) -> int | np.float32 | NDArray[np.float32]:
    """The target of one sample: a class id, a value, or float32 [n_classes] of 0 and 1."""
    target = targets[index]
    if targets.ndim == 2:
        return np.asarray(target, np.float32)
    return np.float32(target) if targets.dtype == np.float32 else int(target)


def n_outputs_of(labels: Labels) -> int:
    """How many numbers a model gives: one a class, or the one of a regression."""
    return 1 if labels.values is not None else labels.n_classes
