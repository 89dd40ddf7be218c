"""What each section of the page of an analysis shows; None where there is nothing to show."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from balancekit.report.class_table import name_of_class
from balancekit.report.plots import heat_map, histogram, rank_plot
from balancekit.report.row_plots import null_plot, share_plot, size_plot, strip_plot
from balancekit.report.svg import interval_plot
from balancekit.report.words import (
    decimal,
    examples_text,
    n_of,
    percent,
    printable,
    shortened,
    without_zeros,
)
from balancekit.stats import DuplicateGroup, SplitStats, Stats, wilson_interval

__all__ = [
    "duplicates_section",
    "insights",
    "nouns",
    "pixels_section",
    "quality_section",
    "rank_plots",
    "recall_section",
    "sizes_section",
    "splits_section",
    "together_section",
]

MOST_ROWS = 25
"""Classes in a plot with a row for each."""

MOST_SHIFT_PLOTS, MOST_SIGHTINGS, MOST_GROUPS = 4, 12, 20
RECALL = 0.8
"""Recall at which intervals are told."""

WIDTHS = ((0.05, "± 5 points or better"), (0.1, "± 10 points"), (0.2, "± 20 points"))
"""How well a recall is known: half its interval at most, and what that is called."""

Section = dict[str, Any]


def rank_plots(stats: Stats) -> list[tuple[str, str, str]]:
    """What shows the imbalance at a glance: SVG, title and caption of each plot.

    The counts by rank, in the task's own unit and in pictures where that is another; and the
    histogram of a regression target.
    """
    if sum(count > 0 for count in stats.class_counts) < 2:
        return []
    samples = stats.per_class.samples
    own_is_samples = stats.unit in ("samples", "labels")
    plots = []
    if stats.regression is not None:
        few = percent(stats.regression.share_few)
        caption = f"Orange bars and gaps are bins with under 20 samples: {few} of the range."
        svg = histogram(stats.class_counts, stats.regression, "Samples by value of the target")
        plots.append((svg, "Samples by value of the target", caption))
    if not own_is_samples and any(samples):
        plots.append(_rank_plot(stats, samples, "pictures", in_groups=True))
    plots.append(_rank_plot(stats, stats.class_counts, stats.unit, in_groups=own_is_samples))
    return plots


def _rank_plot(
    stats: Stats, counts: Sequence[int], unit: str, *, in_groups: bool
) -> tuple[str, str, str]:
    one, many = nouns(stats)
    name = f"{unit.capitalize()} of each {one} by rank"
    empty = sum(not count for count in counts)
    caption = "Both axes are logarithmic, so that equal distances are equal ratios."
    if empty:
        caption += f" {n_of(empty, one, many)} without any cannot be drawn on them."
    svg = rank_plot(counts, stats.class_names, name, unit=unit, in_groups=in_groups)
    return svg, name, caption


def insights(stats: Stats) -> list[tuple[str, str]]:
    """What the shape of the counts means, as a number and the words behind it."""
    counts = np.sort(stats.counts_array())[::-1]
    filled = counts[counts > 0]
    if len(filled) < 2:
        return []
    half = int(np.searchsorted(np.cumsum(filled), filled.sum() / 2) + 1)
    tail = len(filled) // 2
    share = float(filled[len(filled) - tail :].sum() / filled.sum())
    one, many = nouns(stats)
    hold = "holds" if half == 1 else "hold"
    told = [
        (n_of(half, one, many), f"of {len(counts):,} {hold} half or more of all {stats.unit}."),
        (percent(share), f"of all {stats.unit} fall on the rarer half of the {many}."),
    ]
    if len(filled) > 2:
        middle = f"{filled[len(filled) // 2]:,} {stats.unit}"
        told.append((middle, f"is what the {one} in the middle of the ranks has."))
    return told


def nouns(stats: Stats) -> tuple[str, str]:
    """What a class of this task is called: one, and many."""
    return ("bin", "bins") if stats.regression is not None else ("class", "classes")


def _largest(stats: Stats, most: int = MOST_ROWS) -> list[int]:
    """Class ids of the largest classes, or of the largest and smallest of many."""
    counts = stats.counts_array()
    order = np.argsort(-counts, kind="stable")
    filled: list[int] = order[counts[order] > 0].tolist()
    return filled if len(filled) <= most else filled[: most // 2 + 1] + filled[-(most // 2) :]


def _shown_of(n_shown: int, n_classes: int) -> str:
    """Which classes a plot leaves out, if any."""
    if n_shown >= n_classes:
        return ""
    return f" The largest and the smallest of {n_classes:,} classes are shown."


def sizes_section(stats: Stats) -> Section | None:
    """Boxes of each class by size, for the largest and the smallest classes."""
    table = stats.per_class
    if not table.small or table.medium is None or table.large is None:
        return None
    rows = _largest(stats)
    sizes = [(table.small[c], table.medium[c], table.large[c]) for c in rows]
    if not any(map(sum, sizes)):
        return None
    total = [sum(column) for column in (table.small, table.medium, table.large)]
    shares = [percent(n / max(1, sum(total))) for n in total]
    names = [name_of_class(stats.class_names[c]) for c in rows]
    caption = (
        f"Of all boxes {shares[0]} are small, {shares[1]} medium and {shares[2]} large. "
        "Small boxes are found less well, so a class of them needs more."
    )
    svg = size_plot(names, sizes, "Sizes of the boxes of each class", unit="boxes of known size")
    n_filled = sum(count > 0 for count in stats.class_counts)
    return {"svg": svg, "caption": caption + _shown_of(len(rows), n_filled)}


def pixels_section(stats: Stats) -> Section | None:
    """Share of the pixels beside share of the samples, in segmentation."""
    pixels, samples = stats.per_class.pixels, stats.per_class.samples
    if not pixels or not any(pixels) or not samples:
        return None
    rows = _largest(stats)
    svg = share_plot(
        [name_of_class(stats.class_names[c]) for c in rows],
        ("of all pixels", [pixels[c] / sum(pixels) for c in rows]),
        ("of samples that show it", [samples[c] / max(1, stats.n_samples) for c in rows]),
        "Share of the pixels and share of the samples of each class",
        notes=[f"{percent(pixels[c] / sum(pixels))} of px" for c in rows],
    )
    caption = (
        "A class in most samples and few of their pixels is of small objects: what it lacks is "
        "weight in the loss, or crops around it, not samples."
    )
    n_filled = sum(count > 0 for count in stats.class_counts)
    return {"svg": svg, "caption": caption + _shown_of(len(rows), n_filled)}


def together_section(stats: Stats) -> Section | None:
    """Which classes occur in the same samples."""
    sets = stats.multilabel
    if sets is None:
        return None
    cards = (
        ("cardinality", decimal(sets.cardinality, 2), "labels a sample, on average"),
        ("density", decimal(sets.density, 3), "cardinality over classes"),
        ("label sets", f"{sets.n_label_sets:,}", f"{sets.n_single_sets:,} of them seen once"),
        ("MeanIR", decimal(sets.mean_ir, 2), "mean imbalance of a label"),
        ("CVIR", decimal(sets.cv_ir, 2), "how it differs between labels"),
        ("SCUMBLE", decimal(sets.scumble, 3), "0: rare labels stand apart from common ones"),
    )
    shown: Section = {"measures": cards, "svg": None}
    if sets.pairs:
        shown["svg"] = heat_map(sets.pairs, "Samples that two classes share")
        shown["caption"] = (
            "Squares count the samples that carry both classes. Blank ones share none, or fewer "
            f"than the {n_of(len(sets.pairs), 'pair')} here."
        )
        shown["table_title"] = f"{n_of(len(sets.pairs), 'pair')} as a table"
        shown["pairs"] = [
            {
                "first": name_of_class(pair.first),
                "second": name_of_class(pair.second),
                "n": f"{pair.n_samples:,}",
                "jaccard": decimal(pair.jaccard, 3),
                "lift": decimal(pair.lift, 2),
            }
            for pair in sets.pairs
        ]
    return shown


def splits_section(stats: Stats) -> Section | None:
    """The other splits, and how far each is from the one that was measured."""
    if not stats.splits:
        return None
    measured = printable(stats.split or "the measured split")
    with_shift = [split for split in stats.splits if split.jensen_shannon is not None]
    return {
        "caption": f"Each split against {measured}, of {n_of(stats.n_samples, 'sample')}",
        "rows": [_split_row(split) for split in stats.splits],
        "null_svg": null_plot(with_shift, "Divergence of the splits, and what chance gives")
        if with_shift
        else None,
        "shift_plots": [
            _shift_plot(stats, split, measured) for split in with_shift[:MOST_SHIFT_PLOTS]
        ],
    }


def _split_row(split: SplitStats) -> Mapping[str, str]:
    def listed(names: Sequence[str]) -> str:
        return f"{len(names):,}: {examples_text(names, len(names))}" if names else "none"

    return {
        "name": shortened(split.name),
        "samples": f"{split.n_samples:,}",
        "unlabelled": f"{split.n_unlabelled:,}",
        "divergence": decimal(split.jensen_shannon, 4),
        "chance": decimal(split.jensen_shannon_null, 4),
        "p": decimal(split.p_value, 3),
        "psi": decimal(split.psi, 3),
        "leaks": _leaks(split),
        "missing": listed(split.missing_classes),
        "extra": listed(split.extra_classes),
    }


def _leaks(split: SplitStats) -> str:
    if split.n_leaks is None:
        return "–"
    near = f" + {split.n_near_leaks:,} near" if split.n_near_leaks else ""
    return f"{split.n_leaks:,}{near}"


def _shift_plot(stats: Stats, split: SplitStats, measured: str) -> tuple[str, str, str]:
    """Shares of the classes in both splits, of those that differ most."""
    names = list(stats.class_names) + list(split.extra_classes)
    n = max(len(names), len(split.class_counts))
    one, other = np.zeros(n), np.zeros(n)
    one[: len(stats.class_counts)] = stats.class_counts
    other[: len(split.class_counts)] = split.class_counts
    one, other = one / max(1, one.sum()), other / max(1, other.sum())
    n_shown = min(MOST_ROWS, int(((one > 0) | (other > 0)).sum()), len(names))
    furthest = np.argsort(-np.abs(other - one)[: len(names)], kind="stable")[:n_shown]
    # Bins keep the order of their values.
    key = furthest if stats.regression is not None else -one[furthest]
    rows = furthest[np.argsort(key, kind="stable")].tolist()
    name = f"Shares in {measured} and {shortened(split.name)}"
    caption = f"Shares of all {stats.unit} in both splits"
    if n_shown < len(names):
        caption += f": the {n_shown:,} of {len(names):,} that differ most"
    svg = share_plot(
        [name_of_class(names[i]) for i in rows],
        (shortened(measured, 24), one[rows].tolist()),
        (shortened(split.name, 24), other[rows].tolist()),
        name,
    )
    return svg, name, caption + "."


def recall_section(stats: Stats) -> Section | None:
    """How well the held-out samples can tell the recall of each class."""
    held_out, half = stats.per_class.held_out, stats.per_class.recall_half_width
    if not held_out or not half:
        return None
    n = np.asarray(held_out)
    widths = np.where(n > 0, np.asarray(half), np.inf)
    rows, below = [], 0.0
    for width, name in (*WIDTHS, (1.0, "wider than that")):
        inside = n[(widths > below) & (widths <= width)]
        rows.append(_recall_row(name, inside.tolist(), len(n)))
        below = width
    rows.append(_recall_row("not at all", n[n == 0].tolist(), len(n)))
    filled = [c for c in np.argsort(n, kind="stable").tolist() if n[c] > 0]
    some = len(filled) > MOST_ROWS
    places = np.linspace(0, len(filled) - 1, MOST_ROWS if some else len(filled))
    shown = [filled[round(place)] for place in places.tolist()]
    low, high = wilson_interval(RECALL * n[shown], n[shown])
    svg = interval_plot(
        [name_of_class(stats.class_names[c]) for c in shown],
        {"recall, 95 % interval": (np.full(len(shown), RECALL), low, high)},
        "Interval of a recall of 80 % for each class",
        notes=[f"{n[c]:,} held out" for c in shown],
        desc=f"{n_of(len(shown), 'class', 'classes')}, the fewest held-out samples first.",
    )
    caption = "If 80 % of the held-out samples of a class are found, its recall lies on the line."
    if some:
        caption += f" {len(shown):,} of {len(filled):,} classes, at equal steps of their order."
    return {"rows": rows, "svg": svg if shown else "", "caption": caption}


def _recall_row(name: str, held_out: Sequence[int], n_classes: int) -> Mapping[str, str]:
    samples = "–"
    if held_out:
        low, high = min(held_out), max(held_out)
        samples = f"{low:,}" if low == high else f"{low:,} to {high:,}"
    share = percent(len(held_out) / max(1, n_classes), 0)
    return {"name": name, "n": f"{len(held_out):,}", "share": share, "samples": samples}


def duplicates_section(stats: Stats) -> Section | None:
    """Samples that share their content."""
    found = stats.duplicates
    if found is None:
        return None
    cards = (
        ("compared", f"{found.n_compared:,}", "samples whose content was looked at"),
        ("exact", f"{found.n_exact:,}", "samples that repeat another"),
        ("nearly the same", f"{found.n_near:,}", "pictures that look the same"),
        ("conflicts", f"{found.n_conflicts:,}", "same content under different classes"),
        ("near conflicts", f"{found.n_near_conflicts:,}", "nearly the same, different classes"),
    )
    n_groups = max(found.n_groups, len(found.groups))
    listed = f"{len(found.groups):,} of {n_of(n_groups, 'group')}, conflicts and leaks first"
    groups = [_group(group, number) for number, group in enumerate(found.groups[:MOST_GROUPS], 1)]
    return {"measures": cards, "groups": groups, "listed": listed}


def _group(group: DuplicateGroup, number: int) -> Section:
    sightings, n = group.sightings[:MOST_SIGHTINGS], group.n_samples
    classes = {sighting.class_name for sighting in sightings}
    splits = {sighting.split for sighting in sightings}
    how = "that look nearly the same" if group.near else "of the same content"
    notes = [f"{len(classes)} classes"] * (len(classes) > 1)
    notes += [f"{len(splits)} splits"] * (len(splits) > 1)
    return {
        "title": f"Group {number}: {n_of(n, 'sample')} {how}"
        + (f", in {' and '.join(notes)}" if notes else ""),
        "caption": f"{len(sightings):,} of {n:,}" if len(sightings) < n else f"All {n:,}",
        "sightings": [
            {
                "sample": shortened(sighting.sample, 160),
                "class_name": name_of_class(sighting.class_name),
                "split": printable(sighting.split) or "–",
            }
            for sighting in sightings
        ],
    }


def quality_section(stats: Stats) -> Section | None:
    """Quality of the pictures by class, and classes that it tells apart."""
    quality = stats.quality
    if quality is None:
        return None
    names = [name_of_class(name) for name in stats.class_names]
    strips = []
    for measure in quality.measures:
        if not any(median is not None for median in measure.median_per_class):
            continue
        called = _called(measure.name)
        name = f"Medians of the classes in {called}"
        heading = f"{called}, {printable(measure.unit)}" if measure.unit else called
        strips.append((strip_plot(measure, names, name), name, heading.capitalize()))
    return {
        "intro": f"Measured on {n_of(quality.n_pictures, 'picture')}; each dot is the median "
        "of a class, the line is the median of all.",
        "strips": strips,
        "shortcuts": [
            {
                "name": name_of_class(shortcut.class_name),
                "measure": _called(shortcut.measure),
                "auc": decimal(shortcut.auc, 2),
                "median": without_zeros(shortcut.median),
                "others": without_zeros(shortcut.median_of_others),
            }
            for shortcut in quality.shortcuts
        ],
    }


def _called(measure: str) -> str:
    """The name of a measure of quality in words; its unit stands beside it."""
    name = "file size" if measure == "file_bytes" else measure.removesuffix("_px")
    return printable(name.replace("_", " "))
