"""`balancekit analyze`."""

from typing import Annotated, Literal

from cyclopts import Parameter

from balancekit.cli.options import Data, Format, JsonTarget, Label, Split
from balancekit.cli.output import (
    check_target,
    output_console,
    progress_bar,
    shell_command,
    write_json,
)
from balancekit.stats import Stats

__all__ = ["analyze", "analyze_with_progress", "can_recommend"]

Verify = Annotated[
    Literal["auto", "none", "header", "decode"],
    Parameter(
        help="How closely pictures are looked at: decode finds truncated ones; auto decodes up "
        "to 10,000 pictures, and none beyond."
    ),
]
Strict = Annotated[
    bool,
    Parameter(
        negative="",
        show_default=False,
        help="Leave with exit code 3 if files or rows had to be skipped.",
    ),
]

SKIPPED_CODES = ("BK201", "BK202", "BK203")


def analyze(
    data: Data,
    /,
    *,
    label: Label = None,
    split: Split = None,
    format: Format = "auto",  # noqa: A002
    verify: Verify = "auto",
    json: JsonTarget = None,
    strict: Strict = False,
) -> int:
    """What is in a data set: class histogram, imbalance measures, issues and what to do."""
    check_target("--json", json)
    stats = analyze_with_progress(data, label=label, split=split, format=format, verify=verify)
    if json is not None:
        write_json(stats.to_json(), json)
    if json != "-":
        given = {"label": label, "split": split, "format": None if format == "auto" else format}
        _show(stats, shell_command("balancekit", "recommend", data, **given))
    skipped = any(issue.code in SKIPPED_CODES for issue in stats.issues)
    return 3 if strict and skipped else 0


def _show(stats: Stats, next_command: str) -> None:
    from balancekit.report import show_stats
    from balancekit.report.terminal.layout import say_verbatim

    console = output_console()
    show_stats(stats, console)
    if can_recommend(stats):
        console.print("\nNext:")
        say_verbatim(console, [next_command])


def can_recommend(stats: Stats) -> bool:
    """Whether there are classes to tell apart."""
    return sum(count > 0 for count in stats.class_counts) > 1


def analyze_with_progress(
    data: str,
    *,
    label: str | None,
    split: str | None,
    format: Format,  # noqa: A002
    verify: Verify,
) -> Stats:
    """Stats of a path, with progress while it is counted and pictures are checked."""
    from balancekit import flow

    with progress_bar() as progress:
        bar = progress.add_task("counting", total=None)

        def on_progress(n_pictures: int) -> None:
            progress.update(bar, advance=n_pictures, description="checking pictures")

        return flow.analyze(
            data,
            label=label,
            split=split,
            format=format,
            verify=verify,
            on_progress=on_progress,
        )
