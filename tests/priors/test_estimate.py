"""EM finds the prior of unlabelled data."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import arrays

from balancekit.errors import OptionError
from balancekit.priors import estimate_prior

rows_of_four = arrays(np.float64, (7, 4), elements=st.floats(0.001, 1)).map(
    lambda a: a / a.sum(1, keepdims=True)
)
shares = arrays(np.float64, 4, elements=st.floats(0.01, 1)).map(lambda a: a / a.sum())


def gaussian_posterior(x, prior, means=(-2.0, 0.0, 2.5)):
    joint = np.exp(-0.5 * (x[:, None] - np.array(means)) ** 2) * prior
    return joint / joint.sum(1, keepdims=True)


@pytest.mark.parametrize(
    "deployed", [(0.2, 0.3, 0.5), (0.9, 0.09, 0.01), (1 / 3, 1 / 3, 1 / 3)], ids=str
)
def test_the_prior_of_other_data_is_found(deployed):
    trained = np.array([0.9, 0.09, 0.01])
    rng = np.random.default_rng(0)
    y = rng.choice(3, 20_000, p=deployed)
    x = rng.normal(np.array([-2.0, 0.0, 2.5])[y])
    found = estimate_prior(gaussian_posterior(x, trained), trained)
    assert found.converged
    # 20,000 samples: shares are known to ½ %, and classes overlap
    np.testing.assert_allclose(found.shares, deployed, atol=0.015)


@given(rows=rows_of_four, trained=shares)
def test_no_step_makes_the_rows_less_likely(rows, trained):
    found = estimate_prior(rows, trained, max_iterations=60)
    assert len(found.log_likelihoods) == found.n_iterations
    assert np.all(np.diff([0.0, *found.log_likelihoods]) >= -1e-9)  # rounding of seven logarithms
    assert found.shares.sum() == pytest.approx(1)
    assert found.shares.dtype == np.float64


@given(rows=rows_of_four, trained=shares)
def test_where_em_ends_the_mean_posterior_is_the_prior(rows, trained):
    found = estimate_prior(rows, trained, max_iterations=5000)
    moved = rows * found.shares / trained
    moved /= moved.sum(1, keepdims=True)
    if found.converged:
        np.testing.assert_allclose(moved.mean(0), found.shares, atol=1e-7)  # ten times tolerance


def test_two_confident_groups_are_counted():
    # By hand: argmax of log(½ + ⅝ q) + log(9/2 - 35/8 q) is q = 4 / 35.
    found = estimate_prior([[0.9, 0.1]] * 5 + [[0.1, 0.9]] * 5, [0.8, 0.2])
    np.testing.assert_allclose(found.shares, [4 / 35, 31 / 35], atol=1e-6)


ODD = {
    "one class only": ([[1.0]] * 3, [1.0], [1.0]),
    "one row": ([[0.6, 0.4]], [0.5, 0.5], [1.0, 0.0]),
    "one row, likelier than trained": ([[0.6, 0.4]], [0.8, 0.2], [0.0, 1.0]),
    "one row that tells nothing": ([[0.8, 0.2]], [0.8, 0.2], [0.8, 0.2]),
    "rows of one class": ([[1.0, 0.0]] * 4, [0.5, 0.5], [1.0, 0.0]),
    "certain rows": ([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]], [0.9, 0.1], [1 / 3, 2 / 3]),
    "counts as prior": ([[1.0, 0.0], [0.0, 1.0]], [90, 10], [0.5, 0.5]),
}


@pytest.mark.parametrize(("rows", "trained", "expected"), ODD.values(), ids=ODD.keys())
def test_few_and_odd_rows_lead_to_what_is_likeliest(rows, trained, expected):
    found = estimate_prior(rows, trained)
    assert found.converged
    np.testing.assert_allclose(found.shares, expected, atol=1e-6)  # a vertex is neared slowly


def test_a_search_cut_short_says_so():
    found = estimate_prior([[0.6, 0.4]] * 9, [0.8, 0.2], max_iterations=2)
    assert (found.converged, found.n_iterations) == (False, 2)


def test_half_precision_probabilities_are_taken():
    rows = np.random.default_rng(0).dirichlet(np.ones(50), 200).astype(np.float16)
    assert np.isfinite(estimate_prior(rows, np.full(50, 0.02)).shares).all()


@pytest.mark.parametrize(
    ("rows", "trained", "words"),
    [
        (np.empty((0, 2)), [0.5, 0.5], r"at least one row, got \[0, 2\]"),
        ([0.5, 0.5], [0.5, 0.5], r"expected \[n, n_classes\]"),
        ([[0.5, 0.5], [0.0, 0.0]], [0.5, 0.5], "got .0.0, 0.0. in row 1, and 1 such rows"),
        ([[3.0, -2.0]], [0.5, 0.5], "in row 0.*Give what follows softmax, not logits"),
        ([[np.nan, 1.0]], [0.5, 0.5], "in row 0"),
        ([[0.9, 0.9]], [0.5, 0.5], "in row 0"),
        ([[0.5, 0.5]], [1.0, 0.0], "trained_prior: expected 2 shares above 0"),
        ([[0.5, 0.5]], [1.0], "trained_prior: expected 2 shares"),
        ([[0.5, 0.5]], [np.nan, 1.0], "trained_prior: "),
    ],
    ids=["no rows", "one axis", "zeros", "logits", "NaN", "sigmoids", "unseen", "short", "NaN2"],
)
def test_what_are_no_probabilities_is_refused(rows, trained, words):
    with pytest.raises(OptionError, match=words):
        estimate_prior(rows, trained)


@pytest.mark.parametrize(
    "options",
    [{"max_iterations": 0}, {"tolerance": -1.0}, {"tolerance": np.nan}],
    ids=["no step", "below 0", "NaN"],
)
def test_a_search_that_cannot_end_is_refused(options):
    with pytest.raises(OptionError, match="max_iterations, tolerance: expected at least 1 step"):
        estimate_prior([[0.5, 0.5]], [0.5, 0.5], **options)
