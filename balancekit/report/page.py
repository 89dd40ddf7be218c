"""One self-contained HTML page: pictures and plots inside, no script, no network."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from balancekit.exposure import Exposure
from balancekit.plan import Plan, is_steady
from balancekit.report.html import render
from balancekit.report.plan_words import (
    choice_text,
    comparison_verdict,
    drawn_text,
    in_a_batch,
    mean_text,
    plan_aim,
    plan_verdict,
    runs_text,
)
from balancekit.report.svg import bar_chart, confusion_plot, interval_plot
from balancekit.report.thumbnails import data_uri
from balancekit.report.words import (
    examples_text,
    headline_measures,
    n_of,
    percent,
    printable,
    verdict,
)
from balancekit.stats import Issue, Stats

if TYPE_CHECKING:
    from balancekit.comparison import Comparison

__all__ = ["Pictures", "render_page"]

PARTS = ("sampling", "loss", "correction", "augmentation", "bias_init")
MOST_ROWS = 40
"""Classes plotted; the middle of more is left out, as in the terminal."""

LONGEST_PX = 96
"""Longest side of an embedded picture."""

MOST_CONFUSION_CLASSES = 40
"""Classes up to which confusion matrices are drawn: cells of more cannot be told apart."""


@dataclass(frozen=True, kw_only=True)
class Pictures:
    """Example pictures of some classes, and each beside augmentations of itself.

    Attributes:
        by_class: uint8 arrays [height, width] or [height, width, 3], by class name.
        augmented: an original and what augmentation makes of it, by class name.
        operations: names of the operations that were used.
    """

    by_class: Mapping[str, Sequence[NDArray[np.uint8]]]
    augmented: Mapping[str, Sequence[NDArray[np.uint8]]]
    operations: Sequence[str]


def render_page(
    title: str,
    stats: Stats,
    plan: Plan,
    exposure: Exposure,
    *,
    comparison: "Comparison | None" = None,
    pictures: Pictures | None = None,
    how_made: str,
    next_commands: Sequence[str] = (),
) -> str:
    """The page as HTML text.

    Args:
        title: its heading.
        stats: of the training data.
        plan: made from them.
        exposure: what training saw.
        comparison: results, if plans were compared.
        pictures: examples, if the samples are pictures.
        how_made: the command that made the page, and of what.
        next_commands: what to try next.
    """
    line, tone = verdict(stats)
    return render(
        "page.html.j2",
        title=title,
        verdict=line,
        tone=tone,
        measures=headline_measures(stats),
        issues=[_issue(issue) for issue in stats.issues],
        histogram=_histogram(stats),
        note=_note(len(stats.class_names)),
        counted=f"{n_of(stats.n_samples, 'sample')} in "
        f"{n_of(len(stats.class_names), 'class', 'classes')}",
        drawn=drawn_text(exposure),
        believed_at_end=not is_steady(plan.sampling),
        plan_verdict=plan_verdict(plan),
        plan_aim=plan_aim(plan),
        choices=[_choice(plan, part) for part in PARTS],
        exposure_rows=_exposure_rows(exposure),
        draws=_draws(exposure),
        results=None if comparison is None else _results(comparison),
        pictures=None if pictures is None else _embedded(pictures),
        how_made=how_made,
        next_commands=next_commands,
    )


def _rows(counts: Sequence[int]) -> list[int]:
    """Classes to plot, the largest first."""
    order = sorted(range(len(counts)), key=lambda c: (-counts[c], c))
    return order if len(order) <= MOST_ROWS else order[: MOST_ROWS // 2] + order[-MOST_ROWS // 2 :]


def _note(n_classes: int) -> str:
    """What is left out of plots and tables, if anything."""
    between = n_classes - MOST_ROWS
    return f"The {between:,} classes between are left out." if between > 0 else ""


def _histogram(stats: Stats) -> str:
    rows = _rows(stats.class_counts)
    names = [stats.class_names[c] for c in rows]
    counts = [stats.class_counts[c] for c in rows]
    return bar_chart(names, {"samples": counts}, "Samples of each class, the largest first")


def _issue(issue: Issue) -> dict[str, str]:
    return {
        "code": issue.code,
        "severity": issue.severity,
        "title": f"{issue.title}: {issue.count:,}",
        "what_to_do": issue.what_to_do,
        "examples": examples_text(issue.examples, issue.count),
    }


def _draws(exposure: Exposure) -> str:
    rows = _rows(exposure.samples_per_class)
    natural = [exposure.natural_draws_per_class[c] / exposure.epochs for c in rows]
    drawn = [exposure.draws_per_class[c] / exposure.epochs for c in rows]
    return bar_chart(
        [exposure.class_names[c] for c in rows],
        {"as the data come": natural, "under the plan": drawn},
        "Draws of each class in one epoch, before and after",
    )


def _exposure_rows(exposure: Exposure) -> list[dict[str, str]]:
    return [
        {
            "name": printable(exposure.class_names[c]),
            "samples": f"{exposure.samples_per_class[c]:,}",
            "draws": f"{exposure.draws_per_class[c]:,}",
            "repeats": f"{exposure.repeats_per_class[c]:.2f}",
            "seen": percent(exposure.coverage_per_class[c], 0),
            "batch": in_a_batch(exposure, c),
            "prior": percent(exposure.believed_prior[c]),
            "wanted": percent(exposure.wanted_prior[c]),
        }
        for c in _rows(exposure.samples_per_class)
    ]


def _choice(plan: Plan, part: str) -> dict[str, str]:
    reason = next((reason for reason in plan.reasons if reason.part == part), None)
    return {
        "part": part.removesuffix("_init"),
        "chosen": choice_text(plan, part),
        "because": reason.because if reason else "chosen by hand",
        "source": reason.source if reason else "–",
        "instead": reason.instead if reason else "–",
    }


def _results(comparison: "Comparison") -> dict[str, Any]:
    summary = comparison.summary()
    rows = _rows(comparison.train_counts)
    names = [f"{comparison.class_names[c]} ({comparison.train_counts[c]})" for c in rows]
    recalls = {arm.name: tuple(values[rows] for values in arm.recall()) for arm in comparison.arms}
    few = len(comparison.class_names) <= MOST_CONFUSION_CLASSES
    return {
        "verdict": comparison_verdict(comparison),
        "arms": [arm.name for arm in comparison.arms],
        "runs": runs_text(comparison),
        "metrics": {
            metric.replace("_", " "): [
                mean_text(*summary[arm.name][metric], len(comparison.seeds))
                for arm in comparison.arms
            ]
            for metric in next(iter(summary.values()))
        },
        "recall": interval_plot(
            names,
            recalls,  # type: ignore[arg-type]
            "Recall of each class (training samples in brackets), with 95 % intervals",
        ),
        "confusions": [
            confusion_plot(arm.confusion(), comparison.class_names, f"Confusion: {arm.name}")
            for arm in comparison.arms
            if few
        ],
    }


def _embedded(pictures: Pictures) -> dict[str, Any]:
    return {
        "by_class": {
            printable(k): [data_uri(p, LONGEST_PX) for p in v] for k, v in pictures.by_class.items()
        },
        "augmented": {
            printable(k): [data_uri(p, LONGEST_PX) for p in v]
            for k, v in pictures.augmented.items()
        },
        "operations": pictures.operations,
    }
