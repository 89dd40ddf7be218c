"""`balancekit compare`: what it says and writes, what it refuses, Ctrl-C and going on."""

import sys

import msgspec
import numpy as np
import pytest
from PIL import Image

import balancekit as bk
from balancekit.cli import run
from balancekit.cli.compare import factory_of
from balancekit.comparison import verb
from balancekit.errors import BalancekitWarning, OptionError

pytest.importorskip("torch")

FACTORIES = """
from torch import nn

def small(n_outputs, sample_shape):
    return nn.Linear(sample_shape[0], n_outputs)

def three_outputs():
    return nn.Linear(2, 3)

width = 8
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with a table of two classes, and a module of models."""
    rng = np.random.default_rng(0)
    ids = np.repeat([0, 1], [100, 20])
    rows = rng.normal(size=(120, 2)) + 1.5 * ids[:, None]
    lines = [f"{x:.3f},{y:.3f},{'ab'[c]}" for (x, y), c in zip(rows, ids, strict=True)]
    (tmp_path / "data.csv").write_text("\n".join(["x,y,label", *lines]) + "\n")
    (tmp_path / "factories_of_a_test.py").write_text(FACTORIES)
    bk.recommend(bk.analyze(["a"] * 100 + ["b"] * 20), seed=1).save(tmp_path / "mine.toml")
    (tmp_path / "broken_factories.py").write_text("import balancekit.nothing\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    return tmp_path


FEW = ("--plan", "mine.toml", "--seeds", "2")
QUICK = ("--epochs", "1", "--model", "factories_of_a_test:small")


def test_results_page_and_winner_are_written_and_the_same_command_runs_nothing_again(here, capsys):
    command = [
        "compare",
        "data.csv",
        *QUICK,
        "-o",
        "c.json",
        "--html",
        "c.html",
        "--winner",
        "w.toml",
    ]
    assert run(command) == 0
    out, err = capsys.readouterr()
    assert err == "Written: c.html\n"
    assert out.startswith("● ")
    assert max(map(len, out.splitlines())) <= 100
    assert "balancekit preview w.toml data.csv" in out
    comparison = msgspec.json.decode((here / "c.json").read_bytes(), type=bk.Comparison)
    assert min(len(arm.runs) for arm in comparison.arms[:2]) >= 2
    plan = bk.Plan.load(here / "w.toml")
    assert plan.data.n_samples == 120
    page = (here / "c.html").read_text()
    assert "Reliability" in page
    assert "<script" not in page
    n_runs = len(list((here / "c.json.runs").glob("run-*.json")))
    assert run(command) == 0
    again = msgspec.json.decode((here / "c.json").read_bytes(), type=bk.Comparison)
    assert len(list((here / "c.json.runs").glob("run-*.json"))) == n_runs
    assert again.arms == comparison.arms


def test_other_settings_are_refused_unless_begun_anew(here, capsys):
    assert run(["compare", "data.csv", *QUICK, *FEW, "-o", "c.json"]) == 0
    capsys.readouterr()
    other = ["compare", "data.csv", *QUICK, *FEW, "-o", "c.json", "--objective", "macro_f1"]
    assert run(other) == 2
    assert "objective was balanced_accuracy, is macro_f1" in capsys.readouterr().err
    assert run([*other, "--fresh"]) == 0


def test_a_larger_budget_and_more_seeds_go_on_with_the_kept_runs(here, capsys):
    command = ["compare", "data.csv", *QUICK, "--plan", "mine.toml", "-o", "c.json"]
    assert run([*command, "--seeds", "1", "--budget", "20s"]) == 0
    before = msgspec.json.decode((here / "c.json").read_bytes(), type=bk.Comparison)
    assert run([*command, "--seeds", "2", "--budget", "40s"]) == 0
    after = msgspec.json.decode((here / "c.json").read_bytes(), type=bk.Comparison)
    assert after.n_steps == before.n_steps
    for one, other in zip(before.arms, after.arms, strict=True):
        assert other.runs[: len(one.runs)] == one.runs
        assert len(other.runs) >= 2


def test_runs_of_a_model_whose_code_has_changed_are_refused(here, capsys):
    command = ["compare", "data.csv", *QUICK, *FEW, "-o", "c.json"]
    assert run(command) == 0
    path = here / "factories_of_a_test.py"
    path.write_text(path.read_text().replace("    return nn.Linear(s", WITH_ANOTHER_START))
    sys.modules.pop("factories_of_a_test")
    capsys.readouterr()
    assert run(command) == 2
    err = capsys.readouterr().err
    assert "cannot be used here: the code of the model changed. Give the same" in err
    sys.modules.pop("factories_of_a_test")


WITH_ANOTHER_START = "    torch_is_there = nn\n    return nn.Linear(s"


def test_a_broken_picture_is_left_out_from_plan_to_winner_with_one_message(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for name, count in (("cat", 40), ("dog", 12)):
        (tmp_path / "data" / name).mkdir(parents=True)
        for n in range(count):
            picture = rng.integers(0, 256, (16, 16, 3)).astype(np.uint8)
            Image.fromarray(picture).save(tmp_path / "data" / name / f"{n}.jpg")
    broken = tmp_path / "data" / "cat" / "7.jpg"
    broken.write_bytes(broken.read_bytes()[:200])
    assert run(["recommend", "data", "-o", "plan.toml"]) == 0
    capsys.readouterr()
    command = ["compare", "data", "--plan", "plan.toml", "--epochs", "1", "--seeds", "1"]
    assert run([*command, "--winner", "winner.toml"]) == 0
    out, err = capsys.readouterr()
    assert err.count("balancekit: warning: 1 of 52 pictures left out: data/cat/7.jpg: cannot") == 1
    assert len(err.splitlines()) == 1
    assert "1 of 52 pictures cannot be decoded and were left out." in out
    assert run(["preview", "winner.toml", "data"]) == 0
    plan, labels = bk.Plan.load("winner.toml"), bk.read("data")
    loader = bk.build(plan, bk.PictureDataset(labels), batch_size=13).loader
    with pytest.warns(BalancekitWarning, match="a grey one stands for it"):
        assert sum(len(targets) for _, targets in loader) >= 52


def test_json_alone_is_json_alone(here, capsys):
    assert run(["compare", "data.csv", *QUICK, "--seeds", "1", "--json"]) == 0
    comparison = msgspec.json.decode(capsys.readouterr().out.encode(), type=bk.Comparison)
    assert comparison.model == "small"


def test_a_plan_from_a_file_is_compared_with_baseline_and_recommendation(here, capsys):
    assert run(["compare", "data.csv", *QUICK, *FEW, "--json"]) == 0
    comparison = msgspec.json.decode(capsys.readouterr().out.encode(), type=bk.Comparison)
    assert [arm.name for arm in comparison.arms] == ["baseline", "recommended", "mine"]


def test_ctrl_c_shows_what_is_there_and_leaves_with_130(here, capsys, monkeypatch):
    calls, whole = [], verb.Asked._run

    def stopping(self, *arguments):
        calls.append(arguments)
        # Measuring the speed comes first, twice of the first plan and once of each other.
        if len(calls) == 8:
            raise KeyboardInterrupt
        return whole(self, *arguments)

    monkeypatch.setattr(verb.Asked, "_run", stopping)
    command = ["compare", "data.csv", *QUICK, *FEW, "-o", "c.json"]
    assert run(command) == 130
    out, err = capsys.readouterr()
    assert "interrupted after" in err
    assert "goes on from there" in err
    assert out.startswith("● ")
    partial = msgspec.json.decode((here / "c.json").read_bytes(), type=bk.Comparison)
    assert partial.interrupted
    monkeypatch.setattr(verb.Asked, "_run", whole)
    assert run(command) == 0
    assert not msgspec.json.decode((here / "c.json").read_bytes(), type=bk.Comparison).interrupted


REFUSED = {
    "no such module": ("no_such_module:x", "expected a module 'no_such_module' in this folder"),
    "no such name": ("factories_of_a_test:tiny", "got none of that name, but .*nn, small"),
    "not callable": ("factories_of_a_test:width", "expected a function or class, got a int"),
    "no name": ("factories_of_a_test", "expected MODULE:FACTORY"),
    "imports what is not there": ("broken_factories:x", "importing it failed: No module named"),
}


@pytest.mark.parametrize(("name", "told"), REFUSED.values(), ids=REFUSED.keys())
def test_a_model_that_cannot_be_found_is_told(name, told, here):
    with pytest.raises(OptionError, match=f"--model {name}: .*{told}"):
        factory_of(name)


COMMANDS = {
    "outputs of another shape": (
        ["--model", "factories_of_a_test:three_outputs"],
        "expected outputs of shape [2, 2] for inputs of shape [2, 2], got [2, 3]",
    ),
    "no length of time": (["--budget", "soon"], "--budget: expected a length of time above 0"),
    "objective of another task": (["--objective", "map"], "objective: expected one of"),
    "masks": (["--void-index", "255"], "--void-index: expected no masks"),
    "no such plan": (["--plan", "none.toml"], "none.toml: expected a plan in TOML"),
    "a plan as data": (["mine.toml"], "too. A plan is given as --plan mine.toml"),
    "a plan for data read otherwise": (
        ["--plan", "of_x.toml"],
        "plan 'of_x': expected the classes [0, 1], got [a, b]: '0', '1' are missing, 'a', 'b' are "
        "new. Read them with the same label column and split (--label, --split), or give the data "
        "set an attribute `labels`, a balancekit.Labels with these class names. Make a plan for "
        "these data: balancekit.recommend(balancekit.analyze(labels)). of_x.toml is for data read "
        "by --label x: give that here too.",
    ),
    "data that cannot be read so": (
        ["--plan", "of_x.toml", "--task", "regression"],
        "of_x.toml is for data read by --label x: give that here too.",
    ),
    "a page without a folder": (["--html", "no/page.html"], "--html no/page.html"),
}


@pytest.mark.parametrize(("options", "told"), COMMANDS.values(), ids=COMMANDS.keys())
def test_wrong_use_leaves_with_2_and_says_why(options, told, here, capsys):
    plan = bk.recommend(bk.analyze([0] * 100 + [1] * 20))
    data = msgspec.structs.replace(plan.data, read_by={"label": "x"})
    msgspec.structs.replace(plan, data=data).save("of_x.toml")
    assert run(["compare", "data.csv", *options]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert told in err
