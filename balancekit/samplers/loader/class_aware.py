"""Class-aware sampling: classes in turn, whatever their sizes; and class regrouping."""

from functools import partial

from balancekit.plan import Uniform
from balancekit.samplers.class_index import ClassIndex
from balancekit.samplers.loader.faces import EpochSampler, Rank, WorldSize, Yields, check_options
from balancekit.samplers.orders.class_aware_order import ClassAwareOrder
from balancekit.samplers.orders.draw_order import DrawOrder
from balancekit.samplers.orders.lengths import full_epoch
from balancekit.samplers.orders.passes import Passes, marks_of

__all__ = ["ClassAwareSampler", "RegroupSampler"]


class ClassAwareSampler(EpochSampler):
    """Draws for one class after the other, each once a cycle: `DataLoader(…, sampler=…)`.

    The batches take a shuffled list of the classes piece by piece; a list that is used up is
    shuffled anew, and so is the list of the samples of each class. So batches of k · C draws,
    of C classes with samples, hold each class k times, on each rank; and batches of at most
    C / 2 draws on all ranks together hold none twice. Draws that a class gets go to its samples
    equally often, to within one over the whole training.

    Labels may be several a sample: it then stands in the list of each of its classes, and a
    draw for one brings the others with it. `MultiLabelBalancedSampler` takes that into account.

    Args:
        labels: `Labels` of any task, a list, array, tensor or Series, a data set whose labels
            can be read without loading its samples, or a `ClassIndex`.
        batch_size: draws a batch on each rank, as the loader has it.
        seed: of the order.
        batches_per_epoch: length of an epoch; as many as the samples fill if not given, each
            counted in all of its classes.
        rank: which part of every batch to yield, in [0, world_size); "auto" asks
            torch.distributed when a pass starts; "all" yields the parts of all ranks, one
            after another, for a framework that deals batches to the ranks itself.
        world_size: processes that train together; "auto" likewise.
        yields: "indices" for a data set as it is; "keys" yields a `SampleKey` each, for one
            whose samples depend on epoch and repeat.

    Raises:
        DataError: labels cannot be told, or are all missing.
        OptionError: an argument cannot be.

    Source: Shen et al. 2016 (arXiv 1512.05830), section 3.3.

    >>> draws = list(ClassAwareSampler(["a"] * 7 + ["b", "c"], batch_size=3))
    >>> [sorted(draws[k : k + 3])[1:] for k in (0, 3, 6)]
    [[7, 8], [7, 8], [7, 8]]
    """

    def __init__(
        self,
        labels: object,
        batch_size: int,
        *,
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
        index = ClassIndex.from_labels(labels)

        passes = Passes(
            partial(ClassAwareOrder, index, seed=seed),
            partial(full_epoch, index.n_samples, batches_per_epoch),
            batch_size=batch_size,
            seed=seed,
            marks=marks_of(index, "class-aware"),
        )
        super().__init__(passes, rank, world_size, yields)


class RegroupSampler(EpochSampler):
    """Draws of class regrouping, M of every class an epoch: `DataLoader(…, sampler=…)`.

    M is the size of the largest class, or `max_num`. An epoch is M draws of each class with
    samples, filled up to whole batches of all ranks: fewer than one such batch more, shared
    among the classes to within one. Where the batches divide C · M, it is exactly that.

    The samples of a class take turns from epoch to epoch, so that none gets the extra copy
    every time, and with `max_num` below n_c all are drawn within ⌈n_c / max_num⌉ epochs.

    Args:
        labels: one class a sample: `Labels`, a list, array, tensor or Series, a data set
            whose labels can be read without loading its samples, or a `ClassIndex`.
        batch_size: draws a batch on each rank, as the loader has it.
        max_num: draws of each class an epoch; the size of the largest if not given.
        seed: of the order.
        rank: which part of every batch to yield, in [0, world_size); "auto" asks
            torch.distributed when a pass starts; "all" yields the parts of all ranks, one
            after another, for a framework that deals batches to the ranks itself.
        world_size: processes that train together; "auto" likewise.
        yields: "indices" for a data set as it is; "keys" yields a `SampleKey` each, for one
            whose samples depend on epoch and repeat.

    Raises:
        DataError: labels cannot be told, or are all missing, or samples have several.
        OptionError: an argument cannot be.

    Source: label shuffling, by Hikvision at the ILSVRC 2016 workshop, where samples past
    `max_num` are never drawn, and the first few of a class get all extra copies.

    >>> draws = list(RegroupSampler(["a"] * 6 + ["b"] * 4, batch_size=4))
    >>> len(draws), [draws.count(i) for i in range(6)], sum(i >= 6 for i in draws[:4])
    (12, [1, 1, 1, 1, 1, 1], 2)
    """

    def __init__(
        self,
        labels: object,
        batch_size: int,
        *,
        max_num: int | None = None,
        seed: int = 0,
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
            max_num=max_num,
        )
        targets = Uniform()
        index = ClassIndex.for_targets(labels, targets)
        counts = index.class_counts()
        n_draws = int((counts > 0).sum()) * int(counts.max() if max_num is None else max_num)

        passes = Passes(
            partial(DrawOrder, index, targets, seed=seed),
            partial(full_epoch, n_draws, None),
            batch_size=batch_size,
            seed=seed,
            marks=marks_of(index, "regroup"),
        )
        super().__init__(passes, rank, world_size, yields)
