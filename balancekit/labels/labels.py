"""Which classes each sample of a data set carries: one shape for every task."""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from balancekit.errors import DataError, OptionError
from balancekit.files import open_whole
from balancekit.labels.bins import Bins
from balancekit.labels.class_ids import (
    UNLABELLED,
    as_class_ids,
    class_name_of,
    is_missing,
    sort_class_names,
)
from balancekit.labels.numbers import classes_of_numbers, whole_numbers

__all__ = ["Labels", "Media", "SampleIds", "SampleKey", "Task"]

Task = Literal[
    "classification", "multilabel", "detection", "segmentation", "keypoints", "regression"
]
Media = Literal["pictures", "rows", "unknown"]


CHUNK = 1 << 20
"""Labels counted at a time."""


class SampleKey(NamedTuple):
    """One draw of one sample; augmentation is a pure function of it and the seed.

    Attributes:
        epoch: epoch of the draw, from 0.
        index: position of the sample in its data set.
        repeat: how often the sample was drawn before in the same epoch.
    """

    epoch: int
    index: int  # type: ignore[assignment]  # hides tuple.index, which a key has no use for
    repeat: int


class SampleIds(Sequence[str]):
    """Ids of samples (paths, say), made only when asked for.

    Holds the names as one block of UTF-8 bytes, so that a million of them cost what
    their letters cost, and puts `prefix` in front of each.
    """

    def __init__(self, block: bytes, ends: NDArray[np.int64], prefix: str = "") -> None:
        self._block, self._ends, self.prefix = block, ends, prefix

    @classmethod
    def from_names(cls, names: Sequence[str], prefix: str = "") -> "SampleIds":
        """Ids from names; names that are not UTF-8 survive the round trip."""
        encoded = [name.encode("utf-8", "surrogateescape") for name in names]
        ends = np.cumsum([len(name) for name in encoded], dtype=np.int64)
        return cls(b"".join(encoded), ends, prefix)

    def __len__(self) -> int:
        return len(self._ends)

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> list[str]: ...

    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        position = range(len(self))[index]
        start = int(self._ends[position - 1]) if position else 0
        name = self._block[start : int(self._ends[position])]
        return self.prefix + name.decode("utf-8", "surrogateescape")

    def to_arrays(self) -> dict[str, NDArray[np.generic]]:
        """Arrays from which `from_arrays` makes the same ids."""
        prefix = self.prefix.encode("utf-8", "surrogateescape")
        return {
            "id_block": np.frombuffer(self._block, np.uint8),
            "id_ends": self._ends,
            "id_prefix": np.frombuffer(prefix, np.uint8),
        }

    @classmethod
    def from_arrays(
        cls, block: NDArray[np.uint8], ends: NDArray[np.int64], prefix: NDArray[np.uint8]
    ) -> "SampleIds":
        """Ids from the arrays of `to_arrays`."""
        return cls(block.tobytes(), ends, prefix.tobytes().decode("utf-8", "surrogateescape"))


@dataclass(frozen=True, eq=False, kw_only=True)
class Labels:
    """Which classes each sample carries.

    Sample i carries `class_ids[offsets[i]:offsets[i + 1]]`. Where each sample carries
    exactly one class, `offsets` and `sizes` are None and cost nothing: sample i then
    carries `class_ids[i]`, which is `UNLABELLED` where the label is missing.

    Args:
        class_ids: integer [m], each in [0, n_classes), or -1 where the label is missing.
        class_names: the name of each class, all different; classes without samples count.
        offsets: integer [n + 1], from 0 up to m; None for one class a sample.
        sizes: float [m], box area in px² or number of pixels; None where every size is 1.
        values: float [n], the target of a regression; None elsewhere.
        sample_ids: n ids, such as paths; None where samples are known by index alone.
        media: what a sample is, as far as the source tells.
        task: what the labels are for; told from their shape by "auto": regression with
            values, classification without offsets, else multilabel.

    Raises:
        DataError: lengths, ids or names contradict each other, or the task their shape.

    >>> labels = Labels.from_names(["cat", "dog", "cat"])
    >>> labels.n_samples, labels.class_names, labels.class_counts().tolist()
    (3, ('cat', 'dog'), [2, 1])
    """

    class_ids: NDArray[np.int32]
    class_names: tuple[str, ...]
    offsets: NDArray[np.int64] | None = None
    sizes: NDArray[np.float64] | None = None
    values: NDArray[np.float64] | None = None
    sample_ids: Sequence[str] | None = field(default=None, repr=False)
    media: Media = "unknown"
    task: Task = "auto"  # type: ignore[assignment]  # a task once made

    def __post_init__(self) -> None:
        object.__setattr__(self, "class_ids", as_class_ids(self.class_ids))
        names = (str(name).encode("utf-8", "backslashreplace") for name in self.class_names)
        # Names go into JSON and TOML, which cannot hold the stray bytes of file names.
        object.__setattr__(self, "class_names", tuple(name.decode() for name in names))
        for name, dtype in (("offsets", np.int64), ("sizes", np.float64), ("values", np.float64)):
            given = getattr(self, name)
            if given is not None:
                object.__setattr__(self, name, np.asarray(given, dtype))
        if self.task not in get_args(Task):
            object.__setattr__(self, "task", self._task_of_shape())
        problems = labels_problems(self)
        if problems:
            raise DataError("labels: " + "; ".join(problems))

    @classmethod
    def from_names(
        cls,
        names: Sequence[object],
        *,
        sample_ids: Sequence[str] | None = None,
        media: Media = "unknown",
    ) -> "Labels":
        """Labels from one class name a sample; None or NaN means that it is missing.

        Classes are ordered by number if all names are integers, else by name. Where all are
        numbers, not text, they are class ids as they are: 1, 2 has three classes, 0 empty.

        Raises:
            DataError: numbers that are no class ids, such as the targets of a regression.
        """
        given = [None if is_missing(name) else name for name in names]
        numbers = whole_numbers(given)
        if numbers is not None:
            ids, class_names = classes_of_numbers(*numbers)
            return cls(class_ids=ids, class_names=class_names, sample_ids=sample_ids, media=media)
        texts = [None if name is None else class_name_of(name) for name in given]
        class_names = sort_class_names({text for text in texts if text is not None})
        id_of = {name: i for i, name in enumerate(class_names)}
        ids = np.fromiter(
            (UNLABELLED if text is None else id_of[text] for text in texts), np.int32, len(texts)
        )
        return cls(class_ids=ids, class_names=class_names, sample_ids=sample_ids, media=media)

    @property
    def n_samples(self) -> int:
        """Samples, those without a label included."""
        return len(self.class_ids) if self.offsets is None else len(self.offsets) - 1

    @property
    def n_classes(self) -> int:
        """Classes, those without samples included."""
        return len(self.class_names)

    def _task_of_shape(self) -> Task:
        if self.values is not None:
            return "regression"
        return "classification" if self.offsets is None else "multilabel"

    @classmethod
    def from_values(
        cls,
        values: ArrayLike,
        *,
        sample_ids: Sequence[str] | None = None,
        media: Media = "unknown",
    ) -> "Labels":
        """Labels of a regression: [n] numbers, NaN where missing; their bins are the classes.

        Raises:
            DataError: no value is given, or one is infinite.

        >>> Labels.from_values([18, 20, 20]).class_names
        ('18', '19', '20')
        """
        given = np.asarray(values, np.float64)
        known = given[~np.isnan(given)]
        if not known.size:
            raise DataError("values: expected at least one number, got none")
        bins = Bins.of(known)
        return cls(
            class_ids=bins.ids(given),
            class_names=bins.names,
            values=given,
            sample_ids=sample_ids,
            media=media,
        )

    def __len__(self) -> int:
        return self.n_samples

    def class_counts(self) -> NDArray[np.int64]:
        """Labels of each class: int64 [n_classes]; missing labels count nowhere."""
        counts = np.zeros(self.n_classes + 1, np.int64)
        # By chunks, as bincount takes a copy of eight bytes a label; the last place is of -1.
        for start in range(0, len(self.class_ids), CHUNK):
            chunk = self.class_ids[start : start + CHUNK]
            counts += np.bincount(chunk % len(counts), minlength=len(counts))
        return counts[:-1]

    def class_id_per_sample(self) -> NDArray[np.int32]:
        """The one class of each sample: int32 [n].

        Raises:
            DataError: a sample may carry several classes.
        """
        if self.offsets is not None:
            raise DataError(
                "labels: expected one class a sample, got multi-label data. "
                "Give the class that should decide, one a sample."
            )
        return self.class_ids

    def as_multilabel(self) -> "Labels":
        """The same labels, each sample carrying a set of classes: one, or none if unlabelled."""
        if self.offsets is not None:
            return self if self.task == "multilabel" else replace(self, task="multilabel")
        labelled = self.class_ids != UNLABELLED
        return replace(
            self,
            class_ids=self.class_ids[labelled],
            offsets=np.concatenate([[0], np.cumsum(labelled)]),
            values=None,
            task="multilabel",
            sizes=None if self.sizes is None else self.sizes[labelled],
        )

    def take(self, indices: Sequence[int] | NDArray[np.integer]) -> "Labels":
        """Labels of a part: sample i of the result is sample `indices[i]` of this one.

        Raises:
            OptionError: the indices are no integers, such as a mask of True and False.
        """
        given = np.asarray(indices)
        if given.size and not np.issubdtype(given.dtype, np.integer):
            raise OptionError(
                f"indices: expected integers, got {given.dtype}. "
                "For a mask, give np.flatnonzero(mask)."
            )
        chosen = given.astype(np.int64)
        ids = None
        if self.sample_ids is not None:
            ids = SampleIds.from_names([self.sample_ids[int(i)] for i in chosen])
        values = None if self.values is None else self.values[chosen]
        offsets = None
        entries = chosen
        if self.offsets is not None:
            lengths = np.diff(self.offsets)[chosen]
            offsets = np.concatenate([[0], np.cumsum(lengths)])
            entries = np.repeat(self.offsets[:-1][chosen] - offsets[:-1], lengths) + np.arange(
                offsets[-1]
            )
        return Labels(
            class_ids=self.class_ids[entries],
            class_names=self.class_names,
            offsets=offsets,
            sizes=None if self.sizes is None else self.sizes[entries],
            values=values,
            sample_ids=ids,
            media=self.media,
            task=self.task,
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write to an .npz file, complete or not at all; nothing in it is pickled."""
        names = SampleIds.from_names(self.class_names).to_arrays()
        arrays: dict[str, NDArray[np.generic]] = {
            "class_ids": self.class_ids,
            "media": np.array(get_args(Media).index(self.media), np.uint8),
            "task": np.array(get_args(Task).index(self.task), np.uint8),
            "name_block": names["id_block"],
            "name_ends": names["id_ends"],
        }
        for name in ("offsets", "sizes", "values"):
            if (array := getattr(self, name)) is not None:
                arrays[name] = array
        if self.sample_ids is not None:
            ids = self.sample_ids
            kept = ids if isinstance(ids, SampleIds) else SampleIds.from_names(list(ids))
            arrays |= kept.to_arrays()
        with open_whole(path) as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]  # its stub reads the keys as options

    @staticmethod
    def is_saved(path: str | os.PathLike[str]) -> bool:
        """Whether a file looks like one of `save`."""
        import zipfile

        try:
            with zipfile.ZipFile(path) as archive:
                return {"class_ids.npy", "name_block.npy"} <= set(archive.namelist())
        except (OSError, zipfile.BadZipFile):
            return False

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Labels":
        """Read what `save` wrote.

        Raises:
            DataError: the file is missing or was not written by `save`.
        """
        import zipfile

        try:
            with Path(path).open("rb") as file, np.lib.npyio.NpzFile(file) as kept:
                arrays = {name: kept[name] for name in kept.files}
            names = SampleIds(arrays["name_block"].tobytes(), arrays["name_ends"])
            media = get_args(Media)[int(arrays["media"])]
            ids = None
            if "id_block" in arrays:
                ids = SampleIds.from_arrays(
                    arrays["id_block"], arrays["id_ends"], arrays["id_prefix"]
                )
            # Files of before tasks were kept have none, and are told by their shape.
            task: Any = get_args(Task)[int(arrays["task"])] if "task" in arrays else "auto"
            return cls(
                class_ids=arrays["class_ids"],
                class_names=tuple(names),
                offsets=arrays.get("offsets"),
                sizes=arrays.get("sizes"),
                values=arrays.get("values"),
                sample_ids=ids,
                media=media,
                task=task,
            )
        except (OSError, EOFError, ValueError, LookupError, zipfile.BadZipFile) as error:
            raise DataError(
                f"{path}: expected labels written by Labels.save, got {error!r}"
            ) from None


def labels_problems(labels: Labels) -> list[str]:
    """Every way in which the fields of `labels` contradict each other, in words."""
    problems = []
    ids, names, offsets = labels.class_ids, labels.class_names, labels.offsets
    lowest = UNLABELLED if offsets is None else 0
    if ids.size and (int(ids.min()) < lowest or int(ids.max()) >= len(names)):
        problems.append(
            f"expected class ids from {lowest} to {len(names) - 1}, "
            f"got {int(ids.min())} to {int(ids.max())}"
        )
    if len(set(names)) != len(names):
        twice = sorted(name for name, times in Counter(names).items() if times > 1)[:3]
        problems.append(f"expected different class names, got {twice} more than once")
    single = labels.task in ("classification", "regression")
    if single != (offsets is None) or (labels.task == "regression") != (labels.values is not None):
        problems.append(
            f"expected {'no offsets' if single else 'offsets'} and "
            f"{'values' if labels.task == 'regression' else 'no values'} for {labels.task}"
        )
    if offsets is not None and (
        len(offsets) == 0
        or offsets[0] != 0
        or offsets[-1] != len(ids)
        or bool(np.any(np.diff(offsets) < 0))
    ):
        problems.append(f"expected offsets rising from 0 to {len(ids)}")
        return problems
    lengths = (("sizes", len(ids)), ("values", labels.n_samples), ("sample_ids", labels.n_samples))
    for field_name, expected in lengths:
        given = getattr(labels, field_name)
        if given is not None and len(given) != expected:
            problems.append(f"expected {expected} {field_name}, got {len(given)}")
    return problems
