"""Passes: what the passes of one rank over an order hand out, and where they stand."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple, TypedDict

import numpy as np
from numpy.typing import NDArray

from balancekit.errors import OptionError
from balancekit.samplers.orders.lengths import EpochLength
from balancekit.samplers.orders.order import Block, Order
from balancekit.samplers.permutation import hash_keys

__all__ = ["Part", "Passes", "Piece", "State"]

FIRST_DRAWS, BLOCK_DRAWS = 1 << 12, 1 << 16
"""Draws computed at once: few at first, so that a pass starts at once, then enough to hide
NumPy's overhead, few enough to stay in the cache."""


LISTED_DRAWS = 1 << 13
"""Draws made Python's integers at once."""


class Part(NamedTuple):
    """Which part of each batch a process yields.

    Attributes:
        rank: in [0, world_size); "all" yields the parts of all ranks, one after another.
        world_size: processes that train together.
    """

    rank: int | Literal["all"]
    world_size: int


class State(TypedDict):
    """Where passes stand, in plain integers.

    Attributes:
        seed: of the order.
        data: what tells the labels from others.
        epoch: of the pass that runs, or of the next.
        position: at which it goes on.
        lengths: fields of each `EpochLength` up to this epoch.
    """

    seed: int
    data: int
    epoch: int
    position: int
    lengths: list[list[int]]


@dataclass(frozen=True, eq=False)
class Piece:
    """Batches to hand out, one a row.

    Attributes:
        indices: integer [n_batches, batch_size].
        repeats: int64 of that shape; None where nobody asked.
        filled: bool of that shape, where a draw stands; None if at every place.
        ends: int64 [n_batches], position of the epoch after each batch.
    """

    indices: NDArray[np.integer]
    repeats: NDArray[np.int64] | None
    filled: NDArray[np.bool_] | None
    ends: NDArray[np.int64]

    def lists(self, values: NDArray[np.integer]) -> Iterator[list[int]]:
        """Indices or repeats as lists, one a batch, without the places that are not filled."""
        if self.filled is not None:
            pairs = zip(values, self.filled, strict=True)
            return (row[here].tolist() for row, here in pairs)
        # Few at once: Python's integers are made and freed fastest while they lie in the cache.
        step = max(1, LISTED_DRAWS // values.shape[1])
        parts = (values[begin : begin + step] for begin in range(0, len(values), step))
        return itertools.chain.from_iterable(part.tolist() for part in parts)

    def flat(self, values: NDArray[np.integer]) -> list[int]:
        """Indices or repeats as one list, without the places that are not filled."""
        chosen = values.ravel() if self.filled is None else values[self.filled]
        flat: list[int] = chosen.astype(np.int64, copy=False).tolist()  # faster than of uint32
        return flat


class Passes:
    """The passes over an order, and where they stand.

    A position counts the places for draws, of all ranks together, from the start of the epoch.

    Args:
        make_order: the order of epochs of these lengths, the last of which holds.
        make_length: the length of epochs of batches of this width, shared by so many ranks.
        batch_size: draws a batch, on each rank.
        seed: of the order.
        class_counts: what tells the data of one state from others.
        whole_batches: whether another number of ranks must get the batches of an epoch that
            has begun as they are, as their draws belong together.
    """

    def __init__(
        self,
        make_order: Callable[[tuple[EpochLength, ...]], Order],
        make_length: Callable[[int, int], EpochLength],
        *,
        batch_size: int,
        seed: int,
        class_counts: NDArray[np.int64],
        whole_batches: bool = False,
    ) -> None:
        self._make_order, self._make_length = make_order, make_length
        self._whole_batches = whole_batches
        self._batch_size, self._seed = batch_size, seed
        self._data: int = int(
            np.bitwise_xor.reduce(hash_keys(np.arange(len(class_counts)), class_counts))
        )
        self._lengths: tuple[EpochLength, ...] = ()
        self._orders: dict[tuple[EpochLength, ...], Order] = {}
        self._epoch, self._position = 0, 0
        self._live: Callable[[], int] | None = None

    def __getstate__(self) -> dict[str, Any]:
        # A copy starts where the pass stands; the pass itself cannot be sent.
        position = self._live() if self._live is not None else self._position
        return {**self.__dict__, "_position": position, "_live": None}

    @property
    def epoch(self) -> int:
        """The epoch of the pass that runs, or of the next."""
        return self._epoch

    def order(self, world_size: int) -> Order:
        """The order of whole epochs, from the next on."""
        lengths = self._lengths_from(self._epoch, world_size, 0)
        if lengths not in self._orders:
            self._orders = {lengths: self._make_order(lengths)}
        return self._orders[lengths]

    def set_epoch(self, epoch: int, position: int | None = None) -> None:
        """Choose the epoch of the next pass.

        Args:
            epoch: ≥ 0. If it is the one of a pass that runs or was resumed, that one goes on.
            position: at which the next pass starts; as it stands if not given.

        Raises:
            OptionError: there is no such epoch.
        """
        if isinstance(epoch, bool) or not isinstance(epoch, int | np.integer) or epoch < 0:
            raise OptionError(f"epoch: expected an integer ≥ 0, got {epoch!r}")
        if position is None and epoch == self._epoch:
            return
        self._epoch, self._position, self._live = int(epoch), position or 0, None

    def state(self, part: Part) -> State:
        """Where the passes stand, in plain integers, the same on every rank."""
        position = self._live() if self._live is not None else self._position
        lengths = self._lengths_from(self._epoch, part.world_size, position)
        return {
            "seed": self._seed,
            "data": self._data >> 1,  # fits a signed word
            "epoch": self._epoch,
            "position": position,
            "lengths": [list(length) for length in lengths],
        }

    def load_state(self, state: State) -> None:
        """Go on where a state stood.

        Raises:
            OptionError: it is no state, or of other data, or of another seed.
        """
        if missing := sorted(State.__required_keys__ - state.keys()):
            raise OptionError(f"state: expected one of state_dict(), got none of {missing}")
        if state["seed"] != self._seed:
            raise OptionError(
                f"state: expected the seed {self._seed} of this sampler, got {state['seed']}"
            )
        if state["data"] != self._data >> 1:
            raise OptionError(
                "state: expected one of a sampler of these labels, got one whose classes have "
                "other numbers of samples. Resume with the labels that the run started with."
            )
        self._lengths = tuple(EpochLength(*length) for length in state["lengths"])
        self._epoch, self._position, self._live = state["epoch"], state["position"], None

    def position_after(self, state: State, part: Part, n_batches: int, *, cut: bool) -> int:
        """The position after some batches of a pass that began at a state.

        Args:
            state: of `state`.
            part: of each batch that was handed out.
            n_batches: batches handed out since.
            cut: whether a loader cut the draws into batches, whatever the order deals.
        """
        lengths = tuple(EpochLength(*length) for length in state["lengths"])
        length, begin = lengths[-1], state["position"]
        step = self._batch_size * (1 if part.rank == "all" else part.world_size)
        end = length.n_batches * length.width
        if self._whole_batches:
            return min(end, begin + n_batches * step)
        if length.width == self._batch_size * part.world_size:
            aligned = begin if cut else begin - begin % step
            return min(end, aligned + n_batches * step)
        if length.n_draws == end:
            return min(end, begin + n_batches * step)
        order = self._make_order(lengths)
        width = self._batch_size * part.world_size
        pieces = _cut_anew(order, state["epoch"], begin, part, width, False)
        ends = [begin, *itertools.chain.from_iterable(piece.ends.tolist() for piece in pieces)]
        position: int = ends[min(n_batches, len(ends) - 1)]
        return position

    def pieces(self, part: Part, *, with_repeats: bool) -> Iterator[Piece]:
        """The batches of the next pass, and then the epoch moves on."""
        epoch, position = self._epoch, self._position
        self._position = 0
        lengths = self._lengths_from(epoch, part.world_size, position)
        if self._lengths:
            self._lengths = lengths
        order = self._orders.get(lengths) or self._make_order(lengths)
        self._orders[lengths] = order
        width = self._batch_size * part.world_size
        aligned = position % width == 0 or part.rank == "all" or not self._whole_batches
        if order.length.width == width and aligned:
            yield from _dealt(order, epoch, position, part, with_repeats)
        elif self._whole_batches:
            yield from _shared_anew(order, epoch, position, part, self._batch_size, with_repeats)
        else:
            yield from _cut_anew(order, epoch, position, part, width, with_repeats)
        self._epoch, self._position, self._live = epoch + 1, 0, None

    def follow(self, live: Callable[[], int]) -> None:
        """Take the position from here while a pass runs."""
        self._live = live

    def _lengths_from(self, epoch: int, world_size: int, position: int) -> tuple[EpochLength, ...]:
        """The lengths of the epochs up to this one; a pass that has begun keeps its own."""
        wanted = self._make_length(self._batch_size * world_size, world_size)
        if not self._lengths:
            return (wanted,)
        known = tuple(length for length in self._lengths if length.first_epoch <= epoch)
        if position or known[-1][1:] == wanted[1:]:
            return known
        earlier = tuple(length for length in known if length.first_epoch < epoch)
        return (*earlier, wanted._replace(first_epoch=epoch))


def _blocks(first: int, last: int, width: int) -> list[Block]:
    """Blocks of batches, small ones first."""
    blocks, n_draws = [], FIRST_DRAWS
    while first < last:
        end = min(last, first + max(1, n_draws // width))
        blocks.append((first, end))
        first, n_draws = end, min(4 * n_draws, BLOCK_DRAWS)
    return blocks


def _dealt(
    order: Order, epoch: int, position: int, part: Part, with_repeats: bool
) -> Iterator[Piece]:
    """The part's batches as the order deals them, from a position on."""
    width, n_ranks = order.length.width, part.world_size
    together = part.rank == "all"
    first, skipped = divmod(position, width)
    blocks = _blocks(first, order.length.n_batches, width)
    rank, world_size = (0, 1) if part.rank == "all" else (part.rank, n_ranks)
    dealt = order.draws_of_blocks(epoch, blocks, rank=rank, world_size=world_size)
    for (begin, end), draws in zip(blocks, dealt, strict=True):
        repeats = order.repeats(epoch, draws) if with_repeats else None
        grids = (draws.indices, repeats, draws.filled)
        ends = (np.arange(begin, end) + 1) * width
        if together:
            grids = tuple(_rank_by_rank(grid, n_ranks) for grid in grids)
            ends = np.arange(begin * n_ranks, end * n_ranks) + 1
            ends *= width // n_ranks
        piece = Piece(*grids, ends)
        yield _without_first(piece, skipped // world_size) if skipped else piece
        skipped = 0


def _cut_anew(
    order: Order, epoch: int, position: int, part: Part, width: int, with_repeats: bool
) -> Iterator[Piece]:
    """The rest of an epoch that was dealt to batches of another width, in order, in new ones.

    Draws that the ranks cannot share equally at the very end are left out.
    """
    within = position % order.length.width
    rest = np.empty((3, 0), np.int64)
    for piece in _dealt(order, epoch, position - within, Part(0, 1), with_repeats):
        places = _draws_and_ends(piece)
        rest = np.concatenate([rest, places[:, places[2] > position]], axis=1)
        whole = rest.shape[1] // width * width
        if whole:
            yield _part_of(rest[:, :whole], part, width)
            rest = rest[:, whole:]
    left = rest.shape[1] // part.world_size * part.world_size
    if left:
        last = np.concatenate([rest[:, :left], np.zeros((3, width - left), np.int64)], axis=1)
        last[2, left:] = last[2, left - 1]
        piece = _part_of(last, part, width)
        size, n = width // part.world_size, left // part.world_size
        yield replace(piece, filled=np.tile(np.arange(size) < n, (len(piece.indices), 1)))


def _shared_anew(
    order: Order, epoch: int, position: int, part: Part, batch_size: int, with_repeats: bool
) -> Iterator[Piece]:
    """The rest of an epoch that was dealt to other ranks, its batches given out one by one.

    Batches that the ranks cannot share equally at the very end are left out.
    """
    width, n_ranks = order.length.width, part.world_size
    before = Part("all", width // batch_size)
    n_batches = (order.length.n_batches * width - position) // batch_size
    last = position + n_batches // n_ranks * n_ranks * batch_size
    for piece in _dealt(order, epoch, position - position % width, before, with_repeats):
        mine = (piece.ends > position) & (piece.ends <= last)
        ends = piece.ends
        if part.rank != "all":
            turns = (piece.ends - position) // batch_size - 1
            mine &= turns % n_ranks == part.rank
            ends = piece.ends + (n_ranks - 1 - part.rank) * batch_size
        repeats = None if piece.repeats is None else piece.repeats[mine]
        if np.any(mine):
            yield Piece(piece.indices[mine], repeats, None, ends[mine])


def _draws_and_ends(piece: Piece) -> NDArray[np.int64]:
    """Index, repeat, and the position after it, of each draw of a piece: int64 [3, n]."""
    width = piece.indices.shape[1]
    repeats = np.zeros_like(piece.indices) if piece.repeats is None else piece.repeats
    ends = piece.ends[:, None] - width + 1 + np.arange(width)
    places = np.stack([piece.indices, repeats, ends]).astype(np.int64)
    return places.reshape(3, -1) if piece.filled is None else places[:, piece.filled]


def _part_of(places: NDArray[np.int64], part: Part, width: int) -> Piece:
    """A part of whole batches of `width` draws, given with the position after each."""
    index, repeat, after = (row.reshape(-1, width) for row in places)
    if part.rank == "all":
        index, repeat = (_rank_by_rank(grid, part.world_size) for grid in (index, repeat))
        return Piece(index, repeat, None, np.repeat(after[:, -1], part.world_size))
    mine = slice(part.rank, None, part.world_size)
    return Piece(index[:, mine], repeat[:, mine], None, after[:, -1])


def _rank_by_rank(grid: Any, world_size: int) -> Any:
    """The batches of all ranks, one after another: [n_batches · world_size, batch_size]."""
    if grid is None:
        return None
    by_rank = grid.reshape(len(grid), -1, world_size).transpose(0, 2, 1)
    return by_rank.reshape(len(grid) * world_size, -1)


def _without_first(piece: Piece, n: int) -> Piece:
    """A piece whose first n places are not filled."""
    filled = np.ones(piece.indices.shape, np.bool_) if piece.filled is None else piece.filled.copy()
    filled.ravel()[:n] = False
    return replace(piece, filled=filled)
