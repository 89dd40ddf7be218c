"""The samplers' benchmark runs, on next to no data, and says what is not installed."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("samplers.py")
N_ROWS = {
    "epoch": 3,
    "first-batch": 1,
    "index": 1,
    "memory": 2,
    "classes": 10,
    "imbalance": 5,
    "seek": 1,
    "ranks": 3,
}
PEERS = {"torchsampler": "torchsampler", "pytorch_metric_learning": "MPerClassSampler"}


def run(*arguments):
    return subprocess.run(
        [sys.executable, str(SCRIPT), *arguments], capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def rows():
    """The table at a thousandth of the scale."""
    result = run("--scale", "tiny", "--runs", "1", "--markdown")
    # 1: times of next to nothing are those of starting, and may miss a floor.
    assert result.returncode in (0, 1), result.stderr
    return [line.strip("|\n").split("|") for line in result.stdout.splitlines()[2:]]


def test_every_case_gives_its_rows(rows):
    names = [row[0].strip() for row in rows]
    assert {name: names.count(name) for name in names} == N_ROWS


def test_every_row_tells_what_was_measured_of_our_side(rows):
    units = (" ns an index, made in ", " ms", " bytes a sample")
    assert [row[1] for row in rows if not any(unit in row[2] for unit in units)] == []


def test_every_row_beside_a_peer_has_two_ratios(rows):
    compared = [row for row in rows if row[3].strip() != "none"]
    assert len(compared) >= 20
    assert [row[1] for row in compared if not (row[4].strip() and row[5].strip())] == []


@pytest.mark.parametrize(("library", "peer"), PEERS.items(), ids=PEERS)
def test_a_peer_that_is_not_installed_is_said_to_be(rows, library, peer):
    told = [row for row in rows if row[-1].strip() == f"{peer} is not installed (--peers)"]
    assert len(told) == (importlib.util.find_spec(library) is None)


def test_a_name_that_is_none_is_refused(refused):
    errors = refused(SCRIPT, "epochs")
    assert "expected names of epoch, first-batch," in errors
    assert "got epochs" in errors
