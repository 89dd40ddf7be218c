"""Settings of [tool.balancekit] in pyproject.toml: what they do, and how they are refused."""

from pathlib import Path

import pytest

from balancekit.cli import run


@pytest.fixture
def here(tmp_path, monkeypatch):
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    Path("t.csv").write_text("a,species\n" + "x,cat\n" * 4 + "y,dog\n")
    return tmp_path


def settle(place, text):
    (place / "pyproject.toml").write_text(text)


FAILING = '[tool.balancekit.analyze]\nfail-on = ["ir > 3"]\n'


@pytest.mark.parametrize("folder", ["below", "."], ids=["this folder", "the one above"])
def test_settings_are_found(folder, here, capsys):
    settle(here / folder, FAILING)
    assert run(["analyze", "t.csv"]) == 1
    assert capsys.readouterr().err == "balancekit: --fail-on 'ir > 3': ir is 4\n"


def test_the_nearest_file_counts_alone(here):
    settle(here, FAILING)
    settle(here / "below", "[project]\nname = 'x'\n")
    assert run(["analyze", "t.csv"]) == 0


def test_command_line_wins(here, capsys):
    settle(here, FAILING + 'label = "a"\n')
    assert run(["analyze", "t.csv", "--label", "species", "--fail-on", "ir > 9"]) == 0
    assert "label column 'species'" in capsys.readouterr().out


def test_each_command_has_its_own(here, capsys):
    settle(here, '[tool.balancekit.recommend]\nseed = 7\nlabel = "species"\n' + FAILING)
    assert run(["recommend", "t.csv"]) == 0
    assert "seed 7" in capsys.readouterr().out


KINDS_OF_VALUES = {
    "a flag": ("strict = true", 0),
    "a name in Python's spelling": ('fail_on = "ir > 3"', 1),
    "a list": ('fail-on = ["ir > 9", "few > 0"]', 1),
    "a number": ("workers = 1", 0),
    "a choice": ('verify = "none"', 0),
}


@pytest.mark.parametrize(("line", "code"), KINDS_OF_VALUES.values(), ids=KINDS_OF_VALUES.keys())
def test_value_of_each_kind(line, code, here):
    settle(here, f"[tool.balancekit.analyze]\n{line}\n")
    assert run(["analyze", "t.csv"]) == code


REFUSED = {
    "an unknown option": ("[tool.balancekit.analyze]\nverfy = 'none'", ["got 'verfy'", "verify"]),
    "an argument": ("[tool.balancekit.analyze]\ndata = 't.csv'", ["got 'data'"]),
    "an unknown command": (
        "[tool.balancekit.analyse]\nx = 1",
        ["got 'analyse'. Did you mean [tool.balancekit.analyze]?"],
    ),
    "an option of no command": (
        "[tool.balancekit]\nverify = 'none'", ["got 'verify'", "[tool.balancekit.analyze]"]
    ),
    "an unknown choice": (
        "[tool.balancekit.analyze]\nverify = 'x'",
        ["verify of [tool.balancekit.analyze]", '"decode"'],
    ),
    "a word for a number": (
        "[tool.balancekit.analyze]\nworkers = 'x'",
        ["workers of [tool.balancekit.analyze]", "int"],
    ),
    "no table": ("[tool]\nbalancekit = 3", ["expected a table [tool.balancekit], got 3"]),
    "no TOML": ("[tool.balancekit", ["expected TOML"]),
}  # fmt: skip


@pytest.mark.parametrize(("text", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_refusal_names_file_and_key(text, words, here, capsys):
    settle(here, text)
    assert run(["analyze", "t.csv"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert str(here / "pyproject.toml") in err
    for word in words:
        assert word in err


def test_help_needs_no_settings(here, capsys):
    settle(here, "[tool.balancekit")
    assert run(["--help"]) == 0
    assert run(["analyze", "--help"]) == 0
    assert capsys.readouterr().err == ""
