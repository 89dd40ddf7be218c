"""All measures of one count, as Stats."""

from collections.abc import Mapping

from balancekit.analysis.balance import measure_balance
from balancekit.analysis.issues import find_issues
from balancekit.stats import Counts, Stats, fingerprint_of

__all__ = ["stats_from_counts"]


def stats_from_counts(
    counts: Counts,
    source: str,
    class_names: tuple[str, ...],
    *,
    format: str = "memory",  # noqa: A002 - the field's word
    split: str | None = None,
    other_splits: Mapping[str, Counts] | None = None,
) -> Stats:
    """Stats of a counted set.

    Args:
        counts: the total of all shards.
        source: what was read, in words.
        class_names: all classes, in the order of their ids.
        format: in which it was found.
        split: that was counted.
        other_splits: counts of the other splits, by name.
    """
    counted = counts.per_class()
    per_class = {name: counted.get(name, 0) for name in class_names}
    return Stats(
        source=source,
        format=format,
        task=counts.task,
        media=counts.media,
        split=split,
        unit=counts.unit,
        n_samples=counts.n_samples,
        n_unlabelled=counts.n_unlabelled,
        n_checked=counts.n_checked,
        n_void_pixels=counts.n_void_pixels,
        class_names=class_names,
        class_counts=tuple(per_class.values()),
        fingerprint=fingerprint_of(counts.task, per_class, counts.n_samples),
        balance=measure_balance(list(per_class.values())),
        issues=find_issues(counts, per_class),
    )
