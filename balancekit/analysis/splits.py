"""Other splits beside the measured one: shift, classes that one of them lacks, leaks."""

from collections.abc import Mapping

import numpy as np

from balancekit.analysis.class_table import SET_TASKS, class_column
from balancekit.analysis.multilabel import LabelSets
from balancekit.analysis.regression import on_common_bins
from balancekit.analysis.shift import Shift, measure_shift
from balancekit.labels import sort_class_names
from balancekit.stats import Counts, SplitStats

__all__ = ["held_out_samples", "measure_split", "shift_between"]

VALIDATION, TEST = ("val", "valid", "validation", "dev", "eval"), ("test", "testing")


def held_out_samples(
    counts: Counts, other_splits: Mapping[str, Counts]
) -> Mapping[str, int] | None:
    """Samples of each class in the other split that validates, or else in the one that tests.

    None if no other split has such a name and a class in common with the measured one.
    """
    by_name = {name.casefold(): other for name, other in other_splits.items()}
    ours = {name for name, n in counts.samples_per_class.items() if n}
    for wanted in (*VALIDATION, *TEST):
        held_out = by_name[wanted].samples_per_class if wanted in by_name else {}
        if any(held_out.get(name) for name in ours):
            return held_out
    return None


def shift_between(one: Counts, other: Counts) -> Shift | None:
    """Shift of the samples that carry each class between two splits of one data set."""
    if one.task in SET_TASKS and one.label_sets and other.label_sets:
        # Sorted: which draw a set gets must not depend on the order of merging.
        both = sorted({*one.label_sets, *other.label_sets})
        names = tuple(sorted({name for labels in both for name in labels}))
        sets = LabelSets.of(dict.fromkeys(both, 0), names)
        return measure_shift(
            [one.label_sets.get(labels, 0) for labels in both],
            [other.label_sets.get(labels, 0) for labels in both],
            sets,
        )
    first, second = one.samples_per_class, other.samples_per_class
    if one.task == "regression":
        first, second = on_common_bins(first, second)
    names = tuple(sorted({*first, *second}))
    return measure_shift(class_column(first, names), class_column(second, names))


def measure_split(
    name: str,
    other: Counts,
    measured: Counts,
    class_names: tuple[str, ...],
    *,
    n_leaks: int | None = None,
    n_near_leaks: int | None = None,
) -> SplitStats:
    """What another split has, compared with the measured one.

    Args:
        name: of the split.
        other: its counts.
        measured: counts of the measured split.
        class_names: of the measured split, in the order of the class ids.
        n_leaks: samples of it whose content the measured split has; near: nearly has.
        n_near_leaks: None, as `n_leaks`, if contents were not looked at.
    """
    ours, theirs = measured.per_class(), other.per_class()
    only_theirs = sort_class_names(set(theirs) - set(class_names))
    everyone = (*class_names, *only_theirs)
    n_ours, n_theirs = class_column(ours, everyone), class_column(theirs, everyone)
    shift = shift_between(measured, other)
    compared = shift is not None
    return SplitStats(
        name=name,
        n_samples=other.n_samples,
        n_unlabelled=other.n_unlabelled,
        class_counts=tuple(n_theirs.tolist()),
        jensen_shannon=shift.jensen_shannon if shift else None,
        jensen_shannon_null=shift.jensen_shannon_null if shift else None,
        psi=shift.psi if shift else None,
        psi_null=shift.psi_null if shift else None,
        p_value=shift.p_value if shift else None,
        missing_classes=_names(everyone, (n_ours > 0) & (n_theirs == 0) & compared),
        extra_classes=_names(everyone, (n_theirs > 0) & (n_ours == 0) & compared),
        n_leaks=n_leaks,
        n_near_leaks=n_near_leaks,
    )


def _names(names: tuple[str, ...], where: np.ndarray) -> tuple[str, ...]:
    return tuple(names[i] for i in np.flatnonzero(where).tolist())
