"""A plan is written and read without loss, and says which prior it leads to."""

import tomllib
from typing import get_args

import hypothesis.strategies as st
import msgspec
import numpy as np
import pytest
import tomli_w
from hypothesis import given

from balancekit import Labels, Plan
from balancekit.augment import operation_names
from balancekit.errors import OptionError
from balancekit.labels import Task
from balancekit.plan import (
    PICTURE_TASKS,
    Confidence,
    CorrectAfterTraining,
    CorrectInTraining,
    CrossEntropy,
    DataRef,
    DeferredReweighting,
    Focal,
    LogitAdjusted,
    Loss,
    Metric,
    Natural,
    NoAugmentation,
    Objective,
    OneStage,
    Power,
    Reason,
    SigmoidFocal,
    Stages,
    TaskAugmentation,
    TwoStage,
    Uniform,
    WeightedBce,
)
from balancekit.plan.choices import Backend, Finding
from balancekit.plan.mixes import Mix
from balancekit.plan.operations import Operation
from balancekit.plan.places import lines_of_places
from balancekit.plan.reading import field_problems
from balancekit.plan.repeats import (
    RepeatAugmentation,
    SameStrength,
    StrengthByClass,
    StrengthByRarity,
)
from balancekit.weights import power_weights

LABELS = Labels.from_names(["a"] * 90 + ["b"] * 9 + ["c"])
DATA = DataRef.from_labels(LABELS)
SEVERAL = Labels(class_ids=[0, 1, 0], class_names=("x", "y"), offsets=[0, 2, 3, 3, 3])
AFTER = CorrectAfterTraining()


def plan(**fields):
    return Plan(**{"data": DATA, "objective": "balanced_accuracy", "correction": AFTER} | fields)


# --- the round trip -----------------------------------------------------------------------------

texts = st.text(max_size=8)  # all of Unicode but lone surrogates, control characters included
numbers = st.floats(allow_nan=False)
positive = st.floats(1e-6, 1e6)
names = st.lists(texts, max_size=3).map(tuple)
operations = st.lists(st.sampled_from(operation_names()), max_size=3).map(tuple)
some_weights = st.none() | st.lists(numbers, max_size=4).map(tuple)

sampling = st.just(Natural()) | st.just(Uniform()) | st.builds(Power, alpha=st.floats(-4, 4))
shares = st.floats(0, 1)
strengths = (
    st.builds(SameStrength, strength=shares)
    | st.builds(StrengthByClass, strengths=st.dictionaries(texts, shares), others=shares)
    | st.builds(StrengthByRarity, strongest=shares)
)
done = st.none() | st.lists(
    st.sampled_from(get_args(Operation)).flatmap(lambda kind: st.builds(kind, probability=shares)),
    max_size=3,
).map(tuple)
pairs = st.lists(st.tuples(st.integers(0, 99), st.integers(0, 99)), max_size=2).map(tuple)
augmentation = st.just(NoAugmentation()) | st.builds(
    TaskAugmentation,
    task=st.sampled_from(PICTURE_TASKS),
    backend=st.sampled_from(get_args(Backend)),
    operations=done,
    allow=operations,
    because=st.dictionaries(st.sampled_from(operation_names()), texts, max_size=2),
    findings=st.lists(
        st.builds(Finding, operation=st.sampled_from(operation_names()), reason=texts),
        max_size=2,
    ).map(tuple),
    keypoint_pairs=pairs,
    class_pairs=pairs,
    repeats=st.none() | st.builds(RepeatAugmentation, operations=done, strength=strengths),
    mix=st.none() | st.sampled_from([kind() for kind in get_args(Mix)]),
)
share = st.floats(0.01, 0.99)
OWN = {  # fields that not all values of their type fit
    "beta": share,
    "sigma": st.floats(0.3, 2),
    "alpha": share,
    "margin": share,
    "momentum": share,
    "dice_share": share,
    "base": st.sampled_from(["l1", "mse", "huber"]),
    "normalizer": st.sampled_from(["positives", "count"]),
    "class_weights": some_weights,
    "pos_weight": some_weights,
    "n_bins": st.integers(1, 99),
}


def of_kind(kind):
    """A strategy for any loss of a kind."""
    names = kind.__struct_fields__
    return st.builds(kind, **{name: OWN.get(name, st.floats(0.01, 9)) for name in names})


losses = st.sampled_from(get_args(Loss)).flatmap(of_kind)
stages = (
    st.just(OneStage())
    | st.builds(DeferredReweighting, start_share=share, beta=share)
    | st.builds(
        TwoStage,
        head=st.sampled_from(["crt", "lws", "tau-norm"]),
        epochs=st.integers(1, 99),
        sampling=sampling,
        tau=st.floats(0, 2),
    )
)
metrics = st.lists(
    st.builds(
        Metric,
        name=texts,
        half_width=st.none() | numbers,
        confidence=st.sampled_from(get_args(Confidence)),
        because=texts,
    ),
    max_size=3,
).map(tuple)
data_refs = st.builds(
    DataRef,
    fingerprint=texts,
    task=st.sampled_from(get_args(Task)),
    media=st.sampled_from(["pictures", "rows", "unknown"]),
    n_samples=st.integers(0, 2**40),
    class_names=names,
    class_counts=st.lists(st.integers(0, 2**40), max_size=4).map(tuple),
    read_by=st.dictionaries(texts, texts, max_size=2),
)
plans = st.builds(
    Plan,
    data=data_refs,
    objective=st.sampled_from(get_args(Objective)),
    wanted_prior=st.sampled_from(["training", "uniform"])
    | st.lists(numbers, max_size=3).map(tuple),
    seed=st.integers(-(2**62), 2**62),
    allow_double_correction=st.booleans(),
    bias_init=st.sampled_from(["zeros", "log-prior"]),
    batch_size=st.none() | st.integers(-9, 2**40),
    metrics=metrics,
    sampling=sampling,
    augmentation=augmentation,
    loss=losses,
    stages=stages,
    correction=st.sampled_from([CorrectInTraining(), AFTER]),
    warnings=names,
    reasons=st.lists(
        st.builds(Reason, part=texts, because=texts, source=texts, instead=texts), max_size=2
    ).map(tuple),
)


@given(one=plans)
def test_any_plan_is_the_same_after_toml(one):
    text = one.to_toml()
    fields = tomllib.loads(text)
    assert field_problems(fields, Plan) == []
    assert msgspec.convert(fields, Plan) == one
    assert msgspec.convert(fields, Plan).to_toml() == text


@given(one=plans)
def test_every_value_of_a_written_plan_is_found_in_its_line(one):
    text = one.to_toml()
    lines, places = text.split("\n"), lines_of_places(text)
    for place, value in spelt_out(tomllib.loads(text)):
        written = tomli_w.dumps({"x": value}).removeprefix("x = ").rstrip()
        assert written in lines[places[place] - 1]


def spelt_out(fields, place=""):
    """Every value that is no table and no list, with its place."""
    if isinstance(fields, dict):
        for name, value in fields.items():
            yield from spelt_out(value, f"{place}.{name}" if place else name)
    elif isinstance(fields, list):
        for number, value in enumerate(fields):
            yield from spelt_out(value, f"{place}[{number}]")
    else:
        yield place, fields


@pytest.mark.parametrize(
    "kind", [*get_args(Loss), *get_args(Stages)], ids=lambda kind: kind.__name__
)
def test_every_loss_and_stage_comes_back_from_a_file_as_it_was(kind):
    one = plan(**{"stages" if kind in get_args(Stages) else "loss": kind()})
    assert msgspec.convert(tomllib.loads(one.to_toml()), Plan) == one
    assert msgspec.json.decode(msgspec.json.encode(one), type=Plan) == one


def test_a_plan_can_be_hashed_whatever_its_data_were_read_by():
    one = plan(data=msgspec.structs.replace(DATA, read_by={"label": "kind"}))
    assert len({one, msgspec.structs.replace(one)}) == 1


def test_a_written_plan_says_above_each_table_which_kinds_there_are():
    watched = [Metric(name=name, because=name * 20) for name in ("macro_f1", "accuracy")]
    text = plan(metrics=tuple(watched)).to_toml()
    assert text.count("[[metrics]]") == 2
    assert text.startswith("# Every choice between a data set and a model.")
    assert (
        "# whether all of the training is alike: one, deferred-reweighting (start_share, beta), "
        "two-stage\n# (head, epochs, sampling, tau)\n"
        "[stages]\n"
    ) in text
    assert "weighted-bce" not in text  # no loss of this task
    assert text.count("# what to watch") == 1
    assert max(len(line) for line in text.splitlines() if line.startswith("#")) < 100


def test_what_looks_like_a_heading_in_a_text_gets_no_comment():
    text = plan(warnings=("[loss]\n[loss]", "[loss]")).to_toml()
    assert text.count("[loss]") == 4
    assert text.count("# for classification data") == 1


def test_a_plan_is_the_same_after_a_file(tmp_path):
    one = plan(
        loss=Focal(gamma=1.5, class_weights=(0.5, 1.0, 2.0)),
        augmentation=TaskAugmentation(task="natural", forbid=("blur",)),
        warnings=('a "quoted"\nline\r\n\ttab \\ \N{CAT}',),
    )
    one.save(tmp_path / "plan.toml")
    assert Plan.load(tmp_path / "plan.toml") == one
    assert [file.name for file in tmp_path.iterdir()] == ["plan.toml"]


def test_what_a_plan_leaves_out_has_its_default(tmp_path):
    fields = tomllib.loads(plan().to_toml())
    kept = {name: fields[name] for name in ("schema", "data", "objective", "correction")}
    (tmp_path / "plan.toml").write_text(tomli_w.dumps(kept))
    assert Plan.load(tmp_path / "plan.toml") == plan()


def test_weights_may_come_from_numpy(tmp_path):
    weights = power_weights([90, 9, 1])
    one = plan(loss=CrossEntropy(class_weights=tuple(weights)), seed=np.int64(3))
    one.save(tmp_path / "plan.toml")
    loaded = Plan.load(tmp_path / "plan.toml")
    assert loaded.loss == CrossEntropy(class_weights=tuple(weights.tolist()))
    assert loaded.seed == 3


# --- writing whole or not at all ----------------------------------------------------------------


@pytest.mark.parametrize("where", ["balancekit.plan.Plan.to_toml", "pathlib.Path.replace"])
def test_a_plan_that_cannot_be_written_leaves_the_old_one_and_nothing_else(
    tmp_path, monkeypatch, where
):
    path = tmp_path / "plan.toml"
    plan(seed=1).save(path)

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(where, fail)
    with pytest.raises(OSError, match="disk full"):
        plan(seed=2).save(path)
    monkeypatch.undo()
    assert [file.name for file in tmp_path.iterdir()] == ["plan.toml"]
    assert Plan.load(path).seed == 1


# --- priors -------------------------------------------------------------------------------------

WANTED = {
    "training": ("training", [0.9, 0.09, 0.01]),
    "uniform": ("uniform", [1 / 3] * 3),
    "its own": ((0.5, 0.3, 0.2), [0.5, 0.3, 0.2]),
}


@pytest.mark.parametrize(("given_prior", "expected"), WANTED.values(), ids=WANTED.keys())
def test_the_wanted_prior_is_spelt_out(given_prior, expected):
    np.testing.assert_allclose(plan(wanted_prior=given_prior).wanted(), expected)


def test_each_label_of_several_has_a_prior_of_its_own():
    data = DataRef.from_labels(SEVERAL)  # x in 2 of 4 samples, y in 1 of 4
    np.testing.assert_allclose(plan(data=data, loss=WeightedBce()).believed_prior(), [0.5, 0.25])
    balanced = plan(data=data, loss=WeightedBce(pos_weight=(1.0, 3.0)))
    np.testing.assert_allclose(balanced.believed_prior(), [0.5, 0.5])
    assert balanced.check()
    with pytest.raises(OptionError, match=r"got multilabel data\. believed_prior\(\) has"):
        balanced.effective_prior()


def test_priors_of_labels_are_shares_of_the_samples_and_even_odds():
    one = plan(data=DataRef.from_labels(SEVERAL), loss=WeightedBce())
    np.testing.assert_allclose(one.training_prior(), [0.5, 0.25])
    np.testing.assert_allclose(one.wanted(), [0.5, 0.5])
    np.testing.assert_allclose(one.correction_shift(), [0, np.log(3)], atol=1e-12)
    kept = msgspec.structs.replace(one, wanted_prior="training")
    np.testing.assert_allclose(kept.correction_shift(), 0, atol=1e-12)
    own = msgspec.structs.replace(one, wanted_prior=(0.9, 0.8)).check()  # they need not sum to 1
    np.testing.assert_allclose(own.wanted(), [0.9, 0.8])
    three = msgspec.structs.replace(one.data, class_names=tuple("xyz"), class_counts=(2, 1, 0))
    np.testing.assert_allclose(msgspec.structs.replace(one, data=three).wanted(), [0.5] * 3)


def test_alpha_of_sigmoids_moves_the_odds_of_each_label():
    one = plan(data=DataRef.from_labels(SEVERAL), loss=SigmoidFocal(alpha=0.75))
    np.testing.assert_allclose(one.believed_prior(), [0.75, 0.5])


@pytest.mark.parametrize("head", ["crt", "lws"])
def test_a_head_believes_in_what_it_saw_in_the_second_stage(head):
    two = plan(stages=TwoStage(head=head), loss=LogitAdjusted(), correction=CorrectInTraining())
    np.testing.assert_allclose(two.check().believed_prior(), 1 / 3)
    np.testing.assert_allclose(two.draw_prior(), 1 / 3)
    np.testing.assert_allclose(two.draw_prior(0), [0.9, 0.09, 0.01])  # of the first stage
    first, second = two.first_stage(), two.second_stage()
    assert (first.stages, second.stages) == (OneStage(), OneStage())
    assert (first.sampling, second.sampling) == (Natural(), Uniform())
    # Each stage adjusts by its own draws.
    np.testing.assert_allclose(first.logit_shift(), np.log([0.9, 0.09, 0.01]))
    np.testing.assert_allclose(second.logit_shift(), np.log([1 / 3] * 3))


def test_what_trains_nothing_twice_has_no_second_stage():
    assert plan().second_stage() is None
    assert plan(stages=TwoStage(head="tau-norm")).second_stage() is None
    assert plan().first_stage() == plan()


def test_an_empty_class_keeps_every_prior_finite():
    data = DataRef.from_labels(Labels(class_ids=[0, 0, 1], class_names=("a", "b", "empty")))
    for targets in (Natural(), Uniform(), Power(alpha=-1.0)):
        one = plan(data=data, sampling=targets, loss=LogitAdjusted())
        for prior in (one.draw_prior(), one.training_prior(), one.believed_prior()):
            assert np.all(prior > 0)
            assert prior.sum() == pytest.approx(1)
