"""Data that come split are compared on their own splits."""

import numpy as np
import pytest
from PIL import Image

from balancekit.comparison.own_split import open_compared
from balancekit.comparison.parts import Splitter


@pytest.fixture
def folder(tmp_path):
    """Grey pictures, each of a shade of its own, in three splits."""
    shade = 0
    for split, count in (("train", 8), ("val", 2), ("test", 3)):
        for name in ("cat", "dog"):
            place = tmp_path / split / name
            place.mkdir(parents=True)
            for n in range(count):
                Image.fromarray(np.full((12, 10), shade, np.uint8)).save(place / f"{n}.png")
                shade += 1
    return tmp_path


def test_pictures_keep_their_splits_and_their_shape(folder):
    dataset, own = open_compared(str(folder))
    assert (len(own.train), len(own.inner), len(own.test)) == (16, 4, 6)
    parts = Splitter(dataset=dataset, labels=own.labels, own=own).parts(0)
    assert parts.train.input_shape == dataset.input_shape == (1, 12, 10)
    shades = {
        name: [int(part[i][0][0, 0]) for i in range(len(part))]
        for name, part in (("train", parts.train), ("inner", parts.inner), ("test", parts.test))
    }
    assert {name: sorted(of) for name, of in shades.items()} == {
        "train": list(range(16)),
        "inner": list(range(16, 20)),
        "test": list(range(20, 26)),
    }
    for part in (parts.train, parts.inner, parts.test):
        targets = [int(part[i][1]) for i in range(len(part))]
        assert targets == part.labels.class_ids.tolist()
