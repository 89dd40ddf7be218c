"""`balancekit preview`."""

from typing import Annotated

from cyclopts import Parameter

from balancekit.cli.output import output_console, write_json

__all__ = ["preview"]


def preview(
    plan: str,
    data: str,
    /,
    *,
    batch_size: int = 64,
    epochs: int = 1,
    label: str | None = None,
    split: str | None = None,
    allow_other_data: Annotated[bool, Parameter(negative="")] = False,
    json: str | None = None,
) -> int:
    """What training will see under a plan: draws, repeats, batches, the prior believed in.

    Example:

        balancekit preview plan.toml data/ --batch-size 64 --epochs 10

    Args:
        plan: TOML file of `balancekit recommend -o`.
        data: the data set that it is for, as for analyze.
        batch_size: draws a batch, of all processes together.
        epochs: how many to count.
        label: label column of a table.
        split: split to read.
        allow_other_data: accept data that the plan was not made for.
        json: write the result as JSON, to FILE (ending in .json) or, without FILE, to stdout
            instead of the report.
    """
    import msgspec

    from balancekit import exposure
    from balancekit.plan import Plan
    from balancekit.sources import read

    seen = exposure.preview(
        Plan.load(plan),
        read(data, label=label, split=split),
        batch_size=batch_size,
        epochs=epochs,
        allow_other_data=allow_other_data,
    )
    if json is not None:
        write_json(msgspec.json.format(msgspec.json.encode(seen), indent=2), json)
    if json != "-":
        from balancekit.report import show_exposure

        show_exposure(seen, output_console())
    return 0
