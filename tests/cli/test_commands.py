"""Commands as a user gives them: arguments → exit code, and words on stdout and stderr."""

import contextlib
import io
import json
import os
import shutil
from pathlib import Path

import pytest
from PIL import Image

from balancekit import Plan
from balancekit.augment import task_names
from balancekit.cli import run

GOLDEN = Path(__file__).parent.parent / "golden"
"""Expected output. To write it anew: BALANCEKIT_REGENERATE=1 pytest tests/cli"""


@pytest.fixture(scope="module")
def data_sets(tmp_path_factory):
    """A folder with small data sets, and plans for two of them."""
    place = tmp_path_factory.mktemp("data")
    with contextlib.chdir(place), contextlib.redirect_stdout(io.StringIO()):
        write_data_sets()
    return place


@pytest.fixture
def here(data_sets, tmp_path, monkeypatch):
    """A copy of it, which is the current folder; a terminal of 80 columns."""
    shutil.copytree(data_sets, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    return tmp_path


def write_data_sets():
    table = "file,species\n" + "a,cat\n" * 60 + "b,dog\n" * 20 + "c,[red]ox[/]\n" * 3
    Path("animals.csv").write_text(table)
    Path("two words.csv").write_text("label\n" + "x\n" * 9 + "y\n" * 3)
    Path("one.csv").write_text("label\ncat\ncat\n")
    Path("none.csv").write_text("label\n")
    Path("columns.csv").write_text("a,b\n1,2\n")
    Path("empty").mkdir()
    for name, n in {"up": 12, "down": 4}.items():
        folder = Path("pictures", name)
        folder.mkdir(parents=True)
        for index in range(n):
            Image.new("L", (8, 8), index).save(folder / f"{index:02d}.png")
    Path("pictures/up/hidden.txt").write_text("no picture")
    broken = Path("pictures/down/03.png")
    broken.write_bytes(broken.read_bytes()[:40])
    assert run(["recommend", "animals.csv", "-o", "plan.toml", "--json", "plan.json"]) == 0
    assert run(["recommend", "two words.csv", "-o", "other.toml", "--json=other.json"]) == 0
    assert run(["analyze", "animals.csv", "--json", "analysis.json"]) == 0


CASES = {
    "help": ("--help", 0, ["Exit codes:", "balancekit analyze data/", "recommend"], []),
    "no command": ("", 0, ["Usage: balancekit COMMAND"], []),
    "help of analyze": ("analyze --help", 0, ["--label COLUMN", "Examples:", "130"], []),
    "help of recommend": ("recommend --help", 0, ["--picture-task TASK", "-o plan.toml"], []),
    "help of preview": ("preview --help", 0, ["--batch-size", "Examples:"], []),
    "help of demo": ("demo --help", 0, ["--folder", "Examples:"], []),
    "version": ("--version", 0, ["0.1.0"], []),
    "analyze a table": (
        "analyze animals.csv",
        0,
        ["● Strong imbalance: cat has 20.0 times the samples of [red]ox[/] (60 to 3).", "BK104"],
        [],
    ),
    "analyze names the next command": (
        "analyze|two words.csv|--label|label",
        0,
        ["Next:\n  balancekit recommend 'two words.csv' --label label\n"],
        [],
    ),
    "analyze one class": (
        "analyze one.csv", 0, ["● One class only, cat", "2 samples in 1 class\n", "BK101"], []
    ),
    "analyze no sample": ("analyze none.csv", 0, ["● No labelled sample", "BK101"], []),
    "analyze pictures": ("analyze pictures", 0, ["BK201", "03.png", "all pictures opened"], []),
    "analyze unopened": ("analyze pictures --verify none", 0, ["not opened"], []),
    "strict with a broken picture": ("analyze pictures --strict", 3, ["BK201"], []),
    "strict with nothing wrong": ("analyze animals.csv --strict", 0, ["cat"], []),
    "analyze nothing": ("analyze missing", 2, [], ["missing: expected a folder", "Check"]),
    "analyze an empty folder": ("analyze empty", 2, [], ["empty/cat/1.jpg"]),
    "analyze without a label column": ("analyze columns.csv", 2, [], ["['a', 'b']", "--label"]),
    "analyze another column": ("analyze animals.csv --label x", 2, [], ["'x'"]),
    "recommend without a file": (
        "recommend animals.csv",
        0,
        [
            "● Plan: ",
            "because",
            "Next:\n  balancekit recommend animals.csv -o plan.toml\n\nThen, in your code:\n",
            "# plan = balancekit.recommend(balancekit.analyze(train))",
        ],
        [],
    ),
    "recommend names its own options in the next command": (
        "recommend pictures --picture-task xray --objective accuracy --seed 3",
        0,
        ["pictures --objective accuracy --picture-task xray --seed 3 -o plan.toml\n"],
        [],
    ),
    "recommend an analysis": ("recommend analysis.json", 0, ["● Plan: "], []),
    "recommend to a file": (
        "recommend animals.csv -o new.toml",
        0,
        ["Written: new.toml", "Next:\n  balancekit preview new.toml animals.csv\n"],
        [],
    ),
    "recommend for one class": ("recommend one.csv", 2, [], ["two classes", "--label"]),
    "recommend a task misspelt": (
        "recommend pictures --picture-task digit -o new.toml",
        2,
        [],
        ["Did you mean 'digits'?"],
    ),
    "recommend into no folder": (
        "recommend animals.csv -o no/plan.toml", 2, [], ["-o no/plan.toml", "mkdir -p no"]
    ),
    "recommend a plan that is named JSON": (
        "recommend animals.csv -o new.json", 2, [], ["is TOML, got .json. Name it new.toml"]
    ),
    "recommend onto a folder": ("recommend animals.csv -o empty", 2, [], ["got a folder"]),
    "recommend no analysis": ("recommend missing.json", 2, [], ["missing.json", "--json"]),
    "JSON into no folder": (
        "analyze animals.csv --json no/a.json", 2, [], ["--json no/a.json", "mkdir -p no"]
    ),
    "preview": (
        "preview plan.toml animals.csv --epochs 2",
        0,
        ["● [red]ox[/], the rarest class", "counted over 2 epochs", "In your code:"],
        [],
    ),
    "preview of other data": (
        "preview other.toml animals.csv", 2, [], ["expected the classes", "--allow-other-data"]
    ),
    "preview of no plan": ("preview animals.csv animals.csv", 2, [], ["a plan in TOML"]),
    "preview of a missing plan": ("preview no.toml animals.csv", 2, [], ["no.toml"]),
    "preview of empty batches": (
        "preview plan.toml animals.csv --batch-size 0", 2, [], ["--batch-size", "preview --help"]
    ),
    "no data": ("analyze", 2, [], ["DATA", "See balancekit analyze --help"]),
    "too much data": ("analyze animals.csv more", 2, [], ["expected no more", "'more'"]),
    "an unknown option": ("analyze x --labl y", 2, [], ["--labl", "Did you mean --label?"]),
    "an unknown choice": ("analyze x --verify y", 2, [], ['"decode"']),
    "an unknown command": ("analyse x", 2, [], ['Did you mean "analyze"?']),
    "a seed in words": ("recommend animals.csv --seed x", 2, [], ["--seed", "int"]),
}  # fmt: skip


@pytest.mark.parametrize(("line", "code", "said", "told"), CASES.values(), ids=CASES.keys())
def test_command(line, code, said, told, here, capsys):
    before = sorted(here.iterdir())
    assert run(line.split("|" if "|" in line else None)) == code
    out, err = capsys.readouterr()
    for words in said:
        assert words in out
    for words in told:
        assert words in err.replace("\n", " ")
    if code == 2:
        assert out == ""
        assert err.startswith("balancekit: ")
        assert sorted(here.iterdir()) == before, "nothing is written"
    else:
        assert err == ""


def test_help_names_every_picture_task(capsys):
    assert run(["recommend", "--help"]) == 0
    out = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert ", ".join(task_names()) in out


REPORTS = {
    "analyze": "analyze animals.csv",
    "analyze-pictures": "analyze pictures",
    "recommend": "recommend animals.csv -o plan.toml",
    "recommend-pictures": "recommend pictures --picture-task natural",
    "preview": "preview plan.toml animals.csv --batch-size 16 --epochs 2",
    "help": "--help",
}


@pytest.mark.parametrize("name", REPORTS)
def test_report_is_the_golden_one(name, here, capsys):
    capsys.readouterr()
    assert run(REPORTS[name].split()) == 0
    shown = capsys.readouterr().out
    golden = GOLDEN / f"cli-{name}.txt"
    if os.environ.get("BALANCEKIT_REGENERATE"):
        golden.write_text(shown, encoding="utf-8")
    assert shown == golden.read_text(encoding="utf-8")


@pytest.mark.parametrize("columns", [60, 80, 120])
@pytest.mark.parametrize("line", ["analyze animals.csv", "preview plan.toml animals.csv"])
def test_report_fits_its_width(line, columns, here, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(columns))
    capsys.readouterr()
    assert run(line.split()) == 0
    report, _, _ = capsys.readouterr().out.partition("In your code:")
    for line in report.splitlines():
        assert len(line) <= columns
        assert line == line.rstrip()


JSON = {
    "analyze": "analyze animals.csv",
    "recommend": "recommend animals.csv --seed 3",
    "preview": "preview plan.toml animals.csv",
}


@pytest.mark.parametrize("line", JSON.values(), ids=JSON.keys())
def test_json_is_pure_and_the_same_each_time(line, here, capsys):
    shown = []
    for _ in range(2):
        capsys.readouterr()
        assert run([*line.split(), "--json"]) == 0
        out, err = capsys.readouterr()
        assert err == ""
        assert isinstance(json.loads(out), dict)
        shown.append(out)
    assert run([*line.split(), "--json", "file.json"]) == 0
    assert "●" in capsys.readouterr().out
    assert shown == [Path("file.json").read_text()] * 2


def test_files_have_the_rights_of_any_other_file(here):
    Path("plain").touch()
    for name in ("plan.toml", "plan.json", "analysis.json"):
        assert Path(name).stat().st_mode == Path("plain").stat().st_mode


def test_a_device_is_written_to_and_not_replaced(here):
    assert run(["recommend", "animals.csv", "-o", "/dev/null"]) == 0
    assert Path("/dev/null").is_char_device()


def test_written_plan_can_be_loaded(here):
    assert Plan.load("plan.toml").data.class_names == ("[red]ox[/]", "cat", "dog")


def test_control_characters_do_not_reach_the_terminal(here, capsys):
    Path("sly.csv").write_text("label\n" + "\x1b[31mred\x07\n" * 3 + "plain\n" * 2)
    capsys.readouterr()
    assert run(["analyze", "sly.csv"]) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "\\x1b[31mred\\x07" in out
