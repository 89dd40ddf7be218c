"""The classes of Stats in a terminal: a table of head and tail, or a histogram of values."""

from collections.abc import Sequence

import numpy as np
from rich.console import Console

from balancekit.report.rows import groups_of_bins
from balancekit.report.terminal.layout import (
    MOST_LISTED,
    Column,
    class_table,
    head_and_tail,
    say,
    say_meanings,
)
from balancekit.report.words import UNIT_TITLES, bin_range, n_of, percent
from balancekit.stats import Stats, shot_groups

__all__ = ["show_classes"]

COLOURS = {"many": "green", "medium": "yellow", "few": "red", "none": "dim"}
MEANINGS = {
    "S/M/L in %": "under 32² px², up to 96² px², beyond",
    "IRLbl": "most frequent label to this one",
    "held out": "samples to test on, and how far off (± points) a recall of 80 % may be",
}


def show_classes(stats: Stats, console: Console) -> None:
    """Print a row a class, the largest first, the middle of many left out.

    Regression has a histogram over the range of its values instead.
    """
    if stats.task == "regression":
        _show_histogram(stats, console)
        return
    listed = _listed(stats.class_counts)
    places, cut = head_and_tail([stats.class_counts[c] for c in listed])
    shown = [listed[place] for place in places]
    names = [stats.class_names[c] for c in shown]
    n_between = len(listed) - len(shown)
    columns = _columns(stats, shown)
    titles = class_table(console, "class", names, columns, cut=cut, n_between=n_between)
    if n_empty := len(stats.class_counts) - len(listed):
        say(console, f"… {n_of(n_empty, 'class', 'classes')} without a sample", "dim")
    if set(titles) & set(MEANINGS):
        say_meanings(console, MEANINGS, titles)


def _listed(counts: Sequence[int]) -> Sequence[int]:
    """Classes to list: where not all can be, those with samples, as they are the tail."""
    filled = [class_id for class_id, count in enumerate(counts) if count]
    return filled if filled and len(counts) > MOST_LISTED else range(len(counts))


def _columns(stats: Stats, shown: Sequence[int]) -> list[Column]:
    """What is known of the classes, the least needed to be given up first."""
    counts = [stats.class_counts[c] for c in shown]
    table = stats.per_class
    # Labels of a sample do not exclude one another: their shares are of the samples.
    total = stats.n_samples if stats.unit == "labels" else sum(stats.class_counts)
    columns = [
        Column(title=UNIT_TITLES[stats.unit], cells=[f"{count:,}" for count in counts]),
        Column(title="share", cells=[percent(c / max(1, total)) for c in counts], spare=2),
    ]
    if stats.unit in ("instances", "keypoints", "pixels") and table.samples:
        columns.append(Column(title="pictures", cells=_numbers(table.samples, shown), spare=3))
    if table.small and table.medium and table.large:
        sizes = (table.small, table.medium, table.large)
        columns.append(Column(title="S/M/L in %", cells=_percentages(sizes, shown), spare=6))
    if table.irlbl and stats.task == "multilabel":
        cells = ["–" if (ir := table.irlbl[c]) is None else f"{ir:,.1f}" for c in shown]
        columns.append(Column(title="IRLbl", cells=cells, spare=5))
    if table.held_out and table.recall_half_width:
        halves = [f"±{100 * table.recall_half_width[c]:.0f}" for c in shown]
        widest = max(map(len, halves))
        cells = [
            f"{table.held_out[c]:,} {half:>{widest}}" for c, half in zip(shown, halves, strict=True)
        ]
        columns.append(Column(title="held out", cells=cells, spare=4))
    largest = max(1, *stats.class_counts)
    columns.append(
        Column(
            title="",
            bars=[count / largest for count in counts],
            styles=[COLOURS[shot] for shot in _shots(stats, shown)],
            spare=1,
        )
    )
    return columns


def _shots(stats: Stats, shown: Sequence[int]) -> list[str]:
    """Whether each class has many, a medium number, few or no samples."""
    if stats.per_class.shot:
        return [stats.per_class.shot[c] for c in shown]
    counts = stats.per_class.samples or stats.class_counts
    return [str(shot) for shot in shot_groups([counts[c] for c in shown])]


def _numbers(values: Sequence[int], shown: Sequence[int]) -> list[str]:
    return [f"{values[c]:,}" for c in shown]


def _percentages(columns: Sequence[Sequence[int]], shown: Sequence[int]) -> list[str]:
    """Shares of several counts of a class, each below its like."""
    cells = []
    for class_id in shown:
        counts = [values[class_id] for values in columns]
        total = sum(counts)
        shares = "/".join(f"{100 * count / max(1, total):3.0f}" for count in counts)
        cells.append(shares if total else "–")
    return cells


def _show_histogram(stats: Stats, console: Console) -> None:
    """Print the samples in ranges of bins, in the order of the values."""
    groups = groups_of_bins(stats.class_names)
    counts = [sum(stats.class_counts[first:end]) for first, end in groups]
    names = [
        bin_range(stats.class_names[first], stats.class_names[end - 1]) for first, end in groups
    ]
    total, largest = max(1, sum(counts)), max(1, *counts)
    a_bin = [count / (end - first) for count, (first, end) in zip(counts, groups, strict=True)]
    columns = [
        Column(title="samples", cells=[f"{count:,}" for count in counts]),
        Column(title="share", cells=[percent(count / total) for count in counts], spare=2),
    ]
    if held_out := stats.per_class.held_out:
        cells = [f"{sum(held_out[first:end]):,}" for first, end in groups]
        columns.append(Column(title="held out", cells=cells, spare=3))
    columns.append(
        Column(
            title="",
            bars=[count / largest for count in counts],
            styles=[COLOURS[str(shot)] for shot in shot_groups(np.ceil(a_bin))],
            spare=1,
        )
    )
    class_table(console, "value", names, columns)
