"""The recommender: Stats → Plan, by rules that are data, each with its evidence."""

from balancekit.recommender.choose import baseline, recommend
from balancekit.recommender.rules import RULES, Facts, Rule

__all__ = ["RULES", "Facts", "Rule", "baseline", "recommend"]
