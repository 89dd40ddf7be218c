"""Each label is cut where the objective is best, among all places where it can be."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from balancekit.errors import OptionError
from balancekit.priors import F1, BalancedAccuracy, RecallAtPrecision, choose_thresholds

OBJECTIVES = {
    "F1": F1(),
    "balanced accuracy": BalancedAccuracy(),
    "recall at precision .7": RecallAtPrecision(0.7),
}
objectives = pytest.mark.parametrize("objective", OBJECTIVES.values(), ids=OBJECTIVES.keys())


def worth(scores, targets, threshold, objective):
    """The objective by its definition, by counting."""
    predicted = scores >= threshold
    hits = int((predicted & targets).sum())
    recall = hits / targets.sum()
    precision = hits / predicted.sum() if predicted.any() else 1.0
    match objective:
        case F1():
            return 2 * hits / (predicted.sum() + targets.sum())
        case BalancedAccuracy():
            return (recall + (~predicted & ~targets).sum() / (~targets).sum()) / 2
        case RecallAtPrecision(precision=least):
            return recall if precision >= least and predicted.any() else 0.0


@objectives
@given(data=st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=2, max_size=30))
def test_no_threshold_is_better_and_ties_are_never_cut(objective, data):
    scores = np.array([score / 6 for score, _ in data])
    targets = np.array([target for _, target in data])
    if targets.all() or not targets.any():
        return
    found = choose_thresholds(scores, targets, objective)
    (threshold,), (reached,) = found.thresholds, found.reached
    everywhere = [*np.unique(scores), np.inf]
    best = max(worth(scores, targets, t, objective) for t in everywhere)
    assert reached == pytest.approx(best, abs=1e-12)
    assert worth(scores, targets, threshold, objective) == pytest.approx(best, abs=1e-12)
    higher = [t for t in everywhere if t > threshold and np.isfinite(t)]
    assert all(worth(scores, targets, t, objective) < best for t in higher)  # the highest of equals


def test_f1_at_its_best_is_that_of_scikit_learn():
    from sklearn.metrics import precision_recall_curve

    rng = np.random.default_rng(0)
    targets = rng.random(500) < 0.1
    scores = np.round(rng.normal(targets * 1.0), 1)  # with ties
    precision, recall, _ = precision_recall_curve(targets, scores)
    best = (2 * precision * recall / np.maximum(precision + recall, 1e-12)).max()
    assert choose_thresholds(scores, targets).reached[0] == pytest.approx(best)


def test_youdens_j_is_the_largest_distance_of_the_roc_curve():
    from sklearn.metrics import roc_curve

    rng = np.random.default_rng(1)
    targets = rng.random(500) < 0.3
    scores = rng.normal(targets * 1.0)
    false, true, _ = roc_curve(targets, scores)
    reached = choose_thresholds(scores, targets, BalancedAccuracy()).reached[0]
    assert 2 * reached - 1 == pytest.approx((true - false).max())


def test_each_label_has_a_threshold_of_its_own():
    scores = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.3], [0.2, 0.4]])
    targets = np.array([[1, 0], [1, 1], [0, 1], [0, 1]])
    found = choose_thresholds(scores, targets)
    assert found.thresholds.tolist() == [0.8, 0.2]
    assert found.reached.tolist() == [1.0, 1.0]


def test_a_precision_that_is_just_reached_counts():
    # 7 of 10: 0.7 · 10 is above 7 in float64
    targets = [1] * 7 + [0] * 3 + [1]
    scores = [0.5] * 10 + [0.1]
    found = choose_thresholds(scores, targets, RecallAtPrecision(0.7))
    assert (found.thresholds[0], found.reached[0]) == (0.1, 1.0)  # 8 of 11
    found = choose_thresholds(scores[:10], targets[:10], RecallAtPrecision(0.7))
    assert (found.thresholds[0], found.reached[0]) == (0.5, 1.0)


ODD = {
    "without positives": ([0.1, 0.9], [0, 0], F1(), np.inf, np.nan),
    "without positives, balanced": ([0.1, 0.9], [0, 0], BalancedAccuracy(), np.inf, np.nan),
    "without negatives": ([0.1, 0.9], [1, 1], F1(), -np.inf, 1.0),
    "without negatives, balanced": ([0.1, 0.9], [1, 1], BalancedAccuracy(), -np.inf, np.nan),
    "one positive": ([0.3], [1], RecallAtPrecision(1.0), -np.inf, 1.0),
    "all scores alike": ([0.5, 0.5, 0.5], [1, 0, 0], F1(), 0.5, 0.5),
    "precision out of reach": ([0.1, 0.9], [1, 0], RecallAtPrecision(0.9), np.inf, 0.0),
    "the wrong way round": ([0.1, 0.9], [1, 0], BalancedAccuracy(), 0.1, 0.5),
    "infinite scores": ([np.inf, np.inf, -np.inf], [1, 1, 0], F1(), np.inf, 1.0),
    # 1 and 0 over ½ have 2/3 both, of which floats make two numbers if they are added up.
    "a tie that rounding hides": (
        [6, 3, 0, 6, 2, 7],
        [0, 0, 0, 1, 1, 1],
        BalancedAccuracy(),
        7,
        2 / 3,
    ),
    "True and False": ([0.1, 0.9], [False, True], F1(), 0.9, 1.0),
}


@pytest.mark.parametrize(
    ("scores", "targets", "objective", "threshold", "reached"), ODD.values(), ids=ODD.keys()
)
def test_odd_labels_have_the_threshold_that_is_stated(
    scores, targets, objective, threshold, reached
):
    found = choose_thresholds(scores, targets, objective)
    np.testing.assert_equal([found.thresholds[0], found.reached[0]], [threshold, reached])


def test_float32_scores_are_cut_where_they_are():
    scores = np.random.default_rng(0).random(1000).astype(np.float32)
    targets = scores > np.float32(0.7)
    (threshold,) = choose_thresholds(scores, targets).thresholds
    assert ((scores >= np.float32(threshold)) == targets).all()


@pytest.mark.parametrize(
    ("scores", "targets", "objective", "words"),
    [
        ([0.1], [1, 0], None, r"expected both \[n\] or \[n, n_labels\]"),
        ([], [], None, "n ≥ 1"),
        ([np.nan, 0.1], [0, 1], None, "got 1 times NaN"),
        ([0.2, 0.1], [0, -100], None, "targets: expected 0 and 1 only"),
        ([0.2, 0.1], [0, 1], "f1", r"objective: expected F1\(\)"),
    ],
    ids=["lengths", "none", "NaN", "ignored", "a word"],
)
def test_what_cannot_be_cut_is_refused(scores, targets, objective, words):
    with pytest.raises(OptionError, match=words):
        choose_thresholds(scores, targets, objective)


@pytest.mark.parametrize("precision", [0.0, 1.1, float("nan")])
def test_a_precision_that_cannot_be_is_refused(precision):
    with pytest.raises(OptionError, match=r"precision: expected a share in \(0, 1\]"):
        RecallAtPrecision(precision)
