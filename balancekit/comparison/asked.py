"""What a call of `compare` asks for, checked, and carried out."""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import ceil
from typing import Any
from zlib import crc32

import numpy as np
from torch import Tensor, nn

from balancekit.comparison.candidates import (
    Candidate,
    candidates_of,
    check_plans,
    check_task,
    objective_of,
)
from balancekit.comparison.contest import Contest, Progress
from balancekit.comparison.factory import check_model, identity_of, made_by, name_of
from balancekit.comparison.kept import Kept, Terms
from balancekit.comparison.own_split import OwnSplit
from balancekit.comparison.parts import DataParts, Splitter, labels_of_all
from balancekit.comparison.results import Arm, Comparison, Run, floor_of
from balancekit.comparison.scores import Judge
from balancekit.comparison.timing import Stopwatch
from balancekit.comparison.trial import Recipe, Watch, run_of
from balancekit.errors import DataError, OptionError, PlanError
from balancekit.labels import Labels
from balancekit.metrics import OBJECTIVES
from balancekit.models import Settings, default_model, recommended_settings
from balancekit.pipeline import build
from balancekit.plan import DataRef, Plan
from balancekit.plan.metric_names import objective_text
from balancekit.training import best_device

__all__ = ["Asked"]

USUAL = Settings(batch_size=64, learning_rate=1e-3, weight_decay=1e-4, epochs=30)
"""For samples of which nothing is known."""

SAMPLES_TRIED = 2


@dataclass(frozen=True, eq=False, kw_only=True)
class Asked:
    """The arguments of `compare`, by the same names."""

    dataset: Any
    plans: Mapping[str, Plan] | None
    budget_s: float | None
    seeds: int
    model: Callable[..., nn.Module] | None
    objective: str | None
    deployed_prior: Any
    validation: Any
    epochs: int | None
    batch_size: int | None
    learning_rate: float | None
    picture_task: str | None
    transform: Callable[[Any], Any] | None
    folder: str | os.PathLike[str] | None
    fresh: bool
    on_step: Callable[[float], object] | None
    on_progress: Progress | None
    loader_options: dict[str, Any]
    clock: Callable[[], float] = time.perf_counter

    def __post_init__(self) -> None:
        problems = [
            f"{name}: expected {what}, got {given!r}"
            for name, given, what, is_right in (
                ("seeds", self.seeds, "an integer ≥ 1", _is_count(self.seeds)),
                ("epochs", self.epochs, "an integer ≥ 1", _is_count(self.epochs, True)),
                ("batch_size", self.batch_size, "an integer ≥ 1", _is_count(self.batch_size, True)),
                ("budget_s", self.budget_s, "seconds above 0", _is_above_0(self.budget_s)),
                (
                    "learning_rate",
                    self.learning_rate,
                    "a number above 0",
                    _is_above_0(self.learning_rate),
                ),
            )
            if not is_right
        ]
        if problems:
            raise OptionError("; ".join(problems))
        check_plans(self.plans)
        check_task(self.labels)
        if self.validation is not None and not len(self.validation):
            raise OptionError("validation: expected held-out samples to test on, got none")

    def comparison(self) -> Comparison:
        """All runs, and what came of them.

        Raises:
            DataError: every plan failed.
        """
        began = self.clock()
        kept = self._kept
        made = check_model(self._model_of(self._first), self._tried, self._n_outputs)
        kept.begin(self._identity(made), self._terms)
        # Reading and splitting took their time too.
        used_s = kept.used_s() + self.clock() - began
        stopwatch = Stopwatch(self.budget_s, self.clock, used_s)
        contest = Contest(
            candidates=self.candidates,
            runner=self._run,
            kept=kept,
            stopwatch=stopwatch,
            n_seeds=self.seeds,
            most_steps=self._most_steps,
            n_batches=self._n_batches,
            higher_is_better=OBJECTIVES[self.judged_by].higher_is_better,
            floor=self._floor,
            drops=self._drops,
            on_step=self.on_step,
            on_progress=self.on_progress,
        )
        contest.run()
        arms = contest.arms()
        if not contest.interrupted and not any(arm.runs for arm in arms):
            failures = "\n".join(f"  - {arm.name}: {arm.failure}" for arm in arms)
            raise DataError(f"compare: expected a plan that can be trained, got none:\n{failures}")
        ran = sorted({run.seed for arm in arms for run in arm.runs})
        return Comparison(
            data=DataRef.from_labels(self._labels_read),
            task=self.labels.task,
            objective=self.judged_by,
            class_names=self.labels.class_names,
            train_counts=tuple(self._first.labels.class_counts().tolist()),
            epochs=contest.n_steps / self._n_batches,
            n_steps=contest.n_steps,
            batch_size=self._settings.batch_size,
            learning_rate=self._settings.learning_rate,
            seeds=tuple(ran),
            arms=arms,
            parts=self._splitter.describe(self._first),
            model=name_of(self.model),
            device=str(best_device()),
            budget_s=self.budget_s,
            seconds=round(stopwatch.elapsed(), 3),
            interrupted=contest.interrupted,
            notes=(*contest.notes, *self._notes(arms)),
        )

    def _notes(self, arms: Sequence[Arm]) -> list[str]:
        """What a reader should know of the data."""
        notes = []
        if broken := len(self._labels_read) - len(self.labels):
            n_read = len(self._labels_read)
            notes.append(f"{broken:,} of {n_read:,} pictures cannot be decoded and were left out")
        if self._first.inner is not None and _lacks_inner(arms):
            notes.append(
                f"the part for choices is too small for {objective_text(self.judged_by)}, so "
                "the plan to take is chosen where it is tested"
            )
        return notes

    # --- what there is ------------------------------------------------------------------

    @cached_property
    def labels(self) -> Labels:
        """Labels of all the data given to train on."""
        own = self._own_split
        return labels_of_all(self.dataset) if own is None else own.labels

    @property
    def _labels_read(self) -> Labels:
        """The same before broken pictures were left out: those that plans are made for."""
        own = self._own_split
        read: Labels | None = getattr(self.dataset if own is None else own, "labels_read", None)
        return self.labels if read is None else read

    @property
    def _own_split(self) -> OwnSplit | None:
        return self.validation if isinstance(self.validation, OwnSplit) else None

    @cached_property
    def _splitter(self) -> Splitter:
        own = self._own_split
        is_given = self.validation is not None and own is None
        return Splitter(
            dataset=self.dataset,
            labels=self.labels if own is None else self.dataset.labels,
            test=self.validation if is_given else None,
            own=own,
            wants_inner=self.budget_s is not None or not is_given,
        )

    @cached_property
    def _first(self) -> DataParts:
        return self._splitter.parts(0)

    @cached_property
    def candidates(self) -> list[Candidate]:
        """The plans that take part, made for the first seed's training part."""
        labels = self._first.labels
        self._check_plans_data(labels)
        wanted = objective_of(self.objective, self.plans, self.labels)
        kind = getattr(self.dataset, "kind", None)
        return candidates_of(
            labels, self.plans, wanted, self.deployed_prior, self.picture_task, kind
        )

    def _check_plans_data(self, labels: Labels) -> None:
        """Refuse plans that are neither for all the data nor for the first training part.

        Raises:
            PlanError: one is not; its name is told.
        """
        fitting = {DataRef.from_labels(one).fingerprint for one in (labels, self._labels_read)}
        for name, plan in (self.plans or {}).items():
            if plan.data.fingerprint in fitting:
                continue
            if told := plan.mismatch(self.labels):
                raise PlanError(f"plan {name!r}: {told}.")

    @cached_property
    def judged_by(self) -> str:
        """The objective."""
        named = {one.name: one.plan for one in self.candidates}
        found = objective_of(self.objective, named, self.labels)
        assert found is not None
        return found

    @cached_property
    def _settings(self) -> Settings:
        kind, n_samples = getattr(self.dataset, "kind", None), len(self._first.labels)
        usual = USUAL if kind is None else recommended_settings(kind, n_samples)
        return Settings(
            batch_size=self.batch_size or usual.batch_size,
            learning_rate=self.learning_rate or usual.learning_rate,
            weight_decay=usual.weight_decay,
            epochs=self.epochs or usual.epochs,
        )

    @property
    def _n_batches(self) -> int:
        return ceil(len(self._first.labels) / self._settings.batch_size)

    @property
    def _most_steps(self) -> int:
        return self._settings.epochs * self._n_batches

    @property
    def _drops(self) -> bool:
        """Whether plans are given up on the way: never for errors of numbers.

        They have no bound, so that nothing tells what the few samples with rare values in the
        part for choices leave open; see `floor_of`.
        """
        return self.budget_s is not None and self.judged_by != "mae_by_shot"

    @property
    def _floor(self) -> float:
        if self._first.inner is None:
            return 0.0
        counts = labels_of_all(self._first.inner).class_counts()
        return floor_of(self.judged_by, counts)

    @property
    def _n_outputs(self) -> int:
        return 1 if self.labels.task == "regression" else self.labels.n_classes

    # --- one run ------------------------------------------------------------------------

    def _run(self, candidate: Candidate, seed: int, n_steps: int, watch: Watch) -> Run:
        parts = self._parts(seed)
        judge = Judge(
            objective=self.judged_by,
            task=self.labels.task,
            class_counts=parts.labels.class_counts(),
            train_values=parts.labels.values,
        )
        recipe = Recipe(
            make_model=self._model_of(parts),
            n_steps=n_steps,
            batch_size=self._settings.batch_size,
            learning_rate=self._settings.learning_rate,
            weight_decay=self._settings.weight_decay,
            transform=self.transform,
            loader_options=self.loader_options,
        )
        return run_of(candidate, seed, parts, recipe, judge, watch)

    def _parts(self, seed: int) -> DataParts:
        return self._first if seed == 0 else self._splitter.parts(seed)

    def _model_of(self, parts: DataParts) -> Callable[[], nn.Module]:
        if self.model is not None:
            return made_by(self.model, self._n_outputs, tuple(self._tried.shape[1:]))
        if not hasattr(self.dataset, "kind"):
            raise OptionError(
                "model: expected a function or class that makes one, for a data set of your own, "
                "got none. balancekit.open_dataset(path) gives data sets that need none."
            )
        values = parts.labels.values
        # Kept runs have the size of model that they were begun with.
        terms = self._kept.first or self._terms
        per_run = None if terms.budget_s is None else terms.budget_s / terms.seeds / 6
        return default_model(
            self.dataset.kind,
            parts.train.input_shape,
            self._n_outputs,
            n_samples=len(parts.labels),
            budget_s=per_run,
            values=None if values is None else (float(values.mean()), float(values.std())),
        )

    @cached_property
    def _tried(self) -> Tensor:
        """Inputs of some samples, as a model gets them: [N, …]."""
        pipeline = build(
            self._plain(),
            self._first.train,
            self._first.labels,
            batch_size=1,
            transform=self.transform,
        )
        kept = {k: v for k, v in self.loader_options.items() if k == "collate_fn"}
        loader = pipeline.test_loader(self._first.test, batch_size=SAMPLES_TRIED, **kept)
        inputs: Tensor = next(iter(loader))[0]
        return inputs

    def _plain(self) -> Plan:
        """A plan without options, which can be built for any task here."""
        from balancekit.plan import LOSSES_OF_TASK

        loss: Any = LOSSES_OF_TASK[self.labels.task][0]()
        data = DataRef.from_labels(self._first.labels)
        return Plan(data=data, objective="accuracy", wanted_prior="training", loss=loss)

    @cached_property
    def _kept(self) -> Kept:
        return Kept(self.folder, fresh=self.fresh)

    @property
    def _terms(self) -> Terms:
        return Terms(budget_s=self.budget_s, seeds=self.seeds)

    def _identity(self, made: nn.Module) -> dict[str, Any]:
        """What must be the same for finished runs to be used again, with a model as it is made."""
        labels = self.labels
        given = labels.values if labels.values is not None else labels.class_ids
        return {
            "data": DataRef.from_labels(labels).fingerprint,
            "order of the samples": crc32(np.ascontiguousarray(given).tobytes()),
            "held-out samples": None if self.validation is None else len(self.validation),
            "part for choices": self._splitter.wants_inner,
            "plans": {one.name: crc32(one.plan.to_toml().encode()) for one in self.candidates},
            "objective": self.judged_by,
            "epochs": self._settings.epochs,
            "batch size": self._settings.batch_size,
            "learning rate": self._settings.learning_rate,
            **identity_of(self.model, made),
            "transform": None if self.transform is None else name_of(self.transform),
        }


def _lacks_inner(arms: Sequence[Arm]) -> bool:
    """Whether there are runs, and the objective of one could not be measured for choices."""
    return any(run.inner is None for arm in arms for run in arm.runs)


def _is_count(value: Any, or_none: bool = False) -> bool:
    if value is None:
        return or_none
    return isinstance(value, int | np.integer) and not isinstance(value, bool) and bool(value >= 1)


def _is_above_0(value: Any) -> bool:
    return value is None or (isinstance(value, int | float) and 0 < value < float("inf"))
