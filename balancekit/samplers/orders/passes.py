"""Passes: what the passes of one rank over an order hand out, and where they stand."""

import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from balancekit.errors import OptionError
from balancekit.plan.tagged import is_whole
from balancekit.samplers.class_index import ClassIndex
from balancekit.samplers.orders.lengths import EpochLength
from balancekit.samplers.orders.order import Order
from balancekit.samplers.orders.pieces import Part, Piece, Start, pieces_from
from balancekit.samplers.permutation import hash_keys

__all__ = ["Pass", "Passes", "State", "marks_of"]

MOST_DRAWS = 1 << 39
"""Draws of an epoch, beyond which the ends of classes in it leave 64 bits (see `Quotas`)."""


class State(TypedDict):
    """Where passes stand, in plain integers.

    Attributes:
        seed: of the order.
        data: what tells the labels and options from others.
        epoch: of the pass that runs, or of the next.
        position: at which it goes on.
        n_in_turn: parts of the batch at the position that were handed out one after another.
        lengths: fields of each `EpochLength` up to this epoch.
    """

    seed: int
    data: int
    epoch: int
    position: int
    n_in_turn: int
    lengths: list[list[int]]


def marks_of(index: ClassIndex, *choices: object) -> NDArray[np.int64]:
    """What tells the data, and choices that the order depends on, from others: int64 [n]."""
    return np.append(index.marks(), zlib.crc32(repr(choices).encode()))


@dataclass(eq=False)
class Pass:
    """One pass over an order; it tells where it stands by what hands out its draws.

    Attributes:
        epoch: of the pass.
        pieces: its batches; at their end, the passes move on.
        position: gives the places handed out, of all ranks together.
        n_in_turn: gives the parts handed out one after another at a position.
    """

    epoch: int
    pieces: Iterator[Piece]
    position: Callable[[], int]
    n_in_turn: Callable[[int], int]


class Passes:
    """The passes over an order, and where they stand.

    A position counts the places for draws, of all ranks together, from the start of the epoch.

    Args:
        make_order: the order of epochs of these lengths, the last of which holds.
        make_length: the length of epochs of batches of this width, shared by so many ranks.
        batch_size: draws a batch, on each rank.
        seed: of the order.
        marks: of `marks_of`: what tells the data and choices of one state from others.
        whole_batches: whether another number of ranks must get the batches of an epoch that
            has begun as they are, as their draws belong together.

    Attributes:
        n_chosen: how often another place was chosen than the last pass would have come to.
    """

    def __init__(
        self,
        make_order: Callable[[tuple[EpochLength, ...]], Order],
        make_length: Callable[[int, int], EpochLength],
        *,
        batch_size: int,
        seed: int,
        marks: NDArray[np.int64],
        whole_batches: bool = False,
    ) -> None:
        self._make_order, self._make_length = make_order, make_length
        self._whole_batches = whole_batches
        self._batch_size, self._seed = int(batch_size), int(seed)
        self._data: int = int(np.bitwise_xor.reduce(hash_keys(np.arange(len(marks)), marks)))
        self._lengths: tuple[EpochLength, ...] = ()
        self._orders: dict[tuple[EpochLength, ...], Order] = {}
        self._epoch, self._position, self._n_in_turn = 0, 0, 1
        self._running: Pass | None = None
        self._last_begun: int | None = None
        self.n_chosen = 0

    def __getstate__(self) -> dict[str, Any]:
        # A copy starts where the pass stands; the pass itself cannot be sent.
        position, n_in_turn = self._stand()
        place = {"_position": position, "_n_in_turn": n_in_turn, "_running": None}
        return {**self.__dict__, **place}

    @property
    def batch_size(self) -> int:
        """Draws a batch, on each rank."""
        return self._batch_size

    @property
    def epoch(self) -> int:
        """The epoch of the pass that runs, or of the next."""
        return self._epoch

    def order(self, world_size: int) -> Order:
        """The order of whole epochs, from the next on.

        Raises:
            OptionError: epochs are too long.
        """
        lengths = self._lengths_from(self._epoch, world_size, 0)
        if lengths not in self._orders:
            self._orders = {lengths: self._make_order(lengths)}
        return self._orders[lengths]

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch of the next pass.

        Args:
            epoch: ≥ 0. If it is the one of a pass that runs or was resumed, that one goes on.

        Raises:
            OptionError: there is no such epoch.
        """
        if not _is_count(epoch):
            raise OptionError(f"epoch: expected an integer ≥ 0, got {epoch!r}")
        self.n_chosen += epoch != self._last_begun
        if epoch != self._epoch:
            self._epoch, self._position, self._running = int(epoch), 0, None

    def start_at(self, epoch: int, n_batches: int, part: Part) -> None:
        """Choose the epoch of the next pass, and how many of its batches to leave out.

        Raises:
            OptionError: there is no such epoch.
        """
        self.set_epoch(epoch)
        self.n_chosen += 1
        self._running = None
        if self._lengths:  # of the whole epoch, whatever was resumed
            self._lengths = self._lengths_from(self._epoch, part.world_size, 0)
        self._position = int(n_batches) * self._batch_size * part.stride
        self._n_in_turn = part.n_in_turn

    def state(self, part: Part) -> State:
        """Where the passes stand, in plain integers, the same on every rank."""
        position, n_in_turn = self._stand()
        lengths = self._lengths_from(self._epoch, part.world_size, position)
        return {
            "seed": self._seed,
            "data": self._data >> 1,  # fits a signed word
            "epoch": self._epoch,
            "position": position,
            "n_in_turn": n_in_turn,
            "lengths": [list(length) for length in lengths],
        }

    def load_state(self, state: State) -> None:
        """Go on where a state stood.

        Raises:
            OptionError: it is no state, or of other data, or of another seed.
        """
        if not isinstance(state, Mapping):
            raise OptionError(f"state: expected one of state_dict(), got {type(state).__name__}")
        if missing := sorted(State.__required_keys__ - state.keys()):
            raise OptionError(f"state: expected one of state_dict(), got none of {missing}")
        counts = [state["epoch"], state["position"], state["n_in_turn"]]
        if not (all(map(_is_count, counts)) and _are_lengths(state["lengths"])):
            raise OptionError(f"state: expected one of state_dict(), in integers, got {state}")
        if state["seed"] != self._seed:
            raise OptionError(
                f"state: expected the seed {self._seed} of this sampler, got {state['seed']}"
            )
        if state["data"] != self._data >> 1:
            raise OptionError(
                "state: expected one of a sampler with these labels, in this order, and these "
                "options, got another's. Resume with the labels and the options, such as "
                "targets, that the run started with, or begin at an epoch with set_epoch."
            )
        self._lengths, self._last_begun = _lengths_of(state), None
        self.n_chosen += 1
        self._epoch, self._position = state["epoch"], state["position"]
        self._n_in_turn, self._running = state["n_in_turn"], None

    def state_after(self, state: State, part: Part, n_batches: int, *, cut: bool) -> State:
        """The state after some batches of a pass that began at a state.

        Args:
            state: of `state`.
            part: of each batch that was handed out.
            n_batches: batches handed out since.
            cut: whether a loader cut the draws into batches, whatever the order deals.
        """
        length = _lengths_of(state)[-1]
        start = self._start(state["epoch"], state["position"], state["n_in_turn"], length, part)
        end = length.n_batches * length.width
        position = min(end, self._position_after(state, start, part, n_batches, cut))
        n_in_turn = self._n_in_turn_at(start, length, part)(position)
        return {**state, "position": position, "n_in_turn": n_in_turn}

    def begin(self, part: Part, *, with_repeats: bool) -> Pass:
        """The next pass; once its pieces are used up, the epoch moves on."""
        epoch, position = self._epoch, self._position
        lengths = self._lengths_from(epoch, part.world_size, position)
        if self._lengths:
            self._lengths = lengths
        order = self._orders.get(lengths) or self._make_order(lengths)
        self._orders[lengths] = order
        start = self._start(epoch, position, self._n_in_turn, order.length, part)
        pieces = self._pieces(order, start, part, with_repeats)
        n_in_turn = self._n_in_turn_at(start, order.length, part)
        running = Pass(epoch, pieces, lambda: position, n_in_turn)
        running.pieces = self._moving_on(running, pieces)
        self._running, self._position, self._last_begun = running, 0, epoch
        return running

    def _moving_on(self, running: Pass, pieces: Iterator[Piece]) -> Iterator[Piece]:
        yield from pieces
        if self._running is running:  # no other pass has begun since, and no epoch was chosen
            self._epoch, self._position, self._running = running.epoch + 1, 0, None

    def _stand(self) -> tuple[int, int]:
        """The position of the passes, and the parts handed out one after another there."""
        if self._running is None:
            return self._position, self._n_in_turn
        position = self._running.position()
        return position, self._running.n_in_turn(position)

    def _pieces(
        self, order: Order, start: Start, part: Part, with_repeats: bool
    ) -> Iterator[Piece]:
        return pieces_from(
            order,
            start,
            part,
            self._batch_size,
            whole_batches=self._whole_batches,
            with_repeats=with_repeats,
        )

    def _start(
        self, epoch: int, position: int, n_in_turn: int, length: EpochLength, part: Part
    ) -> Start:
        if self._is_dealt(length, part) and position % length.width == 0:  # no batch has begun
            n_in_turn = part.n_in_turn
        return Start(epoch, position, n_in_turn)

    def _is_dealt(self, length: EpochLength, part: Part) -> bool:
        """Whether the batches of an epoch are of the part's own width."""
        return length.width == self._batch_size * part.world_size

    def _n_in_turn_at(self, start: Start, length: EpochLength, part: Part) -> Callable[[int], int]:
        """What gives the parts handed out one after another at a position of a pass."""
        if not self._is_dealt(length, part):
            return lambda position: start.n_in_turn
        whole = -(-start.position // length.width) * length.width
        return lambda position: start.n_in_turn if position < whole else part.n_in_turn

    def _position_after(
        self, state: State, start: Start, part: Part, n_batches: int, cut: bool
    ) -> int:
        lengths = _lengths_of(state)
        length, position = lengths[-1], start.position
        step = self._batch_size * part.stride
        is_dealt = self._is_dealt(length, part)
        is_full = length.n_draws == length.n_batches * length.width
        if self._whole_batches or (is_full and not is_dealt):
            return position + n_batches * step
        if is_dealt and start.n_in_turn == part.n_in_turn and part.rank == "all":
            return (position if cut else position - position % step) + n_batches * step
        if is_dealt and position % length.width == 0:
            return position + n_batches * step
        # What is left of a batch that has begun, and batches of unlike sizes, must be seen.
        whole = position + -position % length.width if is_dealt else length.n_batches * length.width
        ends, n_seen = [position], 0
        for piece in self._pieces(self._make_order(lengths), start, part, False):
            if len(ends) > n_batches or piece.ends[0] > whole:
                break
            ends += piece.ends.tolist()
            n_seen += piece.indices.size
        if cut and is_dealt:  # by draws, on over the end of the batch that had begun
            n_draws = n_batches * self._batch_size
            begin = position if n_draws <= n_seen else whole - n_seen * part.stride
            return begin + n_draws * part.stride
        n_more = n_batches - (len(ends) - 1)
        return ends[n_batches] if n_more <= 0 else whole + n_more * step

    def _lengths_from(self, epoch: int, world_size: int, position: int) -> tuple[EpochLength, ...]:
        """The lengths of the epochs up to this one; a pass that has begun keeps its own."""
        wanted = self._make_length(self._batch_size * world_size, world_size)
        if (n_draws := wanted.n_batches * wanted.width) > MOST_DRAWS:
            raise OptionError(
                f"batches_per_epoch, batch_size: expected at most {MOST_DRAWS:,} draws an epoch, "
                f"of all ranks together, got {n_draws:,}. Take more epochs of fewer batches"
            )
        if not self._lengths:
            return (wanted,)
        known = tuple(length for length in self._lengths if length.first_epoch <= epoch)
        if position or known[-1][1:] == wanted[1:]:
            return known
        earlier = tuple(length for length in known if length.first_epoch < epoch)
        return (*earlier, wanted._replace(first_epoch=epoch))


def _lengths_of(state: State) -> tuple[EpochLength, ...]:
    return tuple(EpochLength(*length) for length in state["lengths"])


def _are_lengths(lengths: object) -> bool:
    return (
        isinstance(lengths, Sequence)
        and len(lengths) > 0
        and all(isinstance(it, Sequence) and len(it) == len(EpochLength._fields) for it in lengths)
        and all(_is_count(count) for it in lengths for count in it)
    )


def _is_count(value: object) -> bool:
    """Whether it is an integer from 0 on, in 64 bits."""
    return is_whole(value) and 0 <= value < 2**63
