"""Several runs of the CIFAR-10-LT benchmark at the same time, each a process of its own."""

import json
import multiprocessing
import os
import signal
import sys
import time
import traceback
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess
from pathlib import Path

import torch
from cifar10_lt_training import Recipe, data_of
from torch import nn

from balancekit.files import open_whole, write_whole

__all__ = ["Job", "Run", "Until", "how_many", "train_all"]

MOST = 8
"""Side by side by default: the kernels of processes take turns, more of them only wait."""
POLL_S = 0.5


@dataclass(frozen=True)
class Run:
    """A method, a seed, and the place of its files without their suffix."""

    method: str
    seed: int
    place: Path

    @property
    def name(self) -> str:
        return f"{self.method}, seed {self.seed}"

    @property
    def record(self) -> Path:
        """Is there when the run is finished."""
        return self.place.with_suffix(".json")

    @property
    def problem(self) -> Path:
        """Is there when the run failed, its last line what failed."""
        return self.place.with_suffix(".failed")

    def say(self, what: str) -> None:
        print(f"{self.name}: {what}", file=sys.stderr, flush=True)


@dataclass(frozen=True)
class Job:
    """What the process of a run is told of all runs."""

    npz: Path | None
    device: str
    epochs: int
    batch: int
    checkpoint_epochs: int
    is_compiled: bool

    def recipe(self, is_over: Callable[[], bool]) -> Recipe:
        """The recipe, its data on the device."""
        torch.set_num_threads(1)  # runs share the cores; and sums are the same however many run
        torch.backends.cudnn.benchmark = True
        device = torch.device(self.device)
        if device.index is not None and device.type == "cuda":
            torch.cuda.set_device(device)  # the one whose random state is kept
        data = data_of(self.npz, device)
        return Recipe(
            data, device, self.epochs, self.batch, is_over, self.checkpoint_epochs, self.is_compiled
        )


@dataclass
class Until:
    """When to stop: at a time, when asked to, or where the process that asked for runs is gone."""

    at: float
    is_asked: bool = False

    def ask(self, *_: object) -> None:
        """Stop after the epoch; also a handler of signals."""
        self.is_asked = True

    def is_over(self) -> bool:
        parent = multiprocessing.parent_process()
        is_left_alone = parent is not None and not parent.is_alive()
        return self.is_asked or is_left_alone or time.time() >= self.at


def how_many(device: str) -> int:
    """Runs side by side, if no number is given: one on a CPU, on a GPU by the cores."""
    cores = os.cpu_count() or 1
    return 1 if torch.device(device).type == "cpu" else max(1, min(MOST, cores // 2))


def train_all(runs: Sequence[Run], n: int, job: Job, until: Until) -> list[str]:
    """Train, as many at a time: what failed, in words. Where one fails, the others go on.

    A process a run: an error of a GPU leaves its process unable to compute, and one that is
    killed holds no lock that others wait for.
    """
    if n == 1:
        recipe = job.recipe(until.is_over)
        found = [_trained(recipe, run) for run in runs if not until.is_over()]
        return [problem for problem in found if problem]
    working: list[tuple[SpawnProcess, Run]] = []
    try:
        return _in_processes(deque(runs), n, job, until, working)
    finally:
        for process, _ in working:
            process.kill()


def _in_processes(
    waiting: deque[Run],
    n: int,
    job: Job,
    until: Until,
    working: list[tuple[SpawnProcess, Run]],
) -> list[str]:
    context = multiprocessing.get_context("spawn")
    failed, is_passed_on = [], False
    while working or (waiting and not until.is_over()):
        while waiting and len(working) < n and not until.is_over():
            run = waiting.popleft()
            process = context.Process(target=_work, args=(job, run, until.at))
            process.start()
            working.append((process, run))
        if until.is_asked and not is_passed_on:
            is_passed_on = True
            for process, _ in working:
                process.terminate()  # asks it to stop after its epoch
        wait([process.sentinel for process, _ in working], POLL_S)
        for process, run in [one for one in working if not one[0].is_alive()]:
            working.remove((process, run))
            # One that was asked before it could listen has just ended.
            is_stopped = until.is_asked and process.exitcode == -signal.SIGTERM
            if process.exitcode and not is_stopped:
                failed.append(_failure(run, process.exitcode))
    return failed


def _failure(run: Run, exitcode: int) -> str:
    if exitcode == 1 and run.problem.is_file():
        return run.problem.read_text(encoding="utf-8").splitlines()[-1]
    what = f"its process ended by {f'signal {-exitcode}' if exitcode < 0 else f'exit {exitcode}'}"
    run.say(what)
    return f"{run.name}: {what}"


def _work(job: Job, run: Run, at: float) -> None:
    """One run, in a process of its own."""
    until = Until(at)
    signal.signal(signal.SIGTERM, until.ask)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all; the parent passes it on
    sys.exit(1 if _trained(job.recipe(until.is_over), run) else 0)


def _trained(recipe: Recipe, run: Run) -> str:
    """Train one run and write what came of it: what failed, in words, or nothing."""
    run.problem.unlink(missing_ok=True)
    run.say(f"trains in process {os.getpid()}")
    try:
        found = recipe.run(run.method, run.seed, run.place)
        if found is not None:
            _keep(run, *found)
    except Exception as error:  # whatever it is, the other runs go on
        what = f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"
        text = f"{run.name}: {what}"
        write_whole(f"{traceback.format_exc()}\n{text}\n".encode(), run.problem)
        run.say(what)
        return text
    run.say("stopped, goes on next time" if found is None else f"{found[0]['error']} %")
    return ""


def _keep(run: Run, record: dict[str, object], model: nn.Module) -> None:
    """Write weights and then the record, and give up the checkpoints."""
    with open_whole(run.place.with_suffix(".pt")) as file:
        torch.save({name: value.cpu() for name, value in model.state_dict().items()}, file)
    record = {"method": run.method, "seed": run.seed, **record}
    write_whole(json.dumps(record).encode(), run.record)
    for checkpoint in run.place.parent.glob(f"{run.place.name}.stage*"):
        checkpoint.unlink()
