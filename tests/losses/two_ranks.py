"""One of two processes: calls a function of a test module and saves what it gives.

    python two_ranks.py MODULE FUNCTION FOLDER RANK

The fixture `two_ranks` starts both.
"""

import importlib.util
import sys
from pathlib import Path

import torch
import torch.distributed as dist


def run(source: str, name: str, folder: str, rank: int) -> None:
    """Save FOLDER/RANK.pt, what the function gives for this rank."""
    torch.set_num_threads(1)
    sys.path.insert(0, str(Path(__file__).parents[2]))  # of the tables that tests share
    spec = importlib.util.spec_from_file_location("on_a_rank", source)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2)
    torch.save(getattr(module, name)(rank), f"{folder}/{rank}.pt")
    dist.destroy_process_group()


if __name__ == "__main__":
    run(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
