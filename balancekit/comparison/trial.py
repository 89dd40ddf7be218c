"""One run: a plan trained from the start of its seed, and tested."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from math import ceil
from typing import Any, Protocol

import msgspec
import numpy as np
import torch
from torch import nn
from torch.optim import AdamW, Optimizer
from torch.optim.lr_scheduler import LRScheduler, OneCycleLR

from balancekit.comparison.candidates import Candidate
from balancekit.comparison.parts import DataParts
from balancekit.comparison.results import Measured, Run
from balancekit.comparison.scores import Held, Judge
from balancekit.errors import TrainingError
from balancekit.losses.heads import CosineLinear, decay_groups
from balancekit.losses.mended_head import mended_head
from balancekit.pipeline import Pipeline, build
from balancekit.plan import Ldam, Schedule, Targets, TwoStage
from balancekit.training import Trainer, last_layer, predict

__all__ = ["RUNGS", "Dropped", "Recipe", "Watch", "run_of"]

RUNGS = (0.25, 0.5)
"""Shares of the steps after which the inner part is looked at."""

HEAD_SHARE = 4
"""A second stage takes one part in so many of the steps at most."""

LEAST_TEST_BATCH = 256


@dataclass(frozen=True, eq=False, kw_only=True)
class Recipe:
    """How every run trains.

    Attributes:
        make_model: a new model.
        n_steps: of the optimizer, those of a second stage included.
        batch_size: draws a step.
        learning_rate: at its peak.
        weight_decay: of matrices and kernels.
        transform: of each input, as for `build`.
        loader_options: for `torch.utils.data.DataLoader`.
    """

    make_model: Callable[[], nn.Module]
    n_steps: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    transform: Callable[[Any], Any] | None = None
    loader_options: dict[str, Any] = field(default_factory=dict)


class Watch(Protocol):
    """What looks on while a run trains."""

    def step(self, loss: float) -> bool:
        """Told after every step; True ends the training."""

    def why_drop(self, rung: Measured) -> str:
        """Told at a rung; words, if the run is to be given up."""


class Dropped(Exception):  # noqa: N818 - no error
    """A run is given up on the way."""

    def __init__(self, share: float, why: str) -> None:
        super().__init__(why)
        self.share, self.why = share, why


class _Enough(Exception):  # noqa: N818 - no error
    """All steps are done in the middle of an epoch."""


def run_of(
    candidate: Candidate, seed: int, parts: DataParts, recipe: Recipe, judge: Judge, watch: Watch
) -> Run:
    """One run of a plan.

    Every run of a seed starts from the same weights and ends after as many steps. The logits
    are corrected before they decide.

    Raises:
        Dropped: `watch` gave it up at a rung.
        BalancekitError: the plan cannot be built, or training diverged.
    """
    began = time.perf_counter()
    pipeline = _pipeline(candidate, seed, parts, recipe)
    # The same start for every plan; the caller's global generators stay as they were.
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = recipe.make_model()
        if isinstance(candidate.plan.loss, Ldam):
            _put_cosines(net)
        on_the_way = _Rungs(candidate, net, pipeline, parts, recipe, judge, watch)
        on_the_way.train()
    held_out = partial(_held, net, pipeline, recipe)
    inner = None if parts.inner is None else held_out(parts.inner, parts.inner_ids)
    known = Run(
        seed=seed,
        steps=on_the_way.n_done,
        rungs=tuple(on_the_way.rungs),
        inner=None if inner is None else judge.measured(inner),
    )
    run = judge.run(held_out(parts.test, parts.test_ids), inner, known)
    return msgspec.structs.replace(run, seconds=round(time.perf_counter() - began, 3))


def _pipeline(candidate: Candidate, seed: int, parts: DataParts, recipe: Recipe) -> Pipeline:
    plan = candidate.plan.for_data(parts.labels)
    n_batches = ceil(len(parts.train) / recipe.batch_size)
    n_epochs = ceil(recipe.n_steps / n_batches)
    changed: dict[str, Any] = {"seed": plan.seed + seed}
    if isinstance(plan.sampling, Schedule):
        changed["sampling"] = _within(plan.sampling, n_epochs)
    if isinstance(plan.stages, TwoStage):
        epochs = min(plan.stages.epochs, ceil(n_epochs / HEAD_SHARE))
        changed["stages"] = msgspec.structs.replace(plan.stages, epochs=epochs)
    return build(
        msgspec.structs.replace(plan, **changed),
        parts.train,
        parts.labels,
        batch_size=recipe.batch_size,
        transform=recipe.transform,
        n_epochs=n_epochs,
        **recipe.loader_options,
    )


def _within(schedule: Schedule, n_epochs: int) -> Targets:
    """A schedule that comes to its end within a training: the plan's prior is that of the end."""
    if n_epochs == 1:
        return schedule.end
    return msgspec.structs.replace(schedule, epochs=min(schedule.epochs, n_epochs - 1))


@dataclass(eq=False)
class _Rungs:
    """The training of one run, looked at on the way."""

    candidate: Candidate
    net: nn.Module
    pipeline: Pipeline
    parts: DataParts
    recipe: Recipe
    judge: Judge
    watch: Watch
    n_done: int = 0
    rungs: list[Measured] = field(default_factory=list)

    def train(self) -> None:
        """All steps, those of a second stage last."""
        stages, n_steps = self.pipeline.plan.stages, self.recipe.n_steps
        if self.pipeline.plan.bias_init == "log-prior":
            self.pipeline.init_bias_(last_layer(self.net))
        if not isinstance(stages, TwoStage):
            self._steps(self.net, self.pipeline, n_steps)
            return
        n_last = min(stages.epochs * len(self.pipeline.loader), n_steps // HEAD_SHARE)
        n_last = 0 if stages.head == "tau-norm" else max(1, n_last)
        self._steps(self.net, self.pipeline, n_steps - n_last)
        with mended_head(self.net, stages):
            if n_last:
                self._steps(self.net, self.pipeline.second_stage(), n_last)

    def _steps(self, net: nn.Module, pipeline: Pipeline, n_steps: int) -> None:
        end = self.n_done + n_steps

        def on_step(loss: float) -> None:
            self.n_done += 1
            self._look()
            if self.watch.step(loss) or self.n_done >= end:
                raise _Enough

        rate, decay = self.recipe.learning_rate, self.recipe.weight_decay
        trainer = Trainer(recipe=partial(_one_cycle, n_steps, rate, decay), on_step=on_step)
        with suppress(_Enough):
            trainer.train(net, pipeline, ceil(n_steps / len(pipeline.loader)))

    def _look(self) -> None:
        """Measure the inner part where a rung is reached."""
        if self.parts.inner is None or self.candidate.comes_late:
            return
        share = next((r for r in RUNGS if self.n_done == round(r * self.recipe.n_steps)), None)
        if share is None or self.n_done == self.recipe.n_steps:
            return
        inner = _held(self.net, self.pipeline, self.recipe, self.parts.inner, self.parts.inner_ids)
        self.net.train()
        measured = self.judge.measured(inner, share)
        if measured is None:
            return
        self.rungs.append(measured)
        if why := self.watch.why_drop(measured):
            raise Dropped(share, why)


def _one_cycle(
    n_steps: int, learning_rate: float, weight_decay: float, learner: nn.Module, _: int
) -> tuple[Optimizer, LRScheduler]:
    """AdamW and one cycle over the steps that there will be, whole epochs or not."""
    groups = decay_groups(learner, weight_decay)
    optimizer = AdamW(groups, lr=learning_rate)
    return optimizer, OneCycleLR(optimizer, learning_rate, max(2, n_steps))


def _held(net: nn.Module, pipeline: Pipeline, recipe: Recipe, part: Any, ids: Any) -> Held:
    """Corrected outputs on a part, of the samples that have a label."""
    kept = {k: v for k, v in recipe.loader_options.items() if k == "collate_fn"}
    batch_size = max(recipe.batch_size, LEAST_TEST_BATCH)
    outputs, targets = predict(net, pipeline.test_loader(part, batch_size=batch_size, **kept))
    if not torch.isfinite(outputs).all():
        raise TrainingError(
            "outputs: expected numbers on held-out samples, got NaN or infinity: training has "
            "diverged. A lower learning rate may help"
        )
    if pipeline.plan.data.task == "regression":
        values = outputs.double().numpy().reshape(len(targets))
        known = ~np.isnan(targets)
        return Held(values[known], targets[known], ids[known])
    logits = pipeline.correct(outputs).double().numpy()
    if targets.ndim == 2:
        return Held(logits, targets, ids)
    known = targets >= 0
    return Held(logits[known], targets[known], ids[known])


def _put_cosines(net: nn.Module) -> None:
    """Put cosines in the place of the last linear layer, as LDAM takes them."""
    layer = last_layer(net)
    if not isinstance(layer, nn.Linear):
        return
    cosines = CosineLinear(layer.in_features, layer.out_features)
    for module in net.modules():
        for name, child in module.named_children():
            if child is layer:
                setattr(module, name, cosines)
                return
    raise TrainingError(
        "model: expected its last linear layer inside another module, to put the cosines in its "
        "place that LDAM takes, got a linear layer alone"
    )
