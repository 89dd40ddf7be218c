"""What `balancekit resample` tells: each class before and after, and what was written."""

from typing import TYPE_CHECKING

import msgspec
import numpy as np
from numpy.typing import NDArray

from balancekit.labels import Labels
from balancekit.samplers.resampling import Strategy

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["Resampled", "ResampledClass", "resampled_counts", "show_resampled", "strategy_text"]

MEANINGS = {
    "each": "draws of each sample",
    "share": "of all, before and after",
}


class ResampledClass(msgspec.Struct, frozen=True, kw_only=True):
    """A class before and after."""

    name: str
    n_samples: int
    n_drawn: int


class Resampled(msgspec.Struct, frozen=True, kw_only=True):
    """What was drawn, and what was written of it.

    Attributes:
        strategy: by which it was drawn.
        seed: of the draws.
        n_samples: in the data, those without a label included.
        n_labelled: those with one; all, where samples carry sets of classes.
        n_drawn: of the resampled set.
        classes: in the order of the data.
        output: what was written; None if nothing was.
        n_files: files in the tree, if it is one.
        n_files_found: of them, those left by an interrupted run.
        n_linked_otherwise: of them, those that could only be linked symbolically.
        skipped: files that could not be read, and why.
    """

    strategy: Strategy
    seed: int
    n_samples: int
    n_labelled: int
    n_drawn: int
    classes: tuple[ResampledClass, ...]
    output: str | None = None
    n_files: int | None = None
    n_files_found: int = 0
    n_linked_otherwise: int = 0
    skipped: tuple[str, ...] = ()


def resampled_counts(
    labels: Labels, indices: NDArray[np.int64], strategy: Strategy, seed: int
) -> Resampled:
    """The classes before and after."""
    before = labels.class_counts()
    rows = zip(labels.class_names, before.tolist(), _drawn(labels, indices), strict=True)
    is_single = labels.offsets is None
    return Resampled(
        strategy=strategy,
        seed=seed,
        n_samples=labels.n_samples,
        # A sample of no class is one of its own kind where samples have sets of classes.
        n_labelled=int(before.sum()) if is_single else labels.n_samples,
        n_drawn=len(indices),
        classes=tuple(ResampledClass(name=n, n_samples=b, n_drawn=a) for n, b, a in rows),
    )


def _drawn(labels: Labels, indices: NDArray[np.int64]) -> list[int]:
    """Draws that carry each class."""
    uses = np.bincount(indices, minlength=labels.n_samples)
    if labels.offsets is not None:
        uses = np.repeat(uses, np.diff(labels.offsets))
    labelled = labels.class_ids >= 0
    of_classes = labels.class_ids[labelled]
    drawn = np.bincount(of_classes, weights=uses[labelled], minlength=labels.n_classes)
    per_class: list[int] = drawn.astype(np.int64).tolist()
    return per_class


def strategy_text(strategy: Strategy) -> str:
    """A strategy with its values, in words.

    >>> from balancekit import Oversample
    >>> strategy_text(Oversample(ratio=0.5))
    'oversample, ratio 0.5'
    """
    values = msgspec.to_builtins(strategy)
    words = [values.pop("kind")]
    for name, value in values.items():
        if isinstance(value, dict):
            kind = value.pop("kind")
            inner = "".join(f", {key.replace('_', ' ')} {v:g}" for key, v in value.items())
            words.append(f"{kind} profile{inner}")
        elif value is not None:
            shown = f"{value:g}" if isinstance(value, float) else str(value)
            words.append(f"{name.replace('_', ' ')} {shown}")
    return ", ".join(words)


def show_resampled(told: Resampled, console: "Console") -> None:
    """Print what became of each class, and what was written."""
    from balancekit.report.terminal.layout import (
        Column,
        class_table,
        head_and_tail,
        say,
        say_meanings,
    )
    from balancekit.report.words import n_of, percent

    say(console, _headline(told), "bold", first="●")
    say(console, f"{strategy_text(told.strategy)}; seed {told.seed}", "dim")
    if unlabelled := told.n_samples - told.n_labelled:
        say(console, f"{n_of(unlabelled, 'sample')} without a label: never drawn", "dim")
    console.print()
    shown, cut = head_and_tail([c.n_samples for c in told.classes])
    rows = [told.classes[c] for c in shown]
    columns = [
        Column(title="samples", cells=[f"{c.n_samples:,}" for c in rows]),
        Column(title="drawn", cells=[f"{c.n_drawn:,}" for c in rows]),
        Column(title="each", cells=[_each(c) for c in rows], spare=1),
        Column(
            title="share",
            cells=[
                f"{percent(c.n_samples / told.n_labelled)} → {percent(c.n_drawn / told.n_drawn)}"
                for c in rows
            ],
            spare=2,
        ),
    ]
    names = [c.name for c in rows]
    n_between = len(told.classes) - len(rows)
    fitted = class_table(console, "class", names, columns, cut=cut, n_between=n_between)
    say_meanings(console, MEANINGS, fitted)
    if told.output is not None:
        console.print()
        _show_written(told, console)


def _show_written(told: Resampled, console: "Console") -> None:
    from rich.text import Text

    from balancekit.report.terminal.layout import say
    from balancekit.report.words import n_of, printable

    console.print(Text(printable(f"Written: {told.output}")), soft_wrap=True)
    if told.n_files is None:
        say(console, n_of(told.n_drawn, "index", "indices"), "dim")
        return
    say(console, f"{n_of(told.n_files, 'file')} in class folders", "dim")
    if told.n_files_found:
        say(console, f"{told.n_files_found:,} of them were there from an earlier run", "dim")
    if told.n_linked_otherwise:
        reason = "as hard links to the data are not possible from there"
        say(console, f"{told.n_linked_otherwise:,} of them are symbolic links, {reason}", "dim")


def _headline(told: Resampled) -> str:
    from balancekit.report.words import n_of

    before = _ratio([c.n_samples for c in told.classes])
    after = _ratio([c.n_drawn for c in told.classes])
    return (
        f"{n_of(told.n_labelled, 'sample')} become {n_of(told.n_drawn, 'draw')}: imbalance ratio "
        f"{before:.1f} → {after:.1f}."
    )


def _ratio(counts: list[int]) -> float:
    filled = [count for count in counts if count]
    return max(filled) / min(filled)


def _each(row: ResampledClass) -> str:
    if not row.n_samples:
        return "–"
    each = row.n_drawn / row.n_samples
    return "<0.01" if each < 0.005 else f"{each:.2f}"
