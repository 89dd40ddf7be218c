"""The demo, in this process, with fewer epochs and seeds."""

import msgspec
import numpy as np
import pytest

from balancekit import Plan, Stats
from balancekit.cli import demo, run
from balancekit.cli.demo_digits import LARGEST, write_digits
from balancekit.cli.recommend import operation_names_of

torch = pytest.importorskip("torch")
pytest.importorskip("sklearn")

WRITTEN = {
    "README.txt",
    "analysis.json",
    "compare.json",
    "digits",
    "model.pt",
    "plan.html",
    "plan.toml",
}


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(demo, "EPOCHS", 1)
    monkeypatch.setattr(demo, "SEEDS", 1)
    monkeypatch.setenv("COLUMNS", "80")


def test_demo_leaves_data_plan_results_model_and_page(tmp_path, capsys, quick):
    home = tmp_path / "a demo"
    before = torch.get_rng_state()
    assert run(["demo", "--folder", str(home)]) == 0
    assert torch.equal(torch.get_rng_state(), before)
    out, err = capsys.readouterr()
    assert err == ""
    for step in ("1 Analyze", "2 Recommend", "3 Preview", "4 Compare", "5 Build", "6 Correct"):
        assert f"\n{step}" in out
    assert f"\n  {(home / 'plan.html').as_uri()}\n" in out
    own = [line for line in out.splitlines() if str(home) not in line and "file://" not in line]
    assert max(map(len, own)) <= 80
    assert {path.name for path in home.iterdir()} == WRITTEN
    assert Stats.load(home / "analysis.json").class_counts[0] == LARGEST
    check_results(home, out)
    again = ["preview", str(home / "plan.toml"), str(home / "digits")]
    again += ["--html", str(home / "again.html"), "--comparison", str(home / "compare.json")]
    assert run(again) == 0
    assert "The proof: plans compared" in (home / "again.html").read_text()

    (home / "again.html").unlink()
    write_digits(home)  # a demo may be repeated in its folder


def check_results(home, out):
    """What was compared, trained and written belongs together."""
    from balancekit.comparison import Comparison

    comparison = msgspec.json.decode((home / "compare.json").read_bytes(), type=Comparison)
    assert [arm.role for arm in comparison.arms] == ["baseline", "recommended", "mistake"]
    assert comparison.parts.inner == 180
    assert comparison.parts.test == 539
    plan = Plan.load(home / "plan.toml")
    assert plan == comparison.winner_plan()
    operations = operation_names_of(plan)
    assert not [name for name in operations if "flip" in name or "turn" in name]
    model = demo._model()
    model.load_state_dict(torch.load(home / "model.pt", weights_only=True))
    page = (home / "plan.html").read_text()
    for words in ("What training will see", "The proof: plans compared", "One model, several"):
        assert words in page
    for words in ("Where classes come as in training", "Where classes come the other way round"):
        assert words in out
        assert words in page


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


def test_no_digit_is_in_two_splits_and_only_training_has_a_long_tail(tmp_path):
    digits = write_digits(tmp_path / "demo")
    names = {split: {p.stem for p in (digits / split).rglob("*.png")} for split in SPLITS}
    assert {split: len(found) for split, found in names.items()} == SPLITS
    assert sum(map(len, names.values())) == len(set.union(*names.values()))
    per_class = {
        split: [len(list((digits / split / str(c)).iterdir())) for c in range(10)]
        for split in SPLITS
    }
    assert max(per_class["train"]) == 50 * min(per_class["train"])
    assert max(np.ptp(per_class[split]) for split in ("val", "test")) <= 3


SPLITS = {"train": 276, "val": 180, "test": 539}
