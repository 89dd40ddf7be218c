"""Files of YOLO annotations, as labels and problems."""

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from balancekit.labels import Task
from balancekit.sources.annotated_pictures import Notes, labels_of_entries
from balancekit.sources.parts import Reading
from balancekit.sources.picture_sizes import picture_size
from balancekit.stats import Problem, ProblemKind

__all__ = ["AnnotatedPicture", "Skeleton", "YoloFiles"]

TOLERANCE = 0.01
"""How far a share of the picture may lie outside of [0, 1], as rounding takes it."""

MAX_CLASS_ID = 10**6
CHUNK_BYTES = 1 << 16
MAX_FILE_BYTES = 1 << 26


class AnnotatedPicture(NamedTuple):
    """A picture and its text file; None for the one that is not there."""

    sample_id: str
    picture: str | None
    annotations: str | None


@dataclass(frozen=True)
class Skeleton:
    """The key points of each object: how many, values of each, and their names."""

    n_points: int
    n_values: int
    names: tuple[str, ...] = ()

    def point_names(self, class_names: Sequence[str]) -> tuple[str, ...]:
        """Names of the key points, those of each class apart where there are several."""
        points = [self.names[i] if i < len(self.names) else str(i) for i in range(self.n_points)]
        if len(class_names) < 2:
            return tuple(points)
        return tuple(f"{name}/{point}" for name in class_names for point in points)


@dataclass
class _Entries:
    """Annotations of the pictures so far, in columns; and the numbers of their lines."""

    samples: list[int] = field(default_factory=list)
    class_ids: list[int] = field(default_factory=list)
    sizes: list[float] = field(default_factory=list)
    lines: list[list[float]] = field(default_factory=list)


@dataclass(frozen=True)
class YoloFiles:
    """Some of the pictures of a data set, with their annotations.

    A line is a box (`class x y width height`, with or without a confidence behind), a
    polygon (`class x1 y1 x2 y2 …`, of which an oriented box is one with 4 points) or, where
    a skeleton is declared, a box and its key points. All are in shares of the picture. A line
    with a share outside of [0, 1] is malformed and left out; others of its file stay.

    Args:
        pictures: in their order.
        class_names: as declared; None if none are, so that ids are names.
        skeleton: of the key points, if they are declared.
        task: detection, segmentation or keypoints.
        root: the folder that paths are told relative to.
    """

    pictures: Sequence[AnnotatedPicture]
    class_names: tuple[str, ...] | None
    skeleton: Skeleton | None
    task: Task
    root: str

    def read(self) -> Reading:
        """Labels of these pictures, and the problems met."""
        notes = Notes()
        samples, class_ids, sizes = self._entries(notes)
        names = self.class_names
        if self.task == "keypoints":
            assert self.skeleton is not None
            names = self.skeleton.point_names(names or ())
        elif names is None:
            used, class_ids = np.unique(class_ids, return_inverse=True)
            names = tuple(map(str, used.tolist()))
        labels = labels_of_entries(
            samples,
            class_ids,
            None if self.task == "keypoints" else sizes,
            class_names=names,
            sample_ids=[one.sample_id for one in self.pictures],
            task=self.task,
        )
        return Reading(labels=labels, problems=notes.problems())

    def lines(self, sample: int) -> tuple[list[list[float]], dict[ProblemKind, Problem]]:
        """The numbers of each line of one picture that is counted, and what is wrong with others.

        In the order of the file, in shares of the picture; for detection, so with polygons.
        """
        notes, entries = Notes(), _Entries()
        content = _content_of(self.pictures[sample], notes)
        self._add_singly(sample, content, math.nan, entries, notes)
        return entries.lines, notes.problems()

    def _entries(
        self, notes: Notes
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
        """Sample, class and size of every annotation."""
        singly = _Entries()
        contents: dict[int, bytes] = {}
        areas = np.full(len(self.pictures), np.nan)
        boxes: list[float] = []
        n_boxes = np.zeros(len(self.pictures), np.int64)
        for i, one in enumerate(self.pictures):
            content = _content_of(one, notes)
            if not content:
                continue
            areas[i] = _area_px(one.picture)
            contents[i] = content
            # Most files hold boxes and nothing else: these are checked together, below.
            values = _plain_boxes(content) if self.task == "detection" else None
            if values is None:
                self._add_singly(i, content, areas[i], singly, notes)
            else:
                boxes += values
                n_boxes[i] = len(values) // 5
        rows = np.array(boxes).reshape(-1, 5)
        of_row = np.repeat(np.arange(len(self.pictures)), n_boxes)
        doubtful = np.unique(of_row[self._are_doubtful(rows)])
        for i in doubtful.tolist():
            self._add_singly(i, contents[i], areas[i], singly, notes)
        kept = ~np.isin(of_row, doubtful)
        rows, of_row = rows[kept], of_row[kept]
        return (
            np.concatenate([of_row, np.array(singly.samples, np.int64)]),
            np.concatenate([rows[:, 0].astype(np.int64), np.array(singly.class_ids, np.int64)]),
            np.concatenate([rows[:, 3] * rows[:, 4] * areas[of_row], np.array(singly.sizes)]),
        )

    def _are_doubtful(self, rows: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which boxes `_add_values` would refuse: the same rules, for all at once."""
        class_ids, shares = rows[:, 0], rows[:, 1:]
        with np.errstate(invalid="ignore"):
            is_fine = (class_ids >= 0) & (class_ids < self._n_classes)
            is_fine &= class_ids == np.floor(class_ids)
            is_fine &= ((shares >= -TOLERANCE) & (shares <= 1 + TOLERANCE)).all(axis=1)
            is_fine &= (shares[:, 2:] > 0).all(axis=1)
        return np.asarray(~is_fine)

    @property
    def _n_classes(self) -> int:
        return MAX_CLASS_ID if self.class_names is None else len(self.class_names)

    def _add_singly(
        self, sample: int, content: bytes, area: float, entries: _Entries, notes: Notes
    ) -> None:
        """Add the annotations of one picture, line by line, and note what is wrong with each."""
        one = self.pictures[sample]
        seen: set[bytes] = set()
        for number, line in enumerate(content.splitlines(), 1):
            tokens = line.split()
            if not tokens:
                continue
            if line in seen:
                self._note(notes, "annotation-repeated", one, number, "")
                continue
            seen.add(line)
            try:
                values = [float(token) for token in tokens]
            except ValueError:
                values = []
            if not values or b"_" in line:  # which Python takes for a digit's neighbour
                self._note(notes, "annotation-malformed", one, number, "not all are numbers")
                continue
            why = self._add_values(sample, values, area, entries)
            if why:
                kind = "class-out-of-range" if why.startswith("class ") else "annotation-malformed"
                self._note(notes, kind, one, number, why)

    def _add_values(
        self, sample: int, values: list[float], area: float, entries: _Entries
    ) -> str | None:
        """Add one annotation, or say in words why it cannot be."""
        class_id, n = values[0], len(values)
        if not class_id.is_integer():  # nor is NaN or infinity
            return "the class is no whole number"
        n_classes = self._n_classes
        if not 0 <= class_id < n_classes:
            return f"class {class_id:.0f} of {n_classes}"
        skeleton = self.skeleton
        points: list[float] | None = None
        if skeleton is not None and n == 5 + skeleton.n_points * skeleton.n_values:
            size, points = values[3] * values[4], values[5:]
            shares = values[1:5]
        elif n in (5, 6):
            size = values[3] * values[4]
            shares = values[1:5]
        elif n >= 7 and n % 2:
            size = _polygon_area(values)
            shares = values[1:]
        else:
            return f"{n} values"
        # The sum, because least and greatest may not see a NaN.
        is_finite = math.isfinite(sum(shares))
        if not (is_finite and min(shares) >= -TOLERANCE and max(shares) <= 1 + TOLERANCE):
            return "a share outside of 0 to 1"
        if n <= 6 and min(values[3], values[4]) <= 0:
            return "a width or height that is not above 0"
        if self.task == "keypoints":
            if points is None:
                return f"{n} values, without the declared key points"
            self._add_points(sample, int(class_id), points, entries)
            return None
        if self.task == "segmentation" and area != area:
            return "a picture whose number of pixels is not known"
        entries.samples.append(sample)
        entries.class_ids.append(int(class_id))
        entries.sizes.append(size * area)
        entries.lines.append(values)
        return None

    def _add_points(
        self, sample: int, class_id: int, points: list[float], entries: _Entries
    ) -> None:
        """Add the labelled key points: those with v above 0, or not in the corner without v."""
        assert self.skeleton is not None
        step = self.skeleton.n_values
        for i in range(self.skeleton.n_points):
            given = points[i * step : (i + 1) * step]
            if given[2] > 0 if step == 3 else any(given):
                entries.samples.append(sample)
                entries.class_ids.append(class_id * self.skeleton.n_points + i)

    def _note(self, notes: Notes, kind: str, one: AnnotatedPicture, number: int, why: str) -> None:
        assert one.annotations is not None
        place = os.path.relpath(one.annotations, self.root)
        notes.add(kind, f"{place}:{number}" + (f": {why}" if why else ""))  # type: ignore[arg-type]


def _content_of(one: AnnotatedPicture, notes: Notes) -> bytes:
    """What the text file of a picture holds; nothing if it is not there or cannot be read."""
    if one.annotations is None:
        notes.add("picture-without-annotation", one.sample_id)
        return b""
    try:
        # Without blocking: a pipe would wait for ever.
        file = os.open(one.annotations, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        try:
            content = os.read(file, CHUNK_BYTES)
            while len(content) % CHUNK_BYTES == 0 and (more := os.read(file, CHUNK_BYTES)):
                content += more
                if len(content) > MAX_FILE_BYTES:
                    raise OSError(f"over {MAX_FILE_BYTES} bytes are no annotations of a picture")
        finally:
            os.close(file)
    except OSError as error:
        notes.add("file-unreadable", f"{one.annotations} ({error.strerror or error})")
        return b""
    return content.removeprefix(b"\xef\xbb\xbf")


def _plain_boxes(content: bytes) -> list[float] | None:
    """The numbers of a file that is all lines of 5 numbers; None if it is another."""
    lines = content.splitlines()
    tokens = content.split()
    # With 4 spaces in each, lines hold at most 5 numbers; with 5 a line on average, all do.
    if {line.count(b" ") for line in lines} != {4} or len(tokens) != 5 * len(lines):
        return None
    if len(set(lines)) < len(lines) or b"_" in content:
        return None
    try:
        return list(map(float, tokens))
    except ValueError:
        return None


def _area_px(picture: str | None) -> float:
    size = None if picture is None else picture_size(picture)
    return math.nan if size is None else float(size[0]) * size[1]


def _polygon_area(values: Sequence[float]) -> float:
    """Area of `class x1 y1 x2 y2 …` by the shoelace formula."""
    x, y = values[1::2], values[2::2]
    total = x[-1] * y[0] - x[0] * y[-1]
    for i in range(len(x) - 1):
        total += x[i] * y[i + 1] - x[i + 1] * y[i]
    return abs(total) / 2
