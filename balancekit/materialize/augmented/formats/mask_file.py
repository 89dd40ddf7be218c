"""Files of masks: values as they are stored, and files of the same mode and palette."""

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from balancekit.errors import DataError
from balancekit.materialize.augmented.formats.pictures import oddities_unsaid
from balancekit.sources.mask_pixels import MOST_COLOURS, with_greys_of_palette
from balancekit.sources.pictures import readable
from balancekit.sources.pictures.load import opened_picture, regular_file_size

__all__ = ["MaskKind", "decode_mask", "encode_mask"]

FOREGROUND = 128


@dataclass(frozen=True)
class MaskKind:
    """How the values of a mask are stored.

    Attributes:
        mode: of Pillow: "1", "L", "P", "I;16" or "RGB".
        palette: RGB of each index, 3 bytes each; empty but in mode "P".
        transparency: what a palette says of alpha; None if it does not.
        colours: red, green and blue of each value, in mode "RGB".
    """

    mode: str
    palette: bytes = b""
    transparency: Any = None
    colours: tuple[tuple[int, ...], ...] = ()


def decode_mask(path: str | Path) -> tuple[NDArray[Any], MaskKind]:
    """The values of a mask, uint8 or uint16 [H, W], and how they are stored.

    Indices stay what they are; colours are numbered, black as 0 whether or not it occurs. A
    JPEG, which smears values, is taken as black and white.

    Raises:
        DataError: it is missing or truncated, or its values cannot be kept.
    """
    try:
        regular_file_size(path)
        with oddities_unsaid(), opened_picture(path) as picture:
            picture.load()
            return _values(picture)
    except MemoryError:
        raise
    except Exception as error:  # Pillow's decoders raise nearly every kind of exception
        words = str(error).partition(" <_io.")[0] or type(error).__name__
        raise DataError(
            f"{readable(path)}: expected a mask that decodes whole, got {readable(words)}. "
            "Replace the file, or take its sample out of the data."
        ) from None


def encode_mask(mask: NDArray[Any], kind: MaskKind) -> bytes:
    """The bytes of a PNG with these values, in the mode and with the palette they came with."""
    from PIL import Image

    options: dict[str, Any] = {}
    if kind.mode == "RGB":
        colours = np.zeros((max(len(kind.colours), int(mask.max()) + 1), 3), np.uint8)
        colours[: len(kind.colours)] = kind.colours
        picture = Image.fromarray(colours[mask])
    elif kind.mode == "1":
        picture = Image.fromarray(mask.astype(np.bool_))
    elif kind.mode == "I;16":
        picture = Image.fromarray(mask.astype(np.uint16))
    else:
        picture = Image.fromarray(mask.astype(np.uint8))
    if kind.mode == "P":
        # An index that the palette lacks, such as 255 for void, would make the file malformed.
        n_needed = 3 * (int(mask.max()) + 1)
        picture.putpalette(kind.palette.ljust(n_needed, b"\0"))
        options["bits"] = 8
        if kind.transparency is not None:
            options["transparency"] = kind.transparency
    file = BytesIO()
    picture.save(file, "PNG", **options)
    return file.getvalue()


def _values(picture: Any) -> tuple[NDArray[Any], MaskKind]:
    if picture.format == "JPEG":
        light = np.asarray(picture.convert("L")) >= FOREGROUND
        return light * np.uint8(255), MaskKind("L")
    transparency = picture.info.get("transparency")
    if picture.format == "GIF":  # which knows no grey but by a palette
        picture = with_greys_of_palette(picture)
    mode = picture.mode
    if mode in ("LA", "PA"):
        palette = picture.getpalette() if mode == "PA" else None
        picture = picture.getchannel(0)
        if palette is not None:
            picture.putpalette(palette)
        return _values(picture)
    if mode == "1":
        return np.asarray(picture).astype(np.uint8), MaskKind("1")
    if mode == "L":
        return np.array(picture), MaskKind("L")
    if mode == "P":
        palette = bytes(picture.getpalette("RGB"))
        return np.array(picture), MaskKind("P", palette, transparency)
    if mode.startswith("I"):
        return _whole_numbers(np.asarray(picture)), MaskKind("I;16")
    if mode == "F":
        raise OSError("floats, which are no classes")
    return _numbered_colours(np.asarray(picture.convert("RGB")))


def _whole_numbers(values: NDArray[Any]) -> NDArray[np.uint16]:
    if values.min() < 0 or values.max() > np.iinfo(np.uint16).max:
        raise OSError(f"values from {values.min()} to {values.max()}, which no PNG holds")
    return values.astype(np.uint16)


def _numbered_colours(rgb: NDArray[np.uint8]) -> tuple[NDArray[Any], MaskKind]:
    packed = rgb.astype(np.int32) @ np.array([1 << 16, 1 << 8, 1], np.int32)
    found = np.union1d(packed, [0])  # with black: what a turn uncovers is filled with 0
    if len(found) > MOST_COLOURS:
        raise OSError(f"{MOST_COLOURS} colours or more, so that it is no mask")
    colours = tuple((c >> 16, c >> 8 & 255, c & 255) for c in found.tolist())
    return np.searchsorted(found, packed).astype(np.uint8), MaskKind("RGB", colours=colours)
