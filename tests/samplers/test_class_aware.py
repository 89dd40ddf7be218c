"""Class-aware draws take the classes in turn, and so do the samples of each class."""

import pickle
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from balancekit import ClassAwareSampler, ClassIndex
from balancekit.errors import DataError, OptionError

IDS = np.repeat([0, 1, 2, 3, 4, 5], [40, 9, 7, 5, 3, 1])


@st.composite
def settings_of_sampler(draw):
    """Labels, draws a batch, and other options."""
    counts = draw(st.lists(st.integers(0, 30), min_size=1, max_size=14).filter(any))
    ids = np.repeat(np.arange(len(counts)), counts)
    ids = np.random.default_rng(draw(st.integers(0, 99))).permutation(ids)
    options = {
        "seed": draw(st.integers(0, 2**40)),
        "batches_per_epoch": draw(st.none() | st.integers(1, 6)),
    }
    return ids, draw(st.integers(1, 30)), options


def in_batches(draws, batch_size):
    return [draws[k : k + batch_size] for k in range(0, len(draws), batch_size)]


def ranks_of(ids, batch_size, options, world_size):
    return [
        ClassAwareSampler(ids, batch_size, rank=rank, world_size=world_size, **options)
        for rank in range(world_size)
    ]


@settings(max_examples=80)
@given(settings_of_sampler(), st.integers(1, 3))
def test_every_batch_of_every_rank_holds_each_class_equally_often(made, world_size):
    ids, batch_size, options = made
    classes = np.unique(ids)
    uses = np.zeros(len(ids), int)
    ranks = ranks_of(ids, batch_size, options, world_size)
    for _ in range(3):
        for sampler in ranks:
            draws = list(sampler)
            assert len(draws) == len(sampler)
            np.add.at(uses, draws, 1)
            for batch in in_batches(draws, batch_size):
                counts = np.bincount(ids[batch], minlength=ids.max() + 1)[classes]
                assert np.all(np.abs(counts - batch_size / len(classes)) < 1)
        assert max(np.ptp(uses[ids == c]) for c in classes) <= 1


@settings(max_examples=40)
@given(settings_of_sampler())
def test_each_cycle_of_the_classes_holds_each_once(made):
    ids, _, options = made
    n_classes = len(np.unique(ids))
    for divisor in [d for d in range(1, n_classes + 1) if n_classes % d == 0]:
        draws = list(ClassAwareSampler(ids, divisor, **options))
        for cycle in in_batches(draws, n_classes):
            assert len(set(ids[cycle])) == len(cycle)


@settings(max_examples=40)
@given(settings_of_sampler())
def test_small_batches_hold_no_class_twice_and_large_classes_repeat_no_sample(made):
    ids, batch_size, options = made
    n_classes = len(np.unique(ids))
    sampler = ClassAwareSampler(ids, batch_size, **options)
    most = -(-batch_size // n_classes)
    large = np.bincount(ids) >= most
    for _ in range(3):
        for batch in in_batches(list(sampler), batch_size):
            if batch_size <= n_classes:
                assert len(set(ids[batch])) == batch_size
            assert max(Counter(i for i in batch if large[ids[i]]).values(), default=1) == 1


@settings(max_examples=40)
@given(settings_of_sampler(), st.integers(1, 4))
def test_what_stands_at_a_place_does_not_depend_on_the_number_of_ranks(made, world_size):
    ids, batch_size, options = made
    width = batch_size * world_size
    one = list(ClassAwareSampler(ids, width, **options))
    parts = [list(it) for it in ranks_of(ids, batch_size, options, world_size)]
    for rank, part in enumerate(parts):
        assert part == [i for batch in in_batches(one, width) for i in batch[rank::world_size]]
    together = ClassAwareSampler(ids, batch_size, rank="all", world_size=world_size, **options)
    dealt = [in_batches(part, batch_size) for part in parts]
    assert list(together) == [i for step in zip(*dealt, strict=True) for b in step for i in b]


@settings(max_examples=40)
@given(settings_of_sampler(), st.integers(1, 3), st.integers(1, 3), st.data())
def test_training_goes_on_at_every_draw_at_any_world_size(made, world_size, later, data):
    ids, batch_size, options = made
    ranks = ranks_of(ids, batch_size, options, world_size)
    wholes = [list(it) for it in ranks_of(ids, batch_size, options, world_size)]
    n_done = data.draw(st.integers(1, len(ranks[0])))
    for sampler in ranks:
        passing = iter(sampler)
        for _ in range(n_done):
            next(passing)
    state = ranks[0].state_dict()
    rest = Counter(i for whole in wholes for i in whole[n_done:])

    same = ranks_of(ids, batch_size, options, world_size)
    for sampler, whole in zip(same, wholes, strict=True):
        sampler.load_state_dict(state)
        assert list(sampler) == whole[n_done:]
    others = ranks_of(ids, batch_size, options, later)
    for sampler in others:
        sampler.load_state_dict(state)
    parts = [list(sampler) for sampler in others]
    assert len({len(part) for part in parts}) == 1
    left = rest - Counter(i for part in parts for i in part)
    assert left.total() == rest.total() % later


@pytest.mark.parametrize("batch_size", [6, 12, 18])
def test_batches_cut_for_fewer_ranks_in_mid_epoch_still_hold_all_classes(batch_size):
    ranks = ranks_of(IDS, batch_size, {"batches_per_epoch": 8}, 2)
    passing = iter(ranks[0])
    for _ in range(batch_size):
        next(passing)
    alone = ClassAwareSampler(IDS, batch_size, batches_per_epoch=8)
    alone.load_state_dict(ranks[0].state_dict())
    cut = in_batches(list(alone), batch_size)
    assert len(cut) == 14
    for batch in cut:
        counts = np.bincount(IDS[batch], minlength=6)
        assert np.all(np.abs(counts - batch_size / 6) <= 1)


def test_a_sample_of_several_classes_is_drawn_for_each_of_them():
    labels = [["cat"]] * 6 + [["cat", "dog"], ["eel", "dog"], []]
    sampler = ClassAwareSampler(labels, 3, yields="keys", batches_per_epoch=4)
    for epoch in range(3):
        keys = list(sampler)
        assert len(set(keys)) == len(keys) == 12
        counts = Counter(key.index for key in keys)
        assert counts[7] == 6, epoch  # four for the eel, half of the four for the dog
        assert counts[8] == 0
    audit = sampler.audit(epochs=7)
    assert audit.draws_per_class.tolist() == audit.expected_draws_per_class.tolist() == [28] * 3


def test_ignored_classes_are_left_out():
    index = ClassIndex.from_labels(IDS, ignore_index=0)
    batches = in_batches(list(ClassAwareSampler(index, 5)), 5)
    assert all(sorted(IDS[batch]) == [1, 2, 3, 4, 5] for batch in batches)


def test_a_hundred_thousand_classes_are_gone_through_before_one_comes_again():
    ids = np.tile(np.arange(100_000), 2)
    draws = np.array(list(ClassAwareSampler(ids, 100)))
    for cycle in (draws[:100_000], draws[100_000:]):
        assert np.array_equal(np.sort(ids[cycle]), np.arange(100_000))
    assert np.array_equal(np.sort(draws), np.arange(200_000))


def test_a_copy_in_another_process_goes_on_where_the_pass_stands():
    sampler = ClassAwareSampler(IDS, 4)
    passing = iter(sampler)
    next(passing)
    sent = pickle.loads(pickle.dumps(sampler))
    assert list(sent) == list(passing)


@pytest.mark.parametrize(
    ("labels", "batch_size", "error", "expected"),
    [
        (IDS, 0, OptionError, "batch_size: expected an integer ≥ 1, got 0"),
        ([], 4, DataError, "labels: expected"),
        (np.zeros((3, 2), int), 4, DataError, "labels: expected at least one labelled sample"),
    ],
    ids=["no batch", "no labels", "no label"],
)
def test_what_cannot_be_is_refused(labels, batch_size, error, expected):
    with pytest.raises(error, match=expected):
        ClassAwareSampler(labels, batch_size)
