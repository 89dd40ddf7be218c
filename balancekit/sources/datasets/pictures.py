"""A data set of pictures, all of one size, decoded once where they fit into memory."""

import warnings
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from balancekit.engines import available_cpus
from balancekit.errors import BalancekitWarning, DataError
from balancekit.labels import Labels
from balancekit.sources.datasets.encoders import PictureEncoder
from balancekit.sources.datasets.stores import Mode, PictureStore
from balancekit.sources.datasets.targets import n_outputs_of, target_of, targets_of

__all__ = ["DecodedPictures", "pictures_of_store"]

MOST_BYTES = 1 << 30
"""Decoded pictures that are kept in memory."""

SIZE_PX = 64
"""Side of a picture by default, which small ones stay below."""

LOOKED_AT = 200
"""Pictures whose size and colour decide those of all."""

SHOWN = 3


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class DecodedPictures:
    """A map-style data set of pictures of one size: `(picture, target)` each.

    A picture is uint8 [height, width, 3], or [height, width] where none has colours.

    Attributes:
        labels: of the samples.
        pictures: uint8 [n, height, width(, 3)] of all that were decoded; None if they are too
            many to be kept.
        store: from which they are read then.
        rows: which of them the samples are: int64 [n].
        targets: of all.
        size_px: (height, width).
        mode: colour or grey.
        notes: what was left out, in words.
        read_by: options of `open_dataset` that they were read by, for data that are like these.
        labels_read: labels before pictures were left out, if some were: those of `read`, which
            plans are made for.
    """

    labels: Labels
    pictures: NDArray[np.uint8] | None
    store: PictureStore | None
    rows: NDArray[np.int64]
    targets: NDArray[np.generic]
    size_px: tuple[int, int]
    mode: Mode
    notes: tuple[str, ...] = ()
    kind: Literal["pictures"] = "pictures"
    read_by: Mapping[str, Any] = field(default_factory=dict)
    labels_read: Labels | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> tuple[NDArray[np.uint8], object]:
        row = int(self.rows[index])
        target = target_of(self.targets, row)
        if self.pictures is not None:
            return self.pictures[row], target
        assert self.store is not None
        try:
            return self.store.load(row, self.mode, self.size_px), target
        except DataError as error:
            # It could be opened, but not decoded. A run of hours does not end for it.
            warnings.warn(f"{error}; a grey one stands for it", BalancekitWarning, stacklevel=2)
            shape = (*self.size_px, 3) if self.mode == "RGB" else self.size_px
            return np.full(shape, 127, np.uint8), target

    @property
    def encoder(self) -> PictureEncoder:
        """What reads other picture files as these are read."""
        return PictureEncoder(size_px=self.size_px, mode=self.mode)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """(channels, height, width)."""
        return self.encoder.input_shape

    @cached_property
    def n_outputs(self) -> int:
        """Numbers that a model gives."""
        return n_outputs_of(self.labels)

    def take(self, indices: Sequence[int] | NDArray[np.integer]) -> "DecodedPictures":
        """The data set of chosen samples."""
        chosen = np.asarray(indices, np.int64)
        labels = self.labels.take(chosen)
        return replace(self, labels=labels, rows=self.rows[chosen], labels_read=None)

    def prepared(self, train_indices: Sequence[int] | NDArray[np.integer]) -> "DecodedPictures":
        """The data set itself: nothing of it is learnt."""
        return self

    def __repr__(self) -> str:
        """A line, not all samples."""
        return f"{type(self).__name__}({self.describe()})"

    def describe(self) -> str:
        """What it is, in words."""
        height, width = self.size_px
        colour = "colour" if self.mode == "RGB" else "grey"
        told = f"{len(self):,} {colour} pictures of {height} × {width} px"
        return "; ".join([told, *self.notes])


def pictures_of_store(
    store: PictureStore, labels: Labels, size_px: tuple[int, int] | int | None
) -> DecodedPictures:
    """The data set of the pictures that can be decoded; a warning tells of the others.

    Args:
        store: the pictures, one a label.
        labels: of them.
        size_px: (height, width), or the side of a square; chosen from the pictures if None.

    Raises:
        DataError: none can be decoded.
    """
    size, mode = _size_and_mode(store, size_px)
    n_bytes = len(store) * size[0] * size[1] * (3 if mode == "RGB" else 1)
    pictures: NDArray[np.uint8] | None = None
    if n_bytes <= MOST_BYTES:
        shape = (len(store), *size, 3) if mode == "RGB" else (len(store), *size)
        pictures = np.zeros(shape, np.uint8)
    problems = _decode(store, pictures, size, mode)
    targets = targets_of(labels)
    good = np.array([i for i in range(len(store)) if i not in problems], np.int64)
    notes: tuple[str, ...] = ()
    if problems:
        shown = "; ".join(list(problems.values())[:SHOWN])
        notes = (f"{len(problems):,} of {len(store):,} pictures left out",)
        if not len(good):
            raise DataError(
                f"expected pictures that can be decoded, got none of {len(store)}: {shown}"
            )
        warnings.warn(f"{notes[0]}: {shown}", BalancekitWarning, stacklevel=4)
    return DecodedPictures(
        labels=replace(labels.take(good) if problems else labels, media="pictures"),
        pictures=pictures,
        store=store,
        rows=good,
        targets=targets,
        size_px=size,
        mode=mode,
        notes=notes,
        labels_read=labels if problems else None,
    )


def _decode(
    store: PictureStore, pictures: NDArray[np.uint8] | None, size: tuple[int, int], mode: Mode
) -> dict[int, str]:
    """Fill in all pictures, or open each where they are not kept; what is wrong with some."""

    def look_at(at: int) -> str | None:
        try:
            if pictures is None:
                store.shape(at)
            else:
                pictures[at] = store.load(at, mode, size)
        except DataError as error:
            return str(error)
        return None

    # Threads: Pillow lets others run while it decodes.
    with ThreadPoolExecutor(min(8, available_cpus())) as threads:
        found = threads.map(look_at, range(len(store)))
        return {at: why for at, why in enumerate(found) if why is not None}


def _size_and_mode(
    store: PictureStore, size_px: tuple[int, int] | int | None
) -> tuple[tuple[int, int], Mode]:
    """The size and mode of all, told by some from all over the set."""
    step = max(1, len(store) // LOOKED_AT)
    shapes, why = [], ""
    for at in range(0, len(store), step):
        try:
            shapes.append(store.shape(at))
        except DataError as error:
            why = why or str(error)
    if not shapes:
        raise DataError(f"expected pictures that can be opened, got none: {why}")
    mode: Mode = "RGB" if any(has_colour for *_, has_colour in shapes) else "L"
    if isinstance(size_px, int):
        return (size_px, size_px), mode
    if size_px is not None:
        return size_px, mode
    height, width = (int(np.median([shape[axis] for shape in shapes])) for axis in (0, 1))
    return (min(SIZE_PX, max(8, height)), min(SIZE_PX, max(8, width))), mode
