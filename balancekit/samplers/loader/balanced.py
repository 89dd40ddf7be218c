"""Balanced samplers, whose batches hold every class in its share."""

from dataclasses import dataclass
from typing import Literal

from balancekit.errors import OptionError
from balancekit.plan import Targets, Uniform
from balancekit.samplers.class_index import ClassIndex
from balancekit.samplers.loader.faces import (
    EpochBatchSampler,
    EpochSampler,
    Rank,
    WorldSize,
    Yields,
    check_options,
)
from balancekit.samplers.orders.draw_order import DrawOrder
from balancekit.samplers.orders.independent_order import IndependentOrder
from balancekit.samplers.orders.lengths import EpochLength, epoch_length
from balancekit.samplers.orders.order import Order
from balancekit.samplers.orders.passes import Passes, marks_of

__all__ = ["BalancedBatchSampler", "BalancedSampler", "Composition"]

Composition = Literal["exact", "expected"]


class BalancedSampler(EpochSampler):
    """Draws in whose batches every class has its share: `DataLoader(…, sampler=…)`.

    The draws of `BalancedBatchSampler`, one by one: cut into batches of `batch_size`, as the
    loader does with the same `batch_size`, each batch holds each class in its share. A
    `DistributedSampler`, so that frameworks leave rank and epochs to it.

    Args:
        labels: one class a sample: `Labels`, a list, array, tensor or Series, a data set
            whose labels can be read without loading its samples, or a `ClassIndex`.
        batch_size: draws a batch on each rank, as the loader has it.
        targets: shares of the classes; every class equally often if not given.
        seed: of the order.
        composition: "exact" gives each batch its share of each class, rounded; "expected"
            draws each sample by itself, with these probabilities.
        batches_per_epoch: length of an epoch; as many as the samples fill if not given.
        rank: which part of every batch to yield, in [0, world_size); "auto" asks
            torch.distributed when a pass starts; "all" yields the parts of all ranks, one
            after another, for a framework that deals batches to the ranks itself.
        world_size: processes that train together; "auto" likewise.
        yields: "indices" for a data set as it is; "keys" yields a `SampleKey` each, for one
            whose samples depend on epoch and repeat.

    Raises:
        DataError: labels cannot be told, or are all missing.
        OptionError: an argument cannot be.

    >>> draws = list(BalancedSampler(["a"] * 98 + ["b"] * 2, batch_size=4))
    >>> len(draws), sum(i >= 98 for i in draws[:4])
    (100, 2)
    """

    def __init__(
        self,
        labels: object,
        batch_size: int,
        *,
        targets: Targets | None = None,
        seed: int = 0,
        composition: Composition = "exact",
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
        passes = _passes(
            labels, batch_size, targets, seed, composition, batches_per_epoch, always_full=True
        )
        super().__init__(passes, rank, world_size, yields)


class BalancedBatchSampler(EpochBatchSampler):
    """Batches in which every class has its share: `DataLoader(dataset, batch_sampler=…)`.

    With the default targets and a batch size that the number of classes divides, each
    batch holds each class equally often; otherwise as often as rounding allows, and the
    classes take turns. Each sample of a class is used as often as any other, to within one
    use over the whole training. Classes without samples are left out.

    The order is a function of (seed, epoch, position) alone. Every pass over the sampler
    that runs to its end moves on to the next epoch; `set_epoch` chooses one.

    Args:
        labels: one class a sample: `Labels`, a list, array, tensor or Series, a data set
            whose labels can be read without loading its samples, or a `ClassIndex`.
        batch_size: draws a batch, on each rank.
        targets: shares of the classes; every class equally often if not given. With
            `Natural()`, an epoch is each sample once, and what the samples lack to fill the
            last batch is shared by all: they are equally large, to within one draw.
        seed: of the order.
        composition: "exact" gives each batch its share of each class, rounded; "expected"
            draws each sample by itself, with these probabilities.
        batches_per_epoch: length of an epoch; as many as the samples fill if not given.
        rank: which part of every batch to yield, in [0, world_size); "auto" asks
            torch.distributed when a pass starts; "all" yields the parts of all ranks, one
            after another, for a framework that deals batches to the ranks itself.
        world_size: processes that train together; "auto" likewise.
        yields: "indices" for a data set as it is; "keys" yields a `SampleKey` each, for one
            whose samples depend on epoch and repeat.

    Raises:
        DataError: labels cannot be told, or are all missing.
        OptionError: an argument cannot be.

    >>> sampler = BalancedBatchSampler(["a"] * 98 + ["b"] * 2, batch_size=4, seed=0)
    >>> len(sampler), [sum(i >= 98 for i in batch) for batch in sampler][:3]
    (25, [2, 2, 2])
    """

    def __init__(
        self,
        labels: object,
        batch_size: int,
        *,
        targets: Targets | None = None,
        seed: int = 0,
        composition: Composition = "exact",
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
        # Whoever deals whole batches to ranks loses those that are not full.
        passes = _passes(
            labels,
            batch_size,
            targets,
            seed,
            composition,
            batches_per_epoch,
            always_full=rank == "all",
        )
        super().__init__(passes, batch_size, rank, world_size, yields)


def _passes(
    labels: object,
    batch_size: int,
    targets: Targets | None,
    seed: int,
    composition: Composition,
    batches_per_epoch: int | None,
    *,
    always_full: bool,
) -> Passes:
    targets = Uniform() if targets is None else targets
    if composition not in ("exact", "expected"):
        raise OptionError(f"composition: expected 'exact' or 'expected', got {composition!r}")
    recipe = _Recipe(
        ClassIndex.for_targets(labels, targets),
        targets,
        seed,
        independent=composition == "expected",
        batches_per_epoch=batches_per_epoch,
        always_full=always_full or composition == "expected",
    )
    return Passes(
        recipe.order,
        recipe.length,
        batch_size=batch_size,
        seed=seed,
        marks=marks_of(recipe.index, targets, composition),
    )


@dataclass(frozen=True, eq=False)
class _Recipe:
    """What the orders of balanced draws are made of; a plain object, so that it can be sent."""

    index: ClassIndex
    targets: Targets
    seed: int
    independent: bool
    batches_per_epoch: int | None
    always_full: bool

    def order(self, lengths: tuple[EpochLength, ...]) -> Order:
        """The order of epochs of these lengths, the last of which holds."""
        kind = IndependentOrder if self.independent else DrawOrder
        return kind(self.index, self.targets, lengths, self.seed)

    def length(self, width: int, world_size: int) -> EpochLength:
        """The length of epochs of batches of this width, shared by so many ranks."""
        length = epoch_length(
            self.index, self.targets, width=width, batches_per_epoch=self.batches_per_epoch
        )
        # No rank may go without a draw.
        if self.always_full or length.n_draws // length.n_batches < world_size:
            return length._replace(n_draws=length.n_batches * width)
        return length
