"""accelerate, each way to hand over a sampler and to resume: `accelerated.py OUT [STATES]`."""

import sys
from pathlib import Path

from accelerate import Accelerator, DataLoaderConfiguration, skip_first_batches
from task import EPOCHS, LABELS, SEED, STOP, TOGETHER, Model, Numbered, write
from torch.optim import SGD
from torch.utils.data import DataLoader

from balancekit import BalancedBatchSampler, BalancedSampler

CONFIGURATIONS = {
    "sampler": {},
    "batch-sampler": {},
    "split": {"split_batches": True},
    "workers": {},
    "stateful": {"use_stateful_dataloader": True},
    "stateful-workers": {"use_stateful_dataloader": True},
    "one-rank": {},
}


def loader_for(name, n_processes):
    batch_size = TOGETHER // n_processes
    workers = {"num_workers": 2} if name.endswith("workers") else {}
    every = {"seed": SEED, "rank": "all", "world_size": n_processes}
    if name == "batch-sampler":
        batches = BalancedBatchSampler(LABELS, batch_size, **every)
        return DataLoader(Numbered(), batch_sampler=batches)
    if name == "one-rank":  # what is wrong: the batches of each rank are dealt out once more
        every = {"seed": SEED}
    loaded = TOGETHER if name == "split" else batch_size
    sampler = BalancedSampler(LABELS, batch_size, **every)
    return DataLoader(Numbered(), sampler=sampler, batch_size=loaded, **workers)


def train(name, states, out):
    accelerator = Accelerator(
        cpu=True, dataloader_config=DataLoaderConfiguration(**CONFIGURATIONS[name])
    )
    own = Model()
    plain = loader_for(name, accelerator.num_processes)
    model, optimizer, loader = accelerator.prepare(own, SGD(own.parameters(), lr=0.1), plain)
    n_steps = len(loader)
    if states:
        accelerator.load_state(states / name)
    first, done = divmod(STOP, n_steps) if states else (0, 0)
    for epoch in range(first, EPOCHS):
        loader.set_epoch(epoch)
        skip = done if epoch == first and not name.startswith("stateful") else 0
        for batch in skip_first_batches(loader, skip) if skip else loader:
            accelerator.backward(model(**batch)["loss"])
            optimizer.step()
            if not states and len(own.met) == STOP:
                accelerator.save_state(out / name)
    return own.met


def main(out, states=None):
    met = {name: train(name, states and Path(states), Path(out)) for name in CONFIGURATIONS}
    write(out, met)
    accelerator = Accelerator()
    accelerator.wait_for_everyone()  # a process that ends first may abort the other
    accelerator.end_training()


if __name__ == "__main__":
    main(*sys.argv[1:])
