"""`balancekit analyze`."""

from typing import Annotated, Literal

from cyclopts import Parameter

from balancekit.cli.output import output_console, progress_bar, write_json
from balancekit.stats import Stats

__all__ = ["analyze", "analyze_with_progress"]

SKIPPED_CODES = ("BK201", "BK202", "BK203")


def analyze(
    data: str,
    /,
    *,
    label: str | None = None,
    split: str | None = None,
    format: Literal["auto", "image-folder", "csv"] = "auto",  # noqa: A002
    verify: Literal["auto", "none", "header", "decode"] = "auto",
    json: str | None = None,
    strict: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """What is in a data set: class histogram, imbalance measures, issues and what to do.

    Examples:

        balancekit analyze data/                     # data/cat/1.jpg, data/dog/2.jpg …

        balancekit analyze labels.csv --label species

        balancekit analyze data/ --json analysis.json

    Args:
        data: folder of class folders of pictures, or CSV or TSV file with a header.
        label: label column of a table; found by its name if not given.
        split: split to analyze, where class folders lie in split folders; train if not given.
        format: of the data, where it should not be told from the path.
        verify: how closely pictures are looked at: decode finds truncated ones; auto decodes
            up to 10,000 pictures and none beyond.
        json: write the analysis as JSON, to FILE (ending in .json) or, without FILE, to
            stdout instead of the report.
        strict: leave with exit code 3 if files or rows had to be skipped.
    """
    stats = analyze_with_progress(
        data, label=label, split=split, format=format, verify=verify
    )
    if json is not None:
        write_json(stats.to_json(), json)
    if json != "-":
        from balancekit.report import show_stats

        console = output_console()
        show_stats(stats, console)
        console.print(f"\nNext: [bold]balancekit recommend {_shell(data)}{_options(label, split)}[/]")
    skipped = any(issue.code in SKIPPED_CODES for issue in stats.issues)
    return 3 if strict and skipped else 0


def analyze_with_progress(
    data: str,
    *,
    label: str | None,
    split: str | None,
    format: Literal["auto", "image-folder", "csv"],  # noqa: A002
    verify: Literal["auto", "none", "header", "decode"],
) -> Stats:
    """Stats of a path, with progress while pictures are checked."""
    from balancekit import flow

    with progress_bar() as progress:
        bar = progress.add_task("checking pictures", total=None)
        return flow.analyze(
            data,
            label=label,
            split=split,
            format=format,
            verify=verify,
            on_progress=lambda n: progress.advance(bar, n),
        )


def _shell(word: str) -> str:
    import shlex

    return shlex.quote(word)


def _options(label: str | None, split: str | None) -> str:
    given = {"--label": label, "--split": split}
    return "".join(f" {name} {_shell(value)}" for name, value in given.items() if value)
