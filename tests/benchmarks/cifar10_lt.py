"""CIFAR-10-LT by the recipe of the literature: last-epoch errors beside published ones.

    python tests/benchmarks/cifar10_lt.py cifar10_lt_ir100.npz --device cuda --out runs/
    python tests/benchmarks/cifar10_lt.py cifar10_lt_ir100.npz cross-entropy plan --seeds 1
    python tests/benchmarks/cifar10_lt.py --trial                # a few steps on noise, on the CPU

ResNet-32, 200 epochs, batches of 128, SGD with Nesterov momentum .9, learning rate .1 after
5 epochs of warm-up, divided by 100 at epochs 160 and 180, weight decay 2e-4, crops of a
padding of 4 and flips; all pictures lie on the device, in bfloat16 there. The npz holds
x_train uint8 [n, 32, 32, 3], y_train, x_test, y_test. Each run is written when it ends, and a
repeated call goes on with the runs that are missing. Published figures: trick gallery of Zhang
et al., Bag of Tricks for Long-Tailed Visual Recognition (AAAI 2021).
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from rows import print_table
from torch import Tensor, nn

import balancekit as bk
from balancekit.augment.mixing import Mixer
from balancekit.augment.on_device import OnDevice
from balancekit.augment.planned import augmentation_of
from balancekit.files import write_whole
from balancekit.losses import (
    BalancedSoftmaxLoss,
    ClassBalancedLoss,
    CosineLinear,
    DeferredReweighting,
    LDAMLoss,
    LogitAdjustedLoss,
    WeightedCrossEntropyLoss,
    retrain_classifier_,
)
from balancekit.metrics import confusion_matrix, recall_per_class
from balancekit.pipeline import criterion_of

EPOCHS, BATCH, RATE, DECAY, HEAD_EPOCHS = 200, 128, 0.1, 2e-4, 10
MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)


@dataclass(frozen=True)
class Method:
    """One way to train.

    Attributes:
        criterion: makes the loss of class counts and epochs.
        published: error in % at imbalance ratio 100.
        targets: what is drawn.
        head: makes the last layer of features and classes.
        is_mended: whether the head is learnt anew, balanced, after the training.
    """

    criterion: Callable[[NDArray[np.int64], int], nn.Module]
    published: float | None
    targets: object = field(default_factory=bk.Natural)
    head: Callable[[int, int], nn.Module] = nn.Linear
    is_mended: bool = False


def ldam(counts: NDArray[np.int64], epochs: int) -> nn.Module:
    def weighted(class_weights: Tensor) -> nn.Module:
        return LDAMLoss.from_counts(counts, class_weights=class_weights)

    return DeferredReweighting.from_counts(counts, epochs, criterion=weighted)


def plain(counts: NDArray[np.int64], epochs: int) -> nn.Module:
    return WeightedCrossEntropyLoss()


METHODS = {
    "cross-entropy": Method(plain, 29.64),
    "CB-focal": Method(
        lambda n, _: ClassBalancedLoss.from_counts(n, beta=0.9999, base="focal"), 24.80
    ),
    "LDAM-DRW": Method(ldam, 22.27, head=CosineLinear),
    "balanced softmax": Method(lambda n, _: BalancedSoftmaxLoss.from_counts(n), 22.46),
    "logit-adjusted": Method(lambda n, _: LogitAdjustedLoss.from_counts(n), 22.1),
    "balanced sampler": Method(plain, 27.55, targets=bk.Uniform()),
    "cRT": Method(plain, 25.01, is_mended=True),
}
PLAN = "plan"


class Block(nn.Module):
    """Two convolutions beside a shortcut that pads channels (He et al. 2016, option A)."""

    def __init__(self, n_in: int, n_out: int, stride: int) -> None:
        super().__init__()
        self.stride, self.pad = stride, (n_out - n_in) // 2
        self.first = nn.Conv2d(n_in, n_out, 3, stride, 1, bias=False)
        self.second = nn.Conv2d(n_out, n_out, 3, 1, 1, bias=False)
        self.norms = nn.ModuleList([nn.BatchNorm2d(n_out), nn.BatchNorm2d(n_out)])

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.norms[0](self.first(x)))
        y = self.norms[1](self.second(y))
        if self.pad or self.stride > 1:
            x = F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, self.pad, self.pad))
        return F.relu(x + y)


def resnet32(n_classes: int, head: Callable[[int, int], nn.Module]) -> nn.Sequential:
    """ResNet-32 for pictures of 32 × 32: 0.46 million weights."""
    layers: list[nn.Module] = [nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU()]
    width = 16
    for n_out in (16, 32, 64):
        for number in range(5):
            layers.append(Block(width, n_out, 2 if number == 0 and n_out > 16 else 1))
            width = n_out
    for layer in layers:
        for module in layer.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight)
    features = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return nn.Sequential(features, head(width, n_classes))


@dataclass(frozen=True)
class Data:
    """Pictures on the device, uint8 [n, 3, 32, 32], and their classes."""

    x: Tensor
    y: Tensor
    x_test: Tensor
    y_test: Tensor
    labels: bk.Labels


def data_of(path: Path | None, device: torch.device) -> Data:
    """The npz, or 600 pictures of noise without one."""
    if path is None:
        rng = np.random.default_rng(0)
        y = np.repeat(np.arange(10), [200, 120, 90, 60, 40, 30, 25, 15, 12, 8])
        x = rng.integers(0, 256, (len(y), 32, 32, 3), np.uint8)
        arrays = {"x_train": x, "y_train": y, "x_test": x[::2], "y_test": y[::2]}
        names = tuple(map(str, range(10)))
    else:
        with np.load(path) as found:
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


@dataclass(frozen=True)
class Recipe:
    """What all runs have in common."""

    data: Data
    device: torch.device
    epochs: int
    batch: int

    def run(self, name: str, seed: int) -> dict[str, object]:
        """The record of one run: last-epoch error in %, recall per class in %, seconds."""
        began = time.perf_counter()
        torch.manual_seed(seed)
        counts = self.data.labels.class_counts()
        plan = bk.recommend(bk.analyze(self.data.labels), picture_task="natural", seed=seed)
        method = METHODS.get(name, Method(lambda *_: criterion_of(plan), None, plan.sampling))
        model = resnet32(len(counts), method.head).to(self.device)
        if self.device.type == "cuda":
            model = model.to(memory_format=torch.channels_last)
        criterion = method.criterion(counts, self.epochs).to(self.device)
        augment, mixer = self._augmentation(plan) if name == PLAN else (crop_and_flip, None)
        self._train(model, criterion, method.targets, augment, mixer, seed, self.epochs, RATE)
        if method.is_mended:
            retrain_classifier_(model, model[1])
            self._train(
                model, plain(counts, 1), bk.Uniform(), crop_and_flip, None, seed + 1000,
                max(1, min(HEAD_EPOCHS, self.epochs)), RATE,
            )  # fmt: skip
        logits = self._logits(model)
        if name == PLAN:
            logits = logits + torch.as_tensor(plan.correction_shift()).to(logits)
        matrix = confusion_matrix(
            self.data.y_test.cpu().numpy(), logits.argmax(1).cpu().numpy(), len(counts)
        )
        recall = recall_per_class(matrix)[0]
        return {
            "method": name,
            "seed": seed,
            "error": round(100 * (1 - np.trace(matrix) / matrix.sum()), 3),
            "recall": (100 * recall).round(1).tolist(),
            "seconds": round(time.perf_counter() - began, 1),
            "weights": {k: v.cpu() for k, v in model.state_dict().items()},
        }

    def _augmentation(
        self, plan: bk.Plan
    ) -> tuple[Callable[[Tensor, Tensor], Tensor], Mixer | None]:
        """The plan's own operations after crops and flips, and its mixing."""
        policy = augmentation_of(
            plan.augmentation, plan.data.class_names, plan.data.class_counts, seed=plan.seed
        )
        on_device = None if policy is None else OnDevice(policy)  # type: ignore[arg-type]

        def augment(x: Tensor, keys: Tensor) -> Tensor:
            x = crop_and_flip(x, keys)
            return x if on_device is None else on_device(x, keys)

        mix = getattr(plan.augmentation, "mix", None)
        counts = plan.data.class_counts
        mixer = mix and Mixer(
            mix, len(counts), task="natural", class_counts=counts, n_epochs=self.epochs,
            seed=plan.seed,
        )  # fmt: skip
        return augment, mixer

    def _train(
        self,
        model: nn.Module,
        criterion: nn.Module,
        targets: object,
        augment: Callable[[Tensor, Tensor], Tensor],
        mixer: Mixer | None,
        seed: int,
        epochs: int,
        rate: float,
    ) -> None:
        learning = [p for p in model.parameters() if p.requires_grad]
        optimizer = torch.optim.SGD(learning, rate, 0.9, weight_decay=DECAY, nesterov=True)
        sampler = bk.BalancedBatchSampler(
            self.data.labels, self.batch, targets=targets, seed=seed, yields="keys"
        )
        model.train()
        for epoch in range(epochs):
            for group in optimizer.param_groups:
                group["lr"] = rate * factor(epoch, epochs)
            if isinstance(criterion, DeferredReweighting):
                criterion.set_epoch(epoch)
            if mixer is not None:
                mixer.set_epoch(epoch)
            sampler.set_epoch(epoch)
            for step, keys in enumerate(self._keys(sampler)):
                indices = keys[:, 1].to(self.device)
                x, y = augment(self.data.x[indices], keys), self.data.y[indices]
                inputs, labels = normalised(x), y
                if mixer is not None:
                    inputs, labels = mixer(inputs, y, epoch=epoch, step=step)
                with torch.autocast(
                    self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"
                ):
                    logits = model(inputs)
                loss = criterion(logits.float(), labels)
                optimizer.zero_grad(set_to_none=True)
                loss.backward()
                optimizer.step()

    def _keys(self, sampler: bk.BalancedBatchSampler) -> Iterator[Tensor]:
        for batch in sampler:
            yield torch.tensor([list(key) for key in batch])

    @torch.inference_mode()
    def _logits(self, model: nn.Module) -> Tensor:
        model.eval()
        parts = self.data.x_test.split(1000)
        return torch.cat([model(normalised(part)).float() for part in parts])


def factor(epoch: int, epochs: int) -> float:
    """Of the learning rate: warm-up over 5 epochs, 1/100 from 80 %, 1/10,000 from 90 %."""
    if epoch < 5 <= epochs / 10:
        return (epoch + 1) / 5
    return 1.0 if epoch < 0.8 * epochs else 0.01 if epoch < 0.9 * epochs else 0.0001


def crop_and_flip(x: Tensor, keys: Tensor) -> Tensor:
    """A crop out of a padding of 4 and a flip of every second picture, drawn on its device."""
    n, size = len(x), x.shape[-1]
    padded = F.pad(x, (4, 4, 4, 4))
    at = torch.randint(0, 9, (2, n, 1), device=x.device) + torch.arange(size, device=x.device)
    flipped = torch.rand(n, 1, device=x.device) < 0.5
    columns = torch.where(flipped, at[1].flip(1), at[1])
    rows = torch.arange(n, device=x.device)[:, None, None]
    cut: Tensor = padded[rows, :, at[0][:, :, None], columns[:, None, :]]  # [n, size, size, 3]
    return cut.movedim(-1, 1)


def normalised(x: Tensor) -> Tensor:
    mean = torch.tensor(MEAN, device=x.device)[:, None, None]
    std = torch.tensor(STD, device=x.device)[:, None, None]
    return (x.float() / 255 - mean) / std


def told(records: list[dict[str, object]]) -> None:
    rows = []
    for name in dict.fromkeys(str(record["method"]) for record in records):
        errors = [float(str(r["error"])) for r in records if r["method"] == name]
        published = METHODS[name].published if name in METHODS else None
        mean = np.mean(errors)
        spread = f"{np.std(errors, ddof=1):.2f}" if len(errors) > 1 else "–"
        seconds = np.mean([float(str(r["seconds"])) for r in records if r["method"] == name])
        rows.append(
            [
                name,
                f"{mean:.2f} ± {spread}",
                "–" if published is None else f"{published:.2f}",
                "–" if published is None else f"{mean - published:+.2f}",
                f"{len(errors)}",
                f"{seconds:.0f}",
            ]
        )
    heads = ("method", "error %", "published %", "difference", "seeds", "seconds a run")
    print_table(heads, rows, markdown=True)


def main() -> int:
    """Run what was asked for, tell the errors."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("npz", type=Path, nargs="?")
    parser.add_argument("methods", nargs="*", help=f"of {', '.join((*METHODS, PLAN))}; all")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--out", type=Path, default=Path("cifar10_lt_runs"))
    parser.add_argument("--trial", action="store_true", help="two epochs of noise, one seed")
    asked = parser.parse_args()
    if (asked.npz is None) != asked.trial:
        parser.error("expected the npz, or --trial without it")
    if unknown := set(asked.methods) - {*METHODS, PLAN}:
        parser.error(f"expected methods of {[*METHODS, PLAN]}, got {sorted(unknown)}")
    device = torch.device(asked.device)
    torch.backends.cudnn.benchmark = True
    epochs, seeds = (2, 1) if asked.trial else (asked.epochs, asked.seeds)
    recipe = Recipe(data_of(asked.npz, device), device, epochs, BATCH)
    asked.out.mkdir(parents=True, exist_ok=True)
    records = []
    for seed in range(seeds):  # all methods of a seed first: a run cut short compares still
        for name in asked.methods or (*METHODS, PLAN):
            place = asked.out / f"{name.replace(' ', '-')}-{epochs}-{seed}.json"
            if not place.is_file():
                record = recipe.run(name, seed)
                torch.save(record.pop("weights"), place.with_suffix(".pt"))
                write_whole(json.dumps(record).encode(), place)
                print(f"{name}, seed {seed}: {record['error']} %", file=sys.stderr, flush=True)
            records.append(json.loads(place.read_text(encoding="utf-8")))
    told(records)
    return 0


if __name__ == "__main__":
    sys.exit(main())
