"""Stats and Drift of every task in a terminal: golden files, widths, names of all scripts."""

import io
import os
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import pytest
from rich.cells import cell_len
from rich.console import Console

from balancekit.analysis import measure_balance
from balancekit.report import show_drift, show_stats
from balancekit.report.terminal.layout import fitted
from balancekit.report.words import (
    LEFT_TO_RIGHT,
    bin_range,
    contents_text,
    densest_half,
    issue_examples,
    verdict,
)
from balancekit.stats import (
    ClassChange,
    ClassPair,
    ClassTable,
    Drift,
    DuplicateGroup,
    Duplicates,
    Issue,
    MultiLabel,
    Quality,
    QualityMeasure,
    Regression,
    Shortcut,
    Sighting,
    SplitStats,
    Stats,
)

GOLDEN = Path(__file__).parent.parent / "golden"
"""Expected output. To write it anew: BALANCEKIT_REGENERATE=1 pytest tests/report"""


def stats_of(task, unit, counts, **more):
    given = {
        "source": "a table of a test",
        "media": "pictures",
        "n_samples": 128,
        "n_unlabelled": 0,
        "n_checked": 128,
        "fingerprint": "",
        "class_counts": tuple(counts.values()),
        "class_names": tuple(counts),
        "balance": measure_balance(list(counts.values())),
    }
    return Stats(task=task, unit=unit, **(given | more))


ISSUE = Issue(
    code="BK104",
    severity="warning",
    title="classes with fewer than 20 samples",
    what_to_do="Collect more first.",
    count=3,
    examples=("toothbrush (2)", "a, b (3)"),
)
SPLIT = SplitStats(
    name="val",
    n_samples=40,
    n_unlabelled=0,
    class_counts=(90, 9, 0),
    jensen_shannon=0.0712,
    jensen_shannon_null=0.034,
    psi=0.3,
    psi_null=0.1,
    p_value=0.002,
    missing_classes=("toothbrush",),
    extra_classes=("kite",),
    n_leaks=3,
    n_near_leaks=2,
)
SAME = (Sighting("train", "person", "a/1.jpg"), Sighting("train", "toothbrush", "b/1.jpg"))
CLASSIFICATION = stats_of(
    "classification",
    "samples",
    {"oak": 301, "elm": 60, "yew": 4, "fir": 0},
    media="rows",
    n_samples=370,
    n_unlabelled=5,
    split="train",
    per_class=ClassTable(
        samples=(301, 60, 4, 0),
        shot=("many", "medium", "few", "none"),
        held_out=(100, 20, 1, 0),
        recall_half_width=(0.08, 0.17, 0.4, 0.5),
    ),
    splits=(SPLIT,),
)
DETECTION = stats_of(
    "detection",
    "instances",
    {"person": 2610, "traffic light": 100, "toothbrush": 3, "kite": 0},
    n_unlabelled=2,
    split="train",
    per_class=ClassTable(
        samples=(61, 20, 2, 0),
        instances=(2610, 100, 3, 0),
        small=(1200, 90, 1, 0),
        medium=(1000, 9, 1, 0),
        large=(410, 1, 1, 0),
        shot=("medium", "medium", "few", "none"),
        held_out=(100, 20, 1, 0),
        recall_half_width=(0.08, 0.17, 0.4, 0.5),
    ),
    multilabel=MultiLabel(
        cardinality=1.2,
        density=0.3,
        n_label_sets=9,
        n_single_sets=3,
        mean_ir=4,
        cv_ir=0.3,
        scumble=0.03,
        pairs=(
            ClassPair(first="person", second="traffic light", n_samples=9, jaccard=0.2, lift=3),
            ClassPair(first="person", second="toothbrush", n_samples=2, jaccard=0.1, lift=1.01),
        ),
    ),
    splits=(SPLIT,),
    duplicates=Duplicates(
        n_compared=128,
        n_exact=12,
        n_near=3,
        n_conflicts=1,
        share_per_class=(0.1, 0.0, 0.3, 0.0),
        groups=(
            DuplicateGroup(near=False, n_samples=2, sightings=SAME),
            DuplicateGroup(near=True, n_samples=9, sightings=(SAME[0],) * 4),
        ),
    ),
    quality=Quality(
        n_pictures=128,
        measures=(
            QualityMeasure(
                name="brightness", unit="of 255", median=100, median_per_class=(1, 2, 3, None)
            ),
        ),
        shortcuts=(
            Shortcut(
                class_name="toothbrush",
                measure="brightness",
                auc=0.02,
                median=20.5,
                median_of_others=110,
            ),
        ),
    ),
    issues=(ISSUE,),
)
SEGMENTATION = stats_of(
    "segmentation",
    "pixels",
    {"road": 12_345_678, "sky": 2_000_000, "sign-symbol": 30_123},
    n_void_pixels=130_000,
    per_class=ClassTable(samples=(40, 39, 12), shot=("medium", "medium", "few")),
)
KEYPOINTS = stats_of(
    "keypoints",
    "keypoints",
    {"nose": 120, "left ankle": 31},
    per_class=ClassTable(samples=(100, 29), shot=("medium", "medium")),
)
MULTILABEL = stats_of(
    "multilabel",
    "labels",
    {"amazed": 173, "happy": 166, "sad": 105},
    media="rows",
    n_samples=593,
    per_class=ClassTable(samples=(173, 166, 105), shot=("many",) * 3, irlbl=(1.0, 1.0422, 1.6476)),
    multilabel=MultiLabel(
        cardinality=1.868,
        density=0.311,
        n_label_sets=27,
        n_single_sets=4,
        mean_ir=1.478,
        cv_ir=0.18,
        scumble=0.011,
        pairs=(ClassPair(first="amazed", second="happy", n_samples=90, jaccard=0.4, lift=1.5),),
    ),
)


def ages():
    values = np.clip(np.random.default_rng(0).normal(38, 14, 5000), 3, 101).astype(int)
    counts = np.bincount(values, minlength=102)[3:].tolist()
    return stats_of(
        "regression",
        "samples",
        {str(age + 3): count for age, count in enumerate(counts)},
        media="rows",
        n_samples=5000,
        regression=Regression(
            low=3,
            high=101,
            bin_width=1,
            n_bins=99,
            n_empty_bins=counts.count(0),
            share_empty_bins=counts.count(0) / 99,
            median=38.5,
            share_few=0.4,
        ),
    )


REPORTS = {
    "classification": CLASSIFICATION,
    "detection": DETECTION,
    "segmentation": SEGMENTATION,
    "keypoints": KEYPOINTS,
    "multilabel": MULTILABEL,
    "regression": ages(),
}
DRIFT = Drift(
    before="table a.csv",
    after="table b.csv",
    task="classification",
    unit="samples",
    n_samples_before=100,
    n_samples_after=1200,
    n_unlabelled_before=0,
    n_unlabelled_after=3,
    added=("yew",),
    removed=("[red]elm[/]",),
    changes=(
        ClassChange(class_name="oak", before=90, after=1100, share_before=0.9, share_after=0.92),
        ClassChange(
            class_name="[red]elm[/]", before=10, after=None, share_before=0.1, share_after=0
        ),
    ),
    imbalance_ratio_before=9.0,
    imbalance_ratio_after=None,
    jensen_shannon=0.11,
    jensen_shannon_null=0.02,
    psi=1.2,
    psi_null=0.1,
    p_value=0.000999,
    issues_appeared=(ISSUE,),
    verdict="classes-changed",
)


def shown(thing, width):
    file = io.StringIO()
    show = show_drift if isinstance(thing, Drift) else show_stats
    show(thing, Console(file=file, width=width, highlight=False))
    return file.getvalue()


@pytest.mark.parametrize("width", [40, 80, 120])
@pytest.mark.parametrize("name", [*REPORTS, "drift"])
def test_report_is_the_golden_one_and_fits(name, width):
    text = shown(DRIFT if name == "drift" else REPORTS[name], width)
    golden = GOLDEN / f"report-{name}-{width}.txt"
    if os.environ.get("BALANCEKIT_REGENERATE"):
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8")
    for line in text.splitlines():
        assert cell_len(line) <= width, line
        assert line == line.rstrip()


@pytest.mark.parametrize("name", REPORTS)
def test_report_bears_sections_that_were_not_measured(name):
    full = REPORTS[name]
    bare = Stats(
        **{
            field: getattr(full, field)
            for field in Stats.__struct_fields__
            if field in ("source", "task", "media", "unit", "class_names", "class_counts")
            or field in ("n_samples", "n_unlabelled", "n_checked", "fingerprint", "balance")
        }
    )
    text = shown(bare, 80)
    assert text.startswith(f"● {verdict(full)[0][:40]}")
    assert "None" not in text
    assert "nan" not in text


@pytest.mark.parametrize("name", REPORTS)
def test_contents_are_in_the_words_of_the_task(name):
    words = {
        "classification": "370 samples (5 without a label) in 4 classes",
        "detection": "128 pictures (2 background), 2,713 instances in 4 classes",
        "segmentation": "128 pictures, 14,375,801 pixels in 3 classes",
        "keypoints": "128 pictures, 151 key points in 2 classes",
        "multilabel": "593 samples, 444 labels in 3 classes",
        "regression": "5,000 samples with a value, in 99 bins",
    }
    assert contents_text(REPORTS[name]) == words[name]


def test_samples_without_a_value_are_not_said_to_have_one():
    known = msgspec.structs.replace(REPORTS["regression"], n_unlabelled=1)
    assert contents_text(known) == "4,999 of 5,000 samples with a value, in 99 bins"


def test_values_of_prices_are_written_with_separators():
    of_prices = msgspec.structs.replace(REPORTS["regression"].regression, high=1_998_910.0)
    priced = msgspec.structs.replace(REPORTS["regression"], regression=of_prices)
    assert " to 1,998,910" in shown(priced, 80)


@dataclass(frozen=True)
class Spread:
    counts: list[int]
    first: int
    end: int


HALVES = {
    "one bin": Spread([4], 0, 1),
    "a peak": Spread([1, 0, 5, 4, 1], 2, 4),
    "even": Spread([1, 1, 1, 1], 0, 2),
    "the first of equals": Spread([5, 0, 0, 5], 0, 1),
    "at the end": Spread([1, 1, 1, 9], 3, 4),
}


@pytest.mark.parametrize("spread", HALVES.values(), ids=HALVES.keys())
def test_densest_half_is_the_shortest_run_of_bins(spread):
    assert densest_half(spread.counts) == (spread.first, spread.end)


def test_range_of_bins_is_that_of_both_ends():
    assert bin_range("[-0.5, -0.4)", "[0.1, 0.2)") == "-0.5 to 0.2"


@pytest.mark.parametrize(
    "name", ["שלום", "مرحبا بالعالم", "cat שלום"], ids=["Hebrew", "Arabic", "mixed"]
)
def test_name_that_is_read_from_the_right_does_not_move_the_numbers_behind(name):
    cell = fitted(name, 20)
    assert cell.rstrip().endswith(LEFT_TO_RIGHT)
    assert cell_len(cell) == 20
    assert LEFT_TO_RIGHT not in fitted("cat", 20)


NAMES = {
    "emoji": "👩‍👩‍👧‍👦 family of 🦊🦊🦊🦊🦊🦊🦊🦊🦊🦊🦊🦊",
    "flags": "🇩🇪🇫🇷" * 12,
    "combining": "e\u0301te\u0301 " * 12,
    "wide": "名" * 40,
    "escape": "\x1b[31mred\x1b[0m\x07",
    "turning": "\u202egpj.exe",
    "newline": "two\nlines\ttab",
    "markup": "[bold]x[/bold]",
    "empty": "",
    "Hebrew": "שלום " * 12,
}


@pytest.mark.parametrize("width", [40, 60, 80])
@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES.keys())
def test_table_keeps_its_columns_whatever_the_name(name, width):
    text = shown(stats_of("classification", "samples", {name: 300, "cat": 30}), width)
    lines = text.splitlines()
    header = next(i for i, line in enumerate(lines) if line.startswith("  class "))
    ends = set()
    for line, number in zip(lines[header : header + 3], ("samples", "300", "30"), strict=True):
        ends.add(cell_len(line[: line.index(number, 8) + len(number)]))
    assert len(ends) == 1, "the numbers stand below one another"
    assert max(map(cell_len, lines)) <= width
    assert not {"\x1b", "\x07", "\u202e", "\t"} & set(text)


ONE_CLASS = {
    "boxes": (
        stats_of("detection", "instances", {"car": 9, "bus": 0}),
        "One class, car, with 9 instances: to be told from the background.",
        "fair",
    ),
    "pixels beside void ones": (
        msgspec.structs.replace(
            stats_of("segmentation", "pixels", {"road": 9}), n_void_pixels=3, n_unlabelled=0
        ),
        "One class, road, with 9 pixels: to be told from the background.",
        "fair",
    ),
    "pixels alone": (
        msgspec.structs.replace(stats_of("segmentation", "pixels", {"road": 9}), n_unlabelled=0),
        "One class only, road: nothing to tell apart.",
        "bad",
    ),
    "a label that some carry": (
        msgspec.structs.replace(
            stats_of("multilabel", "labels", {"smile": 40}), n_samples=100, n_unlabelled=60
        ),
        "One label, smile: 40 samples of 100 carry it.",
        "fair",
    ),
}


@pytest.mark.parametrize(("stats", "line", "tone"), ONE_CLASS.values(), ids=ONE_CLASS.keys())
def test_one_class_can_be_told_from_what_lacks_it(stats, line, tone):
    assert verdict(stats) == (line, tone)


REPEATING = {
    "nothing": ({}, (), "Duplicates: none found."),
    "some": ({"n_exact": 1, "n_near": 2}, (), "1 sample repeats another, 2 samples nearly repeat"),
    "near conflicts": (
        {"n_near": 1, "n_near_conflicts": 2},
        (),
        "another; 2 groups of nearly the same under different classes.",
    ),
    "near ones": ({"n_near": 1}, (), "Duplicates: 1 sample nearly repeats another."),
    "conflicts": (
        {"n_exact": 2, "n_conflicts": 1},
        (),
        "Duplicates: 2 samples repeat another; 1 content stands under different classes.",
    ),
    "leaks alone": (
        {"groups": (DuplicateGroup(near=True, n_samples=2, sightings=(SAME[0],) * 2),)},
        (0, 1),
        "Duplicates: none within train; 1 sample of another split has a copy here, or nearly one.",
    ),
}


@pytest.mark.parametrize(("found", "leaks", "line"), REPEATING.values(), ids=REPEATING.keys())
def test_what_repeats_is_told_without_what_does_not(found, leaks, line):
    nothing = {"n_exact": 0, "n_near": 0, "n_conflicts": 0}
    repeats = Duplicates(n_compared=9, share_per_class=(0.0, 0.0), **nothing | found)
    splits = ()
    if leaks:
        (split, *_) = REPORTS["classification"].splits
        splits = (
            msgspec.structs.replace(split, name="val", n_leaks=leaks[0], n_near_leaks=leaks[1]),
        )
    stats = msgspec.structs.replace(
        stats_of("classification", "samples", {"a": 5, "b": 4}),
        split="train",
        duplicates=repeats,
        splits=splits,
    )
    assert line in " ".join(shown(stats, 120).split())


def test_examples_that_are_classes_are_not_counted_with_the_samples():
    issue = Issue(
        code="BK405",
        severity="warning",
        title="repeats",
        what_to_do="Remove them.",
        count=58,
        examples=tuple(f"{name} (2 of 9)" for name in "abcd"),
    )
    assert issue_examples(issue) == "a (2 of 9), b (2 of 9), c (2 of 9) …"
    assert issue_examples(msgspec.structs.replace(issue, code="BK201")).endswith(" and 55 more")


def test_no_class_one_class_and_many():
    assert "nothing to learn from" in shown(stats_of("detection", "instances", {}), 80)
    one = stats_of("segmentation", "pixels", {"road": 9})
    assert "One class only, road" in shown(one, 80)
    many = stats_of("detection", "instances", {f"class {i}": i for i in range(100_000)})
    assert "… 99,979 classes between" in shown(many, 80)
    assert "… 1 class without a sample" in shown(many, 80)
    value = stats_of("regression", "samples", {"7": 30})
    assert "all values lie in 7" in shown(value, 80)
    empty = stats_of("regression", "samples", {"7": 0})
    assert "nothing to learn from" in shown(empty, 80)


def test_tail_is_of_classes_with_samples_where_not_all_can_be_shown():
    counts = {f"class {i}": 100 - i for i in range(30)} | {f"empty {i}": 0 for i in range(15)}
    text = shown(stats_of("classification", "samples", counts), 80)
    assert "class 29" in text
    assert "empty 0" not in text
    assert "… 10 classes between\n" in text
    assert "… 15 classes without a sample\n" in text
    few = {"a": 3} | {f"empty {i}": 0 for i in range(15)}
    assert "empty 14" in shown(stats_of("classification", "samples", few), 80)
