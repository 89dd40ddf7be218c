"""Measures of one decoded picture: how bright, sharp, noisy and large it is, as bins."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from balancekit.stats.quality_bins import aspect_bin, log_bin, noise_bin

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["quality_bins", "thumbnail"]

LONGER_SIDE_PX = 256
"""Blur and saturation are measured at this size, as a model sees a picture, not a camera."""

NOISE_SIDE_PX = 256
"""Noise is measured in the middle of a picture, up to this size, in its own pixels."""


def quality_bins(picture: "Image.Image", luma: "Image.Image", file_bytes: int) -> dict[str, int]:
    """The bin of each measure of `balancekit.stats.quality_bins`.

    All sums are of whole numbers, so that every machine finds the same bin.

    Args:
        picture: decoded, as it is seen, in a mode of 8 bits.
        luma: the same in mode "L".
        file_bytes: size of its file.
    """
    mean, variance = _mean_and_variance(np.array(luma.histogram(), np.int64))
    small = np.asarray(thumbnail(luma, LONGER_SIDE_PX), np.int16)
    return {
        "brightness": round(mean),
        "contrast": round(variance**0.5),
        "saturation": _saturation(picture),
        "blur": log_bin(_variance(laplacian(small))),
        "noise": noise_bin(noise_sigma(np.asarray(_middle(luma), np.int16))),
        "width_px": picture.width,
        "height_px": picture.height,
        "aspect": aspect_bin(picture.width, picture.height),
        "file_bytes": log_bin(file_bytes),
    }


def thumbnail(picture: "Image.Image", side_px: int) -> "Image.Image":
    """The picture, its longer side at most this long."""
    longer = max(picture.size)
    if longer <= side_px:
        return picture
    width, height = (max(1, round(side * side_px / longer)) for side in picture.size)
    from PIL import Image

    # The gap of 1 averages whole pixels first, which is many times faster.
    return picture.resize((width, height), Image.Resampling.BOX, reducing_gap=1.0)


def laplacian(luma: NDArray[np.int16]) -> NDArray[np.int16]:
    """Four times each pixel less its four neighbours: int16 [height, width], edges repeated."""
    wide = np.pad(luma, 1, mode="edge")
    neighbours = wide[:-2, 1:-1] + wide[2:, 1:-1] + wide[1:-1, :-2] + wide[1:-1, 2:]
    return (4 * luma - neighbours).astype(np.int16)


def noise_sigma(luma: NDArray[np.int16]) -> float:
    """Standard deviation of the noise in grey levels, from int16 [height, width].

    The mask is [[1, -2, 1], [-2, 4, -2], [1, -2, 1]]: the difference of two Laplacians, which
    answers 0 to any plane and any straight edge along an axis; its norm is 6.

    Source: Immerkær 1996, eq. 1 and 2, with the median for the mean.
    """
    wide = np.pad(luma, 1, mode="edge") if min(luma.shape) < 3 else luma
    across = wide[:, :-2] - 2 * wide[:, 1:-1] + wide[:, 2:]
    response = across[:-2] - 2 * across[1:-1] + across[2:]
    return 1.4826 * _median_of_whole(np.bincount(np.abs(response).ravel())) / 6


def _median_of_whole(tally: NDArray[np.int64]) -> float:
    """The median of whole numbers ≥ 0 by how often each occurs, within its number.

    Without the part behind the point noise could take six or seven values alone.
    """
    ends = np.cumsum(tally)
    half = int(ends[-1]) / 2
    number = int(np.searchsorted(ends, half))
    before = int(ends[number]) - int(tally[number])
    # Number 0 stands for 0 to 0.5, any other for half a step to both sides.
    low, width = (0.0, 0.5) if number == 0 else (number - 0.5, 1.0)
    return low + width * (half - before) / int(tally[number])


def _mean_and_variance(tally: NDArray[np.int64]) -> tuple[float, float]:
    levels = np.arange(len(tally))
    n, total = int(tally.sum()), int((tally * levels).sum())
    squares = int((tally * levels**2).sum())
    return total / n, max(0, n * squares - total**2) / n**2


def _variance(values: NDArray[np.int16]) -> float:
    wide = values.astype(np.int64)
    n, total = wide.size, int(wide.sum())
    return max(0, n * int((wide**2).sum()) - total**2) / n**2


def _saturation(picture: "Image.Image") -> int:
    if picture.mode in ("1", "L", "LA", "La"):
        return 0
    colours = picture if picture.mode == "RGB" else picture.convert("RGB")
    tally = np.array(
        thumbnail(colours, LONGER_SIDE_PX).convert("HSV").getchannel("S").histogram(), np.int64
    )
    return round(_mean_and_variance(tally)[0])


def _middle(luma: "Image.Image") -> "Image.Image":
    width, height = (min(side, NOISE_SIDE_PX) for side in luma.size)
    left, top = (luma.width - width) // 2, (luma.height - height) // 2
    return luma.crop((left, top, left + width, top + height))
