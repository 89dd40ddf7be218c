"""Plans say in words what their targets do."""

import io

import pytest
from rich.console import Console

from balancekit import Labels, Plan, analyze, recommend
from balancekit.plan import (
    Capped,
    CorrectAfterTraining,
    DataRef,
    EffectiveNumber,
    Fixed,
    Natural,
    Power,
    RepeatFactor,
    Schedule,
    Uniform,
)
from balancekit.report.plan_words import choice_text, plan_verdict
from balancekit.report.target_words import targets_sentence
from balancekit.report.terminal.plan import show_plan

LABELS = Labels.from_names(["a"] * 90 + ["b"] * 9 + ["c"])
BY_NAME = Fixed(shares={"a": 0.5, "b": 0.3, "c": 0.2})


def plan(sampling):
    return Plan(
        data=DataRef.from_labels(LABELS),
        objective="balanced_accuracy",
        sampling=sampling,
        correction=CorrectAfterTraining(),
    )


WORDS = {
    "natural": (
        Natural(),
        "natural",
        "natural draws",
        "Every sample is drawn equally often, so classes come as often as they occur.",
    ),
    "uniform": (
        Uniform(),
        "uniform",
        "uniform draws",
        "Every class that has samples is drawn equally often.",
    ),
    "power": (
        Power(alpha=0.5),
        "power, alpha 0.5",
        "square-root draws",
        "Classes are drawn in proportion to their size to the power of 0.5.",
    ),
    "fixed": (
        BY_NAME,
        "fixed, shares as below",
        "fixed draws",
        "Classes are drawn in the shares given, whatever their size.",
    ),
    "effective number": (
        EffectiveNumber(beta=0.999),
        "effective-number, beta 0.999",
        "effective-number draws",
        "Classes are drawn by size over effective number of samples: nearly equally often well "
        "below 1,000 samples, by size well above.",
    ),
    "repeat factor": (
        RepeatFactor(threshold=1e-5),
        "repeat-factor, threshold 1e-05",
        "repeat-factor draws",
        "Classes of less than 0.001 % of the samples are repeated, the rarer the more; the others "
        "are drawn by size.",
    ),
    "repeat factor by instance": (
        RepeatFactor(threshold=0.01, counting="image-and-instance"),
        "repeat-factor, threshold 0.01, counting image-and-instance",
        "repeat-factor draws",
        "Classes of less than 1 % of the samples are repeated, the rarer the more; the others "
        "are drawn by size.",
    ),
    "capped": (
        Capped(of=Power(alpha=0.5), max_repeats=2.5),
        "capped, power (alpha 0.5), at most 2.5 times an epoch",
        "capped power draws",
        "As power (alpha 0.5), but no class so often that its samples come more than 2.5 times an "
        "epoch on average.",
    ),
    "progressive": (
        Schedule(start=Natural(), end=Uniform(), epochs=80),
        "schedule, natural to uniform over 80 epochs, linear",
        "draws from natural to uniform",
        "The shares go from natural to uniform over 80 epochs, evenly.",
    ),
    "deferred": (
        Schedule(start=Natural(), end=BY_NAME, epochs=1, curve="step"),
        "schedule, natural to fixed shares over 1 epoch, step",
        "draws from natural to fixed",
        "The shares are natural for 1 epoch, then fixed shares.",
    ),
    "into a cap": (
        Schedule(
            start=Natural(), end=Capped(of=Uniform(), max_repeats=1), epochs=9, curve="square-root"
        ),
        "schedule, natural to capped (uniform, at most once an epoch) over 9 epochs, square-root",
        "draws from natural to capped uniform",
        "The shares go from natural to capped (uniform, at most once an epoch) over 9 epochs, fast "
        "at first.",
    ),
}


@pytest.mark.parametrize(
    ("targets", "short", "draws", "sentence"), WORDS.values(), ids=WORDS.keys()
)
def test_targets_are_put_in_words(targets, short, draws, sentence):
    assert choice_text(plan(targets), "sampling") == short
    assert plan_verdict(plan(targets)).startswith(f"Plan: {draws}, cross-entropy")
    assert targets_sentence(targets) == sentence


@pytest.mark.parametrize("curve", ["linear", "parabolic", "cosine", "half-cosine", "square-root"])
def test_every_curve_has_its_pace(curve):
    schedule = Schedule(start=Natural(), end=Uniform(), epochs=8, curve=curve)
    early, late = schedule.progress(2), 1 - schedule.progress(6)
    pace = {True: "evenly", early < 0.25: "slowly at first", early > 0.25: "fast at first"}[True]
    if early < 0.25 and late < 0.25:
        pace += " and at last"
    assert targets_sentence(schedule).endswith(f"over 8 epochs, {pace}.")


def shown(one):
    console = Console(file=io.StringIO(), width=100)
    show_plan(one, console)
    return " ".join(console.file.getvalue().split())


def test_a_plan_without_reasons_says_what_its_targets_do():
    text = shown(plan(Schedule(start=Natural(), end=Uniform(), epochs=80)))
    assert "The shares go from natural to uniform over 80 epochs, evenly." in text
    assert "drawn: share of the draws, at the end" in text
    assert "33.3 %" in text


def test_a_recommended_plan_gives_its_reasons_instead():
    one = recommend(analyze(LABELS))
    text = shown(one)
    assert "because" in text
    assert targets_sentence(one.sampling) not in text
    assert "at the end" not in text
