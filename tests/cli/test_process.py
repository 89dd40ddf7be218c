"""The command line as a process: what it loads, pipes, interruptions, encodings."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from balancekit.cli import run

BALANCEKIT = str(Path(sys.executable).parent / "balancekit")


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "many.csv"
    path.write_text("label\n" + "".join(f"class {i % 3000}\n" for i in range(9000)))
    return path


def process(*arguments, **environment):
    return subprocess.run(
        [BALANCEKIT, *map(str, arguments)],
        capture_output=True,
        check=False,
        env=os.environ | environment,
    )


def loaded_by(line, *modules):
    script = (
        "import sys; from balancekit.cli import run; run(sys.argv[1:]);"
        f"print([m for m in {modules!r} if m in sys.modules], file=sys.stderr)"
    )
    result = subprocess.run(
        [sys.executable, "-c", script, *line], capture_output=True, text=True, check=True
    )
    return result.stderr.splitlines()[-1]


def test_help_loads_no_library_of_the_work():
    heavy = ("numpy", "msgspec", "torch", "pandas", "duckdb", "albumentations", "jinja2", "PIL")
    assert loaded_by(["--help"], *heavy) == "[]"


def test_commands_load_no_torch(table, tmp_path):
    plan = str(tmp_path / "plan.toml")
    assert run(["recommend", str(table), "-o", plan]) == 0
    for line in (["analyze", str(table)], ["recommend", str(table)], ["preview", plan, str(table)]):
        assert loaded_by(line, "torch", "albumentations", "pandas") == "[]"


@pytest.mark.parametrize("options", [[], ["--json"]], ids=["report", "json"])
def test_reader_that_leaves_early_is_no_error(table, options):
    with subprocess.Popen(
        [BALANCEKIT, "analyze", str(table), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as child:
        child.stdout.close()
        errors = child.stderr.read()
    assert (child.returncode, errors) == (0, b"")


def test_help_into_a_closed_pipe_is_no_error():
    with subprocess.Popen(
        [BALANCEKIT, "--help"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as child:
        child.stdout.close()
        errors = child.stderr.read()
    assert (child.returncode, errors) == (0, b"")


def test_interrupted_run_leaves_with_130_and_nothing_written(tmp_path):
    script = (
        "import sys, time; from balancekit import flow; from balancekit.cli import main\n"
        "def wait(*_, **__): print('begun', flush=True); time.sleep(60)\n"
        "flow.analyze = wait\n"
        "main(['analyze', 'x.csv', '--json=x.json'])"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as child:
        assert child.stdout.readline() == b"begun\n"
        time.sleep(0.1)
        child.send_signal(signal.SIGINT)
        errors = child.stderr.read()
    assert child.returncode == 130
    assert errors == b"balancekit: interrupted\n"
    assert not (tmp_path / "x.json").exists()


def test_no_colour_where_output_is_no_terminal(table):
    result = process("analyze", table)
    assert result.returncode == 0
    assert b"\x1b" not in result.stdout
    assert result.stderr == b""


def test_terminal_of_another_encoding_gets_question_marks(table):
    result = process("analyze", table, PYTHONIOENCODING="ascii")
    assert (result.returncode, result.stderr) == (0, b"")
    assert b"? Balanced" in result.stdout


def test_exit_code_of_a_wrong_path():
    result = process("analyze", "missing")
    assert (result.returncode, result.stdout) == (2, b"")
    assert result.stderr.startswith(b"balancekit: missing: ")
