"""The table of all classes: its columns, and the JSON from which the page makes its rows."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from balancekit.report.words import decimal, percent, shortened
from balancekit.stats import Stats, shot_groups

__all__ = ["ClassRows", "Column", "embedded_json", "name_of_class"]

Kind = Literal["whole", "share", "decimal", "half"]

SHOTS = ("many", "medium", "few", "none")
MOST_CLASSES = 100_000
"""Classes in the table; of more, the largest and the smallest."""

FIRST_ROWS = 200
"""Rows that stand in the page itself, and rows of one page of the table."""

NAME_BYTES = 4_000_000
"""Bytes of all names together, beyond which long ones are cut."""

NAME_LENGTHS = (120, 60, 30, 12)


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of numbers.

    Attributes:
        title: on its head.
        meaning: of it, in a few words.
        kind: how its numbers are written: "half" is half an interval, in points.
        values: one a class, None where there is none.
    """

    title: str
    meaning: str
    kind: Kind
    values: Sequence[float | None]


@dataclass(frozen=True, kw_only=True)
class ClassRows:
    """The table of all classes, the largest first.

    Attributes:
        names: as they are shown.
        shots: "many", "medium", "few" or "none" of each class.
        columns: of numbers, the first of which is drawn as a bar too.
        n_left_out: classes between the largest and the smallest that are not in it.
        n_cut: names that had to be cut.
    """

    names: Sequence[str]
    shots: Sequence[str]
    columns: Sequence[Column]
    n_left_out: int
    n_cut: int

    @classmethod
    def of(cls, stats: Stats) -> "ClassRows":
        """The table of an analysis."""
        counts = stats.counts_array()
        order = np.argsort(-counts, kind="stable")
        left_out = max(0, len(order) - MOST_CLASSES)
        if left_out:
            order = np.concatenate([order[: MOST_CLASSES // 2], order[-MOST_CLASSES // 2 :]])
        rows = order.tolist()
        names, n_cut = _cut([stats.class_names[i] for i in rows])
        shots = stats.per_class.shot or _shots(stats)
        return cls(
            names=names,
            shots=[shots[i] for i in rows],
            columns=[
                Column(
                    title=column.title,
                    meaning=column.meaning,
                    kind=column.kind,
                    values=[column.values[i] for i in rows],
                )
                for column in _columns(stats)
            ],
            n_left_out=left_out,
            n_cut=n_cut,
        )

    def first_rows(self) -> list[dict[str, Any]]:
        """What a reader without JavaScript sees."""
        largest = max((value or 0 for value in self.columns[0].values), default=0) or 1
        return [
            {
                "name": self.names[row],
                "shot": self.shots[row],
                "bar": _bar((self.columns[0].values[row] or 0) / largest),
                "cells": [_cell(_brief(c.values[row]), c.kind) for c in self.columns],
            }
            for row in range(min(FIRST_ROWS, len(self.names)))
        ]

    def to_json(self) -> str:
        """All rows, in columns, as JSON that can stand inside of a script element."""
        return embedded_json(
            {
                "names": list(self.names),
                "shots": "".join(str(SHOTS.index(shot)) for shot in self.shots),
                "columns": [
                    {"kind": column.kind, "values": [_brief(v) for v in column.values]}
                    for column in self.columns
                ],
            }
        )

    def shot_sizes(self) -> dict[str, int]:
        """Classes of each group that has any."""
        sizes = {shot: sum(s == shot for s in self.shots) for shot in SHOTS}
        return {shot: n for shot, n in sizes.items() if n}


def name_of_class(name: str, longest: int = NAME_LENGTHS[0]) -> str:
    """A class name as it is shown, also where there is nothing to see."""
    return shortened(name, longest) if name.strip() else "(blank)"


def embedded_json(data: object) -> str:
    r"""JSON in which nothing ends a script element, or is markup at all.

    >>> embedded_json(["</script>"])
    '["\\u003c/script\\u003e"]'
    """
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for letter in "<>&\u2028\u2029":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return text


def _cut(names: Sequence[str]) -> tuple[list[str], int]:
    """Names as they are shown, as long as all of them together allow."""
    shown: list[str] = []
    for longest in NAME_LENGTHS:
        shown = [name_of_class(name, longest) for name in names]
        if sum(len(name.encode()) for name in shown) <= NAME_BYTES:
            break
    return shown, sum(name.endswith("…") for name in shown)


def _shots(stats: Stats) -> list[str]:
    counts = stats.per_class.samples or stats.class_counts
    groups = shot_groups(counts).tolist()
    return ["none" if not n else group for n, group in zip(counts, groups, strict=True)]


def _columns(stats: Stats) -> list[Column]:
    """What is known of the classes, without columns that say nothing."""
    counts = stats.class_counts
    total = max(1, sum(counts))
    columns = [
        Column(title=stats.unit, meaning=f"{stats.unit} of the class", kind="whole", values=counts),
        Column(
            title="share",
            meaning=f"of all {stats.unit}",
            kind="share",
            values=[count / total for count in counts],
        ),
    ]
    splits = [
        Column(
            title=shortened(split.name, 20),
            meaning=f"{stats.unit} in this split",
            kind="whole",
            values=split.class_counts[: len(counts)],
        )
        for split in stats.splits
    ]
    # What stands in another column already, such as the count of a split, says nothing.
    told = {tuple(counts), *(tuple(column.values) for column in splits)}
    optional = [column for column in _optional_columns(stats) if tuple(column.values) not in told]
    return [*columns, *optional, *splits]


def _optional_columns(stats: Stats) -> Iterator[Column]:
    """Columns of what is known of the classes in this task alone, or was asked for."""
    table = stats.per_class
    wanted: tuple[tuple[str, str, Kind, Sequence[float | None] | None], ...] = (
        ("samples", "samples that carry the class", "whole", table.samples),
        ("instances", "boxes, segments or key points of the class", "whole", table.instances),
        ("pixels", "pixels of the class in all masks", "whole", table.pixels),
        (
            "effective n",
            "effective number of samples: what they are worth as they overlap",
            "decimal",
            table.effective_number,
        ),
        (
            "repeat factor",
            "draws of a sample in an epoch of repeat-factor sampling",
            "decimal",
            table.repeat_factor,
        ),
        (
            "MF weight",
            "weight in the loss by median frequency",
            "decimal",
            table.median_frequency_weight,
        ),
        ("IRLbl", "largest label count over that of the class", "decimal", table.irlbl),
        ("held out", "samples of the class in the split to evaluate on", "whole", table.held_out),
        (
            "recall ±",
            "half the 95 % interval of a recall of 80 %, measured on those held out",
            "half",
            table.recall_half_width,
        ),
        (
            "repeated",
            "share of its samples that repeat another",
            "share",
            None if stats.duplicates is None else stats.duplicates.share_per_class,
        ),
    )
    for title, meaning, kind, values in wanted:
        if values and title != stats.unit:
            yield Column(title=title, meaning=meaning, kind=kind, values=values)


def _cell(value: float | None, kind: Kind) -> str:
    if value is None:
        return "–"
    if kind == "whole":
        return f"{value:,.0f}"
    if kind == "decimal":
        return decimal(value, 2)
    return percent(value) if kind == "share" else f"± {100 * value:.0f} %"


def _bar(share: float) -> str:
    """Width in % of the bar of a count: of one at least, so that a rare class is seen."""
    return f"{max(1.0, 100 * share):.1f}" if share else "0"


def _brief(value: float | None) -> float | int | None:
    """A number with no more digits than are ever shown."""
    if value is None or isinstance(value, int):
        return value
    return int(value) if value == int(value) else float(f"{value:.6g}")
