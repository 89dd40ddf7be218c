"""An audit tells what counting the draws of a sampler by hand tells, for every sampler."""

from collections import Counter
from copy import deepcopy

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from balancekit import (
    BalancedBatchSampler,
    BalancedSampler,
    Capped,
    HardExampleSampler,
    Labels,
    MultiLabelBalancedSampler,
    Natural,
    Power,
    RepeatFactorSampler,
    Schedule,
    Uniform,
)
from balancekit.errors import OptionError
from balancekit.samplers import DrawOrder
from balancekit.samplers.audit.counting import audit_order
from balancekit.samplers.class_index import ClassIndex
from balancekit.samplers.loader import (
    ClassAwareSampler,
    PKBatchSampler,
    RegroupSampler,
    TwoStreamSampler,
)
from balancekit.samplers.orders.lengths import epoch_length

TARGETS = st.sampled_from(
    [
        Uniform(),
        Natural(),
        Power(alpha=0.5),
        Capped(of=Uniform(), max_repeats=8.0),
        Schedule(start=Natural(), end=Uniform(), epochs=2),
    ]
)


def hard(labels, batch_size, **options):
    sampler = HardExampleSampler(labels, batch_size, **options)
    n = sum(np.bincount(labels))
    sampler.update(range(n), np.arange(n) % 7)
    return sampler


def pk(ids, batch_size, *, targets, seed):
    n_classes = len(np.unique(ids))
    return PKBatchSampler(ids, min(n_classes, batch_size), 1 + seed % 4, seed=seed)


def two_streams(ids, batch_size, *, targets, seed):
    return TwoStreamSampler(ids, batch_size, second=targets, seed=seed)


FACES = {
    "batches": BalancedBatchSampler,
    "draws": BalancedSampler,
    "independent": lambda *given, **options: BalancedBatchSampler(
        *given, composition="expected", **options
    ),
    "hard": hard,
    "pk": pk,
    "class-aware": lambda *given, targets, **options: ClassAwareSampler(*given, **options),
    "regrouped": lambda *given, targets, **options: RegroupSampler(*given, max_num=9, **options),
    "two streams": two_streams,
}


@st.composite
def cases(draw):
    counts = draw(st.lists(st.integers(0, 30), min_size=1, max_size=8).filter(any))
    ids = np.repeat(np.arange(len(counts)), counts)
    if draw(st.booleans()):
        ids = np.random.default_rng(draw(st.integers(0, 99))).permutation(ids)
    # Two ranks share a batch of an even number of places; "all" yields them one by one.
    batch_size = draw(st.integers(1, 9))
    options = {"targets": draw(TARGETS), "seed": draw(st.integers(0, 99))}
    return ids, batch_size, options, draw(st.integers(1, 3))


def batches_of(sampler, batch_size):
    drawn = list(sampler)
    if drawn and isinstance(drawn[0], list):
        return [np.array(batch) for batch in drawn]
    return [np.array(drawn[i : i + batch_size]) for i in range(0, len(drawn), batch_size)]


def per_batch(batches, ids, n_classes):
    return np.array([np.bincount(ids[batch], minlength=n_classes) for batch in batches])


@pytest.mark.parametrize("face", FACES.values(), ids=FACES.keys())
@settings(max_examples=20)
@given(case=cases())
def test_an_audit_equals_counting_by_hand(face, case):
    ids, batch_size, options, epochs = case
    sampler, n_classes = face(ids, batch_size, **options), ids.max() + 1
    list(sampler)  # the epoch that is audited is not the first
    audit = sampler.audit(epochs)
    batches = [batch for _ in range(epochs) for batch in batches_of(sampler, batch_size)]
    draws = np.concatenate(batches)
    uses, counts = np.bincount(draws, minlength=len(ids)), np.bincount(ids, minlength=n_classes)
    assert np.array_equal(audit.draws_per_sample(), uses)
    assert np.array_equal(audit.samples_per_use, np.bincount(uses))
    assert (audit.first_epoch, audit.n_draws, audit.n_batches) == (1, len(draws), len(batches))
    of_batches = per_batch(batches, ids, n_classes)
    assert np.array_equal(audit.draws_per_class, of_batches.sum(0))
    assert np.array_equal(audit.batch_low_per_class, of_batches.min(0))
    assert np.array_equal(audit.batch_high_per_class, of_batches.max(0))
    assert np.array_equal(audit.rank_high_per_class, of_batches.max(0))
    for c in np.unique(ids):
        of_class = uses[ids == c]
        assert audit.fewest_uses_per_class[c] == of_class.min()
        assert audit.most_uses_per_class[c] == of_class.max()
        assert audit.coverage_per_class[c] == pytest.approx(np.mean(of_class > 0))
        assert audit.mean_uses_per_class[c] == pytest.approx(of_class.mean())
    copies = [max(Counter(batch.tolist()).values()) for batch in batches]
    assert audit.n_batches_with_duplicates == sum(n > 1 for n in copies)
    assert audit.most_copies_in_a_batch == max(copies)
    assert np.array_equal(audit.samples_per_class, counts)


@pytest.mark.parametrize("face", FACES.values(), ids=FACES.keys())
@settings(max_examples=20)
@given(case=cases())
def test_inclusion_probabilities_sum_to_the_draws_and_are_near_them(face, case):
    ids, batch_size, options, epochs = case
    audit = face(ids, batch_size, **options).audit(epochs)
    expected = audit.expected_draws_per_sample()
    assert expected.sum() == pytest.approx(audit.n_draws)
    assert audit.expected_draws_per_class.sum() == pytest.approx(audit.n_draws)
    of_classes = np.bincount(ids, expected, minlength=len(audit.class_names))
    assert of_classes == pytest.approx(audit.expected_draws_per_class)
    assert audit.expected_shares().sum() == pytest.approx(1)
    if face is not FACES["independent"]:
        # Each epoch, and each of two streams, rounds once; PK draws up to 4 samples at a turn.
        most = 2 * epochs * (4 if face is pk else 1)
        gap = np.abs(audit.draws_per_class - audit.expected_draws_per_class)
        assert np.all(gap < most + 1e-6)


def test_of_an_independent_order_the_effective_prior_is_near_the_targets():
    ids = np.repeat([0, 1, 2], [900, 90, 10])
    sampler = BalancedBatchSampler(ids, 10, composition="expected", targets=Power(alpha=0.5))
    audit = sampler.audit(300)
    # 30,000 draws: a standard deviation of at most 0.3 points.
    assert audit.drawn_shares() == pytest.approx(audit.expected_shares(), abs=0.012)


@pytest.mark.parametrize("world_size", [2, 3])
def test_the_parts_of_ranks_are_counted_each(world_size):
    ids = np.random.default_rng(0).permutation(np.repeat([0, 1, 2], [40, 25, 3]))
    ranks = [
        BalancedBatchSampler(ids, 4, rank=rank, world_size=world_size) for rank in range(world_size)
    ]
    audits = [rank.audit(2) for rank in ranks]
    parts = [np.array(batch) for rank in ranks for _ in range(2) for batch in rank]
    of_parts = per_batch(parts, ids, 3)
    for audit in audits:
        assert np.array_equal(audit.rank_low_per_class, of_parts.min(0))
        assert np.array_equal(audit.rank_high_per_class, of_parts.max(0))
        assert np.array_equal(audit.draws_per_class, of_parts.sum(0))
        assert (audit.world_size, audit.batch_size) == (world_size, 4 * world_size)


@pytest.mark.parametrize("face", FACES.values(), ids=FACES.keys())
def test_an_audit_moves_nothing(face):
    ids = np.repeat([0, 1], [30, 5])
    options = {"seed": 2, "targets": Uniform()}
    sampler, other = face(ids, 4, **options), face(ids, 4, **options)
    passes, others = iter(sampler), iter(other)
    for _ in range(3):
        assert next(passes) == next(others)
    before = deepcopy(sampler.state_dict())
    sampler.audit(3)
    after = sampler.state_dict()
    assert {key: str(value) for key, value in before.items()} == {
        key: str(value) for key, value in after.items()
    }
    assert list(passes) == list(others)


def multi_label():
    rng = np.random.default_rng(3)
    sets = [
        sorted(set(rng.choice(5, rng.integers(0, 4), p=[0.5, 0.3, 0.1, 0.07, 0.03])))
        for _ in range(120)
    ]
    offsets = np.concatenate([[0], np.cumsum([len(s) for s in sets])])
    return Labels(
        class_ids=np.array([c for s in sets for c in s]),
        class_names=tuple("abcde"),
        offsets=offsets,
    ), sets


@pytest.mark.parametrize(
    "make",
    [
        lambda labels: RepeatFactorSampler(labels, 8, threshold=0.3),
        lambda labels: MultiLabelBalancedSampler(labels, 8, max_repeats=100.0, min_repeats=0.0),
        lambda labels: BalancedSampler(labels, 8, targets=Natural()),
    ],
    ids=["repeat factor", "balanced", "natural"],
)
@pytest.mark.filterwarnings("ignore::balancekit.errors.BalancekitWarning")
def test_samples_of_several_labels_count_for_each(make):
    labels, sets = multi_label()
    sampler = make(labels)
    audit = sampler.audit(2, labels=labels)
    batches = [batch for _ in range(2) for batch in batches_of(sampler, 8)]
    carried = np.array([[c in s for c in range(5)] for s in sets])
    of_batches = np.array([carried[batch].sum(0) for batch in batches])
    uses = np.bincount(np.concatenate(batches), minlength=120)
    assert np.array_equal(audit.draws_per_sample(), uses)
    assert np.array_equal(audit.draws_per_class, of_batches.sum(0))
    assert np.array_equal(audit.batch_low_per_class, of_batches.min(0))
    assert np.array_equal(audit.batch_high_per_class, of_batches.max(0))
    assert audit.class_names == labels.class_names
    assert audit.expected_draws_per_class == pytest.approx(
        carried.T @ audit.expected_draws_per_sample()
    )
    assert np.array_equal(audit.samples_per_use, np.bincount(uses))
    for c in range(5):
        assert audit.most_uses_per_class[c] == uses[carried[:, c]].max()


def test_labels_that_are_missing_are_no_samples():
    ids = np.array([0, -1, 0, 1, -1, 1, 1])
    labels = Labels(class_ids=ids, class_names=("a", "b", "empty"))
    audit = BalancedSampler(labels, 2).audit()
    assert audit.draws_per_sample()[ids < 0].sum() == 0
    assert audit.samples_per_use.sum() == 5
    assert audit.coverage_per_class[2] == audit.draws_per_class[2] == 0


def test_many_classes_are_counted_as_few_are():
    n_classes = 20_000
    ids = np.repeat(np.arange(n_classes), 2)
    sampler = BalancedBatchSampler(ids, 8)
    audit = sampler.audit()
    batches = list(sampler)
    assert np.array_equal(audit.draws_per_class, np.bincount(ids[np.concatenate(batches)]))
    assert np.all(audit.batch_low_per_class == 0)
    assert np.all(audit.batch_high_per_class == 1)


def order_of(ids, width=4):
    index = ClassIndex.from_labels(ids)
    return DrawOrder(index, Uniform(), (epoch_length(index, Uniform(), width=width),), 0)


def test_progress_is_told_by_block(monkeypatch):
    monkeypatch.setattr("balancekit.samplers.audit.counting.DRAWS_AT_ONCE", 40)
    told = []
    small = audit_order(
        order_of(np.arange(100) % 3), epochs=2, progress=lambda *at: told.append(at)
    )
    assert told == [(10, 50), (20, 50), (25, 50), (35, 50), (45, 50), (50, 50)]
    monkeypatch.undo()
    whole = audit_order(order_of(np.arange(100) % 3), epochs=2)
    assert small.to_frame().equals(whole.to_frame())


@pytest.mark.parametrize("epochs", [0, -1, 1.5, True], ids=repr)
def test_nothing_to_count_is_refused(epochs):
    with pytest.raises(OptionError, match="epochs: expected an integer ≥ 1"):
        BalancedSampler([0, 1], 2).audit(epochs)


def test_labels_of_fewer_samples_are_refused():
    with pytest.raises(OptionError, match=r"sampler's 4 samples, got 2"):
        BalancedSampler([0, 1, 0, 1], 2).audit(labels=[0, 1])


def test_the_text_names_the_largest_and_the_smallest_classes():
    ids = np.repeat(np.arange(8), [90, 50, 40, 30, 20, 10, 5, 2])
    text = str(BalancedBatchSampler(ids, 8).audit())
    assert text.splitlines() == [
        "248 draws in 31 batches of 8; none holds a sample twice",
        "160 of 247 samples drawn, each at most 16 times",
        "  0: 31 draws of 90 samples, 0–1 each, 1 in a batch",
        "  1: 31 draws of 50 samples, 0–1 each, 1 in a batch",
        "  2: 31 draws of 40 samples, 0–1 each, 1 in a batch",
        "  … 2 more classes …",
        "  5: 31 draws of 10 samples, 3–4 each, 1 in a batch",
        "  6: 31 draws of 5 samples, 6–7 each, 1 in a batch",
        "  7: 31 draws of 2 samples, 15–16 each, 1 in a batch",
    ]
    doubled = BalancedBatchSampler([0, 0, 0, 1, 1, 1], 4, batches_per_epoch=3)
    assert str(doubled.audit()).startswith("12 draws in 3 batches of 4; none holds")
    doubled = BalancedBatchSampler([0, 0, 0, 1], 4, batches_per_epoch=3)
    assert str(doubled.audit()).startswith(
        "12 draws in 3 batches of 4; a sample stands more than once in 3 of them, up to 2 times"
    )


def test_the_frame_has_a_row_a_class():
    frame = BalancedBatchSampler(["a", "a", "a", "b"], 2).audit().to_frame()
    assert frame["class"].tolist() == ["a", "b"]
    assert frame["draws"].tolist() == [2, 2]
    assert frame["mean_uses"].tolist() == pytest.approx([2 / 3, 2])
