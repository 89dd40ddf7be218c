"""A Comparison as one self-contained page."""

from typing import TYPE_CHECKING

from balancekit.report.comparison_section import comparison_section
from balancekit.report.html import render

if TYPE_CHECKING:
    from balancekit.comparison import Comparison

__all__ = ["render_comparison"]


def render_comparison(comparison: "Comparison", title: str = "Plans compared") -> str:
    """The page as HTML text.

    Args:
        comparison: with one tested arm at least.
        title: its heading.
    """
    return render("comparison.html.j2", title=title, results=comparison_section(comparison))
