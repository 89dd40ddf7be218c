"""Resamplers give the class counts that their strategies name, evenly and by seed alone."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from balancekit import (
    MLROS,
    MLRUS,
    Combine,
    ExponentialProfile,
    LinearProfile,
    MakeImbalanced,
    Oversample,
    ParetoProfile,
    Regroup,
    StepProfile,
    Undersample,
    resample,
    stratified_split,
)
from balancekit.errors import DataError, OptionError
from balancekit.labels import Labels
from balancekit.samplers.resampling import draws_per_class, resampled_indices

COUNTS = [60, 20, 7, 0]
CLASS_OF = np.random.default_rng(0).permutation(np.repeat(np.arange(4), COUNTS))
LABELS = Labels(class_ids=CLASS_OF, class_names=("a", "b", "c", "d"))


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        (Oversample(), [60, 60, 60, 0]),
        (Oversample(ratio=0.5), [60, 30, 30, 0]),
        (Undersample(), [7, 7, 7, 0]),
        (Undersample(multiple=2.5), [17, 17, 7, 0]),
        (Undersample(multiple=1e300), [60, 20, 7, 0]),
        (Combine(), [20, 20, 20, 0]),
        (Combine(level="mean"), [29, 29, 29, 0]),
        (Combine(level="median"), [20, 20, 20, 0]),
        (Combine(level=13), [13, 13, 13, 0]),
        (Regroup(), [60, 60, 60, 0]),
        (Regroup(max_num=10), [10, 10, 10, 0]),
        (MakeImbalanced(ratio=4, largest=16), [16, 8, 4, 0]),
        (MakeImbalanced(ratio=10), [60, 18, 6, 0]),
        (MakeImbalanced(ratio=10, order="reversed-id"), [1, 2, 7, 0]),
        (MakeImbalanced(ratio=1), [7, 7, 7, 0]),
        (MakeImbalanced(ratio=2, profile=LinearProfile()), [14, 10, 7, 0]),
        (MakeImbalanced(ratio=6, profile=StepProfile()), [42, 7, 7, 0]),
        (MakeImbalanced(ratio=6, profile=StepProfile(minority_share=0.3)), [20, 20, 3, 0]),
        (MakeImbalanced(ratio=1000, largest=9), [9, 1, 1, 0]),
    ],
    ids=repr,
)
def test_class_counts_follow_the_strategy(strategy, expected):
    indices = resample(LABELS, strategy, seed=3)
    assert np.bincount(CLASS_OF[indices], minlength=4).tolist() == expected


@pytest.mark.parametrize(
    "strategy",
    [Oversample(), Undersample(), Combine(), Regroup(max_num=33), MakeImbalanced(ratio=3)],
    ids=repr,
)
def test_samples_of_a_class_are_used_evenly(strategy):
    uses = np.bincount(resample(LABELS, strategy), minlength=len(CLASS_OF))
    for c in range(3):
        of_class = uses[c == CLASS_OF]
        assert of_class.max() - of_class.min() <= 1


def test_the_same_seed_gives_the_same_indices_and_another_seed_others():
    first = resample(LABELS, Regroup(max_num=5), seed=1)
    assert first.tolist() == resample(LABELS, Regroup(max_num=5), seed=1).tolist()
    assert first.tolist() != resample(LABELS, Regroup(max_num=5), seed=2).tolist()


def test_regrouping_shows_every_sample_over_the_seeds():
    seen = set()
    for seed in range(200):
        seen.update(resample(LABELS, Regroup(max_num=5), seed=seed).tolist())
    assert seen == set(range(len(CLASS_OF)))


def test_the_extra_copies_of_regrouping_are_spread_over_the_seeds():
    extra = np.zeros(len(CLASS_OF), int)
    for seed in range(300):
        extra += np.bincount(resample(LABELS, Regroup(max_num=10), seed=seed), minlength=87) == 2
    # 10 draws of the 7 samples of class c leave 3 with two uses: 300 · 3 / 7 = 129 each,
    # standard deviation 8.6. The usual modular list would give 300 to three, 0 to the rest.
    assert np.all(np.abs(extra[CLASS_OF == 2] - 129) < 5 * 8.6)


def test_results_are_mixed_not_sorted_by_class():
    drawn = CLASS_OF[resample(LABELS, Oversample())]
    assert np.count_nonzero(np.diff(drawn)) > 80


def test_the_digits_profile_is_exact_at_imbalance_ratio_50():
    labels = Labels(class_ids=np.repeat(np.arange(10), 120), class_names=tuple("0123456789"))
    kept = resample(labels, MakeImbalanced(ratio=50, largest=100))
    counts = np.bincount(labels.class_ids[kept])
    assert counts.tolist() == [100, 64, 41, 27, 17, 11, 7, 4, 3, 2]


CIFAR_10_LT = [5000, 2997, 1796, 1077, 645, 387, 232, 139, 83, 50]


def test_the_counts_of_cifar_10_lt_are_the_published_ones():
    counts = draws_per_class(np.full(10, 5000), MakeImbalanced(ratio=100))
    assert counts.tolist() == CIFAR_10_LT


@pytest.mark.parametrize(
    ("n_classes", "largest", "ratio", "total"),
    [
        (10, 5000, 10, 20_431),
        (10, 5000, 50, 13_996),
        (10, 5000, 100, 12_406),
        (10, 5000, 200, 11_203),
        (100, 500, 10, 19_573),
        (100, 500, 50, 12_608),
        (100, 500, 100, 10_847),
        (100, 500, 200, 9_502),
    ],
)
def test_the_sizes_of_cifar_lt_are_the_published_ones(n_classes, largest, ratio, total):
    counts = draws_per_class(np.full(n_classes, largest), MakeImbalanced(ratio=ratio))
    assert (counts[0], counts[-1], counts.sum()) == (largest, int(largest / ratio), total)


def test_the_step_of_cifar_10_has_half_of_the_classes_at_the_smallest_size():
    step = MakeImbalanced(ratio=100, profile=StepProfile())
    assert draws_per_class(np.full(10, 5000), step).tolist() == [5000] * 5 + [50] * 5


def test_the_pareto_profile_is_near_the_published_facts_of_imagenet_lt():
    # 115,846 samples, 385 classes of more than 100, 479 of 20 to 100, 136 of fewer; those
    # were drawn at random, here are the medians of such draws.
    pareto = MakeImbalanced(ratio=256, profile=ParetoProfile())
    counts = draws_per_class(np.full(1000, 1280), pareto)
    assert (counts.max(), counts.min()) == (1280, 5)
    assert counts.sum() == pytest.approx(115_846, rel=0.05)
    many, few = np.count_nonzero(counts > 100), np.count_nonzero(counts < 20)
    assert (many, few) == (pytest.approx(385, abs=20), pytest.approx(136, abs=20))


def test_the_order_by_size_keeps_the_large_classes_large():
    by_size = MakeImbalanced(ratio=10, order="size")
    assert draws_per_class(np.array([20, 0, 7, 60]), by_size).tolist() == [18, 0, 6, 60]


def test_a_profile_that_a_class_cannot_follow_is_refused_with_what_fits():
    words = r"at most 21, which every class .* got 60: 1 of 3 classes .* one 7 of 20\. Leave"
    with pytest.raises(OptionError, match=words):
        draws_per_class(np.array([60, 40, 7]), MakeImbalanced(ratio=3, largest=60))


PROFILES = st.sampled_from(
    [
        ExponentialProfile(),
        LinearProfile(),
        StepProfile(),
        ParetoProfile(),
        ParetoProfile(alpha=9e-3),
    ]
)
STRATEGIES = st.one_of(
    st.builds(Oversample, ratio=st.floats(0.01, 1)),
    st.builds(Undersample, multiple=st.floats(1, 50)),
    st.builds(Combine, level=st.sampled_from(["mean", "median", "geometric-mean", 1, 40])),
    st.builds(Regroup, max_num=st.integers(1, 50)),
    st.builds(
        MakeImbalanced,
        ratio=st.floats(1, 1e6),
        profile=PROFILES,
        order=st.sampled_from(["id", "reversed-id", "size"]),
    ),
)


@given(
    counts=st.lists(st.integers(0, 60), min_size=1, max_size=8).filter(any),
    strategy=STRATEGIES,
    seed=st.integers(0, 2**40),
)
def test_no_class_is_lost_and_samples_are_used_floor_or_ceil_times(counts, strategy, seed):
    ids = np.random.default_rng(0).permutation(np.repeat([-1, *range(len(counts))], [3, *counts]))
    labels = Labels(class_ids=ids, class_names=tuple(map(str, range(len(counts)))))
    indices = resample(labels, strategy, seed=seed)
    assert indices.tolist() == resample(labels, strategy, seed=seed).tolist()
    uses = np.bincount(indices, minlength=len(ids))
    assert uses[ids == -1].sum() == 0
    wanted = draws_per_class(np.array(counts), strategy)
    for c, count in enumerate(counts):
        of_class = uses[ids == c]
        assert of_class.sum() == wanted[c]
        if count:
            assert wanted[c] >= 1
            assert of_class.min() >= wanted[c] // count
            assert of_class.max() <= -(-wanted[c] // count)


def test_draws_beyond_a_block_are_what_they_are_within(monkeypatch):
    from balancekit.samplers.resampling import draw

    whole = resample(LABELS, Oversample(), seed=4)
    monkeypatch.setattr(draw, "BLOCK", 7)
    assert resample(LABELS, Oversample(), seed=4).tolist() == whole.tolist()


def test_unlabelled_samples_are_never_drawn():
    labels = Labels(class_ids=np.array([0, -1, 1, -1]), class_names=("a", "b"))
    assert set(resample(labels, Oversample()).tolist()) == {0, 2}


INF, NAN = float("inf"), float("nan")
IMPOSSIBLE = {
    "no ratio": (lambda: Oversample(ratio=0), r"ratio: .*\(0, 1\], .*got 0"),
    "ratio above 1": (lambda: Oversample(ratio=1.5), r"ratio: .*got 1.5"),
    "ratio that is none": (lambda: Oversample(ratio=NAN), "ratio: .*got nan"),
    "ratio in words": (lambda: Oversample(ratio="all"), "ratio: .*got 'all'"),
    "multiple below 1": (lambda: Undersample(multiple=0.5), "multiple: .*got 0.5"),
    "endless multiple": (lambda: Undersample(multiple=INF), "multiple: .*got inf"),
    "no draws": (lambda: Regroup(max_num=0), "max_num: .*integer ≥ 1.*got 0"),
    "half a draw": (lambda: Regroup(max_num=1.5), "max_num: .*got 1.5"),
    "draws as a float": (lambda: Regroup(max_num=2.0), "max_num: .*got 2.0"),
    "draws as a truth": (lambda: Regroup(max_num=True), "max_num: .*got True"),
    "ratio below 1": (lambda: MakeImbalanced(ratio=0.5), "ratio: .*got 0.5"),
    "endless ratio": (lambda: MakeImbalanced(ratio=INF), "ratio: .*got inf"),
    "largest of none": (lambda: MakeImbalanced(ratio=2, largest=0), "largest: .*got 0"),
    "largest below 0": (lambda: MakeImbalanced(ratio=2, largest=-3), "largest: .*got -3"),
    "half a sample": (lambda: MakeImbalanced(ratio=2, largest=9.5), "largest: .*got 9.5"),
    "no level": (lambda: Combine(level=0), r"level: .*geometric-mean.*integer ≥ 1.*got 0"),
    "level of a truth": (lambda: Combine(level=True), "level: .*got True"),
    "level misspelt": (lambda: Combine(level="average"), "level: .*got 'average'"),
    "no small classes": (lambda: StepProfile(minority_share=0), "minority_share: .*got 0"),
    "no large classes": (lambda: StepProfile(minority_share=1), "minority_share: .*got 1"),
    "no exponent": (lambda: ParetoProfile(alpha=0), "alpha: .*got 0"),
    "no growth": (lambda: MLROS(share=0), "MLROS.share: .*got 0"),
    "nothing left": (lambda: MLRUS(share=1), "MLRUS.share: .*got 1"),
    "profile in words": (
        lambda: MakeImbalanced(ratio=2, profile="step"), r"profile: .*StepProfile\(\).*got 'step'"
    ),
    "order misspelt": (lambda: MakeImbalanced(ratio=2, order="random"), "order: .*got 'random'"),
    "two at once": (lambda: MakeImbalanced(ratio=0, largest=0), "ratio: .*; .*largest: "),
}  # fmt: skip


@pytest.mark.parametrize(("make", "words"), IMPOSSIBLE.values(), ids=IMPOSSIBLE.keys())
def test_impossible_strategies_are_refused(make, words):
    with pytest.raises(OptionError, match=words):
        make()


def test_arguments_of_strategies_need_no_names():
    short = [Oversample(0.5), Undersample(2), Combine("mean"), Regroup(100), MakeImbalanced(100)]
    assert short == [
        Oversample(ratio=0.5),
        Undersample(multiple=2),
        Combine(level="mean"),
        Regroup(max_num=100),
        MakeImbalanced(ratio=100),
    ]


SAME_LABELS = {
    "list": [1, 0, 1, 1] * 5,
    "names": ["b", "a", "b", "b"] * 5,
    "array": np.array([1, 0, 1, 1] * 5),
    "labels": Labels(class_ids=np.array([1, 0, 1, 1] * 5), class_names=("a", "b")),
}


@pytest.mark.parametrize("labels", SAME_LABELS.values(), ids=SAME_LABELS.keys())
def test_labels_of_any_kind_are_split_alike(labels):
    wanted = stratified_split(SAME_LABELS["labels"], 0.2)
    for part, same in zip(stratified_split(labels, 0.2), wanted, strict=True):
        assert part.tolist() == same.tolist()


def test_a_path_is_not_split_but_what_is_read_from_it():
    words = r"^data/: expected labels, got a path .* write balancekit\.read\('data/'\)\.$"
    with pytest.raises(DataError, match=words):
        stratified_split("data/", 0.2)


def test_counts_may_be_integers_of_numpy():
    indices = resample(LABELS, Regroup(max_num=np.int64(5)))
    assert np.bincount(CLASS_OF[indices], minlength=4).tolist() == [5, 5, 5, 0]


@pytest.mark.parametrize(
    ("strategy", "got"),
    [
        ("oversample", r"'oversample'\. Write Oversample\(\)\."),
        (Oversample, r"the class Oversample\. Write Oversample\(\)\."),
        (MakeImbalanced, r"the class MakeImbalanced\. Write MakeImbalanced\(ratio=…\)\."),
        (None, r"None\."),
    ],
    ids=["its name", "the class", "a class of arguments", "none"],
)
def test_what_is_no_strategy_is_refused_with_the_ones_there_are(strategy, got):
    choices = (
        "Oversample(), Undersample(), Combine(), Regroup(), MakeImbalanced(ratio=…), MLROS() or "
        "MLRUS()"
    )
    words = re.escape(f"strategy: expected {choices}, got ")
    with pytest.raises(OptionError, match=words + got):
        resampled_indices(LABELS, strategy)


@pytest.mark.parametrize("strategy", [Combine(level=10**15), Regroup(max_num=2**80)])
def test_more_draws_than_memory_holds_are_refused(strategy):
    with pytest.raises(OptionError, match=r"draws that fit in memory, got .* Ask for fewer"):
        resample(LABELS, strategy)


@pytest.mark.parametrize("seed", [-1, 2**63, 1.5, "7", True])
def test_a_seed_that_nothing_can_draw_with_is_refused(seed):
    words = re.escape(f"seed: expected an integer from 0 to 2**63 - 1, got {seed!r}")
    with pytest.raises(OptionError, match=words):
        resample(LABELS, Oversample(), seed=seed)
    with pytest.raises(OptionError, match=words):
        stratified_split(LABELS, 0.2, seed=seed)


def test_labels_of_several_classes_are_refused():
    labels = Labels(class_ids=np.array([0, 1]), class_names=("a", "b"), offsets=np.array([0, 2]))
    with pytest.raises(
        DataError,
        match=r"one class a sample.*Use MLROS\(\) or MLRUS\(\) .*ml-ros.*, draw by RepeatFactor",
    ):
        resample(labels, Oversample())


def test_labels_without_a_sample_are_refused():
    with pytest.raises(DataError, match="at least one labelled sample"):
        resample(Labels.from_names(["a", None]).take([1]), Oversample())


@given(share=st.floats(0.05, 0.95), seed=st.integers(0, 1000))
def test_a_split_is_stratified_disjoint_and_complete(share, seed):
    kept, held_out = stratified_split(LABELS, share, seed=seed)
    assert sorted([*kept, *held_out]) == list(range(len(CLASS_OF)))
    counts = np.bincount(CLASS_OF[held_out], minlength=4)
    for c, count in enumerate(COUNTS):
        assert counts[c] == min(max(round(share * count), 1), max(count - 1, 0))


def test_a_class_of_one_sample_stays_in_the_first_part():
    kept, held_out = stratified_split(Labels.from_names(["a"] * 9 + ["b"]), 0.5)
    assert 9 in kept
    assert 9 not in held_out


@pytest.mark.parametrize("share", [0, 1, -0.5, 7, NAN, "0.2"])
def test_impossible_shares_are_refused(share):
    with pytest.raises(OptionError, match=f"share: .*got {share!r}. Use a share such as 0.2"):
        stratified_split(LABELS, share)


GROUPS = CLASS_OF * 0 + np.random.default_rng(1).integers(0, 20, len(CLASS_OF))


@given(
    share=st.floats(0.05, 0.95),
    seed=st.integers(0, 1000),
    n_groups=st.integers(2, 60),
)
def test_groups_lie_in_one_part_and_the_parts_are_the_whole(share, seed, n_groups):
    groups = np.random.default_rng(seed).integers(0, n_groups, len(CLASS_OF))
    if len(set(groups)) < 2:
        return
    kept, held_out = stratified_split(LABELS, share, groups=groups, seed=seed)
    assert sorted([*kept, *held_out]) == list(range(len(CLASS_OF)))
    assert not set(groups[kept]) & set(groups[held_out])
    assert len(kept)
    assert len(held_out)


def test_groups_of_one_sample_each_give_the_counts_of_a_split_without_groups():
    held_out = stratified_split(LABELS, 0.3, groups=np.arange(len(CLASS_OF)))[1]
    alone = stratified_split(LABELS, 0.3)[1]
    assert np.array_equal(np.bincount(CLASS_OF[held_out]), np.bincount(CLASS_OF[alone]))


def test_groups_are_split_by_the_seed_and_may_have_any_names():
    named = [f"patient {group}" for group in GROUPS]
    first, again, other = (
        stratified_split(LABELS, 0.3, groups=groups, seed=seed)[1].tolist()
        for groups, seed in ((GROUPS, 1), (named, 1), (GROUPS, 2))
    )
    assert first == again
    assert first != other


def test_the_best_split_of_small_groups_is_found():
    # Half of each of two classes, in groups that only one choice (or the rest) brings there.
    labels = Labels.from_names("aaaabbbbaabbaaaaaabbbbbb")
    groups = [0] * 8 + [1] * 4 + [2] * 12
    kept, held_out = stratified_split(labels, 0.5, groups=groups)
    assert {len(kept), len(held_out)} == {12}


def test_a_class_in_two_groups_is_in_both_parts_and_one_in_a_single_group_in_the_first():
    labels = Labels.from_names(["a"] * 90 + ["b"] * 10 + ["c"] * 5)
    groups = [i % 30 for i in range(90)] + [100] * 5 + [101] * 5 + [102] * 5
    held_out = stratified_split(labels, 0.05, groups=groups)[1]
    assert np.bincount(labels.class_ids[held_out], minlength=3).tolist() == [3, 5, 0]


def of_several(*carried):
    names = tuple(sorted({name for kinds in carried for name in kinds}))
    return Labels(
        class_ids=np.array([names.index(name) for kinds in carried for name in kinds]),
        class_names=names,
        offsets=np.cumsum([0, *map(len, carried)]),
    )


def test_several_labels_are_split_by_the_rarest_that_a_sample_carries():
    labels = of_several(*[("common",)] * 40, *[("common", "rare")] * 8, *[()] * 12)
    kept, held_out = stratified_split(labels, 0.25)
    assert sorted([*kept, *held_out]) == list(range(60)), "those without a label are in one too"
    kinds = np.repeat(["common", "rare", "none"], [40, 8, 12])[held_out].tolist()
    assert [kinds.count(kind) for kind in ("common", "rare", "none")] == [10, 2, 3]
    as_classes = Labels(class_ids=np.repeat([0, 1, 2], [40, 8, 12]), class_names=tuple("abc"))
    assert held_out.tolist() == stratified_split(as_classes, 0.25)[1].tolist()


def test_a_label_may_have_any_name():
    labels = of_several(*[("no label of these",), ("a",), (), ()] * 2)
    assert [len(part) for part in stratified_split(labels, 0.5)] == [4, 4]


def test_groups_of_samples_with_several_labels_lie_in_one_part():
    labels = of_several(*[("a",), ("a", "b"), ()] * 20)
    groups = np.repeat(np.arange(12), 5)
    kept, held_out = stratified_split(labels, 0.3, groups=groups)
    assert sorted([*kept, *held_out]) == list(range(60))
    assert not set(groups[kept]) & set(groups[held_out])
    assert len(held_out)


def test_unlabelled_samples_of_a_group_are_in_neither_part():
    labels = Labels.from_names(["a", "a", None, "b", "b", None])
    parts = stratified_split(labels, 0.5, groups=[0, 1, 0, 0, 1, 2])
    assert sorted(np.concatenate(parts).tolist()) == [0, 1, 3, 4]


@pytest.mark.parametrize(
    ("groups", "words"),
    [
        ([0, 1], "groups: expected one of each of 87 samples, got 2"),
        ([0] * 87, "groups: expected two groups at least to split between, got one"),
        ([None, *range(85), None], "groups: .* got none of 2, the first at 0. Give such a sample"),
        ([[1]] * 87, r"groups: expected names or numbers, got such as \[1\]"),
        (np.zeros((87, 2)), r"groups: expected one of each sample, got shape \(87, 2\)"),
    ],
    ids=["too few", "one group", "missing", "lists", "a table"],
)
def test_impossible_groups_are_refused(groups, words):
    with pytest.raises(DataError, match=words):
        stratified_split(LABELS, 0.5, groups=groups)


# --- numbers ------------------------------------------------------------------------------------

VALUES = st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=200).map(lambda v: [*v, 0.5])


@given(values=VALUES, share=st.floats(0.05, 0.95), seed=st.integers(0, 100))
def test_numbers_are_held_out_in_their_share_all_over_their_range(values, share, seed):
    kept, held_out = stratified_split(values, share, seed=seed)
    n = len(values)
    assert sorted([*kept, *held_out]) == list(range(n))
    # To a sample's half, and one at least in either part.
    assert abs(len(held_out) - min(max(share * n, 1), n - 1)) <= 0.5 + 1e-6
    ranks = np.argsort(np.argsort(values, kind="stable"), kind="stable")
    n_groups = max(1, min(10, int(n * min(share, 1 - share))))
    # Up to any rank the share is kept to the samples of a group, of which there are that many.
    reached = np.cumsum(np.isin(np.argsort(ranks), held_out))
    assert np.abs(reached - share * np.arange(1, n + 1)).max() <= n / n_groups + 1


def test_rare_numbers_are_held_out_though_their_bins_hold_one_sample_each():
    values = np.concatenate([np.linspace(0, 1, 900), 10 + 90 * np.linspace(0, 1, 100) ** 2])
    held_out = stratified_split(values, 0.2)[1]
    assert len(held_out) == 200
    assert (values[held_out] > 1).sum() == 20


def test_missing_numbers_are_in_neither_part():
    labels = Labels.from_values([NAN, *range(20), NAN])
    assert sorted(np.concatenate(stratified_split(labels, 0.25))) == list(range(1, 21))
    groups = np.arange(22) // 2
    assert sorted(np.concatenate(stratified_split(labels, 0.25, groups=groups))) == [*range(1, 21)]


@pytest.mark.parametrize("n", [1, 2, 3])
def test_of_few_numbers_one_is_held_out_if_another_is_left(n):
    kept, held_out = stratified_split(Labels.from_values(range(n)), 0.2)
    assert (len(kept), len(held_out)) == (max(1, n - 1), min(1, n - 1))
