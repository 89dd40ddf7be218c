"""Counts → Stats: one file a family of measures."""

from balancekit.analysis.balance import measure_balance
from balancekit.analysis.issues import find_issues
from balancekit.analysis.measure import stats_from_counts

__all__ = ["find_issues", "measure_balance", "stats_from_counts"]
