"""Precision-recall measures equal scikit-learn's and their definitions."""

import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as reference

from balancekit.errors import MissingLibraryError, OptionError
from balancekit.metrics import (
    auprc,
    average_precision_per_class,
    mean_average_precision,
    recall_at_precision,
)

# Few different scores, so that many are tied.
BINARY = st.integers(1, 30).flatmap(
    lambda n: st.tuples(
        st.lists(st.sampled_from([0.1, 0.2, 0.5, 0.9]), min_size=n, max_size=n),
        st.lists(st.integers(0, 1), min_size=n, max_size=n),
    )
)


def curve_point(scores, targets, threshold):
    taken = np.asarray(scores) >= threshold
    hits = np.count_nonzero(taken & (np.asarray(targets) == 1))
    return hits / max(1, np.count_nonzero(taken)), hits / max(1, np.sum(targets))


@given(BINARY, st.sampled_from([0.3, 0.5, 0.9, 1.0]))
def test_recall_at_precision_is_the_best_of_all_thresholds(given_, wanted):
    scores, targets = given_
    recall, threshold = recall_at_precision(scores, targets, wanted)
    if not any(targets):
        assert np.isnan(recall)
        return
    points = [curve_point(scores, targets, t) for t in set(scores)]
    reachable = [recall for precision, recall in points if precision >= wanted]
    assert recall == pytest.approx(max(reachable, default=0))
    if reachable:
        assert curve_point(scores, targets, threshold) >= (wanted, recall - 1e-12)
    else:
        assert threshold == np.inf


def test_of_equal_recall_the_most_precise_threshold_is_taken():
    assert recall_at_precision([0.9, 0.8, 0.5, 0.4], [1, 1, 0, 0], 0.4) == (1, 0.8)


@given(BINARY)
def test_average_precision_of_one_label_equals_scikit_learn(given_):
    scores, targets = np.array(given_[0])[:, None], np.array(given_[1])[:, None]
    area = mean_average_precision(scores, targets)
    if targets.any():
        assert area == pytest.approx(reference.average_precision_score(targets[:, 0], scores[:, 0]))
    else:
        assert np.isnan(area)


def test_each_class_is_ranked_against_the_rest_and_empty_ones_enter_no_mean():
    rng = np.random.default_rng(0)
    scores, targets = rng.random((200, 4)), rng.integers(0, 3, 200)
    areas = average_precision_per_class(scores, targets)
    assert np.isnan(areas[3])
    for c in range(3):
        expected = reference.average_precision_score(targets == c, scores[:, c])
        assert areas[c] == pytest.approx(expected)
        assert auprc(scores, targets, positive=c) == pytest.approx(expected)
    assert auprc(scores, targets) == pytest.approx(areas[:3].mean())
    several = np.eye(4, dtype=int)[targets]
    assert mean_average_precision(scores, several) == pytest.approx(areas[:3].mean())
    assert np.isnan(auprc(scores, np.full(200, 3), positive=0))


def test_one_sample_is_ranked_perfectly():
    assert average_precision_per_class([[0.3, 0.7]], [0])[0] == 1
    assert recall_at_precision([0.3], [1]) == (1, 0.3)


@pytest.mark.parametrize(
    ("scores", "targets", "message"),
    [
        ([[0.1, np.nan]], [0], "NaN or infinity in 1 of 1 samples, the first at index 0"),
        (np.zeros((0, 2)), [], "at least one sample"),
        ([0.1, 0.2], [0, 1], r"expected shape \[n, n_classes\]"),
        ([[0.1, 0.9]], [2], r"classes in \[0, 2\), got 2 to 2"),
        ([[0.1, 0.9]], [-1], "Leave out samples without a label"),
        ([[0.1, 0.9]], [0.5], r"got float64 \(1,\)"),
        ([[0.1, 0.9]], [[1, 2]], "expected labels 0 and 1"),
    ],
    ids=["NaN", "no sample", "one axis", "class too high", "missing", "share", "label 2"],
)
def test_what_cannot_be_ranked_is_refused(scores, targets, message):
    with pytest.raises(OptionError, match=message):
        average_precision_per_class(scores, targets)


def test_other_arguments_are_checked():
    with pytest.raises(OptionError, match=r"expected a class in \[0, 2\), got 2"):
        auprc([[0.1, 0.9]], [0], positive=2)
    with pytest.raises(OptionError, match="take auprc"):
        mean_average_precision([[0.1, 0.9]], [0])
    with pytest.raises(OptionError, match=r"a share in \(0, 1\], got 90"):
        recall_at_precision([0.1], [1], 90)
    with pytest.raises(OptionError, match=r"one shape \[n\]"):
        recall_at_precision([[0.1]], [[1]])


def test_without_scikit_learn_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(MissingLibraryError, match=r"pip install '\.\[train\]'"):
        auprc([[0.1, 0.9]], [0])
