"""Loss sums: the losses of all samples, and how to draw samples of a class by them."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

__all__ = ["LossSums"]

FAN_OUT = 16
"""Nodes below each node of the tree of sums: a short row to search, and few levels."""

DRAWS_AT_ONCE = 1 << 11
"""Draws searched together, few enough for their rows to stay in the cache."""


@dataclass(frozen=True, eq=False)
class LossSums:
    """The losses of samples that lie class after class, and a tree of sums over each class.

    In units of an even share of its class, a sample is drawn
    uniform_share + (1 - uniform_share) · loss^gamma / (mean of loss^gamma over its class),
    the mean over the samples whose loss is known; and 1 if its own is not, or all are 0.

    To set a loss sums 16 numbers anew on each level, so that no rounding error lasts; to draw
    searches 16 on each. There are log_16 of the class's samples levels.

    Args:
        class_counts: int64 [n_classes].
        gamma: power of the losses.
        uniform_share: share of a class's draws that goes evenly to its samples.
    """

    class_counts: NDArray[np.int64]
    gamma: float
    uniform_share: float

    @property
    def losses(self) -> NDArray[np.float32]:
        """Loss of each sample, NaN where it is not known: float32 [n_samples]."""
        return self._losses[: int(self._starts[0][-1])]

    def set(
        self,
        class_ids: NDArray[np.int64],
        positions: NDArray[np.int64],
        losses: NDArray[np.float32],
    ) -> None:
        """Set the losses of some samples, each named once.

        Args:
            class_ids: of the samples, int64 [n].
            positions: of the samples in their classes, int64 [n].
            losses: float32 [n], ≥ 0.
        """
        self.losses[self._starts[0][class_ids] + positions] = losses
        self._sum_up(class_ids, positions)

    def load(self, losses: NDArray[np.floating]) -> None:
        """Set the losses of all samples, NaN where they are not known: float32 [n_samples]."""
        self.losses[:] = losses
        for level in range(self._depth):
            starts = self._starts[level + 1]
            class_ids = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
            for first in range(0, len(class_ids), DRAWS_AT_ONCE):
                some = slice(first, first + DRAWS_AT_ONCE)
                nodes = np.arange(first, first + len(class_ids[some])) - starts[class_ids[some]]
                self._sum_level(level, class_ids[some], nodes)

    def find(
        self, class_ids: NDArray[np.integer], points: NDArray[np.float64]
    ) -> NDArray[np.int64]:
        """Position in its class of the sample at each point of the cumulated shares: int64 [n].

        Args:
            class_ids: [n].
            points: float64 [n] in [0, 1).
        """
        found = np.empty(len(points), np.int64)
        for first in range(0, len(points), DRAWS_AT_ONCE):
            some = slice(first, first + DRAWS_AT_ONCE)
            found[some] = self._find(class_ids[some], points[some])
        return found

    def shares(self, class_ids: NDArray[np.integer]) -> NDArray[np.float64]:
        """Share of each sample of some classes among its class's draws: class after class."""
        counts = self.class_counts[class_ids]
        rows = -(-counts // FAN_OUT)
        ids = np.repeat(class_ids, rows)
        nodes = np.arange(len(ids)) - np.repeat(np.cumsum(rows) - rows, rows)
        shares = np.empty(int(counts.sum()))
        end = 0
        for first in range(0, len(ids), DRAWS_AT_ONCE):
            some = slice(first, first + DRAWS_AT_ONCE)
            sizes, in_even_ones = self._below(0, ids[some], nodes[some], *self._scales(ids[some]))
            found = (in_even_ones / self.class_counts[ids[some], None])[sizes > 0]
            shares[end : end + len(found)] = found
            end += len(found)
        return shares

    @cached_property
    def _losses(self) -> NDArray[np.float32]:
        # Rows of FAN_OUT are read from any node on, so that there must be some behind the last.
        return np.full(int(self._starts[0][-1]) + FAN_OUT, np.nan, np.float32)

    @cached_property
    def _depth(self) -> int:
        """Levels of sums above the losses, up to one node a class."""
        largest, depth = int(self.class_counts.max()), 1
        while FAN_OUT**depth < largest:
            depth += 1
        return depth

    @cached_property
    def _starts(self) -> list[NDArray[np.int64]]:
        """First node of each class on each level, int64 [n_classes + 1] each."""
        counts = [-(-self.class_counts // FAN_OUT**level) for level in range(self._depth + 1)]
        return [np.concatenate([[0], np.cumsum(nodes)]).astype(np.int64) for nodes in counts]

    @cached_property
    def _sums(self) -> list[NDArray[np.float64]]:
        """Sum of loss^gamma below each node of each level but that of the losses."""
        return [np.zeros(int(starts[-1]) + FAN_OUT) for starts in self._starts[1:]]

    @cached_property
    def _n_known(self) -> list[NDArray[np.float64]]:
        """Known losses below each node, likewise."""
        return [np.zeros(int(starts[-1]) + FAN_OUT) for starts in self._starts[1:]]

    def _sum_up(self, class_ids: NDArray[np.int64], nodes: NDArray[np.int64]) -> None:
        for level in range(self._depth):
            above = nodes // FAN_OUT
            _, first = np.unique(self._starts[level + 1][class_ids] + above, return_index=True)
            class_ids, nodes = class_ids[first], above[first]
            self._sum_level(level, class_ids, nodes)

    def _sum_level(
        self, level: int, class_ids: NDArray[np.int64], nodes: NDArray[np.int64]
    ) -> None:
        """Sum a level into nodes of the one above."""
        sums, n_known = self._rows(level, class_ids, nodes)
        inside = self._sizes(level, class_ids, nodes) > 0
        there = self._starts[level + 1][class_ids] + nodes
        self._sums[level][there] = (sums * inside).sum(1)
        self._n_known[level][there] = (n_known * inside).sum(1)

    def _rows(
        self, level: int, class_ids: NDArray[np.integer], nodes: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Sums and known losses of what lies below nodes: [n, FAN_OUT] both.

        Behind the end of a class they are those of the next.

        Args:
            level: that lies below.
            class_ids: of the nodes, [n].
            nodes: numbers of the nodes in their classes, int64 [n].
        """
        firsts = self._starts[level][class_ids] + nodes * FAN_OUT
        if level:
            sums, n_known = self._sums[level - 1], self._n_known[level - 1]
            of_sums, of_known = (sliding_window_view(all_, FAN_OUT) for all_ in (sums, n_known))
            return of_sums[firsts], of_known[firsts]
        losses = sliding_window_view(self._losses, FAN_OUT)[firsts].astype(np.float64)
        unknown = np.isnan(losses)
        losses[unknown] = 0.0
        powers = losses if self.gamma == 1 else losses**self.gamma
        powers[unknown] = 0.0  # 0 to the power of 0 is 1
        return powers, (~unknown).astype(np.float64)

    def _sizes(
        self, level: int, class_ids: NDArray[np.integer], nodes: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Samples in each of what lies below nodes: int64 [n, FAN_OUT]; see `_rows`."""
        size = FAN_OUT**level
        left = self.class_counts[class_ids] - nodes * (size * FAN_OUT)
        sizes: NDArray[np.int64] = left[:, None] - np.arange(FAN_OUT) * size
        return np.clip(sizes, 0, size, out=sizes)

    def _scales(
        self, class_ids: NDArray[np.integer]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """What takes a known loss from its even share, and what loss^gamma adds: [n, 1] both."""
        tops = self._starts[-1][class_ids]
        totals, n_known = self._sums[-1][tops], self._n_known[-1][tops]
        taken = np.where(totals > 0, 1 - self.uniform_share, 0.0)
        added = taken * n_known / np.where(totals > 0, totals, 1.0)
        return taken[:, None], added[:, None]

    def _below(
        self,
        level: int,
        class_ids: NDArray[np.integer],
        nodes: NDArray[np.int64],
        taken: NDArray[np.float64],
        added: NDArray[np.float64],
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Samples in each of what lies below nodes, and its share: [n, FAN_OUT] both.

        Shares are among the draws of the class, in units of an even one.
        """
        sums, n_known = self._rows(level, class_ids, nodes)
        sizes = self._sizes(level, class_ids, nodes)
        sums *= added
        n_known *= taken
        sums -= n_known
        sums += sizes
        sums *= sizes > 0
        return sizes, sums

    def _find(
        self, class_ids: NDArray[np.integer], points: NDArray[np.float64]
    ) -> NDArray[np.int64]:
        nodes = np.zeros(len(points), np.int64)
        rest = points * self.class_counts[class_ids]
        scales = self._scales(class_ids)
        rows = np.arange(len(points))
        for level in reversed(range(self._depth)):
            _, shares = self._below(level, class_ids, nodes, *scales)
            ends = np.cumsum(shares, axis=1)
            chosen = np.minimum((ends <= rest[:, None]).sum(1), FAN_OUT - 1)
            # Rounding may leave a point behind the end: it belongs to the last that is drawn.
            behind = np.flatnonzero(shares[rows, chosen] <= 0)
            chosen[behind] = np.argmax(ends[behind], axis=1)
            rest = np.maximum(rest - (ends[rows, chosen] - shares[rows, chosen]), 0.0)
            nodes = nodes * FAN_OUT + chosen
        return nodes
