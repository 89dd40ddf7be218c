"""Counts → Stats: one file a family of measures."""

from balancekit.analysis.balance import measure_balance
from balancekit.analysis.drift import compare_stats
from balancekit.analysis.issue_kinds import ISSUE_KINDS, IssueKind
from balancekit.analysis.issues import find_issues
from balancekit.analysis.measure import stats_from_counts

__all__ = [
    "ISSUE_KINDS",
    "IssueKind",
    "compare_stats",
    "find_issues",
    "measure_balance",
    "stats_from_counts",
]
