"""The journey as one page: data, plan, what training sees, what if, results, and their use."""

from balancekit.report.journey.data_section import Pictures, pictures_of
from balancekit.report.journey.decided import Decided, Decision
from balancekit.report.journey.page import render_journey

__all__ = ["Decided", "Decision", "Pictures", "pictures_of", "render_journey"]
