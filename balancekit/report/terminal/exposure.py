"""An Exposure in a terminal."""

from collections.abc import Sequence

from rich.console import Console

from balancekit.exposure import DRAW_BINS, Exposure
from balancekit.report.exposure_words import (
    augmented_text,
    batch_text,
    correction_text,
    expected_text,
    missing_text,
    noun_of,
    rarest_text,
    repeats_text,
    samples_text,
    times,
    unit_of,
    weight_text,
    weights_text,
)
from balancekit.report.plan_words import drawn_text
from balancekit.report.terminal.layout import (
    Column,
    class_table,
    head_and_tail,
    say,
    say_meanings,
)
from balancekit.report.words import n_of, percent

__all__ = ["show_exposure"]

MEANINGS = {
    "repeats": "draws of each sample an epoch",
    "seen": "share of the samples drawn at all",
    "none in": "share of the batches without one",
    "weight": "of a sample in the loss",
    "believed": "prior that the model learns",
    "wanted": "prior that decisions should assume",
    "before and after": "█ draws of both, ░ as the data come alone, ▓ under the plan alone",
}

SPARE = {
    "on average": 8,
    "none in": 7,
    "weight": 6,
    "seen": 5,
    "wanted": 4,
    "draws": 3,
    "believed": 2,
    "repeats": 1,
    "before and after": 1,
    "": 1,
}
"""Columns that a narrow terminal does not show, the higher the sooner."""

BOTH, BEFORE, AFTER = "█", "░", "▓"
WIDE = 110
"""Characters of a terminal from which on bars are longer."""


def show_exposure(exposure: Exposure, console: Console) -> None:
    """Print what training will see, class by class and sample by sample."""
    say(console, rarest_text(exposure), "bold", first="●")
    say(console, drawn_text(exposure), "dim")
    console.print()
    say_meanings(console, _meanings(exposure), _show_classes(exposure, console))
    console.print()
    _show_samples(exposure, console)
    for text in (
        repeats_text(exposure),
        missing_text(exposure),
        augmented_text(exposure),
        weights_text(exposure),
        correction_text(exposure),
    ):
        if text:
            say(console, text)
    if told := expected_text(exposure):
        say(console, told, "dim")
    if exposure.second_stage is not None:
        _show_second_stage(exposure.second_stage, console)


def _show_classes(exposure: Exposure, console: Console) -> list[str]:
    """Print a row a class, and return the titles of the columns that fitted."""
    counts, noun = exposure.samples_per_class, noun_of(exposure)
    filled = [c for c in range(len(counts)) if counts[c]]
    listed = filled if filled and noun == "bin" else range(len(counts))
    places, cut = head_and_tail([counts[c] for c in listed])
    shown = [listed[place] for place in places]
    if noun == "bin" and len(shown) == cut:
        shown = sorted(shown)  # by value, as a histogram
    cells = {
        f"{unit_of(exposure)}s": [f"{exposure.samples_per_class[c]:,}" for c in shown],
        "draws": [f"{exposure.draws_per_class[c]:,}" for c in shown],
        "repeats": [f"{exposure.repeats_per_class[c]:.2f}" for c in shown],
        "seen": [percent(exposure.coverage_per_class[c], 0) for c in shown],
        "in a batch": [batch_text(exposure, c) for c in shown],
        "on average": [f"{exposure.batch_mean_per_class[c]:,.1f}" for c in shown],
        "none in": [percent(exposure.batch_without_per_class[c], 0) for c in shown],
        "weight": [weight_text(exposure, c) for c in shown],
        "believed": [percent(exposure.believed_prior[c]) for c in shown],
        "wanted": [percent(exposure.wanted_prior[c]) for c in shown],
        _bars_title(exposure): _bars(exposure, shown, 24 if console.width >= WIDE else 16),
    }
    for title in _without_news(exposure):
        del cells[title]
    columns = [
        Column(
            title=title,
            cells=column,
            spare=SPARE.get(title, 0),
            left=title == _bars_title(exposure),
        )
        for title, column in cells.items()
    ]
    names = [exposure.class_names[c] for c in shown]
    n_between, n_empty = len(listed) - len(shown), len(counts) - len(listed)
    what = "bins" if noun == "bin" else "classes"
    titles = class_table(
        console,
        noun,
        names,
        columns,
        cut=cut,
        n_between=n_between,
        what=what,
        whole_names=noun == "bin",  # ranges that are cut tell nothing
    )
    if n_empty:
        say(console, f"… {n_of(n_empty, 'bin')} without a sample", "dim")
    return titles


def _meanings(exposure: Exposure) -> dict[str, str]:
    """What the columns say; of several labels, what is weighed is a positive."""
    weight = {
        "multilabel": "of a positive in the loss",
        "regression": "of a sample in the loss, on average",
    }.get(exposure.task, MEANINGS["weight"])
    return MEANINGS | {"weight": weight}


def _without_news(exposure: Exposure) -> list[str]:
    """Columns that would say the same of every class."""
    idle = []
    if not any(exposure.batch_without_per_class):
        idle.append("none in")
    if not weights_text(exposure):
        idle.append("weight")
    if exposure.batch_low_per_class == exposure.batch_high_per_class or exposure.expected:
        idle.append("on average")
    if exposure.task in ("detection", "keypoints", "regression"):
        idle += ["believed", "wanted"]
    return idle


def _bars_title(exposure: Exposure) -> str:
    """What the bars show; nothing to explain where each sample comes once an epoch."""
    as_they_come = exposure.draws_per_class == exposure.natural_draws_per_class
    return "" if as_they_come else "before and after"


def _bars(exposure: Exposure, shown: Sequence[int], width: int) -> list[str]:
    """One bar a class: what it is drawn before, and what that becomes."""
    before, after = exposure.natural_draws_per_class, exposure.draws_per_class
    largest = max(1, *(max(before[c], after[c]) for c in shown))

    def length(draws: int) -> int:
        return max(1, round(width * draws / largest)) if draws else 0

    bars = []
    for c in shown:
        one, other = length(before[c]), length(after[c])
        rest = BEFORE * (one - other) if one > other else AFTER * (other - one)
        bars.append(BOTH * min(one, other) + rest)
    return bars


def _show_samples(exposure: Exposure, console: Console) -> None:
    """Print how many samples are drawn how often."""
    say(console, samples_text(exposure))
    per_bin = exposure.draws_per_sample.samples_per_bin
    filled = [k for k in range(len(per_bin)) if per_bin[k]]
    if len(filled) < 2:
        return
    total = sum(per_bin)
    columns = [
        Column(title="samples", cells=[f"{per_bin[k]:,}" for k in filled]),
        Column(title="share", cells=[percent(per_bin[k] / total) for k in filled], spare=2),
        Column(title="", bars=[per_bin[k] / max(per_bin) for k in filled], spare=1),
    ]
    class_table(console, "drawn", [times(DRAW_BINS[k]) for k in filled], columns)
    console.print()


def _show_second_stage(exposure: Exposure, console: Console) -> None:
    console.print()
    say(console, f"Second stage, {n_of(exposure.epochs, 'epoch')}: the head learns anew.", "bold")
    say(console, rarest_text(exposure))
    say(console, drawn_text(exposure), "dim")
    console.print()
    _show_classes(exposure, console)
    console.print()
    say(console, repeats_text(exposure))
