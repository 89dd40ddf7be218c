"""Why a plan is as it is, in a terminal: the rule that was taken, and those that were not."""

from rich.console import Console
from rich.text import Text

from balancekit.plan import Plan
from balancekit.recommender import Decision, Rule, load_rules
from balancekit.report.terminal.layout import say
from balancekit.report.words import printable

__all__ = ["show_rule"]

INDENT = 16
NAMES = {
    "wanted": "wanted prior",
    "n_samples": "samples",
    "n_classes": "classes",
    "smallest": "samples of the smallest class",
    "smallest_share": "share of the smallest class",
}
"""Facts that have other names than their fields."""


def show_rule(decision: Decision, plan: Plan, console: Console) -> None:
    """Print the rule that was taken, each of its conditions, and why others were passed over.

    Args:
        decision: of `balancekit.recommender.decide`.
        plan: that was made by it.
        console: where to.
    """
    rule, facts = decision.rule, decision.facts
    console.print()
    say(console, f"Rule: {rule.name}.", "bold", first="●")
    for check in rule.when.checks(facts):
        asked = "" if check.got == check.expected else f" ({check.expected})"
        said = f"{_name(check.fact)}: {check.got}{asked}"
        say(console, said, first="  ✓", indent=4)
    _say_part(console, "evidence", f"{rule.confidence} confidence. {rule.source}")
    _say_part(console, "instead", rule.instead)
    known = load_rules().strategies
    if others := [name for name in rule.alternatives if known[name].when.holds(facts)]:
        _say_part(console, "compare with", ", ".join(others))
    passed = load_rules().passed_over(facts)
    same_task = [one for one in passed if not one.when.task or facts.task in one.when.task]
    if same_task:
        console.print()
        say(console, "Rules passed over, and the first condition that failed:", "bold", first="●")
    for one in same_task:
        say(console, f"{one.name}: {_first_failure(one, decision)}", first="  ✗", indent=4)
    console.print()
    say(console, "The other parts:", "bold", first="●")
    for reason in plan.reasons:
        if reason.part not in ("sampling", "loss"):
            part = reason.part.replace("_", " ")
            _say_part(console, part, f"source: {reason.source}; instead: {reason.instead}")


def _first_failure(rule: Rule, decision: Decision) -> str:
    check = next(check for check in rule.when.checks(decision.facts) if not check.holds)
    return f"{_name(check.fact)} is {check.got}, not {check.expected}"


def _name(fact: str) -> str:
    return NAMES.get(fact, fact.replace("_", " "))


def _say_part(console: Console, name: str, text: str) -> None:
    lead = f"  {name}"
    indent = max(INDENT, len(lead) + 2)
    say(console, Text(printable(text)), first=lead, first_style="dim", indent=indent)
