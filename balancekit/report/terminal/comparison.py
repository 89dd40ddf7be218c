"""A Comparison in a terminal."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from balancekit.report.plan_words import comparison_verdict, mean_text, runs_text
from balancekit.report.terminal.layout import Column, class_table, fitted, head_and_tail, say
from balancekit.report.words import printable

if TYPE_CHECKING:
    from balancekit.comparison import Arm, Comparison

__all__ = ["show_comparison"]

MOST_CONFUSION_CLASSES = 12
"""Classes up to which a confusion matrix is printed: more do not fit a terminal."""

CELL = 5
SEPARATORS = "_-./: "


def show_comparison(comparison: "Comparison", console: Console) -> None:
    """Print the results of all plans side by side: metrics, and recall per class."""
    say(console, comparison_verdict(comparison), "bold", first="●")
    say(console, runs_text(comparison), "dim")
    console.print()
    summary = comparison.summary()
    metrics, n_seeds = list(next(iter(summary.values()))), len(comparison.seeds)
    columns = [
        Column(title=arm.name, cells=[mean_text(*summary[arm.name][m], n_seeds) for m in metrics])
        for arm in comparison.arms
    ]
    class_table(console, "metric", [m.replace("_", " ") for m in metrics], columns)
    console.print()
    shown, cut = head_and_tail(comparison.train_counts)
    trained_on = [f"{comparison.train_counts[c]:,}" for c in shown]
    recalls = [
        Column(title="trained on", cells=trained_on, spare=True),
        *(Column(title=arm.name, cells=_recalls(arm, shown)) for arm in comparison.arms),
    ]
    names = [comparison.class_names[c] for c in shown]
    n_between = len(comparison.class_names) - len(shown)
    class_table(console, "recall in %", names, recalls, cut=cut, n_between=n_between)
    say(console, "in brackets: 95 % interval on this validation set", "dim")
    if len(comparison.class_names) <= MOST_CONFUSION_CLASSES:
        _show_confusions(comparison, console)


def _recalls(arm: "Arm", shown: list[int]) -> list[str]:
    columns = np.stack(arm.recall(), 1)
    return [f"{_whole(r)} [{_whole(low)}, {_whole(high)}]" for r, low, high in columns[shown]]


def _show_confusions(comparison: "Comparison", console: Console) -> None:
    heads, names = keys_of([printable(name) for name in comparison.class_names], CELL - 1)
    longest = max(map(cell_len, names))
    width = max(len("true class"), min(longest, console.width - 2 - CELL * len(names)))
    if 2 + width + CELL * len(names) > console.width:
        return
    for arm in comparison.arms:
        console.print()
        say(console, f"Confusion of {arm.name}, in % of the true class", "dim")
        header = "".join(" " * (CELL - cell_len(head)) + head for head in heads)
        console.print(Text(f"  {fitted('true class', width)}{header}", "dim"), soft_wrap=True)
        matrix = arm.confusion()
        shares = matrix / np.maximum(matrix.sum(1, keepdims=True), 1)
        for i, name in enumerate(names):
            line = Text(f"  {fitted(name, width)}")
            for j, share in enumerate(shares[i]):
                style = "bold green" if i == j else "red" if share >= 0.1 else "dim"
                shown = f"{100 * share:.0f}" if share >= 0.005 else "·"
                line.append(shown.rjust(CELL), style)
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
