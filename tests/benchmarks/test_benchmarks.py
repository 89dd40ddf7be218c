"""Every benchmark runs, on next to no data, and both sides count the same."""

import subprocess
import sys
from pathlib import Path

import pytest

RUN = Path(__file__).with_name("run.py")
NAMES = (
    "help",
    "tree",
    "tree-long-tail",
    "parquet",
    "parquet-work",
    "parquet-memory",
    "ray",
    "csv",
    "coco",
    "yolo",
    "decode",
    "decode-cores",
)


def run(*arguments):
    return subprocess.run(
        [sys.executable, str(RUN), *arguments], capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """The table at a ten thousandth of the scale, by the name of the benchmark."""
    data = tmp_path_factory.mktemp("data")
    result = run("--scale", "tiny", "--runs", "1", "--markdown", "--data", str(data))
    # 1: times of next to nothing are those of starting, and may miss a floor.
    assert result.returncode in (0, 1), result.stderr
    rows = [line.strip("| ").split(" | ") for line in result.stdout.splitlines()[2:]]
    return {row[0]: row for row in rows}


@pytest.mark.parametrize("name", NAMES)
def test_a_benchmark_runs_and_both_sides_count_the_same(table, name):
    row = table[name]
    assert " s, " in row[2]
    assert "counts differ" not in row[-1]


def test_all_benchmarks_are_tested(table):
    assert tuple(table) == NAMES


def test_a_name_that_is_none_is_refused():
    result = run("parquett")
    assert result.returncode == 2
    assert "expected names of help, tree," in result.stderr
    assert "got parquett" in result.stderr
