"""The examples on real data run to their end, shortened; whole, their docstrings say how."""

import runpy
from pathlib import Path

import balancekit
from balancekit.metrics import balanced_accuracy, confusion_matrix

EXAMPLES = Path(balancekit.__file__).parent.parent / "examples"


def test_magnetic_tile_trains_with_the_built_pipeline(data_root, capsys):
    main = runpy.run_path(str(EXAMPLES / "magnetic_tile.py"))["main"]
    options = ["--epochs", "1", "--size", "32", "--seeds", "1"]
    comparison = main([str(data_root / "magnetic_tile"), *options])
    assert sum(comparison.train_counts) == 1008
    assert [int(arm.confusion().sum()) for arm in comparison.arms] == [336, 336]
    assert "logit-adjusted" in capsys.readouterr().out


def test_char_gru_learns_languages_and_draws_confusion_matrices(
    data_root, tmp_path, monkeypatch, capsys
):
    monkeypatch.syspath_prepend(EXAMPLES)
    example = runpy.run_path(str(EXAMPLES / "char_gru.py"))
    # The others are trained in tests/examples: here the real names count.
    for loss in ("focal", "GHM", "GW", "class-balanced"):
        del example["LOSSES"][loss]
    options = ["--epochs", "1", "--seeds", "1", "--out", str(tmp_path)]
    runs = example["main"]([str(data_root / "text_names" / "names"), *options])
    assert len(runs.class_names) == 18
    trained, moved = runs.taken.values()
    plain, free, adjusted = (
        balanced_accuracy(confusion_matrix(runs.targets, taken[0], 18))
        for taken in (trained["cross-entropy"], moved["cross-entropy"], trained["logit-adjusted"])
    )
    # After one epoch already both are far ahead (41 and 42 % against 26 in one run); chance is 6.
    assert min(free, adjusted) > plain > 1 / 18
    assert (tmp_path / "char-gru-as-trained.svg").read_text().count("<svg") == 3
    # What is recommended for these names is among the losses, so that nothing is trained twice.
    assert "natural draws, logit-adjusted loss" in " ".join(capsys.readouterr().out.split())
