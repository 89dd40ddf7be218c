"""The HTML report of an analysis: one self-contained page, which asks for nothing."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

import balancekit
from balancekit.analysis import ISSUE_KINDS
from balancekit.report.analysis_sections import (
    duplicates_section,
    insights,
    nouns,
    pixels_section,
    quality_section,
    rank_plots,
    recall_section,
    sizes_section,
    splits_section,
    together_section,
)
from balancekit.report.class_table import SHOTS, ClassRows, name_of_class
from balancekit.report.html import render
from balancekit.report.methods import methods_of
from balancekit.report.thumbnails import data_uri, example_pictures
from balancekit.report.words import (
    EXAMPLES_OF_OTHERS,
    UNIT_TITLES,
    contents_text,
    headline_measures,
    n_of,
    printable,
    shortened,
    verdict,
)
from balancekit.stats import Issue, Stats

__all__ = ["example_pictures", "render_analysis"]

SEVERITIES = (("error", "error"), ("warning", "warning"), ("info", "note"))
TONES = {"error": "bad", "warning": "fair", "info": "info"}
MARKS = {"error": "✕", "warning": "▲", "info": "○"}
"""Told by shape as well as by colour."""

TINY_PX = 64
"""Pictures up to this size are shown with their pixels."""

CONTENTS = (
    ("classes", "classes", "Classes"),
    ("gallery", "examples", "Examples"),
    ("sizes", "sizes", "Box sizes"),
    ("pixels", "pixels", "Pixels"),
    ("together", "together", "Together"),
    ("splits", "splits", "Splits"),
    ("recall", "recall", "Recall"),
    ("duplicates", "duplicates", "Duplicates"),
    ("quality", "quality", "Quality"),
)
"""Parts that a page may have: what the template calls them, their id, and their title."""


def render_analysis(
    stats: Stats,
    *,
    examples: Mapping[str, Sequence[NDArray[np.uint8]]] | None = None,
    how_made: str,
) -> str:
    """The page as HTML text, the same bytes for the same arguments.

    Args:
        stats: all that is shown.
        examples: uint8 pictures [height, width] or [height, width, 3] by class name, as
            `example_pictures` gives them.
        how_made: the command that made the page.
    """
    line, tone = verdict(stats)
    table = ClassRows.of(stats)
    parts = {
        "classes": _classes(stats, table),
        "gallery": _gallery(stats, examples or {}),
        "sizes": sizes_section(stats),
        "pixels": pixels_section(stats),
        "together": together_section(stats),
        "splits": splits_section(stats),
        "recall": recall_section(stats),
        "duplicates": duplicates_section(stats),
        "quality": quality_section(stats),
    }
    return render(
        "analysis.html.j2",
        script="class_table.js",
        title=f"{_heading(stats)} · balancekit",
        heading=_heading(stats),
        verdict=line,
        tone=tone,
        counted=contents_text(stats),
        nouns=nouns(stats),
        source=printable(stats.source),
        tallies=_tallies(stats),
        tones=TONES,
        marks=MARKS,
        measures=headline_measures(stats),
        rank_plots=rank_plots(stats),
        insights=insights(stats),
        issues=[_issue(issue) for issue in stats.issues],
        unchecked=_unchecked(stats),
        table=table,
        methods=methods_of(stats),
        contents=_contents(parts),
        provenance=_provenance(stats, how_made),
        version=balancekit.__version__,
        **parts,
    )


def _heading(stats: Stats) -> str:
    split = "" if stats.split is None else f", split {shortened(stats.split)}"
    article = "an" if stats.task[0] in "aeiou" else "a"
    return f"Analysis of {article} {stats.task} data set{split}"


def _n_classes(stats: Stats) -> str:
    return n_of(len(stats.class_names), *nouns(stats))


def _contents(parts: Mapping[str, Any]) -> list[tuple[str, str]]:
    middle = [(anchor, title) for part, anchor, title in CONTENTS if parts[part]]
    return [
        ("balance", "Balance"),
        ("issues", "Issues"),
        *middle,
        ("method", "Method"),
        ("provenance", "Provenance"),
    ]


def _tallies(stats: Stats) -> list[tuple[str, int, str]]:
    """Kinds of issues of each severity that was met: severity, number, and both in words."""
    met = [issue.severity for issue in stats.issues]
    return [
        (severity, met.count(severity), n_of(met.count(severity), word))
        for severity, word in SEVERITIES
        if severity in met
    ]


def _issue(issue: Issue) -> dict[str, Any]:
    kind = ISSUE_KINDS.get(issue.code)
    explanation = kind.explanation if kind is not None else ""
    shown = [shortened(example, 240) for example in issue.examples]
    of = f", all {len(shown):,}"
    if issue.code in EXAMPLES_OF_OTHERS:
        of = ""
    elif len(shown) < issue.count:
        of = f", {len(shown):,} of {issue.count:,}"
    return {
        "code": issue.code,
        "severity": issue.severity,
        "title": printable(issue.title),
        "count": f"{issue.count:,}",
        "what_to_do": printable(issue.what_to_do),
        "examples": shown,
        "examples_title": f"Examples{of}",
        "explanation": [part for part in explanation.split("\n\n") if part.strip()],
    }


def _unchecked(stats: Stats) -> str:
    """Checks that were not made, so that silence about them says nothing."""
    checks = (
        (stats.n_checked > 0, "whether the pictures can be decoded"),
        (stats.duplicates is not None, "duplicates"),
        (stats.quality is not None, "quality"),
    )
    missing = [words for made, words in checks if not made]
    return f"Not looked at: {', '.join(missing)}." if missing and stats.media != "rows" else ""


def _classes(stats: Stats, table: ClassRows) -> dict[str, Any]:
    one, many = nouns(stats)
    caption = f"{_n_classes(stats)}, the largest first"
    if table.n_left_out:
        caption += f"; {table.n_left_out:,} in the middle are left out"
    if table.n_cut:
        caption += f"; {n_of(table.n_cut, 'long name is', 'long names are')} cut"
    sizes = table.shot_sizes()
    return {
        "heading": many.capitalize(),
        "one": one,
        "many": many,
        "caption": caption + ".",
        "shots": [(shot, f"{n:,}") for shot, n in sizes.items()],
        "shot_ids": {shot: SHOTS.index(shot) for shot in sizes},
        "without_script": "Without JavaScript the table shows its first 200 rows, and cannot be "
        "sorted or searched.",
    }


def _gallery(
    stats: Stats, examples: Mapping[str, Sequence[NDArray[np.uint8]]]
) -> list[dict[str, Any]]:
    count_of = dict(zip(stats.class_names, stats.class_counts, strict=True))
    return [
        {
            "name": name_of_class(name),
            "count": n_of(count_of.get(name, 0), UNIT_TITLES[stats.unit].removesuffix("s")),
            "pictures": [(data_uri(p), max(p.shape[:2]) <= TINY_PX) for p in pictures],
        }
        for name, pictures in examples.items()
        if pictures
    ]


def _provenance(stats: Stats, how_made: str) -> list[tuple[str, str]]:
    facts = (
        ("Source", stats.source),
        ("Format", stats.format),
        ("Task", stats.task),
        ("Split", stats.split or "none"),
        ("Samples", f"{stats.n_samples:,}"),
        ("Pictures looked at", f"{stats.n_checked:,}" if stats.media == "pictures" else ""),
        ("Command", how_made),
        ("Version", f"balancekit {balancekit.__version__}"),
        ("Fingerprint", stats.fingerprint),
        ("Schema", stats.schema),
    )
    return [(name, printable(value)) for name, value in facts if value]
