"""The folder beside the target in which a set grows, and how a run that stopped goes on."""

import errno
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import msgspec

from balancekit.errors import OptionError
from balancekit.files import write_whole
from balancekit.materialize.place_files import NOT_LINKED, place_file
from balancekit.materialize.work_folder import (
    MARKER,
    Hold,
    Marker,
    marker_in,
    refuse_unless_free,
    started_work,
)

__all__ = ["Growth", "place_original", "refuse_inside", "started_growth", "stopped_by"]


@dataclass(frozen=True)
class Growth:
    """Where the parts of an unfinished set lie.

    Attributes:
        target: the folder that the set gets.
        work: all that is unfinished; hidden, beside the target.
        marker: of what the set is made.
    """

    target: Path
    work: Path
    marker: Marker

    @property
    def folder(self) -> Path:
        """The set itself."""
        return self.work / "set"

    @property
    def aside(self) -> Path:
        """Files that are not whole yet."""
        return self.work / "aside"

    @property
    def records(self) -> Path:
        """What was made of which parent."""
        return self.work / "records"

    def move_into_place(self) -> None:
        """Let the finished set be the target, and take the rest away."""
        write_whole(
            msgspec.json.encode(self.marker) + b"\n", self.folder / MARKER, aside=self.aside
        )
        if self.target.exists():  # empty, as was checked
            self.target.rmdir()
        self.folder.rename(self.target)
        self.clear()

    def clear(self) -> None:
        """Take away what is left of the work."""
        shutil.rmtree(self.work, ignore_errors=True)


def refuse_inside(out: Path, data: Path) -> None:
    """Refuse a target within the data, which would be read as a part of them, or around them.

    Raises:
        OptionError: it is one.
    """
    target, source = out.resolve(), data.resolve()
    if target.is_relative_to(source) or source.is_relative_to(target):
        raise OptionError(
            f"{out}: expected a folder outside of the data, got one that shares files with "
            f"{data}. Name one beside."
        )


def started_growth(out: Path, marker: Marker, hold: Hold, *, resume: bool) -> Growth | None:
    """Where the set grows: new, or left by an interrupted run; None if it is finished.

    Args:
        out: the folder that the set gets.
        marker: of what the set is made.
        hold: keeps other runs out of the folder.
        resume: whether to go on with what was left.

    Raises:
        OptionError: the target holds something else, or an interrupted run has left something
            and it is not said to go on, or it was of other data or settings, or another run
            is at work.
    """
    target = out.resolve()
    growth = Growth(target, target.with_name(f".{target.name}.unfinished"), marker)
    is_there = refuse_unless_free(out, marker)
    if is_there and not resume:
        raise OptionError(
            f"{out}: expected a new or empty folder, got the finished set of the same data and "
            "settings. Use it, or delete it yourself."
        )
    if is_there:
        growth.clear()
        return None
    left = marker_in(growth.work)
    if left is not None:
        hold.take(growth.work)
    if left is not None and not resume:
        raise OptionError(
            f"{out}: expected a new start, but an interrupted run ({left.what}) has left "
            f"{growth.work}. Go on with it by resume, or delete it yourself."
        )
    if left is not None and left.fingerprint != marker.fingerprint:
        raise OptionError(
            f"{growth.work}: expected what a run with the same data, settings and versions has "
            f"left, got that of another ({left.what}). Run that again, or delete it yourself."
        )
    hold.take(started_work(target, marker))
    shutil.rmtree(growth.aside, ignore_errors=True)  # what a killed run had not finished
    for folder in (growth.folder, growth.aside, growth.records):
        folder.mkdir(exist_ok=True)
    return growth


def place_original(source: Path, place: Path, aside: Path) -> bool:
    """Put a file of the data into the set, as a hard link, or as a copy where none can be.

    Returns:
        Whether it is a link.

    Raises:
        OSError: the file is missing, or the disk is full.
    """
    try:
        _link(source, place)
        return True
    except FileExistsError:  # of an interrupted run
        return place.stat().st_nlink > 1
    except OSError as error:
        if error.errno not in NOT_LINKED:
            raise
    place.parent.mkdir(parents=True, exist_ok=True)
    place_file(str(source), str(place), "copies", aside)
    return False


def _link(source: Path, place: Path) -> None:
    if source.is_symlink():  # which a hard link would be one more of
        source = source.resolve()
    try:
        os.link(source, place)
    except FileNotFoundError:  # it is the folder that is missing, or the source
        place.parent.mkdir(parents=True, exist_ok=True)
        os.link(source, place)


def stopped_by(error: OSError, growth: Growth) -> OSError:
    """The error of a run that could not write on, with what to do."""
    reason = error.strerror or str(error)
    room = " Make room." if error.errno in (errno.ENOSPC, errno.EDQUOT) else ""
    told = (
        f"{reason}. The run stopped, and nothing half-written is left: what is done waits in "
        f"{growth.work}.{room} The same command with --resume goes on."
    )
    return OSError(error.errno, told, str(growth.target))
