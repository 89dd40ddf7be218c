"""Two sides, measured in turn, as a line of a table."""

import importlib.util
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["HEADINGS", "Contender", "Floor", "Row", "Side", "compared", "measured"]

HEADINGS = ("name", "what", "balancekit", "instead", "ratio", "of CPU time", "floor", "verdict")


@dataclass(frozen=True)
class Contender:
    """One side of a comparison.

    Attributes:
        name: of what is measured.
        make: what is made first, timed by itself; None if nothing is.
        run: what is timed, given what was made.
        n_draws: indices that it yields; None if the time is not that of indices.
        library: that it needs beyond what balancekit needs.
    """

    name: str
    make: Callable[[], Any] | None
    run: Callable[[Any], object]
    n_draws: int | None = None
    library: str | None = None

    @property
    def is_installed(self) -> bool:
        """Whether it can run."""
        return self.library is None or importlib.util.find_spec(self.library) is not None


@dataclass(frozen=True)
class Floor:
    """What must hold: at most this ratio, our time over that of the other side."""

    most_ratio: float


@dataclass
class Side:
    """What was measured of one side: the least of all runs."""

    contender: Contender
    made_s: float = 0.0
    wall_s: list[float] = field(default_factory=list)
    core_s: list[float] = field(default_factory=list)

    @property
    def wall(self) -> float:
        """Seconds, of each index if it yields some."""
        return min(self.wall_s) / (self.contender.n_draws or 1)

    @property
    def core(self) -> float:
        """The same of all cores together."""
        return min(self.core_s) / (self.contender.n_draws or 1)

    def __str__(self) -> str:
        if self.contender.n_draws is None:
            return f"{self.wall * 1e3:.3g} ms" if self.wall < 1 else f"{self.wall:.2f} s"
        return f"{self.wall * 1e9:,.0f} ns an index, made in {self.made_s:.2f} s"


@dataclass(frozen=True)
class Row:
    """A line of the table."""

    name: str
    what: str
    ours: str
    instead: str = "none"
    ratios: tuple[str, str] = ("", "")
    floor: str = ""
    is_missed: bool = False
    remark: str = ""

    @classmethod
    def of(
        cls, name: str, what: str, ours: Side, other: Side, floor: Floor | None, *, beside: str = ""
    ) -> "Row":
        """Our side over another, which is in the table or `beside` in its place."""
        ratio, core_ratio = ours.wall / other.wall, ours.core / other.core
        return cls(
            name,
            what,
            str(ours),
            beside or f"{other.contender.name}: {other}",
            (fraction(ratio), fraction(core_ratio)),
            "" if floor is None else f"≤ {fraction(floor.most_ratio)}",
            floor is not None and ratio > floor.most_ratio,
        )

    def cells(self) -> tuple[str, ...]:
        """The line as it is printed."""
        verdict = "missed" if self.is_missed else "pass" if self.floor else self.remark
        return (self.name, self.what, self.ours, self.instead, *self.ratios, self.floor, verdict)


def fraction(ratio: float) -> str:
    """A ratio as one reads it: "1/12" of the other's time, or "1.3" of it."""
    return f"1/{1 / ratio:.3g}" if ratio <= 0.5 else f"{ratio:.3g}"


def compared(
    name: str, what: str, ours: Contender, other: Contender, floor: Floor | None, runs: int
) -> Row:
    """The row of two sides; without the other, if its library is not installed."""
    if not other.is_installed:
        (side,) = measured([ours], runs)
        return Row(name, what, str(side), remark=f"{other.name} is not installed (--peers)")
    side, beside = measured([ours, other], runs)
    return Row.of(name, what, side, beside, floor)


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
