"""A JSON file of nothing but the number of samples of each class."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from balancekit.errors import DataError
from balancekit.labels import Labels
from balancekit.sources.parts import CountedShard
from balancekit.sources.pictures import readable
from balancekit.sources.source import Checks, Source
from balancekit.stats import Counts, Shard

__all__ = ["ClassCounts", "class_counts_source", "looks_like_class_counts"]

MAX_FILE_BYTES = 1 << 26
MAX_SAMPLES = 10**9
"""Samples above which `read` gives no labels; counts have no such limit."""


@dataclass(frozen=True)
class ClassCounts:
    """Counts of classes without their samples, such as LVIS's list of images per category.

    What carries several classes is in the count of each of them, so that the sum may be
    more than there are samples.
    """

    path: Path
    samples_per_class: Mapping[str, int]
    format = "coco"
    split: str | None = None

    @property
    def description(self) -> str:
        """What was taken and why, in words."""
        return f"numbers of samples by class {readable(self.path)} (no samples of their own)"

    def other_splits(self) -> Mapping[str, Source]:
        """None."""
        return {}

    def read_labels(self) -> Labels:
        """As many samples of each class as were counted.

        Raises:
            DataError: they are too many to list.
        """
        n_per_class = list(self.samples_per_class.values())
        if sum(n_per_class) > MAX_SAMPLES:
            raise DataError(
                f"{self.path}: expected at most {MAX_SAMPLES} samples, got {sum(n_per_class)}. "
                "`balancekit analyze` takes any number."
            )
        ids = np.repeat(np.arange(len(n_per_class), dtype=np.int32), n_per_class)
        return Labels(class_ids=ids, class_names=tuple(self.samples_per_class))

    def order_classes(self, names: set[str]) -> tuple[str, ...]:
        """In the order of the file."""
        return tuple(self.samples_per_class)

    def shards(self) -> Iterable[Shard]:
        """The counts."""
        per_class = dict(self.samples_per_class)
        yield CountedShard(Counts(samples_per_class=per_class, n_samples=sum(per_class.values())))

    def check_shards(self, checks: Checks) -> Iterable[Shard]:
        """None: there is no content."""
        return ()


def looks_like_class_counts(path: Path) -> bool:
    """Whether a file is one JSON object of whole numbers, and nothing else."""
    return bool(_read(path))


def class_counts_source(path: Path) -> Source:
    """The source of a file that `looks_like_class_counts`."""
    return ClassCounts(path, _read(path))


def _read(path: Path) -> dict[str, int]:
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            return {}
        counts = msgspec.json.decode(path.read_bytes(), type=dict[str, int])
    except (OSError, ValueError, RecursionError):
        return {}
    return counts if all(0 <= n < 2**53 for n in counts.values()) else {}
