"""What came of one data set: every plan trained on the same splits, and the paired differences."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from zlib import crc32

import msgspec
import numpy as np
from recommend_sets import DataSet
from recommend_strategies import BASELINE, RECOMMENDED, plans_for

from balancekit.analysis import stats_from_counts
from balancekit.comparison import Comparison, Difference, compare
from balancekit.plan import Plan
from balancekit.recommender import decide
from balancekit.recommender.objectives import OBJECTIVES
from balancekit.stats import Counts, Stats

__all__ = ["Kept", "Outcome", "Trial"]


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One plan on one data set, as a line of JSON.

    Attributes:
        asked: of all that must be the same for it to be used again.
        found: the comparison of this one plan.
    """

    set: str
    plan: str
    asked: int
    found: Comparison


class Kept:
    """Entries by what was asked, in memory and in a file of JSON lines.

    Args:
        path: of the file; nowhere if None.
        on_problem: told in words of lines that cannot be read, which are left out.
    """

    def __init__(self, path: Path | None, on_problem: Callable[[str], object]) -> None:
        self.path = path
        self._found: dict[tuple[str, int], Comparison] = {}
        lines = path.read_bytes().splitlines() if path is not None and path.exists() else []
        for number, line in enumerate(lines, 1):
            try:
                entry = msgspec.json.decode(line, type=Entry)
            except msgspec.DecodeError:  # cut off, or of another version
                on_problem(f"{path}: line {number} cannot be read, and is left out")
                continue
            self._found[entry.set, entry.asked] = entry.found

    def get(self, name: str, asked: int) -> Comparison | None:
        """What was kept of a data set, if just this was."""
        return self._found.get((name, asked))

    def put(self, entry: Entry) -> None:
        """Keep an entry at once."""
        self._found[entry.set, entry.asked] = entry.found
        if self.path is not None:
            with self.path.open("ab") as file:
                file.write(msgspec.json.encode(entry) + b"\n")


@dataclass(frozen=True)
class Trial:
    """One data set, to be tried.

    Attributes:
        data_set: which.
        asked_objective: that plans are made for, and judged by; the task's own if None.
        seeds: splits, and starts of each plan.
        epochs: of every plan; as many as usual if None.
    """

    data_set: DataSet
    asked_objective: str | None
    seeds: int
    epochs: int | None

    @cached_property
    def dataset(self) -> Any:
        """The data."""
        return self.data_set.load()

    @cached_property
    def stats(self) -> Stats:
        """What is known of them."""
        labels = self.dataset.labels
        counts = Counts.from_labels(labels)
        return stats_from_counts(counts, self.data_set.name, labels.class_names)

    @cached_property
    def objective(self) -> str:
        """What plans are made for, and judged by."""
        return self.asked_objective or OBJECTIVES[self.stats.task][0]

    @cached_property
    def plans(self) -> dict[str, Plan]:
        """What is compared."""
        return plans_for(self.stats, self.objective, self.dataset.kind)

    def asked(self, plan: Plan) -> int:
        """Another number for other choices, seeds or epochs; words of a plan may change."""
        # `compare` takes its own batch size for all.
        bare = msgspec.structs.replace(plan, reasons=(), warnings=(), metrics=(), batch_size=None)
        choices = msgspec.json.encode(bare, order="deterministic")
        return crc32(choices + repr((self.objective, self.seeds, self.epochs)).encode())

    def parts(self, kept: Kept, has_time: Callable[[], bool]) -> Iterator[Comparison | None]:
        """The comparison of each plan by itself; None where there was no time for it."""
        for name, plan in self.plans.items():
            asked = self.asked(plan)
            found = kept.get(self.data_set.name, asked)
            if found is None and has_time():
                found = compare(
                    self.dataset,
                    {name: plan},
                    seeds=self.seeds,
                    objective=self.objective,
                    epochs=self.epochs,
                )
                kept.put(Entry(set=self.data_set.name, plan=name, asked=asked, found=found))
            if found is not None:  # two plans may be alike: each has its own name
                arm = msgspec.structs.replace(found.arms[0], name=name)
                found = msgspec.structs.replace(found, arms=(arm,))
            yield found

    def outcome(self, kept: Kept, has_time: Callable[[], bool]) -> "Outcome | None":
        """All plans side by side; None if there was no time for them all."""
        parts = list(self.parts(kept, has_time))
        whole = [part for part in parts if part is not None]
        if len(whole) < len(parts):
            return None
        arms = tuple(arm for part in whole for arm in part.arms)
        return Outcome(
            name=self.data_set.name,
            origin=self.data_set.origin,
            stats=self.stats,
            rule=decide(self.stats, self.objective).rule.name,
            found=msgspec.structs.replace(whole[0], arms=arms),
        )


@dataclass(frozen=True)
class Outcome:
    """The results of one data set.

    Attributes:
        name: of the set.
        origin: "given" or "generated".
        stats: of it.
        rule: of the recommendation.
        found: all plans side by side.
    """

    name: str
    origin: str
    stats: Stats
    rule: str
    found: Comparison

    @property
    def counts(self) -> list[int]:
        """Samples of each class that has some."""
        return [count for count in self.stats.class_counts if count]

    @cached_property
    def values(self) -> dict[str, list[float]]:
        """Points of each plan by seed, as the objective has them."""
        return {
            arm.name: [self.points * run.test.value for run in arm.runs if run.test is not None]
            for arm in self.found.tested()
        }

    @property
    def others(self) -> list[str]:
        """Plain training and the fixed strategies, those that could be trained."""
        return [name for name in self.values if name != RECOMMENDED]

    @property
    def points(self) -> float:
        """What makes points: hundredths; of errors of numbers, those of plain training's."""
        is_error = self.found.objective == "mae_by_shot"
        return 100 / self.found.arm(BASELINE).mean() if is_error else 100.0

    def over(self, name: str) -> Difference:
        """How much better the recommended plan is than another, in points."""
        found = self.found.difference(RECOMMENDED, name)
        return Difference(found.mean * self.points, found.half_width * self.points, found.n_seeds)

    @property
    def best_fixed(self) -> str:
        """The best of the others on the test parts, which is why it looks better than it is."""
        return min(self.others, key=lambda name: self.over(name).mean)

    @property
    def over_best_of_other_seeds(self) -> float:
        """Points over the best of the others, chosen for each seed by all other seeds."""
        n_seeds = len(self.values[RECOMMENDED])
        whole = [name for name in self.others if len(self.values[name]) == n_seeds]
        if n_seeds < 2:
            return self.over(self.best_fixed).mean
        sign = 1 if self.found.higher_is_better else -1
        table = sign * np.array([self.values[name] for name in whole])  # [n_others, n_seeds]
        chosen = [np.delete(table, seed, 1).mean(1).argmax() for seed in range(n_seeds)]
        theirs = table[chosen, range(n_seeds)]
        return float(np.mean(sign * np.array(self.values[RECOMMENDED]) - theirs))
