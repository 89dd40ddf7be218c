"""One JSON file of COCO annotations, as labels and problems."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import repeat
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from balancekit.errors import DataError
from balancekit.labels import Labels, Task
from balancekit.sources.annotated_pictures import Notes, distinct_names, labels_of_entries
from balancekit.sources.coco_json import (
    NOTHING,
    Annotation,
    Box,
    Category,
    Document,
    Id,
    Picture,
    decode_document,
)
from balancekit.sources.coco_pictures import sample_ids_of
from balancekit.sources.parts import Reading

__all__ = ["CocoFile"]

NO_BOX = Box(*[math.nan] * 4)


class CocoFile:
    """A file of annotations; it is decoded once, when first asked for.

    Args:
        path: of the JSON file.
        task: that the labels should be for; None tells it from the annotations.
        split: of which it is, by which the folder of its pictures is found.
        must_read: a file that cannot be read is an error, and no problem among others.
    """

    def __init__(self, path: str, task: Task | None, split: str | None, must_read: bool) -> None:
        self.path, self.task, self.split, self.must_read = path, task, split, must_read

    def __reduce__(self) -> tuple[Any, ...]:  # without what was read
        return CocoFile, (self.path, self.task, self.split, self.must_read)

    def read(self) -> Reading:
        """Labels of all pictures, and the problems met.

        Raises:
            DataError: the file cannot be read as COCO, where it must be.
        """
        return self._reading

    def class_names(self) -> tuple[str, ...]:
        """The declared classes, in the order of their ids."""
        labels = self.read().labels
        return () if labels is None else labels.class_names

    def ids(self) -> tuple[tuple[Id, ...], tuple[Id, ...]]:
        """Ids of the pictures, in the order of the samples, and of the classes in theirs."""
        self.read()
        return self._ids

    @cached_property
    def _reading(self) -> Reading:
        notes = Notes()
        try:
            document = decode_document(Path(self.path))
            content = _Content(Path(self.path), document, self.task, notes)
            labels = content.labels(self.split)
            self._ids = content.picture_ids, tuple(one.id for one in content.categories)
        except DataError as error:
            if self.must_read:
                raise
            notes.add("file-unreadable", str(error))
            labels, self._ids = None, ((), ())
        return Reading(labels=labels, problems=notes.problems())


class _Content:
    """A document, on its way to labels."""

    def __init__(self, path: Path, document: Document, task: Task | None, notes: Notes) -> None:
        self.path, self.document, self.notes = path, document, notes
        self.task = _task_of(path, document, task)
        self.categories = _categories_of(document, self.note)
        self.class_of: dict[Id, int] = {one.id: i for i, one in enumerate(self.categories)}
        listed = [*document.images, *(document.categories or ())]
        n_nameless = document.n_unusable + sum(one.id is None for one in listed)
        if n_nameless:
            text = f"{path.name}: images or categories without an id"
            notes.add("annotation-malformed", text, n_nameless)

    def note(self, kind: Any, what: str) -> None:
        """Note a problem of this file."""
        self.notes.add(kind, f"{self.path.name}: {what}")

    def labels(self, split: str | None) -> Labels:
        """The labels of all pictures.

        Raises:
            DataError: no picture is listed.
        """
        pictures = [one for one in self.document.images if one.id is not None]
        index: dict[Id, int] = {}
        listed: list[Picture] = []
        for picture in pictures:
            assert picture.id is not None
            if index.setdefault(picture.id, len(listed)) == len(listed):
                listed.append(picture)
            else:
                self.note("duplicate-id", f"image {picture.id}")
        if not listed:
            raise DataError(f"{self.path}: expected at least one entry in images, got none")
        self.picture_ids = tuple(index)
        self.sizes_px = np.array([_size_px(picture) for picture in listed])
        of_entries = self._entries(self._annotations(), index)
        samples: ArrayLike = of_entries[0]
        class_ids: ArrayLike = of_entries[1]
        sizes = of_entries[2]
        names = _unique_names(self.categories)
        if self.task == "keypoints":
            samples, class_ids, names = self._points(*of_entries, names)
        return labels_of_entries(
            samples,
            class_ids,
            None if self.task == "keypoints" else sizes,
            class_names=names,
            sample_ids=sample_ids_of(self.path, split, listed, self.notes),
            task=self.task,
        )

    def _annotations(self) -> list[Annotation]:
        """All annotations; of panoptic ones their segments, which know no picture."""
        annotations = self.document.annotations
        if not any(one.segments_info is not None for one in annotations):
            self._note_twice([one.id for one in annotations if one.id is not None], "")
            return annotations
        segments = []
        for one in annotations:
            found = one.segments_info or []
            # Ids of segments are colours of the picture's mask: unique within it alone.
            where = f" of image {one.image_id}"
            self._note_twice([s.id for s in found if s.id is not None], where)
            for segment in found:
                segment.image_id = one.image_id
            segments += found
        return segments

    def _note_twice(self, ids: Sequence[Id], where: str) -> None:
        if len(set(ids)) < len(ids):
            for id_, n in Counter(ids).items():
                for _ in range(n - 1):
                    self.note("duplicate-id", f"annotation {id_}{where}")

    def _entries(
        self, annotations: Sequence[Annotation], index: dict[Id, int]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], list[Annotation]]:
        """Sample, class and size of the annotations that can be counted.

        And themselves, where their key points are counted.
        """
        samples = _positions([one.image_id for one in annotations], index)
        class_ids = _positions([one.category_id for one in annotations], self.class_of)
        area = np.array([one.area for one in annotations], np.float64)  # None becomes NaN
        boxes = [one.bbox or NO_BOX for one in annotations]
        width = np.array([box.width for box in boxes], np.float64)
        height = np.array([box.height for box in boxes], np.float64)
        with np.errstate(over="ignore", invalid="ignore"):
            sizes = np.where(np.isnan(area), width * height, area)
        faulty = np.array([one.fault != "" for one in annotations], np.bool_)
        faulty |= (width < 0) | (height < 0) | (sizes < 0) | np.isinf(sizes)
        if self.task == "segmentation":
            faulty |= np.isnan(sizes)
        corners = np.array([(box.x, box.y) for box in boxes], np.float64).reshape(-1, 2)
        if self.task == "detection":
            faulty |= (width == 0) | (height == 0)
            faulty |= self._are_outside(samples, corners, np.column_stack([width, height]))
        usable = (samples >= 0) & (class_ids >= 0) & ~faulty
        for i in np.flatnonzero(~usable).tolist():
            self._note_left_out(annotations[i], int(samples[i]), bool(faulty[i]))
        is_crowd = np.array([one.iscrowd for one in annotations], np.bool_)
        if self.task == "detection":
            columns = np.column_stack([samples, class_ids, corners, width, height, sizes, is_crowd])
            for i in _repeated(columns, np.flatnonzero(usable & ~np.isnan(width))):
                usable[i] = False
                self.note("annotation-repeated", f"annotation {annotations[i].id}")
        for i in np.flatnonzero(usable & is_crowd).tolist():
            self.note("crowd-annotation", f"annotation {annotations[i].id}")
        kept = (
            [annotations[i] for i in np.flatnonzero(usable).tolist()]
            if self.task == "keypoints"
            else []
        )
        return samples[usable], class_ids[usable], sizes[usable], kept

    def _are_outside(
        self, samples: NDArray[np.int64], corners: NDArray[np.float64], sides: NDArray[np.float64]
    ) -> NDArray[np.bool_]:
        """Which boxes show nothing of their picture, of those whose size in px is declared."""
        of_picture = self.sizes_px[samples]
        is_outside = ((corners >= of_picture) | (corners + sides <= 0)).any(axis=1)
        return np.asarray(is_outside & ~np.isnan(of_picture).any(axis=1) & (samples >= 0))

    def _note_left_out(self, one: Annotation, sample: int, is_faulty: bool) -> None:
        named = f"annotation {one.id}"
        if is_faulty:
            why = one.fault or _in_words(one)
            self.note("annotation-malformed", f"{named}: {why}")
        elif one.category_id is None:
            self.note("annotation-without-class", named)
        elif sample < 0:
            self.note("annotation-without-sample", f"{named}: image {one.image_id}")
        else:
            self.note("class-out-of-range", f"{named}: category {one.category_id}")

    def _points(
        self,
        samples: NDArray[np.int64],
        class_ids: NDArray[np.int64],
        sizes: NDArray[np.float64],
        annotations: Sequence[Annotation],
        names: Sequence[str],
    ) -> tuple[list[int], list[int], list[str]]:
        """Sample and class of every labelled key point, and the classes: the key points."""
        points_of = [one.keypoints or [] for one in self.categories]
        starts = np.concatenate([[0], np.cumsum([len(points) for points in points_of])])
        several = sum(bool(points) for points in points_of) > 1
        point_names = [
            f"{name}/{point}" if several else point
            for name, points in zip(names, points_of, strict=True)
            for point in points
        ]
        entries: tuple[list[int], list[int]] = ([], [])
        for sample, class_id, one in zip(
            samples.tolist(), class_ids.tolist(), annotations, strict=True
        ):
            for point in self._labelled_points(one, len(points_of[class_id])):
                entries[0].append(sample)
                entries[1].append(int(starts[class_id]) + point)
        return *entries, distinct_names(point_names)

    def _labelled_points(self, one: Annotation, n_declared: int) -> list[int]:
        """Which key points of an annotation are labelled: those with v above 0."""
        if one.keypoints is NOTHING:
            return []
        try:
            values = msgspec.json.decode(one.keypoints, type=list[float])
        except (ValueError, RecursionError):
            values = [0.0]
        if len(values) % 3:
            self.note("annotation-malformed", f"annotation {one.id}: key points are not x, y, v")
            return []
        if len(values) // 3 > n_declared:
            found = f"{len(values) // 3} key points, {n_declared} declared"
            self.note("class-out-of-range", f"annotation {one.id}: {found}")
        return [i for i, v in enumerate(values[2 : 3 * n_declared : 3]) if v > 0]


def _task_of(path: Path, document: Document, wanted: Task | None) -> Task:
    """The task that the labels are for.

    Raises:
        DataError: nothing has a class; or key points are wanted and no category declares any.
    """
    if _is_without_classes(document):
        raise DataError(
            f"{path}: expected annotations with a category_id, got none in any of "
            f"{len(document.annotations)}, as in a file of captions. Name a file of "
            "instances, key points or panoptic segments."
        )
    declares_points = any(one.keypoints for one in document.categories or ())
    if wanted == "keypoints":
        if not declares_points:
            raise DataError(
                f"{path}: expected categories that name their keypoints, got none. "
                "Leave out --task keypoints."
            )
        return "keypoints"
    if wanted is not None:
        return "segmentation" if wanted == "segmentation" else "detection"
    annotations = document.annotations
    if any(one.segments_info is not None for one in annotations):
        return "segmentation"
    has_points = annotations and all(one.keypoints is not NOTHING for one in annotations)
    return "keypoints" if declares_points and has_points else "detection"


def _is_without_classes(document: Document) -> bool:
    """Whether there are annotations, and no class in any of them or declared beside."""
    return bool(document.annotations) and not (
        document.categories
        or any(
            one.category_id is not None or one.segments_info is not None
            for one in document.annotations
        )
    )


@dataclass(frozen=True)
class _Known:
    """A category whose id is known."""

    id: Id
    name: str
    keypoints: list[str] | None


def _categories_of(document: Document, note: Any) -> list[_Known]:
    """The categories in the order of their ids; those used, where none are declared."""
    declared: dict[Id, _Known] = {}
    for one in document.categories or ():
        if one.id is None:
            continue
        if one.id in declared:
            note("duplicate-id", f"category {one.id}")
        declared.setdefault(one.id, _known(one))
    names = Counter(one.name for one in declared.values())
    for known in declared.values():
        if names[known.name] > 1:
            note("duplicate-id", f"category {known.id}: another is named {known.name!r} too")
    if not document.categories:
        used = {
            one.category_id
            for annotation in document.annotations
            for one in (annotation, *(annotation.segments_info or ()))
            if one.category_id is not None
        }
        declared = {id_: _Known(id_, str(id_), None) for id_ in used}
    return sorted(declared.values(), key=lambda one: (isinstance(one.id, str), one.id))


def _known(one: Category) -> _Known:
    assert one.id is not None
    return _Known(one.id, str(one.id if one.name in (None, "") else one.name), one.keypoints)


def _unique_names(categories: Sequence[_Known]) -> list[str]:
    """Names, with the id behind those that several categories bear."""
    times = Counter(one.name for one in categories)
    return distinct_names(
        [one.name if times[one.name] == 1 else f"{one.name}#{one.id}" for one in categories]
    )


def _positions(ids: Sequence[Id | None], known: Mapping[Id, int]) -> NDArray[np.int64]:
    """The position of each id, -1 if it is not known; 7 and "7" are found by each other."""
    # None, an id that is missing, is among those known to no dictionary of ids.
    positions = np.fromiter(map(known.get, ids, repeat(-1)), np.int64, len(ids))  # type: ignore[arg-type]
    if (positions < 0).any():
        texts = {str(id_): i for id_, i in known.items()}
        for i in np.flatnonzero(positions < 0).tolist():
            positions[i] = texts.get(str(ids[i]), -1)
    return positions


def _size_px(picture: Picture) -> tuple[float, float]:
    """Width and height that a file declares; NaN where it declares none that can be."""
    width, height = picture.width, picture.height
    if isinstance(width, float) and isinstance(height, float) and min(width, height) > 0:
        return width, height
    return math.nan, math.nan


def _repeated(columns: NDArray[np.float64], candidates: NDArray[np.int64]) -> list[int]:
    """Which of some rows are the same as one before."""
    mixed = np.zeros(len(candidates), np.uint64)
    for column in columns[candidates].T:  # one number a row finds those that may be the same
        mixed = (mixed * np.uint64(0x9E3779B97F4A7C15)) ^ np.ascontiguousarray(column).view(
            np.uint64
        )
        mixed ^= mixed >> np.uint64(29)
    _, number, times = np.unique(mixed, return_inverse=True, return_counts=True)
    seen: set[tuple[float, ...]] = set()
    repeated = []
    for i in candidates[times[number] > 1].tolist():
        row = tuple(columns[i].tolist())
        if row in seen:
            repeated.append(i)
        seen.add(row)
    return repeated


def _in_words(one: Annotation) -> str:
    """The box and area of an annotation that cannot be, or show nothing of the picture."""
    box = one.bbox
    sizes = (
        [] if box is None else [f"box {box.width:g} × {box.height:g} from x {box.x:g}, y {box.y:g}"]
    )
    if one.area is not None:
        sizes.append(f"area {one.area:g}")
    return ", ".join(sizes) or "its size is not known"
