"""Image folders: a folder a class, with a mask beside a picture or without."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from balancekit.augment.scene import Scene
from balancekit.labels import UNLABELLED
from balancekit.materialize.augmented.formats.listed import ListedPictures, beside
from balancekit.materialize.augmented.formats.mask_file import MaskKind
from balancekit.materialize.augmented.formats.masks import files_of_pair, pair_of_files
from balancekit.materialize.augmented.formats.pictures import (
    PictureKind,
    decode_picture,
    encode_picture,
)
from balancekit.materialize.augmented.formats.protocol import Sample
from balancekit.sources.folder_scan import mask_beside
from balancekit.sources.image_folder import ImageFolder
from balancekit.stats import Counts

__all__ = ["ImageFolderSet", "open_image_folder_set"]


class _Kept(NamedTuple):
    place: str
    picture: PictureKind
    mask: MaskKind | None


@dataclass(frozen=True, kw_only=True)
class ImageFolderSet(ListedPictures):
    """Class folders of pictures. A .png of the stem of a JPEG beside it is its mask.

    Args:
        class_folders: where the folders of the classes lie, those without pictures included.
    """

    class_folders: tuple[str, ...]
    format = "image-folder"

    def read(self, index: int) -> Sample:
        """A sample, its mask with it.

        Raises:
            DataError: the picture or its mask cannot be read whole, or they differ in size.
        """
        path = self.picture(index)
        mask_path = mask_beside(path)
        class_id = int(self.labels.class_id_per_sample()[index])
        if mask_path is None:
            image, kind = decode_picture(path)
            scene, mask_kind = Scene(image=image), None
        else:
            scene, kind, mask_kind = pair_of_files(path, mask_path)
        return Sample(
            scene=scene,
            class_ids=np.array([] if class_id == UNLABELLED else [class_id], np.int64),
            kept=_Kept(self.place(path), kind, mask_kind),
        )

    def encode(self, name: str, sample: Sample) -> dict[str, bytes]:
        """The picture of a new sample in the folder of its parent, and its mask."""
        kept: _Kept = sample.kept
        place = beside(kept.place, name)
        if kept.mask is not None:
            return files_of_pair(place, place, sample.scene, kept.picture, kept.mask)
        return {place + kept.picture.suffix: encode_picture(sample.scene.image, kept.picture)}

    def originals(self, index: int) -> Sequence[tuple[str, Path]]:
        """The picture, and its mask, where they lie in the data."""
        path = self.picture(index)
        mask_path = mask_beside(path)
        files = [path] if mask_path is None else [path, mask_path]
        return [(self.place(file), Path(file)) for file in files]

    def finish(self, folder: Path, names: Sequence[str], aside: Path) -> None:
        """The folders of classes without pictures: without them, others would get their ids."""
        for path in self.class_folders:
            (folder / self.place(path)).mkdir(parents=True, exist_ok=True)


def open_image_folder_set(source: ImageFolder, root: Path) -> ImageFolderSet:
    """The set of a source."""
    counts = sum((shard.count() for shard in source.shards()), Counts())
    return ImageFolderSet(
        root=root,
        labels=source.read_labels(),
        problems=counts.problems,
        class_folders=source.class_folders,
    )
