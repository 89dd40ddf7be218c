"""What the scripts beside this file train on, and how they write down the samples they meet."""

import json
import os
from pathlib import Path

import torch
import torch.distributed as dist
from torch import nn
from torch.utils.data import Dataset

LABELS = [0] * 60 + [1] * 24 + [2] * 12
TOGETHER = 12  # draws a step, of all processes: 4 of each class
EPOCHS = 3
STOP = 11  # steps before the checkpoint: in mid-epoch, as an epoch has 8
SEED = 5


class Numbered(Dataset):
    """Samples that know their index."""

    def __len__(self):
        return len(LABELS)

    def __getitem__(self, index):
        x = torch.tensor([float(LABELS[index])])
        return {"x": x, "labels": torch.tensor(LABELS[index]), "index": torch.tensor(index)}


class Model(nn.Module):
    """A model that also writes down which samples it has been trained with."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(1, 3)
        self.met = []

    def forward(self, x, labels, index):
        self.met.append(index.tolist())
        logits = self.linear(x)
        return {"loss": nn.functional.cross_entropy(logits, labels), "logits": logits}


def write(out, met):
    """Batches that this process has met in each run: `{run: [[index, …], …]}`."""
    path = Path(out) / f"rank{os.environ.get('RANK', os.environ.get('LOCAL_RANK', '0'))}.json"
    path.write_text(json.dumps(met))
    if dist.is_initialized():
        dist.barrier()  # the first process is the one that is waited for
