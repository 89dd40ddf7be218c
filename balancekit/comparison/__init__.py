"""Comparison: plans trained under the same budget, side by side."""

from balancekit.comparison.differences import Difference, Outcome
from balancekit.comparison.results import Arm, Comparison, Measured, Parts, Run
from balancekit.comparison.verb import ComparisonInterrupted, compare

__all__ = [
    "Arm",
    "Comparison",
    "ComparisonInterrupted",
    "Difference",
    "Measured",
    "Outcome",
    "Parts",
    "Run",
    "compare",
]
