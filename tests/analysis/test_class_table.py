"""Columns of the class table equal published values, and are there for the tasks they fit."""

import numpy as np
import pytest

from balancekit import Labels, analyze
from balancekit.analysis import stats_from_counts
from balancekit.analysis.class_table import (
    effective_numbers,
    label_imbalance_ratios,
    median_frequency_weights,
    recall_half_widths,
    repeat_factors,
)
from balancekit.stats import Counts

# Half widths of the 95 % interval at a recall of .8, from the project's facts, to two digits.
HALF_WIDTHS = {7: 0.26, 10: 0.225, 50: 0.11, 100: 0.08, 400: 0.04}


@pytest.mark.parametrize(("n", "half"), HALF_WIDTHS.items(), ids=map(str, HALF_WIDTHS))
def test_a_recall_is_known_to_its_interval(n, half):
    assert recall_half_widths([n])[0] == pytest.approx(half, abs=0.005)  # half of the last digit


def test_a_recall_on_nothing_is_not_known_at_all():
    assert recall_half_widths([0]).tolist() == [0.5]


def test_effective_numbers_equal_the_formula_and_keep_their_digits():
    counts = np.array([60, 30, 9, 1])
    beta = 1 - 1 / counts.sum()
    assert effective_numbers(counts) == pytest.approx((1 - beta**counts) / (1 - beta))
    # β^n loses all digits here; n·(1 - (n - 1)/2N) is the series of the formula for n << N.
    large = effective_numbers([2, 10**12])
    assert large[0] == pytest.approx(2, rel=1e-9)
    assert large[1] == pytest.approx(10**12 * (1 - np.exp(-1)), rel=1e-9)


EDGES = {"nothing": ([], []), "no sample": ([0, 0], [0, 0]), "one sample": ([1, 0], [1, 0])}


@pytest.mark.parametrize(("counts", "expected"), EDGES.values(), ids=EDGES.keys())
def test_effective_numbers_of_next_to_nothing(counts, expected):
    assert effective_numbers(counts).tolist() == expected


def test_repeat_factors_are_those_of_lvis():
    # Share 1e-3 is drawn once, a quarter of it twice, one in 1e5 ten times.
    factors = repeat_factors([100_000, 100, 25, 1, 0], 100_000)
    assert factors[:4] == pytest.approx([1, 1, 2, 10])
    assert np.isnan(factors[4])


def test_median_frequency_weights_are_those_of_eigen_and_fergus():
    # Frequencies .5, .25, .1: the median is .25.
    weights = median_frequency_weights([500, 50, 10, 0], [1000, 200, 100, 0])
    assert weights[:3] == pytest.approx([0.5, 1, 2.5])
    assert np.isnan(weights[3])


def test_the_ratio_of_a_label_is_that_to_the_largest():
    assert label_imbalance_ratios([264, 148, 0])[:2] == pytest.approx([1, 1.783784])
    assert np.isnan(label_imbalance_ratios([264, 148, 0])[2])


@pytest.fixture
def masks():
    """Two masks: a of 60 and b of 40 pixels; a alone, of 100; c is declared."""
    return Labels(
        class_ids=[0, 1, 0],
        class_names=("a", "b", "c"),
        offsets=[0, 2, 3],
        sizes=[60, 40, 100],
        task="segmentation",
    )


def test_masks_count_pictures_segments_and_pixels(masks):
    stats = analyze(masks)
    table = stats.per_class
    assert stats.class_counts == table.pixels == (160, 40, 0)
    assert (table.samples, table.instances) == ((2, 1, 0), (2, 1, 0))
    # Frequencies 160/200 and 40/100, median .6.
    assert table.median_frequency_weight == pytest.approx((0.75, 1.5, None))
    assert table.shot == ("few", "few", "none")  # by pictures, not by pixels
    assert (stats.balance.n_many, stats.balance.n_few) == (0, 2)
    assert table.small is None


def test_pixels_beside_a_class_merge(masks):
    parts = [Counts.from_labels(masks.take([0])), Counts.from_labels(masks.take([1]))]
    whole = Counts.from_labels(masks)
    assert parts[0] + parts[1] == parts[1] + parts[0] == whole
    assert whole.pixels_where_present == {"a": 200, "b": 100, "c": 0}


def test_boxes_count_pictures_instances_and_sizes():
    labels = Labels(
        class_ids=[0, 0, 0, 1],
        class_names=("a", "b"),
        offsets=[0, 3, 3, 4],
        sizes=[32**2 - 1, 32**2, 96**2, np.nan],
        task="detection",
    )
    stats = analyze(labels)
    table = stats.per_class
    assert stats.class_counts == table.instances == (3, 1)
    assert table.samples == (1, 1)
    assert (table.small, table.medium, table.large) == ((1, 0), (1, 0), (1, 0))
    assert table.irlbl == (1, 1)  # by pictures
    assert table.repeat_factor == (1, 1)
    assert (table.pixels, table.median_frequency_weight) == (None, None)
    assert stats.multilabel.cardinality == pytest.approx(2 / 3)


def test_one_class_a_sample_has_none_of_the_columns_of_sets():
    table = analyze(["a", "b", "b"]).per_class
    assert table.samples == (1, 2)
    assert table.shot == ("few", "few")
    for column in ("instances", "pixels", "small", "repeat_factor", "irlbl", "held_out"):
        assert getattr(table, column) is None


HELD_OUT = {
    "validation before test": (("test", "val"), "train", (3,)),
    "test where there is no other": (("test", "extra"), "train", (2,)),
    "any case": (("Validation",), "train", (3,)),
    "not the measured split itself": (("train",), "val", None),
    "validation, where test is measured": (("train", "val"), "test", (3,)),
    "test, where validation is measured": (("train", "test"), "val", (2,)),
    "no name that is known": (("fold2",), "train", None),
}


def test_a_split_of_other_classes_is_not_held_out():
    counts = {
        "val": Counts(samples_per_class={"b": 4}, n_samples=4),
        "test": Counts(samples_per_class={"a": 2}, n_samples=2),
    }
    measured = Counts(samples_per_class={"a": 9}, n_samples=9)
    for names, held in ((("val", "test"), (2,)), (("val",), None)):
        others = {name: counts[name] for name in names}
        stats = stats_from_counts(measured, "x", ("a",), split="train", other_splits=others)
        assert stats.per_class.held_out == held


@pytest.mark.parametrize(("others", "split", "held"), HELD_OUT.values(), ids=HELD_OUT.keys())
def test_recall_is_held_against_the_split_that_validates(others, split, held):
    sizes = {"test": 2, "val": 3, "Validation": 3}
    counts = {
        name: Counts(samples_per_class={"a": sizes.get(name, 5)}, n_samples=sizes.get(name, 5))
        for name in others
    }
    measured = Counts(samples_per_class={"a": 9}, n_samples=9)
    stats = stats_from_counts(measured, "x", ("a",), split=split, other_splits=counts)
    assert stats.per_class.held_out == held
    assert (stats.per_class.recall_half_width is None) == (held is None)


def test_a_frame_has_every_column_that_is_known(masks):
    frame = analyze(masks).to_frame()
    assert frame["class_name"].tolist() == ["a", "b", "c"]
    assert frame["pixels"].tolist() == [160, 40, 0]
    assert frame["shot"].tolist() == ["few", "few", "none"]
    assert np.isnan(frame["median_frequency_weight"].iloc[2])
    assert "small" not in frame.columns
