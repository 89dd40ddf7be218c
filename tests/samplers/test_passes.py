"""Passes: several at once, states of any step, and going on with other ranks again and again."""

import json
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import TensorDataset

from balancekit import (
    BalancedBatchSampler,
    BalancedSampler,
    HardExampleSampler,
    Natural,
    PKBatchSampler,
    RegroupSampler,
    ResumableLoader,
    Schedule,
    TwoStreamSampler,
    Uniform,
)
from balancekit.errors import OptionError

LONG = np.repeat([0, 1, 2], [7000, 2000, 1000])  # more draws than are computed at once
IDS = np.repeat([0, 1, 2], [90, 8, 5])
KINDS = [BalancedSampler, BalancedBatchSampler]


@pytest.mark.parametrize("kind", KINDS)
def test_a_pass_goes_on_with_its_keys_when_another_ends_or_an_epoch_is_chosen(kind):
    expected = list(kind(LONG, 50, yields="keys"))
    sampler = kind(LONG, 50, yields="keys")
    one, other = iter(sampler), iter(sampler)
    begun = [next(one), next(other)]
    assert [begun[0], *one] == expected
    sampler.set_epoch(7)
    assert [begun[1], *other] == expected


@pytest.mark.parametrize("kind", KINDS)
def test_a_state_is_that_of_the_pass_begun_last(kind):
    sampler = kind(LONG, 50)
    one = iter(sampler)
    next(one)
    other = iter(sampler)
    begun = [next(other) for _ in range(5)]
    list(one)
    resumed = kind(LONG, 50)
    resumed.load_state_dict(sampler.state_dict())
    assert begun + list(resumed) == list(kind(LONG, 50))


def test_an_epoch_chosen_while_a_pass_runs_is_the_next_one():
    sampler = BalancedSampler(IDS, 5)
    passing = iter(sampler)
    next(passing)
    sampler.set_epoch(7)
    list(passing)
    assert sampler.epoch == 7


def test_a_batch_chosen_after_other_ranks_is_one_of_the_new_epochs():
    before = BalancedBatchSampler(IDS, 5, rank=0, world_size=4)
    next(iter(before))

    def resumed():
        sampler = BalancedBatchSampler(IDS, 5)
        sampler.load_state_dict(before.state_dict())
        return sampler

    sampler = resumed()
    list(sampler)
    expected = list(sampler)
    sampler = resumed()
    sampler.set_epoch(1, first_batch=3)
    state = sampler.state_dict()
    assert list(sampler) == expected[3:]
    sampler = resumed()
    sampler.load_state_dict(state)
    assert list(sampler) == expected[3:]


def test_ranks_that_cannot_share_a_batch_that_has_begun_repeat_none_of_it():
    source = BalancedSampler(IDS, 6, rank=0, world_size=2)
    passing = iter(source)
    for _ in range(5):
        next(passing)  # 10 of 12 places: 2 are left for 3 ranks
    order = list(BalancedSampler(IDS, 12))
    ranks = [BalancedSampler(IDS, 4, rank=rank, world_size=3) for rank in range(3)]
    for rank in ranks:
        rank.load_state_dict(source.state_dict())
    parts = [list(rank) for rank in ranks]
    assert [draw for step in zip(*parts, strict=True) for draw in step] == order[12:]


def _batches_of_two_streams(labels, batch_size, *, targets, **options):
    return TwoStreamSampler(labels, batch_size, **options)


def _batches_of_pk(labels, batch_size, *, targets, **options):
    return PKBatchSampler(labels, 2, batch_size, **options)


def _group(make, who, n_ranks, batch_size, targets, state=None):
    """The samplers of some ranks, or the one of all, where a state stood."""
    how = {"world_size": n_ranks, "targets": targets, "yields": "keys"}
    ranks = range(n_ranks) if who == "each" else ["all"]
    made = [make(IDS, batch_size, rank=rank, **how) for rank in ranks]
    for sampler in made if state is not None else []:
        sampler.load_state_dict(state)
    return made


def _keys(handed_out):
    return [k for it in handed_out for k in (it if isinstance(it, list) else [it])]


_HOPS = st.lists(
    st.tuples(
        st.sampled_from(["all", "each"]),
        st.integers(1, 4),  # ranks
        st.integers(1, 6),  # batch size
        st.booleans(),  # whether a loader counts
        st.integers(1, 20),  # steps until the next hop
    ),
    min_size=2,
    max_size=4,
)


@pytest.mark.parametrize(
    ("make", "draws_together"),
    [
        (BalancedSampler, None),
        (BalancedBatchSampler, None),
        (_batches_of_two_streams, 6),
        (_batches_of_pk, 6),
    ],
    ids=["draws", "batches", "two streams", "pk"],
)
@settings(max_examples=60)
@given(
    hops=_HOPS,
    targets=st.sampled_from(
        [Uniform(), Natural(), Schedule(start=Natural(), end=Uniform(), epochs=3)]
    ),
)
def test_a_training_may_change_its_ranks_at_every_step(make, draws_together, hops, targets):
    state, done, at_most_left = None, Counter(), 0
    if draws_together:  # of batches that stay whole, the ranks alone may change
        hops = [(who, n_ranks, draws_together // 2, *how) for who, n_ranks, _, *how in hops]
    every = Counter(_keys(k for it in _group(make, *hops[0][:3], targets) for k in it))
    for who, n_ranks, batch_size, counted, n_steps in [*hops, ("each", 1, hops[0][2], False, 999)]:
        group = _group(make, who, n_ranks, batch_size, targets, state)
        samplers = [_loader(it, batch_size) for it in group] if counted else group
        passing = [iter(it) for it in samplers]
        got = [[it for _, it in zip(range(n_steps), one, strict=False)] for one in passing]
        assert len({len(it) for it in got}) == 1
        done += Counter(key for one in got for key in _keys(one))
        assert done <= every
        if state is not None:  # what the ranks could not share, at its end and of a batch begun
            at_most_left += 2 * (n_ranks - 1) * (draws_together or 1)
        states = [json.loads(json.dumps(it.state_dict())) for it in samplers]
        assert all(it == states[0] for it in states)
        [state, *_] = states
        if state["epoch"] > 0:
            break
        again = _group(make, who, n_ranks, batch_size, targets, state)
        assert [_keys(it) for it in again] == [_keys(one) for one in passing]
    assert (every - done).total() <= at_most_left


def _loader(sampler, batch_size):
    how = (
        {"sampler": sampler, "batch_size": batch_size}
        if isinstance(sampler, BalancedSampler)
        else {"batch_sampler": sampler}
    )
    return ResumableLoader(_Keyed(), collate_fn=list, **how)


class _Keyed:
    def __len__(self):
        return len(IDS)

    def __getitem__(self, key):
        return key


def test_a_loader_whose_loop_was_left_follows_the_epoch_that_is_chosen():
    loader = ResumableLoader(TensorDataset(torch.arange(103)), batch_sampler=_batch_sampler())
    next(iter(loader))
    assert loader.state_dict()["position"] == 6
    loader.batch_sampler.set_epoch(2)
    assert (loader.state_dict()["epoch"], loader.state_dict()["position"]) == (2, 0)


@pytest.mark.parametrize("n_workers", [0, 2])
def test_a_loader_draws_nothing_from_the_global_generator(n_workers):
    before = torch.get_rng_state()
    dataset = TensorDataset(torch.arange(103))
    list(ResumableLoader(dataset, batch_sampler=_batch_sampler(), num_workers=n_workers))
    assert torch.equal(before, torch.get_rng_state())


def _batch_sampler():
    return BalancedBatchSampler(IDS, 6)


@pytest.mark.parametrize(
    "make",
    [
        lambda n: BalancedSampler(IDS, n(100), seed=n(3), batches_per_epoch=n(120)),
        lambda n: BalancedBatchSampler(IDS, n(100), rank=n(0), world_size=n(2)),
        lambda n: PKBatchSampler(IDS, n(2), n(100), batches_per_epoch=n(3)),
        lambda n: TwoStreamSampler(IDS, n(100)),
        lambda n: RegroupSampler(IDS, n(100), max_num=n(120)),
        lambda n: HardExampleSampler(IDS, n(100), seed=n(3), rank="all", world_size=n(3)),
    ],
    ids=["draws", "batches", "pk", "two streams", "regroup", "hard examples"],
)
def test_integers_of_numpy_do_as_those_of_python(make):
    sampler, expected = make(np.int8), make(int)
    assert list(sampler) == list(expected)
    state = sampler.state_dict()
    state.pop("losses", None)
    assert json.dumps(state)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: BalancedSampler(IDS, None), "batch_size: expected an integer ≥ 1, got None"),
        (lambda: PKBatchSampler(IDS, 2, None), "samples_per_class: expected an integer ≥ 1"),
        (
            lambda: BalancedSampler(IDS, 4, rank=np.int64(2), world_size=2),
            r"rank: expected an integer in \[0, 2\), got 2",
        ),
        (
            lambda: _batch_sampler().set_epoch(0, first_batch=1.5),
            r"first_batch: expected an integer in \[0, 18\], got 1.5",
        ),
        (
            lambda: _batch_sampler().load_state_dict(None),
            r"state: expected one of state_dict\(\), got NoneType",
        ),
        (
            lambda: _batch_sampler().load_state_dict(
                {**_batch_sampler().state_dict(), "position": "7"}
            ),
            r"state: expected one of state_dict\(\), in integers, got",
        ),
        (lambda: _batch_sampler().set_epoch(2**70), "epoch: expected an integer ≥ 0"),
        (
            lambda: BalancedBatchSampler(IDS, 6, batches_per_epoch=10**12),
            "batches_per_epoch, batch_size: expected at most 549,755,813,888 draws an epoch",
        ),
    ],
    ids=[
        "no batch size",
        "no samples",
        "numpy rank",
        "part of a batch",
        "no state",
        "text",
        "epoch",
        "endless epoch",
    ],
)
def test_what_is_no_such_thing_is_refused(make, message):
    with pytest.raises(OptionError, match=message):
        make()


def test_an_epoch_of_1e10_batches_starts_at_once():
    batches = iter(BalancedBatchSampler(IDS, 6, batches_per_epoch=10**10))
    assert np.bincount(IDS[next(batches)]).tolist() == [2, 2, 2]
