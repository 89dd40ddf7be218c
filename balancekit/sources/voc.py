"""Pascal VOC annotations: an XML file a picture, with lists of splits or without."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from balancekit.errors import DataError
from balancekit.sources.annotated_pictures import (
    Notes,
    has_suffix,
    list_folder,
    split_folders,
    split_of,
    stays_inside,
)
from balancekit.sources.parts import PartsSource, ReadAlready, Reading
from balancekit.sources.pictures import readable
from balancekit.sources.source import ReadOptions, Source
from balancekit.sources.voc_files import VocFiles, VocSample
from balancekit.stats import Problem, ProblemKind

__all__ = ["open_voc", "recognise"]

FILES_A_PART = 512
N_LOOKED_AT = 3
MAX_YEARS = 20
"""Folders beyond which a folder is no VOCdevkit: they are classes."""

ANNOTATION_FOLDERS = ("Annotations", "annotations", "Annotation", "xmls")
PICTURE_FOLDERS = ("JPEGImages", "images", "Images", "imgs", "JPEGs")
LISTS = ("train", "val", "trainval", "test")
HEAD_BYTES = 2048
NAME = re.compile(rb"<name>\s*([^<>/\\]+?)\s*</name>")
ROOT = re.compile(rb"<annotation[\s>]")
"""The root element of a file; that of CVAT's own XML is called `annotations`."""


def recognise(path: Path) -> str | None:
    """Why a path is taken for this format, in words; None if it is not."""
    try:
        for folder in _annotation_folders(path) if path.is_dir() else ():
            for name in _xmls(folder)[:N_LOOKED_AT]:
                with (folder / name).open("rb") as file:
                    head = file.read(HEAD_BYTES).replace(b"\0", b"")
                if ROOT.search(head) and not (folder != path and _names_a_class_folder(head, path)):
                    found = readable((folder / name).relative_to(path))
                    return f"it holds XML files of annotations, such as {found}"
    except (OSError, ValueError):
        return None
    return None


def _names_a_class_folder(head: bytes, root: Path) -> bool:
    """Whether a file names an object after a folder of pictures, as ImageNet's do.

    Then the folders tell the classes, and the files outline what is in some of the pictures.
    """
    folders = list_folder(root)[0]
    splits = split_folders(folders)
    return any(
        any(map(has_suffix, list_folder(root / split / name)[1]))
        for name in map(os.fsdecode, dict.fromkeys(NAME.findall(head)))
        if stays_inside(name)
        for split in ("", *splits)
    )


def open_voc(path: Path, options: ReadOptions) -> Source:
    """The source of a folder of XML files, or with Annotations/ and ImageSets/.

    Raises:
        DataError: no XML file is there, or not the split wanted.
    """
    notes = Notes()
    by_split = _samples_by_split(path, notes) if path.is_dir() else {}
    if not by_split:
        raise DataError(f"{path}: expected a folder of XML files, or with Annotations/, got none")
    taken = _taken_split(path, by_split, options.split)
    together = {"trainval": {"train", "val"}, "train": {"trainval"}, "val": {"trainval"}}
    others = [name for name in by_split if name not in {taken, *together.get(taken, ())}]
    splits = {name: _source_of(path, name, by_split[name]) for name in others}
    return _source_of(path, taken, by_split[taken], splits, notes.problems())


def _annotation_folders(root: Path) -> list[Path]:
    """Folders of XML files: of the folder, of its splits, or of the years in a VOCdevkit."""
    folders, files = list_folder(root)
    named = [root / name for name in ANNOTATION_FOLDERS if name in folders]
    if found := [folder for folder in named if _xmls(folder)]:
        return found
    if any(name.lower().endswith(".xml") for name in files):
        return [root]
    if found := [root / name for name in split_folders(folders) if _xmls(root / name)]:
        return found
    return [
        root / name / below
        for name in (folders if len(folders) <= MAX_YEARS else ())
        for below in ANNOTATION_FOLDERS
        if _xmls(root / name / below)
    ]


def _xmls(folder: Path) -> list[str]:
    return [name for name in list_folder(folder)[1] if name.lower().endswith(".xml")]


def _samples_by_split(root: Path, notes: Notes) -> dict[str, list[VocSample]]:
    """Samples of each split; of one called "" where there are no splits."""
    by_split: dict[str, list[VocSample]] = {}
    for folder in _annotation_folders(root):
        pictures = tuple(_picture_folders(folder))
        is_apart = folder != root and folder.name in ANNOTATION_FOLDERS
        lists = _lists(folder.parent, notes) if is_apart else {}
        if not lists:
            is_split = folder != root and not is_apart
            lists = {(split_of(folder.name) if is_split else None) or "": _stems(folder)}
        for split, stems in lists.items():
            by_split.setdefault(split, []).extend(
                VocSample(f"{folder}/{stem}.xml", pictures) for stem in stems
            )
    return by_split


def _stems(folder: Path) -> list[str]:
    return [name[:-4] for name in _xmls(folder)]


def _lists(root: Path, notes: Notes) -> dict[str, list[str]]:
    """Names of the samples of each split, by ImageSets/Main; none if there are no lists."""
    lists = {}
    for split in LISTS:
        for folder in ("ImageSets/Main", "ImageSets", "ImageSets/Layout"):
            names = list(_listed(root / folder / f"{split}.txt", notes))
            if names:
                lists[split] = names
                break
    return lists


def _listed(path: Path, notes: Notes) -> Iterator[str]:
    """Names in a list, each once; a number behind, of a class being there or not, is left out."""
    try:
        lines = path.read_bytes().decode("utf-8-sig", "surrogateescape").splitlines()
    except OSError:
        return
    seen = set()
    for line in lines:
        name, _, flag = line.strip().rpartition(" ")
        name = name.strip() if flag in ("-1", "0", "1") and name else line.strip()
        if has_suffix(name) or name.endswith(".xml"):
            name = name.rpartition(".")[0]
        if name and not stays_inside(name):
            notes.add("path-outside", f"{path}: {name}")
        elif name and name not in seen:
            seen.add(name)
            yield name


def _picture_folders(annotations: Path) -> Iterator[str]:
    """Folders where the pictures of a folder of annotations may lie."""
    above = annotations.parent
    if annotations.name in ANNOTATION_FOLDERS:
        places = (above, above.parent) if above.name in ANNOTATION_FOLDERS else (above,)
        for place in places:
            beside = list_folder(place)[0]
            yield from (os.fspath(place / name) for name in PICTURE_FOLDERS if name in beside)
    for name in list_folder(annotations)[0]:
        if name in PICTURE_FOLDERS:
            yield os.fspath(annotations / name)
    if any(has_suffix(name) for name in list_folder(annotations)[1]):
        yield os.fspath(annotations)
    elif annotations.name in ANNOTATION_FOLDERS and any(
        has_suffix(name) for name in list_folder(above)[1]
    ):
        yield os.fspath(above)


def _taken_split(
    path: Path, by_split: Mapping[str, Sequence[VocSample]], wanted: str | None
) -> str:
    """The name of the split to read: the training split if none is wanted.

    Raises:
        DataError: it is not there.
    """
    if wanted is None:
        usual = [name for name in ("train", "trainval", "") if name in by_split]
        return (usual or list(by_split))[0]
    found = next((name for name in (wanted, split_of(wanted)) if name in by_split), None)
    if found is None:
        known = [name for name in by_split if name]
        raise DataError(f"{path}: expected one of the splits {known}, got {wanted!r}")
    return found


def _source_of(
    path: Path,
    split: str,
    samples: Sequence[VocSample],
    splits: Mapping[str, Source] | None = None,
    problems: Mapping[ProblemKind, Problem] | None = None,
) -> PartsSource:
    parts = [
        VocFiles(samples[start : start + FILES_A_PART], os.fspath(path))
        for start in range(0, len(samples), FILES_A_PART)
    ]
    told = [f"split {split}"] if split else []
    if splits:
        told.append(f"other splits: {', '.join(splits)}")
    return PartsSource(
        format="voc",
        description=f"Pascal VOC data {readable(path)}" + (f" ({'; '.join(told)})" if told else ""),
        parts=[ReadAlready(Reading(labels=None, problems=problems or {})), *parts],
        split=split or None,
        splits=splits or {},
    )
