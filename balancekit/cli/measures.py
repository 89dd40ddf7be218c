"""The measures of Stats by the names that `--fail-on` knows them by."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from balancekit.analysis import ISSUE_KINDS
from balancekit.stats import Stats

__all__ = ["MEASURES", "measure_names", "values_of", "when_known"]

Value = float | None

MEASURES: Mapping[str, tuple[str, Callable[[Stats], Value]]] = {
    "ir": ("largest class to smallest with samples", lambda s: s.balance.imbalance_ratio),
    "imbalance_ratio": ("the same as ir", lambda s: s.balance.imbalance_ratio),
    "gini": ("Gini coefficient of the class counts", lambda s: s.balance.gini),
    "entropy": ("normalised entropy, 1 if balanced", lambda s: s.balance.entropy_normalised),
    "effective_classes": (
        "equal classes of the same entropy",
        lambda s: s.balance.effective_classes_entropy,
    ),
    "n_classes": ("classes, empty ones included", lambda s: s.balance.n_classes),
    "n_empty_classes": ("classes without a sample", lambda s: s.balance.n_empty_classes),
    "few": ("classes of under 20 samples, but not 0", lambda s: s.balance.n_few),
    "min_count": (
        "count of the smallest class, 0 if one is empty",
        lambda s: min(s.class_counts, default=None),
    ),
    "max_count": ("count of the largest class", lambda s: max(s.class_counts, default=None)),
    "n_samples": ("samples", lambda s: s.n_samples),
    "n_unlabelled": ("samples without a label", lambda s: s.n_unlabelled),
    "cardinality": (
        "labels a sample",
        lambda s: s.multilabel.cardinality if s.multilabel else None,
    ),
    "mean_ir": (
        "mean imbalance of the labels",
        lambda s: s.multilabel.mean_ir if s.multilabel else None,
    ),
    "scumble": (
        "how far rare and common labels share samples",
        lambda s: s.multilabel.scumble if s.multilabel else None,
    ),
    "share_empty_bins": (
        "share of the bins of a regression without a sample",
        lambda s: s.regression.share_empty_bins if s.regression else None,
    ),
    "js": (
        "largest Jensen-Shannon divergence of a split, in bits",
        lambda s: _largest(split.jensen_shannon for split in s.splits),
    ),
    "psi": (
        "largest population stability index of a split",
        lambda s: _largest(split.psi for split in s.splits),
    ),
    "leaks": (
        "samples that lie in another split too",
        lambda s: _total(split.n_leaks for split in s.splits),
    ),
    "near_leaks": (
        "samples that another split has nearly the same",
        lambda s: _total(split.n_near_leaks for split in s.splits),
    ),
    "duplicates": (
        "samples that repeat another, exactly or nearly",
        lambda s: s.duplicates.n_exact + s.duplicates.n_near if s.duplicates else None,
    ),
    "shortcuts": (
        "classes that picture quality alone tells apart",
        lambda s: len({f.class_name for f in s.quality.shortcuts}) if s.quality else None,
    ),
    "errors": ("kinds of issues that are errors", lambda s: _n_kinds(s, "error")),
    "warnings": ("kinds of issues that are warnings", lambda s: _n_kinds(s, "warning")),
}
"""What each measure is, and how it is had; None where the data have no such measure."""

MISSING: Mapping[str, str] = {
    "entropy": "with two classes or more",
    "cardinality": "of samples that carry sets of labels",
    "mean_ir": "of samples that carry sets of labels",
    "scumble": "of samples that carry sets of labels",
    "share_empty_bins": "of regression",
    "js": "with another split that has labels",
    "psi": "with another split that has labels",
    "leaks": "with --duplicates and another split",
    "near_leaks": "with --duplicates and another split, of pictures",
    "duplicates": "with --duplicates",
    "shortcuts": "with --quality, of pictures",
    "BK201": "where pictures were opened, as by --verify decode",
    "BK408": "with a split for validation or test",
}
"""When a measure is known; those that are not here always are, if there is a labelled sample."""

FOUND_BY: Mapping[str, str] = {
    "BK401": "js",
    "BK402": "js",
    "BK403": "js",
    "BK404": "leaks",
    "BK405": "duplicates",
    "BK406": "duplicates",
    "BK407": "shortcuts",
    "BK409": "near_leaks",
    "BK410": "duplicates",
    "BK411": "duplicates",
}
"""Codes that are looked for only where a measure is known: elsewhere none is not zero."""


def measure_names() -> tuple[str, ...]:
    """All names that a gate may compare: of measures, and codes of issues."""
    return (*MEASURES, *ISSUE_KINDS)


def values_of(stats: Stats) -> dict[str, Value]:
    """Every measure by its name, and how often each issue was found by its code."""
    values: dict[str, Value] = {name: measure(stats) for name, (_, measure) in MEASURES.items()}
    found = Counter({issue.code: issue.count for issue in stats.issues})
    for code in ISSUE_KINDS:
        by = FOUND_BY.get(code)
        looked_for = by is None or values[by] is not None
        if code == "BK201" and stats.media == "pictures" and not stats.n_checked:
            looked_for = False
        if code == "BK408" and stats.per_class.recall_half_width is None:
            looked_for = False
        values[code] = found[code] if looked_for or found[code] else None
    return values


def when_known(name: str) -> str:
    """When a measure has a value, in words.

    >>> when_known("BK405")
    'with --duplicates'
    """
    return MISSING.get(FOUND_BY.get(name, name), "with labelled samples")


def _largest(values: Iterable[Value]) -> Value:
    return max((value for value in values if value is not None), default=None)


def _total(values: Iterable[int | None]) -> Value:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _n_kinds(stats: Stats, severity: str) -> int:
    return sum(issue.severity == severity for issue in stats.issues)
