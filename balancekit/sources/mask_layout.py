"""Which mask belongs to which picture, and to which split: told from names of folders."""

import os
import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from balancekit.sources.folder_layout import SPLIT_NAMES
from balancekit.sources.folder_scan import is_hidden
from balancekit.sources.pictures import PICTURE_SUFFIXES

__all__ = ["MaskFile", "MaskFolders", "MaskSplit", "find_masks"]

MASK_WORDS = (
    "segmentationclassraw|segmentationclassaug|segmentationclass|segmentations?|segmaps?|segs?|"
    "annotations?|annots?|anns?|masks?|labels?|gtfine|gtcoarse|ground[-_ ]?truths?|gts?|labelids"
)
MASK_WORD = re.compile(rf"(?:^|[-_. ]|(?<=train)|(?<=val)|(?<=test))({MASK_WORDS})(?=$|[-_. ])")
PICTURE_WORDS = ("images", "image", "imgs", "img", "jpegimages", "leftimg8bit", "pictures")
MORE_PICTURE_WORDS = ("photos", "rgb", "raw", "inputs", "input", "originals", "original")
MASK_END = re.compile(
    r"(?:[-_.](?:gt(?:fine|coarse)_label(?:train)?ids|masks?|segmentation|seg|labels?|lab|l|gt|"
    r"anno|annotation|segmap))+$"
)
PICTURE_END = re.compile(r"[-_.](?:leftimg8bit|images?|img|sat|rgb|photo)$")
LIKELY_WORD = re.compile(r"mask|label|ground[-_ ]?truth|segm|annot|gt")
VERSION = re.compile(r"v\d+(?:\.\d+)*")
DEEPEST = 6
MOST_FOLDERS = 1_000_000
MOST_LIST_BYTES = 1 << 26


class MaskFile(NamedTuple):
    """A mask, the picture that it is of ("" if it is not there), and its class folder."""

    mask: str
    picture: str
    class_name: str


@dataclass
class MaskSplit:
    """The masks of one split.

    Attributes:
        files: its masks, by path.
        without_mask: pictures that have none.
        has_pictures: whether there is a folder of pictures at all.
    """

    files: list[MaskFile] = field(default_factory=list)
    without_mask: list[str] = field(default_factory=list)
    has_pictures: bool = False


class Folder(NamedTuple):
    """A folder with pictures or masks in it: its parts below the root, and the file names."""

    parts: tuple[str, ...]
    files: list[str]


class MaskFolders:
    """The folders of a data set that hold pictures or masks.

    Args:
        root: of the data set.
        most: folders that are looked into.
        most_entries: files and folders of each that are listed; None lists all.

    Attributes:
        unreadable: folders that could not be listed, and why.
        left_aside: folders of other masks to the pictures of those that are taken.
    """

    def __init__(
        self, root: Path, most: int = MOST_FOLDERS, most_entries: int | None = None
    ) -> None:
        self.root = root
        self.unreadable: list[str] = []
        self.left_aside: list[str] = []
        self._most_entries = most_entries
        self._real_root = os.path.join(os.path.realpath(root), "")  # noqa: PTH118
        self.folders = {folder.parts: folder.files for folder in self._walk(most)}
        self._lowered = {tuple(map(str.lower, parts)): parts for parts in self._all}

    def _walk(self, most: int) -> Iterator[Folder]:
        self._all: list[tuple[str, ...]] = [()]
        waiting = deque(self._all)
        for _ in range(most):
            if not waiting:
                break
            parts = waiting.popleft()
            files = []
            try:
                with os.scandir(self.path(parts)) as entries:
                    for entry in islice(entries, self._most_entries):
                        if is_hidden(entry.name):
                            continue
                        if entry.name.lower().endswith(PICTURE_SUFFIXES):
                            files.append(entry.name)
                        elif len(parts) < DEEPEST and self._is_folder(entry):
                            waiting.append((*parts, entry.name))
                            self._all.append((*parts, entry.name))
            except OSError as error:
                self.unreadable.append(f"{self.path(parts)} ({error.strerror})")
            if files:
                yield Folder(parts, sorted(files))

    def _is_folder(self, entry: os.DirEntry[str]) -> bool:
        """Whether to look into an entry: links within the data set would count files twice."""
        if not entry.is_symlink():
            return entry.is_dir()
        inside = (os.path.realpath(entry.path) + os.sep).startswith(self._real_root)
        return not inside and entry.is_dir()

    def path(self, parts: Sequence[str]) -> str:
        """The path of a folder."""
        return os.path.join(self.root, *parts)  # noqa: PTH118 - text, as names may be no UTF-8

    def with_masks(self) -> Iterator[tuple[Folder, tuple[str, ...]]]:
        """Folders of masks, and the parts of the folder of the pictures to each."""
        by_worth = sorted(
            self.folders.items(), key=lambda item: ("coarse" in str(item[0]).lower(), item)
        )
        for parts, files in by_worth:
            for i in range(len(parts) - 1, -1, -1):
                pictures = self._pictures_to(parts, i) if _is_mask_word(parts[i]) else None
                if pictures is not None and pictures != parts:
                    yield Folder(parts, files), pictures
                    break
            else:
                if (pictures := self._pictures_by_name(parts, files)) is not None:
                    yield Folder(parts, files), pictures

    def _pictures_by_name(
        self, parts: tuple[str, ...], files: Sequence[str]
    ) -> tuple[str, ...] | None:
        """The folder beside one of masks whose files are named as they are, but for a word.

        All masks have the word behind their name, such as `1_segmentation.png` to `1.jpg`.
        """
        if not parts or not LIKELY_WORD.search(parts[-1].lower()):
            return None
        stems = {_stem(name) for name in files}
        plain = {MASK_END.sub("", stem) for stem in stems}
        if not stems.isdisjoint(plain):
            return None
        beside = (other for other in self.folders if other[:-1] == parts[:-1] and other != parts)
        return next(
            (other for other in beside if not plain.isdisjoint(map(_stem, self.folders[other]))),
            None,
        )

    def first_pair(self) -> tuple[str, str] | None:
        """A mask that lies beside its picture, by the word behind its name, and the picture.

        None if most files of the folder are in no such pair; class folders are not looked at.
        """
        for parts, files in self.folders.items():
            if any(part.lower() not in SPLIT_NAMES for part in parts):
                continue
            names = {_stem(name): name for name in files}
            plain_of = {stem: MASK_END.sub("", stem) for stem in names}
            pairs = [
                (names[stem], names[plain])
                for stem, plain in plain_of.items()
                if plain != stem and plain in names
            ]
            if 4 * len(pairs) > len(files):
                return pairs[0]
        return None

    def _pictures_to(self, parts: tuple[str, ...], i: int) -> tuple[str, ...] | None:
        """The folder of pictures beside a folder of masks, the i-th part of which says so."""
        part = parts[i].lower()
        match = MASK_WORD.search(part)
        assert match is not None
        rest = tuple(map(str.lower, parts[i + 1 :]))
        above = tuple(map(str.lower, parts[:i]))
        if above and VERSION.fullmatch(above[-1]):  # Mapillary's masks have versions
            above = above[:-1]
        names = [
            part[: match.start(1)] + word + part[match.end(1) :]
            for word in (*PICTURE_WORDS, *MORE_PICTURE_WORDS)
        ]
        bare = (part[: match.start(1)] + part[match.end(1) :]).strip("-_. ")
        names += [part.replace("ann_dir", "img_dir"), bare]
        for name in names:
            for end in (rest, rest[:-1], ()):
                known = self._lowered.get((*above, name, *end)) if name else None
                if known in self.folders and known != parts:
                    return known
        return None


def _is_mask_word(name: str) -> bool:
    return MASK_WORD.search(name.lower()) is not None


def find_masks(folders: MaskFolders) -> dict[str, MaskSplit]:
    """The masks of each split, "" where there are none.

    Masks lie in folders beside those of the pictures; or else beside the pictures
    themselves; or else all that is there is masks.
    """
    splits: dict[str, MaskSplit] = {}
    first: dict[tuple[str, ...], MaskSplit] = {}
    unused: dict[tuple[str, ...], set[str]] = {}
    taken = set()
    for folder, pictures in folders.with_masks():
        name = _split_of(folder.parts)
        if (pictures, name) in taken:  # a second folder of masks to the same pictures
            folders.left_aside.append("/".join(folder.parts))
            continue
        taken.add((pictures, name))
        split = splits.setdefault(name, MaskSplit(has_pictures=True))
        first.setdefault(pictures, split)
        waiting = unused.setdefault(pictures, set(folders.folders[pictures]))
        waiting -= _pair(split, folders, folder, pictures)
    for pictures, names in unused.items():
        first[pictures].without_mask += [f"{folders.path(pictures)}/{n}" for n in sorted(names)]
    if not splits:
        for parts, files in sorted(folders.folders.items()):
            split = splits.setdefault(_split_of(parts), MaskSplit())
            _pair_beside(split, folders, parts, files)
    if set(splits) == {""}:
        splits = _by_lists(folders.root, splits[""]) or splits
    return {name: split for name, split in splits.items() if split.files}


def _split_of(parts: Sequence[str]) -> str:
    """The split that a part of a path names, alone or with the word for masks; "" if none."""
    for part in reversed(parts):
        lowered = part.lower()
        bare = MASK_WORD.sub("", lowered).strip("-_. ")
        for name in (lowered, bare):
            if name in SPLIT_NAMES:
                return SPLIT_NAMES[name]
    return ""


def _kind_of_masks(files: Sequence[str]) -> list[str]:
    """Files of one kind, where a picture has several: Cityscapes' ids, not its colours."""
    for end in ("_labeltrainids.png", "_labelids.png"):
        if found := [name for name in files if name.lower().endswith(end)]:
            return found
    return list(files)


def _pair(
    split: MaskSplit, folders: MaskFolders, masks: Folder, pictures: tuple[str, ...]
) -> set[str]:
    """Names of the pictures that have a mask, each of which the split takes."""
    by_stem: dict[str, str] = {}
    for name in folders.folders[pictures]:
        by_stem.setdefault(PICTURE_END.sub("", _stem(name)), name)
        by_stem[_stem(name)] = name
    used = set()
    for name in _kind_of_masks(masks.files):
        stem = _stem(name)
        picture = by_stem.get(stem) or by_stem.get(MASK_END.sub("", stem)) or ""
        used.add(picture)
        path = f"{folders.path(pictures)}/{picture}" if picture else ""
        split.files.append(MaskFile(f"{folders.path(masks.parts)}/{name}", path, ""))
    return used


def _pair_beside(
    split: MaskSplit, folders: MaskFolders, parts: tuple[str, ...], files: Sequence[str]
) -> None:
    """Masks in the folder of their pictures: same name in .png, or with a word behind it."""
    class_name = next((part for part in parts if part.lower() not in SPLIT_NAMES), "")
    folder = folders.path(parts)
    lossy = {_stem(name): name for name in files if not _is_lossless(name)}
    ended = {name: MASK_END.sub("", _stem(name)) for name in files}
    plain: dict[str, str] = {}
    for name in files:
        if ended[name] == _stem(name):
            plain.setdefault(PICTURE_END.sub("", _stem(name)), name)
    pairs: Mapping[str, str]
    if any(stem != _stem(name) and stem in plain for name, stem in ended.items()):
        pairs = {n: plain[s] for n, s in ended.items() if s != _stem(n) and s in plain}
    else:
        pairs = {n: lossy[_stem(n)] for n in files if _is_lossless(n) and _stem(n) in lossy}
    if not pairs:
        split.files += [MaskFile(f"{folder}/{name}", "", class_name) for name in files]
        return
    split.has_pictures = True
    split.files += [
        MaskFile(f"{folder}/{mask}", f"{folder}/{picture}", class_name)
        for mask, picture in pairs.items()
    ]
    unused = set(files) - set(pairs) - set(pairs.values())
    split.without_mask += [f"{folder}/{name}" for name in sorted(unused)]


def _stem(name: str) -> str:
    stem = os.path.splitext(name.lower())[0]  # noqa: PTH122
    return os.path.splitext(stem)[0] if stem.endswith(PICTURE_SUFFIXES) else stem  # noqa: PTH122


def _is_lossless(name: str) -> bool:
    return name.lower().endswith((".png", ".bmp", ".gif"))


def _by_lists(root: Path, whole: MaskSplit) -> dict[str, MaskSplit]:
    """Splits by lists of names, as Pascal VOC has them; none if there are no such lists."""
    by_stem = {_stem(os.path.basename(file.mask)): file for file in whole.files}  # noqa: PTH119
    splits: dict[str, MaskSplit] = {}
    for folder in (root / "ImageSets/Segmentation", root):
        for path in sorted(folder.glob("*.txt")):
            if path.stem.lower() not in SPLIT_NAMES or path.stat().st_size > MOST_LIST_BYTES:
                continue
            lines = path.read_text("utf-8", "replace").split("\n")
            stems = [_stem(line.split()[0].rpartition("/")[2]) for line in lines if line.strip()]
            files = [by_stem[stem] for stem in dict.fromkeys(stems) if stem in by_stem]
            bare = [f"{path}: {stem}" for stem in stems if stem not in by_stem]
            if files:
                splits[SPLIT_NAMES[path.stem.lower()]] = MaskSplit(files, bare, whole.has_pictures)
        if splits:
            break
    return splits
