"""A sampler that draws the samples with the largest losses more often."""

import operator
from collections.abc import Iterator
from functools import partial
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray

from balancekit.errors import OptionError
from balancekit.labels import SampleKey
from balancekit.plan import Targets, Uniform
from balancekit.plan.tagged import is_number
from balancekit.samplers.audit.audit import Audit
from balancekit.samplers.audit.counting import audit_order
from balancekit.samplers.class_index import ClassIndex
from balancekit.samplers.loader.faces import (
    EpochSampler,
    Rank,
    WorldSize,
    Yields,
    check_options,
    part_of,
)
from balancekit.samplers.orders.draw_order import DrawOrder
from balancekit.samplers.orders.hard_examples import HardExampleOrder, HardExamples, PointOrder
from balancekit.samplers.orders.lengths import EpochLength, full_epoch
from balancekit.samplers.orders.passes import Passes, State, marks_of

__all__ = ["HardExampleSampler", "HardExampleState"]

MOST_GAMMA = 4


class HardExampleState(State):
    """Where the passes of a `HardExampleSampler` stand.

    Attributes:
        losses: float32 [n_labelled], class after class, NaN where they are not known.
    """

    losses: torch.Tensor


class HardExampleSampler(EpochSampler):
    """Draws by loss within each class, each class in its share: `DataLoader(…, sampler=…)`.

    Which class stands where is as with `BalancedSampler`. Within a class, a sample's share
    of the draws is, in units of an even one,

        uniform_share + (1 - uniform_share) · loss^gamma / (mean of loss^gamma in the class)

    and 1 as long as its loss is not known, so that an unseen sample counts as an average one.
    While losses stay as they are, an epoch with N_c draws of the class draws a sample of
    share p N_c · p times, rounded down or up.

    Call `update(indices, losses)` after each step. The next draws that the loader asks for
    follow the new losses: the next batch, or with workers, that after those on their way,
    num_workers · prefetch_factor of them.

    **With several ranks, every rank must call `update` with the samples and losses of all
    ranks**, gathered by `torch.distributed.all_gather`, in the same order and before it asks
    for the next batch. Else the ranks' orders drift apart. DataLoader workers need a fixed
    number of batches on their way, the same on every rank.

    It keeps 4 bytes a sample for losses, 1 for their sums, and, where the data are not sorted
    by class, 8 for samples and their places.

    Args:
        labels: one class a sample: `Labels`, a list, array, tensor or Series, a data set
            whose labels can be read without loading its samples, or a `ClassIndex`.
        batch_size: draws a batch on each rank, as the loader has it.
        gamma: power of the losses, in [0, 4]; 0 draws the samples of a class evenly.
        uniform_share: share of a class's draws that goes evenly to its samples, in [0, 1], so
            that one whose loss fell to 0 is still drawn, and its loss learned anew.
        targets: shares of the classes; every class equally often if not given.
        seed: of the order.
        batches_per_epoch: length of an epoch; as many as the samples fill if not given.
        rank: which part of every batch to yield, in [0, world_size); "auto" asks
            torch.distributed when a pass starts; "all" yields the parts of all ranks, one
            after another, for a framework that deals batches to the ranks itself.
        world_size: processes that train together; "auto" likewise.
        yields: "indices", or "keys" for a `SampleKey` each, whose `repeat` is the number of
            the draw among those of its class.

    Raises:
        DataError: labels cannot be told, or are all missing, or several a sample.
        OptionError: an argument cannot be.

    Source: proportional to the loss, as Katharopoulos and Fleuret 2018 (arXiv 1803.00942) draw
    by a bound on the gradient, without its weights in the loss, which would undo the stress on
    hard examples; Loshchilov and Hutter 2015 (arXiv 1511.06343) draw by rank of the loss.

    >>> sampler = HardExampleSampler(["a"] * 8 + ["b"] * 8, batch_size=4, uniform_share=0)
    >>> sampler.update(range(8), [0, 0, 0, 0, 0, 0, 1, 3])
    >>> draws = list(sampler)
    >>> draws.count(6), draws.count(7), sum(i >= 8 for i in draws)
    (2, 6, 8)
    """

    def __init__(
        self,
        labels: object,
        batch_size: int,
        *,
        gamma: float = 1.0,
        uniform_share: float = 0.1,
        targets: Targets | None = None,
        seed: int = 0,
        batches_per_epoch: int | None = None,
        rank: Rank = "auto",
        world_size: WorldSize = "auto",
        yields: Yields = "indices",
    ) -> None:
        check_options(
            seed=seed,
            rank=rank,
            world_size=world_size,
            yields=yields,
            batch_size=batch_size,
            batches_per_epoch=batches_per_epoch,
        )
        _check_shares(gamma, uniform_share)
        targets = Uniform() if targets is None else targets
        index = ClassIndex.for_targets(labels, targets)
        self._examples = HardExamples(index, gamma=gamma, uniform_share=uniform_share)
        passes = _passes(index, targets, batch_size, batches_per_epoch, seed)
        super().__init__(passes, rank, world_size, yields)

    def update(self, indices: object, losses: object) -> None:
        """Set the losses of samples, as the next draws should follow them.

        With several ranks: those of all ranks, on every rank; see the class. It takes time by
        the samples given, not by those of the data set.

        Args:
            indices: integer [n], positions in the data set; tensor on any device, array, list.
                A sample that occurs several times gets the mean of its losses.
            losses: float [n], the loss of each, ≥ 0, such as with reduction="none"; likewise.

        Raises:
            OptionError: there is no such labelled sample, or a loss is negative, infinite or
                not a number; nothing is set then.
        """
        self._examples.update(_integers(indices), _floats(losses))

    def losses(self, indices: object) -> NDArray[np.float32]:
        """The last known loss of samples, NaN where there is none: float32 [n].

        Raises:
            OptionError: there is no such labelled sample.
        """
        return self._examples.losses(_integers(indices))

    def __iter__(self) -> Iterator[Any]:
        """Draws of the next epoch, or of the rest of the one that was resumed."""
        part = part_of(*self._place)
        stride = part.stride
        running = self.passes.begin(part, with_repeats=self._yields == "keys")
        for piece in running.pieces:
            points = piece.lists(piece.indices)
            numbers = piece.lists(piece.indices if piece.repeats is None else piece.repeats)
            for batch, repeats, end in zip(points, numbers, piece.ends.tolist(), strict=True):
                # Only now, so that it follows the losses of the batch before.
                draws = iter(self._draws(batch, repeats, running.epoch))
                running.position = lambda: end - stride * operator.length_hint(draws)  # noqa: B023
                yield from draws

    def audit(self, epochs: int = 1, *, labels: object = None) -> Audit:
        """What the next epochs hold if the losses stay as they are, counted; see `Audit`.

        Args:
            epochs: how many, from the one that runs or comes next.
            labels: what to count classes by; those of the sampler if not given.

        Raises:
            OptionError: epochs is below 1.
        """
        world_size = part_of(*self._place).world_size
        points = self.passes.order(world_size)
        assert isinstance(points, PointOrder)
        order = HardExampleOrder(points, self._examples)
        return audit_order(
            order,
            epochs=epochs,
            first_epoch=self.epoch,
            world_size=world_size,
            labels=labels,
        )

    def state_dict(self) -> HardExampleState:
        """Where the pass stands, and the losses, 4 bytes a sample.

        The losses are those of the sampler itself, as weights in the state of a module are:
        save them, or copy them, before the next `update`. Resuming is exact where no batch was
        asked for ahead; with workers, those on their way are drawn anew, by the losses saved.
        """
        return {**super().state_dict(), "losses": torch.from_numpy(self._examples.sums.losses)}

    def load_state_dict(self, state: State) -> None:
        """Go on where `state_dict` stood, with as many ranks as there are now.

        Raises:
            OptionError: the state is of another kind of sampler, of other labels or with
                another seed.
        """
        if "losses" not in state:
            raise OptionError("state: expected one of a HardExampleSampler, got none of losses")
        losses, n_samples = (
            _array(cast(HardExampleState, state)["losses"]),
            self._examples.n_samples,
        )
        if losses.shape != (n_samples,):
            raise OptionError(
                f"state: expected losses of {n_samples:,} samples, got {list(losses.shape)}"
            )
        super().load_state_dict(state)
        self._examples.sums.load(losses)

    def _draws(self, points: list[int], repeats: list[int], epoch: int) -> list[Any]:
        samples: list[int] = self._examples.samples(np.array(points, np.int64)).tolist()
        if self._yields == "indices":
            return samples
        return [SampleKey(epoch, *pair) for pair in zip(samples, repeats, strict=True)]


def _passes(
    index: ClassIndex,
    targets: Targets,
    batch_size: int,
    batches_per_epoch: int | None,
    seed: int,
) -> Passes:
    return Passes(
        partial(_points, index, targets, seed),
        partial(full_epoch, index.n_samples, batches_per_epoch),
        batch_size=batch_size,
        seed=seed,
        marks=marks_of(index, "hard", targets),
    )


def _points(
    index: ClassIndex, targets: Targets, seed: int, lengths: tuple[EpochLength, ...]
) -> PointOrder:
    return PointOrder(DrawOrder(index, targets, lengths, seed))


def _check_shares(gamma: float, uniform_share: float) -> None:
    problems = [
        f"{name}: expected a number in [0, {most}], got {value!r}"
        for name, value, most in (("gamma", gamma, MOST_GAMMA), ("uniform_share", uniform_share, 1))
        # As "not inside": every comparison with NaN is false.
        if not (is_number(value) and 0 <= value <= most)
    ]
    if problems:
        raise OptionError("; ".join(problems))


def _integers(indices: object) -> NDArray[np.int64]:
    found = _array(indices)
    if found.dtype.kind not in "iu" and found.size:
        raise OptionError(f"indices: expected integers, got {found.dtype}")
    return found.astype(np.int64)


def _floats(losses: object) -> NDArray[np.float64]:
    found = _array(losses)
    if found.dtype.kind not in "fiu":
        raise OptionError(f"losses: expected numbers, got {found.dtype}")
    return found.astype(np.float64)


def _array(values: object) -> NDArray[Any]:
    if isinstance(values, torch.Tensor):
        values = values.detach()
        # NumPy has no bfloat16.
        values = (values.float() if values.is_floating_point() else values).cpu().numpy()
    return np.asarray(values)
