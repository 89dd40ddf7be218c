"""Pictures of other splits among those that are copied: found, told, refused."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from balancekit.engines import SerialEngine, ThreadEngine
from balancekit.errors import DataError
from balancekit.materialize.augmented import DiskOptions, augment_to_disk
from balancekit.materialize.augmented.leaks import Leak, find_leaks
from tests.materialize.augmented.cases import picture, write_classes


@pytest.fixture
def splits(tmp_path):
    """Training and validation pictures, none of which are the same."""
    write_classes(tmp_path / "data" / "train")
    write_classes(tmp_path / "data" / "val", {"rare": 2, "some": 2, "many": 2}, seed=9)
    return tmp_path / "data"


def found(splits):
    parents = sorted(map(str, (splits / "train").rglob("*.*")))
    held_out = sorted(map(str, (splits / "val").rglob("*.*")))
    return find_leaks(parents, held_out, SerialEngine())


def same_bytes(train, val):
    val.write_bytes(train.read_bytes())


def other_compression(train, val):
    Image.open(train).save(val, compress_level=0)


def other_format(train, val):
    Image.open(train).save(val.with_suffix(".bmp"))


def another_kind_of_colours(train, val):
    Image.open(train).convert("RGBA").save(val)


def turned_by_the_camera(train, val):
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = Image.open(train).transpose(Image.Transpose.ROTATE_90)
    turned.save(val, exif=exif)


LEAKS = (
    same_bytes,
    other_compression,
    other_format,
    another_kind_of_colours,
    turned_by_the_camera,
)


@pytest.mark.parametrize("leak", LEAKS, ids=lambda leak: leak.__name__)
def test_the_same_pixels_are_a_leak_whatever_the_file(leak, splits):
    train = splits / "train" / "rare" / "1.png"
    leak(train, splits / "val" / "some" / "leaked.png")
    (told,) = found(splits)
    assert told.parent == str(train)
    assert "leaked" in told.held_out


def test_splits_that_share_nothing_have_no_leak(splits):
    assert found(splits) == ()


def test_files_that_cannot_be_decoded_are_no_leak(splits):
    for path in (splits / "train" / "rare" / "0.png", splits / "val" / "rare" / "0.png"):
        path.write_bytes(b"the same nonsense")
    assert found(splits) == ()


def test_dark_pictures_of_16_bits_that_differ_are_no_leak(tmp_path):
    for name, level in (("a", 3), ("b", 4)):
        Image.new("I;16", (8, 8), level).save(tmp_path / f"{name}.png")
    assert find_leaks([str(tmp_path / "a.png")], [str(tmp_path / "b.png")], SerialEngine()) == ()


@given(parents=st.sets(st.integers(0, 5)), held_out=st.sets(st.integers(0, 5)))
@settings(max_examples=15)
def test_leaks_are_the_pictures_on_both_sides(parents, held_out, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    sides = {}
    for side, numbers in (("a", parents), ("b", held_out)):
        sides[side] = [str(folder / f"{side}{number}.png") for number in sorted(numbers)]
        for number, path in zip(sorted(numbers), sides[side], strict=True):
            picture(number).save(path)
    both = sorted(parents & held_out)
    wanted = [Leak(str(folder / f"a{n}.png"), str(folder / f"b{n}.png")) for n in both]
    assert list(find_leaks(sides["a"], sides["b"], ThreadEngine(2))) == wanted


def test_a_leak_is_refused_with_both_paths(splits, tmp_path):
    same_bytes(splits / "train" / "rare" / "1.png", splits / "val" / "many" / "x.png")
    with pytest.raises(DataError, match=r"1 with the same pixels: .*rare/1\.png is .*many/x\.png"):
        augment_to_disk(splits, tmp_path / "new")
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_a_leak_can_be_insisted_on_and_stays_told(splits, tmp_path):
    same_bytes(splits / "train" / "rare" / "1.png", splits / "val" / "many" / "x.png")
    told = augment_to_disk(splits, tmp_path / "new", options=DiskOptions(allow_leaks=True))
    assert told.n_leaks == 1


def test_a_picture_that_is_not_copied_is_no_leak_of_copies(splits, tmp_path):
    same_bytes(splits / "train" / "many" / "1.png", splits / "val" / "many" / "x.png")
    assert augment_to_disk(splits, tmp_path / "new").n_leaks == 0


def test_the_other_splits_are_not_written(splits, tmp_path):
    augment_to_disk(splits, tmp_path / "new", target="max")
    folders = [path.name for path in (tmp_path / "new").iterdir() if not path.name.startswith(".")]
    assert folders == ["train"]
