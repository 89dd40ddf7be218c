"""`balancekit analyze`."""

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Group, Parameter
from cyclopts.validators import Number

from balancekit.cli.options import Data, FailOn, JsonTarget, OutputFormat, Reading, Verify
from balancekit.cli.output import (
    check_target,
    counting_progress,
    output_console,
    say_written,
    shell_command,
    tell,
    write_json,
    write_out,
)
from balancekit.errors import DataError, OptionError
from balancekit.files import write_whole
from balancekit.stats import Issue, Stats

if TYPE_CHECKING:
    from balancekit.cli.gate import Gate
    from balancekit.engines import Engine

__all__ = ["LABELS_LIKE_IDS", "analyze", "analyze_with_progress", "can_recommend"]

CHECKS = Group("What to look at besides the labels", sort_key=11)
RUN = Group("Where to count", sort_key=12)
OUT = Group("What to write, and how to leave", sort_key=13)

Duplicates = Annotated[
    bool,
    Parameter(
        group=CHECKS,
        negative="",
        show_default=False,
        help="Look for samples of the same content, or nearly the same, and for leaks between "
        "splits.",
    ),
]
Quality = Annotated[
    bool,
    Parameter(
        group=CHECKS,
        negative="",
        show_default=False,
        help="Measure blur, noise, brightness, size and aspect of the pictures, and look for "
        "classes that these alone tell apart.",
    ),
]
EngineName = Annotated[
    Literal["local", "processes", "ray"],
    Parameter(
        group=RUN,
        help="Threads on this machine; processes, for millions of small text files such as "
        "YOLO's or VOC's; or a Ray cluster (extra `ray`).",
    ),
]
Workers = Annotated[
    int | None,
    Parameter(
        group=RUN,
        validator=Number(gte=1),
        metavar="N",
        help="How many parts are counted at a time; as many as there are cores if not given.",
    ),
]
HtmlTarget = Annotated[
    str | None,
    Parameter(
        group=OUT,
        metavar="FILE",
        help="Write the report as one self-contained HTML page to FILE.",
    ),
]
Strict = Annotated[
    bool,
    Parameter(
        group=OUT,
        negative="",
        show_default=False,
        help="Leave with exit code 3 if files, rows or annotations had to be skipped: if there "
        "is an error among the issues BK2xx.",
    ),
]

LABELS_LIKE_IDS = "BK107"
RECOMMENDED_TASKS = ("classification", "multilabel", "regression")


def analyze(
    data: Data,
    /,
    *,
    reading: Reading = Reading(),  # noqa: B008 - frozen
    verify: Annotated[Verify, Parameter(group=CHECKS)] = "auto",
    duplicates: Duplicates = False,
    quality: Quality = False,
    engine: EngineName = "local",
    workers: Workers = None,
    json: Annotated[JsonTarget, Parameter(group=OUT)] = None,
    html: HtmlTarget = None,
    output_format: Annotated[OutputFormat, Parameter(group=OUT)] = "text",
    fail_on: Annotated[FailOn, Parameter(group=OUT)] = (),
    strict: Strict = False,
) -> int:
    """What is in a data set: class histogram, imbalance measures, issues and what to do."""
    check_target("--json", json)
    check_target("--html", html)
    if json == "-" and output_format != "text":
        raise OptionError(
            f"--output-format {output_format}: expected with --json FILE, got --json, which "
            "takes stdout too. Name a file."
        )
    gates = _gates(fail_on)
    with _engine_of(engine, workers) as runs:
        stats = analyze_with_progress(
            data, reading, verify=verify, duplicates=duplicates, quality=quality, engine=runs
        )
    if json is not None:
        write_json(stats.to_json(), json)
    if html is not None:
        _write_page(stats, data, reading, html)
    if json != "-":
        _show(stats, data, reading, output_format)
    if html is not None:
        say_written(html)
    return _leave(stats, gates, strict=strict, output_format=output_format)


def _engine_of(name: str, workers: int | None) -> "AbstractContextManager[Engine | None]":
    """The engine that runs the shards, closed behind; None leaves the choice to `flow`."""
    if name == "ray":
        from balancekit.engines.ray import RayEngine

        return RayEngine(max_in_flight=workers)
    from balancekit.engines import ProcessEngine, ThreadEngine

    if name == "processes":
        return nullcontext(ProcessEngine(workers))
    return nullcontext(None if workers is None else ThreadEngine(workers))


def _write_page(stats: Stats, data: str, reading: Reading, target: str) -> None:
    """Write the page, with example pictures where the samples are pictures that can be read."""
    from balancekit.report.analysis_page import example_pictures, render_analysis
    from balancekit.sources import read

    examples = None
    if stats.media == "pictures":
        try:
            examples = example_pictures(read(data, **reading.arguments()), stats)
        except DataError:  # there is no sample to take a picture of
            examples = None
    command = shell_command("balancekit", "analyze", data, **reading.options())
    page = render_analysis(stats, examples=examples, how_made=f"made by {command}")
    write_whole(page.encode("utf-8", "backslashreplace"), Path(target))


def _show(stats: Stats, data: str, reading: Reading, output_format: str) -> None:
    if output_format == "github":
        from balancekit.cli.github import annotations

        write_out("".join(f"{line}\n" for line in annotations(stats)).encode())
        return
    from balancekit.report import show_stats
    from balancekit.report.terminal.layout import say_verbatim

    console = output_console()
    show_stats(stats, console)
    following = []
    if can_recommend(stats):
        following.append(shell_command("balancekit", "recommend", data, **reading.options()))
    if stats.issues:
        following.append(f"balancekit explain {stats.issues[0].code}")
    if following:
        console.print("\nNext:")
        say_verbatim(console, following)


def _gates(texts: Iterable[str]) -> "list[Gate]":
    """The gates of --fail-on, checked before the data are read."""
    if not texts:
        return []
    from balancekit.cli.gate import parse_gate
    from balancekit.cli.measures import measure_names

    return [parse_gate(text, measure_names()) for text in texts]


def _failed(gates: "list[Gate]", stats: Stats) -> list[str]:
    """Why each gate that failed did, in words."""
    if not gates:
        return []
    from balancekit.cli.measures import values_of, when_known
    from balancekit.cli.verdicts import judge_gates

    return judge_gates(gates, values_of(stats), when_known)


def _leave(stats: Stats, gates: "list[Gate]", *, strict: bool, output_format: str) -> int:
    """The exit code; each reason for one that is not 0 is told."""
    failed = _failed(gates, stats)
    skipped = [issue for issue in stats.issues if _is_skipped(issue)] if strict else []
    reasons = [*failed, *(f"--strict: {i.code}: {i.title}: {i.count:,}" for i in skipped)]
    if output_format == "github":
        from balancekit.cli.github import command

        lines = [command("error", "balancekit", reason) for reason in reasons]
        write_out("".join(f"{line}\n" for line in lines).encode())
    for reason in reasons:
        tell(reason)
    return 1 if failed else 3 if skipped else 0


def _is_skipped(issue: Issue) -> bool:
    """Whether the issue is of something that is missing from the counts, or from training."""
    return issue.severity == "error" and issue.code.startswith("BK2")


def can_recommend(stats: Stats) -> bool:
    """Whether there are classes to tell apart, in a task that plans are made for."""
    if any(issue.code == LABELS_LIKE_IDS for issue in stats.issues):
        return False
    n_filled = sum(count > 0 for count in stats.class_counts)
    return stats.task in RECOMMENDED_TASKS and (stats.task == "regression" or n_filled > 1)


def analyze_with_progress(
    data: str,
    reading: Reading,
    *,
    verify: Verify = "auto",
    duplicates: bool = False,
    quality: bool = False,
    engine: "Engine | None" = None,
) -> Stats:
    """Stats of a path, with progress while it is counted and pictures are checked."""
    from balancekit import flow

    with counting_progress("counting") as advance:
        return flow.analyze(
            data,
            **reading.arguments(),
            verify=verify,
            duplicates=duplicates,
            quality=quality,
            engine=engine,
            on_progress=lambda n_pictures: advance(n_pictures, "pictures checked"),
        )
