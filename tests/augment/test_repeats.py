"""Draws that repeat a sample are augmented by how often it came, and by its class."""

import pickle
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from balancekit import (
    BalancedBatchSampler,
    BalancedSampler,
    Labels,
    MultiLabelBalancedSampler,
    RegroupSampler,
    RepeatFactorSampler,
    SampleKey,
)
from balancekit.augment import AugmentationPolicy, Brightness, HorizontalFlip
from balancekit.augment.planned import augmentation_of, planned
from balancekit.augment.repeats import RepeatAware
from balancekit.augment.scene import Scene
from balancekit.errors import OptionError
from balancekit.plan import NoAugmentation, TaskAugmentation
from balancekit.plan.choices import Finding
from balancekit.plan.repeats import (
    RepeatAugmentation,
    SameStrength,
    StrengthByClass,
    StrengthByRarity,
)

RNG = np.random.default_rng(0)
PICTURE = RNG.integers(0, 256, (12, 16, 3), dtype=np.uint8)
NOTHING = AugmentationPolicy(task="natural", backend="native")
SAFE = AugmentationPolicy.for_task("natural", backend="native", seed=5)


def key(repeat, *, index=7, epoch=0):
    return SampleKey(epoch=epoch, index=index, repeat=repeat)


# --- the rule ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("strength", "class_id", "expected"),
    [
        (1.0, None, [0, 1, 1, 1]),
        (0.5, None, [0, 0.5, 1, 1]),
        (0.3, None, [0, 0.3, 0.6, 0.9]),
        (0.0, None, [0, 0, 0, 0]),
        (0.001, None, [0, 0, 0, 0]),
        ((0.0, 0.5, 1.0), 0, [0, 0, 0, 0]),
        ((0.0, 0.5, 1.0), 1, [0, 0.5, 1, 1]),
        ((0.0, 0.5, 1.0), np.int32(2), [0, 1, 1, 1]),
        ((0.0, 0.5, 1.0), [0, 1], [0, 0.5, 1, 1]),
        ((0.0, 0.5, 1.0), np.array([], np.int32), [0, 0, 0, 0]),
        ((0.0, 0.5, 1.0), -1, [0, 0, 0, 0]),
        (np.array([0.25, 1.0]), 0, [0, 0.25, 0.5, 0.75]),
    ],
    ids=repr,
)
def test_the_factor_grows_with_every_repeat_up_to_one(strength, class_id, expected):
    policy = RepeatAware(NOTHING, SAFE, strength)
    got = [policy.factor(key(repeat), class_id) for repeat in range(4)]
    assert got == pytest.approx(expected, abs=1e-12)  # hundredths, as floats have them


@given(
    strength=st.floats(0, 1),
    repeat=st.integers(0, 10**6),
)
def test_the_factor_is_a_share_in_hundredths_that_never_falls(strength, repeat):
    policy = RepeatAware(NOTHING, SAFE, strength)
    now, later = policy.factor(key(repeat)), policy.factor(key(repeat + 1))
    assert 0 <= now <= later <= 1
    assert now == round(100 * now) / 100
    assert abs(now - min(1, strength * repeat)) <= 0.005 + 1e-12  # half a step
    assert policy.factor(key(0)) == 0


def test_rarity_takes_the_share_of_repeats_under_equal_draws():
    policy = RepeatAware.by_rarity(NOTHING, SAFE, [100, 50, 4, 0])
    assert policy.strength == pytest.approx((0, 0.5, 0.96, 1))
    half = RepeatAware.by_rarity(NOTHING, SAFE, np.array([100, 50, 4, 0]), strongest=0.5)
    assert half.strength == pytest.approx((0, 0.25, 0.48, 0.5))


def test_strengths_by_name_leave_one_for_the_others():
    named = RepeatAware.by_class(NOTHING, SAFE, {"b": 0.25}, ["a", "b", "c"], others=0.75)
    assert named.strength == (0.75, 0.25, 0.75)


# --- pictures ---------------------------------------------------------------------------------


@given(seed=st.integers(0, 2**63 - 1), index=st.integers(0, 2**40), epoch=st.integers(0, 99))
@settings(max_examples=25)
def test_first_draws_get_the_base_and_strength_0_is_the_base(seed, index, epoch):
    base = AugmentationPolicy.for_task("natural", backend="native", seed=seed)
    first = key(0, index=index, epoch=epoch)
    assert np.array_equal(RepeatAware(base, SAFE, 1.0)(PICTURE, first), base(PICTURE, first))
    again = key(3, index=index, epoch=epoch)
    assert np.array_equal(RepeatAware(base, SAFE, 0.0)(PICTURE, again), base(PICTURE, again))


def test_repeats_are_augmented_on_top_of_the_base():
    darker = AugmentationPolicy.from_augmenter(lambda image: image // 2)
    mirrored = AugmentationPolicy(
        task="natural", operations=(HorizontalFlip(probability=1.0),), backend="native"
    )
    policy = RepeatAware(darker, mirrored, 1.0)
    assert np.array_equal(policy(PICTURE, key(0)), PICTURE // 2)
    assert np.array_equal(policy(PICTURE, key(1)), (PICTURE // 2)[:, ::-1])


def test_two_flips_of_one_seed_are_independent():
    flip = AugmentationPolicy(
        task="natural", operations=(HorizontalFlip(probability=0.5),), seed=3, backend="native"
    )
    policy = RepeatAware(flip, flip, 1.0)
    keys = [key(1, index=index) for index in range(2000)]
    by_both = np.array([not np.array_equal(policy(PICTURE, one), PICTURE) for one in keys])
    by_base = np.array([not np.array_equal(flip(PICTURE, one), PICTURE) for one in keys])
    by_extra = by_both ^ by_base
    # Of 2000 draws a share of one half has a standard error of .011: four of them.
    assert abs(by_extra.mean() - 0.5) < 0.045
    assert abs((by_extra & by_base).mean() - 0.25) < 0.04


def test_weak_repeats_are_changed_more_rarely_than_strong_ones():
    flip = AugmentationPolicy(
        task="natural", operations=(HorizontalFlip(probability=1.0),), backend="native"
    )
    policy = RepeatAware(NOTHING, flip, 0.25)
    shares = [
        np.mean([not np.array_equal(policy(PICTURE, key(k, index=i)), PICTURE) for i in range(800)])
        for k in range(1, 5)
    ]
    # Of 800 draws a share of one half has a standard error of .018: four of them.
    assert shares == pytest.approx([0.25, 0.5, 0.75, 1.0], abs=0.07)


def test_an_augmenter_of_another_library_is_used_whole_on_a_share_of_the_repeats():
    policy = RepeatAware(NOTHING, AugmentationPolicy.from_augmenter(np.invert), 0.25)
    drawn = [policy(PICTURE, key(1, index=index)) for index in range(800)]
    inverted = [np.array_equal(one, ~PICTURE) for one in drawn]
    assert sum(inverted) + sum(np.array_equal(one, PICTURE) for one in drawn) == 800
    assert np.mean(inverted) == pytest.approx(0.25, abs=0.065)  # four standard errors


def test_scenes_keep_their_annotations():
    mirrored = AugmentationPolicy(
        task="natural", operations=(HorizontalFlip(probability=1.0),), backend="native"
    )
    scene = Scene(image=PICTURE, boxes=[[1, 2, 4, 5]])
    policy = RepeatAware(NOTHING, mirrored, 1.0)
    assert policy(scene, key(0)).boxes.tolist() == [[1, 2, 4, 5]]
    assert policy(scene, key(1)).boxes.tolist() == [[12, 2, 15, 5]]


def augmented(policy, repeats):
    return [policy(PICTURE, key(repeat), 1).tobytes() for repeat in repeats]


@pytest.mark.parametrize("way", ["fork", "spawn"])
def test_other_processes_give_the_same_bytes(way):
    policy = RepeatAware.by_class(SAFE, SAFE, {"a": 0.1, "b": 0.4}, ["a", "b"])
    expected = augmented(policy, range(6))
    assert augmented(pickle.loads(pickle.dumps(policy)), range(6)) == expected
    assert augmented(policy, reversed(range(6)))[::-1] == expected
    with ProcessPoolExecutor(1, mp_context=get_context(way)) as pool:
        assert pool.submit(augmented, policy, range(6)).result() == expected


def test_a_policy_is_a_value():
    one, other = (RepeatAware(SAFE, SAFE, [0.5, 1.0]) for _ in range(2))
    one(PICTURE, key(1), 0)
    assert one == other
    assert hash(one) == hash(other)
    assert one != RepeatAware(SAFE, SAFE, 0.5)


SINGLE = Labels(class_ids=np.repeat([0, 1], [90, 10]), class_names=("many", "few"))
SEVERAL = Labels(
    class_ids=[0] * 30 + [0, 1] * 10 + [1] * 4,
    class_names=("many", "few"),
    offsets=[*range(30), *range(30, 51, 2), *range(51, 55)],
)
COUNTING = {
    "balanced": lambda: BalancedSampler(SINGLE, 12, yields="keys"),
    "balanced batches": lambda: BalancedBatchSampler(SINGLE, 12, yields="keys"),
    "regroup": lambda: RegroupSampler(SINGLE, 12, yields="keys"),
    "repeat factors": lambda: RepeatFactorSampler(SEVERAL, 12, threshold=0.6, yields="keys"),
    "several classes": lambda: MultiLabelBalancedSampler(SEVERAL, 12, yields="keys"),
}


@pytest.mark.filterwarnings("ignore::balancekit.BalancekitWarning")
@pytest.mark.parametrize("make", COUNTING.values(), ids=COUNTING.keys())
@pytest.mark.parametrize("epoch", [0, 1, 2])
def test_the_repeat_of_a_key_counts_the_draws_of_the_sample_before(make, epoch):
    sampler, seen, repeated = make(), Counter(), 0
    sampler.set_epoch(epoch)
    for item in sampler:
        for one in item if isinstance(item, list) else [item]:
            assert one == SampleKey(epoch, one.index, seen[one.index])
            seen[one.index] += 1
            repeated += one.repeat > 0
    assert repeated


def test_the_keys_of_a_sampler_say_which_draws_repeat():
    labels = Labels(class_ids=np.repeat([0, 1], [90, 10]), class_names=("many", "few"))
    policy = RepeatAware.by_rarity(NOTHING, SAFE, labels.class_counts())
    keys = list(BalancedSampler(labels, 10, yields="keys"))
    factors = np.array([policy.factor(one, labels.class_ids[one.index]) for one in keys])
    is_rare = np.array([labels.class_ids[one.index] == 1 for one in keys])
    assert not factors[~is_rare].any()
    assert (factors[is_rare] == 0).sum() == 10  # the first draw of each rare sample


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: RepeatAware(None, SAFE), "base: expected an AugmentationPolicy, got NoneType"),
        (lambda: RepeatAware(SAFE, np.invert), "extra: expected an AugmentationPolicy.*from_aug"),
        (lambda: RepeatAware(SAFE, SAFE, 1.5), r"strength: expected a number in \[0, 1\], got 1.5"),
        (lambda: RepeatAware(SAFE, SAFE, True), "strength: expected a number"),
        (lambda: RepeatAware(SAFE, SAFE, float("nan")), "strength: expected a number .* got nan"),
        (lambda: RepeatAware(SAFE, SAFE, [0.5, -1]), r"strength\[1\]: expected .* got -1"),
        (lambda: RepeatAware(SAFE, SAFE, []), "strength: expected a number .* got none"),
        (lambda: RepeatAware(SAFE, SAFE, [[0.5]]), r"strength\[0\]: expected a number"),
        (lambda: RepeatAware(SAFE, SAFE, "rarity"), "RepeatAware.by_rarity counts"),
        (lambda: RepeatAware(SAFE, SAFE, {"a": 1}), "RepeatAware.by_class takes strengths by name"),
        (
            lambda: RepeatAware.by_class(SAFE, SAFE, {"catt": 0.5}, ["cat", "dog"]),
            "expected names of classes, got 'catt'. Did you mean 'cat'?",
        ),
        (
            lambda: RepeatAware.by_class(SAFE, SAFE, {"cat": 5}, ["cat", "dog"]),
            r"strengths.cat: expected a number in \[0, 1\], got 5",
        ),
        (lambda: RepeatAware.by_rarity(SAFE, SAFE, [0, 0]), "class_counts: expected integers"),
        (lambda: RepeatAware.by_rarity(SAFE, SAFE, [0.5, 1]), "class_counts: expected integers"),
        (lambda: RepeatAware.by_rarity(SAFE, SAFE, []), "class_counts: expected integers"),
    ],
)
def test_what_cannot_be_is_refused(make, message):
    with pytest.raises(OptionError, match=message):
        make()


@pytest.mark.parametrize("class_id", [None, 2, -2, 0.5, "a", [[0]], [0, 5]], ids=repr)
def test_a_class_without_a_strength_is_refused(class_id):
    policy = RepeatAware(SAFE, SAFE, [0.5, 1.0])
    with pytest.raises(OptionError, match=r"class_id: expected an integer in \[0, 2\)"):
        policy(PICTURE, key(1), class_id)


# --- plans ------------------------------------------------------------------------------------

NAMES, COUNTS = ("a", "b"), (80, 20)


@pytest.mark.parametrize(
    ("strength", "expected"),
    [
        (SameStrength(strength=0.5), 0.5),
        (StrengthByClass(strengths={"b": 0.25}, others=0.5), (0.5, 0.25)),
        (StrengthByRarity(), (0.0, 0.75)),
    ],
    ids=repr,
)
def test_a_plan_says_how_repeats_are_augmented(strength, expected):
    choice = TaskAugmentation(
        task="natural",
        backend="native",
        operations=(),
        repeats=RepeatAugmentation(operations=(Brightness(),), strength=strength),
    )
    policy = augmentation_of(choice, NAMES, COUNTS, seed=3)
    assert policy.base.operations == ()
    assert policy.extra.operations == (Brightness(),)
    assert (policy.base.seed, policy.extra.seed) == (3, 3)
    assert policy.strength == expected
    assert augmentation_of(planned(policy, NAMES), NAMES, COUNTS, seed=3) == policy


def test_a_plan_without_repeats_is_a_policy_or_nothing():
    assert augmentation_of(NoAugmentation(), NAMES, COUNTS) is None
    choice = TaskAugmentation(task="natural", backend="native")
    policy = augmentation_of(choice, NAMES, COUNTS, seed=2)
    assert policy == AugmentationPolicy.for_task("natural", NAMES, backend="native", seed=2)


def test_repeats_without_operations_take_those_of_the_task():
    choice = TaskAugmentation(
        task="natural",
        backend="native",
        operations=(),
        forbid=("blur",),
        repeats=RepeatAugmentation(),
    )
    policy = augmentation_of(choice, NAMES, COUNTS)
    rules = AugmentationPolicy.for_task("natural", NAMES, backend="native").forbid("blur")
    assert policy.extra.operations == rules.operations
    assert policy.base.operations == ()


@pytest.mark.parametrize("where", ["operations", "repeats"])
def test_a_forbidden_operation_of_a_plan_needs_its_consent(where):
    flips = (HorizontalFlip(),)
    given = {
        "operations": {"operations": flips},
        "repeats": {"repeats": RepeatAugmentation(operations=flips)},
    }[where]
    with pytest.raises(OptionError, match="forbidden for 'digits' pictures, got horizontal-flip"):
        augmentation_of(TaskAugmentation(task="digits", **given), NAMES, COUNTS)
    allowed = TaskAugmentation(task="digits", allow=("horizontal-flip",), **given)
    assert augmentation_of(allowed, NAMES, COUNTS) is not None


def test_a_policy_comes_back_from_the_plan_that_it_was_written_to():
    found = Finding(
        operation="blur", verdict="forbidden", reason="blurred already", source="pictures"
    )
    policy = (
        AugmentationPolicy.for_task(
            "natural", NAMES, backend="native", seed=4, class_pairs=[(0, 1)], findings=[found]
        )
        .allow("vertical-flip", because="seen from above")
        .allow(Brightness(probability=0.9), because="lamps differ")
        .forbid("random-crop", because="objects fill the picture")
    )
    choice = planned(policy)
    assert choice.findings == (found,)
    assert augmentation_of(choice, NAMES, COUNTS, seed=4) == policy
    both = RepeatAware(policy, policy.scaled(0.5), [0.5, 1.0])
    assert augmentation_of(planned(both, NAMES), NAMES, COUNTS, seed=4) == both


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        (AugmentationPolicy.from_augmenter(np.invert), "policy: expected operations that a plan"),
        (RepeatAware(SAFE, NOTHING, [0.5]), "class_names: expected 1 names, one a strength, got 2"),
        (
            RepeatAware(SAFE, AugmentationPolicy.for_task("aerial", backend="native")),
            "expected base and extra of the same task, got 'natural' and 'aerial'",
        ),
    ],
    ids=["foreign", "names", "two tasks"],
)
def test_what_no_plan_can_hold_is_refused(policy, message):
    with pytest.raises(OptionError, match=message):
        planned(policy, NAMES)
