"""What tests of losses share."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

TIMEOUT_S = 120
"""Generous: two interpreters load torch on a machine that other jobs share."""


@pytest.fixture(scope="session")
def two_ranks(
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[Callable[[int], Any]], list[Any]]:
    """Calls function(rank) in two processes that talk over gloo, and gives both results.

    The function stands at the top of its test module, and gives what torch.save takes.
    """

    def run(function: Callable[[int], Any]) -> list[Any]:
        script = Path(__file__).with_name("two_ranks.py")
        folder = tmp_path_factory.mktemp("ranks")
        source = function.__code__.co_filename
        command = [sys.executable, str(script), source, function.__name__, str(folder)]
        ranks = [subprocess.Popen([*command, rank]) for rank in ("0", "1")]
        assert [process.wait(timeout=TIMEOUT_S) for process in ranks] == [0, 0]
        return [torch.load(folder / f"{rank}.pt") for rank in (0, 1)]

    return run
