"""Plans to compare: each of the same objective, each right but those that are mistakes."""

import msgspec
import numpy as np
import pytest

from balancekit import Labels, analyze, recommend
from balancekit.errors import DataError, PlanError
from balancekit.plan import CorrectInTraining, CrossEntropy, LogitAdjusted, Uniform
from balancekit.recommender import OBJECTIVES, alternatives, baseline, load_rules

MISTAKE = "mistake: balanced batches and inverse weights"


def stats_of(counts, **options):
    ids = np.repeat(np.arange(len(counts)), counts)
    names = tuple(f"class {c}" for c in range(len(counts)))
    return analyze(Labels(class_ids=ids, class_names=names, **options))


def some_stats(task):
    """Small data of each task, unequal enough to be balanced."""
    if task == "classification":
        return stats_of([900, 30])
    if task == "regression":
        return analyze(Labels.from_values(np.random.default_rng(0).normal(size=800)))
    sizes = np.full(102, 50) if task == "segmentation" else None
    labels = Labels(
        class_ids=[0] * 100 + [0, 1],
        class_names=("class 0", "class 1"),
        offsets=[*range(101), 102],
        task=task,
        sizes=sizes,
    )
    return analyze(labels)


@pytest.mark.parametrize(
    ("task", "objective"), [(task, one) for task, few in OBJECTIVES.items() for one in few]
)
def test_every_task_and_objective_has_plans_to_compare(task, objective):
    plans = alternatives(some_stats(task), objective=objective, seed=5)
    assert list(plans)[:2] == ["baseline", "recommended"]
    assert plans["recommended"] == recommend(some_stats(task), objective=objective, seed=5)
    assert plans["baseline"] == baseline(some_stats(task), objective=objective, seed=5)
    wanted = plans["recommended"].wanted_prior
    for name, plan in plans.items():
        assert plan.check().objective == objective
        assert plan.seed == 5
        assert plan.allow_double_correction == name.startswith("mistake: ")
        if name != "baseline":
            assert plan.wanted_prior == wanted, "decisions of all are for the same prior"
    trained = [
        (plan.sampling, plan.loss, plan.stages, plan.correction, plan.bias_init)
        for name, plan in plans.items()
        if name != "baseline"
    ]
    assert all(one not in trained[:place] for place, one in enumerate(trained))


def test_a_long_tail_is_compared_with_what_people_do():
    plans = alternatives(stats_of([900, 30]))
    assert plans["recommended"].loss == LogitAdjusted()
    batches = plans["balanced batches"]
    assert (batches.sampling, batches.loss) == (Uniform(), CrossEntropy())
    assert plans["post-hoc"].loss == CrossEntropy()
    assert np.ptp(plans["post-hoc"].correction_shift()) == pytest.approx(np.log(30))


def test_the_mistake_corrects_twice_and_would_be_refused():
    plan = alternatives(stats_of([900, 30]))[MISTAKE]
    assert plan.effective_prior().strength("uniform") == pytest.approx(2, abs=1e-4)
    assert plan.correction == CorrectInTraining(), "nothing takes it back"
    honest = msgspec.structs.replace(plan, allow_double_correction=False)
    with pytest.raises(PlanError, match=r"corrects the class prior 2\.00 times"):
        honest.check()


def test_where_classes_are_equal_there_is_no_mistake_to_show():
    assert list(alternatives(stats_of([50, 50]))) == ["baseline", "recommended"]


def test_what_takes_long_is_left_out_of_a_short_comparison():
    stats = stats_of([900, 30])
    assert "two-stage head" in alternatives(stats, budget_s=600)
    assert not {"two-stage head", "deferred re-weighting"} & set(alternatives(stats, budget_s=60))


def test_options_go_to_every_plan():
    plans = alternatives(
        stats_of([900, 30], media="pictures"),
        objective="accuracy",
        deployed_prior={"class 0": 1, "class 1": 2},
        picture_task="natural",
    )
    for name, plan in plans.items():
        if name != "baseline":
            assert plan.wanted_prior == pytest.approx((1 / 3, 2 / 3))
            assert plan.augmentation == plans["recommended"].augmentation
            assert plan.augmentation.task == "natural"
            assert plan.batch_size == plans["recommended"].batch_size


def test_data_that_cannot_be_planned_for_are_refused():
    with pytest.raises(DataError, match="expected two classes with samples"):
        alternatives(stats_of([5]))


def test_the_names_are_those_of_the_rules():
    known = {"baseline", "recommended", *load_rules().strategies}
    for task in OBJECTIVES:
        assert set(alternatives(some_stats(task))) <= known
