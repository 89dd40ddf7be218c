"""A Comparison in a terminal."""

from typing import TYPE_CHECKING

import numpy as np
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from balancekit.report.terminal.layout import Column, class_table, fitted, head_and_tail, say
from balancekit.report.words import comparison_verdict, n_of, printable

if TYPE_CHECKING:
    from balancekit.comparison import Arm, Comparison

__all__ = ["show_comparison"]

MOST_CONFUSION_CLASSES = 12
"""Classes up to which a confusion matrix is printed: more do not fit a terminal."""

CELL = 5


def show_comparison(comparison: "Comparison", console: Console) -> None:
    """Print the results of all plans side by side: metrics, and recall per class."""
    say(console, comparison_verdict(comparison), "bold", first="●")
    seeds = n_of(len(comparison.seeds), "seed")
    epochs = n_of(comparison.epochs, "epoch")
    say(console, f"mean ± standard deviation of {seeds}, {epochs} each", "dim")
    console.print()
    summary = comparison.summary()
    metrics = list(next(iter(summary.values())))
    columns = [
        Column(title=arm.name, cells=[_mean(*summary[arm.name][m]) for m in metrics])
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


def _mean(mean: float, deviation: float) -> str:
    return f"{100 * mean:.1f} ± {100 * deviation:.1f} %"


def _show_confusions(comparison: "Comparison", console: Console) -> None:
    names = [printable(name) for name in comparison.class_names]
    longest = max(map(cell_len, names))
    width = max(len("true class"), min(longest, console.width - 2 - CELL * len(names)))
    if 2 + width + CELL * len(names) > console.width:
        return
    for arm in comparison.arms:
        console.print()
        say(console, f"Confusion of {arm.name}, in % of the true class", "dim")
        heads = "".join(fitted(name, min(CELL - 1, cell_len(name))).rjust(CELL) for name in names)
        console.print(Text(f"  {fitted('true class', width)}{heads}", "dim"), soft_wrap=True)
        matrix = arm.confusion()
        shares = matrix / np.maximum(matrix.sum(1, keepdims=True), 1)
        for i, name in enumerate(names):
            line = Text(f"  {fitted(name, width)}")
            for j, share in enumerate(shares[i]):
                style = "bold green" if i == j else "red" if share >= 0.1 else "dim"
                shown = f"{100 * share:.0f}" if share >= 0.005 else "·"
                line.append(shown.rjust(CELL), style)
            console.print(line, soft_wrap=True)


def _whole(share: float) -> str:
    return "–" if np.isnan(share) else f"{100 * share:.0f}"
