"""Stats: every measure of a labelled set, and the issues found in it."""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from balancekit.errors import DataError
from balancekit.files import write_whole
from balancekit.labels import Media, Task
from balancekit.stats.counts import Severity, Unit
from balancekit.stats.measures import (
    Balance,
    ClassTable,
    Duplicates,
    MultiLabel,
    Quality,
    Regression,
    SplitStats,
)
from balancekit.stats.summary import summary_html, summary_text

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Issue", "Rows", "Stats", "fingerprint_of", "shot_groups", "wilson_interval"]

Rows = Literal["numbers", "text"]
"""What samples that are no pictures hold."""


class Issue(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something in the data that a user should know of, and what to do about it."""

    code: str
    severity: Severity
    title: str
    what_to_do: str
    count: int
    examples: tuple[str, ...] = ()


class Stats(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every measure of a labelled set, and the issues found in it.

    Attributes:
        source: what was read, and why so, in words.
        format: in which the data were found.
        rows: what samples that are rows hold; None of others, and where it is not known, as of
            labels alone and in files of earlier versions.
        split: the split that was measured, if the data have splits.
        unit: what `class_counts` counts; `per_class` has the other counts.
        n_void_pixels: pixels of masks that belong to no class.
        class_names: in the order of the class ids.
        class_counts: of each class in the task's own unit, in the same order.
        fingerprint: of task, class names and counts; a plan carries it.
        balance: how unequal `class_counts` are.
        per_class: everything known of each class, in columns.
        splits: the other splits beside the one that was measured.
    """

    schema: Literal["balancekit.analysis/1"] = "balancekit.analysis/1"
    source: str
    format: str = "memory"
    task: Task
    media: Media
    rows: Rows | None = None
    split: str | None = None
    unit: Unit = "samples"
    n_samples: int
    n_unlabelled: int
    n_checked: int
    n_void_pixels: int = 0
    class_names: tuple[str, ...]
    class_counts: tuple[int, ...]
    fingerprint: str
    balance: Balance
    per_class: ClassTable = ClassTable()
    multilabel: MultiLabel | None = None
    regression: Regression | None = None
    splits: tuple[SplitStats, ...] = ()
    duplicates: Duplicates | None = None
    quality: Quality | None = None
    issues: tuple[Issue, ...] = ()

    def __post_init__(self) -> None:
        if len(self.class_names) != len(self.class_counts):
            raise ValueError(
                f"expected one count a class, got {len(self.class_names)} class names "
                f"and {len(self.class_counts)} counts"
            )

    def __repr__(self) -> str:
        """A few lines, not all fields: source, sizes, imbalance and issues."""
        return summary_text(self)

    def _repr_html_(self) -> str:
        """The same in a notebook, with a table of the largest and smallest classes."""
        return summary_html(self)

    def counts_array(self) -> NDArray[np.int64]:
        """Samples of each class: int64 [n_classes]."""
        return np.array(self.class_counts, np.int64)

    def to_frame(self) -> "pd.DataFrame":
        """One row a class, rarest last: name, count, share, and the columns of `per_class`.

        The share is that of all counts; of labels, of which a sample may carry several, it is
        not the share of the samples.
        """
        import pandas as pd

        counts = self.counts_array()
        columns = msgspec.structs.asdict(self.per_class)
        known = {name: list(column) for name, column in columns.items() if column}
        frame = pd.DataFrame(
            {
                "class_id": np.arange(len(counts)),
                "class_name": list(self.class_names),
                "count": counts,
                "share": counts / max(1, int(counts.sum())),
                **{name: pd.Series(column) for name, column in known.items()},
            }
        )
        return frame.sort_values(["count", "class_id"], ascending=[False, True], ignore_index=True)

    def to_json(self) -> bytes:
        """JSON text that is the same, byte for byte, for the same Stats."""
        return msgspec.json.format(msgspec.json.encode(self, order="deterministic"), indent=2)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write what `load` and `balancekit recommend` read, complete or not at all.

        Raises:
            OptionError: the folder of the file is missing, or the file is itself a folder.
        """
        write_whole(self.to_json(), path)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Stats":
        """Read what `to_json` gave.

        Raises:
            DataError: the file is missing, or is no analysis of this version.
        """
        expected = f"{path}: expected an analysis written by `balancekit analyze --json FILE`"
        try:
            return msgspec.json.decode(Path(path).read_bytes(), type=cls)
        except FileNotFoundError:
            raise DataError(f"{expected}, found no such file. Check the path.") from None
        except IsADirectoryError:
            raise DataError(f"{expected}, got a folder. Analyze it first.") from None
        except OSError as error:
            raise DataError(f"{expected}, cannot read it: {error.strerror}") from None
        except ValueError as error:
            raise DataError(f"{expected}: {error}") from None


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
    from statistics import NormalDist

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
