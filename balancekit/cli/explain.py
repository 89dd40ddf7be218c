"""`balancekit explain`."""

import difflib
import re
from typing import Annotated

from cyclopts import Parameter

from balancekit.cli.output import output_console
from balancekit.errors import OptionError

__all__ = ["explain"]

Codes = Annotated[
    str, Parameter(metavar="CODE", help="Codes such as BK104; all in a line each if none is given.")
]

STYLES = {"error": "red", "warning": "yellow", "info": "blue"}


def explain(*code: Codes) -> int:
    """What an issue means, why it matters, and what to do."""
    codes = [_known(given) for given in code]
    if codes:
        for place, name in enumerate(codes):
            _explain(name, first=place == 0)
    else:
        _list()
    return 0


def _known(given: str) -> str:
    """The code that is meant, in capitals.

    Raises:
        OptionError: there is none.
    """
    from balancekit.analysis import ISSUE_KINDS

    name = given.strip().upper()
    if name not in ISSUE_KINDS:
        near = difflib.get_close_matches(name, ISSUE_KINDS, 1)
        meant = f" Did you mean {near[0]}?" if near else ""
        raise OptionError(
            f"explain: expected a code of an issue, got {given!r}.{meant} "
            "`balancekit explain` lists all."
        )
    return name


def _explain(code: str, *, first: bool) -> None:
    from rich.text import Text

    from balancekit.analysis import ISSUE_KINDS
    from balancekit.report.terminal.layout import say

    kind, console = ISSUE_KINDS[code], output_console()
    if not first:
        console.print()
    style = STYLES[kind.severity]
    title = Text.assemble((f"{code} ", f"bold {style}"), (kind.title, "bold"))
    say(console, title, first="●", first_style=style)
    say(console, kind.severity, style)
    for paragraph in kind.explanation.split("\n\n"):
        if paragraph.strip():
            console.print()
            say(console, " ".join(paragraph.split()))
    console.print()
    # What only an analysis can fill in is left open.
    say(console, re.sub(r"\{\w+\}", "…", kind.what_to_do), first="  →", indent=4)


def _list() -> None:
    from rich.text import Text

    from balancekit.analysis import ISSUE_KINDS
    from balancekit.report.terminal.layout import say

    console = output_console()
    for code, kind in sorted(ISSUE_KINDS.items()):
        lead = f"{code}  {kind.severity}"
        say(console, Text(kind.title), first=lead, first_style=STYLES[kind.severity], indent=16)
    console.print("\nMore of one: balancekit explain CODE", style="dim")
