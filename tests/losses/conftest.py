"""What tests of losses share."""

from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import pytest
import torch

from tests.losses.two_ranks import run

TIMEOUT_S = 120
"""Generous: two interpreters load torch on a machine that other jobs share."""


@pytest.fixture(scope="session")
def two_ranks(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[[Callable[[int], Any]], list[Any]]]:
    """Calls function(rank) in two processes that talk over gloo, and gives both results.

    The function stands at the top of its test module, and gives what torch.save takes. The
    processes stay for the tests that follow, as each takes seconds to load torch; a group of
    processes is made anew for each call.
    """
    ranks = [ProcessPoolExecutor(1, get_context("spawn")) for _ in range(2)]

    def call(function: Callable[[int], Any]) -> list[Any]:
        folder = tmp_path_factory.mktemp("ranks")
        asked = (function.__code__.co_filename, function.__name__, str(folder))
        running = [pool.submit(run, *asked, rank) for rank, pool in enumerate(ranks)]
        if failed := [error for rank in running if (error := rank.exception(TIMEOUT_S))]:
            raise BaseExceptionGroup("of the two processes", failed)
        return [torch.load(folder / f"{rank}.pt") for rank in (0, 1)]

    yield call
    for pool in ranks:
        pool.shutdown()
