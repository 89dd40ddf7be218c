"""The demo, in this process, with fewer epochs and seeds."""

import pytest

from balancekit import Plan, Stats
from balancekit.cli import demo, run
from balancekit.cli.demo import write_digits
from balancekit.cli.recommend import operation_names_of

pytest.importorskip("torch")
pytest.importorskip("sklearn")


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(demo, "EPOCHS", 1)
    monkeypatch.setattr(demo, "SEEDS", 1)
    monkeypatch.setenv("COLUMNS", "80")


def test_demo_leaves_data_analysis_plan_and_page(tmp_path, capsys, quick):
    home = tmp_path / "a demo"
    assert run(["demo", "--folder", str(home)]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert "Done in" in out
    assert f"\n  {(home / 'report.html').as_uri()}\n" in out
    own = [line for line in out.splitlines() if str(home) not in line and "file://" not in line]
    assert max(map(len, own)) <= 80
    names = {"README.txt", "analysis.json", "digits", "plan.toml", "report.html"}
    assert {path.name for path in home.iterdir()} == names
    assert Stats.load(home / "analysis.json").class_counts[0] == demo.LARGEST
    page = (home / "report.html").read_text()
    assert "plain cross-entropy" in page
    assert "the plan" in page
    operations = operation_names_of(Plan.load(home / "plan.toml"))
    assert operations
    assert not [name for name in operations if "flip" in name or "turn" in name]

    assert run(["demo", "--folder", str(home)]) == 0, "a demo may be repeated in its folder"


@pytest.mark.parametrize("name", ["thesis.txt", "README.txt"])
def test_demo_refuses_the_folder_of_others(name, tmp_path, capsys):
    (tmp_path / name).write_text("mine")
    assert run(["demo", "--folder", str(tmp_path)]) == 2
    assert "--folder" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "mine"


def test_pictures_of_an_earlier_demo_do_not_stay(tmp_path):
    digits = write_digits(tmp_path / "demo")
    fresh = sorted(digits.rglob("*.png"))
    stale = digits / "test" / "0" / "9999.png"
    stale.write_bytes(fresh[0].read_bytes())
    (digits / "notes.txt").write_text("mine")
    write_digits(tmp_path / "demo")
    assert sorted(digits.rglob("*.png")) == fresh
    assert (digits / "notes.txt").exists()
    train, test = ({p.stem for p in (digits / split).rglob("*.png")} for split in ("train", "test"))
    assert len(train) == 276
    assert not train & test
