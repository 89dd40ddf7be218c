"""Image folders: `DATA/CLASS/**/picture.jpg`, or with splits `DATA/train/CLASS/**`.

Samples come in the order of torchvision's ImageFolder: classes by name, then folders by
path, then files by name.
"""

import os
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from balancekit.errors import DataError, OptionError
from balancekit.labels import Labels, SampleIds
from balancekit.sources.parts import CountedShard
from balancekit.sources.pictures import PICTURE_SUFFIXES, picture_check_shards, readable
from balancekit.sources.source import Checks, ReadOptions, Source
from balancekit.stats import Counts, Problem, ProblemKind, Shard

__all__ = ["ImageFolder", "open_image_folder", "recognise", "scan_class_folder"]

SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "test": "test",
    "testing": "test",
    "eval": "test",
}
LOSSY_SUFFIXES = (".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff")


@dataclass
class FolderScan:
    """What lies in one class folder: picture paths below it, and what was left out."""

    pictures: list[str] = field(default_factory=list)
    problems: dict[ProblemKind, Problem] = field(default_factory=dict)

    def note(self, kind: ProblemKind, *paths: str) -> None:
        """Count one occurrence a path."""
        if paths:
            problem = Problem(count=len(paths), examples=tuple(sorted(map(readable, paths))[:5]))
            known = self.problems.get(kind)
            self.problems[kind] = problem if known is None else known + problem


def recognise(path: Path) -> str | None:
    """Why a path is taken for this format, in words; None if it is not."""
    return "a folder" if path.is_dir() else None


def open_image_folder(path: Path, options: ReadOptions) -> "ImageFolder":
    """The source of a folder of class folders.

    Raises:
        OptionError: a label is named, which folders do not have.
    """
    if options.label is not None:
        raise OptionError(f"label: expected only with a table, got {options.label!r} with {path}")
    return ImageFolder(path, options.split)


class ImageFolder:
    """A folder of class folders of pictures.

    Args:
        root: the folder.
        split: the split to read, where the class folders lie in split folders; "train" is
            taken if it is not given.

    Raises:
        DataError: no class folder with pictures is there.
    """

    format = "image-folder"

    def __init__(self, root: Path, split: str | None = None) -> None:
        self._root = root
        self.base, self._split_note, self._other_splits = _find_split(root, split)
        self.split = self.base.name if self._split_note else None
        self.class_folders, self._outside = _class_folders(self.base)

    @property
    def description(self) -> str:
        """What was taken and why, in words."""
        n_classes = len(self.class_folders)
        folders = "class folder" if n_classes == 1 else "class folders"
        return f"image folder {readable(self._root)} ({n_classes} {folders}{self._split_note})"

    @cached_property
    def _scans(self) -> dict[str, FolderScan]:
        scans = {name: scan_class_folder(path) for name, path in self.class_folders.items()}
        if not any(scan.pictures for scan in scans.values()):
            raise DataError(_no_pictures_message(self.base, scans.values()))
        return scans

    def other_splits(self) -> Mapping[str, Source]:
        """The other split folders."""
        return {name: ImageFolder(self._root, name) for name in self._other_splits}

    def read_labels(self) -> Labels:
        """Labels whose ids are the paths of the pictures."""
        sizes = [len(scan.pictures) for scan in self._scans.values()]
        paths = [path for scan in self._scans.values() for path in scan.pictures]
        prefix = os.path.join(self.base, "")  # noqa: PTH118 - Path drops the last separator
        names = [path.removeprefix(prefix) for path in paths]
        return Labels(
            class_ids=np.repeat(np.arange(len(sizes), dtype=np.int32), sizes),
            class_names=tuple(map(readable, self._scans)),
            sample_ids=SampleIds.from_names(names, prefix),
            media="pictures",
        )

    def order_classes(self, names: set[str]) -> tuple[str, ...]:
        """By name as text, as torchvision has it: "10" before "2"."""
        return tuple(readable(name) for name in self.class_folders)

    def shards(self) -> Iterable[Shard]:
        """One shard a class folder, and one for what lies outside of them."""
        if not any(scan.pictures for scan in self._scans.values()):
            return
        yield CountedShard(Counts(media="pictures", problems=dict(self._outside.problems)))
        if self._other_splits:
            left_out = FolderScan()
            left_out.note("other-split", *self._other_splits)
            yield CountedShard(Counts(problems=dict(left_out.problems)))
        for name, scan in self._scans.items():
            yield ClassFolderShard(readable(name), scan)

    def check_shards(self, checks: Checks) -> Iterable[Shard]:
        """Chunks of pictures to look at."""
        named = replace(checks, split=checks.split or self.split or "")
        return picture_check_shards(self.read_labels(), named)


@dataclass(frozen=True)
class ClassFolderShard:
    """One class folder."""

    class_name: str
    scan: FolderScan

    def count(self) -> Counts:
        """The count of its pictures."""
        n_pictures = len(self.scan.pictures)
        return Counts(
            samples_per_class={self.class_name: n_pictures},
            n_samples=n_pictures,
            media="pictures",
            problems=dict(self.scan.problems),
        )


def scan_class_folder(path: str) -> FolderScan:
    """Pictures below a class folder, sorted, and what was left out and why.

    A file is no sample if it is hidden, no picture, or a mask: a .png beside a picture of
    the same stem in a lossy format.
    """
    scan = FolderScan()
    files_of: dict[str, list[str]] = {}
    waiting = [path]
    while waiting:
        folder = waiting.pop()
        try:
            with os.scandir(folder) as entries:
                _sort_entries(folder, entries, scan, files_of, waiting)
        except OSError as error:
            scan.note("folder-unreadable", f"{folder} ({error.strerror})")
    for folder in sorted(files_of):
        names = sorted(files_of[folder])
        lossy = {os.path.splitext(n)[0] for n in names if n.lower().endswith(LOSSY_SUFFIXES)}  # noqa: PTH122
        masks = {n for n in names if n[-4:].lower() == ".png" and n[:-4] in lossy}
        scan.note("mask-beside-picture", *(f"{folder}/{name}" for name in masks))
        scan.pictures += [f"{folder}/{name}" for name in names if name not in masks]
    return scan


def _sort_entries(
    folder: str,
    entries: Iterable[os.DirEntry[str]],
    scan: FolderScan,
    files_of: dict[str, list[str]],
    waiting: list[str],
) -> None:
    for entry in entries:
        name = entry.name
        if is_hidden(name):
            scan.note("hidden-file", entry.path)
        elif name.lower().endswith(PICTURE_SUFFIXES) and not entry.is_dir():
            files_of.setdefault(folder, []).append(name)
        elif entry.is_dir():
            if entry.is_symlink() and _leads_back(entry.path):
                scan.note("link-loop", entry.path)
            else:
                waiting.append(entry.path)
        else:
            scan.note("file-not-picture", entry.path)


def is_hidden(name: str) -> bool:
    """Whether a file or folder is left behind by a system and no part of the data."""
    return name.startswith(".") or name in ("__MACOSX", "Thumbs.db", "desktop.ini")


def _leads_back(link: str) -> bool:
    """Whether a link leads to a folder on the way to it, or above."""
    target = os.path.realpath(link) + os.sep
    # All folders on the way, not the last alone: two links may lead to one another.
    return any(
        (os.path.realpath(folder) + os.sep).startswith(target) for folder in Path(link).parents
    )


def _list_folder(path: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(path) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        raise DataError(f"{path}: cannot be listed ({error.strerror})") from None


def _find_split(root: Path, split: str | None) -> tuple[Path, str, list[str]]:
    """Folder of the class folders, a note on the split, and the splits left aside."""
    folders = [entry.name for entry in _list_folder(root) if entry.is_dir()]
    folders = [name for name in folders if not is_hidden(name)]
    splits = {SPLIT_NAMES.get(name.lower(), ""): name for name in reversed(folders)}
    if not folders or "" in splits:
        if split is not None:
            raise DataError(
                f"{root}: expected split folders such as train and val, got {folders[:6]}. "
                "Leave out --split."
            )
        return root, "", []
    wanted = split or "train"
    if wanted in folders:
        taken = wanted
    elif wanted in splits:
        taken = splits[wanted]
    elif split is None:
        taken = folders[0]
    else:
        raise DataError(f"{root}: expected one of the splits {folders}, got {split!r}")
    others = [name for name in folders if name != taken]
    aside = f"; left aside: {', '.join(others)}" if others else ""
    return root / taken, f", split {taken}{aside}", others


def _class_folders(base: Path) -> tuple[dict[str, str], FolderScan]:
    """Path of each class folder by its name, and what lies beside them."""
    outside = FolderScan()
    folders = {}
    entries = _list_folder(base)
    for entry in entries:
        if is_hidden(entry.name):
            outside.note("hidden-file", entry.path)
        elif entry.is_symlink() and entry.is_dir() and _leads_back(entry.path):
            outside.note("link-loop", entry.path)
        elif entry.is_dir():
            folders[entry.name] = entry.path
        elif entry.name.lower().endswith(PICTURE_SUFFIXES):
            outside.note("picture-outside-class", entry.path)
        else:
            outside.note("file-not-picture", entry.path)
    if not folders:
        got = "an empty folder" if not entries else f"{len(entries)} files and no class folder"
        raise DataError(f"{base}: expected class folders such as {base}/cat/1.jpg, got {got}")
    return folders, outside


def _no_pictures_message(base: Path, scans: Iterable[FolderScan]) -> str:
    suffixes: Counter[str] = Counter()
    unreadable = 0
    for scan in scans:
        unreadable += "folder-unreadable" in scan.problems
        if (others := scan.problems.get("file-not-picture")) is not None:
            suffixes.update(Path(name).suffix or "no suffix" for name in others.examples)
    got = f"files such as {', '.join(suffixes)}" if suffixes else "no files"
    if unreadable:
        got += f", and {unreadable} folders that cannot be read"
    return f"{base}: expected pictures in the class folders ({PICTURE_SUFFIXES[0]} …), got {got}"
