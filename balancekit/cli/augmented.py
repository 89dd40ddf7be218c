"""What `balancekit augment` tells: each class before and after, and what was written."""

from typing import TYPE_CHECKING

from balancekit.materialize.augmented import Augmented, AugmentedClass

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["show_augmented"]


def show_augmented(told: Augmented, console: "Console") -> None:
    """Print what becomes of each class, and what was written."""
    from balancekit.report.terminal.layout import Column, class_table, head_and_tail, say

    say(console, _headline(told), "bold", first="●")
    say(console, _how(told), "dim")
    console.print()
    shown, cut = head_and_tail([row.n_before for row in told.classes])
    rows = [told.classes[c] for c in shown]
    most = max((row.n_after for row in told.classes), default=0) or 1
    columns = [
        Column(title="before", cells=[f"{row.n_before:,}" for row in rows]),
        Column(title="new", cells=[f"{row.n_new:,}" if row.n_new else "–" for row in rows]),
        Column(title="after", cells=[f"{row.n_after:,}" for row in rows]),
        Column(title="", bars=[row.n_after / most for row in rows], spare=1),
    ]
    n_between = len(told.classes) - len(rows)
    names = [row.name for row in rows]
    class_table(console, "class", names, columns, cut=cut, n_between=n_between)
    _show_shortfall([row for row in told.classes if row.n_short], console)
    if told.hint:
        console.print()
        say(console, told.hint, "yellow")
    if told.folder is not None:
        console.print()
        _show_written(told, console)


def _headline(told: Augmented) -> str:
    from balancekit.report.words import n_of

    is_done = "made of" if told.folder else "to make of"
    return (
        f"{n_of(told.n_new, 'new sample')} {is_done} {n_of(told.n_samples, 'sample')}: imbalance "
        f"ratio {told.ratio_before:.1f} → {told.ratio_after:.1f}."
    )


def _how(told: Augmented) -> str:
    operations = ", ".join(told.operations) or "no operation"
    copies = f"; at most {told.most_copies:,} of one picture" if told.most_copies else ""
    return f"target {told.target}, task {told.task}, seed {told.seed}{copies}; {operations}"


def _show_shortfall(short: list[AugmentedClass], console: "Console") -> None:
    """Which classes do not reach what was wanted."""
    from balancekit.report.terminal.layout import say
    from balancekit.report.words import shortened

    if not short:
        return
    listed = ", ".join(f"{shortened(row.name)} {row.n_short:,}" for row in short[:5])
    more = f", and {len(short) - 5:,} more classes" if len(short) > 5 else ""
    say(console, f"short of the target: {listed}{more}", "yellow")


def _show_written(told: Augmented, console: "Console") -> None:
    from rich.text import Text

    from balancekit.report.terminal.layout import say
    from balancekit.report.words import n_of, printable

    console.print(Text(printable(f"Written: {told.folder}")), soft_wrap=True)
    each = f"  each new sample with its parent: {told.manifest}"
    console.print(Text(printable(each), "dim"), soft_wrap=True)
    if told.n_linked:
        say(console, f"{n_of(told.n_linked, 'file')} of the data linked into it", "dim")
    if told.n_copied:
        copied = f"{n_of(told.n_copied, 'file')} of the data copied into it, as no link can be"
        say(console, copied, "dim")
    if told.n_found:
        say(console, f"{told.n_found:,} new samples were there from an earlier run", "dim")
    if told.n_leaks:
        say(console, f"{told.n_leaks:,} pictures of other splits may be copied too", "yellow")
