"""Processes count each shard once, say when one is killed, and leave interrupts to the caller."""

import os
import signal
import subprocess
import sys
import time
from operator import methodcaller

import pytest

from balancekit.engines import ProcessEngine, available_cpus
from balancekit.errors import BalancekitError

# The functions that are run are of the library: another process cannot import a test.
CUBES = [(base, 3) for base in range(500)]


def test_sums_of_batches_are_the_sum_of_all_shards():
    results = list(ProcessEngine(2).map_shards(sum, CUBES))
    assert sum(results) == sum(map(sum, CUBES))
    assert len(results) < len(CUBES)


def test_no_shards_give_no_results():
    assert list(ProcessEngine(2).map_shards(sum, [])) == []


def test_an_exception_of_a_shard_is_that_of_the_caller():
    with pytest.raises(ValueError, match="invalid literal for int"):
        list(ProcessEngine(2).map_shards(int, ["1", "2", "three", "4"]))


def test_shards_are_not_read_ahead_of_a_slow_consumer():
    taken = []

    def shards():
        for shard in CUBES:
            taken.append(shard)
            yield shard

    results = ProcessEngine(1).map_shards(sum, shards())
    next(results)
    assert len(taken) == 2
    results.close()


def test_a_process_that_is_killed_is_told_as_an_error():
    with pytest.raises(BalancekitError, match="one that was killed, perhaps for want of memory"):
        list(ProcessEngine(1).map_shards(os._exit, [9]))


def test_a_shard_has_one_core_for_itself():
    # The function is called on the shard: partial(available_cpus) takes no more arguments.
    assert list(ProcessEngine(2).map_shards(methodcaller("__call__"), [available_cpus])) == [1]


SCRIPT = """
import sys, time
from balancekit.engines import ProcessEngine

def slowly(shard):
    time.sleep(0.1)
    return [shard]

if __name__ == "__main__":
    try:
        for result in ProcessEngine(2).map_shards(slowly, range(10_000)):
            print(result, flush=True)
    except KeyboardInterrupt:
        print("interrupted", flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT to a group of processes")
def test_control_c_ends_all_processes_without_a_traceback(tmp_path):
    script = tmp_path / "count.py"
    script.write_text(SCRIPT)
    with subprocess.Popen(
        [sys.executable, "-W", "error", str(script)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout.readline().startswith("[")
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to all of them
        said, errors = process.communicate(timeout=60)
    assert said.splitlines()[-1] == "interrupted"
    assert errors == ""
    # The helpers of multiprocessing end when they see that it has gone.
    until = time.monotonic() + 5
    while group_lives(process.pid) and time.monotonic() < until:
        time.sleep(0.05)
    assert not group_lives(process.pid)


def group_lives(group):
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True
