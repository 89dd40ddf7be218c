"""imgaug 0.4.0 runs on NumPy 2 and OpenCV 5, and leaves them as they are."""

import importlib.util
import subprocess
import sys
import warnings
from collections import Counter

import numpy as np
import pytest

from balancekit.augment import AugmentationPolicy, load_imgaug
from balancekit.labels import SampleKey

if importlib.util.find_spec("imgaug") is None:
    pytest.skip("imgaug is optional", allow_module_level=True)

imgaug = load_imgaug()
iaa = imgaug.augmenters

FALLING = {
    "density": 0.1,
    "density_uniformity": 0.9,
    "angle": 10,
    "speed": 0.1,
    "blur_sigma_fraction": 0.01,
}

# What an augmenter needs, where it needs anything.
ARGUMENTS = {
    "AssertShape": lambda: {"shape": (None, 32, 32, 3)},
    "BlendAlpha": lambda: {"factor": 0.5, "foreground": iaa.Add(9)},
    "BlendAlphaCheckerboard": lambda: {"nb_rows": 2, "nb_cols": 2, "foreground": iaa.Add(9)},
    "BlendAlphaElementwise": lambda: {"factor": 0.5, "foreground": iaa.Add(9)},
    "BlendAlphaFrequencyNoise": lambda: {"foreground": iaa.Add(9)},
    "BlendAlphaHorizontalLinearGradient": lambda: {"foreground": iaa.Add(9)},
    "BlendAlphaMask": lambda: {
        "mask_generator": iaa.InvertMaskGen(0.5, iaa.VerticalLinearGradientMaskGen()),
        "foreground": iaa.Add(9),
    },
    "BlendAlphaRegularGrid": lambda: {"nb_rows": 2, "nb_cols": 2, "foreground": iaa.Add(9)},
    "BlendAlphaSimplexNoise": lambda: {"foreground": iaa.Add(9)},
    "BlendAlphaSomeColors": lambda: {"foreground": iaa.Add(9)},
    "BlendAlphaVerticalLinearGradient": lambda: {"foreground": iaa.Add(9)},
    "CenterCropToAspectRatio": lambda: {"aspect_ratio": 1.5},
    "CenterCropToFixedSize": lambda: {"width": 20, "height": 20},
    "CenterCropToMultiplesOf": lambda: {"width_multiple": 5, "height_multiple": 5},
    "CenterCropToPowersOf": lambda: {"width_base": 3, "height_base": 3},
    "CenterPadToAspectRatio": lambda: {"aspect_ratio": 1.5},
    "CenterPadToFixedSize": lambda: {"width": 40, "height": 40},
    "CenterPadToMultiplesOf": lambda: {"width_multiple": 5, "height_multiple": 5},
    "CenterPadToPowersOf": lambda: {"width_base": 3, "height_base": 3},
    "ChangeColorspace": lambda: {"to_colorspace": "HSV"},
    "CropToAspectRatio": lambda: {"aspect_ratio": 1.5},
    "CropToFixedSize": lambda: {"width": 20, "height": 20},
    "CropToMultiplesOf": lambda: {"width_multiple": 5, "height_multiple": 5},
    "CropToPowersOf": lambda: {"width_base": 3, "height_base": 3},
    "KeepSizeByResize": lambda: {"children": iaa.Crop(2)},
    "OneOf": lambda: {"children": [iaa.Add(9), iaa.Fliplr(1)]},
    "PadToAspectRatio": lambda: {"aspect_ratio": 1.5},
    "PadToFixedSize": lambda: {"width": 40, "height": 40},
    "PadToMultiplesOf": lambda: {"width_multiple": 5, "height_multiple": 5},
    "PadToPowersOf": lambda: {"width_base": 3, "height_base": 3},
    "RemoveCBAsByOutOfImageFraction": lambda: {"fraction": 0.5},
    "ReplaceElementwise": lambda: {"mask": 0.1, "replacement": 0},
    "Resize": lambda: {"size": 24},
    "CloudLayer": lambda: {
        "intensity_mean": 220,
        "intensity_freq_exponent": -2.0,
        "intensity_coarse_scale": 2,
        "alpha_min": 0.3,
        "alpha_multiplier": 0.5,
        "alpha_size_px_max": 8,
        "alpha_freq_exponent": -2.0,
        "sparsity": 1.0,
        "density_multiplier": 0.8,
    },
    "RainLayer": lambda: {**FALLING, "drop_size": 0.5, "drop_size_uniformity": 0.5},
    "SnowflakesLayer": lambda: {**FALLING, "flake_size": 0.5, "flake_size_uniformity": 0.5},
    "Voronoi": lambda: {"points_sampler": iaa.RegularGridPointsSampler(4, 4)},
    "WithColorspace": lambda: {"to_colorspace": "HSV", "children": iaa.Add(9)},
    "WithPolarWarping": lambda: {"children": iaa.Affine(rotate=20)},
}

# They need labels beside the picture, write to disk, or are what the others derive from.
NOT_FOR_PICTURES_ALONE = {
    "Augmenter",
    "BlendAlphaBoundingBoxes",
    "BlendAlphaSegMapClassIds",
    "SaveDebugImageEveryNBatches",
}


def augmenter_classes():
    found = {}
    for module in (iaa, iaa.pillike):
        for name, kind in vars(module).items():
            if not isinstance(kind, type) or not issubclass(kind, iaa.Augmenter):
                continue
            if not name.startswith("_") and kind.__name__ not in NOT_FOR_PICTURES_ALONE:
                found[f"{module.__name__.rpartition('.')[2]}.{name}"] = kind
    # An alias names a class of another name; abstract ones cannot be made.
    return {n: k for n, k in found.items() if not getattr(k, "__abstractmethods__", None)}


CLASSES = augmenter_classes()


def picture():
    return np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)


def test_all_of_imgaug_that_needs_nothing_else_is_tried():
    assert len(set(CLASSES.values())) == 166


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_an_augmenter_runs_and_depends_on_the_key_alone(name):
    kind = CLASSES[name]
    arguments = ARGUMENTS.get(kind.__name__, dict)()
    with warnings.catch_warnings():
        # imgaug uses deprecated parts of imageio, scikit-image and of its own.
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", imgaug.imgaug.DeprecationWarning)
        warnings.simplefilter("ignore", FutureWarning)
        policy = AugmentationPolicy.from_augmenter(kind(**arguments))
        keys = [SampleKey(0, index, 0) for index in range(3)]
        first = [policy(picture(), key) for key in keys]
        again = [policy(picture(), key) for key in reversed(keys)][::-1]
    assert all(result.ndim == 3 for result in first)
    assert [a.tobytes() for a in first] == [b.tobytes() for b in again]


def test_numpy_and_opencv_are_left_as_they_are():
    import cv2

    assert not hasattr(np, "sctypes")
    assert not hasattr(np, "complex")
    assert imgaug.np is not np
    assert imgaug.np.ndarray is np.ndarray
    assert cv2.remap.__module__ != "balancekit.augment.imgaug_shim"
    assert load_imgaug() is imgaug


def test_flips_of_imgaug_are_independent():
    image = np.array([[1, 2], [3, 4]], np.uint8)
    augmenter = iaa.Sequential([iaa.Fliplr(0.5), iaa.Flipud(0.5)])
    policy = AugmentationPolicy.from_augmenter(augmenter)
    outcomes = Counter(policy(image, SampleKey(0, i, 0)).tobytes() for i in range(1500))
    assert len(outcomes) == 4
    # 1500 throws of a four-sided die: five standard deviations are 5.6 %.
    assert all(abs(count / 1500 - 0.25) < 0.056 for count in outcomes.values())


def test_the_order_of_children_depends_on_the_key_alone():
    steps = iaa.Sequential([iaa.Add(60), iaa.Multiply(0.5)], random_order=True)
    policy = AugmentationPolicy.from_augmenter(iaa.Sometimes(1.0, steps))
    keys = [SampleKey(0, index, 0) for index in range(40)]
    first = [policy(picture(), key).tobytes() for key in keys]
    assert [policy(picture(), key).tobytes() for key in reversed(keys)] == first[::-1]
    assert len(set(first)) == 2


def test_global_random_state_is_left_alone():
    policy = AugmentationPolicy.from_augmenter(iaa.Sequential([iaa.Fliplr(0.5), iaa.Add((0, 9))]))
    before = np.random.get_state()[1].tobytes()  # noqa: NPY002  # the state itself is the test
    policy(picture(), SampleKey(0, 0, 0))
    assert np.random.get_state()[1].tobytes() == before  # noqa: NPY002


def test_global_random_state_is_left_alone_by_the_first_call_of_a_process():
    # imgaug makes its own global state when it is first asked for, by a number of numpy's.
    code = """
import numpy as np
from balancekit.augment import load_imgaug
before = np.random.get_state()[2]
imgaug = load_imgaug()
imgaug.augmenters.Snowflakes(seed=1).augment_image(np.zeros((32, 32, 3), np.uint8))
assert np.random.get_state()[2] == before
"""
    ran = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True)
    assert ran.returncode == 0, ran.stderr.decode()
