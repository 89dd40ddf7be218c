"""A Comparison in a terminal."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from balancekit.report.comparison_words import (
    arms_in_full,
    baseline_of,
    comparison_verdict,
    difference_text,
    digits_of,
    end_text,
    figure_text,
    head_text,
    is_number,
    outcome_text,
    parts_texts,
    runs_text,
    share_a_seed,
    shown_arms,
    shown_figures,
    told_apart,
    trained_as,
    unfinished_texts,
    with_seeds,
)
from balancekit.report.terminal.layout import Column, class_table, fitted, head_and_tail, say
from balancekit.report.words import name_text, printable

if TYPE_CHECKING:
    from balancekit.comparison import Arm, Comparison

__all__ = ["show_comparison"]

MOST_CONFUSION_CLASSES = 12
"""Classes up to which a confusion matrix is printed: more do not fit a terminal."""

LONGEST_HEAD = 24
CELL, WIDEST_CELL = 5, 12
"""Characters of a column of a confusion matrix: at least, and where there is room."""

SEPARATORS = "_-./: "


def show_comparison(comparison: "Comparison", console: Console) -> None:
    """Print the results of all plans side by side: metrics, and recall per class."""
    say(console, comparison_verdict(comparison), "bold", first="●")
    say(console, runs_text(comparison), "dim")
    for text in (*parts_texts(comparison), *unfinished_texts(comparison)):
        say(console, text, "dim")
    if not comparison.takeable():
        return
    console.print()
    _show_arms(comparison, console)
    arms = arms_in_full(comparison)
    if comparison.train_counts and arms[0].runs[0].totals:
        console.print()
        _show_recalls(comparison, arms, console)
    if arms[0].confusions and len(comparison.class_names) <= MOST_CONFUSION_CLASSES:
        _show_confusions(comparison, arms, console)


def _show_arms(comparison: "Comparison", console: Console) -> None:
    """One row an arm: the objective, how far it is from the baseline, and other figures."""
    objective, baseline = comparison.objective, baseline_of(comparison)
    winner = comparison.winner().name
    rows: list[tuple[str, ...]] = []
    others = [name for name in shown_figures(comparison) if name != objective]
    arms, tested = shown_arms(comparison), comparison.tested()
    digits = {name: digits_of(float(one.figure(name).mean()) for one in tested) for name in others}
    digits_of_mean = digits_of(one.mean() for one in tested)
    for arm in arms:
        apart, outcome = "", end_text(arm)
        if trained_as(arm) != trained_as(baseline) and share_a_seed(arm, baseline):
            found = comparison.difference(arm.name, baseline.name)
            apart, outcome = difference_text(comparison, found), outcome or outcome_text(found)
        outcome = with_seeds(comparison, arm, outcome)
        mean = figure_text(objective, arm.mean(), digits_of_mean) if arm.runs else "–"
        figures = [_short(name, arm.figure(name), digits[name]) for name in others]
        seconds = f"{np.mean(arm.seconds_per_seed):.1f}" if arm.runs else "–"
        rows.append((mean, apart, outcome, *figures, seconds))
    heads = (
        head_text(objective),
        "difference",
        "is",
        *(head_text(name) for name in others),
        "s a run",
    )
    columns = [
        Column(
            title=head,
            cells=[row[at] for row in rows],
            left=head == "is",
            spare=at,  # the objective stays; the last figures go first
        )
        for at, head in enumerate(heads)
    ]
    names = [f"{arm.name} ←" if arm.name == winner else arm.name for arm in arms]
    class_table(console, "plan", names, columns, whole_names=True)
    unit = "" if is_number(objective) else " in points"
    say(
        console,
        f"←: the plan to take · difference: to {printable(baseline.name)}{unit}, + is better, with "
        "half of its 95 % interval, paired by seed and sample · noise: not larger than that",
        "dim",
    )


def _short(name: str, values: NDArray[np.float64], digits: int) -> str:
    """The mean of a figure, in percent without the sign if it is a share; – for none."""
    if not len(values):
        return "–"
    mean = float(values.mean())
    return figure_text(name, mean, digits) if is_number(name) else f"{100 * mean:.1f}"


def _show_recalls(comparison: "Comparison", arms: Sequence["Arm"], console: Console) -> None:
    shown, cut = head_and_tail(comparison.train_counts)
    trained_on = [f"{comparison.train_counts[c]:,}" for c in shown]
    heads = told_apart([arm.name for arm in arms], LONGEST_HEAD)
    recalls = [
        Column(title="trained on", cells=trained_on, spare=1),
        *(
            Column(title=head, cells=_recalls(arm, shown), spare=at)
            for at, (head, arm) in enumerate(zip(heads, arms, strict=True))
        ),
    ]
    names = [comparison.class_names[c] for c in shown]
    n_between = len(comparison.class_names) - len(shown)
    class_table(console, "recall in %", names, recalls, cut=cut, n_between=n_between)
    say(console, "in brackets: 95 % interval on a test part", "dim")


def _recalls(arm: "Arm", shown: list[int]) -> list[str]:
    columns = np.stack(arm.recall(), 1)
    return [f"{_whole(r)} [{_whole(low)}, {_whole(high)}]" for r, low, high in columns[shown]]


def _show_confusions(comparison: "Comparison", arms: Sequence["Arm"], console: Console) -> None:
    names = [name_text(name) for name in comparison.class_names]
    longest = max(map(cell_len, names))
    # Wider where there is room for it beside the names, but not wider than they are.
    beside = (console.width - 2 - max(len("true class"), longest)) // len(names)
    cell = max(CELL, min(WIDEST_CELL, 1 + longest, beside))
    heads, names = keys_of(names, cell - 1)
    longest = max(map(cell_len, names))
    width = max(len("true class"), min(longest, console.width - 2 - cell * len(names)))
    if 2 + width + cell * len(names) > console.width:
        return
    for arm in arms:
        console.print()
        say(console, f"Confusion of {arm.name}, in % of the true class", "dim")
        header = "".join(" " * (cell - cell_len(head)) + head for head in heads)
        console.print(Text(f"  {fitted('true class', width)}{header}", "dim"), soft_wrap=True)
        matrix = arm.confusion()
        shares = matrix / np.maximum(matrix.sum(1, keepdims=True), 1)
        for i, name in enumerate(names):
            line = Text(f"  {fitted(name, width)}")
            for j, share in enumerate(shares[i]):
                style = "bold green" if i == j else "red" if share >= 0.1 else "dim"
                shown = f"{100 * share:.0f}" if share >= 0.005 else "·"
                line.append(shown.rjust(cell), style)
            console.print(line, soft_wrap=True)


def keys_of(names: Sequence[str], width: int) -> tuple[list[str], list[str]]:
    """Heads of at most `width` cells, and names for the rows that go by the same key.

    Names that do not fit lose what they have in common; where they are still too long to
    be told apart, both are numbered.

    >>> keys_of(["MT_Free", "MT_Fray", "MT_Blowhole"], 4)
    (['Free', 'Fray', 'Blo…'], ['Free', 'Fray', 'Blowhole'])
    >>> keys_of(["stingray", "stingfly"], 4)
    (['1', '2'], ['1 stingray', '2 stingfly'])
    """
    if len(names) > 1 and max(map(cell_len, names)) > width:
        common = _common_prefix(names)
        names = [name[common:] for name in names]
    heads = [fitted(name, min(width, cell_len(name))) for name in names]
    if len(set(heads)) == len(names):
        return heads, list(names)
    heads = [str(number) for number in range(1, len(names) + 1)]
    longest = len(heads[-1])
    return heads, [f"{head:>{longest}} {name}" for head, name in zip(heads, names, strict=True)]


def _common_prefix(names: Sequence[str]) -> int:
    """Characters that all names begin with, up to and with a separator, such as "MT_"."""
    low, high = min(names), max(names)  # all others lie between, and begin as both do
    n_same = 0
    # One character less than the name, so that something is left of it.
    while n_same < len(low) - 1 and low[n_same] == high[n_same]:
        n_same += 1
    return max(low.rfind(separator, 0, n_same) for separator in SEPARATORS) + 1


def _whole(share: float) -> str:
    return "–" if np.isnan(share) else f"{100 * share:.0f}"
