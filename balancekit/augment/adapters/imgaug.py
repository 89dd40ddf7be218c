"""Augmenters of imgaug."""

import copy
import threading
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from balancekit.augment.adapters.annotations import (
    all_points,
    contiguous,
    misplaced_keypoints,
    scene_after,
    warn_of_misplaced_keypoints,
)
from balancekit.augment.imgaug_shim import load_imgaug
from balancekit.augment.moving import NO_PAIRS, Pairs
from balancekit.augment.scene import Scene
from balancekit.errors import OptionError

__all__ = ["ImgaugAugmenter"]


class ImgaugAugmenter:
    """An augmenter of imgaug, reseeded for each sample; a copy is kept.

    Not with its own `seed_`, which passes over the order of a `Sequential` or `SomeOf` that
    is the child of another augmenter, so that it depends on what was drawn before.
    """

    def __init__(self, augmenter: Any, pairs: Pairs = NO_PAIRS) -> None:
        load_imgaug()  # gives imgaug its stand-ins, should the user have imported it otherwise
        self.augmenter = copy.deepcopy(augmenter)
        self.pairs = pairs
        self._misplaced = misplaced_keypoints(self.augmenter)
        self._lock = threading.Lock()

    def __call__(self, scene: Scene, rng: np.random.Generator) -> Scene:
        """The augmented scene."""
        with self._lock:
            _reseed(self.augmenter, rng)
            if not scene.targets:
                image = self.augmenter.augment_image(scene.image)
                return scene.with_parts(image=contiguous(image))
            warn_of_misplaced_keypoints(self._misplaced, scene)
            return _augmented(self.augmenter, scene, self.pairs)

    def __repr__(self) -> str:
        return f"imgaug {type(self.augmenter).__name__}"

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (_Loaded(), self.augmenter, self.pairs)


class _Loaded:
    """Pickles as a call that loads imgaug, and comes back as imgaug."""

    def __reduce__(self) -> tuple[Any, ...]:
        return load_imgaug, ()


def _restore(_library: object, augmenter: Any, pairs: Pairs) -> ImgaugAugmenter:
    return ImgaugAugmenter(augmenter, pairs)


def _reseed(augmenter: Any, rng: np.random.Generator) -> None:
    """Give an imgaug augmenter and all below it new streams; deterministic ones keep theirs."""
    imgaug = load_imgaug()
    if not augmenter.deterministic:
        augmenter.random_state = imgaug.random.RNG(int(rng.integers(2**63)))
    for children in augmenter.get_children_lists():
        # Some lists of children are augmenters themselves, and a Sequential is its own.
        is_other = isinstance(children, imgaug.augmenters.Augmenter) and children is not augmenter
        for child in [children] if is_other else children:
            _reseed(child, rng)


def _augmented(augmenter: Any, scene: Scene, pairs: Pairs) -> Scene:
    imgaug = load_imgaug()
    given: dict[str, Any] = {"image": scene.image}
    shape = scene.image.shape
    if scene.mask is not None:
        given["segmentation_maps"] = _segmentation_map(imgaug, scene.mask, shape)
    if scene.boxes is not None:
        # Labels as text: some augmenters write more into them on the way.
        boxes = [
            imgaug.BoundingBox(*box, label=str(row)) for row, box in enumerate(scene.boxes.tolist())
        ]
        given["bounding_boxes"] = imgaug.BoundingBoxesOnImage(boxes, shape=shape)
    points = all_points(scene, pairs)
    if points is not None:
        given["keypoints"] = imgaug.KeypointsOnImage.from_xy_array(points, shape=shape)
    result = dict(zip(given, augmenter(return_batch=False, **given), strict=True))
    return _scene_of(result, scene, pairs)


def _scene_of(result: dict[str, Any], scene: Scene, pairs: Pairs) -> Scene:
    mask = boxes = rows = points = None
    if scene.mask is not None:
        mask = result["segmentation_maps"].get_arr()
    if scene.boxes is not None:
        left = result["bounding_boxes"].bounding_boxes
        boxes = np.array([[b.x1, b.y1, b.x2, b.y2] for b in left], np.float64).reshape(-1, 4)
        rows = np.array([int(box.label) for box in left], np.int64)
    if "keypoints" in result:
        points = result["keypoints"].to_xy_array().astype(np.float64).reshape(-1, 2)
    return scene_after(
        scene,
        contiguous(result["image"]),
        mask=mask,
        boxes=boxes,
        rows=rows,
        points=points,
        pairs=pairs,
    )


def _segmentation_map(imgaug: ModuleType, mask: NDArray[Any], shape: tuple[int, ...]) -> Any:
    low, high = int(mask.min()), int(mask.max())
    if low < 0 or high > np.iinfo(np.int32).max:
        raise OptionError(
            f"mask: expected values from 0 to 2**31 - 1 for imgaug, got {low} to {high}."
        )
    return imgaug.SegmentationMapsOnImage(mask.astype(np.int32), shape=shape)
