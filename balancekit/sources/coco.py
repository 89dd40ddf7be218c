"""COCO and LVIS annotations: instances, key points, panoptic; in one JSON file a split."""

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from balancekit.errors import DataError, OptionError
from balancekit.labels import Task
from balancekit.sources.annotated_pictures import list_folder, split_folders, split_of
from balancekit.sources.class_counts import class_counts_source, looks_like_class_counts
from balancekit.sources.coco_file import CocoFile
from balancekit.sources.parts import PartsSource
from balancekit.sources.pictures import readable
from balancekit.sources.source import ReadOptions, Source

__all__ = ["open_coco", "recognise"]

HEAD_BYTES = 1 << 16
MAX_LOOKED_AT = 8
"""Files of a folder that are looked at before it is taken for no COCO data."""

KEYS = (rb'"images"\s*:\s*\[', rb'"annotations"\s*:\s*\[', rb'"categories"\s*:\s*\[')
FIELDS = (b'"image_id"', b'"category_id"')

KINDS: tuple[tuple[str, str], ...] = (
    ("caption", "captions"),
    ("image_info", "captions"),
    ("keypoint", "keypoints"),
    ("panoptic", "panoptic"),
    ("stuff", "stuff"),
)
KINDS_OF_TASK: dict[Task | None, tuple[str, ...]] = {
    None: ("instances", "keypoints", "panoptic", "stuff"),
    "detection": ("instances", "keypoints", "stuff", "panoptic"),
    "multilabel": ("instances", "keypoints", "stuff", "panoptic"),
    "keypoints": ("keypoints", "instances"),
    "segmentation": ("panoptic", "stuff", "instances", "keypoints"),
}
"""Which of several files of a split is taken, by what its name says that it holds."""


def recognise(path: Path) -> str | None:
    """Why a path is taken for this format, in words; None if it is not."""
    try:
        if path.is_dir():
            files = _annotation_files(path)
            named = next((file for file in files[:MAX_LOOKED_AT] if _why(file)), None)
            if named is None:
                return None
            return f"it holds {readable(named.relative_to(path))}, {_why(named)}"
        return _why(path)
    except (OSError, ValueError):
        return None


def open_coco(path: Path, options: ReadOptions) -> Source:
    """The source of a JSON file, or of a folder of them: one a split.

    Raises:
        DataError: no annotation file is there, or it cannot be told which one is meant.
        OptionError: a split is named that the data do not have.
    """
    if path.is_dir():
        return _open_folder(path, options)
    if options.split is not None:
        raise OptionError(f"split: expected only with a folder, got {options.split!r} with {path}")
    if looks_like_class_counts(path):
        return class_counts_source(path)
    return _source_of(path, options.task, split_of(path.name), "")


def _why(path: Path) -> str | None:
    """What tells that a file is COCO's, from its beginning and end."""
    if path.suffix.lower() != ".json" or not path.is_file():
        return None
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
        file.seek(max(0, path.stat().st_size - HEAD_BYTES))
        tail = file.read(HEAD_BYTES)
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    found = sum(bool(re.search(key, head) or re.search(key, tail)) for key in KEYS)
    fields = any(all(field in part for field in FIELDS) for part in (head, tail))
    if start == b"{" and found + fields >= 2:
        return "with images, annotations and categories as COCO has them"
    if start == b"[" and fields:
        return "a list of annotations as COCO has them"
    if start == b"{" and _is_named_a_count(path.name) and looks_like_class_counts(path):
        return "the number of samples by class"
    return None


def _is_named_a_count(name: str) -> bool:
    """Whether a name says that numbers by name are counts of classes, and no settings."""
    return re.search(r"count|freq|(images?|samples|instances)_?per", name.lower()) is not None


def _annotation_files(folder: Path) -> list[Path]:
    """JSON files where COCO data have theirs: the likeliest folder that has any.

    Captions are given only where there is nothing else, so that they are refused as such.
    """
    below, beside = list_folder(folder)
    apart = folder / "annotations"
    of_splits = [folder / name for name in split_folders(below)]
    captions: list[Path] = []
    for places in (
        [apart, *(apart / name for name in list_folder(apart)[0])],
        of_splits,
        [folder] if any(name.lower().endswith(".json") for name in beside) else [],
        [place / "annotations" for place in of_splits],
    ):
        found = _jsons(places)
        known = [file for file in found if _kind_of(file.name) != "captions"]
        if known:
            return sorted(known, key=lambda file: (_kind_of(file.name) != "instances", file))
        captions += found
    return sorted(captions)


def _jsons(folders: Iterable[Path]) -> list[Path]:
    return [
        folder / name
        for folder in folders
        for name in list_folder(folder)[1]
        if name.lower().endswith(".json")
    ]


def _kind_of(name: str) -> str:
    """What a file holds, by its name."""
    return next((kind for part, kind in KINDS if part in name.lower()), "instances")


def _open_folder(folder: Path, options: ReadOptions) -> Source:
    """The wanted split of a folder, with the others beside it."""
    files = [file for file in _annotation_files(folder) if _why(file)]
    kinds = KINDS_OF_TASK.get(options.task, KINDS_OF_TASK[None])
    held = {_kind_of(file.name) for file in files}
    kind = next((kind for kind in (*kinds, "captions") if kind in held), None)
    by_split = _by_split([file for file in files if _kind_of(file.name) == kind], folder)
    if not by_split:
        raise DataError(
            f"{folder}: expected JSON files of COCO, in annotations/ or in split folders, got "
            "none. Name the file itself."
        )
    taken = _taken_split(folder, by_split, options.split)
    others = {
        name: _source_of(file, options.task, name, "", must_read=False)
        for name, file in by_split.items()
        if name != taken and not (name == "trainval" or taken == "trainval")
    }
    aside = f"; other splits: {', '.join(sorted(others))}" if others else ""
    split = taken if len(by_split) > 1 or split_of(taken) else None
    return _source_of(by_split[taken], options.task, split, aside, others)


def _by_split(files: Sequence[Path], folder: Path) -> dict[str, Path]:
    """Files by the split that they or their folders are named after; else by stem, or path."""
    by_name = [
        split_of(file.name) or (split_of(file.parent.name) if file.parent != folder else None)
        for file in files
    ]
    stems = [file.stem for file in files]
    return {
        name
        if name and by_name.count(name) == 1
        else file.stem
        if stems.count(file.stem) == 1
        else readable(file.relative_to(folder)): file
        for name, file in zip(by_name, files, strict=True)
    }


def _taken_split(folder: Path, by_split: dict[str, Path], wanted: str | None) -> str:
    """The name of the split to read.

    Raises:
        DataError: it is not there, or none is named and none is the training split.
    """
    known = [name for name in ("train", "trainval", "val", "test") if name in by_split]
    if wanted is not None:
        stems = [name for name, file in by_split.items() if file.stem == wanted]
        found = [name for name in (wanted, split_of(wanted) or "") if name in by_split]
        if not found and len(stems) != 1:
            raise DataError(f"{folder}: expected one of the splits {[*by_split]}, got {wanted!r}")
        return (found or stems)[0]
    trained = [name for name in by_split if split_of(name) == "train"]
    if len(by_split) > 1 and not known and len(trained) != 1:
        raise DataError(
            f"{folder}: expected one annotation file a split, got {', '.join(sorted(by_split))}. "
            "Name one with --split, or give the path of the file."
        )
    return (known or trained or list(by_split))[0]


def _source_of(
    path: Path,
    task: Task | None,
    split: str | None,
    aside: str,
    others: dict[str, Source] | None = None,
    *,
    must_read: bool = True,
) -> Source:
    part = CocoFile(os.fspath(path), task, split, must_read)
    named = f", split {split}" if split else ""
    return PartsSource(
        format="coco",
        description=f"COCO annotations {readable(path)}{named}{aside}",
        parts=[part],
        class_names=part.class_names,
        split=split,
        splits=others or {},
    )
