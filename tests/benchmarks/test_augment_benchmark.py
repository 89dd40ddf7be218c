"""The benchmark of augmentation runs, on next to no data."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("augment.py")
N_ROWS = {"wrapper": 1, "operations": 11, "policy": 1, "mixing": 1, "disk": 2, "device": 2}


def run(*arguments):
    return subprocess.run(
        [sys.executable, str(SCRIPT), *arguments], capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def rows():
    """The table of a fiftieth of the pictures."""
    result = run(*N_ROWS, "--scale", "tiny", "--runs", "1", "--markdown")
    # 1: times of next to nothing are those of starting, and may miss a floor.
    assert result.returncode in (0, 1), result.stderr
    return [[cell.strip() for cell in line.strip("|\n").split("|")]
            for line in result.stdout.splitlines()[2:]]  # fmt: skip


def test_every_case_gives_its_rows(rows):
    names = [row[0] for row in rows]
    assert {name: names.count(name) for name in names} == N_ROWS


def test_every_row_tells_what_was_measured_of_our_side(rows):
    units = (" µs a picture", " pictures a second", " copies")
    assert [row[1] for row in rows if not any(unit in row[2] for unit in units)] == []


def test_every_row_beside_another_side_has_a_ratio(rows):
    compared = [row for row in rows if row[3] != "none"]
    assert len(compared) == 16
    assert [row[1] for row in compared if not row[4]] == []


def test_every_row_but_those_of_a_device_has_a_verdict(rows):
    assert {row[-1] for row in rows if row[0] != "device"} <= {"pass", "missed"}


def test_a_name_that_is_none_is_refused(refused):
    errors = refused(SCRIPT, "operation")
    assert "expected names of wrapper, operations," in errors
    assert "got operation" in errors
