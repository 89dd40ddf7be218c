"""Masks, boxes, polygons and keypoints move along with the augmenters that users bring."""

import importlib.util
import pickle

import numpy as np
import pytest

from balancekit.augment import AugmentationPolicy, load_imgaug
from balancekit.augment.adapters import load_albumentations
from balancekit.augment.adapters.annotations import mask_for_opencv
from balancekit.augment.scene import Scene
from balancekit.errors import BalancekitWarning, OptionError
from balancekit.labels import SampleKey

KEYS = [SampleKey(0, index, 0) for index in range(20)]


@pytest.fixture(scope="module")
def albumentations():
    if importlib.util.find_spec("albumentations") is None:
        pytest.skip("albumentations is optional")
    return load_albumentations()


@pytest.fixture(scope="module")
def iaa():
    if importlib.util.find_spec("imgaug") is None:
        pytest.skip("imgaug is optional")
    return load_imgaug().augmenters


def square(seed, half=6, size=96):
    """A white square on black, and the same place as mask, box, polygon and keypoint."""
    x, y = np.random.default_rng(seed).integers(30, 64, 2)
    left, top, right, bottom = x - half, y - half, x + half, y + half
    image = np.zeros((size, size + 10, 3), np.uint8)
    image[top:bottom, left:right] = 255
    corners = [[left, top], [right, top], [right, bottom], [left, bottom]]
    return Scene(
        image=image,
        mask=(image[:, :, 0] > 0).astype(np.int64) * 70_000,
        boxes=[[left, top, right, bottom]],
        polygons=[[corners]],
        keypoints=[[[x, y], [np.nan, np.nan]]],
    )


def assert_aligned(scene, *, box_px):
    """What lies on the square in the picture lies on it still."""
    white = scene.image[:, :, 0] > 127
    rows, columns = np.nonzero(white)
    around = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    # albumentations counts in float32 shares of the picture.
    assert np.abs(scene.boxes[0] - around).max() <= box_px + 1e-4
    centre = np.array([columns.mean(), rows.mean()]) + 0.5
    assert np.abs(scene.keypoints[0, 0] - centre).max() <= 1
    assert np.isnan(scene.keypoints[0, 1]).all()
    assert np.abs(scene.polygons[0][0].mean(axis=0) - centre).max() <= 1
    covered = scene.mask == 70_000
    assert set(np.unique(scene.mask)) <= {0, 70_000}
    assert scene.mask.dtype == np.int64
    assert (covered & white).sum() / (covered | white).sum() >= 0.93


def albumentations_cases(a):
    return {
        "flips": (a.Compose([a.HorizontalFlip(), a.VerticalFlip(), a.Transpose()]), 0),
        "turns": (a.RandomRotate90(p=1), 0),
        "one-of": (a.OneOf([a.HorizontalFlip(p=1), a.VerticalFlip(p=1)], p=1), 0),
        # The box around a rotated box is larger than the rotated square, by up to a pixel here.
        "affine": (a.Affine(rotate=(-5, 5), translate_px=(-9, 9), p=1), 2),
        "crop": (a.CropAndPad(px=(-5, 5), keep_size=False, p=1), 0),
    }


@pytest.mark.parametrize("name", ["flips", "turns", "one-of", "affine", "crop"])
def test_annotations_move_with_albumentations(albumentations, name):
    augmenter, box_px = albumentations_cases(albumentations)[name]
    policy = AugmentationPolicy.from_augmenter(augmenter)
    moved = [policy(square(key.index), key) for key in KEYS]
    for scene in moved:
        assert_aligned(scene, box_px=box_px)
    assert len({scene.boxes.tobytes() for scene in moved}) > 5


@pytest.mark.parametrize("name", ["flips", "affine", "crop"])
def test_annotations_move_with_imgaug(iaa, name):
    augmenter, box_px = {
        "flips": (
            iaa.Sequential([iaa.Fliplr(0.5), iaa.Flipud(0.5), iaa.Rot90((0, 3), keep_size=False)]),
            0,
        ),
        "affine": (iaa.Affine(rotate=(-5, 5), translate_px=(-9, 9)), 2),
        "crop": (iaa.Crop(px=(0, 9), keep_size=False), 0),
    }[name]
    policy = AugmentationPolicy.from_augmenter(augmenter)
    moved = [policy(square(key.index), key) for key in KEYS]
    for scene in moved:
        assert_aligned(scene, box_px=box_px)
    assert len({scene.boxes.tobytes() for scene in moved}) > 5


def test_a_scene_gets_the_same_as_its_picture_alone(albumentations, iaa):
    a = albumentations
    for augmenter in (
        a.Compose([a.HorizontalFlip(), a.Affine(rotate=(-9, 9)), a.GaussNoise()]),
        iaa.Sequential([iaa.Fliplr(0.5), iaa.Affine(rotate=(-9, 9)), iaa.Add((-20, 20))]),
    ):
        policy = AugmentationPolicy.from_augmenter(augmenter)
        for key in KEYS[:6]:
            scene = square(3)
            assert np.array_equal(policy(scene, key).image, policy(scene.image, key))


def test_scenes_depend_on_the_key_alone_and_survive_pickling(albumentations):
    compose = albumentations.Compose(
        [albumentations.Affine(rotate=(-9, 9), p=1), albumentations.HorizontalFlip()]
    )
    policy = AugmentationPolicy.from_augmenter(compose, seed=5, keypoint_pairs=[(0, 1)])
    boxes = [policy(square(0), key).boxes.tobytes() for key in KEYS]
    again = pickle.loads(pickle.dumps(policy))
    assert [again(square(0), key).boxes.tobytes() for key in reversed(KEYS)] == boxes[::-1]


def test_thresholds_of_the_users_boxes_stay_and_the_format_is_ours(albumentations):
    a = albumentations
    own = a.BboxParams(format="yolo", label_fields=["kinds"], min_area=50)
    compose = a.Compose([a.HorizontalFlip(p=1)], bbox_params=own)
    scene = Scene(
        image=np.zeros((20, 30), np.uint8), boxes=[[0, 0, 2, 2], [5, 5, 15, 15], [20, 0, 35, 9]]
    )
    moved = AugmentationPolicy.from_augmenter(compose)(scene, KEYS[0])
    assert moved.instances.tolist() == [1, 2]
    # The last box reached over the edge, which would otherwise be the end of the sample.
    np.testing.assert_allclose(moved.boxes, [[15, 5, 25, 15], [0, 0, 10, 9]], atol=1e-4)
    assert compose.processors["bboxes"].params.format == "yolo"


def test_rows_that_leave_the_picture_are_dropped_everywhere(albumentations, iaa):
    scene = Scene(
        image=np.zeros((20, 40), np.uint8),
        boxes=[[30, 0, 38, 8], [2, 2, 10, 10]],
        keypoints=[[[31, 1]], [[3, 3]]],
        instances=[7, 9],
    )
    left_half = albumentations.Crop(x_max=20, y_max=20, p=1), iaa.Crop(px=(0, 20, 0, 0))
    for augmenter in left_half:
        moved = AugmentationPolicy.from_augmenter(augmenter)(scene, KEYS[0])
        assert moved.instances.tolist() == [9]
        assert len(moved.boxes) == len(moved.keypoints) == 1


@pytest.mark.parametrize("library", ["albumentations", "imgaug"])
def test_pairs_change_places_in_mirror_images_only(albumentations, iaa, library):
    flips = {
        "albumentations": (albumentations.HorizontalFlip(p=1), albumentations.D4(p=1)),
        "imgaug": (iaa.Fliplr(1.0), iaa.Rot90((0, 3))),
    }[library]
    scene = Scene(
        image=np.zeros((8, 8), np.uint8),
        mask=np.eye(8, dtype=np.uint8),
        keypoints=[[[1, 4], [6, 4], [4, 1]]],
    )
    flip, _ = (
        AugmentationPolicy.from_augmenter(step, keypoint_pairs=[(0, 1)], class_pairs=[(0, 1)])
        for step in flips
    )
    moved = flip(scene, KEYS[0])
    np.testing.assert_allclose(moved.keypoints, [[[2, 4], [7, 4], [4, 1]]], atol=1e-4)
    assert np.array_equal(moved.mask, 1 - np.eye(8, dtype=np.uint8)[:, ::-1])
    turn = AugmentationPolicy.from_augmenter(
        albumentations.RandomRotate90(p=1), keypoint_pairs=[(0, 1)]
    )
    plain = AugmentationPolicy.from_augmenter(albumentations.RandomRotate90(p=1))
    for key in KEYS[:8]:
        assert np.array_equal(turn(scene, key).keypoints, plain(scene, key).keypoints)


def test_annotations_keep_to_the_size_of_a_picture_that_becomes_a_tensor(albumentations):
    a = albumentations
    compose = a.Compose([a.HorizontalFlip(p=1), a.Normalize(), a.ToTensorV2()])
    scene = Scene(
        image=np.zeros((20, 30, 3), np.uint8),
        mask=np.eye(20, 30, dtype=np.int64),
        boxes=[[20, 10, 30, 20]],
        keypoints=[[[25, 15]]],
    )
    moved = AugmentationPolicy.from_augmenter(compose)(scene, KEYS[0])
    assert tuple(moved.image.shape) == (3, 20, 30)
    np.testing.assert_allclose(moved.boxes, [[0, 10, 10, 20]], atol=1e-4)
    np.testing.assert_allclose(moved.keypoints, [[[5, 15]]], atol=1e-4)
    assert np.array_equal(moved.mask, np.eye(20, 30, dtype=np.int64)[:, ::-1])


def test_a_scene_without_instances_or_with_none_left_is_no_error(albumentations, iaa):
    empty = Scene(image=np.zeros((8, 8, 3), np.uint8), boxes=np.zeros((0, 4)), keypoints=[])
    for augmenter in (albumentations.HorizontalFlip(p=1), iaa.Fliplr(1.0)):
        moved = AugmentationPolicy.from_augmenter(augmenter)(empty, KEYS[0])
        assert moved.boxes.shape == (0, 4)


def test_misplaced_keypoints_are_warned_of_where_there_are_some(albumentations):
    policy = AugmentationPolicy.from_augmenter(albumentations.ThinPlateSpline(p=1))
    policy(Scene(image=np.zeros((32, 32), np.uint8), mask=np.zeros((32, 32), np.uint8)), KEYS[0])
    with pytest.warns(BalancekitWarning, match="ThinPlateSpline: albumentations 2.0.8 puts them"):
        policy(Scene(image=np.zeros((32, 32), np.uint8), keypoints=[[[3, 3]]]), KEYS[0])


def test_functions_refuse_scenes_with_annotations():
    policy = AugmentationPolicy.from_augmenter(np.flipud)
    assert policy(Scene(image=np.eye(3, dtype=np.uint8)), KEYS[0]).image[0, 2] == 1
    with pytest.raises(OptionError, match="got one with boxes, mask, which would not move"):
        policy(
            Scene(image=np.zeros((3, 3), np.uint8), mask=np.zeros((3, 3), int), boxes=[]), KEYS[0]
        )


@pytest.mark.parametrize(
    ("values", "dtype"),
    [([0, 255], np.uint8), ([-1, 7], np.int16), ([0, 65535], np.uint16), ([0, 70_000], np.float32)],
)
def test_masks_get_a_type_that_opencv_takes(values, dtype):
    mask = np.array([values], np.int64)
    assert mask_for_opencv(mask).dtype == dtype
    assert np.array_equal(mask_for_opencv(mask).astype(np.int64), mask)


def test_masks_with_values_that_no_type_holds_are_refused():
    with pytest.raises(OptionError, match="mask: expected values up to 16777216"):
        mask_for_opencv(np.array([[2**30]], np.int64))
