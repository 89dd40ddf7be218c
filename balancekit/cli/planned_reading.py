"""How the data of a plan are read: the options that it knows, and what errors say of them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from balancekit.cli.options import Reading
from balancekit.cli.output import shell_command
from balancekit.errors import DataError, OptionError, PlanError

if TYPE_CHECKING:
    from balancekit.plan import Plan

__all__ = ["reading_of", "refuse_swapped", "told_of_planned_reading"]

PLAN_SUFFIXES = (".toml", ".json")

IN_PYTHON = "balancekit.recommend(balancekit.analyze(labels))"
"""What `Plan.check_data` advises to those who write Python."""


def reading_of(plan: "Plan", reading: Reading) -> Reading:
    """How to read the data of a plan: as it was made from them, unless options say otherwise.

    Args:
        plan: which knows the options that its data were read by.
        reading: options of the command.
    """
    given = {name for name, value in reading.options().items() if value is not None}
    known = {
        name: value
        for name, value in plan.data.read_by.items()
        if name not in given and hasattr(Reading, name)
    }
    parsed: dict[str, object] = {**known}
    if "header" in known:
        parsed["header"] = known["header"].lower() == "true"
    if "void_index" in known:
        parsed["void_index"] = int(known["void_index"])
    return replace(reading, **parsed)  # type: ignore[arg-type]  # by name


@contextmanager
def told_of_planned_reading(path: str, how: Reading, reading: Reading, data: str) -> Iterator[None]:
    """Let errors of data say which options came from the plan, and how to give others.

    Args:
        path: of the plan.
        how: the data are read.
        reading: options of the command; what differs from them is the plan's.
        data: path or URL.
    """
    given, used = reading.options(), how.options()
    planned = {name: value for name, value in used.items() if value != given[name]}
    try:
        yield
    except (DataError, OptionError, PlanError) as error:
        if not planned:
            raise
        # Data that were read can be read so again; those that were not need other options.
        fitting = used if isinstance(error, PlanError) else given
        other = shell_command("balancekit", "recommend", data, **fitting)
        told = str(error).replace(IN_PYTHON, f"{other} -o plan.toml")
        new = f" Or make a plan for these data: {other} -o plan.toml"
        raise type(error)(
            f"{told} Options come from {path}, whose data were read by "
            f"{shell_command(**planned)}; those given here come before them."
            f"{new if told == str(error) else ''}"
        ) from None


def refuse_swapped(plan: str, data: str) -> None:
    """Refuse a plan in the place of the data, and name the call that is meant.

    Args:
        plan: as it was given.
        data: likewise.

    Raises:
        OptionError: the data are named as a plan is, and the plan is not.
    """
    if Path(data).suffix.lower() != ".toml" or Path(plan).suffix.lower() in PLAN_SUFFIXES:
        return
    raise OptionError(
        f"expected the plan first and then the data, got {plan} and {data}. Turn them round: "
        f"{shell_command('balancekit', 'preview', data, plan)}"
    )
