"""The operations carried out on arrays with NumPy and OpenCV.

Pictures are [H, W] or [H, W, C], C-contiguous, uint8, uint16, or float32 or float64 in
[0, 1]. Every function gives a picture of the same shape and dtype and leaves its own as
it is.
"""

import functools
import math
import statistics
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from balancekit.augment.opencv import load_cv2
from balancekit.augment.tables import table_lookup, wide_table_lookup

__all__ = [
    "Picture",
    "add_noise",
    "as_dtype",
    "as_float",
    "blur",
    "change_brightness",
    "change_contrast",
    "change_hue",
    "change_saturation",
    "crop_and_enlarge",
    "edge_colour",
    "flip",
    "four_channels_at_a_time",
    "full_range",
    "gaussian_kernel",
    "in_fours",
    "remap",
    "shrink_and_fill",
    "turn",
    "warp",
    "warp_from_centre",
]

Picture = NDArray[Any]

# ITU-R BT.601, the weights that OpenCV, Pillow and torchvision give to red, green and blue.
LUMA = np.array([0.299, 0.587, 0.114])


VALUES_AT_ONCE = 2**16
"""Of a picture that get their noise together; each number drawn serves four."""

_OPENCV_TYPES = frozenset(map(np.dtype, ("uint8", "uint16", "float32", "float64")))


# --- places -----------------------------------------------------------------------------------


def flip(image: Picture, *, horizontally: bool = False, vertically: bool = False) -> Picture:
    """The picture with left and right, or top and bottom, or both, exchanged.

    >>> flip(np.array([[1, 2], [3, 4]], np.uint8), horizontally=True, vertically=True).tolist()
    [[4, 3], [2, 1]]
    """
    if not (horizontally or vertically):
        return image.copy()
    if image.dtype in _OPENCV_TYPES and (image.ndim == 2 or image.shape[2] <= 4):
        # OpenCV, because NumPy takes 30 times as long to exchange pixels of a few bytes.
        code = -1 if horizontally and vertically else int(horizontally)
        flipped: Picture = load_cv2().flip(image, code)
        return flipped.reshape(image.shape)
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
    if n_quarters % 2 and image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3:
        cv2 = load_cv2()  # for the reason above
        clockwise = n_quarters % 4 == 3
        code = cv2.ROTATE_90_CLOCKWISE if clockwise else cv2.ROTATE_90_COUNTERCLOCKWISE
        turned: Picture = cv2.rotate(image, code)
        return turned
    return np.array(np.rot90(image, n_quarters), order="C")


def crop_and_enlarge(image: Picture, *, top: int, left: int, height: int, width: int) -> Picture:
    """A part of the picture, in pixels, enlarged to the size of the whole."""
    cv2 = load_cv2()
    part = image[top : top + height, left : left + width]
    return _resize(part, image.shape[0], image.shape[1], cv2.INTER_LINEAR)


def shrink_and_fill(image: Picture, *, top: int, left: int, height: int, width: int) -> Picture:
    """The whole picture made to fit a part of it, in pixels, on the colour of its edge."""
    cv2 = load_cv2()
    row = np.tile(
        edge_colour(image), image.shape[1]
    )  # row by row: NumPy is slow over short last axes
    result = np.tile(row, (image.shape[0], 1)).reshape(image.shape)
    # Down to a half no pixel is passed over, and the mean over areas takes five times as long.
    is_mild = 2 * height >= image.shape[0] and 2 * width >= image.shape[1]
    small = _resize(image, height, width, cv2.INTER_LINEAR if is_mild else cv2.INTER_AREA)
    result[top : top + height, left : left + width] = small
    return result


def edge_colour(image: Picture) -> Picture:
    """The median colour of the edge, [C] or a single value, of the dtype of the picture."""
    edge = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
    # np.median takes three times as long; the number of values is even, two for each side.
    half = len(edge) // 2
    middle = np.partition(edge, (half - 1, half), axis=0)[half - 1 : half + 1]
    return as_dtype(middle.mean(axis=0), image.dtype)


def warp(
    image: Picture, matrix: NDArray[np.float64], fill: Picture, *, nearest: bool = False
) -> Picture:
    """The picture moved by an affine matrix, its corners filled.

    Args:
        image: the picture.
        matrix: [2, 3]: places of the old picture to those of the new one, where the centre of
            the first pixel is (0.5, 0.5).
        fill: the colour of what comes from outside, [C] or a single value.
        nearest: take the nearest pixel, instead of mixing four.
    """
    # OpenCV has the centre of the first pixel at (0, 0).
    shifted = np.array(matrix)
    shifted[:, 2] += matrix[:, :2] @ (0.5, 0.5) - 0.5
    return warp_from_centre(image, shifted, fill, nearest=nearest)


def warp_from_centre(
    image: Picture,
    matrix: NDArray[np.float64],
    fill: Picture,
    *,
    nearest: bool = False,
    repeats_edge: bool = False,
) -> Picture:
    """`warp` by a matrix for which the centre of the first pixel is (0, 0).

    Args:
        image: the picture.
        matrix: [2, 3].
        fill: the colour of what comes from outside, [C] or a single value.
        nearest: take the nearest pixel, instead of mixing four.
        repeats_edge: fill with the nearest pixel of the edge instead.
    """
    cv2 = load_cv2()
    size = image.shape[1], image.shape[0]
    flags = cv2.INTER_NEAREST if nearest else cv2.INTER_LINEAR
    border = cv2.BORDER_REPLICATE if repeats_edge else cv2.BORDER_CONSTANT
    colours = iter(np.atleast_1d(fill).reshape(-1, 1) if image.ndim == 2 else _in_fours(fill))

    def warped(part: Picture) -> Picture:
        colour = tuple(map(float, next(colours)))
        moved: Picture = cv2.warpAffine(
            part, matrix, size, flags=flags, borderMode=border, borderValue=colour
        )
        return moved

    return in_fours(image, warped)


def remap(image: Picture, places: Picture, *, nearest: bool = False) -> Picture:
    """The picture whose pixels come from other places of it; beyond the edge it is mirrored.

    Args:
        image: the picture.
        places: x and y, float32 [H, W, 2], where the centre of the first pixel is (0, 0).
        nearest: take the nearest pixel, instead of mixing four.
    """
    cv2 = load_cv2()
    flags = cv2.INTER_NEAREST if nearest else cv2.INTER_LINEAR
    return in_fours(
        image, lambda part: cv2.remap(part, places, None, flags, borderMode=cv2.BORDER_REFLECT_101)
    )


def _in_fours(values: Picture) -> list[Picture]:
    return [values[start : start + 4] for start in range(0, len(values), 4)]


def _resize(image: Picture, height: int, width: int, interpolation: int) -> Picture:
    cv2 = load_cv2()
    return four_channels_at_a_time(
        image, lambda part: cv2.resize(part, (width, height), interpolation=interpolation)
    )


def four_channels_at_a_time(image: Picture, change: Callable[[Picture], Picture]) -> Picture:
    """`change` of the picture, for functions of OpenCV that take no more channels."""
    if image.ndim == 2 or image.shape[2] <= 4:
        result = change(image)
        # OpenCV drops a channel axis of length 1, and its weights add up to 1 but for rounding.
        return _in_range(result.reshape(*result.shape[:2], *image.shape[2:]))
    starts = range(0, image.shape[2], 4)
    parts = [np.ascontiguousarray(image[:, :, start : start + 4]) for start in starts]
    changed = [change(part) for part in parts]
    whole = np.concatenate([part.reshape(*part.shape[:2], -1) for part in changed], axis=2)
    return _in_range(whole)


def in_fours(image: Picture, change: Callable[[Picture], Picture]) -> Picture:
    """`four_channels_at_a_time` for what takes pixels from other places, each channel alike.

    RGB of 8 bits is given a fourth channel for it: OpenCV takes half the time to move pixels
    of four bytes, and gives them the same values.
    """
    if image.dtype != np.uint8 or image.shape[2:] != (3,):
        return four_channels_at_a_time(image, change)
    cv2 = load_cv2()
    moved: Picture = cv2.cvtColor(
        change(cv2.cvtColor(image, cv2.COLOR_RGB2RGBA)), cv2.COLOR_RGBA2RGB
    )
    return moved


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
    mean = load_cv2().sumElems(_as_rows(image))[0] / image.size
    return _linear(image, factor, mean * (1 - factor))


def change_hue(image: Picture, turn_share: float) -> Picture:
    """The RGB picture of 8 bits with its hues turned by a share of the circle."""
    cv2 = load_cv2()
    hsv = cv2.cvtColor(image, cv2.COLOR_RGB2HSV)  # whose hues are in [0, 180)
    turned = np.mod(_EIGHT_BITS + 180 * turn_share, 180).astype(np.uint8)
    cv2.insertChannel(table_lookup()(cv2.extractChannel(hsv, 0), turned), hsv, 0)
    result: Picture = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)
    return result


def change_saturation(image: Picture, factor: float) -> Picture:
    """The RGB picture with its distances from grey multiplied by `factor`.

    Pictures that have not exactly three channels come back as they are.

    Source: ITU-R BT.601 luma, as in torchvision and Pillow.
    """
    if image.ndim == 2 or image.shape[2] != 3:
        return image.copy()
    mixture = factor * np.eye(3) + (1 - factor) * LUMA
    return _in_range(load_cv2().transform(image, mixture))


def _linear(image: Picture, factor: float, offset: float) -> Picture:
    """Values factor · image + offset, kept within the range of the dtype."""
    if image.dtype == np.uint8:
        values = _EIGHT_BITS * factor
        values += offset
        np.rint(values, out=values)
        np.maximum(values, 0, out=values)
        np.minimum(values, 255, out=values)
        return table_lookup()(image, values.astype(np.uint8))
    changed = load_cv2().transform(_as_rows(image), np.array([[factor, offset]]))
    return _in_range(changed.reshape(image.shape))


_EIGHT_BITS = np.arange(256, dtype=np.float64)


def _as_rows(image: Picture) -> Picture:
    return image.reshape(image.shape[0], -1)


def _in_range(image: Picture) -> Picture:
    """Floats clipped to [0, 1]; of integers OpenCV has taken care."""
    return np.clip(image, 0, 1, out=image) if image.dtype.kind == "f" else image


# --- sharpness and noise -------------------------------------------------------------------------


def blur(image: Picture, sigma_px: float) -> Picture:
    """The picture after a Gaussian blur; borders are mirrored.

    The kernel reaches 3.5 standard deviations, so that below 2/7 of a pixel nothing changes.
    """
    reach_px = int(3.5 * sigma_px)
    if reach_px == 0:
        return image.copy()
    cv2 = load_cv2()
    kernel = gaussian_kernel(sigma_px, reach_px)
    return four_channels_at_a_time(image, lambda part: cv2.sepFilter2D(part, -1, kernel, kernel))


def gaussian_kernel(sigma_px: float, reach_px: int) -> NDArray[np.float64]:
    """Weights of a Gaussian blur along one axis, [2 · reach_px + 1], whose sum is 1."""
    weights = [math.exp(-0.5 * (x / sigma_px) ** 2) for x in range(-reach_px, reach_px + 1)]
    return np.array(weights) / sum(weights)


def add_noise(image: Picture, std_share: float, rng: np.random.Generator) -> Picture:
    """The picture with normal noise of standard deviation std_share · full range added.

    In 8 bits each value of the noise is one of 65536 equally likely ones, none further than
    4.3 standard deviations from 0, which takes a quarter of the time.
    """
    std = std_share * full_range(image.dtype)
    if image.dtype == np.uint8:
        steps = np.rint(_normal_quantiles() * np.float32(std)).astype(np.int16)
        return _with_steps_added(image, steps, rng)
    noise = rng.standard_normal(image.shape, dtype=np.float32)
    noise *= std
    return as_dtype(as_float(image) + noise, image.dtype)


def _with_steps_added(
    image: Picture, steps: NDArray[np.int16], rng: np.random.Generator
) -> Picture:
    """A picture of 8 bits with one of 65536 steps added to each value."""
    cv2, look_up = load_cv2(), wide_table_lookup()
    noisy = np.empty(image.shape, np.uint8)
    values, changed = image.reshape(1, -1), noisy.reshape(1, -1)
    # Piece by piece, which all stay in the cache of a core: at once it takes up to twice as long.
    for start in range(0, image.size, VALUES_AT_ONCE):
        part = np.s_[:, start : start + VALUES_AT_ONCE]
        n_values = values[part].size
        # "<u2" of "<u8": the same numbers on every machine.
        drawn = rng.bit_generator.random_raw(-(-n_values // 4)).astype("<u8", copy=False)
        drawn = drawn.view("<u2")[:n_values].astype(np.uint16, copy=False)
        added = look_up(drawn.reshape(1, -1), steps)
        cv2.add(values[part], added, dst=changed[part], dtype=cv2.CV_8U)
    return noisy


@functools.cache
def _normal_quantiles() -> NDArray[np.float32]:
    """65536 quantiles of the normal distribution, in order, symmetric about 0."""
    inverse = statistics.NormalDist().inv_cdf
    upper = [inverse((i + 0.5) / 2**16) for i in range(2**15, 2**16)]
    return np.array([-value for value in reversed(upper)] + upper, np.float32)


# --- types ---------------------------------------------------------------------------------------


def full_range(dtype: np.dtype[Any]) -> float:
    """The largest value of a picture of this type; the least is 0."""
    return 1.0 if dtype.kind == "f" else float(np.iinfo(dtype).max)


def as_float(image: Picture) -> Picture:
    """The picture as floats, of the same values."""
    # float32 holds every uint16 exactly.
    return image if image.dtype.kind == "f" else image.astype(np.float32)


def as_dtype(values: Picture, dtype: np.dtype[Any]) -> Picture:
    """Values clipped to the range of `dtype`, and rounded where it is an integer."""
    clipped = np.clip(values, 0, full_range(dtype))
    return np.rint(clipped).astype(dtype) if dtype.kind == "u" else clipped.astype(dtype)
