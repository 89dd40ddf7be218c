"""The command line: one file a command, each a verb of the package and a report of it.

Exit codes: 0 fine, 2 usage, configuration or unreadable input, 3 finished with skipped files
under --strict, 130 interrupted.
"""

import sys
from collections.abc import Sequence

from cyclopts import App, CycloptsError, Group, UnusedCliTokensError

from balancekit.cli.output import error_console, output_console, split_json_option
from balancekit.errors import BalancekitError

__all__ = ["app", "main", "run"]

EXIT_CODES = """\
Exit codes:
  0    fine
  2    wrong usage or configuration, or unreadable input
  3    finished, but files or rows were skipped, under --strict
  130  interrupted"""

COMMANDS = {
    "analyze": (
        "What is in a data set: class histogram, imbalance measures, issues and what to do.",
        """\
  balancekit analyze data/                       # data/cat/1.jpg, data/dog/…
  balancekit analyze labels.csv --label species
  balancekit analyze data/ --json analysis.json  # for recommend, or a program
  balancekit analyze data/ --strict              # exit code 3 if a file is bad""",
    ),
    "recommend": (
        "A plan for a data set: sampler, loss and its weights, augmentation, with reasons.",
        """\
  balancekit recommend data/ -o plan.toml
  balancekit recommend data/ --picture-task industrial -o plan.toml
  balancekit recommend analysis.json --objective accuracy""",
    ),
    "preview": (
        "What training will see under a plan: draws, repeats, batches, the prior it learns.",
        """\
  balancekit preview plan.toml data/
  balancekit preview plan.toml data/ --batch-size 128 --epochs 10""",
    ),
    "demo": (
        "The whole way on handwritten digits made long-tailed: under 90 seconds, offline.",
        """\
  balancekit demo
  balancekit demo --folder /tmp/digits    # then open /tmp/digits/report.html""",
    ),
}
"""What each command does, and examples of it."""

app = App(
    name="balancekit",
    help=(
        "From a data set whose classes are unequal to a model that learns all of them.\n\n"
        "DATA is a folder of class folders of pictures, or a CSV or TSV file with a label column. "
        "To see the whole way on real data, with nothing to prepare: balancekit demo"
    ),
    # Plain text: Markdown would double the time to the first line of help.
    help_format="plaintext",
    help_epilogue=(
        "Examples:\n"
        "  balancekit analyze data/\n"
        "  balancekit recommend data/ -o plan.toml\n"
        "  balancekit preview plan.toml data/\n\n"
        f"{EXIT_CODES}\n\nMore of a command: balancekit COMMAND --help"
    ),
    version_flags=["--version"],
    group_commands=Group("Commands, in the order of the work", sort_key=0),
    suppress_keyboard_interrupt=False,
)
for place, (name, (what, examples)) in enumerate(COMMANDS.items()):
    # Named by path, so that `--help` loads none of them.
    app.command(
        f"balancekit.cli.{name}:{name}",
        name=name,
        sort_key=place,
        help=what,
        help_epilogue=f"Examples:\n{examples}\n\n{EXIT_CODES}",
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and leave with its exit code."""
    for stream in (sys.stdout, sys.stderr):
        # A name that the terminal's encoding lacks is shown with question marks.
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: Sequence[str]) -> int:
    """Run a command: its exit code, errors being told on stderr."""
    try:
        result = app(
            split_json_option(arguments),
            console=output_console(),
            exit_on_error=False,
            print_error=False,
            result_action="return_value",
        )
    except CycloptsError as error:
        return _refuse(f"{_usage(error)}\nSee {_help_for(arguments)}")
    except BalancekitError as error:
        return _refuse(str(error))
    except OSError as error:
        return _refuse(f"{error.filename or 'output'}: {error.strerror or error}")
    except KeyboardInterrupt:
        _tell("interrupted")
        return 130
    return result if isinstance(result, int) else 0


def _usage(error: CycloptsError) -> str:
    """What is wrong with the arguments, in one sentence."""
    if isinstance(error, UnusedCliTokensError):
        tokens = ", ".join(map(repr, error.unused_tokens or ()))
        return (
            f"expected no more arguments, got {tokens}. Quote a name that has spaces; "
            "the file behind --json ends in .json."
        )
    return str(error).strip()


def _help_for(arguments: Sequence[str]) -> str:
    command = next((word for word in arguments if word in COMMANDS), None)
    return f"balancekit {command} --help" if command else "balancekit --help"


def _refuse(message: str) -> int:
    _tell(message)
    return 2


def _tell(message: str) -> None:
    error_console().print(f"balancekit: {message}", markup=False, highlight=False, soft_wrap=True)
