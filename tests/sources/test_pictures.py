"""Pictures: decoded as they are meant, and told of when they cannot be."""

import os

import numpy as np
import pytest
from PIL import Image

from balancekit import PictureDataset, analyze, read
from balancekit.errors import DataError, OptionError
from balancekit.labels import Labels
from balancekit.sources import load_picture
from balancekit.sources.pictures import picture_problem

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
    monkeypatch.setattr("balancekit.sources.pictures.MAX_PIXELS", 100)
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


def test_a_truncated_picture_of_a_data_set_is_named(folder):
    cut(folder / "cat" / "2.png")
    dataset = PictureDataset(read(folder))
    with pytest.raises(DataError, match=r"cat/2\.png: cannot be decoded"):
        dataset[1]


def test_labels_without_paths_or_of_several_classes_make_no_data_set():
    with pytest.raises(OptionError, match="got labels without ids"):
        PictureDataset(Labels.from_names("ab"))
    several = Labels(class_ids=[0], class_names=("a",), offsets=[0, 1], sample_ids=["x.png"])
    with pytest.raises(DataError, match="one class a sample"):
        PictureDataset(several)
