"""The example of a WebDataset stream writes shards, and reads them balanced."""

import runpy
from pathlib import Path

import pytest

import balancekit

EXAMPLES = Path(balancekit.__file__).parent.parent / "examples"

# webdataset leaves closing its files to the garbage collector.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def test_the_example_balances_its_shards(tmp_path, capsys):
    example = runpy.run_path(str(EXAMPLES / "webdataset_stream.py"))
    drawn = example["main"](example["write_shards"](tmp_path), tmp_path)
    assert drawn.keys() == {"common", "seldom", "rare"}
    # Two workers learn from 2,040 samples each; the rare class has 120 in all.
    assert max(drawn.values()) < 1.2 * min(drawn.values())
    first, *rows = capsys.readouterr().out.splitlines()
    assert first.startswith(f"{drawn.total():,} given out of 4,080 read, 3 classes")
    assert rows[0].startswith("common: 88.2% of the stream, 3")
