"""Lightning, in two CPU processes, with each loader: `lightened.py OUT [STATES]`."""

import sys
from pathlib import Path

import lightning
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from task import EPOCHS, LABELS, SEED, STOP, TOGETHER, Model, Numbered, write
from torch.utils.data import DataLoader
from torchdata.stateful_dataloader import StatefulDataLoader

from balancekit import BalancedBatchSampler, BalancedSampler, ResumableLoader

PROCESSES = 2
BATCH_SIZE = TOGETHER // PROCESSES
WORKERS = {"num_workers": 2, "persistent_workers": True}
STEPS_AN_EPOCH = len(LABELS) // TOGETHER
# Which checkpoint each run is resumed from: in mid-epoch, or at an epoch's end.
RUNS = {
    "resumable": (ResumableLoader, {}, STOP),
    "resumable-workers": (ResumableLoader, WORKERS, STOP),
    "resumable-batches": (ResumableLoader, {}, STOP),
    "stateful": (StatefulDataLoader, {}, STOP),
    "stateful-workers": (StatefulDataLoader, WORKERS, STOP),
    "plain-at-end": (DataLoader, {}, STEPS_AN_EPOCH),
    "resumable-workers-at-end": (ResumableLoader, WORKERS, STEPS_AN_EPOCH),
}


class Module(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        self.model = Model()

    def training_step(self, batch, batch_idx):
        return self.model(**batch)["loss"]

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


def loader_for(name):
    kind, workers, _ = RUNS[name]
    if name.endswith("batches"):
        return kind(Numbered(), batch_sampler=BalancedBatchSampler(LABELS, BATCH_SIZE, seed=SEED))
    sampler = BalancedSampler(LABELS, BATCH_SIZE, seed=SEED)
    return kind(Numbered(), sampler=sampler, batch_size=BATCH_SIZE, **workers)


def train(name, out, states):
    keep = ModelCheckpoint(out, filename=f"{name}-{{step}}", every_n_train_steps=1, save_top_k=-1)
    trainer = lightning.Trainer(
        devices=PROCESSES,
        accelerator="cpu",
        strategy="ddp",
        max_epochs=EPOCHS,
        # Lightning cannot tell that a batch sampler shares out its batches by itself.
        use_distributed_sampler=not name.endswith("batches"),
        callbacks=[] if states else [keep],
        enable_checkpointing=not states,
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    module = Module()
    last = states and Path(states) / f"{name}-step={RUNS[name][2]}.ckpt"
    trainer.fit(module, loader_for(name), ckpt_path=last)
    return module.model.met


def main(out, states=None):
    write(out, {name: train(name, out, states) for name in RUNS})


if __name__ == "__main__":
    main(*sys.argv[1:])
