"""YOLO annotations: a text file a picture, with or without a data.yaml."""

import os
from collections.abc import Sequence
from pathlib import Path

from balancekit.errors import DataError
from balancekit.labels import Task
from balancekit.sources.annotated_pictures import (
    Notes,
    has_suffix,
    list_folder,
    split_folders,
    split_of,
)
from balancekit.sources.parts import Part, PartsSource, ReadAlready, Reading
from balancekit.sources.pictures import readable
from balancekit.sources.source import ReadOptions, Source
from balancekit.sources.yolo_layout import (
    NAME_FILES,
    annotated_pictures,
    first_annotations,
)
from balancekit.sources.yolo_lines import YoloFiles
from balancekit.sources.yolo_settings import (
    Settings,
    is_settings,
    settings_of_file,
    settings_of_folder,
)

__all__ = ["open_yolo", "recognise"]

PICTURES_A_PART = 1024
MAX_SETTINGS_LOOKED_AT = 8


def recognise(path: Path) -> str | None:
    """Why a path is taken for this format, in words; None if it is not."""
    try:
        if not path.is_dir():
            return "it names splits and classes as YOLO does" if is_settings(path) else None
        folders, files = list_folder(path)
        if (settings := _settings_in(path, files)) is not None:
            return f"it holds {readable(settings.name)}, which names splits and classes"
        return _why_without_settings(path, folders, files)
    except (OSError, ValueError):
        return None


def open_yolo(path: Path, options: ReadOptions) -> Source:
    """The source of a data.yaml, of a .data file, or of a folder.

    Raises:
        DataError: no annotated picture is there, or not the split or key points wanted.
    """
    file = _settings_in(path, list_folder(path)[1]) if path.is_dir() else path
    settings = settings_of_folder(path) if file is None else settings_of_file(file)
    if not settings.places:
        raise DataError(
            f"{file or path}: expected a folder of pictures for train, val or test, got "
            f"{'; '.join(settings.missing) or 'none'}"
        )
    if options.task == "keypoints" and settings.skeleton is None:
        raise DataError(
            f"{file or path}: expected kpt_shape: [number of key points, 2 or 3], got none. "
            "Leave out --task keypoints."
        )
    taken = _taken_split(path, settings, options.split)
    source = _source_of(path, settings, taken, options.task, beside=True)
    parts = [part for part in source.parts if isinstance(part, YoloFiles)]
    if file is None and not any(one.annotations for part in parts for one in part.pictures):
        raise DataError(
            f"{path}: expected text files of annotations, in labels/ or beside the pictures, got "
            "none. Leave out --format yolo, or check the path."
        )
    if not parts:
        where = ", ".join(place.path for place in settings.places[taken])
        raise DataError(f"{where}: expected pictures or text files of annotations, got none")
    return source


def _settings_in(folder: Path, files: Sequence[str]) -> Path | None:
    """The file of settings at the top of a folder, data.yaml before others."""
    named = [name for name in files if name.lower().endswith((".yaml", ".yml", ".data"))]
    named.sort(key=lambda name: (not name.lower().startswith("data"), name))
    paths = (folder / name for name in named[:MAX_SETTINGS_LOOKED_AT])
    return next((path for path in paths if is_settings(path)), None)


def _why_without_settings(folder: Path, folders: Sequence[str], files: Sequence[str]) -> str | None:
    """What tells that a folder without settings is YOLO's: lines of numbers where it has them."""
    root = os.fspath(folder)
    splits = split_folders(folders)
    apart = ["labels", "obj_train_data", *(f"{name}/labels" for name in splits)]
    for name in apart:
        if name.split("/")[0] in folders and (found := first_annotations(f"{root}/{name}")):
            return f"it holds lines of annotations, in {readable(os.path.relpath(found, root))}"
    for name in ("", *splits):
        place = f"{root}/{name}" if name else root
        beside = list_folder(place)[1] if name else files
        if not any(one.endswith(".txt") for one in beside):
            continue
        found = first_annotations(place, n_folders=1)
        if found and (_has_names(beside) or _has_names(files) or _has_picture(found, beside)):
            return f"it holds lines of annotations, in {readable(os.path.relpath(found, root))}"
    return None


def _has_names(files: Sequence[str]) -> bool:
    return not set(NAME_FILES).isdisjoint(files)


def _has_picture(text: str, files: Sequence[str]) -> bool:
    """Whether a picture of the same stem lies beside a text file."""
    stem = os.path.basename(text)[:-4]  # noqa: PTH119
    return any(name.startswith(f"{stem}.") and has_suffix(name) for name in files)


def _taken_split(path: Path, settings: Settings, wanted: str | None) -> str:
    """The name of the split to read: the training split if none is wanted.

    Raises:
        DataError: it is not there.
    """
    places = settings.places
    if wanted is None:
        return next((name for name in ("train", "") if name in places), next(iter(places)))
    found = next((name for name in (wanted, split_of(wanted)) if name in places), None)
    if found is None:
        got = (
            f"one of the splits {[*places]}" if [*places] != [""] else "no split, as there are none"
        )
        raise DataError(f"{path}: expected {got}, got {wanted!r}")
    return found


def _source_of(
    path: Path,
    settings: Settings,
    split: str,
    task: Task | None,
    *,
    beside: bool = False,
) -> PartsSource:
    """One split of a data set; the others beside it are listed when they are asked for."""
    notes = Notes()
    pictures = [one for place in settings.places[split] for one in annotated_pictures(place, notes)]
    names = settings.class_names
    if task == "keypoints":
        names = names or ("object",)
    chunks = [
        pictures[start : start + PICTURES_A_PART]
        for start in range(0, len(pictures), PICTURES_A_PART)
    ]
    kept: Task = task if task in ("keypoints", "segmentation") else "detection"
    root = os.fspath(path if path.is_dir() else path.parent)
    parts: list[Part] = [YoloFiles(chunk, names, settings.skeleton, kept, root) for chunk in chunks]
    others = [name for name in settings.places if name != split] if beside else []
    told = [f"split {split}"] if split else []
    if others:
        told.append(f"other splits: {', '.join(others)}")
    told += settings.missing
    is_point = task == "keypoints" and settings.skeleton is not None
    return PartsSource(
        format="yolo",
        description=f"YOLO data {readable(path)}" + (f" ({'; '.join(told)})" if told else ""),
        parts=[ReadAlready(Reading(labels=None, problems=notes.problems())), *parts],
        class_names=settings.skeleton.point_names(names or ())
        if is_point and settings.skeleton
        else names,
        split=split or None,
        splits=lambda: {name: _source_of(path, settings, name, task) for name in others},
    )
