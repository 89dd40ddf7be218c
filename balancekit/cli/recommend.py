"""`balancekit recommend`."""

from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from balancekit.cli.analyze import analyze_with_progress
from balancekit.cli.output import output_console, write_json
from balancekit.stats import Stats

if TYPE_CHECKING:
    from balancekit.plan import Plan

__all__ = ["operation_names_of", "recommend"]


def recommend(
    data: str,
    /,
    *,
    objective: Literal["balanced_accuracy", "accuracy"] = "balanced_accuracy",
    deployed_prior: Literal["training", "uniform"] | None = None,
    picture_task: str | None = None,
    label: str | None = None,
    split: str | None = None,
    format: Literal["auto", "image-folder", "csv"] = "auto",  # noqa: A002
    seed: int = 0,
    output: Annotated[str | None, Parameter(alias="-o")] = None,
    json: str | None = None,
) -> int:
    """A plan for a data set: sampler, loss and its weights, augmentation, each with its reason.

    Examples:

        balancekit recommend data/ -o plan.toml

        balancekit recommend analysis.json --objective accuracy

        balancekit recommend data/ --picture-task industrial

    Args:
        data: data set, as for analyze, or an analysis written by `analyze --json FILE`.
        objective: what the model should be good at.
        deployed_prior: how frequent the classes will be in use; the objective's own if not
            given: uniform for balanced accuracy, that of training for accuracy.
        picture_task: what the pictures show, for augmentation: natural, digits, industrial,
            aerial, xray …
        label: label column of a table.
        split: split to read.
        format: of the data, where it should not be told from the path.
        seed: of everything that is drawn under the plan.
        output: write the plan to this TOML file.
        json: write the plan as JSON, to FILE (ending in .json) or, without FILE, to stdout
            instead of the report.
    """
    import msgspec

    from balancekit import recommender

    if data.endswith(".json"):
        stats = Stats.load(data)
    else:
        stats = analyze_with_progress(
            data, label=label, split=split, format=format, verify="auto"
        )
    plan = recommender.recommend(
        stats,
        objective=objective,
        deployed_prior=deployed_prior,
        picture_task=picture_task,
        seed=seed,
    )
    operations = operation_names_of(plan)
    if output is not None:
        plan.save(output)
    if json is not None:
        write_json(msgspec.json.format(msgspec.json.encode(plan), indent=2), json)
    if json != "-":
        _show(plan, operations, data, output)
    return 0


def _show(plan: "Plan", operations: list[str], data: str, output: str | None) -> None:
    from balancekit.report import show_plan

    console = output_console()
    show_plan(plan, console, operations)
    console.print("\nIn your code:", style="bold")
    for line in code_lines(plan, output or "plan.toml"):
        console.print(f"  {line}", markup=False)
    if output is None:
        console.print(f"\nNext: [bold]balancekit recommend {data} -o plan.toml[/]")
    elif not data.endswith(".json"):
        console.print(f"\nWritten: {output}. Next: [bold]balancekit preview {output} {data}[/]")


def code_lines(plan: "Plan", path: str) -> list[str]:
    """Lines of Python that use a plan: whole, or its sampler and loss alone."""
    from balancekit.plan import ClassBalanced, LogitAdjusted, Natural

    counts = list(plan.data.class_counts)
    shown = str(counts) if len(counts) <= 12 else "class_counts"
    if isinstance(plan.loss, LogitAdjusted):
        loss = f"balancekit.LogitAdjustedLoss.from_counts({shown})"
    elif isinstance(plan.loss, ClassBalanced):
        loss = f"balancekit.ClassBalancedLoss.from_counts({shown}, beta={plan.loss.beta})"
    else:
        loss = "pipeline.criterion"
    lines = [
        f'pipeline = balancekit.build(balancekit.Plan.load("{path}"), dataset, batch_size=64)',
        "# pipeline.loader, pipeline.criterion, pipeline.correct(logits); or one part alone:",
    ]
    if not isinstance(plan.sampling, Natural):
        lines.append("batch_sampler = balancekit.BalancedBatchSampler(labels, batch_size=64)")
    if loss != "pipeline.criterion":
        lines.append(f"criterion = {loss}")
    return lines if len(lines) > 2 else [lines[0], "# pipeline.loader, .criterion, .correct(logits)"]


def operation_names_of(plan: "Plan") -> list[str]:
    """Names of the augmentation operations that a plan leads to."""
    from balancekit.augment import AugmentationPolicy
    from balancekit.plan import NoAugmentation

    if isinstance(plan.augmentation, NoAugmentation):
        return []
    policy = AugmentationPolicy.from_plan(plan.augmentation, plan.data.class_names)
    return [decision.operation for decision in policy.explain() if decision.used]
