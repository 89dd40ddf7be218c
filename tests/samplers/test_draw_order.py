"""The order of draws holds what its module promises, over generated label sets."""

from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from balancekit.errors import OptionError
from balancekit.plan import (
    Capped,
    EffectiveNumber,
    Fixed,
    Natural,
    Power,
    RepeatFactor,
    Schedule,
    Uniform,
)
from balancekit.samplers import ClassIndex, DrawOrder
from balancekit.samplers.orders.independent_order import IndependentOrder
from balancekit.samplers.orders.lengths import EpochLength, epoch_length

TARGETS = st.sampled_from(
    [
        Uniform(),
        Natural(),
        Power(alpha=0.5),
        Power(alpha=-0.5),
        EffectiveNumber(beta=0.9),
        RepeatFactor(threshold=0.3),
        Capped(of=Uniform(), max_repeats=80),
    ]
)
COUNTS = st.lists(st.integers(0, 40), min_size=1, max_size=12).filter(any)
ROUNDING = 1e-6
"""Shares are floats; a bound of one draw is met to this much."""


def make_order(ids, targets=None, *, width, batches=None, seed=0, kind=DrawOrder):
    index = ClassIndex.from_labels(np.asarray(ids))
    targets = Uniform() if targets is None else targets
    length = epoch_length(index, targets, width=width, batches_per_epoch=batches)
    return kind(index, targets, (length,), seed)


@st.composite
def orders(draw, targets=TARGETS):
    counts = np.array(draw(COUNTS))
    ids = np.repeat(np.arange(len(counts)), counts)
    shuffled = np.random.default_rng(draw(st.integers(0, 99))).permutation(ids)
    order = make_order(
        shuffled,
        draw(targets),
        width=draw(st.integers(1, 24)),
        batches=draw(st.none() | st.integers(1, 3)),
        seed=draw(st.integers(0, 2**31)),
    )
    return order, shuffled


def epoch_of(order, epoch):
    return order.draws(epoch, 0, order.length.n_batches)


def batches_of(draws, values):
    """One of the arrays of draws, a list of arrays, one a batch."""
    if draws.filled is None:
        return list(values)
    return [row[here] for row, here in zip(values, draws.filled, strict=True)]


@settings(max_examples=100)
@given(orders())
def test_epochs_and_batches_hold_each_class_within_one_of_its_share(made):
    order, class_of = made
    length = order.length
    for epoch in range(3):
        wanted = order.quotas.shares(epoch) * length.n_draws
        draws = epoch_of(order, epoch)
        class_ids = draws.flat(draws.class_ids)
        assert np.array_equal(class_of[draws.flat(draws.indices)], class_ids)
        assert len(class_ids) == length.n_draws
        counts = np.bincount(class_ids, minlength=len(wanted))
        assert np.array_equal(counts, order.quotas.draws_per_class(epoch))
        assert np.all(np.abs(counts - wanted) < 1 + ROUNDING)
        for batch in batches_of(draws, draws.class_ids):
            in_batch = np.bincount(batch, minlength=len(wanted))
            assert np.all(np.abs(in_batch - wanted / length.n_batches) < 1 + ROUNDING)


def _check_uses(order, class_of, epochs):
    uses = np.zeros(len(class_of), int)
    for epoch in range(epochs):
        draws = epoch_of(order, epoch)
        for batch in batches_of(draws, draws.indices):
            np.add.at(uses, batch, 1)
            for c in np.unique(class_of):
                of_class = uses[class_of == c]
                assert of_class.max() - of_class.min() <= 1
    totals = [int(uses[class_of == c].sum()) for c in range(order.index.n_classes)]
    assert order.quotas.before(epochs).tolist() == totals


@settings(max_examples=60)
@given(orders())
def test_uses_of_two_samples_of_a_class_never_differ_by_more_than_one(made):
    _check_uses(*made, epochs=4)


SCHEDULES = st.builds(
    Schedule,
    start=st.sampled_from([Natural(), Power(alpha=-1)]),
    end=st.sampled_from([Uniform(), Capped(of=Uniform(), max_repeats=100)]),
    epochs=st.integers(1, 5),
    curve=st.sampled_from(["linear", "step", "cosine"]),
)


@settings(max_examples=40)
@given(orders(SCHEDULES))
def test_uses_stay_even_while_a_schedule_moves_the_shares(made):
    _check_uses(*made, epochs=7)


def test_a_schedule_leads_from_its_start_to_its_end():
    schedule = Schedule(start=Natural(), end=Uniform(), epochs=10, curve="linear")
    order = make_order(np.repeat([0, 1], [900, 100]), schedule, width=10, batches=100)
    shares = [order.quotas.draws_per_class(epoch)[1] / 1000 for epoch in (0, 5, 10, 50)]
    assert shares == [0.1, 0.3, 0.5, 0.5]
    assert order.quotas.before(12)[1] == sum(order.quotas.draws_per_class(e)[1] for e in range(12))


@settings(max_examples=60)
@given(orders())
def test_a_batch_repeats_a_sample_only_if_its_class_is_too_small(made):
    order, class_of = made
    per_epoch = np.stack([order.quotas.draws_per_class(epoch) for epoch in range(3)])
    most = (-(-per_epoch // order.length.n_batches)).max(0)
    for epoch in range(3):
        draws = epoch_of(order, epoch)
        for batch in batches_of(draws, draws.indices):
            for c in np.unique(class_of[batch]):
                of_class = batch[class_of[batch] == c]
                if most[c] <= (class_of == c).sum():
                    assert len(set(of_class.tolist())) == len(of_class)


@settings(max_examples=60)
@given(orders(), st.data())
def test_any_stretch_of_batches_is_reached_without_the_ones_before(made, data):
    order, _ = made
    first = data.draw(st.integers(0, order.length.n_batches))
    last = data.draw(st.integers(first, order.length.n_batches))
    whole, part = epoch_of(order, 2), order.draws(2, first, last)
    for name in ("indices", "class_ids", "numbers"):
        assert np.array_equal(getattr(part, name), getattr(whole, name)[first:last])
    assert np.array_equal(order.repeats(2, part), order.repeats(2, whole)[first:last])


@settings(max_examples=60)
@given(orders())
def test_repeats_number_the_draws_of_a_sample_within_its_epoch(made):
    order, _ = made
    for epoch in range(3):
        seen = defaultdict(list)
        draws = epoch_of(order, epoch)
        repeats = draws.flat(order.repeats(epoch, draws))
        indices = draws.flat(draws.indices)
        for index, repeat in zip(indices.tolist(), repeats.tolist(), strict=True):
            seen[index].append(repeat)
        assert all(sorted(repeats) == list(range(len(repeats))) for repeats in seen.values())


@settings(max_examples=60)
@given(orders(), st.integers(2, 4), st.integers(1, 6))
def test_every_rank_holds_the_classes_in_proportion_and_its_places_of_the_whole(
    made, world_size, batch_size
):
    alone, _ = made
    width = world_size * batch_size
    length = epoch_length(alone.index, alone.targets, width=width)
    order = DrawOrder(alone.index, alone.targets, (length,), alone.seed)
    wanted = order.quotas.shares(1) * length.n_draws / length.n_batches / world_size
    whole = epoch_of(order, 1)
    for rank in range(world_size):
        part = order.draws(1, 0, length.n_batches, rank=rank, world_size=world_size)
        for name in ("indices", "class_ids", "numbers"):
            assert np.array_equal(getattr(part, name), getattr(whole, name)[:, rank::world_size])
        for batch in batches_of(part, part.class_ids):
            counts = np.bincount(batch, minlength=len(wanted))
            assert np.all(np.abs(counts - wanted) < 1 + ROUNDING)


@settings(max_examples=40)
@given(orders(), st.integers(1, 24), st.integers(1, 3))
def test_uses_stay_even_when_the_batches_change_in_size(made, width, epoch):
    order, class_of = made
    first = order.length
    n_batches = -(-len(class_of) // width)
    later = EpochLength(epoch, n_batches * width, n_batches, width)
    changed = DrawOrder(order.index, order.targets, (first, later), order.seed)
    uses = np.zeros(len(class_of), int)
    for number in range(epoch + 2):
        of_epoch = order if number < epoch else changed
        draws = epoch_of(of_epoch, number)
        np.add.at(uses, draws.flat(draws.indices), 1)
        for c in np.unique(class_of):
            assert np.ptp(uses[class_of == c]) <= 1


def test_natural_targets_draw_every_sample_once_an_epoch():
    order = make_order(np.repeat([0, 1, 2], [50, 7, 3]), Natural(), width=8)
    for epoch in range(3):
        draws = epoch_of(order, epoch)
        assert sorted(draws.flat(draws.indices).tolist()) == list(range(60))


def test_classes_take_turns_where_an_epoch_has_fewer_draws_than_classes():
    order = make_order(np.repeat(np.arange(10), 3), width=4, batches=1)
    drawn = Counter()
    for epoch in range(25):
        drawn.update(epoch_of(order, epoch).class_ids.ravel().tolist())
    assert sorted(drawn.values()) == [10] * 10


def test_seeds_and_epochs_give_different_orders():
    ids = np.repeat([0, 1], 30)
    found = {
        tuple(epoch_of(make_order(ids, width=10, seed=seed), epoch).indices.ravel().tolist())
        for seed in range(4)
        for epoch in range(4)
    }
    assert len(found) == 16


def test_a_late_epoch_costs_no_more_than_the_first():
    order = make_order(np.repeat([0, 1], [1000, 10]), width=10)
    late = order.draws(10**9, 5, 6)
    assert np.bincount(late.class_ids.ravel()).tolist() == [5, 5]
    assert order.quotas.before(10**9).tolist() == [10**9 * 505, 10**9 * 505]


@pytest.mark.parametrize("seed", range(5))
def test_a_billion_samples_are_drawn_once_each_and_empty_classes_never(seed):
    counts = np.random.default_rng(seed).integers(1, 700_000, 3000)
    counts[-1] = 0
    starts = np.concatenate([[0], np.cumsum(counts)])
    index = ClassIndex(starts, firsts=starts[:-1])
    length = epoch_length(index, Natural(), width=64)
    order = DrawOrder(index, Natural(), (length,), 0)
    assert order.quotas.before(1000).tolist() == (1000 * counts).tolist()
    order = DrawOrder(index, Power(alpha=0.5), (length,), 0)
    assert order.quotas.before(2**24)[-1] == 0


def test_more_samples_than_32_bits_count_are_reached_at_both_ends_of_an_epoch():
    n = 2**32 + 1
    starts = np.array([0, n - 3, n])
    index = ClassIndex(starts, firsts=starts[:-1])
    length = epoch_length(index, Natural(), width=64)
    order = DrawOrder(index, Natural(), (length,), 0)
    for first in (0, length.n_batches // 2, length.n_batches - 100):
        draws = order.draws(3, first, first + 100)
        indices = draws.flat(draws.indices)
        assert indices.min() >= 0
        assert indices.max() < n
        assert len(np.unique(indices)) == len(indices) >= 6300
    balanced = DrawOrder(index, Uniform(), (length._replace(n_draws=64 * length.n_batches),), 0)
    last = balanced.draws(0, length.n_batches - 1, length.n_batches)
    assert np.bincount(last.class_ids.ravel()).tolist() == [32, 32]
    assert np.isin(last.indices[last.class_ids == 1], [n - 3, n - 2, n - 1]).all()


def test_a_hundred_thousand_classes_are_drawn_evenly():
    order = make_order(np.repeat(np.arange(100_000), 2), width=1000, batches=100)
    assert np.all(order.quotas.draws_per_class(0) == 1)
    assert len(np.unique(order.draws(0, 0, 100).class_ids)) == 100_000
    one_batch = order.draws(0, 7, 8)  # fewer draws than classes: found another way
    assert np.array_equal(one_batch.indices, order.draws(0, 0, 100).indices[7:8])


def test_shares_by_name_reach_the_draws():
    index = ClassIndex.from_labels(["cat"] * 90 + ["dog"] * 10)
    targets = Fixed(shares={"dog": 0.75, "cat": 0.25})
    length = epoch_length(index, targets, width=8)
    draws = DrawOrder(index, targets, (length,), 0).draws(0, 0, length.n_batches)
    assert all(np.bincount(row).tolist() == [2, 6] for row in draws.class_ids)


@pytest.mark.parametrize(("cap", "most"), [(2, 2), (1, 1.28), (1.2, 1.28)])
def test_a_cap_holds_but_for_what_fills_the_last_batch(cap, most):
    counts = np.array([85, 10, 5])
    targets = Capped(of=Uniform(), max_repeats=cap)
    order = make_order(np.repeat([0, 1, 2], counts), targets, width=64)
    assert order.length.n_draws == 128
    assert np.all(order.quotas.shares(0) * 128 / counts <= most + 1e-9)


def test_targets_that_cannot_be_are_refused_when_the_order_is_made():
    with pytest.raises(OptionError, match="max_repeats"):
        make_order([0] * 9 + [1], Capped(of=Uniform(), max_repeats=1), width=5, batches=9)


@pytest.mark.parametrize("targets", [Natural(), Uniform(), Power(alpha=0.5)], ids=repr)
def test_independent_draws_have_exactly_these_probabilities(targets):
    counts = np.array([600, 300, 0, 90, 10])
    ids = np.repeat(np.arange(5), counts)
    order = make_order(ids, targets, width=50, batches=2000, kind=IndependentOrder)
    drawn = epoch_of(order, 0)
    shares = order.quotas.shares(0)[counts > 0]
    in_classes = np.bincount(drawn.class_ids.ravel())[counts > 0]
    assert chisquare(in_classes, shares * in_classes.sum()).pvalue > 1e-4
    tail = np.bincount(drawn.indices.ravel())[-10:]
    assert chisquare(tail).pvalue > 1e-4
    # Independent: as often the same class twice in a row as chance has it.
    pairs = drawn.class_ids.ravel()
    same = np.mean(pairs[1:] == pairs[:-1])
    assert same == pytest.approx(np.sum(shares**2), abs=0.01)  # 5 standard errors of 1e5 pairs


def test_independent_draws_are_reached_anywhere_and_shared_by_ranks():
    order = make_order(np.repeat([0, 1], [50, 5]), width=6, batches=20, kind=IndependentOrder)
    whole = order.draws(3, 0, 20).indices
    assert np.array_equal(order.draws(3, 11, 13).indices, whole[11:13])
    parts = [order.draws(3, 0, 20, rank=rank, world_size=2).indices for rank in range(2)]
    assert np.array_equal(np.stack(parts, axis=2).reshape(20, 6), whole)
    repeats = order.repeats(3, order.draws(3, 0, 20))
    assert len(np.unique(repeats)) == 120
