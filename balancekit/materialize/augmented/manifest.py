"""What was made of what: a line a new sample, and a list of the files that could not be used."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from balancekit.files import open_whole, write_whole

__all__ = [
    "FOLDER",
    "MANIFEST",
    "BadFile",
    "CopyRecord",
    "ManifestHead",
    "Record",
    "read_manifest",
    "read_quarantine",
    "write_manifest",
    "write_quarantine",
]

FOLDER = ".balancekit"
"""Of manifest and quarantine list in the written set; hidden, so that no reader takes it."""

MANIFEST, QUARANTINE = "manifest.jsonl", "quarantine.jsonl"


class BadFile(msgspec.Struct, frozen=True, kw_only=True):
    """A picture of which no copy, or not all of them, could be made.

    Attributes:
        path: of the picture.
        reason: why, in words.
    """

    path: str
    reason: str


class CopyRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One new sample.

    Attributes:
        name: without folder and suffix.
        parent: the picture that it was made from, relative to the data.
        key: epoch, index and repeat, which with policy and seed decide all that was drawn;
            the repeat is the number of the copy, the epoch how many draws changed nothing.
        classes: how many objects of each class it has, by name.
        files: their places in the set, and how many bytes each has.
    """

    name: str
    parent: str
    key: tuple[int, int, int]
    classes: dict[str, int]
    files: dict[str, int]


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one parent in one turn; it is there once all of its files are.

    Attributes:
        copies: that were made, by number.
        bad: why there are not more of them.
    """

    copies: tuple[CopyRecord, ...] = ()
    bad: BadFile | None = None


class ManifestHead(msgspec.Struct, frozen=True, kw_only=True):
    """The first line of a manifest: all that decides the new samples, but for the data.

    Attributes:
        made_by: the package.
        format: of the set.
        n_leaks: pictures of other splits among the copied ones.
        target: what each class should come to.
        seed: of the choice of samples.
        policy: its task, operations and so on, by name.
        policy_seed: of all that the policy draws.
        policy_digest: part of the names.
        versions: of the libraries that make the pixels, by name.
    """

    made_by: str = "balancekit"
    format: str
    n_leaks: int
    target: str | int
    seed: int
    policy: dict[str, Any]
    policy_seed: int
    policy_digest: str
    versions: dict[str, str]


def write_manifest(
    head: ManifestHead, copies: Iterable[CopyRecord], folder: Path, aside: Path
) -> Path:
    """Write the manifest of a set, whole, and give its path.

    Args:
        head: its first line.
        copies: its other lines.
        folder: of the set.
        aside: for files that are not whole yet.
    """
    place = folder / FOLDER / MANIFEST
    place.parent.mkdir(exist_ok=True)
    with open_whole(place, aside=aside) as file:
        file.write(msgspec.json.encode(head, order="sorted") + b"\n")
        for copy in copies:
            file.write(msgspec.json.encode(copy, order="deterministic") + b"\n")
    return place


def read_manifest(folder: str | Path) -> tuple[ManifestHead, list[CopyRecord]]:
    """The manifest of a set that was balanced on disk."""
    head, *lines = (Path(folder) / FOLDER / MANIFEST).read_bytes().splitlines()
    decoder = msgspec.json.Decoder(CopyRecord)
    return msgspec.json.decode(head, type=ManifestHead), [decoder.decode(line) for line in lines]


def read_quarantine(folder: str | Path) -> list[BadFile]:
    """The files that could not be used for a set that was balanced on disk."""
    decoder = msgspec.json.Decoder(BadFile)
    content = (Path(folder) / FOLDER / QUARANTINE).read_bytes()
    return [decoder.decode(line) for line in content.splitlines()]


def write_quarantine(bad: Iterable[BadFile], folder: Path, aside: Path) -> None:
    """Write the files that could not be used; an empty list where all could."""
    lines = [msgspec.json.encode(file) + b"\n" for file in bad]
    write_whole(b"".join(lines), folder / FOLDER / QUARANTINE, aside=aside)
