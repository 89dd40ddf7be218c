"""A Plan in a terminal."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.text import Text

from balancekit.plan import Plan, is_steady
from balancekit.report.plan_words import choice_text, plan_aim, plan_verdict
from balancekit.report.target_words import targets_sentence
from balancekit.report.terminal.layout import (
    Column,
    class_table,
    head_and_tail,
    say,
    say_meanings,
)
from balancekit.report.words import percent, printable
from balancekit.weights import effective_number_weights, effective_sample_size

__all__ = ["show_plan"]

PARTS = ("sampling", "loss", "correction", "augmentation", "bias_init")
PART_INDENT = 16
MEANINGS = {
    "drawn": "share of the draws",
    "weight": "in the loss",
    "shift": "of the logit, in training",
    "weights alone": "class-balanced, for where weights in the loss are all that you change",
}


def show_plan(plan: Plan, console: Console, operations: Sequence[str] = ()) -> None:
    """Print what a plan chose and why, and what each class gets of it.

    Args:
        plan: the plan.
        console: where to.
        operations: names of the augmentation's operations.
    """
    say(console, plan_verdict(plan), "bold", first="●")
    say(console, plan_aim(plan), "dim")
    reasons = {reason.part: reason for reason in plan.reasons}
    said = ("", "")
    for part in PARTS:
        console.print()
        text = Text(printable(choice_text(plan, part)), "cyan")
        if part == "augmentation" and operations:
            text.append(f": {', '.join(operations)}", "not bold")
        lead = f"  {part.removesuffix('_init')}"
        say(console, text, first=lead, first_style="bold", indent=PART_INDENT)
        if part in reasons:
            reason = reasons[part]
            say(console, f"because {reason.because}", indent=PART_INDENT)
            if said != (reason.source, reason.instead):
                say(console, f"source: {reason.source}", "dim", indent=PART_INDENT)
                say(console, f"instead: {reason.instead}", "dim", indent=PART_INDENT)
            said = (reason.source, reason.instead)
        elif part == "sampling":
            say(console, targets_sentence(plan.sampling), indent=PART_INDENT)
    console.print()
    watch = ", ".join(metric.replace("_", " ") for metric in plan.metrics)
    say(console, watch, first="  watch", first_style="bold", indent=PART_INDENT)
    console.print()
    _show_weights(plan, console)
    for warning in plan.warnings:
        console.print()
        say(console, warning, first="!", first_style="yellow")


def _show_weights(plan: Plan, console: Console) -> None:
    """What each class gets; the shift is left out where the loss shifts nothing."""
    counts = plan.data.class_counts
    shown, cut = head_and_tail(counts)
    drawn, weights, shift = plan.draw_prior(), plan.class_weights(), plan.logit_shift()
    columns = [
        Column(title="samples", cells=[f"{counts[c]:,}" for c in shown]),
        Column(title="drawn", cells=[percent(float(drawn[c])) for c in shown]),
        Column(title="weight", cells=[f"{weights[c]:.3f}" for c in shown]),
    ]
    if np.ptp(shift) > 0:
        columns.append(Column(title="shift", cells=[f"{shift[c]:+.3f}" for c in shown], spare=1))
    alone = effective_number_weights(counts)
    cells = [f"{alone[c]:.3f}" for c in shown]
    columns.append(Column(title="weights alone", cells=cells, spare=2))
    names = [plan.data.class_names[c] for c in shown]
    n_between = len(counts) - len(shown)
    titles = class_table(console, "class", names, columns, cut=cut, n_between=n_between)
    meanings = dict(MEANINGS)
    if not is_steady(plan.sampling):
        meanings["drawn"] = "share of the draws, at the end"
    if plan.data.task == "classification":
        meanings["weights alone"] += f": {_worth(counts, alone)}"
        if np.ptp(weights) > 0:
            meanings["weight"] += f": {_worth(counts, weights)}"
    say_meanings(console, meanings, titles)


def _worth(counts: Sequence[int], weights: NDArray[np.float64]) -> str:
    """How far weights lessen what the samples tell: they count as fewer of equal weight."""
    return f"worth {effective_sample_size(counts, weights):,.0f} of {sum(counts):,} samples"
