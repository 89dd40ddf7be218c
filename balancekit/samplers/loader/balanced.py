"""Balanced samplers, whose batches hold every class in its share."""

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
from torch.utils.data import Sampler

from balancekit.errors import OptionError
from balancekit.labels import SampleKey, labels_of
from balancekit.plan import Targets, Uniform
from balancekit.samplers.class_index import ClassIndex
from balancekit.samplers.draw_order import DrawOrder

__all__ = ["BalancedBatchSampler"]

BLOCK_DRAWS = 1 << 15
"""Draws computed at once: enough to hide NumPy's overhead, few enough to start at once."""


class BalancedBatchSampler(Sampler[Any]):
    """Batches in which every class has its share: `DataLoader(dataset, batch_sampler=…)`.

    With the default targets and a batch size that the number of classes divides, each
    batch holds each class equally often; otherwise as often as rounding allows, and the
    classes take turns. Each sample of a class is used as often as any other, to within one
    use over the whole training. Classes without samples are left out.

    The order is a function of (seed, epoch, position) alone. Every pass over the sampler
    that runs to its end moves on to the next epoch; `set_epoch` chooses one.

    Args:
        labels: one class a sample: `Labels`, a list, array, tensor or Series, or a data set
            whose labels can be read without loading its samples.
        batch_size: draws a batch, on each rank.
        seed: of the order.
        targets: shares of the classes: `Uniform()`, `Natural()` or `Power(alpha=…)`.
        batches_per_epoch: length of an epoch; as many as the samples fill if not given.
        rank: which part of every batch to yield, in [0, world_size).
        world_size: processes that train together, each with its own rank.
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
        seed: int = 0,
        targets: Targets | None = None,
        batches_per_epoch: int | None = None,
        rank: int = 0,
        world_size: int = 1,
        yields: Literal["indices", "keys"] = "indices",
    ) -> None:
        targets = Uniform() if targets is None else targets
        index = ClassIndex.for_targets(labels_of(labels), targets)
        self.batch_size, self.rank, self.world_size = batch_size, rank, world_size
        self._yields = yields
        _check_options(batch_size, batches_per_epoch, rank, world_size, yields)
        self.order = DrawOrder.for_batches(
            index,
            targets,
            batch_size=batch_size,
            world_size=world_size,
            batches_per_epoch=batches_per_epoch,
            seed=seed,
        )
        self.epoch, self._first_batch, self._n_yielded = 0, 0, 0

    def __len__(self) -> int:
        """Batches that the next pass yields."""
        return self.order.n_batches - self._first_batch

    def __iter__(self) -> Iterator[list[Any]]:
        """Batches of the epoch, from the one that was set, for this rank."""
        epoch, first = self.epoch, self._first_batch
        self._first_batch = 0
        block = max(1, BLOCK_DRAWS // (self.batch_size * self.world_size))
        for start in range(first, self.order.n_batches, block):
            end = min(start + block, self.order.n_batches)
            draws = self.order.draws(epoch, start, end)
            if self._yields == "keys":
                repeats = self.order.repeats(epoch, draws)
            stops = np.cumsum(draws.batch_sizes).tolist()
            for number, (begin, stop) in enumerate(zip([0, *stops], stops, strict=False), start):
                part = slice(begin + self.rank, stop, self.world_size)
                indices = draws.indices[part].tolist()
                self._n_yielded = number + 1
                if self._yields == "keys":
                    of_part = repeats[part].tolist()
                    yield [SampleKey(epoch, *pair) for pair in zip(indices, of_part, strict=True)]
                else:
                    yield indices
        self.epoch, self._n_yielded = epoch + 1, 0

    @property
    def sampler(self) -> "BalancedBatchSampler":
        """Itself: Lightning and accelerate call `batch_sampler.sampler.set_epoch`."""
        return self

    def set_epoch(self, epoch: int, first_batch: int = 0) -> None:
        """Choose the epoch of the next pass, and the batch it starts with.

        Raises:
            OptionError: there is no such epoch or batch.
        """
        if epoch < 0 or not 0 <= first_batch <= self.order.n_batches:
            raise OptionError(
                f"set_epoch: expected epoch ≥ 0 and first_batch in [0, {self.order.n_batches}], "
                f"got {epoch} and {first_batch}"
            )
        self.epoch, self._first_batch, self._n_yielded = epoch, first_batch, first_batch

    def state_dict(self) -> dict[str, int]:
        """Where the pass stands: seed, epoch, and the batches handed out.

        A DataLoader with workers asks for batches ahead of the ones it yields; there,
        resume with `set_epoch(epoch, first_batch)` and your own count of steps.
        """
        return {"seed": self.order.seed, "epoch": self.epoch, "first_batch": self._n_yielded}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on where `state_dict` stood.

        Raises:
            OptionError: the state is of a sampler with another seed.
        """
        if missing := {"seed", "epoch", "first_batch"} - state.keys():
            raise OptionError(f"state: expected one of state_dict(), got none of {missing}")
        if state["seed"] != self.order.seed:
            raise OptionError(
                f"state: expected the seed {self.order.seed} of this sampler, got {state['seed']}"
            )
        self.set_epoch(state["epoch"], state["first_batch"])


def _check_options(
    batch_size: int, batches_per_epoch: int | None, rank: int, world_size: int, yields: str
) -> None:
    problems = []
    if not isinstance(batch_size, int) or batch_size < 1:
        problems.append(f"batch_size: expected an integer ≥ 1, got {batch_size!r}")
    if batches_per_epoch is not None and batches_per_epoch < 1:
        problems.append(f"batches_per_epoch: expected an integer ≥ 1, got {batches_per_epoch}")
    if not 0 <= rank < world_size:
        problems.append(f"rank: expected an integer in [0, {world_size}), got {rank}")
    if yields not in ("indices", "keys"):
        problems.append(f"yields: expected 'indices' or 'keys', got {yields!r}")
    if problems:
        raise OptionError("; ".join(problems))
