"""The folder in which a data set grows before it is moved into place, and how it is known."""

import errno
import os
import shutil
from pathlib import Path
from types import TracebackType

import msgspec

from balancekit.errors import OptionError
from balancekit.files import write_whole

__all__ = ["MARKER", "Hold", "Marker", "marker_in", "refuse_unless_free", "started_work"]

MARKER = ".balancekit.json"
"""File by which a folder is known to be ours; hidden, so that no reader takes it for a sample."""


class Marker(msgspec.Struct, frozen=True, kw_only=True):
    """What a folder was made of and how; the same for a run that is started again."""

    made_by: str = "balancekit"
    what: str
    fingerprint: str


class Hold:
    """Keeps other runs out of a folder until the block is left, or the process ends, however.

    Systems and file systems that know no such locks (Windows, some networks) keep nobody out.
    """

    def __init__(self) -> None:
        self._descriptor = -1

    def __enter__(self) -> "Hold":
        """Nothing is held yet."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let others in."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def take(self, folder: Path) -> None:
        """Hold a folder that is there; again, it is held already.

        Raises:
            OptionError: another run holds it.
        """
        try:
            import fcntl
        except ImportError:
            return
        if self._descriptor >= 0:
            return
        try:
            self._descriptor = os.open(folder, os.O_RDONLY)
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.stat(folder)  # noqa: PTH116 - gone, if a run has ended since it was opened
        except OSError as error:
            if error.errno in (errno.EAGAIN, errno.ENOENT):  # held, or just moved into place
                raise _is_at_work(folder) from None


def _is_at_work(folder: Path) -> OptionError:
    return OptionError(
        f"{folder}: expected to be the only run that writes there, but another is at work. Wait "
        "until it is done, or name another folder."
    )


def refuse_unless_free(folder: Path, marker: Marker | None) -> bool:
    """Whether the tree of this marker is there already; refuse a folder that is not free.

    Raises:
        OptionError: a file stands there, or other files do, or a tree of other settings.
    """
    target = folder.resolve()
    if not target.parent.is_dir():
        raise OptionError(
            f"{folder}: expected a folder in an existing one, got no folder {target.parent}. "
            "Make that first."
        )
    if not target.exists():
        return False
    if not target.is_dir():
        raise OptionError(f"{folder}: expected a folder, got a file of this name")
    if not any(target.iterdir()):
        return False
    there = marker_in(target)
    if there is None:
        raise OptionError(
            f"{folder}: expected a new or empty folder, got one that holds other files. Name "
            "another, or empty it yourself."
        )
    if marker is not None and there.fingerprint != marker.fingerprint:
        raise OptionError(
            f"{folder}: expected a new folder, or one of the same data and settings, got one of "
            f"others ({there.what or 'not named'}). Name another, or delete it yourself."
        )
    return True


def started_work(target: Path, marker: Marker) -> Path:
    """The folder in which the tree grows: new, or left by an interrupted run.

    Raises:
        OptionError: something else has its name.
    """
    work = target.with_name(f".{target.name}.unfinished")
    there = marker_in(work)
    if there is not None and there.fingerprint != marker.fingerprint:
        shutil.rmtree(work)  # links and copies that we made, for settings no longer wanted
    elif there is None and work.exists() and not all(map(_is_begun_marker, work.iterdir())):
        raise OptionError(
            f"{work}: expected nothing, or what an interrupted run has left, got other files. "
            "Move them away."
        )
    work.mkdir(exist_ok=True)
    for begun in filter(_is_begun_marker, work.iterdir()):
        begun.unlink()
    write_whole(msgspec.json.format(msgspec.json.encode(marker), indent=2) + b"\n", work / MARKER)
    return work


def _is_begun_marker(entry: Path) -> bool:
    """Whether a run was killed while it wrote the first thing that it writes."""
    return entry.name.startswith(f".{MARKER}.")


def marker_in(folder: Path) -> Marker | None:
    """The marker of a folder; None if it is not ours."""
    try:
        return msgspec.json.decode((folder / MARKER).read_bytes(), type=Marker)
    except (OSError, msgspec.DecodeError):
        return None
