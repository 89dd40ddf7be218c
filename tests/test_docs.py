"""Every Python block of README and docs runs, in order, a page at a time."""

import re
import runpy
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import balancekit

ROOT = Path(balancekit.__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?:)([^)#]+)")


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def picture_folder(home: Path) -> None:
    """What README's example reads: `data/` with two classes of pictures."""
    rng = np.random.default_rng(0)
    for name, count in (("cat", 60), ("dog", 12)):
        (home / "data" / name).mkdir(parents=True)
        for number in range(count):
            picture = Image.fromarray(rng.integers(0, 256, (40, 50, 3), dtype=np.uint8))
            picture.save(home / "data" / name / f"{number}.jpg")


def small_model():
    from torch import nn

    return nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(12, 2))


@pytest.mark.parametrize(
    "page", [page for page in PAGES if BLOCK.search(page.read_text())], ids=relative
)
def test_examples_run(page, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    picture_folder(tmp_path)
    names = {"model": small_model()} if page.name == "README.md" else {}
    for block in BLOCK.findall(page.read_text()):
        exec(compile(block, relative(page), "exec"), names)


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_links_lead_somewhere(page):
    missing = [link for link in LINK.findall(page.read_text()) if not (page.parent / link).exists()]
    assert missing == []


def test_readme_holds_one_short_example_and_the_two_commands():
    text = (ROOT / "README.md").read_text()
    (example,) = BLOCK.findall(text)
    assert len(example.strip().splitlines()) <= 12
    assert "pip install -c constraints.txt '.[demo]' && balancekit demo\n" in text
    assert "pip install -c constraints.txt -e '.[test]' && pytest\n" in text


@pytest.mark.parametrize("name", ["commands", "issues"])
def test_generated_pages_are_up_to_date(name):
    make = runpy.run_path(str(ROOT / "docs" / "make.py"))
    page = (ROOT / "docs" / "reference" / f"{name}.md").read_text()
    assert page == make[f"{name}_page"](), "run `python docs/make.py`"
