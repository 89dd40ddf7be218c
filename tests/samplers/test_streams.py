"""Streams: bounds that always hold, shares that are reached, reports that say what was not."""

import itertools
from collections import Counter

import msgspec
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from balancekit.errors import DataError, OptionError
from balancekit.plan import (
    Capped,
    EffectiveNumber,
    Fixed,
    Natural,
    Power,
    Schedule,
    Uniform,
    target_shares,
)
from balancekit.samplers.streams import (
    StreamOptions,
    StreamPass,
    StreamReport,
    reachable_shares,
)

LONG_TAIL = 1000.0 ** (-np.arange(20) / 19)
LONG_TAIL /= LONG_TAIL.sum()


def samples_of(p, n, seed=0):
    """Pairs of a number and a class, drawn with these shares."""
    return list(enumerate(np.random.default_rng(seed).choice(len(p), n, p=p).tolist()))


def label_of(sample):
    return sample[1]


def run(samples, n=None, *, label_fn=label_of, epoch=0, part=0, **options):
    """The pass, and what it gave out."""
    one = StreamPass(samples, label_fn, StreamOptions(**options), epoch=epoch, part=part)
    return one, list(itertools.islice(one, n))


def shares_of(drawn, n_classes):
    return np.bincount([label for _, label in drawn], minlength=n_classes) / len(drawn)


# --- what always holds ----------------------------------------------------------------------

STREAMS = st.lists(
    st.sampled_from([0, 0, 0, 0, 0, 0, 1, 1, 2, 3, None, "x"]), min_size=1, max_size=400
)


@settings(max_examples=150)
@given(
    labels=STREAMS,
    max_repeats=st.integers(1, 6),
    amplification=st.sampled_from([1, 1.5, 3.0, 8.0]),
    per_class=st.integers(1, 20),
    total=st.integers(1, 40),
    warm_up=st.integers(1, 60),
    targets=st.sampled_from(
        [Uniform(), Natural(), Power(alpha=-0.5), Fixed(shares={"1": 0.2, "2": 0.8})]
    ),
    is_sorted=st.booleans(),
    at_end=st.sampled_from(["drain", "stop"]),
)
def test_no_bound_is_ever_broken(
    labels, max_repeats, amplification, per_class, total, warm_up, targets, is_sorted, at_end
):
    labels = sorted(labels, key=str) if is_sorted else labels
    one = StreamPass(
        enumerate([*labels, 1]),
        label_of,
        StreamOptions(
            targets=targets,
            max_repeats=max_repeats,
            max_read_amplification=amplification,
            buffer_per_class=per_class,
            buffer_total=total,
            warm_up=warm_up,
            at_end=at_end,
        ),
    )
    uses = Counter()
    for sample in one:
        uses[sample] += 1
        assert one.n_read <= warm_up + amplification * one.n_given + 1e-6
        held = [queue.n_held for queue in one._queues]
        assert max(held) <= per_class
        assert sum(held) == one.n_held <= total
        assert sum(queue.stock for queue in one._queues) == one.stock
    assert all(label is not None for _, label in uses)
    assert max(uses.values(), default=0) <= max_repeats
    report = one.report()
    assert report.n_given == uses.total()
    for tally in report.tallies.values():
        assert tally.n_used + tally.n_dropped <= tally.n_read
    if at_end == "drain":
        assert one.n_held == 0
        assert report.n_unlabelled == labels.count(None)
        for tally in report.tallies.values():
            assert tally.n_used + tally.n_dropped == tally.n_read


def test_samples_held_are_counted_rightly_while_objects_live():
    class Sample:
        alive = 0

        def __init__(self, label):
            self.label = label
            Sample.alive += 1

        def __del__(self):
            Sample.alive -= 1

    labels = np.random.default_rng(0).choice(20, 30_000, p=LONG_TAIL)
    one = StreamPass(
        map(Sample, labels.tolist()),
        lambda sample: sample.label,
        StreamOptions(max_repeats=4, max_read_amplification=6, buffer_per_class=8),
    )
    most = 0
    for sample in one:
        del sample
        most = max(most, Sample.alive)
    # Besides those held: the one given out last, still in hand, and the one just read.
    assert most <= 8 * 20 + 2
    assert Sample.alive <= 1


# --- shares -----------------------------------------------------------------------------------

FEASIBLE = {
    "uniform, few repeats": (Uniform(), 4, 8, 100),
    "uniform, many repeats": (Uniform(), 20, 2, 100),
    "uniform, small buffers": (Uniform(), 10, 10, 20),
    "square root": (Power(alpha=0.5), 3, 4, 100),
    "natural": (Natural(), 2, 2, 100),
    "fixed": (
        Fixed(shares={str(c): 0.25 if c in (0, 9) else 0.0625 for c in range(10)}),
        5,
        5,
        100,
    ),
}


@pytest.mark.parametrize(
    ("targets", "repeats", "reads", "buffer"), FEASIBLE.values(), ids=FEASIBLE.keys()
)
def test_shares_that_the_bounds_allow_are_reached_by_error_diffusion(
    targets, repeats, reads, buffer
):
    p = 30.0 ** (-np.arange(10) / 9)
    p /= p.sum()
    one, drawn = run(
        samples_of(p, 300_000),
        20_000,
        targets=targets,
        max_repeats=repeats,
        max_read_amplification=reads,
        buffer_per_class=buffer,
    )
    names = [str(c) for c in range(10)]
    counts = one.report().class_counts()
    wanted = target_shares(targets, [counts[name] for name in names], class_names=names)
    late = np.array([label for _, label in drawn[4000:]])
    # Natural shares are those learned by then, from half as many samples as counted here.
    tolerance = 0.005 if targets == Natural() else 0.003
    assert np.abs(np.bincount(late, minlength=10) / len(late) - wanted).max() < tolerance
    assert all(one.bound in ("none", "order") for one in one.report().classes())


def test_any_window_holds_the_classes_in_their_shares():
    p = 100.0 ** (-np.arange(20) / 19)
    drawn = run(samples_of(p / p.sum(), 400_000), 40_000, max_repeats=5, max_read_amplification=20)[
        1
    ]
    classes = np.array([label for _, label in drawn[5000:]])
    hits = np.cumsum(classes[:, None] == np.arange(20), axis=0)
    for window in (60, 500, 4000):
        counts = hits[window:] - hits[:-window]
        # Within a block 1 at either end; blocks carry their rounding on; a little is caught up.
        assert np.abs(counts - window / 20).max() <= 4
    # Chance would give a standard deviation of 14 at 4000.


@pytest.mark.parametrize(("repeats", "reads"), [(15, 7.4), (18, 9.5)], ids=["1.3", "2"])
def test_windows_hold_the_shares_where_the_bounds_are_above_the_need(repeats, reads):
    """Once 50 samples of the rarest class were used, until the stream ends; the need is 85."""
    samples = samples_of(np.array([300, 30, 10, 1]) / 341, 100_000)
    _, drawn = run(samples, max_repeats=repeats, max_read_amplification=reads)
    used = list(dict.fromkeys(sample for sample in drawn if sample[1] == 3))
    classes = np.array([label for _, label in drawn[drawn.index(used[50]) : -1000]])
    hits = np.cumsum(classes[:, None] == np.arange(4), axis=0)
    assert len(hits) > 10_000
    assert np.abs(hits[80:] - hits[:-80] - 20).max() <= 3


TIGHT = {"5 by 5": (5, 5), "1 by 3": (1, 3), "10 by 2": (10, 2), "1 by 1": (1, 1)}


@pytest.mark.parametrize(("repeats", "reads"), TIGHT.values(), ids=TIGHT.keys())
def test_tight_bounds_give_the_nearest_shares_that_they_allow(repeats, reads):
    one, drawn = run(
        samples_of(LONG_TAIL, 300_000), 60_000, max_repeats=repeats, max_read_amplification=reads
    )
    counts = one.report().class_counts()
    expected = reachable_shares(
        np.full(20, 0.05),
        np.array([counts[str(c)] for c in range(20)]) / one.n_read,
        max_repeats=repeats,
        max_read_amplification=reads,
    )
    # What is learned first costs a few hundred samples of the most common class.
    assert np.abs(shares_of(drawn, 20) - expected).max() < 0.004
    assert one.n_read / one.n_given == pytest.approx(reads, rel=0.02)
    for row in one.report().classes():
        if row.reachable_share < 0.9 * row.wanted_share:
            assert row.bound == "repeats and reads"
            assert row.reads_times_repeats > repeats * reads
        elif row.wanted_share < 0.95 * row.reachable_share:
            assert row.bound in ("none", "above its share")
            assert (row.bound == "none") == (0.9 * row.reached_share <= row.wanted_share)


def test_far_more_is_given_out_than_by_rejection():
    """At an imbalance of 1000 rejection accepts C·min(p) = 0.6 %."""
    one, drawn = run(
        samples_of(LONG_TAIL, 400_000), 20_000, max_repeats=10, max_read_amplification=20
    )
    accepted = 20 * LONG_TAIL.min()
    assert accepted == pytest.approx(0.0061, abs=1e-4)
    assert one.n_given / one.n_read > 8 * accepted
    assert np.abs(shares_of(drawn[4000:], 20) - 0.05).max() < 0.003


def test_no_more_is_read_than_the_shares_need():
    one, _ = run(
        samples_of(np.full(5, 0.2), 60_000), 20_000, max_repeats=10, max_read_amplification=50
    )
    assert one.n_read <= 1000 + one.n_given
    tallies = one.report().tallies.values()
    assert max(tally.n_given / tally.n_used for tally in tallies) < 1.05


def test_natural_targets_give_out_nearly_every_sample_once():
    _, drawn = run(
        samples_of(LONG_TAIL, 50_000), targets=Natural(), max_repeats=9, max_read_amplification=9
    )
    uses = Counter(drawn)
    assert len(uses) > 0.97 * 50_000
    assert uses.total() / len(uses) < 1.02
    assert sum(n == 1 for n in uses.values()) > 0.97 * len(uses)


def test_uses_of_a_class_are_even_and_lie_apart():
    p = np.array([0.95, 0.05])
    _, drawn = run(samples_of(p, 60_000), max_repeats=20, max_read_amplification=1)
    rare = [sample for sample in drawn[5000:-5000] if sample[1] == 1]
    uses = Counter(rare)
    # q/p = 10: all at 10, but for the first and the last.
    middle = list(uses.values())[200:-200]
    assert np.std(middle) < 1.5  # Poisson copies would give 3.2
    last, gaps = {}, []
    for place, sample in enumerate(rare):
        if sample in last:
            gaps.append(place - last[sample])
        last[sample] = place
    assert np.quantile(gaps, 0.05) >= 5


def test_changing_frequencies_are_followed():
    p = np.array([0.9, 0.09, 0.01])
    samples = samples_of(p, 100_000)
    samples += [(100_000 + n, label) for n, label in samples_of(p[::-1], 100_000, seed=1)]
    _, drawn = run(samples, max_repeats=10, max_read_amplification=10, half_life=2000)
    before = [sample for sample in drawn[2000:] if sample[0] < 95_000]
    after = drawn[-20_000:-3000]
    for part in (before[:20_000], after):
        assert np.abs(shares_of(part, 3) - 1 / 3).max() < 0.002


def test_classes_that_come_late_are_welcome():
    samples = samples_of([0.5, 0.5], 20_000) + samples_of([0.4, 0.4, 0.2], 40_000, seed=1)
    _, drawn = run(samples, max_repeats=10, max_read_amplification=10)
    first = next(place for place, (_, label) in enumerate(drawn) if label == 2)
    assert np.abs(shares_of(drawn[first + 1000 : -1000], 3) - 1 / 3).max() < 0.01


def test_a_stream_sorted_by_class_is_read_to_its_end_and_told_of():
    labels = np.sort(np.random.default_rng(0).choice(5, 50_000))
    one, drawn = run(list(enumerate(labels.tolist())), max_repeats=3, max_read_amplification=4)
    assert one.report().n_read == 50_000
    assert len(drawn) >= (50_000 - 1000) / 4
    report = one.report()
    assert not report.is_as_wanted()
    short = [row for row in report.classes() if row.bound != "none"]
    assert {row.bound for row in short} <= {"buffer", "order"}
    assert "short of their share" in report.summary()


def test_known_counts_spare_the_learning():
    samples = samples_of(LONG_TAIL, 100_000)
    counts = {c: float(share) for c, share in enumerate(LONG_TAIL)}
    known, drawn = run(
        samples, 3000, max_repeats=10, max_read_amplification=20, class_counts=counts
    )
    learned, _ = run(samples, 3000, max_repeats=10, max_read_amplification=20)
    assert known.report().n_read > learned.report().n_read  # it reads on for the rare at once
    assert known.report().tallies["19"].n_known == pytest.approx(LONG_TAIL[19])
    assert len(drawn) == 3000


def test_effective_numbers_are_those_of_the_samples_read():
    p = np.array([0.9, 0.1])
    targets = EffectiveNumber(beta=0.9999)
    one, _ = run(samples_of(p, 40_000), targets=targets, max_repeats=9, max_read_amplification=9)
    rows = list(one.report().classes())
    counts = [one.report().class_counts()[row.name] for row in rows]
    wanted = target_shares(targets, counts)
    assert [row.wanted_share for row in rows] == pytest.approx(wanted)


def test_a_schedule_moves_with_the_epoch():
    samples = samples_of([0.9, 0.1], 20_000)
    targets = Schedule(start=Natural(), end=Uniform(), epochs=10)
    shares = [
        shares_of(
            run(samples, epoch=epoch, targets=targets, max_repeats=9, max_read_amplification=9)[1],
            2,
        )[1]
        for epoch in (0, 5, 10)
    ]
    assert shares == pytest.approx([0.1, 0.3, 0.5], abs=0.02)


def test_a_class_whose_share_is_0_is_never_given_out_and_costs_no_reads():
    targets = Fixed(shares={"1": 0.5, "2": 0.5, "0": 0.0})
    one, drawn = run(
        samples_of([0.98, 0.01, 0.01], 50_000),
        targets=targets,
        max_repeats=1,
        max_read_amplification=1,
    )
    assert {label for _, label in drawn} == {1, 2}
    assert len(drawn) > 900
    assert one.report().tallies["0"].n_dropped == one.report().tallies["0"].n_read > 40_000


# --- order ------------------------------------------------------------------------------------

BOUNDS = {"max_repeats": 5, "max_read_amplification": 5}


def test_the_order_is_a_function_of_seed_epoch_and_part():
    samples = samples_of(LONG_TAIL, 20_000)
    orders = [
        tuple(run(samples, 1000, seed=seed, epoch=epoch, part=part, **BOUNDS)[1])
        for seed, epoch, part in [(0, 0, 0), (0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)]
    ]
    assert orders[0] == orders[1]
    assert len(set(orders)) == 4


def test_two_passes_side_by_side_do_not_disturb_each_other():
    samples = samples_of(LONG_TAIL, 20_000)
    alone = run(samples, 500, **BOUNDS)[1]
    pair = [StreamPass(samples, label_of, StreamOptions(**BOUNDS)) for _ in range(2)]
    both = list(itertools.islice(zip(*pair, strict=False), 500))
    assert [one for one, _ in both] == alone == [other for _, other in both]


def test_buffers_mix_the_order_of_the_stream():
    _, drawn = run(
        samples_of(np.full(4, 0.25), 20_000),
        targets=Natural(),
        max_repeats=1,
        max_read_amplification=1,
    )
    numbers = np.array([number for number, _ in drawn])
    moved = np.abs(numbers - np.arange(len(numbers)))
    assert np.median(moved) > 50
    assert np.mean(np.diff(numbers) == 1) < 0.05


def test_a_stream_with_a_period_is_thinned_without_meeting_it():
    """Every other sample of the common class is of one kind: both kinds are given out."""
    samples = [(number, "rare" if number % 5 == 0 else "common") for number in range(50_000)]
    _, drawn = run(samples, max_repeats=1, max_read_amplification=3)
    kinds = Counter(number % 5 for number, label in drawn if label == "common")
    expected = kinds.total() / 4
    # Independent thinning would give a standard deviation of about 45.
    assert all(abs(kinds[kind] - expected) < 180 for kind in (1, 2, 3, 4))


# --- labels -----------------------------------------------------------------------------------

LABELS = {
    "text": ["cat", "dog"],
    "bytes": [b"cat", b"dog"],
    "numpy": [np.int64(0), np.int64(1)],
    "arrays": [np.array(0), np.array([1])],
    "tensors": [torch.tensor(0), torch.tensor(1)],
    "booleans": [False, True],
}


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS.keys())
def test_labels_of_any_kind_name_their_classes(labels):
    samples = [(number, labels[number % 10 == 0]) for number in range(500)]
    one, drawn = run(samples, **BOUNDS)
    names = {"text": {"cat", "dog"}, "bytes": {"cat", "dog"}, "booleans": {"False", "True"}}
    kind = next(name for name, value in LABELS.items() if value is labels)
    assert one.report().tallies.keys() == names.get(kind, {"0", "1"})
    assert len(drawn) > 50


def test_samples_without_a_label_are_dropped_counted_and_do_not_end_the_run():
    def label_fn(sample):
        number, label = sample
        if number % 7 == 0:
            raise KeyError("cls")
        return [None, -1, float("nan"), ["two", "labels"], label][number % 5]

    one, drawn = run(samples_of([0.5, 0.5], 7000), label_fn=label_fn, **BOUNDS)
    report = one.report()
    assert report.n_failed == 1000 + 1200
    assert report.n_unlabelled == 3 * 1200
    assert report.n_read == 1200
    assert report.first_failure == "it raised KeyError: 'cls'"
    assert "5,800 dropped without a label; label_fn failed on 2,200 of them" in report.summary()
    assert drawn


def test_a_label_function_that_always_fails_is_an_error():
    with pytest.raises(DataError, match=r"none for the first 100 samples: it raised TypeError"):
        run(itertools.repeat(3), **BOUNDS)
    with pytest.raises(DataError, match="it returned a label of type list, which cannot be a cla"):
        run(itertools.repeat((0, ["a"])), **BOUNDS)
    with pytest.raises(DataError, match="None or -1 for each of the first 10,000 samples"):
        run(itertools.repeat((0, None)), **BOUNDS)
    with pytest.raises(
        DataError, match=r"labelled samples, got none in 3\. label_fn: it raised TypeE"
    ):
        run([3, 4, 5], **BOUNDS)


@pytest.mark.parametrize("n", [1, 10, None], ids=["one", "ten", "endless"])
def test_a_stream_of_classes_without_a_share_is_an_error(n):
    stream = itertools.islice(itertools.cycle([(0, "a"), (1, "b")]), n)
    with pytest.raises(DataError, match=r"none of the first .* samples has a class with a share"):
        run(stream, targets=Fixed(shares={"c": 1.0}), **BOUNDS)


def test_a_stream_without_samples_gives_out_none():
    one, drawn = run([], **BOUNDS)
    assert drawn == []
    assert one.report().classes() == ()
    assert one.report().summary() == "0 given out of 0 read, 0 classes"


def test_an_error_of_the_stream_itself_is_not_swallowed():
    def broken():
        yield from samples_of([0.5, 0.5], 50)
        raise OSError("truncated tar")

    with pytest.raises(OSError, match="truncated tar"):
        run(broken(), **BOUNDS)


def test_many_classes_share_the_places_there_are():
    labels = np.random.default_rng(0).integers(0, 3000, 30_000).tolist()
    one = StreamPass(
        enumerate(labels), label_of, StreamOptions(**BOUNDS, buffer_total=500, warm_up=5000)
    )
    for _ in itertools.islice(one, 3000):
        assert one.n_held <= 500


# --- reports ------------------------------------------------------------------------------------


def test_reports_of_parts_merge_and_survive_a_file():
    whole = samples_of(LONG_TAIL, 40_000)
    parts = [run(whole[part::2], part=part, **BOUNDS)[0].report() for part in range(2)]
    merged = parts[0] + parts[1]
    assert merged.n_read == 40_000
    assert merged.n_given == parts[0].n_given + parts[1].n_given
    assert merged == parts[1] + parts[0]
    assert msgspec.json.decode(msgspec.json.encode(merged), type=StreamReport) == merged
    expected = reachable_shares(
        np.full(20, 0.05), LONG_TAIL, max_repeats=5, max_read_amplification=5
    )
    reached = {row.name: row.reached_share for row in merged.classes()}
    assert max(abs(reached[str(c)] - expected[c]) for c in range(20)) < 0.01
    other = run(whole, 10, max_repeats=6, max_read_amplification=5)[0].report()
    with pytest.raises(OptionError, match="max_repeats: expected reports of one stream"):
        merged + other


def test_a_named_class_that_never_comes_and_one_that_is_not_named_are_told():
    samples = [(number, "cat" if number % 5 else "dog") for number in range(3000)]
    one, drawn = run(samples, targets=Fixed(shares={"cat": 0.6, "dgo": 0.4}), **BOUNDS)
    assert {label for _, label in drawn} == {"cat"}
    report = one.report()
    rows = {row.name: (row.wanted_share, row.reached_share, row.bound) for row in report.classes()}
    assert rows == {
        "cat": (0.6, 1.0, "above its share"),
        "dgo": (0.4, 0.0, "never seen"),
        "dog": (0.0, 0.0, "not named"),
    }
    assert not report.is_as_wanted()
    assert report.summary().endswith(
        "never seen, though a share is wanted: 'dgo' (Did you mean 'dog'?); "
        "dropped, as no share names them: 'dog' (Did you mean 'dgo'?)"
    )


def test_a_class_of_share_0_is_dropped_without_a_word():
    targets = Fixed(shares={"0": 1.0, "1": 0.0, "2": 0.0})
    report = run(samples_of([0.5, 0.5], 3000), targets=targets, **BOUNDS)[0].report()
    assert [(row.name, row.bound) for row in report.classes()] == [("0", "none"), ("1", "none")]
    assert report.is_as_wanted()


def test_bounds_below_the_need_are_named_before_the_order():
    """One of 60 that needs 30, all at the end, where the order is bad too."""
    samples = [(number, "rare" if number % 60 == 59 else "common") for number in range(6000)]
    samples = [one for one in samples if one[1] == "common"] + [
        one for one in samples if one[1] == "rare"
    ]
    one, _ = run(samples, max_repeats=5, max_read_amplification=5)
    rare = next(row for row in one.report().classes() if row.name == "rare")
    assert rare.reads_times_repeats == pytest.approx(30)
    assert rare.reached_share < 0.9 * rare.reachable_share
    assert rare.bound == "repeats and reads"


@pytest.mark.parametrize("repeats", [20, 100])
def test_the_end_of_a_stream_is_given_out_in_the_shares_too(repeats):
    """The rarest may have far more uses held than the rest: they are let go of."""
    _, drawn = run(
        samples_of([0.9, 0.09, 0.01], 50_000), max_repeats=repeats, max_read_amplification=10
    )
    for first in range(2000, len(drawn) - 300, 100):
        assert np.abs(shares_of(drawn[first : first + 300], 3) - 1 / 3).max() < 0.1
    assert np.abs(shares_of(drawn[-300:], 3) - 1 / 3).max() < 0.1


def test_a_bunched_class_names_the_buffer_as_its_bound():
    bunch = [(number, "rare" if number % 4000 < 400 else "common") for number in range(40_000)]
    one, _ = run(bunch, max_repeats=5, max_read_amplification=5, buffer_per_class=10)
    rare = next(row for row in one.report().classes() if row.name == "rare")
    assert rare.bound == "buffer"
    # What is short in all is said so; that it lacked some at times goes without saying.
    assert "where 50% is wanted (held by buffer; needs" in one.report().summary()
    assert rare.reached_share < 0.45


# --- the shares that can be reached -----------------------------------------------------------


@given(
    st.lists(st.tuples(st.floats(0.01, 1), st.floats(1e-4, 1)), min_size=2, max_size=8),
    st.integers(1, 20),
    st.floats(1, 50),
)
def test_reachable_shares_are_the_nearest_below_their_caps(pairs, repeats, reads):
    wanted, stream = (np.array(column) / np.sum(column) for column in zip(*pairs, strict=True))
    bounds = {"max_repeats": repeats, "max_read_amplification": reads}
    shares = reachable_shares(wanted, stream, **bounds)
    caps = reads * repeats * stream
    assert shares.sum() == pytest.approx(1)
    assert np.all(shares <= caps * (1 + 1e-9))
    free = shares < caps * (1 - 1e-9)
    levels = shares[free] / wanted[free]
    assert np.ptp(levels) < 1e-6 if len(levels) else True
    # Nearest: no share of another within the caps has less divergence from the wanted ones.
    rng = np.random.default_rng(0)
    for _ in range(20):
        other = np.minimum(rng.dirichlet(np.ones(len(wanted))), caps)
        room = caps - other
        other = other + room * (1 - other.sum()) / max(room.sum(), 1e-12)
        if np.all(other > 0) and np.all(other <= caps + 1e-12):
            divergence = float((other * np.log(other / wanted)).sum())
            assert float((shares * np.log(shares / wanted)).sum()) <= divergence + 1e-9


def test_bounds_that_allow_the_wanted_shares_change_nothing():
    wanted = np.array([0.5, 0.3, 0.2])
    shares = reachable_shares(wanted, [0.9, 0.05, 0.05], max_repeats=10, max_read_amplification=2)
    assert shares == pytest.approx(wanted)


WRONG_SHARES = {
    "shape": (([0.5, 0.5], [1.0]), {}, "expected one shape"),
    "negative": (([1.5, -0.5], [0.5, 0.5]), {}, "shares ≥ 0"),
    "not a number": (([np.nan, 1], [0.5, 0.5]), {}, "shares ≥ 0"),
    "no class wanted": (([0.0, 1.0], [1.0, 0.0]), {}, "a wanted class that occurs"),
    "no repeats": (([1.0], [1.0]), {"max_repeats": 0}, "max_repeats: expected a number ≥ 1, got 0"),
}


@pytest.mark.parametrize(
    ("shares", "bounds", "message"), WRONG_SHARES.values(), ids=WRONG_SHARES.keys()
)
def test_shares_that_cannot_be_are_refused(shares, bounds, message):
    with pytest.raises(OptionError, match=message):
        reachable_shares(*shares, **{"max_repeats": 1, "max_read_amplification": 1} | bounds)


WRONG_OPTIONS = {
    "repeats": ({"max_repeats": 0}, "max_repeats: expected a whole number ≥ 1, got 0"),
    "half a repeat": ({"max_repeats": 1.5}, "max_repeats: expected a whole number ≥ 1, got 1.5"),
    "reads": ({"max_read_amplification": 0.5}, "max_read_amplification: expected a finite number"),
    "endless reads": ({"max_read_amplification": float("inf")}, "finite number ≥ 1, got inf"),
    "buffer": ({"buffer_per_class": True}, "buffer_per_class: expected a whole number"),
    "end": ({"at_end": "loop"}, "at_end: expected 'drain' or 'stop', got 'loop'"),
    "seed": ({"seed": -1}, "seed: expected an integer from 0"),
    "targets": ({"targets": "uniform"}, r"targets: expected targets of balancekit\.plan"),
    "capped": ({"targets": Capped(of=Uniform(), max_repeats=2)}, "which a stream does not know"),
    "capped later": (
        {"targets": Schedule(start=Natural(), end=Capped(of=Uniform(), max_repeats=2), epochs=2)},
        "which a stream does not know",
    ),
    "no names": ({"targets": Fixed(shares=(0.5, 0.5))}, "expected Fixed shares by class name"),
    "counts": ({"class_counts": {"a": -1}}, r"class_counts: expected finite numbers ≥ 0, got .*-1"),
    "no counts": ({"class_counts": {"a": 0}}, "expected a count above 0"),
    "two counts": ({"class_counts": {0: 5, "0": 7}}, "expected one count a class, got 2 for '0'"),
    "list of counts": ({"class_counts": [3]}, "expected a dict from class to count"),
}


@pytest.mark.parametrize(("given", "message"), WRONG_OPTIONS.values(), ids=WRONG_OPTIONS.keys())
def test_options_that_cannot_be_are_refused(given, message):
    with pytest.raises(OptionError, match=message):
        StreamOptions(**BOUNDS | given)


def test_all_wrong_options_are_told_at_once():
    with pytest.raises(OptionError, match=r"(?s)max_repeats.*warm_up.*seed"):
        StreamOptions(max_repeats=0, max_read_amplification=1, warm_up=0, seed=-1)
