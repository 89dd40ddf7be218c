"""Stats in a terminal."""

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from balancekit.report.terminal.classes import show_classes
from balancekit.report.terminal.findings import (
    show_duplicates,
    show_pairs,
    show_shortcuts,
    show_splits,
)
from balancekit.report.terminal.layout import say
from balancekit.report.words import (
    MOST_EXAMPLES,
    contents_text,
    headline_measures,
    issue_examples,
    n_of,
    verdict,
)
from balancekit.stats import Issue, Stats

__all__ = ["MARKS", "show_issue", "show_stats"]

TONES = {"good": "green", "fair": "yellow", "poor": "dark_orange", "bad": "red"}
MARKS = {"error": ("✗", "red"), "warning": ("!", "yellow"), "info": ("i", "blue")}


def show_stats(stats: Stats, console: Console) -> None:
    """Print verdict, class bars, measures, what was found beside them, and issues."""
    line, tone = verdict(stats)
    say(console, line, f"bold {TONES[tone]}", first="●")
    split = f" · split {stats.split}" if stats.split else ""
    say(console, f"{contents_text(stats)}{split}{_checked(stats)}", "dim")
    say(console, stats.source, "dim")
    if stats.class_names:
        console.print()
        show_classes(stats, console)
        console.print()
        _show_measures(stats, console)
    for show in (show_pairs, show_splits, show_duplicates, show_shortcuts):
        show(stats, console)
    for issue in stats.issues:
        console.print()
        show_issue(issue, console)


def _checked(stats: Stats) -> str:
    if stats.media != "pictures":
        return ""
    if not stats.n_checked:
        return " · pictures counted, not opened (--verify decode opens them)"
    return (
        " · all pictures opened"
        if stats.n_checked >= stats.n_samples
        else (f" · {n_of(stats.n_checked, 'picture')} opened")
    )


def _show_measures(stats: Stats, console: Console) -> None:
    measures = headline_measures(stats)
    name_width = max(len(name) for name, _, _ in measures)
    value_width = max(len(value) for _, value, _ in measures)
    for name, value, meaning in measures:
        line = Text(f"  {name:<{name_width}}  ")
        line.append(value, "bold")
        space = " " * (value_width - len(value) + 2)
        if cell_len(line.plain) + len(space) + len(meaning) <= console.width:
            line.append(space + meaning, "dim")
        console.print(line, soft_wrap=True)


def show_issue(issue: Issue, console: Console) -> None:
    """Print what is so, how often, what to do, and examples."""
    mark, style = MARKS[issue.severity]
    title = Text.assemble((f"{issue.code} ", style), f"{issue.title}: {issue.count:,}")
    say(console, title, first=mark, first_style=style)
    say(console, f"→ {issue.what_to_do}", indent=8)
    if issue.examples:
        most = 1 if issue.severity == "info" else MOST_EXAMPLES
        say(console, issue_examples(issue, most), "dim", indent=8)
