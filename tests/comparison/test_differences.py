"""Intervals of paired differences: what they are made of, and how often they hold the truth."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from balancekit.comparison.differences import (
    Difference,
    Gain,
    difference_of,
    paired_interval,
    t_quantile,
)
from balancekit.comparison.results import floor_of
from balancekit.errors import OptionError

QUANTILES = {  # of scipy.stats.t
    "one degree": (0.975, 1, 12.706),
    "two degrees": (0.975, 2, 4.303),
    "between two and three": (0.975, 2.5, 3.575),
    "thirty": (0.975, 30, 2.042),
    "normal": (0.975, 1e6, 1.960),
    "99 %": (0.995, 4, 4.604),
}


@pytest.mark.parametrize(
    ("probability", "freedom", "wanted"), QUANTILES.values(), ids=QUANTILES.keys()
)
def test_quantiles_are_those_of_student(probability, freedom, wanted):
    # The grid of 20,000 angles is exact to four figures; far in the tail of one degree to three.
    assert t_quantile(probability, freedom) == pytest.approx(wanted, rel=1e-3)


def gain(values, noise=0.0, seed=0, floor=0.0):
    drawn = np.random.default_rng(seed).normal(0, noise, (len(values), 200))
    return Gain(
        values=dict(enumerate(values)),
        resampled={s: value + drawn[s] for s, value in enumerate(values)},
        floor=floor,
    )


def test_noise_that_both_arms_share_is_none():
    both = [gain(values, noise=0.1, seed=7) for values in ([0.8, 0.9], [0.7, 0.8])]
    found = difference_of(*both)
    assert found.mean == pytest.approx(0.1)
    assert found.half_width == pytest.approx(0, abs=1e-9)
    assert found.outcome == "better"


def test_noise_of_samples_and_of_seeds_widen_the_interval():
    still, shaking = gain([0.5, 0.5, 0.5]), gain([0.7, 0.7, 0.7], noise=0.02)
    of_samples = difference_of(shaking, still).half_width
    assert of_samples == pytest.approx(1.96 * 0.02 / np.sqrt(3), rel=0.15)  # 200 draws
    of_seeds = difference_of(gain([0.6, 0.7, 0.8]), still).half_width
    assert of_seeds == pytest.approx(4.303 * 0.1 / np.sqrt(3), rel=1e-3)


def test_only_seeds_that_both_have_count():
    found = difference_of(gain([0.9, 0.9, 0.1]), gain([0.8, 0.8]))
    assert (found.mean, found.n_seeds) == (pytest.approx(0.1), 2)
    with pytest.raises(OptionError, match="share a seed"):
        difference_of(gain([]), gain([0.8]))


OUTCOMES = {
    "better": (Difference(0.1, 0.05, 3), "better"),
    "worse": (Difference(-0.1, 0.05, 3), "worse"),
    "noise": (Difference(0.1, 0.2, 3), "noise"),
    "clear, of one seed": (Difference(0.1, 0.05, 1), "one seed"),
    "nothing at all": (Difference(0.0, 0.0, 3), "noise"),
}


@pytest.mark.parametrize(("difference", "outcome"), OUTCOMES.values(), ids=OUTCOMES.keys())
def test_what_a_difference_is(difference, outcome):
    assert difference.outcome == outcome


@given(
    st.lists(st.floats(-1, 1), min_size=2, max_size=6),
    st.floats(0, 0.5),
    st.floats(0.5, 0.98),
)
def test_more_confidence_or_a_higher_floor_never_narrows(values, floor, confidence):
    given_values, drawn = np.array(values), np.zeros((len(values), 2))
    width = paired_interval(given_values, drawn, floor, confidence)
    assert paired_interval(given_values, drawn, floor, confidence + 0.01) >= width
    assert width >= 0


def test_a_handful_of_samples_that_agree_is_not_certain():
    assert floor_of("balanced_accuracy", (100, 1)) == pytest.approx(np.hypot(1 / 102, 1 / 3) / 2)
    assert floor_of("balanced_accuracy", (100, 0)) == pytest.approx(1 / 102), "0 are not measured"
    assert floor_of("auprc", (100, 1)) == pytest.approx(1 / 3), "of the rarer of two alone"
    assert floor_of("auprc", (10, 10, 1)) == floor_of("balanced_accuracy", (10, 10, 1))
    assert floor_of("mae_by_shot", (100, 1)) == 0


COVERED = {
    "seeds alike, samples shared": (0.0, True),
    "seeds alike, own samples": (0.0, False),
    "seeds differ a little": (0.1, False),
    "seeds differ": (0.3, True),
}


@pytest.mark.parametrize(("seed_deviation", "shared"), COVERED.values(), ids=COVERED.keys())
def test_the_interval_holds_the_truth_as_often_as_it_says(seed_deviation, shared):
    """Two arms of known recall on three classes; a sample is as hard for both and all seeds."""
    covered = [simulated(np.random.default_rng(run), seed_deviation, shared) for run in range(300)]
    # 300 runs tell a share of 95 % to 2.5 points (two standard errors).
    assert np.mean(covered) > 0.915


def simulated(rng, seed_deviation, shared, n_seeds=3, n=60, n_drawn=50):
    """Whether the interval of one made-up comparison holds the true difference."""
    from statistics import NormalDist

    n_all = n if shared else 4 * n
    hardness, draws = rng.normal(size=(3, n_all)), rng.poisson(1, (n_drawn, 3, n_all))
    values, resampled = [], []
    for _ in range(n_seeds):
        tested = np.stack([rng.permutation(n_all)[:n] for _ in range(3)])
        hard = np.take_along_axis(hardness, tested, 1)
        weights = np.take_along_axis(draws, tested[None], 2)
        of_seed = 0.77 * hard + 0.45 * rng.normal(size=(3, n))
        arms = []
        for ease in (0.0, 0.3):
            own = of_seed + 0.45 * rng.normal(size=(3, n))  # variance 1 in all
            hits = own < ease + rng.normal(0, seed_deviation, (3, 1))
            recalls = (weights * hits).sum(2) / weights.sum(2)
            arms.append((hits.mean(), recalls.mean(1)))
        values.append(arms[1][0] - arms[0][0])
        resampled.append(arms[1][1] - arms[0][1])
    spread = np.sqrt(0.77**2 + 2 * 0.45**2 + seed_deviation**2)
    truth = NormalDist().cdf(0.3 / spread) - 0.5
    half = paired_interval(
        np.array(values), np.array(resampled), floor_of("balanced_accuracy", (n,) * 3)
    )
    return abs(np.mean(values) - truth) <= half
