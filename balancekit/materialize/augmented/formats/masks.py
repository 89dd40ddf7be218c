"""Pictures with masks: in folders of their own, or beside each other."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from balancekit.augment.scene import Scene
from balancekit.errors import DataError
from balancekit.files import write_whole
from balancekit.materialize.augmented.formats.listed import ListedPictures, beside
from balancekit.materialize.augmented.formats.mask_file import MaskKind, decode_mask, encode_mask
from balancekit.materialize.augmented.formats.pictures import (
    PictureKind,
    decode_picture,
    encode_picture,
)
from balancekit.materialize.augmented.formats.protocol import Sample
from balancekit.sources.mask_layout import MaskFile
from balancekit.sources.mask_pixels import MaskPart
from balancekit.sources.masks import MaskSource
from balancekit.sources.pictures import readable
from balancekit.stats import Counts, Problem

__all__ = ["MaskSet", "files_of_pair", "open_mask_set", "pair_of_files"]

LIST = "ImageSets/Segmentation/train.txt"
"""Where data in the layout of Pascal VOC list the names of the training split."""


class _Kept(NamedTuple):
    """Places of the parent's files, what their names end in, and their kinds."""

    picture_place: str
    mask_place: str
    picture_end: str
    mask_end: str
    picture: PictureKind
    mask: MaskKind


@dataclass(frozen=True, kw_only=True)
class MaskSet(ListedPictures):
    """Pictures and masks.

    Args:
        masks: path of the mask of each sample.
        class_file: which names the classes; None if none does.
    """

    masks: tuple[str, ...]
    class_file: Path | None = None
    format = "masks"

    def read(self, index: int) -> Sample:
        """A sample; its mask has the values of the file, whatever class they stand for.

        Raises:
            DataError: the picture or its mask cannot be read whole, or they differ in size.
        """
        picture, mask = self.picture(index), self.masks[index]
        scene, picture_kind, mask_kind = pair_of_files(picture, mask)
        ends = _ends(picture, mask)
        kept = _Kept(self.place(picture), self.place(mask), *ends, picture_kind, mask_kind)
        assert self.labels.offsets is not None
        start, stop = self.labels.offsets[index : index + 2]
        class_ids = self.labels.class_ids[start:stop].astype(np.int64)
        return Sample(scene=scene, class_ids=class_ids, kept=kept)

    def encode(self, name: str, sample: Sample) -> dict[str, bytes]:
        """A picture and a mask, in the folders of the parent's and named as those are."""
        kept: _Kept = sample.kept
        picture = beside(kept.picture_place, name + kept.picture_end)
        mask = beside(kept.mask_place, name + kept.mask_end)
        return files_of_pair(picture, mask, sample.scene, kept.picture, kept.mask)

    def originals(self, index: int) -> Sequence[tuple[str, Path]]:
        """The picture and its mask, where they lie in the data."""
        files = self.picture(index), self.masks[index]
        return [(self.place(file), Path(file)) for file in files]

    def finish(self, folder: Path, names: Sequence[str], aside: Path) -> None:
        """The file that names the classes, and the list of names where the data have one."""
        if self.class_file is not None:
            write_whole(self.class_file.read_bytes(), folder / self.class_file.name, aside=aside)
        if (self.root / LIST).is_file():
            there = [path for path in self.masks if (folder / self.place(path)).exists()]
            end = _ends(self.picture(0), self.masks[0])[1]
            lines = [*(Path(path).stem for path in there), *(name + end for name in names)]
            (folder / LIST).parent.mkdir(parents=True, exist_ok=True)
            text = "".join(f"{line}\n" for line in lines)
            write_whole(text.encode("utf-8", "surrogateescape"), folder / LIST, aside=aside)


def open_mask_set(source: MaskSource, root: Path) -> MaskSet:
    """The set of a source.

    Raises:
        DataError: no mask has its picture.
    """
    labels, problems = source.read_with_problems()
    counted = next(iter(source.shards())).count()
    told = (Counts(problems=problems) + Counts(problems=counted.problems)).problems
    by_id: dict[str, MaskFile] = {file.picture or file.mask: file for file in source.pictures.files}
    assert labels.sample_ids is not None
    files = [by_id[name] for name in labels.sample_ids]
    if len(by_id) < len(source.pictures.files):
        twice = Counter(file.picture or file.mask for file in source.pictures.files).most_common(1)
        raise DataError(
            f"{readable(root)}: expected one mask to each picture, got {twice[0][1]} to "
            f"{readable(twice[0][0])}. Make one mask of them, or take the others out."
        )
    paired = [i for i, file in enumerate(files) if file.picture]
    if not paired:
        raise DataError(
            f"{readable(root)}: expected a picture to each mask, got masks alone. Give the path of "
            "the folder that holds both."
        )
    lone = [readable(file.mask) for file in files if not file.picture]
    if lone and "picture-missing" not in told:
        told = {**told, "picture-missing": Problem.of(lone)}
    return MaskSet(
        root=root,
        labels=labels if len(paired) == len(files) else labels.take(paired),
        problems=told,
        masks=tuple(files[i].mask for i in paired),
        class_file=_class_file(source, root),
    )


def pair_of_files(picture: str, mask: str) -> tuple[Scene, PictureKind, MaskKind]:
    """The scene of a picture and its mask, and the kinds of both.

    Raises:
        DataError: either cannot be read whole, or they differ in size.
    """
    values, mask_kind = decode_mask(mask)
    height, width = values.shape
    # Where a camera was held upright, the mask's size tells on which of both it was drawn.
    image, picture_kind = decode_picture(picture, (width, height))
    return Scene(image=image, mask=values), picture_kind, mask_kind


def files_of_pair(
    picture: str, mask: str, scene: Scene, picture_kind: PictureKind, mask_kind: MaskKind
) -> dict[str, bytes]:
    """A picture and its mask by their places, which are given without suffixes."""
    assert scene.mask is not None
    if picture == mask and picture_kind.suffix == ".png":  # the mask has this name
        picture_kind = replace(picture_kind, suffix=".tif")
    return {
        picture + picture_kind.suffix: encode_picture(scene.image, picture_kind),
        f"{mask}.png": encode_mask(scene.mask, mask_kind),
    }


def _ends(picture: str, mask: str) -> tuple[str, str]:
    """What the names of a picture and of its mask end in, behind what they share.

    >>> _ends("a/1_leftImg8bit.png", "b/1_gtFine_labelIds.png"), _ends("1.jpg", "1.png")
    (('_leftImg8bit', '_gtFine_labelIds'), ('', ''))
    """
    stems = Path(picture).stem, Path(mask).stem
    pairs = enumerate(zip(*stems, strict=False))
    n_shared = next((i for i, (one, other) in pairs if one != other), min(map(len, stems)))
    while n_shared and any(rest and rest[0].isalnum() for rest in (s[n_shared:] for s in stems)):
        n_shared -= 1
    return stems[0][n_shared:], stems[1][n_shared:]


def _class_file(source: MaskSource, root: Path) -> Path | None:
    part = source.parts[0]
    name = part.reader.classes.file if isinstance(part, MaskPart) else ""
    if not name:
        return None
    found = (place / name for place in (root, *sorted(root.iterdir()), root.parent))
    return next((path for path in found if path.is_file()), None)
