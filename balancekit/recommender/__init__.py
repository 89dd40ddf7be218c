"""The recommender: Stats → Plan, by rules that are data, each with its evidence."""

from balancekit.recommender.augmentation import ROWS_OF_KIND
from balancekit.recommender.batch_size import with_batch_size
from balancekit.recommender.candidates import alternatives
from balancekit.recommender.choose import Decision, baseline, decide, recommend
from balancekit.recommender.conditions import Bounds, Check, Condition, Facts
from balancekit.recommender.objectives import OBJECTIVES
from balancekit.recommender.rules import Choice, Rule, Rules, Strategy, Weights, load_rules

__all__ = [
    "OBJECTIVES",
    "ROWS_OF_KIND",
    "Bounds",
    "Check",
    "Choice",
    "Condition",
    "Decision",
    "Facts",
    "Rule",
    "Rules",
    "Strategy",
    "Weights",
    "alternatives",
    "baseline",
    "decide",
    "load_rules",
    "recommend",
    "with_batch_size",
]
