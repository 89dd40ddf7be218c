"""Augmenters of other libraries run behind a policy without their faults."""

import copy
import importlib.util
import os
import pickle
import random
import subprocess
import sys
from collections import Counter
from importlib import metadata
from multiprocessing import get_context

import numpy as np
import pytest
import torch
from PIL import Image

from balancekit.augment import AugmentationPolicy
from balancekit.augment.adapters import load_albumentations
from balancekit.augment.imgaug_shim import load_imgaug
from balancekit.errors import MissingLibraryError, OptionError
from balancekit.labels import SampleKey

KEY = SampleKey(epoch=1, index=2, repeat=3)


def halve(image):
    return image // 2


def shift(image, rng):
    return image + rng.integers(1, 100, dtype=np.uint8)


@pytest.fixture(scope="module")
def albumentations():
    if importlib.util.find_spec("albumentations") is None:
        pytest.skip("albumentations is optional")
    return load_albumentations()


def picture():
    return np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)


def test_a_function_is_called_with_a_copy_and_the_stream_if_it_asks():
    image = picture()
    assert np.array_equal(AugmentationPolicy.from_augmenter(halve)(image, KEY), image // 2)
    policy = AugmentationPolicy.from_augmenter(shift)
    assert np.array_equal(policy(image, KEY), policy(image, KEY))
    assert not np.array_equal(policy(image, KEY), policy(image, KEY._replace(epoch=2)))


def draw_from_everything(image):
    noise = random.random() + np.random.random() + float(torch.rand(1))  # noqa: NPY002
    return (image * noise / 3).astype(image.dtype)


def test_a_function_that_draws_globally_depends_on_the_key_alone():
    policy = AugmentationPolicy.from_augmenter(draw_from_everything, seed=1)
    keys = [SampleKey(0, index, 0) for index in range(5)]
    first = [policy(picture(), key).tobytes() for key in keys]
    assert len(set(first)) == 5
    random.random(), np.random.random(), torch.rand(1)  # noqa: NPY002
    states = random.getstate(), np.random.get_state()[1].tobytes(), torch.get_rng_state()  # noqa: NPY002
    assert [policy(picture(), key).tobytes() for key in reversed(keys)] == first[::-1]
    assert random.getstate() == states[0]
    assert np.random.get_state()[1].tobytes() == states[1]  # noqa: NPY002
    assert torch.equal(torch.get_rng_state(), states[2])


def test_global_states_are_put_back_after_an_error():
    def fail(image):
        random.random()
        raise ZeroDivisionError

    before = random.getstate()
    with pytest.raises(ZeroDivisionError):
        AugmentationPolicy.from_augmenter(fail)(picture(), KEY)
    assert random.getstate() == before


@pytest.mark.parametrize("given", [3, "flip", None, dict], ids=["number", "text", "none", "class"])
def test_what_is_no_augmenter_is_an_error(given):
    with pytest.raises(OptionError, match="augmenter: expected an albumentations Compose"):
        AugmentationPolicy.from_augmenter(given)


@pytest.mark.parametrize(
    "returned", [None, (1, 2), "image", {"image": 1}], ids=["none", "tuple", "text", "dict"]
)
def test_an_augmenter_that_returns_no_picture_is_an_error(returned):
    with pytest.raises(OptionError, match="augmenter: expected it to return a picture, got"):
        AugmentationPolicy.from_augmenter(lambda image: returned)(picture(), KEY)


def test_a_function_may_return_a_picture_of_pillow():
    policy = AugmentationPolicy.from_augmenter(Image.fromarray)
    assert np.array_equal(policy(picture(), KEY), picture())


def test_albumentationsx_is_not_imported_for_a_backend(monkeypatch):
    def version(name):
        if name == "albumentationsx":
            return "2.5.1"
        raise metadata.PackageNotFoundError

    monkeypatch.setattr(metadata, "version", version)
    with pytest.raises(MissingLibraryError, match="found albumentationsx"):
        load_albumentations()


def test_a_foreign_augmenter_is_explained_as_unchecked():
    records = AugmentationPolicy.from_augmenter(halve).explain()
    assert [r.operation for r in records if r.used] == ["function halve"]
    assert records[-1].verdict == "unchecked"


def test_an_error_of_a_foreign_augmenter_names_the_sample():
    def fail(image):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError) as error:
        AugmentationPolicy.from_augmenter(fail)(picture(), KEY)
    assert "index=2" in error.value.__notes__[0]


def two_flips(albumentations, **options):
    return albumentations.Compose(
        [albumentations.HorizontalFlip(p=0.5), albumentations.VerticalFlip(p=0.5)], **options
    )


@pytest.mark.parametrize("options", [{}, {"seed": 7}], ids=["unseeded", "seeded"])
def test_flips_of_albumentations_are_independent(albumentations, options):
    image = np.array([[1, 2], [3, 4]], np.uint8)
    policy = AugmentationPolicy.from_augmenter(two_flips(albumentations, **options))
    results = [policy(image, SampleKey(0, index, 0)) for index in range(4000)]
    outcomes = Counter(result.tobytes() for result in results)
    assert len(outcomes) == 4
    # 4000 throws of a four-sided die: five standard deviations are 3.4 %.
    assert all(abs(count / 4000 - 0.25) < 0.034 for count in outcomes.values())
    assert all(result.flags.c_contiguous for result in results)


def test_albumentations_depends_on_the_key_alone(albumentations):
    image = picture()
    compose = albumentations.Compose(
        [
            albumentations.Affine(rotate=(-30, 30), p=1),
            albumentations.OneOf([albumentations.GaussNoise(p=1), albumentations.Blur(p=1)], p=1),
            albumentations.ColorJitter(p=1),
        ]
    )
    policy = AugmentationPolicy.from_augmenter(compose, seed=3)
    keys = [SampleKey(epoch, index, 0) for epoch in range(2) for index in range(5)]
    first = [policy(image, key).tobytes() for key in keys]
    again = AugmentationPolicy.from_augmenter(compose, seed=3)
    assert [again(image, key).tobytes() for key in reversed(keys)] == first[::-1]
    assert len(set(first)) == len(keys)


def test_a_single_transform_of_albumentations_is_taken_and_left_as_it_is(albumentations):
    transform = albumentations.RandomBrightnessContrast(p=1)
    transform.set_random_seed(1)
    before = copy.deepcopy(transform.random_generator).random(), transform.py_random.getstate()
    AugmentationPolicy.from_augmenter(transform)(picture(), KEY)
    assert (transform.random_generator.random(), transform.py_random.getstate()) == before


def test_the_environment_is_restored_after_loading(albumentations, monkeypatch):
    monkeypatch.delenv("NO_ALBUMENTATIONS_UPDATE", raising=False)
    load_albumentations()
    assert "NO_ALBUMENTATIONS_UPDATE" not in os.environ
    monkeypatch.setenv("NO_ALBUMENTATIONS_UPDATE", "0")
    load_albumentations()
    assert os.environ["NO_ALBUMENTATIONS_UPDATE"] == "0"


def test_global_random_states_are_left_alone(albumentations):
    numpy_state = np.random.get_state()[1].tobytes()  # noqa: NPY002  # the state is the test
    python_state = random.getstate()
    AugmentationPolicy.from_augmenter(two_flips(albumentations))(picture(), KEY)
    assert np.random.get_state()[1].tobytes() == numpy_state  # noqa: NPY002
    assert random.getstate() == python_state


def of_imgaug():
    iaa = load_imgaug().augmenters
    return iaa.Sequential([iaa.Affine(rotate=(5, 30)), iaa.Add((5, 20))])


def of_albumentations():
    library = load_albumentations()
    return library.Compose([library.Affine(rotate=(5, 30), p=1)])


def told_elsewhere(policy, image, key):
    return policy(image, key).tobytes(), "NO_ALBUMENTATIONS_UPDATE" in os.environ


@pytest.fixture(scope="module")
def elsewhere():
    """A process that was spawned, and so has loaded no augmenter."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("NO_ALBUMENTATIONS_UPDATE", raising=False)
        with get_context("spawn").Pool(1) as pool:
            yield pool


@pytest.mark.parametrize(
    ("library", "make"),
    [("imgaug", of_imgaug), ("albumentations", of_albumentations)],
    ids=["imgaug", "albumentations"],
)
def test_a_policy_gives_the_same_bytes_in_a_spawned_process(elsewhere, library, make):
    if importlib.util.find_spec(library) is None:
        pytest.skip(f"{library} is optional")
    policy = AugmentationPolicy.from_augmenter(make(), seed=4)
    image = np.arange(768, dtype=np.uint8).reshape(16, 16, 3)
    there, is_set = elsewhere.apply(told_elsewhere, (policy, image, KEY))
    assert there == policy(image, KEY).tobytes()
    assert there != image.tobytes()
    assert not is_set


def test_a_policy_with_a_function_pickles():
    policy = pickle.loads(pickle.dumps(AugmentationPolicy.from_augmenter(shift)))
    assert policy(picture(), KEY).shape == (32, 32, 3)


def test_importing_augment_loads_no_heavy_library():
    script = (
        "import sys, balancekit.augment as a; a.AugmentationPolicy.for_task('natural'); "
        "print(sorted({'cv2', 'albumentations', 'imgaug', 'torch', 'PIL'} & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert ran.stdout.strip() == "[]", ran.stderr
