"""Augmentation of a plan: by what the pictures show, if that is known; rows are mixed."""

import string
from collections.abc import Sequence
from typing import get_args

from balancekit.errors import OptionError
from balancekit.plan import (
    Augmentation,
    Finding,
    NoAugmentation,
    Objective,
    Reason,
    RowAugmentation,
    TaskAugmentation,
)
from balancekit.stats import Rows, Stats

__all__ = ["ROWS_OF_KIND", "chosen_augmentation"]

ROWS_OF_KIND: dict[str | None, Rows] = {"table": "numbers", "text": "text"}
"""What rows hold, by the `kind` of a data set that `open_dataset` opened."""

MIXED_TASKS = ("classification", "multilabel")
"""Tasks whose rows are mixed, where it helps."""

STEEP = 10
"""Imbalance ratio from which on rows of one class each are mixed; those of several always are."""

OF_NUMBERS = ("arff",)
"""Formats whose rows are numbers, or are made numbers, as they stand."""


def chosen_augmentation(
    stats: Stats,
    objective: Objective,
    picture_task: str | None,
    rows: Rows | None,
    findings: tuple[Finding, ...],
) -> tuple[Augmentation, Reason]:
    """The augmentation and its reason.

    Args:
        stats: of the data.
        objective: what the model should be good at.
        picture_task: what the pictures show, if the user says so.
        rows: what samples that are no pictures hold, if that is known.
        findings: what the pictures say against operations.

    Raises:
        OptionError: there are findings, but no pictures; or `rows` is none of the kinds.
    """
    if rows is not None and rows not in get_args(Rows):
        raise OptionError(f"rows: expected one of {get_args(Rows)}, got {rows!r}")
    if stats.media != "pictures" and picture_task is None:
        if findings:
            raise OptionError(
                f"findings: expected none of samples that are not known to be pictures, got "
                f"{len(findings)}. Say what the pictures show with picture_task"
            )
        return _of_rows(stats, objective, rows)
    task, because = _picture_task(stats, picture_task)
    for found in findings:
        because += f"; {found.operation} {found.verdict}: {found.reason.rstrip('.')}"
    reason = Reason(
        part="augmentation",
        because=because,
        source="the task rules of balancekit.augment",
        instead="--picture-task natural, industrial, aerial …",
    )
    return TaskAugmentation(task=task, findings=findings), reason


def _of_rows(stats: Stats, objective: Objective, rows: Rows | None) -> tuple[Augmentation, Reason]:
    """What is done to samples that are no pictures, as far as that is known."""
    is_numbers = rows == "numbers" or (rows is None and stats.format in OF_NUMBERS)
    if rows == "text":
        because, instead = "texts cannot be mixed: nothing lies between two tokens", "nothing"
    elif not is_numbers:
        because = "the samples are not known to be pictures, nor rows of numbers"
        instead = '--picture-task, if they are pictures; kind = "rows", if they are numbers'
    elif stats.task not in MIXED_TASKS:
        because = "mixing rows has been measured for classes and labels alone"
        instead = 'kind = "rows", if `balancekit compare` finds it better'
    elif stats.task == "classification" and (ratio := _imbalance_ratio(stats)) < STEEP:
        because = (
            f"imbalance ratio {ratio:.1f} is below {STEEP}: mixing rows wins on some such tables "
            "and loses on others"
        )
        instead = 'kind = "rows", if `balancekit compare` finds it better'
    elif objective == "calibration":
        because = "a model of mixed rows is less sure than it should be"
        instead = 'kind = "rows" with a temperature fitted on validation data'
    else:
        return RowAugmentation(), _why_mixed(stats)
    reason = Reason(part="augmentation", because=because, source="none needed", instead=instead)
    return NoAugmentation(), reason


def _why_mixed(stats: Stats) -> Reason:
    because = (
        "few rows have a rare label, and a network learns them by heart; what lies between two "
        "rows keeps it from that"
        if stats.task == "multilabel"
        else f"imbalance ratio {_imbalance_ratio(stats):.0f}: a network learns few rows by heart, "
        "and then moving the prior no longer helps; what lies between two rows keeps it from that"
    )
    return Reason(
        part="augmentation",
        because=because,
        source="Zhang et al. 2018 (arXiv 1710.09412), section 3.5; measured in "
        "docs/explanation/recommendations.md",
        instead='kind = "none", for trees and other models that do not train in batches',
    )


def _imbalance_ratio(stats: Stats) -> float:
    filled = [count for count in stats.class_counts if count]
    return max(filled) / min(filled)


def _picture_task(stats: Stats, given: str | None) -> tuple[str, str]:
    """What the pictures show, and how that is known."""
    if given is not None:
        return given, f"you say that the pictures are of the task {given!r}"
    if stats.task == "classification" and _names_are_symbols(stats.class_names):
        return "digits", (
            "the class names are the digits or the letters: mirrored or turned, one symbol "
            "becomes another, so no flips and no turns"
        )
    return "unknown", (
        "class names do not tell what the pictures show, so only what harms no task: no "
        "flips, no turns. Name the task with --picture-task to get more"
    )


def _names_are_symbols(names: Sequence[str]) -> bool:
    """Whether the classes are all ten digits, or all the letters, and nothing longer."""
    given = {name.casefold() for name in names}
    if any(len(name) > 1 for name in given):
        return False  # 0 to 11 are numbers, of masks or of classes without names
    return set(string.digits) <= given or set(string.ascii_lowercase) <= given
