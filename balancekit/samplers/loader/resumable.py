"""A DataLoader that knows which batches it has handed out."""

from collections.abc import Iterator
from typing import Any

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

    Raises:
        OptionError: the sampler is none of balancekit's.
    """

    def __init__(self, dataset: Any, **loader_options: Any) -> None:
        super().__init__(dataset, **loader_options)
        given = (loader_options.get("batch_sampler"), loader_options.get("sampler"))
        known = [it for it in given if isinstance(it, EpochSampler | EpochBatchSampler)]
        if not known:
            raise OptionError(
                "batch_sampler, sampler: expected one of balancekit's samplers, which know how to "
                f"resume, got {given[0]!r} and {given[1]!r}"
            )
        self._drawn_by = known[0]
        self._begun: State | None = None
        self._n_given = 0

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]  # any iterator will do
        """Batches of the next epoch, or of the rest of the one that was resumed."""
        # A generator, so that an epoch set between iter() and the first batch still counts.
        self._begun, self._n_given = self._drawn_by.state_dict(), 0
        begun = self._begun
        for batch in super().__iter__():
            if self._begun is begun:
                self._n_given += 1
            yield batch
        if self._begun is begun:
            self._begun = None

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch of the next pass; a pass of this epoch that was resumed goes on."""
        if self._begun is None or self._begun["epoch"] != epoch:
            self._begun = None
        self._drawn_by.set_epoch(epoch)

    def state_dict(self) -> State:
        """Where the loop stands, in plain integers, the same on every rank."""
        if self._begun is None:
            return self._drawn_by.state_dict()
        return {
            **self._begun,
            "position": self._drawn_by.position_after(self._begun, self._n_given),
        }

    def load_state_dict(self, state: State) -> None:
        """Go on where `state_dict` stood, with as many ranks and workers as there are now.

        Raises:
            OptionError: the state is of a sampler of other labels or with another seed.
        """
        self._begun = None
        self._drawn_by.load_state_dict(state)
