"""Where the class folders of a folder lie: at its top, in split folders, or around them."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from balancekit.errors import DataError
from balancekit.sources.folder_scan import (
    Entry,
    FolderScan,
    ScanFolder,
    is_folder,
    is_hidden,
    place,
)
from balancekit.sources.pictures import readable

__all__ = ["SPLIT_NAMES", "Layout", "layout_of"]

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


BESIDE_SPLITS = ("annotation", "annotations", "imagesets")
"""Folders of text that may lie beside split folders, as ImageNet has them."""


@dataclass(frozen=True)
class Layout:
    """Where the class folders of one split lie.

    Attributes:
        root: the folder of the data set.
        base: the folder above the class folders.
        class_folders: the folders of each class by its name, in the order of the classes;
            none of a class that the split lacks.
        outside: what was noted beside the class folders.
        split: that this is, by the name of its folder; None without splits.
        other_splits: names of the folders of the others.
        scan_folder: lists a folder; `os.scandir` if None.
    """

    root: str
    base: str
    class_folders: Mapping[str, tuple[str, ...]]
    outside: tuple[FolderScan, ...]
    split: str | None = None
    other_splits: tuple[str, ...] = ()
    scan_folder: ScanFolder | None = None

    def of_split(self, name: str) -> "Layout":
        """The layout of another split."""
        return layout_of(self.root, name, self.scan_folder)


def layout_of(root: str, split: str | None, scan_folder: ScanFolder | None = None) -> Layout:
    """The layout of a folder: `CLASS/`, `SPLIT/CLASS/` or `CLASS/SPLIT/`.

    Folders are splits if all that lie together are named so.

    Args:
        root: the folder.
        split: to read; "train" if there are splits and it is not given, else the first.
        scan_folder: lists a folder; `os.scandir` if None.

    Raises:
        DataError: the folder cannot be listed, holds no class folders, or not the split.
    """
    list_folder = scan_folder or os.scandir
    entries = _entries(root, list_folder)
    at_top = [entry.name for entry in entries if is_folder(entry) and not is_hidden(entry.name)]
    apart = [name for name in at_top if name.lower() in BESIDE_SPLITS]
    if _are_splits(_without(at_top, *apart)):
        at_top = list(_without(at_top, *apart))
        taken = _taken(root, at_top, split)
        base = os.path.join(root, taken)  # noqa: PTH118 - text, as every path here
        classes, outside = _class_folders(base, _entries(base, list_folder))
        for name in apart:
            outside.notes.add("file-not-picture", f"{root}/{name}")
        others = _without(at_top, taken)
        return Layout(root, base, classes, (outside,), taken, others, scan_folder)
    classes, outside = _class_folders(root, entries)
    below, beside = _splits_below(classes, list_folder)
    if below:
        names = sorted({name for splits in below.values() for name in splits})
        taken = _taken(root, names, split)
        parts = {
            name: tuple(f"{path}/{taken}" for path in paths if taken in below[name])
            for name, paths in classes.items()
        }
        others = _without(names, taken)
        return Layout(root, root, parts, (outside, beside), taken, others, scan_folder)
    if split is not None:
        raise DataError(
            f"{readable(root)}: expected split folders such as train and val, got "
            f"{at_top[:6]}. Leave out --split."
        )
    return Layout(root, root, classes, (outside,), None, (), scan_folder)


def _entries(folder: str, list_folder: ScanFolder) -> list[Entry]:
    try:
        with list_folder(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        raise DataError(f"{readable(folder)}: cannot be listed ({error.strerror})") from None


def _are_splits(names: Sequence[str]) -> bool:
    return bool(names) and all(name.lower() in SPLIT_NAMES for name in names)


def _without(names: Sequence[str], *others: str) -> tuple[str, ...]:
    return tuple(name for name in names if name not in others)


def _taken(root: str, names: Sequence[str], split: str | None) -> str:
    """The split to read, of those that are there.

    Raises:
        DataError: it is not among them.
    """
    wanted = split or "train"
    if wanted in names:
        return wanted
    meant = [name for name in names if SPLIT_NAMES[name.lower()] == wanted]
    if meant:
        return meant[0]
    if split is None:
        return names[0]
    raise DataError(f"{readable(root)}: expected one of the splits {list(names)}, got {split!r}")


def _class_folders(
    base: str, entries: Sequence[Entry]
) -> tuple[dict[str, tuple[str, ...]], FolderScan]:
    """The folder of each class by its name, and what lies beside them."""
    outside = FolderScan()
    folders: dict[str, tuple[str, ...]] = {
        entry.name: (entry.path,) for entry in entries if _is_class(entry, outside)
    }
    if not folders:
        place = readable(base)
        got = "an empty folder" if not entries else f"{len(entries)} files and no class folder"
        raise DataError(f"{place}: expected class folders such as {place}/cat/1.jpg, got {got}")
    return folders, outside


def _is_class(entry: Entry, outside: FolderScan) -> bool:
    kind = place(entry, outside)
    if kind == "picture":
        outside.notes.add("picture-outside-class", entry.path)
    return kind == "folder"


def _splits_below(
    classes: Mapping[str, tuple[str, ...]], list_folder: ScanFolder
) -> tuple[dict[str, list[str]], FolderScan]:
    """Names of the split folders in each class folder; none unless all hold nothing else."""
    below = {}
    beside = FolderScan()
    for name, (path,) in classes.items():
        splits = _only_splits(path, beside, list_folder)
        if splits is None:  # mostly at the first class folder, as a picture lies in it
            return {}, FolderScan()
        below[name] = splits
    meanings = {SPLIT_NAMES[split.lower()] for splits in below.values() for split in splits}
    return (below, beside) if len(meanings) > 1 else ({}, FolderScan())


def _only_splits(path: str, beside: FolderScan, list_folder: ScanFolder) -> list[str] | None:
    """Names of the folders in a class folder; None if it holds more than splits."""
    splits = []
    try:
        with list_folder(path) as entries:
            for entry in entries:
                kind = place(entry, beside)
                is_split = kind == "folder" and entry.name.lower() in SPLIT_NAMES
                if kind != "other" and not is_split:
                    return None
                if is_split:
                    splits.append(entry.name)
    except OSError:
        return None
    return splits
