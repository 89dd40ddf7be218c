"""Plans say in words how they augment."""

import msgspec
import pytest

from balancekit import Labels, analyze, read
from balancekit.cli.recommend import operation_names_of
from balancekit.plan import NoAugmentation, TaskAugmentation
from balancekit.plan.mixes import CMO
from balancekit.plan.operations import Blur, Cutout, RandomCrop
from balancekit.plan.repeats import (
    RepeatAugmentation,
    SameStrength,
    StrengthByClass,
    StrengthByRarity,
)
from balancekit.recommender import baseline
from balancekit.report.plan_words import choice_text, plan_aim

PLAN = baseline(analyze(Labels.from_names(["cat"] * 9 + ["dog"])))


def plan(**fields):
    choice = TaskAugmentation(**{"task": "natural", "backend": "native"} | fields)
    return msgspec.structs.replace(PLAN, augmentation=choice)


def repeats(strength):
    return RepeatAugmentation(operations=(Blur(), RandomCrop()), strength=strength)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "for natural pictures"),
        ({"task": "unknown"}, "what harms no task"),
        (
            {"allow": ("cutout",), "forbid": ("blur", "hue")},
            "for natural pictures, with cutout, without blur, hue",
        ),
        (
            {"operations": (), "repeats": repeats(SameStrength(strength=0.5))},
            "for natural pictures, operations as given, repeats more, strength 0.5",
        ),
        (
            {"repeats": repeats(StrengthByClass(strengths={"cat": 0.5}))},
            "for natural pictures, repeats more, by class",
        ),
        (
            {"repeats": repeats(StrengthByRarity()), "mix": CMO()},
            "for natural pictures, repeats more, by rarity, batches mixed by cmo",
        ),
    ],
    ids=["task", "unknown", "changed", "same", "by class", "by rarity"],
)
def test_augmentation_is_said_in_words(fields, words):
    assert choice_text(plan(**fields), "augmentation") == words


def test_the_operations_of_a_plan_are_those_of_first_draws_and_of_repeats():
    both = plan(operations=(Cutout(), Blur()), repeats=repeats(SameStrength()))
    assert operation_names_of(both) == ["random-crop", "blur", "cutout"]
    assert operation_names_of(plan(operations=(Blur(),))) == ["blur"]
    assert operation_names_of(msgspec.structs.replace(PLAN, augmentation=NoAugmentation())) == []


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (read([["a"], ["a", "b"], ["b"]]), "for mAP, "),
        (read([18.5, 20.25, 71.0]), "for MAE by shot, "),
    ],
    ids=["several labels", "numbers"],
)
def test_an_objective_is_written_as_a_comparison_writes_it(labels, words):
    assert plan_aim(baseline(analyze(labels))).startswith(words)
