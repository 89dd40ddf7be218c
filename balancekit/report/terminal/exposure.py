"""An Exposure in a terminal."""

from rich.console import Console

from balancekit.exposure import Exposure
from balancekit.report.plan_words import drawn_text, in_a_batch
from balancekit.report.terminal.layout import (
    Column,
    class_table,
    head_and_tail,
    say,
    say_meanings,
)
from balancekit.report.words import percent, shortened

__all__ = ["show_exposure"]

MEANINGS = {
    "repeats": "draws of each sample an epoch",
    "seen": "share of the samples drawn at all",
    "believed": "prior that the model learns",
    "wanted": "prior that decisions should assume",
}

SPARE = {"seen": 5, "wanted": 4, "draws": 3, "believed": 2, "repeats": 1}
"""Columns that a narrow terminal does not show, the higher the sooner."""


def show_exposure(exposure: Exposure, console: Console) -> None:
    """Print what training will see, class by class."""
    say(console, rarest_line(exposure), "bold", first="●")
    say(console, drawn_text(exposure), "dim")
    console.print()
    say_meanings(console, MEANINGS, _show_classes(exposure, console))
    console.print()
    if exposure.corrected_after_training:
        say(console, "After training, pipeline.correct moves the believed prior to the wanted one.")
    else:
        say(console, "The model learns the wanted prior: nothing to correct after training.")


def rarest_line(exposure: Exposure) -> str:
    """What training sees of the rarest class that has samples."""
    counts = exposure.samples_per_class
    filled = [c for c in range(len(counts)) if counts[c]]
    rarest = min(filled, key=lambda c: (counts[c], c))
    repeats = exposure.repeats_per_class[rarest]
    samples = "its one sample" if counts[rarest] == 1 else f"each of its {counts[rarest]:,} samples"
    often = "once" if abs(repeats - 1) < 0.05 else f"{repeats:.1f} times"
    return (
        f"{shortened(exposure.class_names[rarest])}, the rarest class: "
        f"{in_a_batch(exposure, rarest)} of {exposure.batch_size:,} draws in a batch, "
        f"{samples} {often} an epoch."
    )


def _show_classes(exposure: Exposure, console: Console) -> list[str]:
    """Print a row a class, and return the titles of the columns that fitted."""
    shown, cut = head_and_tail(exposure.samples_per_class)
    cells = {
        "samples": [f"{exposure.samples_per_class[c]:,}" for c in shown],
        "draws": [f"{exposure.draws_per_class[c]:,}" for c in shown],
        "repeats": [f"{exposure.repeats_per_class[c]:.2f}" for c in shown],
        "seen": [percent(exposure.coverage_per_class[c], 0) for c in shown],
        "in a batch": [in_a_batch(exposure, c) for c in shown],
        "believed": [percent(exposure.believed_prior[c]) for c in shown],
        "wanted": [percent(exposure.wanted_prior[c]) for c in shown],
    }
    columns = [
        Column(title=title, cells=column, spare=SPARE.get(title, 0))
        for title, column in cells.items()
    ]
    names = [exposure.class_names[c] for c in shown]
    n_between = len(exposure.class_names) - len(shown)
    return class_table(console, "class", names, columns, cut=cut, n_between=n_between)
