"""A Comparison on a page: which plan to take, and how sure that is."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from balancekit.plan.metric_names import objective_text
from balancekit.report.axes import Axis, draw_x_axis
from balancekit.report.comparison_words import (
    arms_in_full,
    baseline_of,
    comparison_verdict,
    difference_text,
    digits_of,
    end_text,
    figure_text,
    head_text,
    is_number,
    outcome_text,
    parts_texts,
    runs_text,
    share_a_seed,
    shown_arms,
    shown_figures,
    told_apart,
    trained_as,
    unfinished_texts,
    with_seeds,
)
from balancekit.report.line_plot import Scale, line_plot
from balancekit.report.rows import left_out_text, rows_of
from balancekit.report.svg import (
    SOFT,
    WIDTH,
    confusion_plot,
    draw_line,
    draw_name,
    draw_text,
    frame,
    interval_plot,
    name_width,
)
from balancekit.report.words import name_text, printable, shortened

if TYPE_CHECKING:
    from balancekit.comparison import Arm, Comparison, Difference

__all__ = ["comparison_section"]

MOST_CONFUSED = 40
"""Classes up to which confusion matrices are drawn."""

LONGEST_LEGEND = 24
LEAST_IN_A_BIN = 10
"""Samples of a tenth of confidence that is drawn: fewer tell nothing."""
ROW, ROOM = 26, 160
"""Sizes in px of the forest plot: of a row, of the numbers on its right."""

INK_OF = {"better": "var(--good, #047857)", "worse": "var(--bad, #c81e1e)"}

METHOD = (
    "Differences are paired: plans of a seed start from the same weights and see the same samples. "
    "Their 95 % intervals hold the noise of the samples, by resampling the test part, and that of "
    "the seeds. They do not hold that other training data would give other models."
)


def comparison_section(comparison: "Comparison") -> dict[str, Any]:
    """What the template shows of a comparison.

    Args:
        comparison: with one tested arm at least.
    """
    baseline, objective = baseline_of(comparison), objective_text(comparison.objective)
    apart = _differences(comparison, baseline)
    unit = "" if is_number(comparison.objective) else ", in points"
    figures = [name for name in shown_figures(comparison) if name != comparison.objective]
    winner = comparison.winner()
    found = apart.get(winner.name)
    return {
        "verdict": printable(comparison_verdict(comparison)),
        "tone": "good" if found is not None and found.is_clear("better") else "fair",
        "runs": runs_text(comparison),
        "baseline": printable(baseline.name),
        "forest": _forest(comparison, apart, baseline),
        "forest_caption": f"How much better each plan is than {printable(baseline.name)} in "
        f"{objective}{unit}, with 95 % intervals: + is better. One that holds 0 is not told from "
        "noise.",
        "caption": f"Means over the seeds of a plan. The plan to take: {printable(winner.name)}.",
        "heads": ["difference", "", *map(head_text, (comparison.objective, *figures)), "s a run"],
        "rows": [_row(comparison, arm, apart, figures) for arm in shown_arms(comparison)],
        "unfinished": [printable(text) for text in unfinished_texts(comparison)],
        "recall": _recall(comparison),
        "confusions": _confusions(comparison),
        "note": left_out_text(len(comparison.class_names) - len(rows_of(comparison.train_counts))),
        "reliability": _reliability(comparison),
        "part_texts": [printable(text) for text in parts_texts(comparison)],
        "method": METHOD,
    }


def _confusions(comparison: "Comparison") -> list[str]:
    """Confusion matrices of the plans shown in full, where their cells can be told apart."""
    if len(comparison.class_names) > MOST_CONFUSED:
        return []
    return [
        confusion_plot(arm.confusion(), comparison.class_names, f"Confusion: {arm.name}")
        for arm in arms_in_full(comparison)
        if arm.confusions
    ]


def _differences(comparison: "Comparison", baseline: "Arm") -> dict[str, "Difference"]:
    """How far each arm is from the baseline, of those trained apart that share a seed with it."""
    return {
        arm.name: comparison.difference(arm.name, baseline.name)
        for arm in comparison.tested()
        if trained_as(arm) != trained_as(baseline) and share_a_seed(arm, baseline)
    }


def _row(
    comparison: "Comparison",
    arm: "Arm",
    apart: dict[str, "Difference"],
    figures: Sequence[str],
) -> tuple[str, list[str]]:
    found = apart.get(arm.name)
    tested = comparison.tested()
    digits = digits_of(one.mean() for one in tested)
    mean = figure_text(comparison.objective, arm.mean(), digits) if arm.runs else "–"
    cells = ["–"] * len(figures)
    if arm.runs:
        cells = [
            figure_text(
                name,
                float(arm.figure(name).mean()),
                digits_of(float(one.figure(name).mean()) for one in tested),
            )
            for name in figures
        ]
    seconds = f"{np.mean(arm.seconds_per_seed):.1f}" if arm.runs else "–"
    outcome = end_text(arm) or ("" if found is None else outcome_text(found))
    outcome = with_seeds(comparison, arm, outcome)
    shift = "" if found is None else difference_text(comparison, found)
    return printable(arm.name), [shift, outcome, mean, *cells, seconds]


def _forest(comparison: "Comparison", apart: dict[str, "Difference"], baseline: "Arm") -> str:
    """A dot and a line for each plan, left and right of 0."""
    scale = 1.0 if is_number(comparison.objective) else 100.0
    ends = [scale * end for one in apart.values() for end in (one.low, one.high)] or [-1.0, 1.0]
    widest = 1.05 * max(map(abs, ends)) or 1.0
    left = name_width([*apart, baseline.name])
    axis = Axis(low=-widest, high=widest, start=left, end=WIDTH - ROOM)
    bottom = ROW * max(1, len(apart)) + 8
    zero = axis.at(0)
    parts = [
        draw_x_axis(axis, bottom, f"better than {shortened(baseline.name)} →", top=0),
        draw_line(zero, 0, zero, bottom, ink=SOFT, width=1.5),
    ]
    for row, (name, one) in enumerate(apart.items()):
        y = ROW * row + ROW / 2 + 4
        ink = INK_OF.get(one.outcome, SOFT)
        low, high = axis.at(scale * one.low), axis.at(scale * one.high)
        parts.append(draw_name(left - 8, y, name, anchor="end"))
        parts.append(draw_line(low, y, high, y, ink=ink, width=2.5))
        parts.append(f'<circle cx="{axis.at(scale * one.mean):.1f}" cy="{y}" r="5" fill="{ink}"/>')
        text = f"{difference_text(comparison, one)} {outcome_text(one)}"
        parts.append(draw_text(WIDTH - ROOM + 10, y, text, size=10))
    title = f"Differences to {baseline.name} in {objective_text(comparison.objective)}"
    words = "; ".join(f"{n}: {difference_text(comparison, one)}" for n, one in apart.items())
    return frame(WIDTH, bottom + 46, title, parts, words)


def _recall(comparison: "Comparison") -> str:
    """Recall of each class under the plans shown in full; "" where there are no classes."""
    arms = arms_in_full(comparison)
    if not all(run.totals for arm in arms for run in arm.runs):
        return ""
    rows = rows_of(comparison.train_counts)
    names = [f"{name_text(comparison.class_names[c])} ({comparison.train_counts[c]})" for c in rows]
    values = {
        name: tuple(column[rows] for column in arm.recall())
        for name, arm in zip(_legend(arms), arms, strict=True)
    }
    return interval_plot(
        names,
        values,  # type: ignore[arg-type]  # three of them
        "Recall of each class (training samples in brackets), with 95 % intervals",
    )


def _legend(arms: Sequence["Arm"]) -> list[str]:
    return told_apart([arm.name for arm in arms], LONGEST_LEGEND)


def _reliability(comparison: "Comparison") -> str:
    """How often each plan shown in full is right by how sure it is; "" for numbers."""
    curves, arms = {}, arms_in_full(comparison)
    for name, arm in zip(_legend(arms), arms, strict=True):
        bins = np.array([b for run in arm.runs for b in run.reliability])  # [n, 3]
        if len(bins):
            pooled = _pooled(bins)
            if len(pooled[0]):
                curves[name] = pooled
    if not curves:
        return ""
    ideal = (np.array([0.0, 100.0]), np.array([0.0, 100.0]))
    return line_plot(
        curves | {"as sure as right": ideal},
        "Reliability: share right by confidence",
        x=Scale(title="confidence in %", low=0, high=100),
        y=Scale(title="right in %", low=0, high=100),
    )


def _pooled(bins: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean confidence and share right of each tenth of confidence, all runs together."""
    tenth = np.minimum((bins[:, 1] * 10).astype(np.int64), 9)
    n = np.bincount(tenth, bins[:, 0], 10)
    held = n >= LEAST_IN_A_BIN
    sure, right = (np.bincount(tenth, bins[:, 0] * bins[:, at], 10)[held] for at in (1, 2))
    return 100 * sure / n[held], 100 * right / n[held]
