"""Folders of pictures as people publish them: counted, detected, and looked into."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from balancekit import PictureDataset, analyze, read
from balancekit.errors import DataError
from balancekit.sources import Checks, load_picture, open_source
from balancekit.sources.pictures import PICTURE_SUFFIXES, PictureCheckShard, picture_problem
from balancekit.stats.quality_bins import QUALITY_MEASURES


def issues_of(stats):
    return {issue.code: issue for issue in stats.issues}


# --- which format a data set has ----------------------------------------------------------------

FORMAT_OF = {
    "bccd_voc": "voc",
    "camvid": "masks",
    "coco128_train/object_detection": "yolo",
    "coco_json80": "coco",
    "hf_clinc_oos_imbalanced": "huggingface",
    "keel/abalone19.dat": "arff",
    "keypoints_mmpose/coco/test_coco.json": "coco",
    "lists/deepweeds_labels.csv": "csv",
    "lists/lvis_v1_images_per_category.json": "coco",
    "magnetic_tile": "image-folder",
    "mulan/emotions": "arff",
    "regression_agedb": "csv",
    "text_names": "text",
    "text_sms": "csv",
    "webdataset": "webdataset",
}


@pytest.mark.parametrize(("path", "format"), FORMAT_OF.items(), ids=FORMAT_OF.keys())
def test_every_data_set_is_told_by_its_format(data_root, path, format):  # noqa: A002
    assert open_source(data_root / path).format == format


# --- image folders ------------------------------------------------------------------------------


def test_masks_of_magnetic_tiles_are_no_samples(data_root, truth):
    stats = analyze(data_root / "magnetic_tile", verify="none")
    expected = truth["magnetic_tile_jpg"]
    assert dict(zip(stats.class_names, stats.class_counts, strict=True)) == expected["counts"]
    assert stats.n_samples == expected["total"]
    # The truth is rounded to 3 digits behind the point.
    assert stats.balance.imbalance_ratio == pytest.approx(expected["IR"], abs=5e-4)
    labels = read(data_root / "magnetic_tile")
    assert labels.class_names == stats.class_names
    assert tuple(labels.class_counts().tolist()) == stats.class_counts
    issues = issues_of(stats)
    assert (issues["BK301"].count, issues["BK301"].severity) == (1344, "info")
    assert issues["BK303"].count == 1  # the read-me
    assert issues["BK304"].count == 6  # Imgs/ in each class
    assert {code for code in issues if "BK2" < code < "BK4"} == {"BK301", "BK303", "BK304"}


def test_every_magnetic_tile_decodes(data_root):
    stats = analyze(data_root / "magnetic_tile", verify="decode")
    assert stats.n_checked == 1344
    assert "BK201" not in issues_of(stats)


def test_magnetic_tiles_are_loaded_by_their_class(data_root):
    labels = read(data_root / "magnetic_tile")
    dataset = PictureDataset(labels, mode="L", size_px=(32, 32))
    for index in np.linspace(0, len(dataset) - 1, 12).astype(int):
        picture, class_id = dataset[index]
        assert (picture.shape, picture.dtype) == ((32, 32), np.uint8)
        path = labels.sample_ids[index]
        assert f"/{labels.class_names[class_id]}/" in path
        assert path.endswith(".jpg")


# --- pictures that Pillow refuses, and odd ones that it reads -----------------------------------


@pytest.fixture(scope="module")
def pillow_truth(data_root):
    return json.loads((data_root / "broken_pillow" / "TRUTH.json").read_text(encoding="utf-8"))


def paths_of(data_root, pillow_truth, folder):
    names = sorted(name for name in pillow_truth if name.startswith(f"{folder}/"))
    assert len(names) > 30
    return [str(data_root / "broken_pillow" / name) for name in names]


def test_every_broken_picture_has_a_problem_and_is_refused(data_root, pillow_truth):
    for path in paths_of(data_root, pillow_truth, "bad"):
        assert picture_problem(path, "decode"), path
        with pytest.raises(DataError, match="cannot be decoded as a picture"):
            load_picture(path)


@pytest.mark.filterwarnings("default")
def test_every_odd_picture_decodes(data_root, pillow_truth):
    for path in paths_of(data_root, pillow_truth, "odd_but_ok"):
        assert picture_problem(path, "decode") is None, path
        assert load_picture(path).ndim == 3
        assert load_picture(path, mode="L", size_px=(8, 8)).shape == (8, 8)


@pytest.mark.filterwarnings("default")
def test_broken_pictures_have_no_likeness_and_odd_ones_have_all_measures(data_root, pillow_truth):
    for folder, n_measures in (("bad", 0), ("odd_but_ok", len(QUALITY_MEASURES))):
        for path in paths_of(data_root, pillow_truth, folder):
            checks = Checks(verify="decode", duplicates=True, quality=True)
            counts = PictureCheckShard([path], [("x",)], checks).count()
            assert len(counts.quality.get("x", {})) == n_measures, path
            names = [name.partition(":")[0] for name in counts.sightings]
            assert "exact" in names
            assert folder != "bad" or "near" not in names, path


def test_broken_pictures_do_not_end_an_analysis(data_root, pillow_truth, tmp_path):
    known = {}
    for folder in ("bad", "odd_but_ok"):
        (tmp_path / folder).mkdir()
        for i, path in enumerate(paths_of(data_root, pillow_truth, folder)):
            if path.lower().endswith(PICTURE_SUFFIXES):
                known[folder] = known.get(folder, 0) + 1
            name = f"{i:02}-{path.rpartition('/')[2]}"
            shutil.copyfile(path, tmp_path / folder / name)
    stats = analyze(tmp_path, verify="decode")
    assert dict(zip(stats.class_names, stats.class_counts, strict=True)) == known
    assert stats.n_checked == sum(known.values())
    assert issues_of(stats)["BK201"].count == known["bad"]
    assert all("/bad/" in example for example in issues_of(stats)["BK201"].examples)
    # .dds, .psd and .ico are no formats of data sets: told, not counted.
    assert issues_of(stats)["BK303"].count == len(pillow_truth) - sum(known.values())


# --- what the quick decoding of a JPEG finds -----------------------------------------------------

SPOIL = {
    "cut off": lambda content, rng: content[: rng.integers(len(content))],
    "zeros": lambda content, rng: _put(content, rng, bytes(64)),
    "an early end": lambda content, rng: _put(content, rng, b"\xff\xd9"),
    "noise": lambda content, rng: _put(content, rng, rng.bytes(8)),
}


def _put(content, rng, patch):
    at = int(rng.integers(700, len(content) - len(patch)))
    return content[:at] + patch + content[at + len(patch) :]


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("spoil", SPOIL.values(), ids=SPOIL.keys())
def test_an_eighth_of_a_jpeg_tells_the_same_as_all_of_it(data_root, tmp_path, spoil):
    found = []
    for i, path in enumerate(sorted((data_root / "coco128_train").rglob("*.jpg"))[:25]):
        spoilt = tmp_path / f"{i}.jpg"
        spoilt.write_bytes(spoil(path.read_bytes(), np.random.default_rng(i)))
        try:
            with Image.open(spoilt) as picture:
                picture.load()
            whole = False
        except OSError:
            whole = True
        found.append(((picture_problem(str(spoilt), "decode") is not None), whole))
    assert len(found) == 25
    assert [quick for quick, _ in found] == [whole for _, whole in found]


# --- nearly the same ----------------------------------------------------------------------------

COPIES = {
    "stored anew": lambda picture: picture,
    "a third of the size": lambda picture: picture.resize(
        (picture.width // 3, picture.height // 3)
    ),
    "another aspect": lambda picture: picture.resize((224, 224)),
    "brighter": lambda picture: picture.point(lambda level: round(level * 1.1 + 8)),
    "cropped": lambda picture: picture.crop((4, 4, picture.width - 4, picture.height - 4)),
}


@pytest.mark.parametrize("change", COPIES.values(), ids=COPIES.keys())
def test_changed_copies_are_found_in_another_split_and_nothing_else(data_root, tmp_path, change):
    pictures = sorted((data_root / "coco128_train/images/train2017").glob("*.jpg"))[:60]
    for number, path in enumerate(pictures):
        for split in ("train", "val"):
            (tmp_path / split / f"class{number % 2}").mkdir(parents=True, exist_ok=True)
        shutil.copy(path, tmp_path / f"train/class{number % 2}/{number}.jpg")
        with Image.open(path) as picture:
            copy = change(picture.convert("RGB"))
        copy.save(tmp_path / f"val/class{number % 2}/copy{number}.jpg", quality=80)
    stats = analyze(tmp_path, duplicates=True)
    (val,) = stats.splits
    assert val.n_leaks == 0
    assert val.n_near_leaks >= 57  # of 60
    for group in stats.duplicates.groups:
        numbers = {Path(s.sample).stem.removeprefix("copy") for s in group.sightings}
        assert len(numbers) == 1, "a picture is near to its own copy alone"
    assert stats.duplicates.n_near == 0


def test_pictures_of_one_rig_are_near_mostly_where_they_show_one_tile(data_root):
    # Six exposures of a tile have numbers close to each other, in a range of 350,000. By the
    # hashes alone, one pair of seven is of one tile.
    stats = analyze(data_root / "magnetic_tile", duplicates=True)
    numbers = [
        [int(Path(s.sample).stem.rpartition("_")[2]) for s in group.sightings]
        for group in stats.duplicates.groups  # the largest, which are the worst
    ]
    of_one_tile = sum(abs(n - np.median(listed)) < 300 for listed in numbers for n in listed)
    assert of_one_tile > 0.75 * sum(map(len, numbers))
