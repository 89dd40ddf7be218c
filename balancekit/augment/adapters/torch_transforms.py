"""Transforms of torchvision and kornia, which draw from the global random state of torch."""

import copy
import sys
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from balancekit.augment.adapters.annotations import (
    all_points,
    contiguous,
    mask_for_opencv,
    refuse_annotations,
    scene_after,
)
from balancekit.augment.adapters.random_states import lent_random_states
from balancekit.augment.moving import NO_PAIRS, Pairs
from balancekit.augment.native import Picture
from balancekit.augment.pictures import as_picture
from balancekit.augment.scene import Scene
from balancekit.errors import OptionError

__all__ = ["KorniaAugmenter", "TorchvisionAugmenter"]

FULL_UINT16 = 65535.0

PIXEL_CENTRE = 0.5
"""torchvision counts keypoints from the centre of the first pixel, not from its corner."""


class TorchvisionAugmenter:
    """A Compose or a single transform of torchvision, of either generation.

    It is given a picture of Pillow where the picture is 8-bit grey, RGB or RGBA, else a tensor
    [C, H, W], 16-bit ones as floats in [0, 1]. Pictures of Pillow and such tensors come back as
    arrays; tensors that its own steps make of a picture stay tensors. Masks, boxes, polygons
    and keypoints go along as `tv_tensors`; transforms of the first generation, which know
    none, refuse them.
    """

    def __init__(self, augmenter: Any, pairs: Pairs = NO_PAIRS, *, moves_annotations: bool) -> None:
        self.augmenter = augmenter
        self.pairs = pairs
        self.moves_annotations = moves_annotations

    def __call__(self, scene: Scene, rng: np.random.Generator) -> Scene:
        """The augmented scene.

        Raises:
            OptionError: annotations lie on the picture, and the transforms cannot move them.
        """
        if not self.moves_annotations:
            refuse_annotations(scene, self)
        given, is_tensor = _picture_for_torchvision(scene.image)
        with lent_random_states(rng):
            if not scene.targets:
                return scene.with_parts(
                    image=_back(self.augmenter(given), scene.image, is_tensor=is_tensor)
                )
            annotations = _annotations(scene, self.pairs)
            image, annotations = self.augmenter(given, annotations)
        return _scene_of(
            _back(image, scene.image, is_tensor=is_tensor), annotations, scene, self.pairs
        )

    def __repr__(self) -> str:
        return f"torchvision {type(self.augmenter).__name__}"


class KorniaAugmenter:
    """A transform or container of kornia, for pictures without annotations.

    It is given a float tensor [1, C, H, W] in [0, 1]; what comes back is put into the dtype
    and the range of the picture.
    """

    def __init__(self, augmenter: Any) -> None:
        self.augmenter = copy.deepcopy(augmenter)  # it keeps what it has drawn

    def __call__(self, scene: Scene, rng: np.random.Generator) -> Scene:
        """The augmented scene.

        Raises:
            OptionError: annotations lie on the picture.
        """
        refuse_annotations(scene, self)
        image = scene.image
        full = 1.0 if image.dtype.kind == "f" else float(np.iinfo(image.dtype).max)
        batch = _tensor(np.asarray(image / full, np.float32))[None]
        with lent_random_states(rng):
            result = self.augmenter(batch)[0]
        values = _array(result, image.ndim) * full
        rounded = values if image.dtype.kind == "f" else np.rint(values)
        return scene.with_parts(image=contiguous(rounded.clip(0, full).astype(image.dtype)))

    def __repr__(self) -> str:
        return f"kornia {type(self.augmenter).__name__}"


def _torch() -> ModuleType:
    # Whoever has made the augmenter has imported torch; thinking about augmentation needs none.
    return sys.modules["torch"]


def _picture_for_torchvision(image: Picture) -> tuple[Any, bool]:
    """A picture of Pillow, or a tensor where Pillow has no such pictures; and which it is."""
    is_common = image.ndim == 2 or image.shape[2] in (3, 4)
    if image.dtype != np.uint8 or not is_common:
        if image.dtype == np.uint16:  # torch has few operations for these
            return _tensor((image / FULL_UINT16).astype(np.float32)), True
        return _tensor(image), True
    from PIL import Image

    return Image.fromarray(image), False


def _tensor(image: Picture) -> Any:
    channels_first = image[None] if image.ndim == 2 else image.transpose(2, 0, 1)
    return _torch().from_numpy(np.ascontiguousarray(channels_first))


def _array(tensor: Any, n_axes: int) -> Picture:
    array = np.asarray(tensor.detach().cpu().numpy()).transpose(1, 2, 0)
    return array[:, :, 0] if n_axes == 2 and array.shape[2] == 1 else array


def _back(result: Any, before: Picture, *, is_tensor: bool) -> Any:
    """What the picture of a scene becomes: an array, or the tensor that the user's steps made."""
    if not isinstance(result, _torch().Tensor):
        return as_picture(result)
    if not is_tensor:
        return result
    array = contiguous(_array(result, before.ndim))
    if before.dtype == np.uint16 and array.dtype == np.float32:
        return np.rint(array.clip(0, 1) * FULL_UINT16).astype(np.uint16)
    return array


def _annotations(scene: Scene, pairs: Pairs) -> dict[str, Any]:
    torch = _torch()
    tv_tensors = sys.modules["torchvision"].tv_tensors
    size = scene.image.shape[:2]
    found: dict[str, Any] = {}
    if scene.mask is not None:
        mask = mask_for_opencv(scene.mask)
        found["mask"] = tv_tensors.Mask(_tensor(mask))
    if scene.boxes is not None:
        boxes = torch.from_numpy(scene.boxes)
        found["boxes"] = tv_tensors.BoundingBoxes(boxes, format="XYXY", canvas_size=size)
        # SanitizeBoundingBoxes drops boxes and their labels together.
        found["labels"] = torch.arange(len(boxes))
    points = all_points(scene, pairs)
    if points is not None:
        if "KeyPoints" not in vars(tv_tensors):
            raise OptionError(
                "scene: expected no keypoints and polygons for this version of torchvision. "
                "Use version 0.23 or later, or albumentations."
            )
        found["points"] = tv_tensors.KeyPoints(
            torch.from_numpy(points - PIXEL_CENTRE), canvas_size=size
        )
    return found


def _scene_of(image: Any, annotations: dict[str, Any], scene: Scene, pairs: Pairs) -> Scene:
    mask = boxes = rows = points = None
    if scene.mask is not None:
        mask = _array(annotations["mask"], scene.mask.ndim)
    if scene.boxes is not None:
        boxes = _numbers(annotations["boxes"]).reshape(-1, 4)
        rows = annotations["labels"].numpy().astype(np.int64)
        has_area = (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
        boxes, rows = boxes[has_area], rows[has_area]
    if "points" in annotations:
        points = _numbers(annotations["points"]).reshape(-1, 2) + PIXEL_CENTRE
    return scene_after(scene, image, mask=mask, boxes=boxes, rows=rows, points=points, pairs=pairs)


def _numbers(tensor: Any) -> NDArray[np.float64]:
    return np.asarray(tensor.numpy(), np.float64)
