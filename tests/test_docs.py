"""Every Python block of README and docs runs, in order, a page at a time, and prints what it says.

An output that is shown is a text block right behind the Python block.
"""

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import balancekit

ROOT = Path(balancekit.__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
CONSOLE = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"# exit code (\d)")
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
WITH_OUTPUT = re.compile(BLOCK.pattern + r"(?:\n\n```text\n(.*?)^```)?", BLOCK.flags)
NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e-?\d+)?")
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


@pytest.mark.parametrize(
    "page", [page for page in PAGES if BLOCK.search(page.read_text())], ids=relative
)
def test_examples_run(page, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    picture_folder(tmp_path)
    names = {}
    for block, output in WITH_OUTPUT.findall(page.read_text()):
        capsys.readouterr()
        exec(compile(block, relative(page), "exec"), names)
        if output:
            assert capsys.readouterr().out == output


@pytest.fixture(scope="module")
def data_sets(tmp_path_factory):
    """What the commands of the how-to pages read: `data/`, `labels.csv` and two analyses."""
    home = tmp_path_factory.mktemp("howto")
    picture_folder(home)
    (home / "labels.csv").write_text("file,species\n" + "a,cat\n" * 60 + "b,dog\n" * 12)
    for name, picture in (("before", None), ("after", home / "data" / "cat" / "59.jpg")):
        if picture is not None:
            picture.unlink()
        (home / f"{name}.json").write_bytes(balancekit.analyze(str(home / "data")).to_json())
    return home


def commands_of(page: Path) -> list[tuple[str, int]]:
    """The commands of a page's console blocks, and the exit codes that they should have."""
    lines = [line for block in CONSOLE.findall(page.read_text()) for line in block.splitlines()]
    ours = [line for line in lines if "balancekit " in line and not line.startswith("#")]
    return [(line, int((CODE.search(line) or ["", "0"])[1])) for line in ours]


COMMANDS = [
    (page, line, code)
    for page in PAGES
    if page.parent.name == "how-to"
    for line, code in commands_of(page)
]


@pytest.mark.parametrize(
    ("page", "line", "code"), COMMANDS, ids=[f"{page.stem}: {line}" for page, line, _ in COMMANDS]
)
def test_commands_of_how_to_pages_run(page, line, code, data_sets):
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    result = subprocess.run(
        ["bash", "-c", line],
        cwd=data_sets,
        env=os.environ | {"PATH": path, "HOME": str(data_sets)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == code, result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_links_lead_somewhere(page):
    missing = [link for link in LINK.findall(page.read_text()) if not (page.parent / link).exists()]
    assert missing == []


def test_readme_holds_one_short_example_and_the_two_commands():
    text = (ROOT / "README.md").read_text()
    (example,) = BLOCK.findall(text)
    assert len(example.strip().splitlines()) <= 13
    assert "pip install -c constraints.txt '.[demo]' && balancekit demo\n" in text
    assert "pip install -c constraints.txt -e '.[test]' && pytest -n 2 --dist loadfile\n" in text


@pytest.mark.parametrize("name", ["commands", "gates", "issues", "losses"])
def test_generated_pages_are_up_to_date(name):
    make = runpy.run_path(str(ROOT / "docs" / "make.py"))
    page = (ROOT / "docs" / "reference" / f"{name}.md").read_text()
    assert page == make[f"{name}_page"](), "run `python docs/make.py`"


def test_pictures_of_the_losses_are_up_to_date():
    make = runpy.run_path(str(ROOT / "docs" / "make.py"))
    folder = ROOT / "docs" / "pictures" / "losses"
    drawn, kept = make["loss_pictures"](), {p.stem: p.read_text() for p in folder.glob("*.svg")}
    assert drawn.keys() == kept.keys(), "run `python docs/make.py`, remove what is left over"
    for name, picture in drawn.items():
        now, then = NUMBER.split(picture), NUMBER.split(kept[name])
        assert now == then, f"{name}: run `python docs/make.py`"
        # Another processor may round a logarithm otherwise, and so a coordinate to a tenth.
        numbers = [np.array(NUMBER.findall(text), float) for text in (picture, kept[name])]
        np.testing.assert_allclose(*numbers, rtol=0.01, atol=0.11, err_msg=name)
