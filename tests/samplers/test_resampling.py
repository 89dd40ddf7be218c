"""Resamplers give the class counts that their strategies name, evenly and by seed alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from balancekit import MakeImbalanced, Oversample, Regroup, Undersample, resample, stratified_split
from balancekit.errors import DataError, OptionError
from balancekit.labels import Labels
from balancekit.samplers.resampling import resampled_indices

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
        (Regroup(), [60, 60, 60, 0]),
        (Regroup(max_num=10), [10, 10, 10, 0]),
        (MakeImbalanced(ratio=4, largest=16), [16, 10, 6, 0]),
    ],
    ids=repr,
)
def test_class_counts_follow_the_strategy(strategy, expected):
    indices = resample(LABELS, strategy, seed=3)
    assert np.bincount(CLASS_OF[indices], minlength=4).tolist() == expected


@pytest.mark.parametrize("strategy", [Oversample(), Undersample(), Regroup(max_num=33)], ids=repr)
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
    "two at once": (lambda: MakeImbalanced(ratio=0, largest=0), "ratio: .*; .*largest: "),
}


@pytest.mark.parametrize(("make", "words"), IMPOSSIBLE.values(), ids=IMPOSSIBLE.keys())
def test_impossible_strategies_are_refused(make, words):
    with pytest.raises(OptionError, match=words):
        make()


def test_counts_may_be_integers_of_numpy():
    indices = resample(LABELS, Regroup(max_num=np.int64(5)))
    assert np.bincount(CLASS_OF[indices], minlength=4).tolist() == [5, 5, 5, 0]


@pytest.mark.parametrize(
    ("strategy", "got"),
    [("oversample", "'oversample'"), (Oversample, "<class .*Oversample'>"), (None, "None")],
    ids=["its name", "the class", "none"],
)
def test_what_is_no_strategy_is_refused_with_the_ones_there_are(strategy, got):
    choices = r"Oversample\(\), Undersample\(\), Regroup\(max_num=…\) or MakeImbalanced\(ratio=…\)"
    with pytest.raises(OptionError, match=f"strategy: expected {choices}, got {got}"):
        resampled_indices(LABELS, strategy)


def test_labels_of_several_classes_are_refused():
    labels = Labels(class_ids=np.array([0, 1]), class_names=("a", "b"), offsets=np.array([0, 2]))
    with pytest.raises(DataError, match="one class a sample"):
        resample(labels, Oversample())


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
