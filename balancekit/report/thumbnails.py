"""Small pictures for a page: examples of the rarest classes, and pictures as data URIs."""

import base64
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from balancekit.errors import DataError
from balancekit.labels import Labels
from balancekit.sources.pictures import load_picture
from balancekit.stats import Stats

__all__ = ["data_uri", "example_pictures"]

LONGEST_PX = 128
"""Longest side of a thumbnail; pages show it smaller, which keeps it sharp on fine screens."""

SPARE_TRIES = 8
"""Files beyond the pictures wanted of a class that are tried where some cannot be read."""

MOST_TRIES = 400
"""Files tried in all, so that a set of broken files ends soon."""

QUARTER_TURNS = (5, 6, 7, 8)
"""EXIF orientations in which width and height change places."""


def example_pictures(
    labels: Labels, stats: Stats, *, n_classes: int = 12, per_class: int = 4
) -> dict[str, list[NDArray[np.uint8]]]:
    """Thumbnails of the rarest classes whose files can be read, the rarest first.

    Args:
        labels: whose ids are paths of pictures; there are no examples of others.
        stats: of the same data.
        n_classes: classes shown at most.
        per_class: pictures of each at most.

    Returns:
        uint8 [height, width, 3] by class name; empty where no file is found.
    """
    if labels.media != "pictures" or labels.sample_ids is None:
        return {}
    if not _is_file(next(filter(None, labels.sample_ids), "")):
        return {}  # a list without its pictures: no need to look for each
    id_of = {name: class_id for class_id, name in enumerate(labels.class_names)}
    filled = [c for c, count in enumerate(stats.class_counts) if count]
    found: dict[str, list[NDArray[np.uint8]]] = {}
    n_tries = 0
    for c in sorted(filled, key=lambda c: (stats.class_counts[c], c)):
        name = stats.class_names[c]
        if len(found) == n_classes or n_tries >= MOST_TRIES:
            break
        pictures: list[NDArray[np.uint8]] = []
        for path in _paths_of(labels, id_of.get(name, -1), per_class + SPARE_TRIES):
            n_tries += 1
            picture = _thumbnail(path)
            pictures += [] if picture is None else [picture]
            if len(pictures) == per_class:
                break
        if pictures:
            found[name] = pictures
    return found


def data_uri(picture: NDArray[np.uint8], longest_px: int = LONGEST_PX) -> str:
    """A picture as the text of an `src`: PNG, or JPEG where that is smaller."""
    from PIL import Image

    image = Image.fromarray(picture)
    image.thumbnail((longest_px, longest_px))
    png, jpeg = io.BytesIO(), io.BytesIO()
    image.save(png, "PNG", optimize=True)
    image.save(jpeg, "JPEG", quality=82, optimize=True)
    kind, file = min(("png", png), ("jpeg", jpeg), key=lambda pair: len(pair[1].getvalue()))
    return f"data:image/{kind};base64,{base64.b64encode(file.getvalue()).decode()}"


def _paths_of(labels: Labels, class_id: int, most: int) -> Iterator[str]:
    """The first paths of samples that carry a class, each once."""
    assert labels.sample_ids is not None
    entries = np.flatnonzero(labels.class_ids == class_id)
    if labels.offsets is not None:
        entries = np.unique(np.searchsorted(labels.offsets, entries, side="right") - 1)
    for sample in entries[:most].tolist():
        yield labels.sample_ids[sample]


def _is_file(path: str) -> bool:
    try:
        return Path(path).is_file()
    except (OSError, ValueError):  # a name that is too long, or holds a zero byte
        return False


def _thumbnail(path: str) -> NDArray[np.uint8] | None:
    """The picture made small, or None if it cannot be read."""
    from PIL import Image

    try:
        with Image.open(path) as file:
            width, height = file.size
            if file.getexif().get(0x0112) in QUARTER_TURNS:
                width, height = height, width
        scale = min(1.0, LONGEST_PX / max(width, height))
        size_px = max(1, round(height * scale)), max(1, round(width * scale))
        return load_picture(path, size_px=size_px)
    except (DataError, MemoryError):
        return None
    except Exception:  # Pillow's decoders raise nearly every kind of exception
        return None
