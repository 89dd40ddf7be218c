"""The data of the demo: handwritten digits as an image folder, its training part long-tailed."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from balancekit.errors import DataError
from balancekit.files import write_whole

__all__ = ["LARGEST", "RATIO", "SIZE_PX", "write_digits"]

Indices = NDArray[np.int64]

RATIO, LARGEST = 50, 100
HELD_OUT_SHARE, VALIDATION_SHARE = 0.4, 0.25
"""Of all digits, and of those held out."""

SIZE_PX = 32
MARK = b"made by balancekit demo\n"


def write_digits(home: Path) -> Path:
    """Scikit-learn's digits as `digits/{train,val,test}/0 … 9/*.png`: the folder digits.

    Args:
        home: a folder that is not there yet, is empty, or is that of an earlier demo.

    Raises:
        DataError: the folder holds other files.
    """
    from PIL import Image
    from sklearn.datasets import load_digits

    _claim(home)
    bunch = load_digits()
    for split, indices in _splits(bunch.target).items():
        for index in sorted(indices.tolist()):
            place = home / "digits" / split / str(bunch.target[index])
            place.mkdir(parents=True, exist_ok=True)
            grey = np.round(bunch.images[index] * (255 / 16)).astype(np.uint8)
            picture = Image.fromarray(grey).resize((SIZE_PX, SIZE_PX), Image.Resampling.BICUBIC)
            picture.save(place / f"{index:04d}.png")
    return home / "digits"


def _splits(class_ids: Indices) -> dict[str, Indices]:
    """Indices of each split: held out before the tail is made, every class as often."""
    from balancekit import Labels, MakeImbalanced, resample, stratified_split

    labels = Labels(class_ids=class_ids.astype(np.int32), class_names=tuple("0123456789"))
    rest, held_out = stratified_split(labels, HELD_OUT_SHARE, seed=0)
    test, validation = stratified_split(labels.take(held_out), VALIDATION_SHARE, seed=0)
    tail = MakeImbalanced(ratio=RATIO, largest=LARGEST)
    train = rest[resample(labels.take(rest), tail, seed=0)]
    return {"train": train, "val": held_out[validation], "test": held_out[test]}


def _claim(home: Path) -> None:
    """Make the folder, or take over that of an earlier demo, and nobody else's."""
    mark = home / "README.txt"
    ours = mark.is_file() and mark.read_bytes() == MARK
    if home.exists() and not ours and (not home.is_dir() or any(home.iterdir())):
        raise DataError(
            f"{home}: expected an empty folder or one of an earlier demo, got other files. "
            "Name another with --folder."
        )
    home.mkdir(parents=True, exist_ok=True)
    write_whole(MARK, mark)
    # An earlier version may have split otherwise: what it trained on would be tested on now.
    for picture in home.glob("digits/*/[0-9]/[0-9][0-9][0-9][0-9].png"):
        picture.unlink()
