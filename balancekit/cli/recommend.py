"""`balancekit recommend`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from balancekit.cli.analyze import LABELS_LIKE_IDS, analyze_with_progress
from balancekit.cli.options import JsonTarget, Reading, Seed, check_picture_task
from balancekit.cli.output import (
    check_target,
    output_console,
    shell_command,
    tell,
    write_json,
)
from balancekit.errors import OptionError
from balancekit.files import write_whole
from balancekit.plan import PICTURE_TASKS, NoAugmentation, Objective, Plan
from balancekit.stats import Stats

__all__ = ["build_lines", "operation_names_of", "recommend"]

Aim = Annotated[Objective, Parameter(help="What the model should be good at.")]
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
        help=f"What the pictures show, for augmentation: {', '.join(PICTURE_TASKS)}; told from "
        "the class names if not given.",
    ),
]
Output = Annotated[
    str | None,
    Parameter(alias="-o", metavar="FILE", help="Write the plan to this TOML file."),
]

OTHER_FORMATS = (".json", ".yaml", ".yml")
MOST_COUNTS = 12
"""Classes up to which a line of code holds their counts."""

HELD_OUT_LINES = (
    "# after holding out a part to test on, plan on the rest instead:",
    "# plan = balancekit.recommend(balancekit.analyze(train))",
)


def recommend(
    data: Annotated[
        str, Parameter(help="Data as for analyze, or what analyze --json FILE has written.")
    ],
    /,
    *,
    objective: Aim = "balanced_accuracy",
    deployed_prior: DeployedPrior = None,
    picture_task: PictureTask = None,
    seed: Seed = 0,
    output: Output = None,
    json: JsonTarget = None,
    reading: Reading = Reading(),  # noqa: B008 - frozen
) -> int:
    """A plan for a data set: sampler, loss and its weights, augmentation, each with its reason."""
    import msgspec

    from balancekit import recommender

    _check_output(output)
    check_picture_task("--picture-task", picture_task, f"Give it as --task {picture_task}.")
    check_target("--json", json)
    stats = Stats.load(data) if data.endswith(".json") else analyze_with_progress(data, reading)
    _warn_of_ids(stats)
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
        _show(plan, operations)
        read_by = reading.options()
        chosen_by = {
            "objective": _unless(objective, "balanced_accuracy"),
            "deployed_prior": deployed_prior,
            "picture_task": picture_task,
            "seed": _unless(str(seed), "0"),
        }
        if output is None:
            again = shell_command("balancekit", "recommend", data, **read_by, **chosen_by)
            _say_how_to_write(again)
            _say_code(plan, "plan.toml", "Then, in your code:")
        else:
            _say_code(plan, output, "In your code:")
            _say_written(data, output, read_by)
    return 0


def _warn_of_ids(stats: Stats) -> None:
    """Say before the plan where the labels look like ids: it would be of no use."""
    for issue in stats.issues:
        if issue.code == LABELS_LIKE_IDS:
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


def _show(plan: Plan, operations: list[str]) -> None:
    from balancekit.report import show_plan

    show_plan(plan, output_console(), operations)


def _unless(value: str, default: str) -> str | None:
    return None if value == default else value


def _say_how_to_write(again: str) -> None:
    """Name the command that does it again and writes the plan."""
    from balancekit.report.terminal.layout import say_verbatim

    console = output_console()
    console.print("\nNext:")
    say_verbatim(console, [f"{again} -o plan.toml"])


def _say_code(plan: Plan, path: str, title: str) -> None:
    """Show lines of Python that use the plan, once it is in a file."""
    from balancekit.report.terminal.layout import say_verbatim

    console = output_console()
    console.print(f"\n{title}")
    say_verbatim(console, [*build_lines(plan, path), *HELD_OUT_LINES, *part_lines(plan)], "")


def _say_written(data: str, output: str, read_by: Mapping[str, str | bool | None]) -> None:
    """Name the file, and the next command with the options of this one that it needs."""
    from rich.text import Text

    from balancekit.report.terminal.layout import say_verbatim

    console = output_console()
    console.print(Text(f"\nWritten: {output}"), soft_wrap=True)
    if not data.endswith(".json"):
        console.print("Next:")
        say_verbatim(console, [shell_command("balancekit", "preview", output, data, **read_by)])


def build_lines(plan: Plan, path: str, batch_size: int = 64) -> list[str]:
    """Lines of Python that make a pipeline of a plan in a file."""
    mix = None if isinstance(plan.augmentation, NoAugmentation) else plan.augmentation.mix
    length = ", n_epochs=n_epochs" if mix is not None and mix.cooldown_epochs else ""
    mixed = [
        "for step, (inputs, targets) in enumerate(pipeline.loader):",
        "    inputs, targets = pipeline.batch_mix(inputs, targets, step=step)",
        "    loss = pipeline.criterion(model(inputs), targets)  # and so on",
    ]
    return [
        f"plan = balancekit.Plan.load({path!r})",
        f"pipeline = balancekit.build(plan, dataset, batch_size={batch_size}{length})",
        "# then pipeline.loader, pipeline.criterion, pipeline.correct(logits)",
        *([] if mix is None else mixed),
    ]


def part_lines(plan: Plan) -> list[str]:
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
