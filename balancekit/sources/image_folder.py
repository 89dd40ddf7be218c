"""Image folders: `DATA/CLASS/**/picture.jpg`, or with splits `DATA/train/CLASS/**`.

Samples come in the order of torchvision's ImageFolder: classes by name, then folders by
path, then files by name. Links are followed wherever they lead, as class folders are often
made of links to one store of pictures, unless they lead back to a folder above them.
"""

import os
import re
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from heapq import nsmallest
from pathlib import Path
from threading import Lock

import numpy as np

from balancekit.errors import BalancekitWarning, DataError
from balancekit.labels import Labels, SampleIds
from balancekit.sources.folder_layout import SPLIT_NAMES, Layout, layout_of
from balancekit.sources.folder_scan import (
    FolderScan,
    ScanFolder,
    first_kinds,
    has_picture,
    is_hidden,
    scan_class_folder,
)
from balancekit.sources.parts import CountedShard
from balancekit.sources.pictures import PICTURE_SUFFIXES, picture_check_shards, readable
from balancekit.sources.source import Checks, ReadOptions, Source
from balancekit.stats import Counts, Shard

__all__ = [
    "SPLIT_NAMES",
    "ImageFolder",
    "is_hidden",
    "is_plain",
    "open_image_folder",
    "recognise",
    "refuse_unless_classes",
]

MAX_FOLDERS_PER_SHARD = 64
"""Class folders counted by one shard, so that 100,000 of them are not as many tasks."""

MIN_SHARDS = 32
"""Shards made of many class folders at least, so that every worker has some."""

TABLE_SUFFIXES = (".csv", ".tsv", ".jsonl", ".json", ".parquet")

NO_CLASS = re.compile(r"im(a)?ge?s?|label|annot|mask|segment|panoptic|gt|data", re.IGNORECASE)
"""Names of folders that other formats are made of."""

PICTURES_ALONE = re.compile(
    r"(?:(?:jpeg)?images?|imgs?|jpe?gs?|pngs?|pictures?|photos?|data)[-_]?\d*", re.IGNORECASE
)
"""Whole names of folders of pictures that are no class."""

MAX_FOLDERS_BESIDE = 20
"""Folders that may lie beside such a one; more of them are classes."""

N_PLAIN = 3
"""Class folders that a plain image folder has at least, and that are looked into."""

MAX_FOLDERS_RECOGNISED = 50
"""Class folders looked into to tell the format, of perhaps 100,000."""

ONE_AT_A_TIME = Lock()
"""Held while folders are listed: the system call gives up the interpreter lock for every
entry, so that two threads take nearly twice as long as one."""


def recognise(path: Path) -> str | None:
    """Why a path is taken for this format, in words; None if it is not.

    Pictures must be the most of what lies in two class folders, or in one if no table beside
    it may name the classes of its pictures.
    """
    if not path.is_dir():
        return None
    try:
        layout = layout_of(str(path), None)
        beside = [name.lower() for name in os.listdir(path)]  # noqa: PTH208 - names alone
    except (DataError, OSError):
        return None
    if are_no_classes(layout.class_folders):
        return None
    needed = 2 if any(name.endswith(TABLE_SUFFIXES) for name in beside) else 1
    for folders in list(layout.class_folders.values())[:MAX_FOLDERS_RECOGNISED]:
        needed -= any(0 < (kinds := first_kinds(f))["picture"] >= kinds["other"] for f in folders)
        if not needed:
            return "class folders of pictures"
    return None


def are_no_classes(folders: Mapping[str, tuple[str, ...]]) -> bool:
    """Whether one folder holds all pictures, and others beside it what is told of them."""
    named = [name for name in folders if PICTURES_ALONE.fullmatch(name)]
    if len(named) != 1 or len(folders) > MAX_FOLDERS_BESIDE:
        return False
    beside = [name for name in folders if name != named[0]]
    return not any(has_picture(path) for name in beside for path in folders[name])


def refuse_unless_classes(path: Path) -> None:
    """Refuse to take the folders of another format for classes.

    Raises:
        DataError: they are.
    """
    folders = layout_of(str(path), None).class_folders
    if are_no_classes(folders):
        raise DataError(
            f"{readable(path)}: expected class folders such as {readable(path)}/cat/1.jpg, got "
            f"{', '.join(map(readable, folders))}: a folder of all pictures, without labels that "
            "can be read. Give the path of the folder above the classes, or say --format "
            "image-folder if these are the classes. CVAT, KITTI and more need the extra `formats`."
        )


def is_plain(path: Path) -> bool:
    """Whether a path is surely of this format, told without looking for any other.

    There are three class folders at least, nothing else beside them, none of a name that
    other formats use, and nothing but pictures in the first.
    """
    base = str(path)
    names = _folders_alone(base)
    if names and all(name.lower() in SPLIT_NAMES for name in names):
        base = f"{base}/{min(names)}"
        names = _folders_alone(base)
    if len(names) < N_PLAIN or any(map(NO_CLASS.search, names)):
        return False
    kinds = [first_kinds(f"{base}/{name}") for name in nsmallest(N_PLAIN, names)]
    return all(found["picture"] and not found["other"] for found in kinds)


def _folders_alone(path: str) -> list[str]:
    """Names of the folders in a folder; none if files lie beside them."""
    names = []
    try:
        with os.scandir(path) as entries:
            for entry in entries:
                if is_hidden(entry.name):
                    continue
                if not entry.is_dir():
                    return []
                names.append(entry.name)
    except OSError:
        return []
    return names


def open_image_folder(path: Path, options: ReadOptions) -> "ImageFolder":
    """The source of a folder of class folders.

    Raises:
        DataError: no class folder is there, or not the split.
    """
    return ImageFolder(layout_of(str(path), options.split))


class ImageFolder:
    """A folder of class folders of pictures.

    Args:
        layout: where its class folders lie.
    """

    format = "image-folder"

    def __init__(self, layout: Layout) -> None:
        self._layout, self._scan_folder = layout, layout.scan_folder
        self.split = layout.split

    @property
    def description(self) -> str:
        """What was taken and why, in words."""
        n_classes = len(self._layout.class_folders)
        folders = "class folder" if n_classes == 1 else "class folders"
        split = f", split {self.split}" if self.split else ""
        if self._layout.other_splits:
            split += f" beside {', '.join(self._layout.other_splits)}"
        return f"image folder {readable(self._layout.root)} ({n_classes} {folders}{split})"

    @property
    def class_folders(self) -> tuple[str, ...]:
        """Paths of the class folders, those without pictures included."""
        return tuple(path for paths in self._layout.class_folders.values() for path in paths)

    def other_splits(self) -> Mapping[str, Source]:
        """The other split folders."""
        splits: dict[str, Source] = {}
        for name in self._layout.other_splits:
            try:
                splits[name] = ImageFolder(self._layout.of_split(name))
            except DataError as error:  # as ImageNet's val, whose pictures are not in classes
                told = f"split {name} is left out: {error}"
                warnings.warn(told, BalancekitWarning, stacklevel=2)
        return splits

    def read_labels(self) -> Labels:
        """Labels whose ids are the paths of the pictures.

        Raises:
            DataError: there are no pictures.
        """
        prefix = os.path.join(self._layout.base, "")  # noqa: PTH118 - Path drops the last separator
        sizes, names = [], []
        for folders in self._layout.class_folders.values():
            pictures = [p for folder in folders for p in self._scan(folder, keep=True).pictures]
            sizes.append(len(pictures))
            names += [path.removeprefix(prefix) for path in pictures]
        if not names:
            raise DataError(self._no_pictures())
        return Labels(
            class_ids=np.repeat(np.arange(len(sizes), dtype=np.int32), sizes),
            class_names=tuple(map(readable, self._layout.class_folders)),
            sample_ids=SampleIds.from_names(names, prefix),
            media="pictures",
        )

    def order_classes(self, names: set[str]) -> tuple[str, ...]:
        """By name as text, as torchvision has it: "10" before "2"."""
        return tuple(map(readable, self._layout.class_folders))

    def shards(self) -> Iterator[Shard]:
        """One shard a few class folders, and one for what lies outside of them.

        Raises:
            DataError: there are no pictures.
        """
        folders = self._layout.class_folders
        if not any(
            has_picture(path, self._scan_folder) for paths in folders.values() for path in paths
        ):
            raise DataError(self._no_pictures())
        for outside in self._layout.outside:
            yield CountedShard(Counts(media="pictures", problems=outside.notes.problems()))
        n_folders = max(1, min(MAX_FOLDERS_PER_SHARD, len(folders) // MIN_SHARDS))
        if self._scan_folder is not None:  # a listing need not be sent to every worker
            n_folders = len(folders)
        named = tuple(folders.items())
        for start in range(0, len(named), n_folders):
            yield ClassFoldersShard(named[start : start + n_folders], self._scan_folder)

    def check_shards(self, checks: Checks) -> Iterable[Shard]:
        """Chunks of pictures to look at."""
        named = replace(checks, split=checks.split or self.split or "")
        return picture_check_shards(self.read_labels(), named)

    def _scan(self, path: str, *, keep: bool) -> FolderScan:
        return scan_class_folder(path, keep=keep, scan_folder=self._scan_folder)

    def _no_pictures(self) -> str:
        """What is wrong where no class folder holds a picture."""
        suffixes: Counter[str] = Counter()
        unreadable = 0
        for folders in self._layout.class_folders.values():
            for folder in folders:
                problems = self._scan(folder, keep=False).notes.problems()
                unreadable += "folder-unreadable" in problems
                if (others := problems.get("file-not-picture")) is not None:
                    suffixes.update(Path(name).suffix or "no suffix" for name in others.examples)
        got = f"files such as {', '.join(sorted(suffixes)[:5])}" if suffixes else "no files"
        if unreadable:
            got += f", and {unreadable} folders that cannot be read"
        return (
            f"{readable(self._layout.base)}: expected pictures in the class folders "
            f"({PICTURE_SUFFIXES[0]} …), got {got}"
        )


@dataclass(frozen=True)
class ClassFoldersShard:
    """Some class folders.

    Attributes:
        folders: the name of each class and its folders.
        scan_folder: lists a folder; `os.scandir` if None.
    """

    folders: tuple[tuple[str, tuple[str, ...]], ...]
    scan_folder: ScanFolder | None = None

    def count(self) -> Counts:
        """The count of their pictures."""
        scan = FolderScan()
        per_class = {}
        with ONE_AT_A_TIME:
            for name, paths in self.folders:
                before = scan.n_pictures
                for path in paths:
                    scan_class_folder(path, scan, scan_folder=self.scan_folder)
                per_class[readable(name)] = scan.n_pictures - before
        return Counts(
            samples_per_class=per_class,
            n_samples=scan.n_pictures,
            media="pictures",
            problems=scan.notes.problems(),
        )
