"""Issues found in a counted set, each with examples."""

import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from balancekit.analysis.issue_kinds import ISSUE_KINDS
from balancekit.stats import Counts, Issue, Problem, Severity, wilson_interval

__all__ = ["find_issues"]

SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")

CODE_OF = {kind.met_as: code for code, kind in ISSUE_KINDS.items() if kind.met_as}


def find_issues(counts: Counts, counts_by_class: Mapping[str, int]) -> tuple[Issue, ...]:
    """Issues of a counted set, the gravest first.

    Args:
        counts: the total of all shards.
        counts_by_class: samples of each class, in the order of the class ids.
    """
    issues = [*_class_issues(counts_by_class), *_label_issues(counts, counts_by_class)]
    issues += [_issue(CODE_OF[kind], problem) for kind, problem in counts.problems.items()]
    return tuple(sorted(issues, key=lambda issue: (SEVERITIES.index(issue.severity), issue.code)))


def _issue(code: str, problem: Problem, **filled: str) -> Issue:
    kind = ISSUE_KINDS[code]
    return Issue(
        code=code,
        severity=kind.severity,
        title=kind.title,
        what_to_do=kind.what_to_do.format(**filled),
        count=problem.count,
        examples=problem.examples,
    )


def _class_issues(counts_by_class: Mapping[str, int]) -> Iterator[Issue]:
    """Issues of classes with too few samples."""
    filled = {name: n for name, n in counts_by_class.items() if n}
    if len(filled) < 2:
        yield _issue("BK101", _of_classes(list(filled), counts_by_class))
    if empty := [name for name, n in counts_by_class.items() if not n]:
        yield _issue("BK102", _of_classes(empty, counts_by_class))
    single = [name for name, n in filled.items() if n == 1]
    if single:
        yield _issue("BK103", _of_classes(single, counts_by_class))
    if len(counts_by_class) > 50 and len(single) > len(counts_by_class) / 2:
        yield _issue("BK107", _of_classes(single, counts_by_class))
    if few := [name for name, n in filled.items() if 1 < n < 20]:
        least = min(counts_by_class[name] for name in few)
        low, high = (f"{100 * float(end):.0f} %" for end in wilson_interval(0.8 * least, least))
        yield _issue("BK104", _of_classes(few, counts_by_class), low=low, high=high)


def _label_issues(counts: Counts, counts_by_class: Mapping[str, int]) -> Iterator[Issue]:
    """Issues of how classes are named and samples labelled."""
    if counts.n_unlabelled:
        yield _issue("BK105", Problem(count=counts.n_unlabelled))
    alike = defaultdict(list)
    for name in counts_by_class:
        alike[" ".join(unicodedata.normalize("NFC", name).casefold().split())].append(name)
    pairs = [" = ".join(map(repr, names)) for names in alike.values() if len(names) > 1]
    if pairs:
        yield _issue("BK106", Problem(count=len(pairs), examples=tuple(sorted(pairs)[:5])))


def _of_classes(names: Sequence[str], counts_by_class: Mapping[str, int]) -> Problem:
    listed = sorted(names, key=lambda name: (counts_by_class[name], name))
    return Problem(
        count=len(listed), examples=tuple(f"{n} ({counts_by_class[n]})" for n in listed[:5])
    )
