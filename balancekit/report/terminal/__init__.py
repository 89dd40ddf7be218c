"""Reports in a terminal: they fit its width, and drop colour where there is none."""

from balancekit.report.terminal.comparison import show_comparison
from balancekit.report.terminal.drift import show_drift
from balancekit.report.terminal.exposure import show_exposure
from balancekit.report.terminal.plan import show_plan
from balancekit.report.terminal.stats import show_stats

__all__ = ["show_comparison", "show_drift", "show_exposure", "show_plan", "show_stats"]
