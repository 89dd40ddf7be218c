"""PK batches hold P classes with K samples each, and what their page promises of a training."""

import pickle
import random
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import DataLoader, TensorDataset

from balancekit import ClassIndex, PKBatchSampler, ResumableLoader
from balancekit.errors import DataError, OptionError
from balancekit.samplers.orders.cycles import Cycles

IDS = np.repeat([0, 1, 2, 3, 4], [40, 7, 5, 3, 1])


@st.composite
def label_sets(draw):
    counts = draw(st.lists(st.integers(0, 30), min_size=1, max_size=12).filter(any))
    ids = np.repeat(np.arange(len(counts)), counts)
    return np.random.default_rng(draw(st.integers(0, 99))).permutation(ids)


@st.composite
def settings_of_sampler(draw):
    """Labels and what else a sampler is made of."""
    ids = draw(label_sets())
    options = {
        "classes_per_batch": draw(st.integers(1, len(np.unique(ids)))),
        "samples_per_class": draw(st.integers(1, 6)),
        "seed": draw(st.integers(0, 2**40)),
        "batches_per_epoch": draw(st.none() | st.integers(1, 5)),
    }
    return ids, options


def ranks_of(ids, options, world_size):
    return [
        PKBatchSampler(ids, rank=r, world_size=world_size, **options) for r in range(world_size)
    ]


def one_by_one(parts):
    """The batches of all ranks in the order of the training."""
    return [batch for step in zip(*parts, strict=True) for batch in step]


def check_batch(batch, ids, options):
    """P classes, and of each K samples, as different as can be."""
    grid = np.array(batch).reshape(options["classes_per_batch"], -1)
    assert grid.shape[1] == options["samples_per_class"]
    class_ids = ids[grid]
    assert np.all(class_ids == class_ids[:, :1])
    assert len(np.unique(class_ids[:, 0])) == len(grid)
    for c, samples in zip(class_ids[:, 0], grid, strict=True):
        uses = np.unique(samples, return_counts=True)[1]
        assert len(uses) == min(grid.shape[1], np.count_nonzero(ids == c))
        assert uses.max() - uses.min() <= 1


def spread_by_class(uses, ids):
    return max(np.ptp(uses[ids == c]) for c in np.unique(ids))


@settings(max_examples=150)
@given(
    st.integers(1, 40), st.integers(1, 60), st.booleans(), st.integers(0, 2**40), st.integers(0, 90)
)
def test_runs_of_cycles_hold_each_item_equally_often(size, run, aligned, seed, first):
    cycles = Cycles.for_runs(np.array([size]), run, seed, aligned=aligned)
    numbers = np.arange(8 * max(size, run, 8)) + first * run
    items = cycles.items(np.zeros_like(numbers), numbers)
    alone = [cycles.items(np.zeros(1, int), numbers[k : k + 1])[0] for k in range(0, 40, 7)]
    assert np.array_equal(alone, items[:40:7])
    for k in np.flatnonzero(numbers % size == 0)[:-1]:
        assert np.array_equal(np.sort(items[k : k + size]), np.arange(size))
    for k in range(0, len(items) - run + 1, run if aligned else 1):
        counts = np.bincount(items[k : k + run], minlength=size)
        assert counts.max() <= -(-run // size)
        assert counts.min() >= run // size


@pytest.mark.parametrize(("size", "run"), [(30, 7), (12, 4), (12, 5), (100, 8)])
def test_all_pairs_of_items_meet_in_runs(size, run):
    # Blocks of the same items in all cycles would keep half of the pairs apart for ever.
    cycles = Cycles.for_runs(np.array([size]), run, seed=3)
    numbers = np.arange(run * size * 60)
    runs = cycles.items(np.zeros_like(numbers), numbers).reshape(-1, run)
    present = np.zeros((len(runs), size))
    present[np.arange(len(runs))[:, None], runs] = 1
    meetings = (present.T @ present)[~np.eye(size, dtype=bool)]
    assert meetings.min() > 0.3 * meetings.mean()


@settings(max_examples=60)
@given(settings_of_sampler(), st.integers(1, 3))
def test_every_batch_of_every_rank_holds_its_classes_and_samples(made, world_size):
    ids, options = made
    ranks = ranks_of(ids, options, world_size)
    uses, taken = np.zeros(len(ids), int), np.zeros(ids.max() + 1, int)
    for _ in range(3):
        parts = [list(sampler) for sampler in ranks]
        assert {len(part) for part in parts} == {len(ranks[0])}
        for batch in one_by_one(parts):
            check_batch(batch, ids, options)
            np.add.at(uses, batch, 1)
            taken[np.unique(ids[batch])] += 1
            assert np.ptp(taken[np.unique(ids)]) <= 1
        assert spread_by_class(uses, ids) <= 1


@settings(max_examples=40)
@given(settings_of_sampler(), st.integers(1, 4))
def test_the_ranks_take_the_batches_of_one_process_in_turn(made, world_size):
    ids, options = made
    parts = [list(sampler) for sampler in ranks_of(ids, options, world_size)]
    together = PKBatchSampler(ids, rank="all", world_size=world_size, **options)
    one = PKBatchSampler(ids, **{**options, "batches_per_epoch": len(together)})
    for _ in range(2):
        assert list(together) == list(one)
    one.set_epoch(0)
    assert one_by_one(parts) == list(one)


@settings(max_examples=40)
@given(settings_of_sampler(), st.integers(1, 3), st.integers(1, 4), st.data())
def test_training_goes_on_at_every_step_at_any_world_size(made, world_size, later, data):
    ids, options = made
    before = ranks_of(ids, options, world_size)
    whole = one_by_one([list(sampler) for sampler in ranks_of(ids, options, world_size)])
    n_done = data.draw(st.integers(1, len(before[0])))
    for sampler in before:
        passing = iter(sampler)
        for _ in range(n_done):
            next(passing)
    state = before[0].state_dict()
    assert all(sampler.state_dict() == state for sampler in before)
    rest = whole[n_done * world_size :]

    after = ranks_of(ids, options, later)
    for sampler in after:
        sampler.load_state_dict(state)
    assert one_by_one([list(sampler) for sampler in after]) == rest[: len(rest) // later * later]
    for _ in range(2):
        for batch in one_by_one([list(sampler) for sampler in after]):
            check_batch(batch, ids, options)


@pytest.mark.parametrize("begun", [2, 4], ids=["2 ranks", "4 ranks"])
def test_a_pass_that_changed_ranks_twice_leaves_no_batch_out_in_between(begun):
    options = {"classes_per_batch": 2, "samples_per_class": 3, "batches_per_epoch": 12 // begun}
    whole = list(PKBatchSampler(IDS, rank="all", world_size=begun, **options))
    first = ranks_of(IDS, options, begun)
    passing = [iter(sampler) for sampler in first]
    taken = [next(it) for it in passing]
    alone = PKBatchSampler(IDS, **options)
    alone.load_state_dict(first[0].state_dict())
    passing = iter(alone)
    taken += [next(passing)]
    back = ranks_of(IDS, options, begun)
    for sampler in back:
        sampler.load_state_dict(alone.state_dict())
    taken += one_by_one([list(sampler) for sampler in back])
    n_left = (12 - begun - 1) % begun
    assert taken == whole[: 12 - n_left]


@settings(max_examples=25)
@given(settings_of_sampler(), st.data())
def test_any_batch_is_reached_at_once_and_keys_do_not_collide(made, data):
    ids, options = made
    sampler = PKBatchSampler(ids, **options)
    sampler.set_epoch(5)
    whole = list(sampler)
    first = data.draw(st.integers(0, len(whole)))
    sampler.set_epoch(5, first)
    assert list(sampler) == whole[first:]
    keyed = PKBatchSampler(ids, yields="keys", **options)
    for epoch in range(2):
        keys = [key for batch in keyed for key in batch]
        assert len(set(keys)) == len(keys)
        assert {key.epoch for key in keys} == {epoch}


def test_classes_of_fewer_samples_than_k_repeat_them_or_are_left_out():
    repeated = PKBatchSampler(IDS, 5, 4)
    counts = Counter(next(iter(repeated)))
    assert counts[len(IDS) - 1] == 4
    assert sorted(counts[i] for i in range(52, 55)) == [1, 1, 2]
    left_out = PKBatchSampler(IDS, 3, 4, small_classes="leave-out")
    drawn = np.concatenate(list(left_out))
    assert set(IDS[drawn].tolist()) == {0, 1, 2}
    assert len(left_out) == -(-52 // 12)


def test_ignored_and_empty_classes_are_not_drawn():
    index = ClassIndex.from_labels(IDS * 2, ignore_index=0)
    drawn = np.concatenate(list(PKBatchSampler(index, 4, 2)))
    assert set(IDS[drawn].tolist()) == {1, 2, 3, 4}


def test_a_hundred_thousand_classes_of_two_take_turns():
    ids = np.tile(np.arange(100_000), 2)
    sampler = PKBatchSampler(ids, 64, 2)
    drawn = np.concatenate(list(sampler))
    assert np.unique(drawn[:200_000], return_counts=True)[1].max() == 1
    batches = ids[drawn].reshape(-1, 64, 2)[:, :, 0]
    assert all(len(set(batch)) == 64 for batch in batches.tolist())


def test_the_audit_finds_what_is_promised():
    audit = PKBatchSampler(IDS, 2, 3, rank=0, world_size=2).audit(epochs=3)
    assert audit.draws_per_class.sum() == audit.n_draws
    assert np.ptp(audit.draws_per_class) <= 3
    assert audit.rank_high_per_class.tolist() == [3] * 5
    left_out = PKBatchSampler(IDS, 2, 4, small_classes="leave-out").audit()
    assert left_out.expected_draws_per_class[3:].tolist() == [0, 0]


def global_states():
    return random.getstate(), str(np.random.get_state()), torch.get_rng_state().tolist()  # noqa: NPY002


def test_global_random_states_stay_and_iterators_do_not_disturb_each_other():
    before = global_states()
    whole = list(PKBatchSampler(IDS, 2, 3))
    pairs = zip(PKBatchSampler(IDS, 2, 3), PKBatchSampler(IDS, 2, 3), strict=True)
    assert list(pairs) == [(batch, batch) for batch in whole]
    assert global_states() == before


@pytest.mark.parametrize("num_workers", [0, 2])
def test_a_loader_resumes_in_mid_epoch(num_workers):
    def make():
        data = TensorDataset(torch.arange(len(IDS)), torch.tensor(IDS))
        sampler = PKBatchSampler(IDS, 2, 3, seed=4)
        return ResumableLoader(data, batch_sampler=sampler, num_workers=num_workers)

    whole = [
        indices.tolist()
        for indices, _ in DataLoader(make().dataset, batch_sampler=make().batch_sampler)
    ]
    loader = make()
    passing = iter(loader)
    begun = [next(passing)[0].tolist() for _ in range(3)]
    again = make()
    again.load_state_dict(loader.state_dict())
    assert begun + [indices.tolist() for indices, _ in again] == whole


def test_a_copy_in_another_process_goes_on_where_the_pass_stands():
    sampler = PKBatchSampler(IDS, 2, 3)
    passing = iter(sampler)
    next(passing)
    sent = pickle.loads(pickle.dumps(sampler))
    assert list(sent) == list(passing)


@pytest.mark.parametrize(
    ("arguments", "options", "expected"),
    [
        ((IDS, 6, 2), {}, "classes_per_batch: expected at most 5, as many classes as there are"),
        (
            (IDS, 4, 4),
            {"small_classes": "leave-out"},
            "expected at most 3, .*got 4; 2 with fewer than 4 samples are left out",
        ),
        ((IDS, 2, 2), {"small_classes": "drop"}, "expected 'repeat' or 'leave-out', got 'drop'"),
        ((IDS, 0, 2.5), {}, "classes_per_batch: expected .*; samples_per_class: expected an int"),
        ((IDS, True, 2), {"seed": -1}, "classes_per_batch: .*got True; seed: expected"),
    ],
    ids=["too many classes", "too many left out", "unknown policy", "no counts", "all together"],
)
def test_what_cannot_be_is_refused(arguments, options, expected):
    with pytest.raises(OptionError, match=expected):
        PKBatchSampler(*arguments, **options)


def test_several_labels_a_sample_are_refused():
    with pytest.raises(DataError, match="expected one class a sample, got multi-label data"):
        PKBatchSampler([["a", "b"], ["a"]], 1, 1)


def test_a_state_of_other_batches_is_refused():
    state = PKBatchSampler(IDS, 2, 4).state_dict()
    with pytest.raises(OptionError, match="Resume with the labels and the options"):
        PKBatchSampler(IDS, 4, 2).load_state_dict(state)
