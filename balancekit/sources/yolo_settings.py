"""What a YOLO data set says of itself: data.yaml in its dialects, darknet's .data and .names."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from balancekit.errors import DataError
from balancekit.sources.annotated_pictures import (
    distinct_names,
    list_folder,
    split_folders,
    split_of,
)
from balancekit.sources.pictures import readable
from balancekit.sources.yaml_file import read_yaml
from balancekit.sources.yolo_layout import (
    NAME_FILES,
    Place,
    annotations_folder,
    places_of_folder,
    real_folder,
    spellings,
)
from balancekit.sources.yolo_lines import MAX_CLASS_ID, Skeleton

__all__ = ["Settings", "is_settings", "settings_of_file", "settings_of_folder"]

SPLIT_KEYS = ("train", "val", "valid", "validation", "test")
MAX_POINTS = 10_000


@dataclass(frozen=True)
class Settings:
    """Places and classes of a data set.

    Attributes:
        places: where the pictures of each split are; a split called "" is all of them.
        class_names: in the order of their ids; None if they are not told.
        skeleton: of the key points, if there are any.
        missing: splits that are named and not there, in words.
    """

    places: Mapping[str, Sequence[Place]]
    class_names: tuple[str, ...] | None
    skeleton: Skeleton | None = None
    missing: tuple[str, ...] = ()


def is_settings(path: Path) -> bool:
    """Whether a file is a data.yaml of YOLO, or a .data file of darknet."""
    suffix = path.suffix.lower()
    if suffix == ".data":
        return {"train", "names"} <= _darknet_settings(path).keys()
    if suffix not in (".yaml", ".yml"):
        return False
    content = read_yaml(path)
    named = [content[key] for key in SPLIT_KEYS if key in content]
    return ("names" in content or "nc" in content) and any(_entries_of(one) for one in named)


def settings_of_file(path: Path) -> Settings:
    """The settings that a file gives.

    Raises:
        DataError: its classes cannot be told.
    """
    if path.suffix.lower() == ".data":
        content: dict[str, Any] = _darknet_settings(path)
        roots = [path.parent, path.parent.parent]
    else:
        content = read_yaml(path)
        given = content.get("path")
        roots = _roots(path.parent, given if isinstance(given, str) else "")
    places: dict[str, list[Place]] = {}
    missing = []
    for key in SPLIT_KEYS:
        for entry in _entries_of(content.get(key)):
            place = _place_of(entry, roots)
            if place is None:
                missing.append(f"{key}: nothing at {entry}")
            else:
                places.setdefault(split_of(key) or key, []).append(place)
    return Settings(
        places=places,
        class_names=_class_names(content, path, roots),
        skeleton=_skeleton(content),
        missing=tuple(missing),
    )


def settings_of_folder(folder: Path) -> Settings:
    """The settings of a folder without a file of them: by its layout and its list of names."""
    root = os.fspath(folder)
    below = [folder / name for name in ("labels", *split_folders(list_folder(folder)[0]))]
    lists = [place / name for place in (folder, *below) for name in NAME_FILES]
    names = next((names for path in lists if (names := _names_of_list(path))), None)
    places = {split: [place] for split, place in places_of_folder(root).items()}
    return Settings(places=places, class_names=names)


def _entries_of(value: Any) -> list[str]:
    """Paths of a split: one, or several; none if it is left empty."""
    entries = value if isinstance(value, list) else [value]
    empty = ("", "~", "null", "Null", "NULL", "None")
    return [one for one in entries if isinstance(one, str) and one not in empty and "\0" not in one]


def _roots(beside: Path, given: str) -> list[Path]:
    """Folders that paths may be relative to: the one that `path` names if it is there."""
    named = [beside / given, beside.parent / given] if given and "\0" not in given else []
    return [*[root for root in named if root.is_dir()][:1], beside]


def _place_of(entry: str, roots: Sequence[Path]) -> Place | None:
    """Where a split lies; None if nothing is there."""
    for path in _likely_places(entry, roots):
        if os.path.isfile(path) and path.endswith(".txt"):  # noqa: PTH113 - text, as all paths
            folder = os.path.dirname(path)  # noqa: PTH120
            above = (folder, *map(os.fspath, roots), os.path.dirname(folder))  # noqa: PTH120
            return Place(path, tuple(dict.fromkeys(map(os.path.abspath, above))))
        texts = annotations_folder(path)
        if os.path.isdir(real_folder(path)) or (texts != path and os.path.isdir(texts)):  # noqa: PTH112
            return Place(path)
    return None


def _likely_places(entry: str, roots: Sequence[Path]) -> Iterator[str]:
    """Where an entry may lead. Roboflow writes `../train/images` for `train/images`."""
    inner = entry.replace("\\", "/").removeprefix("./")
    for root in roots:
        if inner.startswith("../"):
            yield os.path.normpath(root / inner.removeprefix("../"))
        # Not made real: beside a link to pictures lie the annotations.
        yield from (os.path.normpath(root / spelling) for spelling in spellings(inner))


def _class_names(
    content: Mapping[str, Any], path: Path, roots: Sequence[Path]
) -> tuple[str, ...] | None:
    """Names of the classes, or their numbers where only these are told.

    Raises:
        DataError: they cannot be told, or are too many to be true.
    """
    names = content.get("names")
    if isinstance(names, str) and names:
        lists = [root / one for root in roots for one in spellings(names) if "\0" not in names]
        return next((found for one in lists if (found := _names_of_list(one))), None)
    if isinstance(names, dict):
        names = _by_id(names, path)
    if isinstance(names, list) and names:
        if not all(isinstance(name, str) for name in names):
            # Not shown: few lines of YAML can stand for more text than memory holds.
            raise DataError(f"{path}: names: expected text for each class, got lists in them")
        return tuple(distinct_names(names))
    n_classes = _whole(content.get("nc", content.get("classes")))
    if n_classes is None:
        return None
    if n_classes > MAX_CLASS_ID:
        raise DataError(f"{path}: nc: expected at most {MAX_CLASS_ID} classes, got {n_classes}")
    return tuple(map(str, range(n_classes)))


def _by_id(names: Mapping[str, Any], path: Path) -> list[Any]:
    """Names by their id, the id itself where it is left out.

    Raises:
        DataError: there are no ids, or they leave too large gaps.
    """
    by_id: dict[int | None, Any] = {_whole(key): name for key, name in names.items()}
    if None in by_id:  # the other way round: an id by its name
        by_id = {_whole(id_): name for name, id_ in names.items()}
    ids = [id_ for id_ in by_id if id_ is not None]
    if len(ids) < len(names) or max(ids, default=0) >= MAX_CLASS_ID:
        got = ", ".join(map(repr, list(names)[:5]))
        raise DataError(f"{path}: names: expected a name for each id from 0, got keys {got}")
    return [by_id.get(i, str(i)) for i in range(max(ids, default=-1) + 1)]


def _whole(value: Any) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 19:
        return int(value)
    return None


def _skeleton(content: Mapping[str, Any]) -> Skeleton | None:
    """The key points of an object, by `kpt_shape: [number, 2 or 3]`."""
    shape = content.get("kpt_shape")
    numbers = [_whole(one) or 0 for one in shape] if isinstance(shape, list) else []
    if len(numbers) != 2 or numbers[1] not in (2, 3) or not 0 < numbers[0] <= MAX_POINTS:
        return None
    names = content.get("kpt_names")
    if isinstance(names, dict):
        names = next(iter(names.values()), [])
    given = [name for name in names if isinstance(name, str)] if isinstance(names, list) else []
    return Skeleton(numbers[0], numbers[1], tuple(distinct_names(given)))


def _darknet_settings(path: Path) -> dict[str, str]:
    """Darknet's `key = value` lines; none if the file is another thing."""
    try:
        with path.open("rb") as file:
            lines = file.read(1 << 16).decode("utf-8", "replace").splitlines()
    except OSError:
        return {}
    pairs = [line.split("#")[0].partition("=") for line in lines]
    return {key.strip(): value.strip() for key, is_, value in pairs if is_ and "\0" not in value}


def _names_of_list(path: Path) -> tuple[str, ...] | None:
    """Names of a list, one a line; None if there is no such file."""
    try:
        if not path.is_file() or path.stat().st_size > 1 << 24:
            return None
        text = path.read_bytes().decode("utf-8-sig", "backslashreplace")
    except (OSError, ValueError):
        return None
    names = [line.strip() for line in text.rstrip().splitlines()]
    return tuple(distinct_names([readable(n) or str(i) for i, n in enumerate(names)])) or None
