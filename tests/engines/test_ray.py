"""Ray counts each shard once, whatever is lost on the way, and leaves in order."""

import os
import signal
import subprocess
import sys
import time
import warnings
from collections import Counter
from pathlib import Path

import pytest

from balancekit.engines import RayEngine, available_cpus, merge_results
from balancekit.errors import BalancekitError, DataError, MissingLibraryError, OptionError

ray = pytest.importorskip("ray", reason="Ray is not installed: pip install '.[ray]'")
# Ray leaves open files and processes behind when it stops, which Python warns of much later.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module", autouse=True)
def _send_functions_as_code():
    """The workers cannot import this file."""
    module = sys.modules[__name__]
    ray.cloudpickle.register_pickle_by_value(module)
    yield
    ray.cloudpickle.unregister_pickle_by_value(module)


def total(results):
    return merge_results(results, Counter())


def seen(shard):
    return Counter([shard])


@pytest.mark.parametrize("n_shards", [0, 1, 300])
def test_each_shard_counts_exactly_once(ray_engine, n_shards):
    assert total(ray_engine.map_shards(seen, range(n_shards))) == Counter(range(n_shards))


def test_tiny_shards_go_many_to_a_task(ray_engine):
    results = list(ray_engine.map_shards(seen, range(20_000)))
    assert total(results) == Counter(range(20_000))
    assert len(results) < 200


def test_shards_are_not_read_ahead_of_a_slow_consumer(cluster, ray_engine):
    taken = []

    def shards():
        for shard in range(1000):
            taken.append(shard)
            yield shard

    limited = RayEngine(max_in_flight=3)  # over the connection of the other
    results = limited.map_shards(seen, shards())
    next(results)
    assert len(taken) == 3
    next(results)
    assert len(taken) <= 3 + 2  # the next batch is at most twice the one that was timed
    results.close()


def test_results_come_while_shards_are_still_being_found(ray_engine):
    def shards():
        yield from range(20)
        raise OSError("the folder vanished")

    results = ray_engine.map_shards(seen, shards())
    assert sum(next(results).values()) == 1
    with pytest.raises(OSError, match="vanished"):
        list(results)


def refuse(shard):
    if shard == 7:
        raise DataError(f"shard {shard}: expected less")
    return Counter([shard])


def test_an_error_of_a_shard_is_the_error_that_it_raised(ray_engine):
    with pytest.raises(DataError) as caught:
        list(ray_engine.map_shards(refuse, range(20)))
    assert type(caught.value) is DataError
    assert str(caught.value) == "shard 7: expected less"


def test_an_unforeseen_error_keeps_its_type_and_says_where_it_was_raised(ray_engine):
    with pytest.raises(ZeroDivisionError) as caught:
        list(ray_engine.map_shards(lambda shard: Counter([1 // shard]), [1, 0]))
    assert "_run_task" in str(caught.value.__cause__)


def test_a_task_knows_how_many_cores_it_may_use(ray_engine):
    cores = total(ray_engine.map_shards(lambda _: Counter([available_cpus()]), range(4)))
    assert cores == {1: 4}


def test_relative_paths_start_from_the_folder_of_the_caller(ray_engine, tmp_path, monkeypatch):
    (tmp_path / "here.txt").write_text("found")
    monkeypatch.chdir(tmp_path)
    found = total(
        ray_engine.map_shards(lambda name: Counter([Path(name).read_text()]), ["here.txt"])
    )
    assert found == {"found": 1}


@pytest.mark.parametrize("n_deaths", [1, 3])
def test_a_shard_whose_worker_is_killed_counts_once(ray_engine, tmp_path, n_deaths, capfd):
    def die_at_first(shard):
        for death in range(n_deaths if shard == 5 else 0):
            mark = tmp_path / f"death {death}"
            if not mark.exists():
                mark.touch()
                os.kill(os.getpid(), signal.SIGKILL)
        return Counter([shard])

    assert total(ray_engine.map_shards(die_at_first, range(12))) == Counter(range(12))
    assert len(list(tmp_path.iterdir())) == n_deaths
    assert capfd.readouterr().out == ""


def test_a_shard_that_kills_each_of_its_workers_is_an_error_in_the_end(ray_engine):
    mortal = RayEngine(max_retries=1)
    with pytest.raises(BalancekitError, match="come back within 1 retries, got WorkerCrashed"):
        list(mortal.map_shards(lambda _: os.kill(os.getpid(), signal.SIGKILL), [1]))


def test_shards_of_a_node_that_is_lost_count_once(cluster, ray_engine, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        lost = cluster.add_node(num_cpus=1, object_store_memory=80 * 2**20)
        cluster.wait_for_nodes()

    doomed = lost.node_id

    def slowly(shard):
        node = ray.get_runtime_context().get_node_id()
        (tmp_path / f"{node} {shard}").touch()
        time.sleep(5 if node == doomed else 0.1)
        return Counter([shard])

    results, is_lost = Counter(), False
    for result in ray_engine.map_shards(slowly, range(24)):
        results += result
        started = list(tmp_path.glob(f"{doomed} *"))
        if started and not is_lost:
            cluster.remove_node(lost, allow_graceful=False)
            is_lost = True
    assert is_lost
    assert results == Counter(range(24))
    assert len(list(tmp_path.iterdir())) > 24  # what ran on the lost node ran again elsewhere


def test_a_connection_that_was_there_is_used_and_left(ray_engine):
    with RayEngine("nobody:1") as other:
        assert total(other.map_shards(seen, [3])) == {3: 1}
    assert ray.is_initialized()


OPTIONS = {
    "no cores": ({"cpus_per_task": 0}, "cpus_per_task: expected at least 1, got 0"),
    "nothing in flight": ({"max_in_flight": 0}, "max_in_flight: expected at least 1, got 0"),
    "negative retries": ({"max_retries": -1}, "max_retries: expected at least 0, got -1"),
}


@pytest.mark.parametrize(("options", "message"), OPTIONS.values(), ids=OPTIONS.keys())
def test_options_that_cannot_be_are_refused(options, message):
    with pytest.raises(OptionError, match=message):
        RayEngine(**options)


def test_a_task_too_large_for_every_node_is_refused_instead_of_waited_for(ray_engine):
    with pytest.raises(OptionError, match=r"cpus_per_task: expected at most 1,.* got 5"):
        list(RayEngine(cpus_per_task=5).map_shards(seen, [1]))


def test_without_ray_the_error_says_which_extra_brings_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingLibraryError, match=r"From a clone: pip install '\.\[ray\]'"):
        list(RayEngine().map_shards(seen, [1]))


SCRIPT = """
import os, sys, time
from collections import Counter
from balancekit.engines import RayEngine
from balancekit.errors import OptionError

def slowly(shard):
    time.sleep(0.2)
    return Counter([os.getpid()])

try:
    with RayEngine() as engine:
        for result in engine.map_shards(slowly, range(10_000)):
            import ray
            node = ray._private.worker._global_node
            print(len(ray.nodes()), node.get_session_dir_path(), flush=True)
except KeyboardInterrupt:
    print("interrupted", ray.is_initialized(), flush=True)
except OptionError as error:
    print(error)
"""


def start(**environment):
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", SCRIPT],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | environment,
    )


def processes_of(session):
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if session.encode() in path.read_bytes():
                found.append(path.parent.name)
        except OSError:  # it has just ended
            continue
    return found


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="finds processes in /proc")
def test_an_interrupted_run_ends_the_cluster_that_it_started_without_a_word():
    with start(RAY_ADDRESS="") as process:
        n_nodes, session = process.stdout.readline().split()
        assert n_nodes == "1"
        assert processes_of(session)
        process.send_signal(signal.SIGINT)
        said, errors = process.communicate(timeout=60)
    assert (said.splitlines()[-1:], errors) == (["interrupted False"], "")
    assert processes_of(session) == []


def test_an_interrupted_run_leaves_the_cluster_of_ray_address(cluster, ray_engine):
    with start(RAY_ADDRESS=cluster.address) as process:
        assert int(process.stdout.readline().split()[0]) >= 2
        process.send_signal(signal.SIGINT)
        said, errors = process.communicate(timeout=60)
    assert (said.splitlines()[-1:], errors) == (["interrupted False"], "")
    # The cores are free again: what was running has been cancelled.
    assert total(ray_engine.map_shards(seen, range(3))) == Counter(range(3))


def test_an_address_where_nobody_listens_is_told_at_once():
    began = time.monotonic()
    with start(RAY_ADDRESS="127.0.0.1:1") as process:
        said, errors = process.communicate(timeout=60)
    assert said.startswith("engine: expected a Ray cluster at '127.0.0.1:1', got ")
    assert errors == ""
    assert time.monotonic() - began < 10
