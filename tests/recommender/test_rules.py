"""The rules are data: complete, reachable, with evidence, and shown as they are."""

import re
import runpy
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from balancekit.plan import LOSSES_OF_TASK, Natural, RepeatFactor, Uniform
from balancekit.recommender import OBJECTIVES, Bounds, Condition, Facts, load_rules

DOCS = Path(__file__).parents[2] / "docs"
RULES = load_rules()
FACTS = Facts(
    task="classification",
    media="rows",
    objective="balanced_accuracy",
    wanted="uniform",
    n_samples=1000,
    n_classes=2,
    imbalance_ratio=9.0,
    smallest=100,
    smallest_share=0.1,
)

WANTED = {
    "classification": ["training", "between", "uniform", "given"],
    "segmentation": ["training", "uniform", "given"],
    "regression": ["training", "uniform"],
}
"""Class priors that decisions of a task can assume."""

facts = st.sampled_from(list(OBJECTIVES)).flatmap(
    lambda task: st.builds(
        Facts,
        task=st.just(task),
        media=st.sampled_from(["pictures", "rows", "text", "unknown"]),
        objective=st.sampled_from(OBJECTIVES[task]),
        wanted=st.sampled_from(WANTED.get(task, ["training"])),
        n_samples=st.integers(2, 10**7),
        n_classes=st.integers(2, 10**5),
        imbalance_ratio=st.floats(1, 1e7),
        smallest=st.integers(1, 10**6),
        smallest_share=st.floats(1e-9, 0.5),
        labels_per_sample=st.floats(0, 100),
        budget_s=st.floats(1, float("inf")),
    )
)


@given(facts=facts)
def test_every_task_and_objective_has_a_rule_for_whatever_else_is_so(facts):
    rule = RULES.first(facts)
    assert rule.when.holds(facts)
    assert not any(one.when.holds(facts) for one in RULES.passed_over(facts))
    assert isinstance(rule.choice.loss, LOSSES_OF_TASK[facts.task])


def facts_for(when: Condition) -> Facts:
    """Facts that a condition holds for."""
    chosen = {}
    for name in Facts.__struct_fields__:
        asked = getattr(when, name)
        if isinstance(asked, tuple) and asked:
            chosen[name] = asked[0]
        elif isinstance(asked, Bounds) and asked != Bounds():
            chosen[name] = asked.at_least if asked.at_least > float("-inf") else 0.99 * asked.below
    if "objective" not in chosen:
        chosen["objective"] = OBJECTIVES[when.task[0]][0]
    if "wanted" not in chosen and when.task[0] != "classification":
        chosen["wanted"] = "training"
    return msgspec.structs.replace(FACTS, **chosen)


@pytest.mark.parametrize("rule", RULES.rules, ids=lambda rule: rule.name)
def test_every_rule_is_the_first_for_some_data(rule):
    assert RULES.first(facts_for(rule.when)) == rule


@pytest.mark.parametrize("rule", RULES.rules, ids=lambda rule: rule.name)
def test_every_rule_has_its_reasons_and_its_evidence(rule):
    assert rule.when.task, "a rule is for one kind of labels"
    assert rule.source
    assert rule.instead
    for text in (rule.because.sampling, rule.because.loss, rule.because.stages):
        shown = text.format(**msgspec.structs.asdict(facts_for(rule.when)))
        assert shown
        assert not shown.endswith("."), "it goes on after it"


def test_names_of_rules_are_different():
    names = [rule.name for rule in RULES.rules]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("name", RULES.strategies)
def test_every_strategy_fits_its_tasks_and_mistakes_say_that_they_are(name):
    strategy = RULES.strategies[name]
    assert strategy.mistake == name.startswith("mistake: ")
    for task in strategy.when.task:
        assert isinstance(strategy.choice.loss, LOSSES_OF_TASK[task])
        if task not in ("classification", "regression"):
            assert isinstance(strategy.choice.sampling, Natural | RepeatFactor | Uniform)


def test_strategies_that_a_rule_names_are_for_its_task():
    for rule in RULES.rules:
        for name in rule.alternatives:
            assert set(rule.when.task) <= set(RULES.strategies[name].when.task), (rule.name, name)


@pytest.mark.parametrize(
    ("bounds", "value", "holds"),
    [
        (Bounds(at_least=10), 10, True),
        (Bounds(at_least=10), 9.99, False),
        (Bounds(below=10), 10, False),
        (Bounds(below=10), 9.99, True),
        (Bounds(), float("inf"), True),
        (Bounds(at_least=600), float("inf"), True),
        (Bounds(below=600), float("inf"), False),
        (Bounds(at_least=1, below=2), float("nan"), False),
    ],
)
def test_bounds_take_in_their_lower_end_and_leave_out_the_upper(bounds, value, holds):
    assert bounds.hold(value) is holds


def test_a_condition_tells_what_it_asks_and_what_it_got():
    when = Condition(task=("regression",), imbalance_ratio=Bounds(at_least=10, below=1000))
    told = [(check.fact, check.expected, check.got, check.holds) for check in when.checks(FACTS)]
    assert told == [
        ("task", "regression", "classification", False),
        ("imbalance_ratio", "at least 10 and below 1,000", "9", False),
    ]
    assert not when.holds(FACTS)
    assert Condition().holds(FACTS)


def test_texts_name_facts_and_nothing_else():
    known = set(Facts.__struct_fields__)
    for rule in RULES.rules:
        for text in msgspec.structs.asdict(rule.because).values():
            assert set(re.findall(r"\{(\w+)", text)) <= known


def test_the_reference_page_shows_the_rules_as_they_are():
    made = runpy.run_path(str(DOCS / "recommendation_rules_page.py"))["recommendation_rules_page"]()
    page = DOCS / "reference" / "recommendation-rules.md"
    assert page.read_text() == made, "run `python docs/make.py`"


def test_objectives_are_those_that_the_metrics_measure_for_the_task():
    from balancekit.metrics import OBJECTIVES as metrics  # noqa: N811

    for task, objectives in OBJECTIVES.items():
        measured = {name for name, one in metrics.items() if task in one.tasks}
        # Average precision of boxes and keypoints is the business of a detection library.
        assert set(objectives) == (measured or {"map"}), task
