"""One run of the CIFAR-10-LT benchmark: data on the device, training, checkpoints, the record."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from cifar10_lt_methods import FIRST_STAGE, HEAD_STAGE, METHODS, PLAN, Method, Stage, plain
from cifar10_lt_net import crop_and_flip, normalised, resnet32
from torch import Tensor, nn

import balancekit as bk
from balancekit.augment.mixing import Mixer
from balancekit.augment.on_device import OnDevice
from balancekit.augment.planned import augmentation_of
from balancekit.checkpoints import Checkpoint
from balancekit.errors import OptionError, TrainingError
from balancekit.losses import DeferredReweighting, retrain_classifier_
from balancekit.metrics import confusion_matrix, recall_per_class
from balancekit.pipeline import criterion_of
from balancekit.plan import OneStage, is_steady

__all__ = ["Data", "Recipe", "data_of"]

RATE, MOMENTUM = 0.1, 0.9
IN_TRIAL = (20, 8, 4, 2, 2, 2, 2, 2, 2, 2)
"""Pictures of noise of each class; small ones, as the network takes any."""
SIDE_IN_TRIAL = 16


@dataclass(frozen=True, eq=False)
class Data:
    """Pictures on the device, uint8 [n, 3, 32, 32], and their classes."""

    x: Tensor
    y: Tensor
    x_test: Tensor
    y_test: Tensor
    labels: bk.Labels


def data_of(npz: Path | None, device: torch.device) -> Data:
    """The npz, or a few pictures of noise without one."""
    if npz is None:
        rng = np.random.default_rng(0)
        y = np.repeat(np.arange(10), IN_TRIAL)
        x = rng.integers(0, 256, (len(y), SIDE_IN_TRIAL, SIDE_IN_TRIAL, 3), np.uint8)
        arrays = {"x_train": x, "y_train": y, "x_test": x[::2], "y_test": y[::2]}
        names = tuple(map(str, range(10)))
    else:
        with np.load(npz) as found:
            arrays = {name: found[name] for name in ("x_train", "y_train", "x_test", "y_test")}
            names = tuple(map(str, found["classes"] if "classes" in found else range(10)))
    pictures = [
        torch.as_tensor(arrays[name]).movedim(-1, 1).contiguous().to(device)
        for name in ("x_train", "x_test")
    ]
    classes = [
        torch.as_tensor(arrays[name], dtype=torch.int64, device=device)
        for name in ("y_train", "y_test")
    ]
    labels = bk.Labels(class_ids=arrays["y_train"], class_names=names, media="pictures")
    return Data(pictures[0], classes[0], pictures[1], classes[1], labels)


@dataclass(frozen=True, eq=False)
class Augment:
    """What is done to the pictures of all runs, and what a plan does to them besides."""

    on_device: OnDevice | None = None
    mixer: Mixer | None = None

    @classmethod
    def of_plan(cls, plan: bk.Plan, n_epochs: int) -> "Augment":
        """The plan's own operations after crops and flips, and its mixing."""
        counts, choice = plan.data.class_counts, plan.augmentation
        policy = augmentation_of(choice, plan.data.class_names, counts, seed=plan.seed)
        mix = getattr(choice, "mix", None)
        mixer = mix and Mixer(
            mix, len(counts), task=choice.task, class_counts=counts, n_epochs=n_epochs,
            seed=plan.seed,
        )  # fmt: skip
        return cls(policy and OnDevice(policy), mixer)

    def __call__(self, x: Tensor, keys: Tensor) -> Tensor:
        x = crop_and_flip(x)
        return x if self.on_device is None else self.on_device(x, keys)


class Stopwatch:
    """Seconds that a run has taken, those before an interruption with them."""

    def __init__(self) -> None:
        self.began = time.perf_counter()

    def seconds(self) -> float:
        return round(time.perf_counter() - self.began, 1)

    def state_dict(self) -> dict[str, float]:
        return {"seconds": self.seconds()}

    def load_state_dict(self, state_dict: dict[str, float]) -> None:
        self.began = time.perf_counter() - state_dict["seconds"]


@dataclass(frozen=True, eq=False)
class Recipe:
    """What all runs have in common.

    Attributes:
        data: on the device.
        device: to train on, in bfloat16 if it is a GPU.
        epochs: of the first stage.
        batch: pictures a step.
        is_over: whether to stop after the epoch, and go on with it another time.
        checkpoint_epochs: after how many epochs a checkpoint is written, besides.
        is_compiled: whether the network is compiled, and replayed as a CUDA graph.
    """

    data: Data
    device: torch.device
    epochs: int
    batch: int
    is_over: Callable[[], bool]
    checkpoint_epochs: int = 10
    is_compiled: bool = False

    def run(self, name: str, seed: int, place: Path) -> tuple[dict[str, object], nn.Module] | None:
        """The record of a run and its network; None where it was stopped before its end.

        Args:
            name: of the method.
            seed: of the network and of all that is drawn.
            place: of the checkpoints, but for their suffix; a run goes on from them.
        """
        watch = Stopwatch()
        torch.manual_seed(seed)
        counts = self.data.labels.class_counts()
        plan = self.recommended(seed) if name == PLAN else None
        method, augment = self._of(name, plan)
        model = resnet32(len(counts), method.head).to(self.device)
        if self.device.type == "cuda":
            model = model.to(memory_format=torch.channels_last)
        criterion = method.criterion(counts, self.epochs).to(self.device)
        stages = [(FIRST_STAGE.of_length(self.epochs), criterion)]
        if method.is_mended:
            length = max(1, round(HEAD_STAGE.epochs * self.epochs / FIRST_STAGE.epochs))
            stages += [(HEAD_STAGE.of_length(length), plain(counts, length))]
        for number, (stage, loss) in enumerate(stages):
            if number:
                retrain_classifier_(model, model[1])
            facts = {"method": name, "seed": seed, "stage": number, "samples": len(self.data.y)}
            targets = stage.targets or method.targets
            training = _Training(self, stage, model, loss, augment, targets, facts, watch)
            if not training.train(place.with_suffix(f".stage{number}")):
                return None
        return {**self._measured(model, plan), "seconds": watch.seconds()}, model

    def recommended(self, seed: int) -> bk.Plan:
        """The recommender's own plan for these pictures, in batches as the recipe has them.

        Raises:
            OptionError: it asks for what this training does not do.
        """
        stats = bk.analyze(self.data.labels)
        plan = bk.recommend(stats, picture_task="natural", batch_size=self.batch, seed=seed)
        is_plain = isinstance(plan.stages, OneStage) and is_steady(plan.sampling)
        if not is_plain or plan.bias_init != "zeros":
            raise OptionError(
                "plan: expected one stage, draws that stay and a bias of zeros, which are all that "
                f"this recipe carries out, got {plan.stages}, {plan.sampling}, {plan.bias_init}"
            )
        return plan

    def _of(self, name: str, plan: bk.Plan | None) -> tuple[Method, Augment]:
        if plan is None:
            return METHODS[name], Augment()
        method = Method(lambda *_: criterion_of(plan), None, plan.sampling)
        return method, Augment.of_plan(plan, self.epochs)

    def _measured(self, model: nn.Module, plan: bk.Plan | None) -> dict[str, object]:
        logits = self._logits(model)
        if plan is not None:
            logits = logits + torch.as_tensor(plan.correction_shift()).to(logits)
        true, chosen = (part.cpu().numpy() for part in (self.data.y_test, logits.argmax(1)))
        matrix = confusion_matrix(true, chosen, logits.shape[1])
        return {
            "error": round(100 * (1 - np.trace(matrix) / matrix.sum()), 3),
            "recall": (100 * recall_per_class(matrix)[0]).round(1).tolist(),
            "epochs": self.epochs,
            "device": torch.cuda.get_device_name() if logits.is_cuda else "CPU",
        }

    @torch.inference_mode()
    def _logits(self, model: nn.Module) -> Tensor:
        model.eval()
        parts = self.data.x_test.split(1000)
        return torch.cat([model(normalised(part)).float() for part in parts])


@dataclass(frozen=True, eq=False)
class _Training:
    """One stage of a run."""

    recipe: Recipe
    stage: Stage
    model: nn.Module
    criterion: nn.Module
    augment: Augment
    targets: object
    facts: dict[str, int | str]
    watch: Stopwatch

    def train(self, place: Path) -> bool:
        """Train, on from the checkpoint if there is one: whether to the end."""
        recipe, stage = self.recipe, self.stage
        learning = [p for p in self.model.parameters() if p.requires_grad]
        optimizer = torch.optim.SGD(
            learning, RATE, MOMENTUM, weight_decay=stage.weight_decay, nesterov=True
        )
        parts = (self.model, optimizer, self.criterion, self.watch)
        facts = {**self.facts, "epochs": stage.epochs, "batch": recipe.batch}
        checkpoint = Checkpoint(place, parts, facts)
        forward: Callable[[Tensor], Tensor] = self.model
        if recipe.is_compiled:
            forward = torch.compile(self.model, mode="reduce-overhead")
        for epoch in range(checkpoint.load()[0], stage.epochs):
            loss = self._epoch(epoch, forward, optimizer)
            if not math.isfinite(loss):
                raise TrainingError(f"epoch {epoch}: expected a finite loss, got {loss}")
            is_last, is_over = epoch + 1 == stage.epochs, recipe.is_over()
            if is_last or is_over or (epoch + 1) % recipe.checkpoint_epochs == 0:
                checkpoint.save(epoch + 1, 0)
            if is_over and not is_last:
                return False
        return True

    def _epoch(
        self,
        epoch: int,
        forward: Callable[[Tensor], Tensor],
        optimizer: torch.optim.Optimizer,
    ) -> float:
        """The mean loss of an epoch."""
        for group in optimizer.param_groups:
            group["lr"] = RATE * self.stage.factor(epoch)
        if isinstance(self.criterion, DeferredReweighting):
            self.criterion.set_epoch(epoch)
        self.model.train()
        losses = []
        for step, (x, y) in enumerate(self._batches(epoch)):
            inputs, targets = normalised(x), y
            if self.augment.mixer is not None:
                inputs, targets = self.augment.mixer(inputs, y, epoch=epoch, step=step)
            optimizer.zero_grad(set_to_none=True)
            with torch.autocast(inputs.device.type, torch.bfloat16, enabled=inputs.is_cuda):
                logits = forward(inputs)
            loss = self.criterion(logits.float(), targets)
            loss.backward()
            optimizer.step()
            losses.append(loss.detach())  # no look at it: the host would wait in every step
        return float(torch.stack(losses).mean())

    def _batches(self, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Pictures and classes of an epoch, all of which are drawn and augmented at once."""
        data, recipe = self.recipe.data, self.recipe
        sampler = bk.BalancedBatchSampler(
            data.labels,
            recipe.batch,
            targets=self.targets,
            seed=int(self.facts["seed"]),
            yields="keys",
        )
        sampler.set_epoch(epoch)
        batches = list(sampler)
        keys = torch.tensor([list(key) for batch in batches for key in batch])
        indices, sizes = keys[:, 1].to(recipe.device), [len(batch) for batch in batches]
        x, y = self.augment(data.x[indices], keys), data.y[indices]
        yield from zip(x.split(sizes), y.split(sizes), strict=True)
