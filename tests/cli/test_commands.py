"""Commands as a user gives them: arguments → exit code, and words on stdout and stderr."""

import contextlib
import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import msgspec
import pytest
from PIL import Image

from balancekit import Plan
from balancekit.augment import task_names
from balancekit.cli import COMMANDS, app, run
from balancekit.plan import NoAugmentation

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
    ids = "".join(f"x,name {i}\n" for i in range(60))
    Path("ids.csv").write_text(f"a,label\n{ids}x,name 1\n")
    Path("several.csv").write_text("cat,dog\n" + "1,0\n" * 9 + "1,1\n" * 3 + "0,0\n")
    Path("cells.csv").write_text("label\n" + "cat + dog\n" * 3 + "cat\n" * 9)
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
    more = Path("animals.csv").read_text() + "d,dog\n" * 60 + "e,emu\n" * 30
    Path("later.csv").write_text(more)
    assert run(["analyze", "later.csv", "--json", "later.json"]) == 0


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
    "strict with a broken picture": (
        "analyze pictures --strict",
        3,
        ["BK201"],
        ["balancekit: --strict: BK201: pictures that cannot be decoded: 1"],
    ),
    "a gate before strict": (
        "analyze|pictures|--strict|--fail-on|BK201 > 0",
        1,
        ["BK201"],
        ["--fail-on 'BK201 > 0': BK201 is 1 balancekit: --strict: BK201"],
    ),
    "strict with nothing wrong": ("analyze animals.csv --strict", 0, ["cat"], []),
    "gates that hold": (
        "analyze|animals.csv|--fail-on|ir > 20|--fail-on|few > 1", 0, ["● Strong"], []
    ),
    "a gate that fails": (
        "analyze|animals.csv|--fail-on|ir > 9|--fail-on|few > 1 or gini >= 0.4",
        1,
        ["● Strong"],
        ["--fail-on 'ir > 9': ir is 20 ", "'few > 1 or gini >= 0.4': few is 1, gini is 0.457831"],
    ),
    "a gate misspelt": (
        "analyze|animals.csv|--fail-on|irr > 9", 2, [], ["at column 1", "Did you mean 'ir'?"]
    ),
    "annotations of GitHub": (
        "analyze|pictures|--output-format|github|--fail-on|ir > 2",
        1,
        [
            "::notice title=balancekit::Mild imbalance: up has 3.0 times the samples of down",
            "::error title=BK201::pictures that cannot be decoded: 1%0AReplace or delete",
            "::warning title=BK104::classes with fewer than 20 samples: 2%0A",
            "::notice title=BK303::",
            "::error title=balancekit::--fail-on 'ir > 2': ir is 3\n",
        ],
        ["balancekit: --fail-on 'ir > 2': ir is 3"],
    ),
    "annotations and JSON on stdout": (
        "analyze animals.csv --json --output-format github", 2, [], ["Name a file"]
    ),
    "analyze columns of 0 and 1": (
        "analyze several.csv --label cat,dog", 0, ["of dog (12 to 3)", "13 samples (1 without"], []
    ),
    "analyze cells of several labels": (
        "analyze cells.csv --label-delimiter +",
        0,
        ["of dog (12 to 3)", "recommend cells.csv --label-delimiter +\n"],
        [],
    ),
    "analyze cells without a delimiter": (
        "analyze cells.csv --label-delimiter=", 2, [], ["--label-delimiter: expected what"]
    ),
    "analyze for another task": (
        "analyze animals.csv --task multilabel", 0, ["recommend animals.csv --task multilabel"], []
    ),
    "analyze a table without a header": (
        "analyze animals.csv --no-header --label column_1",
        0,
        ["84 samples in 4 classes", "recommend animals.csv --label column_1 --no-header\n"],
        [],
    ),
    "analyze with one worker": ("analyze animals.csv --workers 1", 0, ["● Strong"], []),
    "analyze with no worker": ("analyze animals.csv --workers 0", 2, [], ["--workers"]),
    "a page into no folder": (
        "analyze animals.csv --html no/a.html", 2, [], ["--html no/a.html", "mkdir -p no"]
    ),
    "explain a code": (
        "explain bk104", 0, ["● BK104 classes with fewer than 20 samples\n  warning\n"], []
    ),
    "explain two codes": ("explain BK101 BK201", 0, ["● BK101", "● BK201"], []),
    "explain all": ("explain", 0, ["BK101  error    fewer than", "BK104  warning", "BK302  i"], []),
    "explain a code misspelt": ("explain BK14", 2, [], ["got 'BK14'. Did you mean BK"]),
    "formats": (
        "formats", 0, ["\n  coco  ", "detection", "from a clone: pip install '.[formats]'"], []
    ),
    "schema": ("schema analysis", 0, ['"$id": "urn:balancekit:analysis:1"'], []),
    "a function of Python": (
        "build a b", 2, [], ["build is a function of Python: balancekit.build(…)."]
    ),
    "recommend for ids": (
        "recommend ids.csv", 0, ["Plan"], ["warning: most classes have one sample", "of no use"]
    ),
    "analyze ids": (
        "analyze ids.csv",
        0,
        ["● The labels look like ids: 59 of 60 classes have one sample.", "explain BK103"],
        [],
    ),
    "diff without the file": (
        "diff none.json later.json", 2, [], ["none.json: expected an", "found no such file. Check"]
    ),
    "diff with a measure of analyze, told which of its own are near": (
        "diff|analysis.json|later.json|--fail-on|ir > 3",
        2,
        [],
        ["got 'ir'. Did you mean 'ir_after' or 'ir_before'?"],
    ),
    "schema of nothing": ("schema x", 2, [], ['"analysis"']),
    "completion": ("completion zsh", 0, ["#compdef balancekit"], []),
    "diff with itself": (
        "diff analysis.json analysis.json", 0, ["● Unchanged: the same classes"], []
    ),
    "diff": (
        "diff analysis.json later.json",
        0,
        ["● Classes changed: 1 came.", "  added    emu\n", "before: table animals.csv"],
        [],
    ),
    "diff that fails its gate": (
        "diff|analysis.json|later.json|--fail-on|added > 0 or removed > 0",
        1,
        ["● Classes changed"],
        ["--fail-on 'added > 0 or removed > 0': added is 1, removed is 0"],
    ),
    "diff with a measure of analyze": (
        "diff|analysis.json|later.json|--fail-on|gini > 0", 2, [], ["There are added, changed, ir_"]
    ),
    "diff of no analysis": ("diff analysis.json plan.json", 2, [], ["plan.json: expected an anal"]),
    "help of diff": ("diff --help", 0, ["--fail-on EXPR", "Examples:"], []),
    "help of explain": ("explain --help", 0, ["CODE", "Examples:"], []),
    "help of formats": ("formats --help", 0, ["Examples:"], []),
    "help of schema": ("schema --help", 0, ["Examples:"], []),
    "help of completion": ("completion --help", 0, ["source <(balancekit completion bash)"], []),
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
            "# plan = plan.for_data(balancekit.analyze(train))",
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
    "a picture task as a kind of label": (
        "analyze pictures --task digits", 2, [], ["--picture-task digits of balancekit recommend"]
    ),
    "a picture task as a kind of label, where both are": (
        "recommend pictures --task=natural", 2, [], ["pictures show is --picture-task natural."]
    ),
    "a kind of label as a picture task": (
        "recommend pictures --picture-task classification",
        2,
        [],
        ["which is what labels are for. Give it as --task classification."],
    ),
    "a kind of label as what is augmented": (
        "augment pictures --task segmentation", 2, [], ["--task: expected what", "leave it out"]
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
    elif not told:
        assert err == ""


def preview_of(augmentation, capsys):
    """Exit code, report and errors of a preview under a plan with an augmentation."""
    plain = msgspec.structs.replace(Plan.load("plan.toml"), augmentation=NoAugmentation())
    text = plain.to_toml()
    changed = re.sub(r"\[augmentation\]\nkind = \"none\"\n", augmentation, text)
    assert changed != text
    Path("changed.toml").write_text(changed)
    capsys.readouterr()
    code = run(["preview", "changed.toml", "animals.csv"])
    return code, *capsys.readouterr()


def test_preview_shows_how_to_mix(here, capsys):
    mix = '[augmentation]\nkind = "task"\ntask = "natural"\nmix = { kind = "cmo" }\n'
    code, out, err = preview_of(mix, capsys)
    assert (code, err) == (0, "")
    assert "Augmentation: for natural pictures, batches mixed by cmo.\n" in out
    code_shown = textwrap.dedent(out.partition("In your code:\n")[2])
    compile(code_shown, "hints", "exec")
    assert ", n_epochs=n_epochs)" in code_shown
    assert "inputs, targets = pipeline.batch_mix(inputs, targets, step=step)" in code_shown


def test_preview_refuses_a_mix_that_building_would(here, capsys):
    mix = '[augmentation]\nkind = "task"\ntask = "digits"\nmix = { kind = "mixup" }\n'
    code, out, err = preview_of(mix, capsys)
    assert (code, out) == (2, "")
    assert 'because = { mixup = "your reason" } under [augmentation]' in err


def test_preview_tells_of_repeats_that_never_come(here, capsys):
    repeats = '[augmentation]\nkind = "task"\ntask = "natural"\n[augmentation.repeats]\n'
    code, _, err = preview_of(repeats, capsys)
    assert code == 0
    assert "balancekit: warning: plan: augmentation.repeats: with natural sampling" in err


def test_the_package_runs_as_the_command():
    line = [sys.executable, "-m", "balancekit", "--version"]
    assert subprocess.run(line, capture_output=True, text=True, check=True).stdout == "0.1.0\n"


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
    "diff": "diff analysis.json later.json",
    "formats": "formats",
    "help": "--help",
    "help-analyze": "analyze --help",
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


@pytest.mark.parametrize("columns", [40, 60, 80, 120])
@pytest.mark.parametrize(
    "line",
    [
        "analyze animals.csv",
        "preview plan.toml animals.csv",
        "diff analysis.json later.json",
        "explain BK104",
        "explain",
        "formats",
    ],
)
def test_report_fits_its_width(line, columns, here, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(columns))
    capsys.readouterr()
    assert run(line.split()) == 0
    report, _, _ = capsys.readouterr().out.partition("In your code:")
    report, _, _ = report.partition("Next:")  # commands to copy are never broken
    for line in report.splitlines():
        assert len(line) <= columns
        assert line == line.rstrip()


JSON = {
    "analyze": "analyze animals.csv",
    "analyze pictures": "analyze pictures --duplicates --quality",
    "analyze labels": "analyze several.csv --label cat,dog",
    "recommend": "recommend animals.csv --seed 3",
    "preview": "preview plan.toml animals.csv",
    "diff": "diff analysis.json later.json",
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


def examples():
    """Every command that a help shows, but demo and compare, which train."""
    lines = [APP_HELP, *(examples for _, _, examples in COMMANDS.values())]
    found = re.findall(r"balancekit [^#\n)]+", "\n".join(lines))
    trains = ("balancekit demo", "balancekit compare")
    return sorted({line.strip() for line in found if not line.startswith(trains)})


APP_HELP = str(app.help_epilogue).partition("Exit codes")[0]


@pytest.mark.parametrize("line", examples())
def test_example_of_the_help_runs(line, here, capsys):
    shutil.copytree("pictures", "data")
    shutil.copy("animals.csv", "labels.csv")
    shutil.copy("analysis.json", "before.json")
    shutil.copy("later.json", "after.json")
    Path("prior.csv").write_text("class,share\nup,0.9\ndown,0.1\n")
    assert run(["recommend", "data", "-o", "plan.toml"]) == 0
    capsys.readouterr()
    words = shlex.split(line.partition(">" if " > " in line and "'" not in line else "\0")[0])
    failing = "--fail-on" in words
    assert run(words[1:]) == (1 if failing else 0)
    assert capsys.readouterr().out


@pytest.mark.parametrize("name", [b"caf\xe9", b"two\nlines", b"it's"], ids=repr)
def test_next_command_names_any_path(name, here, capsys):
    path = os.fsdecode(name)
    shutil.copytree("pictures", path)
    capsys.readouterr()
    assert run(["analyze", path]) == 0
    shown = capsys.readouterr().out.partition("Next:\n  balancekit recommend ")[2].splitlines()[0]
    printed = subprocess.run(["bash", "-c", f"printf %s {shown}"], capture_output=True, check=True)
    assert printed.stdout == name


def test_page_is_written_whole(here, capsys):
    assert run(["analyze", "pictures", "--html", "report.html"]) == 0
    page = Path("report.html").read_text()
    assert page.lower().startswith("<!doctype html>")
    out, err = capsys.readouterr()
    assert err == "Written: report.html\n"
    assert run(["analyze", "pictures", "--html", "report.html", "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["n_samples"]
    assert err == "Written: report.html\n"


@pytest.mark.parametrize("name", ["analysis", "plan", "exposure", "drift"])
def test_schema_is_sound_and_accepts_what_is_written(name, here, capsys):
    jsonschema = pytest.importorskip("jsonschema")
    assert run(["diff", "analysis.json", "later.json", "--json", "drift.json"]) == 0
    assert run(["preview", "plan.toml", "animals.csv", "--json", "exposure.json"]) == 0
    capsys.readouterr()
    assert run(["schema", name]) == 0
    schema = json.loads(capsys.readouterr().out)
    validator = jsonschema.Draft202012Validator
    validator.check_schema(schema)
    assert schema["$schema"] == validator.META_SCHEMA["$id"]
    content = json.loads(Path(f"{name}.json").read_text())
    validator(schema).validate(content)
    with pytest.raises(jsonschema.ValidationError):
        validator(schema).validate(content | {"unheard": 1})


def test_json_has_neither_nan_nor_infinity(here, capsys):
    for data in ("one.csv", "none.csv", "pictures"):
        capsys.readouterr()
        assert run(["analyze", data, "--json"]) == 0
        json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
