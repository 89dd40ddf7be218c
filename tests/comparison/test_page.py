"""The page and the terminal report: hostile names, numbers, failures, partial results."""

import io
import re

import msgspec
import pytest
from rich.console import Console

from balancekit.comparison import Arm, Comparison, Measured, Run
from balancekit.errors import DataError
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


LONG = "resnet-balanced-softmax-drw-strong-augmentation-learning-rate-3e-4-v"


def long_names():
    """Three plans whose names differ at their ends alone; the last is the one to take."""
    made = classes()
    arms = [
        msgspec.structs.replace(made.arms[at], name=name)
        for at, name in enumerate(("baseline", f"{LONG}2"))
    ]
    third = msgspec.structs.replace(arms[0], name=f"{LONG}3", role="candidate")
    return msgspec.structs.replace(made, arms=(*arms, third), interrupted=False)


@pytest.mark.parametrize("width", [80, 120, 200])
def test_long_names_of_plans_are_whole_and_told_apart(width):
    lines = shown(long_names(), width).splitlines()
    assert max(map(len, lines)) <= width
    start = next(at for at, line in enumerate(lines) if line.startswith("  plan "))
    end = next(at for at, line in enumerate(lines) if line.startswith("  ←: "))
    figures = lines[start].index("bal. acc.")
    told = "".join(line[:figures].replace(" ", "") for line in lines[start + 1 : end])
    assert told == f"baseline{LONG}2←{LONG}3"
    heads = next(line for line in lines if line.startswith("  recall in %")).split()
    assert len(heads) == len(set(heads))
    # A narrow terminal gives up columns, the last ones first.
    assert [head[-3:] for head in heads if "…" in head] == ["-v2", "-v3"][: 1 if width == 80 else 2]


def test_plans_with_long_names_are_told_apart_on_the_page():
    page = render_comparison(long_names())
    for end in "23":
        assert f">resnet-balan…ate-3e-4-v{end}</text>" in page


def test_less_error_is_better_in_the_unit_of_the_data():
    file = io.StringIO()
    show_comparison(numbers(), Console(file=file, width=120, highlight=False))
    first = file.getvalue().splitlines()[0]
    assert first.startswith("● recommended: MAE by shot 3.00, better than baseline by 0.50 ± ")
    assert "points" not in first


def test_what_did_not_end_is_told():
    file = io.StringIO()
    show_comparison(classes(), Console(file=file, width=120, highlight=False))
    text = file.getvalue()
    assert "fails failed: RuntimeError: " in text
    assert "hopeless was given up after 25 %: behind baseline by 9 ± 2 points" in text
    assert "Not run yet: waits." in text


# --- plans alike, mistakes, and many that were not run ----------------------------------------


def shown(comparison, width=120):
    file = io.StringIO()
    show_comparison(comparison, Console(file=file, width=width, highlight=False))
    return file.getvalue()


def with_arms(comparison, *arms):
    return msgspec.structs.replace(comparison, arms=arms, interrupted=False)


def arm_of(name, role="candidate", value=0.5, **fields):
    return Arm(name=name, role=role, runs=tuple(run_of(s, value) for s in (0, 1)), **fields)


MISTAKES = {
    "no recommended plan": (arm_of("baseline", "baseline", 0.5),),
    "a recommended plan": (arm_of("baseline", "baseline", 0.4), arm_of("best", "recommended", 0.5)),
}


@pytest.mark.parametrize("others", MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_never_taken_and_told_where_it_measures_better(others):
    mistake = arm_of("mistake: twice", "mistake", 0.9)
    comparison = with_arms(classes(), *others, mistake)
    assert comparison.winner() == others[-1]
    told = f"mistake: twice measured better here than {others[-1].name}, by +40.0 ± "
    page = " ".join(render_comparison(comparison).split())
    assert told in page
    assert told in " ".join(shown(comparison).split())
    worse = with_arms(classes(), *others, arm_of("mistake: twice", "mistake", 0.1))
    assert "measured better" not in shown(worse)


def test_where_nothing_but_a_mistake_was_tested_there_is_no_plan_to_take():
    comparison = with_arms(
        classes(), Arm(name="baseline", failure="no"), arm_of("mistake: twice", "mistake")
    )
    assert shown(comparison).startswith("● No plan but known mistakes was trained to the end.")
    with pytest.raises(DataError, match="tested and is no known mistake"):
        comparison.winner()


def test_a_plan_that_trains_as_the_baseline_is_said_to_be_the_same():
    both = (arm_of("baseline", "baseline"), arm_of("best", "recommended", same_as="baseline"))
    comparison = with_arms(classes(), *both, arm_of("other", value=0.4))
    text = shown(comparison)
    assert text.startswith("● best, the same as baseline: balanced accuracy 50.0 %, better than")
    assert "best trains the same as baseline: trained once" in text
    row = next(line for line in text.splitlines() if line.startswith("  best ←"))
    assert row.split("%")[1].strip().startswith("same as baseline")
    alone = shown(with_arms(classes(), *both))
    assert alone.startswith("● best, the same as baseline: balanced accuracy 50.0 %.")
    assert "same as baseline" in render_comparison(with_arms(classes(), *both))


@pytest.mark.parametrize(("n", "has_rows"), [(3, True), (4, False)])
def test_many_plans_that_were_not_run_have_no_rows(n, has_rows):
    waiting = [Arm(name=f"waits {i}") for i in range(n)]
    comparison = with_arms(classes(), arm_of("baseline", "baseline"), *waiting)
    assert ("not run" in shown(comparison)) is has_rows
    assert ("waits 3" in render_comparison(comparison)) is False
    interrupted = msgspec.structs.replace(comparison, interrupted=True)
    assert f"waits {n - 1}" in shown(interrupted), "the note names them"


def test_numbers_of_a_column_have_as_many_decimals_and_plus_is_better():
    values = {"baseline": 12.3456, "low": 9.5, "high": 100.25}
    arms = [
        arm_of(name, "baseline" if name == "baseline" else "candidate", v)
        for name, v in values.items()
    ]
    text = shown(with_arms(numbers(), *arms))
    rows = [
        line.split() for line in text.splitlines() if line.startswith(("  base", "  lo", "  hi"))
    ]
    means = [next(cell for cell in row if cell[0].isdigit()) for row in rows]
    assert means == ["12.3", "9.5", "100.2"]
    assert "+2.8 ± " in text
    assert "-87.9 ± " in text
    assert "+ is better" in text
    assert "+ is better" in render_comparison(with_arms(numbers(), *arms))


def test_a_note_on_a_page_has_the_whole_name_of_a_plan():
    name = "a plan whose name says all that it does, one thing after the other, to the very end"
    failing = Arm(name=name, failure="RuntimeError: no")
    page = render_comparison(with_arms(classes(), arm_of("baseline", "baseline"), failing))
    assert f"{name} failed: RuntimeError: no" in page


def test_the_error_of_rare_values_has_a_column_in_a_narrow_terminal_too():
    figures = {"mae": 1.0, "rmse": 2.0, "mae_many": 0.5, "mae_medium": 1.5, "mae_few": 4.5}
    runs = tuple(run_of(seed, 3.0, figures=figures) for seed in (0, 1))
    names = ("baseline", "mistake: balanced draws and inverse density")
    arms = [Arm(name=name, role="baseline", runs=runs) for name in names]
    text = shown(with_arms(numbers(), *arms), 80)
    head = next(line for line in text.splitlines() if line.startswith("  plan "))
    assert "few" in head.split()
    assert "RMSE" not in head, "the width leaves something out"


# --- seeds, steps and numbers ----------------------------------------------------------------


def with_fewer_seeds():
    """A mistake without the seed that the baseline was best under."""
    baseline = Arm(
        name="baseline",
        role="baseline",
        runs=tuple(run_of(s, value) for s, value in enumerate((0.41, 0.42, 0.49))),
    )
    mistake = Arm(name="mistake: late", role="mistake", runs=(run_of(0, 0.42), run_of(1, 0.42)))
    made = with_arms(classes(), baseline, mistake)
    return msgspec.structs.replace(made, seeds=(0, 1, 2))


@pytest.mark.parametrize("width", [80, 120])
def test_an_arm_of_fewer_seeds_says_so_and_what_its_difference_is_of(width):
    text = " ".join(shown(with_fewer_seeds(), width).split())
    page = " ".join(render_comparison(with_fewer_seeds()).split())
    told = (
        "The difference of mistake: late is over the 2 seeds that both have: 42.0 % there, and "
        "41.5 % of baseline."
    )
    for report in (text, page):
        assert "means of 2 to 3 seeds" in report
        assert "noise, 2 of 3 seeds" in report
        assert told in report
    assert "+0.5 ± " in text
    assert "both have" not in shown(classes()), "where all have the same seeds"


def test_a_plan_that_is_worse_within_the_noise_is_called_worse_in_numbers_of_the_table():
    arms = (arm_of("baseline", "baseline", 47_005.2), arm_of("best", "recommended", 47_345.2))
    wide = [  # seeds that differ by more than the plans do
        msgspec.structs.replace(arm, runs=(arm.runs[0], run_of(1, arm.mean() + jump)))
        for arm, jump in zip(arms, (-900, 900), strict=True)
    ]
    text = shown(with_arms(numbers(), *wide))
    assert text.startswith("● best: MAE by shot 47,795, 1,240 worse than baseline: the difference ")
    row = next(line for line in text.splitlines() if line.startswith("  best ←"))
    assert row.split()[2:4] == ["47,795", "-1,240"]


@pytest.mark.parametrize(("n_steps", "is_told"), [(27, True), (99, True), (100, False), (0, False)])
def test_runs_too_short_to_judge_by_say_what_makes_them_longer(n_steps, is_told):
    comparison = msgspec.structs.replace(classes(), n_steps=n_steps)
    for report in (shown(comparison), render_comparison(comparison)):
        assert (f"{n_steps} steps are too few to judge by: " in " ".join(report.split())) is is_told
    assert ("--budget, or more --epochs" in " ".join(shown(comparison).split())) is is_told


def test_how_the_plans_were_trained_is_one_line():
    how = msgspec.structs.replace(classes(), batch_size=16, learning_rate=0.003)
    line = "means of 2 seeds; 2 epochs, 40 steps each in batches of 16 at a learning rate of 0.003"
    assert line in shown(how)
    assert line in render_comparison(how)


def test_spaces_around_a_name_are_seen():
    spaced = msgspec.structs.replace(classes(), class_names=(" ok", "ok"))
    page = render_comparison(spaced)
    assert "&#34; ok&#34; (30)" in page or "&quot; ok&quot; (30)" in page
    rows = [line for line in shown(spaced).splitlines() if "30" in line]
    assert rows[0].startswith('  " ok"  ')
