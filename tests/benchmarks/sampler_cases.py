"""What samplers.py measures: labels, each side of each comparison, and the floors."""

import importlib
import itertools
import json
import subprocess
import sys
import types
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rows import Contender, measured
from sampler_rows import Floor, Row, compared, told
from torch.utils.data import BatchSampler, DistributedSampler, TensorDataset, WeightedRandomSampler

from balancekit.samplers import ClassIndex
from balancekit.samplers.loader import BalancedBatchSampler

__all__ = ["CASES", "print_memory"]

BATCH_SIZE = 64
IMBALANCE = 100
MB = 10**6
STATUS = Path("/proc/self/status")


def class_counts(n_samples: int, n_classes: int, imbalance: float = IMBALANCE) -> Any:
    """Samples of each class, falling exponentially from the first to the last: int64 [n]."""
    shares = imbalance ** (-np.arange(n_classes) / max(n_classes - 1, 1))
    counts = np.maximum(1, shares / shares.sum() * n_samples).astype(np.int64)
    counts[0] += n_samples - counts.sum()
    return counts


def shuffled_labels(n_samples: int, n_classes: int, imbalance: float = IMBALANCE) -> Any:
    """Class of each sample, in no order: int64 [n_samples]."""
    labels = np.repeat(np.arange(n_classes), class_counts(n_samples, n_classes, imbalance))
    return np.random.default_rng(0).permutation(labels)


def large_labels(n_samples: int, n_classes: int, *, is_sorted: bool) -> Any:
    """The same where memory counts: made in place, a little at a time."""
    labels = np.empty(n_samples, np.int64)
    if is_sorted:
        ends = np.cumsum(class_counts(n_samples, n_classes)).tolist()
        for label, (begin, end) in enumerate(itertools.pairwise([0, *ends])):
            labels[begin:end] = label
        return labels
    some = np.repeat(np.arange(n_classes), class_counts(200 * n_classes, n_classes))
    random = np.random.default_rng(0)
    for begin in range(0, n_samples, 1 << 16):
        chunk = labels[begin : begin + (1 << 16)]
        chunk[:] = some[random.integers(0, len(some), len(chunk))]
    return labels


def power(n: int) -> str:
    """A number as one power of ten: 1e6."""
    return f"{n:.0e}".replace("e+0", "e")


def run_through(batches: Iterable[Any]) -> None:
    deque(batches, maxlen=0)


def first_of(batches: Iterable[Any]) -> Any:
    return next(iter(batches))


def ours(labels: Any, **options: Any) -> BalancedBatchSampler:
    return BalancedBatchSampler(labels, BATCH_SIZE, **options)


def weighted(labels: Any, n_draws: int) -> BatchSampler:
    weights = torch.from_numpy((1 / np.bincount(labels))[labels])
    return BatchSampler(WeightedRandomSampler(weights, n_draws), BATCH_SIZE, drop_last=False)


def torchsampler(labels: Any) -> BatchSampler:
    # Given labels, it uses torchvision for nothing, but imports it.
    try:
        importlib.import_module("torchvision")
    except (ImportError, RuntimeError):
        sys.modules["torchvision"] = types.ModuleType("torchvision")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        sampler_class = importlib.import_module("torchsampler").ImbalancedDatasetSampler
    sampler = sampler_class(TensorDataset(torch.empty(len(labels), 0)), labels=labels.tolist())
    return BatchSampler(sampler, BATCH_SIZE, drop_last=False)


def per_class(labels: Any, n_draws: int) -> BatchSampler:
    samplers = importlib.import_module("pytorch_metric_learning.samplers")
    m = max(4, -(-BATCH_SIZE // len(np.unique(labels))))
    sampler = samplers.MPerClassSampler(labels, m, BATCH_SIZE, length_before_new_iter=n_draws)
    return BatchSampler(sampler, BATCH_SIZE, drop_last=False)


def epoch(scale: float, runs: int) -> Iterator[Row]:
    n = int(10**6 * scale)
    labels = shuffled_labels(n, 100)
    # As long as its epochs are unless told otherwise; it takes as long for each draw of more.
    short = max(BATCH_SIZE, n // 10)
    what = f"an epoch of {power(n)} draws in batches of 64, 100 classes"
    one = Contender("balancekit", lambda: ours(labels), run_through, n)
    other = Contender("WeightedRandomSampler", lambda: weighted(labels, n), run_through, n)
    yield compared("epoch", what, one, other, Floor(1 / 5), runs)
    other = Contender("torchsampler", lambda: torchsampler(labels), run_through, n, "torchsampler")
    yield compared("epoch", what, one, other, Floor(1 / 30), runs)
    other = Contender(
        "MPerClassSampler",
        lambda: per_class(labels, short),
        run_through,
        short,
        "pytorch_metric_learning",
    )
    yield compared("epoch", what, one, other, Floor(1 / 200), runs)


def first_batch(scale: float, runs: int) -> Iterator[Row]:
    n = int(10**7 * scale)
    labels = shuffled_labels(n, 1000)
    one = Contender("balancekit", None, lambda _: first_of(ours(labels)))
    other = Contender("WeightedRandomSampler", None, lambda _: first_of(weighted(labels, n)))
    what = f"the first batch of {power(n)} int64 labels, 1000 classes, building included"
    yield compared("first-batch", what, one, other, Floor(1 / 10), runs)


def index(scale: float, runs: int) -> Iterator[Row]:
    n = int(10**8 * scale)
    labels = large_labels(n, 1000, is_sorted=False)
    one = Contender("balancekit", None, lambda _: ClassIndex.from_labels(labels))
    other = Contender(
        "np.argsort of uint16",
        None,
        lambda _: np.argsort(labels.astype(np.uint16), kind="stable"),
    )
    what = f"the index of {power(n)} int64 labels, 1000 classes"
    yield compared("index", what, one, other, Floor(2), runs)


def memory(scale: float, runs: int) -> Iterator[Row]:
    if not STATUS.exists():
        yield Row("memory", "an index and its first batch", "", remark=f"needs {STATUS}")
        return
    n = int(10**8 * scale)
    floors = {"shuffled": 6 * n, "sorted by class": 10 * MB}
    processes = [
        subprocess.Popen(
            [sys.executable, sys.argv[0], "--memory", order, str(n)], stdout=subprocess.PIPE
        )
        for order in floors
    ]
    for process, (order, n_bytes) in zip(processes, floors.items(), strict=True):
        used = json.loads(process.communicate()[0])
        what = f"memory beyond {power(n)} {order} labels, 1000 classes, first batch included"
        yield Row(
            "memory",
            what,
            f"{used / MB:.1f} MB, {used / n:.2f} bytes a sample",
            floor=f"< {n_bytes / MB:,.0f} MB, {n_bytes / n:.2g} bytes a sample",
            is_missed=used >= n_bytes,
        )


def print_memory(order: str, n_samples: int) -> None:
    """Print the bytes that an index and its first batch take, in a process of its own."""
    # What the first use of all loads is not what labels take.
    first_of(ours(np.arange(BATCH_SIZE)))
    labels = large_labels(n_samples, 1000, is_sorted=order != "shuffled")
    before = peak_bytes()
    first_of(ours(labels))
    print(json.dumps(peak_bytes() - before))


def peak_bytes() -> int:
    """The peak of this process's resident memory; what it forked from is not in it."""
    peak = next(line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM"))
    return int(peak.split()[1]) * 1024


def classes(scale: float, runs: int) -> Iterator[Row]:
    for n in (10**6, 10**7):
        shapes = [(int(n * scale), n_classes, IMBALANCE) for n_classes in (100, 10, 1000, 10**4)]
        yield from grown("classes", [*shapes, (int(n * scale), 10**5, IMBALANCE)], runs)


def imbalance(scale: float, runs: int) -> Iterator[Row]:
    n = int(10**6 * scale)
    ratios = (100, 1, 10, 1000, 10**4)
    yield from grown("imbalance", [(n, 100, ratio) for ratio in ratios], runs)


def grown(name: str, shapes: list[tuple[int, int, int]], runs: int) -> Iterator[Row]:
    """What an index costs with data of each shape, and over what it costs with the first."""
    shapes = [(n, min(n_classes, n // 10), ratio) for n, n_classes, ratio in shapes]
    sets = [shuffled_labels(*shape) for shape in shapes]
    n_draws = min(shapes[0][0], 10**6)
    n_batches = -(-n_draws // BATCH_SIZE)

    def run_start(batches: Iterable[Any]) -> None:
        run_through(itertools.islice(batches, n_batches))

    contenders = [
        Contender("balancekit", lambda labels=labels: ours(labels), run_start, n_draws)
        for labels in sets
    ]
    contenders += [
        Contender(
            "WeightedRandomSampler",
            lambda labels=labels: weighted(labels, n_draws),
            run_through,
            n_draws,
        )
        for labels in sets
    ]
    sides = measured(contenders, runs)
    for (n, n_classes, ratio), side, peer in zip(shapes, sides, sides[len(sets) :], strict=False):
        what = f"{power(n_draws)} draws from {power(n)}, {n_classes:,} classes, imbalance {ratio:,}"
        # Beyond a thousand classes a block holds few draws of each, and runs gain nothing.
        floor = None if side is sides[0] or n_classes > 1000 else Floor(2)
        beside = f"{peer.contender.name}: {told(peer)}"
        yield Row.of(name, what, side, sides[0], floor, beside=beside)


def seek(scale: float, runs: int) -> Iterator[Row]:
    n = int(10**8 * scale)
    counts = class_counts(n, min(1000, n // 10))
    starts = np.concatenate([[0], np.cumsum(counts)])
    sampler = ours(ClassIndex(starts, firsts=starts[:-1]))
    # As many batches as are computed at first, so that both ends do as much.
    last = max(0, len(sampler) - 64)

    def batch(epoch: int, number: int) -> Callable[[Any], Any]:
        def reach(_: Any) -> Any:
            sampler.set_epoch(epoch, number)
            return first_of(sampler)

        return reach

    one = Contender("epoch 1000, 64 batches before its end", None, batch(1000, last))
    other = Contender("epoch 0, its first batch", None, batch(0, 0))
    what = f"a batch of {power(n)} samples, 1000 classes: the last over the first"
    yield compared("seek", what, one, other, Floor(2), max(runs, 20))


def ranks(scale: float, runs: int) -> Iterator[Row]:
    n = int(10**7 * scale)
    labels = shuffled_labels(n, 100)
    data = TensorDataset(torch.empty(n, 0))
    for world_size in (1, 8, 64):
        n_own = n // world_size
        one = Contender(
            "balancekit",
            lambda world_size=world_size: ours(labels, rank=0, world_size=world_size),
            run_through,
            n_own,
        )
        other = Contender(
            "DistributedSampler",
            lambda world_size=world_size: BatchSampler(
                DistributedSampler(data, world_size, 0), BATCH_SIZE, drop_last=False
            ),
            run_through,
            n_own,
        )
        what = f"an epoch of {power(n)} draws, the part of one of {world_size} ranks"
        yield compared("ranks", what, one, other, None, runs)


CASES: dict[str, Callable[[float, int], Iterator[Row]]] = {
    "epoch": epoch,
    "first-batch": first_batch,
    "index": index,
    "memory": memory,
    "classes": classes,
    "imbalance": imbalance,
    "seek": seek,
    "ranks": ranks,
}
