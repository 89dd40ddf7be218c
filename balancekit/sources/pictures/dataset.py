"""A data set over the pictures that labels name."""

import os
import warnings
from collections.abc import Sequence
from itertools import islice
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from balancekit.errors import BalancekitWarning, DataError, OptionError
from balancekit.labels import Labels
from balancekit.sources.pictures.load import load_picture

__all__ = ["PictureDataset"]


class PictureDataset:
    """A map-style data set over the picture paths of `labels`: `(array, class id)` each.

    It needs no torch, and fits `torch.utils.data.DataLoader` and `balancekit.build`. A grey
    picture stands for one that cannot be decoded, and a warning names it.

    Args:
        labels: labels whose ids are paths, as `read` gives them for an image folder.
        mode: colour, uint8 [height, width, 3], or grey, uint8 [height, width].
        size_px: (height, width) to scale to; None keeps each picture's own.

    Raises:
        OptionError: the labels carry no paths of files, or several classes a sample.
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
        _refuse_unless_files(labels, labels.sample_ids)
        self._mode, self._size_px = mode, size_px

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, index: int) -> tuple[NDArray[np.uint8], int]:
        try:
            picture = self._load(index)
        except DataError as error:
            # A run of hours does not end for one broken file among good ones.
            picture = self._stand_in(index, error)
            warnings.warn(f"{error}; a grey one stands for it", BalancekitWarning, stacklevel=2)
        return picture, int(self._class_ids[index])

    def _load(self, index: int) -> NDArray[np.uint8]:
        return load_picture(self._paths[index], mode=self._mode, size_px=self._size_px)

    def _stand_in(self, index: int, error: DataError) -> NDArray[np.uint8]:
        """A grey picture of the size of another one, from anywhere in the data.

        Raises:
            DataError: some others cannot be decoded either, so that the data are what is wrong.
        """
        n = len(self)
        step = max(1, n // MOST_TRIED)
        for other in range(index % n + step, index % n + min(n, step * MOST_TRIED), step):
            try:
                return np.full_like(self._load(other % n), 127)
            except DataError:
                continue
        raise error


MOST_TRIED = 20
"""Pictures that are tried in place of one that cannot be decoded."""

MAX_LOOKED_FOR = 100
"""Ids that are looked for before they are taken for no paths."""


def _refuse_unless_files(labels: Labels, ids: Sequence[str]) -> None:
    """Refuse labels whose samples are no pictures in files of their own.

    Raises:
        OptionError: they are texts or rows, or none of the first ids is a file.
    """
    first = [*islice(filter(None, ids), MAX_LOOKED_FOR)]
    if labels.media not in ("pictures", "unknown"):
        got = f"{labels.media} such as {first[0]!r}" if first else labels.media
    elif first and not any(os.path.isfile(name) for name in first):  # noqa: PTH113 - NUL bytes
        got = f"ids that are no files, such as {first[0]!r}"
    else:
        return
    raise OptionError(
        f"labels: expected labels whose ids are paths of pictures, got {got}. It reads those of "
        "image folders, of tables with a column of paths, of COCO, YOLO, VOC and masks; of "
        "others, such as tar files, load the pictures with a data set of your own."
    )
