"""Engines on this machine: one after another, in a pool of threads, or of processes."""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from typing import Protocol, TypeVar

from balancekit.engines.batches import Batches, run_batch
from balancekit.engines.cores import available_cpus, limited_cpus
from balancekit.errors import BalancekitError

__all__ = ["Engine", "ProcessEngine", "SerialEngine", "ThreadEngine"]

Shard = TypeVar("Shard")
Result = TypeVar("Result")


class Engine(Protocol):
    """Anything that maps a function over shards."""

    def map_shards(
        self, function: Callable[[Shard], Result], shards: Iterable[Shard]
    ) -> Iterator[Result]:
        """Yield results, in any order, whose sum is that of `function` over the shards.

        Every shard counts exactly once. Engines of this process yield a result a shard;
        those that send shards elsewhere add some up, by their own `+`, on the way back.
        """


class SerialEngine:
    """Runs shards one after another in the calling thread."""

    def map_shards(
        self, function: Callable[[Shard], Result], shards: Iterable[Shard]
    ) -> Iterator[Result]:
        """Yield `function(shard)` in the order of the shards."""
        return map(function, shards)


class ThreadEngine:
    """Runs shards in a pool of threads of this process.

    Threads are enough where shards wait for what releases the interpreter lock: decoding
    in Pillow, scans in DuckDB, the file system. They start at once, and ask nothing of the
    user's script.

    Args:
        n_workers: threads; the number of cores if not given.
    """

    def __init__(self, n_workers: int | None = None) -> None:
        self.n_workers = n_workers or available_cpus()

    def map_shards(
        self, function: Callable[[Shard], Result], shards: Iterable[Shard]
    ) -> Iterator[Result]:
        """Yield results as they are ready, with at most two shards a worker in flight."""
        waiting = iter(shards)
        pool = ThreadPoolExecutor(self.n_workers)
        waits = True
        try:
            running: set[Future[Result]] = {
                pool.submit(function, shard) for shard in islice(waiting, 2 * self.n_workers)
            }
            while running:
                done, running = wait(running, return_when=FIRST_COMPLETED)
                running |= {pool.submit(function, shard) for shard in islice(waiting, len(done))}
                for future in done:
                    yield future.result()
        except KeyboardInterrupt:  # what still runs is for nobody
            waits = False
            raise
        finally:
            pool.shutdown(wait=waits, cancel_futures=True)


class ProcessEngine:
    """Runs shards in a pool of processes, for shards that are bound by Python itself.

    Parsing a million small files of text holds the interpreter lock, so that threads take
    turns. Processes do not, but function and shards must survive pickling, starting them
    takes some tenths of a second, and a script that uses them needs the guard
    `if __name__ == "__main__":`, as each process imports it again.

    Args:
        n_workers: processes; the number of cores if not given.
    """

    def __init__(self, n_workers: int | None = None) -> None:
        self.n_workers = n_workers or available_cpus()

    def map_shards(
        self, function: Callable[[Shard], Result], shards: Iterable[Shard]
    ) -> Iterator[Result]:
        """Yield sums of results as they are ready, with at most two batches a worker in flight.

        Raises:
            BalancekitError: a process was killed.
        """
        import multiprocessing
        from concurrent.futures import ProcessPoolExecutor
        from concurrent.futures.process import BrokenProcessPool

        batches = Batches(shards)
        # Not fork: other threads may hold locks, which nobody would release in the copy.
        context = multiprocessing.get_context("spawn" if sys.platform == "win32" else "forkserver")
        with ProcessPoolExecutor(
            self.n_workers, mp_context=context, initializer=_live_with_the_caller
        ) as pool:
            running: dict[Future[tuple[Result, float]], int] = {}
            try:
                while True:
                    while len(running) < 2 * self.n_workers and (batch := batches.take()):
                        running[pool.submit(_run_alone, function, batch)] = len(batch)
                    if not running:
                        return
                    for future in wait(running, return_when=FIRST_COMPLETED).done:
                        total, seconds = future.result()
                        batches.learn(running.pop(future), seconds)
                        yield total
            except BrokenProcessPool:
                raise BalancekitError(
                    "processes: expected each to live until its shards are counted, got one that "
                    "was killed, perhaps for want of memory. Use fewer workers, or threads."
                ) from None
            finally:
                pool.shutdown(wait=False, cancel_futures=True)


def _live_with_the_caller() -> None:
    """Leave interrupts to the caller, and end when it is killed: nobody else would tell."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_after_the_caller, daemon=True).start()


def _end_after_the_caller() -> None:
    import multiprocessing

    caller = multiprocessing.parent_process()
    assert caller is not None, "a process of the pool has one"
    caller.join()
    os._exit(1)


def _run_alone(function: Callable[[Shard], Result], batch: list[Shard]) -> tuple[Result, float]:
    """The sum of a batch, on one core: each of the others has a process of its own."""
    with limited_cpus(1):
        return run_batch(function, batch)
