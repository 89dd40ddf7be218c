"""The contest: every candidate under every seed, in the time that there is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import msgspec
import numpy as np

from balancekit.comparison.candidates import Candidate, train_alike
from balancekit.comparison.differences import Gain, difference_of
from balancekit.comparison.kept import Decided, Kept, Outcome
from balancekit.comparison.results import Arm, Measured, Run
from balancekit.comparison.timing import Schedule, Speed, Stopwatch, schedule_of
from balancekit.comparison.trial import Dropped, Watch
from balancekit.errors import BalancekitError

__all__ = ["Contest", "Progress", "Runner"]

Progress = Callable[[float, str], object]
"""Told the share of the work that is done, and what is being done."""

WARM_STEPS, FEWEST_STEPS, MOST_STEPS = 4, 16, 400
"""Of measuring a plan's speed: steps before it settles, and at least and at most after."""

PROBE_SHARE, MOST_PROBE_S = 0.15, 1.0
"""Of the budget that measuring may take, and seconds that it takes of a plan at most."""

HOPELESS, FAR = 0.99, 0.02
"""What is given up: surely behind, and by so much."""


class Runner(Protocol):
    """Trains and tests one candidate under one seed."""

    def __call__(self, candidate: Candidate, seed: int, n_steps: int, watch: Watch) -> Run:
        """The run, or an error of whatever failed."""


@dataclass(eq=False, kw_only=True)
class Contest:
    """Runs candidates and keeps what comes of them.

    Attributes:
        candidates: the baseline and the recommended plan among them.
        runner: trains and tests one.
        kept: finished runs, of an earlier call too.
        stopwatch: how much time is left.
        n_seeds: wanted.
        most_steps: wanted, of each run.
        n_batches: of an epoch.
        higher_is_better: of the objective.
        floor: standard error of the objective that the inner part leaves at least.
        drops: whether hopeless candidates are given up; for objectives that are shares.
        on_step: told the loss of every step.
        on_progress: told how far the work is.
    """

    candidates: Sequence[Candidate]
    runner: Runner
    kept: Kept
    stopwatch: Stopwatch
    n_seeds: int
    most_steps: int
    n_batches: int
    higher_is_better: bool = True
    floor: float = 0.0
    drops: bool = True
    on_step: Callable[[float], object] | None = None
    on_progress: Progress | None = None
    failures: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    n_steps: int = 0
    interrupted: bool = False
    _speeds: dict[str, Speed] = field(default_factory=dict)
    _spare_s: float = 0.0

    def run(self) -> None:
        """All runs; Ctrl-C ends them, and leaves what is finished."""
        try:
            decided = self.kept.decided or self._decide()
            self.n_steps = decided.n_steps
            self._note_kept_steps()
            self._rounds(decided)
            self._note_left_out()
        except KeyboardInterrupt:
            self.interrupted = True

    def arms(self) -> tuple[Arm, ...]:
        """What came of each candidate, in order."""
        return tuple(self._arm(candidate) for candidate in self.candidates)

    def _trained(self) -> list[Candidate]:
        """The candidates that are trained: of those that train alike one."""
        return [one for one in self.candidates if self._first_like(one) is one]

    def _first_like(self, candidate: Candidate) -> Candidate:
        """The one that is trained for all that train like a candidate, often itself."""
        alike = [one for one in self.candidates if train_alike(one.plan, candidate.plan)]
        # One that is never given up, if there is one among them.
        return min(alike, key=lambda one: not one.stays)

    def _note_left_out(self) -> None:
        arms = self.arms()
        names = [a.name for a in arms if not a.runs and not a.failure and a.dropped_at is None]
        if names:
            self.notes.append(f"no time for every plan, so these were left out: {', '.join(names)}")

    def _note_kept_steps(self) -> None:
        first = self.kept.first
        if first is None or first.budget_s in (None, self.stopwatch.budget_s):
            return
        if self.kept.outcomes and self.n_steps < self.most_steps:
            self.notes.append(
                f"every run has the {self.n_steps:,} steps for which the first budget, "
                f"{first.budget_s:g} s, had room: another one is for more or fewer runs alone. "
                "fresh=True (--fresh) begins anew, and trains as long as the budget allows"
            )

    def _arm(self, candidate: Candidate) -> Arm:
        trained = self._first_like(candidate).name
        outcomes = [one for one in self.kept.outcomes if one.arm == trained]
        dropped = next((one for one in outcomes if one.dropped_at is not None), None)
        return Arm(
            name=candidate.name,
            role=candidate.role,
            plan=candidate.plan,
            runs=tuple(one.run for one in outcomes if one.run is not None),
            failure=self.failures.get(trained, ""),
            dropped_at=None if dropped is None else dropped.dropped_at,
            why_dropped="" if dropped is None else dropped.why,
            same_as="" if trained == candidate.name else trained,
        )

    # --- how much -----------------------------------------------------------------------

    def _decide(self) -> Decided:
        """Steps and seeds; measured, where there is a budget."""
        if self.stopwatch.budget_s is None:
            decided = Decided(n_steps=self.most_steps, n_seeds=self.n_seeds)
        else:
            self._measure(self.stopwatch.budget_s)
            alive = [one for one in self._trained() if one.name not in self.failures]
            # Those that are held against come first, as the last are left out first.
            alive.sort(key=lambda one: not one.stays)
            schedule = self._schedule(alive)
            left_out = tuple(one.name for one in alive[schedule.n_plans :])
            decided = Decided(n_steps=schedule.n_steps, n_seeds=schedule.n_seeds, left_out=left_out)
        self.kept.decide(decided)
        return decided

    def _schedule(self, alive: Sequence[Candidate]) -> Schedule:
        speeds = [self._speeds[one.name] for one in alive]
        if not speeds:
            return Schedule(1, 1, 0, is_short=True)
        left = self.stopwatch.left()
        schedule = schedule_of(left, speeds, self.n_seeds, self.most_steps, self.n_batches)
        if schedule.n_seeds < self.n_seeds:
            self.notes.append(f"no time for {self.n_seeds} seeds: {schedule.n_seeds} run")
        expected = schedule.n_seeds * sum(
            speed.run_s(schedule.n_steps) for speed in speeds[: schedule.n_plans]
        )
        if not self.stopwatch.has_room_for(expected):
            self.notes.append(
                f"the budget is too small for these data: the least that tells anything takes "
                f"about {self.stopwatch.elapsed() + expected:.0f} s"
            )
        return schedule

    def _measure(self, budget_s: float) -> None:
        """Train a few steps of each candidate, the first twice: libraries load in between."""
        trained = self._trained()
        for number, candidate in enumerate((trained[0], *trained)):
            if candidate.name in self.failures:
                continue
            measured = [self._speeds[name] for name in self._speeds]
            if len(measured) > 1 and self.stopwatch.elapsed() > PROBE_SHARE * budget_s:
                slowest = max(measured, key=lambda speed: speed.run_s(self.most_steps))
                self._speeds[candidate.name] = slowest
                continue
            self._tell(0.0, f"measuring {candidate.name}")
            most_s = min(MOST_PROBE_S, PROBE_SHARE * budget_s / (2 + len(trained)))
            probe = _Probe(self.stopwatch, most_s)
            n_steps = min(MOST_STEPS, self.most_steps) if number else WARM_STEPS
            began = self.stopwatch.elapsed()
            if self._try(candidate, 0, n_steps, probe) is not None:
                took = self.stopwatch.elapsed() - began
                self._speeds[candidate.name] = probe.speed(took)

    # --- runs ---------------------------------------------------------------------------

    def _rounds(self, decided: Decided) -> None:
        """A seed after the other, all candidates in each."""
        seed, n_seeds = 0, decided.n_seeds
        while seed < n_seeds:
            for candidate in self._alive(decided):
                if not self._run(candidate, seed, n_seeds):
                    self.notes.append(f"time was over before all of seed {seed + 1} had run")
                    return
            seed += 1
            if seed == decided.n_seeds and not decided.is_over:
                decided = self._catch_up(decided)
            most = max(2 * decided.n_seeds, self.n_seeds)
            may_add = seed == n_seeds < most and not decided.is_over
            if may_add and self._can_afford(decided, is_wanted=n_seeds < self.n_seeds):
                n_seeds += 1
        self.kept.decide(msgspec.structs.replace(decided, n_seeds=n_seeds, is_over=True))

    def _catch_up(self, decided: Decided) -> Decided:
        """Run plans that were left out in the time left over, and say which still are.

        One for which there is no time under every seed stays among those left out, so that
        more seeds are for the others.
        """
        left_out, spare_s, began = list(decided.left_out), self._spare_s, self.stopwatch.elapsed()
        for candidate in [one for one in self._trained() if one.name in left_out]:
            for seed in range(decided.n_seeds):
                is_kept = self.kept.of(candidate.name, seed) is not None
                if not is_kept and self._expected(candidate) > self.stopwatch.left():
                    break
                self._run(candidate, seed, decided.n_seeds)
                if candidate in self._gone():
                    left_out.remove(candidate.name)
                    break
            else:
                left_out.remove(candidate.name)
        self._spare_s = spare_s - (self.stopwatch.elapsed() - began)
        caught_up = msgspec.structs.replace(decided, left_out=tuple(left_out))
        self.kept.decide(caught_up)
        return caught_up

    def _gone(self) -> list[Candidate]:
        """Those that failed or were given up."""
        gone = {one.arm for one in self.kept.outcomes if one.dropped_at is not None}
        return [one for one in self._trained() if one.name in gone | self.failures.keys()]

    def _alive(self, decided: Decided) -> list[Candidate]:
        gone = self._gone()
        return [
            one for one in self._trained() if one not in gone and one.name not in decided.left_out
        ]

    def _can_afford(self, decided: Decided, *, is_wanted: bool) -> bool:
        """Whether there is time for one more seed of the others.

        What was saved by giving up pays for it; what is left of the budget too, where the seed
        was asked for, or the budget was made larger.
        """
        needed = sum(self._expected(one) for one in self._alive(decided))
        has_budget = self.stopwatch.budget_s is not None
        # Where steps were cut to fit, what is left over was meant to be used.
        is_short = has_budget and (self.n_steps < self.most_steps or self.kept.has_more)
        spare = max(self._spare_s, self.stopwatch.left() if is_short or is_wanted else 0.0)
        if not needed or min(spare, self.stopwatch.left()) < needed:
            return False
        self._spare_s -= needed
        return True

    def _expected(self, candidate: Candidate) -> float:
        """Seconds of a run, by those before it or else as measured."""
        own = [one.seconds for one in self.kept.outcomes if one.arm == candidate.name and one.run]
        if own:
            return float(np.mean(own))
        if speed := self._speeds.get(candidate.name):
            return speed.run_s(self.n_steps)
        # Gone on with: as long as the runs of the others.
        others = [one.seconds for one in self.kept.outcomes if one.run]
        return float(np.mean(others)) if others else 0.0

    def _run(self, candidate: Candidate, seed: int, n_seeds: int) -> bool:
        """One run, unless it is kept already; False if there is no time for it."""
        if self.kept.of(candidate.name, seed) is not None:
            return True
        expected = self._expected(candidate)
        must = candidate.stays and seed == 0
        if not must and not self.stopwatch.has_room_for(expected):
            return False
        share = len(self.kept.outcomes) / (n_seeds * len(self._trained()))
        self._tell(min(share, 1.0), f"{candidate.name}, seed {seed + 1} of {n_seeds}")
        began = self.stopwatch.elapsed()
        watch = _Judging(self, candidate, seed)
        try:
            run = self._try(candidate, seed, self.n_steps, watch)
        except Dropped as dropped:
            took = self.stopwatch.elapsed() - began
            # Nor will it take part under the seeds that are left.
            self._spare_s += max(0.0, expected * (n_seeds - seed) - took)
            self.kept.add(
                Outcome(
                    arm=candidate.name,
                    seed=seed,
                    seconds=took,
                    dropped_at=dropped.share,
                    why=dropped.why,
                )
            )
            return True
        if run is not None:
            took = self.stopwatch.elapsed() - began
            self.kept.add(Outcome(arm=candidate.name, seed=seed, seconds=took, run=run))
        return True

    def _try(self, candidate: Candidate, seed: int, n_steps: int, watch: Watch) -> Run | None:
        """A run, or None and why it failed: one that fails does not end the others."""
        try:
            return self.runner(candidate, seed, n_steps, watch)
        except Dropped:
            raise
        except Exception as error:  # whatever a model, a data set or a library raises
            self.failures[candidate.name] = failure_text(error)
            return None

    def why_drop(self, candidate: Candidate, seed: int, rung: Measured) -> str:
        """Words, if a candidate is behind the leader at a rung by more than the noise."""
        if candidate.stays or not self.drops:
            return ""
        mine = self._at(candidate.name, rung.share)
        mine[seed] = rung
        leader, best = "", None
        for other in self.candidates:
            theirs = self._at(other.name, rung.share)
            if other is not candidate and seed in theirs:
                gain = self._gain(theirs)
                if best is None or gain.values[seed] > best.values[seed]:
                    leader, best = other.name, gain
        if best is None:
            return ""
        behind = difference_of(self._gain(mine), best, HOPELESS)
        if behind.high >= 0 or -behind.mean < FAR:
            return ""
        by = f"{-100 * behind.mean:.3g} ± {100 * behind.half_width:.2g}"
        return f"behind {leader} by {by} points, on the part for choices"

    def _at(self, name: str, share: float) -> dict[int, Measured]:
        runs = [one.run for one in self.kept.outcomes if one.arm == name and one.run is not None]
        return {run.seed: rung for run in runs for rung in run.rungs if rung.share == share}

    def _gain(self, rungs: dict[int, Measured]) -> Gain:
        sign = 1 if self.higher_is_better else -1
        return Gain(
            values={seed: sign * rung.value for seed, rung in rungs.items()},
            resampled={seed: sign * np.array(rung.resampled) for seed, rung in rungs.items()},
            floor=self.floor,
        )

    def _tell(self, share: float, what: str) -> None:
        if self.on_progress is not None:
            self.on_progress(share, what)


class _Judging:
    """Looks on while a candidate trains."""

    def __init__(self, contest: Contest, candidate: Candidate, seed: int) -> None:
        self._contest, self._candidate, self._seed = contest, candidate, seed

    def step(self, loss: float) -> bool:
        if self._contest.on_step is not None:
            self._contest.on_step(loss)
        return False

    def why_drop(self, rung: Measured) -> str:
        return self._contest.why_drop(self._candidate, self._seed, rung)


class _Probe:
    """Measures steps, and ends them when enough are measured."""

    def __init__(self, stopwatch: Stopwatch, most_s: float) -> None:
        self._stopwatch, self._ends = stopwatch, stopwatch.elapsed() + most_s
        self._last = self._ends + most_s
        self._times: list[float] = []

    def step(self, loss: float) -> bool:
        self._times.append(self._stopwatch.elapsed())
        n_measured = len(self._times) - WARM_STEPS
        # A step that takes long is measured well by few.
        is_late = self._times[-1] > self._ends
        is_enough = n_measured >= FEWEST_STEPS or self._times[-1] > self._last
        # From one alone nothing tells its time from that of building and testing.
        return is_late and is_enough and len(self._times) > 1

    def why_drop(self, rung: Measured) -> str:
        return ""

    def speed(self, took_s: float) -> Speed:
        """The speed, of a run that took so many seconds in all."""
        times = self._times[min(WARM_STEPS, max(0, len(self._times) - 2)) :] or [0.0]
        step_s = (times[-1] - times[0]) / max(1, len(times) - 1)
        if len(times) < 2:  # so few steps that all of it is taken for them
            return Speed(took_s / max(1, len(self._times)), took_s)
        return Speed(step_s, max(0.0, took_s - step_s * len(self._times)))


def failure_text(error: BaseException) -> str:
    """What an error says, and what kind it is where it is none of ours."""
    said = str(error).strip().split("\n")[0]
    if isinstance(error, BalancekitError):
        return str(error).strip()
    return f"{type(error).__name__}: {said}" if said else type(error).__name__
