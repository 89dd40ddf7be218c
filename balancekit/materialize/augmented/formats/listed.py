"""What the formats share: the pictures of a split, and the places of files."""

import os
import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from balancekit.errors import DataError
from balancekit.labels import Labels
from balancekit.sources.pictures import readable
from balancekit.stats import Problem, ProblemKind

__all__ = ["ListedPictures", "beside", "listed_pictures", "places_below"]


@dataclass(frozen=True, kw_only=True)
class ListedPictures:
    """The samples of a split whose pictures are there.

    Args:
        root: the folder of the data, absolute, as workers may start elsewhere.
        labels: of these samples; their ids are the paths of the pictures.
        problems: what was met when they were listed, and is missing.
    """

    root: Path
    labels: Labels
    problems: Mapping[ProblemKind, Problem]

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes of the labels."""
        return self.labels.class_names

    @cached_property
    def ids(self) -> Sequence[str]:
        """The picture of each sample, relative to the root, with "/"."""
        return [self.id_of(self.picture(i)) for i in range(self.labels.n_samples)]

    def picture(self, index: int) -> str:
        """The path of the picture of a sample."""
        assert self.labels.sample_ids is not None
        return self.labels.sample_ids[index]

    def id_of(self, path: str | Path) -> str:
        """A file relative to the root, so that it is called the same wherever the data lie."""
        return _below(path, self.root).replace(os.sep, "/")

    def place(self, path: str) -> str:
        """Where a file below the root lies in what is written: at the same place."""
        return _relative(path, self.root)


def listed_pictures(
    labels: Labels, problems: Mapping[ProblemKind, Problem], what: str
) -> tuple[Labels, dict[ProblemKind, Problem]]:
    """Those of the samples whose picture is there, and the problems with those missing.

    Raises:
        DataError: none is there.
    """
    assert labels.sample_ids is not None
    paths = list(labels.sample_ids)
    there = [i for i, path in enumerate(paths) if os.path.isfile(path)]  # noqa: PTH113
    told = dict(problems)
    if not there:
        raise DataError(
            f"{what}: expected the pictures of {len(paths)} samples beside their annotations, got "
            f"none of them, such as {readable(paths[0])}. Put them there, or give the path of "
            "the folder that holds both."
        )
    if len(there) < len(paths) and "picture-missing" not in told:
        gone = np.setdiff1d(np.arange(len(paths)), there).tolist()
        told["picture-missing"] = Problem.of(readable(paths[i]) for i in gone)
    return labels if len(there) == len(paths) else labels.take(there), told


def places_below(folder: str, paths: Sequence[str]) -> list[str]:
    """A place in a folder for each file, all different: as they lie below what they share.

    >>> places_below("images/train", ["d/a/1.jpg", "d/b/1.jpg"])
    ['images/train/a/1.jpg', 'images/train/b/1.jpg']
    """
    absolute = [os.path.abspath(path) for path in paths]  # noqa: PTH100 - links are kept
    shared = os.path.commonpath([os.path.dirname(path) for path in absolute])  # noqa: PTH120
    return [f"{folder}/{_relative(path, Path(shared))}" for path in absolute]


def beside(place: str, name: str) -> str:
    """A place in the folder of another.

    >>> beside("train/cat/1.jpg", "2.png")
    'train/cat/2.png'
    """
    return posixpath.join(posixpath.dirname(place), name)


def _relative(path: str, root: Path) -> str:
    below = _below(path, root)
    if below.startswith(".."):
        return Path(path).absolute().as_posix()
    return below.replace(os.sep, "/")


def _below(path: str | Path, root: Path) -> str:
    """`os.path.relpath`, which takes ten times as long for what plainly lies below."""
    start, path = f"{root}{os.sep}", str(path)
    below = path.removeprefix(start)
    if path.startswith(start) and os.path.normpath(below) == below:
        return below
    return os.path.relpath(path, root)
