"""Samples of several classes are drawn by strata: repeat factors, and solved marginals."""

import math
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import DataLoader

from balancekit import (
    BalancekitWarning,
    DataError,
    MultiLabelBalancedSampler,
    OptionError,
    RepeatFactorSampler,
)
from balancekit.labels import Labels
from balancekit.plan import Fixed, Natural, Power, RepeatFactor, Schedule, Uniform
from balancekit.samplers import (
    repeat_factor_strata,
    repeat_factors_per_sample,
    solve_marginals,
)
from balancekit.samplers.multilabel.maximum_entropy import MarginalProblem
from balancekit.samplers.multilabel.strata import LabelSets

NAMES = tuple("abcdefgh")
FREE = {"min_repeats": 0.0, "max_repeats": math.inf}


def labels_of_sets(*sets, n_classes=None, **options) -> Labels:
    """Labels of samples that each carry a tuple of class ids."""
    ids = [c for carried in sets for c in carried]
    return Labels(
        class_ids=np.array(ids, np.int32),
        class_names=NAMES[: n_classes or 1 + max(ids)],
        offsets=np.cumsum([0, *map(len, sets)]),
        **options,
    )


@st.composite
def label_sets(draw, max_samples=60):
    n_classes = draw(st.integers(1, 6))
    classes = st.lists(st.integers(0, n_classes - 1), max_size=5)  # a class may come twice
    sets = draw(st.lists(classes, min_size=1, max_size=max_samples).filter(any))
    return labels_of_sets(*sets, n_classes=n_classes)


def carried(labels: Labels) -> np.ndarray:
    """Which classes each sample carries: float64 [n_samples, n_classes] of 0 and 1."""
    table = np.zeros((labels.n_samples, labels.n_classes))
    multi = labels.as_multilabel()
    for i in range(labels.n_samples):
        table[i, multi.class_ids[multi.offsets[i] : multi.offsets[i + 1]]] = 1
    return table


def share_per_sample(strata, n_samples) -> np.ndarray:
    """Share of each sample among the draws: float64 [n_samples]."""
    shares = np.zeros(n_samples)
    counts = strata.index.class_counts()
    for s, share in enumerate(strata.shares):
        samples = strata.index.take(np.full(counts[s], s), np.arange(counts[s]))
        shares[samples] = share / counts[s]
    return shares


# --- label sets ---------------------------------------------------------------------------------


@settings(max_examples=100)
@given(label_sets())
def test_label_sets_are_those_that_a_dictionary_finds(labels):
    sets = LabelSets.of(labels)
    starts = np.cumsum(sets.lengths) - sets.lengths
    found = [
        frozenset(sets.class_ids[start : start + length].tolist())
        for start, length in zip(starts, sets.lengths, strict=True)
    ]
    expected = [frozenset(np.flatnonzero(row).tolist()) for row in carried(labels)]
    assert [found[s] for s in sets.set_per_sample] == expected
    assert Counter(expected) == dict(zip(found, sets.n_samples.tolist(), strict=True))


@settings(max_examples=100)
@given(label_sets())
def test_sets_of_the_rarest_class_come_first_and_the_set_of_none_last(labels):
    sets = LabelSets.of(labels)
    counts = carried(labels).sum(0)
    of_each = np.split(sets.class_ids, np.cumsum(sets.lengths)[:-1])
    rarest = [min(((counts[c], c) for c in of), default=(math.inf, 0)) for of in of_each]
    assert rarest == sorted(rarest)


def test_sets_that_share_classes_are_neighbours():
    sets = [(0,), (0, 2), (0, 1), (0, 1, 2), (1,), (1, 2), (2,)]
    labels = labels_of_sets(*sets, *[(1,)] * 10, *[(2,)] * 20)
    found = LabelSets.of(labels)
    of_each = np.split(found.class_ids, np.cumsum(found.lengths)[:-1])
    # From one to the next one class comes or goes, where the dictionary's order has (0, 2), (1, 2).
    assert [tuple(of.tolist()) for of in of_each] == [
        (0,),
        (0, 2),
        (0, 1, 2),
        (0, 1),
        (1,),
        (1, 2),
        (2,),
    ]


# --- repeat factors -----------------------------------------------------------------------------


def factors_of_detectron(labels: Labels, threshold: float, by_instances: bool) -> list[float]:
    """Repeat factors as detectron2 computes them from the annotations of each picture."""
    multi = labels.as_multilabel()
    pictures = [
        multi.class_ids[a:b].tolist()
        for a, b in zip(multi.offsets[:-1], multi.offsets[1:], strict=True)
    ]
    n_pictures, n_instances = Counter(), Counter()
    for classes in pictures:
        n_pictures.update(set(classes))
        n_instances.update(classes)
    factor = {}
    for c, n in n_pictures.items():
        share = n / len(pictures)
        if by_instances:
            share = math.sqrt(share * n_instances[c] / n_instances.total())
        factor[c] = max(1.0, math.sqrt(threshold / share))
    return [max((factor[c] for c in set(classes)), default=1.0) for classes in pictures]


@settings(max_examples=100)
@given(label_sets(), st.floats(1e-4, 1), st.sampled_from(["image", "image-and-instance"]))
def test_repeat_factors_are_those_of_detectron(labels, threshold, counting):
    targets = RepeatFactor(threshold=threshold, counting=counting)
    found = repeat_factors_per_sample(labels, targets)
    expected = factors_of_detectron(labels, threshold, counting != "image")
    assert found.tolist() == pytest.approx(expected, rel=1e-12)
    strata = repeat_factor_strata(labels, targets)
    assert strata.n_draws == round(sum(expected))
    share = share_per_sample(strata, labels.n_samples)
    assert share.tolist() == pytest.approx((np.array(expected) / sum(expected)).tolist())
    assert len(strata.shares) <= labels.n_classes + 1


def test_uses_over_a_training_follow_the_repeat_factors_to_within_one():
    labels = labels_of_sets(*[(0, 0)] * 70, *[(0, 1)] * 9, *[(2,)] * 4, *[()] * 3)
    factors = repeat_factors_per_sample(labels, RepeatFactor(threshold=0.3))
    sampler = RepeatFactorSampler(labels, 8, threshold=0.3)
    uses = np.zeros(labels.n_samples)
    n_alike = np.array([np.sum(factors == factor) for factor in factors])
    for epoch in range(1, 8):
        uses += np.bincount(list(sampler), minlength=labels.n_samples)
        expected = factors * len(sampler) / factors.sum() * epoch
        # Draws of a stratum are within 1 of their share, and dealt evenly to its samples.
        assert np.all(np.abs(uses - expected) < 1 + 1 / n_alike + 1e-6)
    assert len(sampler) == 8 * math.ceil(factors.sum() / 8)


def test_samples_without_a_class_are_drawn_and_those_whose_label_is_missing_are_not():
    none = labels_of_sets((0,), (0,), (1,), ())
    missing = Labels.from_names(["a", "a", "b", None])
    targets = RepeatFactor(threshold=0.5)
    assert repeat_factors_per_sample(none, targets)[3] == 1
    assert repeat_factors_per_sample(missing, targets)[3] == 0
    assert set(RepeatFactorSampler(none, 2, threshold=0.5)) == {0, 1, 2, 3}
    assert set(RepeatFactorSampler(missing, 2, threshold=0.5)) == {0, 1, 2}
    assert set(MultiLabelBalancedSampler(none, 4, batches_per_epoch=3)) == {0, 1, 2, 3}
    assert set(MultiLabelBalancedSampler(missing, 4, batches_per_epoch=3)) == {0, 1, 2}


# --- marginals ----------------------------------------------------------------------------------


def assert_closest_to_even(labels: Labels, solution, max_repeats: float = math.inf) -> None:
    """The shares are π·min(R, exp(λ·y + ν)), which only the closest distribution is."""
    table = np.column_stack([carried(labels), np.ones(labels.n_samples)])
    repeats = share_per_sample(solution.strata, labels.n_samples) * labels.n_samples
    assert repeats.max() <= max_repeats * (1 + 1e-9)
    free = repeats < max_repeats * (1 - 1e-9)
    logs = np.log(repeats)
    multipliers = np.linalg.lstsq(table[free], logs[free], rcond=None)[0]
    assert np.abs(table[free] @ multipliers - logs[free]).max() < 1e-6
    # Without the cap, those at it would be drawn more often still.
    if np.linalg.matrix_rank(table[free]) == np.linalg.matrix_rank(table):
        assert np.all(table[~free] @ multipliers >= math.log(max_repeats) - 1e-6)


@settings(max_examples=100)
@given(label_sets(), st.integers(0, 999))
def test_marginals_of_a_tilt_of_the_data_give_that_tilt_back(labels, seed):
    sets = LabelSets.of(labels)
    multipliers = np.random.default_rng(seed).standard_normal(labels.n_classes)
    tilted = np.exp(carried(labels) @ multipliers)
    tilted = np.bincount(sets.set_per_sample, tilted / tilted.sum())
    wanted = sets.marginals(tilted)
    solved = MarginalProblem(sets, wanted, np.where(wanted > 0, wanted, 1.0), math.inf).solve()
    # Of all distributions with these marginals the tilt is the one closest to even draws.
    # The solver stops by its marginals, which a set of few draws hardly moves.
    assert solved == pytest.approx(tilted, rel=1e-2)
    assert sets.marginals(solved) == pytest.approx(wanted, rel=1e-4)


@settings(max_examples=100)
@given(
    label_sets(),
    st.sampled_from([Uniform(), Natural(), Power(alpha=0.5), Power(alpha=-1.0)]),
    st.floats(0, 1),
    st.floats(1, 30),
)
def test_every_sample_keeps_within_its_repeats_and_the_report_is_true(labels, targets, low, high):
    solution = solve_marginals(labels, targets, min_repeats=low, max_repeats=high)
    share = share_per_sample(solution.strata, labels.n_samples)
    assert share.sum() == pytest.approx(1)
    repeats = share * labels.n_samples
    assert repeats.min() >= low - 1e-6
    assert repeats.max() <= high + 1e-6
    table = carried(labels)
    assert solution.natural == pytest.approx(table.mean(0))
    assert solution.reached == pytest.approx(share @ table, abs=1e-9)
    assert solution.effective_samples == pytest.approx(1 / (share @ share))
    for c, bound in enumerate(solution.bounds):
        missed = abs(solution.reached[c] - solution.wanted[c]) > 0.01 * solution.wanted[c]
        assert bool(bound) == (missed or not table[:, c].any())


@settings(max_examples=60)
@given(label_sets(), st.floats(1.2, 10))
def test_draws_below_the_most_repeats_are_those_of_one_tilt(labels, most):
    solution = solve_marginals(labels, Power(alpha=0.7), min_repeats=0, max_repeats=most)
    repeats = share_per_sample(solution.strata, labels.n_samples) * labels.n_samples
    if repeats.min() > 1e-3:  # the logarithm of less says nothing of the shares
        assert_closest_to_even(labels, solution, most)


def test_natural_targets_leave_the_data_as_they_are():
    labels = labels_of_sets(*[(0,)] * 7, (0, 1), (1,), (), ())
    solution = solve_marginals(labels, Natural())
    assert share_per_sample(solution.strata, 11).tolist() == pytest.approx([1 / 11] * 11)
    assert solution.effective_samples == pytest.approx(11)


def test_data_of_one_class_a_sample_get_the_shares_of_the_targets():
    labels = Labels.from_names(["a"] * 90 + ["b"] * 9 + ["c"])
    solution = solve_marginals(labels, Uniform(), **FREE)
    assert solution.reached == pytest.approx([1 / 3] * 3, abs=1e-4)
    capped = solve_marginals(labels, Uniform(), min_repeats=0, max_repeats=6)
    # The rarest gets six repeats; the others divide the rest, 0.54 at most for the middle one.
    assert capped.reached == pytest.approx([0.47, 0.47, 0.06], abs=1e-3)
    assert capped.bounds == ("other classes", "other classes", "repeats")


IMPOSSIBLE = {
    "a class that every sample carries": (
        [(0, 1)] * 50 + [(0, 2)] * 50,
        Uniform(),
        [1.0, 0.5, 0.5],
        {0: "other classes"},
    ),
    "two classes that always come together": (
        [(0, 1)] * 20 + [(2,)] * 20,
        Fixed(shares=(0.1, 0.5, 0.4)),
        # Where Σ (reached - wanted)² / wanted is least, with (0.15, 0.75, 0.6) wanted.
        [0.2759, 0.2759, 0.7241],
        {0: "other classes", 1: "other classes"},
    ),
    "a class that brings another": (
        [(0,)] * 40 + [(0, 1)] * 10,
        Fixed(shares=(0.2, 0.8)),
        [1.0, 0.96],
        {0: "other classes"},
    ),
    "one sample": ([(0, 1)], Fixed(shares=(0.25, 0.75)), [1.0, 1.0], {0: "other classes"}),
    "a class without samples": ([(0,), (1,), (1,), (1,)], Uniform(), [0.5, 0.5, 0], {2: ""}),
}


@pytest.mark.parametrize(
    ("sets", "targets", "reached", "bounds"), IMPOSSIBLE.values(), ids=IMPOSSIBLE.keys()
)
def test_what_cannot_be_reached_is_come_near_to_and_told(sets, targets, reached, bounds):
    labels = labels_of_sets(*sets, n_classes=len(reached))
    solution = solve_marginals(labels, targets, **FREE)
    assert np.all(np.abs(solution.reached - reached) < 1e-3)
    for c, bound in bounds.items():
        assert solution.bounds[c] == (bound or "no samples")


def test_a_class_without_samples_is_no_problem():
    assert solve_marginals(labels_of_sets((0,), (1,), n_classes=3), Uniform()).problems() == []


def test_problems_name_the_farthest_of_the_classes_that_fall_short_first():
    labels = labels_of_sets(*[(0,)] * 95, *[(0, 1)] * 4, (2,))
    problems = solve_marginals(labels, Uniform(), max_repeats=3).problems()
    assert len(problems) == 3
    assert [problem[:2] for problem in problems] == ["c:", "b:", "a:"]
    assert problems[0].endswith("bounded by repeats")
    assert problems[-1].startswith("a: wanted in 0.347 of the draws, reached 0.97")


REFUSED = {
    "fewest repeats": ({"min_repeats": 2}, r"min_repeats: expected a number in \[0, 1\], got 2"),
    "most repeats": ({"max_repeats": 0.5}, "max_repeats: expected a number ≥ 1, got 0.5"),
    "no number": ({"max_repeats": "3"}, "max_repeats: expected a number ≥ 1, got '3'"),
    "not a number": ({"max_repeats": math.nan}, "max_repeats: expected a number ≥ 1, got nan"),
    "both": ({"min_repeats": -1, "max_repeats": 0}, "min_repeats: .*; max_repeats: "),
}


@pytest.mark.parametrize(("options", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_repeats_that_cannot_be_are_refused(options, message):
    with pytest.raises(OptionError, match=message):
        solve_marginals(labels_of_sets((0,)), Uniform(), **options)


def test_a_schedule_is_solved_at_its_ends_only():
    schedule = Schedule(start=Natural(), end=Uniform(), epochs=3)
    with pytest.raises(OptionError, match="expected targets without a schedule"):
        solve_marginals(labels_of_sets((0,)), schedule)


@pytest.mark.parametrize(
    "labels", [labels_of_sets((), (), n_classes=2), labels_of_sets(n_classes=1)]
)
def test_data_without_a_label_are_refused(labels):
    for ask in (
        LabelSets.of,
        lambda given: repeat_factors_per_sample(given, RepeatFactor(threshold=1)),
    ):
        with pytest.raises(DataError, match="expected at least one labelled sample, got none"):
            ask(labels)


# --- samplers -----------------------------------------------------------------------------------

PARTLY = labels_of_sets(*[(0,)] * 60, *[(0, 1)] * 20, *[(1, 2)] * 10, *[(2,)] * 6, *[()] * 4)
FACES = {
    "repeat factor": lambda **options: RepeatFactorSampler(PARTLY, 8, threshold=0.4, **options),
    "balanced": lambda **options: MultiLabelBalancedSampler(PARTLY, 8, **options),
}


@pytest.mark.parametrize("make", FACES.values(), ids=FACES.keys())
def test_ranks_share_what_one_process_draws_and_a_state_resumes(make):
    whole = make(rank="all", world_size=2)
    ranks = [make(rank=rank, world_size=2) for rank in range(2)]
    for epoch in range(2):
        together = list(whole)
        parts = [list(sampler) for sampler in ranks]
        assert sorted(together) == sorted(parts[0] + parts[1])
        assert [sampler.epoch for sampler in ranks] == [epoch + 1] * 2
    interrupted = make(seed=5)
    drawn = iter(interrupted)
    first = [next(drawn) for _ in range(11)]
    state = interrupted.state_dict()
    resumed = make(seed=5)
    resumed.load_state_dict(state)
    assert first + list(resumed) == list(make(seed=5))


@pytest.mark.parametrize("make", FACES.values(), ids=FACES.keys())
def test_a_loader_takes_the_sampler_and_every_pass_is_another_epoch(make):
    state = torch.get_rng_state()
    sampler = make()
    loader = DataLoader(torch.arange(PARTLY.n_samples), batch_size=8, sampler=sampler)
    passes = [torch.cat(list(loader)).tolist() for _ in range(2)]
    assert passes[0] != passes[1]
    assert passes == [list(epoch) for epoch in (make(), sampler_at(make(), 1))]
    assert len(passes[0]) == len(sampler)
    # The loader draws a seed for its workers, whatever the sampler.
    torch.set_rng_state(state)
    list(make())
    assert torch.equal(torch.get_rng_state(), state)


def sampler_at(sampler, epoch):
    sampler.set_epoch(epoch)
    return sampler


def test_epochs_carry_each_class_as_solved():
    sampler = MultiLabelBalancedSampler(PARTLY, 8, targets=Power(alpha=0.5))
    table = carried(PARTLY)
    draws = np.concatenate([list(sampler) for _ in range(20)])
    # Each of the five label sets is within one draw of its share, over all epochs together.
    counts = table[draws].sum(0)
    assert np.all(np.abs(counts - len(draws) * sampler.solution.reached) < 5)


def test_batches_carry_each_class_more_evenly_than_independent_draws():
    sampler = MultiLabelBalancedSampler(PARTLY, 16)
    reached = sampler.solution.reached
    draws = np.concatenate([list(sampler) for _ in range(40)]).reshape(-1, 16)
    counts = carried(PARTLY)[draws].sum(1)  # [n_batches, n_classes]
    assert np.all(counts.var(0) < 0.5 * 16 * reached * (1 - reached))


def test_a_schedule_goes_from_the_marginals_of_its_start_to_those_of_its_end():
    schedule = Schedule(start=Natural(), end=Uniform(), epochs=4)
    sampler = MultiLabelBalancedSampler(PARTLY, 10, targets=schedule)
    end = solve_marginals(PARTLY, Uniform())
    assert sampler.solution.reached.tolist() == end.reached.tolist()
    table = carried(PARTLY)
    for epoch in range(6):
        counts = table[list(sampler)].sum(0)
        progress = min(1, epoch / 4)
        wanted = (1 - progress) * end.natural + progress * end.reached
        assert np.all(np.abs(counts - 100 * wanted) < 5)


def test_classes_that_miss_their_share_are_warned_of():
    labels = labels_of_sets(*[(0, 1)] * 50, *[(0,)] * 45, *[(0, 2)] * 5)
    with pytest.warns(BalancekitWarning, match="3 of 3 classes miss .* a: wanted in 0.517 .* 1, "):
        sampler = MultiLabelBalancedSampler(labels, 10)
    assert sampler.solution.bounds[0] == "other classes"


def test_lists_of_labels_are_taken_and_keys_count_repeats():
    labels = [["x"], ["x"], ["x"], ["x"], ["x", "y"], ["y"]]
    sampler = MultiLabelBalancedSampler(labels, 6, yields="keys", batches_per_epoch=4)
    keys = list(sampler)
    assert len(keys) == len(set(keys)) == 24
    for index, uses in Counter(key.index for key in keys).items():
        assert sorted(key.repeat for key in keys if key.index == index) == list(range(uses))


@pytest.mark.parametrize("make", FACES.values(), ids=FACES.keys())
def test_wrong_options_are_refused(make):
    with pytest.raises(OptionError, match="batches_per_epoch: expected an integer ≥ 1, got 0"):
        make(batches_per_epoch=0)
