"""The page and the terminal report: hostile names, numbers, failures, partial results."""

import io
import re

import pytest
from rich.console import Console

from balancekit.comparison import Arm, Comparison, Measured, Run
from balancekit.report import show_comparison
from balancekit.report.comparison_page import render_comparison

HOSTILE = ("<script>alert(1)</script>", 'a"\x1b[31m\n&[bold]')


def run_of(seed, value, **fields):
    drawn = tuple(value + 0.01 * ((i * 7 + seed) % 5 - 2) for i in range(20))
    return Run(seed=seed, test=Measured(share=1.0, value=value, resampled=drawn), **fields)


def classes():
    of = {
        "hits": (9, 1),
        "totals": (10, 4),
        "confusion": ((9, 1), (3, 1)),
        "figures": {"accuracy": 0.7, "ece": 0.1},
        "reliability": ((12, 0.95, 0.8), (2, 0.55, 0.5)),
    }
    return Comparison(
        class_names=HOSTILE,
        train_counts=(30, 3),
        epochs=2.0,
        n_steps=40,
        seeds=(0, 1),
        arms=(
            Arm(name="baseline", role="baseline", runs=tuple(run_of(s, 0.5, **of) for s in (0, 1))),
            Arm(
                name=HOSTILE[0],
                role="recommended",
                runs=tuple(run_of(s, 0.9, **of) for s in (0, 1)),
            ),
            Arm(name="fails", failure=f"RuntimeError: {HOSTILE[1]}"),
            Arm(name="hopeless", dropped_at=0.25, why_dropped="behind baseline by 9 ± 2 points"),
            Arm(name="waits"),
        ),
        interrupted=True,
    )


def numbers():
    figures = {"mae": 3.0, "rmse": 4.0}
    arms = [
        Arm(name=name, role=role, runs=tuple(run_of(s, value, figures=figures) for s in (0, 1, 2)))
        for name, role, value in (
            ("baseline", "baseline", 3.5),
            ("recommended", "recommended", 3.0),
        )
    ]
    return Comparison(
        task="regression",
        objective="mae_by_shot",
        class_names=("0–9", "10–19"),
        train_counts=(30, 3),
        epochs=0.25,
        seeds=(0, 1, 2),
        arms=tuple(arms),
    )


MADE = {"classes": classes(), "numbers": numbers()}


@pytest.mark.parametrize("comparison", MADE.values(), ids=MADE.keys())
def test_the_page_stands_alone_and_lets_no_name_act(comparison):
    page = render_comparison(comparison)
    assert "<script" not in page
    assert "\x1b" not in page
    assert set(re.findall(r"https?://[^\"' <]+", page)) <= {"http://www.w3.org/2000/svg"}
    assert page.count("<svg") == (3 if comparison.task == "classification" else 1)
    assert ("Reliability" in page) == (comparison.task == "classification")


@pytest.mark.parametrize("width", [40, 80, 120])
@pytest.mark.parametrize("comparison", MADE.values(), ids=MADE.keys())
def test_the_report_fits_its_width(comparison, width):
    file = io.StringIO()
    show_comparison(comparison, Console(file=file, width=width, highlight=False))
    text = file.getvalue()
    assert "\x1b" not in text
    assert max(map(len, text.splitlines())) <= width


def test_less_error_is_better_in_the_unit_of_the_data():
    file = io.StringIO()
    show_comparison(numbers(), Console(file=file, width=120, highlight=False))
    first = file.getvalue().splitlines()[0]
    assert first.startswith("● recommended: MAE by shot 3, better than baseline by 0.500 ± ")
    assert "points" not in first


def test_what_did_not_end_is_told():
    file = io.StringIO()
    show_comparison(classes(), Console(file=file, width=120, highlight=False))
    text = file.getvalue()
    assert "fails failed: RuntimeError: " in text
    assert "hopeless was given up after 25%: behind baseline by 9 ± 2 points" in text
    assert "Not run yet: waits." in text
