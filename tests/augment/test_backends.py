"""Backends carry out what a policy holds, nothing else, and each sample by its own numbers."""

import importlib.util
import itertools
import pickle
import random

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from balancekit.augment import AugmentationPolicy, task_names
from balancekit.augment.adapters import load_albumentations
from balancekit.augment.backends import albumentations as by_albumentations
from balancekit.augment.backends import choose, missing_library
from balancekit.augment.backends import imgaug as by_imgaug
from balancekit.augment.class_names import class_name_findings
from balancekit.augment.randomness import generator_of
from balancekit.augment.rules import load_rules
from balancekit.augment.scene import Scene
from balancekit.errors import MissingLibraryError, OptionError
from balancekit.labels import SampleKey
from balancekit.plan.operations import (
    HorizontalFlip,
    Operation,
    SmallRotation,
    VerticalFlip,
    name_of,
)

pytest.importorskip("cv2", reason="OpenCV is optional")

BACKENDS = ("auto", "native", "albumentations", "imgaug")
LIBRARIES = ("albumentations", "imgaug")


@pytest.fixture(autouse=True, scope="module")
def libraries():
    for library in LIBRARIES:
        if importlib.util.find_spec(library) is None:
            pytest.skip(f"{library} is optional")


def picture(shape=(24, 32, 3), seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


@pytest.fixture
def carried_out(monkeypatch):
    """Names of the operations that any backend carries out, as they happen."""
    names = []

    def tracing(make):
        def make_and_trace(operation, *rest):
            step = make(operation, *rest)

            def run(scene, rng):
                names.append(name_of(operation))
                return step(scene, rng)

            return run

        return make_and_trace

    def transform_of(operation, make=by_albumentations.transform_of):
        transform = make(operation)
        apply = transform.apply_with_params

        def apply_and_trace(params, *args, **data):
            names.append(name_of(operation))
            return apply(params, *args, **data)

        transform.apply_with_params = apply_and_trace
        return transform

    monkeypatch.setattr(choose, "native_step", tracing(choose.native_step))
    monkeypatch.setattr(by_imgaug, "imgaug_step", tracing(by_imgaug.imgaug_step))
    monkeypatch.setattr(by_albumentations, "transform_of", transform_of)
    return names


CLASS_NAMES = ([], ["left", "right"], ["6", "9"], ["up", "cat"], ["b", "d"])


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("task", task_names())
def test_no_backend_carries_out_what_rules_or_names_forbid(carried_out, task, backend):
    cells = load_rules().task(task).cells
    image = picture()
    for class_names in CLASS_NAMES:
        carried_out.clear()
        policy = AugmentationPolicy.for_task(task, class_names, backend=backend)
        certain = tuple(msgspec.structs.replace(one, probability=1.0) for one in policy.operations)
        policy = AugmentationPolicy(
            task=task, operations=certain, decisions=policy.decisions, backend=backend
        )
        for index in range(3):
            policy(Scene(image=image), SampleKey(0, index, 0))
        # Each of those that are held is carried out each time, so the trace sees them all.
        assert carried_out == [name_of(one) for one in certain] * 3
        by_names = class_name_findings(class_names)
        for kind in Operation.__args__:
            if any(cells[column].verdict == "forbidden" for column in kind.transforms):
                assert name_of(kind) not in carried_out
        assert not set(by_names) & set(carried_out)


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_share_of_pictures_that_an_operation_changes_is_its_probability(backend):
    policy = AugmentationPolicy(
        task="aerial", operations=(VerticalFlip(probability=0.2),), backend=backend
    )
    image = np.array([[1, 2], [3, 4]], np.uint8)
    changed = sum(policy(image, SampleKey(0, i, 0))[0, 0] != 1 for i in range(1000))
    # Five standard deviations of a share of 1000 throws: 6.3 %.
    assert abs(changed / 1000 - 0.2) < 0.063


def chi_square_of_flips(flip, n=2000):
    """Pearson's statistic of the 2 × 2 table of two flips of a picture, over n samples."""
    outcomes = {
        bytes(o): k for k, o in enumerate([(1, 2, 3, 4), (2, 1, 4, 3), (3, 4, 1, 2), (4, 3, 2, 1)])
    }
    image = np.array([[1, 2], [3, 4]], np.uint8)
    counts = np.zeros(4)
    for index in range(n):
        counts[outcomes[flip(image, index).tobytes()]] += 1
    table = counts.reshape(2, 2)
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / n
    return ((table - expected) ** 2 / expected).sum()


# One degree of freedom: chance exceeds it once in ten thousand. The draws are fixed by the seed.
LIMIT = 15.1


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("backend", BACKENDS)
def test_two_flips_are_independent_in_every_backend(backend, seed):
    flips = (HorizontalFlip(probability=0.5), VerticalFlip(probability=0.5))
    policy = AugmentationPolicy(task="aerial", operations=flips, backend=backend, seed=seed)
    assert chi_square_of_flips(lambda image, i: policy(image, SampleKey(0, i, 0))) < LIMIT


def test_a_seeded_compose_of_albumentations_throws_one_coin_for_both_flips():
    library = load_albumentations()
    compose = library.Compose([library.HorizontalFlip(p=0.5), library.VerticalFlip(p=0.5)], seed=7)
    lockstep = chi_square_of_flips(lambda image, _: compose(image=image)["image"])
    if library.__version__ == "2.0.8":
        assert lockstep == pytest.approx(2000)  # the statistic's largest value: always together


def test_pictures_are_those_of_a_compose_that_is_reseeded_for_every_sample():
    library = load_albumentations()
    policy = AugmentationPolicy.for_task("pathology", backend="albumentations", seed=2)
    transforms = [by_albumentations.transform_of(one) for one in policy.operations]
    compose = library.Compose(transforms)
    for index in range(30):
        rng = generator_of(2, SampleKey(0, index, 0))
        draws = by_albumentations.DrawsOfNumPy()
        draws.draw_from(rng)
        compose.set_random_state(rng, draws)
        compose.py_random = random.Random(0)  # its own coin, which Compose throws first
        expected = compose(image=picture())["image"]
        assert np.array_equal(policy(picture(), SampleKey(0, index, 0)), expected)


@pytest.mark.parametrize("backend", BACKENDS)
@settings(max_examples=15)
@given(
    st.sampled_from(
        [(20, 31), (20, 31, 1), (31, 31, 3), (20, 31, 4), (9, 9, 7), (1, 1, 3), (1, 9)]
    ),
    st.sampled_from(["uint8", "uint16", "float32", "float64"]),
    st.sampled_from(["aerial", "pathology", "natural"]),
    st.integers(0, 2**32),
)
def test_every_backend_keeps_shape_and_dtype(backend, shape, dtype, task, index):
    values = np.random.default_rng(index).random(shape)
    full = 1 if np.dtype(dtype).kind == "f" else np.iinfo(dtype).max
    image = np.rint(values * full).astype(dtype) if full > 1 else values.astype(dtype)
    before = image.copy()
    image.flags.writeable = False
    policy = AugmentationPolicy.for_task(task, backend=backend).scaled(2.0)
    result = policy(image, SampleKey(0, index, 0))
    assert (result.shape, result.dtype) == (image.shape, image.dtype)
    assert result.flags.c_contiguous
    assert result.flags.writeable
    assert not np.shares_memory(result, image)
    assert 0 <= result.min() <= result.max() <= full
    assert np.array_equal(image, before)
    assert np.array_equal(policy(image, SampleKey(0, index, 0)), result)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("kind", Operation.__args__, ids=name_of)
def test_backends_change_pictures_about_as_much_as_each_other(backend, kind):
    if missing_library(kind, backend):
        pytest.skip("not native")
    smooth = np.add.outer(np.arange(64), np.arange(64))[:, :, None] + [0, 40, 80]
    image = smooth.astype(np.uint8)

    def mean_change(backend):
        policy = AugmentationPolicy(
            operations=(kind(probability=1.0),), task="aerial", backend=backend, seed=1
        )
        after = [policy(image, SampleKey(0, i, 0)).astype(float) for i in range(40)]
        return np.mean([np.abs(one - image).mean() for one in after])

    # Forty draws of a strength: its mean is known to some 10 %, and filters differ in detail.
    assert mean_change(backend) == pytest.approx(mean_change("auto"), rel=0.5, abs=0.2)


# --- what is not there -------------------------------------------------------------------------


@pytest.fixture
def without(monkeypatch):
    def hide(*hidden):
        find = importlib.util.find_spec
        monkeypatch.setattr(
            importlib.util, "find_spec", lambda name, *a: None if name in hidden else find(name, *a)
        )

    return hide


def test_without_albumentations_what_is_not_native_is_left_out_and_explained(without):
    without("albumentations")
    policy = AugmentationPolicy.for_task("natural")
    records = {record.operation: record for record in policy.explain()}
    for name in ("small-rotation", "elastic", "hue", "cutout"):
        assert not records[name].used
        assert "pip install '.[albumentations]'" in records[name].reason
        assert records[name].decided_by == "backend"
    assert records["horizontal-flip"].used
    assert policy(picture(), SampleKey(0, 0, 0)).shape == (24, 32, 3)
    by_hand = AugmentationPolicy(operations=(SmallRotation(probability=1.0),), task="natural")
    with pytest.raises(MissingLibraryError, match=r"\.\[albumentations\]"):
        by_hand(picture(), SampleKey(0, 0, 0))


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_backend_whose_library_is_missing_names_the_extra(without, library):
    without(library)
    with pytest.raises(MissingLibraryError, match=rf"pip install '\.\[{library}\]'"):
        AugmentationPolicy.for_task("natural", backend=library)


def test_a_misspelt_backend_is_named():
    with pytest.raises(OptionError, match="Did you mean 'albumentations'"):
        AugmentationPolicy.for_task("natural", backend="albumentation")


@pytest.mark.parametrize("backend", BACKENDS)
def test_policies_pickle_before_and_after_their_first_call(backend):
    policy = AugmentationPolicy.for_task("pathology", backend=backend, seed=3)
    fresh = pickle.loads(pickle.dumps(policy))
    keys = [SampleKey(*key) for key in itertools.product(range(2), range(3), range(2))]
    first = [policy(picture(), key).tobytes() for key in keys]
    used = pickle.loads(pickle.dumps(policy))
    assert used == fresh == policy
    assert [fresh(picture(), key).tobytes() for key in reversed(keys)][::-1] == first
    assert [used(picture(), key).tobytes() for key in keys] == first
    assert len(set(first)) > 1


@pytest.mark.parametrize("backend", BACKENDS)
def test_global_random_states_are_left_alone(backend):
    policy = AugmentationPolicy.for_task("pathology", backend=backend).scaled(3.0)
    policy(picture(), SampleKey(0, 0, 0))
    before = np.random.get_state()[1].tobytes(), random.getstate()  # noqa: NPY002  # the test
    policy(picture(), SampleKey(0, 1, 0))
    assert (np.random.get_state()[1].tobytes(), random.getstate()) == before  # noqa: NPY002


def test_python_draws_are_taken_from_the_generator_of_numpy_alone():
    def drawn(seed):
        draws = by_albumentations.DrawsOfNumPy()
        draws.draw_from(np.random.default_rng(seed))
        return [draws.random(), draws.uniform(2, 3), draws.randint(1, 6), draws.getrandbits(70)]

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)
    assert drawn(1)[0] == np.random.default_rng(1).random()
    draws = by_albumentations.DrawsOfNumPy()
    draws.draw_from(np.random.default_rng(0))
    counts = np.bincount([draws.randint(0, 3) for _ in range(4000)], minlength=4)
    assert np.all(abs(counts - 1000) < 150)  # five standard deviations of 27
