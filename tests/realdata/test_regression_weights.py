"""Weights of real ages: AgeDB's training part, 12,208 of 0 to 101 years."""

import csv

import numpy as np
import pytest

from balancekit.losses.regression import fit_gaussian_mixture
from balancekit.weights.density import dense_weights, label_bin_edges, lds_weights


@pytest.fixture(scope="module")
def ages(data_root):
    with (data_root / "regression_agedb" / "agedb.csv").open(newline="") as file:
        return np.array(
            [int(row["age"]) for row in csv.DictReader(file) if row["split"] == "train"]
        )


def test_each_age_has_a_bin(ages, truth):
    counts, _ = np.histogram(ages, label_bin_edges(ages))
    known = truth["agedb_age_train"]["counts"]
    assert {str(ages.min() + i): n for i, n in enumerate(counts) if n} == known


@pytest.mark.parametrize("weigh", [lds_weights, dense_weights], ids=["lds", "dense"])
def test_rare_ages_weigh_more(ages, weigh):
    weights = weigh(ages)
    assert weights.mean() == pytest.approx(1)
    young, middle, old = ages < 15, (ages >= 25) & (ages < 50), ages > 85
    assert weights[young].mean() > 1.5 > 1 > weights[middle].mean()
    assert weights[old].min() > 1.5


def test_neighbours_even_out_what_single_samples_decide(ages):
    # Of 97, 98, 99 and 100 years there are 1, 2, 1 and 2: by inverse frequency they differ by 2.
    oldest = lds_weights(ages, exponent=1.0)[(ages >= 97) & (ages <= 100)]
    assert len(oldest) == 6
    assert oldest.max() / oldest.min() < 1.4


def test_a_mixture_of_ages_has_their_mean_and_spread(ages):
    mixture = fit_gaussian_mixture(ages)
    weights, means, variances = mixture.arrays
    mean = weights @ means
    # Every round of expectation maximisation keeps the mean, and the variance up to the least
    # variance that it adds, a millionth.
    assert mean == pytest.approx(ages.mean(), rel=1e-6)
    assert weights @ (variances + (means - mean) ** 2) == pytest.approx(ages.var(), rel=1e-5)
