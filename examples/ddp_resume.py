"""DDP that goes on after a crash: kill it at any step and start it again with the same command.

    torchrun --standalone --nproc-per-node 2 examples/ddp_resume.py run/

Each step writes a checkpoint, so that the samples met are the same as without the crash: no
batch is lost, none is met twice. Run it again with fewer or more processes (`--batch` is that
of all of them together), and it goes on with the same batches, shared out anew.
"""

import argparse
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import TensorDataset

from balancekit import BalancedSampler, ResumableLoader


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="of checkpoint.pt")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch", type=int, default=32, help="samples a step, of all processes")
    parser.add_argument("--workers", type=int, default=0)
    options = parser.parse_args()

    dist.init_process_group("gloo")
    torch.manual_seed(0)
    labels = torch.tensor([0] * 400 + [1] * 90 + [2] * 22)
    inputs = torch.randn(512, 8) + labels[:, None]
    dataset = TensorDataset(inputs, labels, torch.arange(512))
    batch_size = options.batch // dist.get_world_size()
    sampler = BalancedSampler(labels, batch_size, seed=0)
    loader = ResumableLoader(
        dataset, sampler=sampler, batch_size=batch_size, num_workers=options.workers
    )

    model = DistributedDataParallel(nn.Linear(8, 3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    checkpoint, first_epoch = options.folder / "checkpoint.pt", 0
    if checkpoint.exists():
        state = torch.load(checkpoint)
        model.module.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        loader.load_state_dict(state["loader"])  # rank 0's: it holds for every rank
        first_epoch = state["epoch"]

    for epoch in range(first_epoch, options.epochs):
        sampler.set_epoch(epoch)  # keeps the place in it that was loaded
        for batch, targets, indices in loader:
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(batch), targets).backward()
            optimizer.step()
            met = [torch.empty_like(indices) for _ in range(dist.get_world_size())]
            dist.all_gather(met, indices)  # only to show them
            if dist.get_rank() == 0:
                print(f"epoch {epoch}: {sorted(torch.cat(met).tolist())}", flush=True)
                parts = {"model": model.module, "optimizer": optimizer, "loader": loader}
                states = {name: part.state_dict() for name, part in parts.items()}
                save({"epoch": epoch, **states}, checkpoint)
    if dist.get_rank() == 0:
        print(f"weights: {model.module.weight.flatten().tolist()}")
    dist.destroy_process_group()


def save(state: dict[str, Any], checkpoint: Path) -> None:
    """Write the state whole or not at all: a crash while writing leaves the last one."""
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    torch.save(state, checkpoint.with_suffix(".new"))
    checkpoint.with_suffix(".new").replace(checkpoint)


if __name__ == "__main__":
    main()
