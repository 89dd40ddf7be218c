"""What lies on a picture moves along with it, whatever carries the motion out."""

import importlib.util

import msgspec
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from balancekit.augment import AugmentationPolicy
from balancekit.augment.backends import compile_operations
from balancekit.augment.moving import (
    LEAST_AREA_SHARE,
    NO_PAIRS,
    Pairs,
    flip_motion,
    move,
    part_motion,
    shrink_motion,
    warp_motion,
)
from balancekit.augment.scene import Scene
from balancekit.errors import OptionError
from balancekit.labels import SampleKey
from balancekit.plan.operations import (
    BothFlips,
    Elastic,
    HorizontalFlip,
    Operation,
    QuarterTurn,
    RandomCrop,
    RandomResize,
    SmallRotation,
    VerticalFlip,
    name_of,
)

pytest.importorskip("cv2", reason="OpenCV is optional")

EXACT = (HorizontalFlip(), VerticalFlip(), BothFlips(), QuarterTurn())
RESAMPLED = (
    RandomCrop(min_area_share=0.6),
    RandomResize(min_scale=0.7, max_scale=1.3),
    SmallRotation(max_degrees=15.0),
)
BACKENDS = ("auto", "albumentations", "imgaug")
CASES = [
    pytest.param(backend, operation, id=f"{backend}-{name_of(operation)}")
    for backend in BACKENDS
    for operation in (*EXACT, *RESAMPLED)
]
KEY = SampleKey(0, 0, 0)


def step_of(backend, operation, pairs=NO_PAIRS):
    for library in {"imgaug": ["imgaug"]}.get(backend, ["albumentations"]):
        if importlib.util.find_spec(library) is None:
            pytest.skip(f"{library} is optional")
    surely = msgspec.structs.replace(operation, probability=1.0)
    return compile_operations([surely], backend, pairs)


def drawn(height, width, seed, dtype="uint8", n_channels=3):
    """A scene of a convex shape in the first channel and a spot in the second.

    Its mask, polygon and box are those of the shape, its keypoint is that of the spot.
    """
    rng = np.random.default_rng(seed)
    short = min(height, width)
    centre = rng.uniform(0.35, 0.65, 2) * (width, height)
    angles = np.linspace(0, 2 * np.pi, 6, endpoint=False) + rng.uniform(0, 1)
    spokes = rng.uniform(0.2, 0.25) * short * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    polygon = centre + spokes
    y, x = np.mgrid[:height, :width] + 0.5
    inside = np.ones((height, width), bool)
    for (x0, y0), (x1, y1) in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        inside &= (x1 - x0) * (y - y0) - (y1 - y0) * (x - x0) >= 0
    spot = rng.uniform(0.2, 0.8, 2) * (width, height)
    image = np.full((height, width, n_channels), 0.2)
    image[inside, 0] = 0.8
    image[(x - spot[0]) ** 2 + (y - spot[1]) ** 2 <= 9, 1] = 0.8
    if np.dtype(dtype).kind == "u":
        image = np.rint(image * np.iinfo(dtype).max)
    return Scene(
        image=image.astype(dtype),
        mask=inside,
        boxes=[box_of(inside)],
        polygons=[[polygon]],
        keypoints=[[spot]],
    )


def box_of(found):
    y, x = np.nonzero(found)
    return [x.min(), y.min(), x.max() + 1, y.max() + 1]


def seen(image, channel):
    """Where a channel is brighter than halfway between background and shape."""
    full = 1 if image.dtype.kind == "f" else np.iinfo(image.dtype).max
    return image[:, :, channel] / full > 0.5


def iou(one, other):
    return (one & other).sum() / (one | other).sum()


def centre_of(found):
    y, x = np.nonzero(found)
    return np.array([x.mean() + 0.5, y.mean() + 0.5])


@pytest.mark.parametrize(("backend", "operation"), CASES)
@settings(max_examples=20)
@given(
    size=st.tuples(st.integers(90, 140), st.integers(90, 140)),
    is_square=st.booleans(),
    seed=st.integers(0, 2**32),
    kind=st.sampled_from(
        [("uint8", 3), ("uint16", 3), ("float32", 3), ("float64", 3), ("uint8", 6)]
    ),
)
def test_annotations_stay_on_what_they_mark(backend, operation, size, is_square, seed, kind):
    height, width = (size[0], size[0]) if is_square else size
    scene = drawn(height, width, seed, *kind)
    after = step_of(backend, operation)(scene, np.random.default_rng(seed))
    assert (after.image.shape, after.image.dtype) == (scene.image.shape, scene.image.dtype)
    shape = seen(after.image, 0)
    assume(shape.sum() > 400)  # with less of it left, its outline is all there is
    assert iou(shape, after.mask == 1) >= (0.99 if operation in EXACT else 0.93)
    if len(after.instances):
        # Half a pixel for the outline, one for what is mixed at it.
        assert np.abs(after.boxes[0] - box_of(shape)).max() <= 1.5
        x, y = np.concatenate(after.polygons[0]).T
        around = [x.min(), y.min(), x.max(), y.max()]
        assert np.abs(np.subtract(around, box_of(shape))).max() <= 1.5
        spot, point = seen(after.image, 1), after.keypoints[0, 0]
        whole = not (spot[[0, -1]].any() or spot[:, [0, -1]].any())
        if spot.sum() > 9 and whole:
            assert np.abs(point - centre_of(spot)).max() <= 1
        elif not spot.any():
            assert np.isnan(point).all()


@pytest.mark.parametrize("backend", BACKENDS)
@settings(max_examples=20)
@given(size=st.tuples(st.integers(90, 140), st.integers(90, 140)), seed=st.integers(0, 2**32))
def test_masks_follow_deformation_and_what_cannot_follow_is_left(backend, size, seed):
    whole = drawn(*size, seed)
    alone = Scene(image=whole.image, mask=whole.mask)
    step = step_of(backend, Elastic(max_shift_share=0.02))
    after = step(alone, np.random.default_rng(seed))
    assert iou(seen(after.image, 0), after.mask == 1) >= 0.93
    same = step(whole, np.random.default_rng(seed))
    assert np.array_equal(same.image, whole.image)
    assert np.array_equal(same.boxes, whole.boxes)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("operation", [*EXACT, *RESAMPLED], ids=name_of)
def test_the_picture_does_not_depend_on_what_lies_on_it(backend, operation):
    scene, step = drawn(90, 120, 3), step_of(backend, operation)
    for seed in range(5):
        alone = step(Scene.of_picture(scene.image), np.random.default_rng(seed))
        assert np.array_equal(alone.image, step(scene, np.random.default_rng(seed)).image)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "int32", "int64", "uint64"])
@pytest.mark.parametrize("n_masks", [None, 1, 5])
@pytest.mark.parametrize("operation", [*EXACT, *RESAMPLED, Elastic()], ids=name_of)
def test_masks_of_every_type_get_no_new_values(operation, n_masks, dtype):
    rng = np.random.default_rng(0)
    values = np.array([0, 1, np.iinfo(dtype).max, np.iinfo(dtype).min], dtype)
    mask = rng.choice(values, (20, 31) if n_masks is None else (20, 31, n_masks))
    scene = Scene(image=rng.integers(0, 256, (20, 31, 3), dtype=np.uint8), mask=mask)
    after = step_of("auto", operation)(scene, rng)
    assert (after.mask.shape, after.mask.dtype) == (mask.shape, mask.dtype)
    assert set(np.unique(after.mask)) <= set(values)
    assert after.mask.flags.c_contiguous


@pytest.mark.parametrize(
    ("parts", "says"),
    [
        pytest.param(
            {"mask": np.zeros((4, 5), int)}, r"mask: expected integers \[4, 6\]", id="mask"
        ),
        pytest.param({"mask": np.zeros((4, 6))}, "got float64", id="float-mask"),
        pytest.param({"boxes": [[0, 0, 1]]}, r"boxes: expected float \[n, 4\]", id="three-numbers"),
        pytest.param(
            {"boxes": [[0, 0, 1, 1], [2, 0, 1, 1], [np.nan] * 4]},
            r"boxes\[1\]: expected finite x1 ≤ x2 .* and 1 other such rows",
            id="inside-out",
        ),
        pytest.param({"keypoints": [[[np.inf, 0]]]}, "keypoints: .* got infinity", id="infinity"),
        pytest.param({"keypoints": [[1, 2]]}, r"keypoints: expected float \[n, K, 2\]", id="flat"),
        pytest.param({"polygons": [[[[0, 0], [1, 1]]]]}, "three corners or more", id="two-corners"),
        pytest.param(
            {"polygons": [[[[0, 0], [1, 1], [np.nan, 2]]]]}, "finite corners", id="nan-corner"
        ),
        pytest.param(
            {"boxes": [[0, 0, 1, 1]], "keypoints": np.zeros((2, 1, 2))},
            "1 and 2 of them",
            id="rows",
        ),
        pytest.param(
            {"boxes": [[0, 0, 1, 1]], "instances": [1, 2]}, "one number an instance", id="instances"
        ),
    ],
)
def test_parts_that_cannot_lie_on_the_picture_are_refused(parts, says):
    with pytest.raises(OptionError, match=says):
        Scene(image=np.zeros((4, 6), np.uint8), **parts)


# --- mirror images -----------------------------------------------------------------------------

EYES = [[[2.0, 3.0], [8.0, 3.0], [5.0, 6.0]]]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("operation", "is_mirror"),
    [
        (HorizontalFlip(), True),
        (VerticalFlip(), True),
        (BothFlips(), False),
        (QuarterTurn(), False),
    ],
    ids=lambda value: name_of(value) if not isinstance(value, bool) else "",
)
def test_pairs_change_places_in_mirror_images_alone(backend, operation, is_mirror):
    pairs = Pairs(keypoints=((0, 1),), classes=((1, 2),))
    mask = np.array([[1] * 5 + [2] * 5] * 10, np.uint8)
    scene = Scene(image=np.zeros((10, 10, 3), np.uint8), mask=mask, keypoints=EYES)
    rng = np.random.default_rng
    swapped = step_of(backend, operation, pairs)(scene, rng(1))
    plain = step_of(backend, operation)(scene, rng(1))
    order = [1, 0, 2] if is_mirror else [0, 1, 2]
    assert np.array_equal(swapped.keypoints[0], plain.keypoints[0, order])
    exchange = np.array([0, 2, 1] if is_mirror else [0, 1, 2], np.uint8)
    assert np.array_equal(swapped.mask, exchange[plain.mask])


def test_two_mirror_images_give_the_scene_back():
    scene = drawn(91, 120, 0)
    motion = flip_motion(scene.image.shape, horizontally=True)
    twice = move(move(scene, scene.image, motion), scene.image, motion)
    assert np.array_equal(twice.mask, scene.mask)
    assert np.allclose(twice.boxes, scene.boxes)
    assert np.allclose(twice.polygons[0][0], scene.polygons[0][0])
    assert np.allclose(twice.keypoints, scene.keypoints)


# --- what is cut off ---------------------------------------------------------------------------


def cropped(left, **parts):
    """A scene of 100 × 100 pixels of which the columns from `left` on are shown, 50 of them."""
    image = np.zeros((100, 100, 3), np.uint8)
    motion = part_motion(image.shape, top=0, left=left, height=50, width=50)
    return move(Scene(image=image, **parts), image, motion)


@pytest.mark.parametrize(
    ("box", "instances"),
    [
        pytest.param([40, 10, 60, 20], [0], id="half-of-it"),
        pytest.param([34, 10, 54, 20], [], id="a-fifth-of-it"),
        pytest.param([0, 0, 40, 40], [], id="none-of-it"),
        pytest.param([0, 0, 100, 100], [], id="the-whole-picture-a-quarter-of-it"),
        pytest.param([60, 10, 60.4, 20], [0], id="as-narrow-as-the-data-have-it"),
    ],
)
def test_boxes_are_clipped_and_dropped_when_little_is_left(box, instances):
    after = cropped(50, boxes=[box])
    assert after.instances.tolist() == instances
    assert ((after.boxes >= 0) & (after.boxes <= 100)).all()


def test_a_box_that_shrinks_below_a_pixel_is_dropped():
    image = np.zeros((100, 100, 3), np.uint8)
    motion = shrink_motion(image.shape, top=0, left=0, height=50, width=50)
    after = move(Scene(image=image, boxes=[[0, 0, 1.5, 9], [0, 0, 3, 9]]), image, motion)
    assert after.instances.tolist() == [1]
    assert after.boxes.tolist() == [[0, 0, 1.5, 4.5]]


def test_rows_stay_together_and_remember_their_numbers():
    boxes = [[0, 0, 20, 20], [60, 10, 80, 30], [0, 30, 99, 40]]
    corners = [[[x0, y0], [x1, y0], [x1, y1], [x0, y1]] for x0, y0, x1, y1 in boxes]
    scene = {
        "boxes": boxes,
        "polygons": [[part] for part in corners],
        "keypoints": [[part[0], part[2]] for part in corners],
        "instances": [7, 8, 9],
    }
    after = cropped(50, **scene)
    assert after.instances.tolist() == [8, 9]
    assert after.boxes.tolist() == [[20, 20, 60, 60], [0, 60, 98, 80]]
    assert len(after.polygons) == len(after.keypoints) == 2
    assert after.polygons[1][0].min(axis=0).tolist() == [0, 60]
    assert np.isnan(after.keypoints[1, 0]).all()  # it lay left of the part
    assert after.keypoints[1, 1].tolist() == [98, 80]


def test_polygons_of_which_nothing_is_left_are_dropped_and_parts_that_are_left_kept():
    away = [[0, 0], [10, 0], [10, 10]]
    here = [[60, 10], [80, 10], [80, 30]]
    after = cropped(50, polygons=[[away], [away, here]])
    assert after.instances.tolist() == [1]
    assert len(after.polygons[0]) == 1


def test_what_lay_outside_the_picture_does_not_come_in_where_it_is_filled():
    image = np.zeros((100, 100, 3), np.uint8)
    motion = shrink_motion(image.shape, top=25, left=25, height=50, width=50)
    corners = [[80, 10], [120, 10], [120, 30], [80, 30]]
    scene = Scene(
        image=image,
        boxes=[[80, 10, 120, 30]],
        polygons=[[corners]],
        keypoints=[[[110, 20], [90, 20]]],
    )
    after = move(scene, image, motion)
    assert after.boxes.tolist() == [[65, 30, 75, 40]]  # the picture ends at 75
    assert after.polygons[0][0].max(axis=0).tolist() == [75, 40]
    assert np.isnan(after.keypoints[0, 0]).all()
    assert after.keypoints[0, 1].tolist() == [70, 35]


def test_what_lay_outside_the_picture_is_not_counted_as_lost():
    image = np.zeros((100, 100, 3), np.uint8)
    motion = flip_motion(image.shape, horizontally=True)
    mostly, wholly = [-80, 0, 20, 10], [-80, 0, -20, 10]
    after = move(Scene(image=image, boxes=[mostly, wholly]), image, motion)
    assert after.instances.tolist() == [0]
    assert after.boxes.tolist() == [[80, 0, 100, 10]]


def test_rows_without_polygons_and_scenes_without_rows_pass():
    image = np.zeros((10, 10, 3), np.uint8)
    motion = flip_motion(image.shape, horizontally=True)
    crowd = move(Scene(image=image, boxes=[[0, 0, 4, 4]], polygons=[[]]), image, motion)
    assert crowd.boxes.tolist() == [[6, 0, 10, 4]]
    for empty in ({"boxes": []}, {"keypoints": []}, {"polygons": []}):
        after = move(Scene(image=image, **empty), image, motion, Pairs(keypoints=((0, 1),)))
        assert after.instances.tolist() == []


def test_pairs_of_keypoints_that_are_not_there_are_named():
    scene = Scene(image=np.zeros((10, 10, 3), np.uint8), keypoints=EYES)
    with pytest.raises(OptionError, match="expected columns of 3 keypoints"):
        step_of("auto", HorizontalFlip(), Pairs(keypoints=((0, 3),)))(
            scene, np.random.default_rng(0)
        )


@given(st.integers(0, 2**32), st.floats(-40, 40), st.floats(-40, 40))
def test_clipping_a_polygon_gives_the_area_that_is_in_the_picture(seed, x, y):
    scene = drawn(100, 100, seed)
    motion = warp_motion(np.array([[1, 0, x], [0, 1, y]]))
    after = move(Scene(image=scene.image, polygons=scene.polygons), scene.image, motion)
    moved = scene.polygons[0][0] + (x, y)
    v, u = np.mgrid[:100:0.5, :100:0.5] + 0.25
    inside = np.ones(u.shape, bool)
    for (x0, y0), (x1, y1) in zip(moved, np.roll(moved, -1, axis=0), strict=True):
        inside &= (x1 - x0) * (v - y0) - (y1 - y0) * (u - x0) >= 0
    area = 0.0
    for part in after.polygons[0] if after.polygons else ():
        px, py = part.T
        area += abs(px @ np.roll(py, -1) - py @ np.roll(px, -1)) / 2
    assert area == pytest.approx(inside.sum() / 4, abs=12)  # counted by quarters of pixels


def test_a_turned_box_without_polygons_holds_its_object_and_grows():
    scene = drawn(100, 100, 1)
    step = step_of("auto", SmallRotation(max_degrees=30.0))
    alone = Scene(image=scene.image, boxes=scene.boxes)
    for seed in range(10):
        after = step(alone, np.random.default_rng(seed))
        x0, y0, x1, y1 = box_of(seen(after.image, 0))
        bx0, by0, bx1, by1 = after.boxes[0]
        assert bx0 <= x0 + 1
        assert by0 <= y0 + 1
        assert bx1 >= x1 - 1
        assert by1 >= y1 - 1


@given(st.integers(0, 2**32))
def test_what_is_left_of_a_box_is_never_less_than_promised(seed):
    rng = np.random.default_rng(seed)
    low = rng.uniform(0, 90, (20, 2))
    boxes = np.concatenate([low, low + rng.uniform(2, 40, (20, 2))], axis=1).clip(0, 100)
    after = cropped(int(rng.integers(0, 51)), boxes=boxes)
    area = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)[after.instances] * 4  # twice each side
    left = np.prod(after.boxes[:, 2:] - after.boxes[:, :2], axis=1)
    assert (left >= LEAST_AREA_SHARE * area - 1e-9).all()


# --- policies ----------------------------------------------------------------------------------


@pytest.mark.parametrize("task", ["detection", "instance-segmentation", "semantic-segmentation"])
def test_a_picture_alone_is_refused_where_its_annotations_would_stay_behind(task):
    policy = AugmentationPolicy.for_task(task)
    image = np.zeros((8, 8, 3), np.uint8)
    with pytest.raises(OptionError, match=r"expected a Scene, .* horizontal-flip.* Pass Scene\("):
        policy(image, KEY)
    assert isinstance(policy(Scene(image=image), KEY), Scene)
    for operation in policy.operations:
        if operation.moves_pixels:
            policy = policy.forbid(name_of(operation))
    assert policy(image, KEY).shape == image.shape


def test_a_scene_that_nothing_changes_is_a_copy():
    scene = drawn(90, 90, 0)
    after = AugmentationPolicy()(scene, KEY)
    assert np.array_equal(after.image, scene.image)
    assert not np.shares_memory(after.image, scene.image)
    assert not np.shares_memory(after.mask, scene.mask)


def test_policies_move_scenes_as_their_pairs_say():
    flip = (HorizontalFlip(probability=1.0),)
    policy = AugmentationPolicy(operations=flip, task="aerial", keypoint_pairs=[[0, 1]])
    scene = Scene(image=np.zeros((10, 10), np.uint8), keypoints=EYES)
    assert policy(scene, KEY).keypoints.tolist() == [[[2, 3], [8, 3], [5, 6]]]
    assert set(Operation.__args__) >= {type(one) for one in policy.operations}
