"""The sliders of the page compute in the browser what the package computes in Python."""

import html
import re
import shutil
import subprocess
from pathlib import Path

import msgspec
import numpy as np
import pytest

from balancekit import EffectivePrior, Labels, Plan, Power, analyze, preview, recommend
from balancekit.plan import (
    CorrectAfterTraining,
    CrossEntropy,
    Fixed,
    Focal,
    LogitAdjusted,
    Natural,
    Uniform,
)
from balancekit.recommender import baseline
from balancekit.report.journey import render_journey
from balancekit.report.what_if import what_if

COUNTS = {"a </script><b>": 952, "blowhole": 115, "fray": 57, "free": 32}
NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)
OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--virtual-time-budget=5000",
)

WEIGHTS = tuple((np.array(list(COUNTS.values())) ** -0.5).tolist())


def labels() -> Labels:
    return Labels.from_names([name for name, count in COUNTS.items() for _ in range(count)])


def plan_of(**changes: object) -> Plan:
    return msgspec.structs.replace(
        baseline(analyze(labels())), wanted_prior="uniform", allow_double_correction=True, **changes
    )


def shown(plan: Plan, folder: Path) -> str:
    """The page of a plan after its script ran, as text of its elements."""
    page = render_journey(
        "tiles",
        analyze(labels()),
        plan,
        preview(plan, labels(), batch_size=8),
        how_made="made by a test",
    )
    path = folder / "plan.html"
    path.write_text(page, encoding="utf-8")
    command = [str(CHROMIUM), *OPTIONS, f"--user-data-dir={folder / 'profile'}", "--dump-dom"]
    done = subprocess.run([*command, path.as_uri()], capture_output=True, check=True, timeout=120)
    return done.stdout.decode()


def text_of(page: str, element: str) -> str:
    found = re.search(rf'id="{element}"[^>]*>(.*?)</(?:p|dd|pre|output)>', page, re.DOTALL)
    assert found is not None
    return html.unescape(re.sub("<[^>]+>", "", found[1]))


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")
@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        pytest.param({"loss": LogitAdjusted()}, "Corrects once, in training", id="margins"),
        pytest.param(
            {"sampling": Power(0.5), "loss": CrossEntropy(class_weights=WEIGHTS)},
            "Corrects once, in training",
            id="two-halves",
        ),
        pytest.param(
            {
                "sampling": Uniform(),
                "loss": CrossEntropy(class_weights=tuple(w * w for w in WEIGHTS)),
            },
            "Corrects 2.00 times",
            id="twice",
        ),
        pytest.param(
            {"sampling": Power(0.5), "correction": CorrectAfterTraining()},
            "Corrects once: 0.50 of the way in training, the rest",
            id="rest-afterwards",
        ),
    ],
)
def test_the_browser_computes_what_the_plan_believes(
    changes: dict[str, object], verdict: str, tmp_path: Path
) -> None:
    plan = plan_of(**changes)
    page = shown(plan, tmp_path)
    assert text_of(page, "what-if-verdict").startswith(verdict)
    gone = plan.effective_prior().strength("uniform")
    # Two decimals are shown.
    assert float(text_of(page, "sum").split("= ")[1]) == pytest.approx(gone, abs=0.005)
    table = page[page.index('id="what-if-table"') :]
    rows = re.findall(r"<tr><th.*?</tr>", table[table.index("<tbody>") :], re.DOTALL)
    cells = [re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL) for row in rows]
    shifts = [float(row[8]) for row in cells]
    added = plan.correction_shift()[np.argsort([-count for count in plan.data.class_counts])]
    assert shifts == pytest.approx(added.tolist(), abs=0.0051)  # two decimals
    counted = sorted(preview(plan, labels(), batch_size=8).draws_per_class, reverse=True)
    drawn = sorted((int(row[1].replace(",", "")) for row in cells), reverse=True)
    assert drawn == pytest.approx(counted, abs=1)  # the sampler draws whole ones
    said = text_of(page, "what-if-correct")
    assert ("adds" in said) == bool(np.ptp(added))
    believed = [float(row[5].removesuffix(" %")) / 100 for row in cells]
    by_size = plan.believed_prior()[np.argsort([-count for count in plan.data.class_counts])]
    assert believed == pytest.approx(by_size.tolist(), abs=0.0006)  # one decimal of a per cent
    worth = float(text_of(page, "worth").split(" of ")[0].replace(",", ""))
    assert worth == pytest.approx(plan.effective_prior().effective_sample_size, abs=0.51)


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")
def test_what_the_page_writes_of_a_plan_is_read_as_that_plan(tmp_path: Path) -> None:
    plan = plan_of(sampling=Power(0.25), correction=CorrectAfterTraining())
    written = text_of(shown(plan, tmp_path), "what-if-toml")
    rest = plan.to_toml()
    for table in ("sampling", "loss", "correction"):
        rest = re.sub(rf"\n\[{table}\]\n(?:[^\[\n].*\n)*", "\n", rest)
    (tmp_path / "edited.toml").write_text(f"{rest}\n{written}\n", encoding="utf-8")
    assert Plan.load(tmp_path / "edited.toml") == plan


@pytest.mark.parametrize(
    ("plan", "start"),
    [
        pytest.param(plan_of(sampling=Natural()), (1.0, 0.0, 0.0, True), id="natural"),
        pytest.param(plan_of(sampling=Uniform()), (0.0, 0.0, 0.0, True), id="uniform"),
        pytest.param(plan_of(loss=LogitAdjusted(tau=0.5)), (1.0, 0.0, 0.5, True), id="margins"),
        pytest.param(
            plan_of(sampling=Fixed((0.7, 0.1, 0.1, 0.1))), (0.61, 0.0, 0.0, False), id="fixed"
        ),
    ],
)
def test_sliders_begin_where_the_plan_is(plan: Plan, start: tuple[float, ...]) -> None:
    found = what_if(plan)
    assert found is not None
    *values, is_exact = start
    assert (found.alpha, found.beta, found.tau) == pytest.approx(tuple(values), abs=0.005)
    assert found.is_exact is is_exact


def test_sliders_say_which_loss_does_more_than_they_show() -> None:
    for loss, besides in ((Focal(), "focal"), (LogitAdjusted(), "")):
        found = what_if(plan_of(loss=loss))
        assert found is not None
        assert found.loss_besides == besides


def test_weights_are_written_in_the_order_of_the_plan_and_classes_shown_by_size() -> None:
    counts = [3, 0, 40, 7]
    ids = np.repeat(np.arange(4), counts)
    plan = baseline(analyze(Labels(class_ids=ids, class_names=("a", "none", "b", "c"))))
    found = what_if(plan)
    assert found is not None
    assert found.class_counts == (40, 7, 3)
    assert found.names == {0: "b", 1: "c", 2: "a"}
    assert found.first == (2, -1, 0, 1)
    assert found.n_more == 0


def test_long_tails_are_told_in_runs() -> None:
    counts = np.repeat([9, 2, 1], [1, 30, 1000])
    names = tuple(f"class {i}" for i in range(len(counts)))
    ids = np.repeat(np.arange(len(counts)), counts)
    found = what_if(baseline(analyze(Labels(class_ids=ids, class_names=names))))
    assert found is not None
    assert '"counts": [[9, 1], [2, 30], [1, 1000]]' in found.to_json()
    assert len(found.to_json()) < 2000


def test_data_without_a_prior_to_move_have_no_sliders() -> None:
    assert what_if(recommend(analyze(["a"] * 5 + ["b"] * 5))) is None
    assert what_if(recommend(analyze([["a"], ["a", "b"]] * 5))) is None


def test_a_class_name_cannot_leave_the_data_of_the_sliders() -> None:
    found = what_if(plan_of())
    assert found is not None
    assert "<" not in found.to_json()


def test_priors_add_up_as_the_effective_prior_has_it() -> None:
    # What the script computes by, in the package's own words.
    prior = EffectivePrior(tuple(COUNTS.values()), Power(0.5), class_weights=WEIGHTS)
    assert prior.strength("uniform") == pytest.approx(1.0)
