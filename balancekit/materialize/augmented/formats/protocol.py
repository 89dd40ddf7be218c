"""What the writing of new samples asks of a format."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from balancekit.augment.scene import Scene
from balancekit.labels import Labels
from balancekit.stats import Problem, ProblemKind

__all__ = ["AnnotatedSet", "Sample"]

ROUNDING_PX = 1e-6
"""Nearer than this to the edge of its picture, a box touches it."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Sample:
    """A sample as it was read, or as it is to be written.

    Args:
        scene: the picture and what lies on it.
        class_ids: int64 [n], the class of each row of the scene; where the scene has no rows
            (image folders, masks), the classes that the sample has.
        carried: what else the format keeps of each of these, [n]: crowd, difficult, text.
        kept: what the format keeps of the whole sample: folder, suffix, palette.
        notes: annotations that were left out when it was read, and why, in words.
        is_cut: bool [n], whether the edge of the picture has cut an object since the sample was
            read; None where nothing has moved, or nothing has a box.
    """

    scene: Scene
    class_ids: NDArray[np.int64]
    carried: tuple[Any, ...] = ()
    kept: Any = None
    notes: tuple[str, ...] = ()
    is_cut: NDArray[np.bool_] | None = None

    def moved_to(self, scene: Scene) -> "Sample":
        """This sample with another scene made from its own; rows that it left out go with them.

        An object is cut if its scene says so, or if its box touches more edges of the picture
        than it did: augmenters of other libraries clip boxes without a word.

        >>> scene = Scene(image=np.zeros((4, 4), np.uint8), boxes=[[0, 0, 1, 1], [1, 1, 3, 3]])
        >>> sample = Sample(scene=scene, class_ids=np.array([5, 7]), carried=("a", "b"))
        >>> cut = scene.with_parts(boxes=scene.boxes[1:], instances=scene.instances[1:])
        >>> sample.moved_to(cut).class_ids.tolist(), sample.moved_to(cut).carried
        ([7], ('b',))
        """
        if scene.instances is None or self.scene.instances is None:
            return replace(self, scene=scene)
        row_of = {instance: row for row, instance in enumerate(self.scene.instances.tolist())}
        rows = [row_of[instance] for instance in scene.instances.tolist()]
        carried = tuple(self.carried[row] for row in rows) if self.carried else ()
        is_cut = None
        if scene.boxes is not None and self.scene.boxes is not None:
            is_cut = _n_edges_touched(scene) > _n_edges_touched(self.scene)[rows]
            is_cut |= np.isin(scene.instances, list(scene.cut))
        return replace(
            self, scene=scene, class_ids=self.class_ids[rows], carried=carried, is_cut=is_cut
        )


def _n_edges_touched(scene: Scene) -> NDArray[np.int64]:
    """How many edges of the picture each box touches or crosses, [n]."""
    assert scene.boxes is not None
    height, width = scene.image.shape[:2]
    touches = np.concatenate(
        [
            scene.boxes[:, :2] <= ROUNDING_PX,
            scene.boxes[:, 2:] >= np.array([width, height]) - ROUNDING_PX,
        ],
        axis=1,
    )
    return np.asarray(touches.sum(axis=1), np.int64)


class AnnotatedSet(Protocol):
    """The training split of annotated pictures; it survives pickling, for workers."""

    @property
    def format(self) -> str:
        """One of image-folder, masks, coco, yolo and voc."""

    @property
    def root(self) -> Path:
        """The folder of the data."""

    @property
    def labels(self) -> Labels:
        """Classes of the samples, in their order; its ids are paths that can be opened."""

    @property
    def class_names(self) -> tuple[str, ...]:
        """Those of the labels."""

    @property
    def ids(self) -> Sequence[str]:
        """The picture of each sample, relative to the root, with "/"; the same wherever that is."""

    def id_of(self, path: str | Path) -> str:
        """A file as the ids have it."""

    @property
    def problems(self) -> Mapping[ProblemKind, Problem]:
        """What was met when the data were listed, and is missing from the samples."""

    def read(self, index: int) -> Sample:
        """A sample; the picture turned as its camera noted, 16 bits kept.

        Raises:
            DataError: its picture or annotations cannot be read whole.
        """

    def encode(self, name: str, sample: Sample) -> dict[str, bytes]:
        """The files of a new sample, by their places in the folder that is written.

        The same sample gives the same bytes.

        Args:
            name: of the new sample, unique, without folder and suffix: a file name.
            sample: made from one of `read` by `moved_to`.
        """

    def originals(self, index: int) -> Sequence[tuple[str, Path]]:
        """The files of a sample of the data: the place of each in what is written, and itself.

        Places start with folders and hold no "..".
        """

    def finish(self, folder: Path, names: Sequence[str], aside: Path) -> None:
        """Write the files that tell of all samples, each whole; again, they are the same.

        Args:
            folder: that is written; originals that are not in it are left out.
            names: of the new samples that are in it, in the order that they get.
            aside: for files that are not whole yet.
        """
