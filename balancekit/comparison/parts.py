"""Parts of the data: what is trained on, what choices are made by, and what is tested on."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from balancekit.comparison.own_split import OwnSplit
from balancekit.comparison.results import Parts
from balancekit.errors import DataError
from balancekit.labels import UNLABELLED, Labels, labels_of
from balancekit.samplers import stratified_split

__all__ = ["DataParts", "Splitter", "Taken"]

Indices = NDArray[np.int64]

TEST_SHARE, INNER_SHARE = 0.25, 0.15
"""Of all samples, and of those that are left."""


@dataclass(frozen=True, eq=False)
class Taken:
    """Chosen samples of a map-style data set, with their labels."""

    dataset: Any
    indices: Indices
    labels: Labels

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int) -> Any:
        return self.dataset[int(self.indices[index])]


@dataclass(frozen=True, eq=False, kw_only=True)
class DataParts:
    """The parts of one seed.

    Attributes:
        train: trained on.
        labels: of the training part.
        inner: choices are made by it; None where none are made before the end.
        inner_ids: of its samples.
        test: the final figures come from it.
        test_ids: of its samples, the same for the same sample under every seed.
    """

    train: Any
    labels: Labels
    inner: Any
    inner_ids: Indices
    test: Any
    test_ids: Indices


@dataclass(frozen=True, eq=False, kw_only=True)
class Splitter:
    """Splits data for each seed, classes stratified.

    Attributes:
        dataset: all of it, or the training split of data that come split.
        labels: of it.
        test: held-out samples, if there are some; else each seed holds out its own.
        own: the data's own split, if all of it is in `dataset`.
        wants_inner: whether choices are to be made before the end.
    """

    dataset: Any
    labels: Labels
    test: Any = None
    own: OwnSplit | None = None
    wants_inner: bool = True

    def parts(self, seed: int) -> DataParts:
        """The parts of a seed; what is learnt for preparing samples is of the training part."""
        rest = np.flatnonzero(labelled(self.labels))
        test_ids = np.arange(0 if self.test is None else len(self.test))
        inner_ids = np.arange(0)
        if self.own is not None:
            rest, test_ids = np.intersect1d(rest, self.own.train), self.own.test
        elif self.test is None:
            rest, test_ids = split(self.labels, rest, TEST_SHARE, 2 * seed)
            if not len(test_ids):
                raise DataError(
                    f"data: expected samples to hold out, got {len(rest)} with a label in "
                    f"{self.labels.n_classes} classes, of which none has two"
                )
        if self.own is not None and self.own.inner is not None:
            inner_ids = self.own.inner
        elif self.wants_inner:
            rest, inner_ids = split(self.labels, rest, INNER_SHARE, 2 * seed + 1)
        return self._taken(rest, inner_ids, test_ids)

    def _taken(self, train: Indices, inner_ids: Indices, test_ids: Indices) -> DataParts:
        dataset, is_whole = self.dataset, len(train) == len(self.dataset)
        if hasattr(dataset, "prepared") and not is_whole:
            dataset = dataset.prepared(train)
        own_test = taken(dataset, test_ids, self.labels) if self.test is None else self.test
        return DataParts(
            train=dataset if is_whole else taken(dataset, train, self.labels),
            labels=self.labels if is_whole else self.labels.take(train),
            inner=taken(dataset, inner_ids, self.labels) if len(inner_ids) else None,
            inner_ids=inner_ids,
            test=own_test,
            test_ids=test_ids,
        )

    def describe(self, parts: DataParts) -> Parts:
        """The parts in numbers and words."""
        carved = f"of the rest {100 * INNER_SHARE:.0f} % for choices"
        splits_each = self.test is None and self.own is None
        if splits_each:
            how = f"each seed has its own stratified split: a quarter to test on, and {carved}"
        elif self.own is not None:
            how = self.own.how if self.own.inner is not None else f"{self.own.how}, {carved}"
        elif self.wants_inner:
            how = f"tested on the part held out, and {carved}"
        else:
            how = "tested on the part held out; nothing is chosen before the end"
        if self.wants_inner and parts.inner is None:
            how += "; too few are left for that, so the plan to take is chosen where it is tested"
        counts, kept = self.labels.class_counts(), parts.labels.class_counts()
        # Numbers are not split by their bins.
        by_class = splits_each and self.labels.values is None
        whole = int(((counts > 0) & (kept == counts)).sum()) if by_class else 0
        return Parts(
            train=len(parts.labels),
            inner=len(parts.inner_ids),
            test=len(parts.test_ids),
            how=how,
            splits_each=splits_each,
            n_train_only=whole,
        )


def labelled(labels: Labels) -> NDArray[np.bool_]:
    """Whether each sample has a label: bool [n]. A sample without any of several labels has."""
    if labels.values is not None:
        return ~np.isnan(labels.values)
    if labels.offsets is not None:
        return np.ones(labels.n_samples, np.bool_)
    return np.asarray(labels.class_ids != UNLABELLED)


def taken(dataset: Any, indices: Indices, labels: Labels) -> Any:
    """Chosen samples, by the data set's own `take` where it has one."""
    if hasattr(dataset, "prepared"):
        return dataset.take(indices)
    return Taken(dataset, indices, labels.take(indices))


def split(labels: Labels, within: Indices, share: float, seed: int) -> tuple[Indices, Indices]:
    """Two parts of some samples, the second with a share of each class, as indices of all."""
    first, second = stratified_split(labels.take(within), share, seed=seed)
    return within[first], within[second]


def labels_of_all(dataset: Any) -> Labels:
    """Labels of a data set, as it carries them or as they can be told."""
    known = getattr(dataset, "labels", None)
    return known if isinstance(known, Labels) else labels_of(dataset)
