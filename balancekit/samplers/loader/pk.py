"""PK batches, for losses that compare samples: P classes with K samples of each."""

from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from balancekit.errors import OptionError
from balancekit.plan import Uniform
from balancekit.samplers.class_index import ClassIndex
from balancekit.samplers.loader.faces import (
    EpochBatchSampler,
    Rank,
    WorldSize,
    Yields,
    check_options,
)
from balancekit.samplers.orders.lengths import full_epoch
from balancekit.samplers.orders.passes import Passes, marks_of
from balancekit.samplers.orders.pk_order import PKOrder

__all__ = ["PKBatchSampler", "SmallClasses"]

SmallClasses = Literal["repeat", "leave-out"]


class PKBatchSampler(EpochBatchSampler):
    """Batches of P classes with K samples of each: `DataLoader(dataset, batch_sampler=…)`.

    Each batch of each rank holds P different classes, and K different samples of each, side
    by side. The classes take turns in cycles, each a new shuffle, so over the whole training
    each is taken as often as any other, to within one; and so are the samples of a class.

    The batches are the same for any number of ranks, which take them in turn. If training
    goes on with another number of ranks in mid-epoch, batches that they cannot share equally
    at its end are left out.

    Args:
        labels: one class a sample: `Labels`, a list, array, tensor or Series, a data set
            whose labels can be read without loading its samples, or a `ClassIndex`.
        classes_per_batch: P, on each rank.
        samples_per_class: K.
        small_classes: of fewer than K samples: "repeat" draws each of theirs about equally
            often in a batch; "leave-out" never draws them.
        seed: of the order.
        batches_per_epoch: length of an epoch; as many as the samples of the classes that
            take part fill if not given.
        rank: which batches to yield, in [0, world_size); "auto" asks torch.distributed when a
            pass starts; "all" yields those of all ranks, one after another, for a framework
            that deals batches to the ranks itself.
        world_size: processes that train together; "auto" likewise.
        yields: "indices" for a data set as it is; "keys" yields a `SampleKey` each, for one
            whose samples depend on epoch and repeat.

    Raises:
        DataError: labels cannot be told, or are all missing, or samples have several.
        OptionError: an argument cannot be; fewer classes than P take part.

    Source: Hermans et al. 2017 (arXiv 1703.07737), section 2, where classes are drawn at
    random and those left over are not made up for.

    >>> labels = ["a"] * 5 + ["b"] * 4 + ["c"] * 3
    >>> batches = PKBatchSampler(labels, classes_per_batch=2, samples_per_class=2)
    >>> [[len({labels[i] for i in batch}), len(set(batch))] for batch in batches]
    [[2, 4], [2, 4], [2, 4]]
    """

    def __init__(
        self,
        labels: object,
        classes_per_batch: int,
        samples_per_class: int,
        *,
        small_classes: SmallClasses = "repeat",
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
            classes_per_batch=classes_per_batch,
            samples_per_class=samples_per_class,
            batches_per_epoch=batches_per_epoch,
        )
        index = ClassIndex.for_targets(labels, Uniform())
        counts = index.class_counts()
        drawn = _drawn_classes(counts, classes_per_batch, samples_per_class, small_classes)
        p, k = int(classes_per_batch), int(samples_per_class)
        passes = Passes(
            partial(PKOrder, index, drawn, p, k, seed=seed),
            partial(full_epoch, int(counts[drawn].sum()), batches_per_epoch),
            batch_size=p * k,
            seed=seed,
            # Turns that classes took go on only with the same P and K.
            marks=marks_of(index, p, k, small_classes),
            whole_batches=True,
        )
        super().__init__(passes, p * k, rank, world_size, yields)


def _drawn_classes(
    counts: NDArray[np.int64],
    classes_per_batch: int,
    samples_per_class: int,
    small_classes: SmallClasses,
) -> NDArray[np.int64]:
    if small_classes not in ("repeat", "leave-out"):
        raise OptionError(f"small_classes: expected 'repeat' or 'leave-out', got {small_classes!r}")
    fewest = samples_per_class if small_classes == "leave-out" else 1
    drawn = np.flatnonzero(counts >= fewest)
    if len(drawn) < classes_per_batch:
        n_small = int(np.count_nonzero(counts)) - len(drawn)
        left_out = f"; {n_small} with fewer than {fewest} samples are left out" if n_small else ""
        raise OptionError(
            f"classes_per_batch: expected at most {len(drawn)}, as many classes as there are to "
            f"draw, got {classes_per_batch}{left_out}. A batch holds no class twice"
        )
    return drawn
