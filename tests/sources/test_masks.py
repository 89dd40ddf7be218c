"""Segmentation masks: pixels of each class, whatever way the values stand for them."""

from functools import reduce
from operator import add

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from balancekit import analyze, read
from balancekit.errors import BalancekitError, BalancekitWarning, DataError, OptionError
from balancekit.sources import ReadOptions, open_source
from balancekit.sources.masks import recognise
from balancekit.stats import Counts

MASK = np.array([[0, 0, 1], [2, 2, 2]], np.uint8)
COLOURS = np.array([[0, 0, 0], [255, 0, 0], [0, 128, 255]], np.uint8)


def save(path, values, **options):
    """Store an array [h, w] or [h, w, 3] as a picture."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = values if isinstance(values, Image.Image) else Image.fromarray(values)
    if picture.mode == "I":  # of which PNG knows nothing
        options["format"] = "TIFF"
    picture.save(path, **options)


def pair(root, mask_path, picture_path, values=MASK, **options):
    save(root / mask_path, values, **options)
    if picture_path:
        save(root / picture_path, np.zeros((2, 3, 3), np.uint8))


def palette(values):
    picture = Image.fromarray(values, "L").convert("P")
    picture.putdata(values.ravel().tolist())
    picture.putpalette(COLOURS.ravel().tolist())
    return picture


def pixels(stats):
    return dict(zip(stats.class_names, stats.class_counts, strict=True))


def issues_of(stats):
    return {issue.code: issue for issue in stats.issues}


def assert_same_however_read(path, **options):
    source = open_source(path, ReadOptions(**options), format="masks")
    parts = [shard.count() for shard in source.shards()]
    merged = reduce(add, parts, Counts())
    assert merged == reduce(add, parts[::-1], Counts())
    whole = Counts.from_labels(source.read_labels())
    for name in (
        "samples_per_class",
        "pixels_per_class",
        "label_sets",
        "n_samples",
        "n_unlabelled",
        "task",
        "media",
    ):
        assert getattr(merged, name) == getattr(whole, name), name


# --- where masks lie ----------------------------------------------------------------------------

LAYOUTS = {
    "images and masks": [("masks/1.png", "images/1.jpg")],
    "mmseg": [("ann_dir/train/1.png", "img_dir/train/1.jpg")],
    "splits below": [("labels/train/1.png", "images/train/1.png")],
    "splits above": [("train/masks/1.png", "train/images/1.png")],
    "one folder of pictures": [("annotations/train/1.png", "images/1.jpg")],
    "ADE20K": [("annotations/training/1.png", "images/training/1.jpg")],
    "CamVid": [("trainannot/1.png", "train/1.png")],
    "CamVid of Kaggle": [("train_labels/1_L.png", "train/1.png")],
    "train_masks": [("train_masks/1_mask.gif", "train_images/1.jpg")],
    "LoveDA": [("Train/Urban/masks_png/1.png", "Train/Urban/images_png/1.png")],
    "Pascal VOC": [("VOC/SegmentationClass/1.png", "VOC/JPEGImages/1.jpg")],
    "Cityscapes": [
        (
            "gtFine/train/ulm/ulm_0_gtFine_labelIds.png",
            "leftImg8bit/train/ulm/ulm_0_leftImg8bit.png",
        )
    ],
    "trimaps": [("annotations/trimaps/1.png", "images/1.jpg")],
}
SPLITLESS = {"images and masks", "Pascal VOC", "trimaps"}


@pytest.mark.parametrize(("name", "pairs"), LAYOUTS.items(), ids=LAYOUTS.keys())
def test_masks_are_found_beside_their_pictures(tmp_path, name, pairs):
    for mask, picture in pairs:
        pair(tmp_path, mask, picture)
    assert recognise(tmp_path).startswith("masks in ")
    source = open_source(tmp_path, ReadOptions())
    assert source.format == "masks"
    assert source.split == (None if name in SPLITLESS else "train")
    labels = source.read_labels()
    assert (labels.task, labels.media) == ("segmentation", "pictures")
    assert list(labels.sample_ids) == [str(tmp_path / picture) for _, picture in pairs]
    assert labels.sizes.tolist() == [2, 1, 3]
    stats = analyze(tmp_path)
    assert pixels(stats) == {"0": 2, "1": 1, "2": 3}
    assert "BK219" not in issues_of(stats)
    assert "BK220" not in issues_of(stats)
    assert stats.n_checked == len(pairs)
    assert_same_however_read(tmp_path)


def test_cityscapes_many_folders_are_looked_through(tmp_path):
    for i in range(30):
        name = f"city{i}"
        for end in ("labelIds", "labelTrainIds", "instanceIds", "color"):
            save(tmp_path / "gtFine" / "train" / name / f"{name}_gtFine_{end}.png", MASK)
        save(tmp_path / "leftImg8bit" / "train" / name / f"{name}_leftImg8bit.png", MASK)
        save(tmp_path / "gtCoarse" / "train" / name / f"{name}_gtCoarse_labelIds.png", MASK)
    assert recognise(tmp_path) is not None
    labels = read(tmp_path)
    assert labels.n_samples == 30
    assert "BK219" not in issues_of(analyze(tmp_path))


def test_splits_share_a_folder_of_pictures(tmp_path):
    for split, name in (("train", "1"), ("val", "2")):
        pair(tmp_path, f"masks/{split}/{name}.png", f"images/{name}.jpg")
    source = open_source(tmp_path, ReadOptions())
    assert (source.split, list(source.other_splits())) == ("train", ["val"])
    assert list(read(tmp_path, split="val").sample_ids) == [f"{tmp_path}/images/2.jpg"]
    assert "BK220" not in issues_of(analyze(tmp_path))
    with pytest.raises(OptionError, match="expected one of train, val in"):
        read(tmp_path, split="test")


def test_pascals_lists_are_splits(tmp_path):
    for name in "123":
        pair(tmp_path, f"SegmentationClass/{name}.png", f"JPEGImages/{name}.jpg")
    lists = tmp_path / "ImageSets" / "Segmentation"
    lists.mkdir(parents=True)
    (lists / "train.txt").write_text("1\n2\n\n4\n")
    (lists / "val.txt").write_text("3\n")
    assert read(tmp_path).n_samples == 2
    assert read(tmp_path, split="val").n_samples == 1
    assert issues_of(analyze(tmp_path))["BK220"].count == 1


def test_what_has_no_partner_is_told(tmp_path):
    pair(tmp_path, "masks/1.png", "images/1.jpg")
    pair(tmp_path, "masks/2.png", "images/other.jpg")
    pair(tmp_path, "masks/3.png", None)
    stats = analyze(tmp_path)
    issues = issues_of(stats)
    assert issues["BK219"].examples == tuple(
        f"the picture of {tmp_path}/masks/{n}.png" for n in (2, 3)
    )
    assert issues["BK220"].examples == (f"{tmp_path}/images/other.jpg",)
    assert (stats.n_samples, stats.n_checked) == (3, 1)


OTHER_FOLDERS = {
    "classes of pictures": ["with_mask/1.jpg", "without_mask/1.jpg"],
    "classes mask and no mask": ["mask/1.jpg", "no_mask/1.jpg"],
    "splits of classes": ["train/cat/1.png", "val/cat/1.png"],
    "masks beside pictures": ["cat/1.jpg", "cat/1.png"],
    "pictures alone": ["images/1.jpg"],
    "masks alone": ["masks/1.png"],
}


@pytest.mark.parametrize("names", OTHER_FOLDERS.values(), ids=OTHER_FOLDERS.keys())
def test_other_folders_are_not_recognised(tmp_path, names):
    for name in names:
        save(tmp_path / name, MASK)
    assert recognise(tmp_path) is None
    assert recognise(tmp_path / names[0]) is None
    assert recognise(tmp_path / "nothing") is None


def test_a_folder_of_masks_alone_is_read_when_asked_for(tmp_path):
    for name in ("1.png", "2.png"):
        save(tmp_path / name, MASK)
    stats = analyze(tmp_path, format="masks")
    assert pixels(stats) == {"0": 4, "1": 2, "2": 6}
    assert "BK219" not in issues_of(stats)


def test_a_link_within_the_data_does_not_count_masks_twice(tmp_path):
    pair(tmp_path, "masks/1.png", "images/1.jpg")
    (tmp_path / "masks" / "loop").symlink_to(tmp_path)
    (tmp_path / "more").symlink_to(tmp_path / "masks")
    assert analyze(tmp_path).n_samples == 1


# --- how values stand for classes ---------------------------------------------------------------

FEW = [0, 1, 2]
VALUES = {
    "index": (MASK, {"0": 2, "1": 1, "2": 3}),
    "palette": (palette(MASK), {"0": 2, "1": 1, "2": 3}),
    "16 bits": (MASK.astype(np.uint16) * 300, {"0": 2, "300": 1, "600": 3}),
    "32 bits": (MASK.astype(np.int32) * 70000, {"0": 2, "70000": 1, "140000": 3}),
    "RGB of greys": (np.repeat(MASK[..., None], 3, 2), {"0": 2, "1": 1, "2": 3}),
    "RGB": (COLOURS[MASK], {"#000000": 2, "#ff0000": 1, "#0080ff": 3}),
    "black and white": (np.uint8(MASK > 1) * 255, {"background": 3, "foreground": 3}),
    "one bit": (Image.fromarray(MASK > 1), {"background": 3, "foreground": 3}),
    "0 and 1": (np.uint8(MASK > 1), {"0": 3, "1": 3}),
    "grey with alpha": (
        Image.merge("LA", [Image.fromarray(MASK), Image.new("L", (3, 2), 9)]),
        {"0": 2, "1": 1, "2": 3},
    ),
}


@pytest.mark.parametrize(("values", "expected"), VALUES.values(), ids=VALUES.keys())
def test_every_kind_of_mask_is_counted(tmp_path, values, expected):
    pair(tmp_path, "masks/1.png", "images/1.jpg", values)
    stats = analyze(tmp_path)
    assert pixels(stats) == expected
    assert stats.unit == "pixels"
    assert_same_however_read(tmp_path)


VOIDS = {
    "255 by itself": (np.array([[0, 255, 1, 2]], np.uint8), None, {"0": 1, "1": 1, "2": 1}),
    "65535 in 16 bits": (
        np.array([[0, 65535, 1, 255]], np.uint16),
        None,
        {"0": 1, "1": 1, "255": 1},
    ),
    "as you name it": (np.array([[0, 255, 11, 11]], np.uint8), 11, {"0": 1, "255": 1}),
    "0 in colours": (COLOURS[MASK], 0, {"#ff0000": 1, "#0080ff": 3}),
    "255, named, in black and white": (np.array([[0, 0, 255]], np.uint8), 255, {"0": 2}),
}


@pytest.mark.parametrize(("values", "void", "expected"), VOIDS.values(), ids=VOIDS.keys())
def test_void_pixels_belong_to_no_class(tmp_path, values, void, expected):
    pair(tmp_path, "masks/1.png", "images/1.jpg", values)
    source = open_source(tmp_path, ReadOptions(void_index=void))
    counts = reduce(add, [shard.count() for shard in source.shards()], Counts())
    assert {name: n for name, n in counts.pixels_per_class.items() if n} == expected
    n_pixels = values.shape[0] * values.shape[1]
    assert counts.n_void_pixels == n_pixels - sum(expected.values())


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_void_index_that_no_pixel_can_have_is_refused(tmp_path, dtype):
    pair(tmp_path, "masks/1.png", "images/1.jpg", np.array([[0, 1, 2]], dtype))
    if dtype == np.uint16:
        assert open_source(tmp_path, ReadOptions(void_index=300)).format == "masks"
        return
    with pytest.raises(OptionError, match=r"void_index: expected 0 to 255, .*8 bits.*got 300"):
        open_source(tmp_path, ReadOptions(void_index=300))


def test_a_grey_mask_among_colours_is_one_of_greys(tmp_path):
    for i in range(3):
        pair(tmp_path, f"masks/{i}.png", f"images/{i}.jpg", COLOURS[MASK])
    save(tmp_path / "masks" / "2.png", np.zeros((2, 3), np.uint8))
    assert pixels(analyze(tmp_path)) == {"#000000": 10, "#0080ff": 6, "#ff0000": 2}


def test_a_mask_of_void_pixels_alone_is_a_sample_without_a_class(tmp_path):
    pair(tmp_path, "masks/1.png", "images/1.jpg")
    pair(tmp_path, "masks/2.png", "images/2.jpg", np.full((2, 2), 255, np.uint8))
    stats = analyze(tmp_path)
    assert (stats.n_samples, stats.n_unlabelled) == (2, 1)


CSV = "name,r,g,b\nsky,0,0,0\ncar,255,0,0\nroad,0,128,255\nunused,9,9,9\n"
TABLES = {
    "class_dict.csv": CSV,
    "label_colors.txt": "0 0 0\tsky\n255 0 0\tcar\n0 128 255\troad\n9 9 9 unused\n",
    "labelmap.txt": "# label:color_rgb:parts:actions\nsky:0,0,0::\ncar:255,0,0::\n"
    "road:0,128,255::\nunused:9,9,9::\n",
}
NAMED = {"sky": 2, "car": 1, "road": 3, "unused": 0}


@pytest.mark.parametrize(("name", "text"), TABLES.items(), ids=TABLES.keys())
@pytest.mark.parametrize(
    "values", [COLOURS[MASK], palette(MASK), MASK], ids=["RGB", "palette", "index"]
)
def test_colours_have_the_names_of_a_table(tmp_path, name, text, values):
    pair(tmp_path, "masks/1.png", "images/1.jpg", values)
    (tmp_path / name).write_text(text)
    stats = analyze(tmp_path)
    assert pixels(stats) == NAMED
    assert f"named by {name}" in stats.source
    assert_same_however_read(tmp_path)


NAME_FILES = {
    "classes.txt": "sky\ncar\nroad\nunused\n",
    "classes.json": '["sky", "car", "road", "unused"]',
    "class_names.json": '{"3": "unused", "0": "sky", "1": "car", "2": "road"}',
}


@pytest.mark.parametrize(("name", "text"), NAME_FILES.items(), ids=NAME_FILES.keys())
def test_indices_have_the_names_of_a_file(tmp_path, name, text):
    pair(tmp_path, "masks/1.png", "images/1.jpg")
    (tmp_path / name).write_text(text)
    assert pixels(analyze(tmp_path)) == NAMED


def test_values_and_colours_that_are_not_declared_are_told(tmp_path):
    pair(tmp_path, "masks/1.png", "images/1.jpg")
    (tmp_path / "classes.txt").write_text("sky\ncar\n")
    stats = analyze(tmp_path)
    assert pixels(stats) == {"sky": 2, "car": 1}
    assert issues_of(stats)["BK215"].examples == (f"{tmp_path}/masks/1.png (value 2: 3 pixels)",)
    (tmp_path / "classes.txt").unlink()
    (tmp_path / "class_dict.csv").write_text("name,r,g,b\nsky,0,0,0\ncar,255,0,0\n")
    save(tmp_path / "masks" / "1.png", COLOURS[MASK])
    stats = analyze(tmp_path)
    assert pixels(stats) == {"sky": 2, "car": 1}
    assert "(#0080ff: 3 pixels)" in issues_of(stats)["BK215"].examples[0]


def smeared(size=128):
    """A bright disc with soft edges: [size, size]."""
    y, x = np.mgrid[:size, :size] - size / 2
    return np.clip((size / 4 - np.hypot(x, y)) * 60 + 128, 0, 255).astype(np.uint8)


def test_soft_edges_of_black_and_white_are_put_to_the_nearer(tmp_path):
    values = smeared()
    pair(tmp_path, "masks/1.png", "images/1.jpg", values)
    stats = analyze(tmp_path)
    assert pixels(stats) == {
        "background": int((values < 128).sum()),
        "foreground": int((values >= 128).sum()),
    }
    assert "foreground from value 128 on" in stats.source


def test_class_folders_name_the_foreground_of_black_and_white(tmp_path):
    for name, values in (("MT_Fray", MASK > 1), ("MT_Free", MASK > 9)):
        pair(tmp_path, f"{name}/Imgs/1.png", f"{name}/Imgs/1.jpg", np.uint8(values) * 255)
    stats = analyze(tmp_path, format="masks")
    assert pixels(stats) == {
        "MT_Fray_background": 3,
        "MT_Fray": 3,
        "MT_Free_background": 6,
        "MT_Free": 0,
    }
    assert_same_however_read(tmp_path)


# --- what is broken -----------------------------------------------------------------------------


def noise():
    return np.random.default_rng(0).integers(0, 255, (32, 32, 3), np.uint8)


def broken_png(path):
    save(path, noise())
    path.write_bytes(path.read_bytes()[:-200])


BAD = {
    "truncated": (broken_png, "OSError"),
    "HTML": (lambda path: path.write_text("<html>404"), "UnidentifiedImageError"),
    "empty": (lambda path: path.touch(), "UnidentifiedImageError"),
    "a photograph": (lambda path: save(path, noise()), "more than 256 colours"),
    "colours among indices": (lambda path: save(path, COLOURS[MASK]), "it has colours"),
    "a JPEG": (lambda path: save(path, MASK, format="JPEG"), "store masks as PNG"),
    "floats": (lambda path: save(path, MASK.astype(np.float32), format="TIFF"), "are floats"),
    "a folder": (lambda path: path.mkdir(), "no regular file"),
}


@pytest.mark.parametrize(("make", "why"), BAD.values(), ids=BAD.keys())
def test_masks_that_cannot_be_read_are_told_and_left_out(tmp_path, make, why):
    for i in range(60):  # of which the reader looks at some
        pair(tmp_path, f"masks/{i:02}.png", None)
    pair(tmp_path, "masks/00.png", "images/00.jpg")
    bad = tmp_path / "masks" / "01.png"
    bad.unlink()
    make(bad)
    stats = analyze(tmp_path, verify="none")
    assert stats.n_samples == 59
    assert issues_of(stats)["BK214"].count == 1
    assert why in issues_of(stats)["BK214"].examples[0]
    with pytest.warns(BalancekitWarning, match="1 × mask unreadable"):
        assert read(tmp_path).n_samples == 59


def test_a_jpeg_of_black_and_white_counts_where_it_is_sure(tmp_path):
    pair(tmp_path, "masks/1.jpg", "images/1.jpg", smeared())
    stats = analyze(tmp_path)
    counted = pixels(stats)
    assert set(counted) == {"background", "foreground"}
    assert 0.9 * 128 * 128 < sum(counted.values()) < 128 * 128
    assert "as a JPEG smears them" in issues_of(stats)["BK215"].examples[0]


def test_a_bomb_is_refused(tmp_path):
    pair(tmp_path, "masks/1.png", "images/1.jpg")
    header = Image.new("1", (30000, 30000))
    header.save(tmp_path / "masks" / "2.png")
    stats = analyze(tmp_path, verify="none")
    assert issues_of(stats)["BK214"].count == 1
    assert stats.n_samples == 1


REFUSED = {
    "an empty folder": ({}, r"expected masks such as masks/1\.png"),
    "a label": ({"label": "x"}, "label: expected only with a table"),
}


@pytest.mark.parametrize(("options", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_what_holds_no_masks_is_refused_in_words(tmp_path, options, words):
    with pytest.raises(BalancekitError, match=words):
        read(tmp_path, format="masks", **options)
    (tmp_path / "x.png").touch()
    with pytest.raises(DataError, match="expected a folder of masks, got a file"):
        read(tmp_path / "x.png", format="masks")


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
@pytest.mark.filterwarnings("ignore")
def test_any_bytes_give_labels_or_an_error_of_ours(tmp_path, data):
    pair(tmp_path, "masks/1.png", "images/1.jpg")
    content = bytearray((tmp_path / "masks" / "1.png").read_bytes())
    for _ in range(data.draw(st.integers(0, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    (tmp_path / "masks" / "1.png").write_bytes(content)
    (tmp_path / "labelmap.txt").write_bytes(data.draw(st.binary(max_size=60)))
    try:
        labels = read(tmp_path, format="masks")
    except BalancekitError:
        return
    assert labels.n_samples == 1


# --- as some tools export them ------------------------------------------------------------------


def test_greys_of_a_gif_are_its_values_whatever_its_palette(tmp_path):
    for name, values in {"1": [[255, 255]], "2": [[0, 255]], "3": [[0, 0]]}.items():
        pair(tmp_path, f"masks/{name}.gif", f"images/{name}.jpg", np.array(values, np.uint8))

    assert pixels(analyze(tmp_path)) == {"background": 3, "foreground": 3}


def test_masks_of_roboflow_beside_their_pictures_are_recognised_and_named(tmp_path):
    for split in ("train", "valid"):
        pair(tmp_path, f"{split}/a.rf.1_mask.png", f"{split}/a.rf.1.jpg")
        classes = "Pixel Value, Class\n0, background\n2, dog\n1, cat\n"
        (tmp_path / split / "_classes.csv").write_text(classes)

    stats = analyze(tmp_path)

    assert (stats.format, stats.task, stats.split) == ("masks", "segmentation", "train")
    assert pixels(stats) == {"background": 2, "cat": 1, "dog": 3}


@pytest.mark.parametrize(
    "text",
    ["filename, cat\n0.jpg, 1\n", "Pixel Value, Class\n0, a\n9, b\n", "", "Pixel Value, Class\n"],
    ids=["indicators", "gaps", "empty", "no rows"],
)
def test_another_table_of_classes_names_no_values(tmp_path, text):
    pair(tmp_path, "a_mask.png", "a.jpg")
    (tmp_path / "_classes.csv").write_text(text)

    assert pixels(analyze(tmp_path, format="masks")) == {"0": 2, "1": 1, "2": 3}


def test_a_few_names_that_end_like_masks_are_no_masks(tmp_path):
    for name in ("1.jpg", "1_label.png", *(f"{i}.jpg" for i in range(2, 9))):
        save(tmp_path / name, MASK)

    assert recognise(tmp_path) is None


@pytest.mark.parametrize("checks", [{"duplicates": True}, {"quality": True}], ids=str)
def test_a_mask_is_never_looked_at_for_its_missing_picture(tmp_path, checks):
    noise = np.random.default_rng(0).integers(0, 256, (9, 9, 3), np.uint8)
    values = np.tile(np.arange(3, dtype=np.uint8), (9, 3))
    for number in range(3):
        save(tmp_path / f"masks/{number}.png", values)
        save(tmp_path / f"images/{number}.jpg", np.roll(noise, 40 * number))
    (tmp_path / "images/1.jpg").unlink()
    (tmp_path / "images/2.jpg").unlink()
    stats = analyze(tmp_path, format="masks", **checks)
    assert (stats.n_samples, stats.n_checked) == (3, 1)
    assert issues_of(stats)["BK219"].count == 2
    if checks.get("duplicates"):
        assert (stats.duplicates.n_compared, stats.duplicates.n_exact) == (1, 0)
    else:
        assert stats.quality.n_pictures == 1


@pytest.mark.parametrize(
    "name",
    [
        ("ISIC_Training_Part1_GroundTruth/1_segmentation.png", "ISIC_Training_Data/1.jpg"),
        ("LabeledApproved_full/1_L.png", "701_StillsRaw_full/1.png"),
        ("v2.0/labels/1.png", "images/1.jpg"),
    ],
    ids=["ISIC", "CamVid", "Mapillary"],
)
def test_pictures_are_found_by_the_names_of_their_masks_or_above_a_version(tmp_path, name):
    pair(tmp_path, *name)

    stats = analyze(tmp_path)

    assert (stats.format, pixels(stats)) == ("masks", {"0": 2, "1": 1, "2": 3})
    assert issues_of(stats).keys().isdisjoint({"BK219", "BK220"})


@pytest.mark.parametrize("names", [("mask/1.jpg", "nomask/1.jpg"), ("left/1_l.png", "right/1.png")])
def test_class_folders_with_files_of_the_same_names_are_no_masks(tmp_path, names):
    for name in names:
        save(tmp_path / name, MASK)

    assert recognise(tmp_path) is None


def test_a_second_folder_of_masks_to_the_same_pictures_is_left_aside_and_told(tmp_path):
    pair(tmp_path, "masks/1.png", "images/1.jpg")
    pair(tmp_path, "labels/1.png", None, MASK + 1)

    source = open_source(tmp_path)

    assert source.description.endswith("; other masks left aside: masks")
    assert source.read_labels().class_names == ("1", "2", "3")
