"""All measures of one count, as Stats."""

from collections.abc import Mapping

import msgspec

from balancekit.analysis.balance import measure_balance
from balancekit.analysis.class_table import SET_TASKS, measure_classes
from balancekit.analysis.duplicates import Repeats, find_repeats, measure_duplicates
from balancekit.analysis.issues import find_issues
from balancekit.analysis.multilabel import measure_multilabel
from balancekit.analysis.quality import measure_quality
from balancekit.analysis.regression import measure_regression
from balancekit.analysis.splits import held_out_samples, measure_split
from balancekit.stats import Counts, Rows, SplitStats, Stats, fingerprint_of

__all__ = ["stats_from_counts"]


def stats_from_counts(
    counts: Counts,
    source: str,
    class_names: tuple[str, ...],
    *,
    format: str = "memory",  # noqa: A002 - the field's word
    split: str | None = None,
    other_splits: Mapping[str, Counts] | None = None,
    rows: Rows | None = None,
    task_is_given: bool = False,
) -> Stats:
    """Stats of a counted set.

    Args:
        counts: the total of all shards.
        source: what was read, in words.
        class_names: all classes, in the order of their ids.
        format: in which it was found.
        split: that was counted.
        other_splits: counts of the other splits, by name.
        rows: what samples that are rows hold, if that is known.
        task_is_given: the user said what the labels are for.
    """
    others = dict(sorted((other_splits or {}).items()))
    counted = counts.per_class()
    per_class = {name: counted.get(name, 0) for name in class_names}
    classes = measure_classes(counts, class_names, held_out_samples(counts, others))
    sightings = [part.sightings for part in (counts, *others.values())]
    repeats = find_repeats(sightings, split or "", tuple(others), class_names, counts.seen_once)
    of_sets = counts.task in SET_TASKS
    stats = Stats(
        source=source,
        format=format,
        task=counts.task,
        media=counts.media,
        rows=rows,
        split=split,
        unit=counts.unit,
        n_samples=counts.n_samples,
        n_unlabelled=counts.n_unlabelled,
        n_checked=counts.n_checked,
        n_void_pixels=counts.n_void_pixels,
        class_names=class_names,
        class_counts=tuple(per_class.values()),
        fingerprint=fingerprint_of(counts.task, per_class, counts.n_samples),
        balance=measure_balance(list(per_class.values()), classes.samples),
        per_class=classes,
        multilabel=measure_multilabel(counts.label_sets, class_names) if of_sets else None,
        regression=measure_regression(counts) if counts.task == "regression" else None,
        splits=_measure_splits(counts, class_names, others, repeats),
        duplicates=measure_duplicates(repeats, class_names) if repeats else None,
        quality=measure_quality(counts, class_names),
    )
    issues = find_issues(counts, stats, repeats, task_is_given=task_is_given)
    return msgspec.structs.replace(stats, issues=issues)


def _measure_splits(
    counts: Counts,
    class_names: tuple[str, ...],
    others: Mapping[str, Counts],
    repeats: Repeats | None,
) -> tuple[SplitStats, ...]:
    return tuple(
        measure_split(
            name,
            other,
            counts,
            class_names,
            n_leaks=len(repeats.leaks[name]) if repeats else None,
            n_near_leaks=len(repeats.near_leaks[name]) if repeats and repeats.near_known else None,
        )
        for name, other in others.items()
    )
