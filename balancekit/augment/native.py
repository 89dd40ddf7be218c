"""The operations carried out on arrays with NumPy and OpenCV.

Pictures are [H, W] or [H, W, C], C-contiguous, uint8, uint16, or float32 or float64 in
[0, 1]. Every function gives a picture of the same shape and dtype and leaves its own as
it is.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from balancekit.augment.opencv import load_cv2

__all__ = [
    "Picture",
    "add_noise",
    "blur",
    "change_brightness",
    "change_contrast",
    "change_saturation",
    "crop_and_enlarge",
    "flip",
    "shrink_and_fill",
    "turn",
]

Picture = NDArray[Any]

# ITU-R BT.601, the weights that OpenCV, Pillow and torchvision give to red, green and blue.
LUMA = np.array([0.299, 0.587, 0.114])


# --- places -----------------------------------------------------------------------------------


def flip(image: Picture, *, horizontally: bool = False, vertically: bool = False) -> Picture:
    """The picture with left and right, or top and bottom, or both, exchanged.

    >>> flip(np.array([[1, 2], [3, 4]], np.uint8), horizontally=True, vertically=True).tolist()
    [[4, 3], [2, 1]]
    """
    if horizontally and image.ndim == 3 and 1 < image.shape[2] <= 4:
        # OpenCV, because NumPy takes 30 times as long to exchange pixels of a few bytes.
        flipped: Picture = load_cv2().flip(image, -1 if vertically else 1)
        return flipped
    rows = slice(None, None, -1 if vertically else 1)
    columns = slice(None, None, -1 if horizontally else 1)
    return np.array(image[rows, columns], order="C")


def turn(image: Picture, n_quarters: int) -> Picture:
    """The picture turned counterclockwise by n_quarters · 90 degrees.

    >>> turn(np.array([[1, 2], [3, 4]], np.uint8), 1).tolist()
    [[2, 4], [1, 3]]
    """
    if n_quarters % 4 == 2:
        return flip(image, horizontally=True, vertically=True)
    return np.array(np.rot90(image, n_quarters), order="C")


def crop_and_enlarge(image: Picture, *, top: int, left: int, height: int, width: int) -> Picture:
    """A part of the picture, in pixels, enlarged to the size of the whole."""
    cv2 = load_cv2()
    part = image[top : top + height, left : left + width]
    return _resize(part, image.shape[0], image.shape[1], cv2.INTER_LINEAR)


def shrink_and_fill(image: Picture, *, top: int, left: int, height: int, width: int) -> Picture:
    """The whole picture made to fit a part of it, in pixels, on the colour of its edge."""
    cv2 = load_cv2()
    edge = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
    colour = _as_dtype(np.median(edge, axis=0), image.dtype)
    row = np.tile(colour, image.shape[1])  # row by row: NumPy is slow over short last axes
    result = np.tile(row, (image.shape[0], 1)).reshape(image.shape)
    small = _resize(image, height, width, cv2.INTER_AREA)
    result[top : top + height, left : left + width] = small
    return result


def _resize(image: Picture, height: int, width: int, interpolation: int) -> Picture:
    cv2 = load_cv2()
    return _four_channels_at_a_time(
        image, lambda part: cv2.resize(part, (width, height), interpolation=interpolation)
    )


def _four_channels_at_a_time(image: Picture, change: Callable[[Picture], Picture]) -> Picture:
    """`change` of the picture, for functions of OpenCV that take no more channels."""
    if image.ndim == 2 or image.shape[2] <= 4:
        result = change(np.ascontiguousarray(image))
        # OpenCV drops a channel axis of length 1.
        return result.reshape(*result.shape[:2], *image.shape[2:])
    starts = range(0, image.shape[2], 4)
    parts = [np.ascontiguousarray(image[:, :, start : start + 4]) for start in starts]
    changed = [change(part) for part in parts]
    return np.concatenate([part.reshape(*part.shape[:2], -1) for part in changed], axis=2)


# --- colours ------------------------------------------------------------------------------------


def change_brightness(image: Picture, factor: float) -> Picture:
    """The picture with all values multiplied by `factor`, kept within their range.

    >>> change_brightness(np.array([[100, 200]], np.uint8), 1.5).tolist()
    [[150, 255]]
    """
    return _linear(image, factor, 0.0)


def change_contrast(image: Picture, factor: float) -> Picture:
    """The picture with its distances from its mean multiplied by `factor`.

    >>> change_contrast(np.array([[100, 200]], np.uint8), 0.5).tolist()
    [[125, 175]]
    """
    mean = float(image.mean())
    return _linear(image, factor, mean * (1 - factor))


def change_saturation(image: Picture, factor: float) -> Picture:
    """The RGB picture with its distances from grey multiplied by `factor`.

    Pictures that have not exactly three channels come back as they are.

    Source: ITU-R BT.601 luma, as in torchvision and Pillow.
    """
    if image.ndim == 2 or image.shape[2] != 3:
        return image.copy()
    if image.dtype == np.float64:  # OpenCV converts no colours of this type
        grey = (image @ LUMA)[:, :, None]
        return _as_dtype(grey + (image - grey) * factor, image.dtype)
    cv2 = load_cv2()
    grey = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    mixed: Picture = cv2.addWeighted(image, factor, grey, 1 - factor, 0)
    return np.clip(mixed, 0, 1) if image.dtype.kind == "f" else mixed


def _linear(image: Picture, factor: float, offset: float) -> Picture:
    """Values factor · image + offset, kept within the range of the dtype."""
    if image.dtype == np.uint8:
        table = _as_dtype(np.arange(256) * factor + offset, image.dtype)
        rows = image.reshape(image.shape[0], -1)
        looked_up: Picture = load_cv2().LUT(rows, table)
        return looked_up.reshape(image.shape)
    return _as_dtype(_as_float(image) * factor + offset, image.dtype)


# --- sharpness and noise -------------------------------------------------------------------------


def blur(image: Picture, sigma_px: float) -> Picture:
    """The picture after a Gaussian blur; borders are mirrored."""
    if sigma_px <= 0:
        return image.copy()
    cv2 = load_cv2()
    return _four_channels_at_a_time(image, lambda part: cv2.GaussianBlur(part, (0, 0), sigma_px))


def add_noise(image: Picture, std_share: float, rng: np.random.Generator) -> Picture:
    """The picture with normal noise of standard deviation std_share · full range added."""
    noise = rng.standard_normal(image.shape, dtype=np.float32)
    noise *= std_share * _full_range(image.dtype)
    return _as_dtype(_as_float(image) + noise, image.dtype)


# --- types ---------------------------------------------------------------------------------------


def _full_range(dtype: np.dtype[Any]) -> float:
    return 1.0 if dtype.kind == "f" else float(np.iinfo(dtype).max)


def _as_float(image: Picture) -> Picture:
    # float32 holds every uint16 exactly.
    return image if image.dtype.kind == "f" else image.astype(np.float32)


def _as_dtype(values: Picture, dtype: np.dtype[Any]) -> Picture:
    """Values clipped to the range of `dtype`, and rounded where it is an integer."""
    clipped = np.clip(values, 0, _full_range(dtype))
    return np.rint(clipped).astype(dtype) if dtype.kind == "u" else clipped.astype(dtype)
