"""Reports: Stats, Plan, Exposure, Comparison and Drift for people, in a terminal or on a page."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from balancekit.report.terminal.comparison import show_comparison
    from balancekit.report.terminal.drift import show_drift
    from balancekit.report.terminal.exposure import show_exposure
    from balancekit.report.terminal.plan import show_plan
    from balancekit.report.terminal.stats import show_stats

__all__ = ["show_comparison", "show_drift", "show_exposure", "show_plan", "show_stats"]


def __getattr__(name: str) -> object:
    """A report, from the file that holds it: showing Stats loads nothing of plans."""
    if name not in __all__:
        raise AttributeError(f"module 'balancekit.report' has no attribute {name!r}")
    file = name.removeprefix("show_")
    return getattr(import_module(f"balancekit.report.terminal.{file}"), name)
