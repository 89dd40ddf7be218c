"""Pictures beside their augmentations, small enough for a page, with what lies on them."""

import os
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from balancekit.augment import AugmentationPolicy, Decision
from balancekit.augment.native import Picture
from balancekit.augment.scene import Polygons
from balancekit.materialize.augmented.copying import Opening, drawn_copy
from balancekit.materialize.augmented.formats import AnnotatedSet, Sample
from balancekit.materialize.augmented.manifest import BadFile
from balancekit.materialize.augmented.plan_copies import Carried
from balancekit.materialize.augmented.policies import fitted, policy_for
from balancekit.sources import Format

__all__ = ["ClassExamples", "Example", "Examples", "Seen", "augmented_examples"]

LONGEST_PX = 320
"""Longest side of a small picture: pages show it at half of that, sharp on fine screens."""

SPARE_TRIES = 6
"""Pictures of a class that are tried beyond those wanted, where some cannot be read."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Seen:
    """A sample as a page shows it; places are in pixels of the whole picture.

    Attributes:
        picture: uint8 [h, w, 3], small.
        mask: integers [h, w] or None, small.
        width: of the whole picture.
        height: of the whole picture.
        boxes: float [n, 4] or None.
        polygons: of each instance its parts, or None.
        keypoints: float [n, K, 2] or None.
        class_ids: int64 [n].
    """

    picture: NDArray[np.uint8]
    mask: NDArray[Any] | None
    width: int
    height: int
    boxes: NDArray[np.float64] | None
    polygons: Polygons | None
    keypoints: NDArray[np.float64] | None
    class_ids: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Example:
    """A picture, and what augmentation makes of it."""

    parent: str
    original: Seen
    copies: tuple[Seen, ...]


@dataclass(frozen=True, eq=False)
class ClassExamples:
    """Pictures of a class; `n_objects` is how many objects, or samples, it has in all."""

    class_id: int
    n_objects: int
    examples: tuple[Example, ...]


@dataclass(frozen=True, eq=False, kw_only=True)
class Examples:
    """What a page shows of a policy on a data set.

    Attributes:
        format: of the data.
        task: of the policy.
        class_names: of the data.
        classes: that are shown, the rarest first.
        n_filled: classes that have samples, shown or not.
        decisions: one an operation, with its reason.
        bad: pictures that were tried and cannot be used.
    """

    format: str
    task: str
    class_names: tuple[str, ...]
    classes: tuple[ClassExamples, ...]
    n_filled: int
    decisions: tuple[Decision, ...]
    bad: tuple[BadFile, ...]


def augmented_examples(
    data: str | os.PathLike[str],
    *,
    task: str = "unknown",
    policy: AugmentationPolicy | None = None,
    allow: Sequence[str] = (),
    forbid: Sequence[str] = (),
    seed: int = 0,
    format: Format | Literal["auto"] = "auto",  # noqa: A002 - the field's word
    split: str = "train",
    n_classes: int = 12,
    per_class: int = 3,
    n_copies: int = 4,
) -> Examples:
    """Pictures of the rarest classes, each with the first copies that the policy makes of it.

    The copies are those that `augment_to_disk` writes first with the same arguments.

    Args:
        data: an image folder, masks, COCO, YOLO or VOC.
        task: of the rules by which the policy is made.
        policy: instead of the one for the task.
        allow: operations that the policy for the task uses whatever its rules say.
        forbid: operations that it leaves out.
        seed: of the policy for the task.
        format: of the data; told from them by default.
        split: to show; data without splits are shown whole.
        n_classes: that are shown at most.
        per_class: pictures of each at most.
        n_copies: of each picture.

    Raises:
        OptionError: an argument has a value that it cannot have.
        DataError: the data cannot be read.
    """
    path = os.path.abspath(data)  # noqa: PTH100 - links are kept
    annotated = Opening(path, format, split, run=uuid.uuid4().hex).opened()
    chosen = policy or policy_for(annotated, task, allow=allow, forbid=forbid, seed=seed)
    policy = fitted(chosen, annotated.format)
    carried = Carried.from_labels(annotated.labels)
    counts = carried.class_counts()
    filled = np.flatnonzero(counts)
    rarest = sorted(filled.tolist(), key=lambda c: (counts[c], c))[:n_classes]
    looks = _Looks(annotated, policy, n_copies)
    most = per_class + SPARE_TRIES
    shown = [
        ClassExamples(c, int(counts[c]), looks.at(_best_first(carried, c)[:most], per_class))
        for c in rarest
    ]
    return Examples(
        format=annotated.format,
        task=policy.task,
        class_names=annotated.class_names,
        classes=tuple(shown),
        n_filled=len(filled),
        decisions=policy.explain(),
        bad=tuple(looks.bad.values()),
    )


def _best_first(carried: Carried, class_id: int) -> NDArray[np.int64]:
    """Samples that carry a class, those that carry the least besides first."""
    samples = carried.samples_by_class()[class_id]
    entries, places = carried.entries_of(samples)
    own = carried.class_ids[entries] == class_id
    n_own = np.bincount(places, carried.n_objects[entries] * own, len(samples))
    share = n_own / np.bincount(places, carried.n_objects[entries], len(samples))
    return samples[np.argsort(-share, kind="stable")]


class _Looks:
    """Looks at samples and their copies, and keeps what could not be used."""

    def __init__(self, annotated: AnnotatedSet, policy: AugmentationPolicy, n_copies: int) -> None:
        self.annotated, self.policy, self.n_copies = annotated, policy, n_copies
        self.ids = annotated.ids
        self.bad: dict[int, BadFile] = {}

    def at(self, samples: NDArray[np.int64], most: int) -> tuple[Example, ...]:
        """Examples of the first samples that can be used."""
        examples: list[Example] = []
        for index in samples.tolist():
            if len(examples) == most:
                break
            try:
                examples.append(self._example(index))
            except MemoryError:
                raise
            except Exception as error:  # decoders and users' augmenters raise every kind of it
                reason = str(error) or type(error).__name__
                self.bad[index] = BadFile(path=self.ids[index], reason=reason)
        return tuple(examples)

    def _example(self, index: int) -> Example:
        sample = self.annotated.read(index)
        white = _white(sample.scene.image)
        drawn = (drawn_copy(self.policy, sample, index, n + 1)[0] for n in range(self.n_copies))
        copies = tuple(_seen(copy, white) for copy in drawn)
        return Example(self.ids[index], _seen(sample, white), copies)


def _white(image: Picture) -> float:
    """The value that is shown as white: of 16 bits, which are seldom used up, the largest."""
    return 255.0 if image.dtype == np.uint8 else float(max(image.max(initial=0), 1e-9))


def _seen(sample: Sample, white: float) -> Seen:
    from PIL import Image

    scene = sample.scene
    height, width = scene.image.shape[:2]
    scale = min(1.0, LONGEST_PX / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    picture = Image.fromarray(_in_colours(scene.image, white)).resize(
        size, Image.Resampling.BILINEAR, reducing_gap=2.0
    )
    mask = scene.mask
    if mask is not None:
        mask = mask if mask.ndim == 2 else mask.max(axis=2)
        rows = (np.arange(size[1]) * height) // size[1]
        columns = (np.arange(size[0]) * width) // size[0]
        mask = mask[rows[:, None], columns]
    return Seen(
        picture=np.asarray(picture),
        mask=mask,
        width=width,
        height=height,
        boxes=scene.boxes,
        polygons=scene.polygons,
        keypoints=scene.keypoints,
        class_ids=sample.class_ids,
    )


def _in_colours(image: Picture, white: float) -> NDArray[np.uint8]:
    """A picture of any kind as uint8 [H, W, 3]; of many channels the first three, of two one."""
    if image.ndim == 2:
        image = image[..., None]
    image = image[..., :3] if image.shape[2] >= 3 else image[..., [0, 0, 0]]
    if image.dtype == np.uint8:
        return np.ascontiguousarray(image)
    return np.asarray(np.clip(image / white, 0, 1) * 255 + 0.5, np.uint8)
