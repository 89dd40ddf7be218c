"""Bins of a regression: few, of one width, with ends that print well, whole as their numbers."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import example, given

from balancekit import Labels, analyze
from balancekit.labels import Bins, sort_class_names
from balancekit.labels.bins import MOST_BINS_OF_FEW, WANTED_BINS

DISEASE = [25, *range(31, 340, 2), 346, 52, 200]
"""Numbers like those of a disease after a year: from 25 to 346, most of them different."""

WHOLE = {
    "ages": (range(18, 91), 73, "18", "90"),
    "a hundred numbers": (range(100), 100, "0", "99"),
    "a hundred and one": (range(101), 101, "0", "100"),
    "no more bins than they differ": (range(150), 75, "[0, 2)", "[148, 150)"),
    "many numbers": (DISEASE, 65, "[25, 30)", "[345, 350)"),
    "negative": (range(-250, 250), 100, "[-250, -245)", "[245, 250)"),
    "prices": (range(0, 1_000_000, 999), 100, "[0, 10000)", "[990000, 1000000)"),
    "few, far apart": ([0, 500, 1000], 101, "[0, 10)", "[1000, 1010)"),
    "few that go by tens": (range(10, 1000, 10), 99, "[10, 20)", "[990, 1000)"),
    "few with two that touch": ([6, 7, 300], 295, "6", "300"),
    "one": ([7, 7], 1, "7", "7"),
}


@pytest.mark.parametrize(("values", "n_bins", "first", "last"), WHOLE.values(), ids=WHOLE.keys())
def test_whole_numbers_share_bins_where_they_are_many(values, n_bins, first, last):
    labels = Labels.from_values(values)
    assert (labels.n_classes, labels.class_names[0], labels.class_names[-1]) == (
        n_bins,
        first,
        last,
    )


@given(values=st.lists(st.integers(-(10**6), 10**6), min_size=1, max_size=300))
@example(values=DISEASE)
@example(values=list(range(0, 1000, 10)))
def test_a_bin_of_whole_numbers_has_whole_ends_and_every_value_lies_in_its_own(values):
    bins, given_values = Bins.of(values), np.array(values)
    assert bins.width.is_integer()
    numbers = bins.start + bins.ids(values)
    assert (numbers * bins.width <= given_values).all()
    assert (given_values < (numbers + 1) * bins.width).all()
    assert len(set(bins.names)) == bins.n_bins
    assert sort_class_names(set(bins.names)) == bins.names
    n_different, span = len(set(values)), max(values) - min(values)
    if n_different <= WANTED_BINS and span < MOST_BINS_OF_FEW:
        assert len(set(bins.ids(values).tolist())) == n_different
    else:
        assert bins.n_bins <= WANTED_BINS + 2


@given(values=st.lists(st.floats(-1e300, 1e300), min_size=1, max_size=30))
def test_bins_are_about_a_hundred_and_in_order_by_name(values):
    labels = Labels.from_values(values)
    is_few = len(set(values)) <= WANTED_BINS and all(value == int(value) for value in values)
    assert labels.n_classes <= (MOST_BINS_OF_FEW if is_few else WANTED_BINS + 2)
    assert sort_class_names(set(labels.class_names)) == labels.class_names


TABLES = {
    "many": DISEASE,
    "few that go by tens": list(range(10, 1000, 10)),
    "few with two that touch": [6, 7, 300],
    "a hundred and one": list(range(101)),
    "with others": [*DISEASE, -5000],
}


@pytest.mark.parametrize("values", TABLES.values(), ids=TABLES.keys())
def test_a_table_that_is_counted_has_the_bins_of_its_values(values, tmp_path):
    for n_files in (1, 2):
        folder = tmp_path / str(n_files)
        folder.mkdir()
        for i in range(n_files):
            rows = "".join(f"x,{value}\n" for value in values[i::n_files])
            (folder / f"{i}.csv").write_text("colour,y\n" + rows)
        stats = analyze(folder if n_files > 1 else folder / "0.csv", task="regression", label="y")
        expected = analyze(Labels.from_values(values))
        assert stats.class_names == expected.class_names
        assert stats.fingerprint == expected.fingerprint


@pytest.mark.parametrize("name", ["7", "115"])
def test_folders_named_by_numbers_have_bins_as_targets(name, tmp_path):
    for number in (*range(7, 300, 2), name):
        folder = tmp_path / "ages" / str(number)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{len(list(folder.iterdir()))}.png").write_bytes(b"")
    stats = analyze(tmp_path / "ages", task="regression", verify="none")
    assert stats.class_names[:2] == ("[5, 10)", "[10, 15)")
    assert len(stats.class_names) == 59
