"""Samples of the same content are found, and nearly the same ones, without comparing all."""

import base64
import itertools

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from balancekit.analysis import stats_from_counts
from balancekit.analysis.near_contents import alike, near_groups, near_pairs
from balancekit.stats import Counts, Sighting

PRINT = 0x0F0F_3355_1234_5678
CELLS = np.random.default_rng(7).integers(0, 16, 144).astype(np.uint8)


def print_name(number, cells=CELLS):
    """The name of a picture's print: of its hash, and of the levels of its cells."""
    return f"near:{number:016x}:{base64.b64encode(cells[::2] << 4 | cells[1::2]).decode()}"


def grouped(prints, cells=None):
    """Groups among prints of a sample each, by default all of the same cells."""
    same = np.tile(CELLS, (len(prints), 1))
    return near_groups(prints, same if cells is None else cells, np.ones(len(prints), np.int64))


def counts_of(split, *seen):
    """Counts of samples given as (sample, class, content, print)."""
    sightings, classes = {}, {}
    for sample, name, content, number in seen:
        sighting = Sighting(split, name, sample)
        keys = [f"exact:{content}"] + ([] if number is None else [print_name(number)])
        for key in keys:
            sightings[key] = tuple(sorted((*sightings.get(key, ()), sighting)))
        for part in name.split(", "):
            classes[part] = classes.get(part, 0) + 1
    return Counts(samples_per_class=classes, n_samples=len(seen), sightings=sightings)


def stats_of(train, **others):
    return stats_from_counts(
        counts_of("train", *train),
        "a test",
        tuple(sorted(counts_of("train", *train).samples_per_class)),
        split="train",
        other_splits={name: counts_of(name, *seen) for name, seen in others.items()},
    )


def issue_of(stats, code):
    return next((issue for issue in stats.issues if issue.code == code), None)


# --- the same content ---------------------------------------------------------------------------


def test_repeats_are_counted_by_class_and_the_first_is_none():
    stats = stats_of(
        [("1", "a", "x", None), ("2", "a", "x", None), ("3", "a", "x", None), ("4", "b", "y", None)]
    )
    found = stats.duplicates
    assert (found.n_compared, found.n_exact, found.n_near, found.n_conflicts) == (4, 2, 0, 0)
    assert found.share_per_class == (pytest.approx(2 / 3), 0)
    (group,) = found.groups
    assert (group.near, group.n_samples) == (False, 3)
    issue = issue_of(stats, "BK405")
    assert (issue.severity, issue.count, issue.examples) == ("warning", 2, ("a (2 of 3)",))
    assert issue_of(stats, "BK406") is None


def test_one_content_of_two_classes_is_a_conflict_and_no_repeat():
    stats = stats_of([("1.jpg", "cat", "x", None), ("2.jpg", "dog", "x", None)])
    issue = issue_of(stats, "BK406")
    assert (issue.severity, issue.count) == ("error", 1)
    assert issue.examples == ("1.jpg (cat, in train) = 2.jpg (dog, in train)",)
    assert (stats.duplicates.n_conflicts, stats.duplicates.n_exact) == (1, 1)
    assert issue_of(stats, "BK405") is None


def test_a_sample_without_a_class_contradicts_none():
    stats = stats_of([("1.jpg", "cat", "x", None), ("2.jpg", "", "x", None)])
    assert stats.duplicates.n_conflicts == 0


def test_content_of_another_split_leaks():
    stats = stats_of(
        [("1", "a", "x", None), ("2", "b", "y", None)],
        val=[("7", "a", "x", None), ("8", "a", "x", None), ("9", "b", "z", None)],
        test=[("5", "b", "y", None), ("6", "b", "w", None), ("4", "b", "w", None)],
    )
    leaks = {split.name: split.n_leaks for split in stats.splits}
    assert leaks == {"val": 2, "test": 1}
    issue = issue_of(stats, "BK404")
    assert (issue.severity, issue.count) == ("error", 3)
    assert issue.examples == ("5 (test) = 2 (train)", "7 (val) = 1 (train)", "8 (val) = 1 (train)")
    assert stats.duplicates.n_exact == 0  # within the measured split there is none
    assert {group.n_samples for group in stats.duplicates.groups} == {3, 2}


def test_a_picture_of_several_classes_repeats_each_of_them():
    stats = stats_of([("1", "a, b", "x", None), ("2", "a, b", "x", None), ("3", "b", "y", None)])
    assert stats.class_names == ("a", "b")
    assert stats.duplicates.share_per_class == (pytest.approx(1 / 2), pytest.approx(1 / 3))
    assert issue_of(stats, "BK405").count == 1


def test_a_class_whose_name_has_a_comma_is_one():
    stats = stats_from_counts(
        Counts(
            samples_per_class={"a, b": 2, "a": 0, "b": 0},
            n_samples=2,
            sightings={"exact:x": (Sighting("", "a, b", "1"), Sighting("", "a, b", "2"))},
        ),
        "a test",
        ("a", "a, b", "b"),
    )
    assert stats.duplicates.share_per_class == (0, 0.5, 0)


def test_contents_that_were_not_looked_at_have_no_measures():
    stats = stats_from_counts(
        Counts(samples_per_class={"a": 1}),
        "x",
        ("a",),
        other_splits={"val": Counts(samples_per_class={"a": 1})},
    )
    assert stats.duplicates is None
    assert (stats.splits[0].n_leaks, stats.splits[0].n_near_leaks) == (None, None)


def test_contents_of_rows_have_no_likeness():
    stats = stats_of([("1", "a", "x", None)], val=[("2", "a", "y", None)])
    assert (stats.splits[0].n_leaks, stats.splits[0].n_near_leaks) == (0, None)


def test_the_groups_to_look_at_come_first():
    rows = [(f"{i}", "a", f"many{i % 2}", None) for i in range(60)]
    rows += [("conflict1", "a", "c", None), ("conflict2", "b", "c", None), ("leak", "a", "l", None)]
    stats = stats_of(rows, val=[("l2", "a", "l", None)])
    first, second, third, *_ = stats.duplicates.groups
    assert {s.sample for s in first.sightings} == {"conflict1", "conflict2"}
    assert {s.split for s in second.sightings} == {"train", "val"}
    assert (third.n_samples, len(third.sightings)) == (30, 12)


def test_of_many_samples_those_of_all_splits_and_classes_are_shown():
    rows = [(f"{i:02}", "a", "x", None) for i in range(30)] + [("99", "b", "x", None)]
    (group,) = stats_of(rows, val=[("98", "a", "x", None)]).duplicates.groups
    assert {(s.split, s.class_name) for s in group.sightings} == {
        ("train", "a"),
        ("train", "b"),
        ("val", "a"),
    }


# --- nearly the same ----------------------------------------------------------------------------


@given(
    numbers=st.sets(st.integers(0, 2**64 - 1), max_size=30),
    flips=st.lists(st.tuples(st.integers(0, 29), st.sets(st.integers(0, 63), max_size=8))),
)
def test_near_pairs_are_those_of_comparing_all(numbers, flips):
    listed = sorted(numbers)
    for place, bits in flips:
        if place < len(listed):
            numbers = numbers | {listed[place] ^ sum(1 << bit for bit in bits)}
    given_numbers = sorted(numbers)
    expected = {
        (i, j)
        for (i, one), (j, other) in itertools.combinations(enumerate(given_numbers), 2)
        if (one ^ other).bit_count() <= 6
        and all(6 < number.bit_count() < 58 for number in (one, other))
    }
    found = near_pairs(np.array(given_numbers, np.uint64))
    assert {tuple(pair) for pair in found.tolist()} == expected


def test_pictures_within_six_bits_are_near_and_flat_ones_never():
    stats = stats_of(
        [
            ("1", "a", "x", PRINT),
            ("2", "a", "y", PRINT ^ 0b11_1111),
            ("3", "b", "z", PRINT ^ 0b111_1111 << 20),
            ("4", "a", "u", 0),
            ("5", "a", "v", 0b111),
            ("6", "a", "w", 2**64 - 1),
            ("7", "a", "t", 2**64 - 2),
        ]
    )
    assert (stats.duplicates.n_near, stats.duplicates.n_exact) == (1, 0)
    (group,) = stats.duplicates.groups
    assert group.near
    assert [s.sample for s in group.sightings] == ["1", "2"]


def test_the_same_print_of_other_bytes_is_near_and_of_the_same_bytes_exact():
    stats = stats_of(
        [("1", "a", "x", PRINT), ("2", "a", "x", PRINT), ("3", "a", "y", PRINT)],
    )
    assert (stats.duplicates.n_exact, stats.duplicates.n_near) == (1, 1)
    assert [group.near for group in stats.duplicates.groups] == [False, True]
    same = stats_of([("1", "a", "x", PRINT), ("2", "a", "x", PRINT)])
    assert (same.duplicates.n_exact, same.duplicates.n_near) == (1, 0)


def test_a_chain_of_small_steps_is_no_group():
    chain = [PRINT]
    for step in range(6):
        chain.append(chain[-1] ^ 0b11_1111 << 6 * step)
    assert max(map(len, grouped(np.array(sorted(chain), np.uint64)))) == 3  # one, and both beside


def test_pictures_of_one_light_are_near_only_where_their_cells_are():
    # All hashes within some bits of one, as those of pictures of one rig and one light are.
    rng = np.random.default_rng(0)
    flips = np.packbits(rng.random((300, 64)) < 0.02, axis=1).view(np.uint64)[:, 0]
    prints = np.unique(np.uint64(PRINT) ^ flips)
    assert len(near_pairs(prints)) > 10_000
    unlike = rng.integers(0, 16, (len(prints), 144)).astype(np.uint8)
    unlike[40] = unlike[60]  # but for the picture that was taken twice
    assert grouped(prints, unlike) == [[40, 60]]


LIT = {
    "brighter, and of less contrast": (lambda x: 0.8 * x + 1.5, True),
    "with another detail": (lambda x: np.where(np.arange(144) < 12, 15 - x, x), False),
    "the negative": (lambda x: 15 - x, False),
    "flat": (lambda x: 0 * x + 7, False),
}


@pytest.mark.parametrize(("change", "expected"), LIT.values(), ids=LIT.keys())
def test_cells_are_alike_in_another_light_and_not_in_other_things(change, expected):
    cells = np.stack([CELLS, np.rint(change(CELLS.astype(float))).astype(np.uint8)])
    assert alike(cells, np.array([[0, 1]])).tolist() == [expected]


def test_the_same_hash_of_other_cells_is_no_likeness():
    other = np.random.default_rng(8).integers(0, 16, 144).astype(np.uint8)
    sightings = {
        print_name(PRINT): (Sighting("", "a", "1"),),
        print_name(PRINT, other): (Sighting("", "a", "2"),),
        print_name(PRINT ^ 1, other): (Sighting("", "a", "3"),),
    }
    counts = Counts(samples_per_class={"a": 3}, n_samples=3, sightings=sightings)
    (group,) = stats_from_counts(counts, "a test", ("a",)).duplicates.groups
    assert [s.sample for s in group.sightings] == ["2", "3"]


def test_frames_of_a_film_are_near_though_each_goes_over_into_the_next():
    frames = [PRINT]
    for step in range(40):
        frames.append(frames[-1] ^ 1 << step)
    assert sum(map(len, grouped(np.array(sorted(frames), np.uint64)))) > 30


def test_near_repeats_within_a_split_are_told_with_a_pair_of_each_group():
    stats = stats_of([("1", "a", "x", PRINT), ("2", "a", "y", PRINT ^ 1), ("3", "a", "z", 0)])
    issue = issue_of(stats, "BK410")
    assert (issue.severity, issue.count, issue.examples) == ("warning", 1, ("1 ≈ 2",))
    assert "keep each group in one split" in issue.what_to_do.lower()
    assert issue_of(stats, "BK411") is None
    assert stats.duplicates.n_near_conflicts == 0


def test_near_groups_under_different_classes_are_counted_apart_from_conflicts():
    stats = stats_of([("1", "a", "x", PRINT), ("2", "b", "y", PRINT ^ 1)])
    found = stats.duplicates
    assert (found.n_conflicts, found.n_near_conflicts) == (0, 1)
    issue = issue_of(stats, "BK411")
    assert (issue.severity, issue.count, issue.examples) == (
        "warning",
        1,
        ("1 (a, in train) ≈ 2 (b, in train)",),
    )
    assert issue_of(stats, "BK406") is None


def test_near_sets_of_labels_with_a_class_in_common_are_no_conflict():
    rows = [("1", "a", "x", PRINT), ("2", "a, b", "y", PRINT ^ 1), ("3", "b", "z", 0)]
    assert stats_of(rows).duplicates.n_near_conflicts == 0
    assert stats_of([*rows, ("4", "b", "w", PRINT ^ 2)]).duplicates.n_near_conflicts == 1


def test_near_leaks_are_told_apart_from_leaks():
    stats = stats_of(
        [("1", "a", "x", PRINT), ("2", "a", "y", ~PRINT & 2**64 - 1)],
        val=[("8", "a", "x", PRINT), ("9", "a", "z", PRINT ^ 1)],
    )
    (split,) = stats.splits
    assert (split.n_leaks, split.n_near_leaks) == (1, 1)
    issue = issue_of(stats, "BK409")
    assert (issue.severity, issue.count, issue.examples) == ("warning", 1, ("9 (val) ≈ 1 (train)",))
    assert stats.duplicates.n_near == 0  # within the measured split there is none


def test_many_pictures_are_not_compared_pair_by_pair():
    # 200,000 would be 2e10 pairs: minutes. The planted ones are all found.
    rng = np.random.default_rng(0)
    numbers = np.unique(rng.integers(0, 2**63, 200_000, dtype=np.uint64))
    planted = numbers[:50] ^ np.uint64(0b101)
    found = near_pairs(np.unique(np.concatenate([numbers, planted])))
    assert len(found) >= 50
