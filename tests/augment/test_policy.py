"""A policy is a pure function of seed and key, made and changed by name."""

import pickle
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from balancekit.augment import (
    AugmentationPolicy,
    Blur,
    Brightness,
    HorizontalFlip,
    RandomCrop,
    RandomResize,
    SmallRotation,
    VerticalFlip,
    operation_names,
    task_names,
)
from balancekit.augment.planned import planned
from balancekit.augment.scene import Scene
from balancekit.errors import OptionError
from balancekit.labels import Labels, SampleKey
from balancekit.plan import NoAugmentation, TaskAugmentation
from balancekit.plan.choices import Finding
from balancekit.plan.operations import LIMITS
from balancekit.stats import Balance, Stats

pytest.importorskip("cv2", reason="OpenCV is optional")

KEY = SampleKey(epoch=3, index=1_000_000_007, repeat=2)


def picture(shape=(32, 48, 3), dtype=np.uint8, seed=0):
    rng = np.random.default_rng(seed)
    if np.dtype(dtype).kind == "f":
        return rng.random(shape).astype(dtype)
    return rng.integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


def stats_of(class_names, media="pictures"):
    balance = Balance(
        n_classes=len(class_names),
        n_empty_classes=0,
        n_many=0,
        n_medium=0,
        n_few=len(class_names),
        imbalance_ratio=1.0,
        entropy_normalised=1.0,
        effective_classes_entropy=1.0,
        effective_classes_simpson=1.0,
        gini=0.0,
    )
    labels = Labels.from_names(class_names)
    return Stats(
        source="a test",
        task="classification",
        media=media,
        n_samples=labels.n_samples,
        n_unlabelled=0,
        n_checked=0,
        class_names=labels.class_names,
        class_counts=tuple(labels.class_counts().tolist()),
        fingerprint="",
        balance=balance,
    )


def scene_of(image):
    """A scene, so that tasks with boxes, masks or keypoints take it too."""
    return Scene(image=image)


def two_flips(seed=0):
    flips = (HorizontalFlip(probability=0.5), VerticalFlip(probability=0.5))
    return AugmentationPolicy(task="aerial", operations=flips, seed=seed)


@pytest.mark.parametrize("task", task_names())
def test_the_same_key_gives_the_same_bytes_and_another_gives_others(task):
    scene = scene_of(picture())
    policy = AugmentationPolicy.for_task(task, seed=5)
    again = pickle.loads(pickle.dumps(policy))
    for index in range(5):
        key = KEY._replace(index=index)
        assert policy(scene, key).image.tobytes() == again(scene, key).image.tobytes()
    for other in ({"epoch": 4}, {"repeat": 3}, {"index": 2**40}):
        keys = [KEY._replace(index=index) for index in range(20)]
        changed = [key._replace(**other) for key in keys]
        first = [policy(scene, key).image.tobytes() for key in keys]
        assert first != [policy(scene, key).image.tobytes() for key in changed]


@pytest.mark.parametrize(
    "others",
    [
        pytest.param([(1, 0, 0, 1), (1, 1, 0, 0), (1, 0, 1, 0), (0, 1, 0, 0)], id="zeros"),
        pytest.param([(1, 0, 2, 0), (1, 0, 2 * 2**32, 0), (1, 0, 0, 2)], id="large-indices"),
    ],
)
def test_no_two_keys_share_a_stream(others):
    image = np.zeros((8, 8), np.float32)
    operations = (Brightness(probability=1),)
    outputs = {
        AugmentationPolicy(operations=operations, seed=seed)(
            image + np.float32(0.5), SampleKey(*key)
        ).tobytes()
        for seed, *key in others
    }
    assert len(outputs) == len(others)


def test_two_flips_are_independent():
    image = np.array([[1, 2], [3, 4]], np.uint8)
    policy = two_flips()
    outcomes = Counter(policy(image, SampleKey(0, index, 0)).tobytes() for index in range(4000))
    assert len(outcomes) == 4
    # 4000 throws of a four-sided die: five standard deviations are 3.4 %.
    assert all(abs(count / 4000 - 0.25) < 0.034 for count in outcomes.values())


def test_global_random_state_is_left_alone():
    before = np.random.get_state()[1].tobytes()  # noqa: NPY002  # the state itself is the test
    AugmentationPolicy.for_task("aerial")(picture(), KEY)
    assert np.random.get_state()[1].tobytes() == before  # noqa: NPY002


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64"])
@pytest.mark.parametrize("shape", [(20, 31), (20, 31, 1), (31, 31, 3), (20, 31, 4), (9, 9, 7)])
@pytest.mark.parametrize("task", task_names())
def test_shape_and_dtype_stay_and_the_input_is_not_changed(task, shape, dtype):
    image = picture(shape, dtype)
    before = image.copy()
    image.flags.writeable = False
    policy = AugmentationPolicy.for_task(task)
    for index in range(8):
        result = policy(scene_of(image), SampleKey(0, index, 0)).image
        assert (result.shape, result.dtype) == (image.shape, image.dtype)
        assert result.flags.c_contiguous
        assert result.flags.writeable
        assert not np.shares_memory(result, image)
        if result.dtype.kind == "f":
            assert result.min() >= 0
            assert result.max() <= 1
    assert np.array_equal(image, before)


def test_a_strided_picture_is_taken_as_it_looks():
    image = picture((16, 16, 3))
    policy = AugmentationPolicy.for_task("aerial")
    assert np.array_equal(policy(image[:, ::-1], KEY), policy(image[:, ::-1].copy(), KEY))


def test_a_pillow_picture_is_turned_as_its_exif_says():
    image = Image.fromarray(picture((4, 6, 3)))
    image.getexif()[0x0112] = 6  # to be shown turned clockwise
    result = AugmentationPolicy()(image, KEY)
    assert np.array_equal(result, np.rot90(np.asarray(image), -1))


@pytest.mark.parametrize(
    ("mode", "shape", "dtype"),
    [
        ("1", (4, 6), "uint8"),
        ("L", (4, 6), "uint8"),
        ("P", (4, 6, 3), "uint8"),
        ("RGBA", (4, 6, 4), "uint8"),
        ("CMYK", (4, 6, 3), "uint8"),
        ("I;16", (4, 6), "uint16"),
        ("I", (4, 6), "uint16"),
    ],
)
def test_pillow_modes_become_arrays(mode, shape, dtype):
    result = AugmentationPolicy.for_task("natural")(Image.new(mode, (6, 4)), KEY)
    assert (result.shape, result.dtype.name) == (shape, dtype)


@pytest.mark.parametrize(
    ("image", "says"),
    [
        pytest.param(np.zeros((3, 32, 32), np.uint8), "channels last", id="channels-first"),
        pytest.param(np.zeros((4, 4), np.int64), "got int64", id="dtype"),
        pytest.param(np.full((4, 4), 255.0), "Divide by", id="floats-to-255"),
        pytest.param(np.full((4, 4), np.nan), "floats in", id="nan"),
        pytest.param(np.zeros((0, 4), np.uint8), "not empty", id="empty"),
        pytest.param([[1, 2]], "got list", id="list"),
    ],
)
def test_what_is_no_picture_is_refused(image, says):
    with pytest.raises(OptionError, match=says):
        AugmentationPolicy()(image, KEY)


def test_a_tensor_is_refused_with_the_order_of_things():
    torch = pytest.importorskip("torch", reason="torch is optional")
    with pytest.raises(OptionError, match="before the conversion to a tensor"):
        AugmentationPolicy()(torch.zeros(3, 4, 4), KEY)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        pytest.param(
            lambda: AugmentationPolicy.for_task("digit"), "Did you mean 'digits'", id="task"
        ),
        pytest.param(
            lambda: AugmentationPolicy().allow("horizontal_flip", because="so"),
            "Did you mean 'horizontal-flip'",
            id="allow",
        ),
        pytest.param(lambda: AugmentationPolicy().forbid("blurr"), "'blur'", id="forbid"),
        pytest.param(
            lambda: AugmentationPolicy().allow("blur", because=" "), "the reason", id="no-reason"
        ),
        pytest.param(lambda: AugmentationPolicy(seed=-1), "seed: expected", id="seed"),
        pytest.param(
            lambda: AugmentationPolicy()(picture(), (0, -1, 0)), "key: expected", id="negative-key"
        ),
        pytest.param(
            lambda: AugmentationPolicy()(picture(), (0, 1.5, 0)), "key: expected", id="broken-key"
        ),
        pytest.param(
            lambda: AugmentationPolicy.for_task("natural", "left"), "in a list", id="one-text"
        ),
        pytest.param(
            lambda: AugmentationPolicy.for_task("natural", stats_of(["a"], "rows")),
            "rows of a table",
            id="rows",
        ),
        pytest.param(lambda: AugmentationPolicy.from_augmenter(3), "augmenter:", id="augmenter"),
        pytest.param(
            lambda: AugmentationPolicy.for_task("natural", np.array([0, 1, 1])),
            r"stats: .*ndarray of int64. If these are labels of samples, pass balancekit.analyze",
            id="labels-of-samples",
        ),
        pytest.param(
            lambda: AugmentationPolicy.for_task("natural", [3, 4]), "list of int", id="numbers"
        ),
        pytest.param(
            lambda: AugmentationPolicy.for_task("natural", 3),
            "names of the classes, got 3",
            id="one",
        ),
        pytest.param(
            lambda: AugmentationPolicy().allow(Brightness, because="so"),
            r"got the class Brightness. Write Brightness\(…\)",
            id="class",
        ),
        pytest.param(
            lambda: AugmentationPolicy().forbid("hflip"),
            "Did you mean 'horizontal-flip'",
            id="name-of-another-library",
        ),
        pytest.param(
            lambda: AugmentationPolicy().explain("contrasts"), "mean 'contrast'", id="explain"
        ),
        pytest.param(
            lambda: SmallRotation(degrees=15),
            "SmallRotation: expected one of probability, max_degrees, got an argument 'degrees'. "
            "Did you mean 'max_degrees'",
            id="argument",
        ),
        pytest.param(
            lambda: AugmentationPolicy()(picture(), 5), 'got 5.*yields="keys"', id="index-for-key"
        ),
        pytest.param(
            lambda: AugmentationPolicy()(picture(), np.int64(5)), 'yields="keys"', id="numpy-index"
        ),
    ],
)
def test_mistakes_are_named(call, says):
    with pytest.raises(OptionError, match=says):
        call()


def test_a_misspelt_name_lists_the_known_ones():
    with pytest.raises(OptionError) as error:
        AugmentationPolicy().forbid("zoom")
    assert all(name in str(error.value) for name in operation_names())


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("HFlip", "'horizontal-flip'"),
        ("flipud", "'vertical-flip'"),
        ("rot_90", "'quarter-turn'"),
        ("noise", "'gaussian-noise'"),
        ("Resize", "'random-resize'"),
        ("colour jitter", "'brightness' or 'contrast' or 'saturation' or 'hue'"),
        ("BLUR", "'blur'"),
    ],
)
def test_names_of_other_libraries_and_capitals_are_understood(name, meant):
    for call in (AugmentationPolicy().forbid, AugmentationPolicy().explain):
        with pytest.raises(OptionError, match=f"got '{name}'. Did you mean {meant}\\?"):
            call(name)
    with pytest.raises(OptionError, match=f"allow: .*Did you mean {meant}\\?"):
        TaskAugmentation(task="natural", allow=(name,))


def test_allow_and_forbid_give_new_policies_and_are_explained():
    policy = AugmentationPolicy.for_task("digits", seed=3)
    other = policy.allow("horizontal-flip", because="it is a test").forbid("blur")
    records = {record.operation: record for record in other.explain()}
    flip = records["horizontal-flip"]
    assert (flip.used, flip.verdict, flip.because) == (True, "forbidden", "it is a test")
    assert not records["blur"].used
    assert HorizontalFlip(probability=0.25) in other.operations
    assert other.seed == 3
    assert policy == AugmentationPolicy.for_task("digits", seed=3)
    strong = other.allow(Blur(probability=1, max_sigma_px=3), because="strength")
    assert [o for o in strong.operations if isinstance(o, Blur)] == [
        Blur(probability=1, max_sigma_px=3)
    ]
    kinds = [type(o).__struct_config__.tag for o in strong.operations]
    assert kinds == [name for name in operation_names() if name in kinds]


def test_one_operation_is_explained_by_its_name():
    policy = AugmentationPolicy.for_task("digits")
    assert [record.operation for record in policy.explain("blur")] == ["blur"]
    assert policy.explain("blur")[0] in policy.explain()


@pytest.mark.parametrize(
    ("task", "degrees", "says"),
    [
        pytest.param("digits", 30, "turns are forbidden: Half a turn makes a 9", id="forbidden"),
        pytest.param("aerial", 30, "", id="turns-are-safe"),
        pytest.param("natural", 15, "", id="within"),
    ],
)
def test_a_rotation_that_goes_beyond_its_rule_is_explained_so(task, degrees, says):
    policy = AugmentationPolicy.for_task(task)
    (before,) = policy.explain("small-rotation")
    policy = policy.allow(SmallRotation(max_degrees=degrees), because="I know")
    (record,) = policy.explain("small-rotation")
    added = record.reason.removeprefix(before.reason)
    assert says in added
    assert bool(added) == bool(says)
    again = AugmentationPolicy.from_plan(planned(policy))
    assert again.explain("small-rotation")[0].reason == record.reason


def test_class_names_are_overruled_by_the_user_alone():
    policy = AugmentationPolicy.for_task("natural", stats_of(["left", "right"]))
    with pytest.raises(OptionError, match="classes such as 'left'"):
        AugmentationPolicy(
            task="natural", operations=(HorizontalFlip(),), decisions=policy.decisions
        )
    allowed = policy.allow("horizontal-flip", because="labels are swapped later")
    assert HorizontalFlip(probability=0.25) in allowed.operations


def test_a_plan_makes_the_policy_that_it_describes():
    plan = TaskAugmentation(task="natural", allow=("vertical-flip",), forbid=("contrast",))
    policy = AugmentationPolicy.from_plan(plan, ["cat", "dog"], seed=9)
    used = {record.operation for record in policy.explain() if record.used}
    assert "vertical-flip" in used
    assert "contrast" not in used
    assert policy.seed == 9


def test_no_augmentation_changes_nothing():
    image = picture()
    policy = AugmentationPolicy.from_plan(NoAugmentation())
    assert np.array_equal(policy(image, KEY), image)
    assert not any(record.used for record in policy.explain())


# --- strength ----------------------------------------------------------------------------------


def test_a_scaled_policy_is_as_much_stronger_and_keeps_within_limits():
    policy = AugmentationPolicy.for_task("aerial", seed=4)
    assert policy.scaled(1) == policy
    assert policy.scaled(2.0).seed == 4
    assert policy.scaled(2.0).explain() == policy.explain()
    for factor in (0, 0.3, 2.5, 1e9, 1e-300):
        for before, after in zip(policy.operations, policy.scaled(factor).operations, strict=True):
            assert after.probability == pytest.approx(min(1, before.probability * factor))
            for field in ("max_change_share", "max_sigma_px", "max_degrees"):
                if field in before.__struct_fields__:
                    wanted = min(getattr(before, field) * factor, LIMITS[field][1])
                    assert getattr(after, field) == pytest.approx(wanted)


def test_a_crop_scaled_by_two_cuts_off_twice_as_much_and_a_scale_is_squared():
    operations = (RandomCrop(min_area_share=0.9), RandomResize(min_scale=0.9, max_scale=1.1))
    policy = AugmentationPolicy(task="aerial", operations=operations)
    crop, resize = policy.scaled(2).operations
    assert crop.min_area_share == pytest.approx(0.8)
    assert (resize.min_scale, resize.max_scale) == pytest.approx((0.81, 1.21))


def test_a_policy_scaled_to_nothing_changes_nothing():
    image = picture()
    policy = AugmentationPolicy.for_task("aerial").scaled(0)
    assert all(np.array_equal(policy(image, SampleKey(0, i, 0)), image) for i in range(20))


def test_a_stronger_policy_changes_pictures_more():
    image = picture()
    policy = AugmentationPolicy.for_task("digits")

    def change(factor):
        scaled = policy.scaled(factor)
        keys = [SampleKey(0, i, 0) for i in range(60)]
        return np.mean([np.abs(scaled(image, k).astype(float) - image).mean() for k in keys])

    changes = [change(factor) for factor in (0, 0.5, 1, 2)]
    assert changes == sorted(changes)
    assert changes[0] == 0 < changes[1]


@pytest.mark.parametrize("factor", [-1, float("nan"), float("inf"), "2", True, None])
def test_a_factor_that_is_none_is_refused(factor):
    with pytest.raises(OptionError, match=r"factor: expected a number in \[0, ∞\), got"):
        AugmentationPolicy.for_task("natural").scaled(factor)


def test_an_augmenter_of_another_library_has_no_strength_to_scale():
    policy = AugmentationPolicy.from_augmenter(np.copy)
    assert policy.scaled(1).augmenter is policy.augmenter
    assert policy.scaled(0).augmenter is None
    with pytest.raises(OptionError, match="expected 0 or 1 for a policy with function copy"):
        policy.scaled(0.5)


# --- pairs ----------------------------------------------------------------------------------------


def reasons(*args, **options):
    records = AugmentationPolicy.for_task(*args, **options).explain()
    return {record.operation: "" if record.used else record.reason for record in records}


def test_keypoints_are_mirrored_once_their_pairs_are_known():
    without = reasons("keypoints")["horizontal-flip"]
    assert "Left out until keypoint_pairs tell which keypoints" in without
    assert reasons("keypoints", keypoint_pairs=[(1, 2)])["horizontal-flip"] == ""
    assert reasons("natural")["horizontal-flip"] == ""


def test_masks_of_left_and_right_are_mirrored_once_their_pairs_are_known():
    names = ["background", "left hand", "right hand", "head"]
    without = reasons("semantic-segmentation", names)["horizontal-flip"]
    assert "class_pairs" in without
    assert reasons("semantic-segmentation", names, class_pairs=[(1, 2)])["horizontal-flip"] == ""
    # One pair of two is not enough, and the label of a whole picture is exchanged by nobody.
    more = [*names, "left foot", "right foot"]
    assert "foot" in reasons("semantic-segmentation", more, class_pairs=[(1, 2)])["horizontal-flip"]
    assert "hand" in reasons("natural", names, class_pairs=[(1, 2)])["horizontal-flip"]


@pytest.mark.parametrize("name", ["keypoint_pairs", "class_pairs"])
@pytest.mark.parametrize(
    "pairs", [[(1, 1)], [(0, 1), (1, 2)], [(0, -1)], [(0, 1, 2)], [0, 1], 3, [("a", "b")]]
)
def test_pairs_that_are_none_are_refused(name, pairs):
    with pytest.raises(OptionError, match=f"{name}: expected"):
        AugmentationPolicy.for_task("keypoints", **{name: pairs})


# --- findings and plans ---------------------------------------------------------------------------


def test_findings_make_verdicts_stricter_and_never_milder():
    found = [
        Finding(operation=operation, verdict=verdict, reason="Measured.", source="pictures")
        for operation, verdict in [
            ("horizontal-flip", "cautious"),
            ("blur", "forbidden"),
            ("vertical-flip", "cautious"),
        ]
    ]
    policy = AugmentationPolicy.for_task("natural", findings=found)
    records = {record.operation: record for record in policy.explain()}
    assert records["horizontal-flip"].verdict == "cautious"
    assert HorizontalFlip(probability=0.25) in policy.operations
    assert (records["blur"].verdict, records["blur"].used) == ("forbidden", False)
    assert records["blur"].decided_by == "data"
    assert records["vertical-flip"].verdict == "forbidden"
    assert records["vertical-flip"].decided_by == "rules"


def test_a_plan_says_operations_backend_and_pairs():
    operations = (HorizontalFlip(probability=0.1), Blur(max_sigma_px=0.2))
    plan = TaskAugmentation(
        task="keypoints", operations=operations, backend="native", keypoint_pairs=((0, 1),)
    )
    policy = AugmentationPolicy.from_plan(plan)
    assert policy.operations == operations
    assert (policy.backend, policy.keypoint_pairs) == ("native", ((0, 1),))
    wrong = TaskAugmentation(task="keypoints", operations=(VerticalFlip(),))
    with pytest.raises(OptionError, match="vertical-flip"):
        AugmentationPolicy.from_plan(wrong)
    right = TaskAugmentation(
        task="keypoints",
        operations=(VerticalFlip(),),
        allow=("vertical-flip",),
        because={"vertical-flip": "seen from above"},
    )
    policy = AugmentationPolicy.from_plan(right)
    assert policy.operations == (VerticalFlip(),)
    assert "seen from above" in [record.because for record in policy.explain()]


# --- what is forbidden stays forbidden -----------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "says"),
    [
        pytest.param(
            lambda: replace(AugmentationPolicy.for_task("aerial"), task="digits"),
            "vertical-flip .*Upside down",
            id="decisions-of-another-task",
        ),
        pytest.param(
            lambda: AugmentationPolicy(task="digits", operations=(VerticalFlip(),), decisions=()),
            "vertical-flip",
            id="no-decisions",
        ),
        pytest.param(
            lambda: replace(
                AugmentationPolicy.for_task("digits").forbid("vertical-flip"),
                operations=(VerticalFlip(),),
            ),
            "vertical-flip .*Upside down",
            id="forbidden-by-rules-and-user",
        ),
        pytest.param(
            lambda: replace(
                AugmentationPolicy.for_task("natural").forbid("blur", because="it is blurred"),
                operations=(Blur(),),
            ),
            r"blur \(it is blurred\)",
            id="forbidden-by-the-user-alone",
        ),
    ],
)
def test_no_way_round_what_is_forbidden(make, says):
    with pytest.raises(OptionError, match=says):
        make()


@pytest.mark.parametrize("given", [("blur",), [Blur()], (Blur,)], ids=["name", "list", "class"])
def test_what_is_no_tuple_of_operations_is_refused(given):
    with pytest.raises(OptionError, match="operations"):
        AugmentationPolicy(operations=given)


@pytest.mark.parametrize(("task", "most"), [("documents", 3.0), ("xray", 5.0), ("natural", 10.0)])
def test_rotations_go_no_further_than_the_rules_of_the_task_say(task, most):
    pytest.importorskip("albumentations", reason="albumentations is optional")
    policy = AugmentationPolicy.for_task(task)
    again = policy.forbid("small-rotation").allow("small-rotation", because="it is a test")
    for one in (policy, again):
        (rotation,) = [o for o in one.operations if isinstance(o, SmallRotation)]
        assert rotation.max_degrees == most
