"""Samples of a tar file, as the webdataset library groups its members."""

import tarfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import IO, Any

import msgspec
import numpy as np

from balancekit.labels import UNLABELLED, Labels, SampleIds, sort_class_names
from balancekit.sources.annotated_pictures import Notes
from balancekit.sources.parts import Reading
from balancekit.sources.pictures import PICTURE_SUFFIXES, readable
from balancekit.sources.pictures.checks import Look, counts_of_looks, look_at
from balancekit.sources.source import Checks
from balancekit.stats import Counts

__all__ = [
    "LABEL_FIELDS",
    "LabelMember",
    "TarCheckShard",
    "TarPart",
    "head_of_tar",
]

LABEL_FIELDS = ("label", "labels", "class", "category", "cls", "target", "class_name", "y")
HEAD_SAMPLES = 64
MOST_LABEL_BYTES = 1 << 24
"""A member larger than this is no label, whatever its name is."""

MOST_PICTURE_BYTES = 1 << 28
TAR_ERRORS = (tarfile.TarError, OSError, EOFError, zlib.error, ValueError, OverflowError)


@dataclass(frozen=True)
class LabelMember:
    """Which member of each sample carries its label.

    Attributes:
        extension: of the member, without the first dot.
        field: of JSON; None where the whole member is the label.
        delimiter: between labels of a member that holds several.
    """

    extension: str
    field: str | None
    delimiter: str | None

    def __str__(self) -> str:
        return f".{self.extension}" + (f" {self.field}" if self.field else "")


@dataclass
class TarSample:
    """Members of one key."""

    key: str
    members: dict[str, bytes | None] = field(default_factory=dict)


def tar_samples(path: str, wanted: Callable[[str, int], bool], notes: Notes) -> Iterator[TarSample]:
    """Samples of a tar in their order; the content of members that are wanted is read.

    A key is the path of a member up to the first dot of its last part. What breaks the
    tar off is noted; the samples before it are given.

    Args:
        path: of the tar.
        wanted: tells by extension and size in bytes whether the content is read.
        notes: of what breaks the tar off, or leads outside of it.
    """
    sample: TarSample | None = None
    try:
        with tarfile.open(path, "r:*") as tar:
            while (member := tar.next()) is not None:
                tar.members = []  # type: ignore[attr-defined]  # or each would be kept
                name = _safe_name(member, path, notes)
                if name is None:
                    continue
                folder, slash, last = name.rpartition("/")
                stem, dot, extension = last.partition(".")
                if not dot or not stem or last.startswith("__"):
                    continue
                key = folder + slash + stem
                if sample is None or sample.key != key:
                    if sample is not None:
                        yield sample
                    sample = TarSample(key)
                extension = extension.lower()
                content = tar.extractfile(member) if wanted(extension, member.size) else None
                sample.members[extension] = None if content is None else _whole(content, member)
    except TAR_ERRORS as error:
        notes.add("file-unreadable", f"{readable(path)} ({type(error).__name__}: {error})")
        return  # without the last sample, which may lack members
    if sample is not None:
        yield sample


def _whole(content: IO[bytes], member: tarfile.TarInfo) -> bytes:
    given = content.read()
    if len(given) < member.size:
        raise EOFError(f"{member.name} is cut off")
    return given


def _safe_name(member: tarfile.TarInfo, path: str, notes: Notes) -> str | None:
    """The name of a member that is a file; None of others, and of those that lead outside."""
    name = member.name.removeprefix("./")
    if name.startswith("/") or ".." in name.split("/"):
        notes.add("path-outside", f"{readable(path)}: {readable(member.name)}")
        return None
    return name if member.isreg() else None


def head_of_tar(path: str) -> tuple[list[str], list[str]]:
    """Extensions of the members of the first samples of a tar, and fields of their .json."""
    found: dict[str, None] = {}
    fields: dict[str, None] = {}
    samples = tar_samples(
        path, lambda extension, size: extension == "json" and size < 1 << 20, Notes()
    )
    for _, sample in zip(range(HEAD_SAMPLES), samples, strict=False):
        found |= dict.fromkeys(sample.members)
        try:
            given = msgspec.json.decode(sample.members.get("json") or b"")
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue
        fields |= dict.fromkeys(given) if isinstance(given, dict) else {}
    return list(found), list(fields)


@dataclass(frozen=True)
class TarPart:
    """One tar file.

    Args:
        path: of it.
        label: which member carries the label.
    """

    path: str
    label: LabelMember

    def read(self) -> Reading:
        """Labels of its samples, in their order."""
        notes = Notes()
        keys: list[str] = []
        found: list[tuple[str, ...]] = []
        several, has_pictures = False, False
        for sample in tar_samples(self.path, self.is_label, notes):
            names, is_set = self.names_of(sample, notes)
            keys.append(sample.key)
            found.append(names)
            several = several or is_set
            has_pictures = has_pictures or picture_of(sample) is not None
        if not keys:
            return Reading(labels=None, problems=notes.problems())
        class_names = sort_class_names({name for names in found for name in names})
        id_of = {name: i for i, name in enumerate(class_names)}
        if several:
            ids = [id_of[name] for names in found for name in names]
        else:
            ids = [id_of[names[0]] if names else UNLABELLED for names in found]
        labels = Labels(
            class_ids=np.array(ids, np.int32),
            class_names=class_names,
            offsets=np.cumsum([0, *map(len, found)]) if several else None,
            sample_ids=SampleIds.from_names(keys, f"{self.path}/"),
            media="pictures" if has_pictures else "unknown",
        )
        return Reading(labels=labels, problems=notes.problems())

    def is_label(self, extension: str, size: int) -> bool:
        """Whether a member carries the label."""
        return extension == self.label.extension and size <= MOST_LABEL_BYTES

    def names_of(self, sample: TarSample, notes: Notes) -> tuple[tuple[str, ...], bool]:
        """The classes of a sample, each once, and whether they are a set of them."""
        content = sample.members.get(self.label.extension)
        if content is None:
            return (), False
        try:
            given: Any = content.decode("utf-8-sig").strip()
            if self.label.field is not None or self.label.extension.endswith("json"):
                given = msgspec.json.decode(given)
            if self.label.field is not None:
                given = given.get(self.label.field)
            return _classes(given, self.label.delimiter)
        except (ValueError, AttributeError, msgspec.DecodeError, RecursionError) as error:
            why = f"{readable(self.path)}/{readable(sample.key)} ({error})"
            notes.add("annotation-malformed", why)
            return (), False


def _classes(given: Any, delimiter: str | None) -> tuple[tuple[str, ...], bool]:
    if isinstance(given, str) and delimiter:
        parts = [part.strip() for part in given.split(delimiter)]
        return tuple(dict.fromkeys(filter(None, parts))), True
    if isinstance(given, list):
        if any(isinstance(item, dict | list) for item in given):
            raise ValueError("a list of classes is expected, not of other things")
        return tuple(dict.fromkeys(_name(item) for item in given if item is not None)), True
    if given is None or given == "":
        return (), False
    if isinstance(given, dict):
        raise ValueError("a class is expected, not an object")
    return (_name(given),), False


def _name(given: Any) -> str:
    if isinstance(given, float) and given.is_integer():
        given = int(given)
    name = str(given).strip()
    if not name:
        raise ValueError("the name of a class is expected, not white space")
    return name


def picture_of(sample: TarSample) -> str | None:
    """The extension of the picture of a sample; None if it holds none."""
    return next((e for e in sample.members if f".{e}".endswith(PICTURE_SUFFIXES)), None)


@dataclass(frozen=True)
class TarCheckShard:
    """The pictures of a tar to look at."""

    part: TarPart
    checks: Checks
    split: str

    def count(self) -> Counts:
        """How many were checked, and which cannot be used; they are not counted again."""
        return counts_of_looks(self._looks(), self.split)

    def _looks(self) -> Iterator[tuple[str, tuple[str, ...], Look]]:
        unused = Notes()  # counting has told them
        for sample in tar_samples(self.part.path, self._is_wanted, unused):
            extension = picture_of(sample)
            content = sample.members.get(extension or "")
            if content is not None:
                names, _ = self.part.names_of(sample, unused)
                path = f"{self.part.path}/{sample.key}.{extension}"
                yield path, names, look_at(content, self.checks)

    def _is_wanted(self, extension: str, size: int) -> bool:
        is_picture = f".{extension}".endswith(PICTURE_SUFFIXES) and size <= MOST_PICTURE_BYTES
        return is_picture or self.part.is_label(extension, size)
