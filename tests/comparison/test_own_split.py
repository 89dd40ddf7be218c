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


def test_texts_of_another_length_are_made_of_the_n_grams_of_the_training_split(tmp_path):
    long = "a cat sat here " * 20
    texts_of = {
        "train": [f"a cat sat here {i}" for i in range(20)],
        "test": [f"{long} {i}" for i in range(5)],
    }
    for split, texts in texts_of.items():
        rows = [f"{text}\t{'ab'[i % 2]}" for i, text in enumerate(texts)]
        rows += ["of a class that training lacks\tc"] if split == "test" else []
        (tmp_path / f"{split}.tsv").write_text("\n".join(["text\tlabel", *rows]))
    dataset, own = open_compared(str(tmp_path))
    assert (len(own.train), len(own.test)) == (20, 5)
    prepared = dataset.prepared(own.train)
    tokens, _ = prepared[int(own.test[0])]
    np.testing.assert_array_equal(tokens, prepared.encoder([texts_of["test"][0]])[0])
    n_words = len({"a", "cat", "sat", "here", "0", "a cat", "cat sat", "sat here", "here a"})
    assert (tokens > 0).sum() > 2 * n_words  # n-grams of letters, too, as in training
