"""Files of Pascal VOC annotations, as labels and problems."""

import math
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from balancekit.errors import DataError
from balancekit.labels import sort_class_names
from balancekit.sources.annotated_pictures import Notes, labels_of_entries, stays_inside
from balancekit.sources.parts import Reading
from balancekit.sources.pictures import PICTURE_SUFFIXES

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

__all__ = ["VocFiles", "VocObject", "VocSample", "objects_of", "parsed_annotation"]

MAX_FILE_BYTES = 1 << 26
ENCODING = re.compile(rb"<\?xml[^>]*?encoding\s*=\s*[\"']([^\"'>]*)")
CORNERS = ("xmin", "ymin", "xmax", "ymax")


class VocSample(NamedTuple):
    """A sample: its file of annotations, whether or not it is there, and its pictures' folders.

    Attributes:
        xml: path of the file.
        picture_folders: where the picture may lie, the likeliest first.
    """

    xml: str
    picture_folders: tuple[str, ...]


class VocObject(NamedTuple):
    """An object that can be counted.

    Attributes:
        corners: xmin, ymin, xmax and ymax as they stand in the file.
        element: all that the file tells of it.
    """

    name: str
    corners: tuple[float, float, float, float]
    element: "Element"

    @property
    def area_px(self) -> float:
        """Of its box, in px²."""
        left, top, right, bottom = self.corners
        return (right - left) * (bottom - top)


@dataclass(frozen=True)
class VocFiles:
    """Some of the samples of a data set.

    An object counts with its box's area in px², difficult and truncated ones as all others.
    A box whose end lies before its start is malformed and left out.

    Args:
        samples: in their order.
        root: the folder that paths are told relative to.
    """

    samples: Sequence[VocSample]
    root: str

    def read(self) -> Reading:
        """Labels of these samples, and the problems met."""
        notes = Notes()
        sample_ids: list[str] = []
        samples: list[int] = []
        objects: list[VocObject] = []
        for one in self.samples:
            found = self._read(one, notes)
            if found is not None:
                samples += [len(sample_ids)] * len(found[1])
                objects += found[1]
                sample_ids.append(found[0])
        if not sample_ids:
            return Reading(labels=None, problems=notes.problems())
        names = sort_class_names({one.name for one in objects})
        id_of = {name: i for i, name in enumerate(names)}
        labels = labels_of_entries(
            samples,
            [id_of[one.name] for one in objects],
            np.array([one.area_px for one in objects], np.float64),
            class_names=names,
            sample_ids=sample_ids,
            task="detection",
        )
        return Reading(labels=labels, problems=notes.problems())

    def usable(self) -> list[VocSample]:
        """Those of the samples that `read` takes."""
        return [one for one in self.samples if self._read(one, Notes()) is not None]

    def _read(self, one: VocSample, notes: Notes) -> tuple[str, list[VocObject]] | None:
        """Id and objects of a sample; None if it is none."""
        stem = os.path.splitext(os.path.basename(one.xml))[0]  # noqa: PTH119, PTH122
        place = os.path.relpath(one.xml, self.root)
        try:
            root = parsed_annotation(one.xml)
        except FileNotFoundError:
            picture = _picture(one.picture_folders, [], stem)
            if picture is None:
                notes.add("file-unreadable", f"{place} (neither it nor its picture is there)")
                return None
            notes.add("picture-without-annotation", picture)
            return picture, []
        except DataError as error:
            notes.add("file-unreadable", f"{place} ({error})")
            return None
        names = []
        if (name := (root.findtext("filename") or "").strip()) and not stays_inside(name):
            notes.add("path-outside", f"{place}: {name}")
        elif name:
            names.append(name.replace("\\", "/"))
        picture = _picture(one.picture_folders, names, stem)
        if picture is None and one.picture_folders:
            notes.add("picture-missing", f"{place}: {name or stem}")
        return picture or os.path.splitext(one.xml)[0], list(objects_of(root, place, notes))  # noqa: PTH122


def parsed_annotation(path: str) -> "Element":
    """The root of a file.

    Raises:
        FileNotFoundError: it is not there.
        DataError: it cannot be read, declares entities, or is no annotation.
    """
    try:
        if os.stat(path).st_size > MAX_FILE_BYTES:  # noqa: PTH116 - as below, for speed
            raise DataError("too large for annotations of a picture")
        with open(path, "rb") as file:  # noqa: PTH123
            root = _root_of(file.read())
    except FileNotFoundError:
        raise
    except DataError:
        raise
    except Exception as error:  # expat and codecs raise many kinds of exceptions
        raise DataError(f"{type(error).__name__}: {error}") from None
    if root.tag != "annotation":
        raise DataError(f"expected <annotation>, got <{root.tag}>")
    return root


def _root_of(content: bytes) -> "Element":
    """The root of XML; entities are refused by defusedxml, which parses in Python.

    Text in ASCII without `<!` can declare none, as it is parsed as ASCII whatever encoding it
    names: it is left to the parser in C, which takes less than half the time.
    """
    from xml.etree import ElementTree

    from defusedxml import ElementTree as SafeElementTree

    named = ENCODING.match(content)
    is_usual = named is None or named[1].lower() in (b"utf-8", b"us-ascii", b"iso-8859-1")
    if is_usual and content.isascii() and b"<!" not in content:
        parser = ElementTree.XMLParser(encoding="us-ascii")  # noqa: S314 - see above
        try:
            return ElementTree.fromstring(content, parser)  # noqa: S314
        except ElementTree.ParseError:
            pass  # UTF-16 may look like ASCII
    root: Element = SafeElementTree.fromstring(content)
    return root


def objects_of(root: "Element", place: str, notes: Notes) -> Iterator[VocObject]:
    """The objects that can be counted; their parts, such as heads, are none."""
    for number, one in enumerate(root.iterfind("object"), 1):
        name = (one.findtext("name") or "").strip()
        if not name:
            notes.add("annotation-without-class", f"{place}: object {number}")
            continue
        box = one.find("bndbox")
        corners = [] if box is None else [_number(box.findtext(corner)) for corner in CORNERS]
        left, top, right, bottom = corners or [math.nan] * 4
        if not (left <= right and top <= bottom):  # nor is NaN
            got = f"{left:g}, {top:g}, {right:g}, {bottom:g}" if corners else "none"
            notes.add("annotation-malformed", f"{place}: object {number}: box {got}")
            continue
        yield VocObject(name, (left, top, right, bottom), one)


def _number(text: str | None) -> float:
    try:
        number = float(text or "")
    except ValueError:
        return math.nan
    return number if math.isfinite(number) else math.nan


def _picture(folders: Sequence[str], names: Sequence[str], stem: str) -> str | None:
    """The picture that is there: by the name in the file, else by the file's own stem.

    Names in the file are often those of before a renaming.
    """
    likely = [*names, *(stem + suffix for suffix in (*PICTURE_SUFFIXES, ".JPG", ".PNG"))]
    for folder in folders:
        for name in likely:
            path = f"{folder}/{name}"
            try:
                if os.path.isfile(path):  # noqa: PTH113 - text, as all paths here
                    return path
            except ValueError:  # a NUL byte
                continue
    return None
