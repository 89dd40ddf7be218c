"""YOLO: a text file a picture, of boxes, polygons, or boxes with key points."""

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from balancekit.augment.scene import Scene
from balancekit.files import write_whole
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
from balancekit.materialize.augmented.formats.shapes import (
    Polygon,
    box_within,
    joined,
    parts_within,
    surrounding_box,
)
from balancekit.sources.parts import PartsSource
from balancekit.sources.pictures import readable
from balancekit.sources.yolo_layout import annotations_folder
from balancekit.sources.yolo_lines import AnnotatedPicture, Skeleton, YoloFiles

__all__ = ["YoloSet", "open_yolo_set"]

PICTURES = "images/train"


class _Carried(NamedTuple):
    """What a line keeps when it moves.

    Attributes:
        is_polygon: whether the line is a polygon, not a box.
        behind: what stands behind a box: its confidence, if anything.
        visibility: v of each key point; None if the line has none.
    """

    is_polygon: bool
    behind: tuple[float, ...] = ()
    visibility: tuple[float, ...] | None = None


@dataclass(frozen=True, kw_only=True)
class YoloSet(ListedPictures):
    """Pictures with text files.

    Args:
        pictures: of the samples, with their text files.
        declared_names: of the classes; None if the data do not tell, so that ids are names.
        skeleton: of the key points, if they are declared.
        places: of the pictures in what is written.
    """

    pictures: tuple[AnnotatedPicture, ...]
    declared_names: tuple[str, ...] | None
    skeleton: Skeleton | None
    places: tuple[str, ...]
    format = "yolo"

    def read(self, index: int) -> Sample:
        """A sample; lines that the reader leaves out are noted.

        Raises:
            DataError: the picture cannot be read whole.
        """
        image, kind = decode_picture(self.picture(index))
        one = self.pictures[index]
        lines: list[list[float]] = []
        notes: tuple[str, ...] = ()
        if one.annotations is not None:
            files = YoloFiles(
                [one], self.declared_names, self.skeleton, "detection", os.fspath(self.root)
            )
            lines, problems = files.lines(0)
            notes = tuple(text for problem in problems.values() for text in problem.examples)
        height, width = image.shape[:2]
        rows = [_row(line, self.skeleton, np.array([width, height], np.float64)) for line in lines]
        polygons = [() if row.polygon is None else (row.polygon,) for row in rows]
        return Sample(
            scene=Scene(
                image=image,
                boxes=np.array([row.box for row in rows], np.float64).reshape(-1, 4),
                polygons=polygons if any(polygons) else None,
                keypoints=_points(rows, self.skeleton),
            ),
            class_ids=np.array([self._class_id(int(line[0])) for line in lines], np.int64),
            carried=tuple(row.carried for row in rows),
            kept=kind,
            notes=notes,
        )

    def encode(self, name: str, sample: Sample) -> dict[str, bytes]:
        """The picture and its text file; what left the picture is gone."""
        kind: PictureKind = sample.kept
        lines = [self._line(sample, row) for row in range(len(sample.carried))]
        text = "".join(f"{line}\n" for line in lines if line)
        return {
            f"{PICTURES}/{name}{kind.suffix}": encode_picture(sample.scene.image, kind),
            _text_of(f"{PICTURES}/{name}{kind.suffix}"): text.encode(),
        }

    def originals(self, index: int) -> Sequence[tuple[str, Path]]:
        """The picture, and its text file if it has one."""
        place = self.places[index]
        text = self.pictures[index].annotations
        files = [(place, Path(self.picture(index)))]
        return files if text is None else [*files, (_text_of(place), Path(text))]

    def finish(self, folder: Path, names: Sequence[str], aside: Path) -> None:
        """The data.yaml, with the names of the classes and the training split alone."""
        lines = ["# Written by balancekit. Add val: with the folder of your validation pictures."]
        lines += [f"train: {PICTURES}", "names:"]
        by_id = dict(enumerate(self.declared_names or ()))
        if self.declared_names is None:
            by_id = {int(name): name for name in self.class_names}
        # JSON's texts are YAML's too, whatever a class is called.
        lines += [f"  {id_}: {json.dumps(name)}" for id_, name in by_id.items()]
        if self.skeleton is not None:
            lines.append(f"kpt_shape: [{self.skeleton.n_points}, {self.skeleton.n_values}]")
            if self.skeleton.names:
                names_of_points = ", ".join(map(json.dumps, self.skeleton.names))
                lines.append(f"kpt_names: {{0: [{names_of_points}]}}")
        write_whole(
            "".join(f"{line}\n" for line in lines).encode(), folder / "data.yaml", aside=aside
        )

    def _class_id(self, id_in_file: int) -> int:
        if self.declared_names is not None:
            return id_in_file
        return self.class_names.index(str(id_in_file))

    def _line(self, sample: Sample, row: int) -> str:
        """The line of a row; nothing if no part of it is in the picture."""
        scene, carried = sample.scene, sample.carried[row]
        height, width = scene.image.shape[:2]
        class_id = int(sample.class_ids[row])
        if self.declared_names is None:
            class_id = int(self.class_names[class_id])
        size = np.array([width, height])
        if carried.is_polygon:
            assert scene.polygons is not None
            parts = parts_within(scene.polygons[row], (width, height))
            return _told(class_id, (joined(parts) / size).ravel()) if parts else ""
        assert scene.boxes is not None
        box = box_within(scene.boxes[row], (width, height))
        if box is None:
            return ""
        x1, y1, x2, y2 = box
        numbers = [(x1 + x2) / 2 / width, (y1 + y2) / 2 / height]
        numbers += [(x2 - x1) / width, (y2 - y1) / height]
        behind = carried.behind
        if carried.visibility is not None:
            assert scene.keypoints is not None
            assert self.skeleton is not None
            points = scene.keypoints[row] / size
            behind = _numbers_of_points(points, carried.visibility, self.skeleton.n_values)
        return _told(class_id, [*numbers, *behind])


def open_yolo_set(source: PartsSource, root: Path) -> YoloSet:
    """The set of a source.

    Raises:
        DataError: no picture is there.
    """
    parts = [part for part in source.parts if isinstance(part, YoloFiles)]
    pictures = [one for part in parts for one in part.pictures]
    labels, problems = source.read_with_problems()
    assert labels.n_samples == len(pictures)
    labels, problems = listed_pictures(labels, problems, readable(root))
    assert labels.sample_ids is not None
    kept = [one for one in pictures if os.path.isfile(one.sample_id)]  # noqa: PTH113
    return YoloSet(
        root=root if root.is_dir() else root.parent,
        labels=labels,
        problems=problems,
        pictures=tuple(kept),
        declared_names=parts[0].class_names,
        skeleton=parts[0].skeleton,
        places=tuple(places_below(PICTURES, list(labels.sample_ids))),
    )


class _Row(NamedTuple):
    """A line in px."""

    box: Sequence[float]
    polygon: Polygon | None
    points: NDArray[np.float64] | None
    carried: _Carried


def _row(line: Sequence[float], skeleton: Skeleton | None, size: NDArray[np.float64]) -> _Row:
    """The row of a line that the reader counts; by its length it is a box or a polygon."""
    numbers = np.array(line[1:])
    n_behind = len(numbers) - 4
    has_points = skeleton is not None and n_behind == skeleton.n_points * skeleton.n_values
    if not has_points and n_behind > 1:
        polygon: Polygon = numbers.reshape(-1, 2) * size
        return _Row(surrounding_box([polygon]), polygon, None, _Carried(True))
    middle, sides = numbers[:2] * size, numbers[2:4] * size
    box = [*(middle - sides / 2).tolist(), *(middle + sides / 2).tolist()]
    if not has_points:
        return _Row(box, None, None, _Carried(False, tuple(numbers[4:].tolist())))
    assert skeleton is not None
    points = numbers[4:].reshape(skeleton.n_points, skeleton.n_values)
    is_labelled = points[:, 2] > 0 if skeleton.n_values == 3 else points.any(axis=1)
    places = points[:, :2] * size
    places[~is_labelled] = np.nan
    visibility = points[:, 2] if skeleton.n_values == 3 else 1.0 * is_labelled
    return _Row(box, None, places, _Carried(False, (), tuple(np.asarray(visibility).tolist())))


def _points(rows: Sequence[_Row], skeleton: Skeleton | None) -> NDArray[np.float64] | None:
    """Key points of all rows [n, K, 2], NaN for rows without; None if no row has any."""
    if skeleton is None or all(row.points is None for row in rows):
        return None
    none = np.full((skeleton.n_points, 2), np.nan)
    return np.array([none if row.points is None else row.points for row in rows])


def _numbers_of_points(
    points: NDArray[np.float64], visibility: Sequence[float], n_values: int
) -> tuple[float, ...]:
    """The numbers of key points given in shares; 0 for one that is not in the picture."""
    numbers: list[float] = []
    for (x, y), v in zip(points.tolist(), visibility, strict=True):
        is_inside = 0 <= x <= 1 and 0 <= y <= 1  # nor is NaN
        told = (x, y, v or 2) if is_inside else (0, 0, 0)
        numbers += told[:n_values]
    return tuple(numbers)


def _told(class_id: int, numbers: Iterable[float]) -> str:
    """A line of a text file; 6 digits are a hundredth of a pixel in 10,000."""
    return " ".join([str(class_id), *(f"{number:.6f}" for number in numbers)])


def _text_of(place: str) -> str:
    """The place of the text file of a picture, as readers look for it."""
    path = PurePosixPath(place)
    return f"{annotations_folder(str(path.parent))}/{path.stem}.txt"
