"""The drift between two analyses in a terminal."""

from rich.console import Console
from rich.text import Text

from balancekit.report.terminal.layout import Column, class_table, say
from balancekit.report.terminal.stats import MARKS
from balancekit.report.words import (
    UNIT_TITLES,
    decimal,
    drift_verdict,
    examples_text,
    n_of,
    percent,
)
from balancekit.stats import ClassChange, Drift, Issue

__all__ = ["show_drift"]

TONES = {
    "unchanged": "green",
    "within-chance": "green",
    "shifted": "dark_orange",
    "classes-changed": "red",
}
MOST_CHANGES = 20
MOST_NAMES = 8


def show_drift(drift: Drift, console: Console) -> None:
    """Print the verdict, classes that came or went, shifts, counts and issues."""
    say(console, drift_verdict(drift), f"bold {TONES[drift.verdict]}", first="●")
    say(console, f"before: {drift.before}", "dim")
    say(console, f"after:  {drift.after}", "dim")
    for title, names, style in (("added", drift.added, "green"), ("removed", drift.removed, "red")):
        if names:
            console.print()
            listed = examples_text(names, len(names), MOST_NAMES)
            say(console, listed, first=f"  {title}", first_style=style, indent=11)
    console.print()
    _show_measures(drift, console)
    if drift.changes:
        console.print()
        _show_changes(drift, console)
    for title, issues in (("new", drift.issues_appeared), ("gone", drift.issues_gone)):
        for issue in issues:
            console.print()
            _show_issue(title, issue, console)


def _show_measures(drift: Drift, console: Console) -> None:
    names = ["samples", "without a label", "imbalance ratio"]
    before = [
        f"{drift.n_samples_before:,}",
        f"{drift.n_unlabelled_before:,}",
        decimal(drift.imbalance_ratio_before, 2),
    ]
    after = [
        f"{drift.n_samples_after:,}",
        f"{drift.n_unlabelled_after:,}",
        decimal(drift.imbalance_ratio_after, 2),
    ]
    columns = [Column(title="before", cells=before), Column(title="after", cells=after)]
    class_table(console, "measure", names, columns)
    if drift.jensen_shannon is not None:
        line = f"shift {decimal(drift.jensen_shannon, 4)} bits (Jensen-Shannon"
        if drift.jensen_shannon_null is not None:
            line += f"; chance {decimal(drift.jensen_shannon_null, 4)}"
        line += ")"
        if drift.p_value is not None:
            line += f", p = {drift.p_value:.1g}"
        if drift.psi is not None:
            line += f" · PSI {decimal(drift.psi, 4)}"
        say(console, line, "dim")


def _show_changes(drift: Drift, console: Console) -> None:
    changes = drift.changes[:MOST_CHANGES]
    columns = [
        Column(title="before", cells=[_count(change.before) for change in changes]),
        Column(title="after", cells=[_count(change.after) for change in changes]),
        Column(
            title="share",
            cells=[f"{percent(c.share_before)} → {percent(c.share_after)}" for c in changes],
            styles=[_style(change) for change in changes],
            spare=1,
        ),
    ]
    title = f"class, {UNIT_TITLES[drift.unit]}"
    class_table(console, title, [change.class_name for change in changes], columns)
    if more := len(drift.changes) - len(changes):
        say(console, f"… and {n_of(more, 'class', 'classes')} more", "dim")


def _count(count: int | None) -> str:
    return "–" if count is None else f"{count:,}"


def _style(change: ClassChange) -> str:
    return "green" if change.share_after > change.share_before else "red"


def _show_issue(title: str, issue: Issue, console: Console) -> None:
    style = MARKS[issue.severity][1] if title == "new" else "dim"
    text = Text.assemble((f"{issue.code} ", style), f"{issue.title}: {issue.count:,}")
    say(console, text, first=f"  {title}", first_style=style, indent=8)
