"""Balanced draws of data whose samples carry several classes, such as VOC 2012 long-tailed.

Reads a table with one column of 0 and 1 a class, and prints which share of the draws carries
each class: evenly drawn, with repeat factors, by class-aware sampling (a class at random, then
one of its samples), and solved for equal shares.

    python examples/multilabel.py voc_mlt_1142.csv
"""

import argparse
import warnings

import numpy as np
import torch
from torch.utils.data import DataLoader, TensorDataset

from balancekit import (
    BalancekitWarning,
    Labels,
    MultiLabelBalancedSampler,
    RepeatFactorSampler,
    read,
)

BATCH_SIZE = 32


def targets_of(labels: Labels) -> torch.Tensor:
    """What a model learns: float [n_samples, n_classes] of 0 and 1."""
    table = torch.zeros(labels.n_samples, labels.n_classes)
    lengths = torch.as_tensor(np.diff(labels.offsets))
    samples = torch.repeat_interleave(torch.arange(labels.n_samples), lengths)
    table[samples, torch.as_tensor(labels.class_ids, dtype=torch.int64)] = 1
    return table


def observed(sampler, targets: torch.Tensor, epochs: int) -> torch.Tensor:
    """Share of the draws that carries each class, counted in batches: [n_classes]."""
    loader = DataLoader(TensorDataset(targets), batch_size=BATCH_SIZE, sampler=sampler)
    batches = [batch for _ in range(epochs) for (batch,) in loader]
    return torch.cat(batches).mean(0)


def class_aware(targets: torch.Tensor) -> torch.Tensor:
    """Shares when a class is drawn at random, then one of its samples: [n_classes]."""
    counts = targets.sum(0)
    shares = targets @ torch.where(counts > 0, 1 / counts, 0.0)
    return shares @ targets / shares.sum()


def main(arguments: list[str] | None = None) -> dict[str, np.ndarray]:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("table")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--max-repeats", type=float, default=10.0)
    given = parser.parse_args(arguments)
    labels = read(given.table)
    targets = targets_of(labels)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", BalancekitWarning)  # the table tells the same
        balanced = MultiLabelBalancedSampler(labels, BATCH_SIZE, max_repeats=given.max_repeats)
    repeated = RepeatFactorSampler(labels, BATCH_SIZE, threshold=0.1)
    columns = {
        "evenly": targets.mean(0),
        "repeat factor": observed(repeated, targets, given.epochs),
        "class-aware": class_aware(targets),
        "wanted": torch.as_tensor(balanced.solution.wanted),
        "solved": observed(balanced, targets, given.epochs),
    }
    print(f"{'':16}" + "".join(f"{name:>15}" for name in columns) + "  bounded by")
    for c in np.argsort(balanced.solution.natural):
        shares = "".join(f"{column[c]:15.3f}" for column in columns.values())
        print(f"{labels.class_names[c]:16}{shares}  {balanced.solution.bounds[c]}".rstrip())
    print(
        f"{balanced.solution.effective_samples:.0f} of {labels.n_samples} samples "
        "drawn evenly would repeat as often"
    )
    return {name: column.numpy() for name, column in columns.items()}


if __name__ == "__main__":
    main()
