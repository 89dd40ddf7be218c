"""Targets are checked when made, and are the same after a plan file."""

import json
import re
import tomllib

import hypothesis.strategies as st
import msgspec
import numpy as np
import pandas as pd
import pytest
from hypothesis import given

from balancekit import Labels, OptionError, Plan, PlanError
from balancekit.cli.schema import schema_of
from balancekit.plan import (
    Capped,
    CorrectAfterTraining,
    CorrectInTraining,
    CrossEntropy,
    DataRef,
    EffectiveNumber,
    Fixed,
    LogitAdjusted,
    Natural,
    Power,
    RepeatFactor,
    Schedule,
    Uniform,
    WeightedBce,
)

NAN, INF = float("nan"), float("inf")
DATA = DataRef.from_labels(Labels.from_names(["a"] * 90 + ["b"] * 9 + ["c"]))
TO_UNIFORM = Schedule(start=Natural(), end=Uniform(), epochs=80)


def plan(**fields):
    after = CorrectAfterTraining()
    return Plan(**{"data": DATA, "objective": "balanced_accuracy", "correction": after} | fields)


# --- wrong arguments ----------------------------------------------------------------------------

IMPOSSIBLE = {
    "alpha of text": (lambda: Power(alpha="1"), r"^alpha: expected .*, got '1'$"),
    "alpha that is true": (lambda: Power(alpha=True), r"^alpha: .*, got True$"),
    "beta of 1": (lambda: EffectiveNumber(beta=1), r"^beta: expected a number in \[0, 1\), got 1$"),
    "beta below 0": (lambda: EffectiveNumber(beta=-0.1), r"^beta: .* got -0\.1$"),
    "beta that is no number": (lambda: EffectiveNumber(beta=NAN), r"^beta: .* got nan$"),
    "threshold of 0": (lambda: RepeatFactor(threshold=0), r"^threshold: .*\(0, 1\], got 0\. Use"),
    "threshold in percent": (lambda: RepeatFactor(threshold=7), r"^threshold: .* got 7\. Use"),
    "misspelt counting": (
        lambda: RepeatFactor(threshold=0.1, counting="images"),
        r"^counting: expected one of image, image-and-.*, got 'images'\. Did you mean 'image'\?$",
    ),
    "no repeats": (lambda: Capped(of=Uniform(), max_repeats=0), r"^max_repeats: .* above 0, got 0"),
    "endless repeats": (lambda: Capped(of=Uniform(), max_repeats=INF), r"^max_repeats: .* got inf"),
    "repeats of text": (lambda: Capped(of=Uniform(), max_repeats="3"), r"^max_repeats: .* got '3'"),
    "a cap upon a cap": (
        lambda: Capped(of=Capped(of=Uniform(), max_repeats=2), max_repeats=3),
        r"^of: expected targets that are neither capped nor scheduled, got Capped\(…\)",
    ),
    "a cap upon a schedule": (
        lambda: Capped(of=TO_UNIFORM, max_repeats=3),
        r"^of: .* got Schedule\(…\)\. A Schedule may hold Capped ones",
    ),
    "a cap upon text": (
        lambda: Capped(of="uniform", max_repeats=3),
        r"got 'uniform'\. Write Uniform\(\)\.",
    ),
    "a schedule from a schedule": (
        lambda: Schedule(start=TO_UNIFORM, end=Uniform(), epochs=3),
        r"^start: expected targets without a schedule, got Schedule\(…\)",
    ),
    "a schedule to nothing": (
        lambda: Schedule(start=Natural(), end=None, epochs=3),
        r"^end: expected targets without a schedule, got None",
    ),
    "a schedule from a class": (
        lambda: Schedule(start=Natural, end=Power, epochs=3),
        r"^start: .* got the class Natural\. Write Natural\(\); end: .* Write Power\(alpha=…\)$",
    ),
    "no epochs": (
        lambda: Schedule(start=Natural(), end=Uniform(), epochs=0),
        r"^epochs: expected a whole number ≥ 1, got 0$",
    ),
    "half an epoch": (
        lambda: Schedule(start=Natural(), end=Uniform(), epochs=0.5),
        r"^epochs: .* got 0\.5$",
    ),
    "misspelt curve": (
        lambda: Schedule(start=Natural(), end=Uniform(), epochs=3, curve="liner"),
        r"^curve: expected one of linear, step, .* got 'liner'\. Did you mean 'linear'\?$",
    ),
    "a schedule with everything wrong at once": (
        lambda: Schedule(start=None, end=TO_UNIFORM, epochs=0, curve="liner"),
        r"^start: .*; end: .*; epochs: .*; curve: .*",
    ),
    "a cap with everything wrong at once": (
        lambda: Capped(of=None, max_repeats=0),
        r"^of: .*; max_repeats: .* got 0$",
    ),
    "a repeat factor with everything wrong at once": (
        lambda: RepeatFactor(threshold=7, counting="boxes"),
        r"^threshold: .*; counting: ",
    ),
    "no shares": (lambda: Fixed(shares=()), r"^shares: expected a sum of 1, got 0$"),
    "shares of 99 %": (
        lambda: Fixed(shares=(0.5, 0.49)),
        r"^shares: expected a sum of 1, got 0\.99\. Divide them by their sum$",
    ),
    "percentages": (lambda: Fixed(shares={"a": 60, "b": 40}), r"a sum of 1, got 100\. Divide"),
    "shares of everything wrong at once": (
        lambda: Fixed(shares={"a": -0.5, 7.5: 0.25}),
        r"^shares: expected finite numbers ≥ 0, got -0\.5 for class 'a'; expected class names as "
        r"text or ids, got \[7\.5\]; expected a sum of 1, got -0\.25$",
    ),
    "an id and its name": (
        lambda: Fixed(shares={0: 0.5, "0": 0.5}),
        r"^shares: expected a class once, got ids and names of \[0\]$",
    ),
    "shares that are no numbers": (
        lambda: Fixed(shares=[NAN, INF, "x", True, None, NAN, NAN]),
        r"^shares: .* got nan for class 0, inf for class 1, 'x' for class 2, True for class 3, "
        r"None for class 4 and 2 more$",
    ),
    # Its order is seldom that of the class ids: value_counts sorts by frequency.
    "shares in a series": (
        lambda: Fixed(shares=pd.Series({"a": 0.5, "b": 0.5})),
        r"^shares: expected a tuple with one share a class, or a dict .*, got Series$",
    ),
    "shares in a matrix": (lambda: Fixed(shares=np.eye(1)), r"^shares: .*, got ndarray$"),
}


@pytest.mark.parametrize(("make", "words"), IMPOSSIBLE.values(), ids=IMPOSSIBLE.keys())
def test_impossible_targets_are_not_made(make, words):
    with pytest.raises(OptionError, match=words):
        make()


@pytest.mark.parametrize("given_as", [list, tuple, np.array], ids=lambda kind: kind.__name__)
def test_shares_may_be_a_list_or_an_array_and_become_a_tuple(given_as):
    targets = Fixed(shares=given_as([0.75, 0.25]))
    assert targets.shares == (0.75, 0.25)
    assert {type(share) for share in targets.shares} == {float}
    assert hash(targets) == hash(Fixed(shares=(0.75, 0.25)))


def test_named_shares_in_another_order_are_the_same_and_not_those_of_the_caller():
    given_shares = {"a": 0.75, "b": 0.25}
    targets = Fixed(shares=given_shares)
    other = Fixed(shares={"b": 0.25, "a": 0.75})
    assert targets == other
    assert hash(targets) == hash(other)
    given_shares["a"] = 0.0
    assert targets.shares == {"a": 0.75, "b": 0.25}


POSITIONAL = {
    "power": (Power(0.5), Power(alpha=0.5)),
    "fixed": (Fixed((0.5, 0.5)), Fixed(shares=(0.5, 0.5))),
    "effective number": (EffectiveNumber(0.9), EffectiveNumber(beta=0.9)),
    "repeat factor": (RepeatFactor(0.1), RepeatFactor(threshold=0.1)),
    "capped": (Capped(Uniform(), 5), Capped(of=Uniform(), max_repeats=5)),
    "schedule": (Schedule(Natural(), Uniform(), 80), TO_UNIFORM),
}


@pytest.mark.parametrize(("short", "long"), POSITIONAL.values(), ids=POSITIONAL.keys())
def test_arguments_need_no_names(short, long):
    assert short == long
    assert msgspec.json.encode(short) == msgspec.json.encode(long)


# --- plan files ---------------------------------------------------------------------------------

weights = st.lists(st.integers(1, 1000), min_size=1, max_size=4)
texts = st.text(max_size=5) | st.sampled_from(["1", "a.b", "", '"', "kind", "\x7f", "#", "a = 1"])


def _shares(parts):
    return tuple(part / sum(parts) for part in parts)


fixed = weights.map(lambda parts: Fixed(shares=_shares(parts))) | weights.flatmap(
    lambda parts: st.lists(texts, min_size=len(parts), max_size=len(parts), unique=True).map(
        lambda names: Fixed(shares=dict(zip(names, _shares(parts), strict=True)))
    )
)
plain = (
    st.sampled_from([Natural(), Uniform()])
    | st.builds(Power, alpha=st.floats(-4, 4))
    | fixed
    | st.builds(EffectiveNumber, beta=st.floats(0, 1, exclude_max=True))
    | st.builds(
        RepeatFactor,
        threshold=st.floats(0, 1, exclude_min=True),
        counting=st.sampled_from(["image", "image-and-instance"]),
    )
)
steady = plain | st.builds(Capped, of=plain, max_repeats=st.floats(1e-6, 1e6))
curves = st.sampled_from(["linear", "step", "parabolic", "cosine", "half-cosine", "square-root"])
schedules = st.builds(
    Schedule, start=steady, end=steady, epochs=st.integers(1, 10**6), curve=curves
)


@given(targets=steady | schedules)
def test_any_targets_are_the_same_after_toml_and_json(targets):
    one = plan(sampling=targets)
    assert msgspec.convert(tomllib.loads(one.to_toml()), Plan) == one
    assert msgspec.json.decode(msgspec.json.encode(one), type=Plan) == one


def test_targets_of_numpy_are_the_same_after_a_file(tmp_path):
    cap = Capped(of=Power(alpha=np.float32(0.5)), max_repeats=np.float64(2.5))
    one = plan(sampling=Schedule(start=Natural(), end=cap, epochs=np.int64(8)))
    one.save(tmp_path / "plan.toml")
    assert Plan.load(tmp_path / "plan.toml") == one


NESTED = {
    "a wrong number inside": (
        'kind = "capped"\nmax_repeats = 2\n[sampling.of]\nkind = "effective-number"\nbeta = 2',
        "sampling.of.beta: expected a number in [0, 1), got 2.0",
    ),
    "a kind that cannot stand there": (
        'kind = "capped"\nmax_repeats = 2\n[sampling.of]\nkind = "schedule"',
        "sampling.of.kind: expected one of natural, uniform, power, fixed, effective-number, "
        "repeat-factor, got 'schedule'.",
    ),
    "a share that is text": (
        'kind = "fixed"\n[sampling.shares]\na = "x"',
        "sampling.shares.a: expected a number, got 'x'",
    ),
    "shares of too much": (
        'kind = "fixed"\nshares = [1, 1, 1]',
        "sampling.shares: expected a sum of 1, got 3. Divide them by their sum",
    ),
    "a misspelt curve": (
        'kind = "schedule"\nepochs = 3\ncurve = "x"\n[sampling.start]\nkind = "natural"\n'
        '[sampling.end]\nkind = "uniform"',
        "sampling.curve: expected one of linear, step, parabolic, cosine, half-cosine, "
        "square-root, got 'x'.",
    ),
    "a class that is not there": (
        'kind = "fixed"\n[sampling.shares]\naa = 0.5\nb = 0.25\nc = 0.25',
        "sampling.shares: expected names of classes, got 'aa'. Did you mean 'a'?",
    ),
    "a cap that cannot be kept": (
        'kind = "schedule"\nepochs = 3\n[sampling.start]\nkind = "natural"\n[sampling.end]\n'
        'kind = "capped"\nmax_repeats = 0.5\n[sampling.end.of]\nkind = "uniform"',
        "sampling.end.max_repeats: expected at least 1 for 100 draws an epoch of 100 samples, "
        "got 0.5. Raise it, or draw at most 50 an epoch",
    ),
}


@pytest.mark.parametrize(("sampling", "words"), NESTED.values(), ids=NESTED.keys())
def test_wrong_targets_in_a_file_are_refused_in_their_place(tmp_path, sampling, words):
    path = tmp_path / "plan.toml"
    path.write_text(plan().to_toml().replace('kind = "natural"', sampling))
    with pytest.raises(PlanError) as caught:
        Plan.load(path)
    told = str(caught.value).splitlines()
    assert any(
        re.fullmatch(rf"\s*{re.escape(f'{path}')}:\d+: {re.escape(words)}", one) for one in told
    )


def test_the_schema_of_a_plan_accepts_all_targets_and_refuses_others():
    jsonschema = pytest.importorskip("jsonschema")
    validator = jsonschema.Draft202012Validator(schema_of("plan"))
    validator.check_schema(validator.schema)
    for end in (Fixed(shares={"a.b": 1.0}), Fixed(shares=(1.0,)), RepeatFactor(threshold=0.1)):
        cap = Capped(of=EffectiveNumber(beta=0.9), max_repeats=2)
        one = plan(sampling=Schedule(start=cap, end=end, epochs=3))
        content = json.loads(msgspec.json.encode(one))
        validator.validate(content)
        content["sampling"]["end"] = content["sampling"]
        with pytest.raises(jsonschema.ValidationError):
            validator.validate(content)


# --- plans --------------------------------------------------------------------------------------

BALANCED = {
    "fixed": Fixed(shares=(1 / 3, 1 / 3, 1 / 3)),
    "fixed by name": Fixed(shares={"c": 1 / 3, "b": 1 / 3, "a": 1 / 3}),
    "capped too high to matter": Capped(of=Uniform(), max_repeats=40),
    "effective number": EffectiveNumber(beta=0.999999),
    "repeat factor and power": Schedule(
        start=RepeatFactor(threshold=0.5), end=Power(alpha=0.0), epochs=2
    ),
    "deferred": Schedule(start=Natural(), end=Uniform(), epochs=60, curve="step"),
}


@pytest.mark.parametrize("sampling", BALANCED.values(), ids=BALANCED.keys())
def test_whatever_ends_balanced_is_one_full_correction(sampling):
    one = plan(sampling=sampling, correction=CorrectInTraining()).check()
    np.testing.assert_allclose(one.draw_prior(), 1 / 3, rtol=1e-4)  # beta is not quite 1
    twice = plan(sampling=sampling, loss=CrossEntropy(class_weights=(0.37, 3.7, 33.3)))
    with pytest.raises(PlanError, match="corrects the class prior"):
        twice.check()


def test_half_of_a_correction_by_a_cap_is_refused_in_training_and_completed_afterwards():
    half = {"sampling": Capped(of=Uniform(), max_repeats=2)}
    with pytest.raises(PlanError, match=r"go 0\.\d\d of the way"):
        plan(correction=CorrectInTraining(), **half).check()
    assert plan(**half).check()


def test_a_schedule_away_from_balance_is_judged_by_its_end():
    back = Schedule(start=Uniform(), end=Natural(), epochs=10)
    one = plan(sampling=back, loss=LogitAdjusted(), correction=CorrectInTraining()).check()
    np.testing.assert_allclose(one.draw_prior(), [0.9, 0.09, 0.01])


def test_a_class_that_is_never_drawn_has_no_prior_to_correct():
    never = Fixed(shares={"a": 0.5, "b": 0.5, "c": 0})
    one = plan(sampling=never, correction=CorrectInTraining()).check()
    assert one.classes_drawn().tolist() == [True, True, False]
    shift = plan(sampling=never).correction_shift(np.array([0.2, 0.3, 0.5]))
    assert shift[2] == shift[:2].min()


@pytest.mark.parametrize(
    "sampling", [Fixed(shares=(0.5, 0.5)), Capped(of=Natural(), max_repeats=1), TO_UNIFORM], ids=str
)
def test_multi_label_plans_take_targets_that_samples_of_several_classes_can_be_drawn_to(sampling):
    several = Labels(class_ids=[0, 1, 0], class_names=("x", "y"), offsets=[0, 2, 3, 3, 3])
    one = plan(data=DataRef.from_labels(several), loss=WeightedBce(), sampling=sampling)
    with pytest.raises(PlanError, match='sampling: expected kind = "natural", "repeat-factor"'):
        one.check()


def test_shares_of_other_classes_are_told_with_the_other_contradictions():
    with pytest.raises(PlanError) as caught:
        plan(sampling=Fixed(shares=(1.0,)), seed=-1).check()
    assert str(caught.value).splitlines()[1:] == [
        "  - seed: expected an integer from 0 to 2**63 - 1, got -1",
        "  - sampling.shares: expected 3 shares, one a class, got 1",
    ]
