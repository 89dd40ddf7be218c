"""Class index: which samples each class has, in one flat array."""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from balancekit.errors import DataError, OptionError
from balancekit.files import open_whole
from balancekit.labels import MAX_GAP_CLASSES, labels_of
from balancekit.plan import Natural, Targets
from balancekit.samplers.sort_by_class import (
    count_classes,
    find_stretches,
    sort_by_class,
    sort_sets_by_class,
)

__all__ = ["ClassIndex"]

MAGIC = "balancekit class index 1"
MARKED = 1000


@dataclass(frozen=True, eq=False)
class ClassIndex:
    """The samples of class c are `samples[starts[c]:starts[c + 1]]`, in the order of the data.

    Samples without a label are in no class, those with several in each of theirs. Where
    each class is one stretch of the data, as in data sorted by class, nothing is stored a
    sample: position p of class c is then sample `firsts[c] + p`.

    Attributes:
        starts: int64 [n_classes + 1].
        samples: uint32 or int64 [n_labelled]; None where each class is one stretch.
        firsts: int64 [n_classes], first sample of each class's stretch; None elsewhere.
        class_names: the name of each class; its id in figures, if not given.
        path: the file that the index was opened from; copies in other processes open it again.
    """

    starts: NDArray[np.int64]
    samples: NDArray[np.integer] | None = None
    firsts: NDArray[np.int64] | None = None
    class_names: tuple[str, ...] = ()
    path: Path | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if (self.samples is None) == (self.firsts is None):
            raise DataError("class index: expected either samples or firsts, got both or none")
        if self.starts[-1] == 0:
            raise DataError("labels: expected at least one labelled sample, got none")
        if not self.class_names:
            names = tuple(map(str, range(len(self.starts) - 1)))
            object.__setattr__(self, "class_names", names)

    def __reduce__(self) -> tuple[Any, ...]:
        # A mapped file must not travel to other processes by value.
        if self.path is not None:
            return ClassIndex.open, (self.path,)
        return ClassIndex, (self.starts, self.samples, self.firsts, self.class_names)

    @classmethod
    def from_labels(cls, labels: object, *, ignore_index: int | str | None = None) -> "ClassIndex":
        """The index of labels, or of what holds them.

        An array of integers is read where it is: beside it, 4 bytes a sample are kept and
        a few megabytes are worked with.

        Args:
            labels: `Labels`, a list, array, tensor or Series with one class a sample, a data
                set whose labels can be read without loading its samples, or a `ClassIndex`.
            ignore_index: id or name of a class whose samples are left out.

        Raises:
            DataError: labels cannot be told, or none is left.
            OptionError: there is no class to ignore of that name or id.

        >>> ClassIndex.from_labels([1, 0, 1]).class_counts().tolist()
        [1, 2]
        """
        index = labels if isinstance(labels, ClassIndex) else _index_of(labels)
        return index if ignore_index is None else index.without(ignore_index)

    @classmethod
    def for_targets(cls, labels: object, targets: Targets) -> "ClassIndex":
        """The index that draws with these targets need.

        Natural draws of multi-label data need no classes: all samples are one.

        Raises:
            DataError: other targets ask for one class a sample, or no sample is labelled.
        """
        if isinstance(labels, ClassIndex) or _plain_ids(labels) is not None:
            return cls.from_labels(labels)
        known = labels_of(labels)
        if known.offsets is None:
            return cls.from_labels(known)
        if isinstance(targets, Natural):
            return cls(np.array([0, known.n_samples], np.int64), firsts=np.zeros(1, np.int64))
        raise DataError(
            "labels: expected one class a sample, got multi-label data. A draw for one class "
            "draws the sample's others too: take MultiLabelBalancedSampler, "
            "RepeatFactorSampler or ClassAwareSampler, or Natural() targets."
        )

    @property
    def n_samples(self) -> int:
        """Labelled samples; one of several classes counts in each."""
        return int(self.starts[-1])

    @property
    def n_classes(self) -> int:
        """Classes, those without samples included."""
        return len(self.starts) - 1

    def class_counts(self) -> NDArray[np.int64]:
        """Samples of each class: int64 [n_classes]."""
        return np.diff(self.starts)

    def take(
        self, class_ids: NDArray[np.integer], positions: NDArray[np.integer]
    ) -> NDArray[np.int64]:
        """The sample at each position of each class: int64, shaped as the arguments."""
        found: NDArray[np.int64]
        if self.samples is None:
            assert self.firsts is not None
            found = self.firsts[class_ids] + positions
        else:
            found = self.samples[self.starts[class_ids] + positions].astype(np.int64)
        return found

    def marks(self) -> NDArray[np.int64]:
        """What tells the index from those of other data: class counts, and some of the samples.

        Samples that change places within their class are found out only if they are among some
        thousand.
        """
        some = self.firsts
        if self.samples is not None:
            some = self.samples[:: max(1, len(self.samples) // MARKED)].astype(np.int64)
        assert some is not None
        return np.concatenate([self.class_counts(), some])

    def without(self, ignored: int | str) -> "ClassIndex":
        """The index with one class emptied.

        Raises:
            OptionError: there is no such class.
            DataError: no sample is left.
        """
        name = str(ignored)
        if name not in self.class_names:
            raise OptionError(
                f"ignore_index: expected the id or name of a class, got {ignored!r}; classes "
                f"are {', '.join(self.class_names[:6])}{' …' if self.n_classes > 6 else ''}"
            )
        gone = self.class_names.index(name)
        counts = self.class_counts()
        kept = np.repeat(np.arange(self.n_classes) != gone, counts)
        counts[gone] = 0
        if not counts.sum():
            raise DataError(f"labels: expected samples beside those of class {name}, got none")
        samples = None if self.samples is None else self.samples[kept]
        starts = np.concatenate([[0], np.cumsum(counts)])
        return ClassIndex(starts, samples, self.firsts, self.class_names)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the index to a file that `open` maps, complete or not at all."""
        fields = {"format": MAGIC, "class_names": self.class_names}
        header = json.dumps({**fields, "stretches": self.samples is None}).encode()
        header += b" " * (-len(header) % 64)  # keeps what follows aligned
        body = self.firsts if self.samples is None else self.samples
        with open_whole(path) as file:
            for array in (np.frombuffer(header, np.uint8), self.starts, body):
                np.lib.format.write_array(file, np.ascontiguousarray(array), allow_pickle=False)

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> "ClassIndex":
        """An index from a file, mapped: processes that open it share its memory.

        Raises:
            DataError: the file is missing or no index.
        """
        place = Path(path).resolve()
        try:
            with place.open("rb") as file:
                header = json.loads(np.lib.format.read_array(file, allow_pickle=False).tobytes())
                if header["format"] != MAGIC:
                    raise ValueError(header["format"])
                starts = np.lib.format.read_array(file, allow_pickle=False)
                version = np.lib.format.read_magic(file)
                if version != (1, 0):
                    raise ValueError(version)
                shape, _, dtype = np.lib.format.read_array_header_1_0(file)
                at = file.tell()
            body = (
                np.memmap(place, dtype, mode="r", offset=at, shape=shape)
                if shape[0]
                else np.empty(0, dtype)
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"{path}: expected a class index as ClassIndex.save writes it: {error}"
            ) from None
        names = tuple(header["class_names"])
        if header["stretches"]:
            return cls(starts, firsts=np.array(body), class_names=names)
        return cls(starts, body, class_names=names, path=place)


def _index_of(labels: object) -> ClassIndex:
    class_ids, names = _plain_ids(labels), tuple[str, ...]()
    if class_ids is None:
        known = labels_of(labels)
        class_ids, names = known.class_ids, known.class_names
        if known.offsets is not None:
            counts, carriers = sort_sets_by_class(class_ids, known.offsets, known.n_classes)
            return ClassIndex(_starts(counts), carriers, class_names=names)
    n_classes = len(names) or int(class_ids.max()) + 1
    counts = count_classes(class_ids, n_classes)
    firsts = find_stretches(class_ids, n_classes)
    samples = sort_by_class(class_ids, counts) if firsts is None else None
    return ClassIndex(_starts(counts), samples, firsts, names)


def _starts(counts: NDArray[np.integer]) -> NDArray[np.int64]:
    if not counts.sum():
        raise DataError("labels: expected at least one labelled sample, got none")
    return np.concatenate([[0], np.cumsum(counts)])


def _plain_ids(labels: object) -> NDArray[np.integer] | None:
    """Class ids [n] of an array or tensor of them, as they lie in memory; None for all else.

    Where some ids are missing, or may be names, `labels_of` has to say what they mean.
    """
    if type(labels).__module__.partition(".")[0] == "torch" and hasattr(labels, "detach"):
        labels = labels.detach().cpu().numpy()
    if type(labels) is not np.ndarray or labels.dtype.kind not in "iu" or labels.ndim != 1:
        return None
    if not len(labels) or labels.min() < 0 or labels.max() >= MAX_GAP_CLASSES:
        return None
    return labels
