"""Runs scripts in processes forked from this one, which has loaded what takes seconds to load.

    python forks.py

Reads a line of JSON for each run, `{"script": …, "arguments": […], "ranks": n, "log": …}`, and
answers with the exit codes. Each of several ranks is told who it is as torchrun tells it; where
one fails, the others are killed, as torchrun kills them.
"""

import contextlib
import gc
import json
import os
import runpy
import signal
import socket
import sys

import torch.distributed
import torchdata.stateful_dataloader
from accelerate import Accelerator
from transformers import Trainer, TrainingArguments

import balancekit

__all__ = ["serve"]

LOADED = (
    torch.distributed.init_process_group,
    torchdata.stateful_dataloader.StatefulDataLoader,
    Accelerator,
    Trainer,
    TrainingArguments,
    balancekit.BalancedBatchSampler,
    balancekit.ResumableLoader,
)
"""Libraries load their parts when these are asked for; nothing is made of them here."""


def serve() -> None:
    """Run what is asked for, one after another, until nothing is."""
    gc.freeze()  # what is loaded stays: looking through it would copy its pages for each process
    for line in sys.stdin:
        asked = json.loads(line)
        address = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
        ranks = []
        for rank in range(asked["ranks"] or 1):
            ranks.append(os.fork())
            if not ranks[-1]:
                told = who(rank, asked["ranks"]) | address if asked["ranks"] else {}
                run(asked, told)
                return
        print(json.dumps(exit_codes(ranks)), flush=True)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def who(rank: int, n_ranks: int) -> dict[str, str]:
    own, all_of_them = str(rank), str(n_ranks)
    return {
        "RANK": own,
        "LOCAL_RANK": own,
        "WORLD_SIZE": all_of_them,
        "LOCAL_WORLD_SIZE": all_of_them,
    }


def run(asked: dict[str, object], told: dict[str, str]) -> None:
    """Be the script."""
    os.setsid()  # with the workers of its loaders, which are then found
    log = os.open(str(asked["log"]), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.environ.update(told)
    sys.argv = [str(asked["script"]), *asked["arguments"]]
    try:
        runpy.run_path(str(asked["script"]), run_name="__main__")
    finally:
        gc.unfreeze()  # or libraries tell of what they take for leaks


def exit_codes(ranks: list[int]) -> list[int]:
    """Of processes, when all have ended, and with them those that they started."""
    codes: dict[int, int] = {}
    while len(codes) < len(ranks):
        ended, status = os.wait()
        codes[ended] = os.waitstatus_to_exitcode(status)
        for rank in ranks if codes[ended] else [ended]:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(rank, signal.SIGKILL)
    return [codes[rank] for rank in ranks]


if __name__ == "__main__":
    serve()
