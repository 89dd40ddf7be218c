"""Results of a comparison: runs, arms, and all of them side by side."""

from collections.abc import Callable
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from balancekit.comparison.differences import Difference, Gain, difference_of
from balancekit.errors import DataError, OptionError
from balancekit.labels import Labels, Task
from balancekit.metrics import OBJECTIVES
from balancekit.plan import DataRef, Plan
from balancekit.recommender import with_batch_size
from balancekit.stats import wilson_interval

__all__ = ["Arm", "Comparison", "Measured", "Parts", "Role", "Run", "floor_of"]

Role = Literal["baseline", "recommended", "candidate", "mistake"]
Part = Literal["test", "inner"]
Floats = NDArray[np.float64]


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class Measured(_Part, frozen=True, kw_only=True):
    """The objective on a held-out part, at some point of the training.

    Attributes:
        share: of the steps that were done.
        value: of the objective.
        resampled: the objective on resampled parts, the same samples for every arm.
    """

    share: float
    value: float
    resampled: tuple[float, ...] = ()


class Run(_Part, frozen=True, kw_only=True):
    """One training of one plan.

    Attributes:
        seed: of the split, the start and the draws.
        steps: of the optimizer.
        seconds: of the run, building and testing included.
        test: the objective on the test part.
        inner: the objective on the inner part, if there was one.
        rungs: the same on the way.
        figures: other metrics of the test part by name.
        hits: samples of each class that were found; of each label for several labels.
        totals: samples of each class in the test part.
        confusion: rows the true classes, of at most `MOST_CONFUSED` classes.
        reliability: of each bin of confidence its samples, mean confidence and share right.
    """

    seed: int
    steps: int = 0
    seconds: float = 0.0
    test: Measured | None = None
    inner: Measured | None = None
    rungs: tuple[Measured, ...] = ()
    figures: dict[str, float] = {}
    hits: tuple[int, ...] = ()
    totals: tuple[int, ...] = ()
    confusion: tuple[tuple[int, ...], ...] | None = None
    reliability: tuple[tuple[int, float, float], ...] = ()


class Arm(_Part, frozen=True, kw_only=True):
    """The results of one plan.

    Attributes:
        name: of the plan.
        role: why it takes part.
        plan: as it was for the training part of the first seed.
        runs: finished ones, a seed each.
        failure: why the plan could not be trained, in words; "" if it could.
        dropped_at: share of the steps after which it was given up, if it was.
        why_dropped: in words.
        same_as: name of the arm whose runs these are, as its plan trains alike.
    """

    name: str
    role: Role = "candidate"
    plan: Plan | None = None
    runs: tuple[Run, ...] = ()
    failure: str = ""
    dropped_at: float | None = None
    why_dropped: str = ""
    same_as: str = ""

    @property
    def confusions(self) -> tuple[tuple[tuple[int, ...], ...], ...]:
        """Confusion matrices, one a run, rows the true classes."""
        return tuple(run.confusion for run in self.runs if run.confusion is not None)

    @property
    def seconds_per_seed(self) -> tuple[float, ...]:
        """Seconds of each run."""
        return tuple(run.seconds for run in self.runs)

    def per_seed(self, metric: Callable[[NDArray[np.int64]], float]) -> Floats:
        """A metric of the confusion matrix of each seed: float64 [n_seeds]."""
        return np.array([metric(np.array(confusion)) for confusion in self.confusions])

    def confusion(self) -> NDArray[np.int64]:
        """Confusion matrices of all seeds together: int64 [n_classes, n_classes]."""
        together: NDArray[np.int64] = np.array(self.confusions, np.int64).sum(0)
        return together

    def recall(self) -> tuple[Floats, Floats, Floats]:
        """Mean recall of each class and its 95 % interval: three of float64 [n_classes].

        The interval is that of one test part: seeds see the same samples, or others of the
        same data, so they make it no narrower.
        """
        hits = np.array([run.hits for run in self.runs], np.float64).mean(0)
        totals = np.array([run.totals for run in self.runs], np.float64).mean(0)
        recall = np.divide(hits, totals, out=np.full(len(hits), np.nan), where=totals > 0)
        return recall, *wilson_interval(hits, totals)

    def mean(self) -> float:
        """The objective on the test parts, in the mean over seeds; NaN without runs."""
        values = [run.test.value for run in self.runs if run.test is not None]
        return float(np.mean(values)) if values else float("nan")

    def figure(self, name: str) -> Floats:
        """A figure of each run that has it: float64 [n]."""
        return np.array([run.figures[name] for run in self.runs if name in run.figures])


class Parts(_Part, frozen=True, kw_only=True):
    """How many samples each part of the data has, and where it comes from.

    Attributes:
        train: samples trained on, of the first seed.
        inner: samples that choices are made by; 0 if none are made before the end.
        test: samples that the final figures come from.
        how: how the parts were made, in words.
        splits_each: whether each seed has its own split.
        n_train_only: classes with so few samples that all of them are trained on.
    """

    train: int
    inner: int
    test: int
    how: str
    splits_each: bool = False
    n_train_only: int = 0


class Comparison(_Part, frozen=True, kw_only=True):
    """Results of all plans, trained for as many steps and tested on the same samples.

    Attributes:
        data: all the data that the plans were compared on, held-out parts included.
        train_counts: samples of each class in the training part of the first seed.
        objective: what the plans are judged by.
        epochs: passes over the training part; below 1 where there was no time for one.
        n_steps: steps of the optimizer, of every run.
        batch_size: draws a step, whatever a plan advises; 0 if it is not known.
        learning_rate: at its peak; 0 if it is not known.
        budget_s: seconds that all was to take, if it was said.
        seconds: that it took.
        interrupted: whether it was ended before all runs were done.
        notes: what a reader should know of.
    """

    schema: Literal["balancekit.comparison/2"] = "balancekit.comparison/2"
    data: DataRef | None = None
    task: Task = "classification"
    objective: str = "balanced_accuracy"
    class_names: tuple[str, ...]
    train_counts: tuple[int, ...]
    epochs: float
    n_steps: int = 0
    batch_size: int = 0
    learning_rate: float = 0.0
    seeds: tuple[int, ...]
    arms: tuple[Arm, ...]
    parts: Parts | None = None
    model: str = ""
    device: str = ""
    budget_s: float | None = None
    seconds: float = 0.0
    interrupted: bool = False
    notes: tuple[str, ...] = ()

    @property
    def higher_is_better(self) -> bool:
        """Whether more of the objective is better."""
        return OBJECTIVES[self.objective].higher_is_better

    def arm(self, name: str) -> Arm:
        """The arm of this name.

        Raises:
            OptionError: there is none.
        """
        found = {arm.name: arm for arm in self.arms}
        if name not in found:
            raise OptionError(f"name: expected one of {list(found)}, got {name!r}")
        return found[name]

    def baseline(self) -> Arm:
        """The arm that others are held against: plain training, or the first."""
        return next((arm for arm in self.arms if arm.role == "baseline"), self.arms[0])

    def tested(self) -> tuple[Arm, ...]:
        """The arms that were trained and tested to the end, with one seed at least."""
        return tuple(arm for arm in self.arms if arm.runs)

    def takeable(self) -> tuple[Arm, ...]:
        """The tested arms that are no known mistake, of which the winner is one.

        Those that failed or were given up under a later seed only where there are no others.
        """
        tested = tuple(arm for arm in self.tested() if arm.role != "mistake")
        whole = tuple(arm for arm in tested if not arm.failure and arm.dropped_at is None)
        return whole or tested

    def difference(self, name: str, other: str | None = None, *, part: Part = "test") -> Difference:
        """How much better an arm is than another in the objective, with its 95 % interval.

        Paired: both arms of a seed have the same start and the same samples; see
        `balancekit.comparison.differences` for the method.

        Args:
            name: of the arm.
            other: that it is held against; the baseline if not given.
            part: which samples: those of the final figures, or those of choices.

        Raises:
            OptionError: there is no such arm, or the two share no seed.
        """
        one, against = self.arm(name), self.baseline() if other is None else self.arm(other)
        return difference_of(self._gain(one, part), self._gain(against, part))

    def _gain(self, arm: Arm, part: Part) -> Gain:
        found = {run.seed: run.test if part == "test" else run.inner for run in arm.runs}
        measured = {seed: one for seed, one in found.items() if one is not None}
        sign = 1 if self.higher_is_better else -1
        return Gain(
            values={seed: sign * one.value for seed, one in measured.items()},
            resampled={seed: sign * np.array(one.resampled) for seed, one in measured.items()},
            floor=floor_of(self.objective, self._tested_counts(arm)),
        )

    def _tested_counts(self, arm: Arm) -> Floats:
        """Different samples of each class that were tested on, all seeds together."""
        totals = np.array([run.totals for run in arm.runs if run.totals], np.float64)
        if not totals.size:
            return np.zeros(0)
        each = self.parts is not None and self.parts.splits_each
        if not each or self.data is None or len(self.data.class_counts) != totals.shape[1]:
            return np.asarray(totals[0])
        # Of n samples a seed tests a part; what no seed has tested is the product of the rests.
        counts = np.maximum(np.array(self.data.class_counts, np.float64), 1)
        return np.asarray(counts * (1 - np.prod(1 - np.minimum(totals / counts, 1), 0)))

    def summary(self) -> dict[str, dict[str, tuple[float, float]]]:
        """Mean and standard deviation over seeds of each figure, by plan and metric."""
        found: dict[str, dict[str, tuple[float, float]]] = {}
        for arm in self.tested():
            names = [name for name in arm.runs[0].figures if len(arm.figure(name))]
            found[arm.name] = {name: _mean_and_deviation(arm.figure(name)) for name in names}
        return found

    def winner(self) -> Arm:
        """The recommended plan, unless another is better than it beyond the noise.

        Judged on the inner part where there is one, so that the figures of the test part are
        of no choice. Where several are better, the best of them. Held against each other
        candidate at a level that allows for their number (Bonferroni). A known mistake is never
        taken, even where it measures better.

        Raises:
            DataError: no arm was tested that is no known mistake.
        """
        tested = self.takeable()
        if not tested:
            raise DataError(
                "comparison: expected an arm that was tested and is no known mistake, got none"
            )
        part: Part = "inner" if tested[0].runs[0].inner is not None else "test"
        gains = {arm.name: self._gain(arm, part) for arm in tested}
        favourite = next((arm for arm in tested if arm.role == "recommended"), None)
        if favourite is None:
            return max(tested, key=lambda arm: np.mean(list(gains[arm.name].values.values())))
        others = [arm for arm in tested if arm is not favourite]
        confidence = 1 - 0.05 / max(1, len(others))
        ahead = {
            arm.name: difference_of(gains[arm.name], gains[favourite.name], confidence)
            for arm in others
            if set(gains[arm.name].values) & set(gains[favourite.name].values)
        }
        better = [arm for arm in others if arm.name in ahead and ahead[arm.name].is_clear("better")]
        return max(better, key=lambda arm: ahead[arm.name].mean, default=favourite)

    def winner_plan(self, labels: Labels | None = None) -> Plan:
        """The winner's plan, for all the data that were compared on.

        Args:
            labels: to carry it to others of the same classes, such as more of the same data.

        Raises:
            DataError: no arm was tested, or the comparison keeps no plans.
        """
        plan = self.winner().plan
        data = self.data if labels is None else DataRef.from_labels(labels)
        if plan is None or data is None:
            raise DataError("comparison: expected one that keeps its plans, got none of them")
        return with_batch_size(plan.for_data(data))


def floor_of(objective: str, totals: ArrayLike) -> float:
    """Standard error that a part leaves at least; see `balancekit.comparison.differences`.

    Where the objective is of the rarer of two classes, that class alone counts.

    Args:
        objective: that is measured; errors of numbers have no such floor, as they have no bound.
        totals: samples of each class in the part.

    >>> round(floor_of("accuracy", (90, 8)), 3), round(floor_of("balanced_accuracy", (90, 8)), 3)
    (0.01, 0.05)
    """
    counts = np.asarray(totals, np.float64)
    counts = counts[counts > 0]
    if objective == "mae_by_shot" or not counts.size:
        return 0.0
    if objective in ("accuracy", "calibration"):
        counts = counts.sum(keepdims=True)
    if objective in ("auprc", "recall@precision") and len(counts) == 2:
        counts = counts.min(keepdims=True)
    return float(np.sqrt((1 / (counts + 2) ** 2).sum()) / len(counts))


def _mean_and_deviation(values: Floats) -> tuple[float, float]:
    return float(values.mean()), float(values.std(ddof=1)) if len(values) > 1 else 0.0
