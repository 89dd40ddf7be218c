"""The example of multi-label draws runs on a small table like that of VOC."""

import runpy
from pathlib import Path

import pytest

import balancekit

EXAMPLES = Path(balancekit.__file__).parent.parent / "examples"


def test_the_example_compares_samplers_on_a_table(tmp_path, capsys):
    rows = ["1,0,0"] * 60 + ["1,1,0"] * 20 + ["0,1,0"] * 10 + ["0,0,1"] * 10
    table = tmp_path / "table.csv"
    lines = [f"{number:03},{row}" for number, row in enumerate(rows)]
    table.write_text("\n".join(["image_id,person,bicycle,train", *lines]) + "\n")
    main = runpy.run_path(str(EXAMPLES / "multilabel.py"))["main"]
    shares = main([str(table), "--epochs", "4"])
    assert shares["evenly"] == pytest.approx([0.8, 0.3, 0.1])
    assert shares["wanted"] == pytest.approx([0.4, 0.4, 0.4])
    assert shares["solved"] == pytest.approx([0.4, 0.4, 0.4], abs=0.01)
    out = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in out[1:4]] == ["train", "bicycle", "person"]
    assert out[4].endswith("of 100 samples drawn evenly would repeat as often")
