"""How noisy and how blurred a single picture is already, in the units of the operations.

Not the measures that an analysis counts (`balancekit.stats.quality_bins`), which compare pictures
of a data set: there blur is a variance in grey levels², of a small copy, that contrast moves as
well, and all sums are of whole numbers, so that any sharding counts alike. Here a width in pixels
and a share of the range are wanted, of any bit depth, to set against what an operation adds.
"""

import functools

import numpy as np
from numpy.typing import NDArray

from balancekit.augment.native import Picture
from balancekit.augment.opencv import load_cv2

__all__ = ["blur_sigma_px", "noise_std_share", "plane_of"]

MIN_SIDE_PX = 16
"""Shorter sides are mostly border, from which nothing can be told."""

MAX_SIDE_PX = 256
"""Of larger pictures the middle is measured, so that none takes long."""

MIN_FLAT_PX = 64
"""The reading of so few pixels is off by a tenth."""

FLAT_SHARE = 0.25
NOISE_KNOWN_TO = 0.1
"""Relative error of the energy of noise: 5.2 is read for 5.0, which is 4 % of its root."""

SMOOTHING_PX = (1.0, 1.5)
"""Standard deviation of the filter that takes noise off, for clean and for noisy pictures."""

NOISY_SHARE = 5 / 255
"""Noise from which a picture is noisy: the least that was measured and read right, as 5.2 of
255, where clean pictures read 0.8 and those of grass and leaves up to about 5."""

LAPLACIAN_OF_NOISE = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)


def plane_of(image: Picture) -> NDArray[np.float32]:
    """One channel of a picture, its full range made 1: float32 [H, W], at most 256 × 256.

    The green one of colours. Grey made of all channels would have less noise than each.
    """
    channel = 0
    if image.ndim == 3:
        n_channels = image.shape[2]
        channel = {1: 0, 2: 0, 3: 1, 4: 1}.get(n_channels, n_channels // 2)
    rows, columns = (_middle(size) for size in image.shape[:2])
    plane = image[rows, columns] if image.ndim == 2 else image[rows, columns, channel]
    full_range = np.iinfo(image.dtype).max if image.dtype.kind in "iu" else 1
    return np.ascontiguousarray(plane, np.float32) / np.float32(full_range)


def _middle(size: int) -> slice:
    start = max(0, (size - MAX_SIDE_PX) // 2)
    return slice(start, start + MAX_SIDE_PX)


def noise_std_share(plane: NDArray[np.float32]) -> float:
    """Standard deviation of the noise of a picture, as a share of the full range; NaN if untold.

    A mask that gives nothing on planes and straight edges, averaged over the quarter of the
    pixels that lie flattest, where little but noise is left. Pixels at either end of the
    range are passed over: noise is cut off there.

    Args:
        plane: float32 [H, W] in [0, 1].

    Source: Immerkær, Fast noise variance estimation, CVIU 64 (1996); the choice of flat
    pixels is ours.

    >>> rng = np.random.default_rng(0)
    >>> noisy = rng.normal(0.5, 0.04, (64, 64)).astype(np.float32)
    >>> round(noise_std_share(noisy), 2)
    0.04
    """
    if min(plane.shape) < MIN_SIDE_PX:
        return float("nan")
    cv2 = load_cv2()
    inner = (slice(1, -1), slice(1, -1))
    # Flatness is that of a neighbourhood of the smoothed picture: the noise of a pixel must
    # not choose it, and texture is not flat although it may be so in a point.
    steepness = cv2.blur(_gradient_energy(cv2.GaussianBlur(plane, (0, 0), 1.0)), (7, 7))
    is_cut = (plane[inner] < 0.01) | (plane[inner] > 0.99)
    n_flat = int(FLAT_SHARE * (is_cut.size - np.count_nonzero(is_cut)))
    if n_flat < MIN_FLAT_PX:
        return float("nan")
    steepness[is_cut] = np.inf
    # Every fourth pixel tells the quarter as well, and sorting is what takes the time.
    limit = np.partition(steepness.ravel()[::4], n_flat // 4)[n_flat // 4]
    response = np.abs(cv2.filter2D(plane, -1, LAPLACIAN_OF_NOISE)[inner])
    flat = (steepness <= limit) & ~is_cut
    return float(np.sqrt(np.pi / 2) / 6 * response[flat].mean())


def blur_sigma_px(plane: NDArray[np.float32], noise: float) -> float:
    """How blurred a picture is: the standard deviation of a Gaussian, in pixels; NaN if untold.

    An edge blurred by σ has gradients whose energy is 2σ² times that of its Laplacian.
    So the variance of the Laplacian, taken after noise was smoothed away and what is left of
    it was subtracted, says how wide edges are once it is set against the gradients; by
    itself it says as much of contrast. What the smoothing added is subtracted too.

    Args:
        plane: float32 [H, W] in [0, 1].
        noise: of `noise_std_share`; NaN stands for none.

    >>> edge = np.zeros((64, 64), np.float32)
    >>> edge[:, 32:] = 1
    >>> soft = load_cv2().GaussianBlur(edge, (0, 0), 2.0)
    >>> round(blur_sigma_px(edge, 0.0), 1), round(blur_sigma_px(soft, 0.0), 1)
    (0.1, 2.0)
    """
    if min(plane.shape) < MIN_SIDE_PX:
        return float("nan")
    noise = 0.0 if np.isnan(noise) else noise
    smoothing_px = SMOOTHING_PX[noise >= NOISY_SHARE]
    gradients, laplacians = _energies(plane, smoothing_px)
    of_noise = [noise**2 * gain for gain in _energies_of_unit_noise(smoothing_px)]
    gradients -= of_noise[0]
    # A Laplacian that drowns in noise is no smaller than what noise is not known to.
    laplacians = max(laplacians - of_noise[1], NOISE_KNOWN_TO * of_noise[1])
    if gradients <= max(1e-9, NOISE_KNOWN_TO * of_noise[0]) or laplacians <= 0:
        return float("nan")  # no edges to tell by
    return float(np.sqrt(max(0.0, gradients / (2 * laplacians) - smoothing_px**2)))


def _gradient_energy(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    """Squared length of the gradient of each inner pixel: float32 [H - 2, W - 2]."""
    across = plane[1:-1, 2:] - plane[1:-1, :-2]
    down = plane[2:, 1:-1] - plane[:-2, 1:-1]
    energy: NDArray[np.float32] = np.float32(0.25) * (across * across + down * down)
    return energy


def _energies(plane: NDArray[np.float32], smoothing_px: float) -> tuple[float, float]:
    """Mean squares of the gradient and of the Laplacian of the smoothed picture."""
    cv2 = load_cv2()
    smooth = cv2.GaussianBlur(plane, (0, 0), smoothing_px)
    laplacian: NDArray[np.float32] = cv2.Laplacian(smooth, -1)[1:-1, 1:-1]
    return float(_gradient_energy(smooth).mean()), float((laplacian * laplacian).mean())


@functools.cache
def _energies_of_unit_noise(smoothing_px: float) -> tuple[float, float]:
    """What `_energies` gives for noise of standard deviation 1: the sums for one bright pixel."""
    side = 33
    pixel = np.zeros((side, side), np.float32)
    pixel[side // 2, side // 2] = 1
    n_inner = (side - 2) ** 2
    gradients, laplacians = _energies(pixel, smoothing_px)
    return gradients * n_inner, laplacians * n_inner
