"""Counts of a labelled set, which merge, and Stats, the measures made of them."""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, Literal, Protocol

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from balancekit.errors import DataError
from balancekit.labels import UNLABELLED, Labels, Media, Task

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "Balance",
    "Counts",
    "Issue",
    "Problem",
    "ProblemKind",
    "Severity",
    "Shard",
    "Stats",
    "fingerprint_of",
    "shot_groups",
    "wilson_interval",
]

N_EXAMPLES = 5
"""Examples kept for each kind of problem; their number is always counted in full."""

Severity = Literal["error", "warning", "info"]

ProblemKind = Literal[
    "encoding-guessed",
    "file-not-picture",
    "folder-unreadable",
    "header-looks-like-data",
    "hidden-file",
    "link-loop",
    "mask-beside-picture",
    "other-split",
    "picture-outside-class",
    "picture-unreadable",
    "row-malformed",
]
"""What a source can meet; `analysis/issues.py` says what each means to the user."""


class Problem(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How often one kind of thing was wrong in a shard, with a few examples."""

    count: int
    examples: tuple[str, ...] = ()

    def __add__(self, other: "Problem") -> "Problem":
        """Both together; the examples kept do not depend on the order of merging."""
        return Problem(
            count=self.count + other.count,
            examples=tuple(sorted({*self.examples, *other.examples})[:N_EXAMPLES]),
        )


class Counts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The partial count of a shard: `a + b` merges, in any order, with the same total.

    Attributes:
        samples_per_class: samples that carry each class, by name; 0 for a declared class.
        n_samples: samples, those without a label included.
        n_unlabelled: samples whose label is missing.
        n_checked: samples whose content was looked at, not only their label.
        task: the task that the shape of the labels implies.
        media: what a sample is.
        problems: what was wrong or left out, by its kind.
    """

    samples_per_class: dict[str, int] = {}
    n_samples: int = 0
    n_unlabelled: int = 0
    n_checked: int = 0
    task: Task = "classification"
    media: Media = "unknown"
    problems: dict[ProblemKind, Problem] = {}

    def __add__(self, other: "Counts") -> "Counts":
        """The count of both shards together."""
        multilabel = "multilabel" in (self.task, other.task)
        return Counts(
            samples_per_class=_merge(self.samples_per_class, other.samples_per_class),
            n_samples=self.n_samples + other.n_samples,
            n_unlabelled=self.n_unlabelled + other.n_unlabelled,
            n_checked=self.n_checked + other.n_checked,
            task="multilabel" if multilabel else "classification",
            media=max(self.media, other.media, key=("unknown", "rows", "pictures").index),
            problems=_merge(self.problems, other.problems),
        )

    @classmethod
    def from_labels(cls, labels: Labels) -> "Counts":
        """The count of a set whose labels are in memory."""
        per_class = labels.class_counts().tolist()
        if labels.offsets is None:
            n_unlabelled = int(np.count_nonzero(labels.class_ids == UNLABELLED))
        else:
            n_unlabelled = int(np.count_nonzero(np.diff(labels.offsets) == 0))
        return cls(
            samples_per_class=dict(zip(labels.class_names, per_class, strict=True)),
            n_samples=labels.n_samples,
            n_unlabelled=n_unlabelled,
            task=labels.task,
            media=labels.media,
        )


def _merge(one: dict[Any, Any], other: dict[Any, Any]) -> dict[Any, Any]:
    merged = dict(one)
    for key, value in other.items():
        merged[key] = merged[key] + value if key in merged else value
    return merged


class Shard(Protocol):
    """A part of a data set that can be counted alone; it must survive pickling."""

    def count(self) -> Counts:
        """The partial count of this part."""


class Issue(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something in the data that a user should know of, and what to do about it."""

    code: str
    severity: Severity
    title: str
    what_to_do: str
    count: int
    examples: tuple[str, ...] = ()


class Balance(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The headline measures of imbalance; formulas stand in `analysis/balance.py`.

    None stands where a measure is not defined: all but the class numbers for a set
    without labels, and normalised entropy for a single class.
    """

    n_classes: int
    n_empty_classes: int
    n_many: int
    n_medium: int
    n_few: int
    imbalance_ratio: float | None
    entropy_normalised: float | None
    effective_classes_entropy: float | None
    effective_classes_simpson: float | None
    gini: float | None


class Stats(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every measure of a labelled set, and the issues found in it.

    Attributes:
        source: what was read, in words.
        class_names: in the order of the class ids.
        class_counts: samples of each class, in the same order.
        fingerprint: of task, class names and counts; a plan carries it.
    """

    schema: Literal["balancekit.analysis/1"] = "balancekit.analysis/1"
    source: str
    task: Task
    media: Media
    n_samples: int
    n_unlabelled: int
    n_checked: int
    class_names: tuple[str, ...]
    class_counts: tuple[int, ...]
    fingerprint: str
    balance: Balance
    issues: tuple[Issue, ...] = ()

    def __post_init__(self) -> None:
        if len(self.class_names) != len(self.class_counts):
            raise ValueError(
                f"expected one count a class, got {len(self.class_names)} class names "
                f"and {len(self.class_counts)} counts"
            )

    def counts_array(self) -> NDArray[np.int64]:
        """Samples of each class: int64 [n_classes]."""
        return np.array(self.class_counts, np.int64)

    def to_frame(self) -> "pd.DataFrame":
        """One row a class, rarest last: name, count, share and shot group."""
        import pandas as pd

        counts = self.counts_array()
        frame = pd.DataFrame(
            {
                "class_id": np.arange(len(counts)),
                "class_name": list(self.class_names),
                "count": counts,
                "share": counts / max(1, int(counts.sum())),
                "shot": shot_groups(counts),
            }
        )
        return frame.sort_values(["count", "class_id"], ascending=[False, True], ignore_index=True)

    def to_json(self) -> bytes:
        """JSON text that is the same, byte for byte, for the same Stats."""
        return msgspec.json.format(msgspec.json.encode(self, order="deterministic"), indent=2)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Stats":
        """Read what `to_json` gave.

        Raises:
            DataError: the file is missing, or is no analysis of this version.
        """
        try:
            return msgspec.json.decode(Path(path).read_bytes(), type=cls)
        except (OSError, ValueError) as error:
            raise DataError(
                f"{path}: expected an analysis written by `balancekit analyze --json`: {error}"
            ) from None


def fingerprint_of(task: Task, counts_by_class: Mapping[str, int], n_samples: int) -> str:
    """32 hex digits that differ when task, classes, their order or counts differ.

    >>> fingerprint_of("classification", {"a": 1}, 1) == fingerprint_of(
    ...     "classification", {"a": 2}, 2)
    False
    """
    content = msgspec.json.encode([task, list(counts_by_class.items()), n_samples])
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def wilson_interval(
    successes: ArrayLike, trials: ArrayLike, confidence: float = 0.95
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lower and upper end of the interval for a proportion; [0, 1] where trials is 0.

    Args:
        successes: number, any shape; fractions are allowed.
        trials: number, of the same shape.
        confidence: in (0, 1).

    Source: Wilson, Probable inference, JASA 22 (1927), without continuity correction.

    >>> low, high = wilson_interval(8, 10)
    >>> round(float(low), 4), round(float(high), 4)
    (0.4902, 0.9433)
    """
    hits = np.asarray(successes, np.float64)
    total = np.asarray(trials, np.float64)
    z2 = NormalDist().inv_cdf(0.5 + confidence / 2) ** 2
    safe = np.maximum(total, 1e-300)
    centre = (hits + z2 / 2) / (safe + z2)
    spread = hits * (total - hits) / safe + z2 / 4
    half = np.sqrt(z2 * np.maximum(spread, 0)) / (safe + z2)
    low = np.where(total > 0, np.clip(centre - half, 0, 1), 0.0)
    return low, np.where(total > 0, np.clip(centre + half, 0, 1), 1.0)


def shot_groups(class_counts: ArrayLike) -> NDArray[np.str_]:
    """Each class as "many" (over 100), "medium" (20 to 100) or "few" (under 20): [n_classes].

    Source: Liu et al., Large-scale long-tailed recognition in an open world, CVPR 2019.

    >>> shot_groups([101, 100, 20, 19, 0]).tolist()
    ['many', 'medium', 'medium', 'few', 'few']
    """
    counts = np.asarray(class_counts)
    return np.select([counts > 100, counts >= 20], ["many", "medium"], "few")
