"""Where the pictures of a COCO file lie, and which of them are missing."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from balancekit.sources.annotated_pictures import Notes, list_folder, split_of, stays_inside
from balancekit.sources.coco_json import Picture

__all__ = ["sample_ids_of"]

ANNOTATION_FOLDERS = ("annotations", "annotation", "labels", "json", "jsons")
N_TRIED = 3
"""Pictures that are looked for in a folder before it is taken for another's."""


def sample_ids_of(
    path: Path, split: str | None, pictures: Sequence[Picture], notes: Notes
) -> list[str]:
    """The path of each picture where their folder is found, else its name in the file.

    Pictures that are not in the folder are noted, and keep the path that they should have.
    """
    names = [_file_name(picture) for picture in pictures]
    followed = [name if name and stays_inside(name) else None for name in names]
    for picture, name, safe in zip(pictures, names, followed, strict=True):
        if name and safe is None:
            notes.add("path-outside", f"{path.name}: image {picture.id}: {name}")
    folder = _picture_folder(path, split, [name for name in followed if name])
    if folder is None:
        return [name or f"#{picture.id}" for picture, name in zip(pictures, followed, strict=True)]
    present = _Present(folder)
    for missing in (name for name in followed if name and name not in present):
        notes.add("picture-missing", f"{folder}/{missing}")
    return [
        f"{folder}/{name}" if name else f"#{picture.id}"
        for picture, name in zip(pictures, followed, strict=True)
    ]


def _file_name(picture: Picture) -> str:
    """The file of a picture; LVIS gives the end of its address, such as `train2017/1.jpg`."""
    if picture.file_name:
        return picture.file_name.replace("\\", "/")  # as Label Studio writes it on Windows
    if picture.coco_url:
        return "/".join(PurePosixPath(picture.coco_url).parts[-2:])
    return ""


def _picture_folder(path: Path, split: str | None, names: Sequence[str]) -> str | None:
    """The first folder that holds one of a few pictures."""
    tried = [names[i] for i in sorted({0, len(names) // 2, len(names) - 1})] if names else []
    for folder in _likely_folders(path, split):
        for name in tried[:N_TRIED]:
            place = folder / name
            try:
                if place.is_file():
                    return os.fspath(folder)
            except (OSError, ValueError):  # too long a name, a NUL byte
                continue
    return None


def _likely_folders(path: Path, split: str | None) -> Iterator[Path]:
    """Folders where pictures lie, by the habits of COCO, Roboflow, FiftyOne and others."""
    for root in _roots(path.parent):
        folders, _ = list_folder(root)
        of_split = [name for name in folders if split is not None and split_of(name) == split]
        # train2014 and train2017 may lie side by side: the one that the file is named after.
        of_split.sort(key=lambda name: name not in path.stem)
        for name in of_split:
            yield root / name
            yield root / name / "images"
        for pictures in ("images", "Images", "JPEGImages", "data", "imgs"):
            if pictures not in folders:
                continue
            below, _ = list_folder(root / pictures)
            named = [name for name in below if split is not None and split_of(name) == split]
            for name in sorted(named, key=lambda name: name not in path.stem):
                yield root / pictures / name
            yield root / pictures
        yield root
    yield from _folders_of_settings(path)


def _roots(beside: Path) -> list[Path]:
    """The folder of the data set, likeliest first, and the one that the annotations lie in."""
    above = beside.parent if beside.parent != beside else beside / ".."
    names = [name.lower() for name in beside.absolute().parts[-2:]]
    if names[-1:] and names[-1] in ANNOTATION_FOLDERS:
        return [above, beside]
    if names[0] in ANNOTATION_FOLDERS:  # a folder a split below
        return [above.parent, beside]
    return [beside, above]


def _folders_of_settings(path: Path) -> Iterator[Path]:
    """The folder that a YAML file above names in one breath with the annotations."""
    from balancekit.sources.yaml_file import read_yaml

    root = path.parent.parent
    for name in list_folder(root)[1]:
        if not name.lower().endswith((".yaml", ".yml")):
            continue
        for entry in read_yaml(root / name).values():
            if not isinstance(entry, dict) or not isinstance(entry.get("images"), str):
                continue
            named = entry.get("annotations")
            if isinstance(named, str) and os.path.basename(named) == path.name:  # noqa: PTH119
                yield root / entry["images"]


class _Present:
    """Which files are in a folder, told from listings: faster than a look at each."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._names_of: dict[str, set[str]] = {}

    def __contains__(self, name: str) -> bool:
        below, _, last = name.rpartition("/")
        if below not in self._names_of:
            self._names_of[below] = set(list_folder(f"{self._folder}/{below}")[1])
        return last in self._names_of[below]
