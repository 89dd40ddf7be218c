"""The samplers in the frameworks that people train with: real ones, in real processes.

Each script of `scripts/` trains with its framework, once from the start, with a checkpoint in
mid-epoch, and once more from that checkpoint, in new processes.
"""

import pytest

from balancekit import BalancedSampler

RUNS = {
    ("ddp.py", 2): [
        f"{loader}{face}{workers}"
        for loader in ("stateful", "resumable")
        for face in ("", "-batches")
        for workers in ("", "-workers")
    ],
    ("accelerated.py", 2): [
        "sampler",
        "batch-sampler",
        "split",
        "workers",
        "stateful",
        "stateful-workers",
    ],
    ("accelerated.py", 1): ["sampler", "batch-sampler", "stateful"],
    ("lightened.py", 2): [
        "resumable",
        "resumable-workers",
        "resumable-batches",
        "stateful",
        "stateful-workers",
        "plain-at-end",
        "resumable-workers-at-end",
    ],
    ("hugging.py", 2): ["trainer", "workers"],
    ("hugging.py", 1): ["trainer", "workers"],
}

each_run = pytest.mark.parametrize(
    ("script", "processes", "run"),
    [
        pytest.param(*of, run, id=f"{of[0]}, {of[1]} processes, {run}")
        for of, runs in RUNS.items()
        for run in runs
    ],
)


@pytest.fixture(scope="module")
def single_process_steps(task):
    """The draws of each step when one process trains alone, sorted."""
    sampler = BalancedSampler(task.LABELS, task.TOGETHER, seed=task.SEED)
    steps = []
    for epoch in range(task.EPOCHS):
        sampler.set_epoch(epoch)
        draws = list(sampler)
        starts = range(0, len(draws), task.TOGETHER)
        steps += [sorted(draws[start : start + task.TOGETHER]) for start in starts]
    return steps


def together(ranks):
    """The draws of each step of all ranks, sorted."""
    return [sorted(index for batch in step for index in batch) for step in zip(*ranks, strict=True)]


@each_run
def test_the_ranks_share_out_the_order_of_a_single_process(
    launch, single_process_steps, script, processes, run
):
    ranks = launch(script, processes).met[run]
    assert together(ranks) == single_process_steps


@each_run
def test_every_batch_of_every_rank_keeps_its_composition(launch, task, script, processes, run):
    each = task.TOGETHER // processes // 3
    for batches in launch(script, processes).met[run]:
        for batch in batches:
            classes = [task.LABELS[index] for index in batch]
            assert [classes.count(c) for c in range(3)] == [each, each, each]


@each_run
def test_every_epoch_differs(launch, task, script, processes, run):
    steps = together(launch(script, processes).met[run])
    n = len(steps) // task.EPOCHS
    epochs = [sorted(map(tuple, steps[first : first + n])) for first in range(0, len(steps), n)]
    assert n == len(task.LABELS) // task.TOGETHER
    assert all(one != other for i, one in enumerate(epochs) for other in epochs[:i])


@each_run
def test_a_restart_goes_on_exactly(launch, task, script, processes, run):
    whole = launch(script, processes)
    rest = launch(script, processes, resume_of=whole.out).met[run]
    at_end = run.endswith("-at-end")
    done = len(task.LABELS) // task.TOGETHER if at_end else task.STOP
    assert rest == [batches[done:] for batches in whole.met[run]]


@pytest.mark.parametrize("run", RUNS["ddp.py", 2])
def test_one_process_goes_on_where_two_stood(launch, task, single_process_steps, run):
    two = launch("ddp.py", 2)
    rest = launch("ddp.py", 1, resume_of=two.out).met[run]
    assert together(rest) == single_process_steps[task.STOP :]


def test_accelerate_needs_the_batches_of_all_ranks(launch, task):
    # Each rank yields its own batches, and accelerate deals those out once more.
    ranks = launch("accelerated.py", 2).met["one-rank"]
    n = task.EPOCHS * len(task.LABELS) // task.TOGETHER
    assert [len(batches) for batches in ranks] == [n // 2, n // 2]
