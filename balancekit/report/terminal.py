"""Reports in a terminal, by rich: they fit its width and drop colour where there is none."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from balancekit.exposure import Exposure
from balancekit.plan import Plan
from balancekit.report.words import choice_text, headline_measures, percent, verdict
from balancekit.stats import Stats
from balancekit.weights import effective_number_weights

if TYPE_CHECKING:
    from balancekit.comparison import Comparison

__all__ = ["show_comparison", "show_exposure", "show_plan", "show_stats"]

TONES = {"good": "green", "fair": "yellow", "poor": "dark_orange", "bad": "red"}
MARKS = {"error": ("✗", "red"), "warning": ("!", "yellow"), "info": ("i", "blue")}
HEAD_AND_TAIL = 10
"""Classes shown of each end, where all would be too many."""

MOST_CONFUSION_CLASSES = 12
"""Classes up to which a confusion matrix is printed: more do not fit a terminal."""

PARTS = ("sampling", "loss", "correction", "augmentation", "bias_init")


def show_stats(stats: Stats, console: Console) -> None:
    """Print verdict, class bars, measures and issues."""
    line, tone = verdict(stats)
    console.print(Text(f"● {line}", style=f"bold {TONES[tone]}"))
    unlabelled = f" ({stats.n_unlabelled:,} unlabelled)" if stats.n_unlabelled else ""
    console.print(
        f"  {stats.n_samples:,} samples{unlabelled}, {len(stats.class_names):,} classes · "
        f"{escape(stats.source)}",
        style="dim",
    )
    console.print(_class_table(stats, console.width))
    console.print()
    measures = Table.grid(padding=(0, 2))
    for name, value in headline_measures(stats):
        measures.add_row(f"  {name}", f"[bold]{value}[/]")
    console.print(measures)
    checked = f"{stats.n_checked:,} pictures decoded" if stats.n_checked else "labels only"
    if stats.media == "pictures":
        console.print(f"  checked: {checked}", style="dim")
    if stats.issues:
        console.print()
    for issue in stats.issues:
        mark, style = MARKS[issue.severity]
        console.print(
            Text.assemble((f"{mark} {issue.code} ", style), f"{issue.title} ({issue.count:,})")
        )
        console.print(_indented(f"→ {issue.what_to_do}"))
        if issue.severity != "info" and issue.examples:
            shown = ", ".join(issue.examples[:3])
            more = f" and {issue.count - 3:,} more" if issue.count > 3 else ""
            console.print(_indented(f"{shown}{more}"))


def _indented(text: str) -> Padding:
    return Padding(Text(text, style="dim"), (0, 0, 0, 8), expand=False)


def head_and_tail(counts: Sequence[int]) -> tuple[list[int], int]:
    """Class ids to show, the largest first, and after how many of them classes are left out.

    >>> head_and_tail([1, 5, 3])
    ([1, 2, 0], 3)
    """
    order = sorted(range(len(counts)), key=lambda c: (-counts[c], c))
    if len(order) <= 2 * HEAD_AND_TAIL + 2:
        return order, len(order)
    return order[:HEAD_AND_TAIL] + order[-HEAD_AND_TAIL:], HEAD_AND_TAIL


def _class_table(stats: Stats, width: int) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1))
    table.add_column("  class", no_wrap=True, overflow="ellipsis", max_width=max(12, width // 3))
    table.add_column("samples", justify="right", no_wrap=True)
    table.add_column("share", justify="right", no_wrap=True)
    longest = min(40, max(6, width - max(12, width // 3) - 28))
    table.add_column("", no_wrap=True, min_width=longest)
    shown, cut = head_and_tail(stats.class_counts)
    total, largest = max(1, sum(stats.class_counts)), max(stats.class_counts, default=1)
    for row, class_id in enumerate(shown):
        if row == cut:
            between = len(stats.class_counts) - len(shown)
            table.add_row(f"  … {between:,} classes between", "", "", "", style="dim")
        count = stats.class_counts[class_id]
        table.add_row(
            Text(f"  {stats.class_names[class_id]}"),
            f"{count:,}",
            percent(count / total),
            Text(bar(count / max(1, largest), longest), style=_shot_colour(count)),
        )
    return table


def bar(share: float, width: int) -> str:
    """A bar of `share` of `width` characters; anything above 0 shows.

    >>> bar(0.5, 4), bar(0.001, 4)
    ('██', '▏')
    """
    eighths = round(share * width * 8)
    if share > 0:
        eighths = max(1, eighths)
    return "█" * (eighths // 8) + ("", *"▏▎▍▌▋▊▉")[eighths % 8]


def _shot_colour(count: int) -> str:
    return "green" if count > 100 else "yellow" if count >= 20 else "red"


def show_plan(plan: Plan, console: Console, operations: Sequence[str] = ()) -> None:
    """Print what a plan chose and why, and what each class gets of it.

    Args:
        plan: the plan.
        console: where to.
        operations: names of the augmentation's operations.
    """
    aim = plan.objective.replace("_", " ")
    wanted = plan.wanted_prior if isinstance(plan.wanted_prior, str) else "given"
    console.print(Text(f"● Plan for {aim}, deployed prior {wanted}", style="bold"))
    reasons = {reason.part: reason for reason in plan.reasons}
    table = Table(box=None, show_header=False, padding=(0, 1), pad_edge=False)
    table.add_column(no_wrap=True, style="bold")
    table.add_column(overflow="fold")
    said = ("", "")
    for part in PARTS:
        text = Text(choice_text(plan, part), style="cyan")
        if part == "augmentation" and operations:
            text.append(f" ({', '.join(operations)})")
        table.add_row(f"  {part.replace('_init', '')}", text)
        if part in reasons:
            reason = reasons[part]
            table.add_row("", Text(f"because {reason.because}"))
            if said != (reason.source, reason.instead):
                table.add_row("", Text(f"source: {reason.source}", style="dim"))
                table.add_row("", Text(f"instead: {reason.instead}", style="dim"))
            said = (reason.source, reason.instead)
    console.print(table)
    console.print(
        "\n  Per class: share of the draws, weight in the loss, shift of its logit in training;\n"
        "  alone: class-balanced weights, where weights are all that you can change.",
        style="dim",
    )
    console.print(_weights_table(plan, console.width))
    for warning in plan.warnings:
        console.print(Text.assemble(("! ", "yellow"), warning))


def _weights_table(plan: Plan, width: int) -> Table:
    counts = plan.data.class_counts
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1))
    table.add_column("  class", no_wrap=True, overflow="ellipsis", max_width=max(12, width // 3))
    for name in ("samples", "drawn", "weight", "shift", "alone"):
        table.add_column(name, justify="right")
    drawn, weights, shift = plan.draw_prior(), plan.class_weights(), plan.logit_shift()
    alone = effective_number_weights(counts)
    shown, cut = head_and_tail(counts)
    for row, c in enumerate(shown):
        if row == cut:
            table.add_row(f"  … {len(counts) - len(shown):,} classes between", style="dim")
        table.add_row(
            Text(f"  {plan.data.class_names[c]}"),
            f"{counts[c]:,}",
            percent(float(drawn[c])),
            f"{weights[c]:.3f}",
            f"{shift[c]:+.3f}",
            f"{alone[c]:.3f}",
        )
    return table


def show_exposure(exposure: Exposure, console: Console) -> None:
    """Print what training will see, class by class."""
    console.print(
        Text(
            f"● {exposure.draws_per_epoch:,} draws an epoch, {exposure.batches_per_epoch:,} batches "
            f"of {exposure.batch_size}; counted over {exposure.epochs} "
            f"epoch{'s' if exposure.epochs > 1 else ''}",
            style="bold",
        )
    )
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1))
    table.add_column("  class", no_wrap=True, overflow="ellipsis", max_width=30)
    for name in ("samples", "draws", "each, an epoch", "seen", "in a batch", "prior"):
        table.add_column(name, justify="right")
    shown, cut = head_and_tail(exposure.samples_per_class)
    for row, c in enumerate(shown):
        if row == cut:
            between = len(exposure.class_names) - len(shown)
            table.add_row(f"  … {between:,} classes between", style="dim")
        low, high = exposure.batch_low_per_class[c], exposure.batch_high_per_class[c]
        table.add_row(
            Text(f"  {exposure.class_names[c]}"),
            f"{exposure.samples_per_class[c]:,}",
            f"{exposure.draws_per_class[c]:,}",
            f"{exposure.repeats_per_class[c]:.2f} ×",
            percent(exposure.coverage_per_class[c], 0),
            f"{low}" if low == high else f"{low}–{high}",
            percent(exposure.believed_prior[c]),
        )
    console.print(table)
    if exposure.corrected_after_training:
        console.print("  Pipeline.correct moves the model's prior to the wanted one afterwards.")
    else:
        console.print("  The model will believe in the wanted prior: nothing to correct after.")


def show_comparison(comparison: "Comparison", console: Console) -> None:
    """Print the results of all plans side by side: metrics, and recall per class."""
    summary = comparison.summary()
    n_seeds = len(comparison.seeds)
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1))
    table.add_column(f"  mean ± s.d. of {n_seeds} seeds")
    for arm in comparison.arms:
        table.add_column(arm.name, justify="right")
    for metric in next(iter(summary.values())):
        cells = [
            f"{100 * summary[arm.name][metric][0]:.1f} ± {100 * summary[arm.name][metric][1]:.1f} %"
            for arm in comparison.arms
        ]
        table.add_row(f"  {metric.replace('_', ' ')}", *cells)
    console.print(table)
    recalls = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1))
    recalls.add_column("  recall [95 % interval]", no_wrap=True, overflow="ellipsis", max_width=30)
    recalls.add_column("trained on", justify="right")
    for arm in comparison.arms:
        recalls.add_column(arm.name, justify="right")
    shown, _ = head_and_tail(comparison.train_counts)
    columns = [np.stack(arm.recall(), 1) for arm in comparison.arms]
    for c in shown:
        cells = [f"{_whole(r)} [{_whole(lo)}, {_whole(hi)}]" for r, lo, hi in (m[c] for m in columns)]
        recalls.add_row(
            Text(f"  {comparison.class_names[c]}"), f"{comparison.train_counts[c]:,}", *cells
        )
    console.print(recalls)
    if len(comparison.class_names) <= MOST_CONFUSION_CLASSES:
        _show_confusions(comparison, console)


def _show_confusions(comparison: "Comparison", console: Console) -> None:
    names = comparison.class_names
    for arm in comparison.arms:
        matrix = arm.confusion()
        shares = matrix / np.maximum(matrix.sum(1, keepdims=True), 1)
        table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 0, 0, 1))
        table.add_column(f"  {arm.name}", no_wrap=True, overflow="ellipsis", max_width=22)
        for name in names:
            table.add_column(name[:5], justify="right", no_wrap=True)
        for i, name in enumerate(names):
            cells = [
                Text(
                    f"{100 * share:.0f}" if share >= 0.005 else "·",
                    style="bold green" if i == j else "red" if share >= 0.1 else "dim",
                )
                for j, share in enumerate(shares[i])
            ]
            table.add_row(Text(f"  {name}"), *cells)
        console.print(table)
    console.print("  % of the true class (row) that was taken for each class (column)", style="dim")


def _whole(share: float) -> str:
    return "–" if np.isnan(share) else f"{100 * share:.0f}"
