"""`balancekit augment`: counts shown, sets and pages written, contradictions refused."""

import errno
import json
import os
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from balancekit.cli import run
from balancekit.sources import read
from tests.materialize.augmented.cases import write_coco, write_voc

GOLDEN = Path(__file__).parent.parent / "golden"


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with an image folder in it, which is the current one; 80 columns."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    rng = np.random.default_rng(0)
    for name, count in (("up", 12), ("down", 4), ("[red]side[/]", 2)):
        folder = Path("pictures") / name.replace("/", "")
        folder.mkdir(parents=True)
        for number in range(count):
            pixels = rng.integers(0, 256, (8, 10, 3), np.uint8)
            Image.fromarray(pixels).save(folder / f"{number}.png")
    Path("table.csv").write_text("label\n" + "a\n" * 9 + "b\n" * 3)
    return tmp_path


CASES = {
    "help": ("--help", 0, ["--target max|median|N", "How pictures are changed", "--resume"], []),
    "only the counts": (
        "pictures --target max --seed 3",
        0,
        [
            "● 18 new samples to make of 18 samples: imbalance ratio 6.0 → 1.0.\n",
            "target max, task unknown, seed 3; at most 5 of one picture; ",
            "[red]side[]       2   10     12",
            "augment pictures --target max --seed 3 -o balanced/\n",
        ],
        [],
    ),
    "the next command has the options of this one": (
        "pictures --target 5 --task natural --forbid blur --allow elastic --max-copies 9",
        0,
        ["--target 5 --max-copies 9 --task natural --allow elastic --forbid blur -o balanced/\n"],
        [],
    ),
    "a target that some classes cannot reach": (
        "pictures --target max --max-copies 2",
        0,
        ["short of the target: [red]side[] 6"],
        [],
    ),
    "no target": ("pictures --target most", 2, [], ["max, median or a number of samples such as"]),
    "too many copies": (
        "pictures --target 500", 2, [], ["would be copied 249 times", "by max_copies"]
    ),
    "no task": ("pictures --task cats", 2, [], ["task: expected"]),
    "no operation": ("pictures --allow flip", 2, [], ["operation: expected"]),
    "a table": ("table.csv", 2, [], ["expected pictures in one of the formats"]),
    "nothing there": ("nowhere", 2, [], ["nowhere"]),
    "resume without a folder": ("pictures --resume", 2, [], ["--resume: expected with a folder"]),
    "only new without a folder": ("pictures --only-new", 2, [], ["--only-new: expected with a f"]),
    "an empty name": ("pictures -o=", 2, [], ["--out: expected a folder, got an empty name"]),
    "a folder within the data": (
        "pictures -o pictures/new", 2, [], ["expected a folder outside of the data"]
    ),
    "a folder in no folder": ("pictures -o no/new", 2, [], ["Make that first"]),
    "a page in no folder": ("pictures --preview no/page.html", 2, [], ["mkdir -p no"]),
    "no workers": ("pictures --workers 0", 2, [], ["--workers"]),
}  # fmt: skip


@pytest.mark.parametrize(("line", "code", "said", "told"), CASES.values(), ids=CASES.keys())
def test_command(line, code, said, told, here, capsys):
    before = sorted(here.rglob("*"))
    assert run(["augment", *shlex.split(line)]) == code
    out, err = capsys.readouterr()
    for words in said:
        assert words in out
    for words in told:
        assert words in err.replace("\n", " ")
    assert sorted(here.rglob("*")) == before, "nothing is written"
    if code == 2:
        assert out == ""
        assert err.startswith("balancekit: ")


def test_the_report_looks_as_it_should(here, capsys):
    assert run(shlex.split("augment pictures --target max -o balanced/ --workers 1")) == 0
    file = GOLDEN / "cli-augment.txt"
    out = capsys.readouterr().out.replace(str(here), "HERE")
    if os.environ.get("BALANCEKIT_REGENERATE"):
        file.write_text(out, encoding="utf-8")
    assert out == file.read_text(encoding="utf-8")
    assert read("balanced").class_counts().tolist() == [12, 12, 12]


def test_files_that_had_to_be_copied_are_told_as_such(here, capsys, monkeypatch):
    def refuse(source, target):
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    assert run(shlex.split("augment pictures -o new --workers 1")) == 0
    out = capsys.readouterr().out
    assert "18 files of the data copied into it, as no link can be" in out
    assert "linked" not in out


def test_json_tells_all_and_takes_stdout(here, capsys):
    assert run(shlex.split("augment pictures --target 6 -o new --workers 1 --json")) == 0
    told = json.loads(capsys.readouterr().out)
    assert {row["name"]: row["n_new"] for row in told["classes"]} == {
        "[red]side[]": 4,
        "down": 2,
        "up": 0,
    }
    assert told["n_linked"] == 18
    assert Path(told["manifest"]).is_file()


def test_bad_pictures_are_told_and_strict_leaves_with_3(here, capsys):
    Path("pictures/down/0.png").write_bytes(b"<html>")
    line = "augment pictures --target max --workers 1"
    assert run(shlex.split(f"{line} -o one")) == 0
    told = "warning: 1 picture could not be used:\n  down/0.png: expected a picture that decodes"
    assert told in capsys.readouterr().err
    assert run(shlex.split(f"{line} -o two --strict")) == 3
    assert "--strict: 1 picture could not be used" in capsys.readouterr().err


def test_of_many_bad_pictures_some_are_told_each_on_its_line(here, capsys):
    for number in range(7):
        Path(f"pictures/up/bad{number}.png").write_bytes(b"")
    assert run(shlex.split("augment pictures --target 30 --workers 1 -o new")) == 0
    lines = capsys.readouterr().err.splitlines()
    assert "7 pictures could not be used:" in lines[0]
    assert [line.split(":")[0] for line in lines[1:6]] == [f"  up/bad{n}.png" for n in range(5)]
    assert lines[6] == "  and 2 more, in quarantine.jsonl beside the manifest"


def test_what_was_met_when_the_data_were_listed_is_told_with_the_command_that_names_it(
    here, capsys
):
    Path("pictures/loose.png").write_bytes(b"")
    Path("pictures/up/.hidden").touch()
    assert run(shlex.split("augment pictures --format image-folder --json")) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["problems"] == {"hidden-file": 1, "picture-outside-class": 1}
    assert err == (
        "balancekit: warning: met when the data were listed: pictures outside of any class "
        "folder: 1. See: balancekit analyze pictures --format image-folder\n"
    )


def test_a_run_that_is_started_again_says_what_it_found(here, capsys):
    line = shlex.split("augment pictures --target max -o new --workers 1")
    assert run(line) == 0
    assert run([*line, "--resume"]) == 0
    assert "18 new samples were there from an earlier run" in capsys.readouterr().out


def test_the_command_in_a_page_has_the_target_and_all_else_that_was_given(here):
    given = "--target 5 --max-copies 9 --task natural --forbid blur"
    assert run(shlex.split(f"augment pictures {given} --preview page.html")) == 0
    page = Path("page.html").read_text(encoding="utf-8")
    assert f"balancekit augment pictures {given} --preview page.html" in page


def test_a_hint_is_told_where_copies_hardly_balance_the_classes(here, capsys):
    write_coco(here / "boxes")
    assert run(shlex.split("augment boxes --target 3")) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "Paste rare objects into other pictures instead (CopyPaste)." in said


def test_boxes_without_area_are_told(here, capsys):
    write_voc(here / "boxes", [(9, 3, 9, 8), (1, 1, 6, 6)])
    assert run(shlex.split("augment boxes")) == 0
    assert capsys.readouterr().err == (
        "balancekit: warning: 1 box of the data without width or height, kept as in the files\n"
    )


def test_a_page_shows_originals_copies_and_reasons(here, capsys):
    Path("pictures/down/0.png").write_bytes(b"<html>")
    line = "augment pictures --task natural --preview page.html"
    assert run(shlex.split(line)) == 0
    assert "Page: page.html" in capsys.readouterr().out
    page = Path("page.html").read_text(encoding="utf-8")
    assert "<h1>Augmentation for natural pictures</h1>" in page
    assert page.index("[red]side[]</bdi>") < page.index("down</bdi>") < page.index("up</bdi>")
    # Three pictures a class but for the smallest, an original and four copies of each.
    assert page.count("<image href=") == (2 + 3 + 3) * 5
    assert "down/0.png" in page
    assert "expected a picture that decodes whole" in page
    assert "horizontal-flip" in page
    assert 'src="http' not in page
    assert 'href="http' not in page
    assert run(shlex.split(line)) == 0
    assert Path("page.html").read_text(encoding="utf-8") == page
