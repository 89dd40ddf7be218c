"""Engines on this machine: one after another, or in a pool of threads."""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from functools import reduce
from itertools import islice
from operator import add
from typing import Any, Protocol, TypeVar

__all__ = ["Engine", "SerialEngine", "ThreadEngine", "merge_results"]

Shard = TypeVar("Shard")
Result = TypeVar("Result")


class Engine(Protocol):
    """Anything that maps a function over shards; results may come in any order."""

    def map_shards(
        self, function: Callable[[Shard], Result], shards: Iterable[Shard]
    ) -> Iterator[Result]:
        """Yield `function(shard)` for every shard, each exactly once."""


class SerialEngine:
    """Runs shards one after another in the calling thread."""

    def map_shards(
        self, function: Callable[[Shard], Result], shards: Iterable[Shard]
    ) -> Iterator[Result]:
        """Yield `function(shard)` in the order of the shards."""
        return map(function, shards)


class ThreadEngine:
    """Runs shards in a pool of threads of this process.

    Threads, because what our shards wait for (decoding in Pillow, scans in DuckDB,
    the file system) releases the interpreter lock, and because a pool of processes
    would ask every user's script for an `if __name__ == "__main__"` guard.

    Args:
        n_workers: threads; the number of cores if not given.
    """

    def __init__(self, n_workers: int | None = None) -> None:
        self.n_workers = n_workers or os.cpu_count() or 1

    def map_shards(
        self, function: Callable[[Shard], Result], shards: Iterable[Shard]
    ) -> Iterator[Result]:
        """Yield results as they are ready, with at most two shards a worker in flight."""
        waiting = iter(shards)
        with ThreadPoolExecutor(self.n_workers) as pool:
            running: set[Future[Result]] = {
                pool.submit(function, shard) for shard in islice(waiting, 2 * self.n_workers)
            }
            try:
                while running:
                    done, running = wait(running, return_when=FIRST_COMPLETED)
                    running |= {
                        pool.submit(function, shard) for shard in islice(waiting, len(done))
                    }
                    for future in done:
                        yield future.result()
            finally:
                pool.shutdown(wait=False, cancel_futures=True)


def merge_results(results: Iterable[Any], start: Any) -> Any:
    """Sum of all results and `start`, by their own `+`.

    Results of like size are added first, so that a long line of them costs each no more
    than the logarithm of their number.

    >>> merge_results([2, 3], start=1)
    6
    """
    # waiting[i] holds the sum of 2**i results, as the digits of a binary counter do.
    waiting: list[Any] = []
    for result in results:
        total, place = result, 0
        while place < len(waiting) and waiting[place] is not None:
            total, waiting[place] = waiting[place] + total, None
            place += 1
        waiting[place : place + 1] = [total]
    return reduce(add, (part for part in waiting if part is not None), start)
