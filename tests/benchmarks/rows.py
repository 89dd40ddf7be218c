"""What the benchmarks within one process share: sides that take turns, and the table."""

import importlib.util
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["Contender", "Side", "fraction", "install_peers", "measured", "print_table"]


@dataclass(frozen=True)
class Contender:
    """One side of a comparison.

    Attributes:
        name: of what is measured.
        make: what is made first, timed by itself; None if nothing is.
        run: what is timed, given what was made.
        n_parts: indices that it yields, or calls that it makes; None if the time is of all.
        library: that it needs beyond what balancekit needs.
    """

    name: str
    make: Callable[[], Any] | None
    run: Callable[[Any], object]
    n_parts: int | None = None
    library: str | None = None

    @property
    def is_installed(self) -> bool:
        """Whether it can run."""
        return self.library is None or importlib.util.find_spec(self.library) is not None


@dataclass
class Side:
    """What was measured of one side: the least of all runs."""

    contender: Contender
    made_s: float = 0.0
    wall_s: list[float] = field(default_factory=list)
    core_s: list[float] = field(default_factory=list)

    @property
    def wall(self) -> float:
        """Seconds, of each part if it has some."""
        return min(self.wall_s) / (self.contender.n_parts or 1)

    @property
    def core(self) -> float:
        """The same of all cores together."""
        return min(self.core_s) / (self.contender.n_parts or 1)


def measured(contenders: Sequence[Contender], runs: int) -> list[Side]:
    """Each side, made anew and measured in each run, in turn, so that load strikes all."""
    sides = [Side(contender) for contender in contenders]
    for run in range(runs):
        for side in sides:
            measure(side, is_first=run == 0)
    return sides


def measure(side: Side, *, is_first: bool) -> None:
    began = time.perf_counter()
    made = side.contender.make() if side.contender.make else None
    seconds = time.perf_counter() - began
    side.made_s = seconds if is_first else min(side.made_s, seconds)
    began, began_core = time.perf_counter(), time.process_time()
    side.contender.run(made)
    side.core_s.append(time.process_time() - began_core)
    side.wall_s.append(time.perf_counter() - began)


def fraction(ratio: float) -> str:
    """A ratio as one reads it: "1/12" of the other's time, or "1.3" of it."""
    return f"1/{1 / ratio:.3g}" if ratio <= 0.5 else f"{ratio:.3g}"


def install_peers(folder: Path, names: Iterable[str]) -> None:
    """Take the peers from a folder of their own; they are put there, if it does not exist."""
    if not folder.exists():
        options = ["--quiet", "--no-deps", "--target", str(folder)]
        command = [sys.executable, "-m", "pip", "install", *options, *names]
        subprocess.run(command, check=True)
    sys.path.append(str(folder))


def print_table(headings: Sequence[str], rows: Sequence[Sequence[str]], *, markdown: bool) -> None:
    """The table on stdout."""
    if markdown:
        for cells in (headings, ("---",) * len(headings), *rows):
            print("| " + " | ".join(cells) + " |")
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(*headings)
    for row in rows:
        table.add_row(*row)
    Console(width=max(shutil.get_terminal_size((160, 24)).columns, 100)).print(table)
