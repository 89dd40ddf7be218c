"""What differs between two analyses of data of the same task."""

from balancekit.analysis.class_table import SET_TASKS, class_column
from balancekit.analysis.regression import on_common_bins
from balancekit.analysis.shift import Shift, measure_shift
from balancekit.errors import DataError
from balancekit.stats import ClassChange, Drift, DriftVerdict, Stats, shift_matters

__all__ = ["compare_stats"]


def compare_stats(before: Stats, after: Stats) -> Drift:
    """The drift from one analysis to a later one.

    Raises:
        DataError: the analyses are of different tasks.

    >>> from balancekit import analyze
    >>> drift = compare_stats(analyze(["a", "b"] * 90), analyze(["a"] * 90 + ["b"] * 10))
    >>> drift.verdict, drift.changes[0].after
    ('shifted', 10)
    """
    if before.task != after.task:
        raise DataError(
            f"drift: expected two analyses of the same task, got {before.task} "
            f"({before.source}) and {after.task} ({after.source}). "
            "Analyze both with the same --task."
        )
    changes = _changes(before, after)
    shift = _shift(before, after)
    had, has = _with_samples(before), _with_samples(after)
    added = tuple(name for name in has if name not in had)
    removed = tuple(name for name in had if name not in has)
    known, found = {i.code for i in before.issues}, {i.code for i in after.issues}
    return Drift(
        before=before.source,
        after=after.source,
        task=after.task,
        unit=after.unit,
        n_samples_before=before.n_samples,
        n_samples_after=after.n_samples,
        n_unlabelled_before=before.n_unlabelled,
        n_unlabelled_after=after.n_unlabelled,
        added=added,
        removed=removed,
        changes=changes,
        imbalance_ratio_before=before.balance.imbalance_ratio,
        imbalance_ratio_after=after.balance.imbalance_ratio,
        jensen_shannon=shift.jensen_shannon if shift else None,
        jensen_shannon_null=shift.jensen_shannon_null if shift else None,
        psi=shift.psi if shift else None,
        psi_null=shift.psi_null if shift else None,
        p_value=shift.p_value if shift else None,
        issues_appeared=tuple(issue for issue in after.issues if issue.code not in known),
        issues_gone=tuple(issue for issue in before.issues if issue.code not in found),
        verdict=_verdict(changes, shift, [*added, *removed]),
    )


def _with_samples(stats: Stats) -> dict[str, int]:
    counted = zip(stats.class_names, stats.class_counts, strict=True)
    return {name: count for name, count in counted if count}


def _changes(before: Stats, after: Stats) -> tuple[ClassChange, ...]:
    """Classes whose count or declaration differs, the largest change of share first."""
    had = dict(zip(before.class_names, before.class_counts, strict=True))
    has = dict(zip(after.class_names, after.class_counts, strict=True))
    n_had, n_has = max(1, sum(had.values())), max(1, sum(has.values()))
    changes = [
        ClassChange(
            class_name=name,
            before=had.get(name),
            after=has.get(name),
            share_before=had.get(name, 0) / n_had,
            share_after=has.get(name, 0) / n_has,
        )
        for name in {**had, **has}
        if had.get(name) != has.get(name)
    ]
    # Rounded: two shares that change by as much differ in the last digit.
    changes.sort(key=lambda c: (-round(abs(c.share_after - c.share_before), 12), c.class_name))
    return tuple(changes)


def _shift(before: Stats, after: Stats) -> Shift | None:
    """Shift of the samples that carry each class.

    Where samples carry sets of classes, these are not in Stats. Then each sample counts as
    one draw of a class, however many it carries, as if all its labels told the same: the
    null is wider than the true one, never narrower.
    """
    had, has = (
        dict(zip(stats.class_names, stats.per_class.samples, strict=False))
        for stats in (before, after)
    )
    if after.task == "regression":
        had, has = on_common_bins(had, has)
    names = tuple(sorted({*had, *has}))
    kept = (1.0, 1.0)
    if after.task in SET_TASKS:
        kept = (_samples_a_label(before), _samples_a_label(after))
    return measure_shift(class_column(had, names), class_column(has, names), shares_kept=kept)


def _samples_a_label(stats: Stats) -> float:
    """Labelled samples over their labels, each class once a sample: 1 at most."""
    return (stats.n_samples - stats.n_unlabelled) / max(1, sum(stats.per_class.samples))


def _verdict(
    changes: tuple[ClassChange, ...], shift: Shift | None, moved: list[str]
) -> DriftVerdict:
    if moved:
        return "classes-changed"
    if not changes:
        return "unchanged"
    told = shift and shift_matters(shift.jensen_shannon, shift.jensen_shannon_null, shift.p_value)
    return "shifted" if told else "within-chance"
