"""A plan corrects the class prior just once, whatever does it, and says so in figures."""

import re

import msgspec
import numpy as np
import pytest

from balancekit import Labels, Plan, PlanError
from balancekit.errors import OptionError
from balancekit.plan import (
    AbsoluteError,
    Asymmetric,
    BalancedMse,
    ClassBalanced,
    CorrectAfterTraining,
    CorrectInTraining,
    CrossEntropy,
    DataRef,
    DeferredReweighting,
    DiceCrossEntropy,
    DistributionBalanced,
    EqlV2,
    Focal,
    Ghm,
    HeatmapMse,
    Ldam,
    Lds,
    LogitAdjusted,
    Power,
    Remix,
    RepeatFactor,
    Seesaw,
    SigmoidFocal,
    TaskAugmentation,
    Tversky,
    TwoStage,
    Uniform,
    VectorScaling,
    WeightedBce,
)
from balancekit.plan.arithmetic import steps_in_words
from balancekit.priors import correction_strength

DATA = DataRef.from_labels(Labels.from_names(["a"] * 90 + ["b"] * 9 + ["c"]))
AFTER = CorrectAfterTraining()
TAU_NORM = TwoStage(head="tau-norm")


def plan(**fields):
    return Plan(**{"data": DATA, "objective": "balanced_accuracy", "correction": AFTER} | fields)


def of_task(task, counts, n_samples=1000):
    names = tuple(f"c{i}" for i in range(len(counts)))
    return DataRef(
        fingerprint="",
        task=task,
        media="unknown",
        n_samples=n_samples,
        class_names=names,
        class_counts=counts,
    )


LABELS, BINS, PIXELS = (
    of_task("multilabel", (400, 10)),
    of_task("regression", (900, 90, 10)),
    of_task("segmentation", (900_000, 90_000, 10_000)),
)


INVERSE = CrossEntropy(class_weights=tuple(100 / 3 / np.array([90, 9, 1])))
ONCE = {
    "sampling": {"sampling": Uniform()},
    "weights": {"loss": INVERSE},
    "adjustment": {"loss": LogitAdjusted()},
    "half by each": {
        "sampling": Power(alpha=0.5),
        "loss": CrossEntropy(class_weights=tuple(np.array([90, 9, 1.0]) ** -0.5)),
    },
    "adjustment of what is left": {"sampling": Power(alpha=0.5), "loss": LogitAdjusted()},
    "adjustment of balanced draws": {"sampling": Uniform(), "loss": LogitAdjusted()},
    "a shift without scales": {"loss": VectorScaling(gamma=0.0)},
    "a head learnt anew": {"stages": TwoStage()},
    "a head learnt anew, whatever was drawn first": {"stages": TwoStage(), "sampling": Uniform()},
    "adjustment of the second stage's draws": {"stages": TwoStage(), "loss": LogitAdjusted()},
    "half by the second stage's draws, half by weights": {
        "stages": TwoStage(sampling=Power(alpha=0.5)),
        "loss": CrossEntropy(class_weights=tuple(np.array([90, 9, 1.0]) ** -0.5)),
    },
}


@pytest.mark.parametrize("fields", ONCE.values(), ids=ONCE.keys())
def test_one_full_correction_passes_and_leads_to_the_wanted_prior(fields):
    one = plan(correction=CorrectInTraining(), **fields)
    assert one.check() is one
    # 1e-9: logarithms of shares and back.
    np.testing.assert_allclose(one.believed_prior(), one.wanted(), rtol=1e-9)


TWICE = {
    "balanced and weighted": (
        {"sampling": Uniform(), "loss": INVERSE},
        "loss: the plan corrects the class prior 2.00 times: sampling 1.00 + weights 1.00 + "
        "adjustment 0.00 = 2.00, where 1 is full",
    ),
    "square root and weighted": (
        {"sampling": Power(alpha=0.5), "loss": INVERSE},
        "loss: the plan corrects the class prior 1.50 times: sampling 0.50 + weights 1.00 + "
        "adjustment 0.00 = 1.50, where 1 is full",
    ),
    "sampled beyond balance": (
        {"sampling": Power(alpha=-1.0)},
        "sampling: the plan corrects the class prior 2.00 times: sampling 2.00 + weights 0.00 + "
        "adjustment 0.00 = 2.00, where 1 is full",
    ),
    "late weights on balanced draws": (
        {"sampling": Uniform(), "stages": DeferredReweighting()},
        "stages: the plan corrects the class prior 2.00 times: sampling 1.00 + weights 1.00 + "
        "adjustment 0.00 = 2.00, where 1 is full",
    ),
    "a head learnt anew with weights": (
        {"stages": TwoStage(), "loss": INVERSE},
        "loss: the plan corrects the class prior 2.00 times: second-stage sampling 1.00 + weights "
        "1.00 + adjustment 0.00 = 2.00, where 1 is full",
    ),
    "a second stage beyond balance": (
        {"stages": TwoStage(sampling=Power(alpha=-1.0))},
        "stages.sampling: the plan corrects the class prior 2.00 times: second-stage sampling 2.00",
    ),
    "scales with too much of a shift": (
        {"loss": VectorScaling(gamma=0.0, tau=1.5)},
        "loss: the plan corrects the class prior 1.50 times: sampling 0.00 + weights 0.00 + "
        "adjustment 1.50",
    ),
    "adjusted twice as strongly": (
        {"loss": LogitAdjusted(tau=2.0)},
        "loss: the plan corrects the class prior 2.00 times: sampling 0.00 + weights 0.00 + "
        "adjustment 2.00 = 2.00, where 1 is full",
    ),
}


@pytest.mark.parametrize("correction", [CorrectInTraining(), AFTER], ids=["in", "after"])
@pytest.mark.parametrize(("fields", "words"), TWICE.values(), ids=TWICE.keys())
def test_more_than_one_correction_is_refused_with_the_arithmetic(fields, words, correction):
    with pytest.raises(PlanError) as caught:
        plan(correction=correction, **fields).check()
    assert words in str(caught.value)
    assert "allow_double_correction = true" in str(caught.value)
    insisted = plan(correction=correction, allow_double_correction=True, **fields)
    assert insisted.check() is insisted


def test_a_correction_where_none_is_wanted_is_refused_unless_undone_afterwards():
    moved = {"sampling": Uniform(), "wanted_prior": "training"}
    with pytest.raises(PlanError, match="though none was wanted"):
        plan(correction=CorrectInTraining(), **moved).check()
    assert plan(correction=CorrectAfterTraining(), **moved).check()
    assert plan(wanted_prior="training", correction=CorrectInTraining()).check()


def test_weights_that_lead_elsewhere_are_refused_though_their_slope_is_one():
    data = DataRef.from_labels(Labels.from_names("a" * 400 + "b" * 200 + "c" * 100 + "d" * 50))
    astray = CrossEntropy(class_weights=(0.14, 80.8, 0.06, 1.52))
    with pytest.raises(PlanError, match="together with the sampling"):
        plan(data=data, sampling=Uniform(), loss=astray, correction=CorrectInTraining()).check()


def test_nearly_equal_classes_may_be_trained_plainly():
    data = DataRef.from_labels(Labels.from_names("a" * 101 + "b" * 100))
    assert plan(data=data, correction=CorrectInTraining()).check()


def test_margins_and_a_prior_of_ones_own_go_together():
    own = plan(loss=LogitAdjusted(), wanted_prior=(0.5, 0.3, 0.2)).check()
    shift = own.correction_shift()
    assert np.ptp(shift - np.log([0.5, 0.3, 0.2])) < 1e-9


def test_a_loss_that_moves_away_from_equal_classes_is_refused():
    with pytest.raises(PlanError, match=r"corrects the class prior -1\.00 times"):
        plan(loss=LogitAdjusted(tau=-1.0)).check()


def test_what_is_insisted_on_is_not_undone():
    twice = plan(
        sampling=Uniform(),
        loss=ClassBalanced(),
        correction=CorrectInTraining(),
        allow_double_correction=True,
    ).check()
    assert not twice.correction_shift().any()


def test_half_a_correction_in_training_is_refused_and_may_be_completed_afterwards():
    half = {"sampling": Power(alpha=0.5)}
    with pytest.raises(PlanError, match=r'go 0\.50 of the way.*Set kind = "after-training"'):
        plan(correction=CorrectInTraining(), **half).check()
    assert plan(**half).check()


def test_equal_classes_need_no_correction():
    even = DataRef.from_labels(Labels.from_names("ab" * 10))
    assert plan(data=even, correction=CorrectInTraining()).check()


# --- what no formula tells exactly --------------------------------------------------------------

ROUGHLY = {
    "seesaw": {"loss": Seesaw()},
    "seesaw of balanced draws, which leave it nothing": {"loss": Seesaw(), "sampling": Uniform()},
    "norms evened out": {"stages": TAU_NORM},
    "overlap": {"data": PIXELS, "loss": Tversky()},
    "overlap and cross-entropy": {"data": PIXELS, "loss": DiceCrossEntropy()},
    "pictures with rare classes more often": {
        "data": PIXELS,
        "sampling": RepeatFactor(threshold=0.1),
    },
}


@pytest.mark.parametrize("fields", ROUGHLY.values(), ids=ROUGHLY.keys())
def test_what_cannot_be_told_exactly_passes_in_training_and_says_so(fields):
    one = plan(correction=CorrectInTraining(), **fields).check()
    assert not one.prior_is_exact
    assert not one.is_correctable
    assert not one.correction_shift().any()


@pytest.mark.parametrize("fields", ROUGHLY.values(), ids=ROUGHLY.keys())
def test_nothing_is_moved_after_training_where_no_prior_is_known(fields):
    with pytest.raises(PlanError, match='correction: expected kind = "in-training", got after'):
        plan(**fields, allow_double_correction=True).check()
    with pytest.raises(OptionError, match=r"correction: expected a plan that says which prior"):
        plan(correction=CorrectInTraining(), **fields).correction_shift(np.full(3, 1 / 3))


BENT = {
    "margins alone": ({"loss": Ldam()}, "margins about 0.00"),
    "margins, then weights": (
        {"loss": Ldam(), "stages": DeferredReweighting()},
        "margins about 0.00",
    ),
    "margins on balanced draws": ({"loss": Ldam(), "sampling": Uniform()}, "margins about 0.00"),
    "scales and shift": ({"loss": VectorScaling()}, "scales (not known)"),
}


@pytest.mark.parametrize(("fields", "step"), BENT.values(), ids=BENT.keys())
def test_a_posterior_known_by_a_formula_is_moved_after_training_and_plain_logits_are_not(
    fields, step
):
    plain = plan(correction=CorrectInTraining(), **fields).check()
    assert str(plain.correction_steps()[-1]) == step
    assert plain.is_correctable
    assert not plain.prior_is_exact
    assert not plain.correction_shift().any()
    after = plan(**fields).check()
    assert after.prior_is_exact
    assert all(one.is_exact for one in after.correction_steps())
    believed = np.log(after.believed_prior()) + after.correction_shift()
    assert np.ptp(believed) < 1e-9  # logarithms of shares and back


def test_scaled_heads_go_a_part_of_the_way_that_their_draws_say():
    scaled = plan(correction=CorrectInTraining(), stages=TwoStage(head="lws")).check()
    first, *rest = scaled.correction_steps()
    assert str(first) == "second-stage sampling (LWS makes a part of it) about 1.00"
    assert all(step.is_exact for step in rest)
    assert steps_in_words((first, *rest)).endswith(" = about 1.00")
    # Too little is told, as of a head that is learnt anew.
    half = TwoStage(head="lws", sampling=Power(alpha=0.5))
    with pytest.raises(PlanError, match=r"go 0\.50 of the way to the wanted prior"):
        plan(correction=CorrectInTraining(), stages=half).check()


def test_weights_by_hardness_move_no_decision_but_bend_what_is_believed():
    one = plan(loss=Ghm(), correction=CorrectInTraining()).check()
    assert str(one.correction_steps()[-1]) == "hardness about 0.00"
    assert not one.is_correctable


TOO_MUCH = {
    "norms evened out after balanced draws": (
        {"stages": TAU_NORM, "sampling": Uniform()},
        "stages: the plan corrects the class prior about 2.00 times: sampling 1.00 + weights 0.00 "
        "+ adjustment 0.00 + tau-norm about 1.00 = about 2.00, where 1 is full",
    ),
    "norms evened out after adjustment": (
        {"stages": TAU_NORM, "loss": LogitAdjusted()},
        "adjustment 1.00 + tau-norm about 1.00 = about 2.00",
    ),
    "norms evened out after half a correction": (
        {"stages": TAU_NORM, "sampling": Power(alpha=0.5)},
        "sampling 0.50 + weights 0.00 + adjustment 0.00 + tau-norm about 1.00 = about 1.50",
    ),
    "norms evened out after seesaw": (
        {"stages": TAU_NORM, "loss": Seesaw()},
        "seesaw about 0.80 + tau-norm about 1.00 = about 1.80",
    ),
    "a steep seesaw": ({"loss": Seesaw(p=2.0)}, "loss: the plan corrects the class prior about 2"),
    "margins and late weights on balanced draws": (
        {"loss": Ldam(), "stages": DeferredReweighting(), "sampling": Uniform()},
        "stages: the plan corrects the class prior about 2.00 times: sampling 1.00 + weights 1.00 "
        "+ adjustment 0.00 + margins about 0.00 = about 2.00",
    ),
    "seesaw where none is wanted": (
        {"loss": Seesaw(), "wanted_prior": "training"},
        "loss: sampling and loss move the class prior, though none was wanted to move: sampling "
        "0.00 + weights 0.00 + adjustment 0.00 + seesaw about 0.80 = about 0.80",
    ),
    "numbers sampled and weighted": (
        {"data": BINS, "sampling": Uniform(), "loss": Lds()},
        "loss: sampling and lds both make up for rare targets: sampling 1.00 + lds about 0.50 = "
        "about 1.50, where 1 is full",
    ),
    "numbers sampled beyond balance": (
        {"data": BINS, "sampling": Power(alpha=-1.0), "loss": AbsoluteError()},
        "sampling: it goes beyond equal bins: sampling 2.00",
    ),
    "labels weighted beyond even odds": (
        {"data": LABELS, "loss": WeightedBce(pos_weight=(1.5**2, 99.0**2))},
        "loss.pos_weight: the plan corrects the odds of the labels 2.00 times: sampling 0.00 + "
        "weights 2.00 = 2.00, where 1 makes yes and no equal",
    ),
    "labels drawn class by class and weighted to even odds": (
        {"data": LABELS, "sampling": Uniform(), "loss": WeightedBce(pos_weight=(1.5, 99.0))},
        "loss.pos_weight: sampling and weights both favour rare labels: sampling (not known) + "
        "weights 1.00",
    ),
}


@pytest.mark.parametrize(("fields", "words"), TOO_MUCH.values(), ids=TOO_MUCH.keys())
def test_what_corrects_too_much_is_refused_though_not_all_is_exact(fields, words):
    one = plan(correction=CorrectInTraining(), **fields)
    with pytest.raises(PlanError, match=re.escape(words)) as caught:
        one.check()
    assert "allow_double_correction = true" in str(caught.value)
    assert msgspec.structs.replace(one, allow_double_correction=True).check()


ENOUGH = {
    "numbers weighted": {"data": BINS, "loss": Lds()},
    "numbers half sampled and half weighted": {
        "data": BINS,
        "sampling": Power(alpha=0.5),
        "loss": Lds(exponent=0.5),
    },
    "balanced MSE of balanced draws, which leave it nothing": {
        "data": BINS,
        "sampling": Uniform(),
        "loss": BalancedMse(),
    },
    "labels weighted to even odds": {
        "data": LABELS,
        "loss": WeightedBce(pos_weight=(1.5, 99.0)),
    },
    "labels drawn class by class and weighted half": {
        "data": LABELS,
        "sampling": Uniform(),
        "loss": WeightedBce(pos_weight=(1.5**0.5, 99.0**0.5)),
    },
    "labels drawn class by class, which the loss knows": {
        "data": LABELS,
        "sampling": Uniform(),
        "loss": DistributionBalanced(),
    },
    "asymmetric": {"data": LABELS, "loss": Asymmetric()},
    "repeated pictures and a loss that evens out": {
        "data": of_task("detection", (9000, 90, 10)),
        "sampling": RepeatFactor(threshold=0.1),
        "loss": EqlV2(),
    },
    "keypoints": {"data": of_task("keypoints", (900, 800)), "loss": HeatmapMse()},
}


@pytest.mark.parametrize("fields", ENOUGH.values(), ids=ENOUGH.keys())
def test_what_corrects_at_most_once_passes_for_every_task(fields):
    assert plan(correction=CorrectInTraining(), **fields).check()


NO_PRIOR = {
    "weights by hardness": {"loss": Ghm()},
    "numbers": {"data": BINS, "loss": AbsoluteError()},
    "boxes": {"data": of_task("detection", (9, 1)), "loss": SigmoidFocal()},
    "keypoints": {"data": of_task("keypoints", (9, 1)), "loss": HeatmapMse()},
    "asymmetric": {"data": LABELS, "loss": Asymmetric()},
    "labels drawn class by class": {"data": LABELS, "sampling": Uniform(), "loss": WeightedBce()},
    "labels whose head is learnt anew class by class": {
        "data": LABELS,
        "loss": WeightedBce(),
        "stages": TwoStage(),
    },
}


@pytest.mark.parametrize("fields", NO_PRIOR.values(), ids=NO_PRIOR.keys())
def test_a_prior_that_is_not_there_is_not_moved(fields):
    one = plan(**fields)
    assert not one.prior_is_exact
    with pytest.raises(PlanError, match="needs a model whose prior is known"):
        one.check()
    with pytest.raises(OptionError, match="correction: expected a plan that says"):
        one.correction_shift()
    kept = msgspec.structs.replace(one, correction=CorrectInTraining())
    assert not kept.correction_shift().any()
    assert len(kept.believed_prior()) == len(kept.data.class_names)


@pytest.mark.parametrize(
    "fields",
    [
        {"stages": TwoStage(head="lws")},
        {"augmentation": TaskAugmentation(task="natural", mix=Remix())},
        {"data": LABELS, "loss": SigmoidFocal()},
    ],
    ids=["LWS", "rare classes mixed in", "focal sigmoids"],
)
def test_a_prior_that_is_known_about_is_moved_and_not_called_exact(fields):
    one = plan(**fields).check()
    assert one.is_correctable
    assert not one.prior_is_exact


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"loss": Focal(class_weights=(1.0, 2.0, 3.0))},
        {"loss": VectorScaling(gamma=0.0)},
        {"stages": DeferredReweighting()},
        {"stages": TwoStage()},
        {"data": PIXELS, "loss": LogitAdjusted()},
        {"data": PIXELS, "loss": DiceCrossEntropy(dice_share=0.0)},
        {"data": LABELS, "loss": WeightedBce()},
    ],
    ids=["plain", "focal", "shift", "late weights", "new head", "pixels", "no Dice", "labels"],
)
def test_a_prior_that_formulas_tell_is_called_exact(fields):
    assert plan(**fields).prior_is_exact


LATE = DeferredReweighting()
MISFITS = {
    "weights early and late": (
        {"loss": CrossEntropy(class_weights=(1.0, 2.0, 3.0)), "stages": LATE},
        "loss.class_weights: expected none, as deferred-reweighting trains without weights first",
    ),
    "class-balanced weights early and late": (
        {"loss": ClassBalanced(), "stages": LATE},
        "class-balanced has weights from the start",
    ),
    "weights late on a shift": (
        {"loss": LogitAdjusted(), "stages": LATE},
        "logit-adjusted corrects by itself: with weights it would twice",
    ),
    "class weights late for labels": (
        {"data": LABELS, "loss": WeightedBce(), "stages": LATE},
        'stages: expected kind = "one" with weighted-bce of multilabel data, got deferred',
    ),
    "two heads of a detector": (
        {
            "data": of_task("detection", (9, 1)),
            "loss": SigmoidFocal(),
            "stages": TwoStage(),
            "correction": CorrectInTraining(),
        },
        'stages: expected kind = "one" of detection data, got two-stage',
    ),
    "draws of a second stage that labels cannot have": (
        {"data": LABELS, "loss": WeightedBce(), "stages": TwoStage(sampling=Power(alpha=0.5))},
        'stages.sampling: expected kind = "natural", "repeat-factor", or "uniform"',
    ),
}


@pytest.mark.parametrize(("fields", "words"), MISFITS.values(), ids=MISFITS.keys())
def test_stages_that_do_not_fit_the_loss_are_refused(fields, words):
    with pytest.raises(PlanError, match=re.escape(words)):
        plan(**fields).check()


def test_the_steps_add_up_to_how_often_the_prior_is_corrected():
    one = plan(sampling=Power(alpha=0.3), loss=VectorScaling(gamma=0.0, tau=0.6))
    steps = {step.name: step.strength for step in one.correction_steps()}
    assert steps == {"sampling": 0.7, "weights": 0.0, "adjustment": pytest.approx(0.18)}
    whole = correction_strength(one.training_prior(), one.believed_prior(), one.wanted())
    assert sum(steps.values()) == pytest.approx(whole)


@pytest.mark.parametrize("correction", [CorrectInTraining(), AFTER], ids=["in", "after"])
@pytest.mark.parametrize(
    "loss",
    [
        LogitAdjusted(tau=1e6),
        LogitAdjusted(tau=-1e308),
        CrossEntropy(class_weights=(1e-300, 1.0, 1e300)),
    ],
    ids=["a shift", "an endless shift", "weights"],
)
def test_what_leaves_a_class_no_prior_is_refused_whoever_insists(loss, correction):
    one = plan(loss=loss, correction=correction, allow_double_correction=True)
    with pytest.raises(PlanError, match="loss: expected weights and shifts that leave each class"):
        one.check()


def test_one_class_and_very_many_need_no_correction():
    one = DataRef.from_labels(Labels.from_names("aaa"))
    assert plan(data=one, correction=CorrectInTraining()).check()
    many = of_task("classification", (1,) * 50_000)
    assert plan(data=many, correction=CorrectInTraining()).check()
