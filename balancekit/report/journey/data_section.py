"""The data on the page: measures, histogram, issues and examples."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from balancekit.augment.planned import augmentation_of
from balancekit.errors import OptionError
from balancekit.labels import Labels, SampleKey
from balancekit.plan import Plan
from balancekit.report.plots import histogram
from balancekit.report.rows import left_out_text, rows_of
from balancekit.report.svg import bar_chart
from balancekit.report.thumbnails import data_uri, example_pictures
from balancekit.report.words import (
    UNIT_TITLES,
    contents_text,
    headline_measures,
    issue_examples,
    name_text,
    printable,
    verdict,
)
from balancekit.stats import Issue, Stats

__all__ = ["Pictures", "data_section", "pictures_of"]

LONGEST_PX = 96
"""Longest side of an embedded picture."""

MOST_CLASSES, PER_CLASS, N_DRAWS = 10, 8, 4
"""Classes of which there are examples, pictures of each, and augmentations of one of them."""

TONES = {"error": "bad", "warning": "fair", "info": "info"}


@dataclass(frozen=True, kw_only=True)
class Pictures:
    """Example pictures of some classes, and each beside augmentations of itself.

    Attributes:
        by_class: uint8 arrays [height, width] or [height, width, 3], by class name.
        augmented: an original and what augmentation makes of it, by class name.
        operations: names of the operations that were used.
    """

    by_class: Mapping[str, Sequence[NDArray[np.uint8]]]
    augmented: Mapping[str, Sequence[NDArray[np.uint8]]]
    operations: Sequence[str]


def pictures_of(
    plan: Plan, labels: Labels, stats: Stats, operations: Sequence[str] = ()
) -> Pictures | None:
    """Pictures of the rarest classes as they are and as the plan augments them.

    Args:
        plan: whose augmentation is shown; not where it moves boxes or masks along.
        labels: whose ids are paths of pictures.
        stats: of the same data.
        operations: names of the operations of the plan.

    Returns:
        None where no picture can be read.
    """
    found = example_pictures(labels, stats, n_classes=MOST_CLASSES, per_class=PER_CLASS)
    if not found:
        return None
    by_class = {name: found[name] for name in reversed(found)}  # the largest of them first
    augmented = {}
    if operations and find_spec("cv2") is not None:
        augmented = {
            name: draws
            for name, pictures in by_class.items()
            if len(draws := _draws_of(plan, pictures[0])) > 1
        }
    return Pictures(by_class=by_class, augmented=augmented, operations=operations)


def _draws_of(plan: Plan, picture: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    """A picture, and draws of it; alone where it may not be augmented without its boxes."""
    data = plan.data
    policy = augmentation_of(plan.augmentation, data.class_names, data.class_counts, seed=plan.seed)
    if policy is None:
        return [picture]
    try:
        # Of a policy that does more to repeats, first draws: those that it shows most often.
        base = getattr(policy, "base", policy)
        draws = [np.asarray(base(picture, SampleKey(0, 0, n))) for n in range(N_DRAWS)]
    except OptionError:
        return [picture]
    return [picture, *draws]


def data_section(stats: Stats, pictures: Pictures | None) -> dict[str, Any]:
    """What the template shows of the data."""
    line, tone = verdict(stats)
    plot, caption = _histogram(stats)
    return {
        "verdict": line,
        "tone": tone,
        "counted": contents_text(stats),
        "measures": headline_measures(stats),
        "histogram": plot,
        "caption": caption,
        "issues": [_issue(issue) for issue in stats.issues],
        "examples": {} if pictures is None else _embedded(pictures.by_class),
        "augmented": {} if pictures is None else _embedded(pictures.augmented),
        "operations": "" if pictures is None else ", ".join(pictures.operations),
    }


def _histogram(stats: Stats) -> tuple[str, str]:
    """The plot of the counts and its caption."""
    if stats.regression is not None:
        title = "Samples by value of the target"
        few = "Orange bars and gaps are bins with under 20 samples."
        return histogram(stats.class_counts, stats.regression, title), f"{title}. {few}"
    rows = rows_of(stats.class_counts)
    names = [stats.class_names[c] for c in rows]
    counts = [stats.class_counts[c] for c in rows]
    title = f"{UNIT_TITLES[stats.unit].capitalize()} of each class, the largest first"
    left_out = left_out_text(len(stats.class_names) - len(rows))
    caption = f"How many there are of each class, the largest first. {left_out}"
    return bar_chart(names, {UNIT_TITLES[stats.unit]: counts}, title), caption


def _issue(issue: Issue) -> dict[str, str]:
    return {
        "code": issue.code,
        "severity": issue.severity,
        "tone": TONES[issue.severity],
        "title": printable(f"{issue.title}: {issue.count:,}"),
        "what_to_do": printable(issue.what_to_do),
        "examples": issue_examples(issue),
    }


def _embedded(pictures: Mapping[str, Sequence[NDArray[np.uint8]]]) -> dict[str, list[str]]:
    return {
        name_text(name): [data_uri(picture, LONGEST_PX) for picture in of_class]
        for name, of_class in pictures.items()
    }
