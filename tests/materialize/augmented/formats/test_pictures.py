"""Pictures: decoded whole or told as bad, and encoded with all that a file of their kind keeps."""

import warnings
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from balancekit.augment.opencv import load_cv2
from balancekit.errors import DataError
from balancekit.materialize.augmented.formats.pictures import (
    PictureKind,
    decode_picture,
    encode_picture,
)

ORIENTATION = 0x0112
RNG = np.random.default_rng(0)


def noise(*shape, dtype=np.uint8):
    return RNG.integers(0, np.iinfo(dtype).max + 1, shape, dtype)


def saved(picture, file_format="PNG", **options):
    file = BytesIO()
    picture.save(file, file_format, **options)
    return file.getvalue()


def turned_by_camera(height=4, width=6, orientation=6):
    """A JPEG that is stored lying and to be shown upright."""
    picture = Image.fromarray(np.repeat(np.repeat(noise(height, width), 8, 0), 8, 1))
    exif = picture.getexif()
    exif[ORIENTATION] = orientation
    return saved(picture, "JPEG", exif=exif)


JPEG = saved(Image.fromarray(noise(40, 60, 3)), "JPEG")
PNG = saved(Image.fromarray(noise(40, 60, 3)))
FLOATS = saved(Image.fromarray(np.linspace(-5, 5, 12, dtype=np.float32).reshape(3, 4)), "TIFF")
WIDE = saved(Image.fromarray(np.array([[-7, 70_000]], np.int32)), "TIFF")

BAD = {
    "empty": (b"", "an empty file"),
    "truncated-jpeg": (JPEG[:-200], "image file is truncated"),
    "truncated-png": (PNG[: len(PNG) // 2], "truncated"),
    "html": (b"<!DOCTYPE html><html>404</html>", "text that begins '<!DOCTYPE html>"),
    "json": (b'{"error": "not found"}', "text that begins '{"),
    "no-picture": (b"\x00\x01\x02" * 50, "a file of no known format"),
    "floats": (FLOATS, "values are not of 8 or 16 bits"),
    "32-bits": (WIDE, "values are not of 8 or 16 bits"),
}


@pytest.mark.parametrize(("content", "told"), BAD.values(), ids=BAD.keys())
def test_a_bad_file_is_told_and_never_passes(tmp_path, content, told):
    path = tmp_path / "1.jpg"
    path.write_bytes(content)
    with pytest.raises(DataError) as error:
        decode_picture(path)
    assert str(error.value).startswith(f"{path}: expected a picture that decodes whole, got ")
    assert told in str(error.value)
    assert "Replace the file, or take it out of the data." in str(error.value)


def test_a_missing_file_and_a_folder_are_told(tmp_path):
    with pytest.raises(DataError, match="nothing there"):
        decode_picture(tmp_path / "1.jpg")
    with pytest.raises(DataError, match="no regular file"):
        decode_picture(tmp_path)


GOOD = {
    "grey-jpeg": (saved(Image.fromarray(noise(9, 7)), "JPEG"), (9, 7), "uint8", ".jpg"),
    "rgb-jpeg": (JPEG, (40, 60, 3), "uint8", ".jpg"),
    "cmyk": (saved(Image.new("CMYK", (7, 9), (9, 99, 0, 3)), "JPEG"), (9, 7, 3), "uint8", ".jpg"),
    "one-pixel": (saved(Image.fromarray(noise(1, 1, 3))), (1, 1, 3), "uint8", ".png"),
    "grey-16": (saved(Image.fromarray(noise(9, 7, dtype=np.uint16))), (9, 7), "uint16", ".png"),
    "grey-16-tiff": (
        saved(Image.fromarray(noise(9, 7, dtype=np.uint16)), "TIFF"),
        (9, 7),
        "uint16",
        ".png",
    ),
    "alpha": (saved(Image.fromarray(noise(9, 7, 4))), (9, 7, 4), "uint8", ".png"),
    "grey-alpha": (saved(Image.fromarray(noise(9, 7, 2))), (9, 7, 2), "uint8", ".png"),
    "palette": (saved(Image.fromarray(noise(9, 7)).convert("P")), (9, 7, 3), "uint8", ".png"),
    "bits": (saved(Image.fromarray(noise(9, 7)).convert("1")), (9, 7), "uint8", ".png"),
    "bmp": (saved(Image.fromarray(noise(9, 7, 3)), "BMP"), (9, 7, 3), "uint8", ".png"),
}


@pytest.mark.parametrize(("content", "shape", "dtype", "suffix"), GOOD.values(), ids=GOOD.keys())
def test_a_picture_keeps_its_bits_and_its_kind(tmp_path, content, shape, dtype, suffix):
    path = tmp_path / "1"
    path.write_bytes(content)
    image, kind = decode_picture(path)
    assert (image.shape, image.dtype.name, kind.suffix) == (shape, dtype, suffix)
    again = encode_picture(image, kind)
    assert again == encode_picture(image.copy(), kind)
    path.write_bytes(again)
    back, kind_again = decode_picture(path)
    assert (back.shape, back.dtype, kind_again.suffix) == (image.shape, image.dtype, suffix)
    if suffix == ".png":
        np.testing.assert_array_equal(back, image)


def test_an_animation_is_its_first_picture(tmp_path):
    first, second = (Image.fromarray(np.full((5, 6), grey, np.uint8)) for grey in (0, 255))
    (tmp_path / "1.gif").write_bytes(saved(first, "GIF", save_all=True, append_images=[second]))
    image, kind = decode_picture(tmp_path / "1.gif")
    assert kind.suffix == ".png"
    assert image.max() == 0


@pytest.mark.parametrize("n_channels", [3, 4])
def test_colours_of_16_bits_stay_such(tmp_path, n_channels):
    image = noise(8, 5, n_channels, dtype=np.uint16)
    content = encode_picture(image, PictureKind(".png"))
    np.testing.assert_array_equal(
        load_cv2().imdecode(np.frombuffer(content, np.uint8), -1)[..., [2, 1, 0]], image[..., :3]
    )
    (tmp_path / "1.png").write_bytes(content)
    np.testing.assert_array_equal(decode_picture(tmp_path / "1.png")[0], image)


def test_colours_of_16_bits_are_refused_where_they_would_be_cut(tmp_path):
    load_cv2().imwrite(str(tmp_path / "1.tif"), noise(8, 5, 3, dtype=np.uint16))
    with pytest.raises(DataError, match="kept of PNG in RGB or RGBA alone"):
        decode_picture(tmp_path / "1.tif")
    header = b"P6 2 1 65535\n"
    (tmp_path / "1.ppm").write_bytes(header + bytes(12))
    with pytest.raises(DataError, match="kept of PNG in RGB or RGBA alone"):
        decode_picture(tmp_path / "1.ppm")


def test_a_jpeg_loses_little_and_no_colour_of_small_things(tmp_path):
    image = np.zeros((16, 16, 3), np.uint8)
    image[::2, ::2] = (255, 0, 0)  # at half the resolution of colour these would be grey
    (tmp_path / "1.jpg").write_bytes(encode_picture(image, PictureKind(".jpg")))
    back = decode_picture(tmp_path / "1.jpg")[0].astype(int)
    assert (back[::2, ::2, 0] - back[::2, ::2, 1]).mean() > 200
    assert np.abs(back - image).mean() < 8  # quality 95 of the hardest picture there is


@pytest.mark.parametrize("shape", [(9, 13, 3), (9, 13)], ids=["RGB", "grey"])
def test_a_jpeg_has_the_pixels_that_pillow_would_write(shape):
    image = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    file = BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=95, subsampling=0)
    ours = BytesIO(encode_picture(image, PictureKind(".jpg")))
    assert np.array_equal(np.asarray(Image.open(ours)), np.asarray(Image.open(file)))


def test_the_meaning_of_colours_is_kept(tmp_path):
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for file_format in ("JPEG", "PNG"):
        path = tmp_path / file_format
        path.write_bytes(saved(Image.fromarray(noise(8, 8, 3)), file_format, icc_profile=profile))
        path.write_bytes(encode_picture(*decode_picture(path)))
        with Image.open(path) as picture:
            assert picture.info["icc_profile"] == profile


# --- how a camera was held ----------------------------------------------------------------------


def test_a_picture_is_turned_as_its_camera_noted(tmp_path):
    path = tmp_path / "1.jpg"
    path.write_bytes(turned_by_camera())
    image, kind = decode_picture(path)
    assert image.shape == (48, 32)
    with Image.open(path) as picture:
        stored = np.asarray(picture)
    np.testing.assert_array_equal(image, np.rot90(stored, -1))
    path.write_bytes(encode_picture(image, kind))
    with Image.open(path) as picture:  # not to be turned a second time
        assert picture.getexif().get(ORIENTATION, 1) == 1


@pytest.mark.parametrize(
    ("declared", "shape"), [((32, 48), (48, 32)), ((48, 32), (32, 48)), (None, (48, 32))]
)
def test_the_declared_size_tells_which_way_annotations_lie(tmp_path, declared, shape):
    (tmp_path / "1.jpg").write_bytes(turned_by_camera())
    assert decode_picture(tmp_path / "1.jpg", declared)[0].shape == shape


def test_another_size_than_declared_is_told(tmp_path):
    (tmp_path / "1.jpg").write_bytes(JPEG)
    with pytest.raises(DataError, match="60 × 40 px where its annotations say 30 × 20, so that"):
        decode_picture(tmp_path / "1.jpg", (30, 20))


def test_what_pillow_finds_odd_and_reads_all_the_same_is_no_bad_picture(tmp_path):
    cut_short = b"Exif\0\0MM\0*\0\0\0\x08\0\x10\x01\x12"
    (tmp_path / "odd.jpg").write_bytes(saved(Image.new("RGB", (9, 8)), "JPEG", exif=cut_short))
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        assert decode_picture(tmp_path / "odd.jpg")[0].shape == (8, 9, 3)
    assert told == []
