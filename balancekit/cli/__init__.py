"""The command line: one file a command, each a verb of the package and a report of it.

Exit codes: 0 fine, 1 a gate failed, 2 usage, configuration or unreadable input, 3 finished with
skipped files under --strict, 130 interrupted.
"""

import gc
import os
import re
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NoReturn

from cyclopts import App, CycloptsError, Group, UnusedCliTokensError

from balancekit.cli.interrupts import INTERRUPTED, leave_soon_when_interrupted
from balancekit.cli.output import (
    discard_stdout,
    output_console,
    split_json_option,
    tell,
)
from balancekit.cli.settings import SettingsError, apply_settings
from balancekit.errors import BalancekitError, BalancekitWarning

__all__ = ["app", "main", "run"]

EXIT_CODES = """\
Exit codes:
  0    fine
  1    a gate failed: what --fail-on names is so
  2    wrong usage or configuration, or unreadable input
  3    finished, but files, rows or annotations were skipped, under --strict
  130  interrupted"""

WORK = Group("Commands, in the order of the work", sort_key=0)
REST = Group("And besides", sort_key=1)

COMMANDS = {
    "analyze": (
        WORK,
        "What is in a data set: class histogram, imbalance measures, issues and what to do.",
        """\
  balancekit analyze data/                        # data/cat/1.jpg, data/dog/…
  balancekit analyze labels.csv --label species
  balancekit analyze data/ --duplicates --quality # leaks, repeats, shortcuts
  balancekit analyze data/ --json analysis.json   # for recommend, or a program
  balancekit analyze data/ --html report.html     # one page, for people
  balancekit analyze data/ --fail-on 'ir > 100 or BK201 > 0' --strict""",
    ),
    "recommend": (
        WORK,
        "A plan for a data set: sampler, loss and its weights, augmentation, with reasons.",
        """\
  balancekit recommend data/ -o plan.toml
  balancekit recommend data/ --picture-task industrial -o plan.toml
  balancekit recommend analysis.json --objective accuracy --explain
  balancekit recommend data/ --deployed-prior prior.csv   # class,share""",
    ),
    "preview": (
        WORK,
        "What training will see under a plan: draws, repeats, batches, the prior it learns.",
        """\
  balancekit preview plan.toml data/
  balancekit preview plan.toml data/ --batch-size 128 --epochs 10
  balancekit preview plan.toml data/ --html plan.html     # with sliders: what if""",
    ),
    "compare": (
        WORK,
        "Plans trained and tested on the data: which is better, and whether that may be noise.",
        """\
  balancekit compare data/
  balancekit compare data/ --budget 30m -o compare.json --html compare.html
  balancekit compare data/ --plan plan.toml --winner best.toml
  balancekit compare data/ --model my_models:small --objective macro_f1""",
    ),
    "resample": (
        WORK,
        "A resampled data set: draws of each class, their indices, or a tree of files.",
        """\
  balancekit resample data/ --strategy oversample                 # only shows the counts
  balancekit resample data/ --strategy combine -o balanced/       # a tree of links
  balancekit resample data/ --strategy undersample --multiple 3 -o indices.npy
  balancekit resample labels.csv --strategy regroup -o indices.csv
  balancekit resample data/ --strategy make-imbalanced --ratio 100 -o tail/""",
    ),
    "augment": (
        WORK,
        "A data set balanced on disk: augmented copies for rare classes, annotations and all.",
        """\
  balancekit augment data/ --task natural                    # only shows the counts
  balancekit augment data/ --task natural --preview page.html
  balancekit augment data/ --task natural --target max -o balanced/ --workers 4
  balancekit augment data/ --task natural --target max -o balanced/ --workers 4 --resume""",
    ),
    "demo": (
        WORK,
        "The whole way on handwritten digits made long-tailed: under 90 seconds, offline.",
        """\
  balancekit demo
  balancekit demo --folder /tmp/digits    # then open /tmp/digits/plan.html""",
    ),
    "diff": (
        REST,
        "What changed between two analyses: classes, counts, shift against chance, issues.",
        """\
  balancekit diff before.json after.json
  balancekit diff before.json after.json --fail-on 'js > 0.1 or removed > 0'""",
    ),
    "explain": (
        REST,
        "What an issue means, why it matters, and what to do.",
        """\
  balancekit explain BK104
  balancekit explain              # all of them, a line each""",
    ),
    "formats": (
        REST,
        "The formats of data that can be read.",
        """\
  balancekit formats""",
    ),
    "schema": (
        REST,
        "The JSON Schema of what analyze, recommend, preview, compare or diff write as JSON.",
        """\
  balancekit schema analysis
  balancekit schema plan > plan.schema.json""",
    ),
    "completion": (
        REST,
        "A script by which a shell completes commands and options.",
        """\
  source <(balancekit completion bash)    # now; in ~/.bashrc for always
  source <(balancekit completion zsh)
  balancekit completion fish > ~/.config/fish/completions/balancekit.fish""",
    ),
}
"""What each command does, and examples of it."""

VERBS_OF_PYTHON = ("build", "read")

app = App(
    name="balancekit",
    help=(
        "From a data set whose classes are unequal to a model that learns all of them.\n\n"
        "DATA is a folder of class folders of pictures, a table with a label column, or any other "
        "of `balancekit formats`. Settings may stand in [tool.balancekit.COMMAND] of "
        "pyproject.toml. To see the whole way on real data: balancekit demo"
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
    group_commands=REST,  # of --help and --version too
    suppress_keyboard_interrupt=False,
    config=apply_settings,
)
for place, (name, (group, what, examples)) in enumerate(COMMANDS.items()):
    # Named by path, so that `--help` loads none of them.
    app.command(
        f"balancekit.cli.{name}:{name}",
        name=name,
        group=group,
        sort_key=place,
        help=what,
        help_epilogue=f"Examples:\n{examples}\n\n{EXIT_CODES}",
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and leave with its exit code."""
    # Fewer rounds of the collector while modules load, which take a tenth of the start.
    gc.set_threshold(50_000)
    leave_soon_when_interrupted()
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by the caller
            setattr(sys, name, open(os.devnull, "w"))  # noqa: PTH123, SIM115 - lives as long as we
        # A name that the terminal's encoding lacks is shown with question marks.
        getattr(sys, name).reconfigure(errors="replace")
    try:
        code = run(sys.argv[1:] if arguments is None else arguments)
    except Exception:  # a mistake of ours: shown in full, and not taken for a gate that failed
        import traceback

        traceback.print_exc()
        code = 2
    if code == INTERRUPTED and "ray" not in sys.modules:  # Ray has a cluster to take down
        _leave_at_once(code)
    sys.exit(code)


def run(arguments: Sequence[str]) -> int:
    """Run a command: its exit code, errors being told on stderr."""
    try:
        with _warnings_told():
            result = app(
                split_json_option(arguments),
                console=output_console(),
                exit_on_error=False,
                print_error=False,
                result_action="return_value",
            )
            sys.stdout.flush()
    except SettingsError as error:
        return _refuse(str(error))
    except CycloptsError as error:
        return _refuse(f"{_usage(error, arguments)}\nSee {_help_for(arguments)}")
    except BalancekitError as error:
        return _refuse(str(error))
    except BrokenPipeError:  # a reader that leaves early changes nothing of the outcome
        discard_stdout()
        return 0
    except OSError as error:
        if error.filename is None:  # of the output: what is left of it would fail again
            discard_stdout()
        return _refuse(f"{error.filename or 'output'}: {error.strerror or error}")
    except KeyboardInterrupt:
        tell("interrupted")
        return INTERRUPTED
    return result if isinstance(result, int) else 0


def _leave_at_once(code: int) -> NoReturn:
    """Leave without waiting for threads: what they still decode is for nobody."""
    sys.stderr.flush()
    os._exit(code)


@contextmanager
def _warnings_told() -> Iterator[None]:
    """Tell our warnings as errors are told, each once, and without a line of code."""
    with warnings.catch_warnings():
        warnings.simplefilter("always", BalancekitWarning)
        # What Pillow finds odd in a file and reads all the same is not for our users.
        warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
        shown = warnings.showwarning
        told: set[str] = set()

        def tell_once(
            message: Warning | str, category: type[Warning], *where: object, **also: object
        ) -> None:
            if not issubclass(category, BalancekitWarning):
                # What warnings.showwarning was given is handed on as it came.
                shown(message, category, *where, **also)  # type: ignore[arg-type]
            elif str(message) not in told:
                told.add(str(message))
                tell(f"warning: {message}")

        warnings.showwarning = tell_once
        yield


def _usage(error: CycloptsError, arguments: Sequence[str]) -> str:
    """What is wrong with the arguments, in one sentence."""
    command = arguments[0] if arguments else ""
    if command in VERBS_OF_PYTHON:
        return (
            f"{command} is a function of Python: balancekit.{command}(…). "
            f"In Python, help(balancekit.{command}) tells of it."
        )
    if isinstance(error, UnusedCliTokensError):
        tokens = ", ".join(map(repr, error.unused_tokens or ()))
        plans = [word for word in arguments if word.endswith(".toml")]
        if command == "compare" and plans:
            return (
                f"expected the data alone, got {tokens} too. A plan is given as --plan {plans[0]}"
            )
        return (
            f"expected no more arguments, got {tokens}. Quote a name that has spaces; "
            "the file behind --json ends in .json."
        )
    # A setting is named by its table, as it stands in the file.
    table = rf"\2 of [tool.balancekit.{command}]"
    said = re.sub(r"\[(tool)\]\[balancekit\]\[([\w-]+)\]", table, str(error).strip())
    return f"{said}{_picture_task_hint(said, command)}"


def _picture_task_hint(said: str, command: str) -> str:
    """Which option takes what was given as --task, if it is what pictures show."""
    from balancekit.plan import PICTURE_TASKS

    given = re.match(f'Invalid value "({"|".join(PICTURE_TASKS)})" for --task', said)
    if not given:
        return ""
    whose = "" if command == "recommend" else " of balancekit recommend"
    return f" What the pictures show is --picture-task {given[1]}{whose}."


def _help_for(arguments: Sequence[str]) -> str:
    command = next((word for word in arguments if word in COMMANDS), None)
    return f"balancekit {command} --help" if command else "balancekit --help"


def _refuse(message: str) -> int:
    tell(message)
    return 2
