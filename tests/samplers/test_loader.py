"""BalancedBatchSampler in a real DataLoader."""

import json
import pickle
import random

import numpy as np
import pandas as pd
import pytest
import torch
from torch.utils.data import (
    ConcatDataset,
    DataLoader,
    DistributedSampler,
    Subset,
    TensorDataset,
)

from balancekit import (
    BalancedBatchSampler,
    BalancedSampler,
    Labels,
    Natural,
    Power,
    ResumableLoader,
    SampleKey,
    Uniform,
)
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


def test_a_pass_can_begin_at_any_batch():
    sampler = BalancedBatchSampler(IDS, batch_size=6, seed=0)
    whole = list(sampler)
    sampler.set_epoch(0, first_batch=11)
    assert list(sampler) == whole[11:]
    sampler.set_epoch(0, first_batch=17)
    assert list(sampler) == []
    assert sampler.epoch == 1


def test_the_length_is_that_of_a_whole_epoch_while_one_is_resumed_too():
    sampler = BalancedBatchSampler(IDS, batch_size=6, seed=0)
    assert len(sampler) == len(list(sampler)) == 17
    sampler.set_epoch(3, first_batch=11)
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
    other.set_epoch(0)  # as frameworks do before each pass: the place is kept
    assert list(other) == whole[5:]
    assert other.epoch == 1
    with pytest.raises(OptionError, match="got none of"):
        other.load_state_dict({})
    with pytest.raises(OptionError, match="seed"):
        BalancedBatchSampler(IDS, batch_size=6, seed=1).load_state_dict(sampler.state_dict())
    with pytest.raises(OptionError, match="Resume with the labels and the options"):
        BalancedBatchSampler([0, 1, 1], batch_size=6).load_state_dict(sampler.state_dict())


def test_ranks_share_each_batch_and_are_balanced_each():
    alone = list(BalancedBatchSampler(IDS, batch_size=12, seed=0))
    ranks = [
        list(BalancedBatchSampler(IDS, batch_size=6, seed=0, rank=rank, world_size=2))
        for rank in range(2)
    ]
    assert len(ranks[0]) == len(ranks[1]) == len(alone)
    for whole, first, second in zip(alone, *ranks, strict=True):
        assert (first, second) == (whole[::2], whole[1::2])
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
        ({"batch_size": 4, "rank": 1}, "world_size: expected how many ranks there are"),
        ({"batch_size": 4, "world_size": 2}, "rank: expected which of the 2 ranks this is"),
        ({"batch_size": 4, "rank": "each"}, "rank: expected an integer, 'auto' or 'all'"),
        ({"batch_size": 4, "seed": -1}, "seed: expected an integer from 0"),
        ({"batch_size": 4, "composition": "loose"}, "composition: expected 'exact' or 'expected'"),
        ({"batch_size": 4, "yields": "pairs"}, "yields: expected 'indices' or 'keys'"),
    ],
    ids=[
        "batch size",
        "fraction",
        "rank",
        "length",
        "rank alone",
        "world alone",
        "rank by name",
        "seed",
        "composition",
        "yields",
    ],
)
def test_wrong_options_are_refused(options, message):
    with pytest.raises(OptionError, match=message):
        BalancedBatchSampler(IDS, **options)


def test_epochs_and_batches_that_do_not_exist_are_refused():
    sampler = BalancedBatchSampler(IDS, batch_size=6)
    with pytest.raises(OptionError, match="epoch: expected an integer ≥ 0, got -1"):
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


@pytest.mark.parametrize("batch_size", [1, 5, 6, 64, 300])
def test_single_draws_cut_into_batches_are_the_batches(batch_size):
    draws = list(BalancedSampler(IDS, batch_size))
    batches = list(BalancedBatchSampler(IDS, batch_size))
    assert [draws[i : i + batch_size] for i in range(0, len(draws), batch_size)] == batches
    assert len(draws) == len(BalancedSampler(IDS, batch_size))


def test_natural_single_draws_fill_their_batches():
    draws = list(BalancedSampler(IDS, 16, targets=Natural()))
    assert len(draws) == 112
    assert np.bincount(draws).min() == 1
    assert np.bincount(draws).max() == 2


def test_it_is_a_distributed_sampler_made_without_a_process_group():
    sampler = BalancedSampler(IDS, 8)
    assert isinstance(sampler, DistributedSampler)
    assert (sampler.epoch, sampler.shuffle, sampler.drop_last) == (0, True, False)
    assert list(pickle.loads(pickle.dumps(sampler))) == list(sampler)


@pytest.mark.parametrize("kind", [BalancedSampler, BalancedBatchSampler])
@pytest.mark.parametrize("world_size", [1, 2, 3])
def test_all_ranks_together_yield_the_batches_of_each_in_turn(kind, world_size):
    together = list(kind(IDS, 5, rank="all", world_size=world_size))
    ranks = [list(kind(IDS, 5, rank=rank, world_size=world_size)) for rank in range(world_size)]
    assert len(together) == len(kind(IDS, 5, rank="all", world_size=world_size))
    if kind is BalancedSampler:
        ranks = [[rank[i : i + 5] for i in range(0, len(rank), 5)] for rank in ranks]
        together = [together[i : i + 5] for i in range(0, len(together), 5)]
    assert together == [batch for step in zip(*ranks, strict=True) for batch in step]


@pytest.mark.parametrize("targets", [Uniform(), Natural()], ids=["uniform", "natural"])
@pytest.mark.parametrize("step", range(0, 18, 3))
@pytest.mark.parametrize(
    ("batch_size", "world_size"), [(6, 1), (3, 2), (2, 3), (6, 2), (5, 1), (4, 3)]
)
def test_a_state_resumes_on_any_number_of_ranks(targets, step, batch_size, world_size):
    sampler = BalancedBatchSampler(IDS, 6, targets=targets)
    passing = iter(sampler)
    done = [i for _ in range(step) for i in next(passing, [])]
    state = json.loads(json.dumps(sampler.state_dict()))
    rest = [i for batch in passing for i in batch]
    ranks = [
        BalancedBatchSampler(IDS, batch_size, targets=targets, rank=rank, world_size=world_size)
        for rank in range(world_size)
    ]
    for rank in ranks:
        rank.load_state_dict(state)
    parts = [list(rank) for rank in ranks]
    assert len({len(part) for part in parts}) == 1
    steps = [_dealt_back(batches) for batches in zip(*parts, strict=True)]
    got = [i for batch in steps for i in batch]
    if step:  # what the ranks cannot share at the very end is left out
        assert sorted(got) == sorted(rest[: len(got)])
        assert len(rest) - len(got) < world_size
    uses = np.bincount(done + got, minlength=100)
    for rank in ranks:  # the next epoch, in batches of the new size
        uses += np.bincount([i for batch in rank for i in batch], minlength=100)
    for c in range(3):
        # A draw left out counts as made.
        assert np.ptp(uses[np.array(IDS) == c]) <= 1 + len(rest) - len(got) * bool(step)


def _dealt_back(parts):
    """The draws of one step as they lie in the order: one of each rank in turn."""
    longest = max(map(len, parts))
    return [part[i] for i in range(longest) for part in parts if i < len(part)]


def _loader(dataset, kind, n_workers, batch_size=6, **options):
    made = kind(IDS, batch_size, **options)
    how = (
        {"sampler": made, "batch_size": batch_size}
        if kind is BalancedSampler
        else {"batch_sampler": made}
    )
    return ResumableLoader(dataset, num_workers=n_workers, persistent_workers=n_workers > 0, **how)


@pytest.mark.parametrize("n_workers", [0, 2])
@pytest.mark.parametrize("kind", [BalancedSampler, BalancedBatchSampler])
def test_a_loader_resumes_at_every_step_with_or_without_workers(kind, n_workers):
    dataset = TensorDataset(torch.arange(100))
    loader = _loader(dataset, kind, n_workers)
    epochs = [[batch.tolist() for (batch,) in loader] for _ in range(2)]
    assert epochs[0] != epochs[1]
    loader.set_epoch(0)
    resumed = _loader(dataset, kind, n_workers)
    states = [loader.state_dict()]
    for number, (batch,) in enumerate(loader):
        assert batch.tolist() == epochs[0][number]
        states.append(loader.state_dict())
    for number in (0, 1, 8, 16, 17):
        resumed.load_state_dict(states[number])
        assert [batch.tolist() for (batch,) in resumed] == epochs[0][number:]
        assert [batch.tolist() for (batch,) in resumed] == epochs[1]


def test_a_loader_tells_its_place_in_a_pass_that_was_recut():
    dataset = TensorDataset(torch.arange(100))
    first = _loader(dataset, BalancedBatchSampler, 0, targets=Natural(), batch_size=7)
    passing = iter(first)
    for _ in range(4):
        next(passing)
    state = first.state_dict()
    recut = _loader(dataset, BalancedBatchSampler, 2, targets=Natural(), batch_size=5)
    recut.load_state_dict(state)
    passing = iter(recut)
    for _ in range(3):
        next(passing)
    state = recut.state_dict()
    expected = [batch.tolist() for (batch,) in passing]
    again = _loader(dataset, BalancedBatchSampler, 0, targets=Natural(), batch_size=5)
    again.load_state_dict(state)
    assert [batch.tolist() for (batch,) in again] == expected


def test_a_loader_of_another_sampler_is_refused():
    with pytest.raises(OptionError, match="expected one of balancekit's samplers"):
        ResumableLoader(TensorDataset(torch.arange(10)), batch_size=2, shuffle=True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"batch_sampler": BalancedSampler(IDS, 4)},
            "batch_sampler: expected a sampler of batches",
        ),
        (
            {"sampler": BalancedBatchSampler(IDS, 4), "batch_size": 4},
            "sampler: expected a sampler of indices, got a BalancedBatchSampler",
        ),
        ({"sampler": BalancedSampler(IDS, 4), "batch_size": 5}, "batch_size: expected 4, as the"),
    ],
    ids=["indices as batches", "batches as indices", "another size"],
)
def test_a_sampler_that_does_not_fit_the_loader_is_refused(options, message):
    with pytest.raises(OptionError, match=message):
        ResumableLoader(TensorDataset(torch.arange(100)), **options)


@pytest.mark.parametrize(
    "other",
    [
        BalancedBatchSampler(IDS, 6, targets=Natural()),
        BalancedBatchSampler(IDS, 6, composition="expected"),
        BalancedBatchSampler(IDS[::-1], 6),
    ],
    ids=["targets", "composition", "order of the labels"],
)
def test_a_state_of_other_options_or_labels_is_refused(other):
    with pytest.raises(OptionError, match="Resume with the labels and the options"):
        other.load_state_dict(BalancedBatchSampler(IDS, 6).state_dict())
