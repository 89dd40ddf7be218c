"""A DataLoader that knows which batches it has handed out."""

from collections.abc import Iterator
from typing import Any

import torch
from torch.utils.data import DataLoader

from balancekit.errors import OptionError
from balancekit.samplers.loader.faces import EpochBatchSampler, EpochSampler
from balancekit.samplers.orders.passes import State

__all__ = ["ResumableLoader"]


class ResumableLoader(DataLoader[Any]):
    """A `DataLoader` with `state_dict`, exact at every step, with workers or without.

    Workers load batches ahead of those that the loop has seen, so the sampler alone cannot
    tell where the loop stands. This loader counts what it hands out.

    Args:
        dataset: as `DataLoader` takes it.
        **loader_options: for `DataLoader`; `batch_sampler` or `sampler` is one of balancekit's.
            The workers' seeds come from a generator seeded as torch is, if none is given.

    Raises:
        OptionError: the sampler is none of balancekit's, stands in the place of the other
            kind, or is for batches of another size.
    """

    def __init__(self, dataset: Any, **loader_options: Any) -> None:
        # A DataLoader draws the workers' seeds from the global generator otherwise.
        own = torch.Generator(torch.get_default_device()).manual_seed(torch.initial_seed())
        loader_options.setdefault("generator", own)
        super().__init__(dataset, **loader_options)
        self._drawn_by = _drawn_by(self)
        self._begun: State | None = None
        self._n_given = self._n_chosen = 0

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]  # any iterator will do
        """Batches of the next epoch, or of the rest of the one that was resumed."""
        # A generator, so that an epoch set between iter() and the first batch still counts.
        begun = self._begun = self._drawn_by.state_dict()
        self._n_given, self._n_chosen = 0, self._drawn_by.passes.n_chosen
        for batch in super().__iter__():
            if self._begun is begun:
                self._n_given += 1
            yield batch
        if self._begun is begun:
            self._begun = None

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch of the next pass; a pass of this epoch that was resumed goes on."""
        self._drawn_by.set_epoch(epoch)

    def state_dict(self) -> State:
        """Where the loop stands, in plain integers, the same on every rank."""
        if self._begun is None or self._n_chosen != self._drawn_by.passes.n_chosen:
            return self._drawn_by.state_dict()
        return self._drawn_by.state_after(self._begun, self._n_given)

    def load_state_dict(self, state: State) -> None:
        """Go on where `state_dict` stood, with as many ranks and workers as there are now.

        Raises:
            OptionError: the state is of a sampler of other labels or with another seed.
        """
        self._begun = None
        self._drawn_by.load_state_dict(state)


def _drawn_by(loader: DataLoader[Any]) -> EpochSampler | EpochBatchSampler:
    """The sampler that tells a loader what to draw, if the two fit each other."""
    sampler, batch_sampler = loader.sampler, loader.batch_sampler
    if isinstance(batch_sampler, EpochBatchSampler):
        return batch_sampler
    for name, given, kind, other in (
        ("batch_sampler", batch_sampler, EpochSampler, "sampler"),
        ("sampler", sampler, EpochBatchSampler, "batch_sampler"),
    ):
        if isinstance(given, kind):
            raise OptionError(
                f"{name}: expected a sampler of {'batches' if other == 'sampler' else 'indices'}, "
                f"got a {type(given).__name__}. Give it as {other}=."
            )
    if not isinstance(sampler, EpochSampler):
        raise OptionError(
            "batch_sampler, sampler: expected one of balancekit's samplers, which know how to "
            f"resume, got {type(batch_sampler).__name__} and {type(sampler).__name__}"
        )
    if loader.batch_size != sampler.passes.batch_size:
        raise OptionError(
            f"batch_size: expected {sampler.passes.batch_size}, as the sampler has it, got "
            f"{loader.batch_size}. Its batches would be cut elsewhere than they are balanced."
        )
    return sampler
