"""Quotas: how many draws each class gets in each epoch."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from balancekit.plan import Capped, Schedule, Targets, steady_from, target_shares
from balancekit.samplers.lattice import floor_sum
from balancekit.samplers.orders.lengths import EpochLength

__all__ = ["Quotas"]

COMB = 1 << 24
"""Positions that the start of the comb can take between two whole numbers."""

COMB_STEP = 10368889
"""COMB over the golden ratio, odd: successive epochs start the comb far apart."""


@dataclass(frozen=True, eq=False)
class Quotas:
    """Draws of each class in each epoch: N·q rounded down or up; epochs even out their roundings.

    Class c gets the points s, s + 1, … of a comb, whose start s moves from epoch to epoch,
    that fall into the class's stretch of [0, N).

    Args:
        class_counts: int64 [n_classes].
        targets: shares of the classes.
        lengths: of the epochs, the first from epoch 0 on.
        class_names: for targets that name classes.
    """

    class_counts: NDArray[np.int64]
    targets: Targets
    lengths: tuple[EpochLength, ...]
    class_names: tuple[str, ...]

    def check(self) -> None:
        """Refuse targets that cannot be.

        Raises:
            OptionError, PlanError: of `target_shares`.
        """
        for epoch in (0, None):
            self.shares(epoch)

    def length(self, epoch: int) -> EpochLength:
        """The length that holds in an epoch."""
        return next(length for length in reversed(self.lengths) if length.first_epoch <= epoch)

    def shares(self, epoch: int | None) -> NDArray[np.float64]:
        """Shares of the classes among an epoch's draws: float64 [n_classes], sum 1.

        Args:
            epoch: None for the shares that training ends with.
        """
        length = self.lengths[-1] if epoch is None else self.length(epoch)
        # A cap that would do for each sample once must not fail for what fills the last batch.
        n_samples = int(self.class_counts.sum())
        filling = 0 < length.n_draws - n_samples < length.width
        most = _least_cap(self.targets) * n_samples
        n_draws = int(most) if filling and most < length.n_draws else length.n_draws
        return target_shares(
            self.targets,
            self.class_counts,
            class_names=self.class_names,
            n_draws=n_draws,
            epoch=epoch,
        )

    def draws_per_class(self, epoch: int) -> NDArray[np.int64]:
        """Draws of each class in an epoch: int64 [n_classes], sum n_draws."""
        start = epoch * COMB_STEP % COMB
        return np.diff((self._bounds(epoch) + start) // COMB, prepend=0).astype(np.int64)

    def before(self, epoch: int) -> NDArray[np.int64]:
        """Draws of each class in all epochs before this one: int64 [n_classes]."""
        steady = min(steady_from(self.targets), epoch)
        breaks = {*range(steady + 1), epoch}
        breaks |= {length.first_epoch for length in self.lengths if length.first_epoch < epoch}
        total = np.zeros(len(self.class_counts), np.int64)
        for first, last in pairwise(sorted(breaks)):
            total += self._between(first, last)
        return total

    def most_per_batch(self) -> NDArray[np.int64]:
        """Most draws of each class in one batch of the first length: int64 [n_classes]."""
        first = self.lengths[0]
        most = np.zeros(len(self.class_counts))
        for epoch in (0, steady_from(self.targets)):  # between them, shares only go to and fro
            most = np.maximum(most, self.shares(epoch))
        most_an_epoch = np.ceil(most * first.n_draws - 1e-6).astype(np.int64)
        return -(-most_an_epoch // first.n_batches)

    def _between(self, first: int, last: int) -> NDArray[np.int64]:
        """Draws of each class in epochs [first, last) of the same shares and length."""
        if last == first + 1:
            return self.draws_per_class(first)
        whole, part = np.divmod(self._bounds(first), COMB)
        # Σ_e floor((x + (e·h mod M)) / M) = Σ_e floor((x + e·h) / M) - Σ_e floor(e·h / M)
        carries = np.zeros_like(part)
        for sign, end in ((1, last), (-1, first)):
            carries += sign * floor_sum(end, COMB, COMB_STEP, part)
            carries -= sign * floor_sum(end, COMB, COMB_STEP, np.zeros(1, np.int64))
        return np.diff(whole * (last - first) + carries, prepend=0)

    def _bounds(self, epoch: int) -> NDArray[np.int64]:
        """Ends of the classes' stretches of [0, N), in units of 1 / COMB: int64 [n_classes]."""
        shares, n_draws = self.shares(epoch), self.length(epoch).n_draws
        ends = np.cumsum(shares) * (n_draws / shares.sum())
        # Where shares give whole numbers of draws, rounding errors must not move one. They
        # grow with the draws and with the classes summed.
        error = 1e-6 + n_draws * len(ends) * np.finfo(np.float64).eps
        whole = np.round(ends)
        ends = np.where(np.abs(ends - whole) < error, whole, ends)
        bounds: NDArray[np.int64] = np.floor(ends * COMB).astype(np.int64)
        # To the last class that is drawn, all is given out; empty ones behind it get nothing.
        bounds[np.flatnonzero(shares)[-1] :] = n_draws * COMB
        return bounds


def _least_cap(targets: Targets) -> float:
    """Most draws of a sample an epoch that targets allow; infinity without a cap."""
    parts = (targets.start, targets.end) if isinstance(targets, Schedule) else (targets,)
    return min(part.max_repeats if isinstance(part, Capped) else np.inf for part in parts)
