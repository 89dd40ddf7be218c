"""One temperature makes held-out samples most likely."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import arrays

from balancekit.errors import OptionError
from balancekit.priors import fit_temperature


def nll(logits, targets, temperature):
    z = np.asarray(logits, float) / temperature
    z = z - z.max(1, keepdims=True)
    log_p = z - np.log(np.exp(z).sum(1, keepdims=True))
    return -log_p[np.arange(len(z)), targets].mean()


def samples(temperature, n=400, n_classes=5, scale=3.0, seed=0):
    """Logits of a model that is so many times too sure, and targets drawn from the truth."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(n, n_classes)) * scale
    p = np.exp(z - z.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    targets = np.array([rng.choice(n_classes, p=row) for row in p])
    return z * temperature, targets


@pytest.mark.parametrize("factor", [0.3, 1.0, 4.0, 1e3])
def test_a_model_too_sure_by_a_factor_is_cooled_by_it(factor):
    logits, targets = samples(factor, n=20_000)
    found = fit_temperature(logits, targets)
    assert found.temperature == pytest.approx(factor, rel=0.05)  # 20,000 samples
    assert found.at_bound is None
    assert found.nll_after <= found.nll_before
    assert found.nll_before == pytest.approx(nll(logits, targets, 1.0), rel=1e-9)
    assert found.nll_after == pytest.approx(nll(logits, targets, found.temperature), rel=1e-9)


@given(
    logits=arrays(np.float64, (6, 3), elements=st.floats(-5, 5)),
    targets=arrays(np.int64, 6, elements=st.integers(0, 2)),
)
def test_no_other_temperature_is_better(logits, targets):
    found = fit_temperature(logits, targets)
    grid = np.geomspace(0.01, 1e4, 400)
    best = min(nll(logits, targets, t) for t in grid)
    assert found.nll_after <= best + 1e-9  # rounding of logarithms


def test_two_classes_are_a_sigmoid():
    logits, targets = samples(2.0, n_classes=2)
    softmax = fit_temperature(logits, targets)
    sigmoid = fit_temperature(logits[:, 1] - logits[:, 0], targets)
    assert sigmoid.temperature == pytest.approx(softmax.temperature, rel=1e-8)
    assert sigmoid.nll_after == pytest.approx(softmax.nll_after, rel=1e-8)


def test_labels_of_a_sigmoid_each_share_a_temperature():
    rng = np.random.default_rng(0)
    z = rng.normal(size=(5000, 4)) * 2
    labels = rng.random(z.shape) < 1 / (1 + np.exp(-z))
    assert fit_temperature(z * 3, labels).temperature == pytest.approx(3, rel=0.05)
    soft = fit_temperature(z * 3, 1 / (1 + np.exp(-z)))
    assert soft.temperature == pytest.approx(3, rel=1e-6)  # no noise in the targets


BOUNDS = {
    "separable": ([[5.0, 0.0], [0.0, 5.0]], [0, 1], 0.01, "low"),
    "separable, huge": ([[1e4, -1e4], [-1e4, 1e4]], [0, 1], 0.01, "low"),
    "separable, no loss at any T": ([[1e9, -1e9], [-1e9, 1e9]], [0, 1], 0.01, "low"),
    "sigmoids, no loss at any T": ([1e9, -1e9], [1, 0], 0.01, "low"),
    "always wrong": ([[5.0, 0.0], [0.0, 5.0]], [1, 0], 1e4, "high"),
    "always wrong, huge": ([[1e200, 0.0], [0.0, 1e200]], [1, 0], 1e4, "high"),
    "separable sigmoids": ([3.0, -1.0], [1, 0], 0.01, "low"),
    "one sample": ([[1.0, 0.0]], [0], 0.01, "low"),
    "no logits at all": ([[2.0, 2.0], [1.0, 1.0]], [0, 1], 1.0, None),
}


@pytest.mark.parametrize(
    ("logits", "targets", "expected", "bound"), BOUNDS.values(), ids=BOUNDS.keys()
)
def test_where_there_is_no_best_temperature_the_bound_is_told(logits, targets, expected, bound):
    found = fit_temperature(logits, targets)
    assert (found.temperature, found.at_bound) == (expected, bound)
    assert np.isfinite(found.nll_before)
    assert np.isfinite(found.nll_after)


def test_logits_without_measure_are_brought_down():
    logits, targets = samples(1.0, n=5000)
    huge = fit_temperature(logits * 1e4 / np.abs(logits).max(), targets)
    factor = 1e4 / np.abs(logits).max()
    assert huge.temperature == pytest.approx(
        fit_temperature(logits, targets).temperature * factor, rel=1e-8
    )


def test_bounds_of_ones_own_hold():
    found = fit_temperature(*samples(4.0), bounds=(0.5, 2.0))
    assert (found.temperature, found.at_bound) == (2.0, "high")


@pytest.mark.parametrize(
    ("logits", "targets", "options", "words"),
    [
        ([[1.0, 0.0]], [2], {}, r"targets: expected class indices of shape \[1\] in \[0, 2\)"),
        ([[1.0, 0.0]], [-1], {}, "targets: "),
        ([[1.0, 0.0]], [0.0], {}, "targets: "),
        ([[1.0, 0.0]], [0, 1], {}, "targets: "),
        ([[1.0, 0.0]], [[2, 0]], {}, "targets: expected 0, 1 or shares"),
        ([[np.inf, 0.0]], [0], {}, "logits: expected finite numbers"),
        (np.empty((0, 3)), [], {}, "logits: expected finite numbers, at least one"),
        ([[1.0, 0.0]], [0], {"bounds": (2.0, 1.0)}, "bounds: expected 0 < least < greatest"),
    ],
    ids=["class 2", "ignored", "floats", "too many", "label 2", "infinite", "none", "bounds"],
)
def test_what_cannot_be_fitted_is_refused(logits, targets, options, words):
    with pytest.raises(OptionError, match=words):
        fit_temperature(logits, targets, **options)
