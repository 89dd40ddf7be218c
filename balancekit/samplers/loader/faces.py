"""Faces: what a DataLoader sees of the passes over an order."""

import operator
from collections.abc import Iterator
from typing import Any, Literal

from torch.utils.data import Sampler
from torch.utils.data.distributed import DistributedSampler

from balancekit.devices import rank_and_world_size
from balancekit.errors import OptionError
from balancekit.labels import SampleKey
from balancekit.plan.tagged import is_whole
from balancekit.samplers.audit.audit import Audit
from balancekit.samplers.audit.counting import audit_order
from balancekit.samplers.orders.passes import Passes, State
from balancekit.samplers.orders.pieces import Part, Piece

__all__ = [
    "EpochBatchSampler",
    "EpochSampler",
    "Rank",
    "WorldSize",
    "Yields",
    "check_options",
    "part_of",
]

Rank = int | Literal["auto", "all"]
WorldSize = int | Literal["auto"]
Yields = Literal["indices", "keys"]


def part_of(rank: Rank, world_size: WorldSize) -> Part:
    """The part of each batch that this process yields; "auto" asks torch.distributed."""
    our_rank, n_processes = rank_and_world_size()
    if world_size == "auto":
        world_size = n_processes
    if rank == "auto":
        rank = our_rank
    return Part(rank if rank == "all" else int(rank), int(world_size))


class EpochSampler(DistributedSampler[Any]):
    """What the samplers of single indices share: `DataLoader(dataset, batch_size, sampler=…)`.

    A `DistributedSampler`, as frameworks leave the rank and the epochs of one to it.
    """

    def __init__(self, passes: Passes, rank: Rank, world_size: WorldSize, yields: Yields) -> None:
        # Not DistributedSampler.__init__: it asks for a process group, which may come later.
        self.passes, self._place, self._yields = passes, (rank, world_size), yields
        passes.order(part_of(rank, world_size).world_size)  # what cannot be is told now
        self.shuffle, self.drop_last = True, False

    @property
    def epoch(self) -> int:  # type: ignore[override]  # the passes move it on
        """The epoch of the pass that runs, or of the next."""
        return self.passes.epoch

    def __len__(self) -> int:
        """Draws that a whole epoch yields on this rank."""
        part = part_of(*self._place)
        length = self.passes.order(part.world_size).length
        places = length.n_batches * length.width
        return places if part.rank == "all" else places // part.world_size

    def __iter__(self) -> Iterator[Any]:
        """Draws of the next epoch, or of the rest of the one that was resumed."""
        part = part_of(*self._place)
        running = self.passes.begin(part, with_repeats=self._yields == "keys")
        for piece in running.pieces:
            draws = iter(_draws_of(piece, self._yields, running.epoch))
            end, stride = int(piece.ends[-1]), part.stride
            # The list's own iterator knows what is left; counting here would cost more.
            running.position = lambda: end - stride * operator.length_hint(draws)  # noqa: B023
            yield from draws

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch of the next pass; a pass of this epoch that was resumed goes on.

        Raises:
            OptionError: there is no such epoch.
        """
        self.passes.set_epoch(epoch)

    def state_after(self, state: State, n_batches: int) -> State:
        """The state after the loader cut some batches from a pass that began at a state."""
        return self.passes.state_after(state, part_of(*self._place), n_batches, cut=True)

    def audit(self, epochs: int = 1, *, labels: object = None) -> Audit:
        """What the next epochs hold, every draw counted; nothing moves on. See `Audit`.

        Args:
            epochs: how many, from the one that runs or comes next.
            labels: what to count classes by, of one class a sample or several; those that
                the sampler draws for if not given.

        Raises:
            OptionError: epochs is below 1, or labels are of other data.
        """
        world_size = part_of(*self._place).world_size
        order = self.passes.order(world_size)
        return audit_order(
            order, epochs=epochs, first_epoch=self.epoch, world_size=world_size, labels=labels
        )

    def state_dict(self) -> State:
        """Where the pass stands, in plain integers, the same on every rank."""
        return self.passes.state(part_of(*self._place))

    def load_state_dict(self, state: State) -> None:
        """Go on where `state_dict` stood, with as many ranks as there are now.

        Raises:
            OptionError: the state is of a sampler of other labels or with another seed.
        """
        self.passes.load_state(state)


class EpochBatchSampler(Sampler[list[Any]]):
    """What the samplers of batches share: `DataLoader(dataset, batch_sampler=…)`."""

    def __init__(
        self,
        passes: Passes,
        batch_size: int,
        rank: Rank,
        world_size: WorldSize,
        yields: Yields,
    ) -> None:
        self.passes, self._place, self._yields = passes, (rank, world_size), yields
        passes.order(part_of(rank, world_size).world_size)  # what cannot be is told now
        self.batch_size = int(batch_size)

    @property
    def epoch(self) -> int:
        """The epoch of the pass that runs, or of the next."""
        return self.passes.epoch

    @property
    def sampler(self) -> "EpochBatchSampler":
        """Itself: Lightning and accelerate call `batch_sampler.sampler.set_epoch`."""
        return self

    def __len__(self) -> int:
        """Batches that a whole epoch yields on this rank."""
        part = part_of(*self._place)
        n_batches = self.passes.order(part.world_size).length.n_batches
        return n_batches * part.world_size if part.rank == "all" else n_batches

    def __iter__(self) -> Iterator[list[Any]]:
        """Batches of the next epoch, or of the rest of the one that was resumed."""
        running = self.passes.begin(part_of(*self._place), with_repeats=self._yields == "keys")
        done = running.position()
        running.position = lambda: done
        for piece in running.pieces:
            batches = _batches_of(piece, self._yields, running.epoch)
            for done, batch in zip(piece.ends.tolist(), batches, strict=True):  # noqa: B007
                if batch:
                    yield batch

    def set_epoch(self, epoch: int, first_batch: int | None = None) -> None:
        """Choose the epoch of the next pass, and the batch it starts with.

        Args:
            epoch: ≥ 0; a pass of this epoch that was resumed goes on.
            first_batch: the first if not given.

        Raises:
            OptionError: there is no such epoch or batch.
        """
        if first_batch is None:
            self.passes.set_epoch(epoch)
            return
        n_batches = len(self)
        if not (is_whole(first_batch) and 0 <= first_batch <= n_batches):
            raise OptionError(
                f"first_batch: expected an integer in [0, {n_batches}], got {first_batch!r}"
            )
        self.passes.start_at(epoch, first_batch, part_of(*self._place))

    def state_after(self, state: State, n_batches: int) -> State:
        """The state after some batches of a pass that began at a state."""
        return self.passes.state_after(state, part_of(*self._place), n_batches, cut=False)

    def audit(self, epochs: int = 1, *, labels: object = None) -> Audit:
        """What the next epochs hold, every draw counted; nothing moves on. See `Audit`.

        Args:
            epochs: how many, from the one that runs or comes next.
            labels: what to count classes by, of one class a sample or several; those that
                the sampler draws for if not given.

        Raises:
            OptionError: epochs is below 1, or labels are of other data.
        """
        world_size = part_of(*self._place).world_size
        order = self.passes.order(world_size)
        return audit_order(
            order, epochs=epochs, first_epoch=self.epoch, world_size=world_size, labels=labels
        )

    def state_dict(self) -> State:
        """Where the pass stands, in plain integers, the same on every rank.

        A DataLoader with workers asks for batches ahead of the ones it yields; there, take
        `ResumableLoader` or torchdata's `StatefulDataLoader`, which know.
        """
        return self.passes.state(part_of(*self._place))

    def load_state_dict(self, state: State) -> None:
        """Go on where `state_dict` stood, with as many ranks as there are now.

        Raises:
            OptionError: the state is of a sampler of other labels or with another seed.
        """
        self.passes.load_state(state)


def _draws_of(piece: Piece, yields: Yields, epoch: int) -> list[Any]:
    indices = piece.flat(piece.indices)
    if yields == "indices":
        return indices
    assert piece.repeats is not None
    pairs = zip(indices, piece.flat(piece.repeats), strict=True)
    return [SampleKey(epoch, index, repeat) for index, repeat in pairs]


def _batches_of(piece: Piece, yields: Yields, epoch: int) -> Iterator[list[Any]]:
    batches = piece.lists(piece.indices)
    if yields == "indices":
        return batches
    assert piece.repeats is not None
    keyed = zip(batches, piece.lists(piece.repeats), strict=True)
    return (
        [SampleKey(epoch, index, repeat) for index, repeat in zip(*pair, strict=True)]
        for pair in keyed
    )


def check_options(
    *,
    seed: int,
    rank: Rank,
    world_size: WorldSize,
    yields: Yields = "indices",
    batches_per_epoch: int | None = None,
    max_num: int | None = None,
    **counts: int,
) -> None:
    """Refuse options of a sampler that cannot be, all together.

    Args:
        seed: of the order.
        rank: which part of a batch to yield.
        world_size: processes that train together.
        yields: what the sampler yields.
        batches_per_epoch: length of an epoch, or None for a default.
        max_num: draws of a class in an epoch, or None for a default.
        **counts: options that are integers from 1 on.

    Raises:
        OptionError: some cannot.
    """
    defaulted = {"batches_per_epoch": batches_per_epoch, "max_num": max_num}
    given = {name: count for name, count in defaulted.items() if count is not None}
    problems = [
        f"{name}: expected an integer ≥ 1, got {count!r}"
        for name, count in (counts | given).items()
        if not (is_whole(count) and count >= 1)
    ]
    if not (is_whole(seed) and 0 <= seed < 2**63):
        problems.append(f"seed: expected an integer from 0 to 2**63 - 1, got {seed!r}")
    if not _is_one_of(yields, "indices", "keys"):
        problems.append(f"yields: expected 'indices' or 'keys', got {yields!r}")
    if not _is_one_of(world_size, "auto") and not (is_whole(world_size) and world_size >= 1):
        problems.append(f"world_size: expected an integer ≥ 1 or 'auto', got {world_size!r}")
    elif is_whole(rank) and world_size == "auto":
        problems.append(
            f"world_size: expected how many ranks there are beside rank={rank}, got 'auto'"
        )
    elif not (is_whole(rank) or _is_one_of(rank, "auto", "all")):
        problems.append(f"rank: expected an integer, 'auto' or 'all', got {rank!r}")
    elif is_whole(rank) and is_whole(world_size) and not 0 <= rank < world_size:
        problems.append(f"rank: expected an integer in [0, {world_size}), got {rank}")
    elif rank == "auto" and world_size not in ("auto", 1):
        problems.append(
            f"rank: expected which of the {world_size} ranks this is, or 'all', got 'auto'. "
            "Every process would draw the same"
        )
    if problems:
        raise OptionError("; ".join(problems))


def _is_one_of(value: object, *names: str) -> bool:
    return isinstance(value, str) and value in names
