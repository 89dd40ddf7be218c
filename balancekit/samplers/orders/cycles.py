"""Cycles: lists that are gone through again and again, each time in a new order."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from balancekit.samplers.permutation import hash_keys, permute, unpermute

__all__ = ["Cycles"]


@dataclass(frozen=True, eq=False)
class Cycles:
    """Draw number d of a list of n items takes place d mod n of its cycle d // n.

    Each cycle is a shuffle of the whole list. So that the end of one and the start of the
    next hold no item twice, the last `head` items of a cycle are none of the first `head` of
    the next: what would be changes places with an item just before. Lists too short for that
    are shuffled in blocks of places instead, the same items in a block in every cycle.

    Args:
        sizes: int64 [n_lists], items of each list, ≥ 1.
        heads: int64 [n_lists], 0 or the one number of all that are not 0.
        block_lengths: int64 [n_lists]; the whole list where its head is not 0.
        seed: of the shuffles.
    """

    sizes: NDArray[np.int64]
    heads: NDArray[np.int64]
    block_lengths: NDArray[np.int64]
    seed: int

    @classmethod
    def for_runs(
        cls, sizes: NDArray[np.int64], run: int, seed: int, *, aligned: bool = True
    ) -> "Cycles":
        """Cycles of which any `run` draws in a row hold each item equally often, to within one.

        Args:
            sizes: int64 [n_lists].
            run: draws in a row, ≥ 1.
            seed: of the shuffles.
            aligned: whether only runs that begin at a multiple of `run` matter.
        """
        left = np.where(sizes < run, run % sizes, sizes % run)
        # Two uses of an item are a cycle apart, give or take a block less one place.
        slack = np.where(sizes < run, np.minimum(sizes - left, left), sizes - run)
        roomy = sizes >= 3 * (run - 1)
        divides = (left == 0) & aligned
        heads = np.where(roomy & ~divides, run - 1, 0)
        return cls(sizes, heads, np.where(roomy | divides, sizes, slack + 1), seed)

    def items(self, lists: NDArray[np.integer], numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """The item of each draw: int64 [n], position in its list.

        Args:
            lists: of the draws, [n].
            numbers: int64 [n], how many draws the list had before.
        """
        cycles, places = np.divmod(numbers, self.sizes[lists])
        items = self._shuffled(lists, cycles, places)
        ends = np.flatnonzero(places >= self.sizes[lists] - 2 * self.heads[lists])
        if len(ends):
            items[ends] = self._items_at_end(lists[ends], cycles[ends], places[ends])
        return items

    def _shuffled(
        self,
        lists: NDArray[np.integer],
        cycles: NDArray[np.int64],
        places: NDArray[np.int64],
    ) -> NDArray[np.int64]:
        """The item at each place, before heads are looked at: int64, shaped as the places."""
        lengths = self.block_lengths[lists]
        blocks, within = np.divmod(places, lengths)
        starts = places - within
        sizes = np.minimum(lengths, self.sizes[lists] - starts)
        return starts + permute(within, sizes, hash_keys(self.seed, lists, cycles, blocks))

    def _items_at_end(
        self,
        lists: NDArray[np.integer],
        cycles: NDArray[np.int64],
        places: NDArray[np.int64],
    ) -> NDArray[np.int64]:
        """The items at places among the last 2 · head of lists that have a head: int64 [n]."""
        head = int(self.heads.max())
        # Draws of one list and cycle mostly lie side by side, and share what is worked out.
        new = np.diff(lists, prepend=-1) != 0
        new |= np.diff(cycles, prepend=-1) != 0
        firsts = np.flatnonzero(new)
        of_list, of_cycle = lists[firsts, None], cycles[firsts, None]
        starts = self.sizes[of_list] - 2 * head
        items = self._shuffled(of_list, of_cycle, starts + np.arange(2 * head))
        sizes = self.sizes[of_list]
        next_keys = hash_keys(self.seed, of_list, of_cycle + 1, 0)
        clashes = unpermute(items, sizes, next_keys) < head
        # At most `head` clash in all, so that those at the very end find as many that do not.
        wrong = np.argsort(~clashes[:, head:], axis=1, kind="stable") + head
        right = np.argsort(clashes[:, :head], axis=1, kind="stable")
        n_wrong = clashes[:, head:].sum(1)
        rows, nth = np.nonzero(np.arange(head) < n_wrong[:, None])
        one, other = (rows, wrong[rows, nth]), (rows, right[rows, nth])
        items[one], items[other] = items[other], items[one]
        here = np.cumsum(new) - 1
        found: NDArray[np.int64] = items[here, places - starts[here, 0]]
        return found
