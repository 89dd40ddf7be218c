"""One file in its place: as a link or a copy, whole or not at all."""

import errno
import os
import shutil
from pathlib import Path
from typing import Literal

__all__ = ["COPYING", "FATAL", "FileKind", "place_file"]

FileKind = Literal["hard-links", "symbolic-links", "copies"]

COPYING = ".copying-"
"""How the names of copies begin that are not complete yet."""

NOT_LINKED = (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP, errno.EACCES)
"""Why a hard link cannot be where a symbolic one can: another file system, or its limits."""

FATAL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
"""Errors that every further file would meet too."""


def place_file(source: str, target: str, kind: FileKind, root: Path) -> FileKind:
    """Put a file into its place, and tell how: hard links become symbolic where need be.

    Args:
        source: path of the file; links are followed to it, except by symbolic links.
        target: path that it gets.
        kind: link or copy.
        root: a folder on the file system of the target, in which copies are made.

    Raises:
        OSError: the file is missing, is no regular file or cannot be read.
    """
    if not os.path.isfile(source):  # noqa: PTH113 - faster
        os.stat(source)  # noqa: PTH116 - says that it is missing
        raise OSError(errno.EINVAL, "no regular file", source)
    if not os.access(source, os.R_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), source)
    if kind == "copies":
        unfinished = root / f"{COPYING}{os.getpid()}"
        try:
            shutil.copy2(source, unfinished)
            unfinished.replace(target)
        except BaseException:
            unfinished.unlink(missing_ok=True)
            raise
        return kind
    if kind == "hard-links":
        try:
            os.link(os.path.realpath(source), target)
            return kind
        except OSError as error:
            if error.errno not in NOT_LINKED:
                raise
    # Absolute, but through the links that the source is named by.
    Path(target).symlink_to(os.path.abspath(source))  # noqa: PTH100
    return "symbolic-links"
