"""`balancekit preview`."""

from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from balancekit.cli.options import Data, JsonTarget, Reading
from balancekit.cli.output import check_target, output_console, write_json

__all__ = ["preview"]

BatchSize = Annotated[
    int,
    Parameter(validator=Number(gte=1), help="Draws in a batch, of all processes together."),
]
Epochs = Annotated[int, Parameter(validator=Number(gte=1), help="How many to count.")]
AllowOtherData = Annotated[
    bool,
    Parameter(negative="", show_default=False, help="Accept data that the plan was not made for."),
]


def preview(
    plan: Annotated[str, Parameter(help="TOML file written by recommend -o.")],
    data: Data,
    /,
    *,
    batch_size: BatchSize = 64,
    epochs: Epochs = 1,
    allow_other_data: AllowOtherData = False,
    json: JsonTarget = None,
    reading: Reading = Reading(),  # noqa: B008 - frozen
) -> int:
    """What training will see under a plan: draws, repeats, batches, the prior it learns."""
    import msgspec

    from balancekit import exposure
    from balancekit.cli.recommend import build_lines
    from balancekit.plan import NoAugmentation, Plan, steady_from
    from balancekit.sources import read

    check_target("--json", json)
    loaded = Plan.load(plan)
    seen = exposure.preview(
        loaded,
        read(data, **reading.arguments()),
        batch_size=batch_size,
        epochs=epochs,
        allow_other_data=allow_other_data,
    )
    if json is not None:
        write_json(msgspec.json.format(msgspec.json.encode(seen), indent=2), json)
    if json != "-":
        from balancekit.report import show_exposure
        from balancekit.report.plan_words import choice_text
        from balancekit.report.terminal.layout import say, say_verbatim

        console = output_console()
        show_exposure(seen, console)
        if not isinstance(loaded.augmentation, NoAugmentation):
            say(console, f"Augmentation: {choice_text(loaded, 'augmentation')}.")
        last = steady_from(loaded.sampling)
        if epochs <= last:
            say(
                console,
                "The prior is believed once the schedule has ended: --epochs "
                f"{last + 1} counts to there.",
            )
        console.print("\nIn your code:")
        say_verbatim(console, build_lines(loaded, plan, batch_size))
    return 0
