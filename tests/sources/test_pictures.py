"""Pictures: decoded as they are meant, and told of when they cannot be."""

import base64
import hashlib
import io
import itertools
import os
import re

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from PIL import Image, ImageFilter

from balancekit import PictureDataset, analyze, read
from balancekit.errors import BalancekitWarning, DataError, OptionError
from balancekit.labels import Labels
from balancekit.sources import Checks, load_picture, open_source
from balancekit.sources.pictures import PictureCheckShard, picture_problem
from balancekit.stats import Sighting
from balancekit.stats.quality_bins import QUALITY_MEASURES

ORIENTATION = 0x0112  # the EXIF tag


def noise(height=48, width=64):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


def save(path, array, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path, **options)
    return path


# --- checking -----------------------------------------------------------------------------------


def cut(path):
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 2 // 3])


def rot(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2 :] = bytes(len(content) - len(content) // 2)
    path.write_bytes(content)


SPOILT = {
    "truncated JPEG": ("x.jpg", cut, {"decode"}),
    "truncated PNG": ("x.png", cut, {"decode"}),
    "truncated WebP": ("x.webp", cut, {"decode", "header"}),
    "truncated TIFF": ("x.tiff", cut, {"decode"}),
    "rotten PNG": ("x.png", rot, {"decode"}),
    "no bytes": ("x.jpg", lambda path: path.write_bytes(b""), {"decode", "header"}),
    "HTML": ("x.jpg", lambda path: path.write_text("<html>404</html>"), {"decode", "header"}),
    "a missing file": ("x.jpg", os.remove, {"decode", "header"}),
}


@pytest.mark.parametrize("check", ["header", "decode"])
@pytest.mark.parametrize(("name", "spoil", "found_by"), SPOILT.values(), ids=SPOILT.keys())
def test_spoilt_pictures_are_found_and_sound_ones_are_not(tmp_path, name, spoil, found_by, check):
    path = save(tmp_path / name, noise())
    assert picture_problem(str(path), check) is None
    spoil(path)
    assert (picture_problem(str(path), check) is not None) == (check in found_by)
    with pytest.raises(DataError, match="cannot be decoded as a picture") as caught:
        load_picture(path)
    assert str(path) in str(caught.value)


SOUND = [(1, 1), (3, 500), (7, 9), (8, 8), (300, 2)]


@pytest.mark.parametrize("shape", SOUND, ids=str)
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".bmp", ".gif"])
def test_no_sound_picture_is_too_small_to_check(tmp_path, shape, suffix):
    path = save(tmp_path / f"x{suffix}", noise(*shape))
    assert picture_problem(str(path), "decode") is None
    assert load_picture(path).shape == (*shape, 3)


def test_a_wrong_suffix_does_not_matter(tmp_path):
    path = save(tmp_path / "x.png", noise())
    wrong = path.rename(tmp_path / "x.jpg")
    assert picture_problem(str(wrong), "decode") is None


def test_a_decompression_bomb_is_told_and_not_decoded(tmp_path, monkeypatch):
    path = save(tmp_path / "x.png", noise())
    monkeypatch.setattr("balancekit.sources.pictures.load.MAX_PIXELS", 100)
    assert "64 × 48 pixels are more than 100" in picture_problem(str(path), "header")
    with pytest.raises(DataError, match="pixels are more than 100"):
        load_picture(path)


def test_checking_counts_every_picture_once_and_tells_the_bad_ones(tmp_path):
    for i in range(300):
        save(tmp_path / ("cat" if i % 3 else "dog") / f"{i:03}.png", noise(4, 4))
    for name in ("cat/001.png", "cat/002.png", "dog/000.png"):
        cut(tmp_path / name)
    done = []
    stats = analyze(tmp_path, verify="decode", on_progress=done.append)
    assert (stats.n_checked, sum(done), stats.n_samples) == (300, 300, 300)
    (issue,) = [issue for issue in stats.issues if issue.code == "BK201"]
    assert (issue.count, issue.severity) == (3, "error")
    assert [example.split(" (")[0] for example in issue.examples] == [
        f"{tmp_path}/{name}" for name in ("cat/001.png", "cat/002.png", "dog/000.png")
    ]


def table_of_pictures(folder, n_missing):
    for i in range(n_missing, 6):
        save(folder / f"{i}.png", noise(4, 4))
    rows = [f"{i}.png,{'cat' if i % 2 else 'dog'}" for i in range(6)]
    folder.mkdir(exist_ok=True)
    (folder / "table.csv").write_text("\n".join(["image,label", *rows]))
    return folder / "table.csv"


@pytest.mark.parametrize("check", ["header", "decode"])
def test_a_missing_picture_is_told_as_missing_and_the_others_are_checked(tmp_path, check):
    stats = analyze(table_of_pictures(tmp_path, 1), verify=check)
    (issue,) = [issue for issue in stats.issues if issue.code in ("BK201", "BK219")]
    assert (issue.code, issue.count, stats.n_checked) == ("BK219", 1, 5)
    assert issue.examples == (str(tmp_path / "0.png"),)


def test_a_table_may_name_its_pictures_by_whole_paths(tmp_path):
    table = table_of_pictures(tmp_path, 0)
    table.write_text(table.read_text().replace("\n", f"\n{tmp_path}/"))
    assert read(table).sample_ids[0] == str(tmp_path / "0.png")
    assert analyze(table, verify="decode").n_checked == 6


@pytest.mark.parametrize("is_asked", [True, False], ids=["asked", "not asked"])
def test_pictures_all_missing_are_told_where_the_check_was_asked_for(tmp_path, is_asked):
    (tmp_path / "coco.json").write_text(
        '{"images": [{"id": 1, "file_name": "a.png"}, {"id": 2, "file_name": "b.png"}], '
        '"annotations": [], "categories": [{"id": 1, "name": "cat"}]}'
    )
    table = table_of_pictures(tmp_path / "table", 6)
    for path, n in ((table, 6), (tmp_path / "coco.json", 2)):
        shards = open_source(path).check_shards(Checks(verify="decode", is_asked=is_asked))
        found = [shard.count() for shard in shards]
        assert [counts.n_checked for counts in found] == [0] * is_asked
        assert [counts.problems["picture-missing"].count for counts in found] == [n] * is_asked


# --- one look at each file ----------------------------------------------------------------------

EVERYTHING = Checks(verify="decode", duplicates=True, quality=True, split="train")


def counted(paths, classes=("cat",), checks=EVERYTHING):
    return PictureCheckShard([str(p) for p in paths], [classes] * len(paths), checks).count()


def names_of(path, kind):
    """Names of the fingerprints of one file of a kind, exact or near."""
    names = counted([path], checks=Checks(duplicates=True)).sightings
    return [name for name in names if name.startswith(f"{kind}:")]


def smooth(height=96, width=128, tilt=1.0):
    """A picture without noise, of a few soft hills."""
    y, x = np.mgrid[:height, :width] / 32
    grey = 128 + 60 * np.sin(x * tilt) * np.cos(y) + 20 * np.sin(x + 2 * y)
    return np.repeat(grey.astype(np.uint8)[..., None], 3, axis=2)


def test_a_file_is_named_by_the_blake2b_of_its_bytes(tmp_path):
    path = save(tmp_path / "x.png", smooth())
    digest = hashlib.blake2b(path.read_bytes(), digest_size=16).hexdigest()
    assert names_of(path, "exact") == [f"exact:{digest}"]


def likeness(path):
    """The hash of a picture's print, and the levels of its cells."""
    ((_, number, cells),) = (name.split(":") for name in names_of(path, "near"))
    packed = np.frombuffer(base64.b64decode(cells), np.uint8)
    return int(number, 16), np.stack([packed >> 4, packed & 15], axis=1).ravel()


def test_likeness_is_the_dhash_of_8_rows_of_9_cells(tmp_path):
    cells = np.random.default_rng(1).permuted(np.arange(0, 216, 3)).reshape(8, 9)
    path = save(tmp_path / "x.png", cells.astype(np.uint8))
    bits = "".join("01"[int(a > b)] for row in cells for a, b in itertools.pairwise(row))
    assert likeness(path)[0] == int(bits, 2)


def test_likeness_has_the_luma_of_12_by_12_cells_on_the_scale_of_their_deviation(tmp_path):
    cells = np.random.default_rng(2).integers(0, 256, (12, 12)).astype(np.uint8)
    path = save(tmp_path / "x.png", cells)
    expected = np.clip(np.rint(2.5 * (cells - cells.mean()) / cells.std()) + 8, 0, 15)
    np.testing.assert_array_equal(likeness(path)[1], expected.ravel())


COPIES = {
    "another format": ("y.bmp", lambda array: array, {}),
    "half the size": ("y.png", lambda array: array[::2, ::2], {}),
    "a size that shares no border of cells": ("y.png", lambda array: array[:95, :127], {}),
    "a little brighter": ("y.png", lambda array: array + np.uint8(9), {}),
    "JPEG": ("y.jpg", lambda array: array, {"quality": 95}),
}


@pytest.mark.parametrize(("name", "change", "options"), COPIES.values(), ids=COPIES.keys())
def test_a_copy_keeps_its_likeness_and_not_its_bytes(tmp_path, name, change, options):
    one = save(tmp_path / "x.png", smooth())
    other = save(tmp_path / name, change(smooth()), **options)
    (hashed, cells), (of_other, cells_of_other) = likeness(one), likeness(other)
    assert (hashed ^ of_other).bit_count() <= 2  # of 64; other pictures differ in about half
    assert np.corrcoef(cells, cells_of_other)[0, 1] > 0.97
    assert names_of(one, "exact") != names_of(other, "exact")
    unlike = save(tmp_path / "z.png", smooth(tilt=3.0))
    assert (hashed ^ likeness(unlike)[0]).bit_count() > 8


def test_flat_pictures_are_like_no_other(tmp_path):
    for shade in (0, 255):
        path = save(tmp_path / f"{shade}.png", np.full((9, 9), shade, np.uint8))
        assert names_of(path, "near") == []
        assert len(names_of(path, "exact")) == 1


def test_the_sightings_of_a_content_are_told_with_split_class_and_sample(tmp_path):
    one, other = (save(tmp_path / name, smooth()) for name in ("b.png", "a.png"))
    counts = counted([one, other], classes=("cat", "dog"))
    (exact,) = [seen for name, seen in counts.sightings.items() if name.startswith("exact:")]
    assert exact == (
        Sighting("train", "cat, dog", str(other)),
        Sighting("train", "cat, dog", str(one)),
    )
    assert {name.partition(":")[0] for name in counts.sightings} == {"exact", "near"}


def test_what_cannot_be_decoded_is_a_problem_without_likeness_or_quality(tmp_path):
    path = save(tmp_path / "x.png", smooth())
    cut(path)
    for checks in (Checks(duplicates=True), Checks(quality=True), EVERYTHING):
        counts = counted([path], checks=checks)
        assert counts.problems["picture-unreadable"].count == 1
        assert counts.quality == {}
        assert all(name.startswith("exact:") for name in counts.sightings)
    assert len(counts.sightings) == 1


def test_a_picture_of_several_classes_counts_for_each(tmp_path):
    counts = counted([save(tmp_path / "x.png", smooth())], classes=("cat", "dog"))
    assert counts.quality["cat"] == counts.quality["dog"]
    assert set(counts.quality["cat"]) == set(QUALITY_MEASURES)
    assert all(sum(bins.values()) == 1 for bins in counts.quality["cat"].values())


def value_of(path, measure):
    """The value of a measure of one picture, through its bin."""
    (number,) = counted([path]).quality["cat"][measure]
    return QUALITY_MEASURES[measure].value_of_bin(number)


RED = np.full((40, 80, 3), [200, 0, 0], np.uint8)
HALVES = np.repeat(np.repeat([[0, 200]], 40, 0), 40, 1).astype(np.uint8)

KNOWN = {
    "the luma of red": (RED, "brightness", 60),  # 0.299 · 200 = 59.8
    "no contrast": (RED, "contrast", 0),
    "half black": (HALVES, "brightness", 100),
    "the deviation of two halves": (HALVES, "contrast", 100),
    "pure colour": (RED, "saturation", 255),
    "grey": (HALVES, "saturation", 0),
    "width": (RED, "width_px", 80),
    "height": (RED, "height_px", 40),
    "twice as wide": (RED, "aspect", 2),
    "no edge": (RED, "blur", 0),
    "no noise": (RED, "noise", 0),
}


@pytest.mark.parametrize(("array", "measure", "expected"), KNOWN.values(), ids=KNOWN.keys())
def test_measures_of_quality_have_the_values_that_follow_from_the_picture(
    tmp_path, array, measure, expected
):
    assert value_of(save(tmp_path / "x.png", array), measure) == expected


def test_the_blur_measure_is_the_variance_of_the_laplacian(tmp_path):
    dot = np.zeros((33, 33), np.uint8)
    dot[16, 16] = 100
    response = np.zeros((33, 33))
    response[16, 16] = 400
    for step in ((15, 16), (17, 16), (16, 15), (16, 17)):
        response[step] = -100
    found = value_of(save(tmp_path / "x.png", dot), "blur")
    # A bin spans 9 %.
    assert found == pytest.approx(response.var(), rel=0.05)


@pytest.mark.parametrize("sigma", [2, 5, 12, 25])
def test_the_noise_measure_is_the_deviation_of_the_noise(tmp_path, sigma):
    rng = np.random.default_rng(sigma)
    array = np.clip(smooth(300, 300)[..., 0] + rng.normal(0, sigma, (300, 300)), 0, 255)
    found = value_of(save(tmp_path / "x.png", np.rint(array).astype(np.uint8)), "noise")
    # 65,536 px know it to 1 %; rounding to grey levels adds up to 1/12 to the variance.
    assert found == pytest.approx(sigma, rel=0.08)


def test_blurring_lowers_the_blur_measure_and_file_size_is_counted(tmp_path):
    sharp = save(tmp_path / "x.png", noise(200, 200))
    soft = tmp_path / "y.png"
    with Image.open(sharp) as picture:
        picture.filter(ImageFilter.GaussianBlur(3)).save(soft)
    assert value_of(soft, "blur") < value_of(sharp, "blur") / 50
    assert value_of(sharp, "file_bytes") == pytest.approx(sharp.stat().st_size, rel=0.05)


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (2, 2), (700, 3)], ids=str)
def test_no_picture_is_too_small_to_measure(tmp_path, shape):
    counts = counted([save(tmp_path / "x.png", noise(*shape))])
    assert set(counts.quality["cat"]) == set(QUALITY_MEASURES)
    assert counts.problems == {}


def test_quality_is_that_of_the_picture_as_it_is_seen(tmp_path):
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    path = save(tmp_path / "x.jpg", noise(20, 40), exif=exif)
    assert (value_of(path, "width_px"), value_of(path, "height_px")) == (20, 40)
    assert value_of(path, "aspect") == 0.5
    deep = save(tmp_path / "x.png", np.full((9, 9), 257 * 90, np.uint16))
    assert value_of(deep, "brightness") == 90


def test_a_check_asks_nothing_that_it_does_not_need(tmp_path):
    path = save(tmp_path / "x.png", smooth())
    assert counted([path], checks=Checks(verify="decode")).sightings == {}
    assert counted([path], checks=Checks(verify="decode")).quality == {}
    assert counted([path], checks=Checks(duplicates=True)).quality == {}
    assert counted([path], checks=Checks(quality=True)).sightings == {}


def test_a_pipe_is_a_problem_and_never_waited_for(tmp_path):
    os.mkfifo(tmp_path / "x.png")
    assert picture_problem(str(tmp_path / "x.png"), "decode") == "OSError: no regular file"
    with pytest.raises(DataError, match="no regular file"):
        load_picture(tmp_path / "x.png")


def test_a_file_that_another_program_would_run_is_refused(tmp_path):
    path = tmp_path / "x.jpg"
    path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n")
    assert "EPS is no format of pictures" in picture_problem(str(path), "header")
    with pytest.raises(DataError, match="EPS is no format of pictures"):
        load_picture(path)


def file_of(suffix):
    file = io.BytesIO()
    Image.fromarray(noise(24, 31)).save(file, {"jpg": "jpeg"}.get(suffix, suffix))
    return file.getvalue()


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("suffix", ["jpg", "png", "gif", "webp", "tiff", "bmp", "ppm"])
@given(data=st.data())
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_change_of_bytes_ends_a_check_or_raises_what_is_not_ours(tmp_path, suffix, data):
    content = bytearray(file_of(suffix))
    place = st.integers(0, len(content) - 1)
    for at, byte in data.draw(st.lists(st.tuples(place, st.integers(0, 255)), max_size=20)):
        content[at] = byte
    path = tmp_path / f"x.{suffix}"
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    counts = counted([path])
    bad = "picture-unreadable" in counts.problems
    assert (counts.n_checked, bad) == (1, not counts.quality)
    if bad:
        with pytest.raises(DataError, match=re.escape(str(path))):
            load_picture(path)
    else:
        assert load_picture(path).dtype == np.uint8


# --- loading ------------------------------------------------------------------------------------


def test_a_lossless_picture_is_loaded_pixel_by_pixel(tmp_path):
    array = noise()
    picture = load_picture(save(tmp_path / "x.png", array))
    assert picture.dtype == np.uint8
    np.testing.assert_array_equal(picture, array)
    assert picture.flags.writeable


def test_grey_is_the_luma_of_itu_r_601(tmp_path):
    array = noise()
    grey = load_picture(save(tmp_path / "x.png", array), mode="L")
    expected = array @ np.array([0.299, 0.587, 0.114])
    assert grey.shape == (48, 64)
    # Within 1: Pillow computes in integers.
    np.testing.assert_allclose(grey, expected, atol=1)


# What a picture stored as [[1, 2, 3], [4, 5, 6]] looks like, by the EXIF standard.
STORED = np.array([[10, 20, 30], [40, 50, 60]], np.uint8)
ORIENTATIONS = {
    1: STORED,
    2: STORED[:, ::-1],
    3: STORED[::-1, ::-1],
    4: STORED[::-1],
    5: STORED.T,
    6: np.rot90(STORED, -1),
    7: STORED[::-1, ::-1].T,
    8: np.rot90(STORED),
}


@pytest.mark.parametrize(("orientation", "seen"), ORIENTATIONS.items(), ids=map(str, ORIENTATIONS))
def test_the_orientation_that_a_camera_noted_is_applied(tmp_path, orientation, seen):
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    path = save(tmp_path / "x.png", STORED, exif=exif)
    np.testing.assert_array_equal(load_picture(path, mode="L"), seen)


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
@pytest.mark.parametrize("size_px", [(10, 20), (48, 64), (100, 3), (200, 300)], ids=str)
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_pictures_are_scaled_to_height_and_width(tmp_path, suffix, size_px, mode):
    path = save(tmp_path / f"x{suffix}", noise())
    channels = (3,) if mode == "RGB" else ()
    assert load_picture(path, mode=mode, size_px=size_px).shape == (*size_px, *channels)


def test_scaling_keeps_the_picture(tmp_path):
    ramp = np.repeat(np.linspace(0, 255, 256, dtype=np.uint8)[None], 256, axis=0)
    small = load_picture(save(tmp_path / "x.jpg", ramp, quality=95), mode="L", size_px=(16, 16))
    expected = ramp.reshape(256, 16, 16).mean(axis=(0, 2))
    # Within 3 grey levels: the JPEG is lossy, and the ends of the filter are cut off.
    np.testing.assert_allclose(small, np.tile(expected, (16, 1)), atol=3)


def test_16_bits_are_scaled_down_and_not_cut_off(tmp_path):
    array = np.array([[0, 257, 32_896, 65_535]], np.uint16)
    path = save(tmp_path / "x.png", array)
    assert load_picture(path, mode="L").tolist() == [[0, 1, 128, 255]]
    assert load_picture(path)[..., 2].tolist() == [[0, 1, 128, 255]]


DEEP = {
    "floats from 0 to 1": ([[0, 0.5, 1]], np.float32, [0, 128, 255]),
    "floats that are grey levels": ([[0, 2, 255]], np.float32, [0, 2, 255]),
    "floats of 16 bits": ([[0, 257, 65_535]], np.float32, [0, 1, 255]),
    "any floats": ([[-3, 0, 3]], np.float32, [0, 128, 255]),
    "floats that are no numbers": ([[np.nan, np.inf, 1]], np.float32, [0, 255, 255]),
    "no number at all": ([[np.nan, np.nan]], np.float32, [0, 0]),
    "whole numbers of 8 bits": ([[0, 1, 255]], np.int32, [0, 1, 255]),
    "whole numbers of 16 bits": ([[0, 257, 65_535]], np.int32, [0, 1, 255]),
    "any whole numbers": ([[-10, 100_000, 200_010]], np.int32, [0, 128, 255]),
}


@pytest.mark.parametrize(("values", "dtype", "seen"), DEEP.values(), ids=DEEP.keys())
def test_32_bits_are_scaled_by_the_white_that_they_fit(tmp_path, values, dtype, seen):
    path = save(tmp_path / "x.tiff", np.array(values, dtype))
    assert load_picture(path, mode="L").tolist() == [seen]
    assert load_picture(path)[..., 1].tolist() == [seen]


def test_palettes_and_transparency_become_colours(tmp_path):
    palette = Image.fromarray(np.array([[0, 1]], np.uint8), mode=None).convert("P")
    palette.putpalette([255, 0, 0, 0, 0, 255])
    palette.save(tmp_path / "p.png", transparency=b"\x00\xff")
    assert load_picture(tmp_path / "p.png").tolist() == [[[255, 0, 0], [0, 0, 255]]]
    save(tmp_path / "a.png", np.array([[[1, 2, 3, 0]]], np.uint8))
    assert load_picture(tmp_path / "a.png").tolist() == [[[1, 2, 3]]]


# --- data set -----------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path):
    save(tmp_path / "cat" / "1.png", noise())
    save(tmp_path / "cat" / "2.png", noise(5, 6))
    save(tmp_path / "dog" / "3.png", noise())
    return tmp_path


def test_a_data_set_gives_each_picture_with_its_class(folder):
    dataset = PictureDataset(read(folder))
    assert len(dataset) == 3
    shapes = [(picture.shape, class_id) for picture, class_id in (dataset[i] for i in range(3))]
    assert shapes == [((48, 64, 3), 0), ((5, 6, 3), 0), ((48, 64, 3), 1)]
    assert type(dataset[0][1]) is int


def test_a_data_set_scales_and_greys(folder):
    dataset = PictureDataset(read(folder), mode="L", size_px=(8, 9))
    assert {dataset[i][0].shape for i in range(3)} == {(8, 9)}


def test_iterating_over_a_data_set_ends(folder):
    assert len(list(PictureDataset(read(folder)))) == 3


def test_a_grey_picture_of_the_size_of_another_stands_for_a_truncated_one(folder):
    cut(folder / "cat" / "2.png")
    dataset = PictureDataset(read(folder))
    with pytest.warns(BalancekitWarning, match=r"cat/2\.png: cannot be decoded .*; a grey one"):
        picture, class_id = dataset[1]
    assert (picture.shape, class_id) == ((48, 64, 3), 0)
    assert np.all(picture == 127)


def test_where_no_other_picture_can_be_decoded_either_it_is_an_error(folder):
    for name in ("cat/1.png", "cat/2.png", "dog/3.png"):
        cut(folder / name)
    dataset = PictureDataset(read(folder))
    with pytest.raises(DataError, match=r"cat/2\.png: cannot be decoded"):
        dataset[1]


def test_labels_without_paths_or_of_several_classes_make_no_data_set():
    with pytest.raises(OptionError, match="got labels without ids"):
        PictureDataset(Labels.from_names("ab"))
    several = Labels(class_ids=[0], class_names=("a",), offsets=[0, 1], sample_ids=["x.png"])
    with pytest.raises(DataError, match="one class a sample"):
        PictureDataset(several)


def test_a_data_set_is_only_over_pictures_that_are_files(tmp_path):
    (tmp_path / "cat.txt").write_text("a\nb\n")
    (tmp_path / "dog.txt").write_text("c\nd\n")
    with pytest.raises(OptionError, match=r"got rows such as .*It reads those of image folders"):
        PictureDataset(read(tmp_path))
    ids = ["a.tar/1.jpg", "a.tar/2.jpg"]
    in_tar = Labels.from_names(["cat", "dog"], sample_ids=ids, media="pictures")
    with pytest.raises(OptionError, match=r"ids that are no files, such as 'a\.tar/1\.jpg'"):
        PictureDataset(in_tar)
