"""Benchmarks against what a user would run instead, as a table of ratios.

    python tests/benchmarks/run.py                      # all, at full scale
    python tests/benchmarks/run.py csv coco --runs 5
    python tests/benchmarks/run.py --scale small --markdown

Each side runs as a whole process, start-up included, in turn with the other, so that what
else the machine does strikes both. Leaves with 1 if a floor is missed.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from dataclasses import dataclass, field
from pathlib import Path

from cases import CASES, Case, Command

SCALES = {"tiny": 1e-4, "small": 1e-2, "full": 1.0}
# OpenCV, without which supervision takes a slower way.
PEERS = ("pycocotools>=2.0.8", "supervision>=0.25", "opencv-python-headless>=4.10")
MB = 10**6


class CommandError(Exception):
    """A side left with an exit code other than 0."""


@dataclass
class Side:
    """What was measured of one side.

    Attributes:
        seconds: of the wall, of each run.
        core_seconds: of all cores together, of each run.
        peak_mb: of memory, the largest of all runs, in 10**6 bytes.
        counts: what it counted, by class; None where it tells nothing.
    """

    seconds: list[float] = field(default_factory=list)
    core_seconds: list[float] = field(default_factory=list)
    peak_mb: float = 0.0
    counts: dict[str, int] | None = None

    def __str__(self) -> str:
        """Least and median time, and the peak."""
        least, median = min(self.seconds), statistics.median(self.seconds)
        return f"{least:.2f} / {median:.2f} s, {self.peak_mb:,.0f} MB"


@dataclass(frozen=True)
class Outcome:
    """One line of the table."""

    case: Case
    ours: Side
    peer: Side | None

    @property
    def ratio(self) -> float | None:
        """Our least time over the peer's; that of all cores together where the floor is."""
        if self.peer is None:
            return None
        if self.case.floor.per_core:
            return min(self.ours.core_seconds) / min(self.peer.core_seconds)
        return min(self.ours.seconds) / min(self.peer.seconds)

    @property
    def problems(self) -> list[str]:
        """What speaks against it: a floor that is missed, or counts that differ."""
        floor, found = self.case.floor, []
        if floor.most_ratio is not None and (self.ratio or 0) > floor.most_ratio:
            found.append("too slow")
        if floor.most_mb is not None and self.ours.peak_mb > floor.most_mb:
            found.append("too much memory")
        if self.peer and self.peer.counts is not None and self.ours.counts != self.peer.counts:
            found.append("counts differ")
        return found

    def cells(self) -> tuple[str, ...]:
        """The line: what, our side, the peer's, ratio, floor and verdict."""
        floor = self.case.floor
        floors = [f"≤ {floor.most_ratio:.3g}"] if floor.most_ratio is not None else []
        floors += [f"< {floor.most_mb:,.0f} MB"] if floor.most_mb is not None else []
        verdict = ", ".join(self.problems) or "pass"
        if self.peer is None and floor.most_ratio is not None:
            verdict = f"{verdict}; {self.case.peer_name} is not installed (--peers)"
        return (
            self.case.name,
            self.case.what,
            str(self.ours),
            f"{self.case.peer_name}: {self.peer}" if self.peer else "none",
            "" if self.ratio is None else f"{self.ratio:.2f}",
            ", ".join(floors),
            verdict,
        )


HEADINGS = ("name", "what", "balancekit, least / median", "instead", "ratio", "floor", "verdict")


def main() -> int:
    """Run what was asked for; 1 if a floor is missed."""
    asked = parsed()
    names = asked.names or [case.name for case in CASES]
    with tempfile.TemporaryDirectory(prefix="balancekit-benchmarks-") as temporary:
        folder = Path(asked.data or temporary)
        data = folder / asked.scale
        data.mkdir(parents=True, exist_ok=True)
        python = environment_of_peers(folder, install=asked.peers)
        outcomes, n_failed = [], 0
        for case in (case for case in CASES if case.name in names):
            path = case.make(data, SCALES[asked.scale])
            try:
                outcomes.append(outcome_of(case, path, python, asked.runs))
            except CommandError as error:
                n_failed += 1
                print(f"{case.name}: {error}", file=sys.stderr)
                continue
            print(" · ".join(outcomes[-1].cells()), file=sys.stderr, flush=True)
    show([outcome.cells() for outcome in outcomes], markdown=asked.markdown)
    return int(n_failed > 0 or any(outcome.problems for outcome in outcomes))


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    known = [case.name for case in CASES]
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(known)}; or all")
    parser.add_argument("--scale", choices=SCALES, default="full")
    parser.add_argument("--runs", type=int, default=3, help="of each side (default: 3)")
    parser.add_argument("--data", help="folder that keeps the generated data for another run")
    parser.add_argument("--markdown", action="store_true", help="print the table as Markdown")
    parser.add_argument(
        "--peers", action="store_true", help=f"install {' and '.join(PEERS)} beside the data"
    )
    asked = parser.parse_args()
    if unknown := set(asked.names) - set(known):
        parser.error(f"expected names of {', '.join(known)}, got {', '.join(sorted(unknown))}")
    return asked


def environment_of_peers(folder: Path, *, install: bool) -> str:
    """The Python of an environment beside the data, if there is one, else our own.

    Theirs is another, so that what they need leaves ours as it is.
    """
    made = folder.absolute() / "peers" / "bin" / "python"
    if install and not made.exists():
        venv.create(made.parent.parent, with_pip=True)
    if install:
        subprocess.run([made, "-m", "pip", "install", "-q", *PEERS], check=True)
    return str(made) if made.exists() else sys.executable


def is_installed(library: str | None, python: str) -> bool:
    """Whether a Python can import a library."""
    if library is None:
        return True
    found = subprocess.run([python, "-c", f"import {library}"], capture_output=True, check=False)
    return found.returncode == 0


def outcome_of(case: Case, path: Path, python: str, n_runs: int) -> Outcome:
    """Both sides, measured in turn."""
    commands = [(case.ours(path), Side())]
    if is_installed(case.peer(path).library, python):
        commands.append((case.peer(path), Side()))
    for _ in range(n_runs):
        for command, side in commands:
            measure(command, side, python)
    sides = [side for _, side in commands]
    return Outcome(case, sides[0], sides[1] if len(sides) > 1 else None)


def measure(command: Command, side: Side, python: str) -> None:
    """Run a command once, and add what was measured to its side."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "analysis.json"
        arguments = [str(target) if a == "{json}" else a for a in command.arguments]
        if command.library is not None:
            arguments[0] = python
        said = Path(folder) / "said"
        with said.open("wb") as out, (Path(folder) / "errors").open("wb") as errors:
            began = time.perf_counter()
            process = subprocess.Popen(arguments, stdout=out, stderr=errors)
            _, status, usage = os.wait4(process.pid, 0)
            seconds = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            told = (Path(folder) / "errors").read_text()[-2000:]
            raise CommandError(f"{' '.join(arguments)}: exit code {process.returncode}: {told}")
        counts, told = counts_in(target, said)
    side.core_seconds.append(usage.ru_utime + usage.ru_stime)
    side.seconds.append(told if command.tells_seconds and told is not None else seconds)
    # Kilobytes of 1024, but bytes on macOS.
    unit = 1 if sys.platform == "darwin" else 1024
    side.peak_mb = max(side.peak_mb, usage.ru_maxrss * unit / MB)
    side.counts = counts


def counts_in(target: Path, said: Path) -> tuple[dict[str, int] | None, float | None]:
    """Counts of the classes that have any, from our JSON or a peer's; and the seconds told."""
    if target.exists():
        stats = json.loads(target.read_bytes())
        pairs = zip(stats["class_names"], stats["class_counts"], strict=True)
        return {name: n for name, n in pairs if n}, None
    text = said.read_text()
    if not text.startswith("{"):
        return None, None
    told = json.loads(text)
    return {name: n for name, n in told["counts"].items() if n}, told["seconds"]


def show(rows: list[tuple[str, ...]], *, markdown: bool) -> None:
    """The table on stdout."""
    if markdown:
        print("| " + " | ".join(HEADINGS) + " |")
        print("|" + "---|" * len(HEADINGS))
        for row in rows:
            print("| " + " | ".join(row) + " |")
        return
    width = shutil.get_terminal_size((160, 24)).columns
    from rich.console import Console
    from rich.table import Table

    table = Table(*HEADINGS)
    for row in rows:
        table.add_row(*row)
    Console(width=max(width, 100)).print(table)


if __name__ == "__main__":
    sys.exit(main())
