"""`balancekit completion`."""

from typing import Annotated, Literal

from cyclopts import Parameter

from balancekit.cli.output import write_out

__all__ = ["completion"]


def completion(
    shell: Annotated[Literal["bash", "zsh", "fish"], Parameter(help="Whose script to print.")], /
) -> int:
    """A script by which a shell completes commands and options."""
    from balancekit.cli import app

    write_out(app.generate_completion(shell=shell).encode() + b"\n")
    return 0
