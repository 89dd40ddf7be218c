"""Two streams side by side, each exact by itself; and batches parted again."""

import pickle
from collections import namedtuple

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import DataLoader, TensorDataset

from balancekit import Fixed, Natural, Power, ResumableLoader, TwoStreamSampler, Uniform
from balancekit import split_streams as split
from balancekit.errors import DataError, OptionError, PlanError

IDS = np.repeat([0, 1, 2], [50, 8, 3])
TARGETS = st.sampled_from([Natural(), Uniform(), Power(alpha=-1), Power(alpha=0.5)])
Fields = namedtuple("Fields", ["inputs", "names"])


@st.composite
def settings_of_sampler(draw):
    """Labels, draws of a stream in a batch, and other options."""
    counts = draw(st.lists(st.integers(1, 30), min_size=1, max_size=8))
    ids = np.repeat(np.arange(len(counts)), counts)
    ids = np.random.default_rng(draw(st.integers(0, 99))).permutation(ids)
    options = {
        "first": draw(TARGETS),
        "second": draw(TARGETS),
        "seed": draw(st.integers(0, 2**40)),
        "batches_per_epoch": draw(st.none() | st.integers(1, 5)),
    }
    return ids, draw(st.integers(1, 9)), options


def ranks_of(ids, batch_size, options, world_size):
    return [
        TwoStreamSampler(ids, batch_size, rank=rank, world_size=world_size, **options)
        for rank in range(world_size)
    ]


def shares_of(targets, ids):
    counts = np.bincount(ids).astype(float)
    powers = {Natural(): 1, Uniform(): 0}
    shares = counts ** powers.get(targets, getattr(targets, "alpha", None))
    return shares / shares.sum()


@settings(max_examples=60)
@given(settings_of_sampler(), st.integers(1, 3))
def test_each_half_holds_every_class_in_its_share_on_every_rank(made, world_size):
    ids, size, options = made
    uses = np.zeros((2, len(ids)), int)
    ranks = ranks_of(ids, size, options, world_size)
    for _ in range(3):
        for sampler in ranks:
            batches = list(sampler)
            assert len(batches) == len(sampler)
            assert sampler.batch_size == 2 * size
            for batch in batches:
                assert len(batch) == 2 * size
                for k, half in enumerate(split(batch, size)):
                    np.add.at(uses[k], half, 1)
                    wanted = shares_of(options["first" if k == 0 else "second"], ids) * size
                    counts = np.bincount(ids[half], minlength=len(wanted))
                    assert np.all(np.abs(counts - wanted) < 1 + 1e-6)  # shares are floats
        for c in np.unique(ids):
            assert np.ptp(uses[:, ids == c], axis=1).max() <= 1


@settings(max_examples=40)
@given(settings_of_sampler(), st.integers(1, 3))
def test_what_stands_at_a_place_does_not_depend_on_the_number_of_ranks(made, world_size):
    ids, size, options = made
    one = list(TwoStreamSampler(ids, size * world_size, **options))
    parts = [list(sampler) for sampler in ranks_of(ids, size, options, world_size)]
    for rank, part in enumerate(parts):
        assert part == [batch[rank::world_size] for batch in one]
    together = TwoStreamSampler(ids, size, rank="all", world_size=world_size, **options)
    assert list(together) == [batch for step in zip(*parts, strict=True) for batch in step]


@settings(max_examples=40)
@given(settings_of_sampler(), st.integers(1, 3), st.integers(1, 4), st.data())
def test_training_goes_on_at_every_step_at_any_world_size(made, world_size, later, data):
    ids, size, options = made
    ranks = ranks_of(ids, size, options, world_size)
    together = TwoStreamSampler(ids, size, rank="all", world_size=world_size, **options)
    n_done = data.draw(st.integers(1, len(ranks[0])))
    rest = list(together)[n_done * world_size :]
    for sampler in ranks:
        passing = iter(sampler)
        for _ in range(n_done):
            next(passing)
    after = ranks_of(ids, size, options, later)
    for sampler in after:
        sampler.load_state_dict(ranks[0].state_dict())
    parts = [list(sampler) for sampler in after]
    went_on = [batch for step in zip(*parts, strict=True) for batch in step]
    assert went_on == rest[: len(rest) // later * later]


@settings(max_examples=30)
@given(settings_of_sampler())
def test_keys_of_the_halves_do_not_collide(made):
    ids, size, options = made
    sampler = TwoStreamSampler(ids, size, yields="keys", **options)
    for epoch in range(2):
        halves = [split(batch, size) for batch in sampler]
        keys = [key for pair in halves for half in pair for key in half]
        assert len(set(keys)) == len(keys)
        assert {key.epoch for key in keys} == {epoch}
        assert all(key.repeat % 2 == 0 for first, _ in halves for key in first)


def test_an_epoch_is_as_long_as_its_first_stream_and_draws_each_sample():
    sampler = TwoStreamSampler(IDS, 10, second=Power(alpha=-1))
    halves = [split(batch, 10) for batch in sampler]
    assert len(halves) == len(sampler) == 7
    assert {i for first, _ in halves for i in first} == set(range(61))
    second = np.bincount(IDS[[i for _, half in halves for i in half]])
    assert second.argsort().tolist() == [0, 1, 2]


def test_the_two_streams_differ_where_their_targets_do_not():
    batches = list(TwoStreamSampler(IDS, 10, first=Uniform(), second=Uniform()))
    assert [set(batch[:10]) for batch in batches] != [set(batch[10:]) for batch in batches]


def test_several_labels_a_sample_are_fine_where_both_streams_are_natural():
    labels = [["a", "b"], ["a"], [], ["b"]]
    sampler = TwoStreamSampler(labels, 2, first=Natural(), second=Natural())
    assert {i for batch in sampler for i in batch} == {0, 1, 2, 3}
    with pytest.raises(DataError, match="expected one class a sample, got multi-label"):
        TwoStreamSampler(labels, 2)


def test_a_loader_gives_both_halves_and_resumes():
    data = TensorDataset(torch.arange(61), torch.tensor(IDS))
    whole = list(DataLoader(data, batch_sampler=TwoStreamSampler(IDS, 4)))
    loader = ResumableLoader(data, batch_sampler=TwoStreamSampler(IDS, 4), num_workers=2)
    passing = iter(loader)
    begun = [next(passing) for _ in range(5)]
    again = ResumableLoader(data, batch_sampler=TwoStreamSampler(IDS, 4))
    again.load_state_dict(loader.state_dict())
    assert [x.tolist() for x, _ in [*begun, *again]] == [x.tolist() for x, _ in whole]
    (first, first_labels), (second, second_labels) = split(whole[0], 4)
    assert torch.equal(torch.tensor(IDS)[second], second_labels)
    assert len(first) == len(first_labels) == 4


GRID = torch.arange(8).reshape(4, 2)


@pytest.mark.parametrize(
    ("batch", "first"),
    [
        (GRID, GRID[:2]),
        (GRID.numpy(), GRID[:2].numpy()),
        ([GRID, GRID[:, 0]], [GRID[:2], GRID[:2, 0]]),
        ({"x": GRID, "id": ["a", "b", "c", "d"]}, {"x": GRID[:2], "id": ["a", "b"]}),
        (Fields(GRID, ("a", "b", "c", "d")), Fields(GRID[:2], ("a", "b"))),
        ((tuple(GRID), [{"boxes": 1}] * 4), (tuple(GRID[:2]), [{"boxes": 1}] * 2)),
    ],
    ids=["tensor", "array", "list", "mapping", "named tuple", "lists of samples"],
)
def test_collated_batches_are_parted_and_keep_their_shape(batch, first):
    halves = split(batch, 2)
    assert repr(halves[0]) == repr(first)
    assert type(halves[1]) is type(batch)


def test_of_one_sample_a_stream_the_fields_are_told_from_the_samples():
    assert repr(split([GRID[:2], GRID[:2, 0]], 1)[0]) == repr([GRID[:1], GRID[:1, 0]])


@pytest.mark.parametrize(
    ("batch", "expected"),
    [
        ([GRID, 3], "expected 4 samples, 2 of each stream, got int"),
        ([GRID[:3]], "got Tensor of 3"),
        ({"x": GRID, "name": "abcd"}, "got str"),
        ([], "got list of 0"),
        (torch.tensor(3), "got Tensor$"),
    ],
    ids=["a number", "too short", "a text", "empty", "a scalar"],
)
def test_what_is_no_batch_of_two_streams_is_refused(batch, expected):
    with pytest.raises(DataError, match=expected):
        split(batch, 2)


def test_a_copy_in_another_process_goes_on_where_the_pass_stands():
    sampler = TwoStreamSampler(IDS, 4)
    passing = iter(sampler)
    next(passing)
    sent = pickle.loads(pickle.dumps(sampler))
    assert list(sent) == list(passing)


@pytest.mark.parametrize(
    ("options", "error", "expected"),
    [
        ({"batch_size": 0}, OptionError, "batch_size: expected an integer ≥ 1, got 0"),
        ({"second": "uniform"}, PlanError, "targets: expected Natural"),
        ({"first": Fixed(shares=(0.5, 0.5))}, OptionError, "shares: expected 3 shares"),
    ],
    ids=["no batch", "no targets", "shares of other classes"],
)
def test_what_cannot_be_is_refused(options, error, expected):
    with pytest.raises(error, match=expected):
        TwoStreamSampler(IDS, **{"batch_size": 4, **options})


def test_half_a_batch_of_no_whole_number_is_refused():
    with pytest.raises(OptionError, match=r"batch_size: expected an integer ≥ 1, got 1\.0"):
        split([1, 2], 1.0)
