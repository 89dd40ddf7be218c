"""Folders of text: a file a class with a sample a line, or a folder a class of files.

Both may lie in split folders. Samples come class by class, in the order of their files.
"""

import hashlib
import os
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal

import numpy as np

from balancekit.errors import DataError, OptionError
from balancekit.labels import UNLABELLED, Labels, SampleIds
from balancekit.sources.annotated_pictures import Notes
from balancekit.sources.folder_layout import SPLIT_NAMES
from balancekit.sources.folder_scan import is_hidden
from balancekit.sources.parts import CountedShard, PartsSource, Reading
from balancekit.sources.pictures import PICTURE_SUFFIXES, readable
from balancekit.sources.source import Checks, ReadOptions, Source
from balancekit.stats import Counts, Problem, Shard, Sighting

__all__ = ["open_text", "recognise"]

NOT_SAMPLES = (
    *("readme", "license", "licence", "copying", "changelog", "authors", "requirements"),
    *("citation", "contributing", "credits", "notes", "todo"),
)
UNLABELLED_FOLDERS = ("unsup", "unlabeled", "unlabelled")
"""Names of folders, beside those of two classes at least, whose samples are of no class."""

PEEKED_FILES, PEEKED_ENTRIES = 8, 256
HEAD_BYTES = 4096
BOM = "\ufeff".encode()
UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")

Layout = Literal["lines", "files"]


def recognise(path: Path) -> str | None:
    """Why a path is taken for this format, in words; None if it is not."""
    try:
        if not path.is_dir() or _begins_with_pictures(path):
            return None
        base, _ = _split_base(path, None)
        layout = _layout(base)
    except (OSError, DataError, OptionError):
        return None
    if layout == "lines":
        return "a folder of text files, one a class"
    return "a folder of folders of text files" if layout == "files" else None


def _begins_with_pictures(path: Path) -> bool:
    """Whether most of the first entries are pictures; without listing the many more there are."""
    with os.scandir(path) as entries:
        names = [entry.name.lower() for entry in islice(entries, PEEKED_ENTRIES)]
    return 2 * sum(name.endswith(PICTURE_SUFFIXES) for name in names) > len(names)


def open_text(path: Path, options: ReadOptions) -> Source:
    """The source of a folder of text.

    Raises:
        DataError: there is no text in it.
        OptionError: a split is asked for that is not there.
    """
    if not path.is_dir():
        raise DataError(f"{path}: expected a folder of text files, got a file")
    try:
        base, others = _split_base(path, options.split)
        splits = {name: _source(path, base.parent / name, name, {}) for name in others}
        named = base.name if _split_word(base.name) and base != path else None
        return _source(path, base, named, splits)
    except OSError as error:
        raise DataError(f"{path}: cannot be listed ({error.strerror})") from None


def _split_base(path: Path, split: str | None) -> tuple[Path, list[str]]:
    """Folder of the classes, and the names of the other splits."""
    entries = _entries(path)
    folders = [entry.name for entry in entries if entry.is_dir()]
    if len(folders) == 1 and not _split_word(folders[0]):
        inside = _entries(path / folders[0])
        if any(entry.is_dir() for entry in inside) or _layout(path / folders[0]) == "lines":
            return _split_base(path / folders[0], split)  # a folder around the data set
    splits = {_split_word(name): name for name in reversed(folders)}
    if not folders or "" in splits:
        if split is not None:
            raise OptionError(f"split: expected split folders such as train, got {folders[:6]}")
        return path, []
    taken = splits.get(split or "train") or (split if split in folders else None)
    if taken is None and split is None:
        taken = folders[0]
    if taken is None:
        raise OptionError(f"split: expected one of {folders}, got {split!r}")
    return path / taken, [name for name in folders if name != taken]


def _split_word(folder: str) -> str:
    """The split that the name of a folder is or ends with; "" if none."""
    return SPLIT_NAMES.get(re.split(r"[-_ .]", folder.lower())[-1], "")


def _layout(base: Path) -> Layout | None:
    """Whether lines or files are the samples; None if it is no folder of text."""
    entries = _entries(base)
    files = [entry for entry in entries if entry.is_file()]
    folders = [entry for entry in entries if entry.is_dir()]
    samples = [entry for entry in files if _is_sample(entry.name)]
    if not folders:
        named = [entry for entry in samples if entry.name.lower().endswith(".txt")]
        is_text = len(named) > 1 and len(named) == len(samples)
        if all(_split_word(Path(entry.name).stem) for entry in named):
            return None  # splits, whose lines hold label and text
        return "lines" if is_text and all(_is_text(e.path) for e in named[:PEEKED_FILES]) else None
    peeked = [_some_files(folder.path) for folder in folders[:PEEKED_FILES]]
    is_text = any(peeked) and all(_are_texts(files) for files in peeked if files)
    return "files" if is_text and (len(folders) > 1 or not samples) else None


def _are_texts(files: list[str]) -> bool:
    """Whether most files of a class are text."""
    return 2 * sum(_is_sample(Path(file).name) and _is_text(file) for file in files) > len(files)


def _entries(folder: str | Path) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        return sorted((e for e in entries if not is_hidden(e.name)), key=lambda entry: entry.name)


def _some_files(folder: str) -> list[str]:
    """A few files in a class folder, or in the first folders below it, as they come."""
    files: list[str] = []
    waiting = [folder]
    for _ in range(PEEKED_FILES):
        if not waiting or len(files) >= PEEKED_FILES:
            break
        with os.scandir(waiting.pop(0)) as entries:
            for entry in entries:
                if is_hidden(entry.name):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                elif entry.is_file():
                    files.append(entry.path)
                if len(files) + len(waiting) > 2 * PEEKED_FILES:
                    break
    return files


def _is_sample(name: str) -> bool:
    """Whether a file may hold samples, by its name: text, or without a suffix that we know."""
    stem, suffix = os.path.splitext(name.lower())  # noqa: PTH122
    if stem in NOT_SAMPLES:
        return False
    return suffix in (".txt", ".text", "") or not suffix.strip(".").isalpha()


def _is_text(path: str) -> bool:
    if path.lower().endswith(PICTURE_SUFFIXES):
        return False
    with open(path, "rb") as file:  # noqa: PTH123 - names may be no UTF-8
        head = file.read(HEAD_BYTES)
    is_text = b"\0" not in head or head[:2] in UTF16_MARKS
    # An empty file without a suffix says nothing.
    return is_text and (bool(head) or path.lower().endswith(".txt"))


def _source(
    root: Path, base: Path, split: str | None, splits: Mapping[str, Source]
) -> "TextSource":
    layout = _layout(base) or ("files" if any(e.is_dir() for e in _entries(base)) else "lines")
    entries = _entries(base)
    are_labelled = sum(e.is_dir() and e.name.lower() not in UNLABELLED_FOLDERS for e in entries) > 1
    parts: list[TextLines | TextFiles] = []
    outside = []
    for entry in entries:
        if layout == "lines" and entry.is_file() and _is_sample(entry.name):
            parts.append(TextLines(entry.path, readable(Path(entry.name).stem)))
        elif layout == "files" and entry.is_dir():
            is_of_none = are_labelled and entry.name.lower() in UNLABELLED_FOLDERS
            parts.append(TextFiles(entry.path, "" if is_of_none else readable(entry.name)))
        else:
            outside.append(readable(entry.path))
    if not parts:
        raise DataError(
            f"{base}: expected a .txt file a class, or a folder of text files a class, got none"
        )
    names = tuple(sorted({part.class_name for part in parts} - {""}))
    classes = "1 class" if len(names) == 1 else f"{len(names)} classes"
    how = "a line a sample" if layout == "lines" else "a file a sample"
    note = f", split {split}" if split else ""
    return TextSource(
        format="text",
        description=f"text folder {readable(root)} ({classes}, {how}{note})",
        parts=parts,
        class_names=names,
        split=split,
        splits=splits,
        outside=tuple(outside),
    )


@dataclass(frozen=True, kw_only=True)
class TextSource(PartsSource):
    """A folder of text, a class a part.

    Args:
        outside: files that belong to no class.
    """

    outside: tuple[str, ...] = ()

    def shards(self) -> Iterable[Shard]:
        """One shard a class, and one for what lies outside of them."""
        if self.outside:
            yield CountedShard(Counts(problems={"file-not-picture": Problem.of(self.outside)}))
        yield from super().shards()

    def check_shards(self, checks: Checks) -> Iterable[Shard]:
        """One shard a class, if duplicates are looked for: nothing else can be checked."""
        if not checks.duplicates:
            return []
        split = checks.split or self.split or ""
        return [_TextCheckShard(part, split) for part in self.parts if isinstance(part, Texts)]


class Texts(ABC):
    """The texts of one class: (name, bytes) each."""

    path: str
    class_name: str

    @abstractmethod
    def texts(self, notes: Notes) -> Iterator[tuple[str, bytes]]:
        """Each text with its name; what cannot be read is noted."""

    @abstractmethod
    def read(self) -> Reading:
        """The labels of the texts."""


@dataclass(frozen=True)
class TextLines(Texts):
    """A file whose lines are the samples of a class; blank lines are none.

    Args:
        path: of the file.
        class_name: its name without the suffix.
    """

    path: str
    class_name: str

    def texts(self, notes: Notes) -> Iterator[tuple[str, bytes]]:
        """Each line that is not blank, by its number."""
        try:
            with open(self.path, "rb") as file:  # noqa: PTH123 - names may be no UTF-8
                lines: Iterable[bytes] = file
                if file.read(2) in UTF16_MARKS:
                    file.seek(0)
                    lines = file.read().decode("utf-16", "replace").encode().split(b"\n")
                else:
                    file.seek(0)
                for number, line in enumerate(lines, 1):
                    text = line.removeprefix(BOM) if number == 1 else line
                    if text.strip():
                        yield str(number), text.rstrip(b"\r\n")
        except OSError as error:
            why = f"{readable(self.path)} ({error.strerror})"
            notes.add("file-unreadable", why)

    def read(self) -> Reading:
        """One sample a line that is not blank."""
        notes = Notes()
        numbers, is_utf8 = [], True
        for number, text in self.texts(notes):
            numbers.append(number)
            is_utf8 = is_utf8 and (text.isascii() or _is_utf8(text))
        if not is_utf8:
            notes.add("encoding-guessed", f"{readable(self.path)}: not UTF-8")
        return _reading(self.class_name, SampleIds.from_names(numbers, f"{self.path}:"), notes)


@dataclass(frozen=True)
class TextFiles(Texts):
    """A folder whose files are the samples of a class.

    Args:
        path: of the folder.
        class_name: its name; "" where its samples are of no class.
    """

    path: str
    class_name: str

    def texts(self, notes: Notes) -> Iterator[tuple[str, bytes]]:
        """The content of each file, by its path."""
        for path in self._paths(notes):
            try:
                yield path, Path(path).read_bytes()
            except OSError as error:
                notes.add("file-unreadable", f"{readable(path)} ({error.strerror})")

    def read(self) -> Reading:
        """One sample a file."""
        notes = Notes()
        paths = self._paths(notes)
        return _reading(self.class_name, SampleIds.from_names(paths), notes)

    def _paths(self, notes: Notes) -> list[str]:
        """Paths of the samples; pictures and other files that are no text are noted."""
        paths: list[str] = []
        waiting = [self.path]
        while waiting:
            folder = waiting.pop()
            try:
                entries = _entries(folder)
            except OSError as error:
                notes.add("folder-unreadable", f"{readable(folder)} ({error.strerror})")
                continue
            for entry in entries:
                if entry.is_dir():
                    if not entry.is_symlink():
                        waiting.append(entry.path)
                elif entry.is_file() and _is_sample(entry.name):
                    paths.append(entry.path)
                else:
                    notes.add("file-not-picture", readable(entry.path))
        return sorted(paths)


def _reading(class_name: str, ids: SampleIds, notes: Notes) -> Reading:
    if not len(ids):
        return Reading(labels=None, problems=notes.problems())
    labels = Labels(
        class_ids=np.full(len(ids), 0 if class_name else UNLABELLED, np.int32),
        class_names=(class_name,) if class_name else (),
        sample_ids=ids,
        media="rows",
    )
    return Reading(labels=labels, problems=notes.problems())


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


@dataclass(frozen=True)
class _TextCheckShard:
    """Fingerprints of the texts of a class."""

    part: Texts
    split: str

    def count(self) -> Counts:
        """Where each text was seen."""
        notes = Notes()  # counting has told them
        sightings: dict[str, tuple[Sighting, ...]] = {}
        n_checked = 0
        seen: dict[bytes, list[str]] = {}
        for name, text in self.part.texts(notes):
            n_checked += 1
            seen.setdefault(hashlib.blake2b(text, digest_size=16).digest(), []).append(name)
        for digest, names in seen.items():
            found = (Sighting(self.split, self.part.class_name, self._sample(n)) for n in names)
            sightings[f"exact:{digest.hex()}"] = tuple(sorted(found))
        return Counts(n_checked=n_checked, sightings=sightings)

    def _sample(self, name: str) -> str:
        return readable(name if isinstance(self.part, TextFiles) else f"{self.part.path}:{name}")
