"""`balancekit resample`: counts shown, indices and trees written, contradictions refused."""

import json
import os
import shlex
from pathlib import Path

import numpy as np
import pytest

from balancekit import analyze
from balancekit.cli import run
from balancekit.sources import read
from balancekit.sources.folder_scan import TREE_MARKER

GOLDEN = Path(__file__).parent.parent / "golden"


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with a table and an image folder, which is the current one; 80 columns."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    rows = "a,cat\n" * 60 + "b,dog\n" * 20 + "c,[red]ox[/]\n" * 3 + "d,\n"
    Path("animals.csv").write_text("file,species\n" + rows)
    Path("headless.csv").write_text("a;cat\nb;dog\nc;cat\nd;cat\n")
    Path("parts.csv").write_text("label,split\n" + "a,train\nb,train\na,test\nb,test\n" * 5)
    Path("several.csv").write_text("cat,dog\n" + "1,0\n" * 9 + "1,1\n" * 3)
    for name, count in (("up", 12), ("down", 4)):
        Path("pictures", name).mkdir(parents=True)
        for number in range(count):
            Path("pictures", name, f"{number}.png").write_text(f"{name} {number}")
    return tmp_path


CASES = {
    "help": ("--help", 0, ["--strategy CHOICE", "Of the strategy", "-o balanced/"], []),
    "only the counts": (
        "animals.csv --strategy oversample",
        0,
        [
            "● 83 samples become 180 draws: imbalance ratio 20.0 → 1.0.\n",
            "  1 sample without a label: never drawn\n",
            "  [red]ox[/]        3     60  20.00   3.6 % → 33.3 %\n",
            "  balancekit resample animals.csv --strategy oversample -o indices.npy\n",
        ],
        [],
    ),
    "the next command has the options of this one": (
        "animals.csv --strategy make-imbalanced --ratio 3 --order size --seed 2 --label species",
        0,
        [
            "animals.csv --strategy make-imbalanced --ratio 3.0 --order size "
            "--label species --seed 2 -o indices.npy\n"
        ],
        [],
    ),
    "a tree is offered where samples are files": (
        "pictures --strategy oversample",
        0,
        ["or a tree of files:", "resample pictures --strategy oversample -o balanced/\n"],
        [],
    ),
    "a seed that cannot be": (
        "animals.csv --strategy oversample --seed -1",
        2,
        [],
        ["seed: expected an integer from 0 to 2**63 - 1, got -1"],
    ),
    "options of other strategies": (
        "animals.csv --strategy oversample --max-num 3 --alpha 2",
        2,
        [],
        ["got it with oversample; --alpha: ", "got it with oversample. Leave them out."],
    ),
    "ratio": ("animals.csv --strategy oversample --ratio 0.5", 0, ["oversample, ratio 0.5"], []),
    "multiple": ("animals.csv --strategy undersample --multiple 2", 0, ["become 15 draws"], []),
    "level by name": ("animals.csv --strategy combine --level mean", 0, ["become 84 draws"], []),
    "level": ("animals.csv --strategy combine --level 7", 0, ["combine, level 7;"], []),
    "max-num": ("animals.csv --strategy regroup --max-num 5", 0, ["become 15 draws"], []),
    "largest": (
        "animals.csv --strategy make-imbalanced --ratio 10 --largest 20 --order size",
        0,
        ["28 draws", "make-imbalanced, ratio 10, largest 20, exponential profile, order size"],
        [],
    ),
    "step": (
        "animals.csv --strategy make-imbalanced --ratio 9 --profile step --minority-share 0.3",
        0,
        ["step profile, minority share 0.3"],
        [],
    ),
    "pareto": (
        "animals.csv --strategy make-imbalanced --ratio 9 --profile pareto --alpha 3",
        0,
        ["pareto profile, alpha 3"],
        [],
    ),
    "linear": (
        "animals.csv --strategy make-imbalanced --ratio 9 --profile linear", 0, ["linear pr"], []
    ),
    "to .npy": (
        "animals.csv --strategy regroup -o i.npy",
        0,
        [
            "Written: i.npy\n  180 indices\n\nIn your code:\n  indices = numpy.load('i.npy')\n"
            "  frame = pandas.read_csv('animals.csv')  # 84 rows\n  frame = frame.iloc[indices]\n"
        ],
        [],
    ),
    "of a table without a header": (
        "headless.csv --label column_1 --no-header --strategy regroup -o i.npy",
        0,
        ["  frame = pandas.read_csv('headless.csv', sep=';', header=None)  # 4 rows\n"],
        [],
    ),
    "of a part of a table": (
        "parts.csv --split train --strategy regroup -o i.npy",
        0,
        ["  # Of a data set in the order of balancekit.read('parts.csv', split='train'):\n"],
        [],
    ),
    "of pictures": (
        "pictures --strategy regroup -o i.npy",
        0,
        ["  dataset = balancekit.PictureDataset(balancekit.read('pictures'))\n"],
        [],
    ),
    "the most frequent class stays the largest": (
        "pictures --strategy make-imbalanced --ratio 3",
        0,
        ["exponential profile, order size;", "  up          12     12  1.00"],
        [],
    ),
    "to .csv": (
        "animals.csv --strategy regroup -o i.csv", 0, ["pandas.read_csv('i.csv')['index']"], []
    ),
    "to .parquet": (
        "animals.csv --strategy regroup -o i.parquet", 0, ["read_parquet('i.parquet')"], []
    ),
    "to a tree": (
        "pictures --strategy combine --level 5 -o new",
        0,
        ["Written: new\n  10 files in class folders\n", "Next:\n  balancekit analyze new\n"],
        [],
    ),
    "no strategy": ("animals.csv", 2, [], ["--strategy requires an argument"]),
    "a strategy misspelt": ("animals.csv --strategy over", 2, [], ['"oversample"']),
    "a value that cannot be": (
        "animals.csv --strategy oversample --ratio 2", 2, [], ["Oversample.ratio: expected", "2.0"]
    ),
    "options of others": (
        "animals.csv --strategy regroup --ratio 2 --level 5",
        2,
        [],
        [
            "--ratio: expected only with --strategy oversample or make-imbalanced, got it with reg",
            "--level: expected only with --strategy combine",
        ],
    ),
    "an option of another profile": (
        "animals.csv --strategy make-imbalanced --ratio 2 --minority-share 0.5",
        2,
        [],
        ["--minority-share: expected only with --profile step, got it with exponential"],
    ),
    "no ratio": (
        "animals.csv --strategy make-imbalanced", 2, [], ["--ratio: expected", "such as --ratio 1"]
    ),
    "sets of classes": (
        "several.csv --strategy ml-ros --share 0.5 --label cat,dog -o i.csv",
        0,
        ["● 12 samples become 15 draws: imbalance ratio 4.0 → 2.5", "ml-ros, share 0.5"],
        [],
    ),
    "a tree of sets": (
        "several.csv --strategy ml-rus --label cat,dog -o new", 2, [], ["a folder a class, got sev"]
    ),
    "sets of one class": ("animals.csv --strategy ml-ros", 2, [], ["Use Oversample()"]),
    "several classes a sample": (
        "several.csv --strategy oversample --label cat,dog", 2, [], ["one class a sample, got mult"]
    ),
    "a tree of rows": ("animals.csv --strategy regroup -o new", 2, [], ["Write the indices inst"]),
    "a tree within the data": (
        "pictures --strategy regroup -o pictures/new", 2, [], ["outside of the data, got one with"]
    ),
    "a tree over the data": ("pictures --strategy regroup -o .", 2, [], ["holds other files"]),
    "a tree in no folder": ("pictures --strategy regroup -o no/new", 2, [], ["no folder"]),
    "indices into no folder": ("pictures --strategy regroup -o no/i.npy", 2, [], ["mkdir -p no"]),
    "a file of another kind": (
        "pictures --strategy regroup -o i.json", 2, [], ["ends in .npy, .csv, .parquet", "add a /"]
    ),
    "a tree where none can be": (
        "pictures --strategy regroup -o /proc/new", 2, [], ["can be written to, got /proc ("]
    ),
    "indices where none can be": (
        "pictures --strategy regroup -o /proc/i.npy", 2, [], ["can be written to, got /proc ("]
    ),
    "an empty name": ("pictures --strategy regroup -o=", 2, [], ["-o: expected a file or folder"]),
    "links of indices": (
        "pictures --strategy regroup -o i.npy --files copies", 2, [], ["with a folder, -o DIR"]
    ),
}  # fmt: skip


@pytest.mark.parametrize(("line", "code", "said", "told"), CASES.values(), ids=CASES.keys())
def test_command(line, code, said, told, here, capsys):
    before = sorted(here.rglob("*"))
    assert run(["resample", *shlex.split(line)]) == code
    out, err = capsys.readouterr()
    for words in said:
        assert words in out
    for words in told:
        assert words in err.replace("\n", " ")
    if code == 2:
        assert out == ""
        assert err.startswith("balancekit: ")
        assert sorted(here.rglob("*")) == before, "nothing is written"


def test_the_report_looks_as_it_should(here, capsys):
    assert run(shlex.split("resample pictures --strategy combine -o balanced/")) == 0
    file = GOLDEN / "cli-resample.txt"
    out = capsys.readouterr().out
    if os.environ.get("BALANCEKIT_REGENERATE"):
        file.write_text(out)
    assert out == file.read_text()


def test_a_folder_may_be_named_like_a_file(here):
    assert run(shlex.split("resample pictures --strategy regroup -o new.txt/")) == 0
    assert read("new.txt", format="image-folder").class_counts().tolist() == [12, 12]


def test_a_tree_of_ours_has_no_file_left_behind(here, capsys):
    assert run(shlex.split("resample pictures --strategy regroup -o new")) == 0
    assert Path("new", TREE_MARKER).is_file()
    assert "BK302" not in [issue.code for issue in analyze("new").issues]
    Path("new", ".other").touch()
    assert "BK302" in [issue.code for issue in analyze("new").issues]


def test_copies_are_files_of_their_own(here):
    assert run(shlex.split("resample pictures --strategy regroup -o new --files copies")) == 0
    assert Path("new/up/0.png").stat().st_nlink == 1


def test_json_holds_what_was_drawn_and_written(here, capsys):
    assert run(shlex.split("resample pictures --strategy regroup -o new --json")) == 0
    told = json.loads(capsys.readouterr().out)
    assert told == {
        "strategy": {"kind": "regroup", "max_num": None},
        "seed": 0,
        "n_samples": 16,
        "n_labelled": 16,
        "n_drawn": 24,
        "classes": [
            {"name": "down", "n_samples": 4, "n_drawn": 12},
            {"name": "up", "n_samples": 12, "n_drawn": 12},
        ],
        "output": "new",
        "n_files": 24,
        "n_files_found": 0,
        "n_linked_otherwise": 0,
        "skipped": [],
    }


@pytest.mark.parametrize(("option", "code", "lead"), [("", 0, "warning"), ("--strict", 3, "--st")])
def test_files_that_cannot_be_read_are_told_and_end_nothing(option, code, lead, here, capsys):
    for number in range(7):
        Path(f"pictures/up/{number}.png").unlink()
        Path(f"pictures/up/{number}.png").symlink_to("gone")
    # Of the other class too, whose files are drawn three times each: told once each.
    Path("pictures/down/0.png").unlink()
    Path("pictures/down/0.png").symlink_to("gone")
    line = f"resample pictures --strategy oversample -o new --json told.json {option}"
    assert run(shlex.split(line)) == code
    out, err = capsys.readouterr()
    assert "  14 files in class folders\n" in out
    assert err.startswith(f"balancekit: {lead}")
    assert "8 files that could not be read are left out: pictures/down/0.png: No such file" in err
    assert err.rstrip().endswith("; and 3 more")
    assert len(json.loads(Path("told.json").read_text())["skipped"]) == 8


def test_an_earlier_tree_is_told_as_such(here, capsys):
    for _ in range(2):
        assert run(shlex.split("resample pictures --strategy regroup -o new")) == 0
    assert "  24 of them were there from an earlier run\n" in capsys.readouterr().out


def test_settings_name_the_strategy(here, capsys):
    Path("pyproject.toml").write_text('[tool.balancekit.resample]\nstrategy = "regroup"\nseed = 3')
    assert run(["resample", "pictures", "-o", "i.npy"]) == 0
    assert "regroup; seed 3" in capsys.readouterr().out
    assert len(np.load("i.npy")) == 24
