"""The prior that a model believes in, from everything that its training did to it."""

import hypothesis.strategies as st
import msgspec
import numpy as np
import pytest
from hypothesis import given

from balancekit import Labels, Plan
from balancekit.errors import OptionError, PlanError
from balancekit.plan import (
    ClassBalanced,
    CrossEntropy,
    DataRef,
    EffectivePrior,
    Focal,
    LogitAdjusted,
    Natural,
    Power,
    Schedule,
    Uniform,
)
from balancekit.weights import effective_number_weights, effective_sample_size, power_weights

COUNTS = (90, 9, 1)
PI = np.array([0.9, 0.09, 0.01])
EVEN = np.full(3, 1 / 3)
REVERSED = (1 / PI) / (1 / PI).sum()
INVERSE = tuple(1 / PI)

TRAININGS = {
    "plain": ({}, PI, 0),
    "balanced": ({"targets": Uniform()}, EVEN, 1),
    "square root": ({"targets": Power(0.5)}, np.sqrt(PI) / np.sqrt(PI).sum(), 0.5),
    "shares of the draws": ({"targets": [50, 50, 50]}, EVEN, 1),
    "weighted": ({"class_weights": INVERSE}, EVEN, 1),
    "adjusted": ({"adjusted_by": PI}, EVEN, 1),
    "half adjusted": ({"adjusted_by": PI, "tau": 0.5}, np.sqrt(PI) / np.sqrt(PI).sum(), 0.5),
    "balanced, weighted": ({"targets": Uniform(), "class_weights": INVERSE}, REVERSED, 2),
    "balanced, adjusted by the data": ({"targets": Uniform(), "adjusted_by": PI}, REVERSED, 2),
    "balanced, adjusted by the draws": ({"targets": Uniform(), "adjusted_by": EVEN}, EVEN, 1),
}


@pytest.mark.parametrize(
    ("training", "believed", "strength"), TRAININGS.values(), ids=TRAININGS.keys()
)
def test_each_way_leads_to_its_prior_as_often_as_it_corrects(training, believed, strength):
    prior = EffectivePrior(COUNTS, **training)
    np.testing.assert_allclose(prior.shares, believed, rtol=1e-12)  # logarithms and back
    assert prior.strength("uniform") == pytest.approx(strength, abs=1e-9)
    np.testing.assert_allclose(np.exp(prior.log_shift("training")) * believed, PI, rtol=1e-12)
    np.testing.assert_allclose(np.exp(prior.log_shift([5, 3, 2])) * believed, [0.5, 0.3, 0.2])


# --- worth in samples ---------------------------------------------------------------------------

WORTH = {
    "plain": ({}, 100),
    "adjusted": ({"adjusted_by": PI}, 100),
    # the classes weigh alike: 3 times the harmonic mean
    "balanced": ({"targets": Uniform()}, 9 / (1 / 90 + 1 / 9 + 1)),
    "weighted": ({"class_weights": INVERSE}, 9 / (1 / 90 + 1 / 9 + 1)),
    # weights that undo the sampling give the samples back
    "balanced, undone": ({"targets": Uniform(), "class_weights": PI}, 100),
}


@pytest.mark.parametrize(("training", "samples"), WORTH.values(), ids=WORTH.keys())
def test_drawing_and_weighting_a_class_more_cost_the_same(training, samples):
    assert EffectivePrior(COUNTS, **training).effective_sample_size == pytest.approx(samples)


def test_twice_corrected_is_worth_less_than_once():
    twice = EffectivePrior(COUNTS, Uniform(), power_weights(COUNTS))
    assert twice.effective_sample_size == pytest.approx(
        effective_sample_size(COUNTS, np.array(COUNTS, float) ** -2)
    )
    assert twice.effective_sample_size < EffectivePrior(COUNTS, Uniform()).effective_sample_size


# --- what it says -------------------------------------------------------------------------------


def test_it_says_what_the_model_believes_and_what_that_cost():
    assert str(EffectivePrior(COUNTS, Uniform())) == (
        "believes in [0.333, 0.333, 0.333], 1.00 of the way from the data to equal classes: "
        "sampling 1.00 + weights 0.00 + adjustment 0.00; worth 8 of 100 samples"
    )


def test_it_warns_of_two_corrections():
    words = str(EffectivePrior(COUNTS, Uniform(), adjusted_by=PI))
    assert "2.00 of the way" in words
    assert "sampling 1.00 + weights 0.00 + adjustment 1.00" in words
    assert words.endswith("Corrected more than once: where 1 is full, leave out what is above it")
    half = EffectivePrior(COUNTS, Power(0.5), adjusted_by=PI, tau=0.5)
    assert "more than once" not in str(half)


def test_many_classes_are_told_in_short_and_equal_ones_need_no_way():
    words = str(EffectivePrior([10] * 100))
    assert "… 100 in all" in words
    assert "0.00 of the way" in words


# --- a noun -------------------------------------------------------------------------------------


def test_equal_priors_are_equal_whatever_they_were_made_of():
    one = EffectivePrior(np.array(COUNTS), [1, 2, 3], [1.0, 2.0, 3.0], PI)
    other = EffectivePrior(COUNTS, (1.0, 2.0, 3.0), np.array([1, 2, 3]), tuple(PI))
    assert one == other
    assert hash(one) == hash(other)
    assert one != EffectivePrior(COUNTS)
    with pytest.raises(AttributeError):
        one.tau = 2.0


def test_classes_that_are_not_drawn_count_as_one_sample():
    prior = EffectivePrior([98, 2, 0], [0.5, 0.5, 0.0])
    np.testing.assert_allclose(prior.shares, np.array([50, 50, 1]) / 101)
    np.testing.assert_allclose(prior.training_prior, np.array([98, 2, 1]) / 101)
    assert np.isfinite(prior.effective_sample_size)
    assert prior.strength("uniform") == pytest.approx(1)  # of the classes that are drawn
    assert "1.00 of the way" in str(prior)
    shift = prior.log_shift("uniform")
    assert shift[2] == shift[:2].min()  # what was never seen is not favoured


WRONG = {
    "no counts": (([0, 0],), {}, "class_counts: expected"),
    "too few shares": ((COUNTS, [0.5, 0.5]), {}, r"targets: expected 3 finite numbers ≥ 0"),
    "shares of nothing": ((COUNTS, [0, 0, 0]), {}, "targets: expected 3"),
    "no weight": ((COUNTS,), {"class_weights": [1, 2, 0]}, "class_weights: .* above 0"),
    "no number": ((COUNTS,), {"adjusted_by": [1, np.nan, 1]}, "adjusted_by: expected 3"),
    "two axes": ((COUNTS,), {"class_weights": [[1, 2, 3]]}, r"got shape \[1, 3\]"),
    "shares, one 0": (([0.9, 0.1, 0.0],), {}, "numbers of samples where a class has none, got"),
    "shares, one not drawn": (([0.9, 0.1], [1, 0]), {}, "where a class is not drawn, got shares"),
    "no tau": ((COUNTS,), {"tau": np.inf}, "tau: expected a finite number"),
}


@pytest.mark.parametrize(("arguments", "options", "words"), WRONG.values(), ids=WRONG.keys())
def test_what_does_not_fit_the_classes_is_refused(arguments, options, words):
    with pytest.raises(OptionError, match=words):
        EffectivePrior(*arguments, **options)


def test_targets_that_are_none_are_refused():
    with pytest.raises(PlanError, match=r"got 'uniform'\. Write Uniform\(\)"):
        EffectivePrior(COUNTS, "uniform")


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ("even", "wanted: expected 'uniform', 'training' or 3 shares, got 'even'"),
        ([0.5, 0.5], "wanted: expected 3 finite numbers above 0"),
        ([1.0, 0.0, 0.0], "wanted: "),
    ],
    ids=["a word", "too few", "zeros"],
)
def test_priors_that_cannot_be_wanted_are_refused(wanted, words):
    with pytest.raises(OptionError, match=words):
        EffectivePrior(COUNTS).log_shift(wanted)


# --- plans say the same -------------------------------------------------------------------------

DATA = DataRef.from_labels(Labels.from_names(["a"] * 90 + ["b"] * 9 + ["c"]))
SCHEDULE = Schedule(start=Natural(), end=Uniform(), epochs=4)


@given(
    sampling=st.sampled_from([Natural(), Uniform(), Power(0.3), SCHEDULE]),
    loss=st.sampled_from(
        [
            CrossEntropy(),
            CrossEntropy(class_weights=(0.5, 1.0, 4.0)),
            Focal(class_weights=(0.5, 1.0, 4.0)),
            ClassBalanced(beta=0.9),
            LogitAdjusted(tau=0.7),
        ]
    ),
)
def test_a_plan_believes_in_draws_times_weights_over_adjustment(sampling, loss):
    plan = Plan(data=DATA, objective="accuracy", sampling=sampling, loss=loss)
    draws = {Natural(): PI, Uniform(): EVEN, SCHEDULE: EVEN}.get(sampling, PI**0.3)
    weights = getattr(loss, "class_weights", None) or (1.0, 1.0, 1.0)
    if isinstance(loss, ClassBalanced):
        weights = effective_number_weights(COUNTS, 0.9)
    expected = draws / draws.sum() * weights
    if isinstance(loss, LogitAdjusted):
        expected = expected / (draws / draws.sum()) ** 0.7
    expected = expected / expected.sum()
    np.testing.assert_allclose(plan.believed_prior(), expected, rtol=1e-12)
    np.testing.assert_allclose(plan.effective_prior().shares, expected, rtol=1e-12)


def test_the_draws_of_a_schedule_are_those_of_the_epoch_that_is_asked_for():
    plan = Plan(data=DATA, objective="accuracy", sampling=SCHEDULE)
    np.testing.assert_allclose(plan.draw_prior(0), PI)
    np.testing.assert_allclose(plan.draw_prior(2), (PI + EVEN) / 2)
    np.testing.assert_allclose(plan.draw_prior(), EVEN)
    steady = msgspec.structs.replace(plan, sampling=Uniform())
    np.testing.assert_array_equal(steady.draw_prior(0), steady.draw_prior())
