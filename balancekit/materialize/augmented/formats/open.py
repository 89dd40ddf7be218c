"""The set of a path: told by the readers of `balancekit.sources`."""

import os
import warnings
from pathlib import Path
from typing import Literal

from balancekit.errors import BalancekitWarning, DataError
from balancekit.materialize.augmented.formats.coco import open_coco_set
from balancekit.materialize.augmented.formats.image_folder import open_image_folder_set
from balancekit.materialize.augmented.formats.masks import open_mask_set
from balancekit.materialize.augmented.formats.protocol import AnnotatedSet
from balancekit.materialize.augmented.formats.voc import open_voc_set
from balancekit.materialize.augmented.formats.yolo import open_yolo_set
from balancekit.sources.annotated_pictures import split_of
from balancekit.sources.catalogue import open_source
from balancekit.sources.coco_file import CocoFile
from balancekit.sources.image_folder import ImageFolder
from balancekit.sources.masks import MaskSource
from balancekit.sources.of_task import SourceOfTask
from balancekit.sources.parts import PartsSource
from balancekit.sources.pictures import readable
from balancekit.sources.source import Format, ReadOptions, Source

__all__ = ["open_annotated", "other_splits"]

FORMATS = ("image-folder", "masks", "coco", "yolo", "voc")
TRAINING = ("train", "trainval")


def open_annotated(
    path: str | os.PathLike[str],
    *,
    format: Format | Literal["auto"] = "auto",  # noqa: A002 - the field's word
    split: str = "train",
) -> AnnotatedSet:
    """The training split of annotated pictures, to be read and written with new samples.

    Data without splits are all taken for it.

    Args:
        path: of an image folder, masks, COCO, YOLO or Pascal VOC.
        format: one of these by its name, where it should not be told from the path.
        split: another to take for the training split, as where all there is is a `val`.

    Raises:
        DataError: the data are in another format, or have no such split, or their pictures are
            not there.
        OptionError: `format` or `split` is none that is known.
    """
    root, source = _source(path, format, split)
    named = source.split and (split_of(source.split) or source.split)
    if named is not None and named != split and source.split != split and named not in TRAINING:
        raise DataError(
            f"{readable(root)}: expected the split {split!r}, got {source.split!r} alone. New "
            f"samples belong to training; if this is what you train on, say split={source.split!r}."
        )
    if isinstance(source, ImageFolder):
        return open_image_folder_set(source, root)
    if isinstance(source, MaskSource):
        return open_mask_set(source, root)
    if isinstance(source, PartsSource):
        if source.format == "yolo":
            return open_yolo_set(source, root)
        if source.format == "voc":
            return open_voc_set(source, root)
        if all(isinstance(part, CocoFile) for part in source.parts):
            return open_coco_set(source, root)
    raise _not_annotated(root, source)


def other_splits(
    path: str | os.PathLike[str],
    *,
    format: Format | Literal["auto"] = "auto",  # noqa: A002 - the field's word
    split: str = "train",
) -> dict[str, tuple[str, ...]]:
    """Paths of the pictures of each split but the one taken, by its name, to look for leaks.

    Args:
        path: of the data.
        format: as `open_annotated` takes it.
        split: that is taken.

    Raises:
        DataError: the data cannot be read.
    """
    _, source = _source(path, format, split)
    found = {}
    for name, other in source.other_splits().items():
        if isinstance(other, MaskSource):
            found[name] = tuple(file.picture for file in other.pictures.files if file.picture)
            continue
        try:
            ids = other.read_labels().sample_ids or ()
        except DataError as error:
            warnings.warn(f"split {name} is left out: {error}", BalancekitWarning, stacklevel=2)
            continue
        found[name] = tuple(one for one in ids if os.path.isfile(one))  # noqa: PTH113
    return found


def _source(
    path: str | os.PathLike[str],
    format: Format | Literal["auto"],  # noqa: A002
    split: str,
) -> tuple[Path, Source]:
    """The absolute path, and the source of its wanted split."""
    if "://" in os.fspath(path):
        raise DataError(
            f"{os.fspath(path)}: expected a folder on this machine, got an address. Fetch the data "
            "first."
        )
    root = Path(os.path.abspath(path))  # noqa: PTH100 - links are kept
    wanted = None if split == "train" or root.is_file() else split
    source = open_source(root, ReadOptions(split=wanted), format=format)
    if source.format == "coco":  # whose classes may be key points; objects are what is moved
        source = open_source(root, ReadOptions(split=wanted, task="detection"), format=format)
    return root, source.source if isinstance(source, SourceOfTask) else source


def _not_annotated(path: Path, source: Source) -> DataError:
    return DataError(
        f"{readable(path)}: expected pictures in one of the formats {', '.join(FORMATS)}, got "
        f"{source.description}, to which no pictures can be added. Convert the data first."
    )
