"""How many cores a shard may use."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["available_cpus", "limited_cpus"]

_LIMIT: ContextVar[int | None] = ContextVar("_LIMIT", default=None)


def available_cpus() -> int:
    """How many cores the running shard may use: those of its task, else of this process.

    What brings threads of its own (DuckDB, say) takes this number, not that of the machine:
    a task on a cluster was given some of the cores, and a process may be bound to some.
    """
    limit = _LIMIT.get()
    if limit is not None:
        return limit
    if hasattr(os, "sched_getaffinity"):  # not on macOS and Windows
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def limited_cpus(n_cpus: int) -> Iterator[None]:
    """While it lasts, `available_cpus` gives this number in the calling thread.

    >>> with limited_cpus(3):
    ...     available_cpus()
    3
    """
    token = _LIMIT.set(max(1, n_cpus))
    try:
        yield
    finally:
        _LIMIT.reset(token)
