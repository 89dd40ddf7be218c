"""Issues: what a user should know of the data, each with a code and what to do."""

import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Mapping

import numpy as np

from balancekit.stats import Counts, Issue, Problem, ProblemKind, Severity, wilson_interval

__all__ = ["find_issues"]

SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")

FROM_PROBLEM: dict[ProblemKind, tuple[str, Severity, str, str]] = {
    "picture-unreadable": (
        "BK201",
        "error",
        "pictures that cannot be decoded",
        "Replace or delete these files; training would stop at the first of them.",
    ),
    "folder-unreadable": (
        "BK202",
        "error",
        "folders that cannot be listed",
        "Give yourself the right to read them; their samples are missing in all counts.",
    ),
    "row-malformed": (
        "BK203",
        "error",
        "rows that do not fit the header",
        "Mend the quoting or the number of fields in these lines; they are left out.",
    ),
    "picture-outside-class": (
        "BK204",
        "warning",
        "pictures outside of any class folder",
        "Move them into a class folder, or away; they are left out.",
    ),
    "link-loop": (
        "BK205",
        "warning",
        "links that lead back to a folder above",
        "Delete the links; they are not followed, or pictures would count many times.",
    ),
    "encoding-guessed": (
        "BK206",
        "warning",
        "the file is not UTF-8",
        "Save it as UTF-8 if names look wrong; it was read as the encoding below.",
    ),
    "mask-beside-picture": (
        "BK301",
        "info",
        "masks beside pictures, not counted as samples",
        "Nothing, if they are masks. Two formats of one picture look the same: keep one.",
    ),
    "hidden-file": (
        "BK302",
        "info",
        "hidden or system files left out",
        "Nothing.",
    ),
    "file-not-picture": (
        "BK303",
        "info",
        "files that are no pictures, left out",
        "Nothing, unless they should be samples.",
    ),
    "other-split": (
        "BK304",
        "info",
        "splits left aside",
        "Name another with --split to see it.",
    ),
}


def find_issues(counts: Counts, counts_by_class: Mapping[str, int]) -> tuple[Issue, ...]:
    """Issues of a counted set, the gravest first.

    Args:
        counts: the total of all shards.
        counts_by_class: samples of each class, in the order of the class ids.
    """
    issues = [*_class_issues(counts_by_class), *_label_issues(counts, counts_by_class)]
    for kind, problem in counts.problems.items():
        code, severity, title, what_to_do = FROM_PROBLEM[kind]
        issues.append(_issue(code, severity, title, what_to_do, problem))
    return tuple(sorted(issues, key=lambda issue: (SEVERITIES.index(issue.severity), issue.code)))


def _issue(code: str, severity: Severity, title: str, what_to_do: str, problem: Problem) -> Issue:
    return Issue(
        code=code,
        severity=severity,
        title=title,
        what_to_do=what_to_do,
        count=problem.count,
        examples=problem.examples,
    )


def _class_issues(counts_by_class: Mapping[str, int]) -> Iterator[Issue]:
    """Issues of classes with too few samples."""
    filled = {name: n for name, n in counts_by_class.items() if n}
    if len(filled) < 2:
        yield _issue(
            "BK101",
            "error",
            "fewer than two classes have samples",
            "Nothing can be balanced or learnt. Check the path, or the label column.",
            _of_classes(filled, filled),
        )
    empty = [name for name, n in counts_by_class.items() if not n]
    if empty:
        yield _issue(
            "BK102",
            "warning",
            "classes without a single sample",
            "Collect samples, or take the class out; no sampler or loss can teach it.",
            _of_classes(empty, counts_by_class),
        )
    single = [name for name, n in filled.items() if n == 1]
    if single:
        yield _issue(
            "BK103",
            "error",
            "classes with one sample: it can train or validate, not both",
            "Collect at least 10 samples, or merge the class with its nearest kin.",
            _of_classes(single, counts_by_class),
        )
    few = [name for name, n in filled.items() if 1 < n < 20]
    if few:
        least = min(counts_by_class[name] for name in few)
        low, high = wilson_interval(0.8 * least, least)
        yield _issue(
            "BK104",
            "warning",
            "classes with fewer than 20 samples",
            "Collect more first. A recall of 80 % on all of the smallest would be known only "
            f"to lie between {float(low):.0%} and {float(high):.0%}.",
            _of_classes(few, counts_by_class),
        )


def _label_issues(counts: Counts, counts_by_class: Mapping[str, int]) -> Iterator[Issue]:
    """Issues of how classes are named and samples labelled."""
    if counts.n_unlabelled:
        yield _issue(
            "BK105",
            "warning",
            "samples without a label",
            "Label them, or leave them: they keep their index and are never drawn.",
            Problem(count=counts.n_unlabelled),
        )
    alike = defaultdict(list)
    for name in counts_by_class:
        alike[" ".join(unicodedata.normalize("NFC", name).casefold().split())].append(name)
    pairs = [" = ".join(map(repr, names)) for names in alike.values() if len(names) > 1]
    if pairs:
        yield _issue(
            "BK106",
            "warning",
            "class names that differ only in case, spaces or accents' encoding",
            "Rename them to one class, if they are one.",
            Problem(count=len(pairs), examples=tuple(sorted(pairs)[:5])),
        )
    values = np.array(list(counts_by_class.values()))
    if len(values) > 50 and (values == 1).mean() > 0.5:
        yield _issue(
            "BK107",
            "error",
            "most classes have one sample: the labels look like ids or numbers",
            "Name the column that holds the class with --label.",
            _of_classes([name for name, n in counts_by_class.items() if n == 1], counts_by_class),
        )


def _of_classes(names: object, counts_by_class: Mapping[str, int]) -> Problem:
    listed = sorted(names, key=lambda name: (counts_by_class[name], name))  # type: ignore[call-overload]
    return Problem(
        count=len(listed), examples=tuple(f"{n} ({counts_by_class[n]})" for n in listed[:5])
    )
