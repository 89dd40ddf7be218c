"""Hard examples are drawn by their losses, and classes keep their shares whatever these are."""

import io
import random
from collections import Counter
from copy import deepcopy

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import DataLoader

from balancekit import BalancedSampler, HardExampleSampler, Natural, Power, Uniform
from balancekit.errors import DataError, OptionError
from balancekit.labels import Labels, SampleKey
from balancekit.samplers import ClassIndex
from balancekit.samplers.loader import ResumableLoader

TARGETS = st.sampled_from([Uniform(), Natural(), Power(alpha=0.5)])
GAMMAS = st.sampled_from([0, 0.5, 1, 2, 4])
ROUNDING = 1e-6
"""A count of draws is whole, its expected value a float."""


@st.composite
def label_sets(draw):
    counts = draw(st.lists(st.integers(0, 60), min_size=1, max_size=8).filter(any))
    ids = np.repeat(np.arange(len(counts)), counts)
    is_sorted = draw(st.booleans())
    return ids if is_sorted else np.random.default_rng(draw(st.integers(0, 99))).permutation(ids)


@st.composite
def cases(draw):
    ids = draw(label_sets())
    options = {
        "batch_size": draw(st.integers(1, 12)),
        "gamma": draw(GAMMAS),
        "uniform_share": draw(st.sampled_from([0, 0.1, 0.5, 1])),
        "targets": draw(TARGETS),
        "seed": draw(st.integers(0, 99)),
        "batches_per_epoch": draw(st.none() | st.integers(1, 40)),
    }
    losses = np.random.default_rng(draw(st.integers(0, 99))).exponential(size=len(ids)) ** 2
    losses[draw(st.lists(st.integers(0, len(ids) - 1), max_size=5))] = 0.0
    known = np.arange(len(ids))[:: draw(st.integers(1, 3))]
    return ids, options, known, losses.astype(np.float32)


def shares_by_hand(ids, known, losses, gamma, uniform_share):
    """The rule of the docstring, class by class."""
    shares = np.ones(len(ids))
    is_known = np.isin(np.arange(len(ids)), known)
    for c in np.unique(ids):
        here = is_known & (ids == c)
        powers = losses[here].astype(float) ** gamma
        if powers.sum() > 0:
            shares[here] = uniform_share + (1 - uniform_share) * powers / powers.mean()
    return shares / np.bincount(ids)[ids]


@settings(max_examples=60)
@given(cases())
def test_uses_are_those_of_the_rule_rounded_down_or_up(case):
    ids, options, known, losses = case
    sampler = HardExampleSampler(ids, **options)
    sampler.update(known, losses[known])
    shares = shares_by_hand(ids, known, losses, options["gamma"], options["uniform_share"])
    for _ in range(3):
        uses = np.bincount(list(sampler), minlength=len(ids))
        wanted = np.bincount(ids, uses)[ids] * shares
        assert np.all(np.abs(uses - wanted) < 1 + ROUNDING)
        assert np.all(uses[shares == 0] == 0)


@settings(max_examples=40)
@given(cases())
def test_which_class_stands_where_is_as_without_losses(case):
    ids, options, known, losses = case
    hard = HardExampleSampler(ids, **options)
    hard.update(known, losses[known])
    plain = {key: options[key] for key in options if key not in ("gamma", "uniform_share")}
    balanced = BalancedSampler(ids, **plain)
    for _ in range(2):
        drawn, wanted = [], list(balanced)
        for index in hard:
            drawn.append(index)
            hard.update([index], [random.Random(index).random()])
        assert np.array_equal(ids[drawn], ids[wanted])
        assert len(drawn) == len(wanted) == len(hard)


def test_over_seeds_each_sample_is_drawn_as_often_as_its_share_says():
    ids = np.repeat([0, 1], [9, 5])
    losses = np.arange(14) / 3
    shares = shares_by_hand(ids, np.arange(14), losses, 1.0, 0.2)
    counts, n_seeds = np.zeros(14), 1000
    for seed in range(n_seeds):
        sampler = HardExampleSampler(
            ids, 2, uniform_share=0.2, seed=seed, batches_per_epoch=1, rank=0, world_size=1
        )
        sampler.update(np.arange(14), losses)
        counts += np.bincount(list(sampler), minlength=14)
    wanted = n_seeds * shares
    # One draw of each class and seed: 12 degrees of freedom; 32.9 is passed once in 1,000.
    assert np.sum((counts - wanted) ** 2 / wanted) < 32.9


@settings(max_examples=30)
@given(label_sets(), st.integers(1, 9), st.integers(0, 99))
def test_without_losses_the_samples_of_a_class_are_drawn_evenly(ids, batch_size, seed):
    sampler = HardExampleSampler(ids, batch_size, seed=seed)
    uses = np.bincount(list(sampler), minlength=len(ids))
    for c in np.unique(ids):
        assert np.ptp(uses[ids == c]) <= 1


@settings(max_examples=40)
@given(cases(), st.data())
def test_a_resumed_sampler_goes_on_exactly_also_as_losses_change(case, data):
    ids, options, known, losses = case
    whole = HardExampleSampler(ids, **options)
    whole.update(known, losses[known])
    taken = data.draw(st.integers(0, len(whole)))

    def step(sampler, passes, n):
        drawn = []
        for _ in range(n):
            drawn.append(next(passes))
            if len(drawn) % options["batch_size"] == 0:
                sampler.update(drawn[-1:], [len(drawn) / 7])
        return drawn

    passes = iter(whole)
    # Whole batches: within one, losses are not asked anew.
    taken -= taken % options["batch_size"]
    step(whole, passes, taken)
    file = io.BytesIO()
    torch.save(whole.state_dict(), file)
    file.seek(0)
    resumed = HardExampleSampler(ids, **options)
    resumed.load_state_dict(torch.load(file, weights_only=True))
    left = len(whole) - taken
    assert step(whole, passes, left) == step(resumed, iter(resumed), left)
    assert np.array_equal(
        whole.losses(range(len(ids))), resumed.losses(range(len(ids))), equal_nan=True
    )


@settings(max_examples=40)
@given(cases(), st.data())
def test_a_sampler_resumes_within_a_batch_too(case, data):
    ids, options, known, losses = case
    whole = HardExampleSampler(ids, **options)
    whole.update(known, losses[known])
    passes = iter(whole)
    for _ in range(data.draw(st.integers(0, len(whole)))):
        next(passes)
    state = deepcopy(whole.state_dict())
    resumed = HardExampleSampler(ids, **options)
    resumed.load_state_dict(state)
    assert list(passes) == list(resumed)
    assert list(whole) == list(resumed)


@pytest.mark.parametrize("world_size", [2, 3])
def test_ranks_that_are_told_the_same_losses_share_the_single_order(world_size):
    ids, batch_size = np.repeat([0, 1, 2], [50, 30, 4]), 3
    options = {"seed": 5, "batches_per_epoch": 9}
    single = HardExampleSampler(ids, batch_size * world_size, **options)
    ranks = [
        HardExampleSampler(ids, batch_size, rank=rank, world_size=world_size, **options)
        for rank in range(world_size)
    ]
    passes = [iter(rank) for rank in ranks]
    whole = iter(single)
    for _ in range(9):
        batch = [next(whole) for _ in range(batch_size * world_size)]
        parts = [[next(part) for _ in range(batch_size)] for part in passes]
        assert [batch[rank::world_size] for rank in range(world_size)] == parts
        losses = np.array(batch) % 5 + 0.5
        for sampler in (single, *ranks):
            sampler.update(batch, losses)


@pytest.mark.parametrize(("batch_size", "world_size"), [(3, 2), (5, 1), (2, 4)])
def test_a_pass_goes_on_with_another_number_of_ranks(batch_size, world_size):
    ids = np.repeat([0, 1, 2], [50, 30, 4])
    first = HardExampleSampler(ids, 6, seed=5, batches_per_epoch=20)
    first.update(range(84), np.arange(84) % 7)
    whole = iter(first)
    for _ in range(6 * 7):
        next(whole)
    state = deepcopy(first.state_dict())
    rest = list(whole)
    parts = []
    for rank in range(world_size):
        sampler = HardExampleSampler(
            ids, batch_size, rank=rank, world_size=world_size, seed=5, batches_per_epoch=20
        )
        sampler.load_state_dict(state)
        parts.append(list(sampler))
    together = [index for turn in zip(*parts, strict=True) for index in turn]
    assert Counter(together) <= Counter(rest)
    assert len(rest) - len(together) < world_size


def test_the_next_batch_follows_the_losses_of_the_last():
    sampler = HardExampleSampler(np.zeros(1000, int), 10, uniform_share=0)
    loader = DataLoader(range(1000), batch_size=10, sampler=sampler)
    for step, batch in enumerate(loader):
        if step:
            assert batch.tolist() == [777] * 10
        else:
            sampler.update(range(1000), 1.0 * (np.arange(1000) == 777))


def test_with_workers_the_batches_on_their_way_are_the_delay():
    sampler = HardExampleSampler(np.zeros(1000, int), 10, uniform_share=0)
    loader = DataLoader(
        range(1000), batch_size=10, sampler=sampler, num_workers=2, prefetch_factor=3
    )
    batches = iter(loader)
    next(batches)
    sampler.update(range(1000), 1.0 * (np.arange(1000) == 777))
    hits = [batch.tolist() == [777] * 10 for batch in batches]
    # Six are always on their way, and one more was asked for when the first came.
    assert hits == [False] * 6 + [True] * (99 - 6)


def test_a_resumable_loader_saves_the_losses_of_now():
    ids = np.repeat([0, 1], [40, 8])

    def run(state, n_steps):
        sampler = HardExampleSampler(ids, 4, seed=1)
        loader = ResumableLoader(range(48), batch_size=4, sampler=sampler)
        if state is not None:
            loader.load_state_dict(state)
        seen = []
        for batch in loader:
            seen.append(batch.tolist())
            sampler.update(batch, batch / 10)
            if len(seen) == n_steps:
                break
        file = io.BytesIO()
        torch.save(loader.state_dict(), file)
        file.seek(0)
        return seen, torch.load(file, weights_only=True)

    whole, _ = run(None, 12)
    first, state = run(None, 5)
    rest, _ = run(state, 7)
    assert first + rest == whole


@settings(max_examples=40)
@given(st.integers(1, 400), st.data())
def test_a_batch_repeats_a_sample_only_if_its_share_is_large_or_it_lies_on_a_border(n, data):
    batch_size = data.draw(st.integers(1, 12))
    sampler = HardExampleSampler(np.zeros(n, int), batch_size, seed=data.draw(st.integers(0, 9)))
    losses = np.random.default_rng(n).exponential(size=n)
    sampler.update(range(n), losses)
    shares = shares_by_hand(np.zeros(n, int), np.arange(n), losses, 1, 0.1)
    draws = np.array(list(sampler)).reshape(-1, batch_size)
    for batch in draws:
        for sample, copies in Counter(batch.tolist()).items():
            # Each draw comes from its own stretch; a share spans so many of them at the most.
            assert copies <= np.floor(shares[sample] * batch_size) + 2


@pytest.mark.parametrize(
    "kind",
    [
        list,
        np.array,
        torch.tensor,
        lambda values: (
            torch.tensor(values).to(torch.bfloat16)
            if isinstance(values[0], float)
            else torch.tensor(values, dtype=torch.int32)
        ),
        lambda values: torch.tensor(values, requires_grad=isinstance(values[0], float)),
    ],
    ids=["list", "array", "tensor", "bfloat16", "with gradient"],
)
def test_losses_come_in_any_shape_that_training_has_them(kind):
    sampler = HardExampleSampler([0, 0, 1, 1], 2)
    sampler.update(kind([0, 3, 3]), kind([0.5, 1.0, 3.0]))
    assert sampler.losses([0, 3]).tolist() == [0.5, 2.0]  # the mean of two draws of sample 3
    assert np.isnan(sampler.losses([1, 2])).all()


def test_an_unseen_sample_counts_as_an_average_one():
    sampler = HardExampleSampler(np.zeros(4, int), 4, uniform_share=0, batches_per_epoch=100)
    sampler.update([0, 1], [1e-3, 3e-3])
    uses = np.bincount(list(sampler), minlength=4)
    assert uses.tolist() == [50, 150, 100, 100]


@pytest.mark.parametrize("losses", [[0, 0, 0], [1e-30] * 3, [3e38] * 3], ids=["0", "tiny", "huge"])
def test_equal_losses_of_any_size_draw_evenly(losses):
    sampler = HardExampleSampler([0, 0, 0], 3, gamma=4, uniform_share=0, batches_per_epoch=9)
    sampler.update(range(3), losses)
    assert np.bincount(list(sampler)).tolist() == [9, 9, 9]


@pytest.mark.parametrize(
    ("indices", "losses", "message"),
    [
        ([0, 1], [1.0, float("nan")], r"got nan for samples 1\..*reduction='none'"),
        ([0, 1], [float("inf"), -1.0], "got inf, -1 for samples 0, 1"),
        ([2], [1e300], r"got 1e\+300 for samples 2"),
        ([0, 9, -1], [1, 1, 1], "expected labelled samples of the data, got 9, -1"),
        ([3], [1.0], "expected labelled samples of the data, got 3"),
        ([0, 1], 0.7, r"expected one loss a sample.*got \[2\] and \[\]"),
        ([0.5], [1.0], "indices: expected integers, got float64"),
        ([0], ["high"], "losses: expected numbers"),
        ([7], [-1.0], r"samples of the data, got 7; losses: expected finite"),
    ],
    ids=["nan", "infinite", "too large", "unknown", "unlabelled", "mean", "float", "text", "both"],
)
def test_losses_that_cannot_be_are_refused_and_nothing_is_set(indices, losses, message):
    labels = Labels(class_ids=np.array([0, 1, 0, -1]), class_names=("a", "b"))
    sampler = HardExampleSampler(labels, 2)
    with pytest.raises(OptionError, match=message):
        sampler.update(indices, losses)
    assert np.isnan(sampler.losses([0, 1, 2])).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"gamma": -1}, r"gamma: expected a number in \[0, 4\], got -1"),
        ({"gamma": float("nan")}, "gamma: expected"),
        ({"gamma": True, "uniform_share": 2}, "gamma: .*; uniform_share: expected a number in"),
        ({"seed": -1}, "seed: expected"),
    ],
    ids=["negative", "nan", "all together", "seed"],
)
def test_options_that_cannot_be_are_refused(options, message):
    with pytest.raises(OptionError, match=message):
        HardExampleSampler([0, 1], 2, **options)


def test_samples_of_several_classes_are_refused():
    labels = Labels(
        class_ids=np.array([0, 1, 1]), class_names=("a", "b"), offsets=np.array([0, 2, 3])
    )
    with pytest.raises(DataError, match="one class a sample"):
        HardExampleSampler(labels, 2)
    with pytest.raises(DataError, match="Which of its classes"):
        HardExampleSampler(ClassIndex.from_labels(labels), 2)


def test_the_state_of_another_sampler_is_refused():
    sampler = HardExampleSampler([0, 1], 2)
    with pytest.raises(OptionError, match="expected one of a HardExampleSampler"):
        sampler.load_state_dict(BalancedSampler([0, 1], 2).state_dict())


def test_a_state_with_losses_of_other_samples_is_refused():
    sampler = HardExampleSampler([0, 1], 2)
    state = sampler.state_dict() | {"losses": torch.zeros(3)}
    with pytest.raises(OptionError, match=r"losses of 2 samples, got \[3\]"):
        sampler.load_state_dict(state)


def test_keys_tell_the_draws_of_a_sample_apart():
    sampler = HardExampleSampler([0] * 9 + [1] * 2, 4, yields="keys")
    keys = list(sampler)
    assert all(isinstance(key, SampleKey) and key.epoch == 0 for key in keys)
    assert len(set(keys)) == len(keys)
    assert {key.epoch for key in sampler} == {1}


def test_an_update_keeps_sums_free_of_drift():
    rng = np.random.default_rng(0)
    sampler = HardExampleSampler(np.repeat([0, 1], [300, 40]), 4)
    for _ in range(200):
        sampler.update(
            rng.integers(0, 340, 16), rng.exponential(size=16) * 10.0 ** rng.integers(-9, 9)
        )
    fresh = HardExampleSampler(np.repeat([0, 1], [300, 40]), 4)
    fresh.load_state_dict(sampler.state_dict())
    assert list(fresh) == list(sampler)


def test_global_random_state_is_not_touched():
    before = random.getstate(), np.random.get_state()[1].copy(), torch.get_rng_state()  # noqa: NPY002
    sampler = HardExampleSampler([0, 0, 1], 2)
    sampler.update([0], [1.0])
    list(sampler)
    assert random.getstate() == before[0]
    assert np.array_equal(np.random.get_state()[1], before[1])  # noqa: NPY002
    assert torch.equal(torch.get_rng_state(), before[2])
