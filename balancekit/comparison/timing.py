"""What fits into a budget: how long runs take, and how many steps and seeds that leaves."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

__all__ = ["Schedule", "Speed", "Stopwatch", "schedule_of"]

LEAST_STEPS = 50
"""Fewer teach a network nothing that could be compared."""

ENOUGH = 4
"""A quarter of the steps that are wanted is enough to tell plans apart."""

USED = 0.92
"""Of the time that is left: what is planned for, as later steps may be slower than measured."""

OVER = 1.1
"""A run starts only if it is expected to end before so many times the budget."""


class Stopwatch:
    """Seconds since the start, and whether there is time for more.

    Args:
        budget_s: seconds that all may take; None for no end.
        clock: tells the time in seconds.
        used_s: seconds that an earlier call has used of it.
    """

    def __init__(
        self, budget_s: float | None, clock: Callable[[], float], used_s: float = 0.0
    ) -> None:
        self.budget_s, self._clock, self._began = budget_s, clock, clock() - used_s

    def elapsed(self) -> float:
        """Seconds since the start."""
        return self._clock() - self._began

    def left(self) -> float:
        """Seconds of the budget that are left; infinity without one."""
        return float("inf") if self.budget_s is None else self.budget_s - self.elapsed()

    def has_room_for(self, seconds: float) -> bool:
        """Whether something of so many seconds still fits, within a tenth of the budget."""
        if self.budget_s is None:
            return True
        return self.elapsed() + seconds <= OVER * self.budget_s


@dataclass(frozen=True)
class Speed:
    """How long a plan takes.

    Attributes:
        step_s: seconds of a step.
        rest_s: seconds of a run beside its steps: building, testing, judging.
    """

    step_s: float
    rest_s: float

    def run_s(self, n_steps: int) -> float:
        """Seconds of a run."""
        return self.rest_s + n_steps * self.step_s


@dataclass(frozen=True)
class Schedule:
    """What will be run.

    Attributes:
        n_steps: of every run.
        n_seeds: of every plan.
        n_plans: plans that take part, the first ones.
        is_short: whether there are fewer steps, seeds or plans than were wanted.
    """

    n_steps: int
    n_seeds: int
    n_plans: int
    is_short: bool


def schedule_of(
    left_s: float, speeds: Sequence[Speed], n_seeds: int, most_steps: int, n_batches: int
) -> Schedule:
    """Steps, seeds and plans that fit into a time.

    Steps come first: as many as are wanted, or fit, in whole epochs from one epoch on. Where
    not even a quarter of those wanted fits, plans are left out, the last ones first: half-trained
    models tell little. Where that is not enough, seeds are left out too, down to one.

    Args:
        left_s: seconds.
        speeds: of the plans, those that are never left out first: two of them.
        n_seeds: that are wanted.
        most_steps: that are wanted.
        n_batches: of an epoch.

    >>> schedule_of(100, [Speed(0.01, 1.0)] * 4, 3, 5000, 100)
    Schedule(n_steps=1400, n_seeds=3, n_plans=2, is_short=True)
    """
    least, fewest = min(LEAST_STEPS, most_steps), min(2, len(speeds))
    enough = max(least, most_steps // ENOUGH)
    wishes = [(n_seeds, n, enough) for n in range(len(speeds), fewest - 1, -1)]
    wishes += [(n_seeds, fewest, least)]
    wishes += [(n, fewest, least) for n in range(n_seeds - 1, 0, -1)]
    for seeds, n_plans, wanted in wishes:
        fitting = _steps(USED * left_s / seeds, speeds[:n_plans])
        if fitting >= wanted:
            n_steps = min(most_steps, fitting)
            if n_steps > n_batches:
                n_steps -= n_steps % n_batches
            is_whole = (seeds, n_plans, n_steps) == (n_seeds, len(speeds), most_steps)
            return Schedule(n_steps, seeds, n_plans, not is_whole)
    return Schedule(least, 1, fewest, True)


def _steps(round_s: float, speeds: Sequence[Speed]) -> int:
    """Steps of each plan, if one run of each is to take so many seconds together."""
    for_steps = round_s - sum(speed.rest_s for speed in speeds)
    return max(0, int(for_steps / max(1e-9, sum(speed.step_s for speed in speeds))))
