"""What lies in a folder of pictures: which files are samples, and why the others are not."""

import errno
import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import lru_cache
from itertools import islice
from operator import itemgetter
from pathlib import Path
from typing import Literal, Protocol

from balancekit.sources.annotated_pictures import Notes
from balancekit.sources.pictures import PICTURE_SUFFIXES

__all__ = [
    "TREE_MARKER",
    "Entry",
    "FolderScan",
    "ScanFolder",
    "first_kinds",
    "has_picture",
    "is_folder",
    "is_hidden",
    "mask_beside",
    "place",
    "scan_class_folder",
]

LOSSY_SUFFIXES = (".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff")
"""Beside a picture in one of these, a .png of the same stem is its mask."""

LOSSY_ENDS = frozenset(suffix[-4:] for suffix in LOSSY_SUFFIXES)

ENTRIES_AT_ONCE = 128
"""Entries of a folder looked at together: fast, and no more memory for a folder of millions."""

LAST_FOUR = itemgetter(slice(-4, None))

PLAIN_SUFFIXES = frozenset(s for p in PICTURE_SUFFIXES if len(p) == 4 for s in (p, p.upper()))
"""Ends of nearly all names of pictures, told without a call."""

TREE_MARKER = ".balancekit.json"
"""By which a tree that balancekit wrote is known to be ours: no file left behind."""

OURS = (TREE_MARKER, ".balancekit")
"""The marker, and the folder of the manifest that `balancekit augment` writes."""

MAX_LOOKED_AT = 1000
"""Files of a class folder looked at to tell what they are."""


class Entry(Protocol):
    """A file or folder within a folder, as `os.DirEntry` is one."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def path(self) -> str:
        """The path of its folder, and its name."""

    def is_file(self, *, follow_symlinks: bool = True) -> bool:
        """Whether it is a regular file."""

    def is_dir(self, *, follow_symlinks: bool = True) -> bool:
        """Whether it is a folder."""

    def is_symlink(self) -> bool:
        """Whether it is a link."""


ScanFolder = Callable[[str], AbstractContextManager[Iterable[Entry]]]


class FolderScan:
    """What was found so far; its memory does not grow with what is only counted.

    Attributes:
        n_pictures: samples.
        pictures: their paths, where they are kept.
        notes: what was left out, and why.
    """

    def __init__(self) -> None:
        self.n_pictures = 0
        self.pictures: list[str] = []
        self.notes = Notes()


def scan_class_folder(
    path: str,
    scan: FolderScan | None = None,
    *,
    keep: bool = False,
    scan_folder: ScanFolder | None = None,
) -> FolderScan:
    """Pictures in and below a class folder, and what was left out and why.

    A file is no sample if it is hidden, no picture, or a mask: a .png beside a picture of
    the same stem in a lossy format. What is neither a file nor a folder is never opened.

    Args:
        path: of the folder.
        scan: what was found before, to which this is added.
        keep: whether the paths of the pictures are kept, sorted, or only counted.
        scan_folder: lists a folder; `os.scandir` if None.
    """
    scan = scan or FolderScan()
    list_folder = scan_folder or os.scandir
    names_of: dict[str, list[str]] = {}
    waiting = [path]
    while waiting:
        folder = waiting.pop()
        names: list[str] | None = [] if keep else None
        tally = _scan_one(folder, scan, waiting, names, list_folder)
        n_pictures = sum(tally.values())
        if _may_hold_masks(tally):
            if names is None:  # only a folder that may hold masks has to keep its names
                names = []
                _scan_one(folder, FolderScan(), [], names, list_folder)
            names = _without_masks(folder, names, scan)
            n_pictures = len(names)
        if n_pictures and folder != path:
            scan.notes.add("folder-below-class", folder)
        if names and keep:
            names_of[folder] = names
        scan.n_pictures += n_pictures
    for folder in sorted(names_of):
        scan.pictures += [f"{folder}/{name}" for name in sorted(names_of[folder])]
    return scan


def has_picture(path: str, scan_folder: ScanFolder | None = None) -> bool:
    """Whether a picture lies in or below a folder; the search ends at the first."""
    waiting = [path]
    while waiting:
        try:
            with (scan_folder or os.scandir)(waiting.pop()) as entries:
                if any(_place(entry, FolderScan(), waiting) for entry in entries):
                    return True
        except OSError:  # counting tells of it
            continue
    return False


def first_kinds(path: str) -> Counter[str]:
    """How many of the first files in and below a folder are pictures, and how many others."""
    kinds: Counter[str] = Counter()
    waiting = [path]
    while waiting and kinds.total() < MAX_LOOKED_AT:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in islice(entries, MAX_LOOKED_AT):
                    kind = "hidden" if is_hidden(entry.name) else place(entry, FolderScan())
                    kinds[kind] += 1
                    if kind == "folder":
                        waiting.append(entry.path)
        except OSError:  # counting tells of it
            continue
    return kinds


def place(entry: Entry, scan: FolderScan) -> Literal["picture", "folder", "other"]:
    """What an entry is; what is neither a picture nor a folder to look into is noted."""
    waiting: list[str] = []
    if _place(entry, scan, waiting):
        return "picture"
    return "folder" if waiting else "other"


def is_folder(entry: Entry) -> bool:
    """Whether an entry is a folder, or a link to one."""
    return _is(entry.is_dir)


def is_hidden(name: str) -> bool:
    """Whether a file or folder is left behind by a system and no part of the data."""
    return name.startswith(".") or name in ("__MACOSX", "Thumbs.db", "desktop.ini")


def _scan_one(
    folder: str,
    scan: FolderScan,
    waiting: list[str],
    names: list[str] | None,
    list_folder: ScanFolder,
) -> dict[str, int]:
    """Pictures of one folder by the end of their names; folders in it are put to those waiting."""
    tally: Counter[str] = Counter()
    try:
        with list_folder(folder) as listed:
            entries = iter(listed)
            while chunk := list(islice(entries, ENTRIES_AT_ONCE)):
                pictures = _pictures_of(chunk, scan, waiting)
                tally.update(map(LAST_FOUR, pictures))
                if names is not None:
                    names += pictures
    except OSError as error:
        scan.notes.add("folder-unreadable", f"{folder} ({error.strerror})")
    return tally


def _pictures_of(entries: Sequence[Entry], scan: FolderScan, waiting: list[str]) -> list[str]:
    """Names of the entries that are pictures; the others are noted, or folders put to wait."""
    names = [entry.name for entry in entries if entry.is_file(follow_symlinks=False)]
    # Nearly every folder is told here, with few calls an entry: all are files and plain
    # pictures, and none is hidden, as no name begins with a full stop or what sorts before.
    if (
        len(names) == len(entries)
        and PLAIN_SUFFIXES.issuperset(map(LAST_FOUR, names))
        and min(names) > "/"
    ):
        return names
    return [entry.name for entry in entries if _place(entry, scan, waiting)]


def _place(entry: Entry, scan: FolderScan, waiting: list[str]) -> str:
    """The suffix of a picture, or nothing: then it is noted, or a folder put to those waiting."""
    if is_hidden(entry.name):
        if entry.name not in OURS:
            scan.notes.add("hidden-file", entry.path)
        return ""
    if is_folder(entry):
        if entry.is_symlink() and _leads_back(entry.path):
            scan.notes.add("link-loop", entry.path)
        else:
            waiting.append(entry.path)
        return ""
    suffix = os.path.splitext(entry.name)[1].lower()  # noqa: PTH122 - of a name, and often
    if suffix in PICTURE_SUFFIXES and (_is(entry.is_file) or _leads_nowhere(entry)):
        return suffix
    if entry.is_symlink() and _leads_to_itself(entry.path):
        scan.notes.add("link-loop", entry.path)
    else:  # also a pipe, a socket or a device, whatever its name
        scan.notes.add("file-not-picture", entry.path)
    return ""


def _is(kind: Callable[[], bool]) -> bool:
    """Whether an entry is of a kind; not if its link cannot be followed."""
    try:
        return kind()
    except OSError:
        return False


def _leads_nowhere(entry: Entry) -> bool:
    """Whether a link has no end: a picture that is missing, which checking it tells."""
    return entry.is_symlink() and not os.path.exists(entry.path)  # noqa: PTH110


def _leads_to_itself(link: str) -> bool:
    try:
        os.stat(link)  # noqa: PTH116
    except OSError as error:
        return error.errno == errno.ELOOP
    return False


def _leads_back(link: str) -> bool:
    """Whether a link leads to a folder on the way to it, or above."""
    target = os.path.realpath(link) + os.sep
    # All folders on the way, not the last alone: two links may lead to one another.
    return any((_real(str(folder)) + os.sep).startswith(target) for folder in Path(link).parents)


@lru_cache(maxsize=1024)
def _real(folder: str) -> str:
    """The folder without links, kept as a folder may hold 100,000 links."""
    return os.path.realpath(folder)


def mask_beside(picture: str) -> str | None:
    """The mask of a picture: the .png of its stem beside it, if it is of a kind that has masks."""
    stem, suffix = os.path.splitext(picture)  # noqa: PTH122 - text, as all paths here
    if suffix.lower() not in LOSSY_SUFFIXES:
        return None
    masks = (stem + end for end in (".png", ".PNG"))
    return next((mask for mask in masks if os.path.isfile(mask)), None)  # noqa: PTH113


def _may_hold_masks(tally: Mapping[str, int]) -> bool:
    return (".png" in tally or ".PNG" in tally) and any(end.lower() in LOSSY_ENDS for end in tally)


def _without_masks(folder: str, names: list[str], scan: FolderScan) -> list[str]:
    """Names of the pictures that are no masks, which are noted."""
    lossy = {os.path.splitext(n)[0] for n in names if n.lower().endswith(LOSSY_SUFFIXES)}  # noqa: PTH122
    pictures = []
    for name in names:
        if name[-4:].lower() == ".png" and name[:-4] in lossy:
            scan.notes.add("mask-beside-picture", f"{folder}/{name}")
        else:
            pictures.append(name)
    return pictures
