"""Counts of a labelled set, which merge, and Stats, the measures made of them."""

from balancekit.stats.counts import (
    SIZE_BINS_PX,
    Counts,
    Problem,
    ProblemKind,
    Severity,
    Shard,
    Sighting,
    Unit,
)
from balancekit.stats.drift import ClassChange, Drift, DriftVerdict
from balancekit.stats.expected_precision import MeasuredBySamples, expected_half_width
from balancekit.stats.measures import (
    Balance,
    ClassPair,
    ClassTable,
    DuplicateGroup,
    Duplicates,
    MultiLabel,
    Quality,
    QualityMeasure,
    Regression,
    Shortcut,
    SplitStats,
    shift_matters,
)
from balancekit.stats.stats import Issue, Stats, fingerprint_of, shot_groups, wilson_interval

__all__ = [
    "SIZE_BINS_PX",
    "Balance",
    "ClassChange",
    "ClassPair",
    "ClassTable",
    "Counts",
    "Drift",
    "DriftVerdict",
    "DuplicateGroup",
    "Duplicates",
    "Issue",
    "MeasuredBySamples",
    "MultiLabel",
    "Problem",
    "ProblemKind",
    "Quality",
    "QualityMeasure",
    "Regression",
    "Severity",
    "Shard",
    "Shortcut",
    "Sighting",
    "SplitStats",
    "Stats",
    "Unit",
    "expected_half_width",
    "fingerprint_of",
    "shift_matters",
    "shot_groups",
    "wilson_interval",
]
