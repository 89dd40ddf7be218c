"""What Stats has beside the classes: pairs, splits, duplicates and shortcuts, in a terminal."""

from rich.console import Console
from rich.text import Text

from balancekit.report.terminal.layout import Column, class_table, say, say_meanings
from balancekit.report.words import MOST_EXAMPLES, decimal, n_of, percent, printable, shortened
from balancekit.stats import DuplicateGroup, SplitStats, Stats

__all__ = ["show_duplicates", "show_pairs", "show_shortcuts", "show_splits"]

MOST_PAIRS, MOST_SPLITS, MOST_SHORTCUTS = 5, 12, 5
MOST_SIGHTINGS, LONGEST_PATH = 3, 40
MEANINGS = {
    "jaccard": "shared samples to those with either",
    "lift": "to what chance would give",
    "shift": "Jensen-Shannon divergence in bits",
    "chance": "95 % of resampled splits lie below",
    "missing": "classes that the split lacks",
    "extra": "classes that it alone has",
    "leaks": "samples that the measured split has too",
}
LEAST_LIFT = 0.05
"""Classes that are everywhere, such as road and sky, occur together and tell nothing."""


def show_pairs(stats: Stats, console: Console) -> None:
    """Print the classes that occur together most, and not as chance would have it."""
    found = stats.multilabel.pairs if stats.multilabel else ()
    pairs = [pair for pair in found if abs(pair.lift - 1) > LEAST_LIFT][:MOST_PAIRS]
    if not pairs:
        return
    names = [f"{shortened(pair.first, 30)} + {shortened(pair.second, 30)}" for pair in pairs]
    columns = [
        Column(title="samples", cells=[f"{pair.n_samples:,}" for pair in pairs]),
        Column(title="jaccard", cells=[f"{pair.jaccard:.2f}" for pair in pairs], spare=1),
        Column(title="lift", cells=[f"{pair.lift:.2f}" for pair in pairs], spare=2),
    ]
    console.print()
    say_meanings(console, MEANINGS, class_table(console, "together", names, columns))


def show_splits(stats: Stats, console: Console) -> None:
    """Print the other splits beside the one that was measured."""
    if not stats.splits:
        return
    splits = stats.splits[:MOST_SPLITS]
    names = [stats.split or "measured", *(split.name for split in splits)]
    filled = sum(count > 0 for count in stats.class_counts)
    columns = [
        Column(title="samples", cells=[f"{n:,}" for n in (stats.n_samples, *_samples(splits))]),
        Column(
            title="shift",
            cells=["–", *(decimal(split.jensen_shannon, 4) for split in splits)],
            styles=["", *("red" if split.is_shifted() else "" for split in splits)],
        ),
        Column(
            title="chance",
            cells=["–", *(decimal(split.jensen_shannon_null, 4) for split in splits)],
            spare=1,
        ),
        Column(
            title="missing",
            cells=["–", *(f"{len(split.missing_classes):,} of {filled:,}" for split in splits)],
            styles=["", *("red" if split.missing_classes else "" for split in splits)],
            spare=2,
        ),
    ]
    if any(split.extra_classes for split in splits):
        cells = ["–", *(f"{len(split.extra_classes):,}" for split in splits)]
        columns.append(Column(title="extra", cells=cells, spare=3))
    if any(split.n_leaks is not None for split in splits):
        leaks = [_leaks_text(split) for split in splits]
        styles = ["", *("red" if split.n_leaks else "" for split in splits)]
        columns.append(Column(title="leaks", cells=["–", *leaks], styles=styles))
    console.print()
    titles = class_table(console, "split", names, columns)
    meanings = dict(MEANINGS)
    if stats.task == "regression":
        meanings |= {"missing": "bins that the split lacks", "extra": "bins that it alone has"}
    if len(stats.splits) > len(splits):
        say(console, f"… and {n_of(len(stats.splits) - len(splits), 'split')} more", "dim")
    say_meanings(console, meanings, titles)


def _leaks_text(split: SplitStats) -> str:
    if split.n_leaks is None:
        return "–"
    return f"{split.n_leaks:,}" + (f" + {split.n_near_leaks:,} near" if split.n_near_leaks else "")


def _samples(splits: tuple[SplitStats, ...]) -> list[int]:
    return [split.n_samples for split in splits]


def show_duplicates(stats: Stats, console: Console) -> None:
    """Print how many samples repeat another, in which classes most, and the largest groups."""
    found = stats.duplicates
    if found is None:
        return
    console.print()
    if not found.groups and not found.n_exact and not found.n_near:
        say(console, "Duplicates: none found.")
        return
    say(console, Text(_duplicates_text(stats), "red" if found.n_conflicts else ""))
    ranked = sorted(range(len(found.share_per_class)), key=lambda c: -found.share_per_class[c])
    repeated = [
        f"{shortened(stats.class_names[c])} ({percent(found.share_per_class[c], 0)})"
        for c in ranked[:MOST_EXAMPLES]
        if found.share_per_class[c] > 0
    ]
    if repeated:
        say(console, f"largest shares: {', '.join(repeated)}", "dim", indent=4)
    for group in found.groups[:MOST_EXAMPLES]:
        say(console, _group_text(group), "dim", first="    ·", indent=6)


def _duplicates_text(stats: Stats) -> str:
    """What repeats within the measured split, and what of it lies in others."""
    found = stats.duplicates
    assert found is not None
    within = []
    if found.n_exact:
        within.append(n_of(found.n_exact, "sample repeats", "samples repeat") + " another")
    if found.n_near:
        nearly = n_of(found.n_near, "sample nearly repeats", "samples nearly repeat")
        within.append(f"{nearly} another")
    parts = [", ".join(within) or f"none within {stats.split or 'the measured split'}"]
    n_near = sum(split.n_near_leaks or 0 for split in stats.splits)
    if leaks := n_near + sum(split.n_leaks or 0 for split in stats.splits):
        has = n_of(leaks, "sample of another split has", "samples of other splits have")
        parts.append(f"{has} a copy here" + ", or nearly one" * (n_near > 0))
    if found.n_conflicts:
        stand = n_of(found.n_conflicts, "content stands", "contents stand")
        parts.append(f"{stand} under different classes")
    if found.n_near_conflicts:
        stand = n_of(found.n_near_conflicts, "group", "groups") + " of nearly the same"
        parts.append(f"{stand} under different classes")
    return f"Duplicates: {'; '.join(parts)}."


def _group_text(group: DuplicateGroup) -> str:
    """Where the samples of a group lie; a class is named only where they disagree."""
    differ = len({sighting.class_name for sighting in group.sightings}) > 1
    shown = [
        _end_of(printable(sighting.sample))
        + (f" ({shortened(sighting.class_name, 30)})" if differ else "")
        for sighting in group.sightings[:MOST_SIGHTINGS]
    ]
    more = group.n_samples - len(shown)
    sign = " ≈ " if group.near else " = "
    return sign.join(shown) + (f" and {more:,} more" if more else "")


def _end_of(path: str) -> str:
    """A path whose folders in front are left out where it is long."""
    return path if len(path) <= LONGEST_PATH else "…" + path[1 - LONGEST_PATH :]


def show_shortcuts(stats: Stats, console: Console) -> None:
    """Print the classes that the quality of their pictures alone tells apart."""
    if stats.quality is None:
        return
    console.print()
    found = stats.quality.shortcuts
    pictures = n_of(stats.quality.n_pictures, "picture")
    if not found:
        say(console, f"Quality of {pictures}: it tells no class apart.")
        return
    units = {measure.name: measure.unit for measure in stats.quality.measures}
    say(console, f"Quality of {pictures} tells {_n_classes(stats)} apart from the others:")
    for shortcut in found[:MOST_SHORTCUTS]:
        unit = units.get(shortcut.measure, "")
        say(
            console,
            f"{shortened(shortcut.class_name)} by its {shortcut.measure}: "
            f"{_value(shortcut.median, unit)} against {_value(shortcut.median_of_others, unit)} "
            f"(AUC {max(shortcut.auc, 1 - shortcut.auc):.2f})",
            "yellow",
            indent=4,
        )
    if len(found) > MOST_SHORTCUTS:
        say(console, f"and {len(found) - MOST_SHORTCUTS:,} more", "dim", indent=4)


def _n_classes(stats: Stats) -> str:
    assert stats.quality is not None
    names = {shortcut.class_name for shortcut in stats.quality.shortcuts}
    return n_of(len(names), "class", "classes")


def _value(value: float, unit: str) -> str:
    return f"{value:,.3g} {unit}".rstrip() if abs(value) < 1000 else f"{value:,.0f} {unit}".rstrip()
