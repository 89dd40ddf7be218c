"""`balancekit recommend`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec
from cyclopts import Parameter

from balancekit.cli.analyze import LABELS_LIKE_IDS, analyze_with_progress
from balancekit.cli.durations import seconds_of
from balancekit.cli.options import JsonTarget, Reading, Seed, check_picture_task
from balancekit.cli.output import (
    check_target,
    output_console,
    shell_command,
    tell,
    write_json,
)
from balancekit.cli.plan_code import (
    build_lines,
    part_lines,
    read_line,
    weight_lines,
    whole_lines,
)
from balancekit.cli.prior_file import prior_from_file
from balancekit.errors import OptionError
from balancekit.files import write_whole
from balancekit.plan import PICTURE_TASKS, Objective, Plan
from balancekit.stats import Stats

__all__ = ["build_lines", "operation_names_of", "recommend"]

Aim = Annotated[
    Objective | None,
    Parameter(
        help="What the model should be good at; what suits the task if not given: balanced "
        "accuracy for one class a sample, map for several labels, boxes and keypoints, macro F1 "
        "(mean Dice) for masks, MAE by shot for numbers."
    ),
]
DeployedPrior = Annotated[
    str | None,
    Parameter(
        metavar="train|uniform|FILE",
        help="How frequent the classes will be in use: as in training, all the same, or as a "
        "JSON, TOML or CSV file says, by a share or a count of each class name; if not given, "
        "uniform for balanced accuracy, between both for macro F1 from an imbalance ratio of 10, "
        "that of training otherwise.",
    ),
]
PictureTask = Annotated[
    str | None,
    Parameter(
        metavar="TASK",
        help=f"What the pictures show, for augmentation: {', '.join(PICTURE_TASKS)}; told from "
        "the class names if not given.",
    ),
]
BatchSize = Annotated[
    int | None, Parameter(metavar="N", help="Draws a batch, if settled; advised if not given.")
]
Budget = Annotated[
    str | None,
    Parameter(
        metavar="TIME",
        help="Time that there is to train, such as 90s, 10m or 2h: what takes two stages, or "
        "starts late, is compared from 10m on.",
    ),
]
Output = Annotated[
    str | None,
    Parameter(alias="-o", metavar="FILE", help="Write the plan to this TOML file."),
]
Explain = Annotated[
    bool,
    Parameter(
        negative="",
        show_default=False,
        help="Also show the rule that was taken, the rules that were passed over and why, the "
        "evidence, and what to compare the plan with.",
    ),
]

OTHER_FORMATS = (".json", ".yaml", ".yml")
OF_ANALYSIS, MOST_OF_A_HEAD = b"balancekit.analysis/", 1000
LABELS_LIKE_NUMBERS = "BK112"
USUAL_BATCH = 64

HELD_OUT_LINES = (
    "# after holding out a part to test on, carry the plan to the rest:",
    "# plan = plan.for_data(balancekit.analyze(train))",
)


def recommend(
    data: Annotated[
        str, Parameter(help="Data as for analyze, or what analyze --json FILE has written.")
    ],
    /,
    *,
    objective: Aim = None,
    deployed_prior: DeployedPrior = None,
    picture_task: PictureTask = None,
    batch_size: BatchSize = None,
    budget: Budget = None,
    seed: Seed = 0,
    output: Output = None,
    explain: Explain = False,
    json: JsonTarget = None,
    reading: Reading = Reading(),  # noqa: B008 - frozen
) -> int:
    """A plan for a data set: sampler, loss and its weights, augmentation, each with its reason."""
    from balancekit import recommender

    _check_output(output)
    check_picture_task("--picture-task", picture_task, f"Give it as --task {picture_task}.")
    check_target("--json", json)
    seconds = None if budget is None else seconds_of("--budget", budget)
    prior = _prior(deployed_prior)
    chosen: dict[str, Any] = {
        "objective": objective,
        "deployed_prior": prior,
        "budget_s": seconds,
        "picture_task": picture_task,
    }
    is_analyzed = _is_analysis(data)
    stats = Stats.load(data) if is_analyzed else analyze_with_progress(data, reading)
    _warn_of_labels(stats)
    plan = recommender.recommend(stats, batch_size=batch_size, seed=seed, **chosen)
    read_by = {} if is_analyzed else reading.options()
    plan = _with_reading(plan, read_by)
    if output is not None:
        write_whole(plan.to_toml().encode(), Path(output))
    if json is not None:
        write_json(msgspec.json.format(msgspec.json.encode(plan), indent=2), json)
    if json == "-":
        return 0
    _show(plan, operation_names_of(plan), stats, chosen, explain=explain)
    options = {
        "objective": objective,
        "deployed_prior": deployed_prior,
        "picture_task": picture_task,
        "batch_size": None if batch_size is None else str(batch_size),
        "budget": budget,
        "seed": None if seed == 0 else str(seed),
    }
    if output is None:
        again = shell_command("balancekit", "recommend", data, **read_by, **options)
        _say_how_to_write(again)
    of_file = None if is_analyzed else read_line(data, reading.arguments())
    _say_code(plan, output, of_file)
    if output is not None:
        _say_written(None if is_analyzed else data, output, read_by)
    return 0


def _is_analysis(data: str) -> bool:
    """Whether a file is what `analyze` has written; annotations of pictures are JSON too."""
    if not data.endswith(".json"):
        return False
    try:
        with Path(data).open("rb") as file:
            return OF_ANALYSIS in file.read(MOST_OF_A_HEAD)
    except OSError:
        return True  # `Stats.load` says what is wrong with it


def _prior(deployed: str | None) -> Any:
    """What `--deployed-prior` says: a word, or numbers by class name."""
    if deployed is None or deployed in ("training", "train", "uniform"):
        return deployed
    return prior_from_file("--deployed-prior", deployed)


def _with_reading(plan: Plan, read_by: Mapping[str, str | bool | None]) -> Plan:
    """The plan, which knows how its data were read, so that other commands read them alike."""
    given = {
        name: str(value).lower() if isinstance(value, bool) else value
        for name, value in read_by.items()
        if value is not None
    }
    data = msgspec.structs.replace(plan.data, read_by=given)
    return msgspec.structs.replace(plan, data=data)


def _warn_of_labels(stats: Stats) -> None:
    """Say before the plan where the labels look like no classes: it would be of no use."""
    for issue in stats.issues:
        if issue.code in (LABELS_LIKE_IDS, LABELS_LIKE_NUMBERS):
            tell(f"warning: {issue.title}; this plan is of no use then. {issue.what_to_do}")


def _check_output(output: str | None) -> None:
    """Refuse a file that cannot be written, or whose name says that it is no TOML.

    Raises:
        OptionError: the file cannot be.
    """
    check_target("-o", output)
    if output is not None and Path(output).suffix.lower() in OTHER_FORMATS:
        raise OptionError(
            f"-o {output}: expected a name for a plan, which is TOML, got {Path(output).suffix}. "
            f"Name it {Path(output).with_suffix('.toml')}; JSON is written by --json FILE."
        )


def _show(
    plan: Plan, operations: list[str], stats: Stats, chosen: dict[str, Any], *, explain: bool
) -> None:
    from balancekit.recommender import decide
    from balancekit.report import show_plan
    from balancekit.report.terminal.rule import show_rule

    console = output_console()
    show_plan(plan, console, operations)
    decision = decide(stats, **chosen)
    if chosen["budget_s"] is not None:
        unlimited = decide(stats, **(chosen | {"budget_s": None}))
        if unlimited.rule == decision.rule:
            console.print("\nThe budget changes nothing in this plan.")
        else:
            console.print(f"\nWith more time the rule would be: {unlimited.rule.name}.")
    if explain:
        show_rule(decision, plan, console)


def _say_how_to_write(again: str) -> None:
    """Name the command that does it again and writes the plan."""
    from balancekit.report.terminal.layout import say_verbatim

    console = output_console()
    console.print("\nNext:")
    say_verbatim(console, [f"{again} -o plan.toml"])


def _say_code(plan: Plan, output: str | None, read: str | None) -> None:
    """Show lines of Python that use the plan, once it is in a file, and its parts alone."""
    from balancekit.report.terminal.layout import say_verbatim

    console = output_console()
    path, size = output or "plan.toml", plan.batch_size or USUAL_BATCH
    blocks = {
        "In your code:" if output else "Then, in your code:": [
            *build_lines(plan, path, size, names="dataset, labels" if read else "dataset"),
            *HELD_OUT_LINES,
        ],
        "Or the parts alone, in a loop of your own:": part_lines(plan, size),
        "Or weights alone, for a loss of your own, and nothing else changed:": weight_lines(plan),
    }
    for title, lines in blocks.items():
        if lines:
            console.print(f"\n{title}")
            say_verbatim(console, whole_lines(lines, path, read), "")


def _say_written(data: str | None, output: str, read_by: Mapping[str, str | bool | None]) -> None:
    """Name the file, and the next command with the options of this one that it needs."""
    from rich.text import Text

    from balancekit.report.terminal.layout import say_verbatim

    console = output_console()
    console.print(Text(f"\nWritten: {output}"), soft_wrap=True)
    if data is not None:
        console.print("Next:")
        say_verbatim(console, [shell_command("balancekit", "preview", output, data, **read_by)])


def operation_names_of(plan: Plan) -> list[str]:
    """Names of the augmentation operations that a plan leads to."""
    from balancekit.augment.planned import augmentation_of
    from balancekit.augment.repeats import RepeatAware
    from balancekit.plan.operations import name_of, operation_names

    policy = augmentation_of(plan.augmentation, plan.data.class_names, plan.data.class_counts)
    if policy is None:
        return []
    policies = [policy.base, policy.extra] if isinstance(policy, RepeatAware) else [policy]
    used = {name_of(operation) for one in policies for operation in one.operations}
    return [name for name in operation_names() if name in used]
