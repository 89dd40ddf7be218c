"""The page that `balancekit preview --html` writes, with and without a comparison."""

import html
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from balancekit.cli import run

pytest.importorskip("torch")

OF_OTHERS = {
    "schema": "balancekit.comparison/2",
    "class_names": ["x", "y"],
    "train_counts": [3, 2],
    "epochs": 1,
    "seeds": [0],
    "arms": [],
}


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Pictures of two digits, and a plan for them."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for name, count in (("1", 20), ("7", 4)):
        Path("data", name).mkdir(parents=True)
        for n in range(count):
            picture = rng.integers(0, 255, (16, 16, 3)).astype(np.uint8)
            Image.fromarray(picture).save(f"data/{name}/{n}.png")
    assert run(["recommend", "data", "-o", "plan.toml"]) == 0


def test_the_page_shows_the_data_and_what_augmentation_does(here, capsys):
    capsys.readouterr()
    assert run(["preview", "plan.toml", "data", "--html", "plan.html"]) == 0
    assert capsys.readouterr().err == "Written: plan.html\n"
    page = Path("plan.html").read_text()
    assert page.count('alt="example of class 1"') == 8
    assert page.count('alt="example of class 7"') == 4
    assert page.count('alt="original of class 7"') == 1
    assert page.count('alt="augmented picture of class 7"') == 4
    assert "What training will see" in page
    assert "The proof" not in page
    assert "plan = balancekit.Plan.load(&#39;plan.toml&#39;)" in page
    shown = next(part for part in page.split("<pre")[1:] if "fit(model" in part)
    code = html.unescape(re.sub("<[^>]+>", "", f"<pre{shown.split('</pre>')[0]}"))
    names: dict = {}
    exec(code.replace("epochs=30", "epochs=1"), names)
    assert (
        names["corrected"].shape == (6, 2) if "corrected" in names else len(names["targets"]) == 6
    )


@pytest.mark.parametrize(
    ("content", "options", "told"),
    [
        (OF_OTHERS, [], "--comparison: expected with --html FILE"),
        (None, ["--html", "p.html"], "--comparison c.json: No such file"),
        ({"schema": "balancekit.comparison/9"}, ["--html", "p.html"], "compare -o writes: Invalid"),
        ([1], ["--html", "p.html"], "compare -o writes: Expected `object`, got `array`"),
        (OF_OTHERS, ["--html", "p.html"], "expected the 2 classes of the plan, got 2 others"),
    ],
    ids=["no page", "no file", "another version", "something else", "other classes"],
)
def test_a_comparison_that_cannot_be_shown_is_refused(content, options, told, here, capsys):
    if content is not None:
        Path("c.json").write_text(json.dumps(content))
    capsys.readouterr()
    assert run(["preview", "plan.toml", "data", "--comparison", "c.json", *options]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert told in " ".join(err.split())
    assert not Path("p.html").exists()
