"""Audit: what some epochs hold, as it was counted."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from balancekit.errors import OptionError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Audit"]

N_SHOWN = 3
"""Rarest and most common classes that the text of an audit shows."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Audit:
    """What some epochs hold: uses of samples, draws of classes, what a batch is made of.

    Classes are those that the order draws for, or those of the labels that were given; a
    sample of several labels then counts for each. Batches are those of all ranks together,
    if not said otherwise.

    Attributes:
        class_names: of the classes.
        first_epoch: the first that was counted.
        epochs: how many were.
        n_batches: in all epochs.
        batch_size: places for draws in a batch.
        world_size: ranks that share a batch.
        n_draws: in all epochs.
        samples_per_class: int64 [n_classes].
        draws_per_class: exact number of draws, int64 [n_classes].
        expected_draws_per_class: draws times the share that the targets give the class,
            float64 [n_classes]; their sum is `n_draws`. None if the order tells no shares.
        fewest_uses_per_class: uses of the sample of the class that was drawn least,
            int64 [n_classes]; 0 for classes without samples.
        mean_uses_per_class: uses of a sample on average, for whichever of its classes it was
            drawn, float64 [n_classes].
        most_uses_per_class: uses of the sample that was drawn most, int64 [n_classes].
        coverage_per_class: share of the samples drawn at least once, float64 [n_classes]; 0
            for classes without samples.
        batch_low_per_class: fewest in one batch, int64 [n_classes].
        batch_high_per_class: most in one batch.
        rank_low_per_class: fewest in one rank's part of a batch.
        rank_high_per_class: most in one rank's part of a batch.
        samples_per_use: samples that were used 0, 1, 2, … times, int64 [most uses + 1].
        n_batches_with_duplicates: batches that hold a sample more than once.
        most_copies_in_a_batch: of one sample.
    """

    class_names: tuple[str, ...]
    first_epoch: int
    epochs: int
    n_batches: int
    batch_size: int
    world_size: int
    n_draws: int
    samples_per_class: NDArray[np.int64]
    draws_per_class: NDArray[np.int64]
    expected_draws_per_class: NDArray[np.float64] | None
    fewest_uses_per_class: NDArray[np.int64]
    mean_uses_per_class: NDArray[np.float64]
    most_uses_per_class: NDArray[np.int64]
    coverage_per_class: NDArray[np.float64]
    batch_low_per_class: NDArray[np.int64]
    batch_high_per_class: NDArray[np.int64]
    rank_low_per_class: NDArray[np.int64]
    rank_high_per_class: NDArray[np.int64]
    samples_per_use: NDArray[np.int64]
    n_batches_with_duplicates: int
    most_copies_in_a_batch: int
    _uses: NDArray[np.uint32] = field(repr=False)
    _expected_uses: Callable[[], NDArray[np.float64]] | None = field(repr=False)

    def draws_per_sample(self) -> NDArray[np.uint32]:
        """How often each sample was drawn: uint32 [n_samples], up to the last labelled one."""
        return self._uses

    def expected_draws_per_sample(self) -> NDArray[np.float64]:
        """Draws times the probability that each is of the sample: float64 [n_samples].

        Their sum is `n_draws`.

        Raises:
            OptionError: the order tells no shares.
        """
        if self._expected_uses is None:
            raise OptionError(
                "audit: expected an order that tells the shares of its classes, got one that "
                "does not. draws_per_sample() has what was drawn"
            )
        return self._expected_uses()

    def drawn_shares(self) -> NDArray[np.float64]:
        """The effective prior: share of each class among the draws, float64 [n_classes]."""
        shares: NDArray[np.float64] = self.draws_per_class / max(1, int(self.draws_per_class.sum()))
        return shares

    def expected_shares(self) -> NDArray[np.float64] | None:
        """What the targets give each class of the same, float64 [n_classes]; None if untold."""
        if self.expected_draws_per_class is None:
            return None
        shares: NDArray[np.float64] = self.expected_draws_per_class
        return shares / float(shares.sum())

    def to_frame(self) -> "pd.DataFrame":
        """A row a class, with a column for each count and share."""
        import pandas as pd

        expected = self.expected_draws_per_class
        columns = {
            "class": self.class_names,
            "samples": self.samples_per_class,
            "draws": self.draws_per_class,
            "expected_draws": np.full(len(self.class_names), np.nan)
            if expected is None
            else expected,
            "fewest_uses": self.fewest_uses_per_class,
            "mean_uses": self.mean_uses_per_class,
            "most_uses": self.most_uses_per_class,
            "coverage": self.coverage_per_class,
            "batch_low": self.batch_low_per_class,
            "batch_high": self.batch_high_per_class,
            "rank_low": self.rank_low_per_class,
            "rank_high": self.rank_high_per_class,
        }
        return pd.DataFrame(columns)

    def __str__(self) -> str:
        doubles = (
            f"a sample stands more than once in {self.n_batches_with_duplicates:,} of them, "
            f"up to {self.most_copies_in_a_batch:,} times"
            if self.n_batches_with_duplicates
            else "none holds a sample twice"
        )
        n_samples = int(self.samples_per_use.sum())
        drawn = n_samples - int(self.samples_per_use[0])
        lines = [
            f"{self.n_draws:,} draws in {self.n_batches:,} batches of {self.batch_size:,}; "
            f"{doubles}",
            f"{drawn:,} of {n_samples:,} samples drawn, each at most "
            f"{len(self.samples_per_use) - 1:,} times",
        ]
        filled = np.flatnonzero(self.samples_per_class)
        by_count = filled[np.argsort(-self.samples_per_class[filled], kind="stable")]
        described = [self._line(int(c)) for c in by_count[:N_SHOWN]]
        n_between = len(by_count) - 2 * N_SHOWN
        described += [f"  … {n_between:,} more classes …"] if n_between > 0 else []
        described += [self._line(int(c)) for c in by_count[max(N_SHOWN, len(by_count) - N_SHOWN) :]]
        return "\n".join(lines + described)

    def _line(self, c: int) -> str:
        """One class in words."""
        low, high = self.batch_low_per_class[c], self.batch_high_per_class[c]
        fewest, most = self.fewest_uses_per_class[c], self.most_uses_per_class[c]
        return (
            f"  {self.class_names[c]}: {self.draws_per_class[c]:,} draws of "
            f"{self.samples_per_class[c]:,} samples, {_range(fewest, most)} each, "
            f"{_range(low, high)} in a batch"
        )


def _range(low: int, high: int) -> str:
    return f"{low:,}" if low == high else f"{low:,}–{high:,}"
