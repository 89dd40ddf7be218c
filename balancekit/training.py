"""A small trainer for demo, compare and examples; nobody is made to use it."""

import math
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any
from zlib import crc32

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim import AdamW, Optimizer
from torch.optim.lr_scheduler import LRScheduler, OneCycleLR
from torch.utils.data import DataLoader

from balancekit.checkpoints import Checkpoint
from balancekit.devices import Amp, averaged, best_device, half_precision, rank_and_world_size
from balancekit.errors import OptionError, TrainingError
from balancekit.losses.heads import decay_groups
from balancekit.losses.mended_head import last_layer, mended_head
from balancekit.pipeline import Pipeline
from balancekit.plan import TwoStage

__all__ = ["Trainer", "best_device", "fit", "fit_head", "last_layer", "predict"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Trainer:
    """Trains a model: AdamW, one cycle of the learning rate, bias and norms undecayed.

    Where torch.distributed runs, processes train together, and the first of them writes.

    Args:
        learning_rate: at its peak.
        weight_decay: of matrices and kernels.
        recipe: makes another optimizer, and a schedule by the step, of what learns and the
            number of steps.
        max_norm: to which gradients are clipped; infinity leaves them.
        device: where to train; a GPU if there is one and none is given.
        amp: "auto" takes half precision on a GPU: bfloat16 where it is fast, else float16.
        checkpoint: file to write after each epoch. If it exists, training goes on from it, to
            the weights that it would have come to without the interruption.
        checkpoint_steps: of an epoch, after which it is written too.
        on_step: called with the loss after every step.
        on_epoch: called with the epoch after each; training stops where it gives True.
    """

    learning_rate: float = 1e-3
    weight_decay: float = 1e-4
    recipe: Callable[[nn.Module, int], tuple[Optimizer, LRScheduler]] | None = None
    max_norm: float = 5.0
    device: torch.device | None = None
    amp: Amp = "auto"
    checkpoint: str | os.PathLike[str] | None = None
    checkpoint_steps: int | None = None
    on_step: Callable[[float], object] | None = None
    on_epoch: Callable[[int], object] | None = None

    def train(self, model: nn.Module, pipeline: Pipeline, epochs: int) -> bool:
        """Train one stage in place: whether it came to its end, and was not stopped."""
        run = _Run(self, model, pipeline, epochs)
        while run.epoch < epochs:
            pipeline.set_epoch(run.epoch)
            run.learner.train()
            for inputs, targets, *_ in pipeline.loader:
                loss = run.step_on(inputs, targets)
                if self.on_step is not None:
                    self.on_step(loss)
                if self.checkpoint_steps and run.step % self.checkpoint_steps == 0:
                    run.checkpoint.save(run.epoch, run.step)
            run.epoch, run.step = run.epoch + 1, 0
            is_stopped = self.on_epoch is not None and self.on_epoch(run.epoch - 1) is True
            run.checkpoint.save(run.epoch, run.step)
            if is_stopped:
                return False
        return True

    def one_cycle(self, learner: nn.Module, n_steps: int) -> tuple[Optimizer, LRScheduler]:
        """The recipe, if no other is given."""
        groups = decay_groups(learner, self.weight_decay)
        optimizer = AdamW(groups, lr=self.learning_rate, weight_decay=0.0)
        return optimizer, OneCycleLR(optimizer, self.learning_rate, n_steps)


def fit(model: nn.Module, pipeline: Pipeline, *, epochs: int, **options: Any) -> None:
    """Train `model` in place, and mend its head if the plan has a second stage.

    Args:
        model: logits [N, n_classes], or a number [N] or [N, 1], from inputs [N, …]; its last
            linear layer's bias starts at the log prior, if the plan says so.
        pipeline: loader and criterion, and what mixes batches.
        epochs: passes over the loader, in the first stage.
        **options: those of `Trainer`, such as learning_rate.

    Raises:
        TrainingError: the loss or the gradient is NaN or infinite.
        OptionError: an argument cannot be, or the checkpoint is of another training.
        DataError: the checkpoint cannot be read.
    """
    if pipeline.plan.bias_init == "log-prior":
        pipeline.init_bias_(last_layer(model))
    is_whole = Trainer(**options).train(model, pipeline, epochs)
    if is_whole and isinstance(pipeline.plan.stages, TwoStage):
        fit_head(model, pipeline, **options)


def fit_head(model: nn.Module, pipeline: Pipeline, **options: Any) -> None:
    """Mend the head of a trained model in place, as the plan's second stage says; `fit` does so.

    Args:
        model: trained with the pipeline.
        pipeline: of the first stage.
        **options: those of `Trainer`; ".head" is added to the name of the checkpoint.
    """
    trainer = Trainer(**options)
    if trainer.checkpoint is not None:
        trainer = replace(trainer, checkpoint=f"{os.fspath(trainer.checkpoint)}.head")
    with mended_head(model, pipeline.plan.stages) as epochs:
        if epochs:
            trainer.train(model, pipeline.second_stage(), epochs)


def predict(
    model: nn.Module, loader: DataLoader[Any], *, device: torch.device | None = None
) -> tuple[Tensor, NDArray[Any]]:
    """Outputs of a model and the targets: float32 on the CPU; int64, or floats of a regression."""
    device = device or best_device()
    model.to(device).eval()
    outputs, targets = [], []
    with torch.inference_mode():
        for inputs, target, *_ in loader:
            outputs.append(model(inputs.to(device, non_blocking=True)).float().cpu())
            targets.append(target.cpu().numpy())
    if not outputs:
        raise OptionError("loader: expected at least one batch to predict, got none")
    true = np.concatenate(targets)
    return torch.cat(outputs), true if true.dtype.kind == "f" else true.astype(np.int64)


class _Run:
    """What one training changes, and the epoch and step that come next."""

    def __init__(self, trainer: Trainer, model: nn.Module, pipeline: Pipeline, epochs: int) -> None:
        n_batches, self.device = len(pipeline.loader), trainer.device or best_device()
        if epochs < 1 or not n_batches:
            raise OptionError(f"epochs: expected 1 or more, got {epochs} of {n_batches} batches")
        self.trainer, self.pipeline = trainer, pipeline
        if self.device.type == "cuda" and self.device.index is not None:
            torch.cuda.set_device(self.device)  # random states and messages are of this one
        # A criterion may have parameters, too.
        self.learner = nn.ModuleList([model, pipeline.criterion]).to(self.device)
        recipe = trainer.recipe or trainer.one_cycle
        self.optimizer, self.schedule = recipe(self.learner, epochs * n_batches)
        self.half = half_precision(trainer.amp, self.device)
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=self.half == torch.float16)
        plan = crc32(pipeline.plan.to_toml().encode())
        rate = self.optimizer.param_groups[0]["initial_lr"]
        facts = {"epochs": epochs, "batches": n_batches, "learning_rate": rate, "plan": plan}
        parts = (self.learner, self.optimizer, self.schedule, self.scaler, pipeline)
        self.checkpoint = Checkpoint(trainer.checkpoint, parts, facts)
        self.epoch, self.step = self.checkpoint.load()
        self.model, self.criterion = averaged(model), averaged(pipeline.criterion)

    def step_on(self, inputs: Tensor, targets: Tensor) -> float:
        """Learn from a batch: its loss."""
        inputs, targets = (one.to(self.device, non_blocking=True) for one in (inputs, targets))
        if (mix := self.pipeline.batch_mix) is not None:
            rank, world_size = rank_and_world_size()
            place = self.step * world_size + rank
            inputs, targets = mix(inputs, targets, epoch=self.epoch, step=place)
        with torch.autocast(self.device.type, self.half, enabled=self.half is not None):
            outputs = self.model(inputs)
        if targets.is_floating_point():
            targets = targets.float()
            if outputs.shape == (*targets.shape, 1):  # a number a sample
                outputs = outputs.squeeze(-1)
        loss = self.criterion(outputs, targets)
        self.optimizer.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()
        self.scaler.unscale_(self.optimizer)
        norm = nn.utils.clip_grad_norm_(self.learner.parameters(), self.trainer.max_norm)
        value, is_finite = float(loss.detach()), math.isfinite(norm)
        # float16 leaves out a step that overflows, and scales down, until it is at 1.
        if not math.isfinite(value) or not (is_finite or self.scaler.get_scale() > 1):
            raise TrainingError(
                f"epoch {self.epoch}, step {self.step}: expected a finite loss and gradient, got "
                f"{value:g} and {norm:g}, at learning rate {self.schedule.get_last_lr()[0]:.3g}. "
                'Lower it, look for NaN in the inputs, or train with amp="none".'
            )
        self.scaler.step(self.optimizer)
        self.scaler.update()
        if is_finite:
            self.schedule.step()
        self.step += 1
        return value
