"""Reports: Stats, Plan, Exposure and Comparison for people, in a terminal or on a page."""

from balancekit.report.terminal import show_comparison, show_exposure, show_plan, show_stats

__all__ = ["show_comparison", "show_exposure", "show_plan", "show_stats"]
