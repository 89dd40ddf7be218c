"""Pictures: opening them, checking them, and a data set over their paths."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from balancekit.errors import DataError, OptionError
from balancekit.labels import UNLABELLED, Labels
from balancekit.sources.source import Checks
from balancekit.stats import Counts, Problem

__all__ = [
    "PICTURE_SUFFIXES",
    "PictureCheckShard",
    "PictureDataset",
    "load_picture",
    "picture_check_shards",
]

PICTURE_SUFFIXES = (
    ".jpg",
    ".jpeg",
    ".png",
    ".bmp",
    ".gif",
    ".ppm",
    ".pgm",
    ".pbm",
    ".pnm",
    ".tif",
    ".tiff",
    ".webp",
    ".avif",
    ".jp2",
    ".tga",
)
MAX_PIXELS = 178_956_970
"""Pictures above this many pixels are refused: Pillow's own limit for a decompression bomb."""


def load_picture(
    path: str | os.PathLike[str],
    *,
    mode: Literal["RGB", "L"] = "RGB",
    size_px: tuple[int, int] | None = None,
) -> NDArray[np.uint8]:
    """A picture as uint8 [height, width, 3] or, in mode "L", [height, width].

    The orientation that a camera has noted (EXIF) is applied.

    Args:
        path: of the file.
        mode: colour or grey.
        size_px: (height, width) to scale to; the size of the file if not given.

    Raises:
        DataError: the file is missing, truncated or no picture.
        OptionError: mode or size_px cannot be.
    """
    if mode not in ("RGB", "L"):
        raise OptionError(f"mode: expected 'RGB' or 'L', got {mode!r}")
    if size_px is not None and min(size_px) < 1:
        raise OptionError(f"size_px: expected (height, width) ≥ 1, got {size_px}")
    try:
        with Image.open(path) as file:
            _refuse_bomb(file)
            if size_px is not None:
                # Lets the JPEG decoder skip detail that scaling would throw away.
                file.draft(mode, (2 * size_px[1], 2 * size_px[0]))
            picture = _as_8_bits(ImageOps.exif_transpose(file)).convert(mode)
    except MemoryError:
        raise
    except Exception as error:  # Pillow's decoders raise nearly every kind of exception
        raise DataError(f"{os.fspath(path)}: cannot be decoded as a picture: {error}") from None
    if size_px is not None:
        picture = picture.resize((size_px[1], size_px[0]), Image.Resampling.BILINEAR)
    return np.array(picture)


def readable(path: str | os.PathLike[str]) -> str:
    r"""A path as text that can be written as UTF-8; bytes that are not are spelt out.

    >>> readable("caf\udce9")
    'caf\\xe9'
    """
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def picture_problem(path: str, check: Literal["header", "decode"]) -> str | None:
    """What is wrong with a picture file, in words; None if nothing is.

    Args:
        path: of the file.
        check: "header" opens it, "decode" decodes all of it, as only that finds truncation.
    """
    try:
        with Image.open(path) as file:
            _refuse_bomb(file)
            if check == "decode":
                file.draft(None, (max(1, file.width // 8), max(1, file.height // 8)))
                file.load()
    except Exception as error:  # a bad file must never end a long run
        return f"{type(error).__name__}: {error}"
    return None


def _as_8_bits(picture: Image.Image) -> Image.Image:
    """The picture, 16 bits scaled down: Pillow would cut them off at 255, to all white."""
    if not picture.mode.startswith("I;16"):
        return picture
    return Image.fromarray((np.asarray(picture) // 257).astype(np.uint8))


def _refuse_bomb(file: Image.Image) -> None:
    if file.width * file.height > MAX_PIXELS:
        raise OSError(f"{file.width} × {file.height} pixels are more than {MAX_PIXELS}")


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
        """How many were checked, and which cannot be used."""
        assert self.checks.verify != "none"
        problems = ((path, picture_problem(path, self.checks.verify)) for path in self.paths)
        bad = [f"{readable(path)} ({why})" for path, why in problems if why]
        return Counts(
            n_checked=len(self.paths),
            problems={"picture-unreadable": Problem.of(bad)} if bad else {},
        )


CHECK_CHUNK = 128
"""Pictures checked by one shard: small enough for a progress bar, large enough to be cheap."""


def picture_check_shards(labels: Labels, checks: Checks) -> Iterator[PictureCheckShard]:
    """Chunks of the pictures that the ids of labels name; none if the first is not found."""
    if labels.media != "pictures" or labels.sample_ids is None:
        return
    if not Path(next(filter(None, labels.sample_ids), "")).is_file():
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


class PictureDataset:
    """A map-style data set over the picture paths of `labels`: `(array, class id)` each.

    It needs no torch, and fits `torch.utils.data.DataLoader` and `balancekit.build`.

    Args:
        labels: labels whose ids are paths, as `read` gives them for an image folder.
        mode: colour, uint8 [height, width, 3], or grey, uint8 [height, width].
        size_px: (height, width) to scale to; None keeps each picture's own.

    Raises:
        OptionError: the labels carry no paths, or several classes a sample.
    """

    def __init__(
        self,
        labels: Labels,
        *,
        mode: Literal["RGB", "L"] = "RGB",
        size_px: tuple[int, int] | None = None,
    ) -> None:
        if not isinstance(labels, Labels) or labels.sample_ids is None:
            got = "labels without ids" if isinstance(labels, Labels) else type(labels).__name__
            raise OptionError(
                f"labels: expected labels with picture paths as ids, got {got}. "
                "Read them with balancekit.read('folder/')."
            )
        self.labels, self._paths = labels, labels.sample_ids
        self._class_ids = labels.class_id_per_sample()
        self._mode, self._size_px = mode, size_px

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, index: int) -> tuple[NDArray[np.uint8], int]:
        path = self._paths[index]
        picture = load_picture(path, mode=self._mode, size_px=self._size_px)
        return picture, int(self._class_ids[index])
