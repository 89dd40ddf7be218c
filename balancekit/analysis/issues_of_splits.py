"""Issues of the splits: shift beyond chance, classes that one lacks, recall that none can tell."""

from collections.abc import Iterator, Mapping

from balancekit.analysis.issue_kinds import issue_of
from balancekit.stats import Issue, Problem, Stats

__all__ = ["split_issues"]

FEW_HELD_OUT = 25
"""Fewer know a recall of 80 % to ± 15 points at best: too little to tell two models apart."""

N_EXAMPLES = 5


def split_issues(stats: Stats, samples: Mapping[str, int]) -> Iterator[Issue]:
    """Issues of the other splits against the measured one.

    Args:
        stats: what was measured.
        samples: of each class in the measured split, by name.
    """
    yield from _shifted(stats)
    if stats.task == "regression":
        return  # a bin may be empty by chance; the shift tells more
    yield from _one_sided("BK402", {s.name: s.missing_classes for s in stats.splits}, samples)
    yield from _one_sided("BK403", {s.name: s.extra_classes for s in stats.splits}, {})
    yield from _untold(stats)


def _shifted(stats: Stats) -> Iterator[Issue]:
    told = []
    for split in stats.splits:
        shift, chance = split.jensen_shannon, split.jensen_shannon_null
        if split.is_shifted() and shift is not None and chance is not None:
            text = f"{split.name} (Jensen-Shannon {shift:.2g}, chance up to {chance:.2g})"
            told.append((-shift, text))
    if told:
        examples = tuple(text for _, text in sorted(told))
        yield issue_of("BK401", Problem(count=len(told), examples=examples[:N_EXAMPLES]))


def _one_sided(
    code: str, classes: Mapping[str, tuple[str, ...]], samples: Mapping[str, int]
) -> Iterator[Issue]:
    """Classes that one side lacks, those with most samples on the other first."""
    listed = sorted(
        (-samples.get(name, 0), name, split) for split, names in classes.items() for name in names
    )
    if listed:
        examples = tuple(
            f"{name} ({split}{f', {-n} here' if n else ''})" for n, name, split in listed
        )
        count = len({name for _, name, _ in listed})
        yield issue_of(code, Problem(count=count, examples=examples[:N_EXAMPLES]))


def _untold(stats: Stats) -> Iterator[Issue]:
    """Classes of too few held-out samples; those of none are told as missing."""
    table = stats.per_class
    if table.held_out is None or table.recall_half_width is None:
        return
    columns = zip(stats.class_names, table.held_out, table.recall_half_width, strict=True)
    weak = sorted((n, name, half) for name, n, half in columns if 0 < n < FEW_HELD_OUT)
    if weak:
        n, _, half = weak[0]
        examples = tuple(
            f"{name}: {n} held-out {'sample' if n == 1 else 'samples'}, recall known to "
            f"± {100 * half:.0f} points"
            for n, name, half in weak[:N_EXAMPLES]
        )
        problem = Problem(count=len(weak), examples=examples)
        yield issue_of("BK408", problem, n=str(n), half=f"{100 * half:.0f}")
