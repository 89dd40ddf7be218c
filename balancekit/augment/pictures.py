"""What a user hands over as a picture, as an array that the operations take."""

from typing import Any

import numpy as np

from balancekit.augment.native import Picture
from balancekit.errors import OptionError

__all__ = ["as_picture"]

DTYPES = ("uint8", "uint16", "float32", "float64")

_KNOWN = frozenset(map(np.dtype, DTYPES))


def as_picture(image: object) -> Picture:
    """A picture as a C-contiguous array [H, W] or [H, W, C]; arrays are not copied if they fit.

    Args:
        image: such an array, uint8, uint16, or float32 or float64 in [0, 1]; or a picture of
            Pillow, which is turned as its EXIF says.

    Raises:
        OptionError: it is neither, or its shape, dtype or values are others.

    >>> as_picture(np.zeros((2, 3), np.uint8)).shape
    (2, 3)
    """
    if not isinstance(image, np.ndarray):
        image = _from_other(image)
    problem = _problem(image)
    if problem:
        raise OptionError(f"image: expected {problem}")
    return image if image.flags.c_contiguous else np.ascontiguousarray(image)


def _problem(image: Picture) -> str:
    """What is wrong with an array, in words; nothing if it can be augmented."""
    if image.ndim not in (2, 3) or 0 in image.shape:
        return f"an array [H, W] or [H, W, C] that is not empty, got shape {image.shape}."
    if image.ndim == 3 and image.shape[0] <= 4 and min(image.shape[1:]) > 4:
        return (
            f"the channels last, [H, W, C], got shape {image.shape}, which looks like "
            "[C, H, W]. Use image.transpose(1, 2, 0)."
        )
    if image.dtype not in _KNOWN:  # nor is one of another byte order
        return f"one of the dtypes {', '.join(DTYPES)}, got {image.dtype}."
    if image.dtype.kind == "f" and not (image.min() >= 0 and image.max() <= 1):
        return (
            f"floats in [0, 1], got {image.min():g} to {image.max():g}. "
            "Divide by the full range, and normalise after augmentation."
        )
    return ""


def _from_other(image: object) -> Picture:
    if any(kind.__module__.partition(".")[0] == "torch" for kind in type(image).__mro__):
        raise OptionError(
            "image: expected an array [H, W, C] or a Pillow picture, got a torch tensor. "
            "Augmentation comes before the conversion to a tensor: call the policy on what "
            "was read from the file."
        )
    from PIL import Image, ImageOps

    if not isinstance(image, Image.Image):
        raise OptionError(
            f"image: expected an array [H, W, C] or a Pillow picture, got {type(image).__name__}."
        )
    return _from_pillow(ImageOps.exif_transpose(image))


def _from_pillow(image: Any) -> Picture:
    """An array with the values of the picture: RGB or grey, with alpha where it has some."""
    if image.mode == "I":  # 16-bit PNG, as some versions of Pillow open it
        wide = np.asarray(image)
        if wide.min() >= 0 and wide.max() <= np.iinfo(np.uint16).max:
            return wide.astype(np.uint16)
    if image.mode == "1":
        image = image.convert("L")
    elif image.mode == "P":
        image = image.convert("RGBA" if "transparency" in image.info else "RGB")
    elif image.mode in ("CMYK", "YCbCr", "LAB", "HSV"):
        image = image.convert("RGB")
    array = np.asarray(image)
    return array.astype(array.dtype.newbyteorder("="))  # I;16B is big-endian
