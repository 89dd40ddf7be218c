"""DDP under torchrun, with each loader that can resume: `ddp.py OUT [STATES]`."""

import sys
from pathlib import Path

import torch
import torch.distributed as dist
from task import EPOCHS, LABELS, SEED, STOP, TOGETHER, Model, Numbered, write
from torch.nn.parallel import DistributedDataParallel
from torchdata.stateful_dataloader import StatefulDataLoader

from balancekit import BalancedBatchSampler, BalancedSampler, ResumableLoader


def loaders():
    batch_size = TOGETHER // dist.get_world_size()
    data = Numbered()
    workers = {"num_workers": 2, "persistent_workers": True}
    for name, kind in (("stateful", StatefulDataLoader), ("resumable", ResumableLoader)):
        for suffix, options in (("", {}), ("-workers", workers)):
            sampler = BalancedSampler(LABELS, batch_size, seed=SEED)
            loader = kind(data, sampler=sampler, batch_size=batch_size, **options)
            yield name + suffix, sampler, loader
            batches = BalancedBatchSampler(LABELS, batch_size, seed=SEED)
            yield f"{name}-batches{suffix}", batches, kind(data, batch_sampler=batches, **options)


def train(sampler, loader, state, save):
    """The batches met by this process, from the state on; saves the state after STOP steps."""
    model = Model()
    parallel = DistributedDataParallel(model)
    first = 0 if state is None else STOP // len(loader)
    if state is not None:
        loader.load_state_dict(state)
    for epoch in range(first, EPOCHS):
        sampler.set_epoch(epoch)
        for batch in loader:
            parallel(**batch)["loss"].backward()
            if state is None and len(model.met) == STOP:
                save(loader.state_dict())
    return model.met


def main(out, states=None):
    dist.init_process_group("gloo")
    met = {}
    for name, sampler, loader in loaders():
        # The state of the first process serves all.
        saved = Path(out) / f"{name}.pt"
        save = (lambda state, to=saved: torch.save(state, to)) if dist.get_rank() == 0 else id
        state = torch.load(Path(states) / f"{name}.pt") if states else None
        met[name] = train(sampler, loader, state, save)
    write(out, met)
    dist.destroy_process_group()


if __name__ == "__main__":
    main(*sys.argv[1:])
