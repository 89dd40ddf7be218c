"""The study of recommendations runs, on next to no data, and goes on where it was stopped."""

import json
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest

from balancekit.sources.datasets import open_dataset

SCRIPT = Path(__file__).with_name("recommend.py")
STRATEGIES = 11
"""Plain training and the fixed ones."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A small table, one that cannot be read, and what a run over both left."""
    folder = tmp_path_factory.mktemp("study")
    rng = np.random.default_rng(0)
    rows = [f"{rng.normal(i % 5 == 0):.3f},{'ab'[i % 5 == 0]}" for i in range(60)]
    (folder / "tiny.csv").write_text("\n".join(["x,label", *rows]) + "\n")
    (folder / "tiny_broken.csv").write_text("")
    return folder


def run(folder, *arguments):
    data = [str(folder / name) for name in ("tiny.csv", "tiny_broken.csv")]
    kept = ("--kept", str(folder / "kept.jsonl"))
    command = [sys.executable, str(SCRIPT), *data, "--only", "tiny", *kept, "--epochs", "1"]
    return subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def first(folder):
    result = run(folder, "--seeds", "2")
    assert result.returncode == 0, result.stderr
    return result


def cells(text, first_cell):
    """The rows of all tables that begin with a cell, as lists of cells."""
    rows = [line.strip("| ").split(" | ") for line in text.splitlines()]
    return [row for row in rows if row[0] == first_cell]


def test_each_set_has_a_row_with_the_rule_and_the_best_fixed_strategy(first):
    (row,) = cells(first.stdout, "tiny")
    assert row[1:4] == ["60, 2", "4.0", "12"]
    assert row[7] in ("win", "tie", "loss")
    assert all(" ± " in row[at] for at in (6, 9))


def test_every_strategy_is_held_against_the_recommendation_in_the_totals(first):
    totals = first.stdout.split("\n\n")[2].splitlines()[2:]
    assert len(totals) == STRATEGIES
    counts = [[int(cell) for cell in line.strip("| ").split(" | ")[2:5]] for line in totals]
    assert [sum(row) for row in counts] == [1] * STRATEGIES


def test_a_set_that_cannot_be_read_is_told_and_does_not_end_the_others(first):
    assert "tiny_broken: DataError" in first.stderr
    assert "1 of 2 sets: no result" in first.stderr


def test_a_second_run_takes_what_was_kept_and_leaves_out_a_line_that_was_cut_off(first, folder):
    kept = folder / "kept.jsonl"
    whole = kept.read_bytes()
    kept.write_bytes(whole + whole[:40])
    again = run(folder, "--seeds", "2", "--minutes", "0")
    assert again.stdout == first.stdout
    assert f"line {STRATEGIES + 2} cannot be read" in again.stderr


def test_kept_results_hold_every_seed_of_every_plan(first, folder):
    lines = (folder / "kept.jsonl").read_bytes().splitlines()[: STRATEGIES + 1]
    (arms,) = zip(*(json.loads(line)["found"]["arms"] for line in lines), strict=True)
    assert [[run["seed"] for run in arm["runs"]] for arm in arms] == [[0, 1]] * len(lines)


@pytest.mark.parametrize(
    ("seeds", "epochs"), [(2, 1), (3, None), (3, 2)], ids=["seeds", "epochs", "both"]
)
def test_other_seeds_or_epochs_ask_for_other_results(monkeypatch, folder, seeds, epochs):
    monkeypatch.syspath_prepend(SCRIPT.parent)
    from recommend_outcomes import Trial
    from recommend_sets import DataSet

    data_set = DataSet("tiny", "given", lambda: open_dataset(folder / "tiny.csv"))
    usual, other = (Trial(data_set, "accuracy", *of) for of in ((3, 1), (seeds, epochs)))
    plan = usual.plans["baseline"]
    assert usual.asked(plan) != other.asked(plan)
    assert usual.asked(plan) == usual.asked(msgspec.structs.replace(plan, warnings=("new",)))
