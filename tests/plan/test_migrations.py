"""Plans of the schema before are made plans of this one; plans of later ones are refused."""

from pathlib import Path

import pytest

from balancekit import Labels, Plan, PlanError
from balancekit.plan import (
    CMO,
    CorrectAfterTraining,
    DataRef,
    Focal,
    LogitAdjusted,
    Metric,
    OneStage,
    Schedule,
    WeightedBce,
)
from balancekit.plan.migrations import migrated

OLD = sorted((Path(__file__).parent / "schema_1").glob("*.toml"))  # as version 0.1.0 wrote them
TEXT = (Path(__file__).parent / "schema_1" / "recommended.toml").read_text()
LOSSES = {"everything": Focal, "multilabel": WeightedBce, "recommended": LogitAdjusted}


@pytest.mark.parametrize("path", OLD, ids=lambda path: path.stem)
def test_a_plan_of_schema_1_is_read_checked_and_saved_as_this_schema(path, tmp_path):
    assert path.read_text().startswith('schema = "balancekit.plan/1"')
    one = Plan.load(path)
    assert (one.schema, one.stages, one.batch_size) == ("balancekit.plan/2", OneStage(), None)
    assert isinstance(one.loss, LOSSES[path.stem])
    one.save(tmp_path / "plan.toml")
    assert Plan.load(tmp_path / "plan.toml") == one


def test_nothing_of_a_plan_of_schema_1_is_lost():
    one = Plan.load(Path(__file__).parent / "schema_1" / "everything.toml")
    assert one.data == DataRef.from_labels(Labels.from_names(["a"] * 90 + ["b"] * 9 + ["c"]))
    assert one.metrics == (Metric(name="macro_f1"),)
    assert isinstance(one.sampling, Schedule)
    assert one.augmentation.mix == CMO()
    assert one.augmentation.repeats.strength.strengths == {"a": 0.5}
    assert (one.seed, one.bias_init, one.warnings) == (7, "log-prior", ("w",))
    assert (one.wanted_prior, one.correction) == ((0.5, 0.3, 0.2), CorrectAfterTraining())


def test_metrics_that_schema_1_left_out_are_those_that_it_meant():
    fields = migrated({"schema": "balancekit.plan/1"})
    assert [one["name"] for one in fields["metrics"]] == ["balanced_accuracy", "recall_per_class"]


def test_a_metric_that_is_a_table_already_stays_one():
    table = {"name": "macro_f1", "half_width": 0.1}
    fields = migrated({"schema": "balancekit.plan/1", "metrics": [table, "mcc"]})
    assert fields["metrics"] == [table, {"name": "mcc"}]


def test_migration_leaves_what_it_is_given_alone():
    old = {"schema": "balancekit.plan/1", "metrics": ["macro_f1"], "seed": "x"}
    assert migrated(old)["seed"] == "x"
    assert old == {"schema": "balancekit.plan/1", "metrics": ["macro_f1"], "seed": "x"}
    assert migrated(migrated(old)) == migrated(old)


def test_problems_of_a_plan_of_schema_1_have_its_lines(tmp_path):
    path = tmp_path / "plan.toml"
    path.write_text(TEXT.replace('"macro_f1"', '"macro-f1"').replace("seed = 0", "seed = -1"))
    with pytest.raises(PlanError) as caught:
        Plan.load(path)
    told = str(caught.value).splitlines()[1:]
    assert told[0].startswith(f"  {path}:4: seed: ")
    assert told[1].startswith(f"  {path}:10: metrics[2].name: ")


OTHERS = {
    "a newer one": (
        '"balancekit.plan/3"',
        "plan.toml:1: schema: expected \"balancekit.plan/2\", got 'balancekit.plan/3', which a "
        "newer balancekit has made. Update it, or make the plan anew with `balancekit recommend",
    ),
    "a much newer one": ('"balancekit.plan/10"', "which a newer balancekit has made"),
    "a misspelt one": (
        '"balancekit.plan2"',
        "Did you mean 'balancekit.plan/2'? Write that, or mak",
    ),
    "one of no version": (
        '"x"',
        "expected \"balancekit.plan/2\", got 'x'. Write that, or make the",
    ),
    "a number": ("2", 'schema: expected "balancekit.plan/2", got 2. Write that'),
    "that of an analysis": (
        '"balancekit.analysis/1"',
        "got 'balancekit.analysis/1'. Did you mean 'balancekit.plan/2'?",
    ),
}


@pytest.mark.parametrize(("schema", "words"), OTHERS.values(), ids=OTHERS.keys())
def test_a_plan_of_another_schema_is_refused_with_the_step_to_take(tmp_path, schema, words):
    path = tmp_path / "plan.toml"
    path.write_text(TEXT.replace('"balancekit.plan/1"', schema))
    with pytest.raises(PlanError) as caught:
        Plan.load(path)
    assert words in str(caught.value)


def test_what_else_is_wrong_in_a_newer_plan_is_not_told_as_it_may_be_right_there(tmp_path):
    path = tmp_path / "plan.toml"
    path.write_text(TEXT.replace("plan/1", "plan/3").replace("seed = 0", "speed = 0"))
    with pytest.raises(PlanError) as caught:
        Plan.load(path)
    assert "speed" not in str(caught.value)


def test_a_plan_that_does_not_say_its_schema_is_refused(tmp_path):
    path = tmp_path / "plan.toml"
    path.write_text(TEXT.replace('schema = "balancekit.plan/1"\n', "").replace('"macro_f1"', "1"))
    with pytest.raises(PlanError) as caught:
        Plan.load(path)
    told = str(caught.value)
    assert 'schema: missing. Write schema = "balancekit.plan/2" as the first line, or make' in told
    assert "metrics[2]: expected a table with name, got 1" in told
