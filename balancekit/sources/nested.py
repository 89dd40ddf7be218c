"""A folder that holds data sets, each in a folder or file of its own, and is none itself."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

from balancekit.errors import DataError
from balancekit.sources.annotated_pictures import has_suffix, list_folder
from balancekit.sources.folder_layout import SPLIT_NAMES
from balancekit.sources.pictures import PICTURE_SUFFIXES, readable

__all__ = ["refuse_file", "refuse_files", "refuse_nested"]

MAX_LOOKED_INTO = 20
"""Folders that are looked into; more of them are classes."""

N_NAMED = 5
"""Data sets that a message names."""

DATA_SUFFIXES = (".npz", ".npy", ".arff", ".dat", ".json", ".tar", ".zip", ".xlsx")

INSTEAD = {
    ".zip": "an archive. Unpack it, and give the folder",
    ".gz": "an archive. Unpack it, and give what it holds",
    ".7z": "an archive. Unpack it, and give the folder",
    ".rar": "an archive. Unpack it, and give the folder",
    ".xlsx": "a workbook. Save its sheet as CSV, and give that",
    ".xls": "a workbook. Save its sheet as CSV, and give that",
    ".ods": "a workbook. Save its sheet as CSV, and give that",
    **dict.fromkeys(PICTURE_SUFFIXES, "a single picture. Give the folder of all pictures"),
}
"""What a file is that is no data set, and what to give in its place, by its suffix."""

Recognise = Callable[[Path], str | None]


def refuse_nested(path: Path, recognise: Recognise, *, or_say: str = "", at_least: int = 1) -> None:
    """Refuse to take folders for classes, each of which is a data set.

    Args:
        path: of the folder above them.
        recognise: gives the name of the format of a folder, if it has one.
        or_say: the option that takes the folder as it is all the same, if one may.
        at_least: how many of them there must be.

    Raises:
        DataError: they are; the message names them.
    """
    folders = [name for name in list_folder(path)[0] if name.lower() not in SPLIT_NAMES]
    if len(folders) > MAX_LOOKED_INTO:
        return
    named = [(path / name, found) for name in folders if (found := recognise(path / name))]
    if len(named) < at_least:
        return
    several = "a data set" if len(named) == 1 else f"{len(named)} data sets"
    told = ", ".join(f"{readable(one.name)} ({found})" for one, found in named[:N_NAMED])
    more = " …" if len(named) > N_NAMED else ""
    raise DataError(
        f"{readable(path)}: expected one data set, got a folder that holds {several}: "
        f"{told}{more}. Give the path of one: balancekit analyze {readable(named[0][0])}"
        + (f"; or say {or_say} to take the folder as it is." if or_say else "")
    )


def refuse_files(path: Path) -> None:
    """Refuse a folder of several files, each of which may be a data set.

    Raises:
        DataError: they are; the message names one.
    """
    files = [name for name in list_folder(path)[1] if has_suffix(name, DATA_SUFFIXES)]
    times = Counter(Path(name).suffix.lower() for name in files)
    if not times:
        return
    suffix, n = times.most_common(1)[0]
    first = next(name for name in files if name.lower().endswith(suffix))
    if n > 1:
        raise DataError(
            f"{readable(path)}: expected one data set, got {n} {suffix} files. Name one: "
            f"balancekit analyze {readable(path / first)}"
        )


def refuse_file(path: Path) -> None:
    """Refuse a file that is plainly something else, and say what to give in its place.

    Raises:
        DataError: it is.
    """
    suffix = path.suffix.lower()
    instead = INSTEAD.get(suffix)
    if suffix == ".json":
        instead = _of_json(path)
    if instead is not None:
        raise DataError(f"{readable(path)}: expected a data set, got {instead}.")


def _of_json(path: Path) -> str | None:
    """What a JSON file is that no format takes."""
    try:
        with path.open("rb") as file:
            start = file.read(1 << 16).removeprefix(b"\xef\xbb\xbf").lstrip()
            file.seek(max(0, path.stat().st_size - 64))
            end = file.read().rstrip()[-1:]
    except OSError:
        return None
    if not start:
        return "an empty file"
    if b'"balancekit.analysis/' in start[:200]:
        return (
            "an analysis that balancekit wrote. Give it to balancekit recommend or balancekit "
            "diff, or give the data themselves"
        )
    if start[:1] in b"{[" and end not in (b"}", b"]"):
        return (
            f"JSON that is cut off: it ends with {end.decode('utf-8', 'replace')!r}. Copy it anew"
        )
    return None
