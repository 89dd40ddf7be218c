"""Image folders and masks: new samples lie beside their parents, masks with them."""

import pickle

import numpy as np
import pytest
from PIL import Image

from balancekit import read
from balancekit.errors import DataError
from balancekit.materialize.augmented.formats import open_annotated, other_splits
from balancekit.materialize.augmented.formats.mask_file import decode_mask, encode_mask

RNG = np.random.default_rng(0)
PALETTE = [0, 0, 0, 128, 0, 0, 0, 128, 0]


def save(path, array, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path, **options)


def picture(path, height=12, width=16, **options):
    smooth = np.add.outer(np.arange(height) * 9, np.arange(width) * 5).astype(np.uint8)
    save(path, np.stack([smooth, smooth[::-1], 255 - smooth], 2), **options)


def blob(height=12, width=16, value=1):
    mask = np.zeros((height, width), np.uint8)
    mask[3:7, 2:9] = value
    return mask


def palette_mask(path, values):
    path.parent.mkdir(parents=True, exist_ok=True)
    mask = Image.fromarray(values)
    mask.putpalette(PALETTE)
    mask.save(path)


# --- image folders ------------------------------------------------------------------------------


def image_folder(root, split=""):
    for class_name, n in (("cat", 3), ("dog", 1)):
        for i in range(n):
            picture(root / split / class_name / f"{i}.jpg")
    return root


@pytest.mark.parametrize("split", ["", "train"])
def test_class_folders_grow_where_they_are(tmp_path, written, split):
    annotated = open_annotated(image_folder(tmp_path / "data", split))
    assert (annotated.format, annotated.class_names) == ("image-folder", ("cat", "dog"))
    assert annotated.ids[-1] == f"{split}/dog/0.jpg".lstrip("/")
    assert annotated.labels.class_counts().tolist() == [3, 1]
    assert annotated.read(3).class_ids.tolist() == [1]
    out = written(annotated, [3, 3 - 3])
    labels = read(out)
    assert dict(zip(labels.class_names, labels.class_counts().tolist(), strict=True)) == {
        "cat": 4,
        "dog": 2,
    }
    assert (out / split / "dog" / "new-003.jpg").is_file()


def test_other_splits_are_listed_and_not_taken(tmp_path):
    image_folder(tmp_path, "train")
    picture(tmp_path / "val/dog/7.jpg")
    assert not any("val" in name for name in open_annotated(tmp_path).ids)
    assert other_splits(tmp_path) == {"val": (str(tmp_path / "val/dog/7.jpg"),)}


def test_only_held_out_data_are_refused_unless_asked_for(tmp_path):
    image_folder(tmp_path, "test")
    picture(tmp_path / "val/dog/7.jpg")
    with pytest.raises(DataError, match="expected the split 'train', got 'test' alone"):
        open_annotated(tmp_path)
    assert open_annotated(tmp_path, split="test").ids[0] == "test/cat/0.jpg"


def test_a_mask_beside_a_picture_moves_with_it(tmp_path, written, mirror):
    for name in ("a", "b"):
        picture(tmp_path / f"data/hole/Imgs/{name}.jpg")
        save(tmp_path / f"data/hole/Imgs/{name}.png", blob(value=255))
        picture(tmp_path / f"data/free/Imgs/{name}.bmp")
        save(tmp_path / f"data/free/Imgs/{name}.png", blob(value=0))
    annotated = open_annotated(tmp_path / "data", format="image-folder")
    assert annotated.problems["mask-beside-picture"].count == 4
    out = written(annotated)
    labels = read(out, format="image-folder")
    assert labels.class_counts().tolist() == [4, 4]
    values, _ = decode_mask(out / "hole/Imgs/new-002.png")
    np.testing.assert_array_equal(values, blob(value=255)[:, ::-1])
    # A copy of a BMP cannot be a PNG here: of this name is its mask.
    assert (out / "free/Imgs/new-000.tif").is_file()
    back = open_annotated(out, format="image-folder")
    again = back.read(back.ids.index("free/Imgs/new-000.tif"))
    np.testing.assert_array_equal(again.scene.image, mirror(annotated.read(0).scene).image)


def test_a_mask_of_another_size_is_told(tmp_path):
    picture(tmp_path / "a/1.jpg")
    save(tmp_path / "a/1.png", blob(5, 5))
    annotated = open_annotated(tmp_path, format="image-folder")
    with pytest.raises(DataError, match="16 × 12 px where its annotations say 5 × 5"):
        annotated.read(0)


# --- masks --------------------------------------------------------------------------------------

KINDS = {
    "grey": blob(value=2),
    "16-bits": blob(value=2).astype(np.uint16) * 300,
    "bits": blob().astype(bool),
    "colours": np.array([[0, 0, 0], [0, 0, 255], [7, 9, 200]], np.uint8)[blob(value=2)],
    "light-colours": np.array([[9, 0, 0], [0, 0, 255], [7, 9, 200]], np.uint8)[blob(value=2)],
}


@pytest.mark.parametrize("array", KINDS.values(), ids=KINDS.keys())
def test_a_mask_keeps_its_mode_and_values(tmp_path, array):
    save(tmp_path / "1.png", array)
    values, kind = decode_mask(tmp_path / "1.png")
    assert values.dtype in (np.uint8, np.uint16)
    (tmp_path / "2.png").write_bytes(encode_mask(values, kind))
    with Image.open(tmp_path / "1.png") as one, Image.open(tmp_path / "2.png") as two:
        assert one.mode == two.mode
        np.testing.assert_array_equal(np.asarray(one), np.asarray(two))


def test_a_palette_is_kept_and_reaches_to_void(tmp_path):
    palette_mask(tmp_path / "1.png", blob(value=2))
    values, kind = decode_mask(tmp_path / "1.png")
    assert sorted(np.unique(values).tolist()) == [0, 2]
    values[0, 0] = 255  # what a turn uncovers
    (tmp_path / "2.png").write_bytes(encode_mask(values, kind))
    with Image.open(tmp_path / "2.png") as mask:
        assert mask.mode == "P"
        assert mask.getpalette()[:9] == PALETTE
        np.testing.assert_array_equal(np.asarray(mask), values)


def test_what_is_uncovered_in_a_mask_of_colours_is_black(tmp_path):
    save(tmp_path / "1.png", KINDS["light-colours"])
    values, kind = decode_mask(tmp_path / "1.png")
    assert values.min() == 1
    (tmp_path / "2.png").write_bytes(encode_mask(values * 0, kind))
    with Image.open(tmp_path / "2.png") as mask:
        assert np.asarray(mask).max() == 0


def test_a_jpeg_of_a_mask_is_black_and_white(tmp_path):
    save(tmp_path / "1.jpg", np.kron(blob(value=255), np.ones((3, 3), np.uint8)), quality=30)
    values, kind = decode_mask(tmp_path / "1.jpg")
    assert sorted(np.unique(values).tolist()) == [0, 255]
    assert kind.mode == "L"


BAD_MASKS = {
    "a-picture": (RNG.integers(0, 256, (40, 40, 3), np.uint8), "256 colours or more"),
    "floats": (np.zeros((3, 3), np.float32), "floats, which are no classes"),
    "32-bits": (np.full((3, 3), 70_000, np.int32), "which no PNG holds"),
}


@pytest.mark.parametrize(("array", "told"), BAD_MASKS.values(), ids=BAD_MASKS.keys())
def test_a_file_that_is_no_mask_is_told(tmp_path, array, told):
    save(tmp_path / "1.tif", array)
    with pytest.raises(DataError, match=told):
        decode_mask(tmp_path / "1.tif")


LAYOUTS = {
    "apart": ("images/{}.jpg", "masks/{}.png"),
    "splits": ("train/images/{}.jpg", "train/masks/{}.png"),
    "a-word-behind": ("{}.jpg", "{}_mask.png"),
    "both-ends": ("leftImg8bit/train/{}_leftImg8bit.png", "gtFine/train/{}_gtFine_labelIds.png"),
    "bmp": ("images/{}.bmp", "masks/{}.png"),
}


@pytest.mark.parametrize(("image", "mask"), LAYOUTS.values(), ids=LAYOUTS.keys())
def test_masks_are_written_as_they_are_laid_out(tmp_path, written, image, mask):
    for name, value in (("a1", 1), ("a2", 2), ("b1", 1)):
        picture(tmp_path / "data" / image.format(name))
        palette_mask(tmp_path / "data" / mask.format(name), blob(value=value))
    annotated = open_annotated(tmp_path / "data")
    assert annotated.format == "masks"
    out = written(annotated)
    labels = read(out)
    assert labels.class_names == annotated.class_names
    assert labels.class_counts().tolist() == [6, 4, 2]
    again = open_annotated(out)
    new = next(i for i, name in enumerate(again.ids) if "new-001" in name)
    np.testing.assert_array_equal(again.read(new).scene.mask, blob(value=2)[:, ::-1])


def test_names_of_classes_and_lists_go_along(tmp_path, written):
    root = tmp_path / "voc"
    for name in ("a", "b", "c"):
        picture(root / f"JPEGImages/{name}.jpg")
        palette_mask(root / f"SegmentationClass/{name}.png", blob(value=1))
    (root / "ImageSets/Segmentation").mkdir(parents=True)
    (root / "ImageSets/Segmentation/train.txt").write_text("a\nb\n")
    (root / "ImageSets/Segmentation/val.txt").write_text("c\n")
    (root / "classes.txt").write_text("ground\ncar\nsky\n")
    annotated = open_annotated(root)
    assert annotated.ids == ["JPEGImages/a.jpg", "JPEGImages/b.jpg"]
    assert [list(paths) for paths in other_splits(root).values()] == [
        [str(root / "JPEGImages/c.jpg")]
    ]
    out = written(annotated, [1])
    assert (out / "ImageSets/Segmentation/train.txt").read_text() == "a\nb\nnew-001\n"
    labels = read(out)
    assert labels.class_names == ("ground", "car", "sky")
    assert labels.class_counts().tolist() == [3, 3, 0]


def test_masks_and_pictures_without_each_other_are_told(tmp_path):
    for name in ("a", "b", "c"):
        picture(tmp_path / f"images/{name}.jpg")
        palette_mask(tmp_path / f"masks/{name}.png", blob())
    (tmp_path / "images/b.jpg").unlink()
    (tmp_path / "masks/c.png").unlink()
    annotated = open_annotated(tmp_path)
    assert annotated.ids == ["images/a.jpg"]
    assert annotated.problems["picture-missing"].count == 1
    assert annotated.problems["picture-without-annotation"].count == 1


def test_masks_alone_and_two_to_a_picture_are_refused(tmp_path):
    palette_mask(tmp_path / "alone/masks/a.png", blob())
    with pytest.raises(DataError, match="expected a picture to each mask, got masks alone"):
        open_annotated(tmp_path / "alone", format="masks")
    picture(tmp_path / "two/images/a.jpg")
    palette_mask(tmp_path / "two/masks/a.png", blob())
    palette_mask(tmp_path / "two/masks/a_mask.png", blob())
    with pytest.raises(DataError, match="expected one mask to each picture, got 2 to"):
        open_annotated(tmp_path / "two", format="masks")


def test_a_mask_that_is_cut_off_is_told(tmp_path):
    for name in ("a", "b"):
        picture(tmp_path / f"images/{name}.jpg")
        palette_mask(tmp_path / f"masks/{name}.png", RNG.integers(0, 3, (12, 16), np.uint8))
    annotated = open_annotated(tmp_path)
    path = tmp_path / "masks/a.png"
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(DataError, match=r"a\.png: expected a mask that decodes whole, got "):
        annotated.read(0)


@pytest.mark.parametrize("exif_side", ["shown", "stored"])
def test_a_mask_tells_which_way_its_picture_lies(tmp_path, exif_side):
    exif = Image.Exif()
    exif[0x0112] = 6
    picture(tmp_path / "images/a.jpg", 12, 16, exif=exif)
    shape = (16, 12) if exif_side == "shown" else (12, 16)
    palette_mask(tmp_path / "masks/a.png", blob(*shape))
    scene = open_annotated(tmp_path).read(0).scene
    assert scene.image.shape[:2] == scene.mask.shape == shape


def test_sets_travel_to_workers(tmp_path):
    annotated = open_annotated(image_folder(tmp_path))
    other = pickle.loads(pickle.dumps(annotated))
    np.testing.assert_array_equal(other.read(1).scene.image, annotated.read(1).scene.image)


def test_data_that_hold_no_pictures_of_these_formats_are_refused(tmp_path):
    (tmp_path / "labels.csv").write_text("name,label\na,1\nb,2\n")
    with pytest.raises(DataError, match="expected pictures in one of the formats image-folder, "):
        open_annotated(tmp_path / "labels.csv")
    with pytest.raises(DataError, match="expected a folder on this machine, got an address"):
        open_annotated("https://example.org/data.zip")
    with pytest.raises(DataError, match="got nothing there"):
        open_annotated(tmp_path / "absent")
