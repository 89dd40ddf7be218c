"""What training will see under a plan, before and after: pictures, sentences and a table."""

from collections.abc import Sequence
from typing import Any

from balancekit.exposure import DRAW_BINS, Exposure
from balancekit.plan import NoAugmentation, Plan
from balancekit.report.exposure_words import (
    augmented_text,
    batch_text,
    correction_text,
    expected_text,
    missing_text,
    noun_of,
    rarest_text,
    repeats_text,
    samples_text,
    schedule_text,
    times,
    unit_of,
    weight_text,
    weights_text,
)
from balancekit.report.plan_words import choice_text, drawn_text
from balancekit.report.rows import left_out_text, rows_of
from balancekit.report.svg import (
    COLOURS,
    FAINT,
    SOFT,
    WIDTH,
    bar_chart,
    draw_line,
    draw_name,
    draw_text,
    frame,
    name_width,
)
from balancekit.report.words import n_of, name_text, percent, without_zeros

__all__ = ["exposure_section"]

ROW, NUMBER = 22, 110
"""Sizes in px: of a row of the plot of batches, and of the numbers on its right."""

WITHOUT_PRIOR = ("detection", "keypoints", "regression")


def exposure_section(exposure: Exposure, plan: Plan) -> dict[str, Any]:
    """What the template shows of an exposure.

    Args:
        exposure: what is shown.
        plan: that it is of.
    """
    second = exposure.second_stage
    return {
        "verdict": rarest_text(exposure),
        "measures": _measures(exposure),
        "stage": _stage(exposure),
        "second": None if second is None else _stage(second),
        "second_epochs": "" if second is None else n_of(second.epochs, "epoch"),
        "augmentation": (
            ""
            if isinstance(plan.augmentation, NoAugmentation)
            else f"Augmentation: {choice_text(plan, 'augmentation')}."
        ),
        "schedule": schedule_text(plan, exposure.epochs),
        "expected": expected_text(exposure),
    }


def _measures(exposure: Exposure) -> list[tuple[str, str, str]]:
    """The figures that come first: name, value and meaning."""
    seen = exposure.draws_per_sample
    cards = [
        ("Draws an epoch", f"{exposure.draws_per_epoch:,}", f"of {exposure.n_samples:,} samples"),
        (
            "Batches an epoch",
            f"{exposure.batches_per_epoch:,}",
            f"of up to {n_of(exposure.batch_size, 'draw')}",
        ),
        (
            "Draws of a sample",
            f"{seen.fewest:,}" if seen.fewest == seen.most else f"{seen.fewest:,} to {seen.most:,}",
            f"{without_zeros(seen.median, 1)} at the median, counted over "
            f"{n_of(exposure.epochs, 'epoch')}",
        ),
        ("Repeats", percent(exposure.repeat_share), "of the draws, within their epoch"),
    ]
    if exposure.augmented_share:
        cards.append(("Augmented", percent(exposure.augmented_share, 0), "of the draws, expected"))
    if exposure.mixed_share:
        cards.append(("Mixed", percent(exposure.mixed_share, 0), "of the batches, expected"))
    return cards


def _stage(exposure: Exposure) -> dict[str, Any]:
    """What one stage will see, as plots, sentences and a table."""
    noun = noun_of(exposure)
    rows = rows_of(exposure.samples_per_class, by_value=noun == "bin")
    left_out = len(exposure.class_names) - len(rows)
    sentences = (missing_text(exposure), weights_text(exposure), correction_text(exposure))
    return {
        "noun": noun,
        "unit": f"{unit_of(exposure)}s",
        "drawn": drawn_text(exposure),
        "draws": _draws(exposure, rows),
        "samples": _samples(exposure),
        "samples_text": samples_text(exposure),
        "repeats_text": " ".join(filter(None, (repeats_text(exposure), augmented_text(exposure)))),
        "batches": _batches(exposure, rows),
        "has_prior": exposure.task not in WITHOUT_PRIOR,
        "missing": sentences[0],
        "after": " ".join(filter(None, sentences[1:])),
        "rows": [_cells(exposure, c) for c in rows],
        "note": left_out_text(left_out, are_bins=noun == "bin"),
    }


def _draws(exposure: Exposure, rows: Sequence[int]) -> str:
    before = [exposure.natural_draws_per_class[c] / exposure.epochs for c in rows]
    after = [exposure.draws_per_class[c] / exposure.epochs for c in rows]
    return bar_chart(
        [exposure.class_names[c] for c in rows],
        {"as the data come": before, "under the plan": after},
        f"Draws of each {noun_of(exposure)} in one epoch, before and after",
    )


def _samples(exposure: Exposure) -> str:
    """Samples by how often they are drawn; before, each is drawn once an epoch.

    "" where each is drawn as often as before: there is nothing to see.
    """
    seen = exposure.draws_per_sample
    if seen.fewest == seen.most == exposure.epochs:
        return ""
    per_bin = exposure.draws_per_sample.samples_per_bin
    starts = (0, 1, 2, 3, 6, 11)
    place = max(k for k, start in enumerate(starts) if start <= exposure.epochs)
    before = [exposure.n_samples if k == place else 0 for k in range(len(per_bin))]
    return bar_chart(
        [times(name) for name in DRAW_BINS],
        {"as the data come": before, "under the plan": per_bin},
        "Samples by how often they are drawn",
    )


def _batches(exposure: Exposure, rows: Sequence[int]) -> str:
    """Fewest, mean and most of each class in a batch: a line with a dot."""
    names = [exposure.class_names[c] for c in rows]
    known = "batch_low_per_class" not in exposure.expected
    means = exposure.batch_mean_per_class
    ends = exposure.batch_high_per_class if known else means
    largest = max((ends[c] for c in rows), default=0) or 1
    left, top = name_width(names), 26
    plot, height = WIDTH - left - NUMBER, top + ROW * len(rows) + 6
    parts = [draw_text(left, 10, "0", anchor="middle", size=10, ink=SOFT)]
    parts += [draw_line(left, top - 6, left, height - 4, ink=FAINT)]
    parts += [
        draw_text(left + plot, 10, without_zeros(largest, 1), anchor="middle", size=10, ink=SOFT)
    ]
    parts += [draw_line(left + plot, top - 6, left + plot, height - 4, ink=FAINT)]
    for row, c in enumerate(rows):
        y = top + ROW * (row + 0.5)
        parts.append(draw_name(left - 8, y, exposure.class_names[c], anchor="end"))
        if known:
            low, high = exposure.batch_low_per_class[c], exposure.batch_high_per_class[c]
            x1, x2 = (left + plot * end / largest for end in (low, high))
            parts.append(draw_line(x1, y, x2, y, ink=COLOURS[1], width=3))
        x = left + plot * means[c] / largest
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.5" fill="{COLOURS[1]}"/>')
        said = f"{batch_text(exposure, c)} · {without_zeros(means[c], 1)}" if known else ""
        parts.append(draw_text(left + plot + 10, y, said or batch_text(exposure, c), size=10))
    return frame(WIDTH, height, f"What a batch holds of each {noun_of(exposure)}", parts)


def _cells(exposure: Exposure, c: int) -> dict[str, str]:
    """A row of the table."""
    low, high = exposure.sample_low_per_class[c], exposure.sample_high_per_class[c]
    return {
        "name": name_text(exposure.class_names[c]),
        "samples": f"{exposure.samples_per_class[c]:,}",
        "before": f"{exposure.natural_draws_per_class[c]:,}",
        "draws": f"{exposure.draws_per_class[c]:,}",
        "repeats": f"{exposure.repeats_per_class[c]:.2f}",
        "each": f"{low:,}" if low == high else f"{low:,}–{high:,}",
        "seen": percent(exposure.coverage_per_class[c], 0),
        "batch": batch_text(exposure, c),
        "without": percent(exposure.batch_without_per_class[c], 0),
        "weight": weight_text(exposure, c),
        "prior": percent(exposure.believed_prior[c]),
        "wanted": percent(exposure.wanted_prior[c]),
    }
