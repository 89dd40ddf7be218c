"""The command line: one file a command, each a verb of the package and a report of it.

Exit codes: 0 fine, 1 a gate failed, 2 usage, configuration or unreadable input, 3 finished
with skipped files under --strict, 130 interrupted.
"""

import sys
from collections.abc import Sequence

from cyclopts import App, CycloptsError, Group

from balancekit.cli.output import error_console, split_json_option
from balancekit.errors import BalancekitError

__all__ = ["app", "main"]

app = App(
    name="balancekit",
    help=(
        "From a data set whose classes are unequal to a model that learns all of them.\n\n"
        "Start with `balancekit analyze DATA`, where DATA is a folder of class folders of "
        "pictures, or a CSV file with a label column. To see the whole way on real data, with "
        "nothing to prepare: `balancekit demo`."
    ),
    help_format="markdown",
    help_epilogue=(
        "Exit codes: 0 fine · 1 a gate failed · 2 usage, configuration or unreadable input · "
        "3 files skipped under --strict · 130 interrupted."
    ),
    version_flags=["--version"],
    group_commands=Group("Commands, in the order of the work", sort_key=0),
)
# Named by path, so that `--help` loads none of them.
app.command("balancekit.cli.analyze:analyze", name="analyze", sort_key=1, help=(
    "What is in a data set: class histogram, imbalance measures, issues and what to do."
))
app.command("balancekit.cli.recommend:recommend", name="recommend", sort_key=2, help=(
    "A plan for it: sampler, loss with its weights per class, augmentation, each with its reason."
))
app.command("balancekit.cli.preview:preview", name="preview", sort_key=3, help=(
    "What training will see under a plan: draws, repeats, batches, the prior believed in."
))
app.command("balancekit.cli.demo:demo", name="demo", sort_key=4, help=(
    "The whole way on handwritten digits made long-tailed, in under 90 seconds, offline."
))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and leave with its exit code."""
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: Sequence[str]) -> int:
    """Run a command: its exit code, errors being told on stderr."""
    try:
        result = app(
            split_json_option(arguments),
            exit_on_error=False,
            print_error=False,
            result_action="return_value",
        )
    except CycloptsError as error:
        return _refuse(f"{error}\nSee `balancekit --help`, or `balancekit COMMAND --help`.")
    except BalancekitError as error:
        return _refuse(str(error))
    except OSError as error:
        return _refuse(f"{error.filename or 'output'}: {error.strerror or error}")
    except KeyboardInterrupt:
        error_console().print("balancekit: interrupted")
        return 130
    return result if isinstance(result, int) else 0


def _refuse(message: str) -> int:
    error_console().print(f"balancekit: {message}", markup=False, highlight=False, soft_wrap=True)
    return 2
