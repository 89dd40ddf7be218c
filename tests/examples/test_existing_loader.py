"""The example that needs no data runs as it stands."""

import runpy
from pathlib import Path

import balancekit

EXAMPLES = Path(balancekit.__file__).parent.parent / "examples"


def test_batches_are_balanced(capsys):
    runpy.run_path(str(EXAMPLES / "existing_loader.py"), run_name="__main__")
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        f"epoch {epoch}: 16 batches, in each 21 to 22 of every class" for epoch in range(2)
    ]
