"""Verbs that join rooms: analyze a data set by shards, resample one."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from balancekit.analysis import stats_from_counts
from balancekit.engines import Engine, ThreadEngine, merge_results
from balancekit.errors import BalancekitWarning, OptionError
from balancekit.labels import Labels, Task
from balancekit.sources import Checks, Format, ReadOptions, Source, open_source, read
from balancekit.stats import Counts, Shard, Stats

if TYPE_CHECKING:
    from balancekit.samplers.resampling import Strategy

__all__ = ["Verify", "analyze", "resample"]

Verify = Literal["auto", "none", "header", "decode"]

TABLES = ("csv", "jsonl", "parquet")
"""Formats whose rows are compared, if there are cells beside labels and ids."""

AUTO_VERIFY_SAMPLES = 10_000
"""Up to here "auto" decodes every picture: a few seconds that find each truncated file."""


def analyze(
    data: object,
    *,
    task: Task | Literal["auto"] = "auto",
    format: Format | Literal["auto"] = "auto",  # noqa: A002 - the field's word
    label: str | tuple[str, ...] | None = None,
    label_delimiter: str | None = None,
    split: str | None = None,
    header: bool | None = None,
    void_index: int | None = None,
    verify: Verify = "auto",
    duplicates: bool = False,
    quality: bool = False,
    engine: Engine | None = None,
    on_progress: Callable[[int], None] | None = None,
) -> Stats:
    """Stats of a data set, counted by shards, and compared with its other splits.

    Args:
        data: anything that `read` takes.
        task: what the labels are for, where it should not be told from the data.
        format: of a path, where it should not be told from the path.
        label: name of the label column of a table; several names are columns of 0 and 1.
        label_delimiter: between the labels of a cell that holds several.
        split: which split to analyze; the training split if there is one.
        header: whether the first line of a table names its columns, where it is not plain.
        void_index: value of the mask pixels that belong to no class.
        verify: "decode" decodes every picture, "header" opens it, "none" only counts;
            "auto" decodes up to 10,000 pictures and none beyond.
        duplicates: look for samples of the same content, or nearly the same.
        quality: measure blur, noise, brightness, size and aspect of the pictures.
        engine: runs the shards; threads on all cores if not given.
        on_progress: called with the number of pictures checked since the last call.

    Raises:
        DataError: the data cannot be read.
        OptionError: an option cannot be.

    >>> analyze(["cat"] * 9 + ["dog"]).balance.imbalance_ratio
    9.0
    """
    if verify not in get_args(Verify):
        raise OptionError(f"verify: expected one of {get_args(Verify)}, got {verify!r}")
    options = ReadOptions(
        task=None if task == "auto" else task,
        label=label,
        label_delimiter=label_delimiter,
        split=split,
        header=header,
        void_index=void_index,
    )
    run = _Run(engine or ThreadEngine(), verify, duplicates, quality, on_progress)
    return run.stats_of(open_source(data, options, format=format), task_is_given=task != "auto")


@dataclass(frozen=True)
class _Run:
    """How the shards of each split are counted and checked."""

    engine: Engine
    verify: Verify
    duplicates: bool
    quality: bool
    on_progress: Callable[[int], None] | None

    def stats_of(self, source: Source, *, task_is_given: bool) -> Stats:
        """Stats of a source, beside its other splits."""
        from balancekit.sources.datasets import rows_of_source

        counts = self.count(source)
        others = {name: self.count(other) for name, other in source.other_splits().items()}
        if unseen := self.unseen(counts, source.format):
            warnings.warn(f"{source.description}: {unseen}", BalancekitWarning, stacklevel=3)
        return stats_from_counts(
            counts,
            source.description,
            source.order_classes({*counts.samples_per_class, *counts.per_class()}),
            format=source.format,
            split=source.split,
            other_splits=others,
            rows=rows_of_source(source) if counts.media == "rows" else None,
            task_is_given=task_is_given,
        )

    def unseen(self, counts: Counts, format: str = "memory") -> str:  # noqa: A002
        """Why what was asked for could not be looked at; nothing if it could."""
        if counts.media == "pictures":
            asked = self.duplicates or self.quality or self.verify in ("header", "decode")
            if not asked or counts.n_checked or not counts.n_samples:
                return ""
            return (
                "no picture could be opened, as none was found where the labels say. Give a "
                "table beside its pictures, or paths that lead to them."
            )
        reasons = []
        if self.duplicates and not counts.n_checked and counts.n_samples and format in TABLES:
            reasons.append(
                "duplicates were not looked for, as no column with content is left beside the "
                "labels and ids"
            )
        elif self.duplicates and not counts.n_checked and counts.n_samples:
            reasons.append(
                "duplicates were not looked for, as they are found among pictures, lines of "
                "text, and rows of CSV, TSV, JSONL and Parquet files"
            )
        if self.quality and counts.n_samples:
            reasons.append("quality was not measured, as only pictures have it")
        return "; ".join(reasons)

    def count(self, source: Source) -> Counts:
        """The count of a source, and of what the checks of its content gave."""
        counts: Counts = merge_results(
            self.engine.map_shards(count_shard, source.shards()), Counts()
        )
        verify = self.verify
        if verify == "auto":
            verify = "decode" if counts.n_samples <= AUTO_VERIFY_SAMPLES else "none"
        checks = Checks(
            verify=verify,
            is_asked=self.verify in ("header", "decode"),
            duplicates=self.duplicates,
            quality=self.quality,
            split=source.split or "",
        )
        shards = source.check_shards(checks) if checks else []
        checked = map(self._told, self.engine.map_shards(count_shard, shards))
        total: Counts = merge_results(checked, counts)
        return total

    def _told(self, part: Counts) -> Counts:
        if self.on_progress is not None:
            self.on_progress(part.n_checked)
        return part


def count_shard(shard: Shard) -> Counts:
    """The partial count of a shard; a plain function, so that any engine can send it."""
    return shard.count()


def resample(data: object, strategy: "Strategy", *, seed: int = 0) -> NDArray[np.int64]:
    """Indices of the samples of a resampled set, drawn once: int64 [n_drawn].

    Args:
        data: labels, or anything that `read` takes.
        strategy: `Oversample()`, `Undersample()`, `Combine()`, `Regroup()` or
            `MakeImbalanced(ratio=…)`; `MLROS()` or `MLRUS()` for several classes a sample.
        seed: of every choice; the same seed gives the same indices.

    Raises:
        DataError: the data cannot be read, or the strategy is not for as many classes a sample.
        OptionError: the strategy or the seed is none, or samples are asked for that are not
            there.

    >>> from balancekit import Oversample
    >>> indices = resample(["cat", "dog", "dog"], Oversample())
    >>> sorted(indices.tolist())
    [0, 0, 1, 2]
    """
    from balancekit.samplers.resampling import resampled_indices

    labels = data if isinstance(data, Labels) else read(data)
    return resampled_indices(labels, strategy, seed=seed)
