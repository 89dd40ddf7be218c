"""Running scripts in processes of their own, and reading what they wrote down."""

import contextlib
import functools
import json
import os
import random
import runpy
import select
import signal
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

SCRIPTS = Path(__file__).parent / "scripts"
TIMEOUT_S = 120

collect_ignore = ["scripts"]

ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "HF_HUB_OFFLINE": "1",
    "CUDA_VISIBLE_DEVICES": "",
    "PYTHONFAULTHANDLER": "1",
    # torchdata 0.11 calls what torch 2.13 has deprecated.
    "PYTHONWARNINGS": "ignore:'set_vital' is deprecated:UserWarning",
}


def quiet_port():
    """A free port below those that systems give out unasked, as to tests at the same time."""
    for port in random.sample(range(15_000, 30_000), 100):
        with socket.socket() as tried, contextlib.suppress(OSError):
            tried.bind(("127.0.0.1", port))
            return str(port)
    raise OSError("no free port of a hundred")


def run(command, **variables):
    """Run a command; none of the processes that it starts is left when this returns."""
    process = subprocess.Popen(
        command,
        env=os.environ | ENVIRONMENT | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=TIMEOUT_S)
    except subprocess.TimeoutExpired:
        signal_all(process, signal.SIGABRT)  # so that each says where it hangs
        signal_all(process, signal.SIGKILL)
        pytest.fail(f"not done after {TIMEOUT_S} s: {process.communicate()[0][-20000:]}")
    finally:
        signal_all(process, signal.SIGKILL)
    assert process.returncode == 0, output[-4000:]


def signal_all(process, number):
    """Send a signal to a process, its session, and its children with sessions of their own."""
    family = []
    with contextlib.suppress(psutil.NoSuchProcess):
        family = psutil.Process(process.pid).children(recursive=True)
    for child in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            child.send_signal(number)
    if number == signal.SIGABRT:
        psutil.wait_procs(family, timeout=5)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)


@pytest.fixture(scope="session")
def task():
    """The data and the steps that the scripts train with."""
    return SimpleNamespace(**runpy.run_path(str(SCRIPTS / "task.py")))


@pytest.fixture(scope="session")
def forked():
    """Run a script in so many ranks, forked from a process that has loaded the libraries."""
    server = subprocess.Popen(
        [sys.executable, str(SCRIPTS / "forks.py")],
        env=os.environ | ENVIRONMENT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )

    def run_ranks(script, arguments, ranks, log):
        asked = {"script": str(script), "arguments": arguments, "ranks": ranks, "log": str(log)}
        server.stdin.write(json.dumps(asked) + "\n")
        server.stdin.flush()
        answered, _, _ = select.select([server.stdout], [], [], TIMEOUT_S)
        if not answered:
            signal_all(server, signal.SIGABRT)  # so that each says where it hangs
            pytest.fail(f"not done after {TIMEOUT_S} s: {log.read_text()[-20000:]}")
        codes = json.loads(server.stdout.readline())
        assert not any(codes), log.read_text()[-4000:]

    yield run_ranks
    signal_all(server, signal.SIGKILL)
    server.communicate()


@pytest.fixture(scope="session")
def launch(tmp_path_factory, forked):
    """Run a script in so many processes, once: its folder, and the batches of each rank."""

    @functools.cache
    def launched(script, processes, resume_of=None):
        out = tmp_path_factory.mktemp(Path(script).stem)
        arguments = [str(out), *([str(resume_of)] if resume_of else [])]
        if script == "lightened.py":  # Lightning starts the other processes by itself
            run([sys.executable, str(SCRIPTS / script), *arguments], MASTER_PORT=quiet_port())
        else:
            ranks = 0 if processes == 1 and script != "ddp.py" else processes
            forked(SCRIPTS / script, arguments, ranks, out / "log.txt")
        ranks = [json.loads((out / f"rank{rank}.json").read_text()) for rank in range(processes)]
        return SimpleNamespace(out=out, met={name: [r[name] for r in ranks] for name in ranks[0]})

    return launched
