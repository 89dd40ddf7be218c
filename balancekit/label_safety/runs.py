"""Single runs of the probe: a model trained under a policy, tested on held-out pictures."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from balancekit.analysis import stats_from_counts
from balancekit.augment import AugmentationPolicy
from balancekit.augment.adapters.random_states import lent_random_states
from balancekit.augment.native import Picture
from balancekit.augment.pictures import as_picture
from balancekit.labels import Labels
from balancekit.metrics import confusion_matrix
from balancekit.pipeline import KeyedDataset, Pipeline, build
from balancekit.plan import Plan, Uniform
from balancekit.recommender import baseline
from balancekit.samplers.loader import ResumableLoader
from balancekit.stats import Counts
from balancekit.training import fit, predict

__all__ = ["Setting", "small_net"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Setting:
    """All that the runs have in common."""

    dataset: Any
    labels: Labels
    usable: NDArray[np.int64]
    model: Callable[[], nn.Module]
    transform: Callable[[Any], Any] | None
    val_share: float
    epochs: int
    learning_rate: float
    loader_options: dict[str, Any]

    def run(self, seed: int, policy: AugmentationPolicy) -> NDArray[np.int64]:
        """The confusion matrix, on held-out samples, of a model trained under a policy."""
        train, held_out = _split(self.labels, self.usable, self.val_share, seed)
        labels = self.labels.take(train)
        part = _Part(self.dataset, self.labels, train)
        dataset = KeyedDataset(part, policy, self.transform, True, float_pictures=True)
        pipeline = _pipeline(_plan(labels, seed), dataset, labels, self.loader_options)
        part = _Part(self.dataset, self.labels, held_out)
        # The same start for every policy, also for transforms that draw from global generators;
        # the caller's stay as they were.
        with lent_random_states(np.random.default_rng(seed)), torch.random.fork_rng():
            torch.manual_seed(seed)
            net = self.model()
            fit(net, pipeline, epochs=self.epochs, learning_rate=self.learning_rate)
            logits, targets = predict(net, pipeline.test_loader(part, batch_size=256))
        return confusion_matrix(targets, logits.argmax(1).numpy(), self.labels.n_classes)


@dataclass(frozen=True, eq=False)
class _Part:
    """Some samples of a data set: pictures as arrays, and their class ids."""

    dataset: Any
    labels: Labels
    indices: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int) -> tuple[Picture, int]:
        at = int(self.indices[index])
        return as_picture(self.dataset[at][0]), int(self.labels.class_ids[at])


def _pipeline(
    plan: Plan, dataset: KeyedDataset, labels: Labels, loader_options: dict[str, Any]
) -> Pipeline:
    """The pipeline of a plan over a data set that augments by itself."""
    options = dict(loader_options)
    batch_size = options.pop("batch_size")
    plain = build(plan, dataset.dataset, labels, batch_size=batch_size, **options)
    loader = ResumableLoader(
        dataset,
        batch_sampler=plain.sampler,
        generator=torch.Generator().manual_seed(plan.seed),
        **options,
    )
    return replace(plain, loader=loader, dataset=dataset)


def _plan(labels: Labels, seed: int) -> Plan:
    """Cross-entropy over classes drawn equally often: rare ones are learned, so can be harmed."""
    stats = stats_from_counts(Counts.from_labels(labels), "probe", labels.class_names)
    plain = baseline(stats, seed=seed)
    return msgspec.structs.replace(plain, sampling=Uniform(), wanted_prior="uniform").check()


def _split(
    labels: Labels, usable: NDArray[np.int64], val_share: float, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Indices to train on and to hold out; a class of one sample is trained on alone."""
    rng = np.random.default_rng(np.random.SeedSequence([seed, len(usable)]))
    train, held_out = [], []
    for class_id in range(labels.n_classes):
        members = rng.permutation(usable[labels.class_ids[usable] == class_id])
        n_held = min(len(members) - 1, max(1, round(val_share * len(members))))
        held_out.append(members[: max(0, n_held)])
        train.append(members[max(0, n_held) :])
    return np.sort(np.concatenate(train)), np.sort(np.concatenate(held_out))


def small_net(n_channels: int, n_classes: int) -> nn.Module:
    """Two convolutions and a linear layer over a 4 × 4 grid, which keeps places apart."""
    # Not `balancekit.models.PictureModel`, which averages over places and learns slower: by it,
    # flips that exchange the halves of a picture, and so its classes, are not shown to harm in
    # the epochs in which this net does.
    return nn.Sequential(
        nn.Conv2d(n_channels, 32, 3, padding=1),
        nn.GroupNorm(8, 32),
        nn.ReLU(),
        nn.MaxPool2d(2, ceil_mode=True),
        nn.Conv2d(32, 64, 3, padding=1),
        nn.GroupNorm(8, 64),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(4),
        nn.Flatten(),
        nn.Linear(64 * 16, n_classes),
    )
