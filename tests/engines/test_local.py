"""Engines run each shard once, in any order, and hand on what goes wrong."""

import threading
import time
from collections import Counter

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from balancekit.engines import (
    Engine,
    SerialEngine,
    ThreadEngine,
    available_cpus,
    limited_cpus,
    merge_results,
)
from balancekit.engines.batches import Batches, run_batch

ENGINES = {"serial": SerialEngine(), "1 thread": ThreadEngine(1), "4 threads": ThreadEngine(4)}
engines = pytest.mark.parametrize("engine", ENGINES.values(), ids=ENGINES.keys())


@engines
@given(shards=st.lists(st.integers(), max_size=40))
@settings(max_examples=25)
def test_each_shard_is_run_exactly_once(engine: Engine, shards):
    ran = []  # list.append is atomic
    results = list(engine.map_shards(lambda shard: ran.append(shard) or shard, shards))
    assert Counter(ran) == Counter(results) == Counter(shards)


@given(parts=st.lists(st.lists(st.integers(0, 5), max_size=6), max_size=12), data=st.data())
def test_merging_gives_the_same_in_any_order_and_grouping(parts, data):
    counts = [Counter(part) for part in parts]
    whole = merge_results(counts, Counter())
    assert whole == Counter(item for part in parts for item in part)
    order = data.draw(st.permutations(counts))
    cut = data.draw(st.integers(0, len(parts)))
    halves = [merge_results(order[:cut], Counter()), merge_results(order[cut:], Counter())]
    assert merge_results(halves, Counter()) == whole


@engines
def test_an_exception_of_a_shard_reaches_the_caller(engine):
    with pytest.raises(ZeroDivisionError):
        list(engine.map_shards(lambda shard: 1 // shard, [1, 2, 0, 3]))


@engines
def test_an_exception_of_the_list_of_shards_reaches_the_caller(engine):
    def shards():
        yield 1
        raise OSError("the folder vanished")

    with pytest.raises(OSError, match="vanished"):
        list(engine.map_shards(str, shards()))


def test_after_a_failure_waiting_shards_are_not_run():
    ran = []

    def fail_at_once(shard):
        ran.append(shard)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        list(ThreadEngine(1).map_shards(fail_at_once, range(1000)))
    assert len(ran) <= 4  # two in flight, and two that replaced them


def test_the_serial_engine_keeps_the_order_and_waits_to_be_asked():
    ran = []
    results = SerialEngine().map_shards(lambda shard: ran.append(shard) or shard, range(5))
    assert ran == []
    assert next(results) == 0
    assert ran == [0]
    assert list(results) == [1, 2, 3, 4]


@pytest.mark.parametrize("n_workers", [1, 3])
def test_threads_hold_at_most_two_shards_a_worker_in_flight(n_workers):
    lock, waiting, most = threading.Lock(), set(), 0

    def shards():
        nonlocal most
        for shard in range(60):
            with lock:
                waiting.add(shard)
                most = max(most, len(waiting))
            yield shard

    def run(shard):
        time.sleep(0.001)
        with lock:
            waiting.discard(shard)
        return shard

    assert sorted(ThreadEngine(n_workers).map_shards(run, shards())) == list(range(60))
    # One more than two a worker: the generator has made the next before it is submitted.
    assert n_workers < most <= 2 * n_workers + 1


def test_threads_do_not_read_the_shards_ahead_of_a_slow_consumer():
    taken = []

    def shards():
        for shard in range(1000):
            taken.append(shard)
            yield shard

    results = ThreadEngine(2).map_shards(str, shards())
    next(results)
    assert len(taken) <= 8  # 4 in flight, and at most 4 that replaced them
    results.close()


def test_threads_leave_none_behind():
    before = threading.active_count()
    results = ThreadEngine(4).map_shards(str, range(100))
    next(results)
    results.close()
    list(ThreadEngine(4).map_shards(str, range(100)))
    assert threading.active_count() == before


def test_the_pool_has_a_thread_for_each_core_unless_told_otherwise(monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(7)), raising=False)
    assert ThreadEngine().n_workers == 7
    assert ThreadEngine(3).n_workers == 3


@pytest.mark.parametrize(("told", "n_cpus"), [(6, 6), (None, 1)], ids=["told", "not told"])
def test_where_a_process_is_not_bound_the_cores_are_those_of_the_machine(monkeypatch, told, n_cpus):
    monkeypatch.delattr("os.sched_getaffinity", raising=False)
    monkeypatch.setattr("os.cpu_count", lambda: told)
    assert available_cpus() == n_cpus


def test_cores_are_limited_while_it_lasts_and_for_one_thread_alone():
    free = available_cpus()
    with limited_cpus(free + 3):
        assert available_cpus() == free + 3
        with limited_cpus(0):
            assert available_cpus() == 1
        seen = []
        thread = threading.Thread(target=lambda: seen.append(available_cpus()))
        thread.start()
        thread.join()
        assert seen == [free]
    assert available_cpus() == free


def test_batches_grow_to_half_a_second_and_at_most_double():
    batches = Batches(range(100))
    assert batches.take() == [0]
    batches.learn(1, seconds=0.01)  # 50 would fit
    assert batches.take() == [1, 2]
    batches.learn(2, seconds=0.02)
    assert batches.take() == [3, 4, 5, 6]
    batches.learn(4, seconds=4.0)  # 1 s each
    assert batches.take() == [7]
    batches.learn(1, seconds=0.0)
    assert len(batches.take()) == 2


def test_a_batch_gives_the_sum_of_its_shards_and_its_time():
    total, seconds = run_batch(lambda shard: [time.sleep(0.01), shard], [1, 2, 3])
    assert Counter(total) == {1: 1, 2: 1, 3: 1, None: 3}
    assert 0.03 <= seconds < 1


def test_merging_nothing_gives_the_start():
    assert merge_results([], start=Counter(a=1)) == Counter(a=1)
