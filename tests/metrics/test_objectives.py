"""One number for each objective of a plan, the better for a better model."""

from typing import get_args

import numpy as np
import pytest
from sklearn import metrics as reference

from balancekit.errors import OptionError
from balancekit.metrics import OBJECTIVES, auprc, objective_value, recall_at_precision
from balancekit.plan.plan import Objective

RNG = np.random.default_rng(0)
TARGETS = RNG.permutation(np.repeat([0, 1, 2], [60, 30, 10]))
LABELS = RNG.random((100, 3)) < [0.5, 0.2, 0.1]
VALUES = np.repeat([10.0, 20.0, 30.0], [120, 40, 5])
COUNTS = [600, 300, 10]


def probabilities(skill):
    logits = RNG.normal(size=(100, 3)) + skill * np.eye(3)[TARGETS]
    return np.exp(logits) / np.exp(logits).sum(1, keepdims=True)


def label_probabilities(skill):
    return 1 / (1 + np.exp(-RNG.normal(size=(100, 3)) - skill * (2 * LABELS - 1)))


def test_every_objective_of_a_plan_is_measured():
    assert set(OBJECTIVES) == set(get_args(Objective))
    assert [name for name, of in OBJECTIVES.items() if not of.higher_is_better] == [
        "calibration",
        "mae_by_shot",
    ]


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("task", ["classification", "multilabel", "regression"])
def test_a_perfect_model_is_better_than_chance_where_the_objective_is_for_the_task(objective, task):
    metric = OBJECTIVES[objective]
    outputs_of, targets = {
        "classification": (probabilities, TARGETS),
        "multilabel": (label_probabilities, LABELS),
        "regression": (lambda skill: VALUES + RNG.normal(size=165) / (1 + skill), VALUES),
    }[task]
    options = {"train_values": VALUES} if task == "regression" else {"class_counts": COUNTS}
    if task not in metric.tasks:
        with pytest.raises(OptionError):
            objective_value(objective, outputs_of(30), targets, **options)
        return
    good, chance = (
        objective_value(objective, outputs_of(skill), targets, **options) for skill in (30, 0)
    )
    assert good == pytest.approx(float(metric.higher_is_better), abs=0.05)
    assert metric.gain(good, over=chance) > 0.05


def test_values_are_those_of_the_metrics_named():
    given = probabilities(1.0)
    taken = given.argmax(1)
    assert objective_value("accuracy", given, TARGETS) == pytest.approx((taken == TARGETS).mean())
    assert objective_value("balanced_accuracy", given, TARGETS) == pytest.approx(
        reference.balanced_accuracy_score(TARGETS, taken)
    )
    assert objective_value("macro_f1", given, TARGETS) == pytest.approx(
        reference.f1_score(TARGETS, taken, average="macro")
    )
    assert objective_value("auprc", given, TARGETS) == pytest.approx(
        reference.average_precision_score(np.eye(3)[TARGETS], given)
    )
    recalls = [recall_at_precision(given[:, c], c == TARGETS, 0.9)[0] for c in range(3)]
    assert objective_value("recall@precision", given, TARGETS) == pytest.approx(np.mean(recalls))


def test_values_of_several_labels_are_those_of_the_metrics_named():
    given = label_probabilities(0.5)
    taken = given >= 0.5
    assert objective_value("map", given, LABELS) == pytest.approx(
        reference.average_precision_score(LABELS, given)
    )
    assert objective_value("macro_f1", given, LABELS) == pytest.approx(
        reference.f1_score(LABELS, taken, average="macro")
    )
    assert objective_value("balanced_accuracy", given, LABELS) == pytest.approx(
        np.mean([reference.balanced_accuracy_score(LABELS[:, c], taken[:, c]) for c in range(3)])
    )
    assert objective_value("accuracy", given, LABELS) == pytest.approx((taken == LABELS).mean())


@pytest.mark.parametrize(
    ("counts", "positive"),
    [([90, 10], 1), ([10, 90], 0), ([5, 5], 1), (None, 1)],
    ids=["the second is rare", "the first is rare", "as many", "not told"],
)
def test_of_two_classes_the_rarer_is_looked_for(counts, positive):
    given = probabilities(1.0)[:, :2]
    given /= given.sum(1, keepdims=True)
    targets = TARGETS % 2
    assert objective_value("auprc", given, targets, class_counts=counts) == pytest.approx(
        auprc(given, targets, positive=positive)
    )
    assert objective_value("recall@precision", given, targets, class_counts=counts) == (
        pytest.approx(recall_at_precision(given[:, positive], targets == positive)[0])
    )


def test_a_label_without_positives_enters_no_mean_that_needs_them():
    given, labels = label_probabilities(1.0), LABELS.copy()
    labels[:, 2] = False
    for objective in ("map", "auprc", "recall@precision"):
        value = objective_value(objective, given, labels)
        assert value == pytest.approx(objective_value(objective, given[:, :2], labels[:, :2]))


def test_one_sample_is_enough():
    values = {
        name: objective_value(name, [[0.8, 0.2]], [0])
        for name, of in OBJECTIVES.items()
        if "classification" in of.tasks
    }
    nowhere = values.pop("auprc"), values.pop("recall@precision")
    assert np.isnan(nowhere).all()  # no positive to find
    assert values == pytest.approx(
        {"balanced_accuracy": 1, "macro_f1": 1, "accuracy": 1, "calibration": 0.2}
    )


def test_of_equally_likely_classes_the_first_is_taken():
    assert objective_value("accuracy", [[0.5, 0.5], [0.5, 0.5]], [0, 1]) == 0.5


def test_a_column_of_numbers_is_fine():
    column = objective_value("mae_by_shot", VALUES[:, None] + 1, VALUES, train_values=VALUES)
    assert column == 1


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (("recall", [[0.5, 0.5]], [0]), {}, "objective: expected one of"),
        (("accuracy", [[0.5, np.nan]], [0]), {}, "probabilities: expected finite numbers"),
        (("accuracy", [[3.0, -2.0]], [0]), {}, "take softmax"),
        (("map", [[3.0, -2.0]], [[0, 1]]), {}, "take the sigmoid"),
        (("auprc", [[0.5, 0.5]], [0]), {"class_counts": [1, 2, 3]}, "each of 2 classes"),
        (("mae_by_shot", [1.0], [1.0]), {}, "train_values: expected"),
    ],
    ids=["no objective", "NaN", "logits", "logits of labels", "counts", "no training values"],
)
def test_what_cannot_be_measured_is_refused(arguments, options, message):
    with pytest.raises(OptionError, match=message):
        objective_value(*arguments, **options)
