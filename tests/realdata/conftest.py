"""Real data lie outside of the repository; tests that need them are skipped without."""

import json
import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def data_root() -> Path:
    """Folder of the real data: $BALANCEKIT_DATA, or ../shared/data from the project's root."""
    given = os.environ.get("BALANCEKIT_DATA")
    path = Path(given) if given else ROOT.parent / "shared" / "data"
    if not (path / "TRUTH.json").is_file():
        pytest.skip(f"no real data at {path}: set BALANCEKIT_DATA to their folder")
    return path


@pytest.fixture(scope="session")
def truth(data_root) -> dict[str, dict]:
    """Counts of the data sets by name, made independently of balancekit."""
    return json.loads((data_root / "TRUTH.json").read_text(encoding="utf-8"))
