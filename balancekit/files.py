"""Writing files: complete, or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from balancekit.errors import OptionError

__all__ = ["open_whole", "write_whole"]


@contextmanager
def open_whole(target: str | os.PathLike[str], *, aside: Path | None = None) -> Iterator[BinaryIO]:
    """A file to write under a temporary name, moved into its place when all went well.

    Args:
        target: of the file; what stands there is replaced only when the new one is complete.
        aside: folder for the file until then, on the same file system; beside the target if
            None. What a killed process leaves is there.

    Raises:
        OptionError: the folder of the file is missing, or the file is itself a folder.
    """
    place = Path(target).resolve()
    if place.is_dir():
        raise OptionError(f"{target}: expected the name of a file, got a folder")
    if not place.parent.is_dir():
        raise OptionError(
            f"{target}: expected a file in an existing folder, got no folder {place.parent}"
        )
    if place.exists() and not place.is_file():  # a device or a pipe has no place to move into
        with place.open("wb") as file:
            yield file
        return
    unfinished = (aside or place.parent) / f".{place.name}.{os.getpid()}"
    try:
        with unfinished.open("wb") as file:
            yield file
        unfinished.replace(place)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


def write_whole(
    content: bytes, target: str | os.PathLike[str], *, aside: Path | None = None
) -> None:
    """Write a file with this content, complete or not at all.

    Raises:
        OptionError: as `open_whole`.
    """
    with open_whole(target, aside=aside) as file:
        file.write(content)
