"""A balanced data set as a tree of class folders: links or copies, atomic and resumable."""

import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from balancekit.errors import DataError, OptionError
from balancekit.labels import Labels
from balancekit.materialize.checks import refuse_wrong_indices
from balancekit.materialize.place_files import COPYING, FATAL, FileKind, place_file
from balancekit.materialize.tree_names import tree_files
from balancekit.materialize.work_folder import Marker, refuse_unless_free, started_work
from balancekit.plan.tagged import check_name

__all__ = ["Tree", "can_be_tree", "check_tree", "write_tree"]

MAX_LOOKED_FOR = 100
"""Ids that are looked for before they are taken for no paths."""

PROGRESS_STEP = 256


@dataclass(frozen=True, kw_only=True)
class Tree:
    """A tree that was written.

    Attributes:
        folder: where it is.
        n_files: files in it.
        n_found: of them, those that an interrupted run had left there.
        n_linked_otherwise: of them, those that could only be linked symbolically.
        skipped: the files that could not be read, and why.
    """

    folder: Path
    n_files: int
    n_found: int
    n_linked_otherwise: int
    skipped: tuple[str, ...]


def can_be_tree(labels: Labels) -> bool:
    """Whether samples are files of their own, each of one class, as a tree needs them."""
    return labels.offsets is None and any(
        os.path.isfile(name)  # noqa: PTH113 - NUL bytes
        for name in _first_ids(labels)
    )


def _first_ids(labels: Labels) -> list[str]:
    return [*islice(filter(None, labels.sample_ids or ()), MAX_LOOKED_FOR)]


def check_tree(labels: Labels, folder: str | os.PathLike[str]) -> None:
    """Refuse a tree that cannot be written, before the work and not after it.

    Raises:
        DataError: the samples are no files.
        OptionError: the folder holds something else, or has no folder to stand in.
    """
    _refuse_unless_files(labels)
    refuse_unless_free(Path(folder), None)


def write_tree(
    labels: Labels,
    indices: NDArray[np.integer],
    folder: str | os.PathLike[str],
    *,
    files: FileKind = "hard-links",
    what: str = "",
    on_progress: Callable[[int], None] | None = None,
) -> Tree:
    """Write the drawn files as `folder/class/name`, which every reader of image folders reads.

    The tree grows in a hidden folder beside, and is moved into place when it is complete.
    Started again after an interruption, it goes on where it stopped. Repeats have numbers:
    1.jpg, 1__2.jpg. A file that cannot be read is left out and told.

    Args:
        labels: one class a sample, whose ids are paths of files.
        indices: integer [n_drawn], as `resample` gives them.
        folder: of the tree; new, empty, or left by a run with the same arguments.
        files: "hard-links" take no room, and are symbolic ones where the data lie on another
            file system; "copies" may be changed without changing the data.
        what: is written, in words, for who finds the folder.
        on_progress: called with the number of files placed since the last call.

    Raises:
        DataError: the samples are no files, or carry several classes.
        OptionError: the folder holds something else, has no folder to stand in, or is taken
            away meanwhile; indices are not of labelled samples; or `files` is no such kind.
        OSError: the disk is full or cannot be written.
    """
    _refuse_unless_files(labels)
    refuse_wrong_indices(labels, indices)
    check_name("files", files, get_args(FileKind))
    marker = Marker(what=what, fingerprint=_fingerprint(labels, indices, files))
    target = Path(folder).resolve()
    is_there = refuse_unless_free(Path(folder), marker)
    work = target if is_there else started_work(target, marker)
    tree = _fill(work, target, tree_files(labels, indices), files, on_progress or _ignore)
    for stray in work.glob(f"{COPYING}*"):  # of a run that was killed
        stray.unlink(missing_ok=True)
    if not refuse_unless_free(Path(folder), marker):  # unless another run was first
        if target.exists():
            target.rmdir()
        work.rename(target)
    return tree


def _ignore(n_more: int) -> None:
    pass


def _fill(
    work: Path,
    target: Path,
    wanted: Iterator[tuple[str, str]],
    files: FileKind,
    on_progress: Callable[[int], None],
) -> Tree:
    """Place the files that are not there yet."""
    n_placed = n_found = n_otherwise = 0
    skipped: dict[str, str] = {}  # a file that is drawn several times is told once
    made: set[str] = set()
    for number, (source, place) in enumerate(wanted, 1):
        class_folder = place.partition("/")[0]
        if class_folder not in made:
            (work / class_folder).mkdir(exist_ok=True)
            made.add(class_folder)
        path = f"{work}/{place}"
        if os.path.lexists(path):
            n_found += 1
        else:
            try:
                n_otherwise += place_file(source, path, files, work) != files
                n_placed += 1
            except FileExistsError:  # another run of the same was first
                n_found += 1
            except OSError as error:
                if error.errno in FATAL:
                    raise
                if not work.is_dir():
                    raise _gone(work) from None
                skipped[source] = error.strerror or str(error)
        if number % PROGRESS_STEP == 0:
            on_progress(PROGRESS_STEP)
    return Tree(
        folder=target,
        n_files=n_placed + n_found,
        n_found=n_found,
        n_linked_otherwise=n_otherwise,
        skipped=tuple(f"{source}: {reason}" for source, reason in skipped.items()),
    )


def _gone(work: Path) -> OptionError:
    return OptionError(
        f"{work}: expected to write on in this folder, but it is gone, as when another run of the "
        "same command was first. Look whether the tree is there, or start again."
    )


def _refuse_unless_files(labels: Labels) -> None:
    """Refuse labels whose samples are no files of their own, each in the folder of one class.

    Raises:
        DataError: they have several classes or no ids, or none of the first is a file.
    """
    if can_be_tree(labels):
        return
    if labels.offsets is not None:
        raise DataError(
            "labels: expected one class a sample, for a folder a class, got several. Write the "
            "indices instead, to a file whose name ends in .npy, .csv or .parquet."
        )
    first = _first_ids(labels)
    got = f"ids that are no files, such as {first[0]!r}" if first else "samples without ids"
    raise DataError(
        f"labels: expected samples that are files, for a tree of them, got {got}. Write the "
        "indices instead, to a file whose name ends in .npy, .csv or .parquet."
    )


def _fingerprint(labels: Labels, indices: NDArray[np.integer], files: FileKind) -> str:
    """A digest of what decides the tree: which files go where, and how."""
    digest = hashlib.sha256(files.encode())
    for source, place in tree_files(labels, indices):
        absolute = os.path.abspath(source)  # noqa: PTH100
        digest.update(f"{absolute}\0{place}\0".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()
