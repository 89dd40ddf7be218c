"""The command line as a process: what it loads, pipes, interruptions, encodings."""

import os
import pty
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

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


def test_interrupted_page_leaves_the_earlier_one_and_nothing_else(table, tmp_path):
    script = (
        "import sys, time; from balancekit.report import analysis_page\n"
        "from balancekit.cli import main\n"
        "def wait(*_, **__): print('begun', flush=True); time.sleep(60)\n"
        "analysis_page.render_analysis = wait\n"
        f"main(['analyze', {str(table)!r}, '--html=x.html'])"
    )
    (tmp_path / "x.html").write_text("earlier")
    with subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as child:
        assert child.stdout.readline() == b"begun\n"
        child.send_signal(signal.SIGINT)
        assert child.stderr.read() == b"balancekit: interrupted\n"
    assert child.returncode == 130
    assert [file.read_text() for file in tmp_path.glob("*.html")] == ["earlier"]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Two classes of large pictures, which take minutes to decode."""
    home = tmp_path_factory.mktemp("large") / "data"
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 255, (2000, 2000), np.uint8))
    for name in ("a", "b"):
        (home / name).mkdir(parents=True)
        for number in range(400):
            place = home / name / f"{number}.jpg"
            if name == "a" and not number:
                picture.save(place)
            else:
                os.link(home / "a" / "0.jpg", place)
    return home


@pytest.mark.parametrize("seconds", [0.5, 1, 2])
def test_interrupted_decoding_ends_soon_and_leaves_nothing(seconds, pictures, tmp_path):
    line = [BALANCEKIT, "analyze", str(pictures), "--json", "a.json", "--html", "a.html"]
    with subprocess.Popen(
        line, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as child:
        time.sleep(seconds)
        child.send_signal(signal.SIGINT)
        began = time.perf_counter()
        out, errors = child.communicate()
    assert time.perf_counter() - began < 10, "about 1 s; the decoding would take minutes"
    assert (child.returncode, out, errors) == (130, b"", b"balancekit: interrupted\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("options", [[], ["--json"]], ids=["report", "json"])
def test_progress_goes_to_a_terminal_on_stderr_and_never_to_stdout(options, pictures, tmp_path):
    small = tmp_path / "data"
    for name in ("a", "b"):
        (small / name).mkdir(parents=True)
        for number in range(8):
            os.link(pictures / "a" / "0.jpg", small / name / f"{number}.jpg")
    terminal, slave = pty.openpty()
    line = [BALANCEKIT, "analyze", str(small), *options]
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=slave) as child:
        os.close(slave)
        shown = b"".join(iter(lambda: read_all(terminal), b""))
        out = child.stdout.read()
    os.close(terminal)
    assert child.returncode == 0
    assert b"counting" in shown
    assert shown.endswith((b"\x1b[?25h\r\x1b[1A\x1b[2K", b"\x1b[2K", b"\x1b[?25h")), "it is wiped"
    assert b"counting" not in out
    assert b"\x1b" not in out
    assert process("analyze", small, *options).stderr == b""


def read_all(terminal):
    try:
        return os.read(terminal, 4096)
    except OSError:  # its other end was closed
        return b""


LINES = {
    "explain": ["explain"],
    "formats": ["formats"],
    "schema": ["schema", "analysis"],
    "completion": ["completion", "bash"],
    "github": ["analyze", "many.csv", "--output-format", "github"],
}


@pytest.mark.parametrize("line", LINES.values(), ids=LINES.keys())
def test_every_command_bears_a_closed_pipe(line, table):
    with subprocess.Popen(
        [BALANCEKIT, *line], cwd=table.parent, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as child:
        child.stdout.close()
        errors = child.stderr.read()
    assert (child.returncode, errors) == (0, b"")


@pytest.mark.parametrize("options", [[], ["--json"]], ids=["report", "json"])
def test_full_disk_is_one_line_and_no_traceback(options, table):
    with Path("/dev/full").open("wb") as full:
        result = subprocess.run(
            [BALANCEKIT, "analyze", str(table), *options],
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert result.returncode == 2
    assert result.stderr == b"balancekit: output: No space left on device\n"


@pytest.mark.parametrize("redirection", [">&-", "2>&-", ">&- 2>&-"])
def test_closed_streams_change_nothing_of_the_outcome(redirection, table):
    line = f"{BALANCEKIT} analyze {table} --fail-on 'ir < 1' {redirection}"
    result = subprocess.run(["bash", "-c", line], capture_output=True, check=False)
    assert result.returncode == 0
    assert b"Traceback" not in result.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_a_script_that_its_shell_can_read(shell, tmp_path):
    script = tmp_path / "script"
    script.write_bytes(process("completion", shell).stdout)
    assert b"--fail-on" in script.read_bytes()
    found = shutil.which(shell)
    if found is None:
        pytest.skip(f"no {shell} here")
    checked = subprocess.run([found, "-n", script], capture_output=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, b"")


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash here")
def test_bash_completes_commands_and_leaves_names_of_files_to_the_shell(tmp_path):
    script = tmp_path / "script"
    script.write_bytes(process("completion", "bash").stdout)
    complete = (
        f"source {script}; complete -p balancekit\n"
        'say() { COMP_WORDS=(balancekit "$@"); COMP_CWORD=$#; COMPREPLY=(); _balancekit; '
        'echo "${COMPREPLY[@]}"; }\n'
        "say anal; say analyze --dup; say analyze pict; say analyze --html pag\n"
    )
    done = subprocess.run(["bash", "-c", complete], capture_output=True, check=False)
    assert done.stderr == b""
    told = done.stdout.decode().splitlines()
    assert told == [
        "complete -o default -F _balancekit balancekit",
        "analyze",
        "--duplicates",
        "",
        "",
    ]


def test_warning_is_told_in_a_line(tmp_path):
    (tmp_path / "t.csv").write_text("path,label\n" + "none.jpg,cat\n" * 3 + "no.jpg,dog\n" * 3)
    result = process("analyze", tmp_path / "t.csv", "--verify", "decode")
    assert result.returncode == 0
    assert result.stderr.startswith(b"balancekit: warning: table ")
    assert b"no picture could be opened" in result.stderr
    assert result.stderr.count(b"\n") == 1


def test_mistake_of_ours_is_shown_in_full_and_is_no_failed_gate():
    script = (
        "from balancekit import flow; from balancekit.cli import main\n"
        "def fail(*_, **__): raise KeyError('ours')\n"
        "flow.analyze = fail\n"
        "main(['analyze', 'x.csv'])"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)
    assert (result.returncode, result.stdout) == (2, b"")
    assert result.stderr.endswith(b"KeyError: 'ours'\n")


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
