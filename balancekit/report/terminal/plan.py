"""A Plan in a terminal."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.text import Text

from balancekit.plan import Metric, Plan, Reason, is_steady
from balancekit.plan.held_reasons import held_reasons
from balancekit.plan.metric_names import objective_text
from balancekit.report.plan_words import choice_text, confidence_text, plan_aim, plan_verdict
from balancekit.report.rows import groups_of_bins
from balancekit.report.target_words import targets_sentence
from balancekit.report.terminal.layout import (
    Column,
    class_table,
    head_and_tail,
    say,
    say_meanings,
)
from balancekit.report.weights_alone import wants_weights, weights_alone
from balancekit.report.words import bin_range, percent, printable
from balancekit.weights import effective_sample_size

__all__ = ["show_plan"]

PARTS = ("sampling", "loss", "stages", "correction", "augmentation", "bias_init", "batch_size")

PART_INDENT = 16
MEANINGS = {
    "drawn": "share of the draws",
    "weight": "in the loss",
    "shift": "of the logit, in training",
}
ALONE = (
    "class-balanced, for where weights in the loss are all that you change",
    "roots of inverse pixels, for where weights in the loss are all that you change",
)


def show_plan(plan: Plan, console: Console, operations: Sequence[str] = ()) -> None:
    """Print what a plan chose and why, and what each class gets of it.

    Args:
        plan: the plan.
        console: where to.
        operations: names of the augmentation's operations.
    """
    say(console, plan_verdict(plan), "bold", first="●")
    say(console, plan_aim(plan), "dim")
    reasons = {reason.part: reason for reason in held_reasons(plan)}
    for part in PARTS:
        if part in ("stages", "batch_size") and part not in reasons:
            continue  # of a plan by hand that has only what it needs
        console.print()
        _show_part(plan, part, reasons, console, operations)
    console.print()
    _show_metrics(plan.metrics, console)
    _show_weights(plan, console)
    for warning in plan.warnings:
        console.print()
        say(console, warning, first="!", first_style="yellow")


def _show_part(
    plan: Plan,
    part: str,
    reasons: dict[str, Reason],
    console: Console,
    operations: Sequence[str],
) -> None:
    """The choice and its reason; what speaks for the loss speaks for the sampling too."""
    text = Text(printable(choice_text(plan, part)), "cyan")
    if part == "augmentation" and operations:
        text.append(f": {', '.join(operations)}", "not bold")
    lead = f"  {part.removesuffix('_init').replace('_', ' ')}"
    say(console, text, first=lead, first_style="bold", indent=PART_INDENT)
    if part in reasons:
        reason = reasons[part]
        say(console, f"because {reason.because}", indent=PART_INDENT)
        if part == "loss":
            say(console, f"source: {reason.source}", "dim", indent=PART_INDENT)
            say(console, f"instead: {reason.instead}", "dim", indent=PART_INDENT)
    elif part == "sampling":
        say(console, targets_sentence(plan.sampling), indent=PART_INDENT)


def _show_metrics(metrics: Sequence[Metric], console: Console) -> None:
    """Each metric with half of the interval that is to be expected."""
    width, said = max((len(metric.name) for metric in metrics), default=0), ""
    for number, metric in enumerate(metrics):
        half = "" if metric.half_width is None else f"± {_points(metric.half_width)} points"
        name = objective_text(metric.name).ljust(width)
        line = Text(f"{name}  {half:<12}  {confidence_text(metric)}".rstrip())
        lead = "  watch" if number == 0 else ""
        say(console, line, first=lead, first_style="bold", indent=PART_INDENT)
        if metric.because and metric.because != said:
            said = metric.because
            say(console, metric.because, "dim", indent=PART_INDENT + 2)
    if metrics:
        console.print()


def _points(half_width: float) -> str:
    points = 100 * half_width
    return f"{points:.0f}" if points >= 10 else f"{points:.1f}"


def _show_weights(plan: Plan, console: Console) -> None:
    """What each class gets; what is the same for all of them is left out."""
    if plan.data.task == "regression":
        _show_bins(plan, console)
        return
    counts = plan.data.class_counts
    shown, cut = head_and_tail(counts)
    drawn, weights, shift = plan.draw_shares(), plan.class_weights(), plan.logit_shift()
    unit = {"detection": "boxes", "segmentation": "pixels"}.get(plan.data.task, "samples")
    columns = [Column(title=unit, cells=[f"{counts[c]:,}" for c in shown])]
    if plan.data.task == "classification":
        columns.append(Column(title="drawn", cells=[percent(drawn[c]) for c in shown]))
    if np.ptp(weights) > 0:
        columns.append(Column(title="weight", cells=[f"{weights[c]:.3f}" for c in shown]))
    if np.ptp(shift) > 0:
        columns.append(Column(title="shift", cells=[f"{shift[c]:+.3f}" for c in shown], spare=1))
    alone = weights_alone(plan.data)
    if wants_weights(plan):
        cells = [f"{alone[c]:.3f}" for c in shown]
        columns.append(Column(title="weights alone", cells=cells, spare=2))
    names = [plan.data.class_names[c] for c in shown]
    n_between = len(counts) - len(shown)
    titles = class_table(console, "class", names, columns, cut=cut, n_between=n_between)
    meanings = _meanings(plan, weights, alone)
    if meanings.keys() & set(titles):
        say_meanings(console, meanings, titles)


def _show_bins(plan: Plan, console: Console) -> None:
    """The samples in ranges of bins and their shares of the draws, in the order of the values."""
    names, counts, drawn = plan.data.class_names, plan.data.class_counts, plan.draw_shares()
    groups = groups_of_bins(names)
    sums = [sum(counts[first:end]) for first, end in groups]
    cells = [percent(sum(drawn[first:end])) for first, end in groups]
    columns = [
        Column(title="samples", cells=[f"{count:,}" for count in sums]),
        Column(title="drawn", cells=cells, spare=2),
        Column(title="", bars=[count / max(1, *sums) for count in sums], spare=1),
    ]
    ranges = [bin_range(names[first], names[end - 1]) for first, end in groups]
    titles = class_table(console, "value", ranges, columns)
    say_meanings(console, {"drawn": MEANINGS["drawn"]}, titles)


def _meanings(
    plan: Plan, weights: NDArray[np.float64], alone: NDArray[np.float64]
) -> dict[str, str]:
    """What the columns mean, and what weights cost."""
    counts, meanings = plan.data.class_counts, dict(MEANINGS)
    meanings["weights alone"] = ALONE[plan.data.task == "segmentation"]
    if not is_steady(plan.sampling):
        meanings["drawn"] = "share of the draws, at the end"
    if plan.data.task == "classification":
        meanings["weights alone"] += f": {_worth(counts, alone)}"
        if np.ptp(weights) > 0:
            meanings["weight"] += f": {_worth(counts, weights)}"
    return meanings


def _worth(counts: Sequence[int], weights: NDArray[np.float64]) -> str:
    """How far weights lessen what the samples tell: they count as fewer of equal weight."""
    return f"worth {effective_sample_size(counts, weights):,.0f} of {sum(counts):,} samples"
