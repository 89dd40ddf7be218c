"""Pixels of each class in a mask: by index, by colour, or foreground and background."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from balancekit.labels import Labels, SampleIds, sort_class_names
from balancekit.sources.mask_classes import MaskClasses
from balancekit.sources.mask_layout import MaskFile
from balancekit.sources.parts import Reading
from balancekit.sources.pictures import readable
from balancekit.sources.pictures.load import opened_picture, regular_file_size
from balancekit.stats import Problem, ProblemKind

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["MOST_COLOURS", "MaskPart", "MaskReader", "pixels_of_file", "with_greys_of_palette"]

MOST_COLOURS = 256
"""A mask with more colours than this shows no classes, but a picture or a smeared mask."""

SURE_DARK, SURE_LIGHT = 63, 192
"""In a JPEG only values outside of these are told for sure: it smears each edge."""

Kind = Literal["index", "colour", "binary"]


@dataclass(frozen=True)
class MaskReader:
    """How the values of masks stand for classes.

    Attributes:
        kind: each value is a class; each colour is one; or light is foreground and dark is
            background.
        classes: that are declared, if any.
        void_index: the value of pixels without a class; None takes 255, in 16 bits 65535.
        by_folder: whether foreground and background bear the name of the class folder.
        threshold: values from here on are foreground, in binary masks.
    """

    kind: Kind
    classes: MaskClasses
    void_index: int | None = None
    by_folder: bool = False
    threshold: int = 128

    def declared(self, folders: Sequence[str]) -> tuple[str, ...]:
        """Names of the classes that are known without looking at the masks."""
        if self.kind != "binary":
            return self.classes.names
        names = sorted(set(folders)) if self.by_folder else [""]
        return tuple(name for folder in names for name in self.two_names(folder))

    def two_names(self, folder: str) -> tuple[str, str]:
        """Names of background and foreground."""
        if self.by_folder and folder:
            return f"{folder}_background", folder
        if len(self.classes.names) == 2:
            return self.classes.names[0], self.classes.names[1]
        return "background", "foreground"

    def named(self, pixels: "Pixels", folder: str) -> "NamedPixels":
        """Pixels by the names of their classes."""
        if self.kind == "binary":
            return self._named_binary(pixels, self.two_names(folder))
        result = NamedPixels({}, {}, 0)
        voids = self._voids(pixels)
        names = self._names_by_value(pixels)
        if self.kind == "colour" and names is None and not pixels.is_colour:
            greys = {value * 0x010101: n for value, n in pixels.by_value.items()}
            pixels = Pixels(greys, True, 8, pixels.is_smeared)
        for value, n in pixels.by_value.items():
            if value in voids:
                result.n_void += n
            elif names is None:
                name = f"#{value:06x}" if pixels.is_colour else str(value)
                result.by_name[name] = n
            elif value in names:
                result.by_name[names[value]] = result.by_name.get(names[value], 0) + n
            else:
                shown = f"#{value:06x}" if pixels.is_colour else f"value {value}"
                result.unknown[shown] = n
        return result

    def _named_binary(self, pixels: "Pixels", names: tuple[str, str]) -> "NamedPixels":
        result = NamedPixels(dict.fromkeys(names, 0), {}, 0)
        for value, n in pixels.by_value.items():
            if value == self.void_index:
                result.n_void += n
            elif pixels.is_smeared and SURE_DARK < value < SURE_LIGHT:
                place = "values between the classes, as a JPEG smears them"
                result.unknown[place] = result.unknown.get(place, 0) + n
            else:
                result.by_name[names[value >= self.threshold]] += n
        result.by_name = {name: n for name, n in result.by_name.items() if n}
        return result

    def _voids(self, pixels: "Pixels") -> tuple[int, ...]:
        if self.void_index is not None:
            void = self.void_index
            return (void * 0x010101 if pixels.is_colour and void < 256 else void,)
        if pixels.is_colour:
            return ()
        few = not self.classes.names or len(self.classes.names) <= 255
        if pixels.n_bits == 8:
            return (255,) if few else ()
        return (65535, 255) if self.classes.names and few else (65535,)

    def _names_by_value(self, pixels: "Pixels") -> Mapping[int, str] | None:
        names, colours = self.classes.names, self.classes.colours
        if pixels.is_colour and colours:
            values = [red << 16 | green << 8 | blue for red, green, blue in colours]
            return dict(zip(values, names, strict=True))
        if pixels.is_colour or not names:
            return None
        if colours and all(red == green == blue for red, green, blue in colours):
            return {colour[0]: name for colour, name in zip(colours, names, strict=True)}
        return dict(enumerate(names))


@dataclass
class NamedPixels:
    """Pixels of a mask by class, those of values that no class has, and those of none."""

    by_name: dict[str, int]
    unknown: dict[str, int]
    n_void: int


@dataclass(frozen=True)
class Pixels:
    """How many pixels of a mask have each value.

    Attributes:
        by_value: pixels by index, or by 0xRRGGBB.
        is_colour: whether the values are colours.
        n_bits: of an index: 8 or 16.
        is_smeared: whether the file is one that does not keep values, a JPEG.
    """

    by_value: Mapping[int, int]
    is_colour: bool
    n_bits: int
    is_smeared: bool


def pixels_of_file(path: str, *, as_colour: bool) -> Pixels:
    """The values of a mask file.

    Args:
        path: of the file.
        as_colour: whether a palette stands for colours, and not its indices for classes.

    Raises:
        OSError: it cannot be read as a mask; Pillow raises other errors too.
    """
    regular_file_size(path)
    with opened_picture(path) as picture:
        smeared = picture.format == "JPEG"
        if picture.mode == "P" and as_colour:
            return Pixels(_colours(picture.convert("RGB")), True, 8, smeared)
        if picture.mode in ("L", "P", "1", "LA", "PA"):
            plain = picture.getchannel(0) if picture.mode in ("LA", "PA") else picture
            if picture.format == "GIF":  # which knows no grey but by a palette
                plain = with_greys_of_palette(picture)
            values = {value: n for value, n in enumerate(plain.histogram()) if n}
            return Pixels(values, False, 8, smeared)
        if picture.mode.startswith("I"):
            return Pixels(_whole_numbers(picture), False, 16, smeared)
        if picture.mode == "F":
            raise OSError("its values are floats, not whole numbers")
        colours = _colours(picture.convert("RGB"))
        if not as_colour and all(_is_grey(colour) for colour in colours):
            return Pixels({c & 255: n for c, n in colours.items()}, False, 8, smeared)
        return Pixels(colours, True, 8, smeared)


def _whole_numbers(picture: "Image.Image") -> dict[int, int]:
    values, counts = np.unique(np.asarray(picture), return_counts=True)
    return dict(zip(values.tolist(), counts.tolist(), strict=True))


def _colours(picture: "Image.Image") -> dict[int, int]:
    found = picture.getcolors(MOST_COLOURS)
    if found is None:
        raise OSError(
            f"it has more than {MOST_COLOURS} colours: it is no mask, or was stored as a JPEG "
            "or scaled, which makes new colours at each edge"
        )
    colours = ((colour, n) for n, colour in found if isinstance(colour, tuple))
    return {int(c[0]) << 16 | int(c[1]) << 8 | int(c[2]): n for c, n in colours}


def with_greys_of_palette(picture: "Image.Image") -> "Image.Image":
    """The picture by its greys, if it shows nothing else; else by its indices."""
    shown = picture.convert("RGB").getcolors(MOST_COLOURS) or []
    # Of an RGB picture each colour is three numbers, which its stub leaves open.
    are_grey = all(colour[0] == colour[1] == colour[2] for _, colour in shown)  # type: ignore[index]
    return picture.convert("L") if are_grey else picture


def _is_grey(colour: int) -> bool:
    return colour >> 16 == colour >> 8 & 255 == colour & 255


@dataclass(frozen=True)
class MaskPart:
    """Some masks of a split.

    Args:
        files: the masks.
        reader: how their values stand for classes.
        class_names: all that are declared.
    """

    files: tuple[MaskFile, ...]
    reader: MaskReader
    class_names: tuple[str, ...]

    def read(self) -> Reading:
        """Labels whose sizes are pixels, one entry for each class of each mask."""
        notes: dict[ProblemKind, list[str]] = {}
        rows: list[dict[str, int]] = []
        ids = []
        n_void = 0
        for file in self.files:
            found = self._named(file, notes)
            if found is None:
                continue
            for shown, n in found.unknown.items():
                what = f"{readable(file.mask)} ({shown}: {n} pixels)"
                notes.setdefault("mask-value-unknown", []).append(what)
            n_void += found.n_void
            rows.append(found.by_name)
            ids.append(file.picture or file.mask)
        problems = {kind: Problem.of(examples) for kind, examples in notes.items()}
        if not rows:
            return Reading(labels=None, problems=problems)
        return Reading(labels=self._labels(rows, ids), problems=problems, n_void_pixels=n_void)

    def _named(self, file: MaskFile, notes: dict[ProblemKind, list[str]]) -> NamedPixels | None:
        as_colour = self.reader.kind == "colour"
        try:
            pixels = pixels_of_file(file.mask, as_colour=as_colour)
        except Exception as error:  # Pillow's decoders raise nearly every kind of exception
            why = f"{readable(file.mask)} ({type(error).__name__}: {error})"
            notes.setdefault("mask-unreadable", []).append(readable(why))
            return None
        if pixels.is_smeared and self.reader.kind != "binary":
            why = f"{readable(file.mask)} (a JPEG does not keep values; store masks as PNG)"
            notes.setdefault("mask-unreadable", []).append(why)
            return None
        if pixels.is_colour and self.reader.kind != "colour":
            why = f"{readable(file.mask)} (it has colours, the others have indices)"
            notes.setdefault("mask-unreadable", []).append(why)
            return None
        return self.reader.named(pixels, file.class_name)

    def _labels(self, rows: Sequence[Mapping[str, int]], ids: Sequence[str]) -> Labels:
        found = {name for row in rows for name in row} - set(self.class_names)
        names = self.class_names + sort_class_names(found)
        id_of = {name: i for i, name in enumerate(names)}
        return Labels(
            class_ids=np.array([id_of[name] for row in rows for name in row], np.int32),
            class_names=names,
            offsets=np.cumsum([0, *map(len, rows)]),
            sizes=np.array([n for row in rows for n in row.values()], np.float64),
            sample_ids=SampleIds.from_names(ids),
            media="pictures",
            task="segmentation",
        )
