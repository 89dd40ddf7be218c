"""The order of draws holds what its module promises, over generated label sets."""

from collections import Counter, defaultdict
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from balancekit.labels import Labels
from balancekit.plan import Natural, Power, Uniform
from balancekit.samplers import ClassIndex, DrawOrder
from balancekit.samplers.draw_order import floor_sum

TARGETS = st.sampled_from(
    [Uniform(), Natural(), Power(alpha=0.5), Power(alpha=-0.5), Power(alpha=0.9)]
)
COUNTS = st.lists(st.integers(0, 40), min_size=1, max_size=12).filter(any)
ROUNDING = 1e-6
"""Shares are floats; a bound of one draw is met to this much."""


@st.composite
def orders(draw):
    counts = np.array(draw(COUNTS))
    ids = np.repeat(np.arange(len(counts)), counts)
    shuffled = np.random.default_rng(draw(st.integers(0, 99))).permutation(ids)
    labels = Labels(class_ids=shuffled, class_names=tuple(map(str, range(len(counts)))))
    order = DrawOrder.for_batches(
        ClassIndex.from_labels(labels),
        draw(TARGETS),
        batch_size=draw(st.integers(1, 24)),
        batches_per_epoch=draw(st.none() | st.integers(1, 9)),
        seed=draw(st.integers(0, 2**31)),
    )
    return order, shuffled


def epoch_of(order: DrawOrder, epoch: int):
    return order.draws(epoch, 0, order.n_batches)


@settings(max_examples=60, deadline=None)
@given(orders())
def test_epochs_and_batches_hold_each_class_within_one_of_its_share(made):
    order, class_of = made
    wanted = order.shares * order.n_draws
    for epoch in range(3):
        draws = epoch_of(order, epoch)
        assert np.array_equal(class_of[draws.indices], draws.class_ids)
        assert draws.batch_sizes.sum() == order.n_draws
        counts = np.bincount(draws.class_ids, minlength=len(wanted))
        assert np.array_equal(counts, order.draws_per_class(epoch))
        assert np.all(np.abs(counts - wanted) < 1 + ROUNDING)
        for batch in np.split(draws.class_ids, np.cumsum(draws.batch_sizes)[:-1]):
            in_batch = np.bincount(batch, minlength=len(wanted))
            assert np.all(np.abs(in_batch - wanted / order.n_batches) < 1 + ROUNDING)


@settings(max_examples=60, deadline=None)
@given(orders())
def test_uses_of_two_samples_of_a_class_never_differ_by_more_than_one(made):
    order, class_of = made
    uses = np.zeros(len(class_of), int)
    for epoch in range(4):
        draws = epoch_of(order, epoch)
        for batch in np.split(draws.indices, np.cumsum(draws.batch_sizes)[:-1]):
            np.add.at(uses, batch, 1)
            for c in np.unique(class_of):
                of_class = uses[class_of == c]
                assert of_class.max() - of_class.min() <= 1
    totals = [int(uses[class_of == c].sum()) for c in range(len(order.shares))]
    assert order.draws_before_epoch(4).tolist() == totals


@settings(max_examples=60, deadline=None)
@given(orders())
def test_a_batch_repeats_a_sample_only_if_its_class_is_too_small(made):
    order, class_of = made
    most = order.draws_per_batch_bounds(3)[1]
    for epoch in range(3):
        draws = epoch_of(order, epoch)
        for batch in np.split(draws.indices, np.cumsum(draws.batch_sizes)[:-1]):
            for c in np.unique(class_of[batch]):
                of_class = batch[class_of[batch] == c]
                if most[c] <= (class_of == c).sum():
                    assert len(set(of_class.tolist())) == len(of_class)


@settings(max_examples=60, deadline=None)
@given(orders(), st.data())
def test_any_stretch_of_batches_is_reached_without_the_ones_before(made, data):
    order, _ = made
    first = data.draw(st.integers(0, order.n_batches))
    last = data.draw(st.integers(first, order.n_batches))
    whole, part = epoch_of(order, 2), order.draws(2, first, last)
    ends = np.concatenate([[0], np.cumsum(whole.batch_sizes)])
    assert part.indices.tolist() == whole.indices[ends[first] : ends[last]].tolist()
    repeats = order.repeats(2, whole)[ends[first] : ends[last]]
    assert order.repeats(2, part).tolist() == repeats.tolist()


@settings(max_examples=60, deadline=None)
@given(orders())
def test_repeats_number_the_draws_of_a_sample_within_its_epoch(made):
    order, _ = made
    for epoch in range(3):
        seen = defaultdict(list)
        draws = epoch_of(order, epoch)
        repeats = order.repeats(epoch, draws)
        for index, repeat in zip(draws.indices.tolist(), repeats.tolist(), strict=True):
            seen[index].append(repeat)
        assert all(sorted(repeats) == list(range(len(repeats))) for repeats in seen.values())


@settings(max_examples=60, deadline=None)
@given(orders(), st.integers(2, 4))
def test_every_rank_holds_the_classes_in_proportion_and_all_hold_the_whole(made, world_size):
    alone, _ = made
    order = replace(alone, world_size=world_size)
    wanted = order.shares * order.n_draws / order.n_batches / world_size
    whole, draws = epoch_of(alone, 1), epoch_of(order, 1)
    assert draws.batch_sizes.tolist() == whole.batch_sizes.tolist()
    ends = np.cumsum(draws.batch_sizes)[:-1]
    for batch, same in zip(
        np.split(draws.indices, ends), np.split(whole.indices, ends), strict=True
    ):
        assert sorted(batch.tolist()) == sorted(same.tolist())
    for batch in np.split(draws.class_ids, ends):
        for rank in range(world_size):
            counts = np.bincount(batch[rank::world_size], minlength=len(wanted))
            assert np.all(np.abs(counts - wanted) < 1 + ROUNDING)


def order_of(counts: list[int], **options) -> DrawOrder:
    ids = np.repeat(np.arange(len(counts)), counts)
    labels = Labels(class_ids=ids, class_names=tuple(map(str, range(len(counts)))))
    targets = options.pop("targets", Uniform())
    return DrawOrder.for_batches(ClassIndex.from_labels(labels), targets, **options)


def test_natural_targets_draw_every_sample_once_an_epoch():
    order = order_of([50, 7, 3], targets=Natural(), batch_size=8)
    for epoch in range(3):
        assert sorted(epoch_of(order, epoch).indices.tolist()) == list(range(60))


def test_classes_take_turns_where_an_epoch_has_fewer_draws_than_classes():
    order = order_of([3] * 10, batch_size=4, batches_per_epoch=1)
    drawn = Counter()
    for epoch in range(25):
        drawn.update(epoch_of(order, epoch).class_ids.tolist())
    assert sorted(drawn.values()) == [10] * 10


def test_seeds_and_epochs_give_different_orders():
    orders = {
        tuple(epoch_of(order_of([30, 30], batch_size=10, seed=seed), epoch).indices.tolist())
        for seed in range(4)
        for epoch in range(4)
    }
    assert len(orders) == 16


def test_a_late_epoch_costs_no_more_than_the_first():
    order = order_of([1000, 10], batch_size=10)
    late = order.draws(10**9, 5, 6)
    assert np.bincount(late.class_ids).tolist() == [5, 5]
    before = order.draws_before_epoch(10**9)
    assert before.tolist() == [10**9 * 505, 10**9 * 505]


@pytest.mark.parametrize("seed", range(5))
def test_a_billion_samples_are_drawn_once_each_and_empty_classes_never(seed):
    counts = np.random.default_rng(seed).integers(1, 700_000, 3000)
    counts[-1] = 0
    index = ClassIndex(None, np.concatenate([[0], np.cumsum(counts)]))
    order = DrawOrder.for_batches(index, Natural(), batch_size=64)
    assert order.draws_before_epoch(1000).tolist() == (1000 * counts).tolist()
    assert (
        DrawOrder.for_batches(index, Power(alpha=0.5), batch_size=64).draws_before_epoch(2**24)[-1]
        == 0
    )


def test_a_hundred_thousand_classes_are_drawn_evenly():
    order = order_of([2] * 100_000, batch_size=1000, batches_per_epoch=100)
    assert np.all(order.draws_per_class(0) == 1)
    assert len(np.unique(order.draws(0, 0, 100).class_ids)) == 100_000


@pytest.mark.parametrize("n", [0, 1, 7, 50])
@given(
    modulus=st.integers(1, 60),
    step=st.integers(0, 100),
    start=st.lists(st.integers(0, 300), min_size=1, max_size=4),
)
def test_floor_sum_equals_the_sum_of_floors(n, modulus, step, start):
    expected = [sum((step * i + s) // modulus for i in range(n)) for s in start]
    assert floor_sum(n, modulus, step, np.array(start)).tolist() == expected
