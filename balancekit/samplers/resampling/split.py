"""Splits in two parts that keep the class shares."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from balancekit.errors import DataError, OptionError
from balancekit.labels import Labels, labels_of
from balancekit.plan.tagged import check_seed, is_number
from balancekit.samplers.class_index import ClassIndex
from balancekit.samplers.permutation import hash_keys, permute
from balancekit.samplers.resampling.groups import choose_groups, group_ids

__all__ = ["stratified_split"]

SPLIT = -2
"""Key of the choice, beside those of other draws under the same seed."""


def stratified_split(
    labels: object,
    share: float,
    *,
    groups: Sequence[object] | NDArray[np.generic] | None = None,
    seed: int = 0,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Indices of two parts, the second with `share` of each class: two of int64, sorted.

    The second part gets the share rounded to the nearest sample, at least one of every
    class that has two; a class of one sample stays in the first. Samples without a label
    are in neither.

    With groups, each goes to one part as a whole, and the counts come as near to these as a
    greedy choice brings them: groups that are most of a class come first, each goes where
    the shares of all classes stay nearest, and then groups change sides, alone or for
    another, as long as that helps. It is not sure to find the best split. A class that lies
    in one group alone stays in the first part, unless other classes of the group weigh more.

    Args:
        labels: one class a sample: `Labels`, a list, array or tensor, or a data set whose
            labels can be read without loading its samples.
        share: in (0, 1).
        groups: of each sample, such as its patient or video, by any name or number.
        seed: of the choice.

    Raises:
        DataError: labels cannot be told, samples carry several classes, or groups are missing
            or of another number.
        OptionError: share is not between 0 and 1, or the seed is none.

    >>> kept, held_out = stratified_split(list("aaaabb"), 0.25)
    >>> len(kept), len(held_out)
    (4, 2)
    """
    if not (is_number(share) and 0 < share < 1):
        raise OptionError(
            f"share: expected a number in (0, 1), got {share!r}. "
            "Use a share such as 0.2 to hold out a fifth of each class."
        )
    check_seed(seed)
    known = labels_of(labels)
    if groups is not None:
        return _split_by_groups(known, share, groups, seed)
    known.class_id_per_sample()  # refuses labels of several classes
    index = ClassIndex.from_labels(known)
    counts = index.class_counts()
    class_ids = np.repeat(np.arange(len(counts)), counts)
    places = np.arange(counts.sum()) - index.starts[class_ids]
    keys = hash_keys(seed, class_ids, SPLIT)
    landed = permute(places, counts[class_ids], keys)
    second = landed < _held_out_per_class(counts, share)[class_ids]
    samples = index.take(class_ids, places)
    return np.sort(samples[~second]), np.sort(samples[second])


def _held_out_per_class(counts: NDArray[np.int64], share: float) -> NDArray[np.int64]:
    """Samples of each class in the second part; `counts` are of what may be in either."""
    return np.clip(np.round(share * counts).astype(np.int64), 1, np.maximum(counts - 1, 0))


def _split_by_groups(
    labels: Labels,
    share: float,
    groups: Sequence[object] | NDArray[np.generic],
    seed: int,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    class_ids = labels.class_id_per_sample()
    ids = group_ids(groups)
    if len(ids) != labels.n_samples:
        raise DataError(
            f"groups: expected one of each of {labels.n_samples:,} samples, got {len(ids):,}"
        )
    labelled = np.flatnonzero(class_ids >= 0)
    if not labelled.size:
        raise DataError("labels: expected at least one labelled sample, got none")
    classes = class_ids[labelled]
    held_out = choose_groups(ids[labelled], classes, share, seed)
    second = held_out[ids[labelled]]
    return labelled[~second], labelled[second]
