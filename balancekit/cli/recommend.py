"""`balancekit recommend`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from balancekit.cli.analyze import analyze_with_progress
from balancekit.cli.options import Format, JsonTarget, Label, Seed, Split
from balancekit.cli.output import (
    check_target,
    output_console,
    shell_command,
    write_json,
)
from balancekit.files import write_whole
from balancekit.stats import Stats

if TYPE_CHECKING:
    from balancekit.plan import Plan

__all__ = ["build_lines", "operation_names_of", "recommend"]

Objective = Annotated[
    Literal["balanced_accuracy", "accuracy"],
    Parameter(help="What the model should be good at."),
]
DeployedPrior = Annotated[
    Literal["training", "uniform"] | None,
    Parameter(
        help="How frequent the classes will be in use; if not given, uniform for balanced "
        "accuracy and that of training for accuracy."
    ),
]
PictureTask = Annotated[
    str | None,
    Parameter(
        metavar="TASK",
        help="What the pictures show, for augmentation: natural, digits, industrial, aerial, "
        "xray, documents, faces …; told from the class names if not given.",
    ),
]
Output = Annotated[
    str | None,
    Parameter(alias="-o", metavar="FILE", help="Write the plan to this TOML file."),
]

MOST_COUNTS = 12
"""Classes up to which a line of code holds their counts."""


def recommend(
    data: Annotated[
        str, Parameter(help="Data as for analyze, or what analyze --json FILE has written.")
    ],
    /,
    *,
    objective: Objective = "balanced_accuracy",
    deployed_prior: DeployedPrior = None,
    picture_task: PictureTask = None,
    label: Label = None,
    split: Split = None,
    format: Format = "auto",  # noqa: A002
    seed: Seed = 0,
    output: Output = None,
    json: JsonTarget = None,
) -> int:
    """A plan for a data set: sampler, loss and its weights, augmentation, each with its reason."""
    import msgspec

    from balancekit import recommender

    check_target("-o", output)
    check_target("--json", json)
    if data.endswith(".json"):
        stats = Stats.load(data)
    else:
        stats = analyze_with_progress(data, label=label, split=split, format=format, verify="auto")
    plan = recommender.recommend(
        stats,
        objective=objective,
        deployed_prior=deployed_prior,
        picture_task=picture_task,
        seed=seed,
    )
    operations = operation_names_of(plan)
    if output is not None:
        write_whole(plan.to_toml().encode(), Path(output))
    if json is not None:
        write_json(msgspec.json.format(msgspec.json.encode(plan), indent=2), json)
    if json != "-":
        _show(plan, operations, output)
        read_by = {"label": label, "split": split, "format": _unless(format, "auto")}
        chosen_by = {
            "objective": _unless(objective, "balanced_accuracy"),
            "deployed_prior": deployed_prior,
            "picture_task": picture_task,
            "seed": _unless(str(seed), "0"),
        }
        _say_next(data, output, read_by, chosen_by)
    return 0


def _show(plan: "Plan", operations: list[str], output: str | None) -> None:
    from balancekit.report import show_plan
    from balancekit.report.terminal.layout import say_verbatim

    console = output_console()
    show_plan(plan, console, operations)
    console.print("\nIn your code:")
    say_verbatim(console, [*build_lines(output or "plan.toml"), *part_lines(plan)], "")


def _unless(value: str, default: str) -> str | None:
    return None if value == default else value


def _say_next(
    data: str,
    output: str | None,
    read_by: dict[str, str | None],
    chosen_by: dict[str, str | None],
) -> None:
    """Name the next command, with the options of this one that it needs."""
    from rich.text import Text

    from balancekit.report.terminal.layout import say_verbatim

    console = output_console()
    if output is None:
        console.print("\nNext:")
        command = shell_command("balancekit", "recommend", data, **read_by, **chosen_by)
        say_verbatim(console, [f"{command} -o plan.toml"])
        return
    console.print(Text(f"\nWritten: {output}"), soft_wrap=True)
    if not data.endswith(".json"):
        console.print("Next:")
        say_verbatim(console, [shell_command("balancekit", "preview", output, data, **read_by)])


def build_lines(path: str, batch_size: int = 64) -> list[str]:
    """Lines of Python that make a pipeline of a plan."""
    return [
        f"plan = balancekit.Plan.load({path!r})",
        f"pipeline = balancekit.build(plan, dataset, batch_size={batch_size})",
        "# then pipeline.loader, pipeline.criterion, pipeline.correct(logits)",
    ]


def part_lines(plan: "Plan") -> list[str]:
    """Lines of Python that use the sampler or the loss of a plan alone."""
    from balancekit.plan import ClassBalanced, LogitAdjusted, Uniform

    counts = list(plan.data.class_counts)
    shown = str(counts) if len(counts) <= MOST_COUNTS else "class_counts"
    lines = []
    if isinstance(plan.sampling, Uniform):
        lines.append("batch_sampler = balancekit.BalancedBatchSampler(labels, batch_size=64)")
    if isinstance(plan.loss, LogitAdjusted):
        lines.append(f"criterion = balancekit.LogitAdjustedLoss.from_counts({shown})")
    if isinstance(plan.loss, ClassBalanced):
        beta = plan.loss.beta
        lines.append(f"criterion = balancekit.ClassBalancedLoss.from_counts({shown}, beta={beta})")
    return ["# or one part alone, in a loop of your own:", *lines] if lines else []


def operation_names_of(plan: "Plan") -> list[str]:
    """Names of the augmentation operations that a plan leads to."""
    from balancekit.augment import AugmentationPolicy
    from balancekit.plan import NoAugmentation

    if isinstance(plan.augmentation, NoAugmentation):
        return []
    policy = AugmentationPolicy.from_plan(plan.augmentation, plan.data.class_names)
    return [decision.operation for decision in policy.explain() if decision.used]
