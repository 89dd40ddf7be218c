"""Two processes train as one with batches twice as large, and go on where two stood.

Run as a script, with a folder and a rank, this file is one of the two.
"""

import math
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
import torch
from torch import distributed, nn
from torch.utils.data import TensorDataset

import balancekit as bk
from balancekit.errors import TrainingError
from balancekit.plan import BalancedMse, DataRef, Plan, Uniform
from balancekit.recommender import baseline
from balancekit.training import fit

TOGETHER = 10  # draws a step, of all processes
EPOCHS = 3
STOP = 17  # steps before the interruption: in mid-epoch, as an epoch has 10
TIMEOUT_S = 120
CPU = torch.device("cpu")
IDS = torch.tensor([0] * 60 + [1] * 40)
INPUTS = torch.randn(100, 2, generator=torch.Generator().manual_seed(0)) + 3 * IDS[:, None]
VALUES = INPUTS.sum(1).double()


def classes_plan():
    plan = baseline(bk.analyze(IDS))
    return msgspec.structs.replace(plan, sampling=Uniform(), wanted_prior="uniform")


def values_plan():
    data = DataRef.from_labels(bk.Labels.from_values(VALUES.numpy()))
    # Its noise is a parameter, which learns.
    return Plan(data=data, objective="mae_by_shot", wanted_prior="training", loss=BalancedMse())


def run_of(plan, *, dropout=0.0, inputs=INPUTS, **options):
    """State of the model and the criterion after training, and the losses of this process."""
    is_regression = plan.data.task == "regression"
    targets = VALUES if is_regression else IDS
    labels = bk.Labels.from_values(VALUES.numpy()) if is_regression else None
    rank, world_size = 0, 1
    if distributed.is_initialized():
        rank, world_size = distributed.get_rank(), distributed.get_world_size()
    data = TensorDataset(inputs, targets)
    pipeline = bk.build(plan, data, labels, batch_size=TOGETHER // world_size)
    torch.manual_seed(5 + rank)  # the first process has its weights sent to the others
    n_outputs = 1 if is_regression else 2
    model = nn.Sequential(nn.Linear(2, 8), nn.Dropout(dropout), nn.ReLU(), nn.Linear(8, n_outputs))
    losses = []

    def on_step(loss):
        losses.append(loss)
        if len(losses) == options.get("stop"):
            raise KeyboardInterrupt

    kept = {name: value for name, value in options.items() if name != "stop"}
    try:
        fit(model, pipeline, epochs=EPOCHS, device=CPU, on_step=on_step, **kept)
    except (KeyboardInterrupt, TrainingError) as error:
        return {"error": str(error), "losses": losses}
    states = {"model": model.state_dict(), "criterion": pipeline.criterion.state_dict()}
    return {**states, "losses": losses}


def runs(folder):
    """What each of two processes does, one after another."""
    path = folder / "run.pt"
    kept = {"dropout": 0.5, "checkpoint": path, "checkpoint_steps": 4}
    broken = INPUTS.clone().index_fill_(0, torch.tensor(42), math.nan)
    yield "classes", run_of(classes_plan())
    yield "values", run_of(values_plan())
    yield "whole", run_of(classes_plan(), dropout=0.5)
    yield "interrupted", run_of(classes_plan(), **kept, stop=STOP)
    yield "resumed", run_of(classes_plan(), **kept)
    yield "broken", run_of(classes_plan(), inputs=broken)


def train_as(rank, folder):
    torch.set_num_threads(1)
    distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2
    )
    torch.save(dict(runs(folder)), folder / f"rank{rank}.pt")
    distributed.barrier()  # neither leaves while the other still talks to it
    distributed.destroy_process_group()


@pytest.fixture(scope="module")
def ranks(tmp_path_factory):
    """What the two processes came to."""
    folder = tmp_path_factory.mktemp("together")
    command = [sys.executable, __file__, str(folder)]
    both = [subprocess.Popen([*command, rank]) for rank in ("0", "1")]
    try:
        assert [process.wait(timeout=TIMEOUT_S) for process in both] == [0, 0]
    finally:
        for process in both:
            process.kill()
    return [torch.load(folder / f"rank{rank}.pt") for rank in (0, 1)]


def assert_same(one, other, **tolerance):
    for part in ("model", "criterion"):
        assert one[part].keys() == other[part].keys()
        for name, value in one[part].items():
            torch.testing.assert_close(value, other[part][name], **tolerance)


EXACT = {"rtol": 0, "atol": 0}


@pytest.mark.parametrize("name", ["classes", "values", "whole", "resumed"])
def test_both_processes_come_to_the_same_weights(ranks, name):
    first, second = (rank[name] for rank in ranks)
    assert first["losses"] != second["losses"]  # of other samples
    assert_same(first, second, **EXACT)


def test_two_processes_come_to_what_one_does(ranks):
    alone = run_of(classes_plan())
    # The sums of a batch are taken in another order, over 30 steps of float32.
    assert_same(ranks[0]["classes"], alone, rtol=1e-4, atol=1e-5)
    losses = torch.tensor([rank["classes"]["losses"] for rank in ranks]).mean(0)
    torch.testing.assert_close(losses, torch.tensor(alone["losses"]), rtol=1e-4, atol=1e-5)


def test_a_criterion_that_learns_does_so_in_both(ranks):
    noise = ranks[0]["values"]["criterion"]["noise_sigma"]
    assert float(noise) != BalancedMse().noise_sigma


def test_two_processes_go_on_with_the_dropout_of_each(ranks):
    for rank in ranks:
        assert len(rank["interrupted"]["losses"]) == STOP
        assert rank["resumed"]["losses"] == rank["whole"]["losses"][14:]  # written after 4 of 10
        assert_same(rank["resumed"], rank["whole"], **EXACT)


def test_nan_in_one_process_ends_both_in_the_same_step(ranks):
    told = [rank["broken"]["error"] for rank in ranks]
    steps = {message.partition(":")[0] for message in told}
    assert len(steps) == 1
    assert sorted("got nan and nan" in message for message in told) == [False, True]


if __name__ == "__main__":
    train_as(int(sys.argv[2]), Path(sys.argv[1]))
