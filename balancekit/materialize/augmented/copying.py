"""The copies of one parent: read once, changed and written one by one, then recorded."""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np

from balancekit.augment import AugmentationPolicy
from balancekit.augment.native import Picture
from balancekit.errors import MissingLibraryError
from balancekit.labels import SampleKey
from balancekit.materialize.augmented.copy_names import copy_name
from balancekit.materialize.augmented.formats import (
    AnnotatedSet,
    Sample,
    open_annotated,
    other_splits,
)
from balancekit.materialize.augmented.manifest import BadFile, CopyRecord, Record
from balancekit.materialize.place_files import COPYING
from balancekit.sources import Format

__all__ = [
    "CopyJob",
    "Made",
    "Opening",
    "Turn",
    "copy_parent",
    "drawn_copy",
    "opened_once",
    "record_of",
]


MOST_DRAWS = 16
"""The mildest policy for a task, that for X-rays, changes nothing in 27 % of its draws: in
sixteen in a row never, or once in 10**9."""

SPARSE_ROWS = 64


@dataclass(frozen=True)
class Opening:
    """How a set is opened, so that workers can open it for themselves.

    Attributes:
        path: of the data, absolute.
        format: of the data.
        split: that is balanced.
        run: a name of the run, as the data may change between two.
    """

    path: str
    format: Format | Literal["auto"]
    split: str
    run: str

    def opened(self) -> AnnotatedSet:
        """The set, opened anew."""
        return open_annotated(self.path, format=self.format, split=self.split)

    def held_out(self) -> dict[str, tuple[str, ...]]:
        """Paths of the pictures of the other splits, by their names."""
        return other_splits(self.path, format=self.format, split=self.split)


@dataclass(frozen=True, kw_only=True)
class CopyJob:
    """What all copies of a run share; it travels to workers with every batch, so it is small.

    Attributes:
        opening: of the data.
        policy: changes the samples.
        digest: of the policy.
        folder: in which the set grows.
        aside: for files that are not whole yet, on the same file system.
        records: folder of the records.
    """

    opening: Opening
    policy: AugmentationPolicy
    digest: str
    folder: Path
    aside: Path
    records: Path


@dataclass(frozen=True)
class Turn:
    """Copies to make of one parent.

    Attributes:
        index: of the parent.
        first: number of the first copy, from 1.
        last: number of the last copy.
    """

    index: int
    first: int
    last: int


@dataclass(frozen=True)
class Made:
    """What came of a turn.

    Attributes:
        turn: that was asked for.
        n_copies: that were made.
        n_found: of them, those that an interrupted run had made.
        classes: objects of each class in them, by name.
        is_bad: whether not all could be made.
    """

    turn: Turn
    n_copies: int
    n_found: int
    classes: dict[str, int]
    is_bad: bool


@lru_cache(maxsize=1)
def opened_once(opening: Opening) -> tuple[AnnotatedSet, Sequence[str]]:
    """The data and the ids of their samples, opened and listed once a process."""
    annotated = opening.opened()
    return annotated, annotated.ids


def copy_parent(job: CopyJob, turn: Turn) -> tuple[Made, ...]:
    """Make the copies of one parent that are not there yet.

    A picture that cannot be read or changed is recorded as bad; the copies made of it before
    stay.

    Raises:
        OSError: a file cannot be written.
        MissingLibraryError: an operation needs a library that is not there.
    """
    record = record_of(job.records, turn)
    is_found = record is not None and _is_whole(job.folder, record)
    if record is None or not is_found:
        record = _made(job, turn)
        _write(msgspec.json.encode(record), _record_path(job.records, turn), job.aside)
    classes: Counter[str] = Counter()
    for copy in record.copies:
        classes.update(copy.classes)
    n_copies = len(record.copies)
    n_found = n_copies if is_found else 0
    return (Made(turn, n_copies, n_found, dict(classes), record.bad is not None),)


def record_of(records: Path, turn: Turn) -> Record | None:
    """What was recorded of a turn, if it is complete."""
    try:
        return msgspec.json.decode(Path(_record_path(records, turn)).read_bytes(), type=Record)
    except (FileNotFoundError, msgspec.DecodeError):  # none, or cut off as the power went
        return None


def _record_path(records: Path, turn: Turn) -> str:
    # A folder for each thousand parents: file systems are slow with a million names in one.
    return f"{records}/{turn.index // 1000}/{turn.index}-{turn.first}-{turn.last}.json"


def _is_whole(folder: Path, record: Record) -> bool:
    files = [file for copy in record.copies for file in copy.files.items()]
    try:
        return all(os.stat(f"{folder}/{place}").st_size == n for place, n in files)  # noqa: PTH116
    except OSError:
        return False


def _made(job: CopyJob, turn: Turn) -> Record:
    annotated, ids = opened_once(job.opening)
    parent = ids[turn.index]
    copies: list[CopyRecord] = []
    sample: Sample | None = None
    for number in range(turn.first, turn.last + 1):
        try:
            sample = sample or annotated.read(turn.index)
            copy, files = _drawn_files(job, sample, turn.index, number)
        except (MissingLibraryError, MemoryError):
            raise
        except Exception as error:  # decoders and users' augmenters raise every kind of it
            reason = str(error) or type(error).__name__
            return Record(copies=tuple(copies), bad=BadFile(path=parent, reason=reason))
        for place, content in files.items():
            _write(content, f"{job.folder}/{place}", job.aside)
        copies.append(copy)
    return Record(copies=tuple(copies))


def _drawn_files(
    job: CopyJob, sample: Sample, index: int, number: int
) -> tuple[CopyRecord, dict[str, bytes]]:
    """A copy of a sample, as it is recorded, and its files.

    The picture itself is let go, so that the next one takes its place in the core's cache.
    """
    annotated, ids = opened_once(job.opening)
    name = copy_name(ids[index], number, job.digest, job.policy.seed)
    changed, key = drawn_copy(job.policy, sample, index, number)
    files = annotated.encode(name, changed)
    copy = CopyRecord(
        name=name,
        parent=ids[index],
        key=(key.epoch, key.index, key.repeat),
        classes=_named(annotated, changed),
        files={place: len(content) for place, content in files.items()},
    )
    return copy, files


def drawn_copy(
    policy: AugmentationPolicy, sample: Sample, index: int, number: int
) -> tuple[Sample, SampleKey]:
    """A copy of a sample, and the key that it was drawn with.

    Where no operation falls due, the copy would be the picture once more; then it is drawn
    again, in the next epoch, unless the policy seems to change nothing at all.

    Args:
        policy: changes the sample.
        sample: as it was read.
        index: of the sample.
        number: of the copy, from 1.
    """
    for epoch in range(MOST_DRAWS):
        key = SampleKey(epoch=epoch, index=index, repeat=number)
        scene = policy(sample.scene, key)
        if not _is_same(scene.image, sample.scene.image):
            break
    return sample.moved_to(scene), key


def _is_same(image: Picture, other: Picture) -> bool:
    few = image[::SPARSE_ROWS], other[::SPARSE_ROWS]  # which tell most pictures apart
    return np.array_equal(*few) and np.array_equal(image, other)


def _named(annotated: AnnotatedSet, sample: Sample) -> dict[str, int]:
    names = (annotated.class_names[c] for c in sample.class_ids.tolist())
    return dict(sorted(Counter(names).items()))


def _write(content: bytes, place: str, aside: Path) -> None:
    """Write a file aside, and move it into place when it is whole."""
    unfinished = f"{aside}/{COPYING}{os.getpid()}"
    try:
        with open(unfinished, "wb") as file:  # noqa: PTH123 - a Path costs as much as a write
            file.write(content)
        try:
            os.replace(unfinished, place)  # noqa: PTH105
        except FileNotFoundError:
            Path(place).parent.mkdir(parents=True, exist_ok=True)
            os.replace(unfinished, place)  # noqa: PTH105
    except BaseException:
        Path(unfinished).unlink(missing_ok=True)
        raise
