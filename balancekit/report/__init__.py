"""Reports: Stats, Plan, Exposure, Comparison and Drift for people, in a terminal or on a page."""

from balancekit.report.terminal import (
    show_comparison,
    show_drift,
    show_exposure,
    show_plan,
    show_stats,
)

__all__ = ["show_comparison", "show_drift", "show_exposure", "show_plan", "show_stats"]
