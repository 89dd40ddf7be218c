"""What formats of annotated pictures share: notes of problems, splits, safe paths, labels."""

import heapq
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import ArrayLike, NDArray

from balancekit.labels import Labels, SampleIds, Task
from balancekit.sources.pictures import PICTURE_SUFFIXES, readable
from balancekit.stats import Problem, ProblemKind

__all__ = [
    "Notes",
    "distinct_names",
    "has_suffix",
    "labels_of_entries",
    "list_folder",
    "split_folders",
    "split_of",
    "stays_inside",
    "walk_files",
]

N_KEPT = 5
"""Examples that a `Problem` keeps: the first by name, so that merging keeps the same ones."""

MAX_SPLIT_FOLDERS = 100

SPLIT_OF_WORD: Mapping[str, str] = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "minival": "val",
    "dev": "val",
    "test": "test",
    "testing": "test",
    "trainval": "trainval",
}


class Notes:
    """Problems as they are met; only the examples that will be shown are kept.

    >>> notes = Notes()
    >>> notes.add("duplicate-id", "a.json: annotation 7")
    >>> notes.problems()["duplicate-id"].count
    1
    """

    def __init__(self) -> None:
        self._counts: dict[ProblemKind, int] = {}
        self._examples: dict[ProblemKind, list[str]] = {}

    def add(self, kind: ProblemKind, example: str, times: int = 1) -> None:
        """Count something that was met, so many times."""
        self._counts[kind] = self._counts.get(kind, 0) + times
        examples = self._examples.setdefault(kind, [])
        examples.append(example)
        if len(examples) > 1000:
            examples[:] = heapq.nsmallest(N_KEPT, set(examples))

    def problems(self) -> dict[ProblemKind, Problem]:
        """All that was met."""
        return {
            kind: Problem(
                count=count,
                examples=tuple(
                    readable(text) for text in heapq.nsmallest(N_KEPT, set(self._examples[kind]))
                ),
            )
            for kind, count in self._counts.items()
        }


def split_of(name: str) -> str | None:
    """The split that a file or folder is named after; None if it is not.

    >>> split_of("instances_train2017.json"), split_of("valid"), split_of("constraint.json")
    ('train', 'val', None)
    """
    words = [word for word in re.split(r"[^a-z]+", PurePosixPath(name).stem.lower()) if word]
    return next((SPLIT_OF_WORD[word] for word in words if word in SPLIT_OF_WORD), None)


def distinct_names(names: Sequence[str]) -> list[str]:
    """Names, with their position behind those that would be the same.

    >>> distinct_names(["a", "b", "a"])
    ['a', 'b', 'a#2']
    """
    seen: set[str] = set()
    result = []
    for i, name in enumerate(names):
        free = name
        while free in seen:
            free = f"{free}#{i}"
        seen.add(free)
        result.append(free)
    return result


def split_folders(names: Sequence[str]) -> list[str]:
    """Names of folders that are named after splits; none among many, which are classes."""
    return [name for name in names if split_of(name)] if len(names) <= MAX_SPLIT_FOLDERS else []


def stays_inside(name: str) -> bool:
    """Whether a path written in a file stays below the folder that it is relative to.

    >>> [stays_inside(name) for name in ("a/b.jpg", "../b.jpg", "/etc/b.jpg", "C:/b.jpg")]
    [True, False, False, False]
    """
    parts = name.replace("\\", "/").split("/")
    depth = 0
    for part in parts:
        depth += -1 if part == ".." else part not in ("", ".")
        if depth < 0:
            return False
    return bool(depth) and bool(parts[0]) and "\0" not in name and not re.match("[A-Za-z]:", name)


def has_suffix(name: str, suffixes: tuple[str, ...] = PICTURE_SUFFIXES) -> bool:
    """Whether a file that is not hidden ends so; case does not matter."""
    return name.lower().endswith(suffixes) and not name.startswith(".")


def list_folder(folder: str | os.PathLike[str]) -> tuple[list[str], list[str]]:
    """Names of the folders and of the files in a folder, sorted; none if it cannot be listed."""
    folders: list[str] = []
    files: list[str] = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if not entry.name.startswith(".") and entry.name != "__MACOSX":
                    (folders if entry.is_dir() else files).append(entry.name)
    except (OSError, ValueError):  # a name with a NUL byte
        return [], []
    return sorted(folders), sorted(files)


def walk_files(
    root: str, suffixes: tuple[str, ...], notes: Notes | None = None
) -> Iterator[tuple[str, list[str]]]:
    """Folders below a root, itself first, each relative to it, with its files of a suffix.

    Links to folders are followed, but not to one that was walked already.
    """
    seen: set[str] = set()
    waiting = [""]
    while waiting:
        relative = waiting.pop()
        place = os.path.join(root, relative) if relative else root  # noqa: PTH118 - faster
        real = os.path.realpath(place)
        if real in seen:
            if notes is not None:
                notes.add("link-loop", place)
            continue
        seen.add(real)
        if notes is not None and not os.access(place, os.R_OK | os.X_OK):
            notes.add("folder-unreadable", place)
        folders, files = list_folder(place)
        yield relative, [name for name in files if name.lower().endswith(suffixes)]
        prefix = f"{relative}/" if relative else ""
        waiting += [prefix + name for name in reversed(folders)]


def labels_of_entries(
    samples: ArrayLike,
    class_ids: ArrayLike,
    sizes: NDArray[np.float64] | None,
    *,
    class_names: Sequence[str],
    sample_ids: Sequence[str],
    task: Task,
) -> Labels:
    """Labels from annotations in any order.

    Args:
        samples: integer [m], the sample of each annotation.
        class_ids: integer [m].
        sizes: float [m], px² or pixels, NaN where not known; None for key points.
        class_names: of all classes, all different.
        sample_ids: of all samples, those without annotation included.
        task: detection, segmentation or keypoints.
    """
    sample_of = np.asarray(samples, np.int64)
    order = np.argsort(sample_of, kind="stable")
    per_sample = np.bincount(sample_of, minlength=len(sample_ids))
    if sizes is not None and task == "segmentation":
        # Whole pixels: sums of fractions would differ with the order of merging.
        sizes = np.rint(sizes)
    return Labels(
        class_ids=np.asarray(class_ids, np.int32)[order],
        class_names=tuple(class_names),
        offsets=np.concatenate([[0], np.cumsum(per_sample)]),
        sizes=None if sizes is None else sizes[order],
        sample_ids=SampleIds.from_names([_encodable(name) for name in sample_ids]),
        media="pictures",
        task=task,
    )


def _encodable(name: str) -> str:
    """The id, without halves of characters, which JSON can hold and a file name cannot."""
    try:
        name.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return name.encode("utf-8", "replace").decode()
    return name
