"""Two streams side by side: batches of which one half is drawn as data come, one balanced."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from balancekit.errors import DataError
from balancekit.plan import Natural, Targets, Uniform
from balancekit.samplers.class_index import ClassIndex
from balancekit.samplers.loader.faces import (
    EpochBatchSampler,
    Rank,
    WorldSize,
    Yields,
    check_options,
)
from balancekit.samplers.orders.draw_order import DrawOrder
from balancekit.samplers.orders.lengths import EpochLength, full_epoch
from balancekit.samplers.orders.paired_order import PairedOrder
from balancekit.samplers.orders.passes import Passes, marks_of
from balancekit.samplers.permutation import hash_keys

__all__ = ["TwoStreamSampler", "split_streams"]

_SECOND = -25
"""What a key is for, so that no two uses of the seed share one."""


class TwoStreamSampler(EpochBatchSampler):
    """Batches of two streams of draws, first one's, then the other's: `batch_sampler=…`.

    Each half is what `BalancedBatchSampler` deals with these targets: every class in its
    share, samples of a class equally often. `split_streams` parts a batch again.

    For BBN, `first=Natural(), second=Power(alpha=-1)`; for Balanced-MixUp and CMO, the
    targets that are not given: Natural() and Uniform().

    If training goes on with another number of ranks in mid-epoch, batches that they cannot
    share equally at its end are left out.

    Args:
        labels: one class a sample: `Labels`, a list, array, tensor or Series, a data set
            whose labels can be read without loading its samples, or a `ClassIndex`.
        batch_size: draws of each stream in a batch, on each rank; a batch holds twice as many.
        first: shares of the classes in the first half; as they occur if not given.
        second: shares in the second half; every class equally often if not given.
        seed: of both orders.
        batches_per_epoch: length of an epoch; as many as the first half needs to draw as
            often as there are samples if not given.
        rank: which part of every batch to yield, in [0, world_size); "auto" asks
            torch.distributed when a pass starts; "all" yields the parts of all ranks, one
            after another, for a framework that deals batches to the ranks itself.
        world_size: processes that train together; "auto" likewise.
        yields: "indices" for a data set as it is; "keys" yields a `SampleKey` each, for one
            whose samples depend on epoch and repeat, which is even in the first half, odd in
            the second.

    Raises:
        DataError: labels cannot be told, or are all missing, or samples have several.
        OptionError: an argument cannot be.

    Source: Zhou et al. 2020 (arXiv 1912.02413); Galdran et al. 2021 (arXiv 2109.09850); Park
    et al. 2022 (arXiv 2112.00412).

    >>> sampler = TwoStreamSampler(["a"] * 90 + ["b"] * 10, batch_size=10)
    >>> first, second = split_streams(next(iter(sampler)), 10)
    >>> sum(i >= 90 for i in first), sum(i >= 90 for i in second)
    (1, 5)
    """

    def __init__(
        self,
        labels: object,
        batch_size: int,
        *,
        first: Targets | None = None,
        second: Targets | None = None,
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
        first = Natural() if first is None else first
        second = Uniform() if second is None else second
        index = ClassIndex.for_targets(labels, first if isinstance(second, Natural) else second)
        passes = Passes(
            partial(_side_by_side, index, first, second, seed),
            partial(full_epoch, 2 * index.n_samples, batches_per_epoch),
            batch_size=2 * int(batch_size),
            seed=seed,
            marks=marks_of(index, first, second),
            whole_batches=True,
        )
        super().__init__(passes, 2 * int(batch_size), rank, world_size, yields)


def _side_by_side(
    index: ClassIndex,
    first: Targets,
    second: Targets,
    seed: int,
    lengths: tuple[EpochLength, ...],
) -> PairedOrder:
    """The order of both streams, each half as wide as the batches."""
    halves = tuple(it._replace(n_draws=it.n_draws // 2, width=it.width // 2) for it in lengths)
    second_seed = int(hash_keys(seed, _SECOND) >> np.uint64(1))
    return PairedOrder(
        DrawOrder(index, first, halves, seed), DrawOrder(index, second, halves, second_seed)
    )


def split_streams(batch: Any, batch_size: int) -> tuple[Any, Any]:
    """The two halves of a batch of `TwoStreamSampler`, as it was collated.

    Tensors, arrays and lists of one entry a sample are cut in two; other lists, tuples and
    mappings keep their shape, and what is in them is cut.

    Args:
        batch: what the loader yields.
        batch_size: samples of each stream.

    Raises:
        DataError: something in the batch is not of 2 · batch_size samples.
        OptionError: batch_size is no integer ≥ 1.

    >>> split_streams({"x": [[1, 2, 3, 4], [5, 6, 7, 8]]}, 2)
    ({'x': [[1, 2], [5, 6]]}, {'x': [[3, 4], [7, 8]]})
    """
    check_options(seed=0, rank=0, world_size=1, batch_size=batch_size)
    if _is_of(batch, 2 * batch_size):
        return batch[:batch_size], batch[batch_size:]
    if isinstance(batch, Mapping):
        pairs = {key: split_streams(value, batch_size) for key, value in batch.items()}
        halves = ({key: pair[k] for key, pair in pairs.items()} for k in (0, 1))
    elif _is_list(batch) and len(batch):
        pairs_in_order = [split_streams(value, batch_size) for value in batch]
        halves = (_like(batch, [pair[k] for pair in pairs_in_order]) for k in (0, 1))
    else:
        n = _n_entries(batch)
        raise DataError(
            f"batch: expected {2 * batch_size} samples, {batch_size} of each stream, got "
            f"{type(batch).__name__}{'' if n is None else f' of {n}'}"
        )
    first, second = halves
    return first, second


def _n_entries(batch: Any) -> int | None:
    """Entries of a list, tensor or array; None of what is none of them."""
    if isinstance(batch, Mapping | str | bytes) or not hasattr(batch, "__len__"):
        return None
    return None if getattr(batch, "ndim", 1) == 0 else len(batch)


def _is_list(batch: Any) -> bool:
    return isinstance(batch, Sequence) and not isinstance(batch, str | bytes)


def _is_of(batch: Any, n: int) -> bool:
    """Whether a part of a batch has one entry for each of n samples."""
    if _n_entries(batch) != n:
        return False
    # Of two samples, images and targets look like one each; what is in them tells.
    return not (_is_list(batch) and all(_is_of(value, n) for value in batch))


def _like(batch: Any, values: list[Any]) -> Any:
    return type(batch)(*values) if hasattr(batch, "_fields") else type(batch)(values)
