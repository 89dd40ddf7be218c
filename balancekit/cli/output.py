"""Where commands write: consoles, JSON to a file or stdout, and progress on a terminal."""

import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

__all__ = [
    "error_console",
    "output_console",
    "progress_bar",
    "split_json_option",
    "write_json",
    "write_whole",
]

STDOUT = "-"


def output_console() -> "Console":
    """The console for results; 100 columns where there is no terminal."""
    from rich.console import Console

    return Console(highlight=False, width=None if sys.stdout.isatty() else _columns())


def error_console() -> "Console":
    """The console for messages and progress."""
    from rich.console import Console

    return Console(stderr=True, highlight=False)


def _columns() -> int:
    given = os.environ.get("COLUMNS", "")
    return int(given) if given.isdecimal() and int(given) > 0 else 100


def split_json_option(arguments: Sequence[str]) -> list[str]:
    """Arguments in which `--json` has its value: the file that follows, or "-" for stdout.

    A word after `--json` is its file if it ends in .json and something else is left to be
    the data.

    >>> split_json_option(["analyze", "--json", "data/"])
    ['analyze', '--json=-', 'data/']
    >>> split_json_option(["analyze", "data/", "--json", "a.json"])
    ['analyze', 'data/', '--json=a.json']
    """
    words = list(arguments)
    if "--json" not in words:
        return words
    place = words.index("--json")
    after = words[place + 1 : place + 2]
    plain = [word for word in words if not word.startswith("-")]
    # Of command, data and file; with two words `--json x.json` means that x.json is the data.
    if after and after[0].endswith(".json") and len(plain) > 2:
        return [*words[:place], f"--json={after[0]}", *words[place + 2 :]]
    return [*words[:place], f"--json={STDOUT}", *words[place + 1 :]]


def write_json(content: bytes, target: str) -> None:
    """Write JSON to a file, or to stdout for "-"."""
    if target == STDOUT:
        sys.stdout.write(content.decode() + "\n")
    else:
        write_whole(content + b"\n", Path(target))


def write_whole(content: bytes, target: Path) -> None:
    """Write a file, complete or not at all."""
    with tempfile.NamedTemporaryFile(dir=target.parent, delete=False) as file:
        try:
            file.write(content)
            file.close()
            Path(file.name).replace(target)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise


@contextmanager
def progress_bar() -> Iterator["Progress"]:
    """Progress on stderr, only where that is a terminal, gone when done."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn

    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=error_console(),
        transient=True,
        disable=not sys.stderr.isatty(),
    ) as progress:
        yield progress
