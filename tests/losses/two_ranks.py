"""What each of two processes does: calls a function of a test module and saves what it gives.

The fixture `two_ranks` has both.
"""

import importlib.util
from datetime import timedelta

import torch
import torch.distributed as dist

WAIT = timedelta(seconds=60)
"""For the other process: less than the tests wait, so that none is left waiting."""


def run(source: str, name: str, folder: str, rank: int) -> None:
    """Save FOLDER/RANK.pt, what the function gives for this rank."""
    torch.set_num_threads(1)
    # By its file: a test module cannot be imported by its name everywhere.
    spec = importlib.util.spec_from_file_location("on_a_rank", source)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    dist.init_process_group(
        "gloo",
        init_method=f"file://{folder}/meeting",
        rank=rank,
        world_size=2,
        timeout=WAIT,
    )
    try:
        torch.save(getattr(module, name)(rank), f"{folder}/{rank}.pt")
    finally:  # also where it fails: the other process waits for this one
        dist.destroy_process_group()
