"""The operations carried out by imgaug 0.4.0, behind its shim.

The numbers are drawn here and an augmenter is made for each picture, which costs less than
reseeding one and lets the fill follow the picture. As with albumentations, what lies on the
picture is moved by balancekit.
"""

import math
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from balancekit.augment.backends.native import hole_size, random_box
from balancekit.augment.backends.steps import Step
from balancekit.augment.imgaug_shim import load_imgaug
from balancekit.augment.moving import (
    Motion,
    Pairs,
    flip_motion,
    move,
    part_motion,
    turn_motion,
    warp_motion,
)
from balancekit.augment.native import Picture, edge_colour, gaussian_kernel
from balancekit.augment.scene import Scene
from balancekit.plan.operations import (
    Blur,
    BothFlips,
    Brightness,
    Contrast,
    Cutout,
    Elastic,
    GaussianNoise,
    HorizontalFlip,
    Hue,
    Operation,
    QuarterTurn,
    RandomCrop,
    RandomResize,
    Saturation,
    SmallRotation,
    VerticalFlip,
)

__all__ = ["imgaug_step"]

Rng = np.random.Generator


def imgaug_step(operation: Operation, pairs: Pairs) -> Step:
    """What carries one operation out on 8-bit pictures, grey or RGB; its coin is thrown elsewhere.

    Raises:
        MissingLibraryError: imgaug is not installed.
    """
    imgaug = load_imgaug()
    if isinstance(operation, Elastic):
        return lambda scene, rng: _deformed(imgaug, scene, operation, rng)
    if operation.moves_pixels:
        return lambda scene, rng: _moved(imgaug, scene, operation, rng, pairs)
    return lambda scene, rng: scene.with_image(_changed(imgaug, scene.image, operation, rng))


def _augmented(augmenter: Any, image: Picture) -> Picture:
    # Made with a seed of its own, so that the library's global one is not drawn from.
    return np.ascontiguousarray(augmenter.augment_image(image))


def _seed(rng: Rng) -> int:
    return int(rng.integers(2**31))


# --- places ------------------------------------------------------------------------------------


def _moved(imgaug: ModuleType, scene: Scene, operation: Operation, rng: Rng, pairs: Pairs) -> Scene:
    iaa, shape = imgaug.augmenters, scene.image.shape
    match operation:
        case HorizontalFlip():
            augmenter, motion = iaa.Fliplr(1.0, seed=0), flip_motion(shape, horizontally=True)
        case VerticalFlip():
            augmenter, motion = iaa.Flipud(1.0, seed=0), flip_motion(shape, vertically=True)
        case BothFlips():
            augmenter, motion = _turn(iaa, 2), turn_motion(shape, 2)
        case QuarterTurn():
            n_quarters = int(rng.integers(1, 4)) if shape[0] == shape[1] else 2
            augmenter, motion = _turn(iaa, n_quarters), turn_motion(shape, n_quarters)
        case RandomCrop(min_area_share=least):
            augmenter, motion = _part(iaa, shape, float(rng.uniform(least, 1)) ** 0.5, rng)
        case RandomResize(min_scale=low, max_scale=high):
            scale = float(np.exp(rng.uniform(np.log(low), np.log(high))))
            if scale < 1:
                return _warped(iaa, scene, _shrunk(scale, shape, rng), pairs)
            augmenter, motion = _part(iaa, shape, 1 / scale, rng)
        case SmallRotation(max_degrees=most):
            return _warped(iaa, scene, {"rotate": float(rng.uniform(-most, most))}, pairs)
        case _:
            raise AssertionError(operation)
    return move(scene, _augmented(augmenter, scene.image), motion, pairs)


def _turn(iaa: Any, n_quarters: int) -> Any:
    return iaa.Rot90(-n_quarters % 4, keep_size=False, seed=0)  # its turns are clockwise


def _part(iaa: Any, shape: tuple[int, ...], side_share: float, rng: Rng) -> tuple[Any, Motion]:
    box = random_box(shape, side_share, rng)
    right = shape[1] - box["left"] - box["width"]
    bottom = shape[0] - box["top"] - box["height"]
    margins_px = (box["top"], right, bottom, box["left"])
    return iaa.Crop(px=margins_px, keep_size=True, seed=0), part_motion(shape, **box)


def _shrunk(scale: float, shape: tuple[int, ...], rng: Rng) -> dict[str, Any]:
    """Arguments of `Affine` for a smaller picture at a random place."""
    room = (1 - scale) / 2
    x, y = rng.uniform(-room, room), rng.uniform(-room, room)
    return {"scale": scale, "translate_percent": {"x": float(x), "y": float(y)}}


def _warped(iaa: Any, scene: Scene, arguments: dict[str, Any], pairs: Pairs) -> Scene:
    """The scene after an `Affine`, on the median colour of the edge."""
    image = scene.image
    affine = iaa.Affine(**arguments, order=1, mode="edge", seed=0)
    motion = warp_motion(_matrix_of(image.shape, **arguments))
    inside = np.zeros((image.shape[0] + 2, image.shape[1] + 2), np.uint8)
    inside[1:-1, 1:-1] = 1
    padded = warp_motion(_matrix_of_padded(motion.matrix)).move_mask(inside)[1:-1, 1:-1]
    result = _augmented(affine, image)
    result[padded == 0] = edge_colour(image)
    return move(scene, result, motion, pairs)


def _matrix_of_padded(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same motion of a picture that has one more pixel on every side."""
    padded = matrix.copy()
    padded[:, 2] += 1 - matrix[:, :2] @ (1, 1)
    return padded


def _matrix_of(
    shape: tuple[int, ...],
    *,
    rotate: float = 0.0,
    scale: float = 1.0,
    translate_percent: dict[str, float] | None = None,
) -> NDArray[np.float64]:
    """What `Affine` does to places: about the centre, clockwise, then along: [2, 3]."""
    shift = translate_percent or {"x": 0.0, "y": 0.0}
    size = np.array([shape[1], shape[0]], np.float64)
    cos, sin = math.cos(math.radians(rotate)), math.sin(math.radians(rotate))
    turn = scale * np.array([[cos, -sin], [sin, cos]])
    offset = size / 2 - turn @ (size / 2) + size * (shift["x"], shift["y"])
    return np.concatenate([turn, offset[:, None]], axis=1)


def _deformed(imgaug: ModuleType, scene: Scene, operation: Elastic, rng: Rng) -> Scene:
    iaa, shape = imgaug.augmenters, scene.image.shape
    side_px = min(shape[:2])
    sigma_px = side_px / 12
    std_px = float(rng.uniform(0, operation.max_shift_share)) * side_px
    # imgaug blurs uniform noise in [-1, 1], with a kernel that is cut short.
    reach_px = iaa.blur._compute_gaussian_blur_ksize(sigma_px) // 2
    blurred_std = float((gaussian_kernel(sigma_px, reach_px) ** 2).sum()) / math.sqrt(3)
    alpha = std_px / blurred_std
    augmenter = iaa.ElasticTransformation(
        alpha=alpha, sigma=sigma_px, order=1, mode="reflect", seed=_seed(rng)
    )
    augmenter._mode_segmentation_maps = "reflect"
    pixels = np.arange(shape[0] * shape[1], dtype=np.int32).reshape(shape[:2])
    places = imgaug.augmentables.SegmentationMapsOnImage(pixels, shape=shape)
    image, moved = augmenter(image=scene.image, segmentation_maps=places)
    came_from = moved.arr[:, :, 0]
    mask = scene.mask
    if mask is not None:
        mask = mask.reshape(-1, *mask.shape[2:])[came_from]
    return scene.with_parts(image=np.ascontiguousarray(image), mask=mask)


# --- colours, sharpness, noise -------------------------------------------------------------------


def _changed(imgaug: ModuleType, image: Picture, operation: Operation, rng: Rng) -> Picture:
    iaa = imgaug.augmenters
    match operation:
        case Brightness(max_change_share=most):
            augmenter = iaa.Multiply(1 + float(rng.uniform(-most, most)), seed=0)
        case Contrast(max_change_share=most):
            augmenter = iaa.pillike.EnhanceContrast(1 + float(rng.uniform(-most, most)), seed=0)
        case Saturation(max_change_share=most):
            augmenter = iaa.pillike.EnhanceColor(1 + float(rng.uniform(-most, most)), seed=0)
        case Hue(max_shift_degrees=most):
            if image.ndim == 2 or image.shape[2] != 3:
                return image
            shift = round(float(rng.uniform(-most, most)) / 360 * 255)  # 255 is the whole circle
            augmenter = iaa.AddToHue(shift, seed=0)
        case Blur(max_sigma_px=most):
            augmenter = iaa.GaussianBlur(float(rng.uniform(0, most)), seed=0)
        case GaussianNoise(max_std_share=most):
            std = float(rng.uniform(0, most)) * 255
            augmenter = iaa.AdditiveGaussianNoise(scale=std, per_channel=True, seed=_seed(rng))
        case Cutout(max_area_share=most):
            return _erased(iaa, image, most, rng)
        case _:
            raise AssertionError(operation)
    return _augmented(augmenter, image)


def _erased(iaa: Any, image: Picture, max_area_share: float, rng: Rng) -> Picture:
    height, width = image.shape[:2]
    rows, columns = hole_size(height, width, float(rng.uniform(0, max_area_share)), rng)
    top, left = int(rng.integers(height - rows + 1)), int(rng.integers(width - columns + 1))
    corners = (left, top, left + columns, top + rows)
    colour = np.atleast_1d(edge_colour(image))
    pixels = image.reshape(height, width, -1)
    result: Picture = iaa.arithmetic.cutout(pixels, *corners, cval=colour, fill_per_channel=1)
    return result.reshape(image.shape)
