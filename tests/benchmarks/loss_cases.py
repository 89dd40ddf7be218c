"""What losses.py measures: logits and targets, each loss, its peers and its floors."""

import importlib.util
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import loss_peers as peers
import numpy as np
import torch
import torch.nn.functional as F
from loss_costs import n_bytes, passes, peak_bytes
from rows import Contender, Side, fraction, measured
from torch import Tensor

from balancekit import losses

__all__ = ["CASES", "HEADINGS", "SIGMOID", "SOFTMAX", "Batch", "Entry", "Row"]

HEADINGS = ("name", "loss", "time", "ratio", "of CPU time", "floor", "passes", "memory", "verdict")
MOST_MEMORY = 2.0
"""What a loss with a floor may hold at once, in tensors of the size of the logits."""
RUN_S = 0.1
"""Seconds that a run takes at full scale, so that a clock's grain is not in it."""


@dataclass(frozen=True)
class Batch:
    """Logits with targets of both kinds, and the long-tailed counts that they were drawn from.

    Attributes:
        logits: float [N, C, …], with gradient.
        classes: int64 [N, …], for losses of one class a target.
        labels: float [N, C, …] of 0 and 1, for losses of a sigmoid a label.
        class_counts: int64 [C], samples of each class in the training set.
        label_counts: int64 [C], samples with each label.
        n_samples: in the training set.
    """

    logits: Tensor
    classes: Tensor
    labels: Tensor
    class_counts: Any
    label_counts: Any
    n_samples: int

    @classmethod
    def of(
        cls, shape: tuple[int, ...], device: str = "cpu", dtype: torch.dtype = torch.float32
    ) -> "Batch":
        """Random, the same at every run, classes and labels 100 times as rare at the end."""
        random = torch.Generator(device).manual_seed(0)
        n, n_classes, *positions = shape
        shares = 100 ** -torch.linspace(0, 1, n_classes)
        n_samples = 1000 * n_classes
        counts = (shares / shares.sum() * n_samples).ceil().long()
        n_targets = n * int(np.prod(positions))
        drawn = torch.multinomial(shares.to(device), n_targets, replacement=True, generator=random)
        often = (shares / 2).to(device).reshape(-1, *[1] * len(positions))
        logits = torch.randn(shape, generator=random, device=device).mul_(2).to(dtype)
        return cls(
            logits.requires_grad_(),
            drawn.reshape(n, *positions),
            (torch.rand(shape, generator=random, device=device) < often).to(dtype),
            counts.numpy(),
            (shares / 2 * n_samples).ceil().long().numpy(),
            n_samples,
        )


@dataclass(frozen=True)
class Entry:
    """A loss in the table.

    Attributes:
        name: in the table.
        make: the loss for a batch's counts.
        takes: targets of a batch.
        most_ratio: floor of its time over that of the case's first entry.
        library: that it needs beyond what balancekit needs.
        is_flat: takes logits [N, C] alone.
    """

    name: str
    make: Callable[[Batch], Any]
    takes: Literal["classes", "labels"] = "classes"
    most_ratio: float | None = None
    library: str | None = None
    is_flat: bool = False

    @property
    def is_installed(self) -> bool:
        """Whether it can run."""
        return self.library is None or importlib.util.find_spec(self.library) is not None

    def targets(self, batch: Batch) -> Tensor:
        """Those that it takes."""
        return batch.classes if self.takes == "classes" else batch.labels

    def step(self, batch: Batch) -> Callable[[], None]:
        """One forward and backward."""
        loss, targets, logits = self.make(batch), self.targets(batch), batch.logits

        def forward_and_backward() -> None:
            logits.grad = None
            loss(logits, targets).backward()

        return forward_and_backward


SOFTMAX = (
    Entry("F.cross_entropy", lambda batch: F.cross_entropy),
    Entry("focal", lambda batch: losses.FocalLoss(), most_ratio=1.15),
    Entry(
        "class-balanced",
        lambda batch: losses.ClassBalancedLoss.from_counts(batch.class_counts),
        most_ratio=1.15,
    ),
    Entry(
        "logit-adjusted",
        lambda batch: losses.LogitAdjustedLoss.from_counts(batch.class_counts),
        most_ratio=1.15,
    ),
    Entry("GW", lambda batch: losses.GWLoss(), most_ratio=1.15),
    Entry("GHM-C", lambda batch: losses.GHMCLoss(), most_ratio=1.5),
    Entry(
        "weighted cross-entropy",
        lambda batch: losses.WeightedCrossEntropyLoss.from_counts(batch.class_counts),
    ),
    Entry(
        "balanced softmax",
        lambda batch: losses.BalancedSoftmaxLoss.from_counts(batch.class_counts),
    ),
    Entry("VS", lambda batch: losses.VSLoss.from_counts(batch.class_counts)),
    # Not 30, which is for cosines: these logits would make exp leave the normal numbers.
    Entry("LDAM", lambda batch: losses.LDAMLoss.from_counts(batch.class_counts, scale=1.0)),
    Entry("poly-1", lambda batch: losses.PolyLoss()),
    Entry("seesaw", lambda batch: losses.SeesawLoss(len(batch.class_counts))),
    Entry("plain PyTorch focal", lambda batch: peers.plain_focal),
    Entry(
        "imbalanced-losses focal",
        lambda batch: peers.imbalanced_losses("SoftmaxFocalLoss"),
        library="imbalanced_losses",
    ),
    Entry("MONAI focal", lambda batch: peers.monai_softmax(), library="monai"),
    Entry(
        "balanced-loss",
        lambda batch: peers.balanced_loss("cross_entropy", batch.class_counts),
        library="balanced_loss",
        is_flat=True,
    ),
)

SIGMOID = (
    Entry(
        "F.binary_cross_entropy_with_logits",
        lambda batch: F.binary_cross_entropy_with_logits,
        "labels",
    ),
    Entry("sigmoid focal", lambda batch: losses.SigmoidFocalLoss(), "labels", 1.8),
    Entry(
        "class-balanced, sigmoid",
        lambda batch: losses.ClassBalancedLoss.from_counts(batch.class_counts, base="sigmoid"),
        most_ratio=1.8,
    ),
    Entry(
        "class-balanced, focal",
        lambda batch: losses.ClassBalancedLoss.from_counts(batch.class_counts, base="focal"),
        most_ratio=1.8,
    ),
    Entry("ASL", lambda batch: losses.AsymmetricLoss(), "labels", 1.8),
    Entry(
        "sigmoid focal, γ = 1.5",
        lambda batch: losses.SigmoidFocalLoss(gamma=1.5),
        "labels",
    ),
    Entry(
        "BCE, pos_weight",
        lambda batch: losses.WeightedBCELoss.from_counts(batch.label_counts, batch.n_samples),
        "labels",
    ),
    Entry(
        "distribution-balanced",
        lambda batch: losses.DistributionBalancedLoss.from_counts(
            batch.label_counts, batch.n_samples
        ),
        "labels",
    ),
    Entry("EQL v2", lambda batch: losses.EQLv2Loss(len(batch.class_counts)), "labels"),
    Entry("GHM-C, sigmoid", lambda batch: losses.GHMCLoss(base="sigmoid"), "labels"),
    Entry("torchvision's formula", lambda batch: peers.sigmoid_focal, "labels"),
    Entry("timm's ASL formula", lambda batch: peers.asymmetric, "labels"),
    Entry("MONAI focal", lambda batch: peers.monai_sigmoid(), "labels", library="monai"),
    Entry(
        "imbalanced-losses focal",
        lambda batch: peers.imbalanced_losses("SigmoidFocalLoss"),
        "labels",
        library="imbalanced_losses",
    ),
    Entry(
        "balanced-loss, sigmoid",
        lambda batch: peers.balanced_loss("binary_cross_entropy", batch.class_counts),
        library="balanced_loss",
        is_flat=True,
    ),
    Entry(
        "balanced-loss, focal",
        lambda batch: peers.balanced_loss("focal_loss", batch.class_counts),
        library="balanced_loss",
        is_flat=True,
    ),
)


@dataclass(frozen=True)
class Row:
    """A line of the table."""

    name: str
    entry: Entry
    side: Side | None = None
    yardstick: Side | None = None
    passes: float = 0.0
    memory: float = 0.0
    most_memory: float = 0.0
    remark: str = ""

    @property
    def is_missed(self) -> bool:
        """Whether a floor is."""
        if self.entry.most_ratio is None or not self.side or not self.yardstick:
            return False
        ratio = self.side.wall / self.yardstick.wall
        return ratio > self.entry.most_ratio or self.memory > self.most_memory

    def cells(self) -> tuple[str, ...]:
        """The line as it is printed."""
        if not self.side or not self.yardstick:
            return (self.name, self.entry.name, *[""] * 6, self.remark)
        floor = self.entry.most_ratio
        return (
            self.name,
            self.entry.name,
            f"{self.side.wall * 1e3:.3g} ms",
            fraction(self.side.wall / self.yardstick.wall),
            fraction(self.side.core / self.yardstick.core),
            "" if floor is None else f"≤ {floor}, ≤ {self.most_memory:.3g}",
            f"{self.passes:.3g}",
            f"{self.memory:.2f}",
            "" if floor is None else "missed" if self.is_missed else "pass",
        )


def compared(
    name: str, entries: tuple[Entry, ...], shape: tuple[int, ...], runs: int, run_s: float
) -> Iterator[Row]:
    """A row of each entry, all of which take turns, over the first."""
    # glibc keeps freed memory up to a limit that grows with what was freed: let it be the
    # same whatever ran before, and as large as a model makes it.
    torch.empty(2**25 - 2**12, dtype=torch.uint8)
    batch = Batch.of(shape)
    steps, missing = {}, []
    for entry in entries:
        if not entry.is_installed:
            missing.append(Row(name, entry, remark="is not installed (--peers)"))
        else:
            steps[entry] = entry.step(batch)
    sides = measured([timed(entry, step, run_s) for entry, step in steps.items()], runs)
    for (entry, step), side in zip(steps.items(), sides, strict=True):
        yield Row(
            name,
            entry,
            side,
            sides[0],
            passes(step, batch.logits),
            peak(step, batch) / n_bytes(batch.logits),
            MOST_MEMORY,
        )
    yield from missing


def timed(entry: Entry, step: Callable[[], None], run_s: float) -> Contender:
    """As many steps in a run as take some time, after one that is not timed."""
    (side,) = measured([Contender(entry.name, step, lambda _: step())], 3)
    n_steps = max(1, round(run_s / side.wall))

    def run(_: Any) -> None:
        for _ in range(n_steps):
            step()

    # The first step finds the memory as the loss before has left it.
    return Contender(entry.name, step, run, n_steps)


def peak(step: Callable[[], None], batch: Batch) -> int:
    batch.logits.grad = None
    return peak_bytes(step)


def case(
    name: str, entries: tuple[Entry, ...], n: int, n_classes: int
) -> Callable[[float, int], Iterator[Row]]:
    return lambda scale, runs: compared(
        name, entries, (max(8, int(n * scale)), n_classes), runs, RUN_S * scale
    )


CASES: dict[str, Callable[[float, int], Iterator[Row]]] = {
    "8192x1000": case("8192x1000", SOFTMAX, 8192, 1000),
    "8192x10": case("8192x10", SOFTMAX, 8192, 10),
    "8192x80": case("8192x80", SIGMOID, 8192, 80),
}
