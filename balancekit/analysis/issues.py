"""Issues found in a counted set, each with examples: the classes, and the whole list."""

import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from balancekit.analysis.class_table import SET_TASKS
from balancekit.analysis.duplicates import Repeats
from balancekit.analysis.issue_kinds import CODE_OF, issue_of
from balancekit.analysis.issues_of_content import content_issues
from balancekit.analysis.issues_of_splits import split_issues
from balancekit.labels import look_like_targets
from balancekit.stats import Counts, Issue, Problem, Severity, Stats, wilson_interval

__all__ = ["find_issues"]

SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")

FEW_SAMPLES = 20
SCUMBLE_HIGH = 0.1
VOID_SHARE = 0.05
"""Share of pixels from which on void ones are told."""


def find_issues(
    counts: Counts, stats: Stats, repeats: Repeats | None = None, *, task_is_given: bool = False
) -> tuple[Issue, ...]:
    """Issues of a counted set, the gravest first.

    Args:
        counts: the total of all shards.
        stats: what was measured of it, without its issues.
        repeats: what its samples share with each other and with those of other splits.
        task_is_given: the user said what the labels are for.
    """
    samples = dict(zip(stats.class_names, stats.per_class.samples, strict=True))
    issues = list(_label_issues(counts, stats))
    if counts.task == "regression":
        issues += _target_issues(stats)
    else:
        issues += [*_class_issues(counts, samples), *_name_issues(stats.class_names)]
    if counts.task == "classification" and not task_is_given and look_like_targets(samples):
        numbers = sorted((name for name, n in samples.items() if n), key=float)
        issues.append(issue_of("BK112", Problem(count=len(numbers), examples=tuple(numbers[:5]))))
    issues += [*_task_issues(stats), *split_issues(stats, samples)]
    issues += content_issues(stats, repeats)
    issues += [issue_of(CODE_OF[kind], problem) for kind, problem in counts.problems.items()]
    return tuple(sorted(issues, key=lambda issue: (SEVERITIES.index(issue.severity), issue.code)))


def _class_issues(counts: Counts, samples: Mapping[str, int]) -> Iterator[Issue]:
    """Issues of classes with too few samples: pictures, in the tasks on pictures."""
    filled = {name: n for name, n in samples.items() if n}
    if len(filled) < _least_classes(counts):
        yield issue_of("BK101", _of_classes(list(filled), samples))
    if empty := [name for name, n in samples.items() if not n]:
        yield issue_of("BK102", _of_classes(empty, samples))
    single = [name for name, n in filled.items() if n == 1]
    if single:
        yield issue_of("BK103", _of_classes(single, samples))
    if len(samples) > 50 and len(single) > len(samples) / 2 and counts.task == "classification":
        yield issue_of("BK107", _of_classes(single, samples))
    if few := [name for name, n in filled.items() if 1 < n < FEW_SAMPLES]:
        least = min(samples[name] for name in few)
        low, high = (f"{100 * float(end):.0f} %" for end in wilson_interval(0.8 * least, least))
        yield issue_of("BK104", _of_classes(few, samples), low=low, high=high)


def _least_classes(counts: Counts) -> int:
    """Classes that there must be: in most tasks one can be told from the background."""
    if counts.task == "multilabel":
        return 1 if counts.n_unlabelled else 2
    return 1 if counts.task in SET_TASKS else 2


def _label_issues(counts: Counts, stats: Stats) -> Iterator[Issue]:
    """Samples without a label: missing, or none of the classes."""
    if counts.n_unlabelled:
        code = "BK108" if counts.task in SET_TASKS - {"multilabel"} else "BK105"
        share = f"{100 * counts.n_unlabelled / max(1, stats.n_samples):.1f} % of the samples"
        yield issue_of(code, Problem(count=counts.n_unlabelled), share=share)


def _name_issues(class_names: Sequence[str]) -> Iterator[Issue]:
    alike = defaultdict(list)
    for name in class_names:
        alike[" ".join(unicodedata.normalize("NFC", name).casefold().split())].append(name)
    pairs = [" = ".join(map(repr, names)) for names in alike.values() if len(names) > 1]
    if pairs:
        yield issue_of("BK106", Problem(count=len(pairs), examples=tuple(sorted(pairs)[:5])))


def _target_issues(stats: Stats) -> Iterator[Issue]:
    """Issues of a regression target: no range, or much of it rarely seen."""
    filled = {name: n for name, n in zip(stats.class_names, stats.class_counts, strict=True) if n}
    if len(filled) < 2:
        yield issue_of("BK101", _of_classes(list(filled), filled))
    target = stats.regression
    if target is not None and len(filled) > 1 and target.share_few > 0:
        few = [name for name, n in filled.items() if n < FEW_SAMPLES]
        problem = _of_classes(few, filled)
        yield issue_of(
            "BK109",
            Problem(count=round(target.share_few * target.n_bins), examples=problem.examples),
            n_bins=f"{target.n_bins:,}",
            empty=f"{target.n_empty_bins:,}",
        )


def _task_issues(stats: Stats) -> Iterator[Issue]:
    """Labels that come together, and pixels of no class."""
    sets = stats.multilabel
    if stats.task == "multilabel" and sets and (sets.scumble or 0) > SCUMBLE_HIGH:
        rare = {
            name: ratio
            for name, ratio in zip(stats.class_names, stats.per_class.irlbl or (), strict=True)
            if ratio is not None and sets.mean_ir is not None and ratio > sets.mean_ir
        }
        listed = sorted(rare, key=lambda name: (-rare[name], name))
        examples = tuple(f"{name} (IRLbl {rare[name]:.1f})" for name in listed[:5])
        yield issue_of(
            "BK110", Problem(count=len(rare), examples=examples), scumble=f"{sets.scumble:.2f}"
        )
    pixels = sum(stats.class_counts) + stats.n_void_pixels
    if stats.task == "segmentation" and pixels and stats.n_void_pixels / pixels >= VOID_SHARE:
        share = f"{100 * stats.n_void_pixels / pixels:.1f} %"
        yield issue_of("BK111", Problem(count=stats.n_void_pixels), share=share)


def _of_classes(names: Sequence[str], samples: Mapping[str, int]) -> Problem:
    listed = sorted(names, key=lambda name: (samples[name], name))
    return Problem(count=len(listed), examples=tuple(f"{n} ({samples[n]})" for n in listed[:5]))
