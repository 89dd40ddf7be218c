"""Stats in a terminal."""

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from balancekit.report.terminal.layout import Column, bar, class_table, head_and_tail, say
from balancekit.report.words import (
    MOST_EXAMPLES,
    examples_text,
    headline_measures,
    n_of,
    percent,
    printable,
    verdict,
)
from balancekit.stats import Issue, Stats

__all__ = ["show_stats"]

TONES = {"good": "green", "fair": "yellow", "poor": "dark_orange", "bad": "red"}
MARKS = {"error": ("✗", "red"), "warning": ("!", "yellow"), "info": ("i", "blue")}
LONGEST_BAR = 40


def show_stats(stats: Stats, console: Console) -> None:
    """Print verdict, class bars, measures and issues."""
    line, tone = verdict(stats)
    say(console, line, f"bold {TONES[tone]}", first="●")
    unlabelled = f" ({stats.n_unlabelled:,} without a label)" if stats.n_unlabelled else ""
    samples = n_of(stats.n_samples, "sample")
    classes = n_of(len(stats.class_names), "class", "classes")
    say(console, f"{samples}{unlabelled} in {classes}{_checked(stats)}", "dim")
    say(console, stats.source, "dim")
    if stats.class_names:
        console.print()
        _show_classes(stats, console)
        console.print()
        _show_measures(stats, console)
    for issue in stats.issues:
        console.print()
        _show_issue(issue, console)


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


def _show_classes(stats: Stats, console: Console) -> None:
    shown, cut = head_and_tail(stats.class_counts)
    counts = [stats.class_counts[c] for c in shown]
    names = [printable(stats.class_names[c]) for c in shown]
    total, largest = max(1, sum(stats.class_counts)), max(1, *stats.class_counts)
    samples = Column(title="samples", cells=[f"{count:,}" for count in counts])
    share = Column(title="share", cells=[percent(count / total) for count in counts])
    name_width = min(max(map(cell_len, names)), max(12, console.width // 3))
    taken = 2 + name_width + samples.width() + share.width() + 6
    longest = max(6, min(LONGEST_BAR, console.width - taken))
    bars = Column(
        title="",
        cells=[bar(count / largest, longest) for count in counts],
        styles=[_shot_colour(count) for count in counts],
        left=True,
        spare=True,
    )
    columns = (samples, share, bars)
    class_table(
        console, "class", names, columns, cut=cut, n_between=len(stats.class_counts) - len(shown)
    )


def _shot_colour(count: int) -> str:
    return "green" if count > 100 else "yellow" if count >= 20 else "red"


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


def _show_issue(issue: Issue, console: Console) -> None:
    mark, style = MARKS[issue.severity]
    title = Text.assemble((f"{issue.code} ", style), f"{issue.title}: {issue.count:,}")
    say(console, title, first=mark, first_style=style)
    say(console, f"→ {issue.what_to_do}", indent=8)
    if issue.examples:
        most = 1 if issue.severity == "info" else MOST_EXAMPLES
        say(console, examples_text(issue.examples, issue.count, most), "dim", indent=8)
