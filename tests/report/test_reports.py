"""Reports of hostile, huge and tiny data sets, in a terminal and on a page."""

import io
import re
import time
from xml.etree import ElementTree

import numpy as np
import pytest
from rich.console import Console

from balancekit import Labels, analyze, preview, read, recommend
from balancekit.metrics import accuracy, balanced_accuracy
from balancekit.report import show_comparison, show_exposure, show_plan, show_stats
from balancekit.report.comparison_words import comparison_verdict
from balancekit.report.journey import render_journey
from balancekit.report.svg import bar_chart, confusion_plot, interval_plot
from balancekit.report.terminal.comparison import keys_of
from balancekit.report.terminal.layout import Column, class_table
from balancekit.report.words import headline_measures, verdict

HOSTILE = ("<script>alert(1)</script>", "[bold]b[/bold]", 'a"\x1b[31m\n&', "名" * 40)


def of_counts(counts, names=None):
    names = names or [f"class {i}" for i in range(len(counts))]
    return Labels(class_ids=np.repeat(np.arange(len(counts)), counts), class_names=tuple(names))


def shown(show, thing, width=80):
    file = io.StringIO()
    show(thing, Console(file=file, width=width, highlight=False))
    return file.getvalue()


VERDICTS = {
    "no class": ([], "No labelled sample: nothing to learn from.", "bad"),
    "empty classes": ([0, 0], "No labelled sample: nothing to learn from.", "bad"),
    "one class": ([3], "One class only, class 0: nothing to tell apart.", "bad"),
    "one class filled": ([0, 3], "One class only, class 1: nothing to tell apart.", "bad"),
    "equal, but for an empty one": (
        [2, 2, 0],
        "Mild imbalance: each of 2 classes has 2 samples; 1 class has none.",
        "fair",
    ),
    "nearly equal, but for empty ones": (
        [6, 5, 0, 0],
        "Mild imbalance: class 0 has 1.2 times the samples of class 1 (6 to 5); 2 classes have "
        "none.",
        "fair",
    ),
    "equal": ([2, 2], "Balanced: each of 2 classes has 2 samples.", "good"),
    "equal, of one": ([1, 1], "Balanced: each of 2 classes has 1 sample.", "good"),
    "labels like ids": (
        [1] * 60 + [2],
        "The labels look like ids: 60 of 61 classes have one sample.",
        "bad",
    ),
    "nearly equal": ([6, 5], "Balanced: class 0 has 1.2 times", "good"),
    "mild": ([9, 3], "Mild imbalance: class 0 has 3.0 times", "fair"),
    "strong": ([10, 1], "Strong imbalance: class 0 has 10.0 times", "poor"),
    "extreme": ([2000, 2], "Extreme imbalance: class 0 has 1,000 times", "bad"),
}


@pytest.mark.parametrize(("counts", "line", "tone"), VERDICTS.values(), ids=VERDICTS.keys())
def test_verdict_comes_first(counts, line, tone):
    stats = analyze(of_counts(counts))
    said, of_tone = verdict(stats)
    assert said.startswith(line)
    assert of_tone == tone
    assert shown(show_stats, stats).startswith(f"● {line[:60]}")
    assert len(headline_measures(stats)) >= 5


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_reports_of_hostile_names_fit_and_carry_no_control_character(width):
    labels = of_counts([300, 30, 9, 2], HOSTILE)
    stats = analyze(labels)
    plan = recommend(stats)
    exposure = preview(plan, labels, batch_size=8)
    for text in (
        shown(show_stats, stats, width),
        shown(show_plan, plan, width),
        shown(show_exposure, exposure, width),
    ):
        assert "\x1b" not in text
        for line in text.splitlines():
            assert line == line.rstrip()
            cells = len(line) + line.count("名")
            assert cells <= max(width, 62), line
    if width == 120:
        assert "[bold]b[/bold]" in shown(show_stats, stats, width)


def test_hundred_thousand_classes_are_shown_at_once():
    labels = of_counts([3] * 50_000 + [1] * 50_000)
    stats = analyze(labels)
    plan = recommend(stats)
    began = time.perf_counter()
    text = shown(show_stats, stats) + shown(show_plan, plan)
    exposure = preview(plan, labels, batch_size=64)
    text += shown(show_exposure, exposure)
    page = render_journey("many", stats, plan, exposure, how_made="by a test")
    assert time.perf_counter() - began < 10, "about 2 s on two cores"
    assert text.count("… 99,980 classes between") == 3
    assert "The 99,960 classes between are left out." in page
    assert len(page) < 200_000


def test_a_class_without_samples_is_never_drawn():
    rng = np.random.default_rng(0)
    labels = Labels.from_values(np.concatenate([rng.uniform(0, 30, 60), [95.0]]))
    plan = recommend(analyze(labels))
    lines = shown(show_plan, plan).splitlines()
    shares = dict(line.split()[3:5] for line in lines if re.match(r"  \d+ to \d+ ", line))
    assert shares["0"] == "0.0"
    assert shares["1"] == "1.6"  # of 61


def test_table_gives_up_spare_columns_where_it_is_narrow():
    file = io.StringIO()
    columns = [
        Column(title="samples", cells=["1"]),
        Column(title="spare column", cells=["2"], spare=True),
    ]
    class_table(Console(file=file, width=30), "class", ["a rather long name"], columns)
    assert file.getvalue() == "  class               samples\n  a rather long name        1\n"


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_legend_explains_the_columns_that_are_shown_and_no_others(width):
    labels = of_counts([300, 30, 9], ["a rather long name", "another", "a third"])
    plan = recommend(analyze(labels))
    text = shown(show_exposure, preview(plan, labels, batch_size=8), width)
    header = next(line for line in text.splitlines() if line.startswith("  class"))
    for title in ("repeats", "seen", "believed", "wanted"):
        assert (f" {title}" in header) == (f"{title}: " in text), title
    text = shown(show_plan, plan, width)
    header = next(line for line in text.splitlines() if line.startswith("  class"))
    legend = " ".join(text.split())
    assert ("weights alone" in header) == ("weights alone: " in legend)


@pytest.mark.parametrize(
    ("counts", "words"),
    [([32, 32], "in 8 batches of 8,"), ([32, 33], "in 9 batches of at most 8,")],
    ids=["all full", "one that is not"],
)
def test_batches_that_are_not_all_full_hold_at_most_so_many(counts, words):
    labels = of_counts(counts)
    stats = analyze(labels)
    plan = recommend(stats)
    exposure = preview(plan, labels, batch_size=8)
    assert words in shown(show_exposure, exposure)
    assert words in render_journey("t", stats, plan, exposure, how_made="m")


def test_a_plan_for_many_bins_shows_a_histogram_by_value():
    labels = Labels.from_values(
        np.repeat(np.arange(20, 90), [40] * 20 + [2] * 25 + [0] * 15 + [1] * 10)
    )
    plan = recommend(analyze(labels))
    text = shown(show_plan, plan)
    rows = [line for line in text.splitlines() if re.match(r"  \d+ to \d+ ", line)]
    starts = [int(row.split()[0]) for row in rows]
    assert len(rows) <= 16
    assert starts == sorted(starts)
    assert "between" not in text
    assert "medium confidence" not in text, "no interval is given"


def test_a_preview_of_many_bins_counts_bins_between_and_empty_ones():
    labels = Labels.from_values(np.repeat(np.arange(20, 60), [9] * 30 + [0] * 5 + [3] * 5))
    exposure = preview(recommend(analyze(labels)), labels, batch_size=32)
    text = shown(show_exposure, exposure)
    assert "… 15 bins between" in text
    assert "… 5 bins without a sample" in text
    assert "class" not in text.split("Nothing is corrected")[0]


def test_bins_of_numbers_are_called_bins_and_stand_by_value():
    labels = read([1] * 9 + [2] * 40 + [4] * 3, task="regression")
    exposure = preview(recommend(analyze(labels)), labels, batch_size=8)
    text = shown(show_exposure, exposure)
    assert ", the rarest bin: " in text
    assert "class" not in text.replace("class prior", "")
    lines = text.splitlines()
    start = next(at for at, line in enumerate(lines) if line.startswith("  bin "))
    filled = [line.split()[0] for line in lines[start + 1 :] if " 100 % " in line]
    assert len(filled) == 3
    assert filled == sorted(filled)


def run_of(confusion, seed=0):
    """A run as compare leaves it, of a confusion matrix; no resampling."""
    from balancekit import comparison

    matrix = np.array(confusion)
    figures = {"accuracy": accuracy(matrix), "balanced_accuracy": balanced_accuracy(matrix)}
    return comparison.Run(
        seed=seed,
        seconds=1.0,
        test=comparison.Measured(share=1.0, value=figures["balanced_accuracy"]),
        figures=figures,
        hits=tuple(np.diagonal(matrix).tolist()),
        totals=tuple(matrix.sum(1).tolist()),
        confusion=tuple(map(tuple, matrix.tolist())),
    )


def compared(**hits_of_arms):
    """Arms tested on 1000 samples of a common and 100 of a rare class: their hits by seed."""
    from balancekit import comparison

    arms = [
        comparison.Arm(
            name=name.replace("_", " "),
            role="baseline" if name == "plain" else "candidate",
            runs=tuple(
                run_of(((a, 1000 - a), (100 - b, b)), seed) for seed, (a, b) in enumerate(hits)
            ),
        )
        for name, hits in hits_of_arms.items()
    ]
    n_seeds = len(next(iter(hits_of_arms.values())))
    return comparison.Comparison(
        class_names=("common", "rare"),
        train_counts=(300, 30),
        epochs=1,
        seeds=tuple(range(n_seeds)),
        arms=tuple(arms),
    )


COMPARED = {
    "price": (
        {"plain": [(900, 10), (900, 20), (900, 10)], "the_plan": [(800, 60), (800, 70), (800, 70)]},
        "the plan: balanced accuracy 73.3 %, better than plain by 21.7 ± 6.5 points; "
        "accuracy 4.2 points below.",
    ),
    "noise": (
        {"plain": [(900, 10), (900, 60), (900, 10)], "the_plan": [(900, 60), (900, 20), (900, 30)]},
        "the plan: balanced accuracy 63.3 %, 5.0 points better than plain: the difference is not "
        "larger than the noise (±56.8 points).",
    ),
    "worse than plain": (
        {"plain": [(900, 50), (900, 50)], "recommended": [(900, 10), (900, 10)]},
        "plain: balanced accuracy 70.0 %, better than recommended by 20.0 ± 1.0 points; "
        "accuracy 3.6 points above.",
    ),
    "one seed": (
        {"plain": [(900, 10)], "the_plan": [(910, 40)]},
        "the plan: balanced accuracy 65.5 %, 15.5 ± 1.0 points better than plain. One seed cannot "
        "tell whether that is noise.",
    ),
    "tie": (
        {"plain": [(900, 10), (900, 10)], "the_plan": [(800, 20), (800, 20)]},
        "plain: balanced accuracy 50.0 %, 0.0 points from the plan: the difference is not "
        "larger than the noise (±1.0 points).",
    ),
    "the first is best": (
        {"plain": [(900, 50)] * 2, "a": [(800, 10)] * 2, "b": [(950, 40)] * 2},
        "plain: balanced accuracy 70.0 %, better than b by 2.5 ± 1.0 points; "
        "accuracy 3.6 points below.",
    ),
    "one plan": ({"plain": [(800, 20)] * 2}, "plain: balanced accuracy 50.0 %."),
}


@pytest.mark.parametrize(("hits", "line"), COMPARED.values(), ids=COMPARED.keys())
def test_verdict_of_a_comparison_says_price_and_noise(hits, line):
    comparison = compared(**hits)
    assert comparison_verdict(comparison) == line
    assert f"● {line}" in shown(show_comparison, comparison, 200)


def test_the_table_marks_the_plan_to_take_and_says_what_a_difference_is():
    text = shown(show_comparison, compared(**COMPARED["price"][0]), 120)
    assert "means of 3 seeds; 1 epoch each\n" in text
    row = next(line for line in text.splitlines() if "the plan ←" in line)
    assert re.search(r"73\.3 % +\+21\.7 ± 6\.5 +better +", row)
    text = shown(show_comparison, compared(plain=[(900, 10)], the_plan=[(910, 40)]))
    assert "one seed; 1 epoch\n" in text
    assert "one seed  " in next(line for line in text.splitlines() if "the plan ←" in line)


KEYS = {
    "short": (["cat", "dog"], ["cat", "dog"], ["cat", "dog"]),
    "common prefix": (["MT_Free", "MT_Fray"], ["Free", "Fray"], ["Free", "Fray"]),
    "cut and distinct": (["class/oak", "class/maple"], ["oak", "map…"], ["oak", "maple"]),
    "not distinct": (["mapleA", "mapleB"], ["1", "2"], ["1 mapleA", "2 mapleB"]),
    "no half numbers": (["n 10", "n 11"], ["n 10", "n 11"], ["n 10", "n 11"]),
    "numbers behind a prefix": (["class 10", "class 11"], ["10", "11"], ["10", "11"]),
    "one is the prefix": (["class ", "class oak"], ["1", "2"], ["1 class ", "2 class oak"]),
    "wide letters": (["名名名", "名名人"], ["1", "2"], ["1 名名名", "2 名名人"]),
    "ten": (
        [f"maple{i}" for i in range(10)],
        [str(i) for i in range(1, 11)],
        [f"{i + 1:>2} maple{i}" for i in range(10)],
    ),
    "one class": (["class oak"], ["cla…"], ["class oak"]),
}


@pytest.mark.parametrize(("names", "heads", "rows"), KEYS.values(), ids=KEYS.keys())
def test_heads_of_a_confusion_matrix_can_be_told_apart(names, heads, rows):
    assert keys_of(names, 4) == (heads, rows)


PLOTS = {
    "two bars": lambda names: bar_chart(names[:2], {"n": [3, 0]}, "t"),
    "pairs of bars": lambda names: bar_chart(names, {"a": [1] * 40, "b": [0] * 40}, "t"),
    "only zeros": lambda names: bar_chart(names, {"n": [0] * 40}, "t"),
    "no bar": lambda _: bar_chart([], {"n": []}, "t"),
    "intervals": lambda names: interval_plot(
        names, {"a": ([0.5] * 39 + [np.nan], [0.1] * 40, [1] * 40)}, "t"
    ),
    "confusion": lambda names: confusion_plot(np.eye(40), names, "t <i>"),
    "confusion of two": lambda names: confusion_plot([[0, 0], [3, 1]], names[:2], "t"),
}


@pytest.mark.parametrize("plot", PLOTS.values(), ids=PLOTS.keys())
def test_plot_is_sound_svg_inside_its_frame(plot):
    names = [*HOSTILE, *(f"class {i}" for i in range(36))]
    svg = ElementTree.fromstring(plot(names))
    _, _, width, height = map(float, svg.attrib["viewBox"].split())
    assert svg.attrib["aria-label"].startswith("t")
    assert "script" not in {element.tag.rpartition("}")[2] for element in svg.iter()}
    for rect in svg.iter("{http://www.w3.org/2000/svg}rect"):
        x, y, w, h = (float(rect.attrib[name]) for name in ("x", "y", "width", "height"))
        assert 0 <= x <= x + w <= width
        assert 0 <= y <= y + h <= height


def test_bar_of_a_rare_class_is_seen_and_of_an_empty_one_is_not():
    widths = re.findall(r'width="([\d.]+)" height="13"', bar_chart("abc", {"n": [10**6, 1, 0]}, ""))
    assert widths[1:] == ["1.0", "0.0"]
