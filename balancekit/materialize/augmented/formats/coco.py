"""COCO: one JSON file with boxes, polygons, run-length masks, crowds and key points."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from balancekit.errors import DataError
from balancekit.files import write_whole
from balancekit.materialize.augmented.formats.coco_rows import (
    CocoRow,
    annotation_of_row,
    row_of_annotation,
    scene_of_rows,
)
from balancekit.materialize.augmented.formats.listed import (
    ListedPictures,
    listed_pictures,
    places_below,
)
from balancekit.materialize.augmented.formats.pictures import (
    PictureKind,
    decode_picture,
    encode_picture,
)
from balancekit.materialize.augmented.formats.protocol import Sample
from balancekit.sources.annotated_pictures import split_of
from balancekit.sources.coco_file import CocoFile
from balancekit.sources.coco_json import Id, decode_fields, id_of
from balancekit.sources.parts import PartsSource
from balancekit.sources.pictures import readable

__all__ = ["CocoSet", "open_coco_set"]

PICTURES = "images/train"
FRAGMENTS = ".coco"
"""A hidden folder with what is told of each new sample, until `finish` puts it together."""


class _Fragment(msgspec.Struct):
    image: dict[str, Any]
    annotations: list[dict[str, Any]]


@dataclass(frozen=True)
class _Kept:
    """The picture's kind, and the licence that it is under."""

    picture: PictureKind
    license: Any


@dataclass(frozen=True, kw_only=True)
class CocoSet(ListedPictures):
    """A COCO file and its pictures; the file is decoded once a process.

    Args:
        path: of the file.
        picture_ids: of the samples.
        category_ids: of the classes.
        places: of the pictures in what is written.
    """

    path: Path
    picture_ids: tuple[Id, ...]
    category_ids: tuple[Id, ...]
    places: tuple[str, ...]
    format = "coco"

    def read(self, index: int) -> Sample:
        """A sample; annotations that the reader leaves out are noted.

        Raises:
            DataError: the picture cannot be read whole, or has not the size that is declared.
        """
        document = _document(self.path, self.path.stat().st_mtime_ns)
        entry = document.images[str(self.picture_ids[index])]
        image, kind = decode_picture(self.picture(index), _declared_px(entry))
        rows: list[CocoRow] = []
        notes: list[str] = []
        seen: set[str] = set()
        class_of = {str(id_): i for i, id_ in enumerate(self.category_ids)}
        for fields in document.annotations.get(str(self.picture_ids[index]), ()):
            class_id = class_of.get(str(id_of(fields.get("category_id"))))
            found = row_of_annotation(fields, class_id, image.shape[:2])
            if isinstance(found, CocoRow) and (not found.key or found.key not in seen):
                seen.add(found.key)
                rows.append(found)
            else:
                why = found if isinstance(found, str) else "the same as one before"
                notes.append(f"{self.path.name}: annotation {fields.get('id')}: {why}")
        scene, carried = scene_of_rows(image, rows)
        return Sample(
            scene=scene,
            class_ids=np.array([row.class_id for row in rows], np.int64),
            carried=carried,
            kept=_Kept(kind, entry.get("license")),
            notes=tuple(notes),
        )

    def encode(self, name: str, sample: Sample) -> dict[str, bytes]:
        """The picture, and what the JSON file will say of it; what left the picture is gone."""
        kept: _Kept = sample.kept
        file_name = name + kept.picture.suffix
        height, width = sample.scene.image.shape[:2]
        image = {"file_name": file_name, "width": width, "height": height}
        if kept.license is not None:
            image["license"] = kept.license
        points = _document(self.path, self.path.stat().st_mtime_ns).point_names
        told = []
        for row, carried in enumerate(sample.carried):
            class_id = int(sample.class_ids[row])
            category_id = self.category_ids[class_id]
            names = points.get(str(category_id), ())
            fields = annotation_of_row(sample.scene, row, carried, names)
            if fields is not None:
                told.append({**fields, "category_id": category_id})
        fragment = msgspec.json.encode(_Fragment(image, told))
        return {
            f"{PICTURES}/{file_name}": encode_picture(sample.scene.image, kept.picture),
            f"{FRAGMENTS}/{name}.json": fragment,
        }

    def originals(self, index: int) -> Sequence[tuple[str, Path]]:
        """The picture; what is told of it comes with `finish`."""
        return [(self.places[index], Path(self.picture(index)))]

    def finish(self, folder: Path, names: Sequence[str], aside: Path) -> None:
        """The JSON file: what the data's says of the pictures that are there, then the new.

        New ids follow the greatest of the old. Entries of pictures that are not there are left
        out; all else of the file stays as it was.
        """
        document = _document(self.path, self.path.stat().st_mtime_ns)
        images: list[dict[str, Any]] = []
        annotations: list[dict[str, Any]] = []
        for id_, place in zip(self.picture_ids, self.places, strict=True):
            if (folder / place).exists():
                file_name = place.removeprefix(f"{PICTURES}/")
                images.append({**document.images[str(id_)], "file_name": file_name})
                annotations += document.annotations.get(str(id_), ())
        next_image, next_annotation = document.next_ids
        for name in names:
            content = (folder / FRAGMENTS / f"{name}.json").read_bytes()
            fragment = msgspec.json.decode(content, type=_Fragment)
            images.append({"id": next_image, **fragment.image})
            for one in fragment.annotations:
                annotations.append({"id": next_annotation, "image_id": next_image, **one})
                next_annotation += 1
            next_image += 1
        told = {**document.others, "images": images, "annotations": annotations}
        is_named = split_of(self.path.name) == "train"
        target = folder / "annotations" / (self.path.name if is_named else "instances_train.json")
        target.parent.mkdir(parents=True, exist_ok=True)
        write_whole(msgspec.json.encode(told) + b"\n", target, aside=aside)


def open_coco_set(source: PartsSource, root: Path) -> CocoSet:
    """The set of a source.

    Raises:
        DataError: the annotations are panoptic ones, or no picture is there.
    """
    (part,) = source.parts
    assert isinstance(part, CocoFile)
    labels, problems = source.read_with_problems()
    path = Path(part.path)
    if _document(path, path.stat().st_mtime_ns).is_panoptic:
        raise DataError(
            f"{readable(path)}: expected annotations of instances, got panoptic ones, whose masks "
            "are in PNG files. Give the file of instances."
        )
    picture_ids, category_ids = part.ids()
    assert labels.sample_ids is not None
    all_paths = list(labels.sample_ids)
    labels, problems = listed_pictures(labels, problems, readable(path))
    assert labels.sample_ids is not None
    there = [i for i, name in enumerate(all_paths) if os.path.isfile(name)]  # noqa: PTH113
    return CocoSet(
        root=root if root.is_dir() else root.parent,
        labels=labels,
        problems=problems,
        path=path,
        picture_ids=tuple(picture_ids[i] for i in there),
        category_ids=category_ids,
        places=tuple(places_below(PICTURES, list(labels.sample_ids))),
    )


@dataclass(frozen=True)
class _Document:
    """A file of annotations by picture.

    Attributes:
        images: entry of each picture, by its id as text: 7 and "7" are found by each other.
        annotations: those of each picture.
        point_names: names of the key points of each category.
        next_ids: greater than those of all pictures, and of all annotations.
        others: what else the file holds.
        is_panoptic: whether annotations are segments of a picture of ids.
    """

    images: Mapping[str, dict[str, Any]]
    annotations: Mapping[str, list[dict[str, Any]]]
    point_names: Mapping[str, tuple[str, ...]]
    next_ids: tuple[int, int]
    others: Mapping[str, Any]
    is_panoptic: bool


@lru_cache(maxsize=2)
def _document(path: Path, changed_ns: int) -> _Document:
    """A file as it was at a time: an edited one is decoded anew."""
    fields = decode_fields(path)
    images: dict[str, dict[str, Any]] = {}
    for entry in _dicts(fields.pop("images", ())):
        images.setdefault(str(id_of(entry.get("id"))), entry)
    listed = _dicts(fields.pop("annotations", ()))
    by_image: dict[str, list[dict[str, Any]]] = {}
    for one in listed:
        by_image.setdefault(str(id_of(one.get("image_id"))), []).append(one)
    points = {
        str(id_of(one.get("id"))): tuple(map(str, one.get("keypoints") or ()))
        for one in _dicts(fields.get("categories") or ())
    }
    return _Document(
        images=images,
        annotations=by_image,
        point_names=points,
        next_ids=(_greatest_id(images.values()) + 1, _greatest_id(listed) + 1),
        others=fields,
        is_panoptic=any("segments_info" in one for one in listed),
    )


def _dicts(entries: Any) -> list[dict[str, Any]]:
    return [one for one in entries or () if isinstance(one, dict)]


def _greatest_id(entries: Any) -> int:
    ids = (id_of(one.get("id")) for one in entries)
    return max((id_ for id_ in ids if isinstance(id_, int)), default=0)


def _declared_px(entry: Mapping[str, Any]) -> tuple[int, int] | None:
    width, height = entry.get("width"), entry.get("height")
    if not isinstance(width, int | float) or not isinstance(height, int | float):
        return None
    return (int(width), int(height)) if width > 0 and height > 0 else None
