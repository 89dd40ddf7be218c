"""Pictures decoded strictly, and encoded again as files of their kind."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from balancekit.augment.native import Picture
from balancekit.augment.opencv import load_cv2
from balancekit.augment.pictures import as_picture
from balancekit.errors import DataError, OptionError
from balancekit.sources.pictures import readable
from balancekit.sources.pictures.load import opened_picture, regular_file_size

__all__ = ["PictureKind", "decode_picture", "encode_picture", "oddities_unsaid"]

JPEG_QUALITY = 95
COLOUR_AT_EVERY_PIXEL = 0
"""Pillow's name for 4:4:4: a new sample loses no colour of small objects a second time."""

ORIENTATION = 0x0112
"""The EXIF field that says how a camera was held."""

AS_STORED = 1
N_BYTES_SHOWN = 40


@dataclass(frozen=True)
class PictureKind:
    """What a new file has in common with the one that its picture came from.

    Attributes:
        suffix: ".jpg" for a JPEG, else ".png" or ".tif", which keep every value.
        icc_profile: what the numbers mean as colours; empty if the file does not say.
    """

    suffix: str
    icc_profile: bytes = b""


def decode_picture(
    path: str | Path, declared_px: tuple[int, int] | None = None
) -> tuple[Picture, PictureKind]:
    """A picture with all its bits, and the kind of its file; of several pictures the first.

    It is turned as its camera noted (EXIF), as annotators see it. Where annotations declare
    the size of the picture as it is stored instead, they lie on that, and it is not turned.

    Args:
        path: of the file.
        declared_px: width and height by the annotations, if they tell.

    Raises:
        DataError: it is missing, truncated or no picture, has values that would not be kept,
            or another size than declared.
    """
    try:
        if not regular_file_size(path):
            raise OSError("an empty file")
        with oddities_unsaid(), opened_picture(path) as picture:
            has_more_bits = _has_more_bits(picture)
            picture.load()
            upright = _upright(picture, declared_px)
            kind = PictureKind(
                ".jpg" if picture.format in ("JPEG", "MPO") else ".png",
                _icc_profile(picture),
            )
            image = _in_16_bits(path, upright) if has_more_bits else _array(upright)
    except MemoryError:
        raise
    except Exception as error:  # Pillow's decoders raise nearly every kind of exception
        raise DataError(
            f"{readable(path)}: expected a picture that decodes whole, got {_in_words(path, error)}"
            ". Replace the file, or take it out of the data."
        ) from None
    return image, kind


@contextmanager
def oddities_unsaid() -> Iterator[None]:
    """What Pillow finds odd in a file and reads all the same is neither said nor an error."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
        yield


def encode_picture(image: Picture, kind: PictureKind) -> bytes:
    """The bytes of a file with this picture; the same for the same picture.

    A JPEG has quality 95 and colour at every pixel; it can hold 8 bits of grey or RGB only.

    Args:
        image: uint8 or uint16, [H, W] or [H, W, C].
        kind: of the file.
    """
    from PIL import Image

    if image.ndim == 3 and image.shape[2] == 1:
        image = image[..., 0]
    assert image.dtype in (np.uint8, np.uint16), f"{image.dtype} was not read from a file"
    if image.dtype == np.uint16 and image.ndim == 3:
        return _colour_in_16_bits(image)
    file = BytesIO()
    profile = kind.icc_profile or None
    if kind.suffix == ".jpg" and image.dtype == np.uint8 and image.shape[2:] in ((), (3,)):
        if profile is None:
            return _as_jpeg(image)
        Image.fromarray(image).save(
            file,
            "JPEG",
            quality=JPEG_QUALITY,
            subsampling=COLOUR_AT_EVERY_PIXEL,
            icc_profile=profile,
        )
    else:
        file_format = "TIFF" if kind.suffix == ".tif" else "PNG"
        Image.fromarray(image).save(file, file_format, icc_profile=profile)
    return file.getvalue()


def _as_jpeg(image: Picture) -> bytes:
    # The bytes that Pillow writes, with a tenth of the time less.
    cv2 = load_cv2()
    pixels = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    options = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    options += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    is_done, buffer = cv2.imencode(".jpg", pixels, options)
    assert is_done
    encoded: bytes = buffer.tobytes()
    return encoded


def _upright(picture: Any, declared_px: tuple[int, int] | None) -> Any:
    """The picture as its annotations have it.

    Raises:
        OSError: it has another size than they declare.
    """
    from PIL import ImageOps

    if declared_px is None or _turned_size(picture) == declared_px:
        is_upright = picture.getexif().get(ORIENTATION, AS_STORED) == AS_STORED
        return picture if is_upright else ImageOps.exif_transpose(picture)
    if picture.size == declared_px:
        picture.getexif().pop(ORIENTATION, None)
        return picture
    raise OSError(
        f"{picture.width} × {picture.height} px where its annotations say "
        f"{declared_px[0]} × {declared_px[1]}, so that they may not fit"
    )


def _turned_size(picture: Any) -> tuple[int, int]:
    width, height = picture.size
    turns = picture.getexif().get(ORIENTATION, AS_STORED) in (5, 6, 7, 8)
    return (height, width) if turns else (width, height)


def _array(picture: Any) -> Picture:
    """The values of a picture.

    Raises:
        OSError: they are neither of 8 nor of 16 bits, so that no file would keep them.
    """
    if picture.mode in ("L", "RGB", "RGBA"):  # without the copy that a turn would make
        return np.array(picture)
    if picture.mode in ("PA", "La", "RGBa"):
        picture = picture.convert("RGBA")
    try:
        image = as_picture(picture)
    except OptionError:
        image = np.empty(0)
    if image.dtype not in (np.uint8, np.uint16):
        raise OSError(f"one of mode {picture.mode}, whose values are not of 8 or 16 bits")
    return image


def _has_more_bits(picture: Any) -> bool:
    """Whether a file, not yet loaded, has colours of 16 bits, which Pillow cuts to 8."""
    if picture.mode not in ("RGB", "RGBA", "LA"):
        return False
    texts = [str(tile[3]) for tile in picture.tile]
    if picture.format == "PPM":
        return any(isinstance(tile[3], tuple) and tile[3][-1] > 255 for tile in picture.tile)
    return any(";16" in text for text in texts)


def _in_16_bits(path: str | Path, picture: Any) -> NDArray[np.uint16]:
    """The colours of a PNG that Pillow has found to be whole.

    Raises:
        OSError: it is another file, or turned, and cannot be kept in 16 bits.
    """
    is_turned = picture.getexif().get(ORIENTATION, AS_STORED) != AS_STORED
    content = np.fromfile(path, np.uint8)
    cv2 = load_cv2()
    image = None
    if content[:4].tobytes() == b"\x89PNG" and picture.mode != "LA" and not is_turned:
        image = cv2.imdecode(content, cv2.IMREAD_UNCHANGED)
    if image is None or image.dtype != np.uint16 or image.shape[:2] != picture.size[::-1]:
        raise OSError("colours of 16 bits, which are kept of PNG in RGB or RGBA alone")
    return np.ascontiguousarray(image[..., [2, 1, 0, *range(3, image.shape[2])]])


def _colour_in_16_bits(image: NDArray[np.uint16]) -> bytes:
    cv2 = load_cv2()
    reverse = [2, 1, 0, *range(3, image.shape[2])]
    return bytes(cv2.imencode(".png", np.ascontiguousarray(image[..., reverse]))[1])


def _icc_profile(picture: Any) -> bytes:
    """The profile of a file whose numbers are kept as they are."""
    profile = picture.info.get("icc_profile") or b""
    return profile if picture.mode in ("L", "RGB", "RGBA") else b""


def _in_words(path: str | Path, error: Exception) -> str:
    """What came instead of a picture."""
    from PIL import UnidentifiedImageError

    if isinstance(error, FileNotFoundError):
        return "nothing there"
    if isinstance(error, UnidentifiedImageError):
        with open(path, "rb") as file:  # noqa: PTH123 - text as names may be no UTF-8
            start = file.read(N_BYTES_SHOWN)
        if start.lstrip()[:1] in (b"<", b"{"):
            return f"text that begins {start.decode('utf-8', 'replace')!r}"
        return "a file of no known format, or one without its beginning"
    words = str(error).partition(" <_io.")[0] or type(error).__name__
    return readable(words)
