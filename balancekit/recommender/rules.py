"""Which plan to make when: rules in rules.toml, of which the first that fits is taken."""

import functools
from importlib import resources
from typing import Literal

import msgspec

from balancekit.plan import Confidence, Loss, Natural, OneStage, Stages, Targets
from balancekit.recommender.conditions import Condition, Facts

__all__ = ["Because", "Choice", "Rule", "Rules", "Strategy", "Weights", "load_rules"]


class _Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class Weights(_Record, frozen=True, kw_only=True):
    """Weights of the loss, from the counts: inverse counts, or odds against a label, to a power.

    Attributes:
        cap: the largest weight there may be; of classes, after they were normalised.
    """

    power: float
    cap: float | None = None


class Choice(_Record, frozen=True, kw_only=True):
    """What a plan takes of each part; the correction after training follows from the rest.

    Attributes:
        weights: to put into the loss; none if not given.
    """

    sampling: Targets = Natural()
    loss: Loss
    weights: Weights | None = None
    stages: Stages = OneStage()
    bias_init: Literal["zeros", "log-prior"] = "zeros"


class Because(_Record, frozen=True, kw_only=True):
    """Why a rule chooses so, for the user; a text may name any field of `Facts` in braces."""

    sampling: str
    loss: str
    stages: str = "all of the model learns from the first epoch to the last"


class Rule(_Record, frozen=True, kw_only=True):
    """One row of the table.

    Attributes:
        source: papers, or the command that measures it.
        instead: what would be chosen otherwise, and when, in words.
        alternatives: names of strategies to compare it with.
        confidence: of the evidence.
    """

    name: str
    when: Condition
    choice: Choice
    because: Because
    source: str
    instead: str
    alternatives: tuple[str, ...] = ()
    confidence: Confidence = "medium"


class Strategy(_Record, frozen=True, kw_only=True):
    """A choice to compare a recommendation with.

    Attributes:
        when: the data that it is for.
        mistake: whether it is compared to show what goes wrong.
    """

    when: Condition
    choice: Choice
    mistake: bool = False


class Rules(_Record, frozen=True, kw_only=True):
    """All rules, in the order in which they are tried, and all strategies by name."""

    rules: tuple[Rule, ...]
    strategies: dict[str, Strategy]

    def first(self, facts: Facts) -> Rule:
        """The rule to take; for every task and objective there is one."""
        return next(rule for rule in self.rules if rule.when.holds(facts))

    def passed_over(self, facts: Facts) -> tuple[Rule, ...]:
        """The rules that were tried before the one to take."""
        return self.rules[: self.rules.index(self.first(facts))]


@functools.cache
def load_rules() -> Rules:
    """The rules that come with the package.

    >>> [rule.name for rule in load_rules().rules if "keypoints" in rule.when.task]
    ['keypoints']
    """
    text = resources.files("balancekit.recommender").joinpath("rules.toml").read_bytes()
    rules = msgspec.toml.decode(text, type=Rules)
    for rule in rules.rules:
        unknown = set(rule.alternatives) - set(rules.strategies)
        assert not unknown, f"{rule.name}: no strategies {unknown}"
    return rules
