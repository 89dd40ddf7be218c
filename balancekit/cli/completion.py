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

    script = app.generate_completion(shell=shell)
    if shell == "bash":  # where nothing of ours fits, as for DATA: names of files
        script = script.replace("\ncomplete -F ", "\ncomplete -o default -F ")
    write_out(script.encode() + b"\n")
    return 0
