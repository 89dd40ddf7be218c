"""Verbs that join rooms: analyze a data set by shards, resample one."""

import warnings
from collections.abc import Callable
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from balancekit.analysis import stats_from_counts
from balancekit.engines import Engine, ThreadEngine, merge_results
from balancekit.errors import BalancekitWarning, OptionError
from balancekit.labels import Labels
from balancekit.samplers.resampling import Strategy, resampled_indices
from balancekit.sources import open_source, read
from balancekit.sources.catalogue import Format
from balancekit.stats import Counts, Shard, Stats

__all__ = ["Verify", "analyze", "resample"]

Verify = Literal["auto", "none", "header", "decode"]

AUTO_VERIFY_SAMPLES = 10_000
"""Up to here "auto" decodes every picture: a few seconds that find each truncated file."""


def analyze(
    data: object,
    *,
    format: Format = "auto",  # noqa: A002 - the field's word
    label: str | None = None,
    split: str | None = None,
    verify: Verify = "auto",
    engine: Engine | None = None,
    on_progress: Callable[[int], None] | None = None,
) -> Stats:
    """Stats of a data set, counted by shards.

    Args:
        data: anything that `read` takes.
        format: of a path, where it should not be told from the path.
        label: name of the label column of a table.
        split: which split of an image folder to analyze.
        verify: "decode" decodes every picture, "header" opens it, "none" only counts;
            "auto" decodes up to 10,000 pictures and none beyond.
        engine: runs the shards; threads on all cores if not given.
        on_progress: called with the number of pictures checked since the last call.

    Raises:
        DataError: the data cannot be read.
        OptionError: `verify` is none of the four.

    >>> analyze(["cat"] * 9 + ["dog"]).balance.imbalance_ratio
    9.0
    """
    if verify not in get_args(Verify):
        raise OptionError(f"verify: expected one of {get_args(Verify)}, got {verify!r}")
    source = open_source(data, format=format, label=label, split=split)
    engine = engine or ThreadEngine()
    counts: Counts = merge_results(engine.map_shards(count_shard, source.shards()), Counts())
    check = verify
    if check == "auto":
        check = "decode" if counts.n_samples <= AUTO_VERIFY_SAMPLES else "none"
    if check != "none":
        for part in engine.map_shards(count_shard, source.check_shards(check)):
            counts += part
            if on_progress is not None:
                on_progress(part.n_checked)
    if verify in ("header", "decode") and counts.media == "pictures" and not counts.n_checked:
        warnings.warn(
            f"{source.description}: no picture could be opened, as none was found where the "
            "labels say. Give a table beside its pictures, or paths that lead to them.",
            BalancekitWarning,
            stacklevel=2,
        )
    class_names = source.order_classes(set(counts.samples_per_class))
    return stats_from_counts(counts, source.description, class_names)


def count_shard(shard: Shard) -> Counts:
    """The partial count of a shard; a plain function, so that any engine can send it."""
    return shard.count()


def resample(data: object, strategy: Strategy, *, seed: int = 0) -> NDArray[np.int64]:
    """Indices of the samples of a resampled set, drawn once: int64 [n_drawn].

    Args:
        data: labels, or anything that `read` takes.
        strategy: `Oversample()`, `Undersample()` or `Regroup(max_num=…)`.
        seed: of every choice; the same seed gives the same indices.

    Raises:
        DataError: the data cannot be read, or carry several classes a sample.

    >>> from balancekit import Oversample
    >>> indices = resample(["cat", "dog", "dog"], Oversample())
    >>> sorted(indices.tolist())
    [0, 0, 1, 2]
    """
    labels = data if isinstance(data, Labels) else read(data)
    return resampled_indices(labels, strategy, seed=seed)
