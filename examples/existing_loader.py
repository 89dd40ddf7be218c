"""Balanced batches in a DataLoader that exists already: two lines change.

Run it with `python examples/existing_loader.py`.
"""

import torch
from torch.utils.data import DataLoader, TensorDataset

from balancekit import BalancedBatchSampler

labels = torch.tensor([0] * 900 + [1] * 80 + [2] * 20)
dataset = TensorDataset(torch.randn(1000, 8), labels)

sampler = BalancedBatchSampler(labels, batch_size=64, seed=0)
loader = DataLoader(dataset, batch_sampler=sampler)

for epoch in range(2):
    sampler.set_epoch(epoch)
    counts = torch.stack([torch.bincount(targets, minlength=3) for _, targets in loader])
    low, high = int(counts.min()), int(counts.max())
    print(f"epoch {epoch}: {len(counts)} batches, in each {low} to {high} of every class")
