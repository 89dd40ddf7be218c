"""Groups by training samples, of classes, labels and numbers."""

import numpy as np
import pytest

from balancekit.errors import OptionError
from balancekit.labels import Labels
from balancekit.metrics import (
    by_shot,
    geometric_mean_error_by_shot,
    mae_by_shot,
    mean_average_precision,
    mean_average_precision_by_shot,
    objective_value,
    recall_by_shot,
    training_counts,
)


def test_recall_is_the_mean_over_the_classes_of_a_group():
    confusion = np.diag([8, 6, 4, 2]) + np.diag([2, 4, 6], 1)
    confusion[3, 0] = 8
    assert recall_by_shot(confusion, [101, 100, 20, 19]) == pytest.approx(
        {"many": 0.8, "medium": 0.5, "few": 0.2}
    )


def test_groups_and_classes_without_samples_are_left_out():
    groups = recall_by_shot([[5, 0, 0], [0, 0, 0], [1, 0, 1]], [500, 400, 3])
    assert groups == pytest.approx({"many": 1, "medium": np.nan, "few": 0.5}, nan_ok=True)


def test_labels_are_grouped_by_their_positives():
    rng = np.random.default_rng(0)
    scores, targets = rng.random((50, 3)), rng.integers(0, 2, (50, 3))
    groups = mean_average_precision_by_shot(scores, targets, [500, 50, 5])
    assert np.mean(list(groups.values())) == pytest.approx(mean_average_precision(scores, targets))


def test_other_lengths_are_refused():
    with pytest.raises(OptionError, match="training samples of each of 2 classes"):
        by_shot([0.5, 0.5], [1, 2, 3])


# --- numbers --------------------------------------------------------------------------------


def test_errors_of_numbers_are_grouped_by_the_bins_of_the_training_values():
    train = [20] * 101 + [40] * 20 + [60] * 19
    targets, predictions = [20, 20, 40, 60, 80], [21, 19, 42, 56, 72]
    assert mae_by_shot(predictions, targets, train) == {"many": 1, "medium": 2, "few": 6}
    geometric = geometric_mean_error_by_shot(predictions, targets, train)
    assert geometric == pytest.approx({"many": 1, "medium": 2, "few": 32**0.5})


def test_outputs_with_a_gradient_are_measured_as_they_are():
    torch = pytest.importorskip("torch")
    outputs = torch.tensor([21.0, 42.0], requires_grad=True)
    found = mae_by_shot(outputs, torch.tensor([20.0, 40.0]), [20] * 101 + [40] * 20)
    assert (found["many"], found["medium"]) == (1, 2)
    column = objective_value(
        "mae_by_shot", outputs[:, None], [20.0, 40.0], train_values=[20] * 101 + [40] * 20
    )
    assert column == 1.5
    halves = torch.full((2, 2), 0.5, dtype=torch.bfloat16, requires_grad=True)
    assert objective_value("accuracy", halves, [0, 1]) == 0.5


def test_one_error_of_zero_makes_the_geometric_mean_zero():
    assert geometric_mean_error_by_shot([1, 5], [1, 1], [1]) == pytest.approx(
        {"many": np.nan, "medium": np.nan, "few": 0}, nan_ok=True
    )


@pytest.mark.parametrize(
    "values",
    [np.arange(60).repeat(3), np.random.default_rng(0).normal(size=500), np.array([2.5, 2.5])],
    ids=["whole", "real", "one value"],
)
def test_bins_are_those_of_labels(values):
    labels = Labels.from_values(values)
    expected = labels.class_counts()[labels.class_ids]
    assert training_counts(values, values).tolist() == expected.tolist()


def test_values_beyond_the_training_ones_have_no_samples():
    assert training_counts([-1e9, 0.0, 1e9], np.linspace(0, 1, 500)).tolist()[::2] == [0, 0]


@pytest.mark.parametrize(
    ("predictions", "targets", "message"),
    [
        ([1.0], [1.0, 2.0], r"one a target, shape \(2,\), got \(1,\)"),
        ([[1.0]], [1.0], r"expected shape \[n\]"),
        ([np.nan], [1.0], "predictions: expected finite numbers"),
        ([1.0], [np.inf], "targets: expected finite numbers"),
        ([], [], "at least one sample"),
    ],
    ids=["lengths", "two axes", "NaN", "infinite target", "none"],
)
def test_what_is_no_regression_is_refused(predictions, targets, message):
    with pytest.raises(OptionError, match=message):
        mae_by_shot(predictions, targets, [1.0, 2.0])
