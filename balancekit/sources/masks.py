"""Folders of segmentation masks: index, palette, RGB with a colour table, or black and white."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from balancekit.errors import DataError, OptionError
from balancekit.sources.mask_classes import MaskClasses, find_classes
from balancekit.sources.mask_layout import MaskFile, MaskFolders, MaskSplit, find_masks
from balancekit.sources.mask_pixels import MaskPart, MaskReader, pixels_of_file
from balancekit.sources.parts import CountedShard, PartsSource
from balancekit.sources.pictures import PictureCheckShard, readable
from balancekit.sources.source import Checks, ReadOptions, Source
from balancekit.stats import Counts, Problem, ProblemKind, Shard

__all__ = ["open_masks", "recognise"]

MASKS_A_PART = 64
MASKS_LOOKED_AT = 48
FOLDERS_LOOKED_AT, ENTRIES_LOOKED_AT = 200, 256
SURE_SHARE = 0.8
ASIDE_TOLD = 3


def recognise(path: Path) -> str | None:
    """Why a path is taken for this format, in words; None if it is not."""
    if not path.is_dir():
        return None
    folders = MaskFolders(path, FOLDERS_LOOKED_AT, ENTRIES_LOOKED_AT)
    for folder, pictures in folders.with_masks():
        return f"masks in {'/'.join(folder.parts)} beside pictures in {'/'.join(pictures)}"
    pair = folders.first_pair()
    return f"masks beside their pictures, such as {pair[0]} and {pair[1]}" if pair else None


def open_masks(path: Path, options: ReadOptions) -> Source:
    """The source of a folder with masks.

    Raises:
        DataError: there is no mask in it.
        OptionError: a split is asked for that is not there.
    """
    if not path.is_dir():
        raise DataError(f"{path}: expected a folder of masks, got a file")
    folders = MaskFolders(path)
    splits = find_masks(folders)
    if not splits:
        why = f"; {folders.unreadable[0]}" if folders.unreadable else ""
        raise DataError(
            f"{path}: expected masks such as masks/1.png to images/1.jpg, got none{why}"
        )
    named = [name for name in splits if name]
    if options.split is not None and options.split not in named:
        raise OptionError(
            f"split: expected one of {', '.join(named) or 'none'} in {path}, got {options.split!r}"
        )
    taken = options.split or ("train" if "train" in splits else next(iter(splits)))
    files = [file for split in splits.values() for file in split.files]
    reader = _reader(files, _classes(path, folders), options.void_index)
    unreadable = tuple(folders.unreadable)
    others: Mapping[str, Source] = {
        name: _source(path, splits[name], reader, name, {}, ()) for name in named if name != taken
    }
    source = _source(path, splits[taken], reader, taken or None, others, unreadable)
    aside = ", ".join(map(readable, folders.left_aside[:ASIDE_TOLD]))
    if not aside:
        return source
    return replace(source, description=f"{source.description}; other masks left aside: {aside}")


def _classes(path: Path, folders: MaskFolders) -> MaskClasses:
    tops = sorted({parts[0] for parts in folders.folders if parts})[:20]
    return find_classes([path, *(path / top for top in tops), path.parent])


def _source(
    path: Path,
    split: MaskSplit,
    reader: MaskReader,
    name: str | None,
    others: Mapping[str, Source],
    unreadable: tuple[str, ...],
) -> "MaskSource":
    files = split.files
    declared = reader.declared([file.class_name for file in files])
    starts = range(0, len(files), MASKS_A_PART)
    note = f", split {name}" if name else ""
    return MaskSource(
        format="masks",
        description=f"{len(files)} masks in {readable(path)} ({_in_words(reader)}{note})",
        parts=[MaskPart(tuple(files[i : i + MASKS_A_PART]), reader, declared) for i in starts],
        class_names=declared or None,
        split=name,
        splits=others,
        pictures=split,
        unreadable=unreadable,
    )


def _in_words(reader: MaskReader) -> str:
    names = f", named by {reader.classes.file}" if reader.classes.file else ""
    if reader.kind == "colour":
        return f"a colour a class{names}"
    if reader.kind == "binary":
        return f"foreground from value {reader.threshold} on{names}"
    return f"a value a class{names}"


@dataclass(frozen=True, kw_only=True)
class MaskSource(PartsSource):
    """Masks of a split.

    Args:
        pictures: which masks lack their picture, and which pictures their mask.
        unreadable: folders that could not be listed.
    """

    pictures: MaskSplit
    unreadable: tuple[str, ...] = ()

    def shards(self) -> Iterable[Shard]:
        """A shard for every few masks, and one for what is not paired."""
        problems: dict[ProblemKind, Problem] = {}
        if self.pictures.has_pictures:
            masks = (file.mask for file in self.pictures.files if not file.picture)
            alone = [f"the picture of {readable(mask)}" for mask in masks]
            if alone:
                problems["picture-missing"] = Problem.of(alone)
            if self.pictures.without_mask:
                without = map(readable, self.pictures.without_mask)
                problems["picture-without-annotation"] = Problem.of(without)
        if self.unreadable:
            problems["folder-unreadable"] = Problem.of(map(readable, self.unreadable))
        yield CountedShard(Counts(problems=problems, task="segmentation"))
        yield from super().shards()

    def check_shards(self, checks: Checks) -> Iterable[Shard]:
        """Chunks of the pictures; masks are only read again where their classes are needed."""
        if checks.duplicates or checks.quality:
            # A mask that stands for its missing picture looks like no picture.
            lone = frozenset(file.mask for file in self.pictures.files if not file.picture)
            shards = super().check_shards(checks)
            return [_without(lone, shard) for shard in shards]
        named = replace(checks, split=checks.split or self.split or "")
        paths = [file.picture for file in self.pictures.files if file.picture]
        chunks = [paths[i : i + MASKS_A_PART] for i in range(0, len(paths), MASKS_A_PART)]
        return [PictureCheckShard(chunk, [()] * len(chunk), named) for chunk in chunks]


def _without(masks: Collection[str], shard: Shard) -> Shard:
    """The pictures of a shard that are none of these masks."""
    assert isinstance(shard, PictureCheckShard)
    pairs = zip(shard.paths, shard.classes, strict=True)
    kept = [(path, classes) for path, classes in pairs if path not in masks]
    return replace(shard, paths=[path for path, _ in kept], classes=[c for _, c in kept])


# --- how values stand for classes ---------------------------------------------------------------


def _reader(files: Sequence[MaskFile], classes: MaskClasses, void_index: int | None) -> MaskReader:
    """How to read the masks, from a look at some of them, spread over all."""
    chosen = np.unique(np.linspace(0, len(files) - 1, MASKS_LOOKED_AT).astype(int))
    greys = np.zeros(256, np.int64)
    n_colour, n_index, n_bits = 0, 0, 8
    for i in chosen.tolist():
        try:
            pixels = pixels_of_file(files[i].mask, as_colour=bool(classes.colours))
        except Exception:  # noqa: S112 - counting tells of it
            continue
        n_colour, n_index = n_colour + pixels.is_colour, n_index + (not pixels.is_colour)
        n_bits = max(n_bits, pixels.n_bits)
        if not pixels.is_colour and pixels.n_bits == 8:
            for value, n in pixels.by_value.items():
                greys[value] += n
    by_folder = len({file.class_name for file in files}) > 1
    if void_index is not None and void_index > 255 and n_index and not n_colour and n_bits == 8:
        raise OptionError(
            f"void_index: expected 0 to 255, as these masks have 8 bits a pixel, got {void_index}"
        )
    if n_colour > n_index:
        return MaskReader("colour", classes, void_index)
    is_binary = n_bits == 8 and len(classes.names) in (0, 2) and void_index != 255
    if is_binary and not classes.colours and _is_binary(greys):
        return MaskReader("binary", classes, void_index, by_folder)
    if is_binary and by_folder and not greys[2:].any():
        return MaskReader("binary", classes, void_index, by_folder, threshold=1)
    return MaskReader("index", classes, void_index)


def _is_binary(greys: np.ndarray[tuple[int], np.dtype[np.int64]]) -> bool:
    """Whether pixels are black and white, edges between them smeared or not."""
    if not greys[0] or not greys[200:].any():
        return False
    if greys[0] + greys[255] == greys.sum():
        return True
    ends = greys[:11].sum() + greys[245:].sum()
    # Values just below 255 come from smearing: of classes there would have to be 200.
    return bool(np.count_nonzero(greys[200:255]) >= 3 and ends > SURE_SHARE * greys.sum())
