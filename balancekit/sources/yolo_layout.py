"""Where the pictures of a YOLO data set lie, and the text file of each."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from balancekit.sources.annotated_pictures import (
    Notes,
    list_folder,
    split_folders,
    split_of,
    walk_files,
)
from balancekit.sources.pictures import PICTURE_SUFFIXES
from balancekit.sources.yolo_lines import AnnotatedPicture

__all__ = [
    "NAME_FILES",
    "Place",
    "annotated_pictures",
    "annotations_folder",
    "first_annotations",
    "is_no_annotation",
    "places_of_folder",
    "real_folder",
    "spellings",
]

NAME_FILES = ("classes.txt", "obj.names", "_darknet.labels", "predefined_classes.txt")
"""Files that name the classes, one a line."""

NOT_ANNOTATIONS = frozenset(
    {
        *NAME_FILES,
        *("labels.txt", "train.txt", "val.txt", "valid.txt", "test.txt", "trainval.txt"),
        *("readme.txt", "readme.dataset.txt", "readme.roboflow.txt", "license.txt", "notes.txt"),
        "requirements.txt",
    }
)
MAX_LIST_BYTES = 1 << 28
MAX_TEXTS_LOOKED_AT = 20


@dataclass(frozen=True)
class Place:
    """A folder of pictures of a split, or a text file that lists them.

    Attributes:
        path: as it is written; text files are looked for by it.
        roots: folders that a listed path may be relative to, and must stay in.
    """

    path: str
    roots: tuple[str, ...] = ()


def real_folder(path: str) -> str:
    """The folder itself, where git has left a text file in place of a link.

    Systems without links get a small file with the path of the target instead.
    """
    if os.path.isdir(path):  # noqa: PTH112 - text, as all paths here
        return path
    above = Path(path)
    for depth, link in enumerate([above, *above.parents][:3]):
        try:
            if not link.is_file() or link.stat().st_size > 200:
                continue
            target = link.parent / link.read_text(encoding="utf-8").strip()
            below = above.parts[len(above.parts) - depth :] if depth else ()
            found = os.path.normpath(target.joinpath(*below))
        except (OSError, ValueError):
            return path
        if os.path.isdir(found):  # noqa: PTH112
            return found
    return path


def spellings(path: str) -> tuple[str, ...]:
    """A path as it is written; and without `data/`, which CVAT calls the folder of its export.

    >>> spellings("data/train.txt"), spellings("train.txt")
    (('data/train.txt', 'train.txt'), ('train.txt',))
    """
    return (path, path.removeprefix("data/")) if path.startswith("data/") else (path,)


def annotations_folder(folder: str) -> str:
    """The folder of text files of a folder of pictures: its last `images` made `labels`.

    >>> annotations_folder("data/images/train"), annotations_folder("data/train")
    ('data/labels/train', 'data/train')
    """
    parts = folder.replace("\\", "/").split("/") if os.sep == "\\" else folder.split("/")
    for i in range(len(parts) - 1, -1, -1):
        if parts[i] == "images":
            return "/".join([*parts[:i], "labels", *parts[i + 1 :]])
    return folder


def is_no_annotation(name: str) -> bool:
    """Whether a text file holds names or lists, by its name."""
    return name.lower() in NOT_ANNOTATIONS or name.startswith(".")


def annotated_pictures(place: Place, notes: Notes) -> list[AnnotatedPicture]:
    """The samples of a place, sorted by path: pictures, each with its text file.

    Where there are no pictures at all, the text files themselves are the samples.
    """
    if place.roots:
        return _listed(place, notes)
    found = _of_folder(place.path, notes)
    return found or _without_pictures(annotations_folder(place.path))


def _of_folder(folder: str, notes: Notes) -> list[AnnotatedPicture]:
    """Pictures below a folder, and texts whose picture is missing beside them."""
    found: list[AnnotatedPicture] = []
    real = real_folder(folder)
    for below, names in walk_files(real, PICTURE_SUFFIXES, notes):
        if not names and folder != real:
            continue
        place = f"{real}/{below}" if below else real
        texts_in = annotations_folder(f"{folder}/{below}" if below else folder)
        texts = {name[:-4] for name in _texts(texts_in)}
        for name in names:
            stem = os.path.splitext(name)[0]  # noqa: PTH122
            path = f"{place}/{name}"
            text = f"{texts_in}/{stem}.txt" if stem in texts else None
            found.append(AnnotatedPicture(path, path, text))
        if names:
            stems = {os.path.splitext(name)[0] for name in names}  # noqa: PTH122
            for stem in texts - stems:
                notes.add("picture-missing", f"{place}/{stem}")
                found.append(AnnotatedPicture(f"{place}/{stem}", None, f"{texts_in}/{stem}.txt"))
    return sorted(found)


def _texts(folder: str) -> list[str]:
    _, files = list_folder(folder)
    return [name for name in files if name.endswith(".txt") and not is_no_annotation(name)]


def _without_pictures(folder: str) -> list[AnnotatedPicture]:
    """Text files below a folder, as samples whose pictures are elsewhere."""
    return sorted(
        AnnotatedPicture(path[:-4], None, path)
        for below, names in walk_files(folder, (".txt",))
        for name in names
        if not is_no_annotation(name)
        for path in [f"{folder}/{below}/{name}" if below else f"{folder}/{name}"]
    )


def _listed(place: Place, notes: Notes) -> list[AnnotatedPicture]:
    """The pictures that a text file lists, in its order."""
    try:
        if os.stat(place.path).st_size > MAX_LIST_BYTES:  # noqa: PTH116
            raise OSError("too large for a list of pictures")
        with open(place.path, "rb") as file:  # noqa: PTH123
            lines = file.read().removeprefix(b"\xef\xbb\xbf").splitlines()
    except OSError as error:
        notes.add("file-unreadable", f"{place.path} ({error.strerror or error})")
        return []
    folders: dict[str, set[str]] = {}
    found = []
    for line in lines:
        name = os.fsdecode(line.strip())
        if not name or name.startswith("#"):
            continue
        path = _inside(name, place.roots, folders)
        if path is None:
            notes.add("path-outside", f"{place.path}: {name}")
            continue
        folder, _, file_name = path.rpartition("/")
        text = f"{os.path.splitext(file_name)[0]}.txt"  # noqa: PTH122
        texts_in = annotations_folder(folder)
        is_there = file_name in _files(folder, folders)
        has_text = text in _files(texts_in, folders)
        found.append(
            AnnotatedPicture(
                path, path if is_there else None, f"{texts_in}/{text}" if has_text else None
            )
        )
    if any(one.picture for one in found):
        for one in found:
            if one.picture is None:
                notes.add("picture-missing", one.sample_id)
    return found


def _files(folder: str, known: dict[str, set[str]]) -> set[str]:
    if folder not in known:
        known[folder] = set(list_folder(folder)[1])
    return known[folder]


def _inside(name: str, roots: Sequence[str], known: dict[str, set[str]]) -> str | None:
    """The path of a listed picture below one of the roots; None if it leaves all of them."""
    if "\0" in name:
        return None
    likely = None
    for root, spelling in product(roots, spellings(name)):
        path = os.path.normpath(os.path.join(root, spelling))  # noqa: PTH118
        if not any(path.startswith(f"{one.rstrip('/')}/") for one in roots):
            continue
        likely = likely or path
        folder, _, file_name = path.rpartition("/")
        text = f"{os.path.splitext(file_name)[0]}.txt"  # noqa: PTH122
        if file_name in _files(folder, known) or text in _files(annotations_folder(folder), known):
            return path
    return likely


def places_of_folder(root: str) -> dict[str, Place]:
    """The splits of a folder without a YAML file; one called "" if it has none.

    Either way round: `images/train` with `labels/train`, or `train/images` with
    `train/labels`; or text files beside their pictures.
    """
    folders, files = list_folder(root)
    if "labels" in folders:
        below, _ = list_folder(f"{root}/labels")
        if below and all(split_of(name) for name in below):
            return _by_split(below, f"{root}/images/{{}}")
        return {"": Place(f"{root}/images")}
    splits = split_folders(folders)
    inner = [n for n in splits if "labels" in list_folder(f"{root}/{n}")[0]]
    if inner:
        return _by_split(inner, f"{root}/{{}}/images")
    lists = [
        name
        for name in files
        if name.endswith(".txt") and split_of(name) and is_no_annotation(name)
    ]
    if "obj_train_data" in folders:  # as CVAT writes it, with a list a split
        if lists:
            roots = (root, os.path.dirname(root))  # noqa: PTH120
            return {split_of(name) or "": Place(f"{root}/{name}", roots) for name in lists}
        return {"": Place(f"{root}/obj_train_data")}
    beside = [name for name in splits if first_annotations(f"{root}/{name}", n_folders=1)]
    if beside:
        return _by_split(beside, f"{root}/{{}}")
    return {"": Place(root)}


def _by_split(names: Sequence[str], pattern: str) -> dict[str, Place]:
    """Places by split; folders of one split keep their own names."""
    splits = [split_of(name) or name for name in names]
    return {
        split if splits.count(split) == 1 else name: Place(pattern.format(name))
        for name, split in zip(names, splits, strict=True)
    }


def first_annotations(folder: str, n_folders: int = 8) -> str | None:
    """The first text file that holds a line of YOLO's, of a few in the first few folders."""
    for place in _first_texts(folder, n_folders):
        try:
            with open(place, "rb") as file:  # noqa: PTH123
                head = file.read(4096)
        except OSError:
            continue
        lines = head.splitlines()
        if lines and _is_annotation(lines[0].split()):
            return place
    return None


def _is_annotation(tokens: Sequence[bytes]) -> bool:
    """Whether a line is a class id and at least 4 shares of a picture."""
    if len(tokens) < 5 or not tokens[0].isdigit():
        return False
    try:
        return all(0 <= float(token) <= 1.01 for token in tokens[1:5])
    except ValueError:
        return False


def _first_texts(folder: str, n_folders: int) -> Iterator[str]:
    """Text files of the first folders that are walked: an empty one alone tells nothing."""
    walk = walk_files(folder, (".txt",))
    for (below, names), _ in zip(walk, range(n_folders), strict=False):
        prefix = f"{folder}/{below}/" if below else f"{folder}/"
        texts = [name for name in names if not is_no_annotation(name)]
        yield from (prefix + name for name in texts[:MAX_TEXTS_LOOKED_AT])
