"""The page of the journey, from data to decisions, as one file that stands alone."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from balancekit.exposure import Exposure
from balancekit.plan import Plan
from balancekit.report.comparison_section import comparison_section
from balancekit.report.exposure_section import exposure_section
from balancekit.report.html import render
from balancekit.report.journey.data_section import Pictures, data_section
from balancekit.report.journey.decided import Decided
from balancekit.report.journey.plan_section import plan_section
from balancekit.report.journey.steps import journey_steps
from balancekit.report.journey.use_section import use_section
from balancekit.report.what_if import what_if
from balancekit.stats import Stats

if TYPE_CHECKING:
    from balancekit.comparison import Comparison

__all__ = ["render_journey"]


def render_journey(
    title: str,
    stats: Stats,
    plan: Plan,
    exposure: Exposure,
    *,
    comparison: "Comparison | None" = None,
    pictures: Pictures | None = None,
    decided: Decided | None = None,
    code: Sequence[str] = (),
    how_made: str,
    next_commands: Sequence[str] = (),
) -> str:
    """The page as HTML text, the same bytes for the same arguments.

    Args:
        title: its heading.
        stats: of the training data.
        plan: made from them.
        exposure: what training will see under it.
        comparison: results, if plans were compared.
        pictures: examples, if the samples are pictures.
        decided: what a model trained by the plan decides, if one was.
        code: lines of Python that make a pipeline of the plan.
        how_made: the command that made the page, and of what.
        next_commands: what to try next.
    """
    sliders = what_if(plan, round(sum(exposure.draws_per_class) / exposure.epochs))
    results = None
    if comparison is not None and comparison.tested():
        results = comparison_section(comparison)
    parts = ("data", "plan", "seen", "what_if", "results", "use")
    missing = {"what_if": sliders is None, "results": results is None}
    shown = [part for part in parts if not missing.get(part)]
    return render(
        "journey.html.j2",
        script=None if sliders is None else "what_if.js",
        title=title,
        how_made=how_made,
        steps=journey_steps(stats, plan, exposure, comparison),
        numbers={part: place for place, part in enumerate(shown, 1)},
        data=data_section(stats, pictures),
        plan=plan_section(plan, [issue.code for issue in stats.issues]),
        seen=exposure_section(exposure, plan),
        what_if=sliders,
        results=results,
        use=use_section(plan, code, decided),
        next_commands=next_commands,
    )
