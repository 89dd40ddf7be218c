"""Augmenters of albumentations, and of albumentationsx where a user brings them."""

import copy
import os
import random
import threading
import warnings
from importlib import metadata
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from balancekit.augment.adapters.annotations import (
    all_points,
    contiguous,
    mask_for_opencv,
    misplaced_keypoints,
    scene_after,
    warn_of_misplaced_keypoints,
)
from balancekit.augment.moving import LEAST_AREA_SHARE, NO_PAIRS, Pairs
from balancekit.augment.scene import Scene
from balancekit.errors import MissingLibraryError

__all__ = ["AlbumentationsAugmenter", "load_albumentations"]

ROWS = "balancekit_rows"
"""Under this name the rows of boxes travel with them, so that it is known which are left."""

THRESHOLDS = (
    "min_area",
    "min_visibility",
    "min_width",
    "min_height",
    "max_accept_ratio",
    "check_each_transform",
)
"""What of the user's own parameters for boxes stays."""

POINTS = frozenset(["keypoints", "polygons"])

PIXEL_CENTRE = 0.5
"""albumentations counts keypoints from the centre of the first pixel, not from its corner."""


class AlbumentationsAugmenter:
    """A Compose or a single transform of albumentations.

    Its own seed is not used: with `Compose(seed=…)` of albumentations 2.0.8 all its
    transforms draw the same numbers, and worker processes repeat them. A copy is kept, so
    that the user's object is left as it is.

    Annotations of a scene travel in a Compose of our own around another copy: of `bbox_params`
    of the user's Compose the thresholds are kept, while the format and the label fields are
    ours, as are `keypoint_params`.
    """

    def __init__(self, augmenter: Any, pairs: Pairs = NO_PAIRS) -> None:
        self.augmenter = copy.deepcopy(augmenter)
        self._with_annotations: dict[frozenset[str], Any] = {}
        self.pairs = pairs
        self._misplaced = misplaced_keypoints(self.augmenter)
        self._lock = threading.Lock()

    def __call__(self, scene: Scene, rng: np.random.Generator) -> Scene:
        """The augmented scene."""
        python_rng = random.Random(int(rng.integers(2**63)))  # noqa: S311  # nothing secret
        with self._lock:
            if not scene.targets:
                self.augmenter.set_random_state(rng, python_rng)
                image = self.augmenter(image=scene.image)["image"]
                return scene.with_parts(image=contiguous(image))
            warn_of_misplaced_keypoints(self._misplaced, scene)
            compose = self._compose_for(scene)
            compose.set_random_state(rng, python_rng)
            return _augmented(compose, scene, self.pairs)

    def _compose_for(self, scene: Scene) -> Any:
        fields = frozenset(scene.targets)
        if fields not in self._with_annotations:
            self._with_annotations[fields] = _compose_around(
                self.augmenter, fields, with_points=bool(fields & POINTS) or self.pairs != NO_PAIRS
            )
        return self._with_annotations[fields]

    def __repr__(self) -> str:
        return f"albumentations {type(self.augmenter).__name__}"

    def __reduce__(self) -> tuple[Any, ...]:
        # Unpickled in order: the library is loaded, without its call to a server, before
        # the augmenter asks for it.
        return _restore, (_Loaded(), self.augmenter, self.pairs)


def load_albumentations() -> ModuleType:
    """The package albumentations, imported without its call to a server.

    albumentationsx, which has the same import name and another licence (AGPL), is not
    imported: only augmenters that a user has made with it are used.

    Raises:
        MissingLibraryError: albumentations is not installed or cannot be loaded.

    Source: albumentations 2.0.8, `check_version.py`.
    """
    if _is_installed("albumentationsx") and not _is_installed("albumentations"):
        raise MissingLibraryError(
            "albumentations: expected the package of this name, found albumentationsx, whose "
            "licence is the AGPL. Pass augmenters made with it to "
            "AugmentationPolicy.from_augmenter, or install albumentations 2.0.8."
        )
    return _import_albumentations()


def _import_albumentations() -> ModuleType:
    name = "NO_ALBUMENTATIONS_UPDATE"
    before = os.environ.get(name)
    os.environ[name] = "1"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import albumentations
    except ImportError as error:
        raise MissingLibraryError(
            f"albumentations: expected it to load, got {error}. "
            "From a clone: pip install '.[albumentations]'"
        ) from None
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
    return albumentations  # type: ignore[no-any-return]  # a module without types


def _is_installed(distribution: str) -> bool:
    try:
        metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return False
    return True


class _Loaded:
    """Pickles as a call that loads the library, and comes back as the library."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _import_albumentations, ()


def _restore(_library: object, augmenter: Any, pairs: Pairs) -> AlbumentationsAugmenter:
    return AlbumentationsAugmenter(augmenter, pairs)


def _compose_around(augmenter: Any, fields: frozenset[str], *, with_points: bool) -> Any:
    """A Compose of our own around a copy of the user's augmenter."""
    library = _import_albumentations()
    options: dict[str, Any] = {}
    if "boxes" in fields:
        options["bbox_params"] = _box_params(library, augmenter)
    if with_points:
        options["keypoint_params"] = library.KeypointParams("xy", remove_invisible=False)
    return library.Compose([copy.deepcopy(augmenter)], **options)


def _box_params(library: ModuleType, augmenter: Any) -> Any:
    """Parameters for boxes x1, y1, x2, y2 in pixels, with the user's thresholds if given."""
    own = getattr(augmenter, "processors", {}).get("bboxes")
    thresholds = {"min_visibility": LEAST_AREA_SHARE}
    if own is not None:
        thresholds = {name: getattr(own.params, name) for name in THRESHOLDS}
    # One box without area would otherwise be the end of the sample. The format comes first:
    # its name is not the same in albumentationsx.
    return library.BboxParams(
        "pascal_voc", label_fields=[ROWS], filter_invalid_bboxes=True, **thresholds
    )


def _augmented(compose: Any, scene: Scene, pairs: Pairs) -> Scene:
    given: dict[str, Any] = {"image": scene.image}
    if scene.mask is not None:
        given["mask"] = mask_for_opencv(scene.mask)
    if scene.boxes is not None:
        height, width = scene.image.shape[:2]
        given["bboxes"] = np.clip(scene.boxes, 0, [width, height, width, height])
        given[ROWS] = list(range(len(scene.boxes)))
    points = all_points(scene, pairs)
    if points is not None:
        given["keypoints"] = points - PIXEL_CENTRE
    # Forced: it would draw a number for itself, and the rest would not be as for pictures alone.
    result = compose(force_apply=True, **given)
    boxes, rows = None, None
    if scene.boxes is not None:
        boxes = np.asarray(result["bboxes"], np.float64).reshape(-1, 4)
        rows = np.asarray(result[ROWS], np.int64)
    return scene_after(
        scene,
        contiguous(result["image"]),
        mask=result.get("mask"),
        boxes=boxes,
        rows=rows,
        points=None if points is None else _points(result["keypoints"]),
        pairs=pairs,
    )


def _points(keypoints: Any) -> NDArray[np.float64]:
    return np.asarray(keypoints, np.float64).reshape(-1, 2) + PIXEL_CENTRE
