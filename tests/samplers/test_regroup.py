"""Class regrouping draws M of every class an epoch, and turns the extra copies round."""

import pickle
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from balancekit import RegroupSampler
from balancekit.errors import DataError, OptionError


@st.composite
def label_sets(draw):
    counts = draw(st.lists(st.integers(0, 30), min_size=1, max_size=10).filter(any))
    ids = np.repeat(np.arange(len(counts)), counts)
    return np.random.default_rng(draw(st.integers(0, 99))).permutation(ids)


@settings(max_examples=60)
@given(label_sets(), st.none() | st.integers(1, 40), st.integers(1, 12), st.integers(1, 3))
def test_an_epoch_holds_m_of_each_class_filled_up_to_whole_batches(
    ids, max_num, batch_size, world_size
):
    classes, counts = np.unique(ids, return_counts=True)
    wanted = len(classes) * (max_num or counts.max())
    width = batch_size * world_size
    ranks = [
        RegroupSampler(ids, batch_size, max_num=max_num, rank=rank, world_size=world_size)
        for rank in range(world_size)
    ]
    for _ in range(3):
        parts = [list(sampler) for sampler in ranks]
        assert {len(part) for part in parts} == {len(ranks[0])}
        draws = np.concatenate(parts)
        assert 0 <= len(draws) - wanted < width
        per_class = np.bincount(ids[draws])[classes]
        assert per_class.min() >= wanted // len(classes)
        assert np.ptp(per_class) <= (len(draws) % len(classes) > 0)


@settings(max_examples=40)
@given(label_sets(), st.integers(1, 20), st.integers(0, 2**40))
def test_every_sample_is_reached_in_as_few_epochs_as_can_be(ids, max_num, seed):
    sampler = RegroupSampler(ids, 1, max_num=max_num, seed=seed)
    uses = np.zeros(len(ids), int)
    for epoch in range(1, 8):
        np.add.at(uses, list(sampler), 1)
        assert len(sampler) == len(np.unique(ids)) * max_num
        for c in np.unique(ids):
            of_class = uses[ids == c]
            assert np.ptp(of_class) <= 1
            if epoch * max_num >= len(of_class):
                assert of_class.min() >= 1


def test_the_extra_copies_go_round_from_epoch_to_epoch():
    sampler = RegroupSampler([0] * 10 + [1] * 4, 5)
    extra = [
        frozenset(i for i, count in Counter(list(sampler)).items() if i >= 10 and count == 3)
        for _ in range(2)
    ]
    assert [len(samples) for samples in extra] == [2, 2]
    assert extra[0] | extra[1] == {10, 11, 12, 13}


def test_it_resumes_at_every_draw():
    ids = [0] * 10 + [1] * 4 + [2]
    whole = list(RegroupSampler(ids, 4, seed=3))
    for n_done in range(1, len(whole)):
        sampler, again = RegroupSampler(ids, 4, seed=3), RegroupSampler(ids, 4, seed=3)
        passing = iter(sampler)
        begun = [next(passing) for _ in range(n_done)]
        again.load_state_dict(sampler.state_dict())
        assert begun + list(again) == whole


def test_a_copy_in_another_process_goes_on_where_the_pass_stands():
    sampler = RegroupSampler([0, 0, 0, 1], 2)
    passing = iter(sampler)
    next(passing)
    sent = pickle.loads(pickle.dumps(sampler))
    assert list(sent) == list(passing)


@pytest.mark.parametrize(
    ("labels", "max_num", "error", "expected"),
    [
        ([0, 1], 0, OptionError, "max_num: expected an integer ≥ 1, got 0"),
        ([0, 1], 2.5, OptionError, "max_num: expected an integer ≥ 1, got 2.5"),
        ([["a", "b"], ["a"]], None, DataError, "expected one class a sample, got multi-label"),
    ],
    ids=["none", "no integer", "several labels a sample"],
)
def test_what_cannot_be_is_refused(labels, max_num, error, expected):
    with pytest.raises(error, match=expected):
        RegroupSampler(labels, 4, max_num=max_num)
