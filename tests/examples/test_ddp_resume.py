"""A run that is killed goes on, in new processes, as if nothing had happened."""

import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

import balancekit

SCRIPT = Path(balancekit.__file__).parent.parent / "examples" / "ddp_resume.py"
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node"]
TIMEOUT_S = 120
EPOCHS, STEPS_AN_EPOCH = 8, 16


def train(folder, processes, *, kill_after=None, workers=0):
    """Lines that the example prints; all its processes are killed after so many of them."""
    options = [str(folder), "--epochs", str(EPOCHS), "--workers", str(workers)]
    errors = folder / "errors.txt"
    with errors.open("w") as stderr:
        process = subprocess.Popen(
            [*TORCHRUN, str(processes), str(SCRIPT), *options],
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )
    # A small pipe holds the run up until its lines are read, so that it cannot end before.
    fcntl.fcntl(process.stdout, fcntl.F_SETPIPE_SZ, 4096)
    try:
        if kill_after is None:
            lines = process.communicate(timeout=TIMEOUT_S)[0].splitlines()
            assert process.returncode == 0, errors.read_text()[-4000:]
            return lines
        return [process.stdout.readline().rstrip() for _ in range(kill_after)]
    finally:
        kill_all(process)
        process.communicate()


def kill_all(process):
    """SIGKILL to the process and its children: torchrun gives each a session of its own."""
    try:
        launcher = psutil.Process(process.pid)
        family = [launcher, *launcher.children(recursive=True)]
    except psutil.NoSuchProcess:
        return
    for member in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            member.kill()


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    lines = train(tmp_path_factory.mktemp("whole"), processes=2)
    assert len(lines) == EPOCHS * STEPS_AN_EPOCH + 1
    assert len(set(lines)) == len(lines)
    return lines


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """Where a run was killed, and its lines until then."""
    folder = tmp_path_factory.mktemp("killed")
    return folder, train(folder, 2, kill_after=21, workers=2)


@pytest.fixture
def left_over(killed, tmp_path):
    """A copy of what the killed run left."""
    return shutil.copytree(killed[0], tmp_path, dirs_exist_ok=True)


def test_a_killed_run_goes_on_with_the_same_samples_to_the_same_weights(
    killed, left_over, uninterrupted
):
    rest = train(left_over, 2)
    assert killed[1] == uninterrupted[:21]
    # Killed somewhere after its 20th checkpoint: it trained on while its lines were read.
    assert 1 < len(rest) <= len(uninterrupted) - 20
    assert rest == uninterrupted[-len(rest) :]


def test_one_process_goes_on_where_two_were_killed(left_over, uninterrupted):
    rest = train(left_over, 1)
    assert len(rest) > STEPS_AN_EPOCH
    assert rest[:-1] == uninterrupted[-len(rest) : -1]
