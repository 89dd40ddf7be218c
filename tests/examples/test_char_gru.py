"""The example that compares losses runs on made-up names; its tables are as counted by hand."""

import runpy
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

import balancekit
from balancekit.metrics import balanced_accuracy, confusion_matrix

EXAMPLES = Path(balancekit.__file__).parent.parent / "examples"
LOSSES = ["cross-entropy", "focal", "GHM", "GW", "class-balanced", "logit-adjusted"]
PAGE = (
    "above\n<!-- written by examples/char_gru.py -->\nold\n<!-- end of what it wrote -->\nbelow\n"
)


@pytest.fixture
def char_gru(monkeypatch):
    monkeypatch.syspath_prepend(EXAMPLES)
    return runpy.run_path(str(EXAMPLES / "char_gru.py"))


@pytest.fixture
def tables():
    return runpy.run_path(str(EXAMPLES / "loss_tables.py"))


@pytest.fixture
def names(tmp_path):
    """Names of three languages, each of letters of its own and of letters that all share."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "names"
    folder.mkdir()
    for language, letters, count in (
        ("Ab", "abcxy", 160),
        ("Cd", "fghxy", 60),
        ("Éf", "klmxy", 24),
    ):
        lines = ["".join(rng.choice(list(letters), 7)) for _ in range(count)]
        (folder / f"{language}.txt").write_text("\n".join(lines), encoding="utf-8")
    return folder


@pytest.fixture
def two_ways(tables):
    """Ten held-out samples, 6, 3 and 1 of their classes, and two seeds."""
    targets = np.repeat([0, 1, 2], [6, 3, 1])
    plain = np.array([[0] * 9 + [2], [0] * 10])
    better = np.array([[0] * 6 + [1, 1, 0, 2], [0] * 5 + [1, 1, 1, 1, 0]])
    taken = {"as trained": {"one": plain}, "moved": {"one": better, "two": plain}}
    counts = np.array([120, 20, 19])
    return tables["Runs"](("a", "b", "c"), counts, targets, taken, {"one": 1.4, "two": 2.0})


def test_the_example_compares_losses_in_both_ways_and_writes_its_page(
    char_gru, names, tmp_path, capsys
):
    page = tmp_path / "docs" / "page.md"
    page.parent.mkdir()
    page.write_text(PAGE)
    options = ["--epochs", "2", "--seeds", "2", "--out", str(tmp_path), "--page", str(page)]
    runs = char_gru["main"]([str(names), *options])
    assert {name: list(by_loss) for name, by_loss in runs.taken.items()} == {
        "as trained": LOSSES,
        "for equal classes": LOSSES,
    }
    trained, moved = runs.taken.values()
    rarest = int(runs.train_counts.argmin())
    for loss in LOSSES:
        assert trained[loss].shape == (2, len(runs.targets))
        # A move to equal classes lifts the rarest most: what was taken for it stays so.
        assert np.all(moved[loss][trained[loss] == rarest] == rarest)
    assert np.array_equal(trained["logit-adjusted"], moved["logit-adjusted"])
    text = page.read_text()
    assert text.startswith("above\n")
    assert text.endswith("\nbelow\n")
    assert "old" not in text
    assert text.count("| logit-adjusted") == 4
    assert "DATA --epochs 2 --seeds 2" in text
    assert "(../char-gru-as-trained.svg)" in text
    assert runs.tables(("for equal classes", "cross-entropy")) in capsys.readouterr().out
    for picture in tmp_path.glob("*.svg"):
        drawing = ElementTree.fromstring(picture.read_text(encoding="utf-8"))
        assert [part.tag.rpartition("}")[2] for part in drawing] == ["rect"] + ["svg"] * 6


def test_scores_are_means_over_seeds(two_ways):
    lines = two_ways.tables(("as trained", "one")).splitlines()
    row = [cell.strip() for cell in lines[4].split("|")[1:-1]]
    # Balanced accuracy ⅔ and ⅓, accuracy .7 and .6: spread over two seeds is 1/√2 of the step.
    assert row[:3] == ["one", "65.0 ± 7.1", "50.0 ± 23.6"]
    assert row[3:6] == ["100.0 ± 0.0", "0.0 ± 0.0", "50.0 ± 70.7"]
    assert row[-1] == "1"
    assert (
        "159 samples of 3 classes to train on, from 19 (c) to 120 (a), and 10 held out" in lines[0]
    )


def test_gains_are_paired_over_seeds_and_samples(two_ways):
    targets, trained = two_ways.targets, two_ways.taken["as trained"]["one"]
    better = two_ways.taken["moved"]["one"]
    steps = [
        100
        * (
            balanced_accuracy(confusion_matrix(targets, new, 3))
            - balanced_accuracy(confusion_matrix(targets, old, 3))
        )
        for new, old in zip(better, trained, strict=True)
    ]
    gains = ((better == targets).astype(float) - (trained == targets)).mean(0)
    # The variance of a mean of class means: that of each class over its size, over 3².
    error = (
        100 / 3 * np.sqrt(sum(gains[targets == c].var() / (targets == c).sum() for c in range(3)))
    )
    low, high = np.mean(steps) - 1.96 * error, np.mean(steps) + 1.96 * error
    _, _, rows = two_ways.tables(("as trained", "one")).rpartition(": |\n")
    first, second = ([cell.strip() for cell in row.split("|")[1:-1]] for row in rows.splitlines())
    assert first == [
        "one, moved",
        f"{np.mean(steps):+.1f} ± {np.std(steps, ddof=1):.1f}",
        "2 of 2",
        f"{low:+.1f} to {high:+.1f}".replace("-", "−"),
    ]
    assert second == ["two, moved", "+0.0 ± 0.0", "0 of 2", "+0.0 to +0.0"]


def test_a_page_without_marks_is_told_before_the_training(char_gru, names, tmp_path, capsys):
    page = tmp_path / "page.md"
    page.write_text("nothing to replace\n")
    with pytest.raises(SystemExit, match="expected a line <!-- written by"):
        char_gru["main"]([str(names), "--out", str(tmp_path), "--page", str(page)])
    assert page.read_text() == "nothing to replace\n"
    assert capsys.readouterr().out == ""


def test_a_class_of_which_none_was_held_out_counts_nowhere(tables):
    targets, taken = np.array([0, 0, 1, 1]), np.array([[0, 1, 1, 1]])
    way = {"as trained": {"one": taken, "two": np.array([[0, 0, 0, 0]])}}
    runs = tables["Runs"](
        ("a", "b", "c"), np.array([200, 150, 101]), targets, way, {"one": 1, "two": 1}
    )
    text = runs.tables(("as trained", "two"))
    assert "4 held out, 0 of the rarest class" in text
    assert "| 75.0 " in text
    assert "| +25.0 " in text


def test_a_page_is_written_anew_each_time(tables, tmp_path):
    page = tmp_path / "page.md"
    page.write_text(PAGE)
    tables["update_page"](page, "first", [tmp_path / "char-gru-as-trained.svg"])
    tables["update_page"](page, "second", [])
    assert page.read_text() == PAGE.replace("old", "\nsecond\n")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        pytest.param([], "expected files LANGUAGE.txt with a name a line, got none", id="no names"),
        pytest.param(["--page", "p.md"], "expected --out too", id="a page without pictures"),
    ],
)
def test_the_example_says_what_is_missing(char_gru, tmp_path, options, told, capsys):
    with pytest.raises(SystemExit) as stopped:
        char_gru["main"]([str(tmp_path), *options])
    assert told in f"{stopped.value}{capsys.readouterr().err}"
