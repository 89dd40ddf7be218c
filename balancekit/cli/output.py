"""Where commands write: consoles, JSON to a file or stdout, and progress on a terminal."""

import os
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from balancekit.errors import OptionError
from balancekit.files import write_whole

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

__all__ = [
    "check_target",
    "counting_progress",
    "discard_stdout",
    "error_console",
    "output_console",
    "progress_bar",
    "say_written",
    "shell_command",
    "split_json_option",
    "tell",
    "write_json",
    "write_out",
]

STDOUT = "-"
COLUMNS_WITHOUT_TERMINAL = 100


def output_console() -> "Console":
    """The console for results; as wide as COLUMNS says, or 100, where there is no terminal."""
    from rich.console import Console

    class OutputConsole(Console):
        def on_broken_pipe(self) -> None:
            # A reader that leaves early, such as `head`, changes nothing of the outcome.
            self.quiet = True
            discard_stdout()

    # No emoji: a class may be called :cat:, and their table takes a while to load.
    return OutputConsole(
        highlight=False, emoji=False, width=None if sys.stdout.isatty() else _columns()
    )


def error_console() -> "Console":
    """The console for messages and progress."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, emoji=False)


def _columns() -> int:
    given = os.environ.get("COLUMNS", "")
    return int(given) if given.isdecimal() and int(given) > 0 else COLUMNS_WITHOUT_TERMINAL


def tell(message: str) -> None:
    """Print a message on stderr."""
    error_console().print(f"balancekit: {message}", markup=False, highlight=False, soft_wrap=True)


def say_written(target: str) -> None:
    """Say on stderr where a page was written: stdout has the report, or JSON to be parsed."""
    error_console().print(f"Written: {target}", markup=False, highlight=False, soft_wrap=True)


def discard_stdout() -> None:
    """Let what is still written to stdout go nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def shell_command(*words: str, **options: str | bool | None) -> str:
    """A command to copy, quoted for the shell; options that are None are left out.

    >>> shell_command("balancekit", "analyze", "my data/", label="Species")
    "balancekit analyze 'my data/' --label Species"
    """
    command = list(words)
    for name, value in options.items():
        option = name.replace("_", "-")
        if isinstance(value, bool):
            command.append(f"--{option}" if value else f"--no-{option}")
        elif value is not None:
            command += [f"--{option}", value]
    return " ".join(map(_quoted, command))


def _quoted(word: str) -> str:
    r"""A word for the shell; as its bytes where it holds some that no terminal can show.

    >>> print(_quoted("a b"), _quoted("a\nb"), _quoted("caf\udce9"))
    'a b' $'a\x0ab' $'caf\xe9'
    """
    if word.isprintable():
        return shlex.quote(word)
    content = word.encode("utf-8", "surrogateescape")
    shown = (
        chr(byte) if 32 <= byte < 127 and byte not in b"\\'" else f"\\x{byte:02x}"
        for byte in content
    )
    return f"$'{''.join(shown)}'"


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


def check_target(option: str, target: str | None) -> None:
    """Refuse a file that cannot be written, before the work and not after it.

    Raises:
        OptionError: the file's folder is missing, or the file is itself a folder.
    """
    if target is None or target == STDOUT:
        return
    path = Path(target)
    if path.is_dir():
        raise OptionError(f"{option} {target}: expected the name of a file, got a folder.")
    if not path.parent.is_dir():
        raise OptionError(
            f"{option} {target}: expected a file in an existing folder, got no folder "
            f"{path.parent}. Make it with {shell_command('mkdir', '-p', str(path.parent))}"
        )


def write_json(content: bytes, target: str) -> None:
    """Write JSON to a file, or to stdout for "-"."""
    if target != STDOUT:
        write_whole(content + b"\n", Path(target))
        return
    write_out(content + b"\n")


def write_out(content: bytes) -> None:
    """Write bytes to stdout as they are, whatever its encoding."""
    try:
        sys.stdout.flush()
        sys.stdout.buffer.write(content)
        sys.stdout.flush()
    except BrokenPipeError:
        discard_stdout()


@contextmanager
def progress_bar() -> Iterator["Progress"]:
    """Progress on stderr, only where that is a terminal, gone when done."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

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


@contextmanager
def counting_progress(first: str) -> Iterator[Callable[[int, str], None]]:
    """A function that takes how many more were done, and what is done, for progress on stderr.

    Shown only where stderr is a terminal, and gone when done. How many there will be is not
    known, so it shows how many there were, and the time.

    Args:
        first: what is done until the function is first called.
    """
    if not sys.stderr.isatty():
        yield lambda n_more, what: None
        return
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        TextColumn("{task.fields[done]}"),
        TimeElapsedColumn(),
        console=error_console(),
        transient=True,
    ) as progress:
        line = progress.add_task(first, total=None, done="")

        def advance(n_more: int, what: str) -> None:
            progress.update(line, advance=n_more, description=what)
            progress.update(line, done=f"{progress.tasks[line].completed:,.0f}")

        yield advance
