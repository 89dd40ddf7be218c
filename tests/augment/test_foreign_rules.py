"""Every transform of other libraries has its row; forbidden steps are found where they hide."""

import importlib.util
import inspect
import warnings
from importlib import resources

import msgspec
import numpy as np
import pytest

from balancekit.augment import AugmentationPolicy, load_imgaug, task_names
from balancekit.augment.adapters import adapt, load_albumentations, step_decisions
from balancekit.augment.adapters.steps import columns_of, rule_of, step_name, steps_of
from balancekit.augment.rules import load_rules
from balancekit.augment.scene import Scene
from balancekit.errors import BalancekitWarning, OptionError
from balancekit.labels import SampleKey

KEY = SampleKey(epoch=1, index=2, repeat=3)


@pytest.fixture(scope="module")
def albumentations():
    if importlib.util.find_spec("albumentations") is None:
        pytest.skip("albumentations is optional")
    return load_albumentations()


@pytest.fixture(scope="module")
def imgaug():
    if importlib.util.find_spec("imgaug") is None:
        pytest.skip("imgaug is optional")
    return load_imgaug()


def classes(module, base, *, but=()):
    """Transforms of a module by name, without abstract ones and containers."""
    return {
        kind.__name__: kind
        for name, kind in vars(module).items()
        if inspect.isclass(kind) and issubclass(kind, base) and not issubclass(kind, but)
        if not name.startswith("_") and not getattr(kind, "__abstractmethods__", None)
    }


def without_row(found, library):
    rows = msgspec.toml.decode(
        resources.files("balancekit.augment").joinpath("foreign_rules.toml").read_bytes()
    )
    return sorted(found.keys() - rows[library].keys())


def test_every_transform_of_albumentations_has_a_row(albumentations):
    library = albumentations
    bases = ["BasicTransform", "DualTransform", "ImageOnlyTransform", "Transform3D"]
    found = classes(library, library.BasicTransform)
    assert without_row(found, "albumentations") == bases
    assert len(found) > 115


def test_every_augmenter_of_imgaug_has_a_row(imgaug):
    iaa = imgaug.augmenters
    found = {}
    for module in (iaa, iaa.pillike, iaa.imgcorruptlike):
        found |= classes(module, iaa.Augmenter)
    assert without_row(found, "imgaug") == []
    assert len(found) > 145


def columns_by_name(augmenter):
    return {step_name(step): columns_of(step) for step in steps_of(augmenter)}


def test_steps_are_found_in_containers_of_albumentations(albumentations):
    a = albumentations
    nested = a.Compose(
        [
            a.OneOf([a.HorizontalFlip(), a.Sequential([a.VerticalFlip(), a.Blur()])]),
            a.SomeOf([a.D4(), a.ColorJitter(hue=0, saturation=0)], n=1),
            a.GaussNoise(p=0),
            a.Normalize(),
        ]
    )
    assert columns_by_name(nested) == {
        "albumentations.HorizontalFlip": ("horizontal-flip",),
        "albumentations.VerticalFlip": ("vertical-flip",),
        "albumentations.Blur": ("blur",),
        "albumentations.D4": ("horizontal-flip", "vertical-flip", "quarter-turn"),
        "albumentations.ColorJitter": ("brightness-contrast",),
        "albumentations.Normalize": (),
    }


def test_steps_are_found_in_containers_of_imgaug(imgaug):
    iaa = imgaug.augmenters
    nested = iaa.Sequential(
        [
            iaa.Sometimes(0.5, iaa.Fliplr(0.5), [iaa.Flipud(0.5)]),
            iaa.WithHueAndSaturation(iaa.WithChannels(0, iaa.Add(9))),
            iaa.BlendAlpha(0.5, iaa.GaussianBlur(1)),
        ]
    )
    assert columns_by_name(nested) == {
        "imgaug.Fliplr": ("horizontal-flip",),
        "imgaug.Flipud": ("vertical-flip",),
        "imgaug.WithHueAndSaturation": ("hue-saturation",),
        "imgaug.WithChannels": ("hue-saturation",),
        "imgaug.Add": ("brightness-contrast",),
        "imgaug.GaussianBlur": ("blur",),
    }


@pytest.mark.parametrize(
    ("make", "columns"),
    [
        pytest.param(lambda a: a.Rotate(limit=10), ("small-rotation",), id="little"),
        pytest.param(lambda a: a.Rotate(limit=15), ("small-rotation",), id="at-the-limit"),
        pytest.param(lambda a: a.Rotate(limit=(0, 16)), ("quarter-turn",), id="more"),
        pytest.param(lambda a: a.Rotate(), ("quarter-turn",), id="by-default-90"),
        pytest.param(lambda a: a.Affine(rotate=0, scale=1), (), id="affine-that-does-nothing"),
        pytest.param(
            lambda a: a.Affine(rotate=(-5, 5), scale=(0.9, 1.1)),
            ("small-rotation", "crop-resize"),
            id="affine-both",
        ),
        pytest.param(lambda a: a.Affine(shear=(-5, 5)), ("small-rotation",), id="shear"),
        pytest.param(lambda a: a.Affine(translate_px=3), ("crop-resize",), id="shift"),
        pytest.param(
            lambda a: a.ShiftScaleRotate(), ("quarter-turn", "crop-resize"), id="shift-scale-45"
        ),
        pytest.param(
            lambda a: a.HueSaturationValue(0, 0, 20), ("brightness-contrast",), id="value-alone"
        ),
    ],
)
def test_arguments_decide_what_a_transform_of_albumentations_is(albumentations, make, columns):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # ShiftScaleRotate is a special case of Affine
        step = make(albumentations)
    assert columns_of(step) == columns


@pytest.mark.parametrize(
    ("options", "columns"),
    [
        pytest.param({"rotate": (-10, 10)}, ("small-rotation",), id="little"),
        pytest.param({"rotate": (-90, 90)}, ("quarter-turn",), id="more"),
        pytest.param({"scale": (0.8, 1.2)}, ("crop-resize",), id="scale"),
        pytest.param({"scale": 1.0, "rotate": 0}, (), id="nothing"),
        pytest.param({"translate_px": {"x": (-3, 3)}}, ("crop-resize",), id="shift"),
        pytest.param({"shear": (-8, 8)}, ("small-rotation",), id="shear"),
    ],
)
def test_arguments_decide_what_an_affine_of_imgaug_is(imgaug, options, columns):
    affine = imgaug.augmenters.Affine(**options)
    before = str(affine.random_state.generator.bit_generator.state)
    assert columns_of(affine) == columns
    assert str(affine.random_state.generator.bit_generator.state) == before


def test_a_class_of_the_users_own_counts_as_what_it_is_made_from(albumentations):
    class MyFlip(albumentations.HorizontalFlip):
        pass

    assert columns_of(MyFlip()) == ("horizontal-flip",)


def one_flip(albumentations):
    return albumentations.Compose([albumentations.OneOf([albumentations.HorizontalFlip()])])


def test_forbidden_steps_are_warned_of_together_and_with_reasons(albumentations):
    a = albumentations
    steps = a.Compose([a.HorizontalFlip(), a.VerticalFlip(), a.RandomGamma(), a.CoarseDropout()])
    with pytest.warns(BalancekitWarning) as caught:
        policy = AugmentationPolicy.from_augmenter(steps, task="digits")
    (warning,) = caught
    text = str(warning.message)
    assert "albumentations.HorizontalFlip (Characters are chiral" in text
    assert "albumentations.VerticalFlip (Upside down b becomes p" in text
    assert "albumentations.CoarseDropout" in text
    assert "RandomGamma" not in text
    assert warning.filename == __file__
    verdicts = {d.operation: d.verdict for d in policy.explain() if d.used}
    assert verdicts["albumentations.RandomGamma"] == "safe"
    assert verdicts["albumentations.CoarseDropout"] == "forbidden"


def test_forbidden_steps_are_refused_when_strict(albumentations):
    with pytest.raises(OptionError, match=r"HorizontalFlip \(Characters are chiral"):
        AugmentationPolicy.from_augmenter(one_flip(albumentations), task="digits", strict=True)


def test_class_names_forbid_steps_whatever_the_task(albumentations):
    with pytest.raises(OptionError, match="classes such as 'turn left'"):
        AugmentationPolicy.from_augmenter(
            one_flip(albumentations), task="natural", stats=["turn left", "turn right"], strict=True
        )
    with pytest.warns(BalancekitWarning, match="classes such as 'turn left'"):
        AugmentationPolicy.from_augmenter(one_flip(albumentations), stats=["turn left"])


def test_classes_of_masks_that_change_places_may_be_mirrored(albumentations):
    options = {"task": "semantic-segmentation", "stats": ["road", "left lane", "right lane"]}
    flip = one_flip(albumentations)
    with pytest.raises(OptionError, match="classes such as 'left lane'"):
        AugmentationPolicy.from_augmenter(flip, **options, strict=True)
    policy = AugmentationPolicy.from_augmenter(flip, **options, strict=True, class_pairs=[(1, 2)])
    assert policy.explain()[-1].verdict == "safe"


@pytest.mark.parametrize("task", [name for name in task_names() if name != "unknown"])
def test_no_forbidden_step_passes_a_strict_policy(albumentations, task):
    a = albumentations
    candidates = [a.HorizontalFlip(), a.VerticalFlip(), a.RandomRotate90(), a.Rotate(limit=10)]
    candidates += [a.RandomCrop(8, 8), a.RandomGamma(), a.ToGray(), a.Blur(), a.GaussNoise()]
    candidates += [a.CoarseDropout(), a.ElasticTransform()]
    cells = load_rules().task(task).cells
    for step in candidates:
        (column,) = columns_of(step)
        if cells[column].verdict != "forbidden":
            pairs = [(0, 1)] if task == "keypoints" else ()
            policy = AugmentationPolicy.from_augmenter(
                step, task=task, strict=True, keypoint_pairs=pairs
            )
            assert policy.task == task
            continue
        with pytest.raises(OptionError, match=type(step).__name__):
            AugmentationPolicy.from_augmenter(step, task=task, strict=True)


def test_without_a_task_no_rule_holds_and_explain_says_so(albumentations):
    policy = AugmentationPolicy.from_augmenter(one_flip(albumentations))
    (record,) = (record for record in policy.explain() if record.used)
    assert (record.operation, record.verdict) == ("albumentations.HorizontalFlip", "unchecked")
    assert record.reason == "No task is named whose rules would apply."


def test_flips_of_keypoints_need_the_pairs_that_change_places(albumentations):
    with pytest.raises(OptionError, match="no `keypoint_pairs` name them"):
        AugmentationPolicy.from_augmenter(one_flip(albumentations), task="keypoints", strict=True)


@pytest.mark.parametrize("name", ["ThinPlateSpline", "PiecewiseAffine"])
def test_what_moves_keypoints_wrongly_is_known(albumentations, name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # one says of itself that it is slow
        step = getattr(albumentations, name)()
    assert "albumentations 2.0.8 puts them" in rule_of(step).keypoints
    with pytest.raises(OptionError, match="Keypoints do not move with the picture"):
        AugmentationPolicy.from_augmenter(step, task="keypoints", strict=True)


def test_misspelt_arguments_are_found(albumentations):
    with pytest.warns(UserWarning, match="not valid"):
        step = albumentations.RandomGamma(gama_limit=(80, 90))
    with pytest.raises(OptionError) as error:
        AugmentationPolicy.from_augmenter(step, task="natural", strict=True, because="it is so")
    message = str(error.value)
    assert "unknown arguments gama_limit, so that defaults apply." in message
    assert "Did you mean 'gamma_limit'?" in message
    assert message.endswith("Correct these arguments.")
    assert "another task" not in message


def test_strict_wants_a_task_whose_rules_it_could_enforce(albumentations):
    with pytest.raises(OptionError, match=r"strict: expected a task .* natural, .*digits"):
        AugmentationPolicy.from_augmenter(one_flip(albumentations), strict=True)


@pytest.mark.parametrize("strict", [True, False])
def test_a_reason_lets_forbidden_steps_pass_and_stays_with_them(albumentations, strict):
    steps = albumentations.Compose([albumentations.HorizontalFlip(), albumentations.RandomGamma()])
    policy = AugmentationPolicy.from_augmenter(
        steps, task="digits", strict=strict, because="mirror writing"
    )
    reasons = {record.operation: record.because for record in policy.explain() if record.used}
    assert reasons == {
        "albumentations.HorizontalFlip": "mirror writing",
        "albumentations.RandomGamma": "",
    }
    with pytest.raises(OptionError, match="say why they are right with because="):
        AugmentationPolicy.from_augmenter(steps, task="digits", strict=True, because=" ")


def test_the_operations_beside_an_augmenter_are_explained_by_its_task(albumentations):
    with pytest.warns(BalancekitWarning):
        policy = AugmentationPolicy.from_augmenter(one_flip(albumentations), task="digits")
    (flip,) = policy.explain("horizontal-flip")
    assert (flip.used, flip.because) == (False, "only the given augmenter is used")
    assert flip.reason.startswith("Characters are chiral")
    assert "Characters are chiral" in repr(policy)
    (step,) = policy.explain("albumentations.HorizontalFlip")
    assert step.used


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda policy: policy.forbid("horizontal-flip"), id="forbid"),
        pytest.param(lambda policy: policy.allow("horizontal-flip", because="so"), id="allow"),
    ],
)
def test_steps_of_an_augmenter_are_changed_there_and_not_by_name(albumentations, change):
    policy = AugmentationPolicy.from_augmenter(one_flip(albumentations), task="natural")
    with pytest.raises(OptionError, match="Change the augmenter itself"):
        change(policy)


@pytest.mark.parametrize(
    ("make", "moves"),
    [
        pytest.param(lambda a: a.HorizontalFlip(p=1), True, id="flip"),
        pytest.param(lambda a: a.OneOf([a.Blur(), a.Affine(scale=(0.5, 1))]), True, id="hidden"),
        pytest.param(lambda a: a.RandomGamma(p=1), False, id="colours"),
        pytest.param(lambda a: a.CoarseDropout(p=1), False, id="dropout"),
        pytest.param(lambda a: lambda image: image, False, id="unchecked"),
    ],
)
def test_a_bare_picture_is_refused_where_known_steps_would_leave_boxes_behind(
    albumentations, make, moves
):
    image = np.zeros((8, 8, 3), np.uint8)
    step = make(albumentations)
    bare = AugmentationPolicy.from_augmenter(step)
    assert bare(image, KEY).shape == image.shape
    policy = AugmentationPolicy.from_augmenter(step, task="detection", because="a test")
    assert policy(Scene(image=image), KEY).image.shape == image.shape
    if moves:
        with pytest.raises(OptionError, match=r"expected a Scene, whose boxes .* albumentations\."):
            policy(image, KEY)
    else:
        assert policy(image, KEY).shape == image.shape


@pytest.mark.parametrize("step", [abs, lambda image: image], ids=["built-in", "lambda"])
def test_functions_are_listed_as_unchecked(step):
    (record,) = step_decisions(step, "xray")
    assert record.verdict == "unchecked"
    assert record.operation.startswith("function ")


def test_an_unknown_task_is_an_error():
    with pytest.raises(OptionError, match="task: expected"):
        AugmentationPolicy.from_augmenter(abs, task="x-ray")


def test_a_policy_that_is_made_by_hand_lists_the_steps_too(albumentations):
    policy = AugmentationPolicy(task="digits", augmenter=adapt(one_flip(albumentations)))
    assert policy.explain()[-1].verdict == "forbidden"
    image = np.zeros((8, 8), np.uint8)
    assert policy(image, KEY).shape == (8, 8)
