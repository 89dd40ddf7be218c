"""`balancekit preview`."""

from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from balancekit.cli.options import Data, JsonTarget, Reading
from balancekit.cli.output import (
    check_target,
    output_console,
    say_written,
    shell_command,
    write_json,
)
from balancekit.cli.planned_reading import reading_of, refuse_swapped, told_of_planned_reading
from balancekit.errors import OptionError

if TYPE_CHECKING:
    from balancekit.exposure import Exposure
    from balancekit.plan import Plan

__all__ = ["preview"]

USUAL_BATCH_SIZE = 64

BatchSize = Annotated[
    int | None,
    Parameter(
        validator=Number(gte=1),
        metavar="N",
        help="Draws in a batch, of all processes together; as the plan advises, or 64, if not "
        "given.",
    ),
]
Epochs = Annotated[int, Parameter(validator=Number(gte=1), help="How many to count.")]
AllowOtherData = Annotated[
    bool,
    Parameter(negative="", show_default=False, help="Accept data that the plan was not made for."),
]
HtmlTarget = Annotated[
    str | None,
    Parameter(
        metavar="FILE",
        help="Write one self-contained HTML page to FILE: the data, the plan, what training will "
        "see, sliders, and what comes after.",
    ),
]
ComparisonFile = Annotated[
    str | None,
    Parameter(
        metavar="FILE",
        help="Show the results of a comparison on the page, as compare -o FILE has written them.",
    ),
]


def preview(
    plan: Annotated[str, Parameter(help="TOML file written by recommend -o.")],
    data: Data,
    /,
    *,
    batch_size: BatchSize = None,
    epochs: Epochs = 1,
    allow_other_data: AllowOtherData = False,
    json: JsonTarget = None,
    html: HtmlTarget = None,
    comparison: ComparisonFile = None,
    reading: Reading = Reading(),  # noqa: B008 - frozen
) -> int:
    """What training will see under a plan: draws, repeats, batches, the prior it learns."""
    import msgspec

    from balancekit import exposure
    from balancekit.cli.plan_page import comparison_from_file, write_plan_page
    from balancekit.plan import Plan
    from balancekit.sources import read

    for option, target in (("--json", json), ("--html", html)):
        check_target(option, target)
    if comparison is not None and html is None:
        raise OptionError("--comparison: expected with --html FILE, the page that shows it")
    refuse_swapped(plan, data)
    loaded = Plan.load(plan)
    compared = None if comparison is None else comparison_from_file(comparison, loaded)
    how = reading_of(loaded, reading)
    width = batch_size or loaded.batch_size or USUAL_BATCH_SIZE
    with told_of_planned_reading(plan, how, reading, data):
        labels = read(data, **how.arguments())
        if not allow_other_data:
            loaded.check_data(labels)
    seen = exposure.preview(
        loaded, labels, batch_size=width, epochs=epochs, allow_other_data=allow_other_data
    )
    if json is not None:
        write_json(msgspec.json.format(msgspec.json.encode(seen), indent=2), json)
    if html is not None:
        counted = {"batch_size": str(width), "epochs": None if epochs == 1 else str(epochs)}
        options = counted | {"comparison": comparison} | reading.options()
        command = shell_command("balancekit", "preview", plan, data, **options)
        write_plan_page(
            html,
            loaded,
            seen,
            labels,
            data=data,
            reading=how,
            path=plan,
            comparison=compared,
            how_made=f"made by {command}",
        )
    if json != "-":
        _show(seen, loaded, plan)
    if html is not None:
        say_written(html)
    return 0


def _show(seen: "Exposure", plan: "Plan", path: str) -> None:
    from balancekit.cli.plan_code import build_lines, whole_lines
    from balancekit.plan import NoAugmentation
    from balancekit.report import show_exposure
    from balancekit.report.exposure_words import schedule_text
    from balancekit.report.plan_words import choice_text
    from balancekit.report.terminal.layout import say, say_verbatim

    console = output_console()
    show_exposure(seen, console)
    if not isinstance(plan.augmentation, NoAugmentation):
        say(console, f"Augmentation: {choice_text(plan, 'augmentation')}.")
    if later := schedule_text(plan, seen.epochs):
        say(console, later)
    console.print("\nIn your code:")
    say_verbatim(console, whole_lines(build_lines(plan, path, seen.batch_size), path, None))
