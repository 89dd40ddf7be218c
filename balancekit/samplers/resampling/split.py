"""Splits in two parts that keep the class shares."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from balancekit.errors import DataError, OptionError
from balancekit.labels import UNLABELLED, Labels, labels_of
from balancekit.plan.tagged import check_seed, is_number
from balancekit.samplers.class_index import ClassIndex
from balancekit.samplers.permutation import hash_keys, permute
from balancekit.samplers.resampling.groups import choose_groups, group_ids

__all__ = ["stratified_split"]

SPLIT = -2
"""Key of the choice, beside those of other draws under the same seed."""

N_QUANTILES = 10
"""Groups of equally many values that a regression is split by."""


def stratified_split(
    labels: object,
    share: float,
    *,
    groups: Sequence[object] | NDArray[np.generic] | None = None,
    seed: int = 0,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Indices of two parts, the second with `share` of each class: two of int64, sorted.

    Of a regression it is the share of each tenth of the values, or of larger groups of few; of
    several labels a sample, that of the rarest it carries, where none is a class, too.

    The second part gets the share rounded to the nearest sample, at least one of every
    class that has two; a class of one sample stays in the first. Samples whose one label is
    missing are in neither.

    With groups, each goes to one part as a whole, and the counts come as near to these as a
    greedy choice brings them: groups that are most of a class come first, each goes where
    the shares of all classes stay nearest, and then groups change sides, alone or for
    another, as long as that helps. It is not sure to find the best split. A class that lies
    in one group alone stays in the first part, unless other classes of the group weigh more.

    Args:
        labels: a class, a number or several labels a sample: `Labels`, a list, array or tensor,
            or a data set whose labels can be read without loading its samples.
        share: in (0, 1).
        groups: of each sample, such as its patient or video, by any name or number.
        seed: of the choice.

    Raises:
        DataError: labels cannot be told, or groups are missing or of another number.
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
    held_out = _held_out_per_class
    if known.values is not None:
        known, held_out = _by_quantiles(known.values, share), _held_out_per_quantile
    elif known.offsets is not None:
        known = _by_rarest_label(known)
    if groups is not None:
        return _split_by_groups(known, share, groups, seed)
    index = ClassIndex.from_labels(known)
    counts = index.class_counts()
    class_ids = np.repeat(np.arange(len(counts)), counts)
    places = np.arange(counts.sum()) - index.starts[class_ids]
    keys = hash_keys(seed, class_ids, SPLIT)
    landed = permute(places, counts[class_ids], keys)
    second = landed < held_out(counts, share)[class_ids]
    samples = index.take(class_ids, places)
    return np.sort(samples[~second]), np.sort(samples[second])


def _held_out_per_class(counts: NDArray[np.int64], share: float) -> NDArray[np.int64]:
    """Samples of each class in the second part; `counts` are of what may be in either."""
    return np.clip(np.round(share * counts).astype(np.int64), 1, np.maximum(counts - 1, 0))


def _by_quantiles(values: NDArray[np.float64], share: float) -> Labels:
    """Groups of equally many values as classes; NaN has none."""
    known = np.flatnonzero(~np.isnan(values))
    least = math.ceil(1 / min(share, 1 - share))  # with a sample for either part
    n_groups = min(N_QUANTILES, max(1, len(known) // least))
    ids = np.full(len(values), UNLABELLED, np.int32)
    by_value = known[np.argsort(values[known], kind="stable")]
    ids[by_value] = np.arange(len(known)) * n_groups // max(1, len(known))
    return Labels(class_ids=ids, class_names=tuple(map(str, range(n_groups))))


def _by_rarest_label(labels: Labels) -> Labels:
    """The rarest label that each sample carries as its class."""
    assert labels.offsets is not None
    none_of_these = labels.n_classes
    # The rarest first; behind all of them, no label at all.
    by_count = np.argsort(-labels.class_counts(), kind="stable")[::-1]
    places = np.argsort(by_count)
    rarest = np.full(labels.n_samples, none_of_these)
    owner = np.repeat(np.arange(labels.n_samples), np.diff(labels.offsets))
    np.minimum.at(rarest, owner, places[labels.class_ids])
    ids = np.append(by_count, none_of_these)[rarest].astype(np.int32)
    return Labels(class_ids=ids, class_names=tuple(map(str, range(none_of_these + 1))))


def _held_out_per_quantile(counts: NDArray[np.int64], share: float) -> NDArray[np.int64]:
    """Samples of each group in the second part: rounded so that together they are the share."""
    ends = np.floor(share * np.cumsum(counts) + 0.5).astype(np.int64)
    held_out: NDArray[np.int64] = np.diff(ends, prepend=0)
    return np.clip(held_out, 1, np.maximum(counts - 1, 0))


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
