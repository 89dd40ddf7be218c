"""How precisely a metric will be known is what repeated measurements show."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from balancekit.errors import OptionError
from balancekit.metrics import macro_f1
from balancekit.stats import expected_half_width

COUNTS = st.lists(st.integers(1, 2000), min_size=1, max_size=20)


@pytest.mark.parametrize(
    "counts", [[100] * 3, [10] * 3, [1000, 100, 10], [500, 20], [2000, 200, 40, 20, 10, 5]], ids=str
)
def test_balanced_accuracy_scatters_as_expected(counts):
    rng = np.random.default_rng(0)
    measured = np.mean([rng.binomial(n, 0.8, 4000) / n for n in counts], axis=0)
    half = (np.quantile(measured, 0.975) - np.quantile(measured, 0.025)) / 2
    # Recalls of a few samples take few values: that of 10 is known to 0.1.
    assert expected_half_width("balanced_accuracy", counts) == pytest.approx(half, rel=0.15)


@pytest.mark.parametrize(
    ("counts", "at_least"),
    [([100] * 3, 0.8), ([1000, 100, 10], 0)],
    ids=["equal classes", "unequal classes"],
)
def test_macro_f1_scatters_as_expected_or_less(counts, at_least):
    rng = np.random.default_rng(0)
    measured = []
    for _ in range(1000):
        hits = rng.binomial(counts, 0.8)
        lost = [rng.multinomial(n - h, [0.5, 0.5]) for n, h in zip(counts, hits, strict=True)]
        confusion = np.diag(hits)
        for c, others in enumerate(lost):
            confusion[c, [i for i in range(3) if i != c]] = others
        measured.append(macro_f1(confusion))
    half = (np.quantile(measured, 0.975) - np.quantile(measured, 0.025)) / 2
    # 1.1: the quantiles of 1000 repetitions are known to some percent.
    assert at_least < half / expected_half_width("macro_f1", counts) < 1.1


def test_accuracy_is_a_share_of_all_samples():
    together = expected_half_width("accuracy", [300, 90, 10])
    assert together == pytest.approx(expected_half_width("recall", [400]))
    assert together == pytest.approx(0.039, abs=5e-4)


@given(COUNTS)
def test_more_samples_make_it_narrower(counts):
    few = expected_half_width("balanced_accuracy", counts)
    many = expected_half_width("balanced_accuracy", [4 * n for n in counts])
    assert 0 < many < few < 0.5


@given(COUNTS)
def test_a_recall_of_one_half_is_the_least_sure(counts):
    widths = [expected_half_width("recall", counts, recall=r) for r in (0.5, 0.7, 0.9)]
    assert widths == sorted(widths, reverse=True)


def test_classes_without_samples_are_left_out():
    assert expected_half_width("macro_f1", [50, 0]) == expected_half_width("macro_f1", [50])
    assert np.isnan(expected_half_width("map", [0, 0]))


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (("calibration", [5]), {}, "whose precision follows from counts"),
        (("recall", [-1]), {}, "expected counts"),
        (("recall", 5), {}, "expected counts"),
        (("recall", [5]), {"recall": 1}, r"recall: expected a number in \(0, 1\)"),
        (("recall", [5]), {"confidence": 95}, r"confidence: expected a number in \(0, 1\)"),
    ],
    ids=["metric", "negative", "one number", "recall", "confidence"],
)
def test_what_counts_do_not_tell_is_refused(arguments, options, message):
    with pytest.raises(OptionError, match=message):
        expected_half_width(*arguments, **options)
