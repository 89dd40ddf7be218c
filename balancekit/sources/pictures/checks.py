"""Checking pictures: one look at each file tells all that is asked of it."""

import base64
import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from io import BufferedReader, BytesIO
from itertools import islice
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from balancekit.labels import UNLABELLED, Labels
from balancekit.sources.pictures.load import (
    as_8_bits,
    opened_picture,
    readable,
    regular_file_size,
)
from balancekit.sources.pictures.quality import quality_bins
from balancekit.sources.source import Checks
from balancekit.stats import Counts, Problem, ProblemKind, Sighting

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["PictureCheckShard", "picture_check_shards", "picture_problem"]

HASH_SIDE = 8
"""The hash of a picture has this many rows, and as many steps in each."""

CELLS_SIDE = 12
"""Grey levels of this many by this many cells confirm what the hash suggests."""

CELL_STEPS = 2.5
"""Steps of these levels to one standard deviation of them: 16 levels reach 3 to both sides."""

DRAFT_PX = 72
"""A JPEG is decoded no smaller than this for a print: some pixels to each of its cells."""

FLAT_LEVELS = 4
"""A picture whose print spans fewer grey levels is too flat to tell from another."""


def picture_problem(path: str, check: Literal["header", "decode"]) -> str | None:
    """What is wrong with a picture file, in words; None if nothing is.

    Args:
        path: of the file.
        check: "header" opens it, "decode" decodes all of it, as only that finds truncation.
    """
    return look_at(path, Checks(verify=check)).problem


@dataclass(frozen=True, kw_only=True)
class Look:
    """What one look at a file gave.

    Attributes:
        problem: why it cannot be decoded, in words.
        is_missing: there is no such file.
        fingerprints: names of its content, that of the bytes first.
        bins: of its quality, by measure.
    """

    problem: str | None = None
    is_missing: bool = False
    fingerprints: tuple[str, ...] = ()
    bins: dict[str, int] = field(default_factory=dict)


def look_at(picture: str | bytes, checks: Checks) -> Look:
    """All that is asked of one picture, which is decoded once; nothing wrong with it raises.

    Args:
        picture: path of a file, or its content.
        checks: what to look at.
    """
    exact: tuple[str, ...] = ()
    try:
        file_bytes = len(picture) if isinstance(picture, bytes) else regular_file_size(picture)
        with _opened(picture) as file:
            if checks.duplicates:
                exact = (_name_of_bytes(file),)
            near, bins = _look_into(file, file_bytes, checks)
    except Exception as error:  # a bad file must never end a long run
        words = str(error).partition(" <_io.")[0]  # Pillow shows the open file, not its path
        told = f"{type(error).__name__}: {words}"
        is_missing = isinstance(error, FileNotFoundError)
        return Look(problem=told, is_missing=is_missing, fingerprints=exact)
    return Look(fingerprints=exact + near, bins=bins)


def _opened(picture: str | bytes) -> BufferedReader | BytesIO:
    if isinstance(picture, bytes):
        return BytesIO(picture)
    return open(picture, "rb")  # noqa: PTH123 - the caller closes it; a Path costs more


def _look_into(
    file: BufferedReader | BytesIO, file_bytes: int, checks: Checks
) -> tuple[tuple[str, ...], dict[str, int]]:
    """The name of the likeness of an open file, and the bins of its quality."""
    with opened_picture(file) as picture:
        if not checks.duplicates and not checks.quality:
            if checks.verify == "decode":
                # A JPEG's grey in an eighth of its size, for which every byte of it is read.
                picture.draft("L", (max(1, picture.width // 8), max(1, picture.height // 8)))
                picture.load()
            return (), {}
        if not checks.quality:
            picture.draft("L", (DRAFT_PX, DRAFT_PX))
        seen = _as_seen(picture)
        luma = seen.convert("L")
        near = _name_of_likeness(luma) if checks.duplicates else None
        bins = quality_bins(seen, luma, file_bytes) if checks.quality else {}
        return () if near is None else (near,), bins


def _as_seen(picture: "Image.Image") -> "Image.Image":
    """The picture decoded, turned as the camera noted, in 8 bits."""
    from PIL import ImageOps

    picture.load()
    ImageOps.exif_transpose(picture, in_place=True)
    return as_8_bits(picture)


def _name_of_bytes(file: BufferedReader | BytesIO) -> str:
    """The fingerprint of a file's bytes, and the file at its start again."""
    digest = hashlib.file_digest(file, partial(hashlib.blake2b, digest_size=16))
    file.seek(0)
    return f"exact:{digest.hexdigest()}"


def _name_of_likeness(luma: "Image.Image") -> str | None:
    """The print that a picture nearly keeps when scaled or stored anew; None if it is flat.

    "near:", a hash of which each bit says whether the luma falls from one cell to the next, of
    9 × 8 cells, ":", and the luma of 12 × 12 cells less its mean over its deviation, in 16
    levels, two of them a byte.

    Source of the hash: Krawetz, Kind of like that, hackerfactor.com 2013 (dHash).
    """
    small = _cells(luma, HASH_SIDE + 1, HASH_SIDE)
    if int(small.max()) - int(small.min()) < FLAT_LEVELS:
        return None
    hashed = np.packbits(small[:, :-1] > small[:, 1:]).tobytes().hex()
    cells = _cells(luma, CELLS_SIDE, CELLS_SIDE).ravel()
    off = cells.size * cells - cells.sum()  # whole numbers, the same on every machine
    deviation = np.sqrt(max(1, int((off * off).sum()) / cells.size))
    levels = np.clip(np.rint(CELL_STEPS * off / deviation) + 8, 0, 15).astype(np.uint8)
    return f"near:{hashed}:{base64.b64encode(levels[::2] << 4 | levels[1::2]).decode()}"


def _cells(luma: "Image.Image", width: int, height: int) -> NDArray[np.int64]:
    """Mean luma around the middle of each cell: int64 [height, width]."""
    from PIL import Image

    # Triangles weigh the pixels at a border by their part; boxes give each to one side, and so
    # shift the borders when the picture is scaled. A reducing gap would do the same.
    return np.asarray(luma.resize((width, height), Image.Resampling.BILINEAR), np.int64)


@dataclass(frozen=True)
class PictureCheckShard:
    """Pictures to look at; they are not counted as samples again.

    Attributes:
        paths: of the pictures.
        classes: the names of the classes that each carries.
        checks: what to look at.
    """

    paths: Sequence[str]
    classes: Sequence[tuple[str, ...]]
    checks: Checks

    def count(self) -> Counts:
        """How many were checked, which cannot be used, and what the others are like."""
        pairs = zip(self.paths, self.classes, strict=True)
        looks = ((path, classes, look_at(path, self.checks)) for path, classes in pairs)
        return counts_of_looks(looks, self.checks.split)


def counts_of_looks(looks: Iterable[tuple[str, tuple[str, ...], Look]], split: str) -> Counts:
    """What looks at pictures found, each with its path and the names of its classes."""
    bad: list[str] = []
    missing: list[str] = []
    quality: dict[str, dict[str, dict[int, int]]] = {}
    sightings: dict[str, tuple[Sighting, ...]] = {}
    n_checked = 0
    for path, classes, look in looks:
        if look.is_missing:
            missing.append(readable(path))
            continue
        n_checked += 1
        if look.problem:
            bad.append(f"{readable(path)} ({readable(look.problem)})")
        for name in look.fingerprints:
            seen = Sighting(split, ", ".join(classes), readable(path))
            sightings[name] = tuple(sorted((*sightings.get(name, ()), seen)))
        for class_name in classes:
            for measure, number in look.bins.items():
                tally = quality.setdefault(class_name, {}).setdefault(measure, {})
                tally[number] = tally.get(number, 0) + 1
    found: dict[ProblemKind, list[str]] = {"picture-unreadable": bad, "picture-missing": missing}
    return Counts(
        n_checked=n_checked,
        problems={kind: Problem.of(paths) for kind, paths in found.items() if paths},
        quality=quality,
        sightings=sightings,
    )


MAX_LOOKED_FOR = 100
"""Ids that are looked for before they are taken for no paths."""

CHECK_CHUNK = 128
"""Pictures checked by one shard: small enough for a progress bar, large enough to be cheap."""


def picture_check_shards(labels: Labels, checks: Checks) -> Iterator[PictureCheckShard]:
    """Chunks of the pictures that the ids of labels name; none if none of the first is found.

    Where the check was asked for, all of them, so that each missing one is told.
    """
    if labels.media != "pictures" or labels.sample_ids is None:
        return
    first = islice(filter(None, labels.sample_ids), MAX_LOOKED_FOR)
    if not checks.is_asked and not any(map(os.path.lexists, first)):
        return
    for start in range(0, labels.n_samples, CHECK_CHUNK):
        part = range(start, min(labels.n_samples, start + CHECK_CHUNK))
        yield PictureCheckShard(
            [labels.sample_ids[i] for i in part], [_classes_of(labels, i) for i in part], checks
        )


def _classes_of(labels: Labels, sample: int) -> tuple[str, ...]:
    """Names of the classes of one sample, each once."""
    if labels.offsets is None:
        ids = labels.class_ids[sample : sample + 1]
    else:
        ids = np.unique(labels.class_ids[labels.offsets[sample] : labels.offsets[sample + 1]])
    return tuple(labels.class_names[i] for i in ids if i != UNLABELLED)
