"""`balancekit resample`."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Group, Parameter

from balancekit.cli.options import Data, JsonTarget, Reading
from balancekit.cli.output import (
    check_target,
    output_console,
    progress_bar,
    shell_command,
    tell,
    write_json,
)
from balancekit.cli.strategies import StrategyName, StrategyOptions
from balancekit.errors import OptionError
from balancekit.materialize import INDEX_SUFFIXES, FileKind

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from balancekit.cli.resampled import Resampled
    from balancekit.labels import Labels
    from balancekit.materialize import Tree

__all__ = ["resample"]

OUT = Group("What to write, and how to leave", sort_key=13)

Output = Annotated[
    str | None,
    Parameter(
        alias="-o",
        group=OUT,
        metavar="FILE|DIR",
        help="Write the indices to FILE, whose name ends in .npy, or in .csv or .parquet for "
        "rows of index, sample_id and class; or write the files themselves as DIR/class/name. "
        "An interrupted DIR goes on when it is started again.",
    ),
]
Files = Annotated[
    FileKind | None,
    Parameter(
        group=OUT,
        help="How files come into DIR: hard links if not given, which take no room and are "
        "symbolic where the data lie on another file system.",
    ),
]
Seed = Annotated[int, Parameter(help="Seed of the draws; the same gives the same.")]
Strict = Annotated[
    bool,
    Parameter(
        group=OUT,
        negative="",
        show_default=False,
        help="Leave with exit code 3 if files could not be read and were left out of DIR.",
    ),
]

OTHER_FILES = (".json", ".jsonl", ".npz", ".pickle", ".pkl", ".toml", ".tsv", ".txt", ".xlsx")
MOST_TOLD = 5
"""Skipped files that a warning names; all are in the JSON."""


def resample(
    data: Data,
    /,
    *,
    strategy: Annotated[StrategyName, Parameter(help="How to choose the draws of each class.")],
    of_strategy: StrategyOptions = StrategyOptions(),  # noqa: B008 - frozen
    seed: Seed = 0,
    output: Output = None,
    files: Files = None,
    json: Annotated[JsonTarget, Parameter(group=OUT)] = None,
    strict: Strict = False,
    reading: Reading = Reading(),  # noqa: B008 - frozen
) -> int:
    """A resampled data set: how many draws each class has, their indices, or a tree of files."""
    import msgspec

    from balancekit import flow
    from balancekit.cli.resampled import resampled_counts
    from balancekit.cli.use_indices import lines_of_use
    from balancekit.sources import ReadOptions, open_source

    chosen = of_strategy.strategy(strategy)
    is_tree = _is_tree(output, data, files)
    check_target("--json", json)
    _refuse_unwritable(output)
    options = reading.arguments()
    task, of_format = options["task"], options["format"]
    others = {name: value for name, value in options.items() if name not in ("task", "format")}
    known = ReadOptions(task=None if task == "auto" else task, **others)
    source = open_source(data, known, format=of_format)
    labels = source.read_labels()
    if is_tree and output is not None:
        from balancekit.materialize import check_tree

        check_tree(labels, output)
    indices = flow.resample(labels, chosen, seed=seed)
    told = resampled_counts(labels, indices, chosen, seed)
    if output is not None:
        kind = files or "hard-links" if is_tree else None
        told = _written(told, labels, indices, output, kind)
    if json is not None:
        write_json(msgspec.json.format(msgspec.json.encode(told), indent=2), json)
    if json != "-":
        again = {"strategy": strategy, **of_strategy.given(), **reading.options()}
        again["seed"] = str(seed) if seed else None
        use = None
        if told.output is not None and not is_tree:
            use = lines_of_use(source, labels, told.output, data, options)
        _show(told, labels, shell_command("balancekit", "resample", data, **again), use)
    return _leave(told, strict=strict)


def _is_tree(output: str | None, data: str, files: str | None) -> bool:
    """Whether a tree is asked for, and not a list of indices.

    Raises:
        OptionError: the output cannot be written, or the options contradict it.
    """
    if output is None or (Path(output).suffix.lower() in INDEX_SUFFIXES and output[-1:] != "/"):
        check_target("-o", output)
        if files is not None:
            got = f"-o {output}" if output else "no -o"
            raise OptionError(f"--files: expected with a folder, -o DIR, got {got}. Leave it out.")
        return False
    if not output:
        raise OptionError("-o: expected a file or folder, got an empty name")
    if Path(output).suffix.lower() in OTHER_FILES and output[-1:] != "/":
        raise OptionError(
            f"-o {output}: expected a name that ends in {', '.join(INDEX_SUFFIXES)} for indices, "
            f"or a folder, got {Path(output).suffix}. For a folder of this name, add a /."
        )
    if Path(data).is_dir() and Path(output).resolve().is_relative_to(Path(data).resolve()):
        raise OptionError(
            f"-o {output}: expected a folder outside of the data, got one within {data}, where it "
            "would be read as a part of them. Name one beside."
        )
    return True


def _refuse_unwritable(output: str | None) -> None:
    """Refuse an output in a folder that takes no files, before the work and not after it.

    Raises:
        OptionError: nothing can be written there.
    """
    if output is None or Path(output).exists():
        return
    folder = Path(output).resolve().parent
    if not folder.is_dir():  # told with what to do, where the kind of the output is known
        return
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OptionError(
            f"-o {output}: expected a folder that can be written to, got {folder} "
            f"({error.strerror}). Name another."
        ) from None


def _written(
    told: "Resampled",
    labels: "Labels",
    indices: "NDArray[np.int64]",
    output: str,
    files: FileKind | None,
) -> "Resampled":
    """Write the tree, or without a kind of files the indices, and tell of it."""
    import msgspec

    if files is None:
        from balancekit.materialize import write_indices

        write_indices(labels, indices, output)
        return msgspec.structs.replace(told, output=output)
    tree = _tree(told, labels, indices, output, files)
    return msgspec.structs.replace(
        told,
        output=output,
        n_files=tree.n_files,
        n_files_found=tree.n_found,
        n_linked_otherwise=tree.n_linked_otherwise,
        skipped=tree.skipped,
    )


def _tree(
    told: "Resampled",
    labels: "Labels",
    indices: "NDArray[np.int64]",
    output: str,
    files: FileKind,
) -> "Tree":
    from balancekit.cli.resampled import strategy_text
    from balancekit.materialize import write_tree

    what = f"{strategy_text(told.strategy)}, seed {told.seed}, {files}"
    with progress_bar() as progress:
        line = progress.add_task(files.replace("-", " "), total=len(indices))
        return write_tree(
            labels,
            indices,
            output,
            files=files,
            what=what,
            on_progress=lambda n_more: progress.update(line, advance=n_more),
        )


def _show(told: "Resampled", labels: "Labels", again: str, use: list[str] | None) -> None:
    from balancekit.cli.resampled import show_resampled
    from balancekit.report.terminal.layout import say_verbatim

    console = output_console()
    show_resampled(told, console)
    title, lines = _following(told, labels, again, use)
    console.print(f"\n{title}")
    say_verbatim(console, lines)


def _following(
    told: "Resampled", labels: "Labels", again: str, use: list[str] | None
) -> tuple[str, list[str]]:
    """What to do next, and the lines for it."""
    if told.output is None:
        from balancekit.materialize import can_be_tree

        lines = [f"{again} -o indices.npy"]
        if not can_be_tree(labels):
            return "Next, to write the indices:", lines
        return "Next, to write the indices, or a tree of files:", [*lines, f"{again} -o balanced/"]
    if use is None:
        return "Next:", [shell_command("balancekit", "analyze", told.output)]
    return "In your code:", use


def _leave(told: "Resampled", *, strict: bool) -> int:
    """The exit code; what was skipped is told."""
    if not told.skipped:
        return 0
    n_skipped = len(told.skipped)
    listed = "; ".join(told.skipped[:MOST_TOLD])
    more = f"; and {n_skipped - MOST_TOLD:,} more" if n_skipped > MOST_TOLD else ""
    which = (
        "file that could not be read is" if n_skipped == 1 else "files that could not be read are"
    )
    lead = "--strict" if strict else "warning"
    tell(f"{lead}: {n_skipped:,} {which} left out: {listed}{more}")
    return 3 if strict else 0
