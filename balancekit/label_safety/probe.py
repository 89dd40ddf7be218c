"""A probe: a small model trained with and without each operation."""

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import nn

from balancekit.augment import AugmentationPolicy
from balancekit.augment.randomness import check_seed
from balancekit.augment.strengths import operation_for
from balancekit.errors import OptionError
from balancekit.label_safety.runs import Setting, small_net
from balancekit.label_safety.safety import Confusions, LabelSafety, OperationEffect
from balancekit.label_safety.samples import usable_samples
from balancekit.labels import Labels, labels_of
from balancekit.plan.operations import Operation, checked_name

__all__ = ["probe_label_safety"]


def probe_label_safety(
    dataset: Any,
    ops: Sequence[str | Operation],
    *,
    labels: Labels | ArrayLike | None = None,
    model: Callable[[], nn.Module] | None = None,
    seeds: int = 3,
    epochs: int = 20,
    batch_size: int = 64,
    learning_rate: float = 3e-3,
    val_share: float = 0.3,
    tolerance: float = 0.05,
    budget_s: float | None = None,
    transform: Callable[[Any], Any] | None = None,
    seed: int = 0,
    on_progress: Callable[[int, int], None] | None = None,
    **loader_options: Any,
) -> LabelSafety:
    """What training with each operation does to the recall of each class.

    A model is trained without and with each operation alone, and tested on other pictures.

    Args:
        dataset: map-style, giving `(picture, …)`; of one size after `transform`.
        ops: names, at the strength of safe operations, or operations at their own.
        labels: one class a sample; read from the data set, without its samples, if not given.
        model: makes a new model, inputs → logits [N, n_classes]; a small net if not given.
        seeds: runs of each, at least 2.
        epochs: passes over the training data, of each run.
        batch_size: draws a batch.
        learning_rate: at its peak.
        val_share: share of each class that is held out, in (0, 1).
        tolerance: fall of a recall that counts as none.
        budget_s: seconds after which no further seed is begun, but 2 are always run.
        transform: of each picture, an array, after augmentation.
        seed: in [0, 2**63): the first of the seeds.
        on_progress: called with the trainings done, and all: seeds · (1 + len(ops)).
        **loader_options: for `torch.utils.data.DataLoader`.

    Raises:
        OptionError: an argument cannot be, or pictures differ in size.
        DataError: too few samples can be used.
    """
    operations = _checked_operations(ops)
    _check_numbers(seeds, epochs, batch_size, val_share, tolerance, budget_s)
    tried, known = _checked_seeds(seed, seeds), _checked_labels(labels, dataset)
    samples = usable_samples(dataset, known, transform, seed=seed)
    setting = Setting(
        dataset=dataset,
        labels=known,
        usable=samples.indices,
        model=model or (lambda: small_net(samples.n_channels, known.n_classes)),
        transform=transform,
        val_share=val_share,
        epochs=epochs,
        learning_rate=learning_rate,
        loader_options={"batch_size": batch_size, **loader_options},
    )
    confusions = _confusions(setting, operations, tried, budget_s, on_progress)
    return _safety(setting, operations, tried, confusions, tolerance, samples.bad)


def _safety(
    setting: Setting,
    operations: Sequence[Operation],
    seeds: range,
    confusions: Sequence[Confusions],
    tolerance: float,
    bad: tuple[str, ...],
) -> LabelSafety:
    without, *by_operation = confusions
    return LabelSafety(
        class_names=setting.labels.class_names,
        without=without,
        effects=tuple(
            OperationEffect(operation=one, confusions=matrices)
            for one, matrices in zip(operations, by_operation, strict=True)
        ),
        seeds=tuple(seeds[: len(without)]),
        seeds_asked=len(seeds),
        epochs=setting.epochs,
        tolerance=tolerance,
        bad=bad,
    )


def _confusions(
    setting: Setting,
    operations: Sequence[Operation],
    seeds: range,
    budget_s: float | None,
    on_progress: Callable[[int, int], None] | None,
) -> list[Confusions]:
    """Confusion matrices of each seed: without operations, then with each alone."""
    plain = AugmentationPolicy(seed=seeds.start)
    policies = [plain, *(plain.allow(one, because="to be measured") for one in operations)]
    tell = on_progress or (lambda n_done, n_of: None)
    runs: list[list[NDArray[np.int64]]] = []
    began = time.perf_counter()
    for number, seed in enumerate(seeds):
        spent = time.perf_counter() - began
        if budget_s is not None and number >= 2 and spent * (number + 1) / number > budget_s:
            break
        runs.append([])
        for policy in policies:
            tell(number * len(policies) + len(runs[-1]), len(seeds) * len(policies))
            runs[-1].append(setting.run(seed, policy))
    tell(len(runs) * len(policies), len(runs) * len(policies))
    return [
        tuple(tuple(map(tuple, matrix.tolist())) for matrix in matrices)
        for matrices in zip(*runs, strict=True)
    ]


# --- arguments ----------------------------------------------------------------------------------


def _checked_operations(ops: Sequence[str | Operation]) -> list[Operation]:
    if isinstance(ops, str) or not isinstance(ops, Sequence) or not ops:
        raise OptionError(
            f"ops: expected operations in a list, such as ['horizontal-flip'], got {ops!r}"
        )
    names = [checked_name(one) for one in ops]
    if len(set(names)) < len(names):
        raise OptionError(f"ops: expected each operation once, got {names}")
    return [
        operation_for(name, "safe") if isinstance(one, str) else one
        for name, one in zip(names, ops, strict=True)
    ]


def _check_numbers(
    seeds: int,
    epochs: int,
    batch_size: int,
    val_share: float,
    tolerance: float,
    budget_s: float | None,
) -> None:
    problems = [
        f"{name}: expected an integer ≥ {least}, got {value!r}"
        for name, value, least in (
            ("seeds", seeds, 2),
            ("epochs", epochs, 1),
            ("batch_size", batch_size, 1),
        )
        if isinstance(value, bool) or not isinstance(value, int) or value < least
    ]
    for name, share in (("val_share", val_share), ("tolerance", tolerance)):
        if not isinstance(share, int | float) or not 0 < share < 1:
            problems.append(f"{name}: expected a share in (0, 1), got {share!r}")
    if budget_s is not None and not budget_s > 0:
        problems.append(f"budget_s: expected seconds above 0, got {budget_s!r}")
    if problems:
        raise OptionError("; ".join(problems))


def _checked_seeds(seed: int, n_seeds: int) -> range:
    check_seed(seed)
    return range(seed, seed + n_seeds)


def _checked_labels(labels: Labels | ArrayLike | None, dataset: Any) -> Labels:
    known = labels_of(dataset if labels is None else labels)
    if known.task != "classification":
        raise OptionError(f"labels: expected one class a sample, got {known.task} data")
    if len(known) != len(dataset):
        raise OptionError(
            f"labels: expected one a sample of the data set, {len(dataset)}, got {len(known)}"
        )
    return known
