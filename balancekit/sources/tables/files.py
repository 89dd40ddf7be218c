"""Which files make a table, and to which split each belongs."""

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from balancekit.errors import DataError
from balancekit.sources.folder_layout import SPLIT_NAMES
from balancekit.sources.folder_scan import is_hidden
from balancekit.sources.pictures import PICTURE_SUFFIXES, readable

__all__ = ["TableFiles", "find_tables", "holds_tables", "names_of", "split_of_name", "suffix_of"]

MOST_LISTED = 100_000
"""Files of one folder that are looked at."""

MOST_LOOKED_AT = 2000
"""Files below a folder by which it is told."""

SPLIT_IN_NAME = re.compile(
    rf"(?:^|[^a-z])({'|'.join(sorted(SPLIT_NAMES, key=len, reverse=True))})(?:[^a-z]|$)"
)


@dataclass(frozen=True)
class TableFiles:
    """The files of a table by split, and what was left aside.

    Attributes:
        by_split: in the order of their names; under None where there are no splits.
        aside: files that belong to no split, where others do.
    """

    by_split: Mapping[str | None, tuple[Path, ...]]
    aside: tuple[Path, ...] = ()


def suffix_of(path: Path) -> str:
    """The suffix that says what a file is, in small letters: of x.csv.gz it is .csv.

    >>> suffix_of(Path("a/x.CSV.gz")), suffix_of(Path("x"))
    ('.csv', '')
    """
    suffix = path.suffix.lower()
    return Path(path.stem).suffix.lower() if suffix == ".gz" else suffix


def split_of_name(name: str) -> str | None:
    """The split that a file name tells, as it is written there in small letters.

    >>> split_of_name("train-00000-of-00002.parquet"), split_of_name("trainers.csv")
    ('train', None)
    """
    found = SPLIT_IN_NAME.search(name.lower())
    return found.group(1) if found else None


def find_tables(path: Path, is_table: Callable[[Path], bool]) -> TableFiles:
    """The files of a table, or of a folder of tables.

    Files in split folders, and files named after splits, belong to them.

    Raises:
        DataError: the folder holds none, or cannot be listed.
    """
    if not path.is_dir():
        return TableFiles({None: (path,)})
    found: dict[str | None, list[Path]] = {}
    for file in _files_below(path):
        if is_table(file):
            inner = file.relative_to(path)
            named = [split_of_name(part) for part in reversed(inner.parts)]
            found.setdefault(next(filter(None, named), None), []).append(file)
    if not found:
        raise DataError(f"{path}: expected tables in the folder, got none. Check the path.")
    rest = tuple(found.pop(None, ()))
    if not found:
        return TableFiles({None: rest})
    return TableFiles({name: tuple(files) for name, files in found.items()}, rest)


def _files_below(folder: Path, depth: int = 2) -> Iterator[Path]:
    """Files of a folder and of those in it, by name; hidden ones are none."""
    try:
        with os.scandir(folder) as entries:
            listed = sorted(
                (e for e in entries if not is_hidden(e.name)), key=lambda entry: entry.name
            )
    except OSError as error:
        raise DataError(f"{folder}: cannot be listed ({error.strerror})") from None
    for entry in listed[:MOST_LISTED]:
        try:
            is_folder = entry.is_dir()
        except OSError:
            continue
        if not is_folder:
            yield Path(entry.path)
        elif depth and not entry.is_symlink():
            yield from _files_below(Path(entry.path), depth - 1)


def holds_tables(path: Path, is_table: Callable[[Path], bool]) -> bool:
    """Whether a folder is one of tables: it holds such; beside pictures, at its top.

    Folders of pictures that tell their classes by themselves were told before.
    """
    within, has_picture = False, False
    try:
        for n_seen, file in enumerate(_files_below(path)):
            if is_table(file):
                within = True
                if file.parent == path:
                    return True
            has_picture = has_picture or file.name.lower().endswith(PICTURE_SUFFIXES)
            if n_seen > MOST_LOOKED_AT:
                break
    except DataError:
        return False
    return within and not has_picture


def names_of(paths: Sequence[Path]) -> str:
    """The names of a few files, in words."""
    shown = ", ".join(readable(path.name) for path in paths[:3])
    return shown + (f" and {len(paths) - 3} more" if len(paths) > 3 else "")
