"""Opening a picture file: safely, and with its values as they are meant."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from balancekit.errors import DataError, OptionError

if TYPE_CHECKING:
    from PIL import Image

__all__ = [
    "MAX_PIXELS",
    "PICTURE_SUFFIXES",
    "as_8_bits",
    "load_picture",
    "opened_picture",
    "readable",
    "regular_file_size",
]

PICTURE_SUFFIXES = (
    ".jpg",
    ".jpeg",
    ".png",
    ".bmp",
    ".gif",
    ".ppm",
    ".pgm",
    ".pbm",
    ".pnm",
    ".tif",
    ".tiff",
    ".webp",
    ".avif",
    ".jp2",
    ".tga",
)
MAX_PIXELS = 178_956_970
"""Pictures above this many pixels are refused: Pillow's own limit for a decompression bomb."""

PROGRAMS = ("EPS", "WMF")
"""Formats that Pillow hands to another program, Ghostscript say; the suffix does not tell."""


def load_picture(
    path: str | os.PathLike[str],
    *,
    mode: Literal["RGB", "L"] = "RGB",
    size_px: tuple[int, int] | None = None,
) -> NDArray[np.uint8]:
    """A picture as uint8 [height, width, 3] or, in mode "L", [height, width].

    The orientation that a camera has noted (EXIF) is applied. More than 8 bits are scaled
    down, see `as_8_bits`.

    Args:
        path: of the file.
        mode: colour or grey.
        size_px: (height, width) to scale to; the size of the file if not given.

    Raises:
        DataError: the file is missing, truncated or no picture.
        OptionError: mode or size_px cannot be.
    """
    from PIL import Image, ImageOps

    if mode not in ("RGB", "L"):
        raise OptionError(f"mode: expected 'RGB' or 'L', got {mode!r}")
    if size_px is not None and min(size_px) < 1:
        raise OptionError(f"size_px: expected (height, width) ≥ 1, got {size_px}")
    try:
        regular_file_size(path)
        with opened_picture(path) as file:
            if size_px is not None:
                # Lets the JPEG decoder skip detail that scaling would throw away.
                file.draft(mode, (2 * size_px[1], 2 * size_px[0]))
            picture = as_8_bits(ImageOps.exif_transpose(file)).convert(mode)
    except MemoryError:
        raise
    except Exception as error:  # Pillow's decoders raise nearly every kind of exception
        raise DataError(f"{readable(path)}: cannot be decoded as a picture: {error}") from None
    if size_px is not None:
        picture = picture.resize((size_px[1], size_px[0]), Image.Resampling.BILINEAR)
    return np.array(picture)


def readable(path: str | os.PathLike[str]) -> str:
    r"""A path as text that can be written as UTF-8; bytes that are not are spelt out.

    >>> readable("caf\udce9")
    'caf\\xe9'
    """
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def regular_file_size(path: str | os.PathLike[str]) -> int:
    """Bytes of a file.

    Raises:
        OSError: it is missing, or is a pipe, a socket or a device, to open which may never end.
    """
    known = os.stat(path)  # noqa: PTH116 - a Path costs more than the call
    if not stat.S_ISREG(known.st_mode):
        raise OSError("no regular file")
    return known.st_size


@contextmanager
def opened_picture(file: object) -> Iterator["Image.Image"]:
    """An open picture of which only the header is read.

    Raises:
        OSError: it has too many pixels, or needs another program to be decoded.
        Exception: whatever else Pillow raises.
    """
    from PIL import Image

    with Image.open(file) as picture:  # type: ignore[arg-type]  # a path or an open file
        if picture.width * picture.height > MAX_PIXELS:
            size = f"{picture.width} × {picture.height} pixels"
            raise OSError(f"{size} are more than {MAX_PIXELS}")
        if picture.format in PROGRAMS:
            raise OSError(f"{picture.format} is no format of pictures, but a program to run")
        yield picture


def as_8_bits(picture: "Image.Image") -> "Image.Image":
    """The picture in a mode of 8 bits, of which Pillow would cut values off above 255.

    16 bits are divided by 257. Whole numbers of 32 bits and floats do not say what white is:
    it is the least of 1 (floats alone), 255 and 65,535 that no value exceeds, and 0 is black.
    If values are negative or larger yet, the least is black and the largest white. NaN is
    black.
    """
    from PIL import Image

    if picture.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(picture) // 257).astype(np.uint8))
    if picture.mode not in ("I", "F"):
        return picture
    values = np.nan_to_num(np.asarray(picture, np.float64), posinf=np.inf, neginf=-np.inf)
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    whites = (1, 255, 65_535) if picture.mode == "F" else (255, 65_535)
    white = next((white for white in whites if low >= 0 and high <= white), None)
    low, high = (low, high) if white is None else (0.0, white)
    scaled = (values - low) * (255 / max(high - low, 1e-300))
    return Image.fromarray(np.clip(np.rint(scaled), 0, 255).astype(np.uint8))
