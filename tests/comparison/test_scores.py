"""Figures of held-out outputs, and the same samples resampled for every arm."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from balancekit.comparison.precision import AveragePrecision
from balancekit.comparison.results import Run
from balancekit.comparison.scores import Held, Judge
from balancekit.metrics import objective_value

metrics = pytest.importorskip("sklearn.metrics")

RNG = np.random.default_rng(0)
IDS = np.arange(300)


@given(
    scores=hnp.arrays(np.float64, (30, 3), elements=st.sampled_from([0.0, 0.2, 0.5, 0.9])),
    is_of=hnp.arrays(np.bool_, (30, 3)),
    draws=hnp.arrays(np.int64, 30, elements=st.integers(0, 3)),
)
def test_average_precision_of_draws_is_that_of_scikit_learn(scores, is_of, draws):
    found = AveragePrecision(scores, is_of).mean(draws)
    columns = [c for c in range(3) if (draws * is_of[:, c]).any()]
    wanted = [
        metrics.average_precision_score(is_of[:, c], scores[:, c], sample_weight=draws)
        for c in columns
    ]
    assert found == pytest.approx(np.mean(wanted)) if wanted else np.isnan(found)


def judge(objective, task="classification", n_classes=3):
    values = RNG.integers(0, 30, 900).astype(float) if task == "regression" else None
    return Judge(
        objective=objective,
        task=task,
        class_counts=np.arange(n_classes)[::-1] + 1,
        train_values=values,
    )


def outputs_of(task):
    if task == "regression":
        values = RNG.integers(0, 30, 300).astype(float)
        return Held(values + RNG.normal(size=300), values, IDS)
    logits = RNG.normal(size=(300, 3))
    if task == "multilabel":
        return Held(logits, (logits + RNG.normal(size=(300, 3)) > 0.8).astype(int), IDS)
    return Held(logits, (logits + RNG.normal(size=(300, 3))).argmax(1), IDS)


OBJECTIVES = {
    **{
        f"{name}, one class": (name, "classification")
        for name in ("balanced_accuracy", "accuracy", "macro_f1", "auprc", "calibration")
    },
    "map": ("map", "multilabel"),
    "calibration, several labels": ("calibration", "multilabel"),
    "numbers": ("mae_by_shot", "regression"),
}


@pytest.mark.parametrize(("objective", "task"), OBJECTIVES.values(), ids=OBJECTIVES.keys())
def test_the_objective_is_that_of_the_metrics_and_shakes_around_it(objective, task):
    held, of = outputs_of(task), judge(objective, task)
    run = of.run(held, None, Run(seed=0))
    outputs = held.logits
    if task == "classification":
        outputs = np.exp(outputs) / np.exp(outputs).sum(1, keepdims=True)
    elif task == "multilabel":
        outputs = 1 / (1 + np.exp(-outputs))
    counts = None if task == "regression" else of.class_counts
    wanted = objective_value(
        objective, outputs, held.targets, class_counts=counts, train_values=of.train_values
    )
    assert run.test.value == pytest.approx(wanted)
    drawn = np.array(run.test.resampled)
    assert len(drawn) == 200
    # A calibration error is a mean of sizes, which noise makes larger.
    assert abs(drawn.mean() - wanted) < 3 * drawn.std()
    assert drawn.std() > 0


def test_the_same_samples_are_drawn_whatever_their_order_and_predictions():
    held = outputs_of("classification")
    mixed = RNG.permutation(300)
    shuffled = Held(held.logits[mixed], held.targets[mixed], held.ids[mixed])
    one, other = (judge("accuracy").run(h, None, Run(seed=0)).test for h in (held, shuffled))
    assert one.resampled == other.resampled


def test_a_class_of_one_sample_never_vanishes():
    held = outputs_of("classification")
    targets = np.array([0] * 150 + [1] * 149 + [2])
    run = judge("balanced_accuracy").run(Held(held.logits, targets, IDS), None, Run(seed=0))
    hits = [np.mean(held.logits[targets == c].argmax(1) == c) for c in range(3)]
    third = hits[2] / 3
    # Each draw is a mean of three recalls, of which that of the lone sample stays.
    assert all(third - 1e-6 <= value <= third + 2 / 3 for value in run.test.resampled)


def test_thresholds_of_several_labels_come_from_the_inner_part():
    inner, test = outputs_of("multilabel"), outputs_of("multilabel")
    shifted = Held(test.logits - 5, test.targets, IDS), Held(inner.logits - 5, inner.targets, IDS)
    plain = judge("macro_f1", "multilabel").run(test, inner, Run(seed=0))
    moved = judge("macro_f1", "multilabel").run(*shifted, Run(seed=0))
    assert moved.test.value == pytest.approx(plain.test.value), "thresholds move along"
    without = judge("macro_f1", "multilabel").run(shifted[0], None, Run(seed=0))
    assert without.test.value < 0.1, "one half, where nothing chooses"


def test_figures_agree_with_the_confusion():
    run = judge("accuracy").run(outputs_of("classification"), None, Run(seed=0))
    matrix = np.array(run.confusion)
    assert run.hits == tuple(np.diagonal(matrix))
    assert run.totals == tuple(matrix.sum(1))
    assert run.figures["accuracy"] == pytest.approx(np.trace(matrix) / 300)
    assert sum(n for n, *_ in run.reliability) == 300
