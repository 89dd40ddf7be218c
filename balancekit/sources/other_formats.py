"""Formats that datumaro reads besides: CVAT, KITTI, Open Images and dozens more.

datumaro loads the whole data set into memory, and may give one object several times, as box
and as polygon, or as several polygons: annotations of one group and class count once.
"""

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from balancekit.errors import DataError, MissingLibraryError
from balancekit.labels import UNLABELLED, Labels, SampleIds, Task
from balancekit.sources.annotated_pictures import Notes, distinct_names, labels_of_entries, split_of
from balancekit.sources.parts import PartsSource, Reading
from balancekit.sources.pictures import readable
from balancekit.sources.source import ReadOptions, Source

__all__ = ["open_datumaro", "recognise"]

VAGUE_FORMATS = frozenset(
    {
        "arrow",
        "common_semantic_segmentation",
        "common_semantic_segmentation_with_subset_dirs",
        "image_dir",
        "image_zip",
        "imagenet",
        "imagenet_with_subset_dirs",
        "kinetics",
        "kitti",
        "mapillary_vistas",
        "mvtec",
        "synthia",
        "tabular",
        "video_frames",
    }
)
"""Formats that many a folder fits, or that stand for a more exact one: taken for want of it."""

KITTI_LABELS = "**/label_2/*.txt"

BOXES = ("bbox", "rotated_bbox", "polygon", "ellipse", "cuboid_2d")
"""Kinds of annotation that outline one object, the best measure of its box first."""

KINDS_OF: Mapping[Task, tuple[str, ...]] = {
    "classification": ("label",),
    "multilabel": ("label",),
    "detection": (*BOXES, "mask"),
    "segmentation": ("mask", "polygon"),
    "keypoints": ("points",),
}
"""Kinds of annotation that each task counts; of an object that has several, the first's size."""


def recognise(path: Path) -> str | None:
    """Why a path is taken for this format, in words; None if it is not."""
    if not _is_installed() or not path.is_dir():
        return None
    found = [name for name in _detected(path) if name not in VAGUE_FORMATS]
    return f"datumaro takes it for {found[0]}" if len(found) == 1 else None


def open_datumaro(path: Path, options: ReadOptions) -> Source:
    """The source of what datumaro can read.

    Raises:
        DataError: datumaro does not know the format, or cannot read the data.
        MissingLibraryError: datumaro is not installed.
    """
    if not _is_installed():
        raise MissingLibraryError(
            "--format datumaro needs datumaro, which is not installed. From a clone: "
            "pip install '.[formats]', best into an environment of its own, as it holds OpenCV "
            "below 5"
        )
    kind = _format_of(path)
    dataset = _imported(str(path), kind)
    task = _task_of(dataset, options.task)
    subsets = _subsets(dataset)
    if not subsets:
        raise DataError(f"{readable(path)}: expected samples in {kind} data, got none")
    sources = {
        split: PartsSource(
            format="datumaro",
            description=f"{kind} data {readable(path)} (read by datumaro{_beside(split, subsets)})",
            parts=[DatumaroPart(str(path), kind, subset, task)],
            class_names=tuple(distinct_names(_class_names(dataset))),
            split=split,
        )
        for split, subset in subsets.items()
    }
    taken = _taken(path, list(subsets), options.split)
    others = {name: source for name, source in sources.items() if name and name != taken}
    return replace(sources[taken], splits=others)


@dataclass(frozen=True)
class DatumaroPart:
    """One subset of a data set that datumaro reads.

    Attributes:
        path: of the data set.
        kind: the format, by datumaro's name.
        subset: by datumaro's name.
        task: what its annotations are for.
    """

    path: str
    kind: str
    subset: str
    task: Task

    def read(self) -> Reading:
        """Labels of its items."""
        dataset = _imported(self.path, self.kind)
        items = sorted(dataset.subsets()[self.subset], key=lambda item: str(item.id))
        names = distinct_names(_class_names(dataset))
        notes = Notes()
        found = [_objects_of(item, self.task, len(names), notes) for item in items]
        if not items:
            return Reading(labels=None, problems=notes.problems())
        ids = [_sample_id(item) for item in items]
        return Reading(labels=_labels(found, names, ids, self.task), problems=notes.problems())


def _labels(
    found: Sequence[Sequence[tuple[int, float]]],
    names: Sequence[str],
    sample_ids: Sequence[str],
    task: Task,
) -> Labels:
    """Labels of samples by the class and size of each object in them."""
    class_ids = [class_id for objects in found for class_id, _ in objects]
    lengths = [len(objects) for objects in found]
    if task == "classification":
        first = [objects[0][0] if objects else UNLABELLED for objects in found]
        return Labels(
            class_ids=np.array(first, np.int32),
            class_names=tuple(names),
            sample_ids=SampleIds.from_names(list(sample_ids)),
            media="pictures",
        )
    sizes = np.array([size for objects in found for _, size in objects], np.float64)
    return labels_of_entries(
        np.repeat(np.arange(len(found)), lengths),
        class_ids,
        sizes if task in ("detection", "segmentation") else None,
        class_names=names,
        sample_ids=sample_ids,
        task=task,
    )


def _objects_of(item: Any, task: Task, n_classes: int, notes: Notes) -> list[tuple[int, float]]:
    """Class and size of each object of an item that the task counts, each once."""
    objects: dict[tuple[object, int], dict[str, float]] = {}
    for i, one in enumerate(item.annotations):
        kind = one.type.name
        if kind not in KINDS_OF[task]:
            continue
        if one.label is None:
            notes.add("annotation-without-class", f"{item.id}: a {kind}")
        elif not 0 <= one.label < n_classes:
            notes.add("class-out-of-range", f"{item.id}: class {one.label} of {n_classes}")
        else:
            # Group 0 is none: such annotations are objects of their own.
            key = (one.group or ("alone", i), one.label)
            sizes = objects.setdefault(key, {})
            sizes[kind] = sizes.get(kind, 0.0) + _size_of(one, kind, task)
    if task in ("classification", "multilabel"):
        return [(class_id, 1.0) for class_id in sorted({label for _, label in objects})]
    if task == "keypoints":
        return [(label, 1.0) for (_, label), n in objects.items() for _ in range(int(n["points"]))]
    return [
        (label, next(sizes[kind] for kind in KINDS_OF[task] if kind in sizes))
        for (_, label), sizes in objects.items()
    ]


def _size_of(annotation: Any, kind: str, task: Task) -> float:
    """Area of the box in px², pixels of a mask, or the number of labelled key points."""
    if kind == "label":
        return 1.0
    if kind == "points":
        return float(sum(v.value > 0 for v in annotation.visibility))
    if task == "segmentation" or kind == "mask":
        return float(annotation.get_area())
    _, _, width, height = annotation.get_bbox()
    return float(width * height)


def _is_installed() -> bool:
    spec = find_spec("datumaro")
    return spec is not None and spec.origin is not None  # not a mere folder of this name


def _task_of(dataset: Any, wanted: Task | None) -> Task:
    """What the annotations are for: what is wanted, else objects, else what there is."""
    kinds: Counter[str] = Counter()
    most_labels = 0
    for item in dataset:
        here = Counter(one.type.name for one in item.annotations)
        most_labels = max(most_labels, here["label"])
        kinds += here
    if wanted is not None and any(kinds[kind] for kind in KINDS_OF.get(wanted, ())):
        return wanted
    if any(kinds[kind] for kind in BOXES):
        return "detection"
    if kinds["points"]:
        return "keypoints"
    if kinds["mask"]:
        return "segmentation"
    return "multilabel" if most_labels > 1 else "classification"


def _class_names(dataset: Any) -> list[str]:
    from datumaro import AnnotationType

    labels = dataset.categories().get(AnnotationType.label)
    return [] if labels is None else [str(label.name) for label in labels.items]


def _sample_id(item: Any) -> str:
    """The path of the picture of an item where it is known, or its name."""
    path = str(getattr(item.media, "path", "") or "")
    return path if path and os.path.exists(path) else str(item.id)  # noqa: PTH110


def _subsets(dataset: Any) -> dict[str | None, str]:
    """Datumaro's name of each subset by that of its split; one alone may be no split."""
    names = sorted(dataset.subsets())
    if len(names) == 1 and split_of(names[0]) is None:  # named after its file, say
        return {None: names[0]}
    return {None if name == "default" else name: name for name in names}


def _beside(split: str | None, splits: Iterable[str | None]) -> str:
    others = [str(name) for name in splits if name is not None and name != split]
    taken = f", split {split}" if split else ""
    return f"{taken} beside {', '.join(others)}" if others else taken


def _taken(path: Path, splits: Sequence[str | None], wanted: str | None) -> str | None:
    """The split to read, of those that are there.

    Raises:
        DataError: it is not among them.
    """
    if wanted is not None and wanted not in splits:
        raise DataError(f"{readable(path)}: expected one of the splits {splits}, got {wanted!r}")
    return wanted or ("train" if "train" in splits else splits[0])


def _format_of(path: Path) -> str:
    """The format by datumaro's name: the one that is told most surely.

    Raises:
        DataError: datumaro knows none, or several.
    """
    found = _detected(path)
    sure = [name for name in found if name not in VAGUE_FORMATS] or found
    if len(sure) == 1:
        return sure[0]
    got = f"one that may be any of {', '.join(sure)}" if sure else "none that it detects"
    raise DataError(f"{readable(path)}: expected a format that datumaro can tell, got {got}")


def _detected(path: Path) -> list[str]:
    """Names of the formats that datumaro detects with the same confidence."""
    from datumaro.components.environment import DEFAULT_ENVIRONMENT
    from datumaro.components.format_detection import detect_dataset_format
    from datumaro.util.os_util import get_all_file_extensions

    detectors = {}
    for suffix in get_all_file_extensions(str(path), set()) or [""]:
        for name, plugin in DEFAULT_ENVIRONMENT.importers.extension_groups.get(suffix, []):
            try:
                detectors[name] = plugin.get_plugin_cls().detect
            except ImportError:  # a plugin whose library datumaro did not bring
                continue
    try:
        found = detect_dataset_format(detectors.items(), str(path))
    except Exception:  # whatever a plugin stumbles over, it does not know the data
        found = []
    if not found and any(path.glob(KITTI_LABELS)):
        return ["kitti_detection"]  # datumaro's own detection misses its usual file names
    return sorted(str(one) for one in found)


@lru_cache(maxsize=1)
def _imported(path: str, kind: str) -> Any:
    """The data set, kept so that its splits and its check are one import.

    Raises:
        DataError: datumaro cannot read it.
    """
    from datumaro import Dataset

    try:
        dataset = Dataset.import_from(path, kind)
        dataset.init_cache()
    except Exception as error:  # plugins raise nearly every kind of exception
        cause = error.__cause__ or error
        raise DataError(f"{readable(path)}: datumaro cannot read it as {kind}: {cause}") from None
    return dataset
