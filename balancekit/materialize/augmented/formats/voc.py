"""Pascal VOC: an XML file a picture, and lists of the names of a split."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from balancekit.augment.scene import Scene
from balancekit.errors import DataError
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
from balancekit.materialize.augmented.formats.shapes import Box, box_within
from balancekit.sources.annotated_pictures import Notes
from balancekit.sources.parts import PartsSource
from balancekit.sources.pictures import readable
from balancekit.sources.voc_files import VocFiles, VocObject, objects_of, parsed_annotation

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

__all__ = ["VocSet", "open_voc_set"]

PICTURES = "JPEGImages"
ANNOTATIONS = "Annotations"
LIST = "ImageSets/Main/train.txt"
SIDES = ("width", "height", "depth")
FLAGS = ("pose", "truncated", "difficult", "occluded")


class _Kept(NamedTuple):
    picture: PictureKind
    database: str


@dataclass(frozen=True, kw_only=True)
class VocSet(ListedPictures):
    """Pictures with XML files.

    Boxes are of whole pixels counted from 1, the last one within: xmin 1 and xmax 5 are 5
    pixels, the place from 0 to 5. Parts of objects, such as heads, do not move along.

    Args:
        xmls: path of the XML file of each sample, whether or not it is there.
        stems: the name of each sample in what is written, all different.
    """

    xmls: tuple[str, ...]
    stems: tuple[str, ...]
    format = "voc"

    def read(self, index: int) -> Sample:
        """A sample; objects that the reader leaves out are noted.

        Raises:
            DataError: the picture or its XML file cannot be read whole, or the size that it
                declares is another.
        """
        notes = Notes()
        objects: list[VocObject] = []
        root = self._annotation(index)
        place = self.place(self.xmls[index])
        if root is not None:
            objects = list(objects_of(root, place, notes))
        image, kind = decode_picture(
            self.picture(index), None if root is None else _declared_px(root)
        )
        id_of = {name: i for i, name in enumerate(self.class_names)}
        return Sample(
            scene=Scene(image=image, boxes=np.array([_box(o) for o in objects]).reshape(-1, 4)),
            class_ids=np.array([id_of[one.name] for one in objects], np.int64),
            carried=tuple(map(_flags, objects)),
            kept=_Kept(kind, "" if root is None else root.findtext("source/database") or ""),
            notes=tuple(text for p in notes.problems().values() for text in p.examples),
        )

    def encode(self, name: str, sample: Sample) -> dict[str, bytes]:
        """The picture and its XML file; what left the picture is gone."""
        kept: _Kept = sample.kept
        file_name = name + kept.picture.suffix
        return {
            f"{PICTURES}/{file_name}": encode_picture(sample.scene.image, kept.picture),
            f"{ANNOTATIONS}/{name}.xml": self._xml(file_name, sample),
        }

    def originals(self, index: int) -> Sequence[tuple[str, Path]]:
        """The picture, and its XML file if it has one."""
        picture = Path(self.picture(index))
        stem = self.stems[index]
        files = [(f"{PICTURES}/{stem}{picture.suffix}", picture)]
        xml = Path(self.xmls[index])
        return [*files, (f"{ANNOTATIONS}/{stem}.xml", xml)] if xml.is_file() else files

    def finish(self, folder: Path, names: Sequence[str], aside: Path) -> None:
        """The list of the names of all samples: those of the data that are there, then the new."""
        there = [
            stem for i, stem in enumerate(self.stems) if (folder / self.originals(i)[0][0]).exists()
        ]
        (folder / LIST).parent.mkdir(parents=True, exist_ok=True)
        lines = "".join(f"{name}\n" for name in [*there, *names])
        write_whole(lines.encode("utf-8", "surrogateescape"), folder / LIST, aside=aside)

    def _annotation(self, index: int) -> "Element | None":
        try:
            return parsed_annotation(self.xmls[index])
        except FileNotFoundError:
            return None
        except DataError as error:
            raise DataError(
                f"{readable(self.xmls[index])}: expected an annotation in XML, got {error}. Mend "
                "the file, or take its sample out of the data."
            ) from None

    def _xml(self, file_name: str, sample: Sample) -> bytes:
        from xml.etree import ElementTree

        height, width, *channels = sample.scene.image.shape
        root = ElementTree.Element("annotation")
        _add(root, "folder", PICTURES)
        _add(root, "filename", file_name)
        if sample.kept.database:
            _add(_add(root, "source"), "database", sample.kept.database)
        size = _add(root, "size")
        for name, value in zip(SIDES, (width, height, *(channels or (1,))), strict=True):
            _add(size, name, str(value))
        _add(root, "segmented", "0")
        for name, box, flags in self._objects_within(sample):
            one = _add(root, "object")
            _add(one, "name", name)
            for flag, value in flags.items():
                _add(one, flag, value)
            bounds = _add(one, "bndbox")
            for corner, value in zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True):
                _add(bounds, corner, str(value))
        ElementTree.indent(root, "\t")
        return bytes(ElementTree.tostring(root, "utf-8")) + b"\n"

    def _objects_within(
        self, sample: Sample
    ) -> Iterator[tuple[str, tuple[int, int, int, int], dict[str, str]]]:
        """Name, corners and flags of the objects of which a pixel is in the picture."""
        height, width = sample.scene.image.shape[:2]
        assert sample.scene.boxes is not None
        for row, carried in enumerate(sample.carried):
            whole = sample.scene.boxes[row]
            box = box_within(whole, (width, height))
            if box is None:
                continue
            corners = _pixels(box)
            if corners[0] > corners[2] or corners[1] > corners[3]:
                continue
            is_cut = np.abs(np.array(box) - whole).max() >= 1
            if sample.is_cut is not None:
                is_cut |= sample.is_cut[row]
            flags = {**carried, "truncated": "1"} if is_cut else carried
            yield self.class_names[sample.class_ids[row]], corners, flags


def open_voc_set(source: PartsSource, root: Path) -> VocSet:
    """The set of a source.

    Raises:
        DataError: no picture is there.
    """
    labels, problems = source.read_with_problems()
    parts = [part for part in source.parts if isinstance(part, VocFiles)]
    samples = [one for part in parts for one in part.samples]
    if len(samples) > labels.n_samples:
        samples = [one for part in parts for one in part.usable()]
    assert labels.sample_ids is not None
    is_there = map(os.path.isfile, labels.sample_ids)
    xmls = tuple(one.xml for one, there in zip(samples, is_there, strict=True) if there)
    labels, problems = listed_pictures(labels, problems, readable(root))
    stems = [Path(xml).stem for xml in xmls]
    if len(set(stems)) < len(stems):  # of several years or splits, say
        stems = [Path(place).with_suffix("").as_posix() for place in places_below("x", xmls)]
        stems = [stem.removeprefix("x/").replace("/", "_") for stem in stems]
    return VocSet(
        root=root,
        labels=labels,
        problems=problems,
        xmls=xmls,
        stems=tuple(stems),
    )


def _add(parent: "Element", name: str, text: str | None = None) -> "Element":
    from xml.etree import ElementTree

    child = ElementTree.SubElement(parent, name)
    child.text = text
    return child


def _box(one: VocObject) -> Box:
    left, top, right, bottom = one.corners
    return left - 1, top - 1, right, bottom


def _flags(one: VocObject) -> dict[str, str]:
    return {name: text for name in FLAGS if (text := one.element.findtext(name))}


def _pixels(box: Box) -> tuple[int, int, int, int]:
    """The first and last pixels of a box, counted from 1."""
    # Halves go up at both ends, so that the width of a box does not hang on where it lies.
    x1, y1, x2, y2 = (int(np.floor(value + 0.5)) for value in box)
    return x1 + 1, y1 + 1, x2, y2


def _declared_px(root: "Element") -> tuple[int, int] | None:
    try:
        size = [int(float(root.findtext(f"size/{side}") or 0)) for side in ("width", "height")]
    except (ValueError, OverflowError):
        return None
    return (size[0], size[1]) if min(size) > 0 else None
