"""Comparison: plans trained under the same budget, side by side."""

import time
from collections.abc import Callable, Mapping
from typing import Any, Literal

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.utils.data import DataLoader

from balancekit.analysis import stats_from_counts
from balancekit.errors import OptionError
from balancekit.labels import Labels, labels_of
from balancekit.metrics import (
    accuracy,
    balanced_accuracy,
    confusion_matrix,
    macro_f1,
    recall_per_class,
)
from balancekit.pipeline import Pipeline, build
from balancekit.plan import Plan
from balancekit.recommender import baseline, recommend
from balancekit.stats import Counts
from balancekit.training import fit, predict

__all__ = ["Arm", "Comparison", "compare"]


class Arm(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One plan's results: a confusion matrix a seed, rows the true classes."""

    name: str
    confusions: tuple[tuple[tuple[int, ...], ...], ...]
    seconds_per_seed: tuple[float, ...]

    def per_seed(self, metric: Callable[[NDArray[np.int64]], float]) -> NDArray[np.float64]:
        """A metric of each seed: float64 [n_seeds]."""
        return np.array([metric(np.array(confusion)) for confusion in self.confusions])

    def confusion(self) -> NDArray[np.int64]:
        """Confusion matrices of all seeds together: int64 [n_classes, n_classes]."""
        together: NDArray[np.int64] = np.array(self.confusions, np.int64).sum(0)
        return together

    def recall(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Mean recall of each class and its 95 % interval: three of float64 [n_classes].

        The interval is that of one validation set: seeds see the same samples, so they
        make it no narrower.
        """
        return recall_per_class(self.confusion() / len(self.confusions))


class Comparison(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Results of all plans on the same validation set."""

    schema: Literal["balancekit.comparison/1"] = "balancekit.comparison/1"
    class_names: tuple[str, ...]
    train_counts: tuple[int, ...]
    epochs: int
    seeds: tuple[int, ...]
    arms: tuple[Arm, ...]

    def summary(self) -> dict[str, dict[str, tuple[float, float]]]:
        """Mean and standard deviation over seeds of each metric, by plan and metric."""
        metrics = {
            "accuracy": accuracy,
            "balanced_accuracy": balanced_accuracy,
            "macro_f1": macro_f1,
        }
        return {
            arm.name: {
                name: (
                    float(arm.per_seed(metric).mean()),
                    float(arm.per_seed(metric).std(ddof=1)) if len(self.seeds) > 1 else 0.0,
                )
                for name, metric in metrics.items()
            }
            for arm in self.arms
        }


def compare(
    dataset: Any,
    plans: Mapping[str, Plan] | None = None,
    *,
    validation: Any,
    model: Callable[[], nn.Module],
    epochs: int,
    batch_size: int,
    seeds: int = 3,
    learning_rate: float = 1e-3,
    transform: Callable[[Any], Any] | None = None,
    on_step: Callable[[float], None] | None = None,
    **loader_options: Any,
) -> Comparison:
    """Results of plans trained under the same budget and seeds, on the same held-out samples.

    Every run of a seed starts from the same weights; logits are corrected before they decide.

    Args:
        dataset: to train on, as for `build`.
        plans: by name; plain cross-entropy and the recommended plan if not given.
        validation: map-style data set of samples that are not in `dataset`.
        model: makes a new model, logits [N, n_classes] from inputs [N, …].
        epochs: passes over the training data, of every plan.
        batch_size: draws a batch.
        seeds: runs of each plan.
        learning_rate: at its peak.
        transform: of each input, as for `build`.
        on_step: called with the loss after every step of any run.
        **loader_options: for `torch.utils.data.DataLoader`.

    Raises:
        OptionError: `seeds` or `epochs` is below 1, or there is nothing to test on.
        PlanError: a plan is for other data.
    """
    labels = labels_of(dataset)
    _check_budget(labels, validation, seeds, epochs)
    options = {"batch_size": batch_size, "transform": transform, **loader_options}

    def run(plan: Plan, seed: int) -> tuple[NDArray[np.int64], float]:
        began = time.perf_counter()
        seeded = msgspec.structs.replace(plan, seed=plan.seed + seed)
        pipeline = build(seeded, dataset, labels, n_epochs=epochs, **options)
        # The same start for every plan; the caller's global generators stay as they were.
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            net = model()
            fit(net, pipeline, epochs=epochs, learning_rate=learning_rate, on_step=on_step)
        tests = pipeline.test_loader(validation, **_test_options(batch_size, loader_options))
        return _confusion(net, pipeline, tests), round(time.perf_counter() - began, 3)

    chosen = (plans or _default_plans(labels)).items()
    return Comparison(
        class_names=labels.class_names,
        train_counts=tuple(labels.class_counts().tolist()),
        epochs=epochs,
        seeds=tuple(range(seeds)),
        arms=tuple(_arm(name, [run(p, seed) for seed in range(seeds)]) for name, p in chosen),
    )


def _check_budget(labels: Labels, validation: Any, seeds: int, epochs: int) -> None:
    if seeds < 1 or epochs < 1:
        raise OptionError(f"seeds, epochs: expected integers ≥ 1, got {seeds} and {epochs}")
    if labels.offsets is not None or not len(validation):
        raise OptionError(
            "compare: expected one class a sample and held-out samples to test on, got "
            f"{labels.task} data and {len(validation)} samples"
        )


def _confusion(net: nn.Module, pipeline: Pipeline, tests: DataLoader[Any]) -> NDArray[np.int64]:
    logits, targets = predict(net, tests)
    taken = pipeline.correct(logits).argmax(1).numpy()
    return confusion_matrix(targets, taken, len(pipeline.plan.data.class_names))


def _default_plans(labels: Labels) -> dict[str, Plan]:
    counts = Counts.from_labels(labels)
    stats = stats_from_counts(counts, "the training data", labels.class_names)
    return {"cross-entropy": baseline(stats), "plan": recommend(stats)}


def _test_options(batch_size: int, loader_options: dict[str, Any]) -> dict[str, Any]:
    kept = {name: loader_options[name] for name in ("collate_fn",) if name in loader_options}
    return {"batch_size": max(batch_size, 256), **kept}


def _arm(name: str, runs: list[tuple[NDArray[np.int64], float]]) -> Arm:
    return Arm(
        name=name,
        confusions=tuple(tuple(map(tuple, matrix.tolist())) for matrix, _ in runs),
        seconds_per_seed=tuple(seconds for _, seconds in runs),
    )
