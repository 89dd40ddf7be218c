"""Shards in batches, as sending one by one costs more than many shards take."""

import time
from collections.abc import Callable, Iterable
from functools import reduce
from itertools import islice
from operator import add
from typing import Any, Generic, TypeVar

__all__ = ["Batches", "merge_results", "run_batch"]

Shard = TypeVar("Shard")
Result = TypeVar("Result")

BATCH_SECONDS = 0.5
"""Wanted for a batch: long beside the milliseconds that sending it takes, and short enough
that no worker is busy for long when the others are done."""


class Batches(Generic[Shard]):
    """Cuts shards, which are not read ahead, into batches of about half a second.

    How long shards take is learnt on the way: the first batches hold one shard, and none
    is more than twice as long as one that was timed.

    Args:
        shards: taken one batch at a time.
    """

    def __init__(self, shards: Iterable[Shard]) -> None:
        self._waiting = iter(shards)
        self._length = 1

    def take(self) -> list[Shard]:
        """The next batch; empty when there are no more shards."""
        return list(islice(self._waiting, self._length))

    def learn(self, n_shards: int, seconds: float) -> None:
        """Fit the length of the batches to one that took so long."""
        fitting = int(BATCH_SECONDS * n_shards / max(seconds, 1e-9))
        self._length = max(1, min(fitting, 2 * n_shards))


def run_batch(function: Callable[[Shard], Result], batch: list[Shard]) -> tuple[Result, float]:
    """The sum of `function` over a batch, and the seconds that it took."""
    started = time.perf_counter()
    first, *others = batch
    total: Result = merge_results(map(function, others), function(first))
    return total, time.perf_counter() - started


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
