"""The operations do what their names say, exactly where exactness can be had."""

import sys

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import balancekit.augment as augment
from balancekit.augment import native, operation_names, tables
from balancekit.augment.backends import compile_operations
from balancekit.augment.moving import NO_PAIRS
from balancekit.augment.opencv import load_cv2
from balancekit.augment.scene import Scene
from balancekit.errors import MissingLibraryError, OptionError
from balancekit.plan.operations import LIMITS, Operation, name_of

pytest.importorskip("cv2", reason="OpenCV is optional")

PICTURES = hnp.arrays(
    st.sampled_from([np.uint8, np.uint16]),
    st.one_of(
        st.tuples(st.integers(1, 9), st.integers(1, 9)),
        st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 6)),
    ),
)


def ramp(shape=(16, 24, 3), dtype=np.uint8):
    full = 1 if np.dtype(dtype).kind == "f" else np.iinfo(dtype).max
    return (np.linspace(0, full, int(np.prod(shape))).reshape(shape)).astype(dtype)


def apply_operation(image, operation, rng):
    surely = msgspec.structs.replace(operation, probability=1.0)
    step = compile_operations([surely], "auto", NO_PAIRS)
    return step(Scene.of_picture(image), rng).image


@given(PICTURES, st.booleans(), st.booleans())
def test_flips_are_exact(image, horizontally, vertically):
    expected = image[:: -1 if vertically else 1, :: -1 if horizontally else 1]
    result = native.flip(image, horizontally=horizontally, vertically=vertically)
    assert np.array_equal(result, expected)
    assert result.flags.c_contiguous


@given(PICTURES, st.integers(0, 4))
def test_turns_are_exact(image, n_quarters):
    assert np.array_equal(native.turn(image, n_quarters), np.rot90(image, n_quarters))


@given(PICTURES, st.sampled_from(Operation.__args__), st.integers(0, 99))
def test_every_operation_keeps_shape_and_dtype_of_every_picture(image, kind, seed):
    before = image.copy()
    result = apply_operation(image, kind(), np.random.default_rng(seed))
    assert (result.shape, result.dtype) == (image.shape, image.dtype)
    assert np.array_equal(image, before)


def test_turns_of_a_square_come_equally_often_and_others_are_turned_by_half():
    square, oblong = np.arange(4, dtype=np.uint8).reshape(2, 2), ramp((2, 3))
    rng = np.random.default_rng(0)
    seen = {apply_operation(square, augment.QuarterTurn(), rng).tobytes() for _ in range(50)}
    assert seen == {np.rot90(square, k).tobytes() for k in (1, 2, 3)}
    turned = apply_operation(oblong, augment.QuarterTurn(), rng)
    assert np.array_equal(turned, oblong[::-1, ::-1])


@given(PICTURES)
def test_the_colour_of_the_edge_is_its_median(image):
    edge = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
    assert np.array_equal(native.edge_colour(image), np.rint(np.median(edge, axis=0)))


def test_a_crop_shows_a_part_and_nothing_else():
    image = np.zeros((40, 40), np.uint8)
    image[10:30, 10:30] = 200
    assert (native.crop_and_enlarge(image, top=10, left=10, height=20, width=20) == 200).all()


def test_a_shrunken_picture_lies_on_the_colour_of_its_edge():
    image = np.full((40, 40, 3), (100, 50, 25), np.uint8)
    image[10:30, 10:30] = 255
    image[0, 20] = 255  # a stroke that touches the edge does not change its colour
    small = native.shrink_and_fill(image, top=5, left=10, height=20, width=20)
    assert small[0, 0].tolist() == [100, 50, 25]
    assert small[39, 39].tolist() == [100, 50, 25]
    assert small[15, 20].tolist() == [255, 255, 255]
    assert (small[10:20, 15:25] == 255).all()


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64"])
def test_colours_change_alike_in_every_dtype(dtype):
    image = ramp(dtype=dtype)
    full = 1 if image.dtype.kind == "f" else np.iinfo(dtype).max
    reference = image.astype(np.float64) / full
    for change in (native.change_brightness, native.change_contrast, native.change_saturation):
        for factor in (0.7, 1.4):
            wanted = change(reference, factor)
            # One grey level of uint8: OpenCV rounds the grey and the mixture.
            assert np.abs(change(image, factor) / full - wanted).max() < 1.01 / 255


def test_tables_are_looked_up_alike_by_every_library():
    table = np.random.default_rng(0).integers(0, 256, 256).astype(np.uint8)
    for shape in ((5, 7), (5, 7, 3), (4, 4, 6), (1, 1)):
        image = ramp(shape)
        assert np.array_equal(tables.table_lookup()(image, table), table[image])
        assert np.array_equal(tables._by_opencv(image, table), table[image])


def test_saturation_zero_is_grey_and_other_pictures_stay():
    grey = native.change_saturation(ramp(), 0.0)
    assert (np.ptp(grey.astype(int), axis=2) == 0).all()
    four = ramp((8, 8, 4))
    assert np.array_equal(native.change_saturation(four, 0.0), four)


def test_noise_has_the_strength_that_was_asked_for():
    image = np.full((200, 200), 128, np.uint8)
    noisy = native.add_noise(image, 0.04, np.random.default_rng(0))
    # Standard error of a standard deviation from 40 000 values: 0.4 %; rounding adds 0.04.
    assert noisy.astype(float).std() == pytest.approx(0.04 * 255, rel=0.02)


@pytest.mark.parametrize("shape", [(9, 7), (9, 7, 3), (1, 1)])
def test_noise_is_the_same_in_pieces_and_at_once(shape, monkeypatch):
    image = ramp(shape)
    pictures = []
    for n_values in (12, 10**6):
        monkeypatch.setattr(native, "VALUES_AT_ONCE", n_values)
        pictures.append(native.add_noise(image, 0.2, np.random.default_rng(0)))
    assert np.array_equal(*pictures)
    assert not np.array_equal(pictures[0], image)


def test_hues_are_turned_as_by_albumentations():
    functional = pytest.importorskip("albumentations.augmentations.pixel.functional")
    image = np.random.default_rng(0).integers(0, 256, (50, 40, 3)).astype(np.uint8)
    for share in (-0.4, -0.01, 0.003, 0.25):
        wanted = functional.adjust_hue_torchvision(image, share)
        assert np.array_equal(native.change_hue(image, share), wanted)


def test_blur_keeps_the_mean_and_takes_the_detail():
    image = np.random.default_rng(0).random((64, 64, 7))
    blurred = native.blur(image, 1.0)
    assert blurred.mean() == pytest.approx(image.mean(), abs=5e-3)
    assert blurred.std() < 0.5 * image.std()


@pytest.mark.parametrize("kind", Operation.__args__, ids=name_of)
def test_parameters_are_checked_when_an_operation_is_made(kind):
    for field in kind.__struct_fields__:
        lowest, highest, _ = LIMITS[field]
        for wrong in (lowest - 1, highest + 1, float("nan"), "0.5", True):
            with pytest.raises(OptionError, match=f"{kind.__name__}.{field}: expected"):
                kind(**{field: wrong})


@pytest.mark.parametrize(
    ("error", "says"),
    [
        pytest.param(ModuleNotFoundError("No module named 'cv2'"), r"'\.\[train\]'", id="missing"),
        pytest.param(
            ImportError("libGL.so.1: cannot open shared object file"), "headless", id="libgl"
        ),
        pytest.param(ImportError("undefined symbol"), "Reinstall", id="broken"),
    ],
)
def test_an_opencv_that_does_not_load_is_explained(monkeypatch, error, says):
    class Finder:
        def find_spec(self, name, path=None, target=None):
            if name == "cv2":
                raise error

    monkeypatch.delitem(sys.modules, "cv2", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Finder(), *sys.meta_path])
    with pytest.raises(MissingLibraryError, match=says):
        load_cv2()


def test_the_public_names_are_those_that_are_there():
    assert sorted(augment.__all__, key=str.lower) == sorted(set(augment.__all__), key=str.lower)
    assert all(getattr(augment, name) is not None for name in augment.__all__)
    assert set(operation_names()) == {name_of(kind) for kind in Operation.__args__}


@given(hnp.arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9), st.just(3))))
def test_rgb_in_four_channels_is_moved_as_in_three(image):
    cv2 = load_cv2()
    matrix = np.array([[0.9, 0.2, 0.5], [-0.2, 0.9, 1.0]])

    def moved(part):
        return cv2.warpAffine(part, matrix, image.shape[1::-1], borderValue=(9, 8, 7, 6))

    assert np.array_equal(native.in_fours(image, moved), moved(image))


def test_numbers_of_16_bits_are_looked_up_alike_by_numpy_and_whatever_is_taken():
    rng = np.random.default_rng(0)
    table = rng.integers(-(2**15), 2**15, 2**16).astype(np.int16)
    places = rng.integers(0, 2**16, (7, 9)).astype(np.uint16)
    for lookup in (tables._wide_by_numpy, tables.wide_table_lookup()):
        assert np.array_equal(lookup(places, table), table[places])


@pytest.mark.parametrize("sigma_px", [0.4, 0.6, 1.0, 1.7])
def test_white_in_float_stays_within_the_range_after_a_blur(sigma_px):
    for n_channels in (3, 4, 7):
        assert native.blur(np.ones((9, 9, n_channels)), sigma_px).max() <= 1
