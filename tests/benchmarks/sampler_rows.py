"""Two sides, measured in turn, as a line of the samplers' table."""

from dataclasses import dataclass

from rows import Contender, Side, fraction, measured

__all__ = ["HEADINGS", "Floor", "Row", "compared", "told"]

HEADINGS = ("name", "what", "balancekit", "instead", "ratio", "of CPU time", "floor", "verdict")


@dataclass(frozen=True)
class Floor:
    """What must hold: at most this ratio, our time over that of the other side."""

    most_ratio: float


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
            told(ours),
            beside or f"{other.contender.name}: {told(other)}",
            (fraction(ratio), fraction(core_ratio)),
            "" if floor is None else f"≤ {fraction(floor.most_ratio)}",
            floor is not None and ratio > floor.most_ratio,
        )

    def cells(self) -> tuple[str, ...]:
        """The line as it is printed."""
        verdict = "missed" if self.is_missed else "pass" if self.floor else self.remark
        return (self.name, self.what, self.ours, self.instead, *self.ratios, self.floor, verdict)


def compared(
    name: str, what: str, ours: Contender, other: Contender, floor: Floor | None, runs: int
) -> Row:
    """The row of two sides; without the other, if its library is not installed."""
    if not other.is_installed:
        (side,) = measured([ours], runs)
        return Row(name, what, told(side), remark=f"{other.name} is not installed (--peers)")
    side, beside = measured([ours, other], runs)
    return Row.of(name, what, side, beside, floor)


def told(side: Side) -> str:
    """The time of one side, of an index if it yields some."""
    if side.contender.n_parts is None:
        return f"{side.wall * 1e3:.3g} ms" if side.wall < 1 else f"{side.wall:.2f} s"
    return f"{side.wall * 1e9:,.0f} ns an index, made in {side.made_s:.2f} s"
