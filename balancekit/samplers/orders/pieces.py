"""Pieces: the batches that a rank, or all of them, are handed from a place of an epoch on."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from balancekit.samplers.orders.order import Block, Draws, Order

__all__ = ["Part", "Piece", "Start", "pieces_from"]

FIRST_DRAWS, BLOCK_DRAWS = 1 << 12, 1 << 16
"""Draws computed at once: few at first, so that a pass starts at once, then enough to hide
NumPy's overhead, few enough to stay in the cache."""

BLOCKS_LISTED = 1 << 10
"""Blocks that an order is asked for at once."""

LISTED_DRAWS = 1 << 12
"""Draws made Python's integers at once."""


class Part(NamedTuple):
    """Which part of each batch a process yields.

    Attributes:
        rank: in [0, world_size); "all" yields the parts of all ranks, one after another.
        world_size: processes that train together.
    """

    rank: int | Literal["all"]
    world_size: int

    @property
    def n_in_turn(self) -> int:
        """Parts of a batch that are handed out one after another."""
        return self.world_size if self.rank == "all" else 1

    @property
    def stride(self) -> int:
        """Places that a position moves on with each draw handed out."""
        return 1 if self.rank == "all" else self.world_size


class Start(NamedTuple):
    """Where in an epoch a pass starts.

    Attributes:
        epoch: of the pass.
        position: places handed out before.
        n_in_turn: parts of the batch it stands in that were handed out one after another.
    """

    epoch: int
    position: int
    n_in_turn: int


@dataclass(frozen=True, eq=False)
class Piece:
    """Batches to hand out, one a row.

    Attributes:
        indices: integer [n_batches, size]; the last batches may be smaller than the others.
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
        # As int64, whose own conversion is faster than that of uint32.
        return itertools.chain.from_iterable(part.astype(np.int64).tolist() for part in parts)

    def flat(self, values: NDArray[np.integer]) -> list[int]:
        """Indices or repeats as one list, without the places that are not filled."""
        chosen = values.ravel() if self.filled is None else values[self.filled]
        flat: list[int] = chosen.astype(np.int64, copy=False).tolist()  # faster than of uint32
        return flat


def pieces_from(
    order: Order,
    start: Start,
    part: Part,
    batch_size: int,
    *,
    whole_batches: bool = False,
    with_repeats: bool = False,
) -> Iterator[Piece]:
    """A part of the batches of an epoch, from a place on.

    Args:
        order: whose batches may be of another width than those of the part.
        start: where.
        part: of each batch.
        batch_size: draws a batch, on each rank.
        whole_batches: whether the batches of the order's ranks stay as they are.
        with_repeats: whether the pieces tell repeats.
    """
    length = order.length
    batch, within = divmod(start.position, length.width)
    as_dealt = length.width == batch_size * part.world_size
    if as_dealt and within and not (part.rank == "all" and part.n_in_turn == start.n_in_turn):
        if not whole_batches:
            # The batch that has begun is shared as it can be; then all are as the order deals.
            yield from _cut_anew(order, start, part, batch_size, batch + 1, with_repeats)
            start = Start(start.epoch, (batch + 1) * length.width, 1)
        as_dealt = not whole_batches
    if as_dealt:
        yield from _dealt(order, start, part, length.n_batches, with_repeats)
    elif whole_batches:
        yield from _shared_anew(order, start, part, batch_size, with_repeats)
    else:
        yield from _cut_anew(order, start, part, batch_size, length.n_batches, with_repeats)


def _blocks(first: int, last: int, width: int) -> Iterator[Block]:
    """Blocks of batches, small ones first."""
    n_draws = FIRST_DRAWS
    while first < last:
        end = min(last, first + max(1, n_draws // width))
        yield first, end
        first, n_draws = end, min(4 * n_draws, BLOCK_DRAWS)


def _draws_of_blocks(
    order: Order, epoch: int, blocks: Iterator[Block], part: Part
) -> Iterator[tuple[Block, Draws]]:
    """Blocks, each with its draws, of all ranks together if the part is of all."""
    rank, world_size = (0, 1) if part.rank == "all" else (part.rank, part.world_size)
    # Some at a time, as a list of those of a whole epoch takes time before its first batch.
    while some := list(itertools.islice(blocks, BLOCKS_LISTED)):
        draws = order.draws_of_blocks(epoch, some, rank=rank, world_size=world_size)
        yield from zip(some, draws, strict=True)


def _dealt(
    order: Order, start: Start, part: Part, last: int, with_repeats: bool
) -> Iterator[Piece]:
    """The part of the batches before the last as the order deals them.

    A start within a batch is one of a part of all ranks.
    """
    width, n_ranks = order.length.width, part.world_size
    first, skipped = divmod(start.position, width)
    blocks = _blocks(first, last, width)
    for (begin, end), draws in _draws_of_blocks(order, start.epoch, blocks, part):
        repeats = order.repeats(start.epoch, draws) if with_repeats else None
        grids = (draws.indices, repeats, draws.filled)
        ends = (np.arange(begin, end) + 1) * width
        if part.rank == "all":
            grids = tuple(_rank_by_rank(grid, n_ranks) for grid in grids)
            ends = np.arange(begin * n_ranks, end * n_ranks) + 1
            ends *= width // n_ranks
        piece = Piece(*grids, ends)
        yield _without_first(piece, skipped) if skipped else piece
        skipped = 0


def _cut_anew(
    order: Order, start: Start, part: Part, batch_size: int, last: int, with_repeats: bool
) -> Iterator[Piece]:
    """The rest of the batches before the last, in order, in new ones.

    The last may be short; draws that the ranks cannot share equally are left out.
    """
    width = batch_size * part.stride
    begun = start._replace(position=start.position - start.position % order.length.width)
    rest = np.empty((3, 0), np.int64)
    for piece in _dealt(order, begun, Part("all", start.n_in_turn), last, with_repeats):
        places = _draws_and_ends(piece)
        rest = np.concatenate([rest, places[:, places[2] > start.position]], axis=1)
        whole = rest.shape[1] // width * width
        if whole:
            yield _shared(rest[:, :whole], part, batch_size)
            rest = rest[:, whole:]
    left = rest.shape[1] // part.stride
    if left:
        yield _shared(rest[:, : left * part.stride], part, left)


def _shared_anew(
    order: Order, start: Start, part: Part, batch_size: int, with_repeats: bool
) -> Iterator[Piece]:
    """The rest of an epoch that was dealt to other ranks, its batches given out one by one.

    Batches that the ranks cannot share equally at the very end are left out.
    """
    length, stride, position = order.length, part.stride, start.position
    n_batches = (length.n_batches * length.width - position) // batch_size
    last = position + n_batches // stride * stride * batch_size
    begun = start._replace(position=position - position % length.width)
    before = Part("all", length.width // batch_size)
    for piece in _dealt(order, begun, before, length.n_batches, with_repeats):
        mine = (piece.ends > position) & (piece.ends <= last)
        ends = piece.ends
        if part.rank != "all":
            turns = (piece.ends - position) // batch_size - 1
            mine &= turns % stride == part.rank
            ends = piece.ends + (stride - 1 - part.rank) * batch_size
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


def _shared(places: NDArray[np.int64], part: Part, batch_size: int) -> Piece:
    """A part of new batches of so many draws on each rank, given with the position after each.

    The ranks take draws in turn; for all ranks together, batches are cut one after the other,
    as a position could not tell which draws were handed out else.
    """
    steps = places.reshape(3, -1, batch_size * part.stride)
    rank = 0 if part.rank == "all" else part.rank
    mine = steps[:2, :, rank :: part.stride]
    return Piece(mine[0], mine[1], None, steps[2, :, -1])


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
