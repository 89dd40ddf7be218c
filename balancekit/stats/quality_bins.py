"""Measures of picture quality as histograms of whole numbers: what a bin stands for.

Counts of parts must add up to the same total in any order, which sums of floats do not, so
a measure is rounded to the nearest bin of a fixed scale before it is counted.
"""

from collections.abc import Callable, Mapping
from math import log2
from typing import NamedTuple

__all__ = ["QUALITY_MEASURES", "QualityScale", "aspect_bin", "log_bin", "noise_bin"]

STEPS = 8
"""Bins to a doubling, or to a grey level of noise: neighbours differ by 9 %."""


class QualityScale(NamedTuple):
    """The scale of one measure.

    Attributes:
        unit: of the values.
        value_of_bin: the value that a bin stands for, in this unit.
    """

    unit: str
    value_of_bin: Callable[[int], float]


def log_bin(value: float) -> int:
    """The bin of a value ≥ 0 that spans many powers of two: round(8 · log2(1 + value)).

    >>> log_bin(0), log_bin(1), log_bin(255)
    (0, 8, 64)
    """
    return round(STEPS * log2(1 + value))


def noise_bin(sigma: float) -> int:
    """The bin of a deviation in grey levels: round(8 · sigma)."""
    return round(STEPS * sigma)


def aspect_bin(width_px: int, height_px: int) -> int:
    """The bin of width over height: round(8 · log2(width / height)), 0 for a square.

    >>> aspect_bin(640, 320), aspect_bin(320, 640)
    (8, -8)
    """
    return round(STEPS * log2(width_px / height_px))


def _of_log_bin(number: int) -> float:
    return float(2.0 ** (number / STEPS)) - 1


def _of_noise_bin(number: int) -> float:
    return number / STEPS


def _of_aspect_bin(number: int) -> float:
    return float(2.0 ** (number / STEPS))


QUALITY_MEASURES: Mapping[str, QualityScale] = {
    "brightness": QualityScale("grey levels", float),
    "contrast": QualityScale("grey levels", float),
    "saturation": QualityScale("grey levels", float),
    "blur": QualityScale("grey levels²", _of_log_bin),
    "noise": QualityScale("grey levels", _of_noise_bin),
    "width_px": QualityScale("px", float),
    "height_px": QualityScale("px", float),
    "aspect": QualityScale("width/height", _of_aspect_bin),
    "file_bytes": QualityScale("bytes", _of_log_bin),
}
"""Every measure by its name; `sources/pictures` computes them, on the picture as it is seen.

- brightness: mean of the luma (ITU-R 601), 0 black to 255 white, rounded.
- contrast: standard deviation of the luma, 0 to 127.5, rounded.
- saturation: mean of S in HSV, 0 grey to 255 pure colour, at the same size as blur, rounded.
- blur: variance of the Laplacian of the luma, scaled to a longer side of 256 px at most:
  low for blurred pictures, high for sharp ones. Bins by `log_bin`.
  Source: Pech-Pacheco et al., Diatom autofocusing in brightfield microscopy, ICPR 2000.
- noise: standard deviation of Gaussian noise, estimated as 1.4826 times the median of the
  absolute response to a mask that edges hardly touch, divided by the norm of the mask, in
  the middle 256 × 256 px of the file. Bins by `noise_bin`.
  Source: Immerkær, Fast noise variance estimation, CVIU 64 (1996), who takes the mean; the
  median is moved less by texture.
- width_px, height_px: of the picture as seen, after the orientation that a camera noted.
- aspect: width over height. Bins by `aspect_bin`.
- file_bytes: size of the file. Bins by `log_bin`.
"""
