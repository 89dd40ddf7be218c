"""Annotated pictures as people publish them: copied with their annotations, and read back."""

import json
import shutil

import numpy as np
import pytest

from balancekit import read
from balancekit.errors import DataError
from balancekit.materialize.augmented.formats import open_annotated, other_splits
from balancekit.materialize.augmented.formats.pictures import decode_picture, encode_picture

SETS = {
    "magnetic_tile": ("magnetic_tile", "image-folder"),
    "camvid": ("camvid", "masks"),
    "coco128": ("coco128_train/object_detection", "yolo"),
    "bccd": ("bccd_voc", "voc"),
}
N_COPIED = 25

NOT_KEPT = ("odd_but_ok/tiff_16bit_RGBa.tiff",)
"""Whole, but its colours of 16 bits would be cut."""


def counts_of(labels):
    return dict(zip(labels.class_names, labels.class_counts().tolist(), strict=True))


@pytest.mark.parametrize(("path", "format"), SETS.values(), ids=SETS.keys())
def test_what_is_written_is_read_back(data_root, tmp_path, path, format):  # noqa: A002
    annotated = open_annotated(data_root / path, format=format)
    n = annotated.labels.n_samples
    copied = np.unique(np.linspace(0, n - 1, N_COPIED).astype(int)).tolist()
    for index in range(n):
        for place, file in annotated.originals(index):
            (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, tmp_path / place)
    names = []
    for index in copied:
        sample = annotated.read(index)
        assert sample.notes == ()
        assert sample.moved_to(sample.scene).carried == sample.carried
        names.append(f"new-{index:05}")
        for place, content in annotated.encode(names[-1], sample).items():
            assert not (tmp_path / place).exists()
            (tmp_path / place).write_bytes(content)
    annotated.finish(tmp_path, names, tmp_path)
    labels = read(tmp_path, format=format)
    assert labels.n_samples == n + len(copied)
    expected = annotated.labels.class_counts() + annotated.labels.take(copied).class_counts()
    found = counts_of(labels)
    for name, count in zip(annotated.class_names, expected.tolist(), strict=True):
        assert found.get(name, 0) == count, name
    again = open_annotated(tmp_path, format=format)
    by_name = {name.rsplit("/", 1)[-1].split(".")[0]: i for i, name in enumerate(again.ids)}
    for name, index in zip(names[:5], copied, strict=False):
        new, old = again.read(by_name[name]), annotated.read(index)
        for part in ("boxes", "mask"):
            one, other = getattr(new.scene, part), getattr(old.scene, part)
            if other is not None:  # boxes of YOLO have 6 digits: less than 0.001 px here
                np.testing.assert_allclose(one, other, atol=1e-3)


def test_every_sample_has_the_classes_that_are_counted(data_root):
    for path, format_ in (SETS["coco128"], SETS["bccd"]):
        annotated = open_annotated(data_root / path, format=format_)
        labels = annotated.labels
        for index in range(0, labels.n_samples, 3):
            start, stop = labels.offsets[index : index + 2]
            expected = sorted(labels.class_ids[start:stop].tolist())
            assert sorted(annotated.read(index).class_ids.tolist()) == expected


def test_splits_of_real_data_are_apart(data_root):
    assert {name: len(paths) for name, paths in other_splits(data_root / "bccd_voc").items()} == {
        "val": 87,
        "test": 72,
    }


def test_annotations_without_pictures_are_a_clear_error(data_root):
    with pytest.raises(DataError, match=r"got none of them, such as 000000262145\.jpg"):
        open_annotated(data_root / "coco_json80")


def test_files_that_pillow_refuses_are_told_and_the_others_are_kept(data_root, tmp_path):
    root = data_root / "broken_pillow"
    truth = json.loads((root / "TRUTH.json").read_text())
    for name, known in truth.items():
        if known["status"] != "ok" or name in NOT_KEPT:
            with pytest.raises(DataError, match="expected a picture that decodes whole, got "):
                decode_picture(root / name)
            continue
        image, kind = decode_picture(root / name)
        (tmp_path / "1").write_bytes(encode_picture(image, kind))
        again, _ = decode_picture(tmp_path / "1")
        np.testing.assert_array_equal(again, image)
