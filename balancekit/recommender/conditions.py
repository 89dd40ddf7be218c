"""Conditions of the rules as data: what each fact has to be, and how a fact is held against it."""

from dataclasses import dataclass
from typing import Literal

import msgspec

from balancekit.labels import Media, Task
from balancekit.plan import Objective

__all__ = ["Bounds", "Check", "Condition", "Facts", "Inputs", "Wanted"]

Wanted = Literal["training", "between", "uniform", "given"]
"""Class prior that decisions should assume: that of the data, the square root of it, every class
the same, or shares of the user's own."""


Inputs = Media | Literal["text"]
"""What samples are; texts are told from other rows where that is known."""


class _Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class Facts(_Record, frozen=True, kw_only=True):
    """What the rules look at.

    Attributes:
        media: of the samples; "text" for rows that are known to hold texts.
        n_classes: classes with samples; of a regression, bins.
        imbalance_ratio: of the largest class to the smallest, in the unit of the task.
        smallest: samples of the class that fewest carry.
        smallest_share: of the smallest class in everything that is counted.
        labels_per_sample: classes that a sample carries, on average.
        budget_s: seconds that there are to train; infinite if nobody says so.
    """

    task: Task
    media: Inputs
    objective: Objective
    wanted: Wanted
    n_samples: int
    n_classes: int
    imbalance_ratio: float
    smallest: int
    smallest_share: float
    labels_per_sample: float = 1.0
    budget_s: float = float("inf")


class Bounds(_Record, frozen=True, kw_only=True):
    """From where to where a fact may lie; either end may be open."""

    at_least: float = float("-inf")
    below: float = float("inf")

    def hold(self, value: float) -> bool:
        """Whether a value lies between them; an open end takes in infinity."""
        return self.at_least <= value and (value < self.below or self.below == float("inf"))

    def __str__(self) -> str:
        parts = []
        if self.at_least > float("-inf"):
            parts.append(f"at least {self.at_least:,g}")
        if self.below < float("inf"):
            parts.append(f"below {self.below:,g}")
        return " and ".join(parts) or "anything"


@dataclass(frozen=True)
class Check:
    """One part of a condition, held against the facts.

    Attributes:
        fact: name of the field of `Facts`.
        expected: in words.
        got: the fact, in words.
    """

    fact: str
    expected: str
    got: str
    holds: bool


class Condition(_Record, frozen=True, kw_only=True):
    """What each fact has to be; a fact that is not named may be anything.

    Facts in words are one of those listed, facts in numbers lie within bounds.

    >>> from balancekit.recommender import Facts
    >>> facts = Facts(task="classification", media="rows", objective="accuracy",
    ...     wanted="training", n_samples=100, n_classes=2, imbalance_ratio=9.0, smallest=10,
    ...     smallest_share=0.1)
    >>> [check.holds for check in Condition(imbalance_ratio=Bounds(at_least=10)).checks(facts)]
    [False]
    """

    task: tuple[Task, ...] = ()
    media: tuple[Inputs, ...] = ()
    objective: tuple[Objective, ...] = ()
    wanted: tuple[Wanted, ...] = ()
    n_samples: Bounds = Bounds()
    n_classes: Bounds = Bounds()
    imbalance_ratio: Bounds = Bounds()
    smallest: Bounds = Bounds()
    smallest_share: Bounds = Bounds()
    labels_per_sample: Bounds = Bounds()
    budget_s: Bounds = Bounds()

    def checks(self, facts: Facts) -> tuple[Check, ...]:
        """Every part that asks for something, in the order of the fields."""
        checks = []
        for fact in self.__struct_fields__:
            asked, got = getattr(self, fact), getattr(facts, fact)
            if isinstance(asked, Bounds):
                if asked != Bounds():
                    checks.append(Check(fact, str(asked), f"{got:,.4g}", asked.hold(got)))
            elif asked:
                checks.append(Check(fact, " or ".join(asked), got, got in asked))
        return tuple(checks)

    def holds(self, facts: Facts) -> bool:
        """Whether every part does."""
        return all(check.holds for check in self.checks(facts))
