"""`balancekit compare`."""

import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from cyclopts import Parameter
from cyclopts.validators import Number

from balancekit.cli.durations import seconds_of
from balancekit.cli.interrupts import INTERRUPTED
from balancekit.cli.options import Data, JsonTarget, Reading, check_picture_task
from balancekit.cli.output import (
    check_target,
    output_console,
    progress_bar,
    say_written,
    shell_command,
    tell,
    write_json,
)
from balancekit.cli.planned_reading import reading_of
from balancekit.cli.prior_file import prior_from_file
from balancekit.cli.recommend import Aim, DeployedPrior, PictureTask
from balancekit.errors import DataError, OptionError, PlanError
from balancekit.files import write_whole
from balancekit.labels import Labels
from balancekit.plan import Plan

if TYPE_CHECKING:
    from balancekit.comparison import Comparison

__all__ = ["compare"]

Budget = Annotated[
    str,
    Parameter(metavar="TIME", help="Time that all of it may take, such as 90s, 10m or 2h."),
]
Plans = Annotated[
    tuple[str, ...],
    Parameter(
        name="--plan",
        metavar="FILE",
        negative="",
        consume_multiple=False,
        show_default=False,
        help="Compare this plan with the baseline and the recommended one, instead of the "
        "recommender's alternatives; may be given several times.",
    ),
]
Model = Annotated[
    str | None,
    Parameter(
        metavar="MODULE:FACTORY",
        help="What makes a model, from the current folder too: a function or class that takes "
        "n_outputs and sample_shape, or nothing. A small network suiting the data if not given.",
    ),
]
Seeds = Annotated[
    int, Parameter(validator=Number(gte=1), help="Splits of the data, and trainings, of each plan.")
]
Epochs = Annotated[
    int | None,
    Parameter(validator=Number(gte=1), help="Passes over the training part; as many as fit."),
]
BatchSize = Annotated[
    int | None, Parameter(validator=Number(gte=1), help="Draws a batch; chosen by the size.")
]
Output = Annotated[
    str | None,
    Parameter(
        alias="-o",
        metavar="FILE",
        help="Write the results to this JSON file. Finished runs are kept beside it, in "
        "FILE.runs, from which the same command goes on, with another --budget or --seeds too.",
    ),
]
Page = Annotated[
    str | None, Parameter(metavar="FILE", help="Write the results to this page, for people.")
]
Winner = Annotated[
    str | None,
    Parameter(metavar="FILE", help="Write the plan to take to this TOML file, for all the data."),
]
Fresh = Annotated[
    bool,
    Parameter(negative="", show_default=False, help="Begin anew, and drop the runs kept there."),
]


def compare(
    data: Data,
    /,
    *,
    budget: Budget = "10m",
    plan: Plans = (),
    model: Model = None,
    objective: Aim = None,
    deployed_prior: DeployedPrior = None,
    picture_task: PictureTask = None,
    seeds: Seeds = 3,
    epochs: Epochs = None,
    batch_size: BatchSize = None,
    output: Output = None,
    html: Page = None,
    winner: Winner = None,
    fresh: Fresh = False,
    json: JsonTarget = None,
    reading: Reading = Reading(),  # noqa: B008 - frozen
) -> int:
    """Plans trained and tested on the data: which is better, and whether that may be noise."""
    for option, target in (("-o", output), ("--html", html), ("--winner", winner)):
        check_target(option, target)
    check_target("--json", json)
    check_picture_task("--picture-task", picture_task, f"Give it as --task {picture_task}.")
    options = {
        "budget_s": seconds_of("--budget", budget),
        "model": None if model is None else factory_of(model),
        "objective": objective,
        "deployed_prior": prior_of(deployed_prior),
        "picture_task": picture_task,
        "seeds": seeds,
        "epochs": epochs,
        "batch_size": batch_size,
        "folder": None if output is None else f"{output}.runs",
        "fresh": fresh,
    }
    comparison = _compared(data, plan, reading, options)
    _write(comparison, output, html, winner)
    if json is not None:
        write_json(_as_json(comparison), json)
    if json != "-":
        _show(comparison, data, output, winner)
    if comparison.takeable():
        if html is not None:
            say_written(html)
    elif missing := [target for target in (html, winner) if target is not None]:
        tell(f"not written, as no plan was trained to the end: {', '.join(missing)}")
    if comparison.interrupted:
        n_runs = sum(len(arm.runs) for arm in comparison.arms)
        on = "" if output is None else " The same command goes on from there."
        tell(f"interrupted after {n_runs} finished runs.{on}")
        return INTERRUPTED
    return 0


def _compared(
    data: str, plans: tuple[str, ...], reading: Reading, options: dict[str, Any]
) -> "Comparison":
    from balancekit.comparison import ComparisonInterrupted
    from balancekit.comparison import compare as run_all
    from balancekit.comparison.own_split import open_compared

    given = reading.arguments()
    if given.pop("void_index") is not None:
        raise OptionError("--void-index: expected no masks, which compare does not train on")
    try:
        dataset, own_split = open_compared(data, **given)
    except DataError as error:
        raise DataError(f"{error}{_otherwise_read(plans, reading)}") from None
    compared = _with_recommended(
        dataset.labels if own_split is None else own_split.labels, plans, options
    )
    with _progress() as on_progress:
        try:
            return run_all(
                dataset,
                compared,
                validation=own_split,
                on_progress=on_progress,
                **options,
            )
        except ComparisonInterrupted as stopped:
            return stopped.comparison
        except PlanError as error:
            raise PlanError(f"{error}{_otherwise_read(plans, reading)}") from None


def _with_recommended(
    labels: Labels, plans: tuple[str, ...], options: dict[str, Any]
) -> dict[str, Plan] | None:
    """Plans from files behind the baseline and the recommended one; None if there are none.

    Raises:
        PlanError: a plan cannot be read.
        OptionError: two have the same name.
    """
    if not plans:
        return None
    from balancekit.flow import analyze
    from balancekit.recommender import alternatives

    wanted = {name: options[name] for name in ("objective", "deployed_prior", "picture_task")}
    made = alternatives(analyze(labels), **wanted)
    compared = {name: made[name] for name in ("baseline", "recommended")}
    for path in plans:
        name = Path(path).stem
        if name in compared:
            raise OptionError(
                f"--plan {path}: expected plans with names of their own, got {name!r} twice, or "
                "that of a plan which takes part anyway. Rename the file."
            )
        compared[name] = Plan.load(path)
    return compared


def _otherwise_read(plans: tuple[str, ...], reading: Reading) -> str:
    """Which options the plans' data were read by that are not given here, for an error."""
    told = ""
    for path in plans:
        options = reading_of(Plan.load(path), reading).options()
        missing = {k: v for k, v in options.items() if v != reading.options()[k]}
        if missing:
            told += f" {path} is for data read by {shell_command(**missing)}: give that here too."
    return told


@contextmanager
def _progress() -> Iterator[Callable[[float, str], None]]:
    with progress_bar() as progress:
        bar = progress.add_task("reading", total=100)
        yield lambda share, what: progress.update(
            bar, completed=round(100 * share), description=what
        )


def factory_of(name: str) -> Callable[..., Any]:
    """What `module:factory` names, imported from the current folder too.

    Raises:
        OptionError: there is no such module or name, or it cannot be called.
    """
    module_name, colon, attribute = name.partition(":")
    if not (colon and module_name and attribute):
        raise OptionError(
            f"--model {name}: expected MODULE:FACTORY, such as my_models:small for the function "
            "small of my_models.py"
        )
    sys.path.insert(0, str(Path.cwd()))
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name != module_name.partition(".")[0]:
            raise OptionError(f"--model {name}: importing it failed: {error}") from error
        raise OptionError(
            f"--model {name}: expected a module {module_name!r} in this folder or installed, got "
            "none. Give the name without .py."
        ) from None
    except Exception as error:  # whatever a user's module raises
        raise OptionError(
            f"--model {name}: importing it failed: {type(error).__name__}: {error}"
        ) from error
    finally:
        sys.path.remove(str(Path.cwd()))
    found = module
    for part in attribute.split("."):
        if not hasattr(found, part):
            there = [one for one in vars(module) if not one.startswith("_")]
            raise OptionError(
                f"--model {name}: expected {attribute!r} in {module.__file__}, got none of that "
                f"name, but {', '.join(there[:12]) or 'nothing'}"
            )
        found = getattr(found, part)
    if not callable(found):
        raise OptionError(
            f"--model {name}: expected a function or class, got a {type(found).__name__}"
        )
    return found


def prior_of(given: str | None) -> Any:
    """What `--deployed-prior` says: a word, or what its file holds."""
    if given is None or given in ("train", "training", "uniform"):
        return given
    return prior_from_file("--deployed-prior", given)


def _as_json(comparison: "Comparison") -> bytes:
    return msgspec.json.format(msgspec.json.encode(comparison), indent=2)


def _write(
    comparison: "Comparison", output: str | None, html: str | None, winner: str | None
) -> None:
    if output is not None:
        write_whole(_as_json(comparison) + b"\n", Path(output))
    if not comparison.takeable():
        return
    if winner is not None:
        write_whole(comparison.winner_plan().to_toml().encode(), Path(winner))
    if html is not None:
        from balancekit.report.comparison_page import render_comparison

        write_whole(render_comparison(comparison).encode(), Path(html))


def _show(comparison: "Comparison", data: str, output: str | None, winner: str | None) -> None:
    from rich.text import Text

    from balancekit.report import show_comparison
    from balancekit.report.terminal.layout import say_verbatim

    console = output_console()
    show_comparison(comparison, console)
    if output is not None:
        console.print(Text(f"\nWritten: {output}"), soft_wrap=True)
    if winner is not None and comparison.takeable():
        console.print(Text(f"The plan to take: {winner}"), soft_wrap=True)
        console.print("Next:")
        say_verbatim(console, [shell_command("balancekit", "preview", winner, data)])
