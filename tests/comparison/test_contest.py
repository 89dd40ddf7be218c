"""Time, halving, failures, Ctrl-C and going on, with made-up runs and a made-up clock."""

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import balancekit as bk
from balancekit.comparison.candidates import Candidate, train_alike
from balancekit.comparison.contest import Contest
from balancekit.comparison.kept import Decided, Kept, Terms
from balancekit.comparison.results import Measured, Run
from balancekit.comparison.timing import Speed, Stopwatch, schedule_of
from balancekit.comparison.trial import RUNGS, Dropped
from balancekit.errors import DataError, OptionError, TrainingError
from balancekit.plan import CorrectAfterTraining, DeferredReweighting, Metric
from balancekit.recommender import baseline

PLAN = baseline(bk.analyze(["a"] * 90 + ["b"] * 10))


class Clock:
    """Time that passes when it is told to."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


class MadeUp:
    """Runs whose results and times are given by name, in place of training."""

    def __init__(self, clock, step_s=0.01, rest_s=0.5, values=None, fails=None, stops_at=None):
        self.clock, self.step_s, self.rest_s = clock, step_s, rest_s
        self.values, self.fails = values or {}, fails or {}
        self.stops_at, self.calls = stops_at, []

    def __call__(self, candidate, seed, n_steps, watch):
        self.calls.append((candidate.name, seed, n_steps))
        if self.stops_at is not None and len(self.calls) > self.stops_at:
            raise KeyboardInterrupt
        if candidate.name in self.fails:
            raise self.fails[candidate.name]
        value, rungs = self.values.get(candidate.name, 0.5), []
        noise = np.random.default_rng(seed).normal(0, 0.01, 40).round(4)  # shared by the arms
        drawn = tuple((value + noise).tolist())
        for step in range(1, n_steps + 1):
            self.clock.now += self.step_s
            share = next((r for r in RUNGS if step == round(r * n_steps)), None)
            if share is not None and not candidate.comes_late:
                rungs.append(Measured(share=share, value=value, resampled=drawn))
                if why := watch.why_drop(rungs[-1]):
                    raise Dropped(share, why)
            if watch.step(0.0):
                break
        self.clock.now += self.rest_s
        final = Measured(share=1.0, value=value, resampled=drawn)
        return Run(seed=seed, steps=n_steps, test=final, inner=final, rungs=tuple(rungs))


NAMES = {"baseline": "baseline", "recommended": "recommended", "a": "candidate", "b": "candidate"}


PLANS = {name: msgspec.structs.replace(PLAN, seed=seed) for seed, name in enumerate(NAMES)}


def contest(clock=None, budget_s=None, folder=None, settings=None, plans=None, **options):
    clock = clock or Clock()
    own = {"most_steps": 200, "n_batches": 20, "n_seeds": 3}
    own_seeds = options.get("n_seeds", own["n_seeds"])
    made_up = {
        k: options.pop(k)
        for k in ("step_s", "rest_s", "values", "fails", "stops_at")
        if k in options
    }
    kept = Kept(folder, fresh=options.pop("fresh", False))
    kept.begin(settings or {"data": "x"}, Terms(budget_s=budget_s, seeds=own_seeds))
    return Contest(
        candidates=[
            Candidate(name, role, (PLANS | (plans or {}))[name]) for name, role in NAMES.items()
        ],
        runner=MadeUp(clock, **made_up),
        kept=kept,
        stopwatch=Stopwatch(budget_s, clock, kept.used_s()),
        drops=budget_s is not None,
        **own | options,
    )


def runs_by_arm(done):
    return {arm.name: len(arm.runs) for arm in done.arms()}


def test_without_a_budget_all_is_run_and_nothing_given_up():
    done = contest(values={"a": 0.1})
    done.run()
    assert runs_by_arm(done) == dict.fromkeys(NAMES, 3)
    assert {steps for *_, steps in done.runner.calls} == {200}


def test_steps_that_are_slow_are_told_from_building_and_testing():
    # A run takes 3 + 3 · 2.5 s, and four of them 42 s; measured by one step, 4 · (5.5 + 3 · 5.5).
    done = contest(budget_s=80, step_s=2.5, rest_s=3.0, most_steps=3, n_seeds=1)
    done.run()
    assert not done.notes
    assert min(runs_by_arm(done).values()) >= 1


BUDGETS = {
    "ample": (1000, 0.01, 0.5),
    "for fewer steps": (20, 0.01, 0.2),
    "slow steps": (120, 0.1, 1.0),
    "testing is slow": (60, 0.005, 3.0),
    "for two plans": (12, 0.02, 0.5),
}


@pytest.mark.parametrize(("budget_s", "step_s", "rest_s"), BUDGETS.values(), ids=BUDGETS.keys())
def test_a_budget_is_kept_and_every_run_has_as_many_steps(budget_s, step_s, rest_s):
    clock = Clock()
    done = contest(clock, budget_s, step_s=step_s, rest_s=rest_s)
    done.run()
    assert clock.now <= 1.2 * budget_s
    assert clock.now >= min(0.6 * budget_s, 0.9 * 12 * (200 * step_s + rest_s)), "time is used"
    steps = {run.steps for arm in done.arms() for run in arm.runs}
    assert len(steps) == 1
    assert steps.pop() <= 200
    assert min(runs_by_arm(done)[name] for name in ("baseline", "recommended")) >= 1


def test_a_budget_that_is_too_small_still_compares_two_plans_and_says_so():
    done = contest(budget_s=2, step_s=0.1, rest_s=1.0)
    done.run()
    assert runs_by_arm(done) == {"baseline": 1, "recommended": 1, "a": 0, "b": 0}
    assert any("budget is too small" in note for note in done.notes)
    assert any("left out: a, b" in note for note in done.notes)


def test_hopeless_plans_are_given_up_at_the_first_rung_and_pay_for_more_seeds():
    clock = Clock()
    values = {"baseline": 0.7, "recommended": 0.8, "a": 0.3, "b": 0.3}
    done = contest(clock, budget_s=150, step_s=0.04, rest_s=0.5, values=values)
    done.run()
    arms = {arm.name: arm for arm in done.arms()}
    for name in ("a", "b"):
        assert arms[name].dropped_at == 0.25
        assert arms[name].why_dropped.startswith("behind recommended by 50 ± ")
        assert arms[name].runs == ()
    assert len(arms["baseline"].runs) == len(arms["recommended"].runs) > 3
    assert clock.now <= 1.2 * 150


def test_a_plan_that_is_surely_but_hardly_behind_is_not_hopeless():
    done = contest(budget_s=200, values={"baseline": 0.8, "recommended": 0.8, "a": 0.79, "b": 0.8})
    done.run()
    assert runs_by_arm(done)["a"] == 3


def test_what_is_held_against_and_what_comes_late_is_never_given_up():
    late = PLAN.__class__(data=PLAN.data, objective="accuracy", stages=DeferredReweighting())
    values = {"baseline": 0.1, "recommended": 0.2, "a": 0.9, "b": 0.1}
    done = contest(budget_s=200, values=values, plans={"b": late})
    done.run()
    assert [arm.name for arm in done.arms() if arm.dropped_at is not None] == []
    assert runs_by_arm(done) == dict.fromkeys(NAMES, 3)


def test_time_left_over_is_for_plans_left_out_before_more_seeds_than_asked_for():
    # Giving up "a" saves what "b" then takes; no seed beyond the one asked for comes before.
    clock = Clock()
    values = {"baseline": 0.7, "recommended": 0.8, "a": 0.2, "b": 0.8}
    done = contest(
        clock, budget_s=40, step_s=0.12, rest_s=0.5, n_seeds=1, values=values, most_steps=400
    )
    decided = Decided(n_steps=80, n_seeds=1, left_out=("b",))
    done.kept.decide(decided)
    done.run()
    assert [name for name, *_ in done.runner.calls[:4]] == ["baseline", "recommended", "a", "b"]
    assert len(done.runner.calls) == 4
    assert runs_by_arm(done) == {"baseline": 1, "recommended": 1, "a": 0, "b": 1}
    assert not any("left out" in note for note in done.notes)
    assert done.kept.decided.left_out == ()


def test_a_plan_left_out_without_time_for_it_stays_left_out():
    done = contest(budget_s=32, step_s=0.12, rest_s=0.5, n_seeds=1, most_steps=80)
    done.kept.decide(Decided(n_steps=80, n_seeds=1, left_out=("b",)))
    done.run()
    assert runs_by_arm(done) == {"baseline": 1, "recommended": 1, "a": 1, "b": 0}
    assert any("left out: b" in note for note in done.notes)


@pytest.mark.parametrize("budget_s", [None, 100], ids=["without budget", "with budget"])
def test_plans_that_train_alike_are_trained_once(budget_s):
    told = msgspec.structs.replace(
        PLANS["baseline"], objective="accuracy", batch_size=7, metrics=(Metric(name="ece"),)
    )
    done = contest(budget_s=budget_s, plans={"recommended": told})
    done.run()
    arms = {arm.name: arm for arm in done.arms()}
    assert "recommended" not in {name for name, *_ in done.runner.calls}
    assert arms["recommended"].runs == arms["baseline"].runs
    assert [arm.same_as for arm in done.arms()] == ["", "baseline", "", ""]
    assert len(arms["a"].runs) >= 3


AFTER = msgspec.structs.replace(PLAN, correction=CorrectAfterTraining())
ALIKE = {
    "itself": (PLAN, PLAN, True),
    "another objective": (PLAN, msgspec.structs.replace(PLAN, objective="calibration"), True),
    "another seed": (PLAN, msgspec.structs.replace(PLAN, seed=1), False),
    "another start": (PLAN, msgspec.structs.replace(PLAN, bias_init="log-prior"), False),
    "another stage": (PLAN, msgspec.structs.replace(PLAN, stages=DeferredReweighting()), False),
    "corrected by nothing": (PLAN, msgspec.structs.replace(AFTER, wanted_prior="training"), True),
    "corrected after": (PLAN, msgspec.structs.replace(AFTER, wanted_prior="uniform"), False),
    "corrected to another prior": (
        msgspec.structs.replace(AFTER, wanted_prior=(0.7, 0.3)),
        msgspec.structs.replace(AFTER, wanted_prior="uniform"),
        False,
    ),
}


@pytest.mark.parametrize(("one", "other", "wanted"), ALIKE.values(), ids=ALIKE.keys())
def test_plans_train_alike_if_models_and_decisions_are_the_same(one, other, wanted):
    assert train_alike(one, other) is train_alike(other, one) is wanted


FAILURES = {
    "the model raises": (RuntimeError("mat1 and mat2"), "RuntimeError: mat1 and mat2"),
    "loss is NaN": (TrainingError("epoch 0: loss is NaN"), "epoch 0: loss is NaN"),
    "out of memory": (MemoryError(), "MemoryError"),
    "of many lines": (ValueError("first\nsecond"), "ValueError: first"),
}


@pytest.mark.parametrize("budget_s", [None, 100], ids=["without budget", "with budget"])
@pytest.mark.parametrize(("error", "told"), FAILURES.values(), ids=FAILURES.keys())
def test_a_plan_that_fails_does_not_end_the_others(error, told, budget_s):
    done = contest(budget_s=budget_s, fails={"a": error})
    done.run()
    arms = {arm.name: arm for arm in done.arms()}
    assert arms["a"].failure == told
    assert [len(arms[name].runs) for name in ("baseline", "recommended", "b")] == [3, 3, 3]


def test_an_interrupted_contest_goes_on_with_what_is_missing(tmp_path):
    first = contest(folder=tmp_path / "runs", stops_at=5)
    first.run()
    assert first.interrupted
    assert sum(runs_by_arm(first).values()) == 5
    second = contest(folder=tmp_path / "runs")
    second.run()
    assert not second.interrupted
    assert len(second.runner.calls) == 12 - 5
    whole = contest()
    whole.run()
    assert second.arms() == whole.arms()


def test_a_finished_contest_under_a_budget_runs_nothing_again(tmp_path):
    values = {"baseline": 0.7, "recommended": 0.8, "b": 0.3}
    options = {"folder": tmp_path / "runs", "budget_s": 150, "step_s": 0.04, "values": values}
    first, second = contest(**options), contest(**options)
    first.run()
    second = contest(**options)
    second.run()
    assert second.runner.calls == []
    assert second.arms() == first.arms()
    assert second.n_steps == first.n_steps


def test_results_of_another_comparison_are_refused_unless_begun_anew(tmp_path):
    contest(folder=tmp_path / "runs", settings={"data": "x", "epochs": 3}).run()
    with pytest.raises(OptionError, match=r"epochs was 3, is 4.*--fresh"):
        contest(folder=tmp_path / "runs", settings={"data": "x", "epochs": 4})
    again = contest(folder=tmp_path / "runs", settings={"data": "x", "epochs": 4}, fresh=True)
    again.run()
    assert len(again.runner.calls) == 12


def test_a_larger_budget_is_for_more_plans_and_seeds_of_as_many_steps(tmp_path):
    options = {"folder": tmp_path / "runs", "step_s": 0.1, "rest_s": 0.5}
    first = contest(budget_s=14, **options)
    first.run()
    assert runs_by_arm(first) == {"baseline": 1, "recommended": 1, "a": 0, "b": 0}
    assert first.n_steps < 200
    second = contest(budget_s=400, **options)
    second.run()
    assert [call[0] for call in second.runner.calls[:2]] == ["a", "b"], "plans before seeds"
    assert runs_by_arm(second) == dict.fromkeys(NAMES, 3)
    assert {steps for *_, steps in second.runner.calls} == {first.n_steps}
    assert second.kept.outcomes[: len(first.kept.outcomes)] == first.kept.outcomes
    assert any("steps for which the first budget, 14 s, had room" in n for n in second.notes)
    third = contest(budget_s=400, **options)
    third.run()
    assert third.runner.calls == []
    assert third.arms() == second.arms()


def test_a_smaller_budget_shows_what_is_kept_and_runs_no_more(tmp_path):
    options = {"folder": tmp_path / "runs", "step_s": 0.04}
    first = contest(budget_s=150, **options)
    first.run()
    second = contest(budget_s=20, **options)
    second.run()
    assert second.runner.calls == []
    assert second.arms() == first.arms()


@pytest.mark.parametrize("budget_s", [None, 1000], ids=["without budget", "with budget"])
def test_more_seeds_are_added_to_those_kept_and_fewer_add_none(tmp_path, budget_s):
    options = {"folder": tmp_path / "runs", "budget_s": budget_s}
    contest(n_seeds=2, **options).run()
    more = contest(n_seeds=4, **options)
    more.run()
    assert [seed for _, seed, _ in more.runner.calls] == [2] * 4 + [3] * 4
    assert runs_by_arm(more) == dict.fromkeys(NAMES, 4)
    fewer = contest(n_seeds=1, **options)
    fewer.run()
    assert fewer.runner.calls == []
    assert fewer.arms() == more.arms()


def test_fewer_seeds_end_a_contest_that_was_interrupted(tmp_path):
    contest(folder=tmp_path / "runs", n_seeds=3, stops_at=5).run()
    second = contest(folder=tmp_path / "runs", n_seeds=2)
    second.run()
    assert runs_by_arm(second) == dict.fromkeys(NAMES, 2)


def test_where_nothing_was_finished_other_settings_begin_anew(tmp_path):
    contest(folder=tmp_path / "runs", settings={"epochs": 3}, stops_at=0).run()
    again = contest(folder=tmp_path / "runs", settings={"epochs": 4})
    again.run()
    assert runs_by_arm(again) == dict.fromkeys(NAMES, 3)


CHANGED = {
    "a value": ({"epochs": 3}, {"epochs": 4}, "epochs was 3, is 4"),
    "a checksum": ({"code": "#1"}, {"code": "#2"}, "the code changed"),
    "one of several": (
        {"plans": {"a": 1, "b": 2}},
        {"plans": {"a": 1, "c": 2}},
        "plans 'b', 'c' changed",
    ),
}


@pytest.mark.parametrize(("before", "now", "told"), CHANGED.values(), ids=CHANGED.keys())
def test_what_differs_from_the_kept_runs_is_told(tmp_path, before, now, told):
    contest(folder=tmp_path / "runs", settings=before).run()
    with pytest.raises(OptionError, match=rf"cannot be used here: {told}\. .*Budget and seeds may"):
        contest(folder=tmp_path / "runs", settings=now)


def test_a_folder_of_others_is_refused_and_a_broken_file_named(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(OptionError, match="other files"):
        contest(folder=tmp_path)
    contest(folder=tmp_path / "runs").run()
    (tmp_path / "runs" / "run-0003.json").write_text("{")
    with pytest.raises(DataError, match=r"run-0003\.json.*--fresh"):
        contest(folder=tmp_path / "runs")


@given(
    left_s=st.floats(1, 10_000),
    step_s=st.floats(1e-4, 1),
    rest_s=st.floats(0, 5),
    n_plans=st.integers(1, 8),
    n_seeds=st.integers(1, 5),
)
def test_what_is_scheduled_fits_or_is_the_least(left_s, step_s, rest_s, n_plans, n_seeds):
    speeds = [Speed(step_s, rest_s)] * n_plans
    found = schedule_of(left_s, speeds, n_seeds, 1000, 40)
    takes = found.n_seeds * sum(speed.run_s(found.n_steps) for speed in speeds[: found.n_plans])
    is_least = (found.n_seeds, found.n_plans, found.n_steps) == (1, min(2, n_plans), 50)
    assert takes <= left_s or is_least
    assert 1 <= found.n_steps <= 1000
    assert found.n_steps <= 40 or found.n_steps % 40 == 0 or is_least


def test_a_plan_that_made_up_a_part_of_its_seeds_is_not_run_again_when_gone_on_with(tmp_path):
    # 55 s are for two plans under two seeds, 10.1 s a run, and a third under one.
    options = {"folder": tmp_path / "runs", "budget_s": 55, "step_s": 0.12, "n_seeds": 2}
    first = contest(**options, most_steps=80)
    first.kept.decide(Decided(n_steps=80, n_seeds=2, left_out=("a", "b")))
    first.run()
    assert runs_by_arm(first) == {"baseline": 2, "recommended": 2, "a": 1, "b": 0}
    assert first.kept.decided.is_over
    second = contest(**options, most_steps=80)
    second.run()
    assert second.runner.calls == []
    assert second.arms() == first.arms()
