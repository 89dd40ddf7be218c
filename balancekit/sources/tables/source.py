"""A table as a source: its labels, its shards, and its rows to compare."""

import os
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from itertools import islice
from operator import add
from pathlib import Path
from typing import Any

import numpy as np

from balancekit.errors import BalancekitWarning, DataError
from balancekit.labels import (
    UNLABELLED,
    Bins,
    Labels,
    Media,
    SampleIds,
    concatenate_labels,
    sort_class_names,
)
from balancekit.labels.bins import MOST_BINS_OF_FEW
from balancekit.sources.parts import CountedShard
from balancekit.sources.pictures import picture_check_shards, readable
from balancekit.sources.source import Checks, Format, Source
from balancekit.sources.tables.repeats import RepeatedRows
from balancekit.sources.tables.scan import Scan
from balancekit.sources.tables.shards import (
    RowFilter,
    RowsRead,
    TableShard,
    read_rows,
    unreadable_file,
)
from balancekit.sources.tables.target import NumberTarget, Target
from balancekit.stats import Counts, Problem, ProblemKind, Shard

__all__ = ["TableSource", "warn_of_lost_labels", "with_bins"]

ROWS_A_SHARD = 1 << 30
"""Of one Parquet file, which DuckDB reads on all cores by itself: a range of rows costs more."""

BYTES_A_SHARD = 1 << 26
"""Of many files: enough to be worth a task, and few enough for many machines to share."""


@dataclass(frozen=True, kw_only=True)
class TableSource:
    """A table, or the part of it that is one split.

    Attributes:
        format: under which it was found.
        path: of the file or folder.
        scans: the files, those written alike together.
        target: what the label cells mean.
        how: why these label columns were taken, in words.
        notes: what else was decided, in words.
        split: that this is, if there are any.
        rows: those of the split, where a column tells them.
        picture_column: the column that holds paths of pictures.
        media: what a row is.
        problems: what was met when the files were looked at.
        splits: the other splits, by name.
        repeats: the rows of all splits, to compare.
    """

    format: Format
    path: Path
    scans: tuple[Scan, ...]
    target: Target
    how: str
    notes: tuple[str, ...] = ()
    split: str | None = None
    rows: RowFilter | None = None
    picture_column: str | None = None
    media: Media = "rows"
    problems: Mapping[ProblemKind, Problem] = field(default_factory=dict)
    splits: Mapping[str, "TableSource"] = field(default_factory=dict)
    repeats: RepeatedRows | None = None

    @property
    def description(self) -> str:
        """What was taken and why, in words."""
        columns = self.target.columns
        shown = f"label column {columns[0]!r}" if len(columns) == 1 else "labels"
        notes = "".join(f", {note}" for note in self.notes)
        return f"table {readable(self.path)}{notes}, {shown} ({self.how})"

    def other_splits(self) -> Mapping[str, Source]:
        """The other splits of the data."""
        return dict(self.splits)

    def read_labels(self) -> Labels:
        """Labels in the order of the rows; ids are the picture paths, where there are any.

        Raises:
            DataError: no row carries a label, or the table cannot be read.
        """
        problems = dict(self.problems)
        read = []
        for scan in self.scans:
            try:
                read.append(read_rows(scan, self.target, self.rows, self.picture_column))
            except DataError as error:
                if self._is_one_file():
                    raise
                problems = _merged(problems, unreadable_file(str(error)))
        problems = reduce(_merged, (part.problems for part in read), problems)
        warn_of_lost_labels(readable(self.path), problems)
        sets = {classes for part in read for classes in part.classes}
        if not any(sets):
            columns = ", ".join(map(repr, self.target.columns[:5]))
            raise DataError(
                f"{self.path}: column {columns} holds no label. Name another with --label."
            )
        names = self.order_classes({name for classes in sets for name in classes})
        ids = self._picture_ids(read)
        if isinstance(self.target, NumberTarget):
            values = np.concatenate([part.values for part in read if part.values is not None])
            return Labels.from_values(values, sample_ids=ids, media=self.media)
        labels = concatenate_labels([_labels_of(part, names, self.target) for part in read], names)
        return replace(labels, sample_ids=ids, media=self.media)

    def _is_one_file(self) -> bool:
        return len(self.scans) == 1 and len(self.scans[0].paths) == 1

    def _picture_ids(self, read: Sequence[RowsRead]) -> SampleIds | None:
        """Paths of the pictures; relative to the table's folder if one of the first lies there."""
        if self.picture_column is None:
            return None
        names = [name for part in read for name in part.ids or ()]
        folder = self.path if self.path.is_dir() else self.path.parent
        first = [*islice(filter(None, names), MAX_LOOKED_FOR)]
        for place in (self.scans[0].paths[0].parent, folder):
            if any(not os.path.isabs(name) and _is_file(place / name) for name in first):  # noqa: PTH117
                return SampleIds.from_names(names, f"{place}/")
        return SampleIds.from_names(names)

    def order_classes(self, names: set[str]) -> tuple[str, ...]:
        """Declared classes in their order, then the others: by number if all are integers."""
        declared = self._declared()
        return declared + sort_class_names(names - set(declared))

    def _declared(self) -> tuple[str, ...]:
        """The classes that are there even where no row carries them."""
        target = self.target
        if isinstance(target, NumberTarget):
            return target.bins.names if target.bins else ()
        return target.declared or ()

    def shards(self) -> Iterable[Shard]:
        """One shard a few files, or a range of rows; one for what is known already."""
        yield CountedShard(
            Counts(
                samples_per_class=dict.fromkeys(self._declared(), 0),
                task=self.target.task,
                media=self.media,
                problems=dict(self.problems),
            )
        )
        alone = self._is_one_file()
        for scan in self.scans:
            for part in _parts_of(scan):
                yield TableShard(
                    scan=part, target=self.target, rows=self.rows, media=self.media, is_all=alone
                )

    def check_shards(self, checks: Checks) -> Iterable[Shard]:
        """Chunks of the pictures that a column names; else rows, to find those that repeat."""
        named = replace(checks, split=checks.split or self.split or "")
        if self.picture_column is not None:
            with warnings.catch_warnings():  # of rows left out, which counting has told
                warnings.simplefilter("ignore", BalancekitWarning)
                return picture_check_shards(self.read_labels(), named)
        if not checks.duplicates or self.repeats is None:
            return []
        return self.repeats.shards(self.scans, self.target, self.rows, named.split)


IN_WORDS: Mapping[ProblemKind, tuple[str, str]] = {
    "class-out-of-range": (
        "label is no declared class, and missing",
        "labels are no declared class, and missing",
    ),
    "file-unreadable": (
        "file cannot be read, and is left out",
        "files cannot be read, and are left out",
    ),
    "label-not-a-number": (
        "label is no number, and missing",
        "labels are no numbers, and missing",
    ),
    "label-set-not-one": (
        "row carries no class or several, and is unlabelled",
        "rows carry no class or several, and are unlabelled",
    ),
    "row-malformed": (
        "row does not fit; if it cannot be read it is left out, so that indices differ from row "
        "numbers behind it",
        "rows do not fit; those that cannot be read are left out, so that indices differ from "
        "row numbers behind them",
    ),
}
"""Problems that `read` warns of, as something is missing from the labels: of one, and of many."""


def warn_of_lost_labels(where: str, problems: Mapping[ProblemKind, Problem]) -> None:
    """Warn of labels that are missing, as their cells say none that can be used.

    Args:
        where: they were read, in words.
        problems: that were met.
    """
    told = [
        f"{problem.count:,} {IN_WORDS[kind][problem.count != 1]} (such as {problem.examples[0]})"
        for kind, problem in sorted(problems.items())
        if kind in IN_WORDS
    ]
    if told:
        warnings.warn(
            f"{where}: {'; '.join(told)}. `balancekit analyze` lists them.",
            BalancekitWarning,
            stacklevel=4,
        )


MAX_LOOKED_FOR = 100
"""Pictures that are looked for in a folder; those of another may be missing here and there."""


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a cell may be too long for a path, or hold a zero byte
        return False


def _merged(
    one: Mapping[ProblemKind, Problem], other: Mapping[ProblemKind, Problem]
) -> dict[ProblemKind, Problem]:
    merged = dict(one)
    for kind, problem in other.items():
        merged[kind] = reduce(add, [merged[kind], problem]) if kind in merged else problem
    return merged


def _labels_of(part: RowsRead, names: tuple[str, ...], target: Target) -> Labels:
    """Labels of the rows of one scan, with the classes of all."""
    id_of = {name: i for i, name in enumerate(names)}
    sets = [[id_of[name] for name in classes] for classes in part.classes]
    if target.task == "multilabel":
        lengths = np.array([len(ids) for ids in sets], np.int64)
        starts = np.concatenate([[0], np.cumsum(lengths)])
        flat = np.array([i for ids in sets for i in ids], np.int32)
        offsets = np.concatenate([[0], np.cumsum(lengths[part.codes])])
        within = np.arange(offsets[-1]) - np.repeat(offsets[:-1], lengths[part.codes])
        entries = np.repeat(starts[part.codes], lengths[part.codes]) + within
        return Labels(
            class_ids=flat[entries], class_names=names, offsets=offsets, task="multilabel"
        )
    single = np.array([ids[0] if ids else UNLABELLED for ids in sets], np.int32)
    return Labels(class_ids=single[part.codes], class_names=names)


def _parts_of(scan: Scan) -> Iterator[Scan]:
    """The scan: files by their bytes, or ranges of rows of one large Parquet file."""
    if scan.kind == "arrow":
        yield scan
    elif len(scan.paths) > 1:
        for paths in _grouped(scan.paths):
            yield replace(scan, paths=paths)
    elif scan.n_rows <= ROWS_A_SHARD:
        yield scan
    else:
        for start in range(0, scan.n_rows, ROWS_A_SHARD):
            yield replace(scan, rows=(start, min(scan.n_rows, start + ROWS_A_SHARD)))


def _grouped(paths: tuple[Path, ...]) -> Iterator[tuple[Path, ...]]:
    """Files in their order, as many together as make `BYTES_A_SHARD`."""
    group: list[Path] = []
    n_bytes = 0
    for path in paths:
        group.append(path)
        n_bytes += path.stat().st_size if path.exists() else 0
        if n_bytes >= BYTES_A_SHARD:
            yield tuple(group)
            group, n_bytes = [], 0
    if group:
        yield tuple(group)


def with_bins(source: TableSource, like: Bins | None = None) -> tuple[TableSource, Bins | None]:
    """A regression with the bins of its range over all rows, and these bins.

    Args:
        source: whose target is a number.
        like: bins that others have, whose names should be comparable with these.
    """
    target = source.target
    assert isinstance(target, NumberTarget)
    low, high, whole = np.inf, -np.inf, True
    for least, most, all_whole in _asked(source, "min(v), max(v), bool_and(v = floor(v))"):
        if least is not None:
            low, high, whole = min(low, least), max(high, most), whole and bool(all_whole)
    if low > high:
        return source, like
    if like is None:
        try:
            different = None
            if whole and high - low < MOST_BINS_OF_FEW:
                found = _asked(source, "DISTINCT v")
                different = [value for (value,) in found if value is not None]
            bins = Bins.over(float(low), float(high), whole=whole, values=different)
        except DataError as error:
            raise DataError(
                f"{source.path}: column {target.column!r}: {error}. Scale them, or say "
                "--task classification."
            ) from None
    else:
        bins = like.extended(float(low), float(high))
    return replace(source, target=replace(target, bins=bins)), bins


def _asked(source: TableSource, what: str) -> Iterator[tuple[Any, ...]]:
    """What SQL of the numbers v of all rows gives, file by file; files that fail are told later.

    Raises:
        DataError: there is one file, and it cannot be read.
    """
    assert isinstance(source.target, NumberTarget)
    for scan in source.scans:
        where = f" WHERE {source.rows.sql(scan)}" if source.rows else ""
        number = source.target.value_sql(scan)
        try:
            connection = scan.query(f"SELECT {what} FROM (SELECT {number} AS v FROM rows{where})")
        except DataError:
            if source._is_one_file():
                raise
            continue
        yield from connection.fetchall()
