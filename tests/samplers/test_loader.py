"""BalancedBatchSampler in a real DataLoader."""

import random

import numpy as np
import pandas as pd
import pytest
import torch
from torch.utils.data import ConcatDataset, DataLoader, Subset, TensorDataset

from balancekit import BalancedBatchSampler, Labels, Natural, Power, SampleKey
from balancekit.errors import DataError, OptionError

NAMES = ["cat"] * 90 + ["dog"] * 8 + ["eel"] * 2
IDS = [0] * 90 + [1] * 8 + [2] * 2


class Untouchable:
    """A data set whose samples must not be loaded to learn its labels."""

    targets = IDS

    def __len__(self):
        return len(IDS)

    def __getitem__(self, index):
        raise AssertionError("a sample was loaded")


@pytest.mark.parametrize(
    "labels",
    [
        NAMES,
        IDS,
        np.array(IDS),
        torch.tensor(IDS),
        pd.Series(NAMES),
        Labels.from_names(NAMES),
        Untouchable(),
        TensorDataset(torch.zeros(100, 3), torch.tensor(IDS)),
        Subset(Untouchable(), range(100)),
        ConcatDataset([Subset(Untouchable(), range(50)), Subset(Untouchable(), range(50, 100))]),
    ],
    ids=lambda labels: type(labels).__name__,
)
def test_every_batch_is_balanced_whatever_holds_the_labels(labels):
    batches = list(BalancedBatchSampler(labels, batch_size=6, seed=0))
    assert len(batches) == 17
    for batch in batches:
        assert np.bincount(np.array(IDS)[batch]).tolist() == [2, 2, 2]


def test_a_data_loader_takes_it_as_batch_sampler():
    dataset = TensorDataset(torch.arange(100), torch.tensor(IDS))
    loader = DataLoader(dataset, batch_sampler=BalancedBatchSampler(IDS, batch_size=6, seed=0))
    batches = [targets for _, targets in loader]
    assert len(loader) == len(batches) == 17
    assert all(torch.bincount(targets).tolist() == [2, 2, 2] for targets in batches)


@pytest.mark.parametrize("n_workers", [0, 2])
def test_the_order_does_not_depend_on_workers(n_workers):
    dataset = TensorDataset(torch.arange(100))
    loader = DataLoader(
        dataset,
        batch_sampler=BalancedBatchSampler(IDS, batch_size=6, seed=5),
        num_workers=n_workers,
    )
    expected = list(BalancedBatchSampler(IDS, batch_size=6, seed=5))
    assert [batch.tolist() for (batch,) in loader] == expected


def test_each_pass_is_another_epoch_and_set_epoch_goes_back():
    sampler = BalancedBatchSampler(IDS, batch_size=6, seed=0)
    first, second = list(sampler), list(sampler)
    assert first != second
    sampler.set_epoch(0)
    assert list(sampler) == first
    sampler.sampler.set_epoch(1)
    assert list(sampler) == second


def test_two_live_iterators_do_not_disturb_each_other():
    sampler = BalancedBatchSampler(IDS, batch_size=6, seed=0)
    expected = list(sampler)
    sampler.set_epoch(0)
    pairs = list(zip(iter(sampler), iter(sampler), strict=True))
    assert [a for a, _ in pairs] == expected == [b for _, b in pairs]


def test_a_pass_can_begin_at_any_batch_and_its_length_is_true():
    sampler = BalancedBatchSampler(IDS, batch_size=6, seed=0)
    whole = list(sampler)
    sampler.set_epoch(0, first_batch=11)
    assert len(sampler) == 6
    assert list(sampler) == whole[11:]
    assert len(sampler) == 17


def test_a_state_resumes_in_mid_epoch():
    sampler = BalancedBatchSampler(IDS, batch_size=6, seed=0)
    whole = list(sampler)
    sampler.set_epoch(0)
    passing = iter(sampler)
    for _ in range(5):
        next(passing)
    other = BalancedBatchSampler(IDS, batch_size=6, seed=0)
    other.load_state_dict(sampler.state_dict())
    assert list(other) == whole[5:]
    with pytest.raises(OptionError, match="got none of"):
        other.load_state_dict({})
    with pytest.raises(OptionError, match="seed"):
        BalancedBatchSampler(IDS, batch_size=6, seed=1).load_state_dict(sampler.state_dict())


def test_ranks_share_each_batch_and_are_balanced_each():
    alone = list(BalancedBatchSampler(IDS, batch_size=12, seed=0))
    ranks = [
        list(BalancedBatchSampler(IDS, batch_size=6, seed=0, rank=rank, world_size=2))
        for rank in range(2)
    ]
    assert len(ranks[0]) == len(ranks[1]) == len(alone)
    for whole, first, second in zip(alone, *ranks, strict=True):
        assert sorted(first + second) == sorted(whole)
        assert np.bincount(np.array(IDS)[first]).tolist() == [2, 2, 2]


def test_ranks_are_balanced_under_natural_draws_of_any_length():
    ids = np.repeat([0, 1, 2, 3], [946, 270, 108, 28])
    parts = [
        list(BalancedBatchSampler(ids, 16, targets=Natural(), rank=rank, world_size=4))
        for rank in range(4)
    ]
    assert len({len(part) for part in parts}) == 1
    for part in parts:
        counts = np.array([np.bincount(ids[batch], minlength=4) for batch in part])
        assert np.all(np.abs(counts - counts.mean(0)) < 2)
    drawn = [i for part in parts for batch in part for i in batch]
    assert sorted(drawn) == list(range(1352))


def test_multi_label_data_are_drawn_as_they_come():
    indicators = np.array([[1, 0], [1, 1], [0, 0]] * 5)
    batches = list(BalancedBatchSampler(indicators, 4, targets=Natural()))
    assert sorted(i for batch in batches for i in batch) == list(range(15))
    with pytest.raises(DataError, match="one class a sample"):
        BalancedBatchSampler(indicators, 4)


def test_keys_carry_epoch_index_and_repeat():
    sampler = BalancedBatchSampler(IDS, batch_size=6, seed=0, yields="keys")
    sampler.set_epoch(3)
    keys = [key for batch in sampler for key in batch]
    assert all(isinstance(key, SampleKey) and key.epoch == 3 for key in keys)
    assert len(set(keys)) == len(keys) == 102
    indices = BalancedBatchSampler(IDS, batch_size=6, seed=0)
    indices.set_epoch(3)
    assert [key.index for key in keys] == [i for batch in indices for i in batch]


def test_classes_without_samples_and_unlabelled_samples_are_left_out():
    sampler = BalancedBatchSampler([0, 0, 0, 2, 2, -1, -100], batch_size=4, seed=0)
    drawn = {i for batch in sampler for i in batch}
    assert drawn <= {0, 1, 2, 3, 4}


@pytest.mark.parametrize(
    ("targets", "expected"),
    [(Natural(), [18, 1.6, 0.4]), (Power(alpha=0.5), [13.79, 4.11, 2.06])],
    ids=["natural", "square root"],
)
def test_targets_set_the_shares(targets, expected):
    sampler = BalancedBatchSampler(IDS, 20, targets=targets, batches_per_epoch=50)
    counts = np.bincount([IDS[i] for batch in sampler for i in batch]) / 50
    # Within one draw of 1000 of the exact share; the table is rounded to two digits.
    assert counts == pytest.approx(expected, abs=0.03)


def test_global_random_state_is_untouched():
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002 - the global state is the subject
    torch.manual_seed(0)
    before = (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state())  # noqa: NPY002
    list(BalancedBatchSampler(IDS, batch_size=6, seed=0))
    after = (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state())  # noqa: NPY002
    assert before[:2] == after[:2]
    assert torch.equal(before[2], after[2])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 0}, "batch_size: expected an integer ≥ 1, got 0"),
        ({"batch_size": 6.5}, "batch_size: expected an integer ≥ 1, got 6.5"),
        ({"batch_size": 4, "rank": 2, "world_size": 2}, r"rank: expected an integer in \[0, 2\)"),
        ({"batch_size": 4, "batches_per_epoch": 0}, "batches_per_epoch: expected"),
        ({"batch_size": 4, "yields": "pairs"}, "yields: expected 'indices' or 'keys'"),
    ],
    ids=["batch size", "fraction", "rank", "length", "yields"],
)
def test_wrong_options_are_refused(options, message):
    with pytest.raises(OptionError, match=message):
        BalancedBatchSampler(IDS, **options)


def test_epochs_and_batches_that_do_not_exist_are_refused():
    sampler = BalancedBatchSampler(IDS, batch_size=6)
    with pytest.raises(OptionError, match="set_epoch"):
        sampler.set_epoch(-1)
    with pytest.raises(OptionError, match="first_batch"):
        sampler.set_epoch(0, first_batch=99)


def test_a_data_set_without_readable_labels_says_what_to_pass():
    class Opaque:
        def __len__(self):
            return 3

        def __getitem__(self, index):
            raise AssertionError("a sample was loaded")

    with pytest.raises(DataError, match="Pass the labels themselves"):
        BalancedBatchSampler(Opaque(), batch_size=2)


def test_batches_smaller_than_the_number_of_classes_take_turns():
    sampler = BalancedBatchSampler(IDS, batch_size=2, seed=0, batches_per_epoch=30)
    batches = [[IDS[i] for i in batch] for batch in sampler]
    assert all(len(set(batch)) == 2 for batch in batches)
    assert np.bincount(np.concatenate(batches)).tolist() == [20, 20, 20]
