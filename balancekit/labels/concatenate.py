"""Labels of parts, put behind one another."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from balancekit.errors import DataError
from balancekit.labels.class_ids import UNLABELLED
from balancekit.labels.labels import Labels, SampleIds

__all__ = ["concatenate_labels"]


def concatenate_labels(parts: Sequence[Labels], class_names: Sequence[str] | None = None) -> Labels:
    """Labels of all samples of all parts, in their order; classes are matched by name.

    Parts of a regression get bins over all values. Where one part alone is multi-label,
    all become so.

    Args:
        parts: of one task, at least one.
        class_names: order of the classes, and at least those of the parts; in the order in
            which the parts name them if not given.

    Raises:
        DataError: there is no part, tasks differ, or `class_names` lacks a class.
    """
    if not parts:
        raise DataError("labels: expected at least one part, got none")
    tasks = sorted({part.task for part in parts})
    if tasks == ["classification", "multilabel"]:
        return concatenate_labels([part.as_multilabel() for part in parts], class_names)
    if len(tasks) > 1:
        raise DataError(f"labels: expected parts of one task, got {' and '.join(tasks)}")
    ids = _joined_ids(parts)
    if parts[0].values is not None:
        values = np.concatenate([part.values for part in parts if part.values is not None])
        return Labels.from_values(values, sample_ids=ids, media=parts[0].media)
    names = class_names or list(dict.fromkeys(n for part in parts for n in part.class_names))
    id_of = {name: i for i, name in enumerate(names)}
    offsets = None
    if parts[0].offsets is not None:
        lengths = [np.diff(part.offsets) for part in parts if part.offsets is not None]
        offsets = np.concatenate([[0], np.cumsum(np.concatenate(lengths))])
    return Labels(
        class_ids=np.concatenate([_renumbered(part, id_of) for part in parts]),
        class_names=tuple(names),
        offsets=offsets,
        sizes=_joined_sizes(parts),
        sample_ids=ids,
        media=parts[0].media,
        task=parts[0].task,
    )


def _renumbered(part: Labels, id_of: dict[str, int]) -> NDArray[np.int32]:
    """Class ids of a part by the whole's names."""
    lacking = [name for name in part.class_names if name not in id_of]
    if lacking:
        raise DataError(f"class_names: expected all classes of the parts, {lacking[:3]} lack")
    # One more at the end, where -1 finds "unlabelled".
    table = np.array([*(id_of[name] for name in part.class_names), UNLABELLED], np.int32)
    return table[part.class_ids]


def _joined_sizes(parts: Sequence[Labels]) -> NDArray[np.float64] | None:
    if all(part.sizes is None for part in parts):
        return None
    return np.concatenate(
        [
            np.full(len(part.class_ids), np.nan) if part.sizes is None else part.sizes
            for part in parts
        ]
    )


def _joined_ids(parts: Sequence[Labels]) -> SampleIds | None:
    if any(part.sample_ids is None for part in parts):
        return None
    return SampleIds.from_names([name for part in parts for name in part.sample_ids or ()])
