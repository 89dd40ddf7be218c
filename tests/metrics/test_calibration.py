"""Calibration: worked examples, scikit-learn, and laws."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn import metrics as reference

from balancekit.errors import OptionError
from balancekit.metrics import (
    brier,
    classwise_calibration_error,
    expected_calibration_error,
    negative_log_likelihood,
)


def softmax(logits):
    shifted = np.exp(logits - logits.max(1, keepdims=True))
    return shifted / shifted.sum(1, keepdims=True)


SAMPLES = st.integers(1, 40).flatmap(
    lambda n: st.tuples(
        arrays(np.float64, (n, 3), elements=st.floats(-5, 5)).map(softmax),
        arrays(np.int64, n, elements=st.integers(0, 2)),
    )
)


def by_definition(probabilities, targets, n_bins):
    """Bin by bin, as the paper writes it."""
    confidence, taken = probabilities.max(1), probabilities.argmax(1)
    error = 0.0
    for low in np.arange(n_bins) / n_bins:
        inside = (confidence > low) & (confidence <= low + 1 / n_bins)
        if inside.any():
            gap = abs((taken == targets)[inside].mean() - confidence[inside].mean())
            error += inside.mean() * gap
    return error


@given(SAMPLES)
def test_the_calibration_error_is_as_the_paper_has_it(samples):
    # Sixteen bins, whose ends are exact in binary.
    expected = by_definition(*samples, 16)
    assert expected_calibration_error(*samples, n_bins=16) == pytest.approx(expected)


@given(SAMPLES, st.sampled_from(["width", "mass"]))
def test_one_bin_compares_the_means(samples, bins_by):
    probabilities, targets = samples
    right = probabilities.argmax(1) == targets
    expected = abs(probabilities.max(1).mean() - right.mean())
    error = expected_calibration_error(probabilities, targets, n_bins=1, bins_by=bins_by)
    assert error == pytest.approx(expected)


def test_bins_of_equal_mass_hold_as_many_samples_each():
    confidence = np.array([0.6, 0.7, 0.8, 0.9])
    probabilities = np.stack([confidence, 1 - confidence], 1)
    error = expected_calibration_error(probabilities, [0, 1, 0, 0], n_bins=2, bins_by="mass")
    # The lower two: .65 for half right; the upper two: .85 for both.
    assert error == pytest.approx((abs(0.65 - 0.5) + abs(0.85 - 1)) / 2)


@pytest.mark.parametrize(
    ("measure", "worst"),
    # The third class is given no probability, and rightly so.
    [(expected_calibration_error, 1), (classwise_calibration_error, 2 / 3)],
    ids=["top label", "classwise"],
)
def test_what_is_sure_and_right_has_no_gap_and_what_is_wrong_all_of_it(measure, worst):
    sure = np.eye(3)[[0, 1, 2, 0]]
    assert measure(sure, [0, 1, 2, 0]) == 0
    assert measure(sure[:2], [1, 0]) == pytest.approx(worst)


def test_shares_of_the_classes_are_calibrated_although_they_tell_nothing():
    targets = [0] * 90 + [1] * 10
    shares = np.tile([0.9, 0.1], (100, 1))
    assert expected_calibration_error(shares, targets) == pytest.approx(0)
    assert classwise_calibration_error(shares, targets) == pytest.approx(0)
    assert brier(shares, targets) == pytest.approx(0.18)


def test_the_classwise_error_sees_a_rare_class():
    targets = [0] * 98 + [1] * 2
    never = np.tile([0.9, 0.1], (100, 1))
    assert classwise_calibration_error(never, targets) == pytest.approx(0.08)


def test_several_labels_have_a_classwise_error():
    probabilities = [[0.8, 0.8], [0.8, 0.8]]
    error = classwise_calibration_error(probabilities, [[1, 0], [1, 0]])
    assert error == pytest.approx((0.2 + 0.8) / 2)


@given(SAMPLES)
def test_log_likelihood_equals_scikit_learn(samples):
    probabilities, targets = samples
    expected = reference.log_loss(targets, probabilities, labels=[0, 1, 2])
    assert negative_log_likelihood(probabilities, targets) == pytest.approx(expected)


@given(SAMPLES)
def test_the_brier_score_is_the_sum_of_those_of_each_class(samples):
    probabilities, targets = samples
    by_class = [
        reference.brier_score_loss(targets == c, probabilities[:, c], pos_label=True)
        for c in range(3)
    ]
    assert brier(probabilities, targets) == pytest.approx(sum(by_class))


def test_a_probability_of_zero_does_not_hide_all_other_samples():
    assert negative_log_likelihood([[0.0, 1.0], [0.0, 1.0]], [0, 1]) == pytest.approx(87.336545 / 2)


@pytest.mark.parametrize(
    ("probabilities", "targets", "message"),
    [
        ([[2.0, -1.0]], [0], r"numbers in \[0, 1\], got -1 to 2. Of logits, take softmax"),
        ([[0.2, 0.2]], [0], "rows that sum to 1, got 0.4 at index 0"),
        ([[np.nan, 0.2]], [0], "The model has diverged"),
        ([[0.2, 0.8]], [[0, 1]], "classwise_calibration_error"),
        ([[0.2, 0.8]], [0, 1], r"class indices \[1\]"),
    ],
    ids=["logits", "not normalised", "NaN", "several labels", "lengths"],
)
def test_what_is_no_probability_is_refused(probabilities, targets, message):
    for measure in (expected_calibration_error, brier, negative_log_likelihood):
        with pytest.raises(OptionError, match=message):
            measure(probabilities, targets)


def test_bins_are_checked():
    for options, message in (({"n_bins": 0}, "≥ 1, got 0"), ({"bins_by": "size"}, "got 'size'")):
        with pytest.raises(OptionError, match=message):
            expected_calibration_error([[0.2, 0.8]], [0], **options)
